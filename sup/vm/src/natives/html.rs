//! Hiccup: HTML of lists. `'[:p {:class "x"} "text"]` is `<p class="x">text</p>`; the notation is Clojure's Hiccup.
//!
//! A list in brackets or parentheses with a keyword or symbol in front is an element. One in braces is a sequence, or, after a
//! tag and with a keyword in front, the attributes: a quoted map is such a list.
//!
//! What is text is escaped wherever it stands, names of tags and attributes are checked, and only what `html/raw` marks goes
//! through as it is. Recursion ends at the greatest depth.

use sup_abi::word::{FALSE, Immediate, NIL, TRUE, Word, is_immediate, payload};

use super::BasePrimitive;
use super::arguments::{Arguments, check_room, refuse};
use super::names::name_of;
use super::scratch::build_str;
use super::sequence::{Sequence, pairs_of, sequence_of};
use crate::base;
use crate::data::{BRACE, as_int, as_real, list_items, list_kind, push_int, push_real, text_of};
use crate::error::{Outcome, Raise};
use crate::names;
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%html-render", "(tree) :str", 1..Some(1), render),
    base!("%html-escape", "(s :str) :str", 1..Some(1), escape),
];

/// How many elements may lie in each other.
const MAX_DEPTH: usize = 256;

/// The tag of what goes through as it is.
const RAW: &str = "html/raw";

/// Elements without content, by the HTML standard.
const VOID: [&str; 13] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
];

fn render(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    build_str(vm, |vm, out| Renderer { out }.node(vm, arguments[0], 0))
}

fn escape(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let text = arguments.text(vm, 0)?;
    build_str(vm, |vm, out| {
        Renderer { out }.text(text);
        check_room(vm, Some(out.len()))
    })
}

struct Renderer<'a> {
    out: &'a mut String,
}

impl Renderer<'_> {
    fn node(&mut self, vm: &mut Vm, word: Word, depth: usize) -> Result<(), Raise> {
        vm.work(1)?;
        if let Some(text) = text_of(&word) {
            self.text(text);
            return check_room(vm, Some(self.out.len()));
        }
        if self.number(word) || matches!(word, NIL | FALSE) {
            return Ok(());
        }
        let Some(Sequence::List(items) | Sequence::Array(items)) = sequence_of(word) else {
            let kind = vm.type_name(word);
            let message = format!("an element is a list with a tag, a text or a number, not :{kind}");
            return Err(refuse(vm, "html/element", &message, word));
        };
        if depth == MAX_DEPTH {
            let message = format!("the elements nest more than {MAX_DEPTH} levels deep");
            return Err(refuse(vm, "html/depth", &message, NIL));
        }
        match items.split_first() {
            Some((tag, rest)) if is_tag(*tag) && list_kind(word) != Some(BRACE) => {
                self.element(vm, names::text(payload(*tag)), rest, depth)
            }
            _ => self.children(vm, items, depth),
        }
    }

    fn children(&mut self, vm: &mut Vm, items: &[Word], depth: usize) -> Result<(), Raise> {
        for item in items {
            self.node(vm, *item, depth + 1)?;
        }
        Ok(())
    }

    fn element(&mut self, vm: &mut Vm, tag: &str, rest: &[Word], depth: usize) -> Result<(), Raise> {
        if tag == RAW {
            for item in rest {
                let Some(text) = text_of(item) else {
                    return Err(refuse(vm, "html/element", "what html/raw marks is a text", *item));
                };
                self.out.push_str(text);
                check_room(vm, Some(self.out.len()))?;
            }
            return Ok(());
        }
        let (name, id, classes) = parts_of(tag);
        if !is_name(name) {
            return Err(refuse(vm, "html/element", &format!("`{tag}` is no tag"), NIL));
        }
        self.out.push('<');
        self.out.push_str(name);
        let (attributes, content) = match rest.split_first() {
            Some((first, content)) if is_attributes(*first) => (Some(*first), content),
            _ => (None, rest),
        };
        self.short_attribute("id", id);
        self.attributes(vm, attributes, classes)?;
        self.out.push('>');
        if VOID.contains(&name) {
            if content.is_empty() {
                return Ok(());
            }
            return Err(refuse(
                vm,
                "html/element",
                &format!("<{name}> has no content"),
                NIL,
            ));
        }
        self.children(vm, content, depth)?;
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        check_room(vm, Some(self.out.len()))
    }

    fn short_attribute(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.out.push_str(&format!(" {name}=\""));
            self.text(value);
            self.out.push('"');
        }
    }

    /// The attributes of a map, and the classes that the tag names.
    fn attributes(&mut self, vm: &mut Vm, map: Option<Word>, classes: &str) -> Result<(), Raise> {
        let mut classes = classes.replace('.', " ");
        let quoted = map.and_then(list_items);
        if let Some(items) = quoted {
            for pair in items.chunks(2) {
                let value = pair.get(1).copied().unwrap_or(NIL);
                self.one_attribute(vm, pair[0], value, &mut classes)?;
            }
        } else if let Some(map) = map {
            for (key, value) in pairs_of(vm, map)? {
                self.one_attribute(vm, key, value, &mut classes)?;
            }
        }
        self.short_attribute("class", &classes);
        Ok(())
    }

    fn one_attribute(
        &mut self,
        vm: &mut Vm,
        key: Word,
        value: Word,
        classes: &mut String,
    ) -> Result<(), Raise> {
        match name_of(&key).filter(|name| is_name(name)) {
            Some("class") => self.classes(vm, value, classes),
            Some(name) => self.attribute(vm, name, value),
            None => Err(refuse(
                vm,
                "html/attribute",
                "the name of an attribute is none",
                key,
            )),
        }
    }

    fn classes(&mut self, vm: &mut Vm, value: Word, classes: &mut String) -> Result<(), Raise> {
        let single = [value];
        let items = match sequence_of(value) {
            Some(Sequence::List(items) | Sequence::Array(items)) => items,
            _ => &single[..],
        };
        for item in items.iter().filter(|item| !matches!(**item, NIL | FALSE)) {
            let Some(name) = name_of(item) else {
                return Err(refuse(
                    vm,
                    "html/attribute",
                    "a class is a text or a keyword",
                    *item,
                ));
            };
            if !classes.is_empty() {
                classes.push(' ');
            }
            classes.push_str(name);
        }
        Ok(())
    }

    fn attribute(&mut self, vm: &mut Vm, name: &str, value: Word) -> Result<(), Raise> {
        if matches!(value, NIL | FALSE) {
            return Ok(());
        }
        self.out.push(' ');
        self.out.push_str(name);
        if value == TRUE {
            return Ok(());
        }
        self.out.push_str("=\"");
        if let Some(text) = name_of(&value) {
            self.text(text);
        } else if !self.number(value) {
            return Err(refuse(
                vm,
                "html/attribute",
                "the value of an attribute is a text or a number",
                value,
            ));
        }
        self.out.push('"');
        check_room(vm, Some(self.out.len()))
    }

    /// Whether it was a number, which is then written.
    fn number(&mut self, word: Word) -> bool {
        if let Some(value) = as_int(word) {
            push_int(self.out, value);
        } else if let Some(value) = as_real(word) {
            push_real(self.out, value);
        } else {
            return false;
        }
        true
    }

    fn text(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            self.out.push_str(&rest[..at]);
            self.out.push_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            });
            rest = &rest[at + 1..];
        }
        self.out.push_str(rest);
    }
}

fn is_tag(word: Word) -> bool {
    is_immediate(word, Immediate::Keyword) || is_immediate(word, Immediate::Symbol)
}

/// Whether it is a map, or the list in braces that a quoted map is.
fn is_attributes(word: Word) -> bool {
    let is_quoted = list_kind(word) == Some(BRACE)
        && list_items(word)
            .and_then(<[Word]>::first)
            .is_some_and(|first| is_immediate(*first, Immediate::Keyword));
    is_quoted || matches!(sequence_of(word), Some(Sequence::Pairs))
}

/// Name, id and classes of a tag such as `div#main.wide.dark`.
fn parts_of(tag: &str) -> (&str, &str, &str) {
    let (head, classes) = tag.split_once('.').unwrap_or((tag, ""));
    let (name, id) = head.split_once('#').unwrap_or((head, ""));
    (if name.is_empty() { "div" } else { name }, id, classes)
}

/// Whether a text can be the name of a tag or an attribute.
fn is_name(name: &str) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'@' | b':' | b'_');
    let is_other =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.' | b'@');
    name.as_bytes().first().is_some_and(is_first) && name.bytes().all(is_other)
}
