//! The header is C11 and C++17 without a word of complaint, and says what the Rust side says.

use crate::build::{fixtures, fresh, include, run};
use std::process::Command;
use sup_abi::kernel::flags;
use sup_abi::value_type::ValueType;
use sup_abi::{intrinsic, layout, word};

#[test]
fn the_header_is_strict_c_and_cpp() {
    for (compiler, standard, extension) in [
        ("cc", "-std=c11", "c"),
        ("c++", "-std=c++17", "cpp"),
        ("c++", "-std=c++20", "cpp"),
    ] {
        let source = fresh(&format!("header.{extension}"));
        std::fs::write(&source, "#include \"sup_kernel.h\"\n#include \"sup_kernel.h\"\n").expect("writes");
        let mut command = Command::new(compiler);
        command.args([
            standard,
            "-pedantic",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-Wshadow",
            "-c",
        ]);
        command
            .arg("-I")
            .arg(include())
            .arg("-o")
            .arg(source.with_extension("o"))
            .arg(&source);
        run(&mut command);
    }
}

#[test]
fn c_and_rust_agree_on_every_size_offset_and_number() {
    let program = fresh("layout");
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror"]);
    command
        .arg("-I")
        .arg(include())
        .arg("-o")
        .arg(&program)
        .arg(fixtures().join("layout.c"));
    run(&mut command);
    let printed = run(&mut Command::new(&program));
    let (last_type, _) = (ValueType::ALL.len() - 1, ());
    let least = word::fixnum(word::FIXNUM_MIN).expect("fits");
    let words = [
        word::NIL,
        word::TRUE,
        word::THROW,
        word::fixnum(-2).expect("fits"),
        word::flonum(1.5).expect("fits"),
        least,
    ];
    let words: Vec<String> = words.iter().map(|word| format!("{word:x}")).collect();
    let expected = format!(
        "{}flags {} types {last_type} intrinsics {}\nwords {}\nback -2 {} 1.5\n",
        layout::describe(),
        flags::EVERYDAY,
        intrinsic::ALL.len(),
        words.join(" "),
        word::FIXNUM_MIN,
    );
    assert_eq!(printed, expected);
}

/// Names of the enums in the header, in order, against the tables in Rust.
#[test]
fn the_headers_enums_are_the_tables() {
    let text = std::fs::read_to_string(include().join("sup_kernel.h")).expect("reads");
    let names = |prefix: &str| -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for word in text.split(|c: char| !is_name(c)) {
            if let Some(name) = word.strip_prefix(prefix).filter(|name| !name.is_empty())
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
        }
        names
    };
    let intrinsics: Vec<String> = std::iter::once("NONE".to_owned())
        .chain(
            intrinsic::ALL
                .iter()
                .map(|(_, name, _)| name.to_uppercase().replace('-', "_")),
        )
        .collect();
    assert_eq!(names("SUP_I_"), intrinsics);
    assert_eq!(names("SUP_T_").len(), ValueType::ALL.len());
}
