//! What one connection is doing, shared by its socket, its requests and its clock.

use super::head::Refusal;
use crate::limits::{Limits, milliseconds};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;

/// What the connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its first byte.
    FirstByte,
    /// The rest of the headers of a request.
    Head,
    /// The next request.
    Idle,
    /// Nothing of the client: a request is being answered.
    Busy,
}

/// What of the bytes that come hyper may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// One head, when it was looked at as a whole.
    Head,
    /// Nothing until the request of the last head has told how its body is framed.
    Nothing,
    /// So many bytes of a body.
    Body(u64),
    /// Everything, since the body's framing says where it ends.
    Chunks,
    /// Everything: the protocol is no HTTP/1.
    All,
}

/// State of one connection.
pub struct Watch {
    /// The limits of the server.
    pub limits: Rc<Limits>,
    phase: Cell<Phase>,
    since: Cell<Instant>,
    feed: Cell<Feed>,
    n_running: Cell<usize>,
    blocked_since: Cell<Option<Instant>>,
    refusal: Cell<Option<Refusal>>,
    /// The last bytes of the chunks that hyper has got.
    tail: Cell<[u8; 5]>,
    /// Who waits with bytes in hand for the running request to end.
    waiting: RefCell<Option<Waker>>,
    /// Takes over after `101`.
    pub upgrade: RefCell<Option<crate::message::Upgrade>>,
}

impl Watch {
    /// A connection that was just accepted.
    #[must_use]
    pub fn new(limits: Rc<Limits>) -> Watch {
        Watch {
            limits,
            phase: Cell::new(Phase::FirstByte),
            since: Cell::new(Instant::now()),
            feed: Cell::new(Feed::Head),
            n_running: Cell::new(0),
            blocked_since: Cell::new(None),
            refusal: Cell::new(None),
            tail: Cell::new([0; 5]),
            waiting: RefCell::new(None),
            upgrade: RefCell::new(None),
        }
    }

    /// What it waits for.
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// It waits for something else from now on.
    pub fn enter(&self, phase: Phase) {
        if self.phase.get() != phase {
            self.phase.set(phase);
            self.since.set(Instant::now());
        }
    }

    /// What hyper may have.
    pub fn feed(&self) -> Feed {
        self.feed.get()
    }

    /// Changes what hyper may have.
    pub fn set_feed(&self, feed: Feed) {
        self.feed.set(feed);
    }

    /// A request has begun.
    pub fn begin_request(&self) {
        self.n_running.set(self.n_running.get() + 1);
        self.enter(Phase::Busy);
    }

    /// A request was answered to its last byte.
    pub fn end_request(&self) {
        self.n_running.set(self.n_running.get().saturating_sub(1));
        if self.n_running.get() == 0 {
            self.enter(Phase::Idle);
            if let Some(waiting) = self.waiting.take() {
                waiting.wake();
            }
        }
    }

    /// Wakes a task when the running request has ended.
    pub fn wake_at_end(&self, task: &Waker) {
        *self.waiting.borrow_mut() = Some(task.clone());
    }

    /// Whether a request is being answered.
    pub fn is_busy(&self) -> bool {
        self.n_running.get() > 0
    }

    /// The body of the running request has ended; the next head may come.
    pub fn end_body(&self) {
        if self.feed.get() != Feed::All {
            self.feed.set(Feed::Head);
        }
    }

    /// Notes chunks that hyper has got.
    pub fn note_chunks(&self, bytes: &[u8]) {
        let mut tail = self.tail.get();
        for byte in &bytes[bytes.len().saturating_sub(5)..] {
            tail.rotate_left(1);
            tail[4] = *byte;
        }
        self.tail.set(tail);
    }

    /// Whether hyper has got the end of a chunked body and no byte more.
    pub fn chunks_ended(&self) -> bool {
        self.tail.get() == *b"0\r\n\r\n"
    }

    /// The client takes no bytes (or does again).
    pub fn note_write(&self, is_blocked: bool) {
        match (is_blocked, self.blocked_since.get()) {
            (true, None) => self.blocked_since.set(Some(Instant::now())),
            (false, Some(_)) => self.blocked_since.set(None),
            _ => {}
        }
    }

    /// The connection is to end with this answer.
    pub fn refuse(&self, refusal: Refusal) {
        self.refusal.set(Some(refusal));
    }

    /// The answer that the connection is to end with.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal.get()
    }

    /// When its time is over, as it stands now.
    pub fn deadline(&self) -> Option<Instant> {
        let blocked = self.blocked_since.get();
        let stalled = blocked.map(|since| since + milliseconds(self.limits.write_stall_ms));
        let waited = self.patience().map(|patience| self.since.get() + patience);
        match (stalled, waited) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn patience(&self) -> Option<Duration> {
        match self.phase.get() {
            Phase::FirstByte => Some(milliseconds(self.limits.first_byte_ms)),
            Phase::Head => Some(milliseconds(self.limits.header_ms)),
            Phase::Idle => Some(milliseconds(self.limits.idle_ms)),
            Phase::Busy => None,
        }
    }
}
