//! The access log: a line of JSON for each answer, buffered and written by one thread, so that no request waits for a disk.

use crate::problem::quote;
use hyper::{Method, StatusCode, Uri, Version};
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes that wait to be written; what comes then is counted and not kept.
const MAX_WAITING: usize = 4 << 20;
/// How long lines are gathered before they are written.
const GATHER: Duration = Duration::from_millis(100);
/// Longest target that is written.
const MAX_URI: usize = 512;

/// Where lines go.
pub type Sink = Box<dyn FnMut(&[u8]) -> std::io::Result<()> + Send>;

/// What is told of an answer.
pub struct Line<'a> {
    /// Number of the request.
    pub id: &'a str,
    /// Who asked.
    pub remote: SocketAddr,
    /// The method.
    pub method: &'a Method,
    /// The target.
    pub uri: &'a Uri,
    /// The version.
    pub version: Version,
    /// The status.
    pub status: StatusCode,
    /// Bytes of the body that were handed over.
    pub n_bytes: u64,
    /// From the end of the request's headers to the last byte of the answer.
    pub took: Duration,
    /// Which code answered.
    pub release: Option<&'a str>,
    /// Code of the error that the handler ended with.
    pub failure: Option<&'a str>,
}

#[derive(Default)]
struct Waiting {
    text: String,
    n_lost: u64,
    is_closed: bool,
    /// Whether lines were taken that have not reached the sink.
    is_writing: bool,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    has_come: Condvar,
    is_written: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An access log; without a sink it takes lines and forgets them.
#[derive(Default)]
pub struct Access {
    shared: Option<Arc<Shared>>,
    writer: Option<JoinHandle<()>>,
}

impl Access {
    /// A log that writes to a sink from a thread of its own.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub fn to(sink: Sink) -> std::io::Result<Access> {
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let thread = std::thread::Builder::new().name("sup-http-log".to_owned());
        let writer = thread.spawn(move || write_all(&theirs, sink))?;
        Ok(Access {
            shared: Some(shared),
            writer: Some(writer),
        })
    }

    /// Adds a line.
    pub fn write(&self, line: &Line<'_>) {
        let Some(shared) = &self.shared else { return };
        let mut waiting = shared.lock();
        if waiting.text.len() >= MAX_WAITING {
            waiting.n_lost += 1;
            return;
        }
        let was_empty = waiting.text.is_empty();
        append(&mut waiting.text, line);
        if was_empty {
            shared.has_come.notify_one();
        }
    }
}

impl Access {
    /// Waits until every line has reached the sink, at most so long.
    pub fn flush(&self, within: Duration) {
        let Some(shared) = &self.shared else { return };
        let waiting = shared.lock();
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.text.is_empty();
        drop(shared.is_written.wait_timeout_while(waiting, within, is_busy));
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.lock().is_closed = true;
            shared.has_come.notify_one();
        }
        if let Some(writer) = self.writer.take() {
            // It has no panic to pass on: a sink that panics ends the log.
            drop(writer.join());
        }
    }
}

fn write_all(shared: &Shared, mut sink: Sink) {
    loop {
        let mut waiting = shared.lock();
        while waiting.text.is_empty() && !waiting.is_closed {
            waiting = shared
                .has_come
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let is_closed = waiting.is_closed;
        drop(waiting);
        if !is_closed {
            std::thread::sleep(GATHER);
        }
        let mut waiting = shared.lock();
        let (mut text, n_lost) = (std::mem::take(&mut waiting.text), waiting.n_lost);
        waiting.n_lost = 0;
        waiting.is_writing = true;
        drop(waiting);
        if n_lost > 0 {
            text.push_str(&format!("{{\"lost\":{n_lost}}}\n"));
        }
        let written = sink(text.as_bytes());
        shared.lock().is_writing = false;
        shared.is_written.notify_all();
        if written.is_err() {
            sup_kernel::entry::log(2, "the access log cannot be written and ends");
            return;
        }
        if is_closed {
            return;
        }
    }
}

fn append(out: &mut String, line: &Line<'_>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let uri = line.uri.path_and_query().map_or("*", |target| target.as_str());
    let uri: String = uri.chars().take(MAX_URI).collect();
    write!(
        out,
        "{{\"time_us\":{},\"id\":\"{}\",\"remote\":\"{}\",\"method\":\"{}\",\"uri\":",
        now.as_micros(),
        line.id,
        line.remote.ip(),
        line.method,
    )
    .expect("a string takes everything");
    quote(out, &uri);
    write!(
        out,
        ",\"version\":\"{:?}\",\"status\":{},\"bytes\":{},\"took_us\":{}",
        line.version,
        line.status.as_u16(),
        line.n_bytes,
        line.took.as_micros(),
    )
    .expect("a string takes everything");
    for (key, value) in [("release", line.release), ("error", line.failure)] {
        if let Some(value) = value {
            write!(out, ",\"{key}\":").expect("a string takes everything");
            quote(out, value);
        }
    }
    out.push_str("}\n");
}
