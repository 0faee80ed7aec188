//! Values as a primitive reads them.
#![allow(unsafe_code)]

use crate::context::{Context, Rooted};
use crate::convert::Number;
use crate::resource::ResourceKind;
use sup_abi::kernel::Bytes;
use sup_abi::value_type::{ListKind, ValueType};
use sup_abi::word::{self, Word};

/// A value of the running call.
#[derive(Clone, Copy)]
pub struct Value<'c> {
    word: Word,
    cx: &'c Context,
}

impl<'c> Value<'c> {
    pub(crate) const fn from_word(word: Word, cx: &'c Context) -> Value<'c> {
        Value { word, cx }
    }

    /// The raw word; good until the primitive returns or makes a call.
    #[must_use]
    pub const fn word(self) -> Word {
        self.word
    }

    /// Its type.
    #[must_use]
    pub fn value_type(self) -> ValueType {
        // SAFETY: the context is of the running call, as the lifetime shows.
        let number = unsafe { (self.cx.host().type_of)(self.cx.raw(), self.word) };
        ValueType::from_number(number).unwrap_or(ValueType::Nil)
    }

    /// Keeps it through calls.
    #[must_use]
    pub fn root(self) -> Rooted {
        self.cx.root(self)
    }

    /// Whether it is nil.
    #[must_use]
    pub const fn is_nil(self) -> bool {
        self.word == word::NIL
    }

    /// Whether a condition holds that comes to it.
    #[must_use]
    pub const fn is_truthy(self) -> bool {
        !word::is_falsy(self.word)
    }

    /// The boolean, when it is one.
    #[must_use]
    pub const fn as_bool(self) -> Option<bool> {
        match self.word {
            word::TRUE => Some(true),
            word::FALSE => Some(false),
            _ => None,
        }
    }

    /// The integer, when it is one.
    #[must_use]
    #[inline]
    pub fn as_int(self) -> Option<i64> {
        if word::is_fixnum(self.word) {
            return Some(word::fixnum_value(self.word));
        }
        if word::is_pointer(self.word) {
            self.boxed_int()
        } else {
            None
        }
    }

    #[cold]
    fn boxed_int(self) -> Option<i64> {
        let mut value = 0;
        // SAFETY: the context is of the running call; `value` is a place to write to.
        let found = unsafe { (self.cx.host().get_int)(self.cx.raw(), self.word, &raw mut value) };
        (found != 0).then_some(value)
    }

    /// The real, when it is one; an integer is none.
    #[must_use]
    #[inline]
    pub fn as_real(self) -> Option<f64> {
        if word::is_flonum(self.word) {
            return Some(word::flonum_value(self.word));
        }
        if word::is_pointer(self.word) {
            self.boxed_real()
        } else {
            None
        }
    }

    #[cold]
    fn boxed_real(self) -> Option<f64> {
        let mut value = 0.0;
        // SAFETY: the context is of the running call; `value` is a place to write to.
        let found = unsafe { (self.cx.host().get_real)(self.cx.raw(), self.word, &raw mut value) };
        (found != 0).then_some(value)
    }

    /// The number, when it is an integer or a real.
    #[must_use]
    #[inline]
    pub fn as_number(self) -> Option<Number> {
        self.as_int()
            .map(Number::Int)
            .or_else(|| self.as_real().map(Number::Real))
    }

    /// The text of a string.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        // SAFETY: `self` is the place where the word lies, and what comes back lives no longer than it.
        unsafe { text_at(self.cx, &raw const self.word) }
    }

    /// The bytes of a string, of bytes or of a buffer.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        // SAFETY: `self` is the place where the word lies, and what comes back lives no longer than it.
        unsafe { bytes_at(self.cx, &raw const self.word) }
    }

    /// The text of a symbol, of a keyword (without its colon) or of a path.
    #[must_use]
    pub fn as_name(self) -> Option<&'c str> {
        let mut bytes = Bytes::EMPTY;
        // SAFETY: the context is of the running call; `bytes` is a place to write to.
        let found = unsafe { (self.cx.host().get_name)(self.cx.raw(), self.word, &raw mut bytes) };
        // SAFETY: the host answers UTF-8 that stays for ever.
        (found != 0).then(|| unsafe { std::str::from_utf8_unchecked(bytes.as_slice()) })
    }

    /// The kind of a list, when it is one.
    #[must_use]
    pub fn list_kind(self) -> Option<ListKind> {
        match self.value_type() {
            ValueType::ListParen => Some(ListKind::Paren),
            ValueType::ListSquare => Some(ListKind::Square),
            ValueType::ListBrace => Some(ListKind::Brace),
            _ => None,
        }
    }

    /// Number of elements, pairs, code points or bytes, when it has a length.
    #[must_use]
    pub fn length(self) -> Option<usize> {
        let mut length = 0;
        // SAFETY: the context is of the running call; `length` is a place to write to.
        let found = unsafe { (self.cx.host().length)(self.cx.raw(), self.word, &raw mut length) };
        (found != 0).then_some(length)
    }

    /// Element of a list, array or record instance.
    #[must_use]
    pub fn at(self, index: usize) -> Option<Value<'c>> {
        let mut element = word::NIL;
        // SAFETY: the context is of the running call; `element` is a place to write to.
        let found = unsafe { (self.cx.host().list_at)(self.cx.raw(), self.word, index, &raw mut element) };
        (found != 0).then(|| self.cx.value(element))
    }

    /// The elements of a list, when it is one.
    #[must_use]
    pub fn elements(self) -> Option<Vec<Value<'c>>> {
        self.list_kind()?;
        let mut words = vec![word::NIL; self.length()?];
        let (out, n_items) = (words.as_mut_ptr(), words.len());
        // SAFETY: the context is of the running call; `out` is a place for that many words.
        let copied = unsafe { (self.cx.host().list_items)(self.cx.raw(), self.word, out, n_items) };
        (copied != 0).then(|| words.into_iter().map(|word| self.cx.value(word)).collect())
    }

    /// Value at a key of a map or table, or a field of an error value.
    #[must_use]
    pub fn get(self, key: Value<'_>) -> Option<Value<'c>> {
        let mut found = word::NIL;
        // SAFETY: the context is of the running call; `found` is a place to write to.
        let is_there =
            unsafe { (self.cx.host().map_get)(self.cx.raw(), self.word, key.word, &raw mut found) };
        (is_there != 0).then(|| self.cx.value(found))
    }

    /// Value at a keyword of a map or table, or a field of an error value.
    #[must_use]
    pub fn field(self, name: &str) -> Option<Value<'c>> {
        let key = self.cx.keyword(name).ok()?;
        self.get(key)
    }

    /// The pairs of a map or table in insertion order, when it is one.
    #[must_use]
    pub fn pairs(self) -> Option<Vec<(Value<'c>, Value<'c>)>> {
        if !matches!(self.value_type(), ValueType::Map | ValueType::Table) {
            return None;
        }
        let mut words = vec![word::NIL; 2 * self.length()?];
        let (out, n_pairs) = (words.as_mut_ptr(), words.len() / 2);
        // SAFETY: the context is of the running call; `out` is a place for that many pairs.
        let copied = unsafe { (self.cx.host().map_pairs)(self.cx.raw(), self.word, out, n_pairs) };
        let pairs = words
            .chunks_exact(2)
            .map(|pair| (self.cx.value(pair[0]), self.cx.value(pair[1])));
        (copied != 0).then(|| pairs.collect())
    }

    /// What a quoted value, datum, aberrant or box holds.
    #[must_use]
    pub fn inner(self) -> Option<Value<'c>> {
        let mut inner = word::NIL;
        // SAFETY: the context is of the running call; `inner` is a place to write to.
        let found = unsafe { (self.cx.host().inner)(self.cx.raw(), self.word, &raw mut inner) };
        (found != 0).then(|| self.cx.value(inner))
    }

    /// Whether it can be called.
    #[must_use]
    pub fn is_callable(self) -> bool {
        // SAFETY: the context is of the running call.
        unsafe { (self.cx.host().callable)(self.cx.raw(), self.word) != 0 }
    }

    /// Whether it is deeply equal to another value, as `eq` has it.
    #[must_use]
    pub fn equals(self, other: Value<'_>) -> bool {
        // SAFETY: the context is of the running call, as both lifetimes show.
        self.word == other.word
            || unsafe { (self.cx.host().equal)(self.cx.raw(), self.word, other.word) != 0 }
    }

    /// The data of a resource of that type.
    #[must_use]
    pub fn as_resource<R: ResourceKind>(self) -> Option<&'c R> {
        let record = std::ptr::from_ref(R::type_record()).cast();
        // SAFETY: the context is of the running call.
        let data = unsafe { (self.cx.host().get_resource)(self.cx.raw(), self.word, record) };
        // SAFETY: for that record the host answers null or data that `Context::resource::<R>` boxed; it
        // collects nothing while the primitive runs, and during a `call` no `&'c R` is left, since that
        // borrows the context mutably.
        unsafe { data.cast::<R>().as_ref() }
    }
}

/// The text of the string whose word lies at `place`.
///
/// # Safety
/// `place` must hold a word of the running call and outlive `'a`, which must end before the call does.
pub(crate) unsafe fn text_at<'a>(cx: &Context, place: *const Word) -> Option<&'a str> {
    // SAFETY: the caller vouches for the place.
    if word::is_short(unsafe { *place }) {
        // SAFETY: as above; a short string holds UTF-8, since the machine makes strings of UTF-8 only.
        return Some(unsafe { std::str::from_utf8_unchecked(short_at(place)) });
    }
    let mut bytes = Bytes::EMPTY;
    // SAFETY: the context is of the running call; `bytes` is a place to write to.
    let found = unsafe { (cx.host().get_text)(cx.raw(), place, &raw mut bytes) };
    // SAFETY: the host answers UTF-8 that stays until the call returns.
    (found != 0).then(|| unsafe { std::str::from_utf8_unchecked(bytes.as_slice()) })
}

/// The bytes of the string, bytes or buffer whose word lies at `place`.
///
/// # Safety
/// As for `text_at`.
pub(crate) unsafe fn bytes_at<'a>(cx: &Context, place: *const Word) -> Option<&'a [u8]> {
    // SAFETY: the caller vouches for the place.
    if word::is_short(unsafe { *place }) {
        // SAFETY: as above.
        return Some(unsafe { short_at(place) });
    }
    let mut bytes = Bytes::EMPTY;
    // SAFETY: the context is of the running call; `bytes` is a place to write to.
    let found = unsafe { (cx.host().get_bytes)(cx.raw(), place, &raw mut bytes) };
    // SAFETY: the host answers bytes that stay until the call returns.
    (found != 0).then(|| unsafe { bytes.as_slice() })
}

/// The bytes of the short string at `place`: they follow the byte with the tag, since words are
/// little-endian.
///
/// # Safety
/// `place` must hold the word of a short string and outlive `'a`.
unsafe fn short_at<'a>(place: *const Word) -> &'a [u8] {
    const _: () = assert!(
        cfg!(target_endian = "little"),
        "short strings lie in words of low bytes first"
    );
    // SAFETY: the caller vouches for the place; a short string's length is at most 7, so its bytes lie in the
    // word.
    unsafe { std::slice::from_raw_parts(place.cast::<u8>().add(1), word::short_len(*place)) }
}
