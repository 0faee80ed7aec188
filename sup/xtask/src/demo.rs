//! `cargo xtask demo`: from a bare machine to the main job on real input.

use crate::house::{Failure, House, done, shown};
use crate::setup::{self, Need};
use crate::test;

/// Makes the machine ready, builds, indexes this checkout and searches it.
pub fn run(house: &House) -> Result<(), Failure> {
    setup::run(house, Need::Build)?;
    test::build(house)?;
    let example = house.root.join("examples/search");
    if !example.is_dir() {
        return Err(Failure::chore("there is no examples/search to run"));
    }
    let mut command = house.command(house.sup());
    command.arg("run").arg("examples/search");
    println!("running `{}`", shown(&command));
    done(&mut command)
}
