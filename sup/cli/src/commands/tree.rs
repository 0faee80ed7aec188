//! A tree of files, as it is published and exported.

use std::fs;
use std::path::{Component, Path, PathBuf};

use sup_runtime::Problem;
use sup_runtime::releases::File;

/// Files that a tree may have; the store has its own limit besides.
const MAX_FILES: usize = 100_000;

/// The files below a directory, by path: all that are not hidden, and not cargo's `target`.
///
/// # Errors
/// What cannot be read, and what cannot be published.
pub fn read(directory: &Path) -> Result<Vec<File>, Problem> {
    if !directory.is_dir() {
        let message = format!("there is no directory {}", directory.display());
        return Err(Problem::new("tree/missing", message));
    }
    let mut files = Vec::new();
    let mut waiting: Vec<(PathBuf, String)> = vec![(directory.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = waiting.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&folder, &error))?;
            let path = entry.path();
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                let message = format!("the name of {} is not UTF-8", path.display());
                return Err(Problem::new("tree/name", message));
            };
            if name.starts_with('.') {
                continue;
            }
            let kind = entry.file_type().map_err(|error| unreadable(&path, &error))?;
            if kind.is_dir() {
                if name != "target" {
                    waiting.push((path, format!("{prefix}{name}/")));
                }
            } else if kind.is_file() {
                let bytes = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
                files.push(File {
                    path: format!("{prefix}{name}"),
                    bytes: Some(bytes),
                });
            } else {
                let message = format!("{} is neither a file nor a directory", path.display());
                let hint = "a release holds files; put the file itself there, or leave it out";
                return Err(Problem::new("tree/kind", message).with_hint(hint));
            }
            if files.len() > MAX_FILES {
                let message = format!(
                    "there are more than {MAX_FILES} files below {}",
                    directory.display()
                );
                return Err(Problem::new("tree/size", message));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Checks that a tree may be written there: a directory that is empty, or does not exist yet.
///
/// # Errors
/// When something is there, or it cannot be looked at.
pub fn check_empty(directory: &Path) -> Result<(), Problem> {
    if !directory.exists() {
        return Ok(());
    }
    let mut entries = fs::read_dir(directory).map_err(|error| unreadable(directory, &error))?;
    if entries.next().is_some() {
        let message = format!("{} is not empty", directory.display());
        return Err(
            Problem::new("tree/not-empty", message).with_hint("name a directory that does not exist yet")
        );
    }
    Ok(())
}

/// Writes a file of a tree.
///
/// # Errors
/// When it cannot be written, or its path leaves the tree.
pub fn write(directory: &Path, path: &str, bytes: &[u8]) -> Result<(), Problem> {
    let inside = Path::new(path);
    let is_inside = inside
        .components()
        .all(|step| matches!(step, Component::Normal(_)));
    if !is_inside {
        return Err(Problem::new("tree/name", format!("{path} leaves the tree")));
    }
    let file = directory.join(inside);
    let failed = |error: std::io::Error| {
        Problem::new(
            "tree/write",
            format!("{} cannot be written: {error}", file.display()),
        )
    };
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(&file, bytes).map_err(failed)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new("tree/read", format!("{} cannot be read: {error}", path.display()))
}
