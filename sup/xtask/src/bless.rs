//! `cargo xtask bless`: lets the suites rewrite their own expectations; `git diff` is the review.

use crate::house::{Failure, House, done};
use crate::setup::{self, Need};
use crate::test;

/// The suites that hold expectations.
const SUITES: [&str; 2] = ["lang", "stdlib"];

/// Runs the suites with `SUP_BLESS=1`.
pub fn run(house: &House) -> Result<(), Failure> {
    setup::run(house, Need::Build)?;
    test::build(house)?;
    for name in SUITES {
        let Some(mut command) = test::suite(house, name) else {
            println!("bless: tests/Cargo.toml lists no suite `{name}`");
            continue;
        };
        house.point_at_binaries(&mut command);
        done(command.env("SUP_BLESS", "1"))?;
    }
    println!("bless: read `git diff tests` before you commit");
    Ok(())
}
