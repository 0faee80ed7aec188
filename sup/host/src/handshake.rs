//! What is checked of a kernel's table before anything in it is called. After this, the host trusts its
//! shape.
//!
//! Pointers that point nowhere cannot be told from good ones: native code can be gated, not contained.
#![allow(unsafe_code)]

use crate::error::LoadError;
use crate::kernel::PrimitiveInfo;
use crate::search::check_name;
use std::collections::HashSet;
use std::ffi::c_char;
use sup_abi::kernel::{
    ABI_MAJOR, ABI_MINOR, Kernel, MAGIC, MAX_ARGUMENTS, MAX_DOC_BYTES, MAX_NAME_BYTES, MAX_NEEDS,
    MAX_PRIMITIVES, MAX_SIGNATURE_BYTES, MAX_TYPES, MIN_TYPE_BYTES, Primitive, flags,
};
use sup_abi::signature::Signature;
use sup_abi::{capability, intrinsic, word};

/// Reads one field of a table that may be shorter than ours.
macro_rules! read_field {
    ($kernel:expr, $field:ident) => {
        (&raw const (*$kernel).$field).read()
    };
}

/// What a table says, checked and copied.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The kernel's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Extensions that it needs.
    pub needs: Vec<String>,
    /// Its primitives.
    pub primitives: Vec<PrimitiveInfo>,
    /// Names of its resource types.
    pub types: Vec<String>,
    /// Version of what it saves for its next generation.
    pub state_version: u32,
}

/// Checks a table and copies what it says.
///
/// # Errors
/// What is wrong with it.
///
/// # Safety
/// `kernel` must be null or what a library's `sup_kernel_v1` answered; its pointers must be null or good for
/// ever.
pub unsafe fn check(kernel: *const Kernel) -> Result<Contents, LoadError> {
    if kernel.is_null() {
        return Err(LoadError::NoTable);
    }
    // SAFETY: the caller vouches for the pointer. The first two words say whether the rest is there.
    let (magic, size) = unsafe { (read_field!(kernel, magic), read_field!(kernel, size)) };
    if magic != MAGIC {
        return Err(LoadError::Magic { found: magic });
    }
    // SAFETY: every version of the table has these fields at these places.
    let (major, minor, layout) = unsafe {
        (
            read_field!(kernel, abi_major),
            read_field!(kernel, abi_minor),
            read_field!(kernel, value_layout),
        )
    };
    check_version(major, minor, layout)?;
    check_size("table", size, size_of::<Kernel>())?;
    // SAFETY: the table is of this version, and large enough.
    let table = unsafe { &*kernel };
    check_size("primitive", table.primitive_size, size_of::<Primitive>())?;
    if table.flags != 0 || table.reserved != 0 {
        let reason = format!("unknown bits {:#x}", table.flags | table.reserved);
        return Err(LoadError::Flags {
            of: "the kernel".to_owned(),
            reason,
        });
    }
    // SAFETY: the caller vouches for the table's pointers.
    unsafe {
        let name = text(table.name, "the kernel's name", MAX_NAME_BYTES)?;
        check_name(&name)?;
        Ok(Contents {
            version: text(table.version, "the kernel's version", MAX_NAME_BYTES)?,
            needs: needs(table)?,
            primitives: primitives(table)?,
            types: types(table)?,
            state_version: table.state_version,
            name,
        })
    }
}

fn check_version(major: u16, minor: u16, layout: u32) -> Result<(), LoadError> {
    if major != ABI_MAJOR {
        return Err(LoadError::Major {
            found: major,
            ours: ABI_MAJOR,
        });
    }
    if minor > ABI_MINOR {
        return Err(LoadError::Minor {
            found: minor,
            ours: ABI_MINOR,
        });
    }
    if layout != word::VALUE_LAYOUT {
        return Err(LoadError::Layout {
            found: layout,
            ours: word::VALUE_LAYOUT,
        });
    }
    Ok(())
}

fn check_size(what: &'static str, found: u32, least: usize) -> Result<(), LoadError> {
    let least = least as u32;
    if found < least {
        Err(LoadError::Size { what, found, least })
    } else {
        Ok(())
    }
}

/// Text that a kernel points at, up to a limit.
///
/// # Safety
/// `pointer` must be null or point at bytes that a zero ends.
unsafe fn text(
    pointer: *const c_char,
    what: impl std::fmt::Display,
    limit: usize,
) -> Result<String, LoadError> {
    if pointer.is_null() {
        return Err(LoadError::Table {
            reason: format!("{what} is missing"),
        });
    }
    let bytes = pointer.cast::<u8>();
    // SAFETY: the search stops at the zero, so every byte that is looked at is there.
    let Some(len) = (0..=limit).find(|index| unsafe { *bytes.add(*index) } == 0) else {
        return Err(LoadError::TooLong {
            what: what.to_string(),
            limit,
        });
    };
    // SAFETY: so many bytes were just looked at.
    let text = std::str::from_utf8(unsafe { std::slice::from_raw_parts(bytes, len) });
    text.map(str::to_owned).map_err(|_| LoadError::Table {
        reason: format!("{what} is no UTF-8"),
    })
}

unsafe fn needs(table: &Kernel) -> Result<Vec<String>, LoadError> {
    let mut needs = Vec::new();
    if table.needs.is_null() {
        return Ok(needs);
    }
    for index in 0..=MAX_NEEDS {
        // SAFETY: the list ends with null, which did not come before.
        let need = unsafe { *table.needs.add(index) };
        if need.is_null() {
            return Ok(needs);
        }
        // SAFETY: the caller vouches for the table's pointers.
        needs.push(unsafe { text(need, "the name of an extension", MAX_NAME_BYTES) }?);
    }
    Err(LoadError::Table {
        reason: format!("it needs more than {MAX_NEEDS} extensions"),
    })
}

unsafe fn types(table: &Kernel) -> Result<Vec<String>, LoadError> {
    let missing = table.n_types > 0 && table.types.is_null();
    if missing || table.n_types > MAX_TYPES {
        return Err(LoadError::Table {
            reason: format!("{} resource types", table.n_types),
        });
    }
    let mut names = Vec::new();
    for index in 0..table.n_types as usize {
        // SAFETY: the table names that many types.
        let record = unsafe { *table.types.add(index) };
        if record.is_null() {
            return Err(LoadError::Table {
                reason: "a resource type is missing".to_owned(),
            });
        }
        // SAFETY: the caller vouches for the table's pointers; a record that was built before fields were added is shorter than
        // ours, so these are read one by one.
        unsafe {
            check_size(
                "resource type",
                (&raw const (*record).size).read(),
                MIN_TYPE_BYTES,
            )?;
            let name = (&raw const (*record).name).read();
            names.push(text(name, "the name of a resource type", MAX_NAME_BYTES)?);
        }
    }
    Ok(names)
}

unsafe fn primitives(table: &Kernel) -> Result<Vec<PrimitiveInfo>, LoadError> {
    let missing = table.n_primitives > 0 && table.primitives.is_null();
    if missing || table.n_primitives > MAX_PRIMITIVES {
        return Err(LoadError::Table {
            reason: format!("{} primitives", table.n_primitives),
        });
    }
    let mut infos = Vec::with_capacity(table.n_primitives as usize);
    let mut names = HashSet::new();
    for index in 0..table.n_primitives as usize {
        let offset = index * table.primitive_size as usize;
        // SAFETY: the table names that many primitives, each of that size and at least as large as ours.
        let record = unsafe {
            table
                .primitives
                .cast::<u8>()
                .add(offset)
                .cast::<Primitive>()
                .read_unaligned()
        };
        // SAFETY: the caller vouches for the table's pointers.
        let info = unsafe { primitive(&record) }?;
        if !names.insert(info.name.clone()) {
            return Err(LoadError::Duplicate { primitive: info.name });
        }
        infos.push(info);
    }
    Ok(infos)
}

unsafe fn primitive(record: &Primitive) -> Result<PrimitiveInfo, LoadError> {
    // SAFETY: the caller vouches for the table's pointers.
    let name = unsafe { text(record.name, "the name of a primitive", MAX_NAME_BYTES) }?;
    if !is_plain(&name) {
        return Err(LoadError::Table {
            reason: format!("`{name}` is no name of a primitive"),
        });
    }
    let function = record.function.ok_or_else(|| LoadError::NullFunction {
        primitive: name.clone(),
    })?;
    check_flags(&name, record)?;
    // SAFETY: the caller vouches for the table's pointers.
    let signature_text = unsafe {
        text(
            record.signature,
            format_args!("the signature of {name}"),
            MAX_SIGNATURE_BYTES,
        )
    }?;
    let wrong = |reason: String| LoadError::Signature {
        primitive: name.clone(),
        reason,
    };
    let signature = Signature::parse(&signature_text).map_err(|error| wrong(error.to_string()))?;
    let max_args = usize::try_from(record.max_args).ok();
    let fits = usize::try_from(record.min_args) == Ok(signature.min_args())
        && max_args == signature.max_args()
        && record.max_args >= -1
        && record.max_args <= MAX_ARGUMENTS;
    if !fits {
        let (min, max) = (record.min_args, record.max_args);
        return Err(wrong(format!(
            "its signature does not say {min} to {max} arguments"
        )));
    }
    // SAFETY: the caller vouches for the table's pointers.
    let doc = unsafe {
        text(
            record.doc,
            format_args!("the documentation of {name}"),
            MAX_DOC_BYTES,
        )
    }?;
    let (flags, intrinsic, capabilities) = (record.flags, record.intrinsic, record.capabilities);
    Ok(PrimitiveInfo {
        name,
        signature_text,
        signature,
        doc,
        flags,
        intrinsic,
        capabilities,
        function,
    })
}

fn check_flags(name: &str, record: &Primitive) -> Result<(), LoadError> {
    let has = |flag: u32| record.flags & flag != 0;
    let wrong = |reason: &str| {
        Err(LoadError::Flags {
            of: format!("primitive {name}"),
            reason: reason.to_owned(),
        })
    };
    if record.flags & !flags::ALL != 0 {
        return wrong("unknown bits");
    }
    if !capability::is_sound(record.capabilities) {
        return wrong("unknown capabilities, or some that exclude each other");
    }
    if has(flags::PURE) && capability::needed(record.capabilities, true) != 0 {
        return wrong("what needs a capability is not pure");
    }
    if has(flags::BLOCKING) && !has(flags::ASYNC) {
        return wrong("blocking needs async");
    }
    if has(flags::ASYNC) && (has(flags::PURE) || has(flags::LEAF)) {
        return wrong("async excludes pure and leaf");
    }
    if record.intrinsic != intrinsic::NONE && intrinsic::name(record.intrinsic).is_none() {
        return wrong("an unknown intrinsic");
    }
    Ok(())
}

/// Whether a primitive can have that name: what reads as one symbol without a kernel's name in it.
fn is_plain(name: &str) -> bool {
    let is_allowed = |c: char| !c.is_whitespace() && !c.is_control() && !"()[]{}\";'`,:@#".contains(c);
    let has_slash = name.contains('/') && name != "/";
    !name.is_empty() && name.chars().all(is_allowed) && !has_slash && !name.starts_with('%')
}
