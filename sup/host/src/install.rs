//! Gives kernels to an isolate: its primitives get entries in the machine, most of them behind a thunk that
//! cleans up after them.
#![allow(unsafe_code)]

use crate::kernel::Kernel;
use crate::services::Services;
use std::cell::{Cell, RefCell};
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
    /// Cloned by each pin and each open promise of this generation in this isolate.
    pub held: Arc<()>,
    first_id: u32,
    functions: Functions,
    /// Native calls that run in it, inside one another.
    n_frames: Cell<u32>,
    /// The generation that takes its place when no call runs in it.
    successor: RefCell<Option<Arc<Kernel>>>,
    /// Another generation has taken its place.
    is_replaced: Cell<bool>,
}

/// The functions of a kernel's primitives, by their number less the first one's.
type Functions = Arc<[Option<(Function, Gating)>]>;

/// The kernels of an isolate, for those that it starts.
#[derive(Clone, Default)]
pub struct Inherited {
    kernels: Vec<Option<(Arc<Kernel>, u32, Functions)>>,
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

    /// How many pieces of bytes are lent.
    pub fn n_lent(&self) -> usize {
        self.shared.scratch.borrow().len()
    }

    /// Takes back what was lent since.
    pub fn take_back(&self, n_lent: usize) {
        self.shared.scratch.borrow_mut().truncate(n_lent);
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
    // The machine holds their addresses, each one place further: its place 0 is no kernel's.
    #[allow(clippy::vec_box)]
    installed: Vec<Option<Box<Installed>>>,
}

fn attached(vm: &mut Vm) -> &mut Attached {
    let attached = vm
        .attached
        .iter_mut()
        .find_map(|attached| attached.downcast_mut::<Attached>());
    attached.expect("the machine is prepared with `attach` before kernels are installed")
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
    let kernels = installed.iter().map(|place| {
        let installed = place.as_ref().filter(|installed| !installed.is_replaced.get())?;
        let Installed {
            kernel,
            first_id,
            functions,
            ..
        } = &**installed;
        Some((kernel.clone(), *first_id, functions.clone()))
    });
    Inherited {
        kernels: kernels.collect(),
    }
}

/// Prepares a machine that has the primitives of the one that it inherits from. In place of `attach`.
pub fn attach_inherited(vm: &mut Vm, services: Services, inherited: &Inherited) {
    attach(vm, services);
    for kernel in &inherited.kernels {
        match kernel {
            Some((kernel, first_id, functions)) => {
                let place = attached(vm).installed.len();
                hang(vm, place, kernel, *first_id, functions.clone());
            }
            None => {
                attached(vm).installed.push(None);
                vm.kernel_states.push(std::ptr::null_mut());
            }
        }
    }
}

/// Hangs a kernel on a machine, at a place that is free or the next one; the index by which the entries of its primitives
/// find it.
fn hang(vm: &mut Vm, place: usize, kernel: &Arc<Kernel>, first_id: u32, functions: Functions) -> u32 {
    let attached = attached(vm);
    let installed = Box::new(Installed {
        shared: attached.shared.clone(),
        kernel: kernel.clone(),
        held: Arc::default(),
        first_id,
        functions,
        n_frames: Cell::new(0),
        successor: RefCell::default(),
        is_replaced: Cell::new(false),
    });
    let address = std::ptr::from_ref(&*installed).cast::<c_void>().cast_mut();
    if place == attached.installed.len() {
        attached.installed.push(Some(installed));
        vm.kernel_states.push(address);
    } else {
        attached.installed[place] = Some(installed);
        vm.kernel_states[place + 1] = address;
    }
    place as u32 + 1
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
    let places = &attached(vm).installed;
    let place = places.iter().position(Option::is_none).unwrap_or(places.len());
    let index = hang(vm, place, kernel, first_id, functions.into());
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
            needs: primitive.needed(),
            ..PrimitiveEntry::ABSENT
        };
        vm.define_primitive(name, entry);
    }
}

/// Whether an isolate has a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// Calls go to it from now on.
    Done,
    /// A call runs in the generation before; when it has returned, the isolate adopts this one between two slices.
    Waits,
    /// The isolate does not have the kernel, or has this generation or a later one.
    None,
}

/// Has an isolate call a new generation of a kernel that it has. To be called between slices, from a letter: a call that
/// runs finishes in the generation that it began in.
pub fn replace(vm: &mut Vm, kernel: &Arc<Kernel>) -> Adoption {
    let current = attached(vm)
        .installed
        .iter()
        .flatten()
        .find(|installed| installed.kernel.name() == kernel.name() && !installed.is_replaced.get());
    let Some(current) = current.filter(|current| current.kernel.generation() < kernel.generation()) else {
        return Adoption::None;
    };
    if current.n_frames.get() > 0 {
        let mut successor = current.successor.borrow_mut();
        if successor
            .as_ref()
            .is_none_or(|other| other.generation() < kernel.generation())
        {
            *successor = Some(kernel.clone());
        }
        return Adoption::Waits;
    }
    current.is_replaced.set(true);
    install(vm, kernel);
    let_go(vm);
    Adoption::Done
}

/// What keeps an isolate from letting go of a generation that was replaced, or that waits to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Name of the kernel.
    pub kernel: String,
    /// The generation.
    pub generation: u64,
    /// Native calls that run in it.
    pub n_calls: u32,
    /// Its pins and open promises.
    pub n_pins_and_promises: usize,
}

/// Lets go of the generations that were replaced and that nothing in this isolate holds any more; what is still held, and
/// by what.
pub fn let_go(vm: &mut Vm) -> Vec<Holding> {
    let mut holdings = Vec::new();
    let mut free = Vec::new();
    for (place, slot) in attached(vm).installed.iter_mut().enumerate() {
        let Some(installed) = slot
            .as_ref()
            .filter(|installed| installed.is_replaced.get() || installed.successor.borrow().is_some())
        else {
            continue;
        };
        let holding = Holding {
            kernel: installed.kernel.name().to_owned(),
            generation: installed.kernel.generation(),
            n_calls: installed.n_frames.get(),
            n_pins_and_promises: Arc::strong_count(&installed.held) - 1,
        };
        let is_free = holding.n_calls == 0 && holding.n_pins_and_promises == 0;
        if is_free && installed.is_replaced.get() {
            free.push((place, slot.take()));
        } else {
            holdings.push(holding);
        }
    }
    for (place, _) in &free {
        vm.kernel_states[place + 1] = std::ptr::null_mut();
    }
    // The last holder of a generation has the kernel free its state, which may run for a while.
    drop(free);
    holdings
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
    let n_lent = installed.n_lent();
    let (function, gating) = installed
        .function(id)
        .expect("`install` knows every primitive that it defines");
    if gating == Gating::Gated {
        installed.kernel.gate().enter();
    }
    enter_frame(installed);
    // SAFETY: the function is the primitive's, called as the machine calls it.
    let answer = unsafe { function(vm.cast(), argc, argv) };
    if gating == Gating::Gated {
        installed.kernel.gate().leave();
    }
    installed.take_back(n_lent);
    // SAFETY: the machine outlives its calls.
    let vm = unsafe { &mut *vm };
    vm.native_slots.truncate(n_slots);
    leave_frame(vm, installed);
    answer
}

/// A call runs in a kernel from now on.
pub(crate) fn enter_frame(installed: &Installed) {
    installed.n_frames.set(installed.n_frames.get() + 1);
}

/// It has returned. With the last one the next generation may take the kernel's place.
pub(crate) fn leave_frame(vm: &Vm, installed: &Installed) {
    installed.n_frames.set(installed.n_frames.get() - 1);
    if installed.n_frames.get() == 0
        && let Some(kernel) = installed.successor.take()
    {
        post(vm, kernel);
    }
}

/// Whether a newer generation waits until no call runs in this one.
pub(crate) fn has_successor(installed: &Installed) -> bool {
    installed.successor.borrow().is_some()
}

/// A kernel's generation in an isolate that has it.
pub(crate) fn find(vm: &mut Vm, kernel: &Arc<Kernel>) -> Option<*const Installed> {
    let mut installed = attached(vm).installed.iter().flatten();
    let found = installed.find(|installed| Arc::ptr_eq(&installed.kernel, kernel))?;
    Some(std::ptr::from_ref(&**found))
}

/// Has the isolate adopt a generation between two slices.
fn post(vm: &Vm, kernel: Arc<Kernel>) {
    vm.inbox().post(Box::new(move |vm| {
        replace(vm, &kernel);
        Ok(sup_abi::word::NIL)
    }));
}
