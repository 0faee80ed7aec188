//! Operations on literals whose result is known exactly.

use crate::core_tree::{Expr, ExprKind, Literal, Operation};

/// The value of an operation on literals. Nothing when it is not known, would raise, or is no number that compares.
pub(super) fn fold(operation: &Operation, args: &[Expr]) -> Option<Literal> {
    let literals: Vec<&Literal> = args.iter().map(literal).collect::<Option<_>>()?;
    if let [only] = literals.as_slice() {
        return fold_one(operation, only, args);
    }
    let (first, rest) = literals.split_first()?;
    match operation {
        Operation::Add | Operation::Sub | Operation::Mul => {
            let mut sum = (*first).clone();
            for literal in rest {
                sum = arithmetic(operation, &sum, literal)?;
            }
            Some(sum)
        }
        Operation::Lt
        | Operation::Le
        | Operation::Gt
        | Operation::Ge
        | Operation::EqNum
        | Operation::NotEqNum => {
            let ints: Vec<i64> = literals.into_iter().map(int).collect::<Option<_>>()?;
            Some(Literal::Bool(
                ints.windows(2).all(|pair| compare(operation, pair[0], pair[1])),
            ))
        }
        _ => None,
    }
}

fn fold_one(operation: &Operation, only: &Literal, args: &[Expr]) -> Option<Literal> {
    match (operation, only) {
        (Operation::Neg, Literal::Int(number)) => number.checked_neg().map(Literal::Int),
        (Operation::Neg, Literal::Real(number)) if *number != 0.0 => Some(Literal::Real(-number)),
        (Operation::Not, _) => args[0].known_truth().map(|truth| Literal::Bool(!truth)),
        _ => None,
    }
}

fn literal(expr: &Expr) -> Option<&Literal> {
    match &expr.kind {
        ExprKind::Literal(literal) => Some(literal),
        _ => None,
    }
}

fn int(literal: &Literal) -> Option<i64> {
    match literal {
        Literal::Int(number) => Some(*number),
        _ => None,
    }
}

fn arithmetic(operation: &Operation, left: &Literal, right: &Literal) -> Option<Literal> {
    match (left, right) {
        (Literal::Int(left), Literal::Int(right)) => {
            let result = match operation {
                Operation::Add => left.checked_add(*right),
                Operation::Sub => left.checked_sub(*right),
                _ => left.checked_mul(*right),
            };
            result.map(Literal::Int)
        }
        (Literal::Real(left), Literal::Real(right)) => {
            let result = match operation {
                Operation::Add => left + right,
                Operation::Sub => left - right,
                _ => left * right,
            };
            (!result.is_nan()).then_some(Literal::Real(result))
        }
        _ => None,
    }
}

fn compare(operation: &Operation, left: i64, right: i64) -> bool {
    match operation {
        Operation::Lt => left < right,
        Operation::Le => left <= right,
        Operation::Gt => left > right,
        Operation::Ge => left >= right,
        Operation::EqNum => left == right,
        _ => left != right,
    }
}
