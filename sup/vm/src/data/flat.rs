//! Values as flat arrays of nodes, for storing and sending, and forms as data. Nothing here recurses.

use sup_abi::word::{FALSE, Immediate, NIL, TRUE, Word, boolean, is_immediate, payload};
use sup_code::wire::{Flat, FlatNode, WireLimits};
use sup_code::{Event, FlatBuilder, Reader, Span};

use super::cursor::{Cursor, Parts};
use super::number::{as_int, as_real};
use super::{bytes_of, error_value, list_items, list_span, map_len, records, text_of};
use crate::error::{Outcome, Raise};
use crate::object::{Kind, Obj};
use crate::vm::Vm;
use crate::{names, primitives};

/// Who knows the code of closures by the hash of its chunk.
pub trait CodeNames {
    /// The hash of a closure's chunk and the number of its function there; nothing when the closure cannot travel.
    fn name_of(&self, vm: &Vm, closure: Word) -> Option<([u8; 32], u32)>;
    /// The closure of that function with those captured values.
    ///
    /// # Errors
    /// When there is no such code.
    fn closure(&self, vm: &mut Vm, chunk: &[u8; 32], function: u32, captures: &[Word]) -> Outcome;
}

/// Knows no code: closures do not travel.
struct NoCode;

impl CodeNames for NoCode {
    fn name_of(&self, _vm: &Vm, _closure: Word) -> Option<([u8; 32], u32)> {
        None
    }

    fn closure(&self, vm: &mut Vm, _chunk: &[u8; 32], _function: u32, _captures: &[Word]) -> Outcome {
        Err(vm.raise("wire/unknown-code", "the code of a function is not known here"))
    }
}

impl Vm {
    /// The value as a flat array of nodes.
    ///
    /// # Errors
    /// `wire/not-storable` if it is or holds something mutable, a closure, or a handle; `wire/too-large`, `wire/too-deep`.
    pub fn to_flat(&mut self, word: Word) -> Result<Flat, Raise> {
        self.to_flat_with(word, &NoCode)
    }

    /// The value as a flat array of nodes; closures travel when `code` knows theirs.
    ///
    /// # Errors
    /// As for [`Vm::to_flat`].
    pub fn to_flat_with(&mut self, word: Word, code: &dyn CodeNames) -> Result<Flat, Raise> {
        const LIMITS: WireLimits = WireLimits::STANDARD;
        let mut builder = FlatBuilder::new();
        let mut stack = Vec::new();
        let mut next = Some(word);
        loop {
            if let Some(word) = next {
                if builder.n_nodes() >= LIMITS.max_nodes as usize {
                    return Err(self.raise(
                        "wire/too-large",
                        "the value has too many parts to be stored or sent",
                    ));
                }
                if stack.len() >= LIMITS.max_depth as usize {
                    return Err(self.raise("wire/too-deep", "the value nests too deep to be stored or sent"));
                }
                if let Some(parts) = self.put_down(&mut builder, word, code)? {
                    stack.push(parts);
                }
            }
            let Some(top) = stack.last_mut() else {
                return Ok(builder.finish());
            };
            next = top.next();
            if next.is_none() {
                stack.pop();
            }
        }
    }

    /// Adds the node of a value; its parts, if it can have any, are to follow.
    fn put_down(
        &mut self,
        builder: &mut FlatBuilder,
        word: Word,
        code: &dyn CodeNames,
    ) -> Result<Option<Parts>, Raise> {
        if put_down_atom(builder, word) {
            return Ok(None);
        }
        let Some(obj) = Obj::from_word(word) else {
            return Err(self.not_storable(word));
        };
        let count = obj.n() as u32;
        Ok(Some(match obj.kind() {
            Kind::List | Kind::View => {
                let span = list_span(word).map(|(start, end)| Span { start, end });
                builder.list(obj.header().subkind(), count, span);
                Parts::Items(list_items(word).unwrap_or(&[]))
            }
            Kind::Map | Kind::MapView => {
                builder.map(map_len(word).unwrap_or(0) as u32);
                Parts::Pairs(Cursor::of_map(&mut self.heap, obj), None)
            }
            Kind::Error => {
                let pairs = error_value::error_pairs(word);
                builder.error();
                builder.map((pairs.len() / 2) as u32);
                Parts::Owned(pairs.into_iter())
            }
            Kind::Instance => {
                builder.instance(records::type_of(obj).name, count);
                Parts::Items(obj.words(2, obj.n()))
            }
            Kind::Quoted => {
                builder.prefix(obj.header().aux() as u8);
                Parts::Items(obj.words(1, 1))
            }
            Kind::Datum => {
                builder.prefix(5);
                Parts::Items(obj.words(1, 1))
            }
            Kind::Aberrant => {
                builder.prefix(6);
                Parts::Items(obj.words(1, 1))
            }
            Kind::Closure => {
                let Some((chunk, function)) = code.name_of(self, word) else {
                    return Err(self.not_storable(word));
                };
                builder.closure(chunk, function, count);
                Parts::Items(obj.words(2, obj.n()))
            }
            _ => return Err(self.not_storable(word)),
        }))
    }

    #[cold]
    fn not_storable(&mut self, word: Word) -> Raise {
        let message = format!("{} cannot be stored or sent", super::type_name(word));
        self.raise_data("wire/not-storable", &message, word)
    }

    /// The value that a flat array of nodes stands for.
    ///
    /// # Errors
    /// `wire/malformed` if it is not well-formed, `wire/unknown-form` if there is no such record type, and what making the
    /// values raises.
    pub fn from_flat(&mut self, flat: &Flat) -> Outcome {
        self.from_flat_with(flat, &NoCode)
    }

    /// The value that a flat array of nodes stands for; `code` finds the code of closures.
    ///
    /// # Errors
    /// As for [`Vm::from_flat`].
    pub fn from_flat_with(&mut self, flat: &Flat, code: &dyn CodeNames) -> Outcome {
        let mut reader = Reader::new(flat);
        let mut made: Vec<Word> = Vec::new();
        for event in reader.by_ref() {
            let word = match event {
                Event::Leaf(node) => self.leaf(flat, node)?,
                Event::Open(_) => continue,
                Event::Close(node) => {
                    let n_parts = usize::try_from(node.n_children()).unwrap_or(usize::MAX);
                    let Some(first) = made.len().checked_sub(n_parts) else {
                        return Err(self.malformed());
                    };
                    let word = self.assemble(flat, node, &made[first..], code)?;
                    made.truncate(first);
                    word
                }
            };
            made.push(word);
        }
        match made[..] {
            [word] if reader.depth() == 0 => Ok(word),
            _ => Err(self.malformed()),
        }
    }

    #[cold]
    fn malformed(&mut self) -> Raise {
        self.raise("wire/malformed", "the nodes do not make one value")
    }

    fn name_in<'a>(&mut self, flat: &'a Flat, index: u32) -> Result<&'a str, Raise> {
        match flat.names.get(index as usize) {
            Some(name) => Ok(name),
            None => Err(self.malformed()),
        }
    }

    fn leaf(&mut self, flat: &Flat, node: &FlatNode) -> Outcome {
        match node {
            FlatNode::Nil => Ok(NIL),
            FlatNode::Bool(value) => Ok(boolean(*value)),
            FlatNode::Int(value) => self.new_int(*value),
            FlatNode::Real(value) => self.new_real(*value),
            FlatNode::Str(text) => self.new_str(text),
            FlatNode::Bytes(bytes) => self.new_bytes(bytes),
            FlatNode::Symbol(name) => self.named(flat, Immediate::Symbol, *name),
            FlatNode::Keyword(name) => self.named(flat, Immediate::Keyword, *name),
            FlatNode::Path(name) => self.named(flat, Immediate::Path, *name),
            FlatNode::Primitive(name) => {
                let name = self.name_in(flat, *name)?;
                Ok(primitives::value(primitives::id(name)))
            }
            _ => Err(self.malformed()),
        }
    }

    fn named(&mut self, flat: &Flat, kind: Immediate, name: u32) -> Outcome {
        let name = self.name_in(flat, name)?;
        self.intern(kind, name)
    }

    fn assemble(&mut self, flat: &Flat, node: &FlatNode, parts: &[Word], code: &dyn CodeNames) -> Outcome {
        match node {
            FlatNode::List { kind, span: None, .. } => self.new_list(*kind, parts),
            FlatNode::List {
                kind,
                span: Some(span),
                ..
            } => self.new_list_with_span(*kind, parts, (span.start, span.end)),
            FlatNode::Map { .. } => self.new_map(parts),
            FlatNode::Error => self.error_from(parts[0]),
            FlatNode::Instance { form, .. } => {
                let name = self.name_in(flat, *form)?;
                match records::find(name) {
                    Some(record) => self.new_instance(record, parts),
                    None => {
                        let message = format!("the form {name} is not defined here");
                        Err(self.raise("wire/unknown-form", &message))
                    }
                }
            }
            FlatNode::Prefix(5) => self.new_prefixed(Kind::Datum, parts[0]),
            FlatNode::Prefix(6) => self.new_prefixed(Kind::Aberrant, parts[0]),
            FlatNode::Prefix(prefix @ 0..5) => self.new_quoted(*prefix, parts[0]),
            FlatNode::Closure { chunk, function, .. } => code.closure(self, chunk, *function, parts),
            _ => Err(self.malformed()),
        }
    }
}

/// Adds the node of a value that never has parts; false when the word is another.
fn put_down_atom(builder: &mut FlatBuilder, word: Word) -> bool {
    let name = || names::text(payload(word));
    if let Some(value) = as_int(word) {
        builder.int(value);
    } else if let Some(value) = as_real(word) {
        builder.real(value);
    } else if let Some(text) = text_of(&word) {
        builder.text(text);
    } else if let Some(bytes) = bytes_of(&word) {
        builder.bytes(bytes);
    } else if word == NIL {
        builder.nil();
    } else if word == TRUE || word == FALSE {
        builder.boolean(word == TRUE);
    } else if is_immediate(word, Immediate::Symbol) {
        builder.symbol(name());
    } else if is_immediate(word, Immediate::Keyword) {
        builder.keyword(name());
    } else if is_immediate(word, Immediate::Path) {
        builder.path(name());
    } else if is_immediate(word, Immediate::Primitive) {
        builder.primitive(primitives::name(payload(word)));
    } else {
        return false;
    }
    true
}
