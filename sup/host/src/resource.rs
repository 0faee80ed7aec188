//! A kernel's resource in the machine's heap: data behind a pointer, with the functions that its type names.
#![allow(unsafe_code)]

use crate::hold::{Hold, Sort};
use crate::kernel::Kernel;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_void};
use std::mem::offset_of;
use sup_abi::kernel::ResourceType;
use sup_vm::heap::ResourceObject;

/// Longest text that a resource shows of itself, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// Data that a kernel handed over.
pub struct KernelResource {
    record: Cell<Record>,
    data: Cell<*mut c_void>,
    /// Keeps the kernel's state until its last resource is gone.
    kernel: RefCell<Option<Hold>>,
}

/// A kernel's record of a type, which lives as long as the process. A kernel that was built before fields were added to it has
/// a shorter one, so fields are read one by one.
#[derive(Clone, Copy)]
pub struct Record(*const ResourceType);

macro_rules! added {
    ($record:expr, $field:ident) => {{
        let record = $record.0;
        // SAFETY: the size lies in every record, and says whether the field does.
        unsafe {
            let end = offset_of!(ResourceType, $field) + size_of::<usize>();
            if ((&raw const (*record).size).read() as usize) < end {
                None
            } else {
                (&raw const (*record).$field).read()
            }
        }
    }};
}

impl Record {
    /// A record that the handshake has looked at.
    ///
    /// # Safety
    /// It lives as long as the process, and its size says how long it is.
    pub const unsafe fn new(record: *const ResourceType) -> Record {
        Record(record)
    }

    pub fn name(self) -> &'static CStr {
        // SAFETY: the handshake has read the name of every type as a C string.
        unsafe { CStr::from_ptr((&raw const (*self.0).name).read()) }
    }

    fn version(self) -> u32 {
        // SAFETY: every record has one.
        unsafe { (&raw const (*self.0).version).read() }
    }
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
        KernelResource {
            record: Cell::new(Record(record)),
            data: Cell::new(data),
            kernel: RefCell::new(kernel),
        }
    }

    /// The data, if it is of that type, or of the type of that name and version in another generation of the same kernel.
    ///
    /// # Safety
    /// `wanted` must be null or a type that lives as long as the process.
    pub unsafe fn data_of(&self, wanted: *const ResourceType, asker: Option<&Kernel>) -> Option<*mut c_void> {
        let record = self.record.get();
        if std::ptr::eq(record.0, wanted) {
            return Some(self.data.get());
        }
        let is_related = match (&*self.kernel.borrow(), asker) {
            (Some(owner), Some(asker)) => owner.name() == asker.name(),
            _ => false,
        };
        if !is_related || wanted.is_null() {
            return None;
        }
        let wanted = Record(wanted);
        let is_same = record.version() == wanted.version() && record.name() == wanted.name();
        is_same.then_some(self.data.get())
    }

    /// Hands the data to a newer generation of its kernel, if that takes it over. It does not hold the older one any more then.
    pub fn hand_over(&self, to: &Hold) {
        let is_older = self
            .kernel
            .borrow()
            .as_ref()
            .is_some_and(|own| own.name() == to.name() && own.generation() < to.generation());
        let own = self.record.get();
        let Some(record) = to.type_named(own.name()).filter(|_| is_older) else {
            return;
        };
        let Some(takeover) = added!(record, takeover) else {
            return;
        };
        // SAFETY: the function takes data of this name, in the version that it is told.
        let taken = unsafe { takeover(self.data.get(), own.version()) };
        if !taken.is_null() {
            self.data.set(taken);
            self.record.set(record);
            let before = self.kernel.borrow_mut().replace(to.beside(Sort::Resource));
            drop(before);
        }
    }
}

impl ResourceObject for KernelResource {
    fn type_name(&self) -> &str {
        self.record.get().name().to_str().unwrap_or("resource")
    }

    fn text(&self) -> Option<String> {
        let to_text = added!(self.record.get(), to_text)?;
        let mut text = [0; MAX_TEXT_BYTES];
        // SAFETY: the function is of the data's type, and writes at most as much as it is told.
        let n = unsafe { to_text(self.data.get(), text.as_mut_ptr(), text.len()) };
        let text = String::from_utf8_lossy(&text[..n.min(MAX_TEXT_BYTES)]).replace(char::is_control, " ");
        (!text.is_empty()).then_some(text)
    }

    fn extra_bytes(&self) -> usize {
        // SAFETY: the function is of the data's type, and the data was not freed.
        added!(self.record.get(), extra_memory)
            .map_or(0, |extra_memory| unsafe { extra_memory(self.data.get()) })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for KernelResource {
    fn drop(&mut self) {
        if let Some(free) = added!(self.record.get(), drop) {
            // SAFETY: the function is of the data's type, and this is the only call of it.
            unsafe { free(self.data.get()) };
        }
    }
}
