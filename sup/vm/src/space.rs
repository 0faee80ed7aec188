//! Memory from the operating system: reservations for nurseries and stacks, and the blocks of the old space.
#![allow(unsafe_code)]

use std::rc::Rc;

/// Size of a block in words.
pub const BLOCK_WORDS: usize = 32 * 1024 / 8;
const BLOCK_BYTES: usize = BLOCK_WORDS * 8;
/// Size of a line in bytes.
pub const LINE_BYTES: usize = 256;
/// Lines of a block; the first holds the marks.
pub const LINES: usize = BLOCK_BYTES / LINE_BYTES;
const REGION_BLOCKS: usize = 32;

/// A reservation of address space, committed when touched.
pub struct Pages {
    start: *mut u8,
    bytes: usize,
}

impl Pages {
    /// Reserves `bytes`, aligned to a page.
    ///
    /// # Panics
    /// When the operating system refuses address space.
    #[must_use]
    pub fn reserve(bytes: usize) -> Pages {
        // SAFETY: an anonymous private mapping at an address of the kernel's choice touches nothing of ours.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        assert!(
            start != libc::MAP_FAILED,
            "the operating system has no address space left"
        );
        Pages {
            start: start.cast(),
            bytes,
        }
    }

    /// Its first byte.
    #[must_use]
    #[inline(always)]
    pub fn start(&self) -> *mut u8 {
        self.start
    }

    /// Gives the memory of the bytes from `offset` on back; they read as zero afterwards.
    pub fn release_from(&self, offset: usize) {
        let offset = offset.next_multiple_of(4096);
        if offset < self.bytes {
            // SAFETY: the range lies within this mapping, and its owner says that nothing there is needed.
            unsafe {
                libc::madvise(
                    self.start.add(offset).cast(),
                    self.bytes - offset,
                    libc::MADV_DONTNEED,
                )
            };
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: mapped in `reserve` with this size, unmapped once.
        unsafe { libc::munmap(self.start.cast(), self.bytes) };
    }
}

/// A block of the old space. Its first line holds one mark byte for each line.
pub struct Block {
    start: *mut u8,
    /// Keeps the mapping that the block is part of.
    _region: Rc<Pages>,
}

impl Block {
    /// Maps a region and adds its blocks.
    pub fn map_region(blocks: &mut Vec<Block>) {
        let pages = Rc::new(Pages::reserve((REGION_BLOCKS + 1) * BLOCK_BYTES));
        let first = (pages.start() as usize).next_multiple_of(BLOCK_BYTES);
        for index in 0..REGION_BLOCKS {
            blocks.push(Block {
                start: (first + index * BLOCK_BYTES) as *mut u8,
                _region: pages.clone(),
            });
        }
    }

    /// All lines but the first, as a run.
    #[must_use]
    pub fn whole(&self) -> (*mut u64, *mut u64) {
        // SAFETY: both addresses lie within the block or at its end.
        unsafe {
            (
                self.start.add(LINE_BYTES).cast(),
                self.start.add(BLOCK_BYTES).cast(),
            )
        }
    }

    fn marks(&self) -> &[u8; LINES] {
        // SAFETY: the first line of the block is reserved for the marks, and the heap is used by one thread at a time.
        unsafe { &*self.start.cast::<[u8; LINES]>() }
    }

    /// The first run of unmarked lines from line `from` on: its bounds and the line after it.
    #[must_use]
    pub fn free_run(&self, from: usize) -> Option<(*mut u64, *mut u64, usize)> {
        let marks = self.marks();
        let first = (from.max(1)..LINES).find(|line| marks[*line] == 0)?;
        let end = (first..LINES).find(|line| marks[*line] != 0).unwrap_or(LINES);
        // SAFETY: both lines lie within the block.
        unsafe {
            Some((
                self.start.add(first * LINE_BYTES).cast(),
                self.start.add(end * LINE_BYTES).cast(),
                end,
            ))
        }
    }

    /// Clears every mark.
    pub fn clear_marks(&self) {
        // SAFETY: as in `marks`.
        unsafe { *self.start.cast::<[u8; LINES]>() = [0; LINES] };
    }

    /// Number of marked lines.
    #[must_use]
    pub fn n_marked(&self) -> usize {
        self.marks()[1..].iter().map(|mark| *mark as usize).sum()
    }

    /// Gives its memory back to the operating system; it reads as zero afterwards.
    pub fn release(&self) {
        // SAFETY: the block lies within its region, and holds nothing that is needed.
        unsafe { libc::madvise(self.start.cast(), BLOCK_BYTES, libc::MADV_DONTNEED) };
    }
}

/// Marks the lines that the `words` words at `address` touch in their block.
pub fn mark_lines(address: *mut u64, words: usize) {
    let block = (address as usize & !(BLOCK_BYTES - 1)) as *mut u8;
    let first = (address as usize & (BLOCK_BYTES - 1)) / LINE_BYTES;
    let last = ((address as usize & (BLOCK_BYTES - 1)) + words * 8 - 1) / LINE_BYTES;
    for line in first..=last.min(LINES - 1) {
        // SAFETY: small and medium objects lie in blocks, whose first line holds the marks.
        unsafe { *block.add(line) = 1 };
    }
}
