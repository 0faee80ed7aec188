//! The commands: one file for each, which holds its arguments and what it does.

mod build;
mod check;
mod doc;
mod eval;
mod files;
mod kernel;
mod measure;
mod new;
mod releases;
mod repl;
mod run;
mod show;
mod store;
mod test;
mod tree;
mod watch;

use clap::Subcommand;

use crate::arguments::Arguments;
use crate::exit::Exit;

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a project
    New(new::New),
    /// Build the kernels of a project
    Build(build::Build),
    /// Run a file, or the init.slp of a directory
    Run(run::Run),
    /// Evaluate an expression and print its value
    Eval(eval::Eval),
    /// Try things out, line by line
    Repl(repl::Repl),
    /// Put code under a name of the store
    Put(store::Put),
    /// Print the text under a name
    Get(store::Get),
    /// List the names of the store
    Ls(store::List),
    /// Take a name away
    Rm(store::Remove),
    /// Tell what was changed, and when
    Log(store::Log),
    /// Make a directory the release that answers
    Publish(releases::Publish),
    /// Write a release into a directory
    Export(releases::Export),
    /// Tell what a release is
    Show(releases::ShowRelease),
    /// Compare releases, or a release and a directory
    Diff(releases::Diff),
    /// Let an earlier release answer
    Rollback(releases::Rollback),
    /// Split requests between releases
    Split(releases::Split),
    /// Take away releases that nothing needs
    Collect(releases::Collect),
    /// Call the function under a name
    Call(store::Call),
    /// Look for mistakes without running anything
    Check(check::Check),
    /// Run tests and the examples of doc strings
    Test(test::Test),
    /// Tell what a name means
    Doc(doc::Doc),
    /// Look into kernels
    Kernel(kernel::Kernel),
}

/// Carries a command out.
pub fn carry_out(arguments: Arguments) -> Exit {
    let options = arguments.options;
    match arguments.command {
        Command::New(new) => new.carry_out(&options),
        Command::Build(build) => build.carry_out(&options),
        Command::Run(run) => run.carry_out(&options),
        Command::Eval(eval) => eval.carry_out(&options),
        Command::Repl(repl) => repl.carry_out(&options),
        Command::Put(put) => put.carry_out(&options),
        Command::Get(get) => get.carry_out(&options),
        Command::Ls(list) => list.carry_out(&options),
        Command::Rm(remove) => remove.carry_out(&options),
        Command::Log(log) => log.carry_out(&options),
        Command::Publish(publish) => publish.carry_out(&options),
        Command::Export(export) => export.carry_out(&options),
        Command::Show(show) => show.carry_out(&options),
        Command::Diff(diff) => diff.carry_out(&options),
        Command::Rollback(rollback) => rollback.carry_out(&options),
        Command::Split(split) => split.carry_out(&options),
        Command::Collect(collect) => collect.carry_out(&options),
        Command::Call(call) => call.carry_out(&options),
        Command::Check(check) => check.carry_out(&options),
        Command::Test(test) => test.carry_out(&options),
        Command::Doc(doc) => doc.carry_out(&options),
        Command::Kernel(kernel) => kernel.carry_out(&options),
    }
}
