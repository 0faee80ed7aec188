//! Error values, and what is known of functions.

use sup_abi::word::{Immediate, NIL, Word, is_immediate, payload};
use sup_code::Tail;

use super::BasePrimitive;
use super::arguments::{Arguments, mismatch};
use crate::base;
use crate::data::{count_word, is_keyword};
use crate::error::{Outcome, Raise, keyword};
use crate::primitives;
use crate::unit::FunctionMeta;
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!(
        "%error",
        "(code :keyword &opt message :str data cause) :error",
        1..Some(4),
        error
    ),
    base!("%arity", "(f :fn) :map", 1..Some(1), arity),
    base!("%fn-name", "(f :fn) :symbol?", 1..Some(1), function_name),
];

fn error(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    if !is_keyword(arguments[0]) {
        return Err(mismatch(vm, 0, "a :keyword", arguments[0]));
    }
    if arguments.given(1).is_some() {
        arguments.text(vm, 1)?;
    }
    let field = |index: usize| arguments.get(index).copied().unwrap_or(NIL);
    vm.error_of_fields([arguments[0], field(1), field(2), NIL, NIL, field(3)])
}

/// A function as an argument.
enum Callee {
    Closure(&'static FunctionMeta),
    Primitive(u32),
}

fn callee(vm: &mut Vm, word: Word) -> Result<Callee, Raise> {
    if is_immediate(word, Immediate::Primitive) {
        return Ok(Callee::Primitive(payload(word)));
    }
    match FunctionMeta::of_callee(word) {
        Some(meta) => Ok(Callee::Closure(meta)),
        None => Err(mismatch(vm, 0, "a :fn", word)),
    }
}

fn arity(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (min, max) = match callee(vm, arguments[0])? {
        Callee::Primitive(id) => {
            let entry = vm.primitive(id);
            (
                entry.min as usize,
                (entry.max != primitives::ANY_NUMBER).then_some(entry.max as usize),
            )
        }
        Callee::Closure(meta) => {
            let parameters = meta.function().parameters;
            let most = usize::from(parameters.n_required) + usize::from(parameters.n_optional);
            (
                usize::from(parameters.n_required),
                (parameters.tail == Tail::None).then_some(most),
            )
        }
    };
    let max = max.map_or(NIL, count_word);
    vm.new_map(&[keyword("min"), count_word(min), keyword("max"), max])
}

fn function_name(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let name = match callee(vm, arguments[0])? {
        Callee::Primitive(id) => primitives::name(id),
        Callee::Closure(meta) => &meta.function().name,
    };
    if name.is_empty() {
        Ok(NIL)
    } else {
        vm.intern(Immediate::Symbol, name)
    }
}
