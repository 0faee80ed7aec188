//! The release commands: trees published, exported, compared, rolled back. Whoever owns the store answers.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};
use sup_runtime::Problem;
use sup_runtime::release_requests::ReleaseRequest;
use sup_runtime::release_wire::bytes_of_text;
use sup_runtime::requests::{Request, Rows};

use super::store::{ask, asked, number, print_json, table};
use super::tree;
use crate::arguments::Options;
use crate::console;
use crate::exit::Exit;
use crate::session::{self, Teller};

const PUBLISH_EXAMPLES: &str = "\
Examples:
  sup publish . -m 'greet by name'     make this directory the release that answers
  sup publish . --check                tell what is wrong with it, and change nothing
  sup publish . --canary 5%            give it five of a hundred requests

All files that are not hidden go, those that do not end in .slp as assets; target directories stay. Everything is checked first,
and refused with the list of what is wrong. Prints the release's id once the store has synced it.";

/// Publishes a directory.
#[derive(Args, Debug)]
#[command(after_help = PUBLISH_EXAMPLES)]
pub struct Publish {
    /// The directory
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// What to say of it
    #[arg(short, long, default_value = "")]
    pub message: String,
    /// Only check it
    #[arg(long)]
    pub check: bool,
    /// Give it that part of the requests, 1% to 99%; the others get the head
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub canary: Option<u32>,
}

const EXPORT_EXAMPLES: &str = "\
Examples:
  sup export out             write what answers into a new directory
  sup export out 12          write release 12

Byte for byte what was published.";

/// Writes a release into a directory.
#[derive(Args, Debug)]
#[command(after_help = EXPORT_EXAMPLES)]
pub struct Export {
    /// The directory, empty or not there yet
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// The release
    #[arg(value_name = "RELEASE", default_value = "head")]
    pub release: String,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  sup show 12            what release 12 is: parent, time, changes, routes, needs
  sup show head          what answers";

/// Tells what a release is.
#[derive(Args, Debug)]
#[command(name = "show", after_help = SHOW_EXAMPLES)]
pub struct ShowRelease {
    /// The release: a number, an id, or head
    #[arg(value_name = "RELEASE")]
    pub release: String,
}

const DIFF_EXAMPLES: &str = "\
Examples:
  sup diff 11 12         what release 12 changed, definition by definition
  sup diff head .        what publishing this directory would change

Prints SLP. Layout and comments do not count as changes of a definition.";

/// Compares two releases, or a release and a directory.
#[derive(Args, Debug)]
#[command(after_help = DIFF_EXAMPLES)]
pub struct Diff {
    /// The release
    #[arg(value_name = "RELEASE")]
    pub from: String,
    /// The other release, or a directory
    #[arg(value_name = "RELEASE|DIR")]
    pub to: String,
}

const ROLLBACK_EXAMPLES: &str = "\
Examples:
  sup rollback           let the release before answer; while requests are split, the head alone
  sup rollback 11        let release 11 answer";

/// Lets an earlier release answer.
#[derive(Args, Debug)]
#[command(after_help = ROLLBACK_EXAMPLES)]
pub struct Rollback {
    /// The release
    #[arg(value_name = "RELEASE", default_value = "")]
    pub release: String,
}

const SPLIT_EXAMPLES: &str = "\
Examples:
  sup split 11=95 12=5                     split requests by the client's address
  sup split 11=1 12=1 --by cookie:uid      by a cookie: who has one gets the same release again
  sup split 12=100                         let release 12 answer everybody";

/// Splits requests between releases.
#[derive(Args, Debug)]
#[command(after_help = SPLIT_EXAMPLES)]
pub struct Split {
    /// Releases and their weights
    #[arg(value_name = "RELEASE=WEIGHT", required = true, value_parser = share)]
    pub shares: Vec<(String, u32)>,
    /// Where the key of the split is taken from: cookie:NAME or header:NAME [default: the client's address]
    #[arg(long, value_name = "KEY", value_parser = split_key)]
    pub by: Option<String>,
}

const COLLECT_EXAMPLES: &str = "\
Examples:
  sup collect            take away releases that nothing needs, and what only they hold

The newest thousand releases are kept, and whatever answers. This happens by itself now and then.";

/// Takes away releases that nothing needs.
#[derive(Args, Debug)]
#[command(after_help = COLLECT_EXAMPLES)]
pub struct Collect {}

fn percent(text: &str) -> Result<u32, String> {
    let digits = text.strip_suffix('%').unwrap_or(text);
    match digits.parse() {
        Ok(percent @ 1..=99) => Ok(percent),
        _ => Err("it is a part of a hundred, 1% to 99%".to_owned()),
    }
}

fn share(text: &str) -> Result<(String, u32), String> {
    let shape = || "it is a release and its weight, such as 12=95".to_owned();
    let (release, weight) = text.split_once('=').ok_or_else(shape)?;
    let weight = weight
        .strip_suffix('%')
        .unwrap_or(weight)
        .parse()
        .map_err(|_| shape())?;
    Ok((release.to_owned(), weight))
}

fn split_key(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        Some(("cookie" | "header", name)) if !name.is_empty() => Ok(text.to_owned()),
        _ => Err("it is cookie:NAME or header:NAME".to_owned()),
    }
}

/// Who works at this terminal, as the history tells it.
pub fn author() -> String {
    ["SUP_AUTHOR", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|variable| std::env::var(variable).ok())
        .unwrap_or_default()
}

fn wrong_usage(options: &Options, problem: &Problem) -> Exit {
    Teller::new(options).tell_without_sources(problem);
    Exit::Usage
}

impl Publish {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let files = match tree::read(&self.directory) {
            Ok(files) => files,
            Err(problem) => return wrong_usage(options, &problem),
        };
        let n_files = files.len();
        let only_check = self.check;
        let request = Request::Release(ReleaseRequest::Publish {
            files,
            author: author(),
            message: self.message,
            canary: self.canary,
            only_check,
        });
        asked(options, &request, |rows| {
            for row in &rows {
                let [id, release, is_new, n_changed] = row.as_slice() else {
                    continue;
                };
                if options.json {
                    print_json(&json!({
                        "release": number(release).filter(|_| !only_check), "id": id, "new": is_new == "true",
                        "changed": number(n_changed), "files": n_files,
                    }));
                } else if only_check {
                    console::print_line(&format!(
                        "fine: {n_files} files, {n_changed} differ from the head"
                    ));
                } else if is_new == "true" {
                    console::print_line(&format!("{id}  {n_changed} changed, {n_files} files"));
                } else {
                    console::print_line(&format!("{id}  nothing changed"));
                }
            }
        })
    }
}

impl Export {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        if let Err(problem) = tree::check_empty(&self.directory) {
            return wrong_usage(options, &problem);
        }
        let request = Request::Release(ReleaseRequest::Files {
            release: self.release.clone(),
        });
        let files = match ask(options, &request) {
            Ok(files) => files,
            Err(exit) => return exit,
        };
        for row in &files {
            let Some(path) = row.first() else { continue };
            if let Err(exit) = self.export_file(options, path) {
                return exit;
            }
        }
        if options.json {
            print_json(&json!({ "files": files.len(), "directory": self.directory.display().to_string() }));
        } else {
            console::print_line(&format!("{} files", files.len()));
        }
        Exit::Fine
    }

    fn export_file(&self, options: &Options, path: &str) -> Result<(), Exit> {
        let request = Request::Release(ReleaseRequest::File {
            release: self.release.clone(),
            path: path.to_owned(),
        });
        let rows = ask(options, &request)?;
        let text = rows.first().and_then(|row| row.first());
        let written = match text.and_then(|text| bytes_of_text(text)) {
            Some(bytes) => tree::write(&self.directory, path, &bytes),
            None => Err(Problem::new(
                "tree/read",
                format!("the bytes of {path} did not come through"),
            )),
        };
        written.map_err(|problem| {
            Teller::new(options).tell_without_sources(&problem);
            session::exit_of(&[problem])
        })
    }
}

impl ShowRelease {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let request = Request::Release(ReleaseRequest::Show {
            release: self.release,
        });
        asked(options, &request, |rows| {
            if options.json {
                return print_json(&shown_as_json(&rows));
            }
            let shown: Vec<Vec<String>> = rows
                .iter()
                .filter(|row| row.get(1).is_some_and(|value| !value.is_empty()))
                .map(|row| match row.as_slice() {
                    [key, value] if key == "time" => vec![key.clone(), table::time(value)],
                    _ => row.clone(),
                })
                .collect();
            console::print(&table::aligned(&shown));
        })
    }
}

/// A release as one object: what may stand several times as lists.
fn shown_as_json(rows: &Rows) -> Value {
    let mut object = Map::new();
    for row in rows {
        let [key, value] = row.as_slice() else { continue };
        let value = match key.as_str() {
            "time" => json!(table::time(value)),
            "files" => json!(number(value)),
            _ => json!(value),
        };
        if matches!(key.as_str(), "put" | "rm" | "route" | "kernel" | "capability") {
            let list = object.entry(key.clone()).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(value);
            }
        } else {
            object.insert(key.clone(), value);
        }
    }
    Value::Object(object)
}

impl Diff {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let request = if Path::new(&self.to).is_dir() {
            match tree::read(Path::new(&self.to)) {
                Ok(files) => ReleaseRequest::DiffTree {
                    from: self.from,
                    files,
                },
                Err(problem) => return wrong_usage(options, &problem),
            }
        } else {
            ReleaseRequest::Diff {
                from: self.from,
                to: self.to,
            }
        };
        asked(options, &Request::Release(request), |rows| {
            if options.json {
                for row in &rows {
                    let [path, what, name, was, now] = row.as_slice() else {
                        continue;
                    };
                    print_json(&json!({ "path": path, "what": what, "name": name, "was": was, "now": now }));
                }
                return;
            }
            console::print(&printed_diff(&rows));
        })
    }
}

/// A diff as SLP: a form for each file, and in it one for each difference.
fn printed_diff(rows: &Rows) -> String {
    let mut text = String::new();
    let mut last = "";
    for row in rows {
        let [path, what, name, was, now] = row.as_slice() else {
            continue;
        };
        if path != last {
            if !last.is_empty() {
                text.push_str(")\n");
            }
            text.push_str(&format!("(file {path:?}"));
            last = path;
        }
        let label = if name.is_empty() {
            String::new()
        } else {
            format!(" {name:?}")
        };
        let body = match what.as_str() {
            "changed" => format!("\n{}\n{}", wrapped("was", was), wrapped("now", now)),
            "added" => format!("\n{}", indented(now, 4)),
            "removed" => format!("\n{}", indented(was, 4)),
            _ => String::new(),
        };
        text.push_str(&format!("\n  ({what}{label}{body})"));
    }
    if !last.is_empty() {
        text.push_str(")\n");
    }
    text
}

fn wrapped(word: &str, body: &str) -> String {
    format!("    ({word}\n{})", indented(body, 6))
}

fn indented(body: &str, width: usize) -> String {
    let lines = body.lines().map(|line| format!("{:width$}{line}", ""));
    lines.collect::<Vec<_>>().join("\n")
}

/// Prints which releases answer.
fn print_answering(options: &Options, rows: &Rows) {
    for row in rows {
        let [id, release, share] = row.as_slice() else {
            continue;
        };
        if options.json {
            print_json(&json!({ "release": number(release), "id": id, "answers": share }));
        } else {
            console::print_line(&format!("{id}  answers {share}"));
        }
    }
}

impl Rollback {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let request = Request::Release(ReleaseRequest::Rollback {
            release: self.release,
            author: author(),
        });
        asked(options, &request, |rows| print_answering(options, &rows))
    }
}

impl Split {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let request = Request::Release(ReleaseRequest::Split {
            shares: self.shares,
            by: self.by.unwrap_or_default(),
            author: author(),
        });
        asked(options, &request, |rows| print_answering(options, &rows))
    }
}

impl Collect {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        asked(options, &Request::Release(ReleaseRequest::Collect), |rows| {
            for row in &rows {
                let [n_releases, n_blobs, n_bytes] = row.as_slice() else {
                    continue;
                };
                if options.json {
                    print_json(&json!({
                        "releases": number(n_releases), "blobs": number(n_blobs), "bytes": number(n_bytes),
                    }));
                } else {
                    console::print_line(&format!(
                        "{n_releases} releases, {n_blobs} blobs, {n_bytes} bytes"
                    ));
                }
            }
        })
    }
}
