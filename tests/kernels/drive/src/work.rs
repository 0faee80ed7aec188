//! What is done with a driven isolate.

use std::future::Future;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, Instant};
use sup_kernel::isolate::{Answer, FiberLimits, Handler, Isolate, Shared};
use sup_kernel::{Context, Error, IntoValue, List, ListKind, Map, Result, Value};
use tokio::task::LocalSet;

/// A function and how it is to be called.
pub struct Work {
    pub function: Shared,
    pub first: i64,
    pub n: i64,
    pub limits: FiberLimits,
    pub cancel_after: Option<Duration>,
    pub drop_after: Option<Duration>,
}

/// How a call has ended.
pub enum Outcome {
    Int(i64),
    Text(String),
    Raised(String, String),
    Dropped,
}

impl<'c> IntoValue<'c> for Outcome {
    const TYPE: &'static str = "any";

    fn into_value(self, cx: &'c Context) -> Result<Value<'c>> {
        match self {
            Outcome::Int(value) => cx.int(value),
            Outcome::Text(text) => cx.text(&text),
            Outcome::Raised(code, message) => Map(vec![("code", code), ("message", message)]).into_value(cx),
            Outcome::Dropped => cx.keyword("dropped"),
        }
    }
}

/// Reads how a fiber has ended.
fn outcome(cx: &Context, answer: Answer<'_>) -> Outcome {
    let shown = |value: Value<'_>| {
        let shown = cx.display(value).ok();
        shown
            .and_then(|text| text.as_text().map(str::to_owned))
            .unwrap_or_default()
    };
    match answer {
        Ok(value) => match value.as_int() {
            Some(value) => Outcome::Int(value),
            None => Outcome::Text(shown(value)),
        },
        Err(error) => {
            let field = |name| error.field(name).map(shown).unwrap_or_default();
            Outcome::Raised(field("code"), field("message"))
        }
    }
}

/// The event loop that an isolate is driven on.
fn event_loop<T>(run: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.expect("an event loop needs nothing but memory");
    LocalSet::new().block_on(&runtime, run)
}

/// Calls the function so often at once, and waits for all; the answers in order.
pub fn on_event_loop(isolate: Isolate, work: Work) -> List<Outcome> {
    let outcomes = event_loop(async move {
        let Some(handler) = isolate.handler(&work.function) else {
            return vec![Outcome::Text("no function".to_owned())];
        };
        let letters = tokio::task::spawn_local(isolate.run());
        let calls: Vec<_> = (work.first..work.first + work.n)
            .map(|number| {
                let call = one(isolate, &handler, &work, number);
                tokio::task::spawn_local(call)
            })
            .collect();
        let mut outcomes = Vec::new();
        for call in calls {
            outcomes.push(call.await.unwrap_or(Outcome::Dropped));
        }
        letters.abort();
        drop(handler);
        // Every fiber has ended or was dropped, and what they have spawned waits for nobody.
        let n_driven = isolate.usage().map_or(0, |usage| usage.n_driven);
        outcomes.push(Outcome::Int(n_driven as i64));
        outcomes
    });
    List(ListKind::Brace, outcomes)
}

fn one(
    isolate: Isolate,
    handler: &Handler,
    work: &Work,
    number: i64,
) -> impl Future<Output = Outcome> + 'static {
    let mut call = isolate.call(
        handler,
        work.limits,
        |cx, arguments| arguments.push(cx.int(number)?),
        outcome,
    );
    let (cancel_after, drop_after) = (work.cancel_after, work.drop_after);
    async move {
        if let Some(time) = drop_after {
            return tokio::time::timeout(time, call).await.unwrap_or(Outcome::Dropped);
        }
        if let Some(time) = cancel_after {
            if let Ok(outcome) = tokio::time::timeout(time, &mut call).await {
                return outcome;
            }
            call.cancel();
        }
        call.await
    }
}

/// Drives an isolate until it is told to stop; how often its event loop was woken.
pub fn until_stopped(isolate: Isolate) -> i64 {
    event_loop(async move {
        let mut run = pin!(isolate.run_until_stopped());
        let mut n_woken = 0;
        std::future::poll_fn(|task: &mut TaskContext<'_>| {
            n_woken += 1;
            run.as_mut().poll(task)
        })
        .await;
        n_woken
    })
}

/// The median and the fastest of so many rounds of n calls, in nanoseconds for one.
pub fn measure(isolate: Isolate, function: &Shared, n: i64, rounds: i64) -> Result<List<i64>> {
    let handler = isolate
        .handler(function)
        .ok_or_else(|| Error::new("drive/function", "that is no function"))?;
    let mut times = Vec::new();
    for _ in 0..rounds.max(1) {
        let start = Instant::now();
        for number in 0..n {
            let mut call = isolate.call(
                &handler,
                FiberLimits {
                    fuel: 25_000_000,
                    deadline: Some(Duration::from_secs(30)),
                    memory_bytes: 64 << 20,
                },
                |cx, arguments| arguments.push(cx.int(number)?),
                |_cx, answer| answer.ok().and_then(Value::as_int),
            );
            let mut task = TaskContext::from_waker(Waker::noop());
            while std::pin::Pin::new(&mut call).poll(&mut task) == Poll::Pending {}
        }
        times.push(start.elapsed().as_nanos() as i64 / n.max(1));
    }
    times.sort_unstable();
    Ok(List(ListKind::Brace, vec![times[times.len() / 2], times[0]]))
}
