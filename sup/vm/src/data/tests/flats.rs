//! Values as flat arrays of nodes and as bytes.

use sup_abi::word::{FALSE, NIL, TRUE, Word};
use sup_code::wire::{self, Flat, FlatNode, WireLimits};

use super::{Bed, Random, key_of};
use crate::collect::Extent;
use crate::data::{PAREN, list_span};
use crate::error::{keyword, symbol};
use crate::object::Kind;

fn round(bed: &mut Bed, word: Word) -> Word {
    let flat = bed.vm.to_flat(word).expect("it can be stored");
    flat.check(&WireLimits::STANDARD)
        .expect("what the machine makes is well-formed");
    let bytes = wire::encode(&flat);
    let decoded = wire::decode(&bytes, &WireLimits::STANDARD).expect("what was encoded decodes");
    assert_eq!(decoded, flat);
    let back = bed.vm.from_flat(&decoded).expect("it was a value before");
    assert!(bed.vm.equal(word, back), "{}", bed.vm.repr(word));
    assert_eq!(bed.vm.to_flat(back), Ok(flat), "the same bytes again");
    back
}

/// A value of random shape, of about so many parts.
fn random_value(bed: &mut Bed, random: &mut Random, size: usize) -> Word {
    if size == 0 {
        return match random.below(6) {
            0 => NIL,
            1 => TRUE,
            2 => FALSE,
            3 => symbol("s"),
            4 => crate::primitives::value(crate::primitives::id("%flat-test")),
            _ => {
                let number = random.below(1000);
                key_of(bed, number)
            }
        };
    }
    let n_parts = 1 + random.below(5);
    let mut parts = Vec::new();
    for _ in 0..n_parts {
        let smaller = random.below(size);
        parts.push(random_value(bed, random, smaller));
    }
    let (first, kind) = (parts[0], (size % 3) as u8);
    match random.below(7) {
        0 => {
            let pairs: Vec<Word> = parts
                .iter()
                .enumerate()
                .flat_map(|(n, part)| [key_of(bed, n), *part])
                .collect();
            bed.map(&pairs)
        }
        1 => bed
            .vm
            .error_of_fields([keyword("c"), first, NIL, parts[parts.len() - 1], NIL, first])
            .expect("memory"),
        2 => bed
            .vm
            .new_quoted((size % 5) as u8, first)
            .expect("there is memory"),
        3 => bed
            .vm
            .new_prefixed(
                if size.is_multiple_of(2) {
                    Kind::Datum
                } else {
                    Kind::Aberrant
                },
                first,
            )
            .expect("memory"),
        4 => bed
            .vm
            .new_list_with_span(kind, &parts, (3, 9))
            .expect("there is memory"),
        _ => bed.vm.new_list(kind, &parts).expect("there is memory"),
    }
}

#[test]
fn random_values_come_back_the_same() {
    let mut bed = Bed::new(1);
    let mut random = Random(14);
    for step in 0..2_000 {
        bed.kept[0] = random_value(&mut bed, &mut random, step % 12);
        let kept = bed.kept[0];
        bed.kept[0] = round(&mut bed, kept);
        if step % 10 == 0 {
            bed.collect(Extent::Nursery);
        }
    }
}

#[test]
fn order_and_spans_are_kept() {
    let mut bed = Bed::new(0);
    let list = bed
        .vm
        .new_list_with_span(PAREN, &[NIL], (5, 12))
        .expect("there is memory");
    let back = round(&mut bed, list);
    assert_eq!(list_span(back), Some((5, 12)));
    let pairs: Vec<Word> = (0..50).rev().flat_map(|number| [bed.int(number), NIL]).collect();
    let map = bed.map(&pairs);
    let back = round(&mut bed, map);
    let keys: Vec<Word> = bed
        .vm
        .map_cursor(back)
        .expect("it is a map")
        .map(|(key, _)| key)
        .collect();
    assert_eq!(keys, pairs.iter().copied().step_by(2).collect::<Vec<Word>>());
}

#[test]
fn what_lives_here_only_is_not_stored() {
    let mut bed = Bed::new(0);
    let array = bed.vm.new_array(0).expect("there is memory");
    let table = bed.vm.new_table(0).expect("there is memory");
    let cell = bed.vm.new_box(NIL).expect("there is memory");
    let buffer = bed.vm.new_buffer(0).expect("there is memory");
    for word in [array, table, cell, buffer] {
        let inside = bed.list(&[NIL, word]);
        assert_eq!(bed.code_of(|vm| vm.to_flat(word)), ":wire/not-storable");
        assert_eq!(bed.code_of(|vm| vm.to_flat(inside)), ":wire/not-storable");
    }
}

#[test]
fn nodes_that_make_no_value_are_refused() {
    let mut bed = Bed::new(0);
    let list = |n_items| FlatNode::List {
        kind: 2,
        n_items,
        span: None,
    };
    let wrong: [Vec<FlatNode>; 6] = [
        vec![],
        vec![FlatNode::Nil, FlatNode::Nil],
        vec![list(2), FlatNode::Nil],
        vec![list(0), FlatNode::Nil],
        vec![FlatNode::Symbol(0)],
        vec![FlatNode::Prefix(9), FlatNode::Nil],
    ];
    for nodes in wrong {
        let flat = Flat {
            names: Vec::new(),
            nodes,
        };
        assert_eq!(
            bed.code_of(|vm| vm.from_flat(&flat)),
            ":wire/malformed",
            "{flat:?}"
        );
    }
    let twice = vec![
        FlatNode::Map { n_pairs: 2 },
        FlatNode::Nil,
        FlatNode::Nil,
        FlatNode::Nil,
        FlatNode::Nil,
    ];
    let flat = Flat {
        names: Vec::new(),
        nodes: twice,
    };
    assert_eq!(bed.code_of(|vm| vm.from_flat(&flat)), ":map/duplicate");
    let closure = vec![FlatNode::Closure {
        chunk: [0; 32],
        function: 0,
        n_captures: 0,
    }];
    let flat = Flat {
        names: Vec::new(),
        nodes: closure,
    };
    assert_eq!(bed.code_of(|vm| vm.from_flat(&flat)), ":wire/unknown-code");
}

#[test]
fn what_shares_its_parts_many_times_over_is_too_large() {
    let mut bed = Bed::new(0);
    let mut word = bed.list(&[]);
    for _ in 0..60 {
        word = bed.list(&[word, word]);
    }
    assert_eq!(bed.code_of(|vm| vm.to_flat(word)), ":wire/too-large");
}
