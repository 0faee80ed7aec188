//! Which characters separate, which end an atom, and which have no place in a source.

/// White space between forms: Unicode's, and the byte order mark, which editors leave unseen.
pub(crate) fn is_space(character: char) -> bool {
    character.is_whitespace() || character == '\u{feff}'
}

/// A control character other than white space: never meant, and dangerous on a terminal.
pub(crate) fn is_stray_control(character: char) -> bool {
    character.is_control() && !character.is_whitespace()
}

/// Whether an atom ends before this character.
pub(crate) fn ends_atom(character: char) -> bool {
    matches!(
        character,
        '(' | ')' | '[' | ']' | '{' | '}' | '"' | ';' | '\'' | '`' | ','
    ) || is_space(character)
        || is_stray_control(character)
}
