//! What instructions forms become: the shapes that speed depends on, as cases in `lowering.txt`.

use crate::table_host::{TableHost, chunk_of, listing};

#[test]
fn forms_become_these_instructions() {
    let cases: Vec<&str> = include_str!("lowering.txt").split("\n;;; ").skip(1).collect();
    assert!(cases.len() > 30);
    for case in cases {
        let (name, rest) = case.split_once('\n').expect("a case has a name and a source");
        let (text, rest) = rest
            .split_once("\n=> ")
            .expect("a case tells the function it looks at");
        let (function_idx, expected) = rest.split_once('\n').expect("a case lists instructions");
        let function_idx = function_idx.parse().expect("functions are told by their index");
        let expected = expected.split("\n#").next().unwrap_or_default();
        let expected: Vec<&str> = expected
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let mut host = TableHost::knowing(&["f", "g", "xs", "n", "a", "b"]);
        let found = listing(&mut host, text, function_idx);
        assert_eq!(
            found.lines().collect::<Vec<_>>(),
            expected,
            "{name}: {text}\n{found}"
        );
    }
}

#[test]
fn large_forms_compile() {
    let numbers: Vec<String> = (0..5000).map(|number| format!("(f {number})")).collect();
    let cases = [
        format!("{{{}}}", numbers.join(" ")),
        format!("{{: {}}}", numbers[..4000].join(" ")),
        format!("(f {})", numbers.join(" ")),
        format!("(+ {})", numbers[..200].join(" ")),
        format!("(and {})", numbers.join(" ")),
        format!("[{}]", numbers.join(" ")),
        format!("(cond {})", numbers.join(" ")),
        format!("(fn () {})", numbers.join(" ")),
        format!(
            "(fn () {})",
            (0..240)
                .map(|i| format!("(def v{i} (f {i}))"))
                .collect::<String>()
        ),
    ];
    for text in cases {
        let text = format!("(fn (f) {text})");
        let mut host = TableHost::knowing(&[]);
        assert!(!chunk_of(&mut host, &text).functions.is_empty());
    }
}

#[test]
fn spans_point_at_what_is_written() {
    let text = "(f (+ a nil) (g 1))";
    let mut host = TableHost::knowing(&["f", "g", "a"]);
    let chunk = chunk_of(&mut host, text);
    let spans: Vec<&str> = chunk.functions[0]
        .spans
        .iter()
        .map(|(_, span)| span.slice(text))
        .collect();
    assert_eq!(
        spans,
        ["a", "nil", "(+ a nil)", "1", "(g 1)", "(f (+ a nil) (g 1))"]
    );
}
