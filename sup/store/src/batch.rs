//! What is written at once: puts, deletes, and the conditions under which they count.

use crate::family::Family;
use crate::fault::StoreError;
use crate::key::KeyRange;
use crate::limits::StoreLimits;

/// A point in the life of a store. Every commit that writes has a higher one than all before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Version(pub u64);

/// How long a commit waits, and what it survives; the strongest is the least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Durability {
    /// Acknowledged after the disk has it: survives the loss of power.
    #[default]
    Sync,
    /// Acknowledged after the system has it: survives the death of the process.
    Wal,
    /// Kept in memory until it is flushed: survives an orderly close.
    None,
}

/// An acknowledged commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Commit {
    /// The version at which the writes of the batch became visible, or the current one if it had none.
    pub version: Version,
}

/// What must hold when the batch is committed. Earlier members of the same group count as committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The key has this value.
    Equals {
        /// The family of the key.
        family: Family,
        /// The key.
        key: Vec<u8>,
        /// The value it must have.
        value: Vec<u8>,
    },
    /// The key has no value.
    Absent {
        /// The family of the key.
        family: Family,
        /// The key.
        key: Vec<u8>,
    },
    /// The key has a value.
    Present {
        /// The family of the key.
        family: Family,
        /// The key.
        key: Vec<u8>,
    },
    /// No commit after `since` wrote or deleted the key.
    Unchanged {
        /// The family of the key.
        family: Family,
        /// The key.
        key: Vec<u8>,
        /// The version at which it was read.
        since: Version,
    },
    /// No commit after `since` wrote or deleted any key of the range.
    RangeUnchanged {
        /// The family of the range.
        family: Family,
        /// The range.
        range: KeyRange,
        /// The version at which it was read.
        since: Version,
    },
}

impl Condition {
    fn n_bytes(&self) -> usize {
        match self {
            Condition::Equals { key, value, .. } => key.len() + value.len(),
            Condition::Absent { key, .. }
            | Condition::Present { key, .. }
            | Condition::Unchanged { key, .. } => key.len(),
            Condition::RangeUnchanged { range, .. } => {
                range.start.len() + range.end.as_ref().map_or(0, Vec::len)
            }
        }
    }
}

/// One write. Later writes of the same key in a batch win.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) family: Family,
    pub(crate) key: Vec<u8>,
    /// `None` deletes.
    pub(crate) value: Option<Vec<u8>>,
}

/// Writes that happen together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub(crate) writes: Vec<Write>,
    pub(crate) conditions: Vec<Condition>,
    n_bytes: usize,
}

impl Batch {
    /// A batch that does nothing yet.
    pub const fn new() -> Batch {
        Batch {
            writes: Vec::new(),
            conditions: Vec::new(),
            n_bytes: 0,
        }
    }

    /// Gives `key` a value.
    pub fn put(&mut self, family: Family, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.write(Write {
            family,
            key: key.into(),
            value: Some(value.into()),
        });
    }

    /// Takes the value of `key` away, if it has one.
    pub fn delete(&mut self, family: Family, key: impl Into<Vec<u8>>) {
        self.write(Write {
            family,
            key: key.into(),
            value: None,
        });
    }

    /// Adds a condition and gives its place, which a `Conflict` names.
    pub fn require(&mut self, condition: Condition) -> usize {
        self.n_bytes += condition.n_bytes();
        self.conditions.push(condition);
        self.conditions.len() - 1
    }

    /// How many writes it has.
    pub fn n_writes(&self) -> usize {
        self.writes.len()
    }

    /// Bytes of its keys, values and conditions.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Says whether there is nothing to write and nothing to check.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.conditions.is_empty()
    }

    fn write(&mut self, write: Write) {
        self.n_bytes += write.key.len() + write.value.as_ref().map_or(0, Vec::len);
        self.writes.push(write);
    }

    pub(crate) fn check_size(&self, limits: &StoreLimits) -> Result<(), StoreError> {
        let longest_key = self.writes.iter().map(|write| write.key.len()).max().unwrap_or(0);
        check("bytes of a batch", self.n_bytes, limits.batch_bytes)?;
        check(
            "keys of a batch",
            self.writes.len() + self.conditions.len(),
            limits.batch_keys,
        )?;
        check("bytes of a key", longest_key, limits.family_key_bytes)
    }
}

/// Refuses a size over its limit.
pub(crate) fn check(what: &'static str, size: usize, limit: usize) -> Result<(), StoreError> {
    if size > limit {
        Err(StoreError::TooLarge { what, size, limit })
    } else {
        Ok(())
    }
}
