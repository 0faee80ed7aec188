//! Which kernels may be loaded: those that came with `sup`, those whose hash stands in a list, and those that a key of the
//! list has signed. In development others may be loaded too.
//!
//! What is judged are the bytes that are then opened. A signature is of a fixed text and the SHA-256 of the library, so that a
//! key's signatures of anything else mean nothing here; Ed25519 is checked as RFC 8032 has it, weak keys refused.

use crate::error::LoadError;
use crate::places;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a signed message begins with.
const CONTEXT: &[u8] = b"sup kernel signature 1\0";
/// First line of a file with a signature.
const HEADING: &str = "sup kernel signature 1";
/// Largest file with a signature, in bytes.
const MAX_SIGNATURE_BYTES: u64 = 4096;

/// 32 bytes, as text 64 hexadecimal digits: a SHA-256 or a public key.
pub type Number = [u8; 32];

/// Whether unknown kernels may be loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They may.
    #[default]
    Development,
    /// They may not.
    Strict,
}

/// What is trusted.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Whether unknown kernels may be loaded.
    pub mode: Mode,
    /// SHA-256 of libraries.
    pub libraries: BTreeSet<Number>,
    /// Public keys.
    pub keys: BTreeSet<Number>,
    /// The kernels that came with the executable.
    pub own: Option<Own>,
    /// The files that this was read from, for messages.
    pub lists: Vec<PathBuf>,
}

/// The kernels that came with an executable. Whoever can put another library in their place can put another executable there
/// too, so they are trusted as much as that: they lie where it lies or where its installation puts them, they have their
/// names, and nobody may write them or the directories on the way but root and the executable's owner.
#[derive(Clone, Debug)]
pub struct Own {
    /// The executable.
    pub executable: PathBuf,
    /// Directories in which its installation puts kernels.
    pub directories: Vec<PathBuf>,
    /// Names of the kernels that it comes with.
    pub names: &'static [&'static str],
}

/// Why a library may be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It came with `sup`.
    Installed,
    /// Its hash stands in a list.
    Listed,
    /// A key of a list has signed it.
    Signed(Number),
    /// It is unknown; signed by that key, if by one.
    Unknown(Option<Number>),
}

impl Own {
    /// Whether a library is one of them.
    fn has(&self, library: &places::Seen) -> bool {
        let Ok(executable) = places::check(&self.executable) else {
            return false;
        };
        let directory = library.path.parent();
        let lies_there = self.directories.iter().any(|own| {
            own.canonicalize().is_ok_and(|own| {
                directory == Some(own.as_path()) || directory.and_then(Path::parent) == Some(&own)
            })
        });
        let file = library.path.file_name().and_then(|name| name.to_str());
        let has_name = self
            .names
            .iter()
            .any(|name| file == Some(&crate::search::library_name(name)));
        let user = executable.owner();
        lies_there && has_name && executable.belongs_to(user) && library.belongs_to(user)
    }
}

impl Trust {
    /// What makes a library known, by its bytes.
    ///
    /// # Errors
    /// `LoadError::BadSignature` when there is a signature beside it that is damaged or of something else.
    pub fn standing(&self, library: &places::Seen, bytes: &[u8]) -> Result<Standing, LoadError> {
        let hash = sha256(bytes);
        let signer = signer(&library.path, &hash)?;
        if self.came_with_it(library) {
            return Ok(Standing::Installed);
        }
        if self.libraries.contains(&hash) {
            return Ok(Standing::Listed);
        }
        Ok(match signer {
            Some(key) if self.keys.contains(&key) => Standing::Signed(key),
            signer => Standing::Unknown(signer),
        })
    }

    /// Whether a library may be loaded.
    ///
    /// # Errors
    /// `LoadError::Untrusted` when it is unknown and unknown ones may not; `LoadError::BadSignature` in any mode.
    pub fn judge(&self, library: &places::Seen, bytes: &[u8]) -> Result<Standing, LoadError> {
        match self.standing(library, bytes)? {
            Standing::Unknown(signer) if self.mode == Mode::Strict => Err(LoadError::Untrusted {
                library: library.path.display().to_string(),
                hash: text_of("sha256", &sha256(bytes)),
                signer: signer.map(|key| text_of("ed25519", &key)),
                lists: self.lists.iter().map(|list| list.display().to_string()).collect(),
            }),
            standing => Ok(standing),
        }
    }

    /// Whether there is anything about a library that must be looked at.
    #[must_use]
    pub fn looks_at(&self, library: &places::Seen) -> bool {
        signature_path(&library.path).symlink_metadata().is_ok()
            || self.mode == Mode::Strict && !self.came_with_it(library)
    }

    fn came_with_it(&self, library: &places::Seen) -> bool {
        self.own.as_ref().is_some_and(|own| own.has(library))
    }
}

/// Where the signature of a library lies.
#[must_use]
pub fn signature_path(library: &Path) -> PathBuf {
    let mut path = library.as_os_str().to_owned();
    path.push(".sig");
    PathBuf::from(path)
}

/// SHA-256 of bytes (FIPS 180-4).
#[must_use]
pub fn sha256(bytes: &[u8]) -> Number {
    Sha256::digest(bytes).into()
}

/// A number as lists write it: `sha256:` or `ed25519:` and 64 hexadecimal digits.
#[must_use]
pub fn text_of(kind: &str, number: &Number) -> String {
    format!("{kind}:{}", hex(number))
}

/// The number that a text of that kind writes.
#[must_use]
pub fn number_of(kind: &str, text: &str) -> Option<Number> {
    let digits = text.strip_prefix(kind)?.strip_prefix(':')?;
    unhex(digits)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let digits = digits.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16);
        *byte = (value(pair[0])? * 16 + value(pair[1])?) as u8;
    }
    Some(bytes)
}

/// The public key of a secret one.
#[must_use]
pub fn public_key(secret: &Number) -> Number {
    SigningKey::from_bytes(secret).verifying_key().to_bytes()
}

/// Whether a public key is one that signatures are taken of.
#[must_use]
pub fn is_key(key: &Number) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| !key.is_weak())
}

/// The text of a file with the signature of a library.
#[must_use]
pub fn sign(secret: &Number, library: &[u8]) -> String {
    let (key, hash) = (SigningKey::from_bytes(secret), sha256(library));
    let signature = key.sign(&message(&hash)).to_bytes();
    format!(
        "{HEADING}\nkey {}\nlibrary {}\nsignature {}\n",
        text_of("ed25519", &key.verifying_key().to_bytes()),
        text_of("sha256", &hash),
        hex(&signature)
    )
}

fn message(hash: &Number) -> Vec<u8> {
    [CONTEXT, hash.as_slice()].concat()
}

/// The key that has signed a library with that hash, when there is a signature beside it.
fn signer(library: &Path, hash: &Number) -> Result<Option<Number>, LoadError> {
    let path = signature_path(library);
    let bad = |reason: &str| LoadError::BadSignature {
        path: path.display().to_string(),
        reason: reason.to_owned(),
    };
    let length = match fs::metadata(&path) {
        Ok(data) => data.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && path.symlink_metadata().is_err() => {
            return Ok(None);
        }
        Err(error) => return Err(bad(&error.to_string())),
    };
    if length > MAX_SIGNATURE_BYTES {
        return Err(bad("it is too long for a signature"));
    }
    let text = fs::read_to_string(&path).map_err(|error| bad(&error.to_string()))?;
    verify(&text, hash).map(Some).map_err(bad)
}

/// The key whose signature of a library with that hash a text is.
///
/// # Errors
/// What is wrong with it.
pub fn verify(text: &str, hash: &Number) -> Result<Number, &'static str> {
    let [heading, key, library, signature] = text.lines().collect::<Vec<_>>()[..] else {
        return Err("it has not the four lines of a signature");
    };
    if heading != HEADING {
        return Err("it does not begin as a signature of a kernel");
    }
    let key = key
        .strip_prefix("key ")
        .and_then(|text| number_of("ed25519", text));
    let key = key.ok_or("its key is none")?;
    let signed = library
        .strip_prefix("library ")
        .and_then(|text| number_of("sha256", text));
    if signed.ok_or("its hash is none")? != *hash {
        return Err("it is of another library");
    }
    let signature = signature.strip_prefix("signature ").and_then(unhex::<64>);
    let signature = Signature::from_bytes(&signature.ok_or("its signature is none")?);
    let checked = VerifyingKey::from_bytes(&key).map_err(|_| "its key is none")?;
    checked
        .verify_strict(&message(hash), &signature)
        .map_err(|_| "the signature is not the key's")?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_these_bytes_and_by_this_key() {
        let (secret, library) = ([7; 32], b"library".as_slice());
        let (text, hash) = (sign(&secret, library), sha256(library));
        assert_eq!(verify(&text, &hash), Ok(public_key(&secret)));
        assert_eq!(verify(&text, &sha256(b"other")), Err("it is of another library"));
        let other = text_of("ed25519", &public_key(&[8; 32]));
        let foreign = text.replace(&text_of("ed25519", &public_key(&secret)), &other);
        assert_eq!(verify(&foreign, &hash), Err("the signature is not the key's"));
        let moved = text.replace(&text_of("sha256", &hash), &text_of("sha256", &sha256(b"other")));
        assert_eq!(
            verify(&moved, &sha256(b"other")),
            Err("the signature is not the key's")
        );
    }

    #[test]
    fn damaged_signatures_are_told_as_such() {
        let text = sign(&[7; 32], b"library");
        let hash = sha256(b"library");
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let damaged = String::from_utf8(bytes).expect("is text");
            assert!(verify(&damaged, &hash).is_err(), "{at}: {damaged}");
            // Without its last line end it is the same.
            assert!(
                at + 1 == text.len() || verify(&text[..at], &hash).is_err(),
                "{at}"
            );
        }
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        // FIPS 180-4's example: SHA-256 of "abc".
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(text_of("sha256", &sha256(b"abc")), abc);
        assert_eq!(number_of("sha256", abc), Some(sha256(b"abc")));
        for wrong in [
            "",
            "sha256:",
            "sha256:00",
            "ed25519:00",
            &abc[7..],
            &abc.replace('b', "g"),
        ] {
            assert_eq!(number_of("sha256", wrong), None, "{wrong}");
        }
        assert!(is_key(&public_key(&[7; 32])) && !is_key(&[0; 32]));
    }
}
