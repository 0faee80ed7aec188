//! Trees of source text as flats, and back.
//!
//! A form as it was read keeps its brace nodes, markers included, so that it comes back exactly. A list keeps its span;
//! an atom and a prefix come back with the span of the list around them. A value that is to become a form (what a macro
//! gave, what `eval` was given) has lists and maps instead, and gets the markers that make it read as the same value.

use crate::flat::FlatBuilder;
use crate::wire::{Flat, FlatNode, Part, Place, WireError, WireFault, WireLimits};
use slp::{Bracket, NodeId, NodeKind, Prefix, Span, Tree};
use std::fmt;

/// The prefixes in the order of their numbers in [`FlatNode::Prefix`].
pub const PREFIXES: [Prefix; 7] = [
    Prefix::Quote,
    Prefix::Quasi,
    Prefix::Unquote,
    Prefix::Splice,
    Prefix::Error,
    Prefix::Datum,
    Prefix::Aberrant,
];

/// The brackets in the order of the kinds of list.
pub const BRACKETS: [Bracket; 3] = [Bracket::Paren, Bracket::Square, Bracket::Brace];

/// A node stands for something that has no form, such as a closure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAForm {
    /// Index of the node.
    pub node_idx: usize,
}

impl fmt::Display for NotAForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} stands for something that has no form", self.node_idx)
    }
}

impl std::error::Error for NotAForm {}

/// Makes a flat of a form as it was read.
///
/// # Errors
/// When it exceeds the limits. A tree may hold a node in several places, so even a small one can.
pub fn from_tree(tree: &Tree, root: NodeId, limits: &WireLimits) -> Result<Flat, WireError> {
    let mut builder = FlatBuilder::new();
    let mut to_come = vec![root];
    while let Some(node) = to_come.pop() {
        if builder.n_nodes() >= limits.max_nodes as usize {
            let fault = WireFault::TooLarge {
                part: Part::Node,
                limit: limits.max_nodes,
            };
            return Err(WireError {
                place: Place::Node(builder.n_nodes()),
                fault,
            });
        }
        add_node(&mut builder, tree, node);
        to_come.extend(tree.children(node).iter().rev());
    }
    let flat = builder.finish();
    flat.check(limits)?;
    Ok(flat)
}

fn add_node(builder: &mut FlatBuilder, tree: &Tree, node: NodeId) {
    match tree.kind(node) {
        NodeKind::Nil => builder.nil(),
        NodeKind::Bool(value) => builder.boolean(*value),
        NodeKind::Int(value) => builder.int(*value),
        NodeKind::Real(value) => builder.real(*value),
        NodeKind::Str(text) => builder.text(text),
        NodeKind::Bytes(bytes) => builder.bytes(bytes),
        NodeKind::Symbol(name) => builder.symbol(name),
        NodeKind::Keyword(name) => builder.keyword(name),
        NodeKind::Path(name) => builder.path(name),
        NodeKind::List(bracket) => {
            let kind = BRACKETS
                .iter()
                .position(|known| known == bracket)
                .expect("every bracket is listed");
            builder.list(
                kind as u8,
                tree.children(node).len() as u32,
                Some(tree.span(node)),
            );
        }
        NodeKind::Prefix(prefix) => {
            let number = PREFIXES
                .iter()
                .position(|known| known == prefix)
                .expect("every prefix is listed");
            builder.prefix(number as u8);
        }
    }
}

/// The tree of a form that [`from_tree`] made a flat of; its one root.
///
/// # Errors
/// When there is a node that a form as it is read does not have.
pub fn to_tree(flat: &Flat) -> Result<Tree, NotAForm> {
    Growing::new(flat, Braces::AsRead).grow()
}

/// The tree of the form that a value is, with the markers that its lists and maps need; its one root. A primitive becomes
/// its name.
///
/// # Errors
/// When there is a closure or an instance of a record type, which no form stands for.
pub fn value_to_tree(flat: &Flat) -> Result<Tree, NotAForm> {
    Growing::new(flat, Braces::OfValues).grow()
}

#[derive(Clone, Copy, PartialEq)]
enum Braces {
    /// Brace nodes have their markers already.
    AsRead,
    /// Lists and maps still need theirs.
    OfValues,
}

/// A tree while it is made from the last node to the first: what a node needs as children was then made before it.
struct Growing<'a> {
    flat: &'a Flat,
    braces: Braces,
    tree: Tree,
    /// Roots of what was made and has no parent yet, the first in order on top.
    made: Vec<NodeId>,
}

impl<'a> Growing<'a> {
    fn new(flat: &'a Flat, braces: Braces) -> Growing<'a> {
        Growing {
            flat,
            braces,
            tree: Tree::new(),
            made: Vec::new(),
        }
    }

    fn grow(mut self) -> Result<Tree, NotAForm> {
        let spans = spans_of(self.flat);
        for (node_idx, node) in self.flat.nodes.iter().enumerate().rev() {
            let made = self.make(node, spans[node_idx]).ok_or(NotAForm { node_idx })?;
            self.made.push(made);
        }
        match *self.made.as_slice() {
            [root] => self.tree.add_root(root),
            _ => return Err(NotAForm { node_idx: 0 }),
        }
        Ok(self.tree)
    }

    fn make(&mut self, node: &FlatNode, span: Span) -> Option<NodeId> {
        let mut children = self.take_children(node.n_children())?;
        let kind = match node {
            FlatNode::Nil => NodeKind::Nil,
            FlatNode::Bool(value) => NodeKind::Bool(*value),
            FlatNode::Int(value) => NodeKind::Int(*value),
            FlatNode::Real(value) => NodeKind::Real(*value),
            FlatNode::Str(text) => NodeKind::Str(text.as_str().into()),
            FlatNode::Bytes(bytes) => NodeKind::Bytes(bytes.as_slice().into()),
            FlatNode::Symbol(name) => NodeKind::Symbol(self.name(*name)?),
            FlatNode::Keyword(name) => NodeKind::Keyword(self.name(*name)?),
            FlatNode::Path(name) => NodeKind::Path(self.name(*name)?),
            FlatNode::Prefix(prefix) => NodeKind::Prefix(*PREFIXES.get(usize::from(*prefix))?),
            FlatNode::List { kind, .. } => {
                let bracket = *BRACKETS.get(usize::from(*kind))?;
                if self.braces == Braces::OfValues && bracket == Bracket::Brace {
                    self.mark_list(&mut children, span);
                }
                NodeKind::List(bracket)
            }
            FlatNode::Map { .. } if self.braces == Braces::OfValues => {
                self.mark_map(&mut children, span);
                NodeKind::List(Bracket::Brace)
            }
            FlatNode::Error if self.braces == Braces::OfValues => NodeKind::Prefix(Prefix::Error),
            FlatNode::Primitive(name) if self.braces == Braces::OfValues => {
                NodeKind::Symbol(self.name(*name)?)
            }
            FlatNode::Map { .. }
            | FlatNode::Error
            | FlatNode::Primitive(_)
            | FlatNode::Instance { .. }
            | FlatNode::Closure { .. } => return None,
        };
        Some(self.tree.add(kind, span, &children))
    }

    fn name(&self, name_idx: u32) -> Option<Box<str>> {
        self.flat
            .names
            .get(name_idx as usize)
            .map(|name| name.as_str().into())
    }

    fn take_children(&mut self, n_children: u64) -> Option<Vec<NodeId>> {
        let first = self.made.len().checked_sub(usize::try_from(n_children).ok()?)?;
        Some(self.made.drain(first..).rev().collect())
    }

    /// A list that opens with a keyword or a dot would read as a map or lose the dot.
    fn mark_list(&mut self, children: &mut Vec<NodeId>, span: Span) {
        let needs_mark = children
            .first()
            .is_some_and(|first| match self.tree.kind(*first) {
                NodeKind::Keyword(_) => true,
                NodeKind::Symbol(name) => &**name == ".",
                _ => false,
            });
        if needs_mark {
            let mark = self.tree.add(NodeKind::Symbol(".".into()), span, &[]);
            children.insert(0, mark);
        }
    }

    /// A map is known by the keyword that it opens with, or by the lone colon.
    fn mark_map(&mut self, children: &mut Vec<NodeId>, span: Span) {
        let opens_with_keyword = children.first().is_some_and(
            |first| matches!(self.tree.kind(*first), NodeKind::Keyword(name) if !name.is_empty()),
        );
        if !opens_with_keyword {
            let mark = self.tree.add(NodeKind::Keyword("".into()), span, &[]);
            children.insert(0, mark);
        }
    }
}

/// The span of each node: its own, or that of the innermost list around it that has one.
fn spans_of(flat: &Flat) -> Vec<Span> {
    let mut spans = Vec::with_capacity(flat.nodes.len());
    let mut around: Vec<(Span, u64)> = Vec::new();
    for node in &flat.nodes {
        while around.pop_if(|(_, left)| *left == 0).is_some() {}
        let inherited = around.last_mut().map_or(Span::default(), |(span, left)| {
            *left -= 1;
            *span
        });
        let span = match node {
            FlatNode::List { span: Some(span), .. } => *span,
            _ => inherited,
        };
        spans.push(span);
        around.push((span, node.n_children()));
    }
    spans
}
