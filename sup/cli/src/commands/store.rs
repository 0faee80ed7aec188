//! The store commands: code under names, put, read and called. Whoever owns the store answers: a running instance, else this
//! process.

pub mod table;

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use sup_runtime::control::{self, Answer};
use sup_runtime::load::Problems;
use sup_runtime::requests::{self, Request, Rows, Wanted};
use sup_runtime::{Problem, StoreLocation};

use crate::arguments::Options;
use crate::console;
use crate::exit::Exit;
use crate::interrupt::{self, Ends};
use crate::session::{self, Teller};

const PUT_EXAMPLES: &str = "\
Examples:
  sup put util/sum sum.slp                                put a file
  echo '(fn (xs) [(reduce + 0 xs)])' | sup put util/sum -    put what standard input holds

The value of the name is that of the text's last form; what the text defines is NAME/definition. Nothing is put whose names are
not all known. Prints the name, its version and the short hash once the store has synced it.";

/// Puts code under a name.
#[derive(Args, Debug)]
#[command(after_help = PUT_EXAMPLES)]
pub struct Put {
    /// The name, a path such as util/sum
    pub name: String,
    /// The file with the text, or - for standard input
    #[arg(value_name = "FILE|-")]
    pub file: std::path::PathBuf,
}

const GET_EXAMPLES: &str = "\
Examples:
  sup get util/sum         the text as it stands
  sup get util/sum@3       as it stood in version 3; `sup log` tells the versions";

/// Prints the text under a name.
#[derive(Args, Debug)]
#[command(after_help = GET_EXAMPLES)]
pub struct Get {
    /// The name, or a name at a version
    #[arg(value_name = "NAME[@VERSION]")]
    pub name: String,
}

const LIST_EXAMPLES: &str = "\
Examples:
  sup ls                every name
  sup ls util/          those that start so

Columns: name, version, hash, time, bytes.";

/// Lists names.
#[derive(Args, Debug)]
#[command(after_help = LIST_EXAMPLES)]
pub struct List {
    /// How the names start
    #[arg(value_name = "PREFIX", default_value = "")]
    pub prefix: String,
}

const REMOVE_EXAMPLES: &str = "\
Examples:
  sup rm util/sum       its history stays: `sup log util/sum`, `sup get util/sum@3`";

/// Takes a name away.
#[derive(Args, Debug)]
#[command(after_help = REMOVE_EXAMPLES)]
pub struct Remove {
    /// The name
    pub name: String,
}

const LOG_EXAMPLES: &str = "\
Examples:
  sup log               every change, the last one first
  sup log util/sum      those of one name

Columns: release, time, what was done, to what; of one name the hash, else the release's id, who did it and what they said.";

/// Tells what was changed.
#[derive(Args, Debug)]
#[command(after_help = LOG_EXAMPLES)]
pub struct Log {
    /// The name
    #[arg(default_value = "")]
    pub name: String,
}

const CALL_EXAMPLES: &str = "\
Examples:
  sup call util/sum '{1 2 3}'        prints 6
  sup call --json util/sum '{1 2}'   prints it as JSON

Arguments are expressions. Prints the value unless it is nil.";

/// Calls the function under a name.
#[derive(Args, Debug)]
#[command(after_help = CALL_EXAMPLES)]
pub struct Call {
    /// The name
    pub name: String,
    /// The arguments, as expressions
    #[arg(value_name = "ARG", trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

impl Put {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let text = match read_text(&self.file) {
            Ok(text) => text,
            Err(problem) => {
                Teller::new(options).tell_without_sources(&problem);
                return Exit::Usage;
            }
        };
        let request = Request::Put {
            name: self.name,
            text,
            author: super::releases::author(),
        };
        asked(options, &request, |rows| {
            for row in &rows {
                let [name, version, hash] = row.as_slice() else {
                    continue;
                };
                if options.json {
                    print_json(&json!({ "name": name, "version": number(version), "hash": hash }));
                } else {
                    console::print_line(&format!("{name}@{version} {}", table::short(hash)));
                }
            }
        })
    }
}

impl Get {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let request = Request::Get {
            name: self.name.clone(),
        };
        asked(options, &request, |rows| {
            for text in rows.iter().flatten() {
                if options.json {
                    print_json(&json!({ "name": self.name, "text": text }));
                } else {
                    let end = if text.ends_with('\n') || !console::is_terminal() {
                        ""
                    } else {
                        "\n"
                    };
                    console::print(&format!("{text}{end}"));
                }
            }
        })
    }
}

impl List {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        asked(options, &Request::List { prefix: self.prefix }, |rows| {
            if !options.json {
                return console::print(&table::listing(&rows));
            }
            for row in &rows {
                let [name, version, hash, time, n_bytes] = row.as_slice() else {
                    continue;
                };
                print_json(&json!({
                    "name": name, "version": number(version), "hash": hash, "time": table::time(time), "bytes": number(n_bytes),
                }));
            }
        })
    }
}

impl Remove {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let request = Request::Remove {
            name: self.name,
            author: super::releases::author(),
        };
        asked(options, &request, |_| {})
    }
}

impl Log {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        asked(options, &Request::Log { name: self.name }, |rows| {
            if !options.json {
                return console::print(&table::log(&rows));
            }
            rows.iter().for_each(|row| print_json(&logged(row)));
        })
    }
}

/// A line of the log: of one name with the hash, of all with the release and what was said of it.
fn logged(row: &[String]) -> Value {
    match row {
        [version, time, what, name, hash] => json!({
            "version": number(version), "time": table::time(time), "change": what, "name": name,
            "hash": Some(hash).filter(|hash| !hash.is_empty()),
        }),
        [version, time, what, name, id, author, message] => json!({
            "version": number(version), "time": table::time(time), "change": what, "name": name, "id": id,
            "author": author, "message": message,
        }),
        _ => Value::Null,
    }
}

impl Call {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let wanted = if options.json { Wanted::Json } else { Wanted::Text };
        let request = Request::Call {
            name: self.name,
            arguments: self.arguments,
            wanted,
        };
        asked(options, &request, |rows| {
            rows.iter().flatten().for_each(|text| console::print_line(text))
        })
    }
}

pub fn print_json(value: &Value) {
    console::print_line(&value.to_string());
}

pub fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn read_text(file: &Path) -> Result<String, Problem> {
    let (read, name) = if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().read_to_end(&mut bytes).map(|_| bytes);
        (read, "standard input".to_owned())
    } else {
        (std::fs::read(file), file.display().to_string())
    };
    let bytes = read.map_err(|error| Problem::new("put/input", format!("{name} cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        Problem::new("put/input", format!("{name} is not UTF-8: byte {offset}"))
    })
}

/// How long a store may be held by a process that does not listen yet: one that is starting, or another command.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait before the next try.
const PAUSE: Duration = Duration::from_millis(20);

/// Has a request answered by whoever owns the store, and prints the answer.
pub fn asked(options: &Options, request: &Request, print: impl FnOnce(Rows)) -> Exit {
    match ask(options, request) {
        Ok(rows) => {
            print(rows);
            console::flush();
            Exit::Fine
        }
        Err(exit) => exit,
    }
}

/// Has a request answered by whoever owns the store.
///
/// # Errors
/// How the command ends; why was told.
pub fn ask(options: &Options, request: &Request) -> Result<Rows, Exit> {
    let teller = Teller::new(options);
    let Some(location) = session::store_location(options) else {
        let problem = Problem::new("store/none", "nothing says where the store is");
        teller.tell_without_sources(&problem.with_hint("--store DIR or $SUP_STORE says where it is"));
        return Err(Exit::Usage);
    };
    let begin = Instant::now();
    loop {
        match ask_instance(&location, request) {
            Ok(None) => {}
            Ok(Some(answer)) => return told(&teller, answer),
            Err(problem) => {
                teller.tell_without_sources(&problem);
                return Err(Exit::Raised);
            }
        }
        match answered_here(options, request) {
            Ok(rows) => return Ok(rows),
            Err(Failed::Told(exit)) => return Err(exit),
            Err(Failed::Locked(problem)) if begin.elapsed() >= PATIENCE => {
                teller.tell_without_sources(&problem);
                return Err(Exit::Raised);
            }
            Err(Failed::Locked(_)) => std::thread::sleep(PAUSE),
        }
    }
}

/// Asks the process that owns the store; nothing when none listens.
pub(super) fn ask_instance(location: &StoreLocation, request: &Request) -> Result<Option<Answer>, Problem> {
    let Some(socket) = location.control_socket() else {
        return Ok(None);
    };
    control::ask(&socket, request).map_err(|error| {
        let message = format!("the instance at {} does not answer: {error}", socket.display());
        Problem::new("control/failed", message)
    })
}

fn told(teller: &Teller, answer: Answer) -> Result<Rows, Exit> {
    console::print(&answer.printed);
    answer.outcome.map_err(|(problems, sources)| {
        teller.tell_with_sources(&problems, &sources);
        session::exit_of(&problems)
    })
}

enum Failed {
    /// Another process holds the store.
    Locked(Problem),
    /// The request failed, and that was told.
    Told(Exit),
}

/// Answers in this process. Whether the store can be had is known before anything else is done.
fn answered_here(options: &Options, request: &Request) -> Result<Rows, Failed> {
    let mut runtime = session::start(options, Vec::new()).map_err(Failed::Told)?;
    interrupt::watch(runtime.interrupter(), Ends::Process);
    let outcome: Result<Rows, Problems> = requests::answer(&mut runtime, request);
    outcome.map_err(|mut problems| {
        if problems.len() == 1 && problems[0].code == "store/locked" {
            return Failed::Locked(problems.remove(0));
        }
        Teller::new(options).tell_all(&runtime, &problems);
        Failed::Told(session::exit_of(&problems))
    })
}
