//! The image: the compiled standard library as one piece of bytes inside the program.
//!
//! It is read in place and hardly anything is copied. What a program does not use costs nothing: opening it reads the list of
//! modules, a module's content is checked against its hash and read when the module is loaded, and chunks stay bytes until
//! the name that they define is wanted; then they are decoded and verified like all others.

use slp::Span;

use crate::chunk::bytes::{read_parameters, read_type, write_parameters, write_type};
use crate::chunk::{CODE_VERSION, CodeLimits, Parameters, TypeSpec};
use crate::codec::{Input, Output};
use crate::wire::{Part, Place, WireError, WireFault, hash};

/// The first bytes of an image.
pub const MAGIC: [u8; 4] = *b"\xf5sli";

/// The version of how an image is laid out, the byte after the magic. The version of the code in it follows.
pub const VERSION: u8 = 2;

/// The most modules that an image may have.
const MAX_MODULES: u32 = 1 << 12;
/// The most steps of a module, and the most names in one of them.
const MAX_STEPS: u32 = 1 << 20;

/// One compiled module, in the list that an image starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageModule<'a> {
    /// Its name.
    pub name: &'a str,
    /// Hash of the source text that it was compiled from; another text needs another image.
    pub source_hash: [u8; 32],
    content_hash: [u8; 32],
    content: &'a [u8],
}

/// What one module is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content<'a> {
    /// The kernels that the code counts on, each with the fingerprint of what the compiler knew of it.
    pub kernels: Vec<(&'a str, [u8; 32])>,
    /// What loading it does, in order.
    pub steps: Vec<Step<'a>>,
}

/// One top-level form, compiled.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<'a> {
    /// Kernels are loaded.
    Load(Vec<&'a str>),
    /// Modules are imported: pairs of alias and path.
    Import(Vec<(&'a str, &'a str)>),
    /// These names are shown to importers.
    Export(Vec<&'a str>),
    /// A record type is made; each field has a type, and perhaps a name.
    Form {
        /// Its name in the module.
        name: &'a str,
        /// The fields.
        fields: Vec<(Option<&'a str>, TypeSpec)>,
    },
    /// A macro is made.
    Macro {
        /// Its name in the module.
        name: &'a str,
        /// Running it gives the macro's function.
        chunk: &'a [u8],
    },
    /// Code is run.
    Code {
        /// The code.
        chunk: &'a [u8],
        /// What it defines.
        definitions: Vec<Defined<'a>>,
    },
}

/// A definition, as the compiler knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defined<'a> {
    /// The name in its module.
    pub name: &'a str,
    /// The parameters, when the value is a function.
    pub parameters: Option<Parameters>,
    /// Their names and types, and the type of the result, when the value is a function.
    pub signature: Option<DefinedTypes<'a>>,
    /// The primitive that the name is another name of.
    pub alias: Option<&'a str>,
    /// Where the name stands.
    pub span: Span,
}

/// Types that a function declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinedTypes<'a> {
    /// Name and type of each parameter.
    pub parameters: Vec<(&'a str, Option<&'a str>)>,
    /// The type of the result.
    pub result: Option<&'a str>,
    /// Which of the parameters are required and optional, and what the rest is.
    pub shape: Parameters,
}

/// Writes an image: of each module its name, the hash of its source, and its content.
#[must_use]
pub fn encode(modules: &[(&str, [u8; 32], Content<'_>)]) -> Vec<u8> {
    let mut list = Output::default();
    let mut contents = Vec::new();
    list.count(modules.len());
    for (name, source_hash, content) in modules {
        let content = encode_content(content);
        list.text(name);
        list.raw(source_hash);
        list.raw(&hash(&content));
        list.count(content.len());
        contents.extend_from_slice(&content);
    }
    let list = list.finish();
    let mut output = Output::starting_with(&MAGIC);
    output.u8(VERSION);
    output.raw(&CODE_VERSION.to_le_bytes());
    output.raw(&hash(&list));
    output.raw(&list);
    output.raw(&contents);
    output.finish()
}

/// Reads the list of modules of an image. Total on any bytes.
///
/// # Errors
/// When the bytes are anything else than what [`encode`] writes, up to the content of each module.
pub fn decode(bytes: &[u8]) -> Result<Vec<ImageModule<'_>>, WireError> {
    let mut input = Input::new(bytes);
    input.head(MAGIC, [VERSION])?;
    let place = Place::Byte(input.offset());
    let found = u32::from_le_bytes(input.array()?);
    if found != CODE_VERSION {
        let fault = WireFault::WrongVersion {
            found,
            known: CODE_VERSION,
        };
        return Err(WireError { place, fault });
    }
    let place = Place::Byte(input.offset());
    let stated: [u8; 32] = input.array()?;
    let start = input.offset();
    let mut modules = input.sequence((Part::Module, MAX_MODULES, 66), |input| {
        let module = ImageModule {
            name: input.text(Part::NameBytes, u32::MAX)?,
            source_hash: input.array()?,
            content_hash: input.array()?,
            content: &[],
        };
        Ok((module, input.u32()? as usize))
    })?;
    if hash(&bytes[start..input.offset()]) != stated {
        return Err(wrong_hash(place));
    }
    for (module, n_bytes) in &mut modules {
        module.content = input.raw(*n_bytes)?;
    }
    input.end()?;
    Ok(modules.into_iter().map(|(module, _)| module).collect())
}

const fn wrong_hash(place: Place) -> WireError {
    WireError {
        place,
        fault: WireFault::WrongHash,
    }
}

impl<'a> ImageModule<'a> {
    /// Checks and reads the content of a module. What is read encodes to the same bytes.
    ///
    /// # Errors
    /// When it is not what was written.
    pub fn content(&self) -> Result<Content<'a>, WireError> {
        if hash(self.content) != self.content_hash {
            return Err(wrong_hash(Place::Byte(0)));
        }
        let mut input = Input::new(self.content);
        let content = Content {
            kernels: input.sequence((Part::Module, MAX_MODULES, 33), |input| {
                Ok((name(input)?, input.array()?))
            })?,
            steps: input.sequence((Part::Step, MAX_STEPS, 2), step)?,
        };
        input.end()?;
        Ok(content)
    }
}

fn encode_content(content: &Content<'_>) -> Vec<u8> {
    let mut output = Output::default();
    output.count(content.kernels.len());
    for (name, fingerprint) in &content.kernels {
        output.text(name);
        output.raw(fingerprint);
    }
    output.count(content.steps.len());
    for step in &content.steps {
        write_step(&mut output, step);
    }
    output.finish()
}

fn write_step(output: &mut Output, step: &Step<'_>) {
    match step {
        Step::Load(names) => {
            output.u8(0);
            write_names(output, names);
        }
        Step::Import(imports) => {
            output.u8(1);
            output.count(imports.len());
            for (alias, path) in imports {
                output.text(alias);
                output.text(path);
            }
        }
        Step::Export(names) => {
            output.u8(2);
            write_names(output, names);
        }
        Step::Form { name, fields } => {
            output.u8(3);
            output.text(name);
            output.count(fields.len());
            for (name, spec) in fields {
                write_optional(output, *name);
                write_type(output, spec);
            }
        }
        Step::Macro { name, chunk } => {
            output.u8(4);
            output.text(name);
            output.bytes(chunk);
        }
        Step::Code { chunk, definitions } => {
            output.u8(5);
            output.bytes(chunk);
            output.count(definitions.len());
            for definition in definitions {
                write_definition(output, definition);
            }
        }
    }
}

fn step<'a>(input: &mut Input<'a>) -> Result<Step<'a>, WireError> {
    Ok(match input.tag(Part::Step, 6)? {
        0 => Step::Load(names(input)?),
        1 => Step::Import(input.sequence((Part::Step, MAX_STEPS, 2), |input| {
            Ok((name(input)?, name(input)?))
        })?),
        2 => Step::Export(names(input)?),
        3 => Step::Form {
            name: name(input)?,
            fields: input.sequence((Part::Type, MAX_STEPS, 3), |input| {
                Ok((optional(input)?, read_type(input, &CodeLimits::STANDARD)?))
            })?,
        },
        4 => Step::Macro {
            name: name(input)?,
            chunk: input.bytes(Part::Chunk, u32::MAX)?,
        },
        _ => Step::Code {
            chunk: input.bytes(Part::Chunk, u32::MAX)?,
            definitions: input.sequence((Part::Step, MAX_STEPS, 6), definition)?,
        },
    })
}

fn write_names(output: &mut Output, names: &[&str]) {
    output.count(names.len());
    for name in names {
        output.text(name);
    }
}

fn names<'a>(input: &mut Input<'a>) -> Result<Vec<&'a str>, WireError> {
    input.sequence((Part::Step, MAX_STEPS, 1), name)
}

fn name<'a>(input: &mut Input<'a>) -> Result<&'a str, WireError> {
    input.text(Part::NameBytes, u32::MAX)
}

fn write_optional(output: &mut Output, text: Option<&str>) {
    output.u8(u8::from(text.is_some()));
    if let Some(text) = text {
        output.text(text);
    }
}

fn optional<'a>(input: &mut Input<'a>) -> Result<Option<&'a str>, WireError> {
    input.boolean()?.then(|| name(input)).transpose()
}

fn write_definition(output: &mut Output, definition: &Defined<'_>) {
    output.text(definition.name);
    output.u8(u8::from(definition.parameters.is_some()));
    if let Some(parameters) = definition.parameters {
        write_parameters(output, parameters);
    }
    output.u8(u8::from(definition.signature.is_some()));
    if let Some(types) = &definition.signature {
        output.count(types.parameters.len());
        for (name, type_name) in &types.parameters {
            output.text(name);
            write_optional(output, *type_name);
        }
        write_optional(output, types.result);
        write_parameters(output, types.shape);
    }
    write_optional(output, definition.alias);
    output.span(definition.span);
}

fn definition<'a>(input: &mut Input<'a>) -> Result<Defined<'a>, WireError> {
    Ok(Defined {
        name: name(input)?,
        parameters: input.boolean()?.then(|| read_parameters(input)).transpose()?,
        signature: input.boolean()?.then(|| types(input)).transpose()?,
        alias: optional(input)?,
        span: input.span()?,
    })
}

fn types<'a>(input: &mut Input<'a>) -> Result<DefinedTypes<'a>, WireError> {
    Ok(DefinedTypes {
        parameters: input.sequence((Part::Step, MAX_STEPS, 2), |input| {
            Ok((name(input)?, optional(input)?))
        })?,
        result: optional(input)?,
        shape: read_parameters(input)?,
    })
}
