//! What an isolate may call: capabilities, and primitives that were taken from it by name. A primitive outside of that is
//! unbound for it, whichever way code comes by its name, since every call goes through the isolate's own table.
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::sync::Arc;

use sup_abi::capability;
use sup_abi::word::{THROW, Word};

use crate::natives::NativeFn;
use crate::primitives::{self, ANY_NUMBER, PrimitiveEntry};
use crate::vm::Vm;

/// What an isolate may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Bits of `sup_abi::capability`.
    pub capabilities: u32,
    /// Kernels, and primitives by full names, that are taken away whatever they need.
    pub denied: Arc<BTreeSet<String>>,
}

impl Permit {
    /// Everything.
    #[must_use]
    pub fn all() -> Permit {
        Permit {
            capabilities: capability::ALL,
            denied: Arc::default(),
        }
    }

    /// The same without any capability.
    #[must_use]
    pub fn without_capabilities(&self) -> Permit {
        Permit {
            capabilities: 0,
            denied: self.denied.clone(),
        }
    }

    /// Whether a primitive of that full name which needs those capabilities may be called.
    #[must_use]
    pub fn allows(&self, name: &str, needed: u32) -> bool {
        capability::suffices(self.capabilities, needed) && !self.denies(name)
    }

    /// Whether a primitive or its kernel was taken away by name.
    #[must_use]
    pub fn denies(&self, name: &str) -> bool {
        let denied = |name: &str| self.denied.contains(name);
        !self.denied.is_empty()
            && (denied(name) || name.split_once('/').is_some_and(|(kernel, _)| denied(kernel)))
    }

    /// Why a primitive may not be called.
    #[must_use]
    pub fn reason(&self, name: &str, needed: u32) -> String {
        if self.denies(name) {
            return format!("{name} was taken from this isolate");
        }
        let names: Vec<&str> = capability::names(needed).collect();
        match names.as_slice() {
            [only] => format!("{name} needs the capability {only}, which was not granted"),
            _ if needed & capability::ONE_OF != 0 => {
                format!(
                    "{name} needs one of the capabilities {}, and none was granted",
                    names.join(", ")
                )
            }
            _ => format!(
                "{name} needs the capabilities {}, which were not all granted",
                names.join(", ")
            ),
        }
    }
}

/// What stands in the table for a primitive that the isolate may not call.
pub(crate) fn withheld(needs: u32) -> PrimitiveEntry {
    PrimitiveEntry {
        run: refuse as NativeFn,
        min: 0,
        max: ANY_NUMBER,
        span: ANY_NUMBER,
        needs,
        ..PrimitiveEntry::ABSENT
    }
}

unsafe extern "C" fn refuse(vm: *mut Vm, _argc: u32, _argv: *const Word) -> Word {
    // SAFETY: the machine calls this with itself.
    let vm = unsafe { &mut *vm };
    let name = primitives::name(vm.running_primitive);
    let permit = vm.permit();
    let reason = permit.reason(name, vm.primitive(vm.running_primitive).needs);
    vm.raise("name/unbound", &format!("not defined here: {reason}"));
    THROW
}

/// What the machine knows of its permit.
pub(crate) struct Permits {
    /// What holds from the start on.
    base: Permit,
    /// The table under `base`, while code runs without capabilities.
    outer: Option<Arc<Vec<PrimitiveEntry>>>,
    /// The table without capabilities, when it was made since the other one changed.
    narrow: Option<Arc<Vec<PrimitiveEntry>>>,
}

impl Default for Permits {
    fn default() -> Permits {
        Permits {
            base: Permit::all(),
            outer: None,
            narrow: None,
        }
    }
}

impl Vm {
    /// What holds now.
    #[must_use]
    pub fn permit(&self) -> Permit {
        if self.permits.outer.is_some() {
            self.permits.base.without_capabilities()
        } else {
            self.permits.base.clone()
        }
    }

    /// Takes away what a permit does not allow, for good: also of what is defined later. Nothing that was taken away before
    /// comes back.
    pub fn restrict(&mut self, permit: Permit) {
        if !permit_covers(&self.primitives, &permit) {
            self.primitives = restricted(&self.primitives, &permit);
            self.refresh_link();
        }
        self.permits.base = permit;
        self.permits.narrow = None;
    }

    /// Runs something without any capability.
    pub fn without_capabilities<T>(&mut self, run: impl FnOnce(&mut Vm) -> T) -> T {
        if self.permits.outer.is_some() {
            return run(self);
        }
        let narrow = match self.permits.narrow.take() {
            Some(narrow) => narrow,
            None => restricted(&self.primitives, &self.permits.base.without_capabilities()),
        };
        self.permits.outer = Some(std::mem::replace(&mut self.primitives, narrow));
        self.refresh_link();
        let answer = run(self);
        let outer = self.permits.outer.take().expect("only this function takes it");
        self.permits.narrow = Some(std::mem::replace(&mut self.primitives, outer));
        self.grow_primitives(primitives::count());
        answer
    }

    /// Writes an entry into the table, or into both while code runs without capabilities.
    pub(crate) fn write_entry(&mut self, name: &str, id: usize, entry: PrimitiveEntry) {
        let base = self.permits.base.clone();
        let under = |permit: &Permit| {
            if permit.allows(name, entry.needs) {
                entry
            } else {
                withheld(entry.needs)
            }
        };
        if let Some(outer) = &mut self.permits.outer {
            put(outer, id, under(&base));
            put(&mut self.primitives, id, under(&base.without_capabilities()));
        } else {
            put(&mut self.primitives, id, under(&base));
            self.permits.narrow = None;
        }
        self.refresh_link();
    }
}

fn put(table: &mut Arc<Vec<PrimitiveEntry>>, id: usize, entry: PrimitiveEntry) {
    let entries = Arc::make_mut(table);
    if entries.len() <= id {
        entries.resize((id + 1).max(primitives::count()), PrimitiveEntry::ABSENT);
    }
    entries[id] = entry;
}

fn is_outside(id: usize, entry: &PrimitiveEntry, permit: &Permit) -> bool {
    let is_denied = || !permit.denied.is_empty() && permit.denies(primitives::name(id as u32));
    entry.is_present() && (!capability::suffices(permit.capabilities, entry.needs) || is_denied())
}

fn permit_covers(table: &[PrimitiveEntry], permit: &Permit) -> bool {
    let mut entries = table.iter().enumerate();
    !entries.any(|(id, entry)| is_outside(id, entry, permit))
}

fn restricted(table: &[PrimitiveEntry], permit: &Permit) -> Arc<Vec<PrimitiveEntry>> {
    let entries = table.iter().enumerate().map(|(id, entry)| {
        if is_outside(id, entry, permit) {
            withheld(entry.needs)
        } else {
            *entry
        }
    });
    Arc::new(entries.collect())
}

/// Whether an entry stands for something that was taken away.
pub(crate) fn is_withheld(entry: &PrimitiveEntry) -> bool {
    std::ptr::fn_addr_eq(entry.run, refuse as NativeFn)
}
