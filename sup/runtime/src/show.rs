//! What becomes of a text on its way to the machine, as text to read: the tree, the core forms, the instructions.

use std::fmt::Write;
use std::path::Path;

use slp::{LineIndex, NodeId, NodeKind, Prefix, ReadLimits, Tree};
use sup_code::disassemble_with_spans;
use sup_compile::{TopForm, compile_form, show_core};

use crate::load::{self, Problems, Source};
use crate::problem::Problem;
use crate::runtime::Runtime;
use crate::survey::{self, Sight};

/// How far along the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// What the reader made of it.
    Tree,
    /// Macros expanded and names resolved.
    Core,
    /// The instructions of the machine.
    Bytecode,
}

impl Runtime {
    /// Shows a text without running it.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn show_text(&mut self, source: &str, text: &str, stage: Stage) -> Result<String, Problems> {
        let module = self.fresh_module();
        self.show(&module, &Source::named(source), text, stage)
    }

    /// Shows a file without running it.
    ///
    /// # Errors
    /// When it cannot be read, and what is wrong with it.
    pub fn show_file(&mut self, file: &Path, stage: Stage) -> Result<String, Problems> {
        let (source, text) = load::read_source(&self.world, file)?;
        let module = self.fresh_module();
        self.show(&module, &source, &text, stage)
    }

    fn show(&mut self, module: &str, source: &Source, text: &str, stage: Stage) -> Result<String, Problems> {
        if stage == Stage::Tree {
            return tree_text(source, text);
        }
        let mut shown = String::new();
        let problems = survey::text(&mut self.vm, &self.world, module, source, text, &mut |sight| {
            if sight.source.name == source.name
                && let Some(form) = form_text(sight, stage)
            {
                shown.push_str(form.trim_end());
                shown.push_str(if stage == Stage::Core { "\n" } else { "\n\n" });
            }
        });
        if problems.is_empty() {
            Ok(shown.trim_end().to_owned() + "\n")
        } else {
            Err(problems)
        }
    }
}

/// A form at that stage; nothing when there is nothing to show or it has faults, which the survey tells.
fn form_text(mut sight: Sight<'_, '_>, stage: Stage) -> Option<String> {
    match stage {
        Stage::Core => show_core(sight.tree, sight.form, &sight.context, &mut sight.asking).ok(),
        Stage::Tree | Stage::Bytecode => {
            match compile_form(sight.tree, sight.form, &sight.context, &mut sight.asking).ok()? {
                TopForm::Code { chunk, .. } => Some(disassemble_with_spans(&chunk)),
                TopForm::Instruction(_) | TopForm::Splice(_) => None,
            }
        }
    }
}

/// One line for each node: where it starts, how deep it stands, what it is.
fn tree_text(source: &Source, text: &str) -> Result<String, Problems> {
    let reading = slp::read(text, &ReadLimits::default());
    if !reading.faults.is_empty() {
        return Err(reading
            .faults
            .iter()
            .map(|fault| Problem::from_fault(&source.name, fault))
            .collect());
    }
    let tree = &reading.tree;
    let index = LineIndex::new(text);
    let mut shown = String::new();
    let mut waiting: Vec<(NodeId, usize)> = tree.roots().iter().rev().map(|root| (*root, 0)).collect();
    while let Some((node, depth)) = waiting.pop() {
        let (line, column) = index.position(tree.span(node).start);
        let place = format!("{line}:{column}");
        writeln!(
            shown,
            "{place:>8}  {:indent$}{}",
            "",
            node_text(tree, node),
            indent = depth * 2
        )
        .expect("writing to a string cannot fail");
        waiting.extend(tree.children(node).iter().rev().map(|child| (*child, depth + 1)));
    }
    Ok(shown)
}

fn node_text(tree: &Tree, node: NodeId) -> String {
    let kind = match tree.kind(node) {
        NodeKind::List(bracket) => return format!("list {}{}", bracket.opener(), bracket.closer()),
        NodeKind::Prefix(prefix) => {
            let name = match prefix {
                Prefix::Quote => "quote '",
                Prefix::Quasi => "quasiquote `",
                Prefix::Unquote => "unquote ,",
                Prefix::Splice => "splice ,@",
                Prefix::Error => "error @",
                Prefix::Datum => "datum #",
                Prefix::Aberrant => "aberrant ?",
            };
            return name.to_owned();
        }
        NodeKind::Nil => return "nil".to_owned(),
        NodeKind::Bool(_) => "bool",
        NodeKind::Int(_) => "int",
        NodeKind::Real(_) => "real",
        NodeKind::Str(_) => "str",
        NodeKind::Bytes(_) => "bytes",
        NodeKind::Symbol(_) => "symbol",
        NodeKind::Keyword(_) => "keyword",
        NodeKind::Path(_) => "path",
    };
    format!("{kind} {}", slp::print(tree, node))
}
