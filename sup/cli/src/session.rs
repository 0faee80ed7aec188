//! Making a runtime out of what the command line and the environment say, and telling what went wrong in it.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sup_runtime::builder::Builder;
use sup_runtime::{Candidates, Limits, Problem, Runtime, StoreLocation};

use crate::arguments::Options;
use crate::console::{self, Terminal};
use crate::draw::{Artist, Weight};
use crate::exit::Exit;
use crate::interrupt;
use crate::json;
use crate::trust;

/// What makes a directory a project.
const PROJECT_FILES: [&str; 2] = ["init.slp", "project.slp"];

/// A builder with the limits, kernels, library and store that the options ask for; grants and console are still to be given.
pub fn builder(options: &Options) -> Builder {
    let mut builder = Runtime::builder(limits(options)).image(sup_image::IMAGE);
    builder = builder.trust(trust::decide(options).map(|found| found.trust));
    for directory in kernel_paths(options) {
        builder = builder.kernel_path(directory);
    }
    if let Some(modules) = &options.project_modules {
        builder = builder.import_path(modules.clone());
    }
    builder = builder.temporary(env::temp_dir()).environment(environment());
    if options.bare {
        builder = builder.bare();
    }
    if let Some(location) = store_location(options) {
        builder = builder.store_at(location);
    }
    if options.gc_stress || env::var_os("SUP_GC_STRESS").is_some_and(|value| value == "1") {
        builder = builder.stress();
    }
    builder
}

/// Where the store is that the command works on.
pub fn store_location(options: &Options) -> Option<StoreLocation> {
    let path_in = |variable: &str| env::var_os(variable).map(PathBuf::from);
    let (environment, data_home, home) = (path_in("SUP_STORE"), path_in("XDG_DATA_HOME"), path_in("HOME"));
    let in_project = PROJECT_FILES.iter().any(|file| Path::new(file).is_file());
    let here = in_project.then_some(Path::new("."));
    StoreLocation::choose(&Candidates {
        given: options.store.as_deref(),
        environment: environment.as_deref(),
        project: options.project_root.as_deref().or(here),
        data_home: data_home.as_deref(),
        home: home.as_deref(),
    })
}

/// A runtime for a program that a person starts and that may run for long: once it has its store open, it answers the
/// store commands of other processes.
///
/// # Errors
/// When it cannot be made; that was told.
pub fn start_serving(options: &Options, arguments: Vec<String>) -> Result<Runtime, Exit> {
    let own = options.clone();
    let builder = program_builder(options, arguments).when_store_opens(move |opened| {
        let for_command = move || builder(&own).grants(own.grants());
        opened.serve(for_command).unwrap_or_else(|error| {
            console::complain(&format!(
                "warning: store commands of other processes will not be answered: {error}\n"
            ));
            None
        })
    });
    build(builder, options)
}

/// A runtime for a program that a person starts.
///
/// # Errors
/// When it cannot be made; that was told.
pub fn start(options: &Options, arguments: Vec<String>) -> Result<Runtime, Exit> {
    build(program_builder(options, arguments), options)
}

fn program_builder(options: &Options, arguments: Vec<String>) -> Builder {
    builder(options)
        .grants(options.grants())
        .console(Box::new(Terminal))
        .arguments(arguments)
}

/// Builds, and tells why not.
///
/// # Errors
/// When it cannot be made; that was told.
pub fn build(builder: Builder, options: &Options) -> Result<Runtime, Exit> {
    builder.build().map_err(|problems| {
        let teller = Teller::new(options);
        for problem in &problems {
            teller.tell_without_sources(problem);
        }
        Exit::Raised
    })
}

fn limits(options: &Options) -> Limits {
    let generous = Limits::generous();
    Limits {
        fuel: options.fuel.unwrap_or(generous.fuel),
        deadline_ms: options.deadline_ms.or(generous.deadline_ms),
        memory_bytes: options.memory_mib.map_or(generous.memory_bytes, mebibytes),
        ..generous
    }
}

fn mebibytes(count: u64) -> usize {
    usize::try_from(count.saturating_mul(1 << 20)).unwrap_or(usize::MAX)
}

/// The variables that programs may see. What is not text cannot be told to one.
fn environment() -> HashMap<String, String> {
    let texts = env::vars_os().map(|(name, value)| (name.into_string(), value.into_string()));
    texts
        .filter_map(|(name, value)| name.ok().zip(value.ok()))
        .collect()
}

/// Where kernels are looked for: where the command line says, where `$SUP_KERNEL_PATH` says, beside the command, and where an
/// installation puts them.
pub fn kernel_paths(options: &Options) -> Vec<PathBuf> {
    let mut paths = options.kernel_path.clone();
    if let Some(listed) = env::var_os("SUP_KERNEL_PATH") {
        paths.extend(env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty()));
    }
    paths.extend(options.project_kernels.clone());
    if let Some(own) = env::current_exe()
        .ok()
        .as_deref()
        .and_then(std::path::Path::parent)
    {
        paths.push(own.to_path_buf());
        paths.push(own.join("../lib/sup/kernels"));
    }
    paths
}

/// Tells problems on standard error, drawn or as lines of JSON.
pub struct Teller {
    artist: Artist,
    is_json: bool,
}

impl Teller {
    /// As the options ask for.
    pub fn new(options: &Options) -> Teller {
        Teller {
            artist: Artist::for_standard_error(),
            is_json: options.json,
        }
    }

    /// Tells a problem of a runtime.
    pub fn tell(&self, runtime: &Runtime, problem: &Problem, weight: Weight) {
        console::complain(&self.told(problem, weight, &|source| runtime.source_text(source)));
    }

    /// Tells problems of a runtime.
    pub fn tell_all(&self, runtime: &Runtime, problems: &[Problem]) {
        for problem in problems {
            self.tell(runtime, problem, Weight::Error);
        }
    }

    /// Tells a problem that has nothing to do with a source.
    pub fn tell_without_sources(&self, problem: &Problem) {
        console::complain(&self.told(problem, Weight::Error, &|_| None));
    }

    /// Tells a problem whose place, if it has one, is in a file.
    pub fn tell_of_files(&self, problem: &Problem, weight: Weight) {
        let text_of = |source: &str| std::fs::read_to_string(source).ok().map(Arc::from);
        console::complain(&self.told(problem, weight, &text_of));
    }

    /// Tells problems that come with the texts of their sources.
    pub fn tell_with_sources(&self, problems: &[Problem], sources: &[(String, String)]) {
        let text_of = |source: &str| {
            let found = sources.iter().find(|(name, _)| name == source);
            found.map(|(_, text)| Arc::from(text.as_str()))
        };
        for problem in problems {
            console::complain(&self.told(problem, Weight::Error, &text_of));
        }
    }

    fn told(&self, problem: &Problem, weight: Weight, text_of: &dyn Fn(&str) -> Option<Arc<str>>) -> String {
        if self.is_json {
            format!("{}\n", json::problem(problem, weight, text_of))
        } else {
            self.artist.draw(problem, weight, text_of)
        }
    }
}

/// How a command ends whose program had these problems.
pub fn exit_of(problems: &[Problem]) -> Exit {
    if interrupt::is_pressed() || problems.iter().any(|problem| problem.code == "vm/interrupted") {
        Exit::Interrupted
    } else {
        Exit::Raised
    }
}
