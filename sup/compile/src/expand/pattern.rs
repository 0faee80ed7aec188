//! Patterns of `match` and of names that take a value apart.

use super::{Expander, Position};
use crate::core_tree::{Expr, ExprKind, Origin, Pattern, PatternKind, VarId};
use crate::fault::Cause;
use slp::{BraceShape, Bracket, NodeId, NodeKind, Prefix, Span};

/// What a pattern may ask for, and the names it may share with another alternative.
struct Reading {
    /// `let`, parameters: the value is taken apart, never refused.
    takes_apart: bool,
    /// Names that an earlier alternative of `or` bound.
    shared: Option<Vec<(String, VarId)>>,
    bound: Vec<(String, VarId)>,
}

impl Expander<'_> {
    /// `(match value (pattern result …) …)`.
    pub(super) fn match_form(&mut self, args: &[NodeId], position: Position, span: Span) -> Expr {
        let shape = "(match value (pattern result …) …)";
        let Some((&subject, nodes)) = args.split_first() else {
            return self.shape_fault("match", shape, span);
        };
        let subject = Box::new(self.expr(subject, Position::Value));
        let mut arms = Vec::with_capacity(nodes.len());
        for &arm in nodes {
            let arm_span = self.tree.span(arm);
            let parts = self.tree.list_in(arm, Bracket::Paren).map(<[NodeId]>::to_vec);
            let Some(parts) = parts.filter(|parts| !parts.is_empty()) else {
                self.shape_fault("match", shape, arm_span);
                continue;
            };
            self.open_names();
            let pattern = self.matching(parts[0]);
            let result = self.maybe(|this| this.block(&parts[1..], position, arm_span));
            self.close_scope();
            arms.push((pattern, result));
        }
        Expr::new(ExprKind::Match { subject, arms }, span)
    }

    /// A pattern that a value may not match. Its names belong to the innermost scope.
    fn matching(&mut self, node: NodeId) -> Pattern {
        let mut reading = Reading {
            takes_apart: false,
            shared: None,
            bound: Vec::new(),
        };
        self.pattern(node, &mut reading)
    }

    /// A pattern that takes a value apart. Its names belong to the innermost scope.
    pub(super) fn destructuring(&mut self, node: NodeId) -> Pattern {
        let mut reading = Reading {
            takes_apart: true,
            shared: None,
            bound: Vec::new(),
        };
        self.pattern(node, &mut reading)
    }

    fn wrong_pattern(&mut self, why: &'static str, span: Span) -> PatternKind {
        self.fault(Cause::Pattern(why), span);
        PatternKind::Ignore
    }

    fn pattern(&mut self, node: NodeId, reading: &mut Reading) -> Pattern {
        let span = self.tree.span(node);
        if self.depth >= self.context.limits.max_depth {
            self.fault(
                Cause::TooDeep {
                    max_depth: self.context.limits.max_depth,
                },
                span,
            );
            return Pattern {
                kind: PatternKind::Ignore,
                span,
            };
        }
        self.depth += 1;
        let kind = self.pattern_kind(node, reading, span);
        self.depth -= 1;
        Pattern { kind, span }
    }

    fn pattern_kind(&mut self, node: NodeId, reading: &mut Reading, span: Span) -> PatternKind {
        match self.tree.kind(node) {
            NodeKind::Symbol(name) => {
                let name = name.to_string();
                self.name_pattern(&name, reading, span)
            }
            NodeKind::List(Bracket::Square) => {
                let items = self.children(node);
                self.list_pattern(&items, reading, span)
            }
            NodeKind::List(Bracket::Brace) => {
                let (shape, elements) = slp::brace_shape(self.tree, node);
                let elements = elements.to_vec();
                match shape {
                    BraceShape::List => self.list_pattern(&elements, reading, span),
                    BraceShape::Map => self.map_pattern(&elements, reading, span),
                }
            }
            NodeKind::List(Bracket::Paren) => self.operator_pattern(node, reading, span),
            _ if reading.takes_apart => {
                self.wrong_pattern("a name, a list or a map of names is wanted here", span)
            }
            NodeKind::Prefix(Prefix::Unquote) => {
                let child = self.tree.children(node)[0];
                PatternKind::Value(self.expr(child, Position::Value))
            }
            NodeKind::Prefix(Prefix::Quote) => {
                let child = self.tree.children(node)[0];
                let literal = self.quoted(child);
                PatternKind::Value(Expr::literal(literal, span))
            }
            NodeKind::Prefix(Prefix::Quasi | Prefix::Splice) => {
                self.wrong_pattern("a backquote or splice is no pattern", span)
            }
            _ => {
                let literal = self.quoted(node);
                PatternKind::Value(Expr::literal(literal, span))
            }
        }
    }

    fn name_pattern(&mut self, name: &str, reading: &mut Reading, span: Span) -> PatternKind {
        if name == "_" {
            return PatternKind::Ignore;
        }
        if name.starts_with('&') && name.len() > 1 {
            return self.wrong_pattern("`&rest` stands at the end of a list pattern", span);
        }
        self.check_bindable(name, span);
        if reading.bound.iter().any(|(bound, _)| bound == name) {
            self.fault(Cause::DuplicateParameter(name.into()), span);
        }
        let shared = reading
            .shared
            .as_ref()
            .and_then(|shared| shared.iter().find(|(known, _)| known == name));
        let var = match (&reading.shared, shared) {
            (Some(_), None) => {
                self.fault(Cause::PatternNames(name.into()), span);
                self.declare(name, Origin::Pattern, span)
            }
            (_, Some((_, var))) => *var,
            (None, None) => self.declare(name, Origin::Pattern, span),
        };
        reading.bound.push((name.into(), var));
        PatternKind::Bind(var)
    }

    fn list_pattern(&mut self, elements: &[NodeId], reading: &mut Reading, span: Span) -> PatternKind {
        let is_rest = |node: &NodeId| self.tree.symbol(*node).is_some_and(|name| name.starts_with('&'));
        let n_items = elements.iter().position(is_rest).unwrap_or(elements.len());
        let items = elements[..n_items]
            .iter()
            .map(|&item| self.pattern(item, reading))
            .collect();
        let rest = match elements[n_items..] {
            [] => None,
            [name] => {
                let rest_span = self.tree.span(name);
                let name = self.tree.symbol(name).unwrap_or_default()[1..].to_string();
                let kind = match name.as_str() {
                    "" => PatternKind::Ignore,
                    name => self.name_pattern(name, reading, rest_span),
                };
                Some(Box::new(Pattern {
                    kind,
                    span: rest_span,
                }))
            }
            [marker, pattern] if matches!(self.tree.symbol(marker), Some("&rest" | "&")) => {
                Some(Box::new(self.pattern(pattern, reading)))
            }
            _ => return self.wrong_pattern("`&rest` stands at the end of a list pattern", span),
        };
        PatternKind::List { items, rest }
    }

    fn map_pattern(&mut self, elements: &[NodeId], reading: &mut Reading, span: Span) -> PatternKind {
        self.check_map_shape(elements, span);
        let mut entries = Vec::with_capacity(elements.len() / 2);
        for pair in elements.chunks_exact(2) {
            let key_span = self.tree.span(pair[0]);
            let key = match self.tree.prefix(pair[0]) {
                Some((Prefix::Unquote, inner)) => self.expr(inner, Position::Value),
                _ if self.is_constant(pair[0]) => {
                    let literal = self.quoted(pair[0]);
                    Expr::literal(literal, key_span)
                }
                _ => return self.wrong_pattern("the key of a map pattern is a literal or ,value", key_span),
            };
            entries.push((key, self.pattern(pair[1], reading)));
        }
        PatternKind::Map(entries)
    }

    /// `(x :int)`, `(when p guard)`, `(or p q)`, `(quote x)`, `()`.
    fn operator_pattern(&mut self, node: NodeId, reading: &mut Reading, span: Span) -> PatternKind {
        let parts = self.children(node);
        let type_name = parts
            .get(1)
            .and_then(|&part| self.tree.keyword(part))
            .map(str::to_string);
        if let ([inner, type_node], Some(name)) = (parts.as_slice(), type_name) {
            let type_span = self.tree.span(*type_node);
            let inner = Box::new(self.pattern(*inner, reading));
            return match self.type_of(&name, type_span) {
                Some(written) => PatternKind::Type(inner, written.spec),
                None => PatternKind::Ignore,
            };
        }
        if reading.takes_apart {
            return self.wrong_pattern("a name, a list or a map of names is wanted here", span);
        }
        match (self.tree.head(node), parts.as_slice()) {
            (None, []) => PatternKind::List {
                items: Vec::new(),
                rest: None,
            },
            (Some("quote"), [_, inner]) => {
                let literal = self.quoted(*inner);
                PatternKind::Value(Expr::literal(literal, span))
            }
            (Some("when"), [_, inner, guard]) => {
                let inner = Box::new(self.pattern(*inner, reading));
                let guard = self.maybe(|this| this.expr(*guard, Position::Value));
                PatternKind::When(inner, guard)
            }
            (Some("or"), [_, first, others @ ..]) => self.alternatives(*first, others, reading),
            _ => self.wrong_pattern(
                "parentheses in a pattern are (p :type), (when p test) or (or p q)",
                span,
            ),
        }
    }

    /// Every alternative binds the same names.
    fn alternatives(&mut self, first: NodeId, others: &[NodeId], reading: &mut Reading) -> PatternKind {
        let mark = reading.bound.len();
        let mut patterns = vec![self.pattern(first, reading)];
        let names = reading.bound[mark..].to_vec();
        let outer = reading.shared.take();
        for &other in others {
            let mut inner = Reading {
                takes_apart: false,
                shared: Some(names.clone()),
                bound: Vec::new(),
            };
            patterns.push(self.pattern(other, &mut inner));
            let missing = names
                .iter()
                .find(|(name, _)| !inner.bound.iter().any(|(bound, _)| bound == name));
            if let Some((name, _)) = missing {
                let (name, span) = (name.clone(), self.tree.span(other));
                self.fault(Cause::PatternNames(name), span);
            }
        }
        reading.shared = outer;
        PatternKind::Or(patterns)
    }
}

/// Whether a pattern matches whatever it is given.
pub(crate) fn always_matches(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Ignore | PatternKind::Bind(_) => true,
        PatternKind::Or(patterns) => patterns.iter().any(always_matches),
        PatternKind::Type(inner, spec) => spec.base == sup_code::TypeBase::Any && always_matches(inner),
        PatternKind::When(inner, guard) => guard.known_truth() == Some(true) && always_matches(inner),
        _ => false,
    }
}
