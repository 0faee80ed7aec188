//! A machine without a language, for the unit tests of kernels: it calls primitives and keeps their values,
//! and loads nothing.
#![allow(unsafe_code, clippy::unwrap_used, clippy::missing_panics_doc)]

mod codec;
mod data;
mod drive;
mod functions;
mod heap;
mod services;

pub use data::Data;

use crate::entry::Table;
use heap::Heap;
use services::Terminal;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, c_char, c_void};
use std::rc::Rc;
use std::sync::{Condvar, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};
use sup_abi::kernel::{Bytes, Kernel, Primitive};
use sup_abi::word::{self, Word};

type Function = Rc<dyn Fn(&[Data]) -> std::result::Result<Data, Data>>;
type Stores = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

/// What a promise was settled with: a builder with its data, or an error.
enum Settled {
    Build(sup_abi::host::Build, sup_abi::host::Drop, usize),
    Error(String, String),
}

#[derive(Default)]
struct Promises {
    next: u64,
    settled: HashMap<u64, Settled>,
    done: Vec<u64>,
}

static PROMISES: LazyLock<(Mutex<Promises>, Condvar)> = LazyLock::new(Default::default);
static LOG: LazyLock<Mutex<Vec<String>>> = LazyLock::new(Default::default);

/// A host for one kernel in one test.
pub struct FakeHost {
    kernel: *const Kernel,
    state: *mut c_void,
    heap: RefCell<Heap>,
    slots: RefCell<Vec<Word>>,
    pending: Cell<Option<Word>>,
    request: Cell<Option<Word>>,
    /// What a primitive came to that went on after a call.
    answered: Cell<Option<Word>>,
    functions: RefCell<Vec<Function>>,
    scratch: RefCell<Vec<Vec<u8>>>,
    interrupted: Cell<bool>,
    /// The terminal that `sup.io/1` shows.
    pub terminal: RefCell<Terminal>,
    stores: RefCell<Stores>,
    driven: RefCell<drive::Driven>,
}

impl FakeHost {
    /// Loads a kernel's table: `FakeHost::new(kernel_table())`.
    #[must_use]
    pub fn new(table: Table) -> Box<FakeHost> {
        FakeHost::with_saved(table, None)
    }

    /// Loads a kernel with state that an earlier one saved.
    #[must_use]
    pub fn with_saved(table: Table, saved: Option<(u32, &[u8])>) -> Box<FakeHost> {
        let kernel = table.as_ptr();
        crate::entry::set_host(&raw const functions::TABLE);
        let mut state = std::ptr::null_mut();
        let mut message = Bytes::EMPTY;
        let (version, bytes) =
            saved.map_or((0, Bytes::EMPTY), |(version, bytes)| (version, Bytes::of(bytes)));
        // SAFETY: a table made by `kernel!` points at a kernel that lives for ever; its `load` gets places to
        // write to.
        let failed = unsafe {
            (*kernel).load.map_or(0, |load| {
                load(
                    &raw const functions::TABLE,
                    version,
                    bytes,
                    &mut state,
                    &mut message,
                )
            })
        };
        // SAFETY: the kernel leaks its message.
        let text = String::from_utf8_lossy(unsafe { message.as_slice() });
        assert!(failed == 0, "the kernel does not load: {text}");
        Box::new(FakeHost {
            kernel,
            state,
            heap: RefCell::default(),
            slots: RefCell::default(),
            pending: Cell::default(),
            request: Cell::default(),
            answered: Cell::default(),
            functions: RefCell::default(),
            scratch: RefCell::default(),
            interrupted: Cell::default(),
            terminal: RefCell::default(),
            stores: RefCell::default(),
            driven: RefCell::default(),
        })
    }

    /// Calls a primitive; an error is what it raised.
    ///
    /// # Errors
    /// The error value that it raised.
    pub fn call(&self, name: &str, arguments: &[Data]) -> std::result::Result<Data, Data> {
        let primitive = self
            .primitive(name)
            .unwrap_or_else(|| panic!("no primitive {name}"));
        let words: Vec<Word> = arguments
            .iter()
            .map(|argument| self.heap.borrow_mut().add(argument))
            .collect();
        let count = words.len() as i64;
        let fits = count >= i64::from(primitive.min_args)
            && (primitive.max_args < 0 || count <= i64::from(primitive.max_args));
        if !fits {
            return Err(error_data(
                "call/arity",
                &format!("{name} does not take {count} arguments"),
            ));
        }
        self.slots.borrow_mut().clear();
        self.pending.set(None);
        self.request.set(None);
        self.answered.set(None);
        let function = primitive
            .function
            .expect("a kernel made by `kernel!` has functions");
        // SAFETY: the context is this host, whose functions know it; the words live through the call.
        let result = unsafe { function(self.context(), words.len() as u32, words.as_ptr()) };
        self.outcome(result)
    }

    fn outcome(&self, result: Word) -> std::result::Result<Data, Data> {
        if result != word::THROW {
            return Ok(self.heap.borrow().data(result));
        }
        if let Some(error) = self.pending.take() {
            return Err(self.heap.borrow().data(error));
        }
        if let Some(word) = self.answered.take() {
            return Ok(self.heap.borrow().data(word));
        }
        let handle = self
            .request
            .take()
            .expect("THROW came without an error or a request");
        let Data::Promise(token) = self.heap.borrow().data(handle) else {
            panic!("the primitive waits for something that is no promise");
        };
        self.await_promise(token)
    }

    /// Waits for a promise, at most ten seconds.
    ///
    /// # Errors
    /// The error that it was settled with.
    pub fn await_promise(&self, token: u64) -> std::result::Result<Data, Data> {
        let (promises, settled) = &*PROMISES;
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut guard = promises.lock().unwrap_or_else(PoisonError::into_inner);
        let found = loop {
            if let Some(found) = guard.settled.remove(&token) {
                break found;
            }
            assert!(Instant::now() < deadline, "the promise was not settled");
            (guard, _) = settled
                .wait_timeout(guard, Duration::from_millis(50))
                .unwrap_or_else(PoisonError::into_inner);
        };
        drop(guard);
        match found {
            Settled::Error(code, message) => Err(error_data(&code, &message)),
            Settled::Build(build, free, data) => {
                // SAFETY: whoever settled the promise handed over both functions with their data.
                let word = unsafe { build(self.context(), data as *mut c_void) };
                // SAFETY: as above, and this is the only call of it.
                unsafe { free(data as *mut c_void) };
                self.outcome(word)
            }
        }
    }

    /// The code of the error that a call raises; `no error` when it raises none.
    #[must_use]
    pub fn raises(&self, name: &str, arguments: &[Data]) -> String {
        match self.call(name, arguments) {
            Err(Data::Error { code, .. }) => code,
            _ => "no error".to_owned(),
        }
    }

    /// A value that primitives can call.
    pub fn function(&self, run: impl Fn(&[Data]) -> std::result::Result<Data, Data> + 'static) -> Data {
        self.functions.borrow_mut().push(Rc::new(run));
        Data::Function(self.functions.borrow().len() - 1)
    }

    /// Tells primitives that they should return soon.
    pub fn interrupt(&self) {
        self.interrupted.set(true);
    }

    /// The signature of a primitive.
    #[must_use]
    pub fn signature(&self, name: &str) -> String {
        let primitive = self
            .primitive(name)
            .unwrap_or_else(|| panic!("no primitive {name}"));
        text_of(primitive.signature)
    }

    /// The names of all primitives.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.primitives()
            .iter()
            .map(|primitive| text_of(primitive.name))
            .collect()
    }

    /// Lines that the kernel logged in any test of this process.
    #[must_use]
    pub fn log() -> Vec<String> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the kernel hands over to its next generation.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        unsafe extern "C" fn put(writer: *mut c_void, bytes: Bytes) -> i32 {
            // SAFETY: `save` passes a vector that lives through the call, and the kernel bytes that do.
            unsafe { (*writer.cast::<Vec<u8>>()).extend_from_slice(bytes.as_slice()) };
            0
        }
        let mut saved: Vec<u8> = Vec::new();
        // SAFETY: the state is what `load` made.
        unsafe {
            (*self.kernel)
                .save
                .map(|save| save(self.state, put, (&raw mut saved).cast()))
        };
        saved
    }

    fn primitives(&self) -> &[Primitive] {
        // SAFETY: a table made by `kernel!` names that many primitives, for ever.
        unsafe { std::slice::from_raw_parts((*self.kernel).primitives, (*self.kernel).n_primitives as usize) }
    }

    fn primitive(&self, name: &str) -> Option<Primitive> {
        self.primitives()
            .iter()
            .find(|primitive| text_of(primitive.name) == name)
            .copied()
    }

    fn context(&self) -> *mut sup_abi::kernel::Context {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    fn raise(&self, error: &Data) -> Word {
        let error = self.heap.borrow_mut().add(error);
        self.pending.set(Some(error));
        word::THROW
    }
}

impl Drop for FakeHost {
    fn drop(&mut self) {
        self.heap.borrow_mut().free();
        // SAFETY: the state is what `load` made, and no primitive runs any more.
        unsafe {
            if let Some(quiesce) = (*self.kernel).quiesce {
                quiesce(self.state, 1_000_000_000);
            }
            if let Some(unload) = (*self.kernel).unload {
                unload(self.state);
            }
        }
    }
}

fn error_data(code: &str, message: &str) -> Data {
    Data::Error {
        code: code.to_owned(),
        message: message.to_owned(),
        data: Box::new(Data::Nil),
    }
}

fn text_of(text: *const c_char) -> String {
    // SAFETY: a table made by `kernel!` holds C strings that live for ever.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
