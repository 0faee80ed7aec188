//! Finds, checks and opens kernels. A library is read once; what is checked is what is opened, from a private
//! copy.
#![allow(unsafe_code)]

use crate::copy::PrivateDirectory;
use crate::declaration::{self, Declaration};
use crate::elf;
use crate::error::LoadError;
use crate::extensions;
use crate::handshake;
use crate::kernel::{Kernel, PrimitiveInfo};
use crate::places;
use crate::search::{Found, SearchPath};
use crate::table;
use crate::trust::{Standing, Trust};
use libloading::Library;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use sup_abi::kernel::{ENTRY_SYMBOL, Entry};

/// Largest library that is loaded, in bytes.
const MAX_LIBRARY_BYTES: u64 = 1 << 30;

/// How a primitive differs from that of its name in the generation before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// There is none of its name.
    Gone,
    /// Its signature is another.
    Signature,
    /// It has another intrinsic, or none any more: code that had the machine do its work goes on as before.
    Intrinsic,
}

/// Tells what uses a primitive and cannot go on when it differs so.
pub type Users<'a> = &'a dyn Fn(&str, Difference) -> Vec<String>;

/// The generation before, and what uses it.
type Before<'a> = (&'a Kernel, Users<'a>);

/// Loads kernels for one runtime.
#[derive(Clone, Debug)]
pub struct Loader {
    search: SearchPath,
    temporary: PathBuf,
    trust: Arc<Trust>,
}

impl Loader {
    /// Looks for kernels along a path, copies them below a directory for temporary files while they are opened, and opens
    /// what is trusted.
    #[must_use]
    pub fn new(search: SearchPath, temporary: &Path, trust: Arc<Trust>) -> Loader {
        Loader {
            search,
            temporary: temporary.to_owned(),
            trust,
        }
    }

    /// Why what was found may be loaded, or would be unknown; nothing of it is run.
    ///
    /// # Errors
    /// When others may write it, it cannot be read, or its signature does not hold.
    pub fn standing(&self, found: &Found) -> Result<Standing, LoadError> {
        let seen = places::check(&found.library)?;
        let read = read(&seen, Extent::Whole)?;
        self.trust.standing(&seen, &read.bytes)
    }

    /// Where it looks.
    #[must_use]
    pub fn search(&self) -> &SearchPath {
        &self.search
    }

    /// Finds a kernel by name.
    ///
    /// # Errors
    /// When the name is none, or nothing is found.
    pub fn find(&self, name: &str) -> Result<Found, LoadError> {
        self.search.find(name)
    }

    /// Opens what was found, checks it against its declaration when there is one, and lets it make its state.
    ///
    /// # Errors
    /// What is wrong with it; nothing of it is used then.
    pub fn load(&self, found: &Found, declared: Option<&Declaration>) -> Result<Arc<Kernel>, LoadError> {
        self.load_generation(found, declared, None)
    }

    /// Opens what was found as the next generation of a kernel. The one before is left as it is, whatever comes of it; `users`
    /// names what calls a primitive, which must be there as it was then.
    ///
    /// # Errors
    /// What is wrong with it; `LoadError::Incompatible` when a primitive is missing or has another signature.
    pub fn load_next(
        &self,
        found: &Found,
        declared: Option<&Declaration>,
        before: &Kernel,
        users: Users<'_>,
    ) -> Result<Arc<Kernel>, LoadError> {
        self.load_generation(found, declared, Some((before, users)))
    }

    fn load_generation(
        &self,
        found: &Found,
        declared: Option<&Declaration>,
        before: Option<Before<'_>>,
    ) -> Result<Arc<Kernel>, LoadError> {
        let declared_hash = declared.and_then(|declared| declared.hash.as_deref());
        let seen = places::check(&found.library)?;
        let must_look = self.trust.looks_at(&seen);
        let extent = if must_look || declared_hash.is_some() {
            Extent::Whole
        } else {
            Extent::Needed
        };
        let mut read = read(&seen, extent)?;
        if let Some(expected) = declared_hash {
            compare_hash(expected, &read.bytes)?;
        }
        if must_look {
            self.trust.judge(&seen, &read.bytes)?;
        }
        read.bytes.truncate(read.n_needed);
        let entry = self.open(&found.library, &read.bytes)?;
        let asked = found.name.as_deref().or(before.map(|(before, _)| before.name()));
        // SAFETY: the symbol has the type of an entry, and the library is never closed.
        unsafe { adopt(entry, asked, declared, before) }
    }

    /// Opens a private copy of a library and finds its entry. The library stays open for the life of the
    /// process.
    fn open(&self, original: &Path, bytes: &[u8]) -> Result<Entry, LoadError> {
        let directory = PrivateDirectory::below(&self.temporary)?;
        let name = original
            .file_name()
            .unwrap_or_else(|| OsStr::new("kernel"))
            .to_string_lossy();
        let path = directory.write(&name, bytes)?;
        let library = open_library(&path)?;
        // SAFETY: a kernel's library exports this name with this type; what else it may be cannot be told.
        let entry = unsafe { library.get::<Entry>(ENTRY_SYMBOL) }.map(|symbol| *symbol);
        std::mem::forget(library);
        entry.map_err(|_| LoadError::NoEntry)
    }
}

/// Loads a kernel that is linked into the binary.
///
/// # Errors
/// What is wrong with it.
///
/// # Safety
/// `entry` must be the entry of a kernel.
pub unsafe fn load_static(entry: Entry) -> Result<Arc<Kernel>, LoadError> {
    // SAFETY: the caller vouches for the entry.
    unsafe { adopt(entry, None, None, None) }
}

/// Asks an entry for its table, checks it, and lets the kernel make its state.
///
/// # Safety
/// `entry` must be the entry of a kernel that stays for ever.
unsafe fn adopt(
    entry: Entry,
    asked: Option<&str>,
    declared: Option<&Declaration>,
    before: Option<Before<'_>>,
) -> Result<Arc<Kernel>, LoadError> {
    // SAFETY: the caller vouches for the entry; the host's table is static.
    let kernel = unsafe { entry(&raw const table::HOST) };
    // SAFETY: the pointer is what the entry answered.
    let contents = unsafe { handshake::check(kernel) }?;
    if let Some(asked) = asked.filter(|asked| *asked != contents.name) {
        return Err(LoadError::OtherName {
            asked: asked.to_owned(),
            found: contents.name,
        });
    }
    if let Some(missing) = contents
        .needs
        .iter()
        .find(|need| extensions::find(need).is_null())
    {
        return Err(LoadError::Needs {
            extension: missing.clone(),
        });
    }
    if let Some(declared) = declared {
        declaration::compare(declared, &contents.name, &contents.primitives)?;
    }
    if let Some((before, users)) = before {
        compare(before, &contents.primitives, users)?;
    }
    // SAFETY: the contents were copied from this table.
    let loaded = unsafe { Kernel::load(kernel, contents, &table::HOST, before.map(|(before, _)| before)) }?;
    Ok(Arc::new(loaded))
}

/// Whether what calls the primitives of one generation can call those of the next. Code was compiled for their signatures
/// and their opcodes, so all that it uses must be there as they were; what nobody uses may be anything.
fn compare(before: &Kernel, after: &[PrimitiveInfo], users: Users<'_>) -> Result<(), LoadError> {
    let mut differences = Vec::new();
    for old in before.primitives() {
        let (kind, difference) = match after.iter().find(|new| new.name == old.name) {
            None => (Difference::Gone, "is gone".to_owned()),
            Some(new) if new.signature_text != old.signature_text => {
                let difference = format!("was {} and is {}", old.signature_text, new.signature_text);
                (Difference::Signature, difference)
            }
            Some(new) if new.intrinsic != old.intrinsic => {
                (Difference::Intrinsic, "is another intrinsic".to_owned())
            }
            Some(_) => continue,
        };
        let users = users(&old.name, kind);
        if !users.is_empty() {
            differences.push(format!(
                "{} {difference} (used by {})",
                old.name,
                users.join(", ")
            ));
        }
    }
    if differences.is_empty() {
        Ok(())
    } else {
        Err(LoadError::Incompatible { differences })
    }
}

/// How much of a library is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// What the system's loader needs of it.
    Needed,
    /// All of it: what is hashed is the file.
    Whole,
}

/// What was read of a library.
struct Contents {
    bytes: Vec<u8>,
    /// How many of them the system's loader needs.
    n_needed: usize,
}

/// Reads the file that was looked at.
fn read(seen: &places::Seen, extent: Extent) -> Result<Contents, LoadError> {
    let unreadable = |reason: String| LoadError::Unreadable {
        path: seen.path.display().to_string(),
        reason,
    };
    let failed = |error: std::io::Error| unreadable(error.to_string());
    let mut file = File::open(&seen.path).map_err(failed)?;
    if !seen.is(&file).map_err(failed)? {
        return Err(unreadable("it was replaced while it was looked at".to_owned()));
    }
    let length = file.metadata().map_err(failed)?.len();
    if length > MAX_LIBRARY_BYTES {
        return Err(unreadable(format!(
            "it has {length} bytes, more than the limit of {MAX_LIBRARY_BYTES}"
        )));
    }
    let mut bytes = Vec::new();
    file.by_ref()
        .take(elf::HEAD_BYTES as u64)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let n_needed = elf::check(&bytes, length)?;
    let n_wanted = if extent == Extent::Whole { length } else { n_needed };
    let n_more = n_wanted.saturating_sub(bytes.len() as u64);
    bytes.reserve_exact(n_more as usize);
    file.take(n_more).read_to_end(&mut bytes).map_err(failed)?;
    if (bytes.len() as u64) < n_needed {
        return Err(LoadError::NoLibrary {
            reason: "it became shorter while it was read".to_owned(),
        });
    }
    Ok(Contents {
        bytes,
        n_needed: n_needed as usize,
    })
}

fn compare_hash(expected: &str, bytes: &[u8]) -> Result<(), LoadError> {
    let found = blake3::hash(bytes).to_hex().to_string();
    if found == expected {
        return Ok(());
    }
    Err(LoadError::Hash {
        expected: expected.to_owned(),
        found,
    })
}

#[cfg(unix)]
fn open_library(path: &Path) -> Result<Library, LoadError> {
    use libloading::os::unix::{Library as UnixLibrary, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: opening runs the library's constructors: native code that was let in on purpose.
    let opened = unsafe { UnixLibrary::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    opened.map(Library::from).map_err(|error| refused(path, &error))
}

#[cfg(not(unix))]
fn open_library(path: &Path) -> Result<Library, LoadError> {
    // SAFETY: as above.
    unsafe { Library::new(path) }.map_err(|error| refused(path, &error))
}

/// The system's message, without the path of the private copy, which means nothing to anybody.
fn refused(path: &Path, error: &libloading::Error) -> LoadError {
    let text = error.to_string();
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    LoadError::Open {
        reason: text.replace(&path.display().to_string(), &name),
    }
}
