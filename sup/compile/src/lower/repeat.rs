//! Loops.

use super::builder::{Label, Reg};
use super::{Dest, LoopState, Lowerer};
use crate::core_tree::{Body, Expr, ExprKind, Gathers, LoopId, Pattern, PatternKind, VarId};
use slp::Span;
use sup_code::Op;

/// What an iterating loop does at its innermost.
#[derive(Clone, Copy)]
struct Pass<'e> {
    body: &'e Body,
    /// The array that the results of passes are put in.
    results: Option<Reg>,
    span: Span,
}

impl Lowerer<'_> {
    /// Begins a loop at the current place; returns the labels of its start and of what comes after it.
    fn open_loop(&mut self, id: LoopId, dest: Dest, vars: Vec<VarId>) -> (Label, Label) {
        let (top, exit) = (self.code().label(), self.code().label());
        self.code().bind(top);
        let frame = self.frame();
        let n_handlers = frame.n_handlers;
        frame.loops.push(LoopState {
            id,
            dest,
            exit,
            n_handlers,
            top,
            vars,
        });
        (top, exit)
    }

    fn close_loop(&mut self, exit: Label) {
        self.frame().loops.pop();
        self.code().bind(exit);
    }

    pub(super) fn done(&mut self, id: LoopId, value: &Expr, span: Span) {
        let frame = self.frame();
        let n_handlers = frame.n_handlers;
        let state = frame
            .loops
            .iter()
            .find(|state| state.id == id)
            .expect("`done` stands in its loop");
        let (dest, exit, n_left) = (state.dest, state.exit, n_handlers - state.n_handlers);
        if n_left == 0 {
            self.expr(value, dest);
        } else {
            // The value is still evaluated under the handlers that are left.
            let mark = self.mark();
            let register = self.operand(value, &[]);
            (0..n_left).for_each(|_| self.emit(Op::EndHandler, 0, 0, 0, 0, span));
            self.send(register, dest, span);
            self.release(mark);
        }
        self.code().jump(Op::Jump, 0, 0, exit, span);
    }

    pub(super) fn endless(&mut self, id: LoopId, counter: VarId, body: &Body, dest: Dest, span: Span) {
        let mark = self.mark();
        let is_counted = self.var(counter).n_uses > 0;
        if is_counted {
            let register = self.alloc();
            self.emit(Op::LoadInt, register, 0, 0, 0, span);
            self.set_register(counter, register);
        }
        let n_constants = self.preload_constants(&body.exprs, span);
        let (top, exit) = self.open_loop(id, dest, Vec::new());
        if let Some(register) = self.register_of(counter).filter(|_| is_counted) {
            self.emit(Op::AddImm, register, register, 0, 1, span);
        }
        self.body(body, Dest::Effect, span);
        self.code().jump(Op::Loop, 0, 0, top, span);
        self.close_loop(exit);
        self.drop_constants(n_constants);
        self.release(mark);
    }

    pub(super) fn while_form(&mut self, id: LoopId, test: &Expr, body: &Body, dest: Dest, span: Span) {
        let mark = self.mark();
        let n_constants = self.preload_constants(std::slice::from_ref(test), span);
        self.preload_constants(&body.exprs, span);
        let (top, exit) = self.open_loop(id, dest, Vec::new());
        let end = self.code().label();
        self.branch(test, false, end);
        self.body(body, Dest::Effect, span);
        self.code().jump(Op::Loop, 0, 0, top, span);
        self.code().bind(end);
        self.nil(dest, span);
        self.close_loop(exit);
        self.drop_constants(n_constants);
        self.release(mark);
    }

    pub(super) fn loop_form(
        &mut self,
        id: LoopId,
        bindings: &[(VarId, Expr)],
        body: &Body,
        dest: Dest,
        span: Span,
    ) {
        let mark = self.mark();
        for (var, value) in bindings {
            let register = self.alloc();
            self.expr(value, Dest::Fresh(register));
            self.bind_register(*var, register, value.span);
        }
        let vars = bindings.iter().map(|(var, _)| *var).collect();
        let goes_back = body.exprs.iter().any(|expr| goes_back(expr, id));
        let n_constants = match goes_back {
            true => self.preload_constants(&body.exprs, span),
            false => self.frame().constants.len(),
        };
        let (_, exit) = self.open_loop(id, dest, vars);
        self.body(body, dest, span);
        self.close_loop(exit);
        self.drop_constants(n_constants);
        self.release(mark);
    }

    pub(super) fn each(
        &mut self,
        id: LoopId,
        gathers: Gathers,
        clauses: &[(Pattern, Expr)],
        body: &Body,
        dest: Dest,
        span: Span,
    ) {
        let mark = self.mark();
        let gathers = gathers == Gathers::List && dest != Dest::Effect;
        let results = gathers.then(|| self.alloc());
        if let Some(results) = results {
            self.emit(Op::ArrayNew, results, 0, 0, 0, span);
        }
        let n_constants = self.preload_constants(&body.exprs, span);
        let (_, exit) = self.open_loop(id, dest, Vec::new());
        self.each_clause(clauses, Pass { body, results, span });
        match results {
            Some(array) => {
                self.write(dest, span, |this, target| {
                    this.emit(Op::ArrayList, target, array, 1, 2, span)
                });
            }
            None => self.nil(dest, span),
        }
        self.close_loop(exit);
        self.drop_constants(n_constants);
        self.release(mark);
    }

    fn each_clause(&mut self, clauses: &[(Pattern, Expr)], pass: Pass<'_>) {
        let Some(((pattern, collection), inner)) = clauses.split_first() else {
            return self.pass(pass);
        };
        let (mark, span) = (self.mark(), collection.span);
        let state = self.alloc();
        self.expr(collection, Dest::Fresh(state));
        let _position = self.alloc();
        let element = self.alloc();
        self.emit(Op::Iterate, state, state, 0, 0, span);
        let (top, end) = (self.code().label(), self.code().label());
        self.code().bind(top);
        self.code().jump(Op::Next, state, 0, end, span);
        match pattern.kind {
            PatternKind::Bind(var) => self.bind_register(var, element, pattern.span),
            _ => self.take_apart(pattern, element),
        }
        self.each_clause(inner, pass);
        self.code().jump(Op::Loop, 0, 0, top, span);
        self.code().bind(end);
        self.release(mark);
    }

    fn pass(&mut self, Pass { body, results, span }: Pass<'_>) {
        let Some(results) = results else {
            return self.body(body, Dest::Effect, span);
        };
        let mark = self.mark();
        let result = self.alloc();
        self.body(body, Dest::Fresh(result), span);
        self.emit(Op::ArrayPush, results, result, 0, 0, span);
        self.release(mark);
    }
}

/// Whether a `recur` goes back to that loop.
fn goes_back(expr: &Expr, id: LoopId) -> bool {
    match &expr.kind {
        ExprKind::Recur { id: target, .. } => *target == id,
        ExprKind::Fn(_) => false,
        _ => {
            let mut found = false;
            expr.for_each_child(&mut |child| found = found || goes_back(child, id));
            found
        }
    }
}
