//! Strings: whole, searched, and made of values.

use sup_abi::word::Word;

use super::{Bed, check};

#[test]
fn case_and_ends() {
    check(
        "%str-upper",
        &[
            ("\"straße\"", "\"STRASSE\""),
            ("\"abc 1\"", "\"ABC 1\""),
            ("\"\"", "\"\""),
            (":a", "!type/mismatch"),
        ],
    );
    check("%str-lower", &[("\"ÄÖÜ\"", "\"äöü\""), ("\"ABC\"", "\"abc\"")]);
    check(
        "%str-capitalize",
        &[
            ("\"élan\"", "\"Élan\""),
            ("\"abC\"", "\"AbC\""),
            ("\"\"", "\"\""),
            ("\"ßa\"", "\"SSa\""),
        ],
    );
    check(
        "%str-trim",
        &[
            ("\"  a \\n\"", "\"a\""),
            ("\"--a-b-\" \"-\"", "\"a-b\""),
            ("\"\"", "\"\""),
            ("\"   \"", "\"\""),
            ("\"ßaß\" \"ß\"", "\"a\""),
            ("\"a\" nil", "\"a\""),
            ("\"\u{a0}\u{3000}x\"", "\"x\""),
            ("\" a\" 5", "!type/mismatch"),
        ],
    );
    check(
        "%str-trim-left",
        &[("\" a \"", "\"a \""), ("\"xxa\" \"x\"", "\"a\"")],
    );
    check(
        "%str-trim-right",
        &[("\" a \"", "\" a\""), ("\"axx\" \"x\"", "\"a\"")],
    );
    check(
        "%str-repeat",
        &[
            ("\"ab\" 3", "\"ababab\""),
            ("\"ab\" 0", "\"\""),
            ("\"ab\" -1", "\"\""),
            ("\"x\" 1000000000000000", "!vm/memory"),
            ("\"xy\" 9223372036854775807", "!vm/memory"),
            ("\"\" 9223372036854775807", "\"\""),
        ],
    );
    check(
        "%str-pad-left",
        &[
            ("\"7\" 3 \"0\"", "\"007\""),
            ("\"abc\" 2", "\"abc\""),
            ("\"ß\" 3", "\"  ß\""),
            ("\"a\" 6 \"xyz\"", "\"xyzxya\""),
            ("\"a\" 3 \"\"", "!value/invalid"),
            ("\"a\" 1000000000000000", "!vm/memory"),
        ],
    );
    check(
        "%str-pad-right",
        &[
            ("\"ab\" 4", "\"ab  \""),
            ("\"a\" 3 \"é\"", "\"aéé\""),
            ("\"a\" -4", "\"a\""),
        ],
    );
}

#[test]
fn characters() {
    check(
        "%str-chars",
        &[("\"aß日👍\"", "{\"a\" \"ß\" \"日\" \"👍\"}"), ("\"\"", "{}")],
    );
    check("%str-codes", &[("\"aß\"", "{97 223}"), ("\"\"", "{}")]);
    check(
        "%str-from-codes",
        &[
            ("{97 223 128077}", "\"aß👍\""),
            ("{}", "\"\""),
            ("{55296}", "!value/invalid"),
            ("{-1}", "!value/invalid"),
            ("{1114112}", "!value/invalid"),
            ("{\"a\"}", "!type/mismatch"),
            ("\"aß\"", "\"aß\""),
        ],
    );
    check("%str-byte-count", &[("\"ß\"", "2"), ("\"\"", "0")]);
    for (name, yes, no) in [
        ("%str-alpha?", "\"aß\"", "\"a1\""),
        ("%str-digit?", "\"42\"", "\"4x\""),
        ("%str-space?", "\" \\n\"", "\" x\""),
        ("%str-upper?", "\"AÄ\"", "\"Aa\""),
        ("%str-lower?", "\"aß\"", "\"aB\""),
    ] {
        check(
            name,
            &[
                (yes, "true"),
                (no, "false"),
                ("\"\"", "false"),
                ("1", "!type/mismatch"),
            ],
        );
    }
    check(
        "%str-blank?",
        &[("\"\"", "true"), ("\" \\n\"", "true"), ("\" x\"", "false")],
    );
}

#[test]
fn numbers_in_text() {
    check(
        "%str-int",
        &[
            ("\"42\"", "42"),
            ("\"-7\"", "-7"),
            ("\"+7\"", "7"),
            ("\"4.2\"", "nil"),
            ("\"\"", "nil"),
            ("\"-\"", "nil"),
            ("\"1_000\"", "nil"),
            ("\" 1\"", "nil"),
            ("\"zz\" 36", "1295"),
            ("\"FF\" 16", "255"),
            ("\"12\" 2", "nil"),
            ("\"1\" 1", "!value/invalid"),
            ("\"1\" 37", "!value/invalid"),
            ("\"9223372036854775807\"", "9223372036854775807"),
            ("\"-9223372036854775808\"", "-9223372036854775808"),
            ("\"9223372036854775808\"", "nil"),
        ],
    );
    check(
        "%str-real",
        &[
            ("\"4.25\"", "4.25"),
            ("\"1\"", "1.0"),
            ("\"-1e3\"", "-1000.0"),
            ("\"+inf\"", "+inf"),
            ("\"inf\"", "nil"),
            ("\"\"", "nil"),
            ("\"nan\"", "nil"),
            ("\"+nan\"", "+nan"),
            ("\"1x\"", "nil"),
            ("\".5\"", "0.5"),
        ],
    );
    check(
        "%int-str",
        &[
            ("255 16", "\"ff\""),
            ("-255 16", "\"-ff\""),
            ("0 2", "\"0\""),
            ("35 36", "\"z\""),
            (
                "-9223372036854775808 2",
                "\"-1000000000000000000000000000000000000000000000000000000000000000\"",
            ),
            ("10 10", "\"10\""),
            ("1 1", "!value/invalid"),
        ],
    );
    check(
        "%real-str",
        &[
            ("3.14159 2", "\"3.14\""),
            ("2 3", "\"2.000\""),
            ("-0.5 0", "\"-0\""),
            ("1e21 1", "\"1000000000000000000000.0\""),
            ("+inf 2", "\"+inf\""),
            ("1.5 -1", "!value/invalid"),
            ("1.5 1001", "!value/invalid"),
            ("2.5 0", "\"2\""),
        ],
    );
}

#[test]
fn splitting() {
    check(
        "%str-split",
        &[
            ("\"a,b,,c\" \",\"", "{\"a\" \"b\" \"\" \"c\"}"),
            ("\"\" \",\"", "{\"\"}"),
            ("\"abc\" \"\"", "{\"a\" \"b\" \"c\"}"),
            ("\"k=v=w\" \"=\" 2", "{\"k\" \"v=w\"}"),
            ("\"a--b--\" \"--\"", "{\"a\" \"b\" \"\"}"),
            ("\"a,b\" \",\" 1", "{\"a,b\"}"),
            ("\"a,b\" \",\" 0", "!value/invalid"),
            ("\"aßb\" \"ß\"", "{\"a\" \"b\"}"),
            ("\"häß\" \"\" 2", "{\"h\" \"äß\"}"),
            ("\"\" \"\"", "{}"),
            ("\"ab\" \"\" 1", "{\"ab\"}"),
            ("\"ab\" \"\" 2", "{\"a\" \"b\"}"),
            ("\"aaa\" \"aa\"", "{\"\" \"a\"}"),
            ("5 \",\"", "!type/mismatch"),
        ],
    );
    check(
        "%str-lines",
        &[
            ("\"a\\nb\\r\\n\"", "{\"a\" \"b\"}"),
            ("\"\"", "{}"),
            ("\"\\n\\n\"", "{\"\" \"\"}"),
            ("\"a\\rb\"", "{\"a\\rb\"}"),
            ("\"\\r\\n\"", "{\"\"}"),
            ("\"a\\n\\nb\"", "{\"a\" \"\" \"b\"}"),
        ],
    );
    check(
        "%str-words",
        &[
            ("\" to  be\\n\"", "{\"to\" \"be\"}"),
            ("\"\"", "{}"),
            ("\"  \"", "{}"),
            ("\"ä\u{3000}ö\u{a0}x\"", "{\"ä\" \"ö\" \"x\"}"),
            ("\"a\"", "{\"a\"}"),
        ],
    );
    check(
        "%str-tokens",
        &[
            ("\"x1 = foo(bar-baz)\"", "{\"x1\" \"foo\" \"bar\" \"baz\"}"),
            ("\"foo-bar!\" \"-\"", "{\"foo-bar\"}"),
            ("\"größe·2\"", "{\"größe\" \"2\"}"),
            ("\"a·b\" \"·\"", "{\"a·b\"}"),
            ("\"\"", "{}"),
            ("\"--\" nil", "{}"),
        ],
    );
}

#[test]
fn long_pieces_are_whole() {
    let mut bed = Bed::new();
    let piece = "0123456789ß".repeat(100);
    let text = [piece.as_str(), "short", piece.as_str()].join("\n");
    let word = bed.vm.new_str(&text).expect("there is memory");
    let newline = bed.read("\"\\n\"")[0];
    for (name, arguments) in [("%str-split", &[word, newline][..]), ("%str-lines", &[word])] {
        let parts = bed.call(name, arguments).expect("these are strings");
        let parts: Vec<&Word> = crate::data::list_items(parts)
            .expect("it is a list")
            .iter()
            .collect();
        let texts: Vec<_> = parts.into_iter().map(|part| crate::data::text_of(part)).collect();
        assert_eq!(
            texts,
            [Some(piece.as_str()), Some("short"), Some(piece.as_str())],
            "{name}"
        );
    }
}

#[test]
fn searching() {
    check(
        "%str-index-of",
        &[
            ("\"häßlich\" \"l\"", "3"),
            ("\"abc\" \"x\"", "nil"),
            ("\"aaa\" \"a\" 1", "1"),
            ("\"aaa\" \"a\" 3", "nil"),
            ("\"aaa\" \"a\" 9", "nil"),
            ("\"abc\" \"\"", "0"),
            ("\"abc\" \"\" 3", "3"),
            ("\"häß\" \"ß\" -1", "2"),
            ("\"banana\" \"an\" -9", "1"),
            ("\"a\" 5", "!type/mismatch"),
        ],
    );
    check(
        "%str-last-index-of",
        &[
            ("\"banana\" \"an\"", "3"),
            ("\"häßä\" \"ä\"", "3"),
            ("\"a\" \"b\"", "nil"),
            ("\"abc\" \"\"", "3"),
        ],
    );
    check(
        "%str-starts?",
        &[
            ("\"banana\" \"ba\"", "true"),
            ("\"a\" \"ab\"", "false"),
            ("\"a\" \"\"", "true"),
        ],
    );
    check(
        "%str-ends?",
        &[("\"banana\" \"na\"", "true"), ("\"a\" \"b\"", "false")],
    );
    check(
        "%str-contains?",
        &[
            ("\"banana\" \"nan\"", "true"),
            ("\"abc\" \"\"", "true"),
            ("\"\" \"a\"", "false"),
        ],
    );
}

#[test]
fn replacing() {
    check(
        "%str-replace",
        &[
            ("\"aaa\" \"a\" \"bb\"", "\"bbbbbb\""),
            ("\"abc\" \"x\" \"y\"", "\"abc\""),
            ("\"a.b.c\" \".\" \"\"", "\"abc\""),
            ("\"aßb\" \"ß\" \"ss\"", "\"assb\""),
            ("\"a\" \"\" \"b\"", "!value/invalid"),
            ("\"aaaa\" \"aa\" \"b\"", "\"bb\""),
        ],
    );
    check(
        "%str-replace-first",
        &[
            ("\"aaa\" \"a\" \"b\"", "\"baa\""),
            ("\"abc\" \"x\" \"y\"", "\"abc\""),
        ],
    );
    let mut bed = Bed::small(64);
    let words = bed.read("\"a\" 1000000 \"a\" \"b\"");
    let text = bed.call("%str-repeat", &words[..2]).expect("a megabyte fits");
    let long = bed
        .call("%str-repeat", &[words[3], words[1]])
        .expect("a megabyte fits");
    assert_eq!(
        bed.call("%str-replace", &[text, words[2], long]),
        Err("vm/memory".to_owned())
    );
}

#[test]
fn text_of_values() {
    check(
        "%str",
        &[
            ("", "\"\""),
            (
                "\"a\" 1 2.0 :k sym nil true {1 \"x\"}",
                "\"a12.0:ksymtrue{1 \\\"x\\\"}\"",
            ),
            ("nil", "\"\""),
            ("\"one\"", "\"one\""),
            ("{nil}", "\"{nil}\""),
            ("9223372036854775807", "\"9223372036854775807\""),
        ],
    );
    check(
        "%repr",
        &[
            ("\"a\\\"b\"", "\"\\\"a\\\\\\\"b\\\"\""),
            ("nil", "\"nil\""),
            ("{1 {:a 2}}", "\"{1 {:a 2}}\""),
        ],
    );
    check(
        "%str-join",
        &[
            ("\", \" {1 2 3}", "\"1, 2, 3\""),
            ("\",\" {}", "\"\""),
            ("\",\" {\"a\" nil :b}", "\"a,,:b\""),
            ("\",\" nil", "\"\""),
            ("\"\" {\"a\" \"b\"}", "\"ab\""),
            ("5 {}", "!type/mismatch"),
            ("\"\" 5", "!type/mismatch"),
        ],
    );
    let mut bed = Bed::small(64);
    let words = bed.read("\"a\" 1000000 100 \"\"");
    let text = bed.call("%str-repeat", &words[..2]).expect("a megabyte fits");
    let many = bed
        .call("%repeat", &[words[2], text])
        .expect("a hundred words fit");
    assert_eq!(
        bed.call("%str-join", &[words[3], many]),
        Err("vm/memory".to_owned())
    );
    let nested = bed.call("%list", &[many]).expect("there is memory");
    assert!(bed.call("%str-join", &[words[3], nested]).is_err());
}

#[test]
fn names() {
    check(
        "%name",
        &[
            ("abc", "\"abc\""),
            (":abc", "\"abc\""),
            ("m:x", "\"m:x\""),
            ("\"s\"", "\"s\""),
            ("5", "!type/mismatch"),
        ],
    );
    check(
        "%symbol",
        &[("\"x\"", "x"), (":x", "x"), ("x", "x"), ("5", "!type/mismatch")],
    );
    check(
        "%keyword",
        &[("\"y\"", ":y"), ("y", ":y"), ("nil", "!type/mismatch")],
    );
    check(
        "%path",
        &[
            ("mem x", "mem:x"),
            ("\"kv\" :k", "kv:k"),
            ("\"\" \"a\"", "!value/invalid"),
            ("\"a:b\" \"c\"", "!value/invalid"),
            ("5 5", "!type/mismatch"),
        ],
    );
    let mut bed = Bed::new();
    let prefix = bed.read("\"tmp\"");
    let symbols = [&[][..], &prefix, &prefix]
        .map(|arguments| bed.call("%gensym", arguments).expect("there are names left"));
    assert_ne!(symbols[1], symbols[2]);
    assert!(bed.show(symbols[1]).starts_with("tmp__"));
}
