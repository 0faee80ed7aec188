//! `sup new` and `sup kernel new`: what they make runs and passes its tests, from the checkout and from an installation with nothing of the
//! checkout, without the network.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::process::Command;
use std::time::Duration;

use sup_testkit::{Run, TempFolder, kernel_folder, report_count, sup, sup_path};

/// Building the SDK on a busy machine takes its time; Zig translates the header first, which takes minutes.
const LIMIT: Duration = Duration::from_secs(900);

/// Where a `sup` lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Checkout,
    /// A copy of the command with the stock kernels beside it, and a cargo that has never fetched anything.
    Installed,
}

fn install(folder: &TempFolder) {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).expect("makes a folder");
    fs::copy(sup_path(), bin.join("sup")).expect("copies the command");
    for entry in fs::read_dir(kernel_folder())
        .expect("the kernels are built")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&format!("{DLL_PREFIX}kernel_")) && name.ends_with(DLL_SUFFIX) {
            fs::copy(entry.path(), bin.join(name)).expect("copies a kernel");
        }
    }
}

fn at(place: Place, folder: &TempFolder, directory: &str, line: &[&str]) -> Run {
    let run = match place {
        Place::Checkout => sup(),
        Place::Installed => Run::program(folder.join("bin/sup"))
            .env_remove("SUP_KERNEL_PATH")
            .env_remove("SUP_STORE")
            .env("CARGO_HOME", folder.join("cargo")),
    };
    run.args(line)
        .folder(folder.join(directory))
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env("CARGO_NET_OFFLINE", "true")
        .limit(LIMIT)
}

fn check(place: Place, template: &[&str], printed: &str, n_passed: &str) {
    let folder = TempFolder::new("template");
    if place == Place::Installed {
        install(&folder);
    }
    let new: Vec<&str> = ["new", "demo"].iter().chain(template).copied().collect();
    let made = at(place, &folder, ".", &new).finish().expect_output();
    assert!(made.contains("cd demo && sup run"), "{made}");
    let ran = at(place, &folder, "demo", &["run"]).finish().expect_code(0);
    assert_eq!(ran.stdout, printed, "{template:?} {}", ran.stderr);
    let tested = at(place, &folder, "demo", &["test"]).finish().expect_code(0);
    assert_eq!(tested.stdout, format!("{n_passed} passed, 0 failed\n"));
    at(place, &folder, "demo", &["check", "."])
        .finish()
        .expect_code(0);
    at(place, &folder, "demo", &["deps"]).finish().expect_code(0);
}

const OF_KERNEL: &str = "1 + 2 = 3\ncounted: 41 42\nprimes below 100000: 9592\n";

fn check_language(language: &str) {
    for place in [Place::Checkout, Place::Installed] {
        check(
            place,
            &["--template", "kernel", "--lang", language],
            OF_KERNEL,
            "7",
        );
    }
}

/// Whether a command answers; when it does not, the report of the tests says what was not tried.
fn has_compiler(language: &str, commands: &[&[&str]]) -> bool {
    let answers = |words: &&[&str]| {
        let asked = Command::new(words[0]).args(&words[1..]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    let has = commands.iter().any(answers);
    report_count(&format!("kernels in {language} tried"), usize::from(has) * 2);
    report_count(
        &format!("kernels in {language} NOT tried, there is no compiler"),
        usize::from(!has) * 2,
    );
    has
}

#[test]
fn an_app_runs_and_passes_its_tests() {
    for place in [Place::Checkout, Place::Installed] {
        check(place, &[], "hello, demo\n", "2");
    }
}

#[test]
fn a_site_shows_its_pages_and_passes_its_tests() {
    let pages = "GET / -> 200\n<!doctype html><title>demo</title><h1>demo</h1><p><a href=\"/hello/world\">hello</a></p>\n\
                 GET /hello/world -> 200\n<!doctype html><title>hello</title><h1>hello, world</h1>\n\
                 GET /nowhere -> 404\n<!doctype html><title>not found</title><h1>there is no /nowhere</h1>\n";
    for place in [Place::Checkout, Place::Installed] {
        check(place, &["--template", "site"], pages, "5");
    }
}

#[test]
fn a_kernel_in_rust_runs_and_passes_its_tests() {
    check_language("rust");
}

#[test]
fn a_kernel_in_c_runs_and_passes_its_tests() {
    check_language("c");
}

#[test]
fn a_kernel_in_cpp_runs_and_passes_its_tests() {
    if has_compiler("C++", &[&["c++", "--version"]]) {
        check_language("cpp");
    }
}

#[test]
fn a_kernel_in_zig_runs_and_passes_its_tests() {
    if has_compiler(
        "Zig",
        &[&["zig", "version"], &["python3", "-m", "ziglang", "version"]],
    ) {
        check_language("zig");
    }
}

#[test]
fn a_kernel_is_added_to_a_project() {
    let folder = TempFolder::new("kernel-new");
    let run = |line: &[&str]| at(Place::Checkout, &folder, "demo", line).finish();
    at(Place::Checkout, &folder, ".", &["new", "demo"])
        .finish()
        .expect_code(0);
    let made = run(&["kernel", "new", "my-sums", "--lang", "c"]).expect_output();
    assert!(made.contains("#(load \"my-sums\")"), "{made}");
    let tested = run(&["test"]).expect_code(1);
    // The project said what it may reach, and loading kernels was not among it.
    assert!(tested.stdout.contains("capability/denied"), "{}", tested.stdout);
    let said = fs::read_to_string(folder.join("demo/project.slp")).expect("it was made");
    fs::write(
        folder.join("demo/project.slp"),
        said.replace("console read", "console read kernel"),
    )
    .expect("writes");
    assert_eq!(run(&["test"]).expect_code(0).stdout, "9 passed, 0 failed\n");
    let again = run(&["kernel", "new", "my-sums"]).expect_code(2);
    assert!(again.stderr.contains("new/exists"), "{}", again.stderr);
    let described = run(&["kernel", "describe", "my-sums"]).expect_code(0);
    assert!(
        described
            .stdout
            .contains("(define-function count-primes (below :int) :int"),
        "{}",
        described.stdout
    );
}

#[test]
fn bad_names_and_full_directories_are_refused() {
    let folder = TempFolder::new("project-names");
    let refused = |directory: &str, line: &[&str], code: &str| {
        let refused = at(Place::Checkout, &folder, directory, line)
            .finish()
            .expect_code(2);
        assert!(
            refused.stderr.contains(code) && refused.stderr.contains("help: "),
            "{line:?}: {}",
            refused.stderr
        );
    };
    for name in ["../x", "Demo", "2x", "a_b", "", "x/y", &"x".repeat(65)] {
        refused(".", &["new", name], "project/name");
    }
    refused(".", &["new", "str", "--template", "kernel"], "project/name");
    refused(".", &["new", "demo", "--lang", "c"], "new/language");
    refused(".", &["kernel", "new", "sums"], "project/missing");
    at(Place::Checkout, &folder, ".", &["new", "demo"])
        .finish()
        .expect_code(0);
    refused(".", &["new", "demo"], "new/exists");
    refused("demo", &["kernel", "new", "Sums"], "project/name");
    refused("demo", &["kernel", "new", "map"], "project/name");
}
