//! Bodies of requests: read under a limit, against the clock, and at a least rate.

use crate::limits::{Limits, milliseconds};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming as HyperIncoming};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a body may take its time before the least rate counts.
const GRACE: Duration = Duration::from_secs(2);

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is longer than the limit.
    TooLarge,
    /// It came too slowly.
    TooSlow,
    /// The client went away or its framing was wrong.
    Cut,
}

/// The body of a request that is being read.
pub struct Incoming {
    body: HyperIncoming,
    limits: Rc<Limits>,
    begin: Option<Instant>,
    n_read: u64,
    end: Option<Box<dyn FnOnce()>>,
}

impl Incoming {
    /// A body of which nothing was read; `end` is called once, when it was read to its end.
    pub fn new(body: HyperIncoming, limits: Rc<Limits>, end: Box<dyn FnOnce()>) -> Incoming {
        Incoming {
            body,
            limits,
            begin: None,
            n_read: 0,
            end: Some(end),
        }
    }

    /// How many bytes there are, when the client said so.
    #[must_use]
    pub fn announced(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The next piece, nothing at the end.
    ///
    /// # Errors
    /// When the limit, the clock or the rate does not allow more, or the client is gone.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let begin = *self.begin.get_or_insert_with(Instant::now);
            let frame = tokio::time::timeout_at(self.deadline(begin), self.body.frame()).await;
            let frame = frame.map_err(|_| BodyError::TooSlow)?;
            let Some(frame) = frame else {
                self.finish();
                return Ok(None);
            };
            // Trailers are dropped: nothing here gives them a meaning.
            let Ok(data) = frame.map_err(|_| BodyError::Cut)?.into_data() else {
                continue;
            };
            self.n_read += data.len() as u64;
            if self.n_read > self.limits.body_bytes {
                return Err(BodyError::TooLarge);
            }
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    /// All that is left.
    ///
    /// # Errors
    /// As for `next`.
    pub async fn all(mut self) -> Result<Bytes, BodyError> {
        if self.body.is_end_stream() {
            self.finish();
            return Ok(Bytes::new());
        }
        if self
            .announced()
            .is_some_and(|n_bytes| n_bytes > self.limits.body_bytes)
        {
            return Err(BodyError::TooLarge);
        }
        let Some(first) = self.next().await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.next().await? else {
            return Ok(first);
        };
        let mut bytes = BytesMut::from(&first[..]);
        bytes.extend_from_slice(&second);
        while let Some(more) = self.next().await? {
            bytes.extend_from_slice(&more);
        }
        Ok(bytes.freeze())
    }

    fn finish(&mut self) {
        if let Some(end) = self.end.take() {
            end();
        }
    }

    /// Until when the next byte must come: by the body's time, and before the rate falls below the least one.
    fn deadline(&self, begin: Instant) -> Instant {
        let in_all = begin + milliseconds(self.limits.body_ms);
        let earned_ms = self.n_read.saturating_mul(1000) / self.limits.body_rate_bytes;
        in_all.min(begin + GRACE + milliseconds(earned_ms))
    }
}
