//! Stopping a run from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sup_vm::schedule::Inbox;
use sup_vm::vm::INTERRUPT;

use crate::runtime::Runtime;

/// Stops what a runtime runs; can be sent to any thread.
#[derive(Clone)]
pub struct Interrupter {
    switch: Arc<AtomicU32>,
    inbox: Arc<Inbox>,
}

impl Interrupter {
    /// The run that is on raises `vm/interrupted` at its next call or turn of a loop, and so does every later one until
    /// `forget`: what a user takes for one run may be several.
    pub fn interrupt(&self) {
        self.switch.store(INTERRUPT, Ordering::Relaxed);
        self.inbox.nudge();
    }

    /// Lets runs go on again.
    pub fn forget(&self) {
        self.switch.store(0, Ordering::Relaxed);
    }
}

impl Runtime {
    /// What stops this runtime's runs.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        Interrupter {
            switch: self.vm.interrupt_switch(),
            inbox: self.vm.inbox(),
        }
    }
}
