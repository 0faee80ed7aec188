//! What an isolate has used so far, in figures.

use crate::vm::Vm;

/// Figures of an isolate since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Calls and turns of loops.
    pub fuel: u64,
    /// Fibers started; every form at the top of a source is one.
    pub fibers: u64,
    /// Bytes allocated in the heap.
    pub allocated_bytes: u64,
    /// Bytes of survivors that collections of the nursery copied.
    pub copied_bytes: u64,
    /// Most bytes that the heap held behind its nursery, as collections and the end saw it.
    pub peak_heap_bytes: u64,
    /// Collections of the nursery.
    pub minor_collections: u64,
    /// Collections of everything.
    pub major_collections: u64,
    /// Longest stop for a collection, in nanoseconds.
    pub longest_pause_ns: u64,
    /// Sum of all stops, in nanoseconds.
    pub pause_ns: u64,
}

impl Statistics {
    /// What was used since an earlier look. The longest stop and the peak are those of all the time.
    #[must_use]
    pub fn since(&self, before: &Statistics) -> Statistics {
        Statistics {
            fuel: self.fuel - before.fuel,
            fibers: self.fibers - before.fibers,
            allocated_bytes: self.allocated_bytes - before.allocated_bytes,
            copied_bytes: self.copied_bytes - before.copied_bytes,
            minor_collections: self.minor_collections - before.minor_collections,
            major_collections: self.major_collections - before.major_collections,
            pause_ns: self.pause_ns - before.pause_ns,
            ..*self
        }
    }
}

impl Vm {
    /// What this isolate has used so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let heap = self.heap.stats();
        let in_nursery = self.heap.next as u64 - self.heap.nursery.start() as u64;
        Statistics {
            fuel: self.fuel_used(),
            fibers: self.fibers.n_started,
            allocated_bytes: heap.nursery_bytes + heap.direct_bytes + in_nursery,
            copied_bytes: heap.copied_words * 8,
            peak_heap_bytes: heap.peak_bytes.max(self.heap.used_bytes()) as u64,
            minor_collections: heap.minor,
            major_collections: heap.major,
            longest_pause_ns: heap.longest_pause_ns,
            pause_ns: heap.pause_ns,
        }
    }
}
