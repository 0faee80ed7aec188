//! What a project's sources load and import, as far as their text says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use slp::{NodeId, Prefix, ReadLimits, Tree};
use sup_runtime::Problem;

use super::{INIT, Project};

/// Largest source that is looked through, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// The kernels and modules of a project's sources.
#[derive(Debug, Default)]
pub struct Sources {
    /// Names of the kernels that they load, in order.
    pub kernels: BTreeSet<String>,
    /// The modules, by name.
    pub modules: Vec<Module>,
}

/// A module.
#[derive(Clone, Debug)]
pub struct Module {
    /// As it is imported, without an ending.
    pub name: String,
    /// Its file, when it has one that was found.
    pub file: Option<PathBuf>,
    /// The hash of its text: blake3, in hexadecimal.
    pub hash: Option<String>,
    /// Whether it belongs to the standard library.
    pub is_standard: bool,
    /// Whether somebody imports it.
    pub is_imported: bool,
    /// Whether a module of the standard library of that name comes first.
    pub is_hidden: bool,
}

impl Sources {
    /// Goes through `init.slp`, the tests, and what they import.
    ///
    /// # Errors
    /// When a directory cannot be listed. A source that cannot be read is told by whoever runs it.
    pub fn of(project: &Project) -> Result<Sources, Problem> {
        let mut found = Sources::default();
        let mut waiting = vec![project.root.join(INIT)];
        waiting.extend(below(&project.root.join("tests")));
        let mut seen = BTreeSet::new();
        while let Some(file) = waiting.pop() {
            if !seen.insert(file.clone()) {
                continue;
            }
            for import in found.look_through(&file) {
                let module = found.import(project, &file, &import);
                waiting.extend(module);
            }
        }
        for file in below(&project.modules()) {
            if !seen.contains(&file) {
                let name = module_name(project, &file);
                found.modules.push(Module::of_file(name, file, false));
            }
        }
        for module in &mut found.modules {
            module.is_hidden = !module.is_standard && sup_runtime::load::is_standard(&module.name);
        }
        found.modules.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Notes what a source loads; the paths that it imports.
    fn look_through(&mut self, file: &Path) -> Vec<String> {
        let is_small = fs::metadata(file).is_ok_and(|data| data.len() <= MAX_BYTES);
        let Some(text) = fs::read_to_string(file).ok().filter(|_| is_small) else {
            return Vec::new();
        };
        let tree = slp::read(&text, &ReadLimits::default()).tree;
        let mut imports = Vec::new();
        let mut waiting: Vec<NodeId> = tree.roots().to_vec();
        while let Some(node) = waiting.pop() {
            match tree.prefix(node) {
                Some((Prefix::Datum, inner)) if tree.head(inner) == Some("load") => {
                    self.kernels.extend(strings(&tree, inner))
                }
                Some((Prefix::Datum, inner)) if tree.head(inner) == Some("import") => {
                    imports.extend(strings(&tree, inner))
                }
                _ => waiting.extend(tree.children(node)),
            }
        }
        imports
    }

    /// Notes an import; the file of the module, when it has one.
    fn import(&mut self, project: &Project, importer: &Path, path: &str) -> Option<PathBuf> {
        if sup_runtime::load::is_standard(path) {
            self.note(Module {
                name: path.to_owned(),
                file: None,
                hash: None,
                is_standard: true,
                is_imported: true,
                is_hidden: false,
            });
            return None;
        }
        let bases = sup_runtime::load::import_bases(importer.parent(), &[project.modules()], path);
        let file = sup_runtime::load::find_module(&bases, path);
        let module = match &file {
            Some(file) => Module::of_file(module_name(project, file), file.clone(), true),
            None => {
                let name = path.to_owned();
                Module {
                    name,
                    file: None,
                    hash: None,
                    is_standard: false,
                    is_imported: true,
                    is_hidden: false,
                }
            }
        };
        self.note(module);
        file
    }

    fn note(&mut self, module: Module) {
        let is_known = |known: &Module| known.file == module.file && known.name == module.name;
        if !self.modules.iter().any(is_known) {
            self.modules.push(module);
        }
    }
}

impl Module {
    fn of_file(name: String, file: PathBuf, is_imported: bool) -> Module {
        let hash = fs::read(&file)
            .ok()
            .map(|text| blake3::hash(&text).to_hex().to_string());
        Module {
            name,
            file: Some(file),
            hash,
            is_standard: false,
            is_imported,
            is_hidden: false,
        }
    }
}

/// The strings of a list.
fn strings(tree: &Tree, list: NodeId) -> Vec<String> {
    tree.children(list)
        .iter()
        .filter_map(|node| tree.string(*node))
        .map(str::to_owned)
        .collect()
}

/// How a module of the project is imported: by its path below `modules`, without the ending.
fn module_name(project: &Project, file: &Path) -> String {
    let path = file
        .strip_prefix(project.modules())
        .or(file.strip_prefix(&project.root))
        .unwrap_or(file);
    let path = if path.file_name().is_some_and(|name| name == INIT) {
        path.parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(path)
            .to_owned()
    } else {
        path.with_extension("")
    };
    path.display().to_string()
}

/// The sources below a directory, without links and what is hidden, by name.
fn below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_file()
                && path
                    .extension()
                    .is_some_and(|ending| ending == "slp" || ending == "sxs")
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
