//! Hand-kept maps drift, so every path that a document names must exist: words in backticks, and links.

use super::layout::begins_at_top;
use super::tree::Tree;
use super::{Finding, Weight};

/// Checks every Markdown file of ours.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (document, text) in tree.texts(".md") {
        for (number, line) in prose(text) {
            let dead =
                |path: &str| Finding::error(format!("{document}:{number}"), format!("`{path}` is not there"));
            let named = ticked(line).filter(|word| is_path(word) && !is_there(tree, word));
            findings.extend(named.map(dead));
            let linked = links(line).filter(|target| !is_there(tree, &beside(document, target)));
            findings.extend(linked.map(dead));
        }
    }
    debug_assert!(findings.iter().all(|finding| finding.weight == Weight::Error));
    findings
}

/// The lines outside of code blocks, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_block = false;
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        (!in_block && !is_fence).then_some((number, line))
    })
}

/// What stands between backticks in a line.
fn ticked(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether a word means a path of the checkout: it begins in a room of the top level, or it has a folder and an ending.
/// (`alu/add` and `vm/depth` are names of the language and its errors.)
fn is_path(word: &str) -> bool {
    let plain = word
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || "._/*-+".contains(character));
    if !plain
        || !word.contains('/')
        || word.starts_with('/')
        || word.starts_with("target/")
        || word.starts_with("../")
    {
        return false;
    }
    let last = word.rsplit('/').next().unwrap_or_default();
    begins_at_top(word) || (last.contains('.') && !last.starts_with('.')) || word.starts_with('.')
}

/// Whether it exists; a star stands for any one name.
fn is_there(tree: &Tree, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    if !path.contains('*') {
        return path.is_empty() || tree.has(path);
    }
    let pattern: Vec<&str> = path.split('/').collect();
    tree.files().iter().any(|file| {
        let parts: Vec<&str> = file.path.split('/').collect();
        parts.len() >= pattern.len()
            && pattern
                .iter()
                .zip(&parts)
                .all(|(wanted, part)| matches_star(wanted, part))
    })
}

fn matches_star(wanted: &str, part: &str) -> bool {
    match wanted.split_once('*') {
        None => wanted == part,
        Some((before, after)) => {
            part.len() >= before.len() + after.len() && part.starts_with(before) && part.ends_with(after)
        }
    }
}

/// The targets of a line's links that lie in the checkout, without what stands behind `#`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    targets
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:") && !target.contains(' '))
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty())
}

/// A link's target, seen from the top of the checkout.
fn beside(document: &str, target: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;

    #[test]
    fn a_dead_path_in_the_architecture_fails() {
        let scratch = Scratch::new("paths");
        scratch.write("sup/vm/src/heap.rs", "");
        scratch.write("kernels/alu/kernel.slp", "");
        scratch.write(".ci/run", "");
        let map = "The heap is `sup/vm/src/heap.rs` in `sup/vm/`; see `kernels/*/kernel.slp` and `.ci/run`.\n\
                   `alu/add` raises `alu/overflow`, `a / b` divides, `target/release/sup` is built.\n\
                   ```\nsup/nowhere/at/all.rs and `sup/nowhere`\n```\n";
        scratch.write("sup/docs/ARCHITECTURE.md", map);
        assert_eq!(check(&scratch.tree()), []);

        scratch.write(
            "sup/docs/ARCHITECTURE.md",
            &format!("{map}Also `sup/vm/src/gone.rs`, `kernels/*/gone.slp`, `gone/file.rs`.\n"),
        );
        let findings = check(&scratch.tree());
        let messages: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "error: sup/docs/ARCHITECTURE.md:6: `sup/vm/src/gone.rs` is not there",
                "error: sup/docs/ARCHITECTURE.md:6: `kernels/*/gone.slp` is not there",
                "error: sup/docs/ARCHITECTURE.md:6: `gone/file.rs` is not there",
            ]
        );
    }

    #[test]
    fn a_dead_link_fails_and_is_read_from_its_document() {
        let scratch = Scratch::new("links");
        scratch.write(
            "README.md",
            "[style](sup/docs/STYLE.md) [web](https://example.org/none) [here](#below)\n",
        );
        scratch.write(
            "sup/docs/STYLE.md",
            "[back](../../README.md#first) [gone](GLOSSARY.md)\n",
        );
        let places: Vec<String> = check(&scratch.tree())
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["sup/docs/STYLE.md:1"]);
    }
}
