//! `cargo xtask`: the project's chores. It builds in seconds on a bare machine, since it depends on nothing but std.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to the terminal"
)]

use std::process::ExitCode;

use xtask::{Failure, House, bench, bless, ci, demo, fuzz, memory, setup, test, tidy};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo            installs what is missing, builds, indexes this checkout and searches it
  test            installs what is missing, builds, runs every test; the last line is the count
  ci              what CI runs: fmt, clippy, tidy, tests, docs, and cargo-deny with SUP_CI_DENY=1
  tidy            the rules of the house: imports, limits, paths, names
  bless           runs the language suites and rewrites their expectations; `git diff` is the review
{bench}
  check-memory    the language suite, the library and the kernels under AddressSanitizer, the kernels under valgrind; takes long
  fuzz TARGET     runs a fuzz target of tests/fuzz for 60 seconds [--seconds N]
  setup           only installs what is missing and fills the RocksDB cache

The RocksDB cache lies in $SUP_BUILD_CACHE, else $XDG_CACHE_HOME/sup, else ~/.cache/sup.";

fn usage() -> String {
    USAGE.replace("{bench}", bench::USAGE)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("xtask: {message}\n\n{}", usage());
            ExitCode::from(2)
        }
        Err(Failure::Chore(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), Failure> {
    let house = House::find()?;
    match arguments {
        ["demo"] => demo::run(&house),
        ["test"] => test::run(&house),
        ["ci"] => ci::run(&house),
        ["tidy"] => tidy::run(&house),
        ["bless"] => bless::run(&house),
        ["bench", rest @ ..] => bench::run(&house, rest),
        ["check-memory"] => memory::run(&house),
        ["fuzz", rest @ ..] => fuzz::run(&house, rest),
        ["setup"] => setup::run(&house, setup::Need::Tests),
        ["help" | "-h" | "--help"] => {
            println!("{}", usage());
            Ok(())
        }
        [] => Err(Failure::Usage("which chore?".to_owned())),
        other => Err(Failure::Usage(format!("no such chore: {}", other.join(" ")))),
    }
}
