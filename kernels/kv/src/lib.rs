//! The kernel `kv`: named stores of keys and values. `target` tells how a call says which store and key it
//! means.
//!
//! The stores themselves are the host's, reached through `sup.store/1`: values go there in their binary form,
//! and this kernel links no database. What a program must expect (a missing key, a lost race) is an error
//! value; misuse raises.

mod target;

use sup_kernel::extension::{Store, Write};
use sup_kernel::{Context, Error, List, ListKind, Name, Quoted, Rest, Result, Rooted, Value};
use target::{Arguments, Found, durability, key_of, store_of};

/// Most pairs that one scan answers.
const MAX_SCAN: usize = 1_000_000;
/// How often a change is tried again when others change the same key.
const MAX_TRIES: usize = 1000;

/// An answer that programs expect instead of a value.
fn expected<'c>(cx: &'c Context, code: &'static str, message: String) -> Result<Value<'c>> {
    cx.error_value(&Error::new(code, message), cx.nil())
}

fn not_found<'c>(cx: &'c Context, key: &[u8]) -> Result<Value<'c>> {
    expected(
        cx,
        "kv/not-found",
        format!("there is no key {}", String::from_utf8_lossy(key)),
    )
}

fn contended() -> Error {
    Error::new(
        "kv/contended",
        format!("others changed the key {MAX_TRIES} times meanwhile"),
    )
}

/// A key as a value: text, or bytes where it is none.
fn key_value<'c>(cx: &'c Context, key: &[u8]) -> Result<Value<'c>> {
    match std::str::from_utf8(key) {
        Ok(text) => cx.text(text),
        Err(_) => cx.bytes(key),
    }
}

sup_kernel::kernel! {
    name: "kv", version: env!("CARGO_PKG_VERSION"),
    needs: ["sup.store/1"],
    capabilities: [STORE],

    /// Opens a store in memory under a name: `(kv/open-memory mem)`. A store that is open under it stays as
    /// it is. Answers 0.
    fn "open-memory" (cx, name: Quoted<Name>) -> Result<i64> { Store::open_memory(cx, name.0.0).map(|_| 0) }

    /// Opens a store on disk under a name: of the instance's own store, or of one in a directory. A store
    /// that is open under the name stays as it is. Answers 0.
    fn "open-disk" (cx, name: Quoted<Name>, path: Option<&str>) -> Result<i64> {
        Store::open_disk(cx, name.0.0, path).map(|_| 0)
    }

    /// Whether a store is open under a name: `(kv/open? :mem)`.
    fn "open?" (cx, name: Name) -> Result<bool> { Ok(Store::find(cx, name.0)?.is_some()) }

    /// Puts a value at a key: `(kv/set mem:x 42)` or, with a computed key, `(kv/set :mem key 42)`. A last
    /// argument `:sync` (the default), `:wal` or `:none` says how sure the write must be. Answers 0.
    fn "set" (cx, destination: Value, rest: Rest) -> Result<Value> {
        let arguments = Arguments::of(destination, &rest, 1)?;
        let durability = arguments.durability(1)?;
        let Found::Store(store) = arguments.store(cx)? else { return arguments.no_store(cx) };
        let value = Some(cx.encode(arguments.value(0)?)?.to_vec());
        store.write(&[Write { key: arguments.key().to_vec(), value }], durability)?;
        cx.int(0)
    }

    /// The value at a key: `(kv/get mem:x)` or `(kv/get :mem key)`. Without one the error value
    /// `@{:code kv/not-found}`, or the last argument when there is one more.
    fn "get" (cx, source: Value, rest: Rest) -> Result<Value> {
        let arguments = Arguments::of(source, &rest, 0)?;
        let Found::Store(store) = arguments.store(cx)? else { return arguments.no_store(cx) };
        match store.get(arguments.key())? {
            Some(bytes) => cx.decode(bytes),
            None => match arguments.option(0)? {
                Some(default) => cx.make(default),
                None => not_found(cx, arguments.key()),
            },
        }
    }

    /// Whether there is a value at a key: `(kv/exists? mem:x)` or `(kv/exists? :mem key)`.
    fn "exists?" (cx, source: Value, rest: Rest) -> Result<bool> {
        let arguments = Arguments::of(source, &rest, 0)?;
        let Found::Store(store) = arguments.store(cx)? else { return Ok(false) };
        Ok(store.get(arguments.key())?.is_some())
    }

    /// Removes a key: `(kv/del mem:x)` or `(kv/del :mem key)`. Answers 0, or the error value
    /// `@{:code kv/not-found}`.
    fn "del" (cx, source: Value, rest: Rest) -> Result<Value> {
        let arguments = Arguments::of(source, &rest, 0)?;
        let durability = arguments.durability(0)?;
        let Found::Store(store) = arguments.store(cx)? else { return arguments.no_store(cx) };
        for _ in 0..MAX_TRIES {
            let Some(before) = store.get(arguments.key())? else { return not_found(cx, arguments.key()) };
            if store.replace(arguments.key(), Some(before), None, durability)? {
                return cx.int(0);
            }
        }
        Err(contended())
    }

    /// Puts a value at a key that has none: as `set`. Answers 0, or the error value `@{:code kv/exists}`.
    fn "snx" (cx, destination: Value, rest: Rest) -> Result<Value> {
        let arguments = Arguments::of(destination, &rest, 1)?;
        let durability = arguments.durability(1)?;
        let Found::Store(store) = arguments.store(cx)? else { return arguments.no_store(cx) };
        let bytes = cx.encode(arguments.value(0)?)?;
        if store.replace(arguments.key(), None, Some(bytes), durability)? {
            return cx.int(0);
        }
        expected(cx, "kv/exists", format!("the key {} has a value", String::from_utf8_lossy(arguments.key())))
    }

    /// Puts a value at a key if a value deeply equal to the expected one is there:
    /// `(kv/cas mem:x expected new)` or `(kv/cas :mem key expected new)`. Answers 0, or the error value
    /// `@{:code kv/mismatch}` whose data is what is there.
    fn "cas" (cx, destination: Value, rest: Rest) -> Result<Value> {
        let arguments = Arguments::of(destination, &rest, 2)?;
        let durability = arguments.durability(2)?;
        let Found::Store(store) = arguments.store(cx)? else { return arguments.no_store(cx) };
        let (wanted, after) = (arguments.value(0)?, cx.encode(arguments.value(1)?)?);
        for _ in 0..MAX_TRIES {
            let before = store.get(arguments.key())?;
            let current = before.map_or_else(|| Ok(cx.nil()), |bytes| cx.decode(bytes))?;
            if before.is_none() || !current.equals(wanted) {
                return cx.error_value(&Error::new("kv/mismatch", "another value is there"), current);
            }
            if store.replace(arguments.key(), before, Some(after), durability)? {
                return cx.int(0);
            }
        }
        Err(contended())
    }

    /// Puts what a function makes of the value at a key in its place, whatever others do meanwhile, and
    /// answers it: `(kv/update :mem key f)`. A missing value is nil. The function may run more than once.
    fn "update" (cx, store: Rooted, key: Rooted, function: Rooted) -> Result<Rooted> {
        for _ in 0..MAX_TRIES {
            let before = store_of(cx, store.get(cx))?.get(&key_of(key.get(cx))?)?.map(<[u8]>::to_vec);
            let current = before.as_deref().map_or_else(|| Ok(cx.nil()), |bytes| cx.decode(bytes))?.root();
            let changed = cx.call(function, &[current])?;
            let after = cx.encode(changed.get(cx))?;
            let (store, key) = (store_of(cx, store.get(cx))?, key_of(key.get(cx))?);
            if store.replace(&key, before.as_deref(), Some(after), durability(None)?)? {
                return Ok(changed);
            }
        }
        Err(contended())
    }

    /// Carries out many writes, all or none: `(kv/batch :mem {: "a" 1 "b" 2} {"c"})` sets the keys of a map
    /// and removes those of a list. Answers 0.
    fn "batch" (cx, store: Value, sets: Value, deletes: Option<Value>, sure: Option<Value>) -> Result<i64> {
        let pairs = sets.pairs().ok_or_else(|| Error::type_mismatch("the writes of a batch are a map"))?;
        let mut writes = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            writes.push(Write { key: key_of(key)?, value: Some(cx.encode(value)?.to_vec()) });
        }
        let no_list = || Error::type_mismatch("the removed keys are a list");
        let removed = deletes.map(|keys| keys.elements().ok_or_else(no_list));
        for key in removed.transpose()?.unwrap_or_default() {
            writes.push(Write { key: key_of(key)?, value: None });
        }
        store_of(cx, store)?.write(&writes, durability(sure)?)?;
        Ok(0)
    }

    /// Pairs `{key value}` of a store in the order of keys. Options in a map: `:prefix` keys that start so,
    /// `:after` keys that come after, `:limit` at most so many. Without a limit more than a million raise
    /// `kv/too-many`.
    fn "scan" (cx, store: Value, options: Option<Value>) -> Result<List<List<Value>>> {
        let mut pairs = Vec::new();
        target::scan(cx, store, options, MAX_SCAN, |key, value| {
            pairs.push(List(ListKind::Brace, vec![key_value(cx, key)?, cx.decode(value)?]));
            Ok(())
        })?;
        Ok(List(ListKind::Brace, pairs))
    }

    /// Keys of a store in order; options as of `scan`.
    fn "keys" (cx, store: Value, options: Option<Value>) -> Result<List<Value>> {
        let mut keys = Vec::new();
        target::scan(cx, store, options, MAX_SCAN, |key, _| {
            keys.push(key_value(cx, key)?);
            Ok(())
        })?;
        Ok(List(ListKind::Brace, keys))
    }

    /// Number of keys in a store; options as of `scan`.
    fn "count" (cx, store: Value, options: Option<Value>) -> Result<usize> {
        let mut n_keys = 0;
        target::scan(cx, store, options, usize::MAX, |_, _| {
            n_keys += 1;
            Ok(())
        })?;
        Ok(n_keys)
    }

    /// The path of a store and a computed key: `(kv/get (kv/key :mem "x"))` is `(kv/get mem:x)`. Paths are
    /// names, which are kept for ever: for many keys use the forms that take store and key.
    fn "key" (cx, store: Name, key: &str) -> Result<Value> [returns = "path", capabilities = [NONE]] {
        cx.path(&format!("{}:{key}", store.0))
    }
}

#[cfg(test)]
mod tests;
