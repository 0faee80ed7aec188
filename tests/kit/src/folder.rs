//! Folders for one test each, gone when the value is.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own for a test; it is removed with everything in it when the value is dropped, unless the test panics: then
/// it stays, and its path is printed.
#[derive(Debug)]
pub struct TempFolder {
    path: PathBuf,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl TempFolder {
    /// An empty folder; the name only helps a reader of the file system.
    pub fn new(name: &str) -> TempFolder {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("sup-test-{name}-{}-{number}", std::process::id()));
        // What an earlier process of the same number left behind is not ours to read.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the temporary folder can be written");
        TempFolder { path }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something in it.
    pub fn join(&self, path: &str) -> PathBuf {
        self.path.join(path)
    }

    /// Writes a file, and the folders above it; returns its path.
    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(path);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("the folder can be made");
        fs::write(&path, contents).expect("the file can be written");
        path
    }

    /// Reads a file as text.
    pub fn read(&self, path: &str) -> String {
        let path = self.path.join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the test's folder is kept: {}", self.path.display());
        } else {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_gone_with_its_value() {
        let path = {
            let folder = TempFolder::new("gone");
            folder.write("deep/in/it.txt", "text");
            assert_eq!(folder.read("deep/in/it.txt"), "text");
            folder.path().to_path_buf()
        };
        assert!(!path.exists());
    }

    #[test]
    fn two_folders_of_one_name_are_two() {
        assert_ne!(TempFolder::new("same").path(), TempFolder::new("same").path());
    }
}
