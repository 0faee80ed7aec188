//! `sup test`: cases, registered tests, examples.

use sup_testkit::{Finished, TempFolder, check_text, sup};

fn test(files: &[(&str, &str)], line: &[&str], code: i32) -> Finished {
    let folder = TempFolder::new("test");
    for (name, text) in files {
        folder.write(name, text);
    }
    sup()
        .arg("test")
        .args(line)
        .folder(folder.path())
        .finish()
        .expect_code(code)
}

#[test]
fn cases_that_hold_are_counted() {
    let text = ";;; adding\n(+ 1 2) ;=> 3\n(+ 1 \"x\") ;!! type/mismatch\n\n;;; printing\n(print \"hi\")\n;>> hi\n\n;;; bare !bare\n(+ 1 2) ;!! name/unbound +\n\
                \n;;; reading\n(def x \"open\n;!! slp/unclosed\n";
    assert_eq!(
        test(&[("a.slp", text)], &["a.slp"], 0).stdout,
        "4 passed, 0 failed\n"
    );
}

#[test]
fn what_does_not_hold_is_shown_with_its_place() {
    let text = ";;; adding\n(+ 1 2) ;=> 3\n(+ 1\n   2) ;=> 4\n\n;;; raising\n(quot 1 0)\n(+ 1 1) ;!! alu/overflow\n\n;;; fine\n1 ;=> 1\n";
    let finished = test(&[("a.slp", text)], &[], 1);
    let expected = "\
FAILED a.slp:3 adding
    (+ 1
       2)
  expected ;=> 4
  got      ;=> 3
FAILED a.slp:7 raising
    (quot 1 0)
  got      ;!! alu/div-zero
1 passed, 2 failed
";
    check_text(expected, &finished.stdout);
}

#[test]
fn tests_have_a_store_of_their_own_unless_one_is_named() {
    let text = ";;; putting\n(store/put \"util/one\" \"1\")\n(util/one) ;!! call/not-callable\n(store/value \"util/one\") ;=> 1\n";
    let folder = TempFolder::new("test-store");
    folder.write("a.slp", text);
    let store = folder.path().join("store");
    let test = |line: &[&str]| {
        let run = sup().arg("test").args(line).arg("a.slp").folder(folder.path());
        run.env("SUP_STORE", &store).finish().expect_code(0)
    };
    assert_eq!(test(&[]).stdout, "1 passed, 0 failed\n");
    assert!(!store.exists(), "a test made the store of the user");
    test(&["--store", "named"]);
    let listed = sup()
        .args(["ls", "--store", "named"])
        .folder(folder.path())
        .finish()
        .expect_code(0);
    assert!(listed.stdout.contains("util/one"), "{}", listed.stdout);
}

#[test]
fn cases_do_not_see_each_other() {
    let text = ";;; one\n(def x 1)\nx ;=> 1\n;;; two\nx ;!! name/unbound x\n";
    assert_eq!(test(&[("a.slp", text)], &[], 0).stdout, "2 passed, 0 failed\n");
}

#[test]
fn registered_tests_and_examples_are_run() {
    let text = "(defn area \"Of a rectangle.\n  (area 2 3) ;=> 6\n  (area 2 2) ;=> 5\" (a b) [(* a b)])\n\
                (test/deftest areas (test/equal 6 (area 2 3)))\n(test/deftest wrong (test/equal 7 (area 2 3)))\n";
    let finished = test(&[("shapes.slp", text)], &[], 1);
    assert!(
        finished.stdout.ends_with("2 passed, 2 failed\n"),
        "{}",
        finished.stdout
    );
    assert!(
        finished.stdout.contains("shapes.slp:1 area") && finished.stdout.contains("wrong"),
        "{}",
        finished.stdout
    );
}

#[test]
fn a_program_without_tests_is_not_run() {
    assert_eq!(
        test(&[("program.slp", "(print \"ran\")\n")], &[], 0).stdout,
        "0 passed, 0 failed\n"
    );
}

#[test]
fn a_source_that_cannot_be_loaded_fails() {
    let finished = test(
        &[
            ("broken.slp", "(test/deftest a (oops))\n"),
            ("b.slp", ";;; one\n1 ;=> 1\n"),
        ],
        &[],
        1,
    );
    assert_eq!(finished.stdout, "1 passed, 1 failed\n");
    assert!(finished.stderr.contains("broken.slp:1:18"), "{}", finished.stderr);
}

#[test]
fn results_can_be_json() {
    let text = ";;; one\n1 ;=> 2\n";
    let finished = test(&[("a.slp", text)], &["--json"], 1);
    for part in [
        "\"passed\":0",
        "\"failed\":1",
        "\"line\":2",
        "\"expected\":[\";=> 2\"]",
        "\"got\":[\";=> 1\"]",
    ] {
        assert!(
            finished.stdout.contains(part),
            "{part} is not in {}",
            finished.stdout
        );
    }
}

#[test]
fn a_test_that_never_ends_is_stopped() {
    let text = ";;; endless\n(do [])\n;;; after\n1 ;=> 1\n";
    let finished = test(&[("a.slp", text)], &["--deadline-ms", "200"], 1);
    assert!(
        finished.stdout.contains("vm/deadline") && finished.stdout.ends_with("1 passed, 1 failed\n"),
        "{}",
        finished.stdout
    );
}
