//! Calls and returns.
#![allow(unsafe_code)]
#![allow(non_camel_case_types)]

use sup_abi::word::{NIL, THROW, Word, is_pointer};
use sup_code::{Insn, Tail};

use super::{FUEL_UNIT, IS_FUELED, is_kind, low};
use crate::calls::primitive_id;
use crate::interp::{Body, Place, State, Step};
use crate::object::Kind;
use crate::primitives::PrimitiveEntry;
use crate::unit::FunctionMeta;
use crate::vm::Registers;

/// Whether the word is a closure that takes exactly `argc` arguments.
#[inline(always)]
unsafe fn takes_exactly(callee: Word, argc: u8) -> bool {
    // SAFETY: a pointer word names a header.
    is_pointer(callee)
        && unsafe { *((callee - 1) as *const u64) } & 0xffff_00ff
            == ((argc as u64) << 16) | low(Kind::Closure)
}

/// Opens a frame for a closure whose window starts after register `a`.
macro_rules! enter {
    ($s:ident, $a:expr, $entry:expr) => {{
        let base = $s.base.add($a as usize + 1);
        let fuel = $s.fuel - FUEL_UNIT;
        if (IS_FUELED && fuel < 0) || $s.frame == (*$s.vm).frame_end || base > (*$s.vm).stack_soft {
            return Step::Slow;
        }
        *$s.frame = $s.pc;
        $s.frame = $s.frame.add(1);
        $s.base = base;
        $s.fuel = fuel;
        $s.pc = $entry;
        Step::Next
    }};
}

/// The entry of a closure that takes so many arguments because others are optional; those that are missing are nil.
#[inline(always)]
unsafe fn entry_with_optional(callee: Word, argc: u8, arguments: *mut Word) -> Option<*const Insn> {
    // SAFETY: the arguments lie in the window of the call, and a window always fits beyond it.
    unsafe {
        if !is_kind(callee, Kind::Closure) {
            return None;
        }
        let entry = *((callee - 1) as *const u64).add(1) as *const Insn;
        let parameters = FunctionMeta::of_entry(entry).parameters;
        let n_named = parameters.n_required + parameters.n_optional;
        if parameters.tail != Tail::None || argc < parameters.n_required || argc > n_named {
            return None;
        }
        for index in argc..n_named {
            *arguments.add(index as usize) = NIL;
        }
        Some(entry)
    }
}

/// Runs a primitive whose arguments follow register `a`, and puts the answer there.
macro_rules! run_primitive {
    ($s:ident, $i:ident, $id:expr, $entry:expr) => {{
        let vm = $s.vm;
        let (id, entry): (u32, &PrimitiveEntry) = ($id, $entry);
        let argc = u16::from($i.b());
        if argc.wrapping_sub(entry.min) > entry.span {
            return Step::Slow;
        }
        (*vm).running_primitive = id;
        // A primitive may call back into the machine, which goes on from the saved registers and counts fuel there. They are
        // read again afterwards, so that nothing but the machine must be kept over the call.
        let answers = $s.base.add($i.a() as usize);
        (*vm).registers = Registers {
            pc: $s.pc,
            base: $s.base,
            frame: $s.frame,
            fuel: $s.fuel,
        };
        let answer = (entry.run)(vm, u32::from(argc), answers.add(1));
        let Registers {
            pc,
            base,
            frame,
            fuel,
        } = (*vm).registers;
        ($s.pc, $s.base, $s.frame, $s.fuel) = (pc, base, frame, fuel);
        if answer == THROW {
            return Step::Thrown;
        }
        let a = *pc.sub(1).cast::<u8>().add(1);
        $s.set(a, answer);
        if (*vm).heap.wants_safepoint || (*vm).is_called() {
            Step::Collect
        } else {
            Step::Next
        }
    }};
}

/// A call of a closure that `$callee` gives: with just as many arguments as it takes, or, in the second case, with optional
/// ones left out, or of a primitive.
macro_rules! call {
    ($name:ident, |$s:ident, $i:ident| $callee:expr) => {
        pub(crate) struct $name;

        impl Body for $name {
            const HAS_SECOND: bool = true;

            #[inline(always)]
            unsafe fn run($s: &mut State, $i: Place) -> Step {
                // SAFETY: the trait's contract: the state is that of a running verified chunk.
                unsafe {
                    let callee = $callee;
                    if !takes_exactly(callee, $i.b()) {
                        return Step::Second;
                    }
                    $s.set($i.a(), callee);
                    enter!(
                        $s,
                        $i.a(),
                        *((callee - 1) as *const u64).add(1) as *const Insn
                    )
                }
            }

            #[inline(always)]
            unsafe fn second($s: &mut State, $i: Place) -> Step {
                // SAFETY: as in `run`.
                unsafe {
                    let callee = $callee;
                    if let Some(id) = primitive_id(callee)
                        && let Some(entry) = (&(*$s.vm).primitives).get(id as usize)
                        && !(*$s.vm).heap.wants_collection
                    {
                        // What it threw is looked up by the callee.
                        $s.set($i.a(), callee);
                        return run_primitive!($s, $i, id, entry);
                    }
                    let arguments = $s.base.add($i.a() as usize + 1);
                    if arguments > (*$s.vm).stack_soft {
                        return Step::Slow;
                    }
                    let Some(entry) = entry_with_optional(callee, $i.b(), arguments) else {
                        return Step::Slow;
                    };
                    $s.set($i.a(), callee);
                    enter!($s, $i.a(), entry)
                }
            }
        }
    };
}

call!(Call, |s, i| s.r(i.a()));
call!(CallCell, |s, i| *(*s.vm).cells_start.add(i.d() as usize));
body!(CallSelf, s, i, {
    s.set(i.a(), *s.base.sub(1));
    let entry = s.pc.offset(i.d() as isize);
    enter!(s, i.a(), entry)
});
body!(CallPrim, s, i, {
    let entry = &*(*s.vm).primitives_start.add(i.d() as usize);
    run_primitive!(s, i, i.d() as u32, entry)
});

/// Moves the callee and its arguments down to this window.
macro_rules! slide {
    ($s:ident, $i:ident, $callee:expr) => {{
        let from = $s.base.add($i.a() as usize + 1);
        for index in 0..$i.b() as usize {
            *$s.base.add(index) = *from.add(index);
        }
        *$s.base.sub(1) = $callee;
    }};
}

body!(TailCall, s, i, {
    let callee = s.r(i.a());
    if !takes_exactly(callee, i.b()) || (IS_FUELED && s.fuel <= 0) {
        return Step::Slow;
    }
    s.fuel -= FUEL_UNIT;
    slide!(s, i, callee);
    s.pc = *((callee - 1) as *const u64).add(1) as *const Insn;
    Step::Next
});
body!(TailCell, s, i, {
    let callee = *(*s.vm).cells_start.add(i.d() as usize);
    if !takes_exactly(callee, i.b()) || (IS_FUELED && s.fuel <= 0) {
        return Step::Slow;
    }
    s.fuel -= FUEL_UNIT;
    slide!(s, i, callee);
    s.pc = *((callee - 1) as *const u64).add(1) as *const Insn;
    Step::Next
});
body!(EnterCell, s, i, {
    let callee = *(*s.vm).cells_start.add(i.d() as usize);
    if !takes_exactly(callee, i.b()) || (IS_FUELED && s.fuel <= 0) {
        return Step::Slow;
    }
    s.fuel -= FUEL_UNIT;
    *s.base.sub(1) = callee;
    s.pc = *((callee - 1) as *const u64).add(1) as *const Insn;
    Step::Next
});
body!(TailSelf, s, i, {
    if IS_FUELED && s.fuel <= 0 {
        return Step::Slow;
    }
    s.fuel -= FUEL_UNIT;
    let from = s.base.add(i.a() as usize + 1);
    for index in 0..i.b() as usize {
        *s.base.add(index) = *from.add(index);
    }
    s.jump(i.d());
    Step::Next
});

macro_rules! leave {
    ($s:ident, $value:expr) => {{
        *$s.base.sub(1) = $value;
        $s.frame = $s.frame.sub(1);
        $s.pc = *$s.frame;
        $s.base = $s.base.sub((*$s.pc.sub(1)).a() as usize + 1);
        Step::Next
    }};
}

body!(Return, s, i, { leave!(s, s.r(i.a())) });
body!(ReturnNil, s, _i, { leave!(s, NIL) });
