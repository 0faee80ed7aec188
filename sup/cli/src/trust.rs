//! Which kernels a command may load: the lists that are in force, and whether what stands in none of them is let in.
//!
//! 1. A list that the command line or `$SUP_TRUST_LIST` names is in force alone.
//! 2. Else the user's own, `$XDG_CONFIG_HOME/sup/trust.slp`, and the project's: the one that its `project.slp` names, or
//!    `trust.slp`. Where the user's own says `(mode strict)`, a project adds nothing to it.
//!
//! The mode is what `--trust` or `$SUP_TRUST` says. Else it is strict when the user's own list says so, or when the project has
//! a list that does not say development. A list that is there and cannot be read, or is damaged, is an error and never leave.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use sup_runtime::Problem;
use sup_runtime::trust::{self, List, Mode, Own, Trust};

use crate::arguments::Options;

/// Name of a list, in a project and among the user's own files.
pub const LIST: &str = "trust.slp";
/// Largest list or project file, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// Names of the kernels that come with the command.
const STOCK: &[&str] = include!(concat!(env!("OUT_DIR"), "/stock.rs"));

/// What is in force, and why.
pub struct InForce {
    /// What is trusted.
    pub trust: Trust,
    /// What decided the mode.
    pub because: String,
    /// Each list, as it was read.
    pub lists: Vec<(PathBuf, List)>,
}

/// What a command loads.
///
/// # Errors
/// When a list is damaged, others may write it, or a mode is none.
pub fn decide(options: &Options) -> Result<InForce, Problem> {
    let mut found = InForce {
        trust: Trust {
            own: own(),
            ..Trust::default()
        },
        because: "no list is in force that says otherwise".to_owned(),
        lists: Vec::new(),
    };
    match explicit(options) {
        Some(path) => {
            let list = read(&path)?;
            found.ask(list.mode.unwrap_or(Mode::Strict), &path);
            found.add(path, list);
        }
        None => found.read_usual(options)?,
    }
    if let Some((mode, because)) = said(options)? {
        (found.trust.mode, found.because) = (mode, because.to_owned());
    }
    Ok(found)
}

impl InForce {
    fn ask(&mut self, mode: Mode, path: &Path) {
        if mode == Mode::Strict && self.trust.mode == Mode::Development {
            self.because = format!("so says {}", path.display());
            self.trust.mode = mode;
        }
    }

    fn add(&mut self, path: PathBuf, list: List) {
        list.add_to(&mut self.trust);
        self.trust.lists.push(path.clone());
        self.lists.push((path, list));
    }

    /// The user's own list, and the project's.
    fn read_usual(&mut self, options: &Options) -> Result<(), Problem> {
        if let Some(path) = user_list().filter(|path| is_there(path)) {
            let list = read(&path)?;
            self.ask(list.mode.unwrap_or(Mode::Development), &path);
            self.add(path, list);
            if self.trust.mode == Mode::Strict {
                return Ok(());
            }
        }
        let project = project(options);
        let file = project.join("project.slp");
        let (mode, named) = if is_there(&file) {
            let text = text_of(&file)?;
            trust::of_project(&text)
                .map_err(|fault| Problem::from_fault(&file.display().to_string(), &fault))?
        } else {
            (None, None)
        };
        if mode.is_some() || named.is_some() {
            trust::check_place(&file)?;
        }
        if let Some(mode) = mode {
            self.ask(mode, &file);
        }
        let path = project.join(named.as_deref().unwrap_or(LIST));
        if named.is_some() || is_there(&path) {
            let list = read(&path)?;
            self.ask(list.mode.or(mode).unwrap_or(Mode::Strict), &path);
            self.add(path, list);
        }
        Ok(())
    }
}

/// The list that the command line or the environment names.
fn explicit(options: &Options) -> Option<PathBuf> {
    let named = || env::var_os("SUP_TRUST_LIST").filter(|path| !path.is_empty());
    options.trust_list.clone().or_else(|| named().map(PathBuf::from))
}

/// The mode that the command line or the environment names.
fn said(options: &Options) -> Result<Option<(Mode, &'static str)>, Problem> {
    if let Some(mode) = options.trust {
        return Ok(Some((mode, "so says --trust")));
    }
    let Some(name) = env::var_os("SUP_TRUST").filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    match name.to_str().and_then(trust::mode_named) {
        Some(mode) => Ok(Some((mode, "so says $SUP_TRUST"))),
        None => Err(Problem::new("trust/mode", format!("$SUP_TRUST is {name:?}"))
            .with_hint("it is strict or development")),
    }
}

/// The directory whose list counts.
pub fn project(options: &Options) -> PathBuf {
    options.project.clone().unwrap_or_else(|| PathBuf::from("."))
}

/// The user's own list.
pub fn user_list() -> Option<PathBuf> {
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    base.map(|base| base.join("sup").join(LIST))
}

/// Where `sup kernel trust` writes: the list that was named, the project's, or the user's own.
///
/// # Errors
/// When there is no place for one.
pub fn list_to_write(options: &Options, is_user: bool) -> Result<PathBuf, Problem> {
    if let Some(path) = explicit(options) {
        return Ok(path);
    }
    let project = project(options);
    let file = project.join("project.slp");
    let is_project = file.is_file() || project.join("init.slp").is_file() || is_there(&project.join(LIST));
    if is_project && !is_user {
        let text = if is_there(&file) {
            text_of(&file)?
        } else {
            String::new()
        };
        let (_, named) = trust::of_project(&text)
            .map_err(|fault| Problem::from_fault(&file.display().to_string(), &fault))?;
        return Ok(project.join(named.as_deref().unwrap_or(LIST)));
    }
    user_list().ok_or_else(|| {
        Problem::new("trust/place", "there is no directory for the user's own list")
            .with_hint("set XDG_CONFIG_HOME or HOME, or name a list with --trust-list")
    })
}

/// Whether something is there, even a link to nowhere or what cannot be looked at: a list must not be passed over.
pub fn is_there(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(_) => true,
        Err(error) => !matches!(
            error.kind(),
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
        ),
    }
}

/// Reads a list that is in force.
///
/// # Errors
/// When others may write it, it cannot be read, or is damaged.
pub fn read(path: &Path) -> Result<List, Problem> {
    trust::check_place(path)?;
    List::read(&text_of(path)?).map_err(|fault| Problem::from_fault(&path.display().to_string(), &fault))
}

/// The text of a list or project file.
///
/// # Errors
/// When it cannot be read.
pub fn text_of(path: &Path) -> Result<String, Problem> {
    let wrong = |reason: String| {
        Problem::new(
            "trust/unreadable",
            format!("{} cannot be read: {reason}", path.display()),
        )
    };
    let length = fs::metadata(path)
        .map_err(|error| wrong(error.to_string()))?
        .len();
    if length > MAX_BYTES {
        return Err(wrong(format!("it has {length} bytes")));
    }
    fs::read_to_string(path).map_err(|error| wrong(error.to_string()))
}

/// What came with this executable.
fn own() -> Option<Own> {
    let executable = env::current_exe().ok()?;
    let beside = executable.parent()?.to_path_buf();
    let installed = beside.join("../lib/sup/kernels");
    Some(Own {
        executable,
        directories: vec![beside, installed],
        names: STOCK,
    })
}
