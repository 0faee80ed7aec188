//! `sup clean`: takes away what was built of a project.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use sup_runtime::Problem;

use super::build::required;
use crate::arguments::Options;
use crate::console;
use crate::draw::Weight;
use crate::exit::Exit;
use crate::project::cache::{self, Lock};
use crate::project::needs;
use crate::session::Teller;

const EXAMPLES: &str = "\
Examples:
  sup clean             forget what was built of the project here
  sup clean demo        of the project demo

Only the project's own part of the cache goes: nothing in the project, and nothing of other projects.";

/// Takes away what was built of a project.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Clean {
    /// The project's directory
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

impl Clean {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        match self.remove(options) {
            Ok((directory, n_bytes)) if options.json => {
                console::print_line(&json!({ "removed": directory, "bytes": n_bytes }).to_string());
                Exit::Fine
            }
            Ok((_, 0)) => {
                console::print_line("nothing was built here");
                Exit::Fine
            }
            Ok((directory, n_bytes)) => {
                console::print_line(&format!("removed {} ({n_bytes} bytes)", directory.display()));
                Exit::Fine
            }
            Err(problem) => {
                Teller::new(options).tell_of_files(&problem, Weight::Error);
                Exit::Raised
            }
        }
    }

    /// The directory, and how many bytes were in it.
    fn remove(&self, options: &Options) -> Result<(PathBuf, u64), Problem> {
        let project = required(&self.directory)?;
        let directory = cache::of_project(&project.root)?;
        if !directory.is_dir() {
            return Ok((directory, 0));
        }
        let _lock = Lock::of(&directory, needs::voice(options))?;
        let n_bytes = cache::n_bytes(&directory);
        fs::remove_dir_all(&directory).map_err(|error| cache::unusable(&directory, &error))?;
        Ok((directory, n_bytes))
    }
}
