//! Instructions in plain Rust: what the bodies of `fast` leave over. Everything here may allocate, collect and raise.
#![allow(unsafe_code)]

use std::sync::LazyLock;

use sup_abi::word::{FALSE, NIL, TRUE, UNDEFINED, Word, ZERO, boolean, fixnum, is_falsy};
use sup_code::{Insn, Op};

use crate::data::types::LoadedType;
use crate::error::{Outcome, Raise};
use crate::fiber::OpenHandler;
use crate::interp::Exit;
use crate::object::{Header, Kind};
use crate::unit::FunctionMeta;
use crate::vm::Vm;
use crate::{cells, primitives};

static GET: LazyLock<u32> = LazyLock::new(|| primitives::id("%get"));
static SQRT: LazyLock<u32> = LazyLock::new(|| primitives::id("%math-sqrt"));

/// How the loop goes on after the slow path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// At the saved registers.
    Continue,
    /// Out of the loop.
    Leave(Exit),
}

/// What carrying an instruction out came to.
pub(crate) type Carried = Result<Flow, Raise>;

impl Vm {
    /// Carries the instruction before `pc` out. Never inlined: its locals would keep the handler that calls it from
    /// going on with a jump.
    #[inline(never)]
    pub(crate) fn slow_step(&mut self, insn: Insn) -> Flow {
        match self.carry_out(insn) {
            Ok(flow) => flow,
            Err(raise) => self.unwind(raise),
        }
    }

    /// Collects when a body found that the heap asks for it.
    #[inline(never)]
    pub(crate) fn collect_at_safepoint(&mut self) -> Flow {
        match self.safepoint() {
            Ok(()) => Flow::Continue,
            Err(raise) => self.unwind(raise),
        }
    }

    /// Pays for what was copied. Collects if the nursery is used up or the heap asks; when the quota does not suffice even so, the fiber that
    /// keeps most gets `vm/memory`.
    pub(crate) fn safepoint(&mut self) -> Result<(), Raise> {
        if self.is_called() {
            self.answer_call()?;
        }
        self.heap.wants_safepoint = false;
        self.registers.fuel -= std::mem::take(&mut self.heap.charge) as i64;
        let room = self.heap.nursery_end as usize - self.heap.next as usize;
        if self.stress || self.heap.wants_collection || room < 8 * 1024 {
            self.collect(crate::collect::Extent::Nursery);
            if !self.heap.is_within_quota() {
                self.collect(crate::collect::Extent::Everything);
                if !self.heap.is_within_quota() {
                    return self.fail_largest();
                }
            }
            if self.heap.used_bytes() > self.accounts.look_at {
                return self.look_at_accounts();
            }
        }
        Ok(())
    }

    pub(crate) fn r(&self, index: u8) -> Word {
        // SAFETY: the verifier has checked the register against the window.
        unsafe { *self.registers.base.add(index as usize) }
    }

    pub(crate) fn set_r(&mut self, index: u8, word: Word) {
        // SAFETY: as in `r`.
        unsafe { *self.registers.base.add(index as usize) = word }
    }

    /// Registers `from` to `from + n`, as a slice.
    fn window(&self, from: u8, n: usize) -> &'static [Word] {
        // SAFETY: the verifier has checked the range against the window; the stack outlives the instruction.
        unsafe { std::slice::from_raw_parts(self.registers.base.add(from as usize), n) }
    }

    fn pool(&self, distance: i32) -> Word {
        // SAFETY: the loader has computed the distance from the instruction, which stands before `pc`, to the pool.
        unsafe { *self.registers.pc.sub(1).cast::<Word>().offset(distance as isize) }
    }

    fn jump(&mut self, distance: i32) {
        // SAFETY: the verifier has checked that jumps land on instructions of the function.
        self.registers.pc = unsafe { self.registers.pc.offset(distance as isize) };
    }

    fn carry_out(&mut self, i: Insn) -> Carried {
        let op = i.op().expect("verified code holds known opcodes only");
        match op {
            Op::Call | Op::CallCell | Op::CallPrim | Op::CallSelf => self.call_slow(op, i),
            Op::TailCall | Op::TailCell | Op::TailSelf => self.tail_slow(op, i),
            Op::EnterCell => self.enter_cell_slow(i),
            Op::Min | Op::Max | Op::Quot | Op::FloorMod => self.call_as_primitive(i),
            Op::Apply | Op::TailApply => self.apply_slow(op, i),
            Op::Loop => {
                self.step_back();
                self.out_of_fuel()
            }
            Op::Halt => Ok(self.halt(i)),
            Op::DefCell | Op::SetCell | Op::LoadCell | Op::CheckDef => {
                self.cell_step(op, i).map(|()| Flow::Continue)
            }
            Op::Handler | Op::EndHandler | Op::Raise | Op::Assert => {
                self.handler_step(op, i).map(|()| Flow::Continue)
            }
            _ => {
                self.safepoint()?;
                match self.plain_step(op, i) {
                    // What is dead may take the memory that is wanted: these instructions allocate before they change anything.
                    Err(_) if std::mem::take(&mut self.out_of_memory) => {
                        self.collect(crate::collect::Extent::Everything);
                        self.plain_step(op, i)
                    }
                    carried => carried,
                }
            }
        }
    }

    fn plain_step(&mut self, op: Op, i: Insn) -> Carried {
        if let Some(holds) = self.compare_step(op, i)? {
            if holds {
                self.jump(i.d());
            }
            return Ok(Flow::Continue);
        }
        let answer = self.value_step(op, i)?;
        if let Some(word) = answer {
            self.set_r(i.a(), word);
        }
        Ok(Flow::Continue)
    }

    /// Comparisons that jump: whether to.
    fn compare_step(&mut self, op: Op, i: Insn) -> Result<Option<bool>, Raise> {
        let (x, y) = (self.r(i.a()), self.r(i.b()));
        let imm = ((i.imm() as i64) << 2 | 2) as u64;
        let holds = match op {
            Op::JumpLt => self.less(x, y)?,
            Op::JumpLe => self.less_equal(x, y)?,
            Op::JumpEqNum => self.same_number(x, y)?,
            Op::JumpNotLt => !self.less(x, y)?,
            Op::JumpNotLe => !self.less_equal(x, y)?,
            Op::JumpNotEqNum => !self.same_number(x, y)?,
            Op::JumpLtImm => self.less(x, imm)?,
            Op::JumpLeImm => self.less_equal(x, imm)?,
            Op::JumpGtImm => self.less(imm, x)?,
            Op::JumpGeImm => self.less_equal(imm, x)?,
            Op::JumpEqImm => self.same_number(x, imm)?,
            Op::JumpNotLtImm => !self.less(x, imm)?,
            Op::JumpNotLeImm => !self.less_equal(x, imm)?,
            Op::JumpNotGtImm => !self.less(imm, x)?,
            Op::JumpNotGeImm => !self.less_equal(imm, x)?,
            Op::JumpNotEqImm => !self.same_number(x, imm)?,
            Op::JumpEq => self.equal(x, y),
            Op::JumpNotEq => !self.equal(x, y),
            Op::JumpFalse => is_falsy(x),
            Op::JumpTrue => !is_falsy(x),
            Op::JumpNil => x == NIL,
            Op::JumpNotNil => x != NIL,
            Op::Jump => true,
            Op::JumpNotItems => self.list_length(x)? != Some(usize::try_from(i.imm()).unwrap_or(usize::MAX)),
            Op::JumpNotAtLeast => self
                .list_length(x)?
                .is_none_or(|n| n < usize::try_from(i.imm()).unwrap_or(0)),
            Op::Next => return Ok(Some(!self.next_step(i)?)),
            _ => return Ok(None),
        };
        Ok(Some(holds))
    }

    /// Instructions that make a value of their operands, or none.
    fn value_step(&mut self, op: Op, i: Insn) -> Result<Option<Word>, Raise> {
        let answer = match op {
            Op::Move => self.r(i.b()),
            Op::LoadInt => ((i.d() as i64) << 2 | 2) as u64,
            Op::LoadConst => self.pool(i.d()),
            Op::LoadNil => NIL,
            Op::LoadTrue => TRUE,
            Op::LoadFalse => FALSE,
            Op::LoadUndef => UNDEFINED,
            Op::LoadPrim => primitives::value(i.d() as u32),
            Op::LoadSelf | Op::Capture | Op::Return | Op::ReturnNil => {
                unreachable!("their bodies handle every case")
            }
            Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Rem | Op::Lt | Op::Le | Op::EqNum | Op::Eq => {
                self.binary(op, self.r(i.b()), self.r(i.c()))?
            }
            Op::AddImm | Op::SubImm | Op::MulImm | Op::RemImm => {
                self.binary(op, self.r(i.b()), ((i.d() as i64) << 2 | 2) as u64)?
            }
            Op::AddConst | Op::SubConst | Op::MulConst | Op::DivConst => {
                self.binary(op, self.r(i.b()), self.pool(i.d()))?
            }
            Op::BitAnd | Op::BitOr | Op::BitXor | Op::ShiftLeft | Op::ShiftRight => {
                self.bits(op, self.r(i.b()), self.r(i.c()))?
            }
            Op::Neg => self.negate(self.r(i.b()))?,
            Op::Not => boolean(is_falsy(self.r(i.b()))),
            _ => return self.data_step(op, i),
        };
        Ok(Some(answer))
    }

    fn binary(&mut self, op: Op, x: Word, y: Word) -> Outcome {
        match op {
            Op::Add | Op::AddImm | Op::AddConst => self.add(x, y),
            Op::Sub | Op::SubImm | Op::SubConst => self.sub(x, y),
            Op::Mul | Op::MulImm | Op::MulConst => self.mul(x, y),
            Op::Div | Op::DivConst => self.div(x, y),
            Op::Rem | Op::RemImm => self.rem(x, y),
            Op::Lt => self.less(x, y).map(boolean),
            Op::Le => self.less_equal(x, y).map(boolean),
            Op::EqNum => self.same_number(x, y).map(boolean),
            _ => Ok(if self.equal(x, y) { 6 } else { ZERO }),
        }
    }

    fn bits(&mut self, op: Op, x: Word, y: Word) -> Outcome {
        let (Some(a), Some(b)) = (self.as_int(x), self.as_int(y)) else {
            return Err(self.raise("type/mismatch", "bit operations take integers"));
        };
        let answer = match op {
            Op::BitAnd => a & b,
            Op::BitOr => a | b,
            Op::BitXor => a ^ b,
            _ if !(0..64).contains(&b) => {
                return Err(self.raise("alu/shift", "a shift is by 0 to 63 bits"));
            }
            Op::ShiftLeft => a << b,
            _ => a >> b,
        };
        self.new_int(answer)
    }

    fn data_step(&mut self, op: Op, i: Insn) -> Result<Option<Word>, Raise> {
        let answer = match op {
            Op::NewBox => {
                let obj = self.alloc(Header::new(Kind::Box, 0))?;
                obj.init(1, self.r(i.b()));
                obj.word()
            }
            Op::Unbox => {
                return Err(self.raise(
                    "name/undefined",
                    "a name is read before its definition was reached",
                ));
            }
            Op::Closure => self.close_over(i)?,
            Op::List => self.new_list(i.d() as u8, self.window(i.b(), i.c().into()))?,
            Op::Map => self.new_map(self.window(i.b(), i.c().into()))?,
            Op::At => self.at(self.r(i.b()), self.r(i.c()))?,
            Op::AtImm => self.at(fixnum(i.d().into()).expect("32 bits fit"), self.r(i.b()))?,
            Op::AtConst => self.at(self.pool(i.d()), self.r(i.b()))?,
            Op::Get => self.get_or_nil(self.r(i.b()), self.r(i.c()))?,
            Op::GetOr => {
                let missing = self.r(i.a());
                self.look_up(self.r(i.b()), self.r(i.c()))?.unwrap_or(missing)
            }
            Op::GetConst => self.get_or_nil(self.r(i.b()), self.pool(i.d()))?,
            Op::Sqrt => self.native(*SQRT, &[self.r(i.b())])?,
            Op::Count => self.count(self.r(i.b()))?,
            Op::Slice => self.slice_from(self.r(i.b()), i.d() as usize)?,
            Op::ArrayNew => self.new_array(0)?,
            Op::ArrayGet => self.array_get(self.r(i.b()), self.r(i.c()))?,
            Op::ArrayGetImm => self.array_get(self.r(i.b()), fixnum(i.d().into()).expect("32 bits fit"))?,
            Op::ArrayList => self.array_into_list(self.r(i.b()), i.d() as u8)?,
            Op::TableGet => self.table_get(self.r(i.b()), self.r(i.c()))?.unwrap_or(NIL),
            Op::Iterate => {
                let start = self.iterate_start(self.r(i.b()))?;
                self.set_r(i.a() + 1, ZERO);
                start
            }
            Op::Quoted => {
                let obj = self.alloc(Header::new(Kind::Quoted, 0))?;
                obj.init(1, self.r(i.b()));
                obj.word()
            }
            Op::NoMatch => self.no_match(self.r(i.b()))?,
            Op::TypeIs => boolean(self.is_type(self.r(i.b()), self.loaded_type(i))),
            _ => return self.effect_step(op, i).map(|()| None),
        };
        Ok(Some(answer))
    }

    fn effect_step(&mut self, op: Op, i: Insn) -> Result<(), Raise> {
        match op {
            Op::ArrayPush => self.array_push(self.r(i.a()), self.r(i.b())),
            Op::ArraySet => self.array_set(self.r(i.a()), self.r(i.b()), self.r(i.c())),
            Op::ArraySetImm => {
                let index = fixnum(i.d().into()).expect("32 bits fit");
                self.array_set(self.r(i.a()), index, self.r(i.b()))
            }
            Op::CheckItems | Op::CheckAtLeast => self.check_items(op, i),
            Op::TableSet => self.table_set(self.r(i.a()), self.r(i.b()), self.r(i.c())),
            Op::SetBox => Err(self.raise("type/mismatch", "only a box can be set")),
            Op::CheckType => self.check_type(self.r(i.a()), self.loaded_type(i)),
            _ => unreachable!("every opcode is carried out by one of the steps"),
        }
    }

    /// The value at a key or index, or nil, as `%get` has it.
    fn get_or_nil(&mut self, collection: Word, key: Word) -> Outcome {
        self.look_up(collection, key).map(|found| found.unwrap_or(NIL))
    }

    fn look_up(&mut self, collection: Word, key: Word) -> Result<Option<Word>, Raise> {
        self.running_primitive = *GET;
        crate::natives::look_up(self, &[collection, key])
    }

    /// Runs one of the machine's own primitives.
    fn native(&mut self, id: u32, arguments: &[Word]) -> Outcome {
        let answer = self.run_primitive(id, arguments.len(), arguments.as_ptr())?;
        Ok(answer.expect("the machine's own primitives leave no signal"))
    }

    /// How many elements a list has, records included; nothing for what is no list.
    fn list_length(&mut self, word: Word) -> Result<Option<usize>, Raise> {
        match crate::object::kind_of(word) {
            Some(Kind::List | Kind::View | Kind::Instance) => self.count_of(word).map(Some),
            _ => Ok(None),
        }
    }

    fn check_items(&mut self, op: Op, i: Insn) -> Result<(), Raise> {
        let value = self.r(i.a());
        let length = match crate::object::kind_of(value) {
            Some(Kind::Array) => Some(self.count_of(value)?),
            _ => self.list_length(value)?,
        };
        let wanted = usize::try_from(i.d()).unwrap_or(usize::MAX);
        let is_right = match op {
            Op::CheckItems => length == Some(wanted),
            _ => length.is_some_and(|length| length >= wanted),
        };
        if is_right {
            return Ok(());
        }
        let error = self.no_match(value)?;
        Err(self.raise_value(error))
    }

    fn no_match(&mut self, value: Word) -> Outcome {
        self.make_error("match/none", "no pattern matches the value", value)
    }

    fn loaded_type(&self, i: Insn) -> &'static LoadedType {
        // SAFETY: the loader put the address of a type that is never freed into the pool.
        unsafe { &*(self.pool(i.d()) as *const LoadedType) }
    }

    fn close_over(&mut self, i: Insn) -> Outcome {
        let entry = self.pool(i.d()) as *const Insn;
        let meta = FunctionMeta::of_entry(entry);
        let obj = self.alloc(meta.closure_header())?;
        obj.init(1, entry as u64);
        // SAFETY: the word before the window is the running closure.
        let running = unsafe { *self.registers.base.sub(1) };
        for (index, source) in meta.function().captures.iter().enumerate() {
            let word = match source {
                sup_code::CaptureSource::Register(register) => self.r(*register),
                sup_code::CaptureSource::Capture(capture) => {
                    crate::object::Obj::from_word(running).map_or(NIL, |obj| obj.get(2 + *capture as usize))
                }
                sup_code::CaptureSource::Enclosing => running,
            };
            obj.init(2 + index, word);
        }
        Ok(obj.word())
    }

    /// Takes the next element of an iteration over something other than a list or array; false when there is none.
    fn next_step(&mut self, i: Insn) -> Result<bool, Raise> {
        let (collection, position) = (self.r(i.a()), self.r(i.a() + 1));
        let position = self.as_int(position).unwrap_or(0) as usize;
        match self.iterate_next(collection, position)? {
            Some((word, next)) => {
                self.set_r(i.a() + 2, word);
                self.set_r(i.a() + 1, fixnum(next as i64).expect("positions fit"));
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn cell_step(&mut self, op: Op, i: Insn) -> Result<(), Raise> {
        let index = i.d() as usize;
        match op {
            Op::DefCell => self.cells[index] = self.r(i.a()),
            Op::CheckDef if self.r(i.a()) != UNDEFINED => {}
            Op::SetCell if self.cells[index] != UNDEFINED => self.cells[index] = self.r(i.a()),
            Op::CheckDef => {
                let (_, name) = cells::name(index as u32);
                let message = format!("{name} is read before its definition was reached");
                return Err(self.raise("name/undefined", &message));
            }
            _ => return Err(self.raise_unbound_cell(index as u32)),
        }
        Ok(())
    }

    fn handler_step(&mut self, op: Op, i: Insn) -> Result<(), Raise> {
        match op {
            Op::Handler => {
                // SAFETY: the verifier has checked the jump.
                let target = unsafe { self.registers.pc.offset(i.d() as isize) };
                let open = OpenHandler {
                    frame: self.registers.frame,
                    base: self.registers.base,
                    target,
                    register: i.a(),
                };
                self.running_fiber().handlers.push(open);
                Ok(())
            }
            Op::EndHandler => {
                self.running_fiber().handlers.pop();
                Ok(())
            }
            Op::Raise => {
                let value = self.r(i.a());
                if crate::object::kind_of(value) == Some(Kind::Error) {
                    return Err(self.raise_value(value));
                }
                let message = self.display(value);
                let error = self.make_error("error/raised", &message, value)?;
                Err(self.raise_value(error))
            }
            _ => {
                if is_falsy(self.r(i.a())) {
                    let message = self.display(self.r(i.b()));
                    return Err(self.raise("assert/failed", &message));
                }
                Ok(())
            }
        }
    }

    pub(crate) fn running_fiber(&mut self) -> &mut crate::fiber::Fiber {
        self.fiber
            .as_mut()
            .expect("instructions are carried out for a fiber")
    }

    /// Puts `pc` back on the instruction, to carry it out again.
    pub(crate) fn step_back(&mut self) {
        // SAFETY: `pc` is past an instruction.
        self.registers.pc = unsafe { self.registers.pc.sub(1) };
    }
}
