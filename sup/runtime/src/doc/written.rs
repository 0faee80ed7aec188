//! Definitions as they stand in a text: names, parameters and doc strings, without running anything.

use slp::{Bracket, NodeId, NodeKind, Prefix, ReadLimits, Span, Tree};
use sup_compile::top_forms;

/// What a definition defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A function.
    Function,
    /// A macro.
    Macro,
    /// Any other value.
    Value,
    /// A record type.
    Record,
    /// A special form or another word of the language itself.
    Form,
}

impl Kind {
    /// Its name for readers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Function => "function",
            Kind::Macro => "macro",
            Kind::Value => "value",
            Kind::Record => "record",
            Kind::Form => "form",
        }
    }
}

/// A definition as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The name.
    pub name: String,
    /// What it defines.
    pub kind: Kind,
    /// Parameters and result as written, `(a :int) :int`; of a record its fields.
    pub parameters: Option<String>,
    /// The doc string.
    pub doc: Option<String>,
    /// The symbol that it is another name for.
    pub alias: Option<String>,
    /// Where the definition stands.
    pub span: Span,
}

/// A text as far as its documentation goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The comment at the top, its first line without the module's name.
    pub summary: String,
    /// The version that it is there since, from a line `; since 0.1.0`.
    pub since: Option<String>,
    /// Its definitions in order.
    pub definitions: Vec<Written>,
    /// What it exports, when it says so.
    pub exports: Option<Vec<String>>,
}

impl Page {
    /// Reads a text. What cannot be understood is left out.
    #[must_use]
    pub fn read(text: &str) -> Page {
        let reading = slp::read(text, &ReadLimits::default());
        let tree = &reading.tree;
        let mut page = Page {
            summary: summary(text),
            since: since(text),
            ..Page::default()
        };
        for form in top_forms(tree) {
            if tree.head(form) == Some("export") {
                let names = tree.children(form)[1..]
                    .iter()
                    .filter_map(|name| tree.symbol(*name));
                page.exports
                    .get_or_insert_default()
                    .extend(names.map(str::to_owned));
            } else if let Some(definition) = written(tree, form) {
                page.definitions.push(definition);
            }
        }
        page
    }

    /// Whether importers see that name.
    #[must_use]
    pub fn shows(&self, name: &str) -> bool {
        self.exports
            .as_ref()
            .is_none_or(|exports| exports.iter().any(|export| export == name))
    }

    /// The last definition of that name.
    #[must_use]
    pub fn definition(&self, name: &str) -> Option<&Written> {
        self.definitions
            .iter()
            .rev()
            .find(|definition| definition.name == name)
    }
}

/// `; core: what every program sees. More.` gives the first sentence behind the colon.
fn summary(text: &str) -> String {
    let Some(line) = text.lines().next().and_then(|line| line.strip_prefix(';')) else {
        return String::new();
    };
    let line = line.trim_start_matches(';').trim();
    let rest = match line.split_once(": ") {
        Some((name, rest)) if !name.contains(' ') => rest,
        _ => line,
    };
    rest.split_once(". ")
        .map_or(rest, |(sentence, _)| sentence)
        .trim_end_matches('.')
        .to_owned()
}

fn since(text: &str) -> Option<String> {
    let comments = text.lines().take_while(|line| line.starts_with(';'));
    comments
        .filter_map(|line| line.trim_start_matches([';', ' ']).strip_prefix("since "))
        .map(str::to_owned)
        .next()
}

fn written(tree: &Tree, form: NodeId) -> Option<Written> {
    let list = match tree.kind(form) {
        NodeKind::Prefix(Prefix::Datum) => *tree.children(form).first()?,
        _ => form,
    };
    let &[head, name, ref rest @ ..] = tree.children(list) else {
        return None;
    };
    let (doc, rest) = match rest {
        [doc, more @ ..] if !more.is_empty() && tree.string(*doc).is_some() => (tree.string(*doc), more),
        rest => (None, rest),
    };
    let found = |kind, parameters, alias| Written {
        name: tree.symbol(name).unwrap_or_default().to_owned(),
        kind,
        parameters,
        doc: doc.map(str::to_owned),
        alias,
        span: tree.span(form),
    };
    tree.symbol(name)?;
    let is_datum = list != form;
    match (tree.symbol(head)?, is_datum) {
        ("def", false) => {
            let value = *rest.first()?;
            if tree.head(value) == Some("fn") {
                return Some(found(
                    Kind::Function,
                    parameters(tree, &tree.children(value)[1..]),
                    None,
                ));
            }
            Some(found(Kind::Value, None, tree.symbol(value).map(str::to_owned)))
        }
        ("defn", false) => Some(found(Kind::Function, parameters(tree, rest), None)),
        ("macro", true) => Some(found(Kind::Macro, parameters(tree, rest), None)),
        ("define-form", true) => Some(found(
            Kind::Record,
            rest.first().map(|fields| slp::print(tree, *fields)),
            None,
        )),
        _ => None,
    }
}

/// The list of parameters and the type of the result, when a body follows it.
fn parameters(tree: &Tree, rest: &[NodeId]) -> Option<String> {
    let (list, body) = rest.split_first()?;
    tree.list_in(*list, Bracket::Paren)?;
    let mut text = slp::print(tree, *list);
    if let [result, _, ..] = body
        && let Some(name) = tree.keyword(*result)
    {
        text.push_str(" :");
        text.push_str(name);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_read_with_their_doc_strings() {
        let text = "; things: what they do. And more.\n; since 0.2.0\n(export f m)\n(defn f \"Doc.\" (a :int &rest b) :int [a])\n\
                    [(def g (fn () 1)) (def h \"Alias.\" %h) (def s \"text\")]\n#(macro m (x) `,x)\n#(define-form p {x :int})";
        let page = Page::read(text);
        assert_eq!(
            (page.summary.as_str(), page.since.as_deref()),
            ("what they do", Some("0.2.0"))
        );
        assert!(page.shows("f") && !page.shows("g"));
        let told: Vec<String> = page
            .definitions
            .iter()
            .map(|it| {
                format!(
                    "{} {} {:?} {:?} {:?}",
                    it.kind.name(),
                    it.name,
                    it.parameters,
                    it.doc,
                    it.alias
                )
            })
            .collect();
        let expected = [
            "function f Some(\"(a :int &rest b) :int\") Some(\"Doc.\") None",
            "function g Some(\"()\") None None",
            "value h None Some(\"Alias.\") Some(\"%h\")",
            "value s None None None",
            "macro m Some(\"(x)\") None None",
            "record p Some(\"{x :int}\") None None",
        ];
        assert_eq!(told, expected);
    }
}
