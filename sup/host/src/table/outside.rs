//! The functions that any thread may call.

use crate::extensions;
use crate::machine::{self, bytes, text};
use crate::pins;
use crate::pool;
use crate::promises::{self, Builder};
use std::ffi::{CStr, c_char, c_void};
use std::sync::OnceLock;
use sup_abi::host::{Build, Drop, Run};
use sup_abi::kernel::{Bytes, MAX_NAME_BYTES, Promise, Ref};

/// Takes a level (1 error, 2 warning, 3 information, 4 detail) and a line.
pub type Logger = Box<dyn Fn(i32, &str) + Send + Sync>;

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// Says where lines of kernels go; the first that says so counts. Without it they go nowhere.
pub fn set_logger(logger: Logger) {
    LOGGER.set(logger).ok();
}

pub fn write_log(level: i32, line: &str) {
    if let Some(logger) = LOGGER.get() {
        logger(level, line);
    }
}

/// A short text that a kernel passes as a C string, such as a code or a name.
pub fn name(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: kernels pass C strings that live through the call.
    let text = unsafe { CStr::from_ptr(pointer) }.to_string_lossy();
    text.chars().take(MAX_NAME_BYTES).collect()
}

pub unsafe extern "C" fn extension(id: *const c_char) -> *const c_void {
    extensions::find(&name(id))
}

pub unsafe extern "C" fn log(level: i32, message: Bytes) {
    write_log(level, &text(message));
}

pub unsafe extern "C" fn spawn(run: Run, free: Drop, data: *mut c_void) -> i32 {
    i32::from(pool::spawn(
        run,
        free,
        data,
        machine::calling().or_else(pool::working),
    ))
}

pub unsafe extern "C" fn unpin(reference: Ref) {
    pins::release(reference);
}

pub unsafe extern "C" fn settle(token: Promise, is_value: i32, encoded: Bytes) -> i32 {
    let encoded = bytes(encoded).to_vec();
    let letter = promises::of_bytes(encoded, if is_value == 0 { Err(()) } else { Ok(()) });
    i32::from(promises::settle(token, letter))
}

pub unsafe extern "C" fn settle_with(token: Promise, make: Build, free: Drop, data: *mut c_void) -> i32 {
    i32::from(promises::settle_with(token, Builder::new(make, free, data)))
}

pub unsafe extern "C" fn settle_error(token: Promise, code: *const c_char, message: Bytes) -> i32 {
    let (code, message) = (name(code), text(message));
    i32::from(promises::settle(
        token,
        Box::new(move |vm| Err(vm.raise(&code, &message))),
    ))
}
