//! Jumps, and the comparisons that they hang on.
#![allow(unsafe_code)]
#![allow(non_camel_case_types)]

use sup_abi::word::{FALSE, NIL, Word, ZERO, flonum_value, is_fixnum, is_flonum, is_pointer};

use super::arithmetic::{are_fixnums, are_flonums};
use super::{FUEL_UNIT, IS_FUELED, is_kind, low};
use crate::interp::{Body, Place, State, Step};
use crate::object::Kind;

body!(Jump, s, i, {
    s.jump(i.d());
    Step::Next
});
body!(Loop, s, i, {
    if IS_FUELED && s.fuel <= 0 {
        return Step::Slow;
    }
    s.fuel -= FUEL_UNIT;
    s.jump(i.d());
    Step::Next
});
body!(JumpFalse, s, i, {
    let word = s.r(i.a());
    if word == FALSE || word == NIL || word == ZERO {
        s.jump(i.d());
    }
    Step::Next
});
body!(JumpTrue, s, i, {
    let word = s.r(i.a());
    if !(word == FALSE || word == NIL || word == ZERO) {
        s.jump(i.d());
    }
    Step::Next
});
body!(JumpNil, s, i, {
    if s.r(i.a()) == NIL {
        s.jump(i.d());
    }
    Step::Next
});
body!(JumpNotNil, s, i, {
    if s.r(i.a()) != NIL {
        s.jump(i.d());
    }
    Step::Next
});

macro_rules! compare_jump {
    ($name:ident, $test:expr, $wanted:literal) => {
        body!($name, s, i, {
            let (x, y) = (s.r(i.a()), s.r(i.b()));
            let holds = if are_fixnums(x, y) {
                $test(&(x as i64), &(y as i64))
            } else if are_flonums(x, y) {
                $test(&flonum_value(x), &flonum_value(y))
            } else {
                return Step::Slow;
            };
            if holds == $wanted {
                s.jump(i.d());
            }
            Step::Next
        });
    };
}

compare_jump!(JumpLt, PartialOrd::lt, true);
compare_jump!(JumpLe, PartialOrd::le, true);
compare_jump!(JumpEqNum, PartialEq::eq, true);
compare_jump!(JumpNotLt, PartialOrd::lt, false);
compare_jump!(JumpNotLe, PartialOrd::le, false);
compare_jump!(JumpNotEqNum, PartialEq::eq, false);

macro_rules! compare_imm_jump {
    ($name:ident, $test:tt, $wanted:literal) => {
        body!($name, s, i, {
            let x = s.r(i.a());
            let holds = if is_fixnum(x) {
                let y = ((i.imm() as i64) << 2) | 2;
                (x as i64) $test y
            } else if is_flonum(x) {
                flonum_value(x) $test f64::from(i.imm())
            } else {
                return Step::Slow;
            };
            if holds == $wanted {
                s.jump(i.d());
            }
            Step::Next
        });
    };
}

compare_imm_jump!(JumpLtImm, <, true);
compare_imm_jump!(JumpLeImm, <=, true);
compare_imm_jump!(JumpGtImm, >, true);
compare_imm_jump!(JumpGeImm, >=, true);
compare_imm_jump!(JumpEqImm, ==, true);
compare_imm_jump!(JumpNotLtImm, <, false);
compare_imm_jump!(JumpNotLeImm, <=, false);
compare_imm_jump!(JumpNotGtImm, >, false);
compare_imm_jump!(JumpNotGeImm, >=, false);
compare_imm_jump!(JumpNotEqImm, ==, false);

/// The number of elements of a list, when the word is one that holds them.
#[inline(always)]
unsafe fn list_count(word: Word) -> Option<u64> {
    // SAFETY: a pointer word names a header.
    let header = unsafe { *((word - 1) as *const u64) };
    (header & 0xff == low(Kind::List) || header & 0xff == low(Kind::View)).then_some(header >> 32)
}

macro_rules! jump_unless_items {
    ($name:ident, $test:tt) => {
        body!($name, s, i, {
            let word = s.r(i.a());
            if is_pointer(word) {
                // A record is a list too.
                let Some(n) = list_count(word) else { return Step::Slow };
                if n as i64 $test i64::from(i.imm()) {
                    return Step::Next;
                }
            }
            s.jump(i.d());
            Step::Next
        });
    };
}

jump_unless_items!(JumpNotItems, ==);
jump_unless_items!(JumpNotAtLeast, >=);

macro_rules! check_items {
    ($name:ident, $test:tt) => {
        body!($name, s, i, {
            let word = s.r(i.a());
            if !is_pointer(word) {
                return Step::Slow;
            }
            let n = match list_count(word) {
                Some(n) => n,
                None if is_kind(word, Kind::Array) => *((word - 1) as *const u64).add(2),
                None => return Step::Slow,
            };
            if n as i64 $test i64::from(i.d()) { Step::Next } else { Step::Slow }
        });
    };
}

check_items!(CheckItems, ==);
check_items!(CheckAtLeast, >=);

/// Whether deep equality of two words is decided by the words alone, and how.
#[inline(always)]
pub(super) fn equal_words(x: Word, y: Word) -> Option<bool> {
    if x == y {
        Some(true)
    } else if !is_pointer(x) || !is_pointer(y) {
        Some(false)
    } else {
        None
    }
}

body!(JumpEq, s, i, {
    let Some(equal) = equal_words(s.r(i.a()), s.r(i.b())) else {
        return Step::Slow;
    };
    if equal {
        s.jump(i.d());
    }
    Step::Next
});
body!(JumpNotEq, s, i, {
    let Some(equal) = equal_words(s.r(i.a()), s.r(i.b())) else {
        return Step::Slow;
    };
    if !equal {
        s.jump(i.d());
    }
    Step::Next
});
