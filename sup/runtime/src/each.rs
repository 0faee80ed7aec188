//! Evaluating a text form by form, each with its outcome: what prompts and test scripts do.

use std::ops::ControlFlow;

use slp::{ReadLimits, Span};
use sup_abi::word::Word;

use crate::load::{self, Problems, Source};
use crate::problem::Problem;
use crate::runtime::Runtime;

impl Runtime {
    /// Reads a text and carries out its forms one after the other in a module, telling each outcome with the form's span; goes
    /// on after a form that failed. Where the text cannot be read, the forms before that place are carried out, and the faults are
    /// told once, with the span of the first. A value is good until the machine runs again.
    pub fn eval_each(
        &mut self,
        module: &str,
        source: &str,
        text: &str,
        mut tell: impl FnMut(&mut Runtime, Span, Result<Word, Problems>),
    ) {
        self.eval_while(module, &Source::named(source), text, |runtime, span, outcome| {
            tell(runtime, span, outcome);
            ControlFlow::Continue(())
        });
    }

    /// The same for a text of any source, until `tell` says that it is enough.
    pub fn eval_while(
        &mut self,
        module: &str,
        source: &Source,
        text: &str,
        mut tell: impl FnMut(&mut Runtime, Span, Result<Word, Problems>) -> ControlFlow<()>,
    ) {
        self.add_source(&source.name, text);
        let mut reading = slp::read(text, &ReadLimits::default());
        let tree = &mut reading.tree;
        let first_fault = reading
            .faults
            .first()
            .map_or(Span::new(u32::MAX, u32::MAX), |fault| fault.span);
        load::promise(&self.world, module, tree);
        for root in tree.roots().to_vec() {
            let span = tree.span(root);
            if span.end > first_fault.start {
                break;
            }
            // What other processes have changed meanwhile is to be known before names are looked up.
            self.vm.read_posts();
            let outcome = load::carry_out(&mut self.vm, &self.world, module, source, tree, root);
            self.flush();
            if tell(self, span, outcome).is_break() {
                return;
            }
        }
        if !reading.faults.is_empty() {
            let faults = reading.faults.iter();
            let problems = faults
                .map(|fault| Problem::from_fault(&source.name, fault))
                .collect();
            let _ = tell(self, first_fault, Err(problems));
        }
    }
}
