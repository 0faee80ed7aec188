//! `sup.metrics/1` and `sup.stage/1`: what kernels measure, and what stream kernels offer to pipes. Everything here may be
//! called from any thread, in `load` too.

use crate::kernel::Bytes;
use core::ffi::{c_char, c_void};

/// Name of `Metrics`.
pub const METRICS: &str = "sup.metrics/1";
/// Name of `Stages`.
pub const STAGE: &str = "sup.stage/1";

/// A series of measurements; 0 is none, and takes everything without effect.
pub type Metric = u32;

/// Most series of a process.
pub const MAX_METRICS: usize = 4096;
/// Most bounds of a histogram.
pub const MAX_BOUNDS: usize = 64;
/// Longest name of a metric, in bytes.
pub const MAX_METRIC_NAME_BYTES: usize = 128;
/// Longest labels and help of a metric, in bytes.
pub const MAX_METRIC_TEXT_BYTES: usize = 1024;

/// `sup.metrics/1`. Names are those of Prometheus, `[a-zA-Z_:][a-zA-Z0-9_:]*`; labels are empty or
/// `name="value"` parted by commas, as its text format has them. What is asked for again, by another generation for example, is
/// the same series and goes on.
#[repr(C)]
pub struct Metrics {
    /// Size of this struct.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// A number that only grows: name, help, labels. 0 when there are too many, a name is wrong or stands for another sort.
    pub counter: unsafe extern "C" fn(Bytes, Bytes, Bytes) -> Metric,
    /// A number that goes up and down.
    pub gauge: unsafe extern "C" fn(Bytes, Bytes, Bytes) -> Metric,
    /// How often values came, by upper bounds, which ascend.
    pub histogram: unsafe extern "C" fn(Bytes, Bytes, Bytes, *const f64, usize) -> Metric,
    /// Adds to a counter (nothing below zero) or a gauge.
    pub add: unsafe extern "C" fn(Metric, f64),
    /// Sets a gauge.
    pub set: unsafe extern "C" fn(Metric, f64),
    /// Counts a value in a histogram.
    pub observe: unsafe extern "C" fn(Metric, f64),
}

/// Takes an item that a stage gives; 0, or something else to have it stop.
pub type Emit = unsafe extern "C" fn(*mut c_void, Bytes) -> i32;

/// A stage of a pipe in native code: one value of this for each kind. Items are values in wire form.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Stage {
    /// Size of this struct.
    pub size: u32,
    /// Version of what it does.
    pub version: u32,
    /// Its name, `kernel/name`.
    pub name: *const c_char,
    /// What it takes and gives, as signatures of primitives are written.
    pub signature: *const c_char,
    /// What it does.
    pub doc: *const c_char,
    /// Begins one, with its options in wire form; null after setting the message.
    pub open: Option<unsafe extern "C" fn(*mut c_void, Bytes, *mut Bytes) -> *mut c_void>,
    /// Takes an item and gives any number. 0, or something else when it has failed.
    pub feed: Option<unsafe extern "C" fn(*mut c_void, Bytes, Emit, *mut c_void) -> i32>,
    /// Gives what is left.
    pub finish: Option<unsafe extern "C" fn(*mut c_void, Emit, *mut c_void) -> i32>,
    /// Ends it, whatever became of it.
    pub close: Option<unsafe extern "C" fn(*mut c_void)>,
    /// The first argument of `open`.
    pub data: *mut c_void,
}

/// Where pipes begin and end, by the scheme of an address such as `tcp://…`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Scheme {
    /// Size of this struct.
    pub size: u32,
    /// Bits of `SCHEME_SOURCE` and `SCHEME_SINK`.
    pub directions: u32,
    /// Its name, without the colon.
    pub name: *const c_char,
    /// What such an address means.
    pub doc: *const c_char,
    /// Begins to read from an address; null after setting the message.
    pub open_source: Option<unsafe extern "C" fn(*mut c_void, Bytes, *mut Bytes) -> *mut c_void>,
    /// Gives items until there are no more for now: 1 for more later, 0 at the end, -1 when it has failed.
    pub read: Option<unsafe extern "C" fn(*mut c_void, Emit, *mut c_void) -> i32>,
    /// Begins to write to an address; null after setting the message.
    pub open_sink: Option<unsafe extern "C" fn(*mut c_void, Bytes, *mut Bytes) -> *mut c_void>,
    /// Writes an item: 0, or something else when it has failed.
    pub write: Option<unsafe extern "C" fn(*mut c_void, Bytes) -> i32>,
    /// Ends what was begun, whatever became of it.
    pub close: Option<unsafe extern "C" fn(*mut c_void)>,
    /// The first argument of what begins.
    pub data: *mut c_void,
}

/// Items can be read.
pub const SCHEME_SOURCE: u32 = 1;
/// Items can be written.
pub const SCHEME_SINK: u32 = 2;

/// Most stages, and most schemes, of a process.
pub const MAX_STAGES: usize = 1024;

/// Is shown a stage or a scheme; 0 to go on, something else to stop.
pub type VisitRecord = unsafe extern "C" fn(*mut c_void, *const c_void) -> i32;

/// `sup.stage/1`. Records live until they were taken back.
#[repr(C)]
pub struct Stages {
    /// Size of this struct.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Registers a stage: 1, or 0 when something is wrong with it, which is logged. One of the same name takes the place of the
    /// one before for what begins from then on.
    pub add_stage: unsafe extern "C" fn(*const Stage) -> i32,
    /// Registers a scheme, in the same way.
    pub add_scheme: unsafe extern "C" fn(*const Scheme) -> i32,
    /// Takes back a stage or a scheme, by its record; to be done in `unload` at the latest. 1, or 0 when it is not there.
    pub remove: unsafe extern "C" fn(*const c_void) -> i32,
    /// The stage of that name, or null.
    pub stage: unsafe extern "C" fn(Bytes) -> *const Stage,
    /// The scheme of that name, or null.
    pub scheme: unsafe extern "C" fn(Bytes) -> *const Scheme,
    /// Shows all stages by name.
    pub each_stage: unsafe extern "C" fn(VisitRecord, *mut c_void),
    /// Shows all schemes by name.
    pub each_scheme: unsafe extern "C" fn(VisitRecord, *mut c_void),
}
