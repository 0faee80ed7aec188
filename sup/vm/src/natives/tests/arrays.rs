//! Arrays, boxes, buffers and bytes.

use super::{Bed, check};

#[test]
fn making() {
    check("%array-new", &[("", "&{}")]);
    check(
        "%array-make",
        &[
            ("2 0", "&{0 0}"),
            ("3", "&{nil nil nil}"),
            ("0 1", "&{}"),
            ("-1 1", "&{}"),
            ("1000000000000000 0", "!vm/memory"),
            ("\"a\" 0", "!type/mismatch"),
        ],
    );
    check("%array-of", &[("1 2", "&{1 2}"), ("", "&{}")]);
    check(
        "%array-from",
        &[
            ("{1 2}", "&{1 2}"),
            ("\"ab\"", "&{97 98}"),
            ("nil", "&{}"),
            ("{:a 1}", "&{{. :a 1}}"),
            ("5", "!type/mismatch"),
        ],
    );
    check("%array-copy", &[("&{1 2}", "&{1 2}"), ("{1}", "!type/mismatch")]);
    let mut bed = Bed::new();
    let words = bed.read("1000 :x");
    let array = bed.call("%array-make", &words).expect("there is memory");
    let items = crate::data::array_items(array).expect("it is an array");
    assert_eq!(
        (items.len(), items.iter().all(|item| *item == words[1])),
        (1000, true)
    );
}

#[test]
fn elements() {
    check(
        "%array-get",
        &[
            ("&{5 6} 1", "6"),
            ("&{5 6} -2", "5"),
            ("&{5} 1", "!index/range"),
            ("&{} -1", "!index/range"),
            ("&{5} :a", "!type/mismatch"),
            ("{5} 0", "!type/mismatch"),
        ],
    );
    check(
        "%array-set",
        &[
            ("&{5 6} 1 7", "&{5 7}"),
            ("&{5 6} -1 7", "&{5 7}"),
            ("&{5} 1 0", "!index/range"),
        ],
    );
    check("%array-push", &[("&{} 1", "&{1}"), ("5 1", "!type/mismatch")]);
    check("%array-pop", &[("&{1 2}", "2"), ("&{}", "!index/range")]);
    check(
        "%array-insert",
        &[
            ("&{1 3} 1 2", "&{1 2 3}"),
            ("&{} 0 1", "&{1}"),
            ("&{1} 1 2", "&{1 2}"),
            ("&{1 3} -1 2", "&{1 2 3}"),
            ("&{1} 2 0", "!index/range"),
            ("&{1} -2 0", "!index/range"),
        ],
    );
    check(
        "%array-delete",
        &[
            ("&{1 2 3} 1", "2"),
            ("&{1 2 3} -1", "3"),
            ("&{} 0", "!index/range"),
        ],
    );
    check(
        "%array-swap",
        &[("&{1 2 3} 0 -1", "&{3 2 1}"), ("&{1} 0 1", "!index/range")],
    );
}

#[test]
fn wholes() {
    check("%array-clear", &[("&{1 2}", "&{}")]);
    check("%array-reverse", &[("&{1 2 3}", "&{3 2 1}"), ("&{}", "&{}")]);
    check(
        "%array-sort",
        &[
            ("&{3 1 2}", "&{1 2 3}"),
            ("&{}", "&{}"),
            ("&{1 \"a\"}", "!type/mismatch"),
        ],
    );
    check("%array-fill", &[("&{1 2} :x", "&{. :x :x}"), ("&{} 0", "&{}")]);
    check(
        "%array-resize",
        &[
            ("&{1 2 3} 2", "&{1 2}"),
            ("&{1} 3", "&{1 nil nil}"),
            ("&{1} 3 0", "&{1 0 0}"),
            ("&{} 0", "&{}"),
            ("&{1} -1", "&{}"),
            ("&{1} 1000000000000000", "!vm/memory"),
        ],
    );
    check(
        "%array-append",
        &[
            ("&{1} {2 3}", "&{1 2 3}"),
            ("&{1} \"a\"", "&{1 97}"),
            ("&{1} nil", "&{1}"),
            ("&{1} 5", "!type/mismatch"),
        ],
    );
    check(
        "%array-list",
        &[
            ("&{1 2}", "{1 2}"),
            ("&{}", "{}"),
            ("&{1 2 3 4 5 6}", "{1 2 3 4 5 6}"),
        ],
    );
    check(
        "%array-blit",
        &[
            ("&{1 2 3 4} 1 &{8 9} 0 2", "&{1 8 9 4}"),
            ("&{1 2} 0 &{} 0 0", "&{1 2}"),
            ("&{1 2} 2 &{3} 1 0", "&{1 2}"),
            ("&{1 2} 1 &{8 9} 0 2", "!index/range"),
            ("&{1 2} 0 &{8} 0 2", "!index/range"),
            ("&{1 2} 0 &{8} 0 -1", "!index/range"),
            ("&{1 2} -1 &{8 9} -1 1", "&{1 9}"),
            ("&{1} 5 &{1} 0 1", "!index/range"),
            ("&{1} 0 &{1} 0 9223372036854775807", "!index/range"),
        ],
    );
}

#[test]
fn an_array_may_be_its_own_source() {
    let mut bed = Bed::new();
    let words = bed.read("&{1 2 3 4} 1 0 3");
    let array = words[0];
    assert_eq!(
        bed.call("%array-blit", &[array, words[1], array, words[2], words[3]]),
        Ok(array)
    );
    assert_eq!(bed.show(array), "&{1 1 2 3}");
    for _ in 0..3 {
        assert_eq!(bed.call("%array-append", &[array, array]), Ok(array));
    }
    let count = bed.call("%count", &[array]).expect("it is an array");
    assert_eq!(bed.show(count), "32");
    let list = bed.call("%array-list", &[array]).expect("it is an array");
    assert_eq!(bed.show(array), "&{}");
    let count = bed.call("%count", &[list]).expect("it is a list");
    assert_eq!(bed.show(count), "32");
}

#[test]
fn a_sort_that_fails_leaves_the_array() {
    let mut bed = Bed::new();
    let array = bed.read("&{3 2 1 :k 5 4}")[0];
    assert_eq!(bed.call("%array-sort", &[array]), Err("type/mismatch".to_owned()));
    assert_eq!(bed.show(array), "&{3 2 1 :k 5 4}");
}

#[test]
fn boxes() {
    let mut bed = Bed::new();
    let words = bed.read("1 2");
    let cell = bed.call("%box", &words[..1]).expect("there is memory");
    assert_eq!(bed.call("%unbox", &[cell]), Ok(words[0]));
    assert_eq!(bed.call("%box-set", &[cell, words[1]]), Ok(words[1]));
    assert_eq!(bed.call("%unbox", &[cell]), Ok(words[1]));
    assert_eq!(bed.call("%unbox", &words[..1]), Err("type/mismatch".to_owned()));
}

#[test]
fn buffers() {
    check(
        "%buffer-new",
        &[
            ("", "~\"\""),
            ("100", "~\"\""),
            ("-1", "~\"\""),
            ("nil", "~\"\""),
            ("1000000000000000", "!vm/memory"),
            ("\"x\"", "!type/mismatch"),
        ],
    );
    check(
        "%buffer-push",
        &[
            ("~\"a\" \"bc\"", "~\"abc\""),
            ("~\"a\" b\"b\" 223 \"c\"", "~\"ab\\xc3\\x9fc\""),
            ("~\"a\" ~\"b\"", "~\"ab\""),
            ("~\"\"", "~\"\""),
            ("~\"\" -1", "!value/invalid"),
            ("~\"\" 55296", "!value/invalid"),
            ("~\"\" :k", "!type/mismatch"),
            ("5 \"a\"", "!type/mismatch"),
        ],
    );
    check(
        "%buffer-byte",
        &[
            ("~\"a\" 98", "~\"ab\""),
            ("~\"\" 256", "!value/invalid"),
            ("~\"\" -1", "!value/invalid"),
            ("~\"\" \"a\"", "!type/mismatch"),
        ],
    );
    check(
        "%buffer-print",
        &[("~\"a\" {1 \"x\"} nil :k \"s\"", "~\"a{1 \\\"x\\\"}:ks\"")],
    );
    check("%buffer-str", &[("~\"aß\"", "\"aß\""), ("~\"\"", "\"\"")]);
    check("%buffer-bytes", &[("~\"ab\"", "b\"ab\"")]);
    check("%buffer-clear", &[("~\"ab\"", "~\"\"")]);
    let mut bed = Bed::new();
    let words = bed.read("~\"ab\" 255");
    bed.call("%buffer-byte", &words).expect("255 is a byte");
    assert_eq!(bed.call("%buffer-str", &words[..1]), Err("str/utf8".to_owned()));
    let offset = crate::data::error_field(bed.vm.pending, crate::error::field::DATA).expect("it was raised");
    assert_eq!(bed.show(offset), "2");
    let own = bed
        .call("%buffer-push", &[words[0], words[0]])
        .expect("a buffer takes its own bytes");
    assert_eq!(bed.show(own), "~\"ab\\xffab\\xff\"");
}

#[test]
fn bytes() {
    check(
        "%bytes",
        &[
            ("{104 105}", "b\"hi\""),
            ("&{0 255}", "b\"\\0\\xff\""),
            ("~\"a\"", "b\"a\""),
            ("b\"a\"", "b\"a\""),
            ("{256}", "!value/invalid"),
            ("{\"a\"}", "!type/mismatch"),
            ("nil", "b\"\""),
        ],
    );
    check(
        "%bytes-hex",
        &[
            ("b\"hi\"", "\"6869\""),
            ("b\"\"", "\"\""),
            ("~\"\n\"", "\"0a\""),
            ("\"hi\"", "!type/mismatch"),
        ],
    );
    check(
        "%bytes-from-hex",
        &[
            ("\"6869\"", "b\"hi\""),
            ("\"FFfe\"", "b\"\\xff\\xfe\""),
            ("\"\"", "b\"\""),
            ("\"6\"", "!bytes/syntax"),
            ("\"6g\"", "!bytes/syntax"),
            ("\"é\"", "!bytes/syntax"),
            ("\"686\"", "!bytes/syntax"),
        ],
    );
    check(
        "%bytes-base64",
        &[
            ("b\"\"", "\"\""),
            ("b\"f\"", "\"Zg==\""),
            ("b\"fo\"", "\"Zm8=\""),
            ("b\"foo\"", "\"Zm9v\""),
            ("b\"foobar\"", "\"Zm9vYmFy\""),
        ],
    );
    check(
        "%bytes-from-base64",
        &[
            ("\"\"", "b\"\""),
            ("\"Zg==\"", "b\"f\""),
            ("\"Zm8=\"", "b\"fo\""),
            ("\"Zm9vYmFy\"", "b\"foobar\""),
            ("\"+/+/\"", "b\"\\xfb\\xff\\xbf\""),
            ("\"Zg=\"", "!bytes/syntax"),
            ("\"Z===\"", "!bytes/syntax"),
            ("\"====\"", "!bytes/syntax"),
            ("\"Zh==\"", "!bytes/syntax"),
            ("\"Zm9v\n\"", "!bytes/syntax"),
            ("\"Z=9v\"", "!bytes/syntax"),
            ("\"_-_-\"", "!bytes/syntax"),
        ],
    );
    check(
        "%bytes-str",
        &[("b\"aß\"", "\"aß\""), ("\"a\"", "!type/mismatch")],
    );
    check(
        "%str-bytes",
        &[("\"aß\"", "b\"a\\xc3\\x9f\""), ("5", "!type/mismatch")],
    );
}
