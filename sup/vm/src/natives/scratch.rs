//! A buffer that natives build their outputs in, kept from call to call so that small outputs cost no allocation.

use std::cell::Cell;

use crate::error::{Outcome, Raise};
use crate::vm::Vm;

/// Largest buffer that is kept.
const KEPT_BYTES: usize = 1 << 16;

thread_local! {
    static SCRATCH: Cell<String> = const { Cell::new(String::new()) };
}

/// Makes a string of what `build` appends to an empty buffer.
#[inline]
pub(crate) fn build_str(
    vm: &mut Vm,
    build: impl FnOnce(&mut Vm, &mut String) -> Result<(), Raise>,
) -> Outcome {
    let mut text = SCRATCH.take();
    text.clear();
    let built = build(vm, &mut text);
    let outcome = match built {
        Ok(()) if text.capacity() > KEPT_BYTES => return vm.new_string(text),
        Ok(()) => vm.new_str(&text),
        Err(raise) => Err(raise),
    };
    if text.capacity() <= KEPT_BYTES {
        SCRATCH.set(text);
    }
    outcome
}
