//! Paths as texts.

use std::path::{Path, PathBuf};
use sup_kernel::{Rest, Result};

/// Parts joined with the separator.
pub fn join(parts: &Rest<'_, &str>) -> Result<String> {
    let mut joined = PathBuf::new();
    for part in parts.iter() {
        joined.push(part?);
    }
    Ok(joined.to_string_lossy().into_owned())
}

/// The last part of a path.
pub fn base_name(path: &str) -> String {
    Path::new(path)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// A path without its last part.
pub fn dir_name(path: &str) -> String {
    Path::new(path)
        .parent()
        .map(|parent| parent.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// What follows the last dot in the last part.
pub fn extension(path: &str) -> Option<String> {
    Path::new(path)
        .extension()
        .map(|extension| extension.to_string_lossy().into_owned())
}
