//! Kernels as a program loads them: found, checked and installed by the host room, made known to the compiler here.

use std::sync::Arc;

use sup_abi::signature::{Evaluation, Signature};
use sup_host::{Declaration, Found, Kernel, LoadError, Loader, SearchPath};
use sup_vm::vm::Vm;

use crate::declaration;
use crate::grants::Capability;
use crate::modules::PrimitiveInfo;
use crate::problem::Problem;
use crate::world::SharedWorld;

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
    if world.borrow().kernels.iter().any(|loaded| loaded.name() == name) {
        return Ok(());
    }
    if asker == Asker::Program && !world.borrow().grants.has(Capability::Kernel) {
        let message = format!("loading the kernel {name} was not granted");
        return Err(Problem::new("capability/denied", message).with_hint("run with --allow kernel"));
    }
    let loader = {
        let world = world.borrow();
        Loader::new(SearchPath::new(world.kernel_paths.to_vec()), &world.temporary)
    };
    let found = loader.find(name).map_err(|error| told(name, &error))?;
    let declared = declared(world, &found)?;
    let kernel = loader
        .load(&found, declared.as_ref())
        .map_err(|error| told(name, &error))?;
    install(vm, world, kernel);
    Ok(())
}

fn told(name: &str, error: &LoadError) -> Problem {
    let problem = Problem::new(error.code(), format!("kernel {name}: {error}"));
    match error.hint() {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}

/// The declaration that lies beside a library.
fn declared(world: &SharedWorld, found: &Found) -> Result<Option<Declaration>, Problem> {
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
pub fn install(vm: &mut Vm, world: &SharedWorld, kernel: Arc<Kernel>) {
    sup_host::install(vm, &kernel);
    let mut world = world.borrow_mut();
    for primitive in kernel.primitives() {
        let full = format!("{}/{}", kernel.name(), primitive.name);
        let info = PrimitiveInfo {
            min: narrow(primitive.signature.min_args()),
            max: primitive.signature.max_args().map(narrow),
            quoted: quoted(&primitive.signature),
            intrinsic: primitive.intrinsic,
            signature: primitive.signature_text.clone(),
            doc: primitive.doc.clone(),
            everyday: primitive.is_everyday(),
        };
        if info.everyday {
            world
                .everyday
                .entry(primitive.name.clone())
                .or_insert_with(|| full.clone());
        }
        world.primitives.insert(full, info);
    }
    world.kernels.push(kernel);
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
