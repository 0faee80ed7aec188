//! The code of one function while it grows: instructions, labels, registers, spans.

use slp::Span;
use sup_code::{Insn, Op};

/// The largest window.
const MAX_REGISTERS: u16 = 250;

/// A register of the window.
pub(super) type Reg = u8;

/// A place in the code that jumps lead to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Label(usize);

/// How many registers are in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark(u16);

/// The code of a function.
pub(super) struct FinishedCode {
    pub(super) code: Vec<Insn>,
    pub(super) spans: Vec<(u32, Span)>,
    pub(super) n_registers: u8,
}

#[derive(Default)]
pub(super) struct Builder {
    code: Vec<Insn>,
    spans: Vec<(u32, Span)>,
    /// Where each label is, once that is known.
    labels: Vec<Option<usize>>,
    /// Jumps and the labels they lead to.
    jumps: Vec<(usize, Label)>,
    /// Labels with a place, the places ascending.
    bound: Vec<Label>,
    n_used: u16,
    n_registers: u16,
    /// Nothing falls or jumps to the next instruction, so that it need not be written.
    is_dead: bool,
}

impl Builder {
    /// The next free register.
    pub(super) fn alloc(&mut self) -> Reg {
        let register = self.n_used.min(MAX_REGISTERS - 1);
        self.n_used += 1;
        self.n_registers = self.n_registers.max(self.n_used);
        register as Reg
    }

    /// The register that `alloc` will give next.
    pub(super) fn next_register(&self) -> Reg {
        self.n_used.min(MAX_REGISTERS - 1) as Reg
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.n_used)
    }

    pub(super) fn release(&mut self, mark: Mark) {
        self.n_used = mark.0;
    }

    /// Whether it is the last register in use.
    pub(super) fn is_top(&self, register: Reg) -> bool {
        u16::from(register) + 1 == self.n_used
    }

    pub(super) fn emit(&mut self, op: Op, a: Reg, b: u8, c: u8, d: i32, span: Span) {
        self.push(Insn::new(op, a, b, c, d), span);
        if matches!(
            op,
            Op::Jump
                | Op::Loop
                | Op::Return
                | Op::ReturnNil
                | Op::Raise
                | Op::TailCall
                | Op::TailCell
                | Op::EnterCell
                | Op::TailSelf
                | Op::TailApply
        ) {
            self.is_dead = true;
        }
    }

    fn push(&mut self, insn: Insn, span: Span) {
        if self.is_dead {
            return;
        }
        if self.spans.last().is_none_or(|(_, last)| *last != span) {
            self.spans.push((self.code.len() as u32, span));
        }
        self.code.push(insn);
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// The label is here.
    pub(super) fn bind(&mut self, label: Label) {
        let is_used = self.jumps.iter().any(|(_, target)| *target == label);
        self.drop_jump_to(label);
        self.labels[label.0] = Some(self.code.len());
        self.bound.push(label);
        if is_used {
            self.is_dead = false;
        }
    }

    /// Takes back a jump that would lead to the very next instruction. Labels between the two move along.
    fn drop_jump_to(&mut self, label: Label) {
        let Some(last) = self.code.len().checked_sub(1) else {
            return;
        };
        let is_jump = self.code[last].op() == Some(Op::Jump);
        if !is_jump || self.jumps.last() != Some(&(last, label)) {
            return;
        }
        self.jumps.pop();
        self.code.pop();
        if self
            .spans
            .last()
            .is_some_and(|(place, _)| *place as usize == last)
        {
            self.spans.pop();
        }
        for bound in self.bound.iter().rev() {
            let place = &mut self.labels[bound.0];
            if *place != Some(last + 1) {
                break;
            }
            *place = Some(last);
        }
    }

    /// An instruction that jumps, perhaps, to the label.
    pub(super) fn jump(&mut self, op: Op, a: Reg, b: u8, label: Label, span: Span) {
        if !self.is_dead {
            self.jumps.push((self.code.len(), label));
        }
        self.emit(op, a, b, 0, 0, span);
    }

    /// An instruction that compares with a number and jumps, perhaps, to the label.
    pub(super) fn jump_imm(&mut self, op: Op, a: Reg, imm: i16, label: Label, span: Span) {
        if !self.is_dead {
            self.jumps.push((self.code.len(), label));
        }
        self.push(Insn::with_imm(op, a, imm, 0), span);
    }

    /// The finished code, its spans and the size of its window; nothing when that is too large.
    pub(super) fn finish(mut self) -> Option<FinishedCode> {
        if self.n_registers > MAX_REGISTERS {
            return None;
        }
        debug_assert!(self.is_dead, "the last instruction does not fall through");
        for (place, label) in &self.jumps {
            let target = self.labels[label.0].expect("every label that a jump leads to is bound");
            let target = self.through_jumps(target);
            let distance = target as i64 - (*place as i64 + 1);
            let insn = self.code[*place];
            let distance = i32::try_from(distance).ok()?;
            self.code[*place] = Insn((insn.0 & 0xffff_ffff) | (u64::from(distance as u32) << 32));
        }
        Some(FinishedCode {
            code: self.code,
            spans: self.spans,
            n_registers: self.n_registers as u8,
        })
    }

    /// Where a jump to a place ends up when unconditional jumps stand there. Jumps back count fuel and are kept.
    fn through_jumps(&self, mut target: usize) -> usize {
        for _ in 0..32 {
            let is_jump = self.code.get(target).and_then(|insn| insn.op()) == Some(Op::Jump);
            let next = self
                .jumps
                .binary_search_by_key(&target, |(place, _)| *place)
                .ok()
                .filter(|_| is_jump);
            let Some(label) = next.map(|jump_idx| self.jumps[jump_idx].1) else {
                break;
            };
            target = self.labels[label.0].expect("every label that a jump leads to is bound");
        }
        target
    }
}
