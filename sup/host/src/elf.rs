//! A look at the bytes of a library before the system's loader sees them: is it one for this machine, and
//! whole?
//!
//! A file that ends early makes the loader die with SIGBUS, and one for another machine gives a poor message.

use crate::error::LoadError;

/// Where numbers lie in the header of an ELF file of 64 bits, and in the headers of its segments.
mod place {
    pub const CLASS: usize = 4;
    pub const ORDER: usize = 5;
    pub const TYPE: usize = 16;
    pub const MACHINE: usize = 18;
    pub const SEGMENTS: usize = 32;
    pub const SECTIONS: usize = 40;
    pub const SEGMENT_SIZE: usize = 54;
    pub const SECTION_SIZE: usize = 58;
    pub const N_SECTIONS: usize = 60;
    pub const N_SEGMENTS: usize = 56;
    pub const HEADER_BYTES: usize = 64;
    pub const SEGMENT_OFFSET: usize = 8;
    pub const SEGMENT_LENGTH: usize = 32;
    pub const SEGMENT_BYTES: usize = 56;
}

const TYPE_SHARED: u16 = 3;
const SEGMENT_LOAD: u32 = 1;

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183;
#[cfg(target_arch = "riscv64")]
const MACHINE: u16 = 243;

/// Checks that bytes are a whole shared library for this machine. On systems with another format the loader
/// has the say.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
pub fn check(_bytes: &[u8]) -> Result<(), LoadError> {
    Ok(())
}

/// Checks that bytes are a whole shared library for this machine.
#[cfg(all(unix, not(target_vendor = "apple")))]
pub fn check(bytes: &[u8]) -> Result<(), LoadError> {
    let wrong = |reason: &str| {
        Err(LoadError::NoLibrary {
            reason: reason.to_owned(),
        })
    };
    if !bytes.starts_with(b"\x7fELF") {
        return wrong("it does not begin as one");
    }
    if bytes.len() < place::HEADER_BYTES {
        return wrong("it ends in its header");
    }
    if bytes[place::CLASS] != 2 || bytes[place::ORDER] != 1 {
        return wrong("it is not of 64 bits with low bytes first");
    }
    if number::<2>(bytes, place::TYPE) != Some(u64::from(TYPE_SHARED)) {
        return wrong("it is no shared library");
    }
    if number::<2>(bytes, place::MACHINE) != Some(u64::from(MACHINE)) {
        return wrong("it is for another processor");
    }
    if !segments_are_whole(bytes) || !sections_are_there(bytes) {
        return wrong("it is not whole");
    }
    Ok(())
}

fn segments_are_whole(bytes: &[u8]) -> bool {
    let (Some(start), Some(size), Some(count)) = (
        number::<8>(bytes, place::SEGMENTS),
        number::<2>(bytes, place::SEGMENT_SIZE),
        number::<2>(bytes, place::N_SEGMENTS),
    ) else {
        return false;
    };
    if count == 0 || (size as usize) < place::SEGMENT_BYTES {
        return false;
    }
    (0..count).all(|index| {
        let at = start
            .checked_add(index * size)
            .and_then(|at| usize::try_from(at).ok());
        at.is_some_and(|at| segment_is_whole(bytes, at))
    })
}

/// The table of sections stands at the end, so that a file which was cut anywhere lacks it. A stripped
/// library may have none.
fn sections_are_there(bytes: &[u8]) -> bool {
    let (Some(start), Some(size), Some(count)) = (
        number::<8>(bytes, place::SECTIONS),
        number::<2>(bytes, place::SECTION_SIZE),
        number::<2>(bytes, place::N_SECTIONS),
    ) else {
        return false;
    };
    start == 0
        || start
            .checked_add(size * count)
            .is_some_and(|end| end <= bytes.len() as u64)
}

fn segment_is_whole(bytes: &[u8], at: usize) -> bool {
    let Some(segment) = at
        .checked_add(place::SEGMENT_BYTES)
        .and_then(|end| bytes.get(at..end))
    else {
        return false;
    };
    if number::<4>(segment, 0) != Some(u64::from(SEGMENT_LOAD)) {
        return true;
    }
    let offset = number::<8>(segment, place::SEGMENT_OFFSET).unwrap_or(u64::MAX);
    let length = number::<8>(segment, place::SEGMENT_LENGTH).unwrap_or(u64::MAX);
    offset
        .checked_add(length)
        .is_some_and(|end| end <= bytes.len() as u64)
}

/// The number of so many bytes at a place, low bytes first.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let found = bytes.get(at..at.checked_add(N)?)?;
    Some(
        found
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)),
    )
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The test's own binary is a position-independent executable, which has the type of a library.
    #[test]
    fn whole_files_pass_and_cut_ones_do_not() {
        let bytes = std::fs::read(std::env::current_exe().expect("has a path")).expect("reads");
        assert_eq!(check(&bytes), Ok(()));
        for length in [0, 3, 20, 63, 64, 100, bytes.len() / 2] {
            assert!(check(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn foreign_files_do_not_pass() {
        let bytes = std::fs::read(std::env::current_exe().expect("has a path")).expect("reads");
        for (at, value) in [
            (0, b'M'),
            (place::CLASS, 1),
            (place::ORDER, 2),
            (place::TYPE, 1),
            (place::MACHINE, 0),
        ] {
            let mut foreign = bytes.clone();
            foreign[at] = value;
            assert_eq!(check(&foreign).expect_err("refused").code(), "kernel/no-library");
        }
        assert!(check(b"#!/bin/sh\n").is_err());
    }
}
