//! The image: the compiled standard library as one piece of bytes inside the program.
//!
//! It is read in place and nothing is copied. One hash over the whole is checked when it is opened; the chunks in it are
//! still decoded and verified one by one when they are loaded.

use crate::codec::{Input, Output};
use crate::wire::{Part, Place, WireError, WireFault, hash};

/// The first bytes of an image.
pub const MAGIC: [u8; 4] = *b"\xf5sli";

/// The version of how an image is laid out, the byte after the magic. The chunks in it state their own.
pub const VERSION: u8 = 1;

/// The most modules that an image may have.
const MAX_MODULES: u32 = 1 << 12;
/// The most chunks that a module may have.
const MAX_CHUNKS: u32 = 1 << 20;

/// One compiled module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageModule<'a> {
    /// Its name.
    pub name: &'a str,
    /// Hash of the source text that it was compiled from; another text needs another image.
    pub source_hash: [u8; 32],
    /// Its chunks in the order in which they run, each as [`chunk::encode`](crate::chunk::encode) wrote it.
    pub chunks: Vec<&'a [u8]>,
    /// What else is known of it (exports, macros, doc strings), in a form that only its reader knows.
    pub metadata: &'a [u8],
}

/// Writes an image.
#[must_use]
pub fn encode(modules: &[ImageModule<'_>]) -> Vec<u8> {
    let mut content = Output::default();
    content.count(modules.len());
    for module in modules {
        content.text(module.name);
        content.raw(&module.source_hash);
        content.count(module.chunks.len());
        for chunk in &module.chunks {
            content.bytes(chunk);
        }
        content.bytes(module.metadata);
    }
    let content = content.finish();
    let mut output = Output::starting_with(&MAGIC);
    output.u8(VERSION);
    output.raw(&hash(&content));
    output.raw(&content);
    output.finish()
}

/// Opens an image. Total on any bytes; what is read encodes to the same bytes.
///
/// # Errors
/// When the bytes are anything else than what [`encode`] writes.
pub fn decode(bytes: &[u8]) -> Result<Vec<ImageModule<'_>>, WireError> {
    let mut input = Input::new(bytes);
    input.head(MAGIC, [VERSION])?;
    let place = Place::Byte(input.offset());
    let stated: [u8; 32] = input.array()?;
    if hash(&bytes[input.offset()..]) != stated {
        return Err(WireError {
            place,
            fault: WireFault::WrongHash,
        });
    }
    let modules = input.sequence((Part::Module, MAX_MODULES, 35), |input| {
        Ok(ImageModule {
            name: input.text(Part::NameBytes, u32::MAX)?,
            source_hash: input.array()?,
            chunks: input.sequence((Part::Chunk, MAX_CHUNKS, 1), |input| {
                input.bytes(Part::Bytes, u32::MAX)
            })?,
            metadata: input.bytes(Part::Bytes, u32::MAX)?,
        })
    })?;
    input.end()?;
    Ok(modules)
}
