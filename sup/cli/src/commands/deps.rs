//! `sup deps`: the kernels and modules that a project is made of, where each was found, and how what was built stands to its sources.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use sup_runtime::{Capability, Grants, Problem, Runtime};

use super::build::required;
use crate::arguments::Options;
use crate::console;
use crate::draw::Weight;
use crate::exit::Exit;
use crate::project::Project;
use crate::project::kernel::State;
use crate::project::sources::{Module, Sources};
use crate::session::{self, Teller};

const EXAMPLES: &str = "\
Examples:
  sup deps              of the project here
  sup deps demo --json  of the project demo, for programs

Kernels are the project's own, those that project.slp needs, and those that its sources load; modules are those that its init.slp and
tests import, and the others below modules. Nothing is built. A kernel that was found is loaded to ask for its version, which runs its code.
Exit code 1 when something is missing.";

/// Tells what a project is made of.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Deps {
    /// The project's directory
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

/// A kernel as it was found.
struct FoundKernel {
    name: String,
    /// What the library says, or why it says nothing.
    version: Result<String, Problem>,
    library: Option<PathBuf>,
    /// For a kernel of the project: the directory of its sources, and how its library stands to them.
    own: Option<(PathBuf, Result<State, Problem>)>,
    shadows: Vec<PathBuf>,
    is_needed: bool,
}

impl Deps {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let outcome = required(&self.directory).and_then(|project| {
            let sources = Sources::of(&project)?;
            let kernels = kernels(&project, &sources, options)?;
            Ok((project, sources, kernels))
        });
        let (project, sources, kernels) = match outcome {
            Ok(found) => found,
            Err(problem) => {
                Teller::new(options).tell_of_files(&problem, Weight::Error);
                return Exit::Raised;
            }
        };
        if options.json {
            console::print_line(&as_json(&project, &sources, &kernels).to_string());
        } else {
            print(&project, &sources, &kernels);
        }
        let is_whole = kernels.iter().all(|kernel| kernel.library.is_some())
            && sources
                .modules
                .iter()
                .all(|module| module.file.is_some() || module.is_standard);
        if is_whole { Exit::Fine } else { Exit::Raised }
    }
}

fn kernels(project: &Project, sources: &Sources, options: &Options) -> Result<Vec<FoundKernel>, Problem> {
    let mut options = options.clone();
    options.project_kernels = Some(project.libraries()?);
    options.project = Some(project.root.clone());
    let directories = session::kernel_paths(&options);
    let grants = Grants::NONE.with(Capability::Kernel);
    let built = session::builder(&options).grants(grants).bare().build();
    let runtime = built.map_err(|problems| problems.into_iter().next().unwrap_or_default())?;
    let states = project.states()?;
    let needed: Vec<String> = project
        .manifest
        .iter()
        .flat_map(|manifest| &manifest.kernels)
        .map(|kernel| kernel.name.clone())
        .collect();
    let mut names: Vec<String> = states.iter().map(|(kernel, _)| kernel.name.clone()).collect();
    names.extend(needed.iter().cloned().chain(sources.kernels.iter().cloned()));
    names.sort();
    names.dedup();
    let found = names.into_iter().map(|name| {
        let own = states.iter().find(|(kernel, _)| kernel.name == name);
        let place = sup_runtime::search::find_kernel(&directories, &name).ok();
        FoundKernel {
            version: version(&runtime, &name),
            own: own.map(|(kernel, state)| (kernel.sources.clone(), state.clone())),
            shadows: place
                .as_ref()
                .map(|place| place.shadowed.clone())
                .unwrap_or_default(),
            library: place.map(|place| place.library),
            is_needed: needed.contains(&name),
            name,
        }
    });
    Ok(found.collect())
}

fn version(runtime: &Runtime, name: &str) -> Result<String, Problem> {
    runtime.verify_kernel(name).map(|verified| verified.version)
}

impl FoundKernel {
    fn state(&self) -> &str {
        match &self.own {
            Some((_, Ok(state))) => state.name(),
            Some((_, Err(_))) => "cannot be built",
            None if self.library.is_some() => "not of the project",
            None => "missing",
        }
    }

    /// What is wrong with it.
    fn problem(&self) -> Option<&Problem> {
        let of_own = self.own.as_ref().and_then(|(_, state)| state.as_ref().err());
        let never_built = matches!(&self.own, Some((_, Ok(State::NeverBuilt)))) && self.library.is_none();
        of_own.or(if never_built {
            None
        } else {
            self.version.as_ref().err()
        })
    }
}

fn print(project: &Project, sources: &Sources, kernels: &[FoundKernel]) {
    let version = project
        .manifest
        .as_ref()
        .map_or("", |manifest| manifest.version.as_str());
    console::print_line(format!("{} {version}", project.name()).trim_end());
    console::print_line(&format!("  in {}", project.root.display()));
    if !kernels.is_empty() {
        console::print_line("kernels");
    }
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let names = width(&mut kernels.iter().map(|kernel| kernel.name.len()));
    let states = width(&mut kernels.iter().map(|kernel| kernel.state().len()));
    for kernel in kernels {
        let version = kernel.version.as_deref().unwrap_or("-");
        let library = kernel
            .library
            .as_ref()
            .map_or("not found".to_owned(), |path| path.display().to_string());
        console::print_line(&format!(
            "  {:names$}  {version:7}  {:states$}  {library}",
            kernel.name,
            kernel.state()
        ));
        if let Some((sources, _)) = &kernel.own {
            console::print_line(&format!("  {:names$}  of {}", "", relative(project, sources)));
        }
        for shadowed in &kernel.shadows {
            console::print_line(&format!("  {:names$}  instead of {}", "", shadowed.display()));
        }
        if let Some(problem) = kernel.problem() {
            console::print_line(&format!("  {:names$}  {}: {}", "", problem.code, problem.message));
        }
    }
    if !sources.modules.is_empty() {
        console::print_line("modules");
    }
    let names = width(&mut sources.modules.iter().map(|module| module.name.len()));
    for module in &sources.modules {
        console::print_line(&format!(
            "  {:names$}  {}",
            module.name,
            module_place(project, module)
        ));
    }
}

fn module_place(project: &Project, module: &Module) -> String {
    let place = match &module.file {
        Some(file) => relative(project, file),
        None if module.is_standard => "standard library".to_owned(),
        None => "not found".to_owned(),
    };
    let hash = module
        .hash
        .as_deref()
        .map(|hash| format!("  {}", &hash[..12]))
        .unwrap_or_default();
    let unused = if module.is_imported {
        ""
    } else {
        "  (not imported)"
    };
    let hidden = if module.is_hidden {
        "  (the standard library's module of that name comes first)"
    } else {
        ""
    };
    format!("{place}{hash}{unused}{hidden}")
}

fn relative(project: &Project, path: &std::path::Path) -> String {
    path.strip_prefix(&project.root)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn as_json(project: &Project, sources: &Sources, kernels: &[FoundKernel]) -> Value {
    let kernel = |kernel: &FoundKernel| {
        json!({
            "name": kernel.name,
            "version": kernel.version.as_ref().ok(),
            "state": kernel.state(),
            "library": kernel.library,
            "sources": kernel.own.as_ref().map(|(sources, _)| sources),
            "shadows": kernel.shadows,
            "needed": kernel.is_needed,
            "problem": kernel.problem().map(|problem| json!({ "code": problem.code, "message": problem.message })),
        })
    };
    let module = |module: &Module| {
        json!({
            "name": module.name,
            "file": module.file,
            "standard": module.is_standard,
            "imported": module.is_imported,
            "hidden": module.is_hidden,
            "hash": module.hash,
        })
    };
    json!({
        "name": project.name(),
        "version": project.manifest.as_ref().map(|manifest| &manifest.version),
        "directory": project.root,
        "kernels": kernels.iter().map(kernel).collect::<Vec<_>>(),
        "modules": sources.modules.iter().map(module).collect::<Vec<_>>(),
    })
}
