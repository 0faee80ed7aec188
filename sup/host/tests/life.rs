//! The life of a generation under every order of events: the text of `src/life.rs` with `loom`'s atomic numbers.

#![allow(unsafe_code)]

use life::{Duty, Life, Stage};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What `life` counts with, here the model checker's.
mod sync {
    pub use loom::sync::atomic::{AtomicU64, Ordering};
}

#[path = "../src/life.rs"]
#[allow(dead_code, reason = "the model does not ask for everything")]
mod life;

/// Switches of threads at places where they need not, in one order of events. Three find what two threads can do to each other.
const MAX_PREEMPTIONS: usize = 3;

/// A generation with a state that must not be read once it was taken down. `loom` says so when a reading and the taking down
/// are not ordered.
struct Generation {
    life: Life,
    state: UnsafeCell<bool>,
}

impl Generation {
    fn new() -> Arc<Generation> {
        Arc::new(Generation {
            life: Life::serving(),
            state: UnsafeCell::new(true),
        })
    }

    /// What a holder does with the state.
    fn call(&self) {
        // SAFETY: the model checker watches that nobody writes meanwhile.
        assert!(self.state.with(|state| unsafe { *state }), "the state is gone");
    }

    fn obey(&self, duty: Duty) {
        if duty == Duty::End {
            assert_eq!(self.life.stage(), Stage::Quiesced);
            // SAFETY: the model checker watches that nobody reads or writes meanwhile.
            self.state
                .with_mut(|state| assert!(unsafe { std::mem::replace(&mut *state, false) }, "ends twice"));
            self.life.retire();
        }
    }

    fn leave(&self) {
        self.obey(self.life.leave());
    }

    /// An isolate: takes the generation if it still serves, calls it, and lets go.
    fn isolate(&self) -> bool {
        let enters = self.life.enter();
        if enters {
            self.call();
            self.leave();
        }
        enters
    }
}

/// Runs a model, and answers how many orders of events there were.
fn model(scene: impl Fn() + Send + Sync + 'static) -> usize {
    static N_ORDERS: AtomicUsize = AtomicUsize::new(0);
    N_ORDERS.store(0, Ordering::Relaxed);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(MAX_PREEMPTIONS);
    builder.check(move || {
        N_ORDERS.fetch_add(1, Ordering::Relaxed);
        scene();
    });
    N_ORDERS.load(Ordering::Relaxed)
}

// One test for all scenes: they count their orders in one place.
#[test]
fn a_generation_ends_once_and_not_under_its_holders() {
    let n_adopting = model(adopting_while_it_drains);
    let n_sharing = model(sharing_while_it_drains);
    let n_swapping = model(two_swaps_in_a_row);
    println!("orders of events: {n_adopting} {n_sharing} {n_swapping}");
    assert!(n_adopting > 10 && n_sharing > 10 && n_swapping > 10);
}

/// Two isolates take it and let go while it is replaced. Whoever came in has found the state, and it ends once.
fn adopting_while_it_drains() {
    let generation = Generation::new();
    let isolates: Vec<_> = (0..2)
        .map(|_| {
            let generation = generation.clone();
            thread::spawn(move || generation.isolate())
        })
        .collect();
    generation.obey(generation.life.drain());
    for isolate in isolates {
        isolate.join().expect("no holder finds the state gone");
    }
    assert_eq!(generation.life.stage(), Stage::Retired);
    assert!(!generation.life.enter());
}

/// A holder makes a resource, which outlives it, on another thread than the one that replaces the generation.
fn sharing_while_it_drains() {
    let generation = Generation::new();
    assert!(generation.life.enter());
    let holder = {
        let generation = generation.clone();
        thread::spawn(move || {
            generation.life.enter_beside();
            let resource = {
                let generation = generation.clone();
                thread::spawn(move || {
                    generation.call();
                    generation.leave();
                })
            };
            generation.call();
            generation.leave();
            resource.join().expect("the resource finds the state");
        })
    };
    generation.obey(generation.life.drain());
    holder.join().expect("the holder finds the state");
    assert_eq!(
        (generation.life.stage(), generation.life.n_holders()),
        (Stage::Retired, 0)
    );
}

/// An isolate goes from one generation to the next while that is replaced as well: it holds one of the two at any time.
fn two_swaps_in_a_row() {
    let (one, two) = (Generation::new(), Generation::new());
    assert!(one.life.enter());
    let isolate = {
        let (one, two) = (one.clone(), two.clone());
        thread::spawn(move || {
            one.call();
            if two.life.enter() {
                one.leave();
                two.call();
                two.leave();
            } else {
                // A third is on its way; until then the first is held.
                one.call();
                one.leave();
            }
        })
    };
    one.obey(one.life.drain());
    two.obey(two.life.drain());
    isolate.join().expect("the isolate finds a state");
    assert_eq!(
        (one.life.stage(), two.life.stage()),
        (Stage::Retired, Stage::Retired)
    );
}
