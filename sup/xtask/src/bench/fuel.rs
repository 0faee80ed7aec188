//! What fuel costs and what it buys: the same programs with and without counting it, and how late endless ones are stopped.

use std::fs;
use std::path::{Path, PathBuf};

use super::{build, cpu_ms, geometric_mean, median, name_of, programs};
use crate::house::{Failure, House, done, shown};

const N_RUNS: usize = 7;

/// `cargo xtask bench --fuel-cost`: the two builds are run in turn, so that both meet the same weather.
pub fn cost(house: &House) -> Result<(), Failure> {
    let folder = house.target.join("bench");
    fs::create_dir_all(&folder)
        .map_err(|error| Failure::chore(format!("cannot make {}: {error}", folder.display())))?;
    build(house)?;
    let fueled = kept_as(house, &folder.join("sup-fueled"))?;
    let unfueled = build_unfueled(house).and_then(|()| kept_as(house, &folder.join("sup-unfueled")));
    // Whatever became of it, the release folder holds the build that ships again.
    build(house)?;
    let unfueled = unfueled?;
    println!("{:<12} {:>8} {:>8} {:>6}", "bench", "fuel ms", "none ms", "ratio");
    let mut ratios = Vec::new();
    for program in programs(house)? {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..N_RUNS {
            with.push(cpu_ms(house, &fueled, &program)?);
            without.push(cpu_ms(house, &unfueled, &program)?);
        }
        let (with, without) = (median(&mut with), median(&mut without));
        let ratio = with.max(1) as f64 / without.max(1) as f64;
        println!("{:<12} {with:>8} {without:>8} {ratio:>6.3}", name_of(&program));
        ratios.push(ratio);
    }
    let mean = geometric_mean(&ratios).unwrap_or(1.0);
    println!(
        "geometric mean {mean:.3}: counting fuel costs {:.1} % of CPU time",
        (mean - 1.0) * 100.0
    );
    Ok(())
}

fn build_unfueled(house: &House) -> Result<(), Failure> {
    let mut command = house.cargo();
    command.args([
        "build",
        "--release",
        "--package",
        "sup-cli",
        "--package",
        "sup-vm",
    ]);
    command.args(["--features", "sup-vm/unfueled"]);
    println!("running `{}`", shown(&command));
    done(&mut command)
}

fn kept_as(house: &House, path: &Path) -> Result<PathBuf, Failure> {
    fs::copy(house.sup(), path)
        .map_err(|error| Failure::chore(format!("cannot copy sup to {}: {error}", path.display())))?;
    Ok(path.to_path_buf())
}

/// `cargo xtask bench --deadline`: the programs of `tests/bench/endless`, each under a deadline, many times.
pub fn deadline(house: &House, arguments: &[&str]) -> Result<(), Failure> {
    build(house)?;
    let mut command = house.cargo();
    command.args([
        "run",
        "--release",
        "--quiet",
        "--package",
        "sup-tests",
        "--example",
        "deadline",
        "--",
    ]);
    command
        .arg(house.root.join("tests/bench/endless"))
        .args(arguments);
    println!("running `{}`", shown(&command));
    done(&mut command)
}
