//! `--show`: what becomes of a text on its way to the machine, instead of running it.

use clap::{Args, ValueEnum};
use sup_runtime::Runtime;
use sup_runtime::load::Problems;
use sup_runtime::show::Stage;

use crate::arguments::Options;
use crate::console;
use crate::exit::Exit;
use crate::session::Teller;

/// The option of `run` and `eval`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Show {
    /// Show what the text becomes, instead of running it
    #[arg(long, value_name = "STAGE")]
    pub show: Option<Shown>,
}

/// A stage, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shown {
    /// The instructions of the machine
    Bytecode,
    /// What the reader made of it
    Tree,
    /// Macros expanded and names resolved
    Core,
}

impl From<Shown> for Stage {
    fn from(shown: Shown) -> Stage {
        match shown {
            Shown::Bytecode => Stage::Bytecode,
            Shown::Tree => Stage::Tree,
            Shown::Core => Stage::Core,
        }
    }
}

/// Prints what was shown, or tells why it cannot be.
pub fn print(runtime: &Runtime, options: &Options, shown: Result<String, Problems>) -> Exit {
    match shown {
        Ok(text) => {
            console::print(&text);
            Exit::Fine
        }
        Err(problems) => {
            Teller::new(options).tell_all(runtime, &problems);
            Exit::Raised
        }
    }
}
