//! What is recorded about releases and the names in them: records of releases, logs of names, counters.

use crate::blob::Hash;
use crate::key;
use crate::record::{RecordBuilder, RecordReader};

/// The kinds of keys in `meta`, after the tenant.
pub(crate) const LOG: &str = "log";
pub(crate) const RELEASE: &str = "release";
pub(crate) const CHANNEL: &str = "channel";
pub(crate) const MOVE: &str = "move";
pub(crate) const VERSION: &str = "version";
pub(crate) const EPOCH: &str = "epoch";

const REMOVED: u8 = 0;
const WRITTEN: u8 = 1;

/// The number of a release of a tenant's code: 1 for the first, each one more than the last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct CodeVersion(pub u64);

/// One line of a name's history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogEntry {
    /// The change.
    pub version: CodeVersion,
    /// When it was made.
    pub time_us: i64,
    /// The hash and the size of the blob that was written; `None` where the name was removed.
    pub written: Option<(Hash, u64)>,
}

/// One release, as the history tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReleaseEntry {
    /// Its number.
    pub version: CodeVersion,
    /// The hash of its manifest.
    pub manifest: Hash,
    /// The release that it was made from; 0 for none.
    pub parent: u64,
    /// When it was made.
    pub time_us: i64,
    /// Who made it.
    pub author: String,
    /// What they said of it.
    pub message: String,
    /// What it wrote: names of code, and paths of assets with `/` before them.
    pub written: Vec<String>,
    /// What it removed.
    pub removed: Vec<String>,
}

impl ReleaseEntry {
    /// Its number and the beginning of its manifest's hash: `12-3fa9c1`.
    pub fn id(&self) -> String {
        release_id(self.version.0, &self.manifest)
    }
}

/// What people call a release: its number and the beginning of its manifest's hash.
pub fn release_id(number: u64, manifest: &Hash) -> String {
    let hash = manifest.to_string();
    format!("{number}-{}", &hash[..ID_DIGITS])
}

/// Digits of the manifest's hash in the name of a release.
const ID_DIGITS: usize = 6;

impl LogEntry {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let record = RecordBuilder::new().time(self.time_us);
        match &self.written {
            None => record.byte(REMOVED).finish(),
            Some((hash, n_bytes)) => record
                .byte(WRITTEN)
                .fixed(hash.as_bytes())
                .number(*n_bytes)
                .finish(),
        }
    }

    pub(crate) fn decode(version: u64, record: &[u8]) -> Option<LogEntry> {
        let mut reader = RecordReader::new(record)?;
        let time_us = reader.time()?;
        let written = match reader.byte()? {
            REMOVED => None,
            WRITTEN => Some((Hash::from_bytes(reader.fixed()?), reader.number()?)),
            _ => return None,
        };
        reader.finish()?;
        Some(LogEntry {
            version: CodeVersion(version),
            time_us,
            written,
        })
    }
}

impl ReleaseEntry {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let names = self.removed.iter().map(|name| (REMOVED, name));
        let names = names.chain(self.written.iter().map(|name| (WRITTEN, name)));
        let record = RecordBuilder::new()
            .fixed(self.manifest.as_bytes())
            .number(self.parent)
            .time(self.time_us)
            .text(&self.author)
            .text(&self.message);
        names
            .fold(record, |record, (kind, name)| record.byte(kind).text(name))
            .finish()
    }

    pub(crate) fn decode(version: u64, record: &[u8]) -> Option<ReleaseEntry> {
        let mut reader = RecordReader::new(record)?;
        let mut entry = ReleaseEntry {
            version: CodeVersion(version),
            manifest: Hash::from_bytes(reader.fixed()?),
            parent: reader.number()?,
            time_us: reader.time()?,
            author: reader.text()?.to_owned(),
            message: reader.text()?.to_owned(),
            written: Vec::new(),
            removed: Vec::new(),
        };
        read_names(reader, &mut entry.written, &mut entry.removed)?;
        Some(entry)
    }
}

/// Reads the names that end a record.
pub(crate) fn read_names(
    mut reader: RecordReader<'_>,
    written: &mut Vec<String>,
    removed: &mut Vec<String>,
) -> Option<()> {
    while reader.finish().is_none() {
        match reader.byte()? {
            REMOVED => removed.push(reader.text()?.to_owned()),
            WRITTEN => written.push(reader.text()?.to_owned()),
            _ => return None,
        }
    }
    Some(())
}

/// The version at the end of a key of the log or of the changes.
pub(crate) fn last_number(key: &[u8]) -> Option<u64> {
    let last = key::parts(key).last()?.ok()?;
    u64::try_from(last.as_int()?).ok()
}

pub(crate) fn decode_counter(record: &[u8]) -> Option<u64> {
    let mut reader = RecordReader::new(record)?;
    let counter = reader.number()?;
    reader.finish()?;
    Some(counter)
}

pub(crate) fn encode_counter(counter: u64) -> Vec<u8> {
    RecordBuilder::new().number(counter).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_no_truncation_passes() {
        let hash = Hash::of(b"x");
        let written = LogEntry {
            version: CodeVersion(3),
            time_us: 7,
            written: Some((hash, 9)),
        };
        let removed = LogEntry {
            written: None,
            ..written
        };
        for entry in [written, removed] {
            let record = entry.encode();
            assert_eq!(LogEntry::decode(3, &record), Some(entry));
            assert!((0..record.len()).all(|n_bytes| LogEntry::decode(3, &record[..n_bytes]).is_none()));
        }
        let release = ReleaseEntry {
            version: CodeVersion(3),
            manifest: hash,
            parent: 2,
            time_us: 1,
            author: "ada".to_owned(),
            message: String::new(),
            written: vec!["b".to_owned(), "c".to_owned()],
            removed: vec!["a".to_owned()],
        };
        assert_eq!(ReleaseEntry::decode(3, &release.encode()), Some(release));
    }
}
