//! Text made of values.
#![allow(unsafe_code)]

use sup_abi::word::{NIL, Word, fixnum_value, is_fixnum, is_short, short_bytes, short_len};

use super::BasePrimitive;
use super::arguments::{Arguments, check_room};
use super::scratch::build_str;
use crate::base;
use crate::data::number::push_int;
use crate::data::{is_str, text_of};
use crate::error::{Outcome, Raise};
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%str", "(&rest xs) :str", 0..None, str),
    base!("%repr", "(x) :str", 1..Some(1), repr),
    base!("%str-join", "(sep :str coll) :str", 2..Some(2), join),
];

/// Appends what `str` makes of a value: strings raw, nothing of nil, of anything else what reads back.
#[inline]
pub(crate) fn push_text(vm: &mut Vm, out: &mut String, word: Word) -> Result<(), Raise> {
    if is_short(word) {
        push_short(out, word);
        return Ok(());
    }
    if is_fixnum(word) {
        push_int(out, fixnum_value(word));
    } else if let Some(text) = text_of(&word) {
        out.push_str(text);
    } else if word != NIL {
        vm.push_display(out, word)?;
    }
    check_room(vm, Some(out.len()))
}

/// Appends a short string: eight bytes at once, then what is too much is cut off.
#[inline(always)]
fn push_short(out: &mut String, word: Word) {
    // SAFETY: what is left in the buffer behind what was there are the bytes of a string, which are UTF-8.
    let buffer = unsafe { out.as_mut_vec() };
    let len = buffer.len() + short_len(word);
    buffer.extend_from_slice(&short_bytes(word));
    buffer.truncate(len);
}

fn str(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    match arguments {
        [one] if is_str(*one) => return Ok(*one),
        _ => check_texts(vm, arguments, 0)?,
    }
    build_str(vm, |vm, out| {
        arguments.iter().try_for_each(|word| push_text(vm, out, *word))
    })
}

/// Checks that all strings among the words fit together, each with `more` bytes.
fn check_texts(vm: &mut Vm, words: &[Word], more: usize) -> Result<(), Raise> {
    let lens = words.iter().map(|word| text_of(word).map_or(0, str::len));
    let len = lens.fold(words.len().saturating_mul(more), usize::saturating_add);
    check_room(vm, Some(len))
}

fn repr(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    build_str(vm, |vm, out| vm.push_repr(out, arguments[0]))
}

fn join(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let separator = arguments.text(vm, 0)?;
    let items = arguments.items(vm, 1)?;
    check_texts(vm, items, separator.len())?;
    if let [one] = items
        && is_str(*one)
    {
        return Ok(*one);
    }
    build_str(vm, |vm, out| {
        for (index, item) in items.iter().enumerate() {
            vm.work(1)?;
            if index > 0 {
                out.push_str(separator);
            }
            push_text(vm, out, *item)?;
        }
        Ok(())
    })
}

/// Makes room for an output of a known size in a buffer, if the quota allows.
pub(crate) fn reserve(vm: &mut Vm, out: &mut String, bytes: Option<usize>) -> Result<(), Raise> {
    check_room(vm, bytes)?;
    out.reserve(bytes.unwrap_or(0));
    Ok(())
}
