//! The running call as a primitive sees it: making values, calling functions, keeping values through calls.
#![allow(unsafe_code)]

use crate::convert::{IntoValue, Number};
use crate::error::{Error, Result};
use crate::isolate::Answer;
use crate::resource::ResourceKind;
use crate::state::{Holder, State};
use crate::task::{self, Pin, Promise};
use crate::value::Value;
use std::any::TypeId;
use std::ffi::c_void;
use sup_abi::host::Host;
use sup_abi::kernel::{self, Bytes, Slot};
use sup_abi::value_type::ListKind;
use sup_abi::word::{self, Word};

/// One call of a primitive on one isolate's thread.
///
/// Values borrow from it. `call` takes it mutably, because values may move then: what must survive a call is
/// made `Rooted`, and the borrow checker sees to it.
pub struct Context {
    raw: *mut kernel::Context,
    host: &'static Host,
}

/// A value kept in a slot of the running call, good through `Context::call` and dropped when the primitive
/// returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rooted(Slot);

impl Rooted {
    /// The value.
    #[must_use]
    pub fn get(self, cx: &Context) -> Value<'_> {
        // SAFETY: `cx` is the running call; the host answers nil for a slot that it does not have.
        cx.value(unsafe { (cx.host.slot_get)(cx.raw, self.0) })
    }
}

impl Context {
    /// Wraps the context that the host passed to a primitive.
    ///
    /// # Safety
    /// `raw` must be the context of a call that runs on this thread for as long as the result is used.
    pub(crate) const unsafe fn from_raw(raw: *mut kernel::Context, host: &'static Host) -> Context {
        Context { raw, host }
    }

    pub(crate) const fn raw(&self) -> *mut kernel::Context {
        self.raw
    }

    pub(crate) const fn host(&self) -> &'static Host {
        self.host
    }

    /// Wraps a word that the host answered in this call.
    pub(crate) const fn value(&self, word: Word) -> Value<'_> {
        Value::from_word(word, self)
    }

    /// Wraps a word that may be the mark of a raised error.
    pub(crate) fn checked(&self, word: Word) -> Result<Value<'_>> {
        if word == word::THROW {
            Err(self.take_error())
        } else {
            Ok(self.value(word))
        }
    }

    /// The error that the host has pending after it answered the mark of one.
    pub(crate) fn take_error(&self) -> Error {
        // SAFETY: `self` is the running call.
        let error = unsafe { (self.host.take_error)(self.raw) };
        if error == word::NIL {
            return Error::new("vm/memory", "the memory quota is used up");
        }
        Error::raised(self.value(error).root())
    }

    /// The kernel's state, as the `state` entry of `kernel!` names its type.
    ///
    /// # Errors
    /// `kernel/state` when the kernel has no state of that type.
    pub fn state<S: State>(&self) -> Result<&S> {
        // SAFETY: `self` is the running call.
        let holder = unsafe { (self.host.state)(self.raw) }.cast::<Holder<S>>();
        // SAFETY: a kernel made by `kernel!` answers null or a `Holder` from `load`, whose first field is the
        // id of its type; it lives until `unload`, which the host calls after the last primitive has
        // returned.
        let type_id = unsafe { holder.cast::<TypeId>().as_ref() };
        if type_id != Some(&TypeId::of::<S>()) {
            return Err(Error::new("kernel/state", "the kernel has no state of that type"));
        }
        // SAFETY: the type was checked on the line before.
        Ok(unsafe { &(*holder).state })
    }

    /// Number of the isolate that calls; never given out twice in a process.
    #[must_use]
    pub fn isolate(&self) -> u64 {
        // SAFETY: `self` is the running call.
        unsafe { (self.host.isolate)(self.raw) }
    }

    /// Whether the fiber was cancelled or ran out of fuel or time; long work looks now and then and returns
    /// early.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        // SAFETY: `self` is the running call.
        unsafe { (self.host.interrupted)(self.raw) != 0 }
    }

    /// Calls a function with arguments. Values may move meanwhile, so everything here is rooted.
    ///
    /// # Errors
    /// What the function raised.
    pub fn call(&mut self, function: Rooted, arguments: &[Rooted]) -> Result<Rooted> {
        let words: Vec<Word> = arguments
            .iter()
            .map(|argument| argument.get(self).word())
            .collect();
        let function = function.get(self).word();
        // SAFETY: `self` is the running call, the words were read just now and nothing moves until `call` has
        // copied them.
        let result = unsafe { (self.host.call)(self.raw, function, words.len() as u32, words.as_ptr()) };
        self.checked(result).map(Value::root)
    }

    /// Keeps a value through calls.
    #[must_use]
    pub fn root(&self, value: Value<'_>) -> Rooted {
        // SAFETY: `self` is the running call and the word is of this call.
        Rooted(unsafe { (self.host.slot)(self.raw, value.word()) })
    }

    /// Keeps a value beyond this call, until the pin is dropped.
    #[must_use]
    pub fn pin(&self, value: Value<'_>) -> Pin {
        // SAFETY: `self` is the running call and the word is of this call.
        Pin::from_raw(unsafe { (self.host.pin)(self.raw, value.word()) }, self.host)
    }

    /// The value of a pin.
    ///
    /// # Errors
    /// When it was pinned by another isolate.
    pub fn pinned(&self, pin: &Pin) -> Result<Value<'_>> {
        // SAFETY: `self` is the running call; the host checks the number.
        self.checked(unsafe { (self.host.pinned)(self.raw, pin.raw()) })
    }

    /// A new promise and its handle: what `wait` takes, and what programs `await`.
    ///
    /// # Errors
    /// When the isolate has too many.
    pub fn promise(&self) -> Result<(Promise, Value<'_>)> {
        let mut token = 0;
        // SAFETY: `self` is the running call and `token` is a place to write to.
        let value = self.checked(unsafe { (self.host.promise)(self.raw, &raw mut token) })?;
        Ok((Promise::from_raw(token, self.host), value))
    }

    /// Parks the fiber until the promise or fiber of that handle is settled: `return cx.wait(handle)` in a
    /// primitive flagged `async` answers its value or raises its error.
    ///
    /// # Errors
    /// Unless it is settled already: the request to the machine travels as an error, which the primitive
    /// passes on.
    pub fn wait(&self, handle: Value<'_>) -> Result<Value<'_>> {
        // SAFETY: `self` is the running call and the word is of this call.
        let word = unsafe { (self.host.wait)(self.raw, handle.word()) };
        if word == word::THROW {
            Err(Error::request())
        } else {
            Ok(self.value(word))
        }
    }

    /// Calls a function in the primitive's place: `return cx.tail_call(function, arguments)`.
    ///
    /// # Errors
    /// Always: the request to the machine travels as one.
    pub fn tail_call<T>(&self, function: Value<'_>, arguments: &[Value<'_>]) -> Result<T> {
        let words: Vec<Word> = arguments.iter().map(|argument| argument.word()).collect();
        // SAFETY: `self` is the running call and the words are of this call; the host copies them.
        unsafe { (self.host.tail_call)(self.raw, function.word(), words.len() as u32, words.as_ptr()) };
        Err(Error::request())
    }

    /// Calls a function in the primitive's place and goes on with what it answers or raises: `return cx.call_then(f, &[x],
    /// |cx, answer| …)` in a primitive flagged `async`. The function may wait for as long as it likes, and no native frame is
    /// held meanwhile. What goes on may ask for `wait`, `tail_call` or `call_then` again.
    ///
    /// # Errors
    /// Always: the request to the machine travels as one.
    pub fn call_then<T, F>(&self, function: Value<'_>, arguments: &[Value<'_>], then: F) -> Result<T>
    where
        F: for<'c> FnOnce(&'c Context, Answer<'c>) -> Result<Value<'c>> + 'static,
    {
        task::call_then(self, function, arguments, Box::new(then))
    }

    /// Any value that Rust data has.
    ///
    /// # Errors
    /// When memory or a limit does not allow it.
    pub fn make<'c>(&'c self, data: impl IntoValue<'c>) -> Result<Value<'c>> {
        data.into_value(self)
    }

    /// nil
    #[must_use]
    pub const fn nil(&self) -> Value<'_> {
        self.value(word::NIL)
    }

    /// A boolean.
    #[must_use]
    pub const fn boolean(&self, value: bool) -> Value<'_> {
        self.value(word::boolean(value))
    }

    /// An integer.
    ///
    /// # Errors
    /// When memory does not allow it.
    #[inline]
    pub fn int(&self, value: i64) -> Result<Value<'_>> {
        match word::fixnum(value) {
            Some(word) => Ok(self.value(word)),
            // SAFETY: `self` is the running call.
            None => self.checked(unsafe { (self.host.new_int)(self.raw, value) }),
        }
    }

    /// A real.
    ///
    /// # Errors
    /// When memory does not allow it.
    #[inline]
    pub fn real(&self, value: f64) -> Result<Value<'_>> {
        match word::flonum(value) {
            Some(word) => Ok(self.value(word)),
            // SAFETY: `self` is the running call.
            None => self.checked(unsafe { (self.host.new_real)(self.raw, value) }),
        }
    }

    /// An integer or a real.
    ///
    /// # Errors
    /// When memory does not allow it.
    #[inline]
    pub fn number(&self, value: Number) -> Result<Value<'_>> {
        match value {
            Number::Int(value) => self.int(value),
            Number::Real(value) => self.real(value),
        }
    }

    /// A string.
    ///
    /// # Errors
    /// When memory does not allow it.
    pub fn text(&self, text: &str) -> Result<Value<'_>> {
        match word::short(text.as_bytes()) {
            Some(word) => Ok(self.value(word)),
            // SAFETY: `self` is the running call; the host copies the bytes.
            None => self.checked(unsafe { (self.host.new_text)(self.raw, Bytes::of(text.as_bytes())) }),
        }
    }

    /// Bytes.
    ///
    /// # Errors
    /// When memory does not allow it.
    pub fn bytes(&self, bytes: &[u8]) -> Result<Value<'_>> {
        // SAFETY: `self` is the running call; the host copies the bytes.
        self.checked(unsafe { (self.host.new_bytes)(self.raw, Bytes::of(bytes)) })
    }

    /// A symbol.
    ///
    /// # Errors
    /// When the table of names is full.
    pub fn symbol(&self, name: &str) -> Result<Value<'_>> {
        // SAFETY: `self` is the running call; the host copies the bytes.
        self.checked(unsafe { (self.host.new_symbol)(self.raw, Bytes::of(name.as_bytes())) })
    }

    /// A keyword, by its name without the colon.
    ///
    /// # Errors
    /// When the table of names is full.
    pub fn keyword(&self, name: &str) -> Result<Value<'_>> {
        // SAFETY: `self` is the running call; the host copies the bytes.
        self.checked(unsafe { (self.host.new_keyword)(self.raw, Bytes::of(name.as_bytes())) })
    }

    /// A path such as `store:key`.
    ///
    /// # Errors
    /// When the table of names is full.
    pub fn path(&self, text: &str) -> Result<Value<'_>> {
        // SAFETY: `self` is the running call; the host copies the bytes.
        self.checked(unsafe { (self.host.new_path)(self.raw, Bytes::of(text.as_bytes())) })
    }

    /// The text that `print` shows: strings as they are, everything else as it reads back.
    ///
    /// # Errors
    /// When memory does not allow it.
    pub fn display(&self, value: Value<'_>) -> Result<Value<'_>> {
        // SAFETY: `self` is the running call and the word is of this call.
        self.checked(unsafe { (self.host.display)(self.raw, value.word()) })
    }

    /// The text that reads back as the value.
    ///
    /// # Errors
    /// When memory does not allow it.
    pub fn repr(&self, value: Value<'_>) -> Result<Value<'_>> {
        // SAFETY: `self` is the running call and the word is of this call.
        self.checked(unsafe { (self.host.repr)(self.raw, value.word()) })
    }

    /// A list.
    ///
    /// # Errors
    /// When memory does not allow it.
    pub fn list(&self, kind: ListKind, elements: &[Value<'_>]) -> Result<Value<'_>> {
        let words: Vec<Word> = elements.iter().map(|element| element.word()).collect();
        // SAFETY: `self` is the running call; nothing moves while the host copies the words.
        self.checked(unsafe { (self.host.new_list)(self.raw, kind as u32, words.as_ptr(), words.len()) })
    }

    /// A map; of equal keys the last value counts.
    ///
    /// # Errors
    /// When memory does not allow it, or a key is mutable.
    pub fn map(&self, pairs: &[(Value<'_>, Value<'_>)]) -> Result<Value<'_>> {
        let words: Vec<Word> = pairs
            .iter()
            .flat_map(|(key, value)| [key.word(), value.word()])
            .collect();
        // SAFETY: `self` is the running call; nothing moves while the host copies the words.
        self.checked(unsafe { (self.host.new_map)(self.raw, words.as_ptr(), pairs.len()) })
    }

    /// An error as a value that is answered and not raised.
    ///
    /// # Errors
    /// When memory does not allow it.
    pub fn error_value(&self, error: &Error, data: Value<'_>) -> Result<Value<'_>> {
        if let Some(value) = error.value() {
            return Ok(value.get(self));
        }
        let (code, message) = (error.code_for_host(), Bytes::of(error.message().as_bytes()));
        // SAFETY: `self` is the running call; the host copies code and message.
        self.checked(unsafe { (self.host.new_error)(self.raw, code.as_ptr(), message, data.word()) })
    }

    /// A resource; the machine drops it when nothing holds it any more.
    ///
    /// # Errors
    /// When memory does not allow it.
    pub fn resource<R: ResourceKind>(&self, resource: R) -> Result<Value<'_>> {
        let data = Box::into_raw(Box::new(resource)).cast::<c_void>();
        let record = std::ptr::from_ref(R::type_record()).cast();
        // SAFETY: `self` is the running call; the data is a box that the record's drop frees, and the host
        // owns it now.
        self.checked(unsafe { (self.host.new_resource)(self.raw, record, data) })
    }

    /// The canonical bytes of a storable value.
    ///
    /// # Errors
    /// When the value cannot be stored.
    pub fn encode(&self, value: Value<'_>) -> Result<&[u8]> {
        let mut bytes = Bytes::EMPTY;
        // SAFETY: `self` is the running call and `bytes` a place to write to.
        if unsafe { (self.host.encode)(self.raw, value.word(), &raw mut bytes) } == 0 {
            return Err(self.take_error());
        }
        // SAFETY: the host keeps the bytes until the call returns, and `&self` does not outlive that.
        Ok(unsafe { bytes.as_slice() })
    }

    /// The value of canonical bytes.
    ///
    /// # Errors
    /// When they are none.
    pub fn decode(&self, bytes: &[u8]) -> Result<Value<'_>> {
        // SAFETY: `self` is the running call; the host reads the bytes and keeps none.
        self.checked(unsafe { (self.host.decode)(self.raw, Bytes::of(bytes)) })
    }
}
