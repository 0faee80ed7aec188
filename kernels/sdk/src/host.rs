//! The host's table of functions, as this library was given it.
#![allow(unsafe_code)]

use std::ffi::c_char;
use std::sync::atomic::{AtomicPtr, Ordering};
use sup_abi::host::Host;

static HOST: AtomicPtr<Host> = AtomicPtr::new(std::ptr::null_mut());

/// The kernel's name, for its lines in the log.
static NAME: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());

/// Remembers the kernel's name, which stays for ever.
pub(crate) fn set_name(name: *const c_char) {
    NAME.store(name.cast_mut(), Ordering::Release);
}

/// The kernel's name; null before its table was made.
pub(crate) fn name() -> *const c_char {
    NAME.load(Ordering::Acquire)
}

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
