//! Compiles the standard library into its image, with the very compiler that the runtime is built with.
#![allow(clippy::print_stdout, reason = "that is how a build script speaks to cargo")]

use std::path::{Path, PathBuf};

fn main() {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernels");
    println!("cargo::rerun-if-changed=build.rs");
    for kernel in ["alu", "io"] {
        println!(
            "cargo::rerun-if-changed={}",
            kernels.join(kernel).join("kernel.slp").display()
        );
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where its output goes"));
    let made = sup_runtime::runtime::with_stack(|| {
        sup_runtime::recorder::image(sup_runtime::Limits::generous(), &kernels)
            .map_err(|problems| format!("{problems:#?}"))
    });
    match made {
        Ok(image) => std::fs::write(out.join("library.image"), image).expect("cargo's output can be written"),
        Err(problems) => panic!("the standard library does not compile: {problems}"),
    }
}
