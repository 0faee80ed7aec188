//! Parts of a request as text: fields of queries and forms, cookies, multipart bodies.

use crate::path::{Plus, decode_bytes};
use memchr::memmem;

/// What is wrong with a part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartError {
    /// An escape is none, or what it gives is no text.
    Escape,
    /// There are more than the limit allows.
    TooMany,
    /// A multipart body is not framed as it should be.
    Framing,
}

impl PartError {
    /// What is told.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            PartError::Escape => "a field is not escaped as it should be, or is no UTF-8",
            PartError::TooMany => "there are too many fields",
            PartError::Framing => "the parts of the body are not framed as they should be",
        }
    }
}

/// Names and values of a query or a form, in their order.
///
/// # Errors
/// What is wrong with them.
pub fn fields(text: &[u8], n_most: usize) -> Result<Vec<(String, String)>, PartError> {
    let decoded = |bytes: &[u8]| {
        let bytes = decode_bytes(bytes, Plus::IsBlank).map_err(|_| PartError::Escape)?;
        String::from_utf8(bytes).map_err(|_| PartError::Escape)
    };
    let mut fields = Vec::new();
    for field in text.split(|byte| *byte == b'&').filter(|field| !field.is_empty()) {
        if fields.len() == n_most {
            return Err(PartError::TooMany);
        }
        let at = memchr::memchr(b'=', field).unwrap_or(field.len());
        let value = field.get(at + 1..).unwrap_or_default();
        fields.push((decoded(&field[..at])?, decoded(value)?));
    }
    Ok(fields)
}

/// Names and values of the header `Cookie`; of one name the first counts, as RFC 6265 has browsers send the nearest first.
///
/// # Errors
/// When there are too many.
pub fn cookies(header: &str, n_most: usize) -> Result<Vec<(String, String)>, PartError> {
    let mut cookies: Vec<(String, String)> = Vec::new();
    for cookie in header.split(';') {
        let Some((name, value)) = cookie.split_once('=') else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        if name.is_empty() || cookies.iter().any(|(other, _)| other == name) {
            continue;
        }
        if cookies.len() == n_most {
            return Err(PartError::TooMany);
        }
        cookies.push((name.to_owned(), value.to_owned()));
    }
    Ok(cookies)
}

/// A part of a multipart body.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<'b> {
    /// Name of its field.
    pub name: String,
    /// Name of the file that it was, when it was one.
    pub filename: Option<String>,
    /// Its content type.
    pub content_type: Option<String>,
    /// Its content.
    pub body: &'b [u8],
}

/// The boundary that a content type names.
#[must_use]
pub fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

/// The parts of a body of `multipart/form-data` (RFC 7578).
///
/// # Errors
/// What is wrong with it.
pub fn multipart<'b>(body: &'b [u8], boundary: &str, n_most: usize) -> Result<Vec<Part<'b>>, PartError> {
    let mark = format!("--{boundary}");
    let inner_mark = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(mark.as_bytes()).ok_or(PartError::Framing)?;
    let finder = memmem::Finder::new(inner_mark.as_bytes());
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        if parts.len() == n_most {
            return Err(PartError::TooMany);
        }
        rest = rest.strip_prefix(b"\r\n").ok_or(PartError::Framing)?;
        let head_end = memmem::find(rest, b"\r\n\r\n").ok_or(PartError::Framing)?;
        let content = &rest[head_end + 4..];
        let end = finder.find(content).ok_or(PartError::Framing)?;
        parts.push(part(&rest[..head_end], &content[..end])?);
        rest = &content[end + inner_mark.len()..];
    }
}

fn part<'b>(head: &[u8], body: &'b [u8]) -> Result<Part<'b>, PartError> {
    let head = std::str::from_utf8(head).map_err(|_| PartError::Escape)?;
    let mut found = Part {
        name: String::new(),
        filename: None,
        content_type: None,
        body,
    };
    let mut has_name = false;
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':').ok_or(PartError::Framing)?;
        if name.eq_ignore_ascii_case("content-disposition") {
            let name = parameter(value, "name").ok_or(PartError::Framing)?;
            found.name = name;
            found.filename = parameter(value, "filename");
            has_name = true;
        } else if name.eq_ignore_ascii_case("content-type") {
            found.content_type = Some(value.trim().to_owned());
        }
    }
    if has_name {
        Ok(found)
    } else {
        Err(PartError::Framing)
    }
}

/// A parameter of a header, `name=value` or `name="value"`.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut rest = text;
    while !rest.is_empty() {
        rest = rest.trim_start_matches([';', ' ', '\t']);
        let (name, after) = rest.split_once('=').unwrap_or((rest, ""));
        // A parameter without a value, such as `form-data` itself, ends where the next begins.
        if let Some(at) = name.find(';') {
            rest = &rest[at..];
            continue;
        }
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"').unwrap_or(quoted.len());
                (&quoted[..end], quoted.get(end + 1..).unwrap_or_default())
            }
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim(), &after[end..])
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value.to_owned());
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{PartError, boundary, cookies, fields, multipart};

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn fields_of_queries_and_forms() {
        let cases: [(&str, &[(&str, &str)]); 5] = [
            ("", &[]),
            ("a=1&b=2", &[("a", "1"), ("b", "2")]),
            ("a&b=&=c", &[("a", ""), ("b", ""), ("", "c")]),
            ("a=x+y%20z&%C3%BC=%2B", &[("a", "x y z"), ("ü", "+")]),
            ("a=1&&a=2", &[("a", "1"), ("a", "2")]),
        ];
        for (text, expected) in cases {
            assert_eq!(fields(text.as_bytes(), 10), Ok(pairs(expected)), "{text}");
        }
        assert_eq!(fields(b"a=%zz", 10), Err(PartError::Escape));
        assert_eq!(fields(b"a=%ff", 10), Err(PartError::Escape));
        assert_eq!(fields(b"a&b&c", 2), Err(PartError::TooMany));
    }

    #[test]
    fn cookies_of_a_request() {
        let found = cookies("a=1; b=\"x\"; a=2; broken; =y", 10);
        assert_eq!(found, Ok(pairs(&[("a", "1"), ("b", "x")])));
        assert_eq!(cookies("a=1; b=2", 1), Err(PartError::TooMany));
    }

    #[test]
    fn parts_of_a_multipart_body() {
        let kind = "multipart/form-data; charset=utf-8; boundary=\"XX\"";
        assert_eq!(boundary(kind).as_deref(), Some("XX"));
        assert_eq!(boundary("text/plain; boundary=XX"), None);
        let body = b"--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\r\n--XX\r\n\
            content-disposition: form-data; name=\"f\"; filename=\"x;y.txt\"\r\nContent-Type: text/plain\r\n\r\n--X\r\n--XX--\r\n";
        let parts = multipart(body, "XX", 10).expect("is framed well");
        assert_eq!((parts[0].name.as_str(), parts[0].body), ("a", &b"1\r\n"[..]));
        assert_eq!(
            (parts[1].filename.as_deref(), parts[1].body),
            (Some("x;y.txt"), &b"--X"[..])
        );
        for broken in [
            "",
            "--XX",
            "--XX\r\n\r\n\r\n--XX--",
            "--XX\r\na\r\n\r\nb\r\n--XX--",
            "--XX\r\nContent-Disposition: x\r\n\r\nb",
        ] {
            assert_eq!(
                multipart(broken.as_bytes(), "XX", 10),
                Err(PartError::Framing),
                "{broken:?}"
            );
        }
        assert_eq!(multipart(body, "XX", 1), Err(PartError::TooMany));
    }
}
