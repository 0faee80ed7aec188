//! Record types and their instances.

use sup_abi::word::{NIL, Word};
use sup_code::{TypeBase, TypeSpec};

use super::Bed;
use crate::collect::Extent;
use crate::data::records::{self, define};
use crate::data::{LoadedType, instance_get, type_keyword};
use crate::error::keyword;

fn spec(base: TypeBase) -> TypeSpec {
    TypeSpec {
        base,
        optional: false,
    }
}

fn form(name: &str) -> LoadedType {
    LoadedType::new(&spec(TypeBase::Form(name.to_owned())))
}

fn point(name: &str) -> &'static records::RecordType {
    define(
        name,
        &[
            (Some("x".to_owned()), spec(TypeBase::Real)),
            (Some("y".to_owned()), spec(TypeBase::Real)),
        ],
    )
}

#[test]
fn casting_to_a_form_checks_count_and_types() {
    let mut bed = Bed::new(1);
    point("checks/point");
    let wanted = form("checks/point");
    let (x, y, one) = (bed.real(1.5), bed.real(2.5), bed.int(1));
    let list = bed.list(&[x, y]);
    bed.kept[0] = bed.vm.cast(&wanted, list).expect("the fields fit");
    bed.collect(Extent::Everything);
    assert_eq!(bed.vm.repr(bed.kept[0]), "#<point :x 1.5 :y 2.5>");
    assert!(bed.vm.is_type(bed.kept[0], &wanted));
    assert!(!bed.vm.is_type(list, &wanted));
    assert_eq!(type_keyword(bed.kept[0]), keyword("point"));
    let from_map = bed.map(&[keyword("y"), y, keyword("x"), x]);
    let same = bed.vm.cast(&wanted, from_map).expect("the fields fit");
    assert!(bed.vm.equal(same, bed.kept[0]));
    assert_eq!(bed.vm.hash(same), bed.vm.hash(bed.kept[0]));
    let wrong: [&[Word]; 3] = [&[x], &[x, y, y], &[]];
    for fields in wrong {
        let list = bed.list(fields);
        assert_eq!(bed.code_of(|vm| vm.cast(&wanted, list)), ":type/fields");
    }
    let list = bed.list(&[x, one]);
    assert_eq!(bed.code_of(|vm| vm.cast(&wanted, list)), ":type/mismatch");
    for pairs in [
        vec![keyword("x"), x],
        vec![keyword("x"), x, keyword("y"), y, keyword("z"), y],
    ] {
        let map = bed.map(&pairs);
        assert_eq!(bed.code_of(|vm| vm.cast(&wanted, map)), ":type/fields");
    }
    assert_eq!(
        bed.code_of(|vm| vm.cast(&form("checks/nothing"), list)),
        ":type/unknown-form"
    );
}

#[test]
fn fields_are_found_by_name_and_place() {
    let mut bed = Bed::new(0);
    let record = point("found/point");
    let (x, y) = (bed.real(1.5), bed.real(2.5));
    let instance = bed.vm.new_instance(record, &[x, y]).expect("the fields fit");
    let (first, last) = (bed.int(0), bed.int(-1));
    assert_eq!(bed.vm.at(keyword("x"), instance), Ok(x));
    assert_eq!(bed.vm.at(last, instance), Ok(y));
    assert_eq!(instance_get(instance, first), Some(x));
    assert_eq!(instance_get(instance, keyword("z")), None);
    let moved = bed
        .vm
        .instance_put(instance, keyword("x"), y)
        .expect("the value fits");
    assert_eq!(
        (instance_get(moved, first), instance_get(instance, first)),
        (Some(y), Some(x))
    );
    assert_eq!(
        bed.code_of(|vm| vm.instance_put(instance, keyword("x"), NIL)),
        ":type/mismatch"
    );
    assert_eq!(
        bed.code_of(|vm| vm.instance_put(instance, keyword("z"), x)),
        ":index/range"
    );
    assert_eq!(bed.vm.count_of(instance), Ok(2));
    let data = bed.vm.instance_data(instance).expect("there is memory");
    assert_eq!(bed.vm.repr(data), "{:x 1.5 :y 2.5}");
}

#[test]
fn instances_count_as_brace_lists() {
    let mut bed = Bed::new(0);
    let record = define(
        "lists/pair",
        &[(None, spec(TypeBase::Int)), (None, spec(TypeBase::Any))],
    );
    let one = bed.int(1);
    let pair = bed.vm.new_instance(record, &[one, NIL]).expect("the fields fit");
    assert_eq!(bed.vm.repr(pair), "#<pair 1 nil>");
    let list = LoadedType::new(&spec(TypeBase::List));
    assert!(bed.vm.is_type(pair, &list));
    let cast = bed
        .vm
        .cast(&LoadedType::new(&spec(TypeBase::ListBrace)), pair)
        .expect("there is memory");
    assert_eq!(bed.vm.repr(cast), "{1 nil}");
    let rest = bed.vm.slice_from(pair, 1).expect("there is memory");
    assert_eq!(bed.vm.repr(rest), "{nil}");
    let text = bed.str("two");
    assert_eq!(
        bed.code_of(|vm| vm.new_instance(record, &[text, NIL])),
        ":type/mismatch"
    );
}

#[test]
fn defining_anew_keeps_old_instances() {
    let mut bed = Bed::new(0);
    let old = define("again/thing", &[(Some("a".to_owned()), spec(TypeBase::Int))]);
    let one = bed.int(1);
    let instance = bed.vm.new_instance(old, &[one]).expect("the field fits");
    assert!(std::ptr::eq(
        old,
        define("again/thing", &[(Some("a".to_owned()), spec(TypeBase::Int))])
    ));
    let new = define("again/thing", &[(Some("b".to_owned()), spec(TypeBase::Int))]);
    assert_eq!(old.id, new.id);
    assert_eq!(records::find("again/thing"), Some(new));
    assert_eq!(instance_get(instance, keyword("a")), Some(one));
    assert!(bed.vm.is_type(instance, &form("again/thing")));
    let other = bed.vm.new_instance(new, &[one]).expect("the field fits");
    assert!(!bed.vm.equal(instance, other));
}

#[test]
fn instances_travel_by_the_name_of_their_form() {
    let mut bed = Bed::new(0);
    let record = point("travel/point");
    let (x, y) = (bed.real(1.5), bed.real(2.5));
    let instance = bed.vm.new_instance(record, &[x, y]).expect("the fields fit");
    let flat = bed.vm.to_flat(instance).expect("it can be sent");
    assert_eq!(flat.names, ["travel/point"]);
    let back = bed.vm.from_flat(&flat).expect("the form is known");
    assert!(bed.vm.equal(instance, back));
    let mut other = flat;
    other.names[0] = "travel/unknown".to_owned();
    assert_eq!(bed.code_of(|vm| vm.from_flat(&other)), ":wire/unknown-form");
}
