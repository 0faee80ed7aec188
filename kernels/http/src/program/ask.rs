//! A request as the map that its handler gets.

use super::parts::{self, PartError};
use super::words::Words;
use crate::limits::{Limits, size};
use crate::message::{Request, RequestBody};
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, COOKIE, HeaderName, HeaderValue};
use std::borrow::Cow;
use sup_kernel::{Context, Error, Result, Value};

/// A request that is about to become a map; its body was taken out when it is a stream.
pub struct Asking<'r> {
    /// The request.
    pub request: &'r Request,
    /// What stands for the body when the handler reads it itself.
    pub limits: &'r Limits,
}

/// The map: `:method :uri :path :params :query :headers :body :scheme :remote :id :route`. Empty parts are there and empty.
///
/// # Errors
/// `http/bad-request` when the query is not escaped as it should be, or when memory does not allow it.
pub fn map<'c>(cx: &'c Context, words: &Words, asking: &Asking<'_>, body: Value<'c>) -> Result<Value<'c>> {
    let request = asking.request;
    let path = request.uri.path();
    let target = request
        .uri
        .path_and_query()
        .map_or(path, |target| target.as_str());
    let target_value = cx.text(target)?;
    let path_value = if target.len() == path.len() {
        target_value
    } else {
        cx.text(path)?
    };
    let query = match request.uri.query() {
        None | Some("") => cx.map(&[])?,
        Some(query) => fields(cx, query.as_bytes(), size(asking.limits.fields_count))?,
    };
    let mut parameters = Vec::with_capacity(request.parameters.len());
    for (name, value) in &request.parameters {
        parameters.push((cx.keyword(name)?, cx.text(value)?));
    }
    cx.map(&[
        (words.method.value(cx), cx.text(request.method.as_str())?),
        (words.uri.value(cx), target_value),
        (words.path.value(cx), path_value),
        (words.params.value(cx), cx.map(&parameters)?),
        (words.query.value(cx), query),
        (words.headers.value(cx), headers(cx, &request.headers)?),
        (words.body.value(cx), body),
        (words.scheme.value(cx), cx.text(request.scheme.name())?),
        (words.remote.value(cx), cx.text(&request.remote.ip().to_string())?),
        (words.id.value(cx), cx.text(&request.id)?),
        (words.route.value(cx), cx.text(&request.pattern)?),
    ])
}

/// The body as a value: nil when it is empty, a string when its type is one of text, bytes otherwise.
///
/// # Errors
/// When memory does not allow it.
pub fn body<'c>(cx: &'c Context, request: &Request) -> Result<Value<'c>> {
    let RequestBody::Whole(bytes) = &request.body else {
        return Ok(cx.nil());
    };
    if bytes.is_empty() {
        return Ok(cx.nil());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if is_text(&request.headers) => cx.text(text),
        _ => cx.bytes(bytes),
    }
}

/// Whether the content type is one of text.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.map_or("", |kind| kind.split(';').next().unwrap_or_default().trim());
    kind.starts_with("text/")
        || kind.ends_with("json")
        || kind.ends_with("xml")
        || kind == "application/x-www-form-urlencoded"
        || kind == "application/javascript"
}

/// Headers by their names in lower case; those that came more than once are joined, as RFC 9110 says.
fn headers<'c>(cx: &'c Context, headers: &HeaderMap) -> Result<Value<'c>> {
    let mut pairs = Vec::with_capacity(headers.keys_len());
    for name in headers.keys() {
        let mut values = headers.get_all(name).iter();
        let first = values.next().map_or(Cow::Borrowed(""), text);
        let joined = values.fold(first, |all, value| {
            let separator = if name == COOKIE { "; " } else { ", " };
            Cow::Owned(format!("{all}{separator}{}", text(value)))
        });
        pairs.push((cx.text(HeaderName::as_str(name))?, cx.text(&joined)?));
    }
    cx.map(&pairs)
}

/// The text of a header; bytes beyond ASCII that are no UTF-8 are read as Latin-1, which is what they were once.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().copied().map(char::from).collect()),
    }
}

/// What a client is told of a part of its request.
pub fn bad(error: PartError) -> Error {
    let code = match error {
        PartError::TooMany => "http/too-many-fields",
        PartError::Escape | PartError::Framing => "http/bad-request",
    };
    Error::new(code, error.message())
}

/// Fields of a query or a form as a map of strings; a name that came more than once has the list of its values.
///
/// # Errors
/// When they are too many or not escaped as they should be.
pub fn fields<'c>(cx: &'c Context, text: &[u8], n_most: usize) -> Result<Value<'c>> {
    let found = parts::fields(text, n_most).map_err(bad)?;
    grouped(cx, &found, |value| cx.text(value))
}

/// A map of what came by name.
///
/// # Errors
/// When memory does not allow it.
pub fn grouped<'c, T>(
    cx: &'c Context,
    found: &[(String, T)],
    mut make: impl FnMut(&T) -> Result<Value<'c>>,
) -> Result<Value<'c>> {
    let mut order: Vec<(&str, Vec<&T>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (name, value) in found {
        let place = *places.entry(name.as_str()).or_insert_with(|| {
            order.push((name.as_str(), Vec::new()));
            order.len() - 1
        });
        order[place].1.push(value);
    }
    let mut pairs = Vec::with_capacity(order.len());
    for (name, values) in order {
        let value = match values.as_slice() {
            [value] => make(value)?,
            values => {
                let values: Result<Vec<_>> = values.iter().map(|value| make(value)).collect();
                cx.list(sup_kernel::ListKind::Brace, &values?)?
            }
        };
        pairs.push((cx.text(name)?, value));
    }
    cx.map(&pairs)
}
