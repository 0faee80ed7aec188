//! From a form as text gave it to a chunk that the machine runs: expand, resolve, lower. Start with `form`.
//!
//! A form goes through two stages. `expand` turns it into a core tree: macros are run by the [`Host`], names become
//! variables, cells or primitives, and every core form has one shape. `lower` turns the core tree into instructions.
//! `let and or when unless cond case loop recur while for each -> ->> defn throw spawn` are understood natively rather
//! than being macros, because that gives better code and errors that point at what was written.
//!
//! This crate refuses to know values, heaps, files and kernels. What it must ask, it asks its [`Host`].

mod check;
mod core_tree;
mod expand;
mod fault;
mod form;
mod host;
mod lower;
mod show;
mod types;
mod words;

pub use check::{Finding, Severity, check_form};
pub use expand::datum;
pub use form::{Definition, Instruction, TopForm, compile_form, defined_names, top_forms};
pub use host::{CompileLimits, FormContext, Host, ParameterType, Resolution, Signature};
pub use show::show_core;
