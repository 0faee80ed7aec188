//! Raising: a native function that fails leaves an error value with the machine and answers `Raise`.

use sup_abi::word::{Immediate, NIL, Word, immediate};

use crate::names;
use crate::object::{Header, Kind, Obj};
use crate::vm::Vm;

/// Says that an error value is pending in the machine. Carries nothing, so that results stay small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raise;

/// What a native function answers.
pub type Outcome = Result<Word, Raise>;

/// Index of each field of an error object, counted from its header.
#[allow(missing_docs)]
pub mod field {
    pub const CODE: usize = 1;
    pub const MESSAGE: usize = 2;
    pub const DATA: usize = 3;
    pub const SPAN: usize = 4;
    pub const TRACE: usize = 5;
    pub const CAUSE: usize = 6;
}

impl Vm {
    /// Raises an error with that code and message.
    #[cold]
    pub fn raise(&mut self, code: &str, message: &str) -> Raise {
        self.raise_data(code, message, NIL)
    }

    /// Raises an error with that code, message and data.
    #[cold]
    pub fn raise_data(&mut self, code: &str, message: &str, data: Word) -> Raise {
        match self.make_error(code, message, data) {
            Ok(error) => self.raise_value(error),
            Err(raise) => raise,
        }
    }

    /// Raises that error value.
    #[cold]
    pub fn raise_value(&mut self, error: Word) -> Raise {
        self.pending = error;
        Raise
    }

    /// Raises `vm/memory`.
    #[cold]
    pub fn raise_memory(&mut self) -> Raise {
        self.out_of_memory = true;
        self.pending = NIL;
        Raise
    }

    /// Makes an error value without raising it: span, trace and cause are nil.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn make_error(&mut self, code: &str, message: &str, data: Word) -> Outcome {
        let text = self.new_str(message)?;
        let obj = self.alloc(Header::new(Kind::Error, 0))?;
        for (index, word) in [keyword(code), text, data, NIL, NIL, NIL].into_iter().enumerate() {
            obj.init(index + 1, word);
        }
        Ok(obj.word())
    }

    /// Allocates; for natives.
    ///
    /// # Errors
    /// `vm/memory` when the quota is used up.
    #[inline]
    pub fn alloc(&mut self, header: Header) -> Result<Obj, Raise> {
        match self.heap.alloc(header) {
            Ok(obj) => Ok(obj),
            Err(_) => Err(self.raise_memory()),
        }
    }
}

/// The keyword of that name.
#[must_use]
pub fn keyword(name: &str) -> Word {
    names::try_intern(name).map_or(NIL, |id| immediate(Immediate::Keyword, id))
}

/// The symbol of that name.
#[must_use]
pub fn symbol(name: &str) -> Word {
    names::try_intern(name).map_or(NIL, |id| immediate(Immediate::Symbol, id))
}
