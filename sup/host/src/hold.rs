//! Who holds a generation of a kernel: isolates that have it, and what outlives a call. Each is counted by its sort, so that
//! one can be told what a drain waits for.

use crate::kernel::Kernel;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use sup_abi::word::NIL;
use sup_vm::schedule::Inbox;

/// The sorts of holders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// An isolate whose calls go to it, or that is being started with it.
    Isolate,
    /// A value of one of its types.
    Resource,
    /// A value that it keeps beyond a call.
    Pin,
    /// A promise that it has not settled.
    Promise,
    /// Work on the pool.
    Job,
}

const N_SORTS: usize = 5;

/// How many hold a generation, by sort.
#[derive(Debug, Default)]
pub struct Usage {
    counts: [AtomicU64; N_SORTS],
    /// Of each isolate that has it, the native calls that run in it, inside one another.
    frames: Mutex<Vec<Weak<Frames>>>,
}

/// Native calls of one isolate that run in a generation. Written by the isolate's own thread only.
#[derive(Debug, Default)]
pub struct Frames(AtomicU32);

impl Frames {
    /// How many there are.
    #[must_use]
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Says how many there are.
    pub(crate) fn set(&self, n_frames: u32) {
        self.0.store(n_frames, Ordering::Relaxed);
    }
}

impl Usage {
    /// How many holders of that sort there are.
    #[must_use]
    pub fn count(&self, sort: Sort) -> u64 {
        self.counts[sort as usize].load(Ordering::Relaxed)
    }

    /// Native calls that run in it, on all isolates. Those of primitives that may run on several threads and call nothing
    /// are over before anybody can ask, and are not counted.
    #[must_use]
    pub fn n_calls(&self) -> u64 {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames.retain(|frames| frames.strong_count() > 0);
        frames
            .iter()
            .filter_map(Weak::upgrade)
            .map(|frames| u64::from(frames.get()))
            .sum()
    }

    pub(crate) fn add_frames(&self, frames: &Arc<Frames>) {
        let mut all = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|frames| frames.strong_count() > 0);
        all.push(Arc::downgrade(frames));
    }
}

/// A counted holder of a generation, which does not end before this is dropped.
pub struct Hold {
    kernel: Arc<Kernel>,
    sort: Sort,
}

impl Hold {
    /// Holds a generation that serves; nothing when it does not any more.
    #[must_use]
    pub fn new(kernel: &Arc<Kernel>, sort: Sort) -> Option<Hold> {
        kernel.life().enter().then(|| Hold::counted(kernel, sort))
    }

    /// One more holder, of that sort.
    #[must_use]
    pub fn beside(&self, sort: Sort) -> Hold {
        self.kernel.life().enter_beside();
        Hold::counted(&self.kernel, sort)
    }

    fn counted(kernel: &Arc<Kernel>, sort: Sort) -> Hold {
        kernel.usage().counts[sort as usize].fetch_add(1, Ordering::Relaxed);
        Hold {
            kernel: kernel.clone(),
            sort,
        }
    }

    /// The generation.
    #[must_use]
    pub const fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }
}

impl Clone for Hold {
    fn clone(&self) -> Hold {
        self.beside(self.sort)
    }
}

impl Deref for Hold {
    type Target = Kernel;

    fn deref(&self) -> &Kernel {
        &self.kernel
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.kernel.usage().counts[self.sort as usize].fetch_sub(1, Ordering::Relaxed);
        self.kernel.obey(self.kernel.life().leave());
    }
}

/// A pin or an open promise: it holds its generation, and keeps its isolate from letting go of that.
pub(crate) struct Held {
    hold: Option<Hold>,
    /// Counts what the isolate keeps the generation for.
    mark: Option<Arc<()>>,
    inbox: Weak<Inbox>,
}

impl Held {
    /// For an isolate that has the generation and counts by `mark`.
    pub fn new(hold: Hold, mark: &Arc<()>, inbox: &Arc<Inbox>) -> Held {
        Held {
            hold: Some(hold),
            mark: Some(mark.clone()),
            inbox: Arc::downgrade(inbox),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.mark.take();
        let Some(hold) = self.hold.take() else { return };
        let drains = hold.stage() != crate::life::Stage::Serving;
        drop(hold);
        // The isolate looks whether this was what it kept the generation for.
        if let Some(inbox) = self.inbox.upgrade().filter(|_| drains) {
            inbox.post(Box::new(|vm| {
                crate::install::let_go(vm);
                Ok(NIL)
            }));
        }
    }
}
