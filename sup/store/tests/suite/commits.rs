//! Committing: conditions, versions, limits, closing, and many writers at once.

use super::{Case, Opener, standard};
use crate::support::{put, quick_put};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use sup_store::{
    Batch, Condition, Durability, Family, KeyRange, Scan, Store, StoreError, StoreLimits, Version,
};

pub const CASES: &[Case] = &[
    ("conditions-hold-or-fail", conditions_hold_or_fail),
    (
        "a-failed-condition-writes-nothing",
        a_failed_condition_writes_nothing,
    ),
    (
        "changes-since-a-version-are-seen",
        changes_since_a_version_are_seen,
    ),
    (
        "a-version-out-of-the-window-is-too-old",
        a_version_out_of_the_window_is_too_old,
    ),
    ("versions-rise-with-every-write", versions_rise_with_every_write),
    (
        "limits-refuse-before-anything-is-written",
        limits_refuse_before_anything_is_written,
    ),
    (
        "done-is-told-once-at-every-durability",
        done_is_told_once_at_every_durability,
    ),
    (
        "a-callback-may-commit-and-may-panic",
        a_callback_may_commit_and_may_panic,
    ),
    (
        "a-closed-store-refuses-everything",
        a_closed_store_refuses_everything,
    ),
    (
        "sixty-four-writers-append-to-one-list",
        sixty_four_writers_append_to_one_list,
    ),
    ("one-of-many-sets-if-absent", one_of_many_sets_if_absent),
    ("readers-never-see-half-a-batch", readers_never_see_half_a_batch),
    ("write-skew-is-refused", write_skew_is_refused),
];

fn key(name: &str) -> Vec<u8> {
    name.as_bytes().to_vec()
}

fn with(condition: Condition) -> Batch {
    let mut batch = put(Family::Data, b"written", b"yes");
    batch.require(condition);
    batch
}

fn equals(name: &str, value: &str) -> Condition {
    Condition::Equals {
        family: Family::Data,
        key: key(name),
        value: key(value),
    }
}

fn absent(name: &str) -> Condition {
    Condition::Absent {
        family: Family::Data,
        key: key(name),
    }
}

fn present(name: &str) -> Condition {
    Condition::Present {
        family: Family::Data,
        key: key(name),
    }
}

fn unchanged(name: &str, since: Version) -> Condition {
    Condition::Unchanged {
        family: Family::Data,
        key: key(name),
        since,
    }
}

fn range_unchanged(start: &str, end: &str, since: Version) -> Condition {
    Condition::RangeUnchanged {
        family: Family::Data,
        range: KeyRange::between(&key(start), &key(end)),
        since,
    }
}

fn delete(name: &str) -> Batch {
    let mut batch = Batch::new();
    batch.delete(Family::Data, key(name));
    batch
}

fn conditions_hold_or_fail(opener: Opener<'_>) {
    let store = standard(opener);
    quick_put(store.as_ref(), b"a", b"1");
    quick_put(store.as_ref(), b"empty", b"");
    let cases = [
        (equals("a", "1"), true),
        (equals("a", "2"), false),
        (equals("a", ""), false),
        (equals("none", ""), false),
        (equals("empty", ""), true),
        (absent("none"), true),
        (absent("a"), false),
        (absent("empty"), false),
        (present("a"), true),
        (present("empty"), true),
        (present("none"), false),
    ];
    for durability in [Durability::Sync, Durability::Wal, Durability::None] {
        for (condition, holds) in &cases {
            let outcome = store.commit(with(condition.clone()), durability);
            assert_eq!(outcome.is_ok(), *holds, "{condition:?} {outcome:?}");
        }
    }
    let mut checked_only = Batch::new();
    checked_only.require(present("a"));
    assert_eq!(
        store.commit(checked_only, Durability::Sync).unwrap().version,
        store.version()
    );
}

fn a_failed_condition_writes_nothing(opener: Opener<'_>) {
    let store = standard(opener);
    quick_put(store.as_ref(), b"a", b"1");
    let before = store.version();
    let mut batch = Batch::new();
    batch.require(present("a"));
    batch.put(Family::Data, b"b", b"2");
    batch.put(Family::Meta, b"b", b"2");
    let failing_idx = batch.require(equals("a", "9"));
    batch.delete(Family::Data, b"a");
    let outcome = store.commit(batch, Durability::Sync);
    assert_eq!(
        outcome,
        Err(StoreError::Conflict {
            condition_idx: failing_idx
        })
    );
    assert_eq!(store.version(), before);
    assert_eq!(store.get(Family::Data, b"a").unwrap().unwrap(), b"1");
    assert_eq!(store.get(Family::Data, b"b").unwrap(), None);
    assert_eq!(store.get(Family::Meta, b"b").unwrap(), None);
}

fn changes_since_a_version_are_seen(opener: Opener<'_>) {
    let store = standard(opener);
    for name in ["a", "c", "e"] {
        quick_put(store.as_ref(), name.as_bytes(), b"1");
    }
    let since = store.version();
    quick_put(store.as_ref(), b"c", b"1");
    store.commit(delete("e"), Durability::Sync).unwrap();
    let now = store.version();
    let cases = [
        (unchanged("a", since), true),
        (unchanged("b", since), true),
        (unchanged("c", since), false),
        (unchanged("e", since), false),
        (unchanged("c", now), true),
        (unchanged("a", Version(now.0 + 1_000)), false),
        (range_unchanged("a", "c", since), true),
        (range_unchanged("a", "d", since), false),
        (range_unchanged("d", "f", since), false),
        (range_unchanged("f", "z", since), true),
        (range_unchanged("f", "a", since), true),
        (range_unchanged("a", "z", Version(now.0 + 1_000)), false),
    ];
    for (condition, holds) in cases {
        let mut checked_only = Batch::new();
        checked_only.require(condition.clone());
        assert_eq!(
            store.commit(checked_only, Durability::Wal).is_ok(),
            holds,
            "{condition:?}"
        );
    }
}

fn a_version_out_of_the_window_is_too_old(opener: Opener<'_>) {
    let store = opener(StoreLimits {
        window_keys: 4,
        ..StoreLimits::standard()
    });
    let since = store.version();
    for number in 0..10_u8 {
        quick_put(store.as_ref(), &[number], b"");
    }
    let outcome = store.commit(with(unchanged("never written", since)), Durability::Wal);
    assert_eq!(outcome, Err(StoreError::TooOld { condition_idx: 0 }));
    assert!(outcome.unwrap_err().is_conflict());
    let recent = store.version();
    store
        .commit(with(unchanged("never written", recent)), Durability::Wal)
        .unwrap();
}

fn versions_rise_with_every_write(opener: Opener<'_>) {
    let store = standard(opener);
    let mut last = store.version();
    for number in 0..50_u8 {
        let mut batch = put(Family::Data, &[number], b"");
        batch.put(Family::Meta, [number], []);
        let durability = [Durability::Sync, Durability::Wal, Durability::None][usize::from(number) % 3];
        let version = store.commit(batch, durability).unwrap().version;
        assert!(version > last);
        assert_eq!(
            (store.version(), store.snapshot().unwrap().version()),
            (version, version)
        );
        last = version;
    }
}

fn limits_refuse_before_anything_is_written(opener: Opener<'_>) {
    let limits = StoreLimits {
        batch_bytes: 1_000,
        batch_keys: 10,
        family_key_bytes: 100,
        ..StoreLimits::standard()
    };
    let store = opener(limits);
    let mut many = Batch::new();
    (0..11_u8).for_each(|number| many.put(Family::Data, [number], []));
    let mut conditions = put(Family::Data, b"k", b"");
    for _ in 0..10 {
        conditions.require(absent("k"));
    }
    let cases = [
        (put(Family::Data, b"k", &[0; 1_000]), "bytes of a batch"),
        (put(Family::Data, &[0; 101], b""), "bytes of a key"),
        (many, "keys of a batch"),
        (conditions, "keys of a batch"),
    ];
    for (batch, expected) in cases {
        match store.commit(batch, Durability::Sync) {
            Err(StoreError::TooLarge { what, size, limit }) => assert!(what == expected && size > limit),
            other => panic!("{expected}: {other:?}"),
        }
    }
    assert_eq!(store.get(Family::Data, b"k").unwrap(), None);
    store
        .commit(put(Family::Data, b"k", &[0; 999]), Durability::Sync)
        .unwrap();
}

fn done_is_told_once_at_every_durability(opener: Opener<'_>) {
    let store = standard(opener);
    let (sender, receiver) = channel();
    for number in 0..99_u8 {
        let sender = sender.clone();
        let durability = [Durability::Sync, Durability::Wal, Durability::None][usize::from(number) % 3];
        let done = Box::new(move |outcome| sender.send((number, outcome)).unwrap());
        store.submit(put(Family::Data, &[number], b"x"), durability, done);
    }
    let too_large = put(Family::Data, &[0; 100_000], b"");
    let last = sender.clone();
    store.submit(
        too_large,
        Durability::Sync,
        Box::new(move |outcome| last.send((255, outcome)).unwrap()),
    );
    drop(sender);
    let mut told: Vec<u8> = Vec::new();
    for (number, outcome) in receiver {
        assert_eq!(outcome.is_ok(), number < 99);
        told.push(number);
    }
    told.sort();
    assert_eq!(told, (0..99).chain([255]).collect::<Vec<u8>>());
    assert_eq!(
        store
            .scan(&Scan::over(Family::Data, KeyRange::all()))
            .unwrap()
            .entries
            .len(),
        99
    );
}

fn a_callback_may_commit_and_may_panic(opener: Opener<'_>) {
    let store = standard(opener);
    let (sender, receiver) = channel();
    let inner = Arc::clone(&store);
    let done = Box::new(move |_| {
        let nested = inner.commit(put(Family::Data, b"nested", b""), Durability::Sync);
        sender.send(nested.is_ok()).unwrap();
        drop(inner);
        std::panic::resume_unwind(Box::new("a callback that panics"));
    });
    // In memory, callbacks run on the caller's thread, and so do their panics.
    let caller = Arc::clone(&store);
    let thread =
        std::thread::spawn(move || caller.submit(put(Family::Data, b"outer", b""), Durability::Sync, done));
    drop(thread.join());
    assert!(receiver.recv().unwrap());
    for number in 0..10 {
        store
            .commit(put(Family::Data, &[number], b""), Durability::Sync)
            .unwrap();
    }
    assert!(store.get(Family::Data, b"nested").unwrap().is_some());
}

fn a_closed_store_refuses_everything(opener: Opener<'_>) {
    let store = standard(opener);
    quick_put(store.as_ref(), b"a", b"1");
    store.close().unwrap();
    store.close().unwrap();
    for durability in [Durability::Sync, Durability::Wal, Durability::None] {
        assert_eq!(
            store.commit(put(Family::Data, b"a", b"2"), durability),
            Err(StoreError::Closed)
        );
        let (sender, receiver) = channel();
        store.submit(
            put(Family::Data, b"a", b"2"),
            durability,
            Box::new(move |outcome| sender.send(outcome).unwrap()),
        );
        assert_eq!(receiver.recv().unwrap(), Err(StoreError::Closed));
    }
    assert_eq!(store.get(Family::Data, b"a"), Err(StoreError::Closed));
    assert_eq!(
        store.scan(&Scan::over(Family::Data, KeyRange::all())),
        Err(StoreError::Closed)
    );
    assert!(matches!(store.snapshot().map(drop), Err(StoreError::Closed)));
    assert_eq!(store.usage(), Err(StoreError::Closed));
}

/// Each writer appends its number by read, extend, write-if-unchanged. Nothing may be lost, and each writer's numbers keep
/// their order: a serializable list.
fn sixty_four_writers_append_to_one_list(opener: Opener<'_>) {
    const N_WRITERS: u8 = 64;
    const N_APPENDS: u8 = 5;
    let store = standard(opener);
    let barrier = Barrier::new(usize::from(N_WRITERS));
    let n_conflicts = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for writer in 0..N_WRITERS {
            let (store, barrier, n_conflicts) = (&store, &barrier, &n_conflicts);
            scope.spawn(move || {
                barrier.wait();
                for number in 0..N_APPENDS {
                    append(store.as_ref(), writer, number, n_conflicts);
                }
            });
        }
    });
    let list = store.get(Family::Data, b"list").unwrap().unwrap();
    assert_eq!(list.len(), usize::from(N_WRITERS) * usize::from(N_APPENDS) * 2);
    for writer in 0..N_WRITERS {
        let of_writer = list
            .chunks(2)
            .filter(|pair| pair[0] == writer)
            .map(|pair| pair[1]);
        assert!(of_writer.eq(0..N_APPENDS));
    }
    eprintln!("{} conflicts", n_conflicts.into_inner());
}

fn append(store: &dyn Store, writer: u8, number: u8, n_conflicts: &AtomicU32) {
    loop {
        let snapshot = store.snapshot().unwrap();
        let mut list = snapshot.get(Family::Data, b"list").unwrap().unwrap_or_default();
        list.extend([writer, number]);
        let mut batch = put(Family::Data, b"list", &list);
        batch.require(unchanged("list", snapshot.version()));
        let durability = if writer.is_multiple_of(4) {
            Durability::Wal
        } else {
            Durability::Sync
        };
        match store.commit(batch, durability) {
            Ok(_) => return,
            Err(error) if error.is_conflict() => n_conflicts.fetch_add(1, Ordering::Relaxed),
            Err(error) => panic!("{error}"),
        };
    }
}

fn one_of_many_sets_if_absent(opener: Opener<'_>) {
    let store = standard(opener);
    let (sender, receiver) = channel();
    for number in 0..200_u8 {
        let mut batch = put(Family::Data, b"taken", &[number]);
        batch.require(absent("taken"));
        let sender = sender.clone();
        let durability = if number % 2 == 0 {
            Durability::Sync
        } else {
            Durability::Wal
        };
        store.submit(
            batch,
            durability,
            Box::new(move |outcome| sender.send((number, outcome)).unwrap()),
        );
    }
    drop(sender);
    let winners: Vec<u8> = receiver
        .into_iter()
        .filter(|(_, outcome)| outcome.is_ok())
        .map(|(number, _)| number)
        .collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(store.get(Family::Data, b"taken").unwrap().unwrap(), winners);
}

fn readers_never_see_half_a_batch(opener: Opener<'_>) {
    let store = standard(opener);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 0..300_u32 {
                let mut batch = Batch::new();
                for family in [Family::Data, Family::Meta, Family::Blob] {
                    batch.put(family, b"pair", number.to_be_bytes());
                }
                let durability = if number % 10 == 0 {
                    Durability::Sync
                } else {
                    Durability::None
                };
                store.commit(batch, durability).unwrap();
            }
        });
        while !writer.is_finished() {
            let snapshot = store.snapshot().unwrap();
            let read = |family| snapshot.get(family, b"pair").unwrap();
            let first = read(Family::Data);
            assert!(first == read(Family::Meta) && first == read(Family::Blob));
        }
    });
}

/// Two accounts may not both be emptied; each withdrawal reads both and writes one.
fn write_skew_is_refused(opener: Opener<'_>) {
    let store = standard(opener);
    quick_put(store.as_ref(), b"acct/a", b"1");
    quick_put(store.as_ref(), b"acct/b", b"1");
    let snapshot = store.snapshot().unwrap();
    let withdraw = |name: &str| {
        let mut batch = put(Family::Data, name.as_bytes(), b"0");
        batch.require(range_unchanged("acct/", "acct0", snapshot.version()));
        store.commit(batch, Durability::Sync)
    };
    withdraw("acct/a").unwrap();
    assert_eq!(withdraw("acct/b"), Err(StoreError::Conflict { condition_idx: 0 }));
}
