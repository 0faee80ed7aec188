//! Random numbers and sample data that several tests share.
#![allow(dead_code)]

use slp::Span;
use sup_code::{
    CaptureSource, CellName, Chunk, Constant, Flat, FlatBuilder, Function, Insn, Op, Parameters, Tail,
    TypeBase, TypeSpec,
};

/// A linear congruential generator: tests must be the same on every run.
pub struct Lcg(pub u64);

impl Lcg {
    pub fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn wide(&mut self) -> u64 {
        (self.next() << 33) ^ self.next()
    }
}

const NAMES: [&str; 6] = ["a", "b", "store:key", "geo/point", "λ", ""];

/// A random flat of every sort of node.
pub fn random_flat(random: &mut Lcg) -> Flat {
    let mut builder = FlatBuilder::new();
    let mut waiting: u32 = 1;
    while waiting > 0 {
        waiting -= 1;
        let name = NAMES[random.below(NAMES.len())];
        let room = if builder.n_nodes() < 40 {
            random.below(4) as u32
        } else {
            0
        };
        let sort = if room == 0 {
            random.below(10)
        } else {
            10 + random.below(6)
        };
        match sort {
            0 => builder.nil(),
            1 => builder.boolean(random.below(2) == 1),
            2 => builder.int((random.wide() >> random.below(64)) as i64),
            3 => builder.real(f64::from_bits(random.wide())),
            4 => builder.text(name),
            5 => builder.bytes(&random.wide().to_le_bytes()[..random.below(9)]),
            6 => builder.symbol(name),
            7 => builder.keyword(name),
            8 => builder.path(name),
            9 => builder.primitive(name),
            10 | 11 => {
                let start = random.below(70_000) as u32;
                let span = Span {
                    start,
                    end: start + random.below(300) as u32,
                };
                builder.list(random.below(3) as u8, room, (sort == 11).then_some(span));
                waiting += room;
            }
            12 => {
                builder.map(room);
                waiting += 2 * room;
            }
            13 => {
                builder.error();
                builder.map(room);
                waiting += 2 * room;
            }
            14 => {
                builder.instance(name, room);
                waiting += room;
            }
            _ => {
                builder.closure([room as u8; 32], random.next() as u32, room);
                builder.prefix(random.below(7) as u8);
                waiting += room;
            }
        }
    }
    builder.finish()
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The other way round; blanks do not count.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |byte: u8| (byte as char).to_digit(16).expect("a hexadecimal digit") as u8;
    digits
        .chunks(2)
        .map(|pair| digit(pair[0]) * 16 + digit(pair[1]))
        .collect()
}

/// A chunk with every sort of table entry, capture and operand that the verifier passes.
pub fn sample_chunk() -> Chunk {
    Chunk {
        module: "main".to_owned(),
        source: "main.slp".to_owned(),
        functions: vec![sample_form(), sample_outer(), sample_inner()],
        constants: vec![
            Constant::Int(1 << 40),
            Constant::Real(0.5),
            Constant::Str("a \"b\"".to_owned()),
            Constant::Symbol("sym".to_owned()),
            Constant::Keyword("key".to_owned()),
            Constant::Path("mem:x".to_owned()),
            Constant::Data(sample_data()),
        ],
        cells: vec![
            CellName {
                module: "main".to_owned(),
                name: "f".to_owned(),
            },
            CellName {
                module: "core".to_owned(),
                name: "map".to_owned(),
            },
        ],
        primitives: vec!["alu/add".to_owned(), "%str-upper".to_owned()],
        types: vec![
            TypeSpec {
                base: TypeBase::Int,
                optional: true,
            },
            TypeSpec {
                base: TypeBase::Form("geo/point".to_owned()),
                optional: false,
            },
        ],
    }
}

fn sample_data() -> Flat {
    let mut builder = FlatBuilder::new();
    builder.list(2, 2, None);
    builder.keyword("k");
    builder.map(0);
    builder.finish()
}

/// Defines `f` as the closure of the second function and calls it under a handler.
fn sample_form() -> Function {
    Function {
        n_registers: 6,
        code: vec![
            Insn::new(Op::Closure, 0, 0, 0, 1),
            Insn::new(Op::DefCell, 0, 0, 0, 0),
            Insn::new(Op::Handler, 5, 0, 0, 4),
            Insn::new(Op::LoadInt, 2, 0, 0, 7),
            Insn::new(Op::CallCell, 1, 1, 0, 0),
            Insn::new(Op::EndHandler, 0, 0, 0, 0),
            Insn::new(Op::Jump, 0, 0, 0, 1),
            Insn::new(Op::Move, 1, 5, 0, 0),
            Insn::new(Op::LoadConst, 2, 0, 0, 6),
            Insn::new(Op::CallPrim, 1, 1, 0, 1),
            Insn::new(Op::List, 0, 1, 2, 2),
            Insn::new(Op::Map, 0, 1, 2, 0),
            Insn::new(Op::Return, 0, 0, 0, 0),
        ],
        spans: vec![(0, Span { start: 0, end: 40 }), (4, Span { start: 41, end: 400 })],
        span: Span { start: 0, end: 400 },
        ..Function::default()
    }
}

/// A loop with counters, types and an iteration; makes the closure of the third function.
fn sample_outer() -> Function {
    Function {
        name: "outer".to_owned(),
        parameters: Parameters {
            n_required: 1,
            n_optional: 0,
            tail: Tail::None,
        },
        n_registers: 8,
        code: vec![
            Insn::new(Op::CheckType, 0, 0, 0, 0),
            Insn::new(Op::NewBox, 1, 0, 0, 0),
            Insn::new(Op::Closure, 2, 0, 0, 2),
            Insn::with_imm(Op::JumpGeImm, 0, -300, 2),
            Insn::new(Op::AddConst, 0, 0, 0, 1),
            Insn::new(Op::Loop, 0, 0, 0, -3),
            Insn::new(Op::Iterate, 3, 2, 0, 0),
            Insn::new(Op::Next, 3, 0, 0, 2),
            Insn::new(Op::Add, 0, 0, 5, 0),
            Insn::new(Op::Loop, 0, 0, 0, -3),
            Insn::new(Op::JumpLt, 0, 5, 0, 2),
            Insn::new(Op::Move, 7, 0, 0, 0),
            Insn::new(Op::TailSelf, 6, 1, 0, 0),
            Insn::new(Op::LoadCell, 6, 0, 0, 1),
            Insn::new(Op::TailCall, 6, 1, 0, 0),
        ],
        span: Span { start: 5, end: 39 },
        ..Function::default()
    }
}

fn sample_inner() -> Function {
    Function {
        name: "inner".to_owned(),
        parameters: Parameters {
            n_required: 0,
            n_optional: 1,
            tail: Tail::Rest,
        },
        n_registers: 4,
        captures: vec![CaptureSource::Register(1), CaptureSource::Enclosing],
        code: vec![
            Insn::new(Op::Capture, 2, 0, 0, 0),
            Insn::new(Op::Unbox, 2, 2, 0, 0),
            Insn::new(Op::AtConst, 2, 2, 0, 4),
            Insn::new(Op::TypeIs, 3, 2, 0, 1),
            Insn::new(Op::Slice, 3, 1, 0, 1),
            Insn::new(Op::LoadPrim, 3, 0, 0, 0),
            Insn::new(Op::Raise, 3, 0, 0, 0),
        ],
        spans: vec![(6, Span { start: 20, end: 30 })],
        span: Span { start: 10, end: 30 },
    }
}
