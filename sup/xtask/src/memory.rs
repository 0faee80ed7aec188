//! `cargo xtask check-memory`: everything that handles raw memory, once under AddressSanitizer and once under valgrind. It takes
//! long, so CI runs a short program under valgrind only.

use std::process::Command;

use crate::house::{Failure, House, done, in_path};
use crate::rocksdb;
use crate::setup::{self, Need};
use crate::steps::{Ran, Steps};
use crate::test::{self, Count};

/// The suites that run code of the machine and cross the wall to kernels.
const SUITES: [&str; 3] = ["lang", "stdlib", "kernels"];

/// What the sanitizer is told: code that was loaded is never freed by design; and RocksDB comes uninstrumented out of the
/// cache, so that what its containers say of their memory is only half the truth.
const SANITIZER_OPTIONS: &str = "detect_leaks=0:detect_container_overflow=0:detect_stack_use_after_return=0";

/// Both runs; the second is made though the first failed.
pub fn run(house: &House) -> Result<(), Failure> {
    setup::run(house, Need::Tests)?;
    let mut steps = Steps::default();
    let mut count = Count::default();
    steps.step("sanitizer", || sanitizer(house, &mut count));
    steps.step("valgrind", || valgrind(house, &mut count));
    let outcome = steps.finish();
    println!("{} passed, {} failed", count.n_passed, count.n_failed);
    outcome
}

/// The language suite, the standard library's examples and the kernels under AddressSanitizer. The dispatcher is the `match`: the
/// sanitizer gives a handler that could go on with a jump a frame of its own, and a loop in a program would eat the stack.
fn sanitizer(house: &House, count: &mut Count) -> Result<Ran, Failure> {
    let target = rocksdb::host_target()?;
    let folder = house.target.join("sanitizer");
    let products = folder.join(&target).join("release");
    let prepared = |command: &mut Command| {
        command
            // The flag is unstable by name only: its runtime comes with the stable compiler.
            .env("RUSTC_BOOTSTRAP", "1")
            // Kernels find the runtime, which is linked into the program that opens them, by its symbols.
            .env("RUSTFLAGS", "-Zsanitizer=address -Clink-arg=-Wl,--export-dynamic")
            .env("ASAN_OPTIONS", SANITIZER_OPTIONS)
            .args(["--release", "--target", &target, "--target-dir"])
            .arg(&folder);
    };
    let mut build = house.cargo();
    build.arg("build");
    prepared(&mut build);
    done(&mut build)?;
    let mut suites = house.cargo();
    suites.arg("test");
    prepared(&mut suites);
    suites.args(["--no-fail-fast", "--package", "sup-tests", "--package", "sup-vm"]);
    suites.args(["--features", "sup-vm/match-dispatch"]);
    for suite in SUITES {
        suites.args(["--test", suite]);
    }
    test::counted_with(house, &mut suites, count, &products)
}

/// The kernels, those written in C among them, under valgrind, which also sees what no sanitizer was built into.
fn valgrind(house: &House, count: &mut Count) -> Result<Ran, Failure> {
    if in_path("valgrind").is_none() {
        return Ok(Ran::No(
            "valgrind is not installed (apt-get install valgrind)".to_owned(),
        ));
    }
    test::build(house)?;
    let target = rocksdb::host_target()?.to_uppercase().replace(['-', '.'], "_");
    let mut suite = house.cargo();
    suite
        .args(["test", "--release", "--no-fail-fast"])
        .args(["--package", "sup-tests", "--test", "kernels"])
        .args(["--package", "sup-host", "--test", "wall"])
        // It looks at how the process grows, and valgrind keeps something of each library that is opened.
        .args(["--", "--skip", "two_hundred_swaps_under_load_lose_no_call"])
        .env(
            format!("CARGO_TARGET_{target}_RUNNER"),
            "valgrind --quiet --error-exitcode=9 --errors-for-leak-kinds=none --fair-sched=yes",
        );
    test::counted(house, &mut suite, count)
}
