//! Both backends pass the same suite, and both agree with a model under random operations.

mod suite;
mod support;

use std::sync::Arc;
use sup_store::{StoreLimits, StoreLocation, open};
use support::Scratch;

#[test]
fn the_memory_backend_conforms() {
    suite::conforms(&|limits: StoreLimits| open(&StoreLocation::Memory, limits).expect("memory opens"));
}

#[test]
fn the_rocksdb_backend_conforms() {
    let scratches = std::sync::Mutex::new(Vec::new());
    suite::conforms(&|limits: StoreLimits| {
        let scratch = Scratch::new();
        let store = open(&scratch.location(), limits).expect("a fresh directory opens");
        scratches
            .lock()
            .expect("no case panics while it opens a store")
            .push(scratch);
        Arc::clone(&store)
    });
}
