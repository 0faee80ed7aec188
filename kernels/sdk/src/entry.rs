//! What `kernel!` expands to calls: entering and leaving primitives without letting a panic out, and building
//! the table.
#![allow(unsafe_code)]

use crate::context::Context;
use crate::convert::{Arguments, FromArgument, IntoReply};
use crate::error::{Error, Result};
use crate::resource::TypeRecord;
use crate::state::{self, State};
use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use sup_abi::kernel::{ABI_MAJOR, ABI_MINOR, Bytes, Function, Kernel, MAGIC, Primitive, flags};
use sup_abi::signature::Passing;
use sup_abi::word::{self, Word};

pub use crate::task::run_blocking;
pub use sup_abi::host::Host;
pub use sup_abi::kernel::{Context as RawContext, Entry, Kernel as RawKernel};
pub use sup_abi::{capability, intrinsic, kernel::flags as flag};

thread_local! {
    /// Where the last panic on this thread happened.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs a primitive: reads the host's context, catches panics, raises errors.
///
/// # Safety
/// `raw` must be the context of a call that runs on this thread, `argv` must name `argc` words that the host
/// keeps meanwhile.
#[inline]
pub unsafe fn enter<F>(raw: *mut RawContext, argc: u32, argv: *const Word, body: F) -> Word
where
    F: FnOnce(&mut Context, Arguments<'_>) -> Result<Word>,
{
    let Some(host) = crate::host::get() else {
        return word::THROW;
    };
    let words = if argc == 0 {
        &[]
    } else {
        // SAFETY: the caller vouches for the words.
        unsafe { std::slice::from_raw_parts(argv, argc as usize) }
    };
    // SAFETY: the caller vouches for the context.
    let mut cx = unsafe { Context::from_raw(raw, host) };
    let result = catch_unwind(AssertUnwindSafe(|| body(&mut cx, Arguments::new(words))));
    match result {
        Ok(Ok(word)) => word,
        Ok(Err(error)) => error.raise(&cx),
        Err(panic) => {
            let text = format!(
                "the primitive panicked: {}{}",
                panic_text(panic.as_ref()),
                take_place()
            );
            Error::new("kernel/panic", text).raise(&cx)
        }
    }
}

/// Runs something that has no way to raise; a panic in it is logged and gives nothing.
pub fn contain<T>(what: &str, run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run))
        .map_err(|panic| {
            log(
                1,
                &format!("{what} panicked: {}{}", panic_text(panic.as_ref()), take_place()),
            )
        })
        .ok()
}

/// Writes a line to the host's log: 1 error, 2 warning, 3 information, 4 detail.
pub fn log(level: i32, message: &str) {
    if let Some(host) = crate::host::get() {
        // SAFETY: the host copies the message.
        unsafe { (host.log_as)(crate::host::name(), level, Bytes::of(message.as_bytes())) };
    }
}

fn panic_text(panic: &dyn Any) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

fn take_place() -> String {
    PLACE.with(|place| std::mem::take(&mut *place.borrow_mut()))
}

/// Keeps panics of this library off the host's standard error: guarded calls report them themselves, and the
/// log has them all. A library has its own hook, so this touches no other.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let place = info
            .location()
            .map(|place| format!(" ({}:{})", place.file(), place.line()))
            .unwrap_or_default();
        log(4, &format!("panic: {}{place}", panic_text(info.payload())));
        PLACE.with(|kept| *kept.borrow_mut() = place);
    }));
}

/// The answer of a primitive as a word.
///
/// # Errors
/// The primitive's.
#[inline]
pub fn finish<'c, R: IntoReply<'c>>(cx: &'c Context, reply: R) -> Result<Word> {
    Ok(reply.into_reply(cx)?.word())
}

/// Reads the next argument.
///
/// # Errors
/// When it is missing or of another type.
#[inline(always)]
pub fn argument<'c, T: FromArgument<'c>>(
    cx: &'c Context,
    arguments: Arguments<'c>,
    position: &mut usize,
) -> Result<T> {
    let read = T::from_argument(cx, arguments, *position);
    *position += 1;
    read
}

/// One primitive, as `kernel!` describes it.
pub struct PrimitiveSpec {
    name: &'static str,
    doc: String,
    parameters: String,
    passing: Passing,
    result: &'static str,
    function: Function,
    min_args: i16,
    max_args: i16,
    flags: u32,
    intrinsic: u32,
    capabilities: u32,
    aliases: Vec<&'static str>,
}

impl PrimitiveSpec {
    /// A primitive without parameters.
    #[must_use]
    pub fn new(name: &'static str, doc: &[&str], function: Function) -> PrimitiveSpec {
        let lines: Vec<&str> = doc
            .iter()
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        PrimitiveSpec {
            name,
            doc: lines.join("\n").trim().to_owned(),
            parameters: String::new(),
            passing: Passing::Required,
            result: "any",
            function,
            min_args: 0,
            max_args: 0,
            flags: flags::MT,
            intrinsic: intrinsic::NONE,
            capabilities: 0,
            aliases: Vec::new(),
        }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn parameter<'c, T: FromArgument<'c>>(mut self, name: &str) -> PrimitiveSpec {
        if !self.parameters.is_empty() {
            self.parameters.push(' ');
        }
        match T::PASSING {
            Passing::Required => {
                self.min_args += 1;
                self.max_args += 1;
            }
            Passing::Optional => {
                self.max_args += 1;
                if self.passing == Passing::Required {
                    self.parameters.push_str("&opt ");
                }
            }
            Passing::Rest => {
                self.max_args = -1;
                self.parameters.push_str("&rest ");
            }
        }
        self.passing = T::PASSING;
        let name = name.trim_start_matches('_').replace('_', "-");
        self.parameters
            .push_str(&format!("{}{name} :{}{}", T::QUOTE, T::TYPE, T::NIL));
        self
    }

    /// Sets what it answers.
    #[must_use]
    pub fn result<'c, R: IntoReply<'c>>(mut self) -> PrimitiveSpec {
        self.result = R::TYPE;
        self
    }

    /// Adds flags.
    #[must_use]
    pub fn flags(mut self, flags: u32) -> PrimitiveSpec {
        self.flags |= flags;
        self
    }

    /// Declares its meaning.
    #[must_use]
    pub fn intrinsic(mut self, number: u32) -> PrimitiveSpec {
        self.intrinsic = number;
        self
    }

    /// Says what it reaches outside of its isolate: bits of `capability`.
    #[must_use]
    pub fn capabilities(mut self, capabilities: u32) -> PrimitiveSpec {
        self.capabilities = capabilities;
        self
    }

    /// Says what it reaches, unless it is pure or has said it.
    #[must_use]
    pub fn or_capabilities(self, capabilities: u32) -> PrimitiveSpec {
        if self.capabilities != 0 || self.flags & flags::PURE != 0 {
            self
        } else {
            self.capabilities(capabilities)
        }
    }

    /// Sets the type that the signature shows, where it is narrower than the Rust type says.
    #[must_use]
    pub fn returns(mut self, type_name: &'static str) -> PrimitiveSpec {
        self.result = type_name;
        self
    }

    /// Adds another name.
    #[must_use]
    pub fn alias(mut self, name: &'static str) -> PrimitiveSpec {
        self.aliases.push(name);
        self
    }

    fn records(&self) -> impl Iterator<Item = Primitive> {
        let names = std::iter::once(self.name).chain(self.aliases.iter().copied());
        names.map(|name| Primitive {
            name: leak(name),
            signature: leak(&format!("({}) :{}", self.parameters, self.result)),
            doc: leak(&self.doc),
            function: Some(self.function),
            min_args: self.min_args,
            max_args: self.max_args,
            flags: self.flags,
            intrinsic: self.intrinsic,
            capabilities: self.capabilities,
        })
    }
}

/// Text as a C string that stays for ever; a table is made once for each loaded library.
fn leak(text: &str) -> *const c_char {
    CString::new(text).unwrap_or_default().into_raw()
}

/// A kernel, as `kernel!` describes it.
pub struct KernelSpec {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Extensions that it needs.
    pub needs: &'static [&'static str],
    /// Its primitives.
    pub primitives: Vec<PrimitiveSpec>,
    /// Its resource types.
    pub types: Vec<&'static TypeRecord>,
}

/// A kernel's table that lives as long as the process.
#[derive(Clone, Copy)]
pub struct Table(*const Kernel);

// SAFETY: the table and all it points at are leaked when made and never written again.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    /// The pointer that `sup_kernel_v1` answers.
    #[must_use]
    pub const fn as_ptr(self) -> *const Kernel {
        self.0
    }
}

/// Remembers the host's table, for the calls to come.
pub fn set_host(host: *const Host) {
    crate::host::set(host);
}

/// Builds the table of a kernel with that state.
#[must_use]
pub fn table<S: State>(spec: &KernelSpec) -> Table {
    let primitives: Vec<Primitive> = spec.primitives.iter().flat_map(PrimitiveSpec::records).collect();
    let types: Vec<*const _> = spec
        .types
        .iter()
        .map(|record| std::ptr::from_ref(*record).cast())
        .collect();
    let mut needs: Vec<*const c_char> = spec.needs.iter().map(|need| leak(need)).collect();
    needs.push(std::ptr::null());
    let name = leak(spec.name);
    crate::host::set_name(name);
    let kernel = Kernel {
        magic: MAGIC,
        size: size_of::<Kernel>() as u32,
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        value_layout: word::VALUE_LAYOUT,
        name,
        version: leak(spec.version),
        needs: Vec::leak(needs).as_ptr(),
        n_primitives: primitives.len() as u32,
        n_types: types.len() as u32,
        primitives: Vec::leak(primitives).as_ptr(),
        types: Vec::leak(types).as_ptr(),
        primitive_size: size_of::<Primitive>() as u32,
        state_version: S::VERSION,
        flags: 0,
        reserved: 0,
        load: Some(state::load::<S>),
        save: Some(state::save::<S>),
        quiesce: Some(state::quiesce::<S>),
        unload: Some(state::unload::<S>),
    };
    Table(Box::leak(Box::new(kernel)))
}
