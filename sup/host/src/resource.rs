//! A kernel's resource in the machine's heap: data behind a pointer, with the functions that its type names.
#![allow(unsafe_code)]

use crate::hold::Hold;
use crate::kernel::Kernel;
use std::any::Any;
use std::ffi::{CStr, c_void};
use sup_abi::kernel::ResourceType;
use sup_vm::heap::ResourceObject;

/// Data that a kernel handed over.
pub struct KernelResource {
    record: *const ResourceType,
    data: *mut c_void,
    /// Keeps the kernel's state until its last resource is gone.
    kernel: Option<Hold>,
}

impl KernelResource {
    /// Takes data over.
    ///
    /// # Safety
    /// `record` must be a type that lives as long as the process, and `data` of that type and nobody else's
    /// any more.
    pub unsafe fn new(
        record: *const ResourceType,
        data: *mut c_void,
        kernel: Option<Hold>,
    ) -> KernelResource {
        KernelResource { record, data, kernel }
    }

    /// The data, if it is of that type, or of the type of that name and version in another generation of the same kernel.
    ///
    /// # Safety
    /// `wanted` must be null or a type that lives as long as the process.
    pub unsafe fn data_of(&self, wanted: *const ResourceType, asker: Option<&Kernel>) -> Option<*mut c_void> {
        if std::ptr::eq(self.record, wanted) {
            return Some(self.data);
        }
        let is_related = match (&self.kernel, asker) {
            (Some(owner), Some(asker)) => owner.name() == asker.name(),
            _ => false,
        };
        // SAFETY: the caller vouches for the pointer, and the handshake has read the names of a kernel's types.
        let wanted = unsafe { wanted.as_ref() }.filter(|_| is_related)?;
        let record = self.record();
        // SAFETY: as above.
        let is_same = record.version == wanted.version
            && unsafe { CStr::from_ptr(record.name) == CStr::from_ptr(wanted.name) };
        is_same.then_some(self.data)
    }

    fn record(&self) -> &ResourceType {
        // SAFETY: `new` was given a type that lives as long as the process.
        unsafe { &*self.record }
    }
}

impl ResourceObject for KernelResource {
    fn type_name(&self) -> &str {
        // SAFETY: the handshake has read the name of every type as a C string.
        unsafe { CStr::from_ptr(self.record().name) }
            .to_str()
            .unwrap_or("resource")
    }

    fn extra_bytes(&self) -> usize {
        // SAFETY: the function is of the data's type, and the data was not freed.
        self.record()
            .extra_memory
            .map_or(0, |extra_memory| unsafe { extra_memory(self.data) })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for KernelResource {
    fn drop(&mut self) {
        if let Some(free) = self.record().drop {
            // SAFETY: the function is of the data's type, and this is the only call of it.
            unsafe { free(self.data) };
        }
    }
}
