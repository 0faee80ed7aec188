//! Lists and maps of evaluated parts.

use super::builder::Reg;
use super::call::NativeArg;
use super::{Dest, Lowerer};
use crate::core_tree::{Collection, Expr};
use slp::Span;
use sup_code::Op;

/// With more parts than this, they go through an array instead of registers.
const MAX_IN_REGISTERS: usize = 64;

impl Lowerer<'_> {
    pub(super) fn collect(&mut self, collection: Collection, parts: &[Expr], dest: Dest, span: Span) {
        let mark = self.mark();
        if parts.len() > MAX_IN_REGISTERS {
            let array = self.new_array(span);
            for part in parts {
                self.push_part(array, part);
            }
            self.gather_array(collection, array, dest, span);
            return self.release(mark);
        }
        let first = self.code().next_register();
        for part in parts {
            let register = self.alloc();
            self.expr(part, Dest::Fresh(register));
        }
        self.release(mark);
        let (op, kind) = match collection {
            Collection::List(kind) => (Op::List, kind),
            Collection::Map => (Op::Map, 0),
        };
        let n_parts = parts.len() as u8;
        self.write(dest, span, |this, target| {
            this.emit(op, target, first, n_parts, kind.into(), span)
        });
    }

    /// As `collect`, with parts whose elements are put in their place.
    pub(super) fn splice(&mut self, collection: Collection, parts: &[(bool, Expr)], dest: Dest, span: Span) {
        let mark = self.mark();
        let array = self.new_array(span);
        for (is_spliced, part) in parts {
            if !is_spliced {
                self.push_part(array, part);
                continue;
            }
            let part_mark = self.mark();
            let register = self.operand(part, &[]);
            let args = [NativeArg::Register(array), NativeArg::Register(register)];
            self.call_native("%array-extend", &args, Dest::Effect, part.span);
            self.release(part_mark);
        }
        self.gather_array(collection, array, dest, span);
        self.release(mark);
    }

    fn new_array(&mut self, span: Span) -> Reg {
        let array = self.alloc();
        self.emit(Op::ArrayNew, array, 0, 0, 0, span);
        array
    }

    fn push_part(&mut self, array: Reg, part: &Expr) {
        let mark = self.mark();
        let register = self.operand(part, &[]);
        self.emit(Op::ArrayPush, array, register, 0, 0, part.span);
        self.release(mark);
    }

    fn gather_array(&mut self, collection: Collection, array: Reg, dest: Dest, span: Span) {
        match collection {
            Collection::List(kind) => self.write(dest, span, |this, target| {
                this.emit(Op::ArrayList, target, array, 1, kind.into(), span);
            }),
            Collection::Map => self.call_native("%map-from-array", &[NativeArg::Register(array)], dest, span),
        }
    }
}
