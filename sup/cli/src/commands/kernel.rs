//! `sup kernel`: looking into kernels.

mod trust;

use clap::{Args, Subcommand};
use serde_json::json;
use sup_runtime::trust::{Standing, Trust, text_of};
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
  sup kernel verify sums                          whether it loads, its kernel.slp tells the truth, and it is trusted
  sup kernel keygen ours.key && sup kernel sign sums --key ours.key
  sup kernel trust ours.key.pub                   what that key has signed may be loaded
  sup kernel trust sums                           this very library may be
  sup kernel trusted                              what is in force

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
        let outcome = match &self.action {
            Action::Keygen(keygen) => Some(keygen.carry_out()),
            Action::Trusted => Some(trust::list(options)),
            _ => None,
        };
        if let Some(outcome) = outcome {
            return outcome.map_or_else(
                |problem| {
                    Teller::new(options).tell_without_sources(&problem);
                    Exit::Raised
                },
                |()| Exit::Fine,
            );
        }
        // The core library needs kernels itself, and one of those may be what is wrong.
        let builder = session::builder(options)
            .grants(Grants::NONE.with(Capability::Kernel))
            .bare();
        // What writes lists and signatures loads nothing, and one of the lists may not be there yet.
        let loads = matches!(self.action, Action::Describe(_) | Action::Verify(_));
        let builder = if loads {
            builder
        } else {
            builder.trust(Ok(Trust::default()))
        };
        let runtime = match session::build(builder, options) {
            Ok(runtime) => runtime,
            Err(exit) => return exit,
        };
        let outcome = match self.action {
            Action::Describe(which) => describe(&runtime, &which.kernel),
            Action::Verify(which) => verify(&runtime, &which.kernel, options),
            Action::Sign(sign) => sign.carry_out(&runtime),
            Action::Trust(which) => which.trust(&runtime, options),
            Action::Distrust(which) => which.distrust(&runtime, options),
            Action::Keygen(_) | Action::Trusted => Ok(()),
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
