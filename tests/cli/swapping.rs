//! Kernels that are replaced while programs run: from the program, by the command, and by a change of a source.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sup_testkit::{Finished, Run, Running, TempFolder, checkout, sup};

/// How long something may take that another process does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Compiles the fixture `tick` or another file in C.
fn compile(source: &Path, library: &Path, defines: &[&str]) {
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-O1", "-D_GNU_SOURCE", "-fPIC", "-shared", "-pthread"]);
    command.args(defines.iter().map(|define| format!("-D{define}")));
    command.arg("-I").arg(checkout().join("kernels/sdk/include"));
    let fresh = library.with_extension("new");
    let status = command.arg("-o").arg(&fresh).arg(source).status();
    assert!(status.expect("cc is installed").success(), "{}", source.display());
    // As an installation does: what is mapped is never written over.
    std::fs::rename(fresh, library).expect("renames");
}

fn tick(folder: &TempFolder, name: &str, defines: &[&str]) -> PathBuf {
    let directory = folder.join(name);
    std::fs::create_dir_all(&directory).expect("makes a directory");
    let library = directory.join("libkernel_tick.so");
    compile(
        &checkout().join("tests/kernels/fixtures/tick.c"),
        &library,
        defines,
    );
    library
}

/// `sup` on the folder's store, with the kernels of its directory `one`.
fn on(folder: &TempFolder, line: &[&str]) -> Run {
    let run = sup().args(line).env("SUP_STORE", folder.join("store"));
    run.arg("--kernel-path").arg(folder.join("one"))
}

/// A program that runs and answers.
fn instance(folder: &TempFolder, program: &str) -> Running {
    folder.write("program.slp", program);
    let file = folder.join("program.slp").display().to_string();
    let running = on(folder, &["run", "--control"]).arg(file).start();
    wait_until("it listens", || folder.join("store/control.sock").exists());
    running
}

#[track_caller]
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "it never came that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn expect_parts(finished: &Finished, parts: &[&str]) {
    let said = format!("{}{}", finished.stdout, finished.stderr);
    for part in parts {
        assert!(said.contains(part), "no {part} in:\n{said}");
    }
}

fn resident_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/statm")).expect("it runs");
    let pages = status
        .split(' ')
        .nth(1)
        .and_then(|field| field.parse::<u64>().ok());
    4 * pages.expect("has a field")
}

/// Two isolates call as fast as they can, each with a resource of an early generation open, while the program swaps the kernel
/// two hundred times. An answer is ten times the number of swaps so far, and the version of the generation that gives it.
const SWAPS: &str = r#"
#(load "tick")
(def calls (fn (box held last n) [
  (let (v (tick/version)) [
    (cond (< v last) (throw @{:code :test/order})
          (not= (rem v 10) (+ 1 (rem (quot v 10) 2))) (throw @{:code :test/mixed})
          (not= held (tick/look box)) (throw @{:code :test/box})
          (>= v 2000) n
          true (calls box held v (+ n 1)))])]))
(def work (fn () [(let (box (tick/open)) [(calls box (tick/look box) 0 0)])]))
(def swap (fn (i) [
  (if (> i 200) nil
    (let (next (kernel/reload "tick" (if (= 0 (rem i 2)) "ONE" "TWO"))) [
      (assert (= (get next :generation) (+ i 1)))
      (if (= 0 (rem i 20)) (assert (= (tick/version) (await (isolate/spawn tick/version)))))
      (swap (+ i 1))]))]))
(def mine (tick/open))
(def first-worker (isolate/spawn work))
(def second-worker (isolate/spawn work))
(print "begun")
(io/flush)
(swap 1)
(print "swapped")
(io/flush)
(io/read-line)
(print (> (await first-worker) 0) (> (await second-worker) 0) (tick/look mine) (tick/version))
(def states (map (fn (k) [(get k :state)]) (filter (fn (k) [(= (get k :name) "tick")]) (kernel/list))))
(print (first states) (count (rest states)))
"#;

#[test]
fn two_hundred_swaps_by_a_program_lose_no_call_of_its_isolates() {
    let folder = TempFolder::new("swaps");
    let (one, two) = (tick(&folder, "one", &[]), tick(&folder, "two", &["VERSION=2"]));
    let program = SWAPS
        .replace("ONE", &one.display().to_string())
        .replace("TWO", &two.display().to_string());
    folder.write("program.slp", program);
    let mut running = on(&folder, &["run"]).arg(folder.join("program.slp")).start();
    assert_eq!(running.line().as_deref(), Some("begun"));
    let before = resident_kib(running.id());
    assert_eq!(running.line().as_deref(), Some("swapped"));
    let slope = resident_kib(running.id()).saturating_sub(before) / 200;
    println!("{slope} KiB a swap");
    running.say("\n");
    let finished = running.finish().expect_code(0);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(lines[0], "true true 1 2001");
    // The one that serves, the last that are remembered, and the first, which a resource of the program holds.
    assert!(lines[1].starts_with(":serving"), "{}", finished.stdout);
    assert!(slope < 512, "{slope} KiB a swap");
}

#[test]
fn what_cannot_be_swapped_is_refused_and_the_old_generation_serves() {
    let folder = TempFolder::new("refused");
    tick(&folder, "one", &[]);
    let bad = tick(&folder, "bad", &["VERSION=2", "BAD_LOAD"]);
    let other = tick(&folder, "other", &["VERSION=2", "OTHER_SIGNATURE"]);
    let program = format!(
        r#"
#(load "tick")
(def box (tick/open))
(def report (fn () [(tick/look box)]))
(def told (fn (e) [(print (get e :code) (get e :message))]))
(recover [(kernel/reload "tick" "{}")] [(told $error)])
(recover [(kernel/reload "tick" "{}")] [(told $error)])
(recover [(kernel/unload "tick")] [(told $error)])
(recover [(kernel/reload "tock")] [(told $error)])
(print (report) (tick/version) (count (filter (fn (k) [(= (get k :name) "tick")]) (kernel/list))))
"#,
        bad.display(),
        other.display()
    );
    folder.write("program.slp", program);
    let finished = on(&folder, &["run"])
        .arg(folder.join("program.slp"))
        .finish()
        .expect_code(0);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(lines.len(), 5, "{}", finished.stdout);
    assert!(
        lines[0].starts_with(":kernel/load ") && lines[0].contains("does not want to"),
        "{}",
        lines[0]
    );
    for part in [
        ":kernel/incompatible ",
        "look was (r :any) :int",
        "report in ",
        "program.slp:4:",
    ] {
        assert!(lines[1].contains(part), "no {part} in {}", lines[1]);
    }
    assert!(
        lines[2].starts_with(":kernel/used ") && lines[2].contains("look by report in "),
        "{}",
        lines[2]
    );
    assert!(lines[3].starts_with(":kernel/not-loaded "), "{}", lines[3]);
    assert_eq!(lines[4], "1 1 1");
}

#[test]
fn what_nobody_uses_may_change_and_what_is_unloaded_drains() {
    let folder = TempFolder::new("unload");
    tick(&folder, "one", &[]);
    let other = tick(&folder, "other", &["VERSION=2", "OTHER_SIGNATURE"]);
    let program = format!(
        r#"
(kernel/load "tick")
(def box (eval '(tick/open)))
(print (get (kernel/reload "tick" "{}") :version))
(print (count (filter (fn (k) [(= (get k :state) :draining)]) (kernel/list))))
"#,
        other.display()
    );
    folder.write("program.slp", program);
    let finished = on(&folder, &["run"])
        .arg(folder.join("program.slp"))
        .finish()
        .expect_code(0);
    assert_eq!(finished.stdout, "2.0.0\n1\n");
    let unused = "(kernel/load \"tick\") (get (kernel/unload \"tick\") :state)";
    let program = on(&folder, &["eval", unused]).finish().expect_code(0);
    assert_eq!(program.stdout, ":retired\n");
    let unbound = "(kernel/load \"tick\") (kernel/unload \"tick\") (eval '(tick/version))";
    expect_parts(
        &on(&folder, &["eval", unbound]).finish().expect_code(1),
        &["name/unbound"],
    );
    let again = "(kernel/load \"tick\") (kernel/unload \"tick\") (get (kernel/load \"tick\") :generation)";
    assert_eq!(
        on(&folder, &["eval", again]).finish().expect_code(0).stdout,
        "2\n"
    );
}

#[test]
fn without_the_capability_only_ones_own_kernels_are_seen() {
    let folder = TempFolder::new("granted-less");
    tick(&folder, "one", &[]);
    let less = |program: &str| on(&folder, &["eval", program, "--allow", "console"]).finish();
    let keys = less("(keys (first (kernel/list)))").expect_code(0);
    assert_eq!(keys.stdout, "{. :name :version :generation :state}\n");
    for program in [
        "(kernel/load \"tick\")",
        "(kernel/reload \"alu\")",
        "(kernel/unload \"alu\")",
        "(kernel/info \"alu\")",
    ] {
        expect_parts(
            &less(program).expect_code(1),
            &["name/unbound", "needs the capability kernel"],
        );
    }
}

/// Prints what `tick/version` gives whenever that changes, until it is 22.
const WATCHES: &str = r#"
#(load "tick")
(def box (tick/open))
(def watch (fn (last) [
  (sleep 5)
  (let (now (tick/version)) [
    (cond (= now 22) (tick/look box)
          (= now last) (watch last)
          true [(print now) (io/flush) (watch now)])])]))
(print (watch nil))
"#;

#[test]
fn a_command_lists_reloads_and_unloads_kernels_of_a_running_program() {
    let folder = TempFolder::new("commands");
    tick(&folder, "one", &[]);
    expect_parts(
        &on(&folder, &["kernel", "list"]).finish().expect_code(1),
        &["kernel/no-instance", "sup run --control"],
    );
    let mut running = instance(&folder, WATCHES);
    assert_eq!(running.line().as_deref(), Some("1"));
    let ask = |line: &[&str]| on(&folder, &[&["kernel"], line].concat()).finish();
    expect_parts(
        &ask(&["list"]).expect_code(0),
        &["tick  1.0.0    1           serving", "1 resources"],
    );
    expect_parts(
        &ask(&["info", "tick"]).expect_code(0),
        &["look (r :any) :int  What is in a box."],
    );
    let bad = tick(&folder, "bad", &["BAD_LOAD"]).display().to_string();
    expect_parts(
        &ask(&["reload", "tick", &bad]).expect_code(1),
        &["kernel/load", "does not want to"],
    );
    let other = tick(&folder, "other", &["OTHER_SIGNATURE"]).display().to_string();
    expect_parts(
        &ask(&["reload", "tick", &other]).expect_code(1),
        &["kernel/incompatible", "look was", "watch in ", "program.slp:7:"],
    );
    expect_parts(
        &ask(&["unload", "tick"]).expect_code(1),
        &["kernel/used", "version by watch in "],
    );
    expect_parts(
        &ask(&["reload", "tock"]).expect_code(1),
        &["kernel/not-loaded", "alu, io, tick"],
    );
    // The library where the name leads to is another now.
    tick(&folder, "one", &["VERSION=2"]);
    let swapped = ask(&["reload", "tick"]).expect_code(0);
    expect_parts(
        &swapped,
        &[
            "tick 2.0.0: generation 2 is serving",
            "generation 1 drains: ",
            "1 resources",
        ],
    );
    assert_eq!(running.line().as_deref(), Some("12"));
    let listed = ask(&["list", "--json"]).expect_code(0);
    expect_parts(
        &listed,
        &["\"generation\":2", "\"state\":\"draining\"", "\"resources\":1"],
    );
    ask(&["load", "random"]).expect_code(0);
    expect_parts(&ask(&["unload", "random"]).expect_code(0), &["generation 1 is "]);
    ask(&["reload", "tick"]).expect_code(0);
    let finished = running.finish().expect_code(0);
    assert_eq!(finished.stdout, "1\n");
}

#[test]
fn a_watched_project_takes_over_kernels_and_modules_that_change() {
    let folder = TempFolder::new("watched");
    let source = checkout().join("tests/kernels/fixtures/tick.c");
    let source = std::fs::read_to_string(source).expect("reads");
    folder.write("kernels/tick/kernel.c", &source);
    folder.write("modules/names.slp", "(def name (fn () [\"one\"]))");
    folder.write(
        "init.slp",
        r#"
#(load "tick")
#(import names "modules/names.slp")
(def watch (fn (last) [
  (sleep 5)
  (let (now {(tick/version) (names/name)}) [
    (cond (= now {12 "two"}) (print "both")
          (= now last) (watch last)
          true [(print now) (io/flush) (watch now)])])]))
(watch nil)
"#,
    );
    let run = sup().args(["run", "--watch"]).folder(folder.path());
    let mut running = run.env("XDG_CACHE_HOME", folder.join("cache")).start();
    assert_eq!(running.line().as_deref(), Some("{1 \"one\"}"));
    // One that does not compile leaves the last good one.
    folder.write("kernels/tick/kernel.c", format!("{source}\n???\n"));
    folder.write("modules/names.slp", "(def name (fn () [\"zwei\"]))");
    assert_eq!(running.line().as_deref(), Some("{1 \"zwei\"}"));
    std::thread::sleep(Duration::from_millis(1500));
    folder.write(
        "kernels/tick/kernel.c",
        source.replace("#define VERSION 1", "#define VERSION 2"),
    );
    assert_eq!(running.line().as_deref(), Some("{12 \"zwei\"}"));
    folder.write("modules/names.slp", "(def name (fn ()");
    std::thread::sleep(Duration::from_millis(1200));
    folder.write("modules/names.slp", "(def name (fn () [\"two\"]))");
    assert_eq!(running.line().as_deref(), Some("both"));
    // It has ended, and runs again when its own file changes.
    folder.write("init.slp", "(print \"again\")");
    assert_eq!(running.line().as_deref(), Some("again"));
    running.kill();
    let said = running.finish().stderr;
    for part in [
        "build/failed",
        "kept",
        "kernel tick 2.0.0: generation 2 serves",
        "modules/names.slp again",
    ] {
        assert!(said.contains(part), "no {part} in:\n{said}");
    }
}

#[test]
fn an_intrinsic_that_gets_another_meaning_has_it_in_code_that_was_compiled_before() {
    let folder = TempFolder::new("intrinsics");
    let source = checkout().join("tests/kernels/fixtures/calc.c");
    for (directory, defines) in [("one", &[][..]), ("two", &["VERSION=2"][..])] {
        std::fs::create_dir_all(folder.join(directory)).expect("makes a directory");
        compile(
            &source,
            &folder.join(directory).join("libkernel_calc.so"),
            defines,
        );
    }
    let two = folder.join("two/libkernel_calc.so").display().to_string();
    let program = r#"
#(load "calc")
(def old (fn (a) [{(calc/add a 2) (calc/add 1 2) (apply calc/add {a 2})}]))
(def wait (fn () [(let (x (old 1)) [(if (= x {102 102 102}) x (wait))])]))
(def later (isolate/spawn wait))
(print (old 1))
(kernel/reload "calc" "TWO")
(def new (fn (a) [{(calc/add a 2) (calc/add 1 2) (apply calc/add {a 2})}]))
(print (old 1) (new 1) (eval '(calc/add 1 2)))
(print (await later))
"#
    .replace("TWO", &two);
    folder.write("program.slp", program);
    let finished = on(&folder, &["run"]).arg(folder.join("program.slp")).finish();
    assert_eq!(
        finished.expect_code(0).stdout,
        "{3 3 3}\n{102 102 102} {102 102 102} 102\n{102 102 102}\n"
    );
}
