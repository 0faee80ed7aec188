//! Questions about any value: what it is, and how two of them compare.

use std::cmp::Ordering;

use sup_abi::word::{FALSE, Immediate, NIL, TRUE, Word, boolean, fixnum, is_falsy, is_immediate};

use super::{BasePrimitive, sequence};
use crate::base;
use crate::data::{is_bytes, is_int, is_list, is_map, is_number, is_real, is_str};
use crate::error::Outcome;
use crate::object::{Kind, kind_of};
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%nil?", "(x) :bool", 1..Some(1), is_nil),
    base!("%bool?", "(x) :bool", 1..Some(1), is_bool),
    base!("%int?", "(x) :bool", 1..Some(1), int),
    base!("%real?", "(x) :bool", 1..Some(1), real),
    base!("%num?", "(x) :bool", 1..Some(1), num),
    base!("%str?", "(x) :bool", 1..Some(1), str),
    base!("%bytes?", "(x) :bool", 1..Some(1), bytes),
    base!("%symbol?", "(x) :bool", 1..Some(1), symbol),
    base!("%keyword?", "(x) :bool", 1..Some(1), keyword),
    base!("%path?", "(x) :bool", 1..Some(1), path),
    base!("%list?", "(x) :bool", 1..Some(1), list),
    base!("%map?", "(x) :bool", 1..Some(1), map),
    base!("%error?", "(x) :bool", 1..Some(1), error),
    base!("%fn?", "(x) :bool", 1..Some(1), function),
    base!("%array?", "(x) :bool", 1..Some(1), array),
    base!("%table?", "(x) :bool", 1..Some(1), table),
    base!("%buffer?", "(x) :bool", 1..Some(1), buffer),
    base!("%box?", "(x) :bool", 1..Some(1), boxed),
    base!("%some?", "(x) :bool", 1..Some(1), some),
    base!("%datum?", "(x) :bool", 1..Some(1), datum),
    base!("%aberrant?", "(x) :bool", 1..Some(1), aberrant),
    base!("%form?", "(x) :bool", 1..Some(1), form),
    base!("%resource?", "(x) :bool", 1..Some(1), resource),
    base!("%fiber?", "(x) :bool", 1..Some(1), fiber),
    base!("%seqable?", "(x) :bool", 1..Some(1), seqable),
    base!("%type", "(x) :keyword", 1..Some(1), type_of),
    base!("%not", "(x) :bool", 1..Some(1), not),
    base!("%identical?", "(a b) :bool", 2..Some(2), identical),
    base!("%same?", "(a b) :bool", 2..Some(2), same),
    base!("%compare", "(a b) :int", 2..Some(2), compare),
    base!("%hash", "(x) :int", 1..Some(1), hash),
];

/// Natives that ask one question about one word.
macro_rules! questions {
    ($($function:ident($word:ident) = $holds:expr;)*) => {
        $(fn $function(_vm: &mut Vm, arguments: &[Word]) -> Outcome {
            let $word = arguments[0];
            Ok(boolean($holds))
        })*
    };
}

questions! {
    is_nil(word) = word == NIL;
    is_bool(word) = word == TRUE || word == FALSE;
    int(word) = is_int(word);
    real(word) = is_real(word);
    num(word) = is_number(word);
    str(word) = is_str(word);
    bytes(word) = is_bytes(word);
    symbol(word) = is_immediate(word, Immediate::Symbol);
    keyword(word) = is_immediate(word, Immediate::Keyword);
    path(word) = is_immediate(word, Immediate::Path);
    list(word) = is_list(word);
    map(word) = is_map(word);
    error(word) = kind_of(word) == Some(Kind::Error);
    function(word) = is_immediate(word, Immediate::Primitive) || kind_of(word) == Some(Kind::Closure);
    array(word) = kind_of(word) == Some(Kind::Array);
    table(word) = kind_of(word) == Some(Kind::Table);
    buffer(word) = kind_of(word) == Some(Kind::Buffer);
    boxed(word) = kind_of(word) == Some(Kind::Box);
    some(word) = kind_of(word) == Some(Kind::Quoted);
    datum(word) = kind_of(word) == Some(Kind::Datum);
    aberrant(word) = kind_of(word) == Some(Kind::Aberrant);
    form(word) = kind_of(word) == Some(Kind::Instance);
    resource(word) = kind_of(word) == Some(Kind::Resource);
    fiber(word) = kind_of(word) == Some(Kind::Fiber);
    seqable(word) = sequence::is_seqable(word);
    not(word) = is_falsy(word);
}

fn type_of(_vm: &mut Vm, arguments: &[Word]) -> Outcome {
    Ok(crate::data::types::type_keyword(arguments[0]))
}

fn identical(_vm: &mut Vm, arguments: &[Word]) -> Outcome {
    Ok(boolean(arguments[0] == arguments[1]))
}

fn same(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    Ok(boolean(vm.equal(arguments[0], arguments[1])))
}

fn compare(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let order = vm.compare(arguments[0], arguments[1])?;
    let sign = match order {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    };
    Ok(small(sign))
}

fn hash(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let hash = vm.hash(arguments[0])?;
    Ok(small((hash >> 4) as i64 ^ (hash & 15) as i64))
}

fn small(value: i64) -> Word {
    fixnum(value).expect("61 bits fit")
}
