//! What an isolate has adopted: for each release that it runs a link, and which units were carried out under it.
//!
//! The isolate's own link follows the head: its values change in place when a release is published, as a person at a prompt
//! expects. Fibers that were pinned to a release run under a link of their own, whose values no publication touches. A unit that
//! two releases share is carried out once in an isolate: both links hold the same values.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sup_abi::word::Word;
use sup_vm::account::Allowance;
use sup_vm::driven::DrivenId;
use sup_vm::error::Outcome;
use sup_vm::fiber::FiberId;
use sup_vm::link::{LinkId, OWN_LINK};
use sup_vm::vm::Vm;

use super::compile::{self, Strictness};
use super::release::Release;
use super::unit::{MODULES, Piece, Step, Unit, VALUE, module_of};
use crate::codebase::{Codebase, told};
use crate::kernels::{self, Asker};
use crate::library;
use crate::load::{self, Problems};
use crate::natives::without_grants;
use crate::problem::Problem;
use crate::world::SharedWorld;

mod answering;

pub(crate) use answering::link_of_head;

/// Links that nothing runs under and that are kept for the next request.
const IDLE_LINKS: usize = 3;
/// Fuel that a step may use while it is carried out for a macro.
const MACRO_FUEL: u64 = 2_000_000;

/// What an isolate has adopted.
#[derive(Default)]
pub struct Adopted {
    /// The change of the codebase that the own link has followed to.
    generation: u64,
    links: Vec<Link>,
    /// Whether the own link stays where it is: the isolate was started by a fiber that is pinned to a release.
    is_pinned: bool,
    /// The release that answers requests, and the change of the codebase that made it so.
    answering: Option<(u64, Arc<Release>)>,
    /// The release that the compiler's knowledge of stored names is of.
    known: Option<u64>,
}

struct Link {
    id: LinkId,
    release: Arc<Release>,
    carried: HashMap<String, Arc<Unit>>,
}

impl Adopted {
    fn link(&self, id: LinkId) -> Option<&Link> {
        self.links.iter().find(|link| link.id == id)
    }

    fn link_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.id == id)
    }

    fn is_carried(&self, id: LinkId, unit: &Unit) -> bool {
        let carried = self.link(id).and_then(|link| link.carried.get(&unit.name));
        carried.is_some_and(|carried| carried.serial == unit.serial)
    }

    /// What an isolate begins with that is started from this one while `link` runs: it has the values of that link.
    pub(crate) fn seed(&self, link: LinkId) -> Adopted {
        let links = self.link(link).map(|link| Link {
            id: OWN_LINK,
            release: link.release.clone(),
            carried: link.carried.clone(),
        });
        Adopted {
            generation: self.generation,
            is_pinned: self.is_pinned || link != OWN_LINK,
            links: links.into_iter().collect(),
            answering: None,
            known: self.known,
        }
    }
}

/// Why a unit is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Carrying {
    /// To be run.
    ToRun,
    /// For macros that are called while something is compiled: without grants, and with little fuel.
    ForMacros,
}

/// The release whose names mean something now: that of the file that is being compiled, else that of the running fiber. None
/// when there is no store yet, or nothing in it.
pub(crate) fn at_hand(vm: &mut Vm, world: &SharedWorld) -> Result<Option<Arc<Release>>, Problem> {
    if let Some(compiling) = world.borrow().compiling.last() {
        return Ok(Some(compiling.release.clone()));
    }
    if vm.link() != OWN_LINK {
        let world = world.borrow();
        return Ok(world.adopted.link(vm.link()).map(|link| link.release.clone()));
    }
    let lazy = world.borrow().store.clone();
    let Some(lazy) = lazy else { return Ok(None) };
    let Some(codebase) = lazy.existing().map_err(|error| told(&error))? else {
        return Ok(None);
    };
    follow(vm, world, &codebase)?;
    let world = world.borrow();
    Ok(world.adopted.link(OWN_LINK).map(|link| link.release.clone()))
}

/// Has the isolate's own link follow the head, if it has moved: what was carried out under it and has changed is carried out
/// anew, in place. What cannot be stays as it was, which the console is told.
pub(crate) fn follow(vm: &mut Vm, world: &SharedWorld, codebase: &Codebase) -> Result<(), Problem> {
    let generation = codebase.generation();
    {
        let adopted = &world.borrow().adopted;
        if adopted.is_pinned || (adopted.generation == generation && generation != 0) {
            return Ok(());
        }
    }
    let (generation, head) = codebase.head_release().map_err(|error| told(&error))?;
    let before = vm.link();
    vm.enter_link(OWN_LINK);
    let stale = {
        let mut world = world.borrow_mut();
        world.adopted.generation = generation;
        match head {
            None => Vec::new(),
            Some(release) => follow_to(&mut world.adopted, release),
        }
    };
    let mut failed = Vec::new();
    for name in stale {
        if let Err(problems) = renew(vm, world, &name) {
            failed.push((name, problems));
        }
    }
    vm.enter_link(before);
    for (name, problems) in failed {
        for problem in problems {
            tell(
                world,
                &format!("{name} stays as it was: {}: {}\n", problem.code, problem.message),
            );
        }
    }
    Ok(())
}

/// Moves the own link to a release; the names that were carried out under the one before.
fn follow_to(adopted: &mut Adopted, release: Arc<Release>) -> Vec<String> {
    let Some(own) = adopted.link_mut(OWN_LINK) else {
        adopted.links.push(Link {
            id: OWN_LINK,
            release,
            carried: HashMap::new(),
        });
        return Vec::new();
    };
    if own.release.serial == release.serial {
        return Vec::new();
    }
    own.release = release;
    let mut names: Vec<String> = own.carried.keys().cloned().collect();
    names.sort();
    names
}

/// Carries out anew what changed of a name under the own link, or forgets its value when it is gone.
fn renew(vm: &mut Vm, world: &SharedWorld, name: &str) -> Result<(), Problems> {
    let release = {
        let world = world.borrow();
        let own = world
            .adopted
            .link(OWN_LINK)
            .expect("names were carried out under it");
        own.release.clone()
    };
    if !release.has(name) {
        let mut world = world.borrow_mut();
        world.modules.remove(&module_of(name));
        if let Some(own) = world.adopted.link_mut(OWN_LINK) {
            own.carried.remove(name);
        }
        drop(world);
        vm.forget_cell(&module_of(name), VALUE);
        return Ok(());
    }
    carry(vm, world, &release, OWN_LINK, name)
}

/// The compiler's knowledge of stored names becomes that of a release.
pub(crate) fn know(world: &SharedWorld, release: &Arc<Release>) {
    let mut borrowed = world.borrow_mut();
    if borrowed.adopted.known == Some(release.serial) {
        return;
    }
    borrowed.adopted.known = Some(release.serial);
    let open: BTreeSet<String> = borrowed
        .compiling
        .iter()
        .map(|compiling| module_of(&compiling.name))
        .collect();
    borrowed
        .modules
        .retain(|name, _| !name.starts_with(MODULES) || open.contains(name));
    drop(borrowed);
    for unit in release.compiled() {
        if !compile::is_open(world, &unit.name) {
            compile::publish_knowledge(world, &unit);
        }
    }
}

/// The link of a release in this isolate, made when it is new.
pub(crate) fn link_of(vm: &mut Vm, world: &SharedWorld, release: &Arc<Release>) -> LinkId {
    let mut world = world.borrow_mut();
    let adopted = &mut world.adopted;
    let is_it = |link: &Link| link.id != OWN_LINK && link.release.serial == release.serial;
    if let Some(place) = adopted.links.iter().position(is_it) {
        return adopted.links[place].id;
    }
    let n_idle = adopted
        .links
        .iter()
        .filter(|link| link.id != OWN_LINK && !vm.is_link_used(link.id))
        .count();
    let mut n_over = (n_idle + 1).saturating_sub(IDLE_LINKS);
    adopted.links.retain(|link| {
        let goes = n_over > 0 && link.id != OWN_LINK && !vm.is_link_used(link.id);
        if goes {
            n_over -= 1;
            vm.close_link(link.id);
        }
        !goes
    });
    let id = vm.new_link();
    adopted.links.push(Link {
        id,
        release: release.clone(),
        carried: HashMap::new(),
    });
    id
}

/// Writes to the console what nobody waits for.
fn tell(world: &SharedWorld, line: &str) {
    let console = world.borrow().console.clone();
    if let Some(console) = console {
        // Nobody is left to be told when the console is closed.
        drop(console.lock().write_error(line));
    }
}

/// Carries a unit out under a link, after everything that it uses, if that was not done.
///
/// # Errors
/// What is wrong with a file on the way, or what it raised.
pub(crate) fn carry(
    vm: &mut Vm,
    world: &SharedWorld,
    release: &Arc<Release>,
    link: LinkId,
    name: &str,
) -> Result<(), Problems> {
    carry_as(vm, world, release, link, name, Carrying::ToRun)
}

fn carry_as(
    vm: &mut Vm,
    world: &SharedWorld,
    release: &Arc<Release>,
    link: LinkId,
    name: &str,
    carrying: Carrying,
) -> Result<(), Problems> {
    let order = order(vm, world, release, link, name, carrying)?;
    let before = vm.link();
    for unit in order {
        vm.enter_link(link);
        let outcome = carry_one(vm, world, link, &unit, carrying);
        vm.enter_link(before);
        outcome?;
    }
    Ok(())
}

/// The units that are still to be carried out for a name, those that others use first. Where texts use each other, the one
/// that was wanted comes last.
fn order(
    vm: &mut Vm,
    world: &SharedWorld,
    release: &Arc<Release>,
    link: LinkId,
    name: &str,
    carrying: Carrying,
) -> Result<Vec<Arc<Unit>>, Problems> {
    enum Work {
        Enter(String),
        Leave(Arc<Unit>),
    }
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    let mut work = vec![Work::Enter(name.to_owned())];
    while let Some(next) = work.pop() {
        match next {
            Work::Leave(unit) => order.push(unit),
            Work::Enter(name) => {
                if !seen.insert(name.clone()) || compile::is_open(world, &name) {
                    continue;
                }
                let unit = compile::unit(vm, world, release, &name, Strictness::Known)?;
                let is_carried = match (&world.borrow().session, carrying) {
                    (Some(session), Carrying::ForMacros) => session.carried.contains(&unit.serial),
                    _ => world.borrow().adopted.is_carried(link, &unit),
                };
                if is_carried {
                    continue;
                }
                let uses = unit.uses.clone();
                work.push(Work::Leave(unit));
                work.extend(uses.into_iter().map(Work::Enter));
            }
        }
    }
    Ok(order)
}

fn carry_one(
    vm: &mut Vm,
    world: &SharedWorld,
    link: LinkId,
    unit: &Arc<Unit>,
    carrying: Carrying,
) -> Result<(), Problems> {
    for cell in &unit.cells {
        vm.bind_cell(&unit.module, cell);
    }
    compile::publish_knowledge(world, unit);
    let elsewhere = {
        let world = world.borrow();
        let links = world.adopted.links.iter();
        let has = links.filter(|other| other.id != link && world.adopted.is_carried(other.id, unit));
        has.map(|other| other.id).next()
    };
    match elsewhere {
        Some(other) => copy_values(vm, unit, other, link),
        None => run_steps(vm, world, unit, carrying)?,
    }
    let mut world = world.borrow_mut();
    match (&mut world.session, carrying) {
        (Some(session), Carrying::ForMacros) => {
            session.carried.insert(unit.serial);
        }
        _ => {
            if let Some(own) = world.adopted.link_mut(link) {
                own.carried.insert(unit.name.clone(), unit.clone());
            }
        }
    }
    Ok(())
}

fn copy_values(vm: &mut Vm, unit: &Unit, from: LinkId, to: LinkId) {
    vm.enter_link(from);
    // Nothing is allocated until the words are in place.
    let words: Vec<Option<Word>> = unit
        .cells
        .iter()
        .map(|cell| vm.cell(&unit.module, cell))
        .collect();
    vm.enter_link(to);
    for (cell, word) in unit.cells.iter().zip(words) {
        match word {
            Some(word) => vm.set_cell(&unit.module, cell, word),
            None => vm.forget_cell(&unit.module, cell),
        }
    }
}

fn run_steps(vm: &mut Vm, world: &SharedWorld, unit: &Unit, carrying: Carrying) -> Result<(), Problems> {
    let one = |problem: Problem| vec![problem];
    let mut value = vm.keep(sup_abi::word::NIL);
    let mut outcome = Ok(());
    for step in &unit.steps {
        let done = match step {
            Step::Run(piece) => run_piece(vm, world, piece, carrying),
            Step::Load(names) => names
                .iter()
                .try_for_each(|name| kernels::load(vm, world, name, Asker::Program))
                .map(|()| sup_abi::word::NIL),
            Step::Record { name, fields } => {
                sup_vm::data::records::define(&format!("{}/{name}", unit.module), fields);
                Ok(sup_abi::word::NIL)
            }
        };
        match done {
            Ok(word) => {
                vm.release(value);
                value = vm.keep(word);
            }
            Err(problem) => {
                outcome = Err(one(problem));
                break;
            }
        }
    }
    let word = vm.kept(&value);
    vm.release(value);
    outcome?;
    vm.set_cell(&unit.module, VALUE, word);
    Ok(())
}

/// Runs a piece of code in this isolate, after everything of the standard library that it names.
pub(crate) fn run_piece(
    vm: &mut Vm,
    world: &SharedWorld,
    piece: &Piece,
    carrying: Carrying,
) -> Result<Word, Problem> {
    library::provide_all(vm, world, piece.chunk())?;
    let function = piece.function(vm)?;
    let outcome = match carrying {
        Carrying::ToRun => vm.call(function, &[]),
        Carrying::ForMacros => without_grants(vm, world, |vm| vm.call_within(function, &[], MACRO_FUEL)),
    };
    outcome.map_err(|raise| load::problem_of(vm, raise))
}

/// Sees to it that what a macro of a stored file may call is there.
pub(crate) fn carry_for_macro(vm: &mut Vm, world: &SharedWorld, name: &str) -> Result<(), Problems> {
    let Some(release) = at_hand(vm, world).map_err(|problem| vec![problem])? else {
        return Ok(());
    };
    if compile::is_open(world, name) {
        return compile::carry_open(vm, world, name);
    }
    let carrying = if world.borrow().compiling.is_empty() {
        Carrying::ToRun
    } else {
        Carrying::ForMacros
    };
    let link = vm.link();
    carry_as(vm, world, &release, link, name, carrying)
}

/// The value of a stored name in the release at hand, or of a definition in one.
///
/// # Errors
/// When there is no such name, or its text fails.
pub(crate) fn value_at_hand(vm: &mut Vm, world: &SharedWorld, name: &str) -> Result<Option<Word>, Problems> {
    let Some(release) = at_hand(vm, world).map_err(|problem| vec![problem])? else {
        return Ok(None);
    };
    value_under(vm, world, &release, vm.link(), name)
}

fn value_under(
    vm: &mut Vm,
    world: &SharedWorld,
    release: &Arc<Release>,
    link: LinkId,
    name: &str,
) -> Result<Option<Word>, Problems> {
    let (file, cell) = if release.has(name) {
        (name, VALUE)
    } else {
        match name.rsplit_once('/') {
            Some((file, definition)) if release.has(file) => (file, definition),
            _ => return Ok(None),
        }
    };
    know(world, release);
    carry(vm, world, release, link, file)?;
    Ok(cell_under(vm, link, &module_of(file), cell))
}

fn cell_under(vm: &mut Vm, link: LinkId, module: &str, cell: &str) -> Option<Word> {
    let before = vm.link();
    vm.enter_link(link);
    let word = vm.cell(module, cell);
    vm.enter_link(before);
    word
}

/// Pins the release that a request with that key gets; without a key the head. Cheap when nothing was published since.
///
/// # Errors
/// When the store fails.
pub fn pin(world: &SharedWorld, key: Option<&[u8]>) -> Result<Option<Arc<Release>>, Problem> {
    let codebase = crate::codebase::codebase_of(world)?;
    codebase.pin(key).map_err(|error| told(&error))
}

/// The handler of a route of a release, in this isolate. The word is good until the machine runs again.
///
/// # Errors
/// When the file that declares it fails, or there is no route at that place.
pub fn route_handler(
    vm: &mut Vm,
    world: &SharedWorld,
    release: &Arc<Release>,
    route_idx: usize,
) -> Result<Word, Problems> {
    let routes = &release.manifest().routes;
    let missing = || {
        let message = format!("release {} has no route {route_idx}", release.id());
        vec![Problem::new("release/route", message)]
    };
    let route = routes.get(route_idx).ok_or_else(missing)?;
    // Routes stand in the order of files, and of declarations in a file.
    let first = routes.iter().position(|other| other.name == route.name);
    let place = route_idx - first.unwrap_or(route_idx);
    let link = link_of(vm, world, release);
    know(world, release);
    carry(vm, world, release, link, &route.name)?;
    let unit = compile::unit(vm, world, release, &route.name, Strictness::Known)?;
    let declared = unit.routes.get(place).ok_or_else(missing)?;
    cell_under(vm, link, &unit.module, &declared.cell).ok_or_else(missing)
}

/// The value of a name in a release, in this isolate. The word is good until the machine runs again.
///
/// # Errors
/// When there is no such name, or its text fails.
pub fn value(vm: &mut Vm, world: &SharedWorld, release: &Arc<Release>, name: &str) -> Result<Word, Problems> {
    let link = link_of(vm, world, release);
    value_under(vm, world, release, link, name)?.ok_or_else(|| {
        let message = format!("release {} has no code named {name}", release.id());
        vec![Problem::new("store/unknown-name", message)]
    })
}

/// Starts a fiber that is pinned to a release; see [`Vm::spawn`].
///
/// # Errors
/// As there.
pub fn spawn(
    vm: &mut Vm,
    world: &SharedWorld,
    release: &Arc<Release>,
    callee: Word,
    arguments: &[Word],
) -> Result<FiberId, sup_vm::error::Raise> {
    let link = link_of(vm, world, release);
    vm.spawn_under(link, callee, arguments)
}

/// Starts a driven fiber that is pinned to a release; see [`Vm::start_driven`].
pub fn start_driven(
    vm: &mut Vm,
    world: &SharedWorld,
    release: &Arc<Release>,
    callee: Word,
    arguments: &[Word],
    allowance: &Allowance,
) -> DrivenId {
    let link = link_of(vm, world, release);
    vm.start_driven_under(link, callee, arguments, allowance)
}

/// Calls a function pinned to a release; see [`Vm::call`].
///
/// # Errors
/// What it raises.
pub fn call(
    vm: &mut Vm,
    world: &SharedWorld,
    release: &Arc<Release>,
    callee: Word,
    arguments: &[Word],
) -> Outcome {
    let link = link_of(vm, world, release);
    vm.call_under(link, callee, arguments)
}
