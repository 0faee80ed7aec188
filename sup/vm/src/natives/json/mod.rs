//! JSON: text of values and values of text, by RFC 8259.

mod decode;
mod encode;

use super::BasePrimitive;
use crate::base;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!(
        "%json-encode",
        "(x &opt indent :int) :str",
        1..Some(2),
        encode::encode
    ),
    base!("%json-decode", "(s :str)", 1..Some(1), decode::decode),
];

/// How many arrays and objects may lie in each other.
const MAX_DEPTH: usize = 64;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Number of bytes before the first that a string of JSON cannot hold as it is: a quote, a backslash or a control
/// character. Eight bytes at a time, after Mycroft's test for a zero byte.
#[inline]
fn plain_len(bytes: &[u8]) -> usize {
    let mut chunks = bytes.chunks_exact(8);
    let mut len = 0;
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().expect("chunks have eight bytes"));
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let is_below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word;
        let found = (is_below(word, 0x20) | is_below(quote, 1) | is_below(backslash, 1)) & HIGH;
        if found != 0 {
            return len + (found.trailing_zeros() / 8) as usize;
        }
        len += 8;
    }
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    len + chunks
        .remainder()
        .iter()
        .position(is_special)
        .unwrap_or(chunks.remainder().len())
}

#[cfg(test)]
mod tests {
    use super::plain_len;

    #[test]
    fn plain_text_ends_where_an_escape_is_needed() {
        for special in ["\"", "\\", "\n", "\0", "\u{1f}"] {
            for before in 0..20 {
                for after in ["", "x", "xxxxxxxxxxxx", "\"\"\"\"\"\"\"\"\""] {
                    let text = format!(
                        "{}{special}{after}",
                        "é~ \u{7f}a/".chars().cycle().take(before).collect::<String>()
                    );
                    let expected = text.len() - special.len() - after.len();
                    assert_eq!(plain_len(text.as_bytes()), expected, "{text:?}");
                }
            }
        }
        assert_eq!(plain_len("日本語 all plain, \u{7f} too".as_bytes()), 26);
    }
}
