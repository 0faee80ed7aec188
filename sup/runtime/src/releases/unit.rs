//! Units: one file of a release, compiled. What compiling has found out is shared by all isolates, and each carries the code
//! out for itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use slp::Span;
use sup_abi::word::Word;
use sup_code::{Chunk, CodeLimits, TypeSpec, Verified, chunk, verify};
use sup_vm::unit::LoadedChunk;
use sup_vm::vm::Vm;

use crate::load::problem_of;
use crate::modules::Module;
use crate::on_write::OnWrite;
use crate::problem::Problem;

/// The cell of a stored text's module that holds its value.
pub(crate) const VALUE: &str = "*value*";

/// The module that a stored name is loaded as; also the name of its source.
pub(crate) fn module_of(name: &str) -> String {
    format!("{MODULES}{name}")
}

/// How the modules of stored texts begin.
pub(crate) const MODULES: &str = "store:";

/// Code of one form: verified once, loaded by whoever first needs it, and then run by every isolate.
#[derive(Debug)]
pub struct Piece {
    verified: Verified<Chunk>,
    loaded: OnceLock<Loaded>,
}

#[derive(Clone, Copy)]
struct Loaded(&'static LoadedChunk);

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Loaded")
    }
}

/// What was loaded so far, by the hash of its bytes. Loaded code stays for the life of the process, so the same code is never
/// loaded twice, whichever release it comes with.
static LOADED: LazyLock<Mutex<HashMap<[u8; 32], Vec<Loaded>>>> = LazyLock::new(Mutex::default);

impl Piece {
    pub(crate) fn new(code: Chunk) -> Result<Piece, Problem> {
        let verified = verify(code, &CodeLimits::STANDARD)
            .map_err(|error| Problem::new(error.code(), error.to_string()))?;
        Ok(Piece {
            verified,
            loaded: OnceLock::new(),
        })
    }

    pub(crate) fn chunk(&self) -> &Chunk {
        self.verified.shared()
    }

    /// Loads it, if nobody has.
    pub(crate) fn load(&self, vm: &mut Vm) -> Result<&'static LoadedChunk, Problem> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded.0);
        }
        let hash = chunk::hash(&chunk::encode(self.chunk()));
        let table = || LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let known = table().get(&hash).and_then(|known| {
            let same = known.iter().find(|loaded| *loaded.0.chunk == *self.chunk());
            same.copied()
        });
        let loaded = match known {
            Some(loaded) => loaded,
            None => {
                let loaded = vm.load(&self.verified);
                let loaded = Loaded(loaded.map_err(|raise| problem_of(vm, raise))?);
                table().entry(hash).or_default().push(loaded);
                loaded
            }
        };
        Ok(self.loaded.get_or_init(|| loaded).0)
    }

    /// The function that carries it out, in this isolate.
    pub(crate) fn function(&self, vm: &mut Vm) -> Result<Word, Problem> {
        let loaded = self.load(vm)?;
        vm.adopt(loaded);
        vm.entry_of(loaded).map_err(|raise| problem_of(vm, raise))
    }
}

/// How many pieces of code releases have loaded in this process.
#[must_use]
pub fn n_loaded() -> usize {
    let table = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    table.values().map(Vec::len).sum()
}

/// The same, of one module only.
#[must_use]
pub fn n_loaded_of(module: &str) -> usize {
    let table = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = table.values().flatten();
    loaded.filter(|loaded| loaded.0.chunk.module == module).count()
}

/// One thing that carrying a unit out does.
#[derive(Debug)]
pub(crate) enum Step {
    Run(Piece),
    Load(Vec<String>),
    Record {
        name: String,
        fields: Vec<(Option<String>, TypeSpec)>,
    },
}

/// A route that a file declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredRoute {
    /// The method in upper case, `ANY` for all.
    pub method: String,
    /// The pattern.
    pub pattern: String,
    /// The module variable that holds the handler.
    pub(crate) cell: String,
    /// Where it stands.
    pub span: Span,
}

/// A compiled file.
#[derive(Debug)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// Two units of the same serial are one: the same text, compiled against the same others.
    pub(crate) serial: u64,
    pub(crate) module: String,
    pub(crate) source: Arc<str>,
    pub(crate) steps: Vec<Step>,
    /// What the compiler knows of its module.
    pub(crate) knowledge: OnWrite<Module>,
    /// The stored names that its code names.
    pub(crate) uses: Vec<String>,
    /// The module variables that carrying it out may set.
    pub(crate) cells: Vec<String>,
    /// Its routes.
    pub routes: Vec<DeclaredRoute>,
    /// The kernels that it loads.
    pub kernels: Vec<String>,
}

static SERIAL: AtomicU64 = AtomicU64::new(1);

/// A number that nothing else has.
pub(crate) fn next_serial() -> u64 {
    SERIAL.fetch_add(1, Ordering::Relaxed)
}
