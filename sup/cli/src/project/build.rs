//! Building the kernels of a project: what changed, in order, by one process at a time.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use sup_runtime::Problem;

use super::Project;
use super::cache::{self, Lock, Voice};
use super::compiler::{Compiler, Job, Language};
use super::kernel::{Inputs, ProjectKernel, State};
use super::sdk::Sdk;

/// A kernel of the project, and how far its library is built, or why that cannot be told.
pub type KernelState = (ProjectKernel, Result<State, Problem>);

/// What building a project gave.
#[derive(Debug, Default)]
pub struct Built {
    /// Where the libraries are; nothing when the project has no kernels.
    pub directory: Option<PathBuf>,
    /// The kernels, with their state before.
    pub kernels: Vec<(ProjectKernel, State)>,
    /// What went wrong.
    pub failures: Vec<Problem>,
    /// Failures that left no library.
    pub n_missing: usize,
}

/// A kernel with what was found out about it.
struct Examined {
    kernel: ProjectKernel,
    inputs: Inputs,
    compiler: Compiler,
    state: State,
}

impl Project {
    /// Its kernels, whether they were built or not.
    ///
    /// # Errors
    /// When they cannot be listed, and when there is no cache.
    pub fn kernels(&self) -> Result<Vec<ProjectKernel>, Problem> {
        let libraries = self.libraries()?;
        let names = self.kernel_names()?.into_iter();
        let kernels = names.map(|name| ProjectKernel {
            sources: self.root.join("kernels").join(&name),
            out: libraries.join(&name),
            link: self.link(&name),
            name,
        });
        Ok(kernels.collect())
    }

    fn link(&self, kernel: &str) -> Vec<String> {
        let said = self
            .manifest
            .as_ref()
            .and_then(|manifest| manifest.kernel(kernel));
        said.map(|kernel| kernel.link.clone()).unwrap_or_default()
    }

    /// The directory of what is built of it.
    ///
    /// # Errors
    /// When there is no cache.
    pub fn libraries(&self) -> Result<PathBuf, Problem> {
        Ok(cache::of_project(&self.root)?.join("kernels"))
    }

    /// How each kernel's library stands to its sources; nothing is built.
    ///
    /// # Errors
    /// When there is no cache, or the kernels cannot be listed.
    pub fn states(&self) -> Result<Vec<KernelState>, Problem> {
        let mut compilers = Compilers::default();
        let kernels = self.kernels()?.into_iter();
        let states = kernels.map(|kernel| {
            let state = self
                .examine(kernel.clone(), &mut compilers)
                .map(|examined| examined.state);
            (kernel, state)
        });
        Ok(states.collect())
    }

    fn examine(&self, kernel: ProjectKernel, compilers: &mut Compilers) -> Result<Examined, Problem> {
        let inputs = kernel.inputs()?;
        let compiler = compilers.get(kernel.language(&inputs)?, self)?;
        let state = kernel.state(&inputs, &compiler);
        Ok(Examined {
            kernel,
            inputs,
            compiler,
            state,
        })
    }

    /// Builds what changed. A kernel that fails does not keep the others from being built.
    ///
    /// # Errors
    /// When there is no cache, or the kernels cannot be listed.
    pub fn build(&self, voice: Voice) -> Result<Built, Problem> {
        let kernels = self.kernels()?;
        let mut built = Built::default();
        if kernels.is_empty() {
            return Ok(built);
        }
        built.directory = Some(self.libraries()?);
        let mut compilers = Compilers::default();
        let mut lock = None;
        for kernel in kernels {
            let mut examined = self.examine(kernel.clone(), &mut compilers);
            if lock.is_none()
                && !matches!(
                    &examined,
                    Ok(Examined {
                        state: State::Fresh,
                        ..
                    })
                )
            {
                lock = Some(Lock::of(&cache::of_project(&self.root)?, voice)?);
                // Whoever had the lock may have built it.
                examined = self.examine(kernel.clone(), &mut compilers);
            }
            let state = examined
                .as_ref()
                .map_or(State::NeverBuilt, |examined| examined.state);
            let outcome = examined.and_then(|examined| self.build_one(&examined, voice));
            if let Err(problem) = outcome {
                // Sources that others may write are not passed over for what was built of them before.
                let is_missing = problem.code == "kernel/writable" || !kernel.library().is_file();
                built.n_missing += usize::from(is_missing);
                built.failures.push(problem);
            }
            built.kernels.push((kernel, state));
        }
        Ok(built)
    }

    fn build_one(&self, examined: &Examined, voice: Voice) -> Result<(), Problem> {
        let Examined {
            kernel,
            inputs,
            compiler,
            state,
        } = examined;
        if *state == State::Fresh {
            return Ok(());
        }
        let own_cache = cache::of_project(&self.root)?;
        let sdk = Sdk::lay_out(&cache::directory()?)?;
        let file = kernel.file();
        let job = Job {
            sources: &kernel.sources,
            files: Job::files_of(inputs),
            library: &file,
            link: &kernel.link,
            scratch: &own_cache.join("made").join(&kernel.name),
            target: &own_cache.join("target"),
            sdk: &sdk,
            voice,
        };
        let started = Instant::now();
        voice.say(&format!(
            "building the kernel {} ({}) …",
            kernel.name,
            compiler.language.name()
        ));
        let outcome = kernel.build(inputs, compiler, &job);
        match &outcome {
            Ok(()) => voice.say(&format!(" {:.1} s\n", started.elapsed().as_secs_f64())),
            Err(_) => voice.say("\n"),
        }
        // What the compiler said has been shown.
        outcome.map_err(|problem| match voice {
            Voice::Lines => Problem {
                data: None,
                ..problem
            },
            Voice::Silent => problem,
        })
    }
}

/// Compilers that were looked for.
#[derive(Default)]
struct Compilers {
    found: HashMap<Language, Result<Compiler, Problem>>,
}

impl Compilers {
    fn get(&mut self, language: Language, project: &Project) -> Result<Compiler, Problem> {
        let found = self.found.entry(language);
        found
            .or_insert_with(|| Compiler::find(language, &project.root))
            .clone()
    }
}
