//! Forms that bind names to values for a while: `let`, `loop` and a function called where it is written.

use super::scope::{Frame, RecurTarget};
use super::{Expander, Position};
use crate::core_tree::{Binding, Body, Expr, ExprKind, Origin, Pattern, PatternKind, VarId};
use crate::fault::Cause;
use slp::{Bracket, NodeId, NodeKind, Span};

impl Expander<'_> {
    /// The names and values of a `let` or `loop`.
    fn pairs(&self, args: &[NodeId]) -> Option<Vec<NodeId>> {
        let pairs = self.tree.list_in(*args.first()?, Bracket::Paren)?;
        (pairs.len() % 2 == 0).then(|| pairs.to_vec())
    }

    pub(super) fn let_form(&mut self, node: NodeId, args: &[NodeId], position: Position, span: Span) -> Expr {
        let Some(pairs) = self.pairs(args) else {
            return self.shape_fault("let", "(let (name value …) body …)", span);
        };
        self.open_body();
        let bindings: Vec<Binding> = pairs
            .chunks(2)
            .map(|pair| self.binding(pair[0], pair[1]))
            .collect();
        if self.is_made(node) {
            // Whoever wrote the macro decided what it binds: nobody asks whether all of it is used.
            self.are_given(bindings.iter().map(|binding| &binding.pattern));
        }
        let body = self.body(&args[1..], position);
        self.close_scope();
        Expr::new(ExprKind::Let { bindings, body }, span)
    }

    /// A name sees itself only inside a function that is its value.
    fn binding(&mut self, target: NodeId, value: NodeId) -> Binding {
        let span = self.tree.span(target);
        let name = self
            .tree
            .symbol(target)
            .filter(|name| *name != "_")
            .map(str::to_string);
        let Some(name) = name else {
            let value = self.expr(value, Position::Value);
            return Binding {
                pattern: self.destructuring(target),
                value,
            };
        };
        self.check_bindable(&name, span);
        let (var, value) = if self.is_function_form(value) {
            let var = self.declare(&name, Origin::Binding, span);
            (var, self.initialiser(value, &name, Some(var)))
        } else {
            let value = self.expr(value, Position::Value);
            (self.declare(&name, Origin::Binding, span), value)
        };
        Binding {
            pattern: Pattern {
                kind: PatternKind::Bind(var),
                span,
            },
            value,
        }
    }

    pub(super) fn loop_form(&mut self, args: &[NodeId], span: Span) -> Expr {
        let Some(pairs) = self.pairs(args) else {
            return self.shape_fault("loop", "(loop (name value …) body …)", span);
        };
        let mut targets = Vec::with_capacity(pairs.len() / 2);
        self.open_body();
        let mut bindings = Vec::with_capacity(pairs.len() / 2);
        for pair in pairs.chunks(2) {
            let value = self.expr(pair[1], Position::Value);
            let target_span = self.tree.span(pair[0]);
            let name = self
                .tree
                .symbol(pair[0])
                .filter(|name| *name != "_")
                .map(str::to_string);
            let var = match &name {
                Some(name) => {
                    self.check_bindable(name, target_span);
                    self.declare(name, Origin::Binding, target_span)
                }
                None => self.hidden_var(target_span),
            };
            if name.is_none() {
                targets.push((self.destructuring(pair[0]), var));
            }
            bindings.push((var, value));
        }
        let id = self.enter_loop();
        let outer = self.frame().recur;
        self.frame().recur = RecurTarget::Loop {
            id,
            n_bindings: bindings.len(),
        };
        let body = self.maybe(|this| this.body(&args[1..], Position::Tail));
        self.frame().recur = outer;
        self.leave_loop();
        self.close_scope();
        let body = taking_apart(targets, body, span);
        Expr::new(ExprKind::Loop { id, bindings, body }, span)
    }

    pub(super) fn recur(&mut self, args: &[NodeId], position: Position, span: Span) -> Expr {
        let args = self.exprs(args);
        let (wanted, kind) = match self.frame().recur {
            RecurTarget::Nothing => return self.wrong(Cause::RecurOutside, span),
            RecurTarget::Loop { id, n_bindings } => {
                let given = args.len();
                (n_bindings == given, ExprKind::Recur { id, args })
            }
            RecurTarget::Function { n_params } => (n_params == args.len(), ExprKind::RecurFunction { args }),
        };
        if !wanted {
            return self.wrong_recur_count(&kind, span);
        }
        if position == Position::Value {
            return self.wrong(Cause::RecurPosition, span);
        }
        Expr::new(kind, span)
    }

    fn wrong_recur_count(&mut self, kind: &ExprKind, span: Span) -> Expr {
        let given = match kind {
            ExprKind::Recur { args, .. } | ExprKind::RecurFunction { args } => args.len(),
            _ => 0,
        };
        let wanted = match self.frame().recur {
            RecurTarget::Loop { n_bindings, .. } => n_bindings,
            RecurTarget::Function { n_params } => n_params,
            RecurTarget::Nothing => 0,
        };
        self.wrong(Cause::RecurCount { wanted, given }, span)
    }

    /// `((fn (a) body …) x)` is a `loop` that `recur` in the function can go back to.
    pub(super) fn inlined_call(&mut self, head: NodeId, args: &[NodeId], span: Span) -> Option<Expr> {
        let [word, params, body @ ..] = self.tree.list_in(head, Bracket::Paren)? else {
            return None;
        };
        if self.tree.symbol(*word)? != "fn" {
            return None;
        }
        let params = self.tree.list_in(*params, Bracket::Paren)?.to_vec();
        let has_result = body.len() > 1 && self.tree.keyword(body[0]).is_some();
        if has_result || params.len() != args.len() || !params.iter().all(|&param| self.is_plain_param(param))
        {
            return None;
        }
        let body = body.to_vec();
        let values = self.exprs(args);
        self.open_body();
        let bindings: Vec<(VarId, Expr)> = params
            .into_iter()
            .zip(values)
            .map(|(param, value)| (self.plain_param(param), value))
            .collect();
        let id = self.new_loop();
        let function = self.function();
        let recur = RecurTarget::Loop {
            id,
            n_bindings: bindings.len(),
        };
        self.frames.push(Frame {
            function,
            self_var: None,
            loops: Vec::new(),
            recur,
        });
        let body = self.maybe(|this| this.body(&body, Position::Tail));
        self.frames.pop();
        self.close_scope();
        Some(Expr::new(ExprKind::Loop { id, bindings, body }, span))
    }

    fn is_plain_param(&self, param: NodeId) -> bool {
        matches!(self.tree.kind(param), NodeKind::Symbol(name) if !name.starts_with('&') && &**name != "_")
    }

    fn plain_param(&mut self, param: NodeId) -> VarId {
        let span = self.tree.span(param);
        let name = self.tree.symbol(param).unwrap_or_default().to_string();
        self.check_bindable(&name, span);
        let scope = self.scopes.last().expect("parameters have a scope");
        if scope.find(&name).is_some() {
            self.fault(Cause::DuplicateParameter(name.clone()), span);
        }
        self.declare(&name, Origin::Parameter, span)
    }
}

/// A body before which values are taken apart.
fn taking_apart(targets: Vec<(Pattern, VarId)>, mut body: Body, span: Span) -> Body {
    if targets.is_empty() {
        return body;
    }
    let bindings = targets.into_iter().map(|(pattern, var)| {
        let value = Expr::new(
            ExprKind::Local {
                var,
                is_checked: false,
            },
            pattern.span,
        );
        Binding { pattern, value }
    });
    let slots = std::mem::take(&mut body.slots);
    let inner = Expr::new(
        ExprKind::Let {
            bindings: bindings.collect(),
            body,
        },
        span,
    );
    Body {
        slots,
        exprs: vec![inner],
    }
}
