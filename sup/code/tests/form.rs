//! Forms as flats and back: exact as they were read, and values as the forms that read as them.

mod sample;

use slp::{NodeId, NodeKind, ReadLimits, Span, Tree};
use sup_code::form::{NotAForm, from_tree, to_tree, value_to_tree};
use sup_code::wire::{self, Part, WireFault};
use sup_code::{Flat, FlatBuilder, FlatNode, WireLimits};

const LIMITS: WireLimits = WireLimits::STANDARD;

fn read(text: &str) -> Tree {
    let reading = slp::read(text, &ReadLimits::default());
    assert!(reading.faults.is_empty(), "{text}: {:?}", reading.faults);
    reading.tree
}

fn check_list_spans(left: &Tree, right: &Tree, nodes: (NodeId, NodeId)) {
    let mut pairs = vec![nodes];
    while let Some((a, b)) = pairs.pop() {
        if matches!(left.kind(a), NodeKind::List(_)) {
            assert_eq!(left.span(a), right.span(b));
        }
        pairs.extend(
            left.children(a)
                .iter()
                .copied()
                .zip(right.children(b).iter().copied()),
        );
    }
}

#[test]
fn a_form_comes_back_exactly() {
    for text in [
        "nil",
        "(defn f \"doc\" (a :int &rest b) :int [(+ a 1.5)])",
        "{. :a b}",
        "{: 1 2 \"k\" {:}}",
        "{:k v :l {a b}}",
        "`(a ,b ,@c 'd)",
        "#(import str \"a.slp\")",
        "{@x #y ?z store:key b\"\\xff\" true +nan -0.0 -9223372036854775808}",
        "()",
    ] {
        let tree = read(text);
        let root = tree.roots()[0];
        let flat = from_tree(&tree, root, &LIMITS).unwrap();
        let bytes = wire::encode(&flat);
        let back = to_tree(&wire::decode(&bytes, &LIMITS).unwrap()).unwrap();
        let back_root = back.roots()[0];
        assert!(slp::same(&tree, root, &back, back_root), "{text}");
        assert_eq!(slp::print(&back, back_root), slp::print(&tree, root));
        check_list_spans(&tree, &back, (root, back_root));
        assert_eq!(
            wire::encode(&from_tree(&back, back_root, &LIMITS).unwrap()),
            bytes,
            "{text}"
        );
    }
}

#[test]
fn an_atom_comes_back_with_the_span_of_its_list() {
    let tree = read("(a (b 'c))");
    let back = to_tree(&from_tree(&tree, tree.roots()[0], &LIMITS).unwrap()).unwrap();
    let outer = back.roots()[0];
    let [a, inner] = *back.children(outer) else {
        panic!("two children")
    };
    assert_eq!(back.span(a), Span { start: 0, end: 10 });
    for child in back.children(inner) {
        assert_eq!(back.span(*child), Span { start: 3, end: 9 });
    }
}

fn value(build: impl FnOnce(&mut FlatBuilder)) -> Flat {
    let mut builder = FlatBuilder::new();
    build(&mut builder);
    builder.finish()
}

fn check_value(expected: &str, build: impl FnOnce(&mut FlatBuilder)) {
    let tree = value_to_tree(&value(build)).expect("the value has a form");
    assert_eq!(slp::print(&tree, tree.roots()[0]), expected);
}

#[test]
fn a_value_becomes_a_form_that_reads_as_it() {
    check_value("{a}", |b| {
        b.list(2, 1, None);
        b.symbol("a");
    });
    check_value("{. :k a}", |b| {
        b.list(2, 2, None);
        b.keyword("k");
        b.symbol("a");
    });
    check_value("{. . a}", |b| {
        b.list(2, 2, None);
        b.symbol(".");
        b.symbol("a");
    });
    check_value("(:k)", |b| {
        b.list(0, 1, None);
        b.keyword("k");
    });
    check_value("{:}", |b| b.map(0));
    check_value("{:k nil}", |b| {
        b.map(1);
        b.keyword("k");
        b.nil();
    });
    check_value("{: 1 {. :x}}", |b| {
        b.map(1);
        b.int(1);
        b.list(2, 1, None);
        b.keyword("x");
    });
    check_value("@{:code :a}", |b| {
        b.error();
        b.map(1);
        b.keyword("code");
        b.keyword("a");
    });
    check_value("(alu/add 'x)", |b| {
        b.list(0, 2, None);
        b.primitive("alu/add");
        b.prefix(0);
        b.symbol("x");
    });
}

#[test]
fn what_has_no_form_is_said_so() {
    let closure = value(|b| {
        b.list(0, 2, None);
        b.nil();
        b.closure([0; 32], 0, 0);
    });
    assert_eq!(value_to_tree(&closure).err(), Some(NotAForm { node_idx: 2 }));
    let instance = value(|b| b.instance("m/point", 0));
    assert_eq!(value_to_tree(&instance).err(), Some(NotAForm { node_idx: 0 }));
    assert_eq!(
        to_tree(&value(|b| b.map(0))).err(),
        Some(NotAForm { node_idx: 0 })
    );
    let broken = [
        Flat::default(),
        Flat {
            names: vec![],
            nodes: vec![FlatNode::Nil, FlatNode::Nil],
        },
        Flat {
            names: vec![],
            nodes: vec![FlatNode::Symbol(3)],
        },
        Flat {
            names: vec![],
            nodes: vec![FlatNode::Map { n_pairs: u32::MAX }],
        },
        Flat {
            names: vec![],
            nodes: vec![FlatNode::Prefix(9), FlatNode::Nil],
        },
    ];
    for flat in broken {
        assert!(value_to_tree(&flat).is_err(), "{flat:?}");
    }
}

#[test]
fn deep_forms_do_not_touch_the_stack() {
    let depth = 1_000_000;
    let mut tree = Tree::new();
    let mut node = tree.add(NodeKind::Nil, Span::default(), &[]);
    for _ in 1..depth {
        node = tree.add(NodeKind::List(slp::Bracket::Paren), Span::default(), &[node]);
    }
    let limits = WireLimits {
        max_depth: depth,
        ..LIMITS
    };
    let flat = from_tree(&tree, node, &limits).unwrap();
    assert_eq!(to_tree(&flat).unwrap().len(), depth as usize);
    assert!(from_tree(&tree, node, &LIMITS).is_err());
}

#[test]
fn a_tree_that_shares_its_nodes_cannot_blow_up() {
    let mut tree = Tree::new();
    let mut node = tree.add(NodeKind::Nil, Span::default(), &[]);
    for _ in 0..60 {
        node = tree.add(
            NodeKind::List(slp::Bracket::Paren),
            Span::default(),
            &[node, node],
        );
    }
    let limits = WireLimits {
        max_nodes: 10_000,
        ..LIMITS
    };
    let error = from_tree(&tree, node, &limits).unwrap_err();
    assert_eq!(
        error.fault,
        WireFault::TooLarge {
            part: Part::Node,
            limit: 10_000
        }
    );
}
