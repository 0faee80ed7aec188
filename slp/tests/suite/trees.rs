//! Trees built by hand: equality, copies, and depth without a limit.

use std::time::{Duration, Instant};

use slp::{Bracket, NodeId, NodeKind, Prefix, Span, Tree, print, print_pretty, same};

use crate::generate::{self, Random};
use crate::read_whole;

#[test]
fn equality_is_of_structure_and_not_of_place() {
    let cases = [
        ("(a 1 {b \"c\"})", "( a  0x1\n{b \"\\x63\"} )", true),
        ("(a b)", "(a c)", false),
        ("(a b)", "(a b b)", false),
        ("(a b)", "[a b]", false),
        ("'a", "`a", false),
        ("1", "1.0", false),
        ("0.0", "-0.0", false),
        ("+nan", "+nan", true),
        ("\"a\"", "b\"a\"", false),
        ("a", ":a", false),
        ("{:a 1 :b 2}", "{:b 2 :a 1}", false),
    ];
    for (left_text, right_text, expected) in cases {
        let (left, right) = (read_whole(left_text), read_whole(right_text));
        let found = same(&left, left.roots()[0], &right, right.roots()[0]);
        assert_eq!(found, expected, "{left_text} and {right_text}");
    }
}

#[test]
fn a_copy_is_the_same_form_with_its_spans() {
    let mut random = Random::new(5);
    for _ in 0..200 {
        let (source, root) = generate::tree(&mut random, 40);
        let mut copy = read_whole("(something already there)");
        let copied = copy.copy_from(&source, root);
        assert!(same(&source, root, &copy, copied));
    }
    let text = "(a 'b)";
    let source = read_whole(text);
    let mut copy = Tree::new();
    let copied = copy.copy_from(&source, source.roots()[0]);
    assert_eq!(copy.len(), source.len());
    assert_eq!(copy.span(copy.children(copied)[1]), Span::new(3, 5));
    assert!(copy.roots().is_empty(), "a copy is no root until it is made one");
}

#[test]
fn accessors_answer_only_for_their_kind() {
    let tree = read_whole("sym :key \"text\" 7 (head x) ['y] b\"\"");
    let roots = tree.roots();
    assert_eq!(
        roots
            .iter()
            .filter_map(|&root| tree.symbol(root))
            .collect::<Vec<_>>(),
        ["sym"]
    );
    assert_eq!(
        roots
            .iter()
            .filter_map(|&root| tree.keyword(root))
            .collect::<Vec<_>>(),
        ["key"]
    );
    assert_eq!(
        roots
            .iter()
            .filter_map(|&root| tree.string(root))
            .collect::<Vec<_>>(),
        ["text"]
    );
    assert_eq!(
        roots
            .iter()
            .filter_map(|&root| tree.int(root))
            .collect::<Vec<_>>(),
        [7]
    );
    assert_eq!(
        roots
            .iter()
            .filter_map(|&root| tree.head(root))
            .collect::<Vec<_>>(),
        ["head"]
    );
    assert_eq!(roots.iter().filter(|&&root| tree.list(root).is_some()).count(), 2);
    assert!(
        tree.list_in(roots[4], Bracket::Square).is_none()
            && tree.list_in(roots[5], Bracket::Square).is_some()
    );
    assert_eq!(
        tree.prefix(tree.children(roots[5])[0]).map(|(prefix, _)| prefix),
        Some(Prefix::Quote)
    );
}

/// A form nested `depth` deep: lists and quotes by turns.
fn deep(depth: usize) -> (Tree, NodeId) {
    let mut tree = Tree::new();
    let mut node = tree.add(NodeKind::Int(1), Span::default(), &[]);
    for level in 0..depth {
        let beside = tree.add(NodeKind::Symbol("x".into()), Span::default(), &[]);
        node = match level % 3 {
            0 => tree.add(NodeKind::List(Bracket::Paren), Span::default(), &[beside, node]),
            1 => tree.add(NodeKind::Prefix(Prefix::Quote), Span::default(), &[node]),
            _ => tree.add(NodeKind::List(Bracket::Brace), Span::default(), &[node, beside]),
        };
    }
    (tree, node)
}

#[test]
fn forms_a_million_deep_are_built_compared_copied_printed_and_dropped() {
    let start = Instant::now();
    let (tree, root) = deep(1_000_000);
    let mut copy = Tree::new();
    let copied = copy.copy_from(&tree, root);
    assert!(same(&tree, root, &copy, copied));
    assert!(print(&tree, root).len() > 2_000_000);
    assert!(print_pretty(&tree, root, 80).len() > 2_000_000);
    drop((tree, copy));
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "took {:?}",
        start.elapsed()
    );
}
