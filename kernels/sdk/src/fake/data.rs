//! Values as plain Rust data, for the unit tests of kernels.

use crate::convert::Number;
use std::fmt;
use sup_abi::value_type::ListKind;

/// A value of the fake host.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Data {
    Nil,
    Bool(bool),
    Int(i64),
    Real(f64),
    Str(String),
    Bytes(Vec<u8>),
    Symbol(String),
    /// Without the colon.
    Keyword(String),
    Path(String),
    List(ListKind, Vec<Data>),
    Map(Vec<(Data, Data)>),
    Some(Box<Data>),
    Error {
        code: String,
        message: String,
        data: Box<Data>,
    },
    /// A function that `FakeHost::function` made.
    Function(usize),
    /// A resource, by the name of its type and its number among the host's objects.
    Resource(String, usize),
    /// The handle of a promise.
    Promise(u64),
}

/// Deep equality as `eq` has it: reals by their bits.
impl PartialEq for Data {
    fn eq(&self, other: &Data) -> bool {
        match (self, other) {
            (Data::Nil, Data::Nil) => true,
            (Data::Bool(a), Data::Bool(b)) => a == b,
            (Data::Int(a), Data::Int(b)) => a == b,
            (Data::Real(a), Data::Real(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (Data::Str(a), Data::Str(b))
            | (Data::Symbol(a), Data::Symbol(b))
            | (Data::Keyword(a), Data::Keyword(b))
            | (Data::Path(a), Data::Path(b)) => a == b,
            (Data::Bytes(a), Data::Bytes(b)) => a == b,
            (Data::List(kind_a, a), Data::List(kind_b, b)) => kind_a == kind_b && a == b,
            (Data::Map(a), Data::Map(b)) => a.len() == b.len() && a.iter().all(|pair| b.contains(pair)),
            (Data::Some(a), Data::Some(b)) => a == b,
            (Data::Error { code: a, .. }, Data::Error { code: b, .. }) => a == b,
            (Data::Function(a), Data::Function(b)) => a == b,
            (Data::Resource(_, a), Data::Resource(_, b)) => a == b,
            (Data::Promise(a), Data::Promise(b)) => a == b,
            _ => false,
        }
    }
}

impl Data {
    /// A brace list.
    pub fn list<T: Into<Data>>(elements: impl IntoIterator<Item = T>) -> Data {
        Data::List(ListKind::Brace, elements.into_iter().map(Into::into).collect())
    }

    /// A symbol.
    #[must_use]
    pub fn symbol(name: &str) -> Data {
        Data::Symbol(name.to_owned())
    }

    /// A keyword, by its text without the colon.
    #[must_use]
    pub fn keyword(name: &str) -> Data {
        Data::Keyword(name.to_owned())
    }

    /// A path.
    #[must_use]
    pub fn path(text: &str) -> Data {
        Data::Path(text.to_owned())
    }

    /// The code, when it is an error value.
    #[must_use]
    pub fn error_code(&self) -> Option<&str> {
        if let Data::Error { code, .. } = self {
            Some(code)
        } else {
            None
        }
    }

    /// The text that `print` shows.
    #[must_use]
    pub fn display(&self) -> String {
        if let Data::Str(text) = self {
            text.clone()
        } else {
            self.to_string()
        }
    }
}

/// The text that reads back, near enough for tests.
impl fmt::Display for Data {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Data::Nil => write!(out, "nil"),
            Data::Bool(value) => write!(out, "{value}"),
            Data::Int(value) => write!(out, "{value}"),
            Data::Real(value) => write!(out, "{value:?}"),
            Data::Str(text) => write!(out, "{text:?}"),
            Data::Bytes(bytes) => write!(out, "b{:?}", String::from_utf8_lossy(bytes)),
            Data::Symbol(name) | Data::Path(name) => write!(out, "{name}"),
            Data::Keyword(name) => write!(out, ":{name}"),
            Data::List(kind, elements) => {
                let (open, close) = match kind {
                    ListKind::Paren => ('(', ')'),
                    ListKind::Square => ('[', ']'),
                    ListKind::Brace => ('{', '}'),
                };
                let elements: Vec<String> = elements.iter().map(Data::to_string).collect();
                write!(out, "{open}{}{close}", elements.join(" "))
            }
            Data::Map(pairs) => {
                let pairs: Vec<String> = pairs
                    .iter()
                    .map(|(key, value)| format!("{key} {value}"))
                    .collect();
                write!(out, "{{{}}}", pairs.join(" "))
            }
            Data::Some(inner) => write!(out, "'{inner}"),
            Data::Error { code, .. } => write!(out, "@{{:code {code}}}"),
            Data::Function(index) => write!(out, "#<fn {index}>"),
            Data::Resource(name, _) => write!(out, "#<{name}>"),
            Data::Promise(token) => write!(out, "#<promise {token}>"),
        }
    }
}

macro_rules! from {
    ($($rust:ty => |$value:ident| $data:expr;)*) => {
        $(impl From<$rust> for Data {
            fn from($value: $rust) -> Data {
                $data
            }
        })*
    };
}

from! {
    () => |_unit| Data::Nil;
    bool => |value| Data::Bool(value);
    i64 => |value| Data::Int(value);
    f64 => |value| Data::Real(value);
    &str => |text| Data::Str(text.to_owned());
    String => |text| Data::Str(text);
    Number => |number| match number {
        Number::Int(value) => Data::Int(value),
        Number::Real(value) => Data::Real(value),
    };
}
