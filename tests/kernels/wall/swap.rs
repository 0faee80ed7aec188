//! Swapping a kernel for its next generation while isolates call it.

use crate::build::library;
use crate::machine::{Argument, call, call_word, load, loader, machine};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use sup_abi::word::{NIL, Word};
use sup_host::{Adoption, CatchesUp, Found, Kernel, LoadError, Registry, Services, Stage, let_go, replace};
use sup_vm::error::Outcome;
use sup_vm::schedule::Inbox;
use sup_vm::vm::Vm;

fn tick(defines: &[&str]) -> PathBuf {
    library("tick.c", "tick", defines)
}

fn next(library: &Path, before: &Kernel) -> Result<Arc<Kernel>, LoadError> {
    loader().load_next(&Found::file(library), None, before, &|_, _| {
        vec!["main".to_owned()]
    })
}

#[test]
fn a_swap_hands_state_over_and_old_resources_are_understood() {
    let one = load(&tick(&[])).expect("loads");
    let mut vm = machine(&[&one], Services::default());
    let opened = call_word(&mut vm, "tick/open", &[]).expect("opens");
    let opened = vm.keep(opened);
    let two = next(&tick(&["VERSION=2"]), &one).expect("loads");
    assert_eq!(call(&mut vm, "tick/version", &[]), "1");
    assert_eq!(replace(&mut vm, &two), Adoption::Done);
    assert_eq!(replace(&mut vm, &one), Adoption::None);
    assert_eq!(call(&mut vm, "tick/version", &[]), "12");
    let word = vm.kept(&opened);
    assert_eq!(call(&mut vm, "tick/look", &[Argument::Word(word)]), "1");
    // The open resource is what the old generation waits for: its destructor is that generation's.
    let old = Arc::downgrade(&one);
    drop(one);
    assert_eq!((let_go(&mut vm), old.strong_count()), (Vec::new(), 1));
    vm.release(opened);
    vm.collect(sup_vm::collect::Extent::Everything);
    assert_eq!(old.strong_count(), 0);
}

#[test]
fn a_resource_that_is_taken_over_lets_the_old_generation_end() {
    let one = load(&tick(&[])).expect("loads");
    let mut vm = machine(&[&one], Services::default());
    let crates: Vec<_> = [5, -5]
        .into_iter()
        .map(|n| {
            let packed = call_word(&mut vm, "tick/pack", &[Argument::Int(n)]).expect("packs");
            vm.keep(packed)
        })
        .collect();
    let two = next(&tick(&["VERSION=2"]), &one).expect("loads");
    assert_eq!(replace(&mut vm, &two), Adoption::Done);
    let old = Arc::downgrade(&one);
    drop(one);
    // One is taken over, though its version was another; what is refused stays the old generation's.
    let taken = Argument::Word(vm.kept(&crates[0]));
    assert_eq!(call(&mut vm, "tick/unpack", &[taken]), "205");
    let refused = Argument::Word(vm.kept(&crates[1]));
    assert_eq!(call(&mut vm, "tick/unpack", &[refused]), "raises type/mismatch");
    assert_eq!((let_go(&mut vm), old.strong_count()), (Vec::new(), 1));
    let mut crates = crates.into_iter();
    let (taken, refused) = (crates.next().expect("two"), crates.next().expect("two"));
    vm.release(refused);
    vm.collect(sup_vm::collect::Extent::Everything);
    assert_eq!(old.strong_count(), 0, "what was taken over does not hold it");
    let word = Argument::Word(vm.kept(&taken));
    assert_eq!(call(&mut vm, "tick/unpack", &[word]), "205");
}

#[test]
fn a_generation_that_cannot_be_leaves_the_old_one_serving() {
    let one = load(&tick(&[])).expect("loads");
    let mut vm = machine(&[&one], Services::default());
    let bad = next(&tick(&["VERSION=2", "BAD_LOAD"]), &one).map(drop);
    let message = "the new generation does not want to".to_owned();
    assert_eq!(bad, Err(LoadError::Refused { message }));
    let other = next(&tick(&["OTHER_SIGNATURE"]), &one).map(drop);
    let difference = "look was (r :any) :int and is (r :resource more :int) :int (used by main)".to_owned();
    assert_eq!(
        other,
        Err(LoadError::Incompatible {
            differences: vec![difference]
        })
    );
    let elsewhere = next(&library("tally.c", "tally", &[]), &one).map(drop);
    assert!(
        matches!(elsewhere, Err(LoadError::OtherName { .. })),
        "{elsewhere:?}"
    );
    assert_eq!(call(&mut vm, "tick/version", &[]), "1");
    let silent = load(&tick(&["BAD_SAVE"])).expect("loads");
    let version = "1.0.0".to_owned();
    assert_eq!(
        next(&tick(&[]), &silent).map(drop),
        Err(LoadError::Save { version })
    );
}

thread_local! {
    static NEXT: RefCell<Option<Arc<Kernel>>> = const { RefCell::new(None) };
}

fn swap_now(vm: &mut Vm, _arguments: &[Word]) -> Outcome {
    let kernel = NEXT.take().expect("the test has put one there");
    assert_eq!(replace(vm, &kernel), Adoption::Waits);
    let held = let_go(vm);
    assert_eq!((held.len(), held[0].n_calls), (1, 1));
    Ok(NIL)
}

#[test]
fn a_call_that_runs_finishes_in_its_generation() {
    let one = load(&tick(&[])).expect("loads");
    let mut vm = machine(&[&one], Services::default());
    sup_vm::natives::register(
        &mut vm,
        &sup_vm::base!("%swap-now", "() :any", 0..Some(0), swap_now),
        0,
    );
    NEXT.set(Some(next(&tick(&["VERSION=2"]), &one).expect("loads")));
    let argument = Argument::Primitive("%swap-now");
    assert_eq!(call(&mut vm, "tick/through", &[argument]), "1");
    vm.read_posts();
    assert_eq!(call(&mut vm, "tick/version", &[]), "12");
    assert_eq!(let_go(&mut vm), Vec::new());
}

#[test]
fn an_isolate_that_starts_during_a_swap_begins_with_what_serves() {
    let registry = Arc::new(Registry::default());
    let one = load(&tick(&[])).expect("loads");
    registry.change().add(&one, Path::new("one"));
    let mut vm = machine(&[&one], Services::default());
    registry.join(&mut vm, CatchesUp::AtOnce);
    let opened = call_word(&mut vm, "tick/open", &[]).expect("opens");
    let opened = vm.keep(opened);
    let inherited = sup_host::inherited(&vm);
    let two = next(&tick(&["VERSION=2"]), &one).expect("loads");
    registry.change().publish(&two, Path::new("two"));
    let mut late = machine(&[], Services::default());
    late.attached.clear();
    sup_host::attach_inherited(&mut late, Services::default(), &inherited);
    drop(inherited);
    registry.join(&mut late, CatchesUp::AtOnce);
    assert_eq!(call(&mut late, "tick/version", &[]), "12");
    // One that was replaced is given to nobody any more.
    assert!(!sup_host::install(&mut machine(&[], Services::default()), &one));
    let told = |registry: &Registry| {
        let tell = |listed: &sup_host::Listed| (listed.generation, listed.stage, listed.holders());
        registry.list().iter().map(tell).collect::<Vec<_>>()
    };
    // The first isolate has not come to the end of its slice yet.
    let expected = [
        (2, Stage::Serving, vec![(1, "isolates")]),
        (1, Stage::Draining, vec![(1, "isolates"), (1, "resources")]),
    ];
    assert_eq!(told(&registry), expected);
    vm.read_posts();
    assert_eq!(call(&mut vm, "tick/version", &[]), "12");
    assert_eq!(told(&registry)[1], (1, Stage::Draining, vec![(1, "resources")]));
    vm.release(opened);
    vm.collect(sup_vm::collect::Extent::Everything);
    assert_eq!(told(&registry)[1], (1, Stage::Retired, vec![]));
    registry.change().withdraw("tick");
    for vm in [&mut vm, &mut late] {
        vm.read_posts();
        assert_eq!(call(vm, "tick/version", &[]), "raises name/unbound");
    }
    let stages: Vec<Stage> = registry.list().iter().map(|listed| listed.stage).collect();
    assert_eq!(stages, [Stage::Retired, Stage::Retired]);
}

/// An isolate that calls as fast as it can; what it saw, each answer once.
fn calls(kernel: &Arc<Kernel>, ends: &AtomicBool, ready: &mpsc::Sender<Arc<Inbox>>) -> Vec<i64> {
    let mut vm: Box<Vm> = machine(&[kernel], Services::default());
    let opened = call_word(&mut vm, "tick/open", &[]).expect("opens");
    let opened = vm.keep(opened);
    ready.send(vm.inbox()).expect("the test waits");
    let mut seen = Vec::new();
    while !ends.load(Ordering::Relaxed) {
        vm.read_posts();
        let answer = call(&mut vm, "tick/version", &[]).parse().expect("is a number");
        if seen.last() != Some(&answer) {
            seen.push(answer);
        }
        let word = vm.kept(&opened);
        assert_eq!(call(&mut vm, "tick/look", &[Argument::Word(word)]), "1");
    }
    seen
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").expect("reads");
    let pages: u64 = status
        .split(' ')
        .nth(1)
        .and_then(|field| field.parse().ok())
        .expect("has a field");
    pages * 4
}

#[test]
fn two_hundred_swaps_under_load_lose_no_call() {
    let libraries = [tick(&[]), tick(&["VERSION=2"])];
    let mut current = load(&libraries[0]).expect("loads");
    let ends = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();
    let isolates: Vec<_> = (0..2)
        .map(|_| {
            let (kernel, ends, sender) = (current.clone(), ends.clone(), sender.clone());
            std::thread::spawn(move || calls(&kernel, &ends, &sender))
        })
        .collect();
    let inboxes = [receiver.recv().expect("starts"), receiver.recv().expect("starts")];
    let begin = resident_kib();
    for swap in 1..=200 {
        current = next(&libraries[swap % 2], &current).expect("loads");
        let (told, adopted) = mpsc::channel();
        for inbox in &inboxes {
            let (kernel, told) = (current.clone(), told.clone());
            inbox.post(Box::new(move |vm| {
                told.send(replace(vm, &kernel)).expect("the test waits");
                Ok(NIL)
            }));
        }
        for _ in &inboxes {
            let adoption = adopted.recv_timeout(Duration::from_secs(30)).expect("adopts");
            assert_eq!(adoption, Adoption::Done);
        }
    }
    let slope = resident_kib().saturating_sub(begin) / 200;
    println!("{slope} KiB a swap");
    ends.store(true, Ordering::Relaxed);
    for isolate in isolates {
        let seen = isolate.join().expect("no call fails");
        assert!(seen.is_sorted(), "{seen:?}");
        assert!(
            seen.iter().all(|answer| answer % 10 == answer / 10 % 2 + 1),
            "{seen:?}"
        );
    }
    // A quarter of what each swap maps may be noise of the allocator.
    assert!(slope < 512, "{slope} KiB a swap");
}
