//! What goes through nested values: opening lists, and making immutable copies. Neither recurses, and what lies at many
//! places is gone through once.

use std::collections::HashMap;

use sup_abi::word::{NIL, Word, is_pointer};

use super::BasePrimitive;
use super::arguments::{Arguments, check_items, refuse};
use crate::base;
use crate::data::error_value::error_field;
use crate::data::{BRACE, array_items, buffer_bytes, list_items, list_kind, records};
use crate::error::{Outcome, Raise, field};
use crate::object::{Kind, Obj};
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%flatten", "(coll) :list-c", 1..Some(1), flatten),
    base!("%freeze", "(x)", 1..Some(1), freeze),
];

/// Elements of output after which its size is checked again.
const CHECKED_ITEMS: usize = 1 << 16;

fn row_of(word: Word) -> Option<&'static [Word]> {
    list_items(word).or_else(|| array_items(word))
}

/// A list that is being opened.
struct Opened {
    word: Word,
    items: &'static [Word],
    next: usize,
    /// Where its elements begin in the output.
    start: usize,
}

/// What is known of a list that was met before.
#[derive(Clone, Copy)]
enum Met {
    Open,
    /// Its elements stand there in the output.
    Done(usize, usize),
}

fn flatten(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let items = arguments.items(vm, 0)?;
    let mut out = Vec::with_capacity(items.len());
    let mut met: HashMap<Word, Met> = HashMap::new();
    let mut stack = vec![Opened {
        word: arguments[0],
        items,
        next: 0,
        start: 0,
    }];
    met.insert(arguments[0], Met::Open);
    let mut checked = CHECKED_ITEMS;
    while let Some(top) = stack.last_mut() {
        if out.len() > checked {
            check_items(vm, out.len().checked_mul(2))?;
            checked = out.len().saturating_mul(2);
        }
        let Some(item) = top.items.get(top.next).copied() else {
            met.insert(top.word, Met::Done(top.start, out.len()));
            stack.pop();
            continue;
        };
        top.next += 1;
        let Some(inner) = row_of(item) else {
            out.push(item);
            continue;
        };
        if inner.iter().all(|word| row_of(*word).is_none()) {
            out.extend_from_slice(inner);
            continue;
        }
        match met.get(&item).copied() {
            Some(Met::Open) => return Err(refuse(vm, "value/cycle", "an array contains itself", NIL)),
            Some(Met::Done(start, end)) => {
                check_items(vm, out.len().checked_add(end - start))?;
                out.extend_from_within(start..end);
            }
            None => {
                met.insert(item, Met::Open);
                stack.push(Opened {
                    word: item,
                    items: inner,
                    next: 0,
                    start: out.len(),
                });
            }
        }
    }
    vm.new_list(BRACE, &out)
}

/// A value whose parts are being frozen.
struct Thawed {
    word: Word,
    parts: Vec<Word>,
    next: usize,
    is_changed: bool,
}

fn freeze(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let Some(whole) = open(vm, arguments[0])? else {
        return frozen_leaf(vm, arguments[0]);
    };
    // Words of values met so far, with what became of them; none while they are being frozen.
    let mut met: HashMap<Word, Option<Word>> = HashMap::new();
    met.insert(whole.word, None);
    let mut stack = vec![whole];
    loop {
        let top = stack.last_mut().expect("the loop ends when the stack is empty");
        let Some(part) = top.parts.get(top.next).copied() else {
            let done = stack.pop().expect("it was just looked at");
            let made = close(vm, &done)?;
            met.insert(done.word, Some(made));
            let Some(outer) = stack.last_mut() else {
                return Ok(vm.in_region(made));
            };
            outer.settle(made);
            continue;
        };
        if !is_pointer(part) {
            top.next += 1;
            continue;
        }
        match met.get(&part) {
            Some(Some(made)) => top.settle(*made),
            Some(None) => return Err(refuse(vm, "value/cycle", "the value contains itself", NIL)),
            None => match open(vm, part)? {
                Some(inner) => {
                    met.insert(part, None);
                    stack.push(inner);
                }
                None => {
                    let made = frozen_leaf(vm, part)?;
                    stack.last_mut().expect("it was just looked at").settle(made);
                }
            },
        }
    }
}

impl Thawed {
    /// Puts the frozen form in place of the part that is next.
    fn settle(&mut self, made: Word) {
        self.is_changed |= self.parts[self.next] != made;
        self.parts[self.next] = made;
        self.next += 1;
    }
}

/// Begins to freeze a value with parts; nothing for one without.
fn open(vm: &mut Vm, word: Word) -> Result<Option<Thawed>, Raise> {
    // What lies in a region is frozen.
    let Some(obj) = Obj::from_word(word).filter(|obj| !obj.header().is_in_region()) else {
        return Ok(None);
    };
    let parts = match obj.kind() {
        Kind::List | Kind::View | Kind::Array => row_of(word).unwrap_or(&[]).to_vec(),
        Kind::Map | Kind::MapView | Kind::Table => {
            let pairs = super::sequence::pairs_of(vm, word)?;
            pairs.flat_map(|(key, value)| [key, value]).collect()
        }
        Kind::Instance => records::instance_fields(word).unwrap_or(&[]).to_vec(),
        Kind::Box | Kind::Quoted | Kind::Datum | Kind::Aberrant => vec![obj.get(1)],
        Kind::Error => vec![error_field(word, field::DATA).unwrap_or(NIL)],
        _ => return Ok(None),
    };
    Ok(Some(Thawed {
        word,
        parts,
        next: 0,
        is_changed: false,
    }))
}

/// The frozen form of a value without parts.
fn frozen_leaf(vm: &mut Vm, word: Word) -> Outcome {
    match buffer_bytes(word) {
        Some(bytes) => vm.new_bytes(bytes),
        None => Ok(word),
    }
}

/// The frozen form of a value whose parts are frozen.
fn close(vm: &mut Vm, done: &Thawed) -> Outcome {
    let obj = Obj::from_word(done.word).expect("a value with parts is an object");
    match obj.kind() {
        Kind::Array => vm.new_list(BRACE, &done.parts),
        Kind::Table => vm.map_from_pairs(&done.parts),
        Kind::Box => Ok(done.parts[0]),
        _ if !done.is_changed => Ok(done.word),
        Kind::Map | Kind::MapView => vm.map_from_pairs(&done.parts),
        Kind::Instance => match records::instance_type(done.word) {
            Some(record) => vm.new_instance(record, &done.parts),
            None => Ok(done.word),
        },
        Kind::Quoted => vm.new_quoted(obj.header().aux() as u8, done.parts[0]),
        kind @ (Kind::Datum | Kind::Aberrant) => vm.new_prefixed(kind, done.parts[0]),
        Kind::Error => {
            let mut fields = [NIL; 6];
            fields.copy_from_slice(obj.words(1, 6));
            fields[field::DATA - 1] = done.parts[0];
            vm.error_of_fields(fields)
        }
        _ => vm.new_list(list_kind(done.word).unwrap_or(BRACE), &done.parts),
    }
}
