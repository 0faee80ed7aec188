//! Why a kernel is not loaded: one variant for each thing that can be wrong with it.

use std::fmt;

/// Why a kernel is not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LoadError {
    /// The name is none that a kernel can have.
    Name { name: String },
    /// No place that is searched has it.
    Missing { name: String, searched: Vec<String> },
    /// The library cannot be read or copied.
    Unreadable { path: String, reason: String },
    /// The bytes are not those that the declaration or the allow-list names.
    Hash { expected: String, found: String },
    /// Others than its owner may write it, or a directory on the way.
    Writable {
        path: String,
        who: &'static str,
        hint: String,
    },
    /// Nothing that is in force says that it may be loaded.
    Untrusted {
        library: String,
        hash: String,
        signer: Option<String>,
        lists: Vec<String>,
    },
    /// The signature beside it is none of it.
    BadSignature { path: String, reason: String },
    /// The generation that runs does not hand its state over.
    Save { version: String },
    /// Code that is loaded calls primitives that the new generation does not have as they were.
    Incompatible { differences: Vec<String> },
    /// The bytes are no library for this machine.
    NoLibrary { reason: String },
    /// The system's loader refuses it.
    Open { reason: String },
    /// It does not export the entry.
    NoEntry,
    /// Its entry answers no table.
    NoTable,
    /// Its table begins with something else.
    Magic { found: u32 },
    /// It was built for another major version of the wall.
    Major { found: u16, ours: u16 },
    /// It was built for a newer minor version of the wall.
    Minor { found: u16, ours: u16 },
    /// It was built for another scheme of value words.
    Layout { found: u32, ours: u32 },
    /// One of its structs is smaller than the wall's.
    Size {
        what: &'static str,
        found: u32,
        least: u32,
    },
    /// It sets bits that this host does not know, or that exclude each other.
    Flags { of: String, reason: String },
    /// Something in its table is missing, too large or not allowed.
    Table { reason: String },
    /// A primitive has no code.
    NullFunction { primitive: String },
    /// Two primitives have one name.
    Duplicate { primitive: String },
    /// A signature cannot be read, or does not fit the number of arguments.
    Signature { primitive: String, reason: String },
    /// A text is longer than the limit.
    TooLong { what: String, limit: usize },
    /// It calls itself something else than it was asked for by.
    OtherName { asked: String, found: String },
    /// It needs an extension that this host does not have.
    Needs { extension: String },
    /// Its declaration and its table differ.
    Declaration { differences: Vec<String> },
    /// It says itself that it cannot work.
    Refused { message: String },
}

impl LoadError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            LoadError::Name { .. } => "kernel/name",
            LoadError::Missing { .. } => "kernel/missing",
            LoadError::Unreadable { .. } => "kernel/unreadable",
            LoadError::Hash { .. } => "kernel/hash",
            LoadError::Writable { .. } => "kernel/writable",
            LoadError::Untrusted { .. } => "kernel/untrusted",
            LoadError::BadSignature { .. } => "kernel/bad-signature",
            LoadError::NoLibrary { .. } => "kernel/no-library",
            LoadError::Open { .. } => "kernel/open",
            LoadError::NoEntry => "kernel/no-entry",
            LoadError::NoTable => "kernel/no-table",
            LoadError::Magic { .. } => "kernel/magic",
            LoadError::Major { .. } | LoadError::Minor { .. } => "kernel/abi",
            LoadError::Layout { .. } => "kernel/layout",
            LoadError::Size { .. } => "kernel/size",
            LoadError::Flags { .. } => "kernel/flags",
            LoadError::Table { .. } => "kernel/table",
            LoadError::NullFunction { .. } => "kernel/null-function",
            LoadError::Duplicate { .. } => "kernel/duplicate",
            LoadError::Signature { .. } => "kernel/signature",
            LoadError::TooLong { .. } => "kernel/too-long",
            LoadError::OtherName { .. } => "kernel/other-name",
            LoadError::Needs { .. } => "kernel/needs",
            LoadError::Declaration { .. } => "kernel/declaration",
            LoadError::Refused { .. } => "kernel/load",
            LoadError::Save { .. } => "kernel/save",
            LoadError::Incompatible { .. } => "kernel/incompatible",
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            LoadError::Missing { searched, .. } if searched.is_empty() => {
                Some("no place is searched; name one with --kernel-path".to_owned())
            }
            LoadError::Missing { searched, .. } => Some(format!("searched {}", searched.join(", "))),
            LoadError::Writable { hint, .. } => Some(hint.clone()),
            LoadError::Untrusted { library, lists, .. } => {
                let read = match lists.as_slice() {
                    [] => "there is no list".to_owned(),
                    lists => format!("read {}", lists.join(" and ")),
                };
                Some(format!("to trust it: sup kernel trust {library} ({read})"))
            }
            LoadError::BadSignature { path, .. } => Some(format!("sign the library again, or remove {path}")),
            LoadError::Major { .. }
            | LoadError::Minor { .. }
            | LoadError::Layout { .. }
            | LoadError::Size { .. } => {
                Some("build the kernel again with the header or SDK of this version".to_owned())
            }
            LoadError::Declaration { .. } => {
                Some("write kernel.slp anew with `sup kernel describe`".to_owned())
            }
            _ => None,
        }
    }
}

impl LoadError {
    /// What is wrong with the file, or who may write it, when it is that.
    fn of_the_file(&self) -> Option<String> {
        Some(match self {
            LoadError::Name { name } => {
                format!("`{name}` is no name of a kernel: lowercase letters, digits and dashes")
            }
            LoadError::Missing { name, .. } => format!("there is no kernel {name}"),
            LoadError::Unreadable { path, reason } => format!("cannot read {path}: {reason}"),
            LoadError::Hash { expected, found } => {
                format!("the library's hash is {found}, not {expected} as declared")
            }
            LoadError::Writable { path, who, .. } => format!("{path} cannot be trusted: {who}"),
            LoadError::Untrusted {
                library,
                hash,
                signer,
                ..
            } => match signer {
                None => format!("{library} is not signed, and its hash {hash} is in no list"),
                Some(key) => {
                    format!("{library} is signed by {key}, and neither it nor {hash} is in a list")
                }
            },
            LoadError::BadSignature { path, reason } => {
                format!("the signature {path} does not hold: {reason}")
            }
            LoadError::NoLibrary { reason } => format!("the file is no library for this machine: {reason}"),
            _ => return None,
        })
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Name { .. }
            | LoadError::Missing { .. }
            | LoadError::Unreadable { .. }
            | LoadError::Hash { .. }
            | LoadError::Writable { .. }
            | LoadError::Untrusted { .. }
            | LoadError::NoLibrary { .. }
            | LoadError::BadSignature { .. } => {
                let message = self.of_the_file();
                out.write_str(&message.expect("each of these is about the file"))
            }
            LoadError::Open { reason } => write!(out, "the system refuses the library: {reason}"),
            LoadError::NoEntry => write!(out, "the library does not export sup_kernel_v1"),
            LoadError::NoTable => write!(out, "sup_kernel_v1 answers no table"),
            LoadError::Magic { found } => write!(
                out,
                "the kernel's magic word is {found:#010x}, not that of a kernel"
            ),
            LoadError::Major { found, ours } => {
                write!(out, "the kernel is built for ABI {found}, this is ABI {ours}")
            }
            LoadError::Minor { found, ours } => {
                write!(
                    out,
                    "the kernel is built for minor ABI version {found}, newer than this one's {ours}"
                )
            }
            LoadError::Layout { found, ours } => {
                write!(
                    out,
                    "the kernel is built for value layout {found:#010x}, this is {ours:#010x}"
                )
            }
            LoadError::Size { what, found, least } => {
                write!(
                    out,
                    "the kernel's {what} has {found} bytes, fewer than the {least} it must have"
                )
            }
            LoadError::Flags { of, reason } => write!(out, "the flags of {of} are not allowed: {reason}"),
            LoadError::Table { reason } => write!(out, "the kernel's table is not allowed: {reason}"),
            LoadError::NullFunction { primitive } => write!(out, "primitive {primitive} has no code"),
            LoadError::Duplicate { primitive } => write!(out, "primitive {primitive} is there twice"),
            LoadError::Signature { primitive, reason } => write!(out, "primitive {primitive}: {reason}"),
            LoadError::TooLong { what, limit } => write!(out, "{what} is longer than {limit} bytes"),
            LoadError::OtherName { asked, found } => {
                write!(out, "the library found for kernel {asked} calls itself {found}")
            }
            LoadError::Needs { extension } => {
                write!(out, "the kernel needs {extension}, which this host does not have")
            }
            LoadError::Declaration { differences } => {
                write!(
                    out,
                    "the declaration and the library differ: {}",
                    differences.join("; ")
                )
            }
            LoadError::Save { version } => {
                write!(out, "version {version}, which runs, does not save its state")
            }
            LoadError::Incompatible { differences } => write!(
                out,
                "the new generation does not fit what is loaded: {}",
                differences.join("; ")
            ),
            LoadError::Refused { message } => write!(out, "the kernel cannot work: {message}"),
        }
    }
}

impl std::error::Error for LoadError {}
