//! One isolate's heap: a bump nursery, an old space of blocks and lines, large objects, and the write barrier.
//!
//! The old space follows Immix (Blackburn and McKinley, PLDI 2008): blocks of 32 KiB, lines of 256 bytes, allocation by
//! bumping through runs of free lines. Young objects that survive one collection are copied there and never move again.
#![allow(unsafe_code)]

use std::sync::Arc;

use sup_abi::word::{Word, is_pointer};

use crate::object::{Header, Kind, Obj};
use crate::space::{BLOCK_WORDS, Block, Pages};

/// Size of the nursery in words: 2 MiB, so that it stays in a core's cache.
pub const NURSERY_WORDS: usize = 2 * 1024 * 1024 / 8;
/// Objects larger than this many words get an allocation of their own.
pub const LARGE_WORDS: usize = 512;
/// Strings and bytes longer than this live outside the heap, counted and shared.
pub const SHARED_BYTES: usize = 512;

/// The heap has no room within its quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

/// Bytes that live outside of heaps and never move; isolates share them.
#[derive(Debug)]
pub struct Shared {
    /// The bytes.
    pub bytes: Box<[u8]>,
    /// For texts: the number of characters before each stretch of bytes, when it was first asked for.
    pub(crate) n_chars_before: std::sync::OnceLock<Box<[u32]>>,
}

impl Shared {
    /// Bytes to be shared.
    #[must_use]
    pub fn new(bytes: Box<[u8]>) -> Shared {
        Shared {
            bytes,
            n_chars_before: std::sync::OnceLock::new(),
        }
    }
}

/// What a resource handle holds. Dropping it is its destructor.
pub trait ResourceObject: std::any::Any {
    /// Name of the resource's type, for messages.
    fn type_name(&self) -> &str;
    /// Memory outside the heap that it keeps alive, in bytes.
    fn extra_bytes(&self) -> usize {
        0
    }
    /// The same object for downcasting.
    fn as_any(&self) -> &dyn std::any::Any;
}

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
    pub(crate) epoch: u64,
    pub(crate) blocks: Vec<Block>,
    pub(crate) recyclable: Vec<usize>,
    pub(crate) free: Vec<usize>,
    pub(crate) cursor: Cursor,
    pub(crate) overflow: Cursor,
    pub(crate) large: Vec<(Obj, usize)>,
    pub(crate) large_bytes: usize,
    pub(crate) remembered: Vec<Obj>,
    pub(crate) gray: Vec<Obj>,
    pub(crate) young_external: Vec<Obj>,
    pub(crate) old_external: Vec<Obj>,
    pub(crate) external_bytes: usize,
    /// Values outside that other isolates may name too.
    pub(crate) regions: crate::region::Regions,
    pub(crate) n_blocks_used: usize,
    /// Bytes in use after which everything is collected.
    pub(crate) major_at: usize,
    /// Bytes in use when the isolate last rested.
    pub(crate) rested_bytes: usize,
    pub(crate) quota: usize,
    /// Set when an allocation did not fit the nursery: the machine collects at its next safepoint.
    pub(crate) wants_collection: bool,
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
            epoch: 0,
            blocks: Vec::new(),
            recyclable: Vec::new(),
            free: Vec::new(),
            cursor: Cursor::EMPTY,
            overflow: Cursor::EMPTY,
            large: Vec::new(),
            large_bytes: 0,
            remembered: Vec::new(),
            gray: Vec::new(),
            young_external: Vec::new(),
            old_external: Vec::new(),
            external_bytes: 0,
            regions: crate::region::Regions::default(),
            n_blocks_used: 0,
            major_at: 16 * 1024 * 1024,
            rested_bytes: 0,
            quota,
            wants_collection: false,
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
            return Ok(immortal(header, words));
        }
        if words > LARGE_WORDS {
            let obj = self.alloc_large(header, words)?;
            self.stats.direct_bytes += words as u64 * 8;
            self.remember(obj);
            return Ok(obj);
        }
        self.wants_collection = true;
        if self.stress && (self.nursery_end as usize - self.next as usize) / 8 >= words {
            let obj = Obj(self.next);
            // SAFETY: `words` fit before the end of the nursery.
            self.next = unsafe { self.next.add(words) };
            self.limit = self.next;
            obj.set_header(header);
            return Ok(obj);
        }
        if self.used_bytes() > self.quota {
            return Err(NoMemory);
        }
        let obj = self.alloc_old(header, words);
        self.stats.direct_bytes += words as u64 * 8;
        self.remember(obj);
        Ok(obj)
    }

    fn alloc_large(&mut self, header: Header, words: usize) -> Result<Obj, NoMemory> {
        let bytes = words.checked_mul(8).ok_or(NoMemory)?;
        if self.used_bytes().saturating_add(bytes) > self.quota {
            self.wants_collection = true;
            return Err(NoMemory);
        }
        let layout = large_layout(bytes).ok_or(NoMemory)?;
        // SAFETY: the layout has a size above zero.
        let start = unsafe { std::alloc::alloc(layout) }.cast::<u64>();
        if start.is_null() {
            return Err(NoMemory);
        }
        if layout.align() == HUGE_PAGE {
            // SAFETY: the range was just allocated; the advice changes nothing but the size of its pages.
            unsafe { libc::madvise(start.cast(), bytes, libc::MADV_HUGEPAGE) };
        }
        let obj = Obj(start);
        obj.set_header(Header(header.with_large().with_mark(self.epoch).0));
        if header.kind() == Kind::Buf {
            obj.init(1, 0);
        }
        self.large.push((obj, bytes));
        self.large_bytes += bytes;
        if self.used_bytes() > self.major_at {
            self.wants_collection = true;
        }
        Ok(obj)
    }

    /// Allocates in the old space, whatever the quota says; collections use it to copy survivors.
    pub(crate) fn alloc_old(&mut self, header: Header, words: usize) -> Obj {
        let medium = words * 8 > crate::space::LINE_BYTES;
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
            if self.cursor.block != usize::MAX {
                let block = &self.blocks[self.cursor.block];
                if let Some((start, end, line)) = block.free_run(self.cursor.line) {
                    self.cursor = Cursor {
                        next: start,
                        end,
                        block: self.cursor.block,
                        line,
                    };
                    return;
                }
            }
            match self.recyclable.pop() {
                Some(block) => {
                    self.cursor = Cursor {
                        next: std::ptr::null_mut(),
                        end: std::ptr::null_mut(),
                        block,
                        line: 1,
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
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let first = self.blocks.len();
                Block::map_region(&mut self.blocks);
                self.free.extend((first + 1..self.blocks.len()).rev());
                first
            }
        };
        self.n_blocks_used += 1;
        let (next, end) = self.blocks[index].whole();
        Cursor {
            next,
            end,
            block: index,
            line: usize::MAX,
        }
    }

    /// Stores a word into an object, remembering an old object that now names a young one.
    #[inline(always)]
    pub(crate) fn write(&mut self, obj: Obj, index: usize, word: Word) {
        obj.init(index, word);
        self.barrier(obj, word);
    }

    /// To be called after `word` was stored into `obj` by other means.
    #[inline(always)]
    pub(crate) fn barrier(&mut self, obj: Obj, word: Word) {
        if is_pointer(word) && self.is_young(word as *const u64) && !self.is_young(obj.0) {
            self.remember(obj);
        }
    }

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

    /// Allocates an object that owns a count of `shared`; the count is given back when the object dies.
    ///
    /// # Errors
    /// When the quota is used up.
    pub fn alloc_shared(
        &mut self,
        header: Header,
        shared: Arc<Shared>,
        offset: usize,
    ) -> Result<Obj, NoMemory> {
        let bytes = header.n();
        if !self.immortal && self.used_bytes().saturating_add(bytes) > self.quota {
            self.wants_collection = true;
            return Err(NoMemory);
        }
        let obj = self.alloc(header)?;
        obj.init(1, 0);
        obj.init(2, Arc::into_raw(shared) as u64);
        obj.init(3, offset as u64);
        self.external_bytes += bytes;
        self.adopt_external(obj);
        Ok(obj)
    }

    /// The shared bytes of a `BigStr` or `BigBytes`.
    #[must_use]
    pub fn shared_of(obj: Obj) -> Arc<Shared> {
        debug_assert!(matches!(obj.kind(), Kind::BigStr | Kind::BigBytes));
        let raw = obj.get(2) as *const Shared;
        // SAFETY: word 2 of these kinds came from `Arc::into_raw` and is counted until the object dies.
        unsafe {
            Arc::increment_strong_count(raw);
            Arc::from_raw(raw)
        }
    }

    /// Allocates a handle for a resource; dropping it runs its destructor.
    ///
    /// # Errors
    /// When the quota is used up; the resource is dropped then.
    pub fn alloc_resource(&mut self, resource: Box<dyn ResourceObject>) -> Result<Obj, NoMemory> {
        let extra = resource.extra_bytes();
        let obj = self.alloc(Header::new(Kind::Resource, 0))?;
        obj.init(1, Box::into_raw(Box::new(resource)) as u64);
        self.external_bytes += extra;
        self.adopt_external(obj);
        Ok(obj)
    }

    /// The resource that a handle holds.
    #[must_use]
    pub fn resource_of(obj: Obj) -> &'static dyn ResourceObject {
        debug_assert!(obj.kind() == Kind::Resource);
        // SAFETY: word 1 came from `Box::into_raw` in `alloc_resource` and is freed when the object dies.
        unsafe { (*(obj.get(1) as *const Box<dyn ResourceObject>)).as_ref() }
    }

    fn adopt_external(&mut self, obj: Obj) {
        if self.immortal {
            return;
        }
        if self.is_young(obj.0) {
            self.young_external.push(obj)
        } else {
            self.old_external.push(obj)
        }
    }

    /// Bytes that count against the quota.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.n_blocks_used * BLOCK_WORDS * 8 + self.large_bytes + self.external_bytes
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

    /// Figures since the heap was made.
    #[must_use]
    pub fn stats(&self) -> HeapStats {
        self.stats
    }

    /// Whether the machine should collect at its next safepoint.
    #[must_use]
    #[inline(always)]
    pub fn wants_collection(&self) -> bool {
        self.wants_collection
    }

    /// Frees what an object holds outside the heap, when it dies.
    pub(crate) fn finalize(&mut self, obj: Obj) {
        match obj.kind() {
            Kind::BigStr | Kind::BigBytes => {
                self.external_bytes = self.external_bytes.saturating_sub(obj.n());
                // SAFETY: word 2 came from `Arc::into_raw`; the object is dead, so this count is given back once.
                drop(unsafe { Arc::from_raw(obj.get(2) as *const Shared) });
            }
            Kind::Resource => {
                // SAFETY: word 1 came from `Box::into_raw`; the object is dead, so this runs once.
                let resource = unsafe { Box::from_raw(obj.get(1) as *mut Box<dyn ResourceObject>) };
                self.external_bytes = self.external_bytes.saturating_sub(resource.extra_bytes());
                drop(resource);
            }
            _ => {}
        }
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        for obj in std::mem::take(&mut self.young_external)
            .into_iter()
            .chain(std::mem::take(&mut self.old_external))
        {
            self.finalize(obj);
        }
        for (obj, bytes) in std::mem::take(&mut self.large) {
            free_large(obj, bytes);
        }
    }
}

/// Size of the pages that very large objects are given, so that looking about in them misses the TLB less.
const HUGE_PAGE: usize = 2 * 1024 * 1024;

/// How a large object lies in memory.
fn large_layout(bytes: usize) -> Option<std::alloc::Layout> {
    let align = if bytes >= 2 * HUGE_PAGE { HUGE_PAGE } else { 8 };
    std::alloc::Layout::from_size_align(bytes, align).ok()
}

/// Gives a large object's memory back.
pub(crate) fn free_large(obj: Obj, bytes: usize) {
    let layout = large_layout(bytes).expect("the layout was valid when it was allocated");
    // SAFETY: allocated in `alloc_large` with this very layout, and dead.
    unsafe { std::alloc::dealloc(obj.0.cast(), layout) }
}

/// Allocates in the immortal space.
fn immortal(header: Header, words: usize) -> Obj {
    let boxed = vec![0u64; words].into_boxed_slice();
    let obj = Obj(Box::leak(boxed).as_mut_ptr());
    obj.set_header(header.with_immortal());
    obj
}
