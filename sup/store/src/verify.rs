//! Verification: walks all that a store holds and reports what is not as it must be.

use crate::blob::{Hash, fault_in_blob, read_blob};
use crate::channel::{Head, MoveEntry};
use crate::collect::is_of_kind;
use crate::family::Family;
use crate::fault::{StoreError, shown_key};
use crate::history::{CHANNEL, CodeVersion, LOG, LogEntry, MOVE, RELEASE, ReleaseEntry, VERSION};
use crate::history::{decode_counter, last_number};
use crate::key::{self, KeyRange, Part, Tuple};
use crate::manifest::{FileKind, Manifest};
use crate::names::{epoch_key, signed};
use crate::opened::{schema_key, schema_of};
use crate::publish::shown_name;
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
/// and key of ours decoded, and releases are followed to their manifests and files. An error means that the walk itself could not be made.
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
    };
    for family in Family::ALL {
        walk.family(family)?;
    }
    Ok(walk.report)
}

struct Walk {
    snapshot: Snapshot,
    report: VerifyReport,
    max_faults: usize,
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
            Family::Sys if entry.key == epoch_key() => {
                self.require(
                    decode_counter(&entry.value).is_some(),
                    family,
                    entry,
                    "no counter",
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
            [Part::String(tenant), Part::String(kind), Part::String(_)] if kind == CHANNEL => {
                let head = Head::decode(&entry.value);
                self.require(head.is_some(), Family::Meta, entry, "no head of a channel");
                let releases = head.map(|head| head.releases()).unwrap_or_default();
                for number in releases {
                    let is_there = self.release(tenant, number)?.is_some();
                    self.require(
                        is_there,
                        Family::Meta,
                        entry,
                        "it names a release that is not there",
                    );
                }
                Ok(())
            }
            [
                Part::String(tenant),
                Part::String(kind),
                Part::String(name),
                Part::Int(_),
            ] if kind == LOG => self.log(entry, tenant, name),
            [Part::String(tenant), Part::String(kind), Part::Int(_)] if kind == RELEASE => {
                self.release_entry(entry, tenant)
            }
            [Part::String(_), Part::String(kind), Part::Int(_)] if kind == MOVE => {
                let is_sound = MoveEntry::decode(&entry.value).is_some();
                self.require(is_sound, Family::Meta, entry, "no move of a channel");
                Ok(())
            }
            [Part::String(_), Part::String(kind)] if kind == VERSION => {
                let is_sound = decode_counter(&entry.value).is_some();
                self.require(is_sound, Family::Meta, entry, "no counter");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A release has a manifest, and each of its files has its blob and its entry in the log of its name.
    fn release_entry(&mut self, entry: &Entry, tenant: &str) -> Result<(), StoreError> {
        let number = last_number(&entry.key);
        let release = number.and_then(|number| ReleaseEntry::decode(number, &entry.value));
        self.require(release.is_some(), Family::Meta, entry, "no record of a release");
        self.counted(entry, tenant, number)?;
        let Some(release) = release else { return Ok(()) };
        let manifest = match read_blob(self.snapshot.as_ref(), &release.manifest) {
            Ok(blob) => Manifest::decode(&blob),
            Err(StoreError::Corrupt { .. }) => None,
            Err(error) => return Err(error),
        };
        let Some(manifest) = manifest else {
            self.require(false, Family::Meta, entry, "its manifest is missing or damaged");
            return Ok(());
        };
        for file in &manifest.files {
            self.file(entry, &file.hash, file.kind)?;
            if file.since == release.version.0 {
                let name = shown_name(&file.path, file.kind);
                let logged = self.logged(tenant, &name, release.version)?;
                let is_logged =
                    logged.is_some_and(|logged| logged.written == Some((file.hash, file.n_bytes)));
                self.require(
                    is_logged,
                    Family::Meta,
                    entry,
                    "the log of a name tells something else",
                );
            }
        }
        Ok(())
    }

    /// Each entry of a log is of a release that says the same.
    fn log(&mut self, entry: &Entry, tenant: &str, name: &str) -> Result<(), StoreError> {
        let version = last_number(&entry.key);
        let logged = version.and_then(|version| LogEntry::decode(version, &entry.value));
        self.require(logged.is_some(), Family::Meta, entry, "no log entry");
        let Some(number) = version else { return Ok(()) };
        let release = self.release(tenant, number)?;
        let is_said = release.is_some_and(|release| {
            let names = match logged.and_then(|logged| logged.written) {
                Some(_) => release.written,
                None => release.removed,
            };
            names.iter().any(|said| said == name)
        });
        self.require(is_said, Family::Meta, entry, "its release says nothing of it");
        self.counted(entry, tenant, version)
    }

    fn release(&self, tenant: &str, number: u64) -> Result<Option<ReleaseEntry>, StoreError> {
        let key = Tuple::new().string(tenant).string(RELEASE).int(signed(number));
        let record = self.read(key.as_bytes())?;
        Ok(record.and_then(|record| ReleaseEntry::decode(number, &record)))
    }

    fn logged(&self, tenant: &str, name: &str, version: CodeVersion) -> Result<Option<LogEntry>, StoreError> {
        let key = Tuple::new().string(tenant).string(LOG).string(name);
        let record = self.read(key.int(signed(version.0)).as_bytes())?;
        Ok(record.and_then(|record| LogEntry::decode(version.0, &record)))
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

    fn file(&mut self, entry: &Entry, hash: &Hash, kind: FileKind) -> Result<(), StoreError> {
        match is_of_kind(self.snapshot.as_ref(), hash, kind) {
            Ok(is_sound) => {
                let detail = "the blob of a file is missing or of another kind";
                self.require(is_sound, Family::Meta, entry, detail);
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
