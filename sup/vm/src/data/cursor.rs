//! Going through the pairs of maps and tables, and through the parts of any value.

use sup_abi::word::{UNDEFINED, Word};

use super::entries::{Entries, Version};
use crate::heap::Heap;
use crate::object::{Kind, Obj};

/// Goes through the pairs of a map or table in their order. Good until something is stored into the same table; copies
/// and later versions of a map do not disturb it.
#[derive(Clone, Copy)]
pub struct Cursor {
    pairs: &'static [Word],
    next: usize,
    behind: Option<(Entries, Version)>,
}

impl Cursor {
    /// Over no pairs at all.
    pub const EMPTY: Cursor = Cursor {
        pairs: &[],
        next: 0,
        behind: None,
    };

    /// Over the pairs of a `Map` or `MapView`. An old version is given entries of its own first, if there is memory.
    pub(crate) fn of_map(heap: &mut Heap, map: Obj) -> Cursor {
        if map.kind() == Kind::Map {
            return Cursor {
                pairs: map.words(1, 2 * map.n()),
                next: 0,
                behind: None,
            };
        }
        super::map::settle(heap, map);
        let entries = Entries(Obj::from_word(map.get(1)).expect("a view of a map names a hash"));
        let version = Version::from_raw(map.get(2));
        let pairs = &entries.current().pairs()[..2 * version.n_entries];
        if entries.is_unchanged(version) {
            return Cursor {
                pairs,
                next: 2 * entries.0.n(),
                behind: None,
            };
        }
        Cursor {
            pairs,
            next: 0,
            behind: Some((entries, version)),
        }
    }

    /// Over all pairs of a `Hash`.
    pub(crate) fn of_hash(hash: Obj) -> Cursor {
        Cursor::of_entries(Entries(hash))
    }

    /// Over all pairs of a hash.
    pub(crate) fn of_entries(entries: Entries) -> Cursor {
        Cursor {
            pairs: entries.pairs(),
            next: 2 * entries.0.n(),
            behind: None,
        }
    }
}

impl Iterator for Cursor {
    type Item = (Word, Word);

    #[inline]
    fn next(&mut self) -> Option<(Word, Word)> {
        loop {
            let key = *self.pairs.get(self.next)?;
            let value = match self.behind {
                None => self.pairs[self.next + 1],
                Some((entries, version)) => entries.value_behind(version, self.next / 2),
            };
            self.next += 2;
            if value != UNDEFINED {
                return Some((key, value));
            }
        }
    }
}

/// The parts of a value one after another, for whoever goes through nested values with a stack of their own.
pub(crate) enum Parts {
    /// Items of a list, array or the like.
    Items(&'static [Word]),
    /// Words that were put together.
    Owned(std::vec::IntoIter<Word>),
    /// Keys and values in turn: the pairs that are left, and the value whose key was just given.
    Pairs(Cursor, Option<Word>),
}

impl Iterator for Parts {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        match self {
            Parts::Items(items) => {
                let (first, rest) = items.split_first()?;
                *items = rest;
                Some(*first)
            }
            Parts::Owned(words) => words.next(),
            Parts::Pairs(_, waiting @ Some(_)) => waiting.take(),
            Parts::Pairs(pairs, waiting) => {
                let (key, value) = pairs.next()?;
                *waiting = Some(value);
                Some(key)
            }
        }
    }
}
