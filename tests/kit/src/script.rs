//! Running test scripts in SLP that carry their own expectations; `slp::script` tells what they look like and judges them.
//!
//! Before the first heading stand only comments here. With `SUP_BLESS=1` the expectations that differ are rewritten in place and
//! nothing fails; `git diff` is the review.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use slp::script::{self, Expectation, Judged, Unasked};

use crate::report::report_count;

/// One case of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The first word of its heading.
    pub name: String,
    /// What stands behind it in the heading, for the runner: `!bare`.
    pub notes: String,
    /// The script it stands in.
    pub path: PathBuf,
    /// The line of its heading, from 1.
    pub line: usize,
    /// What stands below the heading, expectations included: they are comments.
    pub source: String,
}

impl Case {
    /// The source with spaces in place of the expectations that have a line of their own. Places stay what they are.
    pub fn program(&self) -> String {
        script::program(&self.source, &self.whole())
    }

    fn whole(&self) -> Range<usize> {
        0..self.source.len()
    }
}

/// What a runner says of one top-level form of a case; its span lies in the case's source.
pub use slp::script::{Ended as FormResult, Outcome};

/// A broken machine fails every case; more than this many say nothing new.
const MAX_SHOWN_FAILURES: usize = 60;

/// Runs every case of every `.slp` file below a folder and compares; tells `cargo xtask test` how many cases ran.
///
/// # Panics
///
/// When an expectation is not met, showing all that are not; when the folder holds no case. Under `SUP_BLESS=1` the scripts are
/// rewritten instead.
#[track_caller]
pub fn run_scripts(what: &str, folder: &Path, runner: impl Fn(&Case) -> Vec<FormResult>) {
    let n_cases = run_folder(folder, runner);
    report_count(&format!("{what} cases"), n_cases);
}

#[track_caller]
fn run_folder(folder: &Path, runner: impl Fn(&Case) -> Vec<FormResult>) -> usize {
    let is_blessing = env::var_os("SUP_BLESS").is_some_and(|value| value == "1");
    let mut n_cases = 0;
    let mut failures = Vec::new();
    for path in scripts(folder) {
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        let cases = cases(&path, &text).unwrap_or_else(|message| panic!("{message}"));
        n_cases += cases.len();
        let mut blessed = preamble(&text).to_owned();
        for case in &cases {
            match catch_unwind(AssertUnwindSafe(|| runner(case))) {
                Ok(results) => {
                    failures.extend(compare(case, &results));
                    blessed.push_str(&bless(case, &results));
                }
                Err(panic) => {
                    failures.push(panicked(case, &*panic));
                    blessed.push_str(&with_heading(&text, case));
                }
            }
        }
        if is_blessing && blessed != text {
            fs::write(&path, &blessed)
                .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
            println!("blessed {}", path.display());
        }
    }
    assert!(n_cases > 0, "there is no case below {}", folder.display());
    assert!(
        is_blessing || failures.is_empty(),
        "{}",
        summary(&failures, n_cases)
    );
    n_cases
}

/// Runs cases that do not come from a script, such as the examples of a document, and compares.
///
/// # Panics
///
/// When an expectation is not met, showing all that are not.
#[track_caller]
pub fn check_cases(cases: &[Case], runner: impl Fn(&Case) -> Vec<FormResult>) {
    let failures: Vec<String> = cases
        .iter()
        .flat_map(|case| match catch_unwind(AssertUnwindSafe(|| runner(case))) {
            Ok(results) => compare(case, &results),
            Err(panic) => vec![panicked(case, &*panic)],
        })
        .collect();
    assert!(failures.is_empty(), "{}", summary(&failures, cases.len()));
}

/// The first failures and how many there are.
fn summary(failures: &[String], n_cases: usize) -> String {
    let shown = &failures[..failures.len().min(MAX_SHOWN_FAILURES)];
    let mut text = format!(
        "{} expectations of {n_cases} cases do not hold:\n\n{}\n",
        failures.len(),
        shown.join("\n\n")
    );
    if failures.len() > shown.len() {
        let _ = writeln!(text, "\n… and {} more", failures.len() - shown.len());
    }
    text
}

fn panicked(case: &Case, panic: &(dyn std::any::Any + Send)) -> String {
    format!("{}: the runner panicked: {}", place(case, 0), panic_text(panic))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}

/// The `.slp` files below a folder, by name.
fn scripts(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    paths.sort();
    let mut scripts = Vec::new();
    for path in paths {
        if path.is_dir() {
            scripts.extend(self::scripts(&path));
        } else if path.extension().is_some_and(|extension| extension == "slp") {
            scripts.push(path);
        }
    }
    scripts
}

/// The cases of a script; the message says which line is not as it should be.
pub fn cases(path: &Path, text: &str) -> Result<Vec<Case>, String> {
    let told = |number: usize, what: &str| Err(format!("{}:{number}: {what}", path.display()));
    for (line, number) in preamble(text).lines().zip(1..) {
        if !line.trim().is_empty() && !line.starts_with(';') {
            return told(number, "code before the first case (`;;; name`)");
        }
    }
    let mut cases = Vec::new();
    for case in script::cases(text).into_iter().filter(|case| case.line > 0) {
        if case.name.is_empty() {
            return told(case.line, "a case needs a name: `;;; like-this`");
        }
        cases.push(Case {
            source: text[case.span].to_owned(),
            name: case.name,
            notes: case.notes,
            path: path.to_owned(),
            line: case.line,
        });
    }
    Ok(cases)
}

/// What stands before the first heading.
fn preamble(text: &str) -> &str {
    let end = if text.starts_with(";;;") {
        0
    } else {
        text.find("\n;;;").map_or(text.len(), |at| at + 1)
    };
    &text[..end]
}

fn heading(text: &str, case: &Case) -> String {
    let line = text.lines().nth(case.line - 1).unwrap_or_default();
    format!("{line}\n")
}

fn with_heading(text: &str, case: &Case) -> String {
    heading(text, case) + &case.source
}

fn judged(case: &Case, results: &[FormResult]) -> Vec<Judged> {
    script::judge(&case.source, &case.whole(), results, Unasked::Told)
}

/// What does not hold, as messages.
fn compare(case: &Case, results: &[FormResult]) -> Vec<String> {
    if results.is_empty() {
        return vec![format!("{}: the case has no form", place(case, 0))];
    }
    let judged = judged(case, results).into_iter();
    judged
        .filter(|form| !form.holds())
        .map(|form| unmet(case, &form))
        .collect()
}

/// The message for one form: where it stands, and the lines of either side that the other has not.
fn unmet(case: &Case, judged: &Judged) -> String {
    let span = judged.ended.span.clone();
    let place = place(case, span.start);
    let form = case.source.get(span).unwrap_or_default().trim();
    let mut message = format!("{place}:\n    {}\n", form.replace('\n', "\n    "));
    let length = message.len();
    let wanted: Vec<String> = judged.expected.iter().map(Expectation::line).collect();
    wanted
        .iter()
        .filter(|line| !judged.got.contains(line))
        .for_each(|line| message_line(&mut message, '-', line));
    judged
        .got
        .iter()
        .filter(|line| !wanted.contains(line))
        .for_each(|line| message_line(&mut message, '+', line));
    if message.len() == length {
        message.push_str("  the same lines in another order or number\n");
    }
    message.trim_end().to_owned()
}

fn message_line(message: &mut String, mark: char, line: &str) {
    let _ = writeln!(message, "  {mark} {line}");
}

fn place(case: &Case, offset: usize) -> String {
    let n_lines = case
        .source
        .get(..offset)
        .unwrap_or_default()
        .matches('\n')
        .count();
    format!(
        "{}:{} {}",
        case.path.display(),
        case.line + 1 + n_lines,
        case.name
    )
}

/// The case with its heading and with expectations that hold. Those that hold already stay where they are.
fn bless(case: &Case, results: &[FormResult]) -> String {
    let text = fs::read_to_string(&case.path).unwrap_or_default();
    let mut source = case.source.clone();
    // From the end to the start, so that earlier places stay true.
    for form in judged(case, results)
        .into_iter()
        .rev()
        .filter(|form| !form.holds())
    {
        rewrite(&mut source, &form.ended, &form.expected, &form.got);
    }
    heading(&text, case) + &source
}

/// Takes the old expectations of a form out and puts the new ones in: on the form's own line when one was there and there is one
/// now, else on lines of their own below it.
fn rewrite(source: &mut String, result: &FormResult, old: &[Expectation], new: &[String]) {
    let line_end =
        |source: &str, at: usize| source[at..].find('\n').map_or(source.len(), |length| at + length);
    let stays_inline = match (old, new) {
        ([old], [new]) if !is_alone_on_its_line(source, old.span.start) => {
            source.replace_range(old.span.clone(), new);
            true
        }
        _ => false,
    };
    if stays_inline {
        return;
    }
    let form_end = result.span.end.min(source.len());
    let mut insert_at = line_end(source, form_end);
    for expectation in old.iter().rev() {
        let alone = is_alone_on_its_line(source, expectation.span.start);
        let start = if alone {
            source[..expectation.span.start]
                .rfind('\n')
                .map_or(0, |at| at + 1)
        } else {
            source[..expectation.span.start]
                .trim_end_matches([' ', '\t'])
                .len()
        };
        let end = if alone {
            (expectation.span.end + 1).min(source.len())
        } else {
            expectation.span.end
        };
        source.replace_range(start..end, "");
        insert_at = if alone { start } else { line_end(source, start) };
    }
    let mut lines = new.join("\n");
    if source[..insert_at].ends_with('\n') {
        lines.push('\n');
    } else if !lines.is_empty() {
        lines.insert(0, '\n');
    }
    if !new.is_empty() {
        source.insert_str(insert_at, &lines);
    }
}

fn is_alone_on_its_line(source: &str, at: usize) -> bool {
    let line_start = source[..at].rfind('\n').map_or(0, |found| found + 1);
    source[line_start..at].trim().is_empty()
}

#[cfg(test)]
mod tests;
