//! Running tests written in SLP: scripts of cases, what `test/deftest` registers, and the examples in doc strings.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slp::script::{self, Case, Ended, Expectation, Judged, Outcome, Unasked};
use slp::{LineIndex, Span};

use crate::builder::Builder;
use crate::console::Console;
use crate::doc::written::Page;
use crate::load::{self, Problems, Source};
use crate::problem::Problem;
use crate::runtime::Runtime;

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The file that it stands in.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// The name of the case, the test or the definition.
    pub name: String,
    /// The form, when it is one.
    pub form: String,
    /// The expectations, as they are written.
    pub expected: Vec<String>,
    /// What came, written in the same way.
    pub got: Vec<String>,
}

/// What came of tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many held.
    pub n_passed: usize,
    /// How many did not.
    pub n_failed: usize,
    /// Why.
    pub failures: Vec<Failure>,
}

impl Report {
    /// Adds another report.
    pub fn add(&mut self, other: Report) {
        self.n_passed += other.n_passed;
        self.n_failed += other.n_failed;
        self.failures.extend(other.failures);
    }

    fn count(&mut self, failures: Vec<Failure>) {
        if failures.is_empty() {
            self.n_passed += 1;
        } else {
            self.n_failed += 1;
            self.failures.extend(failures);
        }
    }
}

/// What a test sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// The core library.
    Core,
    /// Nothing.
    Bare,
}

/// Runs tests, each in a fresh module of one runtime.
pub struct Tester<'a> {
    make: Box<dyn Fn(Library) -> Builder + 'a>,
    with_library: Option<Session>,
    bare: Option<Session>,
}

struct Session {
    runtime: Runtime,
    printed: Arc<Mutex<String>>,
}

impl<'a> Tester<'a> {
    /// A tester whose runtimes that function makes; their console is the tester's.
    pub fn new(make: impl Fn(Library) -> Builder + 'a) -> Tester<'a> {
        Tester {
            make: Box::new(make),
            with_library: None,
            bare: None,
        }
    }

    /// Runs the cases of a script.
    ///
    /// # Errors
    /// When a runtime cannot be made.
    pub fn script(&mut self, file: &Path, text: &str) -> Result<Report, Problems> {
        let mut report = Report::default();
        let name = file.display().to_string();
        let index = LineIndex::new(text);
        let preamble = script::preamble(text);
        for case in script::cases(text) {
            let is_bare = case.notes.split_whitespace().any(|note| note == "!bare");
            let session = self.session(if is_bare { Library::Bare } else { Library::Core })?;
            let module = session.runtime.fresh_module();
            let program = script::program_of(text, &[preamble.clone(), case.span.clone()]);
            let mut ended = session.run(&module, &Source::file(file), &program);
            // Of what stands before the cases only what goes wrong counts.
            ended.retain(|form| {
                form.span.start >= preamble.end || matches!(form.outcome, Outcome::Raised { .. })
            });
            let unmet = unmet(&case, text, &ended);
            let failures = unmet
                .into_iter()
                .map(|unmet| failure(&name, &case.name, &index, text, unmet));
            report.count(failures.collect());
        }
        Ok(report)
    }

    /// Loads a source, runs the examples in its doc strings in its own module, and then the tests that it registered.
    ///
    /// # Errors
    /// When a runtime cannot be made, or the source cannot be loaded.
    pub fn source(&mut self, file: &Path, text: &str) -> Result<Report, Problems> {
        let name = file.display().to_string();
        let session = self.session(Library::Core)?;
        let module = session.runtime.fresh_module();
        session.runtime.eval_in(&module, "sup test", "(test/clear)")?;
        load::load_file(&mut session.runtime.vm, &session.runtime.world, &module, file)?;
        let mut report = session.registered(&name)?;
        report.add(session.examples(&module, &name, text));
        Ok(report)
    }

    /// The runtime that sees the library, once it was needed: its sources are what problems point into.
    #[must_use]
    pub fn runtime(&self) -> Option<&Runtime> {
        self.with_library.as_ref().map(|session| &session.runtime)
    }

    fn session(&mut self, library: Library) -> Result<&mut Session, Problems> {
        let place = match library {
            Library::Core => &mut self.with_library,
            Library::Bare => &mut self.bare,
        };
        if place.is_none() {
            let printed = Arc::new(Mutex::new(String::new()));
            let console = Box::new(Tape {
                printed: printed.clone(),
            });
            *place = Some(Session {
                runtime: (self.make)(library).console(console).build()?,
                printed,
            });
        }
        Ok(place.as_mut().expect("it was just filled"))
    }
}

impl Session {
    /// Carries the forms of a text out; how each of them ended.
    fn run(&mut self, module: &str, source: &Source, text: &str) -> Vec<Ended> {
        let printed = self.printed.clone();
        text_of(&printed).clear();
        let mut ended = Vec::new();
        self.runtime
            .eval_while(module, source, text, |runtime, span, outcome| {
                let outcome = match outcome {
                    Ok(value) => Outcome::Value(runtime.repr(value)),
                    Err(problems) => raised(&source.name, text, &problems),
                };
                ended.push(Ended {
                    span: range(span),
                    outcome,
                    printed: std::mem::take(&mut *text_of(&printed)),
                });
                ControlFlow::Continue(())
            });
        ended
    }

    /// Runs the tests that were registered.
    fn registered(&mut self, file: &str) -> Result<Report, Problems> {
        let collect = "(let (r (test/run)) {. (get r :passed) (map (fn (f) [{. (str (get f :name)) (get f :error)}]) (get r :failures))})";
        let module = self.runtime.fresh_module();
        let answer = self.runtime.eval_in(&module, "sup test", collect)?;
        let vm = &mut self.runtime.vm;
        let mut report = Report::default();
        let Some([passed, failures]) = vm.list_items(answer) else {
            return Ok(report);
        };
        report.n_passed = vm
            .as_int(*passed)
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(0);
        let mut failed = Vec::new();
        for failure in vm.list_items(*failures).unwrap_or_default().to_vec() {
            let Some(&[name, error]) = vm.list_items(failure) else {
                continue;
            };
            let name = vm.text_of(&name).unwrap_or_default().to_owned();
            failed.push((name, Problem::from_error(vm, error)));
        }
        for (name, problem) in failed {
            report.count(vec![self.failed_test(file, name, &problem)]);
        }
        Ok(report)
    }

    fn failed_test(&self, file: &str, name: String, problem: &Problem) -> Failure {
        let own = problem
            .trace
            .iter()
            .map(|line| &line.place)
            .find(|place| place.source == file);
        let text = self.runtime.source_text(file).unwrap_or_default();
        let line = own.map_or(1, |place| LineIndex::new(&text).position(place.span.start).0);
        let got = vec![format!(";!! {} {}", problem.code, problem.message)];
        Failure {
            file: file.to_owned(),
            line,
            name,
            form: String::new(),
            expected: Vec::new(),
            got,
        }
    }

    /// Runs the examples in the doc strings of a source, in the module that it was loaded as.
    fn examples(&mut self, module: &str, file: &str, text: &str) -> Report {
        let index = LineIndex::new(text);
        let mut report = Report::default();
        for definition in Page::read(text).definitions {
            let doc = definition.doc.as_deref().unwrap_or_default();
            for example in doc.lines().map(str::trim).filter(|line| is_example(line)) {
                let case = &script::cases(example)[0];
                let source = Source::named(format!("example of {}", definition.name));
                let ended = self.run(module, &source, &script::program(example, &case.span));
                let unmet = unmet(case, example, &ended);
                let line = index.position(definition.span.start).0;
                let failures = unmet.into_iter().map(|unmet| Failure {
                    line,
                    ..failure(file, &definition.name, &index, example, unmet)
                });
                report.count(failures.collect());
            }
        }
        report
    }
}

/// Whether a line of a doc string is an example.
#[must_use]
pub fn is_example(line: &str) -> bool {
    line.contains(";=>") || line.contains(";!!")
}

/// Whether a source has doc strings with examples.
#[must_use]
pub fn has_examples(text: &str) -> bool {
    Page::read(text)
        .definitions
        .iter()
        .any(|definition| definition.doc.as_deref().is_some_and(is_example))
}

/// A form that did not do what its case expects.
struct Unmet {
    span: std::ops::Range<usize>,
    expected: Vec<String>,
    got: Vec<String>,
}

/// The forms of a case that did not do what is expected of them. What follows a form that raised without being expected to is
/// not judged.
fn unmet(case: &Case, text: &str, ended: &[Ended]) -> Vec<Unmet> {
    if ended.is_empty() {
        let expected = script::expectations(text, &case.span, ended);
        let expected: Vec<String> = expected.iter().map(Expectation::line).collect();
        return Vec::from_iter((!expected.is_empty()).then(|| Unmet {
            span: case.span.clone(),
            expected,
            got: Vec::new(),
        }));
    }
    let judged = script::judge(text, &case.span, ended, Unasked::LetBe);
    let n_judged = judged
        .iter()
        .position(Judged::raised_unasked)
        .map_or(judged.len(), |last| last + 1);
    judged
        .into_iter()
        .take(n_judged)
        .filter(|form| !form.holds())
        .map(|form| Unmet {
            expected: form.expected.iter().map(Expectation::line).collect(),
            span: form.ended.span,
            got: form.got,
        })
        .collect()
}

fn failure(file: &str, name: &str, index: &LineIndex, text: &str, unmet: Unmet) -> Failure {
    let form = text.get(unmet.span.clone()).unwrap_or_default().trim().to_owned();
    let (line, _) = index.position(unmet.span.start as u32);
    Failure {
        file: file.to_owned(),
        line,
        name: name.to_owned(),
        form,
        expected: unmet.expected,
        got: unmet.got,
    }
}

/// The first problem; the text that it points at only when that is in the test's own text.
fn raised(source: &str, text: &str, problems: &[Problem]) -> Outcome {
    let Some(problem) = problems.first() else {
        return Outcome::Raised {
            code: String::new(),
            place: String::new(),
        };
    };
    let place = problem.place.as_ref().filter(|place| place.source == source);
    let marked = place
        .and_then(|place| text.get(range(place.span)))
        .unwrap_or_default();
    Outcome::Raised {
        code: problem.code.clone(),
        place: marked.trim().to_owned(),
    }
}

fn range(span: Span) -> std::ops::Range<usize> {
    span.start as usize..span.end as usize
}

fn text_of(printed: &Mutex<String>) -> MutexGuard<'_, String> {
    printed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A console that keeps what is printed where the tester can take it.
struct Tape {
    printed: Arc<Mutex<String>>,
}

impl Console for Tape {
    fn write(&mut self, text: &str) -> io::Result<()> {
        text_of(&self.printed).push_str(text);
        Ok(())
    }

    fn write_error(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
