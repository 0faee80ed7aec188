//! What goes to a handler and what comes back, between the server and whatever answers.

use crate::incoming::Incoming;
use crate::outgoing::Part;
use crate::server::guard::Socket;
use crate::server::run::Loop;
use bytes::Bytes;
use hyper::{HeaderMap, Method, StatusCode, Uri};
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::mpsc;

/// How a request reached the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As a URI writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// The body of a request, as far as it was read for the handler.
pub enum RequestBody {
    /// All of it.
    Whole(Bytes),
    /// The handler reads it piece by piece.
    Stream(Incoming),
}

/// A request whose route was found.
pub struct Request {
    /// The method.
    pub method: Method,
    /// Target as it came; its path was let through by `path::check`.
    pub uri: Uri,
    /// The pattern of the route.
    pub pattern: Arc<str>,
    /// Parameters of the route's pattern.
    pub parameters: Vec<(String, String)>,
    /// The headers.
    pub headers: Rc<HeaderMap>,
    /// The body.
    pub body: RequestBody,
    /// Who asks.
    pub remote: SocketAddr,
    /// Over what.
    pub scheme: Scheme,
    /// Number of the request, as the answer's header says it.
    pub id: Rc<str>,
}

/// What an answer sends after its headers.
pub enum ReplyBody {
    /// Nothing.
    Empty,
    /// Bytes.
    Whole(Bytes),
    /// Several of them.
    Pieces(Vec<Bytes>),
    /// A file that is read while it is sent.
    File {
        /// Where it lies.
        path: PathBuf,
        /// Its size when the answer was made.
        n_bytes: u64,
        /// Its entity tag.
        tag: Option<String>,
    },
    /// Pieces that come while the answer is being sent.
    Stream(mpsc::Receiver<Part>),
}

/// An answer on its way to the client.
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers that the handler has set.
    pub headers: HeaderMap,
    /// What follows them.
    pub body: ReplyBody,
    /// Which code made it, for the log and for metrics.
    pub release: Option<Rc<str>>,
    /// Code of the error that the handler ended with, for the log.
    pub failure: Option<Rc<str>>,
    /// What goes on over the connection after the answer.
    pub upgrade: Option<Upgrade>,
}

/// Takes a connection over after the answer `101`.
pub type Upgrade = Box<dyn FnOnce(Socket, Bytes, Rc<Loop>) -> Answering<()>>;

impl Reply {
    /// An answer without headers.
    #[must_use]
    pub fn new(status: StatusCode, body: ReplyBody) -> Reply {
        Reply {
            status,
            headers: HeaderMap::new(),
            body,
            release: None,
            failure: None,
            upgrade: None,
        }
    }
}

/// Work that ends on the event loop's thread.
pub type Answering<T> = Pin<Box<dyn Future<Output = T>>>;

/// Answers a request whose body was read. What it answers with was fixed when the request was accepted.
pub type Run = Box<dyn FnOnce(Request) -> Answering<Reply>>;

/// What is found for a path, before the body of its request is read.
pub enum Choice {
    /// A handler answers.
    Handler {
        /// The handler.
        run: Run,
        /// The pattern of its route.
        pattern: Arc<str>,
        /// The parameters of the path.
        parameters: Vec<(String, String)>,
        /// Whether it reads the body itself.
        streams: bool,
    },
    /// The server answers by itself.
    Reply(Reply),
}

/// What answers requests on one event loop.
pub trait Respond: 'static {
    /// What is to answer a method and path.
    fn choose(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Choice;
}
