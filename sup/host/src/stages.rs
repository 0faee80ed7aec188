//! `sup.stage/1`: the stages and schemes that kernels offer to pipes, by name.
#![allow(unsafe_code)]

use crate::machine::text;
use crate::table::{name, write_log};
use std::collections::BTreeMap;
use std::ffi::{c_char, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};
use sup_abi::kernel::{Bytes, MAX_NAME_BYTES};
use sup_abi::registry::{MAX_STAGES, SCHEME_SINK, SCHEME_SOURCE, Scheme, Stage, Stages, VisitRecord};
use sup_abi::signature::Signature;

pub(crate) static TABLE: Stages = Stages {
    size: size_of::<Stages>() as u32,
    reserved: 0,
    add_stage,
    add_scheme,
    remove,
    stage,
    scheme,
    each_stage,
    each_scheme,
};

/// Records of one sort by name; of a name the one that counts last.
type Named<T> = BTreeMap<String, Vec<Record<T>>>;

struct Record<T>(*const T);

// SAFETY: the wall has it that any thread may read a record, until the kernel takes it back.
unsafe impl<T> Send for Record<T> {}

static STAGES: Mutex<Named<Stage>> = Mutex::new(BTreeMap::new());
static SCHEMES: Mutex<Named<Scheme>> = Mutex::new(BTreeMap::new());

fn lock<T>(named: &'static Mutex<Named<T>>) -> MutexGuard<'static, Named<T>> {
    named.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add<T>(named: &'static Mutex<Named<T>>, name: String, record: *const T) -> Result<(), String> {
    let mut named = lock(named);
    let n: usize = named.values().map(Vec::len).sum();
    if n >= MAX_STAGES {
        return Err("there are too many".to_owned());
    }
    let records = named.entry(name).or_default();
    records.retain(|known| !std::ptr::eq(known.0, record));
    records.push(Record(record));
    Ok(())
}

/// Whether something was added; why not is logged.
fn added(what: &str, outcome: Result<(), String>) -> i32 {
    if let Err(reason) = &outcome {
        write_log(2, &format!("a {what} was refused: {reason}"));
    }
    i32::from(outcome.is_ok())
}

fn checked_name(text: *const c_char, may: impl Fn(char) -> bool) -> Result<String, String> {
    let name = name(text);
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(may);
    if is_name && name.len() < MAX_NAME_BYTES {
        Ok(name)
    } else {
        Err(format!("{name:?} is no name"))
    }
}

fn check_stage(stage: &Stage) -> Result<String, String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '/';
    if (stage.size as usize) < size_of::<Stage>() {
        return Err("it is shorter than this host expects".to_owned());
    }
    let checked = checked_name(stage.name, is_part)?;
    if checked.matches('/').count() != 1 || checked.ends_with('/') {
        return Err(format!("{checked} is not of the form kernel/name"));
    }
    Signature::parse(&name(stage.signature))
        .map_err(|error| format!("the signature of {checked}: {error}"))?;
    if stage.open.is_none() || stage.feed.is_none() || stage.close.is_none() {
        return Err(format!("{checked} has no open, feed or close"));
    }
    Ok(checked)
}

fn check_scheme(scheme: &Scheme) -> Result<String, String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    if (scheme.size as usize) < size_of::<Scheme>() {
        return Err("it is shorter than this host expects".to_owned());
    }
    let checked = checked_name(scheme.name, is_part)?;
    let has = |direction: u32| scheme.directions & direction != 0;
    if scheme.directions == 0 || scheme.directions & !(SCHEME_SOURCE | SCHEME_SINK) != 0 {
        return Err(format!("{checked} names directions that are none"));
    }
    let is_source = scheme.open_source.is_some() && scheme.read.is_some();
    let is_sink = scheme.open_sink.is_some() && scheme.write.is_some();
    if (has(SCHEME_SOURCE) && !is_source) || (has(SCHEME_SINK) && !is_sink) || scheme.close.is_none() {
        return Err(format!("{checked} lacks a function"));
    }
    Ok(checked)
}

unsafe extern "C" fn add_stage(record: *const Stage) -> i32 {
    // SAFETY: kernels pass a record that lives until they take it back.
    let checked = unsafe { record.as_ref() }.map(check_stage);
    let outcome = checked.unwrap_or_else(|| Err("it is missing".to_owned()));
    added("stage", outcome.and_then(|name| add(&STAGES, name, record)))
}

unsafe extern "C" fn add_scheme(record: *const Scheme) -> i32 {
    // SAFETY: as above.
    let checked = unsafe { record.as_ref() }.map(check_scheme);
    let outcome = checked.unwrap_or_else(|| Err("it is missing".to_owned()));
    added("scheme", outcome.and_then(|name| add(&SCHEMES, name, record)))
}

fn take_back<T>(named: &'static Mutex<Named<T>>, record: *const c_void) -> bool {
    let mut is_found = false;
    lock(named).retain(|_, records| {
        records.retain(|known| {
            let is_it = std::ptr::addr_eq(known.0, record);
            is_found |= is_it;
            !is_it
        });
        !records.is_empty()
    });
    is_found
}

unsafe extern "C" fn remove(record: *const c_void) -> i32 {
    i32::from(take_back(&STAGES, record) || take_back(&SCHEMES, record))
}

fn find<T>(named: &'static Mutex<Named<T>>, name: &str) -> *const T {
    let named = lock(named);
    let records = named.get(name);
    records
        .and_then(|records| records.last())
        .map_or(std::ptr::null(), |record| record.0)
}

unsafe extern "C" fn stage(name: Bytes) -> *const Stage {
    find(&STAGES, &text(name))
}

unsafe extern "C" fn scheme(name: Bytes) -> *const Scheme {
    find(&SCHEMES, &text(name))
}

/// The records that count, by name.
fn all<T>(named: &'static Mutex<Named<T>>) -> Vec<*const T> {
    let named = lock(named);
    let lasts = named.values().filter_map(|records| records.last());
    lasts.map(|record| record.0).collect()
}

unsafe extern "C" fn each_stage(visit: VisitRecord, data: *mut c_void) {
    for record in all(&STAGES) {
        // SAFETY: the visitor and its data are the kernel's, for the time of the call.
        if unsafe { visit(data, record.cast()) } != 0 {
            return;
        }
    }
}

unsafe extern "C" fn each_scheme(visit: VisitRecord, data: *mut c_void) {
    for record in all(&SCHEMES) {
        // SAFETY: as above.
        if unsafe { visit(data, record.cast()) } != 0 {
            return;
        }
    }
}

/// Names of the stages that pipes can name.
#[must_use]
pub fn stage_names() -> Vec<String> {
    lock(&STAGES).keys().cloned().collect()
}

/// Names of the schemes that pipes can name.
#[must_use]
pub fn scheme_names() -> Vec<String> {
    lock(&SCHEMES).keys().cloned().collect()
}
