//! Finding, splitting and replacing in strings.

use memchr::memmem;
use sup_abi::word::{NIL, SHORT_MAX, TAG_SHORT, Word, boolean, short};

use super::BasePrimitive;
use super::arguments::{Arguments, check_items, check_room, invalid};
use super::printing::reserve;
use super::scratch::build_str;
use crate::base;
use crate::data::{BRACE, byte_offset, char_index, count_word, resolve_index, text_len_chars};
use crate::error::{Outcome, Raise};
use crate::heap::SHARED_BYTES;
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!(
        "%str-split",
        "(s :str sep :str &opt limit :int) :list-c",
        2..Some(3),
        split
    ),
    base!("%str-lines", "(s :str) :list-c", 1..Some(1), lines),
    base!("%str-words", "(s :str) :list-c", 1..Some(1), words),
    base!(
        "%str-tokens",
        "(s :str &opt extra :str) :list-c",
        1..Some(2),
        tokens
    ),
    base!(
        "%str-replace",
        "(s :str from :str to :str) :str",
        3..Some(3),
        replace
    ),
    base!(
        "%str-replace-first",
        "(s :str from :str to :str) :str",
        3..Some(3),
        replace_first
    ),
    base!(
        "%str-index-of",
        "(s :str sub :str &opt from :int) :int?",
        2..Some(3),
        index_of
    ),
    base!(
        "%str-last-index-of",
        "(s :str sub :str) :int?",
        2..Some(2),
        last_index_of
    ),
    base!("%str-starts?", "(s :str x :str) :bool", 2..Some(2), starts),
    base!("%str-ends?", "(s :str x :str) :bool", 2..Some(2), ends),
    base!("%str-contains?", "(s :str x :str) :bool", 2..Some(2), contains),
];

/// The first offset at which `part` stands in `whole`.
#[inline]
pub(crate) fn find(whole: &[u8], part: &[u8]) -> Option<usize> {
    match part {
        [] => Some(0),
        [byte] => memchr::memchr(*byte, whole),
        _ => memmem::find(whole, part),
    }
}

/// A part of a string: copied when it is short, else sharing the bytes of the whole.
#[inline]
pub(crate) fn part_of(vm: &mut Vm, whole: Word, text: &str, from: usize, to: usize) -> Outcome {
    let len = to - from;
    if len > SHARED_BYTES {
        return vm.str_slice(whole, from, to);
    }
    if len <= SHORT_MAX
        && let Some(eight) = text.as_bytes()[from..].first_chunk::<8>()
    {
        // The eight bytes there, of which the last are shifted out of the word.
        let bytes = u64::from_le_bytes(*eight) & ((1 << (8 * len)) - 1);
        return Ok((bytes << 8) | TAG_SHORT | ((len as u64) << 3));
    }
    vm.new_str(&text[from..to])
}

/// Parts of a string that are being gathered.
struct Parts<'a> {
    whole: Word,
    text: &'a str,
    words: Vec<Word>,
}

impl<'a> Parts<'a> {
    fn of(whole: Word, text: &'a str) -> Parts<'a> {
        Parts {
            whole,
            text,
            words: Vec::new(),
        }
    }

    #[inline]
    fn add(&mut self, vm: &mut Vm, from: usize, to: usize) -> Result<(), Raise> {
        vm.work(1)?;
        let part = part_of(vm, self.whole, self.text, from, to)?;
        self.words.push(part);
        Ok(())
    }

    fn into_list(self, vm: &mut Vm) -> Outcome {
        vm.new_list(BRACE, &self.words)
    }
}

fn split(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (text, separator) = (arguments.text(vm, 0)?, arguments.text(vm, 1)?);
    let limit = match arguments.given(2) {
        Some(word) => match arguments.amount(vm, 2)? {
            0 => return Err(invalid(vm, "at least one part must be allowed", word)),
            limit => limit,
        },
        None => usize::MAX,
    };
    if separator.is_empty() {
        return split_characters(vm, arguments[0], text, limit);
    }
    let mut parts = Parts::of(arguments[0], text);
    let len = separator.len();
    let mut start = 0;
    let mut cut = |vm: &mut Vm, offset: usize| {
        let added = parts.add(vm, start, offset);
        start = offset + len;
        added
    };
    if let [byte] = separator.as_bytes() {
        for offset in memchr::memchr_iter(*byte, text.as_bytes()).take(limit - 1) {
            cut(vm, offset)?;
        }
    } else {
        for offset in memmem::find_iter(text.as_bytes(), separator.as_bytes()).take(limit - 1) {
            cut(vm, offset)?;
        }
    }
    parts.add(vm, start, text.len())?;
    parts.into_list(vm)
}

fn split_characters(vm: &mut Vm, whole: Word, text: &str, limit: usize) -> Outcome {
    let n = text_len_chars(&whole).unwrap_or(0);
    check_items(vm, Some(n.min(limit)))?;
    let mut words = Vec::with_capacity(n.min(limit));
    let mut characters = text.char_indices();
    while words.len() + 1 < limit {
        match characters.next() {
            Some((_, character)) => words.push(character_word(character)),
            None => break,
        }
    }
    if let Some((offset, _)) = characters.next() {
        words.push(part_of(vm, whole, text, offset, text.len())?);
    }
    vm.new_list(BRACE, &words)
}

/// A string of one character.
#[inline]
pub(crate) fn character_word(character: char) -> Word {
    if character.is_ascii() {
        return TAG_SHORT | (1 << 3) | (u64::from(u32::from(character)) << 8);
    }
    short(character.encode_utf8(&mut [0; 4]).as_bytes()).expect("a character is short")
}

fn lines(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let text = arguments.text(vm, 0)?;
    let bytes = text.as_bytes();
    let mut parts = Parts::of(arguments[0], text);
    let mut start = 0;
    for offset in memchr::memchr_iter(b'\n', bytes) {
        let is_pair = offset > start && bytes[offset - 1] == b'\r';
        parts.add(vm, start, offset - usize::from(is_pair))?;
        start = offset + 1;
    }
    if start < text.len() {
        parts.add(vm, start, text.len())?;
    }
    parts.into_list(vm)
}

fn words(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    runs(
        vm,
        arguments,
        |byte| !byte.is_ascii_whitespace() && byte != 0x0b,
        |character| !character.is_whitespace(),
    )
}

fn tokens(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let extra = match arguments.given(1) {
        Some(_) => arguments.text(vm, 1)?,
        None => "",
    };
    let mut is_token = [false; 128];
    for (byte, slot) in (0u8..).zip(&mut is_token) {
        *slot = byte.is_ascii_alphanumeric() || extra.as_bytes().contains(&byte);
    }
    runs(
        vm,
        arguments,
        |byte| is_token[usize::from(byte & 0x7f)],
        |character| character.is_alphanumeric() || extra.contains(character),
    )
}

/// The longest runs of characters that belong; the first question is about ASCII characters only.
#[inline(always)]
fn runs(
    vm: &mut Vm,
    arguments: &[Word],
    belongs_ascii: impl Fn(u8) -> bool,
    belongs: impl Fn(char) -> bool,
) -> Outcome {
    let text = arguments.text(vm, 0)?;
    let bytes = text.as_bytes();
    let mut parts = Parts::of(arguments[0], text);
    let mut start = None;
    let mut offset = 0;
    while offset < bytes.len() {
        let byte = bytes[offset];
        let (is_in, len) = if byte < 0x80 {
            (belongs_ascii(byte), 1)
        } else {
            let character = text[offset..].chars().next().expect("a character starts here");
            (belongs(character), character.len_utf8())
        };
        match (is_in, start) {
            (true, None) => start = Some(offset),
            (false, Some(from)) => {
                parts.add(vm, from, offset)?;
                start = None;
            }
            _ => {}
        }
        offset += len;
    }
    if let Some(from) = start {
        parts.add(vm, from, bytes.len())?;
    }
    parts.into_list(vm)
}

fn replace(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    replace_some(vm, arguments, usize::MAX)
}

fn replace_first(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    replace_some(vm, arguments, 1)
}

fn replace_some(vm: &mut Vm, arguments: &[Word], limit: usize) -> Outcome {
    let (text, from, to) = (
        arguments.text(vm, 0)?,
        arguments.text(vm, 1)?,
        arguments.text(vm, 2)?,
    );
    if from.is_empty() {
        return Err(invalid(vm, "the text to be replaced is empty", arguments[1]));
    }
    let offsets: Vec<usize> = match from.as_bytes() {
        [byte] => memchr::memchr_iter(*byte, text.as_bytes()).take(limit).collect(),
        part => memmem::find_iter(text.as_bytes(), part).take(limit).collect(),
    };
    if offsets.is_empty() {
        return Ok(arguments[0]);
    }
    let kept = text.len() - offsets.len() * from.len();
    let len = to
        .len()
        .checked_mul(offsets.len())
        .and_then(|added| added.checked_add(kept));
    build_str(vm, |vm, out| {
        reserve(vm, out, len)?;
        let mut start = 0;
        for offset in &offsets {
            vm.work(1)?;
            out.push_str(&text[start..*offset]);
            out.push_str(to);
            start = offset + from.len();
        }
        out.push_str(&text[start..]);
        Ok(())
    })
}

pub(crate) fn index_of(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (text, part) = (arguments.text(vm, 0)?, arguments.text(vm, 1)?);
    let start = match arguments.given(2) {
        None => Some(0),
        Some(_) => {
            let from = arguments.int(vm, 2)?;
            let index = if from < 0 {
                let len = text_len_chars(&arguments[0]).unwrap_or(0);
                Some(resolve_index(from, len).unwrap_or(0))
            } else {
                usize::try_from(from).ok()
            };
            index.and_then(|index| byte_offset(&arguments[0], index))
        }
    };
    let found = start.and_then(|start| Some(start + find(&text.as_bytes()[start..], part.as_bytes())?));
    Ok(found.map_or(NIL, |offset| count_word(char_index(&arguments[0], offset))))
}

fn last_index_of(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (text, part) = (arguments.text(vm, 0)?, arguments.text(vm, 1)?);
    let found = memmem::rfind(text.as_bytes(), part.as_bytes());
    Ok(found.map_or(NIL, |offset| count_word(char_index(&arguments[0], offset))))
}

fn starts(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    Ok(boolean(
        arguments.text(vm, 0)?.starts_with(arguments.text(vm, 1)?),
    ))
}

fn ends(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    Ok(boolean(arguments.text(vm, 0)?.ends_with(arguments.text(vm, 1)?)))
}

fn contains(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (text, part) = (arguments.text(vm, 0)?, arguments.text(vm, 1)?);
    Ok(boolean(find(text.as_bytes(), part.as_bytes()).is_some()))
}

/// Checks that a text of so many bytes fits, many times over.
pub(crate) fn check_times(vm: &mut Vm, len: usize, times: usize) -> Result<(), Raise> {
    check_room(vm, len.checked_mul(times))
}
