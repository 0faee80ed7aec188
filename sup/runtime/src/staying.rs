//! Staying after a program's own end, for as long as kernels drive isolates for it; and having them come to theirs.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sup_host::Registry;

use crate::runtime::Runtime;

/// How often the waiting isolate looks at what it was sent.
const LOOK: Duration = Duration::from_millis(50);

/// Counts the isolates of one program that kernels drive.
#[derive(Default)]
pub struct Shared {
    n_driven: Mutex<usize>,
    ended: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.n_driven.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An isolate that a kernel drives, counted until this is dropped.
pub(crate) struct Driven(Arc<Shared>);

impl Driven {
    pub(crate) fn new(shared: &Arc<Shared>) -> Driven {
        *shared.lock() += 1;
        Driven(shared.clone())
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.ended.notify_all();
    }
}

/// Has a program's kernels end what they serve; can be sent to any thread.
#[derive(Clone)]
pub struct Drainer {
    shared: Arc<Shared>,
    registry: Arc<Registry>,
}

impl Drainer {
    /// Whether kernels drive isolates.
    #[must_use]
    pub fn has_work(&self) -> bool {
        *self.shared.lock() > 0
    }

    /// Tells the kernels to take nothing new and to end what they have begun, and waits for it, at most so long. Whether all has
    /// ended.
    #[must_use]
    pub fn drain(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        for listed in self.registry.list() {
            if let Some(kernel) = self.registry.current(&listed.name) {
                kernel.quiesce(deadline.saturating_duration_since(Instant::now()));
            }
        }
        let mut n_driven = self.shared.lock();
        while *n_driven > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.ended.wait_timeout(n_driven, left);
            n_driven = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Runtime {
    /// What has the kernels of this program end what they serve.
    #[must_use]
    pub fn drainer(&self) -> Drainer {
        let world = self.world.borrow();
        Drainer {
            shared: world.children.shared(),
            registry: world.registry.clone(),
        }
    }

    /// Waits until no kernel drives an isolate for this program. Meanwhile the isolate takes over what other processes change in
    /// its store.
    pub fn stay(&mut self) {
        let shared = self.world.borrow().children.shared();
        loop {
            let n_driven = shared.lock();
            if *n_driven == 0 {
                return;
            }
            // It is looked at again whatever woke this.
            drop(shared.ended.wait_timeout(n_driven, LOOK));
            self.vm.read_posts();
        }
    }
}
