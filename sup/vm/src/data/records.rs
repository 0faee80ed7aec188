//! Record types and their instances: rows of a fixed number of values with checked types, named or by position.
//!
//! Types are kept for the life of the process, by their full name. Defining a name anew makes another version of the type:
//! instances keep the version that they were made with, and are of the type by its name.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::sync::{LazyLock, RwLock};

use sup_abi::word::{Word, payload};
use sup_code::TypeSpec;

use super::access::resolve_index;
use super::number::as_int;
use super::types::LoadedType;
use crate::error::{Outcome, Raise, keyword};
use crate::names;
use crate::object::{Header, Kind, Obj};
use crate::vm::Vm;

/// A record type.
#[derive(Debug)]
pub struct RecordType {
    /// Number of its full name; every version of the type has the same.
    pub id: u32,
    /// Full name, `module/name`.
    pub name: &'static str,
    /// Its name with a colon, as annotations in its module write it.
    pub short_name: &'static str,
    /// The keyword of its name.
    pub keyword: Word,
    /// Its fields.
    pub fields: Box<[Field]>,
}

impl PartialEq for RecordType {
    fn eq(&self, other: &RecordType) -> bool {
        std::ptr::eq(self, other)
    }
}

/// A field of a record type.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The keyword of its name, if it has one.
    pub name: Option<Word>,
    /// Its type.
    pub holds: LoadedType,
}

#[derive(Default)]
struct Registry {
    ids: HashMap<&'static str, u32>,
    /// Name and current version of each type; none while it was only named.
    types: Vec<(&'static str, Option<&'static RecordType>)>,
}

static REGISTRY: LazyLock<RwLock<Registry>> = LazyLock::new(RwLock::default);

/// The number of a record type's full name, given out when it is new.
#[must_use]
pub fn id(full_name: &str) -> u32 {
    if let Some(id) = REGISTRY
        .read()
        .expect("no holder of the registry panics")
        .ids
        .get(full_name)
    {
        return *id;
    }
    let mut registry = REGISTRY.write().expect("no holder of the registry panics");
    if let Some(id) = registry.ids.get(full_name) {
        return *id;
    }
    let id = registry.types.len() as u32;
    let name: &'static str = Box::leak(full_name.into());
    registry.types.push((name, None));
    registry.ids.insert(name, id);
    id
}

/// The full name with that number.
#[must_use]
pub fn name(id: u32) -> &'static str {
    let registry = REGISTRY.read().expect("no holder of the registry panics");
    registry.types.get(id as usize).map_or("", |(name, _)| name)
}

/// The current version of a record type.
#[must_use]
pub fn find(full_name: &str) -> Option<&'static RecordType> {
    find_by_id(id(full_name))
}

/// The current version of the record type with that number.
#[must_use]
pub fn find_by_id(id: u32) -> Option<&'static RecordType> {
    REGISTRY
        .read()
        .expect("no holder of the registry panics")
        .types
        .get(id as usize)
        .and_then(|(_, current)| *current)
}

/// Defines a record type. The same definition again gives the type that there is.
pub fn define(full_name: &str, fields: &[(Option<String>, TypeSpec)]) -> &'static RecordType {
    let id = id(full_name);
    let fields: Box<[Field]> = fields
        .iter()
        .map(|(name, spec)| Field {
            name: name.as_deref().map(keyword),
            holds: LoadedType::new(spec),
        })
        .collect();
    if let Some(current) = find_by_id(id)
        && current.fields == fields
    {
        return current;
    }
    let short = full_name.rsplit('/').next().unwrap_or(full_name);
    let short_name: &'static str = Box::leak(format!(":{short}").into_boxed_str());
    let name = name(id);
    let made: &'static RecordType = Box::leak(Box::new(RecordType {
        id,
        name,
        short_name,
        keyword: keyword(short),
        fields,
    }));
    REGISTRY.write().expect("no holder of the registry panics").types[id as usize].1 = Some(made);
    made
}

/// The type of an instance.
#[inline]
pub(crate) fn type_of(instance: Obj) -> &'static RecordType {
    // SAFETY: word 1 of an instance is the address of a type, which is never freed.
    unsafe { &*(instance.get(1) as *const RecordType) }
}

/// The type of an instance, if the word is one.
#[must_use]
#[inline]
pub fn instance_type(word: Word) -> Option<&'static RecordType> {
    let obj = Obj::from_word(word)?;
    (obj.kind() == Kind::Instance).then(|| type_of(obj))
}

/// The fields of an instance, if the word is one.
#[must_use]
#[inline]
pub fn instance_fields(word: Word) -> Option<&'static [Word]> {
    let obj = Obj::from_word(word)?;
    (obj.kind() == Kind::Instance).then(|| obj.words(2, obj.n()))
}

/// The place of a field, given by its keyword or its index.
fn place_of(instance: Obj, key: Word) -> Option<usize> {
    if let Some(index) = as_int(key) {
        return resolve_index(index, instance.n());
    }
    type_of(instance)
        .fields
        .iter()
        .position(|field| field.name == Some(key))
}

/// A field of an instance, given by its keyword or its index.
#[must_use]
pub fn instance_get(word: Word, key: Word) -> Option<Word> {
    let obj = Obj::from_word(word).filter(|obj| obj.kind() == Kind::Instance)?;
    place_of(obj, key).map(|place| obj.get(2 + place))
}

impl RecordType {
    /// Whether its fields have names.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.fields.first().is_some_and(|field| field.name.is_some())
    }

    /// The place of the field with that keyword.
    #[must_use]
    pub fn place(&self, key: Word) -> Option<usize> {
        self.fields.iter().position(|field| field.name == Some(key))
    }
}

impl Vm {
    /// An instance of a record type.
    ///
    /// # Errors
    /// `type/fields` if the number of values is another, `type/mismatch` if one is of another type, `vm/memory`.
    pub fn new_instance(&mut self, record: &'static RecordType, fields: &[Word]) -> Outcome {
        if fields.len() != record.fields.len() {
            let message = format!(
                "{} has {} fields, not {}",
                record.short_name,
                record.fields.len(),
                fields.len()
            );
            return Err(self.raise("type/fields", &message));
        }
        for (field, value) in record.fields.iter().zip(fields) {
            self.check_field(record, field, *value)?;
        }
        let obj = self.alloc(Header::new(Kind::Instance, fields.len() as u32))?;
        obj.init(1, std::ptr::from_ref(record) as u64);
        obj.words_mut(2, fields.len()).copy_from_slice(fields);
        Ok(obj.word())
    }

    fn check_field(&mut self, record: &RecordType, field: &Field, value: Word) -> Result<(), Raise> {
        if self.is_type(value, &field.holds) {
            return Ok(());
        }
        let found = self.type_name(value);
        let expected = field.holds.name();
        let message = match field.name {
            Some(name) => {
                let name = names::text(payload(name));
                format!("field {name} of {} is {expected}, not {found}", record.short_name)
            }
            None => format!("a field of {} is {expected}, not {found}", record.short_name),
        };
        Err(self.raise_data("type/mismatch", &message, value))
    }

    /// The instance with another value in a field, given by its keyword or its index.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no instance or the value of another type, `index/range` if there is no such field,
    /// `vm/memory`.
    pub fn instance_put(&mut self, word: Word, key: Word, value: Word) -> Outcome {
        let Some(obj) = Obj::from_word(word).filter(|obj| obj.kind() == Kind::Instance) else {
            return Err(self.type_mismatch("a form", word));
        };
        let record = type_of(obj);
        let Some(place) = place_of(obj, key) else {
            let message = format!("{} has no field {}", record.short_name, self.repr_short(key));
            return Err(self.raise_data("index/range", &message, key));
        };
        self.check_field(record, &record.fields[place], value)?;
        let mut fields = obj.words(2, obj.n()).to_vec();
        fields[place] = value;
        let copy = self.alloc(Header::new(Kind::Instance, fields.len() as u32))?;
        copy.init(1, obj.get(1));
        copy.words_mut(2, fields.len()).copy_from_slice(&fields);
        Ok(copy.word())
    }

    /// The fields of a named instance as a map, of any other as a list.
    ///
    /// # Errors
    /// `type/mismatch` if the word is no instance, `vm/memory`.
    pub fn instance_data(&mut self, word: Word) -> Outcome {
        let (Some(record), Some(fields)) = (instance_type(word), instance_fields(word)) else {
            return Err(self.type_mismatch("a form", word));
        };
        if !record.is_named() {
            return self.new_list(super::BRACE, fields);
        }
        let names = record.fields.iter().filter_map(|field| field.name);
        let pairs: Vec<Word> = names
            .zip(fields)
            .flat_map(|(name, value)| [name, *value])
            .collect();
        self.map_from_pairs(&pairs)
    }
}
