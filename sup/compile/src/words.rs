//! The words of the language: those that are reserved, and those that are ordinary functions of the machine.

/// Words with a meaning of their own as the head of a form. They cannot be bound.
pub(crate) const RESERVED: &[&str] = &[
    "->",
    "->>",
    "and",
    "case",
    "cond",
    "def",
    "defn",
    "do",
    "done",
    "each",
    "export",
    "fn",
    "for",
    "if",
    "let",
    "loop",
    "match",
    "or",
    "quasiquote",
    "quote",
    "recover",
    "recur",
    "reflect",
    "set",
    "try",
    "unless",
    "unquote",
    "unquote-splicing",
    "when",
    "while",
];

/// Names that the machine binds.
const MACHINE_NAMES: &[&str] = &["$error", "$exception", "$iterations", "_"];

/// A function of the language that every module sees unless it defines the name itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BuiltIn {
    pub(crate) name: &'static str,
    /// The base native that is its value.
    pub(crate) native: &'static str,
    pub(crate) min: usize,
    pub(crate) max: Option<usize>,
}

const BUILT_INS: &[BuiltIn] = &[
    BuiltIn {
        name: "apply",
        native: "%apply",
        min: 2,
        max: None,
    },
    BuiltIn {
        name: "assert",
        native: "%assert",
        min: 1,
        max: Some(2),
    },
    BuiltIn {
        name: "at",
        native: "%at",
        min: 2,
        max: Some(2),
    },
    BuiltIn {
        name: "cast",
        native: "%cast",
        min: 2,
        max: Some(2),
    },
    BuiltIn {
        name: "debug",
        native: "%debug",
        min: 0,
        max: None,
    },
    BuiltIn {
        name: "eq",
        native: "%eq",
        min: 2,
        max: Some(2),
    },
    BuiltIn {
        name: "eval",
        native: "%eval",
        min: 1,
        max: Some(1),
    },
    BuiltIn {
        name: "spawn",
        native: "%spawn",
        min: 1,
        max: None,
    },
    BuiltIn {
        name: "throw",
        native: "%throw",
        min: 1,
        max: Some(1),
    },
];

pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.binary_search(&name).is_ok()
}

/// Whether the machine binds it, so that a program must not.
pub(crate) fn is_machine_name(name: &str) -> bool {
    MACHINE_NAMES.contains(&name)
}

pub(crate) fn built_in(name: &str) -> Option<BuiltIn> {
    BUILT_INS.iter().find(|built_in| built_in.name == name).copied()
}

/// The module and the name in it that a symbol made by a macro's backquote stands for: `/module/name`.
pub(crate) fn split_absolute(symbol: &str) -> Option<(&str, &str)> {
    let rest = symbol.strip_prefix('/')?;
    // A name may itself hold a slash (`str/upper`), so the module is whatever comes before the mark of its end.
    let (module, name) = rest.split_once("//")?;
    (!module.is_empty() && !name.is_empty()).then_some((module, name))
}

/// The symbol that means `name` as the code of `module` sees it, wherever it stands.
pub(crate) fn absolute(module: &str, name: &str) -> String {
    format!("/{module}//{name}")
}

/// Whether a macro's backquote makes a fresh name of it.
pub(crate) fn is_fresh_mark(name: &str) -> bool {
    name.len() > 1 && name.ends_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_are_sorted_and_no_functions() {
        assert!(RESERVED.is_sorted());
        assert!(RESERVED.iter().all(|word| built_in(word).is_none()));
    }

    #[test]
    fn absolute_names_come_apart_again() {
        let cases = [
            ("core", "map"),
            ("/home/me/a b.slp", "str/upper"),
            ("user", "/"),
            ("user", "//"),
        ];
        for (module, name) in cases {
            assert_eq!(split_absolute(&absolute(module, name)), Some((module, name)));
        }
        assert_eq!(split_absolute("/"), None);
        assert_eq!(split_absolute("a/b"), None);
        assert_eq!(split_absolute("/core/map"), None);
    }
}
