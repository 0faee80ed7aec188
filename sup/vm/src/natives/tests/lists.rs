//! Lists made by rule, and questions about all elements.

use super::{Bed, check};

#[test]
fn ranges() {
    check(
        "%range",
        &[
            ("0 3 1", "{0 1 2}"),
            ("0 0 1", "{}"),
            ("3 0 1", "{}"),
            ("5 0 -2", "{5 3 1}"),
            ("0 -1 1", "{}"),
            ("0 1 0.25", "{0.0 0.25 0.5 0.75}"),
            ("0 5 0", "!value/invalid"),
            ("0 5 0.0", "!value/invalid"),
            ("0.0 +nan 1", "!value/invalid"),
            ("1.0 0.0 -0.5", "{1.0 0.5}"),
            (
                "0 1 0.1",
                "{0.0 0.1 0.2 0.30000000000000004 0.4 0.5 0.6000000000000001 0.7000000000000001 0.8 0.9}",
            ),
            ("0 1000000000000000 1", "!vm/memory"),
            ("0 4000000000 1", "!vm/memory"),
            ("0.0 1e300 1", "!vm/memory"),
            ("0 +inf 1", "!vm/memory"),
            (
                "9223372036854775805 9223372036854775807 1",
                "{9223372036854775805 9223372036854775806}",
            ),
            (
                "-9223372036854775808 9223372036854775807 9223372036854775807",
                "{-9223372036854775808 -1 9223372036854775806}",
            ),
            (
                "9223372036854775807 -9223372036854775808 -9223372036854775808",
                "{9223372036854775807 -1}",
            ),
            ("\"a\" 1 1", "!type/mismatch"),
            ("0 nil 1", "!type/mismatch"),
            ("0 1 1e-300", "!vm/memory"),
            (
                "2305843009213693950 2305843009213693953 1",
                "{2305843009213693950 2305843009213693951 2305843009213693952}",
            ),
        ],
    );
    check(
        "%repeat",
        &[
            ("3 :a", "{. :a :a :a}"),
            ("0 1", "{}"),
            ("-5 1", "{}"),
            ("1000000000000000 1", "!vm/memory"),
            ("9223372036854775807 1", "!vm/memory"),
        ],
    );
}

#[test]
fn finding() {
    check(
        "%index-of",
        &[
            ("{5 6 7} 6", "1"),
            ("{5} 9", "nil"),
            ("{1 1.0} 1.0", "1"),
            ("{{1} {2}} {2}", "1"),
            ("\"abc\" \"c\"", "2"),
            ("\"häß\" \"ß\"", "2"),
            ("\"häß\" 223", "2"),
            ("\"abc\" \"x\"", "nil"),
            ("nil 1", "nil"),
            ("&{1 2} 2", "1"),
            ("{\"a long string\"} \"a long string\"", "0"),
            ("5 1", "!type/mismatch"),
            ("b\"abc\" 98", "1"),
        ],
    );
    check(
        "%includes?",
        &[
            ("{1 2} 2", "true"),
            ("{1 2} 2.0", "false"),
            ("\"team\" \"ea\"", "true"),
            ("\"team\" \"\"", "true"),
            ("\"team\" 101", "true"),
            ("\"team\" -1", "false"),
            ("\"team\" :a", "false"),
            ("{:a 1} 1", "true"),
            ("{:a 1} :a", "false"),
            ("%{:a {1}} {1}", "true"),
            ("nil nil", "false"),
            ("{nil} nil", "true"),
            ("7 1", "!type/mismatch"),
        ],
    );
}

#[test]
fn grouping_by_equality() {
    check(
        "%distinct",
        &[
            ("{1 1 2 1}", "{1 2}"),
            ("{1 1.0 0.0 -0.0}", "{1 1.0 0.0 -0.0}"),
            ("{{1} {1} (1)}", "{{1} (1)}"),
            ("nil", "{}"),
            ("\"abba\"", "{97 98}"),
            ("{\"a long string\" \"a long string\"}", "{\"a long string\"}"),
            ("{&{}}", "!map/key"),
        ],
    );
    check(
        "%frequencies",
        &[
            ("{1 1 2}", "{: 1 2 2 1}"),
            ("\"abca\"", "{: 97 2 98 1 99 1}"),
            ("{}", "{:}"),
            ("{{1} {1}}", "{: {1} 2}"),
            ("1", "!type/mismatch"),
        ],
    );
}

#[test]
fn rows_and_parts() {
    check(
        "%zip",
        &[
            ("{1 2} {3 4 5}", "{{1 3} {2 4}}"),
            ("", "{}"),
            ("{1 2}", "{{1} {2}}"),
            ("{1} {}", "{}"),
            ("\"ab\" {1 2}", "{{97 1} {98 2}}"),
            ("{1} 5", "!type/mismatch"),
        ],
    );
    check(
        "%interleave",
        &[
            ("{1 2} {3 4}", "{1 3 2 4}"),
            ("{1 2} {3}", "{1 3}"),
            ("", "{}"),
            ("{1 2} nil", "{}"),
        ],
    );
    check(
        "%partition",
        &[
            ("2 2 {1 2 3}", "{{1 2}}"),
            ("2 2 {1 2 3} true", "{{1 2} {3}}"),
            ("2 1 {1 2 3}", "{{1 2} {2 3}}"),
            ("2 2 {1 2} true", "{{1 2}}"),
            ("3 1 {1 2}", "{}"),
            ("3 1 {1 2} true", "{{1 2}}"),
            ("0 1 {1}", "!value/invalid"),
            ("1 0 {1}", "!value/invalid"),
            ("1 5 {1 2 3}", "{{1}}"),
            ("9223372036854775807 9223372036854775807 {1 2} true", "{{1 2}}"),
            ("2 2 nil", "{}"),
            ("2 2 \"abcd\"", "{{97 98} {99 100}}"),
            ("2 2 {1 2 3} false", "{{1 2}}"),
        ],
    );
}

#[test]
fn sums_and_extremes() {
    check(
        "%sum",
        &[
            ("{1 2 3}", "6"),
            ("{}", "0"),
            ("nil", "0"),
            ("{1 2.5}", "3.5"),
            ("{1.5 2.5}", "4.0"),
            ("{9223372036854775807 1}", "!alu/overflow"),
            ("{9223372036854775806 1}", "9223372036854775807"),
            ("{1 \"a\"}", "!type/mismatch"),
            ("&{1 2}", "3"),
            ("b\"ab\"", "195"),
            ("{2305843009213693951 2305843009213693951}", "4611686018427387902"),
        ],
    );
    check(
        "%min-of",
        &[
            ("{3 1 2}", "1"),
            ("{}", "nil"),
            ("{\"b\" \"a\"}", "\"a\""),
            ("{2 1.5}", "1.5"),
            ("{1 \"a\"}", "!type/mismatch"),
            ("{1 1.0}", "1"),
            ("{9223372036854775807 1}", "1"),
        ],
    );
    check(
        "%max-of",
        &[
            ("{3 1 2}", "3"),
            ("nil", "nil"),
            ("{{1 2} {1 3}}", "{1 3}"),
            ("{1 1.0}", "1"),
            ("{1.0 +nan 2.0}", "+nan"),
        ],
    );
}

#[test]
fn opening() {
    check(
        "%flatten",
        &[
            ("{1 {2 {3 {}} {4}}}", "{1 2 3 4}"),
            ("{}", "{}"),
            ("nil", "{}"),
            ("{&{1 (2)} [3]}", "{1 2 3}"),
            ("{\"ab\" {:a {1}}}", "{\"ab\" {:a {1}}}"),
            ("5", "!type/mismatch"),
        ],
    );
    check(
        "%freeze",
        &[
            ("5", "5"),
            ("&{1 &{2}}", "{1 {2}}"),
            ("{&{1} %{:a &{2}}}", "{{1} {:a {2}}}"),
            ("~\"ab\"", "b\"ab\""),
            ("{:a {:b &{}}}", "{:a {:b {}}}"),
            ("(&{1})", "({1})"),
            ("nil", "nil"),
            ("\"a\"", "\"a\""),
        ],
    );
}

#[test]
fn what_lies_at_many_places_is_opened_once() {
    let mut bed = Bed::small(64);
    // Without memory of what was met, this would be 2 to the power of 60 steps.
    for inner in ["&{}", "{&{1}}"] {
        let mut word = bed.read(inner)[0];
        for _ in 0..60 {
            word = bed.call("%list", &[word, word]).expect("there is memory");
        }
        assert!(bed.call("%freeze", &[word]).is_ok());
        let flat = bed.call("%flatten", &[word]);
        if inner == "&{}" {
            assert_eq!(bed.show(flat.expect("nothing comes of nothing")), "{}");
        } else {
            assert_eq!(flat, Err("vm/memory".to_owned()));
        }
    }
}

#[test]
fn deep_nests_do_not_touch_the_stack() {
    let mut bed = Bed::new();
    let mut word = bed.read("&{7}")[0];
    for _ in 0..300_000 {
        word = bed.call("%list", &[word]).expect("there is memory");
    }
    let flat = bed.call("%flatten", &[word]).expect("it ends");
    assert_eq!(bed.show(flat), "{7}");
    let frozen = bed.call("%freeze", &[word]).expect("it ends");
    let flat = bed.call("%flatten", &[frozen]).expect("it ends");
    assert_eq!(bed.show(flat), "{7}");
}

#[test]
fn cycles_are_noticed() {
    let mut bed = Bed::new();
    let array = bed.read("&{}")[0];
    let list = bed.call("%list", &[array]).expect("there is memory");
    bed.call("%array-push", &[array, list]).expect("there is memory");
    for name in ["%freeze", "%flatten"] {
        assert_eq!(bed.call(name, &[array]), Err("value/cycle".to_owned()), "{name}");
    }
    let cell = bed.call("%box", &[list]).expect("there is memory");
    bed.call("%box-set", &[cell, cell]).expect("it is a box");
    assert_eq!(bed.call("%freeze", &[cell]), Err("value/cycle".to_owned()));
}

#[test]
fn what_holds_nothing_mutable_stays_itself() {
    let mut bed = Bed::new();
    for text in [
        "{1 {2 \"a string that is long\"}}",
        "{:a {1 2}}",
        "@{:code :x :data {1}}",
        "b\"abc\"",
    ] {
        let word = bed.read(text)[0];
        assert_eq!(bed.call("%freeze", &[word]), Ok(word), "{text}");
    }
}
