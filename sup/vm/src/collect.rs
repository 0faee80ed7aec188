//! The collector: nursery collections that copy survivors to the old space, and full collections that mark it.
#![allow(unsafe_code)]

use std::time::Instant;

use sup_abi::word::{Word, is_pointer};

use crate::heap::{Cursor, Heap, free_large};
use crate::object::{Header, Obj};
use crate::space::{BLOCK_WORDS, mark_lines};

/// Words that keep objects alive, as ranges of memory. The collector updates them in place.
#[derive(Default)]
pub struct Roots {
    ranges: Vec<(*mut Word, usize)>,
}

impl Roots {
    /// Adds `len` words from `start` on; they must stay where they are until the collection ends.
    pub fn add(&mut self, start: *mut Word, len: usize) {
        self.ranges.push((start, len));
    }

    fn each(&self, mut visit: impl FnMut(&mut Word)) {
        for (start, len) in &self.ranges {
            for index in 0..*len {
                // SAFETY: whoever added the range promised that it stays valid, and nothing else uses it meanwhile.
                visit(unsafe { &mut *start.add(index) });
            }
        }
    }
}

/// Free blocks that are kept ready after a full collection, before memory is given back.
const SPARE_BLOCKS: usize = 32;
/// Bytes that are added at least before an isolate that rests collects everything.
const RESTING_BYTES: usize = 256 * 1024;

impl Heap {
    /// Collects: the nursery always, everything when enough was allocated since the last time or `everything` asks.
    pub fn collect(&mut self, roots: &Roots, everything: Extent) {
        let start = Instant::now();
        self.minor(roots);
        if everything == Extent::Everything || self.used_bytes() > self.major_at {
            self.major(roots);
        }
        self.wants_collection = false;
        let pause = start.elapsed().as_nanos() as u64;
        self.stats.pause_ns += pause;
        self.stats.longest_pause_ns = self.stats.longest_pause_ns.max(pause);
        self.stats.peak_bytes = self.stats.peak_bytes.max(self.used_bytes());
    }

    fn minor(&mut self, roots: &Roots) {
        self.stats.minor += 1;
        self.stats.nursery_bytes += self.next as u64 - self.nursery.start() as u64;
        roots.each(|word| self.forward(word));
        for obj in std::mem::take(&mut self.remembered) {
            obj.set_header(obj.header().with_remembered(false));
            self.forward_fields(obj);
        }
        while let Some(obj) = self.gray.pop() {
            self.forward_fields(obj);
        }
        for obj in std::mem::take(&mut self.young_external) {
            let header = obj.header();
            if header.is_forwarded() {
                self.old_external.push(Obj(header.0 as *mut u64))
            } else {
                self.finalize(obj)
            }
        }
        self.next = self.nursery.start().cast();
        self.limit = if self.stress { self.next } else { self.nursery_end };
    }

    #[inline(always)]
    fn forward(&mut self, word: &mut Word) {
        let value = *word;
        if is_pointer(value) && self.is_young((value - 1) as *const u64) {
            *word = self.copy(Obj((value - 1) as *mut u64)).word();
        }
    }

    fn copy(&mut self, obj: Obj) -> Obj {
        let header = obj.header();
        if header.is_forwarded() {
            return Obj(header.0 as *mut u64);
        }
        let words = header.size();
        let target = self.alloc_old(header, words);
        // SAFETY: both objects are `words` long and do not overlap: one is young, the other old.
        unsafe { std::ptr::copy_nonoverlapping(obj.0.add(1), target.0.add(1), words - 1) };
        obj.set_header(Header(target.0 as u64));
        self.stats.copied_words += words as u64;
        self.gray.push(target);
        target
    }

    fn forward_fields(&mut self, obj: Obj) {
        let (start, end) = obj.traced();
        for index in start..end {
            // SAFETY: `traced` lies within the object.
            let slot = unsafe { &mut *obj.0.add(index) };
            self.forward(slot);
        }
    }

    fn major(&mut self, roots: &Roots) {
        self.stats.major += 1;
        self.epoch = Header::flipped(self.epoch);
        for block in &self.blocks {
            block.clear_marks();
        }
        roots.each(|word| self.mark(*word));
        while let Some(obj) = self.gray.pop() {
            let (start, end) = obj.traced();
            for index in start..end {
                self.mark(obj.get(index));
            }
        }
        self.sweep();
    }

    #[inline(always)]
    fn mark(&mut self, word: Word) {
        let Some(obj) = Obj::from_word(word) else { return };
        let header = obj.header();
        if header.is_immortal() || header.is_marked(self.epoch) {
            if header.is_in_region() {
                self.regions.reach(obj);
            }
            return;
        }
        obj.set_header(header.with_mark(self.epoch));
        if !header.is_large() {
            mark_lines(obj.0, header.size());
        }
        self.gray.push(obj);
    }

    fn sweep(&mut self) {
        self.external_bytes = self.external_bytes.saturating_sub(self.regions.sweep());
        for obj in std::mem::take(&mut self.old_external) {
            if obj.header().is_marked(self.epoch) {
                self.old_external.push(obj)
            } else {
                self.finalize(obj)
            }
        }
        for (obj, bytes) in std::mem::take(&mut self.large) {
            if obj.header().is_marked(self.epoch) {
                self.large.push((obj, bytes));
            } else {
                self.large_bytes -= bytes;
                free_large(obj, bytes);
            }
        }
        self.sweep_blocks();
        let live = self.used_bytes();
        self.major_at = (live * 2)
            .max(16 * 1024 * 1024)
            .min(self.quota.max(live + 1024 * 1024));
    }

    fn sweep_blocks(&mut self) {
        self.cursor = Cursor::EMPTY;
        self.overflow = Cursor::EMPTY;
        self.free.clear();
        self.recyclable.clear();
        self.n_blocks_used = 0;
        for (index, block) in self.blocks.iter().enumerate() {
            match block.n_marked() {
                0 => {
                    if self.free.len() >= SPARE_BLOCKS {
                        block.release();
                    }
                    self.free.push(index);
                }
                n => {
                    self.n_blocks_used += 1;
                    if n * 256 < BLOCK_WORDS * 8 * 7 / 8 {
                        self.recyclable.push(index);
                    }
                }
            }
        }
        self.free.reverse();
    }

    /// Empties the nursery and gives its memory back, and that of the blocks without anything in them; for an isolate that
    /// has nothing to do. Everything is collected when enough was added since the last rest.
    pub fn rest(&mut self, roots: &Roots) {
        let added = self.used_bytes().saturating_sub(self.rested_bytes);
        let extent = if added > RESTING_BYTES.max(self.rested_bytes / 2) {
            Extent::Everything
        } else {
            Extent::Nursery
        };
        self.collect(roots, extent);
        self.rested_bytes = self.used_bytes();
        self.nursery.release_from(0);
        for index in &self.free {
            self.blocks[*index].release();
        }
        // The stack of the last collection may have been long.
        self.gray = Vec::new();
    }
}

/// How much a collection takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The nursery, and everything when it is time.
    Nursery,
    /// Everything.
    Everything,
}
