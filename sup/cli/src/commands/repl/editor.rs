//! The prompt: line editing, history, completion, and asking for more while a form is open. The work is rustyline's.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter, MatchingBracketHighlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{ColorMode, CompletionType, Config, Context, Helper};
use slp::ReadLimits;
use sup_runtime::doc::library_names;
use sup_runtime::world::{MAIN, SharedWorld};

use super::history;

const PROMPT: &str = "> ";
/// What ends a name before the cursor.
const BREAKS: &[char] = &['(', ')', '[', ']', '{', '}', '"', ';', '\'', '`', ',', '@', '#'];

/// What came from the terminal.
pub enum Line {
    /// A text whose forms are whole, or cannot become so.
    Text(String),
    /// The line was dropped.
    Again,
    /// There is no more.
    End,
    /// The terminal failed.
    Failed(String),
}

/// The prompt.
pub struct Editor {
    editor: rustyline::Editor<Assistant, FileHistory>,
    history: Option<PathBuf>,
}

impl Editor {
    /// A prompt that completes the names of that world.
    pub fn new(world: SharedWorld) -> rustyline::Result<Editor> {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let config = Config::builder()
            .max_history_size(history::MAX_LINES)?
            .history_ignore_dups(true)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .color_mode(if no_colour {
                ColorMode::Disabled
            } else {
                ColorMode::Enabled
            })
            .auto_add_history(false)
            .tab_stop(2)
            .indent_size(2)
            .build();
        let mut editor = rustyline::Editor::with_config(config)?;
        editor.set_helper(Some(Assistant {
            world,
            library: OnceCell::new(),
            brackets: MatchingBracketHighlighter::new(),
        }));
        let history = history::file();
        if let Some(file) = &history {
            // There is none before the first session.
            drop(editor.load_history(file));
        }
        Ok(Editor { editor, history })
    }

    /// The next text.
    pub fn line(&mut self) -> Line {
        match self.editor.readline(PROMPT) {
            Ok(text) => {
                self.remember(&text);
                Line::Text(text)
            }
            Err(ReadlineError::Interrupted) => Line::Again,
            Err(ReadlineError::Eof) => Line::End,
            Err(error) => Line::Failed(error.to_string()),
        }
    }

    /// Keeps a text at once, so that a session that ends badly has kept it too.
    fn remember(&mut self, text: &str) {
        let is_new = !text.trim().is_empty() && self.editor.add_history_entry(text).unwrap_or(false);
        if let Some(file) = self.history.as_ref().filter(|_| is_new) {
            // A disk that is full is no reason to end the session.
            drop(self.editor.append_history(file));
        }
    }
}

/// What the prompt asks while somebody types.
struct Assistant {
    world: SharedWorld,
    library: OnceCell<Vec<String>>,
    brackets: MatchingBracketHighlighter,
}

impl Assistant {
    /// The names that begin like that.
    fn names(&self, start: &str) -> Vec<String> {
        let mut names = self.world.borrow().visible_names(MAIN);
        names.extend(self.library.get_or_init(library_names).iter().cloned());
        names.retain(|name| name.starts_with(start));
        names.sort();
        names.dedup();
        names
    }
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let before = &line[..position];
        let start = before
            .rfind(|c: char| c.is_whitespace() || BREAKS.contains(&c))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let word = &before[start..];
        if word.is_empty() {
            return Ok((position, Vec::new()));
        }
        Ok((start, self.names(word)))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let reading = slp::read(context.input(), &ReadLimits::default());
        Ok(if reading.is_unfinished() {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, position: usize) -> Cow<'l, str> {
        self.brackets.highlight(line, position)
    }

    fn highlight_char(&self, line: &str, position: usize, kind: CmdKind) -> bool {
        self.brackets.highlight_char(line, position, kind)
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Helper for Assistant {}
