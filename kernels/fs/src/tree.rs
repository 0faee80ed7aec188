//! Directories, and all that is below them.

use crate::error::failed;
use std::fs::{self, Metadata};
use std::path::Path;
use std::time::UNIX_EPOCH;
use sup_kernel::{Context, Error, ListKind, Result, Value};

/// Most files that a walk answers.
const MAX_WALK: usize = 1_000_000;
/// How many files are looked at between looks at the fiber's limits.
const STEPS: usize = 256;

/// Names in a directory, sorted.
pub fn names(resolved: &str, shown: &str) -> Result<Vec<String>> {
    let entries = fs::read_dir(resolved).map_err(failed("list", shown))?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names
        .collect::<std::io::Result<_>>()
        .map_err(failed("list", shown))?;
    names.sort();
    Ok(names)
}

/// A map of what metadata says, under a name or path when there is one.
pub fn described<'c>(cx: &'c Context, label: Option<(&str, &str)>, data: &Metadata) -> Result<Value<'c>> {
    let kind = match data.file_type() {
        kind if kind.is_file() => "file",
        kind if kind.is_dir() => "dir",
        kind if kind.is_symlink() => "link",
        _ => "other",
    };
    let modified = data
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.map_or(0, |since| since.as_micros() as i64);
    let mut pairs = Vec::with_capacity(4);
    if let Some((key, text)) = label {
        pairs.push((cx.keyword(key)?, cx.text(text)?));
    }
    pairs.push((cx.keyword("kind")?, cx.keyword(kind)?));
    pairs.push((cx.keyword("size")?, cx.int(data.len() as i64)?));
    pairs.push((cx.keyword("modified")?, cx.int(modified)?));
    cx.map(&pairs)
}

/// Maps of what is in a directory.
pub fn list<'c>(cx: &'c Context, resolved: &str, shown: &str) -> Result<Value<'c>> {
    let mut described_entries = Vec::new();
    for name in names(resolved, shown)? {
        // What vanished since the directory was read is left out.
        if let Ok(data) = fs::symlink_metadata(Path::new(resolved).join(&name)) {
            described_entries.push(described(cx, Some(("name", &name)), &data)?);
        }
    }
    cx.list(ListKind::Brace, &described_entries)
}

/// Goes through all that is below a directory, in order, directories before what is in them; `enter` says
/// whether to go on into a name, `visit` gets the path below the root.
fn traverse(
    cx: &Context,
    root: &str,
    shown: &str,
    enter: impl Fn(&str) -> bool,
    mut visit: impl FnMut(&str, &Metadata) -> Result<()>,
) -> Result<()> {
    let mut waiting = vec![String::new()];
    let mut n_seen = 0;
    while let Some(below) = waiting.pop() {
        let path = Path::new(root).join(&below);
        let data = match fs::symlink_metadata(&path) {
            Ok(data) => data,
            // What vanished since its directory was read is left out; the root must be there.
            Err(_) if !below.is_empty() => continue,
            Err(error) => return Err(failed("walk", shown)(error)),
        };
        n_seen += 1;
        if n_seen % STEPS == 0 && cx.is_interrupted() {
            return Err(Error::new("fs/interrupted", "the walk was interrupted"));
        }
        visit(&below, &data)?;
        if !data.is_dir() {
            continue;
        }
        let names = match names(&path.to_string_lossy(), shown) {
            Ok(names) => names,
            Err(_) if !below.is_empty() => continue,
            Err(error) => return Err(error),
        };
        let separator = if below.is_empty() { "" } else { "/" };
        let inside = names.into_iter().rev().filter(|name| enter(name));
        waiting.extend(inside.map(|name| format!("{below}{separator}{name}")));
    }
    Ok(())
}

/// Number of files and directories, the root included.
pub fn count(cx: &Context, root: &str) -> Result<i64> {
    let mut n_entries = 0;
    traverse(
        cx,
        root,
        root,
        |_| true,
        |_, _| {
            n_entries += 1;
            Ok(())
        },
    )?;
    Ok(n_entries)
}

/// Maps of all files below a directory.
pub fn walk<'c>(cx: &'c Context, resolved: &str, shown: &str, skip: Option<Value<'_>>) -> Result<Value<'c>> {
    let skipped = skip.map(skipped_names).transpose()?.unwrap_or_default();
    let mut files = Vec::new();
    let enter = |name: &str| !skipped.iter().any(|skipped| skipped == name);
    traverse(cx, resolved, shown, enter, |below, data| {
        if !data.is_file() {
            return Ok(());
        }
        if files.len() == MAX_WALK {
            return Err(Error::new(
                "fs/too-many",
                format!("there are more than {MAX_WALK} files below {shown}"),
            ));
        }
        let path = if below.is_empty() {
            shown.to_owned()
        } else {
            format!("{}/{below}", shown.trim_end_matches('/'))
        };
        files.push(described(cx, Some(("path", &path)), data)?);
        Ok(())
    })?;
    cx.list(ListKind::Brace, &files)
}

fn skipped_names(skip: Value<'_>) -> Result<Vec<String>> {
    let wrong = || Error::type_mismatch("the names to skip must be a list of strings");
    let names = skip.elements().ok_or_else(wrong)?;
    names
        .iter()
        .map(|name| name.as_text().map(str::to_owned).ok_or_else(wrong))
        .collect()
}
