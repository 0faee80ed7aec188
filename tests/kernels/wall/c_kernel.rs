//! The kernel in C: built with `cc`, loaded, called.

use crate::build::{fixtures, library};
use crate::machine::{Argument, call, load, machine};
use sup_host::{Services, declaration};

#[test]
fn a_kernel_in_c_has_fewer_than_forty_lines() {
    let text = std::fs::read_to_string(fixtures().join("tally.c")).expect("reads");
    assert!(text.lines().count() < 40, "{}", text.lines().count());
}

#[test]
fn a_kernel_in_c_is_loaded_and_called() {
    let kernel = load(&library("tally.c", "tally", &[])).expect("loads");
    assert_eq!((kernel.name(), kernel.version()), ("tally", "1.0.0"));
    let mut vm = machine(&[&kernel], Services::default());
    let int = Argument::Int;
    assert_eq!(call(&mut vm, "tally/add", &[int(40), int(2)]), "42");
    assert_eq!(call(&mut vm, "tally/add", &[int(i64::MAX), int(i64::MIN)]), "-1");
    assert_eq!(
        call(&mut vm, "tally/add", &[int(i64::MAX), int(0)]),
        i64::MAX.to_string()
    );
    assert_eq!(
        call(&mut vm, "tally/add", &[int(i64::MAX), int(1)]),
        "raises alu/overflow"
    );
    assert_eq!(
        call(&mut vm, "tally/add", &[int(1), Argument::Str("2")]),
        "raises type/mismatch"
    );
    assert_eq!(call(&mut vm, "tally/add", &[int(1)]), "raises call/arity");
    assert_eq!(call(&mut vm, "tally/count", &[]), "1");
    assert_eq!(call(&mut vm, "tally/count", &[]), "2");
    assert_eq!(
        call(&mut vm, "tally/twice", &[Argument::Primitive("%not"), int(0)]),
        "false"
    );
    assert_eq!(
        call(&mut vm, "tally/twice", &[int(7), int(0)]),
        "raises call/not-callable"
    );
    let nested = [
        Argument::Primitive("tally/twice"),
        Argument::Primitive("%not"),
        int(0),
    ];
    assert_eq!(call(&mut vm, "tally/twice", &nested), "raises call/arity");
}

#[test]
fn isolates_share_a_kernels_state() {
    let kernel = load(&library("tally.c", "tally", &[])).expect("loads");
    let mut threads = Vec::new();
    for _ in 0..4 {
        let kernel = kernel.clone();
        threads.push(std::thread::spawn(move || {
            let mut vm = machine(&[&kernel], Services::default());
            for _ in 0..500 {
                call(&mut vm, "tally/count", &[]);
            }
        }));
    }
    for thread in threads {
        thread.join().expect("the isolate lives");
    }
    // `count` has no lock of its own: the host lets one thread at a time into it.
    let mut vm = machine(&[&kernel], Services::default());
    assert_eq!(call(&mut vm, "tally/count", &[]), "2001");
}

#[test]
fn two_loads_of_one_library_share_nothing() {
    let path = library("tally.c", "tally", &[]);
    let (one, other) = (load(&path).expect("loads"), load(&path).expect("loads"));
    let mut first = machine(&[&one], Services::default());
    let mut second = machine(&[&other], Services::default());
    assert_eq!(call(&mut first, "tally/count", &[]), "1");
    assert_eq!(call(&mut second, "tally/count", &[]), "1");
}

#[test]
fn a_c_kernel_describes_itself() {
    let kernel = load(&library("tally.c", "tally", &[])).expect("loads");
    let text = declaration::describe(&kernel);
    assert!(
        text.contains("#(define-kernel tally \"libkernel_tally."),
        "{text}"
    );
    assert!(
        text.contains("(define-function add (a :int b :int) :int"),
        "{text}"
    );
    assert!(
        text.contains("{:flags {pure leaf mt} :intrinsic add-int}"),
        "{text}"
    );
}
