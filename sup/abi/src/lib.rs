//! The contract between `sup` and its kernels: the value word and the C types of the wall. Start with `word`,
//! then `kernel` (what a library exports) and `host` (what it may call). `kernels/sdk/include/sup_kernel.h`
//! says the same in C. This crate refuses to know how values are laid out in a heap, and depends on nothing.

pub mod word;

pub mod kernel;

pub mod host;

pub mod extension;

pub mod drive;

pub mod registry;

pub mod waker;

pub mod intrinsic;

pub mod capability;

pub mod value_type;

pub mod signature;

pub mod layout;
