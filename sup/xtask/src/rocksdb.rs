//! The cache of RocksDB's archive: 344 C++ files that take ten minutes are compiled once for a machine and compiler, outside
//! the checkout, and every clone and profile links the result.
//!
//! `librocksdb-sys` looks at `ROCKSDB_LIB_DIR` and `ROCKSDB_STATIC`, and builds again when they change. So nobody sets them by
//! hand: `.cargo/rocksdb.toml`, which `.cargo/config.toml` includes when it is there, holds them for every cargo that runs in the
//! checkout, ours and the user's alike. `ROCKSDB_INCLUDE_DIR` stays unset: the headers are those of the crate itself, which are
//! the archive's, since the crate's version is part of the key. lz4 is a crate of its own and is built as usual.
//!
//! What is linked is a copy whose table of constructors has another name, where `objcopy` can make one: the C runtime then does
//! not run them when `sup` starts, and `sup/store/src/disk/initialisers.rs` runs them when it opens a database.

use std::env;
use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::house::{Failure, House, captured, in_path, shown};
use crate::json;

const ARCHIVE: &str = "librocksdb.a";
const CRATE: &str = "librocksdb-sys";
/// The note beside an archive whose constructors wait to be called; `sup/store/build.rs` looks for it.
const DEFERRED: &str = "initialisers-deferred";
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Sees to it that the archive is in the cache and that cargo knows where, building it when it is not.
pub fn ensure(house: &House) -> Result<(), Failure> {
    if house.variable("ROCKSDB_LIB_DIR").is_some() {
        println!("setup: ROCKSDB_LIB_DIR is set, so the cache of RocksDB is left alone");
        return Ok(());
    }
    let Some(key) = key(house)? else {
        println!("setup: nothing here depends on RocksDB");
        return Ok(());
    };
    let folder = cache_root()?.join("rocksdb").join(&key);
    let config = house.root.join(".cargo/rocksdb.toml");
    if folder.join(ARCHIVE).is_file() {
        println!("setup: RocksDB is taken from {}", folder.display());
    } else {
        println!(
            "setup: RocksDB is built once for this machine and compiler, ten minutes on two idle cores, and kept in"
        );
        println!("setup:   {}", folder.display());
        // A stale answer would make cargo look for an archive that is gone.
        let _ = fs::remove_file(&config);
        let built = build(house)?;
        keep(&built.join(ARCHIVE), &folder)?;
        drop_objects(&built);
    }
    write_config(&config, deferring(&folder)?.as_deref().unwrap_or(&folder))
}

/// The folder of the copy whose constructors wait to be called, made when it is not there. None where none can be made: then
/// they run when the program starts, which costs it some milliseconds and megabytes.
fn deferring(folder: &Path) -> Result<Option<PathBuf>, Failure> {
    let copy = folder.join("deferred");
    if copy.join(DEFERRED).is_file() {
        return Ok(Some(copy));
    }
    if !cfg!(target_os = "linux") || in_path("objcopy").is_none() {
        return Ok(None);
    }
    let failed = |error: std::io::Error| Failure::chore(format!("cannot write {}: {error}", copy.display()));
    fs::create_dir_all(&copy).map_err(failed)?;
    // Two chores at once each make their own and rename it into place.
    let draft = copy.join(format!(".draft-{}", std::process::id()));
    captured(
        Command::new("objcopy")
            .args(["--rename-section", ".init_array=rocksdb_init"])
            .arg(folder.join(ARCHIVE))
            .arg(&draft),
    )?;
    fs::rename(&draft, copy.join(ARCHIVE)).map_err(failed)?;
    fs::write(copy.join(DEFERRED), "rocksdb_init\n").map_err(failed)?;
    Ok(Some(copy))
}

/// What the archive depends on: the crate's version, the target, and (hashed) compiler, flags and features. None when no crate
/// of ours depends on RocksDB.
fn key(house: &House) -> Result<Option<String>, Failure> {
    let lock = read(&house.root.join("Cargo.lock"))?;
    let Some(version) = locked_version(&lock, CRATE) else {
        return Ok(None);
    };
    let manifest = read(&house.root.join("Cargo.toml"))?;
    let features = manifest
        .lines()
        .find(|line| line.starts_with("rocksdb = "))
        .unwrap_or_default();
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let compiler = captured(Command::new(compiler).arg("--version"))?;
    let compiler = compiler.lines().next().unwrap_or_default();
    let flags = |name| env::var(name).unwrap_or_default();
    let parts = [compiler, &flags("CXXFLAGS"), &flags("RUSTFLAGS"), features];
    let target = match env::var("CARGO_BUILD_TARGET") {
        Ok(target) => target,
        Err(_) => host_target()?,
    };
    Ok(Some(format!("{version}-{target}-{:016x}", hash(&parts))))
}

/// The target that rustc builds for when none is named.
pub fn host_target() -> Result<String, Failure> {
    let said = captured(Command::new("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| Failure::chore("`rustc -vV` names no host"))
}

/// The version of a package in the text of a `Cargo.lock`.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

/// FNV-1a, 64 bits, of the parts with a newline after each: enough to tell compilers apart, and the same in every build of xtask.
fn hash(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn cache_root() -> Result<PathBuf, Failure> {
    let set = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("SUP_BUILD_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("sup")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/sup")))
        .ok_or_else(|| {
            Failure::chore("neither SUP_BUILD_CACHE nor XDG_CACHE_HOME nor HOME is set: where is the cache?")
        })
}

/// Builds the crate in the target directory that the build proper uses, so that bindgen and the rest of what it needs is built
/// once; returns the folder in which its build script worked.
fn build(house: &House) -> Result<PathBuf, Failure> {
    let mut command = house.cargo();
    command.args([
        "build",
        "--release",
        "--package",
        CRATE,
        "--message-format",
        "json-render-diagnostics",
    ]);
    println!("setup: running `{}`", shown(&command));
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::chore(format!("cannot start `{}`: {error}", shown(&command))))?;
    let stdout = child.stdout.take().expect("stdout was asked for as a pipe");
    let (ended, is_ended) = mpsc::channel::<()>();
    let out_dir = thread::scope(|scope| {
        scope.spawn(|| tell_progress(&house.release().join("build"), is_ended));
        let lines = std::io::BufReader::new(stdout).lines().map_while(Result::ok);
        let mut executed = lines.filter(|line| {
            json::string_field(line, "reason").as_deref() == Some("build-script-executed")
                && line.contains(CRATE)
        });
        // The iterator is read to its end: cargo must never wait for us to take its output.
        let first = executed.next();
        executed.for_each(drop);
        drop(ended);
        first
    });
    let status = child
        .wait()
        .map_err(|error| Failure::chore(format!("lost sight of cargo: {error}")))?;
    if !status.success() {
        return Err(Failure::chore(format!("RocksDB did not build ({status})")));
    }
    out_dir
        .and_then(|line| json::string_field(&line, "out_dir"))
        .map(PathBuf::from)
        .ok_or_else(|| Failure::chore(format!("cargo did not say where {CRATE} was built")))
}

/// Says now and then how many files are compiled, until the sender is gone.
fn tell_progress(build_folder: &Path, is_ended: mpsc::Receiver<()>) {
    while is_ended.recv_timeout(HEARTBEAT) == Err(mpsc::RecvTimeoutError::Timeout) {
        let n_objects: usize = entries(build_folder)
            .iter()
            .filter(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with(CRATE))
            })
            .map(|path| objects(&path.join("out")).len())
            .sum();
        if n_objects > 0 {
            println!("setup: RocksDB: {n_objects} of about 350 files compiled");
        }
    }
}

/// Puts the archive into the cache in one step, so that two builds at once cannot meet half a file.
fn keep(archive: &Path, folder: &Path) -> Result<(), Failure> {
    let failed = |what: &str, error: std::io::Error| {
        Failure::chore(format!("cannot {what} the cache of RocksDB: {error}"))
    };
    let parent = folder.parent().expect("the cache folder lies in the cache");
    let draft = parent.join(format!(".draft-{}", std::process::id()));
    fs::create_dir_all(&draft).map_err(|error| failed("make", error))?;
    fs::copy(archive, draft.join(ARCHIVE)).map_err(|error| failed("fill", error))?;
    let renamed = fs::rename(&draft, folder);
    if renamed.is_err() {
        let _ = fs::remove_dir_all(&draft);
    }
    // Another build may have been first; its archive is as good as ours.
    if folder.join(ARCHIVE).is_file() {
        Ok(())
    } else {
        renamed.map_err(|error| failed("fill", error))
    }
}

/// The objects and the archive in the target directory are of no more use: a few hundred MiB.
fn drop_objects(out_dir: &Path) {
    for path in objects(out_dir).into_iter().chain([out_dir.join(ARCHIVE)]) {
        let _ = fs::remove_file(path);
    }
}

fn objects(folder: &Path) -> Vec<PathBuf> {
    entries(folder)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "o"))
        .collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.path()).collect()
}

fn write_config(config: &Path, folder: &Path) -> Result<(), Failure> {
    let text = format!(
        "# Written by `cargo xtask setup`: here lies RocksDB, compiled. Delete this file and cargo compiles it again.\n\
         [env]\nROCKSDB_LIB_DIR = {}\nROCKSDB_STATIC = \"1\"\n",
        json::quoted(&folder.to_string_lossy())
    );
    if fs::read_to_string(config).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(config, text)
        .map_err(|error| Failure::chore(format!("cannot write {}: {error}", config.display())))
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::chore(format!("cannot read {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::scratch::Scratch;

    #[test]
    fn the_version_is_the_locked_one() {
        let lock = "[[package]]\nname = \"lz4-sys\"\nversion = \"1.0\"\n\n[[package]]\nname = \"librocksdb-sys\"\nversion = \"0.19.0+11.8.1\"\n";
        assert_eq!(locked_version(lock, CRATE), Some("0.19.0+11.8.1"));
        assert_eq!(locked_version(lock, "absent"), None);
    }

    #[test]
    fn the_key_tells_its_parts_apart() {
        assert_eq!(hash(&["g++ 12", ""]), hash(&["g++ 12", ""]));
        assert_ne!(hash(&["g++ 12", "-O2"]), hash(&["g++ 12-O2", ""]));
        assert_ne!(hash(&["g++ 12", ""]), hash(&["g++ 13", ""]));
    }

    #[test]
    fn the_second_of_two_builds_finds_the_first_ones_archive_and_is_content() {
        let scratch = Scratch::new("rocksdb-cache");
        scratch.write("built/librocksdb.a", "first");
        let folder = scratch.path().join("cache/rocksdb/key");
        keep(&scratch.path().join("built/librocksdb.a"), &folder).expect("the first fills the cache");
        scratch.write("built/librocksdb.a", "second");
        keep(&scratch.path().join("built/librocksdb.a"), &folder).expect("the second leaves it as it is");
        assert_eq!(
            fs::read_to_string(folder.join(ARCHIVE)).expect("it is there"),
            "first"
        );
        assert_eq!(
            entries(folder.parent().expect("it has one")).len(),
            1,
            "no draft is left"
        );
    }

    #[test]
    fn only_objects_and_archive_are_dropped() {
        let scratch = Scratch::new("rocksdb-objects");
        for name in ["a.o", "b.o", ARCHIVE, "bindings.rs"] {
            scratch.write(name, "");
        }
        drop_objects(scratch.path());
        assert_eq!(entries(scratch.path()), [scratch.path().join("bindings.rs")]);
    }

    #[test]
    fn the_config_is_rewritten_only_when_it_changes() {
        let scratch = Scratch::new("rocksdb-config");
        let config = scratch.path().join("rocksdb.toml");
        write_config(&config, Path::new("/cache/a \"b\"")).expect("it can be written");
        let text = fs::read_to_string(&config).expect("it is there");
        assert!(
            text.contains("ROCKSDB_LIB_DIR = \"/cache/a \\\"b\\\"\"\nROCKSDB_STATIC = \"1\"\n"),
            "{text}"
        );
        let before = fs::metadata(&config)
            .expect("it is there")
            .modified()
            .expect("the system keeps times");
        write_config(&config, Path::new("/cache/a \"b\"")).expect("nothing is to do");
        assert_eq!(
            fs::metadata(&config)
                .expect("it is there")
                .modified()
                .expect("the system keeps times"),
            before
        );
    }
}
