//! What a suite counted besides its Rust tests: cases in SLP, examples of the library, blocks of the manual.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;

/// Tells `cargo xtask test`, which prints it at the end: `counted: stdlib examples 312`. Without it there is nobody to tell.
pub fn report_count(what: &str, count: usize) {
    let Some(path) = env::var_os("SUP_TEST_REPORT") else {
        return;
    };
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .expect("xtask made room for the report");
    // One write for a line: several suites may append at once.
    file.write_all(format!("{what} {count}\n").as_bytes())
        .expect("the report can be written");
}
