//! What a backend must do: read, look at one moment, and write what the committer has already accepted.

use crate::batch::{Durability, Write};
use crate::family::Family;
use crate::fault::StoreError;
use crate::scan::{Page, Scan};
use crate::store::{Snapshot, Usage};
use std::sync::Arc;

/// A backend. The committer is its only writer, one call at a time.
pub(crate) trait Engine: Send + Sync + 'static {
    /// The value of a key.
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// A page of a range.
    fn scan(&self, scan: &Scan) -> Result<Page, StoreError>;

    /// A consistent view that keeps the backend alive.
    fn snapshot(engine: &Arc<Self>) -> Result<Snapshot, StoreError>;

    /// The number of writes so far, each counted once. It survives closing and opening.
    fn sequence(&self) -> u64;

    /// Makes the writes of all members, in order, all or none. It raises the sequence by their number.
    fn write(&self, members: &[&[Write]], durability: Durability) -> Result<(), StoreError>;

    /// Whether a synced write waits for a disk, so that sharing the wait pays.
    fn waits_for_disk(&self) -> bool;

    /// Syncs what is not yet synced.
    fn flush(&self) -> Result<(), StoreError>;

    /// Sizes.
    fn usage(&self) -> Result<Usage, StoreError>;
}
