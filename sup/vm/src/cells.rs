//! Module variables: a number for each (module, name) in the process; each isolate has its own values.

use std::collections::HashMap;
use std::sync::{LazyLock, RwLock};

use sup_abi::word::{UNDEFINED, Word};

use crate::vm::Vm;

#[derive(Default)]
struct Table {
    ids: HashMap<(&'static str, &'static str), u32>,
    names: Vec<(&'static str, &'static str)>,
}

static TABLE: LazyLock<RwLock<Table>> = LazyLock::new(RwLock::default);

/// The number of a module variable, given out when it is new.
#[must_use]
pub fn id(module: &str, name: &str) -> u32 {
    if let Some(id) = find(module, name) {
        return id;
    }
    let mut table = TABLE.write().expect("no holder of the table panics");
    if let Some(id) = table.ids.get(&(module, name)) {
        return *id;
    }
    let id = table.names.len() as u32;
    let key: (&'static str, &'static str) = (Box::leak(module.into()), Box::leak(name.into()));
    table.names.push(key);
    table.ids.insert(key, id);
    id
}

/// The number of a module variable if it has one.
#[must_use]
pub fn find(module: &str, name: &str) -> Option<u32> {
    TABLE
        .read()
        .expect("no holder of the table panics")
        .ids
        .get(&(module, name))
        .copied()
}

/// Module and name of a module variable.
#[must_use]
pub fn name(id: u32) -> (&'static str, &'static str) {
    TABLE
        .read()
        .expect("no holder of the table panics")
        .names
        .get(id as usize)
        .copied()
        .unwrap_or(("", ""))
}

impl Vm {
    /// The value of a module variable, if it was set in this isolate.
    #[must_use]
    pub fn cell(&self, module: &str, name: &str) -> Option<Word> {
        let word = *self.cells.get(find(module, name)? as usize)?;
        (word != UNDEFINED).then_some(word)
    }

    /// Sets a module variable in this isolate.
    pub fn set_cell(&mut self, module: &str, name: &str, value: Word) {
        let id = id(module, name) as usize;
        self.grow_cells(id + 1);
        self.cells[id] = value;
    }

    /// Makes a module variable unbound again.
    pub fn forget_cell(&mut self, module: &str, name: &str) {
        if let Some(id) = find(module, name)
            && let Some(cell) = self.cells.get_mut(id as usize)
        {
            *cell = UNDEFINED;
        }
    }

    pub(crate) fn grow_cells(&mut self, len: usize) {
        if self.cells.len() < len {
            let total = len.max(TABLE.read().expect("no holder of the table panics").names.len());
            self.cells.resize(total.next_multiple_of(64), UNDEFINED);
        }
        self.refresh_link();
    }
}
