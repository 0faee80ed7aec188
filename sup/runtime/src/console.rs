//! Where a program's text goes and comes from. The builder gives it; without one, output is dropped and input is empty.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Standard output, error and input of a program.
pub trait Console: Send {
    /// Writes text for the program's reader.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write(&mut self, text: &str) -> std::io::Result<()>;

    /// Writes text for whoever watches the program.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write_error(&mut self, text: &str) -> std::io::Result<()>;

    /// Where lines come from. Without an answer of the console's own, input has ended.
    fn input(&self) -> Arc<dyn Input> {
        Arc::new(NoInput)
    }

    /// Sees to it that everything written has reached its reader.
    ///
    /// # Errors
    /// When it cannot.
    fn flush(&mut self) -> std::io::Result<()>;
}

/// A console that the isolates of a program share; one of them uses it at a time.
#[derive(Clone)]
pub struct SharedConsole(Arc<Mutex<Box<dyn Console>>>);

impl SharedConsole {
    /// Shares a console.
    #[must_use]
    pub fn new(console: Box<dyn Console>) -> SharedConsole {
        SharedConsole(Arc::new(Mutex::new(console)))
    }

    /// The console, for as long as nobody else is to use it.
    pub fn lock(&self) -> MutexGuard<'_, Box<dyn Console>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines of input. Whoever waits for one does so on a thread that has nothing else to do.
pub trait Input: Send + Sync {
    /// The next line, if it is there.
    ///
    /// # Errors
    /// When it cannot be read, or is no text.
    fn poll_line(&self) -> io::Result<Polled>;

    /// Waits until there may be more, for a tenth of a second at most, so that whoever waits can look whether it still should.
    ///
    /// # Errors
    /// When input cannot be waited for, or the user has asked for an end.
    fn wait(&self) -> io::Result<()>;

    /// Takes a line back that nobody wants any more; it is the next one.
    fn give_back(&self, line: String);
}

/// What is there of a line of input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// All of it, without its end.
    Line(String),
    /// Nothing, and there will be none.
    End,
    /// Nothing yet.
    Pending,
}

/// No input at all.
struct NoInput;

impl Input for NoInput {
    fn poll_line(&self) -> io::Result<Polled> {
        Ok(Polled::End)
    }

    fn wait(&self) -> io::Result<()> {
        Ok(())
    }

    fn give_back(&self, _line: String) {}
}

/// Waits for a line for as long as it is wanted.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn wait_for_line(input: &dyn Input, is_wanted: &dyn Fn() -> bool) -> io::Result<Polled> {
    loop {
        if !is_wanted() {
            return Ok(Polled::Pending);
        }
        match input.poll_line()? {
            Polled::Pending => input.wait()?,
            polled => return Ok(polled),
        }
    }
}

/// A console that keeps what is written, and has no input.
#[derive(Default)]
pub struct Captured {
    /// What was written for the reader.
    pub output: String,
    /// What was written for whoever watches.
    pub errors: String,
}

impl Console for Captured {
    fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.output.push_str(text);
        Ok(())
    }

    fn write_error(&mut self, text: &str) -> std::io::Result<()> {
        self.errors.push_str(text);
        Ok(())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
