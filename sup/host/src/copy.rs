//! A private copy of a library under a path of its own. Opening a path again answers the library that is
//! open, and overwriting a mapped file kills the process; so each load opens a copy that nobody else knows.

use crate::error::LoadError;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A directory that only this user can look into, removed when dropped.
pub struct PrivateDirectory {
    path: PathBuf,
}

impl PrivateDirectory {
    /// Makes one below a directory for temporary files.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn below(parent: &Path) -> Result<PrivateDirectory, LoadError> {
        // Who could rename what is in the parent could put another library in the copy's place.
        let parent = &crate::places::check(parent)?.path;
        static LAST: AtomicU64 = AtomicU64::new(0);
        for _ in 0..100 {
            let number = LAST.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("sup-kernels-{}-{number}", std::process::id()));
            match make_private(&path) {
                Ok(()) => return Ok(PrivateDirectory { path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(unreadable(&path, &error)),
            }
        }
        let taken = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        Err(unreadable(parent, &taken))
    }

    /// Writes bytes to a new file and answers its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, LoadError> {
        let path = self.path.join(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        file.and_then(|mut file| file.write_all(bytes))
            .map_err(|error| unreadable(&path, &error))?;
        Ok(path)
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        // A file that is mapped lives on without its name.
        fs::remove_dir_all(&self.path).ok();
    }
}

#[cfg(unix)]
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> std::io::Result<()> {
    fs::create_dir(path)
}

fn unreadable(path: &Path, error: &std::io::Error) -> LoadError {
    LoadError::Unreadable {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}
