//! Chunks as text to read. Total: a chunk that no one verified is listed too, with `?` where an index points nowhere.

use crate::chunk::{CaptureSource, Chunk, Constant, Function, Parameters, Tail, TypeSpec};
use crate::form;
use crate::op::{Insn, Op, Shape};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write};

/// The longest constant that is printed whole, in characters.
const MAX_CONSTANT_CHARS: usize = 60;

/// Lists the functions of a chunk, with names for what indexes stand for and labels for where jumps go.
#[must_use]
pub fn disassemble(chunk: &Chunk) -> String {
    let mut listing = Listing {
        chunk,
        shows_spans: false,
        text: String::new(),
    };
    listing.chunk();
    listing.text
}

/// As [`disassemble`], with the span of the source where it changes.
#[must_use]
pub fn disassemble_with_spans(chunk: &Chunk) -> String {
    let mut listing = Listing {
        chunk,
        shows_spans: true,
        text: String::new(),
    };
    listing.chunk();
    listing.text
}

struct Listing<'a> {
    chunk: &'a Chunk,
    shows_spans: bool,
    text: String,
}

impl Listing<'_> {
    fn line(&mut self, line: impl Display) {
        writeln!(self.text, "{line}").expect("writing to a string cannot fail");
    }

    fn chunk(&mut self) {
        let chunk = self.chunk;
        self.line(format_args!(
            "chunk of module {} from {}",
            chunk.module, chunk.source
        ));
        for (function_idx, function) in chunk.functions.iter().enumerate() {
            self.line("");
            self.function(function_idx, function);
        }
    }

    fn function(&mut self, function_idx: usize, function: &Function) {
        let name = match function.name.as_str() {
            "" if function_idx == 0 => "(the form)",
            "" => "(no name)",
            name => name,
        };
        let parameters = parameters_text(function.parameters);
        self.line(format_args!(
            "function {function_idx} {name} ({parameters}) registers {}",
            function.n_registers
        ));
        if !function.captures.is_empty() {
            let captures: Vec<String> = function.captures.iter().map(capture_text).collect();
            self.line(format_args!("  captures {}", captures.join(" ")));
        }
        let labels = labels_of(function);
        let mut spans = function.spans.iter().peekable();
        for (insn_idx, insn) in function.code.iter().enumerate() {
            let mut span = None;
            while let Some((_, found)) = spans.next_if(|(from_idx, _)| *from_idx as usize <= insn_idx) {
                span = Some(*found);
            }
            let label = label_text(&labels, insn_idx as i64)
                .map(|label| label + ":")
                .unwrap_or_default();
            let mut line = format!(
                "  {insn_idx:>4} {label:<5} {}",
                self.insn(function, *insn, (insn_idx, &labels))
            );
            if let (true, Some(span)) = (self.shows_spans, span) {
                line = format!("{line:<52} ; {}..{}", span.start, span.end);
            }
            self.line(line.trim_end());
        }
    }

    fn insn(&self, function: &Function, insn: Insn, (insn_idx, labels): (usize, &Labels)) -> String {
        let Some(op) = insn.op() else {
            return format!("? {:#018x}", insn.0);
        };
        let operands = self.operands(function, op, insn);
        let mut text = format!("{:<15} {operands}", op.name());
        if let Some(target) = insn.jump_target(insn_idx) {
            let label = label_text(labels, target).unwrap_or_else(|| format!("{target}?"));
            let space = if operands.is_empty() { "" } else { " " };
            text = format!("{text}{space}-> {label}");
        }
        text
    }

    fn operands(&self, function: &Function, op: Op, insn: Insn) -> String {
        let (a, b, c, d) = (insn.a(), insn.b(), insn.c(), insn.d());
        match op.shape() {
            Shape::None | Shape::Jump => String::new(),
            Shape::Write | Shape::Read | Shape::ReadJump | Shape::HandlerJump | Shape::IterateJump => {
                format!("r{a}")
            }
            Shape::WriteRead | Shape::ReadRead | Shape::ReadReadJump => format!("r{a} r{b}"),
            Shape::WriteReadRead | Shape::ReadReadRead => format!("r{a} r{b} r{c}"),
            Shape::WriteInt | Shape::ReadInt => format!("r{a} {d}"),
            Shape::WriteReadInt | Shape::ReadReadInt => format!("r{a} r{b} {d}"),
            Shape::ReadImmJump => format!("r{a} {}", insn.imm()),
            Shape::WriteConst => format!("r{a} {}", self.constant(d)),
            Shape::WriteReadConst => format!("r{a} r{b} {}", self.constant(d)),
            Shape::WriteCapture => format!("r{a} capture {d} ({})", capture_at(function, d)),
            Shape::WriteCell | Shape::ReadCell => format!("r{a} {}", self.cell(d)),
            Shape::WritePrimitive => format!("r{a} {}", self.primitive(d)),
            Shape::WriteFunction => format!("r{a} function {d} {}", self.function_name(d))
                .trim_end()
                .to_owned(),
            Shape::Call => format!("r{a} ({b})"),
            Shape::CallCell => format!("r{a} ({b}) {}", self.cell(d)),
            Shape::EnterCell => format!("({b}) {}", self.cell(d)),
            Shape::WriteReadReadPrimitive => format!("r{a} r{b} r{c} {}", self.primitive(d)),
            Shape::CallPrimitive => format!("r{a} ({b}) {}", self.primitive(d)),
            Shape::Collect if op == Op::Map => format!("r{a} r{b}..+{c}"),
            Shape::Collect => format!("r{a} r{b}..+{c} {}", list_kind_text(d)),
            Shape::ReadType => format!("r{a} {}", self.type_text(d)),
            Shape::WriteReadType => format!("r{a} r{b} {}", self.type_text(d)),
        }
    }

    fn constant(&self, index: i32) -> String {
        item(&self.chunk.constants, index).map_or("?".to_owned(), constant_text)
    }

    fn cell(&self, index: i32) -> String {
        item(&self.chunk.cells, index).map_or("?".to_owned(), |cell| format!("{}/{}", cell.module, cell.name))
    }

    fn primitive(&self, index: i32) -> String {
        item(&self.chunk.primitives, index).map_or("?".to_owned(), String::clone)
    }

    fn function_name(&self, index: i32) -> String {
        item(&self.chunk.functions, index).map_or("?".to_owned(), |function| function.name.clone())
    }

    fn type_text(&self, index: i32) -> String {
        item(&self.chunk.types, index).map_or("?".to_owned(), TypeSpec::to_string)
    }
}

impl Display for TypeSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, ":{}{}", self.base.name(), if self.optional { "?" } else { "" })
    }
}

fn item<T>(items: &[T], index: i32) -> Option<&T> {
    items.get(usize::try_from(index).ok()?)
}

/// The number of the label at each instruction that a jump leads to; numbered in the order of the instructions.
type Labels = BTreeMap<i64, usize>;

fn labels_of(function: &Function) -> Labels {
    let n_insns = function.code.len() as i64;
    let targets = function
        .code
        .iter()
        .enumerate()
        .filter_map(|(insn_idx, insn)| insn.jump_target(insn_idx));
    let places: BTreeSet<i64> = targets.filter(|target| (0..n_insns).contains(target)).collect();
    places.into_iter().zip(0..).collect()
}

fn label_text(labels: &Labels, target: i64) -> Option<String> {
    labels.get(&target).map(|number| format!("L{number}"))
}

fn parameters_text(parameters: Parameters) -> String {
    let mut text = parameters.n_required.to_string();
    if parameters.n_optional > 0 {
        text = format!("{text} &opt {}", parameters.n_optional);
    }
    text + match parameters.tail {
        Tail::None => "",
        Tail::Rest => " &rest",
        Tail::Keys => " &keys",
    }
}

fn capture_text(source: &CaptureSource) -> String {
    match source {
        CaptureSource::Register(register) => format!("r{register}"),
        CaptureSource::Capture(capture_idx) => format!("capture-{capture_idx}"),
        CaptureSource::Enclosing => "self".to_owned(),
    }
}

fn capture_at(function: &Function, index: i32) -> String {
    item(&function.captures, index).map_or("?".to_owned(), capture_text)
}

fn list_kind_text(kind: i32) -> &'static str {
    match kind {
        0 => "( )",
        1 => "[ ]",
        2 => "{ }",
        _ => "?",
    }
}

fn constant_text(constant: &Constant) -> String {
    let text = match constant {
        Constant::Int(value) => value.to_string(),
        Constant::Real(value) => slp::print_real(*value),
        Constant::Str(text) => slp::quote_str(text),
        Constant::Symbol(name) => format!("'{name}"),
        Constant::Keyword(name) => format!(":{name}"),
        Constant::Path(name) => name.clone(),
        Constant::Data(flat) => form::value_to_tree(flat).map_or_else(
            |_| "data".to_owned(),
            |tree| format!("'{}", slp::print(&tree, tree.roots()[0])),
        ),
    };
    match text.char_indices().nth(MAX_CONSTANT_CHARS) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}
