//! Transactions: one moment, validated, all or nothing.

use super::{Case, Opener, standard};
use std::sync::Arc;
use sup_store::key::{self, Tuple};
use sup_store::{
    Durability, Isolation, KeyRange, Namespace, Namespaces, Page, Store, StoreError, StoreLimits, Tenant,
    Transaction,
};

pub const CASES: &[Case] = &[
    (
        "a-transaction-sees-one-moment-and-itself",
        sees_one_moment_and_itself,
    ),
    ("what-is-dropped-is-not-written", what_is_dropped_is_not_written),
    (
        "a-key-that-was-read-and-changed-is-a-conflict",
        a_read_key_that_changed,
    ),
    (
        "a-range-that-was-read-and-grew-is-a-conflict",
        a_read_range_that_grew,
    ),
    ("write-skew-is-refused-and-possible-under-snapshot", write_skew),
    (
        "two-writers-of-a-key-are-a-conflict-under-snapshot",
        two_writers_under_snapshot,
    ),
    ("who-only-reads-never-fails", who_only_reads_never_fails),
    ("a-page-holds-own-writes-in-their-places", a_page_holds_own_writes),
    ("a-transaction-has-limits-and-one-store", limits_and_one_store),
];

const D: Durability = Durability::Wal;

fn namespaces(store: &Arc<dyn Store>) -> Namespaces {
    Namespaces::new(Some(Arc::clone(store)), Tenant::local(), store.limits().clone()).unwrap()
}

fn namespace(store: &Arc<dyn Store>) -> Namespace {
    namespaces(store).open_disk("kv").unwrap()
}

fn begin(kv: &Namespace) -> Transaction {
    Transaction::begin(kv.store(), Isolation::Serializable).unwrap()
}

fn key(text: &str) -> Tuple {
    Tuple::new().string(text)
}

fn value(found: Option<Vec<u8>>) -> String {
    found.map_or_else(|| "-".to_owned(), |bytes| String::from_utf8(bytes).unwrap())
}

fn is_conflict<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> bool {
    outcome.unwrap_err().is_conflict()
}

fn sees_one_moment_and_itself(opener: Opener<'_>) {
    let kv = namespace(&standard(opener));
    kv.set(&key("a"), b"1", D).unwrap();
    let mut one = begin(&kv);
    kv.set(&key("a"), b"2", D).unwrap();
    kv.set(&key("b"), b"2", D).unwrap();
    assert_eq!(value(one.get(&kv, &key("a")).unwrap()), "1");
    assert_eq!(value(one.get(&kv, &key("b")).unwrap()), "-");
    let mut two = begin(&kv);
    two.set(&kv, &key("c"), b"mine").unwrap();
    two.delete(&kv, &key("a")).unwrap();
    assert_eq!(value(two.get(&kv, &key("c")).unwrap()), "mine");
    assert_eq!(value(two.get(&kv, &key("a")).unwrap()), "-");
    assert_eq!(
        value(kv.get(&key("c")).unwrap()),
        "-",
        "nobody else sees it before the commit"
    );
    two.commit(D).unwrap();
    assert_eq!(value(kv.get(&key("c")).unwrap()), "mine");
    assert_eq!(value(kv.get(&key("a")).unwrap()), "-");
}

fn what_is_dropped_is_not_written(opener: Opener<'_>) {
    let kv = namespace(&standard(opener));
    let mut dropped = begin(&kv);
    dropped.set(&kv, &key("a"), b"1").unwrap();
    drop(dropped);
    assert_eq!(kv.get(&key("a")).unwrap(), None);
}

fn a_read_key_that_changed(opener: Opener<'_>) {
    let kv = namespace(&standard(opener));
    for change in ["set", "delete", "absent-key"] {
        kv.set(&key("a"), b"1", D).unwrap();
        kv.delete(&key("x"), D).unwrap();
        let mut one = begin(&kv);
        one.get(&kv, &key("a")).unwrap();
        one.get(&kv, &key("x")).unwrap();
        one.set(&kv, &key("b"), change.as_bytes()).unwrap();
        match change {
            "set" => kv.set(&key("a"), b"1", D).unwrap(),
            "delete" => assert!(kv.delete(&key("a"), D).unwrap()),
            _ => kv.set(&key("x"), b"now", D).unwrap(),
        }
        assert!(is_conflict(one.commit(D)), "{change}");
        assert_eq!(kv.get(&key("b")).unwrap(), None, "{change}: nothing is written");
    }
    let mut other = begin(&kv);
    other.get(&kv, &key("a")).unwrap();
    other.set(&kv, &key("b"), b"yes").unwrap();
    kv.set(&key("unrelated"), b"1", D).unwrap();
    other.commit(D).unwrap();
}

fn a_read_range_that_grew(opener: Opener<'_>) {
    let kv = namespace(&standard(opener));
    for name in ["m1", "m2", "m3"] {
        kv.set(&key(name), b"1", D).unwrap();
    }
    let members = KeyRange::between(key("m").as_bytes(), key("n").as_bytes());
    let count = |transaction: &mut Transaction, limit: usize| {
        let page = transaction.scan(&kv, &members, limit).unwrap();
        page.entries.len()
    };
    let mut phantom = begin(&kv);
    assert_eq!(count(&mut phantom, 100), 3);
    phantom.set(&kv, &key("total"), b"3").unwrap();
    kv.set(&key("m4"), b"1", D).unwrap();
    assert!(is_conflict(phantom.commit(D)));
    let mut first_only = begin(&kv);
    assert_eq!(count(&mut first_only, 2), 2);
    first_only.set(&kv, &key("first"), b"m1").unwrap();
    kv.set(&key("m9"), b"1", D).unwrap();
    first_only
        .commit(D)
        .expect("what lies behind the page was not read");
}

/// Each of two doctors sees the other on call, and goes off.
fn write_skew(opener: Opener<'_>) {
    for (isolation, is_refused) in [(Isolation::Serializable, true), (Isolation::Snapshot, false)] {
        let kv = namespace(&standard(opener));
        kv.set(&key("alice"), b"on", D).unwrap();
        kv.set(&key("bob"), b"on", D).unwrap();
        let mut pair = ["alice", "bob"].map(|_| Transaction::begin(kv.store(), isolation).unwrap());
        for (transaction, name) in pair.iter_mut().zip(["alice", "bob"]) {
            assert_eq!(value(transaction.get(&kv, &key("alice")).unwrap()), "on");
            assert_eq!(value(transaction.get(&kv, &key("bob")).unwrap()), "on");
            transaction.set(&kv, &key(name), b"off").unwrap();
        }
        let [first, second] = pair;
        first.commit(D).unwrap();
        let outcome = second.commit(D);
        assert_eq!(outcome.is_err(), is_refused, "{isolation:?}");
    }
}

fn two_writers_under_snapshot(opener: Opener<'_>) {
    let kv = namespace(&standard(opener));
    let mut one = Transaction::begin(kv.store(), Isolation::Snapshot).unwrap();
    one.set(&kv, &key("a"), b"1").unwrap();
    kv.set(&key("a"), b"2", D).unwrap();
    assert!(is_conflict(one.commit(D)));
}

fn who_only_reads_never_fails(opener: Opener<'_>) {
    let kv = namespace(&standard(opener));
    kv.set(&key("a"), b"1", D).unwrap();
    let mut reader = Transaction::begin(kv.store(), Isolation::ReadOnly).unwrap();
    let refused = reader.set(&kv, &key("a"), b"2").unwrap_err();
    assert_eq!(
        (refused.code(), refused),
        ("store/read-only", StoreError::ReadOnly)
    );
    let mut seen = begin(&kv);
    for transaction in [&mut reader, &mut seen] {
        assert_eq!(value(transaction.get(&kv, &key("a")).unwrap()), "1");
    }
    kv.set(&key("a"), b"3", D).unwrap();
    reader.commit(D).unwrap();
    seen.commit(D)
        .expect("it saw one moment, which is all that it promises");
}

fn shown(page: &Page) -> Vec<String> {
    let text = |bytes: &[u8]| {
        let part = key::parts(bytes).next().unwrap().unwrap();
        part.as_str().unwrap().to_owned()
    };
    page.entries
        .iter()
        .map(|entry| format!("{}={}", text(&entry.key), value(Some(entry.value.clone()))))
        .collect()
}

fn a_page_holds_own_writes(opener: Opener<'_>) {
    let kv = namespace(&standard(opener));
    for name in ["b", "d", "f", "h"] {
        kv.set(&key(name), b"old", D).unwrap();
    }
    let mut one = begin(&kv);
    for (name, new) in [
        ("a", Some("new")),
        ("d", None),
        ("e", Some("new")),
        ("f", Some("new")),
        ("z", Some("new")),
    ] {
        match new {
            Some(new) => one.set(&kv, &key(name), new.as_bytes()).unwrap(),
            None => one.delete(&kv, &key(name)).unwrap(),
        }
    }
    let mut range = KeyRange::all();
    let mut all = Vec::new();
    let mut n_pages = 0;
    loop {
        let page = one.scan(&kv, &range, 2).unwrap();
        assert!(page.entries.len() <= 2);
        all.extend(shown(&page));
        n_pages += 1;
        match page.rest {
            Some(rest) => range = rest,
            None => break,
        }
    }
    assert_eq!(all, ["a=new", "b=old", "e=new", "f=new", "h=old", "z=new"]);
    assert!(n_pages >= 3);
}

fn limits_and_one_store(opener: Opener<'_>) {
    let kv = namespace(&opener(StoreLimits {
        batch_keys: 10,
        ..StoreLimits::standard()
    }));
    let mut one = begin(&kv);
    let grown = (0..20).try_for_each(|n| one.get(&kv, &key(&n.to_string())).map(drop));
    assert_eq!(grown.unwrap_err().code(), "store/too-large");
    let elsewhere = namespaces(kv.store()).open_memory("kv").unwrap();
    let crossed = begin(&kv).get(&elsewhere, &key("a")).unwrap_err();
    assert_eq!(
        (crossed.code(), crossed),
        ("store/other-store", StoreError::OtherStore)
    );
}
