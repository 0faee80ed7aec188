//! The fake host's heap: boxes that live until the host is dropped.

use super::data::Data;
use std::ffi::{CStr, c_void};
use sup_abi::kernel::ResourceType;
use sup_abi::value_type::{ListKind, ValueType};
use sup_abi::word::{self, Immediate, Word};

/// An object behind a pointer word.
pub(super) enum Object {
    Int(i64),
    Real(f64),
    Str(String),
    Bytes(Vec<u8>),
    List(ListKind, Vec<Word>),
    Map(Vec<(Word, Word)>),
    Some(Word),
    Error {
        code: String,
        message: String,
        data: Word,
    },
    Function(usize),
    Resource(*const ResourceType, *mut c_void),
    Promise(u64),
}

/// Objects and names. Objects are boxed because their addresses are values.
#[derive(Default)]
#[allow(clippy::vec_box)]
pub(super) struct Heap {
    objects: Vec<Box<Object>>,
    names: Vec<&'static str>,
}

impl Heap {
    /// Puts an object into the heap.
    pub(super) fn object(&mut self, object: Object) -> Word {
        let object = Box::new(object);
        let word = std::ptr::from_ref(&*object) as u64 | word::TAG_POINTER;
        self.objects.push(object);
        word
    }

    /// The object of a pointer word.
    pub(super) fn get(&self, word: Word) -> Option<&Object> {
        if !word::is_pointer(word) {
            return None;
        }
        let address = (word & !7) as *const Object;
        let found = self
            .objects
            .iter()
            .find(|object| std::ptr::eq(&raw const ***object, address));
        found.map(|object| &**object)
    }

    /// The immediate of a name.
    pub(super) fn name(&mut self, kind: Immediate, text: &str) -> Word {
        let found = self.names.iter().position(|known| *known == text);
        let index = found.unwrap_or_else(|| {
            self.names.push(Box::leak(text.into()));
            self.names.len() - 1
        });
        word::immediate(kind, index as u32)
    }

    /// The text of a symbol, keyword or path.
    pub(super) fn text_of_name(&self, word: Word) -> Option<&'static str> {
        let kinds = [Immediate::Symbol, Immediate::Keyword, Immediate::Path];
        let is_name = kinds.iter().any(|kind| word::is_immediate(word, *kind));
        is_name.then(|| self.names[word::payload(word) as usize])
    }

    /// Puts data into the heap.
    pub(super) fn add(&mut self, data: &Data) -> Word {
        match data {
            Data::Nil => word::NIL,
            Data::Bool(value) => word::boolean(*value),
            Data::Int(value) => word::fixnum(*value).unwrap_or_else(|| self.object(Object::Int(*value))),
            Data::Real(value) => word::flonum(*value).unwrap_or_else(|| self.object(Object::Real(*value))),
            Data::Str(text) => {
                word::short(text.as_bytes()).unwrap_or_else(|| self.object(Object::Str(text.clone())))
            }
            Data::Bytes(bytes) => self.object(Object::Bytes(bytes.clone())),
            Data::Symbol(name) => self.name(Immediate::Symbol, name),
            Data::Keyword(name) => self.name(Immediate::Keyword, name),
            Data::Path(name) => self.name(Immediate::Path, name),
            Data::List(kind, elements) => {
                let elements = elements.iter().map(|element| self.add(element)).collect();
                self.object(Object::List(*kind, elements))
            }
            Data::Map(pairs) => {
                let pairs = pairs
                    .iter()
                    .map(|(key, value)| (self.add(key), self.add(value)))
                    .collect();
                self.object(Object::Map(pairs))
            }
            Data::Some(inner) => {
                let inner = self.add(inner);
                self.object(Object::Some(inner))
            }
            Data::Error { code, message, data } => {
                let data = self.add(data);
                self.object(Object::Error {
                    code: code.clone(),
                    message: message.clone(),
                    data,
                })
            }
            Data::Function(index) => self.object(Object::Function(*index)),
            Data::Promise(token) => self.object(Object::Promise(*token)),
            Data::Resource(_, index) => std::ptr::from_ref(&*self.objects[*index]) as u64 | word::TAG_POINTER,
        }
    }

    /// The data of a word.
    pub(super) fn data(&self, word: Word) -> Data {
        match word {
            word::NIL => return Data::Nil,
            word::TRUE => return Data::Bool(true),
            word::FALSE => return Data::Bool(false),
            _ => {}
        }
        if word::is_fixnum(word) {
            return Data::Int(word::fixnum_value(word));
        }
        if word::is_flonum(word) {
            return Data::Real(word::flonum_value(word));
        }
        if word::is_short(word) {
            let bytes = word::short_bytes(word);
            return Data::Str(String::from_utf8_lossy(&bytes[..word::short_len(word)]).into_owned());
        }
        if let Some(name) = self.text_of_name(word) {
            return match ValueType::from_number(self.type_number(word)) {
                Some(ValueType::Keyword) => Data::keyword(name),
                Some(ValueType::Path) => Data::path(name),
                _ => Data::symbol(name),
            };
        }
        let object = self
            .get(word)
            .unwrap_or_else(|| panic!("{word:#x} is no value of this host"));
        self.object_data(word, object)
    }

    fn object_data(&self, word: Word, object: &Object) -> Data {
        match object {
            Object::Int(value) => Data::Int(*value),
            Object::Real(value) => Data::Real(*value),
            Object::Str(text) => Data::Str(text.clone()),
            Object::Bytes(bytes) => Data::Bytes(bytes.clone()),
            Object::List(kind, elements) => Data::List(
                *kind,
                elements.iter().map(|element| self.data(*element)).collect(),
            ),
            Object::Map(pairs) => Data::Map(
                pairs
                    .iter()
                    .map(|(key, value)| (self.data(*key), self.data(*value)))
                    .collect(),
            ),
            Object::Some(inner) => Data::Some(Box::new(self.data(*inner))),
            Object::Error { code, message, data } => Data::Error {
                code: code.clone(),
                message: message.clone(),
                data: Box::new(self.data(*data)),
            },
            Object::Function(index) => Data::Function(*index),
            Object::Promise(token) => Data::Promise(*token),
            Object::Resource(record, _) => {
                let address = (word & !7) as *const Object;
                let index = self
                    .objects
                    .iter()
                    .position(|object| std::ptr::eq(&raw const **object, address));
                // SAFETY: the record is a static of the kernel under test.
                let name = unsafe { CStr::from_ptr((**record).name) }
                    .to_string_lossy()
                    .into_owned();
                Data::Resource(name, index.unwrap_or(usize::MAX))
            }
        }
    }

    /// Number of a word's `ValueType`.
    pub(super) fn type_number(&self, word: Word) -> u32 {
        let value_type = match word {
            word::NIL => ValueType::Nil,
            word::TRUE | word::FALSE => ValueType::Bool,
            _ if word::is_fixnum(word) => ValueType::Int,
            _ if word::is_flonum(word) => ValueType::Real,
            _ if word::is_short(word) => ValueType::Str,
            _ if word::is_immediate(word, Immediate::Symbol) => ValueType::Symbol,
            _ if word::is_immediate(word, Immediate::Keyword) => ValueType::Keyword,
            _ if word::is_immediate(word, Immediate::Path) => ValueType::Path,
            _ => match self.get(word) {
                Some(Object::Int(_)) => ValueType::Int,
                Some(Object::Real(_)) => ValueType::Real,
                Some(Object::Str(_)) => ValueType::Str,
                Some(Object::Bytes(_)) => ValueType::Bytes,
                Some(Object::List(ListKind::Paren, _)) => ValueType::ListParen,
                Some(Object::List(ListKind::Square, _)) => ValueType::ListSquare,
                Some(Object::List(ListKind::Brace, _)) => ValueType::ListBrace,
                Some(Object::Map(_)) => ValueType::Map,
                Some(Object::Some(_)) => ValueType::Some,
                Some(Object::Error { .. }) => ValueType::Error,
                Some(Object::Function(_)) => ValueType::Closure,
                Some(Object::Resource(..)) => ValueType::Resource,
                Some(Object::Promise(_)) => ValueType::Fiber,
                None => ValueType::Nil,
            },
        };
        value_type as u32
    }

    /// Drops all resources.
    pub(super) fn free(&mut self) {
        for object in self.objects.drain(..) {
            if let Object::Resource(record, data) = *object {
                // SAFETY: the record is a static of the kernel under test, the data what it made, and dropped
                // once.
                unsafe { (*record).drop.map(|drop| drop(data)) };
            }
        }
    }
}
