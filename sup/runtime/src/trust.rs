//! Lists of what kernels are trusted, as text: `trust.slp`.
//!
//! ```text
//! (mode strict)
//! (library "sha256:9f86…" sums "2026-11-24")
//! (key "ed25519:3d40…" "ada")
//! ```
//!
//! A library or key may be followed by symbols and strings that say to people what it is. Anything else in a list is an error,
//! and a list with an error trusts nothing.

use slp::{Bracket, Fault, NodeId, NodeKind, ReadLimits, Span, Tree};
use sup_host::trust;
pub use sup_host::trust::{
    Mode, Number, Own, Standing, Trust, number_of, public_key, sha256, sign, signature_path, text_of,
};

use std::path::{Path, PathBuf};

use crate::kernels::refusal;
use crate::problem::Problem;

/// Most entries of one list.
const MAX_ENTRIES: usize = 10_000;

/// What a list says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// The mode that it asks for.
    pub mode: Option<Mode>,
    /// Its libraries and keys, in order.
    pub entries: Vec<Entry>,
}

/// Something that is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub trusted: Trusted,
    /// What it says to people.
    pub note: String,
    /// Where it stands in the text.
    pub span: Span,
}

/// What is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// The library with that SHA-256.
    Library(Number),
    /// What that key has signed.
    Key(Number),
}

impl Trusted {
    /// As lists write it.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Trusted::Library(hash) => text_of("sha256", &hash),
            Trusted::Key(key) => text_of("ed25519", &key),
        }
    }

    /// What a text writes.
    #[must_use]
    pub fn read(text: &str) -> Option<Trusted> {
        let library = trust::number_of("sha256", text).map(Trusted::Library);
        let key = || trust::number_of("ed25519", text).filter(trust::is_key);
        library.or_else(|| key().map(Trusted::Key))
    }
}

/// The mode of that name.
#[must_use]
pub fn mode_named(name: &str) -> Option<Mode> {
    match name {
        "strict" => Some(Mode::Strict),
        "development" => Some(Mode::Development),
        _ => None,
    }
}

/// The name of a mode.
#[must_use]
pub const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Strict => "strict",
        Mode::Development => "development",
    }
}

impl List {
    /// Reads a list.
    ///
    /// # Errors
    /// The first thing in it that is none of a list.
    pub fn read(text: &str) -> Result<List, Fault> {
        let reading = slp::read(text, &ReadLimits::default());
        if let Some(fault) = reading.faults.into_iter().next() {
            return Err(fault);
        }
        let (tree, mut list) = (reading.tree, List::default());
        for node in tree.roots() {
            list.add(&tree, *node)?;
        }
        Ok(list)
    }

    fn add(&mut self, tree: &Tree, node: NodeId) -> Result<(), Fault> {
        let span = tree.span(node);
        let wrong = |message: &str| Err(fault(span, message));
        if tree.list_in(node, Bracket::Paren).is_none() {
            return wrong("a list of trust has (library …), (key …) and (mode …) only");
        }
        let parts = tree.children(node).get(1..).unwrap_or_default();
        match (tree.head(node), parts) {
            (Some("mode"), [name]) => {
                let mode = tree.symbol(*name).and_then(mode_named);
                if mode.is_none() || self.mode.is_some() {
                    return wrong("a mode is strict or development, and said once");
                }
                self.mode = mode;
                Ok(())
            }
            (Some(kind @ ("library" | "key")), [number, note @ ..]) => {
                let trusted = tree.string(*number).and_then(Trusted::read);
                let fits = match trusted {
                    Some(Trusted::Library(_)) => kind == "library",
                    Some(Trusted::Key(_)) => kind == "key",
                    None => false,
                };
                let (Some(trusted), true) = (trusted, fits) else {
                    return wrong(
                        "a library has a text such as \"sha256:…\", a key one such as \"ed25519:…\", of 64 digits",
                    );
                };
                if self.entries.len() >= MAX_ENTRIES {
                    return wrong("a list has at most 10000 entries");
                }
                self.entries.push(Entry {
                    trusted,
                    note: note_of(tree, note)?,
                    span,
                });
                Ok(())
            }
            _ => wrong("a list of trust has (library …), (key …) and (mode …) only"),
        }
    }

    /// Adds what it trusts to what is trusted.
    pub fn add_to(&self, trust: &mut Trust) {
        for entry in &self.entries {
            match entry.trusted {
                Trusted::Library(hash) => trust.libraries.insert(hash),
                Trusted::Key(key) => trust.keys.insert(key),
            };
        }
    }
}

/// Refuses a file or directory that others may write, or that lies in a directory which they may.
///
/// # Errors
/// `kernel/writable` with the first place that they may write; `kernel/unreadable` when there is nothing.
pub fn check_place(path: &Path) -> Result<PathBuf, Problem> {
    match sup_host::places::check(path) {
        Ok(seen) => Ok(seen.path),
        Err(error) => Err(refusal(&error)),
    }
}

fn note_of(tree: &Tree, nodes: &[NodeId]) -> Result<String, Fault> {
    let words = nodes.iter().map(|node| {
        let word = tree.symbol(*node).or_else(|| tree.string(*node));
        word.ok_or_else(|| fault(tree.span(*node), "a note is of names and strings"))
    });
    Ok(words.collect::<Result<Vec<_>, _>>()?.join(" "))
}

fn fault(span: Span, message: &str) -> Fault {
    Fault {
        code: "trust/list",
        span,
        message: message.to_owned(),
        hint: Some(
            "nothing is trusted by a damaged list; mend it, or write it anew with `sup kernel trust`"
                .to_owned(),
        ),
        unfinished: false,
    }
}

/// The line that adds something to a list.
#[must_use]
pub fn line(trusted: Trusted, note: &str) -> String {
    let kind = match trusted {
        Trusted::Library(_) => "library",
        Trusted::Key(_) => "key",
    };
    let note = note.replace('\\', "\\\\").replace('"', "\\\"");
    format!("({kind} \"{}\" \"{note}\")\n", trusted.text())
}

/// The text of a list without something, or nothing when it is not there.
///
/// # Errors
/// What is damaged in it.
pub fn without(text: &str, trusted: Trusted) -> Result<Option<String>, Fault> {
    let list = List::read(text)?;
    let gone = list.entries.iter().filter(|entry| entry.trusted == trusted);
    let mut left = String::with_capacity(text.len());
    let mut from = 0;
    for entry in gone {
        left.push_str(&text[from..entry.span.start as usize]);
        from = entry.span.end as usize;
        // The line ends with it.
        if text[from..].starts_with('\n') {
            from += 1;
        }
    }
    left.push_str(&text[from..]);
    Ok((from > 0).then_some(left))
}

/// What a project's `project.slp` says of trust: its mode, and the list that it names. It is a map, alone or as the last part
/// of a form: `{:trust strict :trust-list "ours.slp"}`.
///
/// # Errors
/// When it does not read, or says something else.
pub fn of_project(text: &str) -> Result<(Option<Mode>, Option<String>), Fault> {
    let reading = slp::read(text, &ReadLimits::default());
    if let Some(fault) = reading.faults.into_iter().next() {
        return Err(fault);
    }
    let tree = reading.tree;
    let (mut mode, mut list) = (None, None);
    let mut waiting: Vec<NodeId> = tree.roots().to_vec();
    while let Some(node) = waiting.pop() {
        let elements = match tree.kind(node) {
            NodeKind::List(_) | NodeKind::Prefix(_) => tree.children(node),
            _ => continue,
        };
        waiting.extend(elements);
        for pair in elements.windows(2) {
            let said = || {
                tree.symbol(pair[1])
                    .or_else(|| tree.string(pair[1]))
                    .or_else(|| tree.keyword(pair[1]))
            };
            match tree.keyword(pair[0]) {
                Some("trust") => {
                    mode = said().and_then(mode_named);
                    if mode.is_none() {
                        return Err(fault(tree.span(pair[1]), ":trust is strict or development"));
                    }
                }
                Some("trust-list") => {
                    list = tree.string(pair[1]).map(str::to_owned);
                    if list.is_none() {
                        return Err(fault(
                            tree.span(pair[1]),
                            ":trust-list is the path of a list, a string",
                        ));
                    }
                }
                _ => {}
            }
        }
    }
    Ok((mode, list))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(byte: u8) -> String {
        text_of("sha256", &[byte; 32])
    }

    #[test]
    fn a_list_reads_and_is_changed_in_place() {
        let key = text_of("ed25519", &public_key(&[7; 32]));
        let text = format!(
            "; ours\n(mode strict)\n(library \"{}\" sums \"1.0\")\n(key \"{key}\" \"ada\") ; since May\n(library \"{}\")\n",
            number(1),
            number(2)
        );
        let list = List::read(&text).expect("it reads");
        assert_eq!(list.mode, Some(Mode::Strict));
        let notes: Vec<&str> = list.entries.iter().map(|entry| entry.note.as_str()).collect();
        assert_eq!(notes, ["sums 1.0", "ada", ""]);
        let mut trust = Trust::default();
        list.add_to(&mut trust);
        assert!(trust.libraries.contains(&[2; 32]) && trust.keys.contains(&public_key(&[7; 32])));
        let left = without(&text, Trusted::Library([1; 32]))
            .expect("it reads")
            .expect("it is there");
        assert_eq!(
            left,
            text.replace(&format!("(library \"{}\" sums \"1.0\")\n", number(1)), "")
        );
        assert_eq!(without(&text, Trusted::Library([9; 32])), Ok(None));
        let more = line(Trusted::Library([3; 32]), "a \"note\"");
        let list = List::read(&more).expect("what is written reads");
        assert_eq!(list.entries[0].note, "a \"note\"");
    }

    #[test]
    fn a_damaged_list_is_an_error_and_never_a_list() {
        let good = format!("(library \"{}\")", number(1));
        let key = text_of("ed25519", &public_key(&[7; 32]));
        for text in [
            "(library)",
            "(library \"sha256:00\")",
            "(mode)",
            "(mode open)",
            "(mode strict) (mode strict)",
            "strict",
            "(trust everything)",
            "(key \"ed25519:0000000000000000000000000000000000000000000000000000000000000000\")",
            "[(mode strict)]",
            &good[..good.len() - 1],
            &good.replace("library", "key"),
            &format!("(library \"{key}\")"),
            &good.replace(")", " 12)"),
        ] {
            assert!(List::read(text).is_err(), "{text}");
        }
        assert_eq!(List::read("; nothing yet\n"), Ok(List::default()));
    }

    #[test]
    fn a_project_says_its_mode_and_its_list() {
        let strict = Some(Mode::Strict);
        for text in [
            "{:name \"shop\" :trust strict}",
            "(project shop {:trust :strict})",
            "#(project {:trust \"strict\"})",
        ] {
            assert_eq!(of_project(text), Ok((strict, None)), "{text}");
        }
        let both = "{:trust-list \"ours.slp\" :trust development}";
        assert_eq!(
            of_project(both),
            Ok((Some(Mode::Development), Some("ours.slp".to_owned())))
        );
        assert_eq!(of_project("{:name \"shop\"}"), Ok((None, None)));
        for text in ["{:trust yes}", "{:trust-list ours}", "{"] {
            assert!(of_project(text).is_err(), "{text}");
        }
    }
}
