//! From a form to its core tree: macros expanded, names resolved, one shape for each core form.

mod data;
mod hoist;
mod macros;
mod scope;
pub use data::datum;
pub(crate) use pattern::always_matches;
mod binding;
mod call;
mod flow;
mod fold;
mod function;
mod pattern;
mod quasi;
mod special;

use crate::core_tree::{Body, Collection, Expr, ExprKind, Program, Var};
use crate::fault::Cause;
use crate::form::Definition;
use crate::host::{FormContext, Host, Resolution};
use crate::words;
use scope::{Frame, Scope};
use slp::{BraceShape, Bracket, Fault, NodeId, NodeKind, Prefix, Span, Tree};
use std::collections::{HashMap, HashSet};
use sup_code::CellName;

/// Whether an expression is the last thing that the innermost loop or function does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Position {
    Tail,
    Value,
}

/// More faults than this of one form help nobody.
const MAX_FAULTS: usize = 50;

/// The state of expanding one top-level form.
pub(crate) struct Expander<'a> {
    pub(crate) tree: &'a mut Tree,
    host: &'a mut dyn Host,
    context: &'a FormContext<'a>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) definitions: Vec<Definition>,
    vars: Vec<Var>,
    /// For each variable, whether it surely has its value at the place that is being expanded.
    is_defined: Vec<bool>,
    /// Slots that became defined, in order, so that leaving a branch can take that back.
    trail: Vec<usize>,
    /// How many constructs around the current place may leave it out.
    n_branches: u32,
    /// Slots whose `def` was met.
    defs_met: HashSet<usize>,
    scopes: Vec<Scope>,
    frames: Vec<Frame>,
    n_functions: u32,
    n_loops: u32,
    depth: u32,
    n_expansions: u32,
    n_first_nodes: usize,
    expansions: HashMap<NodeId, NodeId>,
    /// Module variables that this form defines, and whether the place being expanded is after their `def`.
    own_names: HashMap<String, bool>,
    is_macro: bool,
    form_span: Span,
}

impl<'a> Expander<'a> {
    pub(crate) fn new(
        tree: &'a mut Tree,
        form: NodeId,
        context: &'a FormContext<'a>,
        host: &'a mut dyn Host,
    ) -> Expander<'a> {
        let form_span = tree.span(form);
        let n_first_nodes = tree.len();
        Expander {
            tree,
            host,
            context,
            faults: Vec::new(),
            definitions: Vec::new(),
            vars: Vec::new(),
            is_defined: Vec::new(),
            trail: Vec::new(),
            n_branches: 0,
            defs_met: HashSet::new(),
            scopes: Vec::new(),
            frames: vec![Frame::module()],
            n_functions: 1,
            n_loops: 0,
            depth: 0,
            n_expansions: 0,
            n_first_nodes,
            expansions: HashMap::new(),
            own_names: HashMap::new(),
            is_macro: false,
            form_span,
        }
    }

    /// Expands a form of the module.
    pub(crate) fn program(mut self, form: NodeId) -> Result<(Program, Vec<Definition>), Vec<Fault>> {
        for (name, _) in self.hoisted(&[form]) {
            self.own_names.insert(name, false);
        }
        let expr = self.expr(form, Position::Value);
        self.finish(expr)
    }

    /// Expands a macro's parameters and body to a program whose value is the macro's function.
    pub(crate) fn macro_program(
        mut self,
        name: &str,
        params: NodeId,
        body: &[NodeId],
    ) -> Result<(Program, Vec<Definition>), Vec<Fault>> {
        self.is_macro = true;
        let span = self.form_span;
        let lambda = self.lambda(span, name, params, body, None);
        self.finish(Expr::new(ExprKind::Fn(Box::new(lambda)), span))
    }

    fn finish(self, expr: Expr) -> Result<(Program, Vec<Definition>), Vec<Fault>> {
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        let span = self.form_span;
        let body = Body {
            slots: Vec::new(),
            exprs: vec![expr],
        };
        Ok((
            Program {
                vars: self.vars,
                body,
                span,
            },
            self.definitions,
        ))
    }

    pub(crate) fn context(&self) -> &'a FormContext<'a> {
        self.context
    }

    pub(crate) fn fault(&mut self, cause: Cause, span: Span) {
        self.add_fault(cause.at(span));
    }

    fn add_fault(&mut self, fault: Fault) {
        if self.faults.len() < MAX_FAULTS && !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Notes a fault and goes on with nil in place of what is wrong.
    fn wrong(&mut self, cause: Cause, span: Span) -> Expr {
        self.fault(cause, span);
        Expr::nil(span)
    }

    fn shape_fault(&mut self, form: &'static str, shape: &'static str, span: Span) -> Expr {
        self.wrong(Cause::Shape { form, shape }, span)
    }

    fn children(&self, node: NodeId) -> Vec<NodeId> {
        self.tree.children(node).to_vec()
    }

    /// Expands an expression.
    pub(crate) fn expr(&mut self, node: NodeId, position: Position) -> Expr {
        let span = self.tree.span(node);
        if self.depth >= self.context.limits.max_depth {
            return self.wrong(
                Cause::TooDeep {
                    max_depth: self.context.limits.max_depth,
                },
                span,
            );
        }
        self.depth += 1;
        let expr = self.expr_within(node, position, span);
        self.depth -= 1;
        expr
    }

    fn expr_within(&mut self, node: NodeId, position: Position, span: Span) -> Expr {
        match self.tree.kind(node) {
            NodeKind::Symbol(name) => {
                let name = name.to_string();
                self.name(&name, span)
            }
            NodeKind::List(Bracket::Paren) => self.paren(node, position, span),
            NodeKind::List(Bracket::Square) => {
                let forms = self.children(node);
                self.block(&forms, position, span)
            }
            NodeKind::List(Bracket::Brace) => self.brace(node, span),
            NodeKind::Prefix(Prefix::Quasi) => {
                let child = self.tree.children(node)[0];
                self.quasiquote(child)
            }
            NodeKind::Prefix(Prefix::Quote) => {
                let child = self.tree.children(node)[0];
                let literal = self.quoted(child);
                Expr::literal(literal, span)
            }
            NodeKind::Prefix(Prefix::Unquote) => self.wrong(Cause::UnquoteOutside, span),
            NodeKind::Prefix(Prefix::Splice) => self.wrong(Cause::SpliceOutside, span),
            NodeKind::Prefix(Prefix::Datum) => self.datum_value(node, span),
            _ => Expr::literal(self.quoted(node), span),
        }
    }

    /// `#x`: a value, unless it is written as an instruction, which has no place inside a form.
    fn datum_value(&mut self, node: NodeId, span: Span) -> Expr {
        let child = self.tree.children(node)[0];
        match self.tree.head(child) {
            Some(head) => {
                let head = head.to_string();
                let is_known = crate::form::is_instruction(&head);
                let cause = if is_known {
                    Cause::DatumInside(head)
                } else {
                    Cause::UnknownDatum(head)
                };
                self.wrong(cause, span)
            }
            None => Expr::literal(self.quoted(node), span),
        }
    }

    /// Forms in order, the value of the last. Opens no scope.
    fn block(&mut self, forms: &[NodeId], position: Position, span: Span) -> Expr {
        let mut exprs = Vec::with_capacity(forms.len());
        self.statements(forms, position, &mut exprs);
        match exprs.len() {
            0 => Expr::nil(span),
            1 => exprs.pop().expect("there is one"),
            _ => Expr::new(ExprKind::Block(exprs), span),
        }
    }

    /// Expands statements; those of blocks among them become statements of this body.
    fn statements(&mut self, forms: &[NodeId], position: Position, exprs: &mut Vec<Expr>) {
        for (idx, &form) in forms.iter().enumerate() {
            let is_last = idx + 1 == forms.len();
            let place = if is_last { position } else { Position::Value };
            let expr = self.expr(form, place);
            match expr.kind {
                ExprKind::Block(inner) => exprs.extend(inner),
                _ => exprs.push(expr),
            }
        }
    }

    /// The statements of a body whose scope is the innermost one.
    fn body(&mut self, forms: &[NodeId], position: Position) -> Body {
        self.declare_slots(forms);
        let mut exprs = Vec::with_capacity(forms.len());
        self.statements(forms, position, &mut exprs);
        for expr in &exprs {
            if let ExprKind::DefLocal { var, .. } = &expr.kind {
                self.vars[var.0 as usize].is_direct = true;
            }
        }
        let scope = self.scopes.last().expect("a body has a scope");
        Body {
            slots: scope.slots.clone(),
            exprs,
        }
    }

    fn brace(&mut self, node: NodeId, span: Span) -> Expr {
        if self.is_constant(node) {
            let literal = self.quoted(node);
            return Expr::literal(literal, span);
        }
        let (shape, elements) = slp::brace_shape(self.tree, node);
        let elements = elements.to_vec();
        let collection = self.collection(shape, &elements, span);
        let parts = elements
            .iter()
            .map(|&element| self.expr(element, Position::Value))
            .collect();
        Expr::new(ExprKind::Collect { collection, parts }, span)
    }

    fn collection(&mut self, shape: BraceShape, elements: &[NodeId], span: Span) -> Collection {
        match shape {
            BraceShape::List => Collection::List(2),
            BraceShape::Map => {
                self.check_map_shape(elements, span);
                Collection::Map
            }
        }
    }

    /// A symbol as an expression.
    fn name(&mut self, name: &str, span: Span) -> Expr {
        if let Some(var) = self.lookup(name) {
            let is_checked = self.touch(var);
            return Expr::new(ExprKind::Local { var, is_checked }, span);
        }
        if words::is_reserved(name) {
            return self.wrong(Cause::ReservedValue(name.into()), span);
        }
        if let Some(built_in) = self.built_in(name) {
            return Expr::new(ExprKind::Primitive(built_in.native.into()), span);
        }
        match self.resolve(name) {
            Resolution::Cell { cell, .. } => Expr::new(ExprKind::Global(cell), span),
            Resolution::Primitive { name, .. } => Expr::new(ExprKind::Primitive(name), span),
            Resolution::Macro(_) => self.wrong(Cause::ReservedValue(name.into()), span),
            Resolution::Unbound => self.unbound(name, span),
        }
    }

    fn unbound(&mut self, name: &str, span: Span) -> Expr {
        let withheld = self.host.withheld(self.context.module, name);
        let near = match withheld {
            Some(_) => Vec::new(),
            None => self.host.suggestions(self.context.module, name),
        };
        self.wrong(
            Cause::Unbound {
                name: name.into(),
                near,
                withheld,
            },
            span,
        )
    }

    /// What a name that is no local means.
    fn resolve(&mut self, name: &str) -> Resolution {
        if let Some((module, name)) = words::split_absolute(name) {
            if module == self.context.module && self.own_names.contains_key(name) {
                return self.own_cell(name);
            }
            return self.host.resolve(module, name);
        }
        match self.own_names.get(name) {
            // Before its `def`, a name has its earlier meaning, except inside functions, which run later.
            Some(false) if self.frames.len() == 1 => match self.host.resolve(self.context.module, name) {
                Resolution::Unbound => self.own_cell(name),
                earlier => earlier,
            },
            Some(_) => self.own_cell(name),
            None => self.host.resolve(self.context.module, name),
        }
    }

    fn own_cell(&self, name: &str) -> Resolution {
        let cell = CellName {
            module: self.context.module.into(),
            name: name.into(),
        };
        Resolution::Cell {
            cell,
            parameters: None,
        }
    }

    /// The function of the language with that name, unless this module defines the name itself.
    fn built_in(&mut self, name: &str) -> Option<words::BuiltIn> {
        let (module, short) = words::split_absolute(name).unwrap_or((self.context.module, name));
        let built_in = words::built_in(short)?;
        match self.resolve(name) {
            Resolution::Cell { cell, .. } if cell.module == module => None,
            _ => Some(built_in),
        }
    }
}
