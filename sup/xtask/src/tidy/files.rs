//! Limits and words, file by file: length, the opening sentence, and what stands for unfinished work.

use super::Finding;
use super::tree::Tree;

/// A file longer than this is shown.
const LONG_LINES: usize = 600;
/// A file longer than this fails the chore.
const MAX_LINES: usize = 900;
/// Where the limit holds: what people write and read as a program.
const LIMITED: [&str; 6] = [".rs", ".slp", ".c", ".h", ".py", ".sxs"];

/// Words that stand for work that was put off, or for a test that does not run. (Written in two halves: this file is checked too.)
const BANNED: [(&str, &str); 6] = [
    (
        concat!("to", "do!("),
        "finish it or say in the error what is not supported",
    ),
    (
        concat!("unimpl", "emented!("),
        "finish it or say in the error what is not supported",
    ),
    (concat!("#[ign", "ore"), "a test that does not run tests nothing"),
    (
        concat!("FIX", "ME"),
        "mend it, or write the sentence that says what stays true",
    ),
    (
        concat!("TO", "DO"),
        "do it, or write the sentence that says what stays true",
    ),
    (concat!("db", "g!("), "left over from debugging"),
];

/// Checks every file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        let Some(text) = &file.text else { continue };
        if LIMITED.iter().any(|ending| file.path.ends_with(ending)) {
            findings.extend(length(&file.path, text));
        }
        if file.path.ends_with(".rs") {
            findings.extend(opening(&file.path, text));
            findings.extend(banned_words(&file.path, text));
        }
    }
    findings
}

fn length(path: &str, text: &str) -> Option<Finding> {
    let n_lines = text.lines().count();
    if n_lines > MAX_LINES {
        return Some(Finding::error(
            path,
            format!("{n_lines} lines, {MAX_LINES} at most: split it by idea"),
        ));
    }
    (n_lines > LONG_LINES).then(|| {
        Finding::warning(
            path,
            format!("{n_lines} lines, {LONG_LINES} are meant to be enough"),
        )
    })
}

fn opening(path: &str, text: &str) -> Option<Finding> {
    let opens = text.lines().next().is_some_and(|line| {
        line.strip_prefix("//!")
            .is_some_and(|rest| !rest.trim().is_empty())
    });
    (!opens).then(|| {
        Finding::error(
            format!("{path}:1"),
            "the first line is `//!` and a sentence that says what the file is for",
        )
    })
}

fn banned_words(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (word, instead) in BANNED {
            if line.contains(word) {
                findings.push(Finding::error(
                    format!("{path}:{}", number + 1),
                    format!("`{word}`: {instead}"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Weight;
    use super::super::scratch::Scratch;
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(Weight, String)> {
        let scratch = Scratch::new("files");
        scratch.write(path, text);
        check(&scratch.tree())
            .into_iter()
            .map(|finding| (finding.weight, finding.place))
            .collect()
    }

    fn lines(n_lines: usize) -> String {
        format!("//! A file.\n{}", "// line\n".repeat(n_lines - 1))
    }

    #[test]
    fn six_hundred_lines_are_well_more_is_shown_and_nine_hundred_and_one_fail() {
        assert_eq!(found("slp/a.rs", &lines(600)), []);
        assert_eq!(
            found("slp/a.rs", &lines(601)),
            [(Weight::Warning, "slp/a.rs".to_owned())]
        );
        assert_eq!(
            found("slp/a.rs", &lines(900)),
            [(Weight::Warning, "slp/a.rs".to_owned())]
        );
        assert_eq!(
            found("slp/a.rs", &lines(901)),
            [(Weight::Error, "slp/a.rs".to_owned())]
        );
        assert_eq!(
            found("stdlib/a.slp", &lines(901)),
            [(Weight::Error, "stdlib/a.slp".to_owned())]
        );
        assert_eq!(found("README.md", &lines(901)), []);
    }

    #[test]
    fn a_file_opens_with_a_sentence() {
        let at_first_line = [(Weight::Error, "slp/a.rs:1".to_owned())];
        assert_eq!(found("slp/a.rs", "//! What it is for.\n"), []);
        assert_eq!(found("slp/a.rs", "//!\n"), at_first_line);
        assert_eq!(found("slp/a.rs", "fn main() {}\n"), at_first_line);
        assert_eq!(found("slp/a.rs", ""), at_first_line);
    }

    #[test]
    fn words_of_unfinished_work_fail_with_their_line() {
        for (word, _) in BANNED {
            let place = [(Weight::Error, "slp/a.rs:2".to_owned())];
            assert_eq!(
                found("slp/a.rs", &format!("//! A file.\n    {word}\n")),
                place,
                "{word}"
            );
        }
    }
}
