//! Transactions: reads from one snapshot, writes kept back, and a batch that counts only if what was read still holds.
//!
//! Optimistic concurrency control as Kung and Robinson described it (1981), validated backward by the committer: a
//! serializable transaction carries every key and range that it read, so that of two whose reads and writes cross, the later
//! one fails. Under snapshot isolation only what is written is validated, which lets write skew happen (Berenson and others,
//! 1995).

use crate::batch::{Batch, Commit, Condition, Durability, check};
use crate::family::Family;
use crate::fault::StoreError;
use crate::key::{KeyRange, Tuple};
use crate::namespace::Namespace;
use crate::scan::{Direction, Entry, Page};
use crate::store::{Done, Snapshot, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// What a transaction is kept from noticing of others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Isolation {
    /// As if it ran alone: what it read is validated.
    #[default]
    Serializable,
    /// It reads one moment, and nobody else has written what it writes.
    Snapshot,
    /// It reads one moment and writes nothing.
    ReadOnly,
}

/// Reads and writes of namespaces of one store that happen at one moment or not at all. Dropping it leaves the store as it is.
pub struct Transaction {
    store: Arc<dyn Store>,
    snapshot: Snapshot,
    isolation: Isolation,
    /// Keys that were read, of the family `data`.
    reads: BTreeSet<Vec<u8>>,
    ranges: Vec<KeyRange>,
    /// Values to be written, nothing for what is to be deleted.
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    n_bytes: usize,
}

impl Transaction {
    /// Begins one on a store as it is now.
    ///
    /// # Errors
    /// When the store is closed.
    pub fn begin(store: &Arc<dyn Store>, isolation: Isolation) -> Result<Transaction, StoreError> {
        Ok(Transaction {
            snapshot: store.snapshot()?,
            store: Arc::clone(store),
            isolation,
            reads: BTreeSet::new(),
            ranges: Vec::new(),
            writes: BTreeMap::new(),
            n_bytes: 0,
        })
    }

    /// How it is isolated.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// Whether it is one of this store.
    pub fn is_of(&self, store: &Arc<dyn Store>) -> bool {
        Arc::ptr_eq(&self.store, store)
    }

    /// The value of a key, as the transaction sees it: its own writes first.
    ///
    /// # Errors
    /// A namespace of another store, a key that is too long, too much read, a disk that fails.
    pub fn get(&mut self, namespace: &Namespace, key: &Tuple) -> Result<Option<Vec<u8>>, StoreError> {
        self.check_store(namespace)?;
        let full_key = namespace.full_key(key)?;
        if let Some(written) = self.writes.get(&full_key) {
            return Ok(written.clone());
        }
        let found = self.snapshot.get(Family::Data, &full_key)?;
        if self.isolation == Isolation::Serializable && !self.reads.contains(&full_key) {
            self.grow(full_key.len())?;
            self.reads.insert(full_key);
        }
        Ok(found)
    }

    /// Gives a key a value, from the commit on.
    ///
    /// # Errors
    /// As [`Transaction::get`], a value that is too large, and that the transaction only reads.
    pub fn set(&mut self, namespace: &Namespace, key: &Tuple, value: &[u8]) -> Result<(), StoreError> {
        check("bytes of a value", value.len(), self.store.limits().value_bytes)?;
        self.write(namespace, key, Some(value.to_vec()))
    }

    /// Takes the value of a key away, from the commit on.
    ///
    /// # Errors
    /// As [`Transaction::set`].
    pub fn delete(&mut self, namespace: &Namespace, key: &Tuple) -> Result<(), StoreError> {
        self.write(namespace, key, None)
    }

    /// A page of a namespace in ascending order, as the transaction sees it. Keys and ranges are without tenant and namespace.
    ///
    /// # Errors
    /// As [`Transaction::get`].
    pub fn scan(
        &mut self,
        namespace: &Namespace,
        range: &KeyRange,
        max_entries: usize,
    ) -> Result<Page, StoreError> {
        self.check_store(namespace)?;
        let page = namespace.scan_from(self.snapshot.as_ref(), range, Direction::Forward, max_entries)?;
        let covered = KeyRange {
            start: range.start.clone(),
            end: page
                .rest
                .as_ref()
                .map_or_else(|| range.end.clone(), |rest| Some(rest.start.clone())),
        };
        let full = namespace.full_range(&covered);
        let page = self.with_own_writes(page, range, &full, max_entries);
        if self.isolation == Isolation::Serializable {
            self.grow(full.start.len() + full.end.as_ref().map_or(0, Vec::len))?;
            self.ranges.push(full);
        }
        Ok(page)
    }

    /// Whether it would write something.
    pub fn writes_something(&self) -> bool {
        !self.writes.is_empty()
    }

    /// Validates and writes, and waits as long as `durability` says. A transaction that wrote nothing has seen one moment
    /// and needs no validation.
    ///
    /// # Errors
    /// [`StoreError::is_conflict`] when others were faster: begin again. Else what a commit may answer.
    pub fn commit(self, durability: Durability) -> Result<Commit, StoreError> {
        if !self.writes_something() {
            let version = self.snapshot.version();
            return Ok(Commit { version });
        }
        let store = Arc::clone(&self.store);
        store.commit(self.into_batch(), durability)
    }

    /// The same without waiting; `done` is told, as by [`Store::submit`].
    pub fn submit(self, durability: Durability, done: Done) {
        if !self.writes_something() {
            let version = self.snapshot.version();
            return done(Ok(Commit { version }));
        }
        let store = Arc::clone(&self.store);
        store.submit(self.into_batch(), durability, done);
    }

    fn into_batch(self) -> Batch {
        let since = self.snapshot.version();
        let family = Family::Data;
        let mut batch = Batch::new();
        if self.isolation == Isolation::Snapshot {
            for key in self.writes.keys().cloned() {
                batch.require(Condition::Unchanged { family, key, since });
            }
        }
        for key in self.reads {
            batch.require(Condition::Unchanged { family, key, since });
        }
        for range in self.ranges {
            batch.require(Condition::RangeUnchanged { family, range, since });
        }
        for (key, value) in self.writes {
            match value {
                Some(value) => batch.put(family, key, value),
                None => batch.delete(family, key),
            }
        }
        batch
    }

    fn write(
        &mut self,
        namespace: &Namespace,
        key: &Tuple,
        value: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        self.check_store(namespace)?;
        if self.isolation == Isolation::ReadOnly {
            return Err(StoreError::ReadOnly);
        }
        let full_key = namespace.full_key(key)?;
        // What is written again is counted again: the limit is on the work, too.
        self.grow(full_key.len() + value.as_ref().map_or(0, Vec::len))?;
        self.writes.insert(full_key, value);
        Ok(())
    }

    fn check_store(&self, namespace: &Namespace) -> Result<(), StoreError> {
        if self.is_of(namespace.store()) {
            Ok(())
        } else {
            Err(StoreError::OtherStore)
        }
    }

    /// Counts one more read or write, so that a commit is not refused only at its end.
    fn grow(&mut self, n_bytes: usize) -> Result<(), StoreError> {
        let limits = self.store.limits();
        let n_keys = self.reads.len() + self.ranges.len() + 2 * self.writes.len() + 1;
        check("keys of a transaction", n_keys, limits.batch_keys)?;
        check(
            "bytes of a transaction",
            self.n_bytes + n_bytes,
            limits.batch_bytes,
        )?;
        self.n_bytes += n_bytes;
        Ok(())
    }

    /// A page of the snapshot with what the transaction itself wrote in the part of the range that the page covers.
    fn with_own_writes(&self, page: Page, range: &KeyRange, full: &KeyRange, max_entries: usize) -> Page {
        if self.writes.is_empty() || full.is_empty() {
            return page;
        }
        let end = full.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let own = self
            .writes
            .range::<[u8], _>((Bound::Included(full.start.as_slice()), end));
        let n_prefix = full.start.len() - range.start.len();
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = page
            .entries
            .into_iter()
            .map(|entry| (entry.key, entry.value))
            .collect();
        for (key, value) in own {
            match value {
                Some(value) => drop(merged.insert(key[n_prefix..].to_vec(), value.clone())),
                None => drop(merged.remove(&key[n_prefix..])),
            }
        }
        let n_merged = merged.len();
        let entries: Vec<Entry> = merged
            .into_iter()
            .take(max_entries)
            .map(|(key, value)| Entry { key, value })
            .collect();
        let rest = match entries.last() {
            Some(last) if entries.len() < n_merged => Some(range.clone().after(&last.key)),
            _ => page.rest,
        };
        Page { entries, rest }
    }
}
