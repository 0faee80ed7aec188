//! Resources: Rust data that programs hold by a handle, dropped when the machine finds nothing holding it.
#![allow(unsafe_code)]

use crate::entry;
use std::ffi::{CStr, c_void};
use sup_abi::kernel::ResourceType;

/// Data behind a handle. It is used by one thread at a time and may be dropped on another.
pub trait Resource: Send + 'static {
    /// Name of the type, for messages.
    const NAME: &'static CStr;
    /// Version of the data, compared when it is handed over to another generation of the kernel.
    const VERSION: u32 = 1;

    /// Whether a newer generation of the kernel takes data of the same version over, so that the older one can end while it
    /// is still open. Both must be built so that the type has the same layout, and with the system's allocator.
    const TAKEN_OVER: bool = false;

    /// What it shows of itself in texts: `#<resource name TEXT>`. At most 256 bytes.
    fn to_text(&self) -> Option<String> {
        None
    }

    /// Bytes held outside the heap, for the memory quota.
    fn extra_memory(&self) -> usize {
        0
    }
}

/// A resource type that `kernel!` was told of under `resources`, which gives it its identity.
pub trait ResourceKind: Resource {
    /// The record that the host knows the type by.
    fn type_record() -> &'static TypeRecord;
}

/// What the host knows of a resource type; its address is the type's identity.
#[repr(transparent)]
pub struct TypeRecord(ResourceType);

// SAFETY: the record holds pointers to constants and functions only, and is never written.
unsafe impl Sync for TypeRecord {}

impl TypeRecord {
    /// The record of a type.
    #[must_use]
    pub const fn of<R: Resource>() -> TypeRecord {
        TypeRecord(ResourceType {
            size: size_of::<ResourceType>() as u32,
            version: R::VERSION,
            name: R::NAME.as_ptr(),
            drop: Some(drop_data::<R>),
            extra_memory: Some(extra_memory::<R>),
            to_text: Some(to_text::<R>),
            takeover: if R::TAKEN_OVER { Some(takeover::<R>) } else { None },
        })
    }
}

unsafe extern "C" fn drop_data<R: Resource>(data: *mut c_void) {
    // SAFETY: the host calls this once for each pointer that `Context::resource::<R>` made of a box.
    let resource = unsafe { Box::from_raw(data.cast::<R>()) };
    entry::contain("dropping a resource", || drop(resource));
}

unsafe extern "C" fn to_text<R: Resource>(data: *mut c_void, out: *mut u8, room: usize) -> usize {
    // SAFETY: the host calls this with data that was not dropped yet.
    let resource = unsafe { &*data.cast::<R>() };
    let text = entry::contain("showing a resource", || resource.to_text())
        .flatten()
        .unwrap_or_default();
    let n = text.floor_char_boundary(room);
    // SAFETY: the host has room for that many bytes, and the text has as many.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), out, n) };
    n
}

unsafe extern "C" fn takeover<R: Resource>(data: *mut c_void, old_version: u32) -> *mut c_void {
    if old_version == R::VERSION {
        data
    } else {
        std::ptr::null_mut()
    }
}

unsafe extern "C" fn extra_memory<R: Resource>(data: *mut c_void) -> usize {
    // SAFETY: the host calls this with data that was not dropped yet.
    let resource = unsafe { &*data.cast::<R>() };
    entry::contain("measuring a resource", || resource.extra_memory()).unwrap_or(0)
}
