//! The top level is fixed, so that a newcomer finds the same few names for ever.

use super::Finding;
use super::tree::Tree;

/// What may lie at the top beside files and folders whose name begins with a dot.
const TOP_LEVEL: [&str; 12] = [
    "Cargo.toml",
    "Cargo.lock",
    "sup",
    "kernels",
    "stdlib",
    "slp",
    "tests",
    "examples",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "target",
];

/// Checks the names at the top of the checkout.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let strangers = tree
        .top_level()
        .into_iter()
        .filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()));
    strangers
        .map(|name| {
            Finding::error(
                name,
                "the top level is fixed; this belongs into one of the rooms that are there",
            )
        })
        .collect()
}

/// Whether a path begins in one of the rooms of the top level.
pub fn begins_at_top(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    TOP_LEVEL.contains(&first) && first != "target"
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;

    #[test]
    fn a_new_name_at_the_top_is_an_error() {
        let scratch = Scratch::new("layout");
        scratch.write("sup/vm/src/lib.rs", "");
        scratch.write(".ci/run", "");
        assert_eq!(check(&scratch.tree()), []);
        scratch.write("utils/lib.rs", "");
        let places: Vec<String> = check(&scratch.tree())
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["utils"]);
    }
}
