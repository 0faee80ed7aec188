//! Primitives by which programs reach the code of the store.

use sup_abi::capability::STORE;
use sup_abi::word::{NIL, Word, boolean};
use sup_vm::base;
use sup_vm::error::{Outcome, Raise};
use sup_vm::natives::BasePrimitive;
use sup_vm::vm::Vm;

use crate::codebase::{self, Codebase, MAX_LISTED, told};
use crate::grants::Capability;
use crate::load::Problems;
use crate::natives::{raise_problem, world_of};
use crate::world::SharedWorld;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%store-put", "(name :str text :str) :str", 2..Some(2), put, STORE),
    base!("%store-has?", "(name :str) :bool", 1..Some(1), has, STORE),
    base!("%store-text", "(name :str) :str?", 1..Some(1), text, STORE),
    base!("%store-value", "(name :str) :any", 1..Some(1), value, STORE),
    base!(
        "%store-names",
        "(&opt prefix :str) :list",
        0..Some(1),
        names,
        STORE
    ),
    base!("%store-remove", "(name :str) :bool", 1..Some(1), remove, STORE),
];

fn granted(vm: &mut Vm) -> Result<std::sync::Arc<Codebase>, Raise> {
    let world = world_of(vm);
    if !world.borrow().grants.has(Capability::Store) {
        return Err(vm.raise("capability/denied", "reaching the store was not granted"));
    }
    codebase::codebase_of(&world).map_err(|problem| raise_problem(vm, &problem))
}

fn name_at(vm: &mut Vm, arguments: &[Word], index: usize) -> Result<String, Raise> {
    vm.want_text(&arguments[index]).map(str::to_owned)
}

fn put(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    granted(vm)?;
    let (name, text) = (name_at(vm, arguments, 0)?, name_at(vm, arguments, 1)?);
    let world = world_of(vm);
    let outcome =
        codebase::put(vm, &world, &name, &text, "").and_then(|hash| refreshed(vm, &world).map(|()| hash));
    match outcome {
        Ok(written) => vm.new_str(&written.hash),
        Err(problems) => Err(raise_problem(vm, &problems[0])),
    }
}

fn has(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    Ok(boolean(text(vm, arguments)? != NIL))
}

fn text(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let codebase = granted(vm)?;
    let name = name_at(vm, arguments, 0)?;
    match codebase.text(&name, None) {
        Ok(Some(text)) => vm.new_str(&text),
        Ok(None) => Ok(NIL),
        Err(problem) => Err(raise_problem(vm, &problem)),
    }
}

fn value(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    granted(vm)?;
    let name = name_at(vm, arguments, 0)?;
    let world = world_of(vm);
    codebase::value(vm, &world, &name).map_err(|problems| raise_problem(vm, &problems[0]))
}

fn names(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let codebase = granted(vm)?;
    let prefix = if arguments.is_empty() || arguments[0] == NIL {
        String::new()
    } else {
        name_at(vm, arguments, 0)?
    };
    let listed = match codebase.names().list(&prefix, MAX_LISTED) {
        Ok(listed) => listed,
        Err(error) => return Err(raise_problem(vm, &told(&error))),
    };
    let mut words = Vec::with_capacity(listed.len());
    for entry in listed {
        words.push(vm.new_str(&entry.name)?);
    }
    vm.new_list(2, &words)
}

fn remove(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    granted(vm)?;
    let name = name_at(vm, arguments, 0)?;
    let world = world_of(vm);
    let outcome =
        codebase::remove(vm, &world, &name, "").and_then(|removed| refreshed(vm, &world).map(|()| removed));
    match outcome {
        Ok(removed) => Ok(boolean(removed)),
        Err(problems) => Err(raise_problem(vm, &problems[0])),
    }
}

fn refreshed(vm: &mut Vm, world: &SharedWorld) -> Result<(), Problems> {
    codebase::refresh(vm, world).map_err(|problem| vec![problem])
}
