//! Who may import whom: the table, and the check of every `Cargo.toml` against it.

use super::Finding;
use super::tree::Tree;

/// One row: a crate of ours and what it may import.
pub struct Row {
    /// The package's name.
    pub name: &'static str,
    /// What the crate itself may import of ours.
    pub may: &'static [&'static str],
    /// What it may import of ours only when a feature asks for it.
    pub optional: &'static [&'static str],
    /// What its tests may import beside that.
    pub tests: &'static [&'static str],
}

/// What a room's own tests may use: the test kit, which knows of the rooms only what a script is.
const KIT: &[&str] = &["sup-testkit"];

const fn row(name: &'static str, may: &'static [&'static str]) -> Row {
    Row {
        name,
        may,
        optional: &[],
        tests: KIT,
    }
}

/// The table of imports. A new crate gets a row here in the commit that makes it.
pub const TABLE: &[Row] = &[
    // Three rooms that know nothing of ours.
    row("slp", &[]),
    row("sup-abi", &[]),
    row("sup-store", &[]),
    // From text to code to the machine. The compiler and the machine do not know each other.
    row("sup-code", &["slp"]),
    row("sup-compile", &["slp", "sup-code"]),
    Row {
        name: "sup-vm",
        may: &["sup-abi", "sup-code"],
        optional: &[],
        tests: &["sup-testkit", "sup-compile", "slp"],
    },
    Row {
        name: "sup-host",
        may: &["sup-abi", "sup-vm"],
        optional: &[],
        // The tests of the wall make kernels in Rust.
        tests: &["sup-testkit", "sup-kernel"],
    },
    row("sup-stdlib", &[]),
    Row {
        name: "sup-runtime",
        may: &[
            "slp",
            "sup-abi",
            "sup-code",
            "sup-compile",
            "sup-vm",
            "sup-store",
            "sup-host",
            "sup-stdlib",
        ],
        optional: STOCK_KERNELS,
        tests: KIT,
    },
    // Its build script compiles the standard library, with a machine that looks each instruction up in one place.
    row("sup-image", &["sup-runtime", "sup-vm"]),
    row("sup-cli", &["sup-runtime", "sup-image", "slp"]),
    row("xtask", &[]),
    // Kernels see the wall and nothing behind it.
    row("sup-kernel", &["sup-abi"]),
    row("kernel-alu", &["sup-kernel"]),
    row("kernel-io", &["sup-kernel"]),
    row("kernel-fs", &["sup-kernel"]),
    row("kernel-random", &["sup-kernel"]),
    row("kernel-kv", &["sup-kernel"]),
    row("kernel-forge", &["sup-kernel"]),
    row("kernel-http", &["sup-kernel"]),
    // A kernel for the tests.
    row("kernel-drive", &["sup-kernel"]),
    // Tests of several rooms at once see every room.
    row("sup-testkit", &["slp"]),
    row("sup-tests", ROOMS),
];

const STOCK_KERNELS: &[&str] = &[
    "kernel-alu",
    "kernel-io",
    "kernel-fs",
    "kernel-random",
    "kernel-kv",
    "kernel-forge",
    "kernel-http",
];

const ROOMS: &[&str] = &[
    "slp",
    "sup-abi",
    "sup-code",
    "sup-compile",
    "sup-vm",
    "sup-store",
    "sup-host",
    "sup-runtime",
    "sup-image",
    "sup-stdlib",
    "sup-kernel",
    "sup-testkit",
];

/// Checks every member of the workspace against the table, and the table against the members.
pub fn check(tree: &Tree, table: &[Row]) -> Vec<Finding> {
    let Some(root) = tree.text("Cargo.toml") else {
        return vec![Finding::error("Cargo.toml", "the workspace has no manifest")];
    };
    let mut findings = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    let members = members(root);
    for member in &members {
        let place = format!("{member}/Cargo.toml");
        let Some(text) = tree.text(&place) else {
            findings.push(Finding::error(
                "Cargo.toml",
                format!("the member `{member}` has no Cargo.toml"),
            ));
            continue;
        };
        let manifest = Manifest::read(text);
        findings.extend(check_member(&place, &manifest, table));
        if !manifest.takes_workspace_lints {
            findings.push(Finding::error(
                &place,
                "it needs `[lints] workspace = true`, so that one set of lints holds everywhere",
            ));
        }
        seen.push(manifest.name);
    }
    for row in table
        .iter()
        .filter(|row| !seen.iter().any(|name| name == row.name))
    {
        findings.push(Finding::error(
            "sup/xtask/src/tidy/imports.rs",
            format!("`{}` is no member of the workspace", row.name),
        ));
    }
    findings
}

fn check_member(place: &str, manifest: &Manifest, table: &[Row]) -> Vec<Finding> {
    let Some(row) = table.iter().find(|row| row.name == manifest.name) else {
        let message = format!(
            "`{}` has no row in the table of imports (sup/xtask/src/tidy/imports.rs)",
            manifest.name
        );
        return vec![Finding::error(place, message)];
    };
    let ours = manifest
        .dependencies
        .iter()
        .filter(|dependency| table.iter().any(|row| row.name == dependency.package));
    ours.filter(|dependency| !is_allowed(row, dependency))
        .map(|dependency| {
            let message = format!(
                "`{}` may not import `{}`: the table of imports forbids it",
                row.name, dependency.package
            );
            Finding::error(format!("{place}:{}", dependency.line), message)
        })
        .collect()
}

fn is_allowed(row: &Row, dependency: &Dependency) -> bool {
    let is_in = |names: &[&str]| names.contains(&dependency.package.as_str());
    match dependency.kind {
        Kind::Normal => is_in(row.may) || (dependency.is_optional && is_in(row.optional)),
        Kind::Build => is_in(row.may),
        // A crate's tests may ask for a feature of the crate itself.
        Kind::Test => {
            dependency.package == row.name || is_in(row.may) || is_in(row.tests) || is_in(row.optional)
        }
    }
}

/// The folders that the workspace's manifest lists as members.
fn members(text: &str) -> Vec<String> {
    let Some((_, rest)) = text.split_once("\nmembers = [") else {
        return Vec::new();
    };
    let list = rest.split_once(']').map_or(rest, |(list, _)| list);
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What the check needs of a manifest.
struct Manifest {
    name: String,
    dependencies: Vec<Dependency>,
    takes_workspace_lints: bool,
}

struct Dependency {
    package: String,
    kind: Kind,
    is_optional: bool,
    line: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    Normal,
    Build,
    Test,
}

impl Manifest {
    /// Reads the sections and keys that matter, line by line; enough for manifests as cargo's users write them.
    fn read(text: &str) -> Manifest {
        let mut manifest = Manifest {
            name: String::new(),
            dependencies: Vec::new(),
            takes_workspace_lints: false,
        };
        let mut section = String::new();
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if let Some(header) = line.strip_prefix('[') {
                section = header.trim_matches(['[', ']']).replace(['"', '\''], "");
                if let Some((kind, Some(name))) = dependency_section(&section) {
                    manifest.dependencies.push(Dependency {
                        package: name.to_owned(),
                        kind,
                        is_optional: false,
                        line: number,
                    });
                }
                continue;
            }
            let Some((key, value)) = line
                .split_once('=')
                .map(|(key, value)| (key.trim(), value.trim()))
            else {
                continue;
            };
            match dependency_section(&section) {
                Some((kind, None)) => manifest.dependencies.push(dependency(key, value, kind, number)),
                Some((_, Some(_))) => manifest.amend_last(key, value),
                None if section == "package" && key == "name" => {
                    value.trim_matches('"').clone_into(&mut manifest.name)
                }
                None if section == "lints" && key == "workspace" => {
                    manifest.takes_workspace_lints = value == "true"
                }
                None => {}
            }
        }
        manifest
    }

    /// A key of a section such as `[dependencies.slp]`.
    fn amend_last(&mut self, key: &str, value: &str) {
        let Some(last) = self.dependencies.last_mut() else {
            return;
        };
        match key {
            "package" => value.trim_matches('"').clone_into(&mut last.package),
            "optional" => last.is_optional = value == "true",
            _ => {}
        }
    }
}

/// Whether a section lists dependencies, of which kind, and whether it is the section of a single one.
fn dependency_section(section: &str) -> Option<(Kind, Option<&str>)> {
    let kinds = [
        ("dev-dependencies", Kind::Test),
        ("build-dependencies", Kind::Build),
        ("dependencies", Kind::Normal),
    ];
    for (name, kind) in kinds {
        let Some(at) = section.find(name) else { continue };
        let before = &section[..at];
        if !(before.is_empty() || (before.starts_with("target.") && before.ends_with('.'))) {
            continue;
        }
        let after = &section[at + name.len()..];
        return if after.is_empty() {
            Some((kind, None))
        } else {
            Some((kind, after.strip_prefix('.')))
        };
    }
    None
}

/// One line such as `slp.workspace = true` or `machine = { package = "sup-vm", path = "…" }`.
fn dependency(key: &str, value: &str, kind: Kind, line: usize) -> Dependency {
    let renamed = value
        .split_once("package")
        .and_then(|(_, rest)| rest.split('"').nth(1));
    let package = renamed
        .unwrap_or_else(|| key.split('.').next().unwrap_or(key))
        .trim_matches('"')
        .to_owned();
    let is_optional = value.replace(' ', "").contains("optional=true");
    Dependency {
        package,
        kind,
        is_optional,
        line,
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;

    const SMALL_TABLE: &[Row] = &[
        row("slp", &[]),
        Row {
            name: "sup-vm",
            may: &["slp"],
            optional: &["kernel-alu"],
            tests: &["sup-testkit"],
        },
        row("kernel-alu", &[]),
        row("sup-testkit", &["slp"]),
    ];

    /// The findings over a workspace in which slp and sup-vm have these sections.
    fn found(slp: &str, vm: &str) -> Vec<String> {
        let scratch = Scratch::new("imports");
        scratch.write(
            "Cargo.toml",
            "[workspace]\nmembers = [\n  \"slp\", \"sup/vm\",\n  \"kernels/alu\", \"tests/kit\"]\n",
        );
        let members = [
            ("slp", "slp", slp),
            ("sup/vm", "sup-vm", vm),
            ("kernels/alu", "kernel-alu", ""),
            ("tests/kit", "sup-testkit", ""),
        ];
        for (folder, name, sections) in members {
            let text = format!("[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n{sections}");
            scratch.write(&format!("{folder}/Cargo.toml"), &text);
        }
        check(&scratch.tree(), SMALL_TABLE)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn what_the_table_allows_passes() {
        let vm = "[dependencies]\nslp.workspace = true\nserde = \"1\"\nkernel-alu = { path = \"x\", optional = true }\n\
                  [dev-dependencies]\nsup-testkit.workspace = true\n";
        assert_eq!(found("", vm), [] as [&str; 0]);
    }

    #[test]
    fn a_planted_import_fails_however_it_is_written() {
        let written = [
            "[dependencies]\nsup-vm.workspace = true\n",
            "[dependencies]\nsup-vm = { path = \"../sup/vm\" }\n",
            "[dependencies]\nmachine = { path = \"../sup/vm\", package = \"sup-vm\" }\n",
            "[dependencies.sup-vm]\npath = \"../sup/vm\"\n",
            "[dependencies.machine]\npackage = \"sup-vm\"\n",
            "[build-dependencies]\nsup-vm.workspace = true\n",
            "[dev-dependencies]\nsup-vm.workspace = true\n",
            "[target.'cfg(unix)'.dependencies]\nsup-vm.workspace = true\n",
        ];
        for slp in written {
            let findings = found(slp, "");
            assert_eq!(findings.len(), 1, "{slp}: {findings:?}");
            assert!(
                findings[0].contains("`slp` may not import `sup-vm`"),
                "{slp}: {findings:?}"
            );
            assert!(
                findings[0].starts_with("error: slp/Cargo.toml:"),
                "{slp}: {findings:?}"
            );
        }
    }

    #[test]
    fn an_optional_import_must_be_optional() {
        let findings = found("", "[dependencies]\nkernel-alu = { path = \"x\" }\n");
        assert_eq!(
            findings,
            [
                "error: sup/vm/Cargo.toml:6: `sup-vm` may not import `kernel-alu`: the table of imports forbids it"
            ]
        );
    }

    #[test]
    fn members_and_table_are_the_same_set() {
        let scratch = Scratch::new("members");
        scratch.write("Cargo.toml", "[workspace]\nmembers = [\"new\"]\n");
        scratch.write("new/Cargo.toml", "[package]\nname = \"new-room\"\n");
        let findings: Vec<String> = check(&scratch.tree(), &[row("old-room", &[])])
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(findings.len(), 3, "{findings:?}");
        assert!(findings[0].contains("`new-room` has no row"), "{findings:?}");
        assert!(findings[1].contains("[lints] workspace = true"), "{findings:?}");
        assert!(findings[2].contains("`old-room` is no member"), "{findings:?}");
    }
}
