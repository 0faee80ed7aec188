//! Strings and bytes as literals that read back to them, as the printer of forms writes them.

use std::fmt::Write;

/// Appends a string as a literal that reads back to it.
pub fn push_quoted(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut plain = 0;
    for (place, character) in text.char_indices() {
        if !needs_escape(character) {
            continue;
        }
        out.push_str(&text[plain..place]);
        plain = place + character.len_utf8();
        match short_escape(character) {
            Some(escape) => out.push_str(escape),
            None if character.is_ascii() => push_hex(out, character as u8),
            None => write!(out, "\\u{{{:x}}}", character as u32).expect("writing to a string cannot fail"),
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// Appends bytes as a literal that reads back to them.
pub fn push_quoted_bytes(out: &mut String, bytes: &[u8]) {
    out.reserve(bytes.len() + 3);
    out.push_str("b\"");
    for byte in bytes {
        match short_escape(char::from(*byte)) {
            Some(escape) => out.push_str(escape),
            None if *byte == b' ' || byte.is_ascii_graphic() => out.push(char::from(*byte)),
            None => push_hex(out, *byte),
        }
    }
    out.push('"');
}

fn push_hex(out: &mut String, byte: u8) {
    write!(out, "\\x{byte:02x}").expect("writing to a string cannot fail");
}

/// Whether a character would end the literal, or show nothing, or turn the direction of what follows.
#[inline]
fn needs_escape(character: char) -> bool {
    match character {
        '"' | '\\' => true,
        ' '..='~' => false,
        _ => {
            character.is_control()
                || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        }
    }
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
