//! Going through a source without running it: its forms are compiled, its names made known, its macros carried out.
//!
//! Only what macros need is run: the macros themselves, and, in a source that defines macros, its definitions, since a macro may
//! call them. Both run without grants and with little fuel. Imported modules are gone through in the same way.

use std::path::Path;
use std::sync::Arc;

use slp::{Fault, NodeId, NodeKind, Prefix, ReadLimits, Tree};
use sup_code::Chunk;
use sup_compile::{FormContext, Instruction, TopForm, compile_form, defined_names, top_forms};
use sup_vm::vm::{Limits, Vm};

use crate::load::{self, Located, Problems, Source};
use crate::modules::Entry;
use crate::natives::without_grants;
use crate::problem::{Place, Problem};
use crate::resolve::Asking;
use crate::world::SharedWorld;

/// Fuel that one definition may use while a source is gone through.
const DEFINITION_FUEL: u64 = 2_000_000;

/// What is shown of each form that is gone through, imported modules' forms included.
pub(crate) struct Sight<'a, 'vm> {
    pub source: &'a Source,
    pub tree: &'a mut Tree,
    pub form: NodeId,
    pub context: FormContext<'a>,
    pub asking: Asking<'vm>,
}

/// Who looks at forms on the way.
pub(crate) type Look<'a> = dyn FnMut(Sight<'_, '_>) + 'a;

/// Goes through a text as a module; what is wrong with it as far as compiling it tells.
pub(crate) fn text(
    vm: &mut Vm,
    world: &SharedWorld,
    module: &str,
    source: &Source,
    text: &str,
    look: &mut Look<'_>,
) -> Problems {
    world
        .borrow_mut()
        .sources
        .insert(source.name.clone(), Arc::from(text));
    let mut reading = slp::read(text, &ReadLimits::default());
    if !reading.faults.is_empty() {
        return problems_of(source, &reading.faults);
    }
    let tree = &mut reading.tree;
    load::promise(world, module, tree);
    let mut survey = Survey {
        vm,
        world,
        module,
        source,
        defines_macros: defines_macros(tree),
        problems: Problems::new(),
    };
    let mut waiting: Vec<NodeId> = top_forms(tree).into_iter().rev().collect();
    while let Some(form) = waiting.pop() {
        let spliced = survey.form(tree, form, look);
        waiting.extend(spliced.into_iter().rev());
    }
    survey.problems
}

/// Goes through a file as the module of its own name.
pub(crate) fn file(
    vm: &mut Vm,
    world: &SharedWorld,
    module: &str,
    path: &Path,
    look: &mut Look<'_>,
) -> Problems {
    let (source, whole) = match load::read_source(world, path) {
        Ok(read) => read,
        Err(problems) => return problems,
    };
    world.borrow_mut().loading.push(module.to_owned());
    let problems = text(vm, world, module, &source, &whole, look);
    world.borrow_mut().loading.pop();
    world.borrow_mut().module(module).loaded = true;
    problems
}

struct Survey<'a> {
    vm: &'a mut Vm,
    world: &'a SharedWorld,
    module: &'a str,
    source: &'a Source,
    defines_macros: bool,
    problems: Problems,
}

impl Survey<'_> {
    /// Looks at a form and makes known what it defines; the forms that stand in its place, when it is a block.
    fn form(&mut self, tree: &mut Tree, form: NodeId, look: &mut Look<'_>) -> Vec<NodeId> {
        let context = FormContext::new(self.module, &self.source.name);
        let asking = Asking {
            vm: self.vm,
            world: self.world.clone(),
        };
        look(Sight {
            source: self.source,
            tree,
            form,
            context,
            asking,
        });
        let mut asking = Asking {
            vm: self.vm,
            world: self.world.clone(),
        };
        match compile_form(tree, form, &context, &mut asking) {
            Err(faults) => {
                self.problems.extend(problems_of(self.source, &faults));
                self.define_unseen(tree, form);
            }
            Ok(TopForm::Splice(forms)) => return forms,
            Ok(TopForm::Instruction(instruction)) => self.instruction(tree, form, instruction, look),
            Ok(TopForm::Code { chunk, definitions }) => {
                if self.defines_macros && !definitions.is_empty() {
                    self.run_definition(chunk);
                }
                for definition in definitions {
                    load::define(self.world, self.module, definition);
                }
            }
        }
        Vec::new()
    }

    /// Makes known what a form with faults was meant to define, so that not every use of it is a fault too.
    fn define_unseen(&mut self, tree: &Tree, form: NodeId) {
        for (name, span) in defined_names(tree, &[form]) {
            let entry = Entry {
                span,
                ..Entry::default()
            };
            self.world.borrow_mut().module(self.module).define(&name, entry);
        }
    }

    fn instruction(&mut self, tree: &Tree, form: NodeId, instruction: Instruction, look: &mut Look<'_>) {
        let problems = match instruction {
            Instruction::Import(imports) => imports
                .into_iter()
                .flat_map(|(alias, path)| self.import(alias, &path, look))
                .collect(),
            other => load::obey(self.vm, self.world, self.module, self.source, other)
                .err()
                .unwrap_or_default(),
        };
        let place = Place {
            source: self.source.name.clone(),
            span: tree.span(form),
        };
        self.problems.extend(problems.into_iter().map(|mut problem| {
            problem.place.get_or_insert_with(|| place.clone());
            problem
        }));
    }

    fn import(&mut self, alias: String, path: &str, look: &mut Look<'_>) -> Problems {
        let (name, problems) = match load::locate(self.vm, self.world, self.source, path) {
            Err(problems) => return problems,
            Ok(Located::Known(name)) => (name, Problems::new()),
            Ok(Located::File { name, path }) => {
                let problems = file(self.vm, self.world, &name, &path, look);
                (name, problems)
            }
        };
        self.world
            .borrow_mut()
            .module(self.module)
            .imports
            .insert(alias, name);
        problems
    }

    /// Carries out a definition that a macro may need. What goes wrong in it is told by whoever runs the source.
    fn run_definition(&mut self, chunk: Chunk) {
        let limits = self.vm.limits();
        self.vm.set_limits(Limits {
            fuel: limits.fuel.min(DEFINITION_FUEL),
            ..limits
        });
        without_grants(self.vm, self.world, |vm| drop(load::run_chunk(vm, chunk)));
        self.vm.set_limits(limits);
    }
}

fn defines_macros(tree: &Tree) -> bool {
    top_forms(tree).iter().any(|form| {
        matches!(tree.kind(*form), NodeKind::Prefix(Prefix::Datum))
            && tree.children(*form).first().and_then(|child| tree.head(*child)) == Some("macro")
    })
}

fn problems_of(source: &Source, faults: &[Fault]) -> Problems {
    faults
        .iter()
        .map(|fault| Problem::from_fault(&source.name, fault))
        .collect()
}
