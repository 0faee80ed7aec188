//! What differs between two trees of files, by definition: layout and comments do not count.

use std::collections::{BTreeMap, BTreeSet};

use slp::{NodeId, NodeKind, Prefix, ReadLimits, Tree, print_pretty, same};
use sup_compile::top_forms;
use sup_store::CODE_SUFFIX;

/// The width that forms are printed in.
const WIDTH: usize = 100;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The file.
    pub path: String,
    /// What is different: `added`, `removed` or `changed`; `layout` when a text differs in layout or comments only.
    pub what: &'static str,
    /// The name that is defined, or what else the form is known by; empty for whole assets and forms without a name.
    pub name: String,
    /// How it was, printed; for assets its size.
    pub was: Option<String>,
    /// How it is, printed; for assets its size.
    pub now: Option<String>,
}

/// Files by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The differences between two trees of files, in the order of paths.
#[must_use]
pub fn diff(before: &Files, after: &Files) -> Vec<Difference> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut found = Vec::new();
    for path in paths {
        let (was, now) = (before.get(path), after.get(path));
        if was == now {
            continue;
        }
        let text = |bytes: Option<&Vec<u8>>| match bytes {
            None => Some(String::new()),
            Some(bytes) => String::from_utf8(bytes.clone()).ok(),
        };
        let trees = (path.ends_with(CODE_SUFFIX)).then(|| (text(was), text(now)));
        if let Some((Some(was), Some(now))) = trees
            && let (Some(was), Some(now)) = (Forms::read(&was), Forms::read(&now))
        {
            let n_before = found.len();
            compare(path, &was, &now, &mut found);
            if found.len() == n_before {
                found.push(difference(path, "layout", "", None, None));
            }
            continue;
        }
        let size = |bytes: Option<&Vec<u8>>| bytes.map(|bytes| format!("{} bytes", bytes.len()));
        found.push(difference(
            path,
            what(was.is_some(), now.is_some()),
            "",
            size(was),
            size(now),
        ));
    }
    found
}

fn what(was: bool, now: bool) -> &'static str {
    match (was, now) {
        (false, _) => "added",
        (_, false) => "removed",
        _ => "changed",
    }
}

fn difference(
    path: &str,
    what: &'static str,
    name: &str,
    was: Option<String>,
    now: Option<String>,
) -> Difference {
    Difference {
        path: path.to_owned(),
        what,
        name: name.to_owned(),
        was,
        now,
    }
}

/// The top-level forms of a text, each with what it is known by.
struct Forms {
    tree: Tree,
    forms: Vec<(String, NodeId)>,
}

impl Forms {
    fn read(text: &str) -> Option<Forms> {
        let reading = slp::read(text, &ReadLimits::default());
        if !reading.faults.is_empty() {
            return None;
        }
        let tree = reading.tree;
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let forms = top_forms(&tree)
            .into_iter()
            .map(|form| {
                let mut key = key(&tree, form);
                // The second form of a name is compared with the second.
                let count = seen.entry(key.clone()).or_default();
                *count += 1;
                if *count > 1 {
                    key = format!("{key} ({count})");
                }
                (key, form)
            })
            .collect();
        Some(Forms { tree, forms })
    }

    fn form(&self, key: &str) -> Option<NodeId> {
        let found = self.forms.iter().find(|(other, _)| other == key);
        found.map(|(_, form)| *form)
    }

    fn print(&self, form: NodeId) -> String {
        print_pretty(&self.tree, form, WIDTH)
    }
}

/// What a form is known by: the name that it defines, method and pattern of a route, else its own text.
fn key(tree: &Tree, form: NodeId) -> String {
    let list = match tree.kind(form) {
        NodeKind::Prefix(Prefix::Datum) => tree.children(form)[0],
        _ => form,
    };
    let children = tree.children(list);
    let head = tree.head(list).unwrap_or_default();
    let named = |node: &NodeId| match tree.kind(*node) {
        NodeKind::Symbol(text) | NodeKind::Str(text) | NodeKind::Keyword(text) => Some(text.to_string()),
        _ => None,
    };
    let parts: Option<Vec<String>> = match (head, children) {
        ("route" | "http/route", [_, method, pattern, ..]) => {
            [method, pattern].into_iter().map(named).collect()
        }
        (head, [_, name, ..]) if head.starts_with("def") || matches!(head, "macro" | "test") => {
            [name].into_iter().map(named).collect()
        }
        _ => None,
    };
    match parts {
        Some(parts) => parts.join(" "),
        None => print_pretty(tree, form, WIDTH),
    }
}

fn compare(path: &str, was: &Forms, now: &Forms, found: &mut Vec<Difference>) {
    for (key, form) in &was.forms {
        let printed = was.print(*form);
        let name = if *key == printed { "" } else { key };
        match now.form(key) {
            None => found.push(difference(path, "removed", name, Some(printed), None)),
            Some(other) if same(&was.tree, *form, &now.tree, other) => {}
            Some(other) => {
                let other = now.print(other);
                found.push(difference(path, "changed", name, Some(printed), Some(other)));
            }
        }
    }
    for (key, form) in &now.forms {
        if was.form(key).is_none() {
            let printed = now.print(*form);
            let name = if *key == printed { "" } else { key };
            found.push(difference(path, "added", name, None, Some(printed)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(was: &str, now: &str, expected: &[(&str, &str)]) {
        let files = |text: &str| Files::from([("a.slp".to_owned(), text.as_bytes().to_vec())]);
        let found = diff(&files(was), &files(now));
        let told: Vec<(&str, &str)> = found.iter().map(|one| (one.what, one.name.as_str())).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn forms_are_compared_by_what_they_define() {
        check("(def a 1)", "(def a 1)", &[]);
        check("(def a 1) ; one", "(def  a\n 1)", &[("layout", "")]);
        check("(def a 1) (def b 2)", "(def b 2) (def a 1)", &[("layout", "")]);
        check("(def a 1)", "(def a 2)", &[("changed", "a")]);
        check(
            "(def a 1) (defn f (x) [x])",
            "(defn f (x) [(+ x a)]) (def c 3)",
            &[("removed", "a"), ("changed", "f"), ("added", "c")],
        );
        check(
            "(route GET \"/a\" f)",
            "(route GET \"/a\" g) (route GET \"/b\" g)",
            &[("changed", "GET /a"), ("added", "GET /b")],
        );
        check("(f 1)", "(f 2)", &[("removed", ""), ("added", "")]);
        check(
            "(def a 1) (def a 2)",
            "(def a 1) (def a 3)",
            &[("changed", "a (2)")],
        );
    }

    #[test]
    fn assets_and_texts_that_do_not_read_are_compared_whole() {
        let files = |bytes: &[u8]| {
            Files::from([
                ("b.slp".to_owned(), bytes.to_vec()),
                ("x.css".to_owned(), bytes.to_vec()),
            ])
        };
        let found = diff(&files(b"("), &files(b"(("));
        assert!(
            found
                .iter()
                .all(|one| one.what == "changed" && one.was.as_deref() == Some("1 bytes"))
        );
        assert_eq!(found.len(), 2);
        assert_eq!(diff(&Files::new(), &files(b"(f)"))[1].what, "added");
    }
}
