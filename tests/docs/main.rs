//! What the documents show is run: transcripts of the shell, blocks of SLP with expectations, the tour of the language, and the
//! examples, each of which prints what lies beside it.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sup_runtime::runtime::with_stack;
use sup_testkit::markdown::{blocks, run_transcripts};
use sup_testkit::script::check_cases;
use sup_testkit::{Case, TempFolder, check_text, checkout, report_count, run_scripts, sup};
use sup_tests::runner::Runner;

/// How long a program may take that builds a kernel first, on a busy machine.
const BUILD_LIMIT: Duration = Duration::from_secs(600);

/// Where documents for users lie.
const PLACES: [&str; 4] = ["README.md", "sup/docs", "kernels", "examples"];

#[test]
fn every_transcript_prints_what_is_shown() {
    let mut n_commands = 0;
    for (name, text) in documents() {
        let folder = TempFolder::new("transcripts");
        n_commands += run_transcripts(&name, &text, folder.path());
    }
    report_count("commands in documents", n_commands);
}

#[test]
fn every_block_of_slp_says_the_truth() {
    let mut cases = Vec::new();
    for (name, text) in documents() {
        for block in blocks(&text).into_iter().filter(|block| block.language == "slp") {
            let (path, line) = (PathBuf::from(&name), block.line - 1);
            cases.push(Case {
                name: "block".to_owned(),
                notes: String::new(),
                path,
                line,
                source: block.text,
            });
        }
    }
    with_stack(|| {
        let runner = RefCell::new(Runner::default());
        check_cases(&cases, |case| runner.borrow_mut().run(case));
    });
    report_count("blocks of SLP in documents", cases.len());
}

#[test]
fn the_tour_of_the_language_holds() {
    with_stack(|| {
        let runner = RefCell::new(Runner::default());
        run_scripts("manual", &checkout().join("sup/docs/manual"), |case| {
            runner.borrow_mut().run(case)
        });
    });
}

#[test]
fn every_example_prints_what_lies_beside_it() {
    let folder = checkout().join("examples");
    let mut n_examples = 0;
    for entry in fs::read_dir(&folder).expect("there are examples").flatten() {
        let path = entry.path();
        // The search asks for queries and prints times; the command's own suite holds a conversation with it.
        let is_example = path
            .extension()
            .is_none_or(|extension| extension == "slp" || extension == "sxs");
        if !is_example || path.ends_with("search") {
            continue;
        }
        let scratch = TempFolder::new("example");
        let printed = sup()
            .arg("run")
            .arg(&path)
            .folder(checkout())
            .env("SUP_STORE", scratch.join("store"))
            .env("XDG_CACHE_HOME", scratch.join("cache"))
            .limit(BUILD_LIMIT)
            .finish();
        let beside = path.with_extension("out");
        let expected = fs::read_to_string(&beside).unwrap_or_else(|error| {
            panic!(
                "an example has its output beside it, {}: {error}",
                beside.display()
            )
        });
        check_text(&expected, &printed.expect_output());
        n_examples += 1;
    }
    assert!(
        n_examples >= 6,
        "six small examples are promised, {n_examples} are there"
    );
    report_count("examples", n_examples);
}

#[test]
fn the_kernels_among_the_examples_pass_their_tests() {
    let scratch = TempFolder::new("example-kernels");
    let tested = sup()
        .args(["test", "examples/kernels"])
        .folder(checkout())
        .env("XDG_CACHE_HOME", scratch.join("cache"))
        .limit(BUILD_LIMIT)
        .finish();
    let output = tested.expect_output();
    let n_passed: usize = output
        .split(' ')
        .next()
        .and_then(|count| count.parse().ok())
        .unwrap_or(0);
    assert!(n_passed >= 12, "{output}");
    report_count("cases of example kernels", n_passed);
}

/// Name and text of every document, by name.
fn documents() -> Vec<(String, String)> {
    let root = checkout();
    let mut paths: Vec<PathBuf> = PLACES
        .iter()
        .flat_map(|place| markdown_below(&root.join(place)))
        .collect();
    paths.sort();
    let named = paths.into_iter().map(|path| {
        let name = path
            .strip_prefix(&root)
            .expect("it was found below the root")
            .display()
            .to_string();
        (name, fs::read_to_string(&path).expect("a document can be read"))
    });
    named.collect()
}

fn markdown_below(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_path_buf()];
    }
    let Ok(entries) = fs::read_dir(place) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .filter(|path| path.is_dir() || path.extension().is_some_and(|extension| extension == "md"))
        .flat_map(|path| markdown_below(&path))
        .collect()
}
