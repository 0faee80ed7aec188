//! Scripts of test cases: sources that carry what is expected of their forms in comments. What a script says, and whether what
//! came of its forms is that; running them is for others.
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
//! An expectation may also stand on the form's own line. A form without expectation may have any value; it may not raise, and
//! what it prints is expected of the next one that has any.

use std::ops::Range;

use crate::{ReadLimits, read};

/// One case of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The first word of its heading, or `file` when the script has none.
    pub name: String,
    /// What stands behind it in the heading: `!bare`.
    pub notes: String,
    /// The line of its heading, from 1; 0 when the script has none.
    pub line: usize,
    /// The bytes of the script below its heading.
    pub span: Range<usize>,
}

/// Whether a text has cases: a line that begins with `;;;`, and an expectation. (Programs have comments that begin with `;;;`
/// too, and doc strings have examples.)
#[must_use]
pub fn has_cases(text: &str) -> bool {
    if !text.lines().any(|line| line.starts_with(";;;")) {
        return false;
    }
    let reading = read(text, &ReadLimits::default());
    let mut comments = reading.tree.comments().iter();
    comments.any(|span| Kind::of(&text[span.start as usize..]).is_some())
        || (!reading.faults.is_empty() && text.lines().any(|line| Kind::of(line.trim_start()).is_some()))
}

/// The cases of a text. Without a heading all of it is one case; what stands before the first heading belongs to none, and is
/// [`preamble`].
#[must_use]
pub fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut at = 0;
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        at += line.len();
        if let Some(heading) = line.strip_prefix(";;;") {
            let heading = heading.trim();
            let (name, notes) = heading.split_once(char::is_whitespace).unwrap_or((heading, ""));
            cases.push(Case {
                name: name.to_owned(),
                notes: notes.trim().to_owned(),
                line: number,
                span: at..at,
            });
        } else if let Some(case) = cases.last_mut() {
            case.span.end = at;
        }
    }
    if cases.is_empty() {
        cases.push(Case {
            name: "file".to_owned(),
            notes: String::new(),
            line: 0,
            span: 0..text.len(),
        });
    }
    cases
}

/// What stands before the first heading: what a tester does before each case.
#[must_use]
pub fn preamble(text: &str) -> Range<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with(";;;") {
            return 0..at;
        }
        at += line.len();
    }
    0..0
}

/// The text with spaces for everything but the forms in a part of it, so that every place is the text's own. Expectations with
/// a line of their own are spaces too: a string that a case leaves open must not swallow them.
#[must_use]
pub fn program(text: &str, part: &Range<usize>) -> String {
    program_of(text, std::slice::from_ref(part))
}

/// The same for several parts.
#[must_use]
pub fn program_of(text: &str, parts: &[Range<usize>]) -> String {
    let mut program = String::with_capacity(text.len());
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if parts.iter().any(|part| part.contains(&at)) && Kind::of(line.trim_start()).is_none() {
            program.push_str(line);
        } else {
            program.extend(line.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        }
        at += line.len();
    }
    program
}

/// How a form of a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The bytes of the form in the text. When the text cannot be read: from the fault to the end.
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
    /// An error that nothing caught.
    Raised {
        /// Its code: `alu/overflow`.
        code: String,
        /// The text that it points at; empty when it points nowhere.
        place: String,
    },
}

impl Ended {
    /// A form that had a value and printed nothing.
    #[must_use]
    pub fn value(span: Range<usize>, value: impl Into<String>) -> Ended {
        Ended {
            span,
            outcome: Outcome::Value(value.into()),
            printed: String::new(),
        }
    }

    /// A form that raised and printed nothing.
    #[must_use]
    pub fn raised(span: Range<usize>, code: impl Into<String>, place: impl Into<String>) -> Ended {
        let outcome = Outcome::Raised {
            code: code.into(),
            place: place.into(),
        };
        Ended {
            span,
            outcome,
            printed: String::new(),
        }
    }

    /// The same, with what it printed.
    #[must_use]
    pub fn with_printed(mut self, printed: impl Into<String>) -> Ended {
        self.printed = printed.into();
        self
    }
}

/// What an expectation is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A line that was printed: `;>>`.
    Printed,
    /// The value: `;=>`.
    Value,
    /// An error: `;!!`.
    Raised,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Printed, Kind::Value, Kind::Raised];

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

    fn line(self, text: &str) -> String {
        format!("{} {text}", self.marker()).trim_end().to_owned()
    }
}

/// An expectation in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// What it is of.
    pub kind: Kind,
    /// What stands behind its marker.
    pub text: String,
    /// From its semicolon to the end of its line, the line's end not included.
    pub span: Range<usize>,
}

impl Expectation {
    /// As it is written.
    #[must_use]
    pub fn line(&self) -> String {
        self.kind.line(&self.text)
    }
}

/// A form with what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The form; what forms before it printed without being asked is added to what it printed.
    pub ended: Ended,
    /// What is expected.
    pub expected: Vec<Expectation>,
    /// What came, written as expectations that would hold.
    pub got: Vec<String>,
}

impl Judged {
    /// Whether it did what is expected.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.expected
            .iter()
            .map(Expectation::line)
            .eq(self.got.iter().cloned())
    }

    /// Whether it raised, and nobody expected that.
    #[must_use]
    pub fn raised_unasked(&self) -> bool {
        let is_asked = self.expected.iter().any(|it| it.kind == Kind::Raised);
        matches!(self.ended.outcome, Outcome::Raised { .. }) && !is_asked
    }
}

/// What becomes of what no expectation asks for: lines that a form printed, the place of an error that nobody expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unasked {
    /// They are a difference.
    Told,
    /// They are let be.
    LetBe,
}

/// Holds the forms in a part of a text against what is expected of them there.
#[must_use]
pub fn judge(text: &str, part: &Range<usize>, ended: &[Ended], unasked: Unasked) -> Vec<Judged> {
    let mut carried = String::new();
    let mut judged = Vec::new();
    for (idx, (form, expected)) in ended.iter().zip(by_form(text, part, ended)).enumerate() {
        let mut ended_here = form.clone();
        ended_here.printed.insert_str(0, &std::mem::take(&mut carried));
        let is_last = idx + 1 == ended.len();
        if expected.is_empty() && !is_last && matches!(form.outcome, Outcome::Value(_)) {
            carried = std::mem::take(&mut ended_here.printed);
        }
        let got = came(&ended_here, &expected, unasked);
        judged.push(Judged {
            ended: ended_here,
            expected,
            got,
        });
    }
    judged
}

/// The expectation lines that would hold for a form: those of what it printed, then value or error. A value that nobody asks for
/// is left out, and so is the place of an error when only the code is asked for.
fn came(form: &Ended, expected: &[Expectation], unasked: Unasked) -> Vec<String> {
    let asked = |kind: Kind| expected.iter().find(|it| it.kind == kind);
    let mut got = Vec::new();
    if unasked == Unasked::Told || asked(Kind::Printed).is_some() {
        got.extend(form.printed.lines().map(|line| Kind::Printed.line(line)));
    }
    match &form.outcome {
        Outcome::Value(value) => {
            if asked(Kind::Value).is_some() || (asked(Kind::Raised).is_some() && got.is_empty()) {
                got.push(Kind::Value.line(&one_line(value)));
            }
        }
        Outcome::Raised { code, place } => {
            let only_code = match asked(Kind::Raised) {
                Some(asked) => !asked.text.trim().contains(' '),
                None => unasked == Unasked::LetBe,
            };
            let place = if only_code { String::new() } else { one_line(place) };
            got.push(Kind::Raised.line(&format!("{code} {place}")));
        }
    }
    got
}

/// A text on one line, as expectations are.
fn one_line(text: &str) -> String {
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\\n")
}

/// The expectations of each form: those that stand between its start and the start of the next.
fn by_form(text: &str, part: &Range<usize>, ended: &[Ended]) -> Vec<Vec<Expectation>> {
    let mut sorted: Vec<Vec<Expectation>> = vec![Vec::new(); ended.len()];
    for expectation in expectations(text, part, ended) {
        let owner = ended
            .iter()
            .rposition(|form| form.span.start < expectation.span.start)
            .unwrap_or(0);
        if let Some(list) = sorted.get_mut(owner) {
            list.push(expectation);
        }
    }
    sorted
}

/// The expectations in a part of a text: comments between its forms that begin with a marker. A marker within a form is part of
/// a string or of a comment in it.
#[must_use]
pub fn expectations(text: &str, part: &Range<usize>, ended: &[Ended]) -> Vec<Expectation> {
    let mut found = Vec::new();
    let mut line_start = part.start;
    for line in text[part.clone()].split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let comment = content
            .match_indices(';')
            .map(|(at, _)| at)
            .find(|at| is_outside(line_start + at, ended));
        if let Some(at) = comment
            && let Some(kind) = Kind::of(&content[at..])
        {
            let wanted = content[at + kind.marker().len()..].trim_end();
            found.push(Expectation {
                kind,
                text: wanted.strip_prefix(' ').unwrap_or(wanted).to_owned(),
                span: line_start + at..line_start + content.len(),
            });
        }
        line_start += line.len();
    }
    found
}

/// Whether a place lies between forms. A form that could not be read reaches to the end and swallows nothing, so that its
/// expectation can stand below it.
fn is_outside(at: usize, ended: &[Ended]) -> bool {
    !ended
        .iter()
        .any(|form| form.span.contains(&at) && !is_reading_fault(form))
}

fn is_reading_fault(form: &Ended) -> bool {
    matches!(&form.outcome, Outcome::Raised { code, .. } if code.starts_with("slp/"))
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
        let told: Vec<(&str, &str, usize)> = cases
            .iter()
            .map(|case| (case.name.as_str(), case.notes.as_str(), case.line))
            .collect();
        assert_eq!(told, [("one", "", 2), ("two", "!bare", 7)]);
        let program_of = |case: &Case| program(TEXT, &case.span);
        assert_eq!(program_of(&cases[1]).len(), TEXT.len());
        assert_eq!(program_of(&cases[1]).find("(oops"), TEXT.find("(oops"));
        assert!(!program_of(&cases[1]).contains("print") && !program_of(&cases[0]).contains(";>>"));
    }

    fn at(form: &str) -> Range<usize> {
        let start = TEXT.find(form).expect("the form is in the text");
        start..start + form.len()
    }

    #[test]
    fn expectations_hold_or_are_told_beside_what_came() {
        let [one, two] = &cases(TEXT)[..] else {
            panic!("there are two")
        };
        let check = |case: &Case, forms: &[Ended], expected: &[&str]| {
            let told: Vec<String> = judge(TEXT, &case.span, forms, Unasked::LetBe)
                .iter()
                .filter(|form| !form.holds())
                .map(|form| {
                    let wanted: Vec<String> = form.expected.iter().map(Expectation::line).collect();
                    format!("{} | {}", wanted.join(" "), form.got.join(" "))
                })
                .collect();
            assert_eq!(told, expected);
        };
        let print = |value: &str, printed: &str| Ended::value(at("(print 1)"), value).with_printed(printed);
        check(one, &[Ended::value(at("(+ 1 2)"), "3"), print("nil", "1\n")], &[]);
        check(
            one,
            &[Ended::value(at("(+ 1 2)"), "4"), print("nil", "2\n")],
            &[";=> 3 | ;=> 4", ";>> 1 | ;>> 2"],
        );
        let raised = |place: &str| Ended::raised(at("(oops 1)"), "name/unbound", place);
        check(two, &[raised("oops")], &[]);
        check(
            two,
            &[raised("1")],
            &[";!! name/unbound oops | ;!! name/unbound 1"],
        );
        check(
            two,
            &[Ended::value(at("(oops 1)"), "1")],
            &[";!! name/unbound oops | ;=> 1"],
        );
    }

    #[test]
    fn printed_lines_that_nobody_asks_for_are_told_or_let_be() {
        let form = [Ended::value(0..1, "nil").with_printed("hi\n")];
        let holds = |unasked| judge("1 ;=> nil", &(0..9), &form, unasked)[0].holds();
        assert!(holds(Unasked::LetBe) && !holds(Unasked::Told));
    }

    #[test]
    fn what_is_printed_unasked_goes_to_the_next_who_asks() {
        let forms = [
            Ended::value(0..1, "nil").with_printed("a\n"),
            Ended::value(2..3, "nil").with_printed("b\n"),
        ];
        let judged = judge("1\n2 ;=> nil\n;>> a\n;>> b", &(0..22), &forms, Unasked::LetBe);
        assert_eq!(judged[1].ended.printed, "a\nb\n");
    }
}
