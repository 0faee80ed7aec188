//! The rules of the house that a program can check; `sup/docs/STYLE.md` says why each is there.

pub mod cases;
pub mod files;
pub mod imports;
pub mod layout;
pub mod paths;
#[cfg(test)]
pub mod scratch;
pub mod stdlib;
pub mod tree;

use std::fmt;

use crate::house::{Failure, House};
use tree::Tree;

/// Something in the tree that breaks a rule, or is about to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the chore fails for it.
    pub weight: Weight,
    /// The file, and the line where there is one: `slp/src/read.rs:12`.
    pub place: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Shown only.
    Warning,
    /// Fails the chore.
    Error,
}

impl Finding {
    /// A broken rule.
    pub fn error(place: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding {
            weight: Weight::Error,
            place: place.into(),
            message: message.into(),
        }
    }

    /// A rule that is nearly broken.
    pub fn warning(place: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding {
            weight: Weight::Warning,
            place: place.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Warning => "warning",
            Weight::Error => "error",
        };
        write!(formatter, "{weight}: {}: {}", self.place, self.message)
    }
}

/// Every rule over the whole tree.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = layout::check(tree);
    findings.extend(imports::check(tree, imports::TABLE));
    findings.extend(files::check(tree));
    findings.extend(paths::check(tree));
    findings.extend(cases::check(tree));
    findings.extend(stdlib::check(tree));
    findings
}

/// `cargo xtask tidy`.
pub fn run(house: &House) -> Result<(), Failure> {
    let tree = Tree::read(&house.root)?;
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    let n_errors = findings
        .iter()
        .filter(|finding| finding.weight == Weight::Error)
        .count();
    println!(
        "tidy: {} files, {n_errors} errors, {} warnings",
        tree.files().len(),
        findings.len() - n_errors
    );
    if n_errors == 0 {
        Ok(())
    } else {
        Err(Failure::chore(format!(
            "{n_errors} rules of the house are broken"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_tree_is_tidy() {
        let house = House::find().expect("the tests run in a checkout");
        let tree = Tree::read(&house.root).expect("the checkout can be read");
        let errors: Vec<String> = check(&tree)
            .iter()
            .filter(|finding| finding.weight == Weight::Error)
            .map(Finding::to_string)
            .collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
    }
}
