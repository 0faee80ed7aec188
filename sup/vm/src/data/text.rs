//! Strings and bytes: one form for each length, so that equal short strings are equal words.
//!
//! A string of at most 7 bytes is held in its word, one of at most `SHARED_BYTES` in an object, a longer one outside the
//! heap where slices and isolates share it. Word 1 of the objects holds the cached hash (0: not computed) and the number
//! of characters.
#![allow(unsafe_code)]

use std::sync::Arc;

use sup_abi::word::{Word, is_short, short, short_len};

use crate::error::{Outcome, Raise};
use crate::heap::{Heap, SHARED_BYTES, Shared};
use crate::object::{Header, Kind, Obj};
use crate::vm::Vm;

/// Longest string or bytes value; lengths are kept in 32 bits.
pub const TEXT_MAX: usize = u32::MAX as usize;

/// Whether the word is a string.
#[must_use]
#[inline]
pub fn is_str(word: Word) -> bool {
    is_short(word) || matches!(crate::object::kind_of(word), Some(Kind::Str | Kind::BigStr))
}

/// Whether the word is a bytes value.
#[must_use]
#[inline]
pub fn is_bytes(word: Word) -> bool {
    matches!(crate::object::kind_of(word), Some(Kind::Bytes | Kind::BigBytes))
}

/// The text of a string, if the word is one. A short string lies in the word itself, hence the borrow.
#[must_use]
#[inline]
pub fn text_of(word: &Word) -> Option<&str> {
    let bytes = if is_short(*word) {
        short_text(word)
    } else {
        let obj = Obj::from_word(*word)?;
        match obj.kind() {
            Kind::Str => obj.bytes(2, obj.n()),
            Kind::BigStr => outside(obj),
            _ => return None,
        }
    };
    // SAFETY: strings are only made from valid UTF-8.
    Some(unsafe { std::str::from_utf8_unchecked(bytes) })
}

/// The bytes of a bytes value, if the word is one.
#[must_use]
#[inline]
pub fn bytes_of(word: &Word) -> Option<&[u8]> {
    let obj = Obj::from_word(*word)?;
    match obj.kind() {
        Kind::Bytes => Some(obj.bytes(2, obj.n())),
        Kind::BigBytes => Some(outside(obj)),
        _ => None,
    }
}

#[inline(always)]
fn short_text(word: &Word) -> &[u8] {
    let len = short_len(*word);
    // SAFETY: words are little endian here, so the bytes of a short string stand right after its lowest byte.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(word).cast::<u8>().add(1), len) }
}

#[inline]
fn outside(obj: Obj) -> &'static [u8] {
    let shared = obj.get(2) as *const Shared;
    let (start, len) = (obj.get(3) as usize, obj.n());
    // SAFETY: word 2 came from `Arc::into_raw` and is counted until the object dies; the range was checked when it was made.
    unsafe {
        let bytes: &'static [u8] = &(*shared).bytes;
        bytes.get_unchecked(start..start + len)
    }
}

impl Vm {
    /// The text of a string, if the word is one.
    #[must_use]
    #[inline]
    pub fn text_of<'a>(&self, word: &'a Word) -> Option<&'a str> {
        text_of(word)
    }

    /// The bytes of a bytes value, if the word is one.
    #[must_use]
    #[inline]
    pub fn bytes_of<'a>(&self, word: &'a Word) -> Option<&'a [u8]> {
        bytes_of(word)
    }

    /// A string.
    ///
    /// # Errors
    /// `vm/memory`.
    #[inline]
    pub fn new_str(&mut self, text: &str) -> Outcome {
        match short(text.as_bytes()) {
            Some(word) => Ok(word),
            None => self.new_long_str(text),
        }
    }

    fn new_long_str(&mut self, text: &str) -> Outcome {
        if text.len() > SHARED_BYTES {
            self.check_text_len(text.len())?;
            return self.share_str(text.as_bytes().into());
        }
        let obj =
            self.alloc(Header::new(Kind::Str, text.len() as u32).with_subkind(text.is_ascii().into()))?;
        obj.init(1, char_word(text));
        fill_bytes(obj, text.as_bytes());
        Ok(obj.word())
    }

    /// A string; a long one is taken over without copying when it fills its allocation.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn new_string(&mut self, text: String) -> Outcome {
        if text.len() <= SHARED_BYTES {
            return self.new_str(&text);
        }
        self.check_text_len(text.len())?;
        self.share_str(text.into_bytes().into_boxed_slice())
    }

    /// A string of bytes that are known to be UTF-8.
    ///
    /// # Errors
    /// `vm/memory`.
    ///
    /// # Safety
    /// The bytes are valid UTF-8.
    pub unsafe fn new_str_from_bytes(&mut self, bytes: &[u8]) -> Outcome {
        // SAFETY: as this function demands.
        self.new_str(unsafe { std::str::from_utf8_unchecked(bytes) })
    }

    /// A bytes value.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn new_bytes(&mut self, bytes: &[u8]) -> Outcome {
        if bytes.len() > SHARED_BYTES {
            self.check_text_len(bytes.len())?;
            return self.share_bytes(bytes.into());
        }
        let obj = self.alloc(Header::new(Kind::Bytes, bytes.len() as u32))?;
        obj.init(1, 0);
        fill_bytes(obj, bytes);
        Ok(obj.word())
    }

    /// A bytes value; long ones are taken over without copying when they fill their allocation.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn new_byte_vec(&mut self, bytes: Vec<u8>) -> Outcome {
        if bytes.len() <= SHARED_BYTES {
            return self.new_bytes(&bytes);
        }
        self.check_text_len(bytes.len())?;
        self.share_bytes(bytes.into_boxed_slice())
    }

    /// The part of a string between two byte offsets, which lie at characters. A long part shares the bytes.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no string, `index/range` if the offsets are not in it, `vm/memory`.
    pub fn str_slice(&mut self, word: Word, from: usize, to: usize) -> Outcome {
        let text = self.want_text(&word)?;
        let Some(part) = text.get(from..to) else {
            return Err(self.raise("index/range", "the part does not lie in the string"));
        };
        if part.len() <= SHARED_BYTES {
            return self.new_str(part);
        }
        let obj = Obj::from_word(word).expect("a string longer than its word is an object");
        let header = Header::new(Kind::BigStr, part.len() as u32).with_subkind(part.is_ascii().into());
        let slice = self.share(header, Heap::shared_of(obj), obj.get(3) as usize + from)?;
        slice.init(1, char_word(part));
        Ok(slice.word())
    }

    /// The part of a bytes value between two offsets. A long part shares the bytes.
    ///
    /// # Errors
    /// As for [`Vm::str_slice`].
    pub fn bytes_slice(&mut self, word: Word, from: usize, to: usize) -> Outcome {
        let bytes = self.want_bytes(&word)?;
        let Some(part) = bytes.get(from..to) else {
            return Err(self.raise("index/range", "the part does not lie in the bytes"));
        };
        if part.len() <= SHARED_BYTES {
            return self.new_bytes(part);
        }
        let obj = Obj::from_word(word).expect("a bytes value is an object");
        let header = Header::new(Kind::BigBytes, part.len() as u32);
        Ok(self
            .share(header, Heap::shared_of(obj), obj.get(3) as usize + from)?
            .word())
    }

    /// The text of a string.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no string.
    pub fn want_text<'a>(&mut self, word: &'a Word) -> Result<&'a str, Raise> {
        match text_of(word) {
            Some(text) => Ok(text),
            None => Err(self.type_mismatch(":str", *word)),
        }
    }

    /// The bytes of a bytes value.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no bytes value.
    pub fn want_bytes<'a>(&mut self, word: &'a Word) -> Result<&'a [u8], Raise> {
        match bytes_of(word) {
            Some(bytes) => Ok(bytes),
            None => Err(self.type_mismatch(":bytes", *word)),
        }
    }

    fn share_str(&mut self, bytes: Box<[u8]>) -> Outcome {
        // SAFETY: the callers have a string's bytes.
        let text = unsafe { std::str::from_utf8_unchecked(&bytes) };
        let (chars, is_ascii) = (char_word(text), text.is_ascii());
        let header = Header::new(Kind::BigStr, bytes.len() as u32).with_subkind(is_ascii.into());
        let obj = self.share(header, Arc::new(Shared::new(bytes)), 0)?;
        obj.init(1, chars);
        Ok(obj.word())
    }

    fn share_bytes(&mut self, bytes: Box<[u8]>) -> Outcome {
        let header = Header::new(Kind::BigBytes, bytes.len() as u32);
        Ok(self.share(header, Arc::new(Shared::new(bytes)), 0)?.word())
    }

    fn share(&mut self, header: Header, shared: Arc<Shared>, offset: usize) -> Result<Obj, Raise> {
        match self.heap.alloc_shared(header, shared, offset) {
            Ok(obj) => Ok(obj),
            Err(_) => Err(self.raise_memory()),
        }
    }

    fn check_text_len(&mut self, len: usize) -> Result<(), Raise> {
        if len > TEXT_MAX {
            Err(self.raise("str/too-large", "a string has at most 4294967295 bytes"))
        } else {
            Ok(())
        }
    }
}

/// Word 1 of a string that was just made: no hash yet, and the number of characters.
fn char_word(text: &str) -> u64 {
    let n_chars = if text.is_ascii() {
        text.len()
    } else {
        text.chars().count()
    };
    (n_chars as u64) << 32
}

/// Copies bytes to word 2 and on; what is left of the last word is zero, so that words can be compared.
#[inline]
fn fill_bytes(obj: Obj, bytes: &[u8]) {
    if let Some(last) = bytes.len().div_ceil(8).checked_sub(1) {
        obj.init(2 + last, 0);
    }
    obj.bytes_mut(2, bytes.len()).copy_from_slice(bytes);
}
