//! Random trees and random texts, the same on every run.

use slp::{Bracket, NodeId, NodeKind, Prefix, Span, Tree, keyword_is_plain, path_is_plain, symbol_is_plain};

/// A linear congruential generator: Knuth's MMIX constants, the upper half of the state as output.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 32) as u32
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }

    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

const NAME_CHARACTERS: &[char] = &[
    'a', 'b', 'e', 'x', '0', '1', '9', '.', '-', '+', '_', '/', ':', '!', '?', '@', '#', '|', '&', 'é', '語',
    '😀',
];

const TEXT_CHARACTERS: &[char] = &[
    'a', ' ', '\n', '\r', '\t', '\0', '\\', '"', '\x1b', '\x7f', '\u{85}', '\u{202e}', '\u{feff}', 'é', '😀',
    '0', 'x',
];

/// A tree of about `n_nodes` nodes in which only shapes occur that have a text.
pub fn tree(random: &mut Random, n_nodes: usize) -> (Tree, NodeId) {
    let mut tree = Tree::new();
    let mut loose = vec![atom(random, &mut tree)];
    while tree.len() < n_nodes {
        let node = match random.below(4) {
            0 | 1 => atom(random, &mut tree),
            2 => {
                let n_children = random.below(6).min(loose.len());
                let mut children = loose.split_off(loose.len() - n_children);
                let bracket = random.pick(&[Bracket::Paren, Bracket::Square, Bracket::Brace]);
                if bracket == Bracket::Brace {
                    // With its marker, a list of whatever elements is one, and no map is judged.
                    children.insert(0, tree.add(NodeKind::Symbol(".".into()), Span::default(), &[]));
                }
                tree.add(NodeKind::List(bracket), Span::default(), &children)
            }
            _ => {
                let child = loose.pop().expect("a loose node is always left");
                tree.add(NodeKind::Prefix(prefix(random)), Span::default(), &[child])
            }
        };
        loose.push(node);
    }
    let root = tree.add(NodeKind::List(Bracket::Paren), Span::default(), &loose);
    (tree, root)
}

fn prefix(random: &mut Random) -> Prefix {
    random.pick(&[
        Prefix::Quote,
        Prefix::Quasi,
        Prefix::Unquote,
        Prefix::Splice,
        Prefix::Error,
        Prefix::Datum,
        Prefix::Aberrant,
    ])
}

fn atom(random: &mut Random, tree: &mut Tree) -> NodeId {
    let kind = match random.below(9) {
        0 => random.pick(&[NodeKind::Nil, NodeKind::Bool(true), NodeKind::Bool(false)]),
        1 => NodeKind::Int(random.pick(&[0, -1, 42, i64::MAX, i64::MIN])),
        2 => NodeKind::Real(real(random)),
        3 => NodeKind::Str(text(random, TEXT_CHARACTERS, 8).into()),
        4 => NodeKind::Bytes((0..random.below(8)).map(|_| random.next() as u8).collect()),
        5 => NodeKind::Keyword(plain(random, keyword_is_plain, "k").into()),
        6 => NodeKind::Path(plain(random, path_is_plain, "m:x").into()),
        _ => NodeKind::Symbol(plain(random, symbol_is_plain, "x").into()),
    };
    tree.add(kind, Span::default(), &[])
}

/// A real of any magnitude, by its bits.
pub fn real(random: &mut Random) -> f64 {
    let bits = u64::from(random.next()) << 32 | u64::from(random.next());
    let number = f64::from_bits(bits);
    if number.is_nan() { f64::NAN } else { number }
}

fn text(random: &mut Random, characters: &[char], n_most: usize) -> String {
    (0..random.below(n_most + 1))
        .map(|_| random.pick(characters))
        .collect()
}

fn plain(random: &mut Random, is_plain: fn(&str) -> bool, otherwise: &str) -> String {
    let name = text(random, NAME_CHARACTERS, 5);
    if is_plain(&name) { name } else { otherwise.into() }
}

/// Text that is mostly wrong: pieces of the language in any order.
pub fn noise(random: &mut Random, n_pieces: usize) -> Vec<u8> {
    const PIECES: &[&[u8]] = &[
        b"(",
        b")",
        b"[",
        b"]",
        b"{",
        b"}",
        b"'",
        b"`",
        b",",
        b",@",
        b"@",
        b"#",
        b"?",
        b"#;",
        b"#|",
        b"|#",
        b"\"",
        b"b\"",
        b"\\",
        b"\\x",
        b"\\u{",
        b";",
        b"\n",
        b" ",
        b" ",
        b"\0",
        b"\x1b",
        b":",
        b".",
        b":k",
        b"a",
        b"12",
        b"1e9",
        b"a:b",
        b"\xff",
        b"\xc3",
        "é".as_bytes(),
        "\u{feff}".as_bytes(),
        b"#!",
        b"define-form",
        b"99999999999999999999",
    ];
    (0..n_pieces)
        .flat_map(|_| random.pick(PIECES).iter().copied())
        .collect()
}
