//! Boxes, buffers and bytes.

use sup_abi::word::{Word, fixnum};

use super::arguments::{Arguments, check_room, mismatch, refuse};
use super::collections::{byte_of, push_character};
use super::sequence::raw_bytes;
use super::{BasePrimitive, printing};
use crate::base;
use crate::data::{buffer_bytes, bytes_of, is_buffer, text_of, unbox};
use crate::error::{Outcome, Raise};
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%box", "(x) :box", 1..Some(1), new_box),
    base!("%unbox", "(b :box)", 1..Some(1), open_box),
    base!("%box-set", "(b :box x)", 2..Some(2), set_box),
    base!(
        "%buffer-new",
        "(&opt capacity :int) :buffer",
        0..Some(1),
        new_buffer
    ),
    base!("%buffer-push", "(b :buffer &rest xs) :buffer", 1..None, push),
    base!(
        "%buffer-byte",
        "(b :buffer n :int) :buffer",
        2..Some(2),
        push_byte
    ),
    base!("%buffer-print", "(b :buffer &rest xs) :buffer", 1..None, print),
    base!("%buffer-str", "(b :buffer) :str", 1..Some(1), buffer_text),
    base!("%buffer-bytes", "(b :buffer) :bytes", 1..Some(1), buffer_copy),
    base!("%buffer-clear", "(b :buffer) :buffer", 1..Some(1), clear),
    base!("%bytes", "(coll) :bytes", 1..Some(1), bytes),
    base!("%bytes-hex", "(b :bytes) :str", 1..Some(1), hex),
    base!("%bytes-from-hex", "(s :str) :bytes", 1..Some(1), from_hex),
    base!("%bytes-base64", "(b :bytes) :str", 1..Some(1), base64),
    base!("%bytes-from-base64", "(s :str) :bytes", 1..Some(1), from_base64),
    base!("%bytes-str", "(b :bytes) :str", 1..Some(1), text),
    base!("%str-bytes", "(s :str) :bytes", 1..Some(1), bytes_of_text),
];

fn new_box(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    vm.new_box(arguments[0])
}

fn open_box(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let word = arguments.boxed(vm, 0)?;
    Ok(unbox(word).expect("it was just found to be a box"))
}

fn set_box(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let word = arguments.boxed(vm, 0)?;
    vm.box_set(word, arguments[1])?;
    Ok(arguments[1])
}

fn new_buffer(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let capacity = match arguments.given(0) {
        Some(_) => arguments.amount(vm, 0)?,
        None => 0,
    };
    check_room(vm, Some(capacity))?;
    vm.new_buffer(capacity)
}

fn push(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let buffer = arguments.buffer(vm, 0)?;
    if let [_, word] = arguments
        && let Some(text) = text_of(word)
    {
        vm.buffer_push(buffer, text.as_bytes())?;
        return Ok(buffer);
    }
    // All arguments are looked at before the buffer changes.
    let mut more = Vec::new();
    for (index, word) in arguments.iter().enumerate().skip(1) {
        match bytes_of(word).or_else(|| buffer_bytes(*word)) {
            Some(bytes) => more.extend_from_slice(bytes),
            None => {
                let mut text = String::new();
                push_character(vm, &mut text, index, *word)?;
                more.extend_from_slice(text.as_bytes());
            }
        }
        check_room(vm, Some(more.len()))?;
    }
    vm.buffer_push(buffer, &more)?;
    Ok(buffer)
}

fn push_byte(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let buffer = arguments.buffer(vm, 0)?;
    arguments.int(vm, 1)?;
    let byte = byte_of(vm, arguments[1])?;
    vm.buffer_push(buffer, &[byte])?;
    Ok(buffer)
}

fn print(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let buffer = arguments.buffer(vm, 0)?;
    let mut text = String::new();
    for word in &arguments[1..] {
        printing::push_text(vm, &mut text, *word)?;
    }
    vm.buffer_push(buffer, text.as_bytes())?;
    Ok(buffer)
}

fn buffer_text(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let buffer = arguments.buffer(vm, 0)?;
    text_from(vm, raw_bytes(&buffer))
}

fn buffer_copy(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let buffer = arguments.buffer(vm, 0)?;
    vm.new_bytes(raw_bytes(&buffer))
}

fn clear(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let buffer = arguments.buffer(vm, 0)?;
    vm.buffer_truncate(buffer, 0)?;
    Ok(buffer)
}

/// The string that bytes are in UTF-8.
pub(crate) fn text_from(vm: &mut Vm, bytes: &[u8]) -> Outcome {
    match std::str::from_utf8(bytes) {
        Ok(text) => vm.new_str(text),
        Err(fault) => {
            let offset = fault.valid_up_to();
            let message = format!("byte {offset} does not belong to text in utf-8");
            Err(refuse(
                vm,
                "str/utf8",
                &message,
                fixnum(offset as i64).expect("sizes fit"),
            ))
        }
    }
}

fn text(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    if is_buffer(arguments[0]) {
        return buffer_text(vm, arguments);
    }
    let bytes = arguments.bytes(vm, 0)?;
    text_from(vm, bytes)
}

fn bytes_of_text(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let text = arguments.text(vm, 0)?;
    check_room(vm, Some(text.len()))?;
    vm.new_bytes(text.as_bytes())
}

fn bytes(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let word = arguments[0];
    if bytes_of(&word).is_some() {
        return Ok(word);
    }
    if let Some(bytes) = buffer_bytes(word) {
        return vm.new_bytes(bytes);
    }
    let items = arguments.items(vm, 0)?;
    let mut made = Vec::with_capacity(items.len());
    for item in items {
        made.push(byte_of(vm, *item)?);
    }
    vm.new_byte_vec(made)
}

/// Bytes or the bytes of a buffer.
fn any_bytes<'a>(vm: &mut Vm, arguments: &'a [Word]) -> Result<&'a [u8], Raise> {
    match bytes_of(&arguments[0]).or_else(|| buffer_bytes(arguments[0])) {
        Some(bytes) => Ok(bytes),
        None => Err(mismatch(vm, 0, ":bytes", arguments[0])),
    }
}

fn hex(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = any_bytes(vm, arguments)?;
    check_room(vm, bytes.len().checked_mul(2))?;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
    vm.new_string(text)
}

/// Raises `bytes/syntax` for the character at an offset.
fn syntax(vm: &mut Vm, message: &str, offset: usize) -> Raise {
    let message = format!("{message} at byte {offset}");
    refuse(
        vm,
        "bytes/syntax",
        &message,
        fixnum(offset as i64).expect("sizes fit"),
    )
}

fn from_hex(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let text = arguments.text(vm, 0)?.as_bytes();
    let mut made = Vec::with_capacity(text.len() / 2);
    for (index, pair) in text.chunks(2).enumerate() {
        let digit = |place: usize| pair.get(place).and_then(|byte| char::from(*byte).to_digit(16));
        match (digit(0), digit(1)) {
            (Some(high), Some(low)) => made.push((high << 4 | low) as u8),
            (None, _) => return Err(syntax(vm, "not a hexadecimal digit", 2 * index)),
            _ if pair.len() == 1 => return Err(syntax(vm, "a hexadecimal digit is missing", text.len())),
            _ => return Err(syntax(vm, "not a hexadecimal digit", 2 * index + 1)),
        }
    }
    vm.new_byte_vec(made)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Value of each digit of base 64; 64 for any other byte.
const VALUES: [u8; 256] = {
    let mut values = [64; 256];
    let mut index = 0;
    while index < 64 {
        values[ALPHABET[index] as usize] = index as u8;
        index += 1;
    }
    values
};

fn base64(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let bytes = any_bytes(vm, arguments)?;
    check_room(vm, bytes.len().div_ceil(3).checked_mul(4))?;
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |place: usize| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= group.len() { digit.into() } else { '=' });
        }
    }
    vm.new_string(text)
}

fn from_base64(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let text = arguments.text(vm, 0)?.as_bytes();
    if text.len() % 4 != 0 {
        return Err(syntax(
            vm,
            "base 64 comes in groups of four characters, one is not full",
            text.len(),
        ));
    }
    let n_padding = text
        .iter()
        .rev()
        .take(2)
        .take_while(|byte| **byte == b'=')
        .count();
    let digits = &text[..text.len() - n_padding];
    if let Some(offset) = digits.iter().position(|byte| VALUES[usize::from(*byte)] == 64) {
        return Err(syntax(vm, "not a digit of base 64", offset));
    }
    let mut made = Vec::with_capacity(text.len() / 4 * 3);
    for group in digits.chunks(4) {
        let bits = group.iter().fold(0u32, |bits, byte| {
            bits << 6 | u32::from(VALUES[usize::from(*byte)])
        });
        let bits = bits << (6 * (4 - group.len()));
        let whole = [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8];
        let (kept, cut) = whole.split_at(group.len() - 1);
        if cut.iter().any(|byte| *byte != 0) {
            return Err(syntax(
                vm,
                "bits behind the last byte are not 0",
                digits.len() - 1,
            ));
        }
        made.extend_from_slice(kept);
    }
    vm.new_byte_vec(made)
}
