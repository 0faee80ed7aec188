//! The collector: nursery collections, which copy survivors to the old space. `mark` does the rest.
#![allow(unsafe_code)]

use std::time::Instant;

use sup_abi::word::{Word, is_pointer};

use crate::heap::Heap;
use crate::object::{Header, Obj};

/// Words that keep objects alive, as ranges of memory. The collector updates them in place.
#[derive(Default)]
pub struct Roots {
    ranges: Vec<(*mut Word, usize)>,
}

/// Most words of a range of roots.
const ROOT_WORDS: usize = 4096;

impl Roots {
    /// Adds `len` words from `start` on; they must stay where they are until the collection ends.
    pub fn add(&mut self, start: *mut Word, len: usize) {
        for from in (0..len).step_by(ROOT_WORDS) {
            self.ranges
                .push((start.wrapping_add(from), (len - from).min(ROOT_WORDS)));
        }
    }

    /// The ranges, none longer than `ROOT_WORDS`.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = &mut [Word]> {
        // SAFETY: whoever added the range promised that it stays valid, and nothing else uses it meanwhile.
        self.ranges
            .iter()
            .map(|(start, len)| unsafe { std::slice::from_raw_parts_mut(*start, *len) })
    }
}

/// Bytes that are added at least before an isolate that rests collects everything.
const RESTING_BYTES: usize = 256 * 1024;

/// How much a collection takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The nursery, and a part of everything when it is time.
    Nursery,
    /// Everything.
    Everything,
}

impl Heap {
    /// Collects: the nursery always; everything if `extent` says so, and a part of everything when enough was allocated
    /// since the last time.
    pub fn collect(&mut self, roots: &Roots, extent: Extent) {
        let start = Instant::now();
        if self.marking.runs {
            self.minor::<true>(roots);
        } else {
            self.minor::<false>(roots);
        }
        let minor = start.elapsed().as_nanos() as u64;
        self.stats.peak_bytes = self.stats.peak_bytes.max(self.used_bytes());
        match extent {
            Extent::Everything => self.mark_everything(roots),
            Extent::Nursery if self.wants_marking() => self.mark_step(roots),
            Extent::Nursery => {}
        }
        self.wants_collection = false;
        self.wants_safepoint = false;
        let pause = start.elapsed().as_nanos() as u64;
        self.stats.pause_ns += pause;
        self.stats.longest_pause_ns = self.stats.longest_pause_ns.max(pause);
        self.stats.longest_minor_ns = self.stats.longest_minor_ns.max(minor);
        self.stats.longest_major_ns = self.stats.longest_major_ns.max(pause - minor);
    }

    /// Empties the nursery. What old objects that were stored into name is marked on the way if `MARKING`.
    fn minor<const MARKING: bool>(&mut self, roots: &Roots) {
        self.stats.minor += 1;
        self.stats.nursery_bytes += self.next as u64 - self.nursery.start() as u64;
        let copied_before = self.stats.copied_words;
        for range in roots.ranges() {
            for word in range {
                self.forward::<false>(word);
            }
        }
        let mut cards = std::mem::take(&mut self.cards);
        for (obj, card) in cards.drain(..) {
            let (start, end) = Heap::clean_card(obj, card);
            self.forward_words::<MARKING>(obj, start, end);
        }
        self.cards = cards;
        let mut remembered = std::mem::take(&mut self.remembered);
        for obj in remembered.drain(..) {
            obj.set_header(obj.header().with_remembered(false));
            self.forward_fields::<MARKING>(obj);
        }
        self.remembered = remembered;
        while let Some(obj) = self.gray.pop() {
            self.forward_fields::<MARKING>(obj);
        }
        self.settle_young_external();
        self.next = self.nursery.start().cast();
        self.limit = if self.stress { self.next } else { self.nursery_end };
        self.marking.grown_words += (self.stats.copied_words - copied_before) as usize;
    }

    #[inline(always)]
    fn forward<const MARKING: bool>(&mut self, word: &mut Word) {
        let value = *word;
        if !is_pointer(value) {
            return;
        }
        if self.is_young((value - 1) as *const u64) {
            *word = self.copy(Obj((value - 1) as *mut u64)).word();
        } else if MARKING {
            self.mark(value);
        }
    }

    fn copy(&mut self, obj: Obj) -> Obj {
        if let Some(moved) = obj.forwarded() {
            return moved;
        }
        let header = obj.header();
        let words = header.size();
        let target = self.alloc_old(header, words);
        // SAFETY: both objects are `words` long and do not overlap: one is young, the other old.
        unsafe { std::ptr::copy_nonoverlapping(obj.0.add(1), target.0.add(1), words - 1) };
        obj.set_header(Header(target.0 as u64));
        self.stats.copied_words += words as u64;
        self.gray.push(target);
        target
    }

    fn forward_fields<const MARKING: bool>(&mut self, obj: Obj) {
        let (start, end) = obj.traced();
        self.forward_words::<MARKING>(obj, start, end);
    }

    #[inline(always)]
    fn forward_words<const MARKING: bool>(&mut self, obj: Obj, start: usize, end: usize) {
        for index in start..end {
            // SAFETY: the callers' ranges lie within what `traced` gives.
            let slot = unsafe { &mut *obj.0.add(index) };
            self.forward::<MARKING>(slot);
        }
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
        self.release_free_blocks(0);
        // The stack of the last collection may have been long.
        self.gray = Vec::new();
    }
}
