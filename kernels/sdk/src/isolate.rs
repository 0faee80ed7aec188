//! Isolates that a kernel drives on threads of its own, and functions of the program as futures.
//!
//! ```no_run
//! use sup_kernel::isolate::{self, FiberLimits, IsolateOptions};
//! # use sup_kernel::{Context, Result, Value};
//! # type Answering = std::pin::Pin<Box<dyn Future<Output = ()>>>;
//!
//! fn serve<'c>(cx: &'c Context, function: Value<'_>, block_on: fn(Answering)) -> Result<Value<'c>> {
//!     let function = isolate::share(cx, function)?;
//!     isolate::start(cx, &IsolateOptions::default(), move |isolate| {
//!         let Some(handler) = isolate.handler(&function) else { return };
//!         let answer = isolate.call(
//!             &handler,
//!             FiberLimits::default(),
//!             |cx, arguments| arguments.push(cx.int(20)?),
//!             |_cx, answer| answer.ok().and_then(Value::as_int),
//!         );
//!         block_on(Box::pin(async move { println!("{:?}", answer.await) }));
//!     })
//! }
//! ```
#![allow(unsafe_code)]

use crate::context::Context;
use crate::entry;
use crate::error::{Error, Result};
use crate::extension::find;
use crate::task::Pin as PinnedValue;
use crate::value::Value;
use std::any::Any;
use std::ffi::{CString, c_char, c_void};
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, RawWakerVTable, Waker};
use std::time::Duration;
use sup_abi::drive as abi;
use sup_abi::kernel::{self, Bytes};
use sup_abi::word::{self, Word};

/// What an isolate gets; 0 and nothing stand for what the isolate has that starts it, which is also the most.
#[derive(Clone, Copy, Debug, Default)]
pub struct IsolateOptions<'a> {
    /// Fibers alive at once.
    pub n_fibers: u32,
    /// Its heap, in bytes.
    pub memory_bytes: u64,
    /// The most fuel that one of its fibers gets.
    pub fuel: u64,
    /// The longest that one of its fibers may take, in milliseconds.
    pub deadline_ms: u64,
    /// Names of its grants, such as `net`.
    pub grants: Option<&'a [&'a str]>,
}

/// Limits of one fiber and of those that it spawns, together. 0 and nothing stand for the isolate's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FiberLimits {
    /// Calls and turns of loops.
    pub fuel: u64,
    /// Time from its start on.
    pub deadline: Option<Duration>,
    /// What it may keep alive, in bytes.
    pub memory_bytes: u64,
}

/// What an isolate uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that count against its quota.
    pub heap_bytes: u64,
    /// Fibers alive, those included that handlers have spawned.
    pub n_fibers: u64,
    /// Fibers of the kernel that it has not seen the end of.
    pub n_driven: u64,
}

/// Why an isolate is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was told to; its fibers end with `vm/interrupted`.
    Stopped,
    /// A newer generation of the kernel waits for it to end.
    Replaced,
}

/// A copy of a value that every isolate of the program may have.
#[derive(Clone)]
pub struct Shared(Arc<PinnedValue>);

/// How a fiber has ended: with a value, or with an error value.
pub type Answer<'c> = std::result::Result<Value<'c>, Value<'c>>;

/// Copies a value, functions included, for the isolates that the kernel drives.
///
/// # Errors
/// `isolate/not-sendable` when it holds something mutable or a handle.
pub fn share(cx: &Context, value: Value<'_>) -> Result<Shared> {
    // SAFETY: the id stands for this table.
    let table: &abi::Isolates = unsafe { find(cx, abi::ISOLATE) }?;
    // SAFETY: `cx` is the running call and the word is of this call.
    match unsafe { (table.share)(cx.raw(), value.word()) } {
        0 => Err(cx.take_error()),
        reference => Ok(Shared(Arc::new(PinnedValue::from_raw(reference, cx.host())))),
    }
}

/// Starts an isolate with the program's code and values, on a thread of its own, which `drive` has until it returns. Answers
/// the handle that programs await (nil) and may cancel.
///
/// # Errors
/// When there are too many isolates, or it asks for more than this one has.
pub fn start<'c, D>(cx: &'c Context, options: &IsolateOptions<'_>, drive: D) -> Result<Value<'c>>
where
    D: FnOnce(Isolate) + Send + 'static,
{
    // SAFETY: each id stands for its table.
    let (table, fibers): (&abi::Isolates, &abi::Fibers) =
        unsafe { (find(cx, abi::ISOLATE)?, find(cx, abi::FIBER)?) };
    let names: Vec<CString> = options
        .grants
        .unwrap_or_default()
        .iter()
        .map(|name| CString::new(*name).unwrap_or_default())
        .collect();
    let mut grants: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    grants.push(std::ptr::null());
    let asked = abi::IsolateOptions {
        size: size_of::<abi::IsolateOptions>() as u32,
        n_fibers: options.n_fibers,
        memory_bytes: options.memory_bytes,
        fuel: options.fuel,
        deadline_ms: options.deadline_ms,
        grants: options.grants.map_or(std::ptr::null(), |_| grants.as_ptr()),
    };
    let driver = Box::new(Driver {
        drive: Some(drive),
        table,
        fibers,
    });
    let data = Box::into_raw(driver).cast();
    // SAFETY: `cx` is the running call; the box goes to one thread, and is freed there or here by `drop_driver::<D>`.
    cx.checked(unsafe {
        (table.start)(
            cx.raw(),
            &raw const asked,
            drive_isolate::<D>,
            drop_driver::<D>,
            data,
        )
    })
}

struct Driver<D> {
    drive: Option<D>,
    table: &'static abi::Isolates,
    fibers: &'static abi::Fibers,
}

unsafe extern "C" fn drive_isolate<D: FnOnce(Isolate)>(raw: *mut abi::Isolate, data: *mut c_void) {
    // SAFETY: the host passes what `start` handed over, on the thread that drives.
    let driver = unsafe { &mut *data.cast::<Driver<D>>() };
    let isolate = Isolate {
        raw,
        table: driver.table,
        fibers: driver.fibers,
    };
    if let Some(drive) = driver.drive.take() {
        entry::contain("driving an isolate", || drive(isolate));
    }
}

unsafe extern "C" fn drop_driver<D>(data: *mut c_void) {
    // SAFETY: `start` made the box, and the host calls this once.
    let driver = unsafe { Box::from_raw(data.cast::<Driver<D>>()) };
    entry::contain("dropping what drives an isolate", || drop(driver));
}

/// An isolate that this kernel drives on this thread. After `drive` has returned it leads nowhere.
#[derive(Clone, Copy)]
pub struct Isolate {
    raw: *mut abi::Isolate,
    table: &'static abi::Isolates,
    fibers: &'static abi::Fibers,
}

/// A function in one driven isolate.
#[derive(Clone)]
pub struct Handler(Rc<HandlerInner>);

struct HandlerInner {
    isolate: Isolate,
    number: abi::Handler,
}

impl Drop for HandlerInner {
    fn drop(&mut self) {
        // SAFETY: the host takes any number, and any isolate.
        unsafe { (self.isolate.table.drop_handler)(self.isolate.raw, self.number) };
    }
}

/// The arguments of a fiber's function.
pub struct ArgumentList<'c> {
    out: *mut Word,
    room: usize,
    n: usize,
    values: PhantomData<Value<'c>>,
}

impl<'c> ArgumentList<'c> {
    /// Appends one.
    ///
    /// # Errors
    /// `call/too-many-arguments` when there are many already; there may be at least eight.
    pub fn push(&mut self, value: Value<'c>) -> Result<()> {
        if self.n == self.room {
            return Err(Error::new(
                "call/too-many-arguments",
                "a fiber starts with too many arguments",
            ));
        }
        // SAFETY: the host made room for so many words.
        unsafe { self.out.add(self.n).write(value.word()) };
        self.n += 1;
        Ok(())
    }
}

impl Isolate {
    /// The function behind a shared value, or nothing when it is none.
    #[must_use]
    pub fn handler(&self, shared: &Shared) -> Option<Handler> {
        // SAFETY: the host knows whether this isolate is driven here.
        self.keep(unsafe { (self.table.handler)(self.raw, shared.0.raw()) })
    }

    /// The function that the variable `module/name` holds now, or nothing.
    #[must_use]
    pub fn handler_named(&self, name: &str) -> Option<Handler> {
        // SAFETY: as above; the host copies the name.
        self.keep(unsafe { (self.table.handler_named)(self.raw, Bytes::of(name.as_bytes())) })
    }

    fn keep(&self, number: abi::Handler) -> Option<Handler> {
        let inner = HandlerInner {
            isolate: *self,
            number,
        };
        if number == 0 {
            std::mem::forget(inner);
            return None;
        }
        Some(Handler(Rc::new(inner)))
    }

    /// Starts a fiber that calls a function: a future of what `read` makes of its answer. `make` runs at once; the function
    /// when the future is polled, at most a slice at a time. A fiber that cannot begin is one that has ended with an error.
    pub fn call<B, R, T>(&self, handler: &Handler, limits: FiberLimits, make: B, read: R) -> Call<R, T>
    where
        B: for<'c> FnOnce(&'c Context, &mut ArgumentList<'c>) -> Result<()>,
        R: for<'c> FnOnce(&'c Context, Answer<'c>) -> T,
    {
        let limits = abi::FiberLimits {
            size: size_of::<abi::FiberLimits>() as u32,
            reserved: 0,
            fuel: limits.fuel,
            deadline_ns: limits.deadline.map_or(0, |time| {
                u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1)
            }),
            memory_bytes: limits.memory_bytes,
        };
        let mut make = Some(make);
        // SAFETY: limits and closure live through the call, in which `make_arguments::<B>` is called at most once.
        let token = unsafe {
            (self.fibers.start)(
                self.raw,
                handler.0.number,
                &raw const limits,
                make_arguments::<B>,
                (&raw mut make).cast(),
            )
        };
        Call {
            isolate: *self,
            token,
            read: Some(read),
            answer: PhantomData,
        }
    }

    /// Does what has come up between fibers: to be polled for as long as the isolate is driven. Ends when it is to end.
    #[must_use]
    pub fn run(&self) -> Run {
        Run {
            isolate: *self,
            ends_when_replaced: true,
        }
    }

    /// As `run`, but goes on when a newer generation of the kernel waits.
    #[must_use]
    pub fn run_until_stopped(&self) -> Run {
        Run {
            isolate: *self,
            ends_when_replaced: false,
        }
    }

    /// Does what has come up between fibers, once; the bits that the host answers.
    fn poll(&self, waker: &Waker) -> i32 {
        let waker = waker_of(waker);
        // SAFETY: the waker lives through the call.
        unsafe { (self.table.poll)(self.raw, &raw const waker) }
    }

    /// Runs something with a context, in which values are made and read, and nothing is called. Nothing when this is not the
    /// time: from inside a fiber or another such function.
    pub fn enter<T>(&self, run: impl FnOnce(&Context) -> T) -> Option<T> {
        let mut entry = Entry {
            run: Some(run),
            outcome: None,
        };
        let entered = enter_isolate_of(&entry);
        // SAFETY: the closure lives through the call, in which it is called at most once.
        unsafe { (self.table.enter)(self.raw, entered, (&raw mut entry).cast()) };
        entry.outcome.map(unwound)
    }

    /// Gives back the memory that is not needed while there is nothing to do.
    pub fn rest(&self) {
        // SAFETY: the host knows whether this isolate is driven here.
        unsafe { (self.table.rest)(self.raw) };
    }

    /// What it uses; nothing when this is not the time.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        let mut used = abi::Usage {
            size: size_of::<abi::Usage>() as u32,
            reserved: 0,
            heap_bytes: 0,
            n_fibers: 0,
            n_driven: 0,
        };
        // SAFETY: the host writes one such struct.
        let is_told = unsafe { (self.table.usage)(self.raw, &raw mut used) } != 0;
        is_told.then_some(Usage {
            heap_bytes: used.heap_bytes,
            n_fibers: used.n_fibers,
            n_driven: used.n_driven,
        })
    }
}

type Unwound<T> = std::result::Result<T, Box<dyn Any + Send>>;

/// What a closure made; its panic goes on where it was passed.
fn unwound<T>(outcome: Unwound<T>) -> T {
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

struct Entry<F, T> {
    run: Option<F>,
    outcome: Option<Unwound<T>>,
}

/// The function that runs the closure of an entry.
fn enter_isolate_of<F: FnOnce(&Context) -> T, T>(_entry: &Entry<F, T>) -> abi::Enter {
    enter_isolate::<F, T>
}

unsafe extern "C" fn enter_isolate<F: FnOnce(&Context) -> T, T>(
    raw: *mut kernel::Context,
    data: *mut c_void,
) {
    // SAFETY: `enter` passes an entry of these types.
    let entry = unsafe { &mut *data.cast::<Entry<F, T>>() };
    let (Some(run), Some(host)) = (entry.run.take(), crate::host::get()) else {
        return;
    };
    // SAFETY: the host calls this with a context that is good until this returns.
    let cx = unsafe { Context::from_raw(raw, host) };
    entry.outcome = Some(catch_unwind(AssertUnwindSafe(|| run(&cx))));
}

unsafe extern "C" fn make_arguments<B>(
    raw: *mut kernel::Context,
    out: *mut Word,
    room: u32,
    data: *mut c_void,
) -> i32
where
    B: for<'c> FnOnce(&'c Context, &mut ArgumentList<'c>) -> Result<()>,
{
    // SAFETY: `call` passes its closure.
    let make = unsafe { (*data.cast::<Option<B>>()).take() };
    let mut n = 0;
    // SAFETY: the host calls this with a context that is good until this returns.
    let answer = unsafe {
        entry::enter(raw, 0, std::ptr::null(), |cx: &mut Context, _| {
            let mut arguments = ArgumentList {
                out,
                room: room as usize,
                n: 0,
                values: PhantomData,
            };
            if let Some(make) = make {
                make(cx, &mut arguments)?;
            }
            n = arguments.n;
            Ok(word::NIL)
        })
    };
    if answer == word::THROW { -1 } else { n as i32 }
}

/// A fiber that was started: a future of what becomes of its answer. Dropped before it has ended, the fiber is forgotten and
/// does not run again.
pub struct Call<R, T> {
    isolate: Isolate,
    token: abi::FiberToken,
    read: Option<R>,
    answer: PhantomData<fn() -> T>,
}

impl<R, T> Unpin for Call<R, T> {}

impl<R, T> Call<R, T> {
    /// Has the fiber raise `fiber/cancelled`, which no handler takes, when it next runs. False when it has ended.
    pub fn cancel(&self) -> bool {
        // SAFETY: the host takes any number.
        unsafe { (self.isolate.fibers.cancel)(self.isolate.raw, self.token) != 0 }
    }
}

impl<R, T> Future for Call<R, T>
where
    R: for<'c> FnOnce(&'c Context, Answer<'c>) -> T,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<T> {
        let (isolate, token) = (self.isolate, self.token);
        let waker = waker_of(task.waker());
        // SAFETY: the waker lives through the call.
        match unsafe { (isolate.fibers.poll)(isolate.raw, token, &raw const waker) } {
            abi::PENDING => Poll::Pending,
            abi::DONE => {
                let mut visit = Visit {
                    read: self.read.take(),
                    outcome: None,
                };
                let data = (&raw mut visit).cast();
                // SAFETY: the visit lives through the call, in which `visit_answer::<R, T>` is called once.
                unsafe { (isolate.fibers.take)(isolate.raw, token, visit_answer::<R, T>, data) };
                self.token = 0;
                let outcome = visit
                    .outcome
                    .expect("the host shows the answer of what has ended");
                Poll::Ready(unwound(outcome))
            }
            _ => panic!(
                "a fiber was polled after its end, after that of its isolate, or from inside another one"
            ),
        }
    }
}

struct Visit<R, T> {
    read: Option<R>,
    outcome: Option<Unwound<T>>,
}

unsafe extern "C" fn visit_answer<R, T>(
    raw: *mut kernel::Context,
    answer: Word,
    is_error: i32,
    data: *mut c_void,
) where
    R: for<'c> FnOnce(&'c Context, Answer<'c>) -> T,
{
    // SAFETY: `Call::poll` passes a visit of these types.
    let visit = unsafe { &mut *data.cast::<Visit<R, T>>() };
    let (Some(read), Some(host)) = (visit.read.take(), crate::host::get()) else {
        return;
    };
    // SAFETY: the host calls this with a context that is good until this returns.
    let cx = unsafe { Context::from_raw(raw, host) };
    let value = cx.value(answer);
    let answer = if is_error == 0 { Ok(value) } else { Err(value) };
    visit.outcome = Some(catch_unwind(AssertUnwindSafe(|| read(&cx, answer))));
}

impl<R, T> Drop for Call<R, T> {
    fn drop(&mut self) {
        if self.token != 0 {
            // SAFETY: the host takes any number.
            unsafe { (self.isolate.fibers.drop)(self.isolate.raw, self.token) };
        }
    }
}

/// What `Isolate::run` answers.
pub struct Run {
    isolate: Isolate,
    ends_when_replaced: bool,
}

impl Future for Run {
    type Output = Status;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Status> {
        let found = self.isolate.poll(task.waker());
        if found & abi::STOPPED != 0 {
            return Poll::Ready(Status::Stopped);
        }
        if found & abi::REPLACED != 0 && self.ends_when_replaced {
            return Poll::Ready(Status::Replaced);
        }
        Poll::Pending
    }
}

static WAKERS: abi::WakerTable = abi::WakerTable {
    size: size_of::<abi::WakerTable>() as u32,
    reserved: 0,
    clone: clone_waker,
    wake,
    drop: drop_waker,
};

/// The two words of a waker, which stays its owner's.
fn waker_of(waker: &Waker) -> abi::Waker {
    abi::Waker {
        data: waker.data().cast(),
        more: std::ptr::from_ref(waker.vtable()).cast(),
        table: &raw const WAKERS,
    }
}

/// # Safety
/// The words are those of a waker that was not dropped.
unsafe fn from_words(data: *const c_void, more: *const c_void) -> ManuallyDrop<Waker> {
    // SAFETY: the second word came from `Waker::vtable`, whose tables are static; the caller says the rest.
    ManuallyDrop::new(unsafe { Waker::new(data.cast(), &*more.cast::<RawWakerVTable>()) })
}

unsafe extern "C" fn clone_waker(data: *const c_void, more: *const c_void) -> abi::Waker {
    // SAFETY: the host passes the words of a waker that it has.
    let waker = unsafe { from_words(data, more) };
    let cloned = entry::contain("cloning a waker", || ManuallyDrop::new(Waker::clone(&waker)));
    cloned.map_or(NO_WAKER, |cloned| waker_of(&cloned))
}

/// Wakes nobody.
const NO_WAKER: abi::Waker = abi::Waker {
    data: std::ptr::null(),
    more: std::ptr::null(),
    table: std::ptr::null(),
};

unsafe extern "C" fn wake(data: *const c_void, more: *const c_void) {
    // SAFETY: as above.
    let waker = unsafe { from_words(data, more) };
    entry::contain("waking", || waker.wake_by_ref());
}

unsafe extern "C" fn drop_waker(data: *const c_void, more: *const c_void) {
    // SAFETY: as above, and the host drops each clone once.
    let waker = unsafe { from_words(data, more) };
    entry::contain("dropping a waker", || drop(ManuallyDrop::into_inner(waker)));
}
