//! Deep equality: exact, by content for what cannot change, by identity for what can. Never recurses on values, only on
//! keys of maps, whose nesting is bounded when they are made.

use sup_abi::word::{Word, is_pointer};

use super::cursor::Cursor;
use super::hash::hash_key;
use super::list::list_items;
use super::map;
use super::text::{bytes_of, text_of};
use crate::error::field;
use crate::heap::Heap;
use crate::object::{Kind, Obj};
use crate::vm::Vm;

const KIND_AND_COUNT: u64 = 0xffff_ffff_0000_00ff;

/// The object of a string that the heap holds itself.
#[inline(always)]
pub(crate) fn text_object(word: Word) -> Option<Obj> {
    Obj::from_word(word).filter(|obj| obj.header().is(Kind::Str))
}

/// Whether the word is the same string as that object, which is another one.
#[inline(always)]
pub(crate) fn is_text(word: Word, text: Obj) -> bool {
    let Some(obj) = Obj::from_word(word) else {
        return false;
    };
    let (a, b) = (obj.header().0, text.header().0);
    if (a ^ b) & KIND_AND_COUNT != 0 {
        return false;
    }
    // What is left of the last word is zero in both.
    let n_words = text.n().div_ceil(8);
    obj.words(2, n_words) == text.words(2, n_words)
}

/// Whether two words are deeply equal.
#[inline]
pub(crate) fn deep(heap: &mut Heap, a: Word, b: Word) -> bool {
    if a == b {
        return true;
    }
    match (Obj::from_word(a), Obj::from_word(b)) {
        (Some(a), Some(b)) if b.header().is(Kind::Str) => is_text(a.word(), b),
        (Some(a), Some(b)) => objects(heap, a, b),
        // Words that hold their value themselves are equal only if they are the same.
        _ => false,
    }
}

fn objects(heap: &mut Heap, a: Obj, b: Obj) -> bool {
    match leaves(a, b) {
        Some(answer) => answer,
        None => composites(heap, a, b),
    }
}

/// Whether two objects are equal, when no parts need to be looked at.
#[inline]
fn leaves(a: Obj, b: Obj) -> Option<bool> {
    let (left, right) = (a.kind(), b.kind());
    Some(match (left, right) {
        (Kind::Str, Kind::Str) => is_text(a.word(), b),
        (Kind::BigStr, Kind::BigStr) => a.n() == b.n() && text_of(&a.word()) == text_of(&b.word()),
        (Kind::Bytes, Kind::Bytes) | (Kind::BigBytes, Kind::BigBytes) => {
            a.n() == b.n() && bytes_of(&a.word()) == bytes_of(&b.word())
        }
        (Kind::Int, Kind::Int) | (Kind::Real, Kind::Real) => a.get(1) == b.get(1),
        (Kind::List | Kind::View, Kind::List | Kind::View) => {
            if a.n() == b.n() && a.header().subkind() == b.header().subkind() {
                return None;
            }
            false
        }
        (Kind::Map | Kind::MapView, Kind::Map | Kind::MapView) => {
            if a.n() == b.n() {
                return None;
            }
            false
        }
        (Kind::Error, Kind::Error) => return None,
        (Kind::Instance, Kind::Instance) => {
            if a.get(1) == b.get(1) {
                return None;
            }
            false
        }
        (Kind::Quoted, Kind::Quoted) | (Kind::Datum, Kind::Datum) | (Kind::Aberrant, Kind::Aberrant) => {
            if a.header().aux() == b.header().aux() {
                return None;
            }
            false
        }
        _ => false,
    })
}

/// Two things whose parts are being compared.
enum Open {
    /// Parts that must be equal in their order.
    Rows { a: &'static [Word], b: &'static [Word] },
    /// Pairs that must have an equal value under an equal key.
    Maps { pairs: Cursor, other: Obj },
}

fn open(heap: &mut Heap, a: Obj, b: Obj) -> Open {
    let rows = |a, b| Open::Rows { a, b };
    match a.kind() {
        Kind::Map | Kind::MapView => Open::Maps {
            pairs: Cursor::of_map(heap, a),
            other: b,
        },
        Kind::Error => {
            let parts = |error: Obj| error.words(field::CODE, 3);
            rows(parts(a), parts(b))
        }
        Kind::Instance => rows(a.words(2, a.n()), b.words(2, b.n())),
        Kind::Quoted | Kind::Datum | Kind::Aberrant => rows(a.words(1, 1), b.words(1, 1)),
        _ => rows(
            list_items(a.word()).unwrap_or(&[]),
            list_items(b.word()).unwrap_or(&[]),
        ),
    }
}

fn composites(heap: &mut Heap, a: Obj, b: Obj) -> bool {
    let mut stack = Vec::new();
    let mut here = open(heap, a, b);
    if a.kind() == Kind::Error {
        stack.push(Open::Rows {
            a: a.words(field::CAUSE, 1),
            b: b.words(field::CAUSE, 1),
        });
    }
    loop {
        let Some((a, b)) = next_parts(heap, &mut here) else {
            match stack.pop() {
                Some(outer) => here = outer,
                None => return true,
            }
            continue;
        };
        let (Some(a), Some(Some(b))) = (Obj::from_word(a), b.map(Obj::from_word)) else {
            return false;
        };
        match leaves(a, b) {
            Some(true) => {}
            Some(false) => return false,
            None => {
                let outer = std::mem::replace(&mut here, open(heap, a, b));
                if !outer.is_finished() {
                    stack.push(outer);
                }
                if a.kind() == Kind::Error {
                    stack.push(Open::Rows {
                        a: a.words(field::CAUSE, 1),
                        b: b.words(field::CAUSE, 1),
                    });
                }
            }
        }
    }
}

impl Open {
    fn is_finished(&self) -> bool {
        matches!(self, Open::Rows { a, .. } if a.is_empty())
    }
}

/// The next two parts that are not the same word; none when all were compared. The second is none when it is missing.
fn next_parts(heap: &mut Heap, here: &mut Open) -> Option<(Word, Option<Word>)> {
    match here {
        Open::Rows { a, b } => {
            if a.len() != b.len() {
                return Some((a.first().copied().unwrap_or(0), None));
            }
            let place = a.iter().zip(b.iter()).position(|(a, b)| a != b);
            let Some(place) = place else {
                *a = &[];
                *b = &[];
                return None;
            };
            let parts = (a[place], Some(b[place]));
            *a = &a[place + 1..];
            *b = &b[place + 1..];
            Some(parts)
        }
        Open::Maps { pairs, other } => loop {
            let (key, value) = pairs.next()?;
            let hash = if is_pointer(key) || other.kind() == Kind::MapView {
                hash_key(heap, key).expect("what is a key can be hashed")
            } else {
                0
            };
            match map::find(heap, *other, key, hash) {
                Some(same) if same == value => {}
                found => return Some((value, found)),
            }
        },
    }
}

impl Vm {
    /// Whether two values are deeply equal: reals by their bits with one NaN, lists of one kind item by item, maps without
    /// regard to order, errors without span and trace, what is mutable by identity.
    #[must_use]
    #[inline]
    pub fn equal(&mut self, a: Word, b: Word) -> bool {
        deep(&mut self.heap, a, b)
    }
}
