//! Examples in documents, so that what a document shows is run.
//!
//! A block of `sh` that holds lines beginning with `$ ` is a transcript: each such line is run by `sh -c`, and the lines up to the
//! next are what it prints, where `…` stands for what varies. A block of `sh` without such lines is only shown.

use std::env;
use std::path::Path;
use std::time::Duration;

use crate::run::{Run, kernel_folder, sup_path};
use crate::text::{difference, matches_pattern};

/// How long one command may take: some build a kernel, on machines that do other things too.
const COMMAND_LIMIT: Duration = Duration::from_secs(600);

/// A fenced block of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The word behind the opening fence; empty when there is none.
    pub language: String,
    /// What stands between the fences.
    pub text: String,
    /// The line of its first line, from 1.
    pub line: usize,
}

/// A command of a transcript and what it prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What the shell runs.
    pub command: String,
    /// What it prints, with `…` for what varies.
    pub expected: String,
    /// The command's line in the document, from 1.
    pub line: usize,
}

/// The blocks of a document, in order.
pub fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    for (line, number) in document.lines().zip(1..) {
        let n_ticks = line.bytes().take_while(|byte| *byte == b'`').count();
        match &mut open {
            Some((n_opening, _)) if n_ticks >= *n_opening && line[n_ticks..].trim().is_empty() => {
                blocks.extend(open.take().map(|(_, block)| block));
            }
            Some((_, block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            None if n_ticks >= 3 => {
                let language = line[n_ticks..]
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                open = Some((
                    n_ticks,
                    Block {
                        language,
                        text: String::new(),
                        line: number + 1,
                    },
                ));
            }
            None => {}
        }
    }
    blocks
}

/// The commands of a transcript; none when the block only shows commands. A command that ends with `\` goes on in the next line.
pub fn transcript(block: &Block) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    let mut goes_on = false;
    for (line, number) in block.text.lines().zip(block.line..) {
        if goes_on {
            let last = exchanges.last_mut().expect("a command that goes on has begun");
            last.command.push('\n');
            last.command.push_str(line);
            goes_on = line.ends_with('\\');
        } else if let Some(command) = line.strip_prefix("$ ") {
            goes_on = command.ends_with('\\');
            exchanges.push(Exchange {
                command: command.to_owned(),
                expected: String::new(),
                line: number,
            });
        } else if let Some(last) = exchanges.last_mut() {
            last.expected.push_str(line);
            last.expected.push('\n');
        }
    }
    exchanges
}

/// Runs every transcript of a document in a folder, one after the other, with the `sup` under test in the path and a store of
/// its own; returns how many commands were run.
///
/// # Panics
///
/// When a command prints something else than the document shows; stdout and stderr count, in that order.
#[track_caller]
pub fn run_transcripts(name: &str, document: &str, folder: &Path) -> usize {
    let mut n_commands = 0;
    for block in blocks(document).iter().filter(|block| block.language == "sh") {
        for exchange in transcript(block) {
            n_commands += 1;
            let finished = Run::program("sh")
                .args(["-c", &exchange.command])
                .folder(folder)
                .env("PATH", path_with_sup())
                .env("SUP_KERNEL_PATH", kernel_folder())
                .env("SUP_STORE", folder.join("store"))
                .env("XDG_CACHE_HOME", folder.join("cache"))
                .limit(COMMAND_LIMIT)
                .finish();
            let printed = format!("{}{}", finished.stdout, finished.stderr);
            if !matches_pattern(&exchange.expected, &printed) {
                let shown = difference(&exchange.expected, &printed).unwrap_or_default();
                panic!(
                    "{name}:{}: `{}` prints something else (- shown, + printed):\n{shown}",
                    exchange.line, exchange.command
                );
            }
        }
    }
    n_commands
}

fn path_with_sup() -> std::ffi::OsString {
    let own = sup_path()
        .parent()
        .expect("a program lies in a folder")
        .to_path_buf();
    let others = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(own).chain(env::split_paths(&others));
    env::join_paths(folders).expect("the path was well before")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "# Title\n\n```sh\n$ echo one\none\n$ echo a \\\n    b\na b\n```\n\ntext `code`\n\n````md\n```\ninner\n```\n````\n\n```slp\n(+ 1 2) ;=> 3\n```\n";

    #[test]
    fn blocks_know_their_language_and_line() {
        let blocks = blocks(DOCUMENT);
        let shown: Vec<(&str, usize)> = blocks
            .iter()
            .map(|block| (block.language.as_str(), block.line))
            .collect();
        assert_eq!(shown, [("sh", 4), ("md", 14), ("slp", 20)]);
        assert_eq!(blocks[1].text, "```\ninner\n```\n");
    }

    #[test]
    fn a_transcript_is_commands_with_what_they_print() {
        let exchanges = transcript(&blocks(DOCUMENT)[0]);
        assert_eq!(exchanges.len(), 2);
        assert_eq!(
            (
                exchanges[0].command.as_str(),
                exchanges[0].expected.as_str(),
                exchanges[0].line
            ),
            ("echo one", "one\n", 4)
        );
        assert_eq!(
            (exchanges[1].command.as_str(), exchanges[1].expected.as_str()),
            ("echo a \\\n    b", "a b\n")
        );
    }

    #[test]
    fn a_block_that_only_shows_commands_is_no_transcript() {
        assert_eq!(transcript(&blocks("```sh\ncargo xtask demo\n```\n")[0]), []);
    }
}
