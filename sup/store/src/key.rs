//! Keys whose bytes sort as their parts do: tuples of bytes, strings, integers, reals and booleans.
//!
//! The layout is that of FoundationDB's tuple layer (its `design/tuple.md`): each part is a tag and a body, no part is a prefix
//! of another, and comparing bytes compares parts one after the other. Kinds sort as bytes, strings, integers, reals, booleans.

use crate::fault::StoreError;
use std::borrow::Cow;

const TAG_BYTES: u8 = 0x01;
const TAG_STRING: u8 = 0x02;
/// The integer zero; `n` above it stand positive integers of `n` bytes, `n` below it negative ones.
const TAG_ZERO: u8 = 0x14;
const TAG_REAL: u8 = 0x21;
const TAG_FALSE: u8 = 0x26;
const TAG_TRUE: u8 = 0x27;
/// Ends bytes and strings; inside them it is followed by [`ESCAPE`].
const END: u8 = 0x00;
const ESCAPE: u8 = 0xff;
const SIGN_BIT: u64 = 1 << 63;

/// Builds a key part by part.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    bytes: Vec<u8>,
}

impl Tuple {
    /// The empty key, a prefix of all others.
    pub const fn new() -> Tuple {
        Tuple { bytes: Vec::new() }
    }

    /// Continues a key that was built or checked before.
    pub fn continuing(prefix: &[u8]) -> Tuple {
        Tuple {
            bytes: prefix.to_vec(),
        }
    }

    /// Adds bytes, sorted as bytes.
    #[must_use]
    pub fn bytes(mut self, part: &[u8]) -> Tuple {
        self.bytes.push(TAG_BYTES);
        push_escaped(&mut self.bytes, part);
        self.bytes.push(END);
        self
    }

    /// Adds a string, sorted by its UTF-8 bytes, which is the order of its code points.
    #[must_use]
    pub fn string(mut self, part: &str) -> Tuple {
        self.bytes.push(TAG_STRING);
        push_escaped(&mut self.bytes, part.as_bytes());
        self.bytes.push(END);
        self
    }

    /// Adds an integer, sorted by value.
    #[must_use]
    pub fn int(mut self, part: i64) -> Tuple {
        let magnitude = part.unsigned_abs();
        let n_bytes = 8 - magnitude.leading_zeros() as usize / 8;
        let (tag, body) = if part < 0 {
            (TAG_ZERO - n_bytes as u8, !magnitude)
        } else {
            (TAG_ZERO + n_bytes as u8, magnitude)
        };
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&body.to_be_bytes()[8 - n_bytes..]);
        self
    }

    /// Adds a real, sorted by IEEE 754 `totalOrder`: −NaN < −∞ < … < −0 < +0 < … < +∞ < +NaN. All its bits come back.
    #[must_use]
    pub fn real(mut self, part: f64) -> Tuple {
        let bits = part.to_bits();
        let sortable = if bits & SIGN_BIT == 0 {
            bits | SIGN_BIT
        } else {
            !bits
        };
        self.bytes.push(TAG_REAL);
        self.bytes.extend_from_slice(&sortable.to_be_bytes());
        self
    }

    /// Adds any part. This is how booleans are added; false sorts before true.
    #[must_use]
    pub fn part(mut self, part: &Part<'_>) -> Tuple {
        match part {
            Part::Bytes(bytes) => self.bytes(bytes),
            Part::String(text) => self.string(text),
            Part::Int(int) => self.int(*int),
            Part::Real(real) => self.real(*real),
            Part::Bool(boolean) => {
                self.bytes.push(if *boolean { TAG_TRUE } else { TAG_FALSE });
                self
            }
        }
    }

    /// The bytes so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The finished key.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Every key that continues this one with at least one part.
    pub fn children(&self) -> KeyRange {
        KeyRange::prefix(&self.bytes)
    }

    /// Every key that continues this one with a string that starts with `start`.
    pub fn strings_from(&self, start: &str) -> KeyRange {
        let mut prefix = self.bytes.clone();
        prefix.push(TAG_STRING);
        push_escaped(&mut prefix, start.as_bytes());
        KeyRange::prefix(&prefix)
    }
}

fn push_escaped(out: &mut Vec<u8>, part: &[u8]) {
    out.reserve(part.len() + 2);
    for &byte in part {
        out.push(byte);
        if byte == END {
            out.push(ESCAPE);
        }
    }
}

/// One part of a parsed key.
#[derive(Clone, Debug, PartialEq)]
pub enum Part<'a> {
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// A string.
    String(Cow<'a, str>),
    /// An integer.
    Int(i64),
    /// A real, with all its bits.
    Real(f64),
    /// A boolean.
    Bool(bool),
}

impl Part<'_> {
    /// The string, if the part is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Part::String(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if the part is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Part::Int(int) => Some(*int),
            _ => None,
        }
    }
}

/// Takes a key apart. Total: whatever the bytes are, it yields parts and then at most one error. A key that parses is exactly
/// what [`Tuple`] builds from its parts.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    key: &'a [u8],
    offset: usize,
}

/// The parts of `key`, one after the other.
pub fn parts(key: &[u8]) -> Parts<'_> {
    Parts { key, offset: 0 }
}

/// All parts of `key`.
pub fn parse(key: &[u8]) -> Result<Vec<Part<'_>>, StoreError> {
    parts(key).collect()
}

impl<'a> Parts<'a> {
    /// The bytes that have not been read.
    pub fn rest(&self) -> &'a [u8] {
        &self.key[self.offset..]
    }

    fn fault(&self, detail: &'static str) -> StoreError {
        StoreError::Key {
            offset: self.offset,
            detail,
        }
    }

    fn next_part(&mut self, tag: u8) -> Result<Part<'a>, StoreError> {
        match tag {
            TAG_BYTES => Ok(Part::Bytes(self.take_escaped()?)),
            TAG_STRING => self.take_string().map(Part::String),
            0x0c..=0x1c => self.take_int(tag).map(Part::Int),
            TAG_REAL => {
                let sortable = u64::from_be_bytes(self.take_fixed()?);
                let bits = if sortable & SIGN_BIT == 0 {
                    !sortable
                } else {
                    sortable ^ SIGN_BIT
                };
                Ok(Part::Real(f64::from_bits(bits)))
            }
            TAG_FALSE => Ok(Part::Bool(false)),
            TAG_TRUE => Ok(Part::Bool(true)),
            _ => Err(self.fault("an unknown tag")),
        }
    }

    fn take(&mut self, n_bytes: usize) -> Result<&'a [u8], StoreError> {
        let taken = self
            .rest()
            .get(..n_bytes)
            .ok_or_else(|| self.fault("a part is cut short"))?;
        self.offset += n_bytes;
        Ok(taken)
    }

    fn take_fixed(&mut self) -> Result<[u8; 8], StoreError> {
        let mut fixed = [0; 8];
        fixed.copy_from_slice(self.take(8)?);
        Ok(fixed)
    }

    fn take_int(&mut self, tag: u8) -> Result<i64, StoreError> {
        let n_bytes = usize::from(tag.abs_diff(TAG_ZERO));
        let is_negative = tag < TAG_ZERO;
        let body = self.take(n_bytes)?;
        let mut wide = if is_negative { [0xff; 8] } else { [0; 8] };
        wide[8 - n_bytes..].copy_from_slice(body);
        let stored = u64::from_be_bytes(wide);
        let magnitude = if is_negative { !stored } else { stored };
        if n_bytes > 0 && magnitude >> (8 * (n_bytes - 1)) == 0 {
            return Err(self.fault("an integer is longer than it need be"));
        }
        if magnitude > i64::MAX as u64 + u64::from(is_negative) {
            return Err(self.fault("an integer has more than 64 bits"));
        }
        Ok(if is_negative {
            (magnitude as i64).wrapping_neg()
        } else {
            magnitude as i64
        })
    }

    fn take_string(&mut self) -> Result<Cow<'a, str>, StoreError> {
        let not_text = self.fault("a string is not UTF-8");
        match self.take_escaped()? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes)
                .map(Cow::Borrowed)
                .map_err(|_| not_text),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| not_text),
        }
    }

    fn take_escaped(&mut self) -> Result<Cow<'a, [u8]>, StoreError> {
        let body = self.rest();
        let mut unescaped: Option<Vec<u8>> = None;
        let mut start = 0;
        loop {
            let Some(n_plain) = body[start..].iter().position(|&byte| byte == END) else {
                return Err(self.fault("a part is cut short"));
            };
            let end = start + n_plain;
            if body.get(end + 1) != Some(&ESCAPE) {
                self.offset += end + 1;
                return Ok(match unescaped {
                    None => Cow::Borrowed(&body[..end]),
                    Some(mut bytes) => {
                        bytes.extend_from_slice(&body[start..end]);
                        Cow::Owned(bytes)
                    }
                });
            }
            unescaped
                .get_or_insert_default()
                .extend_from_slice(&body[start..=end]);
            start = end + 2;
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let tag = *self.rest().first()?;
        self.offset += 1;
        let part = self.next_part(tag);
        if part.is_err() {
            self.offset = self.key.len();
        }
        Some(part)
    }
}

/// A half-open range of keys: `start` belongs to it, `end` does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyRange {
    /// The first key that may be in the range.
    pub start: Vec<u8>,
    /// The first key after the range; `None` where the range has no end.
    pub end: Option<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    pub const fn all() -> KeyRange {
        KeyRange {
            start: Vec::new(),
            end: None,
        }
    }

    /// The keys from `start` up to and without `end`.
    pub fn between(start: &[u8], end: &[u8]) -> KeyRange {
        KeyRange {
            start: start.to_vec(),
            end: Some(end.to_vec()),
        }
    }

    /// The keys that start with `prefix`.
    pub fn prefix(prefix: &[u8]) -> KeyRange {
        KeyRange {
            start: prefix.to_vec(),
            end: after_prefix(prefix),
        }
    }

    /// Says whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start.as_slice() && self.end.as_deref().is_none_or(|end| key < end)
    }

    /// Says whether no key can lie in the range.
    pub fn is_empty(&self) -> bool {
        self.end
            .as_deref()
            .is_some_and(|end| end <= self.start.as_slice())
    }

    /// The part of the range after `key`.
    #[must_use]
    pub fn after(mut self, key: &[u8]) -> KeyRange {
        self.start.clear();
        self.start.extend_from_slice(key);
        self.start.push(0);
        self
    }

    /// The part of the range before `key`.
    #[must_use]
    pub fn before(mut self, key: &[u8]) -> KeyRange {
        self.end = Some(key.to_vec());
        self
    }
}

/// The first key that sorts after everything with this prefix; none if the prefix is all `0xff`.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// Whose keys they are: the first part of every key outside of `blob` and `sys`, so that a tenant is one range.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant {
    name: Box<str>,
}

impl Tenant {
    const MAX_BYTES: usize = 128;

    /// The tenant of an instance that has only one.
    pub fn local() -> Tenant {
        Tenant { name: "local".into() }
    }

    /// A tenant by name: 1 to 128 bytes without control characters.
    pub fn new(name: &str) -> Result<Tenant, StoreError> {
        check_name(name, Self::MAX_BYTES)?;
        Ok(Tenant { name: name.into() })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The start of every key of this tenant.
    pub fn tuple(&self) -> Tuple {
        Tuple::new().string(&self.name)
    }
}

/// Refuses a name that is empty, too long or unprintable.
pub(crate) fn check_name(name: &str, max_bytes: usize) -> Result<(), StoreError> {
    let detail = if name.is_empty() {
        "it is empty"
    } else if name.len() > max_bytes {
        "it is too long"
    } else if name.chars().any(char::is_control) {
        "it has a control character"
    } else {
        return Ok(());
    };
    Err(StoreError::Name {
        name: name.chars().take(80).collect(),
        detail,
    })
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
