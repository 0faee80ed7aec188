//! One range of bytes out of a file (RFC 9110, section 14). A request for several gets the whole file, which it must take.

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it.
    Whole,
    /// From a byte on, so many.
    Part(u64, u64),
    /// Bytes that there are not.
    Outside,
}

/// Reads the header `Range` for something of that size.
#[must_use]
pub fn wanted(header: Option<&str>, n_bytes: u64) -> Wanted {
    let Some(range) = header.and_then(|header| header.strip_prefix("bytes=")) else {
        return Wanted::Whole;
    };
    let Some((first, last)) = range.trim().split_once('-').filter(|_| !range.contains(',')) else {
        return Wanted::Whole;
    };
    match (number(first), number(last)) {
        // The last so many bytes.
        (Some(None), Some(Some(0))) => Wanted::Outside,
        (Some(None), Some(Some(n_last))) if n_bytes > 0 => {
            let n_part = n_last.min(n_bytes);
            Wanted::Part(n_bytes - n_part, n_part)
        }
        (Some(None), Some(Some(_))) => Wanted::Outside,
        (Some(Some(first)), Some(last)) => {
            let last = last.unwrap_or(u64::MAX).min(n_bytes.saturating_sub(1));
            if first >= n_bytes {
                Wanted::Outside
            } else if last < first {
                Wanted::Whole
            } else {
                Wanted::Part(first, last - first + 1)
            }
        }
        _ => Wanted::Whole,
    }
}

/// A number, nothing where none is written; no answer for what is neither.
#[allow(
    clippy::option_option,
    reason = "absent, written and wrong are three things here"
)]
fn number(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).map(Some)
}

#[cfg(test)]
mod tests {
    use super::{Wanted, wanted};

    #[test]
    fn ranges_of_ten_bytes() {
        let cases = [
            ("bytes=0-4", Wanted::Part(0, 5)),
            ("bytes=5-", Wanted::Part(5, 5)),
            ("bytes=-3", Wanted::Part(7, 3)),
            ("bytes=-30", Wanted::Part(0, 10)),
            ("bytes=8-100", Wanted::Part(8, 2)),
            ("bytes=10-", Wanted::Outside),
            ("bytes=-0", Wanted::Outside),
            ("bytes=4-2", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("items=0-4", Wanted::Whole),
            ("bytes=99999999999999999999-", Wanted::Whole),
        ];
        for (header, expected) in cases {
            assert_eq!(wanted(Some(header), 10), expected, "{header}");
        }
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Outside);
        assert_eq!(wanted(None, 10), Wanted::Whole);
    }
}
