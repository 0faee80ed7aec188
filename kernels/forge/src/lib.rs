//! The kernel `forge`: surgery on lists and strings. `sequence` tells how both are taken apart and put
//! together.
//!
//! Every function answers a new list of the kind of its first argument, or a string for a string; any other
//! value counts as a paren list of one element. Elements are whatever they are: nothing is copied, printed or
//! evaluated.

mod bits;
mod sequence;

use sequence::{Sequence, matches_at};
use sup_kernel::{Error, List, ListKind, Result, Value};

/// Longest list that `resize` makes, in elements.
const MAX_LENGTH: usize = 1 << 24;

/// How far to turn or shift: nothing when the count is not positive or the sequence is empty.
fn steps(n: i64, length: usize) -> usize {
    match u64::try_from(n) {
        Ok(n) if length > 0 => (n % length as u64) as usize,
        _ => 0,
    }
}

sup_kernel::kernel! {
    name: "forge", version: env!("CARGO_PKG_VERSION"),
    capabilities: [NONE],

    /// A list of that many elements: cut off at the end, or filled up with `default`. A negative count
    /// changes nothing.
    fn "resize" (cx, list: Value, n: i64, default: Value) -> Result<Value> {
        let mut sequence = Sequence::of(cx, list)?;
        let Ok(length) = usize::try_from(n) else { return sequence.finish(cx) };
        if length > MAX_LENGTH {
            return Err(Error::new("forge/size", format!("a list has at most {MAX_LENGTH} elements")));
        }
        let filling = sequence.items_of(cx, default)?;
        while sequence.items.len() < length && !filling.is_empty() {
            sequence.items.extend_from_slice(&filling);
        }
        sequence.items.truncate(length);
        sequence.finish(cx)
    }

    /// A list with one more element at its front.
    fn "pf" (cx, list: Value, element: Value) -> Result<Value> {
        let mut sequence = Sequence::of(cx, list)?;
        let items = sequence.items_of(cx, element)?;
        sequence.items.splice(0..0, items);
        sequence.finish(cx)
    }

    /// A list with one more element at its back.
    fn "pb" (cx, list: Value, element: Value) -> Result<Value> {
        let mut sequence = Sequence::of(cx, list)?;
        let items = sequence.items_of(cx, element)?;
        sequence.items.extend(items);
        sequence.finish(cx)
    }

    /// A list without its first element.
    fn "rf" (cx, list: Value) -> Result<Value> {
        let mut sequence = Sequence::of(cx, list)?;
        let n_dropped = sequence.items.len().min(1);
        sequence.items.drain(..n_dropped);
        sequence.finish(cx)
    }

    /// A list without its last element.
    fn "rb" (cx, list: Value) -> Result<Value> {
        let mut sequence = Sequence::of(cx, list)?;
        sequence.items.pop();
        sequence.finish(cx)
    }

    /// A list without its first n elements, n taken modulo the length; a count that is not positive changes
    /// nothing.
    fn "lsh" (cx, list: Value, n: i64) -> Result<Value> {
        let mut sequence = Sequence::of(cx, list)?;
        let n_dropped = steps(n, sequence.items.len());
        sequence.items.drain(..n_dropped);
        sequence.finish(cx)
    }

    /// A list without its last n elements, n taken modulo the length; a count that is not positive changes
    /// nothing.
    fn "rsh" (cx, list: Value, n: i64) -> Result<Value> {
        let mut sequence = Sequence::of(cx, list)?;
        let n_kept = sequence.items.len() - steps(n, sequence.items.len());
        sequence.items.truncate(n_kept);
        sequence.finish(cx)
    }

    /// A list turned right by n: the last element comes first.
    fn "rotr" (cx, list: Value, n: i64) -> Result<Value> {
        let mut sequence = Sequence::of(cx, list)?;
        let n_steps = steps(n, sequence.items.len());
        sequence.items.rotate_right(n_steps);
        sequence.finish(cx)
    }

    /// A list turned left by n: the first element comes last.
    fn "rotl" (cx, list: Value, n: i64) -> Result<Value> {
        let mut sequence = Sequence::of(cx, list)?;
        let n_steps = steps(n, sequence.items.len());
        sequence.items.rotate_left(n_steps);
        sequence.finish(cx)
    }

    /// A list in the opposite order.
    fn "rev" (cx, list: Value) -> Result<Value> {
        let mut sequence = Sequence::of(cx, list)?;
        sequence.items.reverse();
        sequence.finish(cx)
    }

    /// Number of elements of a list, of characters of a string; 1 for any other value.
    fn "count" (list: Value) -> usize {
        let is_sequence = list.list_kind().is_some() || list.as_text().is_some();
        if is_sequence { list.length().unwrap_or(0) } else { 1 }
    }

    /// The elements of both lists. The second may also be a single element.
    fn "concat" (cx, a: Value, b: Value) -> Result<Value> {
        let mut sequence = Sequence::of(cx, a)?;
        let items = match b.elements() {
            Some(elements) => sequence.all_items_of(cx, &elements)?,
            None => sequence.items_of(cx, b)?,
        };
        sequence.items.extend(items);
        sequence.finish(cx)
    }

    /// A list with one value in place of every element that is deeply equal to another; in a string, one text
    /// in place of every other.
    fn "replace" (cx, list: Value, wanted: Value, replacement: Value) -> Result<Value> {
        let mut sequence = Sequence::of(cx, list)?;
        let wanted = sequence.items_of(cx, wanted)?;
        let replacement = sequence.items_of(cx, replacement)?;
        sequence.replace(&wanted, &replacement);
        sequence.finish(cx)
    }

    /// A list without the elements that are deeply equal to a value; a string without a text.
    fn "drop_match" (cx, list: Value, wanted: Value) -> Result<Value> [alias = "drop-match"] {
        let mut sequence = Sequence::of(cx, list)?;
        let wanted = sequence.items_of(cx, wanted)?;
        sequence.replace(&wanted, &[]);
        sequence.finish(cx)
    }

    /// A list without the elements at `start`, `start + period` and so on. A period that is not positive and
    /// a negative start change nothing.
    fn "drop_period" (cx, list: Value, start: i64, period: i64) -> Result<Value> [alias = "drop-period"] {
        let mut sequence = Sequence::of(cx, list)?;
        if start >= 0 && period > 0 {
            let mut index = -1;
            sequence.items.retain(|_| {
                index += 1;
                index < start || (index - start) % period != 0
            });
        }
        sequence.finish(cx)
    }

    /// Index of the first element that is deeply equal to a value, of the first place of a text in a string;
    /// nil for none.
    fn "find" (cx, list: Value, wanted: Value) -> Result<Option<usize>> [returns = "int?"] {
        let sequence = Sequence::of(cx, list)?;
        let wanted = sequence.items_of(cx, wanted)?;
        Ok((0..=sequence.items.len()).find(|at| matches_at(&sequence.items, *at, &wanted)))
    }

    /// The 64 bits of an integer, the highest first.
    fn "to_bits" (value: i64) -> List<i64> [alias = "to-bits", returns = "list-c"] {
        List(ListKind::Brace, bits::of(value as u64))
    }

    /// The integer of at most 64 bits, the highest first.
    fn "from_bits" (list: Value) -> Result<i64> [alias = "from-bits"] { Ok(bits::join(list)? as i64) }

    /// The 64 bits of a real, the highest first.
    fn "to_bits_r" (value: f64) -> List<i64> [alias = "to-bits-r", returns = "list-c"] {
        List(ListKind::Brace, bits::of(value.to_bits()))
    }

    /// The real of at most 64 bits, the highest first.
    fn "from_bits_r" (list: Value) -> Result<f64> [alias = "from-bits-r"] {
        Ok(f64::from_bits(bits::join(list)?))
    }
}

#[cfg(test)]
mod tests;
