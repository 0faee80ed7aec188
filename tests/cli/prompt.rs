//! `sup repl` without a terminal: forms in, values out.

use sup_testkit::{Finished, sup};

fn repl(input: &str) -> Finished {
    sup().arg("repl").input(input).finish().expect_code(0)
}

#[test]
fn forms_are_read_and_values_are_printed() {
    for (input, printed) in [
        ("", ""),
        ("(+ 1 2)\n", "3\n"),
        ("(+ 1 2)", "3\n"),
        ("1 2\n3\n", "1\n2\n3\n"),
        ("(def x 5)\n(* x x)\n", "25\n"),
        ("(+ 1\n\n   2)\n\"a\nb\"\n", "3\n\"a\\nb\"\n"),
        ("(print 1)\n2\n", "1\n2\n"),
        ("; nothing\n\n#| a\n b |#\n7\n", "7\n"),
        ("#(macro twice (x) `(* 2 ,x))\n(twice 4)\n", "8\n"),
        ("1\n:quit\n2\n", "1\n"),
    ] {
        let finished = repl(input);
        assert_eq!(finished.stdout, printed, "{input}: {}", finished.stderr);
    }
}

#[test]
fn the_last_values_and_the_last_error_have_names() {
    assert_eq!(repl("1\n2\n3\n{*1 *2 *3}\n").stdout, "1\n2\n3\n{3 2 1}\n");
    let finished = repl("(quot 1 0)\n(get *e :code)\n(oops)\n(get *e :code)\n");
    assert_eq!(finished.stdout, ":alu/div-zero\n:name/unbound\n");
    assert!(
        finished.stderr.contains("repl-1:1:1") && finished.stderr.contains("repl-3:1:2"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_session_goes_on_after_errors() {
    let finished = repl("(oops)\n(+ 1 2)\n)\n(+ 3 4)\n(print 1) (oops) (print 2)\n(+ 5 6)\n");
    assert_eq!(finished.stdout, "3\n7\n1\n11\n");
    assert_eq!(
        finished.stderr.matches("error[").count(),
        3,
        "{}",
        finished.stderr
    );
}

#[test]
fn what_is_never_closed_is_told_at_the_end() {
    let finished = repl("1\n(+ 2\n");
    assert_eq!(finished.stdout, "1\n");
    assert!(finished.stderr.contains("slp/unclosed"), "{}", finished.stderr);
}

#[test]
fn names_are_explained() {
    let finished = repl(
        "(doc map)\n(defn area \"Of a rectangle.\" (a b) [(* a b)])\n(doc area)\n(doc if)\n(doc xyzzy)\n",
    );
    for part in ["(map f xs", "Of a rectangle.", "(area a b)", "(if c then else)"] {
        assert!(
            finished.stdout.contains(part),
            "{part} is not in {}",
            finished.stdout
        );
    }
    assert!(
        finished.stderr.contains("nothing is known of `xyzzy`"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_definition_can_be_replaced_and_callers_see_it() {
    assert_eq!(
        repl("(defn f () 1)\n(defn g () (f))\n(g)\n(defn f () 2)\n(g)\n").stdout,
        "1\n2\n"
    );
}

#[test]
fn limits_hold_for_each_form_and_the_session_goes_on() {
    let finished = sup()
        .args(["repl", "--fuel", "100000"])
        .input("(do [])\n(+ 1 2)\n(do [])\n4\n")
        .finish()
        .expect_code(0);
    assert_eq!(finished.stdout, "3\n4\n");
    assert_eq!(
        finished.stderr.matches("vm/fuel").count(),
        2,
        "{}",
        finished.stderr
    );
}

#[test]
fn values_can_be_json() {
    let finished = sup()
        .args(["repl", "--json"])
        .input("{:a 1}\n(oops)\n")
        .finish()
        .expect_code(0);
    assert_eq!(finished.stdout, "{\"a\":1}\n");
    assert!(
        finished.stderr.starts_with('{') && finished.stderr.contains("name/unbound"),
        "{}",
        finished.stderr
    );
}
