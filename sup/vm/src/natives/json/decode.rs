//! The value of a JSON text, built bottom up without recursion.

use sup_abi::word::{FALSE, NIL, TRUE, Word, fixnum, short};

use super::{MAX_DEPTH, plain_len};
use crate::data::{BRACE, text_of};
use crate::error::{Outcome, Raise};
use crate::natives::arguments::{Arguments, refuse};
use crate::natives::search::part_of;
use crate::object::{Header, Kind};
use crate::vm::Vm;

/// Number of keys that are remembered; a power of two.
const REMEMBERED_KEYS: usize = 128;
/// Most pairs of an object that is compared with the one before.
const ALIKE_PAIRS: usize = crate::data::map::FLAT_MAX;

pub(super) fn decode(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let text = arguments.text(vm, 0)?;
    let mut decoder = Decoder {
        whole: arguments[0],
        text,
        at: 0,
        values: Vec::new(),
        open: Vec::new(),
        keys: [NIL; REMEMBERED_KEYS],
        last_keys: Vec::new(),
        unescaped: String::new(),
    };
    decoder.document(vm)
}

/// An array or object that is not closed yet, and where its values begin.
#[derive(Clone, Copy)]
enum Open {
    Array(usize),
    Object(usize),
}

struct Decoder<'a> {
    whole: Word,
    text: &'a str,
    at: usize,
    /// Values whose array or object is not closed yet; keys and values in turn for objects.
    values: Vec<Word>,
    open: Vec<Open>,
    /// Keys met before, so that equal keys are one object.
    keys: [Word; REMEMBERED_KEYS],
    /// The keys of the last object; one with the same keys has no key twice either.
    last_keys: Vec<Word>,
    unescaped: String,
}

impl Decoder<'_> {
    fn document(&mut self, vm: &mut Vm) -> Outcome {
        loop {
            let mut value = match self.peek() {
                Some(b'[') => match self.open_array(vm)? {
                    Some(value) => value,
                    None => continue,
                },
                Some(b'{') => match self.open_object(vm)? {
                    Some(value) => value,
                    None => continue,
                },
                Some(b'"') => self.string(vm)?,
                Some(b'-' | b'0'..=b'9') => self.number(vm)?,
                Some(b't') => self.literal(vm, "true", TRUE)?,
                Some(b'f') => self.literal(vm, "false", FALSE)?,
                Some(b'n') => self.literal(vm, "null", NIL)?,
                _ => return Err(self.fault(vm, "a value is missing")),
            };
            loop {
                let Some(open) = self.open.last().copied() else {
                    return match self.peek() {
                        None => Ok(value),
                        Some(_) => Err(self.fault(vm, "something follows the value")),
                    };
                };
                vm.work(1)?;
                self.values.push(value);
                match self.close(vm, open)? {
                    Some(closed) => value = closed,
                    None => break,
                }
            }
        }
    }

    /// The next byte after white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    #[cold]
    fn fault(&self, vm: &mut Vm, message: &str) -> Raise {
        let message = format!("{message} at byte {}", self.at);
        refuse(
            vm,
            "json/syntax",
            &message,
            fixnum(self.at as i64).expect("sizes fit"),
        )
    }

    fn deeper(&mut self, vm: &mut Vm, open: Open) -> Result<(), Raise> {
        if self.open.len() == MAX_DEPTH {
            let data = fixnum(self.at as i64).expect("sizes fit");
            return Err(refuse(
                vm,
                "json/depth",
                "the text nests more than 64 levels deep",
                data,
            ));
        }
        self.open.push(open);
        self.at += 1;
        Ok(())
    }

    fn open_array(&mut self, vm: &mut Vm) -> Result<Option<Word>, Raise> {
        self.deeper(vm, Open::Array(self.values.len()))?;
        if self.peek() != Some(b']') {
            return Ok(None);
        }
        self.at += 1;
        self.open.pop();
        vm.new_list(BRACE, &[]).map(Some)
    }

    fn open_object(&mut self, vm: &mut Vm) -> Result<Option<Word>, Raise> {
        self.deeper(vm, Open::Object(self.values.len()))?;
        if self.peek() != Some(b'}') {
            self.key(vm)?;
            return Ok(None);
        }
        self.at += 1;
        self.open.pop();
        vm.empty_map().map(Some)
    }

    /// After a value in an array or object: closes it and gives it, or moves on to the next value.
    #[inline]
    fn close(&mut self, vm: &mut Vm, open: Open) -> Result<Option<Word>, Raise> {
        match (self.peek(), open) {
            (Some(b','), Open::Array(_)) => {
                self.at += 1;
                Ok(None)
            }
            (Some(b','), Open::Object(_)) => {
                self.at += 1;
                self.key(vm)?;
                Ok(None)
            }
            (Some(b']'), Open::Array(start)) => {
                self.at += 1;
                self.open.pop();
                let list = vm.new_list(BRACE, &self.values[start..])?;
                self.values.truncate(start);
                Ok(Some(list))
            }
            (Some(b'}'), Open::Object(start)) => {
                self.at += 1;
                self.open.pop();
                let map = self.map_of(vm, start)?;
                self.values.truncate(start);
                Ok(Some(map))
            }
            (_, Open::Array(_)) => Err(self.fault(vm, "a comma or ] is missing")),
            (_, Open::Object(_)) => Err(self.fault(vm, "a comma or } is missing")),
        }
    }

    /// The map of the keys and values from `start` on.
    fn map_of(&mut self, vm: &mut Vm, start: usize) -> Outcome {
        let pairs = &self.values[start..];
        let n = pairs.len() / 2;
        if n <= ALIKE_PAIRS && n == self.last_keys.len() {
            let keys = pairs.iter().step_by(2);
            if keys.eq(self.last_keys.iter()) {
                let map = vm.alloc(Header::new(Kind::Map, n as u32))?;
                map.words_mut(1, pairs.len()).copy_from_slice(pairs);
                return Ok(map.word());
            }
        }
        let map = vm.map_from_pairs(pairs)?;
        self.last_keys.clear();
        if crate::data::map_len(map) == Some(n) {
            self.last_keys.extend(pairs.iter().step_by(2));
        }
        Ok(map)
    }

    /// Reads a key and the colon after it.
    fn key(&mut self, vm: &mut Vm) -> Result<(), Raise> {
        if self.peek() != Some(b'"') {
            return Err(self.fault(vm, "a key, which is a string, is missing"));
        }
        let start = self.at + 1;
        let len = plain_len(&self.text.as_bytes()[start..]);
        let key = if self.text.as_bytes().get(start + len) == Some(&b'"') {
            self.at = start + len + 1;
            self.remembered(vm, start, start + len)?
        } else {
            self.string(vm)?
        };
        self.values.push(key);
        if self.peek() != Some(b':') {
            return Err(self.fault(vm, "a colon is missing"));
        }
        self.at += 1;
        Ok(())
    }

    /// A key without escapes: the one that was met before, if it was.
    #[inline]
    fn remembered(&mut self, vm: &mut Vm, from: usize, to: usize) -> Outcome {
        let key = &self.text[from..to];
        if let Some(word) = short(key.as_bytes()) {
            return Ok(word);
        }
        let bytes = key.as_bytes();
        let first = u64::from_le_bytes(*bytes.first_chunk().expect("what is not short has eight bytes"));
        let last = u64::from_le_bytes(*bytes.last_chunk().expect("what is not short has eight bytes"));
        let hash = (first ^ last.rotate_left(29) ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = (hash >> 57) as usize % REMEMBERED_KEYS;
        if text_of(&self.keys[slot]) == Some(key) {
            return Ok(self.keys[slot]);
        }
        let word = part_of(vm, self.whole, self.text, from, to)?;
        self.keys[slot] = word;
        Ok(word)
    }

    fn literal(&mut self, vm: &mut Vm, name: &str, value: Word) -> Outcome {
        if !self.text.as_bytes()[self.at..].starts_with(name.as_bytes()) {
            return Err(self.fault(vm, "there is no such word"));
        }
        self.at += name.len();
        Ok(value)
    }

    fn string(&mut self, vm: &mut Vm) -> Outcome {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let end = start + plain_len(&bytes[start..]);
        if bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return part_of(vm, self.whole, self.text, start, end);
        }
        self.unescaped.clear();
        self.unescaped.push_str(&self.text[start..end]);
        self.at = end;
        loop {
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return vm.new_str(&self.unescaped);
                }
                Some(b'\\') => self.escape(vm)?,
                Some(_) => return Err(self.fault(vm, "a control character stands in a string")),
                None => return Err(self.fault(vm, "a string does not end")),
            }
            let end = self.at + plain_len(&bytes[self.at..]);
            self.unescaped.push_str(&self.text[self.at..end]);
            self.at = end;
        }
    }

    fn escape(&mut self, vm: &mut Vm) -> Result<(), Raise> {
        let character = match self.text.as_bytes().get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(vm),
            _ => return Err(self.fault(vm, "there is no such escape")),
        };
        self.unescaped.push(character);
        self.at += 2;
        Ok(())
    }

    /// Four hexadecimal digits after `\u` at an offset.
    fn unit(&self, at: usize) -> Option<u32> {
        let digits = self.text.as_bytes().get(at..at + 6)?;
        if !digits.starts_with(b"\\u") {
            return None;
        }
        digits[2..].iter().try_fold(0, |unit, digit| {
            Some(unit * 16 + char::from(*digit).to_digit(16)?)
        })
    }

    fn unicode_escape(&mut self, vm: &mut Vm) -> Result<(), Raise> {
        let Some(unit) = self.unit(self.at) else {
            return Err(self.fault(vm, "an escape needs four hexadecimal digits"));
        };
        let mut len = 6;
        let mut code = unit;
        if (0xd800..0xdc00).contains(&unit)
            && let Some(low @ 0xdc00..0xe000) = self.unit(self.at + 6)
        {
            code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            len = 12;
        }
        match char::from_u32(code) {
            Some(character) => {
                self.unescaped.push(character);
                self.at += len;
                Ok(())
            }
            None => Err(self.fault(vm, "half a character stands alone")),
        }
    }

    fn number(&mut self, vm: &mut Vm) -> Outcome {
        let bytes = &self.text.as_bytes()[self.at..];
        let is_negative = bytes[0] == b'-';
        let n_digits = |from: usize| {
            bytes[from.min(bytes.len())..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        let start = usize::from(is_negative);
        let digits = n_digits(start);
        let mut len = start + digits;
        if digits == 0 || (digits > 1 && bytes[start] == b'0') {
            self.at += start;
            return Err(self.fault(vm, "this is no number"));
        }
        if !matches!(bytes.get(len), Some(b'.' | b'e' | b'E')) && digits <= 18 {
            let size = bytes[start..len]
                .iter()
                .fold(0, |size: i64, digit| size * 10 + i64::from(digit - b'0'));
            self.at += len;
            return vm.new_int(if is_negative { -size } else { size });
        }
        let mut parts_missing = false;
        if bytes.get(len) == Some(&b'.') {
            let decimals = n_digits(len + 1);
            parts_missing |= decimals == 0;
            len += 1 + decimals;
        }
        if matches!(bytes.get(len), Some(b'e' | b'E')) {
            len += 1 + usize::from(matches!(bytes.get(len + 1), Some(b'+' | b'-')));
            let exponent = n_digits(len);
            parts_missing |= exponent == 0;
            len += exponent;
        }
        let text = &self.text[self.at..self.at + len];
        if parts_missing {
            return Err(self.fault(vm, "digits are missing in the number"));
        }
        if let Ok(value) = text.parse::<i64>() {
            self.at += len;
            return vm.new_int(value);
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => {
                self.at += len;
                vm.new_real(value)
            }
            _ => Err(self.fault(vm, "the number is too large for a real")),
        }
    }
}
