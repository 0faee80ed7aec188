//! Where a program's text goes and comes from. The builder gives it; without one, output is dropped and input is empty.

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

    /// The next line of input without its end, or nothing when input has ended.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_line(&mut self) -> std::io::Result<Option<String>>;

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

    fn read_line(&mut self) -> std::io::Result<Option<String>> {
        Ok(None)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
