//! Names and bytes: where code and data live, in memory or in RocksDB, behind one trait.
//!
//! Start at [`Store`] and [`Batch`], then [`open`]. [`Names`] keeps releases of code with their history, [`Namespaces`] keeps
//! values under keys, [`Transaction`] reads and writes them at one moment; all only compose batches. The crate refuses to know what the bytes mean: values, chunks and the
//! language are other rooms.
//!
//! **Invariant:** nothing here reads the environment, prints, or asks for the time of day; times are given by the caller.

#![cfg_attr(
    not(feature = "disk"),
    allow(dead_code, reason = "some of what is here serves stores in directories only")
)]

// What is said to a store.
mod family;
mod fault;
pub mod key;
mod limits;

mod batch;
mod scan;
mod store;

// How it answers: one committer over either backend.
mod committer;
mod engine;
mod window;

#[cfg(feature = "disk")]
mod disk;
mod location;
mod memory;
mod opened;

// What is kept in it.
mod blob;
mod channel;
mod collect;
mod history;
mod manifest;
mod migrate;
mod names;
mod plan;
mod publish;
mod record;

mod namespace;
mod transaction;
mod verify;

pub use batch::{Batch, Commit, Condition, Durability, Version};
pub use blob::{Code, Hash};
pub use channel::{Head, MAIN_CHANNEL, MoveEntry, MoveKind, Share};
pub use collect::{Collected, Collection};
pub use family::Family;
pub use fault::{ReleaseFate, StoreError};
pub use history::{CodeVersion, LogEntry, ReleaseEntry, release_id};
pub use key::{KeyRange, Tenant};
pub use limits::StoreLimits;
pub use location::{Candidates, StoreLocation};
pub use manifest::{CODE_SUFFIX, FileKind, Manifest, Needs, ReleaseFile, Route};
pub use names::{Listed, Names, Stamp, StoredCode};
pub use namespace::{Expected, Namespace, Namespaces};
pub use opened::open;
pub use publish::{Audience, Base, Change, ChangeReport, Publication};
pub use scan::{Direction, Entry, Page, Scan};
pub use store::{Done, FamilyUsage, Read, Snapshot, Store, Usage};
pub use transaction::{Isolation, Transaction};
pub use verify::{FamilyCount, VerifyFault, VerifyReport, verify};
