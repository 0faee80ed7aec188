//! What is wrong with forms: the code, and the text that the fault points at.

use crate::table_host::{TableHost, compile_with, faults_of};
use slp::{NodeKind, ReadLimits, Span, Tree};
use sup_code::{Parameters, Tail};
use sup_compile::{FormContext, compile_form};

fn check(text: &str, expected: &[(&str, &str)]) {
    let mut host = TableHost::knowing(&["f", "xs"]);
    let found = faults_of(&mut host, text);
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(code, place)| (code.as_str(), place.as_str()))
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn names() {
    check("(+ 1 nowhere)", &[("name/unbound", "nowhere")]);
    check(
        "{nowhere (f elsewhere)}",
        &[("name/unbound", "nowhere"), ("name/unbound", "elsewhere")],
    );
    check("(fn () (set nowhere 1))", &[("name/unbound", "nowhere")]);
    check("(def if 1)", &[("compile/reserved", "if")]);
    check("(let (while 1) 2)", &[("compile/reserved", "while")]);
    check("(fn (a &rest let) 1)", &[("compile/reserved", "let")]);
    check("(f if)", &[("compile/reserved", "if")]);
    check("(set $iterations 1)", &[("compile/reserved", "$iterations")]);
    check("(def 5 1)", &[("compile/not-a-name", "5")]);
    check("(set + 1)", &[("compile/set-primitive", "+")]);
    check("(f twice)", &[("compile/reserved", "twice")]);
    check("(fn () (def a 1) (def a 2))", &[("compile/second-def", "a")]);
    check("(fn (a) (def a 1))", &[("compile/second-def", "a")]);
    check(
        "(fn () (if 1 (def a 1) (def a 2)))",
        &[("compile/second-def", "a")],
    );
    check("(fn () (each (x xs) (def a 1)) (each (x xs) (def a 2)))", &[]);
}

#[test]
fn shapes() {
    for (text, place) in [
        ("(if)", "(if)"),
        ("(if 1 2 3 4)", "(if 1 2 3 4)"),
        ("(f (let (a) a))", "(let (a) a)"),
        ("(let [a 1] a)", "(let [a 1] a)"),
        ("(fn [a] a)", "(fn [a] a)"),
        ("(def)", "(def)"),
        ("(def a 1 2)", "(def a 1 2)"),
        ("(defn a)", "(defn a)"),
        ("(cond 1)", "(cond 1)"),
        ("(each (x) 1)", "(each (x) 1)"),
        ("(for xs 1)", "(for xs 1)"),
        ("(match)", "(match)"),
        ("(match 1 2)", "2"),
        ("(reflect 1 (int 2))", "(int 2)"),
        ("(try 1)", "(try 1)"),
        ("(recover [1])", "(recover [1])"),
        ("(quote)", "(quote)"),
        ("(while)", "(while)"),
        ("#(load alu)", "(load alu)"),
        ("#(import \"a\" b)", "(import \"a\" b)"),
        ("#(macro m)", "(macro m)"),
        ("#(define-form p {x})", "(define-form p {x})"),
    ] {
        check(text, &[("compile/shape", place)]);
    }
}

#[test]
fn calls() {
    check("(one 1 2)", &[("call/arity", "(one 1 2)")]);
    check("(f (one))", &[("call/arity", "(one)")]);
    check("(alu/add 1)", &[("call/arity", "(alu/add 1)")]);
    check("(at 1)", &[("call/arity", "(at 1)")]);
    check("(loop (i 0) (recur))", &[("call/arity", "(recur)")]);
    check(
        "(loop (i 0) (+ 1 (recur (+ i 1))))",
        &[("compile/recur-position", "(recur (+ i 1))")],
    );
    check(
        "(loop (i 0) (try (recur 1) 2))",
        &[("compile/recur-position", "(recur 1)")],
    );
    check("(recur 1)", &[("compile/recur-outside", "(recur 1)")]);
    check("(done 1)", &[("compile/done-outside", "(done 1)")]);
    check(
        "(do [(f (fn () (done 1)))])",
        &[("compile/done-outside", "(done 1)")],
    );
}

#[test]
fn calls_of_known_functions() {
    let knowing = || {
        let mut host = TableHost::knowing(&["f"]);
        host.parameters.insert(
            "f".into(),
            Parameters {
                n_required: 1,
                n_optional: 1,
                tail: Tail::None,
            },
        );
        host
    };
    assert_eq!(faults_of(&mut knowing(), "(fn () (f 1) (f 1 2))"), []);
    assert_eq!(
        faults_of(&mut knowing(), "(fn () (f))"),
        [("call/arity".into(), "(f)".into())]
    );
    assert_eq!(
        faults_of(&mut knowing(), "(fn () (f 1 2 3))"),
        [("call/arity".into(), "(f 1 2 3)".into())]
    );
    assert_eq!(faults_of(&mut knowing(), "(let (f 1) (f 1 2 3))"), []);
    let mut host = knowing();
    assert_eq!(
        faults_of(&mut host, "(let () (set f 1) (if f (set f 2)) (f 1 2 3))"),
        []
    );
    assert_eq!(host.assigned, ["f", "f"]);
}

#[test]
fn parameters_types_and_patterns() {
    check("(fn (a a) a)", &[("compile/parameters", "a")]);
    check("(fn (&rest a b) a)", &[("compile/parameters", "b")]);
    check("(fn (&rest a &opt b) a)", &[("compile/parameters", "&opt")]);
    check("(fn (a :integer) a)", &[("type/unknown", ":integer")]);
    check("(cast :nothing 1)", &[("type/unknown", ":nothing")]);
    check("(fn (a :point) a)", &[]);
    check("(let ({a a} xs) a)", &[("compile/parameters", "a")]);
    check("(let (1 2) 3)", &[("compile/pattern", "1")]);
    check("(match 1 ((f x) 2))", &[("compile/pattern", "(f x)")]);
    check(
        "(match 1 ({a &rest b c} 2))",
        &[("compile/pattern", "{a &rest b c}")],
    );
    check(
        "(match 1 ((or {a} {b}) a))",
        &[("compile/pattern", "b"), ("compile/pattern", "{b}")],
    );
    check("(match 1 ((or {a} {a b}) a))", &[("compile/pattern", "b")]);
}

#[test]
fn data_and_backquotes() {
    check("(+ 1 ,2)", &[("compile/unquote-outside", ",2")]);
    check("`,@{1}", &[("compile/unquote-outside", ",@{1}")]);
    check("``(a ,,,xs)", &[("compile/unquote-outside", ",xs")]);
    check(
        "(f #(load \"alu\"))",
        &[("compile/datum-inside", "#(load \"alu\")")],
    );
    check(
        "#(launch rocket)",
        &[("compile/unknown-datum", "(launch rocket)")],
    );
    check("(f (export a))", &[("compile/datum-inside", "(export a)")]);
}

#[test]
fn macros_have_limits() {
    check("(forever 1)", &[("macro/too-many", "(forever 1)")]);
    check("(twice (f (swap 1 f)))", &[]);
}

#[test]
fn hints_name_what_was_meant() {
    let mut host = TableHost::knowing(&[]);
    let faults = compile_with(&mut host, "(prnt 1)").expect_err("it is not defined");
    assert_eq!(faults[0].hint.as_deref(), Some("did you mean `print`?"));
    let faults = compile_with(&mut host, "(fn (a :integer) a)").expect_err("there is no such type");
    assert_eq!(faults[0].hint.as_deref(), Some("did you mean `:int`?"));
    let faults = compile_with(&mut host, "(fn (a :strr) a)").expect_err("there is no such type");
    assert_eq!(faults[0].hint.as_deref(), Some("did you mean `:str`?"));
}

#[test]
fn too_many_values_at_once_are_a_fault() {
    let bindings: String = (0..300).map(|idx| format!("v{idx} (f {idx}) ")).collect();
    check(
        &format!("(let ({bindings}) 1)"),
        &[("compile/too-large", &format!("(let ({bindings}) 1)"))],
    );
}

/// A tree that nests deeper than any text may: each node is one more call around the last.
fn deep_tree(depth: u32, wrap: impl Fn(&mut Tree, slp::NodeId) -> slp::NodeId) -> (Tree, slp::NodeId) {
    let mut tree = slp::read("1", &ReadLimits::default()).tree;
    let mut node = tree.roots()[0];
    for _ in 0..depth {
        node = wrap(&mut tree, node);
    }
    (tree, node)
}

fn in_list(tree: &mut Tree, words: &[&str], node: slp::NodeId) -> slp::NodeId {
    let span = Span::default();
    let mut children: Vec<slp::NodeId> = words
        .iter()
        .map(|word| tree.add(NodeKind::Symbol((*word).into()), span, &[]))
        .collect();
    children.push(node);
    tree.add(NodeKind::List(slp::Bracket::Paren), span, &children)
}

#[test]
fn deep_forms_are_a_fault_and_no_crash() {
    let on_large_stack = std::thread::Builder::new().stack_size(64 << 20).spawn(|| {
        let words: &[&[&str]] = &[
            &["f"],
            &["+", "f"],
            &["if", "f"],
            &["fn", "x"],
            &["let", "x"],
            &["do"],
            &["and", "f"],
            &["match"],
            &["try", "f"],
            &["quasiquote"],
            &["quote"],
            &["->"],
            &["unquote"],
        ];
        for words in words {
            for depth in [999, 100_000] {
                let (mut tree, root) = deep_tree(depth, |tree, node| in_list(tree, words, node));
                let mut host = TableHost::knowing(&["f"]);
                let context = FormContext::new("main", "test");
                let result = compile_form(&mut tree, root, &context, &mut host);
                let faults = result.err().unwrap_or_default();
                let is_deep = faults.iter().any(|fault| fault.code == "compile/too-deep");
                let is_data = words[0].starts_with("quo");
                let has_other_fault = faults.iter().any(|fault| fault.code != "compile/too-deep");
                assert!(
                    depth < 1000 || is_deep || is_data || has_other_fault,
                    "{words:?} {depth} {faults:?}"
                );
            }
        }
        let (mut tree, root) = deep_tree(999, |tree, node| in_list(tree, &["when", "f"], node));
        let mut host = TableHost::knowing(&["f"]);
        let result = compile_form(&mut tree, root, &FormContext::new("main", "test"), &mut host);
        assert!(result.is_ok());
    });
    on_large_stack
        .expect("a thread can be had")
        .join()
        .expect("nothing overflows");
}
