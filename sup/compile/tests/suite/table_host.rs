//! A host made of tables, enough to compile without a machine: the everyday names of arithmetic, base natives, a few macros.

use slp::{Fault, NodeId, ReadLimits, Tree};
use std::collections::HashMap;
use sup_code::{CellName, Chunk, CodeLimits, Parameters, disassemble, verify};
use sup_compile::{FormContext, Host, Resolution, TopForm, compile_form, top_forms};

const PRIMITIVES: &[(&str, &str, u8, Option<u8>, u32)] = &[
    ("+", "alu/+", 0, None, 1),
    ("-", "alu/-", 1, None, 2),
    ("*", "alu/*", 0, None, 3),
    ("/", "alu//", 1, None, 4),
    ("rem", "alu/rem", 2, Some(2), 5),
    ("<", "alu/<", 1, None, 6),
    ("<=", "alu/<=", 1, None, 7),
    (">", "alu/>", 1, None, 8),
    (">=", "alu/>=", 1, None, 9),
    ("=", "alu/=", 1, None, 10),
    ("!=", "alu/!=", 2, Some(2), 11),
    ("not", "alu/not", 1, Some(1), 13),
    ("print", "io/print", 0, None, 0),
    ("alu/add", "alu/add", 2, Some(2), 1),
    ("one", "test/one", 1, Some(1), 0),
];

#[derive(Default)]
pub struct TableHost {
    pub cells: HashMap<String, String>,
    pub n_expanded: u32,
    /// What functions among them take.
    pub parameters: HashMap<String, Parameters>,
    pub assigned: Vec<String>,
}

impl TableHost {
    /// A host that knows these module variables of `main`.
    pub fn knowing(names: &[&str]) -> TableHost {
        let cells = names
            .iter()
            .map(|name| ((*name).to_string(), "main".to_string()))
            .collect();
        TableHost {
            cells,
            ..TableHost::default()
        }
    }
}

impl Host for TableHost {
    fn resolve(&mut self, _module: &str, symbol: &str) -> Resolution {
        if let Some(module) = self.cells.get(symbol) {
            let cell = CellName {
                module: module.clone(),
                name: symbol.into(),
            };
            let parameters = self.parameters.get(symbol).copied();
            return Resolution::Cell { cell, parameters };
        }
        if let Some((_, name, min, max, intrinsic)) = PRIMITIVES.iter().find(|row| row.0 == symbol) {
            return Resolution::Primitive {
                name: (*name).into(),
                min: *min,
                max: *max,
                quoted: 0,
                intrinsic: *intrinsic,
            };
        }
        if symbol == "kv/get" {
            return Resolution::Primitive {
                name: symbol.into(),
                min: 1,
                max: Some(1),
                quoted: 1,
                intrinsic: 0,
            };
        }
        match symbol {
            "twice" | "forever" | "swap" | "def-two" | "fresh" | "make-def" => {
                Resolution::Macro(symbol.into())
            }
            _ if symbol.starts_with('%') => Resolution::Primitive {
                name: symbol.into(),
                min: 0,
                max: None,
                quoted: 0,
                intrinsic: 0,
            },
            _ => Resolution::Unbound,
        }
    }

    fn assigned(&mut self, cell: &CellName) {
        self.assigned.push(cell.name.clone());
    }

    fn expand(&mut self, macro_name: &str, tree: &mut Tree, call: NodeId) -> Result<NodeId, Fault> {
        self.n_expanded += 1;
        let args: Vec<NodeId> = tree.children(call)[1..].to_vec();
        let span = tree.span(call);
        let template = match macro_name {
            "twice" => "[A A]",
            "forever" => "(forever)",
            "swap" => "(B A)",
            "def-two" => "[(def A 1) (def B 2)]",
            "fresh" => "(let (x# A) (+ x# B))",
            _ => "(def A (fn () A))",
        };
        let reading = slp::read(template, &ReadLimits::default());
        let root = reading.tree.roots()[0];
        Ok(fill(tree, &reading.tree, root, &args, span))
    }

    fn record_type(&mut self, module: &str, name: &str) -> Option<String> {
        (name == "point").then(|| format!("{module}/point"))
    }

    fn suggestions(&mut self, _module: &str, symbol: &str) -> Vec<String> {
        let names = PRIMITIVES.iter().map(|row| row.0.to_string());
        names
            .filter(|name| name.len() > 2 && name.starts_with(&symbol[..1]))
            .collect()
    }
}

/// Copies a template, `A` and `B` replaced by the first two arguments.
fn fill(tree: &mut Tree, template: &Tree, node: NodeId, args: &[NodeId], span: slp::Span) -> NodeId {
    if let Some(name) = template.symbol(node) {
        match (name, args) {
            ("A", [first, ..]) => return *first,
            ("B", [_, second, ..]) => return *second,
            _ => {}
        }
    }
    let children: Vec<NodeId> = template
        .children(node)
        .iter()
        .map(|&child| fill(tree, template, child, args, span))
        .collect();
    tree.add(template.kind(node).clone(), span, &children)
}

/// Compiles the only form of a text. Every chunk must pass the verifier.
pub fn compile_with(host: &mut TableHost, text: &str) -> Result<TopForm, Vec<Fault>> {
    let reading = slp::read(text, &ReadLimits::default());
    assert!(reading.faults.is_empty(), "{text}: {:?}", reading.faults);
    let mut tree = reading.tree;
    let forms = top_forms(&tree);
    assert_eq!(forms.len(), 1, "{text}");
    let context = FormContext::new("main", "test");
    let top = compile_form(&mut tree, forms[0], &context, host)?;
    if let TopForm::Code { chunk, .. } = &top {
        check_chunk(chunk, text);
    }
    Ok(top)
}

fn check_chunk(chunk: &Chunk, text: &str) {
    if let Err(error) = verify(chunk.clone(), &CodeLimits::STANDARD) {
        panic!("{text}\n{error}\n{}", disassemble(chunk));
    }
}

pub fn chunk_of(host: &mut TableHost, text: &str) -> Chunk {
    match compile_with(host, text) {
        Ok(TopForm::Code { chunk, .. }) => chunk,
        Ok(other) => panic!("{text}: {other:?}"),
        Err(faults) => panic!("{text}: {faults:?}"),
    }
}

/// The instructions of one function of a text's only form, one a line, white space squeezed, without their numbers.
pub fn listing(host: &mut TableHost, text: &str, function_idx: usize) -> String {
    let chunk = chunk_of(host, text);
    let whole = disassemble(&chunk);
    let function = whole
        .split("\n\n")
        .nth(function_idx + 1)
        .unwrap_or_else(|| panic!("{whole}"));
    let lines = function
        .lines()
        .skip(1)
        .filter(|line| !line.trim_start().starts_with("captures"));
    let lines = lines.map(|line| {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        words.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The codes and texts that faults of a form point at.
pub fn faults_of(host: &mut TableHost, text: &str) -> Vec<(String, String)> {
    match compile_with(host, text) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .iter()
            .map(|fault| (fault.code.to_string(), fault.span.slice(text).to_string()))
            .collect(),
    }
}
