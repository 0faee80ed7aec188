//! Arithmetic, comparison and access as values.

use super::builder::{Mark, Reg};
use super::{Dest, Lowerer, effects, test};
use crate::core_tree::{Expr, ExprKind, Literal, Operation};
use slp::Span;
use sup_code::{Op, TypeBase};

/// With more operands than this, each is added to the sum of those before it as soon as it was evaluated.
const MAX_OPERANDS: usize = 64;

/// The second operand of an instruction when it is part of it.
enum Inline {
    Int(i32),
    Constant(Literal),
}

impl Lowerer<'_> {
    pub(super) fn operation(&mut self, operation: &Operation, args: &[Expr], dest: Dest, expr: &Expr) {
        let span = expr.span;
        match operation {
            Operation::Add | Operation::Sub | Operation::Mul | Operation::Div | Operation::Rem => {
                self.fold_left(operation, args, dest, span);
            }
            Operation::BitAnd | Operation::BitOr | Operation::BitXor => {
                self.fold_left(operation, args, dest, span)
            }
            Operation::ShiftLeft => self.plain(Op::ShiftLeft, args, dest, span),
            Operation::ShiftRight => self.plain(Op::ShiftRight, args, dest, span),
            Operation::Lt | Operation::Le | Operation::Gt | Operation::Ge | Operation::EqNum
                if args.len() == 2 =>
            {
                self.comparison(operation, args, dest, span);
            }
            Operation::Lt | Operation::Le | Operation::Gt | Operation::Ge | Operation::EqNum => {
                self.truth(expr, dest);
            }
            Operation::NotEqNum => self.truth(expr, dest),
            Operation::Neg => self.plain(Op::Neg, args, dest, span),
            Operation::Not => self.plain(Op::Not, args, dest, span),
            Operation::Eq => self.plain(Op::Eq, args, dest, span),
            Operation::IsNil => {
                let none = self.type_named(TypeBase::None);
                let mark = self.mark();
                let register = self.operand(&args[0], &[]);
                self.release(mark);
                self.write(dest, span, |this, target| {
                    this.emit(Op::TypeIs, target, register, 0, none, span)
                });
            }
            Operation::Count => self.plain(Op::Count, args, dest, span),
            Operation::At => self.at(args, dest, span),
            Operation::Get => self.get(args, dest, span),
            Operation::GetOr => self.get_or(args, dest, span),
            Operation::Sqrt => self.plain(Op::Sqrt, args, dest, span),
            Operation::Primitive(op, name) => self.as_primitive(*op, name, args, dest, span),
            Operation::ArrayNew => self.plain(Op::ArrayNew, args, dest, span),
            Operation::ArrayGet => match small_int(&args[1]) {
                Some(index) => self.of_one(Op::ArrayGetImm, &args[0], index, dest, span),
                None => self.plain(Op::ArrayGet, args, dest, span),
            },
            Operation::TableGet => self.plain(Op::TableGet, args, dest, span),
            Operation::ArraySet => match small_int(&args[1]) {
                Some(index) => self.array_set_at([&args[0], &args[2]], index, dest, span),
                None => self.change(Op::ArraySet, args, dest, span),
            },
            Operation::ArrayPush => self.change(Op::ArrayPush, args, dest, span),
            Operation::TableSet => self.change(Op::TableSet, args, dest, span),
            Operation::ArrayList => {
                let mark = self.mark();
                let array = self.operand(&args[0], &[]);
                self.release(mark);
                self.write(dest, span, |this, target| {
                    this.emit(Op::ArrayList, target, array, 1, 2, span)
                });
            }
        }
    }

    /// An instruction that reads its operands and writes its result.
    fn plain(&mut self, op: Op, args: &[Expr], dest: Dest, span: Span) {
        let mark = self.mark();
        let registers = self.operands(args);
        self.release(mark);
        let (first, second) = (registers.first().copied(), registers.get(1).copied());
        let (b, c) = (first.unwrap_or(0), second.unwrap_or(0));
        self.write(dest, span, |this, target| this.emit(op, target, b, c, 0, span));
    }

    /// An instruction that changes its first operand, which is also its value.
    fn change(&mut self, op: Op, args: &[Expr], dest: Dest, span: Span) {
        let mark = self.mark();
        let registers = self.operands(args);
        let third = registers.get(2).copied().unwrap_or(0);
        self.emit(op, registers[0], registers[1], third, 0, span);
        self.release(mark);
        self.send(registers[0], dest, span);
    }

    fn comparison(&mut self, operation: &Operation, args: &[Expr], dest: Dest, span: Span) {
        let mark = self.mark();
        let (left, right) = self.two_operands(args);
        self.release(mark);
        let (op, left, right) = match operation {
            Operation::Lt => (Op::Lt, left, right),
            Operation::Le => (Op::Le, left, right),
            Operation::Gt => (Op::Lt, right, left),
            Operation::Ge => (Op::Le, right, left),
            _ => (Op::EqNum, left, right),
        };
        self.write(dest, span, |this, target| {
            this.emit(op, target, left, right, 0, span)
        });
    }

    fn two_operands(&mut self, args: &[Expr]) -> (Reg, Reg) {
        let left = self.operand(&args[0], &args[1..]);
        (left, self.operand(&args[1], &[]))
    }

    /// `(+ a b c)` as `(+ (+ a b) c)`. All operands are evaluated first unless that makes no difference.
    fn fold_left(&mut self, operation: &Operation, args: &[Expr], dest: Dest, span: Span) {
        if args.len() == 2 {
            return self.binary(operation, &args[0], &args[1], dest, span);
        }
        let mark = self.mark();
        let (first, rest) = args.split_at(2);
        let (last, middle) = rest.split_last().expect("there are three or more operands");
        let sum = self.alloc();
        if rest.iter().all(effects::is_pure) || args.len() > MAX_OPERANDS {
            self.binary(operation, &first[0], &first[1], Dest::Fresh(sum), span);
            for arg in middle {
                let free = self.mark();
                self.binary_with(operation, (sum, free), arg, Dest::Into(sum), span);
            }
            return self.binary_with(operation, (sum, mark), last, dest, span);
        }
        let registers = self.operands(args);
        let op = register_op(operation);
        let mut left = registers[0];
        for &right in &registers[1..registers.len() - 1] {
            self.emit(op, sum, left, right, 0, span);
            left = sum;
        }
        let right = *registers.last().expect("there are three or more operands");
        self.release(mark);
        self.write(dest, span, |this, target| {
            this.emit(op, target, left, right, 0, span)
        });
    }

    fn binary(&mut self, operation: &Operation, left: &Expr, right: &Expr, dest: Dest, span: Span) {
        let mark = self.mark();
        let is_commutative = matches!(operation, Operation::Add | Operation::Mul);
        if is_commutative && inline_form(operation, right).is_none() && inline_form(operation, left).is_some()
        {
            let register = self.operand(right, &[]);
            return self.binary_with(operation, (register, mark), left, dest, span);
        }
        let register = self.operand(left, std::slice::from_ref(right));
        self.binary_with(operation, (register, mark), right, dest, span);
    }

    /// An operation whose left operand is in a register. Registers above the mark are free once it was read.
    fn binary_with(
        &mut self,
        operation: &Operation,
        (left, mark): (Reg, Mark),
        right: &Expr,
        dest: Dest,
        span: Span,
    ) {
        let (op, c, d) = match inline_form(operation, right) {
            Some((op, Inline::Int(number))) => (op, 0, number),
            Some((op, Inline::Constant(literal))) => (op, 0, self.pools.constants.index(&literal)),
            None => (register_op(operation), self.operand(right, &[]), 0),
        };
        self.release(mark);
        self.write(dest, span, |this, target| this.emit(op, target, left, c, d, span));
    }

    /// `(at index collection)`.
    fn at(&mut self, args: &[Expr], dest: Dest, span: Span) {
        let Some(key) = constant_key(&args[0]) else {
            return self.plain(Op::At, args, dest, span);
        };
        let (op, d) = match small_int(&args[0]) {
            Some(index) => (Op::AtImm, index),
            None => (Op::AtConst, self.pools.constants.index(key)),
        };
        self.of_one(op, &args[1], d, dest, span);
    }

    /// `(get collection key)`.
    fn get(&mut self, args: &[Expr], dest: Dest, span: Span) {
        match constant_key(&args[1]) {
            Some(key) => {
                let d = self.pools.constants.index(key);
                self.of_one(Op::GetConst, &args[0], d, dest, span);
            }
            None => self.plain(Op::Get, args, dest, span),
        }
    }

    /// `(get collection key default)`: the default lies where the answer goes.
    fn get_or(&mut self, args: &[Expr], dest: Dest, span: Span) {
        let mark = self.mark();
        let registers = self.operands(args);
        let answer = self.alloc();
        self.emit(Op::Move, answer, registers[2], 0, 0, span);
        self.emit(Op::GetOr, answer, registers[0], registers[1], 0, span);
        self.send(answer, dest, span);
        self.release(mark);
    }

    /// An instruction that reads one register, with what `d` says.
    fn of_one(&mut self, op: Op, operand: &Expr, d: i32, dest: Dest, span: Span) {
        let mark = self.mark();
        let register = self.operand(operand, &[]);
        self.release(mark);
        self.write(dest, span, |this, target| {
            this.emit(op, target, register, 0, d, span)
        });
    }

    /// `(%array-set array index value)` with an index that is written as a number.
    fn array_set_at(&mut self, args: [&Expr; 2], index: i32, dest: Dest, span: Span) {
        let mark = self.mark();
        let array = self.operand(args[0], std::slice::from_ref(args[1]));
        let value = self.operand(args[1], &[]);
        self.emit(Op::ArraySetImm, array, value, 0, index, span);
        self.release(mark);
        self.send(array, dest, span);
    }

    /// An instruction that stands for a primitive.
    fn as_primitive(&mut self, op: Op, name: &str, args: &[Expr], dest: Dest, span: Span) {
        let primitive = self.pools.primitives.index(&name.to_string());
        let mark = self.mark();
        let (left, right) = self.two_operands(args);
        self.release(mark);
        self.write(dest, span, |this, target| {
            this.emit(op, target, left, right, primitive, span)
        });
    }
}

/// A literal that can be the key of an instruction.
fn constant_key(expr: &Expr) -> Option<&Literal> {
    match &expr.kind {
        ExprKind::Literal(Literal::Nil | Literal::Bool(_)) => None,
        ExprKind::Literal(literal) => Some(literal),
        _ => None,
    }
}

/// The number that an expression is, when an instruction can hold it.
fn small_int(expr: &Expr) -> Option<i32> {
    match &expr.kind {
        ExprKind::Literal(Literal::Int(number)) => i32::try_from(*number).ok(),
        _ => None,
    }
}

fn register_op(operation: &Operation) -> Op {
    match operation {
        Operation::Add => Op::Add,
        Operation::Sub => Op::Sub,
        Operation::Mul => Op::Mul,
        Operation::Div => Op::Div,
        Operation::Rem => Op::Rem,
        Operation::BitAnd => Op::BitAnd,
        Operation::BitOr => Op::BitOr,
        Operation::BitXor => Op::BitXor,
        _ => unreachable!("only arithmetic and bits fold from the left"),
    }
}

/// The instruction that holds the right operand in itself. Zero stays in a register where it would be divided by.
fn inline_form(operation: &Operation, right: &Expr) -> Option<(Op, Inline)> {
    let ExprKind::Literal(literal) = &right.kind else {
        return None;
    };
    let small = match literal {
        Literal::Int(number) => i32::try_from(*number).ok(),
        Literal::Real(_) => None,
        _ => return None,
    };
    let constant = || Inline::Constant(literal.clone());
    let is_zero =
        matches!(literal, Literal::Int(0)) || matches!(literal, Literal::Real(number) if *number == 0.0);
    match (operation, small) {
        (Operation::Add, Some(number)) => Some((Op::AddImm, Inline::Int(number))),
        (Operation::Sub, Some(number)) => Some((Op::SubImm, Inline::Int(number))),
        (Operation::Mul, Some(number)) => Some((Op::MulImm, Inline::Int(number))),
        (Operation::Rem, Some(number)) if !is_zero => Some((Op::RemImm, Inline::Int(number))),
        (Operation::Add, None) => Some((Op::AddConst, constant())),
        (Operation::Sub, None) => Some((Op::SubConst, constant())),
        (Operation::Mul, None) => Some((Op::MulConst, constant())),
        (Operation::Div, _) if !is_zero => Some((Op::DivConst, constant())),
        _ => None,
    }
}

/// Whether an argument of an operation must be in a register, being a literal.
pub(super) fn needs_register(operation: &Operation, args: &[Expr], idx: usize) -> bool {
    let is_inline = |idx: usize| inline_form(operation, &args[idx]).is_some();
    match operation {
        Operation::Add | Operation::Mul if args.len() == 2 => !is_inline(idx),
        Operation::Add | Operation::Sub | Operation::Mul | Operation::Div | Operation::Rem => {
            idx == 0 || !is_inline(idx)
        }
        Operation::Lt
        | Operation::Le
        | Operation::Gt
        | Operation::Ge
        | Operation::EqNum
        | Operation::NotEqNum => args.len() > 2 || test::small_number(&args[idx]).is_none(),
        Operation::At => idx == 1,
        Operation::Get => idx == 0,
        Operation::ArrayGet | Operation::ArraySet => idx != 1,
        _ => true,
    }
}
