//! The value word: how 64 bits tell what they are. Kernels and the machine read the same scheme.
//!
//! The low three bits are the tag. Doubles are self-tagged (Melançon, Serrano, Feeley, "Float Self-Tagging",
//! arXiv 2411.16544): the bits are rotated left by four, so that the three high exponent bits become the tag;
//! zeros and magnitudes from about 1e-77 to 1e77 fall on tags 0, 3 and 4, everything else is boxed.
//!
//! | tag | word |
//! |---|---|
//! | 0 3 4 | real, rotated left by 4 |
//! | 1 | address of a heap object, plus 1 |
//! | 2 6 | integer of 62 bits, shifted left by 2 |
//! | 5 | string of at most 7 bytes: length in bits 3..6, bytes from bit 8 up |
//! | 7 | immediate: kind in bits 3..8, payload in bits 32..64 |

/// One value as the machine and kernels pass it.
pub type Word = u64;

/// Names this tag scheme; a kernel built for another one is refused when it is loaded.
pub const VALUE_LAYOUT: u32 = 0x5355_0001;

/// Tag of a heap pointer.
pub const TAG_POINTER: u64 = 1;
/// Tag of a string held in the word itself.
pub const TAG_SHORT: u64 = 5;
/// Tag of an immediate.
pub const TAG_IMMEDIATE: u64 = 7;
/// Largest number of bytes that a string word holds itself. Shorter or equal strings are always held so.
pub const SHORT_MAX: usize = 7;

/// Largest integer that fits a word; larger ones are boxed.
pub const FIXNUM_MAX: i64 = (1 << 61) - 1;
/// Smallest integer that fits a word.
pub const FIXNUM_MIN: i64 = -(1 << 61);

/// Kinds of immediates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Immediate {
    /// The absent value.
    Nil = 0,
    /// Boolean false.
    False = 1,
    /// Boolean true.
    True = 2,
    /// A symbol; the payload is its id in the process's name table.
    Symbol = 3,
    /// A keyword; the payload is the id of its name without the colon.
    Keyword = 4,
    /// A path such as `store:key`; the payload is the id of its whole text.
    Path = 5,
    /// A primitive; the payload is its id in the process's table of primitives.
    Primitive = 6,
    /// A slot that was not defined yet. Never visible to programs.
    Undefined = 30,
    /// Answered by a native function that has raised. Never visible to programs.
    Throw = 31,
}

/// Makes an immediate.
#[must_use]
pub const fn immediate(kind: Immediate, payload: u32) -> Word {
    TAG_IMMEDIATE | ((kind as u64) << 3) | ((payload as u64) << 32)
}

/// `nil`
pub const NIL: Word = immediate(Immediate::Nil, 0);
/// `false`
pub const FALSE: Word = immediate(Immediate::False, 0);
/// `true`
pub const TRUE: Word = immediate(Immediate::True, 0);
/// The mark of an undefined slot.
pub const UNDEFINED: Word = immediate(Immediate::Undefined, 0);
/// What a native function answers after it has raised.
pub const THROW: Word = immediate(Immediate::Throw, 0);
/// The integer 0, one of the three false values.
pub const ZERO: Word = 2;

/// The boolean as a word.
#[must_use]
#[inline(always)]
pub const fn boolean(value: bool) -> Word {
    if value { TRUE } else { FALSE }
}

/// Whether a condition that came to `word` does not hold: `false`, `nil` and the integer `0`.
#[must_use]
#[inline(always)]
pub const fn is_falsy(word: Word) -> bool {
    word == FALSE || word == NIL || word == ZERO
}

/// Whether the word is an immediate of that kind.
#[must_use]
#[inline(always)]
pub const fn is_immediate(word: Word, kind: Immediate) -> bool {
    word & 0xff == TAG_IMMEDIATE | ((kind as u64) << 3)
}

/// The payload of an immediate.
#[must_use]
#[inline(always)]
pub const fn payload(word: Word) -> u32 {
    (word >> 32) as u32
}

/// Whether the word is an integer that it holds itself.
#[must_use]
#[inline(always)]
pub const fn is_fixnum(word: Word) -> bool {
    word & 3 == 2
}

/// The integer in a word, if the integer fits.
#[must_use]
#[inline(always)]
pub const fn fixnum(value: i64) -> Option<Word> {
    if value >= FIXNUM_MIN && value <= FIXNUM_MAX {
        Some(((value << 2) | 2) as u64)
    } else {
        None
    }
}

/// The integer that a fixnum word holds.
#[must_use]
#[inline(always)]
pub const fn fixnum_value(word: Word) -> i64 {
    (word as i64) >> 2
}

/// Whether the word is a real that it holds itself.
#[must_use]
#[inline(always)]
pub const fn is_flonum(word: Word) -> bool {
    // The bits of the tags 0, 3 and 4, four times over: a bit test takes its place modulo 32, so the tag needs no mask.
    (0x1919_1919u32 >> (word as u32 & 31)) & 1 != 0
}

/// The real in a word, if its exponent allows.
#[must_use]
#[inline(always)]
pub const fn flonum(value: f64) -> Option<Word> {
    let word = value.to_bits().rotate_left(4);
    if is_flonum(word) { Some(word) } else { None }
}

/// The real that a flonum word holds.
#[must_use]
#[inline(always)]
pub const fn flonum_value(word: Word) -> f64 {
    f64::from_bits(word.rotate_right(4))
}

/// Whether the word points into a heap.
#[must_use]
#[inline(always)]
pub const fn is_pointer(word: Word) -> bool {
    word & 7 == TAG_POINTER
}

/// Whether the word is a string that it holds itself.
#[must_use]
#[inline(always)]
pub const fn is_short(word: Word) -> bool {
    word & 7 == TAG_SHORT
}

/// The word of a short string.
#[must_use]
#[inline]
pub fn short(bytes: &[u8]) -> Option<Word> {
    if bytes.len() > SHORT_MAX {
        return None;
    }
    let len = bytes.len();
    let at = |index: usize| u64::from(bytes[index]) << (8 * index);
    // Reads that overlap agree on the bytes that they share; a copy of unknown length would be a call.
    let text = match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | (u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4)))
        }
        _ if len == 0 => 0,
        _ => at(0) | at(len / 2) | at(len - 1),
    };
    Some(TAG_SHORT | ((len as u64) << 3) | (text << 8))
}

/// Length in bytes of a short string.
#[must_use]
#[inline(always)]
pub const fn short_len(word: Word) -> usize {
    ((word >> 3) & 7) as usize
}

/// The bytes of a short string, in the first `short_len` places.
#[must_use]
#[inline(always)]
pub const fn short_bytes(word: Word) -> [u8; 8] {
    (word >> 8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_at_the_edges_round_trip() {
        for value in [0, 1, -1, FIXNUM_MAX, FIXNUM_MIN] {
            assert_eq!(fixnum_value(fixnum(value).expect("fits")), value);
        }
        assert_eq!(fixnum(FIXNUM_MAX + 1), None);
        assert_eq!(fixnum(i64::MIN), None);
    }

    #[test]
    fn reals_round_trip_or_ask_for_a_box() {
        for value in [0.0, -0.0, 1.0, -2.5, 1e77, 2e-77, std::f64::consts::PI] {
            assert_eq!(
                flonum_value(flonum(value).expect("fits")).to_bits(),
                value.to_bits()
            );
        }
        assert_eq!(flonum(f64::INFINITY), None);
        assert_eq!(flonum(1e300), None);
    }

    #[test]
    fn no_word_is_of_two_kinds() {
        let words = [
            NIL,
            TRUE,
            FALSE,
            ZERO,
            flonum(1.5).expect("fits"),
            short(b"abc").expect("fits"),
            0x1001,
        ];
        for word in words {
            let kinds = [
                is_fixnum(word),
                is_flonum(word),
                is_pointer(word),
                is_short(word),
                word & 7 == TAG_IMMEDIATE,
            ];
            assert_eq!(kinds.iter().filter(|is| **is).count(), 1, "{word:#x}");
        }
    }

    #[test]
    fn short_strings_keep_their_bytes() {
        let word = short(b"seven77").expect("fits");
        assert_eq!((short_len(word), &short_bytes(word)[..7]), (7, &b"seven77"[..]));
        assert_eq!(short(b"eight888"), None);
        for len in 0..=SHORT_MAX {
            let text = &b"abcdefg"[..len];
            let word = short(text).expect("fits");
            assert!(is_short(word));
            assert_eq!((short_len(word), &short_bytes(word)[..len]), (len, text));
            assert_eq!(short_bytes(word)[len..], [0; 8][len..]);
        }
    }
}
