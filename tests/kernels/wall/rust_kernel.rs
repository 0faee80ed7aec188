//! A kernel of the SDK over the real machine: what it gets, what it makes, what waits, and what panics.

use crate::machine::{Argument, call, machine, message};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use sup_host::{Kernel, Services};
use sup_kernel::{Error, List, ListKind, Map, Number, Resource, Rest, Result, Rooted, Value};

static DROPPED: AtomicUsize = AtomicUsize::new(0);

struct Thing(i64);

impl Resource for Thing {
    const NAME: &'static std::ffi::CStr = c"thing";
}

impl Drop for Thing {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
        assert!(
            self.0 != 13,
            "things with the number 13 panic when they are dropped"
        );
    }
}

sup_kernel::kernel! {
    name: "sample", version: "0.0.1",
    resources: [Thing],

    fn "panic" () -> i64 { panic!("as asked") }

    fn "thing" (cx, number: i64) -> Result<Value> { cx.resource(Thing(number)) }

    fn "number" (thing: &Thing) -> i64 { thing.0 }

    fn "everything" (cx, text: &str) -> Result<Value> {
        let list = cx.make(List(ListKind::Square, vec![text.to_owned(), text.repeat(300)]))?;
        let inner = cx.make(Map(vec![("a", Number::Int(i64::MIN)), ("b", Number::Real(1e300))]))?;
        let bytes = cx.bytes(&[0, 255])?;
        let names = [cx.symbol("s")?, cx.keyword("k")?, cx.path("p:q")?, cx.nil(), cx.boolean(true)];
        let names = cx.list(ListKind::Paren, &names)?;
        cx.list(ListKind::Brace, &[list, inner, bytes, names])
    }

    fn "takes-apart" (cx, value: Value) -> Result<String> {
        let mut text = value.value_type().name().to_owned();
        for element in value.elements().unwrap_or_default() {
            text.push_str(&format!(" {}", element.value_type().name()));
        }
        for (key, element) in value.pairs().unwrap_or_default() {
            let shown = cx.repr(element)?;
            text.push_str(&format!(" {:?}={}", key.as_name(), shown.as_text().unwrap_or_default()));
        }
        Ok(text)
    }

    fn "round-trip" (cx, value: Value) -> Result<Value> {
        let bytes = cx.encode(value)?.to_vec();
        let back = cx.decode(&bytes)?;
        if back.equals(value) { Ok(back) } else { Err(Error::new("test/changed", "the value changed")) }
    }

    fn "map" (cx, function: Rooted, list: Rooted) -> Result<Rooted> {
        let mut mapped = Vec::new();
        for index in 0..list.get(cx).length().unwrap_or(0) {
            let element = list.get(cx).at(index).ok_or_else(|| Error::new("test/short", "it shrank"))?.root();
            mapped.push(cx.call(function, &[element])?);
        }
        let mapped: Vec<Value> = mapped.iter().map(|element| element.get(cx)).collect();
        Ok(cx.list(ListKind::Brace, &mapped)?.root())
    }

    fn "caught" (cx, function: Rooted) -> Result<String> {
        let error = cx.call(function, &[]).expect_err("the test passes one that raises");
        let code = error.value().and_then(|value| value.get(cx).field("code")).and_then(Value::as_name);
        Ok(code.unwrap_or("none").to_owned())
    }

    fn "tail" (cx, function: Value, arguments: Rest) -> Result<Value> {
        let arguments = arguments.iter().collect::<Result<Vec<_>>>()?;
        cx.tail_call(function, &arguments)
    }

    fn "slow" (text: String) -> Result<String> [blocking] {
        std::thread::sleep(Duration::from_millis(2));
        if text.is_empty() { Err(Error::new("test/empty", "no text")) } else { Ok(text.repeat(2)) }
    }

    fn "slow-panic" () -> Result<String> [blocking] { panic!("on the pool") }

    fn "later" (cx, value: i64) -> Result<Value> [async] {
        let (promise, handle) = cx.promise()?;
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(2));
            promise.settle_with(move |cx| {
                let text = cx.text("a text made later")?;
                cx.list(ListKind::Brace, &[cx.int(value)?, text])
            })
        });
        cx.wait(handle)
    }

    fn "at-once" (cx, value: i64) -> Result<Value> [async] {
        let (promise, handle) = cx.promise()?;
        promise.settle(Ok(value));
        cx.wait(handle)
    }

    fn "forgotten" (cx) -> Result<Value> [async] {
        let (promise, handle) = cx.promise()?;
        drop(promise);
        cx.wait(handle)
    }
}

pub fn kernel() -> &'static Arc<Kernel> {
    static KERNEL: OnceLock<Arc<Kernel>> = OnceLock::new();
    KERNEL.get_or_init(|| {
        // SAFETY: the entry is that of the kernel above.
        #[allow(unsafe_code)]
        let kernel = unsafe { sup_host::loader::load_static(sup_kernel_v1) }.expect("loads");
        // The kernel's library is the test itself here: give the test its messages back.
        drop(std::panic::take_hook());
        kernel
    })
}

fn check(cases: &[(&str, &[Argument<'_>], &str)]) {
    let mut vm = machine(&[kernel()], Services::default());
    for (name, arguments, expected) in cases {
        assert_eq!(
            call(&mut vm, &format!("sample/{name}"), arguments),
            *expected,
            "{name}"
        );
    }
}

#[test]
fn values_of_every_kind_are_made_and_read() {
    let long = "ab".repeat(300);
    let everything = format!(
        "{{[\"ab\" \"{long}\"] {{:a {} :b 1e300}} b\"\\0\\xff\" (s :k p:q nil true)}}",
        i64::MIN
    );
    check(&[
        ("everything", &[Argument::Str("ab")], &everything),
        (
            "takes-apart",
            &[Argument::List(vec![Argument::Int(1), Argument::Str("x")])],
            "\"list-c int str\"",
        ),
        ("takes-apart", &[Argument::Real(1e300)], "\"real\""),
        (
            "takes-apart",
            &[Argument::Primitive("sample/panic")],
            "\"primitive\"",
        ),
        ("takes-apart", &[], "raises call/arity"),
        (
            "round-trip",
            &[Argument::List(vec![Argument::Symbol("s"), Argument::Path("p:q")])],
            "{s p:q}",
        ),
        ("round-trip", &[Argument::Int(i64::MAX)], "9223372036854775807"),
    ]);
}

#[test]
fn functions_are_called_back() {
    let list = || {
        Argument::List(vec![
            Argument::Int(0),
            Argument::Str("some longer text"),
            Argument::Int(2),
        ])
    };
    check(&[
        (
            "map",
            &[Argument::Primitive("%not"), list()],
            "{true false false}",
        ),
        (
            "map",
            &[Argument::Primitive("sample/round-trip"), list()],
            "{0 \"some longer text\" 2}",
        ),
        (
            "map",
            &[Argument::Primitive("sample/add"), list()],
            "raises name/unbound",
        ),
        ("map", &[Argument::Int(1), list()], "raises call/not-callable"),
        (
            "caught",
            &[Argument::Primitive("sample/panic")],
            "\"kernel/panic\"",
        ),
        ("tail", &[Argument::Primitive("%not"), Argument::Int(0)], "true"),
        (
            "tail",
            &[Argument::Primitive("sample/later"), Argument::Int(0)],
            "{0 \"a text made later\"}",
        ),
        (
            "map",
            &[Argument::Primitive("sample/later"), list()],
            "raises vm/park-in-native",
        ),
    ]);
}

#[test]
fn promises_park_the_fiber() {
    check(&[
        ("slow", &[Argument::Str("ab")], "\"abab\""),
        ("slow", &[Argument::Str("")], "raises test/empty"),
        ("slow", &[Argument::Int(1)], "raises type/mismatch"),
        ("slow-panic", &[], "raises kernel/panic"),
        ("later", &[Argument::Int(7)], "{7 \"a text made later\"}"),
        ("at-once", &[Argument::Int(7)], "7"),
        ("forgotten", &[], "raises kernel/promise-dropped"),
    ]);
}

#[test]
fn panics_are_errors_and_the_host_lives() {
    let mut vm = machine(&[kernel()], Services::default());
    assert_eq!(call(&mut vm, "sample/panic", &[]), "raises kernel/panic");
    assert!(message(&mut vm, "sample/panic", &[]).contains("as asked"));
}

#[test]
fn resources_are_dropped_with_their_machine_even_when_that_panics() {
    let mut vm = machine(&[kernel()], Services::default());
    let before = DROPPED.load(Ordering::Relaxed);
    for number in [1, 13, 2] {
        let thing =
            crate::machine::call_word(&mut vm, "sample/thing", &[Argument::Int(number)]).expect("makes one");
        assert_eq!(
            call(&mut vm, "sample/number", &[Argument::Word(thing)]),
            number.to_string()
        );
    }
    assert_eq!(
        call(&mut vm, "sample/number", &[Argument::Int(1)]),
        "raises type/mismatch"
    );
    drop(vm);
    assert_eq!(DROPPED.load(Ordering::Relaxed), before + 3);
}
