//! Drawings as they come out, for every kind of text that carets are easily wrong in.

use slp::Span;

use super::*;

fn at(text: &str, marked: &str) -> Problem {
    let start = text.find(marked).expect("the marked text is in the source");
    let span = Span::new(start as u32, (start + marked.len()) as u32);
    let mut problem = Problem::new("name/unbound", "`foo` is not defined");
    problem.place = Some(Place {
        source: "main.slp".into(),
        span,
    });
    problem
}

fn drawn(problem: &Problem, text: &str) -> String {
    let text: Arc<str> = Arc::from(text);
    Artist::plain().draw(problem, Weight::Error, &|source| {
        (source == "main.slp").then(|| text.clone())
    })
}

fn check(text: &str, marked: &str, expected: &str) {
    assert_eq!(drawn(&at(text, marked), text), expected);
}

#[test]
fn the_line_stands_there_with_carets_under_the_place() {
    let expected = "\
error[name/unbound]: `foo` is not defined
 --> main.slp:2:4
  |
2 |   (foo 1)
  |    ^^^
";
    check("(def x 1)\n  (foo 1)\n", "foo", expected);
}

#[test]
fn tabs_and_wide_characters_keep_the_carets_in_place() {
    let expected = "\
error[name/unbound]: `foo` is not defined
 --> main.slp:1:6
  |
1 |     (漢字 foo)
  |           ^^^
";
    check("\t(漢字 foo)", "foo", expected);
    let expected = "\
error[name/unbound]: `foo` is not defined
 --> main.slp:1:5
  |
1 | (é👍 foo)
  |      ^^^
";
    check("(é👍 foo)", "foo", expected);
}

#[test]
fn a_form_of_several_lines_is_bracketed_and_a_long_one_begins() {
    let expected = "\
error[name/unbound]: `foo` is not defined
 --> main.slp:1:1
  |
1 | / (foo
2 | |   1)
  | |____^
";
    check("(foo\n  1)\n", "(foo\n  1)", expected);
    let long = format!("(foo\n{})\n", "  1\n".repeat(100));
    let expected = "\
error[name/unbound]: `foo` is not defined
 --> main.slp:1:1
  |
1 | (foo
  | ^^^^
";
    check(&long, long.trim_end(), expected);
}

#[test]
fn a_line_of_a_megabyte_is_cut() {
    let text = format!("(foo {} bar)", "x".repeat(1_000_000));
    let drawing = drawn(&at(&text, "bar"), &text);
    assert!(
        drawing.len() < 1000 && drawing.contains("main.slp:1:1000007"),
        "{drawing}"
    );
}

#[test]
fn what_a_terminal_would_obey_is_made_visible() {
    let text = "(a\u{1b}[31mb foo)";
    let mut problem = at(text, "foo");
    problem.message = "no \u{1b}[2J".into();
    assert!(!drawn(&problem, text).contains('\u{1b}'));
}

#[test]
fn a_place_outside_of_the_text_is_no_trouble() {
    for (start, end) in [(100, 200), (4, 4), (3, 1), (2, 3)] {
        let mut problem = Problem::new("x/y", "z");
        problem.place = Some(Place {
            source: "main.slp".into(),
            span: Span { start, end },
        });
        let drawing = drawn(&problem, "a漢b");
        assert!(
            drawing.starts_with("error[x/y]: z\n --> main.slp:1:"),
            "{drawing}"
        );
        let drawing = drawn(&problem, "");
        assert!(
            drawing.starts_with("error[x/y]: z\n --> main.slp:1:1"),
            "{drawing}"
        );
    }
}

fn call(function: &str, start: u32) -> TraceLine {
    let place = Place {
        source: "main.slp".into(),
        span: Span::new(start, start + 1),
    };
    TraceLine {
        function: function.into(),
        place,
    }
}

#[test]
fn hint_data_and_trace_stand_below() {
    let text = "(f)\n(g)\n(h)\n";
    let mut problem = at(text, "(f)");
    problem.hint = Some("did you mean `food`?".into());
    problem.data = Some("{1 2}".into());
    problem.trace = vec![
        call("f", 0),
        call("f", 0),
        call("f", 0),
        call("long-name", 4),
        call("", 8),
    ];
    let expected = "\
error[name/unbound]: `foo` is not defined
 --> main.slp:1:1
  |
1 | (f)
  | ^^^
  |
  = data: {1 2}
  = help: did you mean `food`?
  = trace: in f           main.slp:1:1 (3 times)
           in long-name   main.slp:2:1
           in the source  main.slp:3:1
";
    assert_eq!(drawn(&problem, text), expected);
}

#[test]
fn a_long_trace_is_shortened_in_the_middle() {
    let mut problem = Problem::new("x/y", "z");
    problem.trace = (0..100).map(|idx| call(&format!("f{idx}"), 0)).collect();
    let drawing = drawn(&problem, "(f)");
    assert!(
        drawing.contains("in f7") && drawing.contains("… 88 more") && drawing.contains("in f96"),
        "{drawing}"
    );
    assert!(
        !drawing.contains("in f8 ") && !drawing.contains("in f95"),
        "{drawing}"
    );
}

#[test]
fn an_error_in_the_library_points_at_the_program() {
    let text = "(map f 3)";
    let mut problem = at(text, "(map f 3)");
    let own = problem.place.take().expect("it was just given one");
    let inner = Place {
        source: "std:core".into(),
        span: Span::new(1, 2),
    };
    problem.place = Some(inner.clone());
    problem.trace = vec![
        TraceLine {
            function: "map".into(),
            place: inner,
        },
        TraceLine {
            function: String::new(),
            place: own,
        },
    ];
    let expected = "\
error[name/unbound]: `foo` is not defined
 --> main.slp:1:1
  |
1 | (map f 3)
  | ^^^^^^^^^
  |
  = trace: in map         std:core
           in the source  main.slp:1:1
";
    assert_eq!(drawn(&problem, text), expected);
}

#[test]
fn a_problem_without_a_place_is_one_line() {
    assert_eq!(
        drawn(&Problem::new("store/locked", "the store is held"), ""),
        "error[store/locked]: the store is held\n"
    );
}
