//! Trees as text that keeps to a width, which reads back to the same tree.

use crate::printer::{prefix_text, print_within, push_atom};
use crate::{BraceShape, Bracket, NodeId, NodeKind, Tree, brace_shape};

/// A form laid out within `width` characters where its atoms allow. What fits on a line stays on one; a call
/// keeps its first argument beside its head and indents the rest by two; maps break between pairs; lists of
/// atoms fill lines. Does not recurse, and indents by at most half the width, so the time is linear however
/// deep the form nests.
pub fn print_pretty(tree: &Tree, node: NodeId, width: usize) -> String {
    let mut layout = Layout {
        tree,
        width,
        out: String::new(),
        column: 0,
        steps: Vec::new(),
        scratch: String::new(),
    };
    layout.steps.push(Step::Form { node, n_closers: 0 });
    while let Some(step) = layout.steps.pop() {
        match step {
            Step::Form { node, n_closers } => layout.form(node, n_closers),
            Step::Close(closer) => layout.push(closer),
            Step::Space => layout.push(' '),
            Step::SpaceOrLine { indent, before } => layout.space_or_line(indent, before),
            Step::Line { indent } => layout.line(indent),
        }
    }
    layout.out
}

enum Step {
    /// A form, with this many closers behind it on its last line.
    Form {
        node: NodeId,
        n_closers: usize,
    },
    Close(char),
    Space,
    Line {
        indent: usize,
    },
    /// A space, unless the form behind it is an atom that does not fit the line.
    SpaceOrLine {
        indent: usize,
        before: NodeId,
    },
}

struct Layout<'a> {
    tree: &'a Tree,
    width: usize,
    out: String,
    column: usize,
    steps: Vec<Step>,
    scratch: String,
}

/// What stands between two children that are not on one line.
#[derive(Clone, Copy)]
enum Shape {
    /// So many arguments beside the head, the rest on lines of their own.
    Call { n_beside: usize },
    /// Key and value together; `n_before` children stand before the first key.
    Pairs { n_before: usize },
    /// As many as fit, all of them atoms.
    Fill,
    /// Each on a line of its own.
    Column,
}

impl Layout<'_> {
    fn form(&mut self, node: NodeId, n_closers: usize) {
        let tree = self.tree;
        if self.fits(node, n_closers) {
            let flat = std::mem::take(&mut self.scratch);
            self.push_str(&flat);
            self.scratch = flat;
            return;
        }
        match tree.kind(node) {
            NodeKind::List(bracket) => self.list(node, *bracket, n_closers),
            NodeKind::Prefix(prefix) => {
                self.push_str(prefix_text(tree, node, *prefix));
                self.steps.extend(
                    tree.children(node)
                        .iter()
                        .map(|&node| Step::Form { node, n_closers }),
                );
            }
            atom => {
                let mut text = String::new();
                push_atom(&mut text, atom);
                self.push_str(&text);
            }
        }
    }

    /// Whether the form fits on the rest of the line; if so it stands in `scratch`.
    fn fits(&mut self, node: NodeId, n_closers: usize) -> bool {
        let room = self.width.saturating_sub(self.column).saturating_sub(n_closers);
        let widest_character = 4;
        self.scratch.clear();
        print_within(
            &mut self.scratch,
            self.tree,
            node,
            room.saturating_mul(widest_character),
        )
        .is_ok()
            && self.scratch.chars().count() <= room
    }

    fn list(&mut self, node: NodeId, bracket: Bracket, n_closers: usize) {
        let tree = self.tree;
        let children = tree.children(node);
        let shape = shape(tree, node);
        let open_column = self.column;
        self.push(bracket.opener());
        let is_call = tree.head(node).is_some();
        let indent = (open_column + if is_call { 2 } else { 1 }).min(self.width / 2);
        if let Shape::Fill = shape {
            self.fill(children, indent, n_closers + 1);
            self.push(bracket.closer());
            return;
        }
        self.steps.push(Step::Close(bracket.closer()));
        for (place, &node) in children.iter().enumerate().rev() {
            let n_closers = if place + 1 == children.len() {
                n_closers + 1
            } else {
                0
            };
            self.steps.push(Step::Form { node, n_closers });
            if place > 0 {
                self.steps.push(match shape {
                    Shape::Call { n_beside } if place <= n_beside => {
                        Step::SpaceOrLine { indent, before: node }
                    }
                    Shape::Pairs { n_before } if place <= n_before || (place - n_before) % 2 == 1 => {
                        Step::Space
                    }
                    _ => Step::Line { indent },
                });
            }
        }
    }

    fn fill(&mut self, atoms: &[NodeId], indent: usize, n_closers: usize) {
        for (place, &atom) in atoms.iter().enumerate() {
            if place > 0 {
                let is_last = place + 1 == atoms.len();
                self.column += 1;
                let fits = self.fits(atom, if is_last { n_closers } else { 0 });
                self.column -= 1;
                if fits { self.push(' ') } else { self.line(indent) }
            }
            self.form(atom, 0);
        }
    }

    fn space_or_line(&mut self, indent: usize, before: NodeId) {
        self.push(' ');
        if is_atom(self.tree, before) && !self.fits(before, 0) {
            self.out.pop();
            self.line(indent);
        }
    }

    fn line(&mut self, indent: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    fn push(&mut self, character: char) {
        self.out.push(character);
        self.column += 1;
    }

    fn push_str(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }
}

fn shape(tree: &Tree, node: NodeId) -> Shape {
    let children = tree.children(node);
    if let (BraceShape::Map, elements) = brace_shape(tree, node) {
        return Shape::Pairs {
            n_before: children.len() - elements.len(),
        };
    }
    if children.iter().all(|&child| is_atom(tree, child)) {
        return Shape::Fill;
    }
    match tree.head(node) {
        Some("defn" | "macro") => {
            // The name and a doc string, as far as the parameters.
            let is_parameters = |&node: &NodeId| tree.list(node).is_some();
            Shape::Call {
                n_beside: children.iter().position(is_parameters).unwrap_or(1),
            }
        }
        Some(_) => Shape::Call { n_beside: 1 },
        None => Shape::Column,
    }
}

fn is_atom(tree: &Tree, node: NodeId) -> bool {
    !matches!(tree.kind(node), NodeKind::List(_) | NodeKind::Prefix(_))
}
