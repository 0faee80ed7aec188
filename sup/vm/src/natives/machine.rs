//! Primitives over the machine itself: fibers and applying.

use sup_abi::word::{NIL, Word};

use crate::error::Outcome;
use crate::natives::BasePrimitive;
use crate::vm::{Signal, Vm};

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    crate::base!("%spawn", "(f :fn &rest args :any) :fiber", 1..None, spawn),
    crate::base!("%await", "(h :fiber) :any", 1..Some(1), wait),
    crate::base!("%cancel", "(h :fiber) :none", 1..Some(1), cancel),
    crate::base!("%yield", "() :none", 0..Some(0), give_way),
    crate::base!("%apply", "(f :fn args :list) :any", 2..Some(2), apply),
];

fn spawn(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let id = vm.spawn(arguments[0], &arguments[1..])?;
    vm.fiber_handle(id)
}

fn wait(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let Some(id) = vm.fiber_id(arguments[0]) else {
        let message = "await takes the handle of a fiber or an isolate";
        return Err(vm.raise_data("type/mismatch", message, arguments[0]));
    };
    if let Some(answer) = vm.answer_of(arguments[0])? {
        return Ok(answer);
    }
    vm.signal = Signal::Park(id);
    Err(crate::error::Raise)
}

fn cancel(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let Some(id) = vm.fiber_id(arguments[0]) else {
        return Err(vm.raise_data(
            "type/mismatch",
            "cancel takes the handle of a fiber or an isolate",
            arguments[0],
        ));
    };
    vm.cancel(id);
    Ok(NIL)
}

fn give_way(vm: &mut Vm, _arguments: &[Word]) -> Outcome {
    vm.signal = Signal::Yield;
    Err(crate::error::Raise)
}

fn apply(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    vm.signal = Signal::Call {
        callee: arguments[0],
        arguments: arguments[1],
    };
    Err(crate::error::Raise)
}
