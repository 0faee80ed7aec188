//! Values as JSON, for answers: written at once, without going back to the program.

use crate::problem::quote;
use std::fmt::Write;
use sup_kernel::{Error, Result, Value, ValueType};

/// Deepest nesting.
pub const MAX_DEPTH: usize = 64;

/// The JSON text of a value: keys and keywords by their names.
///
/// # Errors
/// `json/not-encodable` for what has no JSON form, `json/depth` for what is nested too deep.
pub fn text(value: Value<'_>) -> Result<String> {
    let mut out = String::new();
    append(&mut out, value, 0)?;
    Ok(out)
}

fn append(out: &mut String, value: Value<'_>, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::new(
            "json/depth",
            format!("the value is nested deeper than {MAX_DEPTH}"),
        ));
    }
    if let Some(number) = value.as_int() {
        write!(out, "{number}").expect("a string takes everything");
        return Ok(());
    }
    if let Some(text) = value.as_text() {
        quote(out, text);
        return Ok(());
    }
    match value.value_type() {
        ValueType::Nil => out.push_str("null"),
        ValueType::Bool => out.push_str(if value.is_truthy() { "true" } else { "false" }),
        ValueType::Real => match value.as_real().filter(|real| real.is_finite()) {
            Some(real) => write!(out, "{real:?}").expect("a string takes everything"),
            None => return Err(not_encodable("a real that is not finite")),
        },
        ValueType::Keyword | ValueType::Symbol => quote(out, value.as_name().unwrap_or_default()),
        ValueType::Map => {
            let mut separator = '{';
            for (key, value) in value.pairs().unwrap_or_default() {
                out.push(separator);
                separator = ',';
                match key.as_name().or_else(|| key.as_text().map(|_| "")) {
                    Some("") => quote(out, key.as_text().unwrap_or_default()),
                    Some(name) => quote(out, name),
                    None => return Err(not_encodable("a key that is no string and no keyword")),
                }
                out.push(':');
                append(out, value, depth + 1)?;
            }
            out.push_str(if separator == '{' { "{}" } else { "}" });
        }
        other => {
            let elements = value.elements().ok_or_else(|| not_encodable(other.name()))?;
            let mut separator = '[';
            for element in elements {
                out.push(separator);
                separator = ',';
                append(out, element, depth + 1)?;
            }
            out.push_str(if separator == '[' { "[]" } else { "]" });
        }
    }
    Ok(())
}

fn not_encodable(what: &str) -> Error {
    Error::new("json/not-encodable", format!("{what} has no JSON form"))
}
