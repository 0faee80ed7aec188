//! Memory from the operating system: reservations for nurseries and stacks, and the blocks of the old space.
#![allow(unsafe_code)]

use std::sync::LazyLock;

/// Size of a block in bytes.
pub const BLOCK_BYTES: usize = 32 * 1024;
/// Size of a line in bytes.
pub const LINE_BYTES: usize = 256;
/// Lines of a block.
pub const LINES: usize = BLOCK_BYTES / LINE_BYTES;
const REGION_BYTES: usize = 4 * 1024 * 1024;
/// Blocks of a region that hold objects.
pub const REGION_BLOCKS: usize = REGION_BYTES / BLOCK_BYTES - 1;

/// A reservation of address space, committed when touched.
pub struct Pages {
    start: *mut u8,
    bytes: usize,
}

/// Bytes in a page of this machine: 4096, or up to 65536 on aarch64.
#[must_use]
pub fn page_bytes() -> usize {
    static BYTES: LazyLock<usize> = LazyLock::new(|| {
        // SAFETY: it asks for a number.
        let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(bytes)
            .ok()
            .filter(|bytes| bytes.is_power_of_two())
            .unwrap_or(4096)
    });
    *BYTES
}

impl Pages {
    /// Reserves `bytes`, aligned to a page.
    ///
    /// # Panics
    /// When the operating system refuses address space.
    #[must_use]
    pub fn reserve(bytes: usize) -> Pages {
        Pages::try_reserve(bytes).expect("the operating system has address space left")
    }

    /// Reserves `bytes`, aligned to a page, if the operating system has so much address space.
    #[must_use]
    pub fn try_reserve(bytes: usize) -> Option<Pages> {
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
        (start != libc::MAP_FAILED).then(|| Pages {
            start: start.cast(),
            bytes,
        })
    }

    /// Reserves `bytes`, which are a whole number of pages, at a multiple of `align`, which is a power of two.
    #[must_use]
    pub fn try_reserve_aligned(bytes: usize, align: usize) -> Option<Pages> {
        let whole = Pages::try_reserve(bytes.checked_add(align)?)?;
        let (start, whole_bytes) = (whole.start as usize, whole.bytes);
        std::mem::forget(whole);
        let aligned = start.next_multiple_of(align);
        let parts = [
            (start, aligned - start),
            (aligned + bytes, start + whole_bytes - aligned - bytes),
        ];
        for (part, len) in parts.into_iter().filter(|(_, len)| *len > 0) {
            // SAFETY: the part belongs to the mapping that was just made, and nobody has seen it.
            unsafe { libc::munmap(part as *mut _, len) };
        }
        Some(Pages {
            start: aligned as *mut u8,
            bytes,
        })
    }

    /// Asks for pages of 2 MiB, so that looking about misses the TLB less.
    pub fn prefer_huge(&self) {
        // SAFETY: the advice changes nothing but the size of this mapping's pages.
        #[cfg(target_os = "linux")]
        unsafe {
            libc::madvise(self.start.cast(), self.bytes, libc::MADV_HUGEPAGE)
        };
    }

    /// Its length in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its first byte.
    #[must_use]
    #[inline(always)]
    pub fn start(&self) -> *mut u8 {
        self.start
    }

    /// Gives the memory of the bytes from `offset` on back, but for those before the next multiple of 4096; they read as zero
    /// afterwards.
    pub fn release_from(&self, offset: usize) {
        self.release(offset.next_multiple_of(4096).min(self.bytes), self.bytes);
    }

    /// Gives the memory of a range back, which reads as zero afterwards: whole pages go, what shares a page with others is
    /// written over.
    fn release(&self, from: usize, to: usize) {
        let page = page_bytes();
        let first = from.next_multiple_of(page).min(to);
        // The last page of the mapping is all ours, however much of it is counted.
        let last = if to == self.bytes {
            to
        } else {
            (to & !(page - 1)).max(first)
        };
        // SAFETY: the ranges lie within this mapping, their owner says that nothing there is needed, and what is given back
        // begins at a page.
        unsafe {
            std::ptr::write_bytes(self.start.add(from), 0, first - from);
            std::ptr::write_bytes(self.start.add(last), 0, to - last);
            if first < last {
                give_back(self.start.add(first), last - first);
            }
        }
    }
}

/// Gives whole pages back, which read as zero afterwards.
///
/// # Safety
/// The range lies within one mapping of [`Pages`], and nothing in it is needed.
#[cfg(target_os = "linux")]
unsafe fn give_back(start: *mut u8, bytes: usize) {
    // SAFETY: the caller vouches for the range.
    unsafe { libc::madvise(start.cast(), bytes, libc::MADV_DONTNEED) };
}

/// The same where that advice leaves what was there: fresh pages take their place.
///
/// # Safety
/// The range lies within one mapping of [`Pages`], and nothing in it is needed.
#[cfg(not(target_os = "linux"))]
unsafe fn give_back(start: *mut u8, bytes: usize) {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
    // SAFETY: the caller vouches for the range, which the new mapping replaces.
    unsafe {
        libc::mmap(
            start.cast(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            flags,
            -1,
            0,
        )
    };
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: mapped in `reserve` with this size, unmapped once.
        unsafe { libc::munmap(self.start.cast(), self.bytes) };
    }
}

/// A region of the old space: 127 blocks, and before them, where a block would be, one mark byte for each line. The marks
/// of a region lie together, so that setting one misses the cache less than a mark in the object's own block, and so that
/// a block that is free needs no page for its marks.
///
/// A mark is 0 for a free line, otherwise the number of the marking that last found something alive in it.
pub struct Region(Pages);

impl Region {
    /// Maps a region, if the operating system has the address space.
    #[must_use]
    pub fn map() -> Option<Region> {
        Pages::try_reserve_aligned(REGION_BYTES, REGION_BYTES).map(Region)
    }

    /// Asks for pages of 2 MiB, which are touched sooner and found sooner.
    pub fn prefer_huge(&self) {
        self.0.prefer_huge();
    }

    /// The bounds of a block.
    #[must_use]
    pub fn block(&self, index: usize) -> (*mut u64, *mut u64) {
        debug_assert!(index < REGION_BLOCKS);
        // SAFETY: both addresses lie within the region or at its end.
        unsafe {
            let start = self.0.start().add((index + 1) * BLOCK_BYTES);
            (start.cast(), start.add(BLOCK_BYTES).cast())
        }
    }

    /// The marks of a block's lines.
    #[must_use]
    #[allow(clippy::mut_from_ref)]
    pub fn marks(&self, index: usize) -> &mut [u8; LINES] {
        debug_assert!(index < REGION_BLOCKS);
        // SAFETY: the place of the first block is reserved for the marks; the heap is used by one thread at a time and holds
        // no two borrows of one block's marks.
        unsafe { &mut *self.0.start().add((index + 1) * LINES).cast::<[u8; LINES]>() }
    }

    /// The first run of free lines of a block from line `from` on: its bounds and the line after it.
    #[must_use]
    pub fn free_run(&self, index: usize, from: usize) -> Option<(*mut u64, *mut u64, usize)> {
        let marks = self.marks(index);
        let first = (from..LINES).find(|line| marks[*line] == 0)?;
        let end = (first..LINES).find(|line| marks[*line] != 0).unwrap_or(LINES);
        let (start, _) = self.block(index);
        // SAFETY: both lines lie within the block.
        unsafe {
            let line = |line: usize| start.cast::<u8>().add(line * LINE_BYTES).cast();
            Some((line(first), line(end), end))
        }
    }

    /// Frees the lines of a block that a marking did not reach; answers how many it did.
    pub fn sweep(&self, index: usize, mark: u8) -> usize {
        let mut n = 0;
        for line in self.marks(index) {
            let is_alive = u8::from(*line == mark);
            *line *= is_alive;
            n += is_alive as usize;
        }
        n
    }

    /// Gives the memory of `n` blocks back to the operating system; they read as zero afterwards.
    pub fn release(&self, first: usize, n: usize) {
        // Large pages would be put together again around what was given back.
        // SAFETY: the advice changes nothing but the size of this mapping's pages.
        #[cfg(target_os = "linux")]
        unsafe {
            libc::madvise(self.0.start().cast(), REGION_BYTES, libc::MADV_NOHUGEPAGE);
        }
        let start = (first + 1) * BLOCK_BYTES;
        self.0.release(start, start + n * BLOCK_BYTES);
    }
}

/// Marks the lines that the `words` words at `address` touch in their block.
#[inline(always)]
pub fn mark_lines(address: *mut u64, words: usize, mark: u8) {
    let region = (address as usize & !(REGION_BYTES - 1)) as *mut u8;
    let offset = address as usize & (REGION_BYTES - 1);
    for line in offset / LINE_BYTES..=(offset + words * 8 - 1) / LINE_BYTES {
        // SAFETY: small and medium objects lie in blocks of a region, which begins with the marks.
        unsafe { *region.add(line) = mark };
    }
}
