//! What can be said about a form without running it: `sup check`.
//!
//! Types are inferred as far as they are certain, and an error is only what would raise if it were reached. What is
//! allowed and probably a slip is a warning.

mod known;
mod walk;

use crate::form::{Expanded, expanded};
use crate::host::{FormContext, Host};
use slp::{Fault, NodeId, Tree};

/// How sure a finding is to be a mistake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// It cannot be compiled, or raises when it is reached.
    Error,
    /// It is allowed and probably not what was meant.
    Warning,
}

/// Something found in a form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How sure it is to be a mistake.
    pub severity: Severity,
    /// What and where.
    pub fault: Fault,
}

/// Looks through a top-level form without running it; macros are run. What is found comes in the order of the source.
pub fn check_form(
    tree: &mut Tree,
    form: NodeId,
    context: &FormContext<'_>,
    host: &mut dyn Host,
) -> Vec<Finding> {
    let mut findings = match expanded(tree, form, context, host) {
        Err(faults) => faults
            .into_iter()
            .map(|fault| Finding {
                severity: Severity::Error,
                fault,
            })
            .collect(),
        Ok(Expanded::Instruction(_)) => Vec::new(),
        Ok(Expanded::Splice(forms)) => forms
            .into_iter()
            .flat_map(|form| check_form(tree, form, context, host))
            .collect(),
        Ok(Expanded::Program(program, definitions)) => walk::findings(tree, &program, &definitions, host),
    };
    findings.sort_by_key(|finding| finding.fault.span.start);
    findings
}
