//! A walk through a core tree that infers types and notes what is wrong.

use super::known::Known;
use super::{Finding, Severity};
use crate::core_tree::{
    Body, Collection, Expr, ExprKind, Lambda, Literal, Operation, Origin, Pattern, PatternKind, Program,
    VarId,
};
use crate::expand::always_matches;
use crate::fault::Cause;
use crate::form::{self, Definition};
use crate::host::{Host, Signature};
use crate::types::{built_in_type, type_text};
use slp::{Span, Tree};
use std::collections::HashMap;
use sup_code::{CellName, FlatNode, Tail, TypeBase, TypeSpec};

/// Everything found in a program.
pub(super) fn findings(
    tree: &Tree,
    program: &Program,
    definitions: &[Definition],
    host: &mut dyn Host,
) -> Vec<Finding> {
    let own = definitions
        .iter()
        .filter_map(|definition| Some((definition.name.clone(), definition.signature.clone()?)));
    let mut walk = Walk {
        tree,
        program,
        host,
        own: own.collect(),
        vars: vec![Known::Nothing; program.vars.len()],
        functions: HashMap::new(),
        signatures: HashMap::new(),
        findings: Vec::new(),
    };
    walk.body(&program.body);
    walk.unused();
    walk.findings
}

struct Walk<'p> {
    /// The whole source.
    tree: &'p Tree,
    program: &'p Program,
    host: &'p mut dyn Host,
    /// Signatures of the functions that this form defines.
    own: HashMap<String, Signature>,
    /// What is known of each variable.
    vars: Vec<Known>,
    /// Variables that hold one function for ever.
    functions: HashMap<VarId, Signature>,
    signatures: HashMap<CellName, Option<Signature>>,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    fn error(&mut self, cause: Cause, span: Span) {
        self.findings.push(Finding {
            severity: Severity::Error,
            fault: cause.at(span),
        });
    }

    fn warn(&mut self, cause: Cause, span: Span) {
        self.findings.push(Finding {
            severity: Severity::Warning,
            fault: cause.at(span),
        });
    }

    fn body(&mut self, body: &Body) -> Known {
        self.sequence(&body.exprs)
    }

    fn sequence(&mut self, exprs: &[Expr]) -> Known {
        let mut last = Known::Type(TypeBase::None);
        for expr in exprs {
            last = self.expr(expr);
        }
        last
    }

    fn all(&mut self, exprs: &[Expr]) -> Vec<Known> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    /// Notes what is wrong inside and answers what is known of the value.
    fn expr(&mut self, expr: &Expr) -> Known {
        match &expr.kind {
            ExprKind::Literal(literal) => known_literal(literal),
            ExprKind::Local { var, .. } => self.vars[var.0 as usize].clone(),
            ExprKind::Global(_) => Known::Nothing,
            ExprKind::Primitive(_) => Known::Type(TypeBase::Fn),
            ExprKind::SetLocal { value, .. } | ExprKind::SetGlobal { value, .. } => self.expr(value),
            ExprKind::DefLocal { var, value } => {
                self.bind(*var, value);
                Known::Type(TypeBase::None)
            }
            ExprKind::DefGlobal { value, .. } => {
                self.expr(value);
                Known::Type(TypeBase::None)
            }
            ExprKind::Block(exprs) => self.sequence(exprs),
            ExprKind::Let { bindings, body } => {
                for binding in bindings {
                    match binding.pattern.kind {
                        PatternKind::Bind(var) => self.bind(var, &binding.value),
                        _ => {
                            self.expr(&binding.value);
                            self.pattern(&binding.pattern);
                        }
                    }
                }
                self.body(body)
            }
            ExprKind::Fn(lambda) => {
                self.lambda(lambda);
                Known::Type(TypeBase::Fn)
            }
            ExprKind::Operation { operation, args } => self.operation(operation, args),
            ExprKind::Call { callee, args } => self.call(callee, args, expr.span),
            ExprKind::CallPrimitive { name, args } => self.call_primitive(name, args),
            ExprKind::Collect { collection, parts } => {
                self.all(parts);
                known_collection(*collection)
            }
            _ => self.control(expr),
        }
    }

    fn control(&mut self, expr: &Expr) -> Known {
        match &expr.kind {
            ExprKind::Cond { clauses, otherwise } => self.cond(clauses, otherwise.as_deref()),
            ExprKind::And(exprs) | ExprKind::Or(exprs) => {
                let known = self.all(exprs);
                known.into_iter().fold(Known::Never, Known::or)
            }
            ExprKind::Case {
                subject,
                clauses,
                otherwise,
            } => {
                self.expr(subject);
                let mut known = Known::Never;
                for (key, value) in clauses {
                    self.expr(key);
                    known = known.or(self.expr(value));
                }
                known.or(otherwise
                    .as_ref()
                    .map_or(Known::Nothing, |otherwise| self.expr(otherwise)))
            }
            ExprKind::While { test, body, .. } => {
                self.test(test);
                self.body(body);
                Known::Nothing
            }
            ExprKind::Match { subject, arms } => self.match_form(subject, arms),
            ExprKind::Each { clauses, body, .. } => {
                for (pattern, collection) in clauses {
                    self.expr(collection);
                    self.pattern(pattern);
                }
                self.body(body);
                Known::Nothing
            }
            ExprKind::Loop { bindings, body, .. } => {
                bindings.iter().for_each(|(_, value)| {
                    self.expr(value);
                });
                self.body(body)
            }
            ExprKind::Throw(value) | ExprKind::Done { value, .. } => {
                self.expr(value);
                Known::Never
            }
            ExprKind::Recur { args, .. } | ExprKind::RecurFunction { args } => {
                self.all(args);
                Known::Never
            }
            ExprKind::Assert { test, message } => {
                self.test(test);
                self.expr(message);
                Known::Type(TypeBase::None)
            }
            _ => {
                let mut children = Vec::new();
                expr.for_each_child(&mut |child| children.push(child));
                children.into_iter().for_each(|child| {
                    self.expr(child);
                });
                Known::Nothing
            }
        }
    }

    /// Gives a variable its value; one that is never set keeps what is known of it.
    fn bind(&mut self, var: VarId, value: &Expr) {
        let is_fixed = !self.program.vars[var.0 as usize].is_assigned;
        if let ExprKind::Fn(lambda) = &value.kind
            && is_fixed
        {
            self.functions.insert(var, lambda.signature.clone());
        }
        let known = self.expr(value);
        if is_fixed && known != Known::Never {
            self.vars[var.0 as usize] = known;
        }
    }

    fn lambda(&mut self, lambda: &Lambda) {
        let n_required = usize::from(lambda.shape.n_required);
        for (idx, param) in lambda.params.iter().enumerate() {
            let is_fixed = !self.program.vars[param.var.0 as usize].is_assigned;
            if let Some((spec, _)) = &param.type_spec
                && is_fixed
                && idx < n_required
            {
                self.vars[param.var.0 as usize] = Known::of_spec(spec);
            }
            if let Some(pattern) = &param.pattern {
                self.pattern(pattern);
            }
        }
        let known = self.body(&lambda.body);
        if let Some((spec, span)) = &lambda.result
            && known.contradicts(spec)
        {
            let cause = Cause::ResultMismatch {
                wanted: type_text(spec),
                found: known.text(),
            };
            self.error(cause, lambda.body.exprs.last().map_or(*span, |last| last.span));
        }
    }

    fn test(&mut self, test: &Expr) {
        let known = self.expr(test);
        let is_deep_equality = matches!(
            test.kind,
            ExprKind::Operation {
                operation: Operation::Eq,
                ..
            } | ExprKind::Literal(_)
        );
        if known == Known::Type(TypeBase::Int) && !is_deep_equality {
            self.warn(Cause::IntCondition, test.span);
        }
    }

    fn cond(&mut self, clauses: &[(Expr, Expr)], otherwise: Option<&Expr>) -> Known {
        let mut known = Known::Never;
        let mut is_decided = false;
        for (test, value) in clauses {
            if is_decided {
                self.warn(Cause::Unreachable, value.span);
            }
            self.test(test);
            is_decided |= test.known_truth() == Some(true);
            known = known.or(self.expr(value));
        }
        match otherwise {
            Some(otherwise) => known.or(self.expr(otherwise)),
            None if is_decided => known,
            None => known.or(Known::Type(TypeBase::None)),
        }
    }

    fn match_form(&mut self, subject: &Expr, arms: &[(Pattern, Expr)]) -> Known {
        self.expr(subject);
        let mut known = Known::Never;
        let mut is_decided = false;
        for (pattern, result) in arms {
            if is_decided {
                self.warn(Cause::Unreachable, pattern.span.join(result.span));
            }
            is_decided |= always_matches(pattern);
            self.pattern(pattern);
            known = known.or(self.expr(result));
        }
        if is_decided { known } else { Known::Nothing }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        let mut exprs = Vec::new();
        pattern.for_each_expr(&mut |expr| exprs.push(expr));
        exprs.into_iter().for_each(|expr| {
            self.expr(expr);
        });
    }

    fn operation(&mut self, operation: &Operation, args: &[Expr]) -> Known {
        let known = self.all(args);
        let is_arithmetic = matches!(
            operation,
            Operation::Add
                | Operation::Sub
                | Operation::Mul
                | Operation::Div
                | Operation::Rem
                | Operation::Neg
        );
        let is_ordering = matches!(
            operation,
            Operation::Lt | Operation::Le | Operation::Gt | Operation::Ge
        );
        if is_arithmetic || is_ordering {
            for (arg, known) in args.iter().zip(&known) {
                if known.is_no_number() {
                    self.error(Cause::NumberWanted { found: known.text() }, arg.span);
                }
            }
        }
        match operation {
            Operation::Add | Operation::Sub | Operation::Mul | Operation::Rem | Operation::Neg => {
                known.into_iter().fold(Known::Never, Known::or)
            }
            Operation::Eq | Operation::Count => Known::Type(TypeBase::Int),
            Operation::ArrayNew | Operation::ArraySet | Operation::ArrayPush => Known::Type(TypeBase::Array),
            Operation::ArrayList => Known::Type(TypeBase::ListBrace),
            Operation::TableSet => Known::Type(TypeBase::Table),
            Operation::Not | Operation::IsNil | Operation::EqNum | Operation::NotEqNum => {
                Known::Type(TypeBase::Bool)
            }
            _ if is_ordering => Known::Type(TypeBase::Bool),
            _ => Known::Nothing,
        }
    }

    fn call(&mut self, callee: &Expr, args: &[Expr], span: Span) -> Known {
        let known_callee = self.expr(callee);
        let known_args = self.all(args);
        if known_callee.is_not_callable() {
            self.error(
                Cause::NotCallable {
                    found: known_callee.text(),
                },
                callee.span,
            );
            return Known::Nothing;
        }
        let (name, signature) = match &callee.kind {
            ExprKind::Global(cell) => (cell.name.clone(), self.signature(cell)),
            ExprKind::Local { var, .. } => (
                self.program.vars[var.0 as usize].name.clone(),
                self.functions.get(var).cloned(),
            ),
            ExprKind::Fn(lambda) => (lambda.name.clone(), Some(lambda.signature.clone())),
            _ => return Known::Nothing,
        };
        let Some(signature) = signature else {
            return Known::Nothing;
        };
        self.arguments(&name, &signature, args, &known_args, span);
        let result = signature.result.as_deref().and_then(built_in_type);
        result.map_or(Known::Nothing, |spec| Known::of_spec(&spec))
    }

    /// What a module variable declares, as long as the source gives it one value only.
    fn signature(&mut self, cell: &CellName) -> Option<Signature> {
        if let Some(known) = self.signatures.get(cell) {
            return known.clone();
        }
        let own = self.own.get(&cell.name).cloned();
        let found = own.or_else(|| self.host.signature(&cell.module, &cell.name));
        let found = found.filter(|_| !form::binds_twice(self.tree, &cell.name));
        self.signatures.insert(cell.clone(), found.clone());
        found
    }

    /// Compares arguments with what a function declares.
    fn arguments(&mut self, name: &str, signature: &Signature, args: &[Expr], known: &[Known], span: Span) {
        let min = usize::from(signature.shape.n_required);
        let n_named = min + usize::from(signature.shape.n_optional);
        let max = (signature.shape.tail == Tail::None).then_some(n_named);
        if args.len() < min || max.is_some_and(|max| args.len() > max) {
            let name = if name.is_empty() { "fn" } else { name };
            return self.error(
                Cause::Arity {
                    name: name.into(),
                    min,
                    max,
                    given: args.len(),
                },
                span,
            );
        }
        for (idx, (arg, known)) in args.iter().zip(known).enumerate() {
            let declared = signature
                .parameters
                .get(idx.min(n_named))
                .and_then(|parameter| parameter.type_name.as_deref());
            let is_rest = declared.is_some_and(|name| name.ends_with(".."));
            // A type on the rest list itself, or on the map of keys, says nothing about single arguments.
            if idx >= n_named && !is_rest {
                continue;
            }
            let Some(mut spec) = declared.and_then(|name| built_in_type(name.trim_end_matches('.'))) else {
                continue;
            };
            spec.optional |= idx >= min;
            if known.contradicts(&spec) {
                self.error(
                    Cause::ArgumentMismatch {
                        wanted: type_text(&spec),
                        found: known.text(),
                    },
                    arg.span,
                );
            }
        }
    }

    fn call_primitive(&mut self, name: &str, args: &[Expr]) -> Known {
        self.all(args);
        match (name, args.first().map(|arg| &arg.kind)) {
            ("%cast", Some(ExprKind::Literal(Literal::Keyword(name)))) => {
                built_in_type(name).map_or(Known::Nothing, |spec| Known::of_spec(&spec))
            }
            _ => {
                let result = self
                    .host
                    .signature("", name)
                    .and_then(|signature| signature.result);
                let spec: Option<TypeSpec> = result.as_deref().and_then(built_in_type);
                spec.map_or(Known::Nothing, |spec| Known::of_spec(&spec))
            }
        }
    }

    /// Names that are bound where they stand in the source and never used.
    fn unused(&mut self) {
        for var in &self.program.vars {
            let is_written = !var.name.is_empty() && var.span.len() as usize == var.name.len();
            let is_meant = var.name.starts_with('_') || var.name.contains('#');
            let counts = matches!(var.origin, Origin::Binding | Origin::Pattern | Origin::Slot);
            if var.n_uses == 0 && is_written && !is_meant && counts {
                let cause = Cause::Unused(var.name.clone());
                self.findings.push(Finding {
                    severity: Severity::Warning,
                    fault: cause.at(var.span),
                });
            }
        }
    }
}

fn known_literal(literal: &Literal) -> Known {
    Known::Type(match literal {
        Literal::Nil => TypeBase::None,
        Literal::Bool(_) => TypeBase::Bool,
        Literal::Int(_) => TypeBase::Int,
        Literal::Real(_) => TypeBase::Real,
        Literal::Str(_) => TypeBase::Str,
        Literal::Symbol(_) => TypeBase::Symbol,
        Literal::Keyword(_) => TypeBase::Keyword,
        Literal::Path(_) => TypeBase::Path,
        Literal::Data(flat) => match flat.nodes.first() {
            Some(FlatNode::Bytes(_)) => TypeBase::Bytes,
            Some(FlatNode::List { kind: 0, .. }) => TypeBase::ListParen,
            Some(FlatNode::List { kind: 1, .. }) => TypeBase::ListSquare,
            Some(FlatNode::List { .. }) => TypeBase::ListBrace,
            Some(FlatNode::Map { .. }) => TypeBase::Map,
            Some(FlatNode::Error) => TypeBase::Error,
            _ => return Known::Nothing,
        },
    })
}

fn known_collection(collection: Collection) -> Known {
    Known::Type(match collection {
        Collection::List(0) => TypeBase::ListParen,
        Collection::List(1) => TypeBase::ListSquare,
        Collection::List(_) => TypeBase::ListBrace,
        Collection::Map => TypeBase::Map,
    })
}
