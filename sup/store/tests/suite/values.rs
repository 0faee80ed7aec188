//! Namespaces: values of programs, in memory and on disk.

use super::{Case, Opener, standard};
use crate::support::Scratch;
use std::cell::Cell;
use std::sync::Arc;
use sup_store::key::{Part, Tuple, parse};
use sup_store::{
    Batch, Condition, Direction, Durability, Expected, Family, KeyRange, Namespace, Namespaces, Store,
    StoreLimits, Tenant, verify,
};

pub const CASES: &[Case] = &[
    ("values-are-set-got-and-deleted", values_are_set_got_and_deleted),
    ("only-the-first-sets-if-absent", only_the_first_sets_if_absent),
    ("a-swap-compares-bytes-or-asks", a_swap_compares_bytes_or_asks),
    (
        "a-swap-that-lost-a-race-asks-again",
        a_swap_that_lost_a_race_asks_again,
    ),
    ("many-threads-count-by-swapping", many_threads_count_by_swapping),
    ("a-namespace-scans-only-itself", a_namespace_scans_only_itself),
    ("a-batch-spans-namespaces", a_batch_spans_namespaces),
    ("namespaces-have-limits", namespaces_have_limits),
    (
        "memory-and-disk-are-beside-each-other",
        memory_and_disk_are_beside_each_other,
    ),
];

const D: Durability = Durability::Wal;

fn namespaces(store: &Arc<dyn Store>) -> Namespaces {
    Namespaces::new(Some(Arc::clone(store)), Tenant::local(), store.limits().clone()).unwrap()
}

fn namespace(store: &Arc<dyn Store>) -> Namespace {
    namespaces(store).open_disk("kv").unwrap()
}

fn key(text: &str) -> Tuple {
    Tuple::new().string(text)
}

fn values_are_set_got_and_deleted(opener: Opener<'_>) {
    let kv = namespace(&standard(opener));
    assert_eq!(kv.get(&key("x")).unwrap(), None);
    kv.set(&key("x"), b"42", Durability::Sync).unwrap();
    kv.set(&Tuple::new().int(7).real(-0.5), b"", Durability::None)
        .unwrap();
    assert_eq!(kv.get(&key("x")).unwrap().unwrap(), b"42");
    assert_eq!(kv.get(&Tuple::new().int(7).real(-0.5)).unwrap().unwrap(), b"");
    assert_eq!(kv.get(&Tuple::new().int(7).real(0.5)).unwrap(), None);
    assert!(kv.delete(&key("x"), D).unwrap());
    assert!(!kv.delete(&key("x"), D).unwrap());
    assert_eq!(kv.get(&key("x")).unwrap(), None);
    assert!(verify(kv.store().as_ref()).unwrap().is_clean());
}

fn only_the_first_sets_if_absent(opener: Opener<'_>) {
    let kv = namespace(&standard(opener));
    assert!(kv.set_if_absent(&key("x"), b"1", Durability::Sync).unwrap());
    assert!(!kv.set_if_absent(&key("x"), b"2", Durability::Sync).unwrap());
    assert_eq!(kv.get(&key("x")).unwrap().unwrap(), b"1");
}

fn a_swap_compares_bytes_or_asks(opener: Opener<'_>) {
    let kv = namespace(&standard(opener));
    let case_ignored =
        |wanted: &'static str| move |found: &[u8]| found.eq_ignore_ascii_case(wanted.as_bytes());
    assert!(
        !kv.compare_and_swap(&key("x"), Expected::Bytes(b""), b"1", D)
            .unwrap()
    );
    assert!(
        !kv.compare_and_swap(&key("x"), Expected::Equal(&|_| true), b"1", D)
            .unwrap()
    );
    kv.set(&key("x"), b"Ab", D).unwrap();
    let cases: [(Expected<'_>, bool); 4] = [
        (Expected::Bytes(b"ab"), false),
        (Expected::Bytes(b"Ab"), true),
        (Expected::Equal(&case_ignored("ac")), false),
        (Expected::Equal(&case_ignored("AB")), true),
    ];
    for (expected, is_swapped) in cases {
        kv.set(&key("x"), b"Ab", D).unwrap();
        assert_eq!(
            kv.compare_and_swap(&key("x"), expected, b"new", D).unwrap(),
            is_swapped
        );
        let left: &[u8] = if is_swapped { b"new" } else { b"Ab" };
        assert_eq!(kv.get(&key("x")).unwrap().unwrap(), left);
    }
}

fn a_swap_that_lost_a_race_asks_again(opener: Opener<'_>) {
    let kv = namespace(&standard(opener));
    kv.set(&key("x"), b"0", D).unwrap();
    let n_asked = Cell::new(0);
    let rival = kv.clone();
    let is_equal = |found: &[u8]| {
        n_asked.set(n_asked.get() + 1);
        if n_asked.get() < 3 {
            rival
                .set(&key("x"), n_asked.get().to_string().as_bytes(), D)
                .unwrap();
        }
        found != b"never"
    };
    assert!(
        kv.compare_and_swap(&key("x"), Expected::Equal(&is_equal), b"done", D)
            .unwrap()
    );
    assert_eq!(
        (n_asked.get(), kv.get(&key("x")).unwrap().unwrap()),
        (3, b"done".to_vec())
    );
}

fn many_threads_count_by_swapping(opener: Opener<'_>) {
    let kv = namespace(&standard(opener));
    kv.set(&key("n"), b"0", D).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let kv = &kv;
            scope.spawn(move || {
                let durability = if thread % 2 == 0 {
                    Durability::Wal
                } else {
                    Durability::Sync
                };
                for _ in 0..25 {
                    loop {
                        let found = kv.get(&key("n")).unwrap().unwrap();
                        let number: u32 = std::str::from_utf8(&found).unwrap().parse().unwrap();
                        let next = (number + 1).to_string();
                        if kv
                            .compare_and_swap(&key("n"), Expected::Bytes(&found), next.as_bytes(), durability)
                            .unwrap()
                        {
                            break;
                        }
                    }
                }
            });
        }
    });
    assert_eq!(kv.get(&key("n")).unwrap().unwrap(), b"200");
}

fn a_namespace_scans_only_itself(opener: Opener<'_>) {
    let store = standard(opener);
    let namespaces = namespaces(&store);
    for name in ["a", "k", "kv", "kw", "z"] {
        let kv = namespaces.open_disk(name).unwrap();
        for number in [-5, 0, 3, 1_000] {
            kv.set(&key("n").int(number), name.as_bytes(), D).unwrap();
        }
        kv.set(&key("o"), name.as_bytes(), D).unwrap();
    }
    let kv = namespaces.get("kv").unwrap();
    for max_entries in [1, 2, 100] {
        for direction in [Direction::Forward, Direction::Backward] {
            let mut numbers = Vec::new();
            let mut range = Some(key("n").children());
            while let Some(rest) = range {
                let page = kv.scan(&rest, direction, max_entries).unwrap();
                for entry in &page.entries {
                    assert_eq!(entry.value, b"kv");
                    match parse(&entry.key).unwrap().as_slice() {
                        [Part::String(_), Part::Int(number)] => numbers.push(*number),
                        other => panic!("{other:?}"),
                    }
                }
                range = page.rest;
            }
            if direction == Direction::Backward {
                numbers.reverse();
            }
            assert_eq!(numbers, [-5, 0, 3, 1_000]);
        }
    }
    let mut n_all = 0;
    let mut range = Some(KeyRange::all());
    while let Some(rest) = range {
        let page = kv.scan(&rest, Direction::Backward, 2).unwrap();
        n_all += page.entries.len();
        range = page.rest;
    }
    assert_eq!(n_all, 5);
    let snapshot = store.snapshot().unwrap();
    kv.set(&key("p"), b"kv", D).unwrap();
    assert_eq!(
        kv.scan_from(snapshot.as_ref(), &KeyRange::all(), Direction::Forward, 100)
            .unwrap()
            .entries
            .len(),
        5
    );
    assert_eq!(kv.get_from(snapshot.as_ref(), &key("p")).unwrap(), None);
}

fn a_batch_spans_namespaces(opener: Opener<'_>) {
    let store = standard(opener);
    let namespaces = namespaces(&store);
    let (from, to) = (
        namespaces.open_disk("from").unwrap(),
        namespaces.open_disk("to").unwrap(),
    );
    from.set(&key("coin"), b"1", D).unwrap();
    let snapshot = store.snapshot().unwrap();
    let move_coin = || {
        let mut batch = Batch::new();
        let key_read = from.full_key(&key("coin")).unwrap();
        batch.require(Condition::Unchanged {
            family: Family::Data,
            key: key_read,
            since: snapshot.version(),
        });
        let range = to.full_range(&KeyRange::all());
        batch.require(Condition::RangeUnchanged {
            family: Family::Data,
            range,
            since: snapshot.version(),
        });
        from.stage_delete(&mut batch, &key("coin")).unwrap();
        to.stage_set(&mut batch, &key("coin"), b"1").unwrap();
        store.commit(batch, Durability::Sync)
    };
    move_coin().unwrap();
    assert!(move_coin().unwrap_err().is_conflict());
    assert_eq!(
        (from.get(&key("coin")).unwrap(), to.get(&key("coin")).unwrap()),
        (None, Some(b"1".to_vec()))
    );
}

fn namespaces_have_limits(opener: Opener<'_>) {
    let store = opener(StoreLimits {
        namespaces: 3,
        ..StoreLimits::standard()
    });
    let namespaces = namespaces(&store);
    for name in ["", "a:b", "a\n", &"n".repeat(513)] {
        assert_eq!(
            namespaces.open_disk(name).map(drop).unwrap_err().code(),
            "store/name",
            "{name:?}"
        );
    }
    let kv = namespaces.open_disk("kv").unwrap();
    let longest_key = key(&"k".repeat(4_096 - 2));
    let too_long_key = key(&"k".repeat(4_096 - 1));
    kv.set(&longest_key, &vec![0; 1 << 20], D).unwrap();
    assert_eq!(kv.get(&longest_key).unwrap().unwrap().len(), 1 << 20);
    for outcome in [
        kv.set(&too_long_key, b"", D),
        kv.set(&key("x"), &vec![0; (1 << 20) + 1], D),
        kv.get(&too_long_key).map(drop),
        kv.delete(&too_long_key, D).map(drop),
        kv.set_if_absent(&key("x"), &vec![0; (1 << 20) + 1], D).map(drop),
    ] {
        assert_eq!(outcome.unwrap_err().code(), "store/too-large");
    }
    namespaces.open_memory("2").unwrap();
    namespaces.open_memory("3").unwrap();
    assert_eq!(
        namespaces.open_memory("4").map(drop).unwrap_err().code(),
        "store/too-large"
    );
    namespaces.open_memory("2").unwrap();
}

fn memory_and_disk_are_beside_each_other(opener: Opener<'_>) {
    let store = standard(opener);
    let namespaces = namespaces(&store);
    let memory = namespaces.open_memory("mem").unwrap();
    memory.set(&key("x"), b"1", Durability::Sync).unwrap();
    // A name that is open keeps what it has, whichever way it is asked for.
    assert_eq!(
        namespaces
            .open_disk("mem")
            .unwrap()
            .get(&key("x"))
            .unwrap()
            .unwrap(),
        b"1"
    );
    assert_eq!(
        namespaces.get("mem").unwrap().get(&key("x")).unwrap().unwrap(),
        b"1"
    );
    assert!(namespaces.get("none").is_none());
    assert!(!Arc::ptr_eq(memory.store(), &store));
    let none = Namespaces::new(None, Tenant::local(), StoreLimits::standard()).unwrap();
    assert_eq!(
        none.open_disk("kv").map(drop).unwrap_err().code(),
        "store/missing"
    );
    let scratch = Scratch::new();
    let path = scratch.store_path();
    let first = none.open_disk_at("a", &path).unwrap();
    let second = none.open_disk_at("b", &path.join("../store")).unwrap();
    assert!(Arc::ptr_eq(first.store(), second.store()));
    first.set(&key("x"), b"kept", Durability::Sync).unwrap();
    assert_eq!(second.get(&key("x")).unwrap(), None);
    none.close().unwrap();
    assert_eq!(first.get(&key("x")).unwrap_err().code(), "store/closed");
    drop((first, second, none));
    let again = Namespaces::new(None, Tenant::local(), StoreLimits::standard()).unwrap();
    assert_eq!(
        again
            .open_disk_at("a", &path)
            .unwrap()
            .get(&key("x"))
            .unwrap()
            .unwrap(),
        b"kept"
    );
}
