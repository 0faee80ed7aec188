//! State of a kernel: one for each loaded generation, shared by all isolates, handed over when a new
//! generation is loaded.
#![allow(unsafe_code)]

use crate::entry;
use crate::error::{Error, Result};
use std::any::TypeId;
use std::ffi::c_void;
use std::time::Duration;
use sup_abi::host::Host;
use sup_abi::kernel::{Bytes, Put};

/// What a kernel keeps between calls. Dropped after its last primitive has returned.
pub trait State: Send + Sync + 'static {
    /// Version of what `save` writes.
    const VERSION: u32 = 0;

    /// Makes the state of a new generation; what the earlier one saved comes with its version.
    ///
    /// # Errors
    /// When the kernel cannot work; it is then not loaded.
    fn load(saved: Option<(u32, &[u8])>) -> Result<Self>
    where
        Self: Sized;

    /// What the next generation gets.
    ///
    /// # Errors
    /// When nothing can be handed over; the next generation is then not loaded.
    fn save(&self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    /// Ends threads and refuses new work, within that time.
    ///
    /// # Errors
    /// When something does not end; it is waited for again later.
    fn quiesce(&self, within: Duration) -> Result<()> {
        let _ = within;
        Ok(())
    }
}

/// No state.
impl State for () {
    fn load(_saved: Option<(u32, &[u8])>) -> Result<()> {
        Ok(())
    }
}

/// How state is kept behind the host's pointer: the id first, so that it can be looked at whatever the type.
#[repr(C)]
pub(crate) struct Holder<S> {
    pub(crate) type_id: TypeId,
    pub(crate) state: S,
}

/// Runs `State::load` for the host.
///
/// # Safety
/// The host calls this as `Kernel::load`.
pub unsafe extern "C" fn load<S: State>(
    host: *const Host,
    old_version: u32,
    old_state: Bytes,
    state: *mut *mut c_void,
    message: *mut Bytes,
) -> i32 {
    crate::host::set(host);
    // SAFETY: the host keeps the bytes for the call.
    let old = unsafe { old_state.as_slice() };
    let saved = (!old_state.data.is_null()).then_some((old_version, old));
    let loaded = entry::contain("loading", || S::load(saved));
    match loaded.unwrap_or_else(|| {
        Err(Error::new(
            "kernel/panic",
            "the kernel panicked while it was loaded",
        ))
    }) {
        Ok(loaded) => {
            let holder = Box::new(Holder {
                type_id: TypeId::of::<S>(),
                state: loaded,
            });
            // SAFETY: the host passes a place for the state.
            unsafe { *state = Box::into_raw(holder).cast() };
            0
        }
        Err(error) => {
            let text: &'static str = Box::leak(error.to_string().into_boxed_str());
            // SAFETY: the host passes a place for the message, which is leaked so that it stays readable.
            unsafe { *message = Bytes::of(text.as_bytes()) };
            1
        }
    }
}

/// Runs `State::save` for the host.
///
/// # Safety
/// The host calls this as `Kernel::save` with what `load` made.
pub unsafe extern "C" fn save<S: State>(state: *mut c_void, put: Put, writer: *mut c_void) -> i32 {
    // SAFETY: `load` made the pointer of a `Holder<S>`.
    let holder = unsafe { &*state.cast::<Holder<S>>() };
    match entry::contain("saving", || holder.state.save()) {
        // SAFETY: the host's writer takes bytes for the time of the call.
        Some(Ok(saved)) => unsafe { put(writer, Bytes::of(&saved)) },
        _ => 1,
    }
}

/// Runs `State::quiesce` for the host.
///
/// # Safety
/// The host calls this as `Kernel::quiesce` with what `load` made.
pub unsafe extern "C" fn quiesce<S: State>(state: *mut c_void, deadline_ns: u64) -> i32 {
    // SAFETY: `load` made the pointer of a `Holder<S>`.
    let holder = unsafe { &*state.cast::<Holder<S>>() };
    let done = entry::contain("quiescing", || {
        holder.state.quiesce(Duration::from_nanos(deadline_ns))
    });
    i32::from(!matches!(done, Some(Ok(()))))
}

/// Drops the state for the host.
///
/// # Safety
/// The host calls this as `Kernel::unload`, once, with what `load` made, after the last primitive has
/// returned.
pub unsafe extern "C" fn unload<S: State>(state: *mut c_void) {
    if state.is_null() {
        return;
    }
    // SAFETY: `load` made the pointer of a boxed `Holder<S>`, and the host calls this once.
    let holder = unsafe { Box::from_raw(state.cast::<Holder<S>>()) };
    entry::contain("unloading", || drop(holder));
}
