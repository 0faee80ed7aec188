//! `sup new` and `sup build`: a project with a kernel of its own, from an empty directory and with nothing of the checkout.

use std::fs;
use sup_testkit::{Finished, TempFolder, sup};

/// `sup` in a directory below the folder, with a cache in the folder.
fn at(folder: &TempFolder, directory: &str, line: &[&str]) -> Finished {
    sup()
        .args(line)
        .folder(folder.path().join(directory))
        .env("XDG_CACHE_HOME", folder.path().join("cache"))
        .finish()
}

fn check(language: &str, source: &str, from: &str, to: &str) {
    let folder = TempFolder::new(&format!("project-{language}"));
    at(
        &folder,
        ".",
        &["new", "demo", "--template", "kernel", "--lang", language],
    )
    .expect_code(0);
    let first = at(&folder, "demo", &["run"]).expect_code(0);
    assert_eq!(first.stdout, "3\n");
    assert!(
        first.stderr.contains("building the kernel demo"),
        "{}",
        first.stderr
    );
    at(&folder, "demo", &["test"]).expect_code(0);
    assert_eq!(at(&folder, "demo", &["build"]).expect_code(0).stderr, "");
    let path = folder.path().join("demo/kernels/demo").join(source);
    let good = fs::read_to_string(&path).expect("the template has it");
    fs::write(&path, format!("{good}\n???\n")).expect("writes");
    let failed = at(&folder, "demo", &["build"]).expect_code(1);
    assert!(
        failed.stderr.contains("build/failed") && failed.stderr.contains("is kept"),
        "{}",
        failed.stderr
    );
    assert_eq!(at(&folder, "demo", &["run"]).expect_code(0).stdout, "3\n");
    let changed = good.replace(from, to);
    assert_ne!(changed, good);
    fs::write(&path, changed).expect("writes");
    assert_eq!(at(&folder, "demo", &["run"]).expect_code(0).stdout, "-1\n");
}

#[test]
fn a_project_builds_its_kernel_in_c_and_keeps_the_last_good_one() {
    check(
        "c",
        "kernel.c",
        "__builtin_add_overflow",
        "__builtin_sub_overflow",
    );
}

#[test]
fn a_project_builds_its_kernel_in_rust_and_keeps_the_last_good_one() {
    check("rust", "src/lib.rs", "checked_add", "checked_sub");
}

#[test]
fn bad_names_and_full_directories_are_refused() {
    let folder = TempFolder::new("project-names");
    for name in ["../x", "Demo", "2x", "a_b", ""] {
        let refused = at(&folder, ".", &["new", name]).expect_code(2);
        assert!(refused.stderr.contains("new/name"), "{name}: {}", refused.stderr);
    }
    at(&folder, ".", &["new", "demo"]).expect_code(0);
    let full = at(&folder, ".", &["new", "demo"]).expect_code(2);
    assert!(full.stderr.contains("new/exists"), "{}", full.stderr);
    at(&folder, "demo", &["run"]).expect_code(0);
    at(&folder, "demo", &["test"]).expect_code(0);
}
