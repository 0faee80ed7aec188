//! A kernel with one primitive of each sort, run on the fake host.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;
use sup_kernel::fake::{Data, FakeHost};
use sup_kernel::{
    Error, Keyword, List, ListKind, Map, Name, Number, Quoted, Resource, Rest, Result, Rooted, State, Value,
};

static DROPPED: AtomicUsize = AtomicUsize::new(0);

struct Tally {
    count: AtomicI64,
}

impl State for Tally {
    const VERSION: u32 = 3;

    fn load(saved: Option<(u32, &[u8])>) -> Result<Tally> {
        let count = match saved {
            None => 0,
            Some((3, bytes)) => {
                i64::from_le_bytes(bytes.try_into().map_err(|_| Error::new("test/state", "short"))?)
            }
            Some((version, _)) => return Err(Error::new("test/state", format!("unknown version {version}"))),
        };
        Ok(Tally {
            count: AtomicI64::new(count),
        })
    }

    fn save(&self) -> Result<Vec<u8>> {
        Ok(self.count.load(Ordering::Relaxed).to_le_bytes().to_vec())
    }
}

struct Cup(i64);

impl Resource for Cup {
    const NAME: &'static std::ffi::CStr = c"cup";
}

impl Drop for Cup {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

sup_kernel::kernel! {
    name: "sample", version: "1.2.3",
    state: Tally,
    resources: [Cup],

    /// Sum of two integers.
    ///
    /// Raises `alu/overflow`.
    fn "add" (a: i64, b: i64) -> Result<i64> [pure, leaf, intrinsic = ADD_INT, alias = "plus"] {
        a.checked_add(b).ok_or_else(Error::overflow)
    }

    fn "total" (numbers: Rest<Number>) -> Result<f64> [pure, everyday] {
        numbers.iter().try_fold(0.0, |sum, number| Ok(sum + number?.to_real()))
    }

    fn "shout" (text: &str, mark: Option<&str>) -> String { format!("{}{}", text.to_uppercase(), mark.unwrap_or("!")) }

    fn "name-of" (name: Quoted<Name>) -> String { name.0.0.to_owned() }

    fn "count" (cx) -> Result<i64> { Ok(cx.state::<Tally>()?.count.fetch_add(1, Ordering::Relaxed) + 1) }

    fn "fill" (cx, amount: i64) -> Result<Value> { cx.resource(Cup(amount)) }

    fn "drink" (cup: &Cup) -> i64 { cup.0 }

    fn "map" (cx, function: Rooted, list: Rooted) -> Result<Rooted> {
        let length = list.get(cx).length().unwrap_or(0);
        let mut mapped = Vec::new();
        for index in 0..length {
            let element = list.get(cx).at(index).ok_or_else(|| Error::new("test/short", "the list shrank"))?.root();
            mapped.push(cx.call(function, &[element])?);
        }
        let mapped: Vec<Value> = mapped.iter().map(|element| element.get(cx)).collect();
        Ok(cx.list(ListKind::Brace, &mapped)?.root())
    }

    fn "caught" (cx, function: Rooted) -> Result<String> {
        match cx.call(function, &[]) {
            Ok(_) => Ok("nothing".to_owned()),
            Err(error) => {
                let value = error.value().expect("a function raised it").get(cx);
                Ok(cx.repr(value)?.as_text().unwrap_or_default().to_owned())
            }
        }
    }

    fn "slow" (text: String) -> Result<String> [blocking] {
        std::thread::sleep(Duration::from_millis(5));
        if text.is_empty() { Err(Error::new("test/empty", "no text")) } else { Ok(text.repeat(2)) }
    }

    fn "slow-panic" (_text: String) -> Result<String> [blocking] { panic!("on the pool") }

    fn "later" (cx, value: i64) -> Result<Value> [async] {
        let (promise, handle) = cx.promise()?;
        std::thread::spawn(move || promise.settle(Ok(value + 1)));
        cx.wait(handle)
    }

    fn "forgotten" (cx) -> Result<Value> [async] {
        let (promise, handle) = cx.promise()?;
        drop(promise);
        cx.wait(handle)
    }

    fn "panic" () -> i64 { panic!("as {}", "asked") }

    fn "both" (keyword: Keyword) -> Map<List<String>> {
        Map(vec![("names", List(ListKind::Square, vec![keyword.0.to_owned()]))])
    }
}

fn host() -> Box<FakeHost> {
    FakeHost::new(kernel_table())
}

#[test]
fn arguments_and_answers_are_converted() {
    let host = host();
    assert_eq!(host.call("add", &[1.into(), 2.into()]), Ok(3.into()));
    assert_eq!(
        host.call("plus", &[i64::MAX.into(), 0.into()]),
        Ok(i64::MAX.into())
    );
    assert_eq!(
        host.call("total", &[1.into(), 2.5.into(), 1e300.into()]),
        Ok(1e300.into())
    );
    assert_eq!(host.call("total", &[]), Ok(0.0.into()));
    assert_eq!(host.call("shout", &["short".into()]), Ok("SHORT!".into()));
    assert_eq!(
        host.call("shout", &["a longer text".into(), "?".into()]),
        Ok("A LONGER TEXT?".into())
    );
    assert_eq!(host.call("shout", &["x".into(), Data::Nil]), Ok("X!".into()));
    assert_eq!(host.call("name-of", &[Data::symbol("mem")]), Ok("mem".into()));
    let names = Data::Map(vec![(
        Data::keyword("names"),
        Data::List(ListKind::Square, vec!["k".into()]),
    )]);
    assert_eq!(host.call("both", &[Data::keyword("k")]), Ok(names));
}

#[test]
fn wrong_arguments_raise() {
    let host = host();
    assert_eq!(host.raises("add", &[1.into()]), "call/arity");
    assert_eq!(host.raises("add", &[1.into(), 2.0.into()]), "type/mismatch");
    assert_eq!(host.raises("add", &[i64::MAX.into(), 1.into()]), "alu/overflow");
    assert_eq!(host.raises("drink", &[1.into()]), "type/mismatch");
    assert_eq!(host.raises("total", &["1".into()]), "type/mismatch");
}

#[test]
fn signatures_follow_the_types() {
    let host = host();
    assert_eq!(host.signature("add"), "(a :int b :int) :int");
    assert_eq!(host.signature("total"), "(&rest numbers :any) :real");
    assert_eq!(host.signature("shout"), "(text :str &opt mark :str?) :str");
    assert_eq!(host.signature("name-of"), "('name :any) :str");
    assert_eq!(host.signature("count"), "() :int");
    assert_eq!(host.signature("slow"), "(text :str) :str");
}

#[test]
fn state_is_kept_and_handed_over() {
    let first = host();
    assert_eq!(first.call("count", &[]), Ok(1.into()));
    assert_eq!(first.call("count", &[]), Ok(2.into()));
    let saved = first.save();
    let second = FakeHost::with_saved(kernel_table(), Some((3, &saved)));
    assert_eq!(second.call("count", &[]), Ok(3.into()));
}

#[test]
fn resources_are_dropped_once() {
    let before = DROPPED.load(Ordering::Relaxed);
    let host = host();
    let cup = host.call("fill", &[7.into()]).expect("makes a cup");
    assert_eq!(host.call("drink", &[cup]), Ok(7.into()));
    drop(host);
    assert_eq!(DROPPED.load(Ordering::Relaxed), before + 1);
}

#[test]
fn functions_are_called_back() {
    let host = host();
    let double = host.function(|arguments| match arguments {
        [Data::Int(value)] => Ok(Data::Int(value * 2)),
        _ => Err(Data::symbol("wrong")),
    });
    let doubled = host.call("map", &[double.clone(), Data::list([1, 2, 3])]);
    assert_eq!(doubled, Ok(Data::list([2, 4, 6])));
    assert_eq!(
        host.call("map", &[double, Data::list(["x"])]),
        Err(Data::symbol("wrong"))
    );
    let fails = host.function(|_| Err(Data::keyword("bad")));
    assert_eq!(host.call("caught", &[fails]), Ok(":bad".into()));
}

#[test]
fn promises_settle_from_other_threads() {
    let host = host();
    assert_eq!(host.call("slow", &["ab".into()]), Ok("abab".into()));
    assert_eq!(host.raises("slow", &["".into()]), "test/empty");
    assert_eq!(host.raises("slow-panic", &["".into()]), "kernel/panic");
    assert_eq!(host.call("later", &[1.into()]), Ok(2.into()));
    assert_eq!(host.raises("forgotten", &[]), "kernel/promise-dropped");
}

#[test]
fn panics_are_raised_and_the_host_lives() {
    let host = host();
    let Err(Data::Error { code, message, .. }) = host.call("panic", &[]) else {
        panic!("it raises")
    };
    assert_eq!(code, "kernel/panic");
    assert!(message.contains("as asked"), "{message}");
    assert_eq!(host.call("add", &[1.into(), 1.into()]), Ok(2.into()));
}
