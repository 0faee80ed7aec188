//! Kernels for `sup` in safe Rust: the `kernel!` macro declares one, `Context` and `Value` are what its
//! functions see. Start with `macros`. With the feature `fake-host`, `fake::FakeHost` runs a kernel in unit
//! tests without loading it. This crate refuses to know the machine; it sees only the table of functions in
//! `sup_abi::host`.

mod macros;

mod context;
mod convert;
mod error;
mod host;
mod resource;
mod state;
mod task;
mod value;

pub mod entry;
pub mod extension;
#[cfg(any(test, feature = "fake-host"))]
pub mod fake;
pub mod isolate;
pub mod registry;

pub use context::{Context, Rooted};
pub use convert::{
    Arguments, FromArgument, IntoReply, IntoValue, Keyword, KnownKeyword, List, Map, Name, Number, Quoted,
    Rest, Symbol,
};
pub use error::{Error, Result};
pub use resource::{Resource, ResourceKind, TypeRecord};
pub use state::State;
pub use sup_abi::value_type::{ListKind, ValueType};
pub use task::{Pin, Promise};
pub use value::Value;
