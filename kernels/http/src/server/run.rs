//! One event loop: accepts connections, serves them, and ends when it is told to.

use super::admission::Admission;
use super::connection;
use super::head::Refusal;
use super::listen;
use crate::access::Access;
use crate::limits::{Limits, milliseconds};
use crate::message::{Respond, Scheme};
use crate::metrics::Metrics;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// How long an event loop waits when it cannot accept for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often running connections are looked at while the loop ends.
const DRAIN_STEP: Duration = Duration::from_millis(5);

/// What the event loops of a server share.
pub struct Shared {
    /// The limits.
    pub limits: Limits,
    /// Who is connected.
    pub admission: Arc<Admission>,
    /// TLS, when the port speaks it.
    pub tls: Option<TlsAcceptor>,
    /// The access log.
    pub access: Access,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// One event loop of a server.
pub struct Loop {
    /// What it shares with the others.
    pub shared: Arc<Shared>,
    /// The limits, near at hand.
    pub limits: Rc<Limits>,
    /// What answers.
    pub respond: Rc<dyn Respond>,
    /// Requests that it works on.
    pub n_requests: Cell<u64>,
    is_draining: Cell<bool>,
    connections: RefCell<HashMap<u64, Waker>>,
    last_connection: Cell<u64>,
    last_request: Cell<u64>,
    /// Start of the numbers of its requests.
    request_prefix: u64,
}

impl Loop {
    /// An event loop that accepts nothing yet.
    #[must_use]
    pub fn new(shared: Arc<Shared>, respond: Rc<dyn Respond>, request_prefix: u64) -> Rc<Loop> {
        Rc::new(Loop {
            limits: Rc::new(shared.limits.clone()),
            shared,
            respond,
            n_requests: Cell::new(0),
            is_draining: Cell::new(false),
            connections: RefCell::default(),
            last_connection: Cell::new(0),
            last_request: Cell::new(0),
            request_prefix,
        })
    }

    /// Number of a new request: 16 hexadecimal digits, never twice in a process.
    #[must_use]
    pub fn next_request(&self) -> Rc<str> {
        let number = self.last_request.get() + 1;
        self.last_request.set(number);
        let mut text = [0u8; 16];
        let number = self.request_prefix ^ number;
        for (place, shift) in text.iter_mut().zip((0..16).rev()) {
            *place = b"0123456789abcdef"[(number >> (4 * shift)) as usize & 15];
        }
        Rc::from(std::str::from_utf8(&text).expect("digits are ASCII"))
    }

    /// Whether it takes no new requests.
    pub fn is_draining(&self) -> bool {
        self.is_draining.get()
    }

    /// Keeps a connection until it has ended, so that it can be woken.
    pub fn enter(&self, waker: Waker) -> u64 {
        let number = self.last_connection.get() + 1;
        self.last_connection.set(number);
        self.connections.borrow_mut().insert(number, waker);
        number
    }

    /// A connection has ended.
    pub fn leave(&self, number: u64) {
        self.connections.borrow_mut().remove(&number);
    }

    /// Ends: connections close after the answer that they are at; those that take longer than the limit are cut.
    pub async fn drain(&self) {
        self.is_draining.set(true);
        for waker in self.connections.borrow().values() {
            waker.wake_by_ref();
        }
        let all_ended = async {
            while !self.connections.borrow().is_empty() {
                tokio::time::sleep(DRAIN_STEP).await;
            }
        };
        // What is still there then is dropped with the loop.
        drop(tokio::time::timeout(milliseconds(self.limits.drain_ms), all_ended).await);
    }

    /// Accepts connections until it is told to end by `stop`, then serves those that have reached the port already.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub async fn accept(
        self: Rc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, remote)) => self.take(stream, remote),
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                () = &mut stop => break,
            }
        }
        let mut context = std::task::Context::from_waker(Waker::noop());
        while let std::task::Poll::Ready(Ok((stream, remote))) = listener.poll_accept(&mut context) {
            self.take(stream, remote);
        }
        Ok(())
    }

    fn take(self: &Rc<Self>, stream: TcpStream, remote: std::net::SocketAddr) {
        let (most, most_of_one) = (
            self.limits.connections_count,
            self.limits.address_connections_count,
        );
        match self.shared.admission.admit(remote.ip(), most, most_of_one) {
            Ok(admitted) => {
                if listen::prepare(&stream).is_err() {
                    return;
                }
                let (this, scheme) = (self.clone(), self.scheme());
                tokio::task::spawn_local(async move {
                    connection::serve(this, stream, remote, scheme).await;
                    drop(admitted);
                });
            }
            Err(refusal) => self.refuse(&stream, refusal),
        }
    }

    fn scheme(&self) -> Scheme {
        if self.shared.tls.is_some() {
            Scheme::Https
        } else {
            Scheme::Http
        }
    }

    /// Sends one away without spending anything on it. Nobody waits for the answer to be taken: it fits any socket's buffer.
    fn refuse(&self, stream: &TcpStream, refusal: Refusal) {
        self.shared.metrics.refuse();
        if self.shared.tls.is_none() {
            drop(stream.try_write(&refusal.to_bytes()));
        }
    }
}
