//! Files as answers: tags, ranges, and reading while sending.

use super::range::{Wanted, wanted};
use super::{coding, is_read, not_modified, seal, tag};
use crate::message::Reply;
use crate::outgoing::{Broken, Part, Source};
use crate::problem;
use crate::server::service::Asked;
use bytes::Bytes;
use hyper::header::{ACCEPT_RANGES, CONTENT_RANGE, ETAG, HeaderValue, IF_RANGE, RANGE};
use hyper::{Method, Response, StatusCode};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// Files up to this size are read at once.
const SMALL: u64 = 128 * 1024;
/// Bytes of a larger file that are read at a time.
const PIECE: usize = 64 * 1024;
/// Pieces that wait for the client.
const PIECES_AHEAD: usize = 2;

/// A file that is an answer's body.
pub struct File {
    /// Where it lies.
    pub path: PathBuf,
    /// Its size.
    pub n_bytes: u64,
    /// Its entity tag, without quotes.
    pub tag: Option<String>,
}

/// The answer with the file, or the part of it that was asked for.
pub async fn finish(asked: &Asked, mut reply: Reply, file: File) -> Response<Source> {
    if let Some(tag) = &file.tag
        && let Ok(value) = HeaderValue::from_str(&format!("\"{tag}\""))
    {
        reply.headers.entry(ETAG).or_insert(value);
    }
    reply
        .headers
        .insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if is_read(&asked.method)
        && reply.status == StatusCode::OK
        && tag::is_known(&asked.headers, &reply.headers)
    {
        return not_modified(reply);
    }
    let (first, n_part) = match part(asked, &reply, file.n_bytes) {
        Wanted::Whole => (0, file.n_bytes),
        Wanted::Part(first, n_part) => {
            reply.status = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {first}-{}/{}", first + n_part - 1, file.n_bytes);
            reply.headers.insert(
                CONTENT_RANGE,
                HeaderValue::try_from(range).expect("digits are a header"),
            );
            (first, n_part)
        }
        Wanted::Outside => {
            let mut reply = problem::reply(
                &asked.headers,
                StatusCode::RANGE_NOT_SATISFIABLE,
                "http/range",
                "the file has no such bytes",
            );
            let range =
                HeaderValue::try_from(format!("bytes */{}", file.n_bytes)).expect("digits are a header");
            reply.headers.insert(CONTENT_RANGE, range);
            return Box::pin(super::finish(asked, reply, &crate::limits::Limits::standard())).await;
        }
    };
    if asked.method == Method::HEAD || n_part > SMALL {
        let source = Source::Stream(stream(asked, file.path, first, n_part), Some(n_part));
        return seal(asked, reply.status, reply.headers, source);
    }
    match read(&file.path, first, n_part) {
        Ok(bytes) => {
            let mut body = Bytes::from(bytes);
            if reply.status == StatusCode::OK {
                weaken_if_compressed(asked, &mut reply, &mut body);
            }
            let source = if body.is_empty() {
                Source::Empty
            } else {
                Source::Whole(body)
            };
            seal(asked, reply.status, reply.headers, source)
        }
        Err(_) => {
            let reply = problem::not_found(&asked.headers);
            Box::pin(super::finish(asked, reply, &crate::limits::Limits::standard())).await
        }
    }
}

/// A tag in quotes alone promises the very same bytes, which a compressed body has not.
fn weaken_if_compressed(asked: &Asked, reply: &mut Reply, body: &mut Bytes) {
    let n_bytes = body.len();
    coding::compress(&asked.headers, &mut reply.headers, body);
    if body.len() != n_bytes
        && let Some(tag) = reply.headers.get(ETAG).and_then(|tag| tag.to_str().ok())
        && let Ok(weak) = HeaderValue::from_str(&format!("W/{tag}"))
    {
        reply.headers.insert(ETAG, weak);
    }
}

/// What part was asked for; a part of another version than the client has is not sent.
fn part(asked: &Asked, reply: &Reply, n_bytes: u64) -> Wanted {
    if asked.method != Method::GET || reply.status != StatusCode::OK {
        return Wanted::Whole;
    }
    if let Some(condition) = asked.headers.get(IF_RANGE)
        && reply.headers.get(ETAG) != Some(condition)
    {
        return Wanted::Whole;
    }
    let header = asked.headers.get(RANGE).and_then(|value| value.to_str().ok());
    wanted(header, n_bytes)
}

fn read(path: &Path, first: u64, n_bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(first))?;
    let mut bytes = vec![0; usize::try_from(n_bytes).map_err(std::io::Error::other)?];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Reads a file on another thread, a little ahead of the client.
fn stream(asked: &Asked, path: PathBuf, first: u64, n_bytes: u64) -> mpsc::Receiver<Part> {
    let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
    if asked.method == Method::HEAD {
        return receiver;
    }
    tokio::task::spawn_blocking(move || {
        let mut n_left = n_bytes;
        let mut file = std::fs::File::open(path).and_then(|mut file| {
            file.seek(SeekFrom::Start(first))?;
            Ok(file)
        });
        while n_left > 0 {
            let n_piece = usize::try_from(n_left).unwrap_or(PIECE).min(PIECE);
            let mut bytes = vec![0; n_piece];
            let part = match &mut file {
                Ok(file) => file
                    .read_exact(&mut bytes)
                    .map_err(|error| Broken(error.to_string())),
                Err(error) => Err(Broken(error.to_string())),
            };
            let is_broken = part.is_err();
            // The client may be gone.
            if sender.blocking_send(part.map(|()| Bytes::from(bytes))).is_err() || is_broken {
                return;
            }
            n_left -= n_piece as u64;
        }
    });
    receiver
}
