//! What is known of a name: of the language's words, the standard library, kernels, and the sources that were loaded.

pub mod forms;
pub mod written;

use std::path::Path;
use std::sync::Arc;

use crate::kernels;
use crate::load;
use crate::modules::PrimitiveInfo;
use crate::resolve::nearest;
use crate::runtime::Runtime;
use crate::world::CORE;
use written::{Kind, Page, Written};

/// What is known of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doc {
    /// The name as programs write it.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// How it is written in a program: `(str/upper s :str) :str`.
    pub shape: String,
    /// What it does.
    pub text: String,
    /// Forms and what they give, one in a line.
    pub examples: Vec<String>,
    /// Where it comes from: `the language`, `core`, `kernel alu`, a file.
    pub origin: String,
    /// The version that it is there since.
    pub since: Option<String>,
}

/// A module or kernel in a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What it is for, in a line.
    pub summary: String,
}

impl Runtime {
    /// What is known of a name as a module sees it.
    ///
    /// # Errors
    /// Names that may have been meant, when there is none of this name.
    pub fn doc(&mut self, module: &str, name: &str) -> Result<Doc, Vec<String>> {
        let found = self.doc_of_own(module, name).or_else(|| doc_of_form(name));
        match found
            .or_else(|| self.doc_of_library(name))
            .or_else(|| self.doc_of_primitive(name))
        {
            Some(doc) => Ok(doc),
            None => Err(nearest(name, self.known_names(module))),
        }
    }

    /// The modules of the standard library.
    #[must_use]
    pub fn library_modules(&self) -> Vec<Listed> {
        sup_stdlib::MODULES
            .iter()
            .map(|(name, text)| Listed {
                name: (*name).to_owned(),
                summary: Page::read(text).summary,
            })
            .collect()
    }

    /// What a module of the standard library, or a kernel, gives: each name with the first line of its doc string. A slash may
    /// follow the name, to tell the module `str` from the function.
    #[must_use]
    pub fn names_of(&mut self, module: &str) -> Option<Vec<Listed>> {
        let module = module.strip_suffix('/').unwrap_or(module);
        if let Some(text) = sup_stdlib::source(module) {
            let page = Page::read(text);
            let shown = page
                .definitions
                .iter()
                .filter(|definition| page.shows(&definition.name));
            return Some(
                shown
                    .map(|definition| listed(&qualified(module, &definition.name), definition))
                    .collect(),
            );
        }
        self.ensure_kernel(module);
        let world = self.world.borrow();
        let prefix = format!("{module}/");
        let mut names: Vec<Listed> = world
            .primitives
            .iter()
            .filter(|(name, _)| name.starts_with(&prefix))
            .map(|(name, info)| Listed {
                name: name.clone(),
                summary: first_line(&info.doc),
            })
            .collect();
        names.sort_by(|a, b| a.name.cmp(&b.name));
        (!names.is_empty()).then_some(names)
    }

    /// Every name that code of a module can use, loaded or not, for completion.
    #[must_use]
    pub fn known_names(&self, module: &str) -> Vec<String> {
        let mut names = self.world.borrow().visible_names(module);
        names.extend(library_names());
        names.sort();
        names.dedup();
        names
    }

    /// What a source that is not loaded says of a name; the name may have the source's own in front: `shapes/area`.
    #[must_use]
    pub fn doc_in_file(&self, file: &Path, name: &str) -> Option<Doc> {
        let stem = file.file_stem()?.to_str()?;
        let plain = name
            .strip_prefix(stem)
            .and_then(|rest| rest.strip_prefix('/'))
            .unwrap_or(name);
        let text = std::fs::read_to_string(file).ok()?;
        let page = Page::read(&text);
        let definition = page.definition(plain)?;
        Some(self.doc_of_written(plain, definition, file.display().to_string(), page.since.clone()))
    }

    /// Definitions of the sources that the module's names came from.
    fn doc_of_own(&mut self, module: &str, name: &str) -> Option<Doc> {
        let (target, plain) = {
            let world = self.world.borrow();
            let own = world.modules.get(module)?;
            match name.rsplit_once('/') {
                Some((alias, plain)) if own.imports.contains_key(alias) => {
                    (own.imports[alias].clone(), plain)
                }
                _ if own.entries.contains_key(name) || own.macros.contains_key(name) => {
                    (module.to_owned(), name)
                }
                _ => return None,
            }
        };
        for (source, text) in self.sources_of(&target) {
            let page = Page::read(&text);
            if let Some(definition) = page.definition(plain) {
                return Some(self.doc_of_written(name, definition, source, page.since.clone()));
            }
        }
        None
    }

    /// The sources that may define names of a module, the newest prompt first.
    fn sources_of(&self, module: &str) -> Vec<(String, Arc<str>)> {
        let world = self.world.borrow();
        let mut found: Vec<(String, Arc<str>)> = world
            .sources
            .iter()
            .filter(|(source, _)| !source.starts_with("std:") && is_source_of(source, module))
            .map(|(source, text)| (source.clone(), text.clone()))
            .collect();
        found.sort_by_key(|(source, _)| std::cmp::Reverse((source.len(), source.clone())));
        found
    }

    fn doc_of_library(&self, name: &str) -> Option<Doc> {
        let (module, plain) = match name.rsplit_once('/') {
            Some((module, plain)) if load::is_standard(module) => (module, plain),
            _ => (CORE, name),
        };
        let page = Page::read(sup_stdlib::source(module)?);
        let definition = page.definition(plain).filter(|_| page.shows(plain))?;
        Some(self.doc_of_written(
            &qualified(module, plain),
            definition,
            module.to_owned(),
            page.since.clone(),
        ))
    }

    fn doc_of_primitive(&mut self, name: &str) -> Option<Doc> {
        if let Some((kernel, _)) = name.rsplit_once('/') {
            self.ensure_kernel(kernel);
        }
        let world = self.world.borrow();
        let full = world.everyday.get(name).map_or(name, String::as_str);
        let info = world.primitives.get(full)?;
        let origin = match full.split_once('/') {
            Some((kernel, _)) if !full.starts_with('%') => format!("kernel {kernel}"),
            _ => "the machine".to_owned(),
        };
        let (text, examples) = split_examples(&info.doc);
        let shape = shape(name, Some(&info.signature));
        Some(Doc {
            name: name.to_owned(),
            kind: Kind::Function,
            shape,
            text,
            examples,
            origin,
            since: None,
        })
    }

    /// Loads a kernel if there is one of that name; its functions are then known.
    fn ensure_kernel(&mut self, name: &str) {
        if !load::is_standard(name) {
            drop(kernels::load(
                &mut self.vm,
                &self.world,
                name,
                kernels::Asker::Program,
            ));
        }
    }

    fn doc_of_written(&self, name: &str, definition: &Written, origin: String, since: Option<String>) -> Doc {
        let target = definition
            .alias
            .as_deref()
            .and_then(|alias| self.primitive(alias));
        let (text, examples) = split_examples(definition.doc.as_deref().unwrap_or_default());
        let (kind, parameters) = match &target {
            Some(primitive) => (Kind::Function, Some(primitive.signature.clone())),
            None => (definition.kind, definition.parameters.clone()),
        };
        let shape = match kind {
            Kind::Record => format!(":{name} {}", parameters.unwrap_or_default()),
            Kind::Function | Kind::Macro => shape(name, parameters.as_deref()),
            Kind::Value | Kind::Form => name.to_owned(),
        };
        Doc {
            name: name.to_owned(),
            kind,
            shape,
            text,
            examples,
            origin,
            since,
        }
    }

    fn primitive(&self, name: &str) -> Option<PrimitiveInfo> {
        let world = self.world.borrow();
        let full = world.everyday.get(name).map_or(name, String::as_str);
        world.primitives.get(full).cloned()
    }
}

/// The words of the language and every name of the standard library, as programs write them.
#[must_use]
pub fn library_names() -> Vec<String> {
    let mut names: Vec<String> = forms::FORMS.iter().map(|form| form.name.to_owned()).collect();
    for (library, text) in sup_stdlib::MODULES {
        let page = Page::read(text);
        let shown = page
            .definitions
            .iter()
            .filter(|definition| page.shows(&definition.name));
        names.extend(shown.map(|definition| qualified(library, &definition.name)));
    }
    names
}

/// Whether a source's text may define names of a module: prompts, evaluations and files fill `main`; a file's module has its path.
fn is_source_of(source: &str, module: &str) -> bool {
    if module == crate::world::MAIN {
        return true;
    }
    source == module || module.ends_with(source.trim_start_matches("./"))
}

fn doc_of_form(name: &str) -> Option<Doc> {
    let form = forms::find(name)?;
    Some(Doc {
        name: name.to_owned(),
        kind: Kind::Form,
        shape: form.shape.to_owned(),
        text: form.doc.to_owned(),
        examples: Some(form.example.to_owned())
            .filter(|example| !example.is_empty())
            .into_iter()
            .collect(),
        origin: "the language".to_owned(),
        since: None,
    })
}

/// The name as programs write it: those of core stand alone.
fn qualified(module: &str, name: &str) -> String {
    if module == CORE {
        name.to_owned()
    } else {
        format!("{module}/{name}")
    }
}

/// `(name a :int) :int`, from the name and `(a :int) :int`.
fn shape(name: &str, parameters: Option<&str>) -> String {
    match parameters.and_then(|text| text.strip_prefix('(')) {
        Some(")") => format!("({name})"),
        Some(rest) if rest.starts_with(')') => format!("({name}{rest}"),
        Some(rest) => format!("({name} {rest}"),
        None => name.to_owned(),
    }
}

/// A doc string's sentences, and the lines in it that are examples.
fn split_examples(doc: &str) -> (String, Vec<String>) {
    let lines = doc.lines().map(str::trim);
    let (examples, text): (Vec<&str>, Vec<&str>) =
        lines.partition(|line| line.contains(";=>") || line.contains(";!!"));
    (
        text.join("\n").trim().to_owned(),
        examples.into_iter().map(str::to_owned).collect(),
    )
}

fn listed(name: &str, definition: &Written) -> Listed {
    Listed {
        name: name.to_owned(),
        summary: first_line(definition.doc.as_deref().unwrap_or_default()),
    }
}

fn first_line(doc: &str) -> String {
    doc.lines().next().unwrap_or_default().trim().to_owned()
}
