//! Gives kernels to an isolate: its primitives get entries in the machine, most of them behind a thunk that
//! cleans up after them.
#![allow(unsafe_code)]

use crate::kernel::Kernel;
use crate::services::Services;
use std::cell::RefCell;
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use sup_abi::kernel::{Function, flags};
use sup_abi::word::Word;
use sup_vm::natives::NativeFn;
use sup_vm::primitives::{self, ANY_NUMBER, PrimitiveEntry};
use sup_vm::vm::{Kept, Vm};

/// What all kernels of one isolate share.
pub(crate) struct Shared {
    /// Number of the isolate.
    pub number: u64,
    /// What it was given.
    pub services: Services,
    /// Bytes that the native calls which run have been lent, the innermost last.
    pub scratch: RefCell<Vec<Vec<u8>>>,
    /// Pins that other threads let go of.
    pub released: Arc<Mutex<Vec<Kept>>>,
}

/// A kernel in one isolate. The machine's `kernel_states` point at these.
pub(crate) struct Installed {
    pub shared: Rc<Shared>,
    pub kernel: Arc<Kernel>,
    first_id: u32,
    functions: Functions,
}

/// The functions of a kernel's primitives, by their number less the first one's.
type Functions = Arc<[Option<(Function, Gating)>]>;

/// The kernels of an isolate, for those that it starts.
#[derive(Clone, Default)]
pub struct Inherited {
    kernels: Vec<(Arc<Kernel>, u32, Functions)>,
}

/// Whether a primitive runs on one thread at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gating {
    Open,
    Gated,
}

impl Installed {
    fn function(&self, id: u32) -> Option<(Function, Gating)> {
        *self.functions.get(id.wrapping_sub(self.first_id) as usize)?
    }

    /// Whether the running primitive holds its kernel's gate.
    pub fn is_gated(&self, id: u32) -> bool {
        self.function(id)
            .is_some_and(|(_, gating)| gating == Gating::Gated)
    }

    /// Keeps bytes until the running native call returns; answers where they lie.
    pub fn lend(&self, bytes: Vec<u8>) -> sup_abi::kernel::Bytes {
        let lent = sup_abi::kernel::Bytes::of(&bytes);
        // The bytes stay where they are when the vector that holds them moves.
        self.shared.scratch.borrow_mut().push(bytes);
        lent
    }
}

/// Hangs on the machine and keeps its kernels.
struct Attached {
    shared: Rc<Shared>,
    // The machine holds their addresses.
    #[allow(clippy::vec_box)]
    installed: Vec<Box<Installed>>,
}

/// Prepares a machine for kernels. To be called once, before `install`.
pub fn attach(vm: &mut Vm, services: Services) {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    let shared = Shared {
        number,
        services,
        scratch: RefCell::default(),
        released: Arc::default(),
    };
    vm.attached.push(Box::new(Attached {
        shared: Rc::new(shared),
        installed: Vec::new(),
    }));
}

/// What isolates that this one starts inherit.
#[must_use]
pub fn inherited(vm: &Vm) -> Inherited {
    let attached = vm
        .attached
        .iter()
        .find_map(|attached| attached.downcast_ref::<Attached>());
    let installed = attached.map_or(&[][..], |attached| &attached.installed);
    let kernels = installed.iter().map(|installed| {
        let Installed {
            kernel,
            first_id,
            functions,
            ..
        } = &**installed;
        (kernel.clone(), *first_id, functions.clone())
    });
    Inherited {
        kernels: kernels.collect(),
    }
}

/// Prepares a machine that has the primitives of the one that it inherits from. In place of `attach`.
pub fn attach_inherited(vm: &mut Vm, services: Services, inherited: &Inherited) {
    attach(vm, services);
    for (kernel, first_id, functions) in &inherited.kernels {
        hang(vm, kernel, *first_id, functions.clone());
    }
}

/// Hangs a kernel on a machine; the index by which the entries of its primitives find it.
fn hang(vm: &mut Vm, kernel: &Arc<Kernel>, first_id: u32, functions: Functions) -> u32 {
    let attached = vm
        .attached
        .iter_mut()
        .find_map(|attached| attached.downcast_mut::<Attached>());
    let attached = attached.expect("the machine is prepared with `attach` before kernels are installed");
    let installed = Box::new(Installed {
        shared: attached.shared.clone(),
        kernel: kernel.clone(),
        first_id,
        functions,
    });
    let address = std::ptr::from_ref(&*installed).cast::<c_void>().cast_mut();
    attached.installed.push(installed);
    let index = vm.kernel_states.len() as u32;
    vm.kernel_states.push(address);
    index
}

/// Gives a kernel's primitives to an isolate, under `kernel/name`.
///
/// # Panics
/// When the machine was not prepared with `attach`.
pub fn install(vm: &mut Vm, kernel: &Arc<Kernel>) {
    let names: Vec<String> = kernel
        .primitives()
        .iter()
        .map(|primitive| format!("{}/{}", kernel.name(), primitive.name))
        .collect();
    let ids: Vec<u32> = names.iter().map(|name| primitives::id(name)).collect();
    let first_id = ids.iter().copied().min().unwrap_or(0);
    let mut functions = Vec::new();
    for (id, primitive) in ids.iter().zip(kernel.primitives()) {
        let index = (id - first_id) as usize;
        if functions.len() <= index {
            functions.resize(index + 1, None);
        }
        let gating = if primitive.has(flags::MT) {
            Gating::Open
        } else {
            Gating::Gated
        };
        functions[index] = Some((primitive.function, gating));
    }
    let index = hang(vm, kernel, first_id, functions.into());
    for (name, primitive) in names.iter().zip(kernel.primitives()) {
        let is_direct = primitive.has(flags::LEAF) && primitive.has(flags::MT);
        let run = if is_direct {
            as_native(primitive.function)
        } else {
            enter_kernel
        };
        let signature = &primitive.signature;
        let entry = PrimitiveEntry {
            run,
            min: signature.min_args() as u16,
            max: signature.max_args().map_or(ANY_NUMBER, |max| max as u16),
            flags: primitive.flags,
            kernel: index,
            intrinsic: primitive.intrinsic,
            ..PrimitiveEntry::ABSENT
        };
        vm.define_primitive(name, entry);
    }
}

/// Takes a kernel's primitives away from an isolate. Calls that run go on.
pub fn remove(vm: &mut Vm, kernel: &Kernel) {
    for primitive in kernel.primitives() {
        vm.remove_primitive(&format!("{}/{}", kernel.name(), primitive.name));
    }
}

/// A kernel's context is the machine, and words are words, so both functions are called alike.
fn as_native(function: Function) -> NativeFn {
    // SAFETY: the types differ only in what the first pointer points at, which the kernel does not know.
    unsafe { std::mem::transmute::<Function, NativeFn>(function) }
}

/// Runs a primitive and takes back what it was lent: slots, bytes, the gate.
unsafe extern "C" fn enter_kernel(vm: *mut Vm, argc: u32, argv: *const Word) -> Word {
    // SAFETY: the machine calls this with itself, for a primitive whose kernel index was made by `install`.
    let (installed, id, n_slots) = unsafe {
        let state = (*vm).running_kernel_state().cast::<Installed>();
        (&*state, (*vm).running_primitive_id(), (*vm).native_slots.len())
    };
    let n_lent = installed.shared.scratch.borrow().len();
    let (function, gating) = installed
        .function(id)
        .expect("`install` knows every primitive that it defines");
    if gating == Gating::Gated {
        installed.kernel.gate().enter();
    }
    // SAFETY: the function is the primitive's, called as the machine calls it.
    let answer = unsafe { function(vm.cast(), argc, argv) };
    if gating == Gating::Gated {
        installed.kernel.gate().leave();
    }
    installed.shared.scratch.borrow_mut().truncate(n_lent);
    // SAFETY: the machine outlives its calls.
    unsafe { (&mut *vm).native_slots.truncate(n_slots) };
    answer
}
