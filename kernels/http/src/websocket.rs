//! WebSockets (RFC 6455) by tokio-tungstenite: a function of the program serves each in a fiber of its own.

use crate::limits::{milliseconds, size};
use crate::message::{Answering, Reply, ReplyBody, Request};
use crate::problem;
use crate::program::handlers::Handlers;
use crate::server::guard::Socket as Stream;
use crate::server::run::Loop;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::header::{
    CONNECTION, HOST, HeaderMap, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Method, StatusCode};
use std::collections::VecDeque;
use std::ffi::CStr;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use sup_kernel::isolate::Handler;
use sup_kernel::{Context, Error, Promise, Resource, Result, Value};
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WireError, Message};

/// How long the client may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// A message of the client.
enum Received {
    Text(String),
    Binary(Vec<u8>),
}

#[derive(Default)]
struct Inbox {
    messages: VecDeque<Received>,
    waiting: Option<Promise>,
    is_closed: bool,
}

struct Shared {
    inbox: Mutex<Inbox>,
    has_room: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Order {
    Send(Message, Promise),
    Close,
}

/// A WebSocket as a program has it.
pub struct Socket {
    shared: Arc<Shared>,
    orders: mpsc::UnboundedSender<Order>,
    n_most: usize,
}

impl Resource for Socket {
    const NAME: &'static CStr = c"websocket";
}

fn closed() -> Error {
    Error::new("http/closed", "the WebSocket is closed")
}

fn value(cx: &Context, message: Received) -> Result<Value<'_>> {
    match message {
        Received::Text(text) => cx.text(&text),
        Received::Binary(bytes) => cx.bytes(&bytes),
    }
}

impl Socket {
    /// The next message, a string or bytes; nil when the client has closed. Parks the fiber until one comes.
    ///
    /// # Errors
    /// `http/busy` when another fiber waits for one already.
    pub fn receive<'c>(&self, cx: &'c Context) -> Result<Value<'c>> {
        let mut inbox = self.shared.lock();
        if let Some(message) = inbox.messages.pop_front() {
            self.shared.has_room.notify_one();
            return value(cx, message);
        }
        if inbox.is_closed {
            return Ok(cx.nil());
        }
        if inbox.waiting.is_some() {
            return Err(Error::new(
                "http/busy",
                "another fiber waits for a message of this WebSocket",
            ));
        }
        let (promise, handle) = cx.promise()?;
        inbox.waiting = Some(promise);
        drop(inbox);
        cx.wait(handle)
    }

    /// Sends a string or bytes. Parks the fiber until the message is on its way.
    ///
    /// # Errors
    /// `http/closed` when the socket is closed, `http/too-large` when the message is.
    pub fn send<'c>(&self, cx: &'c Context, message: Value<'c>) -> Result<Value<'c>> {
        let message = match (message.as_text(), message.as_bytes()) {
            (Some(text), _) => Message::text(text),
            (None, Some(bytes)) => Message::binary(Bytes::copy_from_slice(bytes)),
            (None, None) => {
                let found = message.value_type().name();
                return Err(Error::type_mismatch(format!(
                    "a message is a string or bytes, not :{found}"
                )));
            }
        };
        if message.len() > self.n_most {
            let text = format!(
                "the message has {} bytes; {} are the most",
                message.len(),
                self.n_most
            );
            return Err(Error::new("http/too-large", text));
        }
        if self.shared.lock().is_closed {
            return Err(closed());
        }
        let (promise, handle) = cx.promise()?;
        self.orders
            .send(Order::Send(message, promise))
            .map_err(|_| closed())?;
        cx.wait(handle)
    }

    /// Closes it. One that is closed stays so.
    pub fn close(&self) {
        drop(self.orders.send(Order::Close));
    }
}

/// The answer that turns a connection into a WebSocket which a function serves.
pub fn accept(handlers: Rc<Handlers>, handler: Handler, request: &Request) -> Reply {
    let key = match handshake(request) {
        Ok(key) => key,
        Err(reply) => return *reply,
    };
    let mut reply = Reply::new(StatusCode::SWITCHING_PROTOCOLS, ReplyBody::Empty);
    reply
        .headers
        .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    reply
        .headers
        .insert(UPGRADE, HeaderValue::from_static("websocket"));
    reply.headers.insert(SEC_WEBSOCKET_ACCEPT, key);
    reply.upgrade = Some(Box::new(move |stream, rest, event_loop| {
        Box::pin(serve(handlers, handler, stream, rest, event_loop)) as Answering<()>
    }));
    reply
}

/// What the client's key is answered with, or why this becomes no WebSocket.
fn handshake(request: &Request) -> std::result::Result<HeaderValue, Box<Reply>> {
    let headers = &request.headers;
    let refuse = |status, code, message| Err(Box::new(problem::reply(headers, status, code, message)));
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
            .unwrap_or_default()
    };
    let lists = |name, wanted: &str| {
        let lines = headers.get_all(name).into_iter();
        lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(wanted))
    };
    if request.method != Method::GET || !lists(CONNECTION, "upgrade") || !lists(UPGRADE, "websocket") {
        let mut reply = problem::reply(
            headers,
            StatusCode::UPGRADE_REQUIRED,
            "http/websocket",
            "this path speaks WebSocket only",
        );
        reply
            .headers
            .insert(UPGRADE, HeaderValue::from_static("websocket"));
        return Err(Box::new(reply));
    }
    if text(SEC_WEBSOCKET_VERSION) != "13" {
        let mut reply = problem::reply(
            headers,
            StatusCode::UPGRADE_REQUIRED,
            "http/websocket",
            "the version of WebSocket is 13",
        );
        reply
            .headers
            .insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(Box::new(reply));
    }
    let key = text(SEC_WEBSOCKET_KEY);
    if key.len() != 24 {
        return refuse(
            StatusCode::BAD_REQUEST,
            "http/websocket",
            "the WebSocket key has 24 characters",
        );
    }
    if !is_same_origin(headers) {
        return refuse(
            StatusCode::FORBIDDEN,
            "http/origin",
            "the page is of another site",
        );
    }
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).or_else(|_| {
        refuse(
            StatusCode::BAD_REQUEST,
            "http/websocket",
            "the WebSocket key is none",
        )
    })
}

/// Browsers send a site's cookies with every WebSocket, whichever page opens it: only the site's own may.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    origin
        .split_once("://")
        .is_some_and(|(_, origin)| origin.eq_ignore_ascii_case(host))
}

async fn serve(handlers: Rc<Handlers>, handler: Handler, stream: Stream, rest: Bytes, event_loop: Rc<Loop>) {
    let most = size(handlers.limits().ws_message_bytes);
    let config = WebSocketConfig::default()
        .max_message_size(Some(most))
        .max_frame_size(Some(most))
        .max_write_buffer_size(2 * most + 128 * 1024);
    let wire = WebSocketStream::from_partially_read(stream, rest.to_vec(), Role::Server, Some(config)).await;
    let shared = Arc::new(Shared {
        inbox: Mutex::default(),
        has_room: Notify::new(),
    });
    let (orders, taken) = mpsc::unbounded_channel();
    let socket = Socket {
        shared: shared.clone(),
        orders: orders.clone(),
        n_most: most,
    };
    let serving = async {
        handlers.serve(handler, socket).await;
        drop(orders.send(Order::Close));
    };
    let pumping = pump(wire, &shared, taken, &event_loop);
    tokio::join!(serving, pumping);
}

/// Carries messages both ways until one side closes.
async fn pump(
    mut wire: WebSocketStream<Stream>,
    shared: &Shared,
    mut orders: mpsc::UnboundedReceiver<Order>,
    event_loop: &Loop,
) {
    let limits = &event_loop.limits;
    let (stall, queue) = (milliseconds(limits.write_stall_ms), size(limits.ws_queue_count));
    let mut beat = tokio::time::interval(milliseconds(limits.idle_ms) / 2);
    beat.tick().await;
    let mut is_heard = true;
    let goodbye = loop {
        let has_room = shared.lock().messages.len() < queue;
        let draining = poll_fn(|_| {
            if event_loop.is_draining() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Send(message, promise)) => {
                    match tokio::time::timeout(stall, wire.send(message)).await {
                        Ok(Ok(())) => promise.settle(Ok(())),
                        Ok(Err(_)) | Err(_) => {
                            promise.fail(&closed());
                            break None;
                        }
                    };
                }
                Some(Order::Close) | None => break Some(CloseCode::Normal),
            },
            message = wire.next(), if has_room => match message {
                Some(Ok(message)) => {
                    is_heard = true;
                    if !keep(shared, message) {
                        break None;
                    }
                }
                Some(Err(WireError::Capacity(_))) => break Some(CloseCode::Size),
                Some(Err(WireError::Utf8(_))) => break Some(CloseCode::Invalid),
                Some(Err(WireError::Protocol(_))) => break Some(CloseCode::Protocol),
                Some(Err(_)) | None => break None,
            },
            () = shared.has_room.notified() => {}
            () = draining => break Some(CloseCode::Away),
            _ = beat.tick() => {
                // Who was silent since the last beat gets no second one.
                if !std::mem::take(&mut is_heard) || wire.send(Message::Ping(Bytes::new())).await.is_err() {
                    break None;
                }
            }
        }
    };
    end(wire, shared, orders, goodbye).await;
}

/// Tells the program that there are no more messages, and the client that the socket closes.
async fn end(
    mut wire: WebSocketStream<Stream>,
    shared: &Shared,
    mut orders: mpsc::UnboundedReceiver<Order>,
    goodbye: Option<CloseCode>,
) {
    let waiting = {
        let mut inbox = shared.lock();
        inbox.is_closed = true;
        inbox.waiting.take()
    };
    if let Some(promise) = waiting {
        promise.settle(Ok(()));
    }
    orders.close();
    while let Some(order) = orders.recv().await {
        if let Order::Send(_, promise) = order {
            promise.fail(&closed());
        }
    }
    let frame = goodbye.map(|code| CloseFrame {
        code,
        reason: "".into(),
    });
    let farewell = async {
        if frame.is_some() {
            drop(wire.send(Message::Close(frame)).await);
        }
        while let Some(Ok(_)) = wire.next().await {}
    };
    // A client that does not answer is cut.
    drop(tokio::time::timeout(FAREWELL, farewell).await);
}

/// Keeps a message for the program, or hands it to the fiber that waits; false when it says that there are no more.
fn keep(shared: &Shared, message: Message) -> bool {
    let received = match message {
        Message::Text(text) => Received::Text(text.to_string()),
        Message::Binary(bytes) => Received::Binary(bytes.to_vec()),
        Message::Close(_) => return false,
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return true,
    };
    let mut inbox = shared.lock();
    match inbox.waiting.take() {
        Some(promise) => {
            drop(inbox);
            // A fiber that waits no more was cancelled, and its message with it.
            promise.settle_with(move |cx| value(cx, received));
        }
        None => inbox.messages.push_back(received),
    }
    true
}
