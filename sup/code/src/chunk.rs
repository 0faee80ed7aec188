//! A chunk: what one top-level form compiles to. Immutable, position-independent, storable.

pub(crate) mod bytes;

pub use crate::wire::hash;
pub use bytes::{MAGIC, decode, encode};

use crate::op::{Insn, TABLE_HASH};
use crate::wire::{Flat, WireLimits};
use slp::Span;

/// The revision of how chunks are laid out in bytes; raise it with each change of that.
const LAYOUT_REVISION: u32 = 1;

/// The version of compiled code. It is made from the opcode table, so that code of another table is never taken for code
/// of this one; stored code of another version is compiled anew from its source.
pub const CODE_VERSION: u32 = TABLE_HASH.wrapping_mul(31).wrapping_add(LAYOUT_REVISION);

/// The most registers that a window may have.
pub const MAX_REGISTERS: u8 = 250;

/// How large code may be, as bytes and as a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeLimits {
    /// Of constants that are data, and of names and bytes in all.
    pub wire: WireLimits,
    /// Functions in one chunk.
    pub max_functions: u32,
    /// Instructions in one function.
    pub max_instructions: u32,
    /// Constants in one chunk.
    pub max_constants: u32,
    /// Module variables that one chunk names.
    pub max_cells: u32,
    /// Primitives that one chunk names.
    pub max_primitives: u32,
    /// Types in one chunk.
    pub max_types: u32,
    /// Captured values of one function.
    pub max_captures: u32,
}

impl CodeLimits {
    /// What `sup` starts with.
    pub const STANDARD: CodeLimits = CodeLimits {
        wire: WireLimits::STANDARD,
        max_functions: 1 << 16,
        max_instructions: 1 << 22,
        max_constants: 1 << 20,
        max_cells: 1 << 16,
        max_primitives: 1 << 16,
        max_types: 1 << 16,
        max_captures: 1 << 12,
    };
}

/// Compiled code of one top-level form. `functions[0]` takes no parameters and is run to carry the form out.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Name of the module whose names the code sees.
    pub module: String,
    /// Name of the source text that spans point into.
    pub source: String,
    /// The functions, the form itself first.
    pub functions: Vec<Function>,
    /// Constants.
    pub constants: Vec<Constant>,
    /// Module variables that the code names.
    pub cells: Vec<CellName>,
    /// Primitives that the code names, such as `alu/add` or `%str-upper`.
    pub primitives: Vec<String>,
    /// Types that the code checks against.
    pub types: Vec<TypeSpec>,
}

/// One function.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Function {
    /// Name for traces, empty when it has none.
    pub name: String,
    /// What it takes.
    pub parameters: Parameters,
    /// Size of its window, parameters included; at most 250.
    pub n_registers: u8,
    /// Where its closure takes captured values from.
    pub captures: Vec<CaptureSource>,
    /// The instructions; the last one never falls through.
    pub code: Vec<Insn>,
    /// Span of each instruction from that index on, ascending.
    pub spans: Vec<(u32, Span)>,
    /// Where the function stands in the source.
    pub span: Span,
}

/// The shape of a parameter list. In the window: required, optional, rest list, keys map, in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Parameters {
    /// Number of required ones.
    pub n_required: u8,
    /// Number of optional ones, nil when not given.
    pub n_optional: u8,
    /// What is done with arguments after those.
    pub tail: Tail,
}

/// What a function does with the arguments after its named ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tail {
    /// They are an error.
    #[default]
    None,
    /// They make a list.
    Rest,
    /// They are keywords and values and make a map.
    Keys,
}

/// Where a closure takes a captured value from when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureSource {
    /// A register of the function that makes it.
    Register(u8),
    /// A captured value of the function that makes it.
    Capture(u16),
    /// The closure that runs when it is made.
    Enclosing,
}

/// The name of a module variable.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellName {
    /// Its module.
    pub module: String,
    /// Its name in the module.
    pub name: String,
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// An integer.
    Int(i64),
    /// A real.
    Real(f64),
    /// A string.
    Str(String),
    /// A symbol.
    Symbol(String),
    /// A keyword, without its colon.
    Keyword(String),
    /// A path.
    Path(String),
    /// Any other data.
    Data(Flat),
}

/// A type as annotations write it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TypeSpec {
    /// The type without its question mark.
    pub base: TypeBase,
    /// Whether nil is one of its values too.
    pub optional: bool,
}

macro_rules! type_bases {
    ($($name:ident $text:literal)*) => {
        /// The types that have a name.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum TypeBase {
            $($name,)*
            /// A record type, by its full name `module/name`.
            Form(String),
        }

        impl TypeBase {
            /// The types that every program has, each with the keyword that names it. Stored code counts on the order, so
            /// new ones come last.
            pub const NAMED: &'static [(TypeBase, &'static str)] = &[$((TypeBase::$name, $text),)*];

            /// The keyword that names it, without its colon.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $(TypeBase::$name => $text,)*
                    TypeBase::Form(name) => name,
                }
            }
        }
    };
}

type_bases! {
    Any "any"
    None "none"
    Int "int"
    Real "real"
    Bool "bool"
    Str "str"
    Bytes "bytes"
    Symbol "symbol"
    Keyword "keyword"
    Path "path"
    List "list"
    ListParen "list-p"
    ListSquare "list-b"
    ListBrace "list-c"
    Map "map"
    Array "array"
    Table "table"
    Buffer "buffer"
    Box "box"
    Fn "fn"
    Error "error"
    Some "some"
    Datum "datum"
    Aberrant "aberrant"
    Resource "resource"
    Fiber "fiber"
}

impl TypeBase {
    /// The type that every program has under that name.
    #[must_use]
    pub fn named(name: &str) -> Option<TypeBase> {
        TypeBase::NAMED
            .iter()
            .find(|(_, text)| *text == name)
            .map(|(base, _)| base.clone())
    }
}

impl Parameters {
    /// How many registers the parameters take at the start of the window.
    #[must_use]
    pub fn n_registers(&self) -> usize {
        usize::from(self.n_required) + usize::from(self.n_optional) + usize::from(self.tail != Tail::None)
    }
}
