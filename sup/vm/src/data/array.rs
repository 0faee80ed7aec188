//! Arrays: mutable rows of values, compared by identity.

use sup_abi::word::{NIL, Word};

use super::access::resolve_index;
use super::list::roomy;
use super::number::as_int;
use crate::error::{Outcome, Raise};
use crate::object::{Header, Kind, Obj};
use crate::vm::Vm;

/// Whether the word is an array.
#[must_use]
#[inline]
pub fn is_array(word: Word) -> bool {
    crate::object::kind_of(word) == Some(Kind::Array)
}

/// The items of an array, if the word is one. They change when the array does.
#[must_use]
#[inline]
pub fn array_items(word: Word) -> Option<&'static [Word]> {
    let array = Obj::from_word(word)?;
    if array.kind() != Kind::Array {
        return None;
    }
    Some(Obj::from_word(array.get(1)).map_or(&[], |buf| buf.words(2, array.get(2) as usize)))
}

impl Vm {
    #[inline]
    fn want_array(&mut self, word: Word) -> Result<Obj, Raise> {
        match Obj::from_word(word) {
            Some(obj) if obj.kind() == Kind::Array => Ok(obj),
            _ => Err(self.type_mismatch(":array", word)),
        }
    }

    /// An empty array with room for `capacity` items.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn new_array(&mut self, capacity: usize) -> Outcome {
        let buf = match capacity {
            0 => NIL,
            capacity => self.new_buf(capacity)?.word(),
        };
        let array = self.alloc(Header::new(Kind::Array, 0))?;
        array.init(1, buf);
        array.init(2, 0);
        Ok(array.word())
    }

    /// An array with those items.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn new_array_of(&mut self, items: &[Word]) -> Outcome {
        let array = self.new_array(items.len())?;
        self.array_append(array, items)?;
        Ok(array)
    }

    /// Makes room for `more` items and gives the buffer.
    fn reserve(&mut self, array: Obj, more: usize) -> Result<Obj, Raise> {
        let len = array.get(2) as usize;
        if let Some(buf) = Obj::from_word(array.get(1)) {
            if len + more <= buf.n() || self.widen_buf(buf, len + more) {
                return Ok(buf);
            }
            let wider = self.new_buf(roomy(buf.n()).max(len + more))?;
            wider.words_mut(2, len).copy_from_slice(buf.words(2, len));
            wider.init(1, len as u64);
            self.heap.write(array, 1, wider.word());
            return Ok(wider);
        }
        let buf = self.new_buf(more.max(4))?;
        self.heap.write(array, 1, buf.word());
        Ok(buf)
    }

    /// Makes room for `more` items.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no array, `vm/memory`.
    pub fn array_reserve(&mut self, array: Word, more: usize) -> Result<(), Raise> {
        let array = self.want_array(array)?;
        self.reserve(array, more).map(|_| ())
    }

    /// Appends an item.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no array, `vm/memory`.
    #[inline]
    pub fn array_push(&mut self, array: Word, item: Word) -> Result<(), Raise> {
        self.array_append(array, &[item])
    }

    /// Appends items.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no array, `vm/memory`.
    pub fn array_append(&mut self, array: Word, items: &[Word]) -> Result<(), Raise> {
        let array = self.want_array(array)?;
        let buf = self.reserve(array, items.len())?;
        self.extend_buf(buf, items);
        array.init(2, buf.get(1));
        Ok(())
    }

    /// Takes the last item off, if there is one.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no array.
    pub fn array_pop(&mut self, array: Word) -> Result<Option<Word>, Raise> {
        let obj = self.want_array(array)?;
        let Some(last) = array_items(array).and_then(<[Word]>::last).copied() else {
            return Ok(None);
        };
        self.truncate(obj, obj.get(2) as usize - 1);
        Ok(Some(last))
    }

    fn truncate(&mut self, array: Obj, len: usize) {
        array.init(2, len as u64);
        if let Some(buf) = Obj::from_word(array.get(1)) {
            buf.init(1, len as u64);
        }
    }

    /// Drops the items from index `len` on.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no array.
    pub fn array_truncate(&mut self, array: Word, len: usize) -> Result<(), Raise> {
        let array = self.want_array(array)?;
        if len < array.get(2) as usize {
            self.truncate(array, len);
        }
        Ok(())
    }

    fn place_in(&mut self, array: Obj, index: Word) -> Result<usize, Raise> {
        let Some(given) = as_int(index) else {
            return Err(self.type_mismatch(":int", index));
        };
        let len = array.get(2) as usize;
        match resolve_index(given, len) {
            Some(place) => Ok(place),
            None => Err(self.raise_index(given, len)),
        }
    }

    /// The item at an index, which counts from the end when it is negative.
    ///
    /// # Errors
    /// `type/mismatch`, `index/range`.
    pub fn array_get(&mut self, array: Word, index: Word) -> Outcome {
        let obj = self.want_array(array)?;
        let place = self.place_in(obj, index)?;
        Ok(array_items(array).expect("it was just found to be an array")[place])
    }

    /// Replaces the item at an index, which counts from the end when it is negative.
    ///
    /// # Errors
    /// `type/mismatch`, `index/range`.
    pub fn array_set(&mut self, array: Word, index: Word, item: Word) -> Result<(), Raise> {
        let obj = self.want_array(array)?;
        let place = self.place_in(obj, index)?;
        self.array_put(array, place, item);
        Ok(())
    }

    /// Replaces the item at a place that was found to lie in an array.
    pub(crate) fn array_put(&mut self, array: Word, place: usize, item: Word) {
        let array = Obj::from_word(array).expect("it was found to be an array");
        let buf = Obj::from_word(array.get(1)).expect("an array with items has a buffer");
        self.heap.write(buf, 2 + place, item);
    }

    /// The items, to be put in another order in place. Whoever stores other words calls [`Vm::array_touched`] next.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no array.
    pub fn array_edit(&mut self, array: Word) -> Result<&'static mut [Word], Raise> {
        let array = self.want_array(array)?;
        Ok(match Obj::from_word(array.get(1)) {
            Some(buf) => {
                self.heap.reordered(buf);
                buf.words_mut(2, array.get(2) as usize)
            }
            None => &mut [],
        })
    }

    /// Tells the heap that words were stored through [`Vm::array_edit`].
    pub fn array_touched(&mut self, array: Word) {
        if let Some(buf) = Obj::from_word(array).and_then(|array| Obj::from_word(array.get(1))) {
            self.heap.barrier_range(buf, 2, buf.words(2, buf.get(1) as usize));
        }
    }

    /// A list of that kind that takes the items over without copying; the array is empty afterwards.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no array, `vm/memory`; the array is as it was then.
    pub fn array_into_list(&mut self, array: Word, kind: u8) -> Outcome {
        let array = self.want_array(array)?;
        let len = array.get(2) as u32;
        let list = match Obj::from_word(array.get(1)) {
            Some(buf) if len > 4 => self.new_view(kind, buf, 2, len)?,
            Some(buf) => self.new_list(kind, buf.words(2, len as usize))?,
            None => self.new_list(kind, &[])?,
        };
        array.init(1, NIL);
        array.init(2, 0);
        Ok(list)
    }
}
