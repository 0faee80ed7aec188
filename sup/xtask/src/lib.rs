//! The chores of the project. Start with `house` (where things lie, how cargo is called) and `setup` (what a bare machine lacks);
//! each command of `cargo xtask` is one module, and `tidy` holds the rules that a program can check. Knows nothing of SLP.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to the terminal"
)]

pub mod house;
pub mod json;
pub mod rocksdb;
pub mod setup;
pub mod steps;
pub mod system;

pub mod bench;
pub mod bless;
pub mod ci;
pub mod demo;
pub mod fuzz;
pub mod memory;
pub mod test;
pub mod tidy;

pub use house::{Failure, House};
