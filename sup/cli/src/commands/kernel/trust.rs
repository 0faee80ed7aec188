//! `sup kernel keygen sign trust distrust trusted`: keys, signatures, and the lists of what is trusted.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use sup_runtime::trust::{self, Trusted};
use sup_runtime::{Problem, Runtime};

use crate::arguments::Options;
use crate::console;
use crate::trust as force;

/// First line of a file with a secret key.
const HEADING: &str = "sup kernel key 1";
/// Largest key file, in bytes.
const MAX_KEY_BYTES: u64 = 4096;
/// Largest library, in bytes.
const MAX_LIBRARY_BYTES: u64 = 1 << 30;

#[derive(Args, Debug)]
pub struct Keygen {
    /// Where the secret key goes; the public one goes beside it, with .pub behind
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Args, Debug)]
pub struct Sign {
    /// A kernel's name, or the path of its library; the signature goes beside it, with .sig behind
    #[arg(value_name = "NAME|LIBRARY")]
    pub library: String,

    /// The secret key, as `sup kernel keygen` made it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(Args, Debug)]
pub struct Which {
    /// A kernel's name, the path of its library, a public key or its file, or a hash such as sha256:…
    #[arg(value_name = "NAME|LIBRARY|KEY")]
    what: String,

    /// In the user's own list, not the project's
    #[arg(long)]
    user: bool,
}

impl Which {
    /// Whether it may be the name of a kernel.
    pub fn is_name(&self) -> bool {
        !self.what.contains(['/', '.', ':'])
    }
}

impl Keygen {
    /// Makes a pair of keys.
    pub fn carry_out(&self) -> Result<(), Problem> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)
            .map_err(|error| Problem::new("trust/chance", format!("the system gives no chance: {error}")))?;
        let public = trust::text_of("ed25519", &trust::public_key(&secret));
        let text = format!(
            "{HEADING}\nsecret {}\npublic {public}\n",
            trust::text_of("ed25519", &secret)
        );
        write_new(&self.file, &text, 0o600)?;
        write_new(&with_ending(&self.file, ".pub"), &format!("{public}\n"), 0o644)?;
        console::print_line(&public);
        Ok(())
    }
}

impl Sign {
    /// Writes the signature of a library.
    pub fn carry_out(&self, runtime: &Runtime) -> Result<(), Problem> {
        let secret = secret_of(&self.key)?;
        let library = runtime.kernel_library(&self.library)?;
        let signature = trust::signature_path(&library);
        replace(&signature, &trust::sign(&secret, &library_bytes(&library)?))?;
        console::print_line(&format!("wrote {}", signature.display()));
        Ok(())
    }
}

impl Which {
    /// Adds it to a list.
    pub fn trust(&self, runtime: &Runtime, options: &Options) -> Result<(), Problem> {
        let (trusted, note) = self.find(runtime)?;
        let path = force::list_to_write(options, self.user)?;
        let text = if force::is_there(&path) {
            let list = force::read(&path)?;
            if list.entries.iter().any(|entry| entry.trusted == trusted) {
                console::print_line(&format!("{} is in {} already", trusted.text(), path.display()));
                return Ok(());
            }
            force::text_of(&path)?
        } else {
            "; Kernels that may be loaded: libraries by hash, and keys whose signature is taken.\n".to_owned()
        };
        let end = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        replace(&path, &format!("{text}{end}{}", trust::line(trusted, &note)))?;
        console::print_line(&format!("added {} to {}", trusted.text(), path.display()));
        Ok(())
    }

    /// Takes it out of a list.
    pub fn distrust(&self, runtime: &Runtime, options: &Options) -> Result<(), Problem> {
        let (trusted, _) = self.find(runtime)?;
        let path = force::list_to_write(options, self.user)?;
        let text = force::text_of(&path)?;
        let left = trust::without(&text, trusted)
            .map_err(|fault| Problem::from_fault(&path.display().to_string(), &fault))?;
        let Some(left) = left else {
            let message = format!("{} is not in {}", trusted.text(), path.display());
            return Err(Problem::new("trust/missing", message).with_hint("sup kernel trusted tells what is"));
        };
        replace(&path, &left)?;
        console::print_line(&format!("took {} out of {}", trusted.text(), path.display()));
        Ok(())
    }

    /// What is meant, and what a list says of it to people.
    fn find(&self, runtime: &Runtime) -> Result<(Trusted, String), Problem> {
        if let Some(trusted) = Trusted::read(&self.what) {
            return Ok((trusted, String::new()));
        }
        let path = Path::new(&self.what);
        if self.what.contains(':') && !path.exists() {
            let message = format!("{} is no hash and no key that signatures are taken of", self.what);
            return Err(Problem::new("trust/number", message)
                .with_hint("they are written sha256:… and ed25519:…, with 64 hexadecimal digits"));
        }
        if path.extension().is_some_and(|ending| ending == "pub") {
            let text = short_text(path)?;
            let key = Trusted::read(text.trim()).filter(|found| matches!(found, Trusted::Key(_)));
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            return key
                .map(|key| (key, name))
                .ok_or_else(|| Problem::new("trust/key", format!("{} is no public key", path.display())));
        }
        let library = runtime.kernel_library(&self.what)?;
        trust::check_place(&library)?;
        let hash = trust::sha256(&library_bytes(&library)?);
        let name = library
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok((Trusted::Library(hash), name))
    }
}

/// Tells what is in force.
pub fn list(options: &Options) -> Result<(), Problem> {
    let found = force::decide(options)?;
    let mode = trust::mode_name(found.trust.mode);
    if options.json {
        let lists = found.lists.iter().map(|(path, list)| {
            let entries = list
                .entries
                .iter()
                .map(|entry| json!({"trusted": entry.trusted.text(), "note": entry.note}));
            json!({"list": path.display().to_string(), "entries": entries.collect::<Vec<_>>()})
        });
        let value = json!({"mode": mode, "because": found.because, "lists": lists.collect::<Vec<_>>()});
        console::print_line(&value.to_string());
        return Ok(());
    }
    console::print_line(&format!("{mode}: {}", found.because));
    for (path, list) in &found.lists {
        console::print_line(&path.display().to_string());
        for entry in &list.entries {
            console::print_line(format!("  {} {}", entry.trusted.text(), entry.note).trim_end());
        }
    }
    Ok(())
}

/// The secret key of a file that nobody else may read.
fn secret_of(path: &Path) -> Result<trust::Number, Problem> {
    let data = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if data.permissions().mode() & 0o077 != 0 {
        let problem = Problem::new(
            "trust/key-readable",
            format!("others may read the secret key {}", path.display()),
        );
        return Err(problem.with_hint(format!(
            "chmod 600 {}, and make a new key if somebody may have read it",
            path.display()
        )));
    }
    let text = short_text(path)?;
    let mut lines = text.lines();
    let secret = match (lines.next(), lines.next()) {
        (Some(HEADING), Some(secret)) => secret
            .strip_prefix("secret ")
            .and_then(|text| trust::number_of("ed25519", text)),
        _ => None,
    };
    secret.ok_or_else(|| {
        Problem::new("trust/key", format!("{} is no secret key", path.display()))
            .with_hint("sup kernel keygen FILE makes one")
    })
}

fn short_text(path: &Path) -> Result<String, Problem> {
    let length = fs::metadata(path)
        .map_err(|error| unreadable(path, &error))?
        .len();
    if length > MAX_KEY_BYTES {
        return Err(Problem::new(
            "trust/key",
            format!("{} is no key: it is too long", path.display()),
        ));
    }
    fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn library_bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    let length = fs::metadata(path)
        .map_err(|error| unreadable(path, &error))?
        .len();
    if length > MAX_LIBRARY_BYTES {
        return Err(Problem::new(
            "kernel/unreadable",
            format!("{} has {length} bytes", path.display()),
        ));
    }
    fs::read(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(
        "trust/unreadable",
        format!("{} cannot be read: {error}", path.display()),
    )
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(
        "trust/unwritable",
        format!("{} cannot be written: {error}", path.display()),
    )
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Writes a file that must not be there yet.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), Problem> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| unwritable(path, &error))
}

/// Writes a file anew, whole or not at all.
fn replace(path: &Path, text: &str) -> Result<(), Problem> {
    let fresh = with_ending(path, &format!(".new-{}", std::process::id()));
    if let Some(directory) = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
    {
        fs::create_dir_all(directory).map_err(|error| unwritable(directory, &error))?;
    }
    let written = write_new(&fresh, text, 0o644)
        .and_then(|()| fs::rename(&fresh, path).map_err(|error| unwritable(path, &error)));
    if written.is_err() {
        // What is half written is of no use; that it is left behind says nothing new.
        fs::remove_file(&fresh).ok();
    }
    written
}
