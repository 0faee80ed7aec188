//! The functions that look into values. None of them allocates or raises.

use crate::machine::{answer, installed, machine};
use crate::resource::KernelResource;
use std::ffi::c_void;
use sup_abi::kernel::{Bytes, Context, ResourceType};
use sup_abi::value_type::ValueType;
use sup_abi::word::{self, Immediate, NIL, Word};
use sup_vm::data::{self, Cursor};
use sup_vm::heap::Heap;
use sup_vm::names;
use sup_vm::object::{Kind, Obj, kind_of};

/// The type of a word.
fn value_type(word: Word) -> ValueType {
    if let Some(kind) = kind_of(word) {
        return of_object(word, kind);
    }
    if word::is_fixnum(word) {
        return ValueType::Int;
    }
    if word::is_flonum(word) {
        return ValueType::Real;
    }
    if word::is_short(word) {
        return ValueType::Str;
    }
    let is = |kind| word::is_immediate(word, kind);
    match word {
        word::TRUE | word::FALSE => ValueType::Bool,
        _ if is(Immediate::Symbol) => ValueType::Symbol,
        _ if is(Immediate::Keyword) => ValueType::Keyword,
        _ if is(Immediate::Path) => ValueType::Path,
        _ if is(Immediate::Primitive) => ValueType::Primitive,
        _ => ValueType::Nil,
    }
}

fn of_object(word: Word, kind: Kind) -> ValueType {
    match kind {
        Kind::Int => ValueType::Int,
        Kind::Real => ValueType::Real,
        Kind::Str | Kind::BigStr => ValueType::Str,
        Kind::Bytes | Kind::BigBytes => ValueType::Bytes,
        Kind::List | Kind::View => match data::list_kind(word) {
            Some(data::SQUARE) => ValueType::ListSquare,
            Some(data::BRACE) => ValueType::ListBrace,
            _ => ValueType::ListParen,
        },
        Kind::Map | Kind::MapView => ValueType::Map,
        Kind::Error => ValueType::Error,
        Kind::Instance => ValueType::Instance,
        Kind::Quoted => ValueType::Some,
        Kind::Datum => ValueType::Datum,
        Kind::Aberrant => ValueType::Aberrant,
        Kind::Array => ValueType::Array,
        Kind::Table => ValueType::Table,
        Kind::Buffer => ValueType::Buffer,
        Kind::Box => ValueType::Box,
        Kind::Closure => ValueType::Closure,
        Kind::Resource => ValueType::Resource,
        Kind::Fiber => ValueType::Fiber,
        Kind::Buf | Kind::Raw | Kind::Hash => ValueType::Nil,
    }
}

/// Looks at a value when the context is good.
fn look<T>(cx: *mut Context, out: *mut T, find: impl FnOnce() -> Option<T>) -> i32 {
    if machine(cx).is_none() {
        return 0;
    }
    answer(out, find())
}

/// Items of whatever has them in a row.
fn items(word: Word) -> Option<&'static [Word]> {
    data::list_items(word)
        .or_else(|| data::array_items(word))
        .or_else(|| data::instance_fields(word))
}

fn copy_out(found: &[Word], out: *mut Word, n_words: usize) -> i32 {
    let Some(found) = found.get(..n_words) else {
        return 0;
    };
    if n_words > 0 {
        // SAFETY: kernels pass a place for that many words.
        unsafe { out.copy_from_nonoverlapping(found.as_ptr(), n_words) };
    }
    1
}

pub unsafe extern "C" fn type_of(cx: *mut Context, word: Word) -> u32 {
    if machine(cx).is_none() {
        ValueType::Nil as u32
    } else {
        value_type(word) as u32
    }
}

pub unsafe extern "C" fn get_int(cx: *mut Context, word: Word, out: *mut i64) -> i32 {
    look(cx, out, || data::as_int(word))
}

pub unsafe extern "C" fn get_real(cx: *mut Context, word: Word, out: *mut f64) -> i32 {
    look(cx, out, || data::as_real(word))
}

pub unsafe extern "C" fn get_text(cx: *mut Context, place: *const Word, out: *mut Bytes) -> i32 {
    // SAFETY: kernels pass the place of a word, which outlives their use of the text.
    let word: &'static Word = unsafe { &*place };
    look(cx, out, || {
        data::text_of(word).map(|text| Bytes::of(text.as_bytes()))
    })
}

pub unsafe extern "C" fn get_bytes(cx: *mut Context, place: *const Word, out: *mut Bytes) -> i32 {
    // SAFETY: as for `get_text`.
    let word: &'static Word = unsafe { &*place };
    let found = || {
        data::text_of(word)
            .map(str::as_bytes)
            .or(data::bytes_of(word))
            .or_else(|| data::buffer_bytes(*word))
    };
    look(cx, out, || found().map(Bytes::of))
}

pub unsafe extern "C" fn get_name(cx: *mut Context, word: Word, out: *mut Bytes) -> i32 {
    let is_name = matches!(
        value_type(word),
        ValueType::Symbol | ValueType::Keyword | ValueType::Path
    );
    look(cx, out, || {
        is_name.then(|| Bytes::of(names::text(word::payload(word)).as_bytes()))
    })
}

pub unsafe extern "C" fn length(cx: *mut Context, word: Word, out: *mut usize) -> i32 {
    look(cx, out, || {
        let in_row = items(word).map(<[Word]>::len);
        let paired = || data::map_len(word).or_else(|| data::table_len(word));
        let bytes = || {
            data::bytes_of(&word)
                .map(<[u8]>::len)
                .or_else(|| data::buffer_bytes(word).map(<[u8]>::len))
        };
        in_row
            .or_else(paired)
            .or_else(|| data::text_len_chars(&word))
            .or_else(bytes)
    })
}

pub unsafe extern "C" fn list_at(cx: *mut Context, word: Word, index: usize, out: *mut Word) -> i32 {
    look(cx, out, || items(word)?.get(index).copied())
}

pub unsafe extern "C" fn list_items(cx: *mut Context, word: Word, out: *mut Word, n_items: usize) -> i32 {
    match items(word) {
        Some(items) if machine(cx).is_some() => copy_out(items, out, n_items),
        _ => 0,
    }
}

pub unsafe extern "C" fn map_get(cx: *mut Context, word: Word, key: Word, out: *mut Word) -> i32 {
    let Some(vm) = machine(cx) else { return 0 };
    let found = if data::is_map(word) {
        vm.map_get(word, key)
    } else if data::is_table(word) {
        vm.table_get(word, key)
    } else {
        Ok(data::error_get(word, key).or_else(|| data::instance_get(word, key)))
    };
    if found.is_err() {
        // A key that no map can have is in none.
        vm.pending = NIL;
    }
    answer(out, found.ok().flatten())
}

pub unsafe extern "C" fn map_pairs(cx: *mut Context, word: Word, out: *mut Word, n_pairs: usize) -> i32 {
    let Some(vm) = machine(cx) else { return 0 };
    let cursor = if data::is_map(word) {
        vm.map_cursor(word)
    } else if data::is_table(word) {
        vm.table_cursor(word)
    } else {
        return 0;
    };
    let Ok(cursor) = cursor else {
        vm.pending = NIL;
        return 0;
    };
    copy_out(&pairs_of(cursor, n_pairs), out, 2 * n_pairs)
}

fn pairs_of(cursor: Cursor, n_pairs: usize) -> Vec<Word> {
    cursor
        .take(n_pairs)
        .flat_map(|(key, value)| [key, value])
        .collect()
}

pub unsafe extern "C" fn inner(cx: *mut Context, word: Word, out: *mut Word) -> i32 {
    look(cx, out, || {
        data::prefixed_value(word)
            .map(|(_, value)| value)
            .or_else(|| data::unbox(word))
    })
}

pub unsafe extern "C" fn instance_name(cx: *mut Context, word: Word, out: *mut Bytes) -> i32 {
    look(cx, out, || {
        data::instance_type(word).map(|record| Bytes::of(record.name.as_bytes()))
    })
}

pub unsafe extern "C" fn callable(cx: *mut Context, word: Word) -> i32 {
    let is_function = matches!(value_type(word), ValueType::Closure | ValueType::Primitive);
    i32::from(machine(cx).is_some() && is_function)
}

pub unsafe extern "C" fn equal(cx: *mut Context, one: Word, other: Word) -> i32 {
    machine(cx).map_or(0, |vm| i32::from(vm.equal(one, other)))
}

pub unsafe extern "C" fn get_resource(
    cx: *mut Context,
    word: Word,
    wanted: *const ResourceType,
) -> *mut c_void {
    let obj = Obj::from_word(word).filter(|obj| machine(cx).is_some() && obj.kind() == Kind::Resource);
    let asker = machine(cx)
        .and_then(|vm| installed(vm))
        .map(|installed| &*installed.kernel);
    let resource = obj.and_then(|obj| Heap::resource_of(obj).as_any().downcast_ref::<KernelResource>());
    resource
        // SAFETY: kernels pass one of their types.
        .and_then(|resource| unsafe { resource.data_of(wanted, asker) })
        .unwrap_or(std::ptr::null_mut())
}
