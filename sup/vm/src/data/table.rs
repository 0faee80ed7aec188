//! Tables: mutable maps in order of insertion, compared by identity.

use sup_abi::word::{NIL, Word, is_fixnum};

use super::cursor::Cursor;
use super::entries::Entries;
use super::map;
use crate::error::{Outcome, Raise};
use crate::heap::{Heap, NoMemory};
use crate::object::{Header, Kind, Obj};
use crate::vm::Vm;

/// Whether the word is a table.
#[must_use]
#[inline]
pub fn is_table(word: Word) -> bool {
    crate::object::kind_of(word) == Some(Kind::Table)
}

/// The hash of a table; none while it never held anything.
#[inline(always)]
fn entries_of(table: Obj) -> Option<Entries> {
    let hash = table.get(1);
    if hash == NIL {
        None
    } else {
        Obj::from_word(hash).map(Entries)
    }
}

/// Number of pairs of a table, if the word is one.
#[must_use]
#[inline]
pub fn table_len(word: Word) -> Option<usize> {
    is_table(word).then(|| {
        Obj::from_word(word)
            .and_then(entries_of)
            .map_or(0, Entries::n_live)
    })
}

/// A hash with room for an entry with that key, which it does not have, in place where it can be.
fn room(heap: &mut Heap, table: Obj, key: Word) -> Result<Entries, NoMemory> {
    let Some(entries) = entries_of(table) else {
        let entries = Entries::create(heap, 0)?;
        heap.write(table, 1, entries.0.word());
        entries.make_room(heap, key)?;
        return Ok(entries);
    };
    let n_entries = entries.n_entries();
    if entries.is_full() && entries.n_live() < n_entries - n_entries / 4 {
        entries.compact(heap)?;
    }
    entries.make_room(heap, key)?;
    Ok(entries)
}

/// The value at a key of a table whose keys are integers that follow one another; none where that must be looked up.
#[inline(always)]
pub(crate) fn in_row(table: Word, key: Word) -> Option<Word> {
    // Looked at first: what has another key is not slowed down.
    if !is_fixnum(key) {
        return None;
    }
    let table = Obj::from_word(table)?;
    if !table.header().is(Kind::Table) {
        return None;
    }
    let entries = entries_of(table)?;
    if !entries.is_row() {
        return None;
    }
    entries.find_in_row(key).map(|entry| entries.value(entry))
}

impl Vm {
    #[inline]
    fn want_table(&mut self, word: Word) -> Result<Obj, Raise> {
        match Obj::from_word(word) {
            Some(obj) if obj.header().is(Kind::Table) => Ok(obj),
            _ => Err(self.type_mismatch(":table", word)),
        }
    }

    /// An empty table with room for `capacity` pairs.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn new_table(&mut self, capacity: usize) -> Outcome {
        let entries = match capacity {
            0 => NIL,
            capacity => self.or_memory(|heap| Entries::create(heap, capacity))?.0.word(),
        };
        let table = self.alloc(Header::new(Kind::Table, 0))?;
        table.init(1, entries);
        Ok(table.word())
    }

    /// The value at a key, if the table has the key.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no table, `map/key`.
    #[inline]
    pub fn table_get(&mut self, table: Word, key: Word) -> Result<Option<Word>, Raise> {
        let table = self.want_table(table)?;
        let hash = self.want_key(key)?;
        let Some(entries) = entries_of(table) else {
            return Ok(None);
        };
        Ok(entries
            .find(&mut self.heap, key, hash)
            .map(|found| entries.value(found.entry)))
    }

    /// Stores a value at a key. A new key goes to the end, an old one keeps its place.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no table, `map/key`, `vm/memory`; the table is as it was then.
    #[inline]
    pub fn table_set(&mut self, table: Word, key: Word, value: Word) -> Result<(), Raise> {
        let table = self.want_table(table)?;
        let entries = entries_of(table);
        if is_fixnum(key)
            && let Some(entries) = entries
            && entries.is_row()
            && entries.set_in_row(&mut self.heap, key, value)
        {
            return Ok(());
        }
        let hash = self.want_key(key)?;
        if let Some(entries) = entries
            && !entries.is_row()
        {
            match entries.search_index(&mut self.heap, key, hash) {
                Ok(found) => {
                    entries.overwrite(&mut self.heap, found.entry, value);
                    return Ok(());
                }
                Err(place) if !entries.is_full() => {
                    entries.append_at(&mut self.heap, place, (key, value), hash);
                    return Ok(());
                }
                Err(_) => {}
            }
        }
        let entries = self.or_memory(|heap| room(heap, table, key))?;
        entries.append(&mut self.heap, key, value, hash);
        Ok(())
    }

    /// Takes a key out of the table and gives its value, if the table has the key.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no table, `map/key`.
    pub fn table_remove(&mut self, table: Word, key: Word) -> Result<Option<Word>, Raise> {
        let table = self.want_table(table)?;
        let hash = self.want_key(key)?;
        let Some(entries) = entries_of(table) else {
            return Ok(None);
        };
        let Some(found) = entries.find(&mut self.heap, key, hash) else {
            return Ok(None);
        };
        let value = entries.value(found.entry);
        entries.remove(found);
        Ok(Some(value))
    }

    /// Goes through the pairs of a table in their order.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no table.
    pub fn table_cursor(&mut self, table: Word) -> Result<Cursor, Raise> {
        let table = self.want_table(table)?;
        Ok(entries_of(table).map_or(Cursor::EMPTY, Cursor::of_entries))
    }

    /// Takes everything out of a table.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no table.
    pub fn table_clear(&mut self, table: Word) -> Result<(), Raise> {
        self.want_table(table)?.init(1, NIL);
        Ok(())
    }

    /// Another table with the same pairs.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no table, `vm/memory`.
    pub fn table_copy(&mut self, table: Word) -> Outcome {
        let table = self.want_table(table)?;
        let entries = match entries_of(table) {
            None => NIL,
            Some(entries) => self
                .or_memory(|heap| entries.copy_version(heap, entries.newest(), 1))?
                .0
                .word(),
        };
        let copy = self.alloc(Header::new(Kind::Table, 0))?;
        copy.init(1, entries);
        Ok(copy.word())
    }

    /// The map of a table's pairs. It takes them over without copying; the table is empty afterwards.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no table, `vm/memory`; the table is as it was then.
    pub fn table_into_map(&mut self, table: Word) -> Outcome {
        let table = self.want_table(table)?;
        let Some(entries) = entries_of(table) else {
            return self.empty_map();
        };
        let map = self.or_memory(|heap| map::view_of(heap, entries))?;
        table.init(1, NIL);
        Ok(map.word())
    }

    /// A new table with the pairs of a map.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no map, `vm/memory`.
    pub fn map_into_table(&mut self, map: Word) -> Outcome {
        let cursor = self.map_cursor(map)?;
        let table = self.new_table(super::map_len(map).unwrap_or(0))?;
        for (key, value) in cursor {
            self.table_set(table, key, value)?;
        }
        Ok(table)
    }
}
