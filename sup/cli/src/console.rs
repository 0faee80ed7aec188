//! Standard output, error and input: one buffer for what programs and commands print, so that nothing comes out of order.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Stdout, Write};
use std::os::fd::AsFd;
use std::sync::{LazyLock, Mutex, MutexGuard};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use sup_runtime::Console;

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
static INPUT: Mutex<Option<BufReader<File>>> = Mutex::new(None);

/// Milliseconds after which whoever waits for input looks up.
const LOOK_UP_MS: u16 = 100;

/// The next line of standard input with its end; empty at the end of input.
///
/// # Errors
/// When it cannot be read, and when Ctrl-C was pressed while it was waited for.
pub fn read_line() -> io::Result<Vec<u8>> {
    flush();
    let mut input = INPUT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if input.is_none() {
        *input = Some(BufReader::new(File::from(
            io::stdin().as_fd().try_clone_to_owned()?,
        )));
    }
    let reader = input.as_mut().expect("it was just filled");
    if reader.buffer().is_empty() {
        wait_for(reader.get_ref())?;
    }
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    Ok(line)
}

fn wait_for(file: &File) -> io::Result<()> {
    loop {
        let mut waited = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waited, PollTimeout::from(LOOK_UP_MS)) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
        if interrupt::is_pressed() {
            return Err(io::Error::other("interrupted"));
        }
    }
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

    fn read_line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::from_utf8(read_line()?)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the line is not UTF-8"))?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.ends_with('\n') {
            line.pop();
            if line.ends_with('\r') {
                line.pop();
            }
        }
        Ok(Some(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        let outcome = output().writer.flush();
        unless_gone(outcome)
    }
}
