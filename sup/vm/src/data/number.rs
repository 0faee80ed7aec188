//! Numbers: integers and reals in words or boxes, exact comparison across both, and their text.

use std::cmp::Ordering;
use std::fmt::Write;

use sup_abi::word::{Word, fixnum, fixnum_value, flonum, flonum_value, is_fixnum, is_flonum};

use crate::error::{Outcome, Raise};
use crate::object::{Header, Kind, Obj};
use crate::vm::Vm;

/// The bits of the one NaN there is.
pub const NAN_BITS: u64 = sup_code::wire::CANONICAL_NAN;

/// The integer that the word is, if it is one.
#[must_use]
#[inline]
pub fn as_int(word: Word) -> Option<i64> {
    if is_fixnum(word) {
        return Some(fixnum_value(word));
    }
    let obj = Obj::from_word(word)?;
    (obj.kind() == Kind::Int).then(|| obj.get(1) as i64)
}

/// The real that the word is, if it is one.
#[must_use]
#[inline]
pub fn as_real(word: Word) -> Option<f64> {
    if is_flonum(word) {
        return Some(flonum_value(word));
    }
    let obj = Obj::from_word(word)?;
    (obj.kind() == Kind::Real).then(|| f64::from_bits(obj.get(1)))
}

/// The number that the word is, as a real; integers are rounded to the nearest.
#[must_use]
#[inline]
pub fn as_number(word: Word) -> Option<f64> {
    as_real(word).or_else(|| as_int(word).map(|value| value as f64))
}

/// Whether the word is an integer.
#[must_use]
#[inline]
pub fn is_int(word: Word) -> bool {
    is_fixnum(word) || crate::object::kind_of(word) == Some(Kind::Int)
}

/// Whether the word is a real.
#[must_use]
#[inline]
pub fn is_real(word: Word) -> bool {
    is_flonum(word) || crate::object::kind_of(word) == Some(Kind::Real)
}

/// Whether the word is an integer or a real.
#[must_use]
#[inline]
pub fn is_number(word: Word) -> bool {
    is_int(word) || is_real(word)
}

/// An integer or a real, taken out of its word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i64),
    /// A real.
    Real(f64),
}

/// The number that the word is, if it is one.
#[must_use]
#[inline]
pub fn number_of(word: Word) -> Option<Number> {
    as_int(word)
        .map(Number::Int)
        .or_else(|| as_real(word).map(Number::Real))
}

/// Orders two numbers by value, exactly. NaN equals itself and comes last; nothing when one is no number.
#[must_use]
pub fn compare_numbers(a: Word, b: Word) -> Option<Ordering> {
    Some(match (number_of(a)?, number_of(b)?) {
        (Number::Int(a), Number::Int(b)) => a.cmp(&b),
        (Number::Real(a), Number::Real(b)) => {
            a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
        }
        (Number::Int(a), Number::Real(b)) => compare_mixed(a, b).unwrap_or(Ordering::Less),
        (Number::Real(a), Number::Int(b)) => compare_mixed(b, a).map_or(Ordering::Greater, Ordering::reverse),
    })
}

/// Orders an integer and a real without rounding either; nothing for NaN.
fn compare_mixed(int: i64, real: f64) -> Option<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if real.is_nan() {
        return None;
    }
    if real >= LIMIT {
        return Some(Ordering::Less);
    }
    if real < -LIMIT {
        return Some(Ordering::Greater);
    }
    let whole = real.trunc();
    Some(
        int.cmp(&(whole as i64))
            .then_with(|| 0.0f64.partial_cmp(&(real - whole)).unwrap_or(Ordering::Equal)),
    )
}

impl Vm {
    /// The integer that the word is, if it is one.
    #[must_use]
    #[inline]
    pub fn as_int(&self, word: Word) -> Option<i64> {
        as_int(word)
    }

    /// The real that the word is, if it is one.
    #[must_use]
    #[inline]
    pub fn as_real(&self, word: Word) -> Option<f64> {
        as_real(word)
    }

    /// An integer.
    ///
    /// # Errors
    /// `vm/memory`, when it needs a box.
    #[inline]
    pub fn new_int(&mut self, value: i64) -> Outcome {
        match fixnum(value) {
            Some(word) => Ok(word),
            None => self.boxed(Kind::Int, value as u64),
        }
    }

    /// A real. Every NaN becomes the same one.
    ///
    /// # Errors
    /// `vm/memory`, when it needs a box.
    #[inline]
    pub fn new_real(&mut self, value: f64) -> Outcome {
        match flonum(value) {
            Some(word) => Ok(word),
            None => self.boxed(
                Kind::Real,
                if value.is_nan() { NAN_BITS } else { value.to_bits() },
            ),
        }
    }

    #[cold]
    fn boxed(&mut self, kind: Kind, raw: u64) -> Outcome {
        let obj = self.alloc(Header::new(kind, 0))?;
        obj.init(1, raw);
        Ok(obj.word())
    }

    /// The integer that the word is.
    ///
    /// # Errors
    /// `type/mismatch` if it is none.
    #[inline]
    pub fn want_int(&mut self, word: Word) -> Result<i64, Raise> {
        match as_int(word) {
            Some(value) => Ok(value),
            None => Err(self.type_mismatch(":int", word)),
        }
    }

    /// The number that the word is, as a real.
    ///
    /// # Errors
    /// `type/mismatch` if it is none.
    #[inline]
    pub fn want_number(&mut self, word: Word) -> Result<f64, Raise> {
        match as_number(word) {
            Some(value) => Ok(value),
            None => Err(self.type_mismatch("a number", word)),
        }
    }

    fn want_numbers(&mut self, a: Word, b: Word) -> Result<(Number, Number), Raise> {
        match (number_of(a), number_of(b)) {
            (Some(a), Some(b)) => Ok((a, b)),
            (None, _) => Err(self.type_mismatch("a number", a)),
            (_, None) => Err(self.type_mismatch("a number", b)),
        }
    }

    fn arithmetic(
        &mut self,
        (a, b): (Word, Word),
        on_ints: impl FnOnce(i64, i64) -> Option<i64>,
        on_reals: impl FnOnce(f64, f64) -> f64,
    ) -> Outcome {
        match self.want_numbers(a, b)? {
            (Number::Int(a), Number::Int(b)) => match on_ints(a, b) {
                Some(value) => self.new_int(value),
                None => Err(self.overflow()),
            },
            (a, b) => self.new_real(on_reals(a.to_real(), b.to_real())),
        }
    }

    #[cold]
    fn overflow(&mut self) -> Raise {
        self.raise("alu/overflow", "the result does not fit an integer of 64 bits")
    }

    #[cold]
    fn division_by_zero(&mut self) -> Raise {
        self.raise("alu/div-zero", "division by zero")
    }

    /// The sum of two numbers.
    ///
    /// # Errors
    /// `type/mismatch`, `alu/overflow`, `vm/memory`.
    pub fn add(&mut self, a: Word, b: Word) -> Outcome {
        self.arithmetic((a, b), i64::checked_add, |a, b| a + b)
    }

    /// The difference of two numbers.
    ///
    /// # Errors
    /// As for [`Vm::add`].
    pub fn sub(&mut self, a: Word, b: Word) -> Outcome {
        self.arithmetic((a, b), i64::checked_sub, |a, b| a - b)
    }

    /// The product of two numbers.
    ///
    /// # Errors
    /// As for [`Vm::add`].
    pub fn mul(&mut self, a: Word, b: Word) -> Outcome {
        self.arithmetic((a, b), i64::checked_mul, |a, b| a * b)
    }

    /// The quotient of two numbers: an integer when both are and it is exact, else a real.
    ///
    /// # Errors
    /// `alu/div-zero`, else as for [`Vm::add`].
    pub fn div(&mut self, a: Word, b: Word) -> Outcome {
        let (a, b) = self.want_numbers(a, b)?;
        match (a, b) {
            (_, Number::Int(0)) => Err(self.division_by_zero()),
            (_, Number::Real(0.0)) => Err(self.division_by_zero()),
            (Number::Int(a), Number::Int(b)) => match a.checked_div(b) {
                None => Err(self.overflow()),
                Some(quotient) if quotient * b == a => self.new_int(quotient),
                Some(_) => self.new_real(a as f64 / b as f64),
            },
            (a, b) => self.new_real(a.to_real() / b.to_real()),
        }
    }

    /// The remainder of a division; it has the sign of the first number.
    ///
    /// # Errors
    /// As for [`Vm::div`].
    pub fn rem(&mut self, a: Word, b: Word) -> Outcome {
        let (a, b) = self.want_numbers(a, b)?;
        match (a, b) {
            (_, Number::Int(0)) => Err(self.division_by_zero()),
            (_, Number::Real(0.0)) => Err(self.division_by_zero()),
            (Number::Int(a), Number::Int(b)) => self.new_int(a.wrapping_rem(b)),
            (a, b) => self.new_real(a.to_real() % b.to_real()),
        }
    }

    /// Zero less the number.
    ///
    /// # Errors
    /// As for [`Vm::add`].
    pub fn negate(&mut self, word: Word) -> Outcome {
        match number_of(word) {
            Some(Number::Int(value)) => match value.checked_neg() {
                Some(value) => self.new_int(value),
                None => Err(self.overflow()),
            },
            Some(Number::Real(value)) => self.new_real(-value),
            None => Err(self.type_mismatch("a number", word)),
        }
    }

    /// Whether the first number is less; false when one is NaN.
    ///
    /// # Errors
    /// `type/mismatch`.
    pub fn less(&mut self, a: Word, b: Word) -> Result<bool, Raise> {
        Ok(self.order_numbers(a, b)? == Some(Ordering::Less))
    }

    /// Whether the first number is less or the same; false when one is NaN.
    ///
    /// # Errors
    /// `type/mismatch`.
    pub fn less_equal(&mut self, a: Word, b: Word) -> Result<bool, Raise> {
        Ok(matches!(
            self.order_numbers(a, b)?,
            Some(Ordering::Less | Ordering::Equal)
        ))
    }

    /// Whether two numbers have the same value; false when one is NaN. Of anything else whether it is deeply equal.
    ///
    /// # Errors
    /// None.
    pub fn same_number(&mut self, a: Word, b: Word) -> Result<bool, Raise> {
        if !is_number(a) || !is_number(b) {
            return Ok(self.equal(a, b));
        }
        Ok(self.order_numbers(a, b)? == Some(Ordering::Equal))
    }

    fn order_numbers(&mut self, a: Word, b: Word) -> Result<Option<Ordering>, Raise> {
        Ok(match self.want_numbers(a, b)? {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
            (Number::Real(a), Number::Real(b)) => a.partial_cmp(&b),
            (Number::Int(a), Number::Real(b)) => compare_mixed(a, b),
            (Number::Real(a), Number::Int(b)) => compare_mixed(b, a).map(Ordering::reverse),
        })
    }
}

impl Number {
    /// The number as a real.
    #[must_use]
    pub fn to_real(self) -> f64 {
        match self {
            Number::Int(value) => value as f64,
            Number::Real(value) => value,
        }
    }
}

/// Appends an integer in decimal.
#[inline]
pub fn push_int(out: &mut String, value: i64) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// Appends a real in the fewest digits that read back to the same bits, always with a point, an exponent, or as `+inf`
/// `-inf` `+nan`: the same text that the printer of forms makes with the standard library, but sooner.
pub fn push_real(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("+nan");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+inf" } else { "-inf" });
    } else {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(value);
        // The standard library writes small numbers with an exponent earlier.
        if (value.abs() < 1e-4 && value != 0.0) || lies_between(value, text) {
            write!(out, "{value:?}").expect("writing to a string cannot fail");
        } else {
            out.push_str(text);
        }
    }
}

/// Whether the value lies in the middle between the text and another of the same length, so that the standard library may
/// have taken the other: a value with some bits behind the point has as many digits there, and the text has one less.
fn lies_between(value: f64, text: &str) -> bool {
    let exponent = ((value.to_bits() >> 52) & 0x7ff) as i32 - 1075;
    let n_bits_behind = -(exponent + value.to_bits().trailing_zeros().min(52) as i32);
    let n_digits_behind = text.find('.').map_or(0, |point| text.len() - point - 1);
    n_bits_behind > 1 && n_digits_behind as i32 == n_bits_behind - 1
}

/// The integer that a text is, in digits of that radix with an optional sign; nothing for anything else.
#[must_use]
pub fn parse_int(text: &str, radix: u32) -> Option<i64> {
    if !(2..=36).contains(&radix) {
        return None;
    }
    i64::from_str_radix(text, radix).ok()
}

/// The real that a text is, in decimal with an optional sign, point and exponent, or `+inf` `-inf` `+nan`.
#[must_use]
pub fn parse_real(text: &str) -> Option<f64> {
    match text {
        "+inf" => return Some(f64::INFINITY),
        "-inf" => return Some(f64::NEG_INFINITY),
        "+nan" => return Some(f64::NAN),
        _ => {}
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    text.parse().ok()
}
