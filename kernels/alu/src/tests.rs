//! Calls of the primitives, as data: name, arguments, answer or code.

use super::kernel_table;
use sup_kernel::fake::{Data, FakeHost};

fn check(cases: &[(&str, &[Data], Result<Data, &str>)]) {
    let host = FakeHost::new(kernel_table());
    for (name, arguments, expected) in cases {
        let result = host.call(name, arguments);
        let result = match &result {
            Ok(value) => Ok(value.clone()),
            Err(error) => Err(error.error_code().expect("raises an error value")),
        };
        assert_eq!(result, *expected, "({name} {arguments:?})");
    }
}

const MAX: i64 = i64::MAX;
const MIN: i64 = i64::MIN;

fn int(value: i64) -> Data {
    Data::Int(value)
}

fn real(value: f64) -> Data {
    Data::Real(value)
}

fn yes() -> Result<Data, &'static str> {
    Ok(Data::Bool(true))
}

fn no() -> Result<Data, &'static str> {
    Ok(Data::Bool(false))
}

#[test]
fn sums_and_products_take_any_number_of_arguments() {
    check(&[
        ("+", &[], Ok(int(0))),
        ("+", &[int(1), int(2), int(3)], Ok(int(6))),
        ("+", &[int(1), real(0.5)], Ok(real(1.5))),
        ("+", &[int(MAX), int(1)], Err("alu/overflow")),
        ("+", &[int(MAX), real(1.0)], Ok(real(9_223_372_036_854_775_808.0))),
        ("+", &[int(1), "2".into()], Err("type/mismatch")),
        ("*", &[], Ok(int(1))),
        ("*", &[int(MAX), int(-1)], Ok(int(-MAX))),
        ("*", &[int(MIN), int(-1)], Err("alu/overflow")),
        ("-", &[int(5)], Ok(int(-5))),
        ("-", &[int(MIN)], Err("alu/overflow")),
        ("-", &[int(10), int(1), int(2)], Ok(int(7))),
        ("-", &[real(0.5), int(1)], Ok(real(-0.5))),
    ]);
}

#[test]
fn division_is_exact_or_real() {
    check(&[
        ("/", &[int(6), int(3)], Ok(int(2))),
        ("/", &[int(1), int(2)], Ok(real(0.5))),
        ("/", &[int(2)], Ok(real(0.5))),
        ("/", &[int(1), int(0)], Err("alu/div-zero")),
        ("/", &[real(1.0), real(0.0)], Err("alu/div-zero")),
        ("/", &[int(MIN), int(-1)], Err("alu/overflow")),
        ("/", &[real(1.0), real(3.0)], Ok(real(1.0 / 3.0))),
        ("quot", &[int(-7), int(2)], Ok(int(-3))),
        ("quot", &[int(MIN), int(-1)], Err("alu/overflow")),
        ("quot", &[real(1.0), int(1)], Err("type/mismatch")),
        ("rem", &[int(-7), int(2)], Ok(int(-1))),
        ("rem", &[int(MIN), int(-1)], Ok(int(0))),
        ("rem", &[real(5.5), int(2)], Ok(real(1.5))),
        ("rem", &[int(1), int(0)], Err("alu/div-zero")),
        ("floor-mod", &[int(-7), int(2)], Ok(int(1))),
        ("floor-mod", &[int(7), int(-2)], Ok(int(-1))),
        ("floor-mod", &[int(MIN), int(-1)], Ok(int(0))),
        ("floor-mod", &[real(-0.5), real(2.0)], Ok(real(1.5))),
    ]);
}

#[test]
fn comparison_is_by_value_and_chains() {
    let big = 9_007_199_254_740_993;
    check(&[
        ("<", &[int(1), int(2), int(3)], yes()),
        ("<", &[int(1), int(3), int(2)], no()),
        ("<", &[int(1)], yes()),
        ("<", &[int(1), real(f64::NAN)], no()),
        ("<", &[real(9_007_199_254_740_992.0), int(big)], yes()),
        ("<", &[int(1), "2".into()], Err("type/mismatch")),
        ("<=", &[int(1), real(1.0), int(1)], yes()),
        (">", &[real(f64::INFINITY), int(MAX)], yes()),
        (">", &[int(MIN), real(f64::NEG_INFINITY)], yes()),
        (">=", &[int(2), int(2), int(3)], no()),
        ("=", &[int(1), real(1.0)], yes()),
        ("=", &[int(MAX), real(9_223_372_036_854_775_808.0)], no()),
        ("=", &["a".into(), "a".into()], yes()),
        ("=", &[Data::list([1, 2]), Data::list([1, 2])], yes()),
        ("=", &[real(f64::NAN), real(f64::NAN)], no()),
        ("not=", &[int(1), int(2)], yes()),
        ("compare", &[int(2), int(1)], Ok(int(1))),
        ("compare", &[int(2), real(f64::NAN)], Ok(Data::Nil)),
        ("not", &[int(0)], yes()),
        ("not", &["".into()], no()),
    ]);
}

#[test]
fn smallest_and_largest_keep_their_type() {
    check(&[
        ("min", &[int(3), real(1.5), int(2)], Ok(real(1.5))),
        ("max", &[int(3), real(1.5), int(4)], Ok(int(4))),
        ("max", &[int(3), real(f64::NAN), int(4)], Ok(real(f64::NAN))),
        ("min", &[], Err("call/arity")),
        ("abs", &[int(-5)], Ok(int(5))),
        ("abs", &[int(MIN)], Err("alu/overflow")),
        ("abs", &[real(-0.5)], Ok(real(0.5))),
        ("neg", &[real(0.0)], Ok(real(-0.0))),
    ]);
}

#[test]
fn bits() {
    check(&[
        ("bit-and", &[int(0b1100), int(0b1010)], Ok(int(0b1000))),
        ("bit-or", &[int(1), int(2), int(4)], Ok(int(7))),
        ("bit-xor", &[int(-1), int(MAX)], Ok(int(MIN))),
        ("bit-not", &[int(0)], Ok(int(-1))),
        ("bit-and", &[int(1), real(1.0)], Err("type/mismatch")),
        ("shift-left", &[int(1), int(63)], Ok(int(MIN))),
        ("shift-left", &[int(1), int(64)], Err("alu/shift")),
        ("shift-right", &[int(-8), int(1)], Ok(int(-4))),
        ("shift-right", &[int(-8), int(-1)], Err("alu/shift")),
        ("shift-right-zero", &[int(-1), int(1)], Ok(int(MAX))),
        ("rotate-left", &[int(MIN), int(1)], Ok(int(1))),
        ("popcount", &[int(-1)], Ok(int(64))),
        ("leading-zeros", &[int(1)], Ok(int(63))),
        ("trailing-zeros", &[int(8)], Ok(int(3))),
    ]);
}

#[test]
fn overflow_by_choice() {
    let overflow = Ok(Data::Error {
        code: "alu/overflow".into(),
        message: String::new(),
        data: Box::new(Data::Nil),
    });
    check(&[
        ("add-wrapping", &[int(MAX), int(1)], Ok(int(MIN))),
        ("sub-wrapping", &[int(MIN), int(1)], Ok(int(MAX))),
        ("mul-wrapping", &[int(MAX), int(2)], Ok(int(-2))),
        ("add-checked", &[int(1), int(1)], Ok(int(2))),
        ("add-checked", &[int(MAX), int(1)], overflow.clone()),
        ("sub-checked", &[int(MIN), int(1)], overflow.clone()),
        ("mul-checked", &[int(MIN), int(-1)], overflow),
    ]);
}

#[test]
fn conversion_checks_its_range() {
    check(&[
        ("int->real", &[int(3)], Ok(real(3.0))),
        ("real->int", &[real(-2.9)], Ok(int(-2))),
        ("real->int", &[real(1e300)], Err("alu/overflow")),
        (
            "real->int",
            &[real(9_223_372_036_854_775_808.0)],
            Err("alu/overflow"),
        ),
        ("real->int", &[real(-9_223_372_036_854_775_808.0)], Ok(int(MIN))),
        ("real->int", &[real(f64::NAN)], Err("alu/overflow")),
        ("real->int", &[int(1)], Err("type/mismatch")),
        ("floor", &[real(-2.5)], Ok(int(-3))),
        ("ceil", &[real(2.1)], Ok(int(3))),
        ("round", &[real(2.5)], Ok(int(3))),
        ("round", &[int(7)], Ok(int(7))),
        ("trunc", &[real(-2.5)], Ok(int(-2))),
        ("bits-real", &[int(4_609_434_218_613_702_656)], Ok(real(1.5))),
        ("real-bits", &[real(1.5)], Ok(int(4_609_434_218_613_702_656))),
    ]);
}

#[test]
fn real_functions_take_integers_too() {
    check(&[
        ("sqrt", &[int(2)], Ok(real(std::f64::consts::SQRT_2))),
        ("sqrt", &[int(-1)], Ok(real(f64::NAN))),
        ("pow", &[int(2), real(0.5)], Ok(real(std::f64::consts::SQRT_2))),
        ("exp", &[int(1)], Ok(real(std::f64::consts::E))),
        ("atan2", &[int(1), int(0)], Ok(real(std::f64::consts::FRAC_PI_2))),
        ("hypot", &[int(3), int(4)], Ok(real(5.0))),
        ("log", &["x".into()], Err("type/mismatch")),
        ("nan?", &[real(f64::NAN)], yes()),
        ("real?", &[real(1e300)], yes()),
        ("int?", &[int(MAX)], yes()),
        ("real?", &[int(1)], no()),
    ]);
}

#[test]
fn the_predecessors_names_are_typed() {
    check(&[
        ("add", &[int(1), int(2)], Ok(int(3))),
        ("add", &[int(MAX), int(1)], Err("alu/overflow")),
        ("add", &[int(1), real(2.0)], Err("type/mismatch")),
        ("add", &[int(1), int(2), int(3)], Err("call/arity")),
        ("div", &[int(-7), int(2)], Ok(int(-3))),
        ("div", &[int(1), int(0)], Err("alu/div-zero")),
        ("mod", &[int(-7), int(2)], Ok(int(-1))),
        ("mod", &[int(1), int(0)], Err("alu/div-zero")),
        ("add_r", &[real(0.1), real(0.2)], Ok(real(0.1 + 0.2))),
        ("div_r", &[real(1.0), real(3.0)], Ok(real(1.0 / 3.0))),
        ("div_r", &[real(1.0), real(0.0)], Err("alu/div-zero")),
        ("mul_r", &[real(0.001), real(0.0001)], Ok(real(0.001 * 0.0001))),
        ("eq", &[int(1), int(1)], Ok(int(1))),
        ("eq", &[int(1), int(2)], Ok(int(0))),
        ("eq_r", &[real(0.123_456_7), real(0.123_456_8)], Ok(int(0))),
    ]);
}
