//! `sup.isolate/1` and `sup.fiber/1` for kernels: isolates that a kernel drives, each on a thread of its own.
//!
//! What a kernel holds is the address of a [`Driving`] on the stack of that thread. It is looked at only after it was found to be
//! the one of this thread, so an address that was kept too long or taken elsewhere leads nowhere.
#![allow(unsafe_code)]

use crate::install::{self, Installed};
use crate::kernel::Kernel;
use crate::machine::{build_for, installed, machine, text};
use crate::pins;
use crate::services::{Drive, IsolateLimits, IsolateService};
use crate::table::write_log;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;
use sup_abi::drive::{self as abi, FiberLimits, FiberToken, Handler, Isolate, IsolateOptions, Usage, Waker};
use sup_abi::host::Drop as FreeData;
use sup_abi::kernel::{Bytes, Context, MAX_NAME_BYTES, Ref};
use sup_abi::waker::WakerRef;
use sup_abi::word::{NIL, THROW, Word};
use sup_vm::account::Allowance;
use sup_vm::calls::is_callable;
use sup_vm::driven::Polled;
use sup_vm::error::{Outcome, Raise};
use sup_vm::link::{LinkId, OWN_LINK};
use sup_vm::vm::{Kept, Vm};

/// Most arguments of a fiber's function that a kernel makes.
const MAX_ARGUMENTS: usize = 16;
/// Most grants that options name.
const MAX_GRANTS: usize = 64;

pub static ISOLATES: abi::Isolates = abi::Isolates {
    size: size_of::<abi::Isolates>() as u32,
    reserved: 0,
    start,
    share,
    handler,
    handler_named,
    drop_handler,
    poll,
    enter,
    rest,
    usage,
};

pub static FIBERS: abi::Fibers = abi::Fibers {
    size: size_of::<abi::Fibers>() as u32,
    reserved: 0,
    start: fiber_start,
    poll: fiber_poll,
    take: fiber_take,
    cancel: fiber_cancel,
    drop: fiber_drop,
};

/// An isolate while it is driven.
struct Driving {
    vm: *mut Vm,
    installed: *const Installed,
    /// The functions that fibers of the kernel call.
    handlers: RefCell<Vec<Option<Kept>>>,
    free: RefCell<Vec<usize>>,
    /// The machine is in use: a fiber runs, or a function of the kernel makes or reads values.
    is_busy: Cell<bool>,
}

thread_local! {
    static DRIVING: Cell<*const Driving> = const { Cell::new(ptr::null()) };
}

/// A function that drives, with its data.
struct Driver {
    drive: abi::Drive,
    free: FreeData,
    data: *mut c_void,
    kernel: Arc<Kernel>,
}

// SAFETY: the wall has it that the data goes to the thread that drives.
unsafe impl Send for Driver {}

impl Drop for Driver {
    fn drop(&mut self) {
        // SAFETY: the data was handed over with this function, and this is the only call of it.
        unsafe { (self.free)(self.data) };
    }
}

impl Driver {
    /// Has the kernel drive a machine, which has it, until it returns.
    fn run(&self, vm: &mut Vm) {
        let Some(installed) = install::find(vm, &self.kernel) else {
            return;
        };
        vm.begin_driving();
        let driving = Driving {
            vm,
            installed,
            handlers: RefCell::default(),
            free: RefCell::default(),
            is_busy: Cell::new(false),
        };
        // SAFETY: the box hangs on the machine, which keeps it while calls run in it.
        install::enter_frame(unsafe { &*installed });
        let outer = DRIVING.replace(&raw const driving);
        // SAFETY: the function was handed over with its data, and is called on the thread that owns the machine.
        unsafe { (self.drive)((&raw const driving).cast_mut().cast(), self.data) };
        DRIVING.set(outer);
        // SAFETY: the machine outlives this call, and nobody else uses it any more.
        let vm = unsafe { &mut *driving.vm };
        vm.end_driving();
        for kept in driving.handlers.into_inner().into_iter().flatten() {
            vm.release(kept);
        }
        // SAFETY: as above.
        install::leave_frame(vm, unsafe { &*installed });
    }
}

/// Runs something with a driven isolate, when the address is that of this thread's and the machine is free.
fn with<T>(isolate: *mut Isolate, refused: T, run: impl FnOnce(&Driving, &mut Vm) -> T) -> T {
    let driving = DRIVING.get();
    if driving.is_null() || !ptr::addr_eq(driving, isolate) {
        write_log(
            1,
            "a kernel used an isolate that it does not drive on this thread",
        );
        return refused;
    }
    // SAFETY: it lies on the stack of this thread below the kernel's `drive`, which has not returned.
    let driving = unsafe { &*driving };
    if driving.is_busy.replace(true) {
        write_log(
            1,
            "a kernel used an isolate that it drives from inside one of its fibers",
        );
        return refused;
    }
    // SAFETY: the machine is this thread's, and nobody else uses it until `is_busy` is reset.
    let done = run(driving, unsafe { &mut *driving.vm });
    driving.is_busy.set(false);
    done
}

/// Runs a function of the kernel between fibers, with the machine as its context.
fn in_context<T>(driving: &Driving, vm: &mut Vm, run: impl FnOnce(*mut Context) -> T) -> T {
    vm.between_fibers(|vm| within(driving, vm, run))
}

fn within<T>(driving: &Driving, vm: &mut Vm, run: impl FnOnce(*mut Context) -> T) -> T {
    // SAFETY: the box hangs on the machine.
    let installed = unsafe { &*driving.installed };
    let (n_slots, n_lent) = (vm.native_slots.len(), installed.n_lent());
    let context: *mut Context = ptr::from_mut(vm).cast();
    let done = build_for(driving.installed, || run(context));
    installed.take_back(n_lent);
    vm.native_slots.truncate(n_slots);
    done
}

/// What was raised, or this when nothing was although the kernel says so.
fn raised(vm: &mut Vm) -> Raise {
    if vm.pending == NIL && !vm.is_out_of_memory() {
        return vm.raise("kernel/throw", "a kernel said that it raised, and did not");
    }
    Raise
}

unsafe extern "C" fn start(
    cx: *mut Context,
    options: *const IsolateOptions,
    drive: abi::Drive,
    free: FreeData,
    data: *mut c_void,
) -> Word {
    let Some((vm, installed)) = caller(cx) else {
        // SAFETY: the data was handed over.
        unsafe { free(data) };
        return THROW;
    };
    let driver = Driver {
        drive,
        free,
        data,
        kernel: installed.kernel.kernel().clone(),
    };
    let run: Drive = Box::new(move |vm| driver.run(vm));
    // SAFETY: kernels pass null, or options that live through the call.
    let limits = unsafe { limits_of(options) };
    with_service(vm, installed, |service, vm| service.start(vm, &limits, run)).unwrap_or(THROW)
}

fn caller<'a>(cx: *mut Context) -> Option<(&'a mut Vm, &'a Installed)> {
    let vm = machine(cx)?;
    let installed = installed(vm)?;
    Some((vm, installed))
}

fn with_service<T>(
    vm: &mut Vm,
    installed: &Installed,
    run: impl FnOnce(&dyn IsolateService, &mut Vm) -> Result<T, Raise>,
) -> Result<T, Raise> {
    match &installed.shared.services.isolates {
        Some(service) => run(service.as_ref(), vm),
        None => Err(vm.raise(
            "capability/denied",
            "this isolate was not given the right to start others",
        )),
    }
}

/// # Safety
/// The pointer is null, or that of options whose size says how much of them there is.
unsafe fn limits_of(options: *const IsolateOptions) -> IsolateLimits {
    let mut limits = IsolateLimits::default();
    // SAFETY: the caller says so.
    let Some(options) = (unsafe { options.as_ref() }) else {
        return limits;
    };
    if (options.size as usize) < size_of::<IsolateOptions>() {
        return limits;
    }
    let said = |value: u64| (value > 0).then_some(value);
    limits.fibers = said(options.n_fibers.into()).map(|n| n as usize);
    limits.memory_bytes = said(options.memory_bytes).map(|n| n as usize);
    limits.fuel = said(options.fuel);
    limits.deadline_ms = said(options.deadline_ms);
    if !options.grants.is_null() {
        // SAFETY: the caller says that a null ends the names.
        limits.grants = Some(unsafe { names(options.grants) });
    }
    limits
}

/// # Safety
/// C strings up to a null.
unsafe fn names(list: *const *const c_char) -> Vec<String> {
    let mut names = Vec::new();
    for index in 0..MAX_GRANTS {
        // SAFETY: the caller says so.
        let name = unsafe { *list.add(index) };
        if name.is_null() {
            break;
        }
        // SAFETY: as above.
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
        names.push(name.chars().take(MAX_NAME_BYTES).collect());
    }
    names
}

unsafe extern "C" fn share(cx: *mut Context, word: Word) -> Ref {
    let Some((vm, installed)) = caller(cx) else {
        return 0;
    };
    match with_service(vm, installed, |service, vm| service.share(vm, word)) {
        Ok(receive) => pins::share(receive),
        Err(_) => 0,
    }
}

/// Keeps a function for fibers; 0 when it is none.
fn keep_handler(driving: &Driving, vm: &mut Vm, found: Outcome) -> Handler {
    let word = match found {
        Ok(word) => word,
        Err(raise) => {
            let error = vm.take_error(raise);
            let text = vm.display(error);
            write_log(1, &format!("a function cannot be taken over: {text}"));
            return 0;
        }
    };
    if !is_callable(word) {
        return 0;
    }
    let kept = Some(vm.keep(word));
    let mut handlers = driving.handlers.borrow_mut();
    let index = match driving.free.borrow_mut().pop() {
        Some(index) => {
            handlers[index] = kept;
            index
        }
        None => {
            handlers.push(kept);
            handlers.len() - 1
        }
    };
    index as Handler + 1
}

unsafe extern "C" fn handler(isolate: *mut Isolate, reference: Ref) -> Handler {
    with(isolate, 0, |driving, vm| {
        let Some(receive) = pins::shared(reference) else {
            return 0;
        };
        let found = vm.between_fibers(|vm| receive(vm));
        keep_handler(driving, vm, found)
    })
}

unsafe extern "C" fn handler_named(isolate: *mut Isolate, name: Bytes) -> Handler {
    with(isolate, 0, |driving, vm| {
        // SAFETY: the box hangs on the machine.
        let installed = unsafe { &*driving.installed };
        let name = text(name);
        let found = with_service(vm, installed, |service, vm| service.find(vm, &name));
        keep_handler(driving, vm, found.map(|found| found.unwrap_or(NIL)))
    })
}

unsafe extern "C" fn drop_handler(isolate: *mut Isolate, handler: Handler) {
    with(isolate, (), |driving, vm| {
        let Some(index) = (handler as usize).checked_sub(1) else {
            return;
        };
        let kept = driving
            .handlers
            .borrow_mut()
            .get_mut(index)
            .and_then(Option::take);
        if let Some(kept) = kept {
            vm.release(kept);
            driving.free.borrow_mut().push(index);
        }
    });
}

unsafe extern "C" fn poll(isolate: *mut Isolate, waker: *const Waker) -> i32 {
    with(isolate, abi::STOPPED, |driving, vm| {
        // SAFETY: kernels pass a waker that lives through the call.
        let progress = vm.drive_letters(unsafe { WakerRef::new(waker) });
        // SAFETY: the box hangs on the machine.
        let is_replaced = install::has_successor(unsafe { &*driving.installed });
        let bit = |is_set: bool, bit: i32| if is_set { bit } else { abi::IDLE };
        bit(progress.is_more, abi::MORE)
            | bit(progress.is_stopped, abi::STOPPED)
            | bit(is_replaced, abi::REPLACED)
    })
}

unsafe extern "C" fn enter(isolate: *mut Isolate, run: abi::Enter, data: *mut c_void) -> i32 {
    with(isolate, 0, |driving, vm| {
        // SAFETY: the kernel passes a function with its data.
        in_context(driving, vm, |cx| unsafe { run(cx, data) });
        forget_error(vm);
        1
    })
}

/// What was raised where nobody takes an error.
fn forget_error(vm: &mut Vm) {
    vm.settle_memory_error();
    vm.pending = NIL;
}

unsafe extern "C" fn rest(isolate: *mut Isolate) {
    with(isolate, (), |_, vm| vm.rest());
}

unsafe extern "C" fn usage(isolate: *mut Isolate, out: *mut Usage) -> i32 {
    with(isolate, 0, |_, vm| {
        let used = Usage {
            size: size_of::<Usage>() as u32,
            reserved: 0,
            heap_bytes: vm.heap.used_bytes() as u64,
            n_fibers: vm.n_fibers() as u64,
            n_driven: vm.n_driven() as u64,
        };
        crate::machine::answer(out, Some(used))
    })
}

/// # Safety
/// The pointer is null, or that of limits whose size says how much of them there is.
unsafe fn allowance(limits: *const FiberLimits) -> Allowance {
    // SAFETY: the caller says so.
    match unsafe { limits.as_ref() } {
        Some(limits) if limits.size as usize >= size_of::<FiberLimits>() => Allowance {
            fuel: (limits.fuel > 0).then_some(limits.fuel),
            time: (limits.deadline_ns > 0).then(|| Duration::from_nanos(limits.deadline_ns)),
            memory_bytes: (limits.memory_bytes > 0).then_some(limits.memory_bytes as usize),
        },
        _ => Allowance::default(),
    }
}

unsafe extern "C" fn fiber_start(
    isolate: *mut Isolate,
    handler: Handler,
    limits: *const FiberLimits,
    make: abi::MakeArguments,
    data: *mut c_void,
) -> FiberToken {
    with(isolate, 0, |driving, vm| {
        // SAFETY: kernels pass null, or limits that live through the call.
        let allowance = unsafe { allowance(limits) };
        // Before the arguments are made: code of a new release may be carried out, and values move.
        let link = link_of_release(driving, vm);
        let mut arguments = [NIL; MAX_ARGUMENTS];
        let room = arguments.as_mut_ptr();
        // SAFETY: the kernel passes a function with its data, and writes at most as many words as it is told.
        let n = in_context(driving, vm, |cx| unsafe {
            make(cx, room, MAX_ARGUMENTS as u32, data)
        });
        let Some(arguments) = usize::try_from(n).ok().and_then(|n| arguments.get(..n)) else {
            let raise = raised(vm);
            return vm.start_ended(raise);
        };
        forget_error(vm);
        let handlers = driving.handlers.borrow();
        let kept = (handler as usize)
            .checked_sub(1)
            .and_then(|index| handlers.get(index)?.as_ref());
        match kept {
            Some(kept) => vm.start_driven_under(link, vm.kept(kept), arguments, &allowance),
            None => {
                let raise = vm.raise("kernel/handler", "there is no such function in this isolate");
                vm.start_ended(raise)
            }
        }
    })
}

/// The link of the release that answers now.
fn link_of_release(driving: &Driving, vm: &mut Vm) -> LinkId {
    // SAFETY: the box hangs on the machine.
    let installed = unsafe { &*driving.installed };
    match &installed.shared.services.isolates {
        Some(isolates) => isolates.link(vm),
        None => OWN_LINK,
    }
}

unsafe extern "C" fn fiber_poll(isolate: *mut Isolate, fiber: FiberToken, waker: *const Waker) -> i32 {
    with(isolate, abi::UNKNOWN, |_, vm| {
        // SAFETY: kernels pass a waker that lives through the call.
        match vm.poll_driven(fiber, unsafe { WakerRef::new(waker) }) {
            Polled::Pending => abi::PENDING,
            Polled::Ended => abi::DONE,
            Polled::Unknown => abi::UNKNOWN,
        }
    })
}

unsafe extern "C" fn fiber_take(
    isolate: *mut Isolate,
    fiber: FiberToken,
    visit: abi::VisitAnswer,
    data: *mut c_void,
) -> i32 {
    with(isolate, 0, |driving, vm| {
        let is_taken = vm.take_driven(fiber, |vm, outcome| {
            let (word, is_error) = match outcome {
                Ok(word) => (word, 0),
                Err(error) => (error, 1),
            };
            // SAFETY: the kernel passes a function with its data.
            within(driving, vm, |cx| unsafe { visit(cx, word, is_error, data) });
        });
        forget_error(vm);
        i32::from(is_taken)
    })
}

unsafe extern "C" fn fiber_cancel(isolate: *mut Isolate, fiber: FiberToken) -> i32 {
    with(isolate, 0, |_, vm| i32::from(vm.cancel_driven(fiber)))
}

unsafe extern "C" fn fiber_drop(isolate: *mut Isolate, fiber: FiberToken) {
    with(isolate, (), |_, vm| vm.drop_driven(fiber));
}
