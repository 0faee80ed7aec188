//! Where a kernel of a name lies, without loading it.

use std::path::PathBuf;

use sup_host::SearchPath;

use crate::kernels::told;
use crate::problem::Problem;

/// A kernel's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelPlace {
    /// Its library.
    pub library: PathBuf,
    /// Libraries of the same name further on, which are not used.
    pub shadowed: Vec<PathBuf>,
}

/// Finds a kernel by name in directories, the first one first.
///
/// # Errors
/// When none has it, or it can have no such name.
pub fn find_kernel(directories: &[PathBuf], name: &str) -> Result<KernelPlace, Problem> {
    let found = SearchPath::new(directories.to_vec())
        .find(name)
        .map_err(|error| told(name, &error))?;
    Ok(KernelPlace {
        library: found.library,
        shadowed: found.shadowed,
    })
}
