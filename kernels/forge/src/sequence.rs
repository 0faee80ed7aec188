//! Lists and strings as elements: a string's are its characters, each a string of one.

use sup_kernel::{Context, Error, ListKind, Result, Value};

/// What the elements are put together to in the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    List(ListKind),
    Text,
}

/// A list or string, taken apart.
pub struct Sequence<'c> {
    whole: Whole,
    /// The elements.
    pub items: Vec<Value<'c>>,
}

impl<'c> Sequence<'c> {
    /// Takes a list or string apart; any other value becomes a paren list of one.
    pub fn of(cx: &'c Context, value: Value<'c>) -> Result<Sequence<'c>> {
        if let Some(text) = value.as_text() {
            return Ok(Sequence {
                whole: Whole::Text,
                items: characters(cx, text)?,
            });
        }
        Ok(match (value.list_kind(), value.elements()) {
            (Some(kind), Some(items)) => Sequence {
                whole: Whole::List(kind),
                items,
            },
            _ => Sequence {
                whole: Whole::List(ListKind::Paren),
                items: vec![value],
            },
        })
    }

    /// What a value is among the elements: itself in a list; its characters in a string, where an integer is
    /// a code point.
    pub fn items_of(&self, cx: &'c Context, value: Value<'c>) -> Result<Vec<Value<'c>>> {
        if self.whole != Whole::Text {
            return Ok(vec![value]);
        }
        if let Some(text) = value.as_text() {
            return characters(cx, text);
        }
        let code = value
            .as_int()
            .and_then(|code| u32::try_from(code).ok())
            .and_then(char::from_u32);
        let character = code.ok_or_else(|| {
            let found = value.value_type().name();
            Error::type_mismatch(format!("a string takes strings and code points, not :{found}"))
        })?;
        characters(cx, character.encode_utf8(&mut [0; 4]))
    }

    /// What values are among the elements.
    pub fn all_items_of(&self, cx: &'c Context, values: &[Value<'c>]) -> Result<Vec<Value<'c>>> {
        let mut items = Vec::with_capacity(values.len());
        for value in values {
            items.extend(self.items_of(cx, *value)?);
        }
        Ok(items)
    }

    /// Puts one run of elements in place of every other, from the front; an empty one is nowhere.
    pub fn replace(&mut self, wanted: &[Value<'c>], replacement: &[Value<'c>]) {
        let mut replaced = Vec::with_capacity(self.items.len());
        let mut at = 0;
        while at < self.items.len() {
            if !wanted.is_empty() && matches_at(&self.items, at, wanted) {
                replaced.extend_from_slice(replacement);
                at += wanted.len();
            } else {
                replaced.push(self.items[at]);
                at += 1;
            }
        }
        self.items = replaced;
    }

    /// Puts the elements together.
    pub fn finish(self, cx: &'c Context) -> Result<Value<'c>> {
        match self.whole {
            Whole::List(kind) => cx.list(kind, &self.items),
            Whole::Text => {
                let text: String = self.items.iter().filter_map(Value::as_text).collect();
                cx.text(&text)
            }
        }
    }
}

/// Whether the wanted elements stand at a place.
pub fn matches_at(items: &[Value<'_>], at: usize, wanted: &[Value<'_>]) -> bool {
    let window = items.get(at..at + wanted.len());
    window.is_some_and(|window| {
        window
            .iter()
            .zip(wanted)
            .all(|(item, wanted)| item.equals(*wanted))
    })
}

fn characters<'c>(cx: &'c Context, text: &str) -> Result<Vec<Value<'c>>> {
    text.chars()
        .map(|character| cx.text(character.encode_utf8(&mut [0; 4])))
        .collect()
}
