//! Test scripts: what a file of cases says, and whether what came is what it expects. The manual tells the format.

use std::ops::Range;

use slp::ReadLimits;

/// One case of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The first word of its heading, or `file` when the file has none.
    pub name: String,
    /// What stands behind it in the heading: `!bare`.
    pub notes: String,
    /// The bytes of the file below its heading.
    pub span: Range<usize>,
}

/// Whether a text has cases: a line that begins with `;;;`, and an expectation. (Programs have comments that begin with `;;;`
/// too, and doc strings have examples.)
#[must_use]
pub fn has_cases(text: &str) -> bool {
    if !text.lines().any(|line| line.starts_with(";;;")) {
        return false;
    }
    let reading = slp::read(text, &ReadLimits::default());
    let mut comments = reading.tree.comments().iter();
    comments.any(|span| Kind::of(&text[span.start as usize..]).is_some())
        || (!reading.faults.is_empty() && text.lines().any(|line| Kind::of(line.trim_start()).is_some()))
}

/// The cases of a text. Without a heading all of it is one case.
#[must_use]
pub fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if let Some(heading) = line.strip_prefix(";;;") {
            let heading = heading.trim();
            let (name, notes) = heading.split_once(char::is_whitespace).unwrap_or((heading, ""));
            cases.push(Case {
                name: name.to_owned(),
                notes: notes.trim().to_owned(),
                span: at..at,
            });
        } else if let Some(case) = cases.last_mut() {
            case.span.end = start + line.len();
        }
    }
    if cases.is_empty() {
        cases.push(Case {
            name: "file".to_owned(),
            notes: String::new(),
            span: 0..text.len(),
        });
    }
    cases
}

impl Case {
    /// The text of the file with spaces for everything but this case's forms, so that every place is the file's own. Expectations
    /// with a line of their own are spaces too: a string that a case leaves open must not swallow them.
    #[must_use]
    pub fn program(&self, text: &str) -> String {
        let mut program = String::with_capacity(text.len());
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let is_program = self.span.contains(&at) && Kind::of(line.trim_start()).is_none();
            if is_program {
                program.push_str(line);
            } else {
                program.extend(line.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
            }
            at += line.len();
        }
        program
    }
}

/// How a form of a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The bytes of the form in the file.
    pub span: Range<usize>,
    /// Its value, or what it raised.
    pub outcome: Outcome,
    /// What it printed.
    pub printed: String,
}

/// What came of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A value, as it reads back.
    Value(String),
    /// An error: its code, and the text that it points at if that is in the file.
    Raised(String, String),
}

/// A form that did not do what its case expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The bytes of the form in the file.
    pub span: Range<usize>,
    /// The expectations, as they are written.
    pub expected: Vec<String>,
    /// What came, written in the same way.
    pub got: Vec<String>,
}

/// The forms of a case that did not do what is expected of them. What follows a form that raised without being expected to is
/// not judged.
#[must_use]
pub fn judge(case: &Case, text: &str, ended: &[Ended]) -> Vec<Unmet> {
    let expectations = expectations(case, text, ended);
    let mut printed = String::new();
    let mut unmet = Vec::new();
    for (idx, form) in ended.iter().enumerate() {
        let next = ended.get(idx + 1).map_or(usize::MAX, |form| form.span.start);
        let start = if idx == 0 { 0 } else { form.span.start };
        let own: Vec<&Expectation> = expectations
            .iter()
            .filter(|it| (start..next).contains(&it.at))
            .collect();
        printed.push_str(&form.printed);
        let expected: Vec<String> = own.iter().map(|it| it.shown()).collect();
        let got = came(form, &own, &printed);
        let is_over =
            matches!(form.outcome, Outcome::Raised(..)) && !own.iter().any(|it| it.kind == Kind::Raised);
        if expected != got {
            unmet.push(Unmet {
                span: form.span.clone(),
                expected,
                got,
            });
        }
        if is_over {
            break;
        }
        if !own.is_empty() {
            printed.clear();
        }
    }
    if ended.is_empty() && !expectations.is_empty() {
        let expected = expectations.iter().map(Expectation::shown).collect();
        unmet.push(Unmet {
            span: case.span.clone(),
            expected,
            got: Vec::new(),
        });
    }
    unmet
}

/// What came of a form, as far as it is asked for: an error that nobody expects is always told.
fn came(form: &Ended, expected: &[&Expectation], printed: &str) -> Vec<String> {
    let asked = |kind: Kind| expected.iter().find(|it| it.kind == kind);
    let mut got = Vec::new();
    if asked(Kind::Printed).is_some() {
        got.extend(printed.lines().map(|line| Kind::Printed.shown(line)));
    }
    match &form.outcome {
        Outcome::Value(value) if asked(Kind::Value).is_some() || asked(Kind::Raised).is_some() => {
            got.push(Kind::Value.shown(value));
        }
        Outcome::Value(_) => {}
        Outcome::Raised(code, place) => {
            let only_code = asked(Kind::Raised).is_none_or(|it| !it.text.trim().contains(' '));
            let place = if only_code { "" } else { place.as_str() };
            got.push(Kind::Raised.shown(format!("{code} {place}").trim()));
        }
    }
    got
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Value,
    Raised,
    Printed,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Value, Kind::Raised, Kind::Printed];

    const fn marker(self) -> &'static str {
        match self {
            Kind::Value => ";=>",
            Kind::Raised => ";!!",
            Kind::Printed => ";>>",
        }
    }

    fn of(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| text.starts_with(kind.marker()))
    }

    fn shown(self, text: &str) -> String {
        format!("{} {text}", self.marker()).trim_end().to_owned()
    }
}

struct Expectation {
    kind: Kind,
    text: String,
    at: usize,
}

impl Expectation {
    fn shown(&self) -> String {
        self.kind.shown(&self.text)
    }
}

/// The expectations of a case: comments between its forms that begin with a marker.
fn expectations(case: &Case, text: &str, ended: &[Ended]) -> Vec<Expectation> {
    let mut found = Vec::new();
    let mut line_start = case.span.start;
    for line in text[case.span.clone()].split_inclusive('\n') {
        let content = line.trim_end();
        let outside = |at: usize| {
            !ended
                .iter()
                .any(|form| form.span.contains(&at) && !is_reading_fault(form))
        };
        let comment = content
            .match_indices(';')
            .map(|(at, _)| at)
            .find(|at| outside(line_start + at));
        if let Some(at) = comment
            && let Some(kind) = Kind::of(&content[at..])
        {
            let wanted = &content[at + kind.marker().len()..];
            let text = wanted.strip_prefix(' ').unwrap_or(wanted).to_owned();
            found.push(Expectation {
                kind,
                text,
                at: line_start + at,
            });
        }
        line_start += line.len();
    }
    found
}

fn is_reading_fault(form: &Ended) -> bool {
    matches!(&form.outcome, Outcome::Raised(code, _) if code.starts_with("slp/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "; about\n;;; one\n(+ 1 2) ;=> 3\n(print 1)\n;>> 1\n\n;;; two !bare\n(oops 1) ;!! name/unbound oops\n";

    #[test]
    fn a_program_with_headings_is_no_script() {
        assert!(has_cases(TEXT));
        assert!(has_cases(";;; open\n\"never\n;!! slp/unclosed\n"));
        assert!(!has_cases("(+ 1 2) ;=> 3\n"));
        assert!(!has_cases(";;; Helpers\n(defn f \"Doc.\n  (f) ;=> 1\" () 1)\n"));
    }

    #[test]
    fn cases_keep_their_places() {
        let cases = cases(TEXT);
        let told: Vec<(&str, &str)> = cases
            .iter()
            .map(|case| (case.name.as_str(), case.notes.as_str()))
            .collect();
        assert_eq!(told, [("one", ""), ("two", "!bare")]);
        let program = cases[1].program(TEXT);
        assert_eq!(program.len(), TEXT.len());
        assert_eq!(program.find("(oops"), TEXT.find("(oops"));
        assert!(!program.contains("print") && !cases[0].program(TEXT).contains(";>>"));
    }

    fn ended(form: &str, outcome: Outcome, printed: &str) -> Ended {
        let start = TEXT.find(form).expect("the form is in the text");
        Ended {
            span: start..start + form.len(),
            outcome,
            printed: printed.to_owned(),
        }
    }

    #[test]
    fn expectations_hold_or_are_told_beside_what_came() {
        let [one, two] = &cases(TEXT)[..] else {
            panic!("there are two")
        };
        let value = |text: &str| Outcome::Value(text.to_owned());
        let raised = |code: &str, place: &str| Outcome::Raised(code.to_owned(), place.to_owned());
        let check = |case: &Case, forms: &[Ended], expected: &[&str]| {
            let told: Vec<String> = judge(case, TEXT, forms)
                .iter()
                .map(|unmet| format!("{} | {}", unmet.expected.join(" "), unmet.got.join(" ")))
                .collect();
            assert_eq!(told, expected);
        };
        check(
            one,
            &[
                ended("(+ 1 2)", value("3"), ""),
                ended("(print 1)", value("nil"), "1\n"),
            ],
            &[],
        );
        let wrong = [
            ended("(+ 1 2)", value("4"), ""),
            ended("(print 1)", value("nil"), "2\n"),
        ];
        check(one, &wrong, &[";=> 3 | ;=> 4", ";>> 1 | ;>> 2"]);
        check(two, &[ended("(oops 1)", raised("name/unbound", "oops"), "")], &[]);
        check(
            two,
            &[ended("(oops 1)", raised("name/unbound", "1"), "")],
            &[";!! name/unbound oops | ;!! name/unbound 1"],
        );
        check(
            two,
            &[ended("(oops 1)", value("1"), "")],
            &[";!! name/unbound oops | ;=> 1"],
        );
    }
}
