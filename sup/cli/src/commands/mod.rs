//! The commands: one file for each, which holds its arguments and what it does.

mod build;
mod check;
mod clean;
mod deps;
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

use std::path::Path;

use clap::Subcommand;

use crate::arguments::{Arguments, Options};
use crate::exit::Exit;
use crate::project::needs;

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a project
    New(new::New),
    /// Build the kernels of a project
    Build(build::Build),
    /// Tell what a project is made of, and where it was found
    Deps(deps::Deps),
    /// Take away what was built of a project
    Clean(clean::Clean),
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

/// The directory that the command is given in.
const HERE: &str = ".";

/// Carries a command out with the kernels and modules of the project that a path belongs to.
fn in_project(path: impl AsRef<Path>, options: &Options, command: impl FnOnce(&Options) -> Exit) -> Exit {
    match needs::prepare(path.as_ref(), options) {
        Ok((options, _)) => command(&options),
        Err(exit) => exit,
    }
}

/// Carries a command out.
pub fn carry_out(arguments: Arguments) -> Exit {
    let options = arguments.options;
    match arguments.command {
        Command::New(new) => new.carry_out(&options),
        Command::Build(build) => build.carry_out(&options),
        Command::Deps(deps) => deps.carry_out(&options),
        Command::Clean(clean) => clean.carry_out(&options),
        Command::Run(run) => run.carry_out(&options),
        Command::Eval(eval) => in_project(HERE, &options, |options| eval.carry_out(options)),
        Command::Repl(repl) => in_project(HERE, &options, |options| repl.carry_out(options)),
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
        Command::Check(check) => {
            let path = check.paths.first().cloned().unwrap_or_default();
            in_project(&path, &options, |options| check.carry_out(options))
        }
        Command::Test(test) => test.carry_out(&options),
        Command::Doc(doc) => in_project(HERE, &options, |options| doc.carry_out(options)),
        Command::Kernel(kernel) if kernel.is_of_project() => {
            in_project(HERE, &options, |options| kernel.carry_out(options))
        }
        Command::Kernel(kernel) => kernel.carry_out(&options),
    }
}
