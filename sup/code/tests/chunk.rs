//! The binary form of chunks and of the image, and the listing of chunks.

mod sample;

use sample::{Lcg, hex, sample_chunk, unhex};
use slp::Span;
use std::collections::HashSet;
use sup_code::chunk::{self, CODE_VERSION};
use sup_code::image::{self, Content, Defined, DefinedTypes, Step};
use sup_code::wire::{self, Part, WireFault};
use sup_code::{
    Chunk, CodeLimits, Function, Insn, Op, Parameters, Tail, TypeBase, TypeSpec, disassemble,
    disassemble_with_spans,
};

const LIMITS: CodeLimits = CodeLimits::STANDARD;

fn smallest() -> Chunk {
    Chunk {
        module: "m".to_owned(),
        source: "s".to_owned(),
        functions: vec![Function {
            n_registers: 1,
            code: vec![
                Insn::new(Op::LoadInt, 0, 0, 0, -2),
                Insn::new(Op::Return, 0, 0, 0, 0),
            ],
            spans: vec![(0, Span { start: 1, end: 300 })],
            span: Span { start: 1, end: 2 },
            ..Function::default()
        }],
        constants: vec![],
        cells: vec![],
        primitives: vec![],
        types: vec![],
    }
}

#[test]
fn golden_bytes_do_not_change() {
    let version = hex(&CODE_VERSION.to_le_bytes());
    let [load_int, ret] = [Op::LoadInt, Op::Return].map(|op| hex(&[op as u8]));
    let expected = format!(
        "f5736c63 {version} 016d 0173 00 00 00 00 01 00 00 00 00 01 00 02 {load_int}000000feffffff {ret}00000000000000
         01 00 01 fb2c01 01 02"
    );
    assert_eq!(hex(&chunk::encode(&smallest())), hex(&unhex(&expected)));
    let expected = include_str!("../golden/chunk.hex");
    let mut bytes = chunk::encode(&without_code(sample_chunk()));
    bytes.drain(4..8);
    assert_eq!(hex(&bytes), hex(&unhex(expected)));
}

/// Without what the opcode table decides.
fn without_code(mut chunk: Chunk) -> Chunk {
    chunk
        .functions
        .iter_mut()
        .for_each(|function| function.code.clear());
    chunk
}

#[test]
fn a_chunk_comes_back_as_it_was() {
    for chunk in [smallest(), sample_chunk()] {
        let bytes = chunk::encode(&chunk);
        let back = chunk::decode(&bytes, &LIMITS).unwrap();
        assert_eq!(back, chunk);
        assert_eq!(chunk::encode(&back), bytes);
        assert_eq!(chunk::hash(&bytes), wire::hash(&bytes));
    }
}

fn check_hostile(bytes: &[u8]) {
    if let Ok(chunk) = chunk::decode(bytes, &LIMITS) {
        assert_eq!(hex(&chunk::encode(&chunk)), hex(bytes));
    }
}

#[test]
fn every_truncation_is_refused_and_every_bit_flip_refused_or_canonical() {
    let bytes = chunk::encode(&sample_chunk());
    for n_bytes in 0..bytes.len() {
        assert!(
            chunk::decode(&bytes[..n_bytes], &LIMITS).is_err(),
            "cut to {n_bytes}"
        );
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        check_hostile(&flipped);
    }
}

#[test]
fn random_damage_is_refused_or_canonical() {
    let golden = chunk::encode(&sample_chunk());
    let mut random = Lcg(3);
    for _ in 0..20_000 {
        let mut bytes = golden.clone();
        for _ in 0..=random.below(3) {
            let place = 8 + random.below(bytes.len() - 8);
            match random.below(3) {
                0 => bytes[place] = random.next() as u8,
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, random.next() as u8),
            }
        }
        check_hostile(&bytes);
    }
}

#[test]
fn code_of_another_table_is_refused() {
    let mut bytes = chunk::encode(&smallest());
    bytes[4] ^= 1;
    let error = chunk::decode(&bytes, &LIMITS).unwrap_err();
    assert_eq!(
        error.fault,
        WireFault::WrongVersion {
            found: CODE_VERSION ^ 1,
            known: CODE_VERSION
        }
    );
    assert_eq!(error.code(), "wire/version");
    assert!(error.hint().is_some());
}

#[test]
fn the_limits_hold() {
    let bytes = chunk::encode(&sample_chunk());
    let cases = [
        (
            CodeLimits {
                max_functions: 2,
                ..LIMITS
            },
            Part::Function,
            2,
        ),
        (
            CodeLimits {
                max_instructions: 14,
                ..LIMITS
            },
            Part::Instruction,
            14,
        ),
        (
            CodeLimits {
                max_constants: 6,
                ..LIMITS
            },
            Part::Constant,
            6,
        ),
        (
            CodeLimits {
                max_cells: 1,
                ..LIMITS
            },
            Part::Cell,
            1,
        ),
        (
            CodeLimits {
                max_primitives: 1,
                ..LIMITS
            },
            Part::Primitive,
            1,
        ),
        (
            CodeLimits {
                max_types: 1,
                ..LIMITS
            },
            Part::Type,
            1,
        ),
        (
            CodeLimits {
                max_captures: 1,
                ..LIMITS
            },
            Part::Capture,
            1,
        ),
    ];
    for (limits, part, limit) in cases {
        let error = chunk::decode(&bytes, &limits).unwrap_err();
        assert_eq!(error.fault, WireFault::TooLarge { part, limit });
    }
}

#[test]
fn an_opcode_and_a_type_are_known_by_their_names() {
    let names: HashSet<&str> = Op::ALL.iter().map(|op| op.name()).collect();
    assert_eq!(names.len(), Op::ALL.len(), "two opcodes have one name");
    for (number, op) in Op::ALL.iter().enumerate() {
        assert_eq!(*op as usize, number);
        assert_eq!(Insn::new(*op, 0, 0, 0, 0).op(), Some(*op));
    }
    for (base, name) in TypeBase::NAMED {
        assert_eq!(TypeBase::named(name).as_ref(), Some(base));
    }
    assert_eq!(TypeBase::named("geo/point"), None);
    assert_eq!(size_of::<Insn>(), 8);
}

#[test]
fn the_listing_names_what_indexes_stand_for() {
    let expected = include_str!("../golden/listing.txt");
    assert_eq!(disassemble(&sample_chunk()), expected);
    let spans = disassemble_with_spans(&sample_chunk());
    assert!(
        spans.contains("; 41..400\n") && spans.contains("; 20..30\n"),
        "{spans}"
    );
}

#[test]
fn the_listing_of_unsound_code_ends() {
    let mut random = Lcg(4);
    let mut chunk = sample_chunk();
    for _ in 0..2000 {
        let function_idx = random.below(chunk.functions.len());
        let code = &mut chunk.functions[function_idx].code;
        let insn_idx = random.below(code.len());
        code[insn_idx] = Insn(random.wide());
        assert!(disassemble(&chunk).lines().count() > 30);
    }
}

/// Every sort of step.
fn sample_content(chunk: &[u8]) -> Content<'_> {
    let types = DefinedTypes {
        parameters: vec![("a", Some("int")), ("", None)],
        result: Some("int"),
        shape: Parameters {
            n_required: 1,
            n_optional: 0,
            tail: Tail::Rest,
        },
    };
    let definition = Defined {
        name: "f",
        parameters: Some(types.shape),
        signature: Some(types),
        alias: None,
        span: Span { start: 3, end: 4 },
    };
    let other_name = Defined {
        name: "g",
        parameters: None,
        signature: None,
        alias: Some("alu/add"),
        span: Span { start: 9, end: 900 },
    };
    let form = TypeSpec {
        base: TypeBase::Form("core/point".to_owned()),
        optional: true,
    };
    Content {
        kernels: vec![("alu", [7; 32])],
        steps: vec![
            Step::Load(vec!["alu"]),
            Step::Import(vec![("l", "list")]),
            Step::Export(vec!["f", "g"]),
            Step::Form {
                name: "pair",
                fields: vec![
                    (Some("x"), form),
                    (
                        None,
                        TypeSpec {
                            base: TypeBase::Int,
                            optional: false,
                        },
                    ),
                ],
            },
            Step::Macro { name: "m", chunk },
            Step::Code {
                chunk,
                definitions: vec![definition, other_name],
            },
        ],
    }
}

fn sample_image() -> Vec<u8> {
    let chunk = chunk::encode(&sample_chunk());
    image::encode(&[
        ("core", [1; 32], sample_content(&chunk)),
        ("str", [2; 32], Content::default()),
    ])
}

/// Whether all of it reads.
fn reads(bytes: &[u8]) -> bool {
    image::decode(bytes).is_ok_and(|modules| modules.iter().all(|module| module.content().is_ok()))
}

#[test]
fn an_image_comes_back_as_it_was() {
    let bytes = sample_image();
    let modules = image::decode(&bytes).unwrap();
    let names: Vec<(&str, u8)> = modules
        .iter()
        .map(|module| (module.name, module.source_hash[0]))
        .collect();
    assert_eq!(names, [("core", 1), ("str", 2)]);
    let chunk = chunk::encode(&sample_chunk());
    assert_eq!(modules[0].content().unwrap(), sample_content(&chunk));
    assert_eq!(modules[1].content().unwrap(), Content::default());
}

#[test]
fn an_image_that_was_cut_or_changed_is_refused() {
    let bytes = sample_image();
    for n_bytes in 0..bytes.len() {
        assert!(!reads(&bytes[..n_bytes]), "cut to {n_bytes}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!reads(&flipped), "flip of bit {bit}");
    }
}

#[test]
fn an_image_with_right_hashes_but_wrong_content_is_refused() {
    let head = image::encode(&[])[..9].to_vec();
    let with_content = |content: &[u8]| {
        let list = [
            &[1, 1, b'm'],
            &[0; 32][..],
            &wire::hash(content),
            &[content.len() as u8],
        ]
        .concat();
        [&head, &wire::hash(&list)[..], &list, content].concat()
    };
    assert!(reads(&with_content(&[0, 0])));
    for content in [
        &[][..],
        &[0],
        &[0, 0, 0],
        &[1, 0],
        &[0, 1, 6],
        &[0, 1, 0, 0xff],
        &[0, 0xfb, 0, 0],
        &[0, 0xfc, 255, 255, 255, 255],
        &[0, 1, 5, 0, 1, 1, b'x', 2],
    ] {
        assert!(!reads(&with_content(content)), "{content:?}");
    }
}
