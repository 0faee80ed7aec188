//! `sup kernel`: making kernels, looking into them, and replacing those of a program that runs.

mod running;

mod trust;

use clap::{Args, Subcommand};
use serde_json::json;
use sup_runtime::trust::{Standing, Trust, text_of};
use sup_runtime::{Builder, Capability, Grants, Problem, Runtime};

use self::running::Asked;
use super::new::NewKernel;
use crate::arguments::Options;
use crate::console;
use crate::draw::Weight;
use crate::exit::Exit;
use crate::session::{self, Teller};

const EXAMPLES: &str = "\
Examples:
  sup kernel new sums --lang c                    a kernel to start from, in the project here
  sup kernel describe alu                         the declaration of a kernel that `#(load \"alu\")` finds
  sup kernel describe ./libkernel_sums.so > kernel.slp
  sup kernel verify sums                          whether it loads, its kernel.slp tells the truth, and it is trusted
  sup kernel keygen ours.key && sup kernel sign sums --key ours.key
  sup kernel trust ours.key.pub                   what that key has signed may be loaded
  sup kernel trust sums                           this very library may be
  sup kernel trusted                              what is in force
  sup kernel list                                 the kernels of the program that runs, and what holds which
  sup kernel reload sums                          replace one by the library that lies there now
  sup kernel reload sums ./libkernel_sums.so      or by this one

`list`, `info`, `load`, `reload` and `unload` ask the program that has the store open. Loading a kernel runs its code: what cannot
be trusted is not to be described either. Exit code 1 when a kernel or a change is refused, or no program answers.";

/// Makes kernels, looks into them, and replaces them.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Kernel {
    /// What to do.
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a kernel in a project
    New(NewKernel),
    /// Print the declaration of a kernel, its kernel.slp
    Describe(Which),
    /// Load a kernel and hold it against its kernel.slp, and tell why it may be loaded
    Verify(Which),
    /// Make a pair of keys that sign kernels
    Keygen(trust::Keygen),
    /// Sign a library
    Sign(trust::Sign),
    /// Add a library or a key to a list of what is trusted
    Trust(trust::Which),
    /// Take a library or a key out of a list
    Distrust(trust::Which),
    /// Tell the lists that are in force, and what they trust
    Trusted,
    /// List the kernels of the program that runs
    List,
    /// Tell what a kernel of the program that runs offers
    Info(running::Name),
    /// Load a kernel into the program that runs
    Load(running::NameOrPath),
    /// Replace a kernel of the program that runs by its next generation
    Reload(running::Next),
    /// Take a kernel from the program that runs
    Unload(running::Name),
}

#[derive(Args, Debug)]
struct Which {
    /// A kernel's name, or the path of its library
    #[arg(value_name = "NAME|PATH")]
    kernel: String,
}

impl Kernel {
    /// Whether it asks for a kernel by name, which may be one of the project's. What is named by its path is not: a build asks
    /// about what it has just made.
    pub fn is_of_project(&self) -> bool {
        match &self.action {
            Action::New(_) => false,
            Action::Describe(which) | Action::Verify(which) => !which.kernel.contains('/'),
            Action::Sign(sign) => !sign.library.contains('/'),
            Action::Trust(which) | Action::Distrust(which) => which.is_name(),
            _ => false,
        }
    }

    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        match self.action {
            Action::New(new) => new.carry_out(options),
            Action::Describe(which) => look(options, |runtime| describe(runtime, &which.kernel)),
            Action::Verify(which) => look(options, |runtime| verify(runtime, &which.kernel, options)),
            Action::Keygen(keygen) => told(options, keygen.carry_out()),
            Action::Trusted => told(options, trust::list(options)),
            Action::Sign(sign) => write_lists(options, |runtime| sign.carry_out(runtime)),
            Action::Trust(which) => write_lists(options, |runtime| which.trust(runtime, options)),
            Action::Distrust(which) => write_lists(options, |runtime| which.distrust(runtime, options)),
            Action::List => running::ask(Asked::List, options),
            Action::Info(which) => running::ask(Asked::Info(which), options),
            Action::Load(which) => running::ask(Asked::Load(which), options),
            Action::Reload(next) => running::ask(Asked::Reload(next), options),
            Action::Unload(which) => running::ask(Asked::Unload(which), options),
        }
    }
}

/// What looks into a kernel, or writes lists, runs with this. The core library needs kernels itself, and one of those may be
/// what is wrong.
fn builder(options: &Options) -> Builder {
    session::builder(options)
        .grants(Grants::NONE.with(Capability::Kernel))
        .bare()
}

/// Looks into a kernel in this process.
fn look(options: &Options, act: impl FnOnce(&Runtime) -> Result<(), Problem>) -> Exit {
    with(builder(options), options, act)
}

/// What writes lists and signatures loads nothing, and one of the lists may not be there yet.
fn write_lists(options: &Options, act: impl FnOnce(&Runtime) -> Result<(), Problem>) -> Exit {
    with(builder(options).trust(Ok(Trust::default())), options, act)
}

/// Tells what came of something that needs no runtime.
fn told(options: &Options, outcome: Result<(), Problem>) -> Exit {
    match outcome {
        Ok(()) => Exit::Fine,
        Err(problem) => {
            Teller::new(options).tell_without_sources(&problem);
            Exit::Raised
        }
    }
}

fn with(builder: Builder, options: &Options, act: impl FnOnce(&Runtime) -> Result<(), Problem>) -> Exit {
    let runtime = match session::build(builder, options) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    match act(&runtime) {
        Ok(()) => Exit::Fine,
        Err(problem) => {
            Teller::new(options).tell(&runtime, &problem, Weight::Error);
            Exit::Raised
        }
    }
}

fn describe(runtime: &Runtime, kernel: &str) -> Result<(), Problem> {
    console::print(&runtime.kernel_declaration(kernel)?);
    Ok(())
}

fn verify(runtime: &Runtime, kernel: &str, options: &Options) -> Result<(), Problem> {
    let found = runtime.verify_kernel(kernel)?;
    let library = found.library.display().to_string();
    if options.json {
        let value = json!({
            "name": found.name, "version": found.version, "library": library,
            "primitives": found.n_primitives, "declared": found.is_declared, "trust": trusted(&found.standing),
        });
        console::print_line(&value.to_string());
        return Ok(());
    }
    let declared = if found.is_declared {
        "as its kernel.slp says"
    } else {
        "without a kernel.slp"
    };
    console::print_line(&format!(
        "{} {}: {} primitives, {declared}; {} ({library})",
        found.name,
        found.version,
        found.n_primitives,
        trusted(&found.standing)
    ));
    Ok(())
}

/// Why a kernel may be loaded, in words.
fn trusted(standing: &Standing) -> String {
    match standing {
        Standing::Installed => "came with sup".to_owned(),
        Standing::Listed => "trusted by its hash".to_owned(),
        Standing::Signed(key) => format!("trusted by {}", text_of("ed25519", key)),
        Standing::Unknown(None) => "not signed, and in no list: for development".to_owned(),
        Standing::Unknown(Some(key)) => format!(
            "signed by {}, which is in no list: for development",
            text_of("ed25519", key)
        ),
    }
}
