//! What stores answer, with paths and with computed keys.

use super::kernel_table;
use sup_kernel::fake::{Data, FakeHost};

fn host() -> Box<FakeHost> {
    let host = FakeHost::new(kernel_table());
    assert_eq!(host.call("open-memory", &[Data::symbol("mem")]), Ok(Data::Int(0)));
    host
}

fn code(result: Result<Data, Data>) -> String {
    match result {
        Ok(Data::Error { code, .. }) => code,
        other => panic!("{other:?} is no error value"),
    }
}

fn int(value: i64) -> Data {
    Data::Int(value)
}

fn mem() -> Data {
    Data::keyword("mem")
}

#[test]
fn the_predecessors_calls() {
    let host = host();
    let x = Data::path("mem:x");
    assert_eq!(code(host.call("get", std::slice::from_ref(&x))), "kv/not-found");
    assert_eq!(host.call("set", &[x.clone(), int(42)]), Ok(int(0)));
    assert_eq!(host.call("get", std::slice::from_ref(&x)), Ok(int(42)));
    assert_eq!(code(host.call("snx", &[x.clone(), int(1)])), "kv/exists");
    assert_eq!(host.call("cas", &[x.clone(), int(42), int(100)]), Ok(int(0)));
    assert_eq!(
        code(host.call("cas", &[x.clone(), int(42), int(7)])),
        "kv/mismatch"
    );
    assert_eq!(host.call("get", std::slice::from_ref(&x)), Ok(int(100)));
    assert_eq!(host.call("del", std::slice::from_ref(&x)), Ok(int(0)));
    assert_eq!(code(host.call("del", std::slice::from_ref(&x))), "kv/not-found");
    assert_eq!(host.call("snx", &[x, int(1)]), Ok(int(0)));
    assert_eq!(code(host.call("get", &[Data::path("other:x")])), "kv/no-store");
    assert_eq!(host.call("open-memory", &[Data::symbol("mem")]), Ok(int(0)));
    assert_eq!(host.call("get", &[Data::path("mem:x")]), Ok(int(1)));
    assert_eq!(
        host.call("open-disk", &[Data::symbol("disk"), "/tmp/x".into()]),
        Ok(int(0))
    );
    assert_eq!(host.signature("open-memory"), "('name :any) :int");
}

#[test]
fn computed_keys_name_the_same_places() {
    let host = host();
    assert_eq!(
        host.call("set", &[mem(), "user/1".into(), Data::list(["a"])]),
        Ok(int(0))
    );
    assert_eq!(
        host.call("get", &["mem".into(), "user/1".into()]),
        Ok(Data::list(["a"]))
    );
    assert_eq!(host.call("set", &[Data::path("mem:x"), int(1)]), Ok(int(0)));
    assert_eq!(host.call("get", &[mem(), Data::symbol("x")]), Ok(int(1)));
    assert_eq!(host.call("key", &[mem(), "x".into()]), Ok(Data::path("mem:x")));
    assert_eq!(host.call("get", &[mem(), "none".into(), int(0)]), Ok(int(0)));
    assert_eq!(host.call("exists?", &[mem(), "x".into()]), Ok(true.into()));
    assert_eq!(host.call("exists?", &[Data::path("mem:none")]), Ok(false.into()));
    assert_eq!(host.call("open?", &[mem()]), Ok(true.into()));
    assert_eq!(host.call("open?", &["none".into()]), Ok(false.into()));
}

#[test]
fn misuse_raises() {
    let host = host();
    assert_eq!(host.raises("get", &[mem()]), "type/mismatch");
    assert_eq!(host.raises("get", &[int(1), int(2)]), "type/mismatch");
    assert_eq!(host.raises("get", &[mem(), int(2)]), "type/mismatch");
    assert_eq!(host.raises("set", &[mem(), "k".into()]), "call/arity");
    assert_eq!(
        host.raises("set", &[mem(), "k".into(), int(1), Data::keyword("wal"), int(2)]),
        "call/arity"
    );
    assert_eq!(
        host.raises("set", &[mem(), "k".into(), int(1), Data::keyword("never")]),
        "kv/durability"
    );
    assert_eq!(host.raises("set", &[mem(), "".into(), int(1)]), "kv/key");
    assert_eq!(
        host.raises("set", &[mem(), "k".repeat(5000).into(), int(1)]),
        "kv/key"
    );
    assert_eq!(
        host.raises("set", &[mem(), "k".into(), Data::Function(0)]),
        "value/not-storable"
    );
    assert_eq!(host.raises("open-memory", &[int(1)]), "type/mismatch");
    assert_eq!(host.raises("scan", &["none".into()]), "kv/no-store");
}

#[test]
fn cas_compares_values_and_tells_what_is_there() {
    let host = host();
    let map = |pairs: [(&str, i64); 2]| {
        Data::Map(
            pairs
                .iter()
                .map(|(key, value)| (Data::keyword(key), int(*value)))
                .collect(),
        )
    };
    host.call("set", &[Data::path("mem:m"), map([("a", 1), ("b", 2)])])
        .expect("sets");
    let swapped = host.call(
        "cas",
        &[
            Data::path("mem:m"),
            map([("b", 2), ("a", 1)]),
            int(1),
            Data::keyword("none"),
        ],
    );
    assert_eq!(swapped, Ok(int(0)));
    let Ok(Data::Error { data, .. }) = host.call("cas", &[mem(), "m".into(), int(2), int(3)]) else {
        panic!("no error value");
    };
    assert_eq!(*data, int(1));
    assert_eq!(
        code(host.call("cas", &[mem(), "none".into(), Data::Nil, int(3)])),
        "kv/mismatch"
    );
}

#[test]
fn many_keys_at_once() {
    let host = host();
    let sets = Data::Map((0..5).map(|n| (format!("k{n}").into(), int(n))).collect());
    assert_eq!(host.call("batch", &[mem(), sets]), Ok(int(0)));
    let deletes = Data::list(["k1"]);
    let more = Data::Map(vec![("z".into(), int(9))]);
    assert_eq!(
        host.call("batch", &[mem(), more, deletes, Data::keyword("wal")]),
        Ok(int(0))
    );
    assert_eq!(
        host.call("keys", &[mem()]),
        Ok(Data::list(["k0", "k2", "k3", "k4", "z"]))
    );
    let options = |pairs: &[(&str, Data)]| {
        Data::Map(
            pairs
                .iter()
                .map(|(key, value)| (Data::keyword(key), value.clone()))
                .collect(),
        )
    };
    let page = options(&[("prefix", "k".into()), ("after", "k0".into()), ("limit", int(2))]);
    let expected = Data::list([
        Data::list(["k2".into(), int(2)]),
        Data::list(["k3".into(), int(3)]),
    ]);
    assert_eq!(host.call("scan", &[mem(), page]), Ok(expected));
    assert_eq!(
        host.call("count", &[mem(), options(&[("prefix", "k".into())])]),
        Ok(int(4))
    );
    assert_eq!(
        host.call("keys", &[mem(), options(&[("limit", int(0))])]),
        Ok(Data::list::<i64>([]))
    );
    assert_eq!(host.raises("scan", &[mem(), int(1)]), "type/mismatch");
    assert_eq!(
        host.raises("scan", &[mem(), options(&[("limit", int(-1))])]),
        "type/mismatch"
    );
    assert_eq!(host.raises("batch", &[mem(), int(1)]), "type/mismatch");
    host.interrupt();
    let many = Data::Map((0..600).map(|n| (format!("k{n}").into(), int(n))).collect());
    host.call("batch", &[mem(), many]).expect("sets");
    assert_eq!(host.raises("count", &[mem()]), "kv/interrupted");
}

#[test]
fn update_puts_what_a_function_makes() {
    let host = host();
    let next = host.function(|arguments| match arguments {
        [Data::Nil] => Ok(Data::Int(1)),
        [Data::Int(value)] => Ok(Data::Int(value + 1)),
        _ => Err(Data::symbol("wrong")),
    });
    assert_eq!(
        host.call("update", &[mem(), "n".into(), next.clone()]),
        Ok(int(1))
    );
    assert_eq!(
        host.call("update", &[mem(), "n".into(), next.clone()]),
        Ok(int(2))
    );
    host.call("set", &[mem(), "n".into(), "text".into()])
        .expect("sets");
    assert_eq!(
        host.call("update", &[mem(), "n".into(), next]),
        Err(Data::symbol("wrong"))
    );
    assert_eq!(host.call("get", &[Data::path("mem:n")]), Ok("text".into()));
}
