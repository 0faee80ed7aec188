//! Wakers of the wall as values that are cloned and dropped as Rust's are.
#![allow(unsafe_code)]

use crate::drive::Waker;
use core::ptr;

/// A waker that somebody else keeps.
#[derive(Clone, Copy)]
pub struct WakerRef<'a>(&'a Waker);

/// A waker of one's own.
pub struct OwnedWaker(Waker);

// SAFETY: the wall has it that any thread may call the functions of a waker.
unsafe impl Send for OwnedWaker {}
// SAFETY: as above.
unsafe impl Sync for OwnedWaker {}

impl<'a> WakerRef<'a> {
    /// A waker that lives through the call.
    ///
    /// # Safety
    /// The pointer is null, or that of a waker whose functions keep the wall's contract.
    #[must_use]
    pub const unsafe fn new(waker: *const Waker) -> Option<WakerRef<'a>> {
        // SAFETY: the caller says so.
        match unsafe { waker.as_ref() } {
            Some(waker) if !waker.table.is_null() => Some(WakerRef(waker)),
            _ => None,
        }
    }

    /// Wakes.
    pub fn wake(self) {
        // SAFETY: the table is that of this waker, which was not dropped.
        unsafe { ((*self.0.table).wake)(self.0.data, self.0.more) };
    }

    /// One to keep.
    #[must_use]
    pub fn to_owned(self) -> OwnedWaker {
        // SAFETY: as above.
        OwnedWaker(unsafe { ((*self.0.table).clone)(self.0.data, self.0.more) })
    }
}

impl OwnedWaker {
    /// Wakes.
    pub fn wake(&self) {
        if !self.0.table.is_null() {
            WakerRef(&self.0).wake();
        }
    }

    /// Whether both surely wake the same.
    #[must_use]
    pub fn will_wake(&self, other: WakerRef<'_>) -> bool {
        let (a, b) = (&self.0, other.0);
        a.data == b.data && a.more == b.more && ptr::eq(a.table, b.table)
    }
}

impl Drop for OwnedWaker {
    fn drop(&mut self) {
        if self.0.table.is_null() {
            return;
        }
        // SAFETY: this is a clone that was not dropped.
        unsafe { ((*self.0.table).drop)(self.0.data, self.0.more) };
    }
}
