//! A look at the head of an HTTP/1 request before hyper parses it: what two servers could read differently is refused.
//!
//! hyper's parser takes bare line feeds, and lets `Transfer-Encoding` win over `Content-Length`. Both are allowed by RFC 9112
//! and both are how requests are smuggled past a proxy that does otherwise, so neither passes here.

use hyper::StatusCode;
use memchr::{memchr, memchr_iter};

/// What a connection is ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status; nothing closes the connection without an answer.
    pub status: Option<StatusCode>,
    /// The code of the error.
    pub code: &'static str,
    /// What went wrong.
    pub message: &'static str,
}

impl Refusal {
    const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Refusal {
        Refusal {
            status: Some(status),
            code,
            message,
        }
    }

    /// Closes without an answer.
    #[must_use]
    pub const fn silent(code: &'static str) -> Refusal {
        Refusal {
            status: None,
            code,
            message: "",
        }
    }

    /// The head did not come in time.
    pub const SLOW: Refusal = Refusal::new(
        StatusCode::REQUEST_TIMEOUT,
        "http/header-timeout",
        "the headers did not come in time",
    );

    /// The target is too long.
    pub const URI: Refusal = Refusal::new(
        StatusCode::URI_TOO_LONG,
        "http/uri-too-long",
        "the request's target is too long",
    );

    /// The headers are too long.
    pub const HEADERS: Refusal = Refusal::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "http/headers-too-large",
        "the request's headers are too many or too long",
    );

    /// The address has too many connections.
    pub const ADDRESS: Refusal = Refusal::new(
        StatusCode::TOO_MANY_REQUESTS,
        "http/too-many-connections",
        "this address has too many connections",
    );

    /// The server has too many connections.
    pub const BUSY: Refusal = Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "http/busy",
        "the server has too many connections",
    );

    const fn bad(message: &'static str) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, "http/bad-request", message)
    }

    /// The bytes to send, none when the connection closes silently.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let Some(status) = self.status else {
            return Vec::new();
        };
        let body = format!("{}: {}\n", self.code, self.message);
        let retry = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "retry-after: 1\r\n",
            _ => "",
        };
        let (reason, n_bytes) = (status.canonical_reason().unwrap_or_default(), body.len());
        format!(
            "HTTP/1.1 {} {reason}\r\ncontent-type: text/plain; charset=utf-8\r\n{retry}connection: close\r\n\
             x-content-type-options: nosniff\r\ncontent-length: {n_bytes}\r\n\r\n{body}",
            status.as_u16()
        )
        .into_bytes()
    }
}

/// How the bytes of a connection look that may hold a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// It has so many bytes and may be parsed.
    Whole(usize),
    /// More bytes are needed.
    Partial,
}

/// How long a head may be.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Of the target.
    pub uri_bytes: usize,
    /// Of all lines after the first.
    pub headers_bytes: usize,
    /// Header lines.
    pub headers_count: usize,
}

/// Longest method and version around a target: what the first line may have besides.
const LINE_REST: usize = 64;

/// Looks at the bytes from the start of a head on.
///
/// # Errors
/// With what the connection is to be ended.
pub fn look(bytes: &[u8], limits: HeadLimits) -> Result<Head, Refusal> {
    let Some(line_end) = memchr(b'\n', bytes) else {
        return if bytes.len() > limits.uri_bytes + LINE_REST {
            Err(Refusal::URI)
        } else {
            Ok(Head::Partial)
        };
    };
    if line_end > limits.uri_bytes + LINE_REST {
        return Err(Refusal::URI);
    }
    let mut start = 0;
    let mut lines = Lines::default();
    for end in memchr_iter(b'\n', bytes) {
        let line = bytes[start..end]
            .strip_suffix(b"\r")
            .ok_or(Refusal::bad("a line ends without a carriage return"))?;
        if start == 0 {
            request_line(line)?;
        } else if line.is_empty() {
            lines.decide()?;
            return Ok(Head::Whole(end + 1));
        } else {
            lines.take(line)?;
        }
        start = end + 1;
        if start - line_end > limits.headers_bytes || lines.n_lines > limits.headers_count {
            return Err(Refusal::HEADERS);
        }
    }
    if bytes.len() - line_end > limits.headers_bytes {
        return Err(Refusal::HEADERS);
    }
    Ok(Head::Partial)
}

/// Method, one blank, target, one blank, version.
fn request_line(line: &[u8]) -> Result<(), Refusal> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next(), parts.next(), parts.next());
    let is_line = method.is_some_and(|method| !method.is_empty())
        && target.is_some_and(|target| !target.is_empty())
        && version.is_some_and(|version| version.starts_with(b"HTTP/"))
        && parts.next().is_none();
    if is_line {
        Ok(())
    } else {
        Err(Refusal::bad(
            "the first line is not a method, a target and a version",
        ))
    }
}

/// What the header lines say about the body.
#[derive(Default)]
struct Lines {
    n_lines: usize,
    n_lengths: usize,
    n_encodings: usize,
    n_hosts: usize,
}

impl Lines {
    fn take(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.n_lines += 1;
        if matches!(line[0], b' ' | b'\t') {
            return Err(Refusal::bad("a header goes on over several lines"));
        }
        let colon = memchr(b':', line).ok_or(Refusal::bad("a header has no colon"))?;
        let name = &line[..colon];
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.n_hosts += 1,
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                self.n_lengths += 1;
                let value = line[colon + 1..].trim_ascii();
                if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
                    return Err(Refusal::bad("the length of the body is no number"));
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.n_encodings += 1;
                if !line[colon + 1..].trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Err(Refusal::bad(
                        "the body has another transfer encoding than chunked",
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn decide(&self) -> Result<(), Refusal> {
        if self.n_lengths + self.n_encodings > 1 {
            return Err(Refusal::bad("the length of the body is said more than once"));
        }
        if self.n_hosts > 1 {
            return Err(Refusal::bad("there is more than one host"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, HeadLimits, look};

    const LIMITS: HeadLimits = HeadLimits {
        uri_bytes: 100,
        headers_bytes: 200,
        headers_count: 3,
    };

    fn seen(head: &str) -> String {
        match look(head.as_bytes(), LIMITS) {
            Ok(Head::Whole(n_bytes)) => format!("{n_bytes} of {}", head.len()),
            Ok(Head::Partial) => "partial".to_owned(),
            Err(refusal) => refusal.status.map_or(0, |status| status.as_u16()).to_string(),
        }
    }

    #[test]
    fn only_what_can_be_read_in_one_way_passes() {
        let long_uri = format!("GET /{} HTTP/1.1\r\n", "x".repeat(200));
        let long_header = format!("GET / HTTP/1.1\r\na: {}\r\n", "x".repeat(200));
        let cases = [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\nrest", "27 of 31"),
            ("GET / HTTP/1.1\r\nHost: a\r\n", "partial"),
            ("", "partial"),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nHost: a\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\na: b\r\n c\r\n\r\n", "400"),
            ("GET  / HTTP/1.1\r\n\r\n", "400"),
            ("GET / x HTTP/1.1\r\n\r\n", "400"),
            ("GET /\r\n\r\n", "400"),
            (
                "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                "400",
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
                "400",
            ),
            ("POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n", "400"),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: identity, chunked\r\n\r\n",
                "400",
            ),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", "400"),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "47 of 47",
            ),
            ("GET / HTTP/1.1\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n", "431"),
            (&long_uri, "414"),
            (&long_uri[..190], "414"),
            (&long_header, "431"),
            (&long_header[..210], "partial"),
        ];
        for (head, expected) in cases {
            assert_eq!(seen(head), expected, "{head:?}");
        }
    }
}
