//! How late endless programs are stopped: `deadline FOLDER [RUNS]` runs each program of a folder that many times under a
//! deadline and prints by how much it was missed. `cargo xtask bench --deadline` calls it.
#![allow(clippy::print_stdout, reason = "a table is what this program is for")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sup_runtime::{Grants, Limits, Runtime};

/// Long enough that each program is in the midst of its work.
const DEADLINE: Duration = Duration::from_millis(150);
/// How late is late.
const LATE: Duration = Duration::from_millis(1);
const N_RUNS: usize = 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, n_runs) = match arguments.as_slice() {
        [folder] => (folder, Some(N_RUNS)),
        [folder, n_runs] => (folder, n_runs.parse().ok().filter(|n| *n > 0)),
        _ => return usage(),
    };
    let (Some(n_runs), Ok(entries)) = (n_runs, std::fs::read_dir(folder)) else {
        return usage();
    };
    let mut programs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    programs.sort();
    println!(
        "{:<16} {:>10} {:>10} {:>10}",
        "program", "median µs", "worst µs", "stopped"
    );
    let mut n_late = 0;
    for program in &programs {
        let name = program
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match sup_runtime::runtime::with_stack(|| overshoots(program, n_runs)) {
            Ok(mut late) => {
                late.sort_unstable();
                let (median, worst) = (late[late.len() / 2], late[late.len() - 1]);
                let mark = if median > LATE { "LATE" } else { "" };
                n_late += usize::from(median > LATE);
                println!(
                    "{name:<16} {:>10} {:>10} {:>10} {mark}",
                    median.as_micros(),
                    worst.as_micros(),
                    late.len()
                );
            }
            Err(problem) => {
                println!("{name:<16} {problem}");
                n_late += 1;
            }
        }
    }
    println!(
        "{n_late} of {} are late by more than {} ms",
        programs.len(),
        LATE.as_millis()
    );
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    println!("usage: deadline FOLDER [RUNS]: the folder's programs define (go), which never ends");
    ExitCode::from(2)
}

/// How long after its deadline each run of `(go)` was over.
fn overshoots(program: &Path, n_runs: usize) -> Result<Vec<Duration>, String> {
    let mut runtime = Runtime::builder(Limits::generous())
        .grants(Grants::all())
        .kernel_path(kernels())
        .build()
        .map_err(|problems| format!("{problems:?}"))?;
    runtime
        .run_file(program)
        .map_err(|problems| format!("{problems:?}"))?;
    runtime.vm.set_limits(Limits {
        deadline_ms: Some(DEADLINE.as_millis() as u64),
        ..Limits::generous()
    });
    let mut late = Vec::new();
    for _ in 0..n_runs {
        let start = Instant::now();
        let problems = runtime.eval("go", "(go)").expect_err("it never ends");
        let elapsed = start.elapsed();
        match problems.first() {
            Some(problem) if problem.code == "vm/deadline" => late.push(elapsed.saturating_sub(DEADLINE)),
            other => return Err(format!("it was not stopped by its deadline: {other:?}")),
        }
    }
    Ok(late)
}

/// The kernels lie beside the command, two folders above this program's own.
fn kernels() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.ancestors().nth(2).unwrap_or(Path::new(".")).to_path_buf()
}
