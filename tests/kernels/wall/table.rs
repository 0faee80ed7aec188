//! The list of kernels that are wrong, as the manual shows it: what becomes of each, and its code. The manual's table is
//! compared with what happens.

use crate::build::{fresh, library, scratch};
use crate::machine::{Argument, call, load, loader, machine};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use sup_host::trust::{self, Mode, Own, Trust};
use sup_host::{Declaration, Found, LoadError, Loader, SearchPath, Services};

/// What is wrong with a kernel, and what becomes of it.
type Row = (&'static str, String, String);

fn refused(what: &'static str, outcome: Result<Arc<sup_host::Kernel>, LoadError>) -> Row {
    match outcome {
        Ok(_) => panic!("it is loaded: {what}"),
        Err(error) => (what, "refused".to_owned(), error.code().to_owned()),
    }
}

fn contained(what: &'static str, how: &str, code: &str) -> Row {
    (
        what,
        how.to_owned(),
        code.strip_prefix("raises ").unwrap_or(code).to_owned(),
    )
}

fn hostile(defines: &[&str]) -> PathBuf {
    library("hostile.c", "hostile", defines)
}

fn strict() -> Trust {
    Trust {
        mode: Mode::Strict,
        ..Trust::default()
    }
}

fn trusting(trust: Trust) -> Loader {
    Loader::new(SearchPath::default(), scratch(), Arc::new(trust))
}

fn under(trust: Trust, library: &Path) -> Result<Arc<sup_host::Kernel>, LoadError> {
    trusting(trust).load(&Found::file(library), None)
}

/// Sets the mode of a file or directory.
fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets the mode");
}

fn tables(rows: &mut Vec<Row>) {
    for (what, define) in [
        ("another magic word", "MAGIC=0x12345678u"),
        ("another major version", "MAJOR=2"),
        ("a newer minor version", "MINOR=7"),
        ("another value layout", "LAYOUT=0x53550002u"),
        ("a table that is too short", "TABLE_SIZE=40"),
        ("unknown flags", "FLAGS=(1u << 20)"),
        ("unknown capabilities", "CAPABILITIES=(1u << 20)"),
        ("a primitive without code", "FUNCTION=NULL"),
        ("one name twice", "SECOND=\"first\""),
        ("a signature that is none", "SIGNATURE=\"nonsense\""),
        ("a doc string of 10 MB", "LONG_DOC"),
        ("a name with a path in it", "NAME=\"../hostile\""),
        ("a primitive named as the machine's", "FIRST=\"%eval\""),
        ("no table", "NO_TABLE"),
        ("no entry", "NO_ENTRY"),
        ("`load` fails", "LOAD_ERROR"),
    ] {
        rows.push(refused(what, load(&hostile(&[define]))));
    }
}

fn files(rows: &mut Vec<Row>) {
    let whole = fs::read(hostile(&[])).expect("reads");
    let cut = fresh("libkernel_hostile.so");
    fs::write(&cut, &whole[..whole.len() / 2]).expect("writes");
    rows.push(refused("a library that was cut off", load(&cut)));
    let path = SearchPath::default()
        .find("../hostile")
        .map(|_| ())
        .expect_err("is no name");
    rows.push((
        "asked for by a name with a path in it",
        "refused".into(),
        path.code().into(),
    ));

    let library = hostile(&[]);
    let declared = Declaration {
        name: "hostile".into(),
        hash: Some("00".repeat(32)),
        ..Declaration::default()
    };
    let found = Found::file(&library);
    rows.push(refused(
        "another hash than declared",
        loader().load(&found, Some(&declared)),
    ));
    rows.push(refused(
        "unknown, where trust is strict",
        under(strict(), &library),
    ));
    let mut other = strict();
    other.libraries.insert(trust::sha256(b"another library"));
    rows.push(refused(
        "another SHA-256 than the list has",
        under(other, &library),
    ));

    let signature = trust::sign(&[7; 32], &fs::read(&library).expect("reads"));
    fs::write(trust::signature_path(&library), &signature).expect("writes");
    rows.push(refused(
        "signed by a key that no list has",
        under(strict(), &library),
    ));
    let last = signature.trim_end().len() - 1;
    let digit = if signature.as_bytes()[last] == b'0' {
        "1"
    } else {
        "0"
    };
    fs::write(
        trust::signature_path(&library),
        format!("{}{digit}\n", &signature[..last]),
    )
    .expect("writes");
    rows.push(refused("a damaged signature", load(&library)));
    fs::write(trust::signature_path(&library), trust::sign(&[7; 32], b"another")).expect("writes");
    rows.push(refused("the signature of another library", load(&library)));

    let library = hostile(&[]);
    allow(&library, 0o666);
    rows.push(refused("a library that everybody may write", load(&library)));
    allow(&library, 0o644);
    let directory = library.parent().expect("lies somewhere");
    allow(directory, 0o777);
    rows.push(refused("a directory that everybody may write", load(&library)));
    allow(directory, 0o755);
    assert!(load(&library).is_ok());
}

fn calls(rows: &mut Vec<Row>) {
    let kernel = load(&hostile(&[])).expect("loads");
    let mut vm = machine(&[&kernel, crate::rust_kernel::kernel()], Services::default());
    for (what, name) in [
        ("says that it raised, and did not", "hostile/second"),
        ("says that it is a leaf, and is not", "hostile/leaf"),
        ("a primitive panics", "sample/panic"),
    ] {
        rows.push(contained(what, "raises", &call(&mut vm, name, &[])));
    }
    assert_eq!(call(&mut vm, "hostile/share", &[]), "0");
    rows.push(contained("a context on another thread", "leads nowhere", ""));
    let thing = call(&mut vm, "sample/thing", &[Argument::Int(13)]);
    assert!(thing.contains("thing"), "{thing}");
    drop(vm);
    rows.push(contained("dropping a resource panics", "is logged", ""));
    let path = hostile(&[]);
    let kernel = crate::hostile::open_in_place(&path);
    let mut vm = machine(&[&kernel], Services::default());
    assert_eq!(call(&mut vm, "hostile/keep", &[]), "nil");
    let other = path.clone();
    let n_wrong = std::thread::spawn(move || crate::hostile::symbol(&other, "use_kept_context")());
    assert_eq!(n_wrong.join().expect("the host lives"), 0);
    rows.push(contained(
        "a context that was kept, used from another thread",
        "leads nowhere",
        "",
    ));
    assert_eq!(call(&mut vm, "hostile/thread", &[]), "1");
    while crate::hostile::symbol(&path, "ticks")() == 0 {
        std::thread::yield_now();
    }
    assert!(!kernel.quiesce(std::time::Duration::from_millis(10)));
    drop((vm, kernel));
    rows.push(contained("a thread outlives quiescing", "its state is kept", ""));
}

#[test]
fn each_kernel_of_the_list_is_refused_or_contained_as_the_manual_says() {
    let mut rows = Vec::new();
    tables(&mut rows);
    files(&mut rows);
    calls(&mut rows);
    let mut table = String::from("| what is wrong | outcome | code |\n|---|---|---|\n");
    for (what, outcome, code) in &rows {
        let code = if code.is_empty() {
            String::new()
        } else {
            format!("`{code}`")
        };
        table.push_str(&format!("| {what} | {outcome} | {code} |\n"));
    }
    println!("{table}");
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/manual/kernels-trust.md");
    let manual = fs::read_to_string(manual).expect("the manual has the page");
    assert!(
        manual.contains(&table),
        "the manual shows another table than this:\n{table}"
    );
}

#[test]
fn a_refused_library_is_not_replaced_by_one_further_on() {
    let library = hostile(&[]);
    let first = library.parent().expect("lies somewhere").to_owned();
    let further = hostile(&[]).parent().expect("lies somewhere").to_owned();
    let loader = Loader::new(
        SearchPath::new(vec![first.clone(), further]),
        scratch(),
        Arc::default(),
    );
    let loaded = || {
        loader
            .find("hostile")
            .and_then(|found| loader.load(&found, None))
            .map(|_| ())
    };
    assert_eq!(loaded(), Ok(()));
    allow(&library, 0o666);
    assert_eq!(loaded().expect_err("is refused").code(), "kernel/writable");
    fs::remove_file(&library).expect("removes");
    assert_eq!(
        loaded(),
        Ok(()),
        "the one further on is found when the first is gone"
    );
    std::os::unix::fs::symlink("/nowhere", &library).expect("links");
    assert_eq!(loaded().expect_err("is refused").code(), "kernel/unreadable");
}

#[test]
fn strict_trust_takes_a_hash_a_signature_and_what_came_with_the_executable() {
    let library = hostile(&[]);
    let bytes = fs::read(&library).expect("reads");
    let mut listed = strict();
    listed.libraries.insert(trust::sha256(&bytes));
    assert!(under(listed.clone(), &library).is_ok());
    fs::write(trust::signature_path(&library), trust::sign(&[7; 32], &bytes)).expect("writes");
    let mut keyed = strict();
    keyed.keys.insert(trust::public_key(&[7; 32]));
    assert!(under(keyed.clone(), &library).is_ok());
    // Other bytes: neither the hash nor the signature is of them.
    let mut longer = bytes.clone();
    longer.push(0);
    fs::write(&library, &longer).expect("writes");
    assert_eq!(
        under(keyed, &library).map(|_| ()).expect_err("is refused").code(),
        "kernel/bad-signature"
    );
    fs::remove_file(trust::signature_path(&library)).expect("removes");
    assert_eq!(
        under(listed, &library)
            .map(|_| ())
            .expect_err("is refused")
            .code(),
        "kernel/untrusted"
    );

    let directory = library.parent().expect("lies somewhere").to_owned();
    let executable = directory.join("sup");
    fs::write(&executable, "executable").expect("writes");
    let own = |names| Trust {
        own: Some(Own {
            executable: executable.clone(),
            directories: vec![directory.clone()],
            names,
        }),
        ..strict()
    };
    assert!(under(own(&["hostile"]), &library).is_ok());
    assert!(under(own(&["alu"]), &library).is_err(), "it is none of the names");
    let elsewhere = hostile(&[]);
    assert!(under(own(&["hostile"]), &elsewhere).is_err(), "it lies elsewhere");
    allow(&executable, 0o666);
    assert!(
        under(own(&["hostile"]), &library).is_err(),
        "the executable can be replaced"
    );
}
