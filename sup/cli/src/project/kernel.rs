//! One kernel of a project: what it is made of, whether its library is of that, and making a new one.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sup_runtime::{Problem, trust};

use super::cache::{add, unusable};
use super::compiler::{Compiler, Failure, Job, Language};
use super::sdk::Sdk;

/// Changed when a library has to be made anew though nothing that it is made of has changed.
const KEY_VERSION: &[u8] = b"2";
/// Cargo writes it while it builds; it belongs to what was built.
const LOCK_FILE: &str = "Cargo.lock";
/// The declaration's file.
const DECLARATION: &str = "kernel.slp";

/// A kernel of a project.
#[derive(Clone, Debug)]
pub struct ProjectKernel {
    /// Its name.
    pub name: String,
    /// The directory of its sources.
    pub sources: PathBuf,
    /// The directory of its library.
    pub out: PathBuf,
    /// Libraries of the system that it is linked with.
    pub link: Vec<String>,
}

/// How a library stands to what it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was made of what is there now.
    Fresh,
    /// Something has changed since.
    Stale,
    /// There is none.
    NeverBuilt,
}

impl State {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            State::Fresh => "fresh",
            State::Stale => "stale",
            State::NeverBuilt => "never built",
        }
    }
}

/// Everything that a library is made of besides the compiler and the SDK: files by their path in the kernel's directory, each with the
/// hash of its content.
#[derive(Clone, Debug)]
pub struct Inputs {
    files: Vec<PathBuf>,
    hashes: Vec<blake3::Hash>,
}

impl ProjectKernel {
    /// The file name of its library.
    pub fn file(&self) -> String {
        let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        format!("{prefix}kernel_{}{suffix}", self.name.replace('-', "_"))
    }

    /// Its library, which may not be there.
    pub fn library(&self) -> PathBuf {
        self.out.join(self.file())
    }

    /// Reads what it is made of.
    ///
    /// # Errors
    /// When something cannot be read, is a link, or can be written by everybody.
    pub fn inputs(&self) -> Result<Inputs, Problem> {
        trust::check_place(&self.sources)?;
        let mut files = Vec::new();
        list(&self.sources, &mut files)?;
        files.sort();
        let hashes = files.iter().map(|file| hash(file)).collect::<Result<_, _>>()?;
        Ok(Inputs { files, hashes })
    }

    /// What it is written in.
    ///
    /// # Errors
    /// `build/empty` when there is nothing to compile.
    pub fn language(&self, inputs: &Inputs) -> Result<Language, Problem> {
        Language::of(&inputs.files).ok_or_else(|| {
            let message = format!("there is nothing to build in {}", self.sources.display());
            Problem::new("build/empty", message).with_hint(
                "a kernel is a Cargo.toml with a crate, a kernel.zig, or files in C or C++; `sup kernel new` makes one",
            )
        })
    }

    /// How its library stands to its sources.
    pub fn state(&self, inputs: &Inputs, compiler: &Compiler) -> State {
        if !self.library().is_file() {
            return State::NeverBuilt;
        }
        let key = fs::read_to_string(self.key_file());
        if key.is_ok_and(|key| key == self.key(inputs, compiler)) {
            State::Fresh
        } else {
            State::Stale
        }
    }

    fn key_file(&self) -> PathBuf {
        self.out.join("key")
    }

    fn key(&self, inputs: &Inputs, compiler: &Compiler) -> String {
        let mut hasher = blake3::Hasher::new();
        add(&mut hasher, KEY_VERSION);
        add(&mut hasher, &compiler.identity);
        add(&mut hasher, Sdk::id().as_bytes());
        self.link
            .iter()
            .for_each(|library| add(&mut hasher, library.as_bytes()));
        for (file, hash) in inputs.files.iter().zip(&inputs.hashes) {
            let name = file.strip_prefix(&self.sources).unwrap_or(file);
            add(&mut hasher, name.as_os_str().as_encoded_bytes());
            add(&mut hasher, hash.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Makes its library anew, and its declaration; the one that is there stays until the new one is known to load.
    ///
    /// # Errors
    /// `build/failed` with what the compiler or the loader said.
    pub fn build(&self, inputs: &Inputs, compiler: &Compiler, job: &Job<'_>) -> Result<(), Problem> {
        let made = compiler.build(job).map_err(|failure| self.failed(&failure))?;
        // Copied beside it and renamed: a library that a process has mapped is never written over.
        let fresh = self.out.join(format!("new-{}", std::process::id()));
        let placed = fs::create_dir_all(&fresh).and_then(|()| fs::copy(&made, fresh.join(self.file())));
        placed.map_err(|error| unusable(&fresh, &error))?;
        let declared = self.declare(&fresh);
        let published = declared.and_then(|()| {
            let key = self.key(&self.with_lock_file(inputs)?, compiler);
            self.publish(&fresh, &key)
                .map_err(|error| unusable(&self.out, &error))
        });
        drop(fs::remove_dir_all(&fresh));
        published
    }

    /// The inputs as they were when building began, but for the lock file, which cargo may have written since.
    fn with_lock_file(&self, inputs: &Inputs) -> Result<Inputs, Problem> {
        let lock_file = self.sources.join(LOCK_FILE);
        let mut inputs = inputs.clone();
        if let Some(position) = inputs.files.iter().position(|file| *file == lock_file) {
            inputs.files.remove(position);
            inputs.hashes.remove(position);
        }
        if lock_file.is_file() {
            let position = inputs.files.partition_point(|file| *file < lock_file);
            inputs.hashes.insert(position, hash(&lock_file)?);
            inputs.files.insert(position, lock_file);
        }
        Ok(inputs)
    }

    /// Puts the declaration beside a new library: the kernel's own, if it has one and the library is as it says, else what the library
    /// itself says. The library is loaded by another process, which may not survive it.
    fn declare(&self, fresh: &Path) -> Result<(), Problem> {
        let library = fresh.join(self.file());
        let described = self.ask(&["kernel", "describe"], &library)?;
        let own = self.sources.join(DECLARATION);
        let declaration = fresh.join(DECLARATION);
        let is_of_name =
            sup_runtime::declaration::parse(&described).is_ok_and(|found| found.name == self.name);
        if !is_of_name {
            let reason = format!("its table has another name than {}", self.name);
            return Err(self.failed(&Failure {
                reason,
                said: String::new(),
            }));
        }
        if own.is_file() {
            fs::copy(&own, &declaration).map_err(|error| unusable(&own, &error))?;
            self.ask(&["kernel", "verify"], &library).map(drop)
        } else {
            fs::write(&declaration, described).map_err(|error| unusable(&declaration, &error))
        }
    }

    /// Asks a process of ours about a library; what it prints.
    fn ask(&self, words: &[&str], library: &Path) -> Result<String, Problem> {
        let refused = |reason: String| {
            self.failed(&Failure {
                reason,
                said: String::new(),
            })
        };
        // On Linux that works even when the command was replaced while it ran.
        let own = if cfg!(target_os = "linux") {
            Ok(PathBuf::from("/proc/self/exe"))
        } else {
            env::current_exe()
        };
        let own = own.map_err(|error| refused(format!("it cannot be tried out: {error}")))?;
        let mut command = Command::new(own);
        command
            .args(words)
            .arg(library)
            // Whether it may be loaded by programs is decided when one does: to be signed or listed it has to be there first.
            .args(["--json", "--trust", "development"])
            .stdin(Stdio::null());
        let output = command
            .output()
            .map_err(|error| refused(format!("it cannot be tried out: {error}")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = serde_json::from_str::<serde_json::Value>(said.lines().last().unwrap_or_default());
        let message = told
            .ok()
            .and_then(|told| Some(told.get("message")?.as_str()?.to_owned()));
        let problem = match message {
            Some(message) => {
                let place = format!("kernel {}: ", library.display());
                refused(format!(
                    "what was built is refused: {}",
                    message.replace(&place, "")
                ))
            }
            None => refused(format!("loading what was built ended with {}", output.status)),
        };
        let own = self.sources.join(DECLARATION);
        if words.contains(&"verify") && !self.library().is_file() {
            return Err(problem.with_hint(format!(
                "`rm {}`: a declaration is then made of the library",
                own.display()
            )));
        }
        Err(problem)
    }

    /// Moves a new library and its declaration to their place. A reader that comes in between finds a library without a declaration.
    fn publish(&self, fresh: &Path, key: &str) -> io::Result<()> {
        match fs::remove_file(self.out.join(DECLARATION)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(fresh.join(self.file()), self.library())?;
        fs::rename(fresh.join(DECLARATION), self.out.join(DECLARATION))?;
        let key_file = fresh.join("key");
        fs::write(&key_file, key)?;
        fs::rename(key_file, self.key_file())
    }

    /// The kernel was not built.
    pub fn failed(&self, failure: &Failure) -> Problem {
        let place = self.sources.display();
        let message = format!(
            "the kernel {} was not built: {} ({place})",
            self.name, failure.reason
        );
        let mut problem = Problem::new("build/failed", message);
        if !failure.said.is_empty() {
            problem.data = Some(failure.said.clone());
        }
        if self.library().is_file() {
            return problem.with_hint("the last library that was built is kept, and used");
        }
        problem
    }
}

/// The job of building a kernel.
impl<'a> Job<'a> {
    /// The files of the kernel that the inputs hold.
    pub fn files_of(inputs: &'a Inputs) -> &'a [PathBuf] {
        &inputs.files
    }
}

fn hash(file: &Path) -> Result<blake3::Hash, Problem> {
    let content = fs::read(file).map_err(|error| unusable(file, &error))?;
    Ok(blake3::hash(&content))
}

/// The files that a kernel is made of. What others may write is refused, since it would run as this user.
fn list(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Problem> {
    let data = fs::symlink_metadata(path).map_err(|error| unusable(path, &error))?;
    if data.is_symlink() {
        return Err(Problem::new(
            "build/link",
            format!("{} is a link; a kernel's sources are files", path.display()),
        ));
    }
    if data.permissions().mode() & 0o022 != 0 {
        trust::check_place(path)?;
    }
    if !data.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(|error| unusable(path, &error))? {
        let entry = entry.map_err(|error| unusable(path, &error))?;
        let name = entry.file_name();
        if name != "target" && !name.as_encoded_bytes().starts_with(b".") {
            list(&entry.path(), files)?;
        }
    }
    Ok(())
}
