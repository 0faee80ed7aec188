//! Tests of the primitives: tables of calls and what they come to.
//!
//! Arguments and results are written as SLP writes them, and besides: `&{1 2}` is an array, `%{:a 1}` a table, `~"ab"` a
//! buffer, `!` before a text with a quote the expectation that the call raises this code.
#![allow(unsafe_code)]

mod arrays;
mod code;
mod collections;
mod format;
mod html;
mod json;
mod lists;
mod maps;
mod math;
mod sort;
mod text;

use sup_abi::word::{FALSE, Immediate, NIL, THROW, TRUE, Word};

use crate::data::{
    BRACE, PAREN, SQUARE, array_items, buffer_bytes, error_field, is_table, parse_int, parse_real,
};
use crate::error::{field, keyword};
use crate::primitives;
use crate::vm::{Limits, Vm};

/// A machine, and what is called on it.
pub(super) struct Bed {
    pub vm: Box<Vm>,
}

impl Bed {
    pub fn new() -> Bed {
        Bed { vm: Vm::for_tests() }
    }

    /// A machine with a quota of so many mebibytes.
    pub fn small(mebibytes: usize) -> Bed {
        Bed {
            vm: Vm::new(Limits {
                memory_bytes: mebibytes << 20,
                ..Limits::generous()
            }),
        }
    }

    /// Calls a primitive as the machine does: its answer, or the code of what it raised.
    pub fn call(&mut self, name: &str, arguments: &[Word]) -> Result<Word, String> {
        let id = primitives::find(name).unwrap_or_else(|| panic!("there is no {name}"));
        let entry = self.vm.primitive(id);
        let argc = arguments.len() as u16;
        assert!(
            entry.min <= argc && (argc <= entry.max || entry.max == primitives::ANY_NUMBER),
            "{name} does not take {argc} arguments"
        );
        self.vm.running_primitive = id;
        // SAFETY: the arguments are there, and nothing is collected while the primitive runs.
        let answer = unsafe { (entry.run)(&raw mut *self.vm, arguments.len() as u32, arguments.as_ptr()) };
        if answer != THROW {
            return Ok(answer);
        }
        if std::mem::take(&mut self.vm.out_of_memory) {
            return Err("vm/memory".to_owned());
        }
        let code = error_field(self.vm.pending, field::CODE).expect("a primitive that throws has raised");
        let text = self.vm.repr(code);
        Err(text[1..].to_owned())
    }

    /// The message of the last error.
    pub fn message(&mut self) -> String {
        let message = error_field(self.vm.pending, field::MESSAGE).expect("something was raised");
        self.vm.display(message)
    }

    /// The values that a text stands for.
    pub fn read(&mut self, text: &str) -> Vec<Word> {
        let mut reader = Reader { text, at: 0 };
        let words = reader.items(&mut self.vm);
        assert_eq!(reader.at, text.len(), "unread: {}", &text[reader.at..]);
        words
    }

    pub fn show(&mut self, word: Word) -> String {
        if let Some(items) = array_items(word) {
            let list = self.vm.new_list(BRACE, items).expect("there is memory");
            return format!("&{}", self.vm.repr(list));
        }
        if let Some(bytes) = buffer_bytes(word) {
            let copy = self.vm.new_bytes(bytes).expect("there is memory");
            return format!("~{}", &self.vm.repr(copy)[1..]);
        }
        if is_table(word) {
            let copy = self.vm.table_copy(word).expect("there is memory");
            let map = self.vm.table_into_map(copy).expect("there is memory");
            return format!("%{}", self.vm.repr(map));
        }
        self.vm.repr(word)
    }

    /// What a call comes to, as the tables write it.
    pub fn answer(&mut self, name: &str, arguments: &str) -> String {
        let words = self.read(arguments);
        match self.call(name, &words) {
            Ok(word) => self.show(word),
            Err(code) => format!("!{code}"),
        }
    }
}

/// Checks calls of one primitive: arguments, and what they come to.
pub(super) fn check(name: &str, cases: &[(&str, &str)]) {
    let mut bed = Bed::new();
    for (arguments, expected) in cases {
        assert_eq!(bed.answer(name, arguments), *expected, "({name} {arguments})");
    }
}

/// Reads the values of the tables. Knows no comments, no escapes but `\n \t \" \\ \0`, and no limits.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn items(&mut self, vm: &mut Vm) -> Vec<Word> {
        let mut words = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            match self.text.as_bytes().get(self.at) {
                None | Some(b')' | b']' | b'}') => return words,
                Some(_) => words.push(self.item(vm)),
            }
        }
    }

    fn item(&mut self, vm: &mut Vm) -> Word {
        let first = self.text.as_bytes()[self.at];
        let made = match first {
            b'(' => self.row(vm, PAREN),
            b'[' => self.row(vm, SQUARE),
            b'{' => self.row(vm, BRACE),
            b'"' => {
                let text = self.string();
                vm.new_str(&text)
            }
            b'b' if self.text[self.at..].starts_with("b\"") => {
                self.at += 1;
                let text = self.string();
                vm.new_bytes(text.as_bytes())
            }
            b'&' | b'%' | b'~' | b'@' => {
                self.at += 1;
                let inner = self.item(vm);
                match first {
                    b'&' => vm.new_array_of(array_or_list(inner)),
                    b'%' => vm.map_into_table(inner),
                    b'@' => vm.error_from(inner),
                    _ => vm.new_buffer(8).inspect(|buffer| {
                        let text = crate::data::text_of(&inner).expect("a buffer is written as text");
                        vm.buffer_push(*buffer, text.as_bytes()).expect("there is memory");
                    }),
                }
            }
            _ => return self.atom(vm),
        };
        made.expect("there is memory, and maps are well formed")
    }

    fn row(&mut self, vm: &mut Vm, kind: u8) -> Result<Word, crate::error::Raise> {
        self.at += 1;
        let rest = &self.text[self.at..];
        let is_map = kind == BRACE && (rest.starts_with(':') && !rest.starts_with(":}"));
        let marker = [": ", ":}", ". "]
            .iter()
            .find(|marker| kind == BRACE && rest.starts_with(**marker));
        self.at += usize::from(marker.is_some());
        let items = self.items(vm);
        self.at += 1;
        if is_map || rest.starts_with(":}") {
            vm.new_map(&items)
        } else {
            vm.new_list(kind, &items)
        }
    }

    fn string(&mut self) -> String {
        let mut text = String::new();
        let mut characters = self.text[self.at + 1..].char_indices();
        while let Some((offset, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += offset + 2;
                    return text;
                }
                '\\' => text.push(match characters.next().map(|found| found.1) {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some('0') => '\0',
                    other => other.expect("something follows a backslash"),
                }),
                _ => text.push(character),
            }
        }
        panic!("a string does not end: {}", self.text)
    }

    fn atom(&mut self, vm: &mut Vm) -> Word {
        let rest = &self.text[self.at..];
        let len = rest
            .find(|end: char| end.is_whitespace() || "()[]{}\"".contains(end))
            .unwrap_or(rest.len());
        let atom = &rest[..len];
        self.at += len;
        match atom {
            "nil" => return NIL,
            "true" => return TRUE,
            "false" => return FALSE,
            _ => {}
        }
        if let Some(name) = atom.strip_prefix(':') {
            return keyword(name);
        }
        let made = if let Some(value) = parse_int(atom, 10) {
            vm.new_int(value)
        } else if let Some(value) = parse_real(atom) {
            vm.new_real(value)
        } else if atom.contains(':') {
            vm.intern(Immediate::Path, atom)
        } else {
            vm.intern(Immediate::Symbol, atom)
        };
        made.expect("there is memory")
    }
}

fn array_or_list(word: Word) -> &'static [Word] {
    crate::data::list_items(word).expect("an array is written as a list")
}

/// A generator of numbers that is the same in each run (xorshift).
pub(super) struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

#[test]
fn every_primitive_has_a_name_of_its_own_and_a_sound_arity() {
    let mut names = std::collections::HashSet::new();
    for primitive in super::TABLES.iter().flat_map(|table| table.iter()) {
        assert!(names.insert(primitive.name), "{} is there twice", primitive.name);
        assert!(primitive.name.starts_with('%'), "{}", primitive.name);
        assert!(
            primitive.max.is_none_or(|max| primitive.min <= max),
            "{}",
            primitive.name
        );
        assert_eq!(
            declared_arity(primitive.signature),
            (primitive.min, primitive.max),
            "{}",
            primitive.name
        );
    }
    assert!(names.len() > 200);
}

/// The arity that a signature declares.
fn declared_arity(signature: &str) -> (u8, Option<u8>) {
    let inner = signature
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .expect("it has parentheses")
        .0;
    let (mut min, mut max, mut is_optional) = (0, 0, false);
    for word in inner.split_whitespace() {
        match word {
            "&opt" => is_optional = true,
            "&rest" => return (min, None),
            _ if word.starts_with(':') => {}
            _ => {
                max += 1;
                min += u8::from(!is_optional);
            }
        }
    }
    (min, Some(max))
}

#[test]
fn messages_name_the_primitive_the_parameter_and_what_came() {
    let mut bed = Bed::new();
    assert_eq!(bed.answer("%str-upper", "42"), "!type/mismatch");
    assert_eq!(
        bed.message(),
        "str-upper: parameter 1 must be a :str, got 42 (:int)"
    );
    assert_eq!(bed.answer("%take", "1 :k"), "!type/mismatch");
    assert_eq!(
        bed.message(),
        "take: parameter 2 must be a collection, got :k (:keyword)"
    );
}
