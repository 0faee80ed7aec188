//! How many handlers are set at each instruction, over every path that control can take.

use super::{Found, VerifyFault, ends_path, leaves};
use crate::chunk::Function;
use crate::op::Op;

/// The count at an instruction that no path has reached.
const UNREACHED: u32 = u32::MAX;

/// Checks that a handler is dropped only where one is set, that none is set when the window is left, and that paths meet
/// only with the same number. The operands must have been checked before. Code that no path reaches cannot do harm.
pub(super) fn check(function: &Function) -> Result<(), Found> {
    if !function
        .code
        .iter()
        .any(|insn| matches!(insn.op(), Some(Op::Handler | Op::EndHandler)))
    {
        return Ok(());
    }
    let mut n_handlers = vec![UNREACHED; function.code.len()];
    n_handlers[0] = 0;
    let mut reached = vec![0];
    while let Some(insn_idx) = reached.pop() {
        let insn = function.code[insn_idx];
        let op = insn.op().expect("opcodes are checked before handlers are");
        let before = n_handlers[insn_idx];
        let after = match op {
            Op::Handler => before + 1,
            Op::EndHandler => before
                .checked_sub(1)
                .ok_or((Some(insn_idx), VerifyFault::NoHandler))?,
            _ if leaves(op) && before > 0 => return Err((Some(insn_idx), VerifyFault::HandlerLeft)),
            _ => before,
        };
        let next = (!ends_path(op)).then_some((insn_idx + 1, after));
        // A raise drops the handler before it goes there.
        let target = insn.jump_target(insn_idx).map(|target| (target as usize, before));
        for (target_idx, n_there) in next.into_iter().chain(target) {
            if n_handlers[target_idx] == UNREACHED {
                n_handlers[target_idx] = n_there;
                reached.push(target_idx);
            } else if n_handlers[target_idx] != n_there {
                return Err((Some(target_idx), VerifyFault::HandlersDiffer));
            }
        }
    }
    Ok(())
}
