//! Where a store is, and whose it is: the directory, its layout, and the lock that one process holds.
//!
//! A store's directory holds `db/` (RocksDB's own files), `owner.pid` (locked for as long as the store is open; the owner writes
//! its process id into it) and, while an instance runs, `control.sock`.

use crate::fault::StoreError;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

const DATABASE: &str = "db";
const OWNER: &str = "owner.pid";
const CONTROL_SOCKET: &str = "control.sock";
/// What may lie in a directory that is to become a store; `lost+found` is what a fresh file system has.
const EXPECTED: [&str; 4] = [DATABASE, OWNER, CONTROL_SOCKET, "lost+found"];

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// In memory, gone when it is dropped.
    Memory,
    /// In a directory of its own, which is made if it does not exist.
    Directory(PathBuf),
}

/// What may say where the store is, strongest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Candidates<'a> {
    /// `--store DIR`.
    pub given: Option<&'a Path>,
    /// `$SUP_STORE`.
    pub environment: Option<&'a Path>,
    /// The directory of the project, if the command runs in one; its store is `.sup/store` there.
    pub project: Option<&'a Path>,
    /// `$XDG_DATA_HOME`; the store is `sup/default` there.
    pub data_home: Option<&'a Path>,
    /// `$HOME`; data lives in `.local/share` there.
    pub home: Option<&'a Path>,
}

impl StoreLocation {
    /// The location that the strongest candidate names. An empty path counts as none.
    pub fn choose(candidates: &Candidates<'_>) -> Option<StoreLocation> {
        let named = |path: Option<&Path>| {
            path.filter(|path| !path.as_os_str().is_empty())
                .map(Path::to_owned)
        };
        let in_data_home = || Some(named(candidates.data_home)?.join("sup/default"));
        let in_home = || Some(named(candidates.home)?.join(".local/share/sup/default"));
        let in_project = || Some(named(candidates.project)?.join(".sup/store"));
        let chosen = named(candidates.given)
            .or_else(|| named(candidates.environment))
            .or_else(in_project)
            .or_else(in_data_home)
            .or_else(in_home);
        chosen.map(StoreLocation::Directory)
    }

    /// Where an instance that runs on this store listens.
    pub fn control_socket(&self) -> Option<PathBuf> {
        match self {
            StoreLocation::Memory => None,
            StoreLocation::Directory(path) => Some(path.join(CONTROL_SOCKET)),
        }
    }
}

/// A store's directory, held by this process until it is dropped.
pub(crate) struct OwnedDirectory {
    path: PathBuf,
    owner: File,
}

impl OwnedDirectory {
    /// Makes the directory if there is none, and takes its lock.
    pub(crate) fn take(path: &Path) -> Result<OwnedDirectory, StoreError> {
        make_directory(path)?;
        refuse_foreign_files(path)?;
        let owner_path = path.join(OWNER);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&owner_path);
        let owner = opened.map_err(|error| StoreError::from_io(&error, &owner_path))?;
        match owner.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    path: path.to_owned(),
                    owner: owner_of(&owner_path),
                });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::from_io(&error, &owner_path)),
        }
        let directory = OwnedDirectory {
            path: path.to_owned(),
            owner,
        };
        directory.write_owner(&format!("{}\n", std::process::id()));
        Ok(directory)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The lock is the file's lock; its text only serves messages, so a full disk does not keep a store from opening.
    fn write_owner(&self, text: &str) {
        drop(
            self.owner
                .set_len(0)
                .and_then(|()| (&self.owner).write_all(text.as_bytes())),
        );
    }
}

impl Drop for OwnedDirectory {
    fn drop(&mut self) {
        // The file stays: taking it away would let two processes lock two files of the same name. It is unlocked and not only
        // closed, because a child that is being started elsewhere in this process holds a copy of it until it runs.
        drop(self.owner.set_len(0).and_then(|()| self.owner.unlock()));
    }
}

fn make_directory(path: &Path) -> Result<(), StoreError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(StoreError::NotADirectory {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut builder = DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(path).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => StoreError::NotADirectory {
                    path: path.to_owned(),
                },
                _ => StoreError::from_io(&error, path),
            })
        }
        Err(error) => Err(StoreError::from_io(&error, path)),
    }
}

/// A mistyped `--store ~/documents` must not put a database among the documents.
fn refuse_foreign_files(path: &Path) -> Result<(), StoreError> {
    if path.join(DATABASE).is_dir() {
        return Ok(());
    }
    let listed = std::fs::read_dir(path).map_err(|error| StoreError::from_io(&error, path))?;
    for entry in listed {
        let name = entry
            .map_err(|error| StoreError::from_io(&error, path))?
            .file_name();
        if !EXPECTED.iter().any(|expected| name == *expected) {
            return Err(StoreError::NotAStore {
                path: path.to_owned(),
                found: name.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}

/// The process that holds the lock. It writes its id right after it took the lock, so an empty file is worth another look.
fn owner_of(owner_path: &Path) -> Option<u32> {
    const LOOKS: u32 = 10;
    for _ in 0..LOOKS {
        let mut text = String::new();
        File::open(owner_path)
            .ok()?
            .take(32)
            .read_to_string(&mut text)
            .ok()?;
        if let Ok(owner) = text.trim().parse() {
            return Some(owner);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_candidate_names_the_store() {
        let all = Candidates {
            given: Some(Path::new("/given")),
            environment: Some(Path::new("/environment")),
            project: Some(Path::new("/project")),
            data_home: Some(Path::new("/data")),
            home: Some(Path::new("/home/ada")),
        };
        let without_given = Candidates { given: None, ..all };
        let in_project = Candidates {
            environment: Some(Path::new("")),
            ..without_given
        };
        let outside = Candidates {
            project: None,
            ..in_project
        };
        let without_xdg = Candidates {
            data_home: None,
            ..outside
        };
        let cases = [
            (all, "/given"),
            (without_given, "/environment"),
            (in_project, "/project/.sup/store"),
            (outside, "/data/sup/default"),
            (without_xdg, "/home/ada/.local/share/sup/default"),
        ];
        for (candidates, expected) in cases {
            let location = StoreLocation::Directory(PathBuf::from(expected));
            assert_eq!(StoreLocation::choose(&candidates), Some(location.clone()));
            assert_eq!(
                location.control_socket(),
                Some(PathBuf::from(expected).join("control.sock"))
            );
        }
        assert_eq!(StoreLocation::choose(&Candidates::default()), None);
        assert_eq!(StoreLocation::Memory.control_socket(), None);
    }
}
