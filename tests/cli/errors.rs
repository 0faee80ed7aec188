//! What errors look like, to the letter.

use sup_testkit::{TempFolder, check_text, sup};

/// Runs a program as `main.slp`; what it wrote to standard error.
#[track_caller]
fn told(program: &str) -> String {
    let folder = TempFolder::new("errors");
    folder.write("main.slp", program);
    sup()
        .args(["run", "main.slp"])
        .folder(folder.path())
        .finish()
        .expect_code(1)
        .stderr
}

#[test]
fn an_unbound_name_points_at_itself_and_names_what_is_near() {
    let expected = "\
error[name/unbound]: `cuont` is not defined
 --> main.slp:2:9
  |
2 |   (print (cuont {1 2}))
  |           ^^^^^
  |
  = help: did you mean `count`?
";
    check_text(
        &expected.replace("2:9", "2:11"),
        &told("(def x 1)\n  (print (cuont {1 2}))\n"),
    );
}

#[test]
fn an_error_in_a_call_tells_the_calls_that_led_there() {
    let program = "(defn half (n)\n  [(+ 1 (quot n 0))])\n\n(defn twice (n)\n  [(* 2 (half n))])\n\n(print (twice 4))\n";
    let expected = "\
error[alu/div-zero]: division by zero
 --> main.slp:2:9
  |
2 |   [(+ 1 (quot n 0))])
  |         ^^^^^^^^^^
  |
  = trace: in half        main.slp:2:9
           in twice       main.slp:5:9
           in the source  main.slp:7:8
";
    check_text(expected, &told(program));
}

#[test]
fn deep_recursion_is_told_in_a_few_lines() {
    let drawing = told("(defn f (n)\n  [(+ 1 (f n))])\n(f 1)\n");
    assert!(
        drawing.contains("error[vm/depth]") && drawing.contains("main.slp:2:9"),
        "{drawing}"
    );
    assert!(
        drawing.contains(" times)") && drawing.lines().count() < 25,
        "{drawing}"
    );
}

#[test]
fn carets_stand_right_behind_tabs_and_wide_characters() {
    let expected = "\
error[name/unbound]: `wrong` is not defined
 --> main.slp:1:15
  |
1 |     (print \"漢字é\" wrong)
  |                    ^^^^^
";
    check_text(expected, &told("\t(print \"漢字é\" wrong)\n"));
}

#[test]
fn every_fault_of_a_text_is_told() {
    let drawing = told("(print 1\n\n\"open\n");
    assert!(
        drawing.matches("error[").count() >= 1 && drawing.contains("slp/unclosed"),
        "{drawing}"
    );
    let drawing = told("(print \"\\q\" \"\\z\")\n");
    assert_eq!(drawing.matches("error[slp/escape]").count(), 2, "{drawing}");
}

#[test]
fn an_error_in_an_imported_module_points_into_its_file() {
    let folder = TempFolder::new("errors");
    folder.write(
        "main.slp",
        "#(import deep \"lib/deep.slp\")\n(print (deep/f 1))\n",
    );
    folder.write("lib/deep.slp", "(defn f (x)\n  [(at :k (+ x 1))])\n");
    let finished = sup()
        .args(["run", "main.slp"])
        .folder(folder.path())
        .finish()
        .expect_code(1);
    assert!(
        finished.stderr.contains("lib/deep.slp:2:4"),
        "{}",
        finished.stderr
    );
    assert!(finished.stderr.contains("main.slp:2:8"), "{}", finished.stderr);
}

#[test]
fn an_error_in_the_library_points_at_the_call_of_it() {
    let drawing = told("(def xs 5)\n(print (map inc xs))\n");
    assert!(drawing.contains("--> main.slp:2:8"), "{drawing}");
}

#[test]
fn an_error_in_what_a_macro_made_points_at_the_call() {
    let drawing = told("#(macro twice (x) `(+ ,x missing))\n(print (twice 1))\n");
    assert!(drawing.contains("main.slp:2:8"), "{drawing}");
}

#[test]
fn an_error_in_evaluated_text_points_into_that_text() {
    let drawing = told("(eval \"(+ 1\\n   (oops))\")\n");
    assert!(drawing.contains("oops"), "{drawing}");
}

#[test]
fn a_raised_value_tells_its_data() {
    let drawing = told("(throw (error :app/full \"no room\" {1 2}))\n");
    let expected = "\
error[app/full]: no room
 --> main.slp:1:1
  |
1 | (throw (error :app/full \"no room\" {1 2}))
  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = data: {1 2}
";
    check_text(expected, &drawing);
}

#[test]
fn there_are_no_colours_without_a_terminal() {
    assert!(!told("(oops)").contains('\u{1b}'));
}
