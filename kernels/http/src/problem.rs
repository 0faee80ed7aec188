//! Answers that the server gives by itself: errors as text or JSON, whichever the client would rather read.

use crate::message::{Reply, ReplyBody};
use bytes::Bytes;
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, StatusCode};
use std::rc::Rc;

/// Seconds that a client which was sent away should wait.
pub const RETRY_SECONDS: u16 = 1;

/// An answer that says what went wrong: `code` is stable, `message` is for people.
#[must_use]
pub fn reply(headers: &HeaderMap, status: StatusCode, code: &str, message: &str) -> Reply {
    let (content_type, body) = if wants_json(headers) {
        let mut text = String::from("{\"error\":{\"code\":");
        quote(&mut text, code);
        text.push_str(",\"message\":");
        quote(&mut text, message);
        text.push_str("}}\n");
        ("application/json", text)
    } else {
        ("text/plain; charset=utf-8", format!("{code}: {message}\n"))
    };
    let mut reply = Reply::new(status, ReplyBody::Whole(Bytes::from(body)));
    reply
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if matches!(
        status,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
    ) {
        reply
            .headers
            .insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
    }
    reply.failure = Some(Rc::from(code));
    reply
}

/// The answer to a path that nothing matches.
#[must_use]
pub fn not_found(headers: &HeaderMap) -> Reply {
    reply(
        headers,
        StatusCode::NOT_FOUND,
        "http/not-found",
        "there is nothing at this path",
    )
}

/// The answer to a method that the path does not have.
#[must_use]
pub fn not_allowed(headers: &HeaderMap, methods: &[Method]) -> Reply {
    let allowed = allow(methods);
    let message = format!("this path takes {}", allowed.to_str().unwrap_or_default());
    let mut reply = reply(headers, StatusCode::METHOD_NOT_ALLOWED, "http/method", &message);
    reply.headers.insert(ALLOW, allowed);
    reply
}

/// The value of the header `Allow`.
#[must_use]
pub fn allow(methods: &[Method]) -> HeaderValue {
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    HeaderValue::try_from(names.join(", ")).expect("names of methods are tokens")
}

/// Whether the client names JSON and not HTML or plain text before it.
fn wants_json(headers: &HeaderMap) -> bool {
    let Some(accept) = headers.get(ACCEPT).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let mut kinds = accept
        .split(',')
        .map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kinds
        .find(|kind| matches!(*kind, "text/html" | "text/plain" | "text/*") || kind.ends_with("json"))
        .is_some_and(|kind| kind.ends_with("json"))
}

/// Adds a text as JSON.
pub fn quote(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}
