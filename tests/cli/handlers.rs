//! The release binary itself: the handlers of the machine's opcodes go on to the next one with a jump, and starting runs no
//! constructors of RocksDB. A compiler that made calls of the handlers would be silent about it, and every program would be slower
//! and eat the host's stack.

use std::process::Command;

use sup_testkit::sup_path;

/// The part of a handler's symbol that the compiler does not change.
const HANDLER: &str = "interp7handler";
/// Fewer handlers than this are no machine: nearly every opcode has one, some share theirs.
const LEAST_HANDLERS: usize = 60;
/// The share of handlers that may save registers first: those that call something before they go on.
const MOST_SAVING: f64 = 0.3;

/// One handler, its instructions as objdump writes them.
#[derive(Debug, Default)]
struct Code {
    name: String,
    instructions: Vec<String>,
}

/// How one processor writes what matters here.
struct Dialect {
    /// A jump to an address in a register or in memory.
    jumps_on: fn(&str) -> bool,
    returns: fn(&str) -> bool,
    saves: fn(&str) -> bool,
}

const X86_64: Dialect = Dialect {
    jumps_on: |instruction| instruction.contains("jmp ") && instruction.contains('*'),
    returns: |instruction| instruction.starts_with("ret") || instruction.contains(" ret"),
    saves: |instruction| instruction.starts_with("push"),
};

const AARCH64: Dialect = Dialect {
    jumps_on: |instruction| instruction.starts_with("br\t") || instruction.starts_with("br "),
    returns: |instruction| instruction.starts_with("ret"),
    saves: |instruction| instruction.starts_with("stp") && instruction.contains("[sp"),
};

/// What is wrong with the handlers of a disassembled binary.
fn faults(disassembly: &str, dialect: &Dialect) -> Vec<String> {
    let handlers = handlers(disassembly);
    let mut faults = Vec::new();
    if handlers.len() < LEAST_HANDLERS {
        faults.push(format!(
            "there are {} handlers: the machine is not made of them",
            handlers.len()
        ));
        return faults;
    }
    for handler in &handlers {
        if handler.instructions.iter().any(|one| (dialect.returns)(one)) {
            faults.push(format!(
                "{} returns instead of going on with a jump",
                handler.name
            ));
        }
    }
    let n_going_on = count(&handlers, dialect.jumps_on);
    if n_going_on < LEAST_HANDLERS {
        faults.push(format!(
            "{n_going_on} of {} handlers go on with a jump",
            handlers.len()
        ));
    }
    let n_saving = count(&handlers, dialect.saves);
    if n_saving as f64 > handlers.len() as f64 * MOST_SAVING {
        faults.push(format!(
            "{n_saving} of {} handlers save registers first",
            handlers.len()
        ));
    }
    faults
}

fn count(handlers: &[Code], holds: fn(&str) -> bool) -> usize {
    let with = handlers
        .iter()
        .filter(|handler| handler.instructions.iter().any(|one| holds(one)));
    with.count()
}

/// The handlers in what `objdump --disassemble --no-show-raw-insn` prints.
fn handlers(disassembly: &str) -> Vec<Code> {
    let mut handlers: Vec<Code> = Vec::new();
    let mut is_inside = false;
    for line in disassembly.lines() {
        if line.ends_with(">:") {
            is_inside = line.contains(HANDLER);
            if is_inside {
                let name = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                handlers.push(Code {
                    name,
                    ..Code::default()
                });
            }
        } else if is_inside && let Some((_, instruction)) = line.split_once(":\t") {
            let instruction = instruction.trim().to_owned();
            handlers
                .last_mut()
                .expect("one was just begun")
                .instructions
                .push(instruction);
        }
    }
    handlers
}

/// Start and end of the code that the handlers lie in.
fn range(symbols: &str) -> Option<(u64, u64)> {
    let places = symbols
        .lines()
        .filter(|line| line.contains(HANDLER))
        .filter_map(|line| {
            let mut words = line.split_whitespace().map(|word| u64::from_str_radix(word, 16));
            match (words.next()?, words.next()?) {
                (Ok(start), Ok(size)) => Some((start, start + size)),
                _ => None,
            }
        });
    places.reduce(|(least, most), (start, end)| (least.min(start), most.max(end)))
}

#[track_caller]
fn said(program: &str, arguments: &[String]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .arg(sup_path())
        .output()
        .unwrap_or_else(|error| {
            panic!("{program} of the binutils, which the linker comes with, is missing: {error}")
        });
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_handlers_of_the_release_binary_go_on_with_jumps() {
    let dialect = match std::env::consts::ARCH {
        _ if !cfg!(target_os = "linux") => None,
        "x86_64" => Some(X86_64),
        "aarch64" => Some(AARCH64),
        _ => None,
    };
    let Some(dialect) = dialect else {
        println!("NOT CHECKED: this test reads binaries of Linux on x86-64 and aarch64 only");
        return;
    };
    let symbols = said("nm", &["--print-size".to_owned(), "--defined-only".to_owned()]);
    let (start, end) = range(&symbols).expect("the binary has handlers, and its symbols are kept");
    let disassembly = said(
        "objdump",
        &[
            "--disassemble".to_owned(),
            "--no-show-raw-insn".to_owned(),
            format!("--start-address={start:#x}"),
            format!("--stop-address={end:#x}"),
        ],
    );
    let faults = faults(&disassembly, &dialect);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Bytes of the section of that name in what `readelf --sections --wide` prints.
fn section_bytes(sections: &str, name: &str) -> Option<u64> {
    let line = sections
        .lines()
        .find(|line| line.contains(&format!(" {name} ")))?;
    // After the name: type, address, offset, size.
    let size = line.split(name).nth(1)?.split_whitespace().nth(3)?;
    u64::from_str_radix(size, 16).ok()
}

#[test]
fn starting_runs_no_constructors_of_the_database() {
    if !cfg!(target_os = "linux") {
        println!("NOT CHECKED: this test reads binaries of Linux only");
        return;
    }
    let sections = said("readelf", &["--sections".to_owned(), "--wide".to_owned()]);
    let Some(waiting) = section_bytes(&sections, "rocksdb_init") else {
        println!(
            "NOT CHECKED: this binary was linked with an archive of RocksDB that `cargo xtask setup` did not make"
        );
        return;
    };
    let at_start = section_bytes(&sections, ".init_array").unwrap_or(0);
    assert!(
        waiting >= 100 * 8 && at_start <= 40 * 8,
        "{} constructors wait and {} run at start",
        waiting / 8,
        at_start / 8
    );
}

/// As many handlers as a machine has, all with the same code.
fn machine_of(code: &[&str]) -> String {
    let handler = |number: usize| {
        let lines: Vec<String> = code.iter().map(|one| format!("    10:\t{one}\n")).collect();
        format!(
            "0000000000000010 <_ZN6sup_vm6interp7handler17h{number:016x}E>:\n{}\n",
            lines.concat()
        )
    };
    (0..LEAST_HANDLERS).map(handler).collect()
}

#[test]
fn binaries_that_have_lost_it_are_told() {
    let good = ["mov    (%rdi),%rbx", "movzbl (%rdi),%eax", "jmp    *(%r9,%rax,8)"];
    assert_eq!(faults(&machine_of(&good), &X86_64), Vec::<String>::new());
    let calling = ["push   %rax", "call   *(%r9,%rax,8)", "pop    %rcx", "ret"];
    let told = faults(&machine_of(&calling), &X86_64);
    assert_eq!(
        told.len(),
        LEAST_HANDLERS + 2,
        "each returns, none goes on, all save: {told:?}"
    );
    let saving = ["push   %rbx", "mov    (%rdi),%rbx", "pop    %rbx", "jmp    *%rax"];
    assert_eq!(
        faults(&machine_of(&saving), &X86_64),
        [format!(
            "{LEAST_HANDLERS} of {LEAST_HANDLERS} handlers save registers first"
        )]
    );
    let matching = "0000000000000010 <_ZN6sup_vm6interp3runE>:\n    10:\tjmp    *%rax\n";
    assert_eq!(
        faults(matching, &X86_64),
        ["there are 0 handlers: the machine is not made of them"]
    );
    let arm = ["ldr\tx8, [x5, x8, lsl #3]", "br\tx8"];
    assert_eq!(faults(&machine_of(&arm), &AARCH64), Vec::<String>::new());
}

#[test]
fn the_range_covers_every_handler() {
    let symbols = "0000000000001000 0000000000000010 t _ZN6sup_vm6interp7handler17h01E\n\
                   0000000000002000 0000000000000020 T main\n\
                   0000000000001800 0000000000000008 t _ZN6sup_vm6interp7handler17h02E\n";
    assert_eq!(range(symbols), Some((0x1000, 0x1808)));
    assert_eq!(range("0000000000002000 0000000000000020 T main\n"), None);
}
