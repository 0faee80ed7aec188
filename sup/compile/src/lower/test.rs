//! Tests: expressions whose truth decides where to go on. They become jumps and hardly ever a value.

use super::builder::{Label, Reg};
use super::{Dest, Lowerer};
use crate::core_tree::{Expr, ExprKind, Literal, Operation};
use slp::Span;
use sup_code::{Op, TypeBase};

impl Lowerer<'_> {
    /// Goes to the label if the truth of the expression is `sense`, else on.
    pub(super) fn branch(&mut self, expr: &Expr, sense: bool, label: Label) {
        let mark = self.mark();
        self.branch_within(expr, sense, label);
        self.release(mark);
    }

    fn branch_within(&mut self, expr: &Expr, sense: bool, label: Label) {
        let span = expr.span;
        match &expr.kind {
            ExprKind::And(exprs) => self.branch_logic(exprs, false, sense, label),
            ExprKind::Or(exprs) => self.branch_logic(exprs, true, sense, label),
            ExprKind::Operation {
                operation: Operation::Not,
                args,
            } => self.branch(&args[0], !sense, label),
            ExprKind::Operation { operation, args } if is_comparison(operation) => {
                self.branch_chain(operation, args, sense, label, span);
            }
            ExprKind::Operation {
                operation: Operation::IsNil,
                args,
            } => {
                let register = self.operand(&args[0], &[]);
                let op = if sense { Op::JumpNil } else { Op::JumpNotNil };
                self.code().jump(op, register, 0, label, span);
            }
            ExprKind::Cond { clauses, otherwise } => {
                self.branch_cond(clauses, otherwise.as_deref(), sense, label, span);
            }
            ExprKind::Block(exprs) => {
                let (last, first) = exprs
                    .split_last()
                    .expect("a block of the core tree has two or more parts");
                first.iter().for_each(|expr| self.statement(expr, Dest::Effect));
                self.branch(last, sense, label);
            }
            _ => match expr.known_truth() {
                Some(truth) if truth == sense => self.code().jump(Op::Jump, 0, 0, label, span),
                Some(_) => {}
                None => {
                    let register = self.operand(expr, &[]);
                    let op = if sense { Op::JumpTrue } else { Op::JumpFalse };
                    self.code().jump(op, register, 0, label, span);
                }
            },
        }
    }

    /// `and` when `decisive` is false, `or` when it is true: the first expression of that truth decides.
    fn branch_logic(&mut self, exprs: &[Expr], decisive: bool, sense: bool, label: Label) {
        let (last, first) = exprs
            .split_last()
            .expect("`and` and `or` of the core tree have two or more parts");
        let on = self.code().label();
        for expr in first {
            let target = if sense == decisive { label } else { on };
            self.branch(expr, decisive, target);
        }
        self.branch(last, sense, label);
        self.code().bind(on);
    }

    fn branch_cond(
        &mut self,
        clauses: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        sense: bool,
        label: Label,
        span: Span,
    ) {
        let end = self.code().label();
        for (test, value) in clauses {
            let next = self.code().label();
            self.branch(test, false, next);
            self.branch(value, sense, label);
            self.code().jump(Op::Jump, 0, 0, end, span);
            self.code().bind(next);
        }
        match otherwise {
            Some(otherwise) => self.branch(otherwise, sense, label),
            None if !sense => self.code().jump(Op::Jump, 0, 0, label, span),
            None => {}
        }
        self.code().bind(end);
    }

    /// A comparison of two or more: each with the next.
    fn branch_chain(&mut self, operation: &Operation, args: &[Expr], sense: bool, label: Label, span: Span) {
        if let [left, right] = args {
            return self.branch_pair(operation, left, right, sense, label, span);
        }
        let registers = self.operands(args);
        let on = self.code().label();
        let n_pairs = registers.len() - 1;
        for (idx, pair) in registers.windows(2).enumerate() {
            let is_last = idx + 1 == n_pairs;
            let (pair_sense, target) = if is_last {
                (sense, label)
            } else {
                (false, if sense { on } else { label })
            };
            self.jump_registers(operation, pair[0], pair[1], pair_sense, target, span);
        }
        self.code().bind(on);
    }

    fn branch_pair(
        &mut self,
        operation: &Operation,
        left: &Expr,
        right: &Expr,
        sense: bool,
        label: Label,
        span: Span,
    ) {
        let (register, number, operation) = match (small_number(left), small_number(right)) {
            _ if *operation == Operation::Eq => {
                return self.branch_registers(operation, left, right, sense, label, span);
            }
            (_, Some(number)) => (self.operand(left, &[]), number, operation.clone()),
            (Some(number), None) => (self.operand(right, &[]), number, mirrored(operation)),
            (None, None) => return self.branch_registers(operation, left, right, sense, label, span),
        };
        let op = match (&operation, sense) {
            (Operation::Lt, true) => Op::JumpLtImm,
            (Operation::Lt, false) => Op::JumpNotLtImm,
            (Operation::Le, true) => Op::JumpLeImm,
            (Operation::Le, false) => Op::JumpNotLeImm,
            (Operation::Gt, true) => Op::JumpGtImm,
            (Operation::Gt, false) => Op::JumpNotGtImm,
            (Operation::Ge, true) => Op::JumpGeImm,
            (Operation::Ge, false) => Op::JumpNotGeImm,
            (Operation::NotEqNum, true) | (Operation::EqNum, false) => Op::JumpNotEqImm,
            _ => Op::JumpEqImm,
        };
        self.code().jump_imm(op, register, number, label, span);
    }

    fn branch_registers(
        &mut self,
        operation: &Operation,
        left: &Expr,
        right: &Expr,
        sense: bool,
        label: Label,
        span: Span,
    ) {
        let left = self.operand(left, std::slice::from_ref(right));
        let right = self.operand(right, &[]);
        self.jump_registers(operation, left, right, sense, label, span);
    }

    fn jump_registers(
        &mut self,
        operation: &Operation,
        left: Reg,
        right: Reg,
        sense: bool,
        label: Label,
        span: Span,
    ) {
        let (op, swaps) = match (operation, sense) {
            (Operation::Lt, true) => (Op::JumpLt, false),
            (Operation::Lt, false) => (Op::JumpNotLt, false),
            (Operation::Le, true) => (Op::JumpLe, false),
            (Operation::Le, false) => (Op::JumpNotLe, false),
            (Operation::Gt, true) => (Op::JumpLt, true),
            (Operation::Gt, false) => (Op::JumpNotLt, true),
            (Operation::Ge, true) => (Op::JumpLe, true),
            (Operation::Ge, false) => (Op::JumpNotLe, true),
            (Operation::Eq, true) => (Op::JumpEq, false),
            (Operation::Eq, false) => (Op::JumpNotEq, false),
            (Operation::NotEqNum, true) | (Operation::EqNum, false) => (Op::JumpNotEqNum, false),
            _ => (Op::JumpEqNum, false),
        };
        let (left, right) = if swaps { (right, left) } else { (left, right) };
        self.code().jump(op, left, right, label, span);
    }

    /// The truth of a comparison as a value.
    pub(super) fn truth(&mut self, expr: &Expr, dest: Dest) {
        let otherwise = self.code().label();
        self.branch(expr, false, otherwise);
        self.two_ways(
            otherwise,
            |this| this.literal(&Literal::Bool(true), dest, expr.span),
            |this| this.literal(&Literal::Bool(false), dest, expr.span),
            expr.span,
        );
    }

    /// What falls through, then what the label leads to.
    fn two_ways(
        &mut self,
        otherwise: Label,
        first: impl FnOnce(&mut Self),
        second: impl FnOnce(&mut Self),
        span: Span,
    ) {
        let end = self.code().label();
        first(self);
        self.code().jump(Op::Jump, 0, 0, end, span);
        self.code().bind(otherwise);
        second(self);
        self.code().bind(end);
    }

    pub(super) fn cond(
        &mut self,
        clauses: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        dest: Dest,
        span: Span,
    ) {
        let end = self.code().label();
        for (idx, (test, value)) in clauses.iter().enumerate() {
            if test.known_truth() == Some(false) {
                continue;
            }
            let next = self.code().label();
            self.branch(test, false, next);
            self.expr(value, dest);
            let is_last = idx + 1 == clauses.len() && otherwise.is_none();
            if !(is_last && dest == Dest::Effect) {
                self.code().jump(Op::Jump, 0, 0, end, span);
            }
            self.code().bind(next);
        }
        match otherwise {
            Some(otherwise) => self.expr(otherwise, dest),
            None => self.nil(dest, span),
        }
        self.code().bind(end);
    }

    /// `and` and `or` as values: the first expression of the decisive truth, else the last.
    pub(super) fn logic(&mut self, exprs: &[Expr], decisive: bool, dest: Dest, span: Span) {
        let (last, first) = exprs
            .split_last()
            .expect("`and` and `or` of the core tree have two or more parts");
        let (end, decided) = (self.code().label(), self.code().label());
        let mark = self.mark();
        let target = match dest {
            Dest::Fresh(register) => register,
            Dest::Into(_) | Dest::Return | Dest::Effect => self.alloc(),
        };
        for expr in first {
            if dest == Dest::Effect || is_boolean(expr) {
                self.branch(expr, decisive, decided);
                continue;
            }
            self.decide(expr, decisive, target, dest, end);
        }
        if let Dest::Into(_) = dest {
            self.expr(last, Dest::Fresh(target));
            self.code().bind(end);
            self.send(target, dest, span);
        } else {
            self.expr(last, dest);
        }
        if dest == Dest::Effect {
            self.code().bind(decided);
        } else if first.iter().any(is_boolean) {
            let over = self.code().label();
            self.code().jump(Op::Jump, 0, 0, over, span);
            self.code().bind(decided);
            self.literal(&Literal::Bool(decisive), dest, span);
            self.code().bind(over);
        }
        if !matches!(dest, Dest::Into(_)) {
            self.code().bind(end);
        }
        self.release(mark);
    }

    /// Leaves the value in the target and goes to the end if its truth decides.
    fn decide(&mut self, expr: &Expr, decisive: bool, target: Reg, dest: Dest, end: Label) {
        let mark = self.mark();
        let register = if dest == Dest::Return {
            self.operand(expr, &[])
        } else {
            self.expr(expr, Dest::Fresh(target));
            target
        };
        if dest == Dest::Return {
            let next = self.code().label();
            let op = if decisive { Op::JumpFalse } else { Op::JumpTrue };
            self.code().jump(op, register, 0, next, expr.span);
            self.emit_return(register, expr.span);
            self.code().bind(next);
        } else {
            let op = if decisive { Op::JumpTrue } else { Op::JumpFalse };
            self.code().jump(op, register, 0, end, expr.span);
        }
        self.release(mark);
    }

    pub(super) fn case(
        &mut self,
        subject: &Expr,
        clauses: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        dest: Dest,
        span: Span,
    ) {
        let mark = self.mark();
        let subject = self.stable_operand(subject);
        let end = self.code().label();
        for (key, value) in clauses {
            let next = self.code().label();
            self.jump_unless_equal(subject, key, next);
            self.expr(value, dest);
            self.code().jump(Op::Jump, 0, 0, end, span);
            self.code().bind(next);
        }
        match otherwise {
            Some(otherwise) => self.expr(otherwise, dest),
            None => self.nil(dest, span),
        }
        self.code().bind(end);
        self.release(mark);
    }

    /// A register that keeps the value whatever is set later.
    pub(super) fn stable_operand(&mut self, expr: &Expr) -> Reg {
        match expr.kind {
            ExprKind::Local { var, .. } if self.var(var).is_assigned => {
                let register = self.alloc();
                self.expr(expr, Dest::Fresh(register));
                register
            }
            _ => self.operand(expr, &[]),
        }
    }

    /// Goes to the label unless the register holds just what the expression evaluates to.
    pub(super) fn jump_unless_equal(&mut self, register: Reg, expr: &Expr, label: Label) {
        if let ExprKind::Literal(Literal::Nil) = expr.kind {
            return self.code().jump(Op::JumpNotNil, register, 0, label, expr.span);
        }
        let mark = self.mark();
        let other = self.operand(expr, &[]);
        self.code().jump(Op::JumpNotEq, register, other, label, expr.span);
        self.release(mark);
    }

    /// Goes to the label unless the register holds a value of the type.
    pub(super) fn jump_unless_type(
        &mut self,
        register: Reg,
        spec: &sup_code::TypeSpec,
        label: Label,
        span: Span,
    ) {
        match spec.base {
            TypeBase::Any => {}
            TypeBase::None => self.code().jump(Op::JumpNotNil, register, 0, label, span),
            _ => {
                let mark = self.mark();
                let (spec, answer) = (self.type_index(spec), self.alloc());
                self.emit(Op::TypeIs, answer, register, 0, spec, span);
                self.code().jump(Op::JumpFalse, answer, 0, label, span);
                self.release(mark);
            }
        }
    }
}

/// Whether it is lowered to a jump that compares.
fn is_comparison(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Lt
            | Operation::Le
            | Operation::Gt
            | Operation::Ge
            | Operation::EqNum
            | Operation::NotEqNum
            | Operation::Eq
    )
}

/// Whether the value is `true` or `false`, so that its truth is its value.
fn is_boolean(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Operation {
            operation: Operation::Not | Operation::IsNil,
            ..
        } => true,
        ExprKind::Operation {
            operation: Operation::Eq,
            ..
        } => false,
        ExprKind::Operation { operation, .. } => is_comparison(operation),
        _ => false,
    }
}

/// A literal that fits an instruction that compares: an integer, or a real that is the same number.
pub(super) fn small_number(expr: &Expr) -> Option<i16> {
    match &expr.kind {
        ExprKind::Literal(Literal::Int(number)) => i16::try_from(*number).ok(),
        ExprKind::Literal(Literal::Real(number)) => {
            let small = *number as i16;
            (f64::from(small) == *number).then_some(small)
        }
        _ => None,
    }
}

/// The comparison that holds when the operands have changed sides.
fn mirrored(operation: &Operation) -> Operation {
    match operation {
        Operation::Lt => Operation::Gt,
        Operation::Le => Operation::Ge,
        Operation::Gt => Operation::Lt,
        Operation::Ge => Operation::Le,
        other => other.clone(),
    }
}
