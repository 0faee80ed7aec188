//! What is put into registers before code that runs again and again: captured values and constants.

use super::builder::Reg;
use super::{Lowerer, Place, operation};
use crate::core_tree::{Expr, ExprKind, Lambda, Literal, Pattern, PatternKind, VarId};
use slp::Span;
use sup_code::Op;

/// More than this many captured values of a function, or constants of a loop, stay where they are.
const MAX_PRELOADED: usize = 12;

/// How often something inside a loop counts as used.
const LOOP_WEIGHT: u32 = 4;

impl Lowerer<'_> {
    /// Loads what the function uses more than once, before the place that a call of itself goes back to.
    pub(super) fn preload(&mut self, lambda: &Lambda) {
        let repeats = lambda
            .body
            .exprs
            .iter()
            .any(|expr| repeats(expr, lambda.self_var));
        let weight = if repeats { LOOP_WEIGHT } else { 1 };
        let mut uses: Vec<(VarId, u32)> = Vec::new();
        for expr in &lambda.body.exprs {
            self.count_outer_uses(expr, weight, &mut uses);
        }
        for (var, count) in uses.into_iter().take(MAX_PRELOADED) {
            if count < 2 {
                continue;
            }
            if let Place::Capture(capture) = self.place(var) {
                let register = self.alloc();
                self.emit(Op::Capture, register, 0, 0, capture.into(), lambda.span);
                self.frame().preloaded.insert(var, register);
            }
        }
        if repeats {
            self.preload_constants(&lambda.body.exprs, lambda.span);
        }
    }

    fn count_outer_uses(&self, expr: &Expr, weight: u32, uses: &mut Vec<(VarId, u32)>) {
        if let ExprKind::Local { var, .. } | ExprKind::SetLocal { var, .. } = &expr.kind
            && self.var(*var).function != self.frame_id()
        {
            match uses.iter_mut().find(|(known, _)| known == var) {
                Some((_, count)) => *count += weight,
                None => uses.push((*var, weight)),
            }
        }
        let weight = if is_loop(expr) { LOOP_WEIGHT } else { weight };
        if !matches!(expr.kind, ExprKind::Fn(_)) {
            expr.for_each_child(&mut |child| self.count_outer_uses(child, weight, uses));
        }
    }

    /// Loads constants that the expressions need in registers. They stay there until `drop_constants`.
    pub(super) fn preload_constants(&mut self, exprs: &[Expr], span: Span) -> usize {
        let n_before = self.frame().constants.len();
        let mut wanted: Vec<&Literal> = Vec::new();
        exprs
            .iter()
            .for_each(|expr| constants_in_registers(expr, &mut wanted));
        for literal in wanted.into_iter().take(MAX_PRELOADED) {
            if self.constant_register(literal).is_none() {
                let register = self.alloc();
                self.load(literal, register, span);
                self.frame().constants.push((literal.clone(), register));
            }
        }
        n_before
    }

    pub(super) fn drop_constants(&mut self, n_before: usize) {
        self.frame().constants.truncate(n_before);
    }

    /// The register that holds a constant already.
    pub(super) fn constant_register(&mut self, literal: &Literal) -> Option<Reg> {
        let constants = &self.frame().constants;
        constants
            .iter()
            .find(|(known, _)| is_same(known, literal))
            .map(|(_, register)| *register)
    }
}

/// Whether two literals are the same to the last bit.
fn is_same(left: &Literal, right: &Literal) -> bool {
    match (left, right) {
        (Literal::Real(left), Literal::Real(right)) => left.to_bits() == right.to_bits(),
        _ => left == right,
    }
}

fn is_loop(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Do { .. } | ExprKind::While { .. } | ExprKind::Each { .. } | ExprKind::Loop { .. }
    )
}

/// Whether the function may start again without being called from outside.
fn repeats(expr: &Expr, self_var: Option<VarId>) -> bool {
    match &expr.kind {
        ExprKind::RecurFunction { .. } => return true,
        ExprKind::Fn(_) => return false,
        ExprKind::Call { callee, .. } => {
            if let ExprKind::Local { var, .. } = callee.kind
                && Some(var) == self_var
            {
                return true;
            }
        }
        _ => {}
    }
    let mut found = false;
    expr.for_each_child(&mut |child| found = found || repeats(child, self_var));
    found
}

/// Notes the literals that lowering would load into a register each time.
fn constants_in_registers<'e>(expr: &'e Expr, wanted: &mut Vec<&'e Literal>) {
    let mut want = |expr: &'e Expr| {
        if let ExprKind::Literal(literal) = &expr.kind
            && !matches!(literal, Literal::Nil | Literal::Bool(_))
            && !wanted.iter().any(|known| is_same(known, literal))
        {
            wanted.push(literal);
        }
    };
    match &expr.kind {
        ExprKind::Operation { operation, args } => {
            let in_registers = args.iter().enumerate();
            in_registers
                .filter(|(idx, _)| operation::needs_register(operation, args, *idx))
                .for_each(|(_, arg)| want(arg));
        }
        ExprKind::Case { clauses, .. } => clauses.iter().for_each(|(key, _)| want(key)),
        ExprKind::Match { arms, .. } => arms
            .iter()
            .for_each(|(pattern, _)| pattern_constants(pattern, &mut want)),
        ExprKind::Fn(_) => return,
        _ => {}
    }
    expr.for_each_child(&mut |child| constants_in_registers(child, wanted));
}

fn pattern_constants<'e>(pattern: &'e Pattern, want: &mut impl FnMut(&'e Expr)) {
    match &pattern.kind {
        PatternKind::Value(value) => want(value),
        PatternKind::Type(inner, _) | PatternKind::When(inner, _) => pattern_constants(inner, want),
        PatternKind::Or(patterns) => patterns
            .iter()
            .for_each(|pattern| pattern_constants(pattern, want)),
        PatternKind::List { items, .. } => items.iter().for_each(|item| pattern_constants(item, want)),
        _ => {}
    }
}
