//! The directory of what can be made again: `$XDG_CACHE_HOME/sup`, else `~/.cache/sup`.

use std::env;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use sup_runtime::Problem;

use crate::console;

/// The cache's directory.
///
/// # Errors
/// When neither variable says where it is.
pub fn directory() -> Result<PathBuf, Problem> {
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    base.map(|base| base.join("sup")).ok_or_else(|| {
        Problem::new("build/cache", "there is no directory for what is built")
            .with_hint("set XDG_CACHE_HOME or HOME to an absolute path")
    })
}

/// Where a project's own part of the cache is, by the project's directory.
///
/// # Errors
/// When there is no cache.
pub fn of_project(root: &Path) -> Result<PathBuf, Problem> {
    let id = blake3::hash(root.as_os_str().as_encoded_bytes()).to_hex();
    Ok(directory()?.join("projects").join(&id.as_str()[..32]))
}

/// Held by whoever builds or removes a project's part of the cache; let go when it is dropped.
pub struct Lock(#[expect(dead_code, reason = "closing the file lets go")] File);

impl Lock {
    /// Waits until nobody else builds that project, and says so when it has to wait.
    ///
    /// # Errors
    /// When the lock's file cannot be made.
    pub fn of(project_cache: &Path, voice: Voice) -> Result<Lock, Problem> {
        let path = project_cache.with_extension("lock");
        let open = || -> io::Result<File> {
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            // Beside the directory and not in it, so that removing one does not take away what others wait for.
            let file = File::options().create(true).append(true).open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => {
                    voice.say("waiting: another process builds this project\n");
                    file.lock()?;
                }
            }
            Ok(file)
        };
        open().map(Lock).map_err(|error| unusable(&path, &error))
    }
}

/// Whether progress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// As lines on standard error.
    Lines,
    /// Not at all: standard error holds lines of JSON.
    Silent,
}

impl Voice {
    /// Tells something on the way.
    pub fn say(self, text: &str) {
        if self == Voice::Lines {
            console::complain(text);
        }
    }
}

/// A file or directory that could not be used.
pub fn unusable(path: &Path, error: &io::Error) -> Problem {
    Problem::new("build/file", format!("{}: {error}", path.display()))
}

/// Adds a part with its length, so that two lists of parts never look alike.
pub fn add(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes());
    hasher.update(part);
}

/// Bytes in the files below a path, without following links.
pub fn n_bytes(path: &Path) -> u64 {
    let Ok(data) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !data.is_dir() {
        return data.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| n_bytes(&entry.path())).sum()
}
