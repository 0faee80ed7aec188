//! Looking for mistakes in sources without running them.

use std::path::Path;

pub use sup_compile::Severity;
use sup_compile::check_form;

use crate::load::{Problems, Source};
use crate::problem::Problem;
use crate::runtime::Runtime;
use crate::survey::{self, Sight};

/// Something found in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How sure it is to be a mistake.
    pub severity: Severity,
    /// What and where.
    pub problem: Problem,
}

impl Runtime {
    /// Looks through a file and the modules that it imports; what was found, in the order of the text. A module that this
    /// runtime has looked through before is not looked through again.
    pub fn check_file(&mut self, file: &Path) -> Vec<Finding> {
        let module = file
            .canonicalize()
            .unwrap_or_else(|_| file.to_path_buf())
            .display()
            .to_string();
        if self
            .world
            .borrow()
            .modules
            .get(&module)
            .is_some_and(|found| found.loaded)
        {
            return Vec::new();
        }
        self.enter_module(&module);
        let mut findings = Vec::new();
        let problems = survey::file(&mut self.vm, &self.world, &module, file, &mut |sight| {
            look(sight, &mut findings)
        });
        with_problems(findings, problems)
    }

    /// Looks through a text in a module of its own.
    pub fn check_text(&mut self, source: &str, text: &str) -> Vec<Finding> {
        let module = self.fresh_module();
        let mut findings = Vec::new();
        let source = Source::named(source);
        let problems = survey::text(&mut self.vm, &self.world, &module, &source, text, &mut |sight| {
            look(sight, &mut findings);
        });
        with_problems(findings, problems)
    }
}

fn look(mut sight: Sight<'_, '_>, findings: &mut Vec<Finding>) {
    let found = check_form(sight.tree, sight.form, &sight.context, &mut sight.asking);
    findings.extend(found.into_iter().map(|finding| Finding {
        severity: finding.severity,
        problem: Problem::from_fault(&sight.source.name, &finding.fault),
    }));
}

/// Adds what only compiling told. What both told is told once.
fn with_problems(mut findings: Vec<Finding>, problems: Problems) -> Vec<Finding> {
    for problem in problems {
        let is_known =
            |known: &Finding| known.problem.code == problem.code && known.problem.place == problem.place;
        if !findings.iter().any(is_known) {
            findings.push(Finding {
                severity: Severity::Error,
                problem,
            });
        }
    }
    findings
}
