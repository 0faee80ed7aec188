//! Wires the rooms together: text in, answer out. Start with [`Runtime::builder`]; an embedder imports this crate only.
//! It refuses to print, to read the environment, and to give a program anything that its builder did not give.

pub mod problem;
pub mod console;
pub mod grants;
pub mod modules;
pub mod world;
pub mod resolve;
pub mod expand;
pub mod load;
pub mod codebase;
pub mod requests;
pub mod control;
pub mod declaration;
pub mod services;
pub mod kernels;
mod timer;
pub mod natives;
pub mod store_natives;
pub mod builder;
pub mod runtime;
pub mod each;
mod answer;
pub mod interrupt;
mod survey;
pub mod check;
pub mod show;
pub mod doc;
pub mod testing;

pub use builder::Builder;
pub use console::Console;
pub use grants::{Capability, Grants};
pub use problem::{Place, Problem, TraceLine};
pub use runtime::Runtime;
pub use sup_vm::vm::Limits;
