//! What happens when an instruction raises: the error learns where it happened, and the innermost handler takes it.
#![allow(unsafe_code)]

use sup_abi::word::{NIL, Word};
use sup_code::Insn;

use crate::error::{Raise, field};
use crate::interp::Exit;
use crate::object::{Kind, Obj, kind_of};
use crate::slow::Flow;
use crate::unit::FunctionMeta;
use crate::vm::Vm;

/// Most calls that a trace tells.
const MAX_TRACE: usize = 32;

/// One call of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// Name of the function, empty when it has none.
    pub function: &'static str,
    /// Name of the source that the span lies in.
    pub source: &'static str,
    /// Start of the span, in bytes.
    pub start: u32,
    /// End of the span, in bytes.
    pub end: u32,
}

impl Vm {
    /// Gives the pending error to the innermost handler of this run, or leaves the loop.
    pub(crate) fn unwind(&mut self, _raise: Raise) -> Flow {
        if std::mem::take(&mut self.out_of_memory) {
            self.raise_memory_now();
        }
        self.locate_error();
        let floor = self.handler_floor;
        let fiber = self.running_fiber();
        if fiber.cancelled || fiber.handlers.len() <= floor {
            return Flow::Leave(Exit::Raised);
        }
        let handler = fiber.handlers.pop().expect("there is one above the floor");
        self.registers.frame = handler.frame;
        self.registers.base = handler.base;
        self.registers.pc = handler.target;
        let error = std::mem::replace(&mut self.pending, NIL);
        self.set_r(handler.register, error);
        Flow::Continue
    }

    /// Whether memory was wanted and not had, and nobody has raised that yet.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        self.out_of_memory
    }

    /// Makes the error of a native that ran out of memory outside of any fiber, where no handler could have.
    pub fn settle_memory_error(&mut self) {
        if std::mem::take(&mut self.out_of_memory) {
            self.collect(crate::collect::Extent::Everything);
            self.raise_memory_now();
        }
    }

    /// Raises `vm/memory` with an error value of its own, for which an empty nursery has room. Whoever found that memory is
    /// out has collected everything.
    pub(crate) fn raise_memory_now(&mut self) -> Raise {
        self.collect(crate::collect::Extent::Nursery);
        let error = self.memory_error();
        self.raise_value(error)
    }

    /// The error value `vm/memory`.
    pub(crate) fn memory_error(&mut self) -> Word {
        self.memory_error_of(self.memory_limit())
    }

    /// The error value `vm/memory`, for a fiber whose memory that is.
    pub(crate) fn memory_error_of(&mut self, limit: usize) -> Word {
        self.heap
            .set_quota(self.limits.memory_bytes.saturating_add(1 << 20));
        let message = format!(
            "the program uses more memory than its limit of {} MiB",
            limit >> 20
        );
        let error = self.make_error("vm/memory", &message, NIL);
        self.apply_quota();
        self.out_of_memory = false;
        error.expect("the nursery or the leeway has room for a small object")
    }

    /// Writes span and trace into an error that has none yet.
    fn locate_error(&mut self) {
        let Some(error) = Obj::from_word(self.pending).filter(|obj| obj.kind() == Kind::Error) else {
            return;
        };
        if error.get(field::TRACE) != NIL {
            return;
        }
        let error = if error.header().is_immortal() {
            // Others share it, so that where it was raised this time is told of a copy.
            let mut fields = [NIL; 6];
            fields.copy_from_slice(error.words(1, 6));
            match self.error_of_fields(fields).map(Obj::from_word) {
                Ok(Some(copy)) => copy,
                _ => {
                    self.out_of_memory = false;
                    self.pending = error.word();
                    return;
                }
            }
        } else {
            error
        };
        let entries = self.trace();
        let mut words = Vec::with_capacity(entries.len());
        for entry in &entries {
            match self.trace_word(entry) {
                Ok(word) => words.push(word),
                Err(_) => break,
            }
        }
        self.out_of_memory = false;
        let span = words.first().copied().unwrap_or(NIL);
        if let Ok(trace) = self.new_list(2, &words) {
            if error.get(field::SPAN) == NIL {
                self.heap.write(error, field::SPAN, span);
            }
            self.heap.write(error, field::TRACE, trace);
            self.pending = error.word();
        }
        self.out_of_memory = false;
    }

    fn trace_word(&mut self, entry: &TraceEntry) -> Result<Word, Raise> {
        let source = self.new_str(entry.source)?;
        let function = self.new_str(entry.function)?;
        let (start, end) = (self.new_int(entry.start.into())?, self.new_int(entry.end.into())?);
        self.new_list(2, &[source, start, end, function])
    }

    /// The calls that are open, innermost first.
    #[must_use]
    pub fn trace(&self) -> Vec<TraceEntry> {
        let Some(fiber) = &self.fiber else {
            return Vec::new();
        };
        let mut entries = Vec::new();
        let (mut pc, mut base, mut frame) = (self.registers.pc, self.registers.base, self.registers.frame);
        while entries.len() < MAX_TRACE {
            // SAFETY: base and frame walk back over the calls that are open, each of which pushed its return address and
            // stands right after its callee.
            unsafe {
                if let Some(entry) = entry_at(*base.sub(1), pc) {
                    entries.push(entry);
                }
                if frame <= fiber.frames_start() {
                    break;
                }
                frame = frame.sub(1);
                pc = *frame;
                let call = *pc.sub(1);
                let next = *pc;
                if next.op() == Some(sup_code::Op::Halt) && next.b() == 0 {
                    break;
                }
                base = base.sub(call.a() as usize + 1);
                if next.op() == Some(sup_code::Op::Halt) && frame > fiber.frames_start() {
                    frame = frame.sub(1);
                    pc = *frame;
                }
            }
        }
        entries
    }
}

/// Where a function was when its program counter was past an instruction.
fn entry_at(callee: Word, pc: *const Insn) -> Option<TraceEntry> {
    if kind_of(callee) != Some(Kind::Closure) {
        return None;
    }
    let entry = Obj::from_word(callee)?.get(1) as *const Insn;
    let meta = FunctionMeta::of_entry(entry);
    let index = (pc as usize).wrapping_sub(entry as usize) / size_of::<Insn>();
    if index > meta.n_code as usize {
        return None;
    }
    let function = meta.function();
    let at = index.saturating_sub(1) as u32;
    let place = function.spans.partition_point(|(start, _)| *start <= at);
    let span = place
        .checked_sub(1)
        .map_or(function.span, |place| function.spans[place].1);
    Some(TraceEntry {
        function: &function.name,
        source: &meta.chunk().source,
        start: span.start,
        end: span.end,
    })
}
