//! What a kernel may ask of the machine: one static table of functions.
//!
//! **When values move.** The collector never runs while a native function runs, whatever the function
//! allocates: the machine collects at its own safepoints, after the native returned. The one exception is
//! `call`, which runs SLP code. So a raw word stays good until the function returns, unless it uses `call`;
//! what must survive a `call`, arguments included, is put into a `Slot` before it.
//!
//! **Failure.** A function that answers a `Word` answers `word::THROW` when it has raised; the kernel passes
//! that on or takes the error with `take_error`. A function that answers `i32` answers 1 for yes and 0 for
//! no, and raises nothing unless it says so.
//!
//! **Threads.** A function that takes a `Context` may be called only by the thread that runs the primitive,
//! while it runs. The others may be called from any thread at any time.

use crate::kernel::{Bytes, Context, Promise, Ref, ResourceType, Slot};
use crate::word::Word;
use core::ffi::{c_char, c_void};

/// Makes the value of a settled promise on the isolate's thread; answers it, or `word::THROW` after raising.
pub type Build = unsafe extern "C" fn(*mut Context, *mut c_void) -> Word;
/// Runs on a thread of the host's pool.
pub type Run = unsafe extern "C" fn(*mut c_void);
/// Goes on for a primitive with the value that a function has answered, or with 1 the error that it raised. Answers as a
/// primitive does.
pub type Continue = unsafe extern "C" fn(*mut Context, Word, i32, *mut c_void) -> Word;
/// Frees data that was handed over and will not be used.
pub type Drop = unsafe extern "C" fn(*mut c_void);

/// The host's functions; static for the process. Test `size` before using a field newer than the kernel's
/// oldest host.
#[repr(C)]
pub struct Host {
    /// Size of this struct.
    pub size: u32,
    /// Major version of the wall.
    pub abi_major: u16,
    /// Minor version of the wall.
    pub abi_minor: u16,

    // ---- from any thread ----
    /// The table of an extension such as `sup.io/1`, or null.
    pub extension: unsafe extern "C" fn(*const c_char) -> *const c_void,
    /// Writes a line to the log: 1 error, 2 warning, 3 information, 4 detail.
    pub log: unsafe extern "C" fn(i32, Bytes),
    /// Runs work on a bounded pool. 1 when it was taken; 0 when the pool is full or closed, and then nothing
    /// was called.
    pub spawn: unsafe extern "C" fn(Run, Drop, *mut c_void) -> i32,
    /// Lets a pinned value go.
    pub unpin: unsafe extern "C" fn(Ref),
    /// Settles a promise with a value in wire form, an error value when the second argument is 0. 0 when it
    /// was settled before or its isolate is gone.
    pub settle: unsafe extern "C" fn(Promise, i32, Bytes) -> i32,
    /// Settles a promise with what a function makes later on the isolate's thread. The data is freed in every
    /// case.
    pub settle_with: unsafe extern "C" fn(Promise, Build, Drop, *mut c_void) -> i32,
    /// Settles a promise with an error of that code and message.
    pub settle_error: unsafe extern "C" fn(Promise, *const c_char, Bytes) -> i32,

    // ---- the call ----
    /// This kernel's state, as `load` made it.
    pub state: unsafe extern "C" fn(*mut Context) -> *mut c_void,
    /// Number of the isolate that calls; never given out twice in a process.
    pub isolate: unsafe extern "C" fn(*mut Context) -> u64,
    /// Whether the fiber was cancelled or is out of fuel or time; then the kernel returns soon, with
    /// whatever.
    pub interrupted: unsafe extern "C" fn(*mut Context) -> i32,
    /// Raises an error with a code such as `fs/missing` and a message. Answers `word::THROW`.
    pub raise: unsafe extern "C" fn(*mut Context, *const c_char, Bytes) -> Word,
    /// Raises a value; what is not an error value becomes the data of one. Answers `word::THROW`.
    pub raise_value: unsafe extern "C" fn(*mut Context, Word) -> Word,
    /// After a `word::THROW`: takes the pending error away and answers it as a value; nil when none is
    /// pending.
    pub take_error: unsafe extern "C" fn(*mut Context) -> Word,
    /// Calls a function. May collect: see the top of this page.
    pub call: unsafe extern "C" fn(*mut Context, Word, u32, *const Word) -> Word,
    /// Keeps a value in a new slot.
    pub slot: unsafe extern "C" fn(*mut Context, Word) -> Slot,
    /// The value in a slot.
    pub slot_get: unsafe extern "C" fn(*mut Context, Slot) -> Word,
    /// Puts another value into a slot.
    pub slot_set: unsafe extern "C" fn(*mut Context, Slot, Word),
    /// Keeps a value until it is unpinned.
    pub pin: unsafe extern "C" fn(*mut Context, Word) -> Ref,
    /// The value of a pin made in this isolate; raises for others.
    pub pinned: unsafe extern "C" fn(*mut Context, Ref) -> Word,
    /// A new promise: its token, and the handle that programs `await`.
    pub promise: unsafe extern "C" fn(*mut Context, *mut Promise) -> Word,
    /// Asks the machine to park the fiber until the promise or fiber of that handle is settled, and to answer
    /// its value or raise its error in the primitive's place. What this answers, the primitive, flagged
    /// `ASYNC`, returns at once.
    pub wait: unsafe extern "C" fn(*mut Context, Word) -> Word,
    /// Asks the machine to call a function in the primitive's place, with no native frame left behind.
    /// Answers `word::THROW`, which the primitive returns at once.
    pub tail_call: unsafe extern "C" fn(*mut Context, Word, u32, *const Word) -> Word,

    // ---- reading values ----
    /// Number of the value's `ValueType`.
    pub type_of: unsafe extern "C" fn(*mut Context, Word) -> u32,
    /// The integer of an int.
    pub get_int: unsafe extern "C" fn(*mut Context, Word, *mut i64) -> i32,
    /// The real of a real; an int is none.
    pub get_real: unsafe extern "C" fn(*mut Context, Word, *mut f64) -> i32,
    /// The UTF-8 of a string, until the call returns or makes a `call`. Takes the place where the word lies
    /// and not the word, because a short string lies in its word.
    pub get_text: unsafe extern "C" fn(*mut Context, *const Word, *mut Bytes) -> i32,
    /// As `get_text`, for strings, bytes and buffers.
    pub get_bytes: unsafe extern "C" fn(*mut Context, *const Word, *mut Bytes) -> i32,
    /// The text of a symbol, a keyword (without its colon) or a path. Stays for ever.
    pub get_name: unsafe extern "C" fn(*mut Context, Word, *mut Bytes) -> i32,
    /// Number of elements of a list, array or record instance, of pairs of a map or table, of bytes of bytes
    /// or a buffer, of code points of a string.
    pub length: unsafe extern "C" fn(*mut Context, Word, *mut usize) -> i32,
    /// Element of a list, array or record instance.
    pub list_at: unsafe extern "C" fn(*mut Context, Word, usize, *mut Word) -> i32,
    /// Copies that many elements from the start of a list, array or record instance that has as many.
    pub list_items: unsafe extern "C" fn(*mut Context, Word, *mut Word, usize) -> i32,
    /// Value at a key of a map or table, or a field of an error value such as `:code`.
    pub map_get: unsafe extern "C" fn(*mut Context, Word, Word, *mut Word) -> i32,
    /// Copies that many keys and values in turn, in insertion order, from the start of a map or table that
    /// has as many.
    pub map_pairs: unsafe extern "C" fn(*mut Context, Word, *mut Word, usize) -> i32,
    /// What a quoted value, datum, aberrant or box holds.
    pub inner: unsafe extern "C" fn(*mut Context, Word, *mut Word) -> i32,
    /// Full name of the record type of an instance.
    pub instance_name: unsafe extern "C" fn(*mut Context, Word, *mut Bytes) -> i32,
    /// Whether the value can be called.
    pub callable: unsafe extern "C" fn(*mut Context, Word) -> i32,
    /// The text that `print` shows: strings as they are, everything else as it reads back. Answers a string.
    pub display: unsafe extern "C" fn(*mut Context, Word) -> Word,
    /// The text that reads back as the value. Answers a string.
    pub repr: unsafe extern "C" fn(*mut Context, Word) -> Word,
    /// Whether two values are deeply equal, as `eq` has it.
    pub equal: unsafe extern "C" fn(*mut Context, Word, Word) -> i32,
    /// Data of a resource of that type, or null. Stays until the resource is collected, which is not before
    /// return.
    pub get_resource: unsafe extern "C" fn(*mut Context, Word, *const ResourceType) -> *mut c_void,

    // ---- making values; each answers `word::THROW` when memory or a limit does not allow it ----
    /// An int.
    pub new_int: unsafe extern "C" fn(*mut Context, i64) -> Word,
    /// A real.
    pub new_real: unsafe extern "C" fn(*mut Context, f64) -> Word,
    /// A string; bytes that are no UTF-8 raise `str/utf8`.
    pub new_text: unsafe extern "C" fn(*mut Context, Bytes) -> Word,
    /// Bytes.
    pub new_bytes: unsafe extern "C" fn(*mut Context, Bytes) -> Word,
    /// A symbol.
    pub new_symbol: unsafe extern "C" fn(*mut Context, Bytes) -> Word,
    /// A keyword; the text is without the colon.
    pub new_keyword: unsafe extern "C" fn(*mut Context, Bytes) -> Word,
    /// A path; the text has a colon inside.
    pub new_path: unsafe extern "C" fn(*mut Context, Bytes) -> Word,
    /// A list of that `ListKind` with those elements.
    pub new_list: unsafe extern "C" fn(*mut Context, u32, *const Word, usize) -> Word,
    /// A map of that many pairs, key and value in turn; of equal keys the last value counts.
    pub new_map: unsafe extern "C" fn(*mut Context, *const Word, usize) -> Word,
    /// An error value that is not raised: code, message, data (nil for none).
    pub new_error: unsafe extern "C" fn(*mut Context, *const c_char, Bytes, Word) -> Word,
    /// A resource. The host owns the data from now on, also when it answers `word::THROW`.
    pub new_resource: unsafe extern "C" fn(*mut Context, *const ResourceType, *mut c_void) -> Word,

    // ---- wire form ----
    /// The canonical binary form of a storable value, until the call returns; 0 after raising for other
    /// values.
    pub encode: unsafe extern "C" fn(*mut Context, Word, *mut Bytes) -> i32,
    /// The value of its binary form; raises for bytes that are none.
    pub decode: unsafe extern "C" fn(*mut Context, Bytes) -> Word,

    // ---- later ----
    /// From any thread: has the isolate of a pinned function call it, in a fiber of its own, with the arguments of a list in
    /// wire form. What it answers or raises settles the promise, unless that is 0. 0 when the pin or its isolate is gone or too
    /// much is posted to it; the promise is left as it is then.
    pub post: unsafe extern "C" fn(Ref, Bytes, Promise) -> i32,
    /// From any thread: as `log`, for the kernel of that name.
    pub log_as: unsafe extern "C" fn(*const c_char, i32, Bytes),
    /// Asks the machine to call a function in the primitive's place and to go on with what it answers or raises; the function
    /// may wait for as long as it likes. Answers `word::THROW`, which the primitive, flagged `ASYNC`, returns at once. The data
    /// is freed in every case.
    pub call_then:
        unsafe extern "C" fn(*mut Context, Word, u32, *const Word, Continue, Drop, *mut c_void) -> Word,
}
