//! The files that a command's arguments name.

use std::path::{Path, PathBuf};

use crate::console;
use crate::exit::Exit;

/// Endings of sources.
const ENDINGS: [&str; 2] = ["slp", "sxs"];

/// The sources that these paths name: files as they are, directories with everything below them that is not hidden and not
/// cargo's `target`; by name.
///
/// # Errors
/// When a path is not there; that was told.
pub fn sources(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Exit> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            // As people write it: `a.slp`, not `./a.slp`.
            let mut inside = Vec::new();
            below(path, &mut inside);
            found.extend(
                inside
                    .into_iter()
                    .map(|file| file.strip_prefix(".").map_or(file.clone(), Path::to_path_buf)),
            );
        } else if path.exists() {
            found.push(path.clone());
        } else {
            console::complain(&format!("error: there is no file {}\n", path.display()));
            return Err(Exit::Usage);
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|path| seen.insert(path.clone()));
    Ok(found)
}

fn below(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| is_wanted(path))
        .collect();
    paths.sort();
    for path in paths {
        // A link may lead back up.
        if path.is_dir() && !path.is_symlink() {
            below(&path, found);
        } else if path.is_file()
            && path
                .extension()
                .is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
        {
            found.push(path);
        }
    }
}

fn is_wanted(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let is_built = name == "target" && path.join("CACHEDIR.TAG").exists();
    !name.starts_with('.') && !is_built
}
