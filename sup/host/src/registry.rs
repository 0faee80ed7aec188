//! The kernels of a program: which generation of each serves, where it came from, and the isolates that are to be told when
//! another takes its place.

use crate::hold::Sort;
use crate::install::{self, Change};
use crate::kernel::Kernel;
use crate::life::Stage;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use sup_abi::word::NIL;
use sup_vm::schedule::Inbox;
use sup_vm::vm::Vm;

/// Generations of one kernel that are remembered after they were retired.
const MAX_REMEMBERED: usize = 8;

/// The kernels of one program, shared by its isolates.
pub struct Registry {
    number: u64,
    inner: Mutex<Inner>,
    /// Held by whoever loads, replaces or unloads a kernel.
    changing: Mutex<()>,
}

#[derive(Default)]
struct Inner {
    kernels: BTreeMap<String, Line>,
    isolates: Vec<Arc<Inbox>>,
}

/// The generations of one kernel.
#[derive(Default)]
struct Line {
    current: Option<Loaded>,
    /// Those that were replaced, the newest last.
    before: Vec<Before>,
    last_generation: u64,
}

#[derive(Clone)]
struct Loaded {
    kernel: Arc<Kernel>,
    library: PathBuf,
}

enum Before {
    Drains(Loaded),
    /// What is remembered of one whose state is gone.
    Gone(Listed),
}

/// When an isolate that was started with a generation that has been replaced goes over to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatchesUp {
    /// Before it runs anything.
    AtOnce,
    /// As if it had been there before. For one that a kernel drives: the generation that asked for it drives it.
    BetweenSlices,
}

/// What is told of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Name of the kernel.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Number of its loading.
    pub generation: u64,
    /// Where it stands.
    pub stage: Stage,
    /// The library that it was loaded from.
    pub library: PathBuf,
    /// Isolates that have it or are being started with it.
    pub n_isolates: u64,
    /// Native calls that run in it and may call back or wait.
    pub n_calls: u64,
    /// Values of its types.
    pub n_resources: u64,
    /// Values that it keeps beyond a call.
    pub n_pins: u64,
    /// Promises that it has not settled.
    pub n_promises: u64,
    /// Work on the pool.
    pub n_jobs: u64,
}

impl Listed {
    /// What holds it, as numbers of things, without those that there are none of. Empty when nothing does.
    #[must_use]
    pub fn holders(&self) -> Vec<(u64, &'static str)> {
        let all = [
            (self.n_isolates, "isolates"),
            (self.n_calls, "calls"),
            (self.n_resources, "resources"),
            (self.n_pins, "pins"),
            (self.n_promises, "promises"),
            (self.n_jobs, "jobs"),
        ];
        all.into_iter().filter(|(count, _)| *count > 0).collect()
    }
}

impl Loaded {
    fn listed(&self) -> Listed {
        let (kernel, usage) = (&self.kernel, self.kernel.usage());
        Listed {
            name: kernel.name().to_owned(),
            version: kernel.version().to_owned(),
            generation: kernel.generation(),
            stage: kernel.stage(),
            library: self.library.clone(),
            n_isolates: usage.count(Sort::Isolate),
            n_calls: usage.n_calls(),
            n_resources: usage.count(Sort::Resource),
            n_pins: usage.count(Sort::Pin),
            n_promises: usage.count(Sort::Promise),
            n_jobs: usage.count(Sort::Job),
        }
    }
}

impl Line {
    /// Remembers only the name of what is gone, and of that only the last few.
    fn tidy(&mut self) {
        for before in &mut self.before {
            if let Before::Drains(loaded) = before
                && loaded.kernel.stage() == Stage::Retired
            {
                *before = Before::Gone(loaded.listed());
            }
        }
        let is_gone = |before: &Before| matches!(before, Before::Gone(_));
        let mut n_surplus = self.before.iter().filter(|before| is_gone(before)).count();
        n_surplus = n_surplus.saturating_sub(MAX_REMEMBERED);
        self.before.retain(|before| {
            let is_surplus = n_surplus > 0 && is_gone(before);
            n_surplus -= usize::from(is_surplus);
            !is_surplus
        });
    }

    fn listed(&mut self) -> impl Iterator<Item = Listed> + '_ {
        self.tidy();
        let before = self.before.iter().rev().map(|before| match before {
            Before::Drains(loaded) => loaded.listed(),
            Before::Gone(listed) => listed.clone(),
        });
        self.current.iter().map(Loaded::listed).chain(before)
    }

    /// Puts a generation, or none, in the place of the one that serves.
    fn succeed(&mut self, next: Option<Loaded>) -> Option<Arc<Kernel>> {
        let before = std::mem::replace(&mut self.current, next)?;
        let kernel = before.kernel.clone();
        self.before.push(Before::Drains(before));
        self.tidy();
        Some(kernel)
    }
}

impl Default for Registry {
    /// That of a program of its own.
    fn default() -> Registry {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Registry {
            number: LAST.fetch_add(1, Ordering::Relaxed) + 1,
            inner: Mutex::default(),
            changing: Mutex::default(),
        }
    }
}

impl Registry {
    /// Number of the program.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has an isolate told of every change from now on, and brings it up to date: one that was started while a kernel was
    /// replaced begins with the generation that serves. To be called before it runs anything.
    pub fn join(self: &Arc<Registry>, vm: &mut Vm, catches_up: CatchesUp) {
        vm.program = self.number;
        let mut inner = self.lock();
        inner.isolates.push(vm.inbox());
        let current: Vec<(String, Option<Arc<Kernel>>)> = inner
            .kernels
            .iter()
            .map(|(name, line)| {
                (
                    name.clone(),
                    line.current.as_ref().map(|loaded| loaded.kernel.clone()),
                )
            })
            .collect();
        drop(inner);
        vm.attached.push(Box::new(Membership {
            registry: self.clone(),
            inbox: vm.inbox(),
        }));
        for kernel in install::kernels_of(vm) {
            let Some((_, newer)) = current.iter().find(|(name, _)| name == kernel.name()) else {
                continue;
            };
            let newer = newer.clone();
            let letter = move |vm: &mut Vm| match &newer {
                Some(newer) => {
                    install::replace(vm, newer);
                }
                None => install::withdraw(vm, &kernel),
            };
            match catches_up {
                CatchesUp::AtOnce => letter(vm),
                CatchesUp::BetweenSlices => vm.inbox().post(Box::new(move |vm| {
                    letter(vm);
                    Ok(NIL)
                })),
            }
        }
    }

    /// Waits until nobody else changes what is loaded, and keeps others from it.
    pub fn change(&self) -> Changing<'_> {
        Changing {
            registry: self,
            _guard: self.changing.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// The same, without waiting.
    #[must_use]
    pub fn try_change(&self) -> Option<Changing<'_>> {
        let guard = match self.changing.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Changing {
            registry: self,
            _guard: guard,
        })
    }

    /// The generation that serves.
    #[must_use]
    pub fn current(&self, name: &str) -> Option<Arc<Kernel>> {
        let inner = self.lock();
        let loaded = inner.kernels.get(name)?.current.as_ref()?;
        Some(loaded.kernel.clone())
    }

    /// The library that the generation was loaded from that serves.
    #[must_use]
    pub fn library(&self, name: &str) -> Option<PathBuf> {
        let inner = self.lock();
        Some(inner.kernels.get(name)?.current.as_ref()?.library.clone())
    }

    /// Every generation that is not forgotten, by name, the newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        self.lock().kernels.values_mut().flat_map(Line::listed).collect()
    }

    fn tell(inner: &Inner, kernel: &Arc<Kernel>, act: fn(&mut Vm, &Arc<Kernel>)) {
        for inbox in &inner.isolates {
            let kernel = kernel.clone();
            inbox.post(Box::new(move |vm| {
                act(vm, &kernel);
                Ok(NIL)
            }));
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        let kernels = std::mem::take(&mut inner.kernels);
        for loaded in kernels.into_values().filter_map(|line| line.current) {
            loaded.kernel.drain();
        }
    }
}

/// Hangs on the machine of an isolate that is told of changes.
struct Membership {
    registry: Arc<Registry>,
    inbox: Arc<Inbox>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut inner = self.registry.lock();
        inner.isolates.retain(|inbox| !Arc::ptr_eq(inbox, &self.inbox));
    }
}

/// The right to load, replace and unload: one at a time has it.
pub struct Changing<'a> {
    registry: &'a Registry,
    _guard: MutexGuard<'a, ()>,
}

impl Changing<'_> {
    /// The generation that serves.
    #[must_use]
    pub fn current(&self, name: &str) -> Option<Arc<Kernel>> {
        self.registry.current(name)
    }

    /// Makes a kernel known that no generation serves of. Nobody is told: isolates get it when they ask.
    pub fn add(&self, kernel: &Arc<Kernel>, library: &Path) {
        let mut inner = self.registry.lock();
        let line = inner.kernels.entry(kernel.name().to_owned()).or_default();
        line.last_generation += 1;
        kernel.number(line.last_generation);
        line.current = Some(Loaded {
            kernel: kernel.clone(),
            library: library.to_owned(),
        });
    }

    /// Tells all isolates of a kernel that they may want.
    pub fn offer(&self, kernel: &Arc<Kernel>) {
        let inner = self.registry.lock();
        Registry::tell(&inner, kernel, |vm, kernel| {
            install::tell(vm, kernel, Change::Offered)
        });
    }

    /// Puts a generation in the place of the one that serves, which drains. Each isolate goes over to it between two slices.
    pub fn publish(&self, kernel: &Arc<Kernel>, library: &Path) {
        let mut inner = self.registry.lock();
        let line = inner.kernels.entry(kernel.name().to_owned()).or_default();
        line.last_generation = kernel.generation();
        let before = line.succeed(Some(Loaded {
            kernel: kernel.clone(),
            library: library.to_owned(),
        }));
        Registry::tell(&inner, kernel, |vm, kernel| {
            install::replace(vm, kernel);
        });
        drop(inner);
        if let Some(before) = before {
            before.drain();
        }
    }

    /// Takes a kernel away: nobody gets it any more, it drains, and each isolate lets go of it between two slices.
    pub fn withdraw(&self, name: &str) -> Option<Arc<Kernel>> {
        let mut inner = self.registry.lock();
        let kernel = inner.kernels.get_mut(name)?.succeed(None)?;
        Registry::tell(&inner, &kernel, install::withdraw);
        drop(inner);
        kernel.drain();
        Some(kernel)
    }
}
