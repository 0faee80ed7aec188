//! Loading, replacing and unloading kernels while programs run: `kernel/list`, `kernel/info`, `kernel/load`, `kernel/reload`
//! and `kernel/unload`, for programs and for commands of other processes.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sup_abi::capability;
use sup_abi::word::{Immediate, Word, immediate};
use sup_host::{Changing, Difference, Found, Kernel, Listed, Registry, Stage};
use sup_vm::base;
use sup_vm::error::{Outcome, Raise};
use sup_vm::names;
use sup_vm::natives::BasePrimitive;
use sup_vm::vm::Vm;

use crate::codebase::told;
use crate::grants::Capability;
use crate::kernels;
use crate::natives::{raise_problem, world_of};
use crate::problem::Problem;
use crate::runtime::Runtime;
use crate::world::SharedWorld;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%kernel-list", "() :list", 0..Some(0), list, capability::NONE),
    base!(
        "%kernel-info",
        "(name :str) :map",
        1..Some(1),
        info,
        capability::KERNEL
    ),
    base!(
        "%kernel-load",
        "(name :str) :map",
        1..Some(1),
        load,
        capability::KERNEL
    ),
    base!(
        "%kernel-reload",
        "(name :str &opt library :str) :map",
        1..Some(2),
        reload,
        capability::KERNEL
    ),
    base!(
        "%kernel-unload",
        "(name :str) :map",
        1..Some(1),
        unload,
        capability::KERNEL
    ),
];

/// How long a change waits for another one, which may be one that does not end.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long before it looks again.
const PAUSE: Duration = Duration::from_millis(1);

/// Who gets a kernel that is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The isolate that asks.
    Asker,
    /// Every isolate that may load kernels.
    All,
}

impl Runtime {
    /// The kernels of its program, for another runtime that is to share them.
    #[must_use]
    pub fn kernels(&self) -> Arc<Registry> {
        self.world.borrow().registry.clone()
    }

    /// Puts the next generation in the place of a kernel, from where its name leads to. All isolates of the program go over to
    /// it.
    ///
    /// # Errors
    /// When it is not loaded, or its next generation is refused; the old one serves on.
    pub fn reload_kernel(&mut self, name: &str) -> Result<Listed, Problem> {
        reload_kernel(&mut self.vm, &self.world, name, None)
    }

    /// Opens the store now, so that commands of other processes are answered from here on.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open_store(&self) -> Result<(), Problem> {
        let store = self.world.borrow().store.clone();
        match store {
            Some(store) => store.codebase().map(drop).map_err(|error| told(&error)),
            None => Err(Problem::new("store/none", "nothing says where the store is")),
        }
    }
}

/// The kernels of the program, every generation that is not forgotten; of a program that may not load kernels, those that it
/// has itself, without what the others do with them.
pub(crate) fn listed(vm: &mut Vm, world: &SharedWorld) -> Vec<Listed> {
    let (registry, is_granted) = {
        let world = world.borrow();
        (world.registry.clone(), world.grants.has(Capability::Kernel))
    };
    let mut listed = registry.list();
    if !is_granted {
        let own = sup_host::kernels_of(vm);
        let is_own = |found: &Listed| {
            own.iter()
                .any(|kernel| kernel.name() == found.name && kernel.generation() == found.generation)
        };
        listed.retain(is_own);
    }
    listed
}

/// A generation, and the kernel's primitives while it serves.
pub(crate) fn described(world: &SharedWorld, name: &str) -> Result<(Listed, Arc<Kernel>), Problem> {
    let registry = granted(world, name)?;
    let kernel = registry.current(name).ok_or_else(|| unknown(&registry, name))?;
    Ok((listing(&registry, &kernel), kernel))
}

/// Loads a kernel by its name or the path of its library.
pub(crate) fn load_kernel(
    vm: &mut Vm,
    world: &SharedWorld,
    name_or_path: &str,
    audience: Audience,
) -> Result<Listed, Problem> {
    let registry = granted(world, name_or_path)?;
    let changing = registry.change();
    let kernel = match changing.current(name_or_path) {
        Some(kernel) => kernel,
        None => load_new(world, &changing, name_or_path)?,
    };
    if !world.borrow().kernels.iter().any(|own| own == kernel.name()) {
        kernels::install(vm, world, &kernel);
    }
    if audience == Audience::All {
        changing.offer(&kernel);
    }
    Ok(listing(&registry, &kernel))
}

fn load_new(
    world: &SharedWorld,
    changing: &Changing<'_>,
    name_or_path: &str,
) -> Result<Arc<Kernel>, Problem> {
    let loader = kernels::loader(world);
    let found = kernels::find(&loader, name_or_path)?;
    let declared = kernels::declared(world, &found)?;
    let kernel = loader
        .load(&found, declared.as_ref())
        .map_err(|error| kernels::told(name_or_path, &error))?;
    if changing.current(kernel.name()).is_some() {
        let message = format!("the kernel {} is loaded already", kernel.name());
        let hint = "`kernel/reload` with the path of a library puts that in its place";
        return Err(Problem::new("kernel/loaded", message).with_hint(hint));
    }
    changing.add(&kernel, &found.library);
    Ok(kernel)
}

/// Puts the next generation in the place of a kernel: from that library, or else from where its name leads to, or from where
/// it came if it was loaded by its path.
pub(crate) fn reload_kernel(
    vm: &mut Vm,
    world: &SharedWorld,
    name: &str,
    library: Option<&str>,
) -> Result<Listed, Problem> {
    let registry = granted(world, name)?;
    let changing = try_change(&registry, name)?;
    let before = changing.current(name).ok_or_else(|| unknown(&registry, name))?;
    let loader = kernels::loader(world);
    let found = match library {
        Some(path) => Found::library(Path::new(path)).map_err(|error| kernels::told(name, &error))?,
        None => next_of(world, &registry, name)?,
    };
    let declared = kernels::declared(world, &found)?;
    let users = |primitive: &str, difference| kernels::users(world, &before, primitive, difference);
    let next = loader
        .load_next(&found, declared.as_ref(), &before, &users)
        .map_err(|error| kernels::told(name, &error))?;
    changing.publish(&next, &found.library);
    // The others go over between two of their slices.
    sup_host::replace(vm, &next);
    Ok(listing(&registry, &next))
}

/// Where the next generation of a kernel is.
fn next_of(world: &SharedWorld, registry: &Registry, name: &str) -> Result<Found, Problem> {
    let by_name = kernels::loader(world).find(name);
    if let Ok(found) = by_name {
        return Ok(found);
    }
    let library = registry.library(name).ok_or_else(|| unknown(registry, name))?;
    Found::library(&library).map_err(|error| kernels::told(name, &error))
}

/// Takes a kernel away that no loaded code names. What still holds it may go on, and is told.
pub(crate) fn unload_kernel(vm: &mut Vm, world: &SharedWorld, name: &str) -> Result<Listed, Problem> {
    let registry = granted(world, name)?;
    let changing = try_change(&registry, name)?;
    let kernel = changing.current(name).ok_or_else(|| unknown(&registry, name))?;
    if world.borrow().library_kernels.iter().any(|own| own == name) {
        let message = format!("the kernel {name} is used by the standard library");
        return Err(Problem::new("kernel/used", message));
    }
    let uses: Vec<String> = kernel
        .primitives()
        .iter()
        .filter_map(|primitive| {
            let users = kernels::users(world, &kernel, &primitive.name, Difference::Gone);
            (!users.is_empty()).then(|| format!("{} by {}", primitive.name, users.join(", ")))
        })
        .collect();
    if !uses.is_empty() {
        let message = format!("the kernel {name} is used: {}", uses.join("; "));
        return Err(Problem::new("kernel/used", message));
    }
    changing.withdraw(name);
    sup_host::withdraw(vm, &kernel);
    Ok(listing(&registry, &kernel))
}

fn granted(world: &SharedWorld, name: &str) -> Result<Arc<Registry>, Problem> {
    let world = world.borrow();
    if world.grants.has(Capability::Kernel) {
        Ok(world.registry.clone())
    } else {
        Err(kernels::denied(name))
    }
}

fn try_change<'a>(registry: &'a Registry, name: &str) -> Result<Changing<'a>, Problem> {
    let begin = Instant::now();
    loop {
        if let Some(changing) = registry.try_change() {
            return Ok(changing);
        }
        if begin.elapsed() > PATIENCE {
            let message = format!("the kernel {name} cannot be changed while another is loaded or changed");
            return Err(Problem::new("kernel/busy", message).with_hint("try again"));
        }
        std::thread::sleep(PAUSE);
    }
}

fn unknown(registry: &Registry, name: &str) -> Problem {
    let mut loaded: Vec<String> = registry.list().into_iter().map(|listed| listed.name).collect();
    loaded.dedup();
    let problem = Problem::new("kernel/not-loaded", format!("no kernel {name} is loaded"));
    if loaded.is_empty() {
        problem
    } else {
        problem.with_hint(format!("loaded are {}", loaded.join(", ")))
    }
}

/// What is told of a generation that is still known.
fn listing(registry: &Registry, kernel: &Kernel) -> Listed {
    let mut listed = registry.list().into_iter();
    let found =
        listed.find(|listed| listed.name == kernel.name() && listed.generation == kernel.generation());
    found.expect("the newest generations are never forgotten")
}

/// The name of a stage.
#[must_use]
pub fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Serving => "serving",
        Stage::Draining => "draining",
        Stage::Quiesced => "quiesced",
        Stage::Retired => "retired",
    }
}

/// What is told of a generation, as fields: name, version, generation, state, library, and counts of isolates, calls,
/// resources, pins, promises and jobs.
pub(crate) fn row(listed: &Listed) -> Vec<String> {
    let counts = [
        listed.n_isolates,
        listed.n_calls,
        listed.n_resources,
        listed.n_pins,
        listed.n_promises,
        listed.n_jobs,
    ];
    let mut row = vec![
        listed.name.clone(),
        listed.version.clone(),
        listed.generation.to_string(),
        stage_name(listed.stage).to_owned(),
        listed.library.display().to_string(),
    ];
    row.extend(counts.map(|count| count.to_string()));
    row
}

fn list(vm: &mut Vm, _arguments: &[Word]) -> Outcome {
    let world = world_of(vm);
    let is_granted = world.borrow().grants.has(Capability::Kernel);
    let mut words = Vec::new();
    for listed in listed(vm, &world) {
        let pairs = pairs_of(vm, &listed, is_granted)?;
        words.push(vm.map_from_pairs(&pairs)?);
    }
    vm.new_list(2, &words)
}

fn info(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (world, name) = (world_of(vm), text(vm, arguments[0])?);
    let (listed, kernel) = described(&world, &name).map_err(|problem| raise_problem(vm, &problem))?;
    let mut primitives = Vec::new();
    for primitive in kernel.primitives() {
        let fields = [
            ("name", &primitive.name),
            ("signature", &primitive.signature_text),
            ("doc", &primitive.doc),
        ];
        let mut pairs = Vec::new();
        for (key, value) in fields {
            pairs.extend([keyword(key), vm.new_str(value)?]);
        }
        primitives.push(vm.map_from_pairs(&pairs)?);
    }
    let mut pairs = pairs_of(vm, &listed, true)?;
    pairs.extend([keyword("primitives"), vm.new_list(2, &primitives)?]);
    vm.map_from_pairs(&pairs)
}

fn load(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (world, name) = (world_of(vm), text(vm, arguments[0])?);
    let outcome = load_kernel(vm, &world, &name, Audience::Asker);
    answer(vm, outcome)
}

fn reload(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (world, name) = (world_of(vm), text(vm, arguments[0])?);
    let library = match arguments.get(1) {
        Some(word) => Some(text(vm, *word)?),
        None => None,
    };
    let outcome = reload_kernel(vm, &world, &name, library.as_deref());
    answer(vm, outcome)
}

fn unload(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (world, name) = (world_of(vm), text(vm, arguments[0])?);
    let outcome = unload_kernel(vm, &world, &name);
    answer(vm, outcome)
}

fn text(vm: &mut Vm, word: Word) -> Result<String, Raise> {
    match vm.text_of(&word) {
        Some(text) => Ok(text.to_owned()),
        None => Err(vm.type_mismatch(":str", word)),
    }
}

fn answer(vm: &mut Vm, outcome: Result<Listed, Problem>) -> Outcome {
    let listed = outcome.map_err(|problem| raise_problem(vm, &problem))?;
    let pairs = pairs_of(vm, &listed, true)?;
    vm.map_from_pairs(&pairs)
}

fn keyword(name: &str) -> Word {
    immediate(Immediate::Keyword, names::intern(name))
}

/// Keys and values of the map that tells of a generation.
fn pairs_of(vm: &mut Vm, listed: &Listed, in_full: bool) -> Result<Vec<Word>, Raise> {
    let generation = i64::try_from(listed.generation).unwrap_or(i64::MAX);
    let mut pairs = vec![
        keyword("name"),
        vm.new_str(&listed.name)?,
        keyword("version"),
        vm.new_str(&listed.version)?,
        keyword("generation"),
        vm.new_int(generation)?,
        keyword("state"),
        keyword(stage_name(listed.stage)),
    ];
    if in_full {
        let mut held = Vec::new();
        for (count, what) in listed.holders() {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            held.extend([keyword(what), vm.new_int(count)?]);
        }
        pairs.extend([
            keyword("from"),
            vm.new_str(&listed.library.display().to_string())?,
            keyword("held-by"),
            vm.map_from_pairs(&held)?,
        ]);
    }
    Ok(pairs)
}
