//! Strings as wholes: case, ends, padding, characters, numbers in them.

use sup_abi::word::{NIL, Word, boolean};

use super::BasePrimitive;
use super::arguments::{Arguments, check_items, check_room, invalid, mismatch};
use super::printing::reserve;
use super::scratch::build_str;
use super::search::{character_word, check_times, part_of};
use crate::base;
use crate::data::{BRACE, as_int, count_word, parse_int, parse_real, push_int, text_len_chars};
use crate::error::{Outcome, Raise};
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%str-upper", "(s :str) :str", 1..Some(1), upper),
    base!("%str-lower", "(s :str) :str", 1..Some(1), lower),
    base!("%str-capitalize", "(s :str) :str", 1..Some(1), capitalize),
    base!("%str-trim", "(s :str &opt chars :str) :str", 1..Some(2), trim),
    base!(
        "%str-trim-left",
        "(s :str &opt chars :str) :str",
        1..Some(2),
        trim_left
    ),
    base!(
        "%str-trim-right",
        "(s :str &opt chars :str) :str",
        1..Some(2),
        trim_right
    ),
    base!("%str-repeat", "(s :str n :int) :str", 2..Some(2), repeat),
    base!(
        "%str-pad-left",
        "(s :str width :int &opt fill :str) :str",
        2..Some(3),
        pad_left
    ),
    base!(
        "%str-pad-right",
        "(s :str width :int &opt fill :str) :str",
        2..Some(3),
        pad_right
    ),
    base!("%str-chars", "(s :str) :list-c", 1..Some(1), chars),
    base!("%str-codes", "(s :str) :list-c", 1..Some(1), codes),
    base!("%str-from-codes", "(codes) :str", 1..Some(1), from_codes),
    base!("%str-byte-count", "(s :str) :int", 1..Some(1), byte_count),
    base!("%str-int", "(s :str &opt radix :int) :int?", 1..Some(2), to_int),
    base!("%str-real", "(s :str) :real?", 1..Some(1), to_real),
    base!("%int-str", "(n :int radix :int) :str", 2..Some(2), from_int),
    base!("%real-str", "(x :num digits :int) :str", 2..Some(2), from_real),
    base!("%str-blank?", "(s :str) :bool", 1..Some(1), is_blank),
    base!("%str-alpha?", "(s :str) :bool", 1..Some(1), is_alpha),
    base!("%str-digit?", "(s :str) :bool", 1..Some(1), is_digit),
    base!("%str-space?", "(s :str) :bool", 1..Some(1), is_space),
    base!("%str-upper?", "(s :str) :bool", 1..Some(1), is_upper),
    base!("%str-lower?", "(s :str) :bool", 1..Some(1), is_lower),
];

fn upper(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let text = arguments.text(vm, 0)?;
    if text.is_ascii() {
        return build_str(vm, |vm, out| {
            reserve(vm, out, Some(text.len()))?;
            out.push_str(text);
            out.make_ascii_uppercase();
            Ok(())
        });
    }
    check_times(vm, text.len(), 3)?;
    vm.new_string(text.to_uppercase())
}

fn lower(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let text = arguments.text(vm, 0)?;
    if text.is_ascii() {
        return build_str(vm, |vm, out| {
            reserve(vm, out, Some(text.len()))?;
            out.push_str(text);
            out.make_ascii_lowercase();
            Ok(())
        });
    }
    check_times(vm, text.len(), 3)?;
    vm.new_string(text.to_lowercase())
}

fn capitalize(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let text = arguments.text(vm, 0)?;
    let mut rest = text.chars();
    let Some(first) = rest.next() else {
        return Ok(arguments[0]);
    };
    build_str(vm, |vm, out| {
        reserve(vm, out, text.len().checked_add(12))?;
        out.extend(first.to_uppercase());
        out.push_str(rest.as_str());
        Ok(())
    })
}

/// The string without what `cut` takes off it: white space, or the characters that are given.
fn trim_with(
    vm: &mut Vm,
    arguments: &[Word],
    cut: impl for<'a> Fn(&'a str, &dyn Fn(char) -> bool) -> &'a str,
) -> Outcome {
    let text = arguments.text(vm, 0)?;
    let trimmed = match arguments.given(1) {
        None => cut(text, &char::is_whitespace),
        Some(_) => {
            let chars = arguments.text(vm, 1)?;
            cut(text, &|character| chars.contains(character))
        }
    };
    if trimmed.len() == text.len() {
        return Ok(arguments[0]);
    }
    let from = trimmed.as_ptr() as usize - text.as_ptr() as usize;
    part_of(vm, arguments[0], text, from, from + trimmed.len())
}

fn trim(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    trim_with(vm, arguments, |text, belongs| text.trim_matches(belongs))
}

fn trim_left(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    trim_with(vm, arguments, |text, belongs| text.trim_start_matches(belongs))
}

fn trim_right(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    trim_with(vm, arguments, |text, belongs| text.trim_end_matches(belongs))
}

fn repeat(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let text = arguments.text(vm, 0)?;
    let n = arguments.amount(vm, 1)?;
    check_times(vm, text.len(), n)?;
    vm.new_string(text.repeat(n))
}

fn pad_left(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    pad(vm, arguments, End::Start)
}

fn pad_right(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    pad(vm, arguments, End::Finish)
}

/// The end of a string at which it is filled up.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Start,
    Finish,
}

fn pad(vm: &mut Vm, arguments: &[Word], end: End) -> Outcome {
    let text = arguments.text(vm, 0)?;
    let width = arguments.amount(vm, 1)?;
    let fill = match arguments.given(2) {
        None => " ",
        Some(word) => match arguments.text(vm, 2)? {
            "" => return Err(invalid(vm, "there is nothing to fill up with", word)),
            fill => fill,
        },
    };
    let missing = width.saturating_sub(text_len_chars(&arguments[0]).unwrap_or(0));
    if missing == 0 {
        return Ok(arguments[0]);
    }
    let len = missing
        .checked_mul(4)
        .and_then(|padding| padding.checked_add(text.len()));
    check_room(vm, len)?;
    build_str(vm, |_, out| {
        let padding = fill.chars().cycle().take(missing);
        if end == End::Start {
            out.extend(padding);
            out.push_str(text);
        } else {
            out.push_str(text);
            out.extend(padding);
        }
        Ok(())
    })
}

fn chars(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    each_character(vm, arguments, character_word)
}

fn codes(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    each_character(vm, arguments, |character| count_word(character as usize))
}

#[inline(always)]
fn each_character(vm: &mut Vm, arguments: &[Word], word_of: impl Fn(char) -> Word) -> Outcome {
    let text = arguments.text(vm, 0)?;
    let n = text_len_chars(&arguments[0]).unwrap_or(0);
    check_items(vm, Some(n))?;
    vm.new_list_sized(BRACE, n, |words| {
        if n == text.len() {
            for (slot, byte) in words.iter_mut().zip(text.bytes()) {
                *slot = word_of(char::from(byte));
            }
            return;
        }
        for (slot, character) in words.iter_mut().zip(text.chars()) {
            *slot = word_of(character);
        }
    })
}

fn from_codes(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let items = arguments.items(vm, 0)?;
    check_times(vm, items.len(), 4)?;
    build_str(vm, |vm, out| {
        for item in items {
            match as_int(*item) {
                None => return Err(mismatch(vm, 0, "a collection of code points", *item)),
                Some(code) => match u32::try_from(code).ok().and_then(char::from_u32) {
                    Some(character) => out.push(character),
                    None => return Err(invalid(vm, "there is no character with this code point", *item)),
                },
            }
        }
        Ok(())
    })
}

fn byte_count(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let len = arguments.text(vm, 0)?.len();
    Ok(count_word(len))
}

/// The radix in an argument: from 2 to 36.
fn radix(vm: &mut Vm, arguments: &[Word], index: usize) -> Result<u32, Raise> {
    match arguments.int(vm, index)? {
        radix @ 2..=36 => Ok(radix as u32),
        _ => Err(invalid(vm, "a radix is from 2 to 36", arguments[index])),
    }
}

fn to_int(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let text = arguments.text(vm, 0)?;
    let radix = match arguments.given(1) {
        Some(_) => radix(vm, arguments, 1)?,
        None => 10,
    };
    match parse_int(text, radix) {
        Some(value) => vm.new_int(value),
        None => Ok(NIL),
    }
}

fn to_real(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    match parse_real(arguments.text(vm, 0)?) {
        Some(value) => vm.new_real(value),
        None => Ok(NIL),
    }
}

fn from_int(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let value = arguments.int(vm, 0)?;
    let radix = radix(vm, arguments, 1)?;
    build_str(vm, |_, out| {
        push_in_radix(out, value, radix);
        Ok(())
    })
}

/// Appends an integer in digits of a radix, with a sign when it is negative.
pub(crate) fn push_in_radix(out: &mut String, value: i64, radix: u32) {
    if radix == 10 {
        return push_int(out, value);
    }
    if value < 0 {
        out.push('-');
    }
    push_unsigned(out, value.unsigned_abs(), radix);
}

/// Appends a number in digits of a radix.
pub(crate) fn push_unsigned(out: &mut String, value: u64, radix: u32) {
    let mut digits = [0u8; 64];
    let mut start = digits.len();
    let mut left = value;
    loop {
        start -= 1;
        let digit = (left % u64::from(radix)) as u32;
        digits[start] = char::from_digit(digit, radix).expect("a remainder is a digit") as u8;
        left /= u64::from(radix);
        if left == 0 {
            break;
        }
    }
    out.extend(digits[start..].iter().map(|digit| char::from(*digit)));
}

/// Most digits after the point that a real is written with.
pub(crate) const MAX_DECIMALS: i64 = 1000;

fn from_real(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let value = arguments.number(vm, 0)?;
    let digits = arguments.int(vm, 1)?;
    if !(0..=MAX_DECIMALS).contains(&digits) {
        return Err(invalid(
            vm,
            "the number of decimals is from 0 to 1000",
            arguments[1],
        ));
    }
    build_str(vm, |_, out| {
        super::format::push_fixed(out, value, digits as usize);
        Ok(())
    })
}

fn is_blank(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    Ok(boolean(arguments.text(vm, 0)?.chars().all(char::is_whitespace)))
}

/// Whether a text is not empty and each of its characters is something.
fn all(vm: &mut Vm, arguments: &[Word], holds: fn(char) -> bool) -> Outcome {
    let text = arguments.text(vm, 0)?;
    Ok(boolean(!text.is_empty() && text.chars().all(holds)))
}

fn is_alpha(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    all(vm, arguments, char::is_alphabetic)
}

fn is_digit(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    all(vm, arguments, |character| character.is_ascii_digit())
}

fn is_space(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    all(vm, arguments, char::is_whitespace)
}

fn is_upper(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    all(vm, arguments, char::is_uppercase)
}

fn is_lower(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    all(vm, arguments, char::is_lowercase)
}
