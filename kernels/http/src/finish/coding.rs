//! Compression of whole bodies by what the client takes: brotli, else gzip.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue,
    VARY,
};
use std::io::Write;

/// Shorter bodies gain nothing.
const MIN_BYTES: usize = 1024;
/// Longer bodies would hold up the event loop for more than some milliseconds.
const MAX_BYTES: usize = 512 * 1024;
/// Brotli's effort, of 11: about as fast as gzip's, and smaller.
const BROTLI_QUALITY: u32 = 4;
/// Brotli's window, 2^18 bytes.
const BROTLI_WINDOW: u32 = 18;

/// A content encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Brotli,
    Gzip,
}

/// Compresses a body if its kind gains by it and the client takes it.
pub fn compress(asked: &HeaderMap, headers: &mut HeaderMap, body: &mut Bytes) {
    if !(MIN_BYTES..=MAX_BYTES).contains(&body.len()) || !is_compressible(headers) {
        return;
    }
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    let accepted = asked.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let Some(coding) = accepted.and_then(chosen) else {
        return;
    };
    let (packed, name) = match coding {
        Coding::Brotli => (brotli(body), "br"),
        Coding::Gzip => (gzip(body), "gzip"),
    };
    if let Ok(packed) = packed
        && packed.len() < body.len()
    {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        headers.remove(hyper::header::CONTENT_LENGTH);
        *body = Bytes::from(packed);
    }
}

fn is_compressible(headers: &HeaderMap) -> bool {
    if headers.contains_key(CONTENT_ENCODING) || headers.contains_key(CONTENT_RANGE) {
        return false;
    }
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    if text(CACHE_CONTROL).is_some_and(|value| value.contains("no-transform")) {
        return false;
    }
    let kind = text(CONTENT_TYPE).map_or("", |kind| kind.split(';').next().unwrap_or_default().trim());
    kind.starts_with("text/") && kind != "text/event-stream"
        || kind.ends_with("json")
        || kind.ends_with("xml")
        || matches!(kind, "application/javascript" | "application/wasm" | "image/bmp")
}

/// The coding that the client takes most gladly; of those it takes as gladly, the smaller.
fn chosen(accepted: &str) -> Option<Coding> {
    let quality = |name: &str| {
        let mut any = None;
        for item in accepted.split(',') {
            let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
            let written = parameters
                .trim()
                .strip_prefix("q=")
                .and_then(|q| q.trim().parse::<f32>().ok());
            let quality = written.unwrap_or(1.0);
            match coding.trim() {
                coding if coding.eq_ignore_ascii_case(name) => return quality,
                "*" => any = Some(quality),
                _ => {}
            }
        }
        any.unwrap_or(0.0)
    };
    let (brotli, gzip) = (quality("br"), quality("gzip"));
    if brotli <= 0.0 && gzip <= 0.0 {
        None
    } else if brotli >= gzip {
        Some(Coding::Brotli)
    } else {
        Some(Coding::Gzip)
    }
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 3), Compression::new(4));
    encoder.write_all(body)?;
    encoder.finish()
}

fn brotli(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let packed = Vec::with_capacity(body.len() / 3);
    let mut encoder = brotli::CompressorWriter::new(packed, 4096, BROTLI_QUALITY, BROTLI_WINDOW);
    encoder.write_all(body)?;
    Ok(encoder.into_inner())
}

#[cfg(test)]
mod tests {
    use super::{Coding, chosen};

    #[test]
    fn the_client_chooses() {
        let cases = [
            ("gzip, deflate, br", Some(Coding::Brotli)),
            ("gzip", Some(Coding::Gzip)),
            ("br;q=0.5, gzip", Some(Coding::Gzip)),
            ("br;q=0, gzip;q=0", None),
            ("*", Some(Coding::Brotli)),
            ("*;q=0.1, br;q=0", Some(Coding::Gzip)),
            ("identity", None),
            ("", None),
        ];
        for (header, expected) in cases {
            assert_eq!(chosen(header), expected, "{header}");
        }
    }
}
