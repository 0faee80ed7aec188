//! What compiled code calls: built-in words as functions, and the parts of patterns, quasiquotes and handlers.

use sup_abi::word::{NIL, Word, ZERO, boolean, fixnum, is_falsy, payload};
use sup_code::{TypeBase, TypeSpec};

use super::BasePrimitive;
use super::arguments::{Arguments, mismatch, refuse};
use crate::base;
use crate::data::{
    BRACE, LoadedType, array_items, error_field, error_get, instance_get, instance_type, is_error,
    is_keyword, is_map, list_items, records, text_of,
};
use crate::error::{Outcome, Raise, field};
use crate::names;
use crate::object::Kind;
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%eq", "(a b) :int", 2..Some(2), eq),
    base!("%at", "(i coll)", 2..Some(2), at),
    base!("%assert", "(c &opt message)", 1..Some(2), assert),
    base!("%throw", "(e)", 1..Some(1), throw),
    base!("%cast", "(type :keyword x)", 2..Some(2), cast),
    base!("%error-message", "(e :error) :str", 1..Some(1), error_message),
    base!("%match-key?", "(x key) :bool", 2..Some(2), has_match_key),
    base!("%map-like?", "(x) :bool", 1..Some(1), is_map_like),
    base!("%list*", "(x &rest more) :list-c", 1..None, list_with_tail),
    base!("%map-from-array", "(a :array) :map", 1..Some(1), map_from_array),
    base!("%array-extend", "(a :array xs) :array", 2..Some(2), array_extend),
    base!("%prefix", "(kind :int x)", 2..Some(2), prefix),
];

fn eq(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let is_equal = vm.equal(arguments[0], arguments[1]);
    Ok(if is_equal {
        fixnum(1).expect("1 fits")
    } else {
        ZERO
    })
}

fn at(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    vm.at(arguments[0], arguments[1])
}

fn assert(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    if !is_falsy(arguments[0]) {
        return Ok(NIL);
    }
    let message = match arguments.given(1) {
        Some(word) => vm.display(word),
        None => "assertion failed".to_owned(),
    };
    Err(vm.raise("assert/failed", &message))
}

fn throw(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let word = arguments[0];
    if is_error(word) {
        return Err(vm.raise_value(word));
    }
    let message = vm.display(word);
    Err(vm.raise_data("error/raised", &message, word))
}

/// The type that a keyword names; record types by their full name.
fn type_named(vm: &mut Vm, word: Word) -> Result<LoadedType, Raise> {
    let name = names::text(payload(word));
    let (plain, optional) = match name.strip_suffix('?') {
        Some(plain) => (plain, true),
        None => (name, false),
    };
    let named = TypeBase::NAMED
        .iter()
        .find(|(_, text)| *text == plain)
        .map(|(base, _)| base.clone());
    let base = match named {
        Some(base) => base,
        None if records::find(plain).is_some() => TypeBase::Form(plain.to_owned()),
        None => {
            return Err(refuse(
                vm,
                "type/unknown",
                &format!("there is no type :{name}"),
                word,
            ));
        }
    };
    Ok(LoadedType::new(&TypeSpec { base, optional }))
}

fn cast(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    if !is_keyword(arguments[0]) {
        return Err(mismatch(vm, 0, "a :keyword", arguments[0]));
    }
    let wanted = type_named(vm, arguments[0])?;
    vm.cast(&wanted, arguments[1])
}

fn error_message(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let error = arguments.error(vm, 0)?;
    let part = |index| error_field(error, index).unwrap_or(NIL);
    let (message, code) = (part(field::MESSAGE), part(field::CODE));
    if text_of(&message).is_some() {
        return Ok(message);
    }
    if message == NIL && is_keyword(code) {
        return vm.new_str(names::text(payload(code)));
    }
    let shown = [message, code, part(field::DATA)]
        .into_iter()
        .find(|word| *word != NIL)
        .unwrap_or(NIL);
    let text = vm.repr(shown);
    vm.new_string(text)
}

fn has_match_key(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (word, key) = (arguments[0], arguments[1]);
    Ok(boolean(if is_map(word) {
        match vm.map_get(word, key) {
            Ok(found) => found.is_some(),
            Err(raise) => {
                vm.take_error(raise);
                false
            }
        }
    } else if is_error(word) {
        error_get(word, key).is_some()
    } else {
        is_named_instance(word) && instance_get(word, key).is_some()
    }))
}

fn is_named_instance(word: Word) -> bool {
    instance_type(word).is_some_and(records::RecordType::is_named)
}

fn is_map_like(_vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let word = arguments[0];
    Ok(boolean(is_map(word) || is_error(word) || is_named_instance(word)))
}

fn list_with_tail(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let last = arguments.len() - 1;
    let tail = arguments.items(vm, last)?;
    vm.new_list_sized(BRACE, last + tail.len(), |words| {
        words[..last].copy_from_slice(&arguments[..last]);
        words[last..].copy_from_slice(tail);
    })
}

fn map_from_array(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    vm.new_map(array_items(array).unwrap_or(&[]))
}

fn array_extend(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    let word = arguments[1];
    let items = match list_items(word).or_else(|| array_items(word)) {
        Some(items) => items,
        None if word == NIL => &[],
        None => return Err(mismatch(vm, 1, "a :list or :array", word)),
    };
    vm.array_append(array, items)?;
    Ok(array)
}

fn prefix(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let word = arguments[1];
    match arguments.int(vm, 0)? {
        kind @ 0..=3 => vm.new_quoted(kind as u8, word),
        4 => vm.error_from(word),
        5 => vm.new_prefixed(Kind::Datum, word),
        6 => vm.new_prefixed(Kind::Aberrant, word),
        _ => Err(mismatch(
            vm,
            0,
            "the number of a prefix, from 0 to 6",
            arguments[0],
        )),
    }
}
