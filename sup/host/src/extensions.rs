//! The services of `services` as C tables, for kernels: `sup.io/1`, `sup.files/1`, `sup.store/1`. `drive` has the others.
#![allow(unsafe_code)]

use crate::drive;
use crate::install::Installed;
use crate::machine::{answer, bytes, installed, machine, text};
use crate::metrics;
use crate::services::{Access, Change, Durability, FilesService, IoService, ScanRange, StoreService, Stream};
use crate::stages;
use std::ffi::c_void;
use std::ops::ControlFlow;
use sup_abi::extension::{self as abi, StoreHandle, StoreVisit, StoreWrite};
use sup_abi::kernel::{Bytes, Context};
use sup_abi::word::{THROW, Word};
use sup_vm::error::{Outcome, Raise};
use sup_vm::vm::Vm;

/// Pairs that a scan takes from a store at once.
const PAGE: usize = 512;
/// Most writes of one batch.
const MAX_WRITES: usize = 1 << 24;

/// The table of a service, or null.
#[must_use]
pub fn find(name: &str) -> *const c_void {
    match name {
        abi::IO => (&raw const IO).cast(),
        abi::FILES => (&raw const FILES).cast(),
        abi::STORE => (&raw const STORE).cast(),
        sup_abi::drive::ISOLATE => (&raw const drive::ISOLATES).cast(),
        sup_abi::registry::METRICS => (&raw const metrics::TABLE).cast(),
        sup_abi::registry::STAGE => (&raw const stages::TABLE).cast(),
        sup_abi::drive::FIBER => (&raw const drive::FIBERS).cast(),
        _ => std::ptr::null(),
    }
}

static IO: abi::Io = abi::Io {
    size: size_of::<abi::Io>() as u32,
    reserved: 0,
    write: io_write,
    flush: io_flush,
    read_line: io_read_line,
    arguments: io_arguments,
    variable: io_variable,
};

static FILES: abi::Files = abi::Files {
    size: size_of::<abi::Files>() as u32,
    reserved: 0,
    resolve: files_resolve,
};

static STORE: abi::Store = abi::Store {
    size: size_of::<abi::Store>() as u32,
    reserved: 0,
    open_memory: store_open_memory,
    open_disk: store_open_disk,
    find: store_find,
    get: store_get,
    write: store_write,
    replace: store_replace,
    scan: store_scan,
};

fn denied(vm: &mut Vm, what: &str) -> Raise {
    let name = vm.running_primitive_name();
    vm.raise(
        "capability/denied",
        &format!("{name} needs {what}, which this isolate was not given"),
    )
}

/// The machine of a context and the kernel that runs in it.
fn caller<'a>(cx: *mut Context) -> Option<(&'a mut Vm, &'a Installed)> {
    let vm = machine(cx)?;
    let installed = installed(vm)?;
    Some((vm, installed))
}

fn with_io<T>(
    cx: *mut Context,
    refused: T,
    run: impl FnOnce(&dyn IoService, &mut Vm) -> Result<T, Raise>,
) -> T {
    let Some((vm, installed)) = caller(cx) else {
        return refused;
    };
    match &installed.shared.services.io {
        Some(io) => run(io.as_ref(), vm).unwrap_or(refused),
        None => {
            denied(vm, "a terminal");
            refused
        }
    }
}

fn io_word(cx: *mut Context, run: impl FnOnce(&dyn IoService, &mut Vm) -> Outcome) -> Word {
    with_io(cx, THROW, run)
}

fn stream(number: u32) -> Stream {
    if number == abi::STREAM_ERR {
        Stream::Err
    } else {
        Stream::Out
    }
}

unsafe extern "C" fn io_write(cx: *mut Context, number: u32, written: Bytes) -> i32 {
    with_io(cx, 0, |io, vm| {
        io.write(vm, stream(number), bytes(written)).map(|()| 1)
    })
}

unsafe extern "C" fn io_flush(cx: *mut Context, number: u32) -> i32 {
    with_io(cx, 0, |io, vm| io.flush(vm, stream(number)).map(|()| 1))
}

unsafe extern "C" fn io_read_line(cx: *mut Context) -> Word {
    io_word(cx, |io, vm| io.read_line(vm))
}

unsafe extern "C" fn io_arguments(cx: *mut Context) -> Word {
    io_word(cx, |io, vm| io.arguments(vm))
}

unsafe extern "C" fn io_variable(cx: *mut Context, name: Bytes) -> Word {
    io_word(cx, |io, vm| io.variable(vm, &text(name)))
}

unsafe extern "C" fn files_resolve(cx: *mut Context, path: Bytes, access: u32) -> Word {
    let Some((vm, installed)) = caller(cx) else {
        return THROW;
    };
    let access = if access == abi::ACCESS_READ {
        Access::Read
    } else {
        Access::Write
    };
    let resolve = |files: &dyn FilesService, vm: &mut Vm| {
        let resolved = files.resolve(vm, &text(path), access)?;
        vm.new_string(resolved)
    };
    let resolved = match &installed.shared.services.files {
        Some(files) => resolve(files.as_ref(), vm),
        None => Err(denied(vm, "files")),
    };
    resolved.unwrap_or(THROW)
}

fn with_store(cx: *mut Context, run: impl FnOnce(&dyn StoreService, &mut Vm) -> Result<i32, Raise>) -> i32 {
    let Some((vm, installed)) = caller(cx) else {
        return -1;
    };
    let done = match &installed.shared.services.store {
        Some(store) => run(store.as_ref(), vm),
        None => Err(denied(vm, "stores")),
    };
    done.unwrap_or(-1)
}

unsafe extern "C" fn store_open_memory(cx: *mut Context, name: Bytes, out: *mut StoreHandle) -> i32 {
    with_store(cx, |store, vm| {
        Ok(answer(out, Some(store.open_memory(vm, &text(name))?)))
    })
}

unsafe extern "C" fn store_open_disk(
    cx: *mut Context,
    name: Bytes,
    path: Bytes,
    out: *mut StoreHandle,
) -> i32 {
    with_store(cx, |store, vm| {
        let path = Some(text(path)).filter(|path| !path.is_empty());
        Ok(answer(
            out,
            Some(store.open_disk(vm, &text(name), path.as_deref())?),
        ))
    })
}

unsafe extern "C" fn store_find(cx: *mut Context, name: Bytes, out: *mut StoreHandle) -> i32 {
    with_store(cx, |store, vm| Ok(answer(out, store.find(vm, &text(name))?)))
}

unsafe extern "C" fn store_get(cx: *mut Context, handle: StoreHandle, key: Bytes, out: *mut Bytes) -> i32 {
    let lender = caller(cx).map(|(_, installed)| installed);
    with_store(cx, |store, vm| {
        let found = store.get(vm, handle, bytes(key))?;
        Ok(answer(
            out,
            found.zip(lender).map(|(value, lender)| lender.lend(value)),
        ))
    })
}

fn durability(vm: &mut Vm, number: u32) -> Result<Durability, Raise> {
    Durability::from_number(number).ok_or_else(|| vm.raise("value/invalid", "there is no such durability"))
}

fn change<'a>(key: Bytes, value: Option<Bytes>) -> Change<'a> {
    Change {
        key: bytes(key),
        value: value.map(bytes),
    }
}

unsafe extern "C" fn store_write(
    cx: *mut Context,
    handle: StoreHandle,
    writes: *const StoreWrite,
    n_writes: usize,
    sure: u32,
) -> i32 {
    with_store(cx, |store, vm| {
        if n_writes > MAX_WRITES {
            return Err(vm.raise("store/too-large", "there are too many writes in one batch"));
        }
        // SAFETY: kernels name that many records, which live through the call.
        let writes = if n_writes == 0 {
            &[]
        } else {
            unsafe { std::slice::from_raw_parts(writes, n_writes) }
        };
        let changes: Vec<Change<'_>> = writes
            .iter()
            .map(|write| change(write.key, (write.delete == 0).then_some(write.value)))
            .collect();
        let sure = durability(vm, sure)?;
        store.write(vm, handle, &changes, sure).map(|()| 1)
    })
}

unsafe extern "C" fn store_replace(
    cx: *mut Context,
    handle: StoreHandle,
    key: Bytes,
    before: Bytes,
    after: Bytes,
    sure: u32,
) -> i32 {
    with_store(cx, |store, vm| {
        let present = |value: Bytes| (!value.data.is_null()).then_some(value);
        let expected = present(before).map(bytes);
        let sure = durability(vm, sure)?;
        store
            .replace(vm, handle, expected, change(key, present(after)), sure)
            .map(i32::from)
    })
}

unsafe extern "C" fn store_scan(
    cx: *mut Context,
    handle: StoreHandle,
    prefix: Bytes,
    after: Bytes,
    limit: usize,
    visit: StoreVisit,
    data: *mut c_void,
) -> i32 {
    let mut after = bytes(after).to_vec();
    let mut n_left = limit;
    while n_left > 0 {
        let n_wanted = n_left.min(PAGE);
        let mut page: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let scanned = with_store(cx, |store, vm| {
            let range = ScanRange {
                prefix: bytes(prefix),
                after: &after,
                limit: n_wanted,
            };
            let mut keep = |key: &[u8], value: &[u8]| {
                page.push((key.to_vec(), value.to_vec()));
                ControlFlow::Continue(())
            };
            store.scan(vm, handle, range, &mut keep).map(|()| 1)
        });
        if scanned < 0 {
            return scanned;
        }
        // The visitor makes values, so it runs while nobody else uses the machine.
        for (key, value) in &page {
            // SAFETY: the visitor and its data are the kernel's, for the time of the call.
            if unsafe { visit(data, Bytes::of(key), Bytes::of(value)) } != 0 {
                return 1;
            }
        }
        n_left -= page.len().min(n_left);
        match page.pop() {
            Some((last, _)) if page.len() + 1 == n_wanted => after = last,
            _ => break,
        }
    }
    1
}
