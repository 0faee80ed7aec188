//! Where a program's time goes: a clock ticks, and at its next instruction the machine counts the ticks for the functions that
//! are open. A machine that is not profiled runs other handlers and pays nothing.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sup_abi::word::Word;
use sup_code::{Insn, Op};

use crate::interp;
use crate::primitives;
use crate::unit::FunctionMeta;
use crate::vm::{Registers, Vm};

/// Most open calls that a sample keeps, innermost first; what is beyond them shows as one frame.
const MAX_FRAMES: usize = 256;
/// Most different stacks that a profile tells apart; ticks of any further one are counted without their functions.
const MAX_STACKS: usize = 100_000;

/// One open call of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Frame {
    /// A function, by the address of what the loader wrote before its code, which is never freed.
    Function(*const FunctionMeta),
    Primitive(u32),
    Collector,
    /// Calls that were left out.
    Cut,
}

/// One open call of a profile, as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    /// A function of a program.
    Function {
        /// Its name, empty when it has none.
        name: &'static str,
        /// Name of the source that it stands in.
        source: &'static str,
        /// Where it starts there, in bytes.
        start: u32,
    },
    /// A form at the top of a source.
    Top {
        /// Name of the source.
        source: &'static str,
    },
    /// A primitive of the machine or of a kernel.
    Primitive(&'static str),
    /// A collection.
    Collector,
    /// Calls that were left out, since there were too many.
    Cut,
}

/// What a machine that is profiled has seen.
pub(crate) struct Profile {
    ticks: Arc<AtomicU32>,
    /// Ticks by the calls that were open, innermost first.
    stacks: HashMap<Box<[Frame]>, u64>,
    /// Where each native function that called back into the program was called from.
    outer: Vec<(Registers, u32)>,
}

impl Vm {
    /// Counts from now on, for the functions that are open, what another thread adds to `ticks`.
    pub fn start_profile(&mut self, ticks: Arc<AtomicU32>) {
        self.handlers = interp::profiling_link().clone();
        self.profile = Some(Box::new(Profile {
            ticks,
            stacks: HashMap::new(),
            outer: Vec::new(),
        }));
    }

    /// Ends profiling: the ticks by the calls that were open, outermost first, in no order.
    pub fn finish_profile(&mut self) -> Vec<(Vec<Called>, u64)> {
        self.handlers = interp::standard_link().clone();
        let Some(profile) = self.profile.take() else {
            return Vec::new();
        };
        let told = |frames: &[Frame]| frames.iter().rev().map(|frame| frame.told()).collect();
        profile
            .stacks
            .iter()
            .map(|(frames, ticks)| (told(frames), *ticks))
            .collect()
    }

    /// Whether the other dispatcher is to look for ticks.
    #[cfg(feature = "match-dispatch")]
    pub(crate) fn is_profiled(&self) -> bool {
        self.profile.is_some()
    }

    /// Whether ticks have come that are not counted.
    #[inline(always)]
    pub(crate) fn has_ticks(&self) -> bool {
        self.profile
            .as_ref()
            .is_some_and(|profile| profile.ticks.load(Ordering::Relaxed) != 0)
    }

    /// Counts the ticks that have come. `pc` is on the instruction that is to be carried out next, and may be past the
    /// call of a primitive during which they came.
    pub(crate) fn record_ticks(&mut self, pc: *const Insn, base: *mut Word, frame: *mut *const Insn) {
        let mut frames = Vec::new();
        if self.has_just_run_primitive(pc, base) {
            frames.push(Frame::Primitive(self.running_primitive));
        }
        self.walk(&mut frames, base, frame);
        self.count_ticks(frames);
    }

    /// What runs when the machine is entered did not run before.
    pub(crate) fn profile_begins(&mut self) {
        if let Some(profile) = &self.profile {
            profile.ticks.store(0, Ordering::Relaxed);
        }
    }

    /// Ticks that came during a collection are the collector's.
    pub(crate) fn profile_collected(&mut self) {
        if self.fiber.is_some() && self.has_ticks() {
            let mut frames = vec![Frame::Collector];
            self.walk(&mut frames, self.registers.base, self.registers.frame);
            self.count_ticks(frames);
        }
    }

    pub(crate) fn profile_enters_native(&mut self, registers: Registers, primitive: u32) {
        if let Some(profile) = &mut self.profile {
            profile.outer.push((registers, primitive));
        }
    }

    pub(crate) fn profile_leaves_native(&mut self) {
        if let Some(profile) = &mut self.profile {
            profile.outer.pop();
        }
    }

    /// Whether the instruction before `pc` has called a primitive: it left the registers as they were at its end.
    fn has_just_run_primitive(&self, pc: *const Insn, base: *mut Word) -> bool {
        if self.registers.pc != pc || self.registers.base != base {
            return false;
        }
        // SAFETY: the registers were saved past an instruction, and they name this place.
        let before = unsafe { (*pc.sub(1)).op() };
        matches!(
            before,
            Some(Op::CallPrim | Op::Call | Op::CallCell | Op::CallSelf | Op::Apply)
        )
    }

    /// The functions that are open, innermost first, through every native function that called back.
    fn walk(&self, frames: &mut Vec<Frame>, base: *mut Word, frame: *mut *const Insn) {
        let (Some(fiber), Some(profile)) = (&self.fiber, &self.profile) else {
            return;
        };
        let (mut base, mut frame) = (base, frame);
        let mut outer = profile.outer.iter().rev();
        loop {
            if frames.len() >= MAX_FRAMES {
                frames.push(Frame::Cut);
                return;
            }
            // SAFETY: base and frame walk back over the calls that are open, each of which pushed its return address and
            // stands right after its callee.
            unsafe {
                if let Some(meta) = FunctionMeta::of_callee(*base.sub(1)) {
                    frames.push(Frame::Function(meta));
                }
                if let Some(below) = Self::below(base, frame, fiber.frames_start()) {
                    (base, frame) = below;
                    continue;
                }
            }
            let Some((registers, primitive)) = outer.next() else {
                return;
            };
            frames.push(Frame::Primitive(*primitive));
            (base, frame) = (registers.base, registers.frame);
        }
    }

    /// Window and frames of the caller, if there is one in this run of the loop.
    unsafe fn below(
        base: *mut Word,
        frame: *mut *const Insn,
        start: *mut *const Insn,
    ) -> Option<(*mut Word, *mut *const Insn)> {
        if frame <= start {
            return None;
        }
        // SAFETY: return addresses lie past a call instruction, of the program or of the machine's own tables, which have
        // the same form.
        unsafe {
            let mut frame = frame.sub(1);
            let (call, next) = (*(*frame).sub(1), **frame);
            let is_halt = next.op() == Some(Op::Halt);
            if is_halt && next.b() == 0 {
                return None;
            }
            let base = base.sub(call.a() as usize + 1);
            if is_halt && frame > start {
                // The return of an `apply`, which has pushed its own address below.
                frame = frame.sub(1);
            }
            Some((base, frame))
        }
    }

    fn count_ticks(&mut self, frames: Vec<Frame>) {
        let Some(profile) = &mut self.profile else { return };
        let n = profile.ticks.swap(0, Ordering::Relaxed);
        let is_full = profile.stacks.len() >= MAX_STACKS;
        let frames = frames.into_boxed_slice();
        match profile.stacks.get_mut(&frames) {
            Some(count) => *count += u64::from(n),
            None => {
                let key = if is_full { Box::from([Frame::Cut]) } else { frames };
                *profile.stacks.entry(key).or_default() += u64::from(n);
            }
        }
    }
}

impl Frame {
    fn told(self) -> Called {
        match self {
            Frame::Function(meta) => {
                // SAFETY: the loader never frees what it has loaded.
                let meta = unsafe { &*meta };
                let (function, source) = (meta.function(), meta.chunk().source.as_str());
                if meta.ordinal == 0 && function.name.is_empty() {
                    return Called::Top { source };
                }
                Called::Function {
                    name: &function.name,
                    source,
                    start: function.span.start,
                }
            }
            Frame::Primitive(id) => Called::Primitive(primitives::name(id)),
            Frame::Collector => Called::Collector,
            Frame::Cut => Called::Cut,
        }
    }
}
