//! From byte offsets to the lines and columns that people read.

use crate::Span;

/// Where the lines of a text begin, and where its characters are wider than a byte. Holds no text.
///
/// Lines end at `\n`; a `\r` before it does not count as part of the line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineIndex {
    /// Start and end of every line, the line break left out. Never empty.
    lines: Vec<Span>,
    /// For each character of several bytes: the offset behind it, and the continuation bytes in the text up
    /// to there.
    wide: Vec<(u32, u32)>,
}

impl LineIndex {
    /// Indexes a text, of which at most the first 4 GiB count, as no span reaches further.
    pub fn new(text: &str) -> LineIndex {
        let mut lines = Vec::new();
        let mut wide = Vec::new();
        let mut n_continuation = 0;
        let mut line_start = 0;
        let mut before = '\0';
        for (offset, character) in text.char_indices() {
            let Ok(offset) = u32::try_from(offset + character.len_utf8()) else {
                break;
            };
            if character == '\n' {
                let break_bytes = if before == '\r' { 2 } else { 1 };
                lines.push(Span::new(line_start, offset - break_bytes));
                line_start = offset;
            } else if !character.is_ascii() {
                n_continuation += character.len_utf8() as u32 - 1;
                wide.push((offset, n_continuation));
            }
            before = character;
        }
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        lines.push(Span::new(line_start, end));
        LineIndex { lines, wide }
    }

    /// Line and column of a byte offset, both from 1, the column in characters. An offset inside a character
    /// counts as the character's own; one behind the text as the text's end.
    pub fn position(&self, offset: u32) -> (u32, u32) {
        let line_idx = self.lines.partition_point(|line| line.start <= offset) - 1;
        let line = self.lines[line_idx];
        let last = self.lines.last().map_or(0, |last| last.end);
        let offset = offset.min(last);
        let n_characters = self
            .characters_before(offset)
            .saturating_sub(self.characters_before(line.start));
        (line_idx as u32 + 1, n_characters + 1)
    }

    /// The bytes of a line, counted from 1, without its line break.
    pub fn line(&self, line: u32) -> Option<Span> {
        self.lines.get((line as usize).checked_sub(1)?).copied()
    }

    /// Number of lines; a text that ends with a line break has an empty last line.
    pub fn n_lines(&self) -> u32 {
        self.lines.len() as u32
    }

    fn characters_before(&self, offset: u32) -> u32 {
        let n_wide = self.wide.partition_point(|(end, _)| *end <= offset);
        let (before_end, n_continuation) = match n_wide.checked_sub(1) {
            Some(last) => self.wide[last],
            None => (0, 0),
        };
        let mut rest = offset - before_end;
        if let Some(&(next_end, next_continuation)) = self.wide.get(n_wide) {
            let next_start = next_end - (next_continuation - n_continuation) - 1;
            rest = rest.min(next_start - before_end);
        }
        before_end - n_continuation + rest
    }
}
