//! Forms as data: what a quote, a literal or an unevaluated argument is as a value.

use super::Expander;
use crate::core_tree::Literal;
use crate::fault::Cause;
use slp::{BraceShape, Bracket, NodeId, NodeKind, Prefix, Span, Tree};
use std::collections::{HashMap, HashSet};
use sup_code::{Flat, FlatBuilder};

/// The fields that an error value has; a map behind `@` lends those it names.
const ERROR_FIELDS: &[&str] = &["code", "message", "data", "span", "trace", "cause"];

/// The number of a list's kind.
pub(super) fn list_kind(bracket: Bracket) -> u8 {
    match bracket {
        Bracket::Paren => 0,
        Bracket::Square => 1,
        Bracket::Brace => 2,
    }
}

/// The number of a prefix in the binary form.
pub(super) fn prefix_number(prefix: Prefix) -> u8 {
    match prefix {
        Prefix::Quote => 0,
        Prefix::Quasi => 1,
        Prefix::Unquote => 2,
        Prefix::Splice => 3,
        Prefix::Error => 4,
        Prefix::Datum => 5,
        Prefix::Aberrant => 6,
    }
}

/// How symbols and spans of a form come out as data.
#[derive(Default)]
pub(super) struct DataStyle {
    /// Symbols that stand for others.
    pub(super) renamed: HashMap<String, String>,
    /// Lists keep where they stand in the source.
    pub(super) keeps_spans: bool,
}

impl Expander<'_> {
    /// The value of a quoted form.
    pub(super) fn quoted(&mut self, node: NodeId) -> Literal {
        self.data(
            node,
            &DataStyle {
                renamed: HashMap::new(),
                keeps_spans: true,
            },
        )
    }

    /// The value of a form that is not evaluated.
    pub(super) fn data(&mut self, node: NodeId, style: &DataStyle) -> Literal {
        match self.tree.kind(node) {
            NodeKind::Nil => Literal::Nil,
            NodeKind::Bool(truth) => Literal::Bool(*truth),
            NodeKind::Int(number) => Literal::Int(*number),
            NodeKind::Real(number) => Literal::Real(*number),
            NodeKind::Str(text) => Literal::Str(text.to_string()),
            NodeKind::Symbol(name) => Literal::Symbol(style.symbol(name).to_string()),
            NodeKind::Keyword(name) => Literal::Keyword(name.to_string()),
            NodeKind::Path(name) => Literal::Path(name.to_string()),
            _ => {
                self.check_data(node);
                Literal::Data(flat(self.tree, node, style))
            }
        }
    }

    /// Reports what makes a form no value: nesting too deep, and maps that have a key twice or one without a value.
    fn check_data(&mut self, node: NodeId) {
        let max_depth = self.context.limits.max_depth;
        let mut waiting = vec![(node, 1)];
        while let Some((node, depth)) = waiting.pop() {
            let (shape, elements) = slp::brace_shape(self.tree, node);
            let elements = elements.to_vec();
            let span = self.tree.span(node);
            if depth > max_depth {
                return self.fault(Cause::TooDeep { max_depth }, span);
            }
            if shape == BraceShape::Map && !has_splice(self.tree, &elements) {
                self.check_map_shape(&elements, span);
            }
            waiting.extend(elements.into_iter().map(|element| (element, depth + 1)));
        }
    }

    /// Reports a literal key that stands twice and a key without value.
    pub(super) fn check_map_shape(&mut self, elements: &[NodeId], span: Span) {
        if elements.len() % 2 == 1 {
            self.fault(Cause::OddMap, span);
        }
        let mut met = HashSet::new();
        for &key in elements.iter().step_by(2) {
            if self.is_constant(key) && !met.insert(slp::print(self.tree, key)) {
                let (text, span) = (slp::print(self.tree, key), self.tree.span(key));
                self.fault(Cause::DuplicateKey(text), span);
            }
        }
    }

    /// Whether a form evaluates to the same value always, without a name or a call in it.
    pub(super) fn is_constant(&self, node: NodeId) -> bool {
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            match self.tree.kind(node) {
                NodeKind::Symbol(_) | NodeKind::List(Bracket::Square) => return false,
                NodeKind::List(Bracket::Paren) if self.tree.children(node).is_empty() => {}
                NodeKind::List(Bracket::Paren) => return false,
                NodeKind::List(Bracket::Brace) => {
                    waiting.extend(slp::brace_shape(self.tree, node).1);
                }
                // A quote inside data would have to lose its mark; it is evaluated instead.
                NodeKind::Prefix(Prefix::Error | Prefix::Aberrant) => {}
                NodeKind::Prefix(_) => return false,
                _ => {}
            }
        }
        true
    }
}

/// The value that a form is when it is not evaluated: what a quote gives, and what a macro is handed. Lists keep their spans.
#[must_use]
pub fn datum(tree: &Tree, node: NodeId) -> Flat {
    flat(
        tree,
        node,
        &DataStyle {
            renamed: HashMap::new(),
            keeps_spans: true,
        },
    )
}

impl DataStyle {
    fn symbol<'a>(&'a self, name: &'a str) -> &'a str {
        self.renamed.get(name).map_or(name, String::as_str)
    }
}

/// Whether something is spliced in among these, so that nobody knows yet how many they are.
fn has_splice(tree: &Tree, elements: &[NodeId]) -> bool {
    elements
        .iter()
        .any(|&element| matches!(tree.kind(element), NodeKind::Prefix(Prefix::Splice)))
}

enum Step {
    Node(NodeId),
    /// A keyword that stands nowhere in the source.
    Key(&'static str),
    /// The code of an error value: a symbol there is read as a keyword.
    Code(NodeId),
    MapHead(u32),
}

/// A form in the binary form of values. Does not recurse.
fn flat(tree: &Tree, node: NodeId, style: &DataStyle) -> Flat {
    let mut out = FlatBuilder::new();
    let mut waiting = vec![Step::Node(node)];
    while let Some(step) = waiting.pop() {
        match step {
            Step::Key(name) => out.keyword(name),
            Step::MapHead(n_pairs) => out.map(n_pairs),
            Step::Code(node) => match tree.kind(node) {
                NodeKind::Symbol(name) => out.keyword(name),
                _ => waiting.push(Step::Node(node)),
            },
            Step::Node(node) => {
                let inner = flat_node(tree, node, style, &mut out);
                waiting.extend(inner.into_iter().rev());
            }
        }
    }
    out.finish()
}

/// Adds a node; returns what must follow it.
fn flat_node(tree: &Tree, node: NodeId, style: &DataStyle, out: &mut FlatBuilder) -> Vec<Step> {
    match tree.kind(node) {
        NodeKind::Nil => out.nil(),
        NodeKind::Bool(truth) => out.boolean(*truth),
        NodeKind::Int(number) => out.int(*number),
        NodeKind::Real(number) => out.real(*number),
        NodeKind::Str(text) => out.text(text),
        NodeKind::Bytes(bytes) => out.bytes(bytes),
        NodeKind::Symbol(name) => out.symbol(style.symbol(name)),
        NodeKind::Keyword(name) => out.keyword(name),
        NodeKind::Path(name) => out.path(name),
        NodeKind::List(bracket) => {
            let (shape, elements) = slp::brace_shape(tree, node);
            if shape == BraceShape::Map && elements.len() % 2 == 0 && !has_splice(tree, elements) {
                out.map(elements.len() as u32 / 2);
            } else {
                let span = style.keeps_spans.then(|| tree.span(node));
                out.list(list_kind(*bracket), elements.len() as u32, span);
            }
            return elements.iter().copied().map(Step::Node).collect();
        }
        NodeKind::Prefix(Prefix::Error) => {
            out.error();
            return error_fields(tree, tree.children(node)[0]);
        }
        NodeKind::Prefix(prefix) => {
            out.prefix(prefix_number(*prefix));
            return vec![Step::Node(tree.children(node)[0])];
        }
    }
    Vec::new()
}

/// The map of fields of the error value `@x`.
fn error_fields(tree: &Tree, inner: NodeId) -> Vec<Step> {
    let (shape, elements) = slp::brace_shape(tree, inner);
    let is_map = shape == BraceShape::Map;
    let named = |pair: &[NodeId]| {
        tree.keyword(pair[0])
            .is_some_and(|key| ERROR_FIELDS.contains(&key))
    };
    if !is_map || elements.len() % 2 == 1 || !elements.chunks(2).any(named) {
        return vec![Step::MapHead(1), Step::Key("data"), Step::Node(inner)];
    }
    let (known, other): (Vec<&[NodeId]>, Vec<&[NodeId]>) = elements.chunks(2).partition(|pair| named(pair));
    let has_data = known.iter().any(|pair| tree.keyword(pair[0]) == Some("data"));
    let keeps_others = !other.is_empty() && !has_data;
    let mut steps = vec![Step::MapHead(known.len() as u32 + u32::from(keeps_others))];
    for pair in known {
        let is_code = tree.keyword(pair[0]) == Some("code");
        steps.push(Step::Node(pair[0]));
        steps.push(if is_code {
            Step::Code(pair[1])
        } else {
            Step::Node(pair[1])
        });
    }
    if keeps_others {
        steps.push(Step::Key("data"));
        steps.push(Step::MapHead(other.len() as u32));
        steps.extend(other.into_iter().flatten().copied().map(Step::Node));
    }
    steps
}
