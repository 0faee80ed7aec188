//! What a project needs before it runs: its kernels built, the kernels that it names found, its capabilities granted, and its sources
//! without mistakes that can be seen without running them.

use std::path::Path;

use sup_runtime::check::{Finding, Severity};
use sup_runtime::{Capability, Grants, Problem, Runtime};

use super::Project;
use super::cache::Voice;
use super::manifest::{FILE, Isolation};
use crate::arguments::{Allowed, Options};
use crate::draw::Weight;
use crate::exit::Exit;
use crate::session::{self, Teller};

/// The options for a path of the command line: when it belongs to a project, with that project's kernels, which were built, its modules,
/// its store, and its capabilities unless `--allow` said others. A failure that left a good library is only told.
///
/// # Errors
/// When its `project.slp` is wrong or a kernel has no library; that was told.
pub fn prepare(path: &Path, options: &Options) -> Result<(Options, Option<Project>), Exit> {
    let teller = Teller::new(options);
    let mut options = options.clone();
    let project = Project::of(path).map_err(|problem| {
        teller.tell_of_files(&problem, Weight::Error);
        Exit::Raised
    })?;
    let Some(project) = project else {
        let directory = if path.is_dir() { Some(path) } else { path.parent() };
        let named = directory.filter(|directory| !directory.as_os_str().is_empty());
        options.project = named.map(Path::to_path_buf);
        return Ok((options, None));
    };
    options.project = Some(project.root.clone());
    if let Some(manifest) = &project.manifest {
        options.project_root = Some(project.root.clone());
        if let (None, Some(capabilities)) = (&options.allow, &manifest.capabilities) {
            options.allow = Some(
                capabilities
                    .iter()
                    .map(|capability| Allowed::One(*capability))
                    .collect(),
            );
        }
    }
    options.project_modules = Some(project.modules()).filter(|modules| modules.is_dir());
    if !options.grants().has(Capability::Kernel) {
        return Ok((options, Some(project)));
    }
    let built = project.build(voice(&options)).map_err(|problem| {
        teller.tell_of_files(&problem, Weight::Error);
        Exit::Raised
    })?;
    let is_lost = built.n_missing > 0;
    let weight = if is_lost { Weight::Error } else { Weight::Warning };
    built
        .failures
        .iter()
        .for_each(|problem| teller.tell_of_files(problem, weight));
    if is_lost {
        return Err(Exit::Raised);
    }
    options.project_kernels = built.directory;
    Ok((options, Some(project)))
}

/// Whether progress is told.
pub fn voice(options: &Options) -> Voice {
    if options.json { Voice::Silent } else { Voice::Lines }
}

/// Tells which of the project's kernels stand before others of the same name, or behind.
pub fn tell_shadows(project: &Project, options: &Options) {
    let Some(own) = &options.project_kernels else {
        return;
    };
    let directories = session::kernel_paths(options);
    for name in project.kernel_names().unwrap_or_default() {
        let Ok(place) = sup_runtime::search::find_kernel(&directories, &name) else {
            continue;
        };
        let message = if !place.library.starts_with(own) {
            format!(
                "the project's kernel {name} is not used: {} comes first",
                place.library.display()
            )
        } else if let Some(shadowed) = place.shadowed.first() {
            format!(
                "the project's kernel {name} is used instead of {}",
                shadowed.display()
            )
        } else {
            continue;
        };
        Teller::new(options).tell_of_files(&Problem::new("kernel/shadowed", message), Weight::Warning);
    }
}

/// Looks whether a project can be run: everything that is missing or wrong is told.
///
/// # Errors
/// When something is; it was told.
pub fn check(project: &Project, init: &Path, options: &Options) -> Result<(), Exit> {
    let grants = Grants::NONE.with(Capability::FileRead).with(Capability::Kernel);
    let mut runtime = session::build(
        session::builder(options)
            .grants(grants)
            .looks_for(options.grants()),
        options,
    )?;
    let teller = Teller::new(options);
    let needs = needs(project, &mut runtime, options);
    needs
        .iter()
        .for_each(|problem| teller.tell_of_files(problem, Weight::Error));
    let wrong: Vec<Problem> = runtime
        .check_file(init)
        .into_iter()
        .filter_map(error_of)
        .collect();
    // What is said of a missing kernel is said above already.
    let is_new = |problem: &&Problem| !needs.iter().any(|need| need.message == problem.message);
    wrong
        .iter()
        .filter(is_new)
        .for_each(|problem| teller.tell(&runtime, problem, Weight::Error));
    if needs.is_empty() && wrong.is_empty() {
        return Ok(());
    }
    Err(Exit::Raised)
}

fn error_of(finding: Finding) -> Option<Problem> {
    (finding.severity == Severity::Error).then_some(finding.problem)
}

/// What `project.slp` asks for that is not there.
fn needs(project: &Project, runtime: &mut Runtime, options: &Options) -> Vec<Problem> {
    let Some(manifest) = &project.manifest else {
        return Vec::new();
    };
    let mut missing = Vec::new();
    for kernel in &manifest.kernels {
        if kernel.isolation == Isolation::Process {
            let message = format!(
                "the kernel {} is to run in a process of its own, which this sup cannot",
                kernel.name
            );
            missing.push(
                Problem::new("project/isolate", message).with_hint(format!("leave out :isolate in {FILE}")),
            );
        }
        let load = format!("#(load \"{}\")", kernel.name);
        let found = runtime.check_text(FILE, &load).into_iter().filter_map(error_of);
        missing.extend(found.map(|problem| Problem {
            place: None,
            ..problem
        }));
    }
    let grants = options.grants();
    let needed = manifest.capabilities.iter().flatten();
    let denied: Vec<&str> = needed
        .filter(|needed| !grants.has(**needed))
        .map(|needed| needed.name())
        .collect();
    if !denied.is_empty() {
        let message = format!(
            "the project {} needs capabilities that are not granted: {}",
            manifest.name,
            denied.join(", ")
        );
        missing.push(
            Problem::new("project/capabilities", message)
                .with_hint("leave out --allow, or name them there too"),
        );
    }
    missing
}
