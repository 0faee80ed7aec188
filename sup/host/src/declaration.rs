//! Declarations: what a `kernel.slp` beside a library says of it, how one is written, and how the two are
//! compared. Reading the text is the runtime's, which knows SLP.

use crate::error::LoadError;
use crate::kernel::{Kernel, PrimitiveInfo};
use crate::search::library_name;
use std::fmt::Write;
use sup_abi::kernel::{ABI_MAJOR, ABI_MINOR, flags};
use sup_abi::signature::{Evaluation, Passing, Signature};
use sup_abi::{capability, intrinsic};

/// Most differences that a message tells.
const MAX_DIFFERENCES: usize = 8;

/// What a declaration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declaration {
    /// The kernel's name.
    pub name: String,
    /// File name of the library.
    pub library: String,
    /// Hash of the library, when it says one.
    pub hash: Option<String>,
    /// The functions.
    pub functions: Vec<DeclaredFunction>,
}

/// A function of a declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredFunction {
    /// Its name.
    pub name: String,
    /// Parameters and result as a signature has them.
    pub signature: String,
    /// Names of its flags, when it says them.
    pub flags: Option<Vec<String>>,
    /// Name of its intrinsic, when it says one.
    pub intrinsic: Option<String>,
    /// Names of the capabilities that it needs, when it says them.
    pub capabilities: Option<Vec<String>>,
}

/// Compares a declaration with what the library has. The predecessor's declarations name functions and types
/// only; flags are compared where they are said.
///
/// # Errors
/// `LoadError::Declaration` with the differences.
pub fn compare(declared: &Declaration, kernel: &str, primitives: &[PrimitiveInfo]) -> Result<(), LoadError> {
    let mut differences = Vec::new();
    if declared.name != kernel {
        differences.push(format!("it declares {}, the library is {kernel}", declared.name));
    }
    for function in &declared.functions {
        match primitives
            .iter()
            .find(|primitive| primitive.name == function.name)
        {
            None => differences.push(format!("the library has no {}", function.name)),
            Some(primitive) => differences.extend(difference(function, primitive)),
        }
    }
    for primitive in primitives {
        if !declared
            .functions
            .iter()
            .any(|function| function.name == primitive.name)
        {
            differences.push(format!("{} is not declared", primitive.name));
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    let n_more = differences.len().saturating_sub(MAX_DIFFERENCES);
    differences.truncate(MAX_DIFFERENCES);
    if n_more > 0 {
        differences.push(format!("and {n_more} more"));
    }
    Err(LoadError::Declaration { differences })
}

fn difference(declared: &DeclaredFunction, primitive: &PrimitiveInfo) -> Option<String> {
    let name = &primitive.name;
    let has_signature =
        Signature::parse(&declared.signature).map(|signature| same(&signature, &primitive.signature));
    if has_signature != Ok(true) {
        return Some(format!(
            "{name} is declared {}, and is {}",
            declared.signature, primitive.signature_text
        ));
    }
    let has_flags = declared
        .flags
        .as_ref()
        .is_none_or(|names| *names == flag_names(primitive.flags));
    if !has_flags {
        return Some(format!(
            "{name} has other flags: {}",
            flag_names(primitive.flags).join(" ")
        ));
    }
    let capabilities = capability_names(primitive.capabilities);
    if declared
        .capabilities
        .as_ref()
        .is_some_and(|names| *names != capabilities)
    {
        return Some(format!("{name} says that it needs {}", capabilities.join(" ")));
    }
    let has_intrinsic =
        declared.intrinsic.is_none() || declared.intrinsic.as_deref() == intrinsic::name(primitive.intrinsic);
    (!has_intrinsic).then(|| format!("{name} has another intrinsic"))
}

/// Whether two signatures take and answer the same; names of parameters are documentation.
fn same(a: &Signature, b: &Signature) -> bool {
    let shape = |signature: &Signature| {
        let parameters = signature.parameters.iter();
        let parameters: Vec<(String, bool, Passing, Evaluation)> = parameters
            .map(|p| {
                (
                    p.value_type.name.clone(),
                    p.value_type.optional,
                    p.passing,
                    p.evaluation,
                )
            })
            .collect();
        (parameters, signature.result.clone())
    };
    shape(a) == shape(b)
}

/// Names of the flags that are set.
#[must_use]
pub fn flag_names(set: u32) -> Vec<String> {
    flags::NAMES
        .iter()
        .filter(|(bit, _)| set & bit != 0)
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

/// Names of what a primitive says of capabilities, as declarations write them.
#[must_use]
pub fn capability_names(said: u32) -> Vec<String> {
    let special = [(capability::NONE, "none"), (capability::ONE_OF, "one-of")];
    let special = special
        .iter()
        .filter(|(bit, _)| said & bit != 0)
        .map(|(_, name)| *name);
    special
        .chain(capability::names(said))
        .map(str::to_owned)
        .collect()
}

/// What names of capabilities say, if all are known.
#[must_use]
pub fn capabilities_named(names: &[String]) -> Option<u32> {
    names.iter().try_fold(0, |said, name| {
        let bit = match name.as_str() {
            "none" => capability::NONE,
            "one-of" => capability::ONE_OF,
            _ => capability::NAMES.iter().find(|(_, known)| known == name)?.0,
        };
        Some(said | bit)
    })
}

/// Writes the declaration of a loaded kernel.
#[must_use]
pub fn describe(kernel: &Kernel) -> String {
    let mut text = format!(
        "; Written by `sup kernel describe {}`; the table in the library is what counts.\n",
        kernel.name()
    );
    let library = library_name(kernel.name());
    let needs: Vec<String> = kernel.needs().iter().map(|need| quoted(need)).collect();
    let needs = if needs.is_empty() {
        String::new()
    } else {
        format!(" :needs {{{}}}", needs.join(" "))
    };
    let (version, abi) = (quoted(kernel.version()), format!("\"{ABI_MAJOR}.{ABI_MINOR}\""));
    writeln!(
        text,
        "#(define-kernel {} {} {{:version {version} :abi {abi}{needs}}} [",
        kernel.name(),
        quoted(&library)
    )
    .expect("a string takes everything");
    for primitive in kernel.primitives() {
        function(&mut text, primitive);
    }
    text.push_str("])\n");
    text
}

fn function(text: &mut String, primitive: &PrimitiveInfo) {
    let names = flag_names(primitive.flags);
    let intrinsic = intrinsic::name(primitive.intrinsic)
        .map(|name| format!(" :intrinsic {name}"))
        .unwrap_or_default();
    let capabilities = match primitive.capabilities {
        0 => String::new(),
        said => format!(" :capabilities {{{}}}", capability_names(said).join(" ")),
    };
    writeln!(
        text,
        "  (define-function {} {}\n    {}\n    {{:flags {{{}}}{intrinsic}{capabilities}}})",
        primitive.name,
        primitive.signature_text,
        quoted(&primitive.doc),
        names.join(" "),
    )
    .expect("a string takes everything");
}

/// A string literal; line ends stay as they are, since documentation has them.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    extern "C" fn nothing(
        _cx: *mut sup_abi::kernel::Context,
        _argc: u32,
        _argv: *const sup_abi::word::Word,
    ) -> sup_abi::word::Word {
        sup_abi::word::NIL
    }

    fn primitive(name: &str, signature: &str) -> PrimitiveInfo {
        PrimitiveInfo {
            name: name.to_owned(),
            signature_text: signature.to_owned(),
            signature: Signature::parse(signature).expect("reads"),
            doc: String::new(),
            flags: flags::PURE | flags::MT,
            intrinsic: 1,
            capabilities: 0,
            function: nothing,
        }
    }

    fn declared(functions: &[(&str, &str)]) -> Declaration {
        let functions = functions.iter().map(|(name, signature)| DeclaredFunction {
            name: (*name).to_owned(),
            signature: (*signature).to_owned(),
            flags: None,
            intrinsic: None,
            capabilities: None,
        });
        Declaration {
            name: "k".into(),
            functions: functions.collect(),
            ..Declaration::default()
        }
    }

    #[test]
    fn what_is_the_same_passes() {
        let primitives = [
            primitive("add", "(a :int &rest more :int) :int"),
            primitive("x", "('n) :any"),
        ];
        let mut declaration = declared(&[
            ("x", "('n :any) :any"),
            ("add", "(first :int others :int..) :int"),
        ]);
        assert_eq!(compare(&declaration, "k", &primitives), Ok(()));
        declaration.functions[0].flags = Some(vec!["pure".into(), "mt".into()]);
        declaration.functions[0].intrinsic = Some("add".into());
        assert_eq!(compare(&declaration, "k", &primitives), Ok(()));
        declaration.functions[0].flags = Some(vec!["pure".into()]);
        assert!(compare(&declaration, "k", &primitives).is_err());
    }

    #[test]
    fn what_differs_is_told() {
        let primitives = [primitive("add", "(a :int) :int"), primitive("other", "()")];
        let declaration = declared(&[("add", "(a :real) :int"), ("gone", "()")]);
        let error = compare(&declaration, "kernel", &primitives).expect_err("they differ");
        let text = error.to_string();
        for part in [
            "it declares k",
            "add is declared (a :real) :int",
            "no gone",
            "other is not declared",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
