//! `cargo xtask bench`: how fast the programs of `tests/bench` are. Beside a saved run (`runs`), beside other languages
//! (`peers`), and in instructions, which do not depend on what else the machine does (`counts`).

mod counts;
mod fuel;
mod peers;
mod runs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::house::{Failure, House, captured, done, shown};
use crate::setup::{self, Need};
use crate::test;

pub use counts::check_quick;

/// What `cargo xtask bench` takes, as its usage says.
pub const USAGE: &str = "\
  bench           times tests/bench with the release build, compares with the last saved run, and saves
                  [--against FILE] compares with that run
  bench --peers   runs the same programs in other languages beside it [options of tests/bench/peers/peers.py]
  bench --count   counts instructions under valgrind and keeps them in tests/bench/instructions.txt
                  [--because REASON] lets counts rise
  bench --check   counts, and fails where a count is more than 3 % above the kept one
  bench --fuel-cost  builds without counting fuel as well and runs both builds in turn
  bench --deadline   how late endless programs of many kinds are stopped
  bench --http       CPU time of a request, beside a server of hyper alone";

/// `cargo xtask bench …`.
pub fn run(house: &House, arguments: &[&str]) -> Result<(), Failure> {
    match arguments {
        [] => runs::run(house, None),
        ["--against", saved] => runs::run(house, Some(Path::new(saved))),
        ["--peers", rest @ ..] => peers::run(house, rest),
        ["--count"] => counts::keep(house, None),
        ["--count", "--because", reason] => counts::keep(house, Some(reason)),
        ["--check"] => counts::check(house),
        ["--fuel-cost"] => fuel::cost(house),
        ["--deadline", rest @ ..] => fuel::deadline(house, rest),
        ["--http"] => http(house),
        other => Err(Failure::Usage(format!("bench does not know {}", other.join(" ")))),
    }
}

/// `cargo xtask bench --http`: what a request costs.
fn http(house: &House) -> Result<(), Failure> {
    build(house)?;
    let mut command = house.cargo();
    command.args([
        "run",
        "--release",
        "--quiet",
        "--package",
        "kernel-http",
        "--example",
        "http-bench",
    ]);
    println!("running `{}`", shown(&command));
    done(&mut command)
}

fn build(house: &House) -> Result<(), Failure> {
    setup::run(house, Need::Build)?;
    test::build(house)
}

/// The programs of `tests/bench`, by name.
fn programs(house: &House) -> Result<Vec<PathBuf>, Failure> {
    let folder = house.root.join("tests/bench");
    let entries = fs::read_dir(&folder)
        .map_err(|error| Failure::chore(format!("cannot read {}: {error}", folder.display())))?;
    let mut programs: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slp"))
        .collect();
    programs.sort();
    if programs.is_empty() {
        return Err(Failure::chore(format!(
            "there are no programs in {}",
            folder.display()
        )));
    }
    Ok(programs)
}

fn name_of(program: &Path) -> String {
    program
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// User and system time of one run of a `sup`, in milliseconds. Bash reads it off the process, which std cannot.
fn cpu_ms(house: &House, sup: &Path, program: &Path) -> Result<u64, Failure> {
    let script = "exec 3>&2; TIMEFORMAT='%3U %3S'; { time \"$@\" >/dev/null 2>&3; } 2>&1";
    let mut command = house.command("bash");
    command
        .args(["-c", script, "bash"])
        .arg(sup)
        .arg("run")
        .arg(program)
        .stdin(Stdio::null());
    house.point_at_binaries(&mut command);
    let said = captured(&mut command)?;
    let seconds: Option<f64> = said.split_whitespace().map(|word| word.parse::<f64>().ok()).sum();
    let seconds =
        seconds.ok_or_else(|| Failure::chore(format!("bash timed {} as {said:?}", program.display())))?;
    Ok((seconds * 1000.0).round() as u64)
}

/// The geometric mean; nothing of nothing.
fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (!ratios.is_empty()).then(|| (logarithms / ratios.len() as f64).exp())
}

/// The middle one of a few figures; of an even number the upper of the two in the middle.
fn median(figures: &mut [u64]) -> u64 {
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied().unwrap_or(0)
}
