//! Error values as collections of their fields, and values with a prefix.

use std::sync::LazyLock;

use sup_abi::word::{Immediate, NIL, Word, is_immediate};

use crate::error::{Outcome, field, keyword};
use crate::object::{Header, Kind, Obj};
use crate::vm::Vm;

/// The keywords of an error's fields, in the order in which the object holds them.
static FIELDS: LazyLock<[Word; 6]> =
    LazyLock::new(|| ["code", "message", "data", "span", "trace", "cause"].map(keyword));

/// The fields in the order in which they are shown.
const SHOWN: [usize; 6] = [
    field::CODE,
    field::MESSAGE,
    field::DATA,
    field::CAUSE,
    field::SPAN,
    field::TRACE,
];

/// Whether the word is an error value.
#[must_use]
#[inline]
pub fn is_error(word: Word) -> bool {
    crate::object::kind_of(word) == Some(Kind::Error)
}

/// A field of an error value by its index, if the word is one; nil when it is not set.
#[must_use]
pub fn error_field(word: Word, index: usize) -> Option<Word> {
    let obj = Obj::from_word(word)?;
    (obj.kind() == Kind::Error).then(|| obj.get(index))
}

/// A field of an error value by its keyword, if it is set.
#[must_use]
pub fn error_get(word: Word, key: Word) -> Option<Word> {
    let index = FIELDS.iter().position(|name| *name == key)?;
    error_field(word, index + 1).filter(|value| *value != NIL)
}

/// Number of fields of an error value that are set.
#[must_use]
pub fn error_len(word: Word) -> Option<usize> {
    is_error(word).then(|| error_pairs(word).len() / 2)
}

/// Keyword and value of each field that is set, in turn; nothing for what is no error.
#[must_use]
pub fn error_pairs(word: Word) -> Vec<Word> {
    let mut pairs = Vec::new();
    for index in SHOWN {
        if let Some(value) = error_field(word, index).filter(|value| *value != NIL) {
            pairs.extend([FIELDS[index - 1], value]);
        }
    }
    pairs
}

/// The value behind a prefix, and which prefix it is.
#[must_use]
pub fn prefixed_value(word: Word) -> Option<(Kind, Word)> {
    let obj = Obj::from_word(word)?;
    matches!(obj.kind(), Kind::Quoted | Kind::Datum | Kind::Aberrant).then(|| (obj.kind(), obj.get(1)))
}

impl Vm {
    /// The error value `@x`: a map lends its fields, and its other pairs as data; anything else is the data.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn error_from(&mut self, word: Word) -> Outcome {
        if !super::is_map(word) {
            return self.error_of_fields([NIL, NIL, word, NIL, NIL, NIL]);
        }
        let mut fields = [NIL; 6];
        let mut others = Vec::new();
        for (key, value) in self.map_cursor(word)? {
            match FIELDS.iter().position(|name| *name == key) {
                Some(index) => fields[index] = value,
                None => others.extend([key, value]),
            }
        }
        if !others.is_empty() && fields[field::DATA - 1] == NIL {
            fields[field::DATA - 1] = self.new_map(&others)?;
        }
        self.error_of_fields(fields)
    }

    /// An error value of code, message, data, span, trace and cause.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn error_of_fields(&mut self, fields: [Word; 6]) -> Outcome {
        let obj = self.alloc(Header::new(Kind::Error, 0))?;
        obj.words_mut(1, 6).copy_from_slice(&fields);
        Ok(obj.word())
    }

    /// The map of the fields of an error value that are set.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no error, `vm/memory`.
    pub fn error_fields(&mut self, word: Word) -> Outcome {
        if !is_error(word) {
            return Err(self.type_mismatch(":error", word));
        }
        self.new_map(&error_pairs(word))
    }

    /// A value with a prefix: `Quoted`, `Datum` or `Aberrant`.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn new_prefixed(&mut self, kind: Kind, value: Word) -> Outcome {
        debug_assert!(matches!(kind, Kind::Quoted | Kind::Datum | Kind::Aberrant));
        let obj = self.alloc(Header::new(kind, 0))?;
        obj.init(1, value);
        Ok(obj.word())
    }

    /// A quoted value whose prefix in the binary form has that number: 0 quote, 1 quasiquote, 2 unquote, 3 splice, 4 error.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn new_quoted(&mut self, prefix: u8, value: Word) -> Outcome {
        let obj = self.alloc(Header::new(Kind::Quoted, 0).with_aux(prefix.into()))?;
        obj.init(1, value);
        Ok(obj.word())
    }
}

/// Whether the word is a keyword.
#[must_use]
#[inline]
pub fn is_keyword(word: Word) -> bool {
    is_immediate(word, Immediate::Keyword)
}
