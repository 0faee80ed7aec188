//! The binary form of values and of forms: a flat array of nodes, so that decoding never recurses.

mod fault;

pub use crate::codec::CANONICAL_NAN;
pub use fault::{Part, Place, WireError, WireFault};

use crate::codec::{Input, Output};
use slp::Span;
use std::collections::HashSet;

/// The first bytes of the binary form. The first of them is never one of text.
pub const MAGIC: [u8; 4] = *b"\xf5slv";

/// The version of the binary form, the byte after the magic.
pub const VERSION: u8 = 1;

/// How large a binary form may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireLimits {
    /// Bytes in all.
    pub max_bytes: u32,
    /// Nodes.
    pub max_nodes: u32,
    /// Different names.
    pub max_names: u32,
    /// Bytes in one name.
    pub max_name_bytes: u32,
    /// Levels of nesting; an atom alone has one.
    pub max_depth: u32,
}

impl WireLimits {
    /// What `sup` starts with.
    pub const STANDARD: WireLimits = WireLimits {
        max_bytes: 64 << 20,
        max_nodes: 4 << 20,
        max_names: 1 << 16,
        max_name_bytes: 1 << 16,
        max_depth: 10_000,
    };
}

/// A value or a form as an array of nodes in pre-order: the root first, a parent before its children.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Flat {
    /// Names of symbols, keywords, paths, record types and primitives, each once, in order of first use.
    pub names: Vec<String>,
    /// The nodes.
    pub nodes: Vec<FlatNode>,
}

/// One node. Those with a count are followed by that many children.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum FlatNode {
    Nil,
    Bool(bool),
    Int(i64),
    Real(f64),
    Str(String),
    Bytes(Vec<u8>),
    /// Index into the names.
    Symbol(u32),
    Keyword(u32),
    Path(u32),
    /// A list or form; kind 0 paren, 1 square, 2 brace. The span, when there is one, lies in the source that the whole came from.
    List {
        kind: u8,
        n_items: u32,
        span: Option<Span>,
    },
    /// `n_pairs` times a key and a value.
    Map {
        n_pairs: u32,
    },
    /// An error value: one child, the map of its fields.
    Error,
    /// An instance of a record type: index of its full name, then its fields.
    Instance {
        form: u32,
        n_fields: u32,
    },
    /// A value with a prefix, one child: 0 quote (some), 1 quasiquote, 2 unquote, 3 splice, 4 error (as text `@x`), 5 datum, 6 aberrant.
    Prefix(u8),
    /// A primitive, by name.
    Primitive(u32),
    /// A closure: hash of its chunk, ordinal of its function, then the captured values as children.
    Closure {
        chunk: [u8; 32],
        function: u32,
        n_captures: u32,
    },
}

/// The number of kinds of list.
pub(crate) const N_LIST_KINDS: u8 = 3;
/// The number of prefixes.
pub(crate) const N_PREFIXES: u8 = 7;

impl FlatNode {
    /// How many children follow it.
    #[must_use]
    pub fn n_children(&self) -> u64 {
        match *self {
            FlatNode::List { n_items, .. } => u64::from(n_items),
            FlatNode::Map { n_pairs } => 2 * u64::from(n_pairs),
            FlatNode::Instance { n_fields, .. } => u64::from(n_fields),
            FlatNode::Closure { n_captures, .. } => u64::from(n_captures),
            FlatNode::Error | FlatNode::Prefix(_) => 1,
            _ => 0,
        }
    }

    /// The index of the name that it uses.
    #[must_use]
    pub fn name_idx(&self) -> Option<u32> {
        match *self {
            FlatNode::Symbol(name)
            | FlatNode::Keyword(name)
            | FlatNode::Path(name)
            | FlatNode::Primitive(name) => Some(name),
            FlatNode::Instance { form, .. } => Some(form),
            _ => None,
        }
    }
}

/// Writes the canonical binary form. The flat must be well-formed, as a [`FlatBuilder`](crate::FlatBuilder) makes it and
/// [`Flat::check`] proves it; of any other the bytes are such that [`decode`] refuses them.
#[must_use]
pub fn encode(flat: &Flat) -> Vec<u8> {
    let mut output = Output::starting_with(&MAGIC);
    output.u8(VERSION);
    write_flat(&mut output, flat);
    output.finish()
}

/// Reads a binary form. Total on any bytes: what is read is well-formed, within the limits, and encodes to the same bytes.
///
/// # Errors
/// When the bytes are anything else; the place is the offset where that showed.
pub fn decode(bytes: &[u8], limits: &WireLimits) -> Result<Flat, WireError> {
    let mut input = Input::within(bytes, limits.max_bytes)?;
    input.head(MAGIC, [VERSION])?;
    let flat = read_flat(&mut input, limits)?;
    input.end()?;
    Ok(flat)
}

/// The content hash, blake3: what names stored bytes.
#[must_use]
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

impl Flat {
    /// Checks what [`decode`] promises of what it reads: one root, counts that match, names each once and in the order of
    /// their first use, sizes within the limits. Bytes in all are not counted.
    ///
    /// # Errors
    /// The first thing that is wrong; the place is the index of a node.
    pub fn check(&self, limits: &WireLimits) -> Result<(), WireError> {
        let at_node = |node_idx: usize| {
            move |fault| WireError {
                place: Place::Node(node_idx),
                fault,
            }
        };
        check_names(&self.names, limits).map_err(at_node(0))?;
        let mut structure = Structure::new(self.names.len(), limits);
        for (node_idx, node) in self.nodes.iter().enumerate() {
            structure.admit(node).map_err(at_node(node_idx))?;
        }
        structure.finish().map_err(at_node(self.nodes.len()))
    }
}

pub(crate) fn write_flat(output: &mut Output, flat: &Flat) {
    output.count(flat.names.len());
    for name in &flat.names {
        output.text(name);
    }
    output.count(flat.nodes.len());
    for node in &flat.nodes {
        write_node(output, node);
    }
}

fn write_node(output: &mut Output, node: &FlatNode) {
    output.u8(tag_of(node));
    match node {
        FlatNode::Nil | FlatNode::Error => {}
        FlatNode::Bool(value) => output.u8(u8::from(*value)),
        FlatNode::Int(value) => output.i64(*value),
        FlatNode::Real(value) => output.real(*value),
        FlatNode::Str(text) => output.text(text),
        FlatNode::Bytes(bytes) => output.bytes(bytes),
        FlatNode::Symbol(name)
        | FlatNode::Keyword(name)
        | FlatNode::Path(name)
        | FlatNode::Primitive(name) => {
            output.u32(*name);
        }
        FlatNode::List { kind, n_items, span } => {
            output.u8(*kind);
            output.u32(*n_items);
            output.u8(u8::from(span.is_some()));
            if let Some(span) = span {
                output.span(*span);
            }
        }
        FlatNode::Map { n_pairs } => output.u32(*n_pairs),
        FlatNode::Instance { form, n_fields } => {
            output.u32(*form);
            output.u32(*n_fields);
        }
        FlatNode::Prefix(prefix) => output.u8(*prefix),
        FlatNode::Closure {
            chunk,
            function,
            n_captures,
        } => {
            output.raw(chunk);
            output.u32(*function);
            output.u32(*n_captures);
        }
    }
}

/// The number of kinds of node.
const N_TAGS: u8 = 16;

/// The byte that a node starts with; these numbers only ever grow.
fn tag_of(node: &FlatNode) -> u8 {
    match node {
        FlatNode::Nil => 0,
        FlatNode::Bool(_) => 1,
        FlatNode::Int(_) => 2,
        FlatNode::Real(_) => 3,
        FlatNode::Str(_) => 4,
        FlatNode::Bytes(_) => 5,
        FlatNode::Symbol(_) => 6,
        FlatNode::Keyword(_) => 7,
        FlatNode::Path(_) => 8,
        FlatNode::List { .. } => 9,
        FlatNode::Map { .. } => 10,
        FlatNode::Error => 11,
        FlatNode::Instance { .. } => 12,
        FlatNode::Prefix(_) => 13,
        FlatNode::Primitive(_) => 14,
        FlatNode::Closure { .. } => 15,
    }
}

pub(crate) fn read_flat(input: &mut Input<'_>, limits: &WireLimits) -> Result<Flat, WireError> {
    let start = input.offset();
    let names = input.sequence((Part::Name, limits.max_names, 1), |input| {
        input
            .text(Part::NameBytes, limits.max_name_bytes)
            .map(str::to_owned)
    })?;
    check_names(&names, limits).map_err(|fault| WireError {
        place: Place::Byte(start),
        fault,
    })?;
    let mut structure = Structure::new(names.len(), limits);
    let nodes = input.sequence((Part::Node, limits.max_nodes, 1), |input| {
        let place = Place::Byte(input.offset());
        let node = read_node(input, limits)?;
        structure
            .admit(&node)
            .map_err(|fault| WireError { place, fault })?;
        Ok(node)
    })?;
    structure.finish().map_err(|fault| WireError {
        place: Place::Byte(input.offset()),
        fault,
    })?;
    Ok(Flat { names, nodes })
}

fn read_node(input: &mut Input<'_>, limits: &WireLimits) -> Result<FlatNode, WireError> {
    let node = match input.tag(Part::Node, N_TAGS)? {
        0 => FlatNode::Nil,
        1 => FlatNode::Bool(input.boolean()?),
        2 => FlatNode::Int(input.i64()?),
        3 => FlatNode::Real(input.real()?),
        4 => FlatNode::Str(input.text(Part::Bytes, limits.max_bytes)?.to_owned()),
        5 => FlatNode::Bytes(input.bytes(Part::Bytes, limits.max_bytes)?.to_owned()),
        6 => FlatNode::Symbol(input.u32()?),
        7 => FlatNode::Keyword(input.u32()?),
        8 => FlatNode::Path(input.u32()?),
        9 => {
            let kind = input.tag(Part::ListKind, N_LIST_KINDS)?;
            let n_items = input.u32()?;
            let has_span = input.tag(Part::SpanMark, 2)? == 1;
            FlatNode::List {
                kind,
                n_items,
                span: has_span.then(|| input.span()).transpose()?,
            }
        }
        10 => FlatNode::Map {
            n_pairs: input.u32()?,
        },
        11 => FlatNode::Error,
        12 => FlatNode::Instance {
            form: input.u32()?,
            n_fields: input.u32()?,
        },
        13 => FlatNode::Prefix(input.tag(Part::PrefixKind, N_PREFIXES)?),
        14 => FlatNode::Primitive(input.u32()?),
        _ => FlatNode::Closure {
            chunk: input.array()?,
            function: input.u32()?,
            n_captures: input.u32()?,
        },
    };
    Ok(node)
}

fn check_names(names: &[String], limits: &WireLimits) -> Result<(), WireFault> {
    if names.len() > limits.max_names as usize {
        return Err(WireFault::TooLarge {
            part: Part::Name,
            limit: limits.max_names,
        });
    }
    let mut seen = HashSet::with_capacity(names.len());
    for name in names {
        if name.len() > limits.max_name_bytes as usize {
            return Err(WireFault::TooLarge {
                part: Part::NameBytes,
                limit: limits.max_name_bytes,
            });
        }
        if !seen.insert(name.as_str()) {
            return Err(WireFault::NameTwice);
        }
    }
    Ok(())
}

/// Follows nodes in pre-order and holds them against their counts.
struct Structure<'a> {
    limits: &'a WireLimits,
    n_names: usize,
    n_names_used: usize,
    n_nodes: u32,
    /// Children that the open nodes still wait for, the root first.
    waiting: Vec<u64>,
    wants_map: bool,
}

impl<'a> Structure<'a> {
    fn new(n_names: usize, limits: &'a WireLimits) -> Structure<'a> {
        Structure {
            limits,
            n_names,
            n_names_used: 0,
            n_nodes: 0,
            waiting: Vec::new(),
            wants_map: false,
        }
    }

    fn admit(&mut self, node: &FlatNode) -> Result<(), WireFault> {
        if self.n_nodes > 0 && self.waiting.is_empty() {
            return Err(WireFault::SecondRoot);
        }
        if self.n_nodes == self.limits.max_nodes {
            return Err(WireFault::TooLarge {
                part: Part::Node,
                limit: self.limits.max_nodes,
            });
        }
        self.n_nodes += 1;
        if self.wants_map && !matches!(node, FlatNode::Map { .. }) {
            return Err(WireFault::ErrorWithoutMap);
        }
        self.wants_map = matches!(node, FlatNode::Error);
        self.admit_fields(node)?;
        if self.waiting.len() >= self.limits.max_depth as usize {
            return Err(WireFault::TooLarge {
                part: Part::Depth,
                limit: self.limits.max_depth,
            });
        }
        self.waiting.push(node.n_children());
        while self.waiting.last() == Some(&0) {
            self.waiting.pop();
            if let Some(left) = self.waiting.last_mut() {
                *left -= 1;
            }
        }
        Ok(())
    }

    fn admit_fields(&mut self, node: &FlatNode) -> Result<(), WireFault> {
        match *node {
            FlatNode::List { kind, .. } if kind >= N_LIST_KINDS => {
                return Err(WireFault::WrongTag {
                    part: Part::ListKind,
                    found: kind,
                });
            }
            FlatNode::List { span: Some(span), .. } if span.start > span.end => {
                return Err(WireFault::WrongSpan);
            }
            FlatNode::Prefix(prefix) if prefix >= N_PREFIXES => {
                return Err(WireFault::WrongTag {
                    part: Part::PrefixKind,
                    found: prefix,
                });
            }
            _ => {}
        }
        let Some(name_idx) = node.name_idx() else {
            return Ok(());
        };
        let name_idx = name_idx as usize;
        if name_idx > self.n_names_used || name_idx >= self.n_names {
            return Err(WireFault::NameOrder);
        }
        self.n_names_used = self.n_names_used.max(name_idx + 1);
        Ok(())
    }

    fn finish(&self) -> Result<(), WireFault> {
        if self.n_nodes == 0 {
            return Err(WireFault::NoNode);
        }
        if !self.waiting.is_empty() {
            return Err(WireFault::MissingChild);
        }
        if self.n_names_used < self.n_names {
            return Err(WireFault::NameUnused);
        }
        Ok(())
    }
}
