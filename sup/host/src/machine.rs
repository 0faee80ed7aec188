//! From a kernel's context to the machine and the isolate behind it, when there is one: a context that was
//! kept after its call, or taken to another thread, leads nowhere.
#![allow(unsafe_code)]

use crate::hold::{Hold, Sort};
use crate::install::Installed;
use crate::table;
use std::cell::Cell;
use std::ptr;
use sup_abi::kernel::{Bytes, Context, flags};
use sup_vm::schedule;
use sup_vm::vm::Vm;

thread_local! {
    /// The kernel whose builder of a promise's value runs on this thread.
    static BUILDING: Cell<*const Installed> = const { Cell::new(ptr::null()) };
    /// It goes on for a primitive, and may ask the machine for something as that does.
    static CONTINUING: Cell<bool> = const { Cell::new(false) };
}

/// The machine of a context, when it runs on this thread.
pub(crate) fn machine<'a>(cx: *mut Context) -> Option<&'a mut Vm> {
    let vm = schedule::running();
    if vm.is_null() || !ptr::addr_eq(vm, cx) {
        misused();
        return None;
    }
    // SAFETY: the machine runs on this thread and is inside the native call that brought us here, so nobody
    // else uses it before that returns.
    Some(unsafe { &mut *vm })
}

#[cold]
fn misused() {
    table::write_log(
        1,
        "a kernel used a context outside its call, or on another thread",
    );
}

/// The kernel that runs in a machine.
pub(crate) fn installed<'a>(vm: &Vm) -> Option<&'a Installed> {
    let building = BUILDING.get();
    let state = if building.is_null() {
        vm.running_kernel_state().cast_const().cast()
    } else {
        building
    };
    // SAFETY: the pointer is null or that of a box that hangs on the machine, which is inside a call of it.
    unsafe { state.as_ref() }
}

/// The kernel that runs on this thread, when one does.
pub(crate) fn calling() -> Option<Hold> {
    // SAFETY: the machine runs on this thread and is inside the native call that brought us here.
    let vm = unsafe { schedule::running().as_ref() }?;
    installed(vm).map(|installed| installed.kernel.beside(Sort::Job))
}

/// Runs the builder of a promise's value for the kernel that made the promise.
pub(crate) fn build_for<T>(kernel: *const Installed, build: impl FnOnce() -> T) -> T {
    // SAFETY: the pointer is null or that of a box that hangs on the machine whose promise this is.
    let gated = unsafe { kernel.as_ref() }.filter(|installed| installed.kernel.is_gated());
    if let Some(installed) = gated {
        installed.kernel.gate().enter();
    }
    let (outer, outer_continuing) = (BUILDING.replace(kernel), CONTINUING.replace(false));
    let built = build();
    BUILDING.set(outer);
    CONTINUING.set(outer_continuing);
    if let Some(installed) = gated {
        installed.kernel.gate().leave();
    }
    built
}

/// Runs what goes on for a primitive of a kernel.
pub(crate) fn continue_for<T>(kernel: *const Installed, go_on: impl FnOnce() -> T) -> T {
    build_for(kernel, || {
        CONTINUING.set(true);
        go_on()
    })
}

/// Whether what runs may ask the machine to park its fiber, or to call something in its place.
pub(crate) fn may_ask() -> bool {
    !is_building() || CONTINUING.get()
}

/// Whether a builder runs, which may make values and call nothing.
pub(crate) fn is_building() -> bool {
    !BUILDING.get().is_null()
}

/// Whether the running primitive said that it makes nothing and calls nothing.
pub(crate) fn is_leaf(vm: &Vm) -> bool {
    !is_building() && vm.primitive(vm.running_primitive_id()).flags & flags::LEAF != 0
}

/// Bytes that a kernel passes, for the time of the call.
pub(crate) fn bytes<'a>(bytes: Bytes) -> &'a [u8] {
    // SAFETY: kernels pass bytes that live through the call.
    unsafe { bytes.as_slice() }
}

/// Text that a kernel passes; what is no UTF-8 is replaced.
pub(crate) fn text(passed: Bytes) -> String {
    String::from_utf8_lossy(bytes(passed)).into_owned()
}

/// Writes an answer where the kernel wants it: 1, or 0 without one.
pub(crate) fn answer<T>(out: *mut T, found: Option<T>) -> i32 {
    match found {
        Some(found) if !out.is_null() => {
            // SAFETY: kernels pass a place to write to.
            unsafe { out.write(found) };
            1
        }
        _ => 0,
    }
}
