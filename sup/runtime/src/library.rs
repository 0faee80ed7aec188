//! The standard library out of the image: its modules' names are known at once, and code is carried out when it is wanted.
//!
//! A module that comes out of the image gives the same as one that comes out of its text, since its definitions do nothing but
//! give names values, and a definition is carried out before anything that names it. The image is left aside, and the text is
//! compiled as any other, when it was made from another text, or counts on a kernel that differs from the one that is loaded.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use sup_abi::word::Word;
use sup_code::image::{self, Content, Defined, Step};
use sup_code::{CellName, Chunk, CodeLimits, ImageModule, chunk, verify};
use sup_compile::{Instruction, ParameterType, Signature};
use sup_vm::unit::LoadedChunk;
use sup_vm::vm::Vm;

use crate::kernels::{self, Asker};
use crate::load::{self, Problems, Source};
use crate::modules::{Entry, Macro, MacroFunction};
use crate::problem::Problem;
use crate::world::SharedWorld;

/// Where the standard library's code comes from.
#[derive(Clone, Debug, Default)]
pub struct Library {
    modules: Vec<ImageModule<'static>>,
    refused: Option<String>,
}

impl Library {
    /// The library of an image; one that does not read is refused.
    #[must_use]
    pub fn of_image(bytes: &'static [u8]) -> Library {
        match image::decode(bytes) {
            Ok(modules) => Library {
                modules,
                refused: None,
            },
            Err(error) => Library {
                modules: Vec::new(),
                refused: Some(error.to_string()),
            },
        }
    }

    /// Why the image that was given is not used, when it is not.
    #[must_use]
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    fn refuse(&mut self, reason: String) {
        self.modules.clear();
        self.refused = Some(reason);
    }

    fn module(&self, name: &str) -> Option<ImageModule<'static>> {
        self.modules.iter().find(|module| module.name == name).copied()
    }
}

/// Whether a module came out of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Loaded,
    /// Its text is to be compiled.
    Not,
}

/// Loads a module out of the image, if it is there and fits.
///
/// # Errors
/// What went wrong while it was carried out.
pub(crate) fn load(
    vm: &mut Vm,
    world: &SharedWorld,
    name: &str,
    source: &Source,
    text: &str,
) -> Result<Outcome, Problems> {
    let Some(content) = content(world, name, text) else {
        return Ok(Outcome::Not);
    };
    for (kernel, expected) in &content.kernels {
        kernels::load(vm, world, kernel, Asker::StandardLibrary).map_err(|problem| vec![problem])?;
        if kernels::fingerprint(world, kernel) != *expected {
            let reason = format!("it was made with another kernel {kernel}");
            world.borrow_mut().library.refuse(reason);
            return Ok(Outcome::Not);
        }
    }
    world
        .borrow_mut()
        .sources
        .insert(source.name.clone(), text.into());
    for step in content.steps {
        carry_out(vm, world, name, source, step)?;
    }
    Ok(Outcome::Loaded)
}

/// The content of a module in the image, when that was made from this text.
fn content(world: &SharedWorld, name: &str, text: &str) -> Option<Content<'static>> {
    let found = world.borrow().library.module(name)?;
    if found.source_hash != chunk::hash(text.as_bytes()) {
        let reason = format!("it was made from another text of {name}");
        world.borrow_mut().library.refuse(reason);
        return None;
    }
    match found.content() {
        Ok(content) => Some(content),
        Err(error) => {
            world.borrow_mut().library.refuse(error.to_string());
            None
        }
    }
}

fn carry_out(
    vm: &mut Vm,
    world: &SharedWorld,
    module: &str,
    source: &Source,
    step: Step<'static>,
) -> Result<(), Problems> {
    let instruction = match step {
        Step::Load(names) => Instruction::Load(owned(&names)),
        Step::Export(names) => Instruction::Export(owned(&names)),
        Step::Import(imports) => {
            let pairs = imports.iter();
            Instruction::Import(
                pairs
                    .map(|(alias, path)| ((*alias).to_owned(), (*path).to_owned()))
                    .collect(),
            )
        }
        Step::Form { name, fields } => Instruction::DefineForm {
            name: name.to_owned(),
            fields: fields
                .into_iter()
                .map(|(name, spec)| (name.map(str::to_owned), spec))
                .collect(),
            span: slp::Span::default(),
        },
        Step::Macro { name, chunk } => {
            let function = MacroFunction::Waiting(chunk);
            let mut world = world.borrow_mut();
            let macros = &mut world.module(module).macros;
            macros.insert(name.to_owned(), Macro { doc: None, function });
            return Ok(());
        }
        Step::Code { chunk, definitions } if definitions.is_empty() => {
            return run(vm, world, chunk).map_err(|problem| vec![problem]);
        }
        Step::Code { chunk, definitions } => {
            let mut world = world.borrow_mut();
            let module = world.module(module);
            module.waiting.push(Some(chunk));
            let place = module.waiting.len() - 1;
            for definition in definitions {
                module.define(definition.name, entry(&definition, place));
            }
            return Ok(());
        }
    };
    load::obey(vm, world, module, source, instruction)
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn entry(definition: &Defined<'_>, place: usize) -> Entry {
    let signature = definition.signature.as_ref().map(|types| Signature {
        parameters: types
            .parameters
            .iter()
            .map(|(name, type_name)| ParameterType {
                name: (*name).to_owned(),
                type_name: type_name.map(str::to_owned),
            })
            .collect(),
        result: types.result.map(str::to_owned),
        shape: types.shape,
    });
    Entry {
        doc: None,
        parameters: definition.parameters,
        signature,
        alias: definition.alias.map(str::to_owned),
        span: definition.span,
        waiting: Some(place),
    }
}

/// Decodes, verifies and runs a chunk of the image, after everything that it names.
fn run(vm: &mut Vm, world: &SharedWorld, bytes: &'static [u8]) -> Result<(), Problem> {
    let loaded = loaded(vm, bytes)?;
    provide_all(vm, world, &loaded.chunk)?;
    carry_out_loaded(vm, loaded).map(drop)
}

/// The code of the image that was loaded so far, by the address of its bytes. Loaded code stays for the life of the process
/// and is the same for every isolate.
static LOADED: LazyLock<Mutex<HashMap<usize, Loaded>>> = LazyLock::new(Mutex::default);

type Loaded = &'static LoadedChunk;

/// Decodes, verifies and loads a chunk of the image, unless some isolate of the process has.
fn loaded(vm: &mut Vm, bytes: &'static [u8]) -> Result<Loaded, Problem> {
    let table = || LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = bytes.as_ptr() as usize;
    let known = table().get(&key).copied();
    if let Some(loaded) = known {
        return Ok(loaded);
    }
    let verified = verify(decode(bytes)?, &CodeLimits::STANDARD)
        .map_err(|error| Problem::new(error.code(), error.to_string()))?;
    let loaded = vm.load(&verified).map_err(|raise| load::problem_of(vm, raise))?;
    table().insert(key, loaded);
    Ok(loaded)
}

fn carry_out_loaded(vm: &mut Vm, loaded: Loaded) -> Result<Word, Problem> {
    vm.adopt(loaded);
    let function = vm.entry_of(loaded).map_err(|raise| load::problem_of(vm, raise))?;
    vm.call(function, &[])
        .map_err(|raise| load::problem_of(vm, raise))
}

fn decode(bytes: &[u8]) -> Result<Chunk, Problem> {
    chunk::decode(bytes, &CodeLimits::STANDARD).map_err(|error| {
        Problem::new(
            error.code(),
            format!("the image of the standard library: {error}"),
        )
    })
}

/// Sees to it that a definition of the library has its value.
///
/// # Errors
/// What went wrong while it was carried out.
pub(crate) fn provide(vm: &mut Vm, world: &SharedWorld, module: &str, name: &str) -> Result<(), Problem> {
    let cell = CellName {
        module: module.to_owned(),
        name: name.to_owned(),
    };
    provide_in_order(vm, world, vec![Work::Provide(cell)])
}

/// Sees to it that what another isolate carried out of the library has its value here too.
///
/// # Errors
/// What went wrong while it was carried out.
pub(crate) fn provide_names(vm: &mut Vm, world: &SharedWorld, names: Vec<CellName>) -> Result<(), Problem> {
    let work = names.into_iter().rev().map(Work::Provide).collect();
    provide_in_order(vm, world, work)
}

/// Sees to it that what a chunk names of the library has its value.
///
/// # Errors
/// What went wrong while it was carried out.
pub(crate) fn provide_all(vm: &mut Vm, world: &SharedWorld, chunk: &Chunk) -> Result<(), Problem> {
    let work = chunk.cells.iter().rev().cloned().map(Work::Provide).collect();
    provide_in_order(vm, world, work)
}

enum Work {
    Provide(CellName),
    Run(Loaded),
}

/// Carries out the last work first. What a chunk names comes before it; where names need each other, which functions may,
/// the one that was wanted first comes last.
fn provide_in_order(vm: &mut Vm, world: &SharedWorld, mut work: Vec<Work>) -> Result<(), Problem> {
    while let Some(next) = work.pop() {
        match next {
            Work::Provide(cell) => {
                let Some(bytes) = take_waiting(vm, world, &cell)? else {
                    continue;
                };
                let loaded = loaded(vm, bytes)?;
                let cells = loaded.chunk.cells.clone();
                work.push(Work::Run(loaded));
                work.extend(cells.into_iter().rev().map(Work::Provide));
            }
            Work::Run(loaded) => {
                carry_out_loaded(vm, loaded)?;
            }
        }
    }
    Ok(())
}

/// The code that gives a name its value, if it still waits; nobody gets it a second time.
fn take_waiting(vm: &mut Vm, world: &SharedWorld, cell: &CellName) -> Result<Option<&'static [u8]>, Problem> {
    if load::is_standard(&cell.module) && !world.borrow().modules.contains_key(&cell.module) {
        load::standard_module(vm, world, &cell.module).map_err(first)?;
    }
    let mut world = world.borrow_mut();
    let Some(module) = world.modules.get_mut(&cell.module) else {
        return Ok(None);
    };
    let place = module.entries.get(&cell.name).and_then(|entry| entry.waiting);
    let Some(bytes) = place.and_then(|place| module.waiting[place].take()) else {
        return Ok(None);
    };
    world.provided.push(cell.clone());
    Ok(Some(bytes))
}

fn first(problems: Problems) -> Problem {
    let mut problems = problems.into_iter();
    problems.next().expect("a failed load tells at least one problem")
}

/// The function of a macro, by its place among what the world keeps alive.
///
/// # Errors
/// What went wrong while it was made.
pub(crate) fn macro_function(
    vm: &mut Vm,
    world: &SharedWorld,
    module: &str,
    name: &str,
) -> Result<Option<usize>, Problem> {
    let found = world
        .borrow()
        .modules
        .get(module)
        .and_then(|module| module.macros.get(name))
        .map(|found| found.function.clone());
    let bytes = match found {
        None => return Ok(None),
        Some(MacroFunction::Made(place)) => return Ok(Some(place)),
        Some(MacroFunction::Waiting(bytes)) => bytes,
        Some(MacroFunction::Stored(piece)) => {
            return crate::releases::macro_function(vm, world, module, &piece).map(Some);
        }
    };
    let loaded = loaded(vm, bytes)?;
    provide_all(vm, world, &loaded.chunk)?;
    let function = carry_out_loaded(vm, loaded)?;
    let kept = vm.keep(function);
    let mut world = world.borrow_mut();
    world.macro_functions.push(kept);
    let place = world.macro_functions.len() - 1;
    if let Some(found) = world.module(module).macros.get_mut(name) {
        found.function = MacroFunction::Made(place);
    }
    Ok(Some(place))
}
