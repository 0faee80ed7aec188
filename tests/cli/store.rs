//! The store commands: code under names, in one process and between two.

use std::path::Path;
use std::time::{Duration, Instant};

use sup_testkit::{Finished, Run, Running, TempFolder, sup};

/// How long something may take to become visible.
const PATIENCE: Duration = Duration::from_secs(20);

const SUM: &str = "(fn (xs) [(reduce + 0 xs)])";
const MEAN: &str = "(fn (xs) [(/ (util/sum xs) (count xs))])";

/// `sup` on a store in that folder.
fn on(folder: &TempFolder, line: &[&str]) -> Run {
    sup().args(line).env("SUP_STORE", folder.join("store"))
}

/// Puts a text; what was printed.
#[track_caller]
fn put(folder: &TempFolder, name: &str, text: &str) -> String {
    on(folder, &["put", name, "-"])
        .input(text)
        .finish()
        .expect_output()
}

#[track_caller]
fn call(folder: &TempFolder, name: &str, argument: &str) -> String {
    on(folder, &["call", name, argument]).finish().expect_output()
}

#[track_caller]
fn expect_error(finished: Finished, parts: &[&str]) {
    let finished = finished.expect_code(1);
    assert_eq!(finished.stdout, "");
    for part in parts {
        assert!(
            finished.stderr.contains(part),
            "no {part} in:\n{}",
            finished.stderr
        );
    }
}

/// Waits until there is such a file.
#[track_caller]
fn wait_for(file: &Path) {
    let begin = Instant::now();
    while !file.exists() {
        assert!(begin.elapsed() < PATIENCE, "there is no {}", file.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A program that runs on the folder's store, once it answers.
fn instance(folder: &TempFolder, program: &str) -> Running {
    let file = folder.write("program.slp", program);
    let running = on(folder, &["run"]).arg(file).start();
    wait_for(&folder.join("store/control.sock"));
    running
}

#[test]
fn a_function_is_put_and_called() {
    let folder = TempFolder::new("store");
    let printed = put(&folder, "util/sum", SUM);
    assert!(
        printed.starts_with("util/sum@1 ") && printed.len() == "util/sum@1 ".len() + 12,
        "{printed}"
    );
    assert_eq!(call(&folder, "util/sum", "{1 2 3}"), "6");
    let json = on(&folder, &["call", "--json", "util/sum", "{1 2}"])
        .finish()
        .expect_output();
    assert_eq!(json, "3");
    put(&folder, "util/nothing", "(fn (x) [nil])");
    assert_eq!(call(&folder, "util/nothing", "1"), "");
    assert!(!folder.join("store/control.sock").exists());
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = TempFolder::new("store");
    put(&folder, "util/one", "1");
    let mut holder = instance(
        &folder,
        "(def spin (fn () [(if (= util/one 0) nil (spin))]))\n(spin)",
    );
    for n in 1..=3 {
        let text = format!("(fn (xs) [(reduce + {n} xs)])");
        let printed = put(&folder, "util/sum", &text);
        holder.kill();
        assert!(printed.starts_with("util/sum@"), "{printed}");
        assert_eq!(call(&folder, "util/sum", "{1 2 3}"), (6 + n).to_string());
        // The socket of the killed process is replaced.
        holder = on(&folder, &["run"]).arg(folder.join("program.slp")).start();
        let begin = Instant::now();
        while call_is_answered_by_another(&folder, holder.id()) {
            assert!(begin.elapsed() < PATIENCE, "the instance never held its store");
        }
    }
}

/// Whether the store is still to be taken by that process.
fn call_is_answered_by_another(folder: &TempFolder, id: u32) -> bool {
    std::thread::sleep(Duration::from_millis(5));
    let owner = std::fs::read_to_string(folder.join("store/owner.pid")).unwrap_or_default();
    owner.trim() != id.to_string()
}

#[test]
fn stored_code_uses_stored_code_and_its_errors_point_into_its_text() {
    let folder = TempFolder::new("store");
    put(&folder, "util/sum", SUM);
    put(&folder, "util/mean", MEAN);
    assert_eq!(call(&folder, "util/mean", "{2 4 6}"), "4");
    let program = folder.write("program.slp", "(print (util/mean {2 4 6}))");
    assert_eq!(on(&folder, &["run"]).arg(program).finish().expect_output(), "4");
    let failed = on(&folder, &["call", "util/mean", "{}"]).finish();
    expect_error(
        failed,
        &[
            "alu/div-zero",
            "store:util/mean:1:11",
            "(/ (util/sum xs) (count xs))",
            "^^^",
        ],
    );
    put(
        &folder,
        "util/shapes",
        "(def side 3)\n(defn area (a) [(* a side)])\n",
    );
    assert_eq!(call(&folder, "util/shapes/area", "5"), "15");
    put(
        &folder,
        "util/fact",
        "(fn (n) [(if (= n 0) 1 (* n (util/fact (- n 1))))])",
    );
    assert_eq!(call(&folder, "util/fact", "5"), "120");
}

#[test]
fn what_cannot_work_is_refused_with_its_place() {
    let folder = TempFolder::new("store");
    let refused = on(&folder, &["put", "util/bad", "-"])
        .input("(fn (x)\n  [(nope x)])")
        .finish();
    expect_error(refused, &["name/unbound", "store:util/bad:2:5", "nope"]);
    let refused = on(&folder, &["put", "util/bad", "-"]).input("(fn (x)").finish();
    expect_error(refused, &["slp/unclosed", "store:util/bad:1:1"]);
    assert_eq!(on(&folder, &["ls"]).finish().expect_output(), "");
    on(&folder, &["put", "util/bad", "no-such-file"])
        .finish()
        .expect_code(2);
    expect_error(
        on(&folder, &["call", "util/bad"]).finish(),
        &["store/unknown-name"],
    );
    put(&folder, "util/sum", SUM);
    expect_error(
        on(&folder, &["get", "util/sun"]).finish(),
        &["did you mean util/sum?"],
    );
    expect_error(on(&folder, &["rm", "util/sun"]).finish(), &["store/unknown-name"]);
}

#[test]
fn names_have_versions_a_log_and_an_end() {
    let folder = TempFolder::new("store");
    let first = format!("{SUM} ; the first\n");
    put(&folder, "util/sum", &first);
    put(&folder, "util/sum", "(fn (xs) [(reduce + 100 xs)])");
    put(&folder, "other", "42");
    let again = put(&folder, "other", "42");
    assert!(again.starts_with("other@3 "), "{again}");
    let get = |name: &str| on(&folder, &["get", name]).finish().expect_code(0).stdout;
    assert_eq!(get("util/sum@1"), first);
    assert_eq!(get("util/sum"), "(fn (xs) [(reduce + 100 xs)])");
    assert_eq!(call(&folder, "util/sum", "{1}"), "101");

    let listed = on(&folder, &["ls"]).finish().expect_output();
    let rows: Vec<Vec<&str>> = listed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        (rows[0][0], rows[0][1], rows[1][0], rows[1][1]),
        ("other", "@3", "util/sum", "@2")
    );
    let time = rows[0][3];
    assert!(
        time.len() == 20 && time.starts_with("20") && time.ends_with('Z') && &time[10..11] == "T",
        "{time}"
    );
    assert_eq!(
        on(&folder, &["ls", "util/"])
            .finish()
            .expect_output()
            .lines()
            .count(),
        1
    );
    let json = on(&folder, &["ls", "--json", "oth"]).finish().expect_output();
    assert!(
        json.contains("\"name\":\"other\"") && json.contains("\"version\":3"),
        "{json}"
    );

    assert_eq!(on(&folder, &["rm", "util/sum"]).finish().expect_output(), "");
    expect_error(
        on(&folder, &["get", "util/sum"]).finish(),
        &["store/unknown-name"],
    );
    assert_eq!(get("util/sum@1"), first);
    let changes = |line: &[&str]| -> Vec<String> {
        let log = on(&folder, line).finish().expect_output();
        let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        log.lines()
            .map(cells)
            .map(|cells| format!("{} {} {}", cells[0], cells[2], cells[3]))
            .collect()
    };
    assert_eq!(
        changes(&["log", "util/sum"]),
        ["@4 rm util/sum", "@2 put util/sum", "@1 put util/sum"]
    );
    assert_eq!(
        changes(&["log"]),
        [
            "@4 rm util/sum",
            "@3 put other",
            "@2 put util/sum",
            "@1 put util/sum"
        ]
    );
}

#[test]
fn a_store_is_made_by_a_put_and_not_by_a_typo() {
    let folder = TempFolder::new("store");
    expect_error(
        on(&folder, &["eval", "(util/sum {1})"]).finish(),
        &["name/unbound"],
    );
    assert!(!folder.join("store").exists());
    assert_eq!(on(&folder, &["eval", "(+ 1 2)"]).finish().expect_output(), "3");
    assert!(!folder.join("store").exists());
    folder.write("project/init.slp", "(print (util/sum {1 2}))");
    let in_project = |line: &[&str]| sup().args(line).folder(folder.join("project"));
    in_project(&["put", "util/sum", "-"])
        .input(SUM)
        .finish()
        .expect_code(0);
    assert!(folder.join("project/.sup/store/db").is_dir());
    assert_eq!(in_project(&["run"]).finish().expect_output(), "3");
}

/// Prints what `util/sum` gives whenever that changes, until it gives nil.
fn watching(pause: &str) -> String {
    format!(
        "(def watch (fn (last) [{pause} (let (now (util/sum {{1 2 3}})) [(cond (= now nil) nil (= now last) (watch last) \
         true [(print now) (io/flush) (watch now)])])]))\n(watch nil)"
    )
}

#[track_caller]
fn check_puts_are_seen(pause: &str) {
    let folder = TempFolder::new("store");
    put(&folder, "util/sum", SUM);
    put(&folder, "util/mean", MEAN);
    let mut running = instance(&folder, &watching(pause));
    assert_eq!(running.line().as_deref(), Some("6"));
    put(&folder, "util/sum", "(fn (xs) [(reduce + 10 xs)])");
    assert_eq!(running.line().as_deref(), Some("16"));
    // The instance answers, and tells what went wrong with the text.
    assert_eq!(call(&folder, "util/sum", "{1}"), "11");
    let failed = on(&folder, &["call", "util/mean", "{}"]).finish();
    expect_error(
        failed,
        &["alu/div-zero", "store:util/mean:1:11", "(/ (util/sum xs)"],
    );
    let refused = on(&folder, &["put", "util/sum", "-"])
        .input("(fn (x) [(nope x)])")
        .finish();
    expect_error(refused, &["name/unbound", "store:util/sum:1:11"]);
    put(&folder, "talks", "(fn (x) [(print \"from afar\") x])");
    assert_eq!(call(&folder, "talks", "7"), "from afar\n7");
    put(&folder, "util/sum", "(fn (xs) [nil])");
    let finished = running.finish().expect_code(0);
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("", ""));
    assert!(!folder.join("store/control.sock").exists());
}

#[test]
fn a_running_program_that_computes_sees_a_put() {
    check_puts_are_seen("");
}

#[test]
fn a_running_program_that_sleeps_sees_a_put() {
    check_puts_are_seen("(%sleep 20)");
}

#[test]
fn a_session_serves_and_sees_a_put() {
    let folder = TempFolder::new("store");
    put(&folder, "util/sum", SUM);
    let mut session = on(&folder, &["repl"]).start();
    session.say("(util/sum {1 2 3})\n");
    wait_for(&folder.join("store/control.sock"));
    put(&folder, "util/sum", "(fn (xs) [(reduce + 10 xs)])");
    session.say("(util/sum {1 2 3})\n");
    let finished = session.finish().expect_code(0);
    assert_eq!(finished.stdout, "6\n16\n");
}

#[test]
fn a_holder_that_does_not_answer_is_named() {
    let folder = TempFolder::new("store");
    put(&folder, "util/sum", SUM);
    // `eval` answers nobody.
    let program = "(def spin (fn () [(if (= (util/sum {1}) 0) nil (spin))])) (spin)";
    let holder = on(&folder, &["eval", program]).start();
    let begin = Instant::now();
    while call_is_answered_by_another(&folder, holder.id()) {
        assert!(begin.elapsed() < PATIENCE, "the holder never held the store");
    }
    let pid = format!("process {}", holder.id());
    expect_error(on(&folder, &["ls"]).finish(), &["store/locked", &pid]);
    expect_error(
        on(&folder, &["eval", "(util/sum {1})"]).finish(),
        &["store/locked", &pid],
    );
    assert_eq!(on(&folder, &["eval", "(+ 1 2)"]).finish().expect_output(), "3");
}
