//! Scripts over a little language of lines: `3` has a value, `raise code` raises, `print text` prints and has the value nil.

use super::*;
use crate::folder::TempFolder;

/// Every line that is not empty and no comment is a form; what follows `;` on it is a comment.
fn run_lines(case: &Case) -> Vec<FormResult> {
    let mut results = Vec::new();
    let mut start = 0;
    for line in case.source.split_inclusive('\n') {
        let form = line.split(';').next().unwrap_or_default().trim_end();
        let span = start..start + form.len();
        start += line.len();
        results.extend(match form.split_once(' ') {
            _ if form.is_empty() => None,
            Some(("raise", code)) => Some(FormResult::raised(span, code, "here")),
            Some(("print", text)) => {
                Some(FormResult::value(span, "nil").with_printed(text.replace('/', "\n") + "\n"))
            }
            _ => Some(FormResult::value(span, form)),
        });
    }
    results
}

fn case(source: impl Into<String>) -> Case {
    let (name, notes) = ("a".to_owned(), String::new());
    Case {
        name,
        notes,
        path: PathBuf::from("a.slp"),
        line: 1,
        source: source.into(),
    }
}

fn failures(script: &str) -> Vec<String> {
    let cases = cases(Path::new("a.slp"), script).expect("the script is well formed");
    cases
        .iter()
        .flat_map(|case| compare(case, &run_lines(case)))
        .collect()
}

#[test]
fn a_script_is_cut_at_its_headings() {
    let found = cases(
        Path::new("a.slp"),
        ";; about\n\n;;; one says\n1\n;=> 1\n;;; two\n2\n",
    )
    .expect("it is well formed");
    let shown: Vec<(&str, usize, &str)> = found
        .iter()
        .map(|case| (case.name.as_str(), case.line, case.source.as_str()))
        .collect();
    assert_eq!(shown, [("one", 3, "1\n;=> 1\n"), ("two", 6, "2\n")]);
    assert!(
        cases(Path::new("a.slp"), "1\n;;; one\n")
            .is_err_and(|message| message.starts_with("a.slp:1: code before"))
    );
    assert!(
        cases(Path::new("a.slp"), ";;;\n1\n")
            .is_err_and(|message| message.starts_with("a.slp:1: a case needs a name"))
    );
}

#[test]
fn expectations_that_hold_pass() {
    for script in [
        ";;; a\n1\n;=> 1\n",
        ";;; a\n1 ;=> 1\n",
        ";;; a\n1\n; a remark\n;=> 1\n2\n",
        ";;; a\nraise x/y\n;!! x/y\n",
        ";;; a\nraise x/y\n;!! x/y here\n",
        ";;; a\nprint one/two\n;>> one\n;>> two\n",
        ";;; a\nprint one\n;>> one\n;=> nil\n",
        ";;; a\nprint one//two\n;>> one\n;>>\n;>> two\n",
        ";;; a\nprint one\nprint two\n;>> one\n;>> two\n",
    ] {
        assert_eq!(failures(script), [] as [&str; 0], "{script}");
    }
}

#[test]
fn expectations_that_do_not_hold_fail_at_their_form() {
    for (script, message) in [
        (";;; a\n1\n;=> 2\n", "a.slp:2 a:\n    1\n  - ;=> 2\n  + ;=> 1"),
        (";;; a\n0\n1 ;=> 2\n", "a.slp:3 a:\n    1\n  - ;=> 2\n  + ;=> 1"),
        (
            ";;; a\nraise x/y\n",
            "a.slp:2 a:\n    raise x/y\n  + ;!! x/y here",
        ),
        (
            ";;; a\nraise x/y\n;!! x/z\n",
            "a.slp:2 a:\n    raise x/y\n  - ;!! x/z\n  + ;!! x/y",
        ),
        (
            ";;; a\nraise x/y\n;!! x/y there\n",
            "a.slp:2 a:\n    raise x/y\n  - ;!! x/y there\n  + ;!! x/y here",
        ),
        (";;; a\n1\n;!! x/y\n", "a.slp:2 a:\n    1\n  - ;!! x/y\n  + ;=> 1"),
        (";;; a\nprint one\n", "a.slp:2 a:\n    print one\n  + ;>> one"),
        (";;; a\n1\n;>> one\n", "a.slp:2 a:\n    1\n  - ;>> one"),
        (";;; a\n", "a.slp:2 a: the case has no form"),
    ] {
        assert_eq!(failures(script), [message], "{script}");
    }
}

#[test]
fn a_marker_within_a_form_is_text() {
    let case = case("\"x ;=> 1\" ;=> 2\n".to_owned());
    let results = [FormResult::value(0..9, "2")];
    assert_eq!(compare(&case, &results), [] as [&str; 0]);
}

#[test]
fn a_source_that_cannot_be_read_has_its_expectation_below_it() {
    let case = case("(let (a 1\n;!! slp/unclosed\n".to_owned());
    let results = [FormResult::raised(
        0..case.source.len(),
        "slp/unclosed",
        "(let (a 1",
    )];
    assert_eq!(compare(&case, &results), [] as [&str; 0]);
}

#[test]
fn blessing_rewrites_what_differs_and_only_that() {
    let before = ";; about\n\n;;; one says so\n1 ;=> 2\n\n2\n;=> 2\n; a remark\nraise x/y\n;;; two\nprint p/q\n;=> 7\n\n5\n;!! x/y\n3\n;>> gone";
    let after = ";; about\n\n;;; one says so\n1 ;=> 1\n\n2\n;=> 2\n; a remark\nraise x/y\n;!! x/y here\n;;; two\nprint p/q\n;>> p\n;>> q\n;=> nil\n\n5\n;=> 5\n3\n";
    let folder = TempFolder::new("bless");
    let path = folder.write("a.slp", before);
    let text = folder.read("a.slp");
    let mut blessed = preamble(&text).to_owned();
    for case in cases(&path, &text).expect("it is well formed") {
        blessed.push_str(&bless(&case, &run_lines(&case)));
    }
    assert_eq!(blessed, after);
    assert_eq!(failures(&blessed), [] as [&str; 0]);
}

#[test]
fn a_folder_of_scripts_is_run_and_a_panic_names_its_case() {
    let folder = TempFolder::new("scripts");
    folder.write("b/deep.slp", ";;; deep\n1\n;=> 1\n");
    folder.write("a.slp", ";;; shallow\n1\n;=> 1\n");
    assert_eq!(run_folder(folder.path(), run_lines), 2);
    let path = folder.path().to_path_buf();
    let panic =
        catch_unwind(move || run_folder(&path, |_| panic!("no machine"))).expect_err("the runner panics");
    let message = panic_text(&*panic);
    assert!(
        message.contains("a.slp:2 shallow: the runner panicked: no machine"),
        "{message}"
    );
}

#[test]
fn a_program_has_no_expectations_and_keeps_its_places() {
    let case = case("\"open\n  ;!! slp/unclosed\n; a remark\n1 ;=> 1\n");
    let blank = " ".repeat("  ;!! slp/unclosed".len());
    assert_eq!(case.program(), format!("\"open\n{blank}\n; a remark\n1 ;=> 1\n"));
}

#[test]
fn notes_stand_behind_the_name() {
    let found = cases(Path::new("a.slp"), ";;; one !bare\n1\n").expect("it is well formed");
    assert_eq!(
        (found[0].name.as_str(), found[0].notes.as_str()),
        ("one", "!bare")
    );
}
