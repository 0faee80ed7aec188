//! The `sup` command. Start with `arguments`, which is what a user can type; each command is a file of `commands`.
//! This is the only crate of the product that prints, reads the environment, or ends the process.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    reason = "speaking to the terminal is what this crate is for"
)]

mod arguments;
mod commands;
mod console;
mod draw;
mod exit;
mod interrupt;
mod json;
mod project;
mod session;
mod trust;

use arguments::Arguments;

fn main() {
    let arguments = Arguments::from_command_line();
    sup_runtime::set_logger(Box::new(|line| match (line.level, line.kernel) {
        (1 | 2, Some(kernel)) => console::complain(&format!("{kernel}: {}\n", line.text)),
        _ => console::complain(&format!("{}\n", line.text)),
    }));
    let exit = sup_runtime::runtime::with_stack(|| commands::carry_out(arguments));
    console::flush();
    exit.end_process()
}
