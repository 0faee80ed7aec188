//! Everything that can go wrong with a store, as data with a stable code.

use crate::family::Family;
use std::path::PathBuf;

/// Why a release is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseFate {
    /// There never was one of that number.
    Never,
    /// It was collected, since nothing needed it.
    Collected,
}

/// What a store answers when it cannot do what was asked. Cloned to every member of a group that failed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Another process, or another opening in this one, owns the store.
    Locked {
        /// The directory of the store.
        path: PathBuf,
        /// The process that owns it, as far as it has said so.
        owner: Option<u32>,
    },
    /// The store was written by a newer release.
    Schema {
        /// The schema version found.
        found: u32,
        /// The newest version that this release reads.
        supported: u32,
    },
    /// The path of a store names something that is no directory.
    NotADirectory {
        /// The path given.
        path: PathBuf,
    },
    /// The directory holds other files and no store.
    NotAStore {
        /// The path given.
        path: PathBuf,
        /// One thing that was found there.
        found: String,
    },
    /// The file system does not let this user read or write the store.
    Denied {
        /// The path that was refused.
        path: PathBuf,
    },
    /// This build of the crate has no stores in directories.
    NoDisk {
        /// The path given.
        path: PathBuf,
    },
    /// No durable store is open, and the request needs one.
    Missing,
    /// The disk, or the memory given to a memory store, is full.
    Full {
        /// What the system said.
        detail: String,
    },
    /// Reading or writing failed.
    Io {
        /// What the system said.
        detail: String,
    },
    /// Bytes in the store are not what they must be.
    Corrupt {
        /// Where, and what is wrong.
        detail: String,
    },
    /// The store has been closed.
    Closed,
    /// A condition of the batch does not hold; nothing was written.
    Conflict {
        /// The place of the condition in the batch.
        condition_idx: usize,
    },
    /// The version that a condition names lies too far back to be judged; nothing was written.
    TooOld {
        /// The place of the condition in the batch.
        condition_idx: usize,
    },
    /// Others changed the same key at every try.
    Contended {
        /// How many tries were made.
        n_attempts: usize,
    },
    /// The transaction only reads.
    ReadOnly,
    /// A transaction reached for a namespace of another store than the one that it began with.
    OtherStore,
    /// Too many commits wait already.
    Busy,
    /// A limit would be exceeded.
    TooLarge {
        /// What is too large: the field of `StoreLimits` in words.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Another release was published, or another one made the head, since the one that this one was made from.
    Moved {
        /// The release that is the head now.
        head: u64,
    },
    /// There is no release of that number, or no longer.
    NoRelease {
        /// The number.
        number: u64,
        /// Whether it was collected.
        fate: ReleaseFate,
    },
    /// The parts of a split are none, name a release twice, or have no weight.
    Split {
        /// What is wrong.
        detail: &'static str,
    },
    /// Bytes that are no key.
    Key {
        /// The byte at which they stop being one.
        offset: usize,
        /// What is wrong there.
        detail: &'static str,
    },
    /// A name that cannot be given to code, a namespace or a tenant.
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        detail: &'static str,
    },
}

impl StoreError {
    /// The stable code, as programs see it.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Locked { .. } => "store/locked",
            StoreError::Schema { .. } => "store/schema",
            StoreError::NotADirectory { .. } => "store/not-a-directory",
            StoreError::NotAStore { .. } => "store/not-a-store",
            StoreError::Denied { .. } => "store/denied",
            StoreError::NoDisk { .. } => "store/no-disk",
            StoreError::Missing => "store/missing",
            StoreError::Full { .. } => "store/full",
            StoreError::Io { .. } => "store/io",
            StoreError::Corrupt { .. } => "store/corrupt",
            StoreError::Closed => "store/closed",
            StoreError::Conflict { .. } => "store/conflict",
            StoreError::TooOld { .. } => "store/too-old",
            StoreError::Contended { .. } => "store/contended",
            StoreError::ReadOnly => "store/read-only",
            StoreError::OtherStore => "store/other-store",
            StoreError::Busy => "store/busy",
            StoreError::TooLarge { .. } => "store/too-large",
            StoreError::Moved { .. } => "release/moved",
            StoreError::NoRelease { .. } => "release/unknown",
            StoreError::Split { .. } => "release/split",
            StoreError::Key { .. } => "store/key",
            StoreError::Name { .. } => "store/name",
        }
    }

    /// What the reader of the message may do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            StoreError::Locked {
                owner: Some(owner), ..
            } => {
                return Some(format!(
                    "process {owner} has it open: stop it, or speak to it over its control socket"
                ));
            }
            StoreError::Locked { owner: None, .. } => {
                "one process owns a store: stop it, or choose another store"
            }
            StoreError::Schema { .. } => "use the release that wrote it, or a newer one",
            StoreError::NotADirectory { .. } => "a store is a directory of its own",
            StoreError::NotAStore { .. } => "choose an empty directory, or one that does not exist yet",
            StoreError::Denied { .. } => "check who owns the directory and what it permits",
            StoreError::NoDisk { .. } => "build sup-store with its feature `disk`",
            StoreError::Missing => "open a store first, or use a namespace in memory",
            StoreError::Full { .. } => "make room; nothing that was acknowledged is lost",
            StoreError::Corrupt { .. } => "verify lists all that is damaged; restore it from a backup",
            StoreError::Conflict { .. } => "read again and try again",
            StoreError::TooOld { .. } => "take a new snapshot and try again",
            StoreError::Contended { .. } | StoreError::Busy => "try again later",
            StoreError::ReadOnly => "write in a transaction that is not read-only",
            StoreError::OtherStore => "a transaction spans the namespaces of one store; use two transactions",
            StoreError::TooLarge { .. } => "split it, or raise the limit",
            StoreError::Moved { .. } => "look at what changed, and publish again",
            StoreError::NoRelease { .. } => "`sup log` tells the releases that are kept",
            StoreError::Split { .. } => "such as `sup split 12=95 13=5`",
            StoreError::Name { .. } => "a name is a path such as `util/sum`",
            StoreError::Io { .. } | StoreError::Closed | StoreError::Key { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// Says whether another try, from a new snapshot, may succeed.
    pub fn is_conflict(&self) -> bool {
        matches!(self, StoreError::Conflict { .. } | StoreError::TooOld { .. })
    }

    pub(crate) fn corrupt_entry(family: Family, key: &[u8], detail: &str) -> StoreError {
        StoreError::Corrupt {
            detail: format!("{family} {}: {detail}", shown_key(key)),
        }
    }

    /// Translates an error of the file system at `path`.
    pub(crate) fn from_io(error: &std::io::Error, path: &std::path::Path) -> StoreError {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::Denied {
                path: path.to_owned(),
            },
            ErrorKind::NotADirectory => StoreError::NotADirectory {
                path: path.to_owned(),
            },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StoreError::Full {
                detail: format!("{}: {error}", path.display()),
            },
            _ => StoreError::Io {
                detail: format!("{}: {error}", path.display()),
            },
        }
    }
}

/// Shows a key in a message: printable ASCII as it is, the rest as hexadecimal escapes, the tail of a long one cut.
pub(crate) fn shown_key(key: &[u8]) -> String {
    const SHOWN_BYTES: usize = 64;
    let mut shown: String = key
        .iter()
        .take(SHOWN_BYTES)
        .flat_map(|byte| byte.escape_ascii())
        .map(char::from)
        .collect();
    if key.len() > SHOWN_BYTES {
        shown.push('…');
    }
    shown
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreError::Locked {
                path,
                owner: Some(owner),
            } => {
                write!(out, "the store {} is held by process {owner}", path.display())
            }
            StoreError::Locked { path, owner: None } => {
                write!(out, "the store {} is held by another process", path.display())
            }
            StoreError::Schema { found, supported } => {
                write!(
                    out,
                    "the store has schema {found}, this release reads up to {supported}"
                )
            }
            StoreError::NotADirectory { path } => write!(out, "{} is not a directory", path.display()),
            StoreError::NotAStore { path, found } => {
                write!(out, "{} holds `{found}` and no store", path.display())
            }
            StoreError::Denied { path } => write!(out, "no permission for {}", path.display()),
            StoreError::NoDisk { path } => {
                write!(
                    out,
                    "there are stores in memory only, and none at {}",
                    path.display()
                )
            }
            StoreError::Missing => out.write_str("no durable store is open"),
            StoreError::Full { detail } => write!(out, "no room to write: {detail}"),
            StoreError::Io { detail } => write!(out, "the store cannot be read or written: {detail}"),
            StoreError::Corrupt { detail } => write!(out, "the store is damaged: {detail}"),
            StoreError::Closed => out.write_str("the store is closed"),
            StoreError::Conflict { condition_idx } => {
                write!(out, "condition {condition_idx} of the batch does not hold")
            }
            StoreError::TooOld { condition_idx } => {
                write!(
                    out,
                    "condition {condition_idx} of the batch names a version too far back"
                )
            }
            StoreError::Contended { n_attempts } => {
                write!(out, "others changed the key at each of {n_attempts} tries")
            }
            StoreError::ReadOnly => out.write_str("the transaction only reads"),
            StoreError::OtherStore => {
                out.write_str("the namespace lies in another store than the transaction")
            }
            StoreError::Busy => out.write_str("too many commits wait already"),
            StoreError::TooLarge { what, size, limit } => {
                write!(out, "{what}: {size} is over the limit of {limit}")
            }
            StoreError::Moved { head } => {
                write!(out, "meanwhile the head has moved to release {head}")
            }
            StoreError::NoRelease {
                number,
                fate: ReleaseFate::Never,
            } => write!(out, "there is no release {number}"),
            StoreError::NoRelease {
                number,
                fate: ReleaseFate::Collected,
            } => write!(out, "release {number} is gone: nothing needed it"),
            StoreError::Split { detail } => write!(out, "this is no split of requests: {detail}"),
            StoreError::Key { offset, detail } => write!(out, "no key: {detail} at byte {offset}"),
            StoreError::Name { name, detail } => {
                write!(out, "`{}` is no name: {detail}", name.escape_debug())
            }
        }
    }
}

impl std::error::Error for StoreError {}
