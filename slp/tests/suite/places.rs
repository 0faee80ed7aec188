//! Spans, comments and lines: where things stand in a text.

use slp::{LineIndex, NodeId, NodeKind, Span, Tree};

use crate::generate::Random;
use crate::read_whole;

#[test]
fn a_span_is_eight_bytes_and_a_node_four() {
    assert_eq!(size_of::<Span>(), 8);
    assert_eq!(size_of::<NodeId>(), 4);
    assert!(size_of::<NodeKind>() <= 24);
}

#[test]
fn spans_hold_exactly_the_text_of_their_form() {
    let text = " (a '( b) ,@x \"é\\n\" b\"z\") ; c\n#(k :v) 12:30";
    let tree = read_whole(text);
    let mut found = Vec::new();
    collect(&tree, tree.roots(), text, &mut found);
    assert_eq!(
        found,
        [
            "(a '( b) ,@x \"é\\n\" b\"z\")",
            "a",
            "'( b)",
            "( b)",
            "b",
            ",@x",
            "x",
            "\"é\\n\"",
            "b\"z\"",
            "#(k :v)",
            "(k :v)",
            "k",
            ":v",
            "12:30"
        ]
    );
    assert_eq!(tree.comments(), [Span::new(27, 30)]);
}

fn collect<'a>(tree: &Tree, nodes: &[NodeId], text: &'a str, found: &mut Vec<&'a str>) {
    for &node in nodes {
        found.push(tree.span(node).slice(text));
        collect(tree, tree.children(node), text, found);
    }
}

/// Between the atoms, literals and comments of a faultless text stand only brackets, prefixes and white
/// space: nothing that a formatter would need is lost.
#[test]
fn comments_and_leaves_account_for_the_whole_text() {
    let text = "#!/bin/sup\n(def x ; why\n\n  `{:a ,b} #| no #| not |# this |# #;(old (one)) \"s;\")\n#(load \"io\")\n; end";
    let tree = read_whole(text);
    let mut rest: Vec<u8> = text.bytes().collect();
    let mut blank = |span: Span| rest[span.start as usize..span.end as usize].fill(b' ');
    tree.comments().iter().for_each(|&span| blank(span));
    for number in 0..tree.len() as u32 {
        if tree.children(NodeId(number)).is_empty() {
            blank(tree.span(NodeId(number)));
        }
    }
    let rest: String = rest
        .iter()
        .map(|&byte| byte as char)
        .filter(|c| !c.is_whitespace())
        .collect();
    assert_eq!(rest, "(`{,})#()");
}

#[test]
fn lines_and_columns_count_from_one_in_characters() {
    let text = "ab\ncé語d\r\n\n😀x";
    let index = LineIndex::new(text);
    let cases = [
        (0, (1, 1)),
        (2, (1, 3)),
        (3, (2, 1)),
        (4, (2, 2)),
        (5, (2, 2)),
        (6, (2, 3)),
        (8, (2, 3)),
        (9, (2, 4)),
        (10, (2, 5)),
        (12, (3, 1)),
        (13, (4, 1)),
        (15, (4, 1)),
        (17, (4, 2)),
        (18, (4, 3)),
        (99, (4, 3)),
    ];
    for (offset, expected) in cases {
        assert_eq!(index.position(offset), expected, "offset {offset}");
    }
    let lines: Vec<&str> = (1..=index.n_lines())
        .map(|line| index.line(line).unwrap().slice(text))
        .collect();
    assert_eq!(lines, ["ab", "cé語d", "", "😀x"]);
    assert_eq!((index.line(0), index.line(5)), (None, None));
    assert_eq!(LineIndex::new("").position(0), (1, 1));
}

#[test]
fn positions_agree_with_counting() {
    let mut random = Random::new(3);
    for _ in 0..200 {
        let text: String = (0..random.below(40))
            .map(|_| random.pick(&['a', '\n', 'é', '語', '😀', '\r']))
            .collect();
        let index = LineIndex::new(&text);
        for (offset, _) in text.char_indices() {
            let line_start = text[..offset].rfind('\n').map_or(0, |place| place + 1);
            let line = text[..offset].matches('\n').count() as u32 + 1;
            let column = text[line_start..offset].chars().count() as u32 + 1;
            assert_eq!(
                index.position(offset as u32),
                (line, column),
                "{text:?} at {offset}"
            );
        }
    }
}
