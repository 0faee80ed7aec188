//! Bodies of answers as hyper sends them, and what is done when the last byte was handed over.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// A piece of a streamed body, or why there are no more.
pub type Part = Result<Bytes, Broken>;

/// A streamed body that cannot be brought to its end: the connection is cut, so that the client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

impl std::fmt::Display for Broken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

/// Where the bytes come from.
pub enum Source {
    /// There are none.
    Empty,
    /// One piece.
    Whole(Bytes),
    /// Several pieces.
    Pieces(VecDeque<Bytes>, u64),
    /// Pieces that come; how many bytes there will be, when that is known.
    Stream(mpsc::Receiver<Part>, Option<u64>),
}

/// A body that is being sent.
pub struct Outgoing {
    source: Source,
    n_sent: u64,
    end: Option<Box<dyn FnOnce(u64)>>,
}

impl Outgoing {
    /// A body; `end` is called once with how many bytes were handed over, also when the client goes away.
    pub fn new(source: Source, end: Box<dyn FnOnce(u64)>) -> Outgoing {
        Outgoing {
            source,
            n_sent: 0,
            end: Some(end),
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end(self.n_sent);
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        let next = match &mut this.source {
            Source::Empty => None,
            Source::Whole(_) => match std::mem::replace(&mut this.source, Source::Empty) {
                Source::Whole(bytes) => Some(Ok(bytes)),
                _ => None,
            },
            Source::Pieces(pieces, n_left) => pieces.pop_front().map(|bytes| {
                *n_left -= bytes.len() as u64;
                Ok(bytes)
            }),
            Source::Stream(receiver, n_left) => match receiver.poll_recv(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) if n_left.is_some_and(|n_left| n_left > 0) => {
                    Some(Err(Broken("the body ended before its length".to_owned())))
                }
                Poll::Ready(Some(Ok(bytes))) => {
                    if let Some(n_left) = n_left {
                        *n_left = n_left.saturating_sub(bytes.len() as u64);
                    }
                    Some(Ok(bytes))
                }
                Poll::Ready(part) => part,
            },
        };
        if let Some(Ok(bytes)) = &next {
            this.n_sent += bytes.len() as u64;
        }
        Poll::Ready(next.map(|part| part.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Empty => true,
            Source::Pieces(pieces, _) => pieces.is_empty(),
            Source::Whole(_) | Source::Stream(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Empty => SizeHint::with_exact(0),
            Source::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Pieces(_, n_left) => SizeHint::with_exact(*n_left),
            Source::Stream(_, Some(n_left)) => SizeHint::with_exact(*n_left),
            Source::Stream(_, None) => SizeHint::default(),
        }
    }
}
