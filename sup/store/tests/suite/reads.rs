//! Reading: gets, scans, pages, snapshots.

use super::{Case, Opener, standard};
use crate::support::{put, quick_put};
use sup_store::{Batch, Durability, Family, KeyRange, Page, Read, Scan, Store, StoreLimits};

pub const CASES: &[Case] = &[
    ("what-was-put-is-found", what_was_put_is_found),
    ("the-last-write-in-a-batch-wins", the_last_write_in_a_batch_wins),
    ("families-are-apart", families_are_apart),
    ("any-bytes-are-keys-and-values", any_bytes_are_keys_and_values),
    (
        "a-scan-keeps-to-its-range-and-order",
        a_scan_keeps_to_its_range_and_order,
    ),
    (
        "pages-join-without-gap-or-overlap",
        pages_join_without_gap_or_overlap,
    ),
    ("pages-are-bounded-in-bytes", pages_are_bounded_in_bytes),
    ("a-snapshot-stays-as-it-was", a_snapshot_stays_as_it_was),
    (
        "a-snapshot-outlives-the-store-handle",
        a_snapshot_outlives_the_store_handle,
    ),
    ("snapshots-end-in-any-order", snapshots_end_in_any_order),
    ("usage-grows-with-content", usage_grows_with_content),
];

fn keys(page: &Page) -> Vec<&str> {
    page.entries
        .iter()
        .map(|entry| std::str::from_utf8(&entry.key).unwrap())
        .collect()
}

fn range(start: &str, end: &str) -> KeyRange {
    KeyRange::between(start.as_bytes(), end.as_bytes())
}

fn what_was_put_is_found(opener: Opener<'_>) {
    let store = standard(opener);
    assert_eq!(store.get(Family::Data, b"a").unwrap(), None);
    for durability in [Durability::Sync, Durability::Wal, Durability::None] {
        let value = format!("{durability:?}");
        store
            .commit(put(Family::Data, b"a", value.as_bytes()), durability)
            .unwrap();
        assert_eq!(
            store.get(Family::Data, b"a").unwrap().as_deref(),
            Some(value.as_bytes())
        );
    }
    let mut batch = Batch::new();
    batch.delete(Family::Data, b"a");
    batch.delete(Family::Data, b"never there");
    store.commit(batch, Durability::Sync).unwrap();
    assert_eq!(store.get(Family::Data, b"a").unwrap(), None);
}

fn the_last_write_in_a_batch_wins(opener: Opener<'_>) {
    let store = standard(opener);
    let mut batch = put(Family::Data, b"a", b"1");
    batch.put(Family::Data, b"a", b"2");
    batch.put(Family::Data, b"b", b"1");
    batch.delete(Family::Data, b"b");
    batch.delete(Family::Data, b"c");
    batch.put(Family::Data, b"c", b"3");
    store.commit(batch, Durability::Sync).unwrap();
    let page = store.scan(&Scan::over(Family::Data, KeyRange::all())).unwrap();
    assert_eq!(keys(&page), ["a", "c"]);
    assert_eq!(
        (&page.entries[0].value[..], &page.entries[1].value[..]),
        (&b"2"[..], &b"3"[..])
    );
}

fn families_are_apart(opener: Opener<'_>) {
    let store = standard(opener);
    let mut batch = Batch::new();
    for family in Family::ALL {
        batch.put(family, b"same key", family.name());
    }
    store.commit(batch, Durability::Sync).unwrap();
    for family in Family::ALL {
        assert_eq!(
            store.get(family, b"same key").unwrap().unwrap(),
            family.name().as_bytes()
        );
        let page = store
            .scan(&Scan::over(family, KeyRange::prefix(b"same")))
            .unwrap();
        assert_eq!(page.entries.len(), 1);
    }
}

fn any_bytes_are_keys_and_values(opener: Opener<'_>) {
    let store = standard(opener);
    let cases: [(&[u8], &[u8]); 5] = [
        (b"", b"empty key"),
        (b"\0", b""),
        (b"\0\0", b"\0"),
        (b"\xff\xff", b"\xff"),
        (b"a", &[7; 100_000]),
    ];
    for (key, value) in cases {
        store
            .commit(put(Family::Data, key, value), Durability::Wal)
            .unwrap();
    }
    for (key, value) in cases {
        assert_eq!(store.get(Family::Data, key).unwrap().unwrap(), value);
    }
    let page = store.scan(&Scan::over(Family::Data, KeyRange::all())).unwrap();
    let found: Vec<&[u8]> = page.entries.iter().map(|entry| entry.key.as_slice()).collect();
    assert_eq!(found, [&b""[..], b"\0", b"\0\0", b"a", b"\xff\xff"]);
}

fn a_scan_keeps_to_its_range_and_order(opener: Opener<'_>) {
    let store = standard(opener);
    for key in ["a", "aa", "ab", "b", "c"] {
        quick_put(store.as_ref(), key.as_bytes(), b"");
    }
    let cases: [(KeyRange, &[&str]); 7] = [
        (KeyRange::all(), &["a", "aa", "ab", "b", "c"]),
        (range("a", "b"), &["a", "aa", "ab"]),
        (KeyRange::prefix(b"a"), &["a", "aa", "ab"]),
        (KeyRange::prefix(b"ab"), &["ab"]),
        (range("b", "b"), &[]),
        (range("c", "a"), &[]),
        (
            KeyRange {
                start: b"b".to_vec(),
                end: None,
            },
            &["b", "c"],
        ),
    ];
    for (range, expected) in cases {
        let forward = store.scan(&Scan::over(Family::Data, range.clone())).unwrap();
        assert_eq!(
            (keys(&forward).as_slice(), &forward.rest),
            (expected, &None),
            "{range:?}"
        );
        let mut backward = store
            .scan(&Scan::over(Family::Data, range.clone()).backward())
            .unwrap();
        assert_eq!(backward.rest, None);
        backward.entries.reverse();
        assert_eq!(keys(&backward), expected, "{range:?}");
    }
}

fn pages_join_without_gap_or_overlap(opener: Opener<'_>) {
    let store = standard(opener);
    let mut batch = Batch::new();
    let all: Vec<String> = (0..25).map(|number| format!("{number:02}")).collect();
    all.iter()
        .for_each(|key| batch.put(Family::Data, key.as_bytes(), b"x"));
    store.commit(batch, Durability::Wal).unwrap();
    for max_entries in [1, 2, 7, 24, 25, 26] {
        for scan in [
            Scan::over(Family::Data, range("03", "21")),
            Scan::over(Family::Data, range("03", "21")).backward(),
        ] {
            let mut scan = scan.limit(max_entries);
            let mut joined = Vec::new();
            loop {
                let page = store.scan(&scan).unwrap();
                assert!(page.entries.len() <= max_entries);
                joined.extend(
                    page.entries
                        .into_iter()
                        .map(|entry| String::from_utf8(entry.key).unwrap()),
                );
                let Some(rest) = page.rest else { break };
                scan.range = rest;
            }
            joined.sort();
            assert_eq!(joined, all[3..21], "{max_entries}");
        }
    }
}

fn pages_are_bounded_in_bytes(opener: Opener<'_>) {
    let store = opener(StoreLimits {
        page_bytes: 1_000,
        page_entries: 50,
        ..StoreLimits::standard()
    });
    let mut batch = Batch::new();
    for number in 0..100_u8 {
        batch.put(Family::Data, [0, number], [0; 98]);
        batch.put(Family::Meta, [number], []);
    }
    batch.put(Family::Blob, b"large", vec![0; 5_000]);
    batch.put(Family::Blob, b"small", b"");
    store.commit(batch, Durability::Wal).unwrap();
    let page = store.scan(&Scan::over(Family::Data, KeyRange::all())).unwrap();
    assert_eq!((page.entries.len(), page.rest.is_some()), (10, true));
    let page = store.scan(&Scan::over(Family::Meta, KeyRange::all())).unwrap();
    assert_eq!((page.entries.len(), page.rest.is_some()), (50, true));
    let page = store.scan(&Scan::over(Family::Blob, KeyRange::all())).unwrap();
    assert_eq!((page.entries.len(), page.rest.is_some()), (1, true));
}

fn a_snapshot_stays_as_it_was(opener: Opener<'_>) {
    let store = standard(opener);
    for key in [b"a", b"b", b"c"] {
        quick_put(store.as_ref(), key, b"old");
    }
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.version(), store.version());
    let mut batch = put(Family::Data, b"a", b"new");
    batch.delete(Family::Data, b"b");
    batch.put(Family::Data, b"d", b"new");
    let commit = store.commit(batch, Durability::Wal).unwrap();
    assert!(commit.version > snapshot.version());
    for (key, then, now) in [
        (b"a", Some("old"), Some("new")),
        (b"b", Some("old"), None),
        (b"c", Some("old"), Some("old")),
        (b"d", None, Some("new")),
    ] {
        let text = |read: &dyn Read| {
            read.get(Family::Data, key)
                .unwrap()
                .map(|value| String::from_utf8(value).unwrap())
        };
        assert_eq!(text(snapshot.as_ref()).as_deref(), then);
        assert_eq!(text(&*store).as_deref(), now);
    }
    let scan = Scan::over(Family::Data, KeyRange::all());
    assert_eq!(keys(&snapshot.scan(&scan).unwrap()), ["a", "b", "c"]);
    assert_eq!(
        keys(&snapshot.scan(&scan.clone().backward()).unwrap()),
        ["c", "b", "a"]
    );
    assert_eq!(keys(&store.scan(&scan).unwrap()), ["a", "c", "d"]);
}

fn a_snapshot_outlives_the_store_handle(opener: Opener<'_>) {
    let store = standard(opener);
    quick_put(store.as_ref(), b"a", b"1");
    let snapshot = store.snapshot().unwrap();
    store.close().unwrap();
    drop(store);
    assert_eq!(snapshot.get(Family::Data, b"a").unwrap().unwrap(), b"1");
    std::thread::spawn(move || drop(snapshot)).join().unwrap();
}

fn snapshots_end_in_any_order(opener: Opener<'_>) {
    let store = standard(opener);
    let mut snapshots = Vec::new();
    for number in 0..20_u8 {
        quick_put(store.as_ref(), b"hot", &[number]);
        if number % 3 == 0 {
            let mut batch = Batch::new();
            batch.delete(Family::Data, b"hot");
            store.commit(batch, Durability::Wal).unwrap();
            quick_put(store.as_ref(), b"hot", &[number]);
        }
        snapshots.push((number, store.snapshot().unwrap()));
    }
    for end_idx in [10, 0, 17, 5, 5, 0, 12, 0, 3] {
        drop(snapshots.remove(end_idx));
        for (number, snapshot) in &snapshots {
            assert_eq!(snapshot.get(Family::Data, b"hot").unwrap().unwrap(), [*number]);
        }
    }
    drop(snapshots);
    assert_eq!(store.get(Family::Data, b"hot").unwrap().unwrap(), [19]);
}

fn usage_grows_with_content(opener: Opener<'_>) {
    let store = standard(opener);
    let n_data = |store: &dyn Store| store.usage().unwrap().families[Family::Data.index()];
    let before = n_data(store.as_ref());
    for number in 0..100_u8 {
        quick_put(store.as_ref(), &[number], &[number; 1_000]);
    }
    let after = n_data(store.as_ref());
    assert_eq!(after.family, Family::Data);
    assert!(
        after.n_entries >= 100 && after.n_bytes >= before.n_bytes + 100_000,
        "{after:?}"
    );
    assert!(store.usage().unwrap().memory_bytes >= 100_000);
}
