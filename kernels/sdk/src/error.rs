//! What a primitive raises.

use crate::context::{Context, Rooted};
use std::borrow::Cow;
use std::ffi::CString;
use std::fmt;
use sup_abi::kernel::Bytes;
use sup_abi::word::{self, Word};

/// The result of a primitive that can raise.
pub type Result<T> = std::result::Result<T, Error>;

/// An error on its way to the program: a code such as `fs/missing` with a message, or an error value that a
/// called function has raised.
///
/// One word long, so that what every primitive answers stays small.
#[derive(Clone, Debug)]
pub struct Error(Box<Content>);

#[derive(Clone, Debug)]
struct Content {
    code: Cow<'static, str>,
    message: String,
    origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Code and message say it.
    Here,
    /// A called function raised this value.
    Callee(Rooted),
    /// No error: the host was asked for something and its mark must be returned.
    Request,
}

impl Error {
    /// An error of that code, `room/what`; the message is lowercase and has no full stop.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Error {
        Error::of(code.into(), message.into(), Origin::Here)
    }

    /// An integer result does not fit 64 bits.
    #[must_use]
    pub fn overflow() -> Error {
        Error::new("alu/overflow", "the integer result does not fit 64 bits")
    }

    #[cold]
    fn of(code: Cow<'static, str>, message: String, origin: Origin) -> Error {
        Error(Box::new(Content {
            code,
            message,
            origin,
        }))
    }

    /// A number was divided by zero.
    #[must_use]
    pub fn division_by_zero() -> Error {
        Error::new("alu/div-zero", "division by zero")
    }

    /// An argument has another type than the function takes.
    pub fn type_mismatch(message: impl Into<String>) -> Error {
        Error::new("type/mismatch", message)
    }

    /// An error value that a called function raised; passing it on keeps its trace.
    pub(crate) fn raised(value: Rooted) -> Error {
        Error::of(
            Cow::Borrowed("kernel/raised"),
            String::new(),
            Origin::Callee(value),
        )
    }

    /// What carries a request such as `Context::wait` out of the primitive.
    pub(crate) fn request() -> Error {
        Error::of(Cow::Borrowed("kernel/request"), String::new(), Origin::Request)
    }

    /// The error value that a called function raised, when this is one.
    #[must_use]
    pub fn value(&self) -> Option<Rooted> {
        if let Origin::Callee(value) = self.0.origin {
            Some(value)
        } else {
            None
        }
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Its message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The code as a C string; one that cannot be becomes `kernel/error`.
    pub(crate) fn code_for_host(&self) -> CString {
        CString::new(self.0.code.as_ref()).unwrap_or_else(|_| c"kernel/error".to_owned())
    }

    /// Raises it; answers what the primitive then returns.
    #[allow(unsafe_code)]
    pub(crate) fn raise(self, cx: &Context) -> Word {
        if self.0.origin == Origin::Request {
            return word::THROW;
        }
        if let Some(value) = self.value() {
            // SAFETY: `cx` is the running call; the word comes from its slot.
            return unsafe { (cx.host().raise_value)(cx.raw(), value.get(cx).word()) };
        }
        let code = self.code_for_host();
        // SAFETY: `cx` is the running call; code and message outlive the call of `raise`, which copies them.
        unsafe { (cx.host().raise)(cx.raw(), code.as_ptr(), Bytes::of(self.0.message.as_bytes())) };
        word::THROW
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.0.code, self.0.message)
    }
}

impl std::error::Error for Error {}
