//! Making a `Flat` node by node, and going through one without recursion.

use crate::wire::{Flat, FlatNode};
use slp::Span;
use std::collections::HashMap;

/// Makes a [`Flat`] in pre-order: a node with a count is followed by that many children. Names are put into the table as
/// they first come up, so that the result is canonical.
#[derive(Debug, Default)]
pub struct FlatBuilder {
    flat: Flat,
    name_ids: HashMap<String, u32>,
}

impl FlatBuilder {
    /// Starts with nothing.
    #[must_use]
    pub fn new() -> FlatBuilder {
        FlatBuilder::default()
    }

    /// The nodes and names so far. They are well-formed when each count was followed by as many children.
    #[must_use]
    pub fn finish(self) -> Flat {
        self.flat
    }

    /// How many nodes were added; the next node has this index.
    #[must_use]
    pub fn n_nodes(&self) -> usize {
        self.flat.nodes.len()
    }

    fn name_idx(&mut self, name: &str) -> u32 {
        if let Some(name_idx) = self.name_ids.get(name) {
            return *name_idx;
        }
        let name_idx =
            u32::try_from(self.flat.names.len()).expect("a table of names fits its 32-bit indexes");
        self.flat.names.push(name.to_owned());
        self.name_ids.insert(name.to_owned(), name_idx);
        name_idx
    }

    /// Adds nil.
    pub fn nil(&mut self) {
        self.flat.nodes.push(FlatNode::Nil);
    }

    /// Adds a boolean.
    pub fn boolean(&mut self, value: bool) {
        self.flat.nodes.push(FlatNode::Bool(value));
    }

    /// Adds an integer.
    pub fn int(&mut self, value: i64) {
        self.flat.nodes.push(FlatNode::Int(value));
    }

    /// Adds a real.
    pub fn real(&mut self, value: f64) {
        self.flat.nodes.push(FlatNode::Real(value));
    }

    /// Adds a string.
    pub fn text(&mut self, text: &str) {
        self.flat.nodes.push(FlatNode::Str(text.to_owned()));
    }

    /// Adds bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.flat.nodes.push(FlatNode::Bytes(bytes.to_owned()));
    }

    /// Adds a symbol.
    pub fn symbol(&mut self, name: &str) {
        let name_idx = self.name_idx(name);
        self.flat.nodes.push(FlatNode::Symbol(name_idx));
    }

    /// Adds a keyword, named without its colon.
    pub fn keyword(&mut self, name: &str) {
        let name_idx = self.name_idx(name);
        self.flat.nodes.push(FlatNode::Keyword(name_idx));
    }

    /// Adds a path.
    pub fn path(&mut self, name: &str) {
        let name_idx = self.name_idx(name);
        self.flat.nodes.push(FlatNode::Path(name_idx));
    }

    /// Adds a primitive by its name.
    pub fn primitive(&mut self, name: &str) {
        let name_idx = self.name_idx(name);
        self.flat.nodes.push(FlatNode::Primitive(name_idx));
    }

    /// Adds the head of a list of kind 0 paren, 1 square or 2 brace; its items follow.
    pub fn list(&mut self, kind: u8, n_items: u32, span: Option<Span>) {
        self.flat.nodes.push(FlatNode::List { kind, n_items, span });
    }

    /// Adds the head of a map; as many times a key and a value follow.
    pub fn map(&mut self, n_pairs: u32) {
        self.flat.nodes.push(FlatNode::Map { n_pairs });
    }

    /// Adds the head of an error value; the map of its fields follows.
    pub fn error(&mut self) {
        self.flat.nodes.push(FlatNode::Error);
    }

    /// Adds the head of an instance of a record type, which has a full name `module/name`; its fields follow.
    pub fn instance(&mut self, form: &str, n_fields: u32) {
        let form = self.name_idx(form);
        self.flat.nodes.push(FlatNode::Instance { form, n_fields });
    }

    /// Adds a prefix, numbered as in [`FlatNode::Prefix`]; what it stands before follows.
    pub fn prefix(&mut self, prefix: u8) {
        self.flat.nodes.push(FlatNode::Prefix(prefix));
    }

    /// Adds the head of a closure; its captured values follow.
    pub fn closure(&mut self, chunk: [u8; 32], function: u32, n_captures: u32) {
        self.flat.nodes.push(FlatNode::Closure {
            chunk,
            function,
            n_captures,
        });
    }
}

/// A step of a walk through a flat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// A node that cannot have children.
    Leaf(&'a FlatNode),
    /// A node whose children, none or more, come next.
    Open(&'a FlatNode),
    /// The end of the children of that node.
    Close(&'a FlatNode),
}

/// Walks through a flat in pre-order. A consumer keeps its own stack of what it builds: pushes at `Open`, pops at `Close`.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    nodes: &'a [FlatNode],
    next: usize,
    /// The open nodes and how many children each still waits for.
    open: Vec<(usize, u64)>,
}

impl<'a> Reader<'a> {
    /// Starts at the root.
    #[must_use]
    pub fn new(flat: &'a Flat) -> Reader<'a> {
        Reader {
            nodes: &flat.nodes,
            next: 0,
            open: Vec::new(),
        }
    }

    /// How many nodes are open.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.open.len()
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        if let Some((node_idx, 0)) = self.open.last().copied() {
            self.open.pop();
            return Some(Event::Close(&self.nodes[node_idx]));
        }
        let node = self.nodes.get(self.next)?;
        if let Some((_, left)) = self.open.last_mut() {
            *left -= 1;
        }
        self.next += 1;
        if node.is_atom() {
            return Some(Event::Leaf(node));
        }
        self.open.push((self.next - 1, node.n_children()));
        Some(Event::Open(node))
    }
}

impl FlatNode {
    /// Whether it is of a sort that never has children.
    #[must_use]
    pub fn is_atom(&self) -> bool {
        !matches!(
            self,
            FlatNode::List { .. }
                | FlatNode::Map { .. }
                | FlatNode::Error
                | FlatNode::Instance { .. }
                | FlatNode::Prefix(_)
                | FlatNode::Closure { .. }
        )
    }
}

impl Flat {
    /// The name with that index.
    ///
    /// # Panics
    /// When there is none, which a checked flat's nodes never ask for.
    #[must_use]
    pub fn name(&self, name_idx: u32) -> &str {
        self.names
            .get(name_idx as usize)
            .expect("the nodes of a checked flat use only names that it has")
    }

    /// Index of the node after the last one below that node.
    #[must_use]
    pub fn subtree_end(&self, node_idx: usize) -> usize {
        let mut end = node_idx;
        let mut waiting = 1;
        while waiting > 0 && end < self.nodes.len() {
            waiting = waiting - 1 + self.nodes[end].n_children();
            end += 1;
        }
        end
    }

    /// Indexes of the children of a node. Each step passes over the child's own descendants.
    pub fn children(&self, node_idx: usize) -> impl Iterator<Item = usize> + '_ {
        let mut left = self.nodes.get(node_idx).map_or(0, FlatNode::n_children);
        let mut next = node_idx + 1;
        std::iter::from_fn(move || {
            if left == 0 || next >= self.nodes.len() {
                return None;
            }
            left -= 1;
            let child = next;
            next = self.subtree_end(child);
            Some(child)
        })
    }
}
