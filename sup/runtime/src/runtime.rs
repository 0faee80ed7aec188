//! A runtime: one isolate with everything around it that running SLP takes.

use std::path::Path;

use sup_abi::word::Word;
use sup_vm::vm::{Limits, Vm};

use crate::builder::Builder;
use crate::load::{self, Problems, Source};
use crate::world::{MAIN, SharedWorld};

/// Stack that compiling deeply nested forms takes, in bytes.
pub const STACK_BYTES: usize = 64 << 20;

/// One isolate: machine, modules, kernels, console.
pub struct Runtime {
    /// The machine.
    pub vm: Box<Vm>,
    /// What the compiler knows.
    pub world: SharedWorld,
    pub(crate) bare: bool,
}

impl Runtime {
    /// Starts making a runtime under those limits.
    #[must_use]
    pub fn builder(limits: Limits) -> Builder {
        Builder::new(limits)
    }

    /// Makes a module that sees what programs see.
    pub fn enter_module(&mut self, name: &str) {
        let bare = self.bare;
        self.world.borrow_mut().module(name).bare = bare;
    }

    /// A fresh module, for code that should not see what other code has defined.
    pub fn fresh_module(&mut self) -> String {
        let name = {
            let mut world = self.world.borrow_mut();
            world.n_modules += 1;
            format!("module-{}", world.n_modules)
        };
        self.enter_module(&name);
        name
    }

    /// Evaluates a text in the module `main`; the value of its last form. It is good until the machine runs again.
    ///
    /// # Errors
    /// What was wrong with the text, or what it raised.
    pub fn eval(&mut self, source: &str, text: &str) -> Result<Word, Problems> {
        self.eval_in(MAIN, source, text)
    }

    /// Evaluates a text in a module.
    ///
    /// # Errors
    /// What was wrong with the text, or what it raised.
    pub fn eval_in(&mut self, module: &str, source: &str, text: &str) -> Result<Word, Problems> {
        // What other processes have changed meanwhile is to be known before names are looked up.
        self.vm.read_posts();
        let answer = load::load_text(&mut self.vm, &self.world, module, &Source::named(source), text);
        self.flush();
        answer
    }

    /// Carries a file out as the module `main`.
    ///
    /// # Errors
    /// When it cannot be read, what is wrong in it, or what it raised.
    pub fn run_file(&mut self, file: &Path) -> Result<Word, Problems> {
        let answer = load::load_file(&mut self.vm, &self.world, MAIN, file);
        self.flush();
        answer
    }

    /// The text of a value that reads back as it.
    #[must_use]
    pub fn repr(&mut self, word: Word) -> String {
        self.vm.repr(word)
    }

    /// What the isolate has used so far.
    #[must_use]
    pub fn statistics(&self) -> sup_vm::stats::Statistics {
        self.vm.statistics()
    }

    /// The text of a source, for drawing errors.
    #[must_use]
    pub fn source_text(&self, name: &str) -> Option<std::sync::Arc<str>> {
        self.world.borrow().sources.get(name).cloned()
    }

    pub(crate) fn flush(&mut self) {
        let console = self.world.borrow().console.clone();
        if let Some(console) = console {
            // A reader that has gone away is told by the next write.
            drop(console.lock().flush());
        }
    }
}

/// Runs `work` on a thread whose stack carries the deepest nesting that the compiler accepts, and waits for its answer.
///
/// # Panics
/// When the operating system gives no thread, or `work` panics.
pub fn with_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new()
            .name("sup".to_owned())
            .stack_size(STACK_BYTES);
        let thread = builder
            .spawn_scoped(scope, work)
            .expect("the operating system gives the process a thread");
        match thread.join() {
            Ok(answer) => answer,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Limits for programs that a person starts.
#[must_use]
pub const fn generous_limits() -> Limits {
    Limits::generous()
}
