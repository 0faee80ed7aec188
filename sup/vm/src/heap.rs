//! One isolate's heap: a bump nursery, an old space of blocks and lines, large objects, and the write barrier.
//!
//! The old space follows Immix (Blackburn and McKinley, PLDI 2008): blocks of 32 KiB, lines of 256 bytes, allocation by
//! bumping through runs of free lines. Young objects that survive one collection are copied there and never move again.
#![allow(unsafe_code)]

use sup_abi::word::{Word, is_pointer};

use crate::external::External;
use crate::large::Large;
use crate::object::{Header, Kind, Obj};

pub use crate::external::{ResourceObject, Shared};
use crate::space::{BLOCK_BYTES, LINE_BYTES, Pages, REGION_BLOCKS, Region, mark_lines};

/// Size of the nursery in words: 2 MiB, so that it stays in a core's cache.
pub const NURSERY_WORDS: usize = 2 * 1024 * 1024 / 8;
/// Objects larger than this many words get an allocation of their own.
pub const LARGE_WORDS: usize = 512;
/// Strings and bytes longer than this live outside the heap, counted and shared.
pub const SHARED_BYTES: usize = 512;

/// Regions of a heap that does with small pages, so that it takes no more memory than it uses.
const SMALL_REGIONS: usize = 24;
/// Words that are copied for one unit of fuel, which stands for about ten nanoseconds.
const WORDS_PER_FUEL: usize = 8;
/// Fuel owed after which the machine is to pay.
const SOON: u64 = 1000;

/// The heap has no room within its quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

/// Figures of a heap since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapStats {
    /// Collections of the nursery.
    pub minor: u64,
    /// Collections of everything.
    pub major: u64,
    /// Words that nursery collections copied.
    pub copied_words: u64,
    /// Bytes allocated in nurseries that were since collected.
    pub nursery_bytes: u64,
    /// Bytes allocated outside of nurseries, since they were many or the nursery was full.
    pub direct_bytes: u64,
    /// Longest pause in nanoseconds.
    pub longest_pause_ns: u64,
    /// Longest part of a pause in which the nursery was collected, in nanoseconds.
    pub longest_minor_ns: u64,
    /// Longest part of a pause in which old objects were marked or swept, in nanoseconds.
    pub longest_major_ns: u64,
    /// Parts that collections of everything were carried out in.
    pub major_steps: u64,
    /// Sum of pauses in nanoseconds.
    pub pause_ns: u64,
    /// Highest number of bytes held at the end of a collection.
    pub peak_bytes: usize,
}

/// A heap. The machine allocates by bumping `next` itself; everyone else calls [`Heap::alloc`].
#[repr(C)]
pub struct Heap {
    /// Where the next young object goes.
    pub(crate) next: *mut u64,
    /// End of the nursery; equal to `next` in GC-stress mode, so that each allocation takes the slow path.
    pub(crate) limit: *mut u64,
    pub(crate) nursery: Pages,
    pub(crate) nursery_end: *mut u64,
    /// How far from the start of the nursery a word that is stored into an old object may point for the heap to be told:
    /// the size of the nursery, or without end while old objects are marked.
    pub(crate) watched_bytes: usize,
    pub(crate) epoch: u64,
    pub(crate) space: Vec<Region>,
    /// Of each block: whether it has memory.
    pub(crate) resident: Vec<bool>,
    pub(crate) recyclable: Vec<usize>,
    pub(crate) free: Vec<usize>,
    pub(crate) cursor: Cursor,
    pub(crate) overflow: Cursor,
    pub(crate) large: Vec<Large>,
    pub(crate) large_bytes: usize,
    pub(crate) remembered: Vec<Obj>,
    /// Parts of large objects into which young words were stored.
    pub(crate) cards: Vec<(Obj, u32)>,
    pub(crate) gray: Vec<Obj>,
    /// Values outside that other isolates may name too.
    pub(crate) regions: crate::region::Regions,
    pub(crate) marking: crate::mark::Marking,
    pub(crate) external: External,
    pub(crate) n_blocks_used: usize,
    /// Bytes in use after which everything is collected.
    pub(crate) major_at: usize,
    /// Bytes in use when the isolate last rested.
    pub(crate) rested_bytes: usize,
    pub(crate) quota: usize,
    /// What stacks count, in bytes.
    pub(crate) stack_bytes: usize,
    /// What code, names and other things that are never freed count, in bytes: those that came to be for this heap's isolate.
    pub(crate) lasting_bytes: usize,
    /// Fuel for what was copied since the last safepoint.
    pub(crate) charge: u64,
    /// Set when the machine is to collect at its next safepoint.
    pub(crate) wants_collection: bool,
    /// Set when the machine is to come to a safepoint soon: to collect, or to pay.
    pub(crate) wants_safepoint: bool,
    pub(crate) stress: bool,
    pub(crate) immortal: bool,
    pub(crate) stats: HeapStats,
}

/// A run of free lines being filled.
#[derive(Clone, Copy)]
pub(crate) struct Cursor {
    pub next: *mut u64,
    pub end: *mut u64,
    pub block: usize,
    pub line: usize,
}

impl Cursor {
    pub(crate) const EMPTY: Cursor = Cursor {
        next: std::ptr::null_mut(),
        end: std::ptr::null_mut(),
        block: usize::MAX,
        line: 0,
    };
}

impl Heap {
    /// A heap that holds at most `quota` bytes. Pages of the nursery cost nothing until they are touched.
    #[must_use]
    pub fn new(quota: usize) -> Heap {
        let nursery = Pages::reserve(NURSERY_WORDS * 8);
        let next = nursery.start().cast::<u64>();
        // SAFETY: the reservation is NURSERY_WORDS long.
        let end = unsafe { next.add(NURSERY_WORDS) };
        Heap {
            next,
            limit: end,
            nursery,
            nursery_end: end,
            watched_bytes: NURSERY_WORDS * 8,
            epoch: 0,
            space: Vec::new(),
            resident: Vec::new(),
            recyclable: Vec::new(),
            free: Vec::new(),
            cursor: Cursor::EMPTY,
            overflow: Cursor::EMPTY,
            large: Vec::new(),
            large_bytes: 0,
            remembered: Vec::new(),
            cards: Vec::new(),
            gray: Vec::new(),
            regions: crate::region::Regions::default(),
            marking: crate::mark::Marking::default(),
            external: External::default(),
            n_blocks_used: 0,
            major_at: 16 * 1024 * 1024,
            rested_bytes: 0,
            quota,
            stack_bytes: 0,
            lasting_bytes: 0,
            charge: 0,
            wants_collection: false,
            wants_safepoint: false,
            stress: false,
            immortal: false,
            stats: HeapStats::default(),
        }
    }

    /// Allocates an object with that header; its words are to be set by the caller before the next safepoint.
    /// Never collects: what does not fit the nursery goes to the old space and asks for a collection.
    ///
    /// # Errors
    /// When the quota is used up.
    #[inline]
    pub fn alloc(&mut self, header: Header) -> Result<Obj, NoMemory> {
        let words = header.size();
        let room = (self.limit as usize - self.next as usize) / 8;
        if words <= room && words <= LARGE_WORDS && !self.immortal {
            let obj = Obj(self.next);
            // SAFETY: `words` fit between `next` and the end of the nursery.
            self.next = unsafe { self.next.add(words) };
            obj.set_header(header);
            return Ok(obj);
        }
        self.alloc_slow(header, words)
    }

    #[cold]
    fn alloc_slow(&mut self, header: Header, words: usize) -> Result<Obj, NoMemory> {
        if self.immortal {
            self.lasting_bytes += words * 8 + 16;
            return Ok(immortal(header, words));
        }
        if words > LARGE_WORDS {
            let obj = self.alloc_large(header, words)?;
            self.stats.direct_bytes += words as u64 * 8;
            if header.kind() != Kind::Raw {
                self.remember(obj);
            }
            return Ok(obj);
        }
        self.ask_to_collect();
        if self.stress && (self.nursery_end as usize - self.next as usize) / 8 >= words {
            let obj = Obj(self.next);
            // SAFETY: `words` fit before the end of the nursery.
            self.next = unsafe { self.next.add(words) };
            self.limit = self.next;
            obj.set_header(header);
            return Ok(obj);
        }
        if !self.has_room(words * 8) {
            return Err(NoMemory);
        }
        let obj = self.alloc_old(header, words);
        self.stats.direct_bytes += words as u64 * 8;
        self.remember(obj);
        Ok(obj)
    }

    /// Allocates in the old space, whatever the quota says; collections use it to copy survivors.
    pub(crate) fn alloc_old(&mut self, header: Header, words: usize) -> Obj {
        let medium = words * 8 > LINE_BYTES;
        loop {
            let cursor = if medium {
                &mut self.overflow
            } else {
                &mut self.cursor
            };
            if (cursor.end as usize).wrapping_sub(cursor.next as usize) / 8 >= words && !cursor.next.is_null()
            {
                let obj = Obj(cursor.next);
                // SAFETY: `words` fit before the end of the run.
                cursor.next = unsafe { cursor.next.add(words) };
                obj.set_header(header.with_mark(self.epoch));
                if self.marking.runs {
                    mark_lines(obj.0, words, self.marking.line_mark);
                }
                return obj;
            }
            if medium {
                self.overflow = self.fresh_block();
            } else {
                self.next_run();
            }
        }
    }

    /// Moves the cursor to the next run of free lines: in its block, in a block with free lines, or a fresh one.
    fn next_run(&mut self) {
        loop {
            let block = self.cursor.block;
            if block != usize::MAX {
                let region = &self.space[block / REGION_BLOCKS];
                if let Some((next, end, line)) = region.free_run(block % REGION_BLOCKS, self.cursor.line) {
                    self.cursor = Cursor {
                        next,
                        end,
                        block,
                        line,
                    };
                    return;
                }
            }
            match self.recyclable.pop() {
                Some(block) => {
                    self.cursor = Cursor {
                        block,
                        ..Cursor::EMPTY
                    };
                }
                None => {
                    self.cursor = self.fresh_block();
                    return;
                }
            }
        }
    }

    fn fresh_block(&mut self) -> Cursor {
        let block = self.free.pop().unwrap_or_else(|| self.map_region());
        self.n_blocks_used += 1;
        self.resident[block] = true;
        let (next, end) = self.space[block / REGION_BLOCKS].block(block % REGION_BLOCKS);
        Cursor {
            next,
            end,
            block,
            line: usize::MAX,
        }
    }

    /// Maps a region and answers its first block.
    fn map_region(&mut self) -> usize {
        let first = self.space.len() * REGION_BLOCKS;
        let region = Region::map().expect("the operating system has address space left");
        if self.space.len() >= SMALL_REGIONS {
            region.prefer_huge();
        }
        self.space.push(region);
        self.resident.resize(first + REGION_BLOCKS, false);
        self.free.extend((first + 1..first + REGION_BLOCKS).rev());
        first
    }

    /// Stores a word into an object, and tells the collector if it has to know.
    #[inline(always)]
    pub(crate) fn write(&mut self, obj: Obj, index: usize, word: Word) {
        obj.init(index, word);
        self.barrier(obj, index, word);
    }

    /// To be called after `word` was stored as word `index` of `obj` by other means.
    #[inline(always)]
    pub(crate) fn barrier(&mut self, obj: Obj, index: usize, word: Word) {
        if self.must_be_told(obj, word) && !obj.header().is_remembered() {
            self.remember_word(obj, index);
        }
    }

    /// Whether the collector has to know that `word` is stored into `obj`.
    #[inline(always)]
    pub(crate) fn must_be_told(&self, obj: Obj, word: Word) -> bool {
        is_pointer(word)
            && (word as usize).wrapping_sub(self.nursery.start() as usize) < self.watched_bytes
            && !self.is_young(obj.0)
    }

    /// To be called after the words of `obj` from `index` on were stored by other means.
    pub(crate) fn barrier_range(&mut self, obj: Obj, index: usize, words: &[Word]) {
        if self.is_young(obj.0) || obj.header().is_remembered() {
            return;
        }
        for (distance, word) in words.iter().enumerate() {
            self.barrier(obj, index + distance, *word);
        }
    }

    /// To be called before words of `obj` change places: young ones leave their cards, and a marking may have seen some of
    /// the words and not others.
    pub(crate) fn reordered(&mut self, obj: Obj) {
        if !self.is_young(obj.0) && (self.marking.runs || obj.header().is_large()) {
            self.remember(obj);
        }
    }

    /// Has the next collection look at one word of an old object: at the whole of a small one, at a part of a large one.
    #[cold]
    #[inline(never)]
    fn remember_word(&mut self, obj: Obj, index: usize) {
        if obj.header().is_large() {
            self.remember_card(obj, index);
        } else {
            self.remember(obj);
        }
    }

    /// Has the next collection look at the whole of an old object.
    pub(crate) fn remember(&mut self, obj: Obj) {
        let header = obj.header();
        if !header.is_remembered() {
            obj.set_header(header.with_remembered(true));
            self.remembered.push(obj);
        }
    }

    /// Whether the address lies in the nursery.
    #[inline(always)]
    pub(crate) fn is_young(&self, address: *const u64) -> bool {
        let start = self.nursery.start() as usize;
        (address as usize).wrapping_sub(start) < NURSERY_WORDS * 8
    }

    /// Bytes that count against the quota.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.n_blocks_used * BLOCK_BYTES
            + self.large_bytes
            + self.external.bytes
            + self.stack_bytes
            + self.lasting_bytes
    }

    /// A number that changes with each collection and each step of one.
    pub(crate) fn n_collections(&self) -> u64 {
        self.stats.minor + self.stats.major + self.stats.major_steps
    }

    pub(crate) fn ask_to_collect(&mut self) {
        self.wants_collection = true;
        self.wants_safepoint = true;
    }

    /// Charges fuel for having copied that many words.
    pub(crate) fn charge_words(&mut self, n: usize) {
        self.charge += (n / WORDS_PER_FUEL) as u64;
        self.wants_safepoint |= self.charge > SOON;
    }

    /// Whether so many more bytes fit the quota. If they do not, the machine collects at its next safepoint.
    pub(crate) fn has_room(&mut self, bytes: usize) -> bool {
        let fits = self
            .used_bytes()
            .checked_add(bytes)
            .is_some_and(|bytes| bytes <= self.quota);
        if !fits {
            self.ask_to_collect();
        }
        fits
    }

    /// Whether no more than `leeway` bytes beyond the quota are used.
    pub(crate) fn has_room_beyond(&self, leeway: usize) -> bool {
        self.used_bytes() <= self.quota.saturating_add(leeway)
    }

    pub(crate) fn is_within_quota(&self) -> bool {
        self.has_room_beyond(0)
    }

    /// Changes the quota, in bytes.
    pub fn set_quota(&mut self, quota: usize) {
        self.quota = quota;
    }

    /// Turns collecting at every safepoint on.
    pub fn set_stress(&mut self) {
        self.stress = true;
        self.limit = self.next;
    }

    /// Runs `build` with allocation in the immortal space, which all isolates of the process share and nobody frees.
    pub fn build_immortal<T>(&mut self, build: impl FnOnce(&mut Heap) -> T) -> T {
        self.immortal = true;
        let built = build(self);
        self.immortal = false;
        built
    }

    /// Starts the counting of collections and pauses anew.
    pub fn reset_stats(&mut self) {
        self.stats = HeapStats {
            nursery_bytes: self.stats.nursery_bytes,
            ..HeapStats::default()
        };
    }

    /// Figures since the heap was made, or since they were reset.
    #[must_use]
    pub fn stats(&self) -> HeapStats {
        self.stats
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        self.drop_external();
    }
}

/// Allocates in the immortal space.
fn immortal(header: Header, words: usize) -> Obj {
    let boxed = vec![0u64; words].into_boxed_slice();
    let obj = Obj(Box::leak(boxed).as_mut_ptr());
    obj.set_header(header.with_immortal());
    obj
}
