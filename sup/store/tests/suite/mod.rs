//! The conformance suite: what every backend must do, as cases that each get a fresh store.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "all of this is test code, which says what it runs"
)]

mod code;
mod commits;
mod model;
mod reads;
mod releases;
mod transactions;
mod values;

use std::sync::Arc;
use sup_store::{Store, StoreLimits};

/// Opens a fresh store with the given limits.
pub type Opener<'a> = &'a dyn Fn(StoreLimits) -> Arc<dyn Store>;

/// One claim: its name, and what shows it.
type Case = (&'static str, fn(Opener<'_>));

/// Runs every case against the backend that `opener` opens.
pub fn conforms(opener: Opener<'_>) {
    let groups: [&[Case]; 7] = [
        reads::CASES,
        commits::CASES,
        code::CASES,
        releases::CASES,
        values::CASES,
        transactions::CASES,
        model::CASES,
    ];
    let mut n_cases = 0;
    for (name, case) in groups.into_iter().flatten() {
        eprintln!("case {name}");
        case(opener);
        n_cases += 1;
    }
    eprintln!("{n_cases} cases");
}

/// A store with the standard limits.
fn standard(opener: Opener<'_>) -> Arc<dyn Store> {
    opener(StoreLimits::standard())
}
