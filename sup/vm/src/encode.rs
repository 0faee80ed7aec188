//! Values as bytes: the canonical form in which they are stored and sent.

use sup_abi::word::Word;
use sup_code::wire::{self, WireLimits};

use crate::error::{Outcome, Raise};
use crate::vm::Vm;

impl Vm {
    /// The canonical bytes of a value.
    ///
    /// # Errors
    /// `wire/not-storable` when it holds something that has no bytes.
    pub fn encode_value(&mut self, word: Word) -> Result<Vec<u8>, Raise> {
        let flat = self.to_flat(word)?;
        Ok(wire::encode(&flat))
    }

    /// The value that bytes stand for.
    ///
    /// # Errors
    /// When the bytes are not the canonical form of a value.
    pub fn decode_value(&mut self, bytes: &[u8]) -> Outcome {
        match wire::decode(bytes, &WireLimits::STANDARD) {
            Ok(flat) => self.from_flat(&flat),
            Err(error) => Err(self.raise(error.code(), &error.to_string())),
        }
    }
}
