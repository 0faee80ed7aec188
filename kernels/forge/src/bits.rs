//! Numbers as lists of bits, the highest first.

use sup_kernel::{Error, Result, Value};

/// The bits of a word.
pub fn of(word: u64) -> Vec<i64> {
    (0..64).rev().map(|shift| ((word >> shift) & 1) as i64).collect()
}

/// The word of a list of bits.
pub fn join(list: Value<'_>) -> Result<u64> {
    let found = list.value_type().name();
    let bits = list
        .elements()
        .ok_or_else(|| Error::type_mismatch(format!("argument 1 must be :list, not :{found}")))?;
    if bits.len() > 64 {
        return Err(Error::new(
            "forge/bits",
            format!("a number has at most 64 bits, not {}", bits.len()),
        ));
    }
    bits.iter().try_fold(0, |word, bit| match bit.as_int() {
        Some(bit @ (0 | 1)) => Ok(word << 1 | bit as u64),
        _ => Err(Error::new("forge/bits", "a bit is 0 or 1")),
    })
}
