//! Requests without a socket, for tests: through the routes to the handler, and the answer as a client would see it.

use super::answer::{self, Answered, Failure};
use super::ask::{self, Asking};
use super::handlers;
use super::servers::Http;
use super::table::{self, REST, Target};
use super::words::Words;
use crate::finish;
use crate::limits::Limits;
use crate::message::{Reply, Request, RequestBody, Scheme};
use crate::outgoing::Source;
use crate::path;
use crate::problem;
use crate::router::{Found, Router};
use crate::server::service::Asked;
use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode, Uri, Version};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use sup_kernel::{Context, Error, Result, Rooted, Value};

/// Answers a request as a server with the program's routes would.
///
/// # Errors
/// `http/request` when the request is none.
pub fn call(cx: &mut Context, request: Rooted) -> Result<Rooted> {
    let words = Words::new(cx)?;
    let limits = Limits::standard();
    let (mut request, asked) = read_request(cx, request.get(cx))?;
    if let Err(error) = path::check(asked.uri.path()) {
        let reply = problem::reply(
            &asked.headers,
            StatusCode::BAD_REQUEST,
            "http/path",
            error.message(),
        );
        return shown(cx, &asked, &limits, reply);
    }
    let routes = cx.state::<Http>()?.table(cx).routes().to_vec();
    let router = Router::new(routes).map_err(|error| Error::new(error.code(), error.to_string()))?;
    let target = match router.find(&asked.method, asked.uri.path()) {
        Found::Nothing => return shown(cx, &asked, &limits, problem::not_found(&asked.headers)),
        Found::Methods(methods) => {
            let reply = table::other_method(&asked.headers, &asked.method, &methods);
            return shown(cx, &asked, &limits, reply);
        }
        Found::Target(target, pattern, parameters) => {
            (request.pattern, request.parameters) = (pattern, parameters);
            target
        }
    };
    let declared = match target {
        Target::Handler(declared) => declared,
        Target::Folder(folder) => {
            let rest = request.parameters.iter().find(|(name, _)| name == REST);
            let reply = table::file_reply(&asked.headers, folder, rest.map_or("", |(_, rest)| rest));
            return shown(cx, &asked, &limits, reply);
        }
    };
    let function = cx.pinned(&declared.pin)?.root();
    let asking = Asking {
        request: &request,
        limits: &limits,
    };
    let made = ask::body(cx, &request).and_then(|body| ask::map(cx, &words, &asking, body));
    let answered = match made.map(Value::root) {
        Ok(map) => match cx.call(function, &[map]) {
            Ok(value) => answer::read(cx, &words, Ok(value.get(cx))),
            Err(error) => Answered::Failed(match error.value() {
                Some(value) => answer::failure(cx, &words, value.get(cx)),
                None => Failure::new(error.code(), error.message()),
            }),
        },
        Err(error) => Answered::Failed(Failure::new(error.code(), error.message())),
    };
    match answered {
        Answered::Reply(reply) => shown(cx, &asked, &limits, reply),
        Answered::Failed(failure) => shown(cx, &asked, &limits, handlers::failed(&request, &failure)),
        Answered::Streams(..) | Answered::WebSocket(_) => Err(Error::new(
            "http/request",
            "the handler answers with a stream, which needs a connection",
        )),
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new("http/request", message)
}

/// The request of a map `{:method :uri :headers :body}`, or of a string that is the target of a GET.
fn read_request(cx: &Context, value: Value<'_>) -> Result<(Request, Asked)> {
    let (mut method, mut headers, mut body) = (Method::GET, HeaderMap::new(), Bytes::new());
    let field = |name| value.field(name).filter(|value| !value.is_nil());
    let uri = if let Some(uri) = value.as_text() {
        uri.to_owned()
    } else {
        let uri = field("uri").ok_or_else(|| wrong("a request is a target, or a map with a :uri"))?;
        uri.as_text()
            .ok_or_else(|| wrong("the :uri is a string"))?
            .to_owned()
    };
    if value.as_text().is_none() {
        if let Some(wanted) = field("method") {
            method = read_method(wanted)?.ok_or_else(|| wrong("the :method is one, not ANY"))?;
        }
        for (key, value) in field("headers").map(Value::pairs).into_iter().flatten().flatten() {
            let name = key
                .as_name()
                .map(str::to_owned)
                .or_else(|| key.as_text().map(str::to_owned));
            let name = name.and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
            let text = cx.display(value)?;
            let text = HeaderValue::from_bytes(text.as_text().unwrap_or_default().as_bytes()).ok();
            let (Some(name), Some(text)) = (name, text) else {
                return Err(wrong("a header cannot be sent"));
            };
            headers.append(name, text);
        }
        if let Some(content) = field("body") {
            let content = content.as_bytes().map(Bytes::copy_from_slice);
            body = content.ok_or_else(|| wrong("the :body is a string or bytes"))?;
        }
    }
    let headers = Rc::new(headers);
    let uri: Uri = uri.parse().map_err(|_| wrong(format!("{uri} is no target")))?;
    let request = Request {
        method: method.clone(),
        uri: uri.clone(),
        pattern: Arc::from(""),
        parameters: Vec::new(),
        headers: headers.clone(),
        body: RequestBody::Whole(body),
        remote: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        scheme: Scheme::Http,
        id: Rc::from("0000000000000000"),
    };
    let asked = Asked {
        method,
        uri,
        version: Version::HTTP_11,
        headers,
    };
    Ok((request, asked))
}

/// A method by a symbol, keyword or string; nothing for `ANY`.
///
/// # Errors
/// `http/method` when it is none.
pub fn read_method(value: Value<'_>) -> Result<Option<Method>> {
    let name = value
        .as_name()
        .map(str::to_owned)
        .or_else(|| value.as_text().map(str::to_owned));
    let name = name.map(|name| name.to_ascii_uppercase());
    if name.as_deref() == Some("ANY") {
        return Ok(None);
    }
    let method = name
        .as_deref()
        .and_then(|name| Method::from_bytes(name.as_bytes()).ok());
    let known = method.filter(|method| method != Method::CONNECT);
    known.map(Some).ok_or_else(|| {
        Error::new(
            "http/method",
            "a method is a name such as GET, POST, PUT, PATCH, DELETE or ANY",
        )
    })
}

/// The answer as a map, with all that the server would add to it.
fn shown(cx: &Context, asked: &Asked, limits: &Limits, reply: Reply) -> Result<Rooted> {
    let mut context = std::task::Context::from_waker(Waker::noop());
    let finished = pin!(finish::finish(asked, reply, limits));
    let Poll::Ready(response) = finished.poll(&mut context) else {
        return Err(wrong("the answer needs an event loop"));
    };
    let (parts, source) = response.into_parts();
    let mut headers = Vec::new();
    for (name, value) in &parts.headers {
        headers.push((
            cx.text(name.as_str())?,
            cx.text(&String::from_utf8_lossy(value.as_bytes()))?,
        ));
    }
    let bytes: Bytes = match source {
        Source::Empty => Bytes::new(),
        Source::Whole(bytes) => bytes,
        Source::Pieces(pieces, _) => pieces.iter().flat_map(|piece| piece.iter().copied()).collect(),
        Source::Stream(..) => return Err(wrong("the answer is a large file, which needs a connection")),
    };
    let body = match std::str::from_utf8(&bytes) {
        Ok(text) => cx.text(text)?,
        Err(_) => cx.bytes(&bytes)?,
    };
    let pairs = [
        (cx.keyword("status")?, cx.int(i64::from(parts.status.as_u16()))?),
        (cx.keyword("headers")?, cx.map(&headers)?),
        (cx.keyword("body")?, body),
    ];
    Ok(cx.map(&pairs)?.root())
}
