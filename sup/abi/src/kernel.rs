//! What a kernel's library exports: one function that answers a table of primitives and resource types.
//!
//! Every struct here is append-only and starts with, or is accompanied by, its size.

use crate::host::Host;
use crate::word::Word;
use core::ffi::{c_char, c_void};

/// First word of every kernel table: the bytes `SUP1`.
pub const MAGIC: u32 = 0x3150_5553;
/// Major version of the wall; a kernel of another one is refused.
pub const ABI_MAJOR: u16 = 1;
/// Minor version of the wall; a kernel of a newer one is refused.
pub const ABI_MINOR: u16 = 0;
/// The only symbol that a kernel exports, as a C string.
pub const ENTRY_SYMBOL: &[u8] = b"sup_kernel_v1\0";

/// Largest number of primitives in one kernel.
pub const MAX_PRIMITIVES: u32 = 4096;
/// Largest number of resource types in one kernel.
pub const MAX_TYPES: u32 = 256;
/// Size of a resource type without the fields that were added later.
pub const MIN_TYPE_BYTES: usize = 32;
/// Largest number of extensions that one kernel may need.
pub const MAX_NEEDS: usize = 64;
/// Longest name of a kernel, primitive, resource type or extension, and longest version, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// Longest signature, in bytes.
pub const MAX_SIGNATURE_BYTES: usize = 4096;
/// Longest doc string of one primitive, in bytes.
pub const MAX_DOC_BYTES: usize = 16 * 1024;
/// Largest number of arguments that a primitive may require or name.
pub const MAX_ARGUMENTS: i16 = 200;

/// What a primitive promises and needs; the bits of `Primitive::flags`.
pub mod flags {
    /// Answers the same for the same arguments and touches nothing else.
    pub const PURE: u32 = 1;
    /// Makes no value but a number and calls nothing back: only `raise`, `new_int` and `new_real` of the
    /// host.
    pub const LEAF: u32 = 2;
    /// Works on the host's pool while its fiber is parked. Needs `ASYNC`.
    pub const BLOCKING: u32 = 4;
    /// May return `Host::wait`: the machine parks the fiber until a promise is settled.
    pub const ASYNC: u32 = 8;
    /// May run on several threads at once. Without it the host lets one thread at a time into the kernel.
    pub const MT: u32 = 16;
    /// Never raises.
    pub const NOTHROW: u32 = 32;
    /// Its name is visible without the kernel's name before it, as `+` is.
    pub const EVERYDAY: u32 = 64;
    /// Every flag there is; others are refused.
    pub const ALL: u32 = 127;

    /// Names of the flags, as declarations write them, by bit.
    pub const NAMES: [(u32, &str); 7] = [
        (PURE, "pure"),
        (LEAF, "leaf"),
        (BLOCKING, "blocking"),
        (ASYNC, "async"),
        (MT, "mt"),
        (NOTHROW, "nothrow"),
        (EVERYDAY, "everyday"),
    ];
}

/// One call of a primitive on one isolate's thread. Never kept after the call and never given to another
/// thread.
#[repr(C)]
pub struct Context {
    _opaque: [u8; 0],
    _not_send: core::marker::PhantomData<*mut u8>,
}

/// A value or function kept from collection until it is unpinned; may go to other threads.
pub type Ref = u64;
/// A write-once token for a result that comes later; may go to other threads. 0 is none.
pub type Promise = u64;
/// A place of the running call that keeps a value through `call`; dropped on return.
pub type Slot = u32;

/// Bytes that somebody else owns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// The first byte; may be null when there are none.
    pub data: *const u8,
    /// How many there are.
    pub len: usize,
}

impl Bytes {
    /// No bytes.
    pub const EMPTY: Bytes = Bytes {
        data: core::ptr::null(),
        len: 0,
    };

    /// The bytes of a slice, for as long as the slice lives.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Bytes {
        Bytes {
            data: bytes.as_ptr(),
            len: bytes.len(),
        }
    }

    /// The bytes as a slice; a null pointer gives none.
    ///
    /// # Safety
    /// `data` must be null or point at `len` bytes that stay as they are for `'a`.
    #[must_use]
    #[allow(unsafe_code)]
    pub const unsafe fn as_slice<'a>(self) -> &'a [u8] {
        if self.data.is_null() || self.len == 0 {
            return &[];
        }
        // SAFETY: the caller promises that `len` bytes are there and stay; null was answered above.
        unsafe { core::slice::from_raw_parts(self.data, self.len) }
    }
}

/// The code of a primitive. The arguments lie in the machine's registers, which the collector knows; they may
/// be read until the function returns or makes a `call`. After `Host::raise` it must answer `word::THROW`.
pub type Function = unsafe extern "C" fn(*mut Context, u32, *const Word) -> Word;

/// One primitive.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Primitive {
    /// Its name in the kernel, `add`.
    pub name: *const c_char,
    /// Parameters and result as `signature` reads them, `(a :int b :int) :int`.
    pub signature: *const c_char,
    /// What `(doc name)` shows.
    pub doc: *const c_char,
    /// Its code; null is refused.
    pub function: Option<Function>,
    /// Fewest arguments.
    pub min_args: i16,
    /// Most arguments, or -1 for any number.
    pub max_args: i16,
    /// Bits of `flags`.
    pub flags: u32,
    /// An id of `intrinsic`, or 0.
    pub intrinsic: u32,
    /// Bits of `capability`: what it reaches outside of its isolate. 0 says nothing, which a pure primitive may; any other
    /// one that does needs `capability::KERNEL`.
    pub capabilities: u32,
}

/// The type of a kernel's resources. Its address is its identity in one generation of a kernel; name and
/// version are compared when resources are handed over to the next.
#[repr(C)]
pub struct ResourceType {
    /// Size of this struct.
    pub size: u32,
    /// Version of the data behind the pointer.
    pub version: u32,
    /// Its name, `file`.
    pub name: *const c_char,
    /// Frees the data. Called once, on any thread.
    pub drop: Option<unsafe extern "C" fn(*mut c_void)>,
    /// Bytes held outside the heap, for the memory quota; null when that is nothing to speak of.
    pub extra_memory: Option<unsafe extern "C" fn(*mut c_void) -> usize>,
    /// Writes what the resource shows of itself in texts, in UTF-8, at most that many bytes, and answers how many: it is shown as
    /// `#<resource name TEXT>`. Calls no host function. May be null.
    pub to_text: Option<unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> usize>,
    /// Makes data of this type of what an older generation of the kernel has left under the same name, in the version that is
    /// told; the older generation is not asked to free it. Null refuses, and the resource stays as it is. Calls no host
    /// function. Null where resources of older generations stay theirs.
    pub takeover: Option<unsafe extern "C" fn(*mut c_void, u32) -> *mut c_void>,
}

/// Writes bytes somewhere; answers 0, or something else to stop.
pub type Put = unsafe extern "C" fn(*mut c_void, Bytes) -> i32;

/// What a library answers when it is asked for its kernel. Stays as it is for the life of the process.
#[repr(C)]
pub struct Kernel {
    /// `MAGIC`
    pub magic: u32,
    /// Size of this struct.
    pub size: u32,
    /// `ABI_MAJOR`
    pub abi_major: u16,
    /// `ABI_MINOR` of the header that it was built with.
    pub abi_minor: u16,
    /// `word::VALUE_LAYOUT`
    pub value_layout: u32,
    /// Its name, `[a-z][a-z0-9-]*`.
    pub name: *const c_char,
    /// Its version.
    pub version: *const c_char,
    /// Extensions without which it cannot work, ended by a null pointer; may be null.
    pub needs: *const *const c_char,
    /// Its primitives.
    pub primitives: *const Primitive,
    /// Its resource types; may be null when there are none.
    pub types: *const *const ResourceType,
    /// Number of primitives.
    pub n_primitives: u32,
    /// Number of resource types.
    pub n_types: u32,
    /// Size of one `Primitive`.
    pub primitive_size: u32,
    /// Version of what `save` writes.
    pub state_version: u32,
    /// 0; bits that the host does not know are refused.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// Makes the kernel's state: host, version and bytes that an earlier generation saved (0 and none at
    /// first), where the state goes, where a message goes that stays readable. 0 is success. Null when there
    /// is no state.
    pub load: Option<unsafe extern "C" fn(*const Host, u32, Bytes, *mut *mut c_void, *mut Bytes) -> i32>,
    /// Writes the state for the next generation. 0 is success. Null when there is nothing to hand over.
    pub save: Option<unsafe extern "C" fn(*mut c_void, Put, *mut c_void) -> i32>,
    /// Ends threads and refuses new work, by a deadline in nanoseconds from now. 0 is success.
    pub quiesce: Option<unsafe extern "C" fn(*mut c_void, u64) -> i32>,
    /// Frees the state; no primitive of this generation runs any more.
    pub unload: Option<unsafe extern "C" fn(*mut c_void)>,
}

/// The exported function.
pub type Entry = unsafe extern "C" fn(*const Host) -> *const Kernel;
