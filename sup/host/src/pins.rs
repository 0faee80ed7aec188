//! Values that kernels keep beyond a call: a number for each, good in the isolate that made it, let go of
//! from any thread.

use crate::hold::{Held, Sort};
use crate::install::{Installed, Shared};
use crate::services::Receive;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use sup_abi::kernel::Ref;
use sup_abi::word::Word;
use sup_vm::vm::{Kept, Vm};

enum Pinned {
    /// A value of one isolate.
    Own {
        isolate: u64,
        kept: Kept,
        released: Arc<Mutex<Vec<Kept>>>,
        /// Keeps the generation that made the pin from ending.
        _held: Held,
    },
    /// A copy for all.
    Shared(Arc<Receive>),
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
        Pinned::Own {
            isolate: shared.number,
            kept,
            released: shared.released.clone(),
            _held: installed.hold(Sort::Pin),
        },
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
        Pinned::Own { isolate, kept, .. } if *isolate == shared.number => Some(vm.kept(kept)),
        _ => None,
    }
}

/// Forgets the pins of an isolate that is gone.
pub fn forget_all(isolate: u64) {
    let forgotten: Vec<Pinned> = {
        let mut pins = pins();
        let pinned = &mut pins.pinned;
        let is_own = |pinned: &Pinned| matches!(pinned, Pinned::Own { isolate: own, .. } if *own == isolate);
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
    if let Some(Pinned::Own { kept, released, .. }) = pinned {
        released.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
    }
}
