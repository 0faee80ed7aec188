//! The trait of a store.

use crate::batch::{Batch, Commit, Durability, Version};
use crate::family::Family;
use crate::fault::StoreError;
use crate::limits::StoreLimits;
use crate::scan::{Page, Scan};

/// Reading, from a store as it is now or from a snapshot of it.
pub trait Read: Send + Sync {
    /// The value of a key.
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The next page of a range. Pages are bounded in entries and bytes; go on with `Page::rest`.
    fn scan(&self, scan: &Scan) -> Result<Page, StoreError>;

    /// What is read contains every commit up to this version. A condition `Unchanged` since it is safe for what was read.
    fn version(&self) -> Version;
}

/// A consistent view: all its reads answer as of one moment. It owns its hold on the store and may outlive other handles.
pub type Snapshot = Box<dyn Read>;

/// Called once with the outcome of a commit.
pub type Done = Box<dyn FnOnce(Result<Commit, StoreError>) + Send>;

/// A store of bytes: ten families of sorted keys, one committer.
pub trait Store: Read {
    /// A consistent view of this moment. While it lives, what it sees is kept.
    fn snapshot(&self) -> Result<Snapshot, StoreError>;

    /// Checks the conditions of a batch and makes its writes, all or none, and waits as long as `durability` says.
    ///
    /// An error of the disk means: not acknowledged. What was not acknowledged may still be found after a crash.
    fn commit(&self, batch: Batch, durability: Durability) -> Result<Commit, StoreError>;

    /// The same without waiting for a disk: `done` is called once, perhaps before this returns, perhaps on the committer's thread,
    /// where all others wait for it. Of two commits, the second is sure to come after the first only if it was begun after the
    /// first was told.
    fn submit(&self, batch: Batch, durability: Durability, done: Done);

    /// The limits it was opened with.
    fn limits(&self) -> &StoreLimits;

    /// Sizes, for people.
    fn usage(&self) -> Result<Usage, StoreError>;

    /// Waits for the commits under way, syncs what is not yet synced, and refuses everything from then on. The lock on the
    /// directory goes when the last handle and snapshot are gone. Closing twice is fine.
    fn close(&self) -> Result<(), StoreError>;
}

/// Sizes of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// One for each family, in the order of [`Family::ALL`].
    pub families: Vec<FamilyUsage>,
    /// Bytes of the write-ahead log.
    pub log_bytes: u64,
    /// Bytes of all files of the store; 0 in memory.
    pub disk_bytes: u64,
    /// Bytes held in memory: for RocksDB tables not yet flushed and the block cache.
    pub memory_bytes: u64,
}

/// Sizes of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyUsage {
    /// The family.
    pub family: Family,
    /// How many keys, roughly: RocksDB estimates it.
    pub n_entries: u64,
    /// Bytes in files and in memory tables.
    pub n_bytes: u64,
}
