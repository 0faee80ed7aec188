//! Loads kernels: the only room that opens libraries. Start with `loader`, which finds, checks and opens one;
//! `handshake` is what is checked of its table, `kernel` what is known of it then, `install` gives it to an
//! isolate, and `table` is what kernels call. This crate refuses to know how declarations are written and
//! what the host services do.

pub mod error;

pub mod search;

pub mod places;

pub mod trust;

pub mod life;

mod sync;

mod elf;

mod copy;

pub mod handshake;

pub mod kernel;

pub mod hold;

pub mod declaration;

pub mod loader;

pub mod install;

pub mod registry;

pub mod services;

mod extensions;

mod drive;

pub mod metrics;

pub mod stages;

mod continuation;

mod posts;

mod machine;

mod resource;

mod pins;

mod promises;

mod pool;

mod table;

pub mod process;

pub use declaration::{Declaration, DeclaredFunction};
pub use error::LoadError;
pub use hold::{Sort, Usage};
pub use install::{
    Adoption, Change, Holding, Inherited, attach, attach_inherited, inherited, install, kernels_of, let_go,
    listen, remove, replace, withdraw,
};
pub use kernel::{Kernel, PrimitiveInfo};
pub use life::Stage;
pub use loader::{Difference, Loader};
pub use pool::run_blocking;
pub use registry::{CatchesUp, Changing, Listed, Registry};
pub use search::{Found, SearchPath};
pub use services::Services;
pub use table::{LogLine, set_logger};
pub use trust::{Mode, Standing, Trust};
