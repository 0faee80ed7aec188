//! Checks of types: at once where a word's tag tells, by its class otherwise.
#![allow(unsafe_code)]
#![allow(non_camel_case_types)]

use sup_abi::word::{TRUE, boolean};

use crate::data::types::LoadedType;
use crate::interp::{Body, Place, State, Step};

impl State {
    /// The type that the instruction names.
    #[inline(always)]
    unsafe fn loaded_type(&self, i: Place) -> &'static LoadedType {
        // SAFETY: the loader put the address of a type that is never freed into the pool.
        unsafe { &*(self.pool(i.d()) as *const LoadedType) }
    }
}

pub(crate) struct TypeIs;

impl Body for TypeIs {
    const HAS_SECOND: bool = true;

    #[inline(always)]
    unsafe fn run(s: &mut State, i: Place) -> Step {
        // SAFETY: the trait's contract: the state is that of a running verified chunk.
        unsafe {
            if !s.loaded_type(i).holds_by_tag(s.r(i.b())) {
                return Step::Second;
            }
            s.set(i.a(), TRUE);
            Step::Next
        }
    }

    #[inline(always)]
    unsafe fn second(s: &mut State, i: Place) -> Step {
        // SAFETY: as in `run`.
        unsafe {
            let holds = s.loaded_type(i).holds(s.r(i.b()));
            s.set(i.a(), boolean(holds));
            Step::Next
        }
    }
}

pub(crate) struct CheckType;

impl Body for CheckType {
    const HAS_SECOND: bool = true;

    #[inline(always)]
    unsafe fn run(s: &mut State, i: Place) -> Step {
        // SAFETY: the trait's contract: the state is that of a running verified chunk.
        unsafe {
            if s.loaded_type(i).holds_by_tag(s.r(i.a())) {
                Step::Next
            } else {
                Step::Second
            }
        }
    }

    #[inline(always)]
    unsafe fn second(s: &mut State, i: Place) -> Step {
        // SAFETY: as in `run`.
        unsafe {
            if s.loaded_type(i).holds(s.r(i.a())) {
                Step::Next
            } else {
                Step::Slow
            }
        }
    }
}
