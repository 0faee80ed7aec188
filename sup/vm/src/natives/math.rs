//! Functions of numbers beyond arithmetic.

use sup_abi::word::{Word, boolean};

use super::BasePrimitive;
use super::arguments::{Arguments, mismatch};
use super::lists::overflow;
use crate::base;
use crate::data::{Number, as_int, count_word, number_of};
use crate::error::{Outcome, Raise};
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%math-sqrt", "(x :num) :real", 1..Some(1), sqrt),
    base!("%math-cbrt", "(x :num) :real", 1..Some(1), cbrt),
    base!("%math-exp", "(x :num) :real", 1..Some(1), exp),
    base!("%math-log", "(x :num) :real", 1..Some(1), log),
    base!("%math-log2", "(x :num) :real", 1..Some(1), log2),
    base!("%math-log10", "(x :num) :real", 1..Some(1), log10),
    base!("%math-sin", "(x :num) :real", 1..Some(1), sin),
    base!("%math-cos", "(x :num) :real", 1..Some(1), cos),
    base!("%math-tan", "(x :num) :real", 1..Some(1), tan),
    base!("%math-asin", "(x :num) :real", 1..Some(1), asin),
    base!("%math-acos", "(x :num) :real", 1..Some(1), acos),
    base!("%math-atan", "(x :num) :real", 1..Some(1), atan),
    base!("%math-sinh", "(x :num) :real", 1..Some(1), sinh),
    base!("%math-cosh", "(x :num) :real", 1..Some(1), cosh),
    base!("%math-tanh", "(x :num) :real", 1..Some(1), tanh),
    base!("%math-atan2", "(y :num x :num) :real", 2..Some(2), atan2),
    base!("%math-hypot", "(a :num b :num) :real", 2..Some(2), hypot),
    base!("%math-pow", "(a :num b :num) :num", 2..Some(2), pow),
    base!("%math-floor", "(x :num) :int", 1..Some(1), floor),
    base!("%math-ceil", "(x :num) :int", 1..Some(1), ceil),
    base!("%math-round", "(x :num) :int", 1..Some(1), round),
    base!("%math-trunc", "(x :num) :int", 1..Some(1), trunc),
    base!("%math-nan?", "(x :num) :bool", 1..Some(1), is_nan),
    base!("%math-inf?", "(x :num) :bool", 1..Some(1), is_infinite),
    base!("%math-gcd", "(a :int b :int) :int", 2..Some(2), gcd),
    base!("%math-bits-count", "(n :int) :int", 1..Some(1), bits_count),
];

/// Natives that give a real function of one number.
macro_rules! functions {
    ($($name:ident = $function:path;)*) => {
        $(fn $name(vm: &mut Vm, arguments: &[Word]) -> Outcome {
            let value = arguments.number(vm, 0)?;
            vm.new_real($function(value))
        })*
    };
}

functions! {
    sqrt = f64::sqrt;
    cbrt = f64::cbrt;
    exp = f64::exp;
    log = f64::ln;
    log2 = f64::log2;
    log10 = f64::log10;
    sin = f64::sin;
    cos = f64::cos;
    tan = f64::tan;
    asin = f64::asin;
    acos = f64::acos;
    atan = f64::atan;
    sinh = f64::sinh;
    cosh = f64::cosh;
    tanh = f64::tanh;
}

fn atan2(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (y, x) = (arguments.number(vm, 0)?, arguments.number(vm, 1)?);
    vm.new_real(y.atan2(x))
}

fn hypot(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (a, b) = (arguments.number(vm, 0)?, arguments.number(vm, 1)?);
    vm.new_real(a.hypot(b))
}

fn pow(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (a, b) = (arguments.number(vm, 0)?, arguments.number(vm, 1)?);
    if let (Some(base), Some(exponent @ 0..)) = (as_int(arguments[0]), as_int(arguments[1])) {
        return match power(base, exponent as u64) {
            Some(value) => vm.new_int(value),
            None => Err(overflow(vm)),
        };
    }
    vm.new_real(a.powf(b))
}

fn power(base: i64, exponent: u64) -> Option<i64> {
    match base {
        0 | 1 => Some(if exponent == 0 { 1 } else { base }),
        -1 => Some(if exponent.is_multiple_of(2) { 1 } else { -1 }),
        _ => base.checked_pow(u32::try_from(exponent).ok()?),
    }
}

/// The integer that a rounding gives; integers are what they are.
fn rounded(vm: &mut Vm, arguments: &[Word], rounding: fn(f64) -> f64) -> Outcome {
    match number_of(arguments[0]) {
        Some(Number::Int(_)) => Ok(arguments[0]),
        Some(Number::Real(value)) => {
            let value = rounding(value);
            const LIMIT: f64 = 9_223_372_036_854_775_808.0;
            if (-LIMIT..LIMIT).contains(&value) {
                vm.new_int(value as i64)
            } else {
                Err(no_integer(vm))
            }
        }
        None => Err(mismatch(vm, 0, "a number", arguments[0])),
    }
}

#[cold]
fn no_integer(vm: &mut Vm) -> Raise {
    vm.raise("alu/overflow", "the real does not fit an integer of 64 bits")
}

fn floor(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    rounded(vm, arguments, f64::floor)
}

fn ceil(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    rounded(vm, arguments, f64::ceil)
}

fn round(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    rounded(vm, arguments, f64::round)
}

fn trunc(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    rounded(vm, arguments, f64::trunc)
}

fn is_nan(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    Ok(boolean(arguments.number(vm, 0)?.is_nan()))
}

fn is_infinite(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    Ok(boolean(arguments.number(vm, 0)?.is_infinite()))
}

fn gcd(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (mut a, mut b) = (
        arguments.int(vm, 0)?.unsigned_abs(),
        arguments.int(vm, 1)?.unsigned_abs(),
    );
    while b != 0 {
        (a, b) = (b, a % b);
    }
    match i64::try_from(a) {
        Ok(divisor) => vm.new_int(divisor),
        Err(_) => Err(overflow(vm)),
    }
}

fn bits_count(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    Ok(count_word(arguments.int(vm, 0)?.count_ones() as usize))
}
