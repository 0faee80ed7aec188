//! Conversions between types: what `cast` does. What has no sensible conversion raises.

use sup_abi::word::{FALSE, Immediate, TRUE, Word, ZERO, boolean, is_immediate, payload};
use sup_code::TypeBase;

use super::access::count_word;
use super::number::{as_int, as_real};
use super::types::LoadedType;
use super::{
    BRACE, PAREN, SQUARE, array_items, buffer_bytes, bytes_of, is_error, is_map, is_table, list_items,
};
use super::{records, text_of};
use crate::error::{Outcome, Raise};
use crate::names;
use crate::object::{Kind, kind_of};
use crate::vm::Vm;

impl Vm {
    /// The value as one of another type; a value that is of the type already is itself.
    ///
    /// # Errors
    /// `type/cast` if it has no such form, `str/utf8` if bytes are no text, and for forms what [`Vm::new_instance`] raises.
    pub fn cast(&mut self, wanted: &LoadedType, word: Word) -> Outcome {
        // A form instance counts as a list, and a function as aberrant, but casting to a list takes the fields out.
        if wanted.holds(word) && (records::instance_type(word).is_none() || !is_list_type(wanted)) {
            return Ok(word);
        }
        match &wanted.spec().base {
            TypeBase::Int => self.int_from(word, wanted),
            TypeBase::Real => match as_int(word) {
                Some(value) => self.new_real(value as f64),
                None => Err(self.no_cast(wanted, word)),
            },
            TypeBase::Bool => match as_int(word) {
                Some(_) => Ok(boolean(word != ZERO)),
                None => Err(self.no_cast(wanted, word)),
            },
            TypeBase::Str => self.str_from(word),
            TypeBase::Bytes => self.bytes_from(word, wanted),
            TypeBase::Symbol => self.name_from(Immediate::Symbol, word, wanted),
            TypeBase::Keyword => self.name_from(Immediate::Keyword, word, wanted),
            TypeBase::Path => self.name_from(Immediate::Path, word, wanted),
            TypeBase::List | TypeBase::ListParen => self.list_from(PAREN, word, wanted),
            TypeBase::ListSquare => self.list_from(SQUARE, word, wanted),
            TypeBase::ListBrace => self.list_from(BRACE, word, wanted),
            TypeBase::Map => self.map_from(word, wanted),
            TypeBase::Array => match self.items_of(word) {
                Some(items) => self.new_array_of(&items),
                None => Err(self.no_cast(wanted, word)),
            },
            TypeBase::Table if is_map(word) => self.map_into_table(word),
            TypeBase::Buffer => match raw_bytes(&word) {
                Some(bytes) => {
                    let buffer = self.new_buffer(bytes.len())?;
                    self.buffer_push(buffer, bytes)?;
                    Ok(buffer)
                }
                None => Err(self.no_cast(wanted, word)),
            },
            TypeBase::Error if is_map(word) => self.error_from(word),
            TypeBase::Form(name) => self.form_from(name, word, wanted),
            _ => Err(self.no_cast(wanted, word)),
        }
    }

    #[cold]
    fn no_cast(&mut self, wanted: &LoadedType, word: Word) -> Raise {
        let message = format!("{} cannot be cast to {}", super::type_name(word), wanted.name());
        self.raise_data("type/cast", &message, word)
    }

    fn int_from(&mut self, word: Word, wanted: &LoadedType) -> Outcome {
        if word == TRUE || word == FALSE {
            return Ok(count_word((word == TRUE).into()));
        }
        let Some(real) = as_real(word) else {
            return Err(self.no_cast(wanted, word));
        };
        // Both bounds are exact as reals; the upper one is the first that does not fit.
        if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&real) {
            return Err(self.raise_data("type/cast", "the real does not fit an integer of 64 bits", word));
        }
        self.new_int(real as i64)
    }

    /// Names and numbers as they are written, bytes as the text that they are, lists as the text of their bytes.
    fn str_from(&mut self, word: Word) -> Outcome {
        if let Some(bytes) = raw_bytes(&word) {
            return self.text_from_bytes(bytes.to_vec(), word);
        }
        if let Some(items) = list_items(word) {
            return self.text_from_items(items, word);
        }
        let text = self.try_display(word)?;
        self.new_string(text)
    }

    fn text_from_bytes(&mut self, bytes: Vec<u8>, word: Word) -> Outcome {
        match String::from_utf8(bytes) {
            Ok(text) => self.new_string(text),
            Err(error) => {
                let message = format!(
                    "byte {} is not part of a text in UTF-8",
                    error.utf8_error().valid_up_to()
                );
                Err(self.raise_data("str/utf8", &message, word))
            }
        }
    }

    /// The predecessor's conversion: integers are bytes, strings stand for theirs.
    fn text_from_items(&mut self, items: &[Word], word: Word) -> Outcome {
        let mut bytes = Vec::with_capacity(items.len());
        for item in items {
            match (as_int(*item), text_of(item)) {
                (Some(value), _) => bytes.push(value as u8),
                (None, Some(text)) => bytes.extend_from_slice(text.as_bytes()),
                (None, None) => {
                    let message = format!("a list with {} in it is no text", super::type_name(*item));
                    return Err(self.raise_data("type/cast", &message, *item));
                }
            }
        }
        self.text_from_bytes(bytes, word)
    }

    fn bytes_from(&mut self, word: Word, wanted: &LoadedType) -> Outcome {
        if let Some(bytes) = raw_bytes(&word) {
            return self.new_bytes(bytes);
        }
        let Some(items) = self.items_of(word) else {
            return Err(self.no_cast(wanted, word));
        };
        let mut bytes = Vec::with_capacity(items.len());
        for item in items {
            match as_int(item).and_then(|value| u8::try_from(value).ok()) {
                Some(byte) => bytes.push(byte),
                None => return Err(self.raise_data("type/cast", "bytes are integers from 0 to 255", item)),
            }
        }
        self.new_byte_vec(bytes)
    }

    fn name_from(&mut self, kind: Immediate, word: Word, wanted: &LoadedType) -> Outcome {
        let is_named = [Immediate::Symbol, Immediate::Keyword, Immediate::Path]
            .iter()
            .any(|kind| is_immediate(word, *kind));
        let name = if is_named {
            names::text(payload(word))
        } else {
            text_of(&word).unwrap_or("")
        };
        let fits = match kind {
            Immediate::Path => name.len() > 2 && name[1..name.len() - 1].contains(':'),
            _ => !name.is_empty(),
        };
        if !fits {
            return Err(self.no_cast(wanted, word));
        }
        self.intern(kind, name)
    }

    fn list_from(&mut self, kind: u8, word: Word, wanted: &LoadedType) -> Outcome {
        if list_items(word).is_some() {
            return self.list_with_kind(word, kind);
        }
        if let Some(bytes) = raw_bytes(&word) {
            return self.new_list_sized(kind, bytes.len(), |items| {
                for (item, byte) in items.iter_mut().zip(bytes) {
                    *item = count_word((*byte).into());
                }
            });
        }
        match self.items_of(word) {
            Some(items) => self.new_list(kind, &items),
            None if is_map(word) || is_table(word) => {
                let pairs = self.elements(word)?;
                self.new_list(kind, &pairs)
            }
            None => Err(self.no_cast(wanted, word)),
        }
    }

    fn map_from(&mut self, word: Word, wanted: &LoadedType) -> Outcome {
        if is_error(word) {
            return self.error_fields(word);
        }
        if is_table(word) {
            let pairs: Vec<Word> = self
                .table_cursor(word)?
                .flat_map(|(key, value)| [key, value])
                .collect();
            return self.map_from_pairs(&pairs);
        }
        match records::instance_type(word) {
            Some(record) if record.is_named() => self.instance_data(word),
            _ => Err(self.no_cast(wanted, word)),
        }
    }

    /// The items of a list, array or form.
    fn items_of(&self, word: Word) -> Option<Vec<Word>> {
        list_items(word)
            .or_else(|| array_items(word))
            .or_else(|| records::instance_fields(word))
            .map(<[Word]>::to_vec)
    }

    fn form_from(&mut self, name: &str, word: Word, wanted: &LoadedType) -> Outcome {
        let Some(record) = records::find(name) else {
            let message = format!("the form {name} is not defined");
            return Err(self.raise("type/unknown-form", &message));
        };
        if let Some(items) = self.items_of(word) {
            return self.new_instance(record, &items);
        }
        if !is_map(word) || !record.is_named() {
            return Err(self.no_cast(wanted, word));
        }
        let mut fields = Vec::with_capacity(record.fields.len());
        for (key, _) in self.map_cursor(word)? {
            if record.place(key).is_none() {
                let message = format!("{} has no field {}", record.short_name, self.repr_short(key));
                return Err(self.raise_data("type/fields", &message, key));
            }
        }
        for name in record.fields.iter().filter_map(|field| field.name) {
            match self.map_get(word, name)? {
                Some(value) => fields.push(value),
                None => {
                    let message = format!(
                        "field {} of {} is missing",
                        names::text(payload(name)),
                        record.short_name
                    );
                    return Err(self.raise_data("type/fields", &message, name));
                }
            }
        }
        self.new_instance(record, &fields)
    }
}

fn is_list_type(wanted: &LoadedType) -> bool {
    matches!(
        wanted.spec().base,
        TypeBase::List | TypeBase::ListParen | TypeBase::ListSquare | TypeBase::ListBrace
    )
}

/// The bytes of a string, bytes value or buffer.
fn raw_bytes(word: &Word) -> Option<&[u8]> {
    debug_assert!(kind_of(*word) != Some(Kind::Raw), "raw words are no values");
    text_of(word)
        .map(str::as_bytes)
        .or_else(|| bytes_of(word))
        .or_else(|| buffer_bytes(*word))
}
