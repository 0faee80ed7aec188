//! Code that lives in the store: a name is a path such as `util/sum`, its text is kept, its value is that of its last form.
//!
//! A stored text is a module of its own, loaded when code first names it. `util/sum` means the value of the text of that
//! name, else the definition `sum` of the text `util`. Callers reach it through a cell, so that a new version is seen by
//! everybody as soon as it is loaded.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use slp::{Bracket, NodeKind, ReadLimits, Span, Tree};
use sup_abi::word::Word;
use sup_code::{CellName, form, wire};
use sup_compile::{FormContext, Resolution, TopForm, compile_form, top_forms};
use sup_store::{Change, CodeVersion, Durability, Names, Stamp, Store, StoreError, Tenant};
use sup_vm::vm::Vm;

use crate::load::{self, Problems, Source};
use crate::problem::{Place, Problem};
use crate::resolve::Asking;
use crate::world::SharedWorld;

/// The cell of a stored text's module that holds its value.
const VALUE: &str = "*value*";
/// Most names that one listing tells.
pub const MAX_LISTED: usize = 100_000;

/// The code of a store.
pub struct Codebase {
    /// The store.
    pub store: Arc<dyn Store>,
    names: Names,
}

impl Codebase {
    /// The code of that store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Codebase {
        Codebase {
            names: Names::new(store.clone(), Tenant::local()),
            store,
        }
    }

    /// The names and their history.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The text under a name, as it stands or as it stood after a version.
    ///
    /// # Errors
    /// When the store fails.
    pub fn text(&self, name: &str, version: Option<CodeVersion>) -> Result<Option<String>, Problem> {
        let found = match version {
            None => self.names.get_code(name),
            Some(version) => self.names.get_code_at(name, version),
        };
        Ok(found
            .map_err(|error| told(&error))?
            .map(|stored| stored.code.source))
    }
}

/// The problem that a failure of the store is.
#[must_use]
pub fn told(error: &StoreError) -> Problem {
    let problem = Problem::new(error.code(), error.to_string());
    match error.hint() {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}

/// The module that a stored name is loaded as; also the name of its source.
fn module_of(name: &str) -> String {
    format!("store:{name}")
}

/// What a name that the store may know means.
pub(crate) fn resolve(vm: &mut Vm, world: &SharedWorld, symbol: &str) -> Option<Resolution> {
    world.borrow().store.as_ref()?;
    if let Some(module) = ensure_loaded(vm, world, symbol) {
        let parameters = world
            .borrow()
            .modules
            .get(&module)
            .and_then(|found| found.value_parameters);
        return Some(Resolution::Cell {
            cell: CellName {
                module,
                name: VALUE.to_owned(),
            },
            parameters,
        });
    }
    let (file, name) = symbol.rsplit_once('/')?;
    let module = ensure_loaded(vm, world, file)?;
    Asking {
        vm,
        world: world.clone(),
    }
    .shown_by(&module, name)
}

/// Loads a stored text if it was not loaded yet; its module, or nothing when the store has no such name. A store that
/// cannot be opened and a text that cannot be loaded leave their problems with the world, for whoever tells that the name
/// means nothing.
fn ensure_loaded(vm: &mut Vm, world: &SharedWorld, name: &str) -> Option<String> {
    let module = module_of(name);
    if world.borrow().modules.contains_key(&module) {
        return Some(module);
    }
    let problems = match stored_text(world, name) {
        Ok(None) => return None,
        Ok(Some(text)) => match load_stored(vm, world, name, &text) {
            Ok(()) => return Some(module),
            Err(problems) => {
                world.borrow_mut().modules.remove(&module);
                problems
            }
        },
        Err(problem) => vec![problem],
    };
    let mut world = world.borrow_mut();
    for problem in problems {
        if !world.load_problems.contains(&problem) {
            world.load_problems.push(problem);
        }
    }
    None
}

/// The text of a name if there is a store already. What cannot be a name of code is none.
fn stored_text(world: &SharedWorld, name: &str) -> Result<Option<String>, Problem> {
    let Some(lazy) = world.borrow().store.clone() else {
        return Ok(None);
    };
    let Some(codebase) = lazy.existing().map_err(|error| told(&error))? else {
        return Ok(None);
    };
    match codebase.text(name, None) {
        Err(problem) if problem.code == "store/name" => Ok(None),
        outcome => outcome,
    }
}

/// What the look-ups of names have left behind, and then what was found wrong.
pub(crate) fn with_load_problems(world: &SharedWorld, problems: Problems) -> Problems {
    let mut all = std::mem::take(&mut world.borrow_mut().load_problems);
    all.extend(problems);
    all
}

fn load_stored(vm: &mut Vm, world: &SharedWorld, name: &str, text: &str) -> Result<(), Problems> {
    let module = module_of(name);
    world
        .borrow_mut()
        .modules
        .insert(module.clone(), crate::modules::Module::default().into());
    let value = load::load_text(vm, world, &module, &Source::named(module.clone()), text)?;
    vm.set_cell(&module, VALUE, value);
    let mut world = world.borrow_mut();
    let found = world.module(&module);
    found.value_parameters = vm.parameters_of(value);
    found.loaded = true;
    Ok(())
}

/// The value of a stored name.
///
/// # Errors
/// When there is no such name, or its text fails.
pub fn value(vm: &mut Vm, world: &SharedWorld, name: &str) -> Result<Word, Problems> {
    let codebase = codebase_of(world).map_err(|problem| vec![problem])?;
    let own = ensure_loaded(vm, world, name).map(|module| (module, VALUE));
    let found = own.or_else(|| {
        let (text, definition) = name.rsplit_once('/')?;
        Some((ensure_loaded(vm, world, text)?, definition))
    });
    let problems = std::mem::take(&mut world.borrow_mut().load_problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let Some((module, cell)) = found else {
        return Err(vec![unknown(&codebase, name)]);
    };
    vm.cell(&module, cell).ok_or_else(|| {
        let problem = if cell == VALUE {
            Problem::new(
                "store/no-value",
                format!("{name} is being loaded and has no value yet"),
            )
        } else {
            unknown(&codebase, name)
        };
        vec![problem]
    })
}

/// The problem that a name is not in the store.
pub(crate) fn unknown(codebase: &Codebase, name: &str) -> Problem {
    let listed = codebase.names().list("", MAX_LISTED).unwrap_or_default();
    let near = crate::resolve::nearest(name, listed.into_iter().map(|entry| entry.name).collect());
    let hint = match near.first() {
        Some(first) => format!("did you mean {first}?"),
        None => "`sup ls` tells every name".to_owned(),
    };
    Problem::new(
        "store/unknown-name",
        format!("the store has no code named {name}"),
    )
    .with_hint(hint)
}

/// Loads a name anew after its text changed, if this isolate has loaded it before. Until it is loaded the old version
/// answers.
///
/// # Errors
/// What is wrong with the new text; the old version stays then.
pub fn refresh(vm: &mut Vm, world: &SharedWorld, name: &str) -> Result<(), Problems> {
    let module = module_of(name);
    if !world.borrow().modules.contains_key(&module) {
        return Ok(());
    }
    let text = stored_text(world, name).map_err(|problem| vec![problem])?;
    let Some(text) = text else {
        world.borrow_mut().modules.remove(&module);
        vm.forget_cell(&module, VALUE);
        return Ok(());
    };
    let before = world.borrow().modules.get(&module).cloned();
    load_stored(vm, world, name, &text).inspect_err(|_| {
        if let Some(before) = before {
            world.borrow_mut().modules.insert(module, before);
        }
    })
}

/// Checks a text as the code of a name without carrying it out: it reads, its names resolve, it compiles.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(vm: &mut Vm, world: &SharedWorld, name: &str, text: &str) -> Result<Tree, Problems> {
    let source = module_of(name);
    world.borrow_mut().sources.insert(source.clone(), Arc::from(text));
    let mut reading = slp::read(text, &ReadLimits::default());
    if !reading.faults.is_empty() {
        return Err(reading
            .faults
            .iter()
            .map(|fault| Problem::from_fault(&source, fault))
            .collect());
    }
    if reading.tree.roots().is_empty() {
        return Err(vec![Problem::new(
            "store/empty",
            format!("there is no form in the text for {name}"),
        )]);
    }
    let module = {
        let mut world = world.borrow_mut();
        world.n_modules += 1;
        format!("check:{}", world.n_modules)
    };
    world.borrow_mut().module(&module);
    // The text may name itself.
    let is_new = !world.borrow().modules.contains_key(&source);
    world.borrow_mut().module(&source);
    load::promise(world, &module, &reading.tree);
    let outcome = check_forms(vm, world, &module, &source, &mut reading.tree);
    world.borrow_mut().modules.remove(&module);
    if is_new {
        world.borrow_mut().modules.remove(&source);
    }
    outcome.map(|()| reading.tree)
}

fn check_forms(
    vm: &mut Vm,
    world: &SharedWorld,
    module: &str,
    source: &str,
    tree: &mut Tree,
) -> Result<(), Problems> {
    let mut problems = Problems::new();
    let mut waiting: Vec<_> = top_forms(tree).into_iter().rev().collect();
    while let Some(form) = waiting.pop() {
        let context = FormContext::new(module, source);
        match compile_form(
            tree,
            form,
            &context,
            &mut Asking {
                vm,
                world: world.clone(),
            },
        ) {
            Err(faults) => problems.extend(faults.iter().map(|fault| Problem::from_fault(source, fault))),
            Ok(TopForm::Splice(forms)) => waiting.extend(forms.into_iter().rev()),
            Ok(TopForm::Instruction(instruction)) => {
                let from = Source::named(source);
                if let Err(more) = load::obey(vm, world, module, &from, instruction) {
                    problems.extend(more);
                }
            }
            Ok(TopForm::Code { definitions, .. }) => {
                for definition in definitions {
                    load::define(world, module, definition);
                }
            }
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(with_load_problems(world, problems))
    }
}

/// What a put has written.
pub struct Written {
    /// The hash of the code.
    pub hash: String,
    /// The version that put the code there: an earlier one if it stood there already.
    pub version: CodeVersion,
}

/// Checks a text and puts it under a name.
///
/// # Errors
/// Everything that is wrong with it, or the failure of the store.
pub fn put(vm: &mut Vm, world: &SharedWorld, name: &str, text: &str) -> Result<Written, Problems> {
    let codebase = codebase_of(world).map_err(|problem| vec![problem])?;
    let tree = check(vm, world, name, text)?;
    let encoded = encode(&tree, name).map_err(|problem| vec![problem])?;
    let failed = |error: StoreError| vec![told(&error)];
    let change = Change::Put {
        name,
        source: text,
        encoded: &encoded,
    };
    let report = codebase.names().change(&[change], stamp()).map_err(failed)?;
    let hash = report.hashes[0].expect("a put has a hash").to_string();
    let mut version = report.version;
    if report.effective.is_empty()
        && let Some(stored) = codebase.names().get_code(name).map_err(failed)?
    {
        version = stored.version;
    }
    Ok(Written { hash, version })
}

/// The code of a world's store, which is opened now if it was not.
///
/// # Errors
/// When the world was given none, or it cannot be opened.
pub fn codebase_of(world: &SharedWorld) -> Result<Arc<Codebase>, Problem> {
    let lazy = world.borrow().store.clone();
    let lazy = lazy.ok_or_else(|| {
        Problem::new("store/none", "there is no store here")
            .with_hint("--store DIR or $SUP_STORE says where it is")
    })?;
    lazy.codebase().map_err(|error| told(&error))
}

/// The canonical bytes of a text's forms: one block that holds them.
fn encode(tree: &Tree, name: &str) -> Result<Vec<u8>, Problem> {
    let mut whole = Tree::new();
    let forms: Vec<_> = tree
        .roots()
        .iter()
        .map(|root| whole.copy_from(tree, *root))
        .collect();
    let span = match (tree.roots().first(), tree.roots().last()) {
        (Some(first), Some(last)) => Span {
            start: tree.span(*first).start,
            end: tree.span(*last).end,
        },
        _ => Span::default(),
    };
    let block = whole.add(NodeKind::List(Bracket::Square), span, &forms);
    let flat = form::from_tree(&whole, block, &wire::WireLimits::STANDARD).map_err(|error| Problem {
        place: Some(Place {
            source: module_of(name),
            span,
        }),
        ..Problem::new(error.code(), error.to_string())
    })?;
    Ok(wire::encode(&flat))
}

/// Now, to be written and synced.
#[must_use]
pub fn stamp() -> Stamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp {
        time_us: i64::try_from(now.as_micros()).unwrap_or(i64::MAX),
        durability: Durability::Sync,
    }
}
