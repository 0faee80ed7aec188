//! The stock kernels as programs use them, and one that drives isolates: every case below `tests/kernels`, run through the
//! runtime. The wall itself is tested in `wall`, which belongs to `sup-host` and needs no language.

mod capabilities;

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;

use sup_runtime::runtime::with_stack;
use sup_testkit::{checkout, kernel_folder, run_scripts};
use sup_tests::runner::Runner;

#[test]
fn every_case_of_the_kernels_holds() {
    build_drive();
    with_stack(|| {
        let runner = RefCell::new(Runner::default());
        run_scripts("kernels", &checkout().join("tests/kernels"), |case| {
            runner.borrow_mut().run(case)
        });
    });
}

/// Builds the kernel `drive` beside the stock ones, the way that this test was built.
fn build_drive() {
    let release = kernel_folder();
    let above = release
        .parent()
        .expect("the folder of the kernels lies in that of a target");
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--release", "--quiet", "--package", "kernel-drive"]);
    let triple = above
        .file_name()
        .and_then(|name| name.to_str())
        .filter(|name| name.contains('-'));
    match (triple, above.parent()) {
        (Some(triple), Some(target)) => {
            command.args(["--target", triple, "--target-dir"]).arg(target);
        }
        _ => {
            command.arg("--target-dir").arg(above);
        }
    }
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    command.current_dir(manifest.parent().expect("the crate lies in the checkout"));
    let status = command.status().expect("cargo, which runs this test, is there");
    assert!(status.success(), "{command:?}");
}
