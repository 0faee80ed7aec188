//! An open store: a backend behind its committer, and the schema that it must have.

use crate::batch::{Batch, Commit, Durability, Version, Write};
use crate::committer::Committer;
use crate::engine::Engine;
use crate::family::Family;
use crate::fault::StoreError;
use crate::key::Tuple;
use crate::limits::StoreLimits;
use crate::location::StoreLocation;
use crate::memory::Memory;
use crate::scan::{Page, Scan};
use crate::store::{Done, Read, Snapshot, Store, Usage};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The layout of keys and records in a store. It rises when an older release could no longer read what is written.
pub(crate) const SCHEMA: u32 = 2;

/// Opens the store at `location`, making it if there is none.
pub fn open(location: &StoreLocation, limits: StoreLimits) -> Result<Arc<dyn Store>, StoreError> {
    match location {
        StoreLocation::Memory => Ok(Arc::new(Opened::over(Memory::new(limits.clone()), limits)?)),
        StoreLocation::Directory(path) => open_directory(path, limits),
    }
}

#[cfg(feature = "disk")]
fn open_directory(path: &Path, limits: StoreLimits) -> Result<Arc<dyn Store>, StoreError> {
    let directory = crate::location::OwnedDirectory::take(path)?;
    let disk = crate::disk::Disk::open(directory, limits.clone())?;
    Ok(Arc::new(Opened::over(disk, limits)?))
}

#[cfg(not(feature = "disk"))]
fn open_directory(path: &Path, _limits: StoreLimits) -> Result<Arc<dyn Store>, StoreError> {
    Err(StoreError::NoDisk {
        path: path.to_owned(),
    })
}

/// Where the schema version stands in `sys`.
pub(crate) fn schema_key() -> Vec<u8> {
    Tuple::new().string("schema").into_bytes()
}

/// The schema version in a stored record.
pub(crate) fn schema_of(record: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(record.try_into().ok()?))
}

/// Reads the schema version, or writes it into a store that nothing has been written to.
fn settle_schema(engine: &impl Engine) -> Result<(), StoreError> {
    let Some(record) = engine.get(Family::Sys, &schema_key())? else {
        if engine.sequence() > 0 {
            return Err(StoreError::Corrupt {
                detail: "the schema version is missing".to_owned(),
            });
        }
        let value = Some(SCHEMA.to_be_bytes().to_vec());
        return engine.write(
            &[&[Write {
                family: Family::Sys,
                key: schema_key(),
                value,
            }]],
            Durability::Sync,
        );
    };
    match schema_of(&record) {
        Some(found) if found > SCHEMA => Err(StoreError::Schema {
            found,
            supported: SCHEMA,
        }),
        Some(SCHEMA) => Ok(()),
        Some(1) => {
            let mut writes = crate::migrate::from_schema_1(engine)?;
            writes.push(Write {
                family: Family::Sys,
                key: schema_key(),
                value: Some(SCHEMA.to_be_bytes().to_vec()),
            });
            engine.write(&[&writes], Durability::Sync)
        }
        _ => Err(StoreError::corrupt_entry(
            Family::Sys,
            &schema_key(),
            "no schema version",
        )),
    }
}

struct Opened<E: Engine> {
    // Dropped first: it commits what waits.
    committer: Committer<E>,
    engine: Arc<E>,
    limits: StoreLimits,
    is_closed: AtomicBool,
}

impl<E: Engine> Opened<E> {
    fn over(engine: E, limits: StoreLimits) -> Result<Opened<E>, StoreError> {
        settle_schema(&engine)?;
        let engine = Arc::new(engine);
        let committer = Committer::new(Arc::clone(&engine), limits.clone());
        Ok(Opened {
            committer,
            engine,
            limits,
            is_closed: AtomicBool::new(false),
        })
    }

    fn engine(&self) -> Result<&Arc<E>, StoreError> {
        if self.is_closed.load(Ordering::Acquire) {
            Err(StoreError::Closed)
        } else {
            Ok(&self.engine)
        }
    }
}

impl<E: Engine> Read for Opened<E> {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.engine()?.get(family, key)
    }

    fn scan(&self, scan: &Scan) -> Result<Page, StoreError> {
        self.engine()?.scan(scan)
    }

    fn version(&self) -> Version {
        Version(self.engine.sequence())
    }
}

impl<E: Engine> Store for Opened<E> {
    fn snapshot(&self) -> Result<Snapshot, StoreError> {
        E::snapshot(self.engine()?)
    }

    fn commit(&self, batch: Batch, durability: Durability) -> Result<Commit, StoreError> {
        self.committer.commit(batch, durability)
    }

    fn submit(&self, batch: Batch, durability: Durability, done: Done) {
        self.committer.submit(batch, durability, done);
    }

    fn limits(&self) -> &StoreLimits {
        &self.limits
    }

    fn usage(&self) -> Result<Usage, StoreError> {
        self.engine()?.usage()
    }

    fn close(&self) -> Result<(), StoreError> {
        self.is_closed.store(true, Ordering::Release);
        self.committer.close()
    }
}
