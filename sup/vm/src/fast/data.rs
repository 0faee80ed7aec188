//! Looking into lists, arrays and maps, and changing arrays.
#![allow(unsafe_code)]
#![allow(non_camel_case_types)]

use sup_abi::word::{Word, ZERO, fixnum_value, is_fixnum, is_pointer};

use super::{is_kind, low};
use crate::interp::{Body, Place, State, Step};
use crate::object::{Kind, Obj};

/// Whether a pointer names a list.
#[inline(always)]
unsafe fn is_list(word: Word) -> bool {
    // SAFETY: a pointer word names a header.
    let header = unsafe { *((word - 1) as *const u64) } & 0xff;
    header == low(Kind::List) || header == low(Kind::View)
}

/// The word at `index` of a list or array, when there is one.
#[inline(always)]
pub(super) unsafe fn element(collection: Word, index: u64) -> Option<Word> {
    if !is_pointer(collection) {
        return None;
    }
    // SAFETY: a pointer word names an object of the kind that its header says; indexes are checked against its length.
    unsafe {
        let at = (collection - 1) as *const u64;
        let header = *at;
        if header & 0xff == low(Kind::List) {
            return (index < header >> 32).then(|| *at.add(1 + index as usize));
        }
        if header & 0xff == low(Kind::View) {
            let items = (*at.add(1) - 1) as *const u64;
            return (index < header >> 32).then(|| *items.add((*at.add(2) + index) as usize));
        }
        if header & 0xff == low(Kind::Array) {
            let items = ((*at.add(1) - 1) as *const u64).add(2);
            return (index < *at.add(2)).then(|| *items.add(index as usize));
        }
        None
    }
}

/// The word at `index` of a list, when there is one: the common case of `element`.
#[inline(always)]
unsafe fn item(list: Word, index: u64) -> Option<Word> {
    if !is_pointer(list) {
        return None;
    }
    // SAFETY: as in `element`.
    unsafe {
        let at = (list - 1) as *const u64;
        let header = *at;
        if header & 0xff == low(Kind::List) {
            return (index < header >> 32).then(|| *at.add(1 + index as usize));
        }
        if header & 0xff != low(Kind::View) || index >= header >> 32 {
            return None;
        }
        let items = (*at.add(1) - 1) as *const u64;
        Some(*items.add((*at.add(2) + index) as usize))
    }
}

/// The element at an index: of a list at once, of what else has words for elements in the second case.
macro_rules! element_at {
    ($name:ident, $collection:ident, |$s:ident, $i:ident| $index:expr) => {
        pub(crate) struct $name;

        impl Body for $name {
            const HAS_SECOND: bool = true;

            #[inline(always)]
            unsafe fn run($s: &mut State, $i: Place) -> Step {
                // SAFETY: the trait's contract: the state is that of a running verified chunk.
                unsafe {
                    let Some(word) = item($s.r($i.$collection()), $index) else {
                        return Step::Second;
                    };
                    $s.set($i.a(), word);
                    Step::Next
                }
            }

            #[inline(always)]
            unsafe fn second($s: &mut State, $i: Place) -> Step {
                // SAFETY: as in `run`.
                unsafe {
                    let Some(word) = element($s.r($i.$collection()), $index) else {
                        return Step::Slow;
                    };
                    $s.set($i.a(), word);
                    Step::Next
                }
            }
        }
    };
}

element_at!(At, c, |s, i| {
    let index = s.r(i.b());
    if !is_fixnum(index) {
        return Step::Slow;
    }
    fixnum_value(index) as u64
});
element_at!(AtImm, b, |s, i| i.d() as i64 as u64);

body!(Count, s, i, {
    let word = s.r(i.b());
    if !is_pointer(word) {
        return Step::Slow;
    }
    let at = (word - 1) as *const u64;
    let header = *at;
    let n = if header & 0xff == low(Kind::List) || header & 0xff == low(Kind::View) {
        header >> 32
    } else if header & 0xff == low(Kind::Array) {
        *at.add(2)
    } else {
        return Step::Slow;
    };
    s.set(i.a(), (n << 2) | 2);
    Step::Next
});
/// The word at `index` of an array, when there is one.
#[inline(always)]
unsafe fn array_element(array: Word, index: u64) -> Option<Word> {
    // SAFETY: as below.
    if !unsafe { is_kind(array, Kind::Array) } {
        return None;
    }
    // SAFETY: an array's words are its buffer and its length, which is no longer than the buffer.
    unsafe {
        let at = (array - 1) as *const u64;
        let items = ((*at.add(1) - 1) as *const u64).add(2);
        (index < *at.add(2)).then(|| *items.add(index as usize))
    }
}

body!(ArrayGet, s, i, {
    let index = s.r(i.c());
    if !is_fixnum(index) {
        return Step::Slow;
    }
    let Some(word) = array_element(s.r(i.b()), fixnum_value(index) as u64) else {
        return Step::Slow;
    };
    s.set(i.a(), word);
    Step::Next
});
body!(ArrayGetImm, s, i, {
    let Some(word) = array_element(s.r(i.b()), i.d() as i64 as u64) else {
        return Step::Slow;
    };
    s.set(i.a(), word);
    Step::Next
});

/// Whether storing the word into the object is the collector's business. Telling it takes a call, which is left to the
/// opcode's second case.
#[inline(always)]
pub(super) unsafe fn must_be_told(s: &State, obj: Obj, word: Word) -> bool {
    // SAFETY: the state is that of a running machine.
    let heap = unsafe { &(*s.vm).heap };
    heap.must_be_told(obj, word)
}

/// The place of an array's element, with the buffer that it lies in.
#[inline(always)]
unsafe fn array_place(array: Word, index: u64) -> Option<(Obj, *mut u64)> {
    // SAFETY: as below.
    if !unsafe { is_kind(array, Kind::Array) } {
        return None;
    }
    // SAFETY: as in `array_element`.
    unsafe {
        let at = (array - 1) as *const u64;
        let buf = (*at.add(1) - 1) as *mut u64;
        (index < *at.add(2)).then(|| (Obj(buf), buf.add(2 + index as usize)))
    }
}

/// Puts a value into an array.
macro_rules! array_set {
    ($name:ident, $value:ident, |$s:ident, $i:ident| $index:expr) => {
        pub(crate) struct $name;

        impl Body for $name {
            const HAS_SECOND: bool = true;

            #[inline(always)]
            unsafe fn run($s: &mut State, $i: Place) -> Step {
                // SAFETY: the trait's contract: the state is that of a running verified chunk.
                unsafe {
                    let Some((buf, place)) = array_place($s.r($i.a()), $index) else {
                        return Step::Slow;
                    };
                    let value = $s.r($i.$value());
                    if must_be_told($s, buf, value) {
                        return Step::Second;
                    }
                    *place = value;
                    Step::Next
                }
            }

            #[inline(always)]
            unsafe fn second($s: &mut State, $i: Place) -> Step {
                // SAFETY: as in `run`.
                unsafe {
                    let Some((buf, place)) = array_place($s.r($i.a()), $index) else {
                        return Step::Slow;
                    };
                    let value = $s.r($i.$value());
                    *place = value;
                    let index = place.offset_from(buf.0) as usize;
                    (*$s.vm).heap.barrier(buf, index, value);
                    Step::Next
                }
            }
        }
    };
}

array_set!(ArraySetImm, b, |s, i| i.d() as i64 as u64);
array_set!(ArraySet, c, |s, i| {
    let index = s.r(i.b());
    if !is_fixnum(index) {
        return Step::Slow;
    }
    fixnum_value(index) as u64
});

/// The buffer of an array that has room for one more element.
#[inline(always)]
unsafe fn roomy_buffer(array: Word) -> Option<Obj> {
    // SAFETY: as below.
    if !unsafe { is_kind(array, Kind::Array) } {
        return None;
    }
    // SAFETY: as in `array_element`; an empty array may have no buffer.
    unsafe {
        let at = (array - 1) as *const u64;
        if !is_pointer(*at.add(1)) {
            return None;
        }
        let buf = Obj((*at.add(1) - 1) as *mut u64);
        (*at.add(2) < *buf.0 >> 32).then_some(buf)
    }
}

/// Appends to an array whose buffer has room.
#[inline(always)]
unsafe fn append(array: Word, buf: Obj, value: Word) {
    // SAFETY: as in `roomy_buffer`, which gave the buffer.
    unsafe {
        let at = (array - 1) as *mut u64;
        let len = *at.add(2);
        *buf.0.add(2 + len as usize) = value;
        *buf.0.add(1) = len + 1;
        *at.add(2) = len + 1;
    }
}

pub(crate) struct ArrayPush;

impl Body for ArrayPush {
    const HAS_SECOND: bool = true;

    #[inline(always)]
    unsafe fn run(s: &mut State, i: Place) -> Step {
        // SAFETY: the trait's contract: the state is that of a running verified chunk.
        unsafe {
            let (array, value) = (s.r(i.a()), s.r(i.b()));
            let Some(buf) = roomy_buffer(array) else {
                return Step::Slow;
            };
            if must_be_told(s, buf, value) {
                return Step::Second;
            }
            append(array, buf, value);
            Step::Next
        }
    }

    #[inline(always)]
    unsafe fn second(s: &mut State, i: Place) -> Step {
        // SAFETY: as in `run`.
        unsafe {
            let (array, value) = (s.r(i.a()), s.r(i.b()));
            let Some(buf) = roomy_buffer(array) else {
                return Step::Slow;
            };
            append(array, buf, value);
            let len = *buf.0.add(1) as usize;
            (*s.vm).heap.barrier(buf, 1 + len, value);
            Step::Next
        }
    }
}

body!(Iterate, s, i, {
    let collection = s.r(i.b());
    if !is_pointer(collection) || !(is_list(collection) || is_kind(collection, Kind::Array)) {
        return Step::Slow;
    }
    s.set(i.a(), collection);
    s.set(i.a() + 1, ZERO);
    Step::Next
});
pub(crate) struct Next;

impl Body for Next {
    const HAS_SECOND: bool = true;

    #[inline(always)]
    unsafe fn run(s: &mut State, i: Place) -> Step {
        // SAFETY: the trait's contract: the state is that of a running verified chunk.
        unsafe {
            let (list, index) = (s.r(i.a()), s.r(i.a() + 1));
            if !is_fixnum(index) {
                return Step::Second;
            }
            let Some(word) = item(list, fixnum_value(index) as u64) else {
                return Step::Second;
            };
            s.set(i.a() + 2, word);
            s.set(i.a() + 1, index + 4);
            Step::Next
        }
    }

    #[inline(always)]
    unsafe fn second(s: &mut State, i: Place) -> Step {
        // SAFETY: as in `run`.
        unsafe {
            let (collection, index) = (s.r(i.a()), s.r(i.a() + 1));
            if !is_pointer(collection) || !is_fixnum(index) {
                return Step::Slow;
            }
            match element(collection, fixnum_value(index) as u64) {
                Some(word) => {
                    s.set(i.a() + 2, word);
                    s.set(i.a() + 1, index + 4);
                }
                None if is_list(collection) => s.jump(i.d()),
                None => return Step::Slow,
            }
            Step::Next
        }
    }
}
