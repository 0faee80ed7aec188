//! Capabilities: what a program may reach beyond itself. Nothing is ambient.

use sup_abi::capability;

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

    /// Its bit, as primitives write it.
    #[must_use]
    pub const fn bit(self) -> u32 {
        match self {
            Capability::Console => capability::CONSOLE,
            Capability::FileRead => capability::READ,
            Capability::FileWrite => capability::WRITE,
            Capability::Clock => capability::CLOCK,
            Capability::Environment => capability::ENVIRONMENT,
            Capability::Random => capability::RANDOM,
            Capability::Store => capability::STORE,
            Capability::Kernel => capability::KERNEL,
            Capability::Network => capability::NETWORK,
        }
    }

    /// Its name, as `--allow` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        capability::names(self.bit())
            .next()
            .expect("every capability has a name")
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
            bits: self.bits | capability.bit(),
        }
    }

    /// Whether that one is granted.
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        self.bits & capability.bit() != 0
    }

    /// What both have.
    #[must_use]
    pub const fn and(self, other: Grants) -> Grants {
        Grants {
            bits: self.bits & other.bits,
        }
    }

    /// Their bits, as primitives write them.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.bits
    }
}
