//! Compiling a file of a release: its forms become steps, which isolates carry out, and what the compiler knows of its module.
//!
//! Nothing is run but what macros need: before a macro of a stored file is called, that file is carried out as far as it goes,
//! and before it what it uses, all without grants and with little fuel.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use slp::{Bracket, NodeId, NodeKind, ReadLimits, Tree};
use sup_code::Shape;
use sup_compile::{FormContext, Instruction, Severity, TopForm, check_form, compile_form, top_forms};
use sup_vm::link::LinkId;
use sup_vm::vm::Vm;

use super::adopted::{self, Carrying};
use super::facts;
use super::release::Release;
use super::unit::{DeclaredRoute, MODULES, Piece, Step, Unit, VALUE, module_of, next_serial};
use crate::kernels::{self, Asker};
use crate::load::{self, Problems, Source};
use crate::modules::{Macro, MacroFunction, Module};
use crate::problem::{Place, Problem};
use crate::resolve::Asking;
use crate::world::SharedWorld;

/// Files that may wait for one another while they are compiled.
const MAX_NESTING: usize = 64;

/// How closely a file is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Strictness {
    /// It was checked when it was published.
    Known,
    /// Types are checked too.
    Checked,
}

/// A file that is being compiled in an isolate.
pub(crate) struct Compiling {
    pub release: Arc<Release>,
    pub name: String,
    pub strictness: Strictness,
    uses: BTreeSet<String>,
    steps: Vec<Step>,
    /// How many of the steps were carried out here, for macros.
    pub n_carried: usize,
    routes: Vec<DeclaredRoute>,
    kernels: BTreeSet<String>,
}

/// Compiling in an isolate, with what macros need carried out under a link of its own, so that nothing that runs is touched.
pub(crate) struct Session {
    link: LinkId,
    before: LinkId,
    /// The units that were carried out for macros, by their serials.
    pub carried: HashSet<u64>,
}

/// Compiles inside of a session, which is opened if none is.
pub(crate) fn in_session<T>(vm: &mut Vm, world: &SharedWorld, work: impl FnOnce(&mut Vm) -> T) -> T {
    if world.borrow().session.is_some() {
        return work(vm);
    }
    let (before, link) = (vm.link(), vm.new_link());
    vm.enter_link(link);
    world.borrow_mut().session = Some(Session {
        link,
        before,
        carried: HashSet::new(),
    });
    let answer = work(vm);
    if let Some(session) = world.borrow_mut().session.take() {
        vm.enter_link(session.before);
        vm.close_link(session.link);
    }
    answer
}

/// Notes that the file that is being compiled names another one.
pub(crate) fn note_use(world: &SharedWorld, name: &str) {
    if let Some(compiling) = world.borrow_mut().compiling.last_mut()
        && compiling.name != name
    {
        compiling.uses.insert(name.to_owned());
    }
}

/// Whether a file is being compiled in this isolate.
pub(crate) fn is_open(world: &SharedWorld, name: &str) -> bool {
    world
        .borrow()
        .compiling
        .iter()
        .any(|compiling| compiling.name == name)
}

/// The unit of a name in a release, compiled now if it was not.
///
/// # Errors
/// Everything that is wrong with the file.
pub(crate) fn unit(
    vm: &mut Vm,
    world: &SharedWorld,
    release: &Arc<Release>,
    name: &str,
    strictness: Strictness,
) -> Result<Arc<Unit>, Problems> {
    if let Some(unit) = release.unit(name) {
        publish_knowledge(world, &unit);
        return Ok(unit);
    }
    let text = release
        .text(name)
        .map_err(|error| vec![crate::codebase::told(&error)])?;
    let Some(text) = text else {
        let message = format!("release {} has no code named {name}", release.id());
        return Err(vec![Problem::new("store/unknown-name", message)]);
    };
    if world.borrow().compiling.len() >= MAX_NESTING {
        let message = format!("more than {MAX_NESTING} stored texts wait for one another to be compiled");
        return Err(vec![Problem::new("store/nesting", message)]);
    }
    let module = module_of(name);
    {
        let mut world = world.borrow_mut();
        world.modules.insert(module.clone(), Module::default().into());
        world.sources.insert(module.clone(), text.clone());
        world.compiling.push(Compiling {
            release: release.clone(),
            name: name.to_owned(),
            strictness,
            uses: BTreeSet::new(),
            steps: Vec::new(),
            n_carried: 0,
            routes: Vec::new(),
            kernels: BTreeSet::new(),
        });
    }
    let outcome = in_session(vm, world, |vm| compile_text(vm, world, name, &text));
    let mut borrowed = world.borrow_mut();
    let compiling = borrowed.compiling.pop().expect("it was pushed above");
    if let Err(problems) = outcome {
        borrowed.modules.remove(&module);
        return Err(problems);
    }
    borrowed.module(&module).loaded = true;
    let knowledge = borrowed.modules[&module].clone();
    drop(borrowed);
    let unit = release.add(finished(compiling, module, text, knowledge));
    publish_knowledge(world, &unit);
    Ok(unit)
}

/// Makes what is known of a unit's module known to this isolate's compiler.
pub(crate) fn publish_knowledge(world: &SharedWorld, unit: &Unit) {
    let known = |world: &crate::world::World| {
        let module = world.modules.get(&unit.module);
        module.is_some_and(|module| module.is(&unit.knowledge))
    };
    if known(&world.borrow()) {
        return;
    }
    let mut world = world.borrow_mut();
    world.modules.insert(unit.module.clone(), unit.knowledge.clone());
    if !world.sources.contains_key(&unit.module) || world.sources[&unit.module] != unit.source {
        world.sources.insert(unit.module.clone(), unit.source.clone());
    }
}

fn finished(
    compiling: Compiling,
    module: String,
    source: Arc<str>,
    knowledge: crate::on_write::OnWrite<Module>,
) -> Unit {
    let mut cells: BTreeSet<String> = knowledge.entries.keys().cloned().collect();
    cells.insert(VALUE.to_owned());
    for step in &compiling.steps {
        if let Step::Run(piece) = step {
            let own = piece.chunk().cells.iter().filter(|cell| cell.module == module);
            cells.extend(own.map(|cell| cell.name.clone()));
        }
    }
    Unit {
        name: compiling.name,
        serial: next_serial(),
        module,
        source,
        steps: compiling.steps,
        knowledge,
        uses: compiling.uses.into_iter().collect(),
        cells: cells.into_iter().collect(),
        routes: compiling.routes,
        kernels: compiling.kernels.into_iter().collect(),
    }
}

fn compile_text(vm: &mut Vm, world: &SharedWorld, name: &str, text: &str) -> Result<(), Problems> {
    let source = module_of(name);
    let mut reading = slp::read(text, &ReadLimits::default());
    if !reading.faults.is_empty() {
        return Err(faults(&source, &reading.faults));
    }
    if reading.tree.roots().is_empty() {
        let problem = Problem::new("store/empty", format!("there is no form in the text for {name}"));
        return Err(vec![problem]);
    }
    load::promise(world, &source, &reading.tree);
    compile_first(vm, world, &reading.tree);
    let tree = &mut reading.tree;
    let mut problems = Problems::new();
    let mut waiting: Vec<NodeId> = top_forms(tree).into_iter().rev().collect();
    let mut last = Last::Nothing;
    while let Some(form) = waiting.pop() {
        match compile_one(vm, world, &source, tree, form) {
            Err(more) => problems.extend(more),
            Ok(One::Splice(forms)) => waiting.extend(forms.into_iter().rev()),
            Ok(One::Step(what)) => last = what,
        }
    }
    problems = crate::codebase::with_load_problems(world, problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    note_value(world, &source, tree, last);
    Ok(())
}

/// What the last form was, which gives the text its value.
enum Last {
    Nothing,
    Form(NodeId),
}

/// What became of a form.
enum One {
    Splice(Vec<NodeId>),
    Step(Last),
}

fn faults(source: &str, faults: &[slp::Fault]) -> Problems {
    faults
        .iter()
        .map(|fault| Problem::from_fault(source, fault))
        .collect()
}

/// Compiles the files that a text seems to name before it, so that they do not wait for one another.
fn compile_first(vm: &mut Vm, world: &SharedWorld, tree: &Tree) {
    let (release, strictness) = {
        let world = world.borrow();
        let compiling = world.compiling.last().expect("a file is being compiled");
        if world.compiling.len() > 1 {
            return;
        }
        (compiling.release.clone(), compiling.strictness)
    };
    let mut order: Vec<String> = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut waiting = vec![mentioned(&release, tree)];
    let mut open: Vec<String> = Vec::new();
    while let Some(names) = waiting.last_mut() {
        let Some(name) = names.pop() else {
            waiting.pop();
            order.extend(open.pop());
            continue;
        };
        if release.unit(&name).is_some() || is_open(world, &name) || !seen.insert(name.clone()) {
            continue;
        }
        // What cannot be read is told when it is compiled.
        let Ok(Some(text)) = release.text(&name) else {
            continue;
        };
        let reading = slp::read(&text, &ReadLimits::default());
        waiting.push(mentioned(&release, &reading.tree));
        open.push(name);
    }
    for name in order {
        // What is wrong with it is told to whoever names it.
        if let Err(problems) = unit(vm, world, &release, &name, strictness) {
            drop(problems);
        }
    }
}

/// The files that the symbols and texts of a tree may name.
fn mentioned(release: &Release, tree: &Tree) -> Vec<String> {
    let mut found = BTreeSet::new();
    for node in (0..tree.len() as u32).map(NodeId) {
        let text = match tree.kind(node) {
            NodeKind::Symbol(text) | NodeKind::Str(text) => &**text,
            _ => continue,
        };
        for name in std::iter::once(text).chain(text.rsplit_once('/').map(|(file, _)| file)) {
            if release.has(name) {
                found.insert(name.to_owned());
            }
        }
    }
    found.into_iter().collect()
}

fn compile_one(
    vm: &mut Vm,
    world: &SharedWorld,
    source: &str,
    tree: &mut Tree,
    form: NodeId,
) -> Result<One, Problems> {
    let form = declared_route(world, source, tree, form)?;
    let context = FormContext::new(source, source);
    let strictness = {
        let world = world.borrow();
        let compiling = world.compiling.last().expect("a file is being compiled");
        compiling.strictness
    };
    if strictness == Strictness::Checked {
        let mut asking = Asking {
            vm,
            world: world.clone(),
        };
        let found = check_form(tree, form, &context, &mut asking);
        let errors = found
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error);
        let errors: Problems = errors
            .map(|finding| Problem::from_fault(source, &finding.fault))
            .collect();
        if !errors.is_empty() {
            return Err(errors);
        }
    }
    let mut asking = Asking {
        vm,
        world: world.clone(),
    };
    let top = compile_form(tree, form, &context, &mut asking).map_err(|found| faults(source, &found))?;
    let place = Place {
        source: source.to_owned(),
        span: tree.span(form),
    };
    match top {
        TopForm::Splice(forms) => return Ok(One::Splice(forms)),
        TopForm::Code { chunk, definitions } => {
            let piece = Piece::new(chunk).map_err(|problem| vec![problem])?;
            for definition in definitions {
                load::define(world, source, definition);
            }
            add_step(world, Step::Run(piece));
        }
        TopForm::Instruction(instruction) => {
            obey(vm, world, source, instruction).map_err(|mut problems| {
                if let Some(first) = problems.first_mut()
                    && first.place.is_none()
                {
                    first.place = Some(place);
                }
                problems
            })?;
            return Ok(One::Step(Last::Nothing));
        }
    }
    Ok(One::Step(Last::Form(form)))
}

fn add_step(world: &SharedWorld, step: Step) {
    let mut world = world.borrow_mut();
    let compiling = world.compiling.last_mut().expect("a file is being compiled");
    compiling.steps.push(step);
}

/// Carries an instruction out as far as compiling goes, and notes what carrying the file out is to do.
fn obey(vm: &mut Vm, world: &SharedWorld, source: &str, instruction: Instruction) -> Result<(), Problems> {
    match instruction {
        Instruction::Load(names) => {
            for name in &names {
                kernels::load(vm, world, name, Asker::Program).map_err(|problem| vec![problem])?;
                let mut world = world.borrow_mut();
                let compiling = world.compiling.last_mut().expect("a file is being compiled");
                compiling.kernels.insert(name.clone());
            }
            add_step(world, Step::Load(names));
            Ok(())
        }
        Instruction::Import(imports) => {
            for (alias, path) in imports {
                let target = import(vm, world, source, &path)?;
                world.borrow_mut().module(source).imports.insert(alias, target);
            }
            Ok(())
        }
        Instruction::Macro { name, doc, chunk, .. } => {
            let piece = Piece::new(chunk).map_err(|problem| vec![problem])?;
            let function = MacroFunction::Stored(Arc::new(piece));
            let mut world = world.borrow_mut();
            world.module(source).macros.insert(name, Macro { doc, function });
            Ok(())
        }
        Instruction::DefineForm { name, fields, span } => {
            let step = Step::Record {
                name: name.clone(),
                fields: fields.clone(),
            };
            add_step(world, step);
            let define = Instruction::DefineForm { name, fields, span };
            load::obey(vm, world, source, &Source::named(source), define)
        }
        other => load::obey(vm, world, source, &Source::named(source), other),
    }
}

/// The directory of a release, as of a project, in which modules are looked for by their names.
const MODULE_DIRECTORY: &str = "modules";

/// The module that an import of a stored file names: one of the standard library, or a file of the release by the rules for
/// files of a project.
fn import(vm: &mut Vm, world: &SharedWorld, source: &str, path: &str) -> Result<String, Problems> {
    let (release, strictness) = {
        let world = world.borrow();
        let compiling = world.compiling.last().expect("a file is being compiled");
        (compiling.release.clone(), compiling.strictness)
    };
    if load::is_standard(path) {
        load::standard_module(vm, world, path)?;
        return Ok(path.to_owned());
    }
    let own = source.strip_prefix(MODULES).unwrap_or(source);
    let beside = own.rsplit_once('/').map(|(folder, _)| Path::new(folder));
    let bases = load::import_bases(beside, &[PathBuf::from(MODULE_DIRECTORY)], path);
    let mut candidates = bases.iter().flat_map(|base| load::files_of(base, path));
    let found = candidates.find_map(|candidate| {
        let path = joined(candidate.to_str()?)?;
        path.strip_suffix(".slp")
            .map(str::to_owned)
            .filter(|name| release.has(name))
    });
    let Some(name) = found else {
        let message = format!("the release has no module {path}");
        let hint = "an import is a path in the release, from the importing file or from its root, or the name of a file in modules";
        return Err(vec![Problem::new("import/missing", message).with_hint(hint)]);
    };
    note_use(world, &name);
    if !is_open(world, &name) {
        unit(vm, world, &release, &name, strictness)?;
    }
    Ok(module_of(&name))
}

/// A path without `.` and `..`; none when it leaves the tree.
fn joined(path: &str) -> Option<String> {
    let mut steps: Vec<&str> = Vec::new();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()?),
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}

/// A declaration of a route becomes the definition of a variable that holds its handler.
fn declared_route(
    world: &SharedWorld,
    source: &str,
    tree: &mut Tree,
    form: NodeId,
) -> Result<NodeId, Problems> {
    let is_route = matches!(tree.head(form), Some("route" | "http/route"));
    if !is_route || facts::is_own(world, source, tree.head(form).unwrap_or_default()) {
        return Ok(form);
    }
    let span = tree.span(form);
    let (method, pattern, handler) = facts::parse_route(tree, form).map_err(|mut problem| {
        problem.place = Some(Place {
            source: source.to_owned(),
            span,
        });
        vec![problem]
    })?;
    let mut borrowed = world.borrow_mut();
    let compiling = borrowed.compiling.last_mut().expect("a file is being compiled");
    let cell = format!("*route-{}*", compiling.routes.len());
    compiling.routes.push(DeclaredRoute {
        method,
        pattern,
        cell: cell.clone(),
        span,
    });
    drop(borrowed);
    let word = tree.add(NodeKind::Symbol("def".into()), span, &[]);
    let name = tree.add(NodeKind::Symbol(cell.into()), span, &[]);
    Ok(tree.add(NodeKind::List(Bracket::Paren), span, &[word, name, handler]))
}

/// Notes what is known of the value of the text: its parameters, when its last form is a function.
fn note_value(world: &SharedWorld, source: &str, tree: &Tree, last: Last) {
    let Last::Form(form) = last else { return };
    let mut world = world.borrow_mut();
    let compiling = world.compiling.last().expect("a file is being compiled");
    let Some(Step::Run(piece)) = compiling.steps.last() else {
        return;
    };
    let functions = &piece.chunk().functions;
    // The last function that the form makes is what it gives.
    let made = functions[0].code.iter().rev().find_map(|insn| {
        let is_function = insn.op().is_some_and(|op| op.shape() == Shape::WriteFunction);
        is_function.then_some(insn.d() as usize)
    });
    let is_function = matches!(tree.head(form), Some("fn"));
    let parameters = made
        .filter(|_| is_function)
        .and_then(|made| functions.get(made))
        .map(|function| function.parameters);
    world.module(source).value_parameters = parameters;
}

/// The function of a stored macro, by its place among what the world keeps alive. What it may call was carried out before.
///
/// # Errors
/// What went wrong on the way.
pub(crate) fn macro_function(
    vm: &mut Vm,
    world: &SharedWorld,
    module: &str,
    piece: &Arc<Piece>,
) -> Result<usize, Problem> {
    let first = |problems: Problems| {
        let mut problems = problems.into_iter();
        problems.next().expect("a failure tells at least one problem")
    };
    if let Some(name) = module.strip_prefix(MODULES) {
        adopted::carry_for_macro(vm, world, name).map_err(first)?;
    }
    let key = Arc::as_ptr(piece) as usize;
    let known = world.borrow().made_macros.get(&key).map(|made| made.0);
    if let Some(place) = known {
        return Ok(place);
    }
    crate::library::provide_all(vm, world, piece.chunk())?;
    let function = piece.function(vm)?;
    let function = vm
        .call(function, &[])
        .map_err(|raise| load::problem_of(vm, raise))?;
    let kept = vm.keep(function);
    let mut world = world.borrow_mut();
    world.macro_functions.push(kept);
    let place = world.macro_functions.len() - 1;
    world.made_macros.insert(key, (place, piece.clone()));
    Ok(place)
}

/// Carries out the steps so far of a file that is being compiled, for a macro of it.
pub(crate) fn carry_open(vm: &mut Vm, world: &SharedWorld, name: &str) -> Result<(), Problems> {
    loop {
        let step = {
            let mut world = world.borrow_mut();
            let found = world.compiling.iter_mut().find(|open| open.name == name);
            let Some(open) = found else { return Ok(()) };
            let place = open.n_carried;
            if place >= open.steps.len() {
                return Ok(());
            }
            open.n_carried += 1;
            match &open.steps[place] {
                Step::Run(piece) => piece.chunk().clone(),
                _ => continue,
            }
        };
        let piece = Piece::new(step).map_err(|problem| vec![problem])?;
        adopted::run_piece(vm, world, &piece, Carrying::ForMacros).map_err(|problem| vec![problem])?;
    }
}
