//! The machine's own primitives, named with a leading `%`. They never run SLP functions, so no collection happens while
//! one runs, and words stay good from its first line to its last.
#![allow(unsafe_code)]

mod arguments;
mod arrays;
mod boxes;
mod code;
mod collections;
mod errors;
mod format;
mod freeze;
mod html;
mod json;
mod lists;
mod machine;
mod maps;
mod math;
mod names;
mod printing;
mod scratch;
mod search;
mod sequence;
mod sort;
mod tables;
mod text;
mod types;

#[cfg(test)]
mod tests;

pub(crate) use collections::look_up;

use sup_abi::word::{THROW, Word};

use crate::error::Outcome;
use crate::primitives::{ANY_NUMBER, PrimitiveEntry};
use crate::vm::Vm;

/// How the machine calls any primitive, its own or a kernel's: the arguments lie in the caller's window.
pub type NativeFn = unsafe extern "C" fn(*mut Vm, u32, *const Word) -> Word;

/// One of the machine's primitives.
#[derive(Clone, Copy)]
pub struct BasePrimitive {
    /// Its name, `%` first.
    pub name: &'static str,
    /// Parameters and result as a declaration writes them: `(s :str from :int &opt to :int) :str`.
    pub signature: &'static str,
    /// Least number of arguments.
    pub min: u8,
    /// Largest number of arguments; none when there is no limit.
    pub max: Option<u8>,
    /// What it says of `sup_abi::capability`, 0 when nothing.
    pub capabilities: u32,
    /// The function.
    pub run: NativeFn,
}

/// Turns a function over a slice of arguments into what the machine calls.
///
/// # Safety
/// `vm` is the machine that runs, and `argv` names `argc` words of its stack.
pub unsafe fn enter(run: fn(&mut Vm, &[Word]) -> Outcome, vm: *mut Vm, argc: u32, argv: *const Word) -> Word {
    // SAFETY: as this function demands; the stack outlives the call and is not collected meanwhile.
    let (vm, arguments) = unsafe { (&mut *vm, std::slice::from_raw_parts(argv, argc as usize)) };
    run(vm, arguments).unwrap_or(THROW)
}

/// Makes the table entry of a primitive from a function `fn(&mut Vm, &[Word]) -> Outcome`. The last part says what it
/// reaches outside of its isolate; the machine's own reach nothing and do not say it.
#[macro_export]
macro_rules! base {
    ($name:literal, $signature:literal, $min:literal .. $max:expr, $run:path) => {
        $crate::base!($name, $signature, $min..$max, $run, 0)
    };
    ($name:literal, $signature:literal, $min:literal .. $max:expr, $run:path, $capabilities:expr) => {
        $crate::natives::BasePrimitive {
            name: $name,
            signature: $signature,
            min: $min,
            max: $max,
            capabilities: $capabilities,
            run: {
                unsafe extern "C" fn thunk(
                    vm: *mut $crate::vm::Vm,
                    argc: u32,
                    argv: *const sup_abi::word::Word,
                ) -> sup_abi::word::Word {
                    // SAFETY: the machine calls this with itself and its own window.
                    unsafe { $crate::natives::enter($run, vm, argc, argv) }
                }
                thunk
            },
        }
    };
}

/// Every table of base primitives.
pub const TABLES: &[&[BasePrimitive]] = &[
    machine::TABLE,
    types::TABLE,
    collections::TABLE,
    lists::TABLE,
    sort::TABLE,
    freeze::TABLE,
    maps::TABLE,
    arrays::TABLE,
    tables::TABLE,
    boxes::TABLE,
    printing::TABLE,
    text::TABLE,
    search::TABLE,
    names::TABLE,
    format::TABLE,
    math::TABLE,
    json::TABLE,
    html::TABLE,
    errors::TABLE,
    code::TABLE,
];

/// Gives an isolate a primitive of the machine's or the runtime's own; `needs` is what it must have of
/// `sup_abi::capability` for it.
pub fn register(vm: &mut Vm, primitive: &BasePrimitive, needs: u32) {
    let entry = PrimitiveEntry {
        run: primitive.run,
        min: primitive.min.into(),
        max: primitive.max.map_or(ANY_NUMBER, u16::from),
        needs,
        ..PrimitiveEntry::ABSENT
    };
    vm.define_primitive(primitive.name, entry);
}
