//! HTML of lists.

use super::{Bed, check};

#[test]
fn lists_become_elements() {
    check(
        "%html-render",
        &[
            ("[:p \"a\"]", "\"<p>a</p>\""),
            ("(p \"a\")", "\"<p>a</p>\""),
            ("[:p]", "\"<p></p>\""),
            ("[:br]", "\"<br>\""),
            ("[:p [:b 1] \" \" 2.5 nil false]", "\"<p><b>1</b> 2.5</p>\""),
            ("{[:i \"a\"] [:i \"b\"]}", "\"<i>a</i><i>b</i>\""),
            ("[:ul {[:li 1] [:li 2]}]", "\"<ul><li>1</li><li>2</li></ul>\""),
            ("{}", "\"\""),
            ("\"<a href='x'>&\"", "\"&lt;a href=&#39;x&#39;&gt;&amp;\""),
            ("[:html/raw \"<b>\"]", "\"<b>\""),
            ("[:br 1]", "!html/element"),
            ("[:html/raw 1]", "!html/element"),
            ("true", "!html/element"),
            ("[:p :a]", "!html/element"),
            ("[:a>b 1]", "!html/element"),
        ],
    );
}

#[test]
fn maps_become_attributes() {
    check(
        "%html-render",
        &[
            (
                "[:a {:href \"/x?a=1&b='2'\"} 1]",
                "\"<a href=\\\"/x?a=1&amp;b=&#39;2&#39;\\\">1</a>\"",
            ),
            (
                "[:input {:checked true :disabled false :value nil :max 3}]",
                "\"<input checked max=\\\"3\\\">\"",
            ),
            (
                "[:div#main.wide.dark \"x\"]",
                "\"<div id=\\\"main\\\" class=\\\"wide dark\\\">x</div>\"",
            ),
            ("[:.a {:class \"b\"}]", "\"<div class=\\\"a b\\\"></div>\""),
            ("[:i {:class {\"a\" nil :b}}]", "\"<i class=\\\"a b\\\"></i>\""),
            ("[:i {:a {}}]", "!html/attribute"),
        ],
    );
}

#[test]
fn nesting_ends() {
    for (n_levels, ends) in [(200, "</b>"), (300, "html/depth")] {
        let tree = "[:b ".repeat(n_levels) + &"]".repeat(n_levels);
        let answer = Bed::new().answer("%html-render", &tree);
        assert!(answer.contains(ends), "{n_levels}: {answer}");
    }
}
