//! The reserved words: which form each one opens, and those that bind or set names.

use super::{Expander, Position};
use crate::core_tree::{Expr, ExprKind, Gathers, VarId};
use crate::fault::Cause;
use crate::form::Definition;
use crate::host::{Resolution, Signature};
use slp::{Bracket, NodeId, NodeKind, Span};
use sup_code::CellName;

/// A `def` taken apart.
struct Def {
    name: String,
    name_span: Span,
    doc: Option<String>,
}

impl Expander<'_> {
    /// A form that opens with a reserved word.
    pub(super) fn special(
        &mut self,
        word: &str,
        node: NodeId,
        children: &[NodeId],
        position: Position,
        span: Span,
    ) -> Expr {
        let args = &children[1..];
        match word {
            "->" | "->>" => self.thread(word == "->", args, position, span),
            "and" | "or" => self.logic(word == "and", args, position, span),
            "case" => self.case(args, position, span),
            "cond" => self.cond(args, position, span),
            "def" => self.def(args, span),
            "defn" => self.defn(args, span),
            "do" => self.endless(args, span),
            "done" => self.done(args, span),
            "each" => self.each(Gathers::Nothing, args, span),
            "export" => self.wrong(Cause::ExportInside, span),
            "fn" => self.function_form(args, span),
            "for" => self.each(Gathers::List, args, span),
            "if" => self.condition(args, position, span),
            "let" => self.let_form(node, args, position, span),
            "loop" => self.loop_form(args, span),
            "match" => self.match_form(args, position, span),
            "quasiquote" => {
                self.one_argument(args, "quasiquote", "(quasiquote form)", span, Self::quasiquote)
            }
            "quote" => self.one_argument(args, "quote", "(quote form)", span, |this, form| {
                let literal = this.quoted(form);
                Expr::literal(literal, span)
            }),
            "recover" => self.recover(args, position, span),
            "recur" => self.recur(args, position, span),
            "reflect" => self.reflect(args, position, span),
            "set" => self.set(args, span),
            "try" => self.try_form(args, position, span),
            "unless" | "when" => self.when(word == "when", args, position, span),
            "while" => self.while_form(args, span),
            _ => {
                debug_assert!(
                    self.tree
                        .head(node)
                        .is_some_and(|head| head.starts_with("unquote"))
                );
                self.wrong(Cause::UnquoteOutside, span)
            }
        }
    }

    fn one_argument(
        &mut self,
        args: &[NodeId],
        form: &'static str,
        shape: &'static str,
        span: Span,
        make: impl FnOnce(&mut Self, NodeId) -> Expr,
    ) -> Expr {
        match args {
            [only] => make(self, *only),
            _ => self.shape_fault(form, shape, span),
        }
    }

    fn def(&mut self, args: &[NodeId], span: Span) -> Expr {
        let (name, doc, value) = match *args {
            [name, value] => (name, None, value),
            [name, doc, value] if self.tree.string(doc).is_some() => {
                (name, self.tree.string(doc).map(str::to_string), value)
            }
            _ => return self.shape_fault("def", "(def name value) or (def name \"doc\" value)", span),
        };
        let Some((name, name_span)) = self.bindable(name) else {
            return Expr::nil(span);
        };
        let def = Def { name, name_span, doc };
        self.define_as(&def, span, |this, name, self_var| {
            this.initialiser(value, name, self_var)
        })
    }

    fn defn(&mut self, args: &[NodeId], span: Span) -> Expr {
        let shape = "(defn name \"doc\" (parameters) body …), the doc string may be left out";
        let (name, doc, params, body) = match args {
            [name, doc, params, body @ ..] if self.tree.string(*doc).is_some() && !body.is_empty() => {
                (*name, self.tree.string(*doc).map(str::to_string), *params, body)
            }
            [name, params, body @ ..] => (*name, None, *params, body),
            _ => return self.shape_fault("defn", shape, span),
        };
        if self.tree.list_in(params, Bracket::Paren).is_none() {
            return self.shape_fault("defn", shape, span);
        }
        let Some((name, name_span)) = self.bindable(name) else {
            return Expr::nil(span);
        };
        let def = Def { name, name_span, doc };
        self.define_as(&def, span, |this, name, self_var| {
            let lambda = this.lambda(span, name, params, body, self_var);
            Expr::new(ExprKind::Fn(Box::new(lambda)), span)
        })
    }

    /// A name that may be bound, and where it stands.
    pub(crate) fn bindable(&mut self, node: NodeId) -> Option<(String, Span)> {
        let span = self.tree.span(node);
        match self.tree.kind(node) {
            NodeKind::Symbol(name) => {
                let name = name.to_string();
                self.check_bindable(&name, span);
                Some((name, span))
            }
            _ => {
                self.fault(Cause::NotAName, span);
                None
            }
        }
    }

    /// Binds a name in the body or module around it.
    fn define_as(
        &mut self,
        def: &Def,
        span: Span,
        value: impl FnOnce(&mut Self, &str, Option<VarId>) -> Expr,
    ) -> Expr {
        if let Some(scope_idx) = self.slot_scope() {
            let var = self.slot(scope_idx, &def.name, def.name_span);
            let value = Box::new(value(self, &def.name, Some(var)));
            self.define(var);
            return Expr::new(ExprKind::DefLocal { var, value }, span);
        }
        self.own_names.entry(def.name.clone()).or_insert(false);
        let value = value(self, &def.name, None);
        self.own_names.insert(def.name.clone(), true);
        self.add_definition(definition(def, &value));
        let cell = CellName {
            module: self.context.module.into(),
            name: def.name.clone(),
        };
        Expr::new(
            ExprKind::DefGlobal {
                cell,
                value: Box::new(value),
            },
            span,
        )
    }

    /// Notes a definition. What its value is like is not known if it may be left out, or is made twice.
    fn add_definition(&mut self, mut definition: Definition) {
        let mut is_certain = self.n_branches == 0;
        for other in self
            .definitions
            .iter_mut()
            .filter(|other| other.name == definition.name)
        {
            is_certain = false;
            forget_value(other);
        }
        if !is_certain {
            forget_value(&mut definition);
        }
        self.definitions.push(definition);
    }

    /// The value of a name. A function knows the name and the variable it is bound to.
    pub(super) fn initialiser(&mut self, node: NodeId, name: &str, self_var: Option<VarId>) -> Expr {
        let Some(node) = self.expand_head(node) else {
            return Expr::nil(self.tree.span(node));
        };
        if self.tree.head(node) != Some("fn") {
            return self.expr(node, Position::Value);
        }
        let span = self.tree.span(node);
        let args = self.children(node)[1..].to_vec();
        self.named_function(&args, name, self_var, span)
    }

    /// Whether the value of a name is written as a function, which then sees the name.
    pub(super) fn is_function_form(&mut self, node: NodeId) -> bool {
        let expanded = self.expand_head(node);
        expanded.is_some_and(|node| self.tree.head(node) == Some("fn"))
    }

    fn set(&mut self, args: &[NodeId], span: Span) -> Expr {
        let [name, value] = *args else {
            return self.shape_fault("set", "(set name value)", span);
        };
        let name_span = self.tree.span(name);
        let Some(name) = self.tree.symbol(name).map(str::to_string) else {
            return self.wrong(Cause::NotAName, name_span);
        };
        if crate::words::is_machine_name(&name) || crate::words::is_reserved(&name) {
            return self.wrong(Cause::ReservedBound(name), name_span);
        }
        let value = Box::new(self.expr(value, Position::Value));
        if let Some(var) = self.lookup(&name) {
            self.vars[var.0 as usize].is_assigned = true;
            let is_checked = self.touch(var);
            return Expr::new(
                ExprKind::SetLocal {
                    var,
                    is_checked,
                    value,
                },
                span,
            );
        }
        match self.resolve(&name) {
            Resolution::Cell { cell, .. } if cell.module == self.context.module => {
                self.host.assigned(&cell);
                Expr::new(ExprKind::SetGlobal { cell, value }, span)
            }
            Resolution::Cell { .. } => self.wrong(Cause::SetForeign(name), name_span),
            Resolution::Primitive { .. } => self.wrong(Cause::SetPrimitive(name), name_span),
            Resolution::Macro(_) => self.wrong(Cause::ReservedBound(name), name_span),
            Resolution::Unbound => self.unbound(&name, name_span),
        }
    }
}

fn forget_value(definition: &mut Definition) {
    definition.parameters = None;
    definition.signature = None;
    definition.alias = None;
}

fn definition(def: &Def, value: &Expr) -> Definition {
    let lambda = match &value.kind {
        ExprKind::Fn(lambda) => Some(lambda),
        _ => None,
    };
    // Only a documented definition is an alias: a plain `def` may be given other values later.
    let alias = match &value.kind {
        ExprKind::Primitive(name) if def.doc.is_some() => Some(name.clone()),
        _ => None,
    };
    let signature: Option<Signature> = lambda.map(|lambda| lambda.signature.clone());
    Definition {
        name: def.name.clone(),
        doc: def.doc.clone(),
        parameters: lambda.map(|lambda| lambda.shape),
        signature,
        alias,
        span: def.name_span,
    }
}
