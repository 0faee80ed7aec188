//! Between Rust types and values: what parameters of a primitive can be, and what it can answer.
#![allow(unsafe_code)]

use crate::context::{Context, Rooted};
use crate::error::{Error, Result};
use crate::resource::ResourceKind;
use crate::value::{Value, bytes_at, text_at};
use std::marker::PhantomData;
use std::path::PathBuf;
use sup_abi::signature::Passing;
use sup_abi::value_type::{ListKind, ValueType};
use sup_abi::word::Word;

/// The arguments of the running call.
#[derive(Clone, Copy)]
pub struct Arguments<'c> {
    words: &'c [Word],
}

impl<'c> Arguments<'c> {
    pub(crate) const fn new(words: &'c [Word]) -> Arguments<'c> {
        Arguments { words }
    }

    #[inline(always)]
    fn place(&self, position: usize) -> Result<&'c Word> {
        self.words.get(position).ok_or_else(|| missing(position))
    }
}

#[cold]
fn missing(position: usize) -> Error {
    Error::new("call/arity", format!("argument {} is missing", position + 1))
}

#[cold]
fn mismatch(position: usize, expected: &str, value: Value<'_>) -> Error {
    let found = value.value_type().name();
    Error::type_mismatch(format!(
        "argument {} must be :{expected}, not :{found}",
        position + 1
    ))
}

/// What a parameter of a primitive can be.
pub trait FromArgument<'c>: Sized {
    /// The type in the signature, without the colon.
    const TYPE: &'static str;
    /// Whether the type allows nil.
    const NIL: &'static str = "";
    /// How arguments reach the parameter.
    const PASSING: Passing = Passing::Required;
    /// What stands before the parameter's name: a quote when its argument is not evaluated.
    const QUOTE: &'static str = "";

    /// Reads the argument of that position.
    ///
    /// # Errors
    /// `type/mismatch` when it is of another type.
    fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self>;
}

impl<'c> FromArgument<'c> for Value<'c> {
    const TYPE: &'static str = "any";

    #[inline(always)]
    fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self> {
        Ok(cx.value(*arguments.place(position)?))
    }
}

impl<'c> FromArgument<'c> for Rooted {
    const TYPE: &'static str = "any";

    fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self> {
        Value::from_argument(cx, arguments, position).map(Value::root)
    }
}

macro_rules! from_value {
    ($($rust:ty, $name:literal, |$value:ident| $read:expr;)*) => {
        $(impl<'c> FromArgument<'c> for $rust {
            const TYPE: &'static str = $name;

            #[inline(always)]
            fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self> {
                let $value = Value::from_argument(cx, arguments, position)?;
                $read.ok_or_else(|| mismatch(position, $name, $value))
            }
        })*
    };
}

from_value! {
    i64, "int", |value| value.as_int();
    f64, "real", |value| value.as_real();
    bool, "bool", |value| value.as_bool();
    String, "str", |value| value.as_text().map(str::to_owned);
    Vec<u8>, "bytes", |value| value.as_bytes().map(<[u8]>::to_vec);
    PathBuf, "str", |value| value.as_text().map(PathBuf::from);
}

impl<'c> FromArgument<'c> for &'c str {
    const TYPE: &'static str = "str";

    #[inline(always)]
    fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self> {
        let place = arguments.place(position)?;
        // SAFETY: the arguments stay where they are for `'c`, which borrows the call.
        unsafe { text_at(cx, place) }.ok_or_else(|| mismatch(position, "str", cx.value(*place)))
    }
}

impl<'c> FromArgument<'c> for &'c [u8] {
    const TYPE: &'static str = "any";

    #[inline(always)]
    fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self> {
        let place = arguments.place(position)?;
        // SAFETY: the arguments stay where they are for `'c`, which borrows the call.
        unsafe { bytes_at(cx, place) }.ok_or_else(|| mismatch(position, "bytes", cx.value(*place)))
    }
}

impl<'c, R: ResourceKind> FromArgument<'c> for &'c R {
    const TYPE: &'static str = "resource";

    fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self> {
        let value = Value::from_argument(cx, arguments, position)?;
        value
            .as_resource::<R>()
            .ok_or_else(|| mismatch(position, "resource", value))
    }
}

/// A parameter that may be left out or be nil.
impl<'c, T: FromArgument<'c>> FromArgument<'c> for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const NIL: &'static str = "?";
    const PASSING: Passing = Passing::Optional;
    const QUOTE: &'static str = T::QUOTE;

    fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self> {
        match arguments.words.get(position) {
            Some(word) if !cx.value(*word).is_nil() => T::from_argument(cx, arguments, position).map(Some),
            _ => Ok(None),
        }
    }
}

/// A parameter whose argument is not evaluated where the call names the primitive.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<T>(pub T);

impl<'c, T: FromArgument<'c>> FromArgument<'c> for Quoted<T> {
    const TYPE: &'static str = T::TYPE;
    const PASSING: Passing = T::PASSING;
    const QUOTE: &'static str = "'";

    fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self> {
        T::from_argument(cx, arguments, position).map(Quoted)
    }
}

/// All arguments from a position on.
#[derive(Clone, Copy)]
pub struct Rest<'c, T = Value<'c>> {
    cx: &'c Context,
    arguments: Arguments<'c>,
    position: usize,
    element: PhantomData<T>,
}

impl<'c, T: FromArgument<'c>> FromArgument<'c> for Rest<'c, T> {
    const TYPE: &'static str = T::TYPE;
    const PASSING: Passing = Passing::Rest;

    fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self> {
        Ok(Rest {
            cx,
            arguments,
            position,
            element: PhantomData,
        })
    }
}

impl<'c, T: FromArgument<'c>> Rest<'c, T> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.arguments.words.len().saturating_sub(self.position)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The one of that index.
    ///
    /// # Errors
    /// When there is none, or it is of another type.
    #[inline(always)]
    pub fn get(&self, index: usize) -> Result<T> {
        T::from_argument(self.cx, self.arguments, self.position + index)
    }

    /// Each in turn; those of another type as errors.
    pub fn iter(&self) -> impl Iterator<Item = Result<T>> {
        (0..self.len()).map(|index| self.get(index))
    }
}

/// An integer or a real.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i64),
    /// A real.
    Real(f64),
}

impl Number {
    /// The number as a real; integers beyond 2^53 are rounded.
    #[must_use]
    #[inline(always)]
    pub const fn to_real(self) -> f64 {
        match self {
            Number::Int(value) => value as f64,
            Number::Real(value) => value,
        }
    }
}

impl<'c> FromArgument<'c> for Number {
    const TYPE: &'static str = "any";

    #[inline(always)]
    fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self> {
        let value = Value::from_argument(cx, arguments, position)?;
        value.as_number().ok_or_else(|| no_number(position, value))
    }
}

#[cold]
fn no_number(position: usize, value: Value<'_>) -> Error {
    let found = value.value_type().name();
    Error::type_mismatch(format!(
        "argument {} must be a number, not :{found}",
        position + 1
    ))
}

/// Something named: a symbol, keyword or path, or a string.
#[derive(Clone, Copy, Debug)]
pub struct Name<'c>(pub &'c str);

impl<'c> FromArgument<'c> for Name<'c> {
    const TYPE: &'static str = "any";

    fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self> {
        let value = Value::from_argument(cx, arguments, position)?;
        let name = value
            .as_name()
            .map_or_else(|| <&str>::from_argument(cx, arguments, position), Ok);
        name.map(Name).map_err(|_| mismatch(position, "symbol", value))
    }
}

/// A symbol, by its text.
#[derive(Clone, Copy, Debug)]
pub struct Symbol<'c>(pub &'c str);

/// A keyword, by its text without the colon.
#[derive(Clone, Copy, Debug)]
pub struct Keyword<'c>(pub &'c str);

impl<'c> FromArgument<'c> for Symbol<'c> {
    const TYPE: &'static str = "symbol";

    fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self> {
        let value = Value::from_argument(cx, arguments, position)?;
        let name = value
            .as_name()
            .filter(|_| value.value_type() == ValueType::Symbol);
        name.map(Symbol)
            .ok_or_else(|| mismatch(position, "symbol", value))
    }
}

impl<'c> FromArgument<'c> for Keyword<'c> {
    const TYPE: &'static str = "keyword";

    fn from_argument(cx: &'c Context, arguments: Arguments<'c>, position: usize) -> Result<Self> {
        let value = Value::from_argument(cx, arguments, position)?;
        let name = value
            .as_name()
            .filter(|_| value.value_type() == ValueType::Keyword);
        name.map(Keyword)
            .ok_or_else(|| mismatch(position, "keyword", value))
    }
}

/// A keyword that was looked up once. Names are numbered for the whole process and for ever, so it is good in every isolate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownKeyword(Word);

impl KnownKeyword {
    /// Looks a keyword up, by its name without the colon.
    ///
    /// # Errors
    /// When the table of names is full.
    pub fn new(cx: &Context, name: &str) -> Result<KnownKeyword> {
        Ok(KnownKeyword(cx.keyword(name)?.word()))
    }

    /// Its value in a call.
    #[must_use]
    pub const fn value(self, cx: &Context) -> Value<'_> {
        cx.value(self.0)
    }
}

/// Rust data that has a value.
pub trait IntoValue<'c> {
    /// The type in the signature, without the colon.
    const TYPE: &'static str;

    /// Makes the value.
    ///
    /// # Errors
    /// When memory or a limit does not allow it.
    fn into_value(self, cx: &'c Context) -> Result<Value<'c>>;
}

macro_rules! into_value {
    ($($rust:ty, $name:literal, |$data:ident, $cx:ident| $make:expr;)*) => {
        $(impl<'c> IntoValue<'c> for $rust {
            const TYPE: &'static str = $name;

            #[inline(always)]
            fn into_value(self, $cx: &'c Context) -> Result<Value<'c>> {
                let $data = self;
                $make
            }
        })*
    };
}

into_value! {
    Value<'c>, "any", |value, cx| Ok(cx.value(value.word()));
    Rooted, "any", |rooted, cx| Ok(rooted.get(cx));
    (), "none", |_unit, cx| Ok(cx.nil());
    bool, "bool", |value, cx| Ok(cx.boolean(value));
    i64, "int", |value, cx| cx.int(value);
    f64, "real", |value, cx| cx.real(value);
    usize, "int", |value, cx| cx.int(i64::try_from(value).map_err(|_| Error::overflow())?);
    Number, "any", |value, cx| cx.number(value);
    &str, "str", |text, cx| cx.text(text);
    String, "str", |text, cx| cx.text(&text);
    &[u8], "bytes", |bytes, cx| cx.bytes(bytes);
    Vec<u8>, "bytes", |bytes, cx| cx.bytes(&bytes);
    Symbol<'_>, "symbol", |name, cx| cx.symbol(name.0);
    Keyword<'_>, "keyword", |name, cx| cx.keyword(name.0);
}

/// nil for none.
impl<'c, T: IntoValue<'c>> IntoValue<'c> for Option<T> {
    const TYPE: &'static str = "any";

    fn into_value(self, cx: &'c Context) -> Result<Value<'c>> {
        self.map_or_else(|| Ok(cx.nil()), |value| value.into_value(cx))
    }
}

/// Elements of a list of some kind.
#[derive(Clone, Debug)]
pub struct List<T>(pub ListKind, pub Vec<T>);

impl<'c, T: IntoValue<'c>> IntoValue<'c> for List<T> {
    const TYPE: &'static str = "list";

    fn into_value(self, cx: &'c Context) -> Result<Value<'c>> {
        let elements: Result<Vec<Value<'c>>> =
            self.1.into_iter().map(|element| element.into_value(cx)).collect();
        cx.list(self.0, &elements?)
    }
}

/// Pairs of a map whose keys are keywords.
#[derive(Clone, Debug)]
pub struct Map<T>(pub Vec<(&'static str, T)>);

impl<'c, T: IntoValue<'c>> IntoValue<'c> for Map<T> {
    const TYPE: &'static str = "map";

    fn into_value(self, cx: &'c Context) -> Result<Value<'c>> {
        let pairs = self
            .0
            .into_iter()
            .map(|(key, value)| Ok((cx.keyword(key)?, value.into_value(cx)?)));
        cx.map(&pairs.collect::<Result<Vec<_>>>()?)
    }
}

/// What a primitive can answer: a value, or a `Result` of one.
pub trait IntoReply<'c> {
    /// The type in the signature, without the colon.
    const TYPE: &'static str;

    /// Makes the value, or passes the error on.
    ///
    /// # Errors
    /// The primitive's, or that of making the value.
    fn into_reply(self, cx: &'c Context) -> Result<Value<'c>>;
}

impl<'c, T: IntoValue<'c>> IntoReply<'c> for T {
    const TYPE: &'static str = T::TYPE;

    #[inline(always)]
    fn into_reply(self, cx: &'c Context) -> Result<Value<'c>> {
        self.into_value(cx)
    }
}

impl<'c, T: IntoValue<'c>> IntoReply<'c> for Result<T> {
    const TYPE: &'static str = T::TYPE;

    #[inline(always)]
    fn into_reply(self, cx: &'c Context) -> Result<Value<'c>> {
        self?.into_value(cx)
    }
}
