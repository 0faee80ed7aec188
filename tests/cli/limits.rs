//! What hostile and runaway programs come to: an error within its limits, never a crash.

use std::time::{Duration, Instant};

use sup_testkit::{TempFolder, sup};

use crate::check;

#[track_caller]
fn raises(line: &[&str], code: &str) {
    let finished = check(line, 1);
    assert!(
        finished.stderr.contains(&format!("error[{code}]")),
        "{line:?}: {}",
        finished.stderr
    );
}

#[test]
fn an_endless_loop_ends_with_its_fuel_or_its_deadline() {
    raises(&["eval", "--fuel", "100000", "(do [])"], "vm/fuel");
    raises(
        &["eval", "--fuel", "100000", "(def f (fn () (f))) (f)"],
        "vm/fuel",
    );
    let start = Instant::now();
    raises(&["eval", "--deadline-ms", "200", "(do [])"], "vm/deadline");
    raises(&["eval", "--deadline-ms", "200", "(sleep 100000)"], "vm/deadline");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_loop_over_slow_natives_ends_with_its_deadline() {
    // Each turn takes one unit of fuel and much time, so that a slice of fuel would last for minutes.
    let start = Instant::now();
    for turn in [
        "(reverse numbers)",
        "(sort numbers)",
        "(str numbers)",
        "(json/encode numbers)",
    ] {
        let text = format!("(def numbers (range 2000000)) (do [{turn}])");
        raises(&["eval", "--deadline-ms", "300", &text], "vm/deadline");
    }
    assert!(start.elapsed() < Duration::from_secs(60));
    // Without a deadline its elements are what a native costs.
    raises(
        &[
            "eval",
            "--fuel",
            "3000000",
            "(def numbers (range 1000000)) (do [(sort numbers)])",
        ],
        "vm/fuel",
    );
}

#[test]
fn no_handler_outlives_its_limits() {
    raises(
        &["eval", "--fuel", "100000", "(recover [(do [])] [1])"],
        "vm/fuel",
    );
    raises(
        &["eval", "--deadline-ms", "200", "(do [(recover [(do [])] [1])])"],
        "vm/deadline",
    );
}

#[test]
fn recursion_a_hundred_million_deep_is_an_error() {
    let finished = check(
        &[
            "eval",
            "(def f (fn (n) [(if (= n 0) 0 (+ 1 (f (- n 1))))])) (f 100000000)",
        ],
        1,
    );
    assert!(
        finished.stderr.contains("vm/depth") || finished.stderr.contains("vm/memory"),
        "{}",
        finished.stderr
    );
}

#[test]
fn recursion_a_million_deep_answers_or_is_an_error() {
    let finished = sup()
        .args([
            "eval",
            "(def f (fn (n) [(if (= n 0) 0 (+ 1 (f (- n 1))))])) (f 1000000)",
        ])
        .finish();
    match finished.code() {
        Some(0) => assert_eq!(finished.stdout, "1000000\n"),
        Some(1) => assert!(finished.stderr.contains("vm/depth"), "{}", finished.stderr),
        _ => panic!("{finished:?}"),
    }
}

#[test]
fn bombs_are_errors() {
    raises(&["eval", "(str/repeat \"x\" 1000000000000000)"], "vm/memory");
    raises(&["eval", "(repeat 1000000000000000 1)"], "vm/memory");
    raises(&["eval", "(range 0 1000000000000000)"], "vm/memory");
    raises(
        &["eval", "--memory-mib", "16", "(loop (s \"x\") (recur (str s s)))"],
        "vm/memory",
    );
    raises(
        &[
            "eval",
            "--memory-mib",
            "16",
            "(loop (s {}) (recur (push s s 1 2 3)))",
        ],
        "vm/memory",
    );
}

#[test]
fn less_memory_is_enough_for_little_programs() {
    assert_eq!(check(&["eval", "--memory-mib", "8", "(+ 1 2)"], 0).stdout, "3\n");
}

#[test]
fn hostile_text_is_an_error_with_a_place() {
    let folder = TempFolder::new("hostile");
    for (name, text, code) in [
        ("parens", "(".repeat(40_000), "slp/too-deep"),
        ("braces", "{".repeat(40_000), "slp/too-deep"),
        ("quotes", "'".repeat(40_000), "slp/"),
        ("closers", ")".repeat(40_000), "slp/stray"),
        ("string", "\"never".to_owned(), "slp/unclosed"),
        ("atom", "x".repeat(3_000_000), "slp/large-atom"),
        ("nul", "(print \0)".to_owned(), "slp/control"),
    ] {
        let file = folder.write(&format!("{name}.slp"), text);
        let finished = sup().arg("run").arg(file).finish().expect_code(1);
        assert!(
            finished.stderr.contains(&format!("error[{code}")),
            "{name}: {:.2000}",
            finished.stderr
        );
        assert!(
            finished.stderr.len() < 100_000,
            "{name}: {} bytes",
            finished.stderr.len()
        );
    }
}

#[test]
fn nesting_up_to_the_limit_compiles() {
    let folder = TempFolder::new("nesting");
    let text = format!("(print {}1{})", "(+ 1 ".repeat(900), ")".repeat(900));
    let file = folder.write("deep.slp", text);
    assert_eq!(sup().arg("run").arg(file).finish().expect_output(), "901");
}

#[test]
fn a_macro_that_expands_for_ever_is_an_error() {
    let folder = TempFolder::new("macros");
    let file = folder.write("forever.slp", "#(macro again (x) `(again ,x))\n(again 1)\n");
    let finished = sup().arg("run").arg(&file).finish().expect_code(1);
    assert!(
        finished.stderr.contains("macro/too-many") || finished.stderr.contains("compile/too-deep"),
        "{}",
        finished.stderr
    );
    let file = folder.write("loops.slp", "#(macro stuck (x) (do []))\n(stuck 1)\n");
    let finished = sup().arg("run").arg(&file).finish().expect_code(1);
    assert!(finished.stderr.contains("vm/fuel"), "{}", finished.stderr);
}

#[test]
fn an_import_cycle_is_printed() {
    let folder = TempFolder::new("cycle");
    folder.write("a.slp", "#(import b \"b.slp\")\n");
    folder.write("b.slp", "#(import a \"a.slp\")\n");
    let finished = sup()
        .args(["run", "a.slp"])
        .folder(folder.path())
        .finish()
        .expect_code(1);
    assert!(
        finished.stderr.contains("import/cycle") && finished.stderr.contains("a.slp -> "),
        "{}",
        finished.stderr
    );
}
