//! Between a socket and hyper: looks at each head before hyper sees it, and notes what the clock must know.

use super::head::{self, Head, HeadLimits, Refusal};
use super::watch::{Feed, Phase, Watch};
use crate::limits::size;
use bytes::{Buf, Bytes, BytesMut};
use hyper::rt::{Read, ReadBufCursor, Write};
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection's socket.
pub enum Socket {
    /// In the clear.
    Plain(TcpStream),
    /// Over TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

macro_rules! delegate {
    ($socket:expr, $inner:ident => $call:expr) => {
        match $socket {
            Socket::Plain(inner) => {
                let $inner = Pin::new(inner);
                $call
            }
            Socket::Tls(inner) => {
                let $inner = Pin::new(inner.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self.get_mut(), inner => inner.poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self.get_mut(), inner => inner.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self.get_mut(), inner => inner.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self.get_mut(), inner => inner.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self.get_mut(), inner => inner.poll_write_vectored(cx, buffers))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Socket::Plain(inner) => inner.is_write_vectored(),
            Socket::Tls(inner) => inner.is_write_vectored(),
        }
    }
}

/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;
/// Most bytes that are held while a request is being answered.
const MAX_HELD: usize = 64 * 1024;

thread_local! {
    /// What sockets are read into, so that a connection that waits holds no buffer.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// A guarded socket.
pub struct Guard {
    socket: Socket,
    watch: Rc<Watch>,
    held: BytesMut,
    /// How many of the held bytes are of a head that was looked at.
    n_passed: usize,
    is_ended: bool,
}

impl Guard {
    /// Guards a socket.
    #[must_use]
    pub fn new(socket: Socket, watch: Rc<Watch>) -> Guard {
        Guard {
            socket,
            watch,
            held: BytesMut::new(),
            n_passed: 0,
            is_ended: false,
        }
    }

    /// What was held of the bytes that came, and the socket.
    #[must_use]
    pub fn into_parts(self) -> (Socket, Bytes) {
        (self.socket, self.held.freeze())
    }

    /// The socket.
    pub fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    /// Reads until there are that many bytes or they can no longer be those of a prefix; true when they are it.
    ///
    /// # Errors
    /// The socket's.
    pub fn poll_prefix(&mut self, cx: &mut Context<'_>, prefix: &[u8]) -> Poll<io::Result<bool>> {
        loop {
            let n_bytes = self.held.len().min(prefix.len());
            if self.held[..n_bytes] != prefix[..n_bytes] {
                return Poll::Ready(Ok(false));
            }
            if n_bytes == prefix.len() {
                return Poll::Ready(Ok(true));
            }
            if self.is_ended {
                return Poll::Ready(Ok(false));
            }
            std::task::ready!(self.fill(cx))?;
            if !self.held.is_empty() {
                self.watch.enter(Phase::Head);
            }
        }
    }

    /// Reads once into what is held.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            std::task::ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer))?;
            self.is_ended = buffer.filled().is_empty();
            self.held.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(()))
        })
    }

    /// Hands held bytes over.
    fn give(&mut self, out: &mut ReadBufCursor<'_>, n_most: usize) -> usize {
        let n_bytes = n_most.min(self.held.len()).min(out.remaining());
        out.put_slice(&self.held[..n_bytes]);
        self.held.advance(n_bytes);
        if self.held.is_empty() {
            self.held = BytesMut::new();
        }
        n_bytes
    }

    fn refused(&self, refusal: Refusal) -> io::Error {
        self.watch.refuse(refusal);
        io::Error::other(refusal.code)
    }

    fn head_limits(&self) -> HeadLimits {
        let limits = &self.watch.limits;
        HeadLimits {
            uri_bytes: size(limits.uri_bytes),
            headers_bytes: size(limits.headers_bytes),
            headers_count: size(limits.headers_count),
        }
    }

    /// The next head, when it is whole and the request before it was answered.
    fn read_head(&mut self, cx: &mut Context<'_>, out: &mut ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.n_passed > 0 {
                self.n_passed -= self.give(out, self.n_passed);
                if self.n_passed == 0 {
                    self.watch.set_feed(Feed::Nothing);
                }
                return Poll::Ready(Ok(()));
            }
            if self.watch.is_busy() {
                return self.wait_for_end(cx);
            }
            while self.held.starts_with(b"\r\n") {
                self.held.advance(2);
            }
            if !self.held.is_empty() {
                if self.watch.phase() != Phase::Head {
                    self.watch.enter(Phase::Head);
                }
                match head::look(&self.held, self.head_limits()) {
                    Ok(Head::Whole(n_bytes)) => {
                        self.n_passed = n_bytes;
                        continue;
                    }
                    Ok(Head::Partial) => {}
                    Err(refusal) => return Poll::Ready(Err(self.refused(refusal))),
                }
            }
            if self.is_ended {
                return Poll::Ready(Ok(()));
            }
            std::task::ready!(self.fill(cx))?;
        }
    }

    /// While a request is answered: keeps what comes, and tells hyper only when the client has gone.
    fn wait_for_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.is_ended && self.held.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if !self.held.is_empty() {
                self.watch.wake_at_end(cx.waker());
            }
            if self.is_ended || self.held.len() >= MAX_HELD {
                return Poll::Pending;
            }
            std::task::ready!(self.fill(cx))?;
        }
    }

    /// Bytes of a body, at most so many.
    fn read_body(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut ReadBufCursor<'_>,
        n_most: usize,
    ) -> Poll<io::Result<usize>> {
        if self.held.is_empty() && !self.is_ended {
            std::task::ready!(self.fill(cx))?;
        }
        Poll::Ready(Ok(self.give(out, n_most)))
    }
}

impl Read for Guard {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.watch.feed() {
            Feed::Head => this.read_head(cx, &mut out),
            Feed::Nothing => this.wait_for_end(cx),
            Feed::Body(n_left) => {
                let n_bytes = std::task::ready!(this.read_body(cx, &mut out, size(n_left)))?;
                this.watch.set_feed(match n_left - n_bytes as u64 {
                    0 => Feed::Head,
                    n_left => Feed::Body(n_left),
                });
                Poll::Ready(Ok(()))
            }
            Feed::Chunks | Feed::All => {
                let is_chunks = this.watch.feed() == Feed::Chunks;
                if this.held.is_empty() && !this.is_ended {
                    std::task::ready!(this.fill(cx))?;
                }
                let n_bytes = this.held.len().min(out.remaining());
                if is_chunks {
                    this.watch.note_chunks(&this.held[..n_bytes]);
                }
                this.give(&mut out, n_bytes);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl Write for Guard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.socket).poll_write(cx, bytes);
        this.watch.note_write(written.is_pending());
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.socket).poll_flush(cx);
        this.watch.note_write(flushed.is_pending());
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.socket).poll_write_vectored(cx, buffers);
        this.watch.note_write(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
