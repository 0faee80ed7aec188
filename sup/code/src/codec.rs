//! Numbers, text and counts as bytes: the only place that knows bincode.
//!
//! The layout is bincode 2's standard one: little-endian, unsigned numbers of 1, 3, 5 or 9 bytes by size, signed ones
//! zigzagged first, reals as their 8 bytes, a length before text. It is made canonical here: a number that is longer than
//! it need be, and a NaN other than [`CANONICAL_NAN`], are refused. bincode's own containers are not used, because they
//! trust the lengths that they read; here a length is held against the bytes that are left before anything is allocated.

use crate::wire::{Part, Place, WireError, WireFault};
use bincode::config::Configuration;
use bincode::de::read::Reader;
use bincode::de::{Decode, DecoderImpl};
use bincode::enc::write::Writer as BincodeWriter;
use bincode::enc::{Encode, EncoderImpl};
use bincode::error::{DecodeError, EncodeError};
use slp::Span;

/// The bits of the one NaN that is written.
pub const CANONICAL_NAN: u64 = 0x7ff8_0000_0000_0000;

/// How many elements a vector reserves before the first one was read.
const FIRST_CAPACITY: usize = 1024;

const LAYOUT: Configuration = bincode::config::standard();

struct Grow<'a>(&'a mut Vec<u8>);

impl BincodeWriter for Grow<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

struct Rest<'a>(&'a [u8]);

impl Reader for Rest<'_> {
    #[inline]
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), DecodeError> {
        let Some((head, tail)) = self.0.split_at_checked(bytes.len()) else {
            return Err(DecodeError::UnexpectedEnd {
                additional: bytes.len() - self.0.len(),
            });
        };
        bytes.copy_from_slice(head);
        self.0 = tail;
        Ok(())
    }

    #[inline]
    fn peek_read(&mut self, n_bytes: usize) -> Option<&[u8]> {
        self.0.get(..n_bytes)
    }

    #[inline]
    fn consume(&mut self, n_bytes: usize) {
        self.0 = self.0.get(n_bytes..).unwrap_or_default();
    }
}

/// Bytes that grow.
#[derive(Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
}

impl Output {
    pub(crate) fn starting_with(head: &[u8]) -> Output {
        Output { bytes: head.to_vec() }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    #[inline]
    fn number<T: Encode>(&mut self, value: T) {
        let mut encoder = EncoderImpl::new(Grow(&mut self.bytes), LAYOUT);
        value
            .encode(&mut encoder)
            .expect("writing a number to a vector cannot fail");
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.number(value);
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.number(value);
    }

    /// Any NaN is written as the canonical one.
    pub(crate) fn real(&mut self, value: f64) {
        self.number(if value.is_nan() {
            f64::from_bits(CANONICAL_NAN)
        } else {
            value
        });
    }

    pub(crate) fn count(&mut self, n_items: usize) {
        self.number(n_items as u64);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) fn span(&mut self, span: Span) {
        self.u32(span.start);
        self.u32(span.end);
    }
}

/// Numbers whose shortest width is known.
trait Number: Decode<()> + Copy {
    fn width(self) -> usize;
}

fn width_of(value: u64) -> usize {
    match value {
        0..=250 => 1,
        251..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

impl Number for u32 {
    fn width(self) -> usize {
        width_of(u64::from(self))
    }
}

impl Number for u64 {
    fn width(self) -> usize {
        width_of(self)
    }
}

impl Number for i64 {
    fn width(self) -> usize {
        width_of(((self << 1) ^ (self >> 63)) as u64)
    }
}

/// Foreign bytes, read from the front.
pub(crate) struct Input<'a> {
    rest: Rest<'a>,
    n_bytes: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input {
            rest: Rest(bytes),
            n_bytes: bytes.len(),
        }
    }

    /// As `new`, for bytes that may be too many.
    pub(crate) fn within(bytes: &'a [u8], max_bytes: u32) -> Result<Input<'a>, WireError> {
        let input = Input::new(bytes);
        if bytes.len() > max_bytes as usize {
            return input.fail(WireFault::TooLarge {
                part: Part::Input,
                limit: max_bytes,
            });
        }
        Ok(input)
    }

    /// Offset of the next byte.
    pub(crate) fn offset(&self) -> usize {
        self.n_bytes - self.rest.0.len()
    }

    pub(crate) fn fail<T>(&self, fault: WireFault) -> Result<T, WireError> {
        Err(WireError {
            place: Place::Byte(self.offset()),
            fault,
        })
    }

    /// Everything must have been read.
    pub(crate) fn end(&self) -> Result<(), WireError> {
        if self.rest.0.is_empty() {
            Ok(())
        } else {
            self.fail(WireFault::TrailingBytes)
        }
    }

    pub(crate) fn raw(&mut self, n_bytes: usize) -> Result<&'a [u8], WireError> {
        let Some((head, tail)) = self.rest.0.split_at_checked(n_bytes) else {
            return self.fail(WireFault::Truncated);
        };
        self.rest.0 = tail;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let head = self.raw(N)?;
        Ok(head
            .try_into()
            .expect("raw gives as many bytes as were asked for"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, WireError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    #[inline]
    fn number<T: Number>(&mut self) -> Result<T, WireError> {
        let start = self.offset();
        let mut decoder = DecoderImpl::new(&mut self.rest, LAYOUT, ());
        let value = T::decode(&mut decoder).map_err(|error| {
            let fault = match error {
                DecodeError::UnexpectedEnd { .. } => WireFault::Truncated,
                _ => WireFault::WrongNumber,
            };
            WireError {
                place: Place::Byte(start),
                fault,
            }
        })?;
        if self.offset() - start == value.width() {
            Ok(value)
        } else {
            Err(WireError {
                place: Place::Byte(start),
                fault: WireFault::LongNumber,
            })
        }
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        self.number()
    }

    pub(crate) fn i64(&mut self) -> Result<i64, WireError> {
        self.number()
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, WireError> {
        Ok(self.tag(Part::Bool, 2)? == 1)
    }

    pub(crate) fn real(&mut self) -> Result<f64, WireError> {
        let start = self.offset();
        let value = f64::from_le_bytes(self.array()?);
        if value.is_nan() && value.to_bits() != CANONICAL_NAN {
            return Err(WireError {
                place: Place::Byte(start),
                fault: WireFault::WrongNan,
            });
        }
        Ok(value)
    }

    /// A byte that says which of `n_tags` things follows.
    pub(crate) fn tag(&mut self, part: Part, n_tags: u8) -> Result<u8, WireError> {
        let place = Place::Byte(self.offset());
        let found = self.u8()?;
        if found < n_tags {
            Ok(found)
        } else {
            Err(WireError {
                place,
                fault: WireFault::WrongTag { part, found },
            })
        }
    }

    /// A number of items, each of which takes at least `item_bytes` more bytes.
    pub(crate) fn count(&mut self, part: Part, limit: u32, item_bytes: usize) -> Result<usize, WireError> {
        let place = Place::Byte(self.offset());
        let claimed: u64 = self.number()?;
        if claimed > u64::from(limit) {
            return Err(WireError {
                place,
                fault: WireFault::TooLarge { part, limit },
            });
        }
        if claimed > (self.rest.0.len() / item_bytes.max(1)) as u64 {
            return Err(WireError {
                place,
                fault: WireFault::Truncated,
            });
        }
        Ok(claimed as usize)
    }

    pub(crate) fn bytes(&mut self, part: Part, limit: u32) -> Result<&'a [u8], WireError> {
        let n_bytes = self.count(part, limit, 1)?;
        self.raw(n_bytes)
    }

    pub(crate) fn text(&mut self, part: Part, limit: u32) -> Result<&'a str, WireError> {
        let bytes = self.bytes(part, limit)?;
        let place = Place::Byte(self.offset() - bytes.len());
        std::str::from_utf8(bytes).map_err(|_| WireError {
            place,
            fault: WireFault::WrongUtf8,
        })
    }

    pub(crate) fn span(&mut self) -> Result<Span, WireError> {
        let place = Place::Byte(self.offset());
        let span = Span {
            start: self.u32()?,
            end: self.u32()?,
        };
        if span.start <= span.end {
            Ok(span)
        } else {
            Err(WireError {
                place,
                fault: WireFault::WrongSpan,
            })
        }
    }

    /// A counted sequence. What it reserves beforehand does not grow with the count that was claimed.
    pub(crate) fn sequence<T>(
        &mut self,
        (part, limit, item_bytes): (Part, u32, usize),
        mut item: impl FnMut(&mut Input<'a>) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        let n_items = self.count(part, limit, item_bytes)?;
        let mut items = Vec::with_capacity(n_items.min(FIRST_CAPACITY));
        for _ in 0..n_items {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// The bytes that every binary form starts with: what it is, and a version.
    pub(crate) fn head<const N: usize>(&mut self, magic: [u8; 4], version: [u8; N]) -> Result<(), WireError> {
        if self.array()? != magic {
            return Err(WireError {
                place: Place::Byte(0),
                fault: WireFault::WrongMagic,
            });
        }
        let found = self.array()?;
        if found != version {
            let fault = WireFault::WrongVersion {
                found: little_endian(&found),
                known: little_endian(&version),
            };
            return Err(WireError {
                place: Place::Byte(magic.len()),
                fault,
            });
        }
        Ok(())
    }
}

fn little_endian(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| (number << 8) | u32::from(*byte))
}
