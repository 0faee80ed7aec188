//! What is recorded about names of code: heads, logs, changes, and the counter of versions.

use crate::blob::Hash;
use crate::key;
use crate::record::{RecordBuilder, RecordReader};

/// The kinds of keys in `meta`, after the tenant.
pub(crate) const HEAD: &str = "name";
pub(crate) const LOG: &str = "log";
pub(crate) const CHANGE: &str = "change";
pub(crate) const VERSION: &str = "version";

const REMOVED: u8 = 0;
const WRITTEN: u8 = 1;

/// The number of a change to a tenant's code: 1 for the first, each one more than the last.
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

/// One change, over all names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeEntry {
    /// The change.
    pub version: CodeVersion,
    /// When it was made.
    pub time_us: i64,
    /// The names that it wrote.
    pub written: Vec<String>,
    /// The names that it removed.
    pub removed: Vec<String>,
}

/// What stands under a name now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) hash: Hash,
    pub(crate) version: u64,
    pub(crate) time_us: i64,
    pub(crate) n_bytes: u64,
}

impl Head {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let record = RecordBuilder::new()
            .fixed(self.hash.as_bytes())
            .number(self.version);
        record.time(self.time_us).number(self.n_bytes).finish()
    }

    pub(crate) fn decode(record: &[u8]) -> Option<Head> {
        let mut reader = RecordReader::new(record)?;
        let hash = Hash::from_bytes(reader.fixed()?);
        let head = Head {
            hash,
            version: reader.number()?,
            time_us: reader.time()?,
            n_bytes: reader.number()?,
        };
        reader.finish()?;
        Some(head)
    }
}

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

impl ChangeEntry {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let names = self.removed.iter().map(|name| (REMOVED, name));
        let names = names.chain(self.written.iter().map(|name| (WRITTEN, name)));
        let record = RecordBuilder::new().time(self.time_us);
        names
            .fold(record, |record, (kind, name)| record.byte(kind).text(name))
            .finish()
    }

    pub(crate) fn decode(version: u64, record: &[u8]) -> Option<ChangeEntry> {
        let mut reader = RecordReader::new(record)?;
        let time_us = reader.time()?;
        let (mut written, mut removed) = (Vec::new(), Vec::new());
        while reader.finish().is_none() {
            match reader.byte()? {
                REMOVED => removed.push(reader.text()?.to_owned()),
                WRITTEN => written.push(reader.text()?.to_owned()),
                _ => return None,
            }
        }
        Some(ChangeEntry {
            version: CodeVersion(version),
            time_us,
            written,
            removed,
        })
    }
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
        let head = Head {
            hash,
            version: 3,
            time_us: -5,
            n_bytes: 9,
        }
        .encode();
        let written = LogEntry {
            version: CodeVersion(3),
            time_us: 7,
            written: Some((hash, 9)),
        };
        let removed = LogEntry {
            written: None,
            ..written
        };
        assert!(
            Head::decode(&head)
                == Some(Head {
                    hash,
                    version: 3,
                    time_us: -5,
                    n_bytes: 9
                })
        );
        for entry in [written, removed] {
            let record = entry.encode();
            assert_eq!(LogEntry::decode(3, &record), Some(entry));
            assert!((0..record.len()).all(|n_bytes| LogEntry::decode(3, &record[..n_bytes]).is_none()));
        }
        assert!((0..head.len()).all(|n_bytes| Head::decode(&head[..n_bytes]).is_none()));
        let change = ChangeEntry {
            version: CodeVersion(3),
            time_us: 1,
            written: vec!["b".to_owned(), "c".to_owned()],
            removed: vec!["a".to_owned()],
        };
        assert_eq!(ChangeEntry::decode(3, &change.encode()), Some(change));
    }
}
