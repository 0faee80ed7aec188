//! Values on their way between heaps: what arrives is what was sent, nothing is freed early or kept for ever.

use std::sync::Arc;

use sup_abi::word::{NIL, Word, fixnum};

use super::Parcel;
use crate::collect::Extent;
use crate::data::{BRACE, PAREN, error_field, list_items, map_len, text_of};
use crate::error::field;
use crate::heap::Heap;
use crate::object::{Kind, Obj, kind_of};
use crate::vm::{Limits, Vm};

fn small(mebibytes: usize) -> Box<Vm> {
    Vm::new(Limits {
        memory_bytes: mebibytes << 20,
        ..Limits::generous()
    })
}

fn send(from: &mut Vm, word: Word) -> Parcel {
    match from.pack(word, "it") {
        Ok(parcel) => parcel,
        Err(_) => panic!("refused: {:?}", code(from)),
    }
}

fn code(vm: &mut Vm) -> String {
    let code = error_field(vm.pending, field::CODE).unwrap_or(NIL);
    vm.repr(code)
}

fn list(vm: &mut Vm, items: &[Word]) -> Word {
    vm.new_list(BRACE, items).expect("there is memory")
}

fn text(vm: &mut Vm, text: &str) -> Word {
    vm.new_str(text).expect("there is memory")
}

/// Sends a value to another machine, which lets its garbage be collected before it looks.
fn check_arrives(from: &mut Vm, word: Word) {
    let shown = from.repr(word);
    for stress in [false, true] {
        let mut to = Vm::for_tests();
        if stress {
            to.set_stress();
        }
        let parcel = send(from, word);
        let got = to.unpack(parcel).expect("there is memory");
        let kept = to.keep(got);
        for extent in [Extent::Nursery, Extent::Everything, Extent::Everything] {
            to.collect(extent);
            let got = to.kept(&kept);
            assert_eq!(to.repr(got), shown);
        }
        // What came over is as good as what was made here.
        let got = to.kept(&kept);
        let back = send(&mut to, got);
        drop(to);
        let back = from.unpack(back).expect("there is memory");
        assert!(from.equal(back, word), "{shown} came back as something else");
    }
}

#[test]
fn every_kind_of_value_arrives() {
    let vm = &mut *Vm::for_tests();
    let short = text(vm, "short");
    let long = text(vm, "longer than a word");
    let outside = text(vm, &"outside of the heap ".repeat(100));
    let big = vm.new_int(i64::MAX).expect("there is memory");
    let real = vm.new_real(1e300).expect("there is memory");
    let bytes = vm.new_bytes(&[7; 2000]).expect("there is memory");
    let name = crate::error::keyword("name");
    let error = vm.make_error("app/lost", "gone", long).expect("there is memory");
    let quoted = vm.new_quoted(0, short).expect("there is memory");
    let map = vm
        .new_map(&[name, outside, short, big, big, NIL])
        .expect("there is memory");
    let all = [
        short, long, outside, big, real, bytes, name, error, quoted, map, NIL,
    ];
    for word in all {
        check_arrives(vm, word);
    }
    let row = list(vm, &all);
    check_arrives(vm, row);
    let spanned = vm
        .new_list_with_span(PAREN, &all, (3, 9))
        .expect("there is memory");
    check_arrives(vm, spanned);
}

#[test]
fn views_large_lists_and_versions_of_maps_arrive() {
    let vm = &mut *Vm::for_tests();
    let texts: Vec<Word> = (0..2000)
        .map(|n| text(vm, &format!("item {n} of many")))
        .collect();
    let row = list(vm, &texts);
    check_arrives(vm, row);
    let part = vm.list_slice(row, 100, 1500).expect("it lies in the list");
    check_arrives(vm, part);
    let pairs: Vec<Word> = texts.iter().flat_map(|text| [*text, row]).take(200).collect();
    let map = vm.map_from_pairs(&pairs).expect("there is memory");
    check_arrives(vm, map);
    let key = text(vm, "one more");
    let numbers: Vec<Word> = (3..300)
        .flat_map(|n| [n, n * n])
        .map(|n| fixnum(n).expect("it is small"))
        .collect();
    let row = vm.map_from_pairs(&numbers).expect("there is memory");
    check_arrives(vm, row);
    let later = vm.map_put(map, key, key).expect("there is memory");
    let other = vm.map_put(map, texts[0], NIL).expect("there is memory");
    for version in [map, later, other] {
        check_arrives(vm, version);
    }
    assert_eq!(map_len(map).map(|n| n + 1), map_len(later));
}

#[test]
fn long_texts_are_shared_and_short_lists_are_not() {
    let (mut from, mut to) = (Vm::for_tests(), Vm::for_tests());
    let outside = text(&mut from, &"x".repeat(10_000));
    let parcel = send(&mut from, outside);
    let got = to.unpack(parcel).expect("there is memory");
    let address = |word: &Word| text_of(word).map(str::as_ptr);
    assert_eq!(address(&got), address(&outside));
    let obj = Obj::from_word(got).expect("a long text is an object");
    assert_eq!(Arc::strong_count(&Heap::shared_of(obj)), 3);
    drop(from);
    to.collect(Extent::Everything);
    drop(to);
}

#[test]
fn a_frozen_region_goes_along_without_a_copy() {
    let (mut from, mut to) = (Vm::for_tests(), Vm::for_tests());
    let texts: Vec<Word> = (0..2000)
        .map(|n| text(&mut from, &format!("item {n} of many")))
        .collect();
    let row = list(&mut from, &texts);
    let frozen = from.in_region(row);
    assert_ne!(frozen, row);
    assert_eq!(from.in_region(frozen), frozen);
    let inner = list(&mut from, &[NIL, frozen]);
    let parcel = send(&mut from, inner);
    let got = to.unpack(parcel).expect("there is memory");
    assert_eq!(list_items(got).and_then(|items| items.get(1)), Some(&frozen));
    let kept = to.keep(frozen);
    drop(from);
    to.collect(Extent::Everything);
    let held = to.heap.used_bytes();
    let frozen = to.kept(&kept);
    assert_eq!(list_items(frozen).map(<[Word]>::len), Some(2000));
    let last = list_items(frozen).expect("it is a list")[1999];
    assert_eq!(text_of(&last), Some("item 1999 of many"));
    to.release(kept);
    to.collect(Extent::Everything);
    assert!(to.heap.used_bytes() + 16_000 < held, "the region is given back");
}

#[test]
fn a_region_named_through_another_stays() {
    let mut vm = Vm::for_tests();
    let texts: Vec<Word> = (0..1000)
        .map(|n| text(&mut vm, &format!("item {n} of many")))
        .collect();
    let row = list(&mut vm, &texts);
    let inner = vm.in_region(row);
    let around: Vec<Word> = std::iter::repeat_n(inner, 600).collect();
    let row = list(&mut vm, &around);
    let outer = vm.in_region(row);
    assert_ne!(outer, row);
    let outer = vm.keep(outer);
    vm.collect(Extent::Everything);
    vm.collect(Extent::Everything);
    let word = vm.kept(&outer);
    let taken = list_items(word).expect("it is a list")[599];
    let taken = vm.keep(taken);
    vm.release(outer);
    vm.collect(Extent::Everything);
    vm.collect(Extent::Everything);
    let word = vm.kept(&taken);
    let last = list_items(word).expect("it is a list")[999];
    assert_eq!(text_of(&last), Some("item 999 of many"));
}

#[test]
fn what_is_mutable_is_refused_and_nothing_leaks() {
    let mut vm = Vm::for_tests();
    let outside = text(&mut vm, &"x".repeat(10_000));
    let array = vm.new_array(0).expect("there is memory");
    let key = crate::error::keyword("items");
    let map = vm.new_map(&[key, array]).expect("there is memory");
    let row = list(&mut vm, &[outside, map]);
    assert!(vm.pack(row, "it").is_err());
    assert_eq!(code(&mut vm), ":isolate/not-sendable");
    let message = error_field(vm.pending, field::MESSAGE).expect("it is an error");
    assert_eq!(
        text_of(&message),
        Some(
            "it cannot be sent to another isolate: it holds an array, at 1 > :items (freeze makes a value of it)"
        )
    );
    let obj = Obj::from_word(outside).expect("a long text is an object");
    assert_eq!(Arc::strong_count(&Heap::shared_of(obj)), 2);
}

#[test]
fn a_parcel_that_nobody_opens_gives_back_what_it_counts() {
    let mut vm = Vm::for_tests();
    let outside = text(&mut vm, &"x".repeat(10_000));
    let few = list(&mut vm, &[outside, NIL]);
    let many = list(&mut vm, &vec![outside; 1000]);
    for word in [outside, few, many] {
        drop(send(&mut vm, word));
    }
    let obj = Obj::from_word(outside).expect("a long text is an object");
    assert_eq!(Arc::strong_count(&Heap::shared_of(obj)), 2);
}

#[test]
fn a_copy_is_no_larger_than_the_quota() {
    let mut vm = small(4);
    let row = list(&mut vm, &vec![NIL; 100_000]);
    let parts: Vec<Word> = (1..100)
        .map(|start| vm.list_slice(row, start, 90_000).expect("it lies in the list"))
        .collect();
    let parts = list(&mut vm, &parts);
    assert!(vm.pack(parts, "it").is_err());
    assert!(vm.out_of_memory);
}

#[test]
fn what_does_not_fit_the_receiver_is_refused() {
    let (mut from, mut to) = (Vm::for_tests(), small(1));
    let row = list(&mut from, &vec![NIL; 400_000]);
    let parcel = send(&mut from, row);
    assert!(to.unpack(parcel).is_err());
    assert!(to.out_of_memory);
}

#[test]
fn two_threads_send_to_and_fro() {
    const ROUNDS: usize = 400;
    let (to_other, from_here) = std::sync::mpsc::channel::<Parcel>();
    let (to_here, from_other) = std::sync::mpsc::channel::<Parcel>();
    let other = std::thread::spawn(move || {
        let mut vm = small(64);
        for parcel in from_here {
            let got = vm.unpack(parcel).expect("there is memory");
            let more = text(&mut vm, &"from the other side ".repeat(40));
            let longer = vm.list_push(got, more).expect("it is a list");
            let answer = send(&mut vm, longer);
            if to_here.send(answer).is_err() {
                return;
            }
            vm.collect(Extent::Nursery);
        }
    });
    let mut vm = small(64);
    let empty = list(&mut vm, &[]);
    let mut kept = vm.keep(empty);
    for round in 0..ROUNDS {
        let row = vm.kept(&kept);
        // Small, large and frozen values take turns.
        let row = match round % 50 {
            0 => list(&mut vm, &[]),
            25 => {
                let grown: Vec<Word> = (0..600).map(|n| text(&mut vm, &format!("number {n}"))).collect();
                let grown = list(&mut vm, &grown);
                vm.in_region(grown)
            }
            _ => row,
        };
        let parcel = send(&mut vm, row);
        to_other.send(parcel).expect("the other thread is there");
        let back = from_other.recv().expect("the other thread is there");
        let got = vm.unpack(back).expect("there is memory");
        let n_before = list_items(row).map_or(0, <[Word]>::len);
        assert_eq!(list_items(got).map(<[Word]>::len), Some(n_before + 1));
        vm.release(kept);
        kept = vm.keep(got);
        vm.collect(if round % 7 == 0 {
            Extent::Everything
        } else {
            Extent::Nursery
        });
    }
    drop(to_other);
    other.join().expect("the other thread does not panic");
}

#[test]
fn an_image_follows_the_module_variables() {
    let mut vm = Vm::for_tests();
    let long = text(&mut vm, "longer than a word");
    let many: Vec<Word> = (0..2000)
        .map(|n| text(&mut vm, &format!("item {n} of many")))
        .collect();
    let many = list(&mut vm, &many);
    let array = vm.new_array(0).expect("there is memory");
    vm.set_cell("image-test", "long", long);
    vm.set_cell("image-test", "many", many);
    vm.set_cell("image-test", "array", array);
    let first = vm.image(&[long]).expect("there is memory");
    vm.collect(Extent::Everything);
    let long = vm.cell("image-test", "long").expect("it was set");
    let again = vm.image(&[long]).expect("there is memory");
    assert!(Arc::ptr_eq(&first, &again), "nothing has changed");
    let (mut other, extra) = Vm::of_image(Limits::generous(), &first);
    assert_eq!(text_of(&other.kept(&extra[0])), Some("longer than a word"));
    assert_eq!(other.cell("image-test", "array"), None);
    let number = crate::cells::find("image-test", "array").expect("it has a number");
    other.raise_unbound_cell(number);
    let message = error_field(other.pending, field::MESSAGE).expect("it is an error");
    assert_eq!(
        text_of(&message),
        Some(
            "array of module image-test stays in the isolate that set it: it is an array (freeze makes a value of it)"
        )
    );
    let other_many = other.cell("image-test", "many").expect("it is in the image");
    assert_eq!(
        vm.cell("image-test", "many"),
        Some(other_many),
        "both name one region"
    );
    vm.set_cell("image-test", "long", NIL);
    vm.set_cell("image-test", "many", NIL);
    let second = vm.image(&[]).expect("there is memory");
    drop((first, again));
    vm.collect(Extent::Everything);
    drop(vm);
    other.collect(Extent::Everything);
    let last = list_items(other_many).expect("it is a list")[1999];
    assert_eq!(text_of(&last), Some("item 1999 of many"));
    let (third, _) = Vm::of_image(Limits::generous(), &second);
    assert_eq!(third.cell("image-test", "many"), Some(NIL));
}

#[test]
fn a_handle_keeps_the_answer_and_the_machine_does_not() {
    let mut vm = Vm::for_tests();
    let (promise, handle) = vm.isolate_handle(Box::new(|| {})).expect("there is memory");
    let handle = vm.keep(handle);
    let word = vm.kept(&handle);
    assert_eq!(vm.answer_of(word), Ok(None));
    assert!(
        vm.inbox()
            .settle_with(promise, Box::new(|vm| vm.new_str(&"the answer ".repeat(1000))))
    );
    let yielding = crate::primitives::value(crate::primitives::id("%yield"));
    vm.call(yielding, &[]).expect("it runs");
    vm.collect(Extent::Everything);
    let word = vm.kept(&handle);
    let answer = vm
        .answer_of(word)
        .expect("it did not raise")
        .expect("it was settled");
    assert_eq!(kind_of(answer), Some(Kind::BigStr));
    let held = vm.heap.used_bytes();
    vm.release(handle);
    vm.collect(Extent::Everything);
    assert!(
        vm.heap.used_bytes() + 10_000 < held,
        "the answer is gone with its handle"
    );
}

#[test]
fn a_machine_that_rests_gives_back_what_nobody_names() {
    let mut vm = Vm::for_tests();
    let texts: Vec<Word> = (0..50_000)
        .map(|n| text(&mut vm, &format!("item {n} of many")))
        .collect();
    let kept = list(&mut vm, &texts);
    let kept = vm.keep(kept);
    vm.collect(Extent::Nursery);
    let held = vm.heap.used_bytes();
    vm.release(kept);
    vm.rest();
    assert!(vm.heap.used_bytes() < held / 10, "{held} bytes before");
    let majors = vm.heap.stats().major;
    for _ in 0..10 {
        vm.rest();
    }
    assert_eq!(vm.heap.stats().major, majors, "nothing was added");
    let word = text(&mut vm, "made after the rest");
    check_arrives(&mut vm, word);
}
