//! What the store commands ask for, and how it is answered: by the process that owns the store, whoever asked.

use sup_store::{CodeVersion, LogEntry};

use crate::codebase::{self, Codebase, MAX_LISTED, told};
use crate::load::Problems;
use crate::problem::Problem;
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
    },
    /// The history of a name, or of all.
    Log {
        /// The name, empty for all.
        name: String,
    },
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
/// list the name, version, hash, time and size of each; a log the version, time, change, name and, of one name, hash of each;
/// a call the value, or nothing for nil. What concerns kernels gives for each generation its name, version, number, state and
/// library, and how many isolates, calls, resources, pins, promises and jobs hold it; of one that is looked into, name,
/// signature and doc string of each primitive come after that.
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
        Request::Put { name, text } => {
            let written = codebase::put(&mut runtime.vm, &runtime.world, name, text)?;
            Ok(vec![vec![
                name.clone(),
                written.version.0.to_string(),
                written.hash,
            ]])
        }
        Request::Get { name } => told(get(&codebase, name)),
        Request::List { prefix } => told(list(&codebase, prefix)),
        Request::Remove { name } => told(remove(&codebase, name)),
        Request::Log { name } => told(log(&codebase, name)),
        Request::Call {
            name,
            arguments,
            wanted,
        } => call(runtime, name, arguments, *wanted),
        Request::Kernel(_) => unreachable!("what concerns kernels was answered without the store"),
    }
}

/// The name that a request changed, if it did.
#[must_use]
pub fn changed_name(request: &Request) -> Option<&str> {
    match request {
        Request::Put { name, .. } | Request::Remove { name } => Some(name),
        _ => None,
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
            let number = version.parse().map_err(|_| {
                Problem::new("store/version", format!("{version} is no version"))
                    .with_hint("`sup log NAME` tells the versions of a name")
            })?;
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

fn remove(codebase: &Codebase, name: &str) -> Result<Rows, Problem> {
    if codebase
        .names()
        .remove(name, codebase::stamp())
        .map_err(|error| told(&error))?
    {
        return Ok(Rows::new());
    }
    Err(codebase::unknown(codebase, name))
}

fn log(codebase: &Codebase, name: &str) -> Result<Rows, Problem> {
    if name.is_empty() {
        let changes = codebase
            .names()
            .changes(MAX_LISTED)
            .map_err(|error| told(&error))?;
        let mut rows = Rows::new();
        for change in changes {
            let (version, time) = (change.version.0.to_string(), change.time_us.to_string());
            let written = change.written.into_iter().map(|name| ("put", name));
            for (what, name) in written.chain(change.removed.into_iter().map(|name| ("rm", name))) {
                rows.push(vec![version.clone(), time.clone(), what.to_owned(), name]);
            }
        }
        return Ok(rows);
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
