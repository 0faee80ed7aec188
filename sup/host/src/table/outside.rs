//! The functions that any thread may call.

use crate::extensions;
use crate::machine::{self, bytes, text};
use crate::pins;
use crate::pool;
use crate::posts;
use crate::promises::{self, Builder};
use std::ffi::{CStr, c_char, c_void};
use std::sync::OnceLock;
use sup_abi::host::{Build, Drop, Run};
use sup_abi::kernel::{Bytes, MAX_NAME_BYTES, Promise, Ref};

/// A line that a kernel, or the host about one, has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// 1 error, 2 warning, 3 information, 4 detail; other numbers are brought into that range.
    pub level: i32,
    /// Who says it, when that is known: a line from a thread that a kernel has started itself bears no name of its own.
    pub kernel: Option<&'a str>,
    /// What it says, without control characters, cut to 16 KiB.
    pub text: &'a str,
}

/// Takes lines, on any thread.
pub type Logger = Box<dyn Fn(&LogLine<'_>) + Send + Sync>;

/// Longest line of a log, in bytes.
const MAX_LINE_BYTES: usize = 16 * 1024;

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// Says where lines of kernels go; the first that says so counts. Without it they go nowhere.
pub fn set_logger(logger: Logger) {
    LOGGER.set(logger).ok();
}

/// Writes a line about the kernel that runs on this thread.
pub fn write_log(level: i32, text: &str) {
    if LOGGER.get().is_some() {
        let kernel = machine::calling().or_else(pool::working);
        write_line(kernel.as_ref().map(|kernel| kernel.name()), level, text);
    }
}

fn write_line(kernel: Option<&str>, level: i32, text: &str) {
    let Some(logger) = LOGGER.get() else { return };
    let cut = &text[..text.floor_char_boundary(MAX_LINE_BYTES)];
    // A line is one line, and does nothing to a terminal.
    let text: String = cut
        .chars()
        .map(|c| if c.is_control() && c != '\t' { ' ' } else { c })
        .collect();
    logger(&LogLine {
        level: level.clamp(1, 4),
        kernel,
        text: &text,
    });
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

pub unsafe extern "C" fn log_as(kernel: *const c_char, level: i32, message: Bytes) {
    let kernel = name(kernel);
    write_line(
        Some(&kernel).filter(|name| !name.is_empty()).map(String::as_str),
        level,
        &text(message),
    );
}

pub unsafe extern "C" fn post(function: Ref, arguments: Bytes, reply: Promise) -> i32 {
    i32::from(posts::post(function, bytes(arguments).to_vec(), reply))
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
