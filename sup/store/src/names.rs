//! Names of code: name → hash → blob, with the text kept and every change remembered.
//!
//! One change is one batch: blobs, heads, log entries, the record of the change and the counter of versions, so that no part of
//! it is ever seen alone. The counter is a condition of the batch: two changes never get the same version.

use crate::batch::{Batch, Condition, Durability};
use crate::blob::{Code, Hash, pack_code, read_blob, unpack_code};
use crate::committer::held;
use crate::family::Family;
use crate::fault::StoreError;
use crate::history::{CHANGE, ChangeEntry, CodeVersion, HEAD, Head, LOG, LogEntry, VERSION};
use crate::history::{decode_counter, encode_counter, last_number};
use crate::key::{self, KeyRange, Part, Tenant, Tuple, check_name};
use crate::scan::Scan;
use crate::store::{Read, Store};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// When a change was made, and how durable it is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Microseconds since 1970-01-01 UTC; this crate has no clock.
    pub time_us: i64,
    /// What the change survives. Code always goes through the log: `None` counts as `Wal`.
    pub durability: Durability,
}

/// One part of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change<'a> {
    /// Gives a name new code.
    Put {
        /// The name, a path such as `util/sum`.
        name: &'a str,
        /// The text.
        source: &'a str,
        /// The binary form.
        encoded: &'a [u8],
    },
    /// Takes a name away. Its history stays.
    Remove {
        /// The name.
        name: &'a str,
    },
}

impl<'a> Change<'a> {
    fn name(&self) -> &'a str {
        match self {
            Change::Put { name, .. } | Change::Remove { name } => name,
        }
    }
}

/// What a change did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeReport {
    /// The version that holds the change; the one before if nothing differed.
    pub version: CodeVersion,
    /// For each part the hash of the code put.
    pub hashes: Vec<Option<Hash>>,
    /// The places of the parts that changed something.
    pub effective: Vec<usize>,
}

/// Code found under a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredCode {
    /// The hash of its blob.
    pub hash: Hash,
    /// The change that put it there.
    pub version: CodeVersion,
    /// When that was.
    pub time_us: i64,
    /// The code.
    pub code: Code,
}

/// One line of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The name.
    pub name: String,
    /// The hash of its blob.
    pub hash: Hash,
    /// The change that put it there.
    pub version: CodeVersion,
    /// When that was.
    pub time_us: i64,
    /// Bytes of the blob.
    pub n_bytes: u64,
}

/// The code of one tenant, by name.
pub struct Names {
    store: Arc<dyn Store>,
    tenant: Tenant,
    /// Changes of this handle take turns; the condition on the counter settles those of others.
    changing: Mutex<()>,
}

impl Names {
    /// The names of `tenant` in `store`.
    pub fn new(store: Arc<dyn Store>, tenant: Tenant) -> Names {
        Names {
            store,
            tenant,
            changing: Mutex::new(()),
        }
    }

    /// Gives a name new code. Putting what is there already changes nothing but makes it as durable as asked.
    pub fn put_code(
        &self,
        name: &str,
        source: &str,
        encoded: &[u8],
        stamp: Stamp,
    ) -> Result<Hash, StoreError> {
        let report = self.change(
            &[Change::Put {
                name,
                source,
                encoded,
            }],
            stamp,
        )?;
        Ok(report.hashes[0].expect("a put has a hash"))
    }

    /// Takes a name away and says whether it was there.
    pub fn remove(&self, name: &str, stamp: Stamp) -> Result<bool, StoreError> {
        Ok(!self
            .change(&[Change::Remove { name }], stamp)?
            .effective
            .is_empty())
    }

    /// Makes all parts of a change at once, under one version.
    pub fn change(&self, changes: &[Change<'_>], stamp: Stamp) -> Result<ChangeReport, StoreError> {
        self.check_names(changes)?;
        let durability = match stamp.durability {
            Durability::None => Durability::Wal,
            logged => logged,
        };
        let _turn = held(&self.changing);
        let n_attempts = self.store.limits().swap_attempts;
        for _ in 0..n_attempts {
            let (batch, report) = self.plan(changes, stamp.time_us)?;
            match self.store.commit(batch, durability) {
                Ok(_) => return Ok(report),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Contended { n_attempts })
    }

    /// The code under a name.
    pub fn get_code(&self, name: &str) -> Result<Option<StoredCode>, StoreError> {
        self.get_code_from(self.reader(), name)
    }

    /// The code under a name in a snapshot.
    pub fn get_code_from(&self, read: &dyn Read, name: &str) -> Result<Option<StoredCode>, StoreError> {
        let Some(head) = self.head(read, name)? else {
            return Ok(None);
        };
        let code = code_of(read, &head.hash)?;
        Ok(Some(StoredCode {
            hash: head.hash,
            version: CodeVersion(head.version),
            time_us: head.time_us,
            code,
        }))
    }

    /// The code that stood under a name after the change `version`.
    pub fn get_code_at(&self, name: &str, version: CodeVersion) -> Result<Option<StoredCode>, StoreError> {
        let log = self.kind(LOG).string(name);
        let mut range = log.children();
        range.end = Some(log.int(signed(version.0).saturating_add(1)).into_bytes());
        let newest = self.log_entries(range, 1)?.pop();
        let Some(LogEntry {
            version,
            time_us,
            written: Some((hash, _)),
        }) = newest
        else {
            return Ok(None);
        };
        Ok(Some(StoredCode {
            hash,
            version,
            time_us,
            code: code_of(self.reader(), &hash)?,
        }))
    }

    /// The code with a hash, whatever its name.
    pub fn code(&self, hash: &Hash) -> Result<Code, StoreError> {
        code_of(self.reader(), hash)
    }

    /// The names that start with `prefix`, sorted, at most `max_entries`. Go on with the last name and a zero byte.
    pub fn list(&self, prefix: &str, max_entries: usize) -> Result<Vec<Listed>, StoreError> {
        let range = self.kind(HEAD).strings_from(prefix);
        let mut listed = Vec::new();
        walk(
            self.reader(),
            Scan::over(Family::Meta, range),
            max_entries,
            |key, record| {
                let name = key::parts(key).nth(2).and_then(Result::ok);
                let (Some(name), Some(head)) = (name.as_ref().and_then(Part::as_str), Head::decode(record))
                else {
                    return Err(StoreError::corrupt_entry(Family::Meta, key, "no head of a name"));
                };
                let version = CodeVersion(head.version);
                let Head {
                    hash,
                    time_us,
                    n_bytes,
                    ..
                } = head;
                listed.push(Listed {
                    name: name.to_owned(),
                    hash,
                    version,
                    time_us,
                    n_bytes,
                });
                Ok(())
            },
        )?;
        Ok(listed)
    }

    /// The history of a name, newest first, at most `max_entries`.
    pub fn log(&self, name: &str, max_entries: usize) -> Result<Vec<LogEntry>, StoreError> {
        self.log_entries(self.kind(LOG).string(name).children(), max_entries)
    }

    /// The changes over all names, newest first, at most `max_entries`.
    pub fn changes(&self, max_entries: usize) -> Result<Vec<ChangeEntry>, StoreError> {
        let range = self.kind(CHANGE).children();
        let mut changes = Vec::new();
        walk(
            self.reader(),
            Scan::over(Family::Meta, range).backward(),
            max_entries,
            |key, record| {
                let entry = last_number(key).and_then(|version| ChangeEntry::decode(version, record));
                let damaged = || StoreError::corrupt_entry(Family::Meta, key, "no record of a change");
                changes.push(entry.ok_or_else(damaged)?);
                Ok(())
            },
        )?;
        Ok(changes)
    }

    /// The version of the last change; 0 before the first.
    pub fn version(&self) -> Result<CodeVersion, StoreError> {
        let key = self.kind(VERSION).into_bytes();
        match self.store.get(Family::Meta, &key)? {
            None => Ok(CodeVersion(0)),
            Some(record) => match decode_counter(&record) {
                Some(version) => Ok(CodeVersion(version)),
                None => Err(StoreError::corrupt_entry(Family::Meta, &key, "no counter")),
            },
        }
    }

    fn reader(&self) -> &dyn Read {
        self.store.as_ref()
    }

    fn kind(&self, kind: &str) -> Tuple {
        self.tenant.tuple().string(kind)
    }

    fn check_names(&self, changes: &[Change<'_>]) -> Result<(), StoreError> {
        let mut seen = HashSet::new();
        for change in changes {
            let name = change.name();
            check_code_name(name, self.store.limits().name_bytes)?;
            if !seen.insert(name) {
                return Err(StoreError::Name {
                    name: name.to_owned(),
                    detail: "it stands twice in one change",
                });
            }
        }
        Ok(())
    }

    fn head(&self, read: &dyn Read, name: &str) -> Result<Option<Head>, StoreError> {
        let key = self.kind(HEAD).string(name).into_bytes();
        let Some(record) = read.get(Family::Meta, &key)? else {
            return Ok(None);
        };
        let head = Head::decode(&record);
        head.map(Some)
            .ok_or_else(|| StoreError::corrupt_entry(Family::Meta, &key, "no head of a name"))
    }

    /// The batch that makes a change from the present state, and what it will have done.
    fn plan(&self, changes: &[Change<'_>], time_us: i64) -> Result<(Batch, ChangeReport), StoreError> {
        let before = self.version()?;
        let version = CodeVersion(before.0 + 1);
        let report = ChangeReport {
            version: before,
            hashes: Vec::new(),
            effective: Vec::new(),
        };
        let entry = ChangeEntry {
            version,
            time_us,
            written: Vec::new(),
            removed: Vec::new(),
        };
        let mut plan = Plan {
            names: self,
            batch: Batch::new(),
            report,
            entry,
        };
        for (change_idx, change) in changes.iter().enumerate() {
            let is_effective = match change {
                Change::Put {
                    name,
                    source,
                    encoded,
                } => plan.put(name, source, encoded)?,
                Change::Remove { name } => plan.remove(name)?,
            };
            if is_effective {
                plan.report.effective.push(change_idx);
            }
        }
        Ok(plan.finish(before))
    }

    fn log_entries(&self, range: KeyRange, max_entries: usize) -> Result<Vec<LogEntry>, StoreError> {
        let mut entries = Vec::new();
        walk(
            self.reader(),
            Scan::over(Family::Meta, range).backward(),
            max_entries,
            |key, record| {
                let entry = last_number(key).and_then(|version| LogEntry::decode(version, record));
                entries
                    .push(entry.ok_or_else(|| StoreError::corrupt_entry(Family::Meta, key, "no log entry"))?);
                Ok(())
            },
        )?;
        Ok(entries)
    }
}

/// A change on its way into a batch.
struct Plan<'a> {
    names: &'a Names,
    batch: Batch,
    report: ChangeReport,
    entry: ChangeEntry,
}

impl Plan<'_> {
    /// Says whether it changes anything.
    fn put(&mut self, name: &str, source: &str, encoded: &[u8]) -> Result<bool, StoreError> {
        let blob = pack_code(source, encoded);
        let (hash, n_bytes) = (Hash::of(&blob), blob.len() as u64);
        let present = self
            .names
            .head(self.names.reader(), name)?
            .filter(|head| head.hash == hash);
        let ChangeEntry { version, time_us, .. } = self.entry;
        // What is there already is written again: an acknowledgement must mean what was asked for, and writing carries everything
        // before it in the log to the disk. It also mends a damaged blob.
        let head = present.unwrap_or(Head {
            hash,
            version: version.0,
            time_us,
            n_bytes,
        });
        self.batch.put(Family::Blob, hash.as_bytes(), blob);
        self.batch.put(
            Family::Meta,
            self.names.kind(HEAD).string(name).into_bytes(),
            head.encode(),
        );
        self.report.hashes.push(Some(hash));
        if present.is_none() {
            self.entry.written.push(name.to_owned());
            self.log(name, Some((hash, n_bytes)));
        }
        Ok(present.is_none())
    }

    /// Says whether it changes anything.
    fn remove(&mut self, name: &str) -> Result<bool, StoreError> {
        self.report.hashes.push(None);
        let is_there = self.names.head(self.names.reader(), name)?.is_some();
        if is_there {
            self.batch
                .delete(Family::Meta, self.names.kind(HEAD).string(name).into_bytes());
            self.entry.removed.push(name.to_owned());
            self.log(name, None);
        }
        Ok(is_there)
    }

    fn log(&mut self, name: &str, written: Option<(Hash, u64)>) {
        let ChangeEntry { version, time_us, .. } = self.entry;
        let key = self
            .names
            .kind(LOG)
            .string(name)
            .int(signed(version.0))
            .into_bytes();
        self.batch.put(
            Family::Meta,
            key,
            LogEntry {
                version,
                time_us,
                written,
            }
            .encode(),
        );
    }

    /// Counts the change, if it is one, and requires that no other came between.
    fn finish(mut self, before: CodeVersion) -> (Batch, ChangeReport) {
        let counter = self.names.kind(VERSION).into_bytes();
        let version = self.entry.version;
        if !self.report.effective.is_empty() {
            self.report.version = version;
            let key = self.names.kind(CHANGE).int(signed(version.0)).into_bytes();
            self.batch.put(Family::Meta, key, self.entry.encode());
            self.batch
                .put(Family::Meta, counter.clone(), encode_counter(version.0));
        }
        self.batch.require(match before.0 {
            0 => Condition::Absent {
                family: Family::Meta,
                key: counter,
            },
            before => Condition::Equals {
                family: Family::Meta,
                key: counter,
                value: encode_counter(before),
            },
        });
        (self.batch, self.report)
    }
}

fn code_of(read: &dyn Read, hash: &Hash) -> Result<Code, StoreError> {
    let blob = read_blob(read, hash)?;
    unpack_code(&blob).ok_or_else(|| StoreError::Corrupt {
        detail: format!("blob {hash}: it holds no code"),
    })
}

/// Calls `visit` for at most `max_entries` entries of a scan, page by page.
fn walk(
    read: &dyn Read,
    mut scan: Scan,
    max_entries: usize,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut n_left = max_entries;
    while n_left > 0 {
        scan.max_entries = n_left;
        let page = read.scan(&scan)?;
        n_left -= page.entries.len();
        for entry in &page.entries {
            visit(&entry.key, &entry.value)?;
        }
        let Some(rest) = page.rest else { break };
        scan.range = rest;
    }
    Ok(())
}

/// Versions count changes from 1: they never reach the sign.
fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// A name of code is a path: it becomes a file when the tree is exported, and `NAME@RELEASE` when it is asked for.
fn check_code_name(name: &str, max_bytes: usize) -> Result<(), StoreError> {
    check_name(name, max_bytes)?;
    let detail = if name.contains(['@', ':', '\\']) || name.contains(char::is_whitespace) {
        "`@`, `:`, `\\` and blanks have another meaning"
    } else if name.split('/').any(|step| matches!(step, "" | "." | "..")) {
        "a step of its path is empty or made of dots"
    } else {
        return Ok(());
    };
    Err(StoreError::Name {
        name: name.to_owned(),
        detail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_code_are_paths() {
        for name in ["a", "util/sum", "a/b/c.d", "größe", "*main*", "set!", "..a"] {
            assert_eq!(check_code_name(name, 512), Ok(()), "{name}");
        }
        for name in [
            "",
            "/a",
            "a/",
            "a//b",
            "a/../b",
            ".",
            "a b",
            "a@1",
            "kv:x",
            "a\0",
            "a\\b",
            &"x".repeat(513),
        ] {
            assert_eq!(
                check_code_name(name, 512).unwrap_err().code(),
                "store/name",
                "{name}"
            );
        }
    }
}
