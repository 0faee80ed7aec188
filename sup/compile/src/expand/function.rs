//! Functions: parameter lists, types of parameters and result, bodies.

use super::scope::{Frame, RecurTarget};
use super::{Expander, Position};
use crate::core_tree::{Binding, Body, Expr, ExprKind, Lambda, Origin, Param, Pattern, PatternKind, VarId};
use crate::fault::Cause;
use crate::host::{ParameterType, Signature};
use slp::{Bracket, NodeId, NodeKind, Span};
use sup_code::{Parameters, Tail, TypeSpec};

/// A function with more named parameters is refused.
const MAX_PARAMETERS: usize = 200;

/// A parameter list taken apart as far as it was read.
#[derive(Default)]
struct ParamList {
    params: Vec<Param>,
    types: Vec<ParameterType>,
    shape: Parameters,
    stage: Stage,
    /// A marker stands where none may, which is said once.
    has_wrong_marker: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd)]
enum Stage {
    #[default]
    Required,
    Optional,
    /// The next one is the rest list or the map of keys.
    Tail,
    End,
}

impl Expander<'_> {
    /// `(fn (parameters) body …)` or `(fn name (parameters) body …)`.
    pub(super) fn function_form(&mut self, args: &[NodeId], span: Span) -> Expr {
        self.named_function(args, "", None, span)
    }

    /// A function that is the value of a name.
    pub(super) fn named_function(
        &mut self,
        args: &[NodeId],
        name: &str,
        self_var: Option<VarId>,
        span: Span,
    ) -> Expr {
        match args {
            [params, body @ ..] if self.tree.list_in(*params, Bracket::Paren).is_some() => {
                let lambda = self.lambda(span, name, *params, body, self_var);
                Expr::new(ExprKind::Fn(Box::new(lambda)), span)
            }
            [own_name, params, body @ ..]
                if self.tree.symbol(*own_name).is_some()
                    && self.tree.list_in(*params, Bracket::Paren).is_some() =>
            {
                self.self_named_function(*own_name, *params, body, span)
            }
            _ => self.shape_fault("fn", "(fn (parameters) body …)", span),
        }
    }

    /// `(fn name (parameters) body …)`: the name is visible in the body alone.
    fn self_named_function(&mut self, own_name: NodeId, params: NodeId, body: &[NodeId], span: Span) -> Expr {
        let Some((name, name_span)) = self.bindable(own_name) else {
            return Expr::nil(span);
        };
        self.open_names();
        let var = self.declare(&name, Origin::Binding, name_span);
        let lambda = self.lambda(span, &name, params, body, Some(var));
        self.close_scope();
        let value = Expr::new(ExprKind::Fn(Box::new(lambda)), span);
        let pattern = Pattern {
            kind: PatternKind::Bind(var),
            span: name_span,
        };
        let result = Expr::new(
            ExprKind::Local {
                var,
                is_checked: false,
            },
            span,
        );
        let bindings = vec![Binding { pattern, value }];
        let body = Body {
            slots: Vec::new(),
            exprs: vec![result],
        };
        Expr::new(ExprKind::Let { bindings, body }, span)
    }

    /// A function from its parameter list and what follows it.
    pub(super) fn lambda(
        &mut self,
        span: Span,
        name: &str,
        params: NodeId,
        body: &[NodeId],
        self_var: Option<VarId>,
    ) -> Lambda {
        let (result, result_name, body) = self.result_type(body);
        let id = self.new_function();
        self.frames.push(Frame {
            function: id,
            self_var,
            loops: Vec::new(),
            recur: RecurTarget::Nothing,
        });
        self.open_body();
        let list = self.param_list(params);
        if list.shape.n_optional == 0 && list.shape.tail == Tail::None {
            self.frame().recur = RecurTarget::Function {
                n_params: list.params.len(),
            };
        }
        let body = self.maybe(|this| this.body(body, Position::Tail));
        self.close_scope();
        self.frames.pop();
        let signature = Signature {
            parameters: list.types,
            result: result_name,
            shape: list.shape,
        };
        Lambda {
            id,
            name: name.into(),
            span,
            shape: list.shape,
            params: list.params,
            result,
            self_var,
            signature,
            body,
        }
    }

    /// A keyword before the body is the type of the result, if a body follows it.
    fn result_type<'n>(
        &mut self,
        body: &'n [NodeId],
    ) -> (Option<(TypeSpec, Span)>, Option<String>, &'n [NodeId]) {
        let [first, rest @ ..] = body else {
            return (None, None, body);
        };
        match self.tree.keyword(*first).map(str::to_string) {
            Some(name) if !rest.is_empty() => {
                let span = self.tree.span(*first);
                let written = self.type_of(&name, span);
                (written.map(|written| (written.spec, span)), Some(name), rest)
            }
            _ => (None, None, body),
        }
    }

    fn param_list(&mut self, node: NodeId) -> ParamList {
        let items = self.children(node);
        let mut list = ParamList::default();
        let mut next = 0;
        while let Some(&item) = items.get(next) {
            next += 1;
            if self.is_marker(item, items.get(next).copied()) {
                self.marker(item, &mut list);
                continue;
            }
            let type_node = items
                .get(next)
                .copied()
                .filter(|&node| self.tree.keyword(node).is_some());
            next += usize::from(type_node.is_some());
            self.param(item, type_node, &mut list);
        }
        if list.params.len() > MAX_PARAMETERS {
            let span = self.tree.span(node);
            self.fault(Cause::TooManyParameters, span);
            list.shape = Parameters::default();
        }
        list
    }

    /// Whether a symbol says what the parameters after it are. `&rest` as the last one is a parameter itself.
    fn is_marker(&self, item: NodeId, following: Option<NodeId>) -> bool {
        let has_following = following.is_some_and(|node| self.tree.keyword(node).is_none());
        matches!(self.tree.symbol(item), Some("&opt" | "&rest" | "&keys" | "&")) && has_following
    }

    fn marker(&mut self, item: NodeId, list: &mut ParamList) {
        let span = self.tree.span(item);
        let name = self.tree.symbol(item).unwrap_or_default().to_string();
        let (stage, tail) = match name.as_str() {
            "&opt" => (Stage::Optional, Tail::None),
            "&keys" => (Stage::Tail, Tail::Keys),
            _ => (Stage::Tail, Tail::Rest),
        };
        if list.stage >= stage {
            list.has_wrong_marker = true;
            return self.fault(Cause::ParameterOrder(name), span);
        }
        list.stage = stage;
        list.shape.tail = tail;
    }

    fn param(&mut self, item: NodeId, type_node: Option<NodeId>, list: &mut ParamList) {
        let span = self.tree.span(item);
        let type_name = type_node
            .and_then(|node| self.tree.keyword(node))
            .map(str::to_string);
        let written = type_name.as_ref().and_then(|name| {
            let span = type_node.map_or(span, |node| self.tree.span(node));
            self.type_of(name, span).map(|written| (written, span))
        });
        let is_each = written.as_ref().is_some_and(|(written, _)| written.is_rest);
        let mut name = self.tree.symbol(item).unwrap_or_default().to_string();
        if let Some(rest) = name
            .strip_prefix('&')
            .filter(|_| list.stage < Stage::Tail)
            .map(str::to_string)
        {
            list.shape.tail = if rest == "keys" { Tail::Keys } else { Tail::Rest };
            list.stage = Stage::Tail;
            name = rest;
        }
        if is_each && list.stage < Stage::Tail {
            list.shape.tail = Tail::Rest;
            list.stage = Stage::Tail;
        }
        match list.stage {
            Stage::Required => list.shape.n_required = list.shape.n_required.saturating_add(1),
            Stage::Optional => list.shape.n_optional = list.shape.n_optional.saturating_add(1),
            Stage::Tail => list.stage = Stage::End,
            Stage::End if list.has_wrong_marker => {}
            Stage::End => self.fault(Cause::ParameterOrder(slp::print(self.tree, item)), span),
        }
        let (var, pattern) = self.param_target(item, &name, span);
        let type_spec = written.map(|(written, span)| (written.spec, span));
        list.types.push(ParameterType { name, type_name });
        list.params.push(Param {
            var,
            pattern,
            type_spec,
            is_each,
        });
    }

    /// The variable an argument arrives in, and what it is taken apart into.
    fn param_target(&mut self, item: NodeId, name: &str, span: Span) -> (VarId, Option<Pattern>) {
        if !matches!(self.tree.kind(item), NodeKind::Symbol(_)) {
            let var = self.new_var("", Origin::Parameter, span);
            return (var, Some(self.destructuring(item)));
        }
        if name == "_" || name.is_empty() {
            return (self.new_var("_", Origin::Parameter, span), None);
        }
        self.check_bindable(name, span);
        let scope = self.scopes.last().expect("parameters have a scope");
        if scope.find(name).is_some() {
            self.fault(Cause::DuplicateParameter(name.into()), span);
        }
        (self.declare(name, Origin::Parameter, span), None)
    }
}
