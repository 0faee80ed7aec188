//! Proves of a chunk what the machine takes for granted, so that the machine need not look again.
//!
//! After [`verify`], whatever path control takes through a function: every register lies in the window, every index in its
//! table, every jump lands on an instruction, the end is never run past, only `loop` goes back, handlers are dropped as
//! often as they are set and none is left when the function returns, and a closure finds what it captures.
//!
//! Not proved, since the machine copes with it: what sort of value a register holds (each instruction looks at the tags of
//! what it is given), and that a register was written before it is read (the machine sees to it that a register holds some
//! value at all times). Names are not looked up either: an unbound one is an error when it is used.

mod handlers;
mod operands;

use crate::chunk::{CaptureSource, Chunk, CodeLimits, Constant, Function, MAX_REGISTERS, Tail};
use crate::op::Op;
use crate::wire::{Part, WireFault};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// What was proved sound. Only [`verify`] makes one, and it never changes afterwards.
#[derive(Debug)]
pub struct Verified<T>(Arc<T>);

impl<T> Verified<T> {
    /// What was verified, to be held on to.
    #[must_use]
    pub fn shared(&self) -> &Arc<T> {
        &self.0
    }
}

impl<T> Clone for Verified<T> {
    fn clone(&self) -> Verified<T> {
        Verified(Arc::clone(&self.0))
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Why a chunk is not sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// Index of the function, where it is one that is wrong.
    pub function_idx: Option<usize>,
    /// Index of the instruction, where it is one that is wrong.
    pub insn_idx: Option<usize>,
    /// What is wrong.
    pub fault: VerifyFault,
}

/// What is wrong with a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyFault {
    /// The chunk has no function to run.
    NoFunction,
    /// There is more of something than the limits allow.
    TooMany {
        /// Of what.
        part: Part,
        /// How many are allowed.
        limit: u32,
    },
    /// A constant is not a well-formed value.
    Data {
        /// Index of the constant.
        constant_idx: usize,
        /// What is wrong with it.
        fault: WireFault,
    },
    /// The first function takes parameters or captures values.
    FormTakesValues,
    /// The window is larger than a window can be.
    Window {
        /// Its size.
        n_registers: u8,
    },
    /// The parameters do not fit the window.
    Parameters {
        /// How many registers they take.
        n_registers: usize,
    },
    /// The function has no instruction.
    NoInstruction,
    /// The number is none of an opcode, or of one that is the machine's own.
    Opcode {
        /// The number.
        number: u8,
    },
    /// An instruction uses registers outside the window.
    Register {
        /// The first one after those that it uses.
        end: u16,
    },
    /// An index points outside its table.
    Index {
        /// Into which table.
        part: Part,
        /// The index.
        index: i32,
    },
    /// A jump leads out of the function.
    JumpOutside,
    /// A jump other than `loop` goes back, past the counting of fuel.
    JumpBack,
    /// A `loop` goes forward.
    LoopForward,
    /// Control can run past the last instruction.
    FallsThrough,
    /// A number is none that the instruction has a meaning for.
    Number {
        /// The number.
        number: i32,
    },
    /// An arithmetic instruction has a constant that is no number.
    NotNumeric,
    /// A call of the running function has another number of arguments than it requires, or the function takes optional ones.
    SelfCall,
    /// A handler is dropped where none is set.
    NoHandler,
    /// The function can be left while a handler is set.
    HandlerLeft,
    /// Paths with different numbers of handlers meet.
    HandlersDiffer,
    /// A closure would capture what the function that makes it does not have.
    CaptureSource {
        /// Index of the function of the closure.
        function_idx: usize,
    },
    /// Spans do not ascend, or lie outside the code.
    SpanOrder,
    /// A span ends before it starts.
    Span,
}

impl VerifyError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.fault {
            VerifyFault::TooMany { .. } => "code/limit",
            _ => "code/unsound",
        }
    }

    /// What can be done about it, where something can.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self.fault {
            VerifyFault::TooMany { .. } => Some("split the form into smaller definitions"),
            _ => Some("the stored code is damaged or foreign; compile it again from its source"),
        }
    }
}

impl fmt::Display for VerifyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            VerifyFault::TooMany { part, limit } => {
                return write!(f, "more than {limit} of: {}", part.name());
            }
            VerifyFault::Data { constant_idx, fault } => {
                return write!(f, "in constant {constant_idx} {fault}");
            }
            VerifyFault::Window { n_registers } => {
                return write!(f, "a window of {n_registers} registers is too large");
            }
            VerifyFault::Parameters { n_registers } => {
                return write!(
                    f,
                    "parameters that take {n_registers} registers do not fit the window"
                );
            }
            VerifyFault::Opcode { number } => return write!(f, "there is no opcode {number}"),
            VerifyFault::Register { end } => {
                return write!(f, "registers up to {end} lie outside the window");
            }
            VerifyFault::Index { part, index } => return write!(f, "there is no {} {index}", part.name()),
            VerifyFault::Number { number } => return write!(f, "the instruction knows no {number}"),
            VerifyFault::CaptureSource { function_idx } => {
                return write!(f, "function {function_idx} captures what is not there");
            }
            VerifyFault::NoFunction => "there is no function",
            VerifyFault::FormTakesValues => "the first function takes parameters or captures values",
            VerifyFault::NoInstruction => "there is no instruction",
            VerifyFault::JumpOutside => "a jump leads out of the function",
            VerifyFault::JumpBack => "a jump other than a loop goes back",
            VerifyFault::LoopForward => "a loop goes forward",
            VerifyFault::FallsThrough => "control can run past the last instruction",
            VerifyFault::NotNumeric => "the constant of an arithmetic instruction is no number",
            VerifyFault::SelfCall => "a call of the running function has the wrong number of arguments",
            VerifyFault::NoHandler => "a handler is dropped where none is set",
            VerifyFault::HandlerLeft => "the function can be left while a handler is set",
            VerifyFault::HandlersDiffer => "paths with different numbers of handlers meet",
            VerifyFault::SpanOrder => "spans do not ascend or lie outside the code",
            VerifyFault::Span => "a span ends before it starts",
        };
        f.write_str(text)
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)?;
        if let Some(function_idx) = self.function_idx {
            write!(f, " in function {function_idx}")?;
        }
        if let Some(insn_idx) = self.insn_idx {
            write!(f, " at instruction {insn_idx}")?;
        }
        Ok(())
    }
}

impl std::error::Error for VerifyError {}

/// A fault within one function, with the instruction where there is one.
type Found = (Option<usize>, VerifyFault);

/// Proves a chunk sound.
///
/// # Errors
/// The first thing that is not.
pub fn verify(chunk: Chunk, limits: &CodeLimits) -> Result<Verified<Chunk>, VerifyError> {
    check_tables(&chunk, limits).map_err(|fault| VerifyError {
        function_idx: None,
        insn_idx: None,
        fault,
    })?;
    let needs: Vec<CaptureNeeds> = chunk.functions.iter().map(CaptureNeeds::of).collect();
    for (function_idx, function) in chunk.functions.iter().enumerate() {
        check_function(&chunk, function, &needs, limits).map_err(|(insn_idx, fault)| VerifyError {
            function_idx: Some(function_idx),
            insn_idx,
            fault,
        })?;
    }
    Ok(Verified(Arc::new(chunk)))
}

fn check_tables(chunk: &Chunk, limits: &CodeLimits) -> Result<(), VerifyFault> {
    for (n_items, part, limit) in [
        (chunk.functions.len(), Part::Function, limits.max_functions),
        (chunk.constants.len(), Part::Constant, limits.max_constants),
        (chunk.cells.len(), Part::Cell, limits.max_cells),
        (chunk.primitives.len(), Part::Primitive, limits.max_primitives),
        (chunk.types.len(), Part::Type, limits.max_types),
    ] {
        check_count(n_items, part, limit)?;
    }
    let form = chunk.functions.first().ok_or(VerifyFault::NoFunction)?;
    if form.parameters.n_registers() > 0 || !form.captures.is_empty() {
        return Err(VerifyFault::FormTakesValues);
    }
    for (constant_idx, constant) in chunk.constants.iter().enumerate() {
        if let Constant::Data(flat) = constant {
            flat.check(&limits.wire).map_err(|error| VerifyFault::Data {
                constant_idx,
                fault: error.fault,
            })?;
        }
    }
    Ok(())
}

fn check_count(n_items: usize, part: Part, limit: u32) -> Result<(), VerifyFault> {
    if n_items > limit as usize {
        Err(VerifyFault::TooMany { part, limit })
    } else {
        Ok(())
    }
}

fn check_function(
    chunk: &Chunk,
    function: &Function,
    needs: &[CaptureNeeds],
    limits: &CodeLimits,
) -> Result<(), Found> {
    let whole = |fault| (None, fault);
    check_count(function.code.len(), Part::Instruction, limits.max_instructions).map_err(whole)?;
    check_count(function.captures.len(), Part::Capture, limits.max_captures).map_err(whole)?;
    check_shape(function).map_err(whole)?;
    for (insn_idx, insn) in function.code.iter().enumerate() {
        let at_insn = |fault| (Some(insn_idx), fault);
        let op = insn.op().ok_or(at_insn(VerifyFault::Opcode {
            number: insn.op_number(),
        }))?;
        operands::check(chunk, function, (op, *insn), insn_idx).map_err(at_insn)?;
        if op == Op::Closure {
            let made_idx = insn.d() as usize;
            if !needs[made_idx].are_met_in(function) {
                return Err(at_insn(VerifyFault::CaptureSource {
                    function_idx: made_idx,
                }));
            }
        }
    }
    let last_idx = function.code.len() - 1;
    if !function.code[last_idx].op().is_some_and(ends_path) {
        return Err((Some(last_idx), VerifyFault::FallsThrough));
    }
    handlers::check(function)
}

fn check_shape(function: &Function) -> Result<(), VerifyFault> {
    if function.n_registers > MAX_REGISTERS {
        return Err(VerifyFault::Window {
            n_registers: function.n_registers,
        });
    }
    let n_registers = function.parameters.n_registers();
    if n_registers > usize::from(function.n_registers) {
        return Err(VerifyFault::Parameters { n_registers });
    }
    if function.code.is_empty() {
        return Err(VerifyFault::NoInstruction);
    }
    let mut free_idx = 0;
    for (insn_idx, span) in &function.spans {
        if *insn_idx < free_idx || *insn_idx as usize >= function.code.len() {
            return Err(VerifyFault::SpanOrder);
        }
        free_idx = *insn_idx + 1;
        if span.start > span.end {
            return Err(VerifyFault::Span);
        }
    }
    if function.span.start > function.span.end {
        Err(VerifyFault::Span)
    } else {
        Ok(())
    }
}

/// Whether control never goes on to the next instruction.
fn ends_path(op: Op) -> bool {
    leaves(op) || matches!(op, Op::Jump | Op::Loop | Op::Raise)
}

/// Whether the window is given up or started again, so that no handler may be set.
fn leaves(op: Op) -> bool {
    matches!(
        op,
        Op::Return
            | Op::ReturnNil
            | Op::TailCall
            | Op::TailCell
            | Op::EnterCell
            | Op::TailSelf
            | Op::TailApply
    )
}

/// How much the captures of a function need of the function that makes the closure.
struct CaptureNeeds {
    n_registers: usize,
    n_captures: usize,
}

impl CaptureNeeds {
    fn of(function: &Function) -> CaptureNeeds {
        let mut needs = CaptureNeeds {
            n_registers: 0,
            n_captures: 0,
        };
        for source in &function.captures {
            match *source {
                CaptureSource::Register(register) => {
                    needs.n_registers = needs.n_registers.max(usize::from(register) + 1)
                }
                CaptureSource::Capture(capture_idx) => {
                    needs.n_captures = needs.n_captures.max(usize::from(capture_idx) + 1);
                }
                CaptureSource::Enclosing => {}
            }
        }
        needs
    }

    fn are_met_in(&self, maker: &Function) -> bool {
        self.n_registers <= usize::from(maker.n_registers) && self.n_captures <= maker.captures.len()
    }
}

/// Whether a call of the function with so many arguments can be a jump to its start.
fn can_call_itself(function: &Function, n_arguments: u8) -> bool {
    let parameters = function.parameters;
    parameters.n_required == n_arguments && parameters.n_optional == 0 && parameters.tail == Tail::None
}
