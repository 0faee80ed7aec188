//! Moves, constants, cells, boxes, closures, lists.
#![allow(unsafe_code)]
#![allow(non_camel_case_types)]

use sup_abi::word::{FALSE, NIL, TRUE, UNDEFINED};
use sup_code::Insn;

use super::data::must_be_told;
use super::is_kind;
use crate::interp::{Body, Place, State, Step};
use crate::object::{Header, Kind, Obj};
use crate::unit::FunctionMeta;

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
pub(crate) struct SetBox;

impl Body for SetBox {
    const HAS_SECOND: bool = true;

    #[inline(always)]
    unsafe fn run(s: &mut State, i: Place) -> Step {
        // SAFETY: the trait's contract: the state is that of a running verified chunk.
        unsafe {
            let (cell, value) = (s.r(i.a()), s.r(i.b()));
            if !is_kind(cell, Kind::Box) {
                return Step::Slow;
            }
            let obj = Obj((cell - 1) as *mut u64);
            if must_be_told(s, obj, value) {
                return Step::Second;
            }
            *obj.0.add(1) = value;
            Step::Next
        }
    }

    #[inline(always)]
    unsafe fn second(s: &mut State, i: Place) -> Step {
        // SAFETY: as in `run`.
        unsafe {
            let (cell, value) = (s.r(i.a()), s.r(i.b()));
            if !is_kind(cell, Kind::Box) {
                return Step::Slow;
            }
            (*s.vm).heap.write(Obj((cell - 1) as *mut u64), 1, value);
            Step::Next
        }
    }
}

body!(LoadCell, s, i, {
    let value = *(*s.vm).cells_start.add(i.d() as usize);
    if value == UNDEFINED {
        return Step::Slow;
    }
    s.set(i.a(), value);
    Step::Next
});
body!(SetCell, s, i, {
    let cell = (*s.vm).cells_start.add(i.d() as usize);
    if *cell == UNDEFINED {
        return Step::Slow;
    }
    *cell = s.r(i.a());
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
    let from = s.base.add(i.b() as usize);
    if n == 2 {
        *at.add(1) = *from;
        *at.add(2) = *from.add(1);
    } else {
        for index in 0..n {
            *at.add(1 + index) = *from.add(index);
        }
    }
    s.set(i.a(), at as u64 + 1);
    Step::Next
});
