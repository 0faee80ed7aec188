//! The index of a hash: open addressing in groups of eight places, two to a line of the cache.
//!
//! A place is 32 bits: the number of an entry plus 2 in as many low bits as the index has places (as a power of two), and
//! above them the low bits of the key's hash, so that an entry is looked at only when it is almost surely the one. 0 is an
//! empty place, 1 one whose entry was removed. A key's home is the group that the high bits of its hash name; a search goes
//! on as long as a group has no empty place: to the other group of the line, then to the next line. Groups are searched
//! whole, as in SwissTable (Kulukundis and others, abseil), but what is compared there is the entry's number too, which
//! saves a miss of the cache.
#![allow(unsafe_code)]

use crate::heap::LARGE_WORDS;
use crate::object::Obj;

const EMPTY: u32 = 0;
const REMOVED: u32 = 1;
/// Places of a group.
const GROUP: usize = 8;
const LINE_BYTES: usize = 64;
/// Words by which a large index is longer than its places, so that groups can start at lines of the cache.
const SLACK: usize = LINE_BYTES / 8 - 1;

/// Where a key is: its entry, and the place in the index that names it.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub entry: usize,
    pub place: usize,
}

/// The places of a `Raw` object.
#[derive(Clone, Copy)]
pub(crate) struct Index {
    places: *mut u32,
    /// The number of places as a power of two.
    bits: u32,
}

/// How an index lies in its object: its bits, and the word at which it starts. Fits the `aux` of a header.
#[derive(Clone, Copy)]
pub(crate) struct Layout(pub u16);

impl Layout {
    /// The layout of an index of that many bits in an object with [`n_words`] words for it.
    pub(crate) fn of(raw: Obj, bits: u32) -> Layout {
        debug_assert_eq!(raw.n(), n_words(bits));
        let start = raw.0 as usize + 8;
        // Only large objects never move, so that only their groups can be laid on lines.
        let skipped = if is_large(bits) {
            start.next_multiple_of(LINE_BYTES) - start
        } else {
            0
        };
        Layout(bits as u16 | ((1 + skipped as u16 / 8) << 8))
    }
}

/// The number of places, as a power of two, for so many entries: at most three halfs are used.
pub(crate) fn bits_for(capacity: usize) -> u32 {
    (capacity * 4)
        .div_ceil(3)
        .next_power_of_two()
        .max(2 * GROUP)
        .trailing_zeros()
}

/// How many entries an index of that many bits takes.
pub(crate) fn capacity_of(bits: u32) -> usize {
    (1 << bits) / 4 * 3
}

/// Words of the `Raw` object for an index of that many bits.
pub(crate) fn n_words(bits: u32) -> usize {
    (1 << bits) / 2 + if is_large(bits) { SLACK } else { 0 }
}

fn is_large(bits: u32) -> bool {
    (1 << bits) / 2 > LARGE_WORDS
}

impl Index {
    /// The index in an object.
    #[inline(always)]
    pub(crate) fn new(raw: Obj, layout: Layout) -> Index {
        // SAFETY: layouts are made for the objects that they are kept with.
        let places = unsafe { raw.0.add((layout.0 >> 8) as usize).cast::<u32>() };
        Index {
            places,
            bits: u32::from(layout.0 & 0xff),
        }
    }

    /// Empties every place.
    pub(crate) fn clear(self) {
        // SAFETY: the object has that many places.
        unsafe { std::ptr::write_bytes(self.places, 0, 1 << self.bits) }
    }

    #[inline(always)]
    fn n_groups(self) -> usize {
        (1 << self.bits) / GROUP
    }

    #[inline(always)]
    fn home(self, hash: u32) -> usize {
        (hash >> (32 + GROUP.trailing_zeros() - self.bits)) as usize
    }

    /// The group to go on with after a full one: the other half of the line, then the next line.
    #[inline(always)]
    fn next_group(self, group: usize, home: usize) -> usize {
        let other = group ^ 1;
        let next = if (group ^ home) & 1 == 0 { other } else { other + 2 };
        next & (self.n_groups() - 1)
    }

    #[inline(always)]
    fn group(self, group: usize) -> &'static [u32; GROUP] {
        debug_assert!(group < self.n_groups());
        // SAFETY: groups lie within the object, which lives as long as the operation that asks.
        unsafe { &*self.places.add(group * GROUP).cast() }
    }

    #[inline(always)]
    fn content(self, place: usize) -> u32 {
        debug_assert!(place < 1 << self.bits);
        // SAFETY: places come from searches of this index.
        unsafe { *self.places.add(place) }
    }

    #[inline(always)]
    fn set(self, place: usize, content: u32) {
        debug_assert!(place < 1 << self.bits);
        // SAFETY: as in `content`.
        unsafe { *self.places.add(place) = content }
    }

    /// Searches for an entry that is the one by its hash and by `is_it`. When there is none: a place to name it at.
    #[inline(always)]
    pub(crate) fn find(self, hash: u32, mut is_it: impl FnMut(usize) -> bool) -> Result<Found, usize> {
        let home = self.home(hash);
        if let Some(found) = self.find_in_group(home, hash, &mut is_it) {
            return Ok(found);
        }
        let open = free_lanes(self.group(home));
        if open != 0 {
            let place = home * GROUP + open.trailing_zeros() as usize;
            if self.content(place) == EMPTY {
                return Err(place);
            }
        }
        self.find_beyond(home, hash, is_it)
    }

    #[inline(always)]
    fn find_in_group(self, group: usize, hash: u32, is_it: &mut impl FnMut(usize) -> bool) -> Option<Found> {
        let high_bits = u32::MAX << self.bits;
        let mut same = lanes_with_tag(self.group(group), hash << self.bits, high_bits);
        while same != 0 {
            let place = group * GROUP + same.trailing_zeros() as usize;
            let number = self.content(place) & !high_bits;
            if number > REMOVED && is_it(number as usize - 2) {
                return Some(Found {
                    entry: number as usize - 2,
                    place,
                });
            }
            same &= same - 1;
        }
        None
    }

    /// Goes on with a search that did not end in the home group.
    #[inline(never)]
    fn find_beyond(
        self,
        home: usize,
        hash: u32,
        mut is_it: impl FnMut(usize) -> bool,
    ) -> Result<Found, usize> {
        let mut group = home;
        let mut free = None;
        loop {
            if let Some(found) = self.find_in_group(group, hash, &mut is_it) {
                return Ok(found);
            }
            let mut open = free_lanes(self.group(group));
            while open != 0 {
                let place = group * GROUP + open.trailing_zeros() as usize;
                let first = *free.get_or_insert(place);
                if self.content(place) == EMPTY {
                    return Err(first);
                }
                open &= open - 1;
            }
            group = self.next_group(group, home);
        }
    }

    /// Names an entry at a place that a search gave.
    #[inline(always)]
    pub(crate) fn name(self, place: usize, hash: u32, entry: usize) {
        self.set(place, (hash << self.bits) ^ (entry as u32 + 2));
    }

    /// Names an entry whose key is not in the index.
    #[inline(always)]
    pub(crate) fn insert(self, hash: u32, entry: usize) {
        let home = self.home(hash);
        let mut group = home;
        loop {
            let open = free_lanes(self.group(group));
            if open != 0 {
                self.name(group * GROUP + open.trailing_zeros() as usize, hash, entry);
                return;
            }
            group = self.next_group(group, home);
        }
    }

    /// Takes an entry out. Its place is empty again when no search goes past its group.
    pub(crate) fn remove(self, place: usize) {
        let stays_passable = self.group(place / GROUP).contains(&EMPTY);
        self.set(place, if stays_passable { EMPTY } else { REMOVED });
    }
}

/// The lanes whose bits under `mask` are those of the tag, as a set of bits.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn lanes_with_tag(group: &[u32; GROUP], tag: u32, mask: u32) -> u32 {
    use std::arch::x86_64::{_mm_and_si128, _mm_cmpeq_epi32, _mm_set1_epi32};
    // SAFETY: SSE2 is part of the architecture.
    unsafe {
        let (tag, mask) = (_mm_set1_epi32(tag as i32), _mm_set1_epi32(mask as i32));
        lanes(group, |half| _mm_cmpeq_epi32(_mm_and_si128(half, mask), tag))
    }
}

/// The lanes that name no entry, as a set of bits.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn free_lanes(group: &[u32; GROUP]) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi32, _mm_setzero_si128, _mm_srli_epi32};
    // SAFETY: SSE2 is part of the architecture.
    unsafe {
        lanes(group, |half| {
            _mm_cmpeq_epi32(_mm_srli_epi32(half, 1), _mm_setzero_si128())
        })
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn lanes(
    group: &[u32; GROUP],
    test: impl Fn(std::arch::x86_64::__m128i) -> std::arch::x86_64::__m128i,
) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_loadu_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_packs_epi32, _mm_setzero_si128,
    };
    let start: *const __m128i = group.as_ptr().cast();
    // SAFETY: SSE2 is part of the architecture, and a group is two such vectors.
    unsafe {
        let half = |index| test(_mm_loadu_si128(start.add(index)));
        let lanes = _mm_packs_epi32(half(0), half(1));
        _mm_movemask_epi8(_mm_packs_epi16(lanes, _mm_setzero_si128())) as u32
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn lanes_with_tag(group: &[u32; GROUP], tag: u32, mask: u32) -> u32 {
    lanes(group, |content| content & mask == tag)
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn free_lanes(group: &[u32; GROUP]) -> u32 {
    lanes(group, |content| content <= REMOVED)
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn lanes(group: &[u32; GROUP], test: impl Fn(u32) -> bool) -> u32 {
    group.iter().enumerate().fold(0, |lanes, (lane, content)| {
        lanes | (u32::from(test(*content)) << lane)
    })
}
