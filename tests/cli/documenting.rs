//! `sup doc`: what names mean.

use sup_testkit::{TempFolder, check_text, sup};

use crate::{check, eval};

#[test]
fn a_name_is_told_with_its_shape_its_example_and_where_it_is_from() {
    let expected = "\
(if c then else)

  One of two; `false`, `nil` and 0 count as false.

  (if (< 1 2) :yes :no) ;=> :yes

  form of the language
";
    check_text(expected, &check(&["doc", "if"], 0).stdout);
    for (name, parts) in [
        ("map", &["(map f", ";=>", "function of core, since 0.1.0"][..]),
        ("str/upper", &["(str/upper s :str) :str", "function of str"]),
        ("dotimes", &["(dotimes ", "macro of core"]),
        ("+", &["(+ ", "function of kernel alu"]),
        ("alu/add", &["(alu/add ", "function of kernel alu"]),
        ("kv/get", &["(kv/get ", "function of kernel kv"]),
        ("math/pi", &["math/pi", "value of math"]),
    ] {
        let told = check(&["doc", name], 0).stdout;
        for part in parts {
            assert!(told.contains(part), "{name}: {part} is not in {told}");
        }
    }
}

#[test]
fn lists_are_told() {
    let modules = check(&["doc"], 0).stdout;
    assert!(
        modules.lines().any(|line| line.starts_with("str ")) && modules.lines().count() >= 10,
        "{modules}"
    );
    let names = check(&["doc", "json"], 0).stdout;
    assert!(names.contains("json/encode"), "{names}");
    let names = check(&["doc", "str/"], 0).stdout;
    assert!(names.contains("str/split"), "{names}");
    let names = check(&["doc", "alu"], 0).stdout;
    assert!(names.contains("alu/add"), "{names}");
}

#[test]
fn an_unknown_name_is_answered_with_near_ones() {
    let finished = check(&["doc", "redcue"], 1);
    assert!(
        finished.stderr.contains("did you mean `reduce`"),
        "{}",
        finished.stderr
    );
    assert_eq!(finished.stdout, "");
}

#[test]
fn a_projects_own_definitions_are_found_without_running_them() {
    let folder = TempFolder::new("doc");
    folder.write("lib/shapes.slp", "(print \"ran\")\n(defn area \"Of a rectangle.\n  (area 2 3) ;=> 6\" (a :int b :int) :int [(* a b)])\n");
    for name in ["area", "shapes/area"] {
        let told = sup()
            .args(["doc", name])
            .folder(folder.path())
            .finish()
            .expect_code(0)
            .stdout;
        assert!(
            told.contains("(area a :int b :int) :int")
                && told.contains("lib/shapes.slp")
                && !told.contains("ran"),
            "{told}"
        );
    }
}

#[test]
fn what_is_known_can_be_json() {
    let told = check(&["doc", "--json", "if"], 0).stdout;
    assert!(
        told.contains("\"kind\":\"form\"") && told.contains("\"name\":\"if\""),
        "{told}"
    );
    assert!(check(&["doc", "--json"], 0).stdout.starts_with("[{"));
}

#[test]
fn the_examples_of_the_languages_words_hold() {
    for form in sup_runtime::doc::forms::FORMS
        .iter()
        .filter(|form| !form.example.is_empty())
    {
        let (code, wanted) = match (form.example.split_once(";=>"), form.example.split_once(";!!")) {
            (Some((_, value)), _) => (0, value.trim()),
            (_, Some((_, error))) => (1, error.trim()),
            _ => panic!("{} says nothing of what it gives", form.name),
        };
        let finished = eval(form.example).expect_code(code);
        match code {
            0 if wanted == "nil" => assert_eq!(finished.stdout, "", "{}", form.name),
            0 => assert_eq!(finished.stdout.trim_end(), wanted, "{}", form.name),
            _ => assert!(
                finished.stderr.contains(&format!("error[{wanted}]")),
                "{}: {}",
                form.name,
                finished.stderr
            ),
        }
    }
}
