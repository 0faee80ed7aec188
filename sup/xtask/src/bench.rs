//! `cargo xtask bench`: how long the programs of `tests/bench` take, beside the last saved run, and with `--peers` beside the
//! same programs in other languages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::house::{Failure, House, captured, done, in_path, shown};
use crate::json;
use crate::setup::{self, Need};
use crate::test;

const N_RUNS: usize = 5;

/// The peers of the driver, with the Debian packages that bring them.
const PEERS: [(&str, &str); 8] = [
    ("lua5.4", "lua5.4"),
    ("luajit", "luajit"),
    ("janet", ""),
    ("guile", "guile-3.0"),
    ("chezscheme", "chezscheme"),
    ("sbcl", "sbcl"),
    ("python3", "python3"),
    ("node", "nodejs"),
];

/// What one program took: CPU time of the whole process, the median of the runs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Figure {
    bench: String,
    cpu_ms: u64,
}

/// `cargo xtask bench`.
pub fn run(house: &House) -> Result<(), Failure> {
    setup::run(house, Need::Build)?;
    test::build(house)?;
    let folder = house.target.join("bench");
    fs::create_dir_all(&folder)
        .map_err(|error| Failure::chore(format!("cannot make {}: {error}", folder.display())))?;
    let last = last_saved(&folder);
    let mut figures = Vec::new();
    println!("{:<12} {:>8} {:>8} {:>6}", "bench", "cpu ms", "before", "ratio");
    for program in programs(house)? {
        let figure = measure(house, &program)?;
        let before = last.iter().find(|old| old.bench == figure.bench);
        println!("{}", row(&figure, before));
        figures.push(figure);
    }
    let path = save(house, &folder, &figures)?;
    println!("saved as {}", path.display());
    Ok(())
}

/// `cargo xtask bench --peers`: hands over to the driver, which prints its tables as Markdown.
pub fn run_peers(house: &House, arguments: &[&str]) -> Result<(), Failure> {
    setup::run(house, Need::Build)?;
    test::build(house)?;
    if in_path("python3").is_none() {
        return Err(Failure::chore(
            "the driver of the peers is written in Python: apt-get install python3",
        ));
    }
    tell_missing_peers();
    run_driver(house, "tests/bench/peers", arguments)?;
    // Whoever names benchmarks means those of the first table.
    if arguments.is_empty() {
        run_driver(house, "tests/bench/peers-extra", &[])
    } else {
        Ok(())
    }
}

/// Runs the driver over a folder of programs; their versions in SLP lie in `tests/bench`.
fn run_driver(house: &House, programs: &str, arguments: &[&str]) -> Result<(), Failure> {
    let mut command = house.command("python3");
    command
        .arg("tests/bench/peers/peers.py")
        .arg("--sup")
        .arg(format!("{} run", house.sup().display()));
    command
        .args(["--sup-dir", "tests/bench", "--programs", programs])
        .args(arguments);
    println!("running `{}`", shown(&command));
    house.point_at_binaries(&mut command);
    done(&mut command)
}

fn tell_missing_peers() {
    let missing: Vec<&(&str, &str)> = PEERS
        .iter()
        .filter(|(program, _)| in_path(program).is_none())
        .collect();
    let packages: Vec<&str> = missing
        .iter()
        .map(|(_, package)| *package)
        .filter(|package| !package.is_empty())
        .collect();
    for (program, _) in &missing {
        println!("bench: the peer {program} is not installed and is left out");
    }
    if !packages.is_empty() {
        println!("bench: to have them: apt-get install {}", packages.join(" "));
    }
    if missing.iter().any(|(program, _)| *program == "janet") {
        println!("bench: janet is no Debian package everywhere: https://janet-lang.org");
    }
    if in_path("steel").is_none() {
        println!("bench: the peer steel is not installed: cargo install steel-interpreter");
    }
}

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

fn measure(house: &House, program: &Path) -> Result<Figure, Failure> {
    let mut times: Vec<u64> = (0..N_RUNS)
        .map(|_| cpu_ms(house, program))
        .collect::<Result<_, _>>()?;
    times.sort_unstable();
    let bench = program
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(Figure {
        bench,
        cpu_ms: times[N_RUNS / 2],
    })
}

/// User and system time of one run. Bash reads it off the process, which std cannot.
fn cpu_ms(house: &House, program: &Path) -> Result<u64, Failure> {
    let script = "exec 3>&2; TIMEFORMAT='%3U %3S'; { time \"$@\" >/dev/null 2>&3; } 2>&1";
    let mut command = house.command("bash");
    command
        .args(["-c", script, "bash"])
        .arg(house.sup())
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

fn row(figure: &Figure, before: Option<&Figure>) -> String {
    let Some(before) = before else {
        return format!("{:<12} {:>8} {:>8} {:>6}", figure.bench, figure.cpu_ms, "–", "–");
    };
    let ratio = figure.cpu_ms.max(1) as f64 / before.cpu_ms.max(1) as f64;
    format!(
        "{:<12} {:>8} {:>8} {ratio:>6.2}",
        figure.bench, figure.cpu_ms, before.cpu_ms
    )
}

/// Writes `SECONDS-COMMIT.json`: one line for each figure, so that the next run can read it line by line.
fn save(house: &House, folder: &Path, figures: &[Figure]) -> Result<PathBuf, Failure> {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let commit = captured(house.command("git").args(["rev-parse", "--short", "HEAD"])).unwrap_or_default();
    let commit = commit.trim();
    let path = folder.join(format!(
        "{seconds}-{}.json",
        if commit.is_empty() { "none" } else { commit }
    ));
    let lines: Vec<String> = figures
        .iter()
        .map(|figure| {
            format!(
                "  {{\"bench\": {}, \"cpu_ms\": {}}}",
                json::quoted(&figure.bench),
                figure.cpu_ms
            )
        })
        .collect();
    let text = format!(
        "{{\n \"commit\": {}, \"unix_s\": {seconds}, \"runs\": {N_RUNS},\n \"figures\": [\n{}\n ]\n}}\n",
        json::quoted(commit),
        lines.join(",\n")
    );
    fs::write(&path, text)
        .map_err(|error| Failure::chore(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}

fn last_saved(folder: &Path) -> Vec<Figure> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let newest = entries.flatten().map(|entry| entry.path()).max();
    let text = newest
        .and_then(|path| fs::read_to_string(path).ok())
        .unwrap_or_default();
    text.lines().filter_map(figure_of_line).collect()
}

fn figure_of_line(line: &str) -> Option<Figure> {
    let bench = json::string_field(line, "bench")?;
    let (_, rest) = line.split_once("\"cpu_ms\": ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(Figure {
        bench,
        cpu_ms: digits.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::scratch::Scratch;

    #[test]
    fn a_saved_run_is_read_back() {
        let scratch = Scratch::new("bench");
        let house = House::at(scratch.path().to_path_buf());
        let figures = [
            Figure {
                bench: "fib".to_owned(),
                cpu_ms: 236,
            },
            Figure {
                bench: "empty".to_owned(),
                cpu_ms: 0,
            },
        ];
        save(&house, scratch.path(), &figures).expect("the folder can be written");
        assert_eq!(last_saved(scratch.path()), figures);
    }

    #[test]
    fn a_ratio_above_one_is_slower_than_before() {
        let figure = |cpu_ms| Figure {
            bench: "fib".to_owned(),
            cpu_ms,
        };
        assert_eq!(
            row(&figure(300), Some(&figure(200))),
            "fib               300      200   1.50"
        );
        assert_eq!(
            row(&figure(0), Some(&figure(0))),
            "fib                 0        0   1.00"
        );
        assert_eq!(row(&figure(300), None), "fib               300        –      –");
    }
}
