//! The end of the process.
#![allow(unsafe_code)]

/// Ends the process at once, after the C library has written out what it holds back. What native code has registered to run at
/// exit is not run: it would destroy what threads that still run may use, and take time for nothing.
///
/// Whoever calls this has dropped what must be closed, stores above all.
pub fn end(code: u8) -> ! {
    // SAFETY: a null pointer means every stream; the call touches nothing of ours.
    unsafe { libc::fflush(std::ptr::null_mut()) };
    // SAFETY: it does not return.
    unsafe { libc::_exit(code.into()) }
}
