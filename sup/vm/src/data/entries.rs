//! The insertion-ordered hash under maps and tables: entries in a row, found through an index of open addressing.
//!
//! A `Hash` object names a `Buf` of keys and values in turn and a `Raw` that is its index; `aux` of its header is the size
//! of the index as a power of two. As long as the keys are integers that follow one another it has no index, `aux` is 0, and
//! a key's entry is its distance from the first: a *row*, as the array part of Lua's tables (Ierusalimschy and others, "The
//! implementation of Lua 5.0"). The first key that does not follow makes the index.
//!
//! A table changes its hash in place: a removed entry is undefined until the entries are rebuilt. Versions of a map share
//! one: a version is a number of entries and a length of the log. Appending at the frontier leaves every version as it
//! is; what overwrites or removes writes the old value to the log, so that an older version finds it there. A full log is
//! left to those versions, whose `Hash` then names the later one. The header's count is the number of the first entry
//! that was not removed.

use sup_abi::word::{NIL, TAG_POINTER, UNDEFINED, Word, fixnum_value, is_fixnum, is_pointer};

use super::equal;
use super::hash::hash_key;
use super::index::{self, Found, Index, Layout};
use crate::heap::{Heap, NoMemory};
use crate::object::{Header, Kind, Obj};

const ENTRIES: usize = 1;
const INDEX: usize = 2;
const LOG: usize = 3;
const LATER: usize = 4;
const LIVE: usize = 5;
const N_LOGGED: usize = 6;

/// Length of the log of a hash that has a later one: no version reaches it.
const SUPERSEDED: u64 = u32::MAX as u64;
/// Records that a log holds before it is left behind.
const LOG_RECORDS: usize = 32;
/// Records behind a version that are searched at each look-up; more are carried out on a copy.
pub(crate) const MAX_BEHIND: usize = 32;
/// Words that copying an entry is as much work as.
const COPIED_ENTRY_WORDS: usize = 16;
/// Most entries of one hash.
pub(crate) const MAX_ENTRIES: usize = 1 << 30;
/// The place of an entry of a hash that has no index.
const NO_PLACE: usize = usize::MAX;

/// A `Hash` object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entries(pub(crate) Obj);

/// What belongs to a version of a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Version {
    pub n_entries: usize,
    pub n_logged: usize,
}

impl Version {
    pub(crate) fn from_raw(raw: u64) -> Version {
        Version {
            n_entries: raw as u32 as usize,
            n_logged: (raw >> 32) as usize,
        }
    }

    pub(crate) fn to_raw(self) -> u64 {
        self.n_entries as u64 | ((self.n_logged as u64) << 32)
    }
}

impl Entries {
    /// An empty hash with room for `capacity` entries, which is a row.
    pub(crate) fn create(heap: &mut Heap, capacity: usize) -> Result<Entries, NoMemory> {
        if capacity > MAX_ENTRIES {
            return Err(NoMemory);
        }
        let buf = allocate_buf(heap, n_words_for(capacity))?;
        let obj = heap.alloc(Header::new(Kind::Hash, 0))?;
        obj.init(ENTRIES, buf.word());
        obj.init(INDEX, NIL);
        obj.init(LOG, NIL);
        obj.init(LATER, NIL);
        obj.init(LIVE, 0);
        obj.init(N_LOGGED, 0);
        Ok(Entries(obj))
    }

    /// An object that the hash names.
    #[inline(always)]
    fn part(self, index: usize) -> Obj {
        let word = self.0.get(index);
        debug_assert!(
            is_pointer(word),
            "a hash that is not superseded has entries and an index"
        );
        Obj((word - TAG_POINTER) as *mut u64)
    }

    #[inline(always)]
    fn buf(self) -> Obj {
        self.part(ENTRIES)
    }

    #[inline(always)]
    fn index(self) -> Index {
        Index::new(self.part(INDEX), Layout(self.0.header().aux()))
    }

    /// Whether there is no index, since the keys are integers that follow one another.
    #[inline(always)]
    pub(crate) fn is_row(self) -> bool {
        self.0.header().aux() == 0
    }

    /// The entry of a key in a row.
    #[inline(always)]
    pub(crate) fn find_in_row(self, key: Word) -> Option<usize> {
        if !is_fixnum(key) {
            return None;
        }
        let buf = self.buf();
        // The first key is read where it would be, even if there is none: then no entry is below the count.
        let entry = fixnum_value(key).wrapping_sub(fixnum_value(buf.get(2))) as u64;
        let is_there = entry < buf.get(1) / 2 && buf.get(3 + 2 * entry as usize) != UNDEFINED;
        is_there.then_some(entry as usize)
    }

    /// Whether a key that is not in a row follows its last.
    #[inline(always)]
    fn follows(self, key: Word) -> bool {
        let buf = self.buf();
        let fill = buf.get(1) as usize;
        is_fixnum(key) && (fill == 0 || fixnum_value(key) == fixnum_value(buf.get(fill)) + 1)
    }

    /// Stores a value in a row of a table, at a key that it has or that follows, if there is room.
    #[inline(always)]
    pub(crate) fn set_in_row(self, heap: &mut Heap, key: Word, value: Word) -> bool {
        if let Some(entry) = self.find_in_row(key) {
            self.overwrite(heap, entry, value);
            return true;
        }
        let fits = !self.is_full() && self.follows(key);
        if fits {
            self.push(heap, key, value);
        }
        fits
    }

    /// Makes the index of a row, to which a key is to be added that does not follow.
    #[cold]
    fn leave_row(self, heap: &mut Heap) -> Result<(), NoMemory> {
        let (index, layout) = allocate_index(heap, index::bits_for(self.buf().n() / 2))?;
        heap.write(self.0, INDEX, index.word());
        self.0.set_header(self.0.header().with_aux(layout.0));
        self.index_all(heap);
        Ok(())
    }

    /// Keys and values in turn, those of removed entries included.
    #[inline(always)]
    pub(crate) fn pairs(self) -> &'static [Word] {
        let buf = self.buf();
        buf.words(2, buf.get(1) as usize)
    }

    /// Number of entries, removed ones included.
    #[inline(always)]
    pub(crate) fn n_entries(self) -> usize {
        self.buf().get(1) as usize / 2
    }

    /// Number of entries that were not removed.
    #[inline(always)]
    pub(crate) fn n_live(self) -> usize {
        self.0.get(LIVE) as usize
    }

    /// The version that all of it is.
    pub(crate) fn newest(self) -> Version {
        Version {
            n_entries: self.n_entries(),
            n_logged: self.0.get(N_LOGGED) as usize,
        }
    }

    /// Whether nothing was overwritten or removed since that version.
    #[inline(always)]
    pub(crate) fn is_unchanged(self, version: Version) -> bool {
        self.0.get(N_LOGGED) == version.n_logged as u64
    }

    /// Whether that version may be changed in place.
    pub(crate) fn is_frontier(self, version: Version) -> bool {
        self.is_unchanged(version) && !self.0.header().is_immortal() && self.n_entries() == version.n_entries
    }

    #[inline(always)]
    pub(crate) fn value(self, entry: usize) -> Word {
        self.buf().get(3 + 2 * entry)
    }

    #[inline(always)]
    pub(crate) fn key(self, entry: usize) -> Word {
        self.buf().get(2 + 2 * entry)
    }

    /// Looks a key up in a hash that has an index; the place for it there when the key is not.
    #[inline(always)]
    pub(crate) fn search_index(self, heap: &mut Heap, key: Word, hash: u32) -> Result<Found, usize> {
        if !is_pointer(key) {
            return self.index().find(hash, |entry| self.key(entry) == key);
        }
        self.search_object(heap, key, hash)
    }

    fn search_object(self, heap: &mut Heap, key: Word, hash: u32) -> Result<Found, usize> {
        if let Some(text) = equal::text_object(key) {
            return self.index().find(hash, |entry| {
                let candidate = self.key(entry);
                candidate == key || equal::is_text(candidate, text)
            });
        }
        self.index()
            .find(hash, |entry| equal::deep(heap, self.key(entry), key))
    }

    /// Looks a key up.
    #[inline(always)]
    pub(crate) fn find(self, heap: &mut Heap, key: Word, hash: u32) -> Option<Found> {
        if self.is_row() {
            let place = NO_PLACE;
            return self.find_in_row(key).map(|entry| Found { entry, place });
        }
        self.search_index(heap, key, hash).ok()
    }

    /// Appends an entry whose key is not in the hash. There must be room for it.
    #[inline]
    pub(crate) fn append(self, heap: &mut Heap, key: Word, value: Word, hash: u32) {
        if !self.is_row() {
            self.index().insert(hash, self.n_entries());
        }
        self.push(heap, key, value);
    }

    /// Appends an entry whose key is not in the hash, and names it at the place that a search of the index gave. There must be room.
    #[inline(always)]
    pub(crate) fn append_at(self, heap: &mut Heap, place: usize, (key, value): (Word, Word), hash: u32) {
        self.index().name(place, hash, self.n_entries());
        self.push(heap, key, value);
    }

    /// Appends an entry whose key is not in the hash, after making the room for it that there is not.
    pub(crate) fn add(self, heap: &mut Heap, key: Word, value: Word, hash: u32) -> Result<(), NoMemory> {
        self.make_room(heap, key)?;
        self.append(heap, key, value, hash);
        Ok(())
    }

    #[inline(always)]
    fn push(self, heap: &mut Heap, key: Word, value: Word) {
        let buf = self.buf();
        let fill = buf.get(1) as usize;
        heap.write(buf, 2 + fill, key);
        heap.write(buf, 3 + fill, value);
        buf.init(1, fill as u64 + 2);
        self.0.init(LIVE, self.0.get(LIVE) + 1);
    }

    /// Whether no further entry fits.
    #[inline(always)]
    pub(crate) fn is_full(self) -> bool {
        let buf = self.buf();
        buf.get(1) as usize >= buf.n()
    }

    /// Makes room for an entry with that key, which is not in the hash, leaving the numbers of entries as they are.
    pub(crate) fn make_room(self, heap: &mut Heap, key: Word) -> Result<(), NoMemory> {
        if self.is_full() {
            self.grow(heap)?;
        }
        if self.is_row() && !self.follows(key) {
            self.leave_row(heap)?;
        }
        Ok(())
    }

    /// Makes room for more entries in place, leaving the numbers of entries as they are.
    fn grow(self, heap: &mut Heap) -> Result<(), NoMemory> {
        let old = self.pairs();
        let n_entries = old.len() / 2;
        if n_entries >= MAX_ENTRIES {
            return Err(NoMemory);
        }
        let wider = if self.is_row() {
            None
        } else {
            Some(allocate_index(heap, index::bits_for(n_entries + 1))?)
        };
        let n_words = n_words_for(n_entries + 1);
        if !heap.widen(self.buf(), n_words) {
            let buf = allocate_buf(heap, n_words)?;
            buf.words_mut(2, old.len()).copy_from_slice(old);
            buf.init(1, old.len() as u64);
            heap.write(self.0, ENTRIES, buf.word());
        }
        if let Some((index, layout)) = wider {
            heap.discard(self.part(INDEX));
            heap.write(self.0, INDEX, index.word());
            self.0.set_header(self.0.header().with_aux(layout.0));
            self.index_all(heap);
        }
        Ok(())
    }

    /// Puts every live entry into an empty index.
    fn index_all(self, heap: &mut Heap) {
        let index = self.index();
        for (entry, pair) in self.pairs().chunks_exact(2).enumerate() {
            if pair[1] != UNDEFINED {
                index.insert(rehash(heap, pair[0]), entry);
            }
        }
    }

    /// Drops the removed entries of a table in place. Entries get new numbers. A row whose keys no longer follow one another
    /// without them gets its index first.
    pub(crate) fn compact(self, heap: &mut Heap) -> Result<(), NoMemory> {
        if self.is_row() && !self.is_row_without_removed() {
            self.leave_row(heap)?;
        }
        let buf = self.buf();
        heap.reordered(buf);
        let words = buf.words_mut(2, buf.get(1) as usize);
        let mut live = 0;
        for entry in 0..words.len() / 2 {
            if words[2 * entry + 1] != UNDEFINED {
                words.copy_within(2 * entry..2 * entry + 2, 2 * live);
                live += 1;
            }
        }
        buf.init(1, 2 * live as u64);
        self.set_first(0);
        if !self.is_row() {
            self.index().clear();
            self.index_all(heap);
        }
        Ok(())
    }

    /// Whether the entries that a row still has lie next to one another.
    fn is_row_without_removed(self) -> bool {
        let live = self.pairs()[2 * self.0.n()..].chunks_exact(2);
        live.take(self.n_live()).all(|pair| pair[1] != UNDEFINED)
    }

    /// Overwrites the value of an entry in place.
    #[inline]
    pub(crate) fn overwrite(self, heap: &mut Heap, entry: usize, value: Word) {
        heap.write(self.buf(), 3 + 2 * entry, value);
    }

    /// Removes an entry from a table.
    pub(crate) fn remove(self, found: Found) {
        let buf = self.buf();
        // A row counts from its first key, which stays even if that entry is removed.
        if !self.is_row() {
            buf.init(2 + 2 * found.entry, UNDEFINED);
        }
        buf.init(3 + 2 * found.entry, UNDEFINED);
        self.forget(found);
        if self.is_row() {
            self.drop_removed_end();
        }
    }

    /// Forgets the removed entries after the last live one of a row, so that what is taken from its end can be put there again.
    fn drop_removed_end(self) {
        let buf = self.buf();
        let mut fill = buf.get(1) as usize;
        while fill > 0 && buf.get(fill + 1) == UNDEFINED {
            fill -= 2;
        }
        buf.init(1, fill as u64);
        if fill == 0 {
            self.set_first(0);
        }
    }

    /// Takes an entry out of the index. Places in use never outnumber entries, so that some place stays empty.
    fn forget(self, found: Found) {
        if !self.is_row() {
            self.index().remove(found.place);
        }
        self.skip_removed(found.entry);
        self.0.init(LIVE, self.0.get(LIVE) - 1);
    }

    /// Moves the first entry on when that one was removed, so that taking from the front stays quick.
    fn skip_removed(self, removed: usize) {
        let header = self.0.header();
        if header.n() != removed {
            return;
        }
        let pairs = self.pairs();
        let mut first = removed + 1;
        while pairs.get(2 * first + 1) == Some(&UNDEFINED) {
            first += 1;
        }
        self.set_first(first);
    }

    fn set_first(self, first: usize) {
        let flags = self.0.header().0 & u64::from(u32::MAX);
        self.0.set_header(Header(flags | ((first as u64) << 32)));
    }

    /// Whether so many entries were removed that a copy without them is better to go on with.
    pub(crate) fn is_sparse(self) -> bool {
        let n_entries = self.n_entries();
        n_entries > 32 && self.n_live() < n_entries / 4
    }

    /// Removes an entry from the newest version of a map, whose log has room; older versions keep it.
    pub(crate) fn remove_logged(self, heap: &mut Heap, found: Found) {
        self.record(heap, found.entry);
        self.buf().init(3 + 2 * found.entry, UNDEFINED);
        self.forget(found);
    }

    /// Overwrites the value of an entry in the newest version of a map, whose log has room.
    pub(crate) fn overwrite_logged(self, heap: &mut Heap, entry: usize, value: Word) {
        self.record(heap, entry);
        self.overwrite(heap, entry, value);
    }

    fn record(self, heap: &mut Heap, entry: usize) {
        let log = Obj::from_word(self.0.get(LOG)).expect("room was made in the log");
        let fill = log.get(1) as usize;
        log.init(2 + fill, entry_word(entry));
        heap.write(log, 3 + fill, self.value(entry));
        log.init(1, fill as u64 + 2);
        self.0.init(N_LOGGED, self.0.get(N_LOGGED) + 1);
    }

    /// The hash to go on with after a record was added to the log: this one, or a later one if the log is full.
    pub(crate) fn with_room_in_log(self, heap: &mut Heap) -> Result<Entries, NoMemory> {
        if (self.0.get(N_LOGGED) as usize) < LOG_RECORDS && self.0.get(LOG) != NIL {
            return Ok(self);
        }
        let log = heap.alloc(Header::new(Kind::Buf, 2 * LOG_RECORDS as u32))?;
        log.init(1, 0);
        if self.0.get(LOG) == NIL {
            heap.write(self.0, LOG, log.word());
            return Ok(self);
        }
        let later = heap.alloc(Header::new(Kind::Hash, self.0.n() as u32).with_aux(self.0.header().aux()))?;
        later.init(ENTRIES, self.0.get(ENTRIES));
        later.init(INDEX, self.0.get(INDEX));
        later.init(LOG, log.word());
        later.init(LATER, NIL);
        later.init(LIVE, self.0.get(LIVE));
        later.init(N_LOGGED, 0);
        self.0.init(ENTRIES, NIL);
        self.0.init(INDEX, NIL);
        self.0.init(N_LOGGED, SUPERSEDED);
        heap.write(self.0, LATER, later.word());
        Ok(Entries(later))
    }

    /// The hash that holds the entries now.
    pub(crate) fn current(self) -> Entries {
        let mut current = self.0;
        while let Some(later) = Obj::from_word(current.get(LATER)) {
            current = later;
        }
        Entries(current)
    }

    /// The records behind a version, oldest first: number of an entry, and its value before.
    fn behind(self, version: Version) -> impl Iterator<Item = (usize, Word)> {
        let mut hash = Some(self.0);
        let mut skipped = version.n_logged;
        std::iter::from_fn(move || {
            let obj = hash?;
            hash = Obj::from_word(obj.get(LATER));
            let log = Obj::from_word(obj.get(LOG)).map_or(&[][..], |log| log.words(2, log.get(1) as usize));
            let records = log.get(2 * std::mem::take(&mut skipped)..).unwrap_or(&[]);
            Some(
                records
                    .chunks_exact(2)
                    .map(|record| (entry_of(record[0]), record[1])),
            )
        })
        .flatten()
    }

    /// Whether so many records lie behind a version that reading it goes better with a copy.
    pub(crate) fn is_far_behind(self, version: Version) -> bool {
        self.behind(version).nth(MAX_BEHIND).is_some()
    }

    /// The value at a key in a version that others were made from.
    pub(crate) fn find_behind(self, heap: &mut Heap, version: Version, key: Word, hash: u32) -> Option<Word> {
        let current = self.current();
        for (entry, value) in self.behind(version) {
            if entry < version.n_entries && equal::deep(heap, current.key(entry), key) {
                return Some(value);
            }
        }
        let found = current.find(heap, key, hash)?;
        (found.entry < version.n_entries).then(|| current.value(found.entry))
    }

    /// The value of an entry in a version that others were made from; undefined if it was removed before.
    pub(crate) fn value_behind(self, version: Version, entry: usize) -> Word {
        let old = self.behind(version).find(|(logged, _)| *logged == entry);
        old.map_or_else(|| self.current().value(entry), |(_, value)| value)
    }

    /// A hash of its own for a version, with room for `more` entries.
    pub(crate) fn copy_version(
        self,
        heap: &mut Heap,
        version: Version,
        more: usize,
    ) -> Result<Entries, NoMemory> {
        let pairs = &self.current().pairs()[..2 * version.n_entries];
        let mut old: Vec<(usize, Word)> = self
            .behind(version)
            .filter(|record| record.0 < version.n_entries)
            .collect();
        // Of several records of an entry the oldest counts.
        old.sort_by_key(|record| record.0);
        old.dedup_by_key(|record| record.0);
        let n_live = live_pairs(pairs, &old).count();
        let copy = Entries::create(heap, n_live + more)?;
        heap.charge_words(COPIED_ENTRY_WORDS * version.n_entries);
        for (key, value) in live_pairs(pairs, &old) {
            let hash = rehash(heap, key);
            copy.add(heap, key, value, hash)?;
        }
        Ok(copy)
    }
}

/// The pairs that were not removed, some with older values, which stand in the order of their entries.
fn live_pairs(pairs: &[Word], old: &[(usize, Word)]) -> impl Iterator<Item = (Word, Word)> {
    let mut old = old.iter().copied().peekable();
    pairs
        .chunks_exact(2)
        .enumerate()
        .filter_map(move |(entry, pair)| {
            let older = old.next_if(|record| record.0 == entry);
            let value = older.map_or(pair[1], |record| record.1);
            (value != UNDEFINED).then_some((pair[0], value))
        })
}

/// The hash of a word that is a key somewhere.
fn rehash(heap: &mut Heap, key: Word) -> u32 {
    hash_key(heap, key).expect("what is a key can be hashed")
}

/// Words of a `Buf` for so many entries.
fn n_words_for(capacity: usize) -> usize {
    2 * index::capacity_of(index::bits_for(capacity))
}

fn allocate_buf(heap: &mut Heap, n_words: usize) -> Result<Obj, NoMemory> {
    let n_words = u32::try_from(n_words).map_err(|_| NoMemory)?;
    let buf = heap.alloc(Header::new(Kind::Buf, n_words))?;
    buf.init(1, 0);
    Ok(buf)
}

/// An empty index of that many bits.
fn allocate_index(heap: &mut Heap, bits: u32) -> Result<(Obj, Layout), NoMemory> {
    let raw = heap.alloc(Header::new(Kind::Raw, index::n_words(bits) as u32))?;
    let layout = Layout::of(raw, bits);
    Index::new(raw, layout).clear();
    Ok((raw, layout))
}

fn entry_word(entry: usize) -> Word {
    sup_abi::word::fixnum(entry as i64).expect("numbers of entries are small")
}

fn entry_of(word: Word) -> usize {
    sup_abi::word::fixnum_value(word) as usize
}
