//! Maps: immutable, in order of insertion; a few pairs in a row, more of them as a version of a shared hash.

use sup_abi::word::{NIL, Word, is_pointer};

use super::cursor::Cursor;
use super::entries::{Entries, Version};
use super::equal;
use super::hash::hash_key;
use crate::error::{Outcome, Raise};
use crate::heap::{Heap, NoMemory};
use crate::object::{Header, Kind, Obj};
use crate::vm::Vm;

/// Most pairs that a map holds in a row.
pub const FLAT_MAX: usize = 16;
/// Pairs at which a shrinking map is put in a row again.
const FLAT_AGAIN: usize = 8;

/// Whether the word is a map.
#[must_use]
#[inline]
pub fn is_map(word: Word) -> bool {
    matches!(crate::object::kind_of(word), Some(Kind::Map | Kind::MapView))
}

/// Number of pairs of a map, if the word is one.
#[must_use]
#[inline]
pub fn map_len(word: Word) -> Option<usize> {
    let obj = Obj::from_word(word)?;
    matches!(obj.kind(), Kind::Map | Kind::MapView).then(|| obj.n())
}

/// The hash and version of a `MapView`.
#[inline(always)]
fn version_of(view: Obj) -> (Entries, Version) {
    let entries = Entries(Obj::from_word(view.get(1)).expect("a view of a map names a hash"));
    (entries, Version::from_raw(view.get(2)))
}

/// Index of a key among pairs in a row.
#[inline]
fn find_flat(heap: &mut Heap, words: &[Word], key: Word) -> Option<usize> {
    if !is_pointer(key) {
        return words.chunks_exact(2).position(|pair| pair[0] == key);
    }
    if let Some(text) = equal::text_object(key) {
        return words
            .chunks_exact(2)
            .position(|pair| pair[0] == key || equal::is_text(pair[0], text));
    }
    words
        .chunks_exact(2)
        .position(|pair| equal::deep(heap, pair[0], key))
}

/// The value at a key. The hash counts only if the map is a `MapView`.
pub(crate) fn find(heap: &mut Heap, map: Obj, key: Word, hash: u32) -> Option<Word> {
    if map.kind() == Kind::Map {
        let words = map.words(1, 2 * map.n());
        return find_flat(heap, words, key).map(|pair| words[2 * pair + 1]);
    }
    let (entries, version) = version_of(map);
    if entries.is_unchanged(version) {
        if entries.is_row() {
            let entry = entries.find_in_row(key)?;
            return (entry < version.n_entries).then(|| entries.value(entry));
        }
        let found = entries.find(heap, key, hash)?;
        return (found.entry < version.n_entries).then(|| entries.value(found.entry));
    }
    settle(heap, map);
    let (entries, version) = version_of(map);
    entries.find_behind(heap, version, key, hash)
}

/// Gives a version that is far behind a hash of its own, if there is memory.
pub(crate) fn settle(heap: &mut Heap, map: Obj) {
    if map.kind() != Kind::MapView {
        return;
    }
    let (entries, version) = version_of(map);
    if entries.is_unchanged(version) || map.header().is_immortal() || !entries.is_far_behind(version) {
        return;
    }
    if let Ok(copy) = entries.copy_version(heap, version, 1) {
        heap.write(map, 1, copy.0.word());
        map.init(2, copy.newest().to_raw());
    }
}

/// A map of all that a hash holds now.
pub(crate) fn view_of(heap: &mut Heap, entries: Entries) -> Result<Obj, NoMemory> {
    let n_live = entries.n_live();
    if n_live <= FLAT_AGAIN {
        let map = heap.alloc(Header::new(Kind::Map, n_live as u32))?;
        for (index, (key, value)) in Cursor::of_entries(entries).enumerate() {
            map.init(1 + 2 * index, key);
            map.init(2 + 2 * index, value);
        }
        return Ok(map);
    }
    let view = new_view(heap)?;
    fill_view(view, entries);
    Ok(view)
}

fn new_view(heap: &mut Heap) -> Result<Obj, NoMemory> {
    let view = heap.alloc(Header::new(Kind::MapView, 0))?;
    view.init(1, NIL);
    view.init(2, 0);
    Ok(view)
}

/// Makes a view that was just allocated the newest version of a hash.
fn fill_view(view: Obj, entries: Entries) {
    // A view that is old already, since the nursery was full, is remembered: no barrier is needed until the next safepoint.
    let header = view.header();
    view.set_header(crate::object::Header(
        header.0 | ((entries.n_live() as u64) << 32),
    ));
    view.init(1, entries.0.word());
    view.init(2, entries.newest().to_raw());
}

/// The hash to append an entry with that key to: the same with more room, or a copy without the entries that were removed.
fn with_room(heap: &mut Heap, mut entries: Entries, key: Word) -> Result<Entries, NoMemory> {
    let n_entries = entries.n_entries();
    if entries.is_full() && entries.n_live() < n_entries - n_entries / 4 {
        entries = entries.copy_version(heap, entries.newest(), entries.n_live() / 2 + 1)?;
    }
    entries.make_room(heap, key)?;
    Ok(entries)
}

fn put_in_view(heap: &mut Heap, map: Obj, (key, value): (Word, Word), hash: u32) -> Result<Obj, NoMemory> {
    let (mut entries, version) = version_of(map);
    let view = new_view(heap)?;
    if !entries.is_frontier(version) {
        entries = entries.copy_version(heap, version, version.n_entries / 2 + 1)?;
        match entries.find(heap, key, hash) {
            Some(found) => entries.overwrite(heap, found.entry, value),
            None => entries.add(heap, key, value, hash)?,
        }
        fill_view(view, entries);
        return Ok(view);
    }
    match entries.find(heap, key, hash) {
        Some(found) if entries.value(found.entry) == value => return Ok(map),
        Some(found) => {
            entries = entries.with_room_in_log(heap)?;
            entries.overwrite_logged(heap, found.entry, value);
        }
        None => {
            entries = with_room(heap, entries, key)?;
            entries.append(heap, key, value, hash);
        }
    }
    fill_view(view, entries);
    Ok(view)
}

fn put_in_row(heap: &mut Heap, map: Obj, (key, value): (Word, Word)) -> Result<Obj, NoMemory> {
    let words = map.words(1, 2 * map.n());
    if let Some(pair) = find_flat(heap, words, key) {
        if words[2 * pair + 1] == value {
            return Ok(map);
        }
        let copy = heap.alloc(Header::new(Kind::Map, map.n() as u32))?;
        copy.words_mut(1, words.len()).copy_from_slice(words);
        copy.init(2 + 2 * pair, value);
        return Ok(copy);
    }
    if map.n() < FLAT_MAX {
        let copy = heap.alloc(Header::new(Kind::Map, map.n() as u32 + 1))?;
        copy.words_mut(1, words.len()).copy_from_slice(words);
        copy.init(1 + words.len(), key);
        copy.init(2 + words.len(), value);
        return Ok(copy);
    }
    let entries = Entries::create(heap, 2 * FLAT_MAX)?;
    let view = new_view(heap)?;
    for (key, value) in words
        .chunks_exact(2)
        .map(|pair| (pair[0], pair[1]))
        .chain([(key, value)])
    {
        let hash = hash_key(heap, key).expect("what is a key can be hashed");
        entries.add(heap, key, value, hash)?;
    }
    fill_view(view, entries);
    Ok(view)
}

fn remove_from_view(heap: &mut Heap, map: Obj, key: Word, hash: u32) -> Result<Obj, NoMemory> {
    let (mut entries, version) = version_of(map);
    if find(heap, map, key, hash).is_none() {
        return Ok(map);
    }
    if entries.is_frontier(version) {
        if entries.n_live() > FLAT_AGAIN + 1 {
            let view = new_view(heap)?;
            entries = entries.with_room_in_log(heap)?;
            let found = entries.find(heap, key, hash).expect("the key was just found");
            entries.remove_logged(heap, found);
            fill_view(view, entries);
            if entries.is_sparse() {
                settle_sparse(heap, view, entries);
            }
            return Ok(view);
        }
        return remove_by_copying(heap, map, key);
    }
    let view = new_view(heap)?;
    let (entries, version) = version_of(map);
    let copy = entries.copy_version(heap, version, 1)?;
    let found = copy.find(heap, key, hash).expect("the key was just found");
    copy.remove(found);
    fill_view(view, copy);
    Ok(view)
}

/// Gives a version most of whose entries were removed a hash of its own, if there is memory.
fn settle_sparse(heap: &mut Heap, view: Obj, entries: Entries) {
    if let Ok(copy) = entries.copy_version(heap, entries.newest(), 1) {
        heap.write(view, 1, copy.0.word());
        view.init(2, copy.newest().to_raw());
    }
}

/// A map in a row without that key, which is in the map.
fn remove_by_copying(heap: &mut Heap, map: Obj, key: Word) -> Result<Obj, NoMemory> {
    let mut words = Vec::with_capacity(2 * map.n());
    for (candidate, value) in Cursor::of_map(heap, map) {
        if !equal::deep(heap, candidate, key) {
            words.extend([candidate, value]);
        }
    }
    let copy = heap.alloc(Header::new(Kind::Map, (words.len() / 2) as u32))?;
    copy.words_mut(1, words.len()).copy_from_slice(&words);
    Ok(copy)
}

/// What is done with a key that comes up again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Refuse,
    Overwrite,
}

impl Vm {
    /// The map of keys and values in turn.
    ///
    /// # Errors
    /// `map/duplicate`, `map/odd`, `map/key`, `vm/memory`.
    pub fn new_map(&mut self, words: &[Word]) -> Outcome {
        self.build_map(words, Again::Refuse)
    }

    /// The map of keys and values in turn; of equal keys the later value counts, at the place of the first.
    ///
    /// # Errors
    /// `map/odd`, `map/key`, `vm/memory`.
    pub fn map_from_pairs(&mut self, words: &[Word]) -> Outcome {
        self.build_map(words, Again::Overwrite)
    }

    /// The map without pairs.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn empty_map(&mut self) -> Outcome {
        Ok(self.alloc(Header::new(Kind::Map, 0))?.word())
    }

    fn build_map(&mut self, words: &[Word], again: Again) -> Outcome {
        if !words.len().is_multiple_of(2) {
            return Err(self.raise("map/odd", "the last key of the map has no value"));
        }
        if words.len() <= 2 * FLAT_MAX {
            return self.build_row(words, again);
        }
        let entries = self.or_memory(|heap| Entries::create(heap, words.len() / 2))?;
        for pair in words.chunks_exact(2) {
            let hash = self.want_key(pair[0])?;
            match entries.find(&mut self.heap, pair[0], hash) {
                Some(_) if again == Again::Refuse => return Err(self.raise_duplicate(pair[0])),
                Some(found) => entries.overwrite(&mut self.heap, found.entry, pair[1]),
                None => self.or_memory(|heap| entries.add(heap, pair[0], pair[1], hash))?,
            }
        }
        Ok(self.or_memory(|heap| view_of(heap, entries))?.word())
    }

    fn build_row(&mut self, words: &[Word], again: Again) -> Outcome {
        let mut row = [NIL; 2 * FLAT_MAX];
        let mut len = 0;
        for pair in words.chunks_exact(2) {
            self.check_key(pair[0])?;
            match find_flat(&mut self.heap, &row[..len], pair[0]) {
                Some(_) if again == Again::Refuse => return Err(self.raise_duplicate(pair[0])),
                Some(place) => row[2 * place + 1] = pair[1],
                None => {
                    row[len..len + 2].copy_from_slice(pair);
                    len += 2;
                }
            }
        }
        let map = self.alloc(Header::new(Kind::Map, (len / 2) as u32))?;
        map.words_mut(1, len).copy_from_slice(&row[..len]);
        Ok(map.word())
    }

    #[cold]
    fn raise_duplicate(&mut self, key: Word) -> Raise {
        let message = format!("the key {} comes twice", self.repr_short(key));
        self.raise_data("map/duplicate", &message, key)
    }

    /// Checks that a word can be a key.
    #[inline]
    fn check_key(&mut self, key: Word) -> Result<(), Raise> {
        if !is_pointer(key) || equal::text_object(key).is_some() {
            return Ok(());
        }
        self.want_key(key).map(|_| ())
    }

    #[inline]
    pub(crate) fn or_memory<T>(
        &mut self,
        allocate: impl FnOnce(&mut Heap) -> Result<T, NoMemory>,
    ) -> Result<T, Raise> {
        match allocate(&mut self.heap) {
            Ok(made) => Ok(made),
            Err(NoMemory) => Err(self.raise_memory()),
        }
    }

    fn want_map(&mut self, word: Word) -> Result<Obj, Raise> {
        match Obj::from_word(word) {
            Some(obj) if matches!(obj.kind(), Kind::Map | Kind::MapView) => Ok(obj),
            _ => Err(self.type_mismatch(":map", word)),
        }
    }

    /// The value at a key, if the map has the key.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no map, `map/key`.
    #[inline]
    pub fn map_get(&mut self, map: Word, key: Word) -> Result<Option<Word>, Raise> {
        let map = self.want_map(map)?;
        if map.kind() == Kind::Map {
            self.check_key(key)?;
            return Ok(find(&mut self.heap, map, key, 0));
        }
        let hash = self.want_key(key)?;
        Ok(find(&mut self.heap, map, key, hash))
    }

    /// The map with a value at a key. A new key goes to the end, an old one keeps its place.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no map, `map/key`, `vm/memory`.
    pub fn map_put(&mut self, map: Word, key: Word, value: Word) -> Outcome {
        let map = self.want_map(map)?;
        let hash = self.want_key(key)?;
        let put = self.or_memory(|heap| {
            if map.kind() == Kind::Map {
                put_in_row(heap, map, (key, value))
            } else {
                put_in_view(heap, map, (key, value), hash)
            }
        })?;
        Ok(put.word())
    }

    /// The map without a key; the same map if it does not have the key.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no map, `map/key`, `vm/memory`.
    pub fn map_remove(&mut self, map: Word, key: Word) -> Outcome {
        let map = self.want_map(map)?;
        let hash = self.want_key(key)?;
        let left = self.or_memory(|heap| {
            if map.kind() == Kind::MapView {
                return remove_from_view(heap, map, key, hash);
            }
            match find(heap, map, key, hash) {
                Some(_) => remove_by_copying(heap, map, key),
                None => Ok(map),
            }
        })?;
        Ok(left.word())
    }

    /// Goes through the pairs of a map in their order.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no map.
    pub fn map_cursor(&mut self, map: Word) -> Result<Cursor, Raise> {
        let map = self.want_map(map)?;
        Ok(Cursor::of_map(&mut self.heap, map))
    }
}
