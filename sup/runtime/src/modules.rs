//! Modules: the names that a source defines, exports and imports.

use std::collections::HashMap;

use sup_code::Parameters;
use sup_compile::Signature;

/// One name of a module.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Its doc string.
    pub doc: Option<String>,
    /// Parameters, when it was defined as a function.
    pub parameters: Option<Parameters>,
    /// Types of parameters and result.
    pub signature: Option<Signature>,
    /// The primitive that it is another name for.
    pub alias: Option<String>,
    /// Where it was defined.
    pub span: slp::Span,
    /// The place among its module's waiting code of what gives it its value, when it came out of the image.
    pub waiting: Option<usize>,
}

/// A macro.
#[derive(Clone, Debug)]
pub struct Macro {
    /// Its doc string.
    pub doc: Option<String>,
    /// Its function.
    pub function: MacroFunction,
}

/// The function of a macro.
#[derive(Clone, Debug)]
pub enum MacroFunction {
    /// It is there, at this place among what the world keeps alive.
    Made(usize),
    /// It is made when it is first called, by this code of the image.
    Waiting(&'static [u8]),
    /// It is made when it is first called in an isolate, by this code of a stored file.
    Stored(std::sync::Arc<crate::releases::Piece>),
}

/// A module.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// What it defines.
    pub entries: HashMap<String, Entry>,
    /// In the order of definition.
    pub order: Vec<String>,
    /// Names that forms not yet compiled will define.
    pub promised: Vec<String>,
    /// Its macros.
    pub macros: HashMap<String, Macro>,
    /// Alias to full module name.
    pub imports: HashMap<String, String>,
    /// What importers see; nothing means every definition.
    pub exports: Option<Vec<String>>,
    /// Its record types.
    pub records: Vec<String>,
    /// Parameters of the function that a stored text's value is.
    pub value_parameters: Option<Parameters>,
    /// Code of the image that was not carried out yet, each piece taken when a name that it defines is wanted.
    pub waiting: Vec<Option<&'static [u8]>>,
    /// Whether core's names are visible.
    pub bare: bool,
    /// Whether it has been loaded to its end.
    pub loaded: bool,
}

impl Module {
    /// Whether importers see that name.
    #[must_use]
    pub fn shows(&self, name: &str) -> bool {
        let defined = self.entries.contains_key(name) || self.macros.contains_key(name);
        defined
            && self
                .exports
                .as_ref()
                .is_none_or(|exports| exports.iter().any(|export| export == name))
    }

    /// Adds or replaces a definition.
    pub fn define(&mut self, name: &str, entry: Entry) {
        if self.entries.insert(name.to_owned(), entry).is_none() {
            self.order.push(name.to_owned());
        }
        self.macros.remove(name);
    }
}

/// A primitive as the compiler and documentation see it.
#[derive(Clone, Debug)]
pub struct PrimitiveInfo {
    /// Least number of arguments.
    pub min: u8,
    /// Largest number of arguments, if there is one.
    pub max: Option<u8>,
    /// Bit i is set when argument i is handed over unevaluated.
    pub quoted: u32,
    /// Intrinsic id.
    pub intrinsic: u32,
    /// Parameters and result as text.
    pub signature: String,
    /// What it does.
    pub doc: String,
    /// Whether it is visible without its kernel's name.
    pub everyday: bool,
    /// What an isolate must have of `sup_abi::capability` for it.
    pub needs: u32,
    /// Whether what it needs was decided: its table says it, or it is pure.
    pub is_decided: bool,
}
