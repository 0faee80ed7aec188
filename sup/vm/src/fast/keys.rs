//! Looking up keys of maps and tables, and setting those of tables.
#![allow(unsafe_code)]
#![allow(non_camel_case_types)]

use sup_abi::word::{NIL, Word, fixnum_value, is_fixnum, is_pointer};

use super::data::element;
use super::low;
use crate::data::table::in_row;
use crate::interp::{Body, Place, State, Step};
use crate::object::{Kind, kind_of};
use crate::vm::Vm;

/// What a map that holds its pairs itself says of a key that is told by its word: the value, or that it has none.
#[inline(always)]
unsafe fn look_up(map: Word, key: Word) -> Option<Option<Word>> {
    if !is_pointer(map) || is_pointer(key) {
        return None;
    }
    // SAFETY: a pointer word names an object of the kind that its header says.
    unsafe {
        let at = (map - 1) as *const u64;
        let header = *at;
        if header & 0xff != low(Kind::Map) {
            return None;
        }
        let mut pair = at.add(1);
        let end = pair.add(2 * (header >> 32) as usize);
        while pair < end {
            if *pair == key {
                return Some(Some(*pair.add(1)));
            }
            pair = pair.add(2);
        }
        Some(None)
    }
}

/// The same of any map or table, and of a list or array at an index; nothing where the slow path must look.
#[inline(always)]
unsafe fn look_further(vm: *mut Vm, collection: Word, key: Word) -> Option<Option<Word>> {
    // SAFETY: the machine runs, and neither call collects.
    unsafe {
        match kind_of(collection)? {
            Kind::Table => (*vm).table_get(collection, key).ok(),
            Kind::Map | Kind::MapView => (*vm).map_get(collection, key).ok(),
            Kind::List | Kind::View | Kind::Array if is_fixnum(key) => {
                element(collection, fixnum_value(key) as u64).map(Some)
            }
            _ => None,
        }
    }
}

/// A look-up: in a small map at once, in what else has keys in the second case. `$missing` is the answer for a key that is
/// not there.
macro_rules! look_up {
    ($name:ident, |$s:ident, $i:ident| $collection:expr, $key:expr, $missing:expr) => {
        pub(crate) struct $name;

        impl Body for $name {
            const HAS_SECOND: bool = true;

            #[inline(always)]
            unsafe fn run($s: &mut State, $i: Place) -> Step {
                // SAFETY: the trait's contract: the state is that of a running verified chunk.
                unsafe {
                    let Some(found) = look_up($collection, $key) else {
                        return Step::Second;
                    };
                    let Some(value) = found.or($missing) else {
                        return Step::Slow;
                    };
                    $s.set($i.a(), value);
                    Step::Next
                }
            }

            #[inline(always)]
            unsafe fn second($s: &mut State, $i: Place) -> Step {
                // SAFETY: as in `run`.
                unsafe {
                    let Some(found) = look_further($s.vm, $collection, $key) else {
                        return Step::Slow;
                    };
                    let Some(value) = found.or($missing) else {
                        return Step::Slow;
                    };
                    $s.set($i.a(), value);
                    Step::Next
                }
            }
        }
    };
}

look_up!(AtConst, |s, i| s.r(i.b()), s.pool(i.d()), None);
look_up!(GetConst, |s, i| s.r(i.b()), s.pool(i.d()), Some(NIL));
look_up!(Get, |s, i| s.r(i.b()), s.r(i.c()), Some(NIL));
look_up!(GetOr, |s, i| s.r(i.b()), s.r(i.c()), Some(s.r(i.a())));

pub(crate) struct TableGet;

impl Body for TableGet {
    const HAS_SECOND: bool = true;

    #[inline(always)]
    unsafe fn run(s: &mut State, i: Place) -> Step {
        // SAFETY: the trait's contract: the state is that of a running verified chunk.
        unsafe {
            let Some(value) = in_row(s.r(i.b()), s.r(i.c())) else {
                return Step::Second;
            };
            s.set(i.a(), value);
            Step::Next
        }
    }

    #[inline(always)]
    unsafe fn second(s: &mut State, i: Place) -> Step {
        // SAFETY: the trait's contract: the state is that of a running verified chunk; looking up does not collect.
        unsafe {
            match (*s.vm).table_get(s.r(i.b()), s.r(i.c())) {
                Ok(value) => s.set(i.a(), value.unwrap_or(NIL)),
                Err(_) => return Step::Slow,
            }
            Step::Next
        }
    }
}

pub(crate) struct TableSet;

impl Body for TableSet {
    const HAS_SECOND: bool = true;

    #[inline(always)]
    unsafe fn run(_s: &mut State, _i: Place) -> Step {
        Step::Second
    }

    #[inline(always)]
    unsafe fn second(s: &mut State, i: Place) -> Step {
        // SAFETY: the trait's contract: the state is that of a running verified chunk; storing does not collect, and what
        // could not be stored left the table as it was.
        unsafe {
            if (*s.vm).table_set(s.r(i.a()), s.r(i.b()), s.r(i.c())).is_err() {
                return Step::Slow;
            }
            if (*s.vm).heap.wants_collection {
                Step::Collect
            } else {
                Step::Next
            }
        }
    }
}
