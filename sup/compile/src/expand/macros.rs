//! Macro calls: running them through the host, once each, and giving their fresh names a number.

use super::Expander;
use crate::fault::Cause;
use crate::host::Resolution;
use crate::words;
use slp::{NodeId, NodeKind};
use std::collections::HashMap;

impl Expander<'_> {
    /// What a macro call becomes; nothing when that failed, which is then noted as a fault. Each call runs once.
    pub(super) fn expansion(&mut self, macro_name: &str, call: NodeId) -> Option<NodeId> {
        if let Some(&known) = self.expansions.get(&call) {
            return Some(known);
        }
        let span = self.tree.span(call);
        let limits = self.context.limits;
        if self.n_expansions >= limits.max_expansions {
            self.fault(
                Cause::TooManyExpansions {
                    max_expansions: limits.max_expansions,
                },
                span,
            );
            return None;
        }
        self.n_expansions += 1;
        let n_before = self.tree.len();
        let expansion = match self.host.expand(macro_name, self.tree, call) {
            Ok(expansion) => expansion,
            Err(fault) => {
                self.add_fault(fault);
                return None;
            }
        };
        if self.tree.len() - self.n_first_nodes > limits.max_nodes as usize {
            self.fault(
                Cause::TooManyNodes {
                    max_nodes: limits.max_nodes,
                },
                span,
            );
            return None;
        }
        let expansion = self.with_fresh_names(expansion, n_before);
        self.expansions.insert(call, expansion);
        Some(expansion)
    }

    /// Expands the head of a form for as long as it is a macro.
    pub(crate) fn expand_head(&mut self, mut form: NodeId) -> Option<NodeId> {
        while let Some(head) = self.tree.head(form).map(str::to_string) {
            if words::is_reserved(&head) || self.lookup(&head).is_some() {
                break;
            }
            let Resolution::Macro(name) = self.resolve(&head) else {
                break;
            };
            form = self.expansion(&name, form)?;
        }
        Some(form)
    }

    /// Gives each `name#` among the nodes that an expansion added a number that no other expansion has.
    fn with_fresh_names(&mut self, expansion: NodeId, n_before: usize) -> NodeId {
        let new_nodes = n_before as u32..self.tree.len() as u32;
        let is_needed = new_nodes.clone().any(|node| self.is_fresh_mark(NodeId(node)));
        if !is_needed {
            return expansion;
        }
        let mark = format!("{:x}.{}", self.form_mark(), self.n_expansions);
        let mut renamed: HashMap<NodeId, NodeId> = HashMap::new();
        for node in new_nodes.map(NodeId) {
            let span = self.tree.span(node);
            let copy = match self.tree.kind(node) {
                NodeKind::Symbol(name) if words::is_fresh_mark(name) => {
                    let name = format!("{name}{mark}");
                    self.tree.add(NodeKind::Symbol(name.into()), span, &[])
                }
                kind if self
                    .tree
                    .children(node)
                    .iter()
                    .any(|child| renamed.contains_key(child)) =>
                {
                    let kind = kind.clone();
                    let children = self.children(node);
                    let children: Vec<NodeId> = children
                        .iter()
                        .map(|child| renamed.get(child).copied().unwrap_or(*child))
                        .collect();
                    self.tree.add(kind, span, &children)
                }
                _ => continue,
            };
            renamed.insert(node, copy);
        }
        renamed.get(&expansion).copied().unwrap_or(expansion)
    }

    /// Whether a macro made the node, or the compiler, and nobody wrote it.
    pub(super) fn is_made(&self, node: NodeId) -> bool {
        node.0 as usize >= self.n_first_nodes
    }

    fn is_fresh_mark(&self, node: NodeId) -> bool {
        self.tree.symbol(node).is_some_and(words::is_fresh_mark)
    }

    /// A number for this form, so that fresh names of different forms differ; the same whenever it is compiled. FNV-1a.
    fn form_mark(&self) -> u32 {
        let start = self.form_span.start.to_le_bytes();
        let bytes = self.context.source.bytes().chain(start);
        bytes.fold(0x811c_9dc5, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
    }
}
