//! Loading: a verified chunk becomes memory that the machine runs, shared by all isolates and never rewritten.
//!
//! A function's memory is its `FunctionMeta` followed by its instructions. Operands that named constants, functions or
//! types become distances, in words, from the instruction to a pool behind the code; cells and primitives become the
//! process's numbers for them.
#![allow(unsafe_code)]

use std::sync::Arc;

use sup_abi::word::Word;
use sup_code::{CaptureSource, Chunk, Constant, Function, Insn, Op, Parameters, Shape, Tail};

use crate::collect::Extent;
use crate::data::types::LoadedType;
use crate::error::{Outcome, Raise};
use crate::object::{ARITY_ANY, Header, Kind, Obj};
use crate::region::LinkNeeds;
use crate::vm::Vm;
use crate::{cells, names, primitives};

/// A loaded chunk.
pub struct LoadedChunk {
    /// What it was loaded from; names and spans are looked up here when an error asks.
    pub chunk: Arc<Chunk>,
    entries: Vec<*const Insn>,
    n_cells: usize,
    n_primitives: usize,
}

// SAFETY: a loaded chunk is never written after `load` has made it.
unsafe impl Send for LoadedChunk {}
// SAFETY: as above.
unsafe impl Sync for LoadedChunk {}

/// What stands before a function's instructions.
#[repr(C)]
pub struct FunctionMeta {
    pub(crate) chunk: *const LoadedChunk,
    pub(crate) captures: *const CaptureSource,
    pub(crate) n_captures: u32,
    pub(crate) ordinal: u32,
    pub(crate) n_code: u32,
    pub(crate) arity: u16,
    pub(crate) n_registers: u8,
    pub(crate) parameters: Parameters,
}

const META_WORDS: usize = size_of::<FunctionMeta>().div_ceil(8);

impl FunctionMeta {
    /// The meta of the function that a closure word runs, if it is one.
    pub(crate) fn of_callee(callee: Word) -> Option<&'static FunctionMeta> {
        let obj = Obj::from_word(callee)?;
        (obj.kind() == Kind::Closure).then(|| FunctionMeta::of_entry(obj.get(1) as *const Insn))
    }

    /// The meta that stands before an entry.
    #[inline(always)]
    pub(crate) fn of_entry(entry: *const Insn) -> &'static FunctionMeta {
        // SAFETY: entries are only made by `load`, which puts the meta right before them and never frees it.
        unsafe { &*entry.cast::<u64>().sub(META_WORDS).cast::<FunctionMeta>() }
    }

    /// The header of a closure of this function.
    #[inline(always)]
    pub(crate) fn closure_header(&self) -> Header {
        Header::new(Kind::Closure, self.n_captures).with_aux(self.arity)
    }

    /// The function as it was compiled.
    pub(crate) fn function(&self) -> &'static Function {
        // SAFETY: loaded chunks are never freed.
        let loaded = unsafe { &*self.chunk };
        &loaded.chunk.functions[self.ordinal as usize]
    }

    /// What its chunk takes of an isolate's link.
    pub(crate) fn link_needs(&self) -> LinkNeeds {
        // SAFETY: loaded chunks are never freed.
        let loaded = unsafe { &*self.chunk };
        LinkNeeds {
            n_cells: loaded.n_cells,
            n_primitives: loaded.n_primitives,
        }
    }

    pub(crate) fn chunk(&self) -> &'static Chunk {
        // SAFETY: loaded chunks are never freed.
        let loaded = unsafe { &*self.chunk };
        &loaded.chunk
    }
}

/// The exact number of arguments, or `ARITY_ANY`.
fn arity(parameters: Parameters) -> u16 {
    if parameters.n_optional == 0 && parameters.tail == Tail::None {
        parameters.n_required.into()
    } else {
        ARITY_ANY
    }
}

/// What is left to those who handle the error when code, which cannot be freed, has used up the rest.
const HANDLING_BYTES: usize = 512 * 1024;
/// What a name takes in the table of names beside its text, in bytes.
const NAME_BYTES: usize = 80;

/// What a chunk, a function, and a module variable with what is known of it take beside their own sizes, in bytes: measured
/// with programs that evaluate for ever.
const PER_CHUNK: usize = 250;
const PER_FUNCTION: usize = 300;
const PER_NEW_CELL: usize = 800;

/// About what a chunk takes once it is loaded, in bytes, without its constants.
fn footprint(chunk: &Chunk) -> usize {
    let functions = chunk.functions.iter().map(|function| {
        size_of::<Function>()
            + PER_FUNCTION
            + 8 * META_WORDS
            + 2 * size_of_val(function.code.as_slice())
            + size_of_val(function.spans.as_slice())
            + size_of_val(function.captures.as_slice())
            + function.name.len()
    });
    let cells = chunk.cells.iter().map(|cell| {
        let is_new = cells::find(&cell.module, &cell.name).is_none();
        2 * (cell.module.len() + cell.name.len()) + if is_new { PER_NEW_CELL } else { 64 }
    });
    let primitives = chunk.primitives.iter().map(|name| name.len() + 24);
    let parts: usize = functions.chain(cells).chain(primitives).sum();
    parts
        + chunk.constants.len() * (size_of::<Constant>() + 8)
        + chunk.types.len() * 3 * size_of::<sup_code::TypeSpec>()
        + chunk.module.len()
        + chunk.source.len()
        + size_of::<LoadedChunk>()
        + size_of::<Chunk>()
        + PER_CHUNK
}

/// Words behind the code that instructions reach by their distance.
struct Pool {
    words: Vec<u64>,
}

impl Vm {
    /// Loads a chunk that was verified.
    ///
    /// # Errors
    /// When a constant cannot be built.
    pub fn load(&mut self, verified: &sup_code::Verified<Chunk>) -> Result<&'static LoadedChunk, Raise> {
        let chunk: Arc<Chunk> = verified.shared().clone();
        self.count_lasting(footprint(&chunk))?;
        let constants = self.build_constants(&chunk)?;
        let types = chunk
            .types
            .iter()
            .map(|spec| Box::leak(Box::new(LoadedType::new(spec))) as *const LoadedType as u64);
        let types: Vec<u64> = types.collect();
        let cell_ids: Vec<u32> = chunk
            .cells
            .iter()
            .map(|cell| cells::id(&cell.module, &cell.name))
            .collect();
        let primitive_ids: Vec<u32> = chunk.primitives.iter().map(|name| primitives::id(name)).collect();
        let loaded: &'static mut LoadedChunk = Box::leak(Box::new(LoadedChunk {
            chunk: chunk.clone(),
            entries: Vec::new(),
            n_cells: cell_ids.iter().map(|id| *id as usize + 1).max().unwrap_or(0),
            n_primitives: primitive_ids.iter().map(|id| *id as usize + 1).max().unwrap_or(0),
        }));
        let code_words: usize = chunk
            .functions
            .iter()
            .map(|function| META_WORDS + function.code.len())
            .sum();
        let pool_words = constants.len() + types.len() + 2 * chunk.functions.len();
        let memory: &'static mut [u64] = Box::leak(vec![0u64; code_words + pool_words].into_boxed_slice());
        let parts = Parts {
            constants,
            types,
            cell_ids,
            primitive_ids,
        };
        self.place(loaded, memory, code_words, &parts);
        let loaded: &'static LoadedChunk = loaded;
        crate::users::remember(loaded, self.program, &parts.primitive_ids);
        self.adopt(loaded);
        Ok(loaded)
    }

    /// Counts what will never be freed against the quota. Collects if it has to, so it is no place for natives that hold words.
    fn count_lasting(&mut self, bytes: usize) -> Result<(), Raise> {
        // A program that evaluates text may not use up what the forms after it need.
        let needed = if self.fiber.is_some() {
            bytes + HANDLING_BYTES
        } else {
            bytes
        };
        if !self.heap.has_room(needed) {
            self.collect(Extent::Everything);
            if !self.heap.has_room(needed) {
                return Err(self.raise_memory_now());
            }
        }
        self.heap.lasting_bytes += bytes;
        Ok(())
    }

    /// Makes room in this isolate for what a chunk names. Needed once for each isolate that runs it.
    pub fn adopt(&mut self, loaded: &'static LoadedChunk) {
        self.grow_cells(loaded.n_cells);
        self.grow_primitives(loaded.n_primitives);
    }

    /// The parameters of a function, when the word is one written in SLP.
    #[must_use]
    pub fn parameters_of(&self, word: Word) -> Option<Parameters> {
        FunctionMeta::of_callee(word).map(|meta| meta.parameters)
    }

    /// The function that carries a chunk's form out.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn entry_of(&mut self, loaded: &'static LoadedChunk) -> Outcome {
        let header = Header::new(Kind::Closure, 0).with_aux(0);
        let obj = self.alloc(header)?;
        obj.init(1, loaded.entries[0] as u64);
        Ok(obj.word())
    }

    fn build_constants(&mut self, chunk: &Chunk) -> Result<Vec<Word>, Raise> {
        self.heap.immortal = true;
        let built = chunk
            .constants
            .iter()
            .map(|constant| self.build_constant(constant))
            .collect();
        self.heap.immortal = false;
        built
    }

    fn build_constant(&mut self, constant: &Constant) -> Outcome {
        match constant {
            Constant::Int(value) => self.new_int(*value),
            Constant::Real(value) => self.new_real(*value),
            Constant::Str(text) => self.new_str(text),
            Constant::Symbol(name) => self.intern(sup_abi::word::Immediate::Symbol, name),
            Constant::Keyword(name) => self.intern(sup_abi::word::Immediate::Keyword, name),
            Constant::Path(name) => self.intern(sup_abi::word::Immediate::Path, name),
            Constant::Data(flat) => self.from_flat(flat),
        }
    }

    /// The symbol, keyword or path of that name.
    ///
    /// # Errors
    /// `vm/names` when the process's table of names is full.
    pub fn intern(&mut self, kind: sup_abi::word::Immediate, name: &str) -> Outcome {
        if let Some(id) = names::find(name) {
            return Ok(sup_abi::word::immediate(kind, id));
        }
        let bytes = name.len() + NAME_BYTES;
        if !self.heap.has_room(bytes + HANDLING_BYTES) {
            return Err(self.raise_memory());
        }
        self.heap.lasting_bytes += bytes;
        match names::try_intern(name) {
            Some(id) => Ok(sup_abi::word::immediate(kind, id)),
            None => Err(self.raise("vm/names", "the table of names is full, or the name is too long")),
        }
    }

    fn place(
        &mut self,
        loaded: &mut LoadedChunk,
        memory: &'static mut [u64],
        code_words: usize,
        parts: &Parts,
    ) {
        let chunk = loaded.chunk.clone();
        let start = memory.as_mut_ptr();
        let mut at = 0;
        for function in &chunk.functions {
            // SAFETY: the sizes were added up from the same functions.
            loaded.entries.push(unsafe { start.add(at + META_WORDS) }.cast());
            at += META_WORDS + function.code.len();
        }
        let mut pool = Pool { words: Vec::new() };
        pool.words.extend(&parts.constants);
        pool.words.extend(&parts.types);
        pool.words
            .extend(loaded.entries.iter().map(|entry| *entry as u64));
        self.heap.immortal = true;
        for (function, entry) in chunk.functions.iter().zip(&loaded.entries) {
            let header = Header::new(Kind::Closure, 0).with_aux(arity(function.parameters));
            let closure = self.heap.alloc(header).expect("the immortal space has no quota");
            closure.init(1, *entry as u64);
            pool.words.push(closure.word());
        }
        self.heap.immortal = false;
        memory[code_words..].copy_from_slice(&pool.words);
        let mut at = 0;
        for (ordinal, function) in chunk.functions.iter().enumerate() {
            let meta = FunctionMeta {
                chunk: &raw const *loaded,
                captures: function.captures.as_ptr(),
                n_captures: function.captures.len() as u32,
                ordinal: ordinal as u32,
                n_code: function.code.len() as u32,
                arity: arity(function.parameters),
                n_registers: function.n_registers,
                parameters: function.parameters,
            };
            // SAFETY: META_WORDS words were set aside at `at`, aligned as a u64.
            unsafe { start.add(at).cast::<FunctionMeta>().write(meta) };
            at += META_WORDS;
            for (index, insn) in function.code.iter().enumerate() {
                memory[at + index] = patch(*insn, index, at + index, code_words, &chunk, parts).0;
            }
            at += function.code.len();
        }
    }
}

struct Parts {
    constants: Vec<Word>,
    types: Vec<u64>,
    cell_ids: Vec<u32>,
    primitive_ids: Vec<u32>,
}

/// Turns an operand that is an index into what the machine wants; `place` is the instruction's index in the memory.
fn patch(insn: Insn, index: usize, place: usize, pool: usize, chunk: &Chunk, parts: &Parts) -> Insn {
    let Some(op) = insn.op() else { return insn };
    let n_constants = parts.constants.len();
    let n_types = parts.types.len();
    let to = |slot: usize| (pool + slot) as i32 - place as i32;
    let named = insn.d() as usize;
    let d = match op.shape() {
        Shape::WriteConst | Shape::WriteReadConst => to(named),
        Shape::ReadType | Shape::WriteReadType => to(n_constants + named),
        Shape::WriteFunction => {
            let n_functions = chunk.functions.len();
            if chunk.functions[named].captures.is_empty() {
                return Insn::new(
                    Op::LoadConst,
                    insn.a(),
                    0,
                    0,
                    to(n_constants + n_types + n_functions + named),
                );
            }
            to(n_constants + n_types + named)
        }
        Shape::WriteCell | Shape::ReadCell | Shape::CallCell | Shape::EnterCell => {
            parts.cell_ids[named] as i32
        }
        Shape::WritePrimitive | Shape::CallPrimitive | Shape::WriteReadReadPrimitive => {
            parts.primitive_ids[named] as i32
        }
        Shape::Call if matches!(op, Op::CallSelf | Op::TailSelf) => -(index as i32) - 1,
        _ => return insn,
    };
    Insn::new(op, insn.a(), insn.b(), insn.c(), d)
}
