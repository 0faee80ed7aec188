//! The SDK and the header, which come with the command and are laid out in the cache, so that kernels are built where no checkout is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sup_runtime::Problem;

use super::cache::{add, unusable};

/// Path and content of each file.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// The manifest that makes one workspace of them.
const MANIFEST: &str = concat!(
    "[workspace]\nresolver = \"2\"\nmembers = [\"sup/abi\", \"kernels/sdk\"]\n\n[workspace.package]\nversion = \"",
    env!("CARGO_PKG_VERSION"),
    "\"\nedition = \"2024\"\nlicense = \"MIT OR Apache-2.0\"\npublish = false\n\n[workspace.dependencies]\n",
    "sup-abi = { path = \"sup/abi\" }\n\n[workspace.lints.rust]\n"
);

/// The SDK as it lies in the cache.
#[derive(Clone, Debug)]
pub struct Sdk {
    directory: PathBuf,
}

impl Sdk {
    /// Writes it into the cache unless it is there. Its directory is named by its content.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn lay_out(cache: &Path) -> Result<Sdk, Problem> {
        let directory = cache.join("sdk").join(Sdk::id());
        if directory.is_dir() {
            return Ok(Sdk { directory });
        }
        let fresh = directory.with_extension(format!("new-{}", std::process::id()));
        match write(&fresh).and_then(|()| fs::rename(&fresh, &directory)) {
            Ok(()) => Ok(Sdk { directory }),
            // Another process was first.
            Err(_) if directory.is_dir() => {
                drop(fs::remove_dir_all(&fresh));
                Ok(Sdk { directory })
            }
            Err(error) => Err(unusable(&directory, &error)),
        }
    }

    /// A name for its content.
    pub fn id() -> String {
        let mut hasher = blake3::Hasher::new();
        for (path, content) in FILES {
            add(&mut hasher, path.as_bytes());
            add(&mut hasher, content);
        }
        add(&mut hasher, MANIFEST.as_bytes());
        hasher.finalize().to_hex().as_str()[..32].to_owned()
    }

    /// The crate `sup-kernel`.
    pub fn krate(&self) -> PathBuf {
        self.directory.join("kernels/sdk")
    }

    /// The directory of the C header.
    pub fn include(&self) -> PathBuf {
        self.krate().join("include")
    }
}

fn write(directory: &Path) -> io::Result<()> {
    let files = FILES.iter().copied();
    for (path, content) in files.chain([("Cargo.toml", MANIFEST.as_bytes())]) {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap_or(directory))?;
        fs::write(path, content)?;
    }
    Ok(())
}
