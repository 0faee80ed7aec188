//! Standard output, error and input: one buffer for what programs and commands print, so that nothing comes out of order.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Stdout, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use sup_runtime::Console;
use sup_runtime::console::Polled;

use crate::exit::Exit;
use crate::interrupt;

/// Bytes that are held back when standard output is no terminal.
const BUFFER_BYTES: usize = 64 << 10;

struct Output {
    writer: BufWriter<Stdout>,
    is_terminal: bool,
}

static OUTPUT: LazyLock<Mutex<Output>> = LazyLock::new(|| {
    let stdout = io::stdout();
    let is_terminal = stdout.is_terminal();
    Mutex::new(Output {
        writer: BufWriter::with_capacity(BUFFER_BYTES, stdout),
        is_terminal,
    })
});

fn output() -> MutexGuard<'static, Output> {
    OUTPUT.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Output {
    fn write(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(text.as_bytes())?;
        if self.is_terminal {
            self.writer.flush()
        } else {
            Ok(())
        }
    }
}

/// Nobody reads standard output any more: the process has nothing left to do, and that is no fault of anybody's.
fn unless_gone(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine.end_process(),
        outcome => outcome,
    }
}

/// Prints text on standard output as it is.
pub fn print(text: &str) {
    let outcome = output().write(text);
    if let Err(error) = unless_gone(outcome) {
        complain(&format!("error: standard output cannot be written: {error}\n"));
        Exit::Raised.end_process();
    }
}

/// Prints a line on standard output.
pub fn print_line(text: &str) {
    print(&format!("{text}\n"));
}

/// Writes text to standard error, after everything that was printed before it.
pub fn complain(text: &str) {
    flush();
    // Nobody is left to be told when standard error is closed.
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

/// Writes what another program complained to standard error, as it is.
pub fn complain_bytes(bytes: &[u8]) {
    flush();
    drop(io::stderr().lock().write_all(bytes));
}

/// Sees to it that everything printed has reached its reader.
pub fn flush() {
    let outcome = output().writer.flush();
    drop(unless_gone(outcome));
}

/// The same for a thread that must not wait for the one that prints.
pub fn flush_if_free() {
    if let Ok(mut output) = OUTPUT.try_lock() {
        drop(output.writer.flush());
    }
}

/// Whether standard output is a terminal.
pub fn is_terminal() -> bool {
    output().is_terminal
}

/// Standard input. Its buffer is ours, so that whether there is more can be asked before waiting for it.
static INPUT: Mutex<Input> = Mutex::new(Input {
    file: None,
    kept: Vec::new(),
    start: 0,
    searched: 0,
    has_ended: false,
});

/// Bytes that one look at standard input takes at most.
const INPUT_BYTES: usize = 64 << 10;

struct Input {
    file: Option<File>,
    /// What was read.
    kept: Vec<u8>,
    /// Where what is in no line yet starts in it.
    start: usize,
    /// Up to where there is no line's end after that.
    searched: usize,
    has_ended: bool,
}

/// What is there of a line.
enum Found {
    Line(Vec<u8>),
    End,
    Pending,
}

fn input() -> MutexGuard<'static, Input> {
    INPUT.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Input {
    fn file(&mut self) -> io::Result<&File> {
        if self.file.is_none() {
            self.file = Some(File::from(io::stdin().as_fd().try_clone_to_owned()?));
        }
        Ok(self.file.as_ref().expect("it was just filled"))
    }

    fn take_to(&mut self, end: usize) -> Vec<u8> {
        let line = self.kept[self.start..end].to_vec();
        (self.start, self.searched) = (end, end);
        line
    }

    /// The next line with its end, as far as it can be had without waiting.
    fn poll_line(&mut self) -> io::Result<Found> {
        loop {
            let unsearched = &self.kept[self.searched..];
            if let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') {
                return Ok(Found::Line(self.take_to(self.searched + at + 1)));
            }
            self.searched = self.kept.len();
            if self.has_ended {
                let line = self.take_to(self.kept.len());
                return Ok(if line.is_empty() {
                    Found::End
                } else {
                    Found::Line(line)
                });
            }
            if !is_readable(self.file()?, PollTimeout::ZERO)? {
                return Ok(Found::Pending);
            }
            self.kept.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
            let n_kept = self.kept.len();
            self.kept.resize(n_kept + INPUT_BYTES, 0);
            let file = self.file.as_mut().expect("it was just looked at");
            let n_read = file.read(&mut self.kept[n_kept..]);
            self.kept
                .truncate(n_kept + n_read.as_ref().map_or(0, |n_bytes| *n_bytes));
            match n_read {
                // A terminal's end of input is that of one line only.
                Ok(0) if n_kept == 0 => return Ok(Found::End),
                Ok(0) => self.has_ended = true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_readable(file: &File, timeout: PollTimeout) -> io::Result<bool> {
    let mut waited = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    match poll(&mut waited, timeout) {
        Ok(n_ready) => Ok(n_ready > 0),
        Err(nix::errno::Errno::EINTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Milliseconds after which whoever waits for input looks up.
const LOOK_UP_MS: u16 = 100;

/// The next line of standard input with its end; empty at the end of input.
///
/// # Errors
/// When it cannot be read, and when Ctrl-C was pressed while it was waited for.
pub fn read_line() -> io::Result<Vec<u8>> {
    flush();
    loop {
        match input().poll_line()? {
            Found::Line(line) => return Ok(line),
            Found::End => return Ok(Vec::new()),
            Found::Pending => {}
        }
        wait_for_input()?;
    }
}

fn wait_for_input() -> io::Result<()> {
    // The input is not held while it is waited for: another thread may want to look at it.
    let file = input().file()?.try_clone()?;
    is_readable(&file, PollTimeout::from(LOOK_UP_MS))?;
    if interrupt::is_pressed() {
        return Err(io::Error::other("interrupted"));
    }
    Ok(())
}

/// The console that programs get.
pub struct Terminal;

impl Console for Terminal {
    fn write(&mut self, text: &str) -> io::Result<()> {
        let outcome = output().write(text);
        unless_gone(outcome)
    }

    fn write_error(&mut self, text: &str) -> io::Result<()> {
        flush();
        io::stderr().lock().write_all(text.as_bytes())
    }

    fn input(&self) -> Arc<dyn sup_runtime::console::Input> {
        Arc::new(Lines)
    }

    fn flush(&mut self) -> io::Result<()> {
        let outcome = output().writer.flush();
        unless_gone(outcome)
    }
}

/// Lines of standard input.
struct Lines;

impl sup_runtime::console::Input for Lines {
    fn poll_line(&self) -> io::Result<Polled> {
        let bytes = match input().poll_line()? {
            Found::Line(bytes) => bytes,
            Found::End => return Ok(Polled::End),
            Found::Pending => return Ok(Polled::Pending),
        };
        let mut line = String::from_utf8(bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the line is not UTF-8"))?;
        if line.ends_with('\n') {
            line.pop();
            if line.ends_with('\r') {
                line.pop();
            }
        }
        Ok(Polled::Line(line))
    }

    fn wait(&self) -> io::Result<()> {
        wait_for_input()
    }

    fn give_back(&self, line: String) {
        let mut input = input();
        let mut kept = line.into_bytes();
        kept.push(b'\n');
        kept.extend_from_slice(&input.kept[input.start..]);
        input.kept = kept;
        (input.start, input.searched) = (0, 0);
    }
}
