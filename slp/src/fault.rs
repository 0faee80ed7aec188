//! What can be wrong with a text, as data: a code, a place, a message and a hint.

use std::fmt;

use crate::{Bracket, Span};

/// One thing that is wrong with a source. Nothing is drawn here; the command line does that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// A stable code, `slp/…`.
    pub code: &'static str,
    /// Where. For a form that is never closed, its opener.
    pub span: Span,
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether more text at the end could mend it: a prompt then asks for more.
    pub unfinished: bool,
}

impl Fault {
    /// Whether the fault remains one inside a form that `#;` comments out: it makes the form's end uncertain.
    pub(crate) fn is_structural(&self) -> bool {
        !matches!(
            self.code,
            "slp/escape"
                | "slp/int-range"
                | "slp/real-range"
                | "slp/lone-colon"
                | "slp/odd-map"
                | "slp/duplicate-key"
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Fault {}

/// The text ended inside this.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Open {
    /// A list; `margin_line` is the line of a form inside it that starts at the margin, which hints at where
    /// a closer is missing.
    List {
        bracket: Bracket,
        margin_line: Option<u32>,
    },
    Str,
    Bytes,
    BlockComment,
}

/// Every fault of this room. A variant holds what its message needs.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Cause {
    /// The end of the text came first.
    Unclosed(Open),
    /// A closer of an outer form came first.
    LeftOpen {
        opened: Bracket,
        closed: Bracket,
    },
    /// A closer of the wrong kind, and no open form it would fit.
    WrongCloser {
        opened: Bracket,
        closed: Bracket,
    },
    /// A closer with nothing open.
    StrayCloser(Bracket),
    /// A prefix (or `#;`) before a closer.
    PrefixWithoutForm(&'static str),
    /// A prefix (or `#;`) before the end of the text.
    PrefixAtEnd(&'static str),
    UnknownEscape(char),
    /// `\x` without two hexadecimal digits.
    ShortHexEscape,
    /// `\xHH` above 7F in a string.
    WideHexEscape(u8),
    /// `\u` without `{H…}` or with something that is no character.
    NoSuchCharacter,
    Control(char),
    NotUtf8(u8),
    IntRange,
    RealRange,
    LoneColon,
    OddMap,
    DuplicateKey(String),
    TooDeep {
        max_depth: u32,
    },
    LargeAtom {
        max_atom_bytes: u32,
    },
    LargeSource {
        max_bytes: u32,
    },
    TooManyFaults,
}

impl Cause {
    pub(crate) fn at(self, span: Span) -> Fault {
        let unfinished = matches!(self, Cause::Unclosed(_) | Cause::PrefixAtEnd(_));
        Fault {
            code: self.code(),
            span,
            message: self.message(),
            hint: self.hint(),
            unfinished,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Cause::Unclosed(_) | Cause::LeftOpen { .. } => "slp/unclosed",
            Cause::WrongCloser { .. } => "slp/mismatch",
            Cause::StrayCloser(_) => "slp/stray",
            Cause::PrefixWithoutForm(_) | Cause::PrefixAtEnd(_) => "slp/prefix",
            Cause::UnknownEscape(_)
            | Cause::ShortHexEscape
            | Cause::WideHexEscape(_)
            | Cause::NoSuchCharacter => "slp/escape",
            Cause::Control(_) => "slp/control",
            Cause::NotUtf8(_) => "slp/utf8",
            Cause::IntRange => "slp/int-range",
            Cause::RealRange => "slp/real-range",
            Cause::LoneColon => "slp/lone-colon",
            Cause::OddMap => "slp/odd-map",
            Cause::DuplicateKey(_) => "slp/duplicate-key",
            Cause::TooDeep { .. } => "slp/too-deep",
            Cause::LargeAtom { .. } => "slp/large-atom",
            Cause::LargeSource { .. } => "slp/large-source",
            Cause::TooManyFaults => "slp/many",
        }
    }

    fn message(&self) -> String {
        match self {
            Cause::Unclosed(Open::List { bracket, .. }) => format!("`{}` is never closed", bracket.opener()),
            Cause::Unclosed(Open::Str) => "this string is never closed".into(),
            Cause::Unclosed(Open::Bytes) => "this byte literal is never closed".into(),
            Cause::Unclosed(Open::BlockComment) => "this comment is never closed".into(),
            Cause::LeftOpen { opened, closed } => {
                format!(
                    "`{}` is not closed before the `{}` of an outer form",
                    opened.opener(),
                    closed.closer()
                )
            }
            Cause::WrongCloser { opened, closed } => {
                format!("`{}` does not close `{}`", closed.closer(), opened.opener())
            }
            Cause::StrayCloser(bracket) => format!("`{}` closes nothing", bracket.closer()),
            Cause::PrefixWithoutForm(prefix) | Cause::PrefixAtEnd(prefix) => {
                format!("`{prefix}` has no form behind it")
            }
            Cause::UnknownEscape(character) => format!("`\\{}` is no escape", character.escape_debug()),
            Cause::ShortHexEscape => "`\\x` takes two hexadecimal digits".into(),
            Cause::WideHexEscape(byte) => format!("`\\x{byte:02x}` is no character: strings are UTF-8"),
            Cause::NoSuchCharacter => "`\\u{…}` takes the hexadecimal number of a character".into(),
            Cause::Control(character) => {
                format!("control character {} in the source", code_point(*character))
            }
            Cause::NotUtf8(byte) => format!("byte {byte:02x} is not UTF-8 here"),
            Cause::IntRange => "integer is outside the signed 64-bit range".into(),
            Cause::RealRange => "real is larger than a double can hold".into(),
            Cause::LoneColon => "a `:` alone is no keyword".into(),
            Cause::OddMap => "the last key of this map has no value".into(),
            Cause::DuplicateKey(key) => format!("key `{key}` stands twice in this map"),
            Cause::TooDeep { max_depth } => format!("forms nest deeper than {max_depth}"),
            Cause::LargeAtom { max_atom_bytes } => format!("atom is larger than {max_atom_bytes} bytes"),
            Cause::LargeSource { max_bytes } => format!("source is larger than {max_bytes} bytes"),
            Cause::TooManyFaults => "too many faults, the rest is not listed".into(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Cause::Unclosed(Open::List {
                bracket,
                margin_line: Some(line),
            }) => format!(
                "a `{}` may be missing before line {line}, where a form inside this one starts at the margin",
                bracket.closer()
            ),
            Cause::Unclosed(Open::List {
                bracket,
                margin_line: None,
            }) => {
                format!("close it with `{}`", bracket.closer())
            }
            Cause::Unclosed(Open::Str | Open::Bytes) => {
                "close it with `\"`, and write `\\\"` for a quote inside".into()
            }
            Cause::Unclosed(Open::BlockComment) => {
                "close it with `|#`; each `#|` inside needs its own".into()
            }
            Cause::LeftOpen { opened, closed } => {
                format!("write `{}` before the `{}`", opened.closer(), closed.closer())
            }
            Cause::WrongCloser { opened, .. } => format!("write `{}`", opened.closer()),
            Cause::StrayCloser(_) => "remove it, or look for a closer too many before it".into(),
            Cause::PrefixWithoutForm(prefix) | Cause::PrefixAtEnd(prefix) => {
                format!("write a form after `{prefix}`, or remove it")
            }
            Cause::UnknownEscape(_) => {
                "the escapes are \\n \\t \\r \\\\ \\\" \\0 \\xHH \\u{H…}; a backslash itself is \\\\".into()
            }
            Cause::ShortHexEscape => "write \\x0a, for example".into(),
            Cause::WideHexEscape(byte) => {
                format!("write \\u{{{byte:x}}} for the character, or a b\"…\" literal for the byte")
            }
            Cause::NoSuchCharacter => {
                "write \\u{e9}, for example; the highest is \\u{10ffff}, and surrogates are none".into()
            }
            Cause::Control(character) if character.is_ascii() => {
                format!("remove it; in a string, write \\x{:02x}", *character as u32)
            }
            Cause::Control(character) => {
                format!("remove it; in a string, write \\u{{{:x}}}", *character as u32)
            }
            Cause::NotUtf8(_) => "save the source as UTF-8; bytes are written in a b\"…\" literal".into(),
            Cause::IntRange => "the range is -9223372036854775808 to 9223372036854775807".into(),
            Cause::RealRange => "the largest is about 1.8e308; infinity is written +inf or -inf".into(),
            Cause::LoneColon => {
                "write the name right behind it; alone it only opens a map, as in {: k v}".into()
            }
            Cause::OddMap => {
                "braces that open with a keyword are a map; write {. :a :b} for a list of keywords".into()
            }
            Cause::DuplicateKey(_) => {
                "remove one; braces that open with a keyword are a map, {. :a :a} is a list".into()
            }
            Cause::TooDeep { .. } => "give the inner forms names of their own".into(),
            Cause::LargeAtom { .. } => "keep large data in a file or the store".into(),
            Cause::LargeSource { .. } => "split it into modules".into(),
            Cause::TooManyFaults => "mend the first ones and read again".into(),
        })
    }
}

fn code_point(character: char) -> String {
    format!("U+{:04X}", character as u32)
}
