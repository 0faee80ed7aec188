//! What a handler answered, as an answer on its way: maps `{:status :headers :body}`, and errors with a status of their own.

use super::json;
use super::words::Words;
use crate::message::{Reply, ReplyBody};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use std::path::PathBuf;
use sup_kernel::isolate::{self, Answer, Shared};
use sup_kernel::{Context, Error, Result, Value, ValueType};

/// Most pieces of a body that is a list.
const MAX_PIECES: usize = 100_000;

/// What came of a handler.
pub enum Answered {
    /// An answer.
    Reply(Reply),
    /// An answer whose body a function writes.
    Streams(Reply, Shared),
    /// The connection goes on as a WebSocket, which a function serves.
    WebSocket(Shared),
    /// An error.
    Failed(Failure),
}

/// A handler's error, as the client and the log are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The status.
    pub status: StatusCode,
    /// The code of the error.
    pub code: String,
    /// What the client is told.
    pub message: &'static str,
    /// What the log is told.
    pub detail: String,
}

/// What a status an error has that is not the handler's own fault, and what the client is told.
fn told(code: &str) -> (StatusCode, &'static str) {
    match code {
        "vm/fuel" => (StatusCode::SERVICE_UNAVAILABLE, "the handler used up its fuel"),
        "vm/deadline" => (StatusCode::GATEWAY_TIMEOUT, "the handler did not answer in time"),
        "vm/memory" => (StatusCode::INSUFFICIENT_STORAGE, "the handler used up its memory"),
        "vm/depth" => (StatusCode::LOOP_DETECTED, "the handler called itself too deep"),
        "vm/fibers" | "kernel/busy" => (StatusCode::SERVICE_UNAVAILABLE, "the server works on too much"),
        "vm/interrupted" | "fiber/cancelled" => (StatusCode::SERVICE_UNAVAILABLE, "the handler was stopped"),
        "http/bad-request" | "http/too-many-fields" | "json/syntax" | "json/depth" => {
            (StatusCode::BAD_REQUEST, "the request cannot be read")
        }
        "http/unsupported" => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body is of another kind than this takes",
        ),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "the handler failed"),
    }
}

impl Failure {
    /// The failure of an error's code and message.
    #[must_use]
    pub fn new(code: &str, detail: &str) -> Failure {
        let (status, message) = told(code);
        Failure {
            status,
            code: code.to_owned(),
            message,
            detail: detail.to_owned(),
        }
    }
}

/// Reads how a handler's fiber has ended.
pub fn read<'c>(cx: &'c Context, words: &Words, answer: Answer<'c>) -> Answered {
    let read = match answer {
        Ok(value) => reply(cx, words, value),
        Err(error) => return Answered::Failed(failure(cx, words, error)),
    };
    read.unwrap_or_else(|error| Answered::Failed(Failure::new(error.code(), error.message())))
}

/// What an error value says.
pub fn failure(cx: &Context, words: &Words, error: Value<'_>) -> Failure {
    let text = |value: Option<Value<'_>>| {
        let value = value?;
        value
            .as_name()
            .map(str::to_owned)
            .or_else(|| value.as_text().map(str::to_owned))
    };
    let code = text(error.get(words.code.value(cx))).unwrap_or_else(|| "http/raised".to_owned());
    let message = text(error.get(words.message.value(cx))).unwrap_or_default();
    Failure::new(&code, &message)
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new("http/response", message)
}

fn reply<'c>(cx: &'c Context, words: &Words, value: Value<'c>) -> Result<Answered> {
    if value.value_type() != ValueType::Map {
        let found = value.value_type().name();
        return Err(wrong(format!(
            "a handler answers a map such as {{:status 200 :body \"text\"}}, not :{found}"
        )));
    }
    if let Some(function) = value.get(words.websocket.value(cx)) {
        return Ok(Answered::WebSocket(function_of(cx, function)?));
    }
    let status = match value.get(words.status.value(cx)) {
        None => StatusCode::OK,
        Some(status) => {
            let number = status.as_int().and_then(|status| u16::try_from(status).ok());
            let status = number.and_then(|status| StatusCode::from_u16(status).ok());
            status
                .filter(|status| (200..600).contains(&status.as_u16()))
                .ok_or_else(|| wrong("the status is a number from 200 to 599"))?
        }
    };
    let mut reply = Reply::new(status, ReplyBody::Empty);
    if let Some(headers) = value.get(words.headers.value(cx))
        && !headers.is_nil()
    {
        read_headers(cx, headers, &mut reply.headers)?;
    }
    if let Some(data) = value.get(words.json.value(cx)) {
        reply.body = ReplyBody::Whole(Bytes::from(json::text(data)?));
        set_type(&mut reply.headers, "application/json");
        return Ok(Answered::Reply(reply));
    }
    if let Some(file) = value.get(words.file.value(cx)) {
        let path = file.as_text().ok_or_else(|| wrong("the file is a path"))?;
        return file_reply(cx, reply, path);
    }
    match value.get(words.body.value(cx)) {
        Some(body) if body.is_callable() => Ok(Answered::Streams(reply, function_of(cx, body)?)),
        Some(body) => {
            reply.body = whole(body, &mut reply.headers)?;
            Ok(Answered::Reply(reply))
        }
        None => Ok(Answered::Reply(reply)),
    }
}

fn function_of(cx: &Context, value: Value<'_>) -> Result<Shared> {
    if !value.is_callable() {
        return Err(wrong("what writes a body or serves a WebSocket is a function"));
    }
    isolate::share(cx, value)
}

fn file_reply(cx: &Context, mut reply: Reply, path: &str) -> Result<Answered> {
    let resolved = sup_kernel::extension::resolve_path(cx, path, sup_kernel::extension::ACCESS_READ)?;
    let resolved = PathBuf::from(resolved);
    let Some(body) = super::table::file_body(&resolved) else {
        return Err(wrong(format!("{path} is no file that can be read")));
    };
    let kind = mime_guess::from_path(&resolved).first_or_octet_stream();
    set_type(&mut reply.headers, kind.essence_str());
    reply.body = body;
    Ok(Answered::Reply(reply))
}

/// Sets the content type, unless the handler has.
pub fn set_type(headers: &mut HeaderMap, kind: &str) {
    if !headers.contains_key(CONTENT_TYPE)
        && let Ok(kind) = HeaderValue::from_str(kind)
    {
        headers.insert(CONTENT_TYPE, kind);
    }
}

/// A body that is there as a whole: nil, a string, bytes, or a list of strings and bytes.
fn whole(body: Value<'_>, headers: &mut HeaderMap) -> Result<ReplyBody> {
    if body.is_nil() {
        return Ok(ReplyBody::Empty);
    }
    if let Some(text) = body.as_text() {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        if !headers.contains_key(CONTENT_TYPE) {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("text/plain; charset=utf-8"),
            );
        }
        return Ok(ReplyBody::Whole(bytes));
    }
    if let Some(bytes) = body.as_bytes() {
        let bytes = Bytes::copy_from_slice(bytes);
        set_type(headers, "application/octet-stream");
        return Ok(ReplyBody::Whole(bytes));
    }
    let found = body.value_type().name();
    let Some(elements) = body.elements().filter(|elements| elements.len() <= MAX_PIECES) else {
        return Err(wrong(format!(
            "a body is a string, bytes, a list of them, a function that writes it, or nil, not :{found}; \
             `:json value` encodes a value"
        )));
    };
    let pieces: Option<Vec<Bytes>> = elements
        .iter()
        .map(|piece| piece.as_bytes().map(Bytes::copy_from_slice))
        .collect();
    let pieces = pieces.ok_or_else(|| {
        wrong("a body that is a list has strings and bytes as its elements; `(html/render …)` makes a text of Hiccup")
    })?;
    set_type(headers, "text/plain; charset=utf-8");
    Ok(ReplyBody::Pieces(pieces))
}

/// Headers that the server alone sets, since they say how a message is framed.
const OURS: [&str; 6] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "trailer",
];

fn read_headers(cx: &Context, map: Value<'_>, headers: &mut HeaderMap) -> Result<()> {
    let pairs = map.pairs().ok_or_else(|| wrong("the headers are a map"))?;
    for (key, value) in pairs {
        let name = key
            .as_name()
            .map(str::to_owned)
            .or_else(|| key.as_text().map(str::to_owned));
        let name = name.ok_or_else(|| wrong("names of headers are keywords or strings"))?;
        let header = HeaderName::from_bytes(name.as_bytes());
        let header =
            header.map_err(|_| Error::new("http/header", format!("{name:?} is no name of a header")))?;
        if OURS.contains(&header.as_str()) {
            return Err(Error::new(
                "http/header",
                format!("{name} is set by the server alone"),
            ));
        }
        match value.elements() {
            Some(values) => {
                for value in values {
                    headers.append(header.clone(), header_value(cx, &name, value)?);
                }
            }
            None => {
                headers.append(header, header_value(cx, &name, value)?);
            }
        }
    }
    Ok(())
}

fn header_value(cx: &Context, name: &str, value: Value<'_>) -> Result<HeaderValue> {
    let shown;
    let text = match value.as_text() {
        Some(text) => text,
        None => {
            shown = cx.display(value)?;
            shown.as_text().unwrap_or_default()
        }
    };
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        Error::new(
            "http/header",
            format!("the value of {name} has a line end or a control character"),
        )
    })
}
