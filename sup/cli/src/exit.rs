//! How the command ends: the exit codes that its help documents.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As it should.
    Fine,
    /// The program raised, or a check or test found faults.
    Raised,
    /// The command line asks for something that is not there.
    Usage,
    /// Somebody pressed Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Fine => 0,
            Exit::Raised => 1,
            Exit::Usage => 2,
            Exit::Interrupted => 130,
        }
    }

    /// Ends the process. Runtimes and stores are gone by then, and what was printed has been written.
    pub fn end_process(self) -> ! {
        sup_runtime::end_process(self.code())
    }
}
