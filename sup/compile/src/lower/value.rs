//! Literals, variables and what binds them.

use super::builder::Reg;
use super::{Dest, Lowerer, Place, effects};
use crate::core_tree::{Binding, Body, Expr, ExprKind, Literal, PatternKind, VarId};
use slp::Span;
use sup_code::{CaptureSource, CellName, Op, TypeBase};

impl Lowerer<'_> {
    pub(super) fn nil(&mut self, dest: Dest, span: Span) {
        self.literal(&Literal::Nil, dest, span);
    }

    pub(super) fn literal(&mut self, literal: &Literal, dest: Dest, span: Span) {
        match dest {
            Dest::Effect => {}
            Dest::Return if *literal == Literal::Nil && self.frame().result.is_none() => {
                self.emit(Op::ReturnNil, 0, 0, 0, 0, span);
            }
            Dest::Return if self.is_of_result_type(literal) => {
                let mark = self.mark();
                let register = self.alloc();
                self.load(literal, register, span);
                self.emit(Op::Return, register, 0, 0, 0, span);
                self.release(mark);
            }
            _ => self.write(dest, span, |this, target| this.load(literal, target, span)),
        }
    }

    /// Whether the literal surely is what the function declares to return.
    fn is_of_result_type(&mut self, literal: &Literal) -> bool {
        let Some(result) = self.frame().result else {
            return true;
        };
        let base = &self.pools.types.item(result).base;
        match literal {
            Literal::Bool(_) => *base == TypeBase::Bool,
            Literal::Int(_) => *base == TypeBase::Int,
            Literal::Real(_) => *base == TypeBase::Real,
            Literal::Str(_) => *base == TypeBase::Str,
            Literal::Keyword(_) => *base == TypeBase::Keyword,
            _ => false,
        }
    }

    pub(super) fn load(&mut self, literal: &Literal, target: Reg, span: Span) {
        match literal {
            Literal::Nil => self.emit(Op::LoadNil, target, 0, 0, 0, span),
            Literal::Bool(true) => self.emit(Op::LoadTrue, target, 0, 0, 0, span),
            Literal::Bool(false) => self.emit(Op::LoadFalse, target, 0, 0, 0, span),
            Literal::Int(number) if i32::try_from(*number).is_ok() => {
                self.emit(Op::LoadInt, target, 0, 0, *number as i32, span);
            }
            _ => {
                let constant = self.pools.constants.index(literal);
                self.emit(Op::LoadConst, target, 0, 0, constant, span);
            }
        }
    }

    /// Where a variable is to the function that is being lowered. A closure takes it along if it is further out.
    pub(super) fn place(&mut self, var: VarId) -> Place {
        self.place_in(var, self.frames.len() - 1)
    }

    fn place_in(&mut self, var: VarId, frame_idx: usize) -> Place {
        let variable = self.var(var);
        let (function, is_assigned) = (variable.function, variable.is_assigned);
        let frame = &self.frames[frame_idx];
        if function == frame.id {
            let register = self
                .register_of(var)
                .expect("a variable is bound before code that names it");
            return Place::Register(register);
        }
        if frame.self_var == Some(var) && !is_assigned {
            return Place::Running;
        }
        if let Some(register) = frame.preloaded.get(&var) {
            return Place::Register(*register);
        }
        if let Some(capture) = frame.capture_of.get(&var) {
            return Place::Capture(*capture);
        }
        let source = match self.place_in(var, frame_idx - 1) {
            Place::Register(register) => CaptureSource::Register(register),
            Place::Capture(capture) => CaptureSource::Capture(capture),
            Place::Running => CaptureSource::Enclosing,
        };
        let frame = &mut self.frames[frame_idx];
        let capture = frame.captures.len() as u16;
        frame.captures.push(source);
        frame.capture_of.insert(var, capture);
        Place::Capture(capture)
    }

    pub(super) fn local(&mut self, var: VarId, is_checked: bool, dest: Dest, span: Span) {
        if dest == Dest::Effect && !is_checked {
            return;
        }
        let is_boxed = self.var(var).is_boxed();
        match self.place(var) {
            Place::Register(register) if !is_boxed => {
                if is_checked {
                    self.check_defined(var, register, span);
                }
                self.send(register, dest, span);
            }
            place => self.write(dest, span, |this, target| {
                match place {
                    Place::Register(register) => this.emit(Op::Unbox, target, register, 0, 0, span),
                    Place::Running => this.emit(Op::LoadSelf, target, 0, 0, 0, span),
                    Place::Capture(capture) => {
                        this.emit(Op::Capture, target, 0, 0, capture.into(), span);
                        if is_boxed {
                            this.emit(Op::Unbox, target, target, 0, 0, span);
                        }
                    }
                }
                if is_checked {
                    this.check_defined(var, target, span);
                }
            }),
        }
    }

    fn check_defined(&mut self, var: VarId, register: Reg, span: Span) {
        let cell = CellName {
            module: self.module.into(),
            name: self.var(var).name.clone(),
        };
        let cell = self.cell(&cell);
        self.emit(Op::CheckDef, register, 0, 0, cell, span);
    }

    /// A register that holds the value: a variable's own, or a new one. `later` is evaluated before it is read, so a
    /// variable that may be set there is copied.
    pub(super) fn operand(&mut self, expr: &Expr, later: &[Expr]) -> Reg {
        if let ExprKind::Local { var, is_checked } = expr.kind {
            let variable = self.var(var);
            let may_change = variable.is_assigned && !later.iter().all(effects::is_pure);
            if !variable.is_boxed()
                && !may_change
                && let Place::Register(register) = self.place(var)
            {
                if is_checked {
                    self.check_defined(var, register, expr.span);
                }
                return register;
            }
        }
        if let ExprKind::Literal(literal) = &expr.kind
            && let Some(register) = self.constant_register(literal)
        {
            return register;
        }
        let register = self.alloc();
        self.expr(expr, Dest::Fresh(register));
        register
    }

    /// Registers for several values, evaluated in order.
    pub(super) fn operands(&mut self, exprs: &[Expr]) -> Vec<Reg> {
        let each = exprs.iter().enumerate();
        each.map(|(idx, expr)| self.operand(expr, &exprs[idx + 1..]))
            .collect()
    }

    pub(super) fn set_local(&mut self, var: VarId, is_checked: bool, value: &Expr, dest: Dest, span: Span) {
        let is_boxed = self.var(var).is_boxed();
        let mark = self.mark();
        match self.place(var) {
            Place::Register(register) if !is_boxed => {
                if is_checked {
                    let value = self.operand(value, &[]);
                    self.check_defined(var, register, span);
                    self.send(value, Dest::Into(register), span);
                } else {
                    self.expr(value, Dest::Into(register));
                }
                self.release(mark);
                self.send(register, dest, span);
            }
            place => {
                let value = self.operand(value, &[]);
                let holder = match place {
                    Place::Register(register) => register,
                    Place::Capture(capture) => {
                        let holder = self.alloc();
                        self.emit(Op::Capture, holder, 0, 0, capture.into(), span);
                        holder
                    }
                    Place::Running => {
                        unreachable!("a variable that is set is not taken for the running function")
                    }
                };
                if is_checked {
                    let current = self.alloc();
                    self.emit(Op::Unbox, current, holder, 0, 0, span);
                    self.check_defined(var, current, span);
                }
                self.emit(Op::SetBox, holder, value, 0, 0, span);
                self.release(mark);
                self.send(value, dest, span);
            }
        }
    }

    /// Gives the slots of a body that must exist before their `def` their registers.
    pub(super) fn open_slots(&mut self, body: &Body) {
        for &var in &body.slots {
            let variable = self.var(var);
            let (is_boxed, starts_undefined, span) =
                (variable.is_boxed(), variable.starts_undefined(), variable.span);
            if variable.is_direct && !is_boxed && !starts_undefined {
                continue;
            }
            let register = self.alloc();
            if is_boxed || starts_undefined {
                self.emit(Op::LoadUndef, register, 0, 0, 0, span);
            }
            if is_boxed {
                self.emit(Op::NewBox, register, register, 0, 0, span);
            }
            self.set_register(var, register);
        }
    }

    pub(super) fn def_local(&mut self, var: VarId, value: &Expr, dest: Dest, span: Span) {
        let register = self
            .register_of(var)
            .expect("slots have registers where their body begins");
        let mark = self.mark();
        if self.var(var).is_boxed() {
            let value = self.operand(value, &[]);
            self.emit(Op::SetBox, register, value, 0, 0, span);
        } else {
            self.expr(value, Dest::Into(register));
        }
        self.release(mark);
        self.nil(dest, span);
    }

    pub(super) fn let_form(&mut self, bindings: &[Binding], body: &Body, dest: Dest, span: Span) {
        let mark = self.mark();
        self.open_slots(body);
        for binding in bindings {
            match binding.pattern.kind {
                PatternKind::Bind(var) => self.bind_value(var, &binding.value),
                PatternKind::Ignore => self.expr(&binding.value, Dest::Effect),
                _ => {
                    let register = self.operand(&binding.value, &[]);
                    self.take_apart(&binding.pattern, register);
                }
            }
        }
        self.statements(&body.exprs, dest, span);
        self.release(mark);
    }

    /// Gives a variable its register and first value.
    pub(super) fn bind_value(&mut self, var: VarId, value: &Expr) {
        let span = value.span;
        if let Some(register) = self.shared_register(var, value) {
            return self.set_register(var, register);
        }
        let register = self.alloc();
        let is_own_function = matches!(&value.kind, ExprKind::Fn(lambda) if lambda.self_var == Some(var))
            && self.var(var).is_boxed();
        if is_own_function {
            self.emit(Op::LoadUndef, register, 0, 0, 0, span);
            self.emit(Op::NewBox, register, register, 0, 0, span);
            self.set_register(var, register);
            let mark = self.mark();
            let function = self.operand(value, &[]);
            self.emit(Op::SetBox, register, function, 0, 0, span);
            self.release(mark);
            return;
        }
        self.expr(value, Dest::Fresh(register));
        self.bind_register(var, register, span);
    }

    /// The variable lives in that register, which holds its value, from here on.
    pub(super) fn bind_register(&mut self, var: VarId, register: Reg, span: Span) {
        if self.var(var).is_boxed() {
            self.emit(Op::NewBox, register, register, 0, 0, span);
        }
        self.set_register(var, register);
    }

    /// The register of another variable, if this one is only another name of it.
    fn shared_register(&mut self, var: VarId, value: &Expr) -> Option<Reg> {
        let ExprKind::Local {
            var: other,
            is_checked: false,
        } = value.kind
        else {
            return None;
        };
        let (variable, other_variable) = (self.var(var), self.var(other));
        let may_differ = variable.is_assigned || other_variable.is_assigned;
        if may_differ || variable.is_boxed() || other_variable.is_boxed() {
            return None;
        }
        match self.place(other) {
            Place::Register(register) => Some(register),
            _ => None,
        }
    }
}
