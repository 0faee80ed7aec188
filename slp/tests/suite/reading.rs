//! Every shape of the language's text, read.

use slp::{BraceShape, Bracket, NodeKind, Prefix, brace_shape, print, read_bytes};

use crate::{printed, read, read_whole};

/// Each text reads, without a fault, as the forms written behind it.
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(printed(&read_whole(text)), *expected, "reading {text:?}");
    }
}

/// Each text reads as one node of this kind.
fn check_kind(cases: &[(&str, NodeKind)]) {
    for (text, expected) in cases {
        let tree = read_whole(text);
        assert_eq!(tree.roots().len(), 1, "{text:?} is one form");
        assert_eq!(tree.kind(tree.roots()[0]), expected, "reading {text:?}");
    }
}

fn symbol(name: &str) -> NodeKind {
    NodeKind::Symbol(name.into())
}

fn keyword(name: &str) -> NodeKind {
    NodeKind::Keyword(name.into())
}

fn path(name: &str) -> NodeKind {
    NodeKind::Path(name.into())
}

fn string(text: &str) -> NodeKind {
    NodeKind::Str(text.into())
}

fn bytes(bytes: &[u8]) -> NodeKind {
    NodeKind::Bytes(bytes.into())
}

#[test]
fn integers_are_decimal_hexadecimal_or_binary_with_sign_and_underscores() {
    check_kind(&[
        ("42", NodeKind::Int(42)),
        ("-7", NodeKind::Int(-7)),
        ("+3", NodeKind::Int(3)),
        ("-0", NodeKind::Int(0)),
        ("007", NodeKind::Int(7)),
        ("0xff", NodeKind::Int(255)),
        ("0XfF", NodeKind::Int(255)),
        ("-0x10", NodeKind::Int(-16)),
        ("0b1010", NodeKind::Int(10)),
        ("0B11", NodeKind::Int(3)),
        ("1_000_000", NodeKind::Int(1_000_000)),
        ("0xdead_beef", NodeKind::Int(0xdead_beef)),
        ("9223372036854775807", NodeKind::Int(i64::MAX)),
        ("-9223372036854775808", NodeKind::Int(i64::MIN)),
        ("-0x8000000000000000", NodeKind::Int(i64::MIN)),
    ]);
}

#[test]
fn a_point_or_an_exponent_makes_a_real() {
    check_kind(&[
        ("3.25", NodeKind::Real(3.25)),
        (".5", NodeKind::Real(0.5)),
        ("-.5", NodeKind::Real(-0.5)),
        ("5.", NodeKind::Real(5.0)),
        ("5.e1", NodeKind::Real(50.0)),
        ("1e9", NodeKind::Real(1e9)),
        ("1E+9", NodeKind::Real(1e9)),
        ("-2.5e-3", NodeKind::Real(-2.5e-3)),
        ("1_000.5", NodeKind::Real(1000.5)),
        ("1e-999", NodeKind::Real(0.0)),
        ("+inf", NodeKind::Real(f64::INFINITY)),
        ("-inf", NodeKind::Real(f64::NEG_INFINITY)),
    ]);
    let tree = read_whole("-0.0 +nan");
    let bits = |place: usize| match tree.kind(tree.roots()[place]) {
        NodeKind::Real(number) => number.to_bits(),
        other => panic!("{other:?} is no real"),
    };
    assert_eq!(bits(0), (-0.0f64).to_bits());
    assert_eq!(bits(1), 0x7ff8_0000_0000_0000, "one canonical NaN");
}

#[test]
fn what_is_not_wholly_a_number_is_a_symbol() {
    let names = [
        "1e", "1e+", "1.2.3", "1.2e3.4", "12abc", "0x", "0xfg", "0b12", "1__0", "1_", "_1", "0x_f", "+", "-",
        "-e", ".", "..", "-.", ".e5", "--1", "+-1", "1+", "inf", "nan", "-nan", "+Inf",
    ];
    for name in names {
        check_kind(&[(name, symbol(name))]);
    }
}

#[test]
fn words_symbols_keywords_and_paths() {
    check_kind(&[
        ("nil", NodeKind::Nil),
        ("true", NodeKind::Bool(true)),
        ("false", NodeKind::Bool(false)),
        ("nill", symbol("nill")),
        ("alu/add", symbol("alu/add")),
        ("list->map", symbol("list->map")),
        ("a.b", symbol("a.b")),
        ("$error", symbol("$error")),
        ("&rest", symbol("&rest")),
        ("empty?", symbol("empty?")),
        ("fresh#", symbol("fresh#")),
        ("a@b", symbol("a@b")),
        ("|x|", symbol("|x|")),
        ("größe", symbol("größe")),
        ("b", symbol("b")),
        ("a:", symbol("a:")),
        (":name", keyword("name")),
        (":int..", keyword("int..")),
        (":T?", keyword("T?")),
        (":a:b", keyword("a:b")),
        ("::", keyword(":")),
        ("mem:x", path("mem:x")),
        ("mem:a/b", path("mem:a/b")),
        ("a:b:c", path("a:b:c")),
        ("a::", path("a::")),
        ("12:30", path("12:30")),
    ]);
}

#[test]
fn strings_resolve_their_escapes_and_keep_raw_line_breaks() {
    check_kind(&[
        (r#""""#, string("")),
        (r#""text""#, string("text")),
        (r#""a\n\t\r\\\"\0b""#, string("a\n\t\r\\\"\0b")),
        (r#""\x41\x7f""#, string("A\x7f")),
        (r#""\u{e9}\u{1F600}\u{0}""#, string("é😀\0")),
        (r#""\u{00000041}""#, string("A")),
        ("\"two\nlines\tand\r\na tab\"", string("two\nlines\tand\r\na tab")),
        (
            "\"Grüße; (no comment) #| at all\"",
            string("Grüße; (no comment) #| at all"),
        ),
    ]);
}

#[test]
fn byte_literals_hold_any_byte() {
    check_kind(&[
        (r#"b"""#, bytes(b"")),
        (r#"b"ab\x00\xff\n\"""#, bytes(b"ab\x00\xff\n\"")),
        (r#"b"é\u{e9}""#, bytes("éé".as_bytes())),
    ]);
    check(&[
        (r#"b "x""#, r#"b "x""#),
        (r#"ab"x""#, r#"ab "x""#),
        (r#"(b"x")"#, r#"(b"x")"#),
    ]);
}

#[test]
fn an_atom_ends_at_white_space_and_at_delimiters_only() {
    check(&[
        ("(debug(eq 1 1))", "(debug (eq 1 1))"),
        ("a[b]c{d}e", "a [b] c {d} e"),
        ("a\"b\"c", "a \"b\" c"),
        ("a;comment\nb", "a b"),
        ("a'b`c,d,@e", "a 'b `c ,d ,@e"),
        ("x@y x#y x?y x|y", "x@y x#y x?y x|y"),
        ("a\u{a0}b\u{3000}c\u{feff}d", "a b c d"),
        ("\u{feff}a", "a"),
        ("1(2)", "1 (2)"),
        (":k(2)", ":k (2)"),
    ]);
}

#[test]
fn prefixes_take_the_next_form_wherever_it_stands() {
    check(&[
        ("'x `x ,x ,@x @x #x ?x", "'x `x ,x ,@x @x #x ?x"),
        ("' x", "'x"),
        ("'\n; between\n(a b)", "'(a b)"),
        ("''x", "''x"),
        ("`(a ,b ,@c)", "`(a ,b ,@c)"),
        (", @x", ", @x"),
        (",@@x", ",@@x"),
        ("#(load \"alu\" \"io\")", "#(load \"alu\" \"io\")"),
        ("@(not found)", "@(not found)"),
        ("?[1 2]", "?[1 2]"),
        ("'#;gone x", "'x"),
        ("# |x|", "# |x|"),
    ]);
    let tree = read_whole("#(macro m (x) x)");
    let (prefix, list) = tree.prefix(tree.roots()[0]).unwrap();
    assert_eq!((prefix, tree.head(list)), (Prefix::Datum, Some("macro")));
}

#[test]
fn lists_keep_their_brackets_and_nest() {
    check(&[
        ("()", "()"),
        ("[]", "[]"),
        ("{}", "{}"),
        ("( a  [b\n{c}] )", "(a [b {c}])"),
        ("(let (a 1 b 2) [a b])", "(let (a 1 b 2) [a b])"),
        ("(fn (a :int &rest b) :int [a])", "(fn (a :int &rest b) :int [a])"),
    ]);
    let tree = read_whole("[a]");
    assert_eq!(
        tree.list(tree.roots()[0])
            .map(|(bracket, children)| (bracket, children.len())),
        Some((Bracket::Square, 1))
    );
}

#[test]
fn braces_are_a_list_or_a_map_by_how_they_open() {
    let cases = [
        ("{}", BraceShape::List, ""),
        ("{a b}", BraceShape::List, "a b"),
        ("{1 :a}", BraceShape::List, "1 :a"),
        ("{. :a b}", BraceShape::List, ":a b"),
        ("{. . a}", BraceShape::List, ". a"),
        ("{.}", BraceShape::List, ""),
        ("{:k v}", BraceShape::Map, ":k v"),
        ("{:k v :k2 v2}", BraceShape::Map, ":k v :k2 v2"),
        ("{: k v}", BraceShape::Map, "k v"),
        ("{: :k v}", BraceShape::Map, ":k v"),
        ("{:}", BraceShape::Map, ""),
        ("{:\n}", BraceShape::Map, ""),
        ("{#;x : k v}", BraceShape::Map, "k v"),
        ("(:k v)", BraceShape::List, ":k v"),
        ("[. a]", BraceShape::List, ". a"),
    ];
    for (text, shape, elements) in cases {
        let tree = read_whole(text);
        let (found_shape, found) = brace_shape(&tree, tree.roots()[0]);
        let found: Vec<String> = found.iter().map(|&element| print(&tree, element)).collect();
        assert_eq!(
            (found_shape, found.join(" ").as_str()),
            (shape, elements),
            "{text:?}"
        );
    }
}

#[test]
fn maps_whose_keys_are_not_known_yet_are_not_judged() {
    check(&[
        ("`{:a ,@rest}", "`{:a ,@rest}"),
        ("`{:a 1 ,@rest :a 2}", "`{:a 1 ,@rest :a 2}"),
        ("{: x 1 x 2}", "{: x 1 x 2}"),
        ("{: (f) 1 (f) 2}", "{: (f) 1 (f) 2}"),
        (
            "{: 1 a 1.0 b 0.0 c -0.0 d \"1\" e}",
            "{: 1 a 1.0 b 0.0 c -0.0 d \"1\" e}",
        ),
        ("{: :x 1 'x 2 \"x\" 3 b\"x\" 4}", "{: :x 1 'x 2 \"x\" 3 b\"x\" 4}"),
        (
            "#(define-form pair {:int :int})",
            "#(define-form pair {:int :int})",
        ),
        (
            "#(define-form triple {:int :int :int})",
            "#(define-form triple {:int :int :int})",
        ),
    ]);
}

#[test]
fn comments_vanish_from_the_tree_and_stay_on_record() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("a ; one\nb", "a b", &["; one"]),
        ("a ; one\r\nb", "a b", &["; one"]),
        (";only", "", &[";only"]),
        ("a #| x #| inner |# y |# b", "a b", &["#| x #| inner |# y |#"]),
        ("#|#|||#|#|# a", "|# a", &["#|#|||#|#"]),
        ("(a #;(b c) d)", "(a d)", &["#;(b c)"]),
        ("#;a #;(b \"c\") d", "d", &["#;a", "#;(b \"c\")"]),
        ("#; #;a b c", "c", &["#; #;a b"]),
        ("#;'x y", "y", &["#;'x"]),
        (
            "#; ; inner\n (x #| deep |#) y",
            "y",
            &["#; ; inner\n (x #| deep |#)"],
        ),
        ("'a ;t", "'a", &[";t"]),
        ("#!/usr/bin/env sup\n(f)", "(f)", &["#!/usr/bin/env sup"]),
        ("\"; no\" b\"#| no |#\"", "\"; no\" b\"#| no |#\"", &[]),
        (
            "; a lone \r ends no line (\na",
            "a",
            &["; a lone \r ends no line ("],
        ),
    ];
    for (text, expected, comments) in cases {
        let tree = read_whole(text);
        let found: Vec<&str> = tree.comments().iter().map(|span| span.slice(text)).collect();
        assert_eq!(
            (printed(&tree).as_str(), found.as_slice()),
            (*expected, *comments),
            "{text:?}"
        );
    }
}

#[test]
fn a_form_that_is_commented_out_is_not_judged_but_must_end() {
    check(&[
        ("#;99999999999999999999 a", "a"),
        ("#;{:a} b", "b"),
        ("#;\"\\q\" a", "a"),
        ("(f #;(x : y) z)", "(f z)"),
    ]);
    assert!(read("#;(a").is_unfinished());
    assert!(read("#;").is_unfinished());
    assert_eq!(read("#;(a] b").faults[0].code, "slp/mismatch");
}

#[test]
fn a_source_may_be_empty_or_hold_many_forms() {
    check(&[
        ("", ""),
        (" \n\t", ""),
        ("1 2 3", "1 2 3"),
        ("[ (a) ]\n(b)", "[(a)] (b)"),
    ]);
    assert!(!read("").is_unfinished());
}

#[test]
fn bytes_read_like_the_text_they_are() {
    let reading = read_bytes("(größe \"ü\")".as_bytes(), &slp::ReadLimits::default());
    assert_eq!(
        (printed(&reading.tree).as_str(), reading.faults.len()),
        ("(größe \"ü\")", 0)
    );
}
