//! Which kernels the command loads: keys, signatures, lists, and what others may write.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sup_testkit::{Finished, Run, TempFolder, kernel_folder, sup};

/// `sup` in a folder, with the user's own files in it, and no kernels but those beside the command.
fn at(folder: &TempFolder, line: &[&str]) -> Run {
    sup()
        .args(line)
        .folder(folder.path())
        .env_remove("SUP_KERNEL_PATH")
        .env_remove("SUP_TRUST")
        .env_remove("SUP_TRUST_LIST")
        .env("XDG_CONFIG_HOME", folder.path().join("config"))
        .env("XDG_CACHE_HOME", folder.path().join("cache"))
}

#[track_caller]
fn well(folder: &TempFolder, line: &[&str]) -> String {
    at(folder, line).finish().expect_code(0).stdout
}

#[track_caller]
fn fails(folder: &TempFolder, line: &[&str], code: &str) -> Finished {
    let finished = at(folder, line).finish().expect_code(1);
    assert!(
        finished.stderr.contains(&format!("[{code}]")),
        "{code}: {}",
        finished.stderr
    );
    finished
}

/// A library in the folder that no list knows: a stock kernel, where it does not belong.
fn library(folder: &TempFolder) -> PathBuf {
    let path = folder.path().join("libkernel_random.so");
    fs::copy(kernel_folder().join("libkernel_random.so"), &path).expect("the stock kernels are built");
    allow(&path, 0o755);
    path
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets the mode");
}

const VERIFY: [&str; 3] = ["kernel", "verify", "./libkernel_random.so"];

fn strictly(line: &[&'static str]) -> Vec<&'static str> {
    [line, &["--trust", "strict"]].concat()
}

#[test]
fn what_came_with_sup_works_where_trust_is_strict() {
    let folder = TempFolder::new("trust-stock");
    let run = |program: &str| well(&folder, &["eval", "--trust", "strict", program]);
    assert_eq!(run("(println (+ 1 2)) :done"), "3\n:done\n");
    assert_eq!(
        run("#(load \"fs\" \"kv\" \"random\" \"forge\") (kv/open-memory m)"),
        "0\n"
    );
    let verified = well(&folder, &["kernel", "verify", "alu"]);
    assert!(verified.contains("came with sup"), "{verified}");
}

#[test]
fn a_library_is_let_in_by_its_hash_or_by_a_key() {
    let folder = TempFolder::new("trust-library");
    library(&folder);
    let plain = well(&folder, &VERIFY);
    assert!(plain.contains("for development"), "{plain}");
    let refused = fails(&folder, &strictly(&VERIFY), "kernel/untrusted");
    assert!(
        refused.stderr.contains("sha256:") && refused.stderr.contains("sup kernel trust"),
        "{}",
        refused.stderr
    );

    let added = well(&folder, &["kernel", "trust", "./libkernel_random.so"]);
    assert!(added.contains("config/sup/trust.slp"), "{added}");
    let again = well(&folder, &["kernel", "trust", "./libkernel_random.so"]);
    assert!(again.contains("already"), "{again}");
    let known = well(&folder, &strictly(&VERIFY));
    assert!(known.contains("trusted by its hash"), "{known}");
    well(&folder, &["kernel", "distrust", "./libkernel_random.so"]);
    fails(
        &folder,
        &["kernel", "distrust", "./libkernel_random.so"],
        "trust/missing",
    );
    fails(&folder, &strictly(&VERIFY), "kernel/untrusted");

    let key = well(&folder, &["kernel", "keygen", "ours.key"]);
    assert!(key.starts_with("ed25519:"), "{key}");
    let mode = fs::metadata(folder.path().join("ours.key"))
        .expect("it was made")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    fails(&folder, &["kernel", "keygen", "ours.key"], "trust/unwritable");
    well(
        &folder,
        &["kernel", "sign", "./libkernel_random.so", "--key", "ours.key"],
    );
    let refused = fails(&folder, &strictly(&VERIFY), "kernel/untrusted");
    assert!(refused.stderr.contains(key.trim()), "{}", refused.stderr);
    well(&folder, &["kernel", "trust", "ours.key.pub"]);
    let known = well(&folder, &strictly(&VERIFY));
    assert!(known.contains(&format!("trusted by {}", key.trim())), "{known}");
    let listed = well(&folder, &["kernel", "trusted"]);
    assert!(
        listed.contains(key.trim()) && listed.starts_with("development"),
        "{listed}"
    );

    let signature = folder.path().join("libkernel_random.so.sig");
    let text = fs::read_to_string(&signature).expect("it was written");
    fs::write(&signature, text.replace("signature ", "signature 0")).expect("writes");
    // A damaged signature is refused in development too.
    fails(&folder, &VERIFY, "kernel/bad-signature");
}

#[test]
fn a_secret_key_that_others_may_read_is_not_used() {
    let folder = TempFolder::new("trust-key");
    library(&folder);
    well(&folder, &["kernel", "keygen", "ours.key"]);
    allow(&folder.path().join("ours.key"), 0o640);
    let sign = ["kernel", "sign", "./libkernel_random.so", "--key", "ours.key"];
    fails(&folder, &sign, "trust/key-readable");
    assert!(!folder.path().join("libkernel_random.so.sig").exists());
    fails(&folder, &["kernel", "trust", "ed25519:12"], "trust/number");
}

#[test]
fn a_damaged_list_lets_nothing_in() {
    let folder = TempFolder::new("trust-damaged");
    folder.write("trust.slp", "(library \"sha256:12\")\n");
    for line in [
        &["eval", "1"][..],
        &["eval", "--trust", "development", "1"],
        &VERIFY,
    ] {
        let finished = fails(&folder, line, "trust/list");
        assert!(finished.stderr.contains("trust.slp"), "{}", finished.stderr);
    }
    folder.write("trust.slp", "(mode strict)\n");
    well(&folder, &["eval", "1"]);
    allow(&folder.path().join("trust.slp"), 0o666);
    fails(&folder, &["eval", "1"], "kernel/writable");
    allow(&folder.path().join("trust.slp"), 0o644);
    fails(
        &folder,
        &["eval", "--trust-list", "nowhere.slp", "1"],
        "kernel/unreadable",
    );
    let wrong = at(&folder, &["eval", "1"])
        .env("SUP_TRUST", "yes")
        .finish()
        .expect_code(1);
    assert!(wrong.stderr.contains("trust/mode"), "{}", wrong.stderr);
}

#[test]
fn a_project_with_a_list_is_strict_and_cannot_let_itself_in() {
    let folder = TempFolder::new("trust-project");
    library(&folder);
    folder.write("init.slp", "1\n");
    well(&folder, &VERIFY);
    folder.write("project.slp", "{:name \"shop\" :trust strict}\n");
    fails(&folder, &VERIFY, "kernel/untrusted");
    let added = well(&folder, &["kernel", "trust", "./libkernel_random.so"]);
    assert!(added.contains(" ./trust.slp"), "{added}");
    well(&folder, &VERIFY);
    folder.write("project.slp", "{:name \"shop\" :trust-list \"lists/ours.slp\"}\n");
    fails(&folder, &VERIFY, "kernel/unreadable");
    folder.write("lists/ours.slp", "; nothing yet\n");
    fails(&folder, &VERIFY, "kernel/untrusted");
    fs::remove_file(folder.path().join("project.slp")).expect("removes");
    well(&folder, &VERIFY);
    // The user's own word stands above the project's.
    folder.write("config/sup/trust.slp", "(mode strict)\n");
    fails(&folder, &VERIFY, "kernel/untrusted");
    well(&folder, &[&VERIFY[..], &["--trust-list", "trust.slp"]].concat());
    well(&folder, &[&VERIFY[..], &["--trust", "development"]].concat());
}

#[test]
fn what_others_may_write_is_not_built_nor_replaced_by_what_was_built_before() {
    let folder = TempFolder::new("trust-sources");
    well(&folder, &["new", "demo", "--template", "kernel", "--lang", "c"]);
    let run = ["run", "demo"];
    assert!(well(&folder, &run).starts_with("1 + 2 = 3\n"));
    let source = folder.path().join("demo/kernels/demo/kernel.c");
    for (path, mode, good) in [
        (source.clone(), 0o666, 0o644),
        (folder.path().join("demo/kernels/demo"), 0o777, 0o755),
        (folder.path().join("demo"), 0o777, 0o755),
    ] {
        allow(&path, mode);
        let refused = fails(&folder, &run, "kernel/writable");
        assert!(
            refused.stderr.contains("chmod") && refused.stdout.is_empty(),
            "{}",
            refused.stderr
        );
        allow(&path, good);
    }
    assert!(well(&folder, &run).starts_with("1 + 2 = 3\n"));
    // What was built is looked at too.
    let built = fs::read_dir(folder.path().join("cache/sup/projects")).expect("it was built");
    let built = built
        .map(|entry| entry.expect("reads").path().join("kernels/demo"))
        .find(|path| path.is_dir())
        .expect("it was built");
    allow(&built, 0o777);
    fails(&folder, &run, "kernel/writable");
}
