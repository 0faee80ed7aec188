//! `sup run`: a file, the `init.slp` of a directory, or standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use sup_runtime::load::Problems;
use sup_runtime::{Problem, Runtime};

use super::measure::Measures;
use super::show::{self, Show};
use super::watch::Watch;
use crate::arguments::Options;
use crate::console;
use crate::exit::Exit;
use crate::interrupt::{self, Ends};
use crate::project::{INIT, needs};
use crate::session::{self, Teller};

const EXAMPLES: &str = "\
Examples:
  sup run hello.slp                     run a file
  sup run                               run ./init.slp
  sup run report.slp sales.json -v      words behind the file are the program's
  sup run report.slp -- --json          so are options behind --
  sup run --deadline-ms 500 loop.slp    stop it after half a second
  sup run --allow console hello.slp     let it print, and nothing else
  sup run --show bytecode hello.slp     look at what the machine would run
  sup run --stats hello.slp             tell what it used: collections, memory, fuel, time
  sup run --profile hello.folded hello.slp   where its time goes, for flame-graph tools
  cat hello.slp | sup run -             run what standard input holds
  sup run --watch                       and take over what changes in the project's files
  sup run --control                     and answer `sup kernel` and the store commands from the start

The program's value is not printed. Exit code 1 when it raised. A program that has
started a server is run until the server ends: SIGTERM and Ctrl-C let it answer
what it has begun, and then the exit code is 0.";

/// Runs a program.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Run {
    /// The file, a directory that has an init.slp, or - for standard input
    #[arg(value_name = "FILE|DIR", default_value = ".")]
    pub path: PathBuf,

    /// The program's arguments: the first word that is no option of sup, and everything behind it
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,

    /// Take over changes while it runs: kernels are built and replaced, modules read again, and the program run once more when
    /// it has ended and its own file changes
    #[arg(long)]
    watch: bool,

    /// Open the store at the start, so that other processes are answered from then on
    #[arg(long)]
    control: bool,

    #[command(flatten)]
    show: Show,

    #[command(flatten)]
    measures: Measures,
}

impl Run {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let program = match Program::find(&self.path) {
            Ok(program) => program,
            Err(problems) => {
                let teller = Teller::new(options);
                problems
                    .iter()
                    .for_each(|problem| teller.tell_without_sources(problem));
                return Exit::Usage;
            }
        };
        let options = &match self.prepare(&program, options) {
            Ok(options) => options,
            Err(exit) => return exit,
        };
        let mut runtime = match session::start_serving(options, self.arguments) {
            Ok(runtime) => runtime,
            Err(exit) => return exit,
        };
        if let Some(stage) = self.show.show {
            let shown = match &program {
                Program::File(file) => runtime.show_file(file, stage.into()),
                Program::Text(text) => runtime.show_text("stdin", text, stage.into()),
            };
            return show::print(&runtime, options, shown);
        }
        let measuring = match self.measures.start(&mut runtime, options) {
            Ok(measuring) => measuring,
            Err(exit) => return exit,
        };
        interrupt::watch(runtime.interrupter(), Ends::Process);
        interrupt::drain_first(runtime.drainer());
        if self.control
            && let Err(problem) = runtime.open_store()
        {
            Teller::new(options).tell_without_sources(&problem);
            return Exit::Raised;
        }
        let exit = match self.watch {
            true => run_watched(&program, &mut runtime, options),
            false => program.run(&mut runtime, options),
        };
        if exit == Exit::Fine {
            console::flush();
            runtime.stay();
        }
        console::flush();
        measuring.finish(&mut runtime, options, exit)
    }
}

/// Runs a program, and again each time that its file has changed after it has ended, until somebody presses Ctrl-C.
fn run_watched(program: &Program, runtime: &mut Runtime, options: &Options) -> Exit {
    let Program::File(file) = program else {
        let problem = Problem::new("run/watch", "standard input cannot be watched");
        Teller::new(options).tell_without_sources(&problem.with_hint("name a file or a directory"));
        return Exit::Usage;
    };
    let watch = match Watch::start(file, options, runtime) {
        Ok(watch) => watch,
        Err(problem) => {
            Teller::new(options).tell_without_sources(&problem);
            return Exit::Raised;
        }
    };
    let mut exit = program.run(runtime, options);
    loop {
        console::flush();
        if exit == Exit::Interrupted || !watch.wait(runtime) {
            return exit;
        }
        console::complain(&format!("running {} again\n", file.display()));
        exit = ended(runtime.run_file_again(file).map(drop), runtime, options);
    }
}

impl Run {
    /// The options for the project that the program belongs to. A whole project is checked before it is run.
    fn prepare(&self, program: &Program, options: &Options) -> Result<Options, Exit> {
        let Program::File(file) = program else {
            return Ok(options.clone());
        };
        let (options, project) = needs::prepare(&self.path, options)?;
        if let Some(project) = &project {
            needs::tell_shadows(project, &options);
            if self.path.is_dir() {
                needs::check(project, file, &options)?;
            }
        }
        Ok(options)
    }
}

enum Program {
    File(PathBuf),
    Text(String),
}

impl Program {
    /// What the path names.
    fn find(path: &Path) -> Result<Program, Problems> {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            return read.map(|_| Program::Text(text)).map_err(|error| {
                vec![Problem::new(
                    "run/input",
                    format!("standard input cannot be read: {error}"),
                )]
            });
        }
        let file = if path.is_dir() {
            path.join(INIT)
        } else {
            path.to_path_buf()
        };
        if file.is_file() || (file.exists() && !file.is_dir()) {
            return Ok(Program::File(tidied(&file)));
        }
        if path.is_dir() {
            let problem = Problem::new("run/missing", format!("there is no {INIT} in {}", path.display()));
            return Err(vec![problem.with_hint(
                "a directory is run by its init.slp; name a file to run that one",
            )]);
        }
        let message = format!("there is no file {}", path.display());
        Err(vec![Problem::new("run/missing", message)])
    }

    fn run(&self, runtime: &mut Runtime, options: &Options) -> Exit {
        let outcome = match self {
            Program::File(file) => runtime.run_file(file),
            Program::Text(text) => runtime.eval("stdin", text),
        };
        ended(outcome.map(drop), runtime, options)
    }
}

/// How a program's end is told.
fn ended(outcome: Result<(), Problems>, runtime: &Runtime, options: &Options) -> Exit {
    match outcome {
        Ok(()) => Exit::Fine,
        Err(problems) => {
            Teller::new(options).tell_all(runtime, &problems);
            session::exit_of(&problems)
        }
    }
}

/// The path without a leading `./`, as errors tell it.
fn tidied(path: &Path) -> PathBuf {
    path.strip_prefix(".")
        .map_or_else(|_| path.to_path_buf(), Path::to_path_buf)
}
