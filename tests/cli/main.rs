//! The `sup` command as a process: what goes where, how it ends, and what its errors look like.

mod checking;
mod documenting;
mod errors;
mod evaluating;
mod handlers;
mod isolates;
mod kernels;
mod limits;
mod measuring;
mod memory;
mod projects;
mod prompt;
mod releases;
mod running;
mod serving;
mod store;
mod swapping;
mod templates;
mod terminal;
mod testing;
mod trust;

use sup_testkit::{Finished, sup};

/// `sup eval` of an expression.
fn eval(expression: &str) -> Finished {
    sup().args(["eval", expression]).finish()
}

/// Panics unless the command line ends with that code; what it printed.
#[track_caller]
fn check(line: &[&str], code: i32) -> Finished {
    sup().args(line).finish().expect_code(code)
}
