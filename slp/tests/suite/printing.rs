//! Printing, flat and within a width, and that reading goes back.

use slp::{
    NodeKind, keyword_is_plain, path_is_plain, print, print_pretty, print_real, quote_bytes, quote_str, same,
    symbol_is_plain,
};

use crate::generate::{self, Random};
use crate::{printed, read_whole};

#[test]
fn reals_print_shortest_with_a_point_or_an_exponent() {
    let cases = [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-2.5, "-2.5"),
        (0.1, "0.1"),
        (1e9, "1000000000.0"),
        (1e100, "1e100"),
        (1.5e-300, "1.5e-300"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e308"),
        (f64::INFINITY, "+inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "+nan"),
        (-f64::NAN, "+nan"),
    ];
    for (number, expected) in cases {
        assert_eq!(print_real(number), expected);
    }
}

#[test]
fn every_real_reads_back_to_its_bits() {
    let mut random = Random::new(7);
    for _ in 0..20_000 {
        let number = generate::real(&mut random);
        let text = print_real(number);
        let tree = read_whole(&text);
        let NodeKind::Real(back) = tree.kind(tree.roots()[0]) else {
            panic!("{text} is no real")
        };
        assert_eq!(back.to_bits(), number.to_bits(), "{text}");
    }
}

#[test]
fn quotes_escape_what_would_not_read_back_or_not_be_seen() {
    assert_eq!(
        quote_str("a\"b\\\n\t\r\0\x1b\x7f\u{85}\u{202e}é😀"),
        r#""a\"b\\\n\t\r\0\x1b\x7f\u{85}\u{202e}é😀""#
    );
    assert_eq!(
        quote_bytes(b"a \"\\\n\x00\x01\x7f\x80\xff"),
        r#"b"a \"\\\n\0\x01\x7f\x80\xff""#
    );
}

#[test]
fn plain_names_are_those_that_read_back() {
    for name in [
        "a", "alu/add", "a.b", "+", "1e", "->", "x#", "b", ".", "a:", "größe", "|x",
    ] {
        assert!(symbol_is_plain(name), "{name:?}");
    }
    for name in [
        "", "a b", "a(b", "1", "1.5", ":k", "m:x", "nil", "true", "+inf", "@a", "#a", "?a", "a\"", "a\0",
        "a;b", "\u{feff}",
    ] {
        assert!(!symbol_is_plain(name), "{name:?}");
    }
    assert!(keyword_is_plain("a") && keyword_is_plain("1") && keyword_is_plain("#:"));
    assert!(!keyword_is_plain("") && !keyword_is_plain("a b") && !keyword_is_plain("a,b"));
    assert!(path_is_plain("m:x") && path_is_plain("a:b:c") && path_is_plain("1:2"));
    assert!(!path_is_plain("m:") && !path_is_plain(":m") && !path_is_plain("m") && !path_is_plain("#m:x"));
}

#[test]
fn printing_and_reading_is_identity() {
    let mut random = Random::new(1);
    for round in 0..2_000 {
        let n_nodes = 1 + random.below(60);
        let (tree, root) = generate::tree(&mut random, n_nodes);
        let flat = print(&tree, root);
        let back = read_whole(&flat);
        assert!(same(&tree, root, &back, back.roots()[0]), "round {round}: {flat}");
        assert_eq!(printed(&back), flat);
        let width = random.below(60);
        let pretty = print_pretty(&tree, root, width);
        let back = read_whole(&pretty);
        assert!(
            same(&tree, root, &back, back.roots()[0]),
            "round {round}, width {width}: {pretty}"
        );
    }
}

/// A form laid out within 30 columns looks like this.
fn check_pretty(text: &str, expected: &str) {
    let tree = read_whole(text);
    assert_eq!(
        print_pretty(&tree, tree.roots()[0], 30),
        expected.trim_matches('\n')
    );
}

#[test]
fn what_fits_stays_on_its_line() {
    check_pretty("(a   (b c)\n d)", "(a (b c) d)");
    check_pretty("(12345678 (01234567890123456))", "(12345678 (1234567890123456))");
    check_pretty(
        "\"a string that is much wider than the line\"",
        "\"a string that is much wider than the line\"",
    );
    check_pretty(
        "(é 語語語語語語語語語 (语语语语语语语语语语))",
        "(é 語語語語語語語語語 (语语语语语语语语语语))",
    );
}

#[test]
fn calls_indent_their_bodies() {
    check_pretty(
        "(defn total \"Adds all.\" (xs) :int [(reduce + 0 xs) (print xs)])",
        "
(defn total \"Adds all.\" (xs)
  :int
  [(reduce + 0 xs)
   (print xs)])
",
    );
    check_pretty(
        "(defn total \"Adds all and then some more.\" (xs) [(reduce + 0 xs)])",
        "
(defn total
  \"Adds all and then some more.\" (xs)
  [(reduce + 0 xs)])
",
    );
    check_pretty(
        "(if (= n 0) a (f (- n 1) (+ a n) '(one two three)))",
        "
(if (= n 0)
  a
  (f (- n 1)
    (+ a n)
    '(one two three)))
",
    );
}

#[test]
fn maps_break_between_pairs_and_lists_of_atoms_fill_lines() {
    check_pretty(
        "{:name \"a name\" :age 42 :tags {one two} :more (f x)}",
        "
{:name \"a name\"
 :age 42
 :tags {one two}
 :more (f x)}
",
    );
    check_pretty(
        "{: key-one 1 key-two 2 (f x) 33333333}",
        "
{: key-one 1
 key-two 2
 (f x) 33333333}
",
    );
    check_pretty(
        "{100 200 300 400 500 600 700 800 900 1000}",
        "
{100 200 300 400 500 600 700
 800 900 1000}
",
    );
    check_pretty(
        "[(first form) (second form) (third form)]",
        "
[(first form)
 (second form)
 (third form)]
",
    );
}
