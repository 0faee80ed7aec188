//! What follows from a seed, what lies in its range, what raises.

use super::kernel_table;
use crate::generator::Generator;
use sup_kernel::ListKind;
use sup_kernel::fake::{Data, FakeHost};

fn int(data: Result<Data, Data>) -> i64 {
    match data {
        Ok(Data::Int(value)) => value,
        other => panic!("{other:?} is no integer"),
    }
}

fn text(data: Result<Data, Data>) -> String {
    match data {
        Ok(Data::Str(text)) => text,
        other => panic!("{other:?} is no text"),
    }
}

/// The first numbers of the reference implementation for state 1 2 3 4.
#[test]
fn numbers_are_those_of_the_reference() {
    let bytes: Vec<u8> = [1u64, 2, 3, 4]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    let mut generator = Generator::from_bytes(&bytes).expect("four words");
    let first: Vec<u64> = (0..4).map(|_| generator.next()).collect();
    assert_eq!(first, [11520, 0, 1_509_978_240, 1_215_971_899_390_074_240]);
}

#[test]
fn a_seed_repeats() {
    let host = FakeHost::new(kernel_table());
    let draw = |host: &FakeHost| {
        host.call("seed", &[7.into()]).expect("seeds");
        (0..8)
            .map(|_| int(host.call("int_range", &[0.into(), 1000.into()])))
            .collect::<Vec<_>>()
    };
    assert_eq!(draw(&host), draw(&host));
    let own = host.call("generator", &[7.into()]).expect("makes one");
    let again: Vec<i64> = (0..8)
        .map(|_| int(host.call("int-range", &[0.into(), 1000.into(), own.clone()])))
        .collect();
    assert_eq!(draw(&host), again);
}

#[test]
fn integers_lie_in_their_range_and_reach_its_ends() {
    let host = FakeHost::new(kernel_table());
    let drawn: Vec<i64> = (0..500)
        .map(|_| int(host.call("int_range", &[(-2).into(), 2.into()])))
        .collect();
    assert!(drawn.iter().all(|value| (-2..=2).contains(value)));
    assert!((-2..=2).all(|value| drawn.contains(&value)));
    int(host.call("int_range", &[i64::MIN.into(), i64::MAX.into()]));
    assert_eq!(int(host.call("int_range", &[5.into(), 5.into()])), 5);
    assert_eq!(host.raises("int_range", &[2.into(), 1.into()]), "random/range");
    assert_eq!(host.raises("int_range", &[1.0.into(), 2.into()]), "type/mismatch");
}

#[test]
fn reals_lie_in_their_range() {
    let host = FakeHost::new(kernel_table());
    for _ in 0..200 {
        let Ok(Data::Real(value)) = host.call("real_range", &[(-1.5).into(), 2.5.into()]) else {
            panic!("no real")
        };
        assert!((-1.5..2.5).contains(&value));
    }
    assert_eq!(
        host.raises("real_range", &[2.0.into(), 1.0.into()]),
        "random/range"
    );
    assert_eq!(
        host.raises("real_range", &[0.0.into(), f64::INFINITY.into()]),
        "random/range"
    );
    assert_eq!(
        host.raises("real_range", &[f64::NAN.into(), 1.0.into()]),
        "random/range"
    );
}

#[test]
fn texts_are_of_their_pool() {
    let host = FakeHost::new(kernel_table());
    let printable = text(host.call("string", &[2000.into()]));
    assert!(printable.len() == 2000 && printable.bytes().all(|byte| byte.is_ascii_graphic()));
    let alpha = text(host.call("string_alpha", &[2000.into()]));
    assert!(alpha.len() == 2000 && alpha.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(text(host.call("string", &[0.into()])), "");
    assert_eq!(host.raises("string", &[(-1).into()]), "random/size");
    assert_eq!(
        host.raises("string", &[1_000_000_000_000_000.into()]),
        "random/size"
    );
}

#[test]
fn lists_keep_their_elements() {
    let host = FakeHost::new(kernel_table());
    let nested = Data::List(ListKind::Square, (0..20).map(|n| Data::list([n])).collect());
    let Ok(Data::List(ListKind::Square, mut shuffled)) = host.call("shuffle", &[nested]) else {
        panic!("no list")
    };
    shuffled.sort_by_key(Data::to_string);
    let mut expected: Vec<Data> = (0..20).map(|n| Data::list([n])).collect();
    expected.sort_by_key(Data::to_string);
    assert_eq!(shuffled, expected);
    assert_eq!(host.call("choice", &[Data::list(["only"])]), Ok("only".into()));
    assert_eq!(host.raises("choice", &[Data::list::<i64>([])]), "random/range");
    assert_eq!(host.raises("shuffle", &[1.into()]), "type/mismatch");
}

#[test]
fn the_next_generation_goes_on_where_the_last_one_stopped() {
    let first = FakeHost::new(kernel_table());
    first.call("seed", &[1.into()]).expect("seeds");
    let saved = first.save();
    let expected = int(first.call("int_range", &[0.into(), i64::MAX.into()]));
    let second = FakeHost::with_saved(kernel_table(), Some((1, &saved)));
    assert_eq!(
        int(second.call("int_range", &[0.into(), i64::MAX.into()])),
        expected
    );
}
