//! What the reader and the printer promise, case by case.

mod faults;
mod generate;
mod hostile;
mod places;
mod printing;
mod reading;
mod trees;

use slp::{ReadLimits, Reading, Tree, print};

fn read(text: &str) -> Reading {
    slp::read(text, &ReadLimits::default())
}

/// Reads a text that must be faultless.
fn read_whole(text: &str) -> Tree {
    let reading = read(text);
    assert!(
        reading.faults.is_empty(),
        "{text:?} has faults: {:?}",
        reading.faults
    );
    reading.tree
}

/// The top-level forms, each printed on one line, a space between.
fn printed(tree: &Tree) -> String {
    let forms: Vec<String> = tree.roots().iter().map(|&root| print(tree, root)).collect();
    forms.join(" ")
}
