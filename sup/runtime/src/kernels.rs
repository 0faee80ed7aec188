//! Kernels as a program loads them: found, checked and installed by the host room, made known to the compiler here.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sup_abi::kernel::flags;
use sup_abi::signature::{Evaluation, Signature};
use sup_abi::{capability, intrinsic};
use sup_code::chunk;
use sup_host::{
    CatchesUp, Change, Declaration, Difference, Found, Kernel, LoadError, Loader, SearchPath, Standing,
};
use sup_vm::vm::Vm;

use crate::declaration;
use crate::grants::Capability;
use crate::modules::PrimitiveInfo;
use crate::problem::Problem;
use crate::runtime::Runtime;
use crate::world::{SharedWorld, World};

/// Who asks for a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// The standard library, which is part of the binary.
    StandardLibrary,
    /// A program.
    Program,
}

/// Loads a kernel by name if it was not loaded yet.
///
/// # Errors
/// When it is not found, refused, or not granted.
pub fn load(vm: &mut Vm, world: &SharedWorld, name: &str, asker: Asker) -> Result<(), Problem> {
    if world.borrow().kernels.iter().any(|loaded| loaded == name) {
        return Ok(());
    }
    let declarations = world.borrow().declared.clone();
    if let Some(directory) = declarations {
        return declare(world, &crate::recorder::declared(&directory, name)?);
    }
    if vm.permit().denies(name) {
        let message = format!("the kernel {name} was taken from this isolate");
        return Err(Problem::new("capability/denied", message));
    }
    if asker == Asker::Program && !world.borrow().grants.has(Capability::Kernel) {
        return Err(denied(name));
    }
    if asker == Asker::StandardLibrary {
        world.borrow_mut().library_kernels.push(name.to_owned());
    }
    // Another isolate of the program may have loaded it; they share its state.
    let registry = world.borrow().registry.clone();
    let changing = registry.change();
    let kernel = match changing.current(name) {
        Some(kernel) => kernel,
        None => {
            let loader = loader(world);
            let found = loader.find(name).map_err(|error| told(name, &error))?;
            let declared = declared(world, &found)?;
            let kernel = loader
                .load(&found, declared.as_ref())
                .map_err(|error| told(name, &error))?;
            changing.add(&kernel, &found.library);
            kernel
        }
    };
    install(vm, world, &kernel);
    Ok(())
}

/// What loads kernels for an isolate.
pub(crate) fn loader(world: &SharedWorld) -> Loader {
    let world = world.borrow();
    let search = SearchPath::new(world.kernel_paths.to_vec());
    Loader::new(search, &world.temporary, world.trust.clone())
}

/// Makes an isolate one of the program's, before it runs anything: it is told when kernels are replaced.
pub(crate) fn join(vm: &mut Vm, world: &SharedWorld, catches_up: CatchesUp) {
    sup_host::listen(vm, |vm, kernel, change| {
        let world = crate::natives::world_of(vm);
        match change {
            Change::Replaced => make_all_known(&world, kernel),
            Change::Removed => forget(&mut world.borrow_mut(), kernel.name()),
            Change::Offered => {
                let wants = world.borrow().grants.has(Capability::Kernel);
                if wants && !world.borrow().kernels.iter().any(|own| own == kernel.name()) {
                    install(vm, &world, kernel);
                }
            }
        }
    });
    let registry = world.borrow().registry.clone();
    registry.join(vm, catches_up);
}

/// What loading a kernel to look at it has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The library.
    pub library: PathBuf,
    /// How many primitives it has.
    pub n_primitives: usize,
    /// Whether there is a declaration, which it then agrees with.
    pub is_declared: bool,
    /// Why it may be loaded.
    pub standing: Standing,
}

impl Runtime {
    /// The text of a kernel's declaration, made from its table. The kernel is loaded and not given to the program; what its
    /// own `kernel.slp` says is not looked at.
    ///
    /// # Errors
    /// When it is not found, refused, or not granted.
    pub fn kernel_declaration(&self, name_or_path: &str) -> Result<String, Problem> {
        let (loader, found) = look_for(&self.world, name_or_path)?;
        let kernel = loader
            .load(&found, None)
            .map_err(|error| told(name_or_path, &error))?;
        Ok(sup_host::declaration::describe(&kernel))
    }

    /// The library of a kernel, by its name or path; nothing of it is run.
    ///
    /// # Errors
    /// When it is not found or not granted.
    pub fn kernel_library(&self, name_or_path: &str) -> Result<PathBuf, Problem> {
        look_for(&self.world, name_or_path).map(|(_, found)| found.library)
    }

    /// Loads a kernel, without giving it to the program, and compares it with its declaration.
    ///
    /// # Errors
    /// When it is not found, refused, or not granted, and when the two differ.
    pub fn verify_kernel(&self, name_or_path: &str) -> Result<Verified, Problem> {
        let (loader, found) = look_for(&self.world, name_or_path)?;
        let declared = declared(&self.world, &found)?;
        let refused = |error: LoadError| told(name_or_path, &error);
        let kernel = loader.load(&found, declared.as_ref()).map_err(refused)?;
        let standing = loader.standing(&found).map_err(refused)?;
        Ok(Verified {
            standing,
            name: kernel.name().to_owned(),
            version: kernel.version().to_owned(),
            library: found.library,
            n_primitives: kernel.primitives().len(),
            is_declared: declared.is_some(),
        })
    }
}

/// The kernel of a name, or the one whose library is named by its path.
fn look_for(world: &SharedWorld, name_or_path: &str) -> Result<(Loader, Found), Problem> {
    if !world.borrow().grants.has(Capability::Kernel) {
        return Err(denied(name_or_path));
    }
    let loader = loader(world);
    let found = find(&loader, name_or_path)?;
    Ok((loader, found))
}

/// The kernel of a name, or the one whose library is named by its path.
pub(crate) fn find(loader: &Loader, name_or_path: &str) -> Result<Found, Problem> {
    let path = Path::new(name_or_path);
    let is_path = path.components().count() > 1 || path.extension().is_some();
    let found = if is_path {
        Found::library(path)
    } else {
        loader.find(name_or_path)
    };
    found.map_err(|error| told(name_or_path, &error))
}

pub(crate) fn denied(name: &str) -> Problem {
    let message = format!("loading the kernel {name} was not granted");
    Problem::new("capability/denied", message).with_hint("run with --allow kernel")
}

/// What a person is told when a kernel cannot be had.
pub(crate) fn told(name: &str, error: &LoadError) -> Problem {
    let problem = refusal(error);
    Problem {
        message: format!("kernel {name}: {}", problem.message),
        ..problem
    }
}

/// The problem that something is which no kernel's name goes with.
pub(crate) fn refusal(error: &LoadError) -> Problem {
    let problem = Problem::new(error.code(), error.to_string());
    match error.hint() {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}

/// The declaration that lies beside a library.
pub(crate) fn declared(world: &SharedWorld, found: &Found) -> Result<Option<Declaration>, Problem> {
    let Some((path, text)) = &found.declaration else {
        return Ok(None);
    };
    let source = path.display().to_string();
    world
        .borrow_mut()
        .sources
        .insert(source.clone(), Arc::from(text.as_str()));
    declaration::parse(text)
        .map(Some)
        .map_err(|fault| Problem::from_fault(&source, &fault))
}

/// Gives a kernel to the isolate and its names to the compiler.
pub fn install(vm: &mut Vm, world: &SharedWorld, kernel: &Arc<Kernel>) {
    if sup_host::install(vm, kernel) {
        make_all_known(world, kernel);
        world.borrow_mut().kernels.push(kernel.name().to_owned());
    }
}

/// Takes a kernel's names from the compiler.
fn forget(world: &mut World, kernel: &str) {
    let prefix = format!("{kernel}/");
    world.kernels.retain(|own| own != kernel);
    world.primitives.retain(|name, _| !name.starts_with(&prefix));
    world.everyday.retain(|_, name| !name.starts_with(&prefix));
}

/// Gives the names of a generation to the compiler, in place of those of the one before.
fn make_all_known(world: &SharedWorld, kernel: &Kernel) {
    let mut world = world.borrow_mut();
    let prefix = format!("{}/", kernel.name());
    let is_gone = |full: &str| {
        full.strip_prefix(&prefix)
            .is_some_and(|name| !kernel.primitives().iter().any(|primitive| primitive.name == name))
    };
    if world.primitives.keys().any(|name| is_gone(name)) {
        world.primitives.retain(|name, _| !is_gone(name));
        world.everyday.retain(|_, name| !is_gone(name));
    }
    for primitive in kernel.primitives() {
        let info = PrimitiveInfo {
            min: narrow(primitive.signature.min_args()),
            max: primitive.signature.max_args().map(narrow),
            quoted: quoted(&primitive.signature),
            intrinsic: lasting_intrinsic(kernel.name(), primitive.intrinsic),
            signature: primitive.signature_text.clone(),
            doc: primitive.doc.clone(),
            everyday: primitive.is_everyday(),
            needs: primitive.needed(),
            is_decided: primitive.capabilities != 0 || primitive.has(flags::PURE),
        };
        make_known(&mut world, kernel.name(), &primitive.name, info);
    }
}

/// The kernel whose operators are the language's own.
const LANGUAGE: &str = "alu";

/// The intrinsic that the compiler may make an instruction of. An instruction does not look who has declared it, so a kernel
/// that may be replaced by one with another meaning is always called; that costs a nanosecond. The operators of the language
/// are instructions, and their kernel is not replaced by one that gives them another meaning.
fn lasting_intrinsic(kernel: &str, intrinsic: u32) -> u32 {
    if kernel == LANGUAGE {
        intrinsic
    } else {
        intrinsic::NONE
    }
}

/// What uses a primitive and cannot go on when it differs so, as the message of a refused change tells it.
pub(crate) fn users(world: &SharedWorld, kernel: &Kernel, name: &str, difference: Difference) -> Vec<String> {
    /// Most places that one message tells.
    const MAX_TOLD: usize = 5;
    let full = format!("{}/{name}", kernel.name());
    let has_instruction = kernel.primitives().iter().any(|primitive| {
        primitive.name == name && lasting_intrinsic(kernel.name(), primitive.intrinsic) != 0
    });
    if has_instruction {
        return vec!["the instructions of the machine".to_owned()];
    }
    if difference == Difference::Intrinsic {
        return Vec::new();
    }
    let program = world.borrow().registry.number();
    let mut users = sup_vm::users::users(program, &full, MAX_TOLD + 1);
    let n_more = users.len().saturating_sub(MAX_TOLD);
    users.truncate(MAX_TOLD);
    let world = world.borrow();
    let mut told: Vec<String> = users.iter().map(|user| place(&world, user)).collect();
    if n_more > 0 {
        told.push("others".to_owned());
    }
    told
}

/// A function and where in it: `report in main.slp:3:9`.
fn place(world: &World, user: &sup_vm::users::User) -> String {
    // Another isolate may have loaded it.
    let text = world.sources.get(&user.source).cloned();
    let text = text.or_else(|| std::fs::read_to_string(&user.source).ok().map(Arc::from));
    let at = match text {
        Some(text) => {
            let (line, column) = slp::LineIndex::new(&text).position(user.span.start);
            format!("{}:{line}:{column}", user.source)
        }
        None => format!("{} of module {}", user.source, user.module),
    };
    if user.function.is_empty() {
        at
    } else {
        format!("{} in {at}", user.function)
    }
}

/// Gives a kernel's names to the compiler without the kernel: what calls them cannot be run.
fn declare(world: &SharedWorld, kernel: &Declaration) -> Result<(), Problem> {
    for function in &kernel.functions {
        let wrong = |what: &str| {
            let message = format!("{}/{}: {what}", kernel.name, function.name);
            Problem::new("kernel/declaration", message)
        };
        let signature = Signature::parse(&function.signature).map_err(|error| wrong(&error.to_string()))?;
        let intrinsic = match &function.intrinsic {
            None => intrinsic::NONE,
            Some(name) => intrinsic::by_name(name).ok_or_else(|| wrong("an unknown intrinsic"))?,
        };
        let said_flags = function.flags.as_deref().unwrap_or_default();
        let has = |name: &str| said_flags.iter().any(|flag| flag == name);
        let capabilities = function.capabilities.as_deref().unwrap_or_default();
        let said = sup_host::declaration::capabilities_named(capabilities)
            .ok_or_else(|| wrong("an unknown capability"))?;
        let info = PrimitiveInfo {
            min: narrow(signature.min_args()),
            max: signature.max_args().map(narrow),
            quoted: quoted(&signature),
            intrinsic: lasting_intrinsic(&kernel.name, intrinsic),
            signature: function.signature.clone(),
            doc: String::new(),
            everyday: has("everyday"),
            needs: capability::needed(said, has("pure")),
            is_decided: said != 0 || has("pure"),
        };
        make_known(&mut world.borrow_mut(), &kernel.name, &function.name, info);
    }
    Ok(())
}

fn make_known(world: &mut World, kernel: &str, name: &str, info: PrimitiveInfo) {
    let full = format!("{kernel}/{name}");
    if info.everyday {
        world
            .everyday
            .entry(name.to_owned())
            .or_insert_with(|| full.clone());
    }
    world.primitives.insert(full, info);
}

/// A hash of what the compiler knows of a kernel: code that was compiled with another one may call it wrongly.
#[must_use]
pub fn fingerprint(world: &SharedWorld, kernel: &str) -> [u8; 32] {
    let world = world.borrow();
    let prefix = format!("{kernel}/");
    let mut known: Vec<_> = world
        .primitives
        .iter()
        .filter(|(name, _)| name.starts_with(&prefix))
        .collect();
    known.sort_by_key(|(name, _)| *name);
    let mut text = String::new();
    for (name, info) in known {
        let PrimitiveInfo {
            min,
            max,
            quoted,
            intrinsic,
            everyday,
            ..
        } = info;
        writeln!(text, "{name} {min} {max:?} {quoted} {intrinsic} {everyday}")
            .expect("a string takes everything");
    }
    chunk::hash(text.as_bytes())
}

fn narrow(count: usize) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}

/// Bit i is set when argument i is handed over unevaluated.
fn quoted(signature: &Signature) -> u32 {
    let is_quoted = |position: usize| {
        signature
            .parameter(position)
            .is_some_and(|parameter| parameter.evaluation == Evaluation::Quoted)
    };
    (0..32)
        .filter(|position| is_quoted(*position))
        .fold(0, |bits, position| bits | (1 << position))
}
