//! The loop: how one instruction leads to the next.
//!
//! Each opcode that matters for speed has a body (`fast`), written once. From the bodies come both dispatchers: handlers
//! that call each other in tail position, with the machine's registers in the processor's (the one that ships), and a
//! plain `match` in a loop (`--features match-dispatch`, for tools that cannot follow the other). A body that meets
//! something it does not handle answers `Slow` before it has changed anything, and the instruction is carried out by
//! `slow` in plain Rust.
#![allow(unsafe_code)]
#![cfg_attr(
    feature = "match-dispatch",
    allow(dead_code, reason = "the `match` has no use for handlers")
)]

use sup_abi::word::Word;
use sup_code::{Insn, Op};

use crate::fast;
use crate::slow::Flow;
use crate::vm::{Registers, Vm};

/// Why the loop was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Exit {
    /// The bottom frame returned; the answer is in `result`.
    Halt = 0,
    /// Nothing handled the error in `pending`.
    Raised = 1,
    /// The slice is used up.
    Yield = 2,
    /// The fiber waits.
    Park = 3,
}

/// The registers of the loop as a body sees them: `pc` is past the instruction.
pub(crate) struct State {
    pub pc: *const Insn,
    pub base: *mut Word,
    pub vm: *mut Vm,
    pub frame: *mut *const Insn,
    pub fuel: i64,
}

/// What a body answers.
pub(crate) enum Step {
    /// Done; go on at `pc`.
    Next,
    /// Nothing was done; the slow path does it.
    Slow,
    /// Nothing was done; the opcode's rarer case does it.
    Second,
    /// A primitive answered `THROW`.
    Thrown,
    /// Done, and the heap wants a collection.
    Collect,
}

/// What an opcode does when all goes well.
pub(crate) trait Body {
    /// Whether there is a rarer case that is still better done here than on the slow path.
    const HAS_SECOND: bool = false;

    /// Carries out one instruction.
    ///
    /// # Safety
    /// `state` is that of a running verified chunk at this instruction.
    unsafe fn run(state: &mut State, at: Place) -> Step;

    /// The rarer case, kept out of line so that its registers do not burden the common one.
    ///
    /// # Safety
    /// As for `run`.
    unsafe fn second(_state: &mut State, _at: Place) -> Step {
        Step::Slow
    }
}

/// A handler: pc past the instruction, window, machine, frames, fuel. The C calling convention passes six arguments in
/// registers and leaves three more that need not be saved. Bodies live on what is left over: so the table of handlers lies in
/// the machine, and operands are read from the instruction where it stands, a byte a load.
pub type Handler = unsafe extern "C" fn(*const Insn, *mut Word, *mut Vm, *mut *const Insn, i64) -> u64;

/// The instruction that runs, where it stands in its function.
#[derive(Clone, Copy)]
pub(crate) struct Place(*const Insn);

impl Place {
    #[inline(always)]
    unsafe fn byte(self, index: usize) -> u8 {
        // SAFETY: a `Place` names an instruction of a loaded function, which is 8 bytes long.
        unsafe { *self.0.cast::<u8>().add(index) }
    }

    /// Field a.
    #[inline(always)]
    pub unsafe fn a(self) -> u8 {
        // SAFETY: as in `byte`.
        unsafe { self.byte(1) }
    }

    /// Field b.
    #[inline(always)]
    pub unsafe fn b(self) -> u8 {
        // SAFETY: as in `byte`.
        unsafe { self.byte(2) }
    }

    /// Field c.
    #[inline(always)]
    pub unsafe fn c(self) -> u8 {
        // SAFETY: as in `byte`.
        unsafe { self.byte(3) }
    }

    /// Fields b and c as one signed number.
    #[inline(always)]
    pub unsafe fn imm(self) -> i16 {
        // SAFETY: as in `byte`.
        unsafe { i16::from_le(*self.0.cast::<i16>().add(1)) }
    }

    /// Field d.
    #[inline(always)]
    pub unsafe fn d(self) -> i32 {
        // SAFETY: as in `byte`.
        unsafe { i32::from_le(*self.0.cast::<i32>().add(1)) }
    }
}

/// The table of handlers, one for each possible opcode number. Each machine has its own copy, at a fixed distance from its
/// start.
#[derive(Clone)]
#[repr(transparent)]
pub struct Handlers(pub(crate) [Handler; 256]);

unsafe extern "C" fn handler<B: Body>(
    pc: *const Insn,
    base: *mut Word,
    vm: *mut Vm,
    frame: *mut *const Insn,
    fuel: i64,
) -> u64 {
    // SAFETY: the machine enters the loop with the registers of a running verified chunk, and every body keeps them so:
    // `pc` stays on an instruction of the function, whose operands the verifier has checked against its window.
    unsafe {
        let mut state = State {
            pc,
            base,
            vm,
            frame,
            fuel,
        };
        match B::run(&mut state, Place(pc.sub(1))) {
            Step::Next => dispatch(state.pc, state.base, state.vm, state.frame, state.fuel),
            Step::Second if B::HAS_SECOND => second::<B>(pc, base, vm, frame, fuel),
            Step::Slow | Step::Second => slow(pc, base, vm, frame, fuel),
            Step::Thrown => thrown(state.pc, state.base, state.vm, state.frame, state.fuel),
            Step::Collect => collect(state.pc, state.base, state.vm, state.frame, state.fuel),
        }
    }
}

/// The rarer case of an opcode.
#[inline(never)]
unsafe extern "C" fn second<B: Body>(
    pc: *const Insn,
    base: *mut Word,
    vm: *mut Vm,
    frame: *mut *const Insn,
    fuel: i64,
) -> u64 {
    // SAFETY: as in `handler`.
    unsafe {
        let mut state = State {
            pc,
            base,
            vm,
            frame,
            fuel,
        };
        match B::second(&mut state, Place(pc.sub(1))) {
            Step::Next => dispatch(state.pc, state.base, state.vm, state.frame, state.fuel),
            Step::Collect => collect(state.pc, state.base, state.vm, state.frame, state.fuel),
            _ => slow(pc, base, vm, frame, fuel),
        }
    }
}

/// Goes on at `pc`: a jump, since it is called in tail position.
#[inline(always)]
unsafe fn dispatch(pc: *const Insn, base: *mut Word, vm: *mut Vm, frame: *mut *const Insn, fuel: i64) -> u64 {
    // SAFETY: as in `handler`.
    unsafe {
        let next = (&(*vm).handlers.0)[(*pc).op_number() as usize];
        next(pc.add(1), base, vm, frame, fuel)
    }
}

/// Carries an instruction out in plain Rust and goes on.
#[cold]
#[inline(never)]
unsafe extern "C" fn slow(
    pc: *const Insn,
    base: *mut Word,
    vm: *mut Vm,
    frame: *mut *const Insn,
    fuel: i64,
) -> u64 {
    // SAFETY: as in `handler`.
    unsafe {
        let machine = &mut *vm;
        machine.registers = Registers {
            pc,
            base,
            frame,
            fuel,
        };
        let flow = machine.slow_step(*pc.sub(1));
        resume(flow, vm)
    }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn thrown(
    pc: *const Insn,
    base: *mut Word,
    vm: *mut Vm,
    frame: *mut *const Insn,
    fuel: i64,
) -> u64 {
    // SAFETY: as in `handler`.
    unsafe {
        let machine = &mut *vm;
        machine.registers = Registers {
            pc,
            base,
            frame,
            fuel,
        };
        let flow = machine.after_throw();
        resume(flow, vm)
    }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn collect(
    pc: *const Insn,
    base: *mut Word,
    vm: *mut Vm,
    frame: *mut *const Insn,
    fuel: i64,
) -> u64 {
    // SAFETY: as in `handler`.
    unsafe {
        let machine = &mut *vm;
        machine.registers = Registers {
            pc,
            base,
            frame,
            fuel,
        };
        let flow = machine.collect_at_safepoint();
        resume(flow, vm)
    }
}

#[inline(always)]
unsafe fn resume(flow: Flow, vm: *mut Vm) -> u64 {
    // SAFETY: as in `handler`; the slow path leaves the registers as it found or moved them.
    unsafe {
        match flow {
            Flow::Continue => {
                let Registers {
                    pc,
                    base,
                    frame,
                    fuel,
                } = (*vm).registers;
                dispatch(pc, base, vm, frame, fuel)
            }
            Flow::Leave(exit) => exit as u64,
        }
    }
}

macro_rules! standard_handlers {
    ($($name:ident)*) => {
        {
            #[allow(unused_mut, reason = "the other dispatcher has no handlers")]
            let mut table: [Handler; 256] = [slow; 256];
            $(
                #[cfg(not(feature = "match-dispatch"))]
                {
                    table[Op::$name as usize] = handler::<fast::$name>;
                }
            )*
            table
        }
    };
}

static STANDARD: Handlers = Handlers(sup_code::for_each_op!(standard_handlers));

/// The table in which every intrinsic is the machine's own instruction.
pub(crate) fn standard_link() -> &'static Handlers {
    &STANDARD
}

/// Where a machine that is profiled enters each instruction: before it is carried out, the ticks that have come are
/// counted for the functions that are open.
unsafe extern "C" fn profiled(
    pc: *const Insn,
    base: *mut Word,
    vm: *mut Vm,
    frame: *mut *const Insn,
    fuel: i64,
) -> u64 {
    // SAFETY: as in `handler`; the machine's own table leads here, so that the next instruction comes here too.
    unsafe {
        if (*vm).has_ticks() {
            return profiled_tick(pc, base, vm, frame, fuel);
        }
        (STANDARD.0[(*pc.sub(1)).op_number() as usize])(pc, base, vm, frame, fuel)
    }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn profiled_tick(
    pc: *const Insn,
    base: *mut Word,
    vm: *mut Vm,
    frame: *mut *const Insn,
    fuel: i64,
) -> u64 {
    // SAFETY: as in `profiled`.
    unsafe {
        (*vm).record_ticks(pc.sub(1), base, frame);
        (STANDARD.0[(*pc.sub(1)).op_number() as usize])(pc, base, vm, frame, fuel)
    }
}

static PROFILING: Handlers = Handlers([profiled; 256]);

/// The table of a machine that is profiled.
pub(crate) fn profiling_link() -> &'static Handlers {
    &PROFILING
}

impl Vm {
    /// Runs from the saved registers until the loop is left.
    pub(crate) fn enter_loop(&mut self) -> Exit {
        let Registers {
            pc,
            base,
            frame,
            fuel,
        } = self.registers;
        // SAFETY: the registers were saved by the loop itself or prepared for a call of a verified function.
        let code = unsafe { run(pc, base, self, frame, fuel) };
        match code {
            0 => Exit::Halt,
            1 => Exit::Raised,
            2 => Exit::Yield,
            _ => Exit::Park,
        }
    }
}

#[cfg(not(feature = "match-dispatch"))]
unsafe fn run(pc: *const Insn, base: *mut Word, vm: *mut Vm, frame: *mut *const Insn, fuel: i64) -> u64 {
    // SAFETY: as in `handler`.
    unsafe { dispatch(pc, base, vm, frame, fuel) }
}

#[cfg(feature = "match-dispatch")]
unsafe fn run(pc: *const Insn, base: *mut Word, vm: *mut Vm, frame: *mut *const Insn, fuel: i64) -> u64 {
    // SAFETY: as in `handler`.
    let is_profiled = unsafe { (*vm).is_profiled() };
    let mut state = State {
        pc,
        base,
        vm,
        frame,
        fuel,
    };
    loop {
        // SAFETY: as in `handler`.
        unsafe {
            let at = state.pc;
            if is_profiled && (*vm).has_ticks() {
                (*vm).record_ticks(at, state.base, state.frame);
            }
            let insn = *at;
            state.pc = at.add(1);
            macro_rules! arms {
                ($($name:ident)*) => {
                    match insn.op_number() {
                        $(number if number == Op::$name as u8 => match fast::$name::run(&mut state, Place(at)) {
                            Step::Second => fast::$name::second(&mut state, Place(at)),
                            step => step,
                        },)*
                        _ => Step::Slow,
                    }
                };
            }
            let step = sup_code::for_each_op!(arms);
            if matches!(step, Step::Next) {
                continue;
            }
            let machine = &mut *vm;
            let pc = if matches!(step, Step::Slow | Step::Second) {
                at.add(1)
            } else {
                state.pc
            };
            machine.registers = Registers {
                pc,
                base: state.base,
                frame: state.frame,
                fuel: state.fuel,
            };
            let flow = match step {
                Step::Next | Step::Slow | Step::Second => machine.slow_step(insn),
                Step::Thrown => machine.after_throw(),
                Step::Collect => machine.collect_at_safepoint(),
            };
            match flow {
                Flow::Leave(exit) => return exit as u64,
                Flow::Continue => {
                    let registers = machine.registers;
                    state = State {
                        pc: registers.pc,
                        base: registers.base,
                        vm,
                        frame: registers.frame,
                        fuel: registers.fuel,
                    };
                }
            }
        }
    }
}
