//! `cargo xtask fuzz TARGET`: a target of `tests/fuzz` under libFuzzer and AddressSanitizer, for a bounded time.
//!
//! The stable compiler ships the sanitizer's runtime and hides the switch for it: `RUSTC_BOOTSTRAP=1` opens it for this one build,
//! which has a target directory of its own.

use std::fs;

use crate::house::{Failure, House, done, shown};
use crate::rocksdb;

const DEFAULT_SECONDS: u32 = 60;

/// What libFuzzer needs to see of the program: edges, comparisons, and addresses that are checked.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Zsanitizer=address -Ccodegen-units=1";

/// Runs one target.
pub fn run(house: &House, arguments: &[&str]) -> Result<(), Failure> {
    let (target, seconds) = match arguments {
        [target] => (*target, DEFAULT_SECONDS),
        [target, "--seconds", seconds] => (*target, seconds.parse().map_err(|_| usage(house))?),
        _ => return Err(usage(house)),
    };
    if !targets(house).iter().any(|name| name == target) {
        return Err(usage(house));
    }
    rocksdb::ensure(house)?;
    let folder = house.root.join("tests/fuzz");
    let target_directory = house.target.join("fuzz");
    let mut build = house.cargo();
    build
        .args(["build", "--release", "--bin", target, "--manifest-path"])
        .arg(folder.join("Cargo.toml"));
    // With a target named, the flags do not reach build scripts, which run unwatched.
    let host = rocksdb::host_target()?;
    build
        .args(["--target", &host, "--target-dir"])
        .arg(&target_directory);
    println!("running `{}`", shown(&build));
    done(build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", FLAGS))?;
    let corpus = house.target.join("fuzz-corpus").join(target);
    fs::create_dir_all(&corpus)
        .map_err(|error| Failure::chore(format!("cannot make {}: {error}", corpus.display())))?;
    let mut fuzz = house.command(target_directory.join(&host).join("release").join(target));
    fuzz.arg(format!("-max_total_time={seconds}"))
        .arg("-rss_limit_mb=2048")
        .arg(&corpus);
    let seeds = folder.join("seeds").join(target);
    if seeds.is_dir() {
        fuzz.arg(seeds);
    }
    println!("running `{}`", shown(&fuzz));
    done(&mut fuzz)
}

/// The targets: one file each in `tests/fuzz/targets`.
fn targets(house: &House) -> Vec<String> {
    let Ok(entries) = fs::read_dir(house.root.join("tests/fuzz/targets")) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut names: Vec<String> = paths
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names
}

fn usage(house: &House) -> Failure {
    Failure::Usage(format!(
        "fuzz TARGET [--seconds N], where TARGET is one of: {}",
        targets(house).join(", ")
    ))
}
