//! Maps against a model, old versions included.

use sup_abi::word::{NIL, Word};

use super::{Bed, Random, key_of};
use crate::collect::Extent;
use crate::data::{map_len, unbox};
use crate::vm::Vm;

/// Pairs in the order in which they must come.
type Model = Vec<(usize, i64)>;

fn put(model: &Model, key: usize, value: i64) -> Model {
    let mut model = model.clone();
    match model.iter_mut().find(|pair| pair.0 == key) {
        Some(pair) => pair.1 = value,
        None => model.push((key, value)),
    }
    model
}

fn check(bed: &mut Bed, slot: usize, model: &Model, n_keys: usize) {
    let map = bed.kept[slot];
    assert_eq!(map_len(map), Some(model.len()));
    for number in 0..n_keys {
        let key = key_of(bed, number);
        let found = bed.vm.map_get(map, key).expect("the key is immutable");
        let wanted = model.iter().find(|pair| pair.0 == number).map(|pair| pair.1);
        assert_eq!(
            found.and_then(|word| bed.vm.as_int(word)),
            wanted,
            "key {number} of {model:?}"
        );
    }
    let pairs: Vec<(Word, Word)> = bed.vm.map_cursor(map).expect("it is a map").collect();
    assert_eq!(pairs.len(), model.len());
    for ((key, value), (number, wanted)) in pairs.into_iter().zip(model) {
        let same = key_of(bed, *number);
        assert!(bed.vm.equal(key, same), "order of {model:?}");
        assert_eq!(bed.vm.as_int(value), Some(*wanted));
    }
}

/// Random puts and removals on random versions, each of which must stay what it was.
fn versions(mut bed: Bed, seed: u64, n_steps: usize, n_keys: usize, collect_each: usize) {
    let mut random = Random(seed);
    let n_versions = bed.kept.len();
    let mut models: Vec<Model> = vec![Vec::new(); n_versions];
    for slot in 0..n_versions {
        bed.kept[slot] = bed.map(&[]);
    }
    let mut newest = 0;
    for step in 0..n_steps {
        // Mostly the newest version goes on; sometimes an older one does.
        let from = if random.below(8) == 0 {
            random.below(n_versions)
        } else {
            newest
        };
        let to = random.below(n_versions);
        let number = bed.pick(&mut random, &models[from], n_keys);
        let key = key_of(&mut bed, number);
        if random.below(3) == 0 {
            bed.kept[to] = bed.vm.map_remove(bed.kept[from], key).expect("there is memory");
            models[to] = models[from]
                .iter()
                .copied()
                .filter(|pair| pair.0 != number)
                .collect();
        } else {
            let value = bed.int(step as i64);
            bed.kept[to] = bed
                .vm
                .map_put(bed.kept[from], key, value)
                .expect("there is memory");
            models[to] = put(&models[from], number, step as i64);
        }
        newest = to;
        if step % collect_each == 0 {
            bed.collect(if step % 3 == 0 {
                Extent::Everything
            } else {
                Extent::Nursery
            });
        }
        if step % 29 == 0 {
            let slot = random.below(n_versions);
            check(&mut bed, slot, &models[slot], n_keys);
        }
    }
    for (slot, model) in models.iter().enumerate() {
        check(&mut bed, slot, model, n_keys);
    }
}

#[test]
fn versions_of_small_maps_stay_what_they_were() {
    versions(Bed::new(7), 1, 3_000, 12, 11);
}

#[test]
fn versions_at_the_border_of_rows_stay_what_they_were() {
    versions(Bed::new(9), 2, 5_000, 40, 17);
}

#[test]
fn versions_of_large_maps_stay_what_they_were() {
    versions(Bed::new(11), 3, 6_000, 300, 23);
}

#[test]
fn versions_of_maps_with_integers_in_a_row_stay_what_they_were() {
    for seed in 20..40 {
        versions(Bed::new(9).with_following_keys(), seed, 1_500, 250, 23);
    }
}

#[test]
fn versions_with_integers_in_a_row_survive_collections_at_every_step() {
    versions(Bed::stressed(5).with_following_keys(), 5, 1_500, 100, 1);
}

#[test]
fn versions_survive_collections_at_every_step() {
    versions(Bed::stressed(5), 4, 1_500, 60, 1);
}

#[test]
fn a_version_far_behind_is_read_as_it_was() {
    let mut bed = Bed::new(2);
    bed.kept[0] = bed.map(&[]);
    let mut model = Model::new();
    for number in 0..200 {
        let (key, value) = (key_of(&mut bed, number), bed.int(number as i64));
        bed.kept[0] = bed.vm.map_put(bed.kept[0], key, value).expect("there is memory");
        model.push((number, number as i64));
    }
    bed.kept[1] = bed.kept[0];
    let mut newer = model.clone();
    for step in 0..1_000 {
        let number = step * 7 % 200;
        let (key, value) = (key_of(&mut bed, number), bed.int(-(step as i64)));
        bed.kept[1] = bed.vm.map_put(bed.kept[1], key, value).expect("there is memory");
        newer = put(&newer, number, -(step as i64));
        if step % 50 == 0 {
            bed.collect(Extent::Everything);
        }
        if step == 20 {
            check(&mut bed, 0, &model, 210);
        }
    }
    check(&mut bed, 0, &model, 210);
    check(&mut bed, 1, &newer, 210);
}

#[test]
fn taking_every_pair_from_the_front_keeps_the_order() {
    let mut bed = Bed::new(1);
    let pairs: Vec<Word> = (0..20_000).flat_map(|number| [bed.int(number), NIL]).collect();
    bed.kept[0] = bed.map(&pairs);
    for number in 0..20_000 {
        let (key, _) = bed
            .vm
            .map_cursor(bed.kept[0])
            .expect("it is a map")
            .next()
            .expect("some are left");
        assert_eq!(bed.vm.as_int(key), Some(number));
        bed.kept[0] = bed.vm.map_remove(bed.kept[0], key).expect("there is memory");
    }
    assert_eq!(map_len(bed.kept[0]), Some(0));
}

#[test]
fn a_key_put_again_after_its_removal_goes_to_the_end() {
    let mut bed = Bed::new(1);
    let pairs: Vec<Word> = (0..30).flat_map(|number| [bed.int(number), NIL]).collect();
    bed.kept[0] = bed.map(&pairs);
    let five = bed.int(5);
    for _ in 0..1_000 {
        bed.kept[0] = bed.vm.map_remove(bed.kept[0], five).expect("there is memory");
        bed.kept[0] = bed.vm.map_put(bed.kept[0], five, NIL).expect("there is memory");
        let last = bed.vm.map_cursor(bed.kept[0]).expect("it is a map").last();
        assert_eq!(last, Some((five, NIL)));
    }
}

#[test]
fn immortal_maps_are_never_changed_in_place() {
    let mut bed = Bed::new(1);
    let pairs: Vec<Word> = (0..100).flat_map(|number| [bed.int(number), NIL]).collect();
    bed.vm.heap.immortal = true;
    let constant = bed.map(&pairs);
    bed.vm.heap.immortal = false;
    let text = bed.str("an object of the nursery");
    bed.kept[0] = bed.vm.map_put(constant, text, text).expect("there is memory");
    bed.collect(Extent::Everything);
    let text = bed.str("an object of the nursery");
    assert_eq!(bed.vm.map_get(constant, text), Ok(None));
    let found = bed
        .vm
        .map_get(bed.kept[0], text)
        .expect("the key is immutable")
        .expect("it was put there");
    assert!(bed.vm.equal(found, text));
    assert_eq!(map_len(constant), Some(100));
}

#[test]
fn equal_keys_are_refused_or_overwrite() {
    let mut bed = Bed::new(0);
    for n_others in [2, 40] {
        let mut pairs: Vec<Word> = (0..n_others).flat_map(|number| [bed.int(number), NIL]).collect();
        let first = bed.str("the same key twice");
        let second = bed.str("the same key twice");
        pairs.splice(0..0, [first, NIL]);
        pairs.extend([second, first]);
        assert_eq!(bed.code_of(|vm| vm.new_map(&pairs)), ":map/duplicate");
        let map = bed.vm.map_from_pairs(&pairs).expect("later ones win");
        assert_eq!(
            bed.vm.map_cursor(map).expect("it is a map").next(),
            Some((first, first))
        );
        assert_eq!(map_len(map), Some(n_others as usize + 1));
    }
    assert_eq!(bed.code_of(|vm| vm.new_map(&[NIL])), ":map/odd");
}

#[test]
fn what_can_change_is_no_key() {
    let mut bed = Bed::new(0);
    let make: [fn(&mut Vm) -> Word; 4] = [
        |vm| vm.new_array(0).expect("there is memory"),
        |vm| vm.new_table(0).expect("there is memory"),
        |vm| vm.new_box(NIL).expect("there is memory"),
        |vm| vm.new_buffer(0).expect("there is memory"),
    ];
    for make in make {
        let mutable = make(&mut bed.vm);
        let inside = bed.list(&[mutable]);
        assert_eq!(bed.code_of(|vm| vm.new_map(&[inside, NIL])), ":map/key");
        assert_eq!(bed.code_of(|vm| vm.hash(mutable)), ":map/key");
        let value = bed.map(&[NIL, mutable]);
        assert_eq!(map_len(value), Some(1), "as a value it is fine");
    }
    assert_eq!(unbox(NIL), None);
}

#[test]
fn maps_in_keys_nest_only_so_deep() {
    let mut bed = Bed::new(0);
    let mut map = bed.map(&[]);
    for _ in 0..crate::data::hash::MAX_KEY_NESTING {
        map = bed.map(&[map, NIL]);
    }
    let refused = (0..2).any(|_| match bed.vm.new_map(&[map, NIL]) {
        Ok(deeper) => {
            map = deeper;
            false
        }
        Err(_) => true,
    });
    assert!(refused, "keys in keys have a limit");
}
