//! One thread that calls back when times come, for fibers that sleep.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::time::{Duration, Instant};

type Callback = Box<dyn FnOnce() + Send>;

/// What is to be called, by time and by the order of asking.
#[derive(Default)]
struct Due {
    n_asked: u64,
    callbacks: BTreeMap<(Instant, u64), Callback>,
}

#[derive(Default)]
struct Timer {
    due: Mutex<Due>,
    changed: Condvar,
}

static TIMER: LazyLock<Arc<Timer>> = LazyLock::new(|| {
    let timer = Arc::new(Timer::default());
    let running = timer.clone();
    std::thread::Builder::new()
        .name("sup-timer".to_owned())
        .spawn(move || running.run())
        .expect("the operating system gives the process one more thread");
    timer
});

/// Calls back once, on the timer's thread, when the time has passed.
pub(crate) fn after(time: Duration, callback: impl FnOnce() + Send + 'static) {
    let mut due = TIMER.due.lock().expect("no holder of the timer panics");
    due.n_asked += 1;
    let key = (Instant::now() + time, due.n_asked);
    due.callbacks.insert(key, Box::new(callback));
    TIMER.changed.notify_one();
}

impl Timer {
    fn run(&self) {
        let mut due = self.due.lock().expect("no holder of the timer panics");
        loop {
            let now = Instant::now();
            match due.callbacks.first_key_value().map(|(key, _)| *key) {
                Some(key) if key.0 <= now => {
                    let callback = due.callbacks.remove(&key).expect("the first key was just seen");
                    drop(due);
                    callback();
                    due = self.due.lock().expect("no holder of the timer panics");
                }
                Some((when, _)) => {
                    due = self
                        .changed
                        .wait_timeout(due, when - now)
                        .expect("no holder of the timer panics")
                        .0;
                }
                None => due = self.changed.wait(due).expect("no holder of the timer panics"),
            }
        }
    }
}
