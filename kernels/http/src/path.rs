//! Paths of requests: what is let through, and the text of their parts.
//!
//! A path is refused rather than repaired: a proxy before this server and the server behind it must not see two different
//! paths. So `..` and `.` segments, however they are written, control characters and a backslash are answered with 400.

use std::borrow::Cow;

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It does not start with a slash.
    NotAbsolute,
    /// A percent sign is not followed by two hexadecimal digits.
    Escape,
    /// A segment is `.` or `..`.
    Dots,
    /// It has a control character, a zero byte or a backslash, as it is or escaped.
    Character,
    /// Its bytes are no UTF-8.
    Utf8,
}

impl PathError {
    /// What the answer says.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            PathError::NotAbsolute => "the path must start with a slash",
            PathError::Escape => "a percent sign must be followed by two hexadecimal digits",
            PathError::Dots => "the path has a segment `.` or `..`",
            PathError::Character => "the path has a control character or a backslash",
            PathError::Utf8 => "the path is no UTF-8",
        }
    }
}

/// Looks at a path as it came.
///
/// # Errors
/// What is wrong with it.
pub fn check(path: &str) -> Result<(), PathError> {
    if !path.starts_with('/') {
        return Err(PathError::NotAbsolute);
    }
    let has_special = path.bytes().any(|byte| byte == b'%' || is_refused(byte));
    if !has_special && !path.contains("/.") {
        return Ok(());
    }
    for segment in path[1..].split('/') {
        let text = decode(segment)?;
        if text.bytes().any(is_refused) {
            return Err(PathError::Character);
        }
        // An escaped slash must not make dots a segment of their own for whoever decodes again.
        if text.split('/').any(|part| part == "." || part == "..") {
            return Err(PathError::Dots);
        }
    }
    Ok(())
}

const fn is_refused(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f || byte == b'\\'
}

/// The text of a segment, with its escapes resolved.
///
/// # Errors
/// When an escape is none, or the bytes are no UTF-8.
pub fn decode(text: &str) -> Result<Cow<'_, str>, PathError> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let bytes = decode_bytes(text.as_bytes(), Plus::IsPlus)?;
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| PathError::Utf8)
}

/// What a plus sign stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plus {
    /// Itself, as in paths.
    IsPlus,
    /// A blank, as in queries and forms.
    IsBlank,
}

/// Bytes with their escapes resolved.
///
/// # Errors
/// When an escape is none.
pub fn decode_bytes(text: &[u8], plus: Plus) -> Result<Vec<u8>, PathError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (high, low) = (digit(), digit());
                let (Some(high), Some(low)) = (high, low) else {
                    return Err(PathError::Escape);
                };
                (high * 16 + low) as u8
            }
            b'+' if plus == Plus::IsBlank => b' ',
            byte => byte,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{PathError, check, decode};

    #[test]
    fn paths_that_two_servers_could_read_differently_are_refused() {
        let cases = [
            ("/", Ok(())),
            ("/a/b.txt", Ok(())),
            ("/a/...", Ok(())),
            ("/.well-known/x", Ok(())),
            ("/a//b", Ok(())),
            ("/a%20b/%C3%BC", Ok(())),
            ("/a%2fb", Ok(())),
            ("*", Err(PathError::NotAbsolute)),
            ("/..", Err(PathError::Dots)),
            ("/a/../b", Err(PathError::Dots)),
            ("/a/./b", Err(PathError::Dots)),
            ("/a/%2e%2e/b", Err(PathError::Dots)),
            ("/a/.%2E", Err(PathError::Dots)),
            ("/a/x%2f..%2fb", Err(PathError::Dots)),
            ("/a%00", Err(PathError::Character)),
            ("/a%0d%0ab", Err(PathError::Character)),
            ("/a\\b", Err(PathError::Character)),
            ("/a%5c..%5cb", Err(PathError::Character)),
            ("/%", Err(PathError::Escape)),
            ("/%4", Err(PathError::Escape)),
            ("/%zz", Err(PathError::Escape)),
            ("/%ff", Err(PathError::Utf8)),
        ];
        for (path, expected) in cases {
            assert_eq!(check(path), expected, "{path}");
        }
        assert_eq!(decode("a%20b+c").as_deref(), Ok("a b+c"));
    }
}
