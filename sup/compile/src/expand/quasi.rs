//! Backquotes: templates with holes, nested levels, and names that mean in a template what they mean where it is written.

use super::data::{DataStyle, list_kind, prefix_number};
use super::{Expander, Position};
use crate::core_tree::{Collection, Expr, ExprKind, Literal};
use crate::fault::Cause;
use crate::host::Resolution;
use crate::words;
use slp::{BraceShape, Bracket, NodeId, NodeKind, Prefix, Span};

/// Where in a template a node stands.
#[derive(Clone, Copy)]
struct Place {
    /// How many backquotes deep, unquotes taken off.
    level: u32,
    /// Symbols stay as they are, since a quote makes data of them.
    is_quoted: bool,
}

impl Expander<'_> {
    /// The value of a backquoted form.
    pub(super) fn quasiquote(&mut self, template: NodeId) -> Expr {
        self.template(
            template,
            Place {
                level: 1,
                is_quoted: false,
            },
        )
    }

    /// The mark a form carries, also when it is written as a list: `(unquote x)`.
    fn mark_of(&self, node: NodeId) -> Option<(Prefix, NodeId)> {
        if let Some(found) = self.tree.prefix(node) {
            return Some(found);
        }
        let prefix = match self.tree.head(node)? {
            "quote" => Prefix::Quote,
            "quasiquote" => Prefix::Quasi,
            "unquote" => Prefix::Unquote,
            "unquote-splicing" => Prefix::Splice,
            _ => return None,
        };
        match self.tree.children(node) {
            [_, inner] => Some((prefix, *inner)),
            _ => None,
        }
    }

    fn template(&mut self, node: NodeId, place: Place) -> Expr {
        let span = self.tree.span(node);
        if self.depth >= self.context.limits.max_depth {
            return self.wrong(
                Cause::TooDeep {
                    max_depth: self.context.limits.max_depth,
                },
                span,
            );
        }
        if !self.has_holes(node, place.level) {
            let literal = self.template_data(node, place);
            return Expr::literal(literal, span);
        }
        self.depth += 1;
        let expr = match self.mark_of(node) {
            Some((prefix, inner)) => self.template_mark(prefix, inner, place, span),
            None => self.template_list(node, place, span),
        };
        self.depth -= 1;
        expr
    }

    fn template_mark(&mut self, prefix: Prefix, inner: NodeId, place: Place, span: Span) -> Expr {
        let level = match prefix {
            Prefix::Unquote if place.level == 1 => return self.expr(inner, Position::Value),
            Prefix::Splice if place.level == 1 => return self.wrong(Cause::SpliceOutside, span),
            Prefix::Unquote | Prefix::Splice => place.level - 1,
            Prefix::Quasi => place.level + 1,
            _ => place.level,
        };
        let is_quoted = place.is_quoted || prefix == Prefix::Quote;
        let value = self.template(inner, Place { level, is_quoted });
        if prefix == Prefix::Quote {
            return Expr::new(ExprKind::Quoted(Box::new(value)), span);
        }
        let number = Expr::literal(Literal::Int(prefix_number(prefix).into()), span);
        Expr::new(
            ExprKind::CallPrimitive {
                name: "%prefix".into(),
                args: vec![number, value],
            },
            span,
        )
    }

    fn template_list(&mut self, node: NodeId, place: Place, span: Span) -> Expr {
        let (shape, elements) = slp::brace_shape(self.tree, node);
        let elements = elements.to_vec();
        let bracket = self
            .tree
            .list(node)
            .map_or(Bracket::Paren, |(bracket, _)| bracket);
        let collection = match shape {
            BraceShape::List => Collection::List(list_kind(bracket)),
            BraceShape::Map => Collection::Map,
        };
        let mut parts = Vec::with_capacity(elements.len());
        for element in elements {
            match self.mark_of(element) {
                Some((Prefix::Splice, inner)) if place.level == 1 => {
                    parts.push((true, self.expr(inner, Position::Value)));
                }
                _ => parts.push((false, self.template(element, place))),
            }
        }
        if parts.iter().any(|(is_spliced, _)| *is_spliced) {
            return Expr::new(ExprKind::Splice { collection, parts }, span);
        }
        let parts = parts.into_iter().map(|(_, part)| part).collect();
        Expr::new(ExprKind::Collect { collection, parts }, span)
    }

    /// Whether something in a template is evaluated.
    fn has_holes(&self, node: NodeId, level: u32) -> bool {
        let mut waiting = vec![(node, level)];
        while let Some((node, level)) = waiting.pop() {
            match self.mark_of(node) {
                Some((Prefix::Unquote | Prefix::Splice, _)) if level == 1 => return true,
                Some((Prefix::Unquote | Prefix::Splice, inner)) => waiting.push((inner, level - 1)),
                Some((Prefix::Quasi, inner)) => waiting.push((inner, level + 1)),
                Some((_, inner)) => waiting.push((inner, level)),
                None => waiting.extend(self.tree.children(node).iter().map(|&child| (child, level))),
            }
        }
        false
    }

    /// The value of a template without holes.
    fn template_data(&mut self, node: NodeId, place: Place) -> Literal {
        let mut style = DataStyle::default();
        if self.is_macro && !place.is_quoted {
            for name in self.template_symbols(node) {
                if let Some(absolute) = self.absolute_name(&name) {
                    style.renamed.insert(name, absolute);
                }
            }
        }
        self.data(node, &style)
    }

    /// The symbols of a template that are not quoted in it.
    fn template_symbols(&self, node: NodeId) -> Vec<String> {
        let mut found = Vec::new();
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            match (self.tree.kind(node), self.mark_of(node)) {
                (NodeKind::Symbol(name), _) => found.push(name.to_string()),
                (_, Some((Prefix::Quote, _))) => {}
                _ => waiting.extend(self.tree.children(node)),
            }
        }
        found
    }

    /// The name that means to any module what a symbol of a macro's template means to the macro's module.
    fn absolute_name(&mut self, name: &str) -> Option<String> {
        let is_plain = words::is_reserved(name)
            || words::is_machine_name(name)
            || words::is_fresh_mark(name)
            || name.starts_with('&')
            || words::split_absolute(name).is_some();
        if is_plain {
            return None;
        }
        let is_known = self.built_in(name).is_some() || self.resolve(name) != Resolution::Unbound;
        is_known.then(|| words::absolute(self.context.module, name))
    }
}
