//! What is known of a value before the program runs.

use crate::types::type_text;
use sup_code::{TypeBase, TypeSpec};

/// What is known of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    /// Nothing.
    Nothing,
    /// There is no value: control goes elsewhere.
    Never,
    /// It is of this type, which is neither `:any` nor optional.
    Type(TypeBase),
}

impl Known {
    /// What a declared type says.
    pub(super) fn of_spec(spec: &TypeSpec) -> Known {
        match spec.base {
            TypeBase::Any | TypeBase::None => Known::Nothing,
            _ if spec.optional => Known::Nothing,
            _ => Known::Type(spec.base.clone()),
        }
    }

    /// What is known of a value that is one or the other.
    pub(super) fn or(self, other: Known) -> Known {
        match (self, other) {
            (Known::Never, known) | (known, Known::Never) => known,
            (Known::Type(left), Known::Type(right)) if left == right => Known::Type(left),
            _ => Known::Nothing,
        }
    }

    /// Whether the value is surely not of the type.
    pub(super) fn contradicts(&self, spec: &TypeSpec) -> bool {
        let Known::Type(base) = self else { return false };
        if spec.optional && *base == TypeBase::None {
            return false;
        }
        !may_be(base, &spec.base)
    }

    /// Whether the value is surely no number.
    pub(super) fn is_no_number(&self) -> bool {
        match self {
            Known::Type(base) => !matches!(base, TypeBase::Int | TypeBase::Real),
            _ => false,
        }
    }

    /// Whether the value surely cannot be called.
    pub(super) fn is_not_callable(&self) -> bool {
        match self {
            Known::Type(base) => !matches!(base, TypeBase::Fn | TypeBase::Aberrant),
            _ => false,
        }
    }

    /// The type as it is written, for messages.
    pub(super) fn text(&self) -> String {
        match self {
            Known::Type(base) => type_text(&TypeSpec {
                base: base.clone(),
                optional: false,
            }),
            _ => "any".into(),
        }
    }
}

/// Whether a value of one type may be of the other. Instances of forms pass for lists, functions for aberrants.
fn may_be(actual: &TypeBase, wanted: &TypeBase) -> bool {
    let is_list = |base: &TypeBase| {
        matches!(
            base,
            TypeBase::List | TypeBase::ListParen | TypeBase::ListSquare | TypeBase::ListBrace
        )
    };
    match (actual, wanted) {
        (_, TypeBase::Any | TypeBase::None) => true,
        (TypeBase::Form(actual), TypeBase::Form(wanted)) => actual == wanted,
        (TypeBase::Form(_), wanted) => is_list(wanted) || *wanted == TypeBase::Map,
        (actual, TypeBase::Form(_)) => is_list(actual) || *actual == TypeBase::Map,
        (TypeBase::List, wanted) => is_list(wanted),
        (actual, TypeBase::List) => is_list(actual),
        (TypeBase::Fn, TypeBase::Aberrant) | (TypeBase::Aberrant, TypeBase::Fn) => true,
        (actual, wanted) => actual == wanted,
    }
}
