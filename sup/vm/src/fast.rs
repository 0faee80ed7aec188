//! The bodies of the opcodes: what each does when all goes well, in a few processor instructions.
//!
//! A body answers `Slow` before it has written anything. Opcodes that are rare or always allocate have no body of their
//! own and go to the slow path at once.
#![allow(unsafe_code)]
#![allow(non_camel_case_types)]

use sup_abi::word::{Word, is_pointer};

use crate::interp::{Body, Place, State, Step};
use crate::object::Kind;

/// Whether calls and jumps backwards count fuel. They do in every build but the one that measures what that costs.
pub(crate) const IS_FUELED: bool = !cfg!(feature = "unfueled");
/// What a call or a jump backwards takes.
pub(crate) const FUEL_UNIT: i64 = if IS_FUELED { 1 } else { 0 };

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

/// Whether the word names an object of that kind.
#[inline(always)]
unsafe fn is_kind(word: Word, kind: Kind) -> bool {
    // SAFETY: a pointer word names a header.
    is_pointer(word) && unsafe { *((word - 1) as *const u64) } & 0xff == low(kind)
}

// The macros above are seen in the rooms below.
mod arithmetic;
mod calls;
mod data;
mod jumps;
mod keys;
mod moves;
mod types;

pub(crate) use arithmetic::*;
pub(crate) use calls::*;
pub(crate) use data::*;
pub(crate) use jumps::*;
pub(crate) use keys::*;
pub(crate) use moves::*;
pub(crate) use types::*;

no_body! {
    CheckDef DefCell Apply TailApply
    Raise Assert NoMatch Map Slice ArrayNew ArrayList
    Quoted Handler EndHandler Halt
}
