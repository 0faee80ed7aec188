//! Lists and arrays against models.

use sup_abi::word::{NIL, Word};

use super::{Bed, Random};
use crate::collect::Extent;
use crate::data::{BRACE, PAREN, array_items, list_items, list_kind, list_span};

fn numbers(bed: &Bed, list: Word) -> Vec<i64> {
    let items = list_items(list).expect("it is a list");
    items
        .iter()
        .map(|item| bed.vm.as_int(*item).expect("only integers were put in"))
        .collect()
}

/// Random pushes, slices, joins and replacements on random lists, each of which must stay what it was.
fn against_model(mut bed: Bed, seed: u64, n_steps: usize, collect_each: usize) {
    let mut random = Random(seed);
    let n_lists = bed.kept.len();
    let mut models: Vec<Vec<i64>> = vec![Vec::new(); n_lists];
    for slot in 0..n_lists {
        bed.kept[slot] = bed.list(&[]);
    }
    for step in 0..n_steps {
        let (from, to) = (random.below(n_lists), random.below(n_lists));
        let list = bed.kept[from];
        let mut model = models[from].clone();
        // Large numbers are boxed, so that a lost item shows.
        let number = i64::MAX - step as i64;
        let item = bed.int(number);
        let made = match random.below(8) {
            0..4 => {
                model.push(number);
                bed.vm.list_push(list, item)
            }
            4 if !model.is_empty() => {
                let start = random.below(model.len());
                let end = start + random.below(model.len() - start + 1);
                model = model[start..end].to_vec();
                bed.vm.list_slice(list, start, end)
            }
            5 if model.len() < 500 => {
                let other = random.below(n_lists);
                model.extend(&models[other]);
                bed.vm.list_concat(list, bed.kept[other])
            }
            6 if !model.is_empty() => {
                let place = random.below(model.len());
                model[place] = number;
                bed.vm.list_set(list, place, item)
            }
            _ => bed.vm.list_with_kind(list, (step % 3) as u8),
        };
        bed.kept[to] = made.expect("there is memory");
        models[to] = model;
        if step % collect_each == 0 {
            bed.collect(if step % 3 == 0 {
                Extent::Everything
            } else {
                Extent::Nursery
            });
        }
        let slot = random.below(n_lists);
        assert_eq!(numbers(&bed, bed.kept[slot]), models[slot]);
    }
    for (slot, model) in models.iter().enumerate() {
        assert_eq!(&numbers(&bed, bed.kept[slot]), model);
    }
}

#[test]
fn lists_stay_what_they_were() {
    against_model(Bed::new(8), 8, 20_000, 37);
}

#[test]
fn lists_survive_collections_at_every_step() {
    against_model(Bed::stressed(6), 9, 3_000, 1);
}

#[test]
fn appending_in_a_loop_costs_the_same_at_any_length() {
    let mut bed = Bed::new(1);
    bed.kept[0] = bed.list(&[]);
    for number in 0..1_000_000 {
        let item = bed.int(number);
        bed.kept[0] = bed.vm.list_push(bed.kept[0], item).expect("there is memory");
        if number % 20_000 == 0 {
            bed.collect(Extent::Nursery);
        }
    }
    assert_eq!(list_items(bed.kept[0]).map(<[Word]>::len), Some(1_000_000));
    let rest = bed.vm.slice_from(bed.kept[0], 999_990).expect("there is memory");
    assert_eq!(numbers(&bed, rest), (999_990..1_000_000).collect::<Vec<i64>>());
}

#[test]
fn two_pushes_on_one_list_do_not_meet() {
    let mut bed = Bed::new(0);
    let items: Vec<Word> = (0..20).map(|number| bed.int(number)).collect();
    let empty = bed.list(&[]);
    let base = bed.vm.list_push_all(empty, &items).expect("there is memory");
    let (seven, eight) = (bed.int(7), bed.int(8));
    let first = bed.vm.list_push(base, seven).expect("there is memory");
    let second = bed.vm.list_push(base, eight).expect("there is memory");
    assert_eq!(numbers(&bed, first).last(), Some(&7));
    assert_eq!(numbers(&bed, second).last(), Some(&8));
    assert_eq!(numbers(&bed, base).len(), 20);
}

#[test]
fn immortal_lists_are_never_changed_in_place() {
    let mut bed = Bed::new(0);
    bed.vm.heap.immortal = true;
    let items: Vec<Word> = (0..20).map(|number| bed.int(number)).collect();
    let empty = bed.list(&[]);
    let constant = bed.vm.list_push_all(empty, &items).expect("there is memory");
    bed.vm.heap.immortal = false;
    let longer = bed.vm.list_push(constant, NIL).expect("there is memory");
    assert_eq!(list_items(longer).map(<[Word]>::len), Some(21));
    let target =
        crate::object::Obj::from_word(constant).and_then(|view| crate::object::Obj::from_word(view.get(1)));
    assert_eq!(target.map(|buf| buf.get(1)), Some(20));
}

#[test]
fn kinds_and_spans_belong_to_the_list() {
    let mut bed = Bed::new(1);
    bed.kept[0] = bed
        .vm
        .new_list_with_span(PAREN, &[NIL; 9], (3, 17))
        .expect("there is memory");
    bed.collect(Extent::Nursery);
    assert_eq!(list_span(bed.kept[0]), Some((3, 17)));
    assert_eq!(list_kind(bed.kept[0]), Some(PAREN));
    let brace = bed
        .vm
        .list_with_kind(bed.kept[0], BRACE)
        .expect("there is memory");
    assert_eq!((list_kind(brace), list_span(brace)), (Some(BRACE), None));
    assert_eq!(list_items(brace), Some(&[NIL; 9][..]));
}

#[test]
fn arrays_do_what_vectors_do() {
    let mut bed = Bed::stressed(2);
    let mut random = Random(10);
    let mut model: Vec<i64> = Vec::new();
    bed.kept[0] = bed.vm.new_array(0).expect("there is memory");
    for step in 0..3_000 {
        let number = i64::MAX - step;
        let item = bed.int(number);
        match random.below(6) {
            0..3 => {
                bed.vm.array_push(bed.kept[0], item).expect("there is memory");
                model.push(number);
            }
            3 => {
                let last = bed.vm.array_pop(bed.kept[0]).expect("it is an array");
                assert_eq!(last.and_then(|word| bed.vm.as_int(word)), model.pop());
            }
            4 if !model.is_empty() => {
                let place = random.below(model.len());
                let index = bed.int(place as i64 - model.len() as i64);
                bed.vm
                    .array_set(bed.kept[0], index, item)
                    .expect("the index lies in the array");
                model[place] = number;
            }
            _ => {
                bed.vm
                    .array_append(bed.kept[0], &[item, item])
                    .expect("there is memory");
                model.extend([number, number]);
            }
        }
        bed.collect(if step % 5 == 0 {
            Extent::Everything
        } else {
            Extent::Nursery
        });
    }
    bed.kept[1] = bed
        .vm
        .array_into_list(bed.kept[0], BRACE)
        .expect("there is memory");
    assert_eq!(array_items(bed.kept[0]), Some(&[][..]));
    bed.vm.array_push(bed.kept[0], NIL).expect("there is memory");
    bed.collect(Extent::Everything);
    assert_eq!(numbers(&bed, bed.kept[1]), model);
}

#[test]
fn indexes_outside_are_told() {
    let mut bed = Bed::new(0);
    let array = bed.vm.new_array_of(&[NIL, NIL]).expect("there is memory");
    for outside in [2, -3, i64::MAX, i64::MIN] {
        let index = bed.int(outside);
        assert_eq!(bed.code_of(|vm| vm.array_get(array, index)), ":index/range");
        assert_eq!(bed.code_of(|vm| vm.array_set(array, index, NIL)), ":index/range");
        let missing = bed
            .vm
            .at(index, array)
            .expect("it is an error value, not a raise");
        assert!(crate::data::is_error(missing));
    }
    let list = bed.list(&[NIL]);
    assert_eq!(bed.code_of(|vm| vm.list_slice(list, 1, 3)), ":index/range");
    assert_eq!(bed.code_of(|vm| vm.array_get(list, NIL)), ":type/mismatch");
}
