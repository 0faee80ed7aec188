//! What the suites below `tests/` share: `runner` runs a case of a test script in a runtime of its own making.

pub mod runner;
