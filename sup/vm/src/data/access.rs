//! Looking into any value: the element at an index or key, and how many there are.

use sup_abi::word::{NIL, Word, fixnum};

use super::characters::{char_at, text_len_chars};
use super::text::{bytes_of, text_of};
use super::{array_items, buffer_bytes, error_value, list_items, records, table_len};
use crate::error::{Outcome, Raise};
use crate::object::{Kind, Obj};
use crate::vm::Vm;

/// The place that an index names in something of that length: from the end when it is negative.
#[must_use]
#[inline]
pub fn resolve_index(index: i64, len: usize) -> Option<usize> {
    let place = if index < 0 {
        index.checked_add(len as i64)?
    } else {
        index
    };
    usize::try_from(place).ok().filter(|place| *place < len)
}

/// A small count as a word.
#[must_use]
#[inline]
pub fn count_word(count: usize) -> Word {
    fixnum(count as i64).expect("what is in memory has a count that fits")
}

impl Vm {
    /// The element of a collection at an index, or the value at a key. What is not there gives the error value
    /// `index/range`.
    ///
    /// # Errors
    /// `type/mismatch` if the collection has no elements or the index is of another type, `map/key`, `vm/memory`.
    pub fn at(&mut self, index: Word, collection: Word) -> Outcome {
        let Some(obj) = Obj::from_word(collection) else {
            return self.at_text(index, collection);
        };
        let found = match obj.kind() {
            Kind::List | Kind::View | Kind::Array => {
                let items = list_items(collection)
                    .or_else(|| array_items(collection))
                    .unwrap_or(&[]);
                return self.at_place(index, items.len(), |place| items[place]);
            }
            Kind::Str | Kind::BigStr => return self.at_text(index, collection),
            Kind::Bytes | Kind::BigBytes | Kind::Buffer => {
                let bytes = bytes_of(&collection)
                    .or_else(|| buffer_bytes(collection))
                    .unwrap_or(&[]);
                return self.at_place(index, bytes.len(), |place| count_word(bytes[place].into()));
            }
            Kind::Map | Kind::MapView => self.map_get(collection, index)?,
            Kind::Table => self.table_get(collection, index)?,
            Kind::Error => error_value::error_get(collection, index),
            Kind::Instance => records::instance_get(collection, index),
            _ => return Err(self.type_mismatch("a collection", collection)),
        };
        match found {
            Some(value) => Ok(value),
            None => self.key_error(index),
        }
    }

    fn at_place(&mut self, index: Word, len: usize, element: impl FnOnce(usize) -> Word) -> Outcome {
        let given = self.want_int(index)?;
        match resolve_index(given, len) {
            Some(place) => Ok(element(place)),
            None => self.index_error(given, len),
        }
    }

    fn at_text(&mut self, index: Word, text: Word) -> Outcome {
        if text_of(&text).is_none() {
            return Err(self.type_mismatch("a collection", text));
        }
        let place = self.want_int(index)?;
        let found = if place >= 0 {
            char_at(&text, place as usize)
        } else {
            let len = text_len_chars(&text).unwrap_or(0);
            resolve_index(place, len).and_then(|place| char_at(&text, place))
        };
        match found {
            Some(character) => Ok(count_word(character as usize)),
            None => self.index_error(place, text_len_chars(&text).unwrap_or(0)),
        }
    }

    /// The error value of an index that lies outside.
    ///
    /// # Errors
    /// `vm/memory`.
    #[cold]
    pub fn index_error(&mut self, index: i64, len: usize) -> Outcome {
        let message = outside(index, len);
        let data = self.new_int(index)?;
        self.make_error("index/range", &message, data)
    }

    /// The error value of a key that is not there.
    ///
    /// # Errors
    /// `vm/memory`.
    #[cold]
    pub fn key_error(&mut self, key: Word) -> Outcome {
        let message = format!("there is no key {}", self.repr_short(key));
        self.make_error("index/range", &message, key)
    }

    /// Raises `index/range`.
    #[cold]
    pub fn raise_index(&mut self, index: i64, len: usize) -> Raise {
        let message = outside(index, len);
        let data = fixnum(index).unwrap_or(NIL);
        self.raise_data("index/range", &message, data)
    }

    /// Number of elements: items, characters, bytes, pairs or fields; 0 for nil.
    ///
    /// # Errors
    /// `type/mismatch` for what has none.
    #[inline]
    pub fn count(&mut self, word: Word) -> Outcome {
        self.count_of(word).map(count_word)
    }

    /// Number of elements, as [`Vm::count`] gives it.
    ///
    /// # Errors
    /// `type/mismatch` for what has none.
    pub fn count_of(&mut self, word: Word) -> Result<usize, Raise> {
        let Some(obj) = Obj::from_word(word) else {
            return match text_len_chars(&word) {
                Some(count) => Ok(count),
                None if word == NIL => Ok(0),
                None => Err(self.type_mismatch("a collection", word)),
            };
        };
        Ok(match obj.kind() {
            Kind::List
            | Kind::View
            | Kind::Map
            | Kind::MapView
            | Kind::Bytes
            | Kind::BigBytes
            | Kind::Instance => obj.n(),
            Kind::Array | Kind::Buffer => obj.get(2) as usize,
            Kind::Str | Kind::BigStr => text_len_chars(&word).unwrap_or(0),
            Kind::Table => table_len(word).unwrap_or(0),
            Kind::Error => error_value::error_len(word).unwrap_or(0),
            _ => return Err(self.type_mismatch("a collection", word)),
        })
    }
}

fn outside(index: i64, len: usize) -> String {
    match len {
        0 => format!("index {index} does not lie in what is empty"),
        1 => format!("index {index} does not lie in 1 element"),
        _ => format!("index {index} does not lie in {len} elements"),
    }
}
