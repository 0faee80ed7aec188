//! Calls in full: primitives as values, argument lists that must be arranged, growth of the stack, `apply`.
#![allow(unsafe_code)]

use sup_abi::word::{Immediate, NIL, THROW, Word, is_immediate, payload};
use sup_code::{Insn, Op, Tail};

use crate::error::{Outcome, Raise};
use crate::fast::{FUEL_UNIT, IS_FUELED};
use crate::fiber::WINDOW_WORDS;
use crate::interp::Exit;
use crate::object::{Kind, Obj, kind_of};
use crate::primitives;
use crate::slow::{Carried, Flow};
use crate::unit::FunctionMeta;
use crate::vm::{Signal, Vm};

/// Most arguments that one call may have.
pub const MAX_ARGUMENTS: usize = 60_000;
/// The flag of a primitive that has no effect, as the wall defines it.
const PURE: u32 = sup_abi::kernel::flags::PURE;
/// Calls from native code into the machine that may be open at once.
const MAX_NATIVE_CALLS: u32 = 64;

/// Returns of `apply`: entry `n` is for a window of `n` registers. The answer goes where the apply instruction, which the
/// frame below names, wants it.
static APPLIED: [[Insn; 2]; 256] = {
    let mut table = [[Insn::new(Op::Halt, 0, 1, 0, 0); 2]; 256];
    let mut n = 0;
    while n < 256 {
        table[n][0] = Insn::new(Op::Call, n as u8, 0, 0, 0);
        n += 1;
    }
    table
};

/// Where a primitive called in tail position goes on: entry `a` returns register `a`.
static RETURNS: [[Insn; 2]; 256] = {
    let mut table = [[Insn::new(Op::Call, 0, 0, 0, 0); 2]; 256];
    let mut a = 0;
    while a < 256 {
        table[a] = [
            Insn::new(Op::Call, a as u8, 0, 0, 0),
            Insn::new(Op::Return, a as u8, 0, 0, 0),
        ];
        a += 1;
    }
    table
};

/// Bytes by which stacks may exceed the quota until the next safepoint.
const STACK_LEEWAY: usize = 256 * 1024;

impl Vm {
    pub(crate) fn call_slow(&mut self, op: Op, i: Insn) -> Carried {
        if IS_FUELED && self.registers.fuel <= 0 {
            self.step_back();
            return self.out_of_fuel();
        }
        if self.heap.wants_collection {
            self.safepoint()?;
        }
        let callee = self.callee(op, i)?;
        let argc = i.b() as usize;
        if let Some(id) = primitive_id(callee) {
            return self.call_primitive_in_place(id, i.a(), argc);
        }
        self.set_r(i.a(), callee);
        // SAFETY: the verifier has checked that the arguments lie in the window.
        let base = unsafe { self.registers.base.add(i.a() as usize + 1) };
        self.open_frame(callee, base, argc)
    }

    fn callee(&mut self, op: Op, i: Insn) -> Outcome {
        match op {
            Op::CallCell | Op::TailCell | Op::EnterCell => {
                let callee = self.cells[i.d() as usize];
                if callee == sup_abi::word::UNDEFINED {
                    return Err(self.raise_unbound_cell(i.d() as u32));
                }
                Ok(callee)
            }
            Op::CallPrim => Ok(primitives::value(i.d() as u32)),
            // SAFETY: the word before the window is the running closure.
            Op::CallSelf | Op::TailSelf => Ok(unsafe { *self.registers.base.sub(1) }),
            _ => Ok(self.r(i.a())),
        }
    }

    /// Pushes the return address and enters `callee`, whose `argc` arguments lie at `base`.
    fn open_frame(&mut self, callee: Word, base: *mut Word, argc: usize) -> Carried {
        if self.registers.frame >= self.frame_end {
            return Err(self.raise_depth());
        }
        self.grow_stack_to(base, argc)?;
        self.enter(callee, base, argc)?;
        let registers = &mut self.registers;
        registers.fuel -= FUEL_UNIT;
        // SAFETY: `frame` is below the end of the frames.
        unsafe {
            *registers.frame = registers.pc;
            registers.frame = registers.frame.add(1);
        }
        registers.base = base;
        registers.pc = entry_of(callee);
        Ok(Flow::Continue)
    }

    /// Makes the call that a fiber begins with: callee in register 0, arguments after it.
    pub(crate) fn open_first_frame(&mut self, callee: Word, argc: usize) -> Carried {
        if let Some(id) = primitive_id(callee) {
            return self.call_primitive_in_place(id, 0, argc);
        }
        // SAFETY: the first window holds callee and arguments.
        let base = unsafe { self.registers.base.add(1) };
        self.open_frame(callee, base, argc)
    }

    /// Makes sure that a window at `base` with `argc` arguments fits the stack.
    fn grow_stack_to(&mut self, base: *mut Word, argc: usize) -> Result<(), Raise> {
        // SAFETY: compared only.
        let needed = base.wrapping_add(argc);
        if needed > self.stack_soft {
            self.park_registers();
            if !self.running_fiber().grow_stack(needed) {
                return Err(self.raise_depth());
            }
            self.stack_soft = self.running_fiber().stack_soft;
            self.count_stack();
            // A safepoint comes soon, and collects and raises then. What does not come to one is stopped here.
            if !self.heap.has_room(0) && !self.heap.has_room_beyond(STACK_LEEWAY) {
                return Err(self.raise_memory());
            }
        }
        Ok(())
    }

    fn raise_depth(&mut self) -> Raise {
        let depth = self.limits.depth;
        self.raise(
            "vm/depth",
            &format!("calls are nested too deep: the limit is {depth} open calls"),
        )
    }

    /// Arranges the arguments at `base` as the closure's parameter list wants them. Raises in the caller's frame.
    fn enter(&mut self, callee: Word, base: *mut Word, argc: usize) -> Result<(), Raise> {
        let Some(meta) = FunctionMeta::of_callee(callee) else {
            return Err(self.raise_not_callable(callee));
        };
        let parameters = meta.parameters;
        let (required, optional) = (parameters.n_required as usize, parameters.n_optional as usize);
        if argc < required || (argc > required + optional && parameters.tail == Tail::None) {
            return Err(self.raise_arity(meta, argc));
        }
        // SAFETY: `grow_stack_to` made room for the arguments and a window after them.
        unsafe {
            for index in argc..required + optional {
                *base.add(index) = NIL;
            }
            let named = required + optional;
            let rest = std::slice::from_raw_parts(base.add(named), argc.saturating_sub(named));
            let tail = match parameters.tail {
                Tail::None => return Ok(()),
                Tail::Rest => self.new_list(2, rest)?,
                Tail::Keys => self.keys_map(rest)?,
            };
            *base.add(named) = tail;
        }
        Ok(())
    }

    fn keys_map(&mut self, rest: &[Word]) -> Outcome {
        let keyed = rest
            .chunks(2)
            .all(|pair| pair.len() == 2 && is_immediate(pair[0], Immediate::Keyword));
        if !keyed {
            return Err(self.raise(
                "call/keys",
                "after its named parameters this function takes keywords, each with a value",
            ));
        }
        self.new_map(rest)
    }

    fn raise_not_callable(&mut self, callee: Word) -> Raise {
        let text = self.repr(callee);
        self.raise_data("call/not-callable", &format!("{text} is not a function"), callee)
    }

    fn raise_arity(&mut self, meta: &FunctionMeta, argc: usize) -> Raise {
        let parameters = meta.parameters;
        let (least, most) = (
            parameters.n_required,
            parameters.n_required + parameters.n_optional,
        );
        let wanted = match parameters.tail {
            Tail::None if least == most => format!("{least}"),
            Tail::None => format!("{least} to {most}"),
            _ => format!("at least {least}"),
        };
        let name = &meta.function().name;
        let name = if name.is_empty() {
            "this function"
        } else {
            name.as_str()
        };
        self.raise(
            "call/arity",
            &format!("{name} takes {wanted} argument(s), got {argc}"),
        )
    }

    /// Runs a primitive whose arguments follow register `a`, and puts the answer there.
    fn call_primitive_in_place(&mut self, id: u32, a: u8, argc: usize) -> Carried {
        // SAFETY: the verifier has checked that the arguments lie in the window.
        let argv = unsafe { self.registers.base.add(a as usize + 1) };
        match self.run_primitive(id, argc, argv)? {
            Some(word) => {
                self.set_r(a, word);
                self.safepoint()?;
                Ok(Flow::Continue)
            }
            None => self.obey(a),
        }
    }

    /// Runs a primitive: its answer, or nothing when it left a signal.
    pub(crate) fn run_primitive(
        &mut self,
        id: u32,
        argc: usize,
        argv: *const Word,
    ) -> Result<Option<Word>, Raise> {
        let entry = self.primitive(id);
        if argc < entry.min.into() || (entry.max != primitives::ANY_NUMBER && argc > entry.max.into()) {
            let wanted = match entry.max {
                primitives::ANY_NUMBER => format!("at least {}", entry.min),
                max if max == entry.min => format!("{max}"),
                max => format!("{} to {max}", entry.min),
            };
            let name = primitives::name(id);
            return Err(self.raise(
                "call/arity",
                &format!("{name} takes {wanted} argument(s), got {argc}"),
            ));
        }
        for attempt in 0..2 {
            self.running_primitive = id;
            // SAFETY: the arguments lie on the fiber's stack, which no primitive frees.
            let answer = unsafe { (entry.run)(self, argc as u32, argv) };
            if answer != THROW {
                return Ok(Some(answer));
            }
            if self.signal != Signal::None {
                return Ok(None);
            }
            if !self.out_of_memory || attempt == 1 || !may_run_again(entry) {
                break;
            }
            self.out_of_memory = false;
            self.collect(crate::collect::Extent::Everything);
        }
        Err(self.check_raised())
    }

    /// A primitive that answers `THROW` without having raised raises this.
    fn check_raised(&mut self) -> Raise {
        if self.pending == NIL && !self.out_of_memory {
            let name = primitives::name(self.running_primitive);
            return self.raise(
                "kernel/throw",
                &format!("{name} said that it raised, and did not"),
            );
        }
        Raise
    }

    /// After a body's primitive answered `THROW`: `pc` is past the call.
    #[inline(never)]
    pub(crate) fn after_throw(&mut self) -> Flow {
        // SAFETY: `pc` is past an instruction.
        let insn = unsafe { *self.registers.pc.sub(1) };
        let id = if insn.op() == Some(Op::CallPrim) {
            insn.d() as u32
        } else {
            primitive_id(self.r(insn.a())).expect("a body leaves the primitive that it calls in its register")
        };
        let carried = if self.signal != Signal::None {
            self.obey(insn.a())
        } else if self.out_of_memory && may_run_again(self.primitive(id)) {
            self.out_of_memory = false;
            self.collect(crate::collect::Extent::Everything);
            self.call_primitive_in_place(id, insn.a(), insn.b() as usize)
        } else {
            Err(self.check_raised())
        };
        carried.unwrap_or_else(|raise| self.unwind(raise))
    }

    /// Does what a primitive asked for; the answer goes to register `a`.
    fn obey(&mut self, a: u8) -> Carried {
        match std::mem::replace(&mut self.signal, Signal::None) {
            Signal::None => Err(Raise),
            Signal::Call { callee, arguments } => {
                // SAFETY: a window always fits beyond its base.
                let base = unsafe { self.registers.base.add(a as usize + 1) };
                let argc = self.spread(arguments, base)?;
                if let Some(id) = primitive_id(callee) {
                    return self.call_primitive_in_place(id, a, argc);
                }
                self.set_r(a, callee);
                self.open_frame(callee, base, argc)
            }
            Signal::Park(id) => self.park(id),
            Signal::Yield => {
                self.set_r(a, NIL);
                Ok(Flow::Leave(Exit::Yield))
            }
        }
    }

    /// Lays the elements of a list out at `base`; answers how many.
    fn spread(&mut self, arguments: Word, base: *mut Word) -> Result<usize, Raise> {
        let Some(items) = self.list_items(arguments) else {
            return Err(self.raise_data(
                "type/mismatch",
                "the arguments to apply must be a list",
                arguments,
            ));
        };
        if items.len() > MAX_ARGUMENTS {
            return Err(self.raise(
                "call/too-many-arguments",
                &format!("a call has at most {MAX_ARGUMENTS} arguments"),
            ));
        }
        self.grow_stack_to(base, items.len())?;
        for (index, word) in items.iter().enumerate() {
            // SAFETY: `grow_stack_to` made room.
            unsafe { *base.add(index) = *word };
        }
        Ok(items.len())
    }

    pub(crate) fn tail_slow(&mut self, op: Op, i: Insn) -> Carried {
        if IS_FUELED && self.registers.fuel <= 0 {
            self.step_back();
            return self.out_of_fuel();
        }
        let callee = self.callee(op, i)?;
        let argc = i.b() as usize;
        if let Some(id) = primitive_id(callee) {
            return self.in_tail_position(i.a(), |vm| vm.call_primitive_in_place(id, i.a(), argc));
        }
        if FunctionMeta::of_callee(callee).is_none() {
            return Err(self.raise_not_callable(callee));
        }
        let base = self.registers.base;
        // SAFETY: both ranges lie in the window; the arguments are arranged where they are, so that a wrong number of them
        // is told of this call, and then moved down.
        unsafe {
            let from = base.add(i.a() as usize + 1);
            self.grow_stack_to(from, argc)?;
            self.enter(callee, from, argc)?;
            let meta = FunctionMeta::of_callee(callee).expect("checked above");
            let n = window_arguments(meta);
            std::ptr::copy(from, base, n.max(argc));
            *base.sub(1) = callee;
        }
        self.registers.fuel -= FUEL_UNIT;
        self.registers.pc = entry_of(callee);
        Ok(Flow::Continue)
    }

    /// As a tail call whose arguments lie after the callee: they are moved up by one for it.
    pub(crate) fn enter_cell_slow(&mut self, i: Insn) -> Carried {
        if self.registers.fuel <= 0 {
            self.step_back();
            return self.out_of_fuel();
        }
        let argc = i.b() as usize;
        let base = self.registers.base;
        self.grow_stack_to(base.wrapping_add(1), argc)?;
        // SAFETY: the arguments lie in the window, and there is room for one word after it.
        unsafe { std::ptr::copy(base, base.add(1), argc) };
        self.tail_slow(Op::EnterCell, Insn::new(Op::EnterCell, 0, i.b(), 0, i.d()))
    }

    /// Has the primitive that an instruction stands for do its work: the operands are copied to where no register is.
    pub(crate) fn call_as_primitive(&mut self, i: Insn) -> Carried {
        self.safepoint()?;
        let (n, window) = self.room_above();
        // SAFETY: a window always fits beyond the running one.
        unsafe {
            *window = self.r(i.b());
            *window.add(1) = self.r(i.c());
        }
        self.apply_primitive(i.a(), i.d() as u32, 2, window, n)
    }

    /// The number of registers of the running function, and where a window after them begins.
    fn room_above(&self) -> (u8, *mut Word) {
        // SAFETY: the word before the window is the running closure; its window, and one more word, fit below the soft end
        // and the room beyond it.
        unsafe {
            let n = FunctionMeta::of_callee(*self.registers.base.sub(1)).map_or(0, |meta| meta.n_registers);
            (n, self.registers.base.add(n as usize + 1))
        }
    }

    /// Does something whose answer in register `a` the running function is to return.
    fn in_tail_position(&mut self, a: u8, act: impl FnOnce(&mut Vm) -> Carried) -> Carried {
        let pc = std::mem::replace(&mut self.registers.pc, &raw const RETURNS[a as usize][1]);
        let carried = act(self);
        if carried.is_err() {
            self.registers.pc = pc;
        }
        carried
    }

    pub(crate) fn apply_slow(&mut self, op: Op, i: Insn) -> Carried {
        if IS_FUELED && self.registers.fuel <= 0 {
            self.step_back();
            return self.out_of_fuel();
        }
        self.safepoint()?;
        let (callee, arguments) = match op {
            Op::Apply => (self.r(i.b()), self.r(i.c())),
            _ => (self.r(i.a()), self.r(i.b())),
        };
        let (n, window) = self.room_above();
        let argc = self.spread(arguments, window)?;
        if let Some(id) = primitive_id(callee) {
            return match op {
                Op::Apply => self.apply_primitive(i.a(), id, argc, window, n),
                _ => self.in_tail_position(i.a(), |vm| vm.apply_primitive(i.a(), id, argc, window, n)),
            };
        }
        if op == Op::TailApply {
            if FunctionMeta::of_callee(callee).is_none() {
                return Err(self.raise_not_callable(callee));
            }
            self.enter(callee, window, argc)?;
            // SAFETY: as in `tail_slow`.
            unsafe {
                let meta = FunctionMeta::of_callee(callee).expect("checked above");
                std::ptr::copy(window, self.registers.base, window_arguments(meta).max(argc));
                *self.registers.base.sub(1) = callee;
            }
            self.registers.fuel -= FUEL_UNIT;
            self.registers.pc = entry_of(callee);
            return Ok(Flow::Continue);
        }
        self.open_applied(callee, window, argc, n)
    }

    /// Opens two frames: the apply's own, and one whose return puts the answer where the apply wants it.
    fn open_applied(&mut self, callee: Word, window: *mut Word, argc: usize, n: u8) -> Carried {
        if (self.frame_end as usize - self.registers.frame as usize) / 8 < 2 {
            return Err(self.raise_depth());
        }
        let (saved_pc, saved_frame) = (self.registers.pc, self.registers.frame);
        // SAFETY: there is room for two return addresses, and for the callee before its window.
        unsafe {
            *window.sub(1) = callee;
            *saved_frame = saved_pc;
            self.registers.frame = saved_frame.add(1);
        }
        self.registers.pc = &raw const APPLIED[n as usize][1];
        let opened = self.open_frame(callee, window, argc);
        if opened.is_err() {
            self.registers.pc = saved_pc;
            self.registers.frame = saved_frame;
        }
        opened
    }

    fn apply_primitive(&mut self, a: u8, id: u32, argc: usize, argv: *mut Word, n: u8) -> Carried {
        self.native_arguments_end = argv.wrapping_add(argc);
        let answer = self.run_primitive(id, argc, argv);
        self.native_arguments_end = std::ptr::null_mut();
        if let Some(word) = answer? {
            self.set_r(a, word);
            return Ok(Flow::Continue);
        }
        match std::mem::replace(&mut self.signal, Signal::None) {
            Signal::Call { callee, arguments } => {
                let argc = self.spread(arguments, argv)?;
                match primitive_id(callee) {
                    Some(id) => self.apply_primitive(a, id, argc, argv, n),
                    None => self.open_applied(callee, argv, argc, n),
                }
            }
            Signal::Park(id) => self.park(id),
            Signal::Yield => {
                self.set_r(a, NIL);
                Ok(Flow::Leave(Exit::Yield))
            }
            Signal::None => Err(Raise),
        }
    }

    /// The machine's own instruction: the bottom of a fiber, or the return of an `apply`.
    pub(crate) fn halt(&mut self, i: Insn) -> Flow {
        if i.b() == 0 {
            self.result = self.r(0);
            return Flow::Leave(Exit::Halt);
        }
        // SAFETY: `open_applied` pushed the apply's own return address below.
        unsafe {
            let window = (*self.registers.pc.sub(2)).a();
            let answer = self.r(window);
            self.registers.frame = self.registers.frame.sub(1);
            self.registers.pc = *self.registers.frame;
            let apply = *self.registers.pc.sub(1);
            self.set_r(apply.a(), answer);
        }
        Flow::Continue
    }

    /// Calls back into the machine from native code and runs until the callee answers.
    pub(crate) fn call_from_native(&mut self, callee: Word, arguments: &[Word]) -> Outcome {
        if self.n_native_calls >= MAX_NATIVE_CALLS {
            return Err(self.raise(
                "vm/native-depth",
                "native functions call back into the program too deep",
            ));
        }
        if arguments.len() > WINDOW_WORDS / 2 {
            return Err(self.raise(
                "call/too-many-arguments",
                "a native function passes too many arguments",
            ));
        }
        let saved = self.registers;
        let saved_floor = self.handler_floor;
        let saved_primitive = self.running_primitive;
        self.handler_floor = self.running_fiber().handlers.len();
        self.n_native_calls += 1;
        self.profile_enters_native(saved, saved_primitive);
        let outcome = self.run_nested(callee, arguments);
        self.profile_leaves_native();
        self.n_native_calls -= 1;
        self.handler_floor = saved_floor;
        self.running_primitive = saved_primitive;
        self.registers = crate::vm::Registers {
            fuel: self.registers.fuel,
            ..saved
        };
        outcome
    }

    fn run_nested(&mut self, callee: Word, arguments: &[Word]) -> Outcome {
        let base = self
            .registers
            .base
            .wrapping_add(WINDOW_WORDS)
            .max(self.native_arguments_end.wrapping_add(1));
        self.grow_stack_to(base, WINDOW_WORDS)?;
        // SAFETY: the running window ends at most WINDOW_WORDS after its base, and the stack was grown to hold a window
        // and its arguments from there.
        unsafe {
            *base.sub(1) = sup_abi::word::UNDEFINED;
            *base = callee;
            for (index, word) in arguments.iter().enumerate() {
                *base.add(index + 1) = *word;
            }
        }
        if let Some(id) = primitive_id(callee) {
            let outer = std::mem::replace(
                &mut self.native_arguments_end,
                base.wrapping_add(1 + arguments.len()),
            );
            // SAFETY: as above.
            let answer = self.run_primitive(id, arguments.len(), unsafe { base.add(1) });
            self.native_arguments_end = outer;
            return answer?.ok_or_else(|| {
                self.signal = Signal::None;
                self.raise(
                    "vm/park-in-native",
                    "a function that waits was called from native code",
                )
            });
        }
        self.registers.base = base;
        self.registers.pc = &raw const crate::fiber::HALT[1];
        // SAFETY: as above.
        self.open_frame(callee, unsafe { base.add(1) }, arguments.len())?;
        loop {
            match self.enter_loop() {
                Exit::Halt => return Ok(self.result),
                Exit::Raised => return Err(Raise),
                // It cannot: native code holds the fiber.
                Exit::Yield => {
                    self.settle_fuel();
                    self.registers.fuel = self.next_slice();
                }
                Exit::Park => {
                    self.running_fiber().state = crate::fiber::FiberState::Runnable;
                    return Err(self.raise(
                        "vm/park-in-native",
                        "a function that waits was called from native code",
                    ));
                }
            }
        }
    }
}

/// Whether a primitive that ran out of memory may be run again after a collection: the machine's own allocate before they
/// change anything; a kernel's must say that they are pure.
fn may_run_again(entry: primitives::PrimitiveEntry) -> bool {
    entry.kernel == 0 || entry.flags & PURE != 0
}

/// Words that the arguments take in the callee's window once they are arranged.
fn window_arguments(meta: &FunctionMeta) -> usize {
    let parameters = meta.parameters;
    parameters.n_required as usize
        + parameters.n_optional as usize
        + usize::from(parameters.tail != Tail::None)
}

/// Where a closure's code begins.
fn entry_of(closure: Word) -> *const Insn {
    Obj::from_word(closure)
        .expect("the callee was found to be a closure")
        .get(1) as *const Insn
}

/// The number of a primitive, when the word is one.
pub(crate) fn primitive_id(word: Word) -> Option<u32> {
    is_immediate(word, Immediate::Primitive).then(|| payload(word))
}

/// Whether the word can be called.
#[must_use]
pub fn is_callable(word: Word) -> bool {
    primitive_id(word).is_some() || kind_of(word) == Some(Kind::Closure)
}
