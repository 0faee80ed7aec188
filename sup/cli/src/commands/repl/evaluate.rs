//! What happens to a text that was typed: commands, forms, their values and errors.

use std::ops::ControlFlow;

use slp::{Bracket, NodeId, NodeKind, ReadLimits, Tree};
use sup_runtime::load::{Problems, Source};
use sup_runtime::world::{MAIN, SharedWorld};
use sup_runtime::{Problem, Runtime};

use crate::arguments::Options;
use crate::commands::doc;
use crate::console;
use crate::interrupt;
use crate::session::Teller;

const HELP: &str = "\
A form gives its value: (+ 1 2). It may go over several lines.
  *1 *2 *3     the last values, *e the last error
  (doc map)    what a name means; (doc str) lists a module, (doc) the modules
  Tab          completes names, the up arrow brings back what was typed
  Ctrl-C       stops what runs, or drops the line
  :quit        leaves, and so does Ctrl-D
";

/// Whether the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It does.
    Stay,
    /// It does not.
    Leave,
}

/// Who reads what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// A person, who is told what was defined.
    ToPerson,
    /// A program, which gets values only.
    ToProgram,
}

/// A session's state.
pub struct Evaluator<'a> {
    runtime: Runtime,
    options: &'a Options,
    speaks: Speaks,
    n_texts: u64,
}

impl<'a> Evaluator<'a> {
    /// A session in that runtime.
    pub fn new(runtime: Runtime, options: &'a Options, speaks: Speaks) -> Evaluator<'a> {
        Evaluator {
            runtime,
            options,
            speaks,
            n_texts: 0,
        }
    }

    /// What the session knows, for completion.
    pub fn world(&self) -> SharedWorld {
        self.runtime.world.clone()
    }

    /// Carries a text out: its forms one after the other, until one fails.
    pub fn evaluate(&mut self, text: &str) -> Next {
        interrupt::forget();
        match text.trim() {
            "" => return Next::Stay,
            ":quit" | ":q" | ":exit" => return Next::Leave,
            ":help" | ":h" | ":?" => {
                console::print(HELP);
                return Next::Stay;
            }
            _ => {}
        }
        let reading = slp::read(text, &ReadLimits::default());
        if reading.faults.is_empty()
            && let [root] = *reading.tree.roots()
            && let Some(name) = self.asks_for_doc(&reading.tree, root)
        {
            self.tell_doc(name.as_deref());
            return Next::Stay;
        }
        self.n_texts += 1;
        let source = format!("repl-{}", self.n_texts);
        if !reading.faults.is_empty() {
            self.runtime.add_source(&source, text);
            let problems: Problems = reading
                .faults
                .iter()
                .map(|fault| Problem::from_fault(&source, fault))
                .collect();
            self.failed(&problems);
            return Next::Stay;
        }
        let defined: Vec<Option<String>> = reading
            .tree
            .roots()
            .iter()
            .map(|root| defined(&reading.tree, *root))
            .collect();
        self.carry_out(&source, text, &defined);
        Next::Stay
    }

    fn carry_out(&mut self, source: &str, text: &str, defined: &[Option<String>]) {
        let is_json = self.options.json;
        let speaks = self.speaks;
        let mut names = defined.iter();
        let mut failure = None;
        self.runtime
            .eval_while(MAIN, &Source::named(source), text, |runtime, _, outcome| {
                let name = names.next().and_then(Option::as_ref);
                match outcome {
                    Err(problems) => {
                        failure = Some(problems);
                        return ControlFlow::Break(());
                    }
                    Ok(value) if runtime.is_nil(value) => {
                        if let (Some(name), Speaks::ToPerson) = (name, speaks) {
                            console::print_line(name);
                        }
                    }
                    Ok(value) => {
                        let shown = if is_json {
                            runtime.json(value)
                        } else {
                            Ok(runtime.repr(value))
                        };
                        match shown {
                            Ok(shown) => console::print_line(&shown),
                            Err(problems) => failure = Some(problems),
                        }
                        for (older, newer) in [("*3", "*2"), ("*2", "*1")] {
                            runtime.copy_variable(MAIN, newer, older);
                        }
                        runtime.set_variable(MAIN, "*1", value);
                    }
                }
                ControlFlow::Continue(())
            });
        if let Some(problems) = failure {
            self.failed(&problems);
        }
    }

    fn failed(&mut self, problems: &Problems) {
        Teller::new(self.options).tell_all(&self.runtime, problems);
        if let Some(problem) = problems.first()
            && let Some(error) = self.runtime.error_value(problem)
        {
            self.runtime.set_variable(MAIN, "*e", error);
        }
    }

    /// The name in `(doc name)`, unless the program has a `doc` of its own.
    fn asks_for_doc(&self, tree: &Tree, root: NodeId) -> Option<Option<String>> {
        if tree.head(root) != Some("doc") || self.runtime.defines(MAIN, "doc") {
            return None;
        }
        let NodeKind::List(Bracket::Paren) = tree.kind(root) else {
            return None;
        };
        match tree.children(root) {
            [_] => Some(None),
            [_, name] => {
                let name = tree.prefix(*name).map_or(*name, |(_, inner)| inner);
                Some(Some(
                    tree.string(name)
                        .map_or_else(|| slp::print(tree, name), str::to_owned),
                ))
            }
            _ => None,
        }
    }

    fn tell_doc(&mut self, name: Option<&str>) {
        let Some(name) = name else {
            doc::list(&self.runtime.library_modules(), self.options);
            return;
        };
        match self.runtime.doc(MAIN, name) {
            Ok(found) => console::print(&doc::text(&found)),
            Err(near) => match self.runtime.names_of(name) {
                Some(names) => doc::list(&names, self.options),
                None => Teller::new(self.options).tell_without_sources(&doc::unknown(name, &near)),
            },
        }
    }
}

/// The name that a form defines.
fn defined(tree: &Tree, root: NodeId) -> Option<String> {
    let list = tree.prefix(root).map_or(root, |(_, inner)| inner);
    match (tree.head(list)?, tree.children(list)) {
        ("def" | "defn" | "macro" | "define-form", [_, name, ..]) => tree.symbol(*name).map(str::to_owned),
        _ => None,
    }
}
