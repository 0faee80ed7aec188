//! Promises that kernels settle from any thread: a token for each, and the inbox of the isolate that waits.
#![allow(unsafe_code)]

use crate::hold::{Held, Sort};
use crate::install::Installed;
use crate::machine::build_for;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use sup_abi::host::{Build, Drop as FreeData};
use sup_abi::kernel::Promise;
use sup_abi::word::{NIL, THROW};
use sup_vm::error::{Outcome, Raise};
use sup_vm::fiber::FiberId;
use sup_vm::schedule::{Inbox, Letter};
use sup_vm::vm::Vm;

/// Promises are forgotten in bulk when their isolates are gone, each time that so many were made.
const SWEEP_EVERY: u64 = 4096;

#[derive(Default)]
struct Open {
    last: Promise,
    waiting: HashMap<Promise, Waiting>,
}

impl Open {
    /// Takes out the promises of isolates that are gone.
    fn sweep(&mut self) -> Vec<Waiting> {
        self.take(|waiting| waiting.inbox.strong_count() == 0)
    }

    fn take(&mut self, is_wanted: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let gone = self.waiting.iter().filter(|(_, waiting)| is_wanted(waiting));
        let gone: Vec<Promise> = gone.map(|(token, _)| *token).collect();
        gone.iter()
            .filter_map(|token| self.waiting.remove(token))
            .collect()
    }
}

struct Waiting {
    inbox: Weak<Inbox>,
    id: FiberId,
    /// The kernel that made the promise, which hangs on the machine of the inbox.
    kernel: *const Installed,
    /// Keeps that generation from ending.
    _held: Option<Held>,
}

// SAFETY: the pointer is used on the isolate's own thread only.
unsafe impl Send for Waiting {}

static OPEN: LazyLock<Mutex<Open>> = LazyLock::new(Mutex::default);

fn open() -> MutexGuard<'static, Open> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A token for a promise of an isolate.
pub fn register(inbox: &Arc<Inbox>, id: FiberId, kernel: Option<&Installed>) -> Promise {
    let held = kernel.map(|kernel| kernel.hold(Sort::Promise));
    let mut open = open();
    open.last += 1;
    let token = open.last;
    let forgotten = if token.is_multiple_of(SWEEP_EVERY) {
        open.sweep()
    } else {
        Vec::new()
    };
    open.waiting.insert(
        token,
        Waiting {
            inbox: Arc::downgrade(inbox),
            id,
            kernel: kernel.map_or(std::ptr::null(), std::ptr::from_ref),
            _held: held,
        },
    );
    drop(open);
    // The last holder of a generation ends it, and its kernel may use promises meanwhile.
    drop(forgotten);
    token
}

/// Forgets the promises of an isolate that is gone.
pub fn forget_all(inbox: &Arc<Inbox>) {
    let forgotten = open().take(|waiting| std::ptr::eq(waiting.inbox.as_ptr(), Arc::as_ptr(inbox)));
    drop(forgotten);
}

/// Settles a promise; false when that was done before or its isolate is gone.
pub fn settle(token: Promise, letter: Letter) -> bool {
    let waiting = open().waiting.remove(&token);
    let Some(waiting) = waiting else { return false };
    waiting
        .inbox
        .upgrade()
        .is_some_and(|inbox| inbox.settle_with(waiting.id, letter))
}

/// Settles a promise with what a kernel's function makes on the isolate's thread.
pub fn settle_with(token: Promise, builder: Builder) -> bool {
    let waiting = open().waiting.remove(&token);
    let Some(waiting) = waiting else { return false };
    let (inbox, id) = (waiting.inbox.upgrade(), waiting.id);
    let letter: Letter = Box::new(move |vm: &mut Vm| builder.build(vm, &waiting));
    inbox.is_some_and(|inbox| inbox.settle_with(id, letter))
}

/// What settles a promise with a value, or an error value, in binary form.
pub fn of_bytes(encoded: Vec<u8>, sort: Result<(), ()>) -> Letter {
    Box::new(move |vm: &mut Vm| {
        let value = vm.decode_value(&encoded)?;
        if sort.is_ok() {
            Ok(value)
        } else {
            Err(vm.raise_value(value))
        }
    })
}

/// A function of a kernel that makes a value later, with its data; freed whether it runs or not.
pub struct Builder {
    make: Build,
    free: FreeData,
    data: *mut c_void,
}

// SAFETY: whoever hands a builder over says that another thread may run it.
unsafe impl Send for Builder {}

impl Builder {
    /// Takes the data over.
    pub fn new(make: Build, free: FreeData, data: *mut c_void) -> Builder {
        Builder { make, free, data }
    }

    /// Makes the value on the isolate's thread.
    fn build(&self, vm: &mut Vm, waiting: &Waiting) -> Outcome {
        let n_slots = vm.native_slots.len();
        let context = std::ptr::from_mut(vm).cast();
        // SAFETY: the machine runs this on the isolate's thread, and the data was handed over with the
        // function.
        let word = build_for(waiting.kernel, || unsafe { (self.make)(context, self.data) });
        vm.native_slots.truncate(n_slots);
        if word != THROW {
            return Ok(word);
        }
        if vm.pending == NIL {
            return Err(vm.raise(
                "kernel/throw",
                "what makes a promise's value said that it raised, and did not",
            ));
        }
        Err(Raise)
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        // SAFETY: the data was handed over with this function, and this is the only call of it.
        unsafe { (self.free)(self.data) };
    }
}
