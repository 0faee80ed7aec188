//! `Host::call_then`: a primitive has a function called in its place and goes on with what it answers. Its fiber is parked on
//! an answer that the continuation gives; the function runs as a fiber of its own, so that it may park, and no native frame is
//! held meanwhile.
#![allow(unsafe_code)]

use crate::hold::{Held, Sort};
use crate::install::Installed;
use crate::machine::continue_for;
use std::ffi::c_void;
use sup_abi::host::{Continue, Drop as FreeData};
use sup_abi::word::{NIL, THROW, Word};
use sup_vm::data::list_items;
use sup_vm::error::{Outcome, Raise};
use sup_vm::fiber::FiberId;
use sup_vm::schedule::Observer;
use sup_vm::vm::{Signal, Vm};

/// What a primitive goes on with, with its data; freed whether it runs or not.
pub struct Continuation {
    then: Continue,
    free: FreeData,
    data: *mut c_void,
    /// The kernel that goes on, which hangs on the machine for as long as `_held` is.
    kernel: *const Installed,
    _held: Held,
}

impl Continuation {
    /// Takes the data over.
    pub fn new(then: Continue, free: FreeData, data: *mut c_void, kernel: &Installed) -> Continuation {
        Continuation {
            then,
            free,
            data,
            kernel,
            _held: kernel.hold(Sort::Promise),
        }
    }
}

impl Drop for Continuation {
    fn drop(&mut self) {
        // SAFETY: the data was handed over with this function, and this is the only call of it.
        unsafe { (self.free)(self.data) };
    }
}

/// Has a function called in the place of the primitive that runs, and the continuation go on with its answer.
pub fn call_then(vm: &mut Vm, function: Word, arguments: &[Word], then: Continuation) -> Outcome {
    let answer = vm.open_answer();
    let callee = vm.spawn(function, arguments)?;
    vm.observe(callee, go_on(answer, then));
    vm.signal = Signal::Park(answer);
    Err(Raise)
}

/// Goes on with what a fiber or promise has come to, and gives the answer that the primitive's fiber waits for.
fn go_on(answer: FiberId, then: Continuation) -> Observer {
    Box::new(move |vm, outcome| {
        let (word, is_error) = match outcome {
            Ok(word) => (word, 0),
            Err(error) => (error, 1),
        };
        let n_slots = vm.native_slots.len();
        let context = std::ptr::from_mut(vm).cast();
        // SAFETY: the function was handed over with its data, and runs on the thread of its isolate.
        let word = continue_for(then.kernel, || unsafe {
            (then.then)(context, word, is_error, then.data)
        });
        vm.native_slots.truncate(n_slots);
        drop(then);
        match std::mem::replace(&mut vm.signal, Signal::None) {
            Signal::None if word != THROW => vm.give_answer(answer, Ok(word)),
            Signal::None => {
                let raise = raised(vm);
                fail(vm, answer, raise);
            }
            Signal::Park(id) => pass_on(vm, id, answer),
            Signal::Call { callee, arguments } => {
                let arguments = list_items(arguments).unwrap_or_default().to_vec();
                match vm.spawn(callee, &arguments) {
                    Ok(id) => pass_on(vm, id, answer),
                    Err(raise) => fail(vm, answer, raise),
                }
            }
            Signal::Yield => vm.give_answer(answer, Ok(NIL)),
        }
    })
}

/// What one comes to is the answer of the other.
fn pass_on(vm: &mut Vm, from: FiberId, answer: FiberId) {
    vm.observe(from, Box::new(move |vm, outcome| vm.give_answer(answer, outcome)));
}

fn fail(vm: &mut Vm, answer: FiberId, raise: Raise) {
    vm.settle_memory_error();
    let error = vm.take_error(raise);
    vm.give_answer(answer, Err(error));
}

fn raised(vm: &mut Vm) -> Raise {
    if vm.pending == NIL && !vm.is_out_of_memory() {
        return vm.raise(
            "kernel/throw",
            "what goes on for a primitive said that it raised, and did not",
        );
    }
    Raise
}
