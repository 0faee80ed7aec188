//! A kernel that was loaded: what it offers, and its state. One for each loaded generation, shared by all
//! isolates.
#![allow(unsafe_code)]

use crate::error::LoadError;
use crate::handshake::Contents;
use crate::hold::Usage;
use crate::life::{Duty, Life, Stage};
use crate::resource::Record;
use crate::table;
use std::ffi::{CStr, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;
use sup_abi::capability;
use sup_abi::host::Host;
use sup_abi::kernel::{self as abi, Bytes, Function, flags};
use sup_abi::signature::Signature;

/// A primitive of a kernel.
#[derive(Clone, Debug)]
pub struct PrimitiveInfo {
    /// Its name in the kernel.
    pub name: String,
    /// Parameters and result as the kernel writes them.
    pub signature_text: String,
    /// The same, read.
    pub signature: Signature,
    /// What `(doc name)` shows.
    pub doc: String,
    /// Bits of `sup_abi::kernel::flags`.
    pub flags: u32,
    /// Id of `sup_abi::intrinsic`, 0 for none.
    pub intrinsic: u32,
    /// What it says of `sup_abi::capability`, 0 when nothing.
    pub capabilities: u32,
    /// Its code.
    pub function: Function,
}

impl PrimitiveInfo {
    /// Whether a flag is set.
    #[must_use]
    pub const fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// The capabilities that an isolate must have for it.
    #[must_use]
    pub const fn needed(&self) -> u32 {
        capability::needed(self.capabilities, self.has(flags::PURE))
    }

    /// Whether its name is visible without the kernel's name.
    #[must_use]
    pub const fn is_everyday(&self) -> bool {
        self.has(flags::EVERYDAY)
    }
}

/// A loaded generation of a kernel. It serves until another takes its place, drains while something holds it, and ends
/// when the last holder lets go.
pub struct Kernel {
    generation: AtomicU64,
    life: Life,
    usage: Usage,
    contents: Contents,
    table: *const abi::Kernel,
    state: *mut c_void,
    gate: Gate,
}

// SAFETY: the table is never written after `load`; the state is used through primitives, which either say
// that they may run on several threads or are let in one at a time.
unsafe impl Send for Kernel {}
// SAFETY: as above.
unsafe impl Sync for Kernel {}

/// Lets one thread at a time into primitives that may not run on several. A call back into the program opens
/// it meanwhile, so that kernels which call each other cannot wait for one another.
#[derive(Default)]
pub(crate) struct Gate {
    taken: Mutex<bool>,
    left: Condvar,
}

impl Gate {
    /// Waits until nobody is inside, and goes in.
    pub(crate) fn enter(&self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            taken = self.left.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken = true;
    }

    /// Goes out.
    pub(crate) fn leave(&self) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.left.notify_one();
    }
}

impl Kernel {
    /// Lets a checked kernel make its state, from what the generation before has saved when there is one.
    ///
    /// # Errors
    /// `LoadError::Refused` with what the kernel says; `LoadError::Save` when the generation before does not hand over.
    ///
    /// # Safety
    /// `table` must be what the contents were copied from.
    pub(crate) unsafe fn load(
        table: *const abi::Kernel,
        contents: Contents,
        host: &'static Host,
        before: Option<&Kernel>,
    ) -> Result<Kernel, LoadError> {
        let saved = before.map(Kernel::save).transpose()?.flatten();
        // No bytes at all say that there was no generation before.
        let (version, saved) = match &saved {
            Some((version, bytes)) => (*version, Bytes::of(bytes)),
            None => (0, Bytes::EMPTY),
        };
        let (mut state, mut message) = (std::ptr::null_mut(), Bytes::EMPTY);
        // SAFETY: the caller vouches for the table.
        if let Some(load) = unsafe { (*table).load } {
            // SAFETY: `load` gets places to write to, and is called once before any primitive.
            let failed = unsafe { load(host, version, saved, &raw mut state, &raw mut message) };
            if failed != 0 {
                // SAFETY: a kernel's message stays readable.
                let message = String::from_utf8_lossy(unsafe { message.as_slice() })
                    .chars()
                    .take(500)
                    .collect();
                return Err(LoadError::Refused { message });
            }
        }
        Ok(Kernel {
            generation: AtomicU64::new(before.map_or(1, |before| before.generation() + 1)),
            life: Life::serving(),
            usage: Usage::default(),
            contents,
            table,
            state,
            gate: Gate::default(),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.contents.name
    }

    /// Number of its loading: 1, and one more with each swap.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Numbers a generation that nobody has seen yet.
    pub(crate) fn number(&self, generation: u64) {
        self.generation.store(generation, Ordering::Relaxed);
    }

    /// Where it stands between being loaded and its state being gone.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.life.stage()
    }

    /// Who holds it.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    pub(crate) const fn life(&self) -> &Life {
        &self.life
    }

    /// Lets no isolate in any more. It ends now if nobody holds it, and else with its last holder.
    pub(crate) fn drain(&self) {
        self.obey(self.life.drain());
    }

    /// Ends if that is the caller's duty.
    pub(crate) fn obey(&self, duty: Duty) {
        if duty == Duty::End {
            self.end();
            self.life.retire();
        }
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.contents.version
    }

    /// Extensions that it needs.
    #[must_use]
    pub fn needs(&self) -> &[String] {
        &self.contents.needs
    }

    /// Its primitives.
    #[must_use]
    pub fn primitives(&self) -> &[PrimitiveInfo] {
        &self.contents.primitives
    }

    /// Names of its resource types.
    #[must_use]
    pub fn types(&self) -> &[String] {
        &self.contents.types
    }

    /// Its resource type of that name.
    pub(crate) fn type_named(&self, name: &CStr) -> Option<Record> {
        // SAFETY: the handshake has looked at that many types, which live as long as the process.
        let records = unsafe {
            let (types, n) = ((*self.table).types, (*self.table).n_types as usize);
            if n == 0 {
                &[]
            } else {
                std::slice::from_raw_parts(types, n)
            }
        };
        // SAFETY: as above.
        let mut records = records.iter().map(|record| unsafe { Record::new(*record) });
        records.find(|record| record.name() == name)
    }

    /// What its `load` made.
    pub(crate) const fn state(&self) -> *mut c_void {
        self.state
    }

    /// Whether any of its primitives may not run on several threads.
    pub(crate) fn is_gated(&self) -> bool {
        self.primitives()
            .iter()
            .any(|primitive| !primitive.has(flags::MT))
    }

    /// What lets one thread at a time in.
    pub(crate) const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What it saves for the next generation, with the version of that; nothing when it hands nothing over.
    fn save(&self) -> Result<Option<(u32, Vec<u8>)>, LoadError> {
        // SAFETY: the table outlives the process.
        let Some(save) = (unsafe { (*self.table).save }) else {
            return Ok(None);
        };
        let mut saved = Vec::new();
        let is_gated = self.is_gated();
        if is_gated {
            self.gate.enter();
        }
        // SAFETY: the state is what `load` made, and `put` gets the vector that it expects.
        let failed = unsafe { save(self.state, put, (&raw mut saved).cast()) };
        if is_gated {
            self.gate.leave();
        }
        if failed != 0 {
            return Err(LoadError::Save {
                version: self.version().to_owned(),
            });
        }
        Ok(Some((self.contents.state_version, saved)))
    }

    /// Tells the kernel to end its threads and refuse new work. Whether it did, in time.
    pub fn quiesce(&self, within: Duration) -> bool {
        let deadline = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
        // SAFETY: the table outlives the process, and the state is what `load` made.
        unsafe {
            (*self.table)
                .quiesce
                .is_none_or(|quiesce| quiesce(self.state, deadline) == 0)
        }
    }
}

/// Most bytes that a kernel saves for its next generation.
const MAX_SAVED_BYTES: usize = 256 << 20;

/// Takes bytes that a kernel saves; not 0 when they are too many.
unsafe extern "C" fn put(saved: *mut c_void, bytes: Bytes) -> i32 {
    // SAFETY: `save` passes its vector on, and kernels pass bytes that live through the call.
    let (saved, bytes) = unsafe { (&mut *saved.cast::<Vec<u8>>(), bytes.as_slice()) };
    if bytes.len() > MAX_SAVED_BYTES - saved.len() {
        return 1;
    }
    saved.extend_from_slice(bytes);
    0
}

/// How long a kernel that nobody uses any more may take to end its threads.
const LAST_QUIESCE: Duration = Duration::from_secs(1);

impl Kernel {
    /// Takes the state down. Called once, by whoever was told to.
    fn end(&self) {
        if !self.quiesce(LAST_QUIESCE) {
            // Its threads still use its state, so that stays.
            let name = self.name();
            table::write_log(
                2,
                &format!("kernel {name} does not end its threads; its state is kept"),
            );
            return;
        }
        // A library is never closed: once it has registered a destructor of thread-local data, closing does
        // nothing or crashes.
        // SAFETY: the last user of this generation is gone, so no primitive runs; the state is what `load`
        // made.
        unsafe {
            if let Some(unload) = (*self.table).unload {
                unload(self.state);
            }
        }
    }
}

impl Drop for Kernel {
    /// One that was never replaced ends with the last that has a pointer to it.
    fn drop(&mut self) {
        if matches!(self.life.stage(), Stage::Serving | Stage::Draining) {
            self.end();
        }
    }
}
