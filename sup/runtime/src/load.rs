//! Loading: a source is read, and its forms are expanded, compiled and carried out one after the other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use slp::{ReadLimits, Tree};
use sup_abi::word::{NIL, Word};
use sup_code::{CodeLimits, verify};
use sup_compile::{Definition, FormContext, Instruction, TopForm, compile_form, defined_names, top_forms};
use sup_vm::error::Raise;
use sup_vm::vm::Vm;

use crate::codebase::with_load_problems;
use crate::grants::Capability;
use crate::kernels::Asker;
use crate::library;
use crate::modules::{Entry, Macro, MacroFunction};
use crate::problem::{Place, Problem};
use crate::resolve::Asking;
use crate::world::{CORE, SharedWorld};

/// Problems that ended a load, the first one first.
pub type Problems = Vec<Problem>;

/// A source that is being loaded.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, as errors tell it: a path, `core`, `repl:3`.
    pub name: String,
    /// The directory that its imports are looked for in, when it came from one.
    pub directory: Option<PathBuf>,
    /// On whose behalf it loads kernels.
    pub asker: Asker,
}

impl Source {
    /// A source that is not a file.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Source {
        Source {
            name: name.into(),
            directory: None,
            asker: Asker::Program,
        }
    }

    /// A module of the standard library, the only source that loads kernels without being granted to.
    pub(crate) fn standard(module: &str) -> Source {
        Source {
            asker: Asker::StandardLibrary,
            ..Source::named(format!("std:{module}"))
        }
    }

    /// A file.
    #[must_use]
    pub fn file(path: &Path) -> Source {
        Source {
            name: path.display().to_string(),
            directory: path.parent().map(Path::to_path_buf),
            asker: Asker::Program,
        }
    }
}

/// Whether the standard library has a module of that name.
#[must_use]
pub fn is_standard(name: &str) -> bool {
    sup_stdlib::source(name).is_some()
}

/// Loads a module of the standard library if it was not loaded yet.
///
/// # Errors
/// What went wrong in it.
pub fn standard_module(vm: &mut Vm, world: &SharedWorld, name: &str) -> Result<(), Problems> {
    if world.borrow().modules.contains_key(name) {
        return Ok(());
    }
    let Some(text) = sup_stdlib::source(name) else {
        return Err(vec![Problem::new(
            "import/missing",
            format!("the standard library has no module {name}"),
        )]);
    };
    if name != CORE {
        standard_module(vm, world, CORE)?;
    }
    world.borrow_mut().module(name);
    let source = Source::standard(name);
    let outcome = library::load(vm, world, name, &source, text).and_then(|outcome| match outcome {
        library::Outcome::Loaded => Ok(NIL),
        library::Outcome::Not => load_text(vm, world, name, &source, text),
    });
    if let Err(problems) = outcome {
        world.borrow_mut().modules.remove(name);
        return Err(problems);
    }
    world.borrow_mut().module(name).loaded = true;
    Ok(())
}

/// Reads a text and carries out its forms in a module; the value of the last one. The word is good until the machine
/// runs again.
///
/// # Errors
/// Every fault of reading, or what the first form that failed was about.
pub fn load_text(
    vm: &mut Vm,
    world: &SharedWorld,
    module: &str,
    source: &Source,
    text: &str,
) -> Result<Word, Problems> {
    world
        .borrow_mut()
        .sources
        .insert(source.name.clone(), Arc::from(text));
    let mut reading = slp::read(text, &ReadLimits::default());
    if !reading.faults.is_empty() {
        return Err(reading
            .faults
            .iter()
            .map(|fault| Problem::from_fault(&source.name, fault))
            .collect());
    }
    carry_out_forms(vm, world, module, source, &mut reading.tree)
}

/// Carries out the top-level forms of a tree.
///
/// # Errors
/// What the first form that failed was about.
pub fn carry_out_forms(
    vm: &mut Vm,
    world: &SharedWorld,
    module: &str,
    source: &Source,
    tree: &mut Tree,
) -> Result<Word, Problems> {
    promise(world, module, tree);
    let mut answer = NIL;
    for form in top_forms(tree) {
        answer = carry_out(vm, world, module, source, tree, form)?;
    }
    Ok(answer)
}

/// Evaluates a tree on behalf of `%eval`: all forms but the last are carried out at once; the last becomes a function that
/// the machine calls in place of the primitive, so that it may wait like any other code.
///
/// # Errors
/// What the first form that failed was about, or `Err` with an empty pending error when the machine is to call instead.
pub(crate) fn evaluate(
    vm: &mut Vm,
    world: &SharedWorld,
    module: &str,
    source: &Source,
    tree: &mut Tree,
) -> Result<Evaluation, Problems> {
    promise(world, module, tree);
    let forms = top_forms(tree);
    let Some((last, first)) = forms.split_last() else {
        return Ok(Evaluation::Done(NIL));
    };
    for form in first {
        carry_out(vm, world, module, source, tree, *form)?;
    }
    let context = FormContext::new(module, &source.name);
    let compiled = compile_form(
        tree,
        *last,
        &context,
        &mut Asking {
            vm,
            world: world.clone(),
        },
    );
    match compiled {
        Ok(TopForm::Code { chunk, definitions }) if definitions.is_empty() => Ok(Evaluation::Call(
            load_chunk(vm, chunk).map_err(|problem| vec![problem])?,
        )),
        _ => Ok(Evaluation::Done(carry_out(
            vm, world, module, source, tree, *last,
        )?)),
    }
}

/// How an evaluation goes on.
pub(crate) enum Evaluation {
    /// It has its answer.
    Done(Word),
    /// The answer is what this function gives.
    Call(Word),
}

/// Tells the module which names its forms will define, so that functions may call later ones.
pub fn promise(world: &SharedWorld, module: &str, tree: &Tree) {
    let names = defined_names(tree, &top_forms(tree))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    world.borrow_mut().module(module).promised = names;
}

pub(crate) fn carry_out(
    vm: &mut Vm,
    world: &SharedWorld,
    module: &str,
    source: &Source,
    tree: &mut Tree,
    form: slp::NodeId,
) -> Result<Word, Problems> {
    let span = tree.span(form);
    let context = FormContext::new(module, &source.name);
    let compiled = compile_form(
        tree,
        form,
        &context,
        &mut Asking {
            vm,
            world: world.clone(),
        },
    );
    let top = compiled.map_err(|faults| {
        let problems = faults
            .iter()
            .map(|fault| Problem::from_fault(&source.name, fault));
        with_load_problems(world, problems.collect())
    })?;
    if let Some(recorder) = &mut world.borrow_mut().recorder {
        recorder.note(module, &top);
    }
    match top {
        TopForm::Code { chunk, definitions } => {
            let answer = run_chunk(vm, chunk).map_err(|problem| vec![problem])?;
            for definition in definitions {
                define(world, module, definition);
            }
            Ok(answer)
        }
        TopForm::Splice(forms) => {
            let mut answer = NIL;
            for form in forms {
                answer = carry_out(vm, world, module, source, tree, form)?;
            }
            Ok(answer)
        }
        TopForm::Instruction(instruction) => {
            obey(vm, world, module, source, instruction).map_err(|mut problems| {
                if let Some(first) = problems.first_mut()
                    && first.place.is_none()
                {
                    first.place = Some(Place {
                        source: source.name.clone(),
                        span,
                    });
                }
                problems
            })?;
            Ok(NIL)
        }
    }
}

pub(crate) fn define(world: &SharedWorld, module: &str, definition: Definition) {
    let entry = Entry {
        doc: definition.doc,
        parameters: definition.parameters,
        signature: definition.signature,
        alias: definition.alias,
        span: definition.span,
        waiting: None,
    };
    world.borrow_mut().module(module).define(&definition.name, entry);
}

/// Verifies, loads and runs a chunk.
pub(crate) fn run_chunk(vm: &mut Vm, chunk: sup_code::Chunk) -> Result<Word, Problem> {
    let function = load_chunk(vm, chunk)?;
    vm.call(function, &[]).map_err(|raise| problem_of(vm, raise))
}

/// Verifies and loads a chunk; the function that carries it out.
pub(crate) fn load_chunk(vm: &mut Vm, chunk: sup_code::Chunk) -> Result<Word, Problem> {
    let verified = verify(chunk, &CodeLimits::STANDARD)
        .map_err(|error| Problem::new(error.code(), error.to_string()))?;
    let loaded = vm.load(&verified).map_err(|raise| problem_of(vm, raise))?;
    vm.entry_of(loaded).map_err(|raise| problem_of(vm, raise))
}

/// The problem that a raise was. The world keeps the error value until the next one.
pub fn problem_of(vm: &mut Vm, raise: Raise) -> Problem {
    let error = vm.take_error(raise);
    let kept = vm.keep(error);
    let older = crate::natives::world_of(vm).borrow_mut().last_error.replace(kept);
    if let Some(older) = older {
        vm.release(older);
    }
    Problem::from_error(vm, error)
}

pub(crate) fn obey(
    vm: &mut Vm,
    world: &SharedWorld,
    module: &str,
    source: &Source,
    instruction: Instruction,
) -> Result<(), Problems> {
    match instruction {
        Instruction::Load(names) => {
            for name in names {
                crate::kernels::load(vm, world, &name, source.asker).map_err(|problem| vec![problem])?;
            }
            Ok(())
        }
        Instruction::Import(imports) => {
            for (alias, path) in imports {
                let target = import(vm, world, source, &path)?;
                world.borrow_mut().module(module).imports.insert(alias, target);
            }
            Ok(())
        }
        Instruction::Macro { name, doc, chunk, .. } => {
            let function = run_chunk(vm, chunk).map_err(|problem| vec![problem])?;
            let kept = vm.keep(function);
            let mut world = world.borrow_mut();
            world.macro_functions.push(kept);
            let function = MacroFunction::Made(world.macro_functions.len() - 1);
            world.module(module).macros.insert(name, Macro { doc, function });
            Ok(())
        }
        Instruction::DefineForm { name, fields, .. } => {
            sup_vm::data::records::define(&format!("{module}/{name}"), &fields);
            let mut world = world.borrow_mut();
            let own = world.module(module);
            if !own.records.contains(&name) {
                own.records.push(name);
            }
            Ok(())
        }
        Instruction::Export(names) => {
            world
                .borrow_mut()
                .module(module)
                .exports
                .get_or_insert_default()
                .extend(names);
            Ok(())
        }
        Instruction::DefineKernel(_) => Err(vec![
            Problem::new(
                "kernel/declaration",
                "a kernel is declared in its kernel.slp, not in a program",
            )
            .with_hint("load it with #(load \"name\")"),
        ]),
    }
}

/// Loads the module that a path names; its full name.
fn import(vm: &mut Vm, world: &SharedWorld, source: &Source, path: &str) -> Result<String, Problems> {
    match locate(vm, world, source, path)? {
        Located::Known(name) => Ok(name),
        Located::File { name, path } => {
            load_file(vm, world, &name, &path)?;
            Ok(name)
        }
    }
}

/// What the path of an import names.
pub(crate) enum Located {
    /// A module that is loaded, by its full name.
    Known(String),
    /// A file that is still to be loaded as a module.
    File {
        /// The module's full name.
        name: String,
        /// The file.
        path: PathBuf,
    },
}

/// Finds the module that a path names. A module of the standard library is loaded.
///
/// # Errors
/// When there is none, when reading files is not granted, or when it is being loaded already.
pub(crate) fn locate(
    vm: &mut Vm,
    world: &SharedWorld,
    source: &Source,
    path: &str,
) -> Result<Located, Problems> {
    if is_standard(path) {
        standard_module(vm, world, path)?;
        return Ok(Located::Known(path.to_owned()));
    }
    if !world.borrow().grants.has(Capability::FileRead) {
        let message = format!("importing {path} needs the capability to read files");
        return Err(vec![
            Problem::new("capability/denied", message).with_hint("run with --allow read"),
        ]);
    }
    let file = find_import(world, source, path)?;
    let name = file.display().to_string();
    let cycle = {
        let world = world.borrow();
        let start = world.loading.iter().position(|loading| *loading == name);
        start.map(|start| {
            world.loading[start..]
                .iter()
                .chain([&name])
                .cloned()
                .collect::<Vec<_>>()
                .join(" -> ")
        })
    };
    if let Some(cycle) = cycle {
        return Err(vec![Problem::new(
            "import/cycle",
            format!("modules import each other in a circle: {cycle}"),
        )]);
    }
    if world
        .borrow()
        .modules
        .get(&name)
        .is_some_and(|found| found.loaded)
    {
        return Ok(Located::Known(name));
    }
    Ok(Located::File { name, path: file })
}

/// Reads a file and carries it out as a module of that name.
///
/// # Errors
/// When it cannot be read, and whatever is wrong in it.
pub fn load_file(vm: &mut Vm, world: &SharedWorld, name: &str, file: &Path) -> Result<Word, Problems> {
    let (source, text) = read_source(world, file)?;
    world.borrow_mut().loading.push(name.to_owned());
    let outcome = load_text(vm, world, name, &source, &text);
    world.borrow_mut().loading.pop();
    let answer = outcome?;
    world.borrow_mut().module(name).loaded = true;
    Ok(answer)
}

/// Reads the text of a file.
///
/// # Errors
/// When it cannot be read, or is not UTF-8.
pub(crate) fn read_source(world: &SharedWorld, file: &Path) -> Result<(Source, String), Problems> {
    let bytes = std::fs::read(file).map_err(|error| {
        vec![Problem::new(
            "import/unreadable",
            format!("{} cannot be read: {error}", file.display()),
        )]
    })?;
    let source = Source::file(file);
    match String::from_utf8(bytes) {
        Ok(text) => Ok((source, text)),
        Err(error) => {
            let reading = slp::read_bytes(error.as_bytes(), &ReadLimits::default());
            let shown = with_marks(error.as_bytes());
            world
                .borrow_mut()
                .sources
                .insert(source.name.clone(), shown.into());
            Err(reading
                .faults
                .iter()
                .map(|fault| Problem::from_fault(&source.name, fault))
                .collect())
        }
    }
}

/// The bytes as text of the same length, a question mark for each byte that is not UTF-8.
fn with_marks(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    text
}

/// The files that the path of an import may mean in a directory: itself; and without an ending, the source of that name, or the
/// `init.slp` in the directory of that name.
pub(crate) fn files_of(base: &Path, path: &str) -> Vec<PathBuf> {
    let itself = base.join(path);
    if itself.extension().is_some() {
        return vec![itself];
    }
    let (source, inside) = (itself.with_extension("slp"), itself.join("init.slp"));
    vec![itself, source, inside]
}

/// The directories that an import is looked for in: beside the importing source, then where modules are, then here. A path without an
/// ending is the name of a module, so that it is looked for where modules are first.
#[must_use]
pub fn import_bases(beside: Option<&Path>, modules: &[PathBuf], path: &str) -> Vec<PathBuf> {
    let beside = beside.into_iter().map(Path::to_path_buf);
    let modules = modules.iter().cloned();
    let here = PathBuf::new();
    if Path::new(path).extension().is_none() {
        modules.chain(beside).chain([here]).collect()
    } else {
        beside.chain(modules).chain([here]).collect()
    }
}

/// The file that the path of an import means in directories, the first one first; without links.
#[must_use]
pub fn find_module(bases: &[PathBuf], path: &str) -> Option<PathBuf> {
    let mut candidates = bases.iter().flat_map(|base| files_of(base, path));
    candidates.find_map(|candidate| candidate.canonicalize().ok().filter(|file| file.is_file()))
}

/// The file that an import names.
fn find_import(world: &SharedWorld, source: &Source, path: &str) -> Result<PathBuf, Problems> {
    let bases = import_bases(source.directory.as_deref(), &world.borrow().import_paths, path);
    find_module(&bases, path).ok_or_else(|| {
        let candidates = bases.iter().flat_map(|base| files_of(base, path));
        let tried: Vec<String> = candidates
            .map(|candidate| candidate.display().to_string())
            .collect();
        vec![
            Problem::new("import/missing", format!("there is no module {path}"))
                .with_hint(format!("looked for {}", tried.join(", "))),
        ]
    })
}
