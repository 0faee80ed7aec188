//! `Host::post`: any thread has an isolate call a function that it has pinned, and its answer settle a promise.
#![allow(unsafe_code)]

use crate::pins::{self, Own};
use crate::promises;
use std::sync::Arc;
use sup_abi::kernel::{Promise, Ref};
use sup_abi::word::{NIL, Word};
use sup_vm::data::list_items;
use sup_vm::error::Outcome;
use sup_vm::vm::Vm;

/// A promise for the answer; dropped without one it tells so.
struct Reply(Promise);

impl Reply {
    fn settle(mut self, vm: &mut Vm, outcome: Result<Word, Word>) {
        let token = std::mem::take(&mut self.0);
        if token == 0 {
            return;
        }
        let (word, sort) = match outcome {
            Ok(word) => (word, Ok(())),
            Err(error) => (error, Err(())),
        };
        match vm.encode_value(word) {
            Ok(encoded) => drop(promises::settle(token, promises::of_bytes(encoded, sort))),
            Err(raise) => {
                let error = vm.take_error(raise);
                let text = vm.display(error);
                let message = format!("the answer cannot be sent: {text}");
                promises::settle(token, Box::new(move |vm| Err(vm.raise("kernel/reply", &message))));
            }
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.0 != 0 {
            let gone = "the isolate that was to answer has ended";
            promises::settle(self.0, Box::new(move |vm| Err(vm.raise("fiber/cancelled", gone))));
        }
    }
}

/// Has the isolate of a pinned function call it with a list of arguments in wire form, in a fiber of its own. False when the
/// function is none, its isolate is gone, or too much is posted to it; the promise is left as it is then.
pub fn post(function: Ref, arguments: Vec<u8>, reply: Promise) -> bool {
    let Some(pinned) = pins::own(function) else {
        return false;
    };
    let Some(inbox) = pinned.inbox.upgrade() else {
        return false;
    };
    inbox.try_post(|| {
        let reply = Reply(reply);
        Box::new(move |vm: &mut Vm| begin(vm, &pinned, &arguments, reply))
    })
}

fn begin(vm: &mut Vm, pinned: &Arc<Own>, arguments: &[u8], reply: Reply) -> Outcome {
    let begun = vm.decode_value(arguments).and_then(|list| {
        let Some(arguments) = list_items(list).map(<[Word]>::to_vec) else {
            return Err(vm.type_mismatch(":list", list));
        };
        let function = vm.kept(pinned.kept());
        vm.spawn(function, &arguments)
    });
    match begun {
        Ok(fiber) => vm.observe(fiber, Box::new(move |vm, outcome| reply.settle(vm, outcome))),
        Err(raise) => {
            vm.settle_memory_error();
            let error = vm.take_error(raise);
            reply.settle(vm, Err(error));
        }
    }
    Ok(NIL)
}
