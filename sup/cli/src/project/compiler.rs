//! The languages that kernels are written in, and the compilers that build them.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum;
use sup_runtime::Problem;

use super::cache::{Voice, unusable};
use super::sdk::Sdk;
use crate::console;

/// The most of a compiler's message that is kept, in bytes: its end.
const MAX_SAID_BYTES: usize = 64 << 10;

/// A language that kernels are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Language {
    /// Rust, built by cargo against the crate `sup-kernel`
    Rust,
    /// C, built by $CC or cc
    C,
    /// C++, built by $CXX or c++
    Cpp,
    /// Zig, built by $ZIG, zig or python3 -m ziglang
    Zig,
}

impl Language {
    /// The language that a kernel's files are of: a Cargo.toml says Rust, a `kernel.zig` Zig, then a file in C++, then one in C.
    pub fn of(files: &[PathBuf]) -> Option<Language> {
        let named = |name: &str| {
            files
                .iter()
                .any(|file| file.file_name() == Some(OsStr::new(name)))
        };
        let has = |language: Language| files.iter().any(|file| language.is_source(file));
        if named("Cargo.toml") {
            return Some(Language::Rust);
        }
        if named("kernel.zig") {
            return Some(Language::Zig);
        }
        [Language::Cpp, Language::C]
            .into_iter()
            .find(|language| has(*language))
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::C => "C",
            Language::Cpp => "C++",
            Language::Zig => "Zig",
        }
    }

    /// Whether a file is one that its compiler is given.
    pub fn is_source(self, file: &Path) -> bool {
        let endings: &[&str] = match self {
            Language::Rust => &["rs"],
            Language::C => &["c"],
            Language::Cpp => &["cpp", "cc", "cxx"],
            Language::Zig => &["zig"],
        };
        let ending = file.extension().and_then(OsStr::to_str);
        ending.is_some_and(|ending| endings.contains(&ending))
    }

    /// Variables of the environment that change what its compiler makes.
    const fn variables(self) -> &'static [&'static str] {
        match self {
            Language::Rust => &["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTUP_TOOLCHAIN"],
            Language::C => &["CFLAGS", "LDFLAGS"],
            Language::Cpp => &["CFLAGS", "CXXFLAGS", "LDFLAGS"],
            Language::Zig => &[],
        }
    }

    /// How the compiler is got.
    const fn where_from(self) -> &'static str {
        match self {
            Language::Rust => "install Rust from https://rustup.rs, or the packages `cargo` and `rustc`",
            Language::C => {
                "install the package `gcc` (Debian, Fedora, Arch) or the Xcode tools (macOS), or set CC"
            }
            Language::Cpp => {
                "install the package `g++` (Debian), `gcc-c++` (Fedora), `gcc` (Arch) or the Xcode tools (macOS), or set CXX"
            }
            Language::Zig => {
                "install Zig from https://ziglang.org/download or with `pip install ziglang`, or set ZIG"
            }
        }
    }
}

/// A compiler that is there.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// What it compiles.
    pub language: Language,
    /// The words that start it.
    words: Vec<OsString>,
    /// What it says of itself, and the variables that it heeds: part of what a library is made of.
    pub identity: Vec<u8>,
}

impl Compiler {
    /// Looks for it and asks for its version.
    ///
    /// # Errors
    /// `build/compiler` when there is none that works.
    pub fn find(language: Language, project: &Path) -> Result<Compiler, Problem> {
        let mut tried = Vec::new();
        for words in candidates(language) {
            let version = asked_for_version(language, &words, project);
            match version {
                Ok(version) => {
                    let identity = identity(language, &words, &version);
                    return Ok(Compiler {
                        language,
                        words,
                        identity,
                    });
                }
                Err(why) => tried.push(format!("{}: {why}", shown(&words))),
            }
        }
        let message = format!(
            "there is no compiler for {} ({})",
            language.name(),
            tried.join("; ")
        );
        Err(Problem::new("build/compiler", message).with_hint(language.where_from()))
    }

    /// A command that starts it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        command
    }
}

fn shown(words: &[OsString]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    words.join(" ")
}

/// Command lines to try, the first that works wins. A variable decides alone.
fn candidates(language: Language) -> Vec<Vec<OsString>> {
    let (variable, usual): (&str, &[&str]) = match language {
        Language::Rust => ("CARGO", &["cargo"]),
        Language::C => ("CC", &["cc"]),
        Language::Cpp => ("CXX", &["c++"]),
        Language::Zig => ("ZIG", &["zig", "python3 -m ziglang"]),
    };
    let split = |line: &str| line.split_whitespace().map(OsString::from).collect::<Vec<_>>();
    let said = env::var(variable)
        .ok()
        .map(|line| split(&line))
        .filter(|words| !words.is_empty());
    said.map_or_else(
        || usual.iter().map(|line| split(line)).collect(),
        |words| vec![words],
    )
}

fn asked_for_version(language: Language, words: &[OsString], project: &Path) -> Result<Vec<u8>, String> {
    // Of cargo and rustc it is rustc that makes the library.
    let mut command = match language {
        Language::Rust => Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())),
        _ => {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]);
            command
        }
    };
    let question = match language {
        Language::Rust => "-vV",
        Language::Zig => "version",
        Language::C | Language::Cpp => "--version",
    };
    let answered = command
        .arg(question)
        .stdin(Stdio::null())
        .current_dir(project)
        .output();
    match answered {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(said.lines().next().unwrap_or("it fails").trim().to_owned())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err("not found".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn identity(language: Language, words: &[OsString], version: &[u8]) -> Vec<u8> {
    let mut identity = shown(words).into_bytes();
    identity.extend(version);
    for variable in language.variables() {
        let value = env::var_os(variable).unwrap_or_default();
        identity.extend(variable.as_bytes());
        identity.push(b'=');
        identity.extend(value.as_encoded_bytes());
        identity.push(0);
    }
    identity
}

/// What is to be built.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The kernel's directory.
    pub sources: &'a Path,
    /// The files in it.
    pub files: &'a [PathBuf],
    /// The file name of its library.
    pub library: &'a str,
    /// Libraries of the system to link with.
    pub link: &'a [String],
    /// Where to build.
    pub scratch: &'a Path,
    /// Where cargo builds: one directory for all kernels of a project, so that the SDK is compiled once.
    pub target: &'a Path,
    /// The SDK.
    pub sdk: &'a Sdk,
    /// Whether what the compiler says is shown as it says it.
    pub voice: Voice,
}

/// Why a library was not made.
#[derive(Debug)]
pub struct Failure {
    /// In a few words.
    pub reason: String,
    /// What the compiler said, its end.
    pub said: String,
}

impl Compiler {
    /// Builds a kernel; the library that was made.
    ///
    /// # Errors
    /// What the compiler said.
    pub fn build(&self, job: &Job<'_>) -> Result<PathBuf, Failure> {
        fs::create_dir_all(job.scratch).map_err(|error| failure(&unusable(job.scratch, &error).message))?;
        match self.language {
            Language::Rust => self.cargo(job),
            Language::C => self.c(job),
            Language::Cpp => self.cpp(job),
            Language::Zig => self.zig(job),
        }
    }

    fn cargo(&self, job: &Job<'_>) -> Result<PathBuf, Failure> {
        let cargo = |words: &[&str]| {
            let krate = job.sdk.krate().display().to_string();
            let mut command = self.command();
            command
                .args(words)
                .arg("--config")
                .arg(format!("patch.crates-io.sup-kernel.path={krate:?}"));
            // The library is looked for where this machine's own come out.
            command.env_remove("CARGO_BUILD_TARGET").current_dir(job.sources);
            if job.voice == Voice::Lines && io::stderr().is_terminal() {
                command.args(["--color", "always"]);
            }
            command
        };
        let build = |more: &[&str]| {
            let mut command = cargo(&["build", "--release", "--quiet", "--lib"]);
            command.args(more).arg("--target-dir").arg(job.target);
            command
        };
        // Without the network first: a kernel that needs only the SDK never asks a registry for anything.
        let resolved = run(cargo(&["tree", "--offline", "--quiet"]), Voice::Silent);
        if resolved.is_err() {
            job.voice.say("fetching the crates that it depends on\n");
            run(cargo(&["fetch", "--quiet"]), job.voice)?;
        }
        run(build(&["--offline"]), job.voice)?;
        Ok(job.target.join("release").join(job.library))
    }

    /// The compiler with what every kernel is compiled with, in the kernel's directory.
    fn compile(&self, job: &Job<'_>) -> Command {
        let mut command = self.command();
        command
            .args(["-fPIC", "-O2", "-g", "-Wall", "-Wextra", "-pthread", "-I"])
            .arg(job.sdk.include());
        command.args(words_of("CFLAGS")).current_dir(job.sources);
        command
    }

    fn c(&self, job: &Job<'_>) -> Result<PathBuf, Failure> {
        let made = job.scratch.join(job.library);
        let mut command = self.compile(job);
        command
            .arg("-shared")
            .arg("-o")
            .arg(&made)
            .args(relative(job, Language::C));
        command.args(words_of("LDFLAGS")).args(linked(job));
        run(command, job.voice)?;
        Ok(made)
    }

    fn cpp(&self, job: &Job<'_>) -> Result<PathBuf, Failure> {
        let made = job.scratch.join(job.library);
        let mut objects = Vec::new();
        let c_files = relative(job, Language::C);
        if !c_files.is_empty() {
            let c = Compiler::find(Language::C, job.sources).map_err(|problem| failure(&problem.message))?;
            for (position, file) in c_files.iter().enumerate() {
                let object = job.scratch.join(format!("{position}.o"));
                let mut command = c.compile(job);
                command.arg("-c").arg("-o").arg(&object).arg(file);
                run(command, job.voice)?;
                objects.push(object);
            }
        }
        let mut command = self.compile(job);
        command.arg("-std=c++17").args(words_of("CXXFLAGS"));
        command
            .arg("-shared")
            .arg("-o")
            .arg(&made)
            .args(relative(job, Language::Cpp))
            .args(objects);
        command.args(words_of("LDFLAGS")).args(linked(job));
        run(command, job.voice)?;
        Ok(made)
    }

    /// Zig gets the header as the module `sup`, translated once for each version of the two.
    fn zig(&self, job: &Job<'_>) -> Result<PathBuf, Failure> {
        let id = blake3::hash(&self.identity).to_hex();
        let module = job.sdk.include().join(format!("sup-{}.zig", &id.as_str()[..16]));
        if !module.is_file() {
            let mut command = self.command();
            command.args(["translate-c", "-lc", "-I"]).arg(job.sdk.include());
            command.arg(job.sdk.include().join("sup_kernel.h"));
            let text = run(command, job.voice)?;
            let fresh = module.with_extension(format!("new-{}", std::process::id()));
            let kept = fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &module));
            kept.map_err(|error| failure(&unusable(&module, &error).message))?;
        }
        let made = job.scratch.join(job.library);
        let mut command = self.command();
        command.args([
            "build-lib",
            "-dynamic",
            "-O",
            "ReleaseSafe",
            "-lc",
            "--dep",
            "sup",
        ]);
        command.arg(format!("-Mroot={}", job.sources.join("kernel.zig").display()));
        command
            .arg(format!("-Msup={}", module.display()))
            .arg(format!("-femit-bin={}", made.display()));
        command
            .arg("--cache-dir")
            .arg(job.target.join("zig"))
            .args(linked(job))
            .current_dir(job.scratch);
        run(command, job.voice)?;
        Ok(made)
    }
}

/// The words of a variable of the environment, as make takes them.
fn words_of(variable: &str) -> Vec<String> {
    let value = env::var(variable).unwrap_or_default();
    value.split_whitespace().map(str::to_owned).collect()
}

fn linked(job: &Job<'_>) -> Vec<String> {
    job.link.iter().map(|library| format!("-l{library}")).collect()
}

/// The sources of a language, by their names in the kernel's directory: shorter in messages, and the same on every machine.
fn relative<'a>(job: &Job<'a>, language: Language) -> Vec<&'a Path> {
    let files = job.files.iter().filter(|file| language.is_source(file));
    files
        .map(|file| file.strip_prefix(job.sources).unwrap_or(file))
        .collect()
}

fn failure(reason: &str) -> Failure {
    Failure {
        reason: reason.to_owned(),
        said: String::new(),
    }
}

/// Runs a compiler to its end; what it printed. What it complains about is shown as it comes, and its end is kept.
fn run(mut command: Command, voice: Voice) -> Result<Vec<u8>, Failure> {
    let program = Path::new(command.get_program()).display().to_string();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| failure(&format!("{program} cannot be started: {error}")))?;
    let mut stdout = child.stdout.take().expect("it was asked for as a pipe");
    let printed = std::thread::spawn(move || {
        let mut printed = Vec::new();
        stdout.read_to_end(&mut printed).map(|_| printed)
    });
    let said = follow(child.stderr.take().expect("it was asked for as a pipe"), voice);
    let ended = child
        .wait()
        .map_err(|error| failure(&format!("{program}: {error}")))?;
    let printed = printed.join().expect("reading a pipe does not panic");
    if !ended.success() {
        return Err(Failure {
            reason: format!("{program} ended with {ended}"),
            said,
        });
    }
    printed.map_err(|error| failure(&format!("{program}: {error}")))
}

/// Shows what comes, and keeps its end.
fn follow(mut pipe: impl Read, voice: Voice) -> String {
    let mut kept: Vec<u8> = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n_read @ 1..) = pipe.read(&mut buffer) {
        let piece = &buffer[..n_read];
        if voice == Voice::Lines {
            if kept.is_empty() {
                console::complain("\n");
            }
            console::complain_bytes(piece);
        }
        kept.extend(piece);
        if kept.len() > 2 * MAX_SAID_BYTES {
            kept.drain(..kept.len() - MAX_SAID_BYTES);
        }
    }
    String::from_utf8_lossy(&kept[kept.len().saturating_sub(MAX_SAID_BYTES)..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernels_files_tell_its_language() {
        let of = |names: &[&str]| Language::of(&names.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(
            of(&["k/Cargo.toml", "k/src/lib.rs", "k/src/help.c"]),
            Some(Language::Rust)
        );
        assert_eq!(of(&["k/kernel.zig", "k/other.zig"]), Some(Language::Zig));
        assert_eq!(of(&["k/a.c", "k/b.cpp"]), Some(Language::Cpp));
        assert_eq!(of(&["k/a.c", "k/a.h"]), Some(Language::C));
        assert_eq!(of(&["k/README.md"]), None);
    }
}
