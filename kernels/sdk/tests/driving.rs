//! A kernel that drives isolates, on the fake host: what its futures come to, and when it is told to stop.

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::Duration;
use sup_kernel::fake::{Data, FakeHost};
use sup_kernel::isolate::{self, FiberLimits, Isolate, IsolateOptions, Shared, Status};
use sup_kernel::{Result, Value};

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn see(what: String) {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).push(what);
}

/// Wakes a thread that waits for a message.
struct Bell(mpsc::SyncSender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        // One ring that is not heard yet is as good as two.
        let _ = self.0.try_send(());
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let (ring, heard) = mpsc::sync_channel(1);
    let waker = Waker::from(Arc::new(Bell(ring)));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => heard
                .recv_timeout(Duration::from_secs(10))
                .expect("somebody wakes"),
        }
    }
}

fn drive(isolate: Isolate, function: &Shared, n: i64) {
    let Some(handler) = isolate.handler(function) else {
        return see("no function".to_owned());
    };
    for number in 0..n {
        let call = isolate.call(
            &handler,
            FiberLimits::default(),
            |cx, arguments| arguments.push(cx.int(number)?),
            |_cx, answer| match answer {
                Ok(value) => format!("{:?}", value.as_int()),
                Err(error) => format!("raises {:?}", error.field("code").and_then(Value::as_name)),
            },
        );
        see(block_on(call));
    }
    let failed = isolate.call(
        &handler,
        FiberLimits::default(),
        |_cx, _arguments| Err(sup_kernel::Error::new("test/no", "no arguments")),
        |_cx, answer| answer.is_err(),
    );
    see(format!("fails {}", block_on(failed)));
    drop(isolate.call(
        &handler,
        FiberLimits::default(),
        |_cx, _arguments| Ok(()),
        |_cx, _answer| (),
    ));
    let usage = isolate.usage().expect("this is the time");
    see(format!("left {}", usage.n_driven));
    let named = isolate.handler_named("main/other").is_some();
    let number = isolate.enter(|cx| cx.int(7).ok().and_then(Value::as_int));
    see(format!("{named} {number:?}"));
    assert_eq!(block_on(isolate.run()), Status::Stopped);
    see("stopped".to_owned());
}

sup_kernel::kernel! {
    name: "driver", version: "1.0.0",
    needs: ["sup.isolate/1", "sup.fiber/1"],

    fn "drive" (cx, function: Value, n: i64) -> Result<Value> {
        let function = isolate::share(cx, function)?;
        isolate::start(cx, &IsolateOptions::default(), move |isolate| drive(isolate, &function, n))
    }

    fn "one" (cx, function: Value) -> Result<Value> {
        let function = isolate::share(cx, function)?;
        let (promise, outcome) = cx.promise()?;
        isolate::start(cx, &IsolateOptions::default(), move |isolate| {
            let Some(handler) = isolate.handler(&function) else { return };
            let call = isolate.call(
                &handler,
                FiberLimits::default(),
                |_cx, _arguments| Ok(()),
                |_cx, answer| answer.ok().and_then(Value::as_int),
            );
            promise.settle(Ok(block_on(call)));
        })?;
        Ok(outcome)
    }

    fn "wait" (cx, promise: Value) -> Result<Value> [async] { cx.wait(promise) }

    fn "later" (cx, value: i64) -> Result<Value> {
        let (promise, handle) = cx.promise()?;
        std::thread::spawn(move || promise.settle(Ok(value)));
        Ok(handle)
    }
}

#[test]
fn a_driven_function_is_a_future_of_its_answer() {
    let host = FakeHost::new(kernel_table());
    let function = host.function(move |arguments| match &arguments[0] {
        Data::Int(2) => Err(Data::Error {
            code: "test/two".to_owned(),
            message: String::new(),
            data: Box::new(Data::Nil),
        }),
        Data::Int(number) => Ok(Data::Int(number * 10)),
        _ => Ok(Data::Nil),
    });
    host.name_function("main/other", &function);
    let handle = host.call("drive", &[function, Data::Int(3)]).expect("starts");
    assert_eq!(host.drive(), 1);
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let expected = [
        "Some(0)",
        "Some(10)",
        "raises Some(\"test/two\")",
        "fails true",
        "left 0",
        "true Some(Some(7))",
        "stopped",
    ];
    assert_eq!(seen, expected);
    assert_eq!(host.call("wait", &[handle]), Ok(Data::Nil));
    assert_eq!(host.drive(), 0, "it was driven to its end");
}

#[test]
fn a_function_that_waits_wakes_its_future() {
    let host = FakeHost::new(kernel_table());
    let promise = host.call("later", &[Data::Int(5)]).expect("promises");
    let function = host.function(move |_| Ok(promise.clone()));
    let outcome = host.call("one", &[function]).expect("starts");
    assert_eq!(host.drive(), 1);
    assert_eq!(host.call("wait", &[outcome]), Ok(Data::Int(5)));
    let outcome = host.call("one", &[Data::Int(1)]).expect("starts");
    assert_eq!(
        host.drive(),
        1,
        "what is no function is not driven, and nothing hangs"
    );
    assert_eq!(host.raises("wait", &[outcome]), "kernel/promise-dropped");
}
