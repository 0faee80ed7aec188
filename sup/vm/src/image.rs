//! Images: what an isolate hands to those that it starts, so that starting one costs next to nothing.
//!
//! An image is the isolate's link as it stands: the values of its module variables and its primitives. Functions without
//! captures, numbers and names are words that mean the same everywhere; every other value lies in a region, made when it is
//! first asked for and kept for as long as the variable keeps its value. A variable whose value stays in its isolate has
//! none in the image, and whoever reads it there is told why.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use sup_abi::word::{NIL, UNDEFINED, Word, is_pointer};

use crate::collect::Roots;
use crate::error::Raise;
use crate::primitives::PrimitiveEntry;
use crate::region::{Region, sorted};
use crate::send::{Copier, Refusal, Went};
use crate::vm::{Limits, Vm};

/// Bytes of a module variable's value from which on the isolate itself goes on with the value in the region.
const SHARED_BYTES: usize = 4096;

/// What isolates are started from.
pub struct Image {
    cells: Box<[Word]>,
    extra: Box<[Word]>,
    primitives: Arc<Vec<PrimitiveEntry>>,
    /// Every region that the words name, by address.
    regions: Arc<[Arc<Region>]>,
    /// Why a module variable has no value here, by its number.
    missing: Arc<HashMap<u32, String>>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Image")
    }
}

/// The image that was made last, and the words that it was made from.
#[derive(Default)]
pub(crate) struct Imaged {
    image: Option<Arc<Image>>,
    /// The words as they stand in the isolate: collections keep them current, so that comparing tells what has changed.
    cells: Vec<Word>,
    extra: Vec<Word>,
    regions: HashMap<(Part, usize), Arc<Region>>,
    missing: HashMap<u32, String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Cell,
    Extra,
}

impl Imaged {
    pub fn add_roots(&mut self, roots: &mut Roots) {
        roots.add(self.cells.as_mut_ptr(), self.cells.len());
        roots.add(self.extra.as_mut_ptr(), self.extra.len());
    }
}

impl Vm {
    /// The image of this isolate as it stands, and of `extra` words, which isolates started from it keep as [`Vm::keep`]
    /// does. Only what has changed since the last time is copied.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn image(&mut self, extra: &[Word]) -> Result<Arc<Image>, Raise> {
        if let Some(image) = &self.imaged.image
            && self.imaged.cells == self.cells
            && self.imaged.extra == extra
            && Arc::ptr_eq(&image.primitives, &self.primitives)
        {
            return Ok(image.clone());
        }
        let last = self.imaged.image.take();
        let last_words = |part: Part| match (&last, part) {
            (None, _) => &[][..],
            (Some(image), Part::Cell) => &image.cells,
            (Some(image), Part::Extra) => &image.extra,
        };
        let mut cells = Vec::with_capacity(self.cells.len());
        for index in 0..self.cells.len() {
            let word = self.cells[index];
            let known = last_words(Part::Cell).get(index).copied();
            cells.push(self.imaged_word((Part::Cell, index), word, known)?);
        }
        let mut extras = Vec::with_capacity(extra.len());
        for (index, word) in extra.iter().enumerate() {
            let known = last_words(Part::Extra).get(index).copied();
            extras.push(self.imaged_word((Part::Extra, index), *word, known)?);
        }
        self.imaged.cells.clone_from(&self.cells);
        self.imaged.extra = extra.to_vec();
        let named = self.imaged.regions.values();
        let regions = named.flat_map(|region| std::iter::once(region).chain(region.needs()));
        let image = Arc::new(Image {
            cells: cells.into_boxed_slice(),
            extra: extras.into_boxed_slice(),
            primitives: self.primitives.clone(),
            regions: sorted(regions.cloned().collect()),
            missing: Arc::new(self.imaged.missing.clone()),
        });
        self.imaged.image = Some(image.clone());
        Ok(image)
    }

    /// The word of an image for one of the isolate's; `known` is that of the last image.
    fn imaged_word(&mut self, at: (Part, usize), word: Word, known: Option<Word>) -> Result<Word, Raise> {
        let before = match at.0 {
            Part::Cell => self.imaged.cells.get(at.1),
            Part::Extra => self.imaged.extra.get(at.1),
        };
        if let (Some(known), Some(before)) = (known, before)
            && *before == word
        {
            return Ok(known);
        }
        self.imaged.regions.remove(&at);
        if at.0 == Part::Cell {
            self.imaged.missing.remove(&(at.1 as u32));
        }
        if !is_pointer(word) {
            return Ok(word);
        }
        let mut copier = Copier::new(&mut self.heap);
        let went = match copier.copy(word) {
            Ok(went) => went,
            Err(Refusal::TooLarge) => return Err(self.raise_memory()),
            Err(Refusal::Stays { word, way }) => {
                let why = self.describe_refused(word, &way);
                if at.0 == Part::Cell {
                    self.imaged.missing.insert(at.1 as u32, why);
                    return Ok(UNDEFINED);
                }
                return Ok(NIL);
            }
        };
        let draft = copier.finish();
        if draft.words.is_empty() && draft.needs.is_empty() {
            return Ok(word);
        }
        let region = Arc::new(Region::new(draft));
        self.imaged.regions.insert(at, region.clone());
        let Went::Place(place) = went else {
            return Ok(word);
        };
        let made = region.word_at(place);
        if at.0 == Part::Cell && region.n_bytes() >= SHARED_BYTES && self.heap.hold(&region).is_ok() {
            self.cells[at.1] = made;
        }
        Ok(made)
    }

    /// An isolate with those limits that begins as an image says, and the places of the image's extra words.
    #[must_use]
    pub fn of_image(limits: Limits, image: &Arc<Image>) -> (Box<Vm>, Vec<crate::vm::Kept>) {
        let mut vm = Vm::with_primitives(limits, image.primitives.clone());
        vm.cells = image.cells.to_vec();
        vm.heap.regions.pin(image.regions.clone());
        vm.missing = image.missing.clone();
        vm.refresh_link();
        let kept = image.extra.iter().map(|word| vm.keep(*word)).collect();
        (vm, kept)
    }

    /// Raises that a module variable has no value here.
    #[cold]
    pub(crate) fn raise_unbound_cell(&mut self, id: u32) -> Raise {
        let (module, name) = crate::cells::name(id);
        let message = match self.missing.get(&id) {
            Some(why) => format!("{name} of module {module} stays in the isolate that set it: it {why}"),
            None => format!("{name} has no value in module {module}"),
        };
        self.raise("name/unbound", &message)
    }
}

// SAFETY: an image's words are immediate, immortal, or name objects of the regions that it counts.
unsafe impl Send for Image {}
// SAFETY: as above; nothing of an image changes.
unsafe impl Sync for Image {}
