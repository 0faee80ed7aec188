//! A chunk: what one top-level form compiles to. Immutable, position-independent, storable.

use crate::op::Insn;
use crate::wire::Flat;
use slp::Span;

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

/// The types that have a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum TypeBase {
    Any,
    None,
    Int,
    Real,
    Bool,
    Str,
    Bytes,
    Symbol,
    Keyword,
    Path,
    List,
    ListParen,
    ListSquare,
    ListBrace,
    Map,
    Array,
    Table,
    Buffer,
    Box,
    Fn,
    Error,
    Some,
    Datum,
    Aberrant,
    Resource,
    Fiber,
    /// A record type, by its full name `module/name`.
    Form(String),
}
