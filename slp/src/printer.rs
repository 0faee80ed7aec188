//! Trees as text on one line, which reads back to the same tree.

use std::fmt::Write;

use crate::literal::{push_quoted_bytes, push_quoted_str};
use crate::{NodeId, NodeKind, Prefix, Tree};

/// A form on one line. Reading it gives the same form as long as its symbols, keywords and paths are plain.
/// Does not recurse.
pub fn print(tree: &Tree, node: NodeId) -> String {
    let mut out = String::new();
    let limit = usize::MAX;
    print_within(&mut out, tree, node, limit).expect("no text is longer than the largest length");
    out
}

/// A real in the fewest digits that read back to the same bits; always with a point, an exponent, or as
/// `+inf` `-inf` `+nan`.
pub fn print_real(number: f64) -> String {
    let mut out = String::new();
    push_real(&mut out, number);
    out
}

/// The text would be longer than allowed.
#[derive(Debug)]
pub(crate) struct TooLong;

enum Step {
    Print(NodeId),
    /// The children of a list from this place on, and its closer.
    Rest(NodeId, usize, char),
}

/// Appends a form, but stops soon after `limit` bytes, having done no more work than that many bytes are
/// worth.
pub(crate) fn print_within(out: &mut String, tree: &Tree, node: NodeId, limit: usize) -> Result<(), TooLong> {
    let end = out.len().saturating_add(limit);
    let mut steps = vec![Step::Print(node)];
    while let Some(step) = steps.pop() {
        match step {
            Step::Rest(node, place, closer) => match tree.children(node).get(place) {
                Some(&child) => {
                    if place > 0 {
                        out.push(' ');
                    }
                    steps.push(Step::Rest(node, place + 1, closer));
                    steps.push(Step::Print(child));
                }
                None => out.push(closer),
            },
            Step::Print(node) => match tree.kind(node) {
                NodeKind::List(bracket) => {
                    out.push(bracket.opener());
                    steps.push(Step::Rest(node, 0, bracket.closer()));
                }
                NodeKind::Prefix(prefix) => {
                    out.push_str(prefix_text(tree, node, *prefix));
                    steps.extend(tree.children(node).iter().map(|&child| Step::Print(child)));
                }
                atom if least_length(atom) > end - out.len() => return Err(TooLong),
                atom => push_atom(out, atom),
            },
        }
        if out.len() > end {
            return Err(TooLong);
        }
    }
    Ok(())
}

/// A length in bytes that the printed atom has at least, known without printing it.
fn least_length(atom: &NodeKind) -> usize {
    match atom {
        NodeKind::Str(text) | NodeKind::Symbol(text) | NodeKind::Keyword(text) | NodeKind::Path(text) => {
            text.len()
        }
        NodeKind::Bytes(bytes) => bytes.len(),
        _ => 1,
    }
}

/// The mark of a prefix node, with a space behind it where the mark and its form would run together: `, @x`
/// is no splice, `# |x` opens no comment.
pub(crate) fn prefix_text(tree: &Tree, node: NodeId, prefix: Prefix) -> &'static str {
    let Some(&child) = tree.children(node).first() else {
        return prefix.text();
    };
    match (prefix, tree.kind(child)) {
        (Prefix::Unquote, NodeKind::Prefix(Prefix::Error)) => ", ",
        (Prefix::Datum, NodeKind::Symbol(name)) | (Prefix::Datum, NodeKind::Path(name))
            if name.starts_with(['|', '!']) =>
        {
            "# "
        }
        _ => prefix.text(),
    }
}

/// Appends a node that has no children.
pub(crate) fn push_atom(out: &mut String, atom: &NodeKind) {
    match atom {
        NodeKind::Nil => out.push_str("nil"),
        NodeKind::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        NodeKind::Int(number) => write!(out, "{number}").expect("writing to a string cannot fail"),
        NodeKind::Real(number) => push_real(out, *number),
        NodeKind::Str(text) => push_quoted_str(out, text),
        NodeKind::Bytes(bytes) => push_quoted_bytes(out, bytes),
        NodeKind::Symbol(name) | NodeKind::Path(name) => out.push_str(name),
        NodeKind::Keyword(name) => {
            out.push(':');
            out.push_str(name);
        }
        NodeKind::List(_) | NodeKind::Prefix(_) => unreachable!("lists and prefixes are no atoms"),
    }
}

fn push_real(out: &mut String, number: f64) {
    if number.is_nan() {
        out.push_str("+nan");
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 { "+inf" } else { "-inf" });
    } else {
        write!(out, "{number:?}").expect("writing to a string cannot fail");
    }
}
