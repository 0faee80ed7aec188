//! Heap objects: the header word, the kinds, and raw access to their words.
//!
//! Every object starts with a header whose lowest bit is 1; a moved object has its new address there instead.
//!
//! ```text
//!  bit 0      1..8    8      9           10        11..13       13         14      15       16..32   32..64
//!  1          kind    mark   remembered  immortal  list kind /  has span   large   region   aux      n
//!                                                  ascii
//! ```
//!
//! Only this file, `heap` and `collect` know these bits. Sizes are in words of 8 bytes, header included.
#![allow(unsafe_code)]

use sup_abi::word::{TAG_POINTER, Word, is_pointer};

/// What an object is. The layout is given as the words after the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Integer too large for a word: the i64.
    Int = 0,
    /// Real too large or small for a word: the f64.
    Real = 1,
    /// String held here, `n` bytes: (hash u32, number of characters u32), bytes.
    Str = 2,
    /// Bytes held here, `n` of them: (hash u32, 0), bytes.
    Bytes = 3,
    /// String held outside, `n` bytes: (hash, characters), pointer to `Shared`, offset in it.
    BigStr = 4,
    /// Bytes held outside, `n` of them: (hash, 0), pointer to `Shared`, offset in it.
    BigBytes = 5,
    /// List that holds its `n` items; one more word, the span, when the flag says so.
    List = 6,
    /// List of `n` items in another object: a `Buf` or `List`, index of the first item among that object's words.
    View = 7,
    /// Place for `n` words of which the first `fill` are live: fill, words.
    Buf = 8,
    /// Raw words that hold no values: `n` of them.
    Raw = 9,
    /// Map of `n` pairs, held here: key, value, key, value …
    Map = 10,
    /// Map of `n` live pairs in a `Hash`: the Hash, how much of its entries and of its log belongs to this version.
    MapView = 11,
    /// Insertion-ordered hash: entries (Buf), index (Raw), log (Buf or nil), later Hash or nil, number of live entries,
    /// length of the log.
    Hash = 12,
    /// Error value: code, message, data, span, trace, cause.
    Error = 13,
    /// Record of `n` fields: address of its `RecordType`, fields.
    Instance = 14,
    /// A quoted value (some): the value. `aux` is the number of the prefix in the binary form.
    Quoted = 15,
    /// `#x`: the value.
    Datum = 16,
    /// `?x`: the value.
    Aberrant = 17,
    /// Mutable array: Buf, length.
    Array = 18,
    /// Mutable table: Hash.
    Table = 19,
    /// Mutable bytes: Raw, length in bytes.
    Buffer = 20,
    /// Mutable cell: the value.
    Box = 21,
    /// Function: entry into its code, then `n` captured values. `aux` is the exact number of arguments or `ARITY_ANY`.
    Closure = 22,
    /// Handle of a kernel's resource: pointer to a counted cell.
    Resource = 23,
    /// Handle of a fiber or promise: its id, its result (or the undefined mark).
    Fiber = 24,
}

/// `aux` of a closure whose arguments must be arranged by the slow path (optional, rest, keys).
pub const ARITY_ANY: u16 = 0xffff;

const KINDS: [Kind; 25] = [
    Kind::Int,
    Kind::Real,
    Kind::Str,
    Kind::Bytes,
    Kind::BigStr,
    Kind::BigBytes,
    Kind::List,
    Kind::View,
    Kind::Buf,
    Kind::Raw,
    Kind::Map,
    Kind::MapView,
    Kind::Hash,
    Kind::Error,
    Kind::Instance,
    Kind::Quoted,
    Kind::Datum,
    Kind::Aberrant,
    Kind::Array,
    Kind::Table,
    Kind::Buffer,
    Kind::Box,
    Kind::Closure,
    Kind::Resource,
    Kind::Fiber,
];

const MARK: u64 = 1 << 8;
const REMEMBERED: u64 = 1 << 9;
const IMMORTAL: u64 = 1 << 10;
const SUBKIND_SHIFT: u32 = 11;
const SPAN: u64 = 1 << 13;
const LARGE: u64 = 1 << 14;
const REGION: u64 = 1 << 15;

/// A header word.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Header(pub u64);

impl Header {
    /// A header of that kind and count with every flag clear.
    #[must_use]
    #[inline(always)]
    pub const fn new(kind: Kind, n: u32) -> Header {
        Header(1 | ((kind as u64) << 1) | ((n as u64) << 32))
    }

    /// The same header with `aux`.
    #[must_use]
    #[inline(always)]
    pub const fn with_aux(self, aux: u16) -> Header {
        Header((self.0 & !0xffff_0000) | ((aux as u64) << 16))
    }

    /// The same header with a list kind (0 paren, 1 square, 2 brace), or 1 for an ASCII string.
    #[must_use]
    #[inline(always)]
    pub const fn with_subkind(self, subkind: u8) -> Header {
        Header((self.0 & !(3 << SUBKIND_SHIFT)) | (((subkind & 3) as u64) << SUBKIND_SHIFT))
    }

    /// The same header, saying that a span word follows the items of a list.
    #[must_use]
    pub const fn with_span(self) -> Header {
        Header(self.0 | SPAN)
    }

    /// What the object is.
    #[must_use]
    #[inline(always)]
    pub const fn kind(self) -> Kind {
        KINDS[((self.0 >> 1) & 0x1f) as usize]
    }

    /// Whether the object is of that kind: one comparison.
    #[must_use]
    #[inline(always)]
    pub const fn is(self, kind: Kind) -> bool {
        self.0 as u8 == 1 | ((kind as u8) << 1)
    }

    /// The count; its meaning depends on the kind.
    #[must_use]
    #[inline(always)]
    pub const fn n(self) -> usize {
        (self.0 >> 32) as usize
    }

    /// The 16 bits that the kind is free to use.
    #[must_use]
    #[inline(always)]
    pub const fn aux(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// List kind, or 1 for an ASCII string.
    #[must_use]
    #[inline(always)]
    pub const fn subkind(self) -> u8 {
        ((self.0 >> SUBKIND_SHIFT) & 3) as u8
    }

    /// Whether a list carries a span word after its items.
    #[must_use]
    #[inline(always)]
    pub const fn has_span(self) -> bool {
        self.0 & SPAN != 0
    }

    pub(crate) const fn is_forwarded(self) -> bool {
        self.0 & 1 == 0
    }

    pub(crate) const fn is_marked(self, epoch: u64) -> bool {
        self.0 & MARK == epoch
    }

    pub(crate) const fn with_mark(self, epoch: u64) -> Header {
        Header((self.0 & !MARK) | epoch)
    }

    pub(crate) const fn flipped(epoch: u64) -> u64 {
        epoch ^ MARK
    }

    pub(crate) const fn is_remembered(self) -> bool {
        self.0 & REMEMBERED != 0
    }

    pub(crate) const fn with_remembered(self, remembered: bool) -> Header {
        if remembered {
            Header(self.0 | REMEMBERED)
        } else {
            Header(self.0 & !REMEMBERED)
        }
    }

    pub(crate) const fn is_immortal(self) -> bool {
        self.0 & IMMORTAL != 0
    }

    pub(crate) const fn with_immortal(self) -> Header {
        Header(self.0 | IMMORTAL)
    }

    pub(crate) const fn is_in_region(self) -> bool {
        self.0 & REGION != 0
    }

    /// The same header as an object of a region has it: immortal as far as collections go, and nothing else of theirs.
    pub(crate) const fn for_region(self) -> Header {
        Header((self.0 & !(MARK | REMEMBERED | LARGE)) | IMMORTAL | REGION)
    }

    /// The header of an object that was moved out of a region.
    pub(crate) const fn without_region(self) -> Header {
        Header(self.0 & !(IMMORTAL | REGION))
    }

    pub(crate) const fn is_large(self) -> bool {
        self.0 & LARGE != 0
    }

    pub(crate) const fn with_large(self) -> Header {
        Header(self.0 | LARGE)
    }

    /// The same header with another count.
    pub(crate) const fn with_n(self, n: u32) -> Header {
        Header((self.0 & 0xffff_ffff) | ((n as u64) << 32))
    }

    /// Size of the object in words, header included.
    #[must_use]
    pub const fn size(self) -> usize {
        let n = self.n();
        match self.kind() {
            Kind::Int
            | Kind::Real
            | Kind::Quoted
            | Kind::Datum
            | Kind::Aberrant
            | Kind::Box
            | Kind::Table => 2,
            Kind::Str | Kind::Bytes => 2 + n.div_ceil(8),
            Kind::BigStr | Kind::BigBytes => 4,
            Kind::List => 1 + n + self.has_span() as usize,
            Kind::View | Kind::MapView | Kind::Array | Kind::Buffer | Kind::Fiber => 3,
            Kind::Buf | Kind::Instance | Kind::Closure => 2 + n,
            Kind::Raw => 1 + n,
            Kind::Map => 1 + 2 * n,
            Kind::Hash | Kind::Error => 7,
            Kind::Resource => 2,
        }
    }
}

/// Address of an object. Good until the next safepoint of the machine: a collection may move what is young.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Obj(pub(crate) *mut u64);

impl Obj {
    /// The object that a pointer word names.
    #[must_use]
    #[inline(always)]
    pub fn from_word(word: Word) -> Option<Obj> {
        if is_pointer(word) {
            Some(Obj((word - TAG_POINTER) as *mut u64))
        } else {
            None
        }
    }

    /// The pointer word of this object.
    #[must_use]
    #[inline(always)]
    pub fn word(self) -> Word {
        self.0 as u64 + TAG_POINTER
    }

    /// Its header.
    #[must_use]
    #[inline(always)]
    pub fn header(self) -> Header {
        // SAFETY: an `Obj` is only made from a live pointer word or by the allocator, both of which name a header.
        Header(unsafe { *self.0 })
    }

    /// Replaces the header; for counts that change with mutable objects, and the collector.
    #[inline(always)]
    pub(crate) fn set_header(self, header: Header) {
        // SAFETY: as in `header`; mutators are single-threaded per heap.
        unsafe { *self.0 = header.0 }
    }

    /// Where a young object has been moved by the collection that runs, if it has.
    #[inline(always)]
    pub(crate) fn forwarded(self) -> Option<Obj> {
        let header = self.header();
        header.is_forwarded().then_some(Obj(header.0 as *mut u64))
    }

    /// What it is.
    #[must_use]
    #[inline(always)]
    pub fn kind(self) -> Kind {
        self.header().kind()
    }

    /// Its count.
    #[must_use]
    #[inline(always)]
    pub fn n(self) -> usize {
        self.header().n()
    }

    /// Word `index` after the header, counted from 1.
    #[must_use]
    #[inline(always)]
    pub fn get(self, index: usize) -> u64 {
        debug_assert!(index < self.header().size());
        // SAFETY: the index lies within the object, whose size its header gives.
        unsafe { *self.0.add(index) }
    }

    /// Sets a word of an object that was just allocated, or a raw word. Values stored into older objects go through
    /// `Heap::write`.
    #[inline(always)]
    pub(crate) fn init(self, index: usize, word: u64) {
        debug_assert!(index < self.header().size());
        // SAFETY: the index lies within the object, whose size its header gives.
        unsafe { *self.0.add(index) = word }
    }

    /// The words from `index` on, `len` of them.
    #[must_use]
    #[inline(always)]
    pub fn words(self, index: usize, len: usize) -> &'static [u64] {
        debug_assert!(index + len <= self.header().size());
        // SAFETY: the range lies within the object. The lifetime is the machine's until its next safepoint; natives never
        // keep it longer, since no collection runs while they do.
        unsafe { std::slice::from_raw_parts(self.0.add(index), len) }
    }

    /// The words from `index` on, to be filled in an object that was just allocated or whose words are raw.
    #[must_use]
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub(crate) fn words_mut(self, index: usize, len: usize) -> &'static mut [u64] {
        debug_assert!(index + len <= self.header().size());
        // SAFETY: as in `words`; the caller holds the only reference while it fills them.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(index), len) }
    }

    /// `len` bytes from word `index` on.
    #[must_use]
    #[inline(always)]
    pub fn bytes(self, index: usize, len: usize) -> &'static [u8] {
        debug_assert!(index * 8 + len <= self.header().size() * 8);
        // SAFETY: as in `words`.
        unsafe { std::slice::from_raw_parts(self.0.add(index).cast(), len) }
    }

    /// `len` bytes from word `index` on, to be filled.
    #[must_use]
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub(crate) fn bytes_mut(self, index: usize, len: usize) -> &'static mut [u8] {
        debug_assert!(index * 8 + len <= self.header().size() * 8);
        // SAFETY: as in `words_mut`.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(index).cast(), len) }
    }

    /// The words that hold values, for the collector: a range of indexes.
    pub(crate) fn traced(self) -> (usize, usize) {
        let header = self.header();
        let n = header.n();
        match header.kind() {
            Kind::Int | Kind::Real | Kind::Str | Kind::Bytes | Kind::BigStr | Kind::BigBytes => (0, 0),
            Kind::Raw | Kind::Resource => (0, 0),
            Kind::List => (1, 1 + n),
            Kind::View | Kind::MapView | Kind::Array | Kind::Buffer | Kind::Table => (1, 2),
            Kind::Buf => (2, 2 + self.get(1) as usize),
            Kind::Map => (1, 1 + 2 * n),
            Kind::Hash => (1, 5),
            Kind::Error => (1, 7),
            Kind::Instance | Kind::Closure => (2, 2 + n),
            Kind::Quoted | Kind::Datum | Kind::Aberrant | Kind::Box => (1, 2),
            Kind::Fiber => (2, 3),
        }
    }
}

/// Kind of the object that a word points at, if it points.
#[must_use]
#[inline(always)]
pub fn kind_of(word: Word) -> Option<Kind> {
    Obj::from_word(word).map(Obj::kind)
}
