//! Wires the rooms together: text in, answer out. Start with [`Runtime::builder`]; an embedder imports this crate only.
//! It refuses to print, to read the environment, and to give a program anything that its builder did not give.

mod answer;

mod app_space;

pub mod builder;

pub mod check;

pub mod codebase;

pub mod lazy;

pub mod serving;

pub mod console;

pub mod control;

pub mod declaration;

pub mod doc;

pub mod each;

pub mod expand;

pub mod grants;

pub mod interrupt;

pub mod isolates;

mod driven;

pub mod kernels;

pub mod library;

pub mod load;

pub mod modules;

pub mod natives;

pub mod on_write;

pub mod problem;

pub mod profile;

pub mod recorder;

pub mod releases;

pub mod release_requests;

pub mod release_wire;

pub mod requests;

pub mod reread;

pub mod resolve;

pub mod runtime;

pub mod search;

pub mod services;

pub mod show;

pub mod staying;

pub mod store_natives;

mod survey;

pub mod swap;

pub mod trust;

pub mod testing;

mod timer;

mod threads;

mod transactions;

pub mod world;

pub use builder::Builder;
pub use console::Console;
pub use grants::{Capability, Grants};
pub use problem::{Place, Problem, TraceLine};
pub use runtime::Runtime;
pub use sup_host::metrics::text as metrics;
pub use sup_host::process::end as end_process;
pub use sup_host::{Listed as ListedKernel, LogLine, Registry as KernelRegistry, set_logger};
pub use sup_store::{Audience, Base, Candidates, Collection, StoreLocation};
pub use sup_vm::stats::Statistics;
pub use sup_vm::vm::Limits;
