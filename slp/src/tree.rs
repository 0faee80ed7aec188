//! The tree of a source: an arena of nodes, so that neither dropping nor walking it depends on how deep it
//! nests.

use crate::Span;

/// The number of a node in its [`Tree`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct NodeId(pub u32);

/// The brackets of a list node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Bracket {
    /// `( )`, list kind p.
    Paren,
    /// `[ ]`, list kind b.
    Square,
    /// `{ }`, list kind c or a map: see [`crate::brace_shape`].
    Brace,
}

impl Bracket {
    /// The character that opens the list.
    pub const fn opener(self) -> char {
        match self {
            Bracket::Paren => '(',
            Bracket::Square => '[',
            Bracket::Brace => '{',
        }
    }

    /// The character that closes the list.
    pub const fn closer(self) -> char {
        match self {
            Bracket::Paren => ')',
            Bracket::Square => ']',
            Bracket::Brace => '}',
        }
    }
}

/// A mark written before a form that changes what it means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Prefix {
    /// `'x`
    Quote,
    /// `` `x ``
    Quasi,
    /// `,x`
    Unquote,
    /// `,@x`
    Splice,
    /// `@x`, an error value.
    Error,
    /// `#x`, an instruction when `x` is a list that opens with a datum's name.
    Datum,
    /// `?x`, a literal that stands for itself.
    Aberrant,
}

impl Prefix {
    /// The mark as it is written.
    pub const fn text(self) -> &'static str {
        match self {
            Prefix::Quote => "'",
            Prefix::Quasi => "`",
            Prefix::Unquote => ",",
            Prefix::Splice => ",@",
            Prefix::Error => "@",
            Prefix::Datum => "#",
            Prefix::Aberrant => "?",
        }
    }
}

/// What a node is. Lists and prefixes keep their children in the tree.
#[derive(Clone, PartialEq, Debug)]
pub enum NodeKind {
    /// `nil`
    Nil,
    /// `true` or `false`
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// An IEEE double.
    Real(f64),
    /// Text, escapes resolved.
    Str(Box<str>),
    /// Bytes, escapes resolved.
    Bytes(Box<[u8]>),
    /// A name.
    Symbol(Box<str>),
    /// A keyword, without its colon. Empty for the lone colon of `{: k v}`.
    Keyword(Box<str>),
    /// A symbol with an inner colon, whole: `store:key`.
    Path(Box<str>),
    /// A list with any number of children. The marker of `{. a}` and `{: k v}` is the first child.
    List(Bracket),
    /// A prefix with exactly one child.
    Prefix(Prefix),
}

#[derive(Clone, Debug)]
struct Node {
    kind: NodeKind,
    span: Span,
    first_link: u32,
    n_children: u32,
}

/// The nodes of one or more top-level forms.
///
/// A node can only be given children that exist already, so a child's number is below its parent's and no
/// cycle can arise. A child may stand under several parents; walks then meet it once for each place.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    links: Vec<NodeId>,
    roots: Vec<NodeId>,
    comments: Vec<Span>,
}

/// How far a tree has grown, to cut it back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    n_nodes: usize,
    n_links: usize,
    n_comments: usize,
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Tree {
        Tree::default()
    }

    /// What the node is.
    pub fn kind(&self, node: NodeId) -> &NodeKind {
        &self.node(node).kind
    }

    /// Where the node was read, brackets and prefix included.
    pub fn span(&self, node: NodeId) -> Span {
        self.node(node).span
    }

    /// The children in order; empty for atoms.
    pub fn children(&self, node: NodeId) -> &[NodeId] {
        let node = self.node(node);
        let first = node.first_link as usize;
        &self.links[first..first + node.n_children as usize]
    }

    /// The top-level forms in order.
    pub fn roots(&self) -> &[NodeId] {
        &self.roots
    }

    /// The span of every comment in order; a `#;form` counts as one, whatever stands in its form.
    pub fn comments(&self) -> &[Span] {
        &self.comments
    }

    /// Adds a node. Every child must already be in this tree; atoms have none and a prefix has one.
    pub fn add(&mut self, kind: NodeKind, span: Span, children: &[NodeId]) -> NodeId {
        let node = NodeId(count(self.nodes.len()));
        debug_assert!(
            children.iter().all(|child| child.0 < node.0),
            "children are added before their parent"
        );
        debug_assert!(
            match kind {
                NodeKind::List(_) => true,
                NodeKind::Prefix(_) => children.len() == 1,
                _ => children.is_empty(),
            },
            "the number of children fits the kind"
        );
        let first_link = count(self.links.len());
        self.links.extend_from_slice(children);
        self.nodes.push(Node {
            kind,
            span,
            first_link,
            n_children: count(children.len()),
        });
        node
    }

    /// Makes a node the last top-level form.
    pub fn add_root(&mut self, node: NodeId) {
        debug_assert!(
            (node.0 as usize) < self.nodes.len(),
            "a root is a node of the tree"
        );
        self.roots.push(node);
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The name, when the node is a symbol.
    pub fn symbol(&self, node: NodeId) -> Option<&str> {
        match self.kind(node) {
            NodeKind::Symbol(name) => Some(name),
            _ => None,
        }
    }

    /// The name without its colon, when the node is a keyword.
    pub fn keyword(&self, node: NodeId) -> Option<&str> {
        match self.kind(node) {
            NodeKind::Keyword(name) => Some(name),
            _ => None,
        }
    }

    /// The text, when the node is a string.
    pub fn string(&self, node: NodeId) -> Option<&str> {
        match self.kind(node) {
            NodeKind::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when the node is an integer.
    pub fn int(&self, node: NodeId) -> Option<i64> {
        match self.kind(node) {
            NodeKind::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// Brackets and children, when the node is a list.
    pub fn list(&self, node: NodeId) -> Option<(Bracket, &[NodeId])> {
        match self.kind(node) {
            NodeKind::List(bracket) => Some((*bracket, self.children(node))),
            _ => None,
        }
    }

    /// The children, when the node is a list in these brackets.
    pub fn list_in(&self, node: NodeId, bracket: Bracket) -> Option<&[NodeId]> {
        self.list(node)
            .filter(|(found, _)| *found == bracket)
            .map(|(_, children)| children)
    }

    /// The symbol a paren list opens with: the name of what it calls.
    pub fn head(&self, node: NodeId) -> Option<&str> {
        let children = self.list_in(node, Bracket::Paren)?;
        self.symbol(*children.first()?)
    }

    /// The mark and the form behind it, when the node is a prefix.
    pub fn prefix(&self, node: NodeId) -> Option<(Prefix, NodeId)> {
        match self.kind(node) {
            NodeKind::Prefix(prefix) => Some((*prefix, *self.children(node).first()?)),
            _ => None,
        }
    }

    /// Copies a form of another tree, spans included, and returns the copy's root. Does not recurse.
    pub fn copy_from(&mut self, other: &Tree, node: NodeId) -> NodeId {
        let mut steps = vec![Step::Enter(node)];
        let mut copies = Vec::new();
        while let Some(step) = steps.pop() {
            match step {
                Step::Enter(node) => {
                    let children = other.children(node);
                    steps.push(Step::Leave(node, children.len()));
                    steps.extend(children.iter().rev().map(|&child| Step::Enter(child)));
                }
                Step::Leave(node, n_children) => {
                    let first = copies.len() - n_children;
                    let copy = self.add(other.kind(node).clone(), other.span(node), &copies[first..]);
                    copies.truncate(first);
                    copies.push(copy);
                }
            }
        }
        copies.pop().expect("leaving the outermost node pushes its copy")
    }

    pub(crate) fn add_comment(&mut self, span: Span) {
        self.comments.push(span);
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            n_nodes: self.nodes.len(),
            n_links: self.links.len(),
            n_comments: self.comments.len(),
        }
    }

    /// Forgets all nodes and comments added since the mark; none of them may be a root.
    pub(crate) fn cut_back(&mut self, mark: Mark) {
        self.nodes.truncate(mark.n_nodes);
        self.links.truncate(mark.n_links);
        self.comments.truncate(mark.n_comments);
    }

    fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.0 as usize]
    }
}

enum Step {
    Enter(NodeId),
    Leave(NodeId, usize),
}

/// Whether two forms are equal in structure, spans aside. Reals compare as they print: `0.0` and `-0.0`
/// differ and every NaN equals every other. Does not recurse.
pub fn same(left: &Tree, left_node: NodeId, right: &Tree, right_node: NodeId) -> bool {
    let mut pairs = vec![(left_node, right_node)];
    while let Some((left_node, right_node)) = pairs.pop() {
        if std::ptr::eq(left, right) && left_node == right_node {
            continue;
        }
        let (left_children, right_children) = (left.children(left_node), right.children(right_node));
        if !same_kind(left.kind(left_node), right.kind(right_node))
            || left_children.len() != right_children.len()
        {
            return false;
        }
        pairs.extend(left_children.iter().copied().zip(right_children.iter().copied()));
    }
    true
}

fn same_kind(left: &NodeKind, right: &NodeKind) -> bool {
    match (left, right) {
        (NodeKind::Real(left), NodeKind::Real(right)) => {
            left.to_bits() == right.to_bits() || left.is_nan() && right.is_nan()
        }
        _ => left == right,
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("a tree holds fewer than 2^32 nodes")
}
