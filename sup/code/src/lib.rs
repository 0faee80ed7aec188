//! Compiled code as data: the instruction set (`op`), chunks, the binary form of values (`wire`). Start with `op`.
//! This crate refuses to know how code is made or run.

pub mod op;

pub mod chunk;

pub mod wire;

pub mod flat;

mod codec;

pub use chunk::{CaptureSource, CellName, Chunk, Constant, Function, Parameters, Tail, TypeBase, TypeSpec};
pub use flat::{Event, FlatBuilder, Reader};
pub use op::{INTRINSICS, Insn, Op, Shape};
pub use wire::{Flat, FlatNode, WireError, WireLimits};
