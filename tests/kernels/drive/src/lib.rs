//! The kernel `drive`, for tests only: it makes isolates and drives functions of the program on tokio's event loop, as the
//! kernel that serves HTTP does.

mod later;
mod work;

use std::time::Duration;
use sup_kernel::isolate::{self, FiberLimits, IsolateOptions};
use sup_kernel::{Context, Error, Result, Value};
use work::Work;

/// An integer of a map of options, 0 when it has none.
fn option(cx: &Context, options: Value<'_>, name: &str) -> Result<u64> {
    let key = cx.keyword(name)?;
    let value = options.get(key).and_then(Value::as_int).unwrap_or(0);
    u64::try_from(value).map_err(|_| Error::new("drive/option", format!("{name} is below zero")))
}

/// What the program asks of a run.
fn work_of(cx: &Context, function: Value<'_>, options: Value<'_>) -> Result<Work> {
    let time = |name| {
        Ok(Some(option(cx, options, name)?)
            .filter(|ms| *ms > 0)
            .map(Duration::from_millis))
    };
    Ok(Work {
        function: isolate::share(cx, function)?,
        first: option(cx, options, "first")? as i64,
        n: option(cx, options, "n")? as i64,
        limits: FiberLimits {
            fuel: option(cx, options, "fuel")?,
            deadline: time("deadline-ms")?,
            memory_bytes: option(cx, options, "memory-mib")? << 20,
        },
        cancel_after: time("cancel-after-ms")?,
        drop_after: time("drop-after-ms")?,
    })
}

/// Starts an isolate that does the work, and waits for what comes of it.
fn start<'c>(cx: &'c Context, work: Work, grants: Option<&[&str]>) -> Result<Value<'c>> {
    let (promise, outcomes) = cx.promise()?;
    let options = IsolateOptions {
        grants,
        ..IsolateOptions::default()
    };
    isolate::start(cx, &options, move |isolate| {
        promise.settle(Ok(work::on_event_loop(isolate, work)));
    })?;
    cx.wait(outcomes)
}

sup_kernel::kernel! {
    name: "drive", version: env!("CARGO_PKG_VERSION"),
    needs: ["sup.isolate/1", "sup.fiber/1"],
    capabilities: [NONE],

    /// Calls f with the numbers from :first on, :n of them, each in a fiber of its own, all at once, in an isolate of their
    /// own; a list of the answers. What raised is there as {:code :message}. Options: :n :first :fuel :deadline-ms :memory-mib,
    /// :cancel-after-ms and :drop-after-ms.
    fn "many" (cx, f: Value, options: Value) -> Result<Value> [async] {
        let work = work_of(cx, f, options)?;
        start(cx, work, None)
    }

    /// As many, in an isolate with no other grants than those, a list of texts.
    fn "with-grants" (cx, f: Value, options: Value, grants: Value) -> Result<Value> [async] {
        let work = work_of(cx, f, options)?;
        let names = grants.elements().unwrap_or_default();
        let names: Vec<&str> = names.iter().filter_map(|name| name.as_text()).collect();
        start(cx, work, Some(&names))
    }

    /// Starts an isolate that is driven until it is told to stop. Its handle answers nil then; the promise says how often its
    /// event loop was woken.
    fn "until-stopped" (cx) -> Result<Value> {
        let (promise, woken) = cx.promise()?;
        let handle = isolate::start(cx, &IsolateOptions::default(), move |isolate| {
            promise.settle(Ok(work::until_stopped(isolate)));
        })?;
        cx.list(sup_kernel::ListKind::Brace, &[handle, woken])
    }

    /// The value, so many milliseconds from now: settled by a thread of the kernel.
    fn "later" (cx, ms: i64, value: i64) -> Result<Value> [async] {
        let (promise, handle) = cx.promise()?;
        later::settle(Duration::from_millis(u64::try_from(ms).unwrap_or(0)), promise, value);
        cx.wait(handle)
    }

    /// Waits for what never comes.
    fn "never" (cx) -> Result<Value> [async] {
        let (promise, handle) = cx.promise()?;
        later::keep(promise);
        cx.wait(handle)
    }

    /// Nanoseconds that a call of f takes, from its start to its answer, when n are made one after the other on a driven
    /// isolate: a list of the median of so many rounds and the fastest.
    fn "nanoseconds" (cx, f: Value, n: i64, rounds: i64) -> Result<Value> [async] {
        let function = isolate::share(cx, f)?;
        let (promise, outcome) = cx.promise()?;
        isolate::start(cx, &IsolateOptions::default(), move |isolate| {
            promise.settle(work::measure(isolate, &function, n, rounds));
        })?;
        cx.wait(outcome)
    }
}
