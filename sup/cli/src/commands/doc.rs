//! `sup doc`: what a name means, and lists of names.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use sup_runtime::doc::{Doc as Found, Listed};
use sup_runtime::world::MAIN;
use sup_runtime::{Capability, Grants, Problem, Runtime};

use super::files;
use crate::arguments::Options;
use crate::console;
use crate::exit::Exit;
use crate::session::{self, Teller};

const EXAMPLES: &str = "\
Examples:
  sup doc                 the modules of the standard library
  sup doc json            what a module or kernel gives; also written json/
  sup doc map             a function of the core library
  sup doc str/split       a function of a module
  sup doc if              a word of the language
  sup doc area            a definition in a source below here";

/// Tells what a name means.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Doc {
    /// A function, macro or word of the language; a module; a kernel
    #[arg(value_name = "NAME", allow_hyphen_values = true)]
    pub name: Option<String>,
}

impl Doc {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let builder = session::builder(options).grants(Grants::NONE.with(Capability::Kernel));
        let mut runtime = match session::build(builder, options) {
            Ok(runtime) => runtime,
            Err(exit) => return exit,
        };
        let Some(name) = &self.name else {
            list(&runtime.library_modules(), options);
            return Exit::Fine;
        };
        let near = match runtime.doc(MAIN, name) {
            Ok(found) => {
                print(&found, options);
                if runtime
                    .library_modules()
                    .iter()
                    .any(|module| module.name == *name)
                {
                    console::complain(&format!("`{name}` is a module too: sup doc {name}/\n"));
                }
                return Exit::Fine;
            }
            Err(near) => near,
        };
        if let Some(names) = runtime.names_of(name) {
            list(&names, options);
            return Exit::Fine;
        }
        if let Some(found) = in_project(&runtime, name) {
            print(&found, options);
            return Exit::Fine;
        }
        Teller::new(options).tell_without_sources(&unknown(name, &near));
        Exit::Raised
    }
}

/// A definition in a source below the working directory.
fn in_project(runtime: &Runtime, name: &str) -> Option<Found> {
    let files = files::sources(&[PathBuf::from(".")]).ok()?;
    files
        .iter()
        .find_map(|file| runtime.doc_in_file(file.strip_prefix(".").unwrap_or(file), name))
}

/// That a name is not known, with what may have been meant.
pub fn unknown(name: &str, near: &[String]) -> Problem {
    let problem = Problem::new("doc/unknown", format!("nothing is known of `{name}`"));
    match near {
        [] => problem,
        near => {
            let names: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
            problem.with_hint(format!("did you mean {}?", names.join(" or ")))
        }
    }
}

fn print(found: &Found, options: &Options) {
    if options.json {
        let value = json!({
            "name": found.name, "kind": found.kind.name(), "shape": found.shape, "doc": found.text,
            "examples": found.examples, "origin": found.origin, "since": found.since,
        });
        console::print_line(&value.to_string());
    } else {
        console::print(&text(found));
    }
}

/// What is known of a name, for a person.
pub fn text(found: &Found) -> String {
    let mut text = format!("{}\n", found.shape);
    if !found.text.is_empty() {
        text.push('\n');
        for line in found.text.lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    if !found.examples.is_empty() {
        text.push('\n');
        for example in &found.examples {
            text.push_str(&format!("  {example}\n"));
        }
    }
    let since = found
        .since
        .as_ref()
        .map(|since| format!(", since {since}"))
        .unwrap_or_default();
    text.push_str(&format!("\n  {} of {}{since}\n", found.kind.name(), found.origin));
    text
}

/// Prints a list of names.
pub fn list(names: &[Listed], options: &Options) {
    if options.json {
        let values: Vec<serde_json::Value> = names
            .iter()
            .map(|it| json!({ "name": it.name, "summary": it.summary }))
            .collect();
        console::print_line(&serde_json::Value::from(values).to_string());
        return;
    }
    let width = names
        .iter()
        .map(|it| it.name.chars().count())
        .max()
        .unwrap_or(0)
        .min(32);
    for it in names {
        console::print_line(format!("{:width$}  {}", it.name, it.summary).trim_end());
    }
}
