//! Forms that decide, repeat or catch.

use super::{Expander, Position};
use crate::core_tree::{Expr, ExprKind, Gathers, Literal, LoopId, Origin, Pattern};
use crate::fault::Cause;
use slp::{Bracket, NodeId, NodeKind, Span};

impl Expander<'_> {
    pub(super) fn condition(&mut self, args: &[NodeId], position: Position, span: Span) -> Expr {
        if !(2..=3).contains(&args.len()) {
            return self.shape_fault("if", "(if test then) or (if test then else)", span);
        }
        let test = self.expr(args[0], Position::Value);
        let then = self.maybe(|this| this.expr(args[1], position));
        let otherwise = args
            .get(2)
            .map(|&node| Box::new(self.maybe(|this| this.expr(node, position))));
        Expr::new(
            ExprKind::Cond {
                clauses: vec![(test, then)],
                otherwise,
            },
            span,
        )
    }

    pub(super) fn when(&mut self, is_when: bool, args: &[NodeId], position: Position, span: Span) -> Expr {
        let Some((&test, body)) = args.split_first() else {
            return match is_when {
                true => self.shape_fault("when", "(when test body …)", span),
                false => self.shape_fault("unless", "(unless test body …)", span),
            };
        };
        let test = self.expr(test, Position::Value);
        let body = self.maybe(|this| this.block(body, position, span));
        if is_when {
            return Expr::new(
                ExprKind::Cond {
                    clauses: vec![(test, body)],
                    otherwise: None,
                },
                span,
            );
        }
        let clauses = vec![(test, Expr::nil(span))];
        Expr::new(
            ExprKind::Cond {
                clauses,
                otherwise: Some(Box::new(body)),
            },
            span,
        )
    }

    pub(super) fn cond(&mut self, args: &[NodeId], position: Position, span: Span) -> Expr {
        if args.len() % 2 == 1 {
            return self.shape_fault("cond", "(cond test value … :else value)", span);
        }
        let mut clauses = Vec::with_capacity(args.len() / 2);
        for (idx, pair) in args.chunks(2).enumerate() {
            let test = match idx {
                0 => self.expr(pair[0], Position::Value),
                _ => self.maybe(|this| this.expr(pair[0], Position::Value)),
            };
            let value = self.maybe(|this| this.expr(pair[1], position));
            clauses.push((test, value));
        }
        Expr::new(
            ExprKind::Cond {
                clauses,
                otherwise: None,
            },
            span,
        )
    }

    pub(super) fn case(&mut self, args: &[NodeId], position: Position, span: Span) -> Expr {
        let Some((&subject, rest)) = args.split_first() else {
            return self.shape_fault("case", "(case value key result … :else result)", span);
        };
        let subject = Box::new(self.expr(subject, Position::Value));
        let mut clauses = Vec::with_capacity(rest.len() / 2);
        let mut otherwise = None;
        for pair in rest.chunks(2) {
            match *pair {
                [key, value] if self.tree.keyword(key) != Some("else") => {
                    let key = self.maybe(|this| this.expr(key, Position::Value));
                    clauses.push((key, self.maybe(|this| this.expr(value, position))));
                }
                [.., value] => {
                    otherwise = Some(Box::new(self.maybe(|this| this.expr(value, position))));
                    break;
                }
                [] => {}
            }
        }
        Expr::new(
            ExprKind::Case {
                subject,
                clauses,
                otherwise,
            },
            span,
        )
    }

    pub(super) fn logic(&mut self, is_and: bool, args: &[NodeId], position: Position, span: Span) -> Expr {
        if args.is_empty() {
            let literal = if is_and { Literal::Bool(true) } else { Literal::Nil };
            return Expr::literal(literal, span);
        }
        if let [only] = *args {
            return self.expr(only, position);
        }
        let mut exprs = Vec::with_capacity(args.len());
        for (idx, &arg) in args.iter().enumerate() {
            let place = if idx + 1 == args.len() {
                position
            } else {
                Position::Value
            };
            exprs.push(match idx {
                0 => self.expr(arg, place),
                _ => self.maybe(|this| this.expr(arg, place)),
            });
        }
        simplify(&mut exprs, is_and);
        match exprs.len() {
            1 => exprs.pop().expect("there is one"),
            _ if is_and => Expr::new(ExprKind::And(exprs), span),
            _ => Expr::new(ExprKind::Or(exprs), span),
        }
    }

    /// `(-> x (f a))` is `(f x a)`, `(->> x (f a))` is `(f a x)`.
    pub(super) fn thread(&mut self, is_first: bool, args: &[NodeId], position: Position, span: Span) -> Expr {
        let Some((&start, steps)) = args.split_first() else {
            return match is_first {
                true => self.shape_fault("->", "(-> value (function argument …) …)", span),
                false => self.shape_fault("->>", "(->> value (function argument …) …)", span),
            };
        };
        let mut value = start;
        for &step in steps {
            let step_span = self.tree.span(step);
            let is_call = self
                .tree
                .list_in(step, Bracket::Paren)
                .is_some_and(|parts| !parts.is_empty());
            let children = if is_call && self.tree.head(step) != Some("fn") {
                let mut children = self.children(step);
                let place = if is_first { 1 } else { children.len() };
                children.insert(place, value);
                children
            } else {
                vec![step, value]
            };
            value = self
                .tree
                .add(NodeKind::List(Bracket::Paren), step_span, &children);
        }
        self.expr(value, position)
    }

    /// `(do body …)`: for ever, until `done`.
    pub(super) fn endless(&mut self, args: &[NodeId], span: Span) -> Expr {
        let id = self.enter_loop();
        self.open_body();
        let counter = self.declare("$iterations", Origin::Machine, span);
        let body = self.maybe(|this| this.body(args, Position::Value));
        self.close_scope();
        self.leave_loop();
        Expr::new(ExprKind::Do { id, counter, body }, span)
    }

    pub(super) fn while_form(&mut self, args: &[NodeId], span: Span) -> Expr {
        let Some((&test, body)) = args.split_first() else {
            return self.shape_fault("while", "(while test body …)", span);
        };
        let id = self.enter_loop();
        let test = Box::new(self.expr(test, Position::Value));
        let body = self.maybe(|this| this.scoped_body(body, Position::Value));
        self.leave_loop();
        Expr::new(ExprKind::While { id, test, body }, span)
    }

    pub(super) fn done(&mut self, args: &[NodeId], span: Span) -> Expr {
        if args.len() > 1 {
            return self.shape_fault("done", "(done value)", span);
        }
        let value = match args.first() {
            Some(&value) => self.expr(value, Position::Value),
            None => Expr::nil(span),
        };
        match self.frame().loops.last().copied() {
            Some(id) => Expr::new(
                ExprKind::Done {
                    id,
                    value: Box::new(value),
                },
                span,
            ),
            None => self.wrong(Cause::DoneOutside, span),
        }
    }

    pub(super) fn enter_loop(&mut self) -> LoopId {
        let id = self.new_loop();
        self.frame().loops.push(id);
        id
    }

    pub(super) fn leave_loop(&mut self) {
        self.frame().loops.pop();
    }

    /// `(for (x xs) body …)` and `(each (x xs) body …)`; more pairs nest.
    pub(super) fn each(&mut self, gathers: Gathers, args: &[NodeId], span: Span) -> Expr {
        let (form, shape) = match gathers {
            Gathers::List => ("for", "(for (name collection) body …)"),
            Gathers::Nothing => ("each", "(each (name collection) body …)"),
        };
        let pairs = args
            .first()
            .and_then(|&pairs| self.tree.list_in(pairs, Bracket::Paren))
            .map(<[NodeId]>::to_vec);
        let Some(pairs) = pairs.filter(|pairs| !pairs.is_empty() && pairs.len() % 2 == 0) else {
            return self.shape_fault(form, shape, span);
        };
        let first = self.expr(pairs[1], Position::Value);
        let id = self.enter_loop();
        self.open_body();
        let mut clauses = Vec::with_capacity(pairs.len() / 2);
        let first_pattern = self.destructuring(pairs[0]);
        clauses.push((first_pattern, first));
        for pair in pairs[2..].chunks(2) {
            let collection = self.expr(pair[1], Position::Value);
            clauses.push((self.destructuring(pair[0]), collection));
        }
        self.are_given(clauses.iter().map(|(pattern, _)| pattern));
        let body = self.maybe(|this| this.body(&args[1..], Position::Value));
        self.close_scope();
        self.leave_loop();
        Expr::new(
            ExprKind::Each {
                id,
                gathers,
                clauses,
                body,
            },
            span,
        )
    }

    /// These names are bound as parameters are by arguments: nobody asks whether all of them are used.
    pub(super) fn are_given<'p>(&mut self, patterns: impl Iterator<Item = &'p Pattern>) {
        for var in patterns.flat_map(Pattern::vars) {
            self.vars[var.0 as usize].origin = Origin::Parameter;
        }
    }

    /// `(try body handler)`.
    pub(super) fn try_form(&mut self, args: &[NodeId], position: Position, span: Span) -> Expr {
        let [body, handler] = *args else {
            return self.shape_fault("try", "(try body handler)", span);
        };
        let body = Box::new(self.maybe(|this| this.expr(body, Position::Value)));
        self.open_body();
        let error = self.declare("$error", Origin::Machine, span);
        let handler = self.maybe(|this| this.body(&[handler], position));
        self.close_scope();
        Expr::new(ExprKind::Try { body, error, handler }, span)
    }

    /// `(recover body handler)`.
    pub(super) fn recover(&mut self, args: &[NodeId], position: Position, span: Span) -> Expr {
        let [body, handler] = *args else {
            return self.shape_fault("recover", "(recover body handler)", span);
        };
        let body = Box::new(self.maybe(|this| this.expr(body, Position::Value)));
        self.open_body();
        let error = self.declare("$error", Origin::Machine, span);
        let message = self.declare("$exception", Origin::Machine, span);
        let handler = self.maybe(|this| this.body(&[handler], position));
        self.close_scope();
        Expr::new(
            ExprKind::Recover {
                body,
                error,
                message,
                handler,
            },
            span,
        )
    }

    /// `(reflect value (:type body …) …)`.
    pub(super) fn reflect(&mut self, args: &[NodeId], position: Position, span: Span) -> Expr {
        let shape = "(reflect value (:type body …) …)";
        let Some((&subject, arms)) = args.split_first() else {
            return self.shape_fault("reflect", shape, span);
        };
        let subject = Box::new(self.expr(subject, Position::Value));
        let mut expanded = Vec::with_capacity(arms.len());
        for &arm in arms {
            let arm_span = self.tree.span(arm);
            let parts = self
                .tree
                .list_in(arm, Bracket::Paren)
                .map(<[NodeId]>::to_vec)
                .unwrap_or_default();
            let name = parts
                .first()
                .and_then(|&first| self.tree.keyword(first))
                .map(str::to_string);
            let Some(name) = name else {
                self.shape_fault("reflect", shape, arm_span);
                continue;
            };
            let type_span = self.tree.span(parts[0]);
            let body = self.maybe(|this| this.block(&parts[1..], position, arm_span));
            if let Some(written) = self.type_of(&name, type_span) {
                expanded.push((written.spec, body));
            }
        }
        Expr::new(
            ExprKind::Reflect {
                subject,
                arms: expanded,
            },
            span,
        )
    }
}

/// Leaves out of `and` or `or` what is known not to decide, and what stands after something that is known to.
fn simplify(exprs: &mut Vec<Expr>, is_and: bool) {
    if let Some(decided) = exprs.iter().position(|expr| expr.known_truth() == Some(!is_and)) {
        exprs.truncate(decided + 1);
    }
    let n_exprs = exprs.len();
    let mut idx = 0;
    exprs.retain(|expr| {
        idx += 1;
        idx == n_exprs || expr.known_truth() != Some(is_and)
    });
}
