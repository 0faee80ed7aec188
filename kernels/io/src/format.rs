//! Texts with places for values, as `put` has them.

use sup_kernel::{Context, Error, Rest, Result, Value};

/// Largest width and number of decimals, so that a format cannot ask for gigabytes.
const MAX_WIDTH: usize = 1000;

/// What stands between the percent sign and the letter.
#[derive(Clone, Copy, Default)]
struct Layout {
    left: bool,
    zeros: bool,
    width: usize,
    digits: Option<usize>,
}

/// The format with values in its places.
pub fn format(cx: &Context, format: &str, arguments: &Rest<'_>) -> Result<String> {
    let mut text = String::with_capacity(format.len());
    let mut rest = format;
    let mut n_used = 0;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (layout, after) = layout(rest)?;
        let letter = after
            .chars()
            .next()
            .ok_or_else(|| fault("the format ends after `%`"))?;
        rest = &after[letter.len_utf8()..];
        if letter == '%' {
            text.push('%');
            continue;
        }
        if n_used == arguments.len() {
            return Err(fault(format!("`%{letter}` has no argument: {n_used} were given")));
        }
        let shown = place(cx, letter, layout, arguments.get(n_used)?, n_used)?;
        text.push_str(&shown);
        n_used += 1;
    }
    text.push_str(rest);
    if n_used < arguments.len() {
        return Err(fault(format!(
            "{} arguments were given, the format takes {n_used}",
            arguments.len()
        )));
    }
    Ok(text)
}

fn fault(message: impl Into<String>) -> Error {
    Error::new("format/argument", message)
}

fn layout(text: &str) -> Result<(Layout, &str)> {
    let mut layout = Layout::default();
    let mut rest = text;
    while let Some(flag) = rest.chars().next().filter(|flag| "-0".contains(*flag)) {
        layout.left |= flag == '-';
        layout.zeros |= flag == '0';
        rest = &rest[1..];
    }
    let (width, mut rest) = number(rest)?;
    layout.width = width.unwrap_or(0);
    if let Some(after) = rest.strip_prefix('.') {
        let (digits, after) = number(after)?;
        layout.digits = Some(digits.unwrap_or(0));
        rest = after;
    }
    Ok((layout, rest))
}

fn number(text: &str) -> Result<(Option<usize>, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() {
        return Ok((None, rest));
    }
    match digits.parse::<usize>() {
        Ok(number) if number <= MAX_WIDTH => Ok((Some(number), rest)),
        _ => Err(fault(format!(
            "a width or number of decimals is at most {MAX_WIDTH}"
        ))),
    }
}

fn place(cx: &Context, letter: char, layout: Layout, value: Value<'_>, index: usize) -> Result<String> {
    let wrong = |wanted: &str| {
        let found = value.value_type().name();
        fault(format!(
            "`%{letter}` takes {wanted}, argument {} is :{found}",
            index + 2
        ))
    };
    let shown = match letter {
        'd' => {
            let int = value.as_int().or_else(|| value.as_bool().map(i64::from));
            int.ok_or_else(|| wrong("an integer"))?.to_string()
        }
        'x' => format!("{:x}", value.as_int().ok_or_else(|| wrong("an integer"))?),
        'f' | 'e' => {
            let real = value.as_number().ok_or_else(|| wrong("a number"))?.to_real();
            let digits = layout.digits.unwrap_or(6);
            if letter == 'f' {
                format!("{real:.digits$}")
            } else {
                format!("{real:.digits$e}")
            }
        }
        's' | 'q' => {
            let shown = if letter == 's' {
                cx.display(value)?
            } else {
                cx.repr(value)?
            };
            let shown = shown.as_text().unwrap_or_default();
            match layout.digits {
                Some(n_chars) => shown.chars().take(n_chars).collect(),
                None => shown.to_owned(),
            }
        }
        _ => return Err(fault(format!("there is no `%{letter}`"))),
    };
    Ok(padded(&shown, layout, "sq".contains(letter)))
}

fn padded(shown: &str, layout: Layout, is_text: bool) -> String {
    let n_missing = layout.width.saturating_sub(shown.chars().count());
    if n_missing == 0 {
        return shown.to_owned();
    }
    if layout.left {
        return format!("{shown}{}", " ".repeat(n_missing));
    }
    if layout.zeros && !is_text {
        let (sign, digits) = shown
            .strip_prefix('-')
            .map_or(("", shown), |digits| ("-", digits));
        return format!("{sign}{}{digits}", "0".repeat(n_missing));
    }
    format!("{}{shown}", " ".repeat(n_missing))
}
