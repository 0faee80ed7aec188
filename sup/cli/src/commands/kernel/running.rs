//! The kernels of a program that runs: listed, loaded, replaced, unloaded over its control socket.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use sup_runtime::Problem;
use sup_runtime::requests::{KernelRequest, Request, Rows};

use super::super::store;
use crate::arguments::Options;
use crate::console;
use crate::exit::Exit;
use crate::session::{self, Teller};

#[derive(Args, Debug)]
pub struct Name {
    /// A kernel's name
    #[arg(value_name = "NAME")]
    kernel: String,
}

#[derive(Args, Debug)]
pub struct NameOrPath {
    /// A kernel's name, or the path of its library
    #[arg(value_name = "NAME|PATH")]
    kernel: String,
}

#[derive(Args, Debug)]
pub struct Next {
    /// A kernel's name
    #[arg(value_name = "NAME")]
    kernel: String,

    /// The library of the next generation [default: where the name leads to, else where the kernel came from]
    #[arg(value_name = "PATH")]
    library: Option<PathBuf>,
}

/// What is asked for.
#[derive(Debug)]
pub enum Asked {
    List,
    Info(Name),
    Load(NameOrPath),
    Reload(Next),
    Unload(Name),
}

/// How many fields tell of a generation.
const N_FIELDS: usize = 11;
/// What its counts count, as fields have them.
const COUNTED: [&str; 6] = ["isolates", "calls", "resources", "pins", "promises", "jobs"];

/// Asks the program that runs, and prints its answer.
pub fn ask(asked: Asked, options: &Options) -> Exit {
    match answered(asked, options) {
        Ok(()) => {
            console::flush();
            Exit::Fine
        }
        Err(Failed::Told(exit)) => exit,
        Err(Failed::Problem(problem)) => {
            Teller::new(options).tell_without_sources(&problem);
            Exit::Raised
        }
    }
}

enum Failed {
    Problem(Problem),
    /// It was told already.
    Told(Exit),
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Failed {
        Failed::Problem(problem)
    }
}

fn answered(asked: Asked, options: &Options) -> Result<(), Failed> {
    let is_changed = !matches!(asked, Asked::List | Asked::Info(_));
    let request = match asked {
        Asked::List => KernelRequest::List,
        Asked::Info(which) => KernelRequest::Info { name: which.kernel },
        Asked::Load(which) => KernelRequest::Load {
            name: absolute_if_path(which.kernel)?,
        },
        Asked::Reload(next) => KernelRequest::Reload {
            name: next.kernel,
            library: match next.library {
                Some(path) => absolute(&path)?,
                None => String::new(),
            },
        },
        Asked::Unload(which) => KernelRequest::Unload { name: which.kernel },
    };
    let rows = rows(options, request)?;
    if options.json {
        tell_as_json(&rows);
    } else if is_changed {
        tell_change(&rows, options)?;
    } else {
        tell(&rows);
    }
    Ok(())
}

/// The instance's working directory is not this one's.
fn absolute(path: &Path) -> Result<String, Problem> {
    let absolute = std::path::absolute(path).map_err(|error| {
        let message = format!("{} is no path: {error}", path.display());
        Problem::new("kernel/unreadable", message)
    })?;
    Ok(absolute.display().to_string())
}

fn absolute_if_path(name_or_path: String) -> Result<String, Problem> {
    let path = Path::new(&name_or_path);
    if path.components().count() > 1 || path.extension().is_some() {
        absolute(path)
    } else {
        Ok(name_or_path)
    }
}

fn rows(options: &Options, request: KernelRequest) -> Result<Rows, Failed> {
    let location = session::store_location(options)
        .ok_or_else(|| Problem::new("store/none", "nothing says where the store is"))?;
    let Some(answer) = store::ask_instance(&location, &Request::Kernel(request))? else {
        let place = location
            .control_socket()
            .map_or_else(|| "this store".to_owned(), |socket| socket.display().to_string());
        let problem = Problem::new(
            "kernel/no-instance",
            format!("no program that runs answers at {place}"),
        );
        let hint = "a program answers once it has used its store, or from the start with `sup run --control`";
        return Err(problem.with_hint(hint).into());
    };
    console::print(&answer.printed);
    answer.outcome.map_err(|(problems, sources)| {
        Teller::new(options).tell_with_sources(&problems, &sources);
        Failed::Told(session::exit_of(&problems))
    })
}

/// What came of a change, and which earlier generations still drain, and why.
fn tell_change(rows: &Rows, options: &Options) -> Result<(), Failed> {
    let Some([name, version, generation, state, library, ..]) = rows.first().map(Vec::as_slice) else {
        return Ok(());
    };
    let changed = format!("{name} {version}: generation {generation} is {state} ({library})");
    if state != "serving" {
        let held = rows.first().map(|row| held_by(row)).unwrap_or_default();
        let why = if held.is_empty() {
            String::new()
        } else {
            format!(", held by {held}")
        };
        console::print_line(&format!("{changed}{why}"));
        return Ok(());
    }
    console::print_line(&changed);
    // The change is done, and the program may have ended with it.
    let Ok(listed) = self::rows(options, KernelRequest::List) else {
        return Ok(());
    };
    for row in rows_of(&listed, name) {
        if row[3] == "draining" {
            console::print_line(&format!("generation {} drains: {}", row[2], held_by(row)));
        }
    }
    Ok(())
}

fn rows_of<'a>(rows: &'a Rows, name: &'a str) -> impl Iterator<Item = &'a Vec<String>> {
    let tells = move |row: &&Vec<String>| row.len() == N_FIELDS && row[0] == name;
    rows.iter().filter(tells)
}

/// What holds a generation: `2 isolates, 1 resources`.
fn held_by(row: &[String]) -> String {
    let counts = COUNTED.iter().zip(&row[N_FIELDS - COUNTED.len()..]);
    let held: Vec<String> = counts
        .filter(|(_, count)| *count != "0")
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    held.join(", ")
}

fn tell(rows: &Rows) {
    let mut table = vec![["NAME", "VERSION", "GENERATION", "STATE", "HELD BY", "FROM"].map(str::to_owned)];
    for row in rows.iter().filter(|row| row.len() == N_FIELDS) {
        table.push([
            row[0].clone(),
            row[1].clone(),
            row[2].clone(),
            row[3].clone(),
            held_by(row),
            row[4].clone(),
        ]);
    }
    let width = |column: usize| {
        table
            .iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..5).map(width).collect();
    for row in &table {
        let columns = row
            .iter()
            .zip(&widths)
            .map(|(text, width)| format!("{text:<width$}  "));
        let line: String = columns.chain(row.last().cloned()).collect();
        console::print_line(line.trim_end());
    }
    for row in rows.iter().filter(|row| row.len() == 3) {
        let first_line = row[2].lines().next().unwrap_or_default();
        console::print_line(&format!("  {} {}  {first_line}", row[0], row[1]));
    }
}

/// One object for each generation, and one for each primitive.
fn tell_as_json(rows: &Rows) {
    for row in rows {
        let value = match row.as_slice() {
            [name, signature, doc] => json!({ "primitive": name, "signature": signature, "doc": doc }),
            row if row.len() == N_FIELDS => generation_as_json(row),
            _ => continue,
        };
        console::print_line(&value.to_string());
    }
}

fn generation_as_json(row: &[String]) -> Value {
    let number = |text: &String| text.parse::<u64>().ok();
    let counts = COUNTED.iter().zip(&row[N_FIELDS - COUNTED.len()..]);
    let held: serde_json::Map<String, Value> = counts
        .map(|(what, count)| ((*what).to_owned(), json!(number(count))))
        .collect();
    json!({
        "name": row[0], "version": row[1], "generation": number(&row[2]), "state": row[3], "from": row[4], "held_by": held,
    })
}
