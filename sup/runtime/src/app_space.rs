//! The namespace `app`: code of the head by name. Its values are forms; writing one publishes a release that differs in it.

use std::ops::ControlFlow;

use slp::{Bracket, NodeKind, ReadLimits, Span, Tree, print_pretty};
use sup_code::form;
use sup_host::services::{Change, ScanRange, Visit};
use sup_store::{Audience, Base, CODE_SUFFIX};
use sup_vm::error::Raise;
use sup_vm::vm::Vm;

use crate::codebase::{self, MAX_LISTED, told};
use crate::natives::{raise_problem, world_of};
use crate::releases::{self, File, Order};

/// The name of the namespace.
pub(crate) const NAME: &str = "app";
/// The handle that it is known by.
pub(crate) const HANDLE: u64 = u64::MAX;
/// The width that forms are printed in.
const WIDTH: usize = 100;

/// The form of a name, encoded; the block of its forms when it has several.
pub(crate) fn get(vm: &mut Vm, key: &[u8]) -> Result<Option<Vec<u8>>, Raise> {
    let name = name_of(vm, key)?;
    let world = world_of(vm);
    let found = codebase::codebase_of(&world).and_then(|codebase| codebase.text(&name, None));
    match found {
        // What cannot be a name is the name of nothing.
        Err(problem) if problem.code == "store/name" => Ok(None),
        Err(problem) => Err(raise_problem(vm, &problem)),
        Ok(None) => Ok(None),
        Ok(Some(text)) => encoded(vm, &text).map(Some),
    }
}

fn encoded(vm: &mut Vm, text: &str) -> Result<Vec<u8>, Raise> {
    let mut reading = slp::read(text, &ReadLimits::default());
    let roots = reading.tree.roots().to_vec();
    let node = match roots.as_slice() {
        [one] => *one,
        all => reading
            .tree
            .add(NodeKind::List(Bracket::Square), Span::default(), all),
    };
    let word = vm.from_flat(&sup_compile::datum(&reading.tree, node))?;
    vm.encode_value(word)
}

/// Publishes what the changes say, as one release.
pub(crate) fn write(vm: &mut Vm, changes: &[Change<'_>]) -> Result<(), Raise> {
    let mut files = Vec::with_capacity(changes.len());
    for change in changes {
        let name = name_of(vm, change.key)?;
        let bytes = match change.value {
            None => None,
            Some(value) => Some(text_of(vm, value)?.into_bytes()),
        };
        files.push(File {
            path: format!("{name}{CODE_SUFFIX}"),
            bytes,
        });
    }
    let order = Order {
        base: Base::Head,
        files,
        author: String::new(),
        message: String::new(),
        audience: Audience::All,
        only_check: false,
    };
    let world = world_of(vm);
    let done = releases::publish(vm, &world, &order)
        .and_then(|_| codebase::refresh(vm, &world).map_err(|problem| vec![problem]));
    done.map_err(|problems| raise_problem(vm, &problems[0]))
}

/// The text of an encoded form.
fn text_of(vm: &mut Vm, value: &[u8]) -> Result<String, Raise> {
    let word = vm.decode_value(value)?;
    let flat = vm.to_flat(word)?;
    let tree: Option<Tree> = form::value_to_tree(&flat).ok();
    let Some(tree) = tree else {
        let message = "the value is no form, and the namespace app holds code";
        return Err(vm.raise("kv/app", message));
    };
    let mut text = print_pretty(&tree, tree.roots()[0], WIDTH);
    text.push('\n');
    Ok(text)
}

/// Visits names in order until the visitor breaks off.
pub(crate) fn scan(vm: &mut Vm, range: &ScanRange<'_>, visit: Visit<'_>) -> Result<(), Raise> {
    let prefix = name_of(vm, range.prefix)?;
    let world = world_of(vm);
    let listed = codebase::codebase_of(&world).and_then(|codebase| {
        let names = codebase.names().list(&prefix, MAX_LISTED);
        names.map_err(|error| told(&error))
    });
    let listed = listed.map_err(|problem| raise_problem(vm, &problem))?;
    let after = listed
        .into_iter()
        .filter(|entry| range.after.is_empty() || entry.name.as_bytes() > range.after);
    for entry in after.take(range.limit) {
        if let Some(value) = get(vm, entry.name.as_bytes())?
            && visit(entry.name.as_bytes(), &value) == ControlFlow::Break(())
        {
            break;
        }
    }
    Ok(())
}

/// What only makes sense where values are compared.
pub(crate) fn refuse_replace(vm: &mut Vm) -> Raise {
    vm.raise(
        "kv/app",
        "the namespace app holds code: it is set and deleted, and not compared and swapped",
    )
}

fn name_of(vm: &mut Vm, key: &[u8]) -> Result<String, Raise> {
    match std::str::from_utf8(key) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(vm.raise("kv/key", "a key is text in UTF-8")),
    }
}
