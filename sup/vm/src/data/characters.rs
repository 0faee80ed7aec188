//! Places of characters in strings, which are UTF-8: at once in ASCII, by counting in short texts, and in long ones with
//! the help of the number of characters before each stretch of bytes.
#![allow(unsafe_code)]

use sup_abi::word::Word;

use super::text::text_of;
use crate::heap::Shared;
use crate::object::{Kind, Obj};

/// Bytes of a stretch.
const STRETCH: usize = 256;

/// Number of characters of a string, if the word is one.
#[must_use]
pub fn text_len_chars(word: &Word) -> Option<usize> {
    let text = text_of(word)?;
    Some(match Obj::from_word(*word) {
        None => n_chars(text.as_bytes()),
        Some(obj) if is_ascii(obj) => obj.n(),
        Some(obj) => (obj.get(1) >> 32) as usize,
    })
}

/// Byte offset of the character with that index; the length in bytes when the index is the number of characters.
#[must_use]
pub fn byte_offset(word: &Word, index: usize) -> Option<usize> {
    let text = text_of(word)?;
    match Obj::from_word(*word) {
        Some(obj) if is_ascii(obj) => (index <= text.len()).then_some(index),
        Some(obj) if obj.kind() == Kind::BigStr => offset_in_shared(obj, index),
        _ => offset_in(text.as_bytes(), index),
    }
}

/// Index of the character that starts at that byte offset; the number of characters when the offset is the length.
#[must_use]
pub fn char_index(word: &Word, offset: usize) -> usize {
    let bytes = text_of(word).unwrap_or("").as_bytes();
    let offset = offset.min(bytes.len());
    match Obj::from_word(*word) {
        Some(obj) if is_ascii(obj) => offset,
        Some(obj) if obj.kind() == Kind::BigStr => {
            let (shared, start) = shared_of(obj);
            n_before(shared, start + offset) - n_before(shared, start)
        }
        _ => n_chars(&bytes[..offset]),
    }
}

/// The character with that index.
#[must_use]
pub fn char_at(word: &Word, index: usize) -> Option<char> {
    let offset = byte_offset(word, index)?;
    text_of(word)?.get(offset..)?.chars().next()
}

fn is_ascii(text: Obj) -> bool {
    text.header().subkind() == 1
}

/// Whether a character starts with that byte.
#[inline(always)]
fn starts(byte: u8) -> bool {
    byte as i8 >= -0x40
}

fn n_chars(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| starts(**byte)).count()
}

/// Offset of the character with that index, by counting.
fn offset_in(bytes: &[u8], index: usize) -> Option<usize> {
    let mut left = index;
    for (offset, _) in bytes.iter().enumerate().filter(|(_, byte)| starts(**byte)) {
        if left == 0 {
            return Some(offset);
        }
        left -= 1;
    }
    (left == 0).then_some(bytes.len())
}

/// The shared text that a string is part of, and where it starts there.
fn shared_of(text: Obj) -> (&'static Shared, usize) {
    // SAFETY: word 2 of a `BigStr` came from `Arc::into_raw` and is counted until the object dies.
    (unsafe { &*(text.get(2) as *const Shared) }, text.get(3) as usize)
}

/// The number of characters before each stretch of a shared text.
fn counts(shared: &Shared) -> &[u32] {
    shared.n_chars_before.get_or_init(|| {
        let mut before = 0;
        let stretches = shared.bytes.chunks(STRETCH).map(|stretch| {
            let here = before;
            before += n_chars(stretch) as u32;
            here
        });
        stretches.collect()
    })
}

/// Number of characters of a shared text before a byte offset.
fn n_before(shared: &Shared, offset: usize) -> usize {
    let stretch = offset.min(shared.bytes.len().saturating_sub(1)) / STRETCH;
    counts(shared)[stretch] as usize + n_chars(&shared.bytes[stretch * STRETCH..offset])
}

fn offset_in_shared(text: Obj, index: usize) -> Option<usize> {
    if index > (text.get(1) >> 32) as usize {
        return None;
    }
    let (shared, start) = shared_of(text);
    let wanted = n_before(shared, start) + index;
    let counts = counts(shared);
    let stretch = counts.partition_point(|before| *before as usize <= wanted) - 1;
    let rest = &shared.bytes[stretch * STRETCH..start + text.n()];
    let offset = offset_in(rest, wanted - counts[stretch] as usize)?;
    Some(stretch * STRETCH + offset - start)
}
