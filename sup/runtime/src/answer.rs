//! Answers and errors as an embedder handles them: as text, as JSON, as variables of a module.

use sup_abi::word::{NIL, Word};

use crate::load::Problems;
use crate::modules::Entry;
use crate::problem::Problem;
use crate::runtime::Runtime;

/// The module in which an answer is turned into JSON.
const SCRATCH: &str = "sup:answer";

impl Runtime {
    /// Whether a value is nil.
    #[must_use]
    pub fn is_nil(&self, word: Word) -> bool {
        word == NIL
    }

    /// A value as JSON text.
    ///
    /// # Errors
    /// When JSON has nothing for it.
    pub fn json(&mut self, word: Word) -> Result<String, Problems> {
        self.enter_module(SCRATCH);
        self.set_variable(SCRATCH, "answer", word);
        let encoded = self.eval_in(SCRATCH, "as JSON", "(%json-encode answer)");
        self.vm.set_cell(SCRATCH, "answer", NIL);
        let word =
            encoded.map_err(|problems| problems.into_iter().map(without_place).collect::<Problems>())?;
        Ok(self.vm.text_of(&word).unwrap_or_default().to_owned())
    }

    /// Gives a variable of a module a value, and makes it when it is new.
    pub fn set_variable(&mut self, module: &str, name: &str, word: Word) {
        self.vm.set_cell(module, name, word);
        if !self.defines(module, name) {
            self.world
                .borrow_mut()
                .module(module)
                .define(name, Entry::default());
        }
    }

    /// Gives a variable the value of another one of its module, if that has one.
    pub fn copy_variable(&mut self, module: &str, from: &str, to: &str) {
        if let Some(word) = self.vm.cell(module, from) {
            self.set_variable(module, to, word);
        }
    }

    /// Whether a module defines a name.
    #[must_use]
    pub fn defines(&self, module: &str, name: &str) -> bool {
        let world = self.world.borrow();
        world
            .modules
            .get(module)
            .is_some_and(|own| own.entries.contains_key(name) || own.macros.contains_key(name))
    }

    /// Makes the text of a source known, for drawing errors in it.
    pub fn add_source(&mut self, name: &str, text: &str) {
        self.world
            .borrow_mut()
            .sources
            .insert(name.to_owned(), text.into());
    }

    /// The error value behind a problem: the one that was raised, or one that tells the same.
    #[must_use]
    pub fn error_value(&mut self, problem: &Problem) -> Option<Word> {
        let raised = self
            .world
            .borrow()
            .last_error
            .as_ref()
            .map(|kept| self.vm.kept(kept));
        if let Some(error) = raised
            && Problem::from_error(&mut self.vm, error) == *problem
        {
            return Some(error);
        }
        self.vm.make_error(&problem.code, &problem.message, NIL).ok()
    }
}

/// The place would be in a text that nobody wrote.
fn without_place(problem: Problem) -> Problem {
    Problem {
        place: None,
        trace: Vec::new(),
        ..problem
    }
}
