//! The functions that concern the running call: raising, calling back, slots, pins, promises.

use super::outside::name;
use crate::continuation::{self, Continuation};
use crate::machine::{installed, is_building, is_leaf, machine, may_ask, text};
use crate::pins;
use crate::promises;
use std::ffi::{c_char, c_void};
use sup_abi::host::{Continue, Drop as FreeData};
use sup_abi::kernel::{Bytes, Context, Promise, Ref, Slot};
use sup_abi::word::{NIL, THROW, Word};
use sup_vm::error::{Outcome, Raise};
use sup_vm::object::{Kind, kind_of};
use sup_vm::vm::{Signal, Vm};

/// Longest message of an error, in bytes.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Most slots that native calls of one isolate hold at once.
const MAX_SLOTS: usize = 1 << 24;

/// Runs something with the machine of a context; a context that leads nowhere answers the mark of an error.
pub fn with_machine(cx: *mut Context, run: impl FnOnce(&mut Vm) -> Outcome) -> Word {
    machine(cx).map_or(THROW, |vm| run(vm).unwrap_or(THROW))
}

/// Words that a kernel passes, for the time of the call.
pub fn words<'a>(pointer: *const Word, n_words: usize) -> &'a [Word] {
    if pointer.is_null() || n_words == 0 {
        return &[];
    }
    // SAFETY: kernels name that many words, which live through the call.
    unsafe { std::slice::from_raw_parts(pointer, n_words) }
}

/// Refuses what a primitive flagged `leaf` promised not to do.
pub fn refuse_leaf(vm: &mut Vm, what: &str) -> Result<(), Raise> {
    if !is_leaf(vm) {
        return Ok(());
    }
    let name = vm.running_primitive_name();
    Err(vm.raise(
        "kernel/leaf",
        &format!("{name} says that it is a leaf, and {what}"),
    ))
}

/// Refuses what needs a fiber where none runs.
fn refuse_building(vm: &mut Vm) -> Result<(), Raise> {
    if may_ask() {
        return Ok(());
    }
    Err(refused_building(vm))
}

fn refused_building(vm: &mut Vm) -> Raise {
    vm.raise(
        "kernel/build",
        "what only makes or reads values calls no functions and waits for nothing",
    )
}

pub unsafe extern "C" fn state(cx: *mut Context) -> *mut c_void {
    let found = machine(cx).and_then(|vm| installed(vm));
    found.map_or(std::ptr::null_mut(), |installed| installed.kernel.state())
}

pub unsafe extern "C" fn isolate(cx: *mut Context) -> u64 {
    machine(cx)
        .and_then(|vm| installed(vm))
        .map_or(0, |installed| installed.shared.number)
}

pub unsafe extern "C" fn interrupted(cx: *mut Context) -> i32 {
    machine(cx).map_or(1, |vm| i32::from(vm.interrupted()))
}

pub unsafe extern "C" fn raise(cx: *mut Context, code: *const c_char, message: Bytes) -> Word {
    let message = Bytes {
        len: message.len.min(MAX_MESSAGE_BYTES),
        ..message
    };
    with_machine(cx, |vm| {
        let code = name(code);
        Err(vm.raise(
            if code.is_empty() { "kernel/error" } else { &code },
            &text(message),
        ))
    })
}

pub unsafe extern "C" fn raise_value(cx: *mut Context, value: Word) -> Word {
    with_machine(cx, |vm| {
        if kind_of(value) == Some(Kind::Error) {
            return Err(vm.raise_value(value));
        }
        let message = vm.display(value);
        Err(vm.raise_data("error/raised", &message, value))
    })
}

pub unsafe extern "C" fn take_error(cx: *mut Context) -> Word {
    machine(cx).map_or(NIL, |vm| std::mem::replace(&mut vm.pending, NIL))
}

pub unsafe extern "C" fn call(cx: *mut Context, function: Word, argc: u32, argv: *const Word) -> Word {
    with_machine(cx, |vm| {
        refuse_leaf(vm, "calls a function")?;
        if is_building() {
            return Err(refused_building(vm));
        }
        let id = vm.running_primitive_id();
        let gated = installed(vm).filter(|installed| installed.is_gated(id));
        // Others may come in while the program runs: kernels that call each other must not wait for one
        // another.
        if let Some(installed) = gated {
            installed.kernel.gate().leave();
        }
        let outcome = vm.call(function, words(argv, argc as usize));
        if let Some(installed) = gated {
            installed.kernel.gate().enter();
        }
        outcome
    })
}

pub unsafe extern "C" fn slot(cx: *mut Context, word: Word) -> Slot {
    let Some(vm) = machine(cx) else { return Slot::MAX };
    if vm.native_slots.len() >= MAX_SLOTS {
        return Slot::MAX;
    }
    vm.native_slots.push(word);
    vm.native_slots.len() as Slot - 1
}

pub unsafe extern "C" fn slot_get(cx: *mut Context, slot: Slot) -> Word {
    machine(cx)
        .and_then(|vm| vm.native_slots.get(slot as usize).copied())
        .unwrap_or(NIL)
}

pub unsafe extern "C" fn slot_set(cx: *mut Context, slot: Slot, word: Word) {
    if let Some(place) = machine(cx).and_then(|vm| vm.native_slots.get_mut(slot as usize)) {
        *place = word;
    }
}

pub unsafe extern "C" fn pin(cx: *mut Context, word: Word) -> Ref {
    let Some(vm) = machine(cx) else { return 0 };
    let Some(installed) = installed(vm) else { return 0 };
    pins::pin(vm, installed, word)
}

pub unsafe extern "C" fn pinned(cx: *mut Context, reference: Ref) -> Word {
    with_machine(cx, |vm| {
        let found = installed(vm).and_then(|installed| pins::get(vm, &installed.shared, reference));
        found.ok_or_else(|| {
            vm.raise(
                "kernel/pin",
                "the pinned value is of another isolate, or was let go",
            )
        })
    })
}

pub unsafe extern "C" fn promise(cx: *mut Context, out: *mut Promise) -> Word {
    with_machine(cx, |vm| {
        refuse_leaf(vm, "makes a promise")?;
        let kernel = installed(vm);
        let id = vm.open_promise();
        let token = promises::register(&vm.inbox(), id, kernel);
        let handle = vm.fiber_handle(id);
        if handle.is_err() {
            promises::settle(token, Box::new(|_| Ok(NIL)));
        }
        let handle = handle?;
        crate::machine::answer(out, Some(token));
        Ok(handle)
    })
}

pub unsafe extern "C" fn wait(cx: *mut Context, handle: Word) -> Word {
    with_machine(cx, |vm| {
        refuse_building(vm)?;
        let Some(id) = vm.fiber_id(handle) else {
            return Err(vm.type_mismatch(":fiber", handle));
        };
        if let Some(value) = vm.answer_of(handle)? {
            return Ok(value);
        }
        vm.signal = Signal::Park(id);
        Err(Raise)
    })
}

pub unsafe extern "C" fn call_then(
    cx: *mut Context,
    function: Word,
    argc: u32,
    argv: *const Word,
    then: Continue,
    free: FreeData,
    data: *mut c_void,
) -> Word {
    let Some(installed) = machine(cx).and_then(|vm| installed(vm)) else {
        // SAFETY: the data was handed over.
        unsafe { free(data) };
        return THROW;
    };
    let then = Continuation::new(then, free, data, installed);
    with_machine(cx, |vm| {
        refuse_leaf(vm, "calls a function")?;
        refuse_building(vm)?;
        continuation::call_then(vm, function, words(argv, argc as usize), then)
    })
}

pub unsafe extern "C" fn tail_call(cx: *mut Context, function: Word, argc: u32, argv: *const Word) -> Word {
    with_machine(cx, |vm| {
        refuse_leaf(vm, "calls a function")?;
        refuse_building(vm)?;
        let arguments = vm.new_list(sup_vm::data::BRACE, words(argv, argc as usize))?;
        vm.signal = Signal::Call {
            callee: function,
            arguments,
        };
        Err(Raise)
    })
}
