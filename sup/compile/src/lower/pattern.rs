//! Patterns: a sequence of tests that leave for the next arm, or values taken apart without asking.

use super::builder::{Label, Reg};
use super::call::NativeArg;
use super::{Dest, Lowerer};
use crate::core_tree::{Expr, Pattern, PatternKind, VarId};
use slp::Span;
use sup_code::{Op, TypeSpec};

impl Lowerer<'_> {
    pub(super) fn match_form(&mut self, subject: &Expr, arms: &[(Pattern, Expr)], dest: Dest, span: Span) {
        let mark = self.mark();
        let subject = self.stable_operand(subject);
        let end = self.code().label();
        for (pattern, result) in arms {
            let (arm_mark, next) = (self.mark(), self.code().label());
            self.test(pattern, subject, next);
            self.expr(result, dest);
            self.code().jump(Op::Jump, 0, 0, end, span);
            self.code().bind(next);
            self.release(arm_mark);
        }
        self.write(dest, span, |this, target| {
            this.emit(Op::NoMatch, target, subject, 0, 0, span)
        });
        self.code().bind(end);
        self.release(mark);
    }

    pub(super) fn reflect(&mut self, subject: &Expr, arms: &[(TypeSpec, Expr)], dest: Dest, span: Span) {
        let mark = self.mark();
        let subject = self.stable_operand(subject);
        let end = self.code().label();
        for (spec, result) in arms {
            let next = self.code().label();
            self.jump_unless_type(subject, spec, next, result.span);
            self.expr(result, dest);
            self.code().jump(Op::Jump, 0, 0, end, span);
            self.code().bind(next);
        }
        self.write(dest, span, |this, target| {
            this.emit(Op::NoMatch, target, subject, 0, 0, span)
        });
        self.code().bind(end);
        self.release(mark);
    }

    /// Goes to the label unless the value matches; binds the names on the way. The register keeps the value.
    fn test(&mut self, pattern: &Pattern, value: Reg, fail: Label) {
        let span = pattern.span;
        match &pattern.kind {
            PatternKind::Ignore => {}
            PatternKind::Bind(var) => self.bind_copy(*var, value, span),
            PatternKind::Value(expr) => self.jump_unless_equal(value, expr, fail),
            PatternKind::Type(inner, spec) => {
                self.jump_unless_type(value, spec, fail, span);
                self.test(inner, value, fail);
            }
            PatternKind::When(inner, guard) => {
                self.test(inner, value, fail);
                self.branch(guard, false, fail);
            }
            PatternKind::Or(patterns) => self.test_alternatives(pattern, patterns, value, fail),
            PatternKind::List { items, rest } => self.test_list(items, rest.as_deref(), value, fail, span),
            PatternKind::Map(entries) => self.test_map(entries, value, fail, span),
        }
    }

    /// Binds a name to a value that stays in its register, which it shares unless one of them may change.
    fn bind_copy(&mut self, var: VarId, value: Reg, span: Span) {
        let variable = self.var(var);
        let (is_boxed, is_assigned) = (variable.is_boxed(), variable.is_assigned);
        // An alternative of `or` has chosen the register already.
        if let Some(register) = self.register_of(var) {
            let op = if is_boxed { Op::NewBox } else { Op::Move };
            return self.emit(op, register, value, 0, 0, span);
        }
        if !is_boxed && !is_assigned {
            return self.set_register(var, value);
        }
        let register = self.alloc();
        let op = if is_boxed { Op::NewBox } else { Op::Move };
        self.emit(op, register, value, 0, 0, span);
        self.set_register(var, register);
    }

    fn test_alternatives(&mut self, pattern: &Pattern, patterns: &[Pattern], value: Reg, fail: Label) {
        for var in pattern.vars() {
            if self.register_of(var).is_none() {
                let register = self.alloc();
                self.set_register(var, register);
            }
        }
        let Some((last, first)) = patterns.split_last() else {
            return;
        };
        let matched = self.code().label();
        for alternative in first {
            let (mark, next) = (self.mark(), self.code().label());
            self.test(alternative, value, next);
            self.code().jump(Op::Jump, 0, 0, matched, alternative.span);
            self.code().bind(next);
            self.release(mark);
        }
        self.test(last, value, fail);
        self.code().bind(matched);
    }

    fn test_list(&mut self, items: &[Pattern], rest: Option<&Pattern>, value: Reg, fail: Label, span: Span) {
        let op = if rest.is_some() {
            Op::JumpNotAtLeast
        } else {
            Op::JumpNotItems
        };
        let n_items = i16::try_from(items.len()).unwrap_or(i16::MAX);
        self.code().jump_imm(op, value, n_items, fail, span);
        for (idx, item) in items.iter().enumerate() {
            if matches!(item.kind, PatternKind::Ignore) {
                continue;
            }
            let register = self.alloc();
            self.emit(Op::AtImm, register, value, 0, idx as i32, item.span);
            self.test(item, register, fail);
        }
        if let Some(rest) = rest.filter(|rest| !matches!(rest.kind, PatternKind::Ignore)) {
            let register = self.alloc();
            self.emit(Op::Slice, register, value, 0, items.len() as i32, rest.span);
            self.test(rest, register, fail);
        }
    }

    fn test_map(&mut self, entries: &[(Expr, Pattern)], value: Reg, fail: Label, span: Span) {
        if entries.is_empty() {
            let mark = self.mark();
            let answer = self.alloc();
            self.call_native(
                "%map-like?",
                &[NativeArg::Register(value)],
                Dest::Fresh(answer),
                span,
            );
            self.code().jump(Op::JumpFalse, answer, 0, fail, span);
            self.release(mark);
        }
        for (key, pattern) in entries {
            let register = self.alloc();
            let (mark, key_register) = (self.mark(), self.operand(key, &[]));
            let answer = self.alloc();
            let args = [NativeArg::Register(value), NativeArg::Register(key_register)];
            self.call_native("%match-key?", &args, Dest::Fresh(answer), key.span);
            self.code().jump(Op::JumpFalse, answer, 0, fail, key.span);
            if !matches!(pattern.kind, PatternKind::Ignore) {
                self.emit(Op::At, register, key_register, value, 0, key.span);
            }
            self.release(mark);
            self.test(pattern, register, fail);
        }
    }

    /// Takes a value apart: a list must have as many elements as the pattern, a key that a map lacks is nil. The register
    /// keeps the value.
    pub(super) fn take_apart(&mut self, pattern: &Pattern, value: Reg) {
        let span = pattern.span;
        match &pattern.kind {
            PatternKind::Bind(var) => self.bind_copy(*var, value, span),
            PatternKind::Type(inner, spec) => {
                let index = self.type_index(spec);
                self.emit(Op::CheckType, value, 0, 0, index, span);
                self.take_apart(inner, value);
            }
            PatternKind::List { items, rest } => {
                let op = if rest.is_some() {
                    Op::CheckAtLeast
                } else {
                    Op::CheckItems
                };
                self.emit(op, value, 0, 0, items.len() as i32, span);
                for (idx, item) in items.iter().enumerate() {
                    if matches!(item.kind, PatternKind::Ignore) {
                        continue;
                    }
                    let register = self.alloc();
                    self.emit(Op::AtImm, register, value, 0, idx as i32, item.span);
                    self.take_apart_fresh(item, register);
                }
                if let Some(rest) = rest
                    .as_deref()
                    .filter(|rest| !matches!(rest.kind, PatternKind::Ignore))
                {
                    let args = [NativeArg::Int(items.len() as i32), NativeArg::Register(value)];
                    let register = self.alloc();
                    self.call_native("%drop", &args, Dest::Fresh(register), rest.span);
                    self.take_apart_fresh(rest, register);
                }
            }
            PatternKind::Map(entries) => {
                for (key, part) in entries {
                    let register = self.alloc();
                    let (mark, key) = (self.mark(), self.operand(key, &[]));
                    let args = [NativeArg::Register(value), NativeArg::Register(key)];
                    self.call_native("%get", &args, Dest::Into(register), part.span);
                    self.release(mark);
                    self.take_apart_fresh(part, register);
                }
            }
            _ => {}
        }
    }

    /// As `take_apart`, when nothing else needs the register.
    fn take_apart_fresh(&mut self, part: &Pattern, register: Reg) {
        match part.kind {
            PatternKind::Bind(var) => self.bind_register(var, register, part.span),
            _ => self.take_apart(part, register),
        }
    }
}
