//! Problems as a good compiler draws them: code, place, the lines with carets, a hint, and the calls that led there.
//! Drawing itself is the work of `annotate-snippets`, which draws the errors of rustc and cargo.

use std::io::IsTerminal;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};
use slp::LineIndex;
use sup_runtime::{Place, Problem, TraceLine};

/// Calls shown of a long trace: these many of the innermost, and these many of the outermost.
const INNERMOST: usize = 8;
const OUTERMOST: usize = 4;
/// Characters shown of the data that an error carries, and of a message.
const DATA_CHARS: usize = 200;
const MESSAGE_CHARS: usize = 2000;
/// Lines of a form that are shown when it is longer.
const MAX_LINES: u32 = 12;
/// Width that lines are cut to.
const WIDTH: usize = 120;

/// How sure a drawn thing is to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It is wrong.
    Error,
    /// It is probably not what was meant.
    Warning,
}

/// Draws problems for one reader.
pub struct Artist {
    renderer: Renderer,
}

impl Artist {
    /// For whoever reads standard error: with colours on a terminal, unless `NO_COLOR` is set.
    pub fn for_standard_error() -> Artist {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colours = std::io::stderr().is_terminal() && !no_colour;
        let renderer = if colours {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        Artist {
            renderer: renderer.term_width(WIDTH),
        }
    }

    /// For files and tests.
    #[cfg(test)]
    fn plain() -> Artist {
        Artist {
            renderer: Renderer::plain().term_width(WIDTH),
        }
    }

    /// The drawing, with a line break at its end. `text_of` gives the text of a source by its name.
    pub fn draw(
        &self,
        problem: &Problem,
        weight: Weight,
        text_of: &dyn Fn(&str) -> Option<Arc<str>>,
    ) -> String {
        let level = match weight {
            Weight::Error => Level::ERROR,
            Weight::Warning => Level::WARNING,
        };
        let message = match shortened(&problem.message, MESSAGE_CHARS) {
            message if message.is_empty() => problem.code.clone(),
            message => message,
        };
        let title = level.primary_title(safe(&message)).id(safe(&problem.code));
        let mut group = Group::with_title(title);
        let place = shown_place(problem);
        let text = place.and_then(|place| text_of(&place.source));
        if let Some(place) = place {
            group = match &text {
                Some(text) => group.element(snippet(place, text)),
                None => group.element(Origin::path(safe(&place.source))),
            };
        }
        if let Some(data) = &problem.data {
            let data = format!("data: {}", shortened(data, DATA_CHARS));
            group = group.element(Level::NOTE.no_name().message(safe(&data)));
        }
        if let Some(hint) = &problem.hint {
            group = group.element(Level::HELP.message(safe(hint)));
        }
        let trace = trace_text(&problem.trace, text_of);
        if !trace.is_empty() {
            group = group.element(Level::NOTE.with_name("trace").message(trace));
        }
        format!("{}\n", self.renderer.render(&[group]))
    }
}

/// Where to look first: the innermost place that is not the library's own text, since that is where a mistake can be mended.
fn shown_place(problem: &Problem) -> Option<&Place> {
    let place = problem.place.as_ref()?;
    if !is_library(place) {
        return Some(place);
    }
    let own = problem
        .trace
        .iter()
        .map(|line| &line.place)
        .find(|place| !is_library(place));
    own.or(Some(place))
}

fn is_library(place: &Place) -> bool {
    place.source.starts_with("std:")
}

fn snippet<'a>(place: &'a Place, text: &'a str) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let index = LineIndex::new(text);
    let (start, end) = bounds(place, text);
    let (first, _) = index.position(start as u32);
    let (last, _) = index.position(end as u32);
    // A form of a hundred lines is found by its first ones.
    let end = if last - first < MAX_LINES {
        end
    } else {
        index.line(first).map_or(end, |line| line.end as usize)
    };
    let from = index.line(first).map_or(0, |line| line.start as usize);
    let to = index
        .line(index.position(end as u32).0)
        .map_or(text.len(), |line| line.end as usize);
    // Only the lines that are shown are handed over: a large source is not to be searched for line breaks once more.
    let lines = &text[from..to];
    Snippet::source(lines)
        .path(safe(&place.source))
        .line_start(first as usize)
        .fold(false)
        .annotation(AnnotationKind::Primary.span(start - from..end.max(start) - from))
}

/// The bytes of a place, within the text and on the borders of characters.
fn bounds(place: &Place, text: &str) -> (usize, usize) {
    let start = text.floor_char_boundary(place.span.start as usize);
    let end = text.ceil_char_boundary((place.span.end as usize).min(text.len()));
    (start, end.max(start))
}

/// The calls, one in a line; calls from the same place again and again are told once.
fn trace_text(trace: &[TraceLine], text_of: &dyn Fn(&str) -> Option<Arc<str>>) -> String {
    if trace.len() < 2 && trace.iter().all(|line| line.function.is_empty()) {
        return String::new();
    }
    let mut runs: Vec<(&TraceLine, usize)> = Vec::new();
    for line in trace {
        match runs.last_mut() {
            Some((last, times)) if *last == line => *times += 1,
            _ => runs.push((line, 1)),
        }
    }
    let n_left_out = runs.len().saturating_sub(INNERMOST + OUTERMOST + 1);
    let left_out = INNERMOST..INNERMOST + if n_left_out > 0 { n_left_out + 1 } else { 0 };
    let shown = runs
        .iter()
        .enumerate()
        .filter(|(idx, _)| !left_out.contains(idx))
        .map(|(_, run)| run);
    let width = shown
        .map(|(line, _)| called(line).chars().count())
        .max()
        .unwrap_or(0)
        .min(32);
    let mut lines = Vec::new();
    for (idx, (line, times)) in runs.iter().enumerate() {
        if left_out.contains(&idx) {
            if idx == left_out.start {
                let n_calls: usize = runs[left_out.clone()].iter().map(|(_, times)| times).sum();
                lines.push(format!("… {n_calls} more"));
            }
            continue;
        }
        let again = if *times > 1 {
            format!(" ({times} times)")
        } else {
            String::new()
        };
        lines.push(format!(
            "{:width$}  {}{again}",
            called(line),
            position(&line.place, text_of)
        ));
    }
    lines.join("\n")
}

fn called(line: &TraceLine) -> String {
    if line.function.is_empty() {
        "in the source".to_owned()
    } else {
        format!("in {}", safe(&line.function))
    }
}

/// `file:line:column`, or the file alone when its text is not known.
pub fn position(place: &Place, text_of: &dyn Fn(&str) -> Option<Arc<str>>) -> String {
    match text_of(&place.source) {
        Some(text) => {
            let (line, column) = LineIndex::new(&text).position(place.span.start);
            format!("{}:{line}:{column}", safe(&place.source))
        }
        None => safe(&place.source),
    }
}

/// A text that holds nothing that a terminal would obey.
fn safe(text: &str) -> String {
    normalize_untrusted_str(text)
}

fn shortened(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
