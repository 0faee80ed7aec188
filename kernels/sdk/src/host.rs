//! The host's table of functions, as this library was given it.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicPtr, Ordering};
use sup_abi::host::Host;

static HOST: AtomicPtr<Host> = AtomicPtr::new(std::ptr::null_mut());

/// Remembers the table that `sup_kernel_v1` was called with.
pub(crate) fn set(host: *const Host) {
    HOST.store(host.cast_mut(), Ordering::Release);
}

/// The host's table, or nothing before the library was entered.
#[inline]
pub(crate) fn get() -> Option<&'static Host> {
    // SAFETY: the pointer is null or was given to `sup_kernel_v1`, whose contract is that it points at a
    // table that stays as it is for the life of the process.
    unsafe { HOST.load(Ordering::Acquire).as_ref() }
}
