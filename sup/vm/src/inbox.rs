//! What other threads send to an isolate: letters that it opens on its own thread, between two slices of what it runs.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use sup_abi::waker::{OwnedWaker, WakerRef};

use crate::error::Outcome;
use crate::fiber::FiberId;
use crate::vm::Vm;

/// Letters that wait to be opened from which on the isolate takes no posts of kernels.
const MAX_POSTED: usize = 65_536;

/// What settles a promise, run on the isolate's own thread.
pub type Letter = Box<dyn FnOnce(&mut Vm) -> Outcome + Send>;

/// What other threads send to an isolate: promises that are settled.
#[derive(Default)]
pub struct Inbox {
    inner: Mutex<Letters>,
    arrived: Condvar,
}

/// How long a promise waits to be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// As long as the run that made it.
    Run,
    /// As long as the isolate.
    Isolate,
}

#[derive(Default)]
struct Letters {
    open: HashMap<FiberId, Lasts>,
    arrived: VecDeque<(FiberId, Lasts, Letter)>,
    is_nudged: bool,
    /// Wakes whoever drives the isolate, once.
    waker: Option<OwnedWaker>,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.inner.lock().expect("no holder of the inbox panics")
    }

    /// Settles a promise, from any thread; false when it was settled before or its run is over. `Ok` carries an encoded
    /// value, `Err` an encoded error value.
    pub fn settle(&self, promise: FiberId, value: Result<Vec<u8>, Vec<u8>>) -> bool {
        self.settle_with(
            promise,
            Box::new(move |vm| match value {
                Ok(bytes) => vm.decode_value(&bytes),
                Err(bytes) => {
                    let error = vm.decode_value(&bytes)?;
                    Err(vm.raise_value(error))
                }
            }),
        )
    }

    /// Settles a promise with what `letter` makes on the isolate's thread; false when it was settled before.
    pub fn settle_with(&self, promise: FiberId, letter: Letter) -> bool {
        let mut inner = self.lock();
        let Some(lasts) = inner.open.remove(&promise) else {
            return false;
        };
        inner.arrived.push_back((promise, lasts, letter));
        self.wake(inner);
        true
    }

    /// Tells whoever waits, on this or another thread, without keeping it from looking.
    fn wake(&self, mut inner: MutexGuard<'_, Letters>) {
        let waker = inner.waker.take();
        drop(inner);
        self.arrived.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes that one when something arrives; whether something has already.
    pub(crate) fn wake_by(&self, waker: WakerRef<'_>) -> bool {
        let mut inner = self.lock();
        let is_known = inner.waker.as_ref().is_some_and(|known| known.will_wake(waker));
        if !is_known {
            let before = inner.waker.replace(waker.to_owned());
            drop(inner);
            drop(before);
            inner = self.lock();
        }
        std::mem::take(&mut inner.is_nudged) || !inner.arrived.is_empty()
    }

    /// Nobody drives the isolate any more.
    pub(crate) fn forget_waker(&self) {
        let waker = self.lock().waker.take();
        drop(waker);
    }

    /// Whether a promise is still to be settled.
    #[must_use]
    pub fn is_open(&self, promise: FiberId) -> bool {
        self.lock().open.contains_key(&promise)
    }

    /// Nobody will settle that promise.
    pub(crate) fn forget(&self, promise: FiberId) {
        self.lock().open.remove(&promise);
    }

    /// Has the isolate run something on its own thread when it next looks: before its next run, or between slices.
    pub fn post(&self, letter: Letter) {
        let mut inner = self.lock();
        inner.arrived.push_back((0, Lasts::Isolate, letter));
        self.wake(inner);
    }

    /// As `post`, unless much is unread already; false then, and nothing was made.
    pub fn try_post(&self, letter: impl FnOnce() -> Letter) -> bool {
        let mut inner = self.lock();
        if inner.arrived.len() >= MAX_POSTED {
            return false;
        }
        inner.arrived.push_back((0, Lasts::Isolate, letter()));
        self.wake(inner);
        true
    }

    /// Has the isolate look about if it waits: whether it was interrupted.
    pub fn nudge(&self) {
        let mut inner = self.lock();
        inner.is_nudged = true;
        self.wake(inner);
    }

    pub(crate) fn open(&self, promise: FiberId, lasts: Lasts) {
        self.lock().open.insert(promise, lasts);
    }

    /// Closes the promises of the run that is over. What was posted is for the isolate and not for the run.
    pub(crate) fn close_run(&self) {
        let mut inner = self.lock();
        inner.open.retain(|_, lasts| *lasts == Lasts::Isolate);
        inner.arrived.retain(|(_, lasts, _)| *lasts == Lasts::Isolate);
    }

    pub(crate) fn take_posts(&self) -> Vec<Letter> {
        let mut inner = self.lock();
        let (posts, others) = std::mem::take(&mut inner.arrived)
            .into_iter()
            .partition::<VecDeque<_>, _>(|(promise, ..)| *promise == 0);
        inner.arrived = others;
        posts.into_iter().map(|(_, _, letter)| letter).collect()
    }

    pub(crate) fn take(&self) -> VecDeque<(FiberId, Lasts, Letter)> {
        std::mem::take(&mut self.lock().arrived)
    }

    /// Whether a promise is still to be settled or its letter still to be read.
    pub(crate) fn is_waited_for(&self) -> bool {
        let inner = self.lock();
        !inner.open.is_empty() || !inner.arrived.is_empty()
    }

    pub(crate) fn has_arrived(&self) -> bool {
        !self.lock().arrived.is_empty()
    }

    /// Waits until something arrives, or until somebody nudges; false when neither happened.
    pub(crate) fn wait(&self, at_most: Duration) -> bool {
        let mut inner = self.lock();
        if inner.arrived.is_empty() && !inner.is_nudged {
            let waited = self.arrived.wait_timeout(inner, at_most);
            inner = waited.expect("no holder of the inbox panics").0;
        }
        std::mem::take(&mut inner.is_nudged) || !inner.arrived.is_empty()
    }
}
