//! `cargo xtask test`: makes the machine ready, builds the product, runs every test against it and counts.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::house::{Failure, House, done, in_path, shown};
use crate::setup::{self, Need};
use crate::steps::{Ran, Steps};

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Tests that passed.
    pub n_passed: usize,
    /// Tests that failed, and test programs that ended before they could say.
    pub n_failed: usize,
    /// Tests that were not run: there should be none.
    pub n_ignored: usize,
}

impl Count {
    /// Adds the count of another run.
    pub fn add(&mut self, other: Count) {
        self.n_passed += other.n_passed;
        self.n_failed += other.n_failed;
        self.n_ignored += other.n_ignored;
    }

    /// Reads `test result: ok. 3 passed; 0 failed; 0 ignored; …`.
    fn of_line(line: &str) -> Option<Count> {
        let rest = line.strip_prefix("test result: ")?;
        let number_before = |word: &str| -> Option<usize> {
            let before = &rest[..rest.find(word)?];
            before.trim_end().rsplit(' ').next()?.parse().ok()
        };
        Some(Count {
            n_passed: number_before("passed")?,
            n_failed: number_before("failed")?,
            n_ignored: number_before("ignored")?,
        })
    }
}

/// `cargo xtask test`.
pub fn run(house: &House) -> Result<(), Failure> {
    setup::run(house, Need::Tests)?;
    let mut steps = Steps::default();
    let count = in_steps(house, &mut steps);
    let outcome = steps.finish();
    println!("{} passed, {} failed", count.n_passed, count.n_failed);
    outcome
}

/// The steps of the test run, for `test` and `ci` alike.
pub fn in_steps(house: &House, steps: &mut Steps) -> Count {
    let mut count = Count::default();
    let mut is_built = false;
    steps.step("build", || {
        build(house)?;
        is_built = true;
        Ok(Ran::Yes)
    });
    if !is_built {
        return count;
    }
    steps.step("tests", || {
        let mut command = house.cargo();
        command.args(["test", "--release", "--workspace", "--no-fail-fast"]);
        counted(house, &mut command, &mut count)
    });
    steps.step("gc-stress", || {
        let Some(mut command) = suite(house, "lang") else {
            return Ok(no_suite());
        };
        command.env("SUP_GC_STRESS", "1");
        counted(house, &mut command, &mut count)
    });
    steps.step("valgrind", || valgrind(house));
    count
}

/// Builds the command and the stock kernels into the release folder, where users and tests find them.
pub fn build(house: &House) -> Result<(), Failure> {
    let mut command = house.cargo();
    command.args(["build", "--release"]);
    println!("running `{}`", shown(&command));
    done(&mut command)
}

/// One of the suites of `tests/`, as a cargo command; None while the suite is not there.
pub fn suite(house: &House, name: &str) -> Option<Command> {
    let manifest = fs::read_to_string(house.root.join("tests/Cargo.toml")).ok()?;
    if !manifest.contains(&format!("name = \"{name}\"")) {
        return None;
    }
    let mut command = house.cargo();
    command.args(["test", "--release", "--package", "sup-tests", "--test", name]);
    Some(command)
}

fn no_suite() -> Ran {
    Ran::No("tests/Cargo.toml lists no suite `lang`".to_owned())
}

/// Runs the release build under valgrind on a short program that touches the heap, the kernels and the store.
fn valgrind(house: &House) -> Result<Ran, Failure> {
    let program = house.root.join("tests/lang/valgrind.slp");
    if in_path("valgrind").is_none() {
        return Ok(Ran::No(
            "valgrind is not installed (apt-get install valgrind)".to_owned(),
        ));
    }
    if !program.is_file() {
        return Ok(Ran::No("there is no tests/lang/valgrind.slp".to_owned()));
    }
    let mut command = house.command("valgrind");
    command
        .args(["--quiet", "--error-exitcode=9", "--errors-for-leak-kinds=none"])
        .arg(house.sup())
        .arg("run")
        .arg(program);
    house.point_at_binaries(&mut command);
    done(&mut command).map(|()| Ran::Yes)
}

/// Runs a `cargo test` command, shows what it prints, adds up its result lines, and then shows what the suites counted
/// themselves: SLP cases, examples of the standard library, blocks of the manual.
pub fn counted(house: &House, command: &mut Command, total: &mut Count) -> Result<Ran, Failure> {
    counted_with(house, command, total, &house.release())
}

/// The same with the products of another build.
pub fn counted_with(
    house: &House,
    command: &mut Command,
    total: &mut Count,
    products: &Path,
) -> Result<Ran, Failure> {
    let report = house.target.join(format!("test-report-{}", std::process::id()));
    let _ = fs::remove_file(&report);
    house.point_at_products(command, products);
    command
        .env("SUP_TEST_REPORT", &report)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    println!("running `{}`", shown(command));
    let mut child = command
        .spawn()
        .map_err(|error| Failure::chore(format!("cannot start cargo: {error}")))?;
    let stdout = child.stdout.take().expect("stdout was asked for as a pipe");
    let mut count = Count::default();
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        println!("{line}");
        if let Some(one) = Count::of_line(&line) {
            count.add(one);
        }
    }
    let status = child
        .wait()
        .map_err(|error| Failure::chore(format!("lost sight of cargo: {error}")))?;
    if !status.success() && count.n_failed == 0 {
        // A test program that crashed, or did not compile, has no result line.
        count.n_failed = 1;
    }
    total.add(count);
    show_report(&report);
    if count.n_ignored > 0 {
        return Err(Failure::chore(format!(
            "{} tests were not run: a test that does not run tests nothing",
            count.n_ignored
        )));
    }
    if count.n_failed > 0 || !status.success() {
        return Err(Failure::chore(format!(
            "{} passed, {} failed ({status})",
            count.n_passed, count.n_failed
        )));
    }
    println!("{} passed, {} failed", count.n_passed, count.n_failed);
    Ok(Ran::Yes)
}

fn show_report(report: &Path) {
    let mut lines: Vec<String> = fs::read_to_string(report)
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    for line in lines {
        println!("counted: {line}");
    }
    let _ = fs::remove_file(report);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(
            Count::of_line(line),
            Some(Count {
                n_passed: 12,
                n_failed: 3,
                n_ignored: 1
            })
        );
        assert_eq!(Count::of_line("test result_lines_are_counted ... ok"), None);
        assert_eq!(Count::of_line("test result: gibberish"), None);
    }
}
