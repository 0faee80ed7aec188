//! Namespaces: keys and values of programs, in memory or on disk, under names of their own.

use crate::batch::{Batch, Condition, Durability, check};
use crate::family::Family;
use crate::fault::StoreError;
use crate::key::{KeyRange, Tenant, Tuple, check_name};
use crate::limits::StoreLimits;
use crate::location::StoreLocation;
use crate::opened::open;
use crate::scan::{Direction, Page, Scan};
use crate::store::{Read, Store};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Keys and values under one name: a range of the family `data` of some store. A cheap handle.
#[derive(Clone)]
pub struct Namespace {
    store: Arc<dyn Store>,
    /// Tenant and name: the start of every key.
    prefix: Tuple,
}

/// What a compare-and-swap compares with.
#[derive(Clone, Copy)]
pub enum Expected<'a> {
    /// These very bytes.
    Bytes(&'a [u8]),
    /// A value that the closure takes for equal. It may be asked again if others write meanwhile.
    Equal(&'a dyn Fn(&[u8]) -> bool),
}

impl Namespace {
    /// The value of a key.
    pub fn get(&self, key: &Tuple) -> Result<Option<Vec<u8>>, StoreError> {
        self.get_from(self.store.as_ref(), key)
    }

    /// The value of a key in a snapshot of this namespace's store.
    pub fn get_from(&self, read: &dyn Read, key: &Tuple) -> Result<Option<Vec<u8>>, StoreError> {
        read.get(Family::Data, &self.full_key(key)?)
    }

    /// Gives a key a value.
    pub fn set(&self, key: &Tuple, value: &[u8], durability: Durability) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        self.stage_set(&mut batch, key, value)?;
        self.store.commit(batch, durability).map(drop)
    }

    /// Takes the value of a key away and says whether it had one.
    pub fn delete(&self, key: &Tuple, durability: Durability) -> Result<bool, StoreError> {
        let mut batch = Batch::new();
        batch.require(Condition::Present {
            family: Family::Data,
            key: self.full_key(key)?,
        });
        self.stage_delete(&mut batch, key)?;
        held_or_not(self.store.commit(batch, durability))
    }

    /// Gives a key a value unless it has one, and says whether it did.
    pub fn set_if_absent(
        &self,
        key: &Tuple,
        value: &[u8],
        durability: Durability,
    ) -> Result<bool, StoreError> {
        let mut batch = Batch::new();
        batch.require(Condition::Absent {
            family: Family::Data,
            key: self.full_key(key)?,
        });
        self.stage_set(&mut batch, key, value)?;
        held_or_not(self.store.commit(batch, durability))
    }

    /// Replaces the value of a key if it is the expected one, and says whether it was. A key without a value never is.
    pub fn compare_and_swap(
        &self,
        key: &Tuple,
        expected: Expected<'_>,
        value: &[u8],
        durability: Durability,
    ) -> Result<bool, StoreError> {
        let full_key = self.full_key(key)?;
        let n_attempts = self.store.limits().swap_attempts;
        for _ in 0..n_attempts {
            let found = match expected {
                Expected::Bytes(bytes) => bytes.to_vec(),
                Expected::Equal(is_equal) => match self.store.get(Family::Data, &full_key)? {
                    Some(found) if is_equal(&found) => found,
                    _ => return Ok(false),
                },
            };
            let mut batch = Batch::new();
            batch.require(Condition::Equals {
                family: Family::Data,
                key: full_key.clone(),
                value: found,
            });
            self.stage_set(&mut batch, key, value)?;
            let is_swapped = held_or_not(self.store.commit(batch, durability))?;
            // Where bytes were compared, the committer has decided; where a closure was asked, its answer was outdated.
            if is_swapped || matches!(expected, Expected::Bytes(_)) {
                return Ok(is_swapped);
            }
        }
        Err(StoreError::Contended { n_attempts })
    }

    /// A page of the namespace; keys and ranges are without tenant and namespace.
    pub fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        max_entries: usize,
    ) -> Result<Page, StoreError> {
        self.scan_from(self.store.as_ref(), range, direction, max_entries)
    }

    /// The same in a snapshot of this namespace's store.
    pub fn scan_from(
        &self,
        read: &dyn Read,
        range: &KeyRange,
        direction: Direction,
        max_entries: usize,
    ) -> Result<Page, StoreError> {
        let range = self.full_range(range);
        let mut page = read.scan(&Scan {
            family: Family::Data,
            range,
            direction,
            max_entries,
        })?;
        let n_prefix = self.prefix.as_bytes().len();
        for entry in &mut page.entries {
            entry.key.drain(..n_prefix);
        }
        if let Some(rest) = &mut page.rest {
            rest.start.drain(..n_prefix);
            let end = rest
                .end
                .take()
                .filter(|end| end.starts_with(self.prefix.as_bytes()));
            rest.end = end.map(|end| end[n_prefix..].to_vec());
        }
        Ok(page)
    }

    /// Adds a put to a batch for [`Namespace::store`], after checking its limits.
    pub fn stage_set(&self, batch: &mut Batch, key: &Tuple, value: &[u8]) -> Result<(), StoreError> {
        check("bytes of a value", value.len(), self.store.limits().value_bytes)?;
        batch.put(Family::Data, self.full_key(key)?, value);
        Ok(())
    }

    /// Adds a delete to a batch for [`Namespace::store`].
    pub fn stage_delete(&self, batch: &mut Batch, key: &Tuple) -> Result<(), StoreError> {
        batch.delete(Family::Data, self.full_key(key)?);
        Ok(())
    }

    /// The key in the family `data`, for conditions of a batch.
    pub fn full_key(&self, key: &Tuple) -> Result<Vec<u8>, StoreError> {
        check(
            "bytes of a key",
            key.as_bytes().len(),
            self.store.limits().key_bytes,
        )?;
        Ok([self.prefix.as_bytes(), key.as_bytes()].concat())
    }

    /// The range in the family `data`, for conditions of a batch.
    pub fn full_range(&self, range: &KeyRange) -> KeyRange {
        let prefix = self.prefix.as_bytes();
        let end = match &range.end {
            Some(end) => Some([prefix, end].concat()),
            None => KeyRange::prefix(prefix).end,
        };
        KeyRange {
            start: [prefix, &range.start].concat(),
            end,
        }
    }

    /// The store that holds it: for snapshots, batches over several namespaces, and commits that do not wait.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }
}

/// A condition that does not hold is an answer, not an error.
fn held_or_not<T>(outcome: Result<T, StoreError>) -> Result<bool, StoreError> {
    match outcome {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The namespaces that one tenant has open, by name.
pub struct Namespaces {
    memory: Arc<dyn Store>,
    durable: Option<Arc<dyn Store>>,
    tenant: Tenant,
    limits: StoreLimits,
    opened: RwLock<HashMap<String, Namespace>>,
    /// Stores that a namespace brought with a path of its own.
    elsewhere: Mutex<HashMap<PathBuf, Arc<dyn Store>>>,
}

impl Namespaces {
    /// No namespace yet. Those in memory live in a memory store beside `durable`, the instance's store.
    pub fn new(
        durable: Option<Arc<dyn Store>>,
        tenant: Tenant,
        limits: StoreLimits,
    ) -> Result<Namespaces, StoreError> {
        let memory = open(&StoreLocation::Memory, limits.clone())?;
        let (opened, elsewhere) = (RwLock::default(), Mutex::default());
        Ok(Namespaces {
            memory,
            durable,
            tenant,
            limits,
            opened,
            elsewhere,
        })
    }

    /// The open namespace of that name.
    pub fn get(&self, name: &str) -> Option<Namespace> {
        self.opened
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// Opens a namespace in memory. A name that is open already keeps what it has.
    pub fn open_memory(&self, name: &str) -> Result<Namespace, StoreError> {
        self.open_in(name, || Ok(Arc::clone(&self.memory)))
    }

    /// Opens a namespace of the instance's store. A name that is open already keeps what it has.
    pub fn open_disk(&self, name: &str) -> Result<Namespace, StoreError> {
        self.open_in(name, || self.durable.clone().ok_or(StoreError::Missing))
    }

    /// Opens a namespace of a store that is itself opened only now. A name that is open already keeps what it has.
    pub fn open_disk_in(
        &self,
        name: &str,
        store: impl FnOnce() -> Result<Arc<dyn Store>, StoreError>,
    ) -> Result<Namespace, StoreError> {
        self.open_in(name, store)
    }

    /// Opens a namespace of a store at a path of its own. A name that is open already keeps what it has.
    pub fn open_disk_at(&self, name: &str, path: &Path) -> Result<Namespace, StoreError> {
        self.open_in(name, || self.store_at(path))
    }

    /// Closes the stores at paths of their own, and forgets every namespace.
    pub fn close(&self) -> Result<(), StoreError> {
        self.opened
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let stores = std::mem::take(&mut *self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner));
        let closed: Vec<Result<(), StoreError>> = stores.values().map(|store| store.close()).collect();
        closed.into_iter().collect()
    }

    fn open_in(
        &self,
        name: &str,
        store: impl FnOnce() -> Result<Arc<dyn Store>, StoreError>,
    ) -> Result<Namespace, StoreError> {
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(namespace) = opened.get(name) {
            return Ok(namespace.clone());
        }
        check_name(name, self.limits.name_bytes)?;
        if name.contains(':') {
            return Err(StoreError::Name {
                name: name.to_owned(),
                detail: "`:` ends the name of a namespace",
            });
        }
        check("open namespaces", opened.len() + 1, self.limits.namespaces)?;
        let namespace = Namespace {
            store: store()?,
            prefix: self.tenant.tuple().string(name),
        };
        opened.insert(name.to_owned(), namespace.clone());
        Ok(namespace)
    }

    fn store_at(&self, path: &Path) -> Result<Arc<dyn Store>, StoreError> {
        let mut elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        // Only a path that exists has a canonical form, so a new store is opened before it is known by it.
        let canonical = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Some(store) = elsewhere.get(&canonical(path)) {
            return Ok(Arc::clone(store));
        }
        check(
            "stores at paths of their own",
            elsewhere.len() + 1,
            self.limits.stores_elsewhere,
        )?;
        let store = open(&StoreLocation::Directory(path.to_owned()), self.limits.clone())?;
        elsewhere.insert(canonical(path), Arc::clone(&store));
        Ok(store)
    }
}
