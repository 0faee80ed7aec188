//! The little that the chores read of JSON: one string field out of what cargo says.

/// The value of the first field `name` in `text`, when it is a string.
pub fn string_field(text: &str, name: &str) -> Option<String> {
    let marker = format!("\"{name}\":");
    let rest = text[text.find(&marker)? + marker.len()..]
        .trim_start()
        .strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some(value),
            '\\' => value.push(match characters.next()? {
                'n' => '\n',
                't' => '\t',
                'u' => unicode_escape(&mut characters)?,
                other => other,
            }),
            plain => value.push(plain),
        }
    }
}

fn unicode_escape(characters: &mut std::str::Chars<'_>) -> Option<char> {
    let digits: String = characters.by_ref().take(4).collect();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}

/// `text` as a JSON string, quotes included.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", control as u32)),
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_and_its_escapes_are_undone() {
        let text = r#"{"packages":[],"target_directory":"/a \"b\"\\c\u0041","version":1}"#;
        assert_eq!(
            string_field(text, "target_directory").as_deref(),
            Some("/a \"b\"\\cA")
        );
        assert_eq!(string_field(text, "version"), None);
        assert_eq!(string_field(text, "absent"), None);
    }

    #[test]
    fn quoting_and_reading_back_is_identity() {
        let text = "tab\tquote\" back\\ line\n\u{1}é";
        let field = format!("{{\"key\": {}}}", quoted(text));
        assert_eq!(string_field(&field, "key").as_deref(), Some(text));
    }
}
