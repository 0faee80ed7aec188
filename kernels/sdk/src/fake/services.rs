//! The fake host's `sup.io/1` and `sup.store/1`.

use super::FakeHost;
use super::functions::{host, text};
use super::heap::Object;
use std::collections::VecDeque;
use std::ffi::c_void;
use sup_abi::extension::{Io, Store, StoreHandle, StoreVisit, StoreWrite};
use sup_abi::kernel::{Bytes, Context};
use sup_abi::value_type::ListKind;
use sup_abi::word::{self, Word};

/// What a test gives a kernel as terminal, and what the kernel wrote.
#[derive(Default)]
pub struct Terminal {
    /// Written to standard output.
    pub out: String,
    /// Written to standard error.
    pub err: String,
    /// Lines that will be read.
    pub input: VecDeque<String>,
    /// The program's arguments.
    pub arguments: Vec<String>,
    /// Environment variables.
    pub variables: Vec<(String, String)>,
}

pub(super) static IO: Io = Io {
    size: size_of::<Io>() as u32,
    reserved: 0,
    write: io_write,
    flush: io_flush,
    read_line: io_read_line,
    arguments: io_arguments,
    variable: io_variable,
};

pub(super) static STORE: Store = Store {
    size: size_of::<Store>() as u32,
    reserved: 0,
    open_memory: store_open_memory,
    open_disk: store_open_disk,
    find: store_find,
    get: store_get,
    write: store_write,
    replace: store_replace,
    scan: store_scan,
};

unsafe extern "C" fn io_write(cx: *mut Context, stream: u32, bytes: Bytes) -> i32 {
    let mut terminal = host(cx).terminal.borrow_mut();
    let out = if stream == 1 {
        &mut terminal.out
    } else {
        &mut terminal.err
    };
    out.push_str(&text(bytes));
    1
}

unsafe extern "C" fn io_flush(_cx: *mut Context, _stream: u32) -> i32 {
    1
}

fn new_text(host: &FakeHost, text: &str) -> Word {
    host.heap.borrow_mut().add(&text.into())
}

unsafe extern "C" fn io_read_line(cx: *mut Context) -> Word {
    let line = host(cx).terminal.borrow_mut().input.pop_front();
    line.map_or(word::NIL, |line| new_text(host(cx), &line))
}

unsafe extern "C" fn io_arguments(cx: *mut Context) -> Word {
    let arguments = host(cx).terminal.borrow().arguments.clone();
    let words = arguments
        .iter()
        .map(|argument| new_text(host(cx), argument))
        .collect();
    host(cx)
        .heap
        .borrow_mut()
        .object(Object::List(ListKind::Brace, words))
}

unsafe extern "C" fn io_variable(cx: *mut Context, name: Bytes) -> Word {
    let name = text(name);
    let terminal = host(cx).terminal.borrow();
    let found = terminal.variables.iter().find(|(known, _)| *known == name);
    found.map_or(word::NIL, |(_, value)| new_text(host(cx), value))
}

unsafe extern "C" fn store_open_memory(cx: *mut Context, name: Bytes, out: *mut StoreHandle) -> i32 {
    host(cx).stores.borrow_mut().entry(text(name)).or_default();
    // SAFETY: the arguments are those of this call.
    unsafe { store_find(cx, name, out) }
}

unsafe extern "C" fn store_open_disk(
    cx: *mut Context,
    name: Bytes,
    path: Bytes,
    out: *mut StoreHandle,
) -> i32 {
    if text(path).contains('\0') {
        host(cx).raise(&super::error_data("store/open", "no such path"));
        return -1;
    }
    // SAFETY: the arguments are those of this call.
    unsafe { store_open_memory(cx, name, out) }
}

unsafe extern "C" fn store_find(cx: *mut Context, name: Bytes, out: *mut StoreHandle) -> i32 {
    let name = text(name);
    let stores = host(cx).stores.borrow();
    let Some(index) = stores.keys().position(|known| *known == name) else {
        return 0;
    };
    // SAFETY: the SDK passes a place to write to.
    unsafe { *out = index as StoreHandle };
    1
}

fn with_store<T>(
    host: &FakeHost,
    store: StoreHandle,
    run: impl FnOnce(&mut std::collections::BTreeMap<Vec<u8>, Vec<u8>>) -> T,
) -> T {
    let mut stores = host.stores.borrow_mut();
    run(stores
        .values_mut()
        .nth(store as usize)
        .expect("the handle is one of this host"))
}

fn bytes_of(bytes: Bytes) -> Vec<u8> {
    // SAFETY: the SDK passes bytes that live through the call.
    unsafe { bytes.as_slice() }.to_vec()
}

unsafe extern "C" fn store_get(cx: *mut Context, store: StoreHandle, key: Bytes, out: *mut Bytes) -> i32 {
    let found = with_store(host(cx), store, |store| store.get(&bytes_of(key)).cloned());
    let Some(value) = found else { return 0 };
    let mut scratch = host(cx).scratch.borrow_mut();
    scratch.push(value);
    // SAFETY: the SDK passes a place to write to; the scratch lives as long as the host.
    unsafe { *out = Bytes::of(&scratch[scratch.len() - 1]) };
    1
}

unsafe extern "C" fn store_write(
    cx: *mut Context,
    store: StoreHandle,
    writes: *const StoreWrite,
    n_writes: usize,
    _durability: u32,
) -> i32 {
    // SAFETY: the SDK names that many records.
    let writes = if n_writes == 0 {
        &[]
    } else {
        unsafe { std::slice::from_raw_parts(writes, n_writes) }
    };
    with_store(host(cx), store, |store| {
        for write in writes {
            if write.delete != 0 {
                store.remove(&bytes_of(write.key));
            } else {
                store.insert(bytes_of(write.key), bytes_of(write.value));
            }
        }
    });
    1
}

unsafe extern "C" fn store_replace(
    cx: *mut Context,
    store: StoreHandle,
    key: Bytes,
    before: Bytes,
    after: Bytes,
    _durability: u32,
) -> i32 {
    with_store(host(cx), store, |store| {
        let expected = (!before.data.is_null()).then(|| bytes_of(before));
        if store.get(&bytes_of(key)) != expected.as_ref() {
            return 0;
        }
        if after.data.is_null() {
            store.remove(&bytes_of(key));
        } else {
            store.insert(bytes_of(key), bytes_of(after));
        }
        1
    })
}

unsafe extern "C" fn store_scan(
    cx: *mut Context,
    store: StoreHandle,
    prefix: Bytes,
    after: Bytes,
    limit: usize,
    visit: StoreVisit,
    data: *mut c_void,
) -> i32 {
    let (prefix, after) = (bytes_of(prefix), bytes_of(after));
    let found: Vec<(Vec<u8>, Vec<u8>)> = with_store(host(cx), store, |store| {
        let wanted = store
            .iter()
            .filter(|(key, _)| key.starts_with(&prefix) && **key > after);
        wanted
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    });
    for (key, value) in &found {
        // SAFETY: the visitor and its data are those of this call.
        if unsafe { visit(data, Bytes::of(key), Bytes::of(value)) } != 0 {
            break;
        }
    }
    1
}
