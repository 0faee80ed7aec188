//! What a chunk's instructions refer to by index, each thing once.

use crate::core_tree::Literal;
use std::collections::HashMap;
use std::hash::Hash;
use sup_code::{CellName, Constant, TypeSpec};

/// Things in the order of their first use.
pub(super) struct Pool<T> {
    items: Vec<T>,
    known: HashMap<T, i32>,
}

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool {
            items: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Pool<T> {
    pub(super) fn index(&mut self, item: &T) -> i32 {
        if let Some(index) = self.known.get(item) {
            return *index;
        }
        let index = self.items.len() as i32;
        self.items.push(item.clone());
        self.known.insert(item.clone(), index);
        index
    }

    pub(super) fn item(&self, index: i32) -> &T {
        &self.items[index as usize]
    }

    pub(super) fn into_items(self) -> Vec<T> {
        self.items
    }
}

/// The constants: as a pool, but reals are told apart by their bits and data is not looked up.
#[derive(Default)]
pub(super) struct Constants {
    items: Vec<Constant>,
    known: HashMap<ConstantKey, i32>,
}

#[derive(PartialEq, Eq, Hash)]
enum ConstantKey {
    Int(i64),
    Real(u64),
    Str(String),
    Symbol(String),
    Keyword(String),
    Path(String),
}

impl Constants {
    /// The index of a literal that is no nil and no boolean.
    pub(super) fn index(&mut self, literal: &Literal) -> i32 {
        let (constant, key) = match literal {
            Literal::Nil | Literal::Bool(_) => {
                unreachable!("nil and booleans have instructions of their own")
            }
            Literal::Int(number) => (Constant::Int(*number), Some(ConstantKey::Int(*number))),
            Literal::Real(number) => (Constant::Real(*number), Some(ConstantKey::Real(number.to_bits()))),
            Literal::Str(text) => (Constant::Str(text.clone()), Some(ConstantKey::Str(text.clone()))),
            Literal::Symbol(name) => (
                Constant::Symbol(name.clone()),
                Some(ConstantKey::Symbol(name.clone())),
            ),
            Literal::Keyword(name) => (
                Constant::Keyword(name.clone()),
                Some(ConstantKey::Keyword(name.clone())),
            ),
            Literal::Path(name) => (
                Constant::Path(name.clone()),
                Some(ConstantKey::Path(name.clone())),
            ),
            Literal::Data(flat) => (Constant::Data(flat.clone()), None),
        };
        if let Some(index) = key.as_ref().and_then(|key| self.known.get(key)) {
            return *index;
        }
        let index = self.items.len() as i32;
        self.items.push(constant);
        if let Some(key) = key {
            self.known.insert(key, index);
        }
        index
    }

    pub(super) fn into_items(self) -> Vec<Constant> {
        self.items
    }
}

/// All pools of a chunk.
#[derive(Default)]
pub(super) struct Pools {
    pub(super) constants: Constants,
    pub(super) cells: Pool<CellName>,
    pub(super) primitives: Pool<String>,
    pub(super) types: Pool<TypeSpec>,
}
