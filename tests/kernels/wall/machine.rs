//! A machine with kernels, as a test uses it: calls by name, answers as text.

use crate::build;
use std::path::Path;
use std::sync::Arc;
use sup_abi::word::{Immediate, Word, immediate, payload};
use sup_host::{Found, Kernel, LoadError, Loader, SearchPath, Services};
use sup_vm::vm::{Limits, Vm};
use sup_vm::{data, names, primitives};

/// A loader that looks nowhere.
pub fn loader() -> Loader {
    Loader::new(SearchPath::default(), build::scratch(), Arc::default())
}

/// Loads a library by its path.
pub fn load(library: &Path) -> Result<Arc<Kernel>, LoadError> {
    loader().load(&Found::file(library), None)
}

/// A machine that has these kernels.
pub fn machine(kernels: &[&Arc<Kernel>], services: Services) -> Box<Vm> {
    let mut vm = Vm::new(Limits::generous());
    sup_host::attach(&mut vm, services);
    for kernel in kernels {
        sup_host::install(&mut vm, kernel);
    }
    vm
}

/// Arguments of a call, made in the machine.
pub enum Argument<'a> {
    Int(i64),
    Real(f64),
    Str(&'a str),
    Symbol(&'a str),
    Keyword(&'a str),
    Path(&'a str),
    Primitive(&'a str),
    List(Vec<Argument<'a>>),
    Word(Word),
}

fn named(kind: Immediate, text: &str) -> Word {
    immediate(kind, names::intern(text))
}

/// The word of an argument.
pub fn word(vm: &mut Vm, argument: &Argument<'_>) -> Word {
    match argument {
        Argument::Int(value) => vm.new_int(*value).expect("has memory"),
        Argument::Real(value) => vm.new_real(*value).expect("has memory"),
        Argument::Str(text) => vm.new_str(text).expect("has memory"),
        Argument::Symbol(name) => named(Immediate::Symbol, name),
        Argument::Keyword(name) => named(Immediate::Keyword, name),
        Argument::Path(text) => named(Immediate::Path, text),
        Argument::Primitive(name) => primitives::value(primitives::id(name)),
        Argument::List(elements) => {
            let words: Vec<Word> = elements.iter().map(|element| word(vm, element)).collect();
            vm.new_list(data::BRACE, &words).expect("has memory")
        }
        Argument::Word(word) => *word,
    }
}

/// Calls a primitive; the word that it answers, or the error value that it raises.
pub fn call_word(vm: &mut Vm, name: &str, arguments: &[Argument<'_>]) -> Result<Word, Word> {
    let words: Vec<Word> = arguments.iter().map(|argument| word(vm, argument)).collect();
    let function = primitives::value(primitives::id(name));
    vm.call(function, &words).map_err(|raise| vm.take_error(raise))
}

/// Calls a primitive; its answer as it reads back, or the code of the error that it raises.
pub fn call(vm: &mut Vm, name: &str, arguments: &[Argument<'_>]) -> String {
    match call_word(vm, name, arguments) {
        Ok(word) => vm.repr(word),
        Err(error) => {
            let code = data::error_field(error, sup_vm::error::field::CODE).expect("is an error value");
            format!("raises {}", names::text(payload(code)))
        }
    }
}

/// Text of the message of the error that a call raises.
pub fn message(vm: &mut Vm, name: &str, arguments: &[Argument<'_>]) -> String {
    let error = call_word(vm, name, arguments).expect_err("the call raises");
    let message = data::error_field(error, sup_vm::error::field::MESSAGE).expect("is an error value");
    vm.display(message)
}
