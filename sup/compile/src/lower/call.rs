//! Calls: arguments go straight into the window that the callee will have.

use super::builder::Reg;
use super::{Dest, Lowerer, Place};
use crate::core_tree::{Expr, ExprKind, VarId};
use slp::Span;
use sup_code::Op;

impl Lowerer<'_> {
    pub(super) fn call(&mut self, callee: &Expr, args: &[Expr], dest: Dest, span: Span) {
        match &callee.kind {
            ExprKind::Primitive(name) => self.call_primitive(name, args, dest, span),
            ExprKind::Local { var, .. } if self.is_self_call(*var, args.len()) => {
                self.call_self(args, dest, span)
            }
            ExprKind::Global(cell) => {
                // A function that calls itself by its name in tail position hands its own result type on.
                let is_own = self.frame().own_cell.as_ref() == Some(cell);
                let may_leave = is_own || self.frame().result.is_none();
                let cell = self.cell(cell);
                if dest == Dest::Return && may_leave && self.can_hand_over_here(args.len()) {
                    return self.enter_cell(args, cell, span);
                }
                self.call_with(
                    None,
                    args,
                    (Op::CallCell, may_leave.then_some(Op::TailCell)),
                    cell,
                    dest,
                    span,
                );
            }
            _ => {
                let tail_op = self.frame().result.is_none().then_some(Op::TailCall);
                self.call_with(Some(callee), args, (Op::Call, tail_op), 0, dest, span);
            }
        }
    }

    /// Whether the registers of the running function's own arguments take in those of a call that leaves it.
    fn can_hand_over_here(&mut self, n_args: usize) -> bool {
        self.frame()
            .n_plain_params
            .is_some_and(|n_params| n_args <= n_params)
    }

    /// A call in tail position whose arguments go where the running function's were.
    fn enter_cell(&mut self, args: &[Expr], cell: i32, span: Span) {
        self.rebind_arguments(args, span);
        self.emit(Op::EnterCell, 0, args.len() as u8, 0, cell, span);
    }

    pub(super) fn call_primitive(&mut self, name: &str, args: &[Expr], dest: Dest, span: Span) {
        let primitive = self.pools.primitives.index(&name.to_string());
        self.call_with(None, args, (Op::CallPrim, None), primitive, dest, span);
    }

    /// Whether the variable is the running function, which takes just that many arguments.
    fn is_self_call(&mut self, var: VarId, n_args: usize) -> bool {
        self.frame().n_plain_params == Some(n_args)
            && self.frame().self_var == Some(var)
            && self.place(var) == Place::Running
    }

    fn call_self(&mut self, args: &[Expr], dest: Dest, span: Span) {
        match dest {
            Dest::Return => self.recur_function(args, span),
            _ => self.call_with(None, args, (Op::CallSelf, None), 0, dest, span),
        }
    }

    /// A call: the callee, unless the instruction names it, then the arguments, into a new window. The second instruction is
    /// for a call that may leave this function behind.
    fn call_with(
        &mut self,
        callee: Option<&Expr>,
        args: &[Expr],
        (op, tail_op): (Op, Option<Op>),
        d: i32,
        dest: Dest,
        span: Span,
    ) {
        let mark = self.mark();
        let base = self.window(dest);
        if let Some(callee) = callee {
            self.expr(callee, Dest::Fresh(base));
        }
        for arg in args {
            let register = self.alloc();
            self.expr(arg, Dest::Fresh(register));
        }
        match tail_op {
            Some(tail_op) if dest == Dest::Return => {
                self.emit(tail_op, base, args.len() as u8, 0, d, span);
            }
            _ => {
                self.emit(op, base, args.len() as u8, 0, d, span);
                self.send(base, dest, span);
            }
        }
        self.release(mark);
    }

    /// The first register of a new window: the destination itself if nothing is above it.
    pub(super) fn window(&mut self, dest: Dest) -> Reg {
        match dest {
            Dest::Fresh(register) if self.code().is_top(register) => register,
            _ => self.alloc(),
        }
    }

    pub(super) fn apply(&mut self, callee: &Expr, list: &Expr, dest: Dest, span: Span) {
        let mark = self.mark();
        let function = self.operand(callee, std::slice::from_ref(list));
        let list = self.operand(list, &[]);
        self.release(mark);
        if dest == Dest::Return && self.frame().result.is_none() {
            return self.emit(Op::TailApply, function, list, 0, 0, span);
        }
        self.write(dest, span, |this, target| {
            this.emit(Op::Apply, target, function, list, 0, span)
        });
    }

    /// A call of a native with values that are in registers already or small integers.
    pub(super) fn call_native(&mut self, name: &str, args: &[NativeArg], dest: Dest, span: Span) {
        let mark = self.mark();
        let base = self.window(dest);
        for arg in args {
            let register = self.alloc();
            match *arg {
                NativeArg::Register(source) => self.emit(Op::Move, register, source, 0, 0, span),
                NativeArg::Int(number) => self.emit(Op::LoadInt, register, 0, 0, number, span),
            }
        }
        let primitive = self.pools.primitives.index(&name.to_string());
        self.emit(Op::CallPrim, base, args.len() as u8, 0, primitive, span);
        self.send(base, dest, span);
        self.release(mark);
    }
}

/// An argument of a native that the compiler calls itself.
#[derive(Clone, Copy)]
pub(super) enum NativeArg {
    Register(Reg),
    Int(i32),
}
