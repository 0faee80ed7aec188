//! Chunks that were changed at random: refused, or safe to run by a machine that checks nothing.

mod sample;

use sample::{Lcg, sample_chunk};
use sup_code::chunk::{self, CODE_VERSION};
use sup_code::{CaptureSource, Chunk, CodeLimits, Function, Insn, Op, Shape, verify};

const LIMITS: CodeLimits = CodeLimits::STANDARD;

/// Runs through a function along random paths, as a machine would that trusts everything.
fn walk(chunk: &Chunk, function: &Function, random: &mut Lcg) {
    let mut next_idx = 0;
    let mut handlers = Vec::new();
    for _ in 0..200 {
        let insn = function.code[next_idx];
        let op = insn.op().expect("the verifier knows the opcode");
        touch(chunk, function, op, insn);
        let target = insn
            .jump_target(next_idx)
            .map(|target| usize::try_from(target).expect("no jump before the start"));
        assert!(target.is_none_or(|target| target < function.code.len()));
        next_idx += 1;
        match op {
            Op::Return
            | Op::ReturnNil
            | Op::TailCall
            | Op::TailCell
            | Op::EnterCell
            | Op::TailSelf
            | Op::TailApply => {
                assert!(handlers.is_empty(), "a handler outlives its window");
                return;
            }
            Op::Handler => handlers.push(target.expect("a handler has a target")),
            Op::EndHandler => drop(handlers.pop().expect("a handler to drop")),
            Op::Jump | Op::Loop => next_idx = target.expect("a jump has a target"),
            _ if op == Op::Raise || random.below(8) == 0 => match handlers.pop() {
                Some(handler) => next_idx = handler,
                None => return,
            },
            _ if random.below(2) == 0 => next_idx = target.unwrap_or(next_idx),
            _ => {}
        }
    }
}

/// Uses the operands of an instruction as indexes.
fn touch(chunk: &Chunk, function: &Function, op: Op, insn: Insn) {
    let window = [0; 250];
    let window = &window[..usize::from(function.n_registers)];
    let [a, b, c] = [insn.a(), insn.b(), insn.c()].map(usize::from);
    let index = insn.d() as usize;
    let mut sum = 0;
    match op.shape() {
        Shape::None | Shape::Jump => {}
        Shape::Call | Shape::CallCell | Shape::CallPrimitive => sum += window[a] + window[a..=a + b].len(),
        Shape::Collect => sum += window[a] + window[b..b + c].len(),
        Shape::IterateJump => sum += window[a..a + 3].len(),
        Shape::EnterCell => sum += window[..b].len(),
        Shape::WriteReadRead | Shape::ReadReadRead | Shape::WriteReadReadPrimitive => {
            sum += window[a] + window[b] + window[c]
        }
        Shape::WriteRead
        | Shape::ReadRead
        | Shape::ReadReadJump
        | Shape::ReadReadInt
        | Shape::WriteReadInt
        | Shape::WriteReadConst
        | Shape::WriteReadType => sum += window[a] + window[b],
        _ => sum += window[a],
    }
    match op.shape() {
        Shape::WriteConst | Shape::WriteReadConst => drop(chunk.constants[index].clone()),
        Shape::WriteCell | Shape::ReadCell | Shape::CallCell | Shape::EnterCell => {
            sum += chunk.cells[index].name.len()
        }
        Shape::WritePrimitive | Shape::CallPrimitive | Shape::WriteReadReadPrimitive => {
            sum += chunk.primitives[index].len()
        }
        Shape::ReadType | Shape::WriteReadType => drop(chunk.types[index].clone()),
        Shape::WriteCapture => sum += size_of_val(&function.captures[index]),
        Shape::WriteFunction => {
            for source in &chunk.functions[index].captures {
                match *source {
                    CaptureSource::Register(register) => sum += window[usize::from(register)],
                    CaptureSource::Capture(capture_idx) => {
                        sum += size_of_val(&function.captures[usize::from(capture_idx)])
                    }
                    CaptureSource::Enclosing => {}
                }
            }
        }
        _ => {}
    }
    std::hint::black_box(sum);
}

fn check_safe(chunk: Chunk, random: &mut Lcg) -> bool {
    let Ok(verified) = verify(chunk, &LIMITS) else {
        return false;
    };
    for function in &verified.functions {
        (0..4).for_each(|_| walk(&verified, function, random));
    }
    true
}

#[test]
fn every_bit_flip_of_a_chunk_is_refused_or_safe() {
    let mut random = Lcg(5);
    let golden = chunk::encode(&sample_chunk());
    let mut n_passed = 0;
    for bit in 0..golden.len() * 8 {
        let mut bytes = golden.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(chunk) = chunk::decode(&bytes, &LIMITS) {
            n_passed += usize::from(check_safe(chunk, &mut random));
        }
    }
    assert!(
        n_passed > 100,
        "flips of unused fields and of text are harmless, only {n_passed} passed"
    );
    assert_eq!(golden[4..8], CODE_VERSION.to_le_bytes());
}

#[test]
fn random_mutations_of_instructions_are_refused_or_safe() {
    let mut random = Lcg(6);
    let mut n_passed = 0;
    for _ in 0..200_000 {
        let mut chunk = sample_chunk();
        for _ in 0..=random.below(3) {
            let function_idx = random.below(chunk.functions.len());
            let code = &mut chunk.functions[function_idx].code;
            let insn_idx = random.below(code.len());
            match random.below(4) {
                0 => code[insn_idx].0 ^= 1 << random.below(64),
                1 => {
                    let op = Op::ALL[random.below(Op::ALL.len())];
                    let field = |random: &mut Lcg| random.below(5) as u8;
                    let [a, b, c] = [field(&mut random), field(&mut random), field(&mut random)];
                    code[insn_idx] = Insn::new(op, a, b, c, random.below(9) as i32 - 4);
                }
                2 => code.swap(insn_idx, 0),
                _ => drop(code.remove(insn_idx)),
            }
            if code.is_empty() {
                break;
            }
        }
        n_passed += usize::from(check_safe(chunk, &mut random));
    }
    assert!(n_passed > 2000, "only {n_passed} mutations passed");
}
