//! Types as annotations write them.

use crate::host::Host;
use sup_code::{TypeBase, TypeSpec};

const NAMES: &[(&str, TypeBase)] = &[
    ("any", TypeBase::Any),
    ("none", TypeBase::None),
    ("int", TypeBase::Int),
    ("real", TypeBase::Real),
    ("bool", TypeBase::Bool),
    ("str", TypeBase::Str),
    ("bytes", TypeBase::Bytes),
    ("symbol", TypeBase::Symbol),
    ("keyword", TypeBase::Keyword),
    ("path", TypeBase::Path),
    ("list", TypeBase::List),
    ("list-p", TypeBase::ListParen),
    ("list-b", TypeBase::ListSquare),
    ("list-c", TypeBase::ListBrace),
    ("map", TypeBase::Map),
    ("array", TypeBase::Array),
    ("table", TypeBase::Table),
    ("buffer", TypeBase::Buffer),
    ("box", TypeBase::Box),
    ("fn", TypeBase::Fn),
    ("error", TypeBase::Error),
    ("some", TypeBase::Some),
    ("datum", TypeBase::Datum),
    ("aberrant", TypeBase::Aberrant),
    ("resource", TypeBase::Resource),
    ("fiber", TypeBase::Fiber),
];

/// A type keyword taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WrittenType {
    pub(crate) spec: TypeSpec,
    /// It was written `:T..`.
    pub(crate) is_rest: bool,
}

/// The type that a keyword names in a module, given without its colon.
pub(crate) fn written_type(host: &mut dyn Host, module: &str, text: &str) -> Option<WrittenType> {
    let (text, is_rest) = match text.strip_suffix("..") {
        Some(text) => (text, true),
        None => (text, false),
    };
    if let Some(base) = base(host, module, text) {
        return Some(WrittenType {
            spec: TypeSpec {
                base,
                optional: false,
            },
            is_rest,
        });
    }
    let base = base(host, module, text.strip_suffix('?')?)?;
    Some(WrittenType {
        spec: TypeSpec { base, optional: true },
        is_rest,
    })
}

fn base(host: &mut dyn Host, module: &str, text: &str) -> Option<TypeBase> {
    // The predecessor wrote the signature of a function after `fn`; only that it is one is asked here.
    if text.starts_with("fn<") {
        return Some(TypeBase::Fn);
    }
    match named(text) {
        Some(base) => Some(base),
        None => host.record_type(module, text).map(TypeBase::Form),
    }
}

fn named(text: &str) -> Option<TypeBase> {
    NAMES
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, base)| base.clone())
}

/// Names of built-in types that a keyword may have been meant to be.
pub(crate) fn near_types(text: &str) -> Vec<String> {
    let text = text.trim_end_matches(['?', '.']);
    let aliases = [
        ("integer", "int"),
        ("float", "real"),
        ("double", "real"),
        ("number", "real"),
        ("string", "str"),
        ("boolean", "bool"),
        ("nil", "none"),
        ("function", "fn"),
        ("vector", "list"),
        ("dict", "map"),
        ("hash", "map"),
    ];
    if let Some((_, name)) = aliases.iter().find(|(alias, _)| *alias == text) {
        return vec![(*name).into()];
    }
    NAMES
        .iter()
        .filter(|(name, _)| is_near(name, text))
        .map(|(name, _)| (*name).into())
        .collect()
}

/// Whether two words differ in at most one place: a letter more, less, other, or two swapped.
fn is_near(left: &str, right: &str) -> bool {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let n_front = left
        .iter()
        .zip(&right)
        .take_while(|(left, right)| left == right)
        .count();
    let n_back = left[n_front..].iter().rev().zip(right[n_front..].iter().rev());
    let n_back = n_back.take_while(|(left, right)| left == right).count();
    let (left, right) = (
        &left[n_front..left.len() - n_back],
        &right[n_front..right.len() - n_back],
    );
    match (left, right) {
        ([], [_]) | ([_], []) | ([_], [_]) => true,
        ([first, second], [third, fourth]) => first == fourth && second == third,
        _ => false,
    }
}

/// The name of a type as it is written, without its colon.
pub(crate) fn type_text(spec: &TypeSpec) -> String {
    let name = match &spec.base {
        TypeBase::Form(name) => name.as_str(),
        base => NAMES
            .iter()
            .find(|(_, named)| named == base)
            .map_or("any", |(name, _)| name),
    };
    format!("{name}{}", if spec.optional { "?" } else { "" })
}

/// Whether a type of that name comes with the language.
pub(crate) fn is_built_in(name: &str) -> bool {
    named(name).is_some()
}

/// The type of that name if it comes with the language.
pub(crate) fn built_in_type(text: &str) -> Option<TypeSpec> {
    if let Some(base) = named(text) {
        return Some(TypeSpec {
            base,
            optional: false,
        });
    }
    let base = named(text.strip_suffix('?')?)?;
    Some(TypeSpec { base, optional: true })
}
