//! Buffers, which are mutable bytes, and boxes, which are mutable cells. Both are compared by identity.
#![allow(unsafe_code)]

use sup_abi::word::Word;

use crate::error::{Outcome, Raise};
use crate::object::{Header, Kind, Obj};
use crate::vm::Vm;

/// Whether the word is a buffer.
#[must_use]
#[inline]
pub fn is_buffer(word: Word) -> bool {
    crate::object::kind_of(word) == Some(Kind::Buffer)
}

/// The bytes of a buffer, if the word is one. They change when the buffer does.
#[must_use]
#[inline]
pub fn buffer_bytes(word: Word) -> Option<&'static [u8]> {
    let buffer = Obj::from_word(word)?;
    (buffer.kind() == Kind::Buffer).then(|| raw_of(buffer).bytes(1, buffer.get(2) as usize))
}

fn raw_of(buffer: Obj) -> Obj {
    Obj::from_word(buffer.get(1)).expect("a buffer names its bytes")
}

/// Whether the word is a box.
#[must_use]
#[inline]
pub fn is_box(word: Word) -> bool {
    crate::object::kind_of(word) == Some(Kind::Box)
}

/// The value in a box, if the word is one.
#[must_use]
#[inline]
pub fn unbox(word: Word) -> Option<Word> {
    let obj = Obj::from_word(word)?;
    (obj.kind() == Kind::Box).then(|| obj.get(1))
}

impl Vm {
    fn want_buffer(&mut self, word: Word) -> Result<Obj, Raise> {
        match Obj::from_word(word) {
            Some(obj) if obj.kind() == Kind::Buffer => Ok(obj),
            _ => Err(self.type_mismatch(":buffer", word)),
        }
    }

    fn new_raw(&mut self, bytes: usize) -> Result<Obj, Raise> {
        match u32::try_from(bytes.div_ceil(8)) {
            Ok(n) => self.alloc(Header::new(Kind::Raw, n)),
            Err(_) => Err(self.raise("buffer/too-large", "a buffer has at most 34359738360 bytes")),
        }
    }

    /// An empty buffer with room for `capacity` bytes.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn new_buffer(&mut self, capacity: usize) -> Outcome {
        let raw = self.new_raw(capacity)?;
        let buffer = self.alloc(Header::new(Kind::Buffer, 0))?;
        buffer.init(1, raw.word());
        buffer.init(2, 0);
        Ok(buffer.word())
    }

    /// Appends bytes, which may be the buffer's own.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no buffer, `vm/memory`.
    pub fn buffer_push(&mut self, buffer: Word, bytes: &[u8]) -> Result<(), Raise> {
        let buffer = self.want_buffer(buffer)?;
        let len = buffer.get(2) as usize;
        let mut raw = raw_of(buffer);
        if len + bytes.len() > raw.n() * 8 {
            let wider = self.new_raw((len + bytes.len()).max(2 * len).max(32))?;
            wider.bytes_mut(1, len).copy_from_slice(raw.bytes(1, len));
            self.heap.write(buffer, 1, wider.word());
            raw = wider;
        }
        // SAFETY: room was made for `bytes` behind every byte that the buffer has, so that even its own do not overlap.
        unsafe {
            let place = raw.0.add(1).cast::<u8>().add(len);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len());
        }
        buffer.init(2, (len + bytes.len()) as u64);
        Ok(())
    }

    /// Drops the bytes from index `len` on.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no buffer.
    pub fn buffer_truncate(&mut self, buffer: Word, len: usize) -> Result<(), Raise> {
        let buffer = self.want_buffer(buffer)?;
        buffer.init(2, (len as u64).min(buffer.get(2)));
        Ok(())
    }

    /// The bytes of a buffer, to be changed in place.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no buffer.
    pub fn buffer_edit(&mut self, buffer: Word) -> Result<&'static mut [u8], Raise> {
        let buffer = self.want_buffer(buffer)?;
        Ok(raw_of(buffer).bytes_mut(1, buffer.get(2) as usize))
    }

    /// A box that holds a value.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn new_box(&mut self, value: Word) -> Outcome {
        let obj = self.alloc(Header::new(Kind::Box, 0))?;
        obj.init(1, value);
        Ok(obj.word())
    }

    /// Replaces the value in a box.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no box.
    pub fn box_set(&mut self, word: Word, value: Word) -> Result<(), Raise> {
        match Obj::from_word(word) {
            Some(obj) if obj.kind() == Kind::Box => {
                self.heap.write(obj, 1, value);
                Ok(())
            }
            _ => Err(self.type_mismatch(":box", word)),
        }
    }
}
