//! One connection: its first byte, its protocol, its clock, and how it ends.

use super::guard::{Guard, Socket};
use super::head::Refusal;
use super::run::Loop;
use super::service::Service;
use super::watch::{Feed, Phase, Watch};
use crate::limits::{milliseconds, size};
use crate::message::Scheme;
use bytes::{Bytes, BytesMut};
use hyper::server::conn::{http1, http2};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// What every HTTP/2 connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a connection that was told why it ends is read from, so that the client gets to read it.
const LINGER: Duration = Duration::from_millis(500);
/// Most bytes that are read for that.
const MAX_LINGER_BYTES: usize = 1 << 20;

/// Runs tasks of HTTP/2 on the event loop.
#[derive(Clone, Copy)]
struct OnLoop;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for OnLoop {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}

/// The clock of a connection: one timer, moved only when the deadline comes nearer or it rings too early.
struct Clock {
    sleep: Pin<Box<Sleep>>,
}

impl Clock {
    fn new(watch: &Watch) -> Clock {
        let deadline = watch
            .deadline()
            .unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
        Clock {
            sleep: Box::pin(tokio::time::sleep_until(deadline)),
        }
    }

    /// Ready when the connection's time is over.
    fn poll(&mut self, cx: &mut Context<'_>, watch: &Watch) -> Poll<()> {
        let Some(deadline) = watch.deadline() else {
            return Poll::Pending;
        };
        if deadline < self.sleep.deadline() {
            self.sleep.as_mut().reset(deadline);
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

/// Leaves the loop's list when it is dropped.
struct Entered<'l>(&'l Loop, u64);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

/// Serves a connection until it ends.
pub async fn serve(event_loop: Rc<Loop>, stream: TcpStream, remote: SocketAddr, scheme: Scheme) {
    let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    let _entered = Entered(&event_loop, event_loop.enter(waker));
    let watch = Rc::new(Watch::new(event_loop.limits.clone()));
    let mut clock = Clock::new(&watch);
    let socket = match &event_loop.shared.tls {
        None => Socket::Plain(stream),
        Some(tls) => {
            let patience = milliseconds(event_loop.limits.first_byte_ms);
            match tokio::time::timeout(patience, tls.accept(stream)).await {
                Ok(Ok(stream)) => Socket::Tls(Box::new(stream)),
                // The client is told by TLS itself, or is too slow to be told.
                Ok(Err(_)) | Err(_) => return event_loop.shared.metrics.refuse(),
            }
        }
    };
    let mut guard = Guard::new(socket, watch.clone());
    let first = poll_fn(|cx| {
        if let Poll::Ready(first) = guard.poll_prefix(cx, PREFACE) {
            return Poll::Ready(Some(first));
        }
        if event_loop.is_draining() && watch.phase() == Phase::FirstByte {
            return Poll::Ready(None);
        }
        clock.poll(cx, &watch).map(|()| None)
    })
    .await;
    let service = Service::new(event_loop.clone(), watch.clone(), remote, scheme);
    match first {
        Some(Ok(true)) => {
            watch.set_feed(Feed::All);
            serve_http2(&event_loop, guard, &watch, clock, service).await;
        }
        Some(Ok(false)) => serve_http1(&event_loop, guard, &watch, clock, service).await,
        None if watch.phase() == Phase::Head => {
            let (socket, _) = guard.into_parts();
            part(socket, &Refusal::SLOW.to_bytes()).await;
        }
        Some(Err(_)) | None => {}
    }
}

async fn serve_http1(
    event_loop: &Rc<Loop>,
    guard: Guard,
    watch: &Rc<Watch>,
    mut clock: Clock,
    service: Service,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(hyper_util::rt::TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(64 * 1024);
    let mut served = builder.serve_connection(guard, service);
    let mut is_draining = false;
    let ended = poll_fn(|cx| {
        if event_loop.is_draining() && !is_draining {
            is_draining = true;
            Pin::new(&mut served).graceful_shutdown();
        }
        match served.poll_without_shutdown(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending => clock.poll(cx, watch).map(|()| None),
        }
    })
    .await;
    let parts = served.into_parts();
    let (socket, held) = parts.io.into_parts();
    if let Some(upgrade) = watch.upgrade.take() {
        let mut rest = BytesMut::from(&parts.read_buf[..]);
        rest.extend_from_slice(&held);
        upgrade(socket, Bytes::from(rest), event_loop.clone()).await;
        return;
    }
    let refusal = match (&ended, watch.refusal()) {
        (_, Some(refusal)) => Some(refusal),
        (None, None) if watch.phase() == Phase::Head => Some(Refusal::SLOW),
        _ => None,
    };
    match (ended, refusal) {
        (_, Some(refusal)) => {
            event_loop.shared.metrics.refuse();
            part(socket, &refusal.to_bytes()).await;
        }
        (Some(Ok(())), None) => part(socket, b"").await,
        // Cut: the client is gone, takes nothing, or an answer broke off, which must not look like its end.
        (Some(Err(_)) | None, None) => {}
    }
}

/// Says the last word and waits a moment for the client to have read it: a socket that is closed with bytes unread takes back
/// what it has sent.
async fn part(mut socket: Socket, last: &[u8]) {
    let farewell = async {
        socket.write_all(last).await?;
        socket.shutdown().await?;
        let mut n_read = 0;
        let mut scratch = [0; 4096];
        while n_read < MAX_LINGER_BYTES {
            match socket.read(&mut scratch).await? {
                0 => break,
                n_bytes => n_read += n_bytes,
            }
        }
        std::io::Result::Ok(())
    };
    // The client may be gone, which is as good.
    drop(tokio::time::timeout(LINGER, farewell).await);
}

async fn serve_http2(event_loop: &Loop, guard: Guard, watch: &Rc<Watch>, mut clock: Clock, service: Service) {
    let limits = &event_loop.limits;
    let narrow = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(OnLoop);
    builder
        .timer(hyper_util::rt::TokioTimer::new())
        .max_concurrent_streams(narrow(limits.h2_streams_count))
        .max_pending_accept_reset_streams(size(limits.h2_resets_count))
        .max_local_error_reset_streams(size(limits.h2_resets_count))
        .max_header_list_size(narrow(limits.headers_bytes))
        .max_send_buf_size(64 * 1024);
    watch.enter(Phase::Idle);
    let mut served = pin!(builder.serve_connection(guard, service));
    let mut is_draining = false;
    poll_fn(|cx| {
        if event_loop.is_draining() && !is_draining {
            is_draining = true;
            served.as_mut().graceful_shutdown();
        }
        match served.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => clock.poll(cx, watch),
        }
    })
    .await;
}
