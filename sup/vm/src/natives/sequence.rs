//! What can be gone through: lists, arrays, strings, bytes, buffers, maps, tables, form instances and nil, taken by
//! parts that keep their shape.

use sup_abi::word::{NIL, Word};

use super::arguments::mismatch;
use crate::data::records::instance_fields;
use crate::data::{
    BRACE, array_items, buffer_bytes, byte_offset, bytes_of, is_map, is_table, list_items, list_kind,
    map_len, table_len, text_len_chars, text_of,
};
use crate::error::{Outcome, Raise};
use crate::object::{Kind, Obj};
use crate::vm::Vm;

/// A value that can be gone through.
#[derive(Clone, Copy)]
pub(crate) enum Sequence {
    /// Nil, which has no elements.
    Nil,
    /// A list of any kind.
    List(&'static [Word]),
    /// An array.
    Array(&'static [Word]),
    /// A form instance; parts of it are brace lists.
    Fields(&'static [Word]),
    /// A string.
    Text,
    /// Bytes or a buffer.
    Bytes,
    /// A map or table, whose elements are pairs.
    Pairs,
}

/// What the word is as something to go through, if it is that.
#[inline]
pub(crate) fn sequence_of(word: Word) -> Option<Sequence> {
    let Some(obj) = Obj::from_word(word) else {
        if word == NIL {
            return Some(Sequence::Nil);
        }
        return sup_abi::word::is_short(word).then_some(Sequence::Text);
    };
    Some(match obj.kind() {
        Kind::List | Kind::View => Sequence::List(list_items(word).unwrap_or(&[])),
        Kind::Array => Sequence::Array(array_items(word).unwrap_or(&[])),
        Kind::Instance => Sequence::Fields(instance_fields(word).unwrap_or(&[])),
        Kind::Str | Kind::BigStr => Sequence::Text,
        Kind::Bytes | Kind::BigBytes | Kind::Buffer => Sequence::Bytes,
        Kind::Map | Kind::MapView | Kind::Table => Sequence::Pairs,
        _ => return None,
    })
}

/// Whether the word can be gone through.
pub(crate) fn is_seqable(word: Word) -> bool {
    sequence_of(word).is_some()
}

/// The elements of something that can be gone through; a list is made of them where there is none.
pub(crate) fn elements(vm: &mut Vm, word: Word) -> Result<&'static [Word], Raise> {
    if let Some(items) = list_items(word)
        .or_else(|| array_items(word))
        .or_else(|| instance_fields(word))
    {
        return Ok(items);
    }
    let list = vm.to_list(word)?;
    Ok(list_items(list).expect("the elements are a list"))
}

/// What the argument at `index` is as something to go through.
#[inline]
pub(crate) fn want(vm: &mut Vm, arguments: &[Word], index: usize) -> Result<Sequence, Raise> {
    match sequence_of(arguments[index]) {
        Some(sequence) => Ok(sequence),
        None => Err(mismatch(vm, index, "a collection", arguments[index])),
    }
}

/// The bytes of bytes or of a buffer.
pub(crate) fn raw_bytes(word: &Word) -> &[u8] {
    bytes_of(word).or_else(|| buffer_bytes(*word)).unwrap_or(&[])
}

/// Number of pairs of a map or table.
pub(crate) fn n_pairs(word: Word) -> usize {
    map_len(word).or_else(|| table_len(word)).unwrap_or(0)
}

/// Goes through the pairs of a map or table; over nothing for anything else.
pub(crate) fn pairs_of(vm: &mut Vm, word: Word) -> Result<crate::data::Cursor, Raise> {
    if is_map(word) {
        vm.map_cursor(word)
    } else if is_table(word) {
        vm.table_cursor(word)
    } else {
        Ok(crate::data::Cursor::EMPTY)
    }
}

/// How many elements there are.
pub(crate) fn length(sequence: Sequence, word: Word) -> usize {
    match sequence {
        Sequence::Nil => 0,
        Sequence::List(items) | Sequence::Array(items) | Sequence::Fields(items) => items.len(),
        Sequence::Text => text_len_chars(&word).unwrap_or(0),
        Sequence::Bytes => raw_bytes(&word).len(),
        Sequence::Pairs => n_pairs(word),
    }
}

/// The elements from `from` up to `to`, in the shape of the whole. Both are cut to what there is.
pub(crate) fn part(vm: &mut Vm, sequence: Sequence, word: Word, from: usize, to: usize) -> Outcome {
    match sequence {
        Sequence::Nil => vm.new_list(BRACE, &[]),
        Sequence::List(items) => {
            let to = to.min(items.len());
            vm.list_slice(word, from.min(to), to)
        }
        Sequence::Array(items) => {
            let to = to.min(items.len());
            vm.new_array_of(&items[from.min(to)..to])
        }
        Sequence::Fields(items) => {
            let to = to.min(items.len());
            vm.new_list(BRACE, &items[from.min(to)..to])
        }
        Sequence::Text => part_of_text(vm, word, from, to),
        Sequence::Bytes => {
            let len = raw_bytes(&word).len();
            let to = to.min(len);
            let from = from.min(to);
            if bytes_of(&word).is_some() {
                return if to - from == len {
                    Ok(word)
                } else {
                    vm.bytes_slice(word, from, to)
                };
            }
            vm.new_bytes(&raw_bytes(&word)[from..to])
        }
        Sequence::Pairs => {
            let list = vm.to_list(word)?;
            let to = to.min(n_pairs(word));
            vm.list_slice(list, from.min(to), to)
        }
    }
}

fn part_of_text(vm: &mut Vm, word: Word, from: usize, to: usize) -> Outcome {
    let len = text_of(&word).map_or(0, str::len);
    let start = byte_offset(&word, from).unwrap_or(len);
    let end = if to >= len {
        len
    } else {
        byte_offset(&word, to).unwrap_or(len)
    };
    if start == 0 && end == len {
        return Ok(word);
    }
    vm.str_slice(word, start.min(end), end)
}

/// A list of the kind of `like`, or a brace list.
pub(crate) fn kind_like(like: Word) -> u8 {
    list_kind(like).unwrap_or(BRACE)
}
