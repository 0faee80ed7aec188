//! The machine: values, heap, fibers and the loop that runs verified chunks. Start with `vm`, then `object` and `heap`.
//! This crate refuses to know how text is read, how code is compiled, and where anything is stored.

pub mod names;

pub mod object;

pub mod space;

pub mod heap;

mod large;

mod external;

pub mod collect;

mod mark;

mod region;

pub mod send;

pub mod image;

pub mod error;

pub mod primitives;

pub mod permit;

pub mod cells;

pub mod link;

pub mod unit;

mod interp;

mod fast;

mod slow;

pub mod calls;

pub mod unwind;

pub mod fiber;

pub mod inbox;

pub mod schedule;

mod fibers;

pub mod driven;

mod observe;

pub mod account;

mod clock;

mod limits;

pub mod profile;

pub mod stats;

mod retain;

pub mod vm;

pub mod data;

pub mod encode;

pub mod users;

pub mod natives;
