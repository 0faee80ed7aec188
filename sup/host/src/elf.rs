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

/// How many bytes from the start of a library are looked at.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Checks the first bytes of a file of that length, and answers how many of its bytes the loader needs: what follows are
/// sections for debuggers. On systems with another format the loader has the say.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
pub fn check(_head: &[u8], length: u64) -> Result<u64, LoadError> {
    Ok(length)
}

/// Checks that a file of that length, which begins with these bytes, is a whole shared library for this machine, and answers
/// how many of its bytes the loader needs: what follows are sections for debuggers.
#[cfg(all(unix, not(target_vendor = "apple")))]
pub fn check(head: &[u8], length: u64) -> Result<u64, LoadError> {
    let wrong = |reason: &str| {
        Err(LoadError::NoLibrary {
            reason: reason.to_owned(),
        })
    };
    if !head.starts_with(b"\x7fELF") {
        return wrong("it does not begin as one");
    }
    if head.len() < place::HEADER_BYTES {
        return wrong("it ends in its header");
    }
    if head[place::CLASS] != 2 || head[place::ORDER] != 1 {
        return wrong("it is not of 64 bits with low bytes first");
    }
    if number::<2>(head, place::TYPE) != Some(u64::from(TYPE_SHARED)) {
        return wrong("it is no shared library");
    }
    if number::<2>(head, place::MACHINE) != Some(u64::from(MACHINE)) {
        return wrong("it is for another processor");
    }
    match loaded_bytes(head) {
        Some(n_loaded) if n_loaded <= length && has_sections(head, length) => Ok(n_loaded),
        _ => wrong("it is not whole"),
    }
}

/// Where the last segment ends that the loader maps, in the file.
fn loaded_bytes(head: &[u8]) -> Option<u64> {
    let start = number::<8>(head, place::SEGMENTS)?;
    let size = number::<2>(head, place::SEGMENT_SIZE)?;
    let count = number::<2>(head, place::N_SEGMENTS)?;
    if count == 0 || (size as usize) < place::SEGMENT_BYTES {
        return None;
    }
    let mut end = place::HEADER_BYTES as u64;
    for index in 0..count {
        let at = usize::try_from(start.checked_add(index * size)?).ok()?;
        let segment = head.get(at..at.checked_add(place::SEGMENT_BYTES)?)?;
        end = end.max(at as u64 + place::SEGMENT_BYTES as u64);
        if number::<4>(segment, 0)? == u64::from(SEGMENT_LOAD) {
            let offset = number::<8>(segment, place::SEGMENT_OFFSET)?;
            end = end.max(offset.checked_add(number::<8>(segment, place::SEGMENT_LENGTH)?)?);
        }
    }
    Some(end)
}

/// Whether the table of sections lies in the file. It stands at the end, so that a file which was cut anywhere lacks it; a
/// stripped library may have none.
fn has_sections(head: &[u8], length: u64) -> bool {
    let (Some(start), Some(size), Some(count)) = (
        number::<8>(head, place::SECTIONS),
        number::<2>(head, place::SECTION_SIZE),
        number::<2>(head, place::N_SECTIONS),
    ) else {
        return false;
    };
    start == 0 || start.checked_add(size * count).is_some_and(|end| end <= length)
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
    fn own() -> Vec<u8> {
        std::fs::read(std::env::current_exe().expect("has a path")).expect("reads")
    }

    fn checked(bytes: &[u8]) -> Result<u64, LoadError> {
        check(&bytes[..bytes.len().min(HEAD_BYTES)], bytes.len() as u64)
    }

    #[test]
    fn whole_files_pass_and_cut_ones_do_not() {
        let bytes = own();
        let n_loaded = checked(&bytes).expect("is whole");
        assert!(n_loaded > 1000 && n_loaded < bytes.len() as u64);
        for length in [0, 3, 20, 63, 64, 100, bytes.len() / 2] {
            assert!(checked(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn foreign_files_do_not_pass() {
        let bytes = own();
        for (at, value) in [
            (0, b'M'),
            (place::CLASS, 1),
            (place::ORDER, 2),
            (place::TYPE, 1),
            (place::MACHINE, 0),
        ] {
            let mut foreign = bytes.clone();
            foreign[at] = value;
            assert_eq!(
                checked(&foreign).expect_err("refused").code(),
                "kernel/no-library"
            );
        }
        assert!(checked(b"#!/bin/sh\n").is_err());
    }
}
