//! Tables, which change in place.

use sup_abi::word::{NIL, Word, ZERO, boolean, fixnum, fixnum_value, is_fixnum};

use super::BasePrimitive;
use super::arguments::{Arguments, mismatch};
use super::maps::pairs_from;
use crate::base;
use crate::data::{is_array, is_map, is_number, is_table};
use crate::error::Outcome;
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%table-new", "() :table", 0..Some(0), new),
    base!("%table-from", "(pairs) :table", 1..Some(1), from),
    base!("%table-get", "(t :table k &opt default)", 2..Some(3), get),
    base!("%table-set", "(t :table k v) :table", 3..Some(3), set),
    base!("%table-remove", "(t :table k) :table", 2..Some(2), remove),
    base!("%table-has?", "(t :table k) :bool", 2..Some(2), has),
    base!("%table-add", "(t :table k n :num) :num", 3..Some(3), add),
    base!("%table-push", "(t :table k x) :table", 3..Some(3), push),
    base!("%table-clear", "(t :table) :table", 1..Some(1), clear),
    base!("%table-copy", "(t :table) :table", 1..Some(1), copy),
    base!("%table-map", "(t :table) :map", 1..Some(1), map),
];

fn new(vm: &mut Vm, _arguments: &[Word]) -> Outcome {
    vm.new_table(0)
}

fn from(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let word = arguments[0];
    if is_map(word) {
        return vm.map_into_table(word);
    }
    if is_table(word) {
        return vm.table_copy(word);
    }
    let pairs = pairs_from(vm, arguments, 0)?;
    let table = vm.new_table(pairs.len() / 2)?;
    for pair in pairs.chunks_exact(2) {
        vm.table_set(table, pair[0], pair[1])?;
    }
    Ok(table)
}

fn get(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let table = arguments.table(vm, 0)?;
    let found = vm.table_get(table, arguments[1])?;
    Ok(found.unwrap_or_else(|| arguments.get(2).copied().unwrap_or(NIL)))
}

fn set(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let table = arguments.table(vm, 0)?;
    vm.table_set(table, arguments[1], arguments[2])?;
    Ok(table)
}

fn remove(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let table = arguments.table(vm, 0)?;
    vm.table_remove(table, arguments[1])?;
    Ok(table)
}

fn has(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let table = arguments.table(vm, 0)?;
    Ok(boolean(vm.table_get(table, arguments[1])?.is_some()))
}

fn add(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let table = arguments.table(vm, 0)?;
    let (key, more) = (arguments[1], arguments[2]);
    if !is_number(more) {
        return Err(mismatch(vm, 2, "a number", more));
    }
    let old = vm.table_get(table, key)?.unwrap_or(ZERO);
    let sum = if is_fixnum(old)
        && is_fixnum(more)
        && let Some(sum) = fixnum(fixnum_value(old) + fixnum_value(more))
    {
        sum
    } else {
        vm.add(old, more)?
    };
    vm.table_set(table, key, sum)?;
    Ok(sum)
}

fn push(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let table = arguments.table(vm, 0)?;
    let (key, item) = (arguments[1], arguments[2]);
    match vm.table_get(table, key)? {
        Some(array) if is_array(array) => vm.array_push(array, item)?,
        Some(other) => return Err(vm.type_mismatch(":array", other)),
        None => {
            let array = vm.new_array_of(&[item])?;
            vm.table_set(table, key, array)?;
        }
    }
    Ok(table)
}

fn clear(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let table = arguments.table(vm, 0)?;
    vm.table_clear(table)?;
    Ok(table)
}

fn copy(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let table = arguments.table(vm, 0)?;
    vm.table_copy(table)
}

fn map(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let table = arguments.table(vm, 0)?;
    vm.table_into_map(table)
}
