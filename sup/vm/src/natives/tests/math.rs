//! Functions of numbers, and questions about any value.

use super::{Bed, check};

#[test]
fn real_functions() {
    for (name, argument, expected) in [
        ("%math-sqrt", "9", "3.0"),
        ("%math-sqrt", "-1", "+nan"),
        ("%math-cbrt", "27", "3.0"),
        ("%math-exp", "0", "1.0"),
        ("%math-log", "1", "0.0"),
        ("%math-log", "0", "-inf"),
        ("%math-log", "-1", "+nan"),
        ("%math-log2", "8", "3.0"),
        ("%math-log10", "1000", "3.0"),
        ("%math-sin", "0", "0.0"),
        ("%math-cos", "0", "1.0"),
        ("%math-tan", "0", "0.0"),
        ("%math-asin", "2", "+nan"),
        ("%math-acos", "1", "0.0"),
        ("%math-atan", "0", "0.0"),
        ("%math-sinh", "0", "0.0"),
        ("%math-cosh", "0", "1.0"),
        ("%math-tanh", "0", "0.0"),
        ("%math-sqrt", "\"9\"", "!type/mismatch"),
        ("%math-exp", "1000", "+inf"),
    ] {
        check(name, &[(argument, expected)]);
    }
    check(
        "%math-atan2",
        &[
            ("1 0", "1.5707963267948966"),
            ("0 -1", "3.141592653589793"),
            ("1 :x", "!type/mismatch"),
        ],
    );
    check("%math-hypot", &[("3 4", "5.0")]);
}

#[test]
fn powers() {
    check(
        "%math-pow",
        &[
            ("2 10", "1024"),
            ("2 -1", "0.5"),
            ("2.0 3", "8.0"),
            ("2 0.5", "1.4142135623730951"),
            ("2 62", "4611686018427387904"),
            ("2 63", "!alu/overflow"),
            ("-2 63", "-9223372036854775808"),
            ("0 0", "1"),
            ("0 5", "0"),
            ("1 9223372036854775807", "1"),
            ("-1 9223372036854775807", "-1"),
            ("-1 9223372036854775806", "1"),
            ("3 9223372036854775807", "!alu/overflow"),
            ("0 -1", "+inf"),
            ("\"2\" 1", "!type/mismatch"),
        ],
    );
    check(
        "%math-gcd",
        &[
            ("12 18", "6"),
            ("0 0", "0"),
            ("-4 6", "2"),
            ("-9223372036854775808 0", "!alu/overflow"),
            ("-9223372036854775808 6", "2"),
            ("1.0 2", "!type/mismatch"),
        ],
    );
    check("%math-bits-count", &[("7", "3"), ("0", "0"), ("-1", "64")]);
}

#[test]
fn roundings() {
    check(
        "%math-floor",
        &[
            ("-1.5", "-2"),
            ("1.5", "1"),
            ("7", "7"),
            ("+nan", "!alu/overflow"),
            ("+inf", "!alu/overflow"),
            ("1e19", "!alu/overflow"),
            ("-9223372036854775808.0", "-9223372036854775808"),
            ("9223372036854775808.0", "!alu/overflow"),
            ("9223372036854775807", "9223372036854775807"),
            ("\"1\"", "!type/mismatch"),
        ],
    );
    check("%math-ceil", &[("-1.5", "-1"), ("1.2", "2")]);
    check(
        "%math-round",
        &[
            ("2.5", "3"),
            ("-2.5", "-3"),
            ("2.4", "2"),
            ("0.49999999999999994", "0"),
        ],
    );
    check("%math-trunc", &[("-1.5", "-1"), ("1.9", "1")]);
    check(
        "%math-nan?",
        &[("+nan", "true"), ("1", "false"), ("nil", "!type/mismatch")],
    );
    check("%math-inf?", &[("-inf", "true"), ("1.0", "false")]);
}

#[test]
fn types() {
    const VALUES: [(&str, &str, &str); 17] = [
        ("nil", "%nil?", ":none"),
        ("true", "%bool?", ":bool"),
        ("1", "%int?", ":int"),
        ("9223372036854775807", "%int?", ":int"),
        ("1.5", "%real?", ":real"),
        ("1e300", "%real?", ":real"),
        ("\"a\"", "%str?", ":str"),
        ("b\"a\"", "%bytes?", ":bytes"),
        ("sym", "%symbol?", ":symbol"),
        (":k", "%keyword?", ":keyword"),
        ("a:b", "%path?", ":path"),
        ("(1)", "%list?", ":list-p"),
        ("{:a 1}", "%map?", ":map"),
        ("@e", "%error?", ":error"),
        ("&{}", "%array?", ":array"),
        ("%{:}", "%table?", ":table"),
        ("~\"\"", "%buffer?", ":buffer"),
    ];
    let mut bed = Bed::new();
    for (value, own, name) in VALUES {
        assert_eq!(bed.answer("%type", value), name);
        for (_, question, _) in VALUES {
            assert_eq!(
                bed.answer(question, value),
                (question == own).to_string(),
                "({question} {value})"
            );
        }
    }
    check("%num?", &[("1", "true"), ("1.5", "true"), ("\"1\"", "false")]);
    check(
        "%seqable?",
        &[
            ("nil", "true"),
            ("{}", "true"),
            ("\"\"", "true"),
            ("{:}", "true"),
            ("b\"\"", "true"),
            ("5", "false"),
            ("@e", "false"),
            (":k", "false"),
        ],
    );
    check(
        "%not",
        &[
            ("0", "true"),
            ("nil", "true"),
            ("false", "true"),
            ("\"\"", "false"),
            ("0.0", "false"),
            ("{}", "false"),
        ],
    );
    for name in [
        "%fn?",
        "%box?",
        "%some?",
        "%datum?",
        "%aberrant?",
        "%form?",
        "%resource?",
        "%fiber?",
    ] {
        check(name, &[("nil", "false"), ("{}", "false"), ("5", "false")]);
    }
}

#[test]
fn comparing() {
    check(
        "%identical?",
        &[("1 1", "true"), ("{1} {1}", "false"), ("\"a\" \"a\"", "true")],
    );
    check(
        "%same?",
        &[
            ("{1 {2}} {1 {2}}", "true"),
            ("1 1.0", "false"),
            ("{:a 1 :b 2} {:b 2 :a 1}", "true"),
            ("(1) {1}", "false"),
        ],
    );
    check("%eq", &[("{1} {1}", "1"), ("1 2", "0")]);
    check(
        "%compare",
        &[
            ("1 2", "-1"),
            ("2 1.5", "1"),
            ("1 1.0", "0"),
            ("\"b\" \"a\"", "1"),
            ("nil 5", "-1"),
            ("false true", "-1"),
            (":a :b", "-1"),
            ("{1 2} {1}", "1"),
            ("1 \"a\"", "!type/mismatch"),
        ],
    );
    let mut bed = Bed::new();
    for (a, b) in [
        ("{1 {2}}", "{1 {2}}"),
        ("{:a 1 :b 2}", "{:b 2 :a 1}"),
        ("\"a string of some length\"", "\"a string of some length\""),
        ("9223372036854775807", "9223372036854775807"),
    ] {
        let hash = bed.answer("%hash", a);
        assert_eq!(hash, bed.answer("%hash", b));
        assert!(hash.parse::<i64>().is_ok_and(|hash| hash >= 0));
    }
    check("%hash", &[("&{}", "!map/key"), ("{&{}}", "!map/key")]);
}
