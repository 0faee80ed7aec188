//! What `demo`, `test` and `ci` do first: the system's packages, then the archive of RocksDB.

use crate::house::{Failure, House};
use crate::rocksdb;
use crate::system::{self, Thing};

/// What the machine is made ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Building and running `sup`.
    Build,
    /// The same, and the tests, which compile C.
    Tests,
}

/// Makes the machine ready; does nothing and says so in one line when it is.
pub fn run(house: &House, need: Need) -> Result<(), Failure> {
    let things: &[Thing] = match need {
        Need::Build => &[Thing::CppCompiler, Thing::Libclang],
        Need::Tests => &[Thing::CppCompiler, Thing::Libclang, Thing::CCompiler],
    };
    system::ensure(things)?;
    rocksdb::ensure(house)
}
