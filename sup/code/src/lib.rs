//! Compiled code as data: the instruction set (`op`), chunks, the binary form of values (`wire`). Start with `op`.
//! This crate refuses to know how code is made or run.

pub mod chunk;
mod codec;
pub mod flat;
pub mod op;
pub mod wire;

pub use chunk::{CaptureSource, CellName, Chunk, Constant, Function, Parameters, Tail, TypeBase, TypeSpec};
pub use flat::{Event, FlatBuilder, Reader};
pub use op::{INTRINSICS, Insn, Op, Shape};
pub use wire::{Flat, FlatNode, WireError, WireLimits};
