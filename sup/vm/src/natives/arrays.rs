//! Arrays, which change in place.

use sup_abi::word::{NIL, Word};

use super::BasePrimitive;
use super::arguments::{Arguments, check_items, check_room};
use super::sort;
use crate::base;
use crate::data::access::resolve_index;
use crate::data::{BRACE, array_items};
use crate::error::{Outcome, Raise};
use crate::object::Obj;
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%array-new", "() :array", 0..Some(0), new),
    base!("%array-make", "(n :int &opt fill) :array", 1..Some(2), make),
    base!("%array-of", "(&rest xs) :array", 0..None, of),
    base!("%array-from", "(coll) :array", 1..Some(1), from),
    base!("%array-get", "(a :array i :int)", 2..Some(2), get),
    base!("%array-set", "(a :array i :int x) :array", 3..Some(3), set),
    base!("%array-push", "(a :array x) :array", 2..Some(2), push),
    base!("%array-pop", "(a :array)", 1..Some(1), pop),
    base!("%array-insert", "(a :array i :int x) :array", 3..Some(3), insert),
    base!("%array-delete", "(a :array i :int)", 2..Some(2), delete),
    base!("%array-clear", "(a :array) :array", 1..Some(1), clear),
    base!("%array-reverse", "(a :array) :array", 1..Some(1), reverse),
    base!("%array-sort", "(a :array) :array", 1..Some(1), sort_in_place),
    base!("%array-fill", "(a :array x) :array", 2..Some(2), fill),
    base!(
        "%array-resize",
        "(a :array n :int &opt fill) :array",
        2..Some(3),
        resize
    ),
    base!("%array-swap", "(a :array i :int j :int) :array", 3..Some(3), swap),
    base!("%array-copy", "(a :array) :array", 1..Some(1), copy),
    base!("%array-append", "(a :array coll) :array", 2..Some(2), append),
    base!("%array-list", "(a :array) :list-c", 1..Some(1), list),
    base!(
        "%array-blit",
        "(to :array at :int from :array start :int n :int) :array",
        5..Some(5),
        blit
    ),
];

fn new(vm: &mut Vm, _arguments: &[Word]) -> Outcome {
    vm.new_array(0)
}

fn make(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let n = arguments.amount(vm, 0)?;
    check_items(vm, Some(n))?;
    let array = vm.new_array(n)?;
    extend_with(vm, array, n, arguments.get(1).copied().unwrap_or(NIL))?;
    Ok(array)
}

/// Appends `n` times the same item.
fn extend_with(vm: &mut Vm, array: Word, n: usize, item: Word) -> Result<(), Raise> {
    check_items(vm, Some(n))?;
    vm.array_reserve(array, n)?;
    const AT_ONCE: usize = 256;
    let row = [item; AT_ONCE];
    let mut left = n;
    while left > 0 {
        let now = left.min(AT_ONCE);
        vm.array_append(array, &row[..now])?;
        left -= now;
    }
    Ok(())
}

fn of(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    vm.new_array_of(arguments)
}

fn from(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let items = arguments.items(vm, 0)?;
    vm.new_array_of(items)
}

fn get(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    vm.array_get(array, arguments[1])
}

fn set(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    vm.array_set(array, arguments[1], arguments[2])?;
    Ok(array)
}

fn push(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    vm.array_push(array, arguments[1])?;
    Ok(array)
}

fn pop(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    match vm.array_pop(array)? {
        Some(item) => Ok(item),
        None => Err(vm.raise_index(-1, 0)),
    }
}

fn insert(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    let index = arguments.int(vm, 1)?;
    let len = array_items(array).map_or(0, <[Word]>::len);
    let place = match resolve_index(index, len) {
        Some(place) => place,
        None if index == len as i64 => len,
        None => return Err(vm.raise_index(index, len)),
    };
    vm.array_push(array, arguments[2])?;
    vm.array_edit(array)?[place..].rotate_right(1);
    Ok(array)
}

/// The place that the integer argument names in an array.
fn place(vm: &mut Vm, arguments: &[Word], index: usize, array: Word) -> Result<usize, Raise> {
    let given = arguments.int(vm, index)?;
    let len = array_items(array).map_or(0, <[Word]>::len);
    match resolve_index(given, len) {
        Some(place) => Ok(place),
        None => Err(vm.raise_index(given, len)),
    }
}

fn delete(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    let place = place(vm, arguments, 1, array)?;
    let items = vm.array_edit(array)?;
    let gone = items[place];
    items.copy_within(place + 1.., place);
    let len = items.len() - 1;
    vm.array_truncate(array, len)?;
    Ok(gone)
}

fn clear(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    vm.array_truncate(array, 0)?;
    Ok(array)
}

fn reverse(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    vm.array_edit(array)?.reverse();
    Ok(array)
}

fn sort_in_place(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    let items = vm.array_edit(array)?;
    sort::sort_words(vm, items)?;
    Ok(array)
}

fn fill(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    vm.array_edit(array)?.fill(arguments[1]);
    vm.array_touched(array);
    Ok(array)
}

fn resize(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    let n = arguments.amount(vm, 1)?;
    let len = array_items(array).map_or(0, <[Word]>::len);
    if n <= len {
        vm.array_truncate(array, n)?;
        return Ok(array);
    }
    extend_with(vm, array, n - len, arguments.get(2).copied().unwrap_or(NIL))?;
    Ok(array)
}

fn swap(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    let (i, j) = (place(vm, arguments, 1, array)?, place(vm, arguments, 2, array)?);
    let items = array_items(array).unwrap_or(&[]);
    let (first, second) = (items[i], items[j]);
    vm.array_put(array, i, second);
    vm.array_put(array, j, first);
    Ok(array)
}

fn copy(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    vm.new_array_of(array_items(array).unwrap_or(&[]))
}

fn append(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    let items = arguments.items(vm, 1)?;
    check_room(vm, items.len().checked_mul(8))?;
    vm.array_append(array, items)?;
    Ok(array)
}

fn list(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let array = arguments.array(vm, 0)?;
    vm.array_into_list(array, BRACE)
}

/// The range of `n` items from an index of an array, all of which must exist.
fn range(vm: &mut Vm, (array, start, n): (Word, i64, i64)) -> Result<std::ops::Range<usize>, Raise> {
    let len = array_items(array).map_or(0, <[Word]>::len);
    let from = if start < 0 {
        start.saturating_add(len as i64)
    } else {
        start
    };
    match (usize::try_from(from), usize::try_from(n)) {
        (Ok(from), Ok(n)) if from <= len && n <= len - from => Ok(from..from + n),
        (Ok(from), _) if from <= len => {
            Err(vm.raise_index(from.saturating_add(n.max(1) as usize - 1) as i64, len))
        }
        _ => Err(vm.raise_index(start, len)),
    }
}

fn blit(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (to, from) = (arguments.array(vm, 0)?, arguments.array(vm, 2)?);
    let (at, start, n) = (
        arguments.int(vm, 1)?,
        arguments.int(vm, 3)?,
        arguments.int(vm, 4)?,
    );
    let target = range(vm, (to, at, n))?;
    let source = range(vm, (from, start, n))?;
    let place = target.start;
    if to == from {
        vm.array_edit(to)?.copy_within(source, place);
        return Ok(to);
    }
    let items = &array_items(from).unwrap_or(&[])[source];
    vm.array_edit(to)?[target].copy_from_slice(items);
    if let Some(buf) = Obj::from_word(to).and_then(|array| Obj::from_word(array.get(1))) {
        vm.heap.barrier_range(buf, 2 + place, items);
    }
    Ok(to)
}
