//! An isolate that owns a store answers commands of other processes, and sees at once what they change.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sup_abi::word::NIL;
use sup_vm::schedule::Inbox;

use crate::builder::Builder;
use crate::codebase::{self, Codebase};
use crate::console::Console;
use crate::control::{Answer, Listener, Outcome};
use crate::load::Problems;
use crate::natives::world_of;
use crate::requests::{self, Request};
use crate::runtime::Runtime;
use crate::world::SharedWorld;

/// A store that this process has just opened.
pub struct Opened {
    pub(crate) codebase: Arc<Codebase>,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) kernels: Arc<sup_host::Registry>,
}

impl Opened {
    /// Answers commands at the store's socket. Each is answered in a fresh isolate that `make` starts making, so that it sees
    /// the code as it stands and leaves nothing behind; kernels are those of this process. A store in memory has no socket.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn serve(self, make: impl Fn() -> Builder + Send + 'static) -> io::Result<Option<Listener>> {
        let Opened {
            codebase,
            socket,
            inbox,
            kernels,
        } = self;
        let Some(socket) = socket else { return Ok(None) };
        let answer = move |request: &Request| {
            let printed = Printed::default();
            let builder = make()
                .codebase(codebase.clone())
                .kernels(kernels.clone())
                .console(Box::new(printed.clone()));
            let outcome = match builder.build() {
                Ok(mut runtime) => answer(&mut runtime, request),
                Err(problems) => Err((problems, Vec::new())),
            };
            if outcome.is_ok() && requests::moves(request) {
                tell_change(&inbox);
            }
            Answer {
                printed: printed.take(),
                outcome,
            }
        };
        Listener::start(&socket, move || answer).map(Some)
    }
}

fn answer(runtime: &mut Runtime, request: &Request) -> Outcome {
    requests::answer(runtime, request).map_err(|problems| {
        let sources = sources_of(&runtime.world, &problems);
        (problems, sources)
    })
}

/// The texts that problems point into.
fn sources_of(world: &SharedWorld, problems: &Problems) -> Vec<(String, String)> {
    let world = world.borrow();
    let mut names: Vec<&String> = problems
        .iter()
        .flat_map(|problem| {
            problem
                .place
                .iter()
                .chain(problem.trace.iter().map(|line| &line.place))
        })
        .map(|place| &place.source)
        .collect();
    names.sort();
    names.dedup();
    let found = names
        .into_iter()
        .filter_map(|name| world.sources.get_key_value(name));
    found
        .map(|(name, text)| (name.clone(), text.to_string()))
        .collect()
}

/// Has the isolate follow the head, between two slices of what it runs.
fn tell_change(inbox: &Inbox) {
    inbox.post(Box::new(move |vm| {
        let world = world_of(vm);
        if let Err(problem) = codebase::refresh(vm, &world)
            && let Some(console) = world.borrow().console.clone()
        {
            let line = format!(
                "the code stays as it was: {}: {}\n",
                problem.code, problem.message
            );
            // Nobody is left to be told when the console is closed.
            drop(console.lock().write_error(&line));
        }
        Ok(NIL)
    }));
}

/// Keeps what a command's code prints, for the process that asked.
#[derive(Clone, Default)]
struct Printed {
    text: Arc<Mutex<String>>,
}

impl Printed {
    fn take(&self) -> String {
        std::mem::take(&mut self.text.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Console for Printed {
    fn write(&mut self, text: &str) -> io::Result<()> {
        self.text
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_str(text);
        Ok(())
    }

    fn write_error(&mut self, text: &str) -> io::Result<()> {
        self.write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
