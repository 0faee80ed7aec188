//! What every answer gets before it is sent: validators, ranges, compression, headers that browsers should have.

mod coding;
mod file;
mod range;
mod tag;

use crate::limits::Limits;
use crate::message::{Reply, ReplyBody};
use crate::outgoing::Source;
use crate::problem;
use crate::server::service::Asked;
use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Method, Response, StatusCode};

pub use tag::content_tag;

/// Set unless the handler has set them itself. A body is what its type says, a page is framed by its own site only, and other
/// sites learn of a link no more than where it came from.
const SECURITY: [(HeaderName, &str); 3] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "SAMEORIGIN"),
    (REFERRER_POLICY, "strict-origin-when-cross-origin"),
];

/// The answer as it goes out.
pub async fn finish(asked: &Asked, mut reply: Reply, limits: &Limits) -> Response<Source> {
    if let ReplyBody::File { path, n_bytes, tag } = reply.body {
        reply.body = ReplyBody::Empty;
        return file::finish(asked, reply, file::File { path, n_bytes, tag }).await;
    }
    if let Some(n_bytes) = whole_length(&reply.body)
        && n_bytes > limits.response_bytes
    {
        let message = "the handler's answer is larger than the limit";
        reply = problem::reply(
            &asked.headers,
            StatusCode::INTERNAL_SERVER_ERROR,
            "http/response-too-large",
            message,
        );
    }
    if reply.status == StatusCode::OK
        && is_read(&asked.method)
        && let ReplyBody::Whole(bytes) = &reply.body
    {
        if !reply.headers.contains_key(ETAG) && may_be_kept(&reply.headers) {
            reply.headers.insert(ETAG, tag::weak(bytes));
        }
        if tag::is_known(&asked.headers, &reply.headers) {
            return not_modified(reply);
        }
    }
    if let ReplyBody::Whole(bytes) = &mut reply.body {
        coding::compress(&asked.headers, &mut reply.headers, bytes);
    }
    let source = match reply.body {
        ReplyBody::Empty | ReplyBody::File { .. } => Source::Empty,
        ReplyBody::Whole(bytes) if bytes.is_empty() => Source::Empty,
        ReplyBody::Whole(bytes) => Source::Whole(bytes),
        ReplyBody::Pieces(pieces) => {
            let n_bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
            Source::Pieces(pieces.into(), n_bytes)
        }
        ReplyBody::Stream(receiver) => Source::Stream(receiver, None),
    };
    seal(asked, reply.status, reply.headers, source)
}

/// The last touch: headers for browsers, and no body where there must be none.
fn seal(asked: &Asked, status: StatusCode, mut headers: HeaderMap, source: Source) -> Response<Source> {
    for (name, value) in SECURITY {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    let has_no_body = status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
        || asked.method == Method::HEAD;
    let source = if has_no_body {
        let n_bytes = match &source {
            Source::Whole(bytes) => Some(bytes.len() as u64),
            Source::Pieces(_, n_bytes) | Source::Stream(_, Some(n_bytes)) => Some(*n_bytes),
            Source::Empty | Source::Stream(_, None) => None,
        };
        if let (Some(n_bytes), true) = (n_bytes, asked.method == Method::HEAD) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(n_bytes));
        }
        Source::Empty
    } else {
        source
    };
    let mut response = Response::new(source);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// `304`, with what a cache needs of the headers.
fn not_modified(mut reply: Reply) -> Response<Source> {
    for name in [CONTENT_TYPE, CONTENT_LENGTH] {
        reply.headers.remove(name);
    }
    let mut response = Response::new(Source::Empty);
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = reply.headers;
    response
}

fn whole_length(body: &ReplyBody) -> Option<u64> {
    match body {
        ReplyBody::Whole(bytes) => Some(bytes.len() as u64),
        ReplyBody::Pieces(pieces) => Some(pieces.iter().map(|piece: &Bytes| piece.len() as u64).sum()),
        ReplyBody::Empty | ReplyBody::File { .. } | ReplyBody::Stream(_) => None,
    }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Whether the handler lets the answer be kept at all.
fn may_be_kept(headers: &HeaderMap) -> bool {
    headers
        .get(CACHE_CONTROL)
        .and_then(|value| value.to_str().ok())
        .is_none_or(|value| !value.contains("no-store"))
}
