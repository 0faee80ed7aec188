//! The core tree: what a form is once its macros are expanded and its names resolved.

use crate::host::Signature;
use slp::Span;
use sup_code::{CellName, Flat, Op, Parameters, TypeSpec};

/// The number of a local variable in its [`Program`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) struct VarId(pub(crate) u32);

/// The number of a function in its [`Program`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) struct FnId(pub(crate) u32);

/// The number of a loop in its [`Program`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) struct LoopId(pub(crate) u32);

/// A top-level form, expanded.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) vars: Vec<Var>,
    pub(crate) body: Body,
    pub(crate) span: Span,
}

/// A local variable.
#[derive(Debug)]
pub(crate) struct Var {
    pub(crate) name: String,
    pub(crate) span: Span,
    /// The function whose window it lives in.
    pub(crate) function: FnId,
    pub(crate) origin: Origin,
    /// A `set` rebinds it.
    pub(crate) is_assigned: bool,
    /// A function inside the one it belongs to uses it.
    pub(crate) is_captured: bool,
    /// It may be captured before it is defined, so that the closure must see it change.
    pub(crate) is_captured_early: bool,
    /// It may be read before it is defined.
    pub(crate) is_read_early: bool,
    /// Its `def` is a statement of the body it belongs to, not part of an expression.
    pub(crate) is_direct: bool,
    pub(crate) n_uses: u32,
}

impl Var {
    /// Whether it lives in a box: closures that took it must see it change. Everything else is copied into closures.
    pub(crate) fn is_boxed(&self) -> bool {
        self.is_captured && (self.is_assigned || self.is_captured_early)
    }

    /// Whether its register must say that it is not defined yet.
    pub(crate) fn starts_undefined(&self) -> bool {
        self.is_read_early || self.is_captured_early
    }
}

/// How a variable came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// A parameter of a function.
    Parameter,
    /// A `let`, `loop`, `for` or `each`.
    Binding,
    /// A pattern.
    Pattern,
    /// A `def` inside a function or a `let`.
    Slot,
    /// The compiler: `$error`, `$iterations`, hidden ones.
    Machine,
}

/// Statements with the slots that a `def` among them fills.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) slots: Vec<VarId>,
    pub(crate) exprs: Vec<Expr>,
}

/// An expression and where it stands.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
}

/// A value that is known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Nil,
    Bool(bool),
    Int(i64),
    Real(f64),
    Str(String),
    Symbol(String),
    Keyword(String),
    Path(String),
    Data(Flat),
}

/// Operations that are instructions of the machine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operation {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Lt,
    Le,
    Gt,
    Ge,
    EqNum,
    NotEqNum,
    Neg,
    Not,
    Eq,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
    IsNil,
    Count,
    At,
    ArrayNew,
    ArrayGet,
    ArraySet,
    ArrayPush,
    ArrayList,
    TableGet,
    TableSet,
    Get,
    GetOr,
    Sqrt,
    /// An instruction for what the primitive of that name does with two values.
    Primitive(Op, String),
}

/// Which collection a literal with parts makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Collection {
    /// A list of kind 0 paren, 1 square, 2 brace.
    List(u8),
    Map,
}

/// What an expression does.
#[derive(Debug)]
pub(crate) enum ExprKind {
    Literal(Literal),
    /// A local variable; `is_checked` when it may not be defined yet.
    Local {
        var: VarId,
        is_checked: bool,
    },
    Global(CellName),
    /// A primitive as a value.
    Primitive(String),
    SetLocal {
        var: VarId,
        is_checked: bool,
        value: Box<Expr>,
    },
    SetGlobal {
        cell: CellName,
        value: Box<Expr>,
    },
    DefLocal {
        var: VarId,
        value: Box<Expr>,
    },
    DefGlobal {
        cell: CellName,
        value: Box<Expr>,
    },
    Block(Vec<Expr>),
    Let {
        bindings: Vec<Binding>,
        body: Body,
    },
    /// The first clause whose test holds; nil when there is none and no `otherwise`.
    Cond {
        clauses: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Case {
        subject: Box<Expr>,
        clauses: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Operation {
        operation: Operation,
        args: Vec<Expr>,
    },
    Call {
        callee: Box<Expr>,
        args: Vec<Expr>,
    },
    CallPrimitive {
        name: String,
        args: Vec<Expr>,
    },
    Apply {
        callee: Box<Expr>,
        list: Box<Expr>,
    },
    Fn(Box<Lambda>),
    Do {
        id: LoopId,
        counter: VarId,
        body: Body,
    },
    While {
        id: LoopId,
        test: Box<Expr>,
        body: Body,
    },
    Each {
        id: LoopId,
        gathers: Gathers,
        clauses: Vec<(Pattern, Expr)>,
        body: Body,
    },
    Loop {
        id: LoopId,
        bindings: Vec<(VarId, Expr)>,
        body: Body,
    },
    Recur {
        id: LoopId,
        args: Vec<Expr>,
    },
    /// `recur` outside a loop: the running function again.
    RecurFunction {
        args: Vec<Expr>,
    },
    Done {
        id: LoopId,
        value: Box<Expr>,
    },
    Match {
        subject: Box<Expr>,
        arms: Vec<(Pattern, Expr)>,
    },
    Reflect {
        subject: Box<Expr>,
        arms: Vec<(TypeSpec, Expr)>,
    },
    Try {
        body: Box<Expr>,
        error: VarId,
        handler: Body,
    },
    Recover {
        body: Box<Expr>,
        error: VarId,
        message: VarId,
        handler: Body,
    },
    Throw(Box<Expr>),
    Assert {
        test: Box<Expr>,
        message: Box<Expr>,
    },
    /// A list or map of these parts; a map's are key, value, key, value.
    Collect {
        collection: Collection,
        parts: Vec<Expr>,
    },
    /// As `Collect`, with parts that are spliced in: `true` marks them.
    Splice {
        collection: Collection,
        parts: Vec<(bool, Expr)>,
    },
    /// The value quoted once more.
    Quoted(Box<Expr>),
}

/// Whether the results of the passes are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gathers {
    /// `for`: into a list.
    List,
    /// `each`: not at all.
    Nothing,
}

/// One name or pattern of a `let` and what it gets.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) pattern: Pattern,
    pub(crate) value: Expr,
}

/// A function.
#[derive(Debug)]
pub(crate) struct Lambda {
    pub(crate) id: FnId,
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) shape: Parameters,
    pub(crate) params: Vec<Param>,
    pub(crate) result: Option<(TypeSpec, Span)>,
    /// The variable that holds this very function, as its initialiser.
    pub(crate) self_var: Option<VarId>,
    /// Its parameters and types as they are written.
    pub(crate) signature: Signature,
    pub(crate) body: Body,
}

/// A parameter of a function.
#[derive(Debug)]
pub(crate) struct Param {
    /// Where the argument arrives.
    pub(crate) var: VarId,
    /// What it is taken apart into.
    pub(crate) pattern: Option<Pattern>,
    pub(crate) type_spec: Option<(TypeSpec, Span)>,
    /// The type is that of each element: `:int..`.
    pub(crate) is_each: bool,
}

/// A pattern and where it stands.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) kind: PatternKind,
    pub(crate) span: Span,
}

/// What a pattern asks for.
#[derive(Debug)]
pub(crate) enum PatternKind {
    Ignore,
    Bind(VarId),
    /// Equal to what this evaluates to.
    Value(Expr),
    /// A list whose first elements match, and whose others go to the rest if there is one.
    List {
        items: Vec<Pattern>,
        rest: Option<Box<Pattern>>,
    },
    /// A map that has these keys.
    Map(Vec<(Expr, Pattern)>),
    Type(Box<Pattern>, TypeSpec),
    When(Box<Pattern>, Expr),
    Or(Vec<Pattern>),
}

impl Program {
    /// The parameters of the function that the program's value is.
    pub(crate) fn only_function_shape(&self) -> Parameters {
        match self.body.exprs.as_slice() {
            [
                Expr {
                    kind: ExprKind::Fn(lambda),
                    ..
                },
            ] => lambda.shape,
            _ => Parameters::default(),
        }
    }
}

impl Expr {
    pub(crate) fn new(kind: ExprKind, span: Span) -> Expr {
        Expr { kind, span }
    }

    pub(crate) fn literal(literal: Literal, span: Span) -> Expr {
        Expr {
            kind: ExprKind::Literal(literal),
            span,
        }
    }

    pub(crate) fn nil(span: Span) -> Expr {
        Expr::literal(Literal::Nil, span)
    }

    /// The truth of a literal.
    pub(crate) fn known_truth(&self) -> Option<bool> {
        match &self.kind {
            ExprKind::Literal(Literal::Nil | Literal::Bool(false) | Literal::Int(0)) => Some(false),
            ExprKind::Literal(_) | ExprKind::Fn(_) => Some(true),
            _ => None,
        }
    }
}

impl Expr {
    /// Calls `visit` with each expression directly inside this one, those of functions and patterns included.
    pub(crate) fn for_each_child<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            ExprKind::Literal(_) | ExprKind::Local { .. } | ExprKind::Global(_) | ExprKind::Primitive(_) => {}
            ExprKind::SetLocal { value, .. }
            | ExprKind::SetGlobal { value, .. }
            | ExprKind::DefLocal { value, .. }
            | ExprKind::DefGlobal { value, .. }
            | ExprKind::Done { value, .. }
            | ExprKind::Throw(value)
            | ExprKind::Quoted(value) => visit(value),
            ExprKind::Block(exprs)
            | ExprKind::And(exprs)
            | ExprKind::Or(exprs)
            | ExprKind::Operation { args: exprs, .. }
            | ExprKind::CallPrimitive { args: exprs, .. }
            | ExprKind::Recur { args: exprs, .. }
            | ExprKind::RecurFunction { args: exprs }
            | ExprKind::Collect { parts: exprs, .. } => exprs.iter().for_each(visit),
            ExprKind::Call { callee, args } => {
                visit(callee);
                args.iter().for_each(visit);
            }
            ExprKind::Apply { callee, list } => {
                visit(callee);
                visit(list);
            }
            ExprKind::Splice { parts, .. } => parts.iter().for_each(|(_, part)| visit(part)),
            ExprKind::Assert { test, message } => {
                visit(test);
                visit(message);
            }
            _ => self.for_each_child_with_bodies(visit),
        }
    }

    fn for_each_child_with_bodies<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            ExprKind::Let { bindings, body } => {
                for binding in bindings {
                    visit(&binding.value);
                    binding.pattern.for_each_expr(visit);
                }
                body.exprs.iter().for_each(visit);
            }
            ExprKind::Cond { clauses, otherwise } => for_each_clause(clauses, otherwise, visit),
            ExprKind::Case {
                subject,
                clauses,
                otherwise,
            } => {
                visit(subject);
                for_each_clause(clauses, otherwise, visit);
            }
            ExprKind::Fn(lambda) => {
                lambda
                    .params
                    .iter()
                    .filter_map(|param| param.pattern.as_ref())
                    .for_each(|p| p.for_each_expr(visit));
                lambda.body.exprs.iter().for_each(visit);
            }
            ExprKind::Do { body, .. } => body.exprs.iter().for_each(visit),
            ExprKind::While { test, body, .. } => {
                visit(test);
                body.exprs.iter().for_each(visit);
            }
            ExprKind::Each { clauses, body, .. } => {
                for (pattern, collection) in clauses {
                    visit(collection);
                    pattern.for_each_expr(visit);
                }
                body.exprs.iter().for_each(visit);
            }
            ExprKind::Loop { bindings, body, .. } => {
                bindings.iter().for_each(|(_, value)| visit(value));
                body.exprs.iter().for_each(visit);
            }
            ExprKind::Match { subject, arms } => {
                visit(subject);
                for (pattern, result) in arms {
                    pattern.for_each_expr(visit);
                    visit(result);
                }
            }
            ExprKind::Reflect { subject, arms } => {
                visit(subject);
                arms.iter().for_each(|(_, result)| visit(result));
            }
            ExprKind::Try { body, handler, .. } | ExprKind::Recover { body, handler, .. } => {
                visit(body);
                handler.exprs.iter().for_each(visit);
            }
            _ => {}
        }
    }
}

fn for_each_clause<'a>(
    clauses: &'a [(Expr, Expr)],
    otherwise: &'a Option<Box<Expr>>,
    visit: &mut dyn FnMut(&'a Expr),
) {
    for (test, result) in clauses {
        visit(test);
        visit(result);
    }
    if let Some(otherwise) = otherwise {
        visit(otherwise);
    }
}

impl Pattern {
    /// Calls `visit` with each expression in the pattern.
    pub(crate) fn for_each_expr<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            PatternKind::Ignore | PatternKind::Bind(_) => {}
            PatternKind::Value(value) => visit(value),
            PatternKind::List { items, rest } => {
                items.iter().for_each(|item| item.for_each_expr(visit));
                if let Some(rest) = rest {
                    rest.for_each_expr(visit);
                }
            }
            PatternKind::Map(entries) => entries.iter().for_each(|(key, value)| {
                visit(key);
                value.for_each_expr(visit);
            }),
            PatternKind::Type(inner, _) => inner.for_each_expr(visit),
            PatternKind::When(inner, guard) => {
                inner.for_each_expr(visit);
                visit(guard);
            }
            PatternKind::Or(patterns) => patterns.iter().for_each(|pattern| pattern.for_each_expr(visit)),
        }
    }

    /// The variables that the pattern binds, the first alternative's where there are several.
    pub(crate) fn vars(&self) -> Vec<VarId> {
        match &self.kind {
            PatternKind::Ignore | PatternKind::Value(_) => Vec::new(),
            PatternKind::Bind(var) => vec![*var],
            PatternKind::List { items, rest } => items
                .iter()
                .chain(rest.as_deref())
                .flat_map(Pattern::vars)
                .collect(),
            PatternKind::Map(entries) => entries.iter().flat_map(|(_, value)| value.vars()).collect(),
            PatternKind::Type(inner, _) | PatternKind::When(inner, _) => inner.vars(),
            PatternKind::Or(patterns) => patterns.first().map(Pattern::vars).unwrap_or_default(),
        }
    }
}
