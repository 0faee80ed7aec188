//! Isolates and the process: it ends when the program does, whatever others still run.

use std::time::{Duration, Instant};

use sup_testkit::{TempFolder, sup};

use crate::check;

#[test]
fn a_program_ends_while_its_isolates_run() {
    let start = Instant::now();
    let finished = check(
        &[
            "eval",
            "(for (i (range 4)) (isolate/spawn (fn () (do [nil])))) (isolate/spawn (fn () (sleep 600000))) :over",
        ],
        0,
    );
    assert_eq!(finished.stdout, ":over\n");
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_program_that_fails_ends_while_its_isolates_run() {
    let finished = check(
        &[
            "eval",
            "(isolate/spawn (fn () (do [nil]))) (throw (error :app/over))",
        ],
        1,
    );
    assert!(finished.stderr.contains("error[app/over]"), "{}", finished.stderr);
}

#[test]
fn the_trace_of_an_isolate_is_drawn() {
    let folder = TempFolder::new("isolate-trace");
    let file = folder.write(
        "lost.slp",
        "(defn lose (n)\n  [(quot n 0)])\n(await (isolate/spawn lose 1))\n",
    );
    let finished = sup().arg("run").arg(&file).finish().expect_code(1);
    assert!(
        finished.stderr.contains("error[alu/div-zero]"),
        "{}",
        finished.stderr
    );
    assert!(finished.stderr.contains("lost.slp:2"), "{}", finished.stderr);
}

#[test]
fn what_isolates_print_comes_before_their_answer() {
    let finished = check(
        &[
            "eval",
            "(each (i (range 20)) (await (isolate/spawn (fn () (print i)))) (print i))",
        ],
        0,
    );
    let lines: Vec<String> = (0..20)
        .flat_map(|i| [format!("{i}\n"), format!("{i}\n")])
        .collect();
    assert_eq!(finished.stdout.replace("nil\n", ""), lines.concat());
}

#[test]
fn an_isolate_has_no_more_than_the_program() {
    for (grants, code) in [("none", "name/unbound"), ("console", "name/unbound")] {
        let finished = check(
            &[
                "eval",
                "--allow",
                grants,
                "(await (isolate/spawn (fn () (time/now))))",
            ],
            1,
        );
        assert!(finished.stderr.contains(code), "{grants}: {}", finished.stderr);
    }
    let finished = check(
        &[
            "eval",
            "--deadline-ms",
            "300",
            "(await (isolate/spawn (fn () (do [nil]))))",
        ],
        1,
    );
    assert!(finished.stderr.contains("vm/deadline"), "{}", finished.stderr);
}

#[test]
fn isolates_without_end_are_an_error() {
    let finished = check(
        &[
            "eval",
            "--deadline-ms",
            "60000",
            "(def f (fn () (await (isolate/spawn f)))) (recover [(f)] [(get $error :code)])",
        ],
        0,
    );
    assert_eq!(finished.stdout, ":isolate/too-many\n");
}

#[test]
fn a_function_made_in_an_isolate_finds_the_library_where_it_is_called() {
    let source = r#"(def f (await (isolate/spawn (fn () (eval "(fn (xs) (str/join \"-\" (distinct xs)))")))))
        (f {1 1 2})"#;
    let finished = check(&["eval", source], 0);
    assert_eq!(finished.stdout, "\"1-2\"\n");
}
