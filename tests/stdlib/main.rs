//! The examples in the doc strings of the standard library: a line with `;=>` or `;!!` is an example, with one form to the left of
//! it. Each definition's examples are a case.

mod image;

use std::cell::RefCell;
use std::path::Path;

use slp::{NodeKind, ReadLimits, Tree};
use sup_runtime::runtime::with_stack;
use sup_testkit::script::check_cases;
use sup_testkit::{Case, report_count};
use sup_tests::runner::Runner;

#[test]
fn every_example_of_the_standard_library_holds() {
    let mut n_examples = 0;
    let mut cases = Vec::new();
    for (module, text) in sup_stdlib::MODULES {
        for (name, line, doc) in documented(text) {
            let examples: Vec<&str> = doc
                .lines()
                .filter(|line| is_example(line))
                .map(str::trim)
                .collect();
            n_examples += examples.len();
            let path = Path::new("stdlib").join(format!("{module}.slp"));
            let source = examples.join("\n") + "\n";
            cases.extend((!examples.is_empty()).then(|| Case {
                name,
                notes: String::new(),
                path,
                line,
                source,
            }));
        }
    }
    assert!(
        n_examples > 100,
        "only {n_examples} examples were found: are doc strings still read as they are written?"
    );
    with_stack(|| {
        let runner = RefCell::new(Runner::default());
        check_cases(&cases, |case| runner.borrow_mut().run(case));
    });
    report_count("standard library examples", n_examples);
}

fn is_example(line: &str) -> bool {
    line.contains(";=>") || line.contains(";!!")
}

/// Name, line and doc string of the definitions of a module: `(def name "doc" …)`, `(defn …)`, `#(macro …)`.
fn documented(text: &str) -> Vec<(String, usize, String)> {
    let reading = slp::read(text, &ReadLimits::default());
    assert!(reading.faults.is_empty(), "{:?}", reading.faults);
    let tree = &reading.tree;
    let definitions = tree.roots().iter().filter_map(|root| definition(tree, *root));
    definitions
        .map(|(name, start, doc)| (name, text[..start].matches('\n').count() + 1, doc))
        .collect()
}

fn definition(tree: &Tree, root: slp::NodeId) -> Option<(String, usize, String)> {
    let start = tree.span(root).start as usize;
    let list = if let NodeKind::Prefix(_) = tree.kind(root) {
        *tree.children(root).first()?
    } else {
        root
    };
    let &[_, name, doc, ..] = tree.children(list) else {
        return None;
    };
    let NodeKind::Str(doc) = tree.kind(doc) else {
        return None;
    };
    Some((tree.symbol(name)?.to_owned(), start, doc.to_string()))
}
