//! Whatever the standard library exports has a doc string with an example, since the manual, the REPL's help and the tests read it.

use super::Finding;
use super::tree::Tree;

/// How a definition begins, up to its name.
const DEFINERS: [&str; 3] = ["(def ", "(defn ", "#(macro "];
/// What makes a line of a doc string an example.
const EXAMPLE_SIGNS: [&str; 3] = [";=>", ";!!", ";>>"];

/// Checks every module.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let modules = tree.texts(".slp").filter(|(path, _)| path.starts_with("stdlib/"));
    modules
        .flat_map(|(path, text)| check_module(path, text))
        .collect()
}

fn check_module(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !text.lines().take(5).any(|line| line.starts_with("; since ")) {
        findings.push(Finding::error(
            format!("{path}:1"),
            "a module says since which version it is there: `; since 0.1.0`",
        ));
    }
    for name in exported(text) {
        match doc_string(text, name) {
            None => findings.push(Finding::error(
                path,
                format!("`{name}` is exported and has no doc string"),
            )),
            Some(doc) if !EXAMPLE_SIGNS.iter().any(|sign| doc.contains(sign)) => {
                findings.push(Finding::error(
                    path,
                    format!("the doc string of `{name}` has no example (`;=> value`)"),
                ));
            }
            Some(_) => {}
        }
    }
    findings
}

/// The names in the module's `(export …)`.
fn exported(text: &str) -> Vec<&str> {
    let Some((_, rest)) = text.split_once("\n(export") else {
        return Vec::new();
    };
    let list = rest
        .lines()
        .map(|line| line.split(';').next().unwrap_or_default());
    let mut names = Vec::new();
    for line in list {
        let (inside, ends) = line
            .split_once(')')
            .map_or((line, false), |(inside, _)| (inside, true));
        names.extend(inside.split_whitespace());
        if ends {
            break;
        }
    }
    names
}

/// The text between the quotes behind a definition's name; None when the name is not defined at the start of a line with a string
/// behind it.
fn doc_string<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let beginnings: Vec<String> = DEFINERS
        .iter()
        .map(|definer| format!("\n{definer}{name} \""))
        .collect();
    let doc = beginnings
        .iter()
        .find_map(|beginning| text.split_once(beginning))
        .map(|(_, doc)| doc)?;
    let mut is_escaped = false;
    let end = doc.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })?;
    Some(&doc[..end])
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let scratch = Scratch::new("stdlib");
        scratch.write("stdlib/a.slp", text);
        check(&scratch.tree()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_exported_has_a_doc_string_with_an_example() {
        let module = "; a\n; since 0.1.0\n(export one ; the first\n  two)\n(def one \"One \\\"1\\\".\n  one ;=> 1\" 1)\n(defn inner (x) [x])\n";
        assert_eq!(
            found(&format!("{module}(defn two \"Two.\n  (two) ;=> 2\" () [2])\n")),
            [] as [&str; 0]
        );
        assert_eq!(
            found(&format!("{module}(defn two \"Two.\" () [2]) ;=> 2\n")),
            ["error: stdlib/a.slp: the doc string of `two` has no example (`;=> value`)"]
        );
        assert_eq!(
            found(&format!("{module}(defn two () [2])\n")),
            ["error: stdlib/a.slp: `two` is exported and has no doc string"]
        );
        assert_eq!(
            found("; a\n"),
            ["error: stdlib/a.slp:1: a module says since which version it is there: `; since 0.1.0`"]
        );
    }
}
