//! Compiling one top-level form: the entry to this crate.

use crate::core_tree::Program;
use crate::expand::Expander;
use crate::fault::Cause;
use crate::host::{FormContext, Host, Signature};
use crate::{lower, types};
use slp::{Bracket, Fault, NodeId, NodeKind, Prefix, Span, Tree};
use sup_code::{Chunk, Parameters, TypeSpec};

/// What a top-level form is.
#[derive(Debug)]
pub enum TopForm {
    /// Code to run.
    Code {
        /// The code. Its value is the form's.
        chunk: Chunk,
        /// What it defines in its module, in order.
        definitions: Vec<Definition>,
    },
    /// Something to carry out while the source loads.
    Instruction(Instruction),
    /// A block, perhaps made by a macro: its forms are compiled and run one after the other in its place.
    Splice(Vec<NodeId>),
}

/// A top-level `def`.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The name in its module.
    pub name: String,
    /// The doc string.
    pub doc: Option<String>,
    /// The parameters, when the value is written as a function.
    pub parameters: Option<Parameters>,
    /// Their types and that of the result, when the value is written as a function.
    pub signature: Option<Signature>,
    /// The primitive that the name is another name of: calls can go straight to it.
    pub alias: Option<String>,
    /// Where the name stands.
    pub span: Span,
}

/// What a source asks for while it loads.
#[derive(Debug)]
pub enum Instruction {
    /// `#(load "alu" …)`: kernels.
    Load(Vec<String>),
    /// `#(import name "path" …)`: pairs of name and path.
    Import(Vec<(String, String)>),
    /// `#(macro name (params) body)`.
    Macro {
        /// Its name in its module.
        name: String,
        /// The doc string.
        doc: Option<String>,
        /// Running it gives the macro's function, which takes the argument forms as values and gives a form.
        chunk: Chunk,
        /// How many arguments that takes.
        parameters: Parameters,
        /// Where the name stands.
        span: Span,
    },
    /// `#(define-form name {…})`: a record type; fields have names or none.
    DefineForm {
        /// Its name in its module.
        name: String,
        /// Name and type of each field.
        fields: Vec<(Option<String>, TypeSpec)>,
        /// Where the name stands.
        span: Span,
    },
    /// `(export name …)`.
    Export(Vec<String>),
    /// `#(define-kernel …)`: the list with all its parts.
    DefineKernel(NodeId),
}

const INSTRUCTIONS: &[&str] = &[
    "load",
    "import",
    "macro",
    "define-form",
    "define-kernel",
    "export",
];

/// Whether `#(word …)` is an instruction.
pub(crate) fn is_instruction(word: &str) -> bool {
    INSTRUCTIONS.contains(&word)
}

/// The top-level forms of a tree: its roots, the forms of top-level `[ ]` in their place.
#[must_use]
pub fn top_forms(tree: &Tree) -> Vec<NodeId> {
    let mut forms = Vec::with_capacity(tree.roots().len());
    let mut waiting: Vec<NodeId> = tree.roots().iter().rev().copied().collect();
    while let Some(node) = waiting.pop() {
        match tree.list_in(node, Bracket::Square) {
            Some(inner) => waiting.extend(inner.iter().rev()),
            None => forms.push(node),
        }
    }
    forms
}

/// Names that these top-level forms bind with `def` or `defn`, macros not expanded. With them known in advance, functions
/// can name what is defined after them.
#[must_use]
pub fn defined_names(tree: &Tree, forms: &[NodeId]) -> Vec<(String, Span)> {
    let defined = forms.iter().filter_map(|&form| {
        let name = match (tree.head(form)?, tree.children(form)) {
            ("def" | "defn", [_, name, ..]) => *name,
            _ => return None,
        };
        Some((tree.symbol(name)?.to_string(), tree.span(name)))
    });
    defined.collect()
}

/// Whether a source holds more than one form that gives the name a value.
pub(crate) fn binds_twice(tree: &Tree, name: &str) -> bool {
    let binds = |node: &NodeId| {
        let is_binding = matches!(tree.head(*node), Some("def" | "defn" | "set"));
        is_binding
            && tree
                .children(*node)
                .get(1)
                .and_then(|&target| tree.symbol(target))
                == Some(name)
    };
    (0..tree.len() as u32).map(NodeId).filter(binds).nth(1).is_some()
}

/// Compiles a top-level form. Nodes that macros make are added to the tree.
///
/// # Errors
/// Everything that is wrong with the form, as far as it can be told at once.
pub fn compile_form(
    tree: &mut Tree,
    form: NodeId,
    context: &FormContext<'_>,
    host: &mut dyn Host,
) -> Result<TopForm, Vec<Fault>> {
    match expanded(tree, form, context, host)? {
        Expanded::Instruction(instruction) => Ok(TopForm::Instruction(instruction)),
        Expanded::Splice(forms) => Ok(TopForm::Splice(forms)),
        Expanded::Program(program, definitions) => {
            let chunk = lower::lower(&program, context)?;
            Ok(TopForm::Code { chunk, definitions })
        }
    }
}

/// A top-level form whose macros are expanded and names resolved.
pub(crate) enum Expanded {
    Instruction(Instruction),
    Splice(Vec<NodeId>),
    Program(Program, Vec<Definition>),
}

/// Expands a top-level form as far as it goes without lowering it; macros that it defines are lowered.
pub(crate) fn expanded(
    tree: &mut Tree,
    form: NodeId,
    context: &FormContext<'_>,
    host: &mut dyn Host,
) -> Result<Expanded, Vec<Fault>> {
    let mut expander = Expander::new(tree, form, context, host);
    let Some(form) = expander.expand_head(form) else {
        return Err(expander.faults);
    };
    match (expander.tree.kind(form), expander.tree.head(form)) {
        (NodeKind::List(Bracket::Square), _) => {
            let forms = expander.tree.children(form).to_vec();
            if !forms.is_empty() {
                return Ok(Expanded::Splice(forms));
            }
        }
        (NodeKind::List(Bracket::Paren), Some("export")) => {
            return instruction(expander, form).map(Expanded::Instruction);
        }
        (NodeKind::Prefix(Prefix::Datum), _) => {
            let child = expander.tree.children(form)[0];
            if expander.tree.head(child).is_some() {
                return instruction(expander, child).map(Expanded::Instruction);
            }
        }
        _ => {}
    }
    let (program, definitions) = expander.program(form)?;
    Ok(Expanded::Program(program, definitions))
}

/// Carries `(word …)` of a datum out as far as the compiler can.
fn instruction(mut expander: Expander<'_>, list: NodeId) -> Result<Instruction, Vec<Fault>> {
    let parts = expander.tree.children(list).to_vec();
    let span = expander.tree.span(list);
    let word = expander.tree.head(list).unwrap_or_default().to_string();
    let args = &parts[1..];
    let (found, form, shape) = match word.as_str() {
        "load" => (load(expander.tree, args), "load", "#(load \"kernel\" …)"),
        "import" => (import(expander.tree, args), "import", "#(import name \"path\" …)"),
        "export" => (export(expander.tree, args), "export", "(export name …)"),
        "define-form" => {
            let shape = "#(define-form name {:type …}) or #(define-form name {field :type …})";
            (define_form(&mut expander, args), "define-form", shape)
        }
        "define-kernel" => (Some(Instruction::DefineKernel(list)), "define-kernel", ""),
        "macro" => return define_macro(expander, args, span),
        _ => {
            expander.fault(Cause::UnknownDatum(word), span);
            return Err(expander.faults);
        }
    };
    if found.is_none() {
        expander.fault(Cause::Shape { form, shape }, span);
    }
    match found {
        Some(instruction) if expander.faults.is_empty() => Ok(instruction),
        _ => Err(expander.faults),
    }
}

fn load(tree: &Tree, args: &[NodeId]) -> Option<Instruction> {
    let names = args.iter().map(|&arg| tree.string(arg).map(str::to_string));
    names.collect::<Option<Vec<_>>>().map(Instruction::Load)
}

fn import(tree: &Tree, args: &[NodeId]) -> Option<Instruction> {
    if args.is_empty() || args.len() % 2 == 1 {
        return None;
    }
    let pairs = args
        .chunks(2)
        .map(|pair| Some((tree.symbol(pair[0])?.into(), tree.string(pair[1])?.into())));
    pairs.collect::<Option<Vec<_>>>().map(Instruction::Import)
}

fn export(tree: &Tree, args: &[NodeId]) -> Option<Instruction> {
    let names = args.iter().map(|&arg| tree.symbol(arg).map(str::to_string));
    names.collect::<Option<Vec<_>>>().map(Instruction::Export)
}

fn define_form(expander: &mut Expander<'_>, args: &[NodeId]) -> Option<Instruction> {
    let [name, fields] = *args else { return None };
    let span = expander.tree.span(name);
    let fields = expander.tree.list_in(fields, Bracket::Brace)?.to_vec();
    let name = expander.tree.symbol(name)?.to_string();
    if types::is_built_in(&name) {
        expander.fault(Cause::ReservedBound(name.clone()), span);
    }
    let is_positional = fields.iter().all(|&field| expander.tree.keyword(field).is_some());
    let step = if is_positional { 1 } else { 2 };
    if fields.len() % step != 0 {
        return None;
    }
    let mut named = Vec::with_capacity(fields.len());
    for field in fields.chunks(step) {
        let type_node = *field.last()?;
        let type_name = expander.tree.keyword(type_node)?.to_string();
        let field_name = match field {
            [field_name, _] => Some(expander.tree.symbol(*field_name)?.to_string()),
            _ => None,
        };
        let type_span = expander.tree.span(type_node);
        let written = expander.type_of(&type_name, type_span);
        named.extend(written.map(|written| (field_name, written.spec)));
    }
    Some(Instruction::DefineForm {
        name,
        fields: named,
        span,
    })
}

fn define_macro(mut expander: Expander<'_>, args: &[NodeId], span: Span) -> Result<Instruction, Vec<Fault>> {
    let shape = Cause::Shape {
        form: "macro",
        shape: "#(macro name (parameters) body …)",
    };
    let (name, doc, params, body) = match args {
        [name, doc, params, body @ ..] if expander.tree.string(*doc).is_some() && !body.is_empty() => (
            *name,
            expander.tree.string(*doc).map(str::to_string),
            *params,
            body,
        ),
        [name, params, body @ ..] if !body.is_empty() => (*name, None, *params, body),
        _ => return Err(vec![shape.at(span)]),
    };
    if expander.tree.list_in(params, Bracket::Paren).is_none() {
        return Err(vec![shape.at(span)]);
    }
    let Some((name, name_span)) = expander.bindable(name) else {
        return Err(expander.faults);
    };
    let context = expander.context();
    let (program, _) = expander.macro_program(&name, params, body)?;
    let parameters = program.only_function_shape();
    let chunk = lower::lower(&program, context)?;
    Ok(Instruction::Macro {
        name,
        doc,
        chunk,
        parameters,
        span: name_span,
    })
}
