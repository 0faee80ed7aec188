//! The threads that run what kernels hand to `Host::spawn`: a bounded number of them, with a bounded queue.
#![allow(unsafe_code)]

use crate::hold::Hold;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use sup_abi::host::{Drop as FreeData, Run};

/// Most threads.
const MAX_THREADS: usize = 16;
/// Most tasks that wait for a thread.
const MAX_WAITING: usize = 4096;
/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// Work with the data that it takes; freed when it is never run.
struct Task {
    run: Run,
    free: FreeData,
    data: *mut c_void,
    /// Keeps the generation whose code this is from ending.
    kernel: Option<Hold>,
}

// SAFETY: whoever hands work over says that any thread may run it.
unsafe impl Send for Task {}

impl Task {
    fn run(self) {
        let mut task = ManuallyDrop::new(self);
        let outer = WORKING.replace(task.kernel.take());
        // SAFETY: the kernel handed the data over to exactly one of the two functions.
        unsafe { (task.run)(task.data) };
        drop(WORKING.replace(outer));
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // SAFETY: as above; this task did not run.
        unsafe { (self.free)(self.data) };
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Task>,
    n_threads: usize,
    n_idle: usize,
}

#[derive(Default)]
struct Pool {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

static POOL: LazyLock<Pool> = LazyLock::new(Pool::default);

thread_local! {
    static WORKING: RefCell<Option<Hold>> = const { RefCell::new(None) };
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            if let Some(task) = queue.waiting.pop_front() {
                drop(queue);
                task.run();
                queue = self.lock();
                continue;
            }
            queue.n_idle += 1;
            let (guard, timeout) = self
                .arrived
                .wait_timeout(queue, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            queue = guard;
            queue.n_idle -= 1;
            if timeout.timed_out() && queue.waiting.is_empty() {
                queue.n_threads -= 1;
                return;
            }
        }
    }
}

/// The kernel whose work runs on this thread of the pool.
pub fn working() -> Option<Hold> {
    WORKING.with_borrow(Clone::clone)
}

/// Runs work on a thread of the pool. False when too much waits; then neither function is called.
pub fn spawn(run: Run, free: FreeData, data: *mut c_void, kernel: Option<Hold>) -> bool {
    let mut queue = POOL.lock();
    if queue.waiting.len() >= MAX_WAITING {
        return false;
    }
    queue.waiting.push_back(Task {
        run,
        free,
        data,
        kernel,
    });
    if queue.n_idle < queue.waiting.len() && queue.n_threads < MAX_THREADS {
        let builder = std::thread::Builder::new().name("sup-kernel-pool".to_owned());
        if builder.spawn(|| POOL.work()).is_ok() {
            queue.n_threads += 1;
        } else if queue.n_threads == 0 {
            // No thread will ever take it.
            if let Some(task) = queue.waiting.pop_back() {
                // The data stays the caller's.
                ManuallyDrop::new(task).kernel.take();
            }
            return false;
        }
    }
    POOL.arrived.notify_one();
    true
}

/// Runs work on a thread of the pool. False when too much waits; the work is dropped then.
pub fn run_blocking(work: impl FnOnce() + Send + 'static) -> bool {
    let work: Box<dyn FnOnce() + Send> = Box::new(work);
    let data = Box::into_raw(Box::new(work)).cast();
    if spawn(run_boxed, free_boxed, data, None) {
        return true;
    }
    // SAFETY: the pool did not take the data.
    unsafe { free_boxed(data) };
    false
}

/// # Safety
/// `data` must come from `run_blocking`, and be used once.
unsafe fn unboxed(data: *mut c_void) -> Box<Box<dyn FnOnce() + Send>> {
    // SAFETY: the caller says so.
    unsafe { Box::from_raw(data.cast()) }
}

unsafe extern "C" fn run_boxed(data: *mut c_void) {
    // SAFETY: the pool hands over what `run_blocking` gave it, once.
    let work = unsafe { unboxed(data) };
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
        crate::table::write_log(1, "work on the pool panicked");
    }
}

unsafe extern "C" fn free_boxed(data: *mut c_void) {
    // SAFETY: as above.
    drop(unsafe { unboxed(data) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    static FREED: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "C" fn send(data: *mut c_void) {
        // SAFETY: the test hands over a boxed sender.
        let sender = unsafe { Box::from_raw(data.cast::<mpsc::Sender<usize>>()) };
        sender.send(1).expect("the test waits");
    }

    unsafe extern "C" fn free(_data: *mut c_void) {
        FREED.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn all_work_is_run_once() {
        let (sender, receiver) = mpsc::channel::<usize>();
        for _ in 0..200 {
            assert!(spawn(
                send,
                free,
                Box::into_raw(Box::new(sender.clone())).cast(),
                None
            ));
        }
        drop(sender);
        let all: usize = receiver.iter().sum();
        assert_eq!((all, FREED.load(Ordering::Relaxed)), (200, 0));
    }
}
