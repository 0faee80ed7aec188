//! `sup run`: files, directories, standard input, arguments, exit codes.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use sup_testkit::{TempFolder, kernel_folder, sup, sup_path};

use crate::check;

#[test]
fn a_file_runs_and_its_value_is_not_printed() {
    let folder = TempFolder::new("run");
    let file = folder.write("hello.slp", "(print \"hello\")\n42\n");
    let finished = sup().arg("run").arg(file).finish().expect_code(0);
    assert_eq!(
        (finished.stdout.as_str(), finished.stderr.as_str()),
        ("hello\n", "")
    );
}

#[test]
fn a_directory_runs_by_its_init() {
    let folder = TempFolder::new("run");
    folder.write(
        "project/init.slp",
        "#(import shapes \"shapes.slp\")\n(print (shapes/area 2 3))\n",
    );
    folder.write("project/shapes.slp", "(defn area (a b) [(* a b)])\n");
    assert_eq!(
        sup()
            .arg("run")
            .arg(folder.join("project"))
            .finish()
            .expect_output(),
        "6"
    );
    assert_eq!(
        sup()
            .arg("run")
            .folder(folder.join("project"))
            .finish()
            .expect_output(),
        "6"
    );
    let finished = sup()
        .args(["run", "."])
        .folder(folder.path())
        .finish()
        .expect_code(2);
    assert!(
        finished.stderr.contains("there is no init.slp in ."),
        "{}",
        finished.stderr
    );
}

#[test]
fn standard_input_is_a_program_or_the_programs() {
    assert_eq!(
        sup()
            .args(["run", "-"])
            .input("(print (+ 1 2))")
            .finish()
            .expect_output(),
        "3"
    );
    let folder = TempFolder::new("run");
    let file = folder.write("ask.slp", "(each (line {1 2 3}) (print (repr (io/read-line))))");
    assert_eq!(
        sup()
            .arg("run")
            .arg(file)
            .input("one\r\ntwo")
            .finish()
            .expect_output(),
        "\"one\"\n\"two\"\nnil"
    );
}

#[test]
fn other_fibers_run_while_one_waits_for_a_line() {
    let program = "(def n (box 0))
(spawn (fn () [(dotimes (i 5) (sleep 1) (swap n inc)) (print \"five\") (io/flush)]))
(def line (io/read-line))
(print (unbox n) line)
(print (map (fn (x) [(io/read-line)]) {1 2}))";
    let folder = TempFolder::new("run");
    let file = folder.write("wait.slp", program);
    let mut running = sup().arg("run").arg(file).start();
    assert_eq!(running.line().as_deref(), Some("five"));
    running.say("one\ntwo\nth");
    assert_eq!(running.line().as_deref(), Some("5 one"));
    running.say("ree\n");
    assert_eq!(running.line().as_deref(), Some("{\"two\" \"three\"}"));
    running.finish().expect_code(0);
}

#[test]
fn arguments_reach_the_program_untouched() {
    let folder = TempFolder::new("run");
    let file = folder.write("args.slp", "(each (a (io/args)) (print a))");
    let finished = sup()
        .arg("run")
        .arg(&file)
        .args(["a b", "--json", "-h", "--", "x"])
        .finish();
    assert_eq!(finished.expect_output(), "a b\n--json\n-h\n--\nx");
    let finished = sup()
        .arg("run")
        .arg(&file)
        .args(["--fuel", "100000", "--", "--json"])
        .finish();
    assert_eq!(finished.expect_output(), "--json");
}

#[test]
fn an_empty_file_is_a_program_that_does_nothing() {
    let folder = TempFolder::new("run");
    let file = folder.write("empty.slp", "");
    for line in [&["run"][..], &["--bare", "run"]] {
        let finished = sup().args(line).arg(&file).finish().expect_code(0);
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("", ""));
    }
}

#[test]
fn what_is_not_there_is_wrong_usage() {
    for (line, told) in [
        (&["run", "/nowhere/x.slp"][..], "there is no file /nowhere/x.slp"),
        (&["check", "/nowhere"], "there is no file /nowhere"),
        (&["test", "/nowhere"], "there is no file /nowhere"),
        (&["evla", "1"], "unrecognized subcommand 'evla'"),
        (&["eval"], "EXPR"),
        (&["eval", "1", "--fuel", "0"], "--fuel"),
        (&["eval", "1", "--fuel", "much"], "--fuel"),
        (&["eval", "1", "--allow", "everything"], "--allow"),
        (&["eval", "--show", "nothing", "1"], "--show"),
        (&["--nothing"], "--nothing"),
        (&[], "Usage: sup"),
    ] {
        let finished = check(line, 2);
        assert!(finished.stderr.contains(told), "{line:?}: {}", finished.stderr);
        assert_eq!(finished.stdout, "", "{line:?}");
    }
}

#[test]
fn a_file_where_a_command_is_wanted_is_answered_with_how_to_run_it() {
    let folder = TempFolder::new("run");
    folder.write("a.slp", "1");
    let finished = sup().arg("a.slp").folder(folder.path()).finish().expect_code(2);
    assert!(finished.stderr.contains("sup run a.slp"), "{}", finished.stderr);
}

#[test]
fn help_and_version_are_results() {
    for line in [
        &["-h"][..],
        &["--help"],
        &["run", "-h"],
        &["eval", "-h"],
        &["repl", "-h"],
        &["check", "-h"],
        &["test", "-h"],
        &["doc", "-h"],
    ] {
        let finished = check(line, 0);
        assert!(
            finished.stdout.contains("Examples:") && finished.stdout.contains("Usage:"),
            "{line:?}: {}",
            finished.stdout
        );
    }
    assert_eq!(
        check(&["--version"], 0).stdout,
        format!("sup {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn the_predecessors_script_runs_unchanged() {
    let folder = TempFolder::new("run");
    let script = "[\n  #(load \"kv\" \"io\")\n  (kv/open-memory mem)\n  (kv/set mem:x 42)\n  (kv/cas mem:x 42 100)\n  \
                  (io/put \"x: %d\\n\" (kv/get mem:x))\n  (assert (eq (kv/get mem:x) 100) \"x is 100\")\n]\n";
    let file = folder.write("kv.sxs", script);
    assert_eq!(sup().arg("run").arg(file).finish().expect_output(), "x: 100");
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let mut child = Command::new(sup_path())
        .args(["eval", "(do [(print $iterations)])"])
        .env("SUP_KERNEL_PATH", kernel_folder())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdout = child.stdout.take().expect("it was asked for");
    let mut first = [0; 4];
    stdout.read_exact(&mut first).expect("it prints");
    drop(stdout);
    assert_eq!(&first, b"1\n2\n");
    let mut told = String::new();
    child
        .stderr
        .take()
        .expect("it was asked for")
        .read_to_string(&mut told)
        .expect("it is text");
    let status = child.wait().expect("it ends");
    assert_eq!((told.as_str(), status.code()), ("", Some(0)));
}

#[test]
fn an_interrupt_ends_the_program_with_its_own_code() {
    for program in [
        "(print \"on\") (do [])",
        "(print \"on\") (sleep 60000)",
        "(print \"on\") (io/read-line)",
    ] {
        let folder = TempFolder::new("interrupt");
        let file = folder.write("loop.slp", program);
        let mut child = Command::new(sup_path())
            .arg("run")
            .arg(file)
            .env("SUP_KERNEL_PATH", kernel_folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command starts");
        // It stays open: waiting for the end would close it.
        let _input = child.stdin.take();
        std::thread::sleep(std::time::Duration::from_millis(300));
        let killed = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(killed.is_ok_and(|status| status.success()));
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(130), "{program}");
        let mut printed = String::new();
        child
            .stdout
            .take()
            .expect("it was asked for")
            .read_to_string(&mut printed)
            .expect("it is text");
        assert_eq!(printed, "on\n", "{program}");
    }
}

#[test]
fn a_large_output_is_whole() {
    let folder = TempFolder::new("run");
    let file = folder.write("many.slp", "(each (i (range 200000)) (print i))");
    let printed = sup().arg("run").arg(file).finish().expect_output();
    assert_eq!(printed.lines().count(), 200_000);
    assert!(printed.ends_with("199999"));
}

#[test]
fn text_that_is_not_utf_8_is_an_error_with_a_place() {
    let folder = TempFolder::new("run");
    let mut bytes = Vec::new();
    bytes
        .write_all(b"(print 1)\n(print \"")
        .expect("a vector can be written");
    bytes.extend([0xff, 0xfe]);
    bytes.extend(b"\")\n");
    folder.write("bad.slp", bytes);
    let finished = sup()
        .args(["run", "bad.slp"])
        .folder(folder.path())
        .finish()
        .expect_code(1);
    assert!(
        finished.stderr.contains("slp/utf8") && finished.stderr.contains("bad.slp:2:9"),
        "{}",
        finished.stderr
    );
    assert_eq!(finished.stdout, "");
}
