//! `sup check`: mistakes are found and nothing is run.

use sup_testkit::{Finished, TempFolder, sup};

fn check(files: &[(&str, &str)], line: &[&str], code: i32) -> Finished {
    let folder = TempFolder::new("check");
    for (name, text) in files {
        folder.write(name, text);
    }
    sup()
        .arg("check")
        .args(line)
        .folder(folder.path())
        .finish()
        .expect_code(code)
}

#[test]
fn good_sources_are_quiet() {
    let text = "(defn f (a :int) :int [(if (= a 0) 0 (g (- a 1)))])\n(defn g (a) [(f a)])\n(print (f 3))\n(def h (fn (k) (k 1)))\n";
    let finished = check(&[("good.slp", text)], &["good.slp"], 0);
    assert_eq!(finished.stdout, "");
    assert_eq!(finished.stderr, "1 file checked: 0 errors, 0 warnings\n");
}

#[test]
fn nothing_is_run() {
    let text = "(print \"ran\")\n(def x (do []))\n#(load \"fs\")\n(fs/write \"made.txt\" \"x\")\n";
    let finished = check(&[("side.slp", text)], &["side.slp"], 0);
    assert!(!finished.stdout.contains("ran"));
}

#[test]
fn mistakes_are_drawn_and_counted() {
    let text = "(defn f (a b) [(+ a b)])\n(f 1)\n(oops 2)\n";
    let finished = check(&[("bad.slp", text)], &["bad.slp"], 1);
    for part in [
        "error[call/arity]",
        "bad.slp:2:1",
        "error[name/unbound]",
        "bad.slp:3:2",
    ] {
        assert!(
            finished.stderr.contains(part),
            "{part} is not in {}",
            finished.stderr
        );
    }
    assert!(
        finished.stderr.contains("1 file checked: 2 errors"),
        "{}",
        finished.stderr
    );
}

#[test]
fn findings_can_be_json() {
    let finished = check(&[("bad.slp", "(oops 2)\n")], &["--json", "bad.slp"], 1);
    assert!(
        finished.stdout.contains("\"code\":\"name/unbound\"") && finished.stdout.lines().count() == 1,
        "{}",
        finished.stdout
    );
    assert_eq!(finished.stderr, "");
}

#[test]
fn macros_are_expanded_without_any_capability() {
    let text = "(defn double (x) [(* 2 x)])\n#(macro twice (x) `(+ ,(double 2) ,x))\n(print (twice 1))\n(print (twice))\n";
    let finished = check(&[("macros.slp", text)], &["macros.slp"], 1);
    assert!(
        finished.stderr.contains("macros.slp:4:8") && finished.stderr.contains("1 error"),
        "{}",
        finished.stderr
    );
    let text = "#(macro shout () (print \"ran\"))\n(shout)\n";
    let finished = check(&[("shout.slp", text)], &["shout.slp"], 1);
    assert!(
        finished.stderr.contains("name/unbound") && !finished.stdout.contains("ran"),
        "{}",
        finished.stderr
    );
}

#[test]
fn imports_are_looked_through_and_a_directory_is_walked() {
    let files = [
        (
            "main.slp",
            "#(import lib \"lib/a.slp\")\n(print (lib/f 1) (lib/g 2))\n",
        ),
        ("lib/a.slp", "(defn f (x) [(wrong x)])\n"),
        ("target/CACHEDIR.TAG", ""),
        ("target/built.slp", "(oops)\n"),
        (".hidden/x.slp", "(oops)\n"),
        ("note.txt", "(oops)\n"),
    ];
    let finished = check(&files, &["."], 1);
    for part in ["lib/a.slp:1:15", "lib/g", "2 files checked: 2 errors"] {
        assert!(
            finished.stderr.contains(part),
            "{part} is not in {}",
            finished.stderr
        );
    }
}

#[test]
fn text_that_cannot_be_read_is_a_finding() {
    let finished = check(
        &[("open.slp", "(def x\n"), ("good.slp", "1\n")],
        &["open.slp", "good.slp"],
        1,
    );
    assert!(
        finished.stderr.contains("slp/unclosed") && finished.stderr.contains("2 files checked: 1 error"),
        "{}",
        finished.stderr
    );
}
