//! Core trees as text, for `--show core`.

use crate::core_tree::{
    Body, Collection, Expr, ExprKind, Gathers, Lambda, Literal, Operation, Pattern, PatternKind, Program,
    VarId,
};
use crate::form::{Expanded, expanded};
use crate::host::{FormContext, Host};
use crate::types::type_text;
use slp::{Bracket, Fault, NodeId, NodeKind, Prefix, Span, Tree};
use sup_code::{CellName, Flat, FlatNode};

/// A top-level form as the compiler understands it: macros expanded, names resolved. Instructions are shown as written.
///
/// # Errors
/// Everything that is wrong with the form, as far as it can be told at once.
pub fn show_core(
    tree: &mut Tree,
    form: NodeId,
    context: &FormContext<'_>,
    host: &mut dyn Host,
) -> Result<String, Vec<Fault>> {
    match expanded(tree, form, context, host)? {
        Expanded::Instruction(_) => Ok(slp::print_pretty(tree, form, WIDTH)),
        Expanded::Splice(forms) => {
            let shown: Result<Vec<String>, _> = forms
                .into_iter()
                .map(|form| show_core(tree, form, context, host))
                .collect();
            Ok(shown?.join("\n"))
        }
        Expanded::Program(program, _) => {
            let mut writer = Writer {
                program: &program,
                tree: Tree::new(),
            };
            let root = writer.statement_list(&program.body);
            let lines = root
                .into_iter()
                .map(|node| slp::print_pretty(&writer.tree, node, WIDTH));
            Ok(lines.collect::<Vec<_>>().join("\n"))
        }
    }
}

const WIDTH: usize = 100;

/// Makes a tree that reads like a program.
struct Writer<'p> {
    program: &'p Program,
    tree: Tree,
}

impl Writer<'_> {
    fn add(&mut self, kind: NodeKind, children: &[NodeId]) -> NodeId {
        self.tree.add(kind, Span::default(), children)
    }

    fn symbol(&mut self, name: &str) -> NodeId {
        self.add(NodeKind::Symbol(name.into()), &[])
    }

    fn keyword(&mut self, name: &str) -> NodeId {
        self.add(NodeKind::Keyword(name.into()), &[])
    }

    fn list(&mut self, children: &[NodeId]) -> NodeId {
        self.add(NodeKind::List(Bracket::Paren), children)
    }

    fn form(&mut self, word: &str, parts: Vec<NodeId>) -> NodeId {
        let mut children = vec![self.symbol(word)];
        children.extend(parts);
        self.list(&children)
    }

    fn var(&mut self, var: VarId) -> NodeId {
        let variable = &self.program.vars[var.0 as usize];
        match variable.name.as_str() {
            "" => self.symbol(&format!("_{}", var.0)),
            name => self.symbol(name),
        }
    }

    fn cell(&mut self, cell: &CellName) -> NodeId {
        self.symbol(&format!("{}/{}", cell.module, cell.name))
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Vec<NodeId> {
        exprs.into_iter().map(|expr| self.expr(expr)).collect()
    }

    fn statement_list(&mut self, body: &Body) -> Vec<NodeId> {
        self.exprs(&body.exprs)
    }

    fn with_body(&mut self, word: &str, mut parts: Vec<NodeId>, body: &Body) -> NodeId {
        parts.extend(self.statement_list(body));
        self.form(word, parts)
    }

    fn expr(&mut self, expr: &Expr) -> NodeId {
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal),
            ExprKind::Local { var, .. } => self.var(*var),
            ExprKind::Global(cell) => self.cell(cell),
            ExprKind::Primitive(name) => self.symbol(name),
            ExprKind::SetLocal { var, value, .. } => {
                let parts = vec![self.var(*var), self.expr(value)];
                self.form("set", parts)
            }
            ExprKind::SetGlobal { cell, value } => {
                let parts = vec![self.cell(cell), self.expr(value)];
                self.form("set", parts)
            }
            ExprKind::DefLocal { var, value } => {
                let parts = vec![self.var(*var), self.expr(value)];
                self.form("def", parts)
            }
            ExprKind::DefGlobal { cell, value } => {
                let parts = vec![self.cell(cell), self.expr(value)];
                self.form("def", parts)
            }
            ExprKind::Block(exprs) => {
                let children = self.exprs(exprs);
                self.add(NodeKind::List(Bracket::Square), &children)
            }
            ExprKind::And(exprs) => self.word_with("and", exprs),
            ExprKind::Or(exprs) => self.word_with("or", exprs),
            ExprKind::Operation { operation, args } => self.word_with(operation_name(operation), args),
            ExprKind::CallPrimitive { name, args } => self.word_with(name, args),
            ExprKind::Recur { args, .. } | ExprKind::RecurFunction { args } => self.word_with("recur", args),
            ExprKind::Call { callee, args } => {
                let children = self.exprs(std::iter::once(&**callee).chain(args));
                self.list(&children)
            }
            ExprKind::Apply { callee, list } => self.word_with("apply", [&**callee, &**list]),
            ExprKind::Throw(value) => self.word_with("throw", [&**value]),
            ExprKind::Done { value, .. } => self.word_with("done", [&**value]),
            ExprKind::Assert { test, message } => self.word_with("assert", [&**test, &**message]),
            ExprKind::Quoted(value) => {
                let value = self.expr(value);
                self.add(NodeKind::Prefix(Prefix::Quote), &[value])
            }
            _ => self.structure(expr),
        }
    }

    fn word_with<'e>(&mut self, word: &str, exprs: impl IntoIterator<Item = &'e Expr>) -> NodeId {
        let parts = self.exprs(exprs);
        self.form(word, parts)
    }

    fn structure(&mut self, expr: &Expr) -> NodeId {
        match &expr.kind {
            ExprKind::Let { bindings, body } => {
                let pairs: Vec<NodeId> = bindings
                    .iter()
                    .flat_map(|binding| [self.pattern(&binding.pattern), self.expr(&binding.value)])
                    .collect();
                let pairs = self.list(&pairs);
                self.with_body("let", vec![pairs], body)
            }
            ExprKind::Cond { clauses, otherwise } => self.cond(clauses, otherwise.as_deref()),
            ExprKind::Case {
                subject,
                clauses,
                otherwise,
            } => {
                let mut parts = vec![self.expr(subject)];
                parts.extend(self.exprs(clauses.iter().flat_map(|(key, value)| [key, value])));
                if let Some(otherwise) = otherwise {
                    parts.extend([self.keyword("else"), self.expr(otherwise)]);
                }
                self.form("case", parts)
            }
            ExprKind::Fn(lambda) => self.lambda(lambda),
            ExprKind::Do { body, .. } => self.with_body("do", Vec::new(), body),
            ExprKind::While { test, body, .. } => {
                let test = self.expr(test);
                self.with_body("while", vec![test], body)
            }
            ExprKind::Each {
                gathers,
                clauses,
                body,
                ..
            } => {
                let word = if *gathers == Gathers::List { "for" } else { "each" };
                let pairs: Vec<NodeId> = clauses
                    .iter()
                    .flat_map(|(pattern, xs)| [self.pattern(pattern), self.expr(xs)])
                    .collect();
                let pairs = self.list(&pairs);
                self.with_body(word, vec![pairs], body)
            }
            ExprKind::Loop { bindings, body, .. } => {
                let pairs: Vec<NodeId> = bindings
                    .iter()
                    .flat_map(|(var, value)| [self.var(*var), self.expr(value)])
                    .collect();
                let pairs = self.list(&pairs);
                self.with_body("loop", vec![pairs], body)
            }
            _ => self.arms_and_parts(expr),
        }
    }

    fn arms_and_parts(&mut self, expr: &Expr) -> NodeId {
        match &expr.kind {
            ExprKind::Match { subject, arms } => {
                let mut parts = vec![self.expr(subject)];
                for (pattern, result) in arms {
                    let arm = [self.pattern(pattern), self.expr(result)];
                    parts.push(self.list(&arm));
                }
                self.form("match", parts)
            }
            ExprKind::Reflect { subject, arms } => {
                let mut parts = vec![self.expr(subject)];
                for (spec, result) in arms {
                    let arm = [self.keyword(&type_text(spec)), self.expr(result)];
                    parts.push(self.list(&arm));
                }
                self.form("reflect", parts)
            }
            ExprKind::Try { body, handler, .. } => {
                let body = self.expr(body);
                self.with_body("try", vec![body], handler)
            }
            ExprKind::Recover { body, handler, .. } => {
                let body = self.expr(body);
                self.with_body("recover", vec![body], handler)
            }
            ExprKind::Collect { collection, parts } => {
                let parts = self.exprs(parts);
                self.collection(*collection, parts)
            }
            ExprKind::Splice { collection, parts } => {
                let mut children = Vec::with_capacity(parts.len());
                for (is_spliced, part) in parts {
                    let part = self.expr(part);
                    let part = if *is_spliced {
                        self.add(NodeKind::Prefix(Prefix::Splice), &[part])
                    } else {
                        part
                    };
                    children.push(part);
                }
                self.collection(*collection, children)
            }
            _ => unreachable!("the other expressions are shown by `expr` and `structure`"),
        }
    }

    fn cond(&mut self, clauses: &[(Expr, Expr)], otherwise: Option<&Expr>) -> NodeId {
        if let [(test, then)] = clauses {
            return self.word_with("if", [test, then].into_iter().chain(otherwise));
        }
        let mut parts = self.exprs(clauses.iter().flat_map(|(test, value)| [test, value]));
        if let Some(otherwise) = otherwise {
            parts.extend([self.keyword("else"), self.expr(otherwise)]);
        }
        self.form("cond", parts)
    }

    fn collection(&mut self, collection: Collection, mut parts: Vec<NodeId>) -> NodeId {
        match collection {
            Collection::List(2) => self.add(NodeKind::List(Bracket::Brace), &parts),
            Collection::List(kind) => self.form(if kind == 0 { "list-p" } else { "list-b" }, parts),
            Collection::Map => {
                parts.insert(0, self.keyword(""));
                self.add(NodeKind::List(Bracket::Brace), &parts)
            }
        }
    }

    fn lambda(&mut self, lambda: &Lambda) -> NodeId {
        let mut params = Vec::new();
        let n_required = usize::from(lambda.shape.n_required);
        let n_named = n_required + usize::from(lambda.shape.n_optional);
        for (idx, param) in lambda.params.iter().enumerate() {
            if idx == n_named {
                let marker = if lambda.shape.tail == sup_code::Tail::Keys {
                    "&keys"
                } else {
                    "&rest"
                };
                params.push(self.symbol(marker));
            } else if idx == n_required {
                params.push(self.symbol("&opt"));
            }
            params.push(match &param.pattern {
                Some(pattern) => self.pattern(pattern),
                None => self.var(param.var),
            });
            if let Some((spec, _)) = &param.type_spec {
                params.push(self.keyword(&type_text(spec)));
            }
        }
        let mut parts = vec![self.list(&params)];
        if let Some((spec, _)) = &lambda.result {
            parts.push(self.keyword(&type_text(spec)));
        }
        self.with_body("fn", parts, &lambda.body)
    }

    fn pattern(&mut self, pattern: &Pattern) -> NodeId {
        match &pattern.kind {
            PatternKind::Ignore => self.symbol("_"),
            PatternKind::Bind(var) => self.var(*var),
            PatternKind::Value(value) => {
                let is_literal = matches!(value.kind, ExprKind::Literal(_));
                let value = self.expr(value);
                if is_literal {
                    value
                } else {
                    self.add(NodeKind::Prefix(Prefix::Unquote), &[value])
                }
            }
            PatternKind::List { items, rest } => {
                let mut parts: Vec<NodeId> = items.iter().map(|item| self.pattern(item)).collect();
                if let Some(rest) = rest {
                    parts.extend([self.symbol("&rest"), self.pattern(rest)]);
                }
                self.add(NodeKind::List(Bracket::Brace), &parts)
            }
            PatternKind::Map(entries) => {
                let parts = entries
                    .iter()
                    .flat_map(|(key, value)| [self.expr(key), self.pattern(value)])
                    .collect();
                self.collection(Collection::Map, parts)
            }
            PatternKind::Type(inner, spec) => {
                let parts = [self.pattern(inner), self.keyword(&type_text(spec))];
                self.list(&parts)
            }
            PatternKind::When(inner, guard) => {
                let parts = vec![self.pattern(inner), self.expr(guard)];
                self.form("when", parts)
            }
            PatternKind::Or(patterns) => {
                let parts = patterns.iter().map(|pattern| self.pattern(pattern)).collect();
                self.form("or", parts)
            }
        }
    }

    fn literal(&mut self, literal: &Literal) -> NodeId {
        let kind = match literal {
            Literal::Nil => NodeKind::Nil,
            Literal::Bool(truth) => NodeKind::Bool(*truth),
            Literal::Int(number) => NodeKind::Int(*number),
            Literal::Real(number) => NodeKind::Real(*number),
            Literal::Str(text) => NodeKind::Str(text.as_str().into()),
            Literal::Keyword(name) => NodeKind::Keyword(name.as_str().into()),
            Literal::Path(name) => NodeKind::Path(name.as_str().into()),
            Literal::Symbol(name) => {
                let symbol = self.symbol(name);
                return self.add(NodeKind::Prefix(Prefix::Quote), &[symbol]);
            }
            Literal::Data(flat) => {
                let node = self.data(flat);
                let is_quoted = matches!(
                    flat.nodes.first(),
                    Some(FlatNode::List { kind: 0 | 1, .. } | FlatNode::Prefix(_))
                );
                return if is_quoted {
                    self.add(NodeKind::Prefix(Prefix::Quote), &[node])
                } else {
                    node
                };
            }
        };
        self.add(kind, &[])
    }

    /// Nodes are made from the last to the first, so that children come before their parent.
    fn data(&mut self, flat: &Flat) -> NodeId {
        let mut made: Vec<NodeId> = Vec::new();
        for node in flat.nodes.iter().rev() {
            let n_children = usize::try_from(node.n_children())
                .unwrap_or(usize::MAX)
                .min(made.len());
            let mut children: Vec<NodeId> = made.split_off(made.len() - n_children);
            children.reverse();
            let kind = match node {
                FlatNode::List { kind: 0, .. } => NodeKind::List(Bracket::Paren),
                FlatNode::List { kind: 1, .. } => NodeKind::List(Bracket::Square),
                FlatNode::List { .. } => NodeKind::List(Bracket::Brace),
                FlatNode::Map { .. } => {
                    children.insert(0, self.keyword(""));
                    NodeKind::List(Bracket::Brace)
                }
                FlatNode::Error => NodeKind::Prefix(Prefix::Error),
                FlatNode::Prefix(number) => NodeKind::Prefix(prefix(*number)),
                atom => atom_kind(flat, atom),
            };
            let node = self.add(kind, &children);
            made.push(node);
        }
        made.pop().unwrap_or_else(|| self.add(NodeKind::Nil, &[]))
    }
}

fn prefix(number: u8) -> Prefix {
    match number {
        0 => Prefix::Quote,
        1 => Prefix::Quasi,
        2 => Prefix::Unquote,
        3 => Prefix::Splice,
        4 => Prefix::Error,
        5 => Prefix::Datum,
        _ => Prefix::Aberrant,
    }
}

fn atom_kind(flat: &Flat, node: &FlatNode) -> NodeKind {
    let name = node.name_idx().map_or("", |name_idx| flat.name(name_idx));
    match node {
        FlatNode::Bool(truth) => NodeKind::Bool(*truth),
        FlatNode::Int(number) => NodeKind::Int(*number),
        FlatNode::Real(number) => NodeKind::Real(*number),
        FlatNode::Str(text) => NodeKind::Str(text.as_str().into()),
        FlatNode::Bytes(bytes) => NodeKind::Bytes(bytes.as_slice().into()),
        FlatNode::Keyword(_) => NodeKind::Keyword(name.into()),
        FlatNode::Path(_) => NodeKind::Path(name.into()),
        FlatNode::Symbol(_) => NodeKind::Symbol(name.into()),
        _ => NodeKind::Nil,
    }
}

fn operation_name(operation: &Operation) -> &str {
    match operation {
        Operation::Add => "+",
        Operation::Sub | Operation::Neg => "-",
        Operation::Mul => "*",
        Operation::Div => "/",
        Operation::Rem => "rem",
        Operation::Lt => "<",
        Operation::Le => "<=",
        Operation::Gt => ">",
        Operation::Ge => ">=",
        Operation::EqNum => "=",
        Operation::NotEqNum => "!=",
        Operation::Not => "not",
        Operation::Eq => "eq",
        Operation::BitAnd => "bit-and",
        Operation::BitOr => "bit-or",
        Operation::BitXor => "bit-xor",
        Operation::ShiftLeft => "shift-left",
        Operation::ShiftRight => "shift-right",
        Operation::IsNil => "%nil?",
        Operation::Count => "%count",
        Operation::At => "at",
        Operation::ArrayNew => "%array-new",
        Operation::ArrayGet => "%array-get",
        Operation::ArraySet => "%array-set",
        Operation::ArrayPush => "%array-push",
        Operation::ArrayList => "%array-list",
        Operation::TableGet => "%table-get",
        Operation::TableSet => "%table-set",
        Operation::Get | Operation::GetOr => "%get",
        Operation::Sqrt => "%math-sqrt",
        Operation::Primitive(_, name) => name,
    }
}
