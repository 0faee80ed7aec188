//! Capabilities: what a program may reach beyond itself. Nothing is ambient.

/// One thing that can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// Writing to and reading from the console.
    Console,
    /// Reading files, and importing modules from them.
    FileRead,
    /// Writing files.
    FileWrite,
    /// The clock.
    Clock,
    /// Environment variables and arguments.
    Environment,
    /// Random numbers that nobody seeded.
    Random,
    /// The store.
    Store,
    /// Loading kernels.
    Kernel,
    /// The network.
    Network,
}

impl Capability {
    /// Every capability.
    pub const ALL: &'static [Capability] = &[
        Capability::Console,
        Capability::FileRead,
        Capability::FileWrite,
        Capability::Clock,
        Capability::Environment,
        Capability::Random,
        Capability::Store,
        Capability::Kernel,
        Capability::Network,
    ];

    /// Its name, as `--allow` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Capability::Console => "console",
            Capability::FileRead => "read",
            Capability::FileWrite => "write",
            Capability::Clock => "clock",
            Capability::Environment => "env",
            Capability::Random => "random",
            Capability::Store => "store",
            Capability::Kernel => "kernel",
            Capability::Network => "net",
        }
    }

    /// The capability of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Capability> {
        Capability::ALL
            .iter()
            .copied()
            .find(|capability| capability.name() == name)
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Grants {
    bits: u32,
}

impl Grants {
    /// Nothing at all.
    pub const NONE: Grants = Grants { bits: 0 };

    /// Everything.
    #[must_use]
    pub fn all() -> Grants {
        Capability::ALL
            .iter()
            .fold(Grants::NONE, |grants, capability| grants.with(*capability))
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Grants {
        Grants {
            bits: self.bits | (1 << capability as u32),
        }
    }

    /// Whether that one is granted.
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        self.bits & (1 << capability as u32) != 0
    }
}
