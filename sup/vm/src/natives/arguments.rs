//! Arguments of natives: taken out of their words, with messages that all read alike, and sizes checked before anything
//! is allocated.

use sup_abi::word::{FALSE, NIL, Word};

use super::sequence;
use crate::data::{
    array_items, as_int, as_number, bytes_of, is_array, is_box, is_buffer, is_error, is_table, list_items,
    text_of,
};
use crate::error::{Outcome, Raise};
use crate::vm::Vm;

/// Bytes of output below which its size is not checked against the quota before it is made.
const UNCHECKED: usize = 1 << 16;

/// The arguments of one call.
pub(crate) trait Arguments {
    /// The integer at that place.
    fn int(&self, vm: &mut Vm, index: usize) -> Result<i64, Raise>;
    /// The number at that place, as a real.
    fn number(&self, vm: &mut Vm, index: usize) -> Result<f64, Raise>;
    /// How many of something: the integer at that place, 0 when it is negative.
    fn amount(&self, vm: &mut Vm, index: usize) -> Result<usize, Raise>;
    /// The text at that place.
    fn text(&self, vm: &mut Vm, index: usize) -> Result<&str, Raise>;
    /// The bytes at that place.
    fn bytes(&self, vm: &mut Vm, index: usize) -> Result<&[u8], Raise>;
    /// The elements of what can be gone through at that place. They change when an array does.
    fn items(&self, vm: &mut Vm, index: usize) -> Result<&'static [Word], Raise>;
    /// The argument at that place, if it was given and is not nil.
    fn given(&self, index: usize) -> Option<Word>;
    /// Whether the argument at that place was given and is true.
    fn is_set(&self, index: usize) -> bool;
    /// The word at that place, which must be an array.
    fn array(&self, vm: &mut Vm, index: usize) -> Outcome;
    /// The word at that place, which must be a table.
    fn table(&self, vm: &mut Vm, index: usize) -> Outcome;
    /// The word at that place, which must be a buffer.
    fn buffer(&self, vm: &mut Vm, index: usize) -> Outcome;
    /// The word at that place, which must be a box.
    fn boxed(&self, vm: &mut Vm, index: usize) -> Outcome;
    /// The word at that place, which must be an error.
    fn error(&self, vm: &mut Vm, index: usize) -> Outcome;
}

impl Arguments for [Word] {
    #[inline]
    fn int(&self, vm: &mut Vm, index: usize) -> Result<i64, Raise> {
        match as_int(self[index]) {
            Some(value) => Ok(value),
            None => Err(mismatch(vm, index, "an :int", self[index])),
        }
    }

    #[inline]
    fn number(&self, vm: &mut Vm, index: usize) -> Result<f64, Raise> {
        match as_number(self[index]) {
            Some(value) => Ok(value),
            None => Err(mismatch(vm, index, "a number", self[index])),
        }
    }

    #[inline]
    fn amount(&self, vm: &mut Vm, index: usize) -> Result<usize, Raise> {
        Ok(usize::try_from(self.int(vm, index)?).unwrap_or(0))
    }

    #[inline]
    fn text(&self, vm: &mut Vm, index: usize) -> Result<&str, Raise> {
        match text_of(&self[index]) {
            Some(text) => Ok(text),
            None => Err(mismatch(vm, index, "a :str", self[index])),
        }
    }

    #[inline]
    fn bytes(&self, vm: &mut Vm, index: usize) -> Result<&[u8], Raise> {
        match bytes_of(&self[index]) {
            Some(bytes) => Ok(bytes),
            None => Err(mismatch(vm, index, ":bytes", self[index])),
        }
    }

    #[inline]
    fn items(&self, vm: &mut Vm, index: usize) -> Result<&'static [Word], Raise> {
        let word = self[index];
        match list_items(word).or_else(|| array_items(word)) {
            Some(items) => Ok(items),
            None if sequence::is_seqable(word) => sequence::elements(vm, word),
            None => Err(mismatch(vm, index, "a collection", word)),
        }
    }

    #[inline]
    fn given(&self, index: usize) -> Option<Word> {
        self.get(index).copied().filter(|word| *word != NIL)
    }

    fn is_set(&self, index: usize) -> bool {
        self.given(index)
            .is_some_and(|word| word != FALSE && !sup_abi::word::is_falsy(word))
    }

    #[inline]
    fn array(&self, vm: &mut Vm, index: usize) -> Outcome {
        demand(vm, self, index, is_array, "an :array")
    }

    #[inline]
    fn table(&self, vm: &mut Vm, index: usize) -> Outcome {
        demand(vm, self, index, is_table, "a :table")
    }

    #[inline]
    fn buffer(&self, vm: &mut Vm, index: usize) -> Outcome {
        demand(vm, self, index, is_buffer, "a :buffer")
    }

    #[inline]
    fn boxed(&self, vm: &mut Vm, index: usize) -> Outcome {
        demand(vm, self, index, is_box, "a :box")
    }

    #[inline]
    fn error(&self, vm: &mut Vm, index: usize) -> Outcome {
        demand(vm, self, index, is_error, "an :error")
    }
}

#[inline(always)]
fn demand(vm: &mut Vm, words: &[Word], index: usize, holds: fn(Word) -> bool, expected: &str) -> Outcome {
    let word = words[index];
    if holds(word) {
        Ok(word)
    } else {
        Err(mismatch(vm, index, expected, word))
    }
}

/// Raises `type/mismatch` for the argument at `index`, counted from 0.
#[cold]
pub(crate) fn mismatch(vm: &mut Vm, index: usize, expected: &str, found: Word) -> Raise {
    let name = name(vm);
    let (shown, kind) = (vm.repr_short(found), vm.type_name(found));
    let message = format!(
        "{name}: parameter {} must be {expected}, got {shown} ({kind})",
        index + 1
    );
    vm.raise_data("type/mismatch", &message, found)
}

/// Raises an error of that code whose message starts with the running primitive's name.
#[cold]
pub(crate) fn refuse(vm: &mut Vm, code: &str, message: &str, data: Word) -> Raise {
    let message = format!("{}: {message}", name(vm));
    vm.raise_data(code, &message, data)
}

/// Raises `value/invalid`.
#[cold]
pub(crate) fn invalid(vm: &mut Vm, message: &str, data: Word) -> Raise {
    refuse(vm, "value/invalid", message, data)
}

fn name(vm: &Vm) -> &'static str {
    vm.running_primitive_name().trim_start_matches('%')
}

/// Raises `vm/memory` unless that many bytes fit the quota. None stands for more than can be counted. What is small is
/// left to the allocation itself.
#[inline]
pub(crate) fn check_room(vm: &mut Vm, bytes: Option<usize>) -> Result<(), Raise> {
    match bytes {
        Some(..UNCHECKED) => Ok(()),
        _ => check_quota(vm, bytes),
    }
}

#[cold]
fn check_quota(vm: &mut Vm, bytes: Option<usize>) -> Result<(), Raise> {
    let quota = vm.limits().memory_bytes;
    match bytes.and_then(|bytes| bytes.checked_add(vm.heap.used_bytes())) {
        Some(bytes) if bytes <= quota => Ok(()),
        _ => Err(vm.raise_memory()),
    }
}

/// Raises `vm/memory` unless a list of that many items fits the quota.
#[inline]
pub(crate) fn check_items(vm: &mut Vm, n: Option<usize>) -> Result<(), Raise> {
    check_room(vm, n.and_then(|n| n.checked_mul(size_of::<Word>())))
}
