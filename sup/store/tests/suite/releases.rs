//! Releases: whole trees, channels, splits, rollback, and what is collected.

use super::{Case, Opener, standard};
use std::sync::Arc;
use sup_store::{
    Audience, Base, Change, Collection, Durability, Family, Hash, KeyRange, MAIN_CHANNEL, MoveKind, Names,
    Needs, Publication, Route, Scan, Share, Stamp, Store, StoreError, StoreLimits, Tenant, verify,
};

pub const CASES: &[Case] = &[
    (
        "a-tree-is-published-and-what-is-not-named-goes",
        a_tree_is_published_and_what_is_not_named_goes,
    ),
    ("the-same-tree-makes-no-release", the_same_tree_makes_no_release),
    ("rollback-moves-a-pointer", rollback_moves_a_pointer),
    ("a-canary-leaves-the-head", a_canary_leaves_the_head),
    ("a-moved-head-refuses", a_moved_head_refuses),
    (
        "a-large-release-is-whole-or-absent",
        a_large_release_is_whole_or_absent,
    ),
    ("what-nothing-needs-is-collected", what_nothing_needs_is_collected),
    ("collecting-spares-other-tenants", collecting_spares_other_tenants),
    (
        "collecting-and-publishing-at-once",
        collecting_and_publishing_at_once,
    ),
    ("bad-releases-are-refused", bad_releases_are_refused),
];

fn at(time_us: i64) -> Stamp {
    Stamp {
        time_us,
        durability: Durability::Sync,
    }
}

fn names(store: &Arc<dyn Store>) -> Names {
    Names::new(Arc::clone(store), Tenant::local())
}

fn tree<'a>(changes: &'a [Change<'a>]) -> Publication<'a> {
    Publication {
        channel: MAIN_CHANNEL,
        base: Base::Nothing,
        changes,
        facts: None,
        author: "ada",
        message: "",
        audience: Audience::All,
        expected_head: None,
        stamp: at(1),
    }
}

fn code<'a>(name: &'a str, source: &'a str) -> Change<'a> {
    let encoded = source.as_bytes();
    Change::Put {
        name,
        source,
        encoded,
    }
}

fn paths(names: &Names, number: u64) -> Vec<String> {
    let manifest = names.manifest(number).unwrap();
    manifest.files.iter().map(|file| file.path.clone()).collect()
}

fn assert_clean(store: &dyn Store) {
    let report = verify(store).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

fn n_blobs(store: &dyn Store) -> usize {
    store
        .scan(&Scan::over(Family::Blob, KeyRange::all()))
        .unwrap()
        .entries
        .len()
}

fn a_tree_is_published_and_what_is_not_named_goes(opener: Opener<'_>) {
    let store = standard(opener);
    let names = names(&store);
    let logo = [0, 255, 10, 13];
    let first = [
        code("app", "(fn () [1])"),
        code("util/sum", "; sums\n1\n"),
        Change::PutAsset {
            path: "static/a logo.png",
            bytes: &logo,
        },
    ];
    let routes = [Route {
        method: "GET".to_owned(),
        pattern: "/".to_owned(),
        name: "app".to_owned(),
    }];
    let needs = Needs {
        kernels: vec!["http".to_owned()],
        capabilities: vec!["net".to_owned()],
    };
    let report = names
        .publish(&Publication {
            facts: Some((&routes, &needs)),
            message: "first",
            ..tree(&first)
        })
        .unwrap();
    assert_eq!((report.version.0, report.effective.len()), (1, 3));
    assert_eq!(paths(&names, 1), ["app.slp", "static/a logo.png", "util/sum.slp"]);
    let manifest = names.manifest(1).unwrap();
    assert_eq!((&manifest.routes[..], &manifest.needs), (&routes[..], &needs));
    let asset = manifest.file("static/a logo.png").unwrap();
    assert_eq!(names.asset(&asset.hash).unwrap(), logo);
    let report = names.publish(&tree(&[code("app", "(fn () [2])")])).unwrap();
    assert_eq!((report.version.0, report.n_gone), (2, 2));
    assert_eq!(paths(&names, 2), ["app.slp"]);
    assert_eq!(paths(&names, 1).len(), 3);
    let entry = names.release(2).unwrap();
    assert_eq!((entry.parent, entry.written), (1, vec!["app".to_owned()]));
    assert_eq!(
        entry.removed,
        vec!["/static/a logo.png".to_owned(), "util/sum".to_owned()]
    );
    assert_eq!(names.release(1).unwrap().message, "first");
    assert!(entry.author == "ada" && names.release(1).unwrap().id().starts_with("1-"));
    assert_clean(store.as_ref());
}

fn the_same_tree_makes_no_release(opener: Opener<'_>) {
    let store = standard(opener);
    let names = names(&store);
    let changes = [code("a", "1"), code("b", "2")];
    names.publish(&tree(&changes)).unwrap();
    let report = names.publish(&tree(&changes)).unwrap();
    assert_eq!((report.version.0, report.is_new()), (1, false));
    assert_eq!(report.manifest, Some(names.release(1).unwrap().manifest));
    assert_eq!(names.releases(9).unwrap().len(), 1);
    assert_eq!(names.moves(9).unwrap().len(), 1);
}

fn rollback_moves_a_pointer(opener: Opener<'_>) {
    let store = standard(opener);
    let names = names(&store);
    let first_back = |to| names.roll_back(MAIN_CHANNEL, to, "", at(9));
    assert_eq!(first_back(None).unwrap_err().code(), "release/unknown");
    for source in ["1", "2", "3"] {
        names.put_code("a", source, b"", at(1)).unwrap();
    }
    let source = || names.get_code("a").unwrap().unwrap().code.source;
    assert_eq!(first_back(None).unwrap().release, 2);
    assert_eq!(source(), "2");
    assert_eq!(first_back(None).unwrap().release, 1);
    assert_eq!(first_back(None).unwrap_err().code(), "release/unknown");
    assert_eq!(first_back(Some(3)).unwrap().release, 3);
    assert_eq!(first_back(Some(2)).unwrap().release, 2);
    assert_eq!(first_back(Some(7)).unwrap_err().code(), "release/unknown");
    // The next release is made from what answers, and has a number of its own.
    names.put_code("b", "x", b"", at(10)).unwrap();
    assert_eq!((names.release(4).unwrap().parent, source()), (2, "2".to_owned()));
    let kinds: Vec<MoveKind> = names.moves(3).unwrap().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [MoveKind::Publish, MoveKind::Rollback, MoveKind::Rollback]);
    assert_clean(store.as_ref());
}

fn a_canary_leaves_the_head(opener: Opener<'_>) {
    let store = standard(opener);
    let names = names(&store);
    names.put_code("a", "1", b"", at(1)).unwrap();
    let changes = [code("a", "2")];
    let canary = Publication {
        audience: Audience::Percent(5),
        ..tree(&changes)
    };
    names.publish(&canary).unwrap();
    let head = names.head(MAIN_CHANNEL).unwrap().unwrap();
    let share = |release, weight| Share { release, weight };
    assert_eq!(
        (head.release, head.split.clone()),
        (1, vec![share(1, 95), share(2, 5)])
    );
    assert_eq!(names.get_code("a").unwrap().unwrap().code.source, "1");
    let n_canary = (0..2_000_u32).filter(|key| head.release_of(&key.to_be_bytes()) == 2);
    assert!((40..180).contains(&n_canary.count()));
    let all = names
        .split(MAIN_CHANNEL, &[share(2, 100)], "", "", at(3))
        .unwrap();
    assert_eq!((all.release, all.split.len()), (2, 0));
    let half = [share(1, 1), share(2, 1)];
    let split = names.split(MAIN_CHANNEL, &half, "cookie:uid", "", at(4)).unwrap();
    assert_eq!((split.release, split.split_by.as_str()), (2, "cookie:uid"));
    let back = names.roll_back(MAIN_CHANNEL, None, "", at(5)).unwrap();
    assert_eq!((back.release, back.split.len()), (2, 0));
    for shares in [&[][..], &[share(1, 0)], &[share(1, 1), share(1, 1)]] {
        let refused = names.split(MAIN_CHANNEL, shares, "", "", at(6)).unwrap_err();
        assert_eq!(refused.code(), "release/split");
    }
    let missing = names.split(MAIN_CHANNEL, &[share(9, 1)], "", "", at(6));
    assert_eq!(missing.unwrap_err().code(), "release/unknown");
    assert_clean(store.as_ref());
}

fn a_moved_head_refuses(opener: Opener<'_>) {
    let store = standard(opener);
    let names = names(&store);
    names.put_code("a", "1", b"", at(1)).unwrap();
    let changes = [code("a", "2")];
    let stale = Publication {
        expected_head: Some(0),
        ..tree(&changes)
    };
    assert_eq!(names.publish(&stale).unwrap_err(), StoreError::Moved { head: 1 });
    let fresh = Publication {
        expected_head: Some(1),
        ..tree(&changes)
    };
    assert_eq!(names.publish(&fresh).unwrap().version.0, 2);
}

fn a_large_release_is_whole_or_absent(opener: Opener<'_>) {
    let store = opener(StoreLimits {
        batch_bytes: 4 << 20,
        file_bytes: 1 << 20,
        memory_bytes: 64 << 20,
        ..StoreLimits::standard()
    });
    let names = names(&store);
    let bytes: Vec<Vec<u8>> = (0..12_u8).map(|n| vec![n; 900_000]).collect();
    let paths: Vec<String> = (0..12).map(|n| format!("static/{n}.bin")).collect();
    let changes: Vec<Change<'_>> = paths
        .iter()
        .zip(&bytes)
        .map(|(path, bytes)| Change::PutAsset { path, bytes })
        .collect();
    names.publish(&tree(&changes)).unwrap();
    assert_eq!(names.manifest(1).unwrap().files.len(), 12);
    assert_clean(store.as_ref());
    let huge = vec![0; 2 << 20];
    let too_large = [Change::PutAsset {
        path: "huge",
        bytes: &huge,
    }];
    assert_eq!(
        names.publish(&tree(&too_large)).unwrap_err().code(),
        "store/too-large"
    );
    assert_eq!(names.version().unwrap().0, 1);
}

fn what_nothing_needs_is_collected(opener: Opener<'_>) {
    let store = opener(StoreLimits {
        releases_kept: 4,
        ..StoreLimits::standard()
    });
    let names = names(&store);
    names.put_code("fixed", "always", b"", at(0)).unwrap();
    for number in 2..=20 {
        names
            .put_code("a", &format!("{number}"), b"", at(number))
            .unwrap();
    }
    names.roll_back(MAIN_CHANNEL, Some(9), "", at(21)).unwrap();
    // The head and a release that somebody runs are kept beside the newest four.
    let collected = names.collect(&[3], Collection::WhenDue).unwrap();
    assert_eq!(collected.n_releases, 14);
    assert_eq!(collected.n_blobs, 27);
    let numbers: Vec<u64> = names
        .releases(99)
        .unwrap()
        .iter()
        .map(|entry| entry.version.0)
        .collect();
    assert_eq!(numbers, [20, 19, 18, 17, 9, 3]);
    assert_eq!(names.get_code("fixed").unwrap().unwrap().code.source, "always");
    assert_eq!(
        names
            .get_code_at("a", sup_store::CodeVersion(3))
            .unwrap()
            .unwrap()
            .code
            .source,
        "3"
    );
    assert!(names.manifest(5).unwrap_err().to_string().contains("gone"));
    // One blob of code for each release, `fixed`, and the manifests.
    assert_eq!(n_blobs(store.as_ref()), 6 + 1 + 6);
    assert_eq!(names.moves(99).unwrap().len(), 4);
    assert_clean(store.as_ref());
    assert_eq!(names.collect(&[3], Collection::WhenDue).unwrap().n_releases, 0);
    assert_eq!(names.collect(&[], Collection::Now).unwrap().n_releases, 1);
    // What a publication has left behind that was cut short goes, and what is not ours stays.
    let mut batch = sup_store::Batch::new();
    let orphan = [1, 3, 7];
    batch.put(Family::Blob, Hash::of(&orphan).as_bytes(), orphan);
    batch.put(Family::Blob, Hash::of(b"other").as_bytes(), b"other");
    store.commit(batch, Durability::Wal).unwrap();
    assert_eq!(names.collect(&[], Collection::Now).unwrap().n_blobs, 1);
    assert_eq!(n_blobs(store.as_ref()), 5 + 1 + 5 + 1);
}

fn collecting_spares_other_tenants(opener: Opener<'_>) {
    let store = opener(StoreLimits {
        releases_kept: 1,
        ..StoreLimits::standard()
    });
    let ada = Names::new(Arc::clone(&store), Tenant::new("ada").unwrap());
    let bob = Names::new(Arc::clone(&store), Tenant::new("bob").unwrap());
    ada.put_code("a", "same", b"", at(1)).unwrap();
    bob.put_code("b", "same", b"", at(1)).unwrap();
    for source in ["2", "3", "4"] {
        ada.put_code("a", source, b"", at(2)).unwrap();
    }
    assert_eq!(ada.collect(&[], Collection::Now).unwrap().n_releases, 3);
    assert_eq!(bob.get_code("b").unwrap().unwrap().code.source, "same");
    assert_clean(store.as_ref());
}

fn collecting_and_publishing_at_once(opener: Opener<'_>) {
    let store = opener(StoreLimits {
        releases_kept: 2,
        ..StoreLimits::standard()
    });
    // One for a process, as an instance has it: collecting and publishing take turns.
    let names = &names(&store);
    std::thread::scope(|scope| {
        for thread in 0..3 {
            scope.spawn(move || {
                for number in 0..25 {
                    // Few texts, so that blobs come back that were just collected.
                    let source = format!("{}", (number * 7 + thread) % 5);
                    names
                        .put_code(&format!("n/{thread}"), &source, b"", at(number))
                        .unwrap();
                }
            });
        }
        scope.spawn(move || {
            for _ in 0..25 {
                names.collect(&[], Collection::Now).unwrap();
            }
        });
    });
    assert_clean(store.as_ref());
}

fn bad_releases_are_refused(opener: Opener<'_>) {
    let store = standard(opener);
    let names = names(&store);
    for path in ["", "/a", "../a", "a/./b", "a\\b", "a\nb", "x.slp"] {
        let changes = [Change::PutAsset { path, bytes: b"" }];
        assert_eq!(
            names.publish(&tree(&changes)).unwrap_err().code(),
            "store/name",
            "{path:?}"
        );
    }
    let changes = [code("a", "1")];
    let long = "m".repeat(5_000);
    for publication in [
        Publication {
            message: &long,
            ..tree(&changes)
        },
        Publication {
            author: &long,
            ..tree(&changes)
        },
    ] {
        assert_eq!(names.publish(&publication).unwrap_err().code(), "store/too-large");
    }
    for percent in [0, 100, 101] {
        let publication = Publication {
            audience: Audience::Percent(percent),
            ..tree(&changes)
        };
        assert_eq!(names.publish(&publication).unwrap_err().code(), "release/split");
    }
    let twice = [code("a", "1"), Change::Remove { name: "a" }];
    assert_eq!(names.publish(&tree(&twice)).unwrap_err().code(), "store/name");
    assert_eq!(names.version().unwrap().0, 0);
}
