//! What stands between quotes: escapes resolved when read, put in when printed.

use std::fmt::Write;

use nom::bytes::complete::{tag, take_while_m_n, take_while1};
use nom::combinator::map_opt;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use crate::chars::is_stray_control;
use crate::fault::Cause;
use crate::lexer::QuotedKind;

/// Resolves the escapes of a complete literal's body. Every fault is handed to `report` with its byte range
/// in the body; what is decoded goes on behind it. The bytes of a string are always UTF-8.
pub(crate) fn decode(body: &str, kind: QuotedKind, mut report: impl FnMut(Cause, usize, usize)) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(first) = rest.chars().next() {
        let start = body.len() - rest.len();
        if first == '\\' {
            let escape = read_escape(rest, kind);
            rest = escape.behind;
            match escape.value {
                Value::Character(character) => push(&mut bytes, character),
                Value::Byte(byte) => bytes.push(byte),
                Value::Nothing => {}
            }
            if let Some(cause) = escape.cause {
                report(cause, start, body.len() - rest.len());
            }
        } else if is_stray_control(first) {
            rest = rest.trim_start_matches(is_stray_control);
            report(Cause::Control(first), start, body.len() - rest.len());
        } else {
            let plain = rest
                .find(|character| character == '\\' || is_stray_control(character))
                .unwrap_or(rest.len());
            bytes.extend_from_slice(&rest.as_bytes()[..plain]);
            rest = &rest[plain..];
        }
    }
    bytes
}

/// A string as a literal that reads back to it.
pub fn quote_str(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_quoted_str(&mut out, text);
    out
}

/// Bytes as a `b"…"` literal that reads back to them.
pub fn quote_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 3);
    push_quoted_bytes(&mut out, bytes);
    out
}

pub(crate) fn push_quoted_str(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match short_escape(character) {
            Some(escape) => out.push_str(escape),
            None if character.is_ascii_control() => push_hex(out, character as u8),
            None if character.is_control() || is_unseen(character) => {
                write!(out, "\\u{{{:x}}}", character as u32).expect("writing to a string cannot fail");
            }
            None => out.push(character),
        }
    }
    out.push('"');
}

pub(crate) fn push_quoted_bytes(out: &mut String, bytes: &[u8]) {
    out.push_str("b\"");
    for &byte in bytes {
        match short_escape(byte as char) {
            Some(escape) => out.push_str(escape),
            None if byte == b' ' || byte.is_ascii_graphic() => out.push(byte as char),
            None => push_hex(out, byte),
        }
    }
    out.push('"');
}

struct Escape<'a> {
    value: Value,
    cause: Option<Cause>,
    behind: &'a str,
}

#[derive(Clone, Copy)]
enum Value {
    Character(char),
    Byte(u8),
    Nothing,
}

/// Reads the escape at the front of `input`, which starts with a backslash. A wrong one yields what was
/// probably meant.
fn read_escape(input: &str, kind: QuotedKind) -> Escape<'_> {
    let mut behind_mark = input.chars();
    behind_mark.next();
    let mark = behind_mark
        .next()
        .expect("a closed literal ends with no lone backslash");
    let behind_mark = behind_mark.as_str();
    let simple = |character| Escape {
        value: Value::Character(character),
        cause: None,
        behind: behind_mark,
    };
    match mark {
        'n' => simple('\n'),
        't' => simple('\t'),
        'r' => simple('\r'),
        '0' => simple('\0'),
        '\\' | '"' => simple(mark),
        'x' => match hex_escape(input) {
            Ok((behind, byte)) if kind == QuotedKind::Bytes => Escape {
                value: Value::Byte(byte),
                cause: None,
                behind,
            },
            Ok((behind, byte)) => {
                let cause = (!byte.is_ascii()).then_some(Cause::WideHexEscape(byte));
                Escape {
                    value: Value::Character(byte as char),
                    cause,
                    behind,
                }
            }
            Err(_) => Escape {
                value: Value::Nothing,
                cause: Some(Cause::ShortHexEscape),
                behind: behind_mark,
            },
        },
        'u' => match character_escape(input) {
            Ok((behind, character)) => Escape {
                value: Value::Character(character),
                cause: None,
                behind,
            },
            Err(_) => {
                let behind = behind_braces(behind_mark);
                Escape {
                    value: Value::Character('\u{fffd}'),
                    cause: Some(Cause::NoSuchCharacter),
                    behind,
                }
            }
        },
        _ => Escape {
            value: Value::Character(mark),
            cause: Some(Cause::UnknownEscape(mark)),
            behind: behind_mark,
        },
    }
}

fn hex_escape(input: &str) -> IResult<&str, u8> {
    let digits = take_while_m_n(2, 2, |character: char| character.is_ascii_hexdigit());
    map_opt(preceded(tag("\\x"), digits), |digits| {
        u8::from_str_radix(digits, 16).ok()
    })
    .parse(input)
}

fn character_escape(input: &str) -> IResult<&str, char> {
    let digits = take_while1(|character: char| character.is_ascii_hexdigit());
    let number = map_opt(delimited(tag("\\u{"), digits, tag("}")), |digits| {
        u32::from_str_radix(digits, 16).ok()
    });
    map_opt(number, char::from_u32).parse(input)
}

/// Skips a `{…}` of a few characters, so that a wrong `\u{…}` is one fault and not text besides.
fn behind_braces(input: &str) -> &str {
    let Some(inner) = input.strip_prefix('{') else {
        return input;
    };
    let behind = inner.trim_start_matches(|character: char| character.is_ascii_alphanumeric());
    behind.strip_prefix('}').unwrap_or(input)
}

fn push(bytes: &mut Vec<u8>, character: char) {
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn short_escape(character: char) -> Option<&'static str> {
    Some(match character {
        '\n' => "\\n",
        '\t' => "\\t",
        '\r' => "\\r",
        '\0' => "\\0",
        '\\' => "\\\\",
        '"' => "\\\"",
        _ => return None,
    })
}

fn push_hex(out: &mut String, byte: u8) {
    write!(out, "\\x{byte:02x}").expect("writing to a string cannot fail");
}

/// Characters that show nothing or turn the direction of what follows, so that a reader would take the text
/// for another.
fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}
