//! The kernel `io`: printing, reading lines, arguments and environment. `format` has the rules of `put`.
//!
//! Nothing here touches the process: all goes through the host's `sup.io/1`, so an embedder sees and grants
//! it.

mod format;

use sup_kernel::extension::{Io, STREAM_ERR, STREAM_OUT};
use sup_kernel::{Context, Rest, Result, Value, ValueType};

/// Display forms with blanks between them and a line's end.
fn line(cx: &Context, values: &Rest<'_>) -> Result<String> {
    let mut text = String::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        let shown = cx.display(value?)?;
        text.push_str(shown.as_text().unwrap_or_default());
    }
    text.push('\n');
    Ok(text)
}

sup_kernel::kernel! {
    name: "io", version: env!("CARGO_PKG_VERSION"),
    needs: ["sup.io/1"],
    capabilities: [CONSOLE],

    /// Writes a text with values in place of `%d` (integer or boolean), `%x` (integer in hexadecimal), `%f`
    /// (number, six decimals), `%e` (number with an exponent), `%s` (anything, as `print` shows it), `%q`
    /// (anything, as it reads back) and `%%` (a percent sign). Between `%` and the letter may stand `-`
    /// (left), `0` (zeros), a width and `.digits`. An argument of another type, too few and too many raise
    /// `format/argument`. Answers the number of bytes written.
    fn "put" (cx, format: &str, arguments: Rest) -> Result<usize> {
        let text = format::format(cx, format, &arguments)?;
        Io::of(cx)?.write(STREAM_OUT, text.as_bytes())?;
        Ok(text.len())
    }

    /// Writes a text as it is, without a line's end.
    fn "write" (cx, text: &str) -> Result<()> { Io::of(cx)?.write(STREAM_OUT, text.as_bytes()) }

    /// Prints values with blanks between them and a line's end: strings as they are, all else as it reads
    /// back.
    fn "print" (cx, values: Rest) -> Result<()> [everyday, alias = "println"] {
        Io::of(cx)?.write(STREAM_OUT, line(cx, &values)?.as_bytes())
    }

    /// As `print`, to standard error.
    fn "eprint" (cx, values: Rest) -> Result<()> [everyday] {
        Io::of(cx)?.write(STREAM_ERR, line(cx, &values)?.as_bytes())
    }

    /// Prints a value as it reads back and answers it, to look into the middle of an expression.
    fn "inspect" (cx, value: Value) -> Result<Value> {
        let text = cx.repr(value)?;
        let text = format!("{}\n", text.as_text().unwrap_or_default());
        Io::of(cx)?.write(STREAM_ERR, text.as_bytes())?;
        cx.make(value)
    }

    /// Hands on what the host keeps back of standard output.
    fn "flush" (cx) -> Result<()> { Io::of(cx)?.flush(STREAM_OUT) }

    /// The next line of standard input without its end, or nil at the end of input. Waits without holding up
    /// other fibers.
    fn "read-line" (cx) -> Result<Value> [async, returns = "str?"] {
        let line = Io::of(cx)?.read_line()?;
        if line.value_type() == ValueType::Fiber { cx.wait(line) } else { Ok(line) }
    }

    /// The program's arguments, a list of strings.
    fn "args" (cx) -> Result<Value> [returns = "list", capabilities = [ENVIRONMENT]] { Io::of(cx)?.arguments() }

    /// Value of an environment variable, or nil. Needs the capability.
    fn "env" (cx, name: &str) -> Result<Value> [returns = "str?", capabilities = [ENVIRONMENT]] { Io::of(cx)?.variable(name) }
}

#[cfg(test)]
mod tests;
