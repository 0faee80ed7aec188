//! `sup check`: mistakes that can be found without running anything.

use std::path::{Path, PathBuf};

use clap::Args;
use slp::script::has_cases;
use sup_runtime::check::{Finding, Severity};
use sup_runtime::{Capability, Grants, Problem, Runtime};

use super::files;
use crate::arguments::Options;
use crate::console;
use crate::draw::Weight;
use crate::exit::Exit;
use crate::json;
use crate::project::manifest::{self, Manifest};
use crate::session::{self, Teller};

const EXAMPLES: &str = "\
Examples:
  sup check hello.slp         one file and what it imports
  sup check .                 every .slp and .sxs file below here
  sup check --json src        findings as lines of JSON on standard output

Unbound names, wrong counts and types of arguments, unreachable branches, unused bindings. Nothing is run but macros, and those
without any capability. Exit code 1 when there is an error; warnings alone do not count.";

/// Looks for mistakes.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Check {
    /// Files, and directories to look below
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
}

impl Check {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let files = match files::sources(&self.paths) {
            Ok(files) => files,
            Err(exit) => return exit,
        };
        // Modules are read and kernels are loaded for their signatures; nothing that is checked is run.
        let grants = Grants::NONE.with(Capability::FileRead).with(Capability::Kernel);
        let mut runtime = match session::build(
            session::builder(options)
                .grants(grants)
                .looks_for(options.grants()),
            options,
        ) {
            Ok(runtime) => runtime,
            Err(exit) => return exit,
        };
        let mut counts = Counts::default();
        for file in &files {
            for finding in findings(&mut runtime, file) {
                counts.add(&finding);
                tell(&runtime, options, &finding);
            }
        }
        if !options.json {
            console::complain(&format!("{}\n", counts.told(files.len())));
        }
        if counts.n_errors > 0 {
            Exit::Raised
        } else {
            Exit::Fine
        }
    }
}

/// What is wrong with a file. A `project.slp` and a `kernel.slp` are read as what they are; a mistake that a test expects is none.
fn findings(runtime: &mut Runtime, file: &Path) -> Vec<Finding> {
    let error = |problem| Finding {
        severity: Severity::Error,
        problem,
    };
    match file.file_name().and_then(|name| name.to_str()) {
        Some(manifest::FILE) => Manifest::read(file).err().into_iter().map(error).collect(),
        Some("kernel.slp") => {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let wrong = sup_runtime::declaration::parse(&text).err();
            let source = file.display().to_string();
            wrong
                .iter()
                .map(|fault| error(Problem::from_fault(&source, fault)))
                .collect()
        }
        _ => {
            let mut findings = runtime.check_file(file);
            findings.retain(|finding| !is_expected(runtime, &finding.problem));
            findings
        }
    }
}

/// Whether a test says, in the line of a mistake or the next, that it raises this.
fn is_expected(runtime: &Runtime, problem: &Problem) -> bool {
    let Some(place) = &problem.place else { return false };
    let text = runtime.source_text(&place.source).unwrap_or_default();
    let rest = text.get(place.span.start as usize..).unwrap_or_default();
    let expected = format!(";!! {}", problem.code);
    let lines = rest.lines().take(2);
    has_cases(&text)
        && lines
            .map(|line| line.find(";!!").map_or("", |at| &line[at..]))
            .any(|said| said.starts_with(&expected))
}

fn tell(runtime: &Runtime, options: &Options, finding: &Finding) {
    let weight = match finding.severity {
        Severity::Error => Weight::Error,
        Severity::Warning => Weight::Warning,
    };
    if options.json {
        // Here the findings are what was asked for.
        let value = json::problem(&finding.problem, weight, &|source| runtime.source_text(source));
        console::print_line(&value.to_string());
    } else {
        Teller::new(options).tell(runtime, &finding.problem, weight);
    }
}

#[derive(Default)]
struct Counts {
    n_errors: usize,
    n_warnings: usize,
}

impl Counts {
    fn add(&mut self, finding: &Finding) {
        match finding.severity {
            Severity::Error => self.n_errors += 1,
            Severity::Warning => self.n_warnings += 1,
        }
    }

    fn told(&self, n_files: usize) -> String {
        let plural = |count: usize, word: &str| {
            if count == 1 {
                format!("1 {word}")
            } else {
                format!("{count} {word}s")
            }
        };
        format!(
            "{} checked: {}, {}",
            plural(n_files, "file"),
            plural(self.n_errors, "error"),
            plural(self.n_warnings, "warning")
        )
    }
}
