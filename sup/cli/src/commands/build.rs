//! `sup build`: the kernels of a project, built into a cache outside of it. `run` and `test` do the same first.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use serde_json::json;
use sup_runtime::Problem;

use crate::arguments::Options;
use crate::console;
use crate::draw::Weight;
use crate::exit::Exit;
use crate::project::cache::Voice;
use crate::project::kernel::State;
use crate::project::{Project, needs};
use crate::session::Teller;

const EXAMPLES: &str = "\
Examples:
  sup build             build what changed in ./kernels
  sup build demo        in the project demo

A kernel is a directory kernels/NAME with a Cargo.toml (Rust), a kernel.zig, or files in C or C++; $CARGO, $ZIG, $CC and $CXX name other
compilers than the usual ones, $CFLAGS, $CXXFLAGS and $LDFLAGS add to their options. What is built is kept in $XDG_CACHE_HOME/sup, by the
content of the sources, manifest and lock file, of the SDK, and by the compiler's version. A build that fails keeps the last good one.
Exit code 1 when a build failed.";

/// Builds the kernels of a project.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Build {
    /// The project's directory
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

impl Build {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let teller = Teller::new(options);
        let outcome = required(&self.directory).and_then(|project| project.build(needs::voice(options)));
        let built = match outcome {
            Ok(built) => built,
            Err(problem) => {
                teller.tell_of_files(&problem, Weight::Error);
                return Exit::Raised;
            }
        };
        built
            .failures
            .iter()
            .for_each(|problem| teller.tell_of_files(problem, Weight::Error));
        if options.json {
            let kernels = built.kernels.iter().map(|(kernel, before)| {
                let library = kernel.library();
                let library = library.is_file().then(|| library.display().to_string());
                json!({ "name": kernel.name, "state_before": before.name(), "library": library })
            });
            console::print_line(&json!({ "kernels": kernels.collect::<Vec<_>>() }).to_string());
        } else if built.kernels.is_empty() {
            console::complain("there are no kernels to build\n");
        } else if built.kernels.iter().all(|(_, before)| *before == State::Fresh) {
            console::complain("nothing has changed\n");
        }
        if built.failures.is_empty() {
            Exit::Fine
        } else {
            Exit::Raised
        }
    }
}

/// The project of a directory.
///
/// # Errors
/// When there is none.
pub fn required(directory: &Path) -> Result<Project, Problem> {
    Project::of(directory)?.ok_or_else(|| {
        let message = format!("there is no project in {}", directory.display());
        Problem::new("project/missing", message)
            .with_hint("a project has a project.slp or an init.slp; `sup new NAME` makes one")
    })
}

/// Builds what has changed of a project's kernels; what failed, each of which keeps the last library that was built.
///
/// # Errors
/// When the project cannot be read.
pub fn rebuild(directory: &Path) -> Result<Vec<Problem>, Problem> {
    Ok(required(directory)?.build(Voice::Lines)?.failures)
}

/// When each of the project's libraries was written, and its size.
///
/// # Errors
/// When the project cannot be read.
pub fn libraries(directory: &Path) -> Result<BTreeMap<PathBuf, (SystemTime, u64)>, Problem> {
    let libraries = required(directory)?.kernels()?.into_iter().filter_map(|kernel| {
        let data = std::fs::metadata(kernel.library()).ok()?;
        let written = data.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Some((kernel.library(), (written, data.len())))
    });
    Ok(libraries.collect())
}
