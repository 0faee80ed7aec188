//! Memory: what is beyond the quota ends with an error in time, and what was freed goes back to the operating system.

use std::fs;

use sup_testkit::{Running, sup};

/// Mebibytes that a process may take beyond its quota and what an idle one takes.
const LEEWAY_MIB: f64 = 6.0;

/// A figure that the kernel tells of a process, in mebibytes.
fn mib_of(program: &Running, name: &str) -> f64 {
    let path = format!("/proc/{}/status", program.id());
    let status = fs::read_to_string(&path).expect("a process that runs has a status");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next());
    kib.and_then(|kib| kib.parse::<f64>().ok())
        .expect("the status holds the figure in KiB")
        / 1024.0
}

/// Runs forms one after the other in one process, which waits for a line before each and tells when it is done.
fn start(options: &[&str], forms: &[&str]) -> Running {
    let wait = "(print :ready) (io/read-line)";
    // One form does a step and waits: a step may leave no room for the code of another.
    let steps: String = forms.iter().map(|form| format!("[{form} {wait}]\n")).collect();
    let program = format!("#(load \"io\")\n{wait}\n{steps}");
    let mut run = sup().arg("eval");
    for option in options {
        run = run.arg(option);
    }
    run.arg(program).start()
}

#[track_caller]
fn wait(program: &mut Running, wanted: &str) {
    let line = program.line();
    assert_eq!(line.as_deref(), Some(wanted), "{program:?}");
}

/// Evaluates what allocates for ever under 64 MiB, and looks at the process before and after.
#[track_caller]
fn ends_within_the_quota(what: &str, form: &str) {
    let form = format!("(print (recover [{form}] [(get $error :code)]))");
    let mut program = start(&["--memory-mib", "64"], &[&form]);
    wait(&mut program, ":ready");
    let idle = mib_of(&program, "VmRSS");
    program.say("\n");
    wait(&mut program, ":vm/memory");
    wait(&mut program, ":ready");
    let peak = mib_of(&program, "VmHWM");
    assert!(
        peak <= idle + 64.0 + LEEWAY_MIB,
        "{what}: {peak:.1} MiB at the peak, {idle:.1} MiB idle"
    );
    program.say("\n");
    program.finish().expect_code(0);
}

#[test]
fn endless_objects_end_within_the_quota() {
    ends_within_the_quota("a chain", "(loop (c nil i 0) (recur {{i} c} (+ i 1)))");
    ends_within_the_quota("closures", "(loop (f nil) (recur (fn () [f])))");
    ends_within_the_quota("boxes", "(loop (b nil) (recur (box b)))");
    ends_within_the_quota(
        "reals and wide integers",
        "(loop (c nil) (recur {1e300 4611686018427387904 c}))",
    );
    ends_within_the_quota("a tree", "(loop (t nil) (recur {t {t t} (range 20) t}))");
}

#[test]
fn endless_collections_end_within_the_quota() {
    ends_within_the_quota("a list", "(loop (l {}) (recur (push l 1.5)))");
    ends_within_the_quota("a list of lists", "(loop (l {}) (recur (push l {1 2 3})))");
    ends_within_the_quota("a list doubled", "(loop (l {1}) (recur (concat l l)))");
    ends_within_the_quota(
        "a list mapped",
        "(loop (l (range 10)) (recur (concat l (map inc l))))",
    );
    ends_within_the_quota("an array", "(let (a (array/new)) (do [(array/push a 1)]))");
    ends_within_the_quota(
        "an array of arrays",
        "(let (a (array/new)) (do [(array/push a (array/make 40 0))]))",
    );
    ends_within_the_quota("large arrays", "(loop (l nil) (recur {(array/make 100000 0) l}))");
    ends_within_the_quota("a map", "(loop (m {:} i 0) (recur (put m i i) (+ i 1)))");
    ends_within_the_quota(
        "a map of texts",
        "(loop (m {:} i 0) (recur (put m (str \"the key \" i) i) (+ i 1)))",
    );
    ends_within_the_quota("maps", "(loop (l nil i 0) (recur {{:a i :b l}} (+ i 1)))");
    ends_within_the_quota(
        "a table",
        "(let (t (table/new) i 0) (do [(table/put t i i) (set i (+ i 1))]))",
    );
    ends_within_the_quota(
        "versions of a map",
        "(loop (l nil m (zipmap (range 100) (range 100))) (recur {l m} (put m 1 (count l))))",
    );
}

#[test]
fn endless_texts_end_within_the_quota() {
    ends_within_the_quota("a text doubled", "(loop (s \"x\") (recur (str s s)))");
    ends_within_the_quota(
        "texts",
        "(loop (l nil i 0) (recur {(str \"number \" i) l} (+ i 1)))",
    );
    ends_within_the_quota(
        "long texts",
        "(loop (l nil n 1) (recur {(str/repeat \"x\" n) l} (+ n 100)))",
    );
    ends_within_the_quota("repeated", "(loop (n 1) [(str/repeat \"x\" n) (recur (* 2 n))])");
    ends_within_the_quota("bytes", "(loop (b b\"x\") (recur (concat b b)))");
    ends_within_the_quota(
        "a buffer",
        "(let (b (buffer/new)) (do [(buffer/print b \"0123456789\")]))",
    );
    ends_within_the_quota(
        "parts that keep the whole",
        "(loop (l nil i 0) (recur {(slice (str (str/repeat \"x\" 100000) i) 0 600) l} (+ i 1)))",
    );
}

#[test]
fn endless_calls_fibers_and_names_end_within_the_quota() {
    ends_within_the_quota(
        "open calls",
        "(def f (fn (n) [{n n n n n n n n n n n n n n n n n n n n (f (+ n 1))}])) (f 0)",
    );
    ends_within_the_quota(
        "names",
        "(loop (i 0) [(symbol (str \"name-\" i)) (recur (+ i 1))])",
    );
    ends_within_the_quota(
        "code",
        "(loop (i 0) [(eval (str \"(def v\" i \" (fn (a) [(+ a \" i \")]))\")) (recur (+ i 1))])",
    );
}

#[test]
fn memory_goes_back_after_a_peak() {
    let drop_it = "(set held nil) (dotimes (i 1000000) {i i i i i i i i})";
    for (what, build) in [
        (
            "small objects",
            "(loop (l nil i 0) (if (= i 2500000) l (recur {{i} l} (+ i 1))))",
        ),
        ("one array", "(array/make 13000000 0)"),
        ("many arrays", "(map (fn (i) [(array/make 60000 0)]) (range 220))"),
        ("texts", "(map (fn (i) [(str/repeat \"x\" 100000)]) (range 1000))"),
    ] {
        let build = format!("(def held nil) (set held {build})");
        let mut program = start(
            &["--memory-mib", "1024"],
            &["(+ 1 1)", &build, &drop_it.repeat(20)],
        );
        wait(&mut program, ":ready");
        program.say("\n");
        wait(&mut program, ":ready");
        let idle = mib_of(&program, "VmRSS");
        program.say("\n");
        wait(&mut program, ":ready");
        let full = mib_of(&program, "VmRSS");
        program.say("\n");
        wait(&mut program, ":ready");
        let empty = mib_of(&program, "VmRSS");
        assert!(full > idle + 80.0, "{what}: {full:.1} MiB held");
        assert!(
            empty < idle + 30.0,
            "{what}: {empty:.1} MiB left of {full:.1}, {idle:.1} idle"
        );
        program.say("\n");
        program.finish().expect_code(0);
    }
}

#[test]
fn the_fiber_that_keeps_most_fails_and_the_others_go_on() {
    let program = r#"
        (defn hoard () [(loop (l {}) (recur (push l {1 2 3 4})))])
        (defn work () [(loop (i 0 sum 0) (if (= i 300000) sum (recur (+ i 1) (+ sum (count {i i})))))])
        (def hoarder (spawn (fn () [(recover [(hoard)] [(get $error :code)])])))
        (def workers (map (fn (i) [(spawn work)]) (range 4)))
        (print (map (fn (w) [(await w)]) workers) (await hoarder))
    "#;
    let finished = sup()
        .args([
            "eval",
            "--memory-mib",
            "64",
            &format!("#(load \"io\")\n{program}"),
        ])
        .finish()
        .expect_code(0);
    assert_eq!(finished.stdout, "{600000 600000 600000 600000} :vm/memory\n");
}

#[test]
fn endless_fibers_end_with_an_error() {
    let program = "(loop (l nil) (recur {(spawn (fn () [(sleep 1000000)])) l}))";
    let finished = sup()
        .args(["eval", "--memory-mib", "64", program])
        .finish()
        .expect_code(1);
    assert!(
        finished.stderr.contains("error[vm/memory]"),
        "{}",
        finished.stderr
    );
}

#[test]
fn an_array_made_large_grows_to_the_end_of_its_memory_unharmed() {
    let source = "(let (a (array/make 524288 nil))
        (loop (i 0) (when (< i 4000000) [(array/push a {i}) (recur (+ i 1))]))
        (print (count a))
        (print (loop (i 0 sum 0) (if (= i 4000000) sum (recur (+ i 1) (+ sum (at 0 (array/get a (+ i 524288)))))))))";
    let mut program = start(&["--memory-mib", "1024"], &[source]);
    for line in [":ready", "4524288", "7999998000000", ":ready"] {
        wait(&mut program, line);
        if line == ":ready" {
            program.say("\n");
        }
    }
    program.finish().expect_code(0);
}
