//! Tables against a model.

use sup_abi::word::{NIL, Word};

use super::{Bed, Random, key_of};
use crate::collect::Extent;
use crate::data::table::in_row;
use crate::data::{map_len, table_len};

fn check(bed: &mut Bed, table: usize, model: &[(usize, i64)]) {
    let pairs: Vec<(Word, Word)> = bed
        .vm
        .table_cursor(bed.kept[table])
        .expect("it is a table")
        .collect();
    assert_eq!(pairs.len(), model.len());
    assert_eq!(table_len(bed.kept[table]), Some(model.len()));
    for ((key, value), (number, wanted)) in pairs.into_iter().zip(model) {
        let same = key_of(bed, *number);
        assert!(bed.vm.equal(key, same));
        assert_eq!(bed.vm.as_int(value), Some(*wanted));
    }
}

fn against_model(mut bed: Bed, seed: u64, n_steps: usize, n_keys: usize, collect_each: usize) {
    let mut random = Random(seed);
    let mut model: Vec<(usize, i64)> = Vec::new();
    bed.kept[0] = bed.vm.new_table(0).expect("there is memory");
    for step in 0..n_steps {
        let number = bed.pick(&mut random, &model, n_keys);
        let key = key_of(&mut bed, number);
        match random.below(5) {
            0 | 1 => {
                let value = bed.int(step as i64);
                bed.vm
                    .table_set(bed.kept[0], key, value)
                    .expect("there is memory");
                match model.iter_mut().find(|pair| pair.0 == number) {
                    Some(pair) => pair.1 = step as i64,
                    None => model.push((number, step as i64)),
                }
            }
            2 | 3 => {
                let found = bed
                    .vm
                    .table_remove(bed.kept[0], key)
                    .expect("the key is immutable");
                let place = model.iter().position(|pair| pair.0 == number);
                let wanted = place.map(|place| model.remove(place).1);
                assert_eq!(found.and_then(|word| bed.vm.as_int(word)), wanted);
            }
            _ => {
                let found = bed.vm.table_get(bed.kept[0], key).expect("the key is immutable");
                let wanted = model.iter().find(|pair| pair.0 == number).map(|pair| pair.1);
                assert_eq!(found.and_then(|word| bed.vm.as_int(word)), wanted);
            }
        }
        if step % collect_each == 0 {
            bed.collect(if step % 3 == 0 {
                Extent::Everything
            } else {
                Extent::Nursery
            });
        }
        if step % 101 == 0 {
            check(&mut bed, 0, &model);
        }
    }
    check(&mut bed, 0, &model);
    bed.kept[1] = bed.vm.table_copy(bed.kept[0]).expect("there is memory");
    check(&mut bed, 1, &model);
    let map = bed.vm.table_into_map(bed.kept[0]).expect("there is memory");
    assert_eq!(map_len(map), Some(model.len()));
    assert_eq!(table_len(bed.kept[0]), Some(0));
    bed.kept[0] = bed.vm.map_into_table(map).expect("there is memory");
    check(&mut bed, 0, &model);
}

#[test]
fn small_tables_do_what_the_model_does() {
    against_model(Bed::new(2), 5, 4_000, 10, 13);
}

#[test]
fn large_tables_do_what_the_model_does() {
    against_model(Bed::new(2), 6, 12_000, 700, 31);
}

#[test]
fn tables_with_integers_in_a_row_do_what_the_model_does() {
    for seed in 20..60 {
        against_model(Bed::new(2).with_following_keys(), seed, 1_500, 300, 31);
    }
}

#[test]
fn tables_with_integers_in_a_row_survive_collections_at_every_step() {
    against_model(Bed::stressed(2).with_following_keys(), 8, 1_500, 200, 1);
}

#[test]
fn a_row_of_integers_has_no_index_until_one_does_not_follow() {
    let mut bed = Bed::new(1);
    bed.kept[0] = bed.vm.new_table(0).expect("there is memory");
    let set = |bed: &mut Bed, number: i64| {
        let (key, value) = (bed.int(number), bed.int(-number));
        bed.vm
            .table_set(bed.kept[0], key, value)
            .expect("there is memory");
        in_row(bed.kept[0], key) == Some(value)
    };
    assert!((7..1_000).all(|number| set(&mut bed, number)));
    let last = bed.int(999);
    bed.vm
        .table_remove(bed.kept[0], last)
        .expect("the key is immutable");
    assert!(
        set(&mut bed, 999),
        "what was taken from the end may be put there again"
    );
    assert!(!set(&mut bed, 1_001));
    assert!(!set(&mut bed, 1_002));
    for number in (7..1_000).chain([1_001, 1_002]) {
        let key = bed.int(number);
        let found = bed.vm.table_get(bed.kept[0], key).expect("the key is immutable");
        assert_eq!(found.and_then(|word| bed.vm.as_int(word)), Some(-number));
    }
    assert_eq!(table_len(bed.kept[0]), Some(995));
}

#[test]
fn tables_survive_collections_at_every_step() {
    against_model(Bed::stressed(2), 7, 1_500, 80, 1);
}

#[test]
fn removing_and_adding_one_key_stays_quick() {
    let mut bed = Bed::new(1);
    bed.kept[0] = bed.vm.new_table(0).expect("there is memory");
    for number in 0..50_000 {
        let key = bed.int(number);
        bed.vm.table_set(bed.kept[0], key, NIL).expect("there is memory");
    }
    let key = bed.int(77);
    for _ in 0..200_000 {
        bed.vm
            .table_remove(bed.kept[0], key)
            .expect("the key is immutable");
        bed.vm.table_set(bed.kept[0], key, NIL).expect("there is memory");
    }
    assert_eq!(table_len(bed.kept[0]), Some(50_000));
}

#[test]
fn a_table_of_many_entries_finds_each_of_them() {
    let mut bed = Bed::new(1);
    bed.kept[0] = bed.vm.new_table(0).expect("there is memory");
    let n_entries = 300_000;
    for number in 0..n_entries {
        let (key, value) = (bed.int(number * 7 - 1000), bed.int(number));
        bed.vm
            .table_set(bed.kept[0], key, value)
            .expect("there is memory");
        if number % 100_000 == 0 {
            bed.collect(Extent::Everything);
        }
    }
    bed.collect(Extent::Everything);
    for number in 0..n_entries {
        let (key, missing) = (bed.int(number * 7 - 1000), bed.int(number * 7 - 999));
        let value = bed.vm.table_get(bed.kept[0], key).expect("the key is immutable");
        assert_eq!(value.and_then(|word| bed.vm.as_int(word)), Some(number));
        assert_eq!(bed.vm.table_get(bed.kept[0], missing), Ok(None));
    }
    for number in (0..n_entries).filter(|number| number % 10 != 0) {
        let key = bed.int(number * 7 - 1000);
        assert!(
            bed.vm
                .table_remove(bed.kept[0], key)
                .expect("the key is immutable")
                .is_some()
        );
    }
    for number in 0..n_entries {
        let key = bed.int(number * 7 - 1000);
        let is_there = bed
            .vm
            .table_get(bed.kept[0], key)
            .expect("the key is immutable")
            .is_some();
        assert_eq!(is_there, number % 10 == 0);
    }
}
