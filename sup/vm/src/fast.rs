//! The bodies of the opcodes: what each does when all goes well, in a few processor instructions.
//!
//! A body answers `Slow` before it has written anything. Opcodes that are rare or always allocate have no body of their
//! own and go to the slow path at once.
#![allow(non_camel_case_types)]

use std::hint::cold_path;
use sup_abi::word::{
    FALSE, NIL, THROW, TRUE, UNDEFINED, Word, ZERO, boolean, fixnum, fixnum_value, flonum, flonum_value,
    is_fixnum, is_flonum, is_pointer,
};

use sup_code::Insn;

use crate::interp::{Body, Place, State, Step};
use crate::object::{Header, Kind, Obj};
use crate::unit::FunctionMeta;
use crate::vm::Registers;

/// Low byte of the header of a kind.
const fn low(kind: Kind) -> u64 {
    1 | ((kind as u64) << 1)
}

impl State {
    #[inline(always)]
    unsafe fn r(&self, index: u8) -> Word {
        // SAFETY: the verifier has checked the register against the window.
        unsafe { *self.base.add(index as usize) }
    }

    #[inline(always)]
    unsafe fn set(&self, index: u8, word: Word) {
        // SAFETY: as in `r`.
        unsafe { *self.base.add(index as usize) = word }
    }

    /// Moves the program counter from after the instruction.
    #[inline(always)]
    unsafe fn jump(&mut self, distance: i32) {
        // SAFETY: the verifier has checked that jumps land on instructions of the function.
        self.pc = unsafe { self.pc.offset(distance as isize) };
    }

    /// The word in the pool that the instruction before `pc` names.
    #[inline(always)]
    unsafe fn pool(&self, distance: i32) -> Word {
        // SAFETY: the loader has computed the distance from the instruction to the pool.
        unsafe { *self.pc.sub(1).cast::<Word>().offset(distance as isize) }
    }

    /// The object that runs: its closure.
    #[inline(always)]
    unsafe fn closure(&self) -> *const u64 {
        // SAFETY: the word before the window is the running closure.
        unsafe { (*self.base.sub(1) - 1) as *const u64 }
    }
}

macro_rules! body {
    ($name:ident, $state:ident, $insn:ident, $code:block) => {
        pub(crate) struct $name;

        impl Body for $name {
            #[inline(always)]
            unsafe fn run($state: &mut State, $insn: Place) -> Step {
                // SAFETY: the trait's contract: the state is that of a running verified chunk.
                unsafe { $code }
            }
        }
    };
}

macro_rules! no_body {
    ($($name:ident)*) => {
        $(
            pub(crate) struct $name;

            impl Body for $name {
                #[inline(always)]
                unsafe fn run(_state: &mut State, _at: Place) -> Step {
                    Step::Slow
                }
            }
        )*
    };
}

no_body! {
    CheckDef DefCell SetCell Apply TailApply
    Raise Assert NoMatch Map Slice ArrayNew ArrayList
    TableGet TableSet Iterate Quoted Handler EndHandler Halt
}

body!(Move, s, i, {
    s.set(i.a(), s.r(i.b()));
    Step::Next
});
body!(LoadInt, s, i, {
    s.set(i.a(), (((i.d() as i64) << 2) | 2) as u64);
    Step::Next
});
body!(LoadConst, s, i, {
    s.set(i.a(), s.pool(i.d()));
    Step::Next
});
body!(LoadNil, s, i, {
    s.set(i.a(), NIL);
    Step::Next
});
body!(LoadTrue, s, i, {
    s.set(i.a(), TRUE);
    Step::Next
});
body!(LoadFalse, s, i, {
    s.set(i.a(), FALSE);
    Step::Next
});
body!(LoadUndef, s, i, {
    s.set(i.a(), UNDEFINED);
    Step::Next
});
body!(LoadSelf, s, i, {
    s.set(i.a(), *s.base.sub(1));
    Step::Next
});
body!(Capture, s, i, {
    s.set(i.a(), *s.closure().add(2 + i.d() as usize));
    Step::Next
});
/// Whether the word names an object of that kind.
#[inline(always)]
unsafe fn is_kind(word: Word, kind: Kind) -> bool {
    // SAFETY: a pointer word names a header.
    is_pointer(word) && unsafe { *((word - 1) as *const u64) } & 0xff == low(kind)
}

body!(Unbox, s, i, {
    let cell = s.r(i.b());
    if !is_kind(cell, Kind::Box) {
        return Step::Slow;
    }
    let value = *((cell - 1) as *const u64).add(1);
    if value == UNDEFINED {
        return Step::Slow;
    }
    s.set(i.a(), value);
    Step::Next
});
body!(SetBox, s, i, {
    if !is_kind(s.r(i.a()), Kind::Box) {
        return Step::Slow;
    }
    let obj = Obj((s.r(i.a()) - 1) as *mut u64);
    (*s.vm).heap.write(obj, 1, s.r(i.b()));
    Step::Next
});
body!(LoadCell, s, i, {
    let value = *(*s.vm).cells_start.add(i.d() as usize);
    if value == UNDEFINED {
        return Step::Slow;
    }
    s.set(i.a(), value);
    Step::Next
});
body!(LoadPrim, s, i, {
    s.set(i.a(), crate::primitives::value(i.d() as u32));
    Step::Next
});

/// Takes `words` from the nursery when they fit.
macro_rules! bump {
    ($s:ident, $words:expr) => {{
        let heap = &mut (*$s.vm).heap;
        let next = heap.next;
        let after = next.add($words);
        if after > heap.limit {
            return Step::Slow;
        }
        heap.next = after;
        next
    }};
}

body!(NewBox, s, i, {
    let at = bump!(s, 2);
    *at = Header::new(Kind::Box, 0).0;
    *at.add(1) = s.r(i.b());
    s.set(i.a(), at as u64 + 1);
    Step::Next
});
body!(Closure, s, i, {
    let entry = s.pool(i.d()) as *const Insn;
    let meta = FunctionMeta::of_entry(entry);
    let n = meta.n_captures as usize;
    let at = bump!(s, 2 + n);
    *at = meta.closure_header().0;
    *at.add(1) = entry as u64;
    for index in 0..n {
        *at.add(2 + index) = match *meta.captures.add(index) {
            sup_code::CaptureSource::Register(register) => s.r(register),
            sup_code::CaptureSource::Capture(capture) => *s.closure().add(2 + capture as usize),
            sup_code::CaptureSource::Enclosing => *s.base.sub(1),
        };
    }
    s.set(i.a(), at as u64 + 1);
    Step::Next
});
body!(List, s, i, {
    let n = i.c() as usize;
    let at = bump!(s, 1 + n);
    *at = Header::new(Kind::List, n as u32).with_subkind(i.d() as u8).0;
    for index in 0..n {
        *at.add(1 + index) = s.r(i.b() + index as u8);
    }
    s.set(i.a(), at as u64 + 1);
    Step::Next
});

// Calls.

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
        let fuel = $s.fuel - 1;
        if fuel < 0 || $s.frame == (*$s.vm).frame_end || base > (*$s.vm).stack_soft {
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

body!(Call, s, i, {
    let callee = s.r(i.a());
    if !takes_exactly(callee, i.b()) {
        return Step::Slow;
    }
    enter!(s, i.a(), *((callee - 1) as *const u64).add(1) as *const Insn)
});
body!(CallCell, s, i, {
    let callee = *(*s.vm).cells_start.add(i.d() as usize);
    if !takes_exactly(callee, i.b()) {
        return Step::Slow;
    }
    s.set(i.a(), callee);
    enter!(s, i.a(), *((callee - 1) as *const u64).add(1) as *const Insn)
});
body!(CallSelf, s, i, {
    s.set(i.a(), *s.base.sub(1));
    let entry = s.pc.offset(i.d() as isize);
    enter!(s, i.a(), entry)
});
body!(CallPrim, s, i, {
    let vm = s.vm;
    let entry = &*(*vm).primitives_start.add(i.d() as usize);
    let argc = u16::from(i.b());
    if argc.wrapping_sub(entry.min) > entry.span {
        return Step::Slow;
    }
    (*vm).running_primitive = i.d() as u32;
    // A primitive may call back into the machine, which goes on from the saved registers and counts fuel there. They are
    // read again afterwards, so that nothing but the machine must be kept over the call.
    let answers = s.base.add(i.a() as usize);
    (*vm).registers = Registers {
        pc: s.pc,
        base: s.base,
        frame: s.frame,
        fuel: s.fuel,
    };
    let answer = (entry.run)(vm, u32::from(argc), answers.add(1));
    let Registers {
        pc,
        base,
        frame,
        fuel,
    } = (*vm).registers;
    (s.pc, s.base, s.frame, s.fuel) = (pc, base, frame, fuel);
    if answer == THROW {
        return Step::Thrown;
    }
    let a = *pc.sub(1).cast::<u8>().add(1);
    s.set(a, answer);
    if (*vm).heap.wants_collection {
        Step::Collect
    } else {
        Step::Next
    }
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
    if !takes_exactly(callee, i.b()) || s.fuel <= 0 {
        return Step::Slow;
    }
    s.fuel -= 1;
    slide!(s, i, callee);
    s.pc = *((callee - 1) as *const u64).add(1) as *const Insn;
    Step::Next
});
body!(TailCell, s, i, {
    let callee = *(*s.vm).cells_start.add(i.d() as usize);
    if !takes_exactly(callee, i.b()) || s.fuel <= 0 {
        return Step::Slow;
    }
    s.fuel -= 1;
    slide!(s, i, callee);
    s.pc = *((callee - 1) as *const u64).add(1) as *const Insn;
    Step::Next
});
body!(TailSelf, s, i, {
    if s.fuel <= 0 {
        return Step::Slow;
    }
    s.fuel -= 1;
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

// Jumps.

body!(Jump, s, i, {
    s.jump(i.d());
    Step::Next
});
body!(Loop, s, i, {
    if s.fuel <= 0 {
        return Step::Slow;
    }
    s.fuel -= 1;
    s.jump(i.d());
    Step::Next
});
body!(JumpFalse, s, i, {
    let word = s.r(i.a());
    if word == FALSE || word == NIL || word == ZERO {
        s.jump(i.d());
    }
    Step::Next
});
body!(JumpTrue, s, i, {
    let word = s.r(i.a());
    if !(word == FALSE || word == NIL || word == ZERO) {
        s.jump(i.d());
    }
    Step::Next
});
body!(JumpNil, s, i, {
    if s.r(i.a()) == NIL {
        s.jump(i.d());
    }
    Step::Next
});
body!(JumpNotNil, s, i, {
    if s.r(i.a()) != NIL {
        s.jump(i.d());
    }
    Step::Next
});

macro_rules! compare_jump {
    ($name:ident, $test:expr, $wanted:literal) => {
        body!($name, s, i, {
            let (x, y) = (s.r(i.a()), s.r(i.b()));
            let holds = if are_fixnums(x, y) {
                $test(&(x as i64), &(y as i64))
            } else if are_flonums(x, y) {
                $test(&flonum_value(x), &flonum_value(y))
            } else {
                return Step::Slow;
            };
            if holds == $wanted {
                s.jump(i.d());
            }
            Step::Next
        });
    };
}

compare_jump!(JumpLt, PartialOrd::lt, true);
compare_jump!(JumpLe, PartialOrd::le, true);
compare_jump!(JumpEqNum, PartialEq::eq, true);
compare_jump!(JumpNotLt, PartialOrd::lt, false);
compare_jump!(JumpNotLe, PartialOrd::le, false);
compare_jump!(JumpNotEqNum, PartialEq::eq, false);

macro_rules! compare_imm_jump {
    ($name:ident, $test:tt, $wanted:literal) => {
        body!($name, s, i, {
            let x = s.r(i.a());
            let holds = if is_fixnum(x) {
                let y = ((i.imm() as i64) << 2) | 2;
                (x as i64) $test y
            } else if is_flonum(x) {
                flonum_value(x) $test f64::from(i.imm())
            } else {
                return Step::Slow;
            };
            if holds == $wanted {
                s.jump(i.d());
            }
            Step::Next
        });
    };
}

compare_imm_jump!(JumpLtImm, <, true);
compare_imm_jump!(JumpLeImm, <=, true);
compare_imm_jump!(JumpGtImm, >, true);
compare_imm_jump!(JumpGeImm, >=, true);
compare_imm_jump!(JumpEqImm, ==, true);
compare_imm_jump!(JumpNotLtImm, <, false);
compare_imm_jump!(JumpNotLeImm, <=, false);
compare_imm_jump!(JumpNotGtImm, >, false);
compare_imm_jump!(JumpNotGeImm, >=, false);
compare_imm_jump!(JumpNotEqImm, ==, false);

/// Whether deep equality of two words is decided by the words alone, and how.
#[inline(always)]
fn equal_words(x: Word, y: Word) -> Option<bool> {
    if x == y {
        Some(true)
    } else if !is_pointer(x) || !is_pointer(y) {
        Some(false)
    } else {
        None
    }
}

body!(JumpEq, s, i, {
    let Some(equal) = equal_words(s.r(i.a()), s.r(i.b())) else {
        return Step::Slow;
    };
    if equal {
        s.jump(i.d());
    }
    Step::Next
});
body!(JumpNotEq, s, i, {
    let Some(equal) = equal_words(s.r(i.a()), s.r(i.b())) else {
        return Step::Slow;
    };
    if !equal {
        s.jump(i.d());
    }
    Step::Next
});

// Arithmetic.

/// Whether both words are integers that they hold themselves: one test for the two.
#[inline(always)]
fn are_fixnums(x: Word, y: Word) -> bool {
    (x.wrapping_sub(ZERO) | y.wrapping_sub(ZERO)) & 3 == 0
}

#[inline(always)]
fn are_flonums(x: Word, y: Word) -> bool {
    is_flonum(x) && is_flonum(y)
}

/// A number in a word as a real, where it is one of the integers that the reals of its size stand for exactly.
#[inline(always)]
fn real(word: Word) -> Option<f64> {
    const EXACT: i64 = 1 << 53;
    if is_fixnum(word) {
        let value = fixnum_value(word);
        (-EXACT..=EXACT).contains(&value).then_some(value as f64)
    } else {
        is_flonum(word).then(|| flonum_value(word))
    }
}

/// `x + y` as words of integers, and whether the answer does not fit one.
#[inline(always)]
fn add_ints(x: Word, y: Word) -> (Word, bool) {
    let (sum, overflows) = (x as i64).overflowing_add((y as i64).wrapping_sub(2));
    (sum as u64, overflows)
}

#[inline(always)]
fn sub_ints(x: Word, y: Word) -> (Word, bool) {
    let (difference, overflows) = (x as i64).overflowing_sub((y as i64).wrapping_sub(2));
    (difference as u64, overflows)
}

#[inline(always)]
fn mul_ints(x: Word, y: Word) -> (Word, bool) {
    let (product, overflows) = (y as i64).wrapping_sub(2).overflowing_mul((x as i64) >> 2);
    (product as u64 | ZERO, overflows)
}

/// The quotient of two integers where it is one, and whether there is no such word.
#[inline(always)]
fn div_ints(x: Word, y: Word) -> (Word, bool) {
    let (a, b) = (fixnum_value(x), fixnum_value(y));
    if b == 0 || a % b != 0 {
        return (NIL, true);
    }
    fixnum(a / b).map_or((NIL, true), |quotient| (quotient, false))
}

#[inline(always)]
fn rem_ints(x: Word, y: Word) -> (Word, bool) {
    let (a, b) = (fixnum_value(x), fixnum_value(y));
    if b == 0 {
        return (NIL, true);
    }
    (((a.wrapping_rem(b) << 2) | 2) as u64, false)
}

macro_rules! operand {
    (register, $s:ident, $i:ident) => {
        $s.r($i.c())
    };
    (imm, $s:ident, $i:ident) => {
        (((i64::from($i.d())) << 2) | 2) as u64
    };
    (pool, $s:ident, $i:ident) => {
        $s.pool($i.d())
    };
}

/// An operation on two numbers. Integers and reals that words hold are done at once; an integer with a real, out of line.
/// What division makes of reals by zero is no word's real, so that the slow path raises it.
macro_rules! arithmetic {
    ($name:ident, $second:ident, $ints:ident or $otherwise:ident, $operator:tt) => {
        pub(crate) struct $name;

        impl Body for $name {
            const HAS_SECOND: bool = true;

            #[inline(always)]
            unsafe fn run(s: &mut State, i: Place) -> Step {
                // SAFETY: the trait's contract: the state is that of a running verified chunk.
                unsafe {
                    let (x, y) = (s.r(i.b()), operand!($second, s, i));
                    if are_fixnums(x, y) {
                        let (answer, overflows) = $ints(x, y);
                        if overflows {
                            return Step::$otherwise;
                        }
                        s.set(i.a(), answer);
                        return Step::Next;
                    }
                    cold_path();
                    if are_flonums(x, y) && let Some(answer) = flonum(flonum_value(x) $operator flonum_value(y)) {
                        s.set(i.a(), answer);
                        return Step::Next;
                    }
                    Step::Second
                }
            }

            #[inline(always)]
            unsafe fn second(s: &mut State, i: Place) -> Step {
                // SAFETY: as in `run`.
                unsafe {
                    let (Some(x), Some(y)) = (real(s.r(i.b())), real(operand!($second, s, i))) else {
                        return Step::Slow;
                    };
                    let Some(answer) = flonum(x $operator y) else { return Step::Slow };
                    s.set(i.a(), answer);
                    Step::Next
                }
            }
        }
    };
}

arithmetic!(Add, register, add_ints or Slow, +);
arithmetic!(Sub, register, sub_ints or Slow, -);
arithmetic!(Mul, register, mul_ints or Slow, *);
arithmetic!(Div, register, div_ints or Second, /);
arithmetic!(AddImm, imm, add_ints or Slow, +);
arithmetic!(SubImm, imm, sub_ints or Slow, -);
arithmetic!(MulImm, imm, mul_ints or Slow, *);
arithmetic!(AddConst, pool, add_ints or Slow, +);
arithmetic!(SubConst, pool, sub_ints or Slow, -);
arithmetic!(MulConst, pool, mul_ints or Slow, *);
arithmetic!(DivConst, pool, div_ints or Second, /);

macro_rules! remainder {
    ($name:ident, $second:ident) => {
        body!($name, s, i, {
            let (x, y) = (s.r(i.b()), operand!($second, s, i));
            if !are_fixnums(x, y) {
                return Step::Slow;
            }
            let (answer, is_none) = rem_ints(x, y);
            if is_none {
                return Step::Slow;
            }
            s.set(i.a(), answer);
            Step::Next
        });
    };
}

remainder!(Rem, register);
remainder!(RemImm, imm);

macro_rules! bits {
    ($name:ident, $operator:tt) => {
        body!($name, s, i, {
            let (x, y) = (s.r(i.b()), s.r(i.c()));
            if !are_fixnums(x, y) {
                return Step::Slow;
            }
            s.set(i.a(), ((((x as i64) >> 2) $operator ((y as i64) >> 2)) << 2 | 2) as u64);
            Step::Next
        });
    };
}

bits!(BitAnd, &);
bits!(BitOr, |);
bits!(BitXor, ^);
body!(ShiftRight, s, i, {
    let (x, y) = (s.r(i.b()), s.r(i.c()));
    if !is_fixnum(x) || !is_fixnum(y) || (y as i64) < 2 || (y as i64) >> 2 > 63 {
        return Step::Slow;
    }
    s.set(i.a(), ((((x as i64) >> 2) >> ((y as i64) >> 2)) << 2 | 2) as u64);
    Step::Next
});
no_body! { ShiftLeft }
body!(Neg, s, i, {
    let x = s.r(i.b());
    let answer = if is_flonum(x) {
        flonum(-flonum_value(x))
    } else if is_fixnum(x) {
        fixnum(-fixnum_value(x))
    } else {
        None
    };
    let Some(answer) = answer else {
        return Step::Slow;
    };
    s.set(i.a(), answer);
    Step::Next
});

macro_rules! compare {
    ($name:ident, $test:expr) => {
        body!($name, s, i, {
            let (x, y) = (s.r(i.b()), s.r(i.c()));
            let holds = if are_fixnums(x, y) {
                $test(&(x as i64), &(y as i64))
            } else if are_flonums(x, y) {
                $test(&flonum_value(x), &flonum_value(y))
            } else {
                return Step::Slow;
            };
            s.set(i.a(), boolean(holds));
            Step::Next
        });
    };
}

compare!(Lt, PartialOrd::lt);
compare!(Le, PartialOrd::le);
compare!(EqNum, PartialEq::eq);
body!(Eq, s, i, {
    let Some(equal) = equal_words(s.r(i.b()), s.r(i.c())) else {
        return Step::Slow;
    };
    s.set(i.a(), if equal { 6 } else { ZERO });
    Step::Next
});
body!(Not, s, i, {
    let word = s.r(i.b());
    s.set(i.a(), boolean(word == FALSE || word == NIL || word == ZERO));
    Step::Next
});
body!(TypeIs, s, i, {
    let loaded = &*(s.pool(i.d()) as *const crate::data::types::LoadedType);
    s.set(i.a(), boolean((*s.vm).is_type(s.r(i.b()), loaded)));
    Step::Next
});
body!(CheckType, s, i, {
    let loaded = &*(s.pool(i.d()) as *const crate::data::types::LoadedType);
    if !(*s.vm).is_type(s.r(i.a()), loaded) {
        return Step::Slow;
    }
    Step::Next
});

// Data.

/// The word at `index` of a list or array, when there is one.
#[inline(always)]
unsafe fn element(collection: Word, index: u64) -> Option<Word> {
    if !is_pointer(collection) {
        return None;
    }
    // SAFETY: a pointer word names an object of the kind that its header says; indexes are checked against its length.
    unsafe {
        let at = (collection - 1) as *const u64;
        let header = *at;
        if header & 0xff == low(Kind::List) {
            return (index < header >> 32).then(|| *at.add(1 + index as usize));
        }
        if header & 0xff == low(Kind::View) {
            let items = (*at.add(1) - 1) as *const u64;
            return (index < header >> 32).then(|| *items.add((*at.add(2) + index) as usize));
        }
        if header & 0xff == low(Kind::Array) {
            let items = ((*at.add(1) - 1) as *const u64).add(2);
            return (index < *at.add(2)).then(|| *items.add(index as usize));
        }
        None
    }
}

body!(At, s, i, {
    let index = s.r(i.b());
    if !is_fixnum(index) {
        return Step::Slow;
    }
    let Some(word) = element(s.r(i.c()), ((index as i64) >> 2) as u64) else {
        return Step::Slow;
    };
    s.set(i.a(), word);
    Step::Next
});
body!(AtImm, s, i, {
    let Some(word) = element(s.r(i.b()), i.d() as i64 as u64) else {
        return Step::Slow;
    };
    s.set(i.a(), word);
    Step::Next
});
body!(AtConst, s, i, {
    let (map, key) = (s.r(i.b()), s.pool(i.d()));
    if is_pointer(map) && !is_pointer(key) {
        let at = (map - 1) as *const u64;
        let header = *at;
        if header & 0xff == low(Kind::Map) {
            for pair in 0..(header >> 32) as usize {
                if *at.add(1 + 2 * pair) == key {
                    s.set(i.a(), *at.add(2 + 2 * pair));
                    return Step::Next;
                }
            }
        }
    }
    Step::Slow
});
body!(Count, s, i, {
    let word = s.r(i.b());
    if !is_pointer(word) {
        return Step::Slow;
    }
    let at = (word - 1) as *const u64;
    let header = *at;
    let n = if header & 0xff == low(Kind::List) || header & 0xff == low(Kind::View) {
        header >> 32
    } else if header & 0xff == low(Kind::Array) {
        *at.add(2)
    } else {
        return Step::Slow;
    };
    s.set(i.a(), (n << 2) | 2);
    Step::Next
});
body!(ArrayGet, s, i, {
    let (array, index) = (s.r(i.b()), s.r(i.c()));
    if !is_fixnum(index) {
        return Step::Slow;
    }
    let Some(word) = element(array, ((index as i64) >> 2) as u64) else {
        return Step::Slow;
    };
    s.set(i.a(), word);
    Step::Next
});
body!(ArraySet, s, i, {
    let (array, index, value) = (s.r(i.a()), s.r(i.b()), s.r(i.c()));
    if !is_pointer(array) || !is_fixnum(index) {
        return Step::Slow;
    }
    let at = (array - 1) as *const u64;
    let index = ((index as i64) >> 2) as u64;
    if *at & 0xff != low(Kind::Array) || index >= *at.add(2) {
        return Step::Slow;
    }
    let buf = Obj((*at.add(1) - 1) as *mut u64);
    *buf.0.add(2 + index as usize) = value;
    (*s.vm).heap.barrier(buf, value);
    Step::Next
});
body!(ArrayPush, s, i, {
    let (array, value) = (s.r(i.a()), s.r(i.b()));
    if !is_pointer(array) {
        return Step::Slow;
    }
    let at = (array - 1) as *mut u64;
    if *at & 0xff != low(Kind::Array) || !is_pointer(*at.add(1)) {
        return Step::Slow;
    }
    let buf = Obj((*at.add(1) - 1) as *mut u64);
    let len = *at.add(2);
    if len >= *buf.0 >> 32 {
        return Step::Slow;
    }
    *buf.0.add(2 + len as usize) = value;
    *buf.0.add(1) = len + 1;
    *at.add(2) = len + 1;
    (*s.vm).heap.barrier(buf, value);
    Step::Next
});
body!(Next, s, i, {
    let (collection, index) = (s.r(i.a()), s.r(i.a() + 1));
    if !is_pointer(collection) || !is_fixnum(index) {
        return Step::Slow;
    }
    let Some(word) = element(collection, ((index as i64) >> 2) as u64) else {
        return Step::Slow;
    };
    s.set(i.a() + 2, word);
    s.set(i.a() + 1, index + 4);
    Step::Next
});
