//! `sup eval`: the value of an expression.

use clap::Args;
use sup_runtime::Runtime;

use super::measure::Measures;
use super::show::{self, Show};
use crate::arguments::Options;
use crate::console;
use crate::exit::Exit;
use crate::interrupt::{self, Ends};
use crate::session::{self, Teller};

const EXAMPLES: &str = "\
Examples:
  sup eval '(+ 1 2)'                            prints 3
  sup eval '(def x 20) (+ x 1)'                 several forms: the last one's value
  sup eval '(str/upper (first (io/args)))' hi   the rest is the program's arguments
  sup eval --json '{:a 1 :b {2 3}}'             prints {\"a\":1,\"b\":[2,3]}
  sup eval --show core '(when a b)'             what macros and names become
  sup eval --fuel 1000000 '(do [])'             stops it

Prints the value of the last form as it reads back, unless it is nil.";

/// The name of the source.
const SOURCE: &str = "eval";

/// Evaluates an expression.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Eval {
    /// One form or several
    #[arg(value_name = "EXPR", allow_negative_numbers = true)]
    pub expression: String,

    /// The program's arguments: the first word that is no option of sup, and everything behind it
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,

    #[command(flatten)]
    show: Show,

    #[command(flatten)]
    measures: Measures,
}

impl Eval {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let mut runtime = match session::start(options, self.arguments) {
            Ok(runtime) => runtime,
            Err(exit) => return exit,
        };
        if let Some(stage) = self.show.show {
            let shown = runtime.show_text(SOURCE, &self.expression, stage.into());
            return show::print(&runtime, options, shown);
        }
        let measuring = match self.measures.start(&mut runtime, options) {
            Ok(measuring) => measuring,
            Err(exit) => return exit,
        };
        interrupt::watch(runtime.interrupter(), Ends::Process);
        let exit = match evaluated(&mut runtime, &self.expression, options) {
            Ok(Some(text)) => {
                console::print_line(&text);
                console::flush();
                Exit::Fine
            }
            Ok(None) => Exit::Fine,
            Err(problems) => {
                Teller::new(options).tell_all(&runtime, &problems);
                session::exit_of(&problems)
            }
        };
        measuring.finish(&mut runtime, options, exit)
    }
}

/// The value as text; nothing for nil, which as JSON is said.
fn evaluated(
    runtime: &mut Runtime,
    expression: &str,
    options: &Options,
) -> Result<Option<String>, sup_runtime::load::Problems> {
    let answer = runtime.eval(SOURCE, expression)?;
    if options.json {
        return runtime.json(answer).map(Some);
    }
    Ok((!runtime.is_nil(answer)).then(|| runtime.repr(answer)))
}
