//! Functions: entry, parameters, the closure that is made of them.

use super::builder::Reg;
use super::{Dest, Frame, Lowerer};
use crate::core_tree::{Lambda, Param};
use slp::Span;
use sup_code::{Function, Op, Tail, TypeSpec};

impl Lowerer<'_> {
    pub(super) fn closure(&mut self, lambda: &Lambda, dest: Dest) {
        if dest == Dest::Effect {
            return;
        }
        let function = self.function(lambda);
        let span = lambda.span;
        self.write(dest, span, |this, target| {
            this.emit(Op::Closure, target, 0, 0, function, span)
        });
    }

    /// Lowers a function and returns its index in the chunk.
    fn function(&mut self, lambda: &Lambda) -> i32 {
        let index = self.functions.len();
        self.functions.push(Function::default());
        let mut frame = Frame::new(lambda.id, lambda.self_var);
        frame.own_cell = self.defining.take();
        frame.result = lambda
            .result
            .as_ref()
            .map(|(spec, _)| spec)
            .filter(|spec| is_checked(spec))
            .map(|spec| self.pools.types.index(spec));
        let is_plain = lambda.shape.n_optional == 0 && lambda.shape.tail == Tail::None;
        frame.n_plain_params = is_plain.then_some(lambda.params.len());
        self.frames.push(frame);
        let registers: Vec<Reg> = lambda.params.iter().map(|_| self.alloc()).collect();
        self.preload(lambda);
        let start = self.frame().start;
        self.code().bind(start);
        self.params(lambda, &registers);
        self.body(&lambda.body, Dest::Return, lambda.span);
        let frame = self
            .frames
            .pop()
            .expect("every function that was begun is ended once");
        let function = Function {
            name: lambda.name.clone(),
            parameters: lambda.shape,
            span: lambda.span,
            ..Function::default()
        };
        self.functions[index] = self.finished(frame, function);
        index as i32
    }

    /// Arguments arrive in the first registers: checked first, then boxed where closures must see them change, then taken
    /// apart.
    fn params(&mut self, lambda: &Lambda, registers: &[Reg]) {
        for (idx, (param, &register)) in lambda.params.iter().zip(registers).enumerate() {
            self.set_register(param.var, register);
            let is_optional = idx >= usize::from(lambda.shape.n_required);
            self.check_param(param, register, is_optional);
        }
        for (param, &register) in lambda.params.iter().zip(registers) {
            let span = self.var(param.var).span;
            self.bind_register(param.var, register, span);
        }
        for (param, &register) in lambda.params.iter().zip(registers) {
            if let Some(pattern) = &param.pattern {
                self.take_apart(pattern, register);
            }
        }
    }

    fn check_param(&mut self, param: &Param, register: Reg, is_optional: bool) {
        let Some((spec, span)) = &param.type_spec else {
            return;
        };
        if !is_checked(spec) {
            return;
        }
        if param.is_each {
            return self.check_each(spec, register, *span);
        }
        let spec = TypeSpec {
            base: spec.base.clone(),
            optional: spec.optional || is_optional,
        };
        let index = self.type_index(&spec);
        self.emit(Op::CheckType, register, 0, 0, index, *span);
    }

    /// Checks each element of a rest list.
    fn check_each(&mut self, spec: &TypeSpec, list: Reg, span: Span) {
        let (mark, index) = (self.mark(), self.type_index(spec));
        let state = self.alloc();
        let _position = self.alloc();
        let element = self.alloc();
        self.emit(Op::Iterate, state, list, 0, 0, span);
        let (top, end) = (self.code().label(), self.code().label());
        self.code().bind(top);
        self.code().jump(Op::Next, state, 0, end, span);
        self.emit(Op::CheckType, element, 0, 0, index, span);
        self.code().jump(Op::Loop, 0, 0, top, span);
        self.code().bind(end);
        self.release(mark);
    }
}

/// Whether a type says anything. The predecessor wrote `:none` for a result that nobody looks at.
fn is_checked(spec: &TypeSpec) -> bool {
    !matches!(spec.base, sup_code::TypeBase::Any | sup_code::TypeBase::None)
}
