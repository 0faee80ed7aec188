//! One request: from hyper to the handler and back.

use super::run::Loop;
use super::watch::{Feed, Watch};
use crate::access::Line;
use crate::finish;
use crate::incoming::{BodyError, Incoming};
use crate::limits::milliseconds;
use crate::message::{Choice, Reply, ReplyBody, Request, RequestBody, Scheme};
use crate::outgoing::{Outgoing, Source};
use crate::path;
use crate::problem;
use bytes::Bytes;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use hyper::{HeaderMap, Method, Response, StatusCode, Version};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Instant;

/// Answers the requests of one connection.
pub struct Service(Rc<Connection>);

struct Connection {
    event_loop: Rc<Loop>,
    watch: Rc<Watch>,
    remote: SocketAddr,
    scheme: Scheme,
}

impl Service {
    /// The service of a connection.
    #[must_use]
    pub fn new(event_loop: Rc<Loop>, watch: Rc<Watch>, remote: SocketAddr, scheme: Scheme) -> Service {
        Service(Rc::new(Connection {
            event_loop,
            watch,
            remote,
            scheme,
        }))
    }
}

/// The answer on its way.
type Answer = Pin<Box<dyn Future<Output = Result<Response<Outgoing>, Infallible>>>>;

impl hyper::service::Service<hyper::Request<hyper::body::Incoming>> for Service {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: hyper::Request<hyper::body::Incoming>) -> Answer {
        let connection = self.0.clone();
        let event_loop = &connection.event_loop;
        event_loop.n_requests.set(event_loop.n_requests.get() + 1);
        connection.watch.begin_request();
        connection.frame(request.version(), request.headers());
        let running = Running {
            id: event_loop.next_request(),
            begin: Instant::now(),
            connection,
        };
        Box::pin(async move { Ok(running.answer(request).await) })
    }
}

impl Connection {
    /// Tells the socket how the body of the request is framed, whose head hyper has just parsed.
    fn frame(&self, version: Version, headers: &HeaderMap) {
        if version == Version::HTTP_2 {
            return;
        }
        let length = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        self.watch.set_feed(match length {
            _ if headers.contains_key(TRANSFER_ENCODING) => Feed::Chunks,
            None | Some(0) => Feed::Head,
            Some(n_bytes) => Feed::Body(n_bytes),
        });
    }
}

/// A request that is being answered; when it is dropped, it has ended.
struct Running {
    connection: Rc<Connection>,
    id: Rc<str>,
    begin: Instant,
}

impl Drop for Running {
    fn drop(&mut self) {
        let event_loop = &self.connection.event_loop;
        event_loop
            .n_requests
            .set(event_loop.n_requests.get().saturating_sub(1));
        self.connection.watch.end_request();
    }
}

/// What is kept of a request for its answer and for the log.
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The target.
    pub uri: hyper::Uri,
    /// The version.
    pub version: Version,
    /// The headers.
    pub headers: Rc<HeaderMap>,
}

impl Running {
    async fn answer(self, request: hyper::Request<hyper::body::Incoming>) -> Response<Outgoing> {
        let (head, body) = request.into_parts();
        let asked = Asked {
            method: head.method,
            uri: head.uri,
            version: head.version,
            headers: Rc::new(head.headers),
        };
        let watch = self.connection.watch.clone();
        let has_chunks = watch.feed() == Feed::Chunks;
        let limits = self.connection.event_loop.limits.clone();
        let incoming = Incoming::new(body, limits, Box::new(move || watch.end_body()));
        let mut reply = match self.refusal(&asked, &incoming) {
            Some(reply) => reply,
            None => self.ask(&asked, incoming).await,
        };
        if let Some(upgrade) = reply.upgrade.take() {
            self.connection.watch.upgrade.replace(Some(upgrade));
        }
        let (release, failure) = (reply.release.take(), reply.failure.take());
        let limits = &self.connection.event_loop.limits;
        let mut response = finish::finish(&asked, reply, limits).await;
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&self.id) {
            headers.insert("x-request-id", id);
        }
        // hyper may have read bytes beyond the chunks, which nobody has looked at: they are not parsed.
        let is_open = !has_chunks || self.connection.watch.chunks_ended();
        if asked.version < Version::HTTP_2 && (!is_open || self.connection.event_loop.is_draining()) {
            headers.insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
        }
        self.send(asked, response, release, failure)
    }

    /// The answer as hyper sends it; the request has ended when its last byte was handed over.
    fn send(
        self,
        asked: Asked,
        response: Response<Source>,
        release: Option<Rc<str>>,
        failure: Option<Rc<str>>,
    ) -> Response<Outgoing> {
        let (parts, source) = response.into_parts();
        let status = parts.status;
        let end = move |n_bytes| {
            let shared = &self.connection.event_loop.shared;
            let took = self.begin.elapsed();
            shared.metrics.count(status, n_bytes, took, release.as_deref());
            shared.access.write(&Line {
                id: &self.id,
                remote: self.connection.remote,
                method: &asked.method,
                uri: &asked.uri,
                version: asked.version,
                status,
                n_bytes,
                took,
                release: release.as_deref(),
                failure: failure.as_deref(),
            });
        };
        Response::from_parts(parts, Outgoing::new(source, Box::new(end)))
    }

    /// Why the request is not even looked at further.
    fn refusal(&self, asked: &Asked, incoming: &Incoming) -> Option<Reply> {
        let event_loop = &self.connection.event_loop;
        let limits = &event_loop.limits;
        let refuse =
            |status, code: &str, message: &str| Some(problem::reply(&asked.headers, status, code, message));
        if asked
            .uri
            .path_and_query()
            .map_or(0, |target| target.as_str().len() as u64)
            > limits.uri_bytes
        {
            return refuse(
                StatusCode::URI_TOO_LONG,
                "http/uri-too-long",
                "the request's target is too long",
            );
        }
        if asked.headers.len() as u64 > limits.headers_count {
            return refuse(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "http/headers-too-large",
                "the request has too many headers",
            );
        }
        let is_of_server = asked.method == Method::OPTIONS && asked.uri.path() == "*";
        if let (Err(error), false) = (path::check(asked.uri.path()), is_of_server) {
            return refuse(StatusCode::BAD_REQUEST, "http/path", error.message());
        }
        if asked.method == Method::CONNECT {
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "http/method", "this is no proxy");
        }
        if incoming
            .announced()
            .is_some_and(|n_bytes| n_bytes > limits.body_bytes)
        {
            return Some(body_problem(&asked.headers, BodyError::TooLarge));
        }
        if asked
            .headers
            .get(CONTENT_ENCODING)
            .is_some_and(|coding| coding != "identity")
        {
            return refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "http/content-encoding",
                "bodies are taken as they are, without a content encoding",
            );
        }
        if event_loop.n_requests.get() > limits.requests_count {
            return refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "http/busy",
                "the server works on too many requests",
            );
        }
        None
    }

    /// Has the request answered by what the path leads to.
    async fn ask(&self, asked: &Asked, incoming: Incoming) -> Reply {
        let event_loop = &self.connection.event_loop;
        if let Some(reply) = health(asked, event_loop) {
            return reply;
        }
        let choice = event_loop
            .respond
            .choose(&asked.method, &asked.uri, &asked.headers);
        let (run, pattern, parameters, streams) = match choice {
            Choice::Reply(reply) => return reply,
            Choice::Handler {
                run,
                pattern,
                parameters,
                streams,
            } => (run, pattern, parameters, streams),
        };
        let body = if streams {
            RequestBody::Stream(incoming)
        } else {
            match incoming.all().await {
                Ok(bytes) => RequestBody::Whole(bytes),
                Err(error) => return body_problem(&asked.headers, error),
            }
        };
        let request = Request {
            method: asked.method.clone(),
            uri: asked.uri.clone(),
            pattern,
            parameters,
            headers: asked.headers.clone(),
            body,
            remote: self.connection.remote,
            scheme: self.connection.scheme,
            id: self.id.clone(),
        };
        match tokio::time::timeout(milliseconds(event_loop.limits.handler_ms), run(request)).await {
            Ok(reply) => reply,
            Err(_) => problem::reply(
                &asked.headers,
                StatusCode::GATEWAY_TIMEOUT,
                "http/handler-timeout",
                "the handler did not answer in time",
            ),
        }
    }
}

/// The answer to a body that could not be read.
fn body_problem(headers: &HeaderMap, error: BodyError) -> Reply {
    let (status, code, message) = match error {
        BodyError::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "http/body-too-large",
            "the request's body is too large",
        ),
        BodyError::TooSlow => (
            StatusCode::REQUEST_TIMEOUT,
            "http/body-timeout",
            "the request's body did not come in time",
        ),
        BodyError::Cut => (
            StatusCode::BAD_REQUEST,
            "http/bad-body",
            "the request's body is not framed as it should be",
        ),
    };
    problem::reply(headers, status, code, message)
}

/// Whether the process lives, and whether it takes requests.
fn health(asked: &Asked, event_loop: &Loop) -> Option<Reply> {
    let path = asked.uri.path().strip_prefix("/-/")?;
    let (status, text) = match path {
        "live" => (StatusCode::OK, "live\n"),
        "ready" if event_loop.is_draining() => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        "ready" => (StatusCode::OK, "ready\n"),
        _ => return None,
    };
    if asked.method != Method::GET && asked.method != Method::HEAD {
        return Some(problem::not_allowed(&asked.headers, &[Method::GET, Method::HEAD]));
    }
    let mut reply = Reply::new(status, ReplyBody::Whole(Bytes::from_static(text.as_bytes())));
    let no_store = HeaderValue::from_static("no-store");
    reply.headers.insert(hyper::header::CACHE_CONTROL, no_store);
    Some(reply)
}
