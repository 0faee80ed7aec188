//! The order of values of one type, for sorting: numbers by value, text by its characters, lists item by item.

use std::cmp::Ordering;

use sup_abi::word::{FALSE, Immediate, NIL, TRUE, Word, is_immediate, payload};

use super::number::compare_numbers;
use super::{array_items, bytes_of, list_items, text_of};
use crate::error::Raise;
use crate::names;
use crate::vm::Vm;

/// The order of two values that have no parts; nothing when they are of different types or have no order.
fn compare_leaves(a: Word, b: Word) -> Option<Ordering> {
    if a == b {
        return Some(Ordering::Equal);
    }
    if let Some(order) = compare_numbers(a, b) {
        return Some(order);
    }
    if let (Some(a), Some(b)) = (text_of(&a), text_of(&b)) {
        return Some(a.cmp(b));
    }
    if a == NIL || b == NIL {
        return Some(if a == NIL {
            Ordering::Less
        } else {
            Ordering::Greater
        });
    }
    for kind in [Immediate::Symbol, Immediate::Keyword, Immediate::Path] {
        if is_immediate(a, kind) && is_immediate(b, kind) {
            return Some(names::text(payload(a)).cmp(names::text(payload(b))));
        }
    }
    let is_boolean = |word| word == FALSE || word == TRUE;
    if is_boolean(a) && is_boolean(b) {
        return Some((a == TRUE).cmp(&(b == TRUE)));
    }
    Some(bytes_of(&a)?.cmp(bytes_of(&b)?))
}

fn items(word: Word) -> Option<&'static [Word]> {
    list_items(word)
        .or_else(|| array_items(word))
        .or_else(|| super::records::instance_fields(word))
}

/// The order of two values; on failure the two words inside them that have none.
pub(crate) fn compare(a: Word, b: Word) -> Result<Ordering, (Word, Word)> {
    if let Some(order) = compare_leaves(a, b) {
        return Ok(order);
    }
    let mut stack = vec![open(a, b)?];
    while let Some((left, right)) = stack.last_mut() {
        let (Some((a, more_left)), Some((b, more_right))) = (left.split_first(), right.split_first()) else {
            let order = left.len().cmp(&right.len());
            if order.is_ne() {
                return Ok(order);
            }
            stack.pop();
            continue;
        };
        (*left, *right) = (more_left, more_right);
        match compare_leaves(*a, *b) {
            Some(Ordering::Equal) => {}
            Some(order) => return Ok(order),
            None => {
                let inner = open(*a, *b)?;
                stack.push(inner);
            }
        }
    }
    Ok(Ordering::Equal)
}

type Rows = (&'static [Word], &'static [Word]);

fn open(a: Word, b: Word) -> Result<Rows, (Word, Word)> {
    match (items(a), items(b)) {
        (Some(left), Some(right)) if super::records::instance_type(a) == super::records::instance_type(b) => {
            Ok((left, right))
        }
        _ => Err((a, b)),
    }
}

impl Vm {
    /// The order of two values of one type: numbers by value whether integer or real, with NaN last; strings, symbols and
    /// keywords by text; bytes; false before true; lists and arrays item by item; nil before everything.
    ///
    /// # Errors
    /// `type/mismatch` for different types and those without an order.
    pub fn compare(&mut self, a: Word, b: Word) -> Result<Ordering, Raise> {
        compare(a, b).map_err(|(a, b)| self.raise_unordered(a, b))
    }

    #[cold]
    pub(crate) fn raise_unordered(&mut self, a: Word, b: Word) -> Raise {
        let message = format!("{} and {} have no order", self.type_name(a), self.type_name(b));
        self.raise_data("type/mismatch", &message, b)
    }
}
