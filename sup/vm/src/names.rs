//! The process's table of names: symbols, keywords and paths are numbers that stand for text.
//!
//! Names are never freed; their number is capped, so that a program cannot eat memory with them without bound.

use std::collections::HashMap;
use std::sync::{LazyLock, RwLock};

/// Most names that a process interns.
pub const MAX_NAMES: usize = 1 << 22;
/// Most bytes that the texts of names take together.
pub const MAX_NAMES_BYTES: usize = 1 << 28;
/// Longest name in bytes.
pub const MAX_NAME_BYTES: usize = 1 << 16;

#[derive(Default)]
struct Names {
    ids: HashMap<&'static str, u32>,
    texts: Vec<&'static str>,
    n_bytes: usize,
}

static NAMES: LazyLock<RwLock<Names>> = LazyLock::new(RwLock::default);

/// The id of a name, interning it when it is new; nothing when the table is full or the name too long.
#[must_use]
pub fn try_intern(text: &str) -> Option<u32> {
    if let Some(id) = find(text) {
        return Some(id);
    }
    let mut names = NAMES.write().expect("no holder of the name table panics");
    if let Some(id) = names.ids.get(text) {
        return Some(*id);
    }
    let is_full = names.texts.len() >= MAX_NAMES || names.n_bytes + text.len() > MAX_NAMES_BYTES;
    if is_full || text.len() > MAX_NAME_BYTES {
        return None;
    }
    let id = names.texts.len() as u32;
    let text: &'static str = Box::leak(text.into());
    names.n_bytes += text.len();
    names.texts.push(text);
    names.ids.insert(text, id);
    Some(id)
}

/// The id of a name that the host itself uses.
///
/// # Panics
/// When the table of names is full.
#[must_use]
pub fn intern(text: &str) -> u32 {
    try_intern(text).expect("the host's own names fit the table")
}

/// The id of a name if it was interned before.
#[must_use]
pub fn find(text: &str) -> Option<u32> {
    NAMES
        .read()
        .expect("no holder of the name table panics")
        .ids
        .get(text)
        .copied()
}

/// The text of a name.
#[must_use]
pub fn text(id: u32) -> &'static str {
    NAMES
        .read()
        .expect("no holder of the name table panics")
        .texts
        .get(id as usize)
        .copied()
        .unwrap_or("")
}
