//! Reading collections and making the next ones.

use super::{Bed, check};

#[test]
fn counting() {
    check(
        "%count",
        &[
            ("nil", "0"),
            ("{}", "0"),
            ("(1 2)", "2"),
            ("\"\"", "0"),
            ("\"häß\"", "3"),
            ("b\"abc\"", "3"),
            ("~\"ab\"", "2"),
            ("{:a 1 :b 2}", "2"),
            ("%{:a 1}", "1"),
            ("&{1 2 3}", "3"),
            ("@{:code :x :message \"m\"}", "2"),
            ("5", "!type/mismatch"),
            (":k", "!type/mismatch"),
        ],
    );
    check(
        "%empty?",
        &[
            ("nil", "true"),
            ("{}", "true"),
            ("{nil}", "false"),
            ("\"\"", "true"),
            ("\"日\"", "false"),
            ("{:}", "true"),
            ("%{:}", "true"),
            ("&{}", "true"),
            ("~\"\"", "true"),
            ("b\"\"", "true"),
            ("7", "!type/mismatch"),
        ],
    );
}

#[test]
fn ends() {
    check(
        "%first",
        &[
            ("nil", "nil"),
            ("{}", "nil"),
            ("{5 6}", "5"),
            ("\"ßa\"", "223"),
            ("\"\"", "nil"),
            ("b\"a\"", "97"),
            ("{:a 1 :b 2}", "{. :a 1}"),
            ("{:}", "nil"),
            ("&{7}", "7"),
            ("1", "!type/mismatch"),
            ("@e", "!type/mismatch"),
        ],
    );
    check(
        "%last",
        &[
            ("nil", "nil"),
            ("{}", "nil"),
            ("{5 6}", "6"),
            ("\"aß\"", "223"),
            ("b\"ab\"", "98"),
            ("{:a 1 :b 2}", "{. :b 2}"),
            ("&{7 8}", "8"),
        ],
    );
    check(
        "%rest",
        &[
            ("nil", "{}"),
            ("{}", "{}"),
            ("(1)", "()"),
            ("[1 2]", "[2]"),
            ("{1 2 3 4 5 6 7 8}", "{2 3 4 5 6 7 8}"),
            ("\"ßab\"", "\"ab\""),
            ("\"\"", "\"\""),
            ("b\"abc\"", "b\"bc\""),
            ("&{1 2}", "&{2}"),
            ("{:a 1 :b 2}", "{{. :b 2}}"),
            ("~\"abc\"", "b\"bc\""),
        ],
    );
    check(
        "%butlast",
        &[
            ("nil", "{}"),
            ("{}", "{}"),
            ("(1 2)", "(1)"),
            ("\"abß\"", "\"ab\""),
            ("\"\"", "\"\""),
            ("&{1 2}", "&{1}"),
            ("{:a 1 :b 2}", "{{. :a 1}}"),
        ],
    );
}

#[test]
fn getting() {
    check(
        "%get",
        &[
            ("{:a 1} :a", "1"),
            ("{:a 1} :b", "nil"),
            ("{:a 1} :b 7", "7"),
            ("{:a nil} :a 7", "nil"),
            ("%{:a 1} :a", "1"),
            ("{5 6} 0", "5"),
            ("{5 6} -1", "6"),
            ("{5 6} 2", "nil"),
            ("{5 6} -3 :none", ":none"),
            ("{5 6} :a", "nil"),
            ("{5 6} \"x\" 1", "1"),
            ("{5 6} 9223372036854775807", "nil"),
            ("{5 6} -9223372036854775808", "nil"),
            ("\"häß\" 1", "228"),
            ("\"häß\" -1", "223"),
            ("\"häß\" 3", "nil"),
            ("\"häß\" -4", "nil"),
            ("\"abc\" :x 0", "0"),
            ("b\"ab\" 1", "98"),
            ("~\"ab\" -2", "97"),
            ("&{5} 0", "5"),
            ("&{5} 1", "nil"),
            ("@{:code :x} :code", ":x"),
            ("@{:code :x} :colour", "nil"),
            ("nil :a", "nil"),
            ("nil :a 3", "3"),
            ("5 0", "!type/mismatch"),
            ("{:a 1} &{}", "!map/key"),
            (":k 0", "!type/mismatch"),
        ],
    );
    check(
        "%has-key?",
        &[
            ("{:a nil} :a", "true"),
            ("{:a nil} :b", "false"),
            ("{1 2} 1", "true"),
            ("{1 2} 2", "false"),
            ("nil 1", "false"),
            ("\"ab\" -2", "true"),
            ("\"ab\" 2", "false"),
            ("%{:a 1} :a", "true"),
        ],
    );
}

#[test]
fn putting() {
    check(
        "%put",
        &[
            ("nil :a 1", "{:a 1}"),
            ("{:a 1} :a 2", "{:a 2}"),
            ("{:a 1} :b 2", "{:a 1 :b 2}"),
            ("{1 2} 0 9", "{9 2}"),
            ("(1 2) -1 9", "(1 9)"),
            ("{1 2} 2 9", "{1 2 9}"),
            ("{1 2} 3 9", "!index/range"),
            ("{1 2} -3 9", "!index/range"),
            ("{} -1 1", "!index/range"),
            ("{1} :a 1", "!type/mismatch"),
            ("&{1 2} 1 9", "&{1 9}"),
            ("&{1 2} 2 9", "!index/range"),
            ("%{:a 1} :a 3", "%{:a 3}"),
            ("~\"abc\" 1 90", "~\"aZc\""),
            ("~\"abc\" 1 256", "!value/invalid"),
            ("~\"abc\" 3 90", "!index/range"),
            ("\"abc\" 0 1", "!type/mismatch"),
            ("5 0 1", "!type/mismatch"),
        ],
    );
    check(
        "%remove",
        &[
            ("{:a 1 :b 2} :a", "{:b 2}"),
            ("{:a 1} :x", "{:a 1}"),
            ("{:a 1 :b 2} :a :b", "{:}"),
            ("{5 6 7 8} 0 2", "{6 8}"),
            ("{5 6 7} -1 -1 2", "{5 6}"),
            ("{5} 9", "{5}"),
            ("(5 6) 0", "(6)"),
            ("nil :a", "nil"),
            ("%{:a 1 :b 2} :a", "%{:b 2}"),
            ("{1} :a", "!type/mismatch"),
            ("\"ab\" 0", "!type/mismatch"),
        ],
    );
    check(
        "%push",
        &[
            ("nil 1 2", "{1 2}"),
            ("{1} 2 3", "{1 2 3}"),
            ("(1) 2", "(1 2)"),
            ("{1}", "{1}"),
            ("&{1} 2 3", "&{1 2 3}"),
            ("b\"a\" 98 99", "b\"abc\""),
            ("b\"a\" 256", "!value/invalid"),
            ("~\"a\" 98", "~\"ab\""),
            ("\"a\" 223 \"b\"", "\"aßb\""),
            ("\"a\" -1", "!value/invalid"),
            ("{:a 1} 1", "!type/mismatch"),
            ("5 1", "!type/mismatch"),
        ],
    );
}

#[test]
fn joining() {
    check(
        "%cons",
        &[
            ("1 {2}", "{1 2}"),
            ("1 (2 3)", "(1 2 3)"),
            ("1 nil", "{1}"),
            ("1 &{2}", "{1 2}"),
            ("1 \"a\"", "{1 97}"),
            ("1 2", "!type/mismatch"),
        ],
    );
    check(
        "%concat",
        &[
            ("", "{}"),
            ("nil nil", "{}"),
            ("{1} (2) nil &{3} {}", "{1 2 3}"),
            ("(1) {2}", "(1 2)"),
            ("nil [1] {2}", "[1 2]"),
            ("\"a\" nil \"ß\"", "\"aß\""),
            ("\"a\" {1}", "!type/mismatch"),
            ("b\"a\" ~\"b\"", "b\"ab\""),
            ("b\"a\" \"b\"", "!type/mismatch"),
            ("&{1} {2}", "&{1 2}"),
            ("{1} \"ab\"", "{1 97 98}"),
            ("{:a 1} {2}", "{{. :a 1} 2}"),
            ("{1} 5", "!type/mismatch"),
            ("{} {} {1}", "{1}"),
            ("{1 2 3} {4}", "{1 2 3 4}"),
            ("{1 2 3 4 5 6 7 8} {9} {10}", "{1 2 3 4 5 6 7 8 9 10}"),
        ],
    );
}

#[test]
fn parts() {
    check(
        "%slice",
        &[
            ("{1 2 3 4} 1 3", "{2 3}"),
            ("{1 2 3} -2", "{2 3}"),
            ("{1 2 3} 0 -1", "{1 2}"),
            ("{1 2 3} 2 1", "{}"),
            ("{1 2 3} 5", "{}"),
            ("(1 2 3) -9 9", "(1 2 3)"),
            ("\"häßlich\" 1 3", "\"äß\""),
            ("\"häß\" -1", "\"ß\""),
            ("\"häß\" 9", "\"\""),
            ("\"häß\" 2 1", "\"\""),
            ("\"abc\" 1 -1", "\"b\""),
            ("b\"abc\" 1", "b\"bc\""),
            ("&{1 2 3} 1 2", "&{2}"),
            ("nil 0 5", "{}"),
            ("{1 2} 0 nil", "{1 2}"),
            ("{:a 1 :b 2} 1", "{{. :b 2}}"),
            ("{1} \"0\"", "!type/mismatch"),
            ("5 0", "!type/mismatch"),
            ("{1 2} -9223372036854775808 9223372036854775807", "{1 2}"),
            ("~\"abc\" -2", "b\"bc\""),
        ],
    );
}

#[test]
fn ends_and_orders() {
    check(
        "%take",
        &[
            ("2 {1 2 3}", "{1 2}"),
            ("9 {1}", "{1}"),
            ("-1 {1}", "{}"),
            ("2 \"häß\"", "\"hä\""),
            ("1 {:a 1}", "{{. :a 1}}"),
            ("1 nil", "{}"),
            ("9223372036854775807 \"ab\"", "\"ab\""),
            ("1.0 {1}", "!type/mismatch"),
        ],
    );
    check(
        "%drop",
        &[
            ("1 {1 2 3}", "{2 3}"),
            ("9 {1}", "{}"),
            ("-1 (1)", "(1)"),
            ("2 \"häß\"", "\"ß\""),
            ("0 &{1}", "&{1}"),
            ("1 nil", "{}"),
        ],
    );
    check(
        "%reverse",
        &[
            ("{1 2 3}", "{3 2 1}"),
            ("(1 2)", "(2 1)"),
            ("\"häß\"", "\"ßäh\""),
            ("b\"ab\"", "b\"ba\""),
            ("&{1 2}", "&{2 1}"),
            ("nil", "{}"),
            ("{:a 1 :b 2}", "{{. :b 2} {. :a 1}}"),
            ("1", "!type/mismatch"),
        ],
    );
    check(
        "%to-list",
        &[
            ("(1 2)", "{1 2}"),
            ("nil", "{}"),
            ("\"aß\"", "{97 223}"),
            ("{:a 1}", "{{. :a 1}}"),
            ("&{1}", "{1}"),
            ("b\"a\"", "{97}"),
            ("1", "!type/mismatch"),
        ],
    );
    check("%list", &[("", "{}"), ("1 nil {}", "{1 nil {}}")]);
}

#[test]
fn an_array_that_is_sliced_reversed_or_joined_is_a_new_one() {
    let mut bed = Bed::new();
    for (name, more) in [("%slice", "0"), ("%reverse", ""), ("%concat", ""), ("%rest", "")] {
        let mut arguments = bed.read("&{1 2}");
        arguments.extend(bed.read(more));
        let answer = bed.call(name, &arguments).expect("it does not raise");
        assert_ne!(answer, arguments[0], "{name}");
        assert_eq!(bed.show(arguments[0]), "&{1 2}", "{name}");
    }
}

#[test]
fn long_texts_are_cut_at_characters() {
    let mut bed = Bed::new();
    for piece in ["abcdefghij", "aß日👍cdefgh"] {
        let text = piece.repeat(200);
        let characters: Vec<char> = text.chars().collect();
        let word = bed.vm.new_str(&text).expect("there is memory");
        for (from, to) in [
            (0, 5),
            (1, 2000),
            (3, 1500),
            (999, 1000),
            (1000, 1900),
            (1990, 3000),
            (2000, 2000),
        ] {
            let bounds = bed.read(&format!("{from} {to}"));
            let answer = bed
                .call("%slice", &[word, bounds[0], bounds[1]])
                .expect("it does not raise");
            let expected: String = characters[from..to.min(characters.len())].iter().collect();
            assert_eq!(
                crate::data::text_of(&answer),
                Some(expected.as_str()),
                "{from} {to}"
            );
            let count = bed.call("%count", &[answer]).expect("it does not raise");
            assert_eq!(bed.show(count), expected.chars().count().to_string());
        }
    }
}
