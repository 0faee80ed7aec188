//! Kernels that are wrong, each in one way: refused with a code and a message of their own, or contained. The
//! host lives.

use crate::build::{fresh, library};
use crate::machine::{Argument, call, load, loader, machine, message};
use std::ffi::OsStr;
use std::path::Path;
use sup_host::{Declaration, DeclaredFunction, Found, LoadError, SearchPath, Services};

fn refused(defines: &[&str]) -> LoadError {
    match load(&library("hostile.c", "hostile", defines)) {
        Ok(_) => panic!("{defines:?} is loaded"),
        Err(error) => error,
    }
}

/// What is defined when the fixture is compiled, the code, and a part of the message.
const WRONG_TABLES: &[(&[&str], &str, &str)] = &[
    (&["MAGIC=0x12345678u"], "kernel/magic", "magic word is 0x12345678"),
    (&["MAJOR=2"], "kernel/abi", "built for ABI 2, this is ABI 1"),
    (&["MINOR=7"], "kernel/abi", "minor ABI version 7, newer"),
    (
        &["LAYOUT=0x53550002u"],
        "kernel/layout",
        "value layout 0x53550002",
    ),
    (&["TABLE_SIZE=40"], "kernel/size", "table has 40 bytes"),
    (&["PRIM_SIZE=16"], "kernel/size", "primitive has 16 bytes"),
    (&["KERNEL_FLAGS=1"], "kernel/flags", "the kernel"),
    (&["FLAGS=(1u << 20)"], "kernel/flags", "primitive first"),
    (&["FLAGS=SUP_BLOCKING"], "kernel/flags", "blocking needs async"),
    (&["FLAGS=(SUP_ASYNC|SUP_LEAF)"], "kernel/flags", "async excludes"),
    (
        &["CAPABILITIES=(1u << 20)"],
        "kernel/flags",
        "unknown capabilities",
    ),
    (
        &["CAPABILITIES=(SUP_C_NONE|SUP_C_READ)"],
        "kernel/flags",
        "exclude each other",
    ),
    (
        &["FLAGS=SUP_PURE", "CAPABILITIES=SUP_C_READ"],
        "kernel/flags",
        "is not pure",
    ),
    (&["INTRINSIC=9999"], "kernel/flags", "unknown intrinsic"),
    (
        &["FUNCTION=NULL"],
        "kernel/null-function",
        "primitive first has no code",
    ),
    (
        &["SECOND=\"first\""],
        "kernel/duplicate",
        "primitive first is there twice",
    ),
    (&["SIGNATURE=\"nonsense\""], "kernel/signature", "primitive first"),
    (
        &["SIGNATURE=\"(a :int b :int) :int\""],
        "kernel/signature",
        "does not say 1 to 1 arguments",
    ),
    (
        &["SIGNATURE=NULL"],
        "kernel/table",
        "signature of first is missing",
    ),
    (
        &["LONG_DOC"],
        "kernel/too-long",
        "documentation of first is longer",
    ),
    (&["NAME=\"../hostile\""], "kernel/name", "no name of a kernel"),
    (&["NAME=NULL"], "kernel/table", "name is missing"),
    (&["FIRST=\"a b\""], "kernel/table", "`a b` is no name"),
    (&["FIRST=\"%eval\""], "kernel/table", "no name of a primitive"),
    (&["FIRST=\"alu/add\""], "kernel/table", "no name of a primitive"),
    (&["N_PRIMS=100000"], "kernel/table", "100000 primitives"),
    (&["N_TYPES=100000"], "kernel/table", "100000 resource types"),
    (&["NULL_TYPE"], "kernel/table", "resource type is missing"),
    (
        &["NEEDS=\"sup.teleport/1\""],
        "kernel/needs",
        "needs sup.teleport/1",
    ),
    (&["NO_TABLE"], "kernel/no-table", "answers no table"),
    (&["NO_ENTRY"], "kernel/no-entry", "does not export sup_kernel_v1"),
    (&["LOAD_ERROR"], "kernel/load", "the licence has run out"),
];

#[test]
fn wrong_tables_are_refused_and_the_message_says_why() {
    for (defines, code, part) in WRONG_TABLES {
        let error = refused(defines);
        assert_eq!(error.code(), *code, "{defines:?}: {error}");
        assert!(error.to_string().contains(part), "{defines:?}: {error}");
    }
}

#[test]
fn files_that_are_no_libraries_are_refused() {
    let whole = std::fs::read(library("hostile.c", "hostile", &[])).expect("reads");
    let text: &[u8] = b"#!/bin/sh\necho no\n";
    for (bytes, code) in [
        (&whole[..whole.len() / 2], "kernel/no-library"),
        (&whole[..100], "kernel/no-library"),
        (text, "kernel/no-library"),
        (&[], "kernel/no-library"),
    ] {
        let path = fresh("libkernel_hostile.so");
        std::fs::write(&path, bytes).expect("writes");
        assert_eq!(load(&path).map(|_| ()).expect_err("refused").code(), code);
    }
    assert_eq!(
        load(Path::new("/nowhere/libkernel_x.so"))
            .map(|_| ())
            .expect_err("refused")
            .code(),
        "kernel/unreadable"
    );
}

#[test]
fn a_library_under_anothers_name_is_refused() {
    let path = library("hostile.c", "other", &[]);
    let directory = path.parent().map(Path::to_owned).expect("lies somewhere");
    let loader = sup_host::Loader::new(
        SearchPath::new(vec![directory]),
        crate::build::scratch(),
        Default::default(),
    );
    let found = loader.find("other").expect("is there");
    assert_eq!(
        loader.load(&found, None).map(|_| ()).expect_err("refused").code(),
        "kernel/other-name"
    );
}

#[test]
fn what_differs_from_its_declaration_is_refused() {
    let found = Found::file(&library("hostile.c", "hostile", &[]));
    let mut declared = Declaration {
        name: "hostile".into(),
        ..Declaration::default()
    };
    let function = |name: &str, signature: &str| DeclaredFunction {
        name: name.into(),
        signature: signature.into(),
        flags: None,
        intrinsic: None,
        capabilities: None,
    };
    for (name, signature) in [
        ("first", "(a :any) :any"),
        ("second", "()"),
        ("keep", "()"),
        ("share", "() :int"),
        ("leaf", "()"),
        ("thread", "()"),
        ("throw", "()"),
    ] {
        declared.functions.push(function(name, signature));
    }
    assert!(loader().load(&found, Some(&declared)).is_ok());
    declared.functions[3].signature = "() :str".into();
    let error = loader()
        .load(&found, Some(&declared))
        .map(|_| ())
        .expect_err("refused");
    assert_eq!(error.code(), "kernel/declaration");
    assert!(error.to_string().contains("share is declared () :str"), "{error}");
    declared.hash = Some("00".repeat(32));
    assert_eq!(
        loader()
            .load(&found, Some(&declared))
            .map(|_| ())
            .expect_err("refused")
            .code(),
        "kernel/hash"
    );
}

#[test]
fn a_throw_without_an_error_raises_one() {
    let kernel = load(&library("hostile.c", "hostile", &[])).expect("loads");
    let mut vm = machine(&[&kernel], Services::default());
    for name in ["hostile/second", "hostile/throw"] {
        assert_eq!(call(&mut vm, name, &[]), "raises kernel/throw");
        assert!(message(&mut vm, name, &[]).contains(name));
    }
    assert_eq!(call(&mut vm, "hostile/first", &[Argument::Int(1)]), "1");
}

/// The fixture's own functions, which a kernel would not export.
pub fn symbol(path: &Path, name: &str) -> extern "C" fn() -> i32 {
    // SAFETY: the fixture was compiled by this test and is never closed.
    #[allow(unsafe_code)]
    unsafe {
        let library = libloading::Library::new(OsStr::new(path)).expect("opens");
        let function = *library
            .get::<extern "C" fn() -> i32>(name.as_bytes())
            .expect("has it");
        std::mem::forget(library);
        function
    }
}

/// Opens the fixture where it lies and not from a copy, so that the test and the machine see the same
/// statics.
pub fn open_in_place(path: &Path) -> std::sync::Arc<sup_host::Kernel> {
    // SAFETY: the fixture was compiled by this test and is never closed.
    #[allow(unsafe_code)]
    unsafe {
        let library = libloading::Library::new(OsStr::new(path)).expect("opens");
        let entry = *library
            .get::<sup_abi::kernel::Entry>(b"sup_kernel_v1\0")
            .expect("has it");
        std::mem::forget(library);
        sup_host::loader::load_static(entry).expect("loads")
    }
}

#[test]
fn a_context_that_was_kept_leads_nowhere() {
    let path = library("hostile.c", "hostile", &[]);
    let kernel = open_in_place(&path);
    let mut vm = machine(&[&kernel], Services::default());
    assert_eq!(call(&mut vm, "hostile/keep", &[]), "nil");
    assert_eq!(symbol(&path, "use_kept_context")(), 0);
    assert_eq!(call(&mut vm, "hostile/share", &[]), "0");
    drop(vm);
    assert_eq!(symbol(&path, "use_kept_context")(), 0);
}

#[test]
fn a_false_leaf_is_told_so() {
    let kernel = load(&library("hostile.c", "hostile", &[])).expect("loads");
    let mut vm = machine(&[&kernel], Services::default());
    assert_eq!(call(&mut vm, "hostile/leaf", &[]), "raises kernel/leaf");
}

#[test]
fn a_thread_that_outlives_quiescing_is_reported_and_lives_on() {
    let path = library("hostile.c", "hostile", &[]);
    let kernel = open_in_place(&path);
    let mut vm = machine(&[&kernel], Services::default());
    assert_eq!(call(&mut vm, "hostile/thread", &[]), "1");
    while symbol(&path, "ticks")() == 0 {
        std::thread::yield_now();
    }
    assert!(!kernel.quiesce(std::time::Duration::from_millis(10)));
    drop((vm, kernel));
    let before = symbol(&path, "ticks")();
    while symbol(&path, "ticks")() <= before {
        std::thread::yield_now();
    }
}
