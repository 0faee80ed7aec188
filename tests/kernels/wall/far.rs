//! What a kernel in C does beyond a call: it posts from threads, goes on after functions that wait, measures, registers
//! stages, and logs under its name.

use crate::build::library;
use crate::machine::{Argument, call, load, machine};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use sup_host::{Kernel, Services};
use sup_vm::vm::Vm;

/// The kernel keeps what it pins in one place, so its tests come one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn far() -> Arc<Kernel> {
    static FAR: OnceLock<Arc<Kernel>> = OnceLock::new();
    FAR.get_or_init(|| load(&library("far.c", "far", &[])).expect("loads"))
        .clone()
}

fn with_far() -> Box<Vm> {
    machine(&[&far()], Services::default())
}

const LATER: Argument<'_> = Argument::Primitive("far/later");

#[test]
fn a_thread_posts_to_a_pinned_function() {
    let _alone = alone();
    let mut vm = with_far();
    assert_eq!(call(&mut vm, "far/keep", &[Argument::Primitive("%count")]), "nil");
    let list = Argument::List(vec![Argument::Int(1), Argument::Int(2)]);
    assert_eq!(call(&mut vm, "far/post", &[list]), "2");
    // What is posted to may wait, and may raise.
    call(&mut vm, "far/keep", &[LATER]);
    assert_eq!(
        call(&mut vm, "far/post", &[Argument::Str("waited for")]),
        "\"waited for\""
    );
    assert_eq!(call(&mut vm, "far/post", &[]), "raises call/arity");
    call(&mut vm, "far/let-go", &[]);
    assert_eq!(
        call(&mut vm, "far/post", &[Argument::Int(1)]),
        "raises far/refused"
    );
}

#[test]
fn a_primitive_goes_on_after_a_function_that_waits() {
    let _alone = alone();
    let mut vm = with_far();
    let times = |vm: &mut Vm, n: i64| call(vm, "far/times", &[LATER, Argument::Int(n), Argument::Int(7)]);
    assert_eq!(times(&mut vm, 1), "7");
    assert_eq!(times(&mut vm, 200), "7");
    let raises = [Argument::Primitive("%nth"), Argument::Int(1), Argument::Int(7)];
    assert_eq!(call(&mut vm, "far/times", &raises), "\"caught\"");
    assert_eq!(call(&mut vm, "far/and-wait", &[LATER, Argument::Int(8)]), "8");
    assert_eq!(
        call(&mut vm, "far/and-lie", &[LATER, Argument::Int(8)]),
        "raises kernel/throw"
    );
    assert_eq!(
        call(
            &mut vm,
            "far/times",
            &[Argument::Int(1), Argument::Int(1), Argument::Int(1)]
        ),
        "raises call/not-callable"
    );
}

#[test]
fn a_native_frame_cannot_be_parked() {
    let _alone = alone();
    let mut vm = with_far();
    let call_of = |vm: &mut Vm, arguments: &[Argument<'_>]| call(vm, "far/call", arguments);
    assert_eq!(
        call_of(&mut vm, &[LATER, Argument::Int(1)]),
        "raises vm/park-in-native"
    );
    let nested = |n: usize| {
        let mut arguments: Vec<Argument<'_>> = (0..n).map(|_| Argument::Primitive("far/call")).collect();
        arguments.push(Argument::Primitive("%count"));
        arguments.push(Argument::List(Vec::new()));
        arguments
    };
    assert_eq!(call_of(&mut vm, &nested(63)), "0");
    assert_eq!(call_of(&mut vm, &nested(64)), "raises vm/native-depth");
}

#[test]
fn metrics_and_stages_reach_the_host() {
    let _alone = alone();
    let mut vm = with_far();
    call(&mut vm, "far/later", &[Argument::Int(1)]);
    let text = sup_host::metrics::text();
    assert!(
        text.contains("# TYPE far_later_total counter\nfar_later_total{kernel=\"far\"} "),
        "{text}"
    );
    assert_eq!(call(&mut vm, "far/stage", &[]), "\"abab.far/twice\"");
    assert_eq!(sup_host::stages::stage_names(), ["far/twice"]);
    assert_eq!(sup_host::stages::scheme_names(), ["far"]);
}

#[test]
fn a_resource_shows_its_text() {
    let _alone = alone();
    let mut vm = with_far();
    let label = |vm: &mut Vm, text: &str| call(vm, "far/label", &[Argument::Str(text)]);
    assert_eq!(
        label(&mut vm, "a longer text"),
        "#<resource labelled a longer text>"
    );
    assert_eq!(label(&mut vm, ""), "#<resource labelled>");
    let long = "ä".repeat(300);
    assert_eq!(label(&mut vm, &long).chars().filter(|c| *c == 'ä').count(), 128);
}

#[test]
fn lines_of_the_log_bear_the_kernels_name() {
    static LINES: Mutex<Vec<(i32, Option<String>, String)>> = Mutex::new(Vec::new());
    let lines = || LINES.lock().unwrap_or_else(PoisonError::into_inner);
    sup_host::set_logger(Box::new(move |line| {
        let kernel = line.kernel.map(str::to_owned);
        lines().push((line.level, kernel, line.text.to_owned()));
    }));
    let _alone = alone();
    let mut vm = with_far();
    call(&mut vm, "far/later", &[Argument::Int(1)]);
    let expected = (3, Some("far".to_owned()), "a thread settles".to_owned());
    assert!(lines().contains(&expected), "{:?}", lines());
}
