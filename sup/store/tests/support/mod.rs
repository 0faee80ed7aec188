//! What the tests of the store share: directories that vanish, stores in them, and a small source of chance.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its part; all of this is test code"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use sup_store::{Batch, Durability, Family, Store, StoreLimits, StoreLocation, open};

/// A directory that is removed when the test ends.
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sup-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path in it that does not exist yet.
    pub fn store_path(&self) -> PathBuf {
        self.path.join("store")
    }

    pub fn location(&self) -> StoreLocation {
        StoreLocation::Directory(self.store_path())
    }

    pub fn open(&self) -> Arc<dyn Store> {
        open(&self.location(), StoreLimits::standard()).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.path));
    }
}

/// SplitMix64: the same numbers for the same seed, for ever.
pub struct Chance {
    state: u64,
}

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance { state: seed }
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A batch with one put.
pub fn put(family: Family, key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(family, key, value);
    batch
}

/// Puts without waiting for a disk.
pub fn quick_put(store: &dyn Store, key: &[u8], value: &[u8]) {
    store
        .commit(put(Family::Data, key, value), Durability::Wal)
        .unwrap();
}
