//! The compiler's questions, answered from the world; a standard module is loaded when code first names it.

use slp::{Fault, NodeId, Tree};
use sup_code::CellName;
use sup_compile::{Host, Resolution, Signature};
use sup_vm::permit::Permit;
use sup_vm::vm::Vm;

use crate::codebase;
use crate::library;
use crate::load;
use crate::world::{CORE, SharedWorld};

/// The runtime as the compiler sees it.
pub struct Asking<'a> {
    /// The machine that runs macros.
    pub vm: &'a mut Vm,
    /// What is known.
    pub world: SharedWorld,
}

impl Asking<'_> {
    /// What a name means to importers of a module.
    fn shown(&mut self, module: &str, name: &str) -> Option<Resolution> {
        let world = self.world.borrow();
        let found = world.modules.get(module)?;
        if !found.shows(name) {
            return None;
        }
        drop(world);
        self.defined(module, name)
    }

    /// What a name that a module defines means.
    fn defined(&mut self, module: &str, name: &str) -> Option<Resolution> {
        let world = self.world.borrow();
        let found = world.modules.get(module)?;
        if found.macros.contains_key(name) {
            return Some(Resolution::Macro(format!("{module}/{name}")));
        }
        let entry = found.entries.get(name)?;
        if let Some(alias) = &entry.alias {
            let alias = alias.clone();
            drop(world);
            return self.primitive(&alias);
        }
        let (parameters, waiting) = (entry.parameters, entry.waiting);
        drop(world);
        if waiting.is_some()
            && let Err(problem) = library::provide(self.vm, &self.world, module, name)
        {
            self.world.borrow_mut().load_problems.push(problem);
            return None;
        }
        let cell = CellName {
            module: module.to_owned(),
            name: name.to_owned(),
        };
        Some(Resolution::Cell { cell, parameters })
    }

    fn primitive(&self, name: &str) -> Option<Resolution> {
        let world = self.world.borrow();
        let info = world.primitives.get(name)?;
        Some(Resolution::Primitive {
            name: name.to_owned(),
            min: info.min,
            max: info.max,
            quoted: info.quoted,
            intrinsic: info.intrinsic,
        })
    }

    fn qualified(&mut self, module: &str, symbol: &str) -> Option<Resolution> {
        let (alias, name) = symbol
            .rsplit_once('/')
            .filter(|(alias, name)| !alias.is_empty() && !name.is_empty())?;
        let imported = self
            .world
            .borrow()
            .modules
            .get(module)
            .and_then(|own| own.imports.get(alias).cloned());
        if let Some(target) = imported {
            return self.shown(&target, name);
        }
        if let Some(found) = self.primitive(symbol) {
            return Some(found);
        }
        if module == alias {
            return self.defined(module, name);
        }
        if load::is_standard(alias) {
            load::standard_module(self.vm, &self.world, alias).ok()?;
            return self.shown(alias, name);
        }
        codebase::resolve(self.vm, &self.world, symbol)
    }

    /// What a name means to those who see what a module shows.
    pub(crate) fn shown_by(&mut self, module: &str, name: &str) -> Option<Resolution> {
        self.shown(module, name)
    }

    fn everyday(&self, symbol: &str) -> Option<Resolution> {
        let full = self.world.borrow().everyday.get(symbol).cloned()?;
        self.primitive(&full)
    }

    /// What a name means that is defined, whether or not the isolate may call it.
    fn meaning(&mut self, module: &str, symbol: &str) -> Option<Resolution> {
        if let Some(found) = self.defined(module, symbol) {
            return Some(found);
        }
        if let Some(found) = self.qualified(module, symbol) {
            return Some(found);
        }
        let bare = self
            .world
            .borrow()
            .modules
            .get(module)
            .is_some_and(|own| own.bare);
        if !bare
            && module != CORE
            && let Some(found) = self.shown(CORE, symbol)
        {
            return Some(found);
        }
        if let Some(found) = self.everyday(symbol) {
            return Some(found);
        }
        symbol.starts_with('%').then(|| self.primitive(symbol)).flatten()
    }

    /// Why the isolate may not call a primitive, if it may not. The standard library is compiled alike for everybody: what it
    /// calls is decided when it calls.
    fn withheld_from(&self, module: &str, primitive: &str) -> Option<String> {
        if load::is_standard(module) {
            return None;
        }
        let world = self.world.borrow();
        let needs = world.primitives.get(primitive)?.needs;
        let permit = Permit {
            capabilities: world.names.unwrap_or(world.grants).bits(),
            ..self.vm.permit()
        };
        (!permit.allows(primitive, needs)).then(|| permit.reason(primitive, needs))
    }
}

impl Host for Asking<'_> {
    fn resolve(&mut self, module: &str, symbol: &str) -> Resolution {
        match self.meaning(module, symbol) {
            Some(Resolution::Primitive { name, .. }) if self.withheld_from(module, &name).is_some() => {}
            Some(found) => return found,
            None => {}
        }
        let promised = self
            .world
            .borrow()
            .modules
            .get(module)
            .is_some_and(|own| own.promised.iter().any(|name| name == symbol));
        if promised {
            let cell = CellName {
                module: module.to_owned(),
                name: symbol.to_owned(),
            };
            return Resolution::Cell {
                cell,
                parameters: None,
            };
        }
        if !symbol.contains('/')
            && let Some(found) = codebase::resolve(self.vm, &self.world, symbol)
        {
            return found;
        }
        Resolution::Unbound
    }

    fn expand(&mut self, macro_name: &str, tree: &mut Tree, call: NodeId) -> Result<NodeId, Fault> {
        crate::expand::expand(self.vm, &self.world, macro_name, tree, call)
    }

    fn record_type(&mut self, module: &str, name: &str) -> Option<String> {
        let world = self.world.borrow();
        if let Some((alias, name)) = name.rsplit_once('/') {
            let target = world
                .modules
                .get(module)?
                .imports
                .get(alias)
                .map_or(alias, String::as_str);
            let found = world.modules.get(target)?;
            return found
                .records
                .iter()
                .any(|record| record == name)
                .then(|| format!("{target}/{name}"));
        }
        let own = |from: &str| {
            let found = world.modules.get(from)?;
            found
                .records
                .iter()
                .any(|record| record == name)
                .then(|| format!("{from}/{name}"))
        };
        own(module).or_else(|| own(CORE))
    }

    fn withheld(&mut self, module: &str, symbol: &str) -> Option<String> {
        match self.meaning(module, symbol) {
            Some(Resolution::Primitive { name, .. }) => self.withheld_from(module, &name),
            _ => None,
        }
    }

    fn suggestions(&mut self, module: &str, symbol: &str) -> Vec<String> {
        let names = self.world.borrow().visible_names(module);
        nearest(symbol, names)
    }

    fn signature(&mut self, module: &str, symbol: &str) -> Option<Signature> {
        let world = self.world.borrow();
        let entry = match symbol.rsplit_once('/') {
            Some((alias, name)) if !alias.is_empty() => {
                let target = world
                    .modules
                    .get(module)?
                    .imports
                    .get(alias)
                    .map_or(alias, String::as_str);
                world.shown(target, name)?
            }
            _ => world
                .modules
                .get(module)
                .and_then(|own| own.entries.get(symbol))
                .or_else(|| world.shown(CORE, symbol))?,
        };
        entry.signature.clone()
    }
}

/// The names that a misspelt one may have been meant to be, nearest first.
#[must_use]
pub fn nearest(symbol: &str, names: Vec<String>) -> Vec<String> {
    let n_chars = symbol.chars().count();
    // Every name of one character is near every other.
    if n_chars < 2 {
        return Vec::new();
    }
    let limit = (n_chars / 3).clamp(1, 3);
    let mut near: Vec<(usize, String)> = names
        .into_iter()
        .filter_map(|name| edit_distance(symbol, &name, limit).map(|distance| (distance, name)))
        .collect();
    near.sort();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// How many characters must be inserted, removed, replaced or swapped with their neighbour, if at most `limit`.
fn edit_distance(from: &str, to: &str, limit: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_found_and_far_ones_are_not() {
        let names = || ["count", "concat", "first", "reduce"].map(str::to_owned).to_vec();
        assert_eq!(nearest("conut", names()), ["count"]);
        assert_eq!(nearest("redcue", names()), ["reduce"]);
        assert_eq!(nearest("xyzzy", names()), Vec::<String>::new());
        assert_eq!(
            nearest("+", vec!["-".to_owned(), "x".to_owned()]),
            Vec::<String>::new()
        );
    }
}
