//! Maps, and tables where only their pairs matter.

use sup_abi::word::{NIL, Word, fixnum_value};

use super::BasePrimitive;
use super::arguments::{Arguments, mismatch};
use super::sequence::{n_pairs, pairs_of};
use crate::base;
use crate::data::access::count_word;
use crate::data::{BRACE, error_value, is_map, is_table, list_items, map_len, records};
use crate::error::{Outcome, Raise};
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%keys", "(m) :list-c", 1..Some(1), keys),
    base!("%vals", "(m) :list-c", 1..Some(1), vals),
    base!("%entries", "(m) :list-c", 1..Some(1), entries),
    base!("%merge", "(&rest maps) :map", 0..None, merge),
    base!("%map-from", "(pairs) :map", 1..Some(1), map_from),
    base!("%zipmap", "(keys vals) :map", 2..Some(2), zipmap),
    base!("%select-keys", "(m keys) :map", 2..Some(2), select_keys),
    base!("%map-invert", "(m) :map", 1..Some(1), invert),
    base!("%group-pairs", "(keys xs) :map", 2..Some(2), group_pairs),
];

/// Keys and values in turn of a map, table, error, form instance or nil.
fn pairs(vm: &mut Vm, arguments: &[Word], index: usize) -> Result<Vec<Word>, Raise> {
    let word = arguments[index];
    if word == NIL {
        return Ok(Vec::new());
    }
    if is_map(word) || is_table(word) {
        let mut out = Vec::with_capacity(2 * n_pairs(word));
        for (key, value) in pairs_of(vm, word)? {
            out.extend([key, value]);
        }
        return Ok(out);
    }
    if error_value::is_error(word) {
        return Ok(error_value::error_pairs(word));
    }
    match (records::instance_type(word), records::instance_fields(word)) {
        (Some(record), Some(fields)) => {
            let names = record.fields.iter().enumerate();
            let names = names.map(|(index, field)| field.name.unwrap_or(count_word(index)));
            Ok(names
                .zip(fields)
                .flat_map(|(name, value)| [name, *value])
                .collect())
        }
        _ => Err(mismatch(vm, index, "a map or table", word)),
    }
}

/// A list of one word of each pair.
fn column(vm: &mut Vm, arguments: &[Word], place: usize) -> Outcome {
    let word = arguments[0];
    if is_map(word) || is_table(word) {
        let cursor = pairs_of(vm, word)?;
        return vm.new_list_sized(BRACE, n_pairs(word), |words| {
            for (slot, (key, value)) in words.iter_mut().zip(cursor) {
                *slot = if place == 0 { key } else { value };
            }
        });
    }
    let pairs = pairs(vm, arguments, 0)?;
    let words: Vec<Word> = pairs.chunks_exact(2).map(|pair| pair[place]).collect();
    vm.new_list(BRACE, &words)
}

fn keys(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    column(vm, arguments, 0)
}

fn vals(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    column(vm, arguments, 1)
}

fn entries(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let pairs = pairs(vm, arguments, 0)?;
    let mut lists = Vec::with_capacity(pairs.len() / 2);
    for pair in pairs.chunks_exact(2) {
        lists.push(vm.new_list(BRACE, pair)?);
    }
    vm.new_list(BRACE, &lists)
}

fn merge(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let mut merged = NIL;
    for index in 0..arguments.len() {
        let word = arguments[index];
        if word == NIL {
            continue;
        }
        merged = if merged == NIL && is_map(word) {
            word
        } else {
            let more = pairs(vm, arguments, index)?;
            merge_pairs(vm, merged, &more)?
        };
    }
    if merged == NIL { vm.empty_map() } else { Ok(merged) }
}

/// The map with more pairs; made anew when they are about as many as the map has.
fn merge_pairs(vm: &mut Vm, map: Word, more: &[Word]) -> Outcome {
    let len = map_len(map).unwrap_or(0);
    if len == 0 {
        return vm.map_from_pairs(more);
    }
    if more.len() / 2 < len / 2 {
        return more
            .chunks_exact(2)
            .try_fold(map, |map, pair| vm.map_put(map, pair[0], pair[1]));
    }
    let mut all = Vec::with_capacity(2 * len + more.len());
    for (key, value) in vm.map_cursor(map)? {
        all.extend([key, value]);
    }
    all.extend_from_slice(more);
    vm.map_from_pairs(&all)
}

/// Keys and values in turn of a map or table, or of a collection of lists of two.
pub(crate) fn pairs_from(vm: &mut Vm, arguments: &[Word], index: usize) -> Result<Vec<Word>, Raise> {
    let word = arguments[index];
    if is_map(word) || is_table(word) {
        return pairs(vm, arguments, index);
    }
    let items = arguments.items(vm, index)?;
    let mut out = Vec::with_capacity(2 * items.len());
    for item in items {
        match list_items(*item) {
            Some([key, value]) => out.extend([*key, *value]),
            _ => return Err(mismatch(vm, index, "pairs, which are lists of two", *item)),
        }
    }
    Ok(out)
}

fn map_from(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    if is_map(arguments[0]) {
        return Ok(arguments[0]);
    }
    let pairs = pairs_from(vm, arguments, 0)?;
    vm.map_from_pairs(&pairs)
}

fn zipmap(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (keys, values) = (arguments.items(vm, 0)?, arguments.items(vm, 1)?);
    let pairs: Vec<Word> = keys
        .iter()
        .zip(values)
        .flat_map(|(key, value)| [*key, *value])
        .collect();
    vm.map_from_pairs(&pairs)
}

fn select_keys(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let wanted = arguments.items(vm, 1)?;
    let mut pairs = Vec::with_capacity(2 * wanted.len());
    for key in wanted {
        if let Some(value) = super::collections::look_up(vm, &[arguments[0], *key])? {
            pairs.extend([*key, value]);
        }
    }
    vm.map_from_pairs(&pairs)
}

fn invert(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let mut pairs = pairs(vm, arguments, 0)?;
    for pair in pairs.chunks_exact_mut(2) {
        pair.swap(0, 1);
    }
    vm.map_from_pairs(&pairs)
}

fn group_pairs(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (keys, items) = (arguments.items(vm, 0)?, arguments.items(vm, 1)?);
    let table = vm.new_table(16)?;
    // The number of each item's group, and how many items each group has.
    let mut groups = Vec::with_capacity(items.len());
    let mut sizes: Vec<usize> = Vec::new();
    for (key, _) in keys.iter().zip(items) {
        let group = match vm.table_get(table, *key)? {
            Some(group) => fixnum_value(group) as usize,
            None => {
                vm.table_set(table, *key, count_word(sizes.len()))?;
                sizes.push(0);
                sizes.len() - 1
            }
        };
        sizes[group] += 1;
        groups.push(group);
    }
    let mut ends: Vec<usize> = sizes
        .iter()
        .scan(0, |end, size| {
            let start = *end;
            *end += size;
            Some(start)
        })
        .collect();
    let mut ordered = vec![NIL; groups.len()];
    for (group, item) in groups.iter().zip(items) {
        ordered[ends[*group]] = *item;
        ends[*group] += 1;
    }
    let keys: Vec<Word> = vm.table_cursor(table)?.map(|(key, _)| key).collect();
    for (group, key) in keys.into_iter().enumerate() {
        let list = vm.new_list(BRACE, &ordered[ends[group] - sizes[group]..ends[group]])?;
        vm.table_set(table, key, list)?;
    }
    vm.table_into_map(table)
}
