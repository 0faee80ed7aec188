//! The rules of arithmetic on integers and reals in any mix: the same that the machine's own instructions
//! follow.

use std::cmp::Ordering;
use sup_kernel::{Error, Number, Rest, Result, Value};

/// 2^63: the smallest real beyond every integer.
const LIMIT: f64 = 9_223_372_036_854_775_808.0;

/// Works on integers when both are, which may overflow, else on reals.
pub fn mix(
    a: Number,
    b: Number,
    on_ints: impl FnOnce(i64, i64) -> Option<i64>,
    on_reals: impl FnOnce(f64, f64) -> f64,
) -> Result<Number> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => on_ints(a, b).map(Number::Int).ok_or_else(Error::overflow),
        (a, b) => Ok(Number::Real(on_reals(a.to_real(), b.to_real()))),
    }
}

fn refuse_zero(divisor: Number) -> Result<()> {
    if divisor.to_real() == 0.0 {
        Err(Error::division_by_zero())
    } else {
        Ok(())
    }
}

/// Quotient: an integer when both are and it is exact, else a real.
pub fn divide(a: Number, b: Number) -> Result<Number> {
    refuse_zero(b)?;
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => match a.checked_div(b) {
            None => Err(Error::overflow()),
            Some(quotient) if quotient * b == a => Ok(Number::Int(quotient)),
            Some(_) => Ok(Number::Real(a as f64 / b as f64)),
        },
        (a, b) => Ok(Number::Real(a.to_real() / b.to_real())),
    }
}

/// Quotient of integers, cut towards zero.
pub fn quotient(a: i64, b: i64) -> Result<i64> {
    refuse_zero(Number::Int(b))?;
    a.checked_div(b).ok_or_else(Error::overflow)
}

/// Remainder with the sign of the first number.
pub fn remainder(a: Number, b: Number) -> Result<Number> {
    refuse_zero(b)?;
    mix(a, b, |a, b| Some(a.wrapping_rem(b)), |a, b| a % b)
}

/// Remainder with the sign of the second number.
pub fn floor_mod(a: Number, b: Number) -> Result<Number> {
    refuse_zero(b)?;
    let on_ints = |a: i64, b: i64| {
        let remainder = a.wrapping_rem(b);
        Some(if remainder != 0 && (remainder < 0) != (b < 0) {
            remainder + b
        } else {
            remainder
        })
    };
    let on_reals = |a: f64, b: f64| {
        let remainder = a % b;
        if remainder != 0.0 && (remainder < 0.0) != (b < 0.0) {
            remainder + b
        } else {
            remainder
        }
    };
    mix(a, b, on_ints, on_reals)
}

/// Zero less the number.
pub fn negate(a: Number) -> Result<Number> {
    match a {
        Number::Int(value) => value.checked_neg().map(Number::Int).ok_or_else(Error::overflow),
        Number::Real(value) => Ok(Number::Real(-value)),
    }
}

/// The number without its sign.
pub fn absolute(a: Number) -> Result<Number> {
    match a {
        Number::Int(value) => value.checked_abs().map(Number::Int).ok_or_else(Error::overflow),
        Number::Real(value) => Ok(Number::Real(value.abs())),
    }
}

/// Orders two numbers by value, exactly; nothing when one is NaN.
pub fn compare(a: Number, b: Number) -> Option<Ordering> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
        (Number::Real(a), Number::Real(b)) => a.partial_cmp(&b),
        (Number::Int(a), Number::Real(b)) => compare_mixed(a, b),
        (Number::Real(a), Number::Int(b)) => compare_mixed(b, a).map(Ordering::reverse),
    }
}

/// Orders an integer and a real without rounding either.
fn compare_mixed(int: i64, real: f64) -> Option<Ordering> {
    if real.is_nan() {
        return None;
    }
    if real >= LIMIT {
        return Some(Ordering::Less);
    }
    if real < -LIMIT {
        return Some(Ordering::Greater);
    }
    let whole = real.trunc();
    let by_whole = int.cmp(&(whole as i64));
    Some(by_whole.then_with(|| whole.partial_cmp(&real).unwrap_or(Ordering::Equal)))
}

/// Whether each number stands to the next as asked.
pub fn in_order(first: Number, rest: &Rest<'_, Number>, holds: impl Fn(Ordering) -> bool) -> Result<bool> {
    let mut previous = first;
    let mut all = true;
    for number in rest.iter() {
        let number = number?;
        all &= compare(previous, number).is_some_and(&holds);
        previous = number;
    }
    Ok(all)
}

/// Whether all values are the same: numbers by value, all else deeply.
pub fn same(first: Value<'_>, rest: &Rest<'_>) -> Result<bool> {
    for value in rest.iter() {
        let value = value?;
        let is_same = match (first.as_number(), value.as_number()) {
            (Some(a), Some(b)) => compare(a, b) == Some(Ordering::Equal),
            _ => first.equals(value),
        };
        if !is_same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How far bits may be shifted.
pub fn fits_shift(n_bits: i64) -> Result<u32> {
    match u32::try_from(n_bits) {
        Ok(n_bits) if n_bits < 64 => Ok(n_bits),
        _ => Err(Error::new("alu/shift", "a shift is by 0 to 63 bits")),
    }
}

/// A real cut towards zero.
pub fn real_to_int(value: f64) -> Result<i64> {
    let whole = value.trunc();
    if (-LIMIT..LIMIT).contains(&whole) {
        Ok(whole as i64)
    } else {
        Err(Error::new(
            "alu/overflow",
            format!("{value} is not within the integers"),
        ))
    }
}

/// A number as an integer, rounded as asked.
pub fn rounded(a: Number, round: impl FnOnce(f64) -> f64) -> Result<i64> {
    match a {
        Number::Int(value) => Ok(value),
        Number::Real(value) => real_to_int(round(value)),
    }
}
