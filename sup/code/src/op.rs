//! The instruction set: one table gives each opcode its name, operand shape and meaning.
//!
//! An instruction is 8 bytes: `op` 8 bits, `a` `b` `c` 8 bits each, `d` 32 bits signed.
//!
//! ```text
//!  0      8      16     24     32                          64
//!  | op   | a    | b    | c    | d                          |
//! ```
//!
//! `r[x]` is register x of the running window, `r[-1]` holds the closure that runs. A call puts the callee in `r[a]` and
//! its arguments in the registers after it; the callee's window starts at the first argument, and the result replaces the
//! callee. Jumps add `d` to the index of the next instruction. `imm` is `b` and `c` read as one signed 16-bit number.
//! Only `loop` goes back, and no handler is set where a window is given up: `verify` says what else code must keep to.

/// How the fields of an instruction are used; the verifier and the disassembler go by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// No operands.
    None,
    /// `a` is written.
    Write,
    /// `a` is read.
    Read,
    /// `a` is written, `b` read.
    WriteRead,
    /// `a` is written, `b` and `c` read.
    WriteReadRead,
    /// `a`, `b` and `c` are read.
    ReadReadRead,
    /// `a` and `b` are read.
    ReadRead,
    /// `a` is written, `d` is a number.
    WriteInt,
    /// `a` is written, `b` read, `d` is a number.
    WriteReadInt,
    /// `a` is read, `d` is a number.
    ReadInt,
    /// `a` and `b` are read, `d` is a number.
    ReadReadInt,
    /// `a` is written, `d` is an index of a constant.
    WriteConst,
    /// `a` is written, `b` read, `d` is an index of a constant.
    WriteReadConst,
    /// `a` is written, `d` is an index of a capture of the running closure.
    WriteCapture,
    /// `a` is written, `d` is an index of a cell.
    WriteCell,
    /// `a` is read, `d` is an index of a cell.
    ReadCell,
    /// `a` is written, `d` is an index of a primitive.
    WritePrimitive,
    /// `a` is written, `d` is an index of a function of the chunk.
    WriteFunction,
    /// `d` is a jump.
    Jump,
    /// `a` is read, `d` is a jump.
    ReadJump,
    /// `a` and `b` are read, `d` is a jump.
    ReadReadJump,
    /// `a` is read, `imm` is a number, `d` is a jump.
    ReadImmJump,
    /// `a` is written when the jump `d` is taken.
    HandlerJump,
    /// `a` is the callee's register and becomes the result, `b` counts the arguments after it.
    Call,
    /// As `Call`; `d` is the index of the cell that holds the callee.
    CallCell,
    /// As `Call`; `d` is the index of the primitive.
    CallPrimitive,
    /// `b` counts the arguments from `r[0]` on, `d` is the index of the cell that holds the callee.
    EnterCell,
    /// `a` is written, `b` and `c` are read, `d` is the index of a primitive that does the same.
    WriteReadReadPrimitive,
    /// `a` is written; `c` registers from `b` are read; `d` is a list kind: 0 paren, 1 square, 2 brace.
    Collect,
    /// `a` is read, `d` is an index of a type.
    ReadType,
    /// `a` is written, `b` read, `d` is an index of a type.
    WriteReadType,
    /// `a`, `a + 1` are state, `a + 2` is written unless the jump `d` is taken.
    IterateJump,
}

macro_rules! ops {
    ($($name:ident $text:literal $shape:ident $meaning:literal;)*) => {
        /// An opcode.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Op {
            $(#[doc = concat!("`", $meaning, "`")] $name,)*
        }

        impl Op {
            /// Every opcode, in the order of its number.
            pub const ALL: &'static [Op] = &[$(Op::$name,)*];

            /// The name that the disassembler prints.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Op::$name => $text,)* }
            }

            /// How its operands are used.
            #[must_use]
            pub const fn shape(self) -> Shape {
                match self { $(Op::$name => Shape::$shape,)* }
            }

            /// One line of meaning.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Op::$name => $meaning,)* }
            }
        }

        /// Calls the given macro with the name of every opcode, in the order of its number.
        #[macro_export]
        macro_rules! for_each_op {
            ($callback:ident) => { $crate::__call_with_ops! { $callback } };
        }

        #[doc(hidden)]
        #[macro_export]
        macro_rules! __call_with_ops {
            ($callback:ident) => { $callback! { $($name)* } };
        }
    };
}

ops! {
    // Moves and constants.
    Move        "move"        WriteRead      "r[a] = r[b]";
    LoadInt     "load-int"    WriteInt       "r[a] = d";
    LoadConst   "load-const"  WriteConst     "r[a] = constant d";
    LoadNil     "load-nil"    Write          "r[a] = nil";
    LoadTrue    "load-true"   Write          "r[a] = true";
    LoadFalse   "load-false"  Write          "r[a] = false";
    LoadUndef   "load-undef"  Write          "r[a] = the mark of an undefined slot";
    CheckDef    "check-def"   ReadCell       "raise name/undefined for the name of cell d if r[a] is the mark of an undefined slot";
    LoadSelf    "load-self"   Write          "r[a] = the running closure";
    Capture     "capture"     WriteCapture   "r[a] = captured value d of the running closure";
    NewBox      "new-box"     WriteRead      "r[a] = a new box that holds r[b]";
    Unbox       "unbox"       WriteRead      "r[a] = what box r[b] holds";
    SetBox      "set-box"     ReadRead       "box r[a] holds r[b] from now on";
    LoadCell    "load-cell"   WriteCell      "r[a] = value of cell d; raises name/unbound when it was never set";
    DefCell     "def-cell"    ReadCell       "cell d = r[a]; defines it";
    SetCell     "set-cell"    ReadCell       "cell d = r[a]; raises name/unbound when it was never set";
    LoadPrim    "load-prim"   WritePrimitive "r[a] = primitive d as a value";
    Closure     "closure"     WriteFunction  "r[a] = closure of function d over what its capture list names";

    // Calls and returns.
    Call        "call"        Call           "r[a] = call of r[a] with b arguments";
    CallCell    "call-cell"   CallCell       "r[a] = call of cell d with b arguments; r[a] need not be loaded";
    CallPrim    "call-prim"   CallPrimitive  "r[a] = call of primitive d with b arguments; r[a] need not be loaded";
    CallSelf    "call-self"   Call           "r[a] = call of the running function with b arguments, as many as it requires; r[a] need not be loaded";
    TailCall    "tail-call"   Call           "return the call of r[a] with b arguments, in this window";
    TailCell    "tail-cell"   CallCell       "return the call of cell d with b arguments, in this window";
    EnterCell   "enter-cell"  EnterCell      "return the call of cell d with the b arguments that lie from r[0] on";
    TailSelf    "tail-self"   Call           "move b arguments after r[a] to r[0] and go on at the start of the running function";
    Apply       "apply"       WriteReadRead  "r[a] = call of r[b] with the elements of list r[c]";
    TailApply   "tail-apply"  ReadRead       "return the call of r[a] with the elements of list r[b]";
    Return      "return"      Read           "return r[a]";
    ReturnNil   "return-nil"  None           "return nil";

    // Jumps. Those with Not jump when the comparison does not hold, NaN included.
    Jump        "jump"        Jump           "go to d";
    Loop        "loop"        Jump           "go back to d; counts fuel";
    JumpFalse   "jump-false"  ReadJump       "go to d if r[a] is false, nil or 0";
    JumpTrue    "jump-true"   ReadJump       "go to d unless r[a] is false, nil or 0";
    JumpNil     "jump-nil"    ReadJump       "go to d if r[a] is nil";
    JumpNotNil  "jump-not-nil" ReadJump      "go to d unless r[a] is nil";
    JumpLt      "jump-lt"     ReadReadJump   "go to d if r[a] < r[b]";
    JumpLe      "jump-le"     ReadReadJump   "go to d if r[a] <= r[b]";
    JumpEqNum   "jump-eq-num" ReadReadJump   "go to d if r[a] = r[b] as numbers";
    JumpNotLt   "jump-not-lt" ReadReadJump   "go to d unless r[a] < r[b]";
    JumpNotLe   "jump-not-le" ReadReadJump   "go to d unless r[a] <= r[b]";
    JumpNotEqNum "jump-not-eq-num" ReadReadJump "go to d unless r[a] = r[b] as numbers";
    JumpLtImm   "jump-lt-imm" ReadImmJump    "go to d if r[a] < imm";
    JumpLeImm   "jump-le-imm" ReadImmJump    "go to d if r[a] <= imm";
    JumpGtImm   "jump-gt-imm" ReadImmJump    "go to d if r[a] > imm";
    JumpGeImm   "jump-ge-imm" ReadImmJump    "go to d if r[a] >= imm";
    JumpEqImm   "jump-eq-imm" ReadImmJump    "go to d if r[a] = imm as numbers";
    JumpNotLtImm "jump-not-lt-imm" ReadImmJump "go to d unless r[a] < imm";
    JumpNotLeImm "jump-not-le-imm" ReadImmJump "go to d unless r[a] <= imm";
    JumpNotGtImm "jump-not-gt-imm" ReadImmJump "go to d unless r[a] > imm";
    JumpNotGeImm "jump-not-ge-imm" ReadImmJump "go to d unless r[a] >= imm";
    JumpNotEqImm "jump-not-eq-imm" ReadImmJump "go to d unless r[a] = imm as numbers";
    JumpNotItems "jump-not-items" ReadImmJump "go to d unless r[a] is a list of imm elements";
    JumpNotAtLeast "jump-not-at-least" ReadImmJump "go to d unless r[a] is a list of imm elements or more";
    JumpEq      "jump-eq"     ReadReadJump   "go to d if (eq r[a] r[b])";
    JumpNotEq   "jump-not-eq" ReadReadJump   "go to d unless (eq r[a] r[b])";

    // Arithmetic on integers and reals. Overflow, division by zero and other types raise.
    Add         "add"         WriteReadRead  "r[a] = r[b] + r[c]";
    Sub         "sub"         WriteReadRead  "r[a] = r[b] - r[c]";
    Mul         "mul"         WriteReadRead  "r[a] = r[b] * r[c]";
    Div         "div"         WriteReadRead  "r[a] = r[b] / r[c], an integer when both are and it is exact";
    Rem         "rem"         WriteReadRead  "r[a] = remainder of r[b] / r[c], sign of r[b]";
    AddImm      "add-imm"     WriteReadInt   "r[a] = r[b] + d";
    SubImm      "sub-imm"     WriteReadInt   "r[a] = r[b] - d";
    MulImm      "mul-imm"     WriteReadInt   "r[a] = r[b] * d";
    RemImm      "rem-imm"     WriteReadInt   "r[a] = remainder of r[b] / d";
    AddConst    "add-const"   WriteReadConst "r[a] = r[b] + constant d";
    SubConst    "sub-const"   WriteReadConst "r[a] = r[b] - constant d";
    MulConst    "mul-const"   WriteReadConst "r[a] = r[b] * constant d";
    DivConst    "div-const"   WriteReadConst "r[a] = r[b] / constant d";
    Neg         "neg"         WriteRead      "r[a] = 0 - r[b]";
    Sqrt        "sqrt"        WriteRead      "r[a] = square root of r[b], as a real";
    Min         "min"         WriteReadReadPrimitive "r[a] = the smaller of r[b] and r[c], as primitive d has it";
    Max         "max"         WriteReadReadPrimitive "r[a] = the larger of r[b] and r[c], as primitive d has it";
    Quot        "quot"        WriteReadReadPrimitive "r[a] = r[b] / r[c] of integers, cut towards zero, as primitive d has it";
    FloorMod    "floor-mod"   WriteReadReadPrimitive "r[a] = r[b] modulo r[c], sign of r[c], as primitive d has it";
    BitAnd      "bit-and"     WriteReadRead  "r[a] = r[b] and r[c], bit by bit";
    BitOr       "bit-or"      WriteReadRead  "r[a] = r[b] or r[c], bit by bit";
    BitXor      "bit-xor"     WriteReadRead  "r[a] = r[b] exclusive or r[c], bit by bit";
    ShiftLeft   "shift-left"  WriteReadRead  "r[a] = r[b] shifted left by r[c] bits";
    ShiftRight  "shift-right" WriteReadRead  "r[a] = r[b] shifted right by r[c] bits, sign kept";

    // Comparison and truth as values.
    Lt          "lt"          WriteReadRead  "r[a] = r[b] < r[c]";
    Le          "le"          WriteReadRead  "r[a] = r[b] <= r[c]";
    EqNum       "eq-num"      WriteReadRead  "r[a] = whether r[b] and r[c] are the same number";
    Eq          "eq"          WriteReadRead  "r[a] = 1 if r[b] and r[c] are deeply equal, else 0";
    Not         "not"         WriteRead      "r[a] = whether r[b] is false, nil or 0";
    TypeIs      "type-is"     WriteReadType  "r[a] = whether r[b] is of type d";
    CheckType   "check-type"  ReadType       "raise type/mismatch unless r[a] is of type d";

    // Data.
    List        "list"        Collect        "r[a] = list of kind d with the c values from r[b]";
    Map         "map"         Collect        "r[a] = map of the c / 2 pairs from r[b]; duplicate keys raise";
    At          "at"          WriteReadRead  "r[a] = element r[b] of r[c], or an error value index/range";
    AtImm       "at-imm"      WriteReadInt   "r[a] = element d of r[b], or an error value index/range";
    AtConst     "at-const"    WriteReadConst "r[a] = element at key constant d of r[b], or an error value index/range";
    Get         "get"         WriteReadRead  "r[a] = value at key or index r[c] of r[b], or nil";
    GetOr       "get-or"      WriteReadRead  "r[a] = value at key or index r[c] of r[b], or what r[a] holds";
    GetConst    "get-const"   WriteReadConst "r[a] = value at key or index constant d of r[b], or nil";
    CheckItems  "check-items" ReadInt        "raise match/none unless r[a] is a list or array of d elements";
    CheckAtLeast "check-at-least" ReadInt    "raise match/none unless r[a] is a list or array of d elements or more";
    Count       "count"       WriteRead      "r[a] = number of elements of r[b]";
    Slice       "slice"       WriteReadInt   "r[a] = elements of list r[b] from d on";
    ArrayNew    "array-new"   Write          "r[a] = a new empty array";
    ArrayPush   "array-push"  ReadRead       "append r[b] to array r[a]";
    ArrayGet    "array-get"   WriteReadRead  "r[a] = element r[c] of array r[b]; raises index/range";
    ArraySet    "array-set"   ReadReadRead   "element r[b] of array r[a] = r[c]; raises index/range";
    ArrayGetImm "array-get-imm" WriteReadInt "r[a] = element d of array r[b]; raises index/range";
    ArraySetImm "array-set-imm" ReadReadInt  "element d of array r[a] = r[b]; raises index/range";
    ArrayList   "array-list"  Collect        "r[a] = list of kind d that takes over the elements of array r[b]; c is 1";
    TableGet    "table-get"   WriteReadRead  "r[a] = value at key r[c] of table r[b], or nil";
    TableSet    "table-set"   ReadReadRead   "value at key r[b] of table r[a] = r[c]";
    Iterate     "iterate"     WriteRead      "r[a], r[a + 1] = state of an iteration over r[b]";
    Next        "next"        IterateJump    "r[a + 2] = next element of the iteration in r[a], r[a + 1]; go to d when there is none";
    Quoted      "quoted"      WriteRead      "r[a] = r[b] quoted (some)";

    // Errors.
    Handler     "handler"     HandlerJump    "until the matching end-handler, a raise in this frame or below puts the error in r[a] and goes to d";
    EndHandler  "end-handler" None           "drop the innermost handler of this frame";
    Raise       "raise"       Read           "raise r[a]; what is not an error value becomes the data of one";
    Assert      "assert"      ReadRead       "raise assert/failed with message r[b] if r[a] is false, nil or 0";
    NoMatch     "no-match"    WriteRead      "r[a] = the error value match/none for r[b]";

    // The machine's own: never in a chunk.
    Halt        "halt"        None           "leave the loop; r[a] is the answer";
}

/// FNV-1a over the number, name, shape and meaning of every opcode: another table has another hash.
pub const TABLE_HASH: u32 = table_hash(Op::ALL);

const fn table_hash(ops: &[Op]) -> u32 {
    let mut hash = 0x811c_9dc5;
    let mut op_idx = 0;
    while op_idx < ops.len() {
        let op = ops[op_idx];
        hash = hash_bytes(hash, &[op as u8, op.shape() as u8]);
        hash = hash_bytes(hash, op.name().as_bytes());
        hash = hash_bytes(hash, op.meaning().as_bytes());
        op_idx += 1;
    }
    hash
}

const fn hash_bytes(mut hash: u32, bytes: &[u8]) -> u32 {
    let mut byte_idx = 0;
    while byte_idx < bytes.len() {
        hash = (hash ^ bytes[byte_idx] as u32).wrapping_mul(0x0100_0193);
        byte_idx += 1;
    }
    // What ends a text must not be able to begin the next one.
    (hash ^ 0xff).wrapping_mul(0x0100_0193)
}

/// Intrinsic ids that a kernel's primitive may declare, and the opcode that a call with that many arguments becomes.
/// The numbers are those of the kernel wall and only ever grow.
pub const INTRINSICS: &[(u32, usize, Op)] = &[
    (1, 2, Op::Add),
    (2, 2, Op::Sub),
    (3, 2, Op::Mul),
    (4, 2, Op::Div),
    (5, 2, Op::Rem),
    (6, 2, Op::Lt),
    (7, 2, Op::Le),
    (10, 2, Op::EqNum),
    (12, 1, Op::Neg),
    (13, 1, Op::Not),
    (14, 2, Op::Eq),
    (15, 2, Op::BitAnd),
    (16, 2, Op::BitOr),
    (17, 2, Op::BitXor),
    (18, 2, Op::ShiftLeft),
    (19, 2, Op::ShiftRight),
    (31, 2, Op::Quot),
    (32, 2, Op::FloorMod),
    (33, 2, Op::Min),
    (34, 2, Op::Max),
];

/// One instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub struct Insn(pub u64);

impl Insn {
    /// Puts an instruction together.
    #[must_use]
    pub const fn new(op: Op, a: u8, b: u8, c: u8, d: i32) -> Insn {
        let fields = (op as u64) | ((a as u64) << 8) | ((b as u64) << 16) | ((c as u64) << 24);
        Insn(fields | ((d as u32 as u64) << 32))
    }

    /// Puts an instruction together whose `b` and `c` are one signed 16-bit number.
    #[must_use]
    pub const fn with_imm(op: Op, a: u8, imm: i16, d: i32) -> Insn {
        let raw = imm as u16;
        Insn::new(op, a, (raw & 0xff) as u8, (raw >> 8) as u8, d)
    }

    /// The number of its opcode, which may be none in foreign code.
    #[must_use]
    #[inline(always)]
    pub const fn op_number(self) -> u8 {
        self.0 as u8
    }

    /// Its opcode, or nothing when the number is not one.
    #[must_use]
    pub fn op(self) -> Option<Op> {
        Op::ALL.get(self.op_number() as usize).copied()
    }

    /// Index of the instruction that it may go to other than the next one, when it stands at `insn_idx` and its opcode has
    /// a jump. It may lie outside the function.
    #[must_use]
    pub fn jump_target(self, insn_idx: usize) -> Option<i64> {
        let jumps = matches!(
            self.op()?.shape(),
            Shape::Jump
                | Shape::ReadJump
                | Shape::ReadReadJump
                | Shape::ReadImmJump
                | Shape::HandlerJump
                | Shape::IterateJump
        );
        jumps.then(|| insn_idx as i64 + 1 + i64::from(self.d()))
    }

    /// Field a.
    #[must_use]
    #[inline(always)]
    pub const fn a(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// Field b.
    #[must_use]
    #[inline(always)]
    pub const fn b(self) -> u8 {
        (self.0 >> 16) as u8
    }

    /// Field c.
    #[must_use]
    #[inline(always)]
    pub const fn c(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// Field d.
    #[must_use]
    #[inline(always)]
    pub const fn d(self) -> i32 {
        (self.0 >> 32) as i32
    }

    /// Fields b and c as one signed number.
    #[must_use]
    #[inline(always)]
    pub const fn imm(self) -> i16 {
        (self.0 >> 16) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::{Op, TABLE_HASH, table_hash};

    #[test]
    fn another_table_has_another_hash() {
        assert_eq!(table_hash(Op::ALL), TABLE_HASH);
        assert_ne!(table_hash(&Op::ALL[1..]), TABLE_HASH);
        for op_idx in 1..Op::ALL.len() {
            let mut swapped = Op::ALL.to_vec();
            swapped.swap(op_idx - 1, op_idx);
            assert_ne!(table_hash(&swapped), TABLE_HASH);
        }
    }
}
