//! The stock kernels as libraries: they load, do what they say, and their declarations are those in the
//! checkout.

use crate::build::{scratch, stock};
use crate::machine::{Argument, call, machine};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use sup_host::{Kernel, Loader, SearchPath, Services, declaration};

const KERNELS: [&str; 7] = ["alu", "io", "fs", "random", "kv", "forge", "http"];

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernels")
}

fn load(name: &str) -> Arc<Kernel> {
    let loader = Loader::new(
        SearchPath::new(vec![checkout(), stock()]),
        scratch(),
        std::sync::Arc::default(),
    );
    let found = loader.find(name).expect("is built");
    loader
        .load(&found, None)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// `SUP_BLESS=1` writes the declarations anew.
#[test]
fn declarations_in_the_checkout_are_those_of_the_libraries() {
    for name in KERNELS {
        let described = declaration::describe(&load(name));
        let path = checkout().join(name).join("kernel.slp");
        if std::env::var_os("SUP_BLESS").is_some() {
            std::fs::write(&path, &described).expect("writes");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == described,
            "{} is out of date; SUP_BLESS=1 writes it",
            path.display()
        );
    }
}

#[test]
fn every_function_is_documented() {
    for name in KERNELS {
        for primitive in load(name).primitives() {
            let is_sentence = primitive.doc.contains(['.', ':', '?']) && primitive.doc.len() > 8;
            assert!(is_sentence, "{name}/{}: {:?}", primitive.name, primitive.doc);
        }
    }
}

#[test]
fn libraries_compute() {
    let (alu, forge, random) = (load("alu"), load("forge"), load("random"));
    let mut vm = machine(&[&alu, &forge, &random], Services::default());
    let int = Argument::Int;
    assert_eq!(
        call(&mut vm, "alu/+", &[int(1), int(2), Argument::Real(0.5)]),
        "3.5"
    );
    assert_eq!(
        call(&mut vm, "alu/add", &[int(i64::MAX), int(1)]),
        "raises alu/overflow"
    );
    assert_eq!(
        call(
            &mut vm,
            "alu/=",
            &[
                Argument::Str("a long enough text"),
                Argument::Str("a long enough text")
            ]
        ),
        "true"
    );
    assert_eq!(
        call(
            &mut vm,
            "forge/rev",
            &[Argument::List(vec![int(1), Argument::Str("b")])]
        ),
        "{\"b\" 1}"
    );
    assert_eq!(
        call(
            &mut vm,
            "forge/concat",
            &[Argument::Str("ab"), Argument::Str("cd")]
        ),
        "\"abcd\""
    );
    assert_eq!(call(&mut vm, "random/seed", &[int(1)]), "nil");
    assert_eq!(call(&mut vm, "random/int_range", &[int(5), int(5)]), "5");
}

#[test]
fn what_was_not_given_is_denied() {
    let (io, fs, kv) = (load("io"), load("fs"), load("kv"));
    let mut vm = machine(&[&io, &fs, &kv], Services::default());
    assert_eq!(
        call(&mut vm, "io/print", &[Argument::Int(1)]),
        "raises capability/denied"
    );
    assert_eq!(
        call(&mut vm, "fs/read-text", &[Argument::Str("/etc/passwd")]),
        "raises capability/denied"
    );
    assert_eq!(
        call(&mut vm, "kv/open-memory", &[Argument::Symbol("mem")]),
        "raises capability/denied"
    );
    assert_eq!(
        call(&mut vm, "kv/get", &[Argument::Path("mem:x")]),
        "raises capability/denied"
    );
    assert_eq!(
        call(&mut vm, "kv/get", &[Argument::Keyword("mem"), Argument::Str("x")]),
        "raises capability/denied"
    );
}
