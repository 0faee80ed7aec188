//! What can be wrong with bytes, as data.

use std::fmt;

/// Why bytes are not the binary form that they were taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireError {
    /// Where that was seen.
    pub place: Place,
    /// What was seen.
    pub fault: WireFault,
}

/// A place in a binary form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Offset of a byte, when bytes were read.
    Byte(usize),
    /// Index of a node, when a [`Flat`](super::Flat) was checked.
    Node(usize),
}

/// What is wrong with bytes. No variant carries their content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireFault {
    /// They do not start with the four bytes of this form.
    WrongMagic,
    /// They are of another version.
    WrongVersion {
        /// The version that they state.
        found: u32,
        /// The version that is read here.
        known: u32,
    },
    /// They end before the whole does, or a length in them reaches past their end.
    Truncated,
    /// More bytes follow the whole.
    TrailingBytes,
    /// A number does not fit where it stands.
    WrongNumber,
    /// A number is written longer than need be.
    LongNumber,
    /// A NaN is not the canonical one.
    WrongNan,
    /// A byte that says what follows says nothing known.
    WrongTag {
        /// What the byte would have chosen.
        part: Part,
        /// The byte.
        found: u8,
    },
    /// Text is not UTF-8.
    WrongUtf8,
    /// A span ends before it starts.
    WrongSpan,
    /// There is more of something than the limits allow.
    TooLarge {
        /// Of what.
        part: Part,
        /// How much is allowed.
        limit: u32,
    },
    /// There is no node.
    NoNode,
    /// Nodes follow after the root is complete.
    SecondRoot,
    /// A node has fewer children than it counts.
    MissingChild,
    /// An error node's child is not a map.
    ErrorWithoutMap,
    /// A node uses a name out of the order of first use, or one that is not there.
    NameOrder,
    /// A name stands twice in the table.
    NameTwice,
    /// No node uses the last names.
    NameUnused,
    /// The content does not have the hash that it states.
    WrongHash,
}

/// What is counted or chosen in a binary form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Part {
    Input,
    Bool,
    Node,
    Name,
    NameBytes,
    Depth,
    ListKind,
    PrefixKind,
    SpanMark,
    Bytes,
    Function,
    Instruction,
    Constant,
    Cell,
    Primitive,
    Type,
    Capture,
    Span,
    Tail,
    Module,
    Step,
    Chunk,
}

impl WireError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.fault {
            WireFault::WrongMagic => "wire/magic",
            WireFault::WrongVersion { .. } => "wire/version",
            WireFault::Truncated => "wire/truncated",
            WireFault::TrailingBytes => "wire/trailing",
            WireFault::TooLarge { .. } => "wire/limit",
            WireFault::WrongHash => "wire/hash",
            WireFault::WrongNumber
            | WireFault::LongNumber
            | WireFault::WrongNan
            | WireFault::WrongTag { .. }
            | WireFault::WrongUtf8
            | WireFault::WrongSpan => "wire/form",
            WireFault::NoNode
            | WireFault::SecondRoot
            | WireFault::MissingChild
            | WireFault::ErrorWithoutMap
            | WireFault::NameOrder
            | WireFault::NameTwice
            | WireFault::NameUnused => "wire/structure",
        }
    }

    /// What can be done about it, where something can.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self.fault {
            WireFault::WrongVersion { .. } => {
                Some("it was written by another release; compile or store it again")
            }
            WireFault::Truncated => Some("the bytes were cut off; take them from their source again"),
            WireFault::TooLarge { .. } => Some("the limit is one of those that the machine was started with"),
            _ => None,
        }
    }
}

impl fmt::Display for WireFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            WireFault::WrongMagic => "the bytes are not of this kind",
            WireFault::WrongVersion { found, known } => {
                return write!(f, "the bytes are of version {found}, known is {known}");
            }
            WireFault::Truncated => "the bytes end too early",
            WireFault::TrailingBytes => "bytes follow after the end",
            WireFault::WrongNumber => "a number does not fit its place",
            WireFault::LongNumber => "a number is written longer than need be",
            WireFault::WrongNan => "a NaN is not the canonical one",
            WireFault::WrongTag { part, found } => return write!(f, "there is no {} {found}", part.name()),
            WireFault::WrongUtf8 => "text is not UTF-8",
            WireFault::WrongSpan => "a span ends before it starts",
            WireFault::TooLarge { part, limit } => return write!(f, "more than {limit} of: {}", part.name()),
            WireFault::NoNode => "there is no node",
            WireFault::SecondRoot => "nodes follow after the root is complete",
            WireFault::MissingChild => "a node has fewer children than it counts",
            WireFault::ErrorWithoutMap => "the child of an error is not a map",
            WireFault::NameOrder => "names are not in the order of their first use",
            WireFault::NameTwice => "a name stands in the table twice",
            WireFault::NameUnused => "a name in the table is never used",
            WireFault::WrongHash => "the content does not have the hash that it states",
        };
        f.write_str(text)
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Byte(offset) => write!(f, "{} at byte {offset}", self.fault),
            Place::Node(node_idx) => write!(f, "{} at node {node_idx}", self.fault),
        }
    }
}

impl std::error::Error for WireError {}

impl Part {
    /// What it is called in a message.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Part::Input => "bytes in all",
            Part::Bool => "boolean",
            Part::Node => "node",
            Part::Name => "name",
            Part::NameBytes => "bytes in a name",
            Part::Depth => "levels of nesting",
            Part::ListKind => "list kind",
            Part::PrefixKind => "prefix",
            Part::SpanMark => "mark of a span",
            Part::Bytes => "bytes in a string",
            Part::Function => "function",
            Part::Instruction => "instruction",
            Part::Constant => "constant",
            Part::Cell => "cell",
            Part::Primitive => "primitive",
            Part::Type => "type",
            Part::Capture => "capture",
            Part::Span => "span",
            Part::Tail => "parameter tail",
            Part::Module => "module",
            Part::Step => "step",
            Part::Chunk => "chunk",
        }
    }
}
