//! Making the image: what is carried out while the standard library is compiled from its text is written down.

use std::path::Path;

use sup_code::image::{self, Content, Defined, DefinedTypes, Step};
use sup_code::{TypeSpec, chunk};
use sup_compile::{Definition, Instruction, TopForm};
use sup_vm::vm::Limits;

use crate::declaration;
use crate::kernels;
use crate::load::{self, Problems};
use crate::problem::Problem;
use crate::runtime::Runtime;

/// What was carried out, in order.
#[derive(Debug, Default)]
pub struct Recorder {
    steps: Vec<(String, Recorded)>,
}

#[derive(Debug)]
enum Recorded {
    Load(Vec<String>),
    Import(Vec<(String, String)>),
    Export(Vec<String>),
    Form {
        name: String,
        fields: Vec<(Option<String>, TypeSpec)>,
    },
    Macro {
        name: String,
        chunk: Vec<u8>,
    },
    Code {
        chunk: Vec<u8>,
        definitions: Vec<Definition>,
    },
}

impl Recorder {
    /// Writes a top-level form of a module down.
    pub(crate) fn note(&mut self, module: &str, form: &TopForm) {
        let recorded = match form {
            // Its forms come one by one.
            TopForm::Splice(_) => return,
            TopForm::Code { chunk, definitions } => Recorded::Code {
                chunk: chunk::encode(chunk),
                definitions: definitions.clone(),
            },
            TopForm::Instruction(instruction) => match instruction {
                Instruction::Load(names) => Recorded::Load(names.clone()),
                Instruction::Import(imports) => Recorded::Import(imports.clone()),
                Instruction::Export(names) => Recorded::Export(names.clone()),
                Instruction::DefineForm { name, fields, .. } => Recorded::Form {
                    name: name.clone(),
                    fields: fields.clone(),
                },
                Instruction::Macro { name, chunk, .. } => Recorded::Macro {
                    name: name.clone(),
                    chunk: chunk::encode(chunk),
                },
                // It is refused when it is carried out.
                Instruction::DefineKernel(_) => return,
            },
        };
        self.steps.push((module.to_owned(), recorded));
    }

    fn steps_of(&self, module: &str) -> Vec<Step<'_>> {
        let own = self.steps.iter().filter(|(found, _)| found == module);
        own.map(|(_, recorded)| recorded.step()).collect()
    }
}

impl Recorded {
    fn step(&self) -> Step<'_> {
        match self {
            Recorded::Load(names) => Step::Load(borrowed(names)),
            Recorded::Import(imports) => Step::Import(
                imports
                    .iter()
                    .map(|(alias, path)| (alias.as_str(), path.as_str()))
                    .collect(),
            ),
            Recorded::Export(names) => Step::Export(borrowed(names)),
            Recorded::Form { name, fields } => Step::Form {
                name,
                fields: fields
                    .iter()
                    .map(|(name, spec)| (name.as_deref(), spec.clone()))
                    .collect(),
            },
            Recorded::Macro { name, chunk } => Step::Macro { name, chunk },
            Recorded::Code { chunk, definitions } => Step::Code {
                chunk,
                definitions: definitions.iter().map(defined).collect(),
            },
        }
    }
}

fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn defined(definition: &Definition) -> Defined<'_> {
    let signature = definition.signature.as_ref().map(|signature| DefinedTypes {
        parameters: signature
            .parameters
            .iter()
            .map(|parameter| (parameter.name.as_str(), parameter.type_name.as_deref()))
            .collect(),
        result: signature.result.as_deref(),
        shape: signature.shape,
    });
    Defined {
        name: &definition.name,
        parameters: definition.parameters,
        signature,
        alias: definition.alias.as_deref(),
        span: definition.span,
    }
}

/// Compiles the whole standard library and writes its image. The kernels that it loads are known by their declarations in
/// `kernels`, a directory that has `NAME/kernel.slp` for each; their code is not there to run.
///
/// # Errors
/// What is wrong with the library, or a declaration.
pub fn image(limits: Limits, kernels: &Path) -> Result<Vec<u8>, Problems> {
    let mut runtime = Runtime::builder(limits).bare().build()?;
    {
        let mut world = runtime.world.borrow_mut();
        world.recorder = Some(Recorder::default());
        world.declared = Some(kernels.to_owned());
    }
    for (name, _) in sup_stdlib::MODULES {
        load::standard_module(&mut runtime.vm, &runtime.world, name)?;
    }
    let recorder = runtime.world.borrow_mut().recorder.take().unwrap_or_default();
    let mut modules = Vec::new();
    for (name, text) in sup_stdlib::MODULES {
        let steps = recorder.steps_of(name);
        check(name, &steps).map_err(|problem| vec![problem])?;
        let loads = steps.iter().flat_map(|step| match step {
            Step::Load(names) => names.clone(),
            _ => Vec::new(),
        });
        let kernels = loads
            .map(|kernel| (kernel, kernels::fingerprint(&runtime.world, kernel)))
            .collect();
        modules.push((*name, chunk::hash(text.as_bytes()), Content { kernels, steps }));
    }
    Ok(image::encode(&modules))
}

/// A definition is carried out when it is wanted, so it makes no difference when that is: each name is defined once.
fn check(module: &str, steps: &[Step<'_>]) -> Result<(), Problem> {
    let mut names = std::collections::HashSet::new();
    for step in steps {
        let defined: Vec<&str> = match step {
            Step::Code { definitions, .. } => definitions.iter().map(|definition| definition.name).collect(),
            Step::Macro { name, .. } => vec![name],
            _ => Vec::new(),
        };
        if let Some(twice) = defined.into_iter().find(|name| !names.insert(*name)) {
            let message = format!("{module}/{twice} is defined twice");
            return Err(Problem::new("library/defined-twice", message));
        }
    }
    Ok(())
}

/// Reads the declaration of a kernel in a directory that has `NAME/kernel.slp` for each.
///
/// # Errors
/// When there is none, or it is no declaration.
pub(crate) fn declared(directory: &Path, name: &str) -> Result<sup_host::Declaration, Problem> {
    let path = directory.join(name).join("kernel.slp");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let message = format!("{} cannot be read: {error}", path.display());
        Problem::new("kernel/declaration", message)
    })?;
    declaration::parse(&text).map_err(|fault| Problem::from_fault(&path.display().to_string(), &fault))
}
