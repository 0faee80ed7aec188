//! Names of code: name → release → hash → blob, with the text kept and every change remembered.
//!
//! A name is looked up in the manifest of the release that is the head of the channel `main`; a change is a release that differs
//! in what it says (`publish`). The log of a name tells the releases that gave it other code.

use crate::batch::Durability;
use crate::blob::{Code, Hash, read_blob, unpack_asset, unpack_code};
use crate::channel::{Head, MAIN_CHANNEL};
use crate::committer::held;
use crate::family::Family;
use crate::fault::{ReleaseFate, StoreError};
use crate::history::{CHANNEL, CodeVersion, EPOCH, LOG, LogEntry, RELEASE, ReleaseEntry, VERSION};
use crate::history::{decode_counter, last_number};
use crate::key::{Tenant, Tuple, check_name};
use crate::manifest::{CODE_SUFFIX, Manifest, ReleaseFile};
use crate::publish::{Audience, Base, Change, ChangeReport, Publication};
use crate::scan::Scan;
use crate::store::{Read, Store};
use std::sync::{Arc, Mutex};

/// When a change was made, and how durable it is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Microseconds since 1970-01-01 UTC; this crate has no clock.
    pub time_us: i64,
    /// What the change survives. Code always goes through the log: `None` counts as `Wal`.
    pub durability: Durability,
}

impl Stamp {
    /// The durability that code gets.
    pub(crate) fn logged(&self) -> Durability {
        match self.durability {
            Durability::None => Durability::Wal,
            logged => logged,
        }
    }
}

/// Code found under a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredCode {
    /// The hash of its blob.
    pub hash: Hash,
    /// The release that put it there.
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
    /// The release that put it there.
    pub version: CodeVersion,
    /// When that was.
    pub time_us: i64,
    /// Bytes of the blob.
    pub n_bytes: u64,
}

/// The code of one tenant: releases, and the names in them.
pub struct Names {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) tenant: Tenant,
    /// Changes of this handle take turns; the condition on the epoch settles those of others.
    pub(crate) changing: Mutex<()>,
    /// The manifest that was read last.
    last_read: Mutex<Option<(Hash, Arc<Manifest>)>>,
}

impl Names {
    /// The code of `tenant` in `store`.
    pub fn new(store: Arc<dyn Store>, tenant: Tenant) -> Names {
        Names {
            store,
            tenant,
            changing: Mutex::new(()),
            last_read: Mutex::new(None),
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

    /// Publishes a release that differs from the head in these parts.
    pub fn change(&self, changes: &[Change<'_>], stamp: Stamp) -> Result<ChangeReport, StoreError> {
        self.publish(&Publication {
            channel: MAIN_CHANNEL,
            base: Base::Head,
            changes,
            facts: None,
            author: "",
            message: "",
            audience: Audience::All,
            expected_head: None,
            stamp,
        })
    }

    /// The code under a name.
    pub fn get_code(&self, name: &str) -> Result<Option<StoredCode>, StoreError> {
        self.get_code_from(self.reader(), name)
    }

    /// The code under a name in a snapshot.
    pub fn get_code_from(&self, read: &dyn Read, name: &str) -> Result<Option<StoredCode>, StoreError> {
        let manifest = self.head_manifest_from(read)?;
        manifest.code(name).map(|file| stored(read, file)).transpose()
    }

    /// The code under a name in that release.
    pub fn get_code_at(&self, name: &str, version: CodeVersion) -> Result<Option<StoredCode>, StoreError> {
        let manifest = self.manifest(version.0)?;
        manifest
            .code(name)
            .map(|file| stored(self.reader(), file))
            .transpose()
    }

    /// The code with a hash, whatever its name.
    pub fn code(&self, hash: &Hash) -> Result<Code, StoreError> {
        code_of(self.reader(), hash)
    }

    /// The bytes of the asset with a hash.
    pub fn asset(&self, hash: &Hash) -> Result<Vec<u8>, StoreError> {
        let blob = read_blob(self.reader(), hash)?;
        let bytes = unpack_asset(&blob).ok_or_else(|| StoreError::Corrupt {
            detail: format!("blob {hash}: it holds no asset"),
        })?;
        Ok(bytes.to_vec())
    }

    /// The names that start with `prefix`, sorted, at most `max_entries`. Go on with the last name and a zero byte.
    pub fn list(&self, prefix: &str, max_entries: usize) -> Result<Vec<Listed>, StoreError> {
        let manifest = self.head_manifest_from(self.reader())?;
        let named = manifest
            .files
            .iter()
            .filter_map(|file| file.name().map(|name| (name, file)));
        let mut listed: Vec<Listed> = named
            .filter(|(name, _)| name.starts_with(prefix) || (prefix.ends_with('\0') && *name > prefix))
            .map(|(name, file)| Listed {
                name: name.to_owned(),
                hash: file.hash,
                version: CodeVersion(file.since),
                time_us: file.time_us,
                n_bytes: file.n_bytes,
            })
            .collect();
        // Paths are sorted with their suffix, which `a/b` and `a` see differently.
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        listed.truncate(max_entries);
        Ok(listed)
    }

    /// The history of a name, newest first, at most `max_entries`: one entry for each release that gave it other code.
    pub fn log(&self, name: &str, max_entries: usize) -> Result<Vec<LogEntry>, StoreError> {
        let mut entries = Vec::new();
        walk(
            self.reader(),
            Scan::over(Family::Meta, self.kind(LOG).string(name).children()).backward(),
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

    /// The releases, newest first, at most `max_entries`.
    pub fn releases(&self, max_entries: usize) -> Result<Vec<ReleaseEntry>, StoreError> {
        let mut releases = Vec::new();
        walk(
            self.reader(),
            Scan::over(Family::Meta, self.kind(RELEASE).children()).backward(),
            max_entries,
            |key, record| {
                let entry = last_number(key).and_then(|version| ReleaseEntry::decode(version, record));
                let damaged = || StoreError::corrupt_entry(Family::Meta, key, "no record of a release");
                releases.push(entry.ok_or_else(damaged)?);
                Ok(())
            },
        )?;
        Ok(releases)
    }

    /// The number of the last release; 0 before the first.
    pub fn version(&self) -> Result<CodeVersion, StoreError> {
        self.counter(Family::Meta, &self.kind(VERSION).into_bytes())
            .map(CodeVersion)
    }

    /// What stands behind a channel; nothing before its first release.
    pub fn head(&self, channel: &str) -> Result<Option<Head>, StoreError> {
        self.head_from(self.reader(), channel)
    }

    /// The record of a release.
    pub fn release(&self, number: u64) -> Result<ReleaseEntry, StoreError> {
        self.release_from(self.reader(), number)
    }

    /// The manifest of a release. That of release 0 is empty.
    pub fn manifest(&self, number: u64) -> Result<Arc<Manifest>, StoreError> {
        self.manifest_from(self.reader(), number)
    }

    pub(crate) fn manifest_from(&self, read: &dyn Read, number: u64) -> Result<Arc<Manifest>, StoreError> {
        if number == 0 {
            return Ok(Arc::new(Manifest::empty()));
        }
        let hash = self.release_from(read, number)?.manifest;
        if let Some((last, manifest)) = &*held(&self.last_read)
            && *last == hash
        {
            return Ok(manifest.clone());
        }
        let manifest = Arc::new(read_manifest(read, &hash)?);
        *held(&self.last_read) = Some((hash, manifest.clone()));
        Ok(manifest)
    }

    fn head_manifest_from(&self, read: &dyn Read) -> Result<Arc<Manifest>, StoreError> {
        let number = self.head_from(read, MAIN_CHANNEL)?.map_or(0, |head| head.release);
        self.manifest_from(read, number)
    }

    fn head_from(&self, read: &dyn Read, channel: &str) -> Result<Option<Head>, StoreError> {
        let key = self.kind(CHANNEL).string(channel).into_bytes();
        let Some(record) = read.get(Family::Meta, &key)? else {
            return Ok(None);
        };
        let head = Head::decode(&record);
        head.map(Some)
            .ok_or_else(|| StoreError::corrupt_entry(Family::Meta, &key, "no head of a channel"))
    }

    fn release_from(&self, read: &dyn Read, number: u64) -> Result<ReleaseEntry, StoreError> {
        let key = self.kind(RELEASE).int(signed(number)).into_bytes();
        let Some(record) = read.get(Family::Meta, &key)? else {
            let last = self.version()?.0;
            let fate = if number == 0 || number > last {
                ReleaseFate::Never
            } else {
                ReleaseFate::Collected
            };
            return Err(StoreError::NoRelease { number, fate });
        };
        ReleaseEntry::decode(number, &record)
            .ok_or_else(|| StoreError::corrupt_entry(Family::Meta, &key, "no record of a release"))
    }

    pub(crate) fn reader(&self) -> &dyn Read {
        self.store.as_ref()
    }

    pub(crate) fn kind(&self, kind: &str) -> Tuple {
        self.tenant.tuple().string(kind)
    }

    pub(crate) fn counter(&self, family: Family, key: &[u8]) -> Result<u64, StoreError> {
        match self.store.get(family, key)? {
            None => Ok(0),
            Some(record) => {
                decode_counter(&record).ok_or_else(|| StoreError::corrupt_entry(family, key, "no counter"))
            }
        }
    }
}

/// Where the number of the last change of any tenant's releases stands, in `sys`. Blobs are shared by tenants, so what collects
/// them must know that nobody publishes meanwhile.
pub(crate) fn epoch_key() -> Vec<u8> {
    Tuple::new().string(EPOCH).into_bytes()
}

fn stored(read: &dyn Read, file: &ReleaseFile) -> Result<StoredCode, StoreError> {
    Ok(StoredCode {
        hash: file.hash,
        version: CodeVersion(file.since),
        time_us: file.time_us,
        code: code_of(read, &file.hash)?,
    })
}

fn code_of(read: &dyn Read, hash: &Hash) -> Result<Code, StoreError> {
    let blob = read_blob(read, hash)?;
    unpack_code(&blob).ok_or_else(|| StoreError::Corrupt {
        detail: format!("blob {hash}: it holds no code"),
    })
}

/// Reads a manifest by its hash.
pub(crate) fn read_manifest(read: &dyn Read, hash: &Hash) -> Result<Manifest, StoreError> {
    let blob = read_blob(read, hash)?;
    Manifest::decode(&blob).ok_or_else(|| StoreError::Corrupt {
        detail: format!("blob {hash}: it holds no manifest"),
    })
}

/// Calls `visit` for at most `max_entries` entries of a scan, page by page.
pub(crate) fn walk(
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
pub(crate) fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// A name of code is a path: it becomes a file when the tree is exported, and `NAME@RELEASE` when it is asked for.
pub(crate) fn check_code_name(name: &str, max_bytes: usize) -> Result<(), StoreError> {
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

/// An asset is named by its path, in which blanks and most signs may stand.
pub(crate) fn check_asset_path(path: &str, max_bytes: usize) -> Result<(), StoreError> {
    check_name(path, max_bytes)?;
    let detail = if path.ends_with(CODE_SUFFIX) {
        "it ends like code"
    } else if path.contains('\\') || path.contains(char::is_control) {
        "`\\` and control characters have no place in a path"
    } else if path.split('/').any(|step| matches!(step, "" | "." | "..")) {
        "a step of its path is empty or made of dots"
    } else {
        return Ok(());
    };
    Err(StoreError::Name {
        name: path.to_owned(),
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
