//! What happens elsewhere: promises, work on the host's pool, pins. All of these may go to other threads.
#![allow(unsafe_code)]

use crate::context::Context;
use crate::convert::IntoValue;
use crate::entry;
use crate::error::{Error, Result};
use crate::isolate::Answer;
use crate::value::Value;
use std::ffi::c_void;
use sup_abi::host::Host;
use sup_abi::kernel::{self, Bytes, Ref};
use sup_abi::word::Word;

/// A result that comes later. Dropping it unsettled settles it with `kernel/promise-dropped`.
pub struct Promise {
    token: kernel::Promise,
    host: &'static Host,
}

type Make = Box<dyn for<'c> FnOnce(&'c Context) -> Result<Value<'c>> + Send>;

impl Promise {
    pub(crate) const fn from_raw(token: kernel::Promise, host: &'static Host) -> Promise {
        Promise { token, host }
    }

    /// Settles it with data. False when its isolate is gone or it was cancelled.
    pub fn settle<T>(self, result: Result<T>) -> bool
    where
        T: for<'c> IntoValue<'c> + Send + 'static,
    {
        match result {
            Ok(data) => self.settle_with(move |cx| data.into_value(cx)),
            Err(error) => self.fail(&error),
        }
    }

    /// Settles it with what the function makes on the isolate's thread. False when its isolate is gone or it
    /// was cancelled.
    pub fn settle_with<F>(self, make: F) -> bool
    where
        F: for<'c> FnOnce(&'c Context) -> Result<Value<'c>> + Send + 'static,
    {
        let data: Box<Option<Make>> = Box::new(Some(Box::new(make)));
        let (token, host) = self.take();
        // SAFETY: `build_value` and `drop_make` take the box that is handed over here; the host calls the
        // first at most once and the second exactly once.
        unsafe { (host.settle_with)(token, build_value, drop_make, Box::into_raw(data).cast()) != 0 }
    }

    /// Settles it with an error. False when its isolate is gone or it was cancelled.
    pub fn fail(self, error: &Error) -> bool {
        let (token, host) = self.take();
        settle_error(host, token, error)
    }

    fn take(self) -> (kernel::Promise, &'static Host) {
        let taken = (self.token, self.host);
        std::mem::forget(self);
        taken
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let error = Error::new(
            "kernel/promise-dropped",
            "the work behind a promise ended without a result",
        );
        settle_error(self.host, self.token, &error);
    }
}

fn settle_error(host: &Host, token: kernel::Promise, error: &Error) -> bool {
    let (code, message) = (error.code_for_host(), Bytes::of(error.message().as_bytes()));
    // SAFETY: the host copies code and message.
    unsafe { (host.settle_error)(token, code.as_ptr(), message) != 0 }
}

unsafe extern "C" fn build_value(raw: *mut kernel::Context, data: *mut c_void) -> Word {
    // SAFETY: `settle_with` handed over a boxed `Option<Make>`, which `drop_make` frees later.
    let make = unsafe { (*data.cast::<Option<Make>>()).take() };
    // SAFETY: the host calls this on the isolate's thread with the running context.
    unsafe {
        entry::enter(raw, 0, std::ptr::null(), |cx: &mut Context, _| match make {
            Some(make) => Ok(make(cx)?.word()),
            None => Err(Error::new("kernel/promise-dropped", "a promise was built twice")),
        })
    }
}

unsafe extern "C" fn drop_make(data: *mut c_void) {
    // SAFETY: `settle_with` handed over a boxed `Option<Make>`, and the host calls this once.
    let make = unsafe { Box::from_raw(data.cast::<Option<Make>>()) };
    entry::contain("dropping a result", || drop(make));
}

type Work = Box<dyn FnOnce() + Send>;

/// Runs work on the host's pool, for `blocking fn`: its result settles the promise.
///
/// # Errors
/// `kernel/busy` when the pool is full.
pub fn run_blocking<T, W>(cx: &Context, work: W) -> Result<Word>
where
    T: for<'c> IntoValue<'c> + Send + 'static,
    W: FnOnce() -> Result<T> + Send + 'static,
{
    let (promise, handle) = cx.promise()?;
    cx.spawn(move || {
        let panicked = || Err(Error::new("kernel/panic", "the primitive panicked on the pool"));
        promise.settle(entry::contain("work on the pool", work).unwrap_or_else(panicked));
    })?;
    Ok(cx.wait(handle)?.word())
}

impl Context {
    /// Runs work on the host's pool, as soon as one of its threads is free. What it finds out goes into a [`Promise`], which tells of its
    /// own that it was dropped when the work panics or is never run.
    ///
    /// # Errors
    /// `kernel/busy` when the pool is full.
    pub fn spawn(&self, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let work: Box<Work> = Box::new(Box::new(work));
        let data = Box::into_raw(work).cast::<c_void>();
        // SAFETY: the host calls exactly one of the two with the box, or none when it answers 0.
        if unsafe { (self.host().spawn)(run_work, drop_work, data) } == 0 {
            // SAFETY: the host has not taken the box.
            unsafe { drop_work(data) };
            return Err(Error::new("kernel/busy", "the pool for blocking work is full"));
        }
        Ok(())
    }
}

unsafe extern "C" fn run_work(data: *mut c_void) {
    // SAFETY: `run_blocking` handed over a boxed `Work`, and the host runs it once.
    let work = unsafe { Box::from_raw(data.cast::<Work>()) };
    entry::contain("work on the pool", work);
}

unsafe extern "C" fn drop_work(data: *mut c_void) {
    // SAFETY: `run_blocking` handed over a boxed `Work` that will not run.
    let work = unsafe { Box::from_raw(data.cast::<Work>()) };
    entry::contain("dropping work", || drop(work));
}

/// A value kept alive beyond the call, until this is dropped.
pub struct Pin {
    reference: Ref,
    host: &'static Host,
}

impl Pin {
    pub(crate) const fn from_raw(reference: Ref, host: &'static Host) -> Pin {
        Pin { reference, host }
    }

    pub(crate) const fn raw(&self) -> Ref {
        self.reference
    }

    /// Has the isolate of a pinned function call it in a fiber of its own, from any thread. The arguments are a list in wire form,
    /// as `Context::encode` writes it; what the function answers settles the promise, if there is one. False when the isolate is
    /// gone or too much is posted to it; the promise is settled with `kernel/busy` then.
    pub fn post(&self, arguments: &[u8], reply: Option<Promise>) -> bool {
        let token = reply.as_ref().map_or(0, |reply| reply.token);
        // SAFETY: the host copies the bytes, and takes the token over if it answers 1.
        let is_posted = unsafe { (self.host.post)(self.reference, Bytes::of(arguments), token) } != 0;
        if let Some(reply) = reply {
            if is_posted {
                std::mem::forget(reply);
            } else {
                reply.fail(&Error::new("kernel/busy", "nobody takes what was posted"));
            }
        }
        is_posted
    }
}

type Then = Box<dyn for<'c> FnOnce(&'c Context, Answer<'c>) -> Result<Value<'c>>>;

/// What a primitive goes on with: `Context::call_then`.
pub(crate) fn call_then<T>(
    cx: &Context,
    function: Value<'_>,
    arguments: &[Value<'_>],
    then: Then,
) -> Result<T> {
    let words: Vec<Word> = arguments.iter().map(|argument| argument.word()).collect();
    let data = Box::into_raw(Box::new(Some(then))).cast();
    // SAFETY: `cx` is the running call and the words are of this call; the host frees the box with `drop_then`, once.
    unsafe {
        let (argc, argv) = (words.len() as u32, words.as_ptr());
        (cx.host().call_then)(cx.raw(), function.word(), argc, argv, go_on, drop_then, data);
    }
    Err(Error::request())
}

unsafe extern "C" fn go_on(raw: *mut kernel::Context, word: Word, is_error: i32, data: *mut c_void) -> Word {
    // SAFETY: `call_then` handed over a boxed `Option<Then>`, which `drop_then` frees later.
    let then = unsafe { (*data.cast::<Option<Then>>()).take() };
    // SAFETY: the host calls this on the isolate's thread with a context that is good until this returns.
    unsafe {
        entry::enter(raw, 0, std::ptr::null(), |cx: &mut Context, _| {
            let cx: &Context = cx;
            let value = cx.value(word);
            let answer = if is_error == 0 { Ok(value) } else { Err(value) };
            match then {
                Some(then) => Ok(then(cx, answer)?.word()),
                None => Err(Error::new("kernel/throw", "a primitive went on twice")),
            }
        })
    }
}

unsafe extern "C" fn drop_then(data: *mut c_void) {
    // SAFETY: `call_then` handed over a boxed `Option<Then>`, and the host calls this once.
    let then = unsafe { Box::from_raw(data.cast::<Option<Then>>()) };
    entry::contain("dropping what a primitive goes on with", || drop(then));
}

impl Drop for Pin {
    fn drop(&mut self) {
        // SAFETY: the host takes any number and lets go of each once.
        unsafe { (self.host.unpin)(self.reference) };
    }
}
