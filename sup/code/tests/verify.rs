//! The verifier: what it refuses, and that what it passes is safe to run.

mod sample;

use sample::sample_chunk;
use slp::Span;
use sup_code::wire::{Part, WireFault};
use sup_code::{
    CaptureSource, CellName, Chunk, CodeLimits, Constant, Flat, Function, Insn, Op, Parameters, Tail,
    TypeBase, TypeSpec, VerifyFault, verify,
};

const LIMITS: CodeLimits = CodeLimits::STANDARD;

/// A form of these instructions in a window of 4, with one of everything that can be indexed.
fn form(code: &[Insn]) -> Chunk {
    let inner = Function {
        n_registers: 4,
        captures: vec![CaptureSource::Register(3), CaptureSource::Enclosing],
        code: vec![
            Insn::new(Op::Capture, 0, 0, 0, 1),
            Insn::new(Op::Return, 0, 0, 0, 0),
        ],
        ..Function::default()
    };
    Chunk {
        module: "m".to_owned(),
        source: "s".to_owned(),
        functions: vec![
            Function {
                n_registers: 4,
                code: code.to_vec(),
                ..Function::default()
            },
            inner,
        ],
        constants: vec![Constant::Int(1), Constant::Str(String::new())],
        cells: vec![CellName {
            module: "m".to_owned(),
            name: "x".to_owned(),
        }],
        primitives: vec!["p".to_owned()],
        types: vec![TypeSpec {
            base: TypeBase::Any,
            optional: false,
        }],
    }
}

fn fault_of(chunk: Chunk) -> Option<VerifyFault> {
    verify(chunk, &LIMITS).err().map(|error| error.fault)
}

const fn insn(op: Op, a: u8, b: u8, c: u8, d: i32) -> Insn {
    Insn::new(op, a, b, c, d)
}

const END: Insn = Insn::new(Op::ReturnNil, 0, 0, 0, 0);

/// Checks single instructions that are followed by an end.
fn check_each(cases: &[(Insn, Option<VerifyFault>)]) {
    for (insn, fault) in cases {
        assert_eq!(fault_of(form(&[*insn, END, END])), *fault, "{insn:?}");
    }
}

#[test]
fn the_sample_is_sound() {
    let verified = verify(sample_chunk(), &LIMITS).unwrap();
    assert_eq!(**verified.shared(), sample_chunk());
    assert_eq!(verified.clone().functions.len(), 3);
}

#[test]
fn registers_lie_in_the_window() {
    let outside = |end| Some(VerifyFault::Register { end });
    check_each(&[
        (insn(Op::LoadNil, 3, 9, 9, 0), None),
        (insn(Op::LoadNil, 4, 0, 0, 0), outside(5)),
        (insn(Op::LoadNil, 255, 0, 0, 0), outside(256)),
        (insn(Op::Move, 0, 4, 0, 0), outside(5)),
        (insn(Op::Add, 0, 3, 3, 0), None),
        (insn(Op::Add, 0, 0, 4, 0), outside(5)),
        (insn(Op::TableSet, 0, 0, 4, 0), outside(5)),
        (insn(Op::Call, 0, 3, 0, 0), None),
        (insn(Op::Call, 0, 4, 0, 0), outside(5)),
        (insn(Op::Call, 255, 255, 0, 0), outside(511)),
        (insn(Op::CallPrim, 3, 1, 0, 0), outside(5)),
        (insn(Op::CallCell, 3, 0, 0, 0), None),
        (insn(Op::TailCall, 3, 1, 0, 0), outside(5)),
        (insn(Op::List, 0, 0, 4, 2), None),
        (insn(Op::List, 0, 4, 0, 2), None),
        (insn(Op::List, 4, 0, 0, 2), outside(5)),
        (insn(Op::List, 0, 1, 4, 2), outside(5)),
        (insn(Op::Iterate, 2, 3, 0, 0), None),
        (insn(Op::Iterate, 3, 0, 0, 0), outside(5)),
        (insn(Op::Iterate, 0, 4, 0, 0), outside(5)),
        (insn(Op::Next, 1, 0, 0, 0), None),
        (insn(Op::Next, 2, 0, 0, 0), outside(5)),
        (insn(Op::JumpLt, 0, 4, 0, 0), outside(5)),
        (insn(Op::Handler, 4, 0, 0, 0), outside(5)),
        (insn(Op::Raise, 4, 0, 0, 0), outside(5)),
    ]);
}

#[test]
fn indexes_lie_in_their_tables() {
    let missing = |part, index| Some(VerifyFault::Index { part, index });
    check_each(&[
        (insn(Op::LoadConst, 0, 0, 0, 1), None),
        (insn(Op::LoadConst, 0, 0, 0, 2), missing(Part::Constant, 2)),
        (insn(Op::LoadConst, 0, 0, 0, -1), missing(Part::Constant, -1)),
        (insn(Op::AtConst, 0, 0, 0, 2), missing(Part::Constant, 2)),
        (insn(Op::Capture, 0, 0, 0, 0), missing(Part::Capture, 0)),
        (insn(Op::LoadCell, 0, 0, 0, 1), missing(Part::Cell, 1)),
        (
            insn(Op::CheckDef, 0, 0, 0, i32::MIN),
            missing(Part::Cell, i32::MIN),
        ),
        (insn(Op::CallCell, 0, 0, 0, 1), missing(Part::Cell, 1)),
        (
            insn(Op::TailCell, 0, 0, 0, i32::MAX),
            missing(Part::Cell, i32::MAX),
        ),
        (insn(Op::LoadPrim, 0, 0, 0, 1), missing(Part::Primitive, 1)),
        (insn(Op::CallPrim, 0, 0, 0, 1), missing(Part::Primitive, 1)),
        (insn(Op::Closure, 0, 0, 0, 1), None),
        (insn(Op::Closure, 0, 0, 0, 2), missing(Part::Function, 2)),
        (insn(Op::TypeIs, 0, 0, 0, 1), missing(Part::Type, 1)),
        (insn(Op::CheckType, 0, 0, 0, 1), missing(Part::Type, 1)),
    ]);
}

#[test]
fn jumps_land_in_the_function_and_only_loops_go_back() {
    check_each(&[
        (insn(Op::Jump, 0, 0, 0, 1), None),
        (insn(Op::Jump, 0, 0, 0, 2), Some(VerifyFault::JumpOutside)),
        (insn(Op::Jump, 0, 0, 0, i32::MAX), Some(VerifyFault::JumpOutside)),
        (insn(Op::Jump, 0, 0, 0, -1), Some(VerifyFault::JumpBack)),
        (insn(Op::Jump, 0, 0, 0, -2), Some(VerifyFault::JumpOutside)),
        (insn(Op::JumpFalse, 0, 0, 0, -1), Some(VerifyFault::JumpBack)),
        (insn(Op::JumpLtImm, 0, 0, 0, -1), Some(VerifyFault::JumpBack)),
        (insn(Op::Handler, 0, 0, 0, -1), Some(VerifyFault::JumpBack)),
        (insn(Op::Next, 0, 0, 0, -1), Some(VerifyFault::JumpBack)),
        (insn(Op::Loop, 0, 0, 0, -1), None),
        (insn(Op::Loop, 0, 0, 0, 0), Some(VerifyFault::LoopForward)),
        (insn(Op::Loop, 0, 0, 0, i32::MIN), Some(VerifyFault::JumpOutside)),
    ]);
}

#[test]
fn operands_mean_something() {
    let number = |number| Some(VerifyFault::Number { number });
    check_each(&[
        (insn(Op::AddConst, 0, 0, 0, 0), None),
        (insn(Op::AddConst, 0, 0, 0, 1), Some(VerifyFault::NotNumeric)),
        (insn(Op::DivConst, 0, 0, 0, 1), Some(VerifyFault::NotNumeric)),
        (insn(Op::List, 0, 0, 0, 3), number(3)),
        (insn(Op::List, 0, 0, 0, -1), number(-1)),
        (insn(Op::Map, 0, 0, 3, 0), number(3)),
        (insn(Op::Map, 0, 0, 4, 9), None),
        (insn(Op::ArrayList, 0, 0, 1, 2), None),
        (insn(Op::ArrayList, 0, 0, 2, 2), number(2)),
        (insn(Op::Slice, 0, 0, 0, -1), number(-1)),
        (insn(Op::AtImm, 0, 0, 0, -1), None),
        (insn(Op::CallSelf, 0, 0, 0, 0), None),
        (insn(Op::CallSelf, 0, 1, 0, 0), Some(VerifyFault::SelfCall)),
        (insn(Op::TailSelf, 0, 1, 0, 0), Some(VerifyFault::SelfCall)),
        (
            insn(Op::Halt, 0, 0, 0, 0),
            Some(VerifyFault::Opcode {
                number: Op::Halt as u8,
            }),
        ),
        (Insn(255), Some(VerifyFault::Opcode { number: 255 })),
    ]);
}

#[test]
fn a_self_call_needs_exactly_the_required_parameters() {
    let chunk = |parameters| {
        let mut chunk = form(&[END]);
        chunk.functions[1].parameters = parameters;
        chunk.functions[1].code = vec![insn(Op::TailSelf, 1, 2, 0, 0)];
        chunk
    };
    let parameters = Parameters {
        n_required: 2,
        n_optional: 0,
        tail: Tail::None,
    };
    assert_eq!(fault_of(chunk(parameters)), None);
    for wrong in [
        Parameters {
            n_required: 1,
            ..parameters
        },
        Parameters {
            n_optional: 1,
            ..parameters
        },
        Parameters {
            tail: Tail::Rest,
            ..parameters
        },
        Parameters {
            tail: Tail::Keys,
            ..parameters
        },
    ] {
        assert_eq!(fault_of(chunk(wrong)), Some(VerifyFault::SelfCall), "{wrong:?}");
    }
}

#[test]
fn the_end_is_never_run_past() {
    for op in Op::ALL.iter().filter(|op| **op != Op::Halt) {
        let code = [insn(Op::Jump, 0, 0, 0, 0), insn(*op, 0, 0, 0, -1)];
        let ends = matches!(
            op,
            Op::Return
                | Op::ReturnNil
                | Op::Loop
                | Op::TailCall
                | Op::TailCell
                | Op::TailSelf
                | Op::TailApply
                | Op::Raise
        );
        let code = if ends && *op != Op::Loop {
            [code[0], insn(*op, 0, 0, 0, 0)]
        } else {
            code
        };
        assert_eq!(fault_of(form(&code)).is_none(), ends, "{}", op.name());
    }
    assert_eq!(
        fault_of(form(&[insn(Op::LoadNil, 0, 0, 0, 0)])),
        Some(VerifyFault::FallsThrough)
    );
    assert_eq!(fault_of(form(&[])), Some(VerifyFault::NoInstruction));
}

const SET: Insn = Insn::new(Op::Handler, 0, 0, 0, 1);
const DROP: Insn = Insn::new(Op::EndHandler, 0, 0, 0, 0);
const SKIP: Insn = Insn::new(Op::JumpFalse, 0, 0, 0, 1);

const HANDLER_CASES: &[(&str, &[Insn], Option<VerifyFault>)] = &[
    ("set and dropped", &[SET, DROP, END], None),
    (
        "dropped twice",
        &[SET, DROP, DROP, END],
        Some(VerifyFault::NoHandler),
    ),
    ("dropped unset", &[DROP, END], Some(VerifyFault::NoHandler)),
    (
        "left set",
        &[insn(Op::Handler, 0, 0, 0, 2), END, END, END],
        Some(VerifyFault::HandlerLeft),
    ),
    (
        "left by a tail call",
        &[SET, insn(Op::TailCell, 0, 0, 0, 0), END],
        Some(VerifyFault::HandlerLeft),
    ),
    (
        "left by a start over",
        &[SET, insn(Op::TailSelf, 0, 0, 0, 0), END],
        Some(VerifyFault::HandlerLeft),
    ),
    ("left by a raise", &[SET, insn(Op::Raise, 0, 0, 0, 0), END], None),
    (
        "dropped on one path",
        &[
            insn(Op::Handler, 0, 0, 0, 3),
            SKIP,
            DROP,
            insn(Op::Raise, 0, 0, 0, 0),
            END,
        ],
        Some(VerifyFault::HandlersDiffer),
    ),
    (
        "set once per round",
        &[SET, insn(Op::Loop, 0, 0, 0, -2), END],
        Some(VerifyFault::HandlersDiffer),
    ),
    (
        "a loop inside",
        &[
            insn(Op::Handler, 0, 0, 0, 3),
            SKIP,
            insn(Op::Loop, 0, 0, 0, -2),
            DROP,
            END,
        ],
        None,
    ),
    (
        "dropped where the error goes",
        &[insn(Op::Handler, 0, 0, 0, 1), DROP, DROP, END],
        Some(VerifyFault::NoHandler),
    ),
    (
        "nested",
        &[insn(Op::Handler, 0, 0, 0, 3), SET, DROP, DROP, END],
        None,
    ),
    ("never reached", &[END, DROP, END], None),
    (
        "reached from behind",
        &[insn(Op::Jump, 0, 0, 0, 2), DROP, END, insn(Op::Loop, 0, 0, 0, -3)],
        Some(VerifyFault::NoHandler),
    ),
];

#[test]
fn handlers_are_dropped_as_often_as_they_are_set() {
    for (name, code, fault) in HANDLER_CASES {
        let found = fault_of(form(code));
        assert_eq!(found, *fault, "{name}");
    }
}

#[test]
fn a_closure_finds_what_it_captures_in_every_maker() {
    let make = insn(Op::Closure, 0, 0, 0, 1);
    let with = |captures: &[CaptureSource]| {
        let mut chunk = form(&[make, END]);
        chunk.functions[1].captures = captures.to_vec();
        chunk.functions[1].code = vec![END];
        chunk
    };
    let missing = Some(VerifyFault::CaptureSource { function_idx: 1 });
    assert_eq!(fault_of(with(&[])), None);
    assert_eq!(
        fault_of(with(&[CaptureSource::Register(3), CaptureSource::Enclosing])),
        None
    );
    assert_eq!(fault_of(with(&[CaptureSource::Register(4)])), missing);
    assert_eq!(fault_of(with(&[CaptureSource::Capture(0)])), missing);
    let mut nested = with(&[CaptureSource::Register(0)]);
    let inner = |captures| Function {
        captures,
        code: vec![END],
        ..Function::default()
    };
    nested.functions.push(inner(vec![CaptureSource::Capture(0)]));
    nested.functions[1].n_registers = 1;
    nested.functions[1].code = vec![insn(Op::Closure, 0, 0, 0, 2), END];
    assert_eq!(fault_of(nested.clone()), None);
    nested.functions[0].code.insert(0, insn(Op::Closure, 0, 0, 0, 2));
    assert_eq!(
        fault_of(nested),
        Some(VerifyFault::CaptureSource { function_idx: 2 })
    );
}

#[test]
fn functions_have_a_shape() {
    let changed = |change: fn(&mut Chunk)| {
        let mut chunk = form(&[END]);
        change(&mut chunk);
        fault_of(chunk)
    };
    let span = |start, end| Span { start, end };
    assert_eq!(changed(|_| ()), None);
    assert_eq!(
        changed(|chunk| chunk.functions.clear()),
        Some(VerifyFault::NoFunction)
    );
    let takes_values = Some(VerifyFault::FormTakesValues);
    assert_eq!(
        changed(|chunk| chunk.functions[0].parameters.n_optional = 1),
        takes_values
    );
    assert_eq!(
        changed(|chunk| chunk.functions[0].captures.push(CaptureSource::Enclosing)),
        takes_values
    );
    assert_eq!(
        changed(|chunk| chunk.functions[1].parameters.n_required = 4),
        None
    );
    let crowded = Some(VerifyFault::Parameters { n_registers: 5 });
    assert_eq!(
        changed(|chunk| chunk.functions[1].parameters.n_required = 5),
        crowded
    );
    assert_eq!(changed(|chunk| chunk.functions[1].n_registers = 250), None);
    let large = Some(VerifyFault::Window { n_registers: 251 });
    assert_eq!(changed(|chunk| chunk.functions[1].n_registers = 251), large);
    let spans = |spans: Vec<(u32, Span)>| {
        let mut chunk = form(&[END, END]);
        chunk.functions[0].spans = spans;
        fault_of(chunk)
    };
    assert_eq!(spans(vec![(0, span(5, 9)), (1, span(2, 2))]), None);
    assert_eq!(
        spans(vec![(1, span(0, 0)), (0, span(0, 0))]),
        Some(VerifyFault::SpanOrder)
    );
    assert_eq!(
        spans(vec![(1, span(0, 0)), (1, span(0, 0))]),
        Some(VerifyFault::SpanOrder)
    );
    assert_eq!(spans(vec![(2, span(0, 0))]), Some(VerifyFault::SpanOrder));
    assert_eq!(spans(vec![(u32::MAX, span(0, 0))]), Some(VerifyFault::SpanOrder));
    assert_eq!(spans(vec![(0, span(1, 0))]), Some(VerifyFault::Span));
}

#[test]
fn constants_are_well_formed() {
    let mut chunk = form(&[END]);
    chunk.constants.push(Constant::Data(Flat::default()));
    let error = verify(chunk, &LIMITS).unwrap_err();
    assert_eq!(
        error.fault,
        VerifyFault::Data {
            constant_idx: 2,
            fault: WireFault::NoNode
        }
    );
    assert_eq!(error.to_string(), "in constant 2 there is no node");
}

#[test]
fn sizes_are_limited() {
    let limited = |limits| verify(form(&[END, END]), &limits).unwrap_err().fault;
    let cases = [
        (
            CodeLimits {
                max_functions: 1,
                ..LIMITS
            },
            Part::Function,
            1,
        ),
        (
            CodeLimits {
                max_instructions: 1,
                ..LIMITS
            },
            Part::Instruction,
            1,
        ),
        (
            CodeLimits {
                max_constants: 1,
                ..LIMITS
            },
            Part::Constant,
            1,
        ),
        (
            CodeLimits {
                max_cells: 0,
                ..LIMITS
            },
            Part::Cell,
            0,
        ),
        (
            CodeLimits {
                max_primitives: 0,
                ..LIMITS
            },
            Part::Primitive,
            0,
        ),
        (
            CodeLimits {
                max_types: 0,
                ..LIMITS
            },
            Part::Type,
            0,
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
        assert_eq!(limited(limits), VerifyFault::TooMany { part, limit });
    }
}

#[test]
fn an_error_says_where() {
    let mut chunk = form(&[END]);
    chunk.functions[1].code[0] = insn(Op::LoadNil, 9, 0, 0, 0);
    let error = verify(chunk, &LIMITS).unwrap_err();
    assert_eq!(
        error.to_string(),
        "registers up to 10 lie outside the window in function 1 at instruction 0"
    );
    assert_eq!(
        (error.function_idx, error.insn_idx, error.code()),
        (Some(1), Some(0), "code/unsound")
    );
}
