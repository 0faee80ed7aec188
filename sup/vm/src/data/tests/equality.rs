//! Equality, hashing and order.

use std::cmp::Ordering;

use sup_abi::word::{FALSE, NIL, TRUE, Word};

use super::{Bed, Random, key_of};
use crate::data::{BRACE, PAREN, SQUARE};
use crate::error::{keyword, symbol};
use crate::object::Kind;

fn is_same(bed: &mut Bed, a: Word, b: Word) -> bool {
    let same = bed.vm.equal(a, b);
    assert_eq!(bed.vm.equal(b, a), same, "equality has no direction");
    if same {
        assert_eq!(bed.vm.hash(a), bed.vm.hash(b), "equal values have equal hashes");
    }
    same
}

#[test]
fn values_of_different_types_differ() {
    let mut bed = Bed::new(0);
    let (int, real) = (bed.int(1), bed.real(1.0));
    let (plus, minus) = (bed.real(0.0), bed.real(-0.0));
    let bytes = bed.vm.new_bytes(b"a text of more").expect("there is memory");
    let text = bed.str("a text of more");
    let kinds = [PAREN, SQUARE, BRACE].map(|kind| bed.vm.new_list(kind, &[int]).expect("there is memory"));
    let prefixed = [Kind::Quoted, Kind::Datum, Kind::Aberrant]
        .map(|kind| bed.vm.new_prefixed(kind, int).expect("there is memory"));
    let quasi = bed.vm.new_quoted(1, int).expect("there is memory");
    let map = bed.map(&[int, int]);
    let values = [
        int,
        real,
        plus,
        minus,
        bytes,
        text,
        kinds[0],
        kinds[1],
        kinds[2],
        prefixed[0],
        prefixed[1],
        prefixed[2],
        quasi,
        map,
        NIL,
        TRUE,
        FALSE,
        keyword("a"),
        symbol("a"),
    ];
    for (place, a) in values.iter().enumerate() {
        for b in &values[..place] {
            assert!(
                !is_same(&mut bed, *a, *b),
                "{} and {}",
                bed.vm.repr(*a),
                bed.vm.repr(*b)
            );
        }
    }
}

#[test]
fn maps_compare_without_order() {
    let mut bed = Bed::new(0);
    let mut random = Random(13);
    for n_pairs in [1, 5, 16, 17, 200] {
        let mut numbers: Vec<usize> = (0..n_pairs).collect();
        let mut build = |bed: &mut Bed| {
            for place in (1..numbers.len()).rev() {
                numbers.swap(place, random.below(place + 1));
            }
            let mut map = bed.map(&[]);
            for number in &numbers {
                let (key, value) = (key_of(bed, *number), key_of(bed, number + 1));
                map = bed.vm.map_put(map, key, value).expect("there is memory");
            }
            map
        };
        let (first, second) = (build(&mut bed), build(&mut bed));
        assert!(is_same(&mut bed, first, second));
        let key = key_of(&mut bed, n_pairs - 1);
        let other = bed.vm.map_put(second, key, NIL).expect("there is memory");
        assert!(!is_same(&mut bed, first, other));
        let fewer = bed.vm.map_remove(second, key).expect("there is memory");
        assert!(!is_same(&mut bed, first, fewer));
        let foreign = bed.vm.map_put(fewer, NIL, NIL).expect("there is memory");
        assert!(!is_same(&mut bed, first, foreign));
    }
}

#[test]
fn lists_compare_in_any_form() {
    let mut bed = Bed::new(0);
    let items: Vec<Word> = (0..40).map(|number| key_of(&mut bed, number)).collect();
    let again: Vec<Word> = (0..40).map(|number| key_of(&mut bed, number)).collect();
    let whole = bed.list(&items);
    let empty = bed.list(&[]);
    let grown = bed.vm.list_push_all(empty, &again).expect("there is memory");
    assert!(is_same(&mut bed, whole, grown));
    let part = bed.vm.list_slice(grown, 3, 30).expect("there is memory");
    let copy = bed.list(&items[3..30]);
    assert!(is_same(&mut bed, part, copy));
    assert!(!is_same(&mut bed, part, whole));
}

#[test]
fn errors_compare_without_span_and_trace() {
    let mut bed = Bed::new(0);
    let (text, data, cause) = (
        bed.str("what happened"),
        bed.list(&[NIL]),
        bed.str("the reason for it"),
    );
    let code = keyword("test/code");
    let fields = [code, text, data, NIL, NIL, cause];
    let first = bed.vm.error_of_fields(fields).expect("there is memory");
    let traced = bed
        .vm
        .error_of_fields([code, text, data, data, data, cause])
        .expect("there is memory");
    assert!(is_same(&mut bed, first, traced));
    for place in [0, 1, 2, 5] {
        let mut others = fields;
        others[place] = NIL;
        let other = bed.vm.error_of_fields(others).expect("there is memory");
        assert!(!is_same(&mut bed, first, other), "field {place}");
    }
}

#[test]
fn what_can_change_is_compared_by_identity() {
    let mut bed = Bed::new(0);
    let (first, second) = (
        bed.vm.new_array(0).expect("there is memory"),
        bed.vm.new_array(0).expect("there is memory"),
    );
    assert!(bed.vm.equal(first, first));
    assert!(!bed.vm.equal(first, second));
    let (a, b) = (bed.list(&[first]), bed.list(&[first]));
    assert!(bed.vm.equal(a, b));
}

/// Something nested so deep that recursion would overflow the host's stack.
fn deep(bed: &mut Bed, n_levels: usize, innermost: Word, wrap: impl Fn(&mut Bed, Word) -> Word) -> Word {
    (0..n_levels).fold(innermost, |inner, _| wrap(bed, inner))
}

#[test]
fn a_million_levels_stay_off_the_stack() {
    let mut bed = Bed::new(0);
    let wraps: [fn(&mut Bed, Word) -> Word; 4] = [
        |bed, inner| bed.list(&[inner]),
        |bed, inner| bed.list(&[inner, NIL]),
        |bed, inner| bed.map(&[NIL, inner]),
        |bed, inner| {
            bed.vm
                .error_of_fields([NIL, NIL, inner, NIL, NIL, inner])
                .expect("there is memory")
        },
    ];
    for (index, wrap) in wraps.into_iter().enumerate() {
        // Each level of the last one holds the next twice.
        let n_levels = if index == 3 { 15 } else { 1_000_000 };
        let one = bed.int(1);
        let two = bed.int(2);
        let (a, b, c) = (
            deep(&mut bed, n_levels, one, wrap),
            deep(&mut bed, n_levels, one, wrap),
            deep(&mut bed, n_levels, two, wrap),
        );
        assert!(is_same(&mut bed, a, b));
        assert!(!is_same(&mut bed, a, c));
        if index < 2 {
            assert_eq!(bed.vm.compare(a, b), Ok(Ordering::Equal));
            assert_eq!(bed.vm.compare(a, c), Ok(Ordering::Less));
        }
        let text = bed.vm.repr(a);
        assert!(text.ends_with('…') || index == 3);
        assert!(text.len() < 2 << 20);
        if index < 3 {
            assert_eq!(bed.code_of(|vm| vm.to_flat(a)), ":wire/too-deep");
        }
    }
}

#[test]
fn values_of_one_type_have_an_order() {
    let mut bed = Bed::new(0);
    let one = bed.int(1);
    let two = bed.real(2.0);
    let rising: [Vec<Word>; 6] = [
        vec![
            NIL,
            one,
            bed.real(1.5),
            two,
            bed.int(i64::MAX),
            bed.real(f64::INFINITY),
            bed.real(f64::NAN),
        ],
        vec![FALSE, TRUE],
        vec![
            bed.str(""),
            bed.str("Z"),
            bed.str("a"),
            bed.str("a longer one"),
            bed.str("b"),
            bed.str("ß"),
        ],
        vec![keyword("a"), keyword("ab"), keyword("b")],
        vec![symbol("a"), symbol("ab"), symbol("b")],
        vec![
            bed.list(&[]),
            bed.list(&[one]),
            bed.list(&[one, one]),
            bed.list(&[one, two]),
            bed.list(&[two]),
        ],
    ];
    for row in rising {
        for (place, a) in row.iter().enumerate() {
            for (other, b) in row.iter().enumerate() {
                assert_eq!(
                    bed.vm.compare(*a, *b),
                    Ok(place.cmp(&other)),
                    "{}",
                    bed.vm.repr(*a)
                );
            }
        }
    }
    let text = bed.str("1");
    assert_eq!(bed.code_of(|vm| vm.compare(one, text)), ":type/mismatch");
    let map = bed.map(&[]);
    let (a, b) = (bed.list(&[map]), bed.map(&[one, one]));
    let b = bed.list(&[b]);
    assert_eq!(bed.code_of(|vm| vm.compare(a, b)), ":type/mismatch");
}
