//! The binary form of chunks.

use super::{
    CODE_VERSION, CaptureSource, CellName, Chunk, CodeLimits, Constant, Function, Parameters, Tail, TypeBase,
    TypeSpec,
};
use crate::codec::{Input, Output};
use crate::op::Insn;
use crate::wire::{Part, WireError, read_flat, write_flat};

/// The first bytes of a chunk. The first of them is never one of text.
pub const MAGIC: [u8; 4] = *b"\xf5slc";

/// How many bytes an instruction takes.
const INSN_BYTES: usize = size_of::<Insn>();

/// Writes the canonical binary form, which the version of the code is part of.
#[must_use]
pub fn encode(chunk: &Chunk) -> Vec<u8> {
    let mut output = Output::starting_with(&MAGIC);
    output.raw(&CODE_VERSION.to_le_bytes());
    output.text(&chunk.module);
    output.text(&chunk.source);
    output.count(chunk.primitives.len());
    for name in &chunk.primitives {
        output.text(name);
    }
    output.count(chunk.cells.len());
    for cell in &chunk.cells {
        output.text(&cell.module);
        output.text(&cell.name);
    }
    output.count(chunk.types.len());
    for spec in &chunk.types {
        write_type(&mut output, spec);
    }
    output.count(chunk.constants.len());
    for constant in &chunk.constants {
        write_constant(&mut output, constant);
    }
    output.count(chunk.functions.len());
    for function in &chunk.functions {
        write_function(&mut output, function);
    }
    output.finish()
}

/// Reads a chunk. Total on any bytes; what is read encodes to the same bytes. It is foreign code until
/// [`verify`](crate::verify::verify) has passed it.
///
/// # Errors
/// When the bytes are anything else than what [`encode`] writes, or exceed the limits.
pub fn decode(bytes: &[u8], limits: &CodeLimits) -> Result<Chunk, WireError> {
    let mut input = Input::within(bytes, limits.wire.max_bytes)?;
    input.head(MAGIC, CODE_VERSION.to_le_bytes())?;
    let chunk = Chunk {
        module: read_name(&mut input, limits)?,
        source: read_name(&mut input, limits)?,
        primitives: input.sequence((Part::Primitive, limits.max_primitives, 1), |input| {
            read_name(input, limits)
        })?,
        cells: input.sequence((Part::Cell, limits.max_cells, 2), |input| {
            Ok(CellName {
                module: read_name(input, limits)?,
                name: read_name(input, limits)?,
            })
        })?,
        types: input.sequence((Part::Type, limits.max_types, 2), |input| {
            read_type(input, limits)
        })?,
        constants: input.sequence((Part::Constant, limits.max_constants, 2), |input| {
            read_constant(input, limits)
        })?,
        functions: input.sequence((Part::Function, limits.max_functions, 10), |input| {
            read_function(input, limits)
        })?,
    };
    input.end()?;
    Ok(chunk)
}

fn read_name(input: &mut Input<'_>, limits: &CodeLimits) -> Result<String, WireError> {
    input
        .text(Part::NameBytes, limits.wire.max_name_bytes)
        .map(str::to_owned)
}

pub(crate) fn write_type(output: &mut Output, spec: &TypeSpec) {
    let named = TypeBase::NAMED.iter().position(|(base, _)| *base == spec.base);
    output.u8(named.unwrap_or(TypeBase::NAMED.len()) as u8);
    output.u8(u8::from(spec.optional));
    if let TypeBase::Form(name) = &spec.base {
        output.text(name);
    }
}

pub(crate) fn read_type(input: &mut Input<'_>, limits: &CodeLimits) -> Result<TypeSpec, WireError> {
    let tag = input.tag(Part::Type, TypeBase::NAMED.len() as u8 + 1)?;
    let optional = input.boolean()?;
    let base = match TypeBase::NAMED.get(usize::from(tag)) {
        Some((base, _)) => base.clone(),
        None => TypeBase::Form(read_name(input, limits)?),
    };
    Ok(TypeSpec { base, optional })
}

fn write_constant(output: &mut Output, constant: &Constant) {
    match constant {
        Constant::Int(value) => {
            output.u8(0);
            output.i64(*value);
        }
        Constant::Real(value) => {
            output.u8(1);
            output.real(*value);
        }
        Constant::Str(text) => {
            output.u8(2);
            output.text(text);
        }
        Constant::Symbol(name) => {
            output.u8(3);
            output.text(name);
        }
        Constant::Keyword(name) => {
            output.u8(4);
            output.text(name);
        }
        Constant::Path(name) => {
            output.u8(5);
            output.text(name);
        }
        Constant::Data(flat) => {
            output.u8(6);
            write_flat(output, flat);
        }
    }
}

fn read_constant(input: &mut Input<'_>, limits: &CodeLimits) -> Result<Constant, WireError> {
    Ok(match input.tag(Part::Constant, 7)? {
        0 => Constant::Int(input.i64()?),
        1 => Constant::Real(input.real()?),
        2 => Constant::Str(input.text(Part::Bytes, limits.wire.max_bytes)?.to_owned()),
        3 => Constant::Symbol(read_name(input, limits)?),
        4 => Constant::Keyword(read_name(input, limits)?),
        5 => Constant::Path(read_name(input, limits)?),
        _ => Constant::Data(read_flat(input, &limits.wire)?),
    })
}

pub(crate) fn write_parameters(output: &mut Output, parameters: Parameters) {
    output.u8(parameters.n_required);
    output.u8(parameters.n_optional);
    output.u8(match parameters.tail {
        Tail::None => 0,
        Tail::Rest => 1,
        Tail::Keys => 2,
    });
}

pub(crate) fn read_parameters(input: &mut Input<'_>) -> Result<Parameters, WireError> {
    Ok(Parameters {
        n_required: input.u8()?,
        n_optional: input.u8()?,
        tail: match input.tag(Part::Tail, 3)? {
            0 => Tail::None,
            1 => Tail::Rest,
            _ => Tail::Keys,
        },
    })
}

fn write_function(output: &mut Output, function: &Function) {
    output.text(&function.name);
    write_parameters(output, function.parameters);
    output.u8(function.n_registers);
    output.count(function.captures.len());
    for capture in &function.captures {
        match *capture {
            CaptureSource::Register(register) => {
                output.u8(0);
                output.u8(register);
            }
            CaptureSource::Capture(capture_idx) => {
                output.u8(1);
                output.raw(&capture_idx.to_le_bytes());
            }
            CaptureSource::Enclosing => output.u8(2),
        }
    }
    output.count(function.code.len());
    for insn in &function.code {
        output.raw(&insn.0.to_le_bytes());
    }
    output.count(function.spans.len());
    for (insn_idx, span) in &function.spans {
        output.u32(*insn_idx);
        output.span(*span);
    }
    output.span(function.span);
}

fn read_function(input: &mut Input<'_>, limits: &CodeLimits) -> Result<Function, WireError> {
    Ok(Function {
        name: read_name(input, limits)?,
        parameters: read_parameters(input)?,
        n_registers: input.u8()?,
        captures: input.sequence((Part::Capture, limits.max_captures, 1), read_capture)?,
        code: read_code(input, limits)?,
        spans: input.sequence((Part::Span, limits.max_instructions, 3), |input| {
            Ok((input.u32()?, input.span()?))
        })?,
        span: input.span()?,
    })
}

fn read_capture(input: &mut Input<'_>) -> Result<CaptureSource, WireError> {
    Ok(match input.tag(Part::Capture, 3)? {
        0 => CaptureSource::Register(input.u8()?),
        1 => CaptureSource::Capture(u16::from_le_bytes(input.array()?)),
        _ => CaptureSource::Enclosing,
    })
}

fn read_code(input: &mut Input<'_>, limits: &CodeLimits) -> Result<Vec<Insn>, WireError> {
    let n_insns = input.count(Part::Instruction, limits.max_instructions, INSN_BYTES)?;
    let bytes = input.raw(n_insns * INSN_BYTES)?;
    let (words, _) = bytes.as_chunks::<INSN_BYTES>();
    Ok(words.iter().map(|word| Insn(u64::from_le_bytes(*word))).collect())
}
