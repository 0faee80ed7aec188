//! The header `Set-Cookie` (RFC 6265): safe unless told otherwise.

use sup_kernel::{Context, Error, Result, Value};

fn wrong(message: impl Into<String>) -> Error {
    Error::new("http/cookie", message)
}

/// Whether a text may stand in a cookie as it is.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\'))
}

/// The header's value.
///
/// # Errors
/// `http/cookie` for what cannot be one.
pub fn text(cx: &Context, name: &str, value: &str, options: Option<Value<'_>>) -> Result<String> {
    if name.is_empty()
        || !is_plain(name)
        || name.contains(['=', '(', ')', '<', '>', '@', ':', '/', '[', ']', '?', '{', '}'])
    {
        return Err(wrong(format!("{name:?} is no name of a cookie")));
    }
    if !is_plain(value) {
        return Err(wrong(
            "the value of a cookie has no blanks, commas, semicolons, quotes or backslashes",
        ));
    }
    let (mut path, mut same_site, mut rest) = ("/".to_owned(), "Lax", String::new());
    let (mut is_http_only, mut is_secure) = (true, true);
    for (key, value) in options.map(Value::pairs).into_iter().flatten().flatten() {
        let flag = || {
            value
                .as_bool()
                .ok_or_else(|| wrong("the option is true or false"))
        };
        let shown = cx.display(value)?;
        let shown = shown.as_text().unwrap_or_default();
        match key.as_name().unwrap_or_default() {
            "http-only" => is_http_only = flag()?,
            "secure" => is_secure = flag()?,
            "path" if is_plain(shown) => shown.clone_into(&mut path),
            "domain" if is_plain(shown) => rest.push_str(&format!("; Domain={shown}")),
            "max-age" if value.as_int().is_some() => rest.push_str(&format!("; Max-Age={shown}")),
            "same-site" => {
                same_site = match value.as_name() {
                    Some("lax") => "Lax",
                    Some("strict") => "Strict",
                    Some("none") => "None",
                    _ => return Err(wrong(":same-site is :lax, :strict or :none")),
                }
            }
            other => {
                return Err(wrong(format!(
                    "the option :{other} is none, or has a wrong value"
                )));
            }
        }
    }
    let flags = [(is_http_only, "; HttpOnly"), (is_secure, "; Secure")];
    let flags: String = flags
        .iter()
        .filter(|(is_set, _)| *is_set)
        .map(|(_, text)| *text)
        .collect();
    Ok(format!(
        "{name}={value}; Path={path}; SameSite={same_site}{flags}{rest}"
    ))
}
