//! `sup run --watch`: what changes in a project's files changes in the program that runs.
//!
//! Files are looked at four times a second. That works on every file system, containers and network mounts included, where
//! notices of the operating system do not, and for the few files of a project it costs next to nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};

use sup_runtime::reread::Reader;
use sup_runtime::{Capability, Grants, KernelRegistry, Problem, Runtime};

use super::build;
use crate::arguments::Options;
use crate::console;
use crate::session::{self, Teller};

/// How often files are looked at.
const PAUSE: Duration = Duration::from_millis(250);
/// How often a program that has ended looks for what is asked of it.
const ATTENTION: Duration = Duration::from_millis(50);
/// Most files that are looked at.
const MAX_FILES: usize = 20_000;
/// The directory of a project's kernels.
const KERNELS: &str = "kernels";

/// When each file was written, and its size.
type Seen = BTreeMap<PathBuf, (SystemTime, u64)>;

/// A project that is watched.
pub struct Watch {
    restarts: Receiver<()>,
}

impl Watch {
    /// Watches the project of a program on a thread of its own.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn start(main: &Path, options: &Options, runtime: &Runtime) -> Result<Watch, Problem> {
        let root = match main.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let (sender, restarts) = channel();
        let watcher = Watcher {
            main: main.canonicalize().unwrap_or_else(|_| main.to_path_buf()),
            root,
            options: options.clone(),
            reader: runtime.reader(),
            kernels: runtime.kernels(),
            restarts: sender,
        };
        let thread = std::thread::Builder::new().name("sup-watch".to_owned());
        let started = thread.spawn(move || watcher.watch());
        started.map(|_| Watch { restarts }).map_err(|error| {
            Problem::new(
                "watch/thread",
                format!("there is no thread to watch files: {error}"),
            )
        })
    }

    /// Waits, with a program that has ended, until its main file changes; meanwhile its modules may be read again. False when
    /// nobody watches any more.
    pub fn wait(&self, runtime: &mut Runtime) -> bool {
        loop {
            match self.restarts.recv_timeout(ATTENTION) {
                Ok(()) => {
                    // What was written in several steps is one change.
                    while self.restarts.try_recv().is_ok() {}
                    return true;
                }
                Err(RecvTimeoutError::Timeout) => runtime.attend(),
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}

/// What the thread has.
struct Watcher {
    main: PathBuf,
    root: PathBuf,
    options: Options,
    reader: Reader,
    kernels: Arc<KernelRegistry>,
    restarts: Sender<()>,
}

impl Watcher {
    fn watch(&self) {
        let mut seen = self.look();
        loop {
            std::thread::sleep(PAUSE);
            let mut now = self.look();
            if now == seen {
                continue;
            }
            // An editor may not have finished.
            loop {
                std::thread::sleep(PAUSE);
                let next = self.look();
                if next == now {
                    break;
                }
                now = next;
            }
            let changed: Vec<PathBuf> = now
                .iter()
                .filter(|(path, stamp)| seen.get(*path) != Some(stamp))
                .chain(seen.iter().filter(|(path, _)| !now.contains_key(*path)))
                .map(|(path, _)| path.clone())
                .collect();
            seen = now;
            if !self.obey(&changed) {
                return;
            }
        }
    }

    fn look(&self) -> Seen {
        let mut seen = Seen::new();
        look_into(&self.root, &self.root.join(KERNELS), &mut seen);
        seen
    }

    /// Does what follows from changes; false when the program is gone.
    fn obey(&self, changed: &[PathBuf]) -> bool {
        let of_kernels = self.root.join(KERNELS);
        if changed.iter().any(|path| path.starts_with(&of_kernels)) {
            self.rebuild();
        }
        for path in changed.iter().filter(|path| !path.starts_with(&of_kernels)) {
            if path.canonicalize().is_ok_and(|path| path == self.main) {
                if self.restarts.send(()).is_err() {
                    return false;
                }
                continue;
            }
            let teller = Teller::new(&self.options);
            let told = move |file: &Path, outcome: Result<(), Vec<Problem>>| match outcome {
                Ok(()) => console::complain(&format!("read {} again\n", file.display())),
                Err(problems) => {
                    // What cannot be read is the problem that is told.
                    let text = fs::read_to_string(file).unwrap_or_default();
                    teller.tell_with_sources(&problems, &[(file.display().to_string(), text)]);
                    console::complain(&format!("{} stays as it was\n", file.display()));
                }
            };
            self.reader.read_again(path.clone(), Box::new(told));
        }
        true
    }

    /// Builds the kernels whose sources have changed, and replaces those that the program has.
    fn rebuild(&self) {
        let teller = Teller::new(&self.options);
        let before = build::libraries(&self.root);
        let failures = match build::rebuild(&self.root) {
            Ok(failures) => failures,
            Err(problem) => vec![problem],
        };
        failures
            .iter()
            .for_each(|problem| teller.tell_without_sources(problem));
        let stamps: Seen = before.unwrap_or_default();
        let Ok(now) = build::libraries(&self.root) else {
            return;
        };
        let changed = now
            .iter()
            .filter(|(path, stamp)| stamps.get(*path) != Some(*stamp));
        let names = changed.filter_map(|(path, _)| {
            let name = path.parent()?.file_name()?;
            Some(name.to_string_lossy().into_owned())
        });
        for name in names.filter(|name| self.kernels.current(name).is_some()) {
            match self.swap(&name) {
                Ok(line) => console::complain(&line),
                Err(problems) => problems
                    .iter()
                    .for_each(|problem| teller.tell_without_sources(problem)),
            }
        }
    }

    /// Has a runtime of its own, which has the program's kernels, replace one.
    fn swap(&self, name: &str) -> Result<String, Vec<Problem>> {
        let builder = session::builder(&self.options)
            .grants(Grants::NONE.with(Capability::Kernel))
            .bare()
            .kernels(self.kernels.clone());
        let mut runtime = builder.build()?;
        let next = runtime.reload_kernel(name).map_err(|problem| vec![problem])?;
        Ok(format!(
            "kernel {name} {}: generation {} serves\n",
            next.version, next.generation
        ))
    }
}

/// Notes SLP files, and every file of the kernels; what is hidden, and what is built, is left out.
fn look_into(directory: &Path, kernels: &Path, seen: &mut Seen) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let (path, name) = (entry.path(), entry.file_name());
        if seen.len() >= MAX_FILES || name == "target" || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let Ok(data) = entry.metadata() else { continue };
        if data.is_dir() {
            look_into(&path, kernels, seen);
        } else if path.starts_with(kernels) || path.extension().is_some_and(|end| end == "slp") {
            let written = data.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            seen.insert(path, (written, data.len()));
        }
    }
}
