//! Lists made by rule, and questions about all elements of a collection.

use std::cmp::Ordering;

use sup_abi::word::{
    FIXNUM_MAX, FIXNUM_MIN, NIL, Word, ZERO, boolean, fixnum, fixnum_value, flonum, is_fixnum,
};

use super::arguments::{Arguments, check_items, invalid, mismatch};
use super::collections::position;
use super::sequence::{self, Sequence, want};
use super::{BasePrimitive, search};
use crate::base;
use crate::data::access::count_word;
use crate::data::{BRACE, Number, as_int, number_of, text_of};
use crate::error::{Outcome, Raise};
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!(
        "%range",
        "(from :num to :num step :num) :list-c",
        3..Some(3),
        range
    ),
    base!("%repeat", "(n :int x) :list-c", 2..Some(2), repeat),
    base!("%index-of", "(coll x)", 2..Some(2), index_of),
    base!("%includes?", "(coll x) :bool", 2..Some(2), includes),
    base!("%distinct", "(coll) :list-c", 1..Some(1), distinct),
    base!("%frequencies", "(coll) :map", 1..Some(1), frequencies),
    base!("%zip", "(&rest colls) :list-c", 0..None, zip),
    base!("%interleave", "(&rest colls) :list-c", 0..None, interleave),
    base!(
        "%partition",
        "(n :int step :int coll &opt keep-rest) :list-c",
        3..Some(4),
        partition
    ),
    base!("%sum", "(coll)", 1..Some(1), sum),
    base!("%min-of", "(coll)", 1..Some(1), min_of),
    base!("%max-of", "(coll)", 1..Some(1), max_of),
];

fn range(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    if let Some(list) = small_range(vm, arguments) {
        return list;
    }
    for index in 0..3 {
        arguments.number(vm, index)?;
    }
    if let (Some(from), Some(to), Some(step)) =
        (as_int(arguments[0]), as_int(arguments[1]), as_int(arguments[2]))
    {
        return range_of_ints(vm, from, to, step);
    }
    let (from, to, step) = (
        arguments.number(vm, 0)?,
        arguments.number(vm, 1)?,
        arguments.number(vm, 2)?,
    );
    range_of_reals(vm, from, to, step)
}

/// Ranges of no more elements than this are made without asking for room first.
const SHORT_RANGE: i64 = 256;

/// A short range whose ends and step are so small that nothing about it can overflow.
fn small_range(vm: &mut Vm, arguments: &[Word]) -> Option<Outcome> {
    const SMALL: i64 = 1 << 24;
    let [from, to, step] = *arguments else { return None };
    if !(is_fixnum(from) && is_fixnum(to) && is_fixnum(step)) {
        return None;
    }
    let (from, to, step) = (fixnum_value(from), fixnum_value(to), fixnum_value(step));
    if step <= 0 || from.abs() > SMALL || to.abs() > SMALL {
        return None;
    }
    let n = if step == 1 {
        to - from
    } else {
        (to - from + step - 1) / step
    };
    if n > SHORT_RANGE {
        return None;
    }
    Some(vm.new_list_sized(BRACE, n.max(0) as usize, |words| fill(words, from, step)))
}

/// Integers that fit words, a step apart: words of integers are as far apart as four times the integers.
fn fill(words: &mut [Word], from: i64, step: i64) {
    let mut word = ((from << 2) | 2) as u64;
    for slot in words {
        *slot = word;
        word = word.wrapping_add((step << 2) as u64);
    }
}

fn range_of_ints(vm: &mut Vm, from: i64, to: i64, step: i64) -> Outcome {
    let distance = i128::from(to) - i128::from(from);
    if step == 0 {
        return Err(invalid(vm, "the step must not be 0", ZERO));
    }
    if (distance > 0) != (step > 0) || distance == 0 {
        return vm.new_list(BRACE, &[]);
    }
    let n = distance.unsigned_abs().div_ceil(i128::from(step).unsigned_abs());
    let n = usize::try_from(n).ok().filter(|n| *n < u32::MAX as usize / 2);
    check_items(vm, n)?;
    let n = n.unwrap_or(0);
    let last = from + step * (n as i64 - 1);
    if [from, last]
        .iter()
        .all(|end| (FIXNUM_MIN..=FIXNUM_MAX).contains(end))
    {
        return vm.new_list_sized(BRACE, n, |words| fill(words, from, step));
    }
    let mut words = Vec::with_capacity(n);
    for index in 0..n as i64 {
        words.push(vm.new_int(from + step * index)?);
    }
    vm.new_list(BRACE, &words)
}

fn range_of_reals(vm: &mut Vm, from: f64, to: f64, step: f64) -> Outcome {
    if step == 0.0 || step.is_nan() || from.is_nan() || to.is_nan() {
        let data = vm.new_real(step)?;
        return Err(invalid(vm, "the step must not be 0, and nothing nan", data));
    }
    let steps = ((to - from) / step).ceil();
    if steps.is_nan() || steps <= 0.0 {
        return vm.new_list(BRACE, &[]);
    }
    let n = if steps < f64::from(u32::MAX / 2) {
        Some(steps as usize)
    } else {
        None
    };
    check_items(vm, n)?;
    let mut n = n.unwrap_or(0);
    let is_beyond = |value: f64| if step > 0.0 { value >= to } else { value <= to };
    if n > 0 && is_beyond(from + step * (n - 1) as f64) {
        n -= 1;
    }
    let mut words = Vec::with_capacity(n);
    for index in 0..n {
        let value = from + step * index as f64;
        words.push(match flonum(value) {
            Some(word) => word,
            None => vm.new_real(value)?,
        });
    }
    vm.new_list(BRACE, &words)
}

fn repeat(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let n = arguments.amount(vm, 0)?;
    check_items(vm, Some(n))?;
    vm.new_list_sized(BRACE, n, |words| words.fill(arguments[1]))
}

fn index_of(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    if matches!(want(vm, arguments, 0)?, Sequence::Text) && text_of(&arguments[1]).is_some() {
        return search::index_of(vm, arguments);
    }
    let items = arguments.items(vm, 0)?;
    Ok(position(vm, items, arguments[1]).map_or(NIL, count_word))
}

fn includes(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (word, wanted) = (arguments[0], arguments[1]);
    match want(vm, arguments, 0)? {
        Sequence::Text => match (text_of(&word), text_of(&wanted)) {
            (Some(text), Some(part)) => Ok(boolean(search::find(text.as_bytes(), part.as_bytes()).is_some())),
            (Some(text), None) => Ok(boolean(
                as_int(wanted)
                    .and_then(|code| u32::try_from(code).ok())
                    .and_then(char::from_u32)
                    .is_some_and(|character| text.contains(character)),
            )),
            _ => Err(mismatch(vm, 1, "a :str or a code point", wanted)),
        },
        Sequence::Pairs => {
            let mut pairs = sequence::pairs_of(vm, word)?;
            Ok(boolean(pairs.any(|(_, value)| vm.equal(value, wanted))))
        }
        _ => {
            let items = arguments.items(vm, 0)?;
            Ok(boolean(position(vm, items, wanted).is_some()))
        }
    }
}

/// Room for keys that a table gets before it is known how many differ.
const FIRST_ROOM: usize = 128;

fn distinct(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let items = arguments.items(vm, 0)?;
    let table = vm.new_table(items.len().min(FIRST_ROOM))?;
    for item in items {
        vm.table_set(table, *item, NIL)?;
    }
    let cursor = vm.table_cursor(table)?;
    vm.new_list_sized(BRACE, sequence::n_pairs(table), |words| {
        for (slot, (key, _)) in words.iter_mut().zip(cursor) {
            *slot = key;
        }
    })
}

fn frequencies(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let items = arguments.items(vm, 0)?;
    let table = vm.new_table(items.len().min(FIRST_ROOM))?;
    for item in items {
        let count = vm.table_get(table, *item)?.map_or(0, fixnum_value);
        vm.table_set(table, *item, count_word(count as usize + 1))?;
    }
    vm.table_into_map(table)
}

/// The elements of each argument, and the length of the shortest.
fn rows(vm: &mut Vm, arguments: &[Word]) -> Result<(Vec<&'static [Word]>, usize), Raise> {
    let mut rows = Vec::with_capacity(arguments.len());
    for index in 0..arguments.len() {
        rows.push(arguments.items(vm, index)?);
    }
    let shortest = rows.iter().map(|row| row.len()).min().unwrap_or(0);
    Ok((rows, shortest))
}

fn zip(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (rows, n) = rows(vm, arguments)?;
    check_items(vm, n.checked_mul(rows.len() + 2))?;
    let mut lists = Vec::with_capacity(n);
    for index in 0..n {
        lists.push(vm.new_list_sized(BRACE, rows.len(), |words| {
            for (slot, row) in words.iter_mut().zip(&rows) {
                *slot = row[index];
            }
        })?);
    }
    vm.new_list(BRACE, &lists)
}

fn interleave(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (rows, n) = rows(vm, arguments)?;
    check_items(vm, n.checked_mul(rows.len()))?;
    vm.new_list_sized(BRACE, n * rows.len(), |words| {
        if rows.is_empty() {
            return;
        }
        for (index, chunk) in words.chunks_exact_mut(rows.len()).enumerate() {
            for (slot, row) in chunk.iter_mut().zip(&rows) {
                *slot = row[index];
            }
        }
    })
}

fn partition(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (size, step) = (arguments.int(vm, 0)?, arguments.int(vm, 1)?);
    for (index, value) in [size, step].into_iter().enumerate() {
        if value <= 0 {
            return Err(invalid(
                vm,
                "sizes and steps of parts must be above 0",
                arguments[index],
            ));
        }
    }
    let items = arguments.items(vm, 2)?;
    let (size, step) = (size as usize, step as usize);
    let list = vm.new_list(BRACE, items)?;
    let mut parts = Vec::new();
    let mut from = 0;
    while from < items.len() && (size <= items.len() - from || arguments.is_set(3)) {
        let to = from.saturating_add(size).min(items.len());
        parts.push(vm.list_slice(list, from, to)?);
        if to == items.len() && to - from < size {
            break;
        }
        from = from.saturating_add(step);
    }
    vm.new_list(BRACE, &parts)
}

fn sum(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let items = arguments.items(vm, 0)?;
    let mut total = 0i64;
    for (index, item) in items.iter().enumerate() {
        if !is_fixnum(*item) {
            return sum_slowly(vm, Number::Int(total), &items[index..]);
        }
        match total.checked_add(fixnum_value(*item)) {
            Some(next) => total = next,
            None => return Err(overflow(vm)),
        }
    }
    vm.new_int(total)
}

fn sum_slowly(vm: &mut Vm, start: Number, items: &[Word]) -> Outcome {
    let mut total = start;
    for item in items {
        let Some(number) = number_of(*item) else {
            return Err(vm.type_mismatch("a number", *item));
        };
        total = match (total, number) {
            (Number::Int(a), Number::Int(b)) => match a.checked_add(b) {
                Some(sum) => Number::Int(sum),
                None => return Err(overflow(vm)),
            },
            (a, b) => Number::Real(a.to_real() + b.to_real()),
        };
    }
    match total {
        Number::Int(value) => vm.new_int(value),
        Number::Real(value) => vm.new_real(value),
    }
}

/// Raises `alu/overflow`.
#[cold]
pub(crate) fn overflow(vm: &mut Vm) -> Raise {
    vm.raise("alu/overflow", "the result does not fit an integer of 64 bits")
}

fn min_of(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    extreme(vm, arguments, Ordering::Less)
}

fn max_of(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    extreme(vm, arguments, Ordering::Greater)
}

/// The first element that no other is `wanted` than.
fn extreme(vm: &mut Vm, arguments: &[Word], wanted: Ordering) -> Outcome {
    let items = arguments.items(vm, 0)?;
    let Some((first, others)) = items.split_first() else {
        return Ok(NIL);
    };
    if items.iter().all(|item| is_fixnum(*item)) {
        let values = items.iter().map(|item| fixnum_value(*item));
        let best = if wanted == Ordering::Less {
            values.min()
        } else {
            values.max()
        };
        return Ok(best.and_then(fixnum).unwrap_or(NIL));
    }
    let mut best = *first;
    for item in others {
        if vm.compare(*item, best)? == wanted {
            best = *item;
        }
    }
    Ok(best)
}
