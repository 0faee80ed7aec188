//! Primitives: a number for each name in the process, and what an isolate's link says a number stands for.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::sync::{LazyLock, RwLock};

use sup_abi::word::{Immediate, THROW, Word, immediate};

use crate::natives::NativeFn;
use crate::vm::Vm;

/// `max` of a primitive that takes any number of arguments.
pub const ANY_NUMBER: u16 = u16::MAX;

/// What a link says of one primitive.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PrimitiveEntry {
    /// The function.
    pub run: NativeFn,
    /// Least number of arguments.
    pub min: u16,
    /// Largest number of arguments, or [`ANY_NUMBER`].
    pub max: u16,
    /// `max - min`, so that one comparison tells whether a number of arguments will do; set when it is defined.
    pub span: u16,
    /// Flags as its kernel declares them.
    pub flags: u32,
    /// Index of its kernel among the isolate's, for the kernel's state.
    pub kernel: u32,
    /// Intrinsic id, 0 for none.
    pub intrinsic: u32,
    /// What an isolate must have of `sup_abi::capability` for it.
    pub needs: u32,
}

impl PrimitiveEntry {
    /// The entry of a primitive that this isolate does not have.
    pub const ABSENT: PrimitiveEntry = PrimitiveEntry {
        run: absent,
        min: 0,
        max: ANY_NUMBER,
        span: ANY_NUMBER,
        flags: 0,
        kernel: 0,
        intrinsic: 0,
        needs: 0,
    };

    /// Whether the isolate has it.
    #[must_use]
    pub fn is_present(&self) -> bool {
        !std::ptr::fn_addr_eq(self.run, absent as NativeFn) && !crate::permit::is_withheld(self)
    }
}

unsafe extern "C" fn absent(vm: *mut Vm, _argc: u32, _argv: *const Word) -> Word {
    // SAFETY: the machine calls this with itself.
    let vm = unsafe { &mut *vm };
    let name = name(vm.running_primitive);
    vm.raise("name/unbound", &format!("{name} is not available here"));
    THROW
}

#[derive(Default)]
struct Table {
    ids: HashMap<&'static str, u32>,
    names: Vec<&'static str>,
}

static TABLE: LazyLock<RwLock<Table>> = LazyLock::new(RwLock::default);

/// The number of a primitive's name, given out when it is new.
#[must_use]
pub fn id(name: &str) -> u32 {
    if let Some(id) = find(name) {
        return id;
    }
    let mut table = TABLE.write().expect("no holder of the table panics");
    if let Some(id) = table.ids.get(name) {
        return *id;
    }
    let id = table.names.len() as u32;
    let name: &'static str = Box::leak(name.into());
    table.names.push(name);
    table.ids.insert(name, id);
    id
}

/// The number of a primitive's name if it has one.
#[must_use]
pub fn find(name: &str) -> Option<u32> {
    TABLE
        .read()
        .expect("no holder of the table panics")
        .ids
        .get(name)
        .copied()
}

/// The name that a number stands for.
#[must_use]
pub fn name(id: u32) -> &'static str {
    TABLE
        .read()
        .expect("no holder of the table panics")
        .names
        .get(id as usize)
        .copied()
        .unwrap_or("")
}

/// How many numbers were given out.
#[must_use]
pub fn count() -> usize {
    TABLE.read().expect("no holder of the table panics").names.len()
}

/// The primitive as a value.
#[must_use]
pub fn value(id: u32) -> Word {
    immediate(Immediate::Primitive, id)
}

impl Vm {
    /// Gives this isolate a primitive, in place of what had its name; one that its permit does not allow stays unbound.
    pub fn define_primitive(&mut self, name: &str, entry: PrimitiveEntry) {
        let entry = PrimitiveEntry {
            span: entry.max.saturating_sub(entry.min),
            ..entry
        };
        self.write_entry(name, id(name) as usize, entry);
    }

    /// Takes a primitive away from this isolate.
    pub fn remove_primitive(&mut self, name: &str) {
        if let Some(id) = find(name) {
            self.write_entry(name, id as usize, PrimitiveEntry::ABSENT);
        }
    }

    /// What this isolate says of a primitive.
    #[must_use]
    pub fn primitive(&self, id: u32) -> PrimitiveEntry {
        self.primitives
            .get(id as usize)
            .copied()
            .unwrap_or(PrimitiveEntry::ABSENT)
    }

    pub(crate) fn grow_primitives(&mut self, len: usize) {
        if self.primitives.len() < len {
            let entries = std::sync::Arc::make_mut(&mut self.primitives);
            entries.resize(len.max(count()), PrimitiveEntry::ABSENT);
        }
        self.refresh_link();
    }
}
