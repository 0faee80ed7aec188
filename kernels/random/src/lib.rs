//! The kernel `random`: numbers, texts and choices by chance, repeatable from a seed. `generator` has the
//! algorithm.
//!
//! Not for secrets: whoever sees enough of the output can tell what comes next.

mod generator;

use generator::Generator;
use std::ffi::CStr;
use std::sync::{Mutex, PoisonError};
use sup_kernel::{Context, Error, List, Resource, Result, State, Value};

/// Longest text, bytes or list that is made, in elements.
const MAX_LENGTH: usize = 1 << 26;

/// Characters of `string`: printable ASCII that needs no escape in a source text.
const PRINTABLE: &[u8; 88] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-./:<=>?@[]^_{|}~";

/// Characters of `string_alpha`.
const ALPHANUMERIC: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The generator that all calls without one of their own share.
struct Shared(Mutex<Generator>);

impl State for Shared {
    const VERSION: u32 = 1;

    fn load(saved: Option<(u32, &[u8])>) -> Result<Shared> {
        let handed_over = saved.and_then(|(_, bytes)| Generator::from_bytes(bytes));
        Ok(Shared(Mutex::new(
            handed_over.unwrap_or_else(Generator::by_chance),
        )))
    }

    fn save(&self) -> Result<Vec<u8>> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).to_bytes())
    }
}

/// A generator of the program's own.
struct Own(Mutex<Generator>);

impl Resource for Own {
    const NAME: &'static CStr = c"generator";
}

/// Runs something with the program's own generator, or the shared one.
fn with<T>(cx: &Context, own: Option<&Own>, run: impl FnOnce(&mut Generator) -> T) -> Result<T> {
    let generator = match own {
        Some(own) => &own.0,
        None => &cx.state::<Shared>()?.0,
    };
    Ok(run(&mut generator.lock().unwrap_or_else(PoisonError::into_inner)))
}

fn length(length: i64) -> Result<usize> {
    match usize::try_from(length) {
        Ok(length) if length <= MAX_LENGTH => Ok(length),
        _ => Err(Error::new(
            "random/size",
            format!("a length is from 0 to {MAX_LENGTH}, not {length}"),
        )),
    }
}

fn text_of(cx: &Context, n_characters: i64, pool: &[u8], own: Option<&Own>) -> Result<String> {
    let n_characters = length(n_characters)?;
    with(cx, own, |generator| {
        (0..n_characters)
            .map(|_| char::from(pool[generator.below(pool.len() as u64) as usize]))
            .collect()
    })
}

sup_kernel::kernel! {
    name: "random", version: env!("CARGO_PKG_VERSION"),
    capabilities: [RANDOM],
    state: Shared,
    resources: [Own],

    /// Makes what the shared generator gives from now on follow from a number.
    fn "seed" (cx, seed: i64) -> Result<()> {
        with(cx, None, |generator| *generator = Generator::from_seed(seed))
    }

    /// A generator of one's own that follows from a number, for the last parameter of the other functions.
    fn "generator" (cx, seed: i64) -> Result<Value> [returns = "resource"] {
        cx.resource(Own(Mutex::new(Generator::from_seed(seed))))
    }

    /// An integer from `min` to `max`, both included. Raises `random/range` when there is none.
    fn "int_range" (cx, min: i64, max: i64, generator: Option<&Own>) -> Result<i64> [alias = "int-range"] {
        if min > max {
            return Err(Error::new("random/range", format!("there is no integer from {min} to {max}")));
        }
        with(cx, generator, |generator| generator.between(min, max))
    }

    /// A real from `min` up to, and not including, `max`. Raises `random/range` when there is none.
    fn "real_range" (cx, min: f64, max: f64, generator: Option<&Own>) -> Result<f64> [alias = "real-range"] {
        if min > max || !(max - min).is_finite() {
            return Err(Error::new("random/range", format!("there is no range from {min} to {max}")));
        }
        // Rounding may reach the end that is not included.
        let last = if min < max { max.next_down() } else { max };
        with(cx, generator, |generator| (min + generator.unit() * (max - min)).min(last))
    }

    /// A real from 0.0 up to, and not including, 1.0.
    fn "real" (cx, generator: Option<&Own>) -> Result<f64> { with(cx, generator, Generator::unit) }

    /// A text of that many printable ASCII characters.
    fn "string" (cx, n: i64, generator: Option<&Own>) -> Result<String> { text_of(cx, n, PRINTABLE, generator) }

    /// A text of that many ASCII letters and digits.
    fn "string_alpha" (cx, n: i64, generator: Option<&Own>) -> Result<String> [alias = "string-alpha"] {
        text_of(cx, n, ALPHANUMERIC, generator)
    }

    /// That many bytes.
    fn "bytes" (cx, n: i64, generator: Option<&Own>) -> Result<Vec<u8>> {
        let n_bytes = length(n)?;
        with(cx, generator, |generator| (0..n_bytes).map(|_| generator.next() as u8).collect())
    }

    /// An element of a list. Raises `random/range` when it is empty.
    fn "choice" (cx, list: Value, generator: Option<&Own>) -> Result<Value> {
        let elements = elements(list)?;
        if elements.is_empty() {
            return Err(Error::new("random/range", "there is no element in an empty list"));
        }
        with(cx, generator, |generator| elements[generator.below(elements.len() as u64) as usize])
    }

    /// The elements of a list in another order.
    fn "shuffle" (cx, list: Value, generator: Option<&Own>) -> Result<List<Value>> {
        let mut shuffled = elements(list)?;
        with(cx, generator, |generator| generator.shuffle(&mut shuffled))?;
        Ok(List(list.list_kind().expect("it has elements, so it is a list"), shuffled))
    }
}

fn elements(list: Value<'_>) -> Result<Vec<Value<'_>>> {
    let found = list.value_type().name();
    list.elements()
        .ok_or_else(|| Error::type_mismatch(format!("argument 1 must be :list, not :{found}")))
}

#[cfg(test)]
mod tests;
