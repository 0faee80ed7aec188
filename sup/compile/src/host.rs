//! What the compiler asks of whoever uses it: what names mean, macros run, types known.

use slp::{Fault, NodeId, Tree};
use std::fmt;
use sup_code::{CellName, Parameters, Tail};

/// The surroundings of a form. The runtime implements it; a test can with a few tables.
pub trait Host {
    /// What a symbol means to the code of that module. Only global names: locals are the compiler's own.
    ///
    /// A name that a later form of the same module defines should come after every other meaning: a cell that has no value yet.
    fn resolve(&mut self, module: &str, symbol: &str) -> Resolution;

    /// Runs a macro on a call of it and adds the forms that come out to the tree. Nodes of the call that come back
    /// should be the same nodes, so that they keep their spans; new ones get the span of the call.
    ///
    /// # Errors
    /// What the macro raised, pointing at the call.
    fn expand(&mut self, macro_name: &str, tree: &mut Tree, call: NodeId) -> Result<NodeId, Fault>;

    /// The full name `module/name` of the record type that a type keyword names in that module.
    fn record_type(&mut self, module: &str, name: &str) -> Option<String>;

    /// Why a symbol has no meaning here that has one elsewhere: the code is not granted what it needs.
    fn withheld(&mut self, _module: &str, _symbol: &str) -> Option<String> {
        None
    }

    /// Names that a symbol without meaning may have been meant to be, the nearest first.
    fn suggestions(&mut self, _module: &str, _symbol: &str) -> Vec<String> {
        Vec::new()
    }

    /// Code that gives a module variable another value with `set` was compiled: what was known of its value holds no more.
    fn assigned(&mut self, _cell: &CellName) {}

    /// The types that the function of that name declares, for `check_form`.
    fn signature(&mut self, _module: &str, _symbol: &str) -> Option<Signature> {
        None
    }
}

/// What a global name means.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// A module variable.
    Cell {
        /// Where it is kept.
        cell: CellName,
        /// The parameters of the function it holds, if that is known.
        parameters: Option<Parameters>,
    },
    /// A primitive of a kernel or a base native of the machine.
    Primitive {
        /// Its full name, such as `alu/add` or `%count`.
        name: String,
        /// Least number of arguments.
        min: u8,
        /// Largest number of arguments, if there is one.
        max: Option<u8>,
        /// Bit i is set when argument i is handed over unevaluated.
        quoted: u32,
        /// Intrinsic id, 0 for none.
        intrinsic: u32,
    },
    /// A macro, by the name that [`Host::expand`] takes.
    Macro(String),
    /// Nothing.
    Unbound,
}

/// Where a form stands and how far it may go.
#[derive(Clone, Copy, Debug)]
pub struct FormContext<'a> {
    /// The module whose names it sees.
    pub module: &'a str,
    /// The name of the source text that its spans point into.
    pub source: &'a str,
    /// How far it may go.
    pub limits: CompileLimits,
}

impl<'a> FormContext<'a> {
    /// A form of that module and source under the standard limits.
    #[must_use]
    pub fn new(module: &'a str, source: &'a str) -> FormContext<'a> {
        FormContext {
            module,
            source,
            limits: CompileLimits::STANDARD,
        }
    }
}

/// How much one top-level form may ask of the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// How deep forms may nest, expansions included. The compiler recurses that deep: 64 MiB of stack carry 1000.
    pub max_depth: u32,
    /// How many macro calls may be expanded.
    pub max_expansions: u32,
    /// How many nodes expansion may add.
    pub max_nodes: u32,
}

impl CompileLimits {
    /// Limits that no program written by hand comes near.
    pub const STANDARD: CompileLimits = CompileLimits {
        max_depth: 1000,
        max_expansions: 20_000,
        max_nodes: 1_000_000,
    };
}

/// The types that a function declares.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Signature {
    /// Its parameters in order.
    pub parameters: Vec<ParameterType>,
    /// The type of its result as written, without its colon.
    pub result: Option<String>,
    /// Which of the parameters are required and optional, and what the rest is.
    pub shape: Parameters,
}

/// One parameter of a signature.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ParameterType {
    /// Its name, empty when it is a pattern.
    pub name: String,
    /// Its type as written, without its colon.
    pub type_name: Option<String>,
}

/// As it is written in a program: `(a :int &rest xs) :int`.
impl fmt::Display for Signature {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(")?;
        let n_required = usize::from(self.shape.n_required);
        let n_named = n_required + usize::from(self.shape.n_optional);
        for (idx, parameter) in self.parameters.iter().enumerate() {
            if idx > 0 {
                out.write_str(" ")?;
            }
            if idx == n_named {
                out.write_str(if self.shape.tail == Tail::Keys {
                    "&keys "
                } else {
                    "&rest "
                })?;
            } else if idx == n_required {
                out.write_str("&opt ")?;
            }
            out.write_str(if parameter.name.is_empty() {
                "_"
            } else {
                &parameter.name
            })?;
            if let Some(type_name) = &parameter.type_name {
                write!(out, " :{type_name}")?;
            }
        }
        out.write_str(")")?;
        match &self.result {
            Some(result) => write!(out, " :{result}"),
            None => Ok(()),
        }
    }
}
