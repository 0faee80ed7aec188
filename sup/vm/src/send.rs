//! Sending: values are copied flat out of a heap, into a parcel that another isolate's heap takes in.
//!
//! What is immutable for the life of the process (constants, code) and what lies in a region goes along as it is; bytes and
//! long strings are shared by their count. Everything else is copied once, however often the value names it. The copy goes
//! through the value with a stack of its own, breadth and depth bounded by the sender's quota only.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use sup_abi::word::{NIL, Word, is_pointer};

use crate::data::entries::{Entries, Version};
use crate::data::{BRACE, list_items};
use crate::error::{Outcome, Raise};
use crate::heap::{Heap, LARGE_WORDS, Shared};
use crate::object::{Header, Kind, Obj};
use crate::region::{Draft, LinkNeeds, MAX_NEEDS, Region};
use crate::unit::FunctionMeta;
use crate::vm::Vm;

/// Words of a frozen value from which on it lies in a region of its own.
const REGION_WORDS: usize = 512;

/// A value on its way between isolates.
pub struct Parcel {
    content: Content,
}

enum Content {
    /// A word that means the same everywhere; the draft is empty but for what the word needs.
    Word(Word, Draft),
    /// Few objects, copied into the heap that they are meant for; the place of the value.
    Few(Draft, usize),
    /// Many, which the heap that they are meant for names where they are; the value.
    Many(Arc<Region>, Word),
}

/// A value that any number of isolates take over, each time as it is.
pub struct SharedParcel {
    word: Word,
    regions: Box<[Arc<Region>]>,
    link: LinkNeeds,
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parcel")
    }
}

/// Why a value cannot be copied out of its heap.
pub(crate) enum Refusal {
    /// There is a value in it that stays where it was made; the way to it, outermost first.
    Stays { word: Word, way: Vec<Step> },
    /// The copy would be larger than the quota.
    TooLarge,
}

/// One step of the way into a value: the object, and which of its words goes on.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub of: Obj,
    pub slot: usize,
}

/// An object that was copied.
struct Copied {
    source: Obj,
    place: usize,
    /// The copy that named it, and by which word.
    parent: usize,
    slot: usize,
}

/// The parent of a value that nothing copied names.
const NOBODY: usize = usize::MAX;

/// Copies values out of a heap.
pub(crate) struct Copier<'a> {
    heap: &'a mut Heap,
    draft: Draft,
    copied: Vec<Copied>,
    /// Places of the objects that were copied.
    places: HashMap<Word, usize, FixedState>,
    max_words: usize,
}

/// Where a value went.
#[derive(Clone, Copy)]
pub(crate) enum Went {
    /// It is this word everywhere.
    Word(Word),
    /// To that place of the draft.
    Place(usize),
}

impl<'a> Copier<'a> {
    /// Copies out of `heap` at most as much as its quota.
    pub fn new(heap: &'a mut Heap) -> Copier<'a> {
        let max_words = heap.quota / 8;
        Copier {
            heap,
            draft: Draft::default(),
            copied: Vec::new(),
            places: HashMap::default(),
            max_words,
        }
    }

    /// Copies a value with all that it names. After a refusal the copier is of no more use.
    pub fn copy(&mut self, word: Word) -> Result<Went, Refusal> {
        let first = self.copied.len();
        let went = self.send(word, NOBODY, 0)?;
        let mut next = first;
        while next < self.copied.len() {
            let place = self.copied[next].place;
            let (start, end) = traced(&self.draft.words, place);
            for slot in start..end {
                let word = self.draft.words[place + slot];
                if !is_pointer(word) {
                    continue;
                }
                match self.send(word, next, slot)? {
                    Went::Word(word) => self.draft.words[place + slot] = word,
                    Went::Place(target) => {
                        self.draft.words[place + slot] = target as u64;
                        self.draft.fixups.push(place + slot);
                    }
                }
            }
            next += 1;
        }
        Ok(went)
    }

    /// Finds out where a word goes; the words of an object that is new are still those of its source.
    fn send(&mut self, word: Word, parent: usize, slot: usize) -> Result<Went, Refusal> {
        let Some(obj) = Obj::from_word(word) else {
            return Ok(Went::Word(word));
        };
        let header = obj.header();
        if header.is(Kind::Closure) {
            self.draft.link.merge(link_of(obj));
        }
        if header.is_immortal() && (!header.is_in_region() || self.shares(obj)) {
            return Ok(Went::Word(word));
        }
        if let Some(place) = self.places.get(&word) {
            return Ok(Went::Place(*place));
        }
        let at = self.draft.words.len();
        let (source, place) = self.lay_down(obj, parent, slot)?;
        self.places.insert(word, at);
        self.copied.push(Copied {
            source,
            place,
            parent,
            slot,
        });
        Ok(Went::Place(at))
    }

    /// Whether an object of a region goes along as it is: the draft then counts the region.
    fn shares(&mut self, obj: Obj) -> bool {
        let Some(region) = self.heap.regions.find(obj) else {
            return false;
        };
        let needs = &mut self.draft.needs;
        if needs.iter().any(|need| Arc::ptr_eq(need, region)) {
            return true;
        }
        let missing =
            |needs: &[Arc<Region>], region: &Arc<Region>| !needs.iter().any(|need| Arc::ptr_eq(need, region));
        let n_missing = region.needs().iter().filter(|need| missing(needs, need)).count();
        if needs.len() + 1 + n_missing > MAX_NEEDS {
            return false;
        }
        let all = std::iter::once(region).chain(region.needs());
        for need in all {
            if missing(needs, need) {
                needs.push(need.clone());
            }
        }
        self.draft.link.merge(region.link());
        true
    }

    /// Appends an object's copy. The object whose words are to be gone through then, and the place of its copy.
    fn lay_down(&mut self, obj: Obj, parent: usize, slot: usize) -> Result<(Obj, usize), Refusal> {
        let header = obj.header();
        let place = self.draft.words.len();
        match header.kind() {
            Kind::View => {
                let items = list_items(obj.word()).unwrap_or(&[]);
                self.check_room(1 + items.len())?;
                let flat = Header::new(Kind::List, items.len() as u32).with_subkind(header.subkind());
                self.draft.words.push(flat.for_region().0);
                self.draft.words.extend_from_slice(items);
            }
            Kind::MapView => return self.lay_down_map(obj),
            Kind::Array
            | Kind::Table
            | Kind::Buffer
            | Kind::Box
            | Kind::Resource
            | Kind::Fiber
            | Kind::Buf
            | Kind::Raw
            | Kind::Hash => {
                return Err(Refusal::Stays {
                    word: obj.word(),
                    way: self.way(parent, slot),
                });
            }
            kind => {
                let n_words = header.size();
                self.check_room(n_words)?;
                self.draft.words.push(header.for_region().0);
                self.draft.words.extend_from_slice(obj.words(1, n_words - 1));
                if matches!(kind, Kind::BigStr | Kind::BigBytes) {
                    // SAFETY: word 2 of these kinds came from `Arc::into_raw` and is counted while the object lives.
                    unsafe { Arc::increment_strong_count(obj.get(2) as *const Shared) };
                    self.draft.external.push(place);
                }
            }
        }
        Ok((obj, place))
    }

    /// Appends a large map: the view, its hash, the index if it has one, and the entries, which are what is gone through.
    fn lay_down_map(&mut self, view: Obj) -> Result<(Obj, usize), Refusal> {
        let hash = Obj::from_word(view.get(1)).expect("a view of a map names a hash");
        let version = Version::from_raw(view.get(2));
        let entries = Entries(hash);
        let is_newest = entries.is_unchanged(version) && entries.n_entries() == version.n_entries;
        let hash = if is_newest {
            hash
        } else {
            let copy = entries.copy_version(self.heap, version, 0);
            copy.map_err(|_| Refusal::TooLarge)?.0
        };
        let pairs = Obj::from_word(hash.get(1)).expect("a hash that is not superseded has entries");
        let index = Obj::from_word(hash.get(2));
        let fill = pairs.get(1) as usize;
        let n_index = index.map_or(0, |index| index.header().size());
        self.check_room(3 + 7 + n_index + 2 + fill)?;
        let words = &mut self.draft.words;
        let view_at = words.len();
        let (hash_at, index_at) = (view_at + 3, view_at + 10);
        let pairs_at = index_at + n_index;
        let version = Version {
            n_entries: fill / 2,
            n_logged: 0,
        };
        words.extend([view.header().for_region().0, hash_at as u64, version.to_raw()]);
        words.extend([hash.header().for_region().0, pairs_at as u64, NIL]);
        words.extend([NIL, NIL, hash.get(5), 0]);
        if let Some(index) = index {
            words[hash_at + 2] = index_at as u64;
            words.push(index.header().for_region().0);
            words.extend_from_slice(index.words(1, n_index - 1));
            self.draft.fixups.push(hash_at + 2);
        }
        words.push(Header::new(Kind::Buf, fill as u32).for_region().0);
        words.push(fill as u64);
        words.extend_from_slice(pairs.words(2, fill));
        self.draft.fixups.extend([view_at + 1, hash_at + 1]);
        Ok((pairs, pairs_at))
    }

    fn check_room(&self, more: usize) -> Result<(), Refusal> {
        if self.draft.words.len().saturating_add(more) > self.max_words {
            return Err(Refusal::TooLarge);
        }
        Ok(())
    }

    /// The way to what a copy's word names.
    fn way(&self, mut parent: usize, mut slot: usize) -> Vec<Step> {
        let mut way = Vec::new();
        while let Some(copied) = self.copied.get(parent) {
            way.push(Step {
                of: copied.source,
                slot,
            });
            (parent, slot) = (copied.parent, copied.slot);
        }
        way.reverse();
        way
    }

    /// What was copied.
    pub fn finish(self) -> Draft {
        self.draft
    }
}

/// The parcel of what was copied.
fn parcel(draft: Draft, went: Went) -> Parcel {
    let content = match went {
        Went::Word(word) => Content::Word(word, draft),
        Went::Place(place) if draft.words.len() <= LARGE_WORDS => Content::Few(draft, place),
        Went::Place(place) => {
            let region = Arc::new(Region::new(draft));
            let word = region.word_at(place);
            Content::Many(region, word)
        }
    };
    Parcel { content }
}

/// The words of a copy that are to be gone through.
fn traced(words: &[u64], place: usize) -> (usize, usize) {
    let header = Header(words[place]);
    if header.is(Kind::Buf) {
        return (2, 2 + words[place + 1] as usize);
    }
    Obj(words[place..].as_ptr().cast_mut()).traced()
}

fn link_of(closure: Obj) -> LinkNeeds {
    FunctionMeta::of_callee(closure.word()).map_or_else(LinkNeeds::default, FunctionMeta::link_needs)
}

impl Vm {
    /// Copies a value for another isolate. `what` names it in the error.
    ///
    /// # Errors
    /// `isolate/not-sendable` when it holds something mutable or a handle; the data is the way to that.
    pub fn pack(&mut self, word: Word, what: &str) -> Result<Parcel, Raise> {
        let mut copier = Copier::new(&mut self.heap);
        match copier.copy(word) {
            Ok(went) => Ok(parcel(copier.finish(), went)),
            Err(refusal) => Err(self.raise_refusal(&refusal, what)),
        }
    }

    /// Copies a value for any number of isolates.
    ///
    /// # Errors
    /// As for [`Vm::pack`].
    pub fn pack_shared(&mut self, word: Word, what: &str) -> Result<SharedParcel, Raise> {
        let mut copier = Copier::new(&mut self.heap);
        match copier.copy(word) {
            Ok(Went::Word(word)) => {
                let mut draft = copier.finish();
                Ok(SharedParcel {
                    word,
                    regions: std::mem::take(&mut draft.needs).into(),
                    link: draft.link,
                })
            }
            Ok(Went::Place(place)) => {
                let region = Region::new(copier.finish());
                Ok(SharedParcel {
                    word: region.word_at(place),
                    link: region.link(),
                    regions: Box::new([Arc::new(region)]),
                })
            }
            Err(refusal) => Err(self.raise_refusal(&refusal, what)),
        }
    }

    /// The value of a shared parcel, in this isolate.
    ///
    /// # Errors
    /// `vm/memory` when the quota does not suffice.
    pub fn unpack_shared(&mut self, parcel: &SharedParcel) -> Outcome {
        self.provide(&parcel.regions, parcel.link)?;
        Ok(parcel.word)
    }

    /// Copies a function and its arguments for another isolate, as a list.
    ///
    /// # Errors
    /// As for [`Vm::pack`]; the message names the argument.
    pub fn pack_call(&mut self, callee: Word, arguments: &[Word]) -> Result<Parcel, Raise> {
        let mut call = vec![callee];
        call.extend_from_slice(arguments);
        let list = self.new_list(BRACE, &call)?;
        let mut copier = Copier::new(&mut self.heap);
        match copier.copy(list) {
            Ok(went) => Ok(parcel(copier.finish(), went)),
            Err(Refusal::Stays { word, way }) => {
                let what = match way.first().map_or(0, |step| step.slot - 1) {
                    0 => "the function".to_owned(),
                    argument => format!("argument {argument}"),
                };
                let way = way[1..].to_vec();
                Err(self.raise_refusal(&Refusal::Stays { word, way }, &what))
            }
            Err(refusal) => Err(self.raise_refusal(&refusal, "the call")),
        }
    }

    /// The value of a parcel, in this isolate.
    ///
    /// # Errors
    /// `vm/memory` when the quota does not suffice.
    pub fn unpack(&mut self, parcel: Parcel) -> Outcome {
        match parcel.content {
            Content::Word(word, draft) => {
                self.provide(&draft.needs, draft.link)?;
                Ok(word)
            }
            Content::Few(draft, place) => {
                self.provide(&draft.needs, draft.link)?;
                match self.heap.take_in(draft, place) {
                    Ok(word) => Ok(word),
                    Err(draft) => {
                        let region = Arc::new(Region::new(draft));
                        self.provide(std::slice::from_ref(&region), region.link())?;
                        Ok(region.word_at(place))
                    }
                }
            }
            Content::Many(region, word) => {
                self.provide(std::slice::from_ref(&region), region.link())?;
                Ok(word)
            }
        }
    }

    /// Holds regions, and makes room for what the code in them names.
    fn provide(&mut self, regions: &[Arc<Region>], link: LinkNeeds) -> Result<(), Raise> {
        for region in regions {
            if self.heap.hold(region).is_err() {
                return Err(self.raise_memory());
            }
        }
        self.make_room(link);
        Ok(())
    }

    pub(crate) fn make_room(&mut self, link: LinkNeeds) {
        self.grow_cells(link.n_cells);
        self.grow_primitives(link.n_primitives);
    }

    /// The same value in a region of its own, if it is large and nothing in it stays in this isolate.
    pub(crate) fn in_region(&mut self, word: Word) -> Word {
        let mut copier = Copier::new(&mut self.heap);
        let Ok(Went::Place(place)) = copier.copy(word) else {
            return word;
        };
        let draft = copier.finish();
        if draft.words.len() < REGION_WORDS {
            return word;
        }
        let region = Arc::new(Region::new(draft));
        match self.heap.hold(&region) {
            Ok(()) => region.word_at(place),
            Err(_) => word,
        }
    }

    #[cold]
    fn raise_refusal(&mut self, refusal: &Refusal, what: &str) -> Raise {
        match refusal {
            Refusal::TooLarge => self.raise_memory(),
            Refusal::Stays { word, way } => {
                let found = self.describe_refused(*word, way);
                let message = format!("{what} cannot be sent to another isolate: it {found}");
                let steps: Result<Vec<Word>, Raise> = way.iter().map(|step| self.step_word(*step)).collect();
                match steps.and_then(|steps| self.new_list(BRACE, &steps)) {
                    Ok(data) => self.raise_data("isolate/not-sendable", &message, data),
                    Err(raise) => raise,
                }
            }
        }
    }

    /// What stays and where it lies, to be put after "it".
    pub(crate) fn describe_refused(&mut self, word: Word, way: &[Step]) -> String {
        let kind = crate::object::kind_of(word);
        let is_variable =
            kind == Some(Kind::Box) && way.last().is_some_and(|step| step.of.kind() == Kind::Closure);
        let name = if is_variable {
            "a variable that is assigned to".to_owned()
        } else {
            format!("a {}", &crate::data::type_name(word)[1..]).replace("a array", "an array")
        };
        let mut text = if way.is_empty() {
            format!("is {name}")
        } else {
            let steps: Vec<String> = way
                .iter()
                .map(|step| match self.step_word(*step) {
                    Ok(word) => self.display(word),
                    Err(_) => "…".to_owned(),
                })
                .collect();
            format!("holds {name}, at {}", steps.join(" > "))
        };
        if !is_variable && matches!(kind, Some(Kind::Array | Kind::Table | Kind::Buffer | Kind::Box)) {
            text.push_str(" (freeze makes a value of it)");
        }
        text
    }

    /// A step as a value: the index of an item, a key, a field, or a text.
    fn step_word(&mut self, step: Step) -> Outcome {
        let Step { of, slot } = step;
        let header = of.header();
        match header.kind() {
            Kind::List | Kind::View => self.new_int(slot as i64 - 1),
            Kind::Map if slot % 2 == 0 => Ok(of.get(slot - 1)),
            Kind::Buf if slot % 2 == 1 => Ok(of.get(slot - 1)),
            Kind::Map | Kind::Buf => self.new_str("key"),
            Kind::Instance => {
                let field = crate::data::records::type_of(of).fields.get(slot - 2);
                match field.and_then(|field| field.name) {
                    Some(name) => Ok(name),
                    None => self.new_int(slot as i64 - 2),
                }
            }
            Kind::Closure => {
                let meta = FunctionMeta::of_callee(of.word()).expect("a closure has code");
                let name = match meta.function().name.as_str() {
                    "" => "a function",
                    name => name,
                };
                let text = format!("capture {} of {name}", slot - 2);
                self.new_str(&text)
            }
            Kind::Error => {
                let fields = ["code", "message", "data", "span", "trace", "cause"];
                Ok(fields
                    .get(slot - 1)
                    .map_or(NIL, |name| crate::error::keyword(name)))
            }
            _ => self.new_str("the quoted value"),
        }
    }
}

#[cfg(test)]
mod tests;
