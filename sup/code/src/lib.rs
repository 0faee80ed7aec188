//! Compiled code as data: the instruction set (`op`), chunks, the binary form of values (`wire`). Start with `op`.
//! This crate refuses to know how code is made or run.

pub mod op;

pub mod chunk;

pub mod verify;

pub mod wire;

pub mod flat;

pub mod form;

pub mod disassemble;

pub mod image;

mod codec;

pub use chunk::{
    CODE_VERSION, CaptureSource, CellName, Chunk, CodeLimits, Constant, Function, Parameters, Tail, TypeBase,
    TypeSpec,
};
pub use disassemble::{disassemble, disassemble_with_spans};
pub use flat::{Event, FlatBuilder, Reader};
pub use image::ImageModule;
pub use op::{INTRINSICS, Insn, Op, Shape};
pub use slp::Span;
pub use verify::{Verified, VerifyError, VerifyFault, verify};
pub use wire::{Flat, FlatNode, WireError, WireLimits};
