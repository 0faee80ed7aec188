//! `sup kernel`: looking into kernels.

use clap::{Args, Subcommand};
use serde_json::json;
use sup_runtime::{Capability, Grants, Problem, Runtime};

use crate::arguments::Options;
use crate::console;
use crate::draw::Weight;
use crate::exit::Exit;
use crate::session::{self, Teller};

const EXAMPLES: &str = "\
Examples:
  sup kernel describe alu                         the declaration of a kernel that `#(load \"alu\")` finds
  sup kernel describe ./libkernel_sums.so > kernel.slp
  sup kernel verify sums                          whether it loads, and its kernel.slp tells the truth

Loading a kernel runs its code: what cannot be trusted is not to be described either.";

/// Looks into kernels.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Kernel {
    /// What to do.
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the declaration of a kernel, its kernel.slp
    Describe(Which),
    /// Load a kernel and hold it against its kernel.slp
    Verify(Which),
}

#[derive(Args, Debug)]
struct Which {
    /// A kernel's name, or the path of its library
    #[arg(value_name = "NAME|PATH")]
    kernel: String,
}

impl Kernel {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        // The core library needs kernels itself, and one of those may be what is wrong.
        let builder = session::builder(options)
            .grants(Grants::NONE.with(Capability::Kernel))
            .bare();
        let runtime = match session::build(builder, options) {
            Ok(runtime) => runtime,
            Err(exit) => return exit,
        };
        let outcome = match self.action {
            Action::Describe(which) => describe(&runtime, &which.kernel),
            Action::Verify(which) => verify(&runtime, &which.kernel, options),
        };
        match outcome {
            Ok(()) => Exit::Fine,
            Err(problem) => {
                Teller::new(options).tell(&runtime, &problem, Weight::Error);
                Exit::Raised
            }
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
            "primitives": found.n_primitives, "declared": found.is_declared,
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
        "{} {}: {} primitives, {declared} ({library})",
        found.name, found.version, found.n_primitives
    ));
    Ok(())
}
