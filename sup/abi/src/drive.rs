//! `sup.isolate/1` and `sup.fiber/1`: a kernel makes isolates and drives functions of the program on threads of its own,
//! each as a fiber that is polled as a Rust future is.

use crate::kernel::{Bytes, Context, Ref};
use crate::word::Word;
use core::ffi::{c_char, c_void};

/// Name of `Isolates`.
pub const ISOLATE: &str = "sup.isolate/1";
/// Name of `Fibers`.
pub const FIBER: &str = "sup.fiber/1";

/// An isolate that a kernel drives. Good on its own thread, until `Drive` returns.
#[repr(C)]
pub struct Isolate {
    _opaque: [u8; 0],
}

/// A function in one driven isolate; 0 is none.
pub type Handler = u64;
/// A fiber of one driven isolate, never given out twice in it; 0 is none.
pub type FiberToken = u64;

/// What is called when something is worth polling again, as a `RawWaker` of Rust is: two words and functions for them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Waker {
    /// Whatever its functions want.
    pub data: *const c_void,
    /// Whatever its functions want.
    pub more: *const c_void,
    /// Its functions; lives as long as the process.
    pub table: *const WakerTable,
}

/// The functions of a waker. Any thread may call them, while it holds locks of the host's: they take notice and return.
#[repr(C)]
pub struct WakerTable {
    /// Size of this struct.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Another one that wakes the same, to be dropped by itself.
    pub clone: unsafe extern "C" fn(*const c_void, *const c_void) -> Waker,
    /// Wakes; may be called any number of times, and uses nothing up.
    pub wake: unsafe extern "C" fn(*const c_void, *const c_void),
    /// Frees a clone, once.
    pub drop: unsafe extern "C" fn(*const c_void, *const c_void),
}

/// Drives an isolate; its thread is the kernel's until this returns.
pub type Drive = unsafe extern "C" fn(*mut Isolate, *mut c_void);
/// Runs with a context, between fibers.
pub type Enter = unsafe extern "C" fn(*mut Context, *mut c_void);
/// Writes at most so many arguments and answers how many; -1 after raising.
pub type MakeArguments = unsafe extern "C" fn(*mut Context, *mut Word, u32, *mut c_void) -> i32;
/// Is shown the answer of a fiber, or with 1 its error value.
pub type VisitAnswer = unsafe extern "C" fn(*mut Context, Word, i32, *mut c_void);

/// What a driven isolate gets; 0 and null stand for what the isolate has that starts it, which is also the most.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IsolateOptions {
    /// Size of this struct.
    pub size: u32,
    /// Fibers alive at once.
    pub n_fibers: u32,
    /// Its heap, in bytes.
    pub memory_bytes: u64,
    /// The most fuel that one of its fibers gets.
    pub fuel: u64,
    /// The longest that one of its fibers may take, in milliseconds.
    pub deadline_ms: u64,
    /// Names of its grants, such as `net`; a null ends them.
    pub grants: *const *const c_char,
}

/// Limits of a fiber and of those that it spawns, together; 0 stands for the isolate's.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct FiberLimits {
    /// Size of this struct.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Calls and turns of loops.
    pub fuel: u64,
    /// Nanoseconds from its start on.
    pub deadline_ns: u64,
    /// What it may keep alive, in bytes.
    pub memory_bytes: u64,
}

/// What a driven isolate uses.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Usage {
    /// Size of this struct.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Bytes that count against its quota.
    pub heap_bytes: u64,
    /// Fibers alive, those that the kernel has started and those that they have spawned.
    pub n_fibers: u64,
    /// Fibers that the kernel has started and not taken.
    pub n_driven: u64,
}

/// Of `Isolates::poll`: nothing is to be done until the waker is woken.
pub const IDLE: i32 = 0;
/// Of `Isolates::poll`: there is more to do, and the waker was woken.
pub const MORE: i32 = 1;
/// Of `Isolates::poll`: the isolate is to end; its fibers end with `vm/interrupted`.
pub const STOPPED: i32 = 2;
/// Of `Isolates::poll`: a newer generation of the driving kernel waits until `Drive` returns.
pub const REPLACED: i32 = 4;

/// Of `Fibers::poll`: the waker will be woken.
pub const PENDING: i32 = 0;
/// Of `Fibers::poll`: it has ended.
pub const DONE: i32 = 1;
/// Of `Fibers::poll`: there is no such fiber.
pub const UNKNOWN: i32 = -1;

/// Fewest arguments that `MakeArguments` is given room for.
pub const MIN_ARGUMENTS: u32 = 8;

/// `sup.isolate/1`.
#[repr(C)]
pub struct Isolates {
    /// Size of this struct.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Starts an isolate with the caller's code, values and kernels, on a thread of its own that the function drives. Answers
    /// the handle that programs `await` (nil when it was driven to its end) and may cancel. The data is freed once, in every
    /// case, after the function has returned.
    pub start: unsafe extern "C" fn(
        *mut Context,
        *const IsolateOptions,
        Drive,
        unsafe extern "C" fn(*mut c_void),
        *mut c_void,
    ) -> Word,
    /// Copies a value, functions included, so that every isolate of the program may have it. 0 after raising
    /// `isolate/not-sendable`. `Host::unpin` lets go of it.
    pub share: unsafe extern "C" fn(*mut Context, Word) -> Ref,
    /// The function behind a shared value; 0 when it is none.
    pub handler: unsafe extern "C" fn(*mut Isolate, Ref) -> Handler,
    /// The function that a module variable `module/name` holds; 0 when it holds none.
    pub handler_named: unsafe extern "C" fn(*mut Isolate, Bytes) -> Handler,
    /// Lets go of a function. Fibers that run it go on.
    pub drop_handler: unsafe extern "C" fn(*mut Isolate, Handler),
    /// Does what has come up between fibers: letters, fibers that handlers have spawned, deadlines of fibers that wait, new
    /// generations of kernels. Bits of `MORE`, `STOPPED`, `REPLACED`.
    pub poll: unsafe extern "C" fn(*mut Isolate, *const Waker) -> i32,
    /// Runs something with a context, in which values are made and read. 1, or 0 when this is not the time.
    pub enter: unsafe extern "C" fn(*mut Isolate, Enter, *mut c_void) -> i32,
    /// Gives back the memory that is not needed while there is nothing to do.
    pub rest: unsafe extern "C" fn(*mut Isolate),
    /// What it uses. 1, or 0 when this is not the time.
    pub usage: unsafe extern "C" fn(*mut Isolate, *mut Usage) -> i32,
}

/// `sup.fiber/1`; everything on the driving thread.
#[repr(C)]
pub struct Fibers {
    /// Size of this struct.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// A fiber that will call a function. It runs when it is polled. One that cannot begin has ended with the error that says
    /// why; 0 only for misuse.
    pub start: unsafe extern "C" fn(
        *mut Isolate,
        Handler,
        *const FiberLimits,
        MakeArguments,
        *mut c_void,
    ) -> FiberToken,
    /// Runs a fiber for at most a slice. `PENDING`, `DONE` or `UNKNOWN`.
    pub poll: unsafe extern "C" fn(*mut Isolate, FiberToken, *const Waker) -> i32,
    /// Shows how a fiber has ended, and forgets it. 1, or 0 when it has not ended.
    pub take: unsafe extern "C" fn(*mut Isolate, FiberToken, VisitAnswer, *mut c_void) -> i32,
    /// Has a fiber raise `fiber/cancelled`, which no handler takes, when it is next polled, and wakes it. 1, or 0 when it is
    /// unknown or has ended.
    pub cancel: unsafe extern "C" fn(*mut Isolate, FiberToken) -> i32,
    /// Forgets a fiber, which does not run again.
    pub drop: unsafe extern "C" fn(*mut Isolate, FiberToken),
}
