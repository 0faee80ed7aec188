//! Symbols, keywords and paths.

use std::sync::atomic::{AtomicU64, Ordering};

use sup_abi::word::{Immediate, Word, is_immediate, payload};

use super::BasePrimitive;
use super::arguments::{Arguments, invalid, mismatch};
use crate::base;
use crate::data::text_of;
use crate::error::{Outcome, Raise};
use crate::names;
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%name", "(x) :str", 1..Some(1), name),
    base!("%symbol", "(s) :symbol", 1..Some(1), symbol),
    base!("%keyword", "(s) :keyword", 1..Some(1), keyword),
    base!("%path", "(store key) :path", 2..Some(2), path),
    base!("%gensym", "(&opt prefix :str) :symbol", 0..Some(1), gensym),
];

/// The text of a symbol, keyword, path or string.
pub(crate) fn name_of(word: &Word) -> Option<&str> {
    if [Immediate::Symbol, Immediate::Keyword, Immediate::Path]
        .iter()
        .any(|kind| is_immediate(*word, *kind))
    {
        return Some(names::text(payload(*word)));
    }
    text_of(word)
}

fn want_name<'a>(vm: &mut Vm, arguments: &'a [Word], index: usize) -> Result<&'a str, Raise> {
    match name_of(&arguments[index]) {
        Some(name) => Ok(name),
        None => Err(mismatch(
            vm,
            index,
            "a :str, :symbol or :keyword",
            arguments[index],
        )),
    }
}

fn name(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let name = want_name(vm, arguments, 0)?;
    if text_of(&arguments[0]).is_some() {
        Ok(arguments[0])
    } else {
        vm.new_str(name)
    }
}

fn symbol(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let name = want_name(vm, arguments, 0)?;
    vm.intern(Immediate::Symbol, name)
}

fn keyword(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let name = want_name(vm, arguments, 0)?;
    vm.intern(Immediate::Keyword, name)
}

fn path(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (store, key) = (want_name(vm, arguments, 0)?, want_name(vm, arguments, 1)?);
    if store.is_empty() || store.contains(':') || key.is_empty() {
        return Err(invalid(
            vm,
            "a path is a store, which has no colon, and a key",
            arguments[0],
        ));
    }
    let whole = format!("{store}:{key}");
    vm.intern(Immediate::Path, &whole)
}

/// The next number that a symbol nobody has is tried with.
static NEXT: AtomicU64 = AtomicU64::new(1);

fn gensym(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let prefix = match arguments.given(0) {
        Some(_) => want_name(vm, arguments, 0)?,
        None => "g",
    };
    loop {
        let name = format!("{prefix}__{}", NEXT.fetch_add(1, Ordering::Relaxed));
        if names::find(&name).is_none() {
            return vm.intern(Immediate::Symbol, &name);
        }
    }
}
