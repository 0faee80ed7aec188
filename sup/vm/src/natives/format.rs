//! Text by pattern, as C's printf writes it.

use std::fmt::Write;

use sup_abi::word::{FALSE, NIL, TRUE, Word};

use super::BasePrimitive;
use super::arguments::{Arguments, check_room, refuse};
use super::scratch::build_str;
use super::text::push_unsigned;
use crate::base;
use crate::data::{Number, as_int, number_of, push_int, push_real, text_of};
use crate::error::{Outcome, Raise};
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[base!("%format", "(fmt :str &rest args) :str", 1..None, format)];

/// Largest width and precision of a directive.
const MAX_WIDTH: usize = 1 << 20;
/// Most digits after the point.
const MAX_PRECISION: usize = 1000;

/// One `%…` of a pattern.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
struct Directive {
    is_left: bool,
    has_zeros: bool,
    has_plus: bool,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

/// Reads a directive after its `%`: what it says and its length, or nothing.
fn parse(text: &str) -> Option<(Directive, usize)> {
    let mut directive = Directive::default();
    let mut rest = text;
    loop {
        let flag = match rest.as_bytes().first()? {
            b'-' => &mut directive.is_left,
            b'0' => &mut directive.has_zeros,
            b'+' => &mut directive.has_plus,
            _ => break,
        };
        *flag = true;
        rest = &rest[1..];
    }
    (directive.width, rest) = number(rest)?;
    if directive.width > MAX_WIDTH {
        return None;
    }
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after)?;
        if precision > MAX_PRECISION {
            return None;
        }
        directive.precision = Some(precision);
        rest = after;
    }
    directive.conversion = rest.chars().next()?;
    let len = text.len() - rest.len() + directive.conversion.len_utf8();
    Some((directive, len))
}

/// Reads digits: their value, 0 without any, and what follows them.
fn number(text: &str) -> Option<(usize, &str)> {
    let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(n_digits);
    Some((
        if digits.is_empty() {
            0
        } else {
            digits.parse().ok()?
        },
        rest,
    ))
}

fn format(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let pattern = arguments.text(vm, 0)?;
    build_str(vm, |vm, out| {
        let mut rest = pattern;
        let mut next = 1;
        while let Some(offset) = memchr::memchr(b'%', rest.as_bytes()) {
            out.push_str(&rest[..offset]);
            rest = &rest[offset + 1..];
            let Some((directive, len)) = parse(rest) else {
                let message = format!(
                    "there is no directive %{}",
                    rest.chars().take(8).collect::<String>()
                );
                return Err(refuse(vm, "format/directive", &message, NIL));
            };
            rest = &rest[len..];
            if directive.conversion == '%' {
                out.push('%');
                continue;
            }
            let Some(argument) = arguments.get(next) else {
                let message = format!("there is no argument for %{}", directive.conversion);
                return Err(refuse(vm, "format/argument", &message, NIL));
            };
            next += 1;
            push_argument(vm, out, directive, *argument)?;
            check_room(vm, Some(out.len()))?;
        }
        out.push_str(rest);
        match arguments.get(next) {
            Some(left) => Err(refuse(
                vm,
                "format/argument",
                "there are more arguments than directives",
                *left,
            )),
            None => Ok(()),
        }
    })
}

fn push_argument(vm: &mut Vm, out: &mut String, directive: Directive, word: Word) -> Result<(), Raise> {
    match directive.conversion {
        'd' | 'x' | 'X' | 'o' | 'b' => match int_of(word) {
            Some(value) => push_int_padded(out, directive, value),
            None => return Err(wrong(vm, directive, "an :int", word)),
        },
        'f' | 'e' | 'E' | 'g' | 'G' => match number_of(word).map(Number::to_real) {
            Some(value) => push_real_padded(out, directive, value),
            None => return Err(wrong(vm, directive, "a number", word)),
        },
        's' => match text_of(&word) {
            Some(text) => push_padded(out, directive, cut(text, directive.precision)),
            None => {
                let text = vm.try_display(word)?;
                push_padded(out, directive, cut(&text, directive.precision));
            }
        },
        'q' => {
            let text = vm.try_repr(word)?;
            push_padded(out, directive, cut(&text, directive.precision));
        }
        'c' => match character_of(&word) {
            Some(character) => push_padded(out, directive, character.encode_utf8(&mut [0; 4])),
            None => {
                return Err(wrong(
                    vm,
                    directive,
                    "a code point or a string of one character",
                    word,
                ));
            }
        },
        other => {
            let message = format!("there is no directive %{other}");
            return Err(refuse(vm, "format/directive", &message, NIL));
        }
    }
    Ok(())
}

#[cold]
fn wrong(vm: &mut Vm, directive: Directive, expected: &str, found: Word) -> Raise {
    let (shown, kind) = (vm.repr_short(found), vm.type_name(found));
    let message = format!("%{} takes {expected}, got {shown} ({kind})", directive.conversion);
    refuse(vm, "format/argument", &message, found)
}

fn int_of(word: Word) -> Option<i64> {
    match word {
        TRUE => Some(1),
        FALSE => Some(0),
        _ => as_int(word),
    }
}

fn character_of(word: &Word) -> Option<char> {
    if let Some(text) = text_of(word) {
        let mut characters = text.chars();
        return characters.next().filter(|_| characters.next().is_none());
    }
    as_int(*word)
        .and_then(|code| u32::try_from(code).ok())
        .and_then(char::from_u32)
}

/// At most so many characters of a text.
fn cut(text: &str, precision: Option<usize>) -> &str {
    match precision.and_then(|limit| text.char_indices().nth(limit)) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

fn repeat(out: &mut String, character: char, n: usize) {
    out.extend(std::iter::repeat_n(character, n));
}

/// Appends a text, filled up with blanks.
fn push_padded(out: &mut String, directive: Directive, text: &str) {
    let missing = if directive.width == 0 {
        0
    } else {
        directive.width.saturating_sub(text.chars().count())
    };
    if directive.is_left {
        out.push_str(text);
        repeat(out, ' ', missing);
    } else {
        repeat(out, ' ', missing);
        out.push_str(text);
    }
}

/// Appends sign and digits of a number, filled up with blanks, or with zeros between them.
fn push_number(
    out: &mut String,
    directive: Directive,
    is_negative: bool,
    digits: &str,
    may_have_zeros: bool,
) {
    let sign = match (is_negative, directive.has_plus) {
        (true, _) => "-",
        (false, true) => "+",
        (false, false) => "",
    };
    let missing = directive.width.saturating_sub(sign.len() + digits.len());
    let (before, zeros, after) = match (directive.is_left, directive.has_zeros && may_have_zeros) {
        (true, _) => (0, 0, missing),
        (false, true) => (0, missing, 0),
        (false, false) => (missing, 0, 0),
    };
    repeat(out, ' ', before);
    out.push_str(sign);
    repeat(out, '0', zeros);
    out.push_str(digits);
    repeat(out, ' ', after);
}

fn push_int_padded(out: &mut String, directive: Directive, value: i64) {
    if directive.width == 0
        && directive.precision.is_none()
        && !directive.has_plus
        && directive.conversion == 'd'
    {
        return push_int(out, value);
    }
    let mut digits = String::with_capacity(64);
    match directive.conversion {
        'd' => push_unsigned(&mut digits, value.unsigned_abs(), 10),
        // As in C: the bits of a negative integer.
        'o' => push_unsigned(&mut digits, value as u64, 8),
        'b' => push_unsigned(&mut digits, value as u64, 2),
        _ => push_unsigned(&mut digits, value as u64, 16),
    }
    if directive.conversion == 'X' {
        digits.make_ascii_uppercase();
    }
    if let Some(least) = directive.precision {
        let missing = least.saturating_sub(digits.len());
        digits.insert_str(0, &"0".repeat(missing));
    }
    let is_negative = directive.conversion == 'd' && value < 0;
    let plain = Directive {
        has_plus: directive.has_plus && directive.conversion == 'd',
        ..directive
    };
    push_number(out, plain, is_negative, &digits, directive.precision.is_none());
}

fn push_real_padded(out: &mut String, directive: Directive, value: f64) {
    if !value.is_finite() {
        let mut text = String::new();
        push_real(&mut text, value);
        return push_padded(out, directive, &text);
    }
    let precision = directive.precision.unwrap_or(6);
    let size = value.abs();
    let mut digits = match directive.conversion {
        'f' => format!("{size:.precision$}"),
        'e' | 'E' => scientific(size, precision),
        _ => shortest_of(size, precision.max(1)),
    };
    if directive.conversion.is_ascii_uppercase() {
        digits.make_ascii_uppercase();
    }
    push_number(out, directive, value.is_sign_negative(), &digits, true);
}

/// Digits with an exponent of a sign and at least two digits, as C writes them.
fn scientific(size: f64, precision: usize) -> String {
    let (mantissa, exponent) = mantissa_of(size, precision);
    with_exponent(&mantissa, exponent)
}

fn mantissa_of(size: f64, precision: usize) -> (String, i32) {
    let text = format!("{size:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').expect("this form has an exponent");
    (
        mantissa.to_owned(),
        exponent.parse().expect("an exponent is a small number"),
    )
}

fn with_exponent(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// So many significant digits, with an exponent where that is shorter, without zeros at the end.
fn shortest_of(size: f64, n_digits: usize) -> String {
    let (mantissa, exponent) = mantissa_of(size, n_digits - 1);
    if exponent < -4 || exponent >= n_digits as i32 {
        return with_exponent(without_zeros(&mantissa), exponent);
    }
    let decimals = (n_digits as i32 - 1 - exponent) as usize;
    without_zeros(&format!("{size:.decimals$}")).to_owned()
}

fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    }
}

/// Appends a real with a fixed number of decimals.
pub(crate) fn push_fixed(out: &mut String, value: f64, decimals: usize) {
    if value.is_finite() {
        write!(out, "{value:.decimals$}").expect("writing to a string does not fail");
    } else {
        push_real(out, value);
    }
}
