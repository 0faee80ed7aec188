//! Entity tags: what an answer is known by, and whether the client has it already.

use hyper::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};

/// Hexadecimal digits of a content's hash that tell it apart.
const N_DIGITS: usize = 16;

/// The first 64 bits of the BLAKE3 hash of a content, in hexadecimal digits.
#[must_use]
pub fn content_tag(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..N_DIGITS].to_owned()
}

/// The weak tag of a body: the same under every content encoding.
pub fn weak(bytes: &[u8]) -> HeaderValue {
    let mut text = *b"W/\"0000000000000000\"";
    text[3..3 + N_DIGITS].copy_from_slice(&blake3::hash(bytes).to_hex().as_bytes()[..N_DIGITS]);
    HeaderValue::from_bytes(&text).expect("digits in quotes make a header")
}

/// Whether the client names the answer's tag among those it has. Compared weakly, as RFC 9110 says of `If-None-Match`.
pub fn is_known(asked: &HeaderMap, answer: &HeaderMap) -> bool {
    let (Some(tag), Some(known)) = (answer.get(ETAG), asked.get(IF_NONE_MATCH)) else {
        return false;
    };
    let (Ok(tag), Ok(known)) = (tag.to_str(), known.to_str()) else {
        return false;
    };
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let tag = opaque(tag);
    known.trim() == "*" || known.split(',').any(|known| opaque(known) == tag)
}
