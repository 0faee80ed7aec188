//! Values as text: as it is read back, or as a person sees it. Without recursion, with a limit on its length.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sup_abi::word::{FALSE, Immediate, NIL, TRUE, Word, is_immediate, payload};

use super::cursor::{Cursor, Parts};
use super::literal::{push_quoted, push_quoted_bytes};
use super::number::{as_int, as_real, push_int, push_real};
use super::records::{self, RecordType};
use super::{
    array_items, buffer_bytes, bytes_of, error_value, is_error, is_keyword, is_map, list_items, text_of,
};
use crate::error::{Raise, field};
use crate::heap::Heap;
use crate::object::{Kind, Obj};
use crate::unit::FunctionMeta;
use crate::vm::Vm;
use crate::{names, primitives};

/// Longest text that a program can make of a value, in bytes.
pub const TEXT_LIMIT: usize = 64 << 20;
/// Longest text that is shown of a value where nobody asked for all of it.
const MESSAGE_LIMIT: usize = 1 << 20;
/// Longest text of a value in the message of an error.
const SHORT_LIMIT: usize = 200;

/// The text came to more than the limit, or was stopped.
struct TooLong;

/// Something whose parts are being written, with a space before each but the first.
struct Open {
    parts: Parts,
    is_first: bool,
    close: &'static str,
}

struct Printer<'a> {
    out: &'a mut String,
    heap: &'a mut Heap,
    open: Vec<Open>,
    /// Mutable values that are being written, with the number of things open before each: one inside itself is cut.
    mutable: Vec<(Word, usize)>,
    end: usize,
    /// Where another thread says that it is not to go on.
    stop: Option<Arc<AtomicU32>>,
}

impl Printer<'_> {
    fn print(&mut self, word: Word) -> Result<(), TooLong> {
        self.value(word);
        while !self.open.is_empty() {
            let is_stopped = self
                .stop
                .as_ref()
                .is_some_and(|stop| stop.load(Ordering::Relaxed) != 0);
            if is_stopped || self.out.len() > self.end {
                return Err(TooLong);
            }
            self.next_part();
        }
        if self.out.len() > self.end {
            Err(TooLong)
        } else {
            Ok(())
        }
    }

    /// Writes the next part of the innermost open thing, or closes it.
    fn next_part(&mut self) {
        let Some(top) = self.open.last_mut() else { return };
        match top.parts.next() {
            Some(part) => {
                if !std::mem::take(&mut top.is_first) {
                    self.out.push(' ');
                }
                self.value(part);
            }
            None => {
                self.out.push_str(top.close);
                self.open.pop();
                while self
                    .mutable
                    .last()
                    .is_some_and(|(_, depth)| *depth >= self.open.len())
                {
                    self.mutable.pop();
                }
            }
        }
    }

    fn enter(&mut self, opener: &str, parts: Parts, close: &'static str) {
        self.out.push_str(opener);
        self.open.push(Open {
            parts,
            is_first: true,
            close,
        });
    }

    /// The same where a name stands before the parts.
    fn enter_named(&mut self, name: &str, parts: Parts) {
        self.out.push_str("#<");
        self.out.push_str(name);
        self.open.push(Open {
            parts,
            is_first: false,
            close: ">",
        });
    }

    fn value(&mut self, word: Word) {
        match Obj::from_word(word) {
            Some(obj) => self.object(obj),
            None => push_immediate(self.out, word),
        }
    }

    fn object(&mut self, obj: Obj) {
        let word = obj.word();
        match obj.kind() {
            Kind::List | Kind::View => self.list(obj),
            Kind::Map | Kind::MapView => {
                let pairs = Cursor::of_map(self.heap, obj);
                self.enter(map_opener(pairs), Parts::Pairs(pairs, None), "}");
            }
            Kind::Error => self.error(word),
            Kind::Quoted | Kind::Datum | Kind::Aberrant => {
                self.enter(prefix_text(obj), Parts::Items(obj.words(1, 1)), "");
            }
            Kind::Instance => {
                let record = records::type_of(obj);
                self.enter_named(
                    &record.short_name[1..],
                    named_fields(record, obj.words(2, obj.n())),
                );
            }
            Kind::Array | Kind::Table | Kind::Box => self.mutable(obj),
            _ => push_leaf(self.out, obj),
        }
    }

    fn list(&mut self, list: Obj) {
        let items = list_items(list.word()).unwrap_or(&[]);
        let (opener, close) = match list.header().subkind() {
            0 => ("(", ")"),
            1 => ("[", "]"),
            _ if items
                .first()
                .is_some_and(|first| is_keyword(*first) || is_dot(*first)) =>
            {
                ("{. ", "}")
            }
            _ => ("{", "}"),
        };
        self.enter(opener, Parts::Items(items), close);
    }

    /// What only carries data that is no map is written as the data behind `@`. The span and the trace are for the reader of
    /// a report, and do not count when errors are compared.
    fn error(&mut self, word: Word) {
        let mut pairs = error_value::error_pairs(word);
        let data = error_value::error_field(word, field::DATA).unwrap_or(NIL);
        if pairs.len() == 2 && data != NIL && !is_map(data) && !is_error(data) {
            self.enter("@", Parts::Owned(vec![data].into_iter()), "");
            return;
        }
        pairs.truncate(pairs.len() - 2 * n_unshown(word));
        let opener = if pairs.is_empty() { "@{:" } else { "@{" };
        self.enter(opener, Parts::Owned(pairs.into_iter()), "}");
    }

    fn mutable(&mut self, obj: Obj) {
        let word = obj.word();
        let name = &super::type_name(word)[1..];
        if self.mutable.iter().any(|(open, _)| *open == word) {
            self.out.push_str("#<");
            self.out.push_str(name);
            self.out.push_str(" …>");
            return;
        }
        self.mutable.push((word, self.open.len()));
        let parts = match obj.kind() {
            Kind::Table => Parts::Pairs(
                Obj::from_word(obj.get(1)).map_or(Cursor::EMPTY, Cursor::of_hash),
                None,
            ),
            Kind::Box => Parts::Items(obj.words(1, 1)),
            _ => Parts::Items(array_items(word).unwrap_or(&[])),
        };
        self.enter_named(name, parts);
    }
}

/// Names and values of fields in turn, or the values alone where they have no names.
fn named_fields(record: &RecordType, fields: &'static [Word]) -> Parts {
    if !record.is_named() {
        return Parts::Items(fields);
    }
    let names = record.fields.iter().filter_map(|field| field.name);
    let words: Vec<Word> = names
        .zip(fields)
        .flat_map(|(name, value)| [name, *value])
        .collect();
    Parts::Owned(words.into_iter())
}

/// How many of the set fields of an error are not shown.
fn n_unshown(error: Word) -> usize {
    [field::SPAN, field::TRACE]
        .iter()
        .filter(|index| error_value::error_field(error, **index).is_some_and(|word| word != NIL))
        .count()
}

fn map_opener(mut pairs: Cursor) -> &'static str {
    match pairs.next() {
        None => "{:",
        Some((key, _)) if is_keyword(key) && !names::text(payload(key)).is_empty() => "{",
        Some(_) => "{: ",
    }
}

fn is_dot(word: Word) -> bool {
    is_immediate(word, Immediate::Symbol) && names::text(payload(word)) == "."
}

/// The mark of a prefix, with a space behind it where mark and value would run together.
fn prefix_text(obj: Obj) -> &'static str {
    let value = obj.get(1);
    match obj.kind() {
        Kind::Aberrant => "?",
        Kind::Datum => {
            let is_named = is_immediate(value, Immediate::Symbol) || is_immediate(value, Immediate::Path);
            if is_named && names::text(payload(value)).starts_with(['|', '!']) {
                "# "
            } else {
                "#"
            }
        }
        _ => match obj.header().aux() {
            0 => "'",
            1 => "`",
            2 if is_error(value) || is_error_text(value) => ", ",
            2 => ",",
            3 => ",@",
            _ => "@",
        },
    }
}

fn is_error_text(word: Word) -> bool {
    Obj::from_word(word).is_some_and(|obj| obj.kind() == Kind::Quoted && obj.header().aux() == 4)
}

fn push_keyword(out: &mut String, keyword: Word) {
    out.push(':');
    out.push_str(names::text(payload(keyword)));
}

fn push_immediate(out: &mut String, word: Word) {
    if let Some(value) = as_int(word) {
        push_int(out, value);
    } else if let Some(text) = text_of(&word) {
        push_quoted(out, text);
    } else if let Some(value) = as_real(word) {
        push_real(out, value);
    } else if is_keyword(word) {
        push_keyword(out, word);
    } else if is_immediate(word, Immediate::Primitive) {
        out.push_str(primitives::name(payload(word)));
    } else {
        out.push_str(match word {
            NIL => "nil",
            TRUE => "true",
            FALSE => "false",
            _ if is_immediate(word, Immediate::Undefined) => "#<undefined>",
            name => names::text(payload(name)),
        });
    }
}

/// Writes an object without parts.
fn push_leaf(out: &mut String, obj: Obj) {
    let word = obj.word();
    if let Some(text) = text_of(&word) {
        push_quoted(out, text);
    } else if let Some(value) = as_int(word) {
        push_int(out, value);
    } else if let Some(value) = as_real(word) {
        push_real(out, value);
    } else if let Some(bytes) = bytes_of(&word) {
        push_quoted_bytes(out, bytes);
    } else if let Some(bytes) = buffer_bytes(word) {
        out.push_str("#<buffer ");
        push_quoted_bytes(out, bytes);
        out.push('>');
    } else if let Some(meta) = FunctionMeta::of_callee(word) {
        let name = meta.function().name.as_str();
        out.push_str(if name.is_empty() { "#<fn" } else { "#<fn " });
        out.push_str(name);
        out.push('>');
    } else if obj.kind() == Kind::Resource {
        out.push_str("#<resource ");
        let resource = Heap::resource_of(obj);
        out.push_str(resource.type_name());
        if let Some(text) = resource.text() {
            out.push(' ');
            out.push_str(&text);
        }
        out.push('>');
    } else {
        out.push_str("#<fiber ");
        push_int(out, obj.get(1) as i64);
        out.push('>');
    }
}

/// Cuts a text to so many bytes and says so.
fn cut(text: &mut String, limit: usize) {
    text.truncate(text.floor_char_boundary(limit));
    text.push('…');
}

impl Vm {
    fn push_within(
        &mut self,
        out: &mut String,
        word: Word,
        limit: usize,
        stop: Option<Arc<AtomicU32>>,
    ) -> Result<(), TooLong> {
        let end = out.len().saturating_add(limit);
        Printer {
            out,
            heap: &mut self.heap,
            open: Vec::new(),
            mutable: Vec::new(),
            end,
            stop,
        }
        .print(word)
    }

    fn repr_cut(&mut self, word: Word, limit: usize) -> String {
        let mut text = String::new();
        if self.push_within(&mut text, word, limit, None).is_err() {
            cut(&mut text, limit);
        }
        text
    }

    /// Text that reads back to the value, where one does. For people: what is longer than a mebibyte is cut with `…`.
    #[must_use]
    pub fn repr(&mut self, word: Word) -> String {
        self.repr_cut(word, MESSAGE_LIMIT)
    }

    /// The same for messages: cut after 200 bytes.
    #[must_use]
    pub fn repr_short(&mut self, word: Word) -> String {
        self.repr_cut(word, SHORT_LIMIT)
    }

    /// The text of a string, or what [`Vm::repr`] gives of anything else.
    #[must_use]
    pub fn display(&mut self, word: Word) -> String {
        match text_of(&word) {
            Some(text) => text.to_owned(),
            None => self.repr(word),
        }
    }

    /// Appends text that reads back to the value.
    ///
    /// # Errors
    /// `str/too-large` when it is longer than [`TEXT_LIMIT`].
    pub fn push_repr(&mut self, out: &mut String, word: Word) -> Result<(), Raise> {
        let start = out.len();
        let stop = self.interrupt.clone();
        let mut pushed = self.push_within(out, word, TEXT_LIMIT, Some(stop));
        if pushed.is_err() && self.is_called() {
            self.answer_call()?;
            out.truncate(start);
            pushed = self.push_within(out, word, TEXT_LIMIT, None);
        }
        match pushed {
            Ok(()) => Ok(()),
            Err(TooLong) => Err(self.raise("str/too-large", "the text of the value is longer than 64 MiB")),
        }
    }

    /// Appends the text of a string, or what [`Vm::push_repr`] makes of anything else.
    ///
    /// # Errors
    /// As for [`Vm::push_repr`].
    pub fn push_display(&mut self, out: &mut String, word: Word) -> Result<(), Raise> {
        match text_of(&word) {
            Some(text) => {
                out.push_str(text);
                Ok(())
            }
            None => self.push_repr(out, word),
        }
    }

    /// All of the text that reads back to the value.
    ///
    /// # Errors
    /// As for [`Vm::push_repr`].
    pub fn try_repr(&mut self, word: Word) -> Result<String, Raise> {
        let mut out = String::new();
        self.push_repr(&mut out, word)?;
        Ok(out)
    }

    /// The text of a string, or all of the text that reads back to anything else.
    ///
    /// # Errors
    /// As for [`Vm::push_repr`].
    pub fn try_display(&mut self, word: Word) -> Result<String, Raise> {
        let mut out = String::new();
        self.push_display(&mut out, word)?;
        Ok(out)
    }
}
