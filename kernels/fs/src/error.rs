//! What the operating system refuses, as errors with codes or as the predecessor's numbers.

use std::io;
use sup_kernel::Error;

/// Makes an error of what went wrong with a path.
pub fn failed<'a>(what: &'a str, path: &'a str) -> impl FnOnce(io::Error) -> Error + 'a {
    move |error| {
        Error::new(
            code(error.kind()),
            format!("cannot {what} {path}: {}", reason(&error)),
        )
    }
}

fn code(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "fs/missing",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "fs/denied",
        io::ErrorKind::AlreadyExists => "fs/exists",
        io::ErrorKind::NotADirectory => "fs/not-directory",
        io::ErrorKind::IsADirectory => "fs/is-directory",
        io::ErrorKind::DirectoryNotEmpty => "fs/not-empty",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "fs/full",
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => "fs/name",
        _ => "fs/io",
    }
}

/// The system's text without its number and capital.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

/// 0 for done, -1 for refused.
pub fn is_done(result: io::Result<()>) -> i64 {
    if result.is_ok() { 0 } else { -1 }
}

/// The number, or -1 for refused.
pub fn number_or_minus_one(result: io::Result<u64>) -> i64 {
    result
        .ok()
        .and_then(|number| i64::try_from(number).ok())
        .unwrap_or(-1)
}
