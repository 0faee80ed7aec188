//! Ctrl-C and SIGTERM: what kernels serve is brought to its end, and the running program is stopped at its next call or turn
//! of a loop.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sup_runtime::interrupt::Interrupter;
use sup_runtime::staying::Drainer;

use crate::console;
use crate::exit::Exit;

/// How long a program may take to notice, before the process ends without it: it may be waiting for the operating system.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long requests that are being answered have.
const DRAIN: Duration = Duration::from_secs(40);

/// What Ctrl-C ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// The program and the process with it.
    Process,
    /// The evaluation; the session goes on.
    Evaluation,
}

static RUNNING: Mutex<Option<Interrupter>> = Mutex::new(None);
static SERVING: Mutex<Option<Drainer>> = Mutex::new(None);
static PRESSED: AtomicBool = AtomicBool::new(false);

/// From now on, Ctrl-C stops what that interrupter stops.
pub fn watch(interrupter: Interrupter, ends: Ends) {
    *RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(interrupter);
    // Without a handler the process ends at Ctrl-C as every process does, which is good enough.
    drop(ctrlc::set_handler(move || pressed(ends)));
}

/// From now on, what that program serves is brought to its end before it is stopped.
pub fn drain_first(drainer: Drainer) {
    *SERVING.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(drainer);
}

/// Whether what was served has been brought to its end, which is no interruption.
fn drained() -> bool {
    let serving = SERVING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(drainer) = serving.clone().filter(Drainer::has_work) else {
        return false;
    };
    drop(serving);
    drainer.drain(DRAIN)
}

/// Whether Ctrl-C was pressed since [`forget`].
pub fn is_pressed() -> bool {
    PRESSED.load(Ordering::Relaxed)
}

/// Begins anew: what was stopped is over.
pub fn forget() {
    PRESSED.store(false, Ordering::Relaxed);
    if let Some(interrupter) = &*RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
        interrupter.forget();
    }
}

fn pressed(ends: Ends) {
    PRESSED.store(true, Ordering::Relaxed);
    if ends == Ends::Process && drained() {
        // The program ends by itself now, unless it does more than wait for its servers.
        std::thread::sleep(PATIENCE);
    }
    if let Some(interrupter) = &*RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
        interrupter.interrupt();
    }
    if ends == Ends::Process {
        std::thread::sleep(PATIENCE);
        console::flush_if_free();
        Exit::Interrupted.end_process();
    }
}
