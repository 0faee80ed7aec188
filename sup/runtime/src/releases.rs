//! Releases as an instance runs them. Start with [`pin`]: it gives the release that a request is answered from, and
//! [`route_handler`], [`value`] and [`spawn`] work in it on the isolate's own thread.
//!
//! A release is compiled once, file by file, when it is published or first needed; isolates share the code and carry it out for
//! themselves when they first need a name of it. **Invariant:** what runs under a release finds every stored name in that
//! release, until it ends.

mod adopted;
mod compile;
pub mod diff;
mod facts;
mod publish;
mod release;
mod unit;

pub(crate) use adopted::link_of_head;
pub use adopted::{Adopted, call, pin, route_handler, spawn, start_driven, value};
pub use publish::{File, Order, Published, publish};
pub use release::{Asset, Release, Route};
pub use unit::{DeclaredRoute, Unit, n_loaded, n_loaded_of};

pub(crate) use adopted::{at_hand, carry, follow, know, value_at_hand};
pub(crate) use compile::{
    Compiling, Session, Strictness, is_open, macro_function, note_use, unit as compiled_unit,
};
pub(crate) use publish::ensure_runs;
pub(crate) use unit::{Piece, VALUE, module_of};
