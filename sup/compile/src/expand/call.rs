//! Calls: of functions, primitives, operations and the functions of the language.

use super::{Expander, Position, fold};
use crate::core_tree::{Collection, Expr, ExprKind, Literal, Operation};
use crate::fault::Cause;
use crate::form;
use crate::host::Resolution;
use crate::types;
use crate::words::{self, BuiltIn};
use slp::{NodeId, Span};
use sup_code::{INTRINSICS, Op, Parameters, Tail};

/// A call with more arguments hands them over as a list.
const MAX_DIRECT_ARGUMENTS: usize = 200;

/// Base natives that are instructions when called with that many arguments.
const NATIVE_OPERATIONS: &[(&str, usize, Operation)] = &[
    ("%count", 1, Operation::Count),
    ("%not", 1, Operation::Not),
    ("%nil?", 1, Operation::IsNil),
    ("%eq", 2, Operation::Eq),
    ("%at", 2, Operation::At),
    ("%array-new", 0, Operation::ArrayNew),
    ("%array-get", 2, Operation::ArrayGet),
    ("%array-set", 3, Operation::ArraySet),
    ("%array-push", 2, Operation::ArrayPush),
    ("%array-list", 1, Operation::ArrayList),
    ("%get", 2, Operation::Get),
    ("%get", 3, Operation::GetOr),
    ("%math-sqrt", 1, Operation::Sqrt),
    ("%table-get", 2, Operation::TableGet),
    ("%table-set", 3, Operation::TableSet),
];

// Intrinsics of the wall that are other instructions with their operands swapped or their sense turned.
const GREATER: u32 = 8;
const GREATER_OR_EQUAL: u32 = 9;
const NOT_EQUAL: u32 = 11;

/// A primitive as a name resolved to it.
struct Primitive {
    name: String,
    min: usize,
    max: Option<usize>,
    quoted: u32,
    intrinsic: u32,
}

impl Expander<'_> {
    /// A form in parentheses.
    pub(super) fn paren(&mut self, node: NodeId, position: Position, span: Span) -> Expr {
        let children = self.children(node);
        let Some((&head, args)) = children.split_first() else {
            let literal = self.quoted(node);
            return Expr::literal(literal, span);
        };
        match self.tree.symbol(head).map(str::to_string) {
            Some(name) if self.lookup(&name).is_none() => self.named_call(&name, node, position, span),
            _ => self.call(head, args, span),
        }
    }

    fn named_call(&mut self, name: &str, node: NodeId, position: Position, span: Span) -> Expr {
        let children = self.children(node);
        let (head, args) = (children[0], &children[1..]);
        if words::is_reserved(name) {
            return self.special(name, node, &children, position, span);
        }
        if let Some(built_in) = self.built_in(name) {
            return self.built_in_call(built_in, args, span);
        }
        match self.resolve(name) {
            Resolution::Macro(name) => match self.expansion(&name, node) {
                Some(expansion) => self.expr(expansion, position),
                None => Expr::nil(span),
            },
            Resolution::Primitive {
                name,
                min,
                max,
                quoted,
                intrinsic,
            } => {
                let primitive = Primitive {
                    name,
                    min: min.into(),
                    max: max.map(usize::from),
                    quoted,
                    intrinsic,
                };
                self.primitive_call(&primitive, args, span)
            }
            Resolution::Cell {
                parameters: Some(parameters),
                ..
            } => {
                self.check_parameters(name, parameters, args.len(), span);
                self.call(head, args, span)
            }
            Resolution::Cell { .. } | Resolution::Unbound => self.call(head, args, span),
        }
    }

    /// Compares a call with what its function takes, as long as this source gives the name no other value.
    fn check_parameters(&mut self, name: &str, parameters: Parameters, given: usize, span: Span) {
        let min = usize::from(parameters.n_required);
        let n_named = min + usize::from(parameters.n_optional);
        let max = (parameters.tail == Tail::None).then_some(n_named);
        let name = words::split_absolute(name).map_or(name, |(_, name)| name);
        let fits = given >= min && max.is_none_or(|max| given <= max);
        if !fits && !form::binds_twice(self.tree, name) {
            self.check_arity(name, min, max, given, span);
        }
    }

    /// A call of whatever the head evaluates to.
    fn call(&mut self, head: NodeId, args: &[NodeId], span: Span) -> Expr {
        if let Some(inlined) = self.inlined_call(head, args, span) {
            return inlined;
        }
        let callee = self.expr(head, Position::Value);
        let args = self.exprs(args);
        call_of(callee, args, span)
    }

    /// Expands arguments in order.
    pub(super) fn exprs(&mut self, nodes: &[NodeId]) -> Vec<Expr> {
        nodes
            .iter()
            .map(|&node| self.expr(node, Position::Value))
            .collect()
    }

    fn primitive_call(&mut self, primitive: &Primitive, nodes: &[NodeId], span: Span) -> Expr {
        self.check_arity(&primitive.name, primitive.min, primitive.max, nodes.len(), span);
        let mut args = Vec::with_capacity(nodes.len());
        for (idx, &node) in nodes.iter().enumerate() {
            let is_quoted = idx < 32 && primitive.quoted >> idx & 1 == 1;
            if is_quoted {
                let literal = self.quoted(node);
                args.push(Expr::literal(literal, self.tree.span(node)));
            } else {
                args.push(self.expr(node, Position::Value));
            }
        }
        if let Some(operation) = operation_of(primitive, args.len()) {
            return operation_on(operation, args, span);
        }
        if args.len() > MAX_DIRECT_ARGUMENTS {
            let callee = Expr::new(ExprKind::Primitive(primitive.name.clone()), span);
            return call_of(callee, args, span);
        }
        Expr::new(
            ExprKind::CallPrimitive {
                name: primitive.name.clone(),
                args,
            },
            span,
        )
    }

    fn check_arity(&mut self, name: &str, min: usize, max: Option<usize>, given: usize, span: Span) {
        if given < min || max.is_some_and(|max| given > max) {
            self.fault(
                Cause::Arity {
                    name: name.into(),
                    min,
                    max,
                    given,
                },
                span,
            );
        }
    }

    fn built_in_call(&mut self, built_in: BuiltIn, nodes: &[NodeId], span: Span) -> Expr {
        self.check_arity(built_in.name, built_in.min, built_in.max, nodes.len(), span);
        if nodes.len() < built_in.min {
            return Expr::nil(span);
        }
        match built_in.name {
            "assert" => self.assert(nodes, span),
            "cast" => self.cast(nodes, span),
            _ => {
                let args = self.exprs(nodes);
                self.built_in_on(built_in, args, span)
            }
        }
    }

    fn built_in_on(&mut self, built_in: BuiltIn, mut args: Vec<Expr>, span: Span) -> Expr {
        match built_in.name {
            "apply" => {
                let callee = Box::new(args.remove(0));
                let list = match args.len() {
                    1 => args.remove(0),
                    _ => Expr::new(
                        ExprKind::CallPrimitive {
                            name: "%list*".into(),
                            args,
                        },
                        span,
                    ),
                };
                Expr::new(
                    ExprKind::Apply {
                        callee,
                        list: Box::new(list),
                    },
                    span,
                )
            }
            "throw" => Expr::new(ExprKind::Throw(Box::new(args.remove(0))), span),
            "at" => operation_on(Operation::At, args, span),
            "eq" => operation_on(Operation::Eq, args, span),
            "eval" => {
                args.push(Expr::literal(Literal::Str(self.context.module.into()), span));
                Expr::new(
                    ExprKind::CallPrimitive {
                        name: built_in.native.into(),
                        args,
                    },
                    span,
                )
            }
            _ if args.len() > MAX_DIRECT_ARGUMENTS => {
                let callee = Expr::new(ExprKind::Primitive(built_in.native.into()), span);
                call_of(callee, args, span)
            }
            _ => Expr::new(
                ExprKind::CallPrimitive {
                    name: built_in.native.into(),
                    args,
                },
                span,
            ),
        }
    }

    /// `(assert test message)`; without a message, the test as it is written is the message.
    fn assert(&mut self, nodes: &[NodeId], span: Span) -> Expr {
        let test = self.expr(nodes[0], Position::Value);
        let message = match nodes.get(1) {
            Some(&message) => self.maybe(|this| this.expr(message, Position::Value)),
            None => {
                let text = format!("assertion failed: {}", slp::print(self.tree, nodes[0]));
                Expr::literal(Literal::Str(text), span)
            }
        };
        Expr::new(
            ExprKind::Assert {
                test: Box::new(test),
                message: Box::new(message),
            },
            span,
        )
    }

    /// `(cast :T value)`; a record type is named in full.
    fn cast(&mut self, nodes: &[NodeId], span: Span) -> Expr {
        let type_expr = match self.tree.keyword(nodes[0]).map(str::to_string) {
            Some(name) => {
                let type_span = self.tree.span(nodes[0]);
                let name = self
                    .type_of(&name, type_span)
                    .map(|written| types::type_text(&written.spec));
                Expr::literal(Literal::Keyword(name.unwrap_or_default()), type_span)
            }
            None => self.expr(nodes[0], Position::Value),
        };
        let value = self.expr(nodes[1], Position::Value);
        Expr::new(
            ExprKind::CallPrimitive {
                name: "%cast".into(),
                args: vec![type_expr, value],
            },
            span,
        )
    }

    /// The type that a keyword names; an unknown one is a fault.
    pub(crate) fn type_of(&mut self, name: &str, span: Span) -> Option<types::WrittenType> {
        let written = types::written_type(self.host, self.context.module, name);
        if written.is_none() {
            self.fault(
                Cause::UnknownType {
                    name: name.into(),
                    near: types::near_types(name),
                },
                span,
            );
        }
        written
    }
}

fn call_of(callee: Expr, args: Vec<Expr>, span: Span) -> Expr {
    let callee = Box::new(callee);
    if args.len() <= MAX_DIRECT_ARGUMENTS {
        return Expr::new(ExprKind::Call { callee, args }, span);
    }
    let list = Expr::new(
        ExprKind::Collect {
            collection: Collection::List(2),
            parts: args,
        },
        span,
    );
    Expr::new(
        ExprKind::Apply {
            callee,
            list: Box::new(list),
        },
        span,
    )
}

fn operation_on(operation: Operation, args: Vec<Expr>, span: Span) -> Expr {
    match fold::fold(&operation, &args) {
        Some(literal) => Expr::literal(literal, span),
        None => Expr::new(ExprKind::Operation { operation, args }, span),
    }
}

/// The instruction that a call of a primitive with that many arguments becomes.
fn operation_of(primitive: &Primitive, n_args: usize) -> Option<Operation> {
    let native = NATIVE_OPERATIONS
        .iter()
        .find(|(name, n, _)| *name == primitive.name && *n == n_args);
    if let Some((_, _, operation)) = native {
        return Some(operation.clone());
    }
    match (primitive.intrinsic, n_args) {
        (0, _) | (_, 0) => None,
        (GREATER, 2..) => Some(Operation::Gt),
        (GREATER_OR_EQUAL, 2..) => Some(Operation::Ge),
        (NOT_EQUAL, 2) => Some(Operation::NotEqNum),
        (intrinsic, _) => {
            let op_for = |n_operands: usize| {
                let found = INTRINSICS
                    .iter()
                    .find(|(id, n, _)| *id == intrinsic && *n == n_operands);
                found.and_then(|(_, _, op)| Operation::of(*op, &primitive.name))
            };
            match op_for(n_args) {
                Some(operation) => Some(operation),
                None if n_args == 1 => op_for(2)
                    .filter(|found| *found == Operation::Sub)
                    .map(|_| Operation::Neg),
                None => op_for(2).filter(Operation::takes_any_number),
            }
        }
    }
}

impl Operation {
    /// The operation that is this instruction.
    fn of(op: Op, primitive: &str) -> Option<Operation> {
        Some(match op {
            Op::Add => Operation::Add,
            Op::Sub => Operation::Sub,
            Op::Mul => Operation::Mul,
            Op::Div => Operation::Div,
            Op::Rem => Operation::Rem,
            Op::Lt => Operation::Lt,
            Op::Le => Operation::Le,
            Op::EqNum => Operation::EqNum,
            Op::Neg => Operation::Neg,
            Op::Not => Operation::Not,
            Op::Eq => Operation::Eq,
            Op::BitAnd => Operation::BitAnd,
            Op::BitOr => Operation::BitOr,
            Op::BitXor => Operation::BitXor,
            Op::ShiftLeft => Operation::ShiftLeft,
            Op::ShiftRight => Operation::ShiftRight,
            Op::Quot | Op::FloorMod | Op::Min | Op::Max => Operation::Primitive(op, primitive.into()),
            _ => return None,
        })
    }

    /// Whether more than two arguments mean the operation from left to right, or between each two neighbours.
    fn takes_any_number(&self) -> bool {
        !matches!(
            self,
            Operation::Rem
                | Operation::Eq
                | Operation::ShiftLeft
                | Operation::ShiftRight
                | Operation::Primitive(..)
        )
    }
}
