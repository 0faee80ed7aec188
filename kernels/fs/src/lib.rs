//! The kernel `fs`: files and directories. `handle` keeps open files, `error` names what goes wrong, `tree`
//! looks at many.
//!
//! The predecessor's functions keep its names and answers: a handle is an integer, and what the operating
//! system refuses is -1. The others raise, with a code such as `fs/missing`. Every path goes through the
//! host, which knows what the isolate may touch.

mod error;
mod handle;
mod path;
mod tree;

use error::{failed, is_done, number_or_minus_one};
use handle::{Handles, Mode};
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use sup_kernel::extension::{ACCESS_READ, ACCESS_WRITE, resolve_path};
use sup_kernel::{Context, Error, List, ListKind, Rest, Result, Value};

/// Largest file that is read at once, in bytes.
const MAX_READ: u64 = 1 << 30;

fn readable(cx: &Context, path: &str) -> Result<String> {
    resolve_path(cx, path, ACCESS_READ)
}

fn writable(cx: &Context, path: &str) -> Result<String> {
    resolve_path(cx, path, ACCESS_WRITE)
}

/// Bytes as text, or an error that says where they are none.
fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        Error::new(
            "str/utf8",
            format!("the bytes are no UTF-8 from byte {offset} on"),
        )
    })
}

/// All bytes of a file.
fn contents(cx: &Context, path: &str) -> Result<Vec<u8>> {
    let resolved = readable(cx, path)?;
    let size = fs::metadata(&resolved).map_err(failed("read", path))?.len();
    if size > MAX_READ {
        return Err(Error::new(
            "fs/too-large",
            format!("{path} has {size} bytes; at most {MAX_READ} are read at once"),
        ));
    }
    fs::read(&resolved).map_err(failed("read", path))
}

/// At most so many bytes from a file's position on.
fn read_some(cx: &Context, handle: i64, n: i64) -> Result<Vec<u8>> {
    let n_bytes = u64::try_from(n).ok().filter(|n| *n <= MAX_READ);
    let n_bytes =
        n_bytes.ok_or_else(|| Error::new("fs/too-large", format!("a read is of 0 to {MAX_READ} bytes")))?;
    let mut bytes = Vec::new();
    cx.state::<Handles>()?
        .with(cx, handle, |file| file.take(n_bytes).read_to_end(&mut bytes))?
        .map_err(failed("read", "the file"))?;
    Ok(bytes)
}

fn bytes_of<'v>(data: &'v Value<'_>) -> Result<&'v [u8]> {
    data.as_bytes().ok_or_else(|| {
        let found = data.value_type().name();
        Error::type_mismatch(format!("a file takes strings and bytes, not :{found}"))
    })
}

sup_kernel::kernel! {
    name: "fs", version: env!("CARGO_PKG_VERSION"),
    capabilities: [READ],
    state: Handles,

    // ---- open files: the predecessor's ----

    /// Opens a file with a mode as of C's fopen, `"r" "r+" "w" "w+" "a" "a+"`, and answers its handle, or -1.
    /// Another mode raises `fs/mode`.
    fn "open" (cx, mode: &str, path: &str) -> Result<i64> [capabilities = [ONE_OF | READ | WRITE]] {
        let mode = Mode::parse(mode)?;
        let resolved = resolve_path(cx, path, if mode.writes() { ACCESS_WRITE } else { ACCESS_READ })?;
        match mode.options().open(resolved) {
            Ok(file) => cx.state::<Handles>()?.add(cx, file),
            Err(_) => Ok(-1),
        }
    }

    /// The whole text of an open file; the position is at its end afterwards. Raises `str/utf8` for other
    /// bytes.
    fn "read" (cx, handle: i64) -> Result<String> {
        let mut bytes = Vec::new();
        let read = cx.state::<Handles>()?.with(cx, handle, |file| {
            file.rewind()?;
            file.take(MAX_READ + 1).read_to_end(&mut bytes)
        })?;
        match read.map_err(failed("read", "the file"))? as u64 {
            0..=MAX_READ => text(bytes),
            _ => Err(Error::new("fs/too-large", format!("at most {MAX_READ} bytes are read at once"))),
        }
    }

    /// The text of at most n bytes from the position on, empty at the end. Raises `str/utf8` for other bytes,
    /// and when a character is cut; `read-binary` takes anything.
    fn "read_bytes" (cx, handle: i64, n: i64) -> Result<String> { text(read_some(cx, handle, n)?) }

    /// At most n bytes from the position on, none at the end.
    fn "read-binary" (cx, handle: i64, n: i64) -> Result<Vec<u8>> { read_some(cx, handle, n) }

    /// Writes a string or bytes at the position and answers their number, or -1.
    fn "write" (cx, handle: i64, data: Value) -> Result<i64> [capabilities = [WRITE]] {
        let bytes = bytes_of(&data)?;
        let written = cx.state::<Handles>()?.with(cx, handle, |file| file.write_all(bytes))?;
        Ok(number_or_minus_one(written.map(|()| bytes.len() as u64)))
    }

    /// Closes an open file.
    fn "close" (cx, handle: i64) -> Result<i64> [capabilities = [ONE_OF | READ | WRITE]] {
        cx.state::<Handles>()?.remove(cx, handle)?;
        Ok(0)
    }

    /// Moves the position by an offset from the start (0), the position (1) or the end (2) and answers it, or
    /// -1.
    fn "seek" (cx, handle: i64, offset: i64, whence: i64) -> Result<i64> [capabilities = [ONE_OF | READ | WRITE]] {
        let target = match (whence, u64::try_from(offset)) {
            (0, Ok(offset)) => SeekFrom::Start(offset),
            (0, Err(_)) => return Ok(-1),
            (1, _) => SeekFrom::Current(offset),
            (2, _) => SeekFrom::End(offset),
            _ => return Err(Error::new("fs/mode", "a position is from 0 (start), 1 (here) or 2 (end)")),
        };
        Ok(number_or_minus_one(cx.state::<Handles>()?.with(cx, handle, |file| file.seek(target))?))
    }

    /// The position in an open file, or -1.
    fn "tell" (cx, handle: i64) -> Result<i64> [capabilities = [ONE_OF | READ | WRITE]] {
        Ok(number_or_minus_one(cx.state::<Handles>()?.with(cx, handle, Seek::stream_position)?))
    }

    /// Number of bytes in an open file, or -1.
    fn "size" (cx, handle: i64) -> Result<i64> [capabilities = [ONE_OF | READ | WRITE]] {
        let size = cx.state::<Handles>()?.with(cx, handle, |file| file.metadata().map(|data| data.len()))?;
        Ok(number_or_minus_one(size))
    }

    /// Hands on what was written; 0, or -1.
    fn "flush" (cx, handle: i64) -> Result<i64> [capabilities = [WRITE]] {
        Ok(is_done(cx.state::<Handles>()?.with(cx, handle, Write::flush)?))
    }

    /// Waits until what was written is on the disk.
    fn "sync" (cx, handle: i64) -> Result<()> [capabilities = [WRITE]] {
        cx.state::<Handles>()?.with(cx, handle, |file| file.sync_all())?.map_err(failed("write", "the file"))
    }

    // ---- paths: the predecessor's ----

    /// 1 if something is at the path, else 0.
    fn "exists" (cx, path: &str) -> Result<i64> { Ok(i64::from(fs::metadata(readable(cx, path)?).is_ok())) }

    /// Removes a file, or an empty directory; 0, or -1.
    fn "remove" (cx, path: &str) -> Result<i64> [capabilities = [WRITE]] {
        let path = writable(cx, path)?;
        Ok(is_done(fs::remove_file(&path).or_else(|_| fs::remove_dir(&path))))
    }

    /// Gives a file or directory another path; 0, or -1.
    fn "rename" (cx, from: &str, to: &str) -> Result<i64> [capabilities = [WRITE]] {
        Ok(is_done(fs::rename(writable(cx, from)?, writable(cx, to)?)))
    }

    /// Makes a directory and those above it; 0, or -1 when nothing was made.
    fn "mkdir" (cx, path: &str) -> Result<i64> [capabilities = [WRITE]] {
        let path = writable(cx, path)?;
        if fs::metadata(&path).is_ok() {
            return Ok(-1);
        }
        Ok(is_done(fs::create_dir_all(path)))
    }

    /// Removes an empty directory; 0, or -1.
    fn "rmdir" (cx, path: &str) -> Result<i64> [capabilities = [WRITE]] { Ok(is_done(fs::remove_dir(writable(cx, path)?))) }

    /// Removes a directory with all that is in it and answers how many files and directories that were; -1
    /// when not all could be removed, 0 when nothing was there.
    fn "rmdir_recursive" (cx, path: &str) -> Result<i64> [alias = "rmdir-recursive", capabilities = [WRITE]] {
        let path = writable(cx, path)?;
        if fs::symlink_metadata(&path).is_err() {
            return Ok(0);
        }
        let n_entries = tree::count(cx, &path)?;
        Ok(if fs::remove_dir_all(&path).is_ok() { n_entries } else { -1 })
    }

    /// The directory for temporary files.
    fn "tmp" () -> String [capabilities = [ONE_OF | READ | WRITE]] { std::env::temp_dir().to_string_lossy().into_owned() }

    /// Parts of a path joined with the separator; a part that is absolute starts anew.
    fn "join_path" (parts: Rest<&str>) -> Result<String> [pure, alias = "join-path"] { path::join(&parts) }

    /// Names in a directory, sorted. Raises `fs/missing` and the like.
    fn "ls" (cx, path: &str) -> Result<List<String>> [returns = "list-b"] {
        Ok(List(ListKind::Square, tree::names(&readable(cx, path)?, path)?))
    }

    // ---- whole files ----

    /// The text of a file. Raises `fs/missing` and the like, and `str/utf8` for other bytes.
    fn "read-text" (cx, path: &str) -> Result<String> { text(contents(cx, path)?) }

    /// The bytes of a file.
    fn "read-file" (cx, path: &str) -> Result<Vec<u8>> { contents(cx, path) }

    /// Makes a file with a text or bytes, in place of what was there.
    fn "write-text" (cx, path: &str, data: Value) -> Result<()> [alias = "write-file", capabilities = [WRITE]] {
        fs::write(writable(cx, path)?, bytes_of(&data)?).map_err(failed("write", path))
    }

    /// Adds a text or bytes at the end of a file, which is made when there is none.
    fn "append-text" (cx, path: &str, data: Value) -> Result<()> [capabilities = [WRITE]] {
        let bytes = bytes_of(&data)?;
        let file = fs::OpenOptions::new().append(true).create(true).open(writable(cx, path)?);
        file.and_then(|mut file| file.write_all(bytes)).map_err(failed("write", path))
    }

    /// Copies a file.
    fn "copy" (cx, from: &str, to: &str) -> Result<()> [capabilities = [READ | WRITE]] {
        fs::copy(readable(cx, from)?, writable(cx, to)?).map(|_| ()).map_err(failed("copy", from))
    }

    // ---- what is there ----

    /// A map of what is at a path, or nil: `:kind` (`:file :dir :link :other`), `:size` in bytes, `:modified`
    /// in microseconds since 1970. Links are followed.
    fn "stat" (cx, path: &str) -> Result<Value> [returns = "map?"] {
        match fs::metadata(readable(cx, path)?) {
            Ok(data) => tree::described(cx, None, &data),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(cx.nil()),
            Err(error) => Err(failed("look at", path)(error)),
        }
    }

    /// Whether a file is at the path.
    fn "file?" (cx, path: &str) -> Result<bool> {
        Ok(fs::metadata(readable(cx, path)?).is_ok_and(|data| data.is_file()))
    }

    /// Whether a directory is at the path.
    fn "dir?" (cx, path: &str) -> Result<bool> {
        Ok(fs::metadata(readable(cx, path)?).is_ok_and(|data| data.is_dir()))
    }

    /// What is in a directory, sorted by name: maps as of `stat`, with `:name`. Links are not followed.
    fn "list-dir" (cx, path: &str) -> Result<Value> [returns = "list"] {
        tree::list(cx, &readable(cx, path)?, path)
    }

    /// All files below a directory, sorted: maps as of `stat`, with `:path` starting with the given one.
    /// Links are not followed; `skip` is a list of names of files and directories to leave out.
    fn "walk" (cx, path: &str, skip: Option<Value>) -> Result<Value> [returns = "list"] {
        tree::walk(cx, &readable(cx, path)?, path, skip)
    }

    /// The last part of a path: `(base-name "a/b.txt")` is `"b.txt"`.
    fn "base-name" (path: &str) -> String [pure] { path::base_name(path) }

    /// A path without its last part: `(dir-name "a/b.txt")` is `"a"`.
    fn "dir-name" (path: &str) -> String [pure] { path::dir_name(path) }

    /// What follows the last dot in the last part of a path, or nil: `(extension "a/b.txt")` is `"txt"`.
    fn "extension" (path: &str) -> Option<String> [pure, returns = "str?"] { path::extension(path) }
}

#[cfg(test)]
mod tests;
