//! The operands of one instruction.

use super::{VerifyFault, can_call_itself};
use crate::chunk::{Chunk, Constant, Function};
use crate::op::{Insn, Op, Shape};
use crate::wire::{N_LIST_KINDS, Part};

/// Checks everything about an instruction that can be seen without following control.
pub(super) fn check(
    chunk: &Chunk,
    function: &Function,
    (op, insn): (Op, Insn),
    insn_idx: usize,
) -> Result<(), VerifyFault> {
    let end = registers_end(op, insn);
    if end > u16::from(function.n_registers) {
        return Err(VerifyFault::Register { end });
    }
    check_index(chunk, function, op.shape(), insn.d())?;
    check_jump(function, (op, insn), insn_idx)?;
    check_meaning(chunk, function, op, insn)
}

/// One more than the highest register that the instruction uses.
fn registers_end(op: Op, insn: Insn) -> u16 {
    let (a, b, c) = (u16::from(insn.a()), u16::from(insn.b()), u16::from(insn.c()));
    match op.shape() {
        Shape::None | Shape::Jump => 0,
        Shape::Write
        | Shape::Read
        | Shape::WriteInt
        | Shape::WriteConst
        | Shape::WriteCapture
        | Shape::WriteCell
        | Shape::ReadCell
        | Shape::WritePrimitive
        | Shape::WriteFunction
        | Shape::ReadJump
        | Shape::ReadImmJump
        | Shape::HandlerJump
        | Shape::ReadInt
        | Shape::ReadType => a + 1,
        Shape::WriteRead if op == Op::Iterate => (a + 2).max(b + 1),
        Shape::WriteRead
        | Shape::ReadRead
        | Shape::WriteReadInt
        | Shape::WriteReadConst
        | Shape::ReadReadJump
        | Shape::ReadReadInt
        | Shape::WriteReadType => a.max(b) + 1,
        Shape::EnterCell => b,
        Shape::WriteReadRead | Shape::ReadReadRead | Shape::WriteReadReadPrimitive => a.max(b).max(c) + 1,
        Shape::Call | Shape::CallCell | Shape::CallPrimitive => a + b + 1,
        Shape::Collect => (a + 1).max(b + c),
        Shape::IterateJump => a + 3,
    }
}

fn check_index(chunk: &Chunk, function: &Function, shape: Shape, index: i32) -> Result<(), VerifyFault> {
    let (part, n_items) = match shape {
        Shape::WriteConst | Shape::WriteReadConst => (Part::Constant, chunk.constants.len()),
        Shape::WriteCapture => (Part::Capture, function.captures.len()),
        Shape::WriteCell | Shape::ReadCell | Shape::CallCell | Shape::EnterCell => {
            (Part::Cell, chunk.cells.len())
        }
        Shape::WritePrimitive | Shape::CallPrimitive | Shape::WriteReadReadPrimitive => {
            (Part::Primitive, chunk.primitives.len())
        }
        Shape::WriteFunction => (Part::Function, chunk.functions.len()),
        Shape::ReadType | Shape::WriteReadType => (Part::Type, chunk.types.len()),
        Shape::None
        | Shape::Write
        | Shape::Read
        | Shape::WriteRead
        | Shape::WriteReadRead
        | Shape::ReadReadRead
        | Shape::ReadRead
        | Shape::ReadInt
        | Shape::ReadReadInt
        | Shape::WriteInt
        | Shape::WriteReadInt
        | Shape::Jump
        | Shape::ReadJump
        | Shape::ReadReadJump
        | Shape::ReadImmJump
        | Shape::HandlerJump
        | Shape::Call
        | Shape::Collect
        | Shape::IterateJump => return Ok(()),
    };
    if usize::try_from(index).is_ok_and(|index| index < n_items) {
        Ok(())
    } else {
        Err(VerifyFault::Index { part, index })
    }
}

/// Going back must count fuel, and only `loop` does: any other way back would be an endless loop that nothing stops.
fn check_jump(function: &Function, (op, insn): (Op, Insn), insn_idx: usize) -> Result<(), VerifyFault> {
    let Some(target) = insn.jump_target(insn_idx) else {
        return Ok(());
    };
    if target < 0 || target >= function.code.len() as i64 {
        return Err(VerifyFault::JumpOutside);
    }
    let goes_back = target <= insn_idx as i64;
    match op {
        Op::Loop if !goes_back => Err(VerifyFault::LoopForward),
        Op::Loop => Ok(()),
        _ if goes_back => Err(VerifyFault::JumpBack),
        _ => Ok(()),
    }
}

/// What single opcodes ask of their operands beyond what their shape says.
fn check_meaning(chunk: &Chunk, function: &Function, op: Op, insn: Insn) -> Result<(), VerifyFault> {
    let number = insn.d();
    match op {
        Op::Halt => {
            return Err(VerifyFault::Opcode {
                number: insn.op_number(),
            });
        }
        Op::AddConst | Op::SubConst | Op::MulConst | Op::DivConst => {
            let constant = &chunk.constants[number as usize];
            if !matches!(constant, Constant::Int(_) | Constant::Real(_)) {
                return Err(VerifyFault::NotNumeric);
            }
        }
        Op::List | Op::ArrayList if !(0..i32::from(N_LIST_KINDS)).contains(&number) => {
            return Err(VerifyFault::Number { number });
        }
        Op::ArrayList if insn.c() != 1 => {
            return Err(VerifyFault::Number {
                number: i32::from(insn.c()),
            });
        }
        Op::Map if !insn.c().is_multiple_of(2) => {
            return Err(VerifyFault::Number {
                number: i32::from(insn.c()),
            });
        }
        Op::Slice if number < 0 => return Err(VerifyFault::Number { number }),
        Op::CallSelf | Op::TailSelf if !can_call_itself(function, insn.b()) => {
            return Err(VerifyFault::SelfCall);
        }
        _ => {}
    }
    Ok(())
}
