//! Gives kernels to an isolate: its primitives get entries in the machine, most of them behind a thunk that
//! cleans up after them.
#![allow(unsafe_code)]

use crate::hold::{Frames, Held, Hold, Sort};
use crate::kernel::Kernel;
use crate::resource::KernelResource;
use crate::services::Services;
use crate::{pins, promises};
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use sup_abi::kernel::{Function, flags};
use sup_abi::word::Word;
use sup_vm::natives::NativeFn;
use sup_vm::primitives::{self, ANY_NUMBER, PrimitiveEntry};
use sup_vm::schedule::Inbox;
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
    /// Where letters to the isolate go.
    pub inbox: Arc<Inbox>,
    /// Told of kernels that came and went.
    listener: Cell<Option<Listener>>,
}

/// What happened to a kernel of an isolate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Calls go to this generation from now on.
    Replaced,
    /// The isolate does not have it any more.
    Removed,
    /// It was loaded for whoever wants it, and the isolate does not have it.
    Offered,
}

/// What is told of changes, on the isolate's thread.
pub type Listener = fn(&mut Vm, &Arc<Kernel>, Change);

/// A kernel in one isolate. The machine's `kernel_states` point at these.
pub(crate) struct Installed {
    pub shared: Rc<Shared>,
    pub kernel: Hold,
    /// Cloned by each pin and each open promise of this generation in this isolate.
    held: Arc<()>,
    first_id: u32,
    functions: Functions,
    /// Native calls that run in it, inside one another.
    n_frames: Arc<Frames>,
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
    kernels: Vec<Option<(Hold, u32, Functions)>>,
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

    /// What a pin or a promise of it is kept by.
    pub fn hold(&self, sort: Sort) -> Held {
        Held::new(self.kernel.beside(sort), &self.held, &self.shared.inbox)
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

impl Drop for Attached {
    /// Pins and promises of an isolate that is gone mean nothing any more, and must not keep a kernel.
    fn drop(&mut self) {
        let keeps = |installed: &Installed| Arc::strong_count(&installed.held) > 1;
        if self.installed.iter().flatten().any(|installed| keeps(installed)) {
            pins::forget_all(self.shared.number);
            promises::forget_all(&self.shared.inbox);
        }
    }
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
        inbox: vm.inbox(),
        listener: Cell::new(None),
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
                hang(vm, place, kernel.clone(), *first_id, functions.clone());
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
fn hang(vm: &mut Vm, place: usize, kernel: Hold, first_id: u32, functions: Functions) -> u32 {
    let attached = attached(vm);
    let n_frames = Arc::new(Frames::default());
    kernel.usage().add_frames(&n_frames);
    let installed = Box::new(Installed {
        shared: attached.shared.clone(),
        kernel,
        held: Arc::default(),
        first_id,
        functions,
        n_frames,
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

/// Gives a kernel's primitives to an isolate, under `kernel/name`. False when it does not serve any more.
///
/// # Panics
/// When the machine was not prepared with `attach`.
pub fn install(vm: &mut Vm, kernel: &Arc<Kernel>) -> bool {
    let Some(hold) = Hold::new(kernel, Sort::Isolate) else {
        return false;
    };
    install_held(vm, hold);
    true
}

fn install_held(vm: &mut Vm, kernel: Hold) {
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
    let generation = kernel.kernel().clone();
    let index = hang(vm, place, kernel, first_id, functions.into());
    for (name, primitive) in names.iter().zip(generation.primitives()) {
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
    /// The isolate does not have the kernel, or has this generation or a later one, or this one does not serve any more.
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
    let Some(hold) = Hold::new(kernel, Sort::Isolate) else {
        return Adoption::None;
    };
    current.is_replaced.set(true);
    let before = current.kernel.kernel().clone();
    for gone in before.primitives() {
        if !kernel.primitives().iter().any(|other| other.name == gone.name) {
            vm.remove_primitive(&format!("{}/{}", before.name(), gone.name));
        }
    }
    install_held(vm, hold.clone());
    take_over(vm, &hold);
    drop(hold);
    tell(vm, kernel, Change::Replaced);
    let_go(vm);
    Adoption::Done
}

/// Has a generation take over the isolate's resources that an older one of its kernel has left.
fn take_over(vm: &Vm, kernel: &Hold) {
    for resource in vm.heap.resources() {
        if let Some(resource) = resource.as_any().downcast_ref::<KernelResource>() {
            resource.hand_over(kernel);
        }
    }
}

/// Takes a kernel away from an isolate, if it has that generation or an earlier one. Calls that run go on.
pub fn withdraw(vm: &mut Vm, kernel: &Arc<Kernel>) {
    let current = attached(vm)
        .installed
        .iter()
        .flatten()
        .find(|installed| installed.kernel.name() == kernel.name() && !installed.is_replaced.get());
    let Some(current) = current.filter(|current| current.kernel.generation() <= kernel.generation()) else {
        return;
    };
    current.is_replaced.set(true);
    current.successor.take();
    let before = current.kernel.kernel().clone();
    remove(vm, &before);
    tell(vm, &before, Change::Removed);
    let_go(vm);
}

/// Has the isolate's listener told of a kernel.
pub(crate) fn tell(vm: &mut Vm, kernel: &Arc<Kernel>, change: Change) {
    let listener = attached(vm).shared.listener.get();
    if let Some(listener) = listener {
        listener(vm, kernel, change);
    }
}

/// Says who is told of what happens to the kernels of an isolate.
pub fn listen(vm: &mut Vm, listener: Listener) {
    attached(vm).shared.listener.set(Some(listener));
}

/// The kernels that an isolate calls.
pub fn kernels_of(vm: &mut Vm) -> Vec<Arc<Kernel>> {
    let installed = attached(vm).installed.iter().flatten();
    installed
        .filter(|installed| !installed.is_replaced.get())
        .map(|installed| installed.kernel.kernel().clone())
        .collect()
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
    if installed.n_frames.get() == 0 {
        if let Some(kernel) = installed.successor.take() {
            post(vm, kernel);
        } else if installed.is_replaced.get() {
            post_let_go(vm);
        }
    }
}

/// Whether a newer generation waits until no call runs in this one.
pub(crate) fn has_successor(installed: &Installed) -> bool {
    installed.successor.borrow().is_some()
}

/// A kernel's generation in an isolate that has it.
pub(crate) fn find(vm: &mut Vm, kernel: &Arc<Kernel>) -> Option<*const Installed> {
    let mut installed = attached(vm).installed.iter().flatten();
    let found = installed.find(|installed| Arc::ptr_eq(installed.kernel.kernel(), kernel))?;
    Some(std::ptr::from_ref(&**found))
}

/// Has the isolate adopt a generation between two slices.
#[cold]
fn post(vm: &Vm, kernel: Arc<Kernel>) {
    vm.inbox().post(Box::new(move |vm| {
        replace(vm, &kernel);
        Ok(sup_abi::word::NIL)
    }));
}

/// Has the isolate let go, between two slices, of a generation that was taken away while a call ran in it.
#[cold]
fn post_let_go(vm: &Vm) {
    vm.inbox().post(Box::new(|vm| {
        let_go(vm);
        Ok(sup_abi::word::NIL)
    }));
}
