//! Collections of everything: old objects are marked in steps between the program's, then what was not reached is freed.
//!
//! Marking is incremental with an insertion barrier (Dijkstra and others, CACM 1978): while it runs, an old object that any
//! pointer is stored into is looked at again at the next nursery collection, and what the roots name is marked last, in the
//! step that ends the marking. Objects that become old meanwhile count as reached. Since a step comes right after a nursery
//! collection, every pointer that it sees leads to an old object.
//!
//! Objects wait in a short queue between being prefetched and being scanned, in front of the stack (Cher, Hosking and
//! Vitek, OOPSLA 2004): marking waits for memory less, and a chain whose links hold little needs no stack.
#![allow(unsafe_code)]

use sup_abi::word::{Word, is_pointer};

use crate::collect::Roots;
use crate::heap::{Cursor, Heap};
use crate::object::{Header, Kind, Obj};
use crate::space::{BLOCK_BYTES, LINE_BYTES, LINES, REGION_BLOCKS, mark_lines};

/// Words that a step marks at least: a few milliseconds.
const STEP_WORDS: usize = 512 * 1024;
/// Words that a step marks for each word that the old space grew by since the last one.
const STEP_RATIO: usize = 8;
/// Words of an object that are scanned at once.
const SCAN_WORDS: usize = 256;
/// Objects that are prefetched ahead; a power of two.
const AHEAD: usize = 16;
/// Bytes of free blocks that are kept in any case.
const SPARE_BYTES: usize = 1024 * 1024;
/// After how many times its size of young objects the old space is marked even if it did not grow; and what is added.
const YOUNG_RATIO: usize = 8;
const YOUNG_LEAST: usize = 256 * 1024 * 1024;
/// Bytes by which the heap grows at least between two markings, if the quota allows it.
const LEAST_GROWTH: usize = 16 * 1024 * 1024;

/// State of marking between its steps.
#[derive(Default)]
pub(crate) struct Marking {
    /// Whether a marking has begun and not ended.
    pub runs: bool,
    /// What lines are marked with: 1 and 2 in turn, so that what the last marking found stays known during this one.
    pub line_mark: u8,
    /// Bytes that had been allocated in the nursery when the last marking ended.
    pub allocated_before: u64,
    /// Words by which the old space grew since the last step.
    pub grown_words: usize,
    /// Objects to be scanned, some of them more than once.
    stack: Vec<Obj>,
    /// Long objects, and the word that their scan goes on with.
    long: Vec<(Obj, usize)>,
}

/// A ring of objects whose memory is on its way to the cache.
struct Ahead {
    ring: [Obj; AHEAD],
    first: usize,
    len: usize,
}

impl Ahead {
    fn new() -> Ahead {
        Ahead {
            ring: [Obj(std::ptr::null_mut()); AHEAD],
            first: 0,
            len: 0,
        }
    }

    #[inline(always)]
    fn push(&mut self, obj: Obj) {
        prefetch(obj);
        self.ring[(self.first + self.len) % AHEAD] = obj;
        self.len += 1;
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<Obj> {
        if self.len == 0 {
            return None;
        }
        let obj = self.ring[self.first];
        self.first = (self.first + 1) % AHEAD;
        self.len -= 1;
        Some(obj)
    }
}

#[inline(always)]
fn prefetch(obj: Obj) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching does nothing but load a cache line, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(obj.0.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = obj;
}

impl Heap {
    /// Whether it is time: the heap has grown, or so much was allocated that what was alive last time may be dead.
    pub(crate) fn wants_marking(&self) -> bool {
        let allocated = (self.stats.nursery_bytes - self.marking.allocated_before) as usize;
        self.marking.runs
            || self.stress
            || self.used_bytes() > self.major_at
            || allocated > YOUNG_RATIO * self.used_bytes() + YOUNG_LEAST
    }

    /// Marks and sweeps at once, whatever it takes. What a marking that had begun took for alive is looked at again.
    pub(crate) fn mark_everything(&mut self, roots: &Roots) {
        if self.marking.runs {
            self.mark_until(roots, usize::MAX);
        }
        self.mark_until(roots, usize::MAX);
    }

    /// Marks a part, and sweeps if it was the last.
    pub(crate) fn mark_step(&mut self, roots: &Roots) {
        let grown = std::mem::take(&mut self.marking.grown_words);
        let n_words = match (self.stress, self.marking.runs) {
            (true, _) => 256,
            (false, false) => STEP_WORDS,
            (false, true) => STEP_WORDS.max(STEP_RATIO * grown),
        };
        self.mark_until(roots, n_words);
    }

    /// Marks and sweeps at once, one group of roots after the other, and tells about how many bytes each group keeps that no
    /// group before it does. To be called right after everything was collected.
    pub(crate) fn mark_by_group(&mut self, groups: &[Roots]) -> Vec<usize> {
        debug_assert!(!self.marking.runs, "everything was just collected");
        self.start_marking();
        let mut kept = Vec::with_capacity(groups.len());
        for roots in groups {
            let mut left = isize::MAX;
            for range in roots.ranges() {
                for word in range {
                    self.mark(*word);
                }
                self.drain(&mut left);
            }
            kept.push((isize::MAX - left) as usize * 8);
        }
        self.sweep();
        kept
    }

    fn mark_until(&mut self, roots: &Roots, n_words: usize) {
        self.stats.major_steps += 1;
        if !self.marking.runs {
            self.start_marking();
        }
        let mut left = isize::try_from(n_words).unwrap_or(isize::MAX);
        if !self.drain(&mut left) {
            return;
        }
        for range in roots.ranges() {
            for word in range {
                self.mark(*word);
            }
            if !self.drain(&mut left) {
                return;
            }
        }
        self.sweep();
    }

    fn start_marking(&mut self) {
        self.stats.major += 1;
        self.epoch = Header::flipped(self.epoch);
        self.marking.runs = true;
        self.marking.line_mark = if self.marking.line_mark == 1 { 2 } else { 1 };
        self.watched_bytes = usize::MAX;
    }

    /// Has an object be scanned that was not reached yet.
    #[inline(always)]
    pub(crate) fn mark(&mut self, word: Word) {
        if let Some(obj) = Obj::from_word(word) {
            let header = obj.header();
            if header.is_immortal() {
                self.reach(obj, header);
            } else if !header.is_marked(self.epoch) {
                self.marking.stack.push(obj);
            }
        }
    }

    /// An object that this heap does not own was come upon: if it lies in a region, that is still wanted.
    #[inline(always)]
    fn reach(&mut self, obj: Obj, header: Header) {
        if header.is_in_region() {
            self.regions.reach(obj);
        }
    }

    /// Scans until nothing is left, or that many words were scanned: false then.
    fn drain(&mut self, left: &mut isize) -> bool {
        let mut ahead = Ahead::new();
        loop {
            while ahead.len < AHEAD / 2
                && let Some(obj) = self.marking.stack.pop()
            {
                ahead.push(obj);
            }
            if *left < 0 {
                while let Some(obj) = ahead.pop() {
                    self.marking.stack.push(obj);
                }
                return false;
            }
            if let Some(obj) = ahead.pop() {
                let header = obj.header();
                if header.is_immortal() {
                    self.reach(obj, header);
                    continue;
                }
                if header.is_marked(self.epoch) {
                    continue;
                }
                obj.set_header(header.with_mark(self.epoch));
                let words = header.size();
                if !header.is_large() {
                    mark_lines(obj.0, words, self.marking.line_mark);
                }
                let (start, end) = obj.traced();
                if start == end {
                    let outside = if is_outside(header) { header.n() / 8 } else { 0 };
                    *left -= (words + outside) as isize;
                    continue;
                }
                if end - start > SCAN_WORDS {
                    self.marking.long.push((obj, start));
                    continue;
                }
                *left -= words as isize;
                self.scan(&mut ahead, obj, start, end);
            } else if let Some((obj, start)) = self.marking.long.pop() {
                let end = obj.traced().1;
                let stop = end.min(start + SCAN_WORDS);
                if stop < end {
                    self.marking.long.push((obj, stop));
                }
                *left -= SCAN_WORDS as isize;
                self.scan(&mut ahead, obj, start, stop);
            } else {
                return true;
            }
        }
    }

    #[inline(always)]
    fn scan(&mut self, ahead: &mut Ahead, obj: Obj, start: usize, end: usize) {
        for index in start..end {
            // SAFETY: the callers' ranges lie within what `traced` gives.
            let word = unsafe { *obj.0.add(index) };
            if is_pointer(word) {
                let named = Obj((word - 1) as *mut u64);
                if ahead.len < AHEAD {
                    ahead.push(named);
                } else {
                    self.marking.stack.push(named);
                }
            }
        }
    }

    fn sweep(&mut self) {
        self.marking.runs = false;
        self.marking.allocated_before = self.stats.nursery_bytes;
        self.marking.stack.shrink_to(1024);
        self.watched_bytes = crate::heap::NURSERY_WORDS * 8;
        self.external.bytes -= self.regions.sweep();
        self.sweep_external();
        self.sweep_large();
        self.sweep_blocks();
        let live = self.used_bytes();
        let room = self.quota.saturating_sub(live);
        self.major_at = live + live.max(LEAST_GROWTH).min(room / 2).max(1024 * 1024);
    }

    fn sweep_blocks(&mut self) {
        self.cursor = Cursor::EMPTY;
        self.overflow = Cursor::EMPTY;
        self.free.clear();
        self.recyclable.clear();
        self.n_blocks_used = 0;
        for block in 0..self.space.len() * REGION_BLOCKS {
            if !self.resident[block] {
                self.free.push(block);
                continue;
            }
            let n = match self.stress {
                true => self.sweep_and_spoil(block),
                false => {
                    self.space[block / REGION_BLOCKS].sweep(block % REGION_BLOCKS, self.marking.line_mark)
                }
            };
            match n {
                0 => self.free.push(block),
                n => {
                    self.n_blocks_used += 1;
                    if n < LINES * 7 / 8 {
                        self.recyclable.push(block);
                    }
                }
            }
        }
        self.release_free_blocks((self.n_blocks_used / 8).max(SPARE_BYTES / BLOCK_BYTES));
    }

    /// Gives the memory of free blocks back, but for so many that will be wanted again soon. Those with memory are to be
    /// used first: they come last in the list.
    pub(crate) fn release_free_blocks(&mut self, mut spare: usize) {
        let (mut kept, mut released) = (Vec::new(), Vec::new());
        for block in std::mem::take(&mut self.free) {
            if self.resident[block] && spare > 0 {
                spare -= 1;
                kept.push(block);
            } else {
                released.push(block);
            }
        }
        let mut at = 0;
        while at < released.len() {
            let first = released[at];
            let mut n = 1;
            while released.get(at + n) == Some(&(first + n)) && (first + n) % REGION_BLOCKS != 0 {
                n += 1;
            }
            let parts = &mut self.resident[first..first + n];
            if parts.contains(&true) {
                parts.fill(false);
                self.space[first / REGION_BLOCKS].release(first % REGION_BLOCKS, n);
            }
            at += n;
        }
        released.reverse();
        kept.reverse();
        released.append(&mut kept);
        self.free = released;
    }

    /// Sweeps a block and overwrites what was freed, so that a reader of the dead is found out.
    fn sweep_and_spoil(&mut self, block: usize) -> usize {
        let (region, index) = (&self.space[block / REGION_BLOCKS], block % REGION_BLOCKS);
        let before = *region.marks(index);
        let n = region.sweep(index, self.marking.line_mark);
        let (start, _) = region.block(index);
        let words = LINE_BYTES / 8;
        for (line, mark) in before.iter().enumerate() {
            if *mark != 0 && region.marks(index)[line] == 0 {
                // SAFETY: the line lies in the block, and nothing in it is alive.
                unsafe { std::slice::from_raw_parts_mut(start.add(line * words), words).fill(SPOILED) };
            }
        }
        n
    }
}

fn is_outside(header: Header) -> bool {
    header.is(Kind::BigStr) || header.is(Kind::BigBytes)
}

/// What freed lines hold in GC-stress mode: a header of no kind.
const SPOILED: u64 = 0xdead_beef_dead_beef;
