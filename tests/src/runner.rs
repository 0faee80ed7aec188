//! Runs cases of test scripts: one runtime for many cases, a fresh module for each.

use std::env;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slp::Span;
use sup_runtime::console::Console;
use sup_runtime::grants::Grants;
use sup_runtime::{Limits, Problem, Runtime};
use sup_store::{Store, StoreLimits, StoreLocation};
use sup_testkit::{Case, FormResult, checkout, kernel_folder};

/// Runs cases. With `SUP_GC_STRESS=1` the machine collects at every chance.
#[derive(Default)]
pub struct Runner {
    with_library: Option<Session>,
    bare: Option<Session>,
}

struct Session {
    runtime: Runtime,
    printed: Arc<Mutex<String>>,
}

impl Runner {
    /// Runs the forms of a case one after the other in a fresh module. A case with the note `!bare` sees no library.
    ///
    /// # Panics
    ///
    /// When a runtime cannot be made.
    pub fn run(&mut self, case: &Case) -> Vec<FormResult> {
        let is_bare = case.notes.split_whitespace().any(|note| note == "!bare");
        let library = if is_bare { Library::None } else { Library::Core };
        // Taken out, so that a case that panics leaves no half-broken runtime to the next.
        let mut session = self
            .place(library)
            .take()
            .unwrap_or_else(|| Session::new(library));
        let results = session.run(&case.program());
        *self.place(library) = Some(session);
        results
    }

    fn place(&mut self, library: Library) -> &mut Option<Session> {
        match library {
            Library::Core => &mut self.with_library,
            Library::None => &mut self.bare,
        }
    }
}

/// What a case sees without importing it.
#[derive(Clone, Copy)]
enum Library {
    Core,
    None,
}

impl Session {
    fn new(library: Library) -> Session {
        let printed = Arc::new(Mutex::new(String::new()));
        let mut builder = Runtime::builder(Limits::generous())
            .grants(Grants::all())
            .image(sup_image::IMAGE)
            .console(Box::new(Recorder {
                printed: printed.clone(),
            }))
            .import_path(checkout().join("tests"))
            .kernel_path(kernel_folder())
            .store(memory_store());
        if let Library::None = library {
            builder = builder.bare();
        }
        if env::var_os("SUP_GC_STRESS").is_some_and(|value| value == "1") {
            builder = builder.stress();
        }
        let runtime = builder
            .build()
            .unwrap_or_else(|problems| panic!("no runtime: {problems:?}"));
        Session { runtime, printed }
    }

    fn run(&mut self, program: &str) -> Vec<FormResult> {
        let module = self.runtime.fresh_module();
        let source = format!("case:{module}");
        let mut results = Vec::new();
        let printed = self.printed.clone();
        text_of(&printed).clear();
        self.runtime
            .eval_each(&module, &source, program, |runtime, span, outcome| {
                let result = match outcome {
                    Ok(value) => FormResult::value(range(span), runtime.repr(value)),
                    Err(problems) => raised(program, &source, span, &problems),
                };
                results.push(result.with_printed(std::mem::take(&mut *text_of(&printed))));
            });
        results
    }
}

fn memory_store() -> Arc<dyn Store> {
    sup_store::open(&StoreLocation::Memory, StoreLimits::standard())
        .expect("a store in memory asks nothing of the machine")
}

/// The first problem of a form; its place only when it lies in the case's own text.
fn raised(program: &str, source: &str, span: Span, problems: &[Problem]) -> FormResult {
    let Some(problem) = problems.first() else {
        return FormResult::raised(range(span), "none", "");
    };
    let own_place = problem.place.as_ref().filter(|place| place.source == source);
    let text = own_place
        .and_then(|place| program.get(range(place.span)))
        .unwrap_or_default();
    FormResult::raised(range(span), &problem.code, text.trim())
}

fn range(span: Span) -> std::ops::Range<usize> {
    span.start as usize..span.end as usize
}

fn text_of(printed: &Mutex<String>) -> MutexGuard<'_, String> {
    printed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A console that keeps what is printed where the runner can take it.
struct Recorder {
    printed: Arc<Mutex<String>>,
}

impl Console for Recorder {
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
