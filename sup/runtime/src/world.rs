//! What the compiler knows: modules, primitives, sources. Shared by the runtime and the natives that compile.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use sup_code::CellName;
use sup_vm::link::LinkId;
use sup_vm::vm::Kept;

use crate::console::SharedConsole;
use crate::grants::Grants;
use crate::isolates::Children;
use crate::lazy::LazyStore;
use crate::library::Library;
use crate::modules::{Entry, Module, PrimitiveInfo};
use crate::on_write::OnWrite;
use crate::problem::Problem;
use crate::recorder::Recorder;
use crate::services::OpenStores;
use crate::transactions::Transactions;

/// Shared access to the world. Borrowed for a look-up at a time, never while code runs.
pub type SharedWorld = Rc<RefCell<World>>;

/// The world of one isolate.
#[derive(Default)]
pub struct World {
    /// Modules by full name.
    pub modules: OnWrite<HashMap<String, OnWrite<Module>>>,
    /// Primitives by full name, `alu/add` or `%count`.
    pub primitives: OnWrite<HashMap<String, PrimitiveInfo>>,
    /// Everyday names of loaded kernels, to full names.
    pub everyday: OnWrite<HashMap<String, String>>,
    /// The compiled standard library.
    pub library: Library,
    /// What of the library was carried out here; functions that go to another isolate may name it.
    pub provided: Vec<CellName>,
    /// Writes down what is carried out, while the image of the standard library is made.
    pub recorder: Option<Recorder>,
    /// A directory with declarations of kernels, when kernels are known by them only and none is loaded.
    pub declared: Option<PathBuf>,
    /// Source texts by name.
    pub sources: OnWrite<HashMap<String, Arc<str>>>,
    /// Functions of macros, kept alive.
    pub macro_functions: Vec<Kept>,
    /// Names of the kernels that the isolate has.
    pub kernels: Vec<String>,
    /// Those of them that the standard library has loaded.
    pub library_kernels: Vec<String>,
    /// The kernels of the program; its isolates share them.
    pub registry: Arc<sup_host::Registry>,
    /// Which of them may be loaded.
    pub trust: Arc<sup_host::Trust>,
    /// Where private copies of their libraries are made while they are opened.
    pub temporary: PathBuf,
    /// Environment variables that the program may see.
    pub environment: OnWrite<HashMap<String, String>>,
    /// Modules that are being loaded, outermost first.
    pub loading: Vec<String>,
    /// What the isolate may reach.
    pub grants: Grants,
    /// Whose primitives have a meaning to code that is compiled, where that is not what the isolate may reach: a source that
    /// is only looked at will run elsewhere.
    pub names: Option<Grants>,
    /// Where text goes.
    pub console: Option<SharedConsole>,
    /// Arguments of the program.
    pub arguments: OnWrite<Vec<String>>,
    /// Directories in which imports are looked for besides the importing file's own.
    pub import_paths: OnWrite<Vec<PathBuf>>,
    /// Directories in which kernels are looked for, the first one first.
    pub kernel_paths: OnWrite<Vec<PathBuf>>,
    /// The store that code and data live in, when there is one.
    pub store: Option<Arc<LazyStore>>,
    /// Problems of stored texts that were loaded on the way; told by whoever asked for them.
    pub load_problems: Vec<Problem>,
    /// The stored files that are being compiled, outermost first.
    pub(crate) compiling: Vec<crate::releases::Compiling>,
    /// What compiling stored files has opened.
    pub(crate) session: Option<crate::releases::Session>,
    /// What the isolate has adopted of the store's releases.
    pub(crate) adopted: crate::releases::Adopted,
    /// Where the functions of stored macros stand that were made here, by the address of their code.
    pub(crate) made_macros: HashMap<usize, (usize, Arc<crate::releases::Piece>)>,
    /// The error value that was last raised to the outside.
    pub last_error: Option<Kept>,
    /// The stores that programs have open, in memory and elsewhere; the isolates of a program share them.
    pub namespaces: Arc<OpenStores>,
    /// The transactions that its fibers are in.
    pub(crate) transactions: Transactions,
    /// The isolates that this one has started.
    pub children: Children,
    /// How many evaluations had a source of their own.
    pub n_evaluations: u64,
    /// How many fresh modules were made.
    pub n_modules: u64,
}

/// The name of the module of everyday definitions.
pub const CORE: &str = "core";
/// The name of the module that programs start in.
pub const MAIN: &str = "main";

impl World {
    /// The world of an isolate that this one's starts, with those grants: what both know is shared until one changes it.
    /// `link` is the one under which it is started.
    #[must_use]
    pub fn seed(&self, grants: Grants, link: LinkId) -> World {
        World {
            adopted: self.adopted.seed(link),
            made_macros: self.made_macros.clone(),
            modules: self.modules.clone(),
            primitives: self.primitives.clone(),
            everyday: self.everyday.clone(),
            library: self.library.clone(),
            sources: self.sources.clone(),
            kernels: self.kernels.clone(),
            trust: self.trust.clone(),
            library_kernels: self.library_kernels.clone(),
            registry: self.registry.clone(),
            temporary: self.temporary.clone(),
            environment: self.environment.clone(),
            grants,
            console: self.console.clone(),
            arguments: self.arguments.clone(),
            import_paths: self.import_paths.clone(),
            kernel_paths: self.kernel_paths.clone(),
            store: self.store.clone(),
            namespaces: self.namespaces.clone(),
            children: self.children.of_family(),
            ..World::default()
        }
    }

    /// The module of that name, made when it is new.
    pub fn module(&mut self, name: &str) -> &mut Module {
        self.modules.entry(name.to_owned()).or_default()
    }

    /// What a module shows of a name, for whoever imports it.
    #[must_use]
    pub fn shown(&self, module: &str, name: &str) -> Option<&Entry> {
        self.modules
            .get(module)
            .filter(|found| found.shows(name))?
            .entries
            .get(name)
    }

    /// Every name that code of a module can use unqualified, and the qualified ones of its imports.
    #[must_use]
    pub fn visible_names(&self, module: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        if let Some(own) = self.modules.get(module) {
            names.extend(own.entries.keys().cloned());
            names.extend(own.macros.keys().cloned());
            for (alias, target) in &own.imports {
                names.extend(
                    self.shown_names(target)
                        .into_iter()
                        .map(|name| format!("{alias}/{name}")),
                );
            }
            if !own.bare {
                names.extend(self.shown_names(CORE));
            }
        }
        names.extend(self.everyday.keys().cloned());
        names.extend(
            self.primitives
                .keys()
                .filter(|name| !name.starts_with('%'))
                .cloned(),
        );
        names.sort();
        names.dedup();
        names
    }

    /// The names of a primitive: its own, and those under which its kernel has the same code.
    #[must_use]
    pub fn names_alike(&self, primitive: &str) -> Vec<String> {
        let mut names = vec![primitive.to_owned()];
        let Some((kernel, name)) = primitive.split_once('/') else {
            return names;
        };
        let is_own = self.kernels.iter().any(|own| own == kernel);
        let Some(kernel) = self.registry.current(kernel).filter(|_| is_own) else {
            return names;
        };
        let all = kernel.primitives();
        if let Some(own) = all.iter().find(|other| other.name == name) {
            let alike = all
                .iter()
                .filter(|other| std::ptr::fn_addr_eq(other.function, own.function) && other.name != name);
            names.extend(alike.map(|other| format!("{}/{}", kernel.name(), other.name)));
        }
        names
    }

    /// Every name that a module shows.
    #[must_use]
    pub fn shown_names(&self, module: &str) -> Vec<String> {
        let Some(found) = self.modules.get(module) else {
            return Vec::new();
        };
        let defined = found.order.iter().chain(found.macros.keys());
        defined.filter(|name| found.shows(name)).cloned().collect()
    }
}
