//! The fake host's `sup.isolate/1` and `sup.fiber/1`: `FakeHost::drive` runs what a kernel has started, on the test's thread.

use super::functions::{host, text};
use super::{Data, FakeHost, error_data};
use std::collections::BTreeMap;
use std::ffi::c_void;
use sup_abi::drive::{
    DONE, Drive, Enter, FiberLimits, FiberToken, Fibers, Handler, IDLE, Isolate, IsolateOptions, Isolates,
    MIN_ARGUMENTS, MakeArguments, PENDING, STOPPED, UNKNOWN, Usage, VisitAnswer, Waker,
};
use sup_abi::host::Drop as FreeData;
use sup_abi::kernel::{Bytes, Context, Ref};
use sup_abi::waker::{OwnedWaker, WakerRef};
use sup_abi::word::{self, Word};

pub(super) static ISOLATES: Isolates = Isolates {
    size: size_of::<Isolates>() as u32,
    reserved: 0,
    start,
    share,
    handler,
    handler_named,
    drop_handler,
    poll,
    enter,
    rest,
    usage,
};

pub(super) static FIBERS: Fibers = Fibers {
    size: size_of::<Fibers>() as u32,
    reserved: 0,
    start: fiber_start,
    poll: fiber_poll,
    take: fiber_take,
    cancel: fiber_cancel,
    drop: fiber_drop,
};

enum Fiber {
    Ready(Word, Vec<Word>),
    Waiting(u64),
    Ended(std::result::Result<Word, Word>),
}

/// What the kernel has started and what it drives.
#[derive(Default)]
pub(super) struct Driven {
    drivers: Vec<(Drive, FreeData, *mut c_void, u64)>,
    handlers: Vec<Word>,
    fibers: BTreeMap<FiberToken, Fiber>,
    n_fibers: u64,
    is_stopped: bool,
    waker: Option<OwnedWaker>,
    /// What `handler_named` finds.
    named: Vec<(String, Word)>,
}

impl FakeHost {
    /// Runs what the kernel has started, first come first served, until the kernel returns. An isolate is told to stop when
    /// every fiber that was started has been taken, or by `stop_driving`. How many isolates there were.
    pub fn drive(&self) -> usize {
        let mut n_driven = 0;
        loop {
            let next = {
                let mut driven = self.driven.borrow_mut();
                driven.is_stopped = false;
                driven.n_fibers = 0;
                (!driven.drivers.is_empty()).then(|| driven.drivers.remove(0))
            };
            let Some((drive, free, data, promise)) = next else {
                return n_driven;
            };
            n_driven += 1;
            let isolate = self.context().cast();
            // SAFETY: the kernel has handed both functions over with the data, which is freed once.
            unsafe {
                drive(isolate, data);
                free(data);
            }
            let mut driven = self.driven.borrow_mut();
            driven.fibers.clear();
            driven.waker = None;
            drop(driven);
            super::functions::settle_nil(promise);
        }
    }

    /// Tells the isolate that is driven to stop, or the next one.
    pub fn stop_driving(&self) {
        self.driven.borrow_mut().is_stopped = true;
        self.wake_driver();
    }

    /// Gives the variable `module/name` a function.
    pub fn name_function(&self, name: &str, function: &Data) {
        let word = self.heap.borrow_mut().add(function);
        self.driven.borrow_mut().named.push((name.to_owned(), word));
    }

    fn wake_driver(&self) {
        let waker = self.driven.borrow_mut().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn forget(&self, fiber: FiberToken) -> Option<Fiber> {
        let mut driven = self.driven.borrow_mut();
        let fiber = driven.fibers.remove(&fiber)?;
        if driven.fibers.is_empty() {
            driven.is_stopped = true;
            drop(driven);
            self.wake_driver();
        }
        Some(fiber)
    }
}

fn driver<'a>(isolate: *mut Isolate) -> &'a FakeHost {
    host(isolate.cast())
}

unsafe extern "C" fn start(
    cx: *mut Context,
    _options: *const IsolateOptions,
    drive: Drive,
    free: FreeData,
    data: *mut c_void,
) -> Word {
    let (promise, handle) = super::functions::new_promise(cx);
    host(cx)
        .driven
        .borrow_mut()
        .drivers
        .push((drive, free, data, promise));
    handle
}

unsafe extern "C" fn share(_cx: *mut Context, word: Word) -> Ref {
    word
}

fn keep(host: &FakeHost, word: Word) -> Handler {
    if !matches!(host.heap.borrow().data(word), Data::Function(_)) {
        return 0;
    }
    let mut driven = host.driven.borrow_mut();
    driven.handlers.push(word);
    driven.handlers.len() as Handler
}

unsafe extern "C" fn handler(isolate: *mut Isolate, shared: Ref) -> Handler {
    keep(driver(isolate), shared)
}

unsafe extern "C" fn handler_named(isolate: *mut Isolate, name: Bytes) -> Handler {
    let (host, name) = (driver(isolate), text(name));
    let found = {
        let driven = host.driven.borrow();
        driven
            .named
            .iter()
            .rev()
            .find(|(known, _)| *known == name)
            .map(|(_, word)| *word)
    };
    found.map_or(0, |word| keep(host, word))
}

unsafe extern "C" fn drop_handler(_isolate: *mut Isolate, _handler: Handler) {}

unsafe extern "C" fn poll(isolate: *mut Isolate, waker: *const Waker) -> i32 {
    let mut driven = driver(isolate).driven.borrow_mut();
    // SAFETY: the SDK passes a waker that lives through the call.
    driven.waker = unsafe { WakerRef::new(waker) }.map(WakerRef::to_owned);
    if driven.is_stopped { STOPPED } else { IDLE }
}

unsafe extern "C" fn enter(isolate: *mut Isolate, run: Enter, data: *mut c_void) -> i32 {
    // SAFETY: the SDK passes a function with its data.
    unsafe { run(isolate.cast(), data) };
    driver(isolate).pending.set(None);
    1
}

unsafe extern "C" fn rest(_isolate: *mut Isolate) {}

unsafe extern "C" fn usage(isolate: *mut Isolate, out: *mut Usage) -> i32 {
    let n = driver(isolate).driven.borrow().fibers.len() as u64;
    let used = Usage {
        size: size_of::<Usage>() as u32,
        reserved: 0,
        heap_bytes: 0,
        n_fibers: n,
        n_driven: n,
    };
    super::functions::answer(out, Some(used))
}

unsafe extern "C" fn fiber_start(
    isolate: *mut Isolate,
    handler: Handler,
    _limits: *const FiberLimits,
    make: MakeArguments,
    data: *mut c_void,
) -> FiberToken {
    let host = driver(isolate);
    let mut arguments = [word::NIL; MIN_ARGUMENTS as usize];
    // SAFETY: the SDK passes a function with its data, which writes at most as many words as it is told.
    let n = unsafe { make(isolate.cast(), arguments.as_mut_ptr(), MIN_ARGUMENTS, data) };
    let function = (handler as usize)
        .checked_sub(1)
        .and_then(|index| host.driven.borrow().handlers.get(index).copied());
    let fiber = match (usize::try_from(n), function) {
        (Ok(n), Some(function)) => Fiber::Ready(function, arguments[..n].to_vec()),
        (Ok(_), None) => {
            let error = error_data("kernel/handler", "there is no such function in this isolate");
            Fiber::Ended(Err(host.heap.borrow_mut().add(&error)))
        }
        (Err(_), _) => Fiber::Ended(Err(host.pending.take().unwrap_or(word::NIL))),
    };
    let mut driven = host.driven.borrow_mut();
    driven.n_fibers += 1;
    let token = driven.n_fibers;
    driven.fibers.insert(token, fiber);
    token
}

unsafe extern "C" fn fiber_poll(isolate: *mut Isolate, token: FiberToken, waker: *const Waker) -> i32 {
    let host = driver(isolate);
    let Some(fiber) = host.driven.borrow_mut().fibers.remove(&token) else {
        return UNKNOWN;
    };
    let ended = |answer: std::result::Result<Data, Data>| {
        let mut heap = host.heap.borrow_mut();
        Fiber::Ended(match answer {
            Ok(data) => Ok(heap.add(&data)),
            Err(error) => Err(heap.add(&error)),
        })
    };
    let (fiber, answer) = match fiber {
        Fiber::Ready(function, arguments) => match host.run(function, &arguments) {
            Ok(Data::Promise(promise)) => (Fiber::Waiting(promise), PENDING),
            outcome => (ended(outcome), DONE),
        },
        Fiber::Waiting(promise) => (ended(host.await_promise(promise)), DONE),
        fiber @ Fiber::Ended(_) => (fiber, DONE),
    };
    host.driven.borrow_mut().fibers.insert(token, fiber);
    // SAFETY: the SDK passes a waker that lives through the call.
    if let Some(waker) = unsafe { WakerRef::new(waker) }.filter(|_| answer == PENDING) {
        waker.wake();
    }
    answer
}

impl FakeHost {
    fn run(&self, function: Word, arguments: &[Word]) -> std::result::Result<Data, Data> {
        let data = |word: &Word| self.heap.borrow().data(*word);
        let arguments: Vec<Data> = arguments.iter().map(data).collect();
        let Data::Function(index) = data(&function) else {
            return Err(error_data("call/not-callable", "that is no function"));
        };
        let function = self.functions.borrow()[index].clone();
        function(&arguments)
    }
}

unsafe extern "C" fn fiber_take(
    isolate: *mut Isolate,
    token: FiberToken,
    visit: VisitAnswer,
    data: *mut c_void,
) -> i32 {
    let host = driver(isolate);
    if !matches!(host.driven.borrow().fibers.get(&token), Some(Fiber::Ended(_))) {
        return 0;
    }
    if let Some(Fiber::Ended(answer)) = host.forget(token) {
        let (word, is_error) = match answer {
            Ok(word) => (word, 0),
            Err(error) => (error, 1),
        };
        // SAFETY: the SDK passes a function with its data.
        unsafe { visit(isolate.cast(), word, is_error, data) };
    }
    1
}

unsafe extern "C" fn fiber_cancel(isolate: *mut Isolate, token: FiberToken) -> i32 {
    let host = driver(isolate);
    let error = error_data("fiber/cancelled", "the fiber was cancelled");
    let error = host.heap.borrow_mut().add(&error);
    match host.driven.borrow_mut().fibers.get_mut(&token) {
        None | Some(Fiber::Ended(_)) => 0,
        Some(fiber) => {
            *fiber = Fiber::Ended(Err(error));
            1
        }
    }
}

unsafe extern "C" fn fiber_drop(isolate: *mut Isolate, token: FiberToken) {
    driver(isolate).forget(token);
}
