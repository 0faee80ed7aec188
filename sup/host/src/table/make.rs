//! The functions that make values.

use super::call::{refuse_leaf, with_machine, words};
use super::outside::name;
use crate::hold::Sort;
use crate::machine::{answer, bytes, installed, machine, text};
use crate::resource::KernelResource;
use std::ffi::{c_char, c_void};
use sup_abi::kernel::{Bytes, Context, ResourceType};
use sup_abi::value_type::ListKind;
use sup_abi::word::{Immediate, Word};
use sup_vm::error::Outcome;
use sup_vm::vm::Vm;

/// Most elements that a kernel passes at once.
const MAX_ELEMENTS: usize = 1 << 32;

pub unsafe extern "C" fn new_int(cx: *mut Context, value: i64) -> Word {
    with_machine(cx, |vm| vm.new_int(value))
}

pub unsafe extern "C" fn new_real(cx: *mut Context, value: f64) -> Word {
    with_machine(cx, |vm| vm.new_real(value))
}

/// Makes a value in a primitive that did not promise to make none.
fn make(cx: *mut Context, run: impl FnOnce(&mut Vm) -> Outcome) -> Word {
    with_machine(cx, |vm| {
        refuse_leaf(vm, "makes a value")?;
        run(vm)
    })
}

pub unsafe extern "C" fn new_text(cx: *mut Context, passed: Bytes) -> Word {
    make(cx, |vm| match std::str::from_utf8(bytes(passed)) {
        Ok(text) => vm.new_str(text),
        Err(error) => {
            let offset = error.valid_up_to();
            Err(vm.raise(
                "str/utf8",
                &format!("the bytes are no UTF-8 from byte {offset} on"),
            ))
        }
    })
}

pub unsafe extern "C" fn new_bytes(cx: *mut Context, passed: Bytes) -> Word {
    make(cx, |vm| vm.new_bytes(bytes(passed)))
}

fn new_name(cx: *mut Context, passed: Bytes, kind: Immediate) -> Word {
    with_machine(cx, |vm| {
        let text = text(passed);
        if text.is_empty() {
            return Err(vm.raise("vm/names", "the text cannot be a name: it is empty"));
        }
        vm.intern(kind, &text)
    })
}

pub unsafe extern "C" fn new_symbol(cx: *mut Context, passed: Bytes) -> Word {
    new_name(cx, passed, Immediate::Symbol)
}

pub unsafe extern "C" fn new_keyword(cx: *mut Context, passed: Bytes) -> Word {
    new_name(cx, passed, Immediate::Keyword)
}

pub unsafe extern "C" fn new_path(cx: *mut Context, passed: Bytes) -> Word {
    let has_colon = text(passed).find(':').is_some_and(|at| at > 0);
    if !has_colon {
        return with_machine(cx, |vm| {
            Err(vm.raise("value/invalid", "a path has a colon inside"))
        });
    }
    new_name(cx, passed, Immediate::Path)
}

pub unsafe extern "C" fn new_list(
    cx: *mut Context,
    kind: u32,
    elements: *const Word,
    n_elements: usize,
) -> Word {
    make(cx, |vm| match ListKind::from_number(kind) {
        Some(kind) if n_elements < MAX_ELEMENTS => vm.new_list(kind as u8, words(elements, n_elements)),
        _ => Err(vm.raise("value/invalid", "there is no such kind of list, or none so long")),
    })
}

pub unsafe extern "C" fn new_map(cx: *mut Context, pairs: *const Word, n_pairs: usize) -> Word {
    make(cx, |vm| {
        if n_pairs >= MAX_ELEMENTS {
            return Err(vm.raise("value/invalid", "there is no map so large"));
        }
        vm.map_from_pairs(words(pairs, 2 * n_pairs))
    })
}

pub unsafe extern "C" fn new_error(
    cx: *mut Context,
    code: *const c_char,
    message: Bytes,
    data: Word,
) -> Word {
    make(cx, |vm| vm.make_error(&name(code), &text(message), data))
}

pub unsafe extern "C" fn new_resource(
    cx: *mut Context,
    record: *const ResourceType,
    data: *mut c_void,
) -> Word {
    // The data is the host's from here on: it is freed with this value on every way out.
    let kernel = machine(cx)
        .and_then(|vm| installed(vm))
        .map(|installed| installed.kernel.beside(Sort::Resource));
    // SAFETY: kernels pass one of their types, and data of it that they hand over.
    let resource = unsafe { KernelResource::new(record, data, kernel) };
    make(cx, |vm| match vm.heap.alloc_resource(Box::new(resource)) {
        Ok(obj) => Ok(obj.word()),
        Err(_) => Err(vm.raise_memory()),
    })
}

/// A string of a text that was made already, unless making it raised.
pub unsafe extern "C" fn display(cx: *mut Context, word: Word) -> Word {
    make(cx, |vm| {
        let text = vm.try_display(word)?;
        vm.new_string(text)
    })
}

pub unsafe extern "C" fn repr(cx: *mut Context, word: Word) -> Word {
    make(cx, |vm| {
        let text = vm.try_repr(word)?;
        vm.new_string(text)
    })
}

pub unsafe extern "C" fn encode(cx: *mut Context, word: Word, out: *mut Bytes) -> i32 {
    let Some(vm) = machine(cx) else { return 0 };
    if refuse_leaf(vm, "makes bytes").is_err() {
        return 0;
    }
    let Some(installed) = installed(vm) else { return 0 };
    match vm.encode_value(word) {
        Ok(encoded) => answer(out, Some(installed.lend(encoded))),
        Err(_) => 0,
    }
}

pub unsafe extern "C" fn decode(cx: *mut Context, passed: Bytes) -> Word {
    make(cx, |vm| vm.decode_value(bytes(passed)))
}
