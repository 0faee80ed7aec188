//! Every fault: its code, its place, and what is still read around it.

use slp::{ReadLimits, Reading, read_bytes};

use crate::{printed, read};

/// One line for each fault: code, `start..end`, and `more` when more text could mend it.
fn described(reading: &Reading) -> Vec<String> {
    let describe = |fault: &slp::Fault| {
        let more = if fault.unfinished { " more" } else { "" };
        format!("{} {}..{}{more}", fault.code, fault.span.start, fault.span.end)
    };
    reading.faults.iter().map(describe).collect()
}

/// Each text has these faults and is still read as these forms.
fn check(cases: &[(&str, &[&str], &str)]) {
    for (text, faults, forms) in cases {
        let reading = read(text);
        assert_eq!(described(&reading), *faults, "faults of {text:?}");
        assert_eq!(printed(&reading.tree), *forms, "forms of {text:?}");
        for fault in &reading.faults {
            let first = fault.message.chars().next().expect("a message says something");
            assert!(
                !first.is_uppercase() && !fault.message.ends_with('.'),
                "style of {:?}",
                fault.message
            );
            assert!(
                fault.hint.is_some() && fault.code.starts_with("slp/"),
                "{fault:?}"
            );
            assert!(
                fault.span.end as usize <= text.len(),
                "{fault:?} lies in the text"
            );
        }
    }
}

#[test]
fn unclosed_forms_point_to_their_opener_and_ask_for_more() {
    check(&[
        ("(a (b)", &["slp/unclosed 0..1 more"], "(a (b))"),
        (
            "a [b {c",
            &["slp/unclosed 2..3 more", "slp/unclosed 5..6 more"],
            "a [b {c}]",
        ),
        (
            "(a \"b)",
            &["slp/unclosed 0..1 more", "slp/unclosed 3..4 more"],
            "(a \"b)\")",
        ),
        ("b\"x\\", &["slp/unclosed 0..2 more"], "b\"x\\\\\""),
        ("\"\\", &["slp/unclosed 0..1 more"], "\"\\\\\""),
        ("\"\\x4", &["slp/unclosed 0..1 more"], "\"\\\\x4\""),
        ("a #| #| |#", &["slp/unclosed 2..4 more"], "a"),
        ("'", &["slp/prefix 0..1 more"], ""),
        (
            "(f ,@",
            &["slp/unclosed 0..1 more", "slp/prefix 3..5 more"],
            "(f)",
        ),
        ("#", &["slp/prefix 0..1 more"], ""),
        ("a #;", &["slp/prefix 2..4 more"], "a"),
        ("''", &["slp/prefix 1..2 more"], ""),
        ("{:a", &["slp/unclosed 0..1 more"], "{:a}"),
    ]);
}

#[test]
fn unfinished_is_told_apart_from_wrong() {
    for text in [
        "(",
        "(a",
        "[1 {2 \"x",
        "'",
        "#|",
        "(def f (fn (x)\n",
        "\"abc",
        "(a #;",
    ] {
        assert!(read(text).is_unfinished(), "{text:?} wants more");
    }
    for text in [
        "",
        "a",
        "(a)",
        ")",
        "(a))",
        "(]",
        "(a 99999999999999999999",
        "(')",
        "\"\\q\" (",
        "{:a 1 :a",
    ] {
        let wants_more = text == "{:a 1 :a";
        assert_eq!(read(text).is_unfinished(), wants_more, "{text:?}");
    }
}

#[test]
fn every_beginning_of_a_whole_form_is_unfinished() {
    let text = r#"(a 'b #;(c) "d\n\x41\u{e9}" b"e\xff" {:k `(x ,y ,@z)} #| c #| d |# |# @(n f) ?x #(l "q") ["ü" {. 1}])"#;
    assert!(read(text).faults.is_empty());
    for end in (1..text.len()).filter(|&end| text.is_char_boundary(end)) {
        assert!(read(&text[..end]).is_unfinished(), "{:?}", &text[..end]);
    }
}

#[test]
fn closers_that_fit_nothing_leave_the_rest_readable() {
    check(&[
        (")", &["slp/stray 0..1"], ""),
        ("(a)) (b)", &["slp/stray 3..4"], "(a) (b)"),
        ("(]", &["slp/mismatch 1..2"], "()"),
        ("(f (g x] y) z", &["slp/mismatch 7..8"], "(f (g x) y) z"),
        ("[a (b] c", &["slp/unclosed 3..4"], "[a (b)] c"),
        (
            "{(a [b} c",
            &["slp/unclosed 1..2", "slp/unclosed 4..5"],
            "{(a [b])} c",
        ),
        (
            "[a (b ' ] c",
            &["slp/unclosed 3..4", "slp/prefix 6..7"],
            "[a (b)] c",
        ),
        (
            "(a ]]] b",
            &["slp/mismatch 3..4", "slp/stray 4..5", "slp/stray 5..6"],
            "(a) b",
        ),
    ]);
}

#[test]
fn a_prefix_needs_a_form() {
    check(&[
        ("(a ')", &["slp/prefix 3..4"], "(a)"),
        ("[,@] b", &["slp/prefix 1..3"], "[] b"),
        ("(a '`)", &["slp/prefix 3..4", "slp/prefix 4..5"], "(a)"),
        ("(a #;)", &["slp/prefix 3..5"], "(a)"),
        ("(a @) b", &["slp/prefix 3..4"], "(a) b"),
    ]);
}

#[test]
fn bad_escapes_are_told_with_their_place() {
    check(&[
        (r#""a\qb""#, &["slp/escape 2..4"], r#""aqb""#),
        (r#""\xe9""#, &["slp/escape 1..5"], r#""é""#),
        (r#""\x4""#, &["slp/escape 1..3"], r#""4""#),
        (r#""\xg1""#, &["slp/escape 1..3"], r#""g1""#),
        (r#""\u{d800}x""#, &["slp/escape 1..9"], "\"\u{fffd}x\""),
        (r#""\u{110000}""#, &["slp/escape 1..11"], "\"\u{fffd}\""),
        (r#""\u{}""#, &["slp/escape 1..5"], "\"\u{fffd}\""),
        (r#""\u{zz}""#, &["slp/escape 1..7"], "\"\u{fffd}\""),
        (r#""\u41""#, &["slp/escape 1..3"], "\"\u{fffd}41\""),
        (r#""\u{41""#, &["slp/escape 1..3"], "\"\u{fffd}{41\""),
        (r#"b"\q\xff""#, &["slp/escape 2..4"], r#"b"q\xff""#),
        ("\"\\é\" a", &["slp/escape 1..4"], "\"é\" a"),
        (
            r#""\a\b" c"#,
            &["slp/escape 1..3", "slp/escape 3..5"],
            r#""ab" c"#,
        ),
    ]);
    assert_eq!(
        read(r#""\xe9""#).faults[0].hint.as_deref(),
        Some("write \\u{e9} for the character, or a b\"…\" literal for the byte")
    );
}

#[test]
fn control_characters_have_no_place_in_a_source() {
    check(&[
        ("a\0b", &["slp/control 1..2"], "a b"),
        ("\0\0\0 a \x07", &["slp/control 0..3", "slp/control 6..7"], "a"),
        ("\"a\0\x1bb\"", &["slp/control 2..4"], "\"ab\""),
        ("a\u{9b}b", &["slp/control 1..3"], "a b"),
        ("; \0 in a comment\na", &[], "a"),
    ]);
    assert_eq!(
        read("\0").faults[0].message,
        "control character U+0000 in the source"
    );
}

#[test]
fn numbers_out_of_range_are_told() {
    check(&[
        (
            "9223372036854775808",
            &["slp/int-range 0..19"],
            "9223372036854775807",
        ),
        (
            "(-9223372036854775809 1)",
            &["slp/int-range 1..21"],
            "(-9223372036854775808 1)",
        ),
        (
            "0x8000000000000000",
            &["slp/int-range 0..18"],
            "9223372036854775807",
        ),
        (
            "99999999999999999999999999999999",
            &["slp/int-range 0..32"],
            "9223372036854775807",
        ),
        ("1e999", &["slp/real-range 0..5"], "+inf"),
    ]);
}

#[test]
fn maps_have_a_value_for_each_key_and_each_key_once() {
    check(&[
        ("{:a}", &["slp/odd-map 1..3"], "{:a}"),
        ("{:a 1 :b}", &["slp/odd-map 6..8"], "{:a 1 :b}"),
        ("{: a}", &["slp/odd-map 3..4"], "{: a}"),
        ("{:a 1 :a 2}", &["slp/duplicate-key 6..8"], "{:a 1 :a 2}"),
        ("{: 1 a 0x1 b}", &["slp/duplicate-key 7..10"], "{: 1 a 1 b}"),
        (
            "{: \"A\" 1 \"\\x41\" 2}",
            &["slp/duplicate-key 9..15"],
            "{: \"A\" 1 \"A\" 2}",
        ),
        ("{: 'x 1 ' x 2}", &["slp/duplicate-key 8..11"], "{: 'x 1 'x 2}"),
        ("{: nil 1 nil 2}", &["slp/duplicate-key 9..12"], "{: nil 1 nil 2}"),
        ("{: m:x 1 m:x 2}", &["slp/duplicate-key 9..12"], "{: m:x 1 m:x 2}"),
        ("`{:a ,x :a 2}", &["slp/duplicate-key 8..10"], "`{:a ,x :a 2}"),
        (
            "({:a 1 :a 2} {:b})",
            &["slp/duplicate-key 7..9", "slp/odd-map 14..16"],
            "({:a 1 :a 2} {:b})",
        ),
        // Where something inside is wrong, the map itself is not judged.
        ("{:a '}", &["slp/prefix 4..5"], "{:a}"),
        ("{:a 1 :a)", &["slp/mismatch 8..9"], "{:a 1 :a}"),
    ]);
}

#[test]
fn a_lone_colon_opens_a_map_and_nothing_else() {
    check(&[
        ("(a : int)", &["slp/lone-colon 3..4"], "(a : int)"),
        (":", &["slp/lone-colon 0..1"], ":"),
        ("{a :}", &["slp/lone-colon 3..4"], "{a :}"),
        ("{': a}", &["slp/lone-colon 2..3"], "{': a}"),
    ]);
}

#[test]
fn bytes_that_are_not_utf8_are_told_with_their_place() {
    let cases: &[(&[u8], &[&str], &str)] = &[
        (b"(a \xff b)", &["slp/utf8 3..4"], "(a b)"),
        (
            b"a\xc3\x28b",
            &["slp/utf8 1..2", "slp/unclosed 2..3 more"],
            "a (b)",
        ),
        (
            b"\xff\xfe\xfd x \xf0\x9f\x98",
            &["slp/utf8 0..3", "slp/utf8 6..9"],
            "x",
        ),
        (b"\"ab\xffcd\" e", &["slp/utf8 3..4"], "\"ab cd\" e"),
        (b"; \xff\na", &["slp/utf8 2..3"], "a"),
        (b"(a\xff] b", &["slp/utf8 2..3", "slp/mismatch 3..4"], "(a) b"),
    ];
    for (text, faults, forms) in cases {
        let reading = read_bytes(text, &ReadLimits::default());
        assert_eq!(
            (described(&reading), printed(&reading.tree).as_str()),
            (owned(faults), *forms),
            "{text:?}"
        );
        assert!(!reading.is_unfinished());
    }
}

#[test]
fn limits_are_told_and_what_stays_below_is_read() {
    let limits = ReadLimits {
        max_depth: 3,
        max_bytes: 60,
        max_atom_bytes: 8,
    };
    let cases: &[(&str, &[&str], &str)] = &[
        ("(((a)))", &[], "(((a)))"),
        (
            "a ((((b ( ) \")\"))) c) d",
            &["slp/too-deep 5..6"],
            "a (((nil)) c) d",
        ),
        (
            "(((a (b) c (d))))",
            &["slp/too-deep 5..6", "slp/too-deep 11..12"],
            "(((a nil c nil)))",
        ),
        ("''''x y", &["slp/too-deep 3..4"], "'''x y"),
        ("' ' ' ' ' '(x) y", &["slp/too-deep 6..7"], "'''nil y"),
        ("((((((((", &["slp/too-deep 3..4"], "(((nil)))"),
        (
            "(123456789 abcdefgh \"1234567\")",
            &["slp/large-atom 1..10", "slp/large-atom 20..29"],
            "(nil abcdefgh nil)",
        ),
        (&" ".repeat(61), &["slp/large-source 60..60"], ""),
    ];
    for (text, faults, forms) in cases {
        let reading = slp::read(text, &limits);
        assert_eq!(
            (described(&reading), printed(&reading.tree).as_str()),
            (owned(faults), *forms),
            "{text:?}"
        );
        assert!(!reading.is_unfinished(), "{text:?} cannot be mended by more text");
    }
}

#[test]
fn a_missing_closer_is_sought_where_the_next_form_starts_at_the_margin() {
    let reading = read("(defn f (x)\n  [(g x)\n\n(defn h (y)\n  [y])\n");
    let hints: Vec<_> = reading
        .faults
        .iter()
        .map(|fault| fault.hint.as_deref().unwrap())
        .collect();
    assert_eq!(
        hints,
        [
            "a `)` may be missing before line 4, where a form inside this one starts at the margin",
            "close it with `]`"
        ]
    );
}

#[test]
fn faults_come_in_the_order_of_the_text_and_in_bounded_number() {
    let reading = read(&") ".repeat(1000));
    assert_eq!(reading.faults.len(), slp::MAX_FAULTS + 1);
    assert_eq!(reading.faults[slp::MAX_FAULTS].code, "slp/many");
    let reading = read("(a \"\\q\" ')  {:a}");
    assert_eq!(
        described(&reading),
        ["slp/escape 4..6", "slp/prefix 8..9", "slp/odd-map 13..15"]
    );
    assert_eq!(
        read("((((((((((((((((((((").faults.len(),
        8,
        "the outermost are named"
    );
}

fn owned(faults: &[&str]) -> Vec<String> {
    faults.iter().map(|&fault| fault.into()).collect()
}
