//! Test scripts in SLP that carry their own expectations.
//!
//! ```text
//! ;;; rest-drops-the-head          a case: everything up to the next heading
//! (rest '(1 2 3))
//! ;=> (2 3)                        the value of the form before it, printed
//! (print "hello")
//! ;>> hello                        a line that the form before it printed; several make several lines
//! (at 'x {1 2})
//! ;!! type/mismatch 'x             the form raised: the error's code, and, when it is there, the text that it points at
//! ```
//!
//! An expectation may also stand on the form's own line. A form without expectation may have any value; it may not raise, and what
//! it prints is expected of the next one that has any. Before the first heading stand only comments. With `SUP_BLESS=1` the expectations that differ are rewritten in
//! place and nothing fails; `git diff` is the review.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

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
    /// The source with spaces in place of the expectations that have a line of their own, so that they do not end up in a string
    /// that a case leaves open. Places stay what they are.
    pub fn program(&self) -> String {
        let mut program = String::with_capacity(self.source.len());
        for line in self.source.split_inclusive('\n') {
            if Kind::ALL
                .iter()
                .any(|kind| line.trim_start().starts_with(kind.marker()))
            {
                let content = line.trim_end_matches('\n');
                program.extend(std::iter::repeat_n(' ', content.len()));
                program.push_str(&line[content.len()..]);
            } else {
                program.push_str(line);
            }
        }
        program
    }
}

/// What a runner says of one top-level form of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormResult {
    /// The bytes of the form in the case's source. When the source cannot be read: from the fault to the end.
    pub span: Range<usize>,
    /// How it ended.
    pub outcome: Outcome,
    /// What it printed.
    pub printed: String,
}

/// How a form ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a value, as the language prints it.
    Value(String),
    /// With an error that nothing caught.
    Raised {
        /// Its code: `alu/overflow`.
        code: String,
        /// The source text that it points at; empty when it points nowhere.
        place: String,
    },
}

impl FormResult {
    /// A form that had a value and printed nothing.
    pub fn value(span: Range<usize>, value: impl Into<String>) -> FormResult {
        FormResult {
            span,
            outcome: Outcome::Value(value.into()),
            printed: String::new(),
        }
    }

    /// A form that raised and printed nothing.
    pub fn raised(span: Range<usize>, code: impl Into<String>, place: impl Into<String>) -> FormResult {
        let outcome = Outcome::Raised {
            code: code.into(),
            place: place.into(),
        };
        FormResult {
            span,
            outcome,
            printed: String::new(),
        }
    }

    /// The same, with what it printed.
    pub fn with_printed(mut self, printed: impl Into<String>) -> FormResult {
        self.printed = printed.into();
        self
    }
}

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
    let mut cases: Vec<Case> = Vec::new();
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        if let Some(heading) = line.strip_prefix(";;;") {
            let heading = heading.trim();
            let (name, notes) = heading.split_once(' ').unwrap_or((heading, ""));
            let (name, notes) = (name.to_owned(), notes.trim().to_owned());
            if name.is_empty() {
                return Err(format!(
                    "{}:{number}: a case needs a name: `;;; like-this`",
                    path.display()
                ));
            }
            cases.push(Case {
                name,
                notes,
                path: path.to_owned(),
                line: number,
                source: String::new(),
            });
        } else if let Some(case) = cases.last_mut() {
            case.source.push_str(line);
        } else if !line.trim().is_empty() && !line.starts_with(';') {
            return Err(format!(
                "{}:{number}: code before the first case (`;;; name`)",
                path.display()
            ));
        }
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

/// An expectation in a case's source.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Expectation {
    kind: Kind,
    text: String,
    /// From its semicolon to the end of its line, the newline not included.
    span: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Value,
    Error,
    Printed,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Printed, Kind::Value, Kind::Error];

    fn marker(self) -> &'static str {
        match self {
            Kind::Value => ";=>",
            Kind::Error => ";!!",
            Kind::Printed => ";>>",
        }
    }
}

/// The expectations that stand outside of the forms: a marker within a form is part of a string or of a comment in it.
fn expectations(source: &str, results: &[FormResult]) -> Vec<Expectation> {
    let mut found = Vec::new();
    let mut line_start = 0;
    for line in source.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let comment = content
            .match_indices(';')
            .find(|(at, _)| is_outside(line_start + at, results));
        if let Some((at, _)) = comment
            && let Some(kind) = Kind::ALL
                .into_iter()
                .find(|kind| content[at..].starts_with(kind.marker()))
        {
            let text = content[at + kind.marker().len()..].trim_end();
            let text = text.strip_prefix(' ').unwrap_or(text).to_owned();
            found.push(Expectation {
                kind,
                text,
                span: line_start + at..line_start + content.len(),
            });
        }
        line_start += line.len();
    }
    found
}

/// Whether a place lies between forms. A form that could not be read reaches to the end and swallows nothing but its own line, so
/// that its expectation can stand below it.
fn is_outside(at: usize, results: &[FormResult]) -> bool {
    !results
        .iter()
        .any(|result| result.span.contains(&at) && !is_reading_fault(result))
}

fn is_reading_fault(result: &FormResult) -> bool {
    matches!(&result.outcome, Outcome::Raised { code, .. } if code.starts_with("slp/"))
}

/// The expectations of each form: those that stand between its start and the start of the next.
fn by_form(source: &str, results: &[FormResult]) -> Vec<Vec<Expectation>> {
    let mut sorted: Vec<Vec<Expectation>> = vec![Vec::new(); results.len()];
    for expectation in expectations(source, results) {
        let owner = results
            .iter()
            .rposition(|result| result.span.start < expectation.span.start)
            .unwrap_or(0);
        if let Some(list) = sorted.get_mut(owner) {
            list.push(expectation);
        }
    }
    sorted
}

/// The results with what is expected of each. What a form without expectation printed goes to the next form that has one.
fn judged(source: &str, results: &[FormResult]) -> Vec<(FormResult, Vec<Expectation>)> {
    let mut carried = String::new();
    let mut judged = Vec::new();
    for (index, (result, expected)) in results.iter().zip(by_form(source, results)).enumerate() {
        let mut result = result.clone();
        result.printed.insert_str(0, &std::mem::take(&mut carried));
        let is_last = index + 1 == results.len();
        if expected.is_empty() && !is_last && matches!(result.outcome, Outcome::Value(_)) {
            carried = std::mem::take(&mut result.printed);
        }
        judged.push((result, expected));
    }
    judged
}

/// What does not hold, as messages.
fn compare(case: &Case, results: &[FormResult]) -> Vec<String> {
    if results.is_empty() {
        return vec![format!("{}: the case has no form", place(case, 0))];
    }
    let mut failures = Vec::new();
    for (result, expected) in judged(&case.source, results) {
        let wanted: Vec<String> = expected.iter().map(shown).collect();
        let actual = actual_lines(&result, &expected);
        if wanted != actual {
            failures.push(unmet(case, &result, &wanted, &actual));
        }
    }
    failures
}

/// The message for one form: where it stands, and the lines of either side that the other has not.
fn unmet(case: &Case, result: &FormResult, wanted: &[String], actual: &[String]) -> String {
    let form = case.source.get(result.span.clone()).unwrap_or_default().trim();
    let place = place(case, result.span.start);
    let mut message = format!("{place}:\n    {}\n", form.replace('\n', "\n    "));
    let length = message.len();
    wanted
        .iter()
        .filter(|line| !actual.contains(line))
        .for_each(|line| message_line(&mut message, '-', line));
    actual
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

fn shown(expectation: &Expectation) -> String {
    format!("{} {}", expectation.kind.marker(), expectation.text)
        .trim_end()
        .to_owned()
}

/// The expectation lines that would hold for a result, in the order printed, then value or error. A value that nobody asks for is
/// left out, and so is the place of an error when only the code is asked for.
fn actual_lines(result: &FormResult, expected: &[Expectation]) -> Vec<String> {
    let asked = |kind: Kind| expected.iter().find(|expectation| expectation.kind == kind);
    let mut lines: Vec<String> = result
        .printed
        .lines()
        .map(|line| format!("{} {line}", Kind::Printed.marker()).trim_end().to_owned())
        .collect();
    match &result.outcome {
        Outcome::Value(value) => {
            if asked(Kind::Value).is_some() || (asked(Kind::Error).is_some() && lines.is_empty()) {
                lines.push(format!("{} {}", Kind::Value.marker(), one_line(value)));
            }
        }
        Outcome::Raised { code, place } => {
            let only_code =
                asked(Kind::Error).is_some_and(|expectation| !expectation.text.trim().contains(' '));
            let place = if only_code { String::new() } else { one_line(place) };
            lines.push(
                format!("{} {code} {place}", Kind::Error.marker())
                    .trim_end()
                    .to_owned(),
            );
        }
    }
    lines
}

/// A text on one line, as expectations are.
fn one_line(text: &str) -> String {
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\\n")
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
    for (result, expected) in judged(&case.source, results).into_iter().rev() {
        let actual = actual_lines(&result, &expected);
        if expected.iter().map(shown).collect::<Vec<_>>() != actual {
            rewrite(&mut source, &result, &expected, &actual);
        }
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
