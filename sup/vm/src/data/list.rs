//! Lists: items held in the list itself or viewed in another object, always one contiguous slice.
//!
//! A view names a `Buf` or a `List` and the first item's index among that object's words. The view that reaches to the
//! end of a buffer's live words grows there in place; every other list is copied when something is appended. Slices of
//! more than a few items share.

use sup_abi::word::Word;

use crate::error::{Outcome, Raise};
use crate::object::{Header, Kind, Obj};
use crate::vm::Vm;

/// Kind of lists written `( )`.
pub const PAREN: u8 = 0;
/// Kind of lists written `[ ]`.
pub const SQUARE: u8 = 1;
/// Kind of lists written `{ }`.
pub const BRACE: u8 = 2;

/// Longest slice that is copied rather than shared.
const COPIED_SLICE: usize = 4;
/// Longest list that appending copies into an object of exact size.
const EXACT_PUSH: usize = 7;

/// Whether the word is a list of any kind.
#[must_use]
#[inline]
pub fn is_list(word: Word) -> bool {
    matches!(crate::object::kind_of(word), Some(Kind::List | Kind::View))
}

/// The items of a list, if the word is one.
#[must_use]
#[inline]
pub fn list_items(word: Word) -> Option<&'static [Word]> {
    let obj = Obj::from_word(word)?;
    let header = obj.header();
    match header.kind() {
        Kind::List => Some(obj.words(1, header.n())),
        Kind::View => Some(target(obj).words(obj.get(2) as usize, header.n())),
        _ => None,
    }
}

/// The kind of a list, if the word is one.
#[must_use]
#[inline]
pub fn list_kind(word: Word) -> Option<u8> {
    let obj = Obj::from_word(word)?;
    matches!(obj.kind(), Kind::List | Kind::View).then(|| obj.header().subkind())
}

/// The place in its source that a list was read from, if it has one.
#[must_use]
pub fn list_span(word: Word) -> Option<(u32, u32)> {
    let obj = Obj::from_word(word)?;
    let header = obj.header();
    if header.kind() != Kind::List || !header.has_span() {
        return None;
    }
    let raw = obj.get(1 + header.n());
    Some((raw as u32, (raw >> 32) as u32))
}

/// The object that a view looks into.
#[inline(always)]
fn target(view: Obj) -> Obj {
    Obj::from_word(view.get(1)).expect("a view names an object")
}

/// Room for a buffer that is to hold `n` items and more to come.
pub(crate) fn roomy(n: usize) -> usize {
    if n < 1024 { (n * 2).max(16) } else { n + n / 2 }
}

impl Vm {
    /// The items of a list, if the word is one.
    #[must_use]
    #[inline]
    pub fn list_items(&self, word: Word) -> Option<&'static [Word]> {
        list_items(word)
    }

    /// The items of a list.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no list.
    #[inline]
    pub fn want_items(&mut self, word: Word) -> Result<&'static [Word], Raise> {
        match list_items(word) {
            Some(items) => Ok(items),
            None => Err(self.type_mismatch(":list", word)),
        }
    }

    /// A list of that kind.
    ///
    /// # Errors
    /// `vm/memory`.
    #[inline]
    pub fn new_list(&mut self, kind: u8, items: &[Word]) -> Outcome {
        let n = self.list_count(items.len())?;
        let obj = self.alloc(Header::new(Kind::List, n).with_subkind(kind))?;
        obj.words_mut(1, items.len()).copy_from_slice(items);
        Ok(obj.word())
    }

    /// A list of that kind that knows where it was read.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn new_list_with_span(&mut self, kind: u8, items: &[Word], span: (u32, u32)) -> Outcome {
        let n = self.list_count(items.len())?;
        let obj = self.alloc(Header::new(Kind::List, n).with_subkind(kind).with_span())?;
        obj.words_mut(1, items.len()).copy_from_slice(items);
        obj.init(1 + items.len(), u64::from(span.0) | (u64::from(span.1) << 32));
        Ok(obj.word())
    }

    /// A list of `n` items that `fill` puts in; they are nil before. `fill` must not allocate.
    ///
    /// # Errors
    /// `vm/memory`.
    pub fn new_list_sized(&mut self, kind: u8, n: usize, fill: impl FnOnce(&mut [Word])) -> Outcome {
        let count = self.list_count(n)?;
        let obj = self.alloc(Header::new(Kind::List, count).with_subkind(kind))?;
        let words = obj.words_mut(1, n);
        words.fill(sup_abi::word::NIL);
        fill(words);
        Ok(obj.word())
    }

    /// Checks that a list may have so many items.
    fn list_count(&mut self, n: usize) -> Result<u32, Raise> {
        match u32::try_from(n) {
            Ok(n) if n < u32::MAX / 2 => Ok(n),
            _ => Err(self.raise("list/too-large", "a list has at most 2147483646 items")),
        }
    }

    /// The list with one more item at its end.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no list, `vm/memory`.
    #[inline]
    pub fn list_push(&mut self, list: Word, item: Word) -> Outcome {
        self.list_push_all(list, &[item])
    }

    /// The list with more items at its end.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no list, `vm/memory`.
    pub fn list_push_all(&mut self, list: Word, more: &[Word]) -> Outcome {
        let items = self.want_items(list)?;
        let obj = Obj::from_word(list).expect("a list is an object");
        let kind = obj.header().subkind();
        let n = items.len() + more.len();
        let count = self.list_count(n)?;
        if let Some(buf) = self.growing_buf(obj, more.len()) {
            let start = obj.get(2);
            let view = self.alloc(Header::new(Kind::View, count).with_subkind(kind))?;
            self.extend_buf(buf, more);
            view.init(1, buf.word());
            view.init(2, start);
            return Ok(view.word());
        }
        if n <= EXACT_PUSH {
            return self.new_list_joined(kind, items, more);
        }
        let buf = self.new_buf(roomy(n))?;
        buf.words_mut(2, items.len()).copy_from_slice(items);
        buf.words_mut(2 + items.len(), more.len()).copy_from_slice(more);
        buf.init(1, n as u64);
        self.new_view(kind, buf, 2, count)
    }

    /// The buffer that `n` more items of a list can be put into, if it ends at the frontier of one that has or finds room.
    fn growing_buf(&mut self, list: Obj, n: usize) -> Option<Obj> {
        let buf = frontier_of(list)?;
        let needed = buf.get(1) as usize + n;
        (needed <= buf.n() || self.widen_buf(buf, needed)).then_some(buf)
    }

    /// Makes room for so many words in a buffer where it is, if that can be done.
    pub(crate) fn widen_buf(&mut self, buf: Obj, needed: usize) -> bool {
        // Close to the quota the steps become shorter, but never so short that appending becomes slow.
        let steps = [needed / 4, needed / 16, needed / 64];
        steps.into_iter().any(|more| self.heap.widen(buf, needed + more))
    }

    fn new_list_joined(&mut self, kind: u8, first: &[Word], second: &[Word]) -> Outcome {
        let n = self.list_count(first.len() + second.len())?;
        let obj = self.alloc(Header::new(Kind::List, n).with_subkind(kind))?;
        obj.words_mut(1, first.len()).copy_from_slice(first);
        obj.words_mut(1 + first.len(), second.len())
            .copy_from_slice(second);
        Ok(obj.word())
    }

    /// An empty buffer with that capacity.
    pub(crate) fn new_buf(&mut self, capacity: usize) -> Result<Obj, Raise> {
        let capacity = self.list_count(capacity)?;
        let buf = self.alloc(Header::new(Kind::Buf, capacity))?;
        buf.init(1, 0);
        Ok(buf)
    }

    /// A list of `n` items of an object from its word `start` on.
    pub(crate) fn new_view(&mut self, kind: u8, target: Obj, start: usize, n: u32) -> Outcome {
        let view = self.alloc(Header::new(Kind::View, n).with_subkind(kind))?;
        view.init(1, target.word());
        view.init(2, start as u64);
        Ok(view.word())
    }

    /// Puts words behind the live ones of a buffer that has room for them.
    pub(crate) fn extend_buf(&mut self, buf: Obj, words: &[Word]) {
        let fill = buf.get(1) as usize;
        buf.words_mut(2 + fill, words.len()).copy_from_slice(words);
        buf.init(1, (fill + words.len()) as u64);
        self.heap.barrier_range(buf, 2 + fill, words);
    }

    /// The items from `from` up to `to`, which lie in the list; a few are copied, more are shared.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no list, `index/range` if the part does not lie in it, `vm/memory`.
    pub fn list_slice(&mut self, list: Word, from: usize, to: usize) -> Outcome {
        let items = self.want_items(list)?;
        if from > to || to > items.len() {
            return Err(self.raise("index/range", "the part does not lie in the list"));
        }
        let obj = Obj::from_word(list).expect("a list is an object");
        if to - from == items.len() {
            return Ok(list);
        }
        self.part(obj, obj.header().subkind(), from..to)
    }

    /// The items of a list from `n` on, or the fields of a form as a list; none when it has fewer.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no list, `vm/memory`.
    #[inline]
    pub fn slice_from(&mut self, list: Word, n: usize) -> Outcome {
        if let Some(fields) = super::instance_fields(list) {
            return self.new_list(BRACE, fields.get(n..).unwrap_or(&[]));
        }
        let len = self.want_items(list)?.len();
        self.list_slice(list, n.min(len), len)
    }

    fn part(&mut self, obj: Obj, kind: u8, range: std::ops::Range<usize>) -> Outcome {
        let (source, first) = match obj.kind() {
            Kind::View => (target(obj), obj.get(2) as usize),
            _ => (obj, 1),
        };
        if range.len() <= COPIED_SLICE {
            return self.new_list(kind, source.words(first + range.start, range.len()));
        }
        self.new_view(kind, source, first + range.start, range.len() as u32)
    }

    /// Both lists in a row, of the kind of the first.
    ///
    /// # Errors
    /// `type/mismatch` if one is no list, `vm/memory`.
    pub fn list_concat(&mut self, first: Word, second: Word) -> Outcome {
        let (a, b) = (self.want_items(first)?, self.want_items(second)?);
        let obj = Obj::from_word(first).expect("a list is an object");
        if b.is_empty() {
            return Ok(first);
        }
        if a.is_empty() {
            return self.list_with_kind(second, obj.header().subkind());
        }
        if a.len() < b.len() && self.growing_buf(obj, b.len()).is_none() {
            return self.new_list_joined(obj.header().subkind(), a, b);
        }
        self.list_push_all(first, b)
    }

    /// The same items as a list of another kind.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no list, `vm/memory`.
    pub fn list_with_kind(&mut self, list: Word, kind: u8) -> Outcome {
        let items = self.want_items(list)?;
        let obj = Obj::from_word(list).expect("a list is an object");
        if obj.header().subkind() == kind {
            return Ok(list);
        }
        self.part(obj, kind, 0..items.len())
    }

    /// The list with another item at an index that lies in it.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no list, `index/range`, `vm/memory`.
    pub fn list_set(&mut self, list: Word, index: usize, item: Word) -> Outcome {
        let items = self.want_items(list)?;
        if index >= items.len() {
            return Err(self.raise("index/range", "the index does not lie in the list"));
        }
        let kind = Obj::from_word(list).map_or(BRACE, |obj| obj.header().subkind());
        self.new_list_sized(kind, items.len(), |words| {
            words.copy_from_slice(items);
            words[index] = item;
        })
    }
}

/// The buffer at whose frontier a list ends, so that nobody else sees what is put there.
fn frontier_of(list: Obj) -> Option<Obj> {
    if list.kind() != Kind::View {
        return None;
    }
    let buf = target(list);
    let header = buf.header();
    if header.kind() != Kind::Buf || header.is_immortal() {
        return None;
    }
    (list.get(2) as usize + list.n() == 2 + buf.get(1) as usize).then_some(buf)
}
