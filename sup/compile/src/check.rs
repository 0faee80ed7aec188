//! What can be said about a form without running it: `sup check`.

use crate::form::expanded;
use crate::host::{FormContext, Host};
use slp::{Fault, NodeId, Tree};

/// How sure a finding is to be a mistake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// Running it would raise, or it cannot be compiled.
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

/// Looks through a top-level form without running it.
pub fn check_form(
    tree: &mut Tree,
    form: NodeId,
    context: &FormContext<'_>,
    host: &mut dyn Host,
) -> Vec<Finding> {
    match expanded(tree, form, context, host) {
        Err(faults) => faults
            .into_iter()
            .map(|fault| Finding {
                severity: Severity::Error,
                fault,
            })
            .collect(),
        Ok(_) => Vec::new(),
    }
}
