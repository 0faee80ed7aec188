//! Casts and types.

use sup_abi::word::{FALSE, NIL, TRUE, Word};
use sup_code::{TypeBase, TypeSpec};

use super::Bed;
use crate::data::{LoadedType, PAREN, SQUARE, type_keyword, type_name};
use crate::error::{keyword, symbol};
use crate::object::Kind;

fn named(name: &str) -> LoadedType {
    let (base, optional) = match name.strip_suffix('?') {
        Some(base) => (base, true),
        None => (name, false),
    };
    LoadedType::new(&TypeSpec {
        base: TypeBase::named(base).expect("it is a type"),
        optional,
    })
}

/// Casts and prints; what raises gives its code.
fn cast(bed: &mut Bed, name: &str, word: Word) -> String {
    match bed.vm.cast(&named(name), word) {
        Ok(word) => bed.vm.repr(word),
        Err(raise) => {
            let error = bed.vm.take_error(raise);
            let code = crate::data::error_field(error, crate::error::field::CODE).expect("it is an error");
            format!("raises {}", bed.vm.repr(code))
        }
    }
}

/// One value of each type, by the name of the type.
fn samples(bed: &mut Bed) -> Vec<(&'static str, Word)> {
    let one = bed.int(1);
    let mut vm_value = |run: fn(&mut crate::vm::Vm, Word) -> crate::error::Outcome| {
        run(&mut bed.vm, one).expect("there is memory")
    };
    vec![
        ("none", NIL),
        ("bool", TRUE),
        ("int", one),
        ("int", vm_value(|vm, _| vm.new_int(i64::MAX))),
        ("real", vm_value(|vm, _| vm.new_real(1.5))),
        ("real", vm_value(|vm, _| vm.new_real(1e300))),
        ("str", vm_value(|vm, _| vm.new_str("short"))),
        ("str", vm_value(|vm, _| vm.new_str("a string of some length"))),
        ("bytes", vm_value(|vm, _| vm.new_bytes(b"ab"))),
        ("symbol", symbol("s")),
        ("keyword", keyword("k")),
        ("list-p", vm_value(|vm, one| vm.new_list(PAREN, &[one]))),
        ("list-b", vm_value(|vm, one| vm.new_list(SQUARE, &[one]))),
        ("list-c", vm_value(|vm, one| vm.new_list(2, &[one]))),
        ("map", vm_value(|vm, one| vm.new_map(&[one, one]))),
        ("array", vm_value(|vm, one| vm.new_array_of(&[one]))),
        ("table", vm_value(|vm, _| vm.new_table(0))),
        ("buffer", vm_value(|vm, _| vm.new_buffer(0))),
        ("box", vm_value(|vm, one| vm.new_box(one))),
        ("error", vm_value(|vm, one| vm.error_from(one))),
        ("some", vm_value(|vm, one| vm.new_prefixed(Kind::Quoted, one))),
        ("datum", vm_value(|vm, one| vm.new_prefixed(Kind::Datum, one))),
        (
            "aberrant",
            vm_value(|vm, one| vm.new_prefixed(Kind::Aberrant, one)),
        ),
    ]
}

#[test]
fn each_value_is_of_its_type_only() {
    let mut bed = Bed::new(0);
    for (name, word) in samples(&mut bed) {
        assert_eq!(type_name(word), format!(":{name}"));
        assert_eq!(type_keyword(word), keyword(name));
        for (base, other) in TypeBase::NAMED {
            let is_list = *base == TypeBase::List && name.starts_with("list-");
            let wanted = *other == name || *base == TypeBase::Any || is_list;
            assert_eq!(bed.vm.is_type(word, &named(other)), wanted, "{name} is {other}");
            assert_eq!(
                bed.vm.is_type(word, &named(&format!("{other}?"))),
                wanted || word == NIL
            );
        }
        assert_eq!(
            bed.vm.cast(&named(name), word),
            Ok(word),
            "a value of the type stays"
        );
        assert_eq!(bed.vm.cast(&named("any"), word), Ok(word));
    }
    assert!(bed.vm.is_type(crate::primitives::value(0), &named("fn")));
    assert!(bed.vm.is_type(crate::primitives::value(0), &named("aberrant")));
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    let mut bed = Bed::new(0);
    let raise = bed
        .vm
        .check_type(NIL, &named("int"))
        .expect_err("nil is no integer");
    let error = bed.vm.take_error(raise);
    assert_eq!(
        bed.vm.repr(error),
        "@{:code :type/mismatch :message \"expected :int, got :none\"}"
    );
}

#[test]
fn numbers_convert_within_their_range() {
    let mut bed = Bed::new(0);
    let reals = [
        (2.9, "2"),
        (-2.9, "-2"),
        (1e300, "raises :type/cast"),
        (f64::NAN, "raises :type/cast"),
    ];
    for (value, wanted) in reals {
        let word = bed.real(value);
        assert_eq!(cast(&mut bed, "int", word), wanted);
    }
    let edge = bed.real(-9_223_372_036_854_775_808.0);
    assert_eq!(cast(&mut bed, "int", edge), "-9223372036854775808");
    let edge = bed.real(9_223_372_036_854_775_808.0);
    assert_eq!(cast(&mut bed, "int", edge), "raises :type/cast");
    let (zero, seven) = (bed.int(0), bed.int(7));
    assert_eq!(cast(&mut bed, "real", seven), "7.0");
    assert_eq!(cast(&mut bed, "bool", zero), "false");
    assert_eq!(cast(&mut bed, "bool", seven), "true");
    assert_eq!(cast(&mut bed, "int", TRUE), "1");
    assert_eq!(cast(&mut bed, "int", FALSE), "0");
    let text = bed.str("7");
    for name in [
        "int", "real", "bool", "map", "fn", "some", "table", "none", "error", "path",
    ] {
        assert_eq!(cast(&mut bed, name, text), "raises :type/cast", "{name}");
    }
}

#[test]
fn everything_has_a_string() {
    let mut bed = Bed::new(0);
    let real = bed.real(2.0);
    let seven = bed.int(7);
    let error = bed.vm.error_from(seven).expect("there is memory");
    let quoted = bed
        .vm
        .new_prefixed(Kind::Quoted, symbol("x"))
        .expect("there is memory");
    let map = bed.map(&[keyword("k"), seven]);
    let cases = [
        (seven, "\"7\""),
        (real, "\"2.0\""),
        (symbol("x"), "\"x\""),
        (keyword("x"), "\":x\""),
        (NIL, "\"nil\""),
        (error, "\"@7\""),
        (quoted, "\"'x\""),
        (map, "\"{:k 7}\""),
    ];
    for (word, wanted) in cases {
        assert_eq!(cast(&mut bed, "str", word), wanted);
    }
}

#[test]
fn strings_are_lists_of_their_bytes() {
    let mut bed = Bed::new(0);
    let text = bed.str("aü");
    for (name, wanted) in [
        ("list", "(97 195 188)"),
        ("list-p", "(97 195 188)"),
        ("list-b", "[97 195 188]"),
        ("list-c", "{97 195 188}"),
    ] {
        assert_eq!(cast(&mut bed, name, text), wanted);
    }
    let list = bed.vm.cast(&named("list-c"), text).expect("there is memory");
    assert_eq!(cast(&mut bed, "str", list), "\"aü\"");
    assert_eq!(cast(&mut bed, "bytes", list), r#"b"a\xc3\xbc""#);
    let (minus, part) = (bed.int(97 - 256), bed.str("bc"));
    let mixed = bed.list(&[minus, part]);
    assert_eq!(cast(&mut bed, "str", mixed), "\"abc\"");
    assert_eq!(cast(&mut bed, "bytes", mixed), "raises :type/cast");
    let torn = bed.int(0xc3);
    let torn = bed.list(&[torn]);
    assert_eq!(cast(&mut bed, "str", torn), "raises :str/utf8");
    let nested = bed.list(&[torn]);
    assert_eq!(cast(&mut bed, "str", nested), "raises :type/cast");
    assert_eq!(cast(&mut bed, "list-b", nested), "[{195}]");
    let bytes = bed.vm.cast(&named("bytes"), text).expect("there is memory");
    assert_eq!(cast(&mut bed, "str", bytes), "\"aü\"");
    assert_eq!(cast(&mut bed, "buffer", text), r#"#<buffer b"a\xc3\xbc">"#);
}

#[test]
fn collections_convert_into_each_other() {
    let mut bed = Bed::new(0);
    let one = bed.int(1);
    let list = bed.list(&[one, NIL]);
    assert_eq!(cast(&mut bed, "array", list), "#<array 1 nil>");
    let array = bed.vm.cast(&named("array"), list).expect("there is memory");
    assert_eq!(cast(&mut bed, "list-b", array), "[1 nil]");
    let map = bed.map(&[keyword("a"), one]);
    assert_eq!(cast(&mut bed, "table", map), "#<table :a 1>");
    let table = bed.vm.cast(&named("table"), map).expect("there is memory");
    assert_eq!(cast(&mut bed, "map", table), "{:a 1}");
    assert_eq!(cast(&mut bed, "list-c", map), "{{. :a 1}}");
    let error = bed.vm.cast(&named("error"), map).expect("there is memory");
    assert_eq!(bed.vm.repr(error), "@{:data {:a 1}}");
    assert_eq!(cast(&mut bed, "map", error), "{:data {:a 1}}");
    let text = bed.str("name");
    assert_eq!(cast(&mut bed, "symbol", text), "name");
    assert_eq!(cast(&mut bed, "keyword", text), ":name");
    let empty = bed.str("");
    assert_eq!(cast(&mut bed, "symbol", empty), "raises :type/cast");
    let path = bed.str("mem:x");
    assert_eq!(cast(&mut bed, "path", path), "mem:x");
}
