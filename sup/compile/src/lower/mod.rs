//! From a core tree to a chunk: registers, jumps, closures.
//!
//! Every expression is lowered towards a destination. Arguments are evaluated in the registers where the callee wants
//! them, tests become jumps, and a local variable that no closure sees change is nothing but a register.

mod builder;
mod call;
mod collect;
mod effects;
mod function;
mod operation;
mod pattern;
mod pools;
mod preload;
mod protect;
mod rebind;
mod repeat;
mod test;
mod value;

use crate::core_tree::{Body, Expr, ExprKind, FnId, Literal, LoopId, Program, Var, VarId};
use crate::fault::Cause;
use crate::host::FormContext;
use builder::{Builder, FinishedCode, Label, Mark, Reg};
use pools::Pools;
use slp::{Fault, Span};
use std::collections::HashMap;
use sup_code::{CaptureSource, CellName, Chunk, Function, Op, TypeBase, TypeSpec};

/// Where the value of an expression goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dest {
    /// Nowhere.
    Effect,
    /// Into a register that holds nothing anyone needs.
    Fresh(Reg),
    /// Into the register of a variable, which the expression may read until it has its value.
    Into(Reg),
    /// Out of the function.
    Return,
}

/// Where a variable is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Register(Reg),
    Capture(u16),
    /// It is the function that runs.
    Running,
}

/// A loop that is being lowered.
pub(super) struct LoopState {
    id: LoopId,
    dest: Dest,
    exit: Label,
    n_handlers: u32,
    /// Where `recur` goes and the registers it fills.
    top: Label,
    vars: Vec<VarId>,
}

/// A function that is being lowered.
pub(super) struct Frame {
    builder: Builder,
    id: FnId,
    self_var: Option<VarId>,
    /// The module variable that the function is defined as.
    own_cell: Option<CellName>,
    captures: Vec<CaptureSource>,
    capture_of: HashMap<VarId, u16>,
    /// Captured variables that are in a register from the start on.
    preloaded: HashMap<VarId, Reg>,
    /// Constants that are in a register at the current place.
    constants: Vec<(Literal, Reg)>,
    loops: Vec<LoopState>,
    /// Handlers in force at the current place.
    n_handlers: u32,
    result: Option<i32>,
    /// The start of the code and the number of parameters, when the function takes nothing but required ones.
    start: Label,
    n_plain_params: Option<usize>,
}

/// The state of lowering one program.
pub(super) struct Lowerer<'p> {
    program: &'p Program,
    module: &'p str,
    pools: Pools,
    functions: Vec<Function>,
    frames: Vec<Frame>,
    /// The register of each variable that has one, in the function it belongs to.
    registers: Vec<Option<Reg>>,
    faults: Vec<Fault>,
    /// The module variable that the next function to be lowered is defined as.
    defining: Option<CellName>,
}

/// Lowers a program.
pub(crate) fn lower(program: &Program, context: &FormContext<'_>) -> Result<Chunk, Vec<Fault>> {
    let mut lowerer = Lowerer {
        program,
        module: context.module,
        pools: Pools::default(),
        functions: vec![Function::default()],
        frames: Vec::new(),
        registers: vec![None; program.vars.len()],
        faults: Vec::new(),
        defining: None,
    };
    lowerer.frames.push(Frame::new(FnId(0), None));
    lowerer.body(&program.body, Dest::Return, program.span);
    let frame = lowerer
        .frames
        .pop()
        .expect("every function that was begun is ended once");
    lowerer.functions[0] = lowerer.finished(
        frame,
        Function {
            span: program.span,
            ..Function::default()
        },
    );
    if !lowerer.faults.is_empty() {
        return Err(lowerer.faults);
    }
    Ok(Chunk {
        module: context.module.into(),
        source: context.source.into(),
        functions: lowerer.functions,
        constants: lowerer.pools.constants.into_items(),
        cells: lowerer.pools.cells.into_items(),
        primitives: lowerer.pools.primitives.into_items(),
        types: lowerer.pools.types.into_items(),
    })
}

impl Frame {
    fn new(id: FnId, self_var: Option<VarId>) -> Frame {
        let mut builder = Builder::default();
        let start = builder.label();
        Frame {
            builder,
            id,
            self_var,
            own_cell: None,
            captures: Vec::new(),
            capture_of: HashMap::new(),
            preloaded: HashMap::new(),
            constants: Vec::new(),
            loops: Vec::new(),
            n_handlers: 0,
            result: None,
            start,
            n_plain_params: None,
        }
    }
}

impl Lowerer<'_> {
    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("code belongs to a function")
    }

    fn frame_id(&self) -> FnId {
        self.frames.last().expect("code belongs to a function").id
    }

    fn code(&mut self) -> &mut Builder {
        &mut self.frame().builder
    }

    fn var(&self, var: VarId) -> &Var {
        &self.program.vars[var.0 as usize]
    }

    fn register_of(&self, var: VarId) -> Option<Reg> {
        self.registers[var.0 as usize]
    }

    fn set_register(&mut self, var: VarId, register: Reg) {
        self.registers[var.0 as usize] = Some(register);
    }

    fn alloc(&mut self) -> Reg {
        self.code().alloc()
    }

    fn mark(&mut self) -> Mark {
        self.code().mark()
    }

    fn release(&mut self, mark: Mark) {
        self.code().release(mark);
    }

    fn emit(&mut self, op: Op, a: Reg, b: u8, c: u8, d: i32, span: Span) {
        self.code().emit(op, a, b, c, d, span);
    }

    fn cell(&mut self, cell: &CellName) -> i32 {
        self.pools.cells.index(cell)
    }

    fn type_index(&mut self, spec: &TypeSpec) -> i32 {
        self.pools.types.index(spec)
    }

    fn type_named(&mut self, base: TypeBase) -> i32 {
        self.type_index(&TypeSpec {
            base,
            optional: false,
        })
    }

    /// Ends a function: its code, or a fault.
    fn finished(&mut self, frame: Frame, function: Function) -> Function {
        let span = function.span;
        if frame.captures.len() > usize::from(u16::MAX) {
            self.faults.push(Cause::TooManyCaptures.at(span));
        }
        match frame.builder.finish() {
            Some(FinishedCode {
                code,
                spans,
                n_registers,
            }) => Function {
                n_registers,
                captures: frame.captures,
                code,
                spans,
                ..function
            },
            None => {
                self.faults.push(Cause::TooManyRegisters.at(span));
                function
            }
        }
    }

    /// Picks a register for a value, has it written there, and sends it to its destination.
    fn write(&mut self, dest: Dest, span: Span, emit: impl FnOnce(&mut Self, Reg)) {
        let mark = self.mark();
        let register = match dest {
            Dest::Fresh(register) | Dest::Into(register) => register,
            Dest::Effect | Dest::Return => self.alloc(),
        };
        emit(self, register);
        self.release(mark);
        if dest == Dest::Return {
            self.emit_return(register, span);
        }
    }

    fn emit_return(&mut self, register: Reg, span: Span) {
        if let Some(result) = self.frame().result {
            self.emit(Op::CheckType, register, 0, 0, result, span);
        }
        self.emit(Op::Return, register, 0, 0, 0, span);
    }

    /// Sends a value that is in a register to its destination.
    fn send(&mut self, register: Reg, dest: Dest, span: Span) {
        match dest {
            Dest::Effect => {}
            Dest::Fresh(target) | Dest::Into(target) => {
                if target != register {
                    self.emit(Op::Move, target, register, 0, 0, span);
                }
            }
            Dest::Return => self.emit_return(register, span),
        }
    }

    /// Statements and their slots; the value of the last goes to the destination.
    fn body(&mut self, body: &Body, dest: Dest, span: Span) {
        let mark = self.mark();
        self.open_slots(body);
        self.statements(&body.exprs, dest, span);
        self.release(mark);
    }

    fn statements(&mut self, exprs: &[Expr], dest: Dest, span: Span) {
        let Some((last, first)) = exprs.split_last() else {
            return self.nil(dest, span);
        };
        for expr in first {
            self.statement(expr, Dest::Effect);
        }
        self.statement(last, dest);
    }

    /// A statement of a body. A slot that needs no place before its `def` gets it there.
    fn statement(&mut self, expr: &Expr, dest: Dest) {
        match &expr.kind {
            ExprKind::DefLocal { var, value } if self.register_of(*var).is_none() => {
                let register = self.alloc();
                self.expr(value, Dest::Fresh(register));
                self.set_register(*var, register);
                self.nil(dest, expr.span);
            }
            _ => self.expr(expr, dest),
        }
    }

    /// Lowers an expression.
    fn expr(&mut self, expr: &Expr, dest: Dest) {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal, dest, span),
            ExprKind::Local { var, is_checked } => self.local(*var, *is_checked, dest, span),
            ExprKind::Global(cell) => {
                let cell = self.cell(cell);
                self.write(dest, span, |this, target| {
                    this.emit(Op::LoadCell, target, 0, 0, cell, span)
                });
            }
            ExprKind::Primitive(name) => {
                let primitive = self.pools.primitives.index(name);
                self.write(dest, span, |this, target| {
                    this.emit(Op::LoadPrim, target, 0, 0, primitive, span)
                });
            }
            ExprKind::SetLocal {
                var,
                is_checked,
                value,
            } => self.set_local(*var, *is_checked, value, dest, span),
            ExprKind::SetGlobal { cell, value } => {
                let (cell, mark) = (self.cell(cell), self.mark());
                let register = self.operand(value, &[]);
                self.emit(Op::SetCell, register, 0, 0, cell, span);
                self.release(mark);
                self.send(register, dest, span);
            }
            ExprKind::DefLocal { var, value } => self.def_local(*var, value, dest, span),
            ExprKind::DefGlobal { cell, value } => {
                if let ExprKind::Fn(_) = value.kind {
                    self.defining = Some(cell.clone());
                }
                let (cell, mark) = (self.cell(cell), self.mark());
                let register = self.operand(value, &[]);
                self.emit(Op::DefCell, register, 0, 0, cell, span);
                self.release(mark);
                self.nil(dest, span);
            }
            ExprKind::Block(exprs) => self.statements(exprs, dest, span),
            ExprKind::Let { bindings, body } => self.let_form(bindings, body, dest, span),
            ExprKind::Fn(lambda) => self.closure(lambda, dest),
            ExprKind::Quoted(value) => {
                let mark = self.mark();
                let register = self.operand(value, &[]);
                self.release(mark);
                self.write(dest, span, |this, target| {
                    this.emit(Op::Quoted, target, register, 0, 0, span)
                });
            }
            ExprKind::Collect { collection, parts } => self.collect(*collection, parts, dest, span),
            ExprKind::Splice { collection, parts } => self.splice(*collection, parts, dest, span),
            _ => self.control(expr, dest),
        }
    }

    /// Lowers an expression that calls, decides, repeats or catches.
    fn control(&mut self, expr: &Expr, dest: Dest) {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Operation { operation, args } => self.operation(operation, args, dest, expr),
            ExprKind::Call { callee, args } => self.call(callee, args, dest, span),
            ExprKind::CallPrimitive { name, args } => self.call_primitive(name, args, dest, span),
            ExprKind::Apply { callee, list } => self.apply(callee, list, dest, span),
            ExprKind::Cond { clauses, otherwise } => self.cond(clauses, otherwise.as_deref(), dest, span),
            ExprKind::And(exprs) => self.logic(exprs, false, dest, span),
            ExprKind::Or(exprs) => self.logic(exprs, true, dest, span),
            ExprKind::Case {
                subject,
                clauses,
                otherwise,
            } => {
                self.case(subject, clauses, otherwise.as_deref(), dest, span);
            }
            ExprKind::Match { subject, arms } => self.match_form(subject, arms, dest, span),
            ExprKind::Reflect { subject, arms } => self.reflect(subject, arms, dest, span),
            ExprKind::Do { id, counter, body } => self.endless(*id, *counter, body, dest, span),
            ExprKind::While { id, test, body } => self.while_form(*id, test, body, dest, span),
            ExprKind::Each {
                id,
                gathers,
                clauses,
                body,
            } => self.each(*id, *gathers, clauses, body, dest, span),
            ExprKind::Loop { id, bindings, body } => self.loop_form(*id, bindings, body, dest, span),
            ExprKind::Recur { id, args } => self.recur(*id, args, span),
            ExprKind::RecurFunction { args } => self.recur_function(args, span),
            ExprKind::Done { id, value } => self.done(*id, value, span),
            ExprKind::Try { body, error, handler } => self.try_form(body, *error, handler, dest, span),
            ExprKind::Recover {
                body,
                error,
                message,
                handler,
            } => {
                self.recover(body, *error, *message, handler, dest, span);
            }
            ExprKind::Throw(value) => {
                let mark = self.mark();
                let register = self.operand(value, &[]);
                self.release(mark);
                self.emit(Op::Raise, register, 0, 0, 0, span);
            }
            ExprKind::Assert { test, message } => self.assert(test, message, dest, span),
            _ => unreachable!("the other expressions are lowered by `expr`"),
        }
    }
}
