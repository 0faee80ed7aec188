//! The machine of one isolate: what it owns, and how an embedder calls into it.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

use sup_abi::word::{NIL, Word};
use sup_code::Insn;

use crate::collect::{Extent, Roots};
use crate::error::{Outcome, Raise};
use crate::fiber::{Fiber, FiberId};
use crate::heap::Heap;
use crate::interp::Handlers;
use crate::primitives::PrimitiveEntry;
use crate::schedule::Inbox;

/// Limits of an isolate. There is no default: whoever makes an isolate says what it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Heap and everything it keeps alive, in bytes.
    pub memory_bytes: usize,
    /// Calls and turns of loops that one run may make.
    pub fuel: u64,
    /// Time that one run may take, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// Calls that may be open at once.
    pub depth: usize,
    /// Fibers alive at once.
    pub fibers: usize,
    /// Isolates alive at once that this one has started, and those have.
    pub isolates: usize,
}

impl Limits {
    /// Limits of a program that a person starts: a gigabyte, a million open calls, time and fuel without end.
    #[must_use]
    pub const fn generous() -> Limits {
        Limits {
            memory_bytes: 1 << 30,
            fuel: u64::MAX,
            deadline_ms: None,
            depth: 1_000_000,
            fibers: 100_000,
            isolates: 1024,
        }
    }
}

/// State of the loop between instructions, saved when it leaves the handlers.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Registers {
    pub pc: *const Insn,
    pub base: *mut Word,
    /// Where the next return address goes.
    pub frame: *mut *const Insn,
    pub fuel: i64,
}

/// What a primitive asks of the machine when it answers `THROW` without raising.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Signal {
    /// Nothing: it raised.
    None,
    /// Call a function in place of the primitive; the arguments are a list.
    Call {
        /// The function.
        callee: Word,
        /// The list of its arguments.
        arguments: Word,
    },
    /// Park the fiber until the promise is settled; its value is the primitive's answer.
    Park(FiberId),
    /// Let other fibers run; the primitive's answer is nil.
    Yield,
}

/// One isolate: heap, link, fibers. Used by one thread at a time.
#[repr(C)]
pub struct Vm {
    /// Its heap.
    pub heap: Heap,
    pub(crate) cells_start: *mut Word,
    pub(crate) primitives_start: *const PrimitiveEntry,
    /// Address in the stack after which the machine asks for more; a window always fits beyond it.
    pub(crate) stack_soft: *mut Word,
    pub(crate) frame_end: *mut *const Insn,
    pub(crate) handlers: Handlers,
    pub(crate) registers: Registers,
    /// The primitive that runs.
    pub(crate) running_primitive: u32,
    /// The error value of the last `Raise`.
    pub pending: Word,
    pub(crate) result: Word,
    /// What the last primitive asks for.
    pub signal: Signal,
    /// Set when an allocation failed for want of memory; the machine collects and tries again or raises `vm/memory`.
    pub(crate) out_of_memory: bool,
    pub(crate) cells: Vec<Word>,
    pub(crate) primitives: Arc<Vec<PrimitiveEntry>>,
    pub(crate) permits: crate::permit::Permits,
    pub(crate) limits: Limits,
    pub(crate) fibers: crate::schedule::Fibers,
    pub(crate) driven: crate::driven::Driven,
    pub(crate) accounts: crate::account::Accounts,
    pub(crate) fiber: Option<Box<Fiber>>,
    /// It has given back what it does not need to wait.
    pub(crate) is_resting: bool,
    /// Words that the host keeps alive.
    pub(crate) handles: Vec<Word>,
    free_handles: Vec<usize>,
    pub(crate) native_arguments_end: *mut Word,
    /// Slots of the native calls that run, the innermost last; the host room pushes and truncates.
    pub native_slots: Vec<Word>,
    pub(crate) n_native_calls: u32,
    pub(crate) handler_floor: usize,
    pub(crate) fuel_left: u64,
    pub(crate) fuel_slice: i64,
    pub(crate) deadline: Option<Instant>,
    pub(crate) interrupt: Arc<AtomicU32>,
    pub(crate) inbox: Arc<Inbox>,
    /// State of each kernel, by the index in its primitives' entries; opaque to the machine.
    pub kernel_states: Vec<*mut std::ffi::c_void>,
    /// What the host hangs on the machine; natives of the host find their way home by it.
    pub host: Option<Box<dyn std::any::Any>>,
    pub(crate) stress: bool,
    pub(crate) fuel_used: u64,
    pub(crate) profile: Option<Box<crate::profile::Profile>>,
    /// Number of the program that the isolate is a part of, under which is remembered what its code uses.
    pub program: u64,
    /// What the host room hangs on the machine; dropped after the heap with its resources.
    pub attached: Vec<Box<dyn std::any::Any>>,
    /// The image that isolates were last started from.
    pub(crate) imaged: crate::image::Imaged,
    /// The values of module variables in the links that do not run.
    pub(crate) links: crate::link::Links,
    /// Why module variables have no value here that had one in the image that this isolate began as.
    pub(crate) missing: Arc<std::collections::HashMap<u32, String>>,
}

impl Vm {
    /// An isolate with those limits, the machine's own primitives, and nothing else.
    #[must_use]
    pub fn new(limits: Limits) -> Box<Vm> {
        let mut vm = Vm::with_primitives(limits, Arc::default());
        for primitive in crate::natives::TABLES.iter().flat_map(|table| table.iter()) {
            crate::natives::register(&mut vm, primitive, 0);
        }
        vm
    }

    pub(crate) fn with_primitives(limits: Limits, primitives: Arc<Vec<PrimitiveEntry>>) -> Box<Vm> {
        let mut vm = Box::new(Vm {
            heap: Heap::new(limits.memory_bytes),
            cells_start: std::ptr::null_mut(),
            primitives_start: std::ptr::null(),
            stack_soft: std::ptr::null_mut(),
            frame_end: std::ptr::null_mut(),
            handlers: crate::interp::standard_link().clone(),
            registers: Registers {
                pc: std::ptr::null(),
                base: std::ptr::null_mut(),
                frame: std::ptr::null_mut(),
                fuel: 0,
            },
            running_primitive: 0,
            pending: NIL,
            result: NIL,
            signal: Signal::None,
            out_of_memory: false,
            cells: Vec::new(),
            primitives,
            permits: crate::permit::Permits::default(),
            limits,
            fibers: crate::schedule::Fibers::default(),
            driven: crate::driven::Driven::default(),
            accounts: crate::account::Accounts::new(limits.memory_bytes),
            fiber: None,
            is_resting: false,
            handles: Vec::new(),
            free_handles: Vec::new(),
            native_slots: Vec::new(),
            native_arguments_end: std::ptr::null_mut(),
            n_native_calls: 0,
            handler_floor: 0,
            fuel_left: limits.fuel,
            fuel_slice: 0,
            deadline: None,
            interrupt: Arc::new(AtomicU32::new(0)),
            inbox: Arc::default(),
            kernel_states: vec![std::ptr::null_mut()],
            host: None,
            stress: false,
            fuel_used: 0,
            profile: None,
            program: 0,
            attached: Vec::new(),
            imaged: crate::image::Imaged::default(),
            links: crate::link::Links::default(),
            missing: Arc::default(),
        });
        vm.refresh_link();
        vm
    }

    /// A machine for the tests of this crate's inner rooms.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Box<Vm> {
        Vm::new(Limits::generous())
    }

    /// Collects at every safepoint from now on.
    pub fn set_stress(&mut self) {
        self.stress = true;
        self.heap.set_stress();
    }

    /// Whether the machine collects at every safepoint.
    #[must_use]
    pub fn is_stressed(&self) -> bool {
        self.stress
    }

    /// Changes the limits; they hold from the next run on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.accounts.base_quota = limits.memory_bytes;
        self.apply_quota();
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The limits less what the running run has used of its fuel and its time.
    #[must_use]
    pub fn limits_left(&self) -> Limits {
        let ms_left = |deadline: Instant| {
            let left = deadline.saturating_duration_since(Instant::now()).as_millis();
            u64::try_from(left).unwrap_or(u64::MAX).max(1)
        };
        Limits {
            fuel: self.fuel_left,
            deadline_ms: self.deadline.map(ms_left),
            memory_bytes: self.memory_limit(),
            ..self.limits
        }
    }

    /// The switch that interrupts a run from another thread: store [`INTERRUPT`] into it.
    #[must_use]
    pub fn interrupt_switch(&self) -> Arc<AtomicU32> {
        self.interrupt.clone()
    }

    /// Fuel used by all runs so far.
    #[must_use]
    pub fn fuel_used(&self) -> u64 {
        self.fuel_used
    }

    /// Name of the primitive that runs or ran last.
    #[must_use]
    pub fn running_primitive_name(&self) -> &'static str {
        crate::primitives::name(self.running_primitive)
    }

    /// Number of the primitive that runs or ran last.
    #[must_use]
    pub fn running_primitive_id(&self) -> u32 {
        self.running_primitive
    }

    /// The kernel state of the primitive that runs.
    #[must_use]
    pub fn running_kernel_state(&self) -> *mut std::ffi::c_void {
        let kernel = self.primitive(self.running_primitive).kernel;
        self.kernel_states
            .get(kernel as usize)
            .copied()
            .unwrap_or(std::ptr::null_mut())
    }

    pub(crate) fn refresh_link(&mut self) {
        self.cells_start = self.cells.as_mut_ptr();
        self.primitives_start = self.primitives.as_ptr();
    }

    /// Keeps a word alive and current until it is dropped; answers its place.
    pub fn keep(&mut self, word: Word) -> Kept {
        if let Some(index) = self.free_handles.pop() {
            self.handles[index] = word;
            return Kept(index);
        }
        self.handles.push(word);
        Kept(self.handles.len() - 1)
    }

    /// The word that is kept.
    #[must_use]
    pub fn kept(&self, kept: &Kept) -> Word {
        self.handles[kept.0]
    }

    /// Stops keeping a word.
    pub fn release(&mut self, kept: Kept) {
        self.handles[kept.0] = sup_abi::word::UNDEFINED;
        self.free_handles.push(kept.0);
    }

    /// Collects now. Only between runs or at a safepoint.
    pub fn collect(&mut self, extent: Extent) {
        let roots = self.roots();
        self.heap.collect(&roots, extent);
        self.clear_above_top();
        self.profile_collected();
    }

    /// Collects the nursery and gives its memory back, and that of stacks beyond what their fibers use; for an isolate with
    /// nothing to do.
    pub fn rest(&mut self) {
        let roots = self.roots();
        self.heap.rest(&roots);
        self.clear_above_top();
        self.fibers.rest();
        for fiber in self.driven.resting() {
            fiber.rest();
        }
    }

    fn roots(&mut self) -> Roots {
        let mut roots = self.shared_roots();
        self.park_registers();
        if let Some(fiber) = &mut self.fiber {
            fiber.add_roots(&mut roots);
        }
        self.fibers.add_roots(&mut roots);
        for fiber in self.driven.resting() {
            fiber.add_roots(&mut roots);
        }
        roots
    }

    /// What belongs to no fiber.
    pub(crate) fn shared_roots(&mut self) -> Roots {
        let mut roots = Roots::default();
        roots.add(self.cells.as_mut_ptr(), self.cells.len());
        roots.add(self.handles.as_mut_ptr(), self.handles.len());
        roots.add(self.native_slots.as_mut_ptr(), self.native_slots.len());
        self.imaged.add_roots(&mut roots);
        self.links.add_roots(&mut roots);
        roots.add(&raw mut self.pending, 1);
        roots.add(&raw mut self.result, 1);
        if let Signal::Call { callee, arguments } = &mut self.signal {
            roots.add(callee, 1);
            roots.add(arguments, 1);
        }
        self.fibers.add_endings(&mut roots);
        for ending in self.driven.endings() {
            roots.add(ending.word_mut(), 1);
        }
        roots
    }

    /// Copies the loop's registers into the running fiber, so that whoever looks at it sees its true extent.
    pub(crate) fn park_registers(&mut self) {
        if let Some(fiber) = &mut self.fiber {
            fiber.registers = self.registers;
            fiber.stack_soft = self.stack_soft;
        }
    }

    fn clear_above_top(&mut self) {
        let resting = self.fibers.resting().chain(self.driven.resting());
        self.heap.stack_bytes = resting.map(|fiber| fiber.settle()).sum();
        if let Some(fiber) = &mut self.fiber {
            fiber.clear_above_top();
            self.stack_soft = fiber.stack_soft;
            fiber.counted = 0;
            self.count_stack();
        }
    }

    /// Counts the stack of the running fiber as it is now.
    pub(crate) fn count_stack(&mut self) {
        if let Some(fiber) = &mut self.fiber {
            let now = fiber.stack_bytes();
            let before = std::mem::replace(&mut fiber.counted, now);
            self.heap.stack_bytes = self.heap.stack_bytes.saturating_sub(before) + fiber.counted;
        }
    }

    /// Calls a function with those arguments and runs until it answers; the whole of limits applies to the call.
    ///
    /// # Errors
    /// When it raises; the error value is in `pending`.
    pub fn call(&mut self, callee: Word, arguments: &[Word]) -> Outcome {
        if self.fiber.is_some() {
            return self.call_from_native(callee, arguments);
        }
        let outer = (self.fuel_left, self.deadline);
        self.fuel_left = self.limits.fuel;
        self.deadline = self
            .limits
            .deadline_ms
            .map(|ms| Instant::now() + std::time::Duration::from_millis(ms));
        let alarm = self
            .deadline
            .map(|deadline| crate::clock::set(deadline, &self.interrupt));
        let link = self.link();
        let outcome = self.spawn(callee, arguments).and_then(|id| self.run_until(id));
        self.enter_link(link);
        drop(alarm);
        (self.fuel_left, self.deadline) = outer;
        outcome
    }

    /// The error value of the last `Raise`, taken out.
    pub fn take_error(&mut self, _raise: Raise) -> Word {
        std::mem::replace(&mut self.pending, NIL)
    }
}

/// The place of a word that is kept alive.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept(usize);

/// The bit of the interrupt switch that stops runs. It stays set until whoever set it clears it, since a run may end and the
/// next begin between its being set and its being seen.
pub const INTERRUPT: u32 = 1;
