//! Going through the elements of anything that has some.

use sup_abi::word::{NIL, Word};

use super::access::count_word;
use super::{
    BRACE, array_items, buffer_bytes, bytes_of, is_map, is_str, is_table, list_items, records, text_of,
};
use crate::error::{Outcome, Raise};
use crate::vm::Vm;

/// Whether a value has elements to go through: a list, array, string, bytes, buffer, map, table, form or nil.
#[must_use]
pub fn is_seqable(word: Word) -> bool {
    word == NIL
        || list_items(word).is_some()
        || array_items(word).is_some()
        || is_str(word)
        || bytes_of(&word).is_some()
        || buffer_bytes(word).is_some()
        || is_map(word)
        || is_table(word)
        || records::instance_fields(word).is_some()
}

impl Vm {
    /// What an iteration over a value goes through: a list, array, string, bytes or buffer itself, the pairs `{k v}` of a
    /// map or table, the fields of a form, nothing of nil.
    ///
    /// # Errors
    /// `type/mismatch` for what has no elements, `vm/memory`.
    pub fn iterate_start(&mut self, word: Word) -> Outcome {
        if list_items(word).is_some()
            || array_items(word).is_some()
            || is_str(word)
            || bytes_of(&word).is_some()
            || buffer_bytes(word).is_some()
        {
            return Ok(word);
        }
        self.to_list(word)
    }

    /// The element at a position, which starts at 0 and means what the collection wants, and the position after it.
    ///
    /// # Errors
    /// `type/mismatch` for what [`Vm::iterate_start`] does not give.
    pub fn iterate_next(
        &mut self,
        collection: Word,
        position: usize,
    ) -> Result<Option<(Word, usize)>, Raise> {
        if let Some(items) = list_items(collection).or_else(|| array_items(collection)) {
            return Ok(items.get(position).map(|item| (*item, position + 1)));
        }
        if let Some(text) = text_of(&collection) {
            let next = text.get(position..).and_then(|rest| rest.chars().next());
            return Ok(next.map(|found| (count_word(found as usize), position + found.len_utf8())));
        }
        if let Some(bytes) = bytes_of(&collection).or_else(|| buffer_bytes(collection)) {
            return Ok(bytes
                .get(position)
                .map(|byte| (count_word((*byte).into()), position + 1)));
        }
        Err(self.type_mismatch("something to go through", collection))
    }

    /// The elements of a value as a brace list.
    ///
    /// # Errors
    /// `type/mismatch` for what has no elements, `vm/memory`.
    pub fn to_list(&mut self, word: Word) -> Outcome {
        if list_items(word).is_some() {
            return self.list_with_kind(word, BRACE);
        }
        let elements = self.elements(word)?;
        self.new_list(BRACE, &elements)
    }

    /// The elements of a value. The pairs of a map or table are brace lists.
    ///
    /// # Errors
    /// `type/mismatch` for what has no elements, `vm/memory`.
    pub fn elements(&mut self, word: Word) -> Result<Vec<Word>, Raise> {
        if let Some(items) = list_items(word)
            .or_else(|| array_items(word))
            .or_else(|| records::instance_fields(word))
        {
            return Ok(items.to_vec());
        }
        if let Some(text) = text_of(&word) {
            return Ok(text
                .chars()
                .map(|character| count_word(character as usize))
                .collect());
        }
        if let Some(bytes) = bytes_of(&word).or_else(|| buffer_bytes(word)) {
            return Ok(bytes.iter().map(|byte| count_word((*byte).into())).collect());
        }
        if word == NIL {
            return Ok(Vec::new());
        }
        let cursor = if is_table(word) {
            self.table_cursor(word)?
        } else if is_map(word) {
            self.map_cursor(word)?
        } else {
            return Err(self.type_mismatch("something to go through", word));
        };
        let mut pairs = Vec::new();
        for (key, value) in cursor {
            pairs.push(self.new_list(BRACE, &[key, value])?);
        }
        Ok(pairs)
    }
}
