//! What the store commands ask for, and how it is answered: by the process that owns the store, whoever asked.

use sup_store::{CodeVersion, LogEntry};

use crate::codebase::{self, Codebase, MAX_LISTED, told};
use crate::load::Problems;
use crate::problem::Problem;
use crate::release_requests::{self, ReleaseRequest};
use crate::runtime::Runtime;
use crate::swap::{self, Audience};

/// One request. The texts are what the user typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Puts a text under a name.
    Put {
        /// The name.
        name: String,
        /// The text.
        text: String,
        /// Who puts it.
        author: String,
    },
    /// The text of a name, `NAME` or `NAME@VERSION`.
    Get {
        /// The name.
        name: String,
    },
    /// Every name that starts so.
    List {
        /// How it starts.
        prefix: String,
    },
    /// Takes a name away.
    Remove {
        /// The name.
        name: String,
        /// Who takes it away.
        author: String,
    },
    /// The history of a name, or of all.
    Log {
        /// The name, empty for all.
        name: String,
    },
    /// Something about releases.
    Release(ReleaseRequest),
    /// Calls the function under a name.
    Call {
        /// The name.
        name: String,
        /// The arguments, as expressions.
        arguments: Vec<String>,
        /// What the value is told as.
        wanted: Wanted,
    },
    /// Does something with the kernels of the instance.
    Kernel(KernelRequest),
}

/// What is asked for of the kernels of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelRequest {
    /// Every generation of every kernel.
    List,
    /// One kernel and its primitives.
    Info {
        /// Its name.
        name: String,
    },
    /// Loads a kernel for every isolate that may have it.
    Load {
        /// Its name, or the path of its library.
        name: String,
    },
    /// Puts the next generation in its place.
    Reload {
        /// Its name.
        name: String,
        /// The library of the next generation, empty for where the name leads to.
        library: String,
    },
    /// Takes it away.
    Unload {
        /// Its name.
        name: String,
    },
}

/// What a value is told as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Text that reads back as it.
    Text,
    /// JSON.
    Json,
}

/// An answer: rows of fields, which the command prints as it likes.
pub type Rows = Vec<Vec<String>>;

/// Answers a request in this process, which owns the store. A put gives the name, its version and its hash; a get the text; a
/// list the name, version, hash, time and size of each; a log of one name the version, time, change, name and hash of each; the
/// log of all what [`release_requests`] says; a call the value, or nothing for nil. What concerns kernels gives for each
/// generation its name, version, number, state and library, and how many isolates, calls, resources, pins, promises and jobs
/// hold it; of one that is looked into, name, signature and doc string of each primitive come after that.
///
/// # Errors
/// What was wrong with the request, or the failure of the store.
pub fn answer(runtime: &mut Runtime, request: &Request) -> Result<Rows, Problems> {
    if let Request::Kernel(request) = request {
        return kernel(runtime, request).map_err(|problem| vec![problem]);
    }
    let codebase = codebase::codebase_of(&runtime.world).map_err(|problem| vec![problem])?;
    let told = |outcome: Result<Rows, Problem>| outcome.map_err(|problem| vec![problem]);
    match request {
        Request::Put { name, text, author } => {
            let written = codebase::put(&mut runtime.vm, &runtime.world, name, text, author)?;
            Ok(vec![vec![
                name.clone(),
                written.version.0.to_string(),
                written.hash,
            ]])
        }
        Request::Get { name } => told(get(&codebase, name)),
        Request::List { prefix } => told(list(&codebase, prefix)),
        Request::Remove { name, author } => {
            if codebase::remove(&mut runtime.vm, &runtime.world, name, author)? {
                Ok(Rows::new())
            } else {
                told(Err(codebase::unknown(&codebase, name)))
            }
        }
        Request::Release(request) => release_requests::answer(runtime, request),
        Request::Log { name } => told(log(&codebase, name)),
        Request::Call {
            name,
            arguments,
            wanted,
        } => call(runtime, name, arguments, *wanted),
        Request::Kernel(_) => unreachable!("what concerns kernels was answered without the store"),
    }
}

/// Whether a request may have changed which release answers.
#[must_use]
pub fn moves(request: &Request) -> bool {
    match request {
        Request::Put { .. } | Request::Remove { .. } => true,
        Request::Release(request) => request.moves(),
        _ => false,
    }
}

fn kernel(runtime: &mut Runtime, request: &KernelRequest) -> Result<Rows, Problem> {
    let (vm, world) = (&mut runtime.vm, &runtime.world);
    let listed = match request {
        KernelRequest::List => return Ok(swap::listed(vm, world).iter().map(swap::row).collect()),
        KernelRequest::Info { name } => {
            let (listed, kernel) = swap::described(world, name)?;
            let primitives = kernel.primitives().iter().map(|primitive| {
                vec![
                    primitive.name.clone(),
                    primitive.signature_text.clone(),
                    primitive.doc.clone(),
                ]
            });
            return Ok(std::iter::once(swap::row(&listed)).chain(primitives).collect());
        }
        KernelRequest::Load { name } => swap::load_kernel(vm, world, name, Audience::All)?,
        KernelRequest::Reload { name, library } => {
            let library = Some(library.as_str()).filter(|library| !library.is_empty());
            swap::reload_kernel(vm, world, name, library)?
        }
        KernelRequest::Unload { name } => swap::unload_kernel(vm, world, name)?,
    };
    Ok(vec![swap::row(&listed)])
}

fn get(codebase: &Codebase, name: &str) -> Result<Rows, Problem> {
    let (name, version) = match name.rsplit_once('@') {
        Some((name, version)) => {
            let number = release_requests::number_of(codebase, version)?;
            (name, Some(CodeVersion(number)))
        }
        None => (name, None),
    };
    match codebase.text(name, version)? {
        Some(text) => Ok(vec![vec![text]]),
        None => Err(codebase::unknown(codebase, name)),
    }
}

fn list(codebase: &Codebase, prefix: &str) -> Result<Rows, Problem> {
    let listed = codebase
        .names()
        .list(prefix, MAX_LISTED)
        .map_err(|error| told(&error))?;
    let row = |entry: sup_store::Listed| {
        vec![
            entry.name,
            entry.version.0.to_string(),
            entry.hash.to_string(),
            entry.time_us.to_string(),
            entry.n_bytes.to_string(),
        ]
    };
    Ok(listed.into_iter().map(row).collect())
}

fn log(codebase: &Codebase, name: &str) -> Result<Rows, Problem> {
    if name.is_empty() {
        return release_requests::history(codebase);
    }
    let entries = codebase
        .names()
        .log(name, MAX_LISTED)
        .map_err(|error| told(&error))?;
    if entries.is_empty() {
        return Err(codebase::unknown(codebase, name));
    }
    let row = |entry: LogEntry| {
        let (what, hash) = match entry.written {
            Some((hash, _)) => ("put", hash.to_string()),
            None => ("rm", String::new()),
        };
        vec![
            entry.version.0.to_string(),
            entry.time_us.to_string(),
            what.to_owned(),
            name.to_owned(),
            hash,
        ]
    };
    Ok(entries.into_iter().map(row).collect())
}

fn call(runtime: &mut Runtime, name: &str, arguments: &[String], wanted: Wanted) -> Result<Rows, Problems> {
    let function = codebase::value(&mut runtime.vm, &runtime.world, name)?;
    let kept_function = runtime.vm.keep(function);
    let mut kept = Vec::new();
    let mut outcome = Ok(());
    for (index, text) in arguments.iter().enumerate() {
        match runtime.eval(&format!("argument {}", index + 1), text) {
            Ok(word) => kept.push(runtime.vm.keep(word)),
            Err(problems) => {
                outcome = Err(problems);
                break;
            }
        }
    }
    let vm = &mut runtime.vm;
    let words: Vec<_> = kept.iter().map(|kept| vm.kept(kept)).collect();
    let function = vm.kept(&kept_function);
    let answer = outcome.and_then(|()| {
        vm.call(function, &words)
            .map_err(|raise| vec![crate::load::problem_of(vm, raise)])
    });
    for kept in kept.into_iter().chain([kept_function]) {
        vm.release(kept);
    }
    runtime.flush();
    let word = answer?;
    match wanted {
        Wanted::Json => Ok(vec![vec![runtime.json(word)?]]),
        Wanted::Text if runtime.is_nil(word) => Ok(Rows::new()),
        Wanted::Text => Ok(vec![vec![runtime.repr(word)]]),
    }
}
