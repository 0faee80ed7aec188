//! What kernels may reach of the world: the console, files, stores. Each asks the grants first.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use sup_abi::word::NIL;
use sup_host::Services;
use sup_host::services::{
    Access, Change, Durability, FilesService, IoService, ScanRange, StoreService, Stream, Visit,
};
use sup_store::key::{self, Tuple};
use sup_store::{Batch, Direction, Expected, Namespace, Namespaces, Store, StoreError, StoreLimits, Tenant};
use sup_vm::error::{Outcome, Raise};
use sup_vm::vm::Vm;

use crate::app_space;
use crate::codebase::told;
use crate::console::{self, Console, Polled};
use crate::grants::Capability;
use crate::lazy::LazyStore;
use crate::natives::{raise_problem, world_of};
use crate::transactions::within;

/// Entries that one page of a scan holds at most.
const PAGE: usize = 1024;

/// The stores that a program has opened by name, made when it first opens one. Its isolates share them.
#[derive(Default)]
pub struct OpenStores {
    namespaces: Mutex<Option<Arc<Namespaces>>>,
}

impl OpenStores {
    fn get(&self) -> Result<Arc<Namespaces>, StoreError> {
        let mut made = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(namespaces) = &*made {
            return Ok(namespaces.clone());
        }
        let namespaces = Arc::new(Namespaces::new(None, Tenant::local(), StoreLimits::standard())?);
        *made = Some(namespaces.clone());
        Ok(namespaces)
    }
}

/// The services of an isolate: its durable store, and the stores that its program has opened.
#[must_use]
pub fn services(durable: Option<Arc<LazyStore>>, opened: Arc<OpenStores>) -> Services {
    let stores = Stores {
        opened,
        durable,
        open: RefCell::default(),
    };
    Services {
        io: Some(Box::new(Terminal)),
        files: Some(Box::new(Files)),
        store: Some(Box::new(stores)),
        isolates: Some(Box::new(crate::driven::Isolates)),
    }
}

fn require(vm: &mut Vm, capability: Capability) -> Result<(), Raise> {
    if world_of(vm).borrow().grants.has(capability) {
        return Ok(());
    }
    let name = vm.running_primitive_name();
    let message = format!(
        "{name} needs the capability {}, which was not granted",
        capability.name()
    );
    Err(vm.raise("capability/denied", &message))
}

struct Terminal;

impl Terminal {
    fn with<T: Default>(
        &self,
        vm: &mut Vm,
        act: impl FnOnce(&mut dyn Console) -> std::io::Result<T>,
    ) -> Result<T, Raise> {
        require(vm, Capability::Console)?;
        let console = world_of(vm).borrow().console.clone();
        let outcome = console.map_or_else(|| Ok(T::default()), |console| act(&mut **console.lock()));
        outcome.map_err(|error| vm.raise("io/console", &format!("the console failed: {error}")))
    }
}

impl IoService for Terminal {
    fn write(&self, vm: &mut Vm, stream: Stream, bytes: &[u8]) -> Result<(), Raise> {
        let text = String::from_utf8_lossy(bytes);
        self.with(vm, |console| match stream {
            Stream::Out => console.write(&text),
            Stream::Err => console.write_error(&text),
        })
    }

    fn flush(&self, vm: &mut Vm, _stream: Stream) -> Result<(), Raise> {
        self.with(vm, |console| console.flush())
    }

    /// A line that is there is answered at once. Else a thread of the pool waits for it, and other fibers run.
    fn read_line(&self, vm: &mut Vm) -> Outcome {
        let input = self.with(vm, |console| {
            console.flush()?;
            Ok(Some(console.input()))
        })?;
        let Some(input) = input else {
            return Ok(NIL);
        };
        match input.poll_line() {
            Ok(Polled::Pending) => {}
            polled => return line_word(vm, polled),
        }
        if !vm.can_park() {
            let polled = console::wait_for_line(&*input, &|| true);
            // While it waited, others may have posted something, such as a new version of stored code.
            vm.read_posts();
            return line_word(vm, polled);
        }
        let promise = vm.open_promise();
        let inbox = vm.inbox();
        let is_accepted = sup_host::run_blocking(move || {
            let polled = console::wait_for_line(&*input, &|| inbox.is_open(promise));
            let line = match &polled {
                Ok(Polled::Line(line)) => Some(line.clone()),
                _ => None,
            };
            let is_taken = inbox.settle_with(promise, Box::new(move |vm| line_word(vm, polled)));
            if let Some(line) = line.filter(|_| !is_taken) {
                input.give_back(line);
            }
        });
        if !is_accepted {
            vm.forget_promise(promise);
            return Err(vm.raise("io/busy", "too many waits for input are under way"));
        }
        vm.fiber_handle(promise)
    }

    fn arguments(&self, vm: &mut Vm) -> Outcome {
        require(vm, Capability::Environment)?;
        let arguments = world_of(vm).borrow().arguments.clone();
        let mut words = Vec::with_capacity(arguments.len());
        for argument in arguments.iter() {
            words.push(vm.new_str(argument)?);
        }
        vm.new_list(2, &words)
    }

    fn variable(&self, vm: &mut Vm, name: &str) -> Outcome {
        require(vm, Capability::Environment)?;
        let value = world_of(vm).borrow().environment.get(name).cloned();
        match value {
            Some(value) => vm.new_string(value),
            None => Ok(NIL),
        }
    }
}

/// The line as a value, nil at the end of input.
fn line_word(vm: &mut Vm, polled: std::io::Result<Polled>) -> Outcome {
    match polled {
        Ok(Polled::Line(line)) => vm.new_string(line),
        Ok(Polled::End | Polled::Pending) => Ok(NIL),
        Err(error) => Err(vm.raise("io/console", &format!("the console failed: {error}"))),
    }
}

struct Files;

impl FilesService for Files {
    fn resolve(&self, vm: &mut Vm, path: &str, access: Access) -> Result<String, Raise> {
        match access {
            Access::Read => require(vm, Capability::FileRead)?,
            Access::Write => require(vm, Capability::FileWrite)?,
        }
        Ok(path.to_owned())
    }
}

/// The namespaces that an isolate has open. A handle is the place of a namespace in the list.
struct Stores {
    opened: Arc<OpenStores>,
    durable: Option<Arc<LazyStore>>,
    open: RefCell<Opened>,
}

#[derive(Default)]
struct Opened {
    list: Vec<Namespace>,
    handles: HashMap<String, u64>,
}

impl Stores {
    fn handle(&self, name: &str, namespace: Namespace) -> u64 {
        let mut open = self.open.borrow_mut();
        if let Some(handle) = open.handles.get(name) {
            return *handle;
        }
        let handle = open.list.len() as u64;
        open.list.push(namespace);
        open.handles.insert(name.to_owned(), handle);
        handle
    }

    /// Whether a name means the code of the durable store.
    fn is_app(&self, name: &str) -> bool {
        name == app_space::NAME && self.durable.is_some()
    }

    /// Whether a handle is that of the code, which may then be reached.
    fn is_open_app(&self, vm: &mut Vm, store: u64) -> Result<bool, Raise> {
        if store != app_space::HANDLE {
            return Ok(false);
        }
        require(vm, Capability::Store).map(|()| true)
    }

    fn durable(&self) -> Result<Arc<dyn Store>, StoreError> {
        let lazy = self.durable.as_ref().ok_or(StoreError::Missing)?;
        Ok(lazy.codebase()?.store.clone())
    }

    fn namespace(&self, vm: &mut Vm, store: u64) -> Result<Namespace, Raise> {
        require(vm, Capability::Store)?;
        let found = self.open.borrow().list.get(store as usize).cloned();
        found.ok_or_else(|| vm.raise("kv/handle", "there is no open store with this handle"))
    }
}

fn raised(vm: &mut Vm, error: &StoreError) -> Raise {
    raise_problem(vm, &told(error))
}

fn key_of(vm: &mut Vm, key: &[u8]) -> Result<Tuple, Raise> {
    match std::str::from_utf8(key) {
        Ok(text) => Ok(Tuple::new().string(text)),
        Err(_) => Err(vm.raise("kv/key", "a key is text in UTF-8")),
    }
}

/// Keeps a write back if the running fiber is in a transaction; whether it is.
fn write_within(
    vm: &mut Vm,
    namespace: &Namespace,
    key: &Tuple,
    value: Option<&[u8]>,
) -> Result<bool, Raise> {
    let done = within(vm, namespace, |transaction| match value {
        Some(value) => transaction.set(namespace, key, value),
        None => transaction.delete(namespace, key),
    })?;
    Ok(done.is_some())
}

const fn durable_as(durability: Durability) -> sup_store::Durability {
    match durability {
        Durability::Sync => sup_store::Durability::Sync,
        Durability::Wal => sup_store::Durability::Wal,
        Durability::None => sup_store::Durability::None,
    }
}

impl StoreService for Stores {
    fn open_memory(&self, vm: &mut Vm, name: &str) -> Result<u64, Raise> {
        require(vm, Capability::Store)?;
        let opened = self.opened.get().and_then(|stores| stores.open_memory(name));
        opened
            .map(|namespace| self.handle(name, namespace))
            .map_err(|error| raised(vm, &error))
    }

    fn open_disk(&self, vm: &mut Vm, name: &str, path: Option<&str>) -> Result<u64, Raise> {
        require(vm, Capability::Store)?;
        if path.is_some() {
            require(vm, Capability::FileWrite)?;
        }
        if self.is_app(name) && path.is_none() {
            return Ok(app_space::HANDLE);
        }
        let opened = self.opened.get().and_then(|stores| match path {
            None => stores.open_disk_in(name, || self.durable()),
            Some(path) => stores.open_disk_at(name, path.as_ref()),
        });
        opened
            .map(|namespace| self.handle(name, namespace))
            .map_err(|error| raised(vm, &error))
    }

    fn find(&self, vm: &mut Vm, name: &str) -> Result<Option<u64>, Raise> {
        require(vm, Capability::Store)?;
        let known = self.open.borrow().handles.get(name).copied();
        if known.is_some() {
            return Ok(known);
        }
        // Another isolate of the program may have opened it.
        let stores = self.opened.get().map_err(|error| raised(vm, &error))?;
        if let Some(namespace) = stores.get(name) {
            return Ok(Some(self.handle(name, namespace)));
        }
        Ok(self.is_app(name).then_some(app_space::HANDLE))
    }

    fn get(&self, vm: &mut Vm, store: u64, key: &[u8]) -> Result<Option<Vec<u8>>, Raise> {
        if self.is_open_app(vm, store)? {
            return app_space::get(vm, key);
        }
        let namespace = self.namespace(vm, store)?;
        let key = key_of(vm, key)?;
        match within(vm, &namespace, |transaction| transaction.get(&namespace, &key))? {
            Some(found) => Ok(found),
            None => namespace.get(&key).map_err(|error| raised(vm, &error)),
        }
    }

    fn write(
        &self,
        vm: &mut Vm,
        store: u64,
        changes: &[Change<'_>],
        durability: Durability,
    ) -> Result<(), Raise> {
        if self.is_open_app(vm, store)? {
            return app_space::write(vm, changes);
        }
        let namespace = self.namespace(vm, store)?;
        let mut batch = Batch::new();
        let mut n_kept_back = 0;
        for change in changes {
            let key = key_of(vm, change.key)?;
            if write_within(vm, &namespace, &key, change.value)? {
                n_kept_back += 1;
                continue;
            }
            let staged = match change.value {
                Some(value) => namespace.stage_set(&mut batch, &key, value),
                None => namespace.stage_delete(&mut batch, &key),
            };
            staged.map_err(|error| raised(vm, &error))?;
        }
        if n_kept_back > 0 {
            return Ok(());
        }
        let done = namespace.store().commit(batch, durable_as(durability));
        done.map(drop).map_err(|error| raised(vm, &error))
    }

    fn replace(
        &self,
        vm: &mut Vm,
        store: u64,
        expected: Option<&[u8]>,
        change: Change<'_>,
        durability: Durability,
    ) -> Result<bool, Raise> {
        if self.is_open_app(vm, store)? {
            return Err(app_space::refuse_replace(vm));
        }
        let namespace = self.namespace(vm, store)?;
        let key = key_of(vm, change.key)?;
        if let Some(found) = within(vm, &namespace, |transaction| transaction.get(&namespace, &key))? {
            let is_as_expected = found.as_deref() == expected;
            return Ok(is_as_expected && write_within(vm, &namespace, &key, change.value)?);
        }
        let durability = durable_as(durability);
        let done = match (expected, change.value) {
            (None, Some(value)) => namespace.set_if_absent(&key, value, durability),
            (Some(expected), Some(value)) => {
                namespace.compare_and_swap(&key, Expected::Bytes(expected), value, durability)
            }
            (Some(_), None) => namespace.delete(&key, durability),
            (None, None) => Ok(true),
        };
        done.map_err(|error| raised(vm, &error))
    }

    fn scan(&self, vm: &mut Vm, store: u64, range: ScanRange<'_>, visit: Visit<'_>) -> Result<(), Raise> {
        if self.is_open_app(vm, store)? {
            return app_space::scan(vm, &range, visit);
        }
        let namespace = self.namespace(vm, store)?;
        let Ok(prefix) = std::str::from_utf8(range.prefix) else {
            return Err(vm.raise("kv/key", "a prefix is text in UTF-8"));
        };
        let mut keys = Tuple::new().strings_from(prefix);
        if !range.after.is_empty() {
            let after = key_of(vm, range.after)?;
            keys = keys.after(after.as_bytes());
        }
        let mut left = range.limit;
        while left > 0 {
            let n_wanted = left.min(PAGE);
            let page = match within(vm, &namespace, |transaction| {
                transaction.scan(&namespace, &keys, n_wanted)
            })? {
                Some(page) => page,
                None => namespace
                    .scan(&keys, Direction::Forward, n_wanted)
                    .map_err(|error| raised(vm, &error))?,
            };
            for entry in &page.entries {
                let part = key::parts(&entry.key).next().and_then(Result::ok);
                let Some(text) = part.as_ref().and_then(|part| part.as_str()) else {
                    continue;
                };
                left -= 1;
                if visit(text.as_bytes(), &entry.value) == ControlFlow::Break(()) {
                    return Ok(());
                }
            }
            match page.rest {
                Some(rest) => keys = rest,
                None => break,
            }
        }
        Ok(())
    }
}
