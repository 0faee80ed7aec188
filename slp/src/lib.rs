//! SLP as text: read it into a tree that keeps everything, and print trees back.
//!
//! Start with [`read`], which always returns a [`Reading`]: a [`Tree`] and the [`Fault`]s met on the way.
//! [`print()`] and [`print_pretty`] go back to text. The crate knows nothing of values, scopes or evaluation,
//! and touches no file, environment or network: text in, data out.

mod fault;
mod line_index;
mod span;
mod tree;

mod atom;
mod chars;
mod lexer;
mod literal;

mod braces;
mod reader;
mod reading;

mod pretty;
mod printer;

pub mod script;

pub use atom::{keyword_is_plain, path_is_plain, symbol_is_plain};
pub use braces::{BraceShape, brace_shape};
pub use fault::Fault;
pub use line_index::LineIndex;
pub use literal::{quote_bytes, quote_str};
pub use pretty::print_pretty;
pub use printer::{print, print_real};
pub use reading::{MAX_FAULTS, ReadLimits, Reading, read, read_bytes};
pub use span::Span;
pub use tree::{Bracket, NodeId, NodeKind, Prefix, Tree, same};
