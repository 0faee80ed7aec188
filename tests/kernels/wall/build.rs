//! Compiling fixtures with `cc` and the stock kernels with cargo.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The folder of the fixtures.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/kernels/fixtures")
}

/// The folder of the C header.
pub fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernels/sdk/include")
}

/// A folder of this test run.
pub fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<PathBuf> = OnceLock::new();
    SCRATCH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("sup-wall-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("makes a directory");
        path
    })
}

/// A path in it that no other test uses.
pub fn fresh(name: &str) -> PathBuf {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    let directory = scratch().join(LAST.fetch_add(1, Ordering::Relaxed).to_string());
    std::fs::create_dir_all(&directory).expect("makes a directory");
    directory.join(name)
}

/// Runs a compiler; what it says is the panic's message when it refuses.
pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("the compiler is installed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}\n{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Compiles a fixture to a library of that kernel's name.
pub fn library(source: &str, name: &str, defines: &[&str]) -> PathBuf {
    let path = fresh(&sup_host::search::library_name(name));
    let mut command = Command::new("cc");
    command.args([
        "-std=c11",
        "-O1",
        "-g",
        "-Wall",
        "-Wextra",
        "-D_GNU_SOURCE",
        "-fPIC",
        "-shared",
        "-pthread",
    ]);
    command.args(defines.iter().map(|define| format!("-D{define}")));
    command
        .arg("-I")
        .arg(include())
        .arg("-o")
        .arg(&path)
        .arg(fixtures().join(source));
    run(&mut command);
    path
}

/// The folder where cargo puts libraries for this test's profile.
pub fn target() -> PathBuf {
    let test = std::env::current_exe().expect("has a path");
    test.parent()
        .and_then(Path::parent)
        .expect("lies in target/PROFILE/deps")
        .to_owned()
}

/// Builds the stock kernels, once, and answers the folder with their libraries.
pub fn stock() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = target();
        let mut command = Command::new(env!("CARGO"));
        command
            .args(["build", "--release", "--quiet", "--target-dir"])
            .arg(target.parent().expect("lies in target"));
        for kernel in ["alu", "io", "fs", "random", "kv", "forge", "http"] {
            command.arg("-p").arg(format!("kernel-{kernel}"));
        }
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        run(&mut command);
    });
    target()
}
