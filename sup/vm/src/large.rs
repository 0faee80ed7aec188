//! Large objects: each has memory of its own, never moves, and is scanned by parts when only parts of it have changed.
//!
//! ```text
//!  … cards │ number │ header, words …                       │ room to grow …
//!          card 0 is the byte before the number             address space that costs nothing
//! ```
//!
//! A card stands for `CARD_WORDS` words and is 1 when a young word was stored there (card marking: Wilson and Moher, OOPSLA
//! 1989). Objects that grow, from a quarter of a megabyte on, lie in a reservation of several times their size, so that they grow where
//! they are.
#![allow(unsafe_code)]

use crate::heap::{Heap, LARGE_WORDS, NoMemory};
use crate::object::{Header, Kind, Obj};
use crate::space::{Pages, page_bytes};

/// Words that one card stands for.
pub(crate) const CARD_WORDS: usize = 128;
/// Bytes from which an object is mapped for itself, so that its memory goes back at once.
const MAPPED_BYTES: usize = 256 * 1024;
/// How many times its size a growing object can become where it is.
const ROOM: usize = 8;
/// Size of the pages that very large objects are given, so that looking about in them misses the TLB less.
const HUGE_PAGE: usize = 2 * 1024 * 1024;

/// A large object and its memory.
pub(crate) struct Large {
    pub obj: Obj,
    /// What it counts against the quota.
    counted: usize,
    memory: Memory,
}

enum Memory {
    Allocated(*mut u8, std::alloc::Layout),
    Mapped(Pages, usize),
}

impl Drop for Large {
    fn drop(&mut self) {
        if let Memory::Allocated(start, layout) = self.memory {
            // SAFETY: allocated in `Memory::allocate` with this layout; the object is dead.
            unsafe { std::alloc::dealloc(start, layout) }
        }
    }
}

/// Bytes before an object of so many words: its cards and its number.
fn bytes_before(words: usize) -> usize {
    (words.div_ceil(CARD_WORDS) + 8).next_multiple_of(64)
}

impl Memory {
    fn allocate(words: usize) -> Option<(Memory, Obj)> {
        let before = bytes_before(words);
        let layout = std::alloc::Layout::from_size_align(before + words * 8, 8).ok()?;
        // SAFETY: the layout has a size above zero.
        let start = unsafe { std::alloc::alloc(layout) };
        if start.is_null() {
            return None;
        }
        // SAFETY: cards and number lie before the object.
        unsafe { std::ptr::write_bytes(start, 0, before) };
        let obj = Obj(start.wrapping_add(before).cast());
        Some((Memory::Allocated(start, layout), obj))
    }

    fn map(words: usize, room: usize) -> Option<(Memory, Obj)> {
        let is_huge = words * 8 >= 2 * HUGE_PAGE;
        let page = if is_huge { HUGE_PAGE } else { page_bytes() };
        // The object may grow to the end of the last page, so there are cards for that much.
        let before = bytes_before(room.checked_add(page / 8)?);
        let bytes = before.checked_add(room.checked_mul(8)?)?;
        let pages = Pages::try_reserve_aligned(bytes.next_multiple_of(page), page)?;
        if is_huge {
            pages.prefer_huge();
        }
        let obj = Obj(pages.start().wrapping_add(before).cast());
        Some((Memory::Mapped(pages, page), obj))
    }

    /// What an object of so many words in it counts, if it has room for them.
    fn counted(&self, obj: Obj, words: usize) -> Option<usize> {
        match self {
            Memory::Allocated(_, layout) => Some(layout.size()),
            Memory::Mapped(pages, page) => {
                let end = (obj.0 as usize + words * 8).next_multiple_of(*page);
                let first = (obj.0 as usize - bytes_before(words)) & !(page - 1);
                (end <= pages.start() as usize + pages.bytes()).then_some(end - first)
            }
        }
    }
}

impl Heap {
    pub(crate) fn alloc_large(&mut self, header: Header, words: usize) -> Result<Obj, NoMemory> {
        let bytes = words.checked_mul(8).ok_or(NoMemory)?;
        if !self.has_room(bytes) {
            return Err(NoMemory);
        }
        let grows = matches!(header.kind(), Kind::Buf | Kind::Raw);
        let (memory, obj) = match bytes {
            MAPPED_BYTES.. if grows => {
                let room = Memory::map(words, words.saturating_mul(ROOM));
                room.or_else(|| Memory::map(words, words))
            }
            MAPPED_BYTES.. => Memory::map(words, words),
            _ => None,
        }
        // The system maps no more than so many pieces of memory.
        .or_else(|| Memory::allocate(words))
        .ok_or(NoMemory)?;
        let counted = memory.counted(obj, words).expect("the memory was made for it");
        if !self.has_room(counted) {
            drop(Large { obj, counted, memory });
            return Err(NoMemory);
        }
        obj.set_header(header.with_large().with_mark(self.epoch));
        if header.kind() == Kind::Buf {
            obj.init(1, 0);
        }
        self.charge_words(words);
        self.set_number(obj, self.large.len());
        self.large.push(Large { obj, counted, memory });
        self.count_large(counted);
        Ok(obj)
    }

    fn count_large(&mut self, bytes: usize) {
        self.large_bytes += bytes;
        self.marking.grown_words += bytes / 8;
        if self.used_bytes() > self.major_at {
            self.ask_to_collect();
        }
    }

    fn number(obj: Obj) -> *mut u64 {
        obj.0.wrapping_sub(1)
    }

    fn set_number(&mut self, obj: Obj, number: usize) {
        // SAFETY: the word before a large object is its number.
        unsafe { *Heap::number(obj) = number as u64 }
    }

    /// Gives a buffer more room where it is, if there is some and the quota allows it.
    pub(crate) fn widen(&mut self, obj: Obj, n: usize) -> bool {
        let header = obj.header();
        debug_assert!(matches!(header.kind(), Kind::Buf | Kind::Raw));
        let Ok(n) = u32::try_from(n) else { return false };
        if !header.is_large() {
            return false;
        }
        let wider = header.with_n(n);
        // SAFETY: the word before a large object is its number.
        let number = unsafe { *Heap::number(obj) } as usize;
        let large = &self.large[number];
        let Memory::Mapped(..) = large.memory else {
            return false;
        };
        let Some(counted) = large.memory.counted(obj, wider.size()) else {
            return false;
        };
        let more = counted.saturating_sub(large.counted);
        if self.used_bytes() + more > self.quota {
            return false;
        }
        self.large[number].counted += more;
        self.count_large(more);
        obj.set_header(wider);
        true
    }

    /// Frees an object that holds no values and that nobody names any more, if it has memory of its own.
    pub(crate) fn discard(&mut self, obj: Obj) {
        debug_assert!(obj.kind() == Kind::Raw);
        let header = obj.header();
        if !header.is_large() || header.is_remembered() || self.marking.runs {
            return;
        }
        // SAFETY: as in `widen`.
        let number = unsafe { *Heap::number(obj) } as usize;
        let dead = self.large.swap_remove(number);
        self.large_bytes -= dead.counted;
        if let Some(moved) = self.large.get(number) {
            let moved = moved.obj;
            self.set_number(moved, number);
        }
    }

    fn card(obj: Obj, card: usize) -> *mut u8 {
        Heap::number(obj).cast::<u8>().wrapping_sub(1 + card)
    }

    pub(crate) fn remember_card(&mut self, obj: Obj, index: usize) {
        let card = index / CARD_WORDS;
        let place = Heap::card(obj, card);
        // SAFETY: a large object has a card for each of its words.
        unsafe {
            if *place == 0 {
                *place = 1;
                self.cards.push((obj, card as u32));
            }
        }
    }

    /// Cleans a card; answers the words of the object that it stands for.
    pub(crate) fn clean_card(obj: Obj, card: u32) -> (usize, usize) {
        // SAFETY: as in `remember_card`.
        unsafe { *Heap::card(obj, card as usize) = 0 };
        let (start, end) = obj.traced();
        let first = card as usize * CARD_WORDS;
        (start.max(first), end.min(first + CARD_WORDS))
    }

    /// After marking: frees the dead.
    pub(crate) fn sweep_large(&mut self) {
        let mut large = std::mem::take(&mut self.large);
        large.retain(|large| {
            let is_alive = large.obj.header().is_marked(self.epoch);
            if !is_alive {
                self.large_bytes -= large.counted;
            }
            is_alive
        });
        for (number, large) in large.iter().enumerate() {
            self.set_number(large.obj, number);
        }
        self.large = large;
    }
}

const _: () = assert!(LARGE_WORDS >= CARD_WORDS);
