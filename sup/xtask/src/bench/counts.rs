//! Instructions as the stable gauge of speed: counted under valgrind, kept in `tests/bench/instructions.txt`, and checked.
//!
//! A count does not depend on what else the machine does. It does depend on the compiler, on valgrind, and on the processor
//! where a library chooses its code by it, so the file says with what it was made, and with other tools nothing is checked.

use std::fs;
use std::path::{Path, PathBuf};

use super::{build, name_of, programs};
use crate::house::{Failure, House, captured, in_path, shown};
use crate::steps::Ran;

const KEPT: &str = "tests/bench/instructions.txt";
/// A count may be that much above the kept one: what the order of link and layout make of the same source.
const TOLERANCE: f64 = 0.03;
/// What the quick check may take, in instructions: about half a minute under valgrind.
const QUICK_BUDGET: u64 = 4_000_000_000;

const HEADING: &str = "\
# Instructions that the programs of this folder take, start-up and all: the stable gauge of speed.
# `cargo xtask bench --count` makes it, `cargo xtask bench --check` fails where a count is more than 3 % above it.
# A count rises only with a reason behind it: `cargo xtask bench --count --because \"…\"`.
";

/// The count of one benchmark, and why it was let rise.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Count {
    bench: String,
    instructions: u64,
    reason: String,
}

/// What is kept in the repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kept {
    made_with: String,
    counts: Vec<Count>,
}

/// How a count stands to the kept one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    New,
    Same,
    Better,
    Worse,
}

/// `cargo xtask bench --count`: counts and keeps. Without a reason no count rises beyond the tolerance.
pub fn keep(house: &House, reason: Option<&str>) -> Result<(), Failure> {
    let tools = tools(house)?;
    build(house)?;
    let before = read(house)?;
    let comparable = before.made_with == tools;
    let mut counts = Vec::new();
    let mut refused = Vec::new();
    for program in counted(house)? {
        let now = count(house, &program)?;
        let bench = name_of(&program);
        let old = before
            .counts
            .iter()
            .find(|old| old.bench == bench)
            .filter(|_| comparable);
        println!("{}", row(&bench, now, old));
        let worse = change(now, old) == Change::Worse;
        if worse && reason.is_none() {
            refused.push(bench.clone());
        }
        counts.push(chosen(bench, now, old, reason));
    }
    if !refused.is_empty() {
        return Err(Failure::chore(format!(
            "nothing was written, since these take more than before: {}; say why with --because",
            refused.join(", ")
        )));
    }
    let kept = Kept {
        made_with: tools,
        counts,
    };
    fs::write(house.root.join(KEPT), text_of(&kept))
        .map_err(|error| Failure::chore(format!("cannot write {KEPT}: {error}")))?;
    println!("kept in {KEPT}");
    Ok(())
}

/// The line to keep: the lower count, unless there is a reason for the higher one.
fn chosen(bench: String, now: u64, old: Option<&Count>, reason: Option<&str>) -> Count {
    match (change(now, old), old) {
        (Change::Same, Some(old)) if old.instructions <= now => old.clone(),
        (Change::Worse, _) => Count {
            bench,
            instructions: now,
            reason: reason.unwrap_or_default().to_owned(),
        },
        _ => Count {
            bench,
            instructions: now,
            reason: String::new(),
        },
    }
}

/// The programs that take the same number of instructions each time; those that start threads do not.
fn counted(house: &House) -> Result<Vec<PathBuf>, Failure> {
    let mut found = programs(house)?;
    found.retain(|program| !["isolates", "parallel", "swaps"].contains(&name_of(program).as_str()));
    Ok(found)
}

/// `cargo xtask bench --check`: every program.
pub fn check(house: &House) -> Result<(), Failure> {
    build(house)?;
    match checked(house, u64::MAX)? {
        Ran::Yes => Ok(()),
        Ran::No(reason) => Err(Failure::chore(format!("not checked: {reason}"))),
    }
}

/// The check that CI makes of the release build: as many programs as half a minute allows, the short ones first.
pub fn check_quick(house: &House) -> Result<Ran, Failure> {
    checked(house, QUICK_BUDGET)
}

fn checked(house: &House, budget: u64) -> Result<Ran, Failure> {
    let kept = read(house)?;
    let tools = match tools(house) {
        Ok(tools) => tools,
        Err(failure) => return Ok(Ran::No(failure.to_string())),
    };
    if kept.made_with != tools {
        return Ok(Ran::No(format!(
            "{KEPT} was made with {}, and here is {tools}",
            kept.made_with
        )));
    }
    let (mut n_checked, mut bad) = (0, Vec::new());
    for program in within(&kept, counted(house)?, budget) {
        let bench = name_of(&program);
        let old = kept.counts.iter().find(|old| old.bench == bench);
        let now = count(house, &program)?;
        println!("{}", row(&bench, now, old));
        n_checked += 1;
        match change(now, old) {
            Change::Worse => bad.push(bench),
            Change::New => println!("{bench} has no kept count: `cargo xtask bench --count` makes one"),
            Change::Better | Change::Same => {}
        }
    }
    println!("{n_checked} programs counted; a count may be 3 % above the kept one");
    if bad.is_empty() {
        return Ok(Ran::Yes);
    }
    Err(Failure::chore(format!(
        "slower than {KEPT} says: {}; make them as fast, or declare it: cargo xtask bench --count --because \"…\"",
        bad.join(", ")
    )))
}

/// The programs that fit the budget, the shortest first; those without a count come first of all.
fn within(kept: &Kept, programs: Vec<PathBuf>, budget: u64) -> Vec<PathBuf> {
    let cost = |program: &PathBuf| {
        let bench = name_of(program);
        let count = kept.counts.iter().find(|count| count.bench == bench);
        count.map_or(0, |count| count.instructions)
    };
    let mut sorted = programs;
    sorted.sort_by_key(cost);
    let mut spent = 0u64;
    sorted
        .into_iter()
        .take_while(|program| {
            spent = spent.saturating_add(cost(program));
            spent <= budget
        })
        .collect()
}

fn change(now: u64, old: Option<&Count>) -> Change {
    let Some(old) = old else { return Change::New };
    let ratio = now as f64 / old.instructions.max(1) as f64;
    match ratio {
        ratio if ratio > 1.0 + TOLERANCE => Change::Worse,
        ratio if ratio < 1.0 - TOLERANCE => Change::Better,
        _ => Change::Same,
    }
}

fn row(bench: &str, now: u64, old: Option<&Count>) -> String {
    let millions = now as f64 / 1e6;
    let Some(old) = old else {
        return format!("{bench:<12} {millions:>10.1} million instructions, new");
    };
    let ratio = now as f64 / old.instructions.max(1) as f64;
    let mark = match change(now, Some(old)) {
        Change::Worse => "  WORSE",
        Change::Better => "  better: --count keeps it",
        Change::New | Change::Same => "",
    };
    format!("{bench:<12} {millions:>10.1} million instructions, {ratio:.3} of the kept count{mark}")
}

/// Instructions of one run. The environment is ours alone, since its size moves the stack and with it what is copied how.
fn count(house: &House, program: &Path) -> Result<u64, Failure> {
    let mut command = house.command("valgrind");
    command
        .env_clear()
        .args([
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
        ])
        .arg(house.sup())
        .arg("run")
        .arg(program)
        .env("SUP_KERNEL_PATH", house.release());
    let output = command
        .output()
        .map_err(|error| Failure::chore(format!("cannot start `{}`: {error}", shown(&command))))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(Failure::chore(format!(
            "`{}` failed ({}): {}",
            shown(&command),
            output.status,
            said.trim()
        )));
    }
    instructions(&said)
        .ok_or_else(|| Failure::chore(format!("`{}` told no count: {}", shown(&command), said.trim())))
}

/// The number in cachegrind's `==123== I refs: 1,234` (older) or `I   refs:`.
fn instructions(said: &str) -> Option<u64> {
    let line = said
        .lines()
        .find(|line| line.contains("refs:") && line.contains("== I"))?;
    let (_, number) = line.split_once("refs:")?;
    number.trim().replace(',', "").parse().ok()
}

/// What a count depends on beside our source: compiler, valgrind, and whether libraries choose their code for AVX2.
fn tools(house: &House) -> Result<String, Failure> {
    if in_path("valgrind").is_none() {
        return Err(Failure::chore(
            "valgrind, which counts instructions, is not installed: apt-get install valgrind",
        ));
    }
    let rustc = captured(house.command("rustc").arg("--version"))?;
    let valgrind = captured(house.command("valgrind").arg("--version"))?;
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let vectors = if processor.contains(" avx2") {
        "avx2"
    } else {
        "no avx2"
    };
    Ok(format!(
        "{}; {}; {} with {vectors}",
        rustc.trim(),
        valgrind.trim(),
        std::env::consts::ARCH
    ))
}

fn read(house: &House) -> Result<Kept, Failure> {
    let path = house.root.join(KEPT);
    if !path.exists() {
        return Ok(Kept::default());
    }
    let text =
        fs::read_to_string(&path).map_err(|error| Failure::chore(format!("cannot read {KEPT}: {error}")))?;
    parsed(&text)
}

fn parsed(text: &str) -> Result<Kept, Failure> {
    let mut kept = Kept::default();
    for (index, line) in text.lines().enumerate() {
        if let Some(tools) = line.strip_prefix("made with: ") {
            kept.made_with = tools.to_owned();
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.splitn(3, ' ').map(str::trim);
        let count = words.next().zip(words.next()).and_then(|(bench, number)| {
            let reason = words.next().unwrap_or_default();
            Some(Count {
                bench: bench.to_owned(),
                instructions: number.parse().ok()?,
                reason: reason.trim_start_matches('#').trim().to_owned(),
            })
        });
        kept.counts.push(count.ok_or_else(|| {
            Failure::chore(format!(
                "{KEPT}:{}: a line is a benchmark and its count, as in `fib 123`",
                index + 1
            ))
        })?);
    }
    Ok(kept)
}

fn text_of(kept: &Kept) -> String {
    let mut text = format!("{HEADING}made with: {}\n", kept.made_with);
    for count in &kept.counts {
        text.push_str(&format!("{} {}", count.bench, count.instructions));
        if !count.reason.is_empty() {
            text.push_str(&format!(" # {}", count.reason));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count_of(bench: &str, instructions: u64, reason: &str) -> Count {
        Count {
            bench: bench.to_owned(),
            instructions,
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let kept = Kept {
            made_with: "rustc 1.95.0; valgrind-3.19.0; x86_64 with avx2".to_owned(),
            counts: vec![
                count_of("fib", 1_234, ""),
                count_of("sort", 5_678, "keys are compared as text"),
            ],
        };
        assert_eq!(parsed(&text_of(&kept)).expect("it was just written"), kept);
        let failure = parsed("# heading\nfib many\n").expect_err("that is no number");
        assert!(failure.to_string().contains("instructions.txt:2"), "{failure}");
    }

    #[test]
    fn a_count_three_percent_above_is_worse_and_needs_a_reason() {
        let old = count_of("fib", 1_000_000, "");
        for (now, expected) in [
            (1_000_000, Change::Same),
            (1_029_999, Change::Same),
            (1_030_001, Change::Worse),
            (970_001, Change::Same),
            (969_999, Change::Better),
        ] {
            assert_eq!(change(now, Some(&old)), expected, "{now}");
        }
        assert_eq!(change(1, None), Change::New);
    }

    #[test]
    fn counts_fall_by_themselves_and_rise_with_a_reason() {
        let old = count_of("fib", 1_000, "");
        let fib = || "fib".to_owned();
        assert_eq!(
            chosen(fib(), 1_020, Some(&old), None),
            old,
            "many small steps up are a step up"
        );
        assert_eq!(chosen(fib(), 990, Some(&old), None).instructions, 990);
        assert_eq!(
            chosen(fib(), 2_000, Some(&old), Some("checks more")),
            count_of("fib", 2_000, "checks more")
        );
        assert_eq!(chosen(fib(), 5, None, None), count_of("fib", 5, ""));
    }

    #[test]
    fn the_quick_check_takes_the_short_programs() {
        let kept = Kept {
            made_with: String::new(),
            counts: vec![
                count_of("long", 900, ""),
                count_of("short", 10, ""),
                count_of("middle", 80, ""),
            ],
        };
        let all = ["long", "middle", "new", "short"].map(|name| PathBuf::from(format!("{name}.slp")));
        let chosen: Vec<String> = within(&kept, all.to_vec(), 100)
            .iter()
            .map(|path| name_of(path))
            .collect();
        assert_eq!(chosen, ["new", "short", "middle"]);
    }

    #[test]
    fn the_count_is_read_out_of_what_valgrind_says() {
        assert_eq!(
            instructions("==7== Cachegrind\n==7== I   refs:      1,234,567\n"),
            Some(1_234_567)
        );
        assert_eq!(instructions("==7== I refs:   12\n"), Some(12));
        assert_eq!(instructions("==7== nothing\n"), None);
    }
}
