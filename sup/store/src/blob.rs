//! Blobs: bytes that are found by their blake3 hash, and checked against it whenever they are read.

use crate::family::Family;
use crate::fault::{StoreError, shown_key};
use crate::record::{RecordBuilder, RecordReader};
use crate::store::Read;

/// The kind of a blob that holds code. Manifests are of kind 2.
const CODE: u8 = 1;
/// The kind of a blob that holds an asset.
const ASSET: u8 = 3;

/// What a blob is found by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(*blake3::hash(bytes).as_bytes())
    }

    /// The hash itself, which is the key of the blob.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Hash {
        Hash(bytes)
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Hash({self})")
    }
}

/// A piece of code: the text as it was written, and the form that the machine loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The text, comments and layout kept, byte for byte.
    pub source: String,
    /// The binary form. This crate does not know what it means.
    pub encoded: Vec<u8>,
}

/// The blob that holds a piece of code.
pub(crate) fn pack_code(source: &str, encoded: &[u8]) -> Vec<u8> {
    let mut blob = RecordBuilder::new().byte(CODE).text(source).finish();
    blob.extend_from_slice(encoded);
    blob
}

/// The blob that holds an asset.
pub(crate) fn pack_asset(bytes: &[u8]) -> Vec<u8> {
    let mut blob = RecordBuilder::new().byte(ASSET).finish();
    blob.extend_from_slice(bytes);
    blob
}

/// Takes a blob apart; `None` if it holds no asset.
pub(crate) fn unpack_asset(blob: &[u8]) -> Option<&[u8]> {
    let mut reader = RecordReader::new(blob)?;
    (reader.byte()? == ASSET).then_some(())?;
    Some(reader.rest())
}

/// Takes a blob apart; `None` if it holds no code.
pub(crate) fn unpack_code(blob: &[u8]) -> Option<Code> {
    let mut reader = RecordReader::new(blob)?;
    (reader.byte()? == CODE).then_some(())?;
    let source = reader.text()?.to_owned();
    Some(Code {
        source,
        encoded: reader.rest().to_vec(),
    })
}

/// Reads a blob and checks that it is what its hash says.
pub(crate) fn read_blob(read: &dyn Read, hash: &Hash) -> Result<Vec<u8>, StoreError> {
    let damaged = |what: &str| StoreError::Corrupt {
        detail: format!("blob {hash}: {what}"),
    };
    let blob = read
        .get(Family::Blob, hash.as_bytes())?
        .ok_or_else(|| damaged("it is missing"))?;
    if Hash::of(&blob) != *hash {
        return Err(damaged("its content has another hash"));
    }
    Ok(blob)
}

/// Says what is wrong with an entry of the family `blob`, if anything is.
pub(crate) fn fault_in_blob(key: &[u8], blob: &[u8]) -> Option<String> {
    if <[u8; 32]>::try_from(key).is_err() {
        return Some(format!("blob {}: its key is no hash", shown_key(key)));
    }
    let found = Hash::of(blob);
    (found.as_bytes() != key).then(|| format!("blob {}: its content has another hash", shown_key(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_comes_back_as_it_was_and_no_cut_blob_passes_for_another_text() {
        let blob = pack_code("(fn (x) [x]) ; ä\n", &[0, 1, 255]);
        let code = unpack_code(&blob).unwrap();
        assert_eq!(
            (code.source.as_str(), code.encoded.as_slice()),
            ("(fn (x) [x]) ; ä\n", &[0, 1, 255][..])
        );
        for n_bytes in 0..blob.len() {
            if let Some(cut) = unpack_code(&blob[..n_bytes]) {
                assert_eq!(cut.source, code.source);
            }
        }
        assert_eq!(unpack_code(b""), None);
        assert_eq!(
            unpack_code(&pack_code("", b"")),
            Some(Code {
                source: String::new(),
                encoded: Vec::new()
            })
        );
    }

    #[test]
    fn the_bytes_of_a_code_blob_are_these() {
        assert_eq!(
            pack_code("ab", &[9]),
            [1, 1, 0, 0, 0, 0, 0, 0, 0, 2, b'a', b'b', 9]
        );
        assert_eq!(
            Hash::of(&pack_code("ab", &[9])).to_string(),
            Hash::of(&[1, 1, 0, 0, 0, 0, 0, 0, 0, 2, b'a', b'b', 9]).to_string()
        );
        assert_eq!(
            Hash::of(b"").to_string(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
    }
}
