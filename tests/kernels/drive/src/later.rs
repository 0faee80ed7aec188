//! A thread that settles promises when their time comes.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};
use sup_kernel::Promise;

static DUE: Mutex<BTreeMap<(Instant, u64), (Promise, i64)>> = Mutex::new(BTreeMap::new());
static EARLIER: Condvar = Condvar::new();
static START: Once = Once::new();
static KEPT: Mutex<Vec<Promise>> = Mutex::new(Vec::new());

fn due() -> MutexGuard<'static, BTreeMap<(Instant, u64), (Promise, i64)>> {
    DUE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Settles a promise with a number after that time.
pub fn settle(after: Duration, promise: Promise, value: i64) {
    START.call_once(|| drop(std::thread::spawn(run)));
    let mut due = due();
    let time = Instant::now() + after;
    let number = due.range((time, 0)..=(time, u64::MAX)).count() as u64;
    due.insert((time, number), (promise, value));
    EARLIER.notify_one();
}

/// Keeps a promise unsettled.
pub fn keep(promise: Promise) {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(promise);
}

fn run() {
    let mut waiting = due();
    loop {
        let now = Instant::now();
        let first = waiting.first_key_value().map(|(key, _)| *key);
        waiting = match first {
            Some(key) if key.0 <= now => {
                let taken = waiting.remove(&key);
                drop(waiting);
                if let Some((promise, value)) = taken {
                    promise.settle(Ok(value));
                }
                due()
            }
            Some((time, _)) => {
                let waited = EARLIER.wait_timeout(waiting, time - now);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => EARLIER.wait(waiting).unwrap_or_else(PoisonError::into_inner),
        };
    }
}
