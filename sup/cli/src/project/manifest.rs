//! `project.slp`: what a project is called and what it needs. It is read as data and never run.
//!
//! ```slp
//! {:name "shop"                        ; as directories and kernels are named
//!  :version "0.1.0"
//!  :kernels {:ledger {:isolate :process :link {"sqlite3"}}
//!            :kv {}}                   ; needed to run, its own or not
//!  :capabilities {console read kernel}} ; what it may reach: these and no others
//! ```

use std::fs;
use std::path::Path;

use slp::{BraceShape, Bracket, Fault, NodeId, NodeKind, ReadLimits, Span, Tree, brace_shape};
use sup_runtime::{Capability, Problem, trust};

use super::{cache, check_name};

/// The file's name.
pub const FILE: &str = "project.slp";
/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// The keys of the whole, for hints.
const KEYS: &str = ":name :version :kernels :capabilities :trust :trust-list";
/// The keys of a kernel, for hints.
const KERNEL_KEYS: &str = ":isolate :link";

/// What a `project.slp` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The project's name, `:name`.
    pub name: String,
    /// Its version, `:version`; empty when it says none.
    pub version: String,
    /// The kernels without which it does not run, `:kernels`.
    pub kernels: Vec<NeededKernel>,
    /// What it may reach, `:capabilities`; everything that a person may when it does not say.
    pub capabilities: Option<Vec<Capability>>,
}

/// A kernel that a project needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededKernel {
    /// Its name.
    pub name: String,
    /// Where it runs, `:isolate`.
    pub isolation: Isolation,
    /// Libraries of the system that it is linked with when it is built of C, C++ or Zig, `:link`.
    pub link: Vec<String>,
}

/// Where a kernel runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Isolation {
    /// In this process.
    #[default]
    Here,
    /// In a process of its own, `:process`.
    Process,
}

impl Manifest {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, and the first thing in it that is wrong.
    pub fn read(path: &Path) -> Result<Manifest, Problem> {
        let size = fs::metadata(path)
            .map_err(|error| cache::unusable(path, &error))?
            .len();
        if size > MAX_BYTES {
            let message = format!("{} has {size} bytes, and may have {MAX_BYTES}", path.display());
            return Err(Problem::new("project/size", message));
        }
        let text = fs::read_to_string(path).map_err(|error| cache::unusable(path, &error))?;
        Manifest::parse(&text).map_err(|fault| Problem::from_fault(&path.display().to_string(), &fault))
    }

    /// What a text says.
    ///
    /// # Errors
    /// The first thing in it that is wrong.
    pub fn parse(text: &str) -> Result<Manifest, Fault> {
        let reading = slp::read(text, &ReadLimits::default());
        if let Some(fault) = reading.faults.into_iter().next() {
            return Err(fault);
        }
        let tree = reading.tree;
        let [root] = tree.roots() else {
            let span = tree
                .roots()
                .get(1)
                .map_or(Span { start: 0, end: 0 }, |node| tree.span(*node));
            return Err(fault(
                "project/shape",
                span,
                "a project.slp is one map",
                "{:name \"demo\" :version \"0.1.0\"}",
            ));
        };
        let mut manifest = Manifest::default();
        for (key, span, value) in pairs(&tree, *root)? {
            match key {
                "name" => manifest.name = name(&tree, value)?,
                "version" => manifest.version = string(&tree, value)?,
                "kernels" => manifest.kernels = kernels(&tree, value)?,
                // What they say is read by whoever decides what may be loaded.
                "trust" | "trust-list" => drop(trust::of_project(text)?),
                "capabilities" => manifest.capabilities = Some(capabilities(&tree, value)?),
                _ => return Err(unknown(key, span, KEYS)),
            }
        }
        if manifest.name.is_empty() {
            return Err(fault(
                "project/shape",
                tree.span(*root),
                "a project has a :name",
                ":name \"demo\"",
            ));
        }
        Ok(manifest)
    }

    /// What is said of a kernel.
    pub fn kernel(&self, name: &str) -> Option<&NeededKernel> {
        self.kernels.iter().find(|kernel| kernel.name == name)
    }
}

fn fault(code: &'static str, span: Span, message: &str, hint: &str) -> Fault {
    Fault {
        code,
        span,
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
        unfinished: false,
    }
}

fn unknown(key: &str, span: Span, known: &str) -> Fault {
    fault(
        "project/key",
        span,
        &format!("there is no key :{key}"),
        &format!("there are {known}"),
    )
}

/// Key, its place and the value of each pair of a map.
fn pairs(tree: &Tree, node: NodeId) -> Result<Vec<(&str, Span, NodeId)>, Fault> {
    let wrong = |node: NodeId, message: &str| {
        fault(
            "project/shape",
            tree.span(node),
            message,
            "{:key value :key value}",
        )
    };
    let is_brace = *tree.kind(node) == NodeKind::List(Bracket::Brace);
    let (shape, elements) = brace_shape(tree, node);
    if !is_brace || (shape == BraceShape::List && !elements.is_empty()) {
        return Err(wrong(node, "here stands a map whose keys are keywords"));
    }
    let mut found: Vec<(&str, Span, NodeId)> = Vec::new();
    for pair in elements.chunks(2) {
        let key = tree
            .keyword(pair[0])
            .ok_or_else(|| wrong(pair[0], "a key is a keyword"))?;
        let value = *pair
            .get(1)
            .ok_or_else(|| wrong(pair[0], &format!(":{key} has no value")))?;
        if found.iter().any(|(known, ..)| *known == key) {
            return Err(wrong(pair[0], &format!(":{key} stands twice")));
        }
        found.push((key, tree.span(pair[0]), value));
    }
    Ok(found)
}

fn string(tree: &Tree, node: NodeId) -> Result<String, Fault> {
    let wrong = || {
        fault(
            "project/value",
            tree.span(node),
            "here stands a string",
            "\"0.1.0\"",
        )
    };
    tree.string(node).map(str::to_owned).ok_or_else(wrong)
}

fn name(tree: &Tree, node: NodeId) -> Result<String, Fault> {
    let name = string(tree, node)?;
    is_name(tree, node, &name, "project").map(|()| name)
}

fn is_name(tree: &Tree, node: NodeId, name: &str, what: &str) -> Result<(), Fault> {
    check_name(name, what).map_err(|problem| Fault {
        code: "project/name",
        span: tree.span(node),
        message: problem.message,
        hint: problem.hint,
        unfinished: false,
    })
}

fn kernels(tree: &Tree, node: NodeId) -> Result<Vec<NeededKernel>, Fault> {
    let kernel = |(name, span, value): (&str, Span, NodeId)| {
        is_name(tree, value, name, "kernel").map_err(|fault| Fault { span, ..fault })?;
        kernel(tree, name, value)
    };
    pairs(tree, node)?.into_iter().map(kernel).collect()
}

fn kernel(tree: &Tree, name: &str, node: NodeId) -> Result<NeededKernel, Fault> {
    let mut kernel = NeededKernel {
        name: name.to_owned(),
        isolation: Isolation::Here,
        link: Vec::new(),
    };
    for (key, span, value) in pairs(tree, node)? {
        match key {
            "isolate" => {
                let wrong = || {
                    fault(
                        "project/value",
                        tree.span(value),
                        ":isolate is :process",
                        ":isolate :process",
                    )
                };
                tree.keyword(value)
                    .filter(|word| *word == "process")
                    .ok_or_else(wrong)?;
                kernel.isolation = Isolation::Process;
            }
            "link" => kernel.link = libraries(tree, value)?,
            _ => return Err(unknown(key, span, KERNEL_KEYS)),
        }
    }
    Ok(kernel)
}

/// Names of libraries, which become words of a linker's command line.
fn libraries(tree: &Tree, node: NodeId) -> Result<Vec<String>, Fault> {
    let is_plain = |name: &&str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+.".contains(&byte);
        name.bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
            && name.bytes().all(is_allowed)
    };
    let library = |node: &NodeId| {
        let wrong = || {
            fault(
                "project/value",
                tree.span(*node),
                "a library's name is a string such as \"m\"",
                ":link {\"m\"}",
            )
        };
        tree.string(*node)
            .filter(is_plain)
            .map(str::to_owned)
            .ok_or_else(wrong)
    };
    list(tree, node)?.iter().map(library).collect()
}

fn capabilities(tree: &Tree, node: NodeId) -> Result<Vec<Capability>, Fault> {
    let names: Vec<&str> = Capability::ALL
        .iter()
        .map(|capability| capability.name())
        .collect();
    let capability = |node: &NodeId| {
        let known = format!("there are {}", names.join(", "));
        let wrong = || {
            fault(
                "project/value",
                tree.span(*node),
                "here stands the name of a capability",
                &known,
            )
        };
        tree.symbol(*node).and_then(Capability::named).ok_or_else(wrong)
    };
    list(tree, node)?.iter().map(capability).collect()
}

fn list(tree: &Tree, node: NodeId) -> Result<&[NodeId], Fault> {
    let (shape, elements) = brace_shape(tree, node);
    let is_brace = *tree.kind(node) == NodeKind::List(Bracket::Brace);
    if is_brace && shape == BraceShape::List {
        return Ok(elements);
    }
    Err(fault(
        "project/value",
        tree.span(node),
        "here stands a list in braces",
        "{console read}",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_be_said_is_read() {
        let text = "; a shop\n{:name \"shop\" :version \"1.2\" :kernels {:kv {} :ledger {:isolate :process :link {\"m\"}}} \
                    :capabilities {console kernel} :trust strict :trust-list \"lists/ours.slp\"}";
        let manifest = Manifest::parse(text).expect("it is right");
        assert_eq!(
            (manifest.name.as_str(), manifest.version.as_str()),
            ("shop", "1.2")
        );
        let ledger = manifest.kernel("ledger").expect("it is needed");
        assert_eq!(
            (ledger.isolation, ledger.link.as_slice()),
            (Isolation::Process, ["m".to_owned()].as_slice())
        );
        assert_eq!(
            manifest.kernel("kv").map(|kernel| kernel.isolation),
            Some(Isolation::Here)
        );
        assert_eq!(
            manifest.capabilities,
            Some(vec![Capability::Console, Capability::Kernel])
        );
        let least = Manifest::parse("{:name \"x\"}").expect("a name is enough");
        assert_eq!((least.capabilities, least.kernels), (None, Vec::new()));
        let nothing = Manifest::parse("{:name \"x\" :capabilities {}}").expect("no capability can be said");
        assert_eq!(nothing.capabilities, Some(Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let cases = [
            ("", "project/shape", ""),
            ("{:name \"a\"} {:name \"b\"}", "project/shape", "{:name \"b\"}"),
            ("{console}", "project/shape", "{console}"),
            ("{:version \"1\"}", "project/shape", "{:version \"1\"}"),
            ("{:name \"a\" :nam \"b\"}", "project/key", ":nam"),
            ("{:name \"a\" :name \"b\"}", "slp/duplicate-key", ":name"),
            ("{:name \"A\"}", "project/name", "\"A\""),
            ("{:name a}", "project/value", "a"),
            ("{:name \"a\" :kernels {kv}}", "project/shape", "{kv}"),
            ("{:name \"a\" :kernels {:Kv {}}}", "project/name", ":Kv"),
            (
                "{:name \"a\" :kernels {:kv {:isolat :process}}}",
                "project/key",
                ":isolat",
            ),
            (
                "{:name \"a\" :kernels {:kv {:isolate :thread}}}",
                "project/value",
                ":thread",
            ),
            (
                "{:name \"a\" :kernels {:kv {:link {\"-Wl,x\"}}}}",
                "project/value",
                "\"-Wl,x\"",
            ),
            ("{:name \"a\" :capabilities {consol}}", "project/value", "consol"),
            ("{:name \"a\" :capabilities console}", "project/value", "console"),
        ];
        for (text, code, place) in cases {
            let fault = Manifest::parse(text).expect_err(text);
            let shown = &text[fault.span.start as usize..fault.span.end as usize];
            assert_eq!((fault.code, shown), (code, place), "{text}");
            assert!(fault.hint.is_some(), "{text}");
        }
    }
}
