//! Verification: walks all that a store holds and reports what is not as it must be.

use crate::blob::{Hash, fault_in_blob, unpack_code};
use crate::family::Family;
use crate::fault::{StoreError, shown_key};
use crate::history::{CHANGE, ChangeEntry, HEAD, Head, LOG, LogEntry, VERSION, decode_counter, last_number};
use crate::key::{self, KeyRange, Part, Tuple};
use crate::opened::{schema_key, schema_of};
use crate::scan::{Entry, Scan};
use crate::store::{Snapshot, Store};

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// What was walked.
    pub families: Vec<FamilyCount>,
    /// The first faults, as many as `StoreLimits::verify_faults` allows.
    pub faults: Vec<VerifyFault>,
    /// How many there were.
    pub n_faults: usize,
}

impl VerifyReport {
    /// Says whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.n_faults == 0
    }
}

/// How much of a family was walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyCount {
    /// The family.
    pub family: Family,
    /// Its keys, counted.
    pub n_entries: u64,
    /// Bytes of its keys and values, uncompressed.
    pub n_bytes: u64,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyFault {
    /// Where it is.
    pub family: Family,
    /// What it is, with the key.
    pub detail: String,
}

/// Walks a snapshot of `store`: every block of every file is read and its checksum compared, every blob hashed, every record
/// and key of ours decoded, and names are followed to their blobs. An error means that the walk itself could not be made.
pub fn verify(store: &dyn Store) -> Result<VerifyReport, StoreError> {
    let max_faults = store.limits().verify_faults;
    let report = VerifyReport {
        families: Vec::new(),
        faults: Vec::new(),
        n_faults: 0,
    };
    let mut walk = Walk {
        snapshot: store.snapshot()?,
        report,
        max_faults,
        names: NameWalk::default(),
    };
    for family in Family::ALL {
        walk.family(family)?;
    }
    walk.end_of_log()?;
    Ok(walk.report)
}

/// The last log entry of the name that the walk is at.
#[derive(Default)]
struct NameWalk {
    /// Tenant, and name.
    log_of: Option<(String, String)>,
    last: Option<LogEntry>,
}

struct Walk {
    snapshot: Snapshot,
    report: VerifyReport,
    max_faults: usize,
    names: NameWalk,
}

impl Walk {
    fn fault(&mut self, family: Family, detail: String) {
        self.report.n_faults += 1;
        if self.report.faults.len() < self.max_faults {
            self.report.faults.push(VerifyFault { family, detail });
        }
    }

    fn family(&mut self, family: Family) -> Result<(), StoreError> {
        let mut count = FamilyCount {
            family,
            n_entries: 0,
            n_bytes: 0,
        };
        let mut rest = Some(KeyRange::all());
        while let Some(range) = rest {
            let page = match self.snapshot.scan(&Scan::over(family, range)) {
                Ok(page) => page,
                Err(StoreError::Corrupt { detail }) => {
                    // What lies behind the damage cannot be reached by walking.
                    self.fault(family, detail);
                    break;
                }
                Err(error) => return Err(error),
            };
            for entry in &page.entries {
                count.n_entries += 1;
                count.n_bytes += (entry.key.len() + entry.value.len()) as u64;
                self.entry(family, entry)?;
            }
            rest = page.rest;
        }
        self.report.families.push(count);
        Ok(())
    }

    fn entry(&mut self, family: Family, entry: &Entry) -> Result<(), StoreError> {
        match family {
            Family::Blob => {
                if let Some(detail) = fault_in_blob(&entry.key, &entry.value) {
                    self.fault(family, detail);
                }
            }
            Family::Meta => self.meta(entry)?,
            Family::Data => {
                let parts = key::parse(&entry.key);
                let is_sound = parts.is_ok_and(|parts| {
                    parts.len() >= 2 && parts[..2].iter().all(|part| part.as_str().is_some())
                });
                self.require(
                    is_sound,
                    family,
                    entry,
                    "its key is not of a tenant and a namespace",
                );
            }
            Family::Sys if entry.key == schema_key() => {
                self.require(
                    schema_of(&entry.value).is_some(),
                    family,
                    entry,
                    "no schema version",
                );
            }
            _ => {}
        }
        Ok(())
    }

    fn require(&mut self, is_sound: bool, family: Family, entry: &Entry, detail: &str) {
        if !is_sound {
            self.fault(family, format!("{family} {}: {detail}", shown_key(&entry.key)));
        }
    }

    /// Looks at an entry of `meta`. Kinds that this release does not know are left alone.
    fn meta(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let Ok(parts) = key::parse(&entry.key) else {
            self.require(false, Family::Meta, entry, "its key is no tuple");
            return Ok(());
        };
        match parts.as_slice() {
            [Part::String(tenant), Part::String(kind), Part::String(name)] if kind == HEAD => {
                self.head(entry, tenant, name)
            }
            [
                Part::String(tenant),
                Part::String(kind),
                Part::String(name),
                Part::Int(_),
            ] if kind == LOG => self.log(entry, tenant, name),
            [Part::String(tenant), Part::String(kind), Part::Int(_)] if kind == CHANGE => {
                let version = last_number(&entry.key);
                let is_sound =
                    version.is_some_and(|version| ChangeEntry::decode(version, &entry.value).is_some());
                self.require(is_sound, Family::Meta, entry, "no record of a change");
                self.counted(entry, tenant, version)
            }
            [Part::String(_), Part::String(kind)] if kind == VERSION => {
                self.require(
                    decode_counter(&entry.value).is_some(),
                    Family::Meta,
                    entry,
                    "no counter",
                );
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn head(&mut self, entry: &Entry, tenant: &str, name: &str) -> Result<(), StoreError> {
        let Some(head) = Head::decode(&entry.value) else {
            self.require(false, Family::Meta, entry, "no head of a name");
            return Ok(());
        };
        self.blob_of(entry, &head.hash)?;
        let log_key = Tuple::new()
            .string(tenant)
            .string(LOG)
            .string(name)
            .int(head.version as i64)
            .into_bytes();
        let logged = self
            .read(&log_key)?
            .and_then(|record| LogEntry::decode(head.version, &record));
        let is_logged = logged.is_some_and(|logged| logged.written == Some((head.hash, head.n_bytes)));
        self.require(is_logged, Family::Meta, entry, "its log tells something else");
        Ok(())
    }

    fn log(&mut self, entry: &Entry, tenant: &str, name: &str) -> Result<(), StoreError> {
        let at = Some((tenant.to_owned(), name.to_owned()));
        if self.names.log_of != at {
            self.end_of_log()?;
            self.names.log_of = at;
        }
        let version = last_number(&entry.key);
        let logged = version.and_then(|version| LogEntry::decode(version, &entry.value));
        self.require(logged.is_some(), Family::Meta, entry, "no log entry");
        if let Some((hash, _)) = logged.and_then(|logged| logged.written) {
            self.blob_of(entry, &hash)?;
        }
        self.names.last = logged;
        self.counted(entry, tenant, version)
    }

    /// The last entry of a name's log must be what the name stands for.
    fn end_of_log(&mut self) -> Result<(), StoreError> {
        let names = std::mem::take(&mut self.names);
        let (Some((tenant, name)), Some(last)) = (names.log_of, names.last) else {
            return Ok(());
        };
        let key = Tuple::new()
            .string(&tenant)
            .string(HEAD)
            .string(&name)
            .into_bytes();
        let head = self.read(&key)?.and_then(|record| Head::decode(&record));
        if head.map(|head| head.hash) != last.written.map(|(hash, _)| hash) {
            self.fault(
                Family::Meta,
                format!("meta {}: the name is not where its log ends", shown_key(&key)),
            );
        }
        Ok(())
    }

    /// No version may lie beyond the counter that hands them out.
    fn counted(&mut self, entry: &Entry, tenant: &str, version: Option<u64>) -> Result<(), StoreError> {
        let key = Tuple::new().string(tenant).string(VERSION).into_bytes();
        let counter = self
            .read(&key)?
            .and_then(|record| decode_counter(&record))
            .unwrap_or(0);
        let is_counted = version.is_some_and(|version| (1..=counter).contains(&version));
        self.require(
            is_counted,
            Family::Meta,
            entry,
            "its version was never handed out",
        );
        Ok(())
    }

    fn blob_of(&mut self, entry: &Entry, hash: &Hash) -> Result<(), StoreError> {
        match self.snapshot.get(Family::Blob, hash.as_bytes()) {
            Ok(blob) => {
                let holds_code = blob.as_deref().is_some_and(|blob| unpack_code(blob).is_some());
                self.require(
                    holds_code,
                    Family::Meta,
                    entry,
                    "its blob is missing or holds no code",
                );
                Ok(())
            }
            // The walk over the blobs has reported it.
            Err(StoreError::Corrupt { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads from `meta`. Damage counts as absence here: the walk over the family reports it.
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.snapshot.get(Family::Meta, key) {
            Err(StoreError::Corrupt { .. }) => Ok(None),
            other => other,
        }
    }
}
