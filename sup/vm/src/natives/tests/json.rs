//! JSON text, from both sides.

use sup_abi::word::Word;

use super::{Bed, Random, check};

/// Decodes a text and shows what came, or the code and, for syntax, the offset.
fn decoded(bed: &mut Bed, text: &str) -> String {
    let word = bed.vm.new_str(text).expect("there is memory");
    match bed.call("%json-decode", &[word]) {
        Ok(value) => bed.show(value),
        Err(code) => {
            let data =
                crate::data::error_field(bed.vm.pending, crate::error::field::DATA).expect("it was raised");
            format!("!{code} {}", bed.show(data))
        }
    }
}

#[test]
fn values_of_text() {
    let mut bed = Bed::new();
    for (text, expected) in [
        ("null", "nil"),
        (" true ", "true"),
        ("false", "false"),
        ("0", "0"),
        ("-0", "0"),
        ("42", "42"),
        ("-7", "-7"),
        ("1.5", "1.5"),
        ("1e3", "1000.0"),
        ("1E-2", "0.01"),
        ("-1.5e+2", "-150.0"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "9.223372036854776e18"),
        ("123456789012345678901234567890", "1.2345678901234568e29"),
        ("1.0", "1.0"),
        ("\"\"", "\"\""),
        ("\"a\"", "\"a\""),
        ("\"häß\"", "\"häß\""),
        (
            r#""a\"b\\c\/d\b\f\n\r\té""#,
            "\"a\\\"b\\\\c/d\\x08\\x0c\\n\\r\\té\"",
        ),
        (r#""😀""#, "\"😀\""),
        ("[]", "{}"),
        ("[1,2]", "{1 2}"),
        ("[ 1 , [ 2 ] ]", "{1 {2}}"),
        ("{}", "{:}"),
        (r#"{"a":1}"#, "{: \"a\" 1}"),
        (
            r#"{"a": {"b": [null]}, "c": ""}"#,
            "{: \"a\" {: \"b\" {nil}} \"c\" \"\"}",
        ),
        (r#"{"a":1,"a":2}"#, "{: \"a\" 2}"),
        (r#"{"":1}"#, "{: \"\" 1}"),
        ("\t\n\r [\n]\n", "{}"),
        (r#"{"A":1}"#, "{: \"A\" 1}"),
    ] {
        assert_eq!(decoded(&mut bed, text), expected, "{text}");
    }
}

#[test]
fn faults_have_their_offset() {
    let mut bed = Bed::new();
    for (text, offset) in [
        ("", 0),
        ("  ", 2),
        ("{", 1),
        ("[", 1),
        ("[1", 2),
        ("[1,", 3),
        ("[1,]", 3),
        ("[,]", 1),
        ("[1 2]", 3),
        ("{\"a\"}", 4),
        ("{\"a\":}", 5),
        ("{\"a\":1,}", 7),
        ("{a:1}", 1),
        ("{1:2}", 1),
        ("nul", 0),
        ("tru e", 0),
        ("nulll", 4),
        ("1 2", 2),
        ("01", 0),
        ("-01", 1),
        ("-", 1),
        ("+1", 0),
        (".5", 0),
        ("1.", 0),
        ("1.e5", 0),
        ("1e", 0),
        ("1e+", 0),
        ("1e999", 0),
        ("0x10", 1),
        ("NaN", 0),
        ("Infinity", 0),
        ("\"", 1),
        ("\"a", 2),
        ("\"\\", 1),
        ("\"\\x\"", 1),
        ("\"\\u12\"", 1),
        ("\"\\u12g4\"", 1),
        ("\"\\ud800\"", 1),
        ("\"\\ud800\\u0041\"", 1),
        ("\"\\udc00\"", 1),
        ("\"a\nb\"", 2),
        ("\"a\0\"", 2),
        ("'a'", 0),
        ("[1]]", 3),
        ("{}x", 2),
        ("]", 0),
        ("}", 0),
        ("[}", 1),
        ("[1}", 2),
        ("{\"a\":1]", 6),
        ("\u{feff}1", 0),
        ("\"\\u-123\"", 1),
        ("\"\\u+123\"", 1),
        ("{\"a\\", 3),
        ("{\"a\\n\" 1}", 7),
        ("é", 0),
        ("[\"é\" é]", 6),
    ] {
        assert_eq!(
            decoded(&mut bed, text),
            format!("!json/syntax {offset}"),
            "{text:?}"
        );
    }
}

#[test]
fn nesting_has_a_limit() {
    let mut bed = Bed::new();
    let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(decoded(&mut bed, &nest(64)).starts_with("{{"));
    assert!(decoded(&mut bed, &nest(65)).starts_with("!json/depth"));
    assert!(decoded(&mut bed, &"[".repeat(1_000_000)).starts_with("!json/depth"));
    assert!(decoded(&mut bed, &"{\"a\":".repeat(1_000_000)).starts_with("!json/depth"));
    let mut word = bed.read("{}")[0];
    for depth in 1..80 {
        let encoded = bed.call("%json-encode", &[word]);
        assert_eq!(encoded.is_ok(), depth <= 64, "{depth}");
        word = bed.call("%list", &[word]).expect("there is memory");
    }
    let cycle = bed.read("&{}")[0];
    bed.call("%array-push", &[cycle, cycle]).expect("it is an array");
    assert_eq!(bed.call("%json-encode", &[cycle]), Err("json/depth".to_owned()));
}

#[test]
fn text_of_values() {
    let mut bed = Bed::new();
    for (value, expected) in [
        ("nil", "null"),
        ("true", "true"),
        ("42", "42"),
        ("9223372036854775807", "9223372036854775807"),
        ("1.5", "1.5"),
        ("1e300", "1e300"),
        ("0.00001", "1e-5"),
        ("1.0", "1.0"),
        ("\"a\"", "\"a\""),
        ("\"q\\\"b\\\\n\\n\\t\\0é\"", r#""q\"b\\n\n\t\u0000é""#),
        (":k", "\"k\""),
        ("sym", "\"sym\""),
        ("a:b", "\"a:b\""),
        ("{}", "[]"),
        ("(1 [2])", "[1,[2]]"),
        ("&{1}", "[1]"),
        ("{:}", "{}"),
        ("{:a 1 :b {1 2.5 nil true}}", r#"{"a":1,"b":[1,2.5,null,true]}"#),
        ("%{: \"x\" 1 5 2 sym 3}", r#"{"x":1,"5":2,"sym":3}"#),
    ] {
        let word = bed.read(value)[0];
        let encoded = bed
            .call("%json-encode", &[word])
            .unwrap_or_else(|code| panic!("{value}: {code}"));
        assert_eq!(crate::data::text_of(&encoded), Some(expected), "{value}");
    }
    check(
        "%json-encode",
        &[
            ("+nan", "!json/not-encodable"),
            ("{+inf}", "!json/not-encodable"),
            ("b\"a\"", "!json/not-encodable"),
            ("~\"a\"", "!json/not-encodable"),
            ("{: 1.5 2}", "!json/not-encodable"),
            ("{: {1} 2}", "!json/not-encodable"),
            ("@e", "!json/not-encodable"),
            ("{1} -1", "!value/invalid"),
            ("{1} 65", "!value/invalid"),
            ("{1} \"  \"", "!type/mismatch"),
            ("{1} 0", "\"[1]\""),
        ],
    );
}

#[test]
fn pretty_text() {
    let mut bed = Bed::new();
    let words = bed.read("{:a 1 :b {1 {} {:}} :c {:d nil}} 2");
    let encoded = bed.call("%json-encode", &words).expect("it has a form");
    let expected =
        "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    [],\n    {}\n  ],\n  \"c\": {\n    \"d\": null\n  }\n}";
    assert_eq!(crate::data::text_of(&encoded), Some(expected));
}

#[test]
fn a_list_at_many_places_does_not_eat_the_memory() {
    let mut bed = Bed::small(32);
    let mut word = bed.read("{}")[0];
    for _ in 0..60 {
        word = bed.call("%list", &[word, word]).expect("there is memory");
    }
    assert_eq!(bed.call("%json-encode", &[word]), Err("vm/memory".to_owned()));
}

/// A value that has a form in JSON.
fn value(bed: &mut Bed, random: &mut Random, depth: usize) -> Word {
    const TEXTS: [&str; 6] = [
        "",
        "short",
        "a longer text with \"quotes\"",
        "häß\n\t\\",
        "\0\u{1f}\u{7f}",
        "🦀🦀🦀🦀🦀🦀🦀🦀",
    ];
    let made = match random.below(if depth > 4 { 6 } else { 9 }) {
        0 => return sup_abi::word::NIL,
        1 => return sup_abi::word::boolean(random.below(2) == 1),
        2 => bed.vm.new_int(random.next() as i64 >> random.below(64)),
        3 => bed
            .vm
            .new_real((random.next() as i64 >> random.below(64)) as f64 / 1024.0),
        4 => bed.vm.new_str(TEXTS[random.below(TEXTS.len())]),
        5 => bed.vm.new_string(TEXTS[random.below(TEXTS.len())].repeat(40)),
        6 | 7 => {
            let items: Vec<Word> = (0..random.below(8))
                .map(|_| value(bed, random, depth + 1))
                .collect();
            bed.vm.new_list(crate::data::BRACE, &items)
        }
        _ => {
            let n = [3, 3, 3, 20][random.below(4)];
            let mut pairs = Vec::new();
            for index in 0..n {
                let key = format!("{}{index}", ["k", "a key of some length "][random.below(2)]);
                pairs.push(bed.vm.new_str(&key).expect("there is memory"));
                pairs.push(value(bed, random, depth + 1));
            }
            bed.vm.new_map(&pairs)
        }
    };
    made.expect("there is memory")
}

#[test]
fn what_is_encoded_decodes_to_the_same() {
    let mut bed = Bed::new();
    let mut random = Random(7);
    for round in 0..300 {
        let word = value(&mut bed, &mut random, 0);
        let indent = bed.read(["0", "1", "4"][round % 3])[0];
        let text = bed.call("%json-encode", &[word, indent]).expect("it has a form");
        let back = bed.call("%json-decode", &[text]).expect("it is well formed");
        assert!(bed.vm.equal(word, back), "{}", bed.show(word));
    }
}

#[test]
fn no_beginning_of_a_text_is_taken_for_the_whole() {
    let mut bed = Bed::new();
    let text = r#"{"a": [1.5e3, true, "x\ny", {"b": null}], "long key here": -2}"#;
    for end in 0..text.len() {
        assert!(
            decoded(&mut bed, &text[..end]).starts_with("!json/syntax"),
            "{}",
            &text[..end]
        );
    }
    assert!(!decoded(&mut bed, text).starts_with('!'));
}
