//! Top-level forms: what they define, what they ask for while loading, what is found in them without running.

use crate::table_host::{TableHost, compile_with, listing};
use slp::ReadLimits;
use sup_code::{CodeLimits, TypeBase, verify};
use sup_compile::{
    FormContext, Instruction, Severity, TopForm, check_form, datum, defined_names, show_core, top_forms,
};

fn top(text: &str) -> TopForm {
    let mut host = TableHost::knowing(&["f", "g", "xs"]);
    compile_with(&mut host, text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
}

#[test]
fn definitions_tell_name_doc_and_types() {
    let TopForm::Code { definitions, .. } =
        top("(defn area \"Of a rectangle.\" (a :int b &rest more :any) :int [a])")
    else {
        panic!("code")
    };
    let [area] = definitions.as_slice() else {
        panic!("one")
    };
    assert_eq!(
        (area.name.as_str(), area.doc.as_deref()),
        ("area", Some("Of a rectangle."))
    );
    let signature = area.signature.as_ref().expect("a function has one");
    assert_eq!(signature.to_string(), "(a :int b &rest more :any) :int");
    assert_eq!(area.parameters.map(|parameters| parameters.n_required), Some(2));
    assert_eq!(area.alias, None);
}

#[test]
fn a_documented_primitive_is_an_alias() {
    let alias_of = |text: &str| match top(text) {
        TopForm::Code { definitions, .. } => definitions[0].alias.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        alias_of("(def upper \"In capitals.\" %str-upper)").as_deref(),
        Some("%str-upper")
    );
    assert_eq!(alias_of("(def plus \"Sum.\" +)").as_deref(), Some("alu/+"));
    assert_eq!(alias_of("(def handler print)"), None);
    assert_eq!(alias_of("(def one \"A number.\" 1)"), None);
}

#[test]
fn nothing_is_known_of_what_is_defined_twice_or_perhaps() {
    let shapes = |text: &str| match top(text) {
        TopForm::Code { definitions, .. } => definitions
            .iter()
            .map(|definition| definition.parameters.is_some())
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(shapes("(defn h (a) a)"), [true]);
    assert_eq!(
        shapes("(if f (def h (fn (a) a)) (def h (fn (a b) a)))"),
        [false, false]
    );
    assert_eq!(shapes("(when f (defn h (a) a))"), [false]);
}

#[test]
fn definitions_inside_conditions_belong_to_the_module() {
    let TopForm::Code { definitions, .. } = top("(if (f 1) (def a 1) (let (x 1) (def b 2)))") else {
        panic!("code")
    };
    let names: Vec<&str> = definitions
        .iter()
        .map(|definition| definition.name.as_str())
        .collect();
    assert_eq!(names, ["a"]);
}

#[test]
fn a_name_has_its_earlier_meaning_in_its_own_value() {
    let mut host = TableHost::knowing(&[]);
    let code = listing(&mut host, "(def print (%list print))", 0);
    assert_eq!(
        code,
        "load-prim r1 io/print\ncall-prim r0 (1) %list\ndef-cell r0 main/print\nreturn-nil"
    );
    assert!(listing(&mut host, "(def print (fn (x) (print x)))", 1).contains("enter-cell (1) main/print"));
}

#[test]
fn instructions() {
    assert!(matches!(top("#(load \"alu\" \"io\")"),
        TopForm::Instruction(Instruction::Load(names)) if names == ["alu", "io"]));
    assert!(matches!(top("#(import str \"a.slp\" t \"b.slp\")"),
        TopForm::Instruction(Instruction::Import(pairs)) if pairs.len() == 2 && pairs[1] == ("t".into(), "b.slp".into())));
    assert!(matches!(top("(export a b)"),
        TopForm::Instruction(Instruction::Export(names)) if names == ["a", "b"]));
    assert!(matches!(
        top("#(define-kernel demo \"x.so\" [])"),
        TopForm::Instruction(Instruction::DefineKernel(_))
    ));
    let TopForm::Instruction(Instruction::DefineForm { name, fields, .. }) =
        top("#(define-form line {from :point to :point? width :real})")
    else {
        panic!("a form")
    };
    assert_eq!((name.as_str(), fields.len()), ("line", 3));
    assert_eq!(fields[0].0.as_deref(), Some("from"));
    assert_eq!(fields[1].1.base, TypeBase::Form("main/point".into()));
    assert!(fields[1].1.optional);
    let TopForm::Instruction(Instruction::DefineForm { fields, .. }) = top("#(define-form pair {:int :int})")
    else {
        panic!("a form")
    };
    assert!(fields.len() == 2 && fields.iter().all(|(name, _)| name.is_none()));
}

#[test]
fn macros_are_functions_of_forms() {
    let TopForm::Instruction(Instruction::Macro {
        name,
        doc,
        chunk,
        parameters,
        ..
    }) = top("#(macro my-when \"Doc.\" (test &rest body) `(if ,test (f [,@body]) x#))")
    else {
        panic!("a macro")
    };
    assert_eq!(
        (name.as_str(), doc.as_deref(), parameters.n_required),
        ("my-when", Some("Doc."), 1)
    );
    let constants: Vec<String> = chunk
        .constants
        .iter()
        .map(|constant| format!("{constant:?}"))
        .collect();
    // What the module defines is named for good; reserved words and fresh names are left as they are.
    assert_eq!(
        constants,
        ["Symbol(\"if\")", "Symbol(\"/main//f\")", "Symbol(\"x#\")"]
    );
    verify(chunk, &CodeLimits::STANDARD).expect("it is sound");
}

#[test]
fn absolute_names_reach_their_module() {
    let mut host = TableHost::knowing(&["f"]);
    assert_eq!(
        listing(&mut host, "(let (f 1) (/main//f f))", 0),
        "load-int r0 1\nmove r2 r0\ntail-cell r1 (1) main/f"
    );
    assert_eq!(
        listing(&mut host, "(let (+ 1) (/main//+ + 2))", 0),
        "load-int r0 1\nadd-imm r1 r0 2\nreturn r1"
    );
    assert_eq!(
        listing(&mut host, "(let (at 1) (/main//at 0 f))", 0)
            .lines()
            .nth(2),
        Some("at-imm r1 r1 0")
    );
}

#[test]
fn blocks_at_the_top_are_spliced_also_when_a_macro_makes_them() {
    let reading = slp::read("[1 [2 3] []] 4", &ReadLimits::default());
    let forms: Vec<String> = top_forms(&reading.tree)
        .iter()
        .map(|&form| slp::print(&reading.tree, form))
        .collect();
    assert_eq!(forms, ["1", "2", "3", "4"]);
    assert!(matches!(top("(def-two p q)"), TopForm::Splice(forms) if forms.len() == 2));
}

#[test]
fn defined_names_are_known_before_anything_is_compiled() {
    let reading = slp::read(
        "(def a 1) (defn b () 1) (f (def c 1)) (def 5 1)",
        &ReadLimits::default(),
    );
    let names = defined_names(&reading.tree, &top_forms(&reading.tree));
    let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn forms_as_values() {
    let reading = slp::read("(a {. :b} {: 1 2} @{:code x/y :k 1} 'c)", &ReadLimits::default());
    let flat = datum(&reading.tree, reading.tree.roots()[0]);
    let text = format!("{:?}", flat.nodes);
    assert!(
        text.contains("Map { n_pairs: 1 }") && text.contains("Error") && text.contains("Prefix(0)"),
        "{text}"
    );
    assert!(flat.check(&CodeLimits::STANDARD.wire).is_ok());
}

/// What checking finds: the severity's first letter, the code, the text it points at.
fn check(text: &str, expected: &[&str]) {
    let mut tree = slp::read(text, &ReadLimits::default()).tree;
    let mut host = TableHost::knowing(&["f", "xs", "n"]);
    let context = FormContext::new("main", "test");
    let forms = top_forms(&tree);
    let findings = forms
        .into_iter()
        .flat_map(|form| check_form(&mut tree, form, &context, &mut host));
    let found: Vec<String> = findings
        .map(|finding| {
            let severity = if finding.severity == Severity::Error {
                "E"
            } else {
                "W"
            };
            format!(
                "{severity} {} {}",
                finding.fault.code,
                finding.fault.span.slice(text)
            )
        })
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn findings() {
    check("(defn g (a :int b) :int [(if (< a 0) a (g b 2))])", &[]);
    check("(defn g (a :int) (g \"x\"))", &["E type/mismatch \"x\""]);
    check("(defn g (a) (g 1 2))", &["E call/arity (g 1 2)"]);
    check("(defn g (a &opt b) {(g 1) (g 1 2) (g)})", &["E call/arity (g)"]);
    check("(let (h (fn (a :str) a)) (h 5))", &["E type/mismatch 5"]);
    check("(let (h (fn (a :str) a)) (set h f) (h 5 6))", &[]);
    check("(let (s \"x\") (+ 1 s))", &["E type/mismatch s"]);
    check("(fn (a :str) (< a 3))", &["E type/mismatch a"]);
    check("(fn (a) :int \"x\")", &["E type/mismatch \"x\""]);
    check("(fn (a) :int (if a 1 (throw a)))", &[]);
    check("(fn (a) :list {a a})", &[]);
    check("(fn (a :int?) (+ a 1))", &[]);
    check("(5 1)", &["E call/not-a-function 5"]);
    check("(f nowhere)", &["E name/unbound nowhere"]);
    check("(match f (1 2) (_ 3) (4 5))", &["W check/unreachable 4 5"]);
    check("(cond (f 1) 2 :else 3 (f 4) 5)", &["W check/unreachable 5"]);
    check("(let (a 1 b 2 _c 3) (each (x xs) a))", &["W check/unused b"]);
    check(
        "(fn (a) [(def b 1) (match a ({c d} c))])",
        &["W check/unused b", "W check/unused d"],
    );
    check("(fn (a :int) (if a 1 2))", &["W check/int-condition a"]);
    check("(fn (a :int) (if (eq a 1) 1 2))", &[]);
    check(
        "(fn (s :str) (cast :int s)) (fn () (while (cast :int \"1\") 2))",
        &["W check/int-condition (cast :int \"1\")"],
    );
    check("(fresh 1 n)", &[]);
}

#[test]
fn core_is_shown_as_a_program() {
    let show = |text: &str| {
        let mut tree = slp::read(text, &ReadLimits::default()).tree;
        let root = tree.roots()[0];
        let mut host = TableHost::knowing(&["f", "xs"]);
        show_core(&mut tree, root, &FormContext::new("main", "test"), &mut host)
            .expect("nothing is wrong with it")
    };
    assert_eq!(show("(when (f 1) (swap 2 f))"), "(if (main/f 1) (main/f 2))");
    assert_eq!(show("(-> xs (f 1) (+ 2))"), "(+ (main/f main/xs 1) 2)");
    assert_eq!(
        show("(defn g (a &rest b) :int `(a ,a))"),
        "(def main/g (fn (a &rest b) :int (list-p 'a a)))"
    );
    assert_eq!(
        show("(let ({a b} xs) '(1 {:k v}))"),
        "(let ({a b} main/xs) '(1 {: :k v}))"
    );
    assert_eq!(show("#(load \"alu\")"), "#(load \"alu\")");
    assert_eq!(show("(->> xs (f 1) (+ 2))"), "(+ 2 (main/f 1 main/xs))");
}
