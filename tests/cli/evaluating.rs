//! `sup eval`: values on standard output, everything else on standard error.

use sup_testkit::sup;

use crate::{check, eval};

#[test]
fn the_last_value_is_printed_as_it_reads_back() {
    for (expression, printed) in [
        ("1", "1\n"),
        ("(+ 1 2)", "3\n"),
        ("1 2 3", "3\n"),
        ("(def x 20) (+ x 1)", "21\n"),
        ("\"a\\nb\"", "\"a\\nb\"\n"),
        ("{:a 1 :b {2 3}}", "{:a 1 :b {2 3}}\n"),
        ("'(f x)", "(f x)\n"),
        ("-5", "-5\n"),
        ("2.0", "2.0\n"),
        ("nil", ""),
        ("", ""),
        ("; only a comment", ""),
    ] {
        let finished = eval(expression).expect_code(0);
        assert_eq!(
            (finished.stdout.as_str(), finished.stderr.as_str()),
            (printed, ""),
            "{expression}"
        );
    }
}

#[test]
fn what_is_printed_comes_before_the_value() {
    let finished = eval("(print \"hello\" 1) (eprint \"aside\") 2").expect_code(0);
    assert_eq!(
        (finished.stdout.as_str(), finished.stderr.as_str()),
        ("hello 1\n2\n", "aside\n")
    );
}

#[test]
fn what_was_printed_is_kept_when_the_program_raises() {
    let finished = eval("(print \"before\") (quot 1 0)").expect_code(1);
    assert_eq!(finished.stdout, "before\n");
    assert!(finished.stderr.contains("alu/div-zero"), "{}", finished.stderr);
}

#[test]
fn values_become_json() {
    for (expression, printed) in [
        (
            "{:a 1 :b {2 3.5 \"x\" nil true}}",
            "{\"a\":1,\"b\":[2,3.5,\"x\",null,true]}\n",
        ),
        ("nil", "null\n"),
        ("\"a\\\"b\"", "\"a\\\"b\"\n"),
    ] {
        assert_eq!(
            check(&["--json", "eval", expression], 0).stdout,
            printed,
            "{expression}"
        );
    }
    let finished = check(&["eval", "--json", "(fn (x) x)"], 1);
    assert!(
        finished.stderr.contains("json/not-encodable"),
        "{}",
        finished.stderr
    );
}

#[test]
fn errors_become_lines_of_json() {
    let finished = check(&["eval", "--json", "(print 1)\n(oops 2)"], 1);
    assert_eq!(finished.stdout, "1\n");
    for part in [
        "\"code\":\"name/unbound\"",
        "\"severity\":\"error\"",
        "\"line\":2",
        "\"column\":2",
        "\"source\":\"eval\"",
    ] {
        assert!(
            finished.stderr.contains(part),
            "{part} is not in {}",
            finished.stderr
        );
    }
    assert_eq!(finished.stderr.lines().count(), 1);
}

#[test]
fn arguments_belong_to_the_program() {
    let finished = check(&["eval", "(io/args)", "a", "--bare", "-x"], 0);
    assert_eq!(finished.stdout, "{\"a\" \"--bare\" \"-x\"}\n");
}

#[test]
fn the_stages_of_a_text_are_shown_and_not_run() {
    let finished = check(&["eval", "--show", "tree", "(print [1 'x])"], 0);
    let expected = "     1:1  list ()\n     1:2    symbol print\n     1:8    list []\n     1:9      int 1\n    1:11      quote '\n    1:12        symbol x\n";
    assert_eq!(finished.stdout, expected);
    let finished = check(&["eval", "--show", "core", "(when (< 1 2) (print :yes))"], 0);
    assert!(
        finished.stdout.contains("(if ") && !finished.stdout.contains(":yes\n:yes"),
        "{}",
        finished.stdout
    );
    let finished = check(&["eval", "--show", "bytecode", "(def x (+ 1 x)) (print x)"], 0);
    assert!(
        finished.stdout.contains("registers") && finished.stdout.contains("def-cell"),
        "{}",
        finished.stdout
    );
    assert!(
        check(&["eval", "--show", "core", "(oops)"], 1)
            .stderr
            .contains("name/unbound")
    );
}

#[test]
fn must_show_tail_calls_and_deep_recursion() {
    assert_eq!(
        eval("(let (f (fn (n a) [(if (= n 0) a (f (- n 1) (+ a n)))])) (f 1000000 0))").expect_output(),
        "500000500000"
    );
    assert_eq!(
        eval("(def f (fn (n) [(if (= n 0) 0 (+ 1 (f (- n 1))))])) (f 100000)").expect_output(),
        "100000"
    );
}

#[test]
fn bare_starts_with_nothing() {
    assert!(
        check(&["--bare", "eval", "(+ 1 2)"], 1)
            .stderr
            .contains("name/unbound")
    );
    assert_eq!(
        check(&["eval", "--bare", "[(def x {1 2}) x]"], 0).stdout,
        "{1 2}\n"
    );
    assert_eq!(
        check(&["eval", "--bare", "#(load \"alu\") (+ 1 2)"], 0).stdout,
        "3\n"
    );
}

#[test]
fn garbage_is_collected_at_every_chance_when_asked() {
    let program = "(count (map (fn (x) (str x x)) (range 200)))";
    assert_eq!(check(&["eval", "--gc-stress", program], 0).stdout, "200\n");
    let by_environment = sup().args(["eval", program]).env("SUP_GC_STRESS", "1").finish();
    assert_eq!(by_environment.expect_output(), "200");
}

#[test]
fn nothing_is_reached_that_is_not_allowed() {
    for (allowed, expression, code) in [
        ("none", "(print 1)", "name/unbound"),
        ("read", "(print 1)", "name/unbound"),
        ("console", "(time/now)", "name/unbound"),
        ("console", "(io/env \"HOME\")", "name/unbound"),
        ("console", "#(import x \"x.slp\")", "capability/denied"),
    ] {
        let finished = check(&["eval", "--allow", allowed, expression], 1);
        assert!(
            finished.stderr.contains(code),
            "{allowed} {expression}: {}",
            finished.stderr
        );
    }
    assert_eq!(
        check(
            &["eval", "--allow", "console,clock", "(print 1) (> (time/now) 0)"],
            0
        )
        .stdout,
        "1\ntrue\n"
    );
    assert_eq!(check(&["eval", "--allow", "none", "(+ 1 2)"], 0).stdout, "3\n");
}
