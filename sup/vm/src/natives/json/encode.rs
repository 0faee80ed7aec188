//! The JSON text of a value. Recursion ends at the greatest depth.

use sup_abi::word::{FALSE, NIL, TRUE, Word, fixnum_value, is_fixnum, is_pointer};

use super::{MAX_DEPTH, plain_len};
use crate::data::{as_int, as_real, push_int, push_real, records, text_of};
use crate::error::{Outcome, Raise};
use crate::natives::arguments::{Arguments, check_room, invalid, refuse};
use crate::natives::names::name_of;
use crate::natives::scratch::build_str;
use crate::natives::sequence::{Sequence, pairs_of, sequence_of};
use crate::vm::Vm;

/// Largest number of blanks for each level.
const MAX_INDENT: i64 = 64;

pub(super) fn encode(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let indent = match arguments.given(1) {
        None => 0,
        Some(word) => match arguments.int(vm, 1)? {
            indent @ 0..=MAX_INDENT => indent as usize,
            _ => return Err(invalid(vm, "the indent is from 0 to 64", word)),
        },
    };
    build_str(vm, |vm, out| Encoder { out, indent }.value(vm, arguments[0], 0))
}

struct Encoder<'a> {
    out: &'a mut String,
    indent: usize,
}

impl Encoder<'_> {
    fn value(&mut self, vm: &mut Vm, word: Word, depth: usize) -> Result<(), Raise> {
        vm.work(1)?;
        if is_fixnum(word) {
            push_int(self.out, fixnum_value(word));
            return Ok(());
        }
        if let Some(text) = text_of(&word) {
            self.text(text);
            return check_room(vm, Some(self.out.len()));
        }
        if !is_pointer(word) {
            return self.immediate(vm, word);
        }
        match sequence_of(word) {
            Some(Sequence::List(items) | Sequence::Array(items)) => self.array(vm, items, depth),
            Some(Sequence::Pairs) => {
                let pairs = pairs_of(vm, word)?;
                self.object(vm, pairs, depth)
            }
            Some(Sequence::Fields(fields)) => match records::instance_type(word) {
                Some(record) if record.is_named() => {
                    let names = record.fields.iter().filter_map(|field| field.name);
                    self.object(vm, names.zip(fields.iter().copied()), depth)
                }
                _ => self.array(vm, fields, depth),
            },
            _ => self.number(vm, word),
        }
    }

    fn immediate(&mut self, vm: &mut Vm, word: Word) -> Result<(), Raise> {
        match word {
            NIL => self.out.push_str("null"),
            TRUE => self.out.push_str("true"),
            FALSE => self.out.push_str("false"),
            _ => match name_of(&word) {
                Some(name) => self.text(name),
                None => return self.number(vm, word),
            },
        }
        Ok(())
    }

    fn number(&mut self, vm: &mut Vm, word: Word) -> Result<(), Raise> {
        if let Some(value) = as_int(word) {
            push_int(self.out, value);
            return Ok(());
        }
        match as_real(word) {
            Some(value) if value.is_finite() => {
                push_real(self.out, value);
                Ok(())
            }
            _ => Err(not_encodable(vm, word)),
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        let mut rest = text;
        loop {
            let (plain, special) = rest.split_at(plain_len(rest.as_bytes()));
            self.out.push_str(plain);
            let Some(byte) = special.bytes().next() else { break };
            self.escape(byte);
            rest = &special[1..];
        }
        self.out.push('"');
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'"' => self.out.push_str("\\\""),
            b'\\' => self.out.push_str("\\\\"),
            b'\n' => self.out.push_str("\\n"),
            b'\r' => self.out.push_str("\\r"),
            b'\t' => self.out.push_str("\\t"),
            8 => self.out.push_str("\\b"),
            12 => self.out.push_str("\\f"),
            _ => self.out.push_str(&format!("\\u{byte:04x}")),
        }
    }

    /// Goes to the next line, `depth` levels in, unless all goes on one line.
    fn line(&mut self, depth: usize) {
        if self.indent > 0 {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', self.indent * depth));
        }
    }

    fn array(&mut self, vm: &mut Vm, items: &[Word], depth: usize) -> Result<(), Raise> {
        check_depth(vm, depth)?;
        self.out.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            self.value(vm, *item, depth + 1)?;
        }
        if !items.is_empty() {
            self.line(depth);
        }
        self.out.push(']');
        check_room(vm, Some(self.out.len()))
    }

    fn object(
        &mut self,
        vm: &mut Vm,
        pairs: impl Iterator<Item = (Word, Word)>,
        depth: usize,
    ) -> Result<(), Raise> {
        check_depth(vm, depth)?;
        self.out.push('{');
        let mut is_first = true;
        for (key, value) in pairs {
            if !is_first {
                self.out.push(',');
            }
            self.line(depth + 1);
            self.key(vm, key)?;
            self.out.push_str(if self.indent > 0 { ": " } else { ":" });
            self.value(vm, value, depth + 1)?;
            is_first = false;
        }
        if !is_first {
            self.line(depth);
        }
        self.out.push('}');
        check_room(vm, Some(self.out.len()))
    }

    fn key(&mut self, vm: &mut Vm, key: Word) -> Result<(), Raise> {
        if let Some(name) = name_of(&key) {
            self.text(name);
            return Ok(());
        }
        let Some(value) = as_int(key) else {
            return Err(not_encodable(vm, key));
        };
        self.out.push('"');
        push_int(self.out, value);
        self.out.push('"');
        Ok(())
    }
}

fn check_depth(vm: &mut Vm, depth: usize) -> Result<(), Raise> {
    if depth < MAX_DEPTH {
        return Ok(());
    }
    Err(refuse(
        vm,
        "json/depth",
        "the value nests more than 64 levels deep",
        NIL,
    ))
}

#[cold]
fn not_encodable(vm: &mut Vm, word: Word) -> Raise {
    let (shown, kind) = (vm.repr_short(word), vm.type_name(word));
    refuse(
        vm,
        "json/not-encodable",
        &format!("{shown} ({kind}) has no form in json"),
        word,
    )
}
