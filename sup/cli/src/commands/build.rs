//! `sup build`: the kernels of a project, built into a cache outside of it. `run` and `test` do the same first.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use clap::Args;
use sup_runtime::trust;
use sup_runtime::{Capability, Problem};

use super::new::check_name;
use crate::arguments::Options;
use crate::console;
use crate::exit::Exit;
use crate::session::Teller;

const EXAMPLES: &str = "\
Examples:
  sup build             build what changed in ./kernels
  sup build demo        in the project demo

A kernel is a directory kernels/NAME with a Cargo.toml, or with files in C, which $CC or cc compiles. What is built is kept in
$XDG_CACHE_HOME/sup, by the content of the sources, the SDK and the compiler's version. A build that fails keeps the last good one.
Exit code 1 when a build failed.";

/// The SDK and the header, as path and content.
const SDK: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// The manifest that makes one workspace of the SDK.
const SDK_MANIFEST: &str = concat!(
    "[workspace]\nresolver = \"2\"\nmembers = [\"sup/abi\", \"kernels/sdk\"]\n\n[workspace.package]\nversion = \"",
    env!("CARGO_PKG_VERSION"),
    "\"\nedition = \"2024\"\nlicense = \"MIT OR Apache-2.0\"\npublish = false\n\n[workspace.dependencies]\n",
    "sup-abi = { path = \"sup/abi\" }\n\n[workspace.lints.rust]\n"
);

/// Builds the kernels of a project.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Build {
    /// The project's directory
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

impl Build {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        match build_all(&self.directory) {
            Ok(built) if built.failures.is_empty() => Exit::Fine,
            Ok(built) => tell(options, &built.failures),
            Err(problem) => tell(options, &[problem]),
        }
    }
}

/// The options with the place of the project's kernels, after those were built. A failure that left a good library is only told.
///
/// # Errors
/// When a kernel has no library; that was told.
pub fn with_kernels(project: &Path, options: &Options) -> Result<Options, Exit> {
    let mut options = options.clone();
    let root = if project.is_dir() {
        Some(project)
    } else {
        project.parent()
    };
    options.project = root
        .filter(|root| !root.as_os_str().is_empty())
        .map(Path::to_path_buf);
    if !project.join("kernels").is_dir() || !options.grants().has(Capability::Kernel) {
        return Ok(options);
    }
    let built = build_all(project).map_err(|problem| tell(&options, &[problem]))?;
    if !built.failures.is_empty() {
        let exit = tell(&options, &built.failures);
        if built.n_missing > 0 {
            return Err(exit);
        }
    }
    options.project_kernels = Some(built.directory);
    Ok(options)
}

/// Builds what has changed of a project's kernels; what failed, each of which keeps the last library that was built.
///
/// # Errors
/// When the project cannot be read.
pub fn rebuild(project: &Path) -> Result<Vec<Problem>, Problem> {
    build_all(project).map(|built| built.failures)
}

/// When each of the project's libraries was written, and its size.
///
/// # Errors
/// When the project cannot be read.
pub fn libraries(project: &Path) -> Result<BTreeMap<PathBuf, (SystemTime, u64)>, Problem> {
    let built = directory_of(project)?;
    let mut libraries = BTreeMap::new();
    for entry in fs::read_dir(&built).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let library = entry.path().join(file_of(&name));
        if let Ok(data) = fs::metadata(&library) {
            let written = data.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            libraries.insert(library, (written, data.len()));
        }
    }
    Ok(libraries)
}

/// Where what is built of a project goes.
fn directory_of(project: &Path) -> Result<PathBuf, Problem> {
    let root = project
        .canonicalize()
        .map_err(|error| unreadable(project, &error))?;
    let id = blake3::hash(root.as_os_str().as_encoded_bytes()).to_hex();
    Ok(cache()?.join("projects").join(&id.as_str()[..32]))
}

/// The file name of a kernel's library.
fn file_of(kernel: &str) -> String {
    let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    format!("{prefix}kernel_{}{suffix}", kernel.replace('-', "_"))
}

fn tell(options: &Options, problems: &[Problem]) -> Exit {
    let teller = Teller::new(options);
    problems
        .iter()
        .for_each(|problem| teller.tell_without_sources(problem));
    Exit::Raised
}

/// What building a project gave.
struct Built {
    directory: PathBuf,
    failures: Vec<Problem>,
    /// Failures that left no library.
    n_missing: usize,
}

fn build_all(project: &Path) -> Result<Built, Problem> {
    let refused = |error: io::Error| unreadable(project, &error);
    let root = project.canonicalize().map_err(refused)?;
    let cache = cache()?;
    let directory = directory_of(project)?;
    let mut built = Built {
        directory,
        failures: Vec::new(),
        n_missing: 0,
    };
    let sources = root.join("kernels");
    if !sources.is_dir() {
        return Ok(built);
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(&sources).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    let sdk = lay_out_sdk(&cache)?;
    for name in names {
        check_name(&name)?;
        let kernel = Kernel {
            sources: sources.join(&name),
            out: built.directory.join(&name),
            name,
            sdk: &sdk,
        };
        if let Err(problem) = kernel.build() {
            // Sources that others may write are not passed over for what was built of them before.
            if problem.code == "kernel/writable" || !kernel.library().is_file() {
                built.n_missing += 1;
            }
            built.failures.push(problem);
        }
    }
    Ok(built)
}

/// The directory of what can be made again.
fn cache() -> Result<PathBuf, Problem> {
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    base.map(|base| base.join("sup")).ok_or_else(|| {
        Problem::new("build/cache", "there is no directory for what is built")
            .with_hint("set XDG_CACHE_HOME or HOME")
    })
}

/// Writes the SDK into the cache unless it is there; its directory, which is named by its content.
fn lay_out_sdk(cache: &Path) -> Result<PathBuf, Problem> {
    let mut hasher = blake3::Hasher::new();
    for (path, content) in SDK {
        add(&mut hasher, path.as_bytes());
        add(&mut hasher, content);
    }
    add(&mut hasher, SDK_MANIFEST.as_bytes());
    let directory = cache.join("sdk").join(&hasher.finalize().to_hex().as_str()[..32]);
    if directory.is_dir() {
        return Ok(directory);
    }
    let fresh = directory.with_extension(format!("new-{}", std::process::id()));
    let write = || -> io::Result<()> {
        for (path, content) in SDK
            .iter()
            .copied()
            .chain([("Cargo.toml", SDK_MANIFEST.as_bytes())])
        {
            let path = fresh.join(path);
            fs::create_dir_all(path.parent().unwrap_or(&fresh))?;
            fs::write(path, content)?;
        }
        fs::rename(&fresh, &directory)
    };
    match write() {
        Ok(()) => Ok(directory),
        // Another process was first.
        Err(_) if directory.is_dir() => Ok(directory),
        Err(error) => Err(unreadable(&directory, &error)),
    }
}

/// Adds a part with its length, so that two lists of parts never look alike.
fn add(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes());
    hasher.update(part);
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new("build/file", format!("{}: {error}", path.display()))
}

/// One kernel of a project.
struct Kernel<'a> {
    name: String,
    sources: PathBuf,
    /// Where its library goes.
    out: PathBuf,
    sdk: &'a Path,
}

impl Kernel<'_> {
    fn file(&self) -> String {
        file_of(&self.name)
    }

    fn library(&self) -> PathBuf {
        self.out.join(self.file())
    }

    /// Builds it unless what is there was made of the same.
    fn build(&self) -> Result<(), Problem> {
        let files = self.files()?;
        let is_rust = self.sources.join("Cargo.toml").is_file();
        let cc = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let mut compiler = if is_rust {
            Command::new("rustc")
        } else {
            Command::new(&cc)
        };
        let version = compiler.arg("--version").output();
        let version =
            version.map_err(|error| self.failed(&format!("the compiler cannot be run: {error}")))?;
        let key = self.key(&version.stdout, &files)?;
        let key_file = self.out.join("key");
        if self.library().is_file() && fs::read_to_string(&key_file).is_ok_and(|old| old == key) {
            return Ok(());
        }
        console::complain(&format!("building the kernel {}\n", self.name));
        fs::create_dir_all(&self.out).map_err(|error| unreadable(&self.out, &error))?;
        let made = if is_rust {
            self.cargo()?
        } else {
            self.cc(&cc, &files)?
        };
        // Cargo may have made a lock file, which belongs to what was built.
        let key = self.key(&version.stdout, &self.files()?)?;
        // Copied beside it and renamed: a library that a process has mapped is never written over.
        let fresh = self.out.join(format!("new-{}", std::process::id()));
        fs::copy(&made, &fresh)
            .and_then(|_| fs::rename(&fresh, self.library()))
            .and_then(|()| fs::write(&key_file, &key))
            .map_err(|error| unreadable(&made, &error))
    }

    fn files(&self) -> Result<Vec<PathBuf>, Problem> {
        trust::check_place(&self.sources)?;
        let mut files = Vec::new();
        list(&self.sources, &mut files)?;
        files.sort();
        Ok(files)
    }

    /// What a library is made of: the compiler, the SDK, and every file by name and content.
    fn key(&self, compiler: &[u8], files: &[PathBuf]) -> Result<String, Problem> {
        let mut hasher = blake3::Hasher::new();
        add(&mut hasher, compiler);
        add(&mut hasher, self.sdk.as_os_str().as_encoded_bytes());
        for file in files {
            add(&mut hasher, file.as_os_str().as_encoded_bytes());
            let content = fs::read(file).map_err(|error| unreadable(file, &error))?;
            add(&mut hasher, &content);
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn cargo(&self) -> Result<PathBuf, Problem> {
        let target = self.out.join("target");
        let sdk = self.sdk.join("kernels/sdk");
        let mut cargo = Command::new("cargo");
        cargo
            .args(["build", "--release", "--offline", "--quiet", "--lib", "--config"])
            .arg(format!(
                "patch.crates-io.sup-kernel.path={:?}",
                sdk.display().to_string()
            ))
            .arg("--target-dir")
            .arg(&target)
            .current_dir(&self.sources);
        self.compile(cargo)?;
        Ok(target.join("release").join(self.file()))
    }

    fn cc(&self, cc: &str, files: &[PathBuf]) -> Result<PathBuf, Problem> {
        let made = self.out.join(format!("made-{}", self.file()));
        let sources = files
            .iter()
            .filter(|file| file.extension().is_some_and(|end| end == "c"));
        let mut command = Command::new(cc);
        command
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-I"])
            .arg(self.sdk.join("kernels/sdk/include"));
        command
            .arg("-o")
            .arg(&made)
            .args(sources)
            .current_dir(&self.sources);
        self.compile(command)?;
        Ok(made)
    }

    /// Runs a compiler; what it says is told as it says it.
    fn compile(&self, mut command: Command) -> Result<(), Problem> {
        let ended = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(self.failed("the compiler's message is above")),
            Err(error) => Err(self.failed(&format!("the compiler cannot be run: {error}"))),
        }
    }

    fn failed(&self, reason: &str) -> Problem {
        let place = self.sources.display();
        let problem = Problem::new(
            "build/failed",
            format!("the kernel {} was not built: {reason} ({place})", self.name),
        );
        if self.library().is_file() {
            return problem.with_hint("the last library that was built is kept");
        }
        problem
    }
}

/// The files that a kernel is made of. What others may write is refused, since it would run as this user.
fn list(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Problem> {
    let data = fs::symlink_metadata(path).map_err(|error| unreadable(path, &error))?;
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
    for entry in fs::read_dir(path).map_err(|error| unreadable(path, &error))? {
        let entry = entry.map_err(|error| unreadable(path, &error))?;
        let name = entry.file_name();
        if name != "target" && !name.as_encoded_bytes().starts_with(b".") {
            list(&entry.path(), files)?;
        }
    }
    Ok(())
}
