//! What evaluating an expression can change or see, so that others may stay in their registers or change places.

use super::Lowerer;
use super::builder::Reg;
use crate::core_tree::{Expr, ExprKind, Operation};

/// Whether evaluating it changes nothing: it may raise and read, but not call, set or leave.
pub(super) fn is_pure(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(_)
        | ExprKind::Local { .. }
        | ExprKind::Global(_)
        | ExprKind::Primitive(_)
        | ExprKind::Fn(_) => true,
        ExprKind::Operation { operation, .. } => {
            let changes = matches!(
                operation,
                Operation::ArraySet | Operation::ArrayPush | Operation::ArrayList | Operation::TableSet
            );
            !changes && children_are_pure(expr)
        }
        ExprKind::Cond { .. }
        | ExprKind::And(_)
        | ExprKind::Or(_)
        | ExprKind::Collect { .. }
        | ExprKind::Quoted(_) => children_are_pure(expr),
        _ => false,
    }
}

fn children_are_pure(expr: &Expr) -> bool {
    let mut are_pure = true;
    expr.for_each_child(&mut |child| are_pure = are_pure && is_pure(child));
    are_pure
}

impl Lowerer<'_> {
    /// Whether evaluating it reads that register of the running function, or puts its value into a closure.
    pub(super) fn reads(&self, expr: &Expr, register: Reg) -> bool {
        if let ExprKind::Local { var, .. } | ExprKind::SetLocal { var, .. } = &expr.kind {
            let is_here =
                self.var(*var).function == self.frame_id() && self.register_of(*var) == Some(register);
            if is_here {
                return true;
            }
        }
        let mut found = false;
        expr.for_each_child(&mut |child| found = found || self.reads(child, register));
        found
    }
}
