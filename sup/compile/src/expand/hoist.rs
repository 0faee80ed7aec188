//! Finding the `def`s of a body before it is expanded, so that its functions can name what is defined after them.

use super::Expander;
use crate::host::Resolution;
use crate::words;
use slp::{Bracket, NodeId, NodeKind, Prefix, Span};

impl Expander<'_> {
    /// Names that a `def` among these forms binds in the scope they stand in.
    pub(super) fn hoisted(&mut self, forms: &[NodeId]) -> Vec<(String, Span)> {
        let mut found = Vec::new();
        let mut waiting: Vec<NodeId> = forms.iter().rev().copied().collect();
        while let Some(node) = waiting.pop() {
            let inner = self.hoist_from(node, &mut found);
            waiting.extend(inner.into_iter().rev());
        }
        found
    }

    /// Notes the name if the node is a `def`; returns the nodes in which more of them may stand.
    fn hoist_from(&mut self, node: NodeId, found: &mut Vec<(String, Span)>) -> Vec<NodeId> {
        match self.tree.kind(node) {
            NodeKind::List(Bracket::Square | Bracket::Brace) => self.children(node),
            NodeKind::List(Bracket::Paren) => self.hoist_from_paren(node, found),
            NodeKind::Prefix(Prefix::Quasi | Prefix::Unquote | Prefix::Splice) => Vec::new(),
            _ => Vec::new(),
        }
    }

    fn hoist_from_paren(&mut self, node: NodeId, found: &mut Vec<(String, Span)>) -> Vec<NodeId> {
        let children = self.children(node);
        let Some(head) = self.tree.head(node).map(str::to_string) else {
            return children;
        };
        if self.lookup(&head).is_some() {
            return children;
        }
        match head.as_str() {
            "def" | "defn" => {
                if let Some((name, span)) = self.defined_name(&children) {
                    found.push((name, span));
                }
                if head == "def" {
                    children.get(2..).unwrap_or_default().to_vec()
                } else {
                    Vec::new()
                }
            }
            "fn" | "quote" | "quasiquote" | "let" | "loop" | "do" | "while" | "for" | "each" | "export" => {
                Vec::new()
            }
            "try" | "recover" => children.get(1).into_iter().copied().collect(),
            "match" | "reflect" => self.hoist_from_arms(&children),
            _ if words::is_reserved(&head) => children.get(1..).unwrap_or_default().to_vec(),
            _ => self.hoist_from_call(node, &head, children),
        }
    }

    fn defined_name(&self, children: &[NodeId]) -> Option<(String, Span)> {
        let name = *children.get(1)?;
        Some((self.tree.symbol(name)?.to_string(), self.tree.span(name)))
    }

    fn hoist_from_arms(&mut self, children: &[NodeId]) -> Vec<NodeId> {
        let mut inner: Vec<NodeId> = children.get(1).into_iter().copied().collect();
        for &arm in children.get(2..).unwrap_or_default() {
            inner.extend(self.tree.children(arm).get(1..).unwrap_or_default());
        }
        inner
    }

    fn hoist_from_call(&mut self, node: NodeId, head: &str, children: Vec<NodeId>) -> Vec<NodeId> {
        match self.resolve(head) {
            Resolution::Macro(name) => self.expansion(&name, node).into_iter().collect(),
            Resolution::Primitive { quoted, .. } if quoted != 0 => {
                let is_quoted = |idx: usize| idx > 0 && idx <= 32 && quoted >> (idx - 1) & 1 == 1;
                let evaluated = children
                    .into_iter()
                    .enumerate()
                    .filter(|(idx, _)| !is_quoted(*idx));
                evaluated.map(|(_, child)| child).collect()
            }
            _ => children,
        }
    }
}
