//! Where kernels are looked for, and what their names can be.

use crate::error::LoadError;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use sup_abi::kernel::MAX_NAME_BYTES;

/// The name of a declaration's file.
const DECLARATION: &str = "kernel.slp";
/// Largest declaration that is read, in bytes.
const MAX_DECLARATION_BYTES: u64 = 4 << 20;

/// Directories in the order in which they are searched. In each, a kernel `NAME` is a directory `NAME` with a
/// `kernel.slp` and the library beside it, or the library alone.
#[derive(Clone, Debug, Default)]
pub struct SearchPath {
    directories: Vec<PathBuf>,
}

/// A kernel that was found and not opened yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The name that it was asked for by; nothing when a file was named.
    pub name: Option<String>,
    /// The library.
    pub library: PathBuf,
    /// Path and text of its declaration, when there is one.
    pub declaration: Option<(PathBuf, String)>,
    /// Libraries of the same name further on in the search path.
    pub shadowed: Vec<PathBuf>,
}

impl SearchPath {
    /// Searches these directories.
    #[must_use]
    pub fn new(directories: Vec<PathBuf>) -> SearchPath {
        SearchPath { directories }
    }

    /// The directories.
    #[must_use]
    pub fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Finds a kernel by name: the first match wins, the others are told.
    ///
    /// # Errors
    /// When the name is none, nothing is found, or a declaration cannot be read.
    pub fn find(&self, name: &str) -> Result<Found, LoadError> {
        check_name(name)?;
        let mut libraries = self
            .directories
            .iter()
            .filter_map(|directory| library_in(directory, name));
        let searched = || {
            self.directories
                .iter()
                .map(|directory| directory.display().to_string())
                .collect()
        };
        let missing = || LoadError::Missing {
            name: name.to_owned(),
            searched: searched(),
        };
        let library = libraries.next().ok_or_else(missing)?;
        let shadowed = libraries.collect();
        let declaration = declaration_beside(&library, name)?;
        Ok(Found {
            name: Some(name.to_owned()),
            library,
            declaration,
            shadowed,
        })
    }
}

impl Found {
    /// A library named by its path.
    #[must_use]
    pub fn file(library: &Path) -> Found {
        Found {
            name: None,
            library: library.to_owned(),
            declaration: None,
            shadowed: Vec::new(),
        }
    }

    /// A library named by its path, with the declaration that lies beside it.
    ///
    /// # Errors
    /// When the declaration cannot be read.
    pub fn library(library: &Path) -> Result<Found, LoadError> {
        let found = Found::file(library);
        let declaration = read_declaration(&library.with_file_name(DECLARATION))?;
        Ok(Found { declaration, ..found })
    }
}

/// Whether a kernel can have that name: `[a-z][a-z0-9-]*`.
///
/// # Errors
/// `LoadError::Name` when it cannot.
pub fn check_name(name: &str) -> Result<(), LoadError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if starts_well && name.len() <= MAX_NAME_BYTES && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(LoadError::Name {
        name: name.chars().take(MAX_NAME_BYTES).collect(),
    })
}

/// The file name of a kernel's library on this system: `libkernel_NAME.so`, dashes as underscores.
#[must_use]
pub fn library_name(name: &str) -> String {
    format!("{DLL_PREFIX}kernel_{}{DLL_SUFFIX}", name.replace('-', "_"))
}

fn library_in(directory: &Path, name: &str) -> Option<PathBuf> {
    let file = library_name(name);
    let own = directory.join(name).join(&file);
    // What is there and cannot be read, or is no file, is found all the same: nothing further on takes its place.
    [own, directory.join(&file)]
        .into_iter()
        .find(|path| match path.symlink_metadata() {
            Ok(_) => true,
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        })
}

/// The declaration in the kernel's own directory: beside the library, or in the directory of its name there.
fn declaration_beside(library: &Path, name: &str) -> Result<Option<(PathBuf, String)>, LoadError> {
    let Some(directory) = library.parent() else {
        return Ok(None);
    };
    let is_own = directory.file_name().is_some_and(|own| own == name);
    read_declaration(&if is_own {
        directory.join(DECLARATION)
    } else {
        directory.join(name).join(DECLARATION)
    })
}

/// Path and text of a declaration, when there is one.
fn read_declaration(path: &Path) -> Result<Option<(PathBuf, String)>, LoadError> {
    let Ok(data) = fs::metadata(path) else {
        return Ok(None);
    };
    let unreadable = |reason: String| LoadError::Unreadable {
        path: path.display().to_string(),
        reason,
    };
    if data.len() > MAX_DECLARATION_BYTES {
        return Err(unreadable(format!("it has {} bytes", data.len())));
    }
    let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    Ok(Some((path.to_owned(), text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_path_tricks() {
        for name in ["alu", "my-kernel2", "x"] {
            assert_eq!(check_name(name), Ok(()));
        }
        for name in [
            "",
            "../alu",
            "a/b",
            "Alu",
            "2x",
            "-x",
            "a_b",
            "a.b",
            "ä",
            &"x".repeat(65),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_first_match_wins_and_the_others_are_told() {
        let root = std::env::temp_dir().join(format!("sup-search-{}", std::process::id()));
        let (first, second) = (root.join("first"), root.join("second"));
        let file = library_name("alu");
        fs::create_dir_all(first.join("alu")).expect("makes a directory");
        fs::create_dir_all(&second).expect("makes a directory");
        fs::write(second.join(&file), "library").expect("writes");
        let search = SearchPath::new(vec![first.clone(), second.clone()]);
        let found = search.find("alu").expect("the second has it");
        assert_eq!((found.library, found.declaration), (second.join(&file), None));
        fs::write(first.join("alu").join(&file), "library").expect("writes");
        fs::write(first.join("alu/kernel.slp"), "declaration").expect("writes");
        let found = search.find("alu").expect("the first has it now");
        assert_eq!(found.library, first.join("alu").join(&file));
        assert_eq!(found.shadowed, [second.join(&file)]);
        assert_eq!(found.declaration.expect("beside it").1, "declaration");
        let missing = search.find("io").expect_err("nobody has it");
        assert_eq!(missing.code(), "kernel/missing");
        fs::remove_dir_all(root).expect("cleans up");
    }
}
