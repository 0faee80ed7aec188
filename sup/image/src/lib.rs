//! The compiled standard library, made by the build script whenever the library, the compiler or the opcodes change, so that it
//! cannot be stale. Give it to `Builder::image`; the runtime still compares what it was made from with what it runs with. This
//! crate refuses to know anything else.

/// The image.
pub static IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/library.image"));
