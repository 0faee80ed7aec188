//! Comparing texts so that a difference can be seen at a glance.

/// Panics with both texts, line by line, when they differ. White space at the ends of the texts does not count.
#[track_caller]
pub fn check_text(expected: &str, actual: &str) {
    if let Some(difference) = difference(expected, actual) {
        panic!("the texts differ (- expected, + actual):\n{difference}");
    }
}

/// The lines that differ, marked, with what is equal between them; None when the texts are equal but for white space at their
/// ends.
pub fn difference(expected: &str, actual: &str) -> Option<String> {
    let (expected, actual) = (expected.trim(), actual.trim());
    if expected == actual {
        return None;
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let n_same_ahead = old
        .iter()
        .zip(&new)
        .take_while(|(left, right)| left == right)
        .count();
    let n_same_behind = old[n_same_ahead..]
        .iter()
        .rev()
        .zip(new[n_same_ahead..].iter().rev())
        .take_while(|(left, right)| left == right)
        .count();
    let mut out = String::new();
    let mut put = |mark: char, line: &str| {
        out.push(mark);
        out.push(' ');
        out.push_str(line);
        out.push('\n');
    };
    let context_start = n_same_ahead.saturating_sub(CONTEXT_LINES);
    old[context_start..n_same_ahead]
        .iter()
        .for_each(|line| put(' ', line));
    for (mark, line) in middle(
        &old[n_same_ahead..old.len() - n_same_behind],
        &new[n_same_ahead..new.len() - n_same_behind],
    ) {
        put(mark, line);
    }
    old[old.len() - n_same_behind..]
        .iter()
        .take(CONTEXT_LINES)
        .for_each(|line| put(' ', line));
    Some(out)
}

const CONTEXT_LINES: usize = 3;
/// Beyond this many cells the table of the longest common subsequence costs more than it shows.
const MAX_CELLS: usize = 4_000_000;

/// The lines between the equal ends, by longest common subsequence.
fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    if old.len().saturating_mul(new.len()) > MAX_CELLS {
        return old
            .iter()
            .map(|line| ('-', *line))
            .chain(new.iter().map(|line| ('+', *line)))
            .collect();
    }
    let width = new.len() + 1;
    let mut lengths = vec![0u32; (old.len() + 1) * width];
    for row in (0..old.len()).rev() {
        for column in (0..new.len()).rev() {
            lengths[row * width + column] = if old[row] == new[column] {
                lengths[(row + 1) * width + column + 1] + 1
            } else {
                lengths[(row + 1) * width + column].max(lengths[row * width + column + 1])
            };
        }
    }
    let (mut row, mut column, mut out) = (0, 0, Vec::new());
    while row < old.len() || column < new.len() {
        if row < old.len() && column < new.len() && old[row] == new[column] {
            out.push((' ', old[row]));
            (row, column) = (row + 1, column + 1);
        } else if row < old.len()
            && (column == new.len()
                || lengths[(row + 1) * width + column] >= lengths[row * width + column + 1])
        {
            out.push(('-', old[row]));
            row += 1;
        } else {
            out.push(('+', new[column]));
            column += 1;
        }
    }
    out
}

/// Whether a text matches a pattern in which a line `…` stands for any lines, none included, and `…` within a line for any
/// characters.
pub fn matches_pattern(pattern: &str, actual: &str) -> bool {
    let pattern: Vec<&str> = pattern.trim().lines().collect();
    let actual: Vec<&str> = actual.trim().lines().collect();
    lines_match(&pattern, &actual)
}

fn lines_match(pattern: &[&str], actual: &[&str]) -> bool {
    match pattern.split_first() {
        None => actual.is_empty(),
        Some((&line, rest)) if line.trim() == "…" => {
            (0..=actual.len()).any(|start| lines_match(rest, &actual[start..]))
        }
        Some((line, rest)) => actual
            .split_first()
            .is_some_and(|(first, others)| line_matches(line, first) && lines_match(rest, others)),
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.trim_end().split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.trim_end().strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_no_difference() {
        assert_eq!(difference("a\nb\n", "a\nb"), None);
    }

    #[test]
    fn a_changed_line_is_shown_between_its_neighbours() {
        assert_eq!(
            difference("1\n2\n3\n4\n5", "1\n2\nx\n4\n5").as_deref(),
            Some("  1\n  2\n- 3\n+ x\n  4\n  5\n")
        );
        assert_eq!(
            difference("a\nb", "a\nnew\nb").as_deref(),
            Some("  a\n+ new\n  b\n")
        );
        assert_eq!(
            difference("x\ncommon\ny", "p\ncommon\nq").as_deref(),
            Some("- x\n+ p\n  common\n- y\n+ q\n")
        );
    }

    #[test]
    fn an_ellipsis_stands_for_what_varies() {
        for (pattern, actual) in [
            ("took … ms", "took 12 ms"),
            ("a\n…\nz", "a\nb\nc\nz"),
            ("a\n…\nz", "a\nz"),
            ("…", ""),
            ("…:… end", "12:30 end"),
            ("plain", "plain\n"),
        ] {
            assert!(matches_pattern(pattern, actual), "{pattern} / {actual}");
        }
        for (pattern, actual) in [
            ("took … ms", "took 12 s"),
            ("a\n…\nz", "a\nb"),
            ("plain", "plain more"),
            ("a…", "b"),
        ] {
            assert!(!matches_pattern(pattern, actual), "{pattern} / {actual}");
        }
    }
}
