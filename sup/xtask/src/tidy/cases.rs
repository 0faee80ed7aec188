//! Names of test cases written in SLP are unique, so that a failure can be found by its name alone.

use std::collections::HashMap;

use super::Finding;
use super::tree::Tree;

/// The trees of test scripts; a name is unique within each.
const TREES: [&str; 3] = ["tests/lang/", "tests/stdlib/", "tests/kernels/"];

/// Checks the lines that begin with `;;;`.
pub fn check(tree: &Tree) -> Vec<Finding> {
    TREES
        .iter()
        .flat_map(|folder| check_folder(tree, folder))
        .collect()
}

fn check_folder(tree: &Tree, folder: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut first_places: HashMap<&str, String> = HashMap::new();
    for (path, text) in tree.texts(".slp").filter(|(path, _)| path.starts_with(folder)) {
        for (number, line) in text.lines().enumerate() {
            let Some(heading) = line.strip_prefix(";;;") else {
                continue;
            };
            let place = format!("{path}:{}", number + 1);
            let Some(name) = heading.split_whitespace().next().filter(|name| is_name(name)) else {
                findings.push(Finding::error(
                    place,
                    "a case is called `;;; like-this`: lower-case words with hyphens",
                ));
                continue;
            };
            if let Some(first) = first_places.get(name) {
                findings.push(Finding::error(
                    place,
                    format!("the case `{name}` is also at {first}"),
                ));
            } else {
                first_places.insert(name, place);
            }
        }
    }
    findings
}

/// Lower case and hyphens; what names of the language are made of may occur too: `not=-is-the-opposite`.
fn is_name(word: &str) -> bool {
    word.bytes()
        .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;

    #[test]
    fn a_name_is_used_once_in_its_tree() {
        let scratch = Scratch::new("cases");
        scratch.write("tests/lang/a.slp", ";;; one\n1\n;;; two\n2\n");
        scratch.write("tests/stdlib/a.slp", ";;; one\n1\n");
        assert_eq!(check(&scratch.tree()), []);
        scratch.write(
            "tests/lang/deep/b.slp",
            ";;; two and what it shows\n1\n;;; Not a name\n",
        );
        let findings = check(&scratch.tree());
        let places: Vec<&str> = findings.iter().map(|finding| finding.place.as_str()).collect();
        assert_eq!(places, ["tests/lang/deep/b.slp:1", "tests/lang/deep/b.slp:3"]);
        assert!(
            findings[0].message.contains("tests/lang/a.slp:3"),
            "{}",
            findings[0]
        );
    }
}
