//! Giving several registers new values at once, as `recur` and a call of oneself in tail position do.

use super::builder::Reg;
use super::{Dest, Lowerer, effects};
use crate::core_tree::{Expr, ExprKind, LoopId, VarId};
use slp::Span;
use sup_code::Op;

/// A register and the expression that gives its next value.
struct Update<'e> {
    register: Reg,
    /// The value goes into a new box.
    is_boxed: bool,
    value: &'e Expr,
}

impl Lowerer<'_> {
    pub(super) fn recur(&mut self, id: LoopId, args: &[Expr], span: Span) {
        let state = self.frame().loops.iter().find(|state| state.id == id);
        let state = state.expect("`recur` stands in its loop");
        let (top, vars) = (state.top, state.vars.clone());
        let updates: Vec<Update<'_>> = vars
            .iter()
            .zip(args)
            .map(|(&var, value)| self.update(var, value))
            .collect();
        self.rebind(updates, span);
        self.code().jump(Op::Loop, 0, 0, top, span);
    }

    fn update<'e>(&self, var: VarId, value: &'e Expr) -> Update<'e> {
        let register = self
            .register_of(var)
            .expect("the variables of a loop are bound before its body");
        Update {
            register,
            is_boxed: self.var(var).is_boxed(),
            value,
        }
    }

    /// The running function again, with other arguments. They arrive as a caller would hand them over.
    pub(super) fn recur_function(&mut self, args: &[Expr], span: Span) {
        self.rebind_arguments(args, span);
        let start = self.frame().start;
        self.code().jump(Op::Loop, 0, 0, start, span);
    }

    /// The first registers get the values, as a caller would hand them over.
    pub(super) fn rebind_arguments(&mut self, args: &[Expr], span: Span) {
        let updates = args.iter().enumerate();
        let updates = updates
            .map(|(idx, value)| Update {
                register: idx as Reg,
                is_boxed: false,
                value,
            })
            .collect();
        self.rebind(updates, span);
    }

    fn rebind(&mut self, mut updates: Vec<Update<'_>>, span: Span) {
        let mark = self.mark();
        let mut moves: Vec<(Update<'_>, Reg)> = Vec::new();
        let are_pure = updates.iter().all(|update| effects::is_pure(update.value));
        updates.retain(|update| !self.is_unchanged(update));
        while !updates.is_empty() {
            // In the order written, unless nothing can tell the difference: then what no other value needs goes first.
            let free = match are_pure {
                true => (0..updates.len()).find(|&idx| !self.is_needed(&updates, idx)),
                false => (!self.is_needed(&updates, 0)).then_some(0),
            };
            let update = updates.remove(free.unwrap_or(0));
            if free.is_some() && !update.is_boxed {
                self.expr(update.value, Dest::Into(update.register));
            } else {
                let temporary = self.alloc();
                self.expr(update.value, Dest::Fresh(temporary));
                moves.push((update, temporary));
            }
        }
        for (update, temporary) in moves {
            let op = if update.is_boxed { Op::NewBox } else { Op::Move };
            self.emit(op, update.register, temporary, 0, 0, span);
        }
        self.release(mark);
    }

    /// Whether another value still to be evaluated reads the register of this one.
    fn is_needed(&self, updates: &[Update<'_>], idx: usize) -> bool {
        let register = updates[idx].register;
        updates
            .iter()
            .enumerate()
            .any(|(other, update)| other != idx && self.reads(update.value, register))
    }

    /// Whether the value is the register's own variable.
    fn is_unchanged(&mut self, update: &Update<'_>) -> bool {
        let ExprKind::Local {
            var,
            is_checked: false,
        } = update.value.kind
        else {
            return false;
        };
        let variable = self.var(var);
        !update.is_boxed
            && !variable.is_boxed()
            && variable.function == self.frame_id()
            && self.register_of(var) == Some(update.register)
    }
}
