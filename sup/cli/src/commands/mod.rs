//! The commands: one file for each, which holds its arguments and what it does.

mod check;
mod doc;
mod eval;
mod files;
mod repl;
mod run;
mod show;
mod test;

use clap::Subcommand;

use crate::arguments::Arguments;
use crate::exit::Exit;

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a file, or the init.slp of a directory
    Run(run::Run),
    /// Evaluate an expression and print its value
    Eval(eval::Eval),
    /// Try things out, line by line
    Repl(repl::Repl),
    /// Look for mistakes without running anything
    Check(check::Check),
    /// Run tests and the examples of doc strings
    Test(test::Test),
    /// Tell what a name means
    Doc(doc::Doc),
}

/// Carries a command out.
pub fn carry_out(arguments: Arguments) -> Exit {
    let options = arguments.options;
    match arguments.command {
        Command::Run(run) => run.carry_out(&options),
        Command::Eval(eval) => eval.carry_out(&options),
        Command::Repl(repl) => repl.carry_out(&options),
        Command::Check(check) => check.carry_out(&options),
        Command::Test(test) => test.carry_out(&options),
        Command::Doc(doc) => doc.carry_out(&options),
    }
}
