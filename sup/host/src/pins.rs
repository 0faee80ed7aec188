//! Values that kernels keep beyond a call: a number for each, good in the isolate that made it, let go of
//! from any thread.

use crate::hold::{Held, Sort};
use crate::install::{Installed, Shared};
use crate::services::Receive;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use sup_abi::kernel::Ref;
use sup_abi::word::Word;
use sup_vm::schedule::Inbox;
use sup_vm::vm::{Kept, Vm};

enum Pinned {
    /// A value of one isolate.
    Own(Arc<Own>),
    /// A copy for all.
    Shared(Arc<Receive>),
}

/// A value of one isolate, let go of with the last that holds this.
pub struct Own {
    isolate: u64,
    kept: Option<Kept>,
    released: Arc<Mutex<Vec<Kept>>>,
    /// The isolate's inbox.
    pub inbox: Weak<Inbox>,
    /// Keeps the generation that made the pin from ending.
    _held: Held,
}

impl Own {
    /// Where its isolate keeps it.
    pub fn kept(&self) -> &Kept {
        self.kept.as_ref().expect("it is kept until this is dropped")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.released
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(kept);
        }
    }
}

#[derive(Default)]
struct Pins {
    last: Ref,
    pinned: HashMap<Ref, Pinned>,
}

static PINS: LazyLock<Mutex<Pins>> = LazyLock::new(Mutex::default);

fn pins() -> MutexGuard<'static, Pins> {
    PINS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets go of what other threads have unpinned.
fn sweep(vm: &mut Vm, shared: &Shared) {
    let released = std::mem::take(&mut *shared.released.lock().unwrap_or_else(PoisonError::into_inner));
    for kept in released {
        vm.release(kept);
    }
}

/// Keeps a value.
pub fn pin(vm: &mut Vm, installed: &Installed, word: Word) -> Ref {
    let shared = &installed.shared;
    sweep(vm, shared);
    let kept = vm.keep(word);
    let mut pins = pins();
    pins.last += 1;
    let reference = pins.last;
    pins.pinned.insert(
        reference,
        Pinned::Own(Arc::new(Own {
            isolate: shared.number,
            kept: Some(kept),
            released: shared.released.clone(),
            inbox: Arc::downgrade(&vm.inbox()),
            _held: installed.hold(Sort::Pin),
        })),
    );
    reference
}

/// Keeps a copy of a value for all isolates.
pub fn share(receive: Receive) -> Ref {
    let mut pins = pins();
    pins.last += 1;
    let reference = pins.last;
    pins.pinned.insert(reference, Pinned::Shared(Arc::new(receive)));
    reference
}

/// What makes the value of a copy for all isolates.
pub fn shared(reference: Ref) -> Option<Arc<Receive>> {
    match pins().pinned.get(&reference) {
        Some(Pinned::Shared(receive)) => Some(receive.clone()),
        _ => None,
    }
}

/// The value of a pin of this isolate.
pub fn get(vm: &mut Vm, shared: &Shared, reference: Ref) -> Option<Word> {
    sweep(vm, shared);
    let pins = pins();
    match pins.pinned.get(&reference)? {
        Pinned::Own(own) if own.isolate == shared.number => Some(vm.kept(own.kept())),
        _ => None,
    }
}

/// Forgets the pins of an isolate that is gone.
pub fn forget_all(isolate: u64) {
    let forgotten: Vec<Pinned> = {
        let mut pins = pins();
        let pinned = &mut pins.pinned;
        let is_own = |pinned: &Pinned| matches!(pinned, Pinned::Own(own) if own.isolate == isolate);
        let own = pinned.iter().filter(|(_, pinned)| is_own(pinned));
        let own: Vec<Ref> = own.map(|(reference, _)| *reference).collect();
        own.iter()
            .filter_map(|reference| pinned.remove(reference))
            .collect()
    };
    // The last holder of a generation ends it, and its kernel may use pins meanwhile.
    drop(forgotten);
}

/// Lets a value go; the isolate hears of it when it next uses a pin.
pub fn release(reference: Ref) {
    let pinned = pins().pinned.remove(&reference);
    drop(pinned);
}

/// The value of one isolate that a pin stands for, from any thread.
pub fn own(reference: Ref) -> Option<Arc<Own>> {
    match pins().pinned.get(&reference) {
        Some(Pinned::Own(own)) => Some(own.clone()),
        _ => None,
    }
}
