//! Bodies that a handler reads or writes piece by piece. A piece that finds no room makes the handler wait for the client.

use crate::incoming::{BodyError, Incoming as IncomingBody};
use crate::outgoing::{Broken, Part};
use bytes::Bytes;
use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use sup_kernel::{Context, Error, Promise, Resource, Result, Value};
use tokio::sync::{mpsc, oneshot};

/// What a writer hands to the event loop.
enum Item {
    /// A piece; its writer waits when there is a promise.
    Piece(Bytes, Option<Promise>),
    /// There is no more.
    End,
    /// There is no more, and what there was is not all.
    Break,
}

/// A body that a handler writes.
pub struct Outgoing {
    items: mpsc::UnboundedSender<Item>,
    n_waiting: Arc<AtomicUsize>,
    is_gone: Arc<AtomicBool>,
    n_most: usize,
}

impl Resource for Outgoing {
    const NAME: &'static CStr = c"response-stream";
}

/// Ends a body when its writer has ended.
pub struct Breaker(mpsc::UnboundedSender<Item>);

impl Breaker {
    /// The body is whole. What nobody receives any more needs no end.
    pub fn end(self) {
        drop(self.0.send(Item::End));
    }

    /// The body is not whole.
    pub fn break_off(self) {
        drop(self.0.send(Item::Break));
    }
}

impl Outgoing {
    /// What ends the body.
    pub fn breaker(&self) -> Breaker {
        Breaker(self.items.clone())
    }

    /// Hands a piece over; parks the fiber while many wait already.
    ///
    /// # Errors
    /// `http/closed` when the client has gone.
    pub fn write<'c>(&self, cx: &'c Context, bytes: Bytes) -> Result<Value<'c>> {
        if self.is_gone.load(Ordering::Relaxed) {
            return Err(closed());
        }
        if bytes.is_empty() {
            return Ok(cx.nil());
        }
        let n_waiting = self.n_waiting.fetch_add(1, Ordering::Relaxed);
        if n_waiting < self.n_most {
            self.items.send(Item::Piece(bytes, None)).map_err(|_| closed())?;
            return Ok(cx.nil());
        }
        let (promise, handle) = cx.promise()?;
        self.items
            .send(Item::Piece(bytes, Some(promise)))
            .map_err(|_| closed())?;
        cx.wait(handle)
    }
}

fn closed() -> Error {
    Error::new("http/closed", "the client has closed the connection")
}

/// A body to be written: what the handler gets, what the connection sends, and what ends when the client has gone.
pub fn write_body(n_most: usize) -> (Outgoing, mpsc::Receiver<Part>, impl Future<Output = ()>) {
    let (items, mut taken) = mpsc::unbounded_channel();
    let (parts, receiver) = mpsc::channel(1);
    let (is_gone, n_waiting) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let outgoing = Outgoing {
        items,
        n_waiting: n_waiting.clone(),
        is_gone: is_gone.clone(),
        n_most,
    };
    let (tell, told) = oneshot::channel::<()>();
    tokio::task::spawn_local(async move {
        loop {
            let item = tokio::select! {
                item = taken.recv() => item,
                () = parts.closed() => None,
            };
            match item {
                Some(Item::Piece(bytes, promise)) => {
                    if parts.send(Ok(bytes)).await.is_err() {
                        break;
                    }
                    n_waiting.fetch_sub(1, Ordering::Relaxed);
                    if let Some(promise) = promise {
                        promise.settle(Ok(()));
                    }
                }
                Some(Item::Break) => {
                    // A client that has gone does not see it.
                    drop(parts.send(Err(Broken("the handler failed".to_owned()))).await);
                    break;
                }
                Some(Item::End) | None => break,
            }
        }
        is_gone.store(true, Ordering::Relaxed);
        drop(tell);
    });
    (outgoing, receiver, async { drop(told.await) })
}

/// A request body that a handler reads.
pub struct Incoming(mpsc::UnboundedSender<Promise>);

impl Resource for Incoming {
    const NAME: &'static CStr = c"request-stream";
}

impl Incoming {
    /// Parks the fiber until the next piece is there; nil at the end.
    ///
    /// # Errors
    /// When the client sends no more, too much or too slowly.
    pub fn read<'c>(&self, cx: &'c Context) -> Result<Value<'c>> {
        let (promise, handle) = cx.promise()?;
        if self.0.send(promise).is_err() {
            return Err(closed());
        }
        cx.wait(handle)
    }
}

/// Has a body read when its handler asks.
pub fn read_body(mut body: IncomingBody) -> Incoming {
    let (sender, mut asked) = mpsc::unbounded_channel::<Promise>();
    tokio::task::spawn_local(async move {
        while let Some(promise) = asked.recv().await {
            let piece = body.next().await.map_err(|error| match error {
                BodyError::TooLarge => Error::new("http/body-too-large", "the request's body is too large"),
                BodyError::TooSlow => Error::new("http/body-timeout", "the body did not come in time"),
                BodyError::Cut => closed(),
            });
            promise.settle(piece.map(|piece| piece.map(|bytes| bytes.to_vec())));
        }
    });
    Incoming(sender)
}

/// An event of an event stream as text (WHATWG HTML, section 9.2).
///
/// # Errors
/// `http/event` when a name or id has a line end.
pub fn event(cx: &Context, event: Value<'_>) -> Result<String> {
    if let Some(text) = event.as_text() {
        return Ok(data_lines(text) + "\n");
    }
    let mut out = String::new();
    for name in ["event", "id", "retry"] {
        let Some(value) = event.field(name) else { continue };
        let shown = cx.display(value)?;
        let text = shown.as_text().unwrap_or_default();
        if text.contains(['\n', '\r', '\0']) {
            return Err(Error::new(
                "http/event",
                format!("the :{name} of an event is one line"),
            ));
        }
        out.push_str(&format!("{name}: {text}\n"));
    }
    if let Some(data) = event.field("data") {
        match data.as_text() {
            Some(text) => out.push_str(&data_lines(text)),
            None => out.push_str(&data_lines(&super::json::text(data)?)),
        }
    } else if out.is_empty() {
        let found = event.value_type().name();
        let message = format!("an event is a string or a map of :data :event :id :retry, not :{found}");
        return Err(Error::type_mismatch(message));
    }
    out.push('\n');
    Ok(out)
}

fn data_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.split('\n').map(|line| format!("data: {line}\n")).collect()
}
