//! `sup repl`: a prompt on a terminal; without one, forms from standard input and their values on standard output.

mod editor;
mod evaluate;
mod history;

use std::io::{self, IsTerminal};

use clap::Args;
use slp::ReadLimits;

use crate::arguments::Options;
use crate::console;
use crate::exit::Exit;
use crate::interrupt::{self, Ends};
use crate::session;
use editor::{Editor, Line};
use evaluate::{Evaluator, Next, Speaks};

const EXAMPLES: &str = "\
Examples:
  sup repl                           try things out
  sup repl --bare                    without the core library
  printf '(+ 1 2)\\n' | sup repl      prints 3

*1 *2 *3 are the last values and *e is the last error. (doc NAME) tells what a name means. Ctrl-C stops what runs; :quit or
Ctrl-D leaves. The history is kept in $XDG_STATE_HOME/sup/history.";

/// Starts a session.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Repl {}

impl Repl {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let runtime = match session::start_serving(options, Vec::new()) {
            Ok(runtime) => runtime,
            Err(exit) => return exit,
        };
        let has_prompt = io::stdin().is_terminal() && console::is_terminal();
        let ends = if has_prompt {
            Ends::Evaluation
        } else {
            Ends::Process
        };
        interrupt::watch(runtime.interrupter(), ends);
        if has_prompt {
            let mut evaluator = Evaluator::new(runtime, options, Speaks::ToPerson);
            with_prompt(&mut evaluator)
        } else {
            let mut evaluator = Evaluator::new(runtime, options, Speaks::ToProgram);
            without_prompt(&mut evaluator)
        }
    }
}

fn with_prompt(evaluator: &mut Evaluator<'_>) -> Exit {
    let mut editor = match Editor::new(evaluator.world()) {
        Ok(editor) => editor,
        Err(error) => {
            console::complain(&format!(
                "error: there can be no prompt on this terminal: {error}\n"
            ));
            return Exit::Raised;
        }
    };
    console::print_line(&format!(
        "sup {}, :help tells more, Ctrl-D leaves",
        env!("CARGO_PKG_VERSION")
    ));
    loop {
        match editor.line() {
            Line::Text(text) => {
                if evaluator.evaluate(&text) == Next::Leave {
                    return Exit::Fine;
                }
            }
            Line::Again => {}
            Line::End => return Exit::Fine,
            Line::Failed(message) => {
                console::complain(&format!("error: the terminal cannot be read: {message}\n"));
                return Exit::Raised;
            }
        }
        console::flush();
    }
}

fn without_prompt(evaluator: &mut Evaluator<'_>) -> Exit {
    let mut text = String::new();
    loop {
        match console::read_line() {
            Ok(line) if line.is_empty() => break,
            Ok(line) => text.push_str(&String::from_utf8_lossy(&line)),
            Err(error) => {
                console::complain(&format!("error: standard input cannot be read: {error}\n"));
                return Exit::Raised;
            }
        }
        if is_whole(&text) && evaluator.evaluate(&std::mem::take(&mut text)) == Next::Leave {
            return Exit::Fine;
        }
    }
    evaluator.evaluate(&text);
    Exit::Fine
}

/// Whether no form of the text is still open.
fn is_whole(text: &str) -> bool {
    !slp::read(text, &ReadLimits::default()).is_unfinished()
}
