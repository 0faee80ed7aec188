//! The kernel `alu`: arithmetic, comparison and bits. `number` has the rules, this file the table of
//! primitives.
//!
//! The everyday names `+ - * / < = …` take integers and reals in any mix; the predecessor's
//! `add sub … add_r …` are strictly binary and typed. Overflow, division by zero and other types raise;
//! nothing is answered in their place.

mod number;

use number::{compare, fits_shift, floor_mod, in_order, mix, quotient, real_to_int, remainder, same};
use std::cmp::Ordering;
use sup_kernel::{Context, Error, Number, Rest, Result, Value};

/// An integer, or an error value for a result that does not fit.
fn checked(cx: &Context, result: Option<i64>) -> Result<Value<'_>> {
    match result {
        Some(value) => cx.int(value),
        None => cx.error_value(&Error::overflow(), cx.nil()),
    }
}

/// A fold of integers, the first two of which the machine may do itself.
fn fold_ints(first: i64, rest: &Rest<'_, i64>, step: impl Fn(i64, i64) -> i64) -> Result<i64> {
    rest.iter()
        .try_fold(first, |folded, value| Ok(step(folded, value?)))
}

/// The smaller or larger of numbers; NaN when one is.
fn pick(first: Number, rest: &Rest<'_, Number>, wanted: Ordering) -> Result<Number> {
    rest.iter().try_fold(first, |best, number| {
        let number = number?;
        if best.to_real().is_nan() || number.to_real().is_nan() {
            return Ok(Number::Real(f64::NAN));
        }
        Ok(if compare(number, best) == Some(wanted) {
            number
        } else {
            best
        })
    })
}

sup_kernel::kernel! {
    name: "alu", version: env!("CARGO_PKG_VERSION"),

    // ---- everyday arithmetic: integers and reals in any mix ----

    /// Sum; integers stay integers. `(+)` is 0.
    fn "+" (numbers: Rest<Number>) -> Result<Number> [pure, leaf, everyday, intrinsic = ADD] {
        let step = |sum, number: Result<Number>| mix(sum, number?, i64::checked_add, |a, b| a + b);
        numbers.iter().try_fold(Number::Int(0), step)
    }

    /// The first number less the others; of a single one its negative.
    fn "-" (first: Number, rest: Rest<Number>) -> Result<Number> [pure, leaf, everyday, intrinsic = SUB] {
        if rest.is_empty() {
            return number::negate(first);
        }
        let step = |left, number: Result<Number>| mix(left, number?, i64::checked_sub, |a, b| a - b);
        rest.iter().try_fold(first, step)
    }

    /// Product; integers stay integers. `(*)` is 1.
    fn "*" (numbers: Rest<Number>) -> Result<Number> [pure, leaf, everyday, intrinsic = MUL] {
        let step = |product, number: Result<Number>| mix(product, number?, i64::checked_mul, |a, b| a * b);
        numbers.iter().try_fold(Number::Int(1), step)
    }

    /// The first number divided by the others; of a single one its reciprocal. An integer when both are and
    /// the division is exact, else a real: `(/ 6 3)` is 2, `(/ 1 2)` is 0.5. Raises `alu/div-zero`.
    fn "/" (first: Number, rest: Rest<Number>) -> Result<Number> [pure, leaf, everyday, intrinsic = DIV] {
        if rest.is_empty() {
            return number::divide(Number::Int(1), first);
        }
        rest.iter().try_fold(first, |left, number| number::divide(left, number?))
    }

    /// Quotient of integers, cut towards zero: `(quot -7 2)` is -3.
    fn "quot" (a: i64, b: i64) -> Result<i64> [pure, leaf, everyday, intrinsic = QUOT] { quotient(a, b) }

    /// Remainder with the sign of the first number: `(rem -7 2)` is -1.
    fn "rem" (a: Number, b: Number) -> Result<Number> [pure, leaf, everyday, intrinsic = REM] {
        remainder(a, b)
    }

    /// Remainder with the sign of the second number: `(floor-mod -7 2)` is 1.
    fn "floor-mod" (a: Number, b: Number) -> Result<Number> [pure, leaf, everyday, intrinsic = FLOOR_MOD] {
        floor_mod(a, b)
    }

    /// Zero less the number.
    fn "neg" (a: Number) -> Result<Number> [pure, leaf, everyday, intrinsic = NEG] { number::negate(a) }

    /// The number without its sign.
    fn "abs" (a: Number) -> Result<Number> [pure, leaf, everyday, intrinsic = ABS] { number::absolute(a) }

    /// The smallest of numbers; NaN when one is.
    fn "min" (first: Number, rest: Rest<Number>) -> Result<Number> [pure, leaf, everyday, intrinsic = MIN] {
        pick(first, &rest, Ordering::Less)
    }

    /// The largest of numbers; NaN when one is.
    fn "max" (first: Number, rest: Rest<Number>) -> Result<Number> [pure, leaf, everyday, intrinsic = MAX] {
        pick(first, &rest, Ordering::Greater)
    }

    // ---- comparison ----

    /// Whether each number is less than the next. False when one is NaN.
    fn "<" (first: Number, rest: Rest<Number>) -> Result<bool> [pure, leaf, everyday, intrinsic = LT] {
        in_order(first, &rest, |order| order == Ordering::Less)
    }

    /// Whether no number is more than the next. False when one is NaN.
    fn "<=" (first: Number, rest: Rest<Number>) -> Result<bool> [pure, leaf, everyday, intrinsic = LE] {
        in_order(first, &rest, |order| order != Ordering::Greater)
    }

    /// Whether each number is more than the next. False when one is NaN.
    fn ">" (first: Number, rest: Rest<Number>) -> Result<bool> [pure, leaf, everyday, intrinsic = GT] {
        in_order(first, &rest, |order| order == Ordering::Greater)
    }

    /// Whether no number is less than the next. False when one is NaN.
    fn ">=" (first: Number, rest: Rest<Number>) -> Result<bool> [pure, leaf, everyday, intrinsic = GE] {
        in_order(first, &rest, |order| order != Ordering::Less)
    }

    /// Whether all values are the same: numbers by value, so that `(= 1 1.0)` is true, all else as `eq` has
    /// it.
    fn "=" (first: Value, rest: Rest) -> Result<bool> [pure, leaf, everyday, intrinsic = NUM_EQ] {
        same(first, &rest)
    }

    /// Whether not all values are the same.
    fn "not=" (first: Value, rest: Rest) -> Result<bool> [pure, leaf, everyday, intrinsic = NUM_NE] {
        Ok(!same(first, &rest)?)
    }

    /// Whether a value is false, nil or 0.
    fn "not" (a: Value) -> bool [pure, leaf, nothrow, everyday, intrinsic = NOT] { !a.is_truthy() }

    /// -1, 0 or 1 as the first number is less than, the same as, or more than the second; nil when one is
    /// NaN.
    fn "compare" (a: Number, b: Number) -> Option<i64> [pure, leaf, returns = "int?"] {
        compare(a, b).map(|order| order as i64)
    }

    // ---- bits ----

    /// Integers and-ed bit by bit.
    fn "bit-and" (first: i64, rest: Rest<i64>) -> Result<i64> [pure, leaf, everyday, intrinsic = BIT_AND] {
        fold_ints(first, &rest, |a, b| a & b)
    }

    /// Integers or-ed bit by bit.
    fn "bit-or" (first: i64, rest: Rest<i64>) -> Result<i64> [pure, leaf, everyday, intrinsic = BIT_OR] {
        fold_ints(first, &rest, |a, b| a | b)
    }

    /// Integers exclusively or-ed bit by bit.
    fn "bit-xor" (first: i64, rest: Rest<i64>) -> Result<i64> [pure, leaf, everyday, intrinsic = BIT_XOR] {
        fold_ints(first, &rest, |a, b| a ^ b)
    }

    /// All bits of an integer turned over.
    fn "bit-not" (a: i64) -> i64 [pure, leaf, everyday, intrinsic = BIT_NOT] { !a }

    /// An integer shifted left by 0 to 63 bits; what leaves at the top is lost.
    fn "shift-left" (a: i64, n_bits: i64) -> Result<i64> [pure, leaf, everyday, intrinsic = SHIFT_LEFT] {
        Ok(a << fits_shift(n_bits)?)
    }

    /// An integer shifted right by 0 to 63 bits; the sign stays.
    fn "shift-right" (a: i64, n_bits: i64) -> Result<i64> [pure, leaf, everyday, intrinsic = SHIFT_RIGHT] {
        Ok(a >> fits_shift(n_bits)?)
    }

    /// An integer shifted right by 0 to 63 bits, with zeros from the left.
    fn "shift-right-zero" (a: i64, n_bits: i64) -> Result<i64> [pure, leaf, intrinsic = SHIFT_RIGHT_ZERO] {
        Ok(((a as u64) >> fits_shift(n_bits)?) as i64)
    }

    /// An integer's 64 bits rotated left by 0 to 63.
    fn "rotate-left" (a: i64, n_bits: i64) -> Result<i64> [pure, leaf] {
        Ok(a.rotate_left(fits_shift(n_bits)?))
    }

    /// Number of one bits.
    fn "popcount" (a: i64) -> i64 [pure, leaf] { i64::from(a.count_ones()) }

    /// Number of zero bits before the first one bit.
    fn "leading-zeros" (a: i64) -> i64 [pure, leaf] { i64::from(a.leading_zeros()) }

    /// Number of zero bits after the last one bit.
    fn "trailing-zeros" (a: i64) -> i64 [pure, leaf] { i64::from(a.trailing_zeros()) }

    // ---- overflow by choice ----

    /// Sum of integers modulo 2^64.
    fn "add-wrapping" (a: i64, b: i64) -> i64 [pure, leaf] { a.wrapping_add(b) }

    /// Difference of integers modulo 2^64.
    fn "sub-wrapping" (a: i64, b: i64) -> i64 [pure, leaf] { a.wrapping_sub(b) }

    /// Product of integers modulo 2^64.
    fn "mul-wrapping" (a: i64, b: i64) -> i64 [pure, leaf] { a.wrapping_mul(b) }

    /// Sum of integers, or the error value `@{:code alu/overflow}`.
    fn "add-checked" (cx, a: i64, b: i64) -> Result<Value> [pure] { checked(cx, a.checked_add(b)) }

    /// Difference of integers, or the error value `@{:code alu/overflow}`.
    fn "sub-checked" (cx, a: i64, b: i64) -> Result<Value> [pure] { checked(cx, a.checked_sub(b)) }

    /// Product of integers, or the error value `@{:code alu/overflow}`.
    fn "mul-checked" (cx, a: i64, b: i64) -> Result<Value> [pure] { checked(cx, a.checked_mul(b)) }

    // ---- conversion ----

    /// The nearest real; beyond 2^53 integers lie closer together than reals.
    fn "int->real" (a: i64) -> f64 [pure, leaf, intrinsic = INT_TO_REAL] { a as f64 }

    /// A real cut towards zero; raises `alu/overflow` when no integer is there.
    fn "real->int" (a: f64) -> Result<i64> [pure, leaf, intrinsic = REAL_TO_INT] { real_to_int(a) }

    /// The largest integer that is not more.
    fn "floor" (a: Number) -> Result<i64> [pure, leaf] { number::rounded(a, f64::floor) }

    /// The smallest integer that is not less.
    fn "ceil" (a: Number) -> Result<i64> [pure, leaf] { number::rounded(a, f64::ceil) }

    /// The nearest integer; halves go away from zero.
    fn "round" (a: Number) -> Result<i64> [pure, leaf] { number::rounded(a, f64::round) }

    /// The number cut towards zero.
    fn "trunc" (a: Number) -> Result<i64> [pure, leaf] { number::rounded(a, f64::trunc) }

    /// The bits of a real as an integer.
    fn "real-bits" (a: f64) -> i64 [pure, leaf] { a.to_bits() as i64 }

    /// The real of bits.
    fn "bits-real" (a: i64) -> f64 [pure, leaf] { f64::from_bits(a as u64) }

    // ---- real functions ----

    /// Square root; NaN of negative numbers.
    fn "sqrt" (a: Number) -> f64 [pure, leaf, intrinsic = SQRT] { a.to_real().sqrt() }

    /// Cube root.
    fn "cbrt" (a: Number) -> f64 [pure, leaf] { a.to_real().cbrt() }

    /// The first number to the power of the second, as a real.
    fn "pow" (a: Number, b: Number) -> f64 [pure, leaf] { a.to_real().powf(b.to_real()) }

    /// e to the power of a number.
    fn "exp" (a: Number) -> f64 [pure, leaf] { a.to_real().exp() }

    /// Natural logarithm.
    fn "log" (a: Number) -> f64 [pure, leaf] { a.to_real().ln() }

    /// Logarithm to base 2.
    fn "log2" (a: Number) -> f64 [pure, leaf] { a.to_real().log2() }

    /// Logarithm to base 10.
    fn "log10" (a: Number) -> f64 [pure, leaf] { a.to_real().log10() }

    /// Sine of an angle in radians.
    fn "sin" (a: Number) -> f64 [pure, leaf] { a.to_real().sin() }

    /// Cosine of an angle in radians.
    fn "cos" (a: Number) -> f64 [pure, leaf] { a.to_real().cos() }

    /// Tangent of an angle in radians.
    fn "tan" (a: Number) -> f64 [pure, leaf] { a.to_real().tan() }

    /// Angle in radians whose sine is the number.
    fn "asin" (a: Number) -> f64 [pure, leaf] { a.to_real().asin() }

    /// Angle in radians whose cosine is the number.
    fn "acos" (a: Number) -> f64 [pure, leaf] { a.to_real().acos() }

    /// Angle in radians whose tangent is the number.
    fn "atan" (a: Number) -> f64 [pure, leaf] { a.to_real().atan() }

    /// Angle in radians of the point (x, y), y first.
    fn "atan2" (y: Number, x: Number) -> f64 [pure, leaf] { y.to_real().atan2(x.to_real()) }

    /// Length of the hypotenuse over two sides.
    fn "hypot" (a: Number, b: Number) -> f64 [pure, leaf] { a.to_real().hypot(b.to_real()) }

    /// Whether a value is an integer.
    fn "int?" (a: Value) -> bool [pure, leaf, nothrow] { a.as_int().is_some() }

    /// Whether a value is a real.
    fn "real?" (a: Value) -> bool [pure, leaf, nothrow] { a.as_real().is_some() }

    /// Whether a number is not one.
    fn "nan?" (a: Number) -> bool [pure, leaf] { a.to_real().is_nan() }

    /// Whether a number is infinite.
    fn "inf?" (a: Number) -> bool [pure, leaf] { a.to_real().is_infinite() }

    // ---- the predecessor's, strictly binary and typed ----

    /// Sum of two integers.
    fn "add" (a: i64, b: i64) -> Result<i64> [pure, leaf, intrinsic = ADD_INT] {
        a.checked_add(b).ok_or_else(Error::overflow)
    }

    /// Difference of two integers.
    fn "sub" (a: i64, b: i64) -> Result<i64> [pure, leaf, intrinsic = SUB_INT] {
        a.checked_sub(b).ok_or_else(Error::overflow)
    }

    /// Product of two integers.
    fn "mul" (a: i64, b: i64) -> Result<i64> [pure, leaf, intrinsic = MUL_INT] {
        a.checked_mul(b).ok_or_else(Error::overflow)
    }

    /// Quotient of two integers, cut towards zero.
    fn "div" (a: i64, b: i64) -> Result<i64> [pure, leaf, intrinsic = DIV_INT] { quotient(a, b) }

    /// Remainder of two integers, with the sign of the first.
    fn "mod" (a: i64, b: i64) -> Result<i64> [pure, leaf, intrinsic = MOD_INT] {
        if b == 0 { Err(Error::division_by_zero()) } else { Ok(a.wrapping_rem(b)) }
    }

    /// Sum of two reals.
    fn "add_r" (a: f64, b: f64) -> f64 [pure, leaf, intrinsic = ADD_REAL] { a + b }

    /// Difference of two reals.
    fn "sub_r" (a: f64, b: f64) -> f64 [pure, leaf, intrinsic = SUB_REAL] { a - b }

    /// Product of two reals.
    fn "mul_r" (a: f64, b: f64) -> f64 [pure, leaf, intrinsic = MUL_REAL] { a * b }

    /// Quotient of two reals; raises `alu/div-zero`.
    fn "div_r" (a: f64, b: f64) -> Result<f64> [pure, leaf, intrinsic = DIV_REAL] {
        if b == 0.0 { Err(Error::division_by_zero()) } else { Ok(a / b) }
    }

    /// 1 if two integers are the same, else 0.
    fn "eq" (a: i64, b: i64) -> i64 [pure, leaf, intrinsic = EQ_INT] { i64::from(a == b) }

    /// 1 if two reals are the same, else 0.
    fn "eq_r" (a: f64, b: f64) -> i64 [pure, leaf, intrinsic = EQ_REAL] { i64::from(a == b) }
}

#[cfg(test)]
mod tests;
