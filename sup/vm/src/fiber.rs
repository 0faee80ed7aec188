//! A fiber: a stack of register windows, a stack of return addresses, and the handlers that are open.
#![allow(unsafe_code)]

use sup_abi::word::{UNDEFINED, Word};
use sup_code::{Insn, Op};

use crate::collect::Roots;
use crate::driven::NOT_DRIVEN;
use crate::space::Pages;
use crate::unit::FunctionMeta;
use crate::vm::Registers;

/// Names a fiber or a promise of one isolate; never given out twice.
pub type FiberId = u64;

/// Words that always fit beyond the soft end of a stack: the largest window.
pub(crate) const WINDOW_WORDS: usize = 320;
const PAGE: usize = 4096;
/// Steps in which the soft end moves.
const SOFT_STEP_WORDS: usize = 4096;
/// Words of stack that each open call may use on average before the stack is what ends a recursion.
const WORDS_PER_CALL: usize = 16;

/// An open handler.
#[derive(Clone, Copy)]
pub(crate) struct OpenHandler {
    /// Where return addresses of its frame end.
    pub frame: *mut *const Insn,
    pub base: *mut Word,
    pub target: *const Insn,
    pub register: u8,
}

/// Why a fiber does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FiberState {
    Runnable,
    /// Until that fiber ends or promise is settled.
    Waiting(FiberId),
}

/// A fiber.
pub(crate) struct Fiber {
    pub id: FiberId,
    pub stack: Pages,
    pub frames: Pages,
    pub registers: Registers,
    pub stack_soft: *mut Word,
    pub handlers: Vec<OpenHandler>,
    pub state: FiberState,
    pub cancelled: bool,
    /// The account that its fuel, time and memory count on; 0 is the run's.
    pub account: u32,
    /// Its place among the driven fibers, or `NOT_DRIVEN`.
    pub driven: u32,
    /// How many collections there had been when it was put by.
    n_collections: u64,
    /// The link that it runs under.
    pub link: crate::link::LinkId,
    /// How far the stack may grow, in words.
    pub stack_words: usize,
    pub depth: usize,
    /// What its stacks were last counted as, in bytes.
    pub counted: usize,
    pub n_arguments: usize,
    pub started: bool,
    /// The error of what the fiber waited for, to be raised when it runs.
    pub delivered_error: Option<Word>,
}

/// What the bottom frame returns to: the answer is in `r[0]`.
pub(crate) static HALT: [Insn; 2] = [Insn::new(Op::Call, 0, 0, 0, 0), Insn::new(Op::Halt, 0, 0, 0, 0)];

impl Fiber {
    /// A fiber whose first window is empty, if the operating system has address space for its stacks.
    pub fn new(id: FiberId, depth: usize) -> Option<Box<Fiber>> {
        let stack_words = depth * WORDS_PER_CALL + 2 * SOFT_STEP_WORDS;
        let stack = Pages::try_reserve((stack_words + 2 * WINDOW_WORDS) * 8)?;
        let frames = Pages::try_reserve((depth + 2) * 8)?;
        let start = stack.start().cast::<Word>();
        let frame = frames.start().cast::<*const Insn>();
        // SAFETY: the reservation is longer than one soft step.
        let (base, stack_soft) = unsafe { (start.add(1), start.add(SOFT_STEP_WORDS)) };
        Some(Box::new(Fiber {
            id,
            stack,
            frames,
            registers: Registers {
                pc: &raw const HALT[1],
                base,
                frame,
                fuel: 0,
            },
            stack_soft,
            handlers: Vec::new(),
            state: FiberState::Runnable,
            cancelled: false,
            account: 0,
            driven: NOT_DRIVEN,
            n_collections: 0,
            link: crate::link::OWN_LINK,
            stack_words,
            depth,
            counted: 0,
            n_arguments: 0,
            started: false,
            delivered_error: None,
        }))
    }

    /// Bytes of its stacks that are in use.
    pub fn stack_used_bytes(&self) -> usize {
        (self.registers.base as usize - self.stack_start() as usize)
            + (self.registers.frame as usize - self.frames_start() as usize)
    }

    /// Bytes of its stacks that may have been touched.
    pub fn stack_bytes(&self) -> usize {
        let words = self.stack_soft as usize - self.stack_start() as usize;
        let addresses = self.registers.frame as usize - self.frames_start() as usize;
        words + addresses.next_multiple_of(PAGE)
    }

    pub fn stack_start(&self) -> *mut Word {
        self.stack.start().cast()
    }

    pub fn frames_start(&self) -> *mut *const Insn {
        self.frames.start().cast()
    }

    pub fn frame_end(&self) -> *mut *const Insn {
        // SAFETY: the reservation holds `depth + 2` addresses.
        unsafe { self.frames_start().add(self.depth) }
    }

    /// The address after the running window.
    fn top(&self) -> *mut Word {
        let base = self.registers.base;
        // SAFETY: `base - 1` holds the running function, or the mark of the bottom window.
        let n = FunctionMeta::of_callee(unsafe { *base.sub(1) })
            .map_or(WINDOW_WORDS, |meta| meta.n_registers.into());
        // SAFETY: a window always fits beyond its base.
        unsafe { base.add(n) }
    }

    pub fn add_roots(&mut self, roots: &mut Roots) {
        let start = self.stack_start();
        let len = (self.top() as usize - start as usize) / 8;
        roots.add(start, len);
        if let Some(error) = &mut self.delivered_error {
            roots.add(error, 1);
        }
    }

    /// Forgets what lies above the running window: leftovers of ended calls name objects that have moved. Called by the
    /// collector, after it has updated everything below.
    pub fn clear_above_top(&mut self) {
        let top = self.top();
        // SAFETY: the soft end plus the largest window lies within the reservation, and nothing above `top` is in use.
        unsafe {
            let end = self.stack_soft.add(WINDOW_WORDS);
            let used = (end as usize).saturating_sub(top as usize) / 8;
            if used > 64 * 1024 {
                self.stack
                    .release_from((top as usize - self.stack_start() as usize).next_multiple_of(4096));
                let page_end = (top as usize).next_multiple_of(4096);
                std::ptr::write_bytes(top, 0, (page_end - top as usize) / 8);
                let frame = self.registers.frame as usize - self.frames_start() as usize;
                self.frames.release_from((frame + 8).next_multiple_of(4096));
            } else {
                std::ptr::write_bytes(top, 0, used);
            }
            let hard = self.stack_start().add(self.stack_words);
            self.stack_soft = top.add(SOFT_STEP_WORDS).min(hard);
        }
    }

    /// Gives the pages back that lie wholly above what is in use. To be called when what lies there was cleared.
    pub fn rest(&mut self) {
        self.stack
            .release_from(self.top() as usize - self.stack_start() as usize);
        self.frames
            .release_from(self.registers.frame as usize - self.frames_start() as usize);
    }

    /// Moves the soft end of the stack on; false when the stack may not grow.
    pub fn grow_stack(&mut self, needed: *mut Word) -> bool {
        // SAFETY: the addresses are compared, not used; both lie within or just beyond the reservation.
        let hard = unsafe { self.stack_start().add(self.stack_words) };
        if needed >= hard {
            return false;
        }
        // SAFETY: `needed` is below the hard end.
        self.stack_soft = unsafe { needed.add(SOFT_STEP_WORDS) }.min(hard);
        true
    }

    /// Prepares the call that the fiber begins with.
    pub fn start(&mut self, callee: Word, arguments: &[Word]) {
        let base = self.registers.base;
        self.n_arguments = arguments.len();
        // SAFETY: the first window is WINDOW_WORDS long; longer argument lists were refused by the caller.
        unsafe {
            *base.sub(1) = UNDEFINED;
            *base = callee;
            for (index, word) in arguments.iter().enumerate() {
                *base.add(index + 1) = *word;
            }
        }
    }

    /// Keeps an ended fiber for another call. What its stack held stays there for now: it names objects where they are until
    /// the next collection.
    pub fn put_by(&mut self, n_collections: u64) {
        let start = self.stack_start();
        // SAFETY: the reservation is longer than one soft step.
        let first_soft = unsafe { start.add(SOFT_STEP_WORDS) };
        let has_grown = self.stack_soft > first_soft;
        // SAFETY: as above, and nothing in the stack is in use.
        unsafe {
            self.registers = Registers {
                pc: &raw const HALT[1],
                base: start.add(1),
                frame: self.frames_start(),
                fuel: 0,
            };
            *start = UNDEFINED;
        }
        if has_grown {
            self.clear_above_top();
        }
        self.n_collections = n_collections;
        self.counted = 0;
        self.handlers.clear();
        self.state = FiberState::Runnable;
        self.cancelled = false;
        self.driven = NOT_DRIVEN;
        self.account = 0;
        self.started = false;
        self.delivered_error = None;
    }

    /// Makes a fiber that was put by ready for another call. Its first window counts as used from the start, so what is left
    /// there must be nothing, or something that no collection has moved.
    pub fn reset(&mut self, n_collections: u64) {
        if self.n_collections == n_collections {
            return;
        }
        let base = self.registers.base;
        // SAFETY: the soft end plus the largest window lies within the reservation, and nothing there is in use.
        unsafe {
            let end = self.stack_soft.add(WINDOW_WORDS);
            std::ptr::write_bytes(base, 0, (end as usize - base as usize) / 8);
        }
    }
}
