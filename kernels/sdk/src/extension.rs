//! Host services in safe Rust: the terminal, files that may be touched, stores.
#![allow(unsafe_code)]

use crate::context::Context;
use crate::error::{Error, Result};
use crate::value::Value;
use std::ffi::{CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use sup_abi::extension::{self, StoreHandle, StoreWrite};
use sup_abi::kernel::Bytes;

pub use sup_abi::extension::{
    ACCESS_READ, ACCESS_WRITE, DURABILITY_NONE, DURABILITY_SYNC, DURABILITY_WAL, STREAM_ERR, STREAM_OUT,
};

/// Finds an extension's table.
///
/// # Safety
/// `T` must be the table that the id stands for.
pub(crate) unsafe fn find<T>(cx: &Context, id: &str) -> Result<&'static T> {
    let missing = || Error::new("kernel/extension", format!("this host has no {id}"));
    let name = CString::new(id).map_err(|_| missing())?;
    // SAFETY: the host reads the name and answers null or a table that lives as long as the process.
    unsafe { (cx.host().extension)(name.as_ptr()).cast::<T>().as_ref() }.ok_or_else(missing)
}

/// The terminal, arguments and environment that the embedder gave.
#[derive(Clone, Copy)]
pub struct Io<'c> {
    cx: &'c Context,
    table: &'static extension::Io,
}

impl<'c> Io<'c> {
    /// The service, for this call.
    ///
    /// # Errors
    /// When the host has none.
    pub fn of(cx: &'c Context) -> Result<Io<'c>> {
        // SAFETY: the id stands for this table.
        let table = unsafe { find(cx, extension::IO) }?;
        Ok(Io { cx, table })
    }

    fn done(&self, answer: i32) -> Result<()> {
        if answer == 0 {
            Err(self.cx.take_error())
        } else {
            Ok(())
        }
    }

    /// Writes to a stream; the host buffers.
    ///
    /// # Errors
    /// When it may not, or the stream is closed.
    pub fn write(&self, stream: u32, bytes: &[u8]) -> Result<()> {
        // SAFETY: the context is of the running call; the host copies the bytes.
        self.done(unsafe { (self.table.write)(self.cx.raw(), stream, Bytes::of(bytes)) })
    }

    /// Hands on what is buffered.
    ///
    /// # Errors
    /// As for `write`.
    pub fn flush(&self, stream: u32) -> Result<()> {
        // SAFETY: the context is of the running call.
        self.done(unsafe { (self.table.flush)(self.cx.raw(), stream) })
    }

    /// The next line of input, nil at its end, or the handle of a promise of one of them.
    ///
    /// # Errors
    /// When it may not.
    pub fn read_line(&self) -> Result<Value<'c>> {
        // SAFETY: the context is of the running call.
        self.cx.checked(unsafe { (self.table.read_line)(self.cx.raw()) })
    }

    /// List of the program's arguments.
    ///
    /// # Errors
    /// When it may not.
    pub fn arguments(&self) -> Result<Value<'c>> {
        // SAFETY: the context is of the running call.
        self.cx.checked(unsafe { (self.table.arguments)(self.cx.raw()) })
    }

    /// Value of an environment variable, or nil.
    ///
    /// # Errors
    /// When it may not.
    pub fn variable(&self, name: &str) -> Result<Value<'c>> {
        // SAFETY: the context is of the running call; the host reads the name.
        self.cx
            .checked(unsafe { (self.table.variable)(self.cx.raw(), Bytes::of(name.as_bytes())) })
    }
}

/// The path to open for a path that the program named: resolved and allowed by the host, or as it is on a
/// host that has no say in files.
///
/// # Errors
/// `capability/denied` when the isolate may not touch it.
pub fn resolve_path(cx: &Context, path: &str, access: u32) -> Result<String> {
    // SAFETY: the id stands for this table.
    let Ok(table) = (unsafe { find::<extension::Files>(cx, extension::FILES) }) else {
        return Ok(path.to_owned());
    };
    // SAFETY: the context is of the running call; the host reads the path.
    let resolved = cx.checked(unsafe { (table.resolve)(cx.raw(), Bytes::of(path.as_bytes()), access) })?;
    let text = resolved.as_text().map(str::to_owned);
    text.ok_or_else(|| Error::new("kernel/extension", "the host resolved a path to something else"))
}

/// A change of one key.
#[derive(Clone, Debug)]
pub struct Write {
    /// The key.
    pub key: Vec<u8>,
    /// The value, or nothing to delete.
    pub value: Option<Vec<u8>>,
}

/// An open store of the calling isolate.
#[derive(Clone, Copy)]
pub struct Store<'c> {
    cx: &'c Context,
    table: &'static extension::Store,
    handle: StoreHandle,
}

impl<'c> Store<'c> {
    fn table(cx: &Context) -> Result<&'static extension::Store> {
        // SAFETY: the id stands for this table.
        unsafe { find(cx, extension::STORE) }
    }

    /// Opens a store in memory, or finds the one that is open under the name.
    ///
    /// # Errors
    /// What the host has against it.
    pub fn open_memory(cx: &'c Context, name: &str) -> Result<Store<'c>> {
        let (table, mut handle) = (Store::table(cx)?, 0);
        // SAFETY: the context is of the running call; `handle` is a place to write to.
        let answer = unsafe { (table.open_memory)(cx.raw(), Bytes::of(name.as_bytes()), &raw mut handle) };
        decided(cx, answer)?;
        Ok(Store { cx, table, handle })
    }

    /// Opens a namespace on disk: of the instance's store without a path, else of a store there.
    ///
    /// # Errors
    /// What the host has against it.
    pub fn open_disk(cx: &'c Context, name: &str, path: Option<&str>) -> Result<Store<'c>> {
        let (table, mut handle) = (Store::table(cx)?, 0);
        let (name, path) = (
            Bytes::of(name.as_bytes()),
            Bytes::of(path.unwrap_or_default().as_bytes()),
        );
        // SAFETY: the context is of the running call; `handle` is a place to write to.
        let answer = unsafe { (table.open_disk)(cx.raw(), name, path, &raw mut handle) };
        decided(cx, answer)?;
        Ok(Store { cx, table, handle })
    }

    /// Finds an open store.
    ///
    /// # Errors
    /// What the host has against it.
    pub fn find(cx: &'c Context, name: &str) -> Result<Option<Store<'c>>> {
        let (table, mut handle) = (Store::table(cx)?, 0);
        // SAFETY: the context is of the running call; `handle` is a place to write to.
        let answer = unsafe { (table.find)(cx.raw(), Bytes::of(name.as_bytes()), &raw mut handle) };
        Ok(decided(cx, answer)?.then_some(Store { cx, table, handle }))
    }

    /// The value at a key.
    ///
    /// # Errors
    /// What the host has against it.
    pub fn get(&self, key: &[u8]) -> Result<Option<&'c [u8]>> {
        let mut value = Bytes::EMPTY;
        // SAFETY: the context is of the running call; `value` is a place to write to.
        let answer = unsafe { (self.table.get)(self.cx.raw(), self.handle, Bytes::of(key), &raw mut value) };
        // SAFETY: the host keeps the bytes until the call returns.
        Ok(decided(self.cx, answer)?.then(|| unsafe { value.as_slice() }))
    }

    /// Carries out all changes or none.
    ///
    /// # Errors
    /// What the host has against it.
    pub fn write(&self, changes: &[Write], durability: u32) -> Result<()> {
        let records: Vec<StoreWrite> = changes.iter().map(record).collect();
        // SAFETY: the context is of the running call; the host copies what the records name.
        let answer = unsafe {
            (self.table.write)(
                self.cx.raw(),
                self.handle,
                records.as_ptr(),
                records.len(),
                durability,
            )
        };
        decided(self.cx, answer).map(|_| ())
    }

    /// Puts `after` at a key if `before` is there; nothing stands for absence. False when something else is
    /// there.
    ///
    /// # Errors
    /// What the host has against it.
    pub fn replace(
        &self,
        key: &[u8],
        before: Option<&[u8]>,
        after: Option<&[u8]>,
        durability: u32,
    ) -> Result<bool> {
        let (before, after) = (
            before.map_or(Bytes::EMPTY, Bytes::of),
            after.map_or(Bytes::EMPTY, Bytes::of),
        );
        // SAFETY: the context is of the running call; the host copies the bytes.
        let answer = unsafe {
            (self.table.replace)(
                self.cx.raw(),
                self.handle,
                Bytes::of(key),
                before,
                after,
                durability,
            )
        };
        decided(self.cx, answer)
    }

    /// Visits keys that start with a prefix and come after a key, in byte order, at most so many, until one
    /// visit fails.
    ///
    /// # Errors
    /// The visit's, or what the host has against it.
    pub fn scan<V>(&self, prefix: &[u8], after: &[u8], limit: usize, visit: V) -> Result<()>
    where
        V: FnMut(&[u8], &[u8]) -> Result<()>,
    {
        let mut visitor = Visitor { visit, failure: None };
        let data = (&raw mut visitor).cast::<c_void>();
        // SAFETY: the context is of the running call; `visit_one` takes the visitor that lives through the
        // call.
        let answer = unsafe {
            (self.table.scan)(
                self.cx.raw(),
                self.handle,
                Bytes::of(prefix),
                Bytes::of(after),
                limit,
                visit_one::<V>,
                data,
            )
        };
        match visitor.failure {
            Some(error) => Err(error),
            None => decided(self.cx, answer).map(|_| ()),
        }
    }
}

fn record(change: &Write) -> StoreWrite {
    StoreWrite {
        key: Bytes::of(&change.key),
        value: change.value.as_deref().map_or(Bytes::EMPTY, Bytes::of),
        delete: u32::from(change.value.is_none()),
        reserved: 0,
    }
}

fn decided(cx: &Context, answer: i32) -> Result<bool> {
    if answer < 0 {
        Err(cx.take_error())
    } else {
        Ok(answer != 0)
    }
}

struct Visitor<V> {
    visit: V,
    failure: Option<Error>,
}

unsafe extern "C" fn visit_one<V>(data: *mut c_void, key: Bytes, value: Bytes) -> i32
where
    V: FnMut(&[u8], &[u8]) -> Result<()>,
{
    // SAFETY: `scan` passes a visitor of this type that lives through the call, and the host uses it on one
    // thread.
    let visitor = unsafe { &mut *data.cast::<Visitor<V>>() };
    // SAFETY: the host keeps key and value for the visit.
    let (key, value) = unsafe { (key.as_slice(), value.as_slice()) };
    let visited = catch_unwind(AssertUnwindSafe(|| (visitor.visit)(key, value)));
    let visited = visited.unwrap_or_else(|_| Err(Error::new("kernel/panic", "a scan panicked")));
    visitor.failure = visited.err();
    i32::from(visitor.failure.is_some())
}
