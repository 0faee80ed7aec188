//! Calls of the primitives, as data: name, arguments, answer or code.

use super::kernel_table;
use sup_kernel::ListKind;
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

fn c(elements: &[i64]) -> Data {
    Data::list(elements.iter().copied())
}

fn p(elements: &[i64]) -> Data {
    Data::List(ListKind::Paren, elements.iter().copied().map(Data::Int).collect())
}

fn int(value: i64) -> Data {
    Data::Int(value)
}

#[test]
fn fronts_and_backs() {
    check(&[
        ("pf", &[c(&[2, 3]), int(1)], Ok(c(&[1, 2, 3]))),
        ("pb", &[p(&[1, 2]), int(3)], Ok(p(&[1, 2, 3]))),
        ("pb", &[c(&[1]), c(&[2])], Ok(Data::list([int(1), c(&[2])]))),
        ("pb", &["ab".into(), "cd".into()], Ok("abcd".into())),
        ("pf", &["bc".into(), int(97)], Ok("abc".into())),
        ("pb", &["ab".into(), Data::Nil], Err("type/mismatch")),
        ("pb", &["ab".into(), int(0xD800)], Err("type/mismatch")),
        ("pb", &[int(1), int(2)], Ok(p(&[1, 2]))),
        ("rf", &[c(&[1, 2])], Ok(c(&[2]))),
        ("rf", &[c(&[])], Ok(c(&[]))),
        ("rb", &[p(&[1, 2])], Ok(p(&[1]))),
        ("rb", &["äöü".into()], Ok("äö".into())),
    ]);
}

#[test]
fn shifts_and_turns() {
    check(&[
        ("lsh", &[c(&[1, 2, 3]), int(2)], Ok(c(&[3]))),
        ("lsh", &[c(&[1, 2, 3]), int(3)], Ok(c(&[1, 2, 3]))),
        ("lsh", &[c(&[1, 2, 3]), int(4)], Ok(c(&[2, 3]))),
        ("lsh", &[c(&[]), int(4)], Ok(c(&[]))),
        ("rsh", &[c(&[1, 2, 3]), int(2)], Ok(c(&[1]))),
        ("rsh", &[c(&[1, 2, 3]), int(-2)], Ok(c(&[1, 2, 3]))),
        ("rsh", &["abc".into(), int(1)], Ok("ab".into())),
        ("rotr", &[c(&[1, 2, 3]), int(1)], Ok(c(&[3, 1, 2]))),
        ("rotl", &[c(&[1, 2, 3]), int(4)], Ok(c(&[2, 3, 1]))),
        ("rotl", &["abc".into(), int(1)], Ok("bca".into())),
        ("rotl", &[c(&[1, 2, 3]), int(0)], Ok(c(&[1, 2, 3]))),
        ("rotl", &[c(&[1]), 1.0.into()], Err("type/mismatch")),
        ("rev", &[p(&[1, 2, 3])], Ok(p(&[3, 2, 1]))),
        ("rev", &["abc".into()], Ok("cba".into())),
    ]);
}

#[test]
fn sizes() {
    check(&[
        ("resize", &[c(&[1, 2, 3]), int(2), int(0)], Ok(c(&[1, 2]))),
        ("resize", &[c(&[1]), int(3), int(0)], Ok(c(&[1, 0, 0]))),
        ("resize", &[c(&[1]), int(0), int(0)], Ok(c(&[]))),
        ("resize", &[c(&[1]), int(-1), int(0)], Ok(c(&[1]))),
        (
            "resize",
            &["abc".into(), int(6), "xy".into()],
            Ok("abcxyx".into()),
        ),
        (
            "resize",
            &[c(&[1]), int(1_000_000_000_000), int(0)],
            Err("forge/size"),
        ),
        ("count", &[c(&[1, 2])], Ok(int(2))),
        ("count", &["äb".into()], Ok(int(2))),
        ("count", &[int(7)], Ok(int(1))),
        ("concat", &[c(&[1]), p(&[2, 3])], Ok(c(&[1, 2, 3]))),
        ("concat", &["ab".into(), "cd".into()], Ok("abcd".into())),
        ("concat", &["ab".into(), c(&[99, 100])], Ok("abcd".into())),
        ("concat", &[c(&[1]), int(2)], Ok(c(&[1, 2]))),
    ]);
}

#[test]
fn matches_are_deep() {
    let nested = Data::list([c(&[1]), c(&[2]), c(&[1])]);
    check(&[
        ("replace", &[c(&[1, 2, 1]), int(1), int(9)], Ok(c(&[9, 2, 9]))),
        (
            "replace",
            &[nested.clone(), c(&[1]), "x".into()],
            Ok(Data::list(["x".into(), c(&[2]), "x".into()])),
        ),
        (
            "replace",
            &["banana".into(), "an".into(), "-".into()],
            Ok("b--a".into()),
        ),
        (
            "replace",
            &["aaa".into(), "".into(), "-".into()],
            Ok("aaa".into()),
        ),
        ("replace", &[c(&[1]), 1.0.into(), int(2)], Ok(c(&[1]))),
        ("drop_match", &[nested, c(&[1])], Ok(Data::list([c(&[2])]))),
        ("drop-match", &["banana".into(), "a".into()], Ok("bnn".into())),
        (
            "drop_period",
            &[c(&[0, 1, 2, 3, 4, 5]), int(1), int(2)],
            Ok(c(&[0, 2, 4])),
        ),
        ("drop_period", &[c(&[0, 1, 2]), int(0), int(1)], Ok(c(&[]))),
        ("drop_period", &[c(&[0, 1, 2]), int(0), int(0)], Ok(c(&[0, 1, 2]))),
        (
            "drop_period",
            &["abcdef".into(), int(0), int(3)],
            Ok("bcef".into()),
        ),
        ("find", &["banana".into(), "nan".into()], Ok(int(2))),
        ("find", &[c(&[1, 2]), int(3)], Ok(Data::Nil)),
    ]);
}

#[test]
fn elements_survive_as_they_are() {
    let error = Data::Error {
        code: "a/b".into(),
        message: "m".into(),
        data: Box::new(Data::Nil),
    };
    let elements = vec![
        error,
        0.123_456_789.into(),
        "quote \" inside".into(),
        Data::list([c(&[1])]),
        Data::Function(0),
    ];
    let list = Data::List(ListKind::Square, elements.clone());
    let reversed = Data::List(ListKind::Square, elements.into_iter().rev().collect());
    check(&[("rev", &[list], Ok(reversed))]);
}

#[test]
fn bits_there_and_back() {
    let host = FakeHost::new(kernel_table());
    for value in [0, 1, -1, i64::MIN, i64::MAX, 42] {
        let bits = host.call("to_bits", &[int(value)]).expect("makes bits");
        assert_eq!(host.call("from_bits", &[bits]), Ok(int(value)));
    }
    for value in [0.0, -0.0, 1.5, f64::INFINITY, f64::MIN_POSITIVE] {
        let bits = host.call("to_bits_r", &[value.into()]).expect("makes bits");
        assert_eq!(host.call("from_bits_r", &[bits]), Ok(value.into()));
    }
    check(&[
        ("from_bits", &[c(&[1, 0, 1])], Ok(int(5))),
        ("from_bits", &[c(&[])], Ok(int(0))),
        ("from_bits", &[c(&[2])], Err("forge/bits")),
        ("from_bits", &[c(&[0; 65])], Err("forge/bits")),
        ("from_bits", &[int(1)], Err("type/mismatch")),
    ]);
}
