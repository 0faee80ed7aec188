//! Says whether the archive of RocksDB that will be linked is one whose initialisers wait to be called (`sup/xtask/src/rocksdb.rs`
//! makes it and writes a note beside it).
#![allow(clippy::print_stdout, reason = "that is how a build script speaks to cargo")]

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ROCKSDB_LIB_DIR");
    println!("cargo::rustc-check-cfg=cfg(deferred_initialisers)");
    let Some(folder) = std::env::var_os("ROCKSDB_LIB_DIR") else {
        return;
    };
    let note = Path::new(&folder).join("initialisers-deferred");
    println!("cargo::rerun-if-changed={}", note.display());
    if note.is_file() {
        println!("cargo::rustc-cfg=deferred_initialisers");
    }
}
