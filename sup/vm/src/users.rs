//! Who uses a primitive of a kernel: every loaded chunk that names one is remembered, so that a kernel is not replaced by one
//! that the code which is there cannot call.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use sup_code::{Function, Op, Shape, Span};

use crate::unit::LoadedChunk;

/// A place that uses a primitive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name of the function, empty for a form outside of functions.
    pub function: String,
    /// The module that it belongs to.
    pub module: String,
    /// The source.
    pub source: String,
    /// Where in the source.
    pub span: Span,
}

/// By number of a program and of a primitive, the chunks that name it, each with when it was loaded.
type Chunks = HashMap<(u64, u32), Vec<(Moment, &'static LoadedChunk)>>;

/// A point in the order in which chunks are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

static CHUNKS: LazyLock<Mutex<Chunks>> = LazyLock::new(Mutex::default);
static N_LOADED: AtomicU64 = AtomicU64::new(0);

fn chunks() -> MutexGuard<'static, Chunks> {
    CHUNKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers a chunk that was loaded. The machine's own primitives are never replaced.
pub(crate) fn remember(loaded: &'static LoadedChunk, program: u64, ids: &[u32]) {
    let moment = Moment(N_LOADED.fetch_add(1, Ordering::Relaxed));
    let named = loaded.chunk.primitives.iter().zip(ids);
    for (_, id) in named.filter(|(name, _)| !name.starts_with('%')) {
        chunks().entry((program, *id)).or_default().push((moment, loaded));
    }
}

/// The present.
#[must_use]
pub fn now() -> Moment {
    Moment(N_LOADED.load(Ordering::Relaxed))
}

/// Forgets what a program loaded of a source before that moment: it was loaded anew, and what it defined is defined again.
pub fn forget(program: u64, source: &str, before: Moment) {
    let mut chunks = chunks();
    let own = chunks.iter_mut().filter(|((owner, _), _)| *owner == program);
    for (_, loaded) in own {
        loaded.retain(|(moment, loaded)| *moment >= before || loaded.chunk.source != source);
    }
}

/// The places in a program that use a primitive, at most that many.
#[must_use]
pub fn users(program: u64, name: &str, at_most: usize) -> Vec<User> {
    let Some(id) = crate::primitives::find(name) else {
        return Vec::new();
    };
    let loaded = chunks().get(&(program, id)).cloned().unwrap_or_default();
    let uses = loaded.iter().flat_map(|(_, loaded)| uses_in(loaded, name));
    uses.take(at_most).collect()
}

fn uses_in(loaded: &'static LoadedChunk, name: &str) -> impl Iterator<Item = User> {
    let chunk = &loaded.chunk;
    let index = chunk.primitives.iter().position(|own| own == name);
    let index = index.and_then(|index| i32::try_from(index).ok());
    chunk.functions.iter().flat_map(move |function| {
        let places = index.map(|index| places_in(function, index)).unwrap_or_default();
        places.into_iter().map(|span| User {
            function: function.name.clone(),
            module: chunk.module.clone(),
            source: chunk.source.clone(),
            span,
        })
    })
}

/// The spans of the instructions that name the primitive of that index.
fn places_in(function: &Function, index: i32) -> Vec<Span> {
    let names_it = |op: Op| {
        matches!(
            op.shape(),
            Shape::WritePrimitive | Shape::CallPrimitive | Shape::WriteReadReadPrimitive
        )
    };
    let instructions = function.code.iter().enumerate();
    let uses = instructions.filter(|(_, insn)| insn.d() == index && insn.op().is_some_and(names_it));
    uses.map(|(place, _)| span_at(function, place)).collect()
}

fn span_at(function: &Function, place: usize) -> Span {
    let before = function
        .spans
        .iter()
        .take_while(|(from, _)| *from as usize <= place);
    before.last().map_or(function.span, |(_, span)| *span)
}
