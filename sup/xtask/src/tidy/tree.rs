//! The files of a checkout with their texts, read once: what every rule looks at.

use std::fs;
use std::path::{Path, PathBuf};

use crate::house::Failure;

/// The files of a checkout, without build products, version control and what this machine alone has.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    files: Vec<File>,
}

/// One file.
#[derive(Debug)]
pub struct File {
    /// Where it lies in the checkout, with `/` between the parts.
    pub path: String,
    /// What it holds; None when it is not UTF-8.
    pub text: Option<String>,
}

/// Folders that hold nothing of ours, wherever they lie.
const SKIPPED_FOLDERS: [&str; 4] = ["target", ".git", ".sup", "node_modules"];

impl Tree {
    /// Reads the checkout.
    pub fn read(root: &Path) -> Result<Tree, Failure> {
        let mut files = Vec::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let failed = |error| Failure::chore(format!("cannot read {}: {error}", folder.display()));
            for entry in fs::read_dir(&folder).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                if path.is_symlink() {
                    continue;
                }
                if path.is_dir() {
                    if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                        folders.push(path);
                    }
                } else {
                    let text = fs::read(&path)
                        .ok()
                        .and_then(|bytes| String::from_utf8(bytes).ok());
                    files.push(File {
                        path: relative(root, &path),
                        text,
                    });
                }
            }
        }
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(Tree {
            root: root.to_path_buf(),
            files,
        })
    }

    /// All files, by path.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// Path and text of the files whose path ends so.
    pub fn texts<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let texts = self
            .files
            .iter()
            .filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)));
        texts.filter(move |(path, _)| path.ends_with(ending))
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path)?.text.as_deref()
    }

    /// Whether a file or folder lies there.
    pub fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The names at the top of the checkout.
    pub fn top_level(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.root) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

fn relative(root: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(root).expect("the walk began at the root");
    let parts: Vec<String> = inner
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    parts.join("/")
}
