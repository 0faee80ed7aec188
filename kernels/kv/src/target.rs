//! How a call says what it means: a path `store:key`, or a store's name (a keyword, symbol or string) and a
//! key.

use sup_kernel::extension::{DURABILITY_NONE, DURABILITY_SYNC, DURABILITY_WAL, Store};
use sup_kernel::{Context, Error, Rest, Result, Value, ValueType};

/// Longest key in bytes.
const MAX_KEY_BYTES: usize = 4096;

/// A store by its name, when it is open.
pub enum Found<'c> {
    Store(Store<'c>),
    Missing,
}

/// The arguments of a call, whichever way it says store and key.
pub struct Arguments<'c> {
    store: String,
    key: Vec<u8>,
    /// What follows store and key.
    values: Vec<Value<'c>>,
}

impl<'c> Arguments<'c> {
    /// Takes the arguments apart; so many values must follow store and key, and one option may.
    pub fn of(first: Value<'c>, rest: &Rest<'c>, n_values: usize) -> Result<Arguments<'c>> {
        let mut values = rest.iter().collect::<Result<Vec<_>>>()?;
        let (store, key) = if first.value_type() == ValueType::Path {
            let (store, key) = first
                .as_name()
                .and_then(|path| path.split_once(':'))
                .ok_or_else(|| no_target(first))?;
            (store.to_owned(), checked_key(key.as_bytes())?)
        } else {
            if values.is_empty() {
                return Err(no_target(first));
            }
            (store_name(first)?, key_of(values.remove(0))?)
        };
        let given = values.len();
        if given < n_values || given > n_values + 1 {
            let message = format!("{n_values} values and perhaps an option follow the key, not {given}");
            return Err(Error::new("call/arity", message));
        }
        Ok(Arguments { store, key, values })
    }

    /// The store, when it is open.
    pub fn store(&self, cx: &'c Context) -> Result<Found<'c>> {
        Ok(Store::find(cx, &self.store)?.map_or(Found::Missing, Found::Store))
    }

    /// The error value for a store that is not open.
    pub fn no_store(&self, cx: &'c Context) -> Result<Value<'c>> {
        cx.error_value(&missing(&self.store), cx.nil())
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The value of that number after the key.
    pub fn value(&self, index: usize) -> Result<Value<'c>> {
        self.values
            .get(index)
            .copied()
            .ok_or_else(|| Error::new("call/arity", "a value is missing"))
    }

    /// The option after so many values.
    pub fn option(&self, n_values: usize) -> Result<Option<Value<'c>>> {
        Ok(self.values.get(n_values).copied())
    }

    /// How sure a write must be, as the option after so many values says.
    pub fn durability(&self, n_values: usize) -> Result<u32> {
        durability(self.option(n_values)?)
    }
}

fn no_target(value: Value<'_>) -> Error {
    let found = value.value_type().name();
    Error::type_mismatch(format!(
        "a path such as store:key, or a store and a key, is needed, not :{found}"
    ))
}

fn missing(store: &str) -> Error {
    Error::new("kv/no-store", format!("no store is open under the name {store}"))
}

/// The number of a durability's name.
pub fn durability(option: Option<Value<'_>>) -> Result<u32> {
    let Some(option) = option else {
        return Ok(DURABILITY_SYNC);
    };
    match option.as_name() {
        Some("sync") => Ok(DURABILITY_SYNC),
        Some("wal") => Ok(DURABILITY_WAL),
        Some("none") => Ok(DURABILITY_NONE),
        _ => Err(Error::new("kv/durability", "a write is :sync, :wal or :none")),
    }
}

fn store_name(value: Value<'_>) -> Result<String> {
    let is_name = matches!(value.value_type(), ValueType::Keyword | ValueType::Symbol);
    let name = if is_name { value.as_name() } else { None };
    name.or(value.as_text())
        .map(str::to_owned)
        .ok_or_else(|| no_target(value))
}

/// The open store of a name.
pub fn store_of<'c>(cx: &'c Context, name: Value<'_>) -> Result<Store<'c>> {
    let name = store_name(name)?;
    Store::find(cx, &name)?.ok_or_else(|| missing(&name))
}

/// The bytes of a key: of a string, symbol, keyword or bytes.
pub fn key_of(value: Value<'_>) -> Result<Vec<u8>> {
    if let Some(bytes) = value.as_bytes() {
        return checked_key(bytes);
    }
    let name = value.as_name().ok_or_else(|| {
        let found = value.value_type().name();
        Error::type_mismatch(format!(
            "a key must be a string, symbol, keyword or bytes, not :{found}"
        ))
    })?;
    checked_key(name.as_bytes())
}

fn checked_key(key: &[u8]) -> Result<Vec<u8>> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        let message = format!("a key has 1 to {MAX_KEY_BYTES} bytes, not {}", key.len());
        return Err(Error::new("kv/key", message));
    }
    Ok(key.to_vec())
}

/// Visits the pairs that options ask for; more than a limit of ours raise.
pub fn scan<'c>(
    cx: &'c Context,
    store: Value<'c>,
    options: Option<Value<'c>>,
    most: usize,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    let option = |name: &str| {
        options
            .and_then(|options| options.field(name))
            .filter(|value| !value.is_nil())
    };
    if options.is_some_and(|options| options.value_type() != ValueType::Map) {
        return Err(Error::type_mismatch("the options of a scan are a map"));
    }
    let edge = |name: &str| option(name).map_or_else(|| Ok(Vec::new()), |value| text_of(&value));
    let (prefix, after) = (edge("prefix")?, edge("after")?);
    let limit = option("limit").map(|limit| {
        let limit = limit.as_int().and_then(|limit| usize::try_from(limit).ok());
        limit.ok_or_else(|| Error::type_mismatch("the limit of a scan is a number that is not negative"))
    });
    let limit = limit.transpose()?;
    if limit == Some(0) {
        return Ok(());
    }
    let mut n_visited = 0;
    store_of(cx, store)?.scan(&prefix, &after, limit.unwrap_or(usize::MAX), |key, value| {
        n_visited += 1;
        if n_visited > most {
            return Err(Error::new(
                "kv/too-many",
                format!("there are more than {most} keys; give a limit"),
            ));
        }
        if n_visited % 256 == 0 && cx.is_interrupted() {
            return Err(Error::new("kv/interrupted", "the scan was interrupted"));
        }
        visit(key, value)
    })
}

fn text_of(value: &Value<'_>) -> Result<Vec<u8>> {
    let bytes = value.as_bytes().or_else(|| value.as_name().map(str::as_bytes));
    bytes
        .map(<[u8]>::to_vec)
        .ok_or_else(|| Error::type_mismatch("the edges of a scan are strings"))
}
