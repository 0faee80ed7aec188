//! The release commands: trees published, exported, compared, rolled back, by a running instance or on the store itself.

use std::path::Path;
use std::time::{Duration, Instant};

use sup_testkit::{Finished, Run, Running, TempFolder, sup};

const PATIENCE: Duration = Duration::from_secs(20);

fn on(folder: &TempFolder, line: &[&str]) -> Run {
    sup()
        .args(line)
        .env("SUP_STORE", folder.join("store"))
        .env("USER", "ada")
}

#[track_caller]
fn output(folder: &TempFolder, line: &[&str]) -> String {
    on(folder, line).finish().expect_output()
}

#[track_caller]
fn refused(finished: Finished, parts: &[&str]) {
    let finished = finished.expect_code(1);
    for part in parts {
        assert!(
            finished.stderr.contains(part),
            "no {part} in:\n{}",
            finished.stderr
        );
    }
}

/// The path of a tree in the folder, as text.
fn path(folder: &TempFolder, name: &str) -> String {
    folder.join(name).display().to_string()
}

#[track_caller]
fn publish(folder: &TempFolder, tree: &str) -> String {
    output(folder, &["publish", &path(folder, tree)])
}

#[test]
fn a_project_of_the_site_template_can_be_published_as_it_runs() {
    let folder = TempFolder::new("release-site");
    sup()
        .args(["new", "shop", "--template", "site"])
        .folder(folder.path())
        .finish()
        .expect_code(0);
    publish(&folder, "shop");
    let pages = output(
        &folder,
        &[
            "eval",
            "(get (modules/site/handler {:method :get :uri \"/hello/ada\"}) :body)",
        ],
    );
    assert!(pages.contains("hello, ada"), "{pages}");
}

/// A small project.
fn write_project(folder: &TempFolder, tree: &str, greeting: &str) {
    let write = |name: &str, text: &str| drop(folder.write(&format!("{tree}/{name}"), text));
    write(
        "handlers/hello.slp",
        &format!(
            "; says hello\n#(import greet \"../text/greet.slp\")\n\n(fn (name) [(greet/with \"{greeting}\" name)])\n"
        ),
    );
    write(
        "text/greet.slp",
        "(defn with (greeting name) [(str greeting \", \" name)])\n(route GET \"/hello/:name\" (fn (req) [(handlers/hello \"x\")]))\n",
    );
    write("static/site.css", "body { color: red }\n");
    write(".hidden", "not published");
    write("target/built.bin", "not published");
}

fn wait_for(file: &Path) {
    let begin = Instant::now();
    while !file.exists() {
        assert!(begin.elapsed() < PATIENCE, "there is no {}", file.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Every file below a folder with its bytes, by path.
fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).expect("the folder is there") {
            let path = entry.expect("it is readable").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .expect("it is below")
                    .display()
                    .to_string();
                found.push((name, std::fs::read(&path).expect("it is readable")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_tree_is_published_and_exported_byte_for_byte() {
    let folder = TempFolder::new("releases");
    write_project(&folder, "tree", "hello");
    folder.write("tree/logo.bin", [0_u8, 255, 13, 10, 128]);
    folder.write("tree/empty.txt", "");
    let told = publish(&folder, "tree");
    assert!(
        told.starts_with("1-") && told.ends_with("5 changed, 5 files"),
        "{told}"
    );
    assert_eq!(
        output(&folder, &["call", "handlers/hello", "\"you\""]),
        "\"hello, you\""
    );
    assert_eq!(output(&folder, &["export", &path(&folder, "out")]), "5 files");
    let expected: Vec<_> = tree(&folder.join("tree"))
        .into_iter()
        .filter(|(name, _)| !name.starts_with('.') && !name.starts_with("target"))
        .collect();
    assert_eq!(tree(&folder.join("out")), expected);
    // What was exported makes no new release.
    assert!(publish(&folder, "out").ends_with("nothing changed"));
    on(&folder, &["export", &path(&folder, "out")])
        .finish()
        .expect_code(2);
    let shown = output(&folder, &["show", "head"]);
    for part in [
        "release  1-",
        "author   ada",
        "answers  all",
        "route    GET /hello/:name text/greet",
        "/static/site.css",
    ] {
        assert!(shown.contains(part), "no {part} in\n{shown}");
    }
}

#[test]
fn what_is_wrong_with_a_release_is_told_at_once_and_changes_nothing() {
    let folder = TempFolder::new("releases");
    write_project(&folder, "tree", "hello");
    publish(&folder, "tree");
    let write = |name: &str, text: &str| drop(folder.write(&format!("tree/{name}"), text));
    write(
        "a.slp",
        "(fn (x) [(nope x)])\n(route GET \"/hello/:other\" handlers/hello)",
    );
    write("b.slp", "(defn f (x) [x])\n(f 1 2)\n(unclosed");
    write("c.slp", "#(load \"no-such-kernel\")\n1");
    write("d.slp", "#(import x \"missing.slp\")\n1");
    write("project.slp", "{:name \"demo\" :capabilities {net flying}}");
    let tree = path(&folder, "tree");
    for line in [&["publish", &tree][..], &["publish", "--check", &tree]] {
        refused(on(&folder, line).finish(), &["slp/unclosed", "store:b:3:1"]);
    }
    write("b.slp", "(defn f (x) [x])\n(f 1 2)");
    refused(
        on(&folder, &["publish", &tree]).finish(),
        &[
            "name/unbound",
            "store:a:1:",
            "store:b:2:",
            "no-such-kernel",
            "import/missing",
            "store:d:1:",
            "flying",
        ],
    );
    write("a.slp", "(route GET \"/hello/:other\" handlers/hello)");
    for name in ["b.slp", "c.slp", "d.slp", "project.slp"] {
        std::fs::remove_file(folder.join("tree").join(name)).expect("it was written");
    }
    refused(
        on(&folder, &["publish", &tree]).finish(),
        &[
            "release/route-conflict",
            "GET /hello/:name",
            "by a and by text/greet",
        ],
    );
    // Taking away what others use is refused too.
    refused(on(&folder, &["rm", "text/greet"]).finish(), &["import/missing"]);
    assert!(output(&folder, &["show", "head"]).contains("release  1-"));
    write("a.slp", "42");
    assert!(output(&folder, &["publish", "--check", &tree]).starts_with("fine: 4 files, 1 differ"));
    assert_eq!(output(&folder, &["log"]).lines().count(), 1);
}

#[test]
fn releases_are_compared_by_definition() {
    let folder = TempFolder::new("releases");
    folder.write("tree/a.slp", "(def one 1)\n(defn f (x) [x])\n");
    publish(&folder, "tree");
    folder.write(
        "tree/a.slp",
        "; a comment\n(def one 1)\n(defn f (x) [(+ x one)])\n(def two 2)\n",
    );
    folder.write("tree/x.css", "a");
    let expected = "(file \"a.slp\"\n  (changed \"f\"\n    (was\n      (defn f (x) [x]))\n    (now\n      (defn f (x) [(+ x one)])))\n  \
                    (added \"two\"\n    (def two 2)))\n(file \"x.css\"\n  (added\n    1 bytes))";
    assert_eq!(
        output(&folder, &["diff", "head", &path(&folder, "tree")]),
        expected
    );
    publish(&folder, "tree");
    assert_eq!(output(&folder, &["diff", "1", "2"]), expected);
    assert_eq!(output(&folder, &["diff", "2", "head"]), "");
    let json = output(&folder, &["diff", "--json", "1", "2"]);
    assert!(
        json.lines().count() == 3 && json.contains("\"name\":\"f\""),
        "{json}"
    );
    refused(
        on(&folder, &["diff", "1", "9"]).finish(),
        &["release/unknown", "no release 9"],
    );
    refused(on(&folder, &["diff", "1", "nope"]).finish(), &["release/name"]);
    let id = output(&folder, &["--json", "show", "1"]);
    assert!(id.contains("\"release\":\"1-"), "{id}");
    refused(on(&folder, &["show", "1-ffffff0"]).finish(), &["release/unknown"]);
}

/// A program that prints what `handlers/hello` gives whenever that changes, until it gives nil.
const WATCHING: &str = "\
(def watch (fn (last) [(%sleep 2) (let (now (handlers/hello \"you\")) [(cond (= now nil) nil (= now last) (watch last) \
 true [(print now) (io/flush) (watch now)])])]))
(watch nil)";

fn instance(folder: &TempFolder) -> Running {
    let file = folder.write("program.slp", WATCHING);
    let running = on(folder, &["run"]).arg(file).start();
    wait_for(&folder.join("store/control.sock"));
    running
}

#[test]
fn an_instance_sees_releases_and_rollbacks() {
    let folder = TempFolder::new("releases");
    write_project(&folder, "tree", "hello");
    publish(&folder, "tree");
    let mut running = instance(&folder);
    assert_eq!(running.line().as_deref(), Some("hello, you"));
    write_project(&folder, "tree", "good day");
    publish(&folder, "tree");
    assert_eq!(running.line().as_deref(), Some("good day, you"));
    // What a file uses is what its release has: the caller changes with it.
    folder.write(
        "tree/text/greet.slp",
        "(defn with (greeting name) [(str name \"! \" greeting)])",
    );
    publish(&folder, "tree");
    assert_eq!(running.line().as_deref(), Some("you! good day"));
    let told = output(&folder, &["rollback"]);
    assert!(told.starts_with("2-") && told.ends_with("answers all"), "{told}");
    assert_eq!(running.line().as_deref(), Some("good day, you"));
    output(&folder, &["rollback", "1"]);
    assert_eq!(running.line().as_deref(), Some("hello, you"));
    refused(on(&folder, &["rollback"]).finish(), &["release/first"]);
    output(&folder, &["split", "3=100"]);
    assert_eq!(running.line().as_deref(), Some("you! good day"));
    let log = output(&folder, &["log"]);
    let kinds: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(kinds, ["split", "rollback", "rollback", "put", "put", "publish"]);
    on(&folder, &["put", "handlers/hello", "-"])
        .input("(fn (name) [nil])")
        .finish()
        .expect_code(0);
    let finished = running.finish().expect_code(0);
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("", ""));
}

#[test]
fn a_canary_gets_its_part_and_can_be_taken_back() {
    let folder = TempFolder::new("releases");
    write_project(&folder, "tree", "hello");
    publish(&folder, "tree");
    write_project(&folder, "tree", "good day");
    output(
        &folder,
        &[
            "publish",
            "--canary",
            "5%",
            "-m",
            "try it",
            &path(&folder, "tree"),
        ],
    );
    assert_eq!(
        output(&folder, &["call", "handlers/hello", "\"you\""]),
        "\"hello, you\""
    );
    assert!(output(&folder, &["show", "2"]).contains("answers  5 of 100"));
    assert!(
        output(&folder, &["log"])
            .lines()
            .next()
            .is_some_and(|line| line.contains("canary") && line.ends_with("try it"))
    );
    assert!(output(&folder, &["rollback"]).starts_with("1-"));
    let split = output(&folder, &["split", "1=1", "2=1", "--by", "cookie:uid"]);
    assert_eq!(split.lines().count(), 2);
    for line in [&["split", "1=0"][..], &["split", "1=1", "1=2"], &["split", "9=1"]] {
        refused(on(&folder, line).finish(), &["release/"]);
    }
    for line in [
        &["split", "1"][..],
        &["split", "1=1", "--by", "x"],
        &["publish", "--canary", "100", "."],
    ] {
        on(&folder, line).finish().expect_code(2);
    }
}

#[test]
fn writing_to_app_is_publishing() {
    let folder = TempFolder::new("releases");
    let program = folder.write(
        "program.slp",
        "#(load \"kv\")
(kv/set app:handlers/hello '(fn (name) [(str \"hi \" name)]))
(print (handlers/hello \"you\"))
(kv/set app:handlers/hello '(fn (name) [(str \"ho \" name)]))
(print (handlers/hello \"you\"))
(print (kv/get app:handlers/hello))
(print (recover [(kv/set app:bad '(fn (x) [(nope x)]))] [(get $error :code)]))",
    );
    let finished = on(&folder, &["run"]).arg(program).finish().expect_code(0);
    assert_eq!(
        finished.stdout,
        "hi you\nho you\n(fn (name) [(str \"ho \" name)])\n:name/unbound\n"
    );
    assert!(output(&folder, &["get", "handlers/hello"]).contains("\"ho \""));
    assert_eq!(output(&folder, &["log", "handlers/hello"]).lines().count(), 2);
    output(&folder, &["rollback"]);
    assert_eq!(
        output(&folder, &["call", "handlers/hello", "\"you\""]),
        "\"hi you\""
    );
}

#[test]
fn macros_and_records_of_other_files_work_in_a_release() {
    let folder = TempFolder::new("releases");
    folder.write(
        "tree/words.slp",
        "(defn twice (form) [`(+ ,form ,form)])\n#(macro double (form) [(words/twice form)])\n#(define-form point {x :int y :int})\n",
    );
    folder.write(
        "tree/sum.slp",
        "#(import words \"words.slp\")\n(fn (n) [(words/double (* n 10))])\n",
    );
    folder.write("tree/even.slp", "(fn (n) [(if (= n 0) true (odd (- n 1)))])");
    folder.write("tree/odd.slp", "(fn (n) [(if (= n 0) false (even (- n 1)))])");
    publish(&folder, "tree");
    assert_eq!(output(&folder, &["call", "sum", "2"]), "40");
    assert_eq!(output(&folder, &["call", "even", "101"]), "false");
    // A macro that changes changes who uses it.
    folder.write("tree/words.slp", "#(macro double (form) [`(- ,form)])\n");
    publish(&folder, "tree");
    assert_eq!(output(&folder, &["call", "sum", "2"]), "-20");
}
