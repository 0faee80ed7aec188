//! What can be typed behind `sup`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser};
use sup_runtime::trust::{self, Mode};
use sup_runtime::{Capability, Grants};

use crate::commands::Command;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  sup run hello.slp             run a file
  sup eval '(+ 1 2)'            print the value of an expression
  sup repl                      try things out
  sup doc map                   what `map` does
  sup put util/sum sum.slp      keep code in the store
  sup call util/sum '{1 2 3}'   run it from there

Exit codes: 0 fine, 1 the program raised or a check found faults, 2 wrong usage, 130 interrupted.
Results go to standard output, everything else to standard error.";

/// Runs SLP, an s-expression language whose code and data live in one store.
#[derive(Debug, Parser)]
#[command(name = "sup", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub options: Options,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The store's directory [default: $SUP_STORE, else the project's .sup/store, else the user's own]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Options for every command"
    )]
    pub store: Option<PathBuf>,

    /// Start with nothing: neither the core library nor a kernel
    #[arg(long, global = true, help_heading = "Options for every command")]
    pub bare: bool,

    /// Calls and turns of loops that a program may make
    #[arg(
        long,
        global = true,
        value_name = "N",
        help_heading = "Options for every command"
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub fuel: Option<u64>,

    /// Time that a program may take, in milliseconds
    #[arg(
        long,
        global = true,
        value_name = "N",
        help_heading = "Options for every command"
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub deadline_ms: Option<u64>,

    /// Memory that a program may use, in MiB [default: 1024]
    #[arg(
        long,
        global = true,
        value_name = "N",
        help_heading = "Options for every command"
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1 << 24))]
    pub memory_mib: Option<u64>,

    /// What a program may reach, instead of everything: console, read, write, clock, env, random, store, kernel, net, or none
    #[arg(long, global = true, value_name = "CAP,…", value_delimiter = ',', value_parser = allowed)]
    #[arg(help_heading = "Options for every command")]
    pub allow: Option<Vec<Allowed>>,

    /// Write what is data as JSON, and errors as lines of JSON
    #[arg(long, global = true, help_heading = "Options for every command")]
    pub json: bool,

    /// Where kernels are looked for before the usual places; may be given more than once
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Options for every command"
    )]
    pub kernel_path: Vec<PathBuf>,

    /// Whether kernels may be loaded that no list knows [default: $SUP_TRUST, else as the lists in force say]
    #[arg(long, global = true, value_name = "strict|development", value_parser = trust_mode)]
    #[arg(help_heading = "Options for every command")]
    pub trust: Option<Mode>,

    /// The list of what is trusted, in place of the user's own and the project's [default: $SUP_TRUST_LIST]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Options for every command"
    )]
    pub trust_list: Option<PathBuf>,

    /// The project whose list counts; the current directory when nothing says otherwise.
    #[arg(skip)]
    pub project: Option<PathBuf>,

    /// Where the kernels are that the project built.
    #[arg(skip)]
    pub project_kernels: Option<PathBuf>,

    /// Where the project's modules are.
    #[arg(skip)]
    pub project_modules: Option<PathBuf>,

    /// The directory of the project, when it has a `project.slp`.
    #[arg(skip)]
    pub project_root: Option<PathBuf>,

    /// Collect garbage at every chance, to find what forgets a root
    #[arg(long, global = true, hide = true)]
    pub gc_stress: bool,
}

/// One word behind `--allow`.
#[derive(Clone, Copy, Debug)]
pub enum Allowed {
    /// A capability.
    One(Capability),
    /// `none`: said when nothing is allowed.
    Nothing,
}

fn allowed(word: &str) -> Result<Allowed, String> {
    let word = word.trim();
    if word == "none" || word.is_empty() {
        return Ok(Allowed::Nothing);
    }
    Capability::named(word).map(Allowed::One).ok_or_else(|| {
        let names: Vec<&str> = Capability::ALL
            .iter()
            .map(|capability| capability.name())
            .collect();
        format!("there are {} and none", names.join(", "))
    })
}

fn trust_mode(word: &str) -> Result<Mode, String> {
    trust::mode_named(word).ok_or_else(|| "there are strict and development".to_owned())
}

impl Options {
    /// What a program that a person starts may reach: everything, unless `--allow` says otherwise.
    pub fn grants(&self) -> Grants {
        let Some(words) = &self.allow else {
            return Grants::all();
        };
        words.iter().fold(Grants::NONE, |grants, word| match word {
            Allowed::One(capability) => grants.with(*capability),
            Allowed::Nothing => grants,
        })
    }
}

impl Arguments {
    /// Reads the command line. Help, the version and wrong usage are told here, and end the process.
    pub fn from_command_line() -> Arguments {
        Arguments::try_parse().unwrap_or_else(|mut error| {
            if error.kind() == ErrorKind::InvalidSubcommand {
                suggest_run(&mut error);
            }
            // Nobody is left to be told when the terminal is gone.
            drop(error.print().and_then(|()| std::io::stdout().flush()));
            if error.exit_code() == 0 {
                Exit::Fine.end_process()
            } else {
                Exit::Usage.end_process()
            }
        })
    }
}

/// A file where a command is wanted: says how files are run.
fn suggest_run(error: &mut clap::Error) {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return;
    };
    if Path::new(word).exists() {
        let hint = format!("to run it, write `sup run {word}`");
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![hint.into()]),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn allow_takes_capabilities_and_none() {
        let grants =
            |line: &[&str]| Arguments::try_parse_from(line).map(|arguments| arguments.options.grants());
        let granted = grants(&["sup", "eval", "1", "--allow", "console,read"]).expect("it is written right");
        assert!(granted.has(Capability::Console) && granted.has(Capability::FileRead));
        assert!(!granted.has(Capability::Network));
        assert_eq!(
            grants(&["sup", "--allow", "none", "eval", "1"]).expect("it is written right"),
            Grants::NONE
        );
        assert_eq!(
            grants(&["sup", "eval", "1"]).expect("it is written right"),
            Grants::all()
        );
        assert!(grants(&["sup", "eval", "1", "--allow", "everything"]).is_err());
    }

    #[test]
    fn words_behind_a_file_belong_to_the_program() {
        let arguments = Arguments::try_parse_from(["sup", "run", "a.slp", "--fuel", "9", "-x", "--bare"])
            .expect("it is written right");
        assert!(!arguments.options.bare && arguments.options.fuel == Some(9));
        let Command::Run(run) = arguments.command else {
            panic!("it is `run`")
        };
        assert_eq!(run.arguments, ["-x", "--bare"]);
    }
}
