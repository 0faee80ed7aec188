//! The atomic numbers that `life` counts with. Its model has a module of this name with those of the model checker, so that
//! the text of `life` which is checked is the text that ships.

pub use std::sync::atomic::{AtomicU64, Ordering};
