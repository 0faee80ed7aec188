//! What the store commands ask for, and how it is answered: by the process that owns the store, whoever asked.

use sup_store::{CodeVersion, LogEntry};
use sup_vm::vm::Vm;

use crate::codebase::{self, Codebase, MAX_LISTED, told};
use crate::load::Problems;
use crate::problem::Problem;
use crate::world::{MAIN, SharedWorld};

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
    },
}

/// An answer: rows of fields, which the command prints as it likes.
pub type Rows = Vec<Vec<String>>;

/// Answers a request in this process, which owns the store.
///
/// # Errors
/// What was wrong with the request, or the failure of the store.
pub fn answer(vm: &mut Vm, world: &SharedWorld, request: &Request) -> Result<Rows, Problems> {
    let codebase = codebase::codebase_of(world).map_err(|problem| vec![problem])?;
    match request {
        Request::Put { name, text } => Ok(vec![vec![codebase::put(vm, world, name, text)?]]),
        Request::Get { name } => get(&codebase, name).map_err(|problem| vec![problem]),
        Request::List { prefix } => list(&codebase, prefix).map_err(|problem| vec![problem]),
        Request::Remove { name } => remove(&codebase, name).map_err(|problem| vec![problem]),
        Request::Log { name } => log(&codebase, name).map_err(|problem| vec![problem]),
        Request::Call { name, arguments } => call(vm, world, name, arguments),
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
        None => Err(unknown(name)),
    }
}

fn unknown(name: &str) -> Problem {
    Problem::new(
        "store/unknown-name",
        format!("the store has no code named {name}"),
    )
    .with_hint("`sup ls` tells every name")
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
    Err(unknown(name))
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
        return Err(unknown(name));
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

fn call(vm: &mut Vm, world: &SharedWorld, name: &str, arguments: &[String]) -> Result<Rows, Problems> {
    let function = codebase::value(vm, world, name)?;
    let kept_function = vm.keep(function);
    let mut kept = Vec::new();
    let mut outcome = Ok(());
    for (index, text) in arguments.iter().enumerate() {
        let source = crate::load::Source::named(format!("argument {}", index + 1));
        match crate::load::load_text(vm, world, MAIN, &source, text) {
            Ok(word) => kept.push(vm.keep(word)),
            Err(problems) => {
                outcome = Err(problems);
                break;
            }
        }
    }
    let words: Vec<_> = kept.iter().map(|kept| vm.kept(kept)).collect();
    let function = vm.kept(&kept_function);
    let answer = outcome.and_then(|()| {
        vm.call(function, &words)
            .map_err(|raise| vec![crate::load::problem_of(vm, raise)])
    });
    for kept in kept.into_iter().chain([kept_function]) {
        vm.release(kept);
    }
    let word = answer?;
    Ok(vec![vec![vm.repr(word)]])
}
