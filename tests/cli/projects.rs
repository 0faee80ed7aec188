//! Projects: what is built and when, what a project needs, what was found where, and what is kept.

use std::fs;
use std::path::PathBuf;

use sup_testkit::{Finished, Run, TempFolder, kernel_folder, sup};

/// `sup` in a directory below the folder, with a cache in the folder.
fn run_at(folder: &TempFolder, directory: &str, line: &[&str]) -> Run {
    sup()
        .args(line)
        .folder(folder.path().join(directory))
        .env("XDG_CACHE_HOME", folder.path().join("cache"))
}

fn at(folder: &TempFolder, directory: &str, line: &[&str]) -> Finished {
    run_at(folder, directory, line).finish()
}

fn kernel_project(name: &str) -> TempFolder {
    let folder = TempFolder::new(name);
    at(
        &folder,
        ".",
        &["new", "demo", "--template", "kernel", "--lang", "c"],
    )
    .expect_code(0);
    folder
}

fn write(folder: &TempFolder, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("makes a folder");
    fs::write(path, text).expect("writes");
}

/// Adds to a file what changes nothing of its meaning.
fn touch(folder: &TempFolder, path: &str) {
    let text = fs::read_to_string(folder.join(path)).expect("the template has it");
    write(folder, path, &format!("{text}\n"));
}

fn n_built(finished: &Finished) -> usize {
    finished.stderr.matches("building the kernel").count()
}

#[test]
fn a_failed_build_keeps_the_last_good_library() {
    for (language, source, from, to) in [
        (
            "c",
            "kernel.c",
            "__builtin_add_overflow(a",
            "__builtin_sub_overflow(a",
        ),
        ("rust", "src/lib.rs", "a.checked_add", "a.checked_sub"),
    ] {
        let folder = TempFolder::new("project-keeps");
        at(
            &folder,
            ".",
            &["new", "demo", "--template", "kernel", "--lang", language],
        )
        .expect_code(0);
        let eval = ["eval", "#(load \"demo\") (demo/add 1 2)"];
        let first = at(&folder, "demo", &eval).expect_code(0);
        assert_eq!((first.stdout.as_str(), n_built(&first)), ("3\n", 1));
        let path = folder.path().join("demo/kernels/demo").join(source);
        let good = fs::read_to_string(&path).expect("the template has it");
        fs::write(&path, format!("{good}\n???\n")).expect("writes");
        let failed = at(&folder, "demo", &["build"]).expect_code(1);
        // The compiler's own message, and what becomes of it.
        for part in ["error: expected", "error[build/failed]", "is kept, and used"] {
            assert!(failed.stderr.contains(part), "{part}: {}", failed.stderr);
        }
        assert_eq!(at(&folder, "demo", &eval).expect_code(0).stdout, "3\n");
        let as_json = at(&folder, "demo", &["build", "--json"]).expect_code(1);
        let told = as_json.stderr.lines().collect::<Vec<_>>();
        assert!(told.len() == 1 && told[0].contains("error: expected"), "{told:?}");
        let changed = good.replace(from, to);
        assert_ne!(changed, good);
        fs::write(&path, changed).expect("writes");
        assert_eq!(at(&folder, "demo", &eval).expect_code(0).stdout, "-1\n");
    }
}

#[test]
fn touching_one_source_builds_one_kernel_and_touching_nothing_builds_nothing() {
    let folder = kernel_project("project-touch");
    for name in ["second", "third"] {
        at(&folder, "demo", &["kernel", "new", name, "--lang", "c"]).expect_code(0);
    }
    assert_eq!(n_built(&at(&folder, "demo", &["build"]).expect_code(0)), 3);
    for line in [["build"], ["run"], ["test"]] {
        let again = at(&folder, "demo", &line).expect_code(0);
        assert_eq!(n_built(&again), 0, "{line:?}: {}", again.stderr);
    }
    touch(&folder, "demo/kernels/second/kernel.c");
    let deps = at(&folder, "demo", &["deps"]).expect_code(0).stdout;
    assert!(
        deps.contains("stale") && deps.matches("fresh").count() == 2,
        "{deps}"
    );
    let one = at(&folder, "demo", &["build"]).expect_code(0);
    assert!(
        n_built(&one) == 1 && one.stderr.contains("the kernel second"),
        "{}",
        one.stderr
    );
    // The compiler and its options belong to what a library is made of.
    let other = run_at(&folder, "demo", &["build"])
        .env("CFLAGS", "-DOTHER")
        .finish()
        .expect_code(0);
    assert_eq!(n_built(&other), 3);
    // A file of a kernel that is not built anew leaves no trace of when it was touched.
    let path = folder.join("demo/kernels/third/kernel.c");
    let text = fs::read(&path).expect("it is there");
    fs::write(&path, text).expect("writes");
    let same = run_at(&folder, "demo", &["build"])
        .env("CFLAGS", "-DOTHER")
        .finish()
        .expect_code(0);
    assert_eq!(n_built(&same), 0);
}

#[test]
fn builds_at_once_build_once() {
    let folder = kernel_project("project-at-once");
    let running: Vec<_> = (0..4)
        .map(|_| run_at(&folder, "demo", &["run"]).start())
        .collect();
    let finished: Vec<Finished> = running
        .into_iter()
        .map(|running| running.finish().expect_code(0))
        .collect();
    assert_eq!(finished.iter().map(n_built).sum::<usize>(), 1);
    assert!(finished.iter().all(|one| one.stdout.starts_with("1 + 2 = 3\n")));
}

#[test]
fn what_is_missing_is_told_as_a_whole_and_nothing_runs() {
    let folder = TempFolder::new("project-needs");
    let project =
        "{:name \"demo\" :version \"1\" :kernels {:nowhere {} :nobody {}} :capabilities {console net}}";
    write(&folder, "demo/project.slp", project);
    write(
        &folder,
        "demo/init.slp",
        "(println \"it runs\")\n(unknown-name)\n(defn one (a :int) :int [a])\n(one \"2\")\n",
    );
    let refused = at(&folder, "demo", &["run", "--allow", "console,kernel"]).expect_code(1);
    assert_eq!(refused.stdout, "");
    let parts = [
        "kernel nowhere",
        "kernel nobody",
        "project/capabilities",
        "not granted: net",
        "unknown-name",
        "init.slp:4",
    ];
    for part in parts {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
}

#[test]
fn a_project_reaches_what_it_says_and_no_more() {
    let folder = TempFolder::new("project-capabilities");
    write(
        &folder,
        "demo/project.slp",
        "{:name \"demo\" :capabilities {console kernel}}",
    );
    let init = "#(load \"fs\")\n(println (try (fs/read-text \"project.slp\") (get $error :code)))\n";
    write(&folder, "demo/init.slp", init);
    let told = at(&folder, "demo", &["run"]).expect_code(1);
    assert!(
        told.stdout.is_empty() && told.stderr.contains("fs/read-text needs the capability read"),
        "{}",
        told.stderr
    );
    let allowed = at(&folder, "demo", &["run", "--allow", "console,kernel,read"]).expect_code(0);
    assert!(allowed.stdout.starts_with("{:name"), "{}", allowed.stdout);
}

#[test]
fn a_wrong_project_file_is_told_with_its_place() {
    let folder = TempFolder::new("project-file");
    write(&folder, "demo/init.slp", "(println 1)\n");
    for (text, code) in [
        ("{:name \"demo\" :kernel {}}", "project/key"),
        (
            "{:name \"demo\" :kernels {:kv {:isolat :process}}}",
            "project/key",
        ),
        ("{:name \"demo\" :capabilities {everything}}", "project/value"),
        ("{:name", "slp/unclosed"),
    ] {
        write(&folder, "demo/project.slp", text);
        for command in ["run", "test", "build", "deps", "clean"] {
            let refused = at(&folder, "demo", &[command]).expect_code(1);
            assert!(
                refused.stderr.contains(code) && refused.stderr.contains("project.slp:1"),
                "{command}: {}",
                refused.stderr
            );
        }
    }
}

#[test]
fn a_projects_kernel_stands_before_a_stock_one_and_that_is_told_once() {
    let folder = kernel_project("project-shadows");
    at(&folder, "demo", &["kernel", "new", "random", "--lang", "c"]).expect_code(0);
    write(
        &folder,
        "demo/init.slp",
        "#(load \"random\")\n(println (random/add 1 2))\n",
    );
    let stock = kernel_folder();
    let installed = || {
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).expect("makes a folder");
        for entry in fs::read_dir(&stock).expect("the kernels are built").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "sup" || (name.contains("kernel_") && name.ends_with(std::env::consts::DLL_SUFFIX)) {
                fs::copy(entry.path(), bin.join(name)).expect("copies");
            }
        }
        bin.join("sup")
    };
    let own = installed();
    let run = |line: &[&str]| {
        Run::program(&own)
            .args(line)
            .folder(folder.join("demo"))
            .env_remove("SUP_KERNEL_PATH")
            .env("XDG_CACHE_HOME", folder.join("cache"))
            .finish()
    };
    let used = run(&["run"]).expect_code(0);
    assert_eq!(used.stdout, "3\n");
    assert_eq!(
        used.stderr.matches("kernel random is used instead of").count(),
        1,
        "{}",
        used.stderr
    );
    let deps = run(&["deps"]).expect_code(0).stdout;
    assert!(
        deps.contains("instead of") && deps.contains("kernel_random"),
        "{deps}"
    );
    // A path that the command line or the environment names comes before the project.
    let behind = at(&folder, "demo", &["run"]).expect_code(1);
    assert_eq!(
        behind.stderr.matches("kernel random is not used").count(),
        1,
        "{}",
        behind.stderr
    );
}

#[test]
fn deps_tells_where_everything_was_found() {
    let folder = kernel_project("project-deps");
    write(&folder, "demo/modules/plain.slp", "(def one 1)\n");
    write(
        &folder,
        "demo/modules/deep/init.slp",
        "#(import part \"part.slp\")\n(def two (+ part/one 1))\n",
    );
    write(&folder, "demo/modules/deep/part.slp", "(def one 1)\n");
    write(&folder, "demo/modules/unused.slp", "(def nothing nil)\n");
    write(
        &folder,
        "demo/tools/look.slp",
        "#(import deep \"deep\")\n(println deep/two)\n",
    );
    let init = "#(load \"demo\" \"kv\")\n#(import plain \"plain\" deep \"deep\" math \"math\")\n(println (+ plain/one deep/two))\n";
    write(&folder, "demo/init.slp", init);
    let before = at(&folder, "demo", &["deps"]).expect_code(1).stdout;
    assert!(before.contains("never built"), "{before}");
    assert_eq!(at(&folder, "demo", &["run"]).expect_code(0).stdout, "3\n");
    // From anywhere in the project, and from outside.
    assert_eq!(
        at(&folder, "demo/tools", &["run", "look.slp"])
            .expect_code(0)
            .stdout,
        "2\n"
    );
    assert_eq!(
        at(&folder, ".", &["run", "demo/tools/look.slp"])
            .expect_code(0)
            .stdout,
        "2\n"
    );
    assert_eq!(
        at(&folder, ".", &["test", "demo"]).expect_code(0).stdout,
        "7 passed, 0 failed\n"
    );
    let text = at(&folder, "demo", &["deps", "--json"]).expect_code(0).stdout;
    for part in [
        "\"name\":\"demo\",\"needed\":true,\"problem\":null,\"shadows\":[]",
        "\"state\":\"fresh\",\"version\":\"0.1.0\"",
        "\"name\":\"kv\",\"needed\":false",
        "\"imported\":true,\"name\":\"deep\",\"standard\":false",
        "\"imported\":true,\"name\":\"deep/part\"",
        "\"imported\":false,\"name\":\"unused\"",
        "\"name\":\"math\",\"standard\":true",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    write(
        &folder,
        "demo/init.slp",
        "#(load \"nowhere\")\n#(import gone \"gone\")\n",
    );
    let missing = at(&folder, "demo", &["deps"]).expect_code(1).stdout;
    assert!(
        missing.contains("missing") && missing.matches("not found").count() == 2,
        "{missing}"
    );
}

#[test]
fn clean_takes_the_projects_own_part_and_nothing_else() {
    let folder = kernel_project("project-clean");
    at(
        &folder,
        ".",
        &["new", "other", "--template", "kernel", "--lang", "c"],
    )
    .expect_code(0);
    for project in ["demo", "other"] {
        at(&folder, project, &["build"]).expect_code(0);
    }
    let libraries = || -> Vec<PathBuf> {
        let projects = fs::read_dir(folder.join("cache/sup/projects"))
            .expect("it is there")
            .flatten();
        projects
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect()
    };
    assert_eq!(libraries().len(), 2);
    let removed = at(&folder, ".", &["clean", "demo"]).expect_output();
    let n_bytes: u64 = removed
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(" bytes)")?.parse().ok())
        .unwrap_or_default();
    assert!(removed.starts_with("removed ") && n_bytes > 10_000, "{removed}");
    assert_eq!(libraries().len(), 1);
    assert_eq!(
        at(&folder, ".", &["clean", "demo"]).expect_output(),
        "nothing was built here"
    );
    assert_eq!(n_built(&at(&folder, "other", &["run"]).expect_code(0)), 0);
    assert_eq!(n_built(&at(&folder, "demo", &["run"]).expect_code(0)), 1);
}

#[test]
fn a_library_that_does_not_load_is_not_used() {
    let folder = kernel_project("project-loads");
    let source = "demo/kernels/demo/kernel.c";
    let good = fs::read_to_string(folder.join(source)).expect("the template has it");
    for (from, to, said) in [
        ("  host = given;", "  host = given; abort();", "ended with signal"),
        (".name = \"demo\"", ".name = \"other\"", "another name than demo"),
        (".magic = SUP_MAGIC", ".magic = 1", "refused"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        write(&folder, source, &bad);
        let refused = at(&folder, "demo", &["run"]).expect_code(1);
        assert!(
            refused.stderr.contains("build/failed") && refused.stderr.contains(said),
            "{}",
            refused.stderr
        );
    }
    write(&folder, source, &good);
    at(&folder, "demo", &["run"]).expect_code(0);
    write(
        &folder,
        source,
        &good.replace("  host = given;", "  host = given; abort();"),
    );
    let kept = at(&folder, "demo", &["run"]).expect_code(0);
    assert!(
        kept.stderr.contains("is kept, and used") && kept.stdout.starts_with("1 + 2 = 3\n"),
        "{}",
        kept.stderr
    );
}

#[test]
fn a_declaration_of_its_own_is_held_against_the_library() {
    let folder = kernel_project("project-declares");
    let described = at(&folder, "demo", &["kernel", "describe", "demo"])
        .expect_code(0)
        .stdout;
    write(&folder, "demo/kernels/demo/kernel.slp", &described);
    at(&folder, "demo", &["run"]).expect_code(0);
    let other = described.replace(
        "(define-function next (counter :resource) :int",
        "(define-function next (counter :int) :int",
    );
    assert_ne!(other, described);
    write(&folder, "demo/kernels/demo/kernel.slp", &other);
    let refused = at(&folder, "demo", &["build"]).expect_code(1);
    assert!(
        refused.stderr.contains("next is declared (counter :int) :int"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_missing_compiler_is_told_with_the_package_that_has_it() {
    let folder = TempFolder::new("project-compilers");
    for (language, variable, package) in [
        ("c", "CC", "`gcc`"),
        ("cpp", "CXX", "`g++`"),
        ("zig", "ZIG", "pip install ziglang"),
    ] {
        let name = format!("in-{language}");
        at(
            &folder,
            ".",
            &["new", &name, "--template", "kernel", "--lang", language],
        )
        .expect_code(0);
        let refused = run_at(&folder, &name, &["run"])
            .env(variable, "no-such-compiler")
            .finish()
            .expect_code(1);
        assert!(
            refused.stderr.contains("build/compiler") && refused.stderr.contains(package),
            "{language}: {}",
            refused.stderr
        );
    }
}

#[test]
fn what_stands_before_the_cases_is_done_before_each() {
    let folder = TempFolder::new("project-preamble");
    let text = "(def b (box 0))\n(println \"not told\")\n\n;;; one\n(reset b 1)\n(unbox b)  ;=> 1\n\n;;; two\n(unbox b)  ;=> 0\n";
    write(&folder, "good.slp", text);
    let good = at(&folder, ".", &["test", "good.slp"]);
    assert_eq!(good.stdout, "2 passed, 0 failed\n", "{}", good.stderr);
    write(&folder, "bad.slp", "(unknown)\n;;; one\n(+ 1 2)  ;=> 3\n");
    let bad = at(&folder, ".", &["test", "bad.slp"]).expect_code(1);
    assert!(
        bad.stdout.contains("bad.slp:1 one") && bad.stdout.contains("name/unbound"),
        "{}",
        bad.stdout
    );
}
