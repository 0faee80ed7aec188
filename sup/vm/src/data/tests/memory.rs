//! Memory: large objects across collections, marking between changes, and what counts against the quota.

use std::sync::atomic::{AtomicUsize, Ordering};

use sup_abi::word::{NIL, Word};

use super::{Bed, Random};
use crate::collect::Extent;
use crate::data::{array_items, list_items, text_of};
use crate::heap::ResourceObject;
use crate::object::Obj;

/// Stores fresh texts at random places of large arrays, moves them about, and compares with a model.
fn arrays_against_model(mut bed: Bed, n_items: usize, n_steps: usize) {
    let mut random = Random(7);
    let mut model = vec![[0usize; 2]; n_items];
    for kept in 0..2 {
        let items: Vec<Word> = vec![NIL; n_items];
        bed.kept[kept] = bed.vm.new_array_of(&items).expect("there is memory");
    }
    for step in 1..n_steps {
        let (to, from) = (random.below(2), random.below(2));
        let (place, source) = (random.below(n_items), random.below(n_items));
        let (index, source_index) = (bed.int(place as i64), bed.int(source as i64));
        if random.below(3) == 0 {
            // What moves from one old object to another must not be missed by a marking that has seen only one of them.
            let moved = bed
                .vm
                .array_get(bed.kept[from], source_index)
                .expect("it lies there");
            bed.vm
                .array_set(bed.kept[to], index, moved)
                .expect("it lies there");
            bed.vm
                .array_set(bed.kept[from], source_index, NIL)
                .expect("it lies there");
            model[place][to] = std::mem::take(&mut model[source][from]);
            if (place, to) == (source, from) {
                model[place][to] = 0;
            }
        } else {
            let text = bed.str(&format!("a text of the nursery: {step}"));
            bed.vm
                .array_set(bed.kept[to], index, text)
                .expect("it lies there");
            model[place][to] = step;
        }
        if step % 50 == 0 {
            bed.vm.array_edit(bed.kept[to]).expect("it is an array").reverse();
            let mut column: Vec<usize> = model.iter().map(|row| row[to]).collect();
            column.reverse();
            for (row, number) in model.iter_mut().zip(column) {
                row[to] = number;
            }
        }
        bed.collect(if step % 97 == 0 {
            Extent::Everything
        } else {
            Extent::Nursery
        });
    }
    for kept in 0..2 {
        let items = array_items(bed.kept[kept]).expect("it is an array");
        for (item, row) in items.iter().zip(&model) {
            let wanted = format!("a text of the nursery: {}", row[kept]);
            match row[kept] {
                0 => assert_eq!(*item, NIL),
                _ => assert_eq!(text_of(item), Some(wanted.as_str())),
            }
        }
    }
}

#[test]
fn large_arrays_keep_what_is_stored_anywhere_in_them() {
    arrays_against_model(Bed::new(2), 5_000, 2_000);
    arrays_against_model(Bed::new(2), 200, 2_000);
}

#[test]
fn arrays_keep_what_moves_while_it_is_marked() {
    arrays_against_model(Bed::stressed(2), 2_000, 800);
    arrays_against_model(Bed::stressed(2), 300, 800);
}

#[test]
fn long_lists_and_arrays_grow_where_they_are() {
    let mut bed = Bed::new(2);
    bed.kept[0] = bed.list(&[]);
    bed.kept[1] = bed.vm.new_array(0).expect("there is memory");
    let mut moves = [0, 0];
    let mut places = [0, 0];
    for number in 0..2_000_000 {
        let item = bed.int(number);
        bed.kept[0] = bed.vm.list_push(bed.kept[0], item).expect("there is memory");
        bed.vm.array_push(bed.kept[1], item).expect("there is memory");
        if number % 4096 == 0 {
            bed.collect(Extent::Nursery);
        }
        for kept in 0..2 {
            let place = Obj::from_word(bed.kept[kept]).expect("it is an object").get(1);
            moves[kept] += u32::from(place != std::mem::replace(&mut places[kept], place));
        }
    }
    assert!(moves.iter().all(|moves| *moves < 40), "{moves:?}");
    bed.collect(Extent::Everything);
    let lists = [list_items(bed.kept[0]), array_items(bed.kept[1])];
    for items in lists.into_iter().flatten() {
        assert_eq!(items.len(), 2_000_000);
        for (number, item) in items.iter().enumerate() {
            assert_eq!(bed.vm.as_int(*item), Some(number as i64));
        }
    }
    assert!(bed.vm.heap.used_bytes() < 2 * 21 * 1024 * 1024);
}

#[test]
fn shared_bytes_count_once_and_as_long_as_a_part_lives() {
    let mut bed = Bed::new(2);
    let before = bed.vm.heap.used_bytes();
    bed.kept[0] = bed.vm.new_string("x".repeat(1_000_000)).expect("there is memory");
    let parts: Vec<Word> = (0..100)
        .map(|from| {
            bed.vm
                .str_slice(bed.kept[0], from, 900_000)
                .expect("it lies in it")
        })
        .collect();
    let used = bed.vm.heap.used_bytes() - before;
    assert!((1_000_000..1_200_000).contains(&used), "{used}");
    bed.kept[1] = parts[7];
    bed.kept[0] = NIL;
    bed.collect(Extent::Everything);
    assert!(bed.vm.heap.used_bytes() - before >= 1_000_000);
    bed.kept[1] = NIL;
    bed.collect(Extent::Everything);
    assert!(bed.vm.heap.used_bytes() - before < 100_000);
}

struct Growing(&'static AtomicUsize);

impl ResourceObject for Growing {
    fn type_name(&self) -> &str {
        "growing"
    }

    fn extra_bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

#[test]
fn what_a_resource_keeps_is_counted_as_it_changes() {
    static KEPT: AtomicUsize = AtomicUsize::new(5_000_000);
    let mut bed = Bed::new(1);
    let resource = bed.vm.heap.alloc_resource(Box::new(Growing(&KEPT)));
    bed.kept[0] = resource.expect("there is memory").word();
    assert!(bed.vm.heap.used_bytes() >= 5_000_000);
    KEPT.store(9_000_000, Ordering::Relaxed);
    bed.collect(Extent::Everything);
    assert!(bed.vm.heap.used_bytes() >= 9_000_000);
    KEPT.store(1_000, Ordering::Relaxed);
    bed.kept[0] = NIL;
    bed.collect(Extent::Everything);
    assert!(bed.vm.heap.used_bytes() < 1_000_000);
}

#[test]
fn a_resource_beyond_the_quota_is_refused() {
    static KEPT: AtomicUsize = AtomicUsize::new(2 << 30);
    let mut bed = Bed::new(0);
    assert!(bed.vm.heap.alloc_resource(Box::new(Growing(&KEPT))).is_err());
}

#[test]
fn copies_of_old_versions_are_paid_for() {
    let mut bed = Bed::new(2);
    let words: Vec<Word> = (0..20_000).map(|number| bed.int(number)).collect();
    bed.kept[0] = bed.vm.new_map(&words).expect("the keys differ");
    let key = bed.int(0);
    bed.kept[1] = bed.vm.map_put(bed.kept[0], key, NIL).expect("there is memory");
    let paid = bed.vm.heap.charge;
    bed.vm.map_put(bed.kept[0], key, key).expect("there is memory");
    assert!(
        bed.vm.heap.charge >= paid + 10_000,
        "{} {paid}",
        bed.vm.heap.charge
    );
    bed.kept[0] = bed.list(&words);
    let paid = bed.vm.heap.charge;
    bed.vm.list_set(bed.kept[0], 5, NIL).expect("it lies there");
    assert!(
        bed.vm.heap.charge >= paid + 2_000,
        "{} {paid}",
        bed.vm.heap.charge
    );
}
