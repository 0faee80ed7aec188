//! How the command is linked, so that it starts quickly and touches little of itself: RocksDB is by far the largest part of it, and
//! most programs never open a store.
#![allow(clippy::print_stdout, reason = "that is how a build script speaks to cargo")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    embed_sdk();
    name_stock_kernels();
    let of_target = |key: &str| std::env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    if of_target("OS") != "linux" || of_target("ENV") != "gnu" {
        return;
    }
    // Keeps code that runs rarely away from the rest: what is not touched is not mapped.
    println!("cargo::rustc-link-arg-bins=-Wl,-z,keep-text-section-prefix");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where its output goes"));
    if link_static_cxx(&out) {
        println!("cargo::rustc-link-search=native={}", out.display());
    }
}

/// Lists the sources of the SDK and the header as bytes of the command, so that it builds kernels where no checkout is.
fn embed_sdk() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for part in ["sup/abi", "kernels/sdk"] {
        files.push(format!("{part}/Cargo.toml"));
        list(&root, &format!("{part}/src"), &mut files);
    }
    list(&root, "kernels/sdk/include", &mut files);
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        let path = root.join(&file);
        println!("cargo::rerun-if-changed={}", path.display());
        table.push_str(&format!("    ({file:?}, include_bytes!({path:?})),\n"));
    }
    table.push(']');
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where its output goes"));
    std::fs::write(out.join("sdk_files.rs"), table).expect("the build's own directory can be written");
}

/// Lists the kernels that come with the command: those of the checkout that have a declaration.
fn name_stock_kernels() {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernels");
    println!("cargo::rerun-if-changed={}", kernels.display());
    let entries = std::fs::read_dir(&kernels).expect("the kernels lie in the checkout");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("the kernels can be read"))
        .filter(|entry| entry.path().join("kernel.slp").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where its output goes"));
    std::fs::write(out.join("stock.rs"), format!("&{names:?}"))
        .expect("the build's own directory can be written");
}

/// The files below a directory of the checkout.
fn list(root: &Path, directory: &str, files: &mut Vec<String>) {
    println!("cargo::rerun-if-changed={}", root.join(directory).display());
    for entry in std::fs::read_dir(root.join(directory)).expect("the SDK lies in the checkout") {
        let entry = entry.expect("the SDK can be read");
        let path = format!("{directory}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            list(root, &path, files);
        } else {
            files.push(path);
        }
    }
}

/// Takes what RocksDB needs of the C++ library into the command: resolving the shared one's own symbols takes longer than
/// running a small program. A linker that looks for `libstdc++.so` finds a script that names the archive.
fn link_static_cxx(out: &Path) -> bool {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let asked = Command::new(compiler)
        .arg("-print-file-name=libstdc++.a")
        .output();
    let Ok(answer) = asked else { return false };
    let archive = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    // A compiler that does not find it answers the bare name.
    if std::env::var("HOST") != std::env::var("TARGET") || !archive.is_absolute() || !archive.is_file() {
        return false;
    }
    let script = format!("INPUT(\"{}\")\n", archive.display());
    std::fs::write(out.join("libstdc++.so"), script).is_ok()
}
