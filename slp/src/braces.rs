//! What a brace node stands for: a list or a map.

use std::collections::HashSet;

use crate::fault::Cause;
use crate::{Bracket, NodeId, NodeKind, Prefix, Span, Tree, print};

/// The two readings of `{ }`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum BraceShape {
    /// `{a b}` and `{. a b}`
    List,
    /// `{:k v}`, `{: k v}` and `{:}`
    Map,
}

/// The shape of a brace node and its elements, the marker `.` or `:` left out. Any other node counts as a
/// list of its children.
pub fn brace_shape(tree: &Tree, node: NodeId) -> (BraceShape, &[NodeId]) {
    let children = tree.children(node);
    if *tree.kind(node) != NodeKind::List(Bracket::Brace) {
        return (BraceShape::List, children);
    }
    match children.split_first() {
        Some((&first, rest)) => match tree.kind(first) {
            NodeKind::Keyword(name) if name.is_empty() => (BraceShape::Map, rest),
            NodeKind::Keyword(_) => (BraceShape::Map, children),
            NodeKind::Symbol(name) if &**name == "." => (BraceShape::List, rest),
            _ => (BraceShape::List, children),
        },
        None => (BraceShape::List, children),
    }
}

/// What is wrong with a brace node as a map: a key that stands twice, or a last key without a value. Keys
/// that are only known when the program runs are not compared, and where `,@x` stands the number of elements
/// is not known either.
pub(crate) fn check_map(tree: &Tree, node: NodeId) -> Option<(Cause, Span)> {
    let (BraceShape::Map, elements) = brace_shape(tree, node) else {
        return None;
    };
    let is_splice = |&element: &NodeId| *tree.kind(element) == NodeKind::Prefix(Prefix::Splice);
    if elements.iter().any(is_splice) {
        return None;
    }
    let mut seen = HashSet::new();
    for pair in elements.chunks(2) {
        let key = pair[0];
        if let Some(text) = literal_key(tree, key) {
            if seen.contains(&text) {
                return Some((Cause::DuplicateKey(shortened(text)), tree.span(key)));
            }
            seen.insert(text);
        }
        if pair.len() == 1 {
            return Some((Cause::OddMap, tree.span(key)));
        }
    }
    None
}

/// A key that evaluates to itself, as its canonical text.
fn literal_key(tree: &Tree, key: NodeId) -> Option<String> {
    match tree.kind(key) {
        NodeKind::Symbol(_) | NodeKind::List(_) => None,
        NodeKind::Prefix(Prefix::Quote) => match tree.kind(tree.children(key)[0]) {
            NodeKind::Symbol(_) => Some(print(tree, key)),
            _ => None,
        },
        NodeKind::Prefix(_) => None,
        _ => Some(print(tree, key)),
    }
}

/// A key short enough to stand in a message.
fn shortened(text: String) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
