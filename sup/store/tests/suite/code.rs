//! Code under names: history, blobs, one batch per change, and what verification finds.

use super::{Case, Opener, standard};
use crate::support::put;
use std::sync::Arc;
use sup_store::key::Tuple;
use sup_store::{
    Batch, Change, Code, CodeVersion, Durability, Family, Hash, KeyRange, Names, Read, Scan, Stamp, Store,
    StoreError, StoreLimits, Tenant, VerifyReport, verify,
};

pub const CASES: &[Case] = &[
    ("code-comes-back-with-its-text", code_comes_back_with_its_text),
    ("a-name-remembers-its-history", a_name_remembers_its_history),
    ("a-change-is-one-version", a_change_is_one_version),
    (
        "putting-the-same-changes-nothing",
        putting_the_same_changes_nothing,
    ),
    ("names-are-listed-by-prefix", names_are_listed_by_prefix),
    ("tenants-do-not-see-each-other", tenants_do_not_see_each_other),
    ("bad-names-are-refused", bad_names_are_refused),
    (
        "changes-from-many-threads-are-counted",
        changes_from_many_threads_are_counted,
    ),
    (
        "a-snapshot-sees-the-code-of-its-moment",
        a_snapshot_sees_the_code_of_its_moment,
    ),
    ("a-corrupted-blob-is-found", a_corrupted_blob_is_found),
    (
        "verification-finds-each-planted-fault",
        verification_finds_each_planted_fault,
    ),
    (
        "verification-counts-what-it-does-not-list",
        verification_counts_what_it_does_not_list,
    ),
];

fn names(store: &Arc<dyn Store>) -> Names {
    Names::new(Arc::clone(store), Tenant::local())
}

fn at(time_us: i64) -> Stamp {
    Stamp {
        time_us,
        durability: Durability::Sync,
    }
}

fn assert_clean(store: &dyn Store) {
    let report = verify(store).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

fn code_comes_back_with_its_text(opener: Opener<'_>) {
    let store = standard(opener);
    let names = names(&store);
    let source = "; sums\n(fn (xs) [(reduce + 0 xs)])\n\tä\r\n";
    let hash = names.put_code("util/sum", source, &[0, 255, 7], at(-3)).unwrap();
    let found = names.get_code("util/sum").unwrap().unwrap();
    let code = Code {
        source: source.to_owned(),
        encoded: vec![0, 255, 7],
    };
    assert_eq!(
        (found.hash, found.version, found.time_us, &found.code),
        (hash, CodeVersion(1), -3, &code)
    );
    assert_eq!(names.code(&hash).unwrap(), code);
    assert_eq!(names.get_code("util/sun").unwrap(), None);
    assert_eq!(
        store
            .get(Family::Blob, hash.as_bytes())
            .unwrap()
            .map(|blob| Hash::of(&blob)),
        Some(hash)
    );
    assert_clean(store.as_ref());
}

fn a_name_remembers_its_history(opener: Opener<'_>) {
    let store = standard(opener);
    let names = names(&store);
    assert_eq!(
        (names.version().unwrap(), names.log("a", 10).unwrap()),
        (CodeVersion(0), vec![])
    );
    let first = names.put_code("a", "1", b"1", at(10)).unwrap();
    names.put_code("other", "x", b"x", at(20)).unwrap();
    let second = names.put_code("a", "2", b"2", at(30)).unwrap();
    assert!(names.remove("a", at(40)).unwrap());
    assert!(!names.remove("a", at(50)).unwrap());
    let third = names.put_code("a", "1", b"1", at(60)).unwrap();
    assert_eq!(first, third);
    let log = names.log("a", 10).unwrap();
    let told: Vec<_> = log
        .iter()
        .map(|entry| {
            (
                entry.version.0,
                entry.time_us,
                entry.written.map(|(hash, _)| hash),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (5, 60, Some(first)),
            (4, 40, None),
            (3, 30, Some(second)),
            (1, 10, Some(first))
        ]
    );
    assert_eq!(names.log("a", 2).unwrap(), log[..2]);
    let source_at = |version| {
        names
            .get_code_at("a", CodeVersion(version))
            .unwrap()
            .map(|found| found.code.source)
    };
    let then: Vec<Option<String>> = (0..=5).map(source_at).collect();
    let then: Vec<Option<&str>> = then.iter().map(Option::as_deref).collect();
    assert_eq!(then, [None, Some("1"), Some("1"), Some("2"), None, Some("1")]);
    for number in [6, u64::MAX] {
        let missing = names.get_code_at("a", CodeVersion(number)).unwrap_err();
        assert_eq!(missing.code(), "release/unknown");
    }
    let changes = names.releases(3).unwrap();
    let told: Vec<_> = changes
        .iter()
        .map(|change| (change.version.0, change.written.len(), change.removed.len()))
        .collect();
    assert_eq!(told, [(5, 1, 0), (4, 0, 1), (3, 1, 0)]);
    assert_clean(store.as_ref());
}

fn a_change_is_one_version(opener: Opener<'_>) {
    let store = standard(opener);
    let names = names(&store);
    names.put_code("gone", "g", b"g", at(1)).unwrap();
    let before = store.version();
    let changes = [
        Change::Put {
            name: "a",
            source: "1",
            encoded: b"1",
        },
        Change::Remove { name: "gone" },
        Change::Remove { name: "never" },
        Change::Put {
            name: "b",
            source: "2",
            encoded: b"2",
        },
    ];
    let report = names.change(&changes, at(2)).unwrap();
    assert_eq!(
        (report.version, report.effective.as_slice()),
        (CodeVersion(2), &[0, 1, 3][..])
    );
    assert_eq!(
        report.hashes.iter().map(Option::is_some).collect::<Vec<_>>(),
        [true, false, false, true]
    );
    assert!(store.version() > before);
    let change = names.releases(1).unwrap().remove(0);
    assert_eq!(
        (change.written, change.removed),
        (vec!["a".to_owned(), "b".to_owned()], vec!["gone".to_owned()])
    );
    assert_eq!(
        names
            .list("", 10)
            .unwrap()
            .iter()
            .map(|listed| listed.version.0)
            .collect::<Vec<_>>(),
        [2, 2]
    );
    assert_clean(store.as_ref());
}

fn putting_the_same_changes_nothing(opener: Opener<'_>) {
    let store = standard(opener);
    let names = names(&store);
    let hash = names.put_code("a", "1", b"1", at(1)).unwrap();
    let report = names
        .change(
            &[Change::Put {
                name: "a",
                source: "1",
                encoded: b"1",
            }],
            at(2),
        )
        .unwrap();
    assert_eq!(
        (report.version, report.hashes, report.effective),
        (CodeVersion(1), vec![Some(hash)], vec![])
    );
    assert_eq!(names.log("a", 10).unwrap().len(), 1);
    // It mends a blob that is damaged.
    store
        .commit(put(Family::Blob, hash.as_bytes(), b"rot"), Durability::Sync)
        .unwrap();
    names.put_code("a", "1", b"1", at(3)).unwrap();
    assert_eq!(names.get_code("a").unwrap().unwrap().code.source, "1");
    assert_clean(store.as_ref());
}

fn names_are_listed_by_prefix(opener: Opener<'_>) {
    let store = opener(StoreLimits {
        page_entries: 3,
        ..StoreLimits::standard()
    });
    let names = names(&store);
    let all = ["a", "util", "util/max", "util/min", "util/sum", "utility", "z"];
    for (time_us, name) in all.iter().rev().enumerate() {
        names
            .put_code(name, name, name.as_bytes(), at(time_us as i64))
            .unwrap();
    }
    let cases: [(&str, &[&str]); 5] = [
        ("", &all),
        ("util", &all[1..6]),
        ("util/", &all[2..5]),
        ("util/sum", &all[4..5]),
        ("none", &[]),
    ];
    for (prefix, expected) in cases {
        let listed = names.list(prefix, 100).unwrap();
        assert_eq!(
            listed
                .iter()
                .map(|listed| listed.name.as_str())
                .collect::<Vec<_>>(),
            expected,
            "{prefix}"
        );
    }
    let listed = names.list("", 5).unwrap();
    assert_eq!(listed.len(), 5);
    assert_eq!((listed[0].time_us, listed[0].n_bytes), (6, 10 + 1 + 1));
}

fn tenants_do_not_see_each_other(opener: Opener<'_>) {
    let store = standard(opener);
    let ada = Names::new(Arc::clone(&store), Tenant::new("ada").unwrap());
    let bob = Names::new(Arc::clone(&store), Tenant::new("bob").unwrap());
    ada.put_code("a", "1", b"", at(1)).unwrap();
    bob.put_code("b", "1", b"", at(1)).unwrap();
    assert_eq!(
        (ada.version().unwrap(), bob.version().unwrap()),
        (CodeVersion(1), CodeVersion(1))
    );
    assert_eq!(
        (ada.list("", 9).unwrap().len(), bob.get_code("a").unwrap()),
        (1, None)
    );
    // A tenant is one range of keys.
    let of_ada = Tenant::new("ada").unwrap().tuple().children();
    assert_eq!(
        store
            .scan(&Scan::over(Family::Meta, of_ada))
            .unwrap()
            .entries
            .len(),
        // The release, its log entry, the counter, the channel and its move.
        5
    );
    assert_clean(store.as_ref());
}

fn bad_names_are_refused(opener: Opener<'_>) {
    let store = standard(opener);
    let names = names(&store);
    for name in ["", "/", "a//b", "../a", "a b", "a@2", "x\u{7}", &"n".repeat(513)] {
        assert_eq!(
            names.put_code(name, "", b"", at(0)).unwrap_err().code(),
            "store/name",
            "{name:?}"
        );
        assert_eq!(names.remove(name, at(0)).unwrap_err().code(), "store/name");
        assert_eq!(names.get_code(name).unwrap(), None);
    }
    let twice = [
        Change::Remove { name: "a" },
        Change::Put {
            name: "a",
            source: "",
            encoded: b"",
        },
    ];
    assert_eq!(names.change(&twice, at(0)).unwrap_err().code(), "store/name");
    let huge = "x".repeat(20 << 20);
    assert_eq!(
        names.put_code("a", &huge, b"", at(0)).unwrap_err().code(),
        "store/too-large"
    );
    assert_eq!(names.version().unwrap(), CodeVersion(0));
    names.put_code(&"n".repeat(512), "", b"", at(0)).unwrap();
}

fn changes_from_many_threads_are_counted(opener: Opener<'_>) {
    let store = standard(opener);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let names = names(&store);
            scope.spawn(move || {
                for number in 0..10 {
                    names
                        .put_code(&format!("n/{thread}"), &number.to_string(), b"", at(number))
                        .unwrap();
                }
            });
        }
    });
    let names = names(&store);
    assert_eq!(names.version().unwrap(), CodeVersion(80));
    let versions: Vec<u64> = names
        .releases(1_000)
        .unwrap()
        .iter()
        .map(|change| change.version.0)
        .collect();
    assert!(versions.into_iter().eq((1..=80).rev()));
    assert_clean(store.as_ref());
}

fn a_snapshot_sees_the_code_of_its_moment(opener: Opener<'_>) {
    let store = standard(opener);
    let names = names(&store);
    names.put_code("a", "old", b"", at(1)).unwrap();
    let snapshot = store.snapshot().unwrap();
    names.put_code("a", "new", b"", at(2)).unwrap();
    let source = |read: &dyn Read| names.get_code_from(read, "a").unwrap().unwrap().code.source;
    assert_eq!(
        (source(snapshot.as_ref()), source(&*store)),
        ("old".to_owned(), "new".to_owned())
    );
}

fn a_corrupted_blob_is_found(opener: Opener<'_>) {
    let store = standard(opener);
    let names = names(&store);
    let hash = names.put_code("a", "text", b"form", at(1)).unwrap();
    let mut blob = store.get(Family::Blob, hash.as_bytes()).unwrap().unwrap();
    let last_idx = blob.len() - 1;
    blob[last_idx] ^= 1;
    store
        .commit(put(Family::Blob, hash.as_bytes(), &blob), Durability::Sync)
        .unwrap();
    assert_eq!(names.get_code("a").unwrap_err().code(), "store/corrupt");
    assert_eq!(names.code(&hash).unwrap_err().code(), "store/corrupt");
    let report = verify(store.as_ref()).unwrap();
    assert_eq!((report.n_faults, report.faults[0].family), (1, Family::Blob));
    assert!(report.faults[0].detail.contains("another hash"), "{report:?}");
}

/// The key of the first release.
fn release_key() -> Vec<u8> {
    Tenant::local().tuple().string("release").int(1).into_bytes()
}

/// The key of `meta` whose parts are these.
fn meta(kind: &str, name: &str) -> Tuple {
    Tenant::local().tuple().string(kind).string(name)
}

type Plant = fn(&mut Batch, Hash);

/// What is planted, and how verification tells it.
const PLANTS: [(&str, Plant); 15] = [
    ("its key is no hash", |batch, _| {
        batch.put(Family::Blob, b"short", b"")
    }),
    ("missing or of another kind", |batch, hash| {
        batch.delete(Family::Blob, hash.as_bytes())
    }),
    ("no head of a channel", |batch, _| {
        batch.put(Family::Meta, meta("channel", "main").into_bytes(), b"junk")
    }),
    ("names a release that is not there", |batch, _| {
        batch.delete(Family::Meta, release_key())
    }),
    ("its manifest is missing or damaged", |batch, _| {
        let other = [&[1_u8][..], &[0; 8 + 8 + 8 + 8 + 32]].concat();
        batch.put(Family::Meta, release_key(), other);
    }),
    ("the log of a name tells something else", |batch, _| {
        batch.delete(Family::Meta, meta("log", "a").int(1).into_bytes())
    }),
    ("no log entry", |batch, _| {
        batch.put(Family::Meta, meta("log", "a").int(1).into_bytes(), b"\x01")
    }),
    ("its release says nothing of it", |batch, _| {
        let time_and_removed = [&[1_u8][..], &[0; 9]].concat();
        batch.put(
            Family::Meta,
            meta("log", "b").int(1).into_bytes(),
            time_and_removed,
        );
    }),
    ("never handed out", |batch, _| {
        let time_and_removed = [&[1_u8][..], &[0; 9]].concat();
        batch.put(
            Family::Meta,
            meta("log", "b").int(9).into_bytes(),
            time_and_removed,
        );
    }),
    ("no record of a release", |batch, _| {
        batch.put(Family::Meta, release_key(), b"\x01\x02");
    }),
    ("no move of a channel", |batch, _| {
        let key = Tenant::local().tuple().string("move").int(1);
        batch.put(Family::Meta, key.into_bytes(), b"\x01\x02");
    }),
    ("no counter", |batch, _| {
        batch.put(
            Family::Meta,
            Tenant::local().tuple().string("version").into_bytes(),
            b"",
        );
    }),
    ("its key is no tuple", |batch, _| {
        batch.put(Family::Meta, b"\xff", b"")
    }),
    ("not of a tenant and a namespace", |batch, _| {
        batch.put(Family::Data, b"\x02half", b"")
    }),
    ("no schema version", |batch, _| {
        batch.put(Family::Sys, Tuple::new().string("schema").into_bytes(), b"1")
    }),
];

fn verification_finds_each_planted_fault(opener: Opener<'_>) {
    for (expected, plant) in PLANTS {
        let store = standard(opener);
        let hash = names(&store).put_code("a", "text", b"form", at(1)).unwrap();
        assert_clean(store.as_ref());
        let mut batch = Batch::new();
        plant(&mut batch, hash);
        store.commit(batch, Durability::Sync).unwrap();
        let report: VerifyReport = verify(store.as_ref()).unwrap();
        assert!(
            report.faults.iter().any(|fault| fault.detail.contains(expected)),
            "{expected}: {report:?}"
        );
    }
}

fn verification_counts_what_it_does_not_list(opener: Opener<'_>) {
    let store = opener(StoreLimits {
        verify_faults: 5,
        page_entries: 7,
        ..StoreLimits::standard()
    });
    let mut batch = Batch::new();
    (0..50_u8).for_each(|number| batch.put(Family::Blob, [number], []));
    store.commit(batch, Durability::Wal).unwrap();
    let report = verify(store.as_ref()).unwrap();
    assert_eq!((report.n_faults, report.faults.len()), (50, 5));
    let counted: Vec<u64> = report.families.iter().map(|count| count.n_entries).collect();
    assert_eq!(counted, [50, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(
        store
            .scan(&Scan::over(Family::Blob, KeyRange::all()))
            .unwrap()
            .entries
            .len(),
        7
    );
    assert!(matches!(
        names(&store).code(&Hash::of(b"none")),
        Err(StoreError::Corrupt { .. })
    ));
}
