//! Threads that isolates run on. One that has nothing left to run is kept for a while for the next.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::runtime::STACK_BYTES;

/// How long a thread waits for work before it ends.
const KEPT: Duration = Duration::from_secs(5);

type Work = Box<dyn FnOnce() + Send>;

/// Where a waiting thread is given work.
#[derive(Default)]
struct Seat {
    work: Mutex<Option<Work>>,
    given: Condvar,
}

impl Seat {
    fn lock(&self) -> MutexGuard<'_, Option<Work>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The threads that wait, the one that has waited shortest last.
static WAITING: Mutex<Vec<Arc<Seat>>> = Mutex::new(Vec::new());

fn waiting() -> MutexGuard<'static, Vec<Arc<Seat>>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` on a thread of its own.
///
/// # Errors
/// When the operating system gives no more threads.
pub(crate) fn run(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let work: Work = Box::new(work);
    let seat = waiting().pop();
    if let Some(seat) = seat {
        *seat.lock() = Some(work);
        seat.given.notify_one();
        return Ok(());
    }
    let builder = std::thread::Builder::new()
        .name("sup-isolate".to_owned())
        .stack_size(STACK_BYTES);
    builder.spawn(|| serve(work)).map(drop)
}

fn serve(first: Work) {
    let mut next = Some(first);
    let seat = Arc::new(Seat::default());
    while let Some(work) = next {
        work();
        next = wait(&seat);
    }
}

/// Waits for work; none when there was none for so long that the thread is to end.
fn wait(seat: &Arc<Seat>) -> Option<Work> {
    waiting().push(seat.clone());
    let work = seat.lock();
    let (mut work, _) = seat
        .given
        .wait_timeout_while(work, KEPT, |work| work.is_none())
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(work) = work.take() {
        return Some(work);
    }
    drop(work);
    let mut waiting = waiting();
    let place = waiting.iter().position(|other| Arc::ptr_eq(other, seat));
    if let Some(place) = place {
        waiting.remove(place);
        return None;
    }
    drop(waiting);
    // Somebody took the seat just now and is about to give the work.
    let mut work = seat.lock();
    while work.is_none() {
        work = seat.given.wait(work).unwrap_or_else(PoisonError::into_inner);
    }
    work.take()
}
