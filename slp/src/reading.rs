//! Reading as a caller sees it: text and limits in, a tree and its faults out.

use crate::fault::Cause;
use crate::reader::Reader;
use crate::{Fault, Span, Tree};

/// What the reader refuses to go beyond.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadLimits {
    /// How deep lists and prefixes may nest.
    pub max_depth: u32,
    /// The largest source, in bytes.
    pub max_bytes: u32,
    /// The largest atom or literal, in bytes of source.
    pub max_atom_bytes: u32,
}

impl Default for ReadLimits {
    /// Generous for anything a person writes: 1000 deep, 16 MiB, atoms of 1 MiB.
    fn default() -> ReadLimits {
        ReadLimits {
            max_depth: 1000,
            max_bytes: 16 << 20,
            max_atom_bytes: 1 << 20,
        }
    }
}

/// What reading a text gives, whatever the text: all of it that could be understood, and what could not.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The forms and comments. With faults it holds what was probably meant, fit for tools but not to be run.
    pub tree: Tree,
    /// What is wrong, in the order of the text. At most [`MAX_FAULTS`] and a last one that says so.
    pub faults: Vec<Fault>,
}

impl Reading {
    /// Whether the text is only not whole yet: it has faults, and more text at its end could mend each of
    /// them.
    pub fn is_unfinished(&self) -> bool {
        !self.faults.is_empty() && self.faults.iter().all(|fault| fault.unfinished)
    }
}

/// Faults listed for one source; hostile text would otherwise make one for every byte.
pub const MAX_FAULTS: usize = 100;

/// Reads a text: any number of forms. Always returns, in time linear in the length of the text.
pub fn read(text: &str, limits: &ReadLimits) -> Reading {
    if text.len() > limits.max_bytes as usize {
        return refuse_size(limits);
    }
    let mut reader = Reader::new(text, limits);
    reader.run();
    reader.finish()
}

/// Reads bytes that should be UTF-8. Each run of bytes that is not becomes a fault and is read as white
/// space, so that all spans are offsets into `bytes`.
pub fn read_bytes(bytes: &[u8], limits: &ReadLimits) -> Reading {
    if bytes.len() > limits.max_bytes as usize {
        return refuse_size(limits);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => read(text, limits),
        Err(_) => {
            let (text, wrong) = blank_out(bytes);
            let mut reader = Reader::new(&text, limits);
            for span in wrong {
                reader.fault(Cause::NotUtf8(bytes[span.start as usize]), span);
            }
            reader.run();
            reader.finish()
        }
    }
}

fn refuse_size(limits: &ReadLimits) -> Reading {
    let place = Span::new(limits.max_bytes, limits.max_bytes);
    let fault = Cause::LargeSource {
        max_bytes: limits.max_bytes,
    }
    .at(place);
    Reading {
        tree: Tree::new(),
        faults: vec![fault],
    }
}

/// The bytes with a space for each byte that is not UTF-8, and where those stand, neighbours joined.
fn blank_out(bytes: &[u8]) -> (String, Vec<Span>) {
    let mut text = String::with_capacity(bytes.len());
    let mut wrong: Vec<Span> = Vec::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        let start = text.len() as u32;
        text.extend(chunk.invalid().iter().map(|_| ' '));
        let end = text.len() as u32;
        match wrong.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ if start < end => wrong.push(Span::new(start, end)),
            _ => {}
        }
    }
    (text, wrong)
}
