//! Host services that the runtime implements and kernels reach by name: tables of C functions, append-only
//! like all others.
//!
//! Each function takes the running call's context, so that the service acts for the isolate that calls and
//! under its grants.

use crate::kernel::{Bytes, Context};
use crate::word::Word;
use core::ffi::c_void;

/// Name of `Io`.
pub const IO: &str = "sup.io/1";
/// Name of `Store`.
pub const STORE: &str = "sup.store/1";
/// Name of `Files`.
pub const FILES: &str = "sup.files/1";

/// Standard output, for `Io::write`.
pub const STREAM_OUT: u32 = 1;
/// Standard error, for `Io::write`.
pub const STREAM_ERR: u32 = 2;

/// `sup.io/1`: the terminal, arguments and environment that the embedder gave. What was not granted raises
/// `capability/denied`.
#[repr(C)]
pub struct Io {
    /// Size of this struct.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Writes bytes to a stream; the host buffers. 1, or 0 after raising.
    pub write: unsafe extern "C" fn(*mut Context, u32, Bytes) -> i32,
    /// Hands on what is buffered. 1, or 0 after raising.
    pub flush: unsafe extern "C" fn(*mut Context, u32) -> i32,
    /// The next line of input without its end, nil at the end of input, or a promise of one of them.
    pub read_line: unsafe extern "C" fn(*mut Context) -> Word,
    /// List of the program's arguments.
    pub arguments: unsafe extern "C" fn(*mut Context) -> Word,
    /// Value of an environment variable, or nil.
    pub variable: unsafe extern "C" fn(*mut Context, Bytes) -> Word,
}

/// `sup.files/1`: which files the calling isolate may touch. Kernels open files themselves, and ask here
/// first.
#[repr(C)]
pub struct Files {
    /// Size of this struct.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Whether the isolate may read (1) or write (2) a path; relative ones resolve against the isolate's
    /// directory. Answers the resolved path as a string, or `word::THROW` after raising `capability/denied`.
    pub resolve: unsafe extern "C" fn(*mut Context, Bytes, u32) -> Word,
}

/// A path will be read, for `Files::resolve`.
pub const ACCESS_READ: u32 = 1;
/// A path will be written, made, renamed or removed, for `Files::resolve`.
pub const ACCESS_WRITE: u32 = 2;

/// A store that the calling isolate has open; good for that isolate.
pub type StoreHandle = u64;

/// How sure a write is before it is acknowledged: on the disk.
pub const DURABILITY_SYNC: u32 = 0;
/// How sure a write is before it is acknowledged: in the operating system's hands.
pub const DURABILITY_WAL: u32 = 1;
/// How sure a write is before it is acknowledged: in memory.
pub const DURABILITY_NONE: u32 = 2;

/// One write of a batch: a value, or its absence.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct StoreWrite {
    /// The key.
    pub key: Bytes,
    /// The value; not looked at when it is deleted.
    pub value: Bytes,
    /// 1 to delete, 0 to set.
    pub delete: u32,
    /// 0.
    pub reserved: u32,
}

/// What a scan calls with each key and value; answers 0 to go on, anything else to stop.
pub type StoreVisit = unsafe extern "C" fn(*mut c_void, Bytes, Bytes) -> i32;

/// `sup.store/1`: namespaces of keys and values, both bytes. Functions answer 1 for yes, 0 for no and -1
/// after raising. They act under the calling fiber's tenant and transaction.
#[repr(C)]
pub struct Store {
    /// Size of this struct.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Opens a namespace in memory by name, or finds the one that is open under it, whatever its kind.
    pub open_memory: unsafe extern "C" fn(*mut Context, Bytes, *mut StoreHandle) -> i32,
    /// Opens a namespace on disk: of the instance's store when the path is empty, else of a store at that
    /// path.
    pub open_disk: unsafe extern "C" fn(*mut Context, Bytes, Bytes, *mut StoreHandle) -> i32,
    /// Finds an open namespace: 1 found, 0 not.
    pub find: unsafe extern "C" fn(*mut Context, Bytes, *mut StoreHandle) -> i32,
    /// Reads: 1 found, 0 not. The bytes stay until the call returns.
    pub get: unsafe extern "C" fn(*mut Context, StoreHandle, Bytes, *mut Bytes) -> i32,
    /// Carries out that many writes, all or none, with that durability.
    pub write: unsafe extern "C" fn(*mut Context, StoreHandle, *const StoreWrite, usize, u32) -> i32,
    /// Sets a key to the last bytes if it holds those before (null `data` stands for absence in both): 1
    /// done, 0 it does not.
    pub replace: unsafe extern "C" fn(*mut Context, StoreHandle, Bytes, Bytes, Bytes, u32) -> i32,
    /// Visits keys in byte order: those that start with a prefix and come after a key (empty for all), at
    /// most so many.
    pub scan:
        unsafe extern "C" fn(*mut Context, StoreHandle, Bytes, Bytes, usize, StoreVisit, *mut c_void) -> i32,
}
