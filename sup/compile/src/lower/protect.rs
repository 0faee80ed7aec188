//! Handlers: `try`, `recover` and `assert`.

use super::builder::{Label, Reg};
use super::call::NativeArg;
use super::{Dest, Lowerer};
use crate::core_tree::{Body, Expr, VarId};
use slp::Span;
use sup_code::{Op, TypeBase};

impl Lowerer<'_> {
    /// Evaluates the body into a new register under a handler that puts an error there and goes to the label.
    fn protected(&mut self, body: &Expr, caught: Label, span: Span) -> Reg {
        let register = self.alloc();
        self.code().jump(Op::Handler, register, 0, caught, span);
        self.frame().n_handlers += 1;
        self.expr(body, Dest::Fresh(register));
        self.frame().n_handlers -= 1;
        self.emit(Op::EndHandler, 0, 0, 0, 0, span);
        register
    }

    pub(super) fn try_form(&mut self, body: &Expr, error: VarId, handler: &Body, dest: Dest, span: Span) {
        let mark = self.mark();
        let (caught, end) = (self.code().label(), self.code().label());
        let register = self.protected(body, caught, span);
        let (answer_mark, is_error) = (self.mark(), self.type_named(TypeBase::Error));
        let answer = self.alloc();
        self.emit(Op::TypeIs, answer, register, 0, is_error, span);
        self.code().jump(Op::JumpTrue, answer, 0, caught, span);
        self.release(answer_mark);
        self.send(register, dest, span);
        self.code().jump(Op::Jump, 0, 0, end, span);
        self.code().bind(caught);
        self.bind_register(error, register, span);
        self.body(handler, dest, span);
        self.code().bind(end);
        self.release(mark);
    }

    pub(super) fn recover(
        &mut self,
        body: &Expr,
        error: VarId,
        message: VarId,
        handler: &Body,
        dest: Dest,
        span: Span,
    ) {
        let mark = self.mark();
        let (caught, end) = (self.code().label(), self.code().label());
        let register = self.protected(body, caught, span);
        self.send(register, dest, span);
        self.code().jump(Op::Jump, 0, 0, end, span);
        self.code().bind(caught);
        if self.var(message).n_uses > 0 {
            let text = self.alloc();
            self.call_native(
                "%error-message",
                &[NativeArg::Register(register)],
                Dest::Fresh(text),
                span,
            );
            self.bind_register(message, text, span);
        }
        self.bind_register(error, register, span);
        self.body(handler, dest, span);
        self.code().bind(end);
        self.release(mark);
    }

    /// The message is evaluated only when it is needed.
    pub(super) fn assert(&mut self, test: &Expr, message: &Expr, dest: Dest, span: Span) {
        let holds = self.code().label();
        self.branch(test, true, holds);
        let mark = self.mark();
        let refused = self.alloc();
        self.emit(Op::LoadFalse, refused, 0, 0, 0, span);
        let message = self.operand(message, &[]);
        self.emit(Op::Assert, refused, message, 0, 0, span);
        self.release(mark);
        self.code().bind(holds);
        self.nil(dest, span);
    }
}
