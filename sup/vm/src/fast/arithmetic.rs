//! Arithmetic and bits, comparison and truth as values.
#![allow(unsafe_code)]
#![allow(non_camel_case_types)]

use std::hint::cold_path;

use sup_abi::word::{
    FALSE, NIL, Word, ZERO, boolean, fixnum, fixnum_value, flonum, flonum_value, is_fixnum, is_flonum,
};

use super::jumps::equal_words;
use crate::interp::{Body, Place, State, Step};

/// Whether both words are integers that they hold themselves: one test for the two.
#[inline(always)]
pub(super) fn are_fixnums(x: Word, y: Word) -> bool {
    (x.wrapping_sub(ZERO) | y.wrapping_sub(ZERO)) & 3 == 0
}

#[inline(always)]
pub(super) fn are_flonums(x: Word, y: Word) -> bool {
    is_flonum(x) && is_flonum(y)
}

/// A number in a word as a real, where it is one of the integers that the reals of its size stand for exactly.
#[inline(always)]
fn real(word: Word) -> Option<f64> {
    const EXACT: i64 = 1 << 53;
    if is_fixnum(word) {
        let value = fixnum_value(word);
        (-EXACT..=EXACT).contains(&value).then_some(value as f64)
    } else {
        is_flonum(word).then(|| flonum_value(word))
    }
}

/// `x + y` as words of integers, and whether the answer does not fit one.
#[inline(always)]
fn add_ints(x: Word, y: Word) -> (Word, bool) {
    let (sum, overflows) = (x as i64).overflowing_add((y as i64).wrapping_sub(2));
    (sum as u64, overflows)
}

#[inline(always)]
fn sub_ints(x: Word, y: Word) -> (Word, bool) {
    let (difference, overflows) = (x as i64).overflowing_sub((y as i64).wrapping_sub(2));
    (difference as u64, overflows)
}

#[inline(always)]
fn mul_ints(x: Word, y: Word) -> (Word, bool) {
    let (product, overflows) = (y as i64).wrapping_sub(2).overflowing_mul((x as i64) >> 2);
    (product as u64 | ZERO, overflows)
}

/// The quotient of two integers where it is one, and whether there is no such word.
#[inline(always)]
fn div_ints(x: Word, y: Word) -> (Word, bool) {
    let (a, b) = (fixnum_value(x), fixnum_value(y));
    if b == 0 || a % b != 0 {
        return (NIL, true);
    }
    fixnum(a / b).map_or((NIL, true), |quotient| (quotient, false))
}

#[inline(always)]
fn rem_ints(x: Word, y: Word) -> (Word, bool) {
    let (a, b) = (fixnum_value(x), fixnum_value(y));
    if b == 0 {
        return (NIL, true);
    }
    (((a.wrapping_rem(b) << 2) | 2) as u64, false)
}

macro_rules! operand {
    (register, $s:ident, $i:ident) => {
        $s.r($i.c())
    };
    (imm, $s:ident, $i:ident) => {
        (((i64::from($i.d())) << 2) | 2) as u64
    };
    (pool, $s:ident, $i:ident) => {
        $s.pool($i.d())
    };
}

/// An operation on two numbers. Integers and reals that words hold are done at once; an integer with a real, out of line.
/// What division makes of reals by zero is no word's real, so that the slow path raises it.
macro_rules! arithmetic {
    ($name:ident, $second:ident, $ints:ident or $otherwise:ident, $operator:tt) => {
        pub(crate) struct $name;

        impl Body for $name {
            const HAS_SECOND: bool = true;

            #[inline(always)]
            unsafe fn run(s: &mut State, i: Place) -> Step {
                // SAFETY: the trait's contract: the state is that of a running verified chunk.
                unsafe {
                    let (x, y) = (s.r(i.b()), operand!($second, s, i));
                    // One after the other: a real is seen at the first test.
                    if is_fixnum(x) && is_fixnum(y) {
                        let (answer, overflows) = $ints(x, y);
                        if overflows {
                            return Step::$otherwise;
                        }
                        s.set(i.a(), answer);
                        return Step::Next;
                    }
                    cold_path();
                    if are_flonums(x, y) && let Some(answer) = flonum(flonum_value(x) $operator flonum_value(y)) {
                        s.set(i.a(), answer);
                        return Step::Next;
                    }
                    Step::Second
                }
            }

            #[inline(always)]
            unsafe fn second(s: &mut State, i: Place) -> Step {
                // SAFETY: as in `run`.
                unsafe {
                    let (Some(x), Some(y)) = (real(s.r(i.b())), real(operand!($second, s, i))) else {
                        return Step::Slow;
                    };
                    let Some(answer) = flonum(x $operator y) else { return Step::Slow };
                    s.set(i.a(), answer);
                    Step::Next
                }
            }
        }
    };
}

arithmetic!(Add, register, add_ints or Slow, +);
arithmetic!(Sub, register, sub_ints or Slow, -);
arithmetic!(Mul, register, mul_ints or Slow, *);
arithmetic!(Div, register, div_ints or Second, /);
arithmetic!(AddImm, imm, add_ints or Slow, +);
arithmetic!(SubImm, imm, sub_ints or Slow, -);
arithmetic!(MulImm, imm, mul_ints or Slow, *);
arithmetic!(AddConst, pool, add_ints or Slow, +);
arithmetic!(SubConst, pool, sub_ints or Slow, -);
arithmetic!(MulConst, pool, mul_ints or Slow, *);
arithmetic!(DivConst, pool, div_ints or Second, /);

macro_rules! remainder {
    ($name:ident, $second:ident) => {
        body!($name, s, i, {
            let (x, y) = (s.r(i.b()), operand!($second, s, i));
            if !are_fixnums(x, y) {
                return Step::Slow;
            }
            let (answer, is_none) = rem_ints(x, y);
            if is_none {
                return Step::Slow;
            }
            s.set(i.a(), answer);
            Step::Next
        });
    };
}

remainder!(Rem, register);
remainder!(RemImm, imm);

macro_rules! smaller_or_larger {
    ($name:ident, $test:tt) => {
        body!($name, s, i, {
            let (x, y) = (s.r(i.b()), s.r(i.c()));
            let is_first = if are_fixnums(x, y) {
                (x as i64) $test (y as i64)
            } else if are_flonums(x, y) && x != y {
                flonum_value(x) $test flonum_value(y)
            } else {
                return Step::Slow;
            };
            s.set(i.a(), if is_first { x } else { y });
            Step::Next
        });
    };
}

smaller_or_larger!(Min, <=);
smaller_or_larger!(Max, >=);

body!(Quot, s, i, {
    let (x, y) = (s.r(i.b()), s.r(i.c()));
    if !are_fixnums(x, y) || y == ZERO {
        return Step::Slow;
    }
    let Some(quotient) = fixnum(fixnum_value(x) / fixnum_value(y)) else {
        return Step::Slow;
    };
    s.set(i.a(), quotient);
    Step::Next
});
body!(FloorMod, s, i, {
    let (x, y) = (s.r(i.b()), s.r(i.c()));
    if !are_fixnums(x, y) || y == ZERO {
        return Step::Slow;
    }
    let (a, b) = (fixnum_value(x), fixnum_value(y));
    let rest = a % b;
    let rest = if rest != 0 && (rest ^ b) < 0 {
        rest + b
    } else {
        rest
    };
    s.set(i.a(), ((rest << 2) | 2) as u64);
    Step::Next
});
body!(Sqrt, s, i, {
    let x = s.r(i.b());
    if !is_flonum(x) {
        return Step::Slow;
    }
    let Some(root) = flonum(flonum_value(x).sqrt()) else {
        return Step::Slow;
    };
    s.set(i.a(), root);
    Step::Next
});

macro_rules! bits {
    ($name:ident, $operator:tt) => {
        body!($name, s, i, {
            let (x, y) = (s.r(i.b()), s.r(i.c()));
            if !are_fixnums(x, y) {
                return Step::Slow;
            }
            s.set(i.a(), ((((x as i64) >> 2) $operator ((y as i64) >> 2)) << 2 | 2) as u64);
            Step::Next
        });
    };
}

bits!(BitAnd, &);
bits!(BitOr, |);
bits!(BitXor, ^);
body!(ShiftRight, s, i, {
    let (x, y) = (s.r(i.b()), s.r(i.c()));
    if !is_fixnum(x) || !is_fixnum(y) || (y as i64) < 2 || (y as i64) >> 2 > 63 {
        return Step::Slow;
    }
    s.set(i.a(), ((((x as i64) >> 2) >> ((y as i64) >> 2)) << 2 | 2) as u64);
    Step::Next
});
body!(ShiftLeft, s, i, {
    let (x, y) = (s.r(i.b()), s.r(i.c()));
    if !are_fixnums(x, y) || (y as i64) < 2 || (y as i64) >> 2 > 61 {
        return Step::Slow;
    }
    let (value, places) = (fixnum_value(x), fixnum_value(y));
    let shifted = value << places;
    if shifted >> places != value {
        return Step::Slow;
    }
    let Some(answer) = fixnum(shifted) else {
        return Step::Slow;
    };
    s.set(i.a(), answer);
    Step::Next
});
body!(Neg, s, i, {
    let x = s.r(i.b());
    let answer = if is_flonum(x) {
        flonum(-flonum_value(x))
    } else if is_fixnum(x) {
        fixnum(-fixnum_value(x))
    } else {
        None
    };
    let Some(answer) = answer else {
        return Step::Slow;
    };
    s.set(i.a(), answer);
    Step::Next
});

macro_rules! compare {
    ($name:ident, $test:expr) => {
        body!($name, s, i, {
            let (x, y) = (s.r(i.b()), s.r(i.c()));
            let holds = if are_fixnums(x, y) {
                $test(&(x as i64), &(y as i64))
            } else if are_flonums(x, y) {
                $test(&flonum_value(x), &flonum_value(y))
            } else {
                return Step::Slow;
            };
            s.set(i.a(), boolean(holds));
            Step::Next
        });
    };
}

compare!(Lt, PartialOrd::lt);
compare!(Le, PartialOrd::le);
compare!(EqNum, PartialEq::eq);
body!(Eq, s, i, {
    let Some(equal) = equal_words(s.r(i.b()), s.r(i.c())) else {
        return Step::Slow;
    };
    s.set(i.a(), if equal { 6 } else { ZERO });
    Step::Next
});
body!(Not, s, i, {
    let word = s.r(i.b());
    s.set(i.a(), boolean(word == FALSE || word == NIL || word == ZERO));
    Step::Next
});
