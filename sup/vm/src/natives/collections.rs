//! Reading collections of any type, and making the next one from them.

use sup_abi::word::{NIL, Word, boolean, is_pointer};

use super::arguments::{Arguments, check_items, check_room, invalid, mismatch};
use super::sequence::{self, Sequence, kind_like, length, part, raw_bytes, want};
use super::{BasePrimitive, scratch};
use crate::base;
use crate::data::access::{count_word, resolve_index};
use crate::data::{
    BRACE, as_int, buffer_bytes, bytes_of, char_at, error_value, is_buffer, is_list, is_map, is_table,
    list_items, records, text_len_chars, text_of,
};
use crate::error::{Outcome, Raise};
use crate::object::{Kind, Obj};
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%count", "(coll) :int", 1..Some(1), count),
    base!("%empty?", "(coll) :bool", 1..Some(1), is_empty),
    base!("%first", "(coll)", 1..Some(1), first),
    base!("%last", "(coll)", 1..Some(1), last),
    base!("%rest", "(coll)", 1..Some(1), rest),
    base!("%butlast", "(coll)", 1..Some(1), but_last),
    base!("%get", "(coll key &opt default)", 2..Some(3), get),
    base!("%has-key?", "(coll key) :bool", 2..Some(2), has_key),
    base!("%put", "(coll key value)", 3..Some(3), put),
    base!("%remove", "(coll &rest keys)", 1..None, remove),
    base!("%push", "(coll &rest xs)", 1..None, push),
    base!("%cons", "(x coll) :list", 2..Some(2), cons),
    base!("%concat", "(&rest colls)", 0..None, concat),
    base!("%slice", "(coll from :int &opt to :int)", 2..Some(3), slice),
    base!("%take", "(n :int coll)", 2..Some(2), take),
    base!("%drop", "(n :int coll)", 2..Some(2), drop_first),
    base!("%reverse", "(coll)", 1..Some(1), reverse),
    base!("%to-list", "(coll) :list-c", 1..Some(1), to_list),
    base!("%list", "(&rest xs) :list-c", 0..None, list),
];

fn count(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    vm.count(arguments[0])
}

fn is_empty(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let word = arguments[0];
    Ok(boolean(match want(vm, arguments, 0)? {
        Sequence::Text => text_of(&word).is_some_and(str::is_empty),
        sequence => length(sequence, word) == 0,
    }))
}

fn first(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let word = arguments[0];
    match want(vm, arguments, 0)? {
        Sequence::Nil => Ok(NIL),
        Sequence::List(items) | Sequence::Array(items) | Sequence::Fields(items) => {
            Ok(items.first().copied().unwrap_or(NIL))
        }
        Sequence::Text => Ok(text_of(&word)
            .and_then(|text| text.chars().next())
            .map_or(NIL, code)),
        Sequence::Bytes => Ok(raw_bytes(&word)
            .first()
            .map_or(NIL, |byte| count_word((*byte).into()))),
        Sequence::Pairs => match sequence::pairs_of(vm, word)?.next() {
            Some((key, value)) => vm.new_list(BRACE, &[key, value]),
            None => Ok(NIL),
        },
    }
}

/// A character as the element of a string.
fn code(character: char) -> Word {
    count_word(character as usize)
}

fn last(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let word = arguments[0];
    match want(vm, arguments, 0)? {
        Sequence::Nil => Ok(NIL),
        Sequence::List(items) | Sequence::Array(items) | Sequence::Fields(items) => {
            Ok(items.last().copied().unwrap_or(NIL))
        }
        Sequence::Text => Ok(text_of(&word)
            .and_then(|text| text.chars().next_back())
            .map_or(NIL, code)),
        Sequence::Bytes => Ok(raw_bytes(&word)
            .last()
            .map_or(NIL, |byte| count_word((*byte).into()))),
        Sequence::Pairs => match sequence::pairs_of(vm, word)?.last() {
            Some((key, value)) => vm.new_list(BRACE, &[key, value]),
            None => Ok(NIL),
        },
    }
}

fn rest(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let sequence = want(vm, arguments, 0)?;
    part(vm, sequence, arguments[0], 1, usize::MAX)
}

fn but_last(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let sequence = want(vm, arguments, 0)?;
    let len = length(sequence, arguments[0]);
    part(vm, sequence, arguments[0], 0, len.saturating_sub(1))
}

/// The value at a key or index; nothing when it is not there.
#[inline]
pub(crate) fn look_up(vm: &mut Vm, arguments: &[Word]) -> Result<Option<Word>, Raise> {
    let (word, key) = (arguments[0], arguments[1]);
    let Some(obj) = Obj::from_word(word) else {
        if word == NIL {
            return Ok(None);
        }
        return match text_of(&word) {
            Some(_) => Ok(look_up_character(word, key)),
            None => Err(mismatch(vm, 0, "a collection", word)),
        };
    };
    match obj.kind() {
        Kind::Map | Kind::MapView => vm.map_get(word, key),
        Kind::Table => vm.table_get(word, key),
        Kind::List | Kind::View | Kind::Array => {
            let items = sequence::elements(vm, word)?;
            Ok(index_in(key, items.len()).map(|place| items[place]))
        }
        Kind::Str | Kind::BigStr => Ok(look_up_character(word, key)),
        Kind::Bytes | Kind::BigBytes | Kind::Buffer => {
            let bytes = raw_bytes(&word);
            Ok(index_in(key, bytes.len()).map(|place| count_word(bytes[place].into())))
        }
        Kind::Error => Ok(error_value::error_get(word, key)),
        Kind::Instance => Ok(records::instance_get(word, key)),
        _ => Err(mismatch(vm, 0, "a collection", word)),
    }
}

fn index_in(key: Word, len: usize) -> Option<usize> {
    resolve_index(as_int(key)?, len)
}

fn look_up_character(text: Word, key: Word) -> Option<Word> {
    let index = as_int(key)?;
    let place = if index < 0 {
        resolve_index(index, text_len_chars(&text)?)?
    } else {
        index as usize
    };
    char_at(&text, place).map(code)
}

fn get(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let found = look_up(vm, arguments)?;
    Ok(found.unwrap_or_else(|| arguments.get(2).copied().unwrap_or(NIL)))
}

fn has_key(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    Ok(boolean(look_up(vm, arguments)?.is_some()))
}

fn put(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (word, key, value) = (arguments[0], arguments[1], arguments[2]);
    if word == NIL {
        return vm.new_map(&[key, value]);
    }
    match Obj::from_word(word).map(Obj::kind) {
        Some(Kind::Map | Kind::MapView) => vm.map_put(word, key, value),
        Some(Kind::List | Kind::View) => put_in_list(vm, arguments),
        Some(Kind::Table) => {
            vm.table_set(word, key, value)?;
            Ok(word)
        }
        Some(Kind::Array) => {
            vm.array_set(word, key, value)?;
            Ok(word)
        }
        Some(Kind::Buffer) => {
            let place = arguments.int(vm, 1)?;
            let byte = byte_of(vm, value)?;
            let bytes = vm.buffer_edit(word)?;
            let Some(index) = resolve_index(place, bytes.len()) else {
                return Err(vm.raise_index(place, bytes.len()));
            };
            bytes[index] = byte;
            Ok(word)
        }
        Some(Kind::Instance) => vm.instance_put(word, key, value),
        _ => Err(mismatch(vm, 0, "a map, list, table, array or form", word)),
    }
}

fn put_in_list(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let place = arguments.int(vm, 1)?;
    let len = list_items(arguments[0]).map_or(0, <[Word]>::len);
    match resolve_index(place, len) {
        Some(index) => vm.list_set(arguments[0], index, arguments[2]),
        None if place == len as i64 => vm.list_push(arguments[0], arguments[2]),
        None => Err(vm.raise_index(place, len)),
    }
}

/// A byte: an integer from 0 to 255.
pub(crate) fn byte_of(vm: &mut Vm, word: Word) -> Result<u8, Raise> {
    match as_int(word).map(u8::try_from) {
        Some(Ok(byte)) => Ok(byte),
        Some(Err(_)) => Err(invalid(vm, "a byte is an integer from 0 to 255", word)),
        None => Err(vm.type_mismatch(":int", word)),
    }
}

fn remove(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (word, keys) = (arguments[0], &arguments[1..]);
    if word == NIL {
        return Ok(NIL);
    }
    if is_map(word) {
        return keys.iter().try_fold(word, |map, key| vm.map_remove(map, *key));
    }
    if is_table(word) {
        for key in keys {
            vm.table_remove(word, *key)?;
        }
        return Ok(word);
    }
    let Some(items) = list_items(word) else {
        return Err(mismatch(vm, 0, "a map, table or list", word));
    };
    let mut places = Vec::with_capacity(keys.len());
    for index in 1..arguments.len() {
        let place = arguments.int(vm, index)?;
        places.extend(resolve_index(place, items.len()));
    }
    places.sort_unstable();
    places.dedup();
    vm.new_list_sized(kind_like(word), items.len() - places.len(), |words| {
        let mut gone = places.iter().peekable();
        let left = items
            .iter()
            .enumerate()
            .filter(|(index, _)| gone.next_if_eq(&index).is_none());
        for (slot, (_, item)) in words.iter_mut().zip(left) {
            *slot = *item;
        }
    })
}

fn push(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (word, more) = (arguments[0], &arguments[1..]);
    match want(vm, arguments, 0)? {
        Sequence::List(_) => vm.list_push_all(word, more),
        Sequence::Nil => vm.new_list(BRACE, more),
        Sequence::Array(_) => {
            vm.array_append(word, more)?;
            Ok(word)
        }
        Sequence::Bytes => {
            let mut bytes = Vec::with_capacity(more.len());
            for byte in more {
                bytes.push(byte_of(vm, *byte)?);
            }
            if is_buffer(word) {
                vm.buffer_push(word, &bytes)?;
                return Ok(word);
            }
            let whole = [raw_bytes(&word), &bytes].concat();
            vm.new_byte_vec(whole)
        }
        Sequence::Text => scratch::build_str(vm, |vm, out| {
            out.push_str(text_of(&word).unwrap_or(""));
            for (index, item) in more.iter().enumerate() {
                push_character(vm, out, index + 1, *item)?;
            }
            Ok(())
        }),
        Sequence::Pairs | Sequence::Fields(_) => Err(mismatch(vm, 0, "a list, array, string or bytes", word)),
    }
}

/// Appends a string, or the character with that code point.
pub(crate) fn push_character(vm: &mut Vm, out: &mut String, index: usize, word: Word) -> Result<(), Raise> {
    if let Some(text) = text_of(&word) {
        out.push_str(text);
        return Ok(());
    }
    match as_int(word) {
        None => Err(mismatch(vm, index, "a :str or a code point", word)),
        Some(value) => match u32::try_from(value).ok().and_then(char::from_u32) {
            Some(character) => {
                out.push(character);
                Ok(())
            }
            None => Err(invalid(vm, "there is no character with this code point", word)),
        },
    }
}

fn cons(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let items = arguments.items(vm, 1)?;
    vm.new_list_sized(kind_like(arguments[1]), items.len() + 1, |words| {
        words[0] = arguments[0];
        words[1..].copy_from_slice(items);
    })
}

fn concat(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let Some(first) = arguments.iter().position(|word| *word != NIL) else {
        return vm.new_list(BRACE, &[]);
    };
    match want(vm, arguments, first)? {
        Sequence::Text => concat_texts(vm, arguments),
        Sequence::Bytes => concat_bytes(vm, arguments),
        Sequence::Array(items) => {
            let array = vm.new_array_of(items)?;
            for index in first + 1..arguments.len() {
                let items = arguments.items(vm, index)?;
                vm.array_append(array, items)?;
            }
            Ok(array)
        }
        _ => concat_lists(vm, arguments, first),
    }
}

fn concat_texts(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let mut len = 0usize;
    for index in (0..arguments.len()).filter(|index| arguments[*index] != NIL) {
        len = len.saturating_add(arguments.text(vm, index)?.len());
    }
    check_room(vm, Some(len))?;
    scratch::build_str(vm, |_, out| {
        out.reserve_exact(len);
        arguments
            .iter()
            .filter_map(text_of)
            .for_each(|text| out.push_str(text));
        Ok(())
    })
}

fn concat_bytes(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let mut len = 0usize;
    for index in (0..arguments.len()).filter(|index| arguments[*index] != NIL) {
        let word = arguments[index];
        match bytes_of(&word).or_else(|| buffer_bytes(word)) {
            Some(bytes) => len = len.saturating_add(bytes.len()),
            None => return Err(mismatch(vm, index, ":bytes", word)),
        }
    }
    check_room(vm, Some(len))?;
    let mut whole = Vec::with_capacity(len);
    arguments
        .iter()
        .for_each(|word| whole.extend_from_slice(raw_bytes(word)));
    vm.new_byte_vec(whole)
}

fn concat_lists(vm: &mut Vm, arguments: &[Word], first: usize) -> Outcome {
    let head = arguments[first];
    let items = arguments.items(vm, first)?;
    if let [second] = arguments[first + 1..]
        && is_list(head)
        && is_list(second)
    {
        return vm.list_concat(head, second);
    }
    let mut rows = Vec::with_capacity(arguments.len() - first);
    let mut len = 0usize;
    for index in first + 1..arguments.len() {
        let row = arguments.items(vm, index)?;
        len = len.saturating_add(row.len());
        rows.push(row);
    }
    check_items(vm, len.checked_add(items.len()))?;
    if is_list(head) && (len == 0 || items.len() >= len) {
        return vm.list_push_all(head, &rows.concat());
    }
    vm.new_list_sized(kind_like(head), items.len() + len, |words| {
        let mut rest = words;
        for row in std::iter::once(&items).chain(&rows) {
            let (here, after) = rest.split_at_mut(row.len());
            here.copy_from_slice(row);
            rest = after;
        }
    })
}

/// The place that a bound of a slice names: from the end when it is negative, cut to what there is.
fn bound(index: i64, len: usize) -> usize {
    if index < 0 {
        len.saturating_sub(index.unsigned_abs().try_into().unwrap_or(usize::MAX))
    } else {
        usize::try_from(index).unwrap_or(usize::MAX).min(len)
    }
}

fn slice(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let sequence = want(vm, arguments, 0)?;
    let from = arguments.int(vm, 1)?;
    let to = match arguments.given(2) {
        Some(_) => Some(arguments.int(vm, 2)?),
        None => None,
    };
    let word = arguments[0];
    if from >= 0 && to.is_none_or(|to| to >= 0) && matches!(sequence, Sequence::Text) {
        // No need to know how many characters there are.
        return part(
            vm,
            sequence,
            word,
            from as usize,
            to.map_or(usize::MAX, |to| to as usize),
        );
    }
    let len = length(sequence, word);
    part(
        vm,
        sequence,
        word,
        bound(from, len),
        to.map_or(len, |to| bound(to, len)),
    )
}

fn take(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let n = arguments.amount(vm, 0)?;
    let sequence = want(vm, arguments, 1)?;
    part(vm, sequence, arguments[1], 0, n)
}

fn drop_first(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let n = arguments.amount(vm, 0)?;
    let sequence = want(vm, arguments, 1)?;
    part(vm, sequence, arguments[1], n, usize::MAX)
}

fn reverse(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let word = arguments[0];
    match want(vm, arguments, 0)? {
        Sequence::Text => scratch::build_str(vm, |_, out| {
            out.extend(text_of(&word).unwrap_or("").chars().rev());
            Ok(())
        }),
        Sequence::Bytes => {
            let reversed: Vec<u8> = raw_bytes(&word).iter().rev().copied().collect();
            vm.new_byte_vec(reversed)
        }
        Sequence::Array(items) => {
            let copy = vm.new_array_of(items)?;
            vm.array_edit(copy)?.reverse();
            Ok(copy)
        }
        _ => {
            let items = arguments.items(vm, 0)?;
            vm.new_list_sized(kind_like(word), items.len(), |words| {
                words.copy_from_slice(items);
                words.reverse();
            })
        }
    }
}

fn to_list(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    want(vm, arguments, 0)?;
    vm.to_list(arguments[0])
}

fn list(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    vm.new_list(BRACE, arguments)
}

/// The first index whose element is equal to a word.
pub(crate) fn position(vm: &mut Vm, items: &[Word], wanted: Word) -> Option<usize> {
    if is_pointer(wanted) {
        return items.iter().position(|item| vm.equal(*item, wanted));
    }
    items.iter().position(|item| *item == wanted)
}
