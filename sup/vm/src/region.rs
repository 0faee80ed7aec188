//! Regions: values that lie outside of heaps, never move and never change, and are counted, so that isolates share them.
//!
//! A region is a run of objects with everything they name, made by `send`. A heap that names a region's object holds the
//! region; a collection of everything lets go of those that it did not reach. Objects in regions carry the mark of what is
//! immortal, so that nothing is ever stored into them and no collection goes through them.
#![allow(unsafe_code)]

use std::sync::Arc;

use sup_abi::word::{TAG_POINTER, Word};

use crate::heap::{Heap, NoMemory, Shared};
use crate::object::{Header, Kind, Obj};

/// Most regions that one region names; what would name more is copied.
pub(crate) const MAX_NEEDS: usize = 64;

/// What running the functions of a region takes of an isolate's link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkNeeds {
    pub n_cells: usize,
    pub n_primitives: usize,
}

impl LinkNeeds {
    pub fn merge(&mut self, other: LinkNeeds) {
        self.n_cells = self.n_cells.max(other.n_cells);
        self.n_primitives = self.n_primitives.max(other.n_primitives);
    }
}

/// A run of objects that any number of heaps name.
pub(crate) struct Region {
    start: *mut u64,
    n_words: usize,
    /// Places of the objects that own a count of bytes outside.
    external: Box<[usize]>,
    external_bytes: usize,
    /// The regions that objects of this one name, and those that these name.
    needs: Box<[Arc<Region>]>,
    link: LinkNeeds,
}

// SAFETY: the objects of a region are never written but for cached hashes, which are atomic; the counts that it owns are
// those of `Arc`s over bytes that never change.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

/// What a region is made of.
#[derive(Default)]
pub(crate) struct Draft {
    /// The objects; words that name others hold the place of those.
    pub words: Vec<u64>,
    /// Indexes of the words that name objects of the region.
    pub fixups: Vec<usize>,
    /// Places of the objects that own a count of bytes outside.
    pub external: Vec<usize>,
    pub needs: Vec<Arc<Region>>,
    pub link: LinkNeeds,
}

// SAFETY: a draft's words name nothing but objects of its own, immortal ones, and those of regions that it counts.
unsafe impl Send for Draft {}

impl Draft {
    fn external_bytes(&self) -> usize {
        let headers = self.external.iter().map(|place| Header(self.words[*place]));
        headers.map(Header::n).sum()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for place in &self.external {
            // SAFETY: word 2 of these kinds came from `Arc::into_raw`; the draft owns the count until somebody takes
            // `external` over with it.
            drop(unsafe { Arc::from_raw(self.words[*place + 2] as *const Shared) });
        }
    }
}

impl Region {
    /// Makes the region of a draft.
    pub fn new(mut draft: Draft) -> Region {
        let external_bytes = draft.external_bytes();
        let words = Box::leak(std::mem::take(&mut draft.words).into_boxed_slice());
        let start = words.as_mut_ptr();
        for at in &draft.fixups {
            words[*at] = address(start, words[*at] as usize);
        }
        Region {
            start,
            n_words: words.len(),
            external: std::mem::take(&mut draft.external).into_boxed_slice(),
            external_bytes,
            needs: std::mem::take(&mut draft.needs).into_boxed_slice(),
            link: draft.link,
        }
    }

    /// The word that names the object at a place.
    pub fn word_at(&self, place: usize) -> Word {
        debug_assert!(place < self.n_words);
        address(self.start, place)
    }

    /// Whether an address lies in it.
    fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.start as usize) < self.n_words * 8
    }

    /// Memory that it keeps alive, in bytes.
    pub fn n_bytes(&self) -> usize {
        self.n_words * 8 + self.external_bytes
    }

    pub fn needs(&self) -> &[Arc<Region>] {
        &self.needs
    }

    pub fn link(&self) -> LinkNeeds {
        self.link
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        for place in &self.external {
            let obj = Obj(self.start.wrapping_add(*place));
            // SAFETY: word 2 of these kinds came from `Arc::into_raw`, and the region owns that count.
            drop(unsafe { Arc::from_raw(obj.get(2) as *const Shared) });
        }
        // SAFETY: the words were leaked from a boxed slice of this length in `new`, and nothing names them any more.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.start, self.n_words)) });
    }
}

fn address(start: *mut u64, place: usize) -> Word {
    start.wrapping_add(place) as u64 + TAG_POINTER
}

struct Held {
    region: Arc<Region>,
    is_reached: bool,
}

/// The regions that a heap names, by address.
#[derive(Default)]
pub(crate) struct Regions {
    held: Vec<Held>,
    /// Those of the image that the isolate was started from, by address: held for as long as the isolate.
    pinned: Option<Arc<[Arc<Region>]>>,
}

impl Regions {
    /// The place of the region that an address lies in, or where it would be.
    fn place(&self, address: usize) -> Result<usize, usize> {
        let after = self
            .held
            .partition_point(|held| held.region.start as usize <= address);
        match after.checked_sub(1) {
            Some(place) if self.held[place].region.contains(address) => Ok(place),
            _ => Err(after),
        }
    }

    /// The region that an object lies in.
    pub fn find(&self, obj: Obj) -> Option<&Arc<Region>> {
        let address = obj.0 as usize;
        if let Ok(place) = self.place(address) {
            return Some(&self.held[place].region);
        }
        let pinned = self.pinned.as_deref()?;
        let after = pinned.partition_point(|region| region.start as usize <= address);
        pinned
            .get(after.checked_sub(1)?)
            .filter(|region| region.contains(address))
    }

    /// Notes that a collection of everything came upon an object.
    pub fn reach(&mut self, obj: Obj) {
        if let Ok(place) = self.place(obj.0 as usize) {
            self.held[place].is_reached = true;
        }
    }

    /// Lets go of the regions that were not reached since the last time; how many bytes that gives back.
    pub fn sweep(&mut self) -> usize {
        // What a reached region names can be taken out of it at any time.
        let named: Vec<usize> = self
            .held
            .iter()
            .filter(|held| held.is_reached)
            .flat_map(|held| held.region.needs().iter().map(|need| need.start as usize))
            .collect();
        for address in named {
            if let Ok(place) = self.place(address) {
                self.held[place].is_reached = true;
            }
        }
        let mut freed = 0;
        self.held.retain_mut(|held| {
            let is_kept = std::mem::take(&mut held.is_reached);
            if !is_kept {
                freed += held.region.n_bytes();
            }
            is_kept
        });
        freed
    }

    /// Regions that stay for as long as the heap; sorted by address.
    pub fn pin(&mut self, regions: Arc<[Arc<Region>]>) {
        debug_assert!(regions.is_sorted_by_key(|region| region.start as usize));
        self.pinned = Some(regions);
    }
}

/// Regions by address, each once.
pub(crate) fn sorted(mut regions: Vec<Arc<Region>>) -> Arc<[Arc<Region>]> {
    regions.sort_by_key(|region| region.start as usize);
    regions.dedup_by_key(|region| region.start as usize);
    regions.into()
}

impl Heap {
    /// Holds a region and those that it names.
    ///
    /// # Errors
    /// When the quota is used up.
    pub(crate) fn hold(&mut self, region: &Arc<Region>) -> Result<(), NoMemory> {
        let all = std::iter::once(region).chain(region.needs());
        let new: Vec<&Arc<Region>> = all
            .filter(|region| region.n_words > 0 && self.regions.find(Obj(region.start)).is_none())
            .collect();
        let n_bytes: usize = new.iter().map(|region| region.n_bytes()).sum();
        if !self.has_room(n_bytes) {
            return Err(NoMemory);
        }
        for region in new {
            // A need may be named twice.
            if let Err(place) = self.regions.place(region.start as usize) {
                self.external.bytes += region.n_bytes();
                let held = Held {
                    region: region.clone(),
                    is_reached: false,
                };
                self.regions.held.insert(place, held);
            }
        }
        if self.used_bytes() > self.major_at {
            self.ask_to_collect();
        }
        Ok(())
    }

    /// Moves the objects of a draft into the nursery, as if they had been made there; gives the draft back when there is no
    /// room. The word of the object at `root`.
    pub(crate) fn take_in(&mut self, mut draft: Draft, root: usize) -> Result<Word, Draft> {
        let n_words = draft.words.len();
        let room = (self.limit as usize - self.next as usize) / 8;
        let external_bytes = draft.external_bytes();
        if n_words > room || self.immortal || self.used_bytes().saturating_add(external_bytes) > self.quota {
            return Err(draft);
        }
        let start = self.next;
        // SAFETY: `n_words` fit between `next` and the end of the nursery.
        let words = unsafe {
            self.next = start.add(n_words);
            std::ptr::copy_nonoverlapping(draft.words.as_ptr(), start, n_words);
            std::slice::from_raw_parts_mut(start, n_words)
        };
        let mut at = 0;
        while at < n_words {
            let header = Header(words[at]);
            words[at] = header.without_region().0;
            at += header.size();
        }
        for at in &draft.fixups {
            words[*at] = address(start, words[*at] as usize);
        }
        for place in std::mem::take(&mut draft.external) {
            debug_assert!(matches!(
                Header(words[place]).kind(),
                Kind::BigStr | Kind::BigBytes
            ));
            self.adopt_shared(Obj(start.wrapping_add(place)));
        }
        Ok(address(start, root))
    }
}
