//! What can be wrong with a form, as data: one variant for each thing that a program can do wrong.

use slp::{Fault, Span};

/// Every fault of this room. A variant holds what its message needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cause {
    Unbound {
        name: String,
        near: Vec<String>,
        /// What it needs that was not granted.
        withheld: Option<String>,
    },
    /// A reserved word where a name is bound.
    ReservedBound(String),
    /// A reserved word where a value is wanted.
    ReservedValue(String),
    /// A qualified name where a name is bound.
    QualifiedBound(String),
    /// A form whose parts do not have its shape.
    Shape {
        form: &'static str,
        shape: &'static str,
    },
    Arity {
        name: String,
        min: usize,
        max: Option<usize>,
        given: usize,
    },
    SecondDef(String),
    NotAName,
    DoneOutside,
    RecurOutside,
    RecurPosition,
    RecurCount {
        wanted: usize,
        given: usize,
    },
    UnknownType {
        name: String,
        near: Vec<String>,
    },
    ParameterOrder(String),
    DuplicateParameter(String),
    Pattern(&'static str),
    PatternNames(String),
    DuplicateKey(String),
    OddMap,
    UnquoteOutside,
    SpliceOutside,
    SetPrimitive(String),
    SetForeign(String),
    DatumInside(String),
    UnknownDatum(String),
    ExportInside,
    TooDeep {
        max_depth: u32,
    },
    TooManyExpansions {
        max_expansions: u32,
    },
    TooManyNodes {
        max_nodes: u32,
    },
    TooManyRegisters,
    TooManyCaptures,
    TooManyParameters,
    // Found by checking alone.
    ArgumentMismatch {
        wanted: String,
        found: String,
    },
    ResultMismatch {
        wanted: String,
        found: String,
    },
    NumberWanted {
        found: String,
    },
    NotCallable {
        found: String,
    },
    Unreachable,
    Unused(String),
    IntCondition,
}

impl Cause {
    pub(crate) fn at(self, span: Span) -> Fault {
        Fault {
            code: self.code(),
            span,
            message: self.message(),
            hint: self.hint(),
            unfinished: false,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Cause::Unbound { .. } => "name/unbound",
            Cause::ReservedBound(_) | Cause::ReservedValue(_) => "compile/reserved",
            Cause::QualifiedBound(_) => "compile/qualified-name",
            Cause::Shape { .. } => "compile/shape",
            Cause::Arity { .. } | Cause::RecurCount { .. } => "call/arity",
            Cause::SecondDef(_) => "compile/second-def",
            Cause::NotAName => "compile/not-a-name",
            Cause::DoneOutside => "compile/done-outside",
            Cause::RecurOutside => "compile/recur-outside",
            Cause::RecurPosition => "compile/recur-position",
            Cause::UnknownType { .. } => "type/unknown",
            Cause::ParameterOrder(_) | Cause::DuplicateParameter(_) => "compile/parameters",
            Cause::Pattern(_) | Cause::PatternNames(_) => "compile/pattern",
            Cause::DuplicateKey(_) => "map/duplicate",
            Cause::OddMap => "map/odd",
            Cause::UnquoteOutside | Cause::SpliceOutside => "compile/unquote-outside",
            Cause::SetPrimitive(_) => "compile/set-primitive",
            Cause::SetForeign(_) => "compile/set-foreign",
            Cause::DatumInside(_) | Cause::ExportInside => "compile/datum-inside",
            Cause::UnknownDatum(_) => "compile/unknown-datum",
            Cause::TooDeep { .. } => "compile/too-deep",
            Cause::TooManyExpansions { .. } | Cause::TooManyNodes { .. } => "macro/too-many",
            Cause::TooManyRegisters | Cause::TooManyCaptures | Cause::TooManyParameters => {
                "compile/too-large"
            }
            Cause::ArgumentMismatch { .. } | Cause::ResultMismatch { .. } | Cause::NumberWanted { .. } => {
                "type/mismatch"
            }
            Cause::NotCallable { .. } => "call/not-a-function",
            Cause::Unreachable => "check/unreachable",
            Cause::Unused(_) => "check/unused",
            Cause::IntCondition => "check/int-condition",
        }
    }

    fn message(&self) -> String {
        match self {
            Cause::Unbound { name, .. } => format!("`{name}` is not defined"),
            Cause::ReservedBound(name) => format!("`{name}` is a reserved word and cannot be bound"),
            Cause::ReservedValue(name) => format!("`{name}` is a reserved word and has no value"),
            Cause::QualifiedBound(name) => {
                format!("`{name}` names a definition elsewhere and cannot be bound here")
            }
            Cause::Shape { form, shape } => format!("`{form}` is written {shape}"),
            Cause::Arity {
                name,
                min,
                max,
                given,
            } => {
                format!("`{name}` takes {}, not {given}", count_of_arguments(*min, *max))
            }
            Cause::SecondDef(name) => format!("`{name}` is already bound in this body"),
            Cause::NotAName => "a name is wanted here".into(),
            Cause::DoneOutside => "`done` stands in no loop of this function".into(),
            Cause::RecurOutside => "`recur` stands in no loop and in no function it could repeat".into(),
            Cause::RecurPosition => "`recur` is not the last thing that its loop does".into(),
            Cause::RecurCount { wanted, given } => {
                format!(
                    "`recur` takes {}, not {given}",
                    count_of_arguments(*wanted, Some(*wanted))
                )
            }
            Cause::UnknownType { name, .. } => format!("`:{name}` is not a type"),
            Cause::ParameterOrder(name) => format!("`{name}` cannot stand here among the parameters"),
            Cause::DuplicateParameter(name) => format!("`{name}` is bound twice"),
            Cause::Pattern(why) => (*why).into(),
            Cause::PatternNames(name) => format!("`{name}` is not bound by every alternative of `or`"),
            Cause::DuplicateKey(key) => format!("the key `{key}` stands twice in this map"),
            Cause::OddMap => "the last key of this map has no value".into(),
            Cause::UnquoteOutside => "`,` stands in no backquoted form".into(),
            Cause::SpliceOutside => "`,@` stands in no list of a backquoted form".into(),
            Cause::SetPrimitive(name) => format!("`{name}` is a primitive and cannot be set"),
            Cause::SetForeign(name) => format!("`{name}` belongs to another module and cannot be set here"),
            Cause::DatumInside(name) => format!("`#({name} …)` stands inside a form"),
            Cause::UnknownDatum(name) => format!("there is no instruction `#({name} …)`"),
            Cause::ExportInside => "`export` stands inside a form".into(),
            Cause::TooDeep { max_depth } => format!("the form nests deeper than {max_depth}"),
            Cause::TooManyExpansions { max_expansions } => {
                format!("the form asks for more than {max_expansions} macro expansions")
            }
            Cause::TooManyNodes { max_nodes } => {
                format!("macros made more than {max_nodes} nodes of this form")
            }
            Cause::TooManyRegisters => "the function needs more than 250 values at the same time".into(),
            Cause::TooManyCaptures => "the function captures more than 65535 values".into(),
            Cause::TooManyParameters => "the function has more than 200 parameters".into(),
            Cause::ArgumentMismatch { wanted, found } => {
                format!("a value of type `:{wanted}` is wanted here, this is of type `:{found}`")
            }
            Cause::ResultMismatch { wanted, found } => {
                format!("the function declares `:{wanted}` and returns a value of type `:{found}`")
            }
            Cause::NumberWanted { found } => format!("a number is wanted here, this is of type `:{found}`"),
            Cause::NotCallable { found } => format!("a value of type `:{found}` is called"),
            Cause::Unreachable => "this is never reached".into(),
            Cause::Unused(name) => format!("`{name}` is never used"),
            Cause::IntCondition => "an integer is used as a condition, and only 0 is false".into(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Cause::Unbound { near, withheld, .. } => withheld.clone().or_else(|| near_hint(near, "")),
            Cause::UnknownType { near, .. } => near_hint(near, ":"),
            Cause::ReservedValue(name) => Some(format!("wrap it in a function: (fn (x) ({name} x))")),
            Cause::QualifiedBound(_) => Some("in a macro, name# makes a fresh name".into()),
            Cause::SecondDef(_) => Some("`set` gives it another value, `let` opens a scope".into()),
            Cause::RecurPosition => Some("call the function by its name instead".into()),
            Cause::Pattern(_) => Some("lists are matched with {a b &rest}, values with ,x".into()),
            Cause::DatumInside(_) | Cause::ExportInside => {
                Some("it is carried out at the top of a source".into())
            }
            Cause::UnknownDatum(_) => {
                Some("there are load, import, macro, define-form and define-kernel".into())
            }
            Cause::SetForeign(_) => Some("let its module export a function that sets it".into()),
            Cause::Unused(name) => Some(format!("write _ or _{name} if that is meant")),
            Cause::IntCondition => Some("compare it with a number".into()),
            Cause::TooManyRegisters => Some("put parts of it into functions of their own".into()),
            Cause::TooManyExpansions { .. } | Cause::TooManyNodes { .. } => {
                Some("does a macro expand into itself?".into())
            }
            _ => None,
        }
    }
}

fn near_hint(near: &[String], mark: &str) -> Option<String> {
    let names: Vec<String> = near
        .iter()
        .take(3)
        .map(|name| format!("`{mark}{name}`"))
        .collect();
    match names.as_slice() {
        [] => None,
        [name] => Some(format!("did you mean {name}?")),
        [names @ .., last] => Some(format!("did you mean {} or {last}?", names.join(", "))),
    }
}

fn count_of_arguments(min: usize, max: Option<usize>) -> String {
    let plural = |count: usize| if count == 1 { "argument" } else { "arguments" };
    match max {
        Some(max) if max == min => format!("{min} {}", plural(min)),
        Some(max) => format!("{min} to {max} arguments"),
        None => format!("at least {min} {}", plural(min)),
    }
}
