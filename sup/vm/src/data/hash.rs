//! Hashes of values: equal values have equal hashes, under a key that each process draws anew.
//!
//! Words are mixed by a folded multiplication, texts hashed by `foldhash`, whose results strings keep. Lists and maps are
//! hashed by content without recursion; maps as sums, so that order does not count.
#![allow(unsafe_code)]

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use sup_abi::word::{Word, is_pointer, is_short, short_len};

use super::cursor::Cursor;
use super::{bytes_of, list_items, text_of};
use crate::error::{Raise, field};
use crate::heap::Heap;
use crate::object::{Kind, Obj};
use crate::vm::Vm;

/// How many levels of maps may lie in the keys of maps. It bounds how deep comparing a key goes on the host's stack.
pub const MAX_KEY_NESTING: u32 = 32;

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A value that may change, or holds one that may, cannot be a key; nor can keys nest too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// It is mutable, or stands for something outside.
    Mutable(Word),
    /// Too many levels of maps in keys of maps.
    TooDeep,
}

/// The process's key, drawn when it is first asked for; never 0.
#[inline(always)]
fn process_key() -> u64 {
    static KEY: AtomicU64 = AtomicU64::new(0);
    let key = KEY.load(Ordering::Relaxed);
    if key != 0 { key } else { draw_key(&KEY) }
}

#[cold]
fn draw_key(key: &AtomicU64) -> u64 {
    let drawn = std::collections::hash_map::RandomState::new().hash_one(0u8) | 1;
    match key.compare_exchange(0, drawn, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => drawn,
        Err(earlier) => earlier,
    }
}

#[inline(always)]
fn mix(word: u64, key: u64) -> u64 {
    let product = u128::from(word ^ key) * u128::from(MULTIPLIER);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The hash of a word that is no pointer. Four integers in a row, or four short strings that differ only so in their last
/// character, differ only in the two lowest bits: the index finds them in one line of the cache.
#[inline(always)]
pub(crate) fn hash_word(word: Word) -> u32 {
    let last = if is_short(word) {
        8 * short_len(word) as u32
    } else {
        2
    };
    let low = (word >> last) & 3;
    ((mix(word ^ (low << last), process_key()) >> 32) as u32 & !3) | low as u32
}

fn hash_bytes(bytes: &[u8]) -> u32 {
    let mut hasher = FoldHasher::with_seed(process_key(), SharedSeed::global_random());
    hasher.write(bytes);
    hasher.finish() as u32
}

/// The hash of a text or bytes object, computed once.
#[inline]
fn cached_hash(obj: Obj, bytes: &[u8]) -> u32 {
    // SAFETY: the low half of word 1 of these kinds is the hash; several threads may fill in the same value when the object
    // is immortal, hence the atomic.
    let place = unsafe { AtomicU32::from_ptr(obj.0.add(1).cast()) };
    let known = place.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let hash = hash_bytes(bytes).max(1);
    place.store(hash, Ordering::Relaxed);
    hash
}

/// The hash of a key.
#[inline]
pub(crate) fn hash_key(heap: &mut Heap, word: Word) -> Result<u32, NoKey> {
    if !is_pointer(word) {
        return Ok(hash_word(word));
    }
    hash_object(heap, word, 0)
}

/// The hash of an object, `nesting` levels down in keys of maps.
fn hash_object(heap: &mut Heap, word: Word, nesting: u32) -> Result<u32, NoKey> {
    let Some(obj) = Obj::from_word(word) else {
        return Ok(hash_word(word));
    };
    match obj.kind() {
        Kind::Str | Kind::BigStr => Ok(cached_hash(obj, text_of(&word).unwrap_or("").as_bytes())),
        Kind::Bytes | Kind::BigBytes => Ok(cached_hash(obj, bytes_of(&word).unwrap_or(&[])) ^ 1),
        Kind::Int | Kind::Real | Kind::Closure => Ok(hash_word(obj.get(1) ^ obj.kind() as u64)),
        _ => hash_composite(heap, word, nesting),
    }
}

/// Something with parts whose hashes are being gathered.
enum Open {
    /// Parts that count in their order.
    Row {
        parts: &'static [Word],
        next: usize,
        sum: u64,
    },
    /// Pairs whose order does not count.
    Pairs { pairs: Cursor, key_hash: u64, sum: u64 },
}

impl Open {
    /// The hash of it all, when every part was taken in.
    fn finish(&self) -> u32 {
        let (Open::Row { sum, .. } | Open::Pairs { sum, .. }) = self;
        (mix(*sum, process_key()) >> 32) as u32
    }

    /// Takes in the hash of the part that was last given out.
    fn absorb(&mut self, hash: u32) {
        match self {
            Open::Row { sum, .. } => *sum = mix(*sum, u64::from(hash) ^ MULTIPLIER.rotate_left(17)),
            Open::Pairs { key_hash, sum, .. } => {
                *sum = sum.wrapping_add(mix(*key_hash, (u64::from(hash) << 32) ^ MULTIPLIER));
            }
        }
    }
}

fn hash_composite(heap: &mut Heap, word: Word, nesting: u32) -> Result<u32, NoKey> {
    let mut whole = open(heap, word)?;
    if let Open::Row { parts, .. } = whole
        && !parts.iter().any(|part| is_composite(*part))
    {
        for part in parts {
            whole.absorb(hash_object(heap, *part, nesting)?);
        }
        return Ok(whole.finish());
    }
    hash_nested(heap, whole, nesting)
}

fn hash_nested(heap: &mut Heap, whole: Open, nesting: u32) -> Result<u32, NoKey> {
    let mut stack = vec![whole];
    loop {
        let top = stack.last_mut().expect("the loop ends when the stack is empty");
        let part = match top {
            Open::Row { parts, next, .. } => {
                *next += 1;
                parts.get(*next - 1).copied()
            }
            Open::Pairs { pairs, key_hash, .. } => match pairs.next() {
                Some((key, value)) => {
                    if nesting >= MAX_KEY_NESTING {
                        return Err(NoKey::TooDeep);
                    }
                    *key_hash = u64::from(hash_object(heap, key, nesting + 1)?);
                    Some(value)
                }
                None => None,
            },
        };
        let hash = match part {
            Some(part) if !is_pointer(part) => hash_word(part),
            Some(part) if is_composite(part) => {
                let inner = open(heap, part)?;
                stack.push(inner);
                continue;
            }
            Some(part) => hash_object(heap, part, nesting)?,
            None => {
                let hash = stack.pop().expect("it was just looked at").finish();
                if stack.is_empty() {
                    return Ok(hash);
                }
                hash
            }
        };
        stack
            .last_mut()
            .expect("a part has something around it")
            .absorb(hash);
    }
}

fn is_composite(word: Word) -> bool {
    !matches!(
        crate::object::kind_of(word),
        Some(
            Kind::Str | Kind::BigStr | Kind::Bytes | Kind::BigBytes | Kind::Int | Kind::Real | Kind::Closure
        ) | None
    )
}

/// Begins to hash something with parts.
fn open(heap: &mut Heap, word: Word) -> Result<Open, NoKey> {
    let obj = Obj::from_word(word).ok_or(NoKey::Mutable(word))?;
    let kind = obj.kind();
    let row = |parts: &'static [Word], salt: u64| {
        Ok(Open::Row {
            parts,
            next: 0,
            sum: salt.wrapping_mul(MULTIPLIER) ^ parts.len() as u64,
        })
    };
    match kind {
        Kind::List | Kind::View => row(
            list_items(word).unwrap_or(&[]),
            100 + u64::from(obj.header().subkind()),
        ),
        Kind::Map | Kind::MapView => {
            let pairs = Cursor::of_map(heap, obj);
            Ok(Open::Pairs {
                pairs,
                key_hash: 0,
                sum: Kind::Map as u64,
            })
        }
        Kind::Error => row(obj.words(field::CODE, 3), Kind::Error as u64),
        Kind::Instance => row(obj.words(2, obj.n()), super::records::type_of(obj).id.into()),
        Kind::Quoted | Kind::Datum | Kind::Aberrant => row(
            obj.words(1, 1),
            kind as u64 | (u64::from(obj.header().aux()) << 8),
        ),
        _ => Err(NoKey::Mutable(word)),
    }
}

impl Vm {
    /// The hash of a value: equal values have equal hashes. It differs from process to process.
    ///
    /// # Errors
    /// `map/key` for a mutable value or one that holds such a value.
    pub fn hash(&mut self, word: Word) -> Result<u64, Raise> {
        self.want_key(word).map(u64::from)
    }

    /// The hash of a key.
    #[inline]
    pub(crate) fn want_key(&mut self, word: Word) -> Result<u32, Raise> {
        match hash_key(&mut self.heap, word) {
            Ok(hash) => Ok(hash),
            Err(no_key) => Err(self.raise_no_key(no_key)),
        }
    }

    #[cold]
    fn raise_no_key(&mut self, no_key: NoKey) -> Raise {
        match no_key {
            NoKey::Mutable(word) => {
                let message = format!(
                    "{} cannot be hashed or be a key, since it can change",
                    self.type_name(word)
                );
                self.raise("map/key", &message)
            }
            NoKey::TooDeep => self.raise("map/key", "maps in keys of maps nest too deep"),
        }
    }
}
