//! Arithmetic, comparison and text of numbers.

use std::cmp::Ordering;

use sup_abi::word::{FIXNUM_MAX, FIXNUM_MIN, NIL, Word};

use super::{Bed, Random};
use crate::data::{Number, compare_numbers, number_of, parse_int, parse_real, push_int, push_real};
use crate::error::Outcome;
use crate::vm::Vm;

const INTS: [i64; 11] = [
    0,
    1,
    -1,
    7,
    -7,
    FIXNUM_MAX,
    FIXNUM_MAX + 1,
    FIXNUM_MIN,
    FIXNUM_MIN - 1,
    i64::MAX,
    i64::MIN,
];
const REALS: [f64; 11] = [
    0.0,
    -0.0,
    1.0,
    -2.5,
    1e-300,
    1e300,
    f64::INFINITY,
    f64::NEG_INFINITY,
    9.3e18,
    -9.3e18,
    0.1,
];

fn number(bed: &mut Bed, run: impl FnOnce(&mut Vm) -> Outcome) -> Option<Number> {
    run(&mut bed.vm).ok().and_then(number_of)
}

#[test]
fn numbers_come_back_from_words_and_boxes() {
    let mut bed = Bed::new(0);
    for value in INTS {
        let word = bed.int(value);
        assert_eq!(bed.vm.as_int(word), Some(value));
        assert_eq!(bed.vm.as_real(word), None);
    }
    for value in REALS {
        let word = bed.real(value);
        assert_eq!(bed.vm.as_real(word).map(f64::to_bits), Some(value.to_bits()));
        assert_eq!(bed.vm.as_int(word), None);
    }
}

#[test]
fn every_nan_is_the_same() {
    let mut bed = Bed::new(0);
    let (first, second) = (bed.real(f64::NAN), bed.real(-f64::NAN));
    assert!(bed.vm.equal(first, second));
    assert_eq!(bed.vm.hash(first), bed.vm.hash(second));
    assert_eq!(bed.vm.same_number(first, second), Ok(false));
}

#[test]
fn integers_never_wrap() {
    let mut bed = Bed::new(0);
    for a in INTS {
        for b in INTS {
            let (x, y) = (bed.int(a), bed.int(b));
            let check = |found: Option<Number>, wanted: Option<i64>| {
                assert_eq!(found, wanted.map(Number::Int), "{a} and {b}");
            };
            check(number(&mut bed, |vm| vm.add(x, y)), a.checked_add(b));
            check(number(&mut bed, |vm| vm.sub(x, y)), a.checked_sub(b));
            check(number(&mut bed, |vm| vm.mul(x, y)), a.checked_mul(b));
            check(
                number(&mut bed, |vm| vm.rem(x, y)),
                if b == 0 { None } else { Some(a.wrapping_rem(b)) },
            );
            check(number(&mut bed, |vm| vm.negate(x)), a.checked_neg());
            let quotient = number(&mut bed, |vm| vm.div(x, y));
            match a.checked_div(b) {
                None => assert_eq!(quotient, None),
                Some(whole) if whole * b == a => assert_eq!(quotient, Some(Number::Int(whole))),
                Some(_) => assert_eq!(quotient, Some(Number::Real(a as f64 / b as f64))),
            }
            assert_eq!(bed.vm.less(x, y), Ok(a < b));
            assert_eq!(bed.vm.less_equal(x, y), Ok(a <= b));
            assert_eq!(bed.vm.same_number(x, y), Ok(a == b));
        }
    }
}

#[test]
fn the_ways_of_failing_have_codes() {
    let mut bed = Bed::new(0);
    let (one, zero, max, none) = (bed.int(1), bed.int(0), bed.int(i64::MAX), bed.real(0.0));
    let text = bed.str("one");
    assert_eq!(bed.code_of(|vm| vm.add(one, max)), ":alu/overflow");
    assert_eq!(bed.code_of(|vm| vm.div(one, zero)), ":alu/div-zero");
    assert_eq!(bed.code_of(|vm| vm.rem(one, zero)), ":alu/div-zero");
    assert_eq!(bed.code_of(|vm| vm.div(one, none)), ":alu/div-zero");
    assert_eq!(bed.code_of(|vm| vm.add(one, text)), ":type/mismatch");
    assert_eq!(bed.code_of(|vm| vm.less(NIL, one)), ":type/mismatch");
    assert_eq!(bed.vm.same_number(text, text), Ok(true));
    assert_eq!(bed.vm.same_number(text, one), Ok(false));
}

#[test]
fn integers_and_reals_compare_without_rounding() {
    let mut bed = Bed::new(0);
    let cases: [(i64, f64, Ordering); 8] = [
        (1, 1.0, Ordering::Equal),
        (1, 1.5, Ordering::Less),
        (-1, -1.5, Ordering::Greater),
        (i64::MAX, 9_223_372_036_854_775_808.0, Ordering::Less),
        (i64::MIN, -9_223_372_036_854_775_808.0, Ordering::Equal),
        ((1 << 53) + 1, 9_007_199_254_740_992.0, Ordering::Greater),
        (0, -0.0, Ordering::Equal),
        (5, f64::NEG_INFINITY, Ordering::Greater),
    ];
    for (int, real, order) in cases {
        let (int, real) = (bed.int(int), bed.real(real));
        assert_eq!(compare_numbers(int, real), Some(order));
        assert_eq!(compare_numbers(real, int), Some(order.reverse()));
        assert_eq!(bed.vm.less(int, real), Ok(order.is_lt()));
        assert_eq!(bed.vm.less_equal(int, real), Ok(order.is_le()));
    }
    let (nan, one) = (bed.real(f64::NAN), bed.int(1));
    assert_eq!(compare_numbers(nan, one), Some(Ordering::Greater));
    assert_eq!(compare_numbers(nan, nan), Some(Ordering::Equal));
    assert_eq!(
        (bed.vm.less(nan, one), bed.vm.less_equal(one, nan)),
        (Ok(false), Ok(false))
    );
}

#[test]
fn reals_print_the_shortest_and_read_back() {
    let text = |value| {
        let mut out = String::new();
        push_real(&mut out, value);
        out
    };
    let cases = [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (0.1, "0.1"),
        (100000.0, "100000.0"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e16"),
        (1.5e300, "1.5e300"),
        (0.0001, "0.0001"),
        (0.00005, "5e-5"),
        (1.5e-7, "1.5e-7"),
        (5e-324, "5e-324"),
        (f64::INFINITY, "+inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "+nan"),
    ];
    for (value, wanted) in cases {
        assert_eq!(text(value), wanted);
    }
    let mut random = Random(12);
    for step in 0..300_000 {
        let bits = random.next();
        // Half of them are fractions of few bits, which may lie between two texts of the same length.
        let value = if step % 2 == 0 {
            f64::from_bits(bits)
        } else {
            (bits >> (11 + bits % 16)) as f64 / (1u64 << ((bits >> 4) % 32)) as f64
        };
        if value.is_finite() {
            // The printer of forms prints reals as the standard library does.
            assert_eq!(text(value), format!("{value:?}"));
            assert_eq!(parse_real(&text(value)).map(f64::to_bits), Some(value.to_bits()));
        }
    }
}

#[test]
fn texts_are_numbers_or_nothing() {
    assert_eq!(parse_int("-7f", 16), Some(-0x7f));
    assert_eq!(parse_int("9223372036854775808", 10), None);
    assert_eq!(parse_int("", 10), None);
    assert_eq!(parse_int("1", 37), None);
    for text in ["", ".", "inf", "nan", "infinity", "1e", "-", "0x1p3", "1_0", " 1"] {
        assert_eq!(parse_real(text), None, "{text}");
    }
    assert_eq!(parse_real("-.5e1"), Some(-5.0));
    let mut out = String::new();
    push_int(&mut out, i64::MIN);
    assert_eq!(out, "-9223372036854775808");
}

#[test]
fn other_words_are_no_numbers() {
    let mut bed = Bed::new(0);
    let text: Word = bed.str("7");
    assert_eq!((number_of(text), number_of(NIL)), (None, None));
}
