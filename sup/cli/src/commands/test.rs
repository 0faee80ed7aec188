//! `sup test`: cases with expectations, registered tests, and the examples of doc strings.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use slp::script::has_cases;
use sup_runtime::load::Problems;
use sup_runtime::testing::{Failure, Library, Report, Tester, has_examples};
use sup_runtime::{Grants, StoreLocation};

use super::files;
use crate::arguments::Options;
use crate::console;
use crate::exit::Exit;
use crate::project::needs;
use crate::session::{self, Teller};

const EXAMPLES: &str = "\
Examples:
  sup test                    every test of the project here
  sup test tests/             every test below a directory
  sup test shapes.slp         one file

A file with lines `;;; name` holds cases; each is a few forms with what they give:
  ;;; adding
  (+ 1 2)      ;=> 3
  (+ 1 \"x\")    ;!! type/mismatch
  (print \"hi\")
  ;>> hi
What stands before the first case is done before each.
Other files are loaded when they register tests with (test/deftest name …) or have examples in doc strings.
Tests have a store of their own, in memory and empty, unless --store names one.
A test may take a minute unless --deadline-ms says otherwise. Exit code 1 when one fails.";

/// How long one form of a test may take, in milliseconds, unless the command line says.
const DEADLINE_MS: u64 = 60_000;

/// Runs tests.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Test {
    /// Files, and directories to look below
    #[arg(value_name = "PATH", default_value = ".")]
    pub paths: Vec<PathBuf>,
}

impl Test {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let files = match files::sources(&self.paths) {
            Ok(files) => files,
            Err(exit) => return exit,
        };
        let mut options = match needs::prepare(&self.paths[0], options) {
            Ok((options, _)) => options,
            Err(exit) => return exit,
        };
        options.deadline_ms.get_or_insert(DEADLINE_MS);
        let grants = if options.allow.is_some() {
            options.grants()
        } else {
            Grants::all()
        };
        let mut tester = Tester::new(|library| {
            let builder = session::builder(&options).grants(grants);
            // What tests put there must not end up among a person's own code and data.
            let builder = if options.store.is_none() {
                builder.store_at(StoreLocation::Memory)
            } else {
                builder
            };
            if library == Library::Bare {
                builder.bare()
            } else {
                builder
            }
        });
        let mut total = Report::default();
        let mut n_broken = 0;
        for file in &files {
            match test(&mut tester, file) {
                Ok(report) => {
                    if !options.json {
                        report.failures.iter().for_each(show);
                    }
                    total.add(report);
                }
                Err(problems) => {
                    n_broken += 1;
                    tell(&tester, &options, &problems);
                }
            }
        }
        total.n_failed += n_broken;
        conclude(&total, &options);
        if total.n_failed > 0 {
            Exit::Raised
        } else {
            Exit::Fine
        }
    }
}

fn test(tester: &mut Tester<'_>, file: &Path) -> Result<Report, Problems> {
    let Ok(text) = std::fs::read_to_string(file) else {
        // The loader tells what is wrong with a file that cannot be read.
        return tester.source(file, "");
    };
    if has_cases(&text) {
        return tester.script(file, &text);
    }
    if text.contains("deftest") || has_examples(&text) {
        return tester.source(file, &text);
    }
    Ok(Report::default())
}

fn tell(tester: &Tester<'_>, options: &Options, problems: &Problems) {
    let teller = Teller::new(options);
    for problem in problems {
        match tester.runtime() {
            Some(runtime) => teller.tell_all(runtime, std::slice::from_ref(problem)),
            None => teller.tell_without_sources(problem),
        }
    }
}

fn show(failure: &Failure) {
    let mut text = format!("FAILED {}:{} {}\n", failure.file, failure.line, failure.name);
    for line in failure.form.lines() {
        text.push_str(&format!("    {line}\n"));
    }
    for line in &failure.expected {
        text.push_str(&format!("  expected {line}\n"));
    }
    for line in &failure.got {
        text.push_str(&format!("  got      {line}\n"));
    }
    if failure.got.is_empty() {
        text.push_str("  got      nothing of that\n");
    }
    console::print(&text);
}

fn conclude(total: &Report, options: &Options) {
    if !options.json {
        console::print_line(&format!("{} passed, {} failed", total.n_passed, total.n_failed));
        return;
    }
    let failures: Vec<serde_json::Value> = total
        .failures
        .iter()
        .map(|it| {
            json!({
                "file": it.file, "line": it.line, "name": it.name, "form": it.form, "expected": it.expected, "got": it.got,
            })
        })
        .collect();
    let value = json!({ "passed": total.n_passed, "failed": total.n_failed, "failures": failures });
    console::print_line(&value.to_string());
}
