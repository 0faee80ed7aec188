//! Older stores are brought to the present schema when they are opened.
//!
//! Schema 1 kept for each name what stands under it, and for each change the names that it touched. Every change becomes a
//! release of the same number: its manifest is what all changes up to it leave. One write makes all of it, so that a store is
//! either of the old schema or of the new one.

use crate::batch::Write;
use crate::blob::Hash;
use crate::channel::{Head, MAIN_CHANNEL, MoveEntry, MoveKind};
use crate::engine::Engine;
use crate::family::Family;
use crate::fault::StoreError;
use crate::history::{
    CHANNEL, LOG, LogEntry, MOVE, RELEASE, ReleaseEntry, encode_counter, last_number, read_names,
};
use crate::key::{self, KeyRange, Part, Tuple};
use crate::manifest::{FileKind, Manifest, ReleaseFile, code_path};
use crate::names::{epoch_key, signed};
use crate::record::RecordReader;
use crate::scan::Scan;
use std::collections::BTreeMap;

/// The kinds of keys that schema 1 had and this one has not.
const OLD_HEAD: &str = "name";
const OLD_CHANGE: &str = "change";

/// One change of schema 1.
struct OldChange {
    time_us: i64,
    written: Vec<String>,
    removed: Vec<String>,
}

/// What schema 1 holds of one tenant.
#[derive(Default)]
struct OldTenant {
    changes: BTreeMap<u64, OldChange>,
    log: BTreeMap<(String, u64), LogEntry>,
    old_keys: Vec<Vec<u8>>,
}

/// The writes that bring a store of schema 1 to schema 2, without the version itself.
pub(crate) fn from_schema_1(engine: &impl Engine) -> Result<Vec<Write>, StoreError> {
    let mut tenants: BTreeMap<String, OldTenant> = BTreeMap::new();
    let mut rest = Some(KeyRange::all());
    while let Some(range) = rest {
        let page = engine.scan(&Scan::over(Family::Meta, range))?;
        for entry in &page.entries {
            note(&mut tenants, &entry.key, &entry.value)?;
        }
        rest = page.rest;
    }
    let mut writes = Vec::new();
    let mut epoch = 0;
    for (tenant, old) in tenants {
        epoch = epoch.max(bring(&tenant, old, &mut writes)?);
    }
    if epoch > 0 {
        writes.push(put(Family::Sys, epoch_key(), encode_counter(epoch)));
    }
    Ok(writes)
}

fn note(tenants: &mut BTreeMap<String, OldTenant>, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
    let damaged = |what: &str| StoreError::corrupt_entry(Family::Meta, key, what);
    let parts = key::parse(key)?;
    let [Part::String(tenant), Part::String(kind), rest @ ..] = parts.as_slice() else {
        return Ok(());
    };
    let old = tenants.entry(tenant.to_string()).or_default();
    if kind == OLD_HEAD {
        old.old_keys.push(key.to_vec());
    } else if kind == OLD_CHANGE {
        let number = last_number(key).ok_or_else(|| damaged("no change"))?;
        let change = decode_change(record).ok_or_else(|| damaged("no record of a change"))?;
        old.changes.insert(number, change);
        old.old_keys.push(key.to_vec());
    } else if kind == LOG
        && let [Part::String(name), Part::Int(_)] = rest
    {
        let number = last_number(key).ok_or_else(|| damaged("no log entry"))?;
        let entry = LogEntry::decode(number, record).ok_or_else(|| damaged("no log entry"))?;
        old.log.insert((name.to_string(), number), entry);
    }
    Ok(())
}

fn decode_change(record: &[u8]) -> Option<OldChange> {
    let mut reader = RecordReader::new(record)?;
    let mut change = OldChange {
        time_us: reader.time()?,
        written: Vec::new(),
        removed: Vec::new(),
    };
    read_names(reader, &mut change.written, &mut change.removed)?;
    Some(change)
}

/// Makes the releases of a tenant; the number of its last one.
fn bring(tenant: &str, old: OldTenant, writes: &mut Vec<Write>) -> Result<u64, StoreError> {
    let mut files: BTreeMap<String, ReleaseFile> = BTreeMap::new();
    let mut last = 0;
    for (number, change) in old.changes {
        for name in &change.removed {
            files.remove(&code_path(name));
        }
        for name in &change.written {
            let logged = old.log.get(&(name.clone(), number));
            let Some((hash, n_bytes)) = logged.and_then(|entry| entry.written) else {
                return Err(StoreError::Corrupt {
                    detail: format!("the log of {name} does not know change {number}"),
                });
            };
            let file = ReleaseFile {
                path: code_path(name),
                kind: FileKind::Code,
                hash,
                n_bytes,
                since: number,
                time_us: change.time_us,
            };
            files.insert(file.path.clone(), file);
        }
        release_writes(tenant, number, last, &change, &files, writes);
        last = number;
    }
    writes.extend(old.old_keys.into_iter().map(|key| Write {
        family: Family::Meta,
        key,
        value: None,
    }));
    Ok(last)
}

/// The writes that a release is: manifest, record, and the head that it became.
fn release_writes(
    tenant: &str,
    number: u64,
    parent: u64,
    change: &OldChange,
    files: &BTreeMap<String, ReleaseFile>,
    writes: &mut Vec<Write>,
) {
    let kind = |kind: &str| Tuple::new().string(tenant).string(kind);
    let manifest = Manifest {
        parent,
        time_us: change.time_us,
        files: files.values().cloned().collect(),
        ..Manifest::empty()
    };
    let blob = manifest.encode();
    let entry = ReleaseEntry {
        version: crate::history::CodeVersion(number),
        manifest: Hash::of(&blob),
        parent,
        time_us: change.time_us,
        author: String::new(),
        message: String::new(),
        written: change.written.clone(),
        removed: change.removed.clone(),
    };
    let head = Head {
        epoch: number,
        release: number,
        split: Vec::new(),
        split_by: String::new(),
    };
    let moved = MoveEntry {
        time_us: change.time_us,
        author: String::new(),
        kind: MoveKind::Publish,
        channel: MAIN_CHANNEL.to_owned(),
        head: head.clone(),
    };
    writes.push(put(Family::Blob, entry.manifest.as_bytes().to_vec(), blob));
    let place = signed(number);
    writes.push(put(
        Family::Meta,
        kind(RELEASE).int(place).into_bytes(),
        entry.encode(),
    ));
    writes.push(put(
        Family::Meta,
        kind(MOVE).int(place).into_bytes(),
        moved.encode(),
    ));
    writes.push(put(
        Family::Meta,
        kind(CHANNEL).string(MAIN_CHANNEL).into_bytes(),
        head.encode(),
    ));
}

fn put(family: Family, key: Vec<u8>, value: Vec<u8>) -> Write {
    Write {
        family,
        key,
        value: Some(value),
    }
}
