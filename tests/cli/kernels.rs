//! `sup kernel`: declarations of kernels, written and compared.

use sup_testkit::{TempFolder, checkout, kernel_folder, sup};

#[test]
fn a_stock_kernel_is_described_as_the_declaration_in_its_folder_says() {
    for kernel in ["alu", "fs", "io", "kv", "random", "forge", "http"] {
        let described = sup().args(["kernel", "describe", kernel]).finish().expect_code(0);
        let kept = checkout().join("kernels").join(kernel).join("kernel.slp");
        let kept = std::fs::read_to_string(kept).expect("every stock kernel has a declaration");
        assert_eq!(described.stdout, kept, "{kernel}");
    }
}

#[test]
fn a_library_named_by_its_path_is_compared_with_what_lies_beside_it() {
    let folder = TempFolder::new("kernel-verify");
    let library = kernel_folder().join("libkernel_random.so");
    let copy = folder.path().join("libkernel_random.so");
    std::fs::copy(library, &copy).expect("the stock kernels are built");
    let verify = || sup().args(["kernel", "verify"]).arg(&copy).finish();
    let plain = verify().expect_code(0);
    assert!(
        plain.stdout.contains("primitives, without a kernel.slp"),
        "{}",
        plain.stdout
    );
    let described = sup()
        .args(["kernel", "describe"])
        .arg(&copy)
        .finish()
        .expect_code(0);
    folder.write("kernel.slp", &described.stdout);
    let declared = verify().expect_code(0);
    assert!(
        declared.stdout.contains("as its kernel.slp says"),
        "{}",
        declared.stdout
    );
    folder.write(
        "kernel.slp",
        described
            .stdout
            .replacen("define-function seed ", "define-function sead ", 1),
    );
    let wrong = verify().expect_code(1);
    assert!(
        wrong.stderr.contains("kernel/declaration") && wrong.stderr.contains("sead"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn what_is_no_kernel_is_told() {
    let missing = sup()
        .args(["kernel", "describe", "nowhere"])
        .finish()
        .expect_code(1);
    assert!(missing.stderr.contains("kernel/missing"), "{}", missing.stderr);
    let no_library = sup()
        .args(["kernel", "verify", "Cargo.toml"])
        .folder(checkout())
        .finish();
    assert!(no_library.expect_code(1).stderr.contains("kernel/"));
}
