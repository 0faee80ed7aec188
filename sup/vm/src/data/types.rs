//! Types: what a value is of, and annotations resolved so that a check is a few instructions.

use sup_abi::word::{Immediate, TAG_IMMEDIATE, TAG_SHORT, Word, is_fixnum, is_pointer};
use sup_code::{TypeBase, TypeSpec};

use super::records;
use crate::error::{Raise, keyword};
use crate::object::{Kind, Obj};
use crate::vm::Vm;

/// What a value is, as a small number: its kind for most objects, and those below.
type Class = u8;

const NIL_CLASS: Class = 32;
const BOOL: Class = 33;
const SYMBOL: Class = 34;
const KEYWORD: Class = 35;
const PATH: Class = 36;
const PRIMITIVE: Class = 37;
const INT: Class = 38;
const REAL: Class = 39;
const STR: Class = 40;
/// Lists by their kind: this and the next two.
const LIST: Class = 41;
const UNKNOWN: Class = 63;

/// The classes of a row of kinds and classes, as a set of bits.
const fn set(kinds: &[Kind], classes: &[Class]) -> u64 {
    let mut bits = 0;
    let mut next = 0;
    while next < kinds.len() {
        bits |= 1 << kinds[next] as u64;
        next += 1;
    }
    next = 0;
    while next < classes.len() {
        bits |= 1 << classes[next];
        next += 1;
    }
    bits
}

#[inline]
fn class_of(word: Word) -> Class {
    if is_pointer(word) {
        let header = Obj::from_word(word)
            .expect("it was just found to be a pointer")
            .header();
        return match header.kind() {
            Kind::List | Kind::View => LIST + header.subkind(),
            kind => kind as Class,
        };
    }
    if is_fixnum(word) {
        return INT;
    }
    match word & 7 {
        TAG_SHORT => STR,
        TAG_IMMEDIATE => class_of_immediate(word),
        _ => REAL,
    }
}

#[inline(always)]
fn class_of_immediate(word: Word) -> Class {
    const CLASSES: [Class; 32] = {
        let mut classes = [UNKNOWN; 32];
        classes[Immediate::Nil as usize] = NIL_CLASS;
        classes[Immediate::False as usize] = BOOL;
        classes[Immediate::True as usize] = BOOL;
        classes[Immediate::Symbol as usize] = SYMBOL;
        classes[Immediate::Keyword as usize] = KEYWORD;
        classes[Immediate::Path as usize] = PATH;
        classes[Immediate::Primitive as usize] = PRIMITIVE;
        classes
    };
    CLASSES[(word >> 3) as usize & 31]
}

/// The classes that a type takes in. Form instances are brace lists too, and functions count as aberrant, since the
/// predecessor's were.
const fn classes(base: &TypeBase) -> u64 {
    match base {
        TypeBase::Any => u64::MAX,
        TypeBase::None => set(&[], &[NIL_CLASS]),
        TypeBase::Int => set(&[Kind::Int], &[INT]),
        TypeBase::Real => set(&[Kind::Real], &[REAL]),
        TypeBase::Bool => set(&[], &[BOOL]),
        TypeBase::Str => set(&[Kind::Str, Kind::BigStr], &[STR]),
        TypeBase::Bytes => set(&[Kind::Bytes, Kind::BigBytes], &[]),
        TypeBase::Symbol => set(&[], &[SYMBOL]),
        TypeBase::Keyword => set(&[], &[KEYWORD]),
        TypeBase::Path => set(&[], &[PATH]),
        TypeBase::List => set(&[Kind::Instance], &[LIST, LIST + 1, LIST + 2]),
        TypeBase::ListParen => set(&[], &[LIST]),
        TypeBase::ListSquare => set(&[], &[LIST + 1]),
        TypeBase::ListBrace => set(&[Kind::Instance], &[LIST + 2]),
        TypeBase::Map => set(&[Kind::Map, Kind::MapView], &[]),
        TypeBase::Array => set(&[Kind::Array], &[]),
        TypeBase::Table => set(&[Kind::Table], &[]),
        TypeBase::Buffer => set(&[Kind::Buffer], &[]),
        TypeBase::Box => set(&[Kind::Box], &[]),
        TypeBase::Fn => set(&[Kind::Closure], &[PRIMITIVE]),
        TypeBase::Error => set(&[Kind::Error], &[]),
        TypeBase::Some => set(&[Kind::Quoted], &[]),
        TypeBase::Datum => set(&[Kind::Datum], &[]),
        TypeBase::Aberrant => set(&[Kind::Aberrant, Kind::Closure], &[PRIMITIVE]),
        TypeBase::Resource => set(&[Kind::Resource], &[]),
        TypeBase::Fiber => set(&[Kind::Fiber], &[]),
        TypeBase::Form(_) => set(&[Kind::Instance], &[]),
    }
}

/// A type as the machine checks it.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedType {
    classes: u64,
    /// The tags of words that are of the type whatever else they say, as a set of bits that repeats every 8 tags.
    tags: u32,
    /// Number of the record type's name; instances must be of it.
    record: Option<u32>,
    spec: TypeSpec,
}

impl LoadedType {
    /// Resolves an annotation. A record type need not be defined yet.
    #[must_use]
    pub fn new(spec: &TypeSpec) -> LoadedType {
        let nil = if spec.optional { set(&[], &[NIL_CLASS]) } else { 0 };
        let record = match &spec.base {
            TypeBase::Form(name) => Some(records::id(name)),
            _ => None,
        };
        let classes = classes(&spec.base) | nil;
        let of_tag = |class: Class, tags: u32| if (classes >> class) & 1 == 0 { 0 } else { tags };
        let tags =
            of_tag(INT, 1 << 2 | 1 << 6) | of_tag(REAL, 1 | 1 << 3 | 1 << 4) | of_tag(STR, 1 << TAG_SHORT);
        LoadedType {
            classes,
            tags: tags * 0x0101_0101,
            record,
            spec: spec.clone(),
        }
    }

    /// Whether the tag alone tells that the word is of the type.
    #[inline(always)]
    #[must_use]
    pub fn holds_by_tag(&self, word: Word) -> bool {
        (self.tags >> (word as u32 & 31)) & 1 != 0
    }

    /// Whether the word is of the type.
    #[inline]
    #[must_use]
    pub fn holds(&self, word: Word) -> bool {
        if (self.classes >> class_of(word)) & 1 == 0 {
            return false;
        }
        match self.record {
            None => true,
            Some(id) => records::instance_type(word).is_none_or(|record| record.id == id),
        }
    }

    /// The type as it was written.
    #[must_use]
    pub fn spec(&self) -> &TypeSpec {
        &self.spec
    }

    /// Its name with a colon, and a question mark when nil is of it too.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.spec.base.name();
        let short = name.rsplit('/').next().unwrap_or(name);
        format!(":{short}{}", if self.spec.optional { "?" } else { "" })
    }
}

/// The name of a value's type, with a colon; of an instance its form's.
#[must_use]
pub fn type_name(word: Word) -> &'static str {
    match class_of(word) {
        NIL_CLASS => ":none",
        BOOL => ":bool",
        SYMBOL => ":symbol",
        KEYWORD => ":keyword",
        PATH => ":path",
        PRIMITIVE => ":fn",
        INT => ":int",
        REAL => ":real",
        STR => ":str",
        LIST => ":list-p",
        class if class == LIST + 1 => ":list-b",
        class if class == LIST + 2 => ":list-c",
        _ => object_type_name(word),
    }
}

fn object_type_name(word: Word) -> &'static str {
    let Some(obj) = Obj::from_word(word) else {
        return ":any";
    };
    match obj.kind() {
        Kind::Int => ":int",
        Kind::Real => ":real",
        Kind::Str | Kind::BigStr => ":str",
        Kind::Bytes | Kind::BigBytes => ":bytes",
        Kind::List | Kind::View => ":list",
        Kind::Map | Kind::MapView => ":map",
        Kind::Error => ":error",
        Kind::Instance => records::type_of(obj).short_name,
        Kind::Quoted => ":some",
        Kind::Datum => ":datum",
        Kind::Aberrant => ":aberrant",
        Kind::Array => ":array",
        Kind::Table => ":table",
        Kind::Buffer => ":buffer",
        Kind::Box => ":box",
        Kind::Closure => ":fn",
        Kind::Resource => ":resource",
        Kind::Fiber => ":fiber",
        Kind::Buf | Kind::Raw | Kind::Hash => ":any",
    }
}

/// The keyword that names a value's type.
#[must_use]
pub fn type_keyword(word: Word) -> Word {
    match records::instance_type(word) {
        Some(record) => record.keyword,
        None => keyword(&type_name(word)[1..]),
    }
}

impl Vm {
    /// Whether the word is of the type.
    #[must_use]
    #[inline]
    pub fn is_type(&self, word: Word, wanted: &LoadedType) -> bool {
        wanted.holds(word)
    }

    /// Checks that the word is of the type.
    ///
    /// # Errors
    /// `type/mismatch`.
    #[inline]
    pub fn check_type(&mut self, word: Word, wanted: &LoadedType) -> Result<(), Raise> {
        if wanted.holds(word) {
            Ok(())
        } else {
            Err(self.type_mismatch(&wanted.name(), word))
        }
    }

    /// The name of a value's type, with a colon.
    #[must_use]
    pub fn type_name(&self, word: Word) -> &'static str {
        type_name(word)
    }

    /// Raises `type/mismatch`; the data is what was found.
    #[cold]
    pub fn type_mismatch(&mut self, expected: &str, found: Word) -> Raise {
        let message = format!("expected {expected}, got {}", type_name(found));
        self.raise_data("type/mismatch", &message, found)
    }
}
