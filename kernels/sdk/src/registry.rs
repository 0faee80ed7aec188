//! What a kernel tells of itself: metrics and native stages of pipes. All of it works on any thread, in `State::load` too.
#![allow(unsafe_code)]

use crate::entry;
use crate::error::{Error, Result};
use std::cell::RefCell;
use std::ffi::{CString, c_void};
use sup_abi::kernel::Bytes;
use sup_abi::registry as abi;

/// Finds an extension's table without a call.
///
/// # Safety
/// `T` must be the table that the id stands for.
unsafe fn find_anywhere<T>(id: &'static str) -> Result<&'static T> {
    let missing = || Error::new("kernel/extension", format!("this host has no {id}"));
    let host = crate::host::get().ok_or_else(missing)?;
    let name = CString::new(id).map_err(|_| missing())?;
    // SAFETY: the host reads the name and answers null or a table that lives as long as the process.
    unsafe { (host.extension)(name.as_ptr()).cast::<T>().as_ref() }.ok_or_else(missing)
}

fn metrics() -> Result<&'static abi::Metrics> {
    // SAFETY: the id stands for this table.
    unsafe { find_anywhere(abi::METRICS) }
}

fn made(number: abi::Metric, name: &str) -> Result<abi::Metric> {
    if number == 0 {
        return Err(Error::new(
            "kernel/metric",
            format!("the host refuses the metric {name}"),
        ));
    }
    Ok(number)
}

/// A number that only grows.
#[derive(Clone, Copy)]
pub struct Counter(abi::Metric, &'static abi::Metrics);

/// A number that goes up and down.
#[derive(Clone, Copy)]
pub struct Gauge(abi::Metric, &'static abi::Metrics);

/// How often values came, by upper bounds.
#[derive(Clone, Copy)]
pub struct Histogram(abi::Metric, &'static abi::Metrics);

impl Counter {
    /// The series of that name and those labels, `method="GET"` for example, as Prometheus has them.
    ///
    /// # Errors
    /// `kernel/metric` when the host refuses it.
    pub fn new(name: &str, help: &str, labels: &str) -> Result<Counter> {
        let table = metrics()?;
        let [n, h, l] = [name, help, labels].map(|text| Bytes::of(text.as_bytes()));
        // SAFETY: the host copies the texts.
        Ok(Counter(made(unsafe { (table.counter)(n, h, l) }, name)?, table))
    }

    /// Adds what is not below zero.
    pub fn add(&self, amount: f64) {
        // SAFETY: the host takes any number.
        unsafe { (self.1.add)(self.0, amount) };
    }
}

impl Gauge {
    /// As for `Counter`.
    ///
    /// # Errors
    /// `kernel/metric` when the host refuses it.
    pub fn new(name: &str, help: &str, labels: &str) -> Result<Gauge> {
        let table = metrics()?;
        let [n, h, l] = [name, help, labels].map(|text| Bytes::of(text.as_bytes()));
        // SAFETY: the host copies the texts.
        Ok(Gauge(made(unsafe { (table.gauge)(n, h, l) }, name)?, table))
    }

    /// Adds to it.
    pub fn add(&self, amount: f64) {
        // SAFETY: the host takes any number.
        unsafe { (self.1.add)(self.0, amount) };
    }

    /// Sets it.
    pub fn set(&self, value: f64) {
        // SAFETY: the host takes any number.
        unsafe { (self.1.set)(self.0, value) };
    }
}

impl Histogram {
    /// As for `Counter`; at most 64 bounds, which ascend.
    ///
    /// # Errors
    /// `kernel/metric` when the host refuses it.
    pub fn new(name: &str, help: &str, labels: &str, bounds: &[f64]) -> Result<Histogram> {
        let table = metrics()?;
        let [n, h, l] = [name, help, labels].map(|text| Bytes::of(text.as_bytes()));
        // SAFETY: the host copies texts and bounds.
        let number = unsafe { (table.histogram)(n, h, l, bounds.as_ptr(), bounds.len()) };
        Ok(Histogram(made(number, name)?, table))
    }

    /// Counts a value.
    pub fn observe(&self, value: f64) {
        // SAFETY: the host takes any number.
        unsafe { (self.1.observe)(self.0, value) };
    }
}

/// A stage of a pipe. Items are values in wire form.
pub trait NativeStage: Send + Sized + 'static {
    /// Begins one, with its options in wire form.
    ///
    /// # Errors
    /// When it cannot work with them.
    fn open(options: &[u8]) -> Result<Self>;

    /// Takes an item and gives any number; what `emit` answers says whether more are wanted.
    ///
    /// # Errors
    /// When the pipe is to fail.
    fn feed(&mut self, item: &[u8], emit: &mut dyn FnMut(&[u8]) -> bool) -> Result<()>;

    /// Gives what is left.
    ///
    /// # Errors
    /// When the pipe is to fail.
    fn finish(&mut self, emit: &mut dyn FnMut(&[u8]) -> bool) -> Result<()> {
        let _ = emit;
        Ok(())
    }
}

/// A stage that pipes can name until this is dropped.
pub struct RegisteredStage {
    record: Box<abi::Stage>,
    table: &'static abi::Stages,
    _texts: [CString; 3],
}

// SAFETY: the record is not written any more, and any thread may take it back.
unsafe impl Send for RegisteredStage {}
// SAFETY: as above.
unsafe impl Sync for RegisteredStage {}

/// Registers a stage under `kernel/name`, with a signature as primitives have it.
///
/// # Errors
/// `kernel/stage` when the host refuses it.
pub fn register_stage<S: NativeStage>(name: &str, signature: &str, doc: &str) -> Result<RegisteredStage> {
    // SAFETY: the id stands for this table.
    let table: &abi::Stages = unsafe { find_anywhere(abi::STAGE) }?;
    let refused = || Error::new("kernel/stage", format!("the host refuses the stage {name}"));
    let text = |text: &str| CString::new(text).map_err(|_| refused());
    let texts = [text(name)?, text(signature)?, text(doc)?];
    let record = Box::new(abi::Stage {
        size: size_of::<abi::Stage>() as u32,
        version: 1,
        name: texts[0].as_ptr(),
        signature: texts[1].as_ptr(),
        doc: texts[2].as_ptr(),
        open: Some(open_stage::<S>),
        feed: Some(feed_stage::<S>),
        finish: Some(finish_stage::<S>),
        close: Some(close_stage::<S>),
        data: std::ptr::null_mut(),
    });
    // SAFETY: the record lives until it is taken back when this is dropped.
    if unsafe { (table.add_stage)(&raw const *record) } == 0 {
        return Err(refused());
    }
    Ok(RegisteredStage {
        record,
        table,
        _texts: texts,
    })
}

impl Drop for RegisteredStage {
    fn drop(&mut self) {
        // SAFETY: the host compares the address.
        unsafe { (self.table.remove)((&raw const *self.record).cast()) };
    }
}

thread_local! {
    /// Why a stage did not begin; readable until the next one begins on this thread.
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

unsafe extern "C" fn open_stage<S: NativeStage>(
    _data: *mut c_void,
    options: Bytes,
    message: *mut Bytes,
) -> *mut c_void {
    // SAFETY: whoever begins a stage passes bytes that live through the call.
    let options = unsafe { options.as_slice() };
    match entry::contain("beginning a stage", || S::open(options)) {
        Some(Ok(stage)) => Box::into_raw(Box::new(stage)).cast(),
        failed => {
            let text = match failed {
                Some(Err(error)) => error.to_string(),
                _ => "the stage panicked while it began".to_owned(),
            };
            MESSAGE.with_borrow_mut(|kept| {
                *kept = text;
                if !message.is_null() {
                    // SAFETY: it is a place for a message.
                    unsafe { *message = Bytes::of(kept.as_bytes()) };
                }
            });
            std::ptr::null_mut()
        }
    }
}

/// Runs a part of a stage: 0, or 1 when it has failed, which is logged.
fn run_stage(run: impl FnOnce() -> Result<()>) -> i32 {
    match entry::contain("a stage", run) {
        Some(Ok(())) => 0,
        Some(Err(error)) => {
            entry::log(1, &format!("a stage has failed: {error}"));
            1
        }
        None => 1,
    }
}

unsafe extern "C" fn feed_stage<S: NativeStage>(
    stage: *mut c_void,
    item: Bytes,
    emit: abi::Emit,
    data: *mut c_void,
) -> i32 {
    // SAFETY: `open_stage::<S>` made the box, which one thread uses at a time; the bytes live through the call.
    let (stage, item) = unsafe { (&mut *stage.cast::<S>(), item.as_slice()) };
    // SAFETY: whoever feeds passes a function with its data.
    let mut emit = |given: &[u8]| unsafe { emit(data, Bytes::of(given)) } == 0;
    run_stage(|| stage.feed(item, &mut emit))
}

unsafe extern "C" fn finish_stage<S: NativeStage>(
    stage: *mut c_void,
    emit: abi::Emit,
    data: *mut c_void,
) -> i32 {
    // SAFETY: as in `feed_stage`.
    let stage = unsafe { &mut *stage.cast::<S>() };
    // SAFETY: as in `feed_stage`.
    let mut emit = |given: &[u8]| unsafe { emit(data, Bytes::of(given)) } == 0;
    run_stage(|| stage.finish(&mut emit))
}

unsafe extern "C" fn close_stage<S: NativeStage>(stage: *mut c_void) {
    // SAFETY: `open_stage::<S>` made the box, and a stage is ended once.
    let stage = unsafe { Box::from_raw(stage.cast::<S>()) };
    entry::contain("ending a stage", || drop(stage));
}
