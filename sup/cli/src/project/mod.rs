//! Projects: a directory with an `init.slp`, kernels and modules of its own, tests, and a `project.slp` that says what it needs.

pub mod build;
pub mod cache;
pub mod compiler;
pub mod kernel;
pub mod manifest;
pub mod needs;
pub mod sdk;
pub mod sources;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sup_runtime::Problem;

use manifest::Manifest;

/// The file that a project is run by.
pub const INIT: &str = "init.slp";
/// Longest name of a project or kernel, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its directory, without links.
    pub root: PathBuf,
    /// What its `project.slp` says, if it has one.
    pub manifest: Option<Manifest>,
}

impl Project {
    /// The project that a path belongs to: the nearest directory at or above it with a `project.slp`, else the directory itself
    /// when it has an `init.slp`. A project of somebody else is not looked for above.
    ///
    /// # Errors
    /// When its `project.slp` is wrong.
    pub fn of(path: &Path) -> Result<Option<Project>, Problem> {
        let Ok(path) = path.canonicalize() else {
            return Ok(None);
        };
        let has_manifest = |directory: &&Path| directory.join(manifest::FILE).is_file();
        let above = path.ancestors().take_while(|directory| is_ours(directory, &path));
        if let Some(root) = above.into_iter().find(has_manifest) {
            let manifest = Manifest::read(&root.join(manifest::FILE))?;
            return Ok(Some(Project {
                root: root.to_owned(),
                manifest: Some(manifest),
            }));
        }
        let is_project = path.join(INIT).is_file();
        Ok(is_project.then_some(Project {
            root: path,
            manifest: None,
        }))
    }

    /// Its name: what `project.slp` says, else that of its directory.
    pub fn name(&self) -> String {
        let of_directory = || {
            let name = self.root.file_name().unwrap_or(self.root.as_os_str());
            name.to_string_lossy().into_owned()
        };
        let said = self.manifest.as_ref().map(|manifest| manifest.name.clone());
        said.unwrap_or_else(of_directory)
    }

    /// Where its modules are.
    pub fn modules(&self) -> PathBuf {
        self.root.join("modules")
    }

    /// The names of its kernels, in order: the directories below `kernels`.
    ///
    /// # Errors
    /// When they cannot be listed, and for a name that no kernel can have.
    pub fn kernel_names(&self) -> Result<Vec<String>, Problem> {
        let directory = self.root.join("kernels");
        if !directory.is_dir() {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        let refused = |error: std::io::Error| cache::unusable(&directory, &error);
        for entry in fs::read_dir(&directory).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() && !name.starts_with('.') {
                check_name(&name, "kernel")?;
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

/// Whether a directory above a path may say how it is run: not when somebody else owns it, who could put a project there.
fn is_ours(directory: &Path, path: &Path) -> bool {
    if directory == path {
        return true;
    }
    let owner = |path: &Path| fs::metadata(path).map(|data| data.uid());
    let own = nix::unistd::geteuid().as_raw();
    owner(directory).is_ok_and(|uid| uid == own)
        && owner(&directory.join(manifest::FILE)).map_or(true, |uid| uid == own)
}

/// Whether a kernel or project can have that name.
///
/// # Errors
/// `project/name` when it cannot.
pub fn check_name(name: &str, what: &str) -> Result<(), Problem> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if starts_well && name.len() <= MAX_NAME_BYTES && name.bytes().all(is_plain) {
        return Ok(());
    }
    let problem = Problem::new("project/name", format!("{name:?} cannot be the name of a {what}"));
    Err(problem.with_hint("a name has a-z, 0-9 and -, begins with a letter, and has at most 64 characters"))
}
