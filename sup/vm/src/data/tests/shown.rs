//! Values as text.

use sup_abi::word::{FALSE, NIL, TRUE, Word};

use super::Bed;
use crate::data::{PAREN, SQUARE};
use crate::error::{keyword, symbol};
use crate::object::Kind;

fn check(bed: &mut Bed, word: Word, wanted: &str) {
    assert_eq!(bed.vm.repr(word), wanted);
    assert_eq!(bed.vm.try_repr(word), Ok(wanted.to_owned()));
}

#[test]
fn atoms_are_written_as_they_are_read() {
    let mut bed = Bed::new(0);
    let big = bed.int(i64::MIN);
    let half = bed.real(0.5);
    let path = bed
        .vm
        .intern(sup_abi::word::Immediate::Path, "mem:x")
        .expect("the table has room");
    let cases = [
        (NIL, "nil"),
        (TRUE, "true"),
        (FALSE, "false"),
        (big, "-9223372036854775808"),
        (half, "0.5"),
        (symbol("a/b"), "a/b"),
        (keyword("k"), ":k"),
        (path, "mem:x"),
    ];
    for (word, wanted) in cases {
        check(&mut bed, word, wanted);
    }
}

#[test]
fn strings_are_escaped_and_displayed_raw() {
    let mut bed = Bed::new(0);
    let cases = [
        ("", r#""""#),
        ("a\"b\\", r#""a\"b\\""#),
        ("line\nnext\ttab\r\0", r#""line\nnext\ttab\r\0""#),
        ("\u{7f}\u{1}", r#""\x7f\x01""#),
        ("ü 日 🦀", r#""ü 日 🦀""#),
        ("\u{85}\u{200b}\u{feff}", r#""\u{85}\u{200b}\u{feff}""#),
    ];
    for (text, wanted) in cases {
        let word = bed.str(text);
        check(&mut bed, word, wanted);
        assert_eq!(bed.vm.display(word), text);
    }
    let bytes = bed
        .vm
        .new_bytes(b"a \"\\\n\x00\x7f\xff")
        .expect("there is memory");
    check(&mut bed, bytes, r#"b"a \"\\\n\0\x7f\xff""#);
}

#[test]
fn brackets_and_markers_keep_what_is_what() {
    let mut bed = Bed::new(0);
    let one = bed.int(1);
    let paren = bed
        .vm
        .new_list(PAREN, &[symbol("f"), one])
        .expect("there is memory");
    let square = bed.vm.new_list(SQUARE, &[paren, NIL]).expect("there is memory");
    check(&mut bed, square, "[(f 1) nil]");
    let plain = bed.list(&[one, keyword("k")]);
    check(&mut bed, plain, "{1 :k}");
    let opening = bed.list(&[keyword("k"), one]);
    check(&mut bed, opening, "{. :k 1}");
    let dot = bed.list(&[symbol("."), one]);
    check(&mut bed, dot, "{. . 1}");
    let empty = bed.list(&[]);
    check(&mut bed, empty, "{}");
    let none = bed.map(&[]);
    check(&mut bed, none, "{:}");
    let named = bed.map(&[keyword("k"), one, one, plain]);
    check(&mut bed, named, "{:k 1 1 {1 :k}}");
    let marked = bed.map(&[one, keyword("k"), keyword("l"), NIL]);
    check(&mut bed, marked, "{: 1 :k :l nil}");
    let colon = bed.map(&[keyword(""), one]);
    check(&mut bed, colon, "{: : 1}");
}

#[test]
fn prefixes_do_not_run_together() {
    let mut bed = Bed::new(0);
    let one = bed.int(1);
    let error = bed.vm.error_from(one).expect("there is memory");
    check(&mut bed, error, "@1");
    let cases = [(0, "'@1"), (1, "`@1"), (2, ", @1"), (3, ",@@1"), (4, "@@1")];
    for (prefix, wanted) in cases {
        let word = bed.vm.new_quoted(prefix, error).expect("there is memory");
        check(&mut bed, word, wanted);
    }
    let unquoted = bed.vm.new_quoted(2, one).expect("there is memory");
    check(&mut bed, unquoted, ",1");
    let datum = bed
        .vm
        .new_prefixed(Kind::Datum, symbol("|x"))
        .expect("there is memory");
    check(&mut bed, datum, "# |x");
    let datum = bed
        .vm
        .new_prefixed(Kind::Datum, symbol("x"))
        .expect("there is memory");
    let inside = bed.list(&[datum, one]);
    check(&mut bed, inside, "{#x 1}");
    let aberrant = bed
        .vm
        .new_prefixed(Kind::Aberrant, inside)
        .expect("there is memory");
    check(&mut bed, aberrant, "?{#x 1}");
}

#[test]
fn errors_show_what_counts() {
    let mut bed = Bed::new(0);
    let text = bed.str("what happened");
    let one = bed.int(1);
    let map = bed.map(&[keyword("k"), one]);
    let code = keyword("test/code");
    let mut error = |fields| bed.vm.error_of_fields(fields).expect("there is memory");
    let cases = [
        (
            error([code, text, NIL, one, one, NIL]),
            "@{:code :test/code :message \"what happened\"}",
        ),
        (
            error([code, NIL, one, NIL, NIL, NIL]),
            "@{:code :test/code :data 1}",
        ),
        (error([NIL, NIL, map, NIL, NIL, NIL]), "@{:data {:k 1}}"),
        (error([NIL, NIL, NIL, NIL, NIL, NIL]), "@{:}"),
        (error([NIL, NIL, text, NIL, NIL, NIL]), "@\"what happened\""),
    ];
    for (word, wanted) in cases {
        check(&mut bed, word, wanted);
    }
    let inner = error_around(&mut bed, NIL, one);
    let outer = error_around(&mut bed, code, inner);
    check(&mut bed, outer, "@{:code :test/code :cause @{:cause 1}}");
}

fn error_around(bed: &mut Bed, code: Word, cause: Word) -> Word {
    bed.vm
        .error_of_fields([code, NIL, NIL, NIL, NIL, cause])
        .expect("there is memory")
}

#[test]
fn what_holds_itself_is_cut() {
    let mut bed = Bed::new(0);
    let one = bed.int(1);
    let array = bed.vm.new_array_of(&[one]).expect("there is memory");
    let table = bed.vm.new_table(0).expect("there is memory");
    let cell = bed.vm.new_box(NIL).expect("there is memory");
    check(&mut bed, table, "#<table>");
    check(&mut bed, cell, "#<box nil>");
    bed.vm.box_set(cell, array).expect("it is a box");
    bed.vm
        .table_set(table, keyword("k"), cell)
        .expect("there is memory");
    bed.vm.array_push(array, table).expect("there is memory");
    check(&mut bed, array, "#<array 1 #<table :k #<box #<array …>>>>");
    let twice = bed.list(&[cell, cell]);
    let inner = "#<box #<array 1 #<table :k #<box …>>>>";
    check(&mut bed, twice, &format!("{{{inner} {inner}}}"));
    let buffer = bed.vm.new_buffer(0).expect("there is memory");
    bed.vm.buffer_push(buffer, b"ab").expect("there is memory");
    check(&mut bed, buffer, "#<buffer b\"ab\">");
}

#[test]
fn what_grows_without_bound_is_cut_or_raises() {
    let mut bed = Bed::new(0);
    let mut word = bed.list(&[]);
    for _ in 0..60 {
        word = bed.list(&[word, word]);
    }
    let text = bed.vm.repr(word);
    assert!(text.ends_with('…') && text.len() < 2 << 20);
    assert!(bed.vm.repr_short(word).len() < 300);
    assert_eq!(bed.code_of(|vm| vm.try_repr(word)), ":str/too-large");
}
