//! What an isolate was not granted is unbound for it, by every road. The cases are made from the registry: all primitives of
//! the stock kernels and of the runtime, so that a new one is tested as soon as it is there, and fails until somebody has
//! decided what it needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use sup_runtime::modules::PrimitiveInfo;
use sup_runtime::runtime::with_stack;
use sup_runtime::{Capability, Grants, Limits, Runtime};
use sup_store::{Store, StoreLimits, StoreLocation};
use sup_testkit::{TempFolder, checkout, kernel_folder};

/// "One of those named will do", in what a primitive needs.
const ONE_OF: u32 = 1 << 30;

/// Names of the stock kernels: the folders with a declaration.
fn stock() -> Vec<String> {
    let folders = fs::read_dir(checkout().join("kernels")).expect("the checkout has kernels");
    let folders = folders.map(|entry| entry.expect("the folder reads"));
    let mut names: Vec<String> = folders
        .filter(|entry| entry.path().join("kernel.slp").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn runtime(grants: Grants, imports: &Path) -> Runtime {
    let store: Arc<dyn Store> = sup_store::open(&StoreLocation::Memory, StoreLimits::standard())
        .expect("a store in memory asks nothing of the machine");
    let built = Runtime::builder(Limits::generous())
        .grants(grants)
        .image(sup_image::IMAGE)
        .import_path(imports.to_owned())
        .temporary(std::env::temp_dir())
        .kernel_path(kernel_folder())
        .store(store)
        .build();
    built.unwrap_or_else(|problems| panic!("no runtime: {problems:?}"))
}

/// A runtime with everything, and every primitive that it knows then.
fn registry(imports: &Path) -> (Runtime, Vec<(String, PrimitiveInfo)>) {
    let mut runtime = runtime(Grants::all(), imports);
    for kernel in stock() {
        value(&mut runtime, "main", &format!("#(load \"{kernel}\")"));
    }
    let known = runtime.world.borrow().primitives.clone();
    let mut known: Vec<_> = known
        .iter()
        .map(|(name, info)| (name.clone(), info.clone()))
        .collect();
    known.sort_by(|(a, _), (b, _)| a.cmp(b));
    (runtime, known)
}

#[track_caller]
fn value(runtime: &mut Runtime, module: &str, text: &str) -> String {
    match runtime.eval_in(module, "test", text) {
        Ok(word) => runtime.repr(word),
        Err(problems) => panic!("{text}\n{problems:?}"),
    }
}

/// Capabilities that are not enough for what a primitive needs, each as much as can be.
fn too_few(needs: u32) -> Vec<Grants> {
    let without = |taken: &dyn Fn(u32) -> bool| {
        let left = Capability::ALL
            .iter()
            .filter(|capability| !taken(capability.bit()));
        left.fold(Grants::NONE, |grants, capability| grants.with(*capability))
    };
    let needed = || {
        Capability::ALL
            .iter()
            .filter(|capability| needs & capability.bit() != 0)
    };
    if needs & ONE_OF != 0 {
        return vec![without(&|bit| needs & bit != 0)];
    }
    needed()
        .map(|capability| without(&|bit| bit == capability.bit()))
        .collect()
}

fn listed(grants: Grants) -> String {
    let names = Capability::ALL
        .iter()
        .filter(|capability| grants.has(**capability));
    let names: Vec<String> = names
        .map(|capability| format!("\"{}\"", capability.name()))
        .collect();
    format!("{{{}}}", names.join(" "))
}

/// A call of the primitive, as text, with as many arguments as it wants at least.
fn call(name: &str, info: &PrimitiveInfo) -> String {
    format!("({name}{})", " nil".repeat(info.min.into()))
}

/// What a road is called, and the function that an isolate runs to go it.
fn roads(name: &str, info: &PrimitiveInfo, grants: Option<Grants>) -> Vec<(&'static str, String)> {
    let (call, nils) = (call(name, info), " nil".repeat(info.min.into()));
    let escaped = call.replace('\\', "\\\\").replace('"', "\\\"");
    let mut roads = vec![
        ("a closure from elsewhere", format!("(fn () {call})")),
        ("apply", format!("(fn () (apply {name} {{{nils}}}))")),
        (
            "a value in a variable",
            format!("(fn () (let (f {name}) (f{nils})))"),
        ),
        (
            "a callback of a library function",
            format!("(fn () (map {name} {{nil}}))"),
        ),
        ("a fiber", format!("(fn () (await (spawn {name}{nils})))")),
        ("the isolate's own function", name.to_owned()),
        (
            "a closure in a closure",
            format!("(let (f (fn () {call})) (fn () (f)))"),
        ),
        ("eval of a text", format!("(fn () (eval \"{escaped}\"))")),
        ("eval of a form", format!("(fn () (eval '{call}))")),
        (
            "eval of the bare name",
            format!("(fn () ((eval \"{name}\"){nils}))"),
        ),
        (
            "eval of a name made of letters",
            format!("(fn () ((eval (symbol \"{name}\")){nils}))"),
        ),
        (
            "eval in a module of the library",
            format!("(fn () (%eval \"{escaped}\" \"core\"))"),
        ),
        (
            "a definition evaluated there",
            format!("(fn () (eval \"(def again (fn () {escaped})) (again)\"))"),
        ),
        (
            "a macro there",
            format!("(fn () (eval \"#(macro grow () `{escaped}) (grow)\"))"),
        ),
        (
            "a macro that runs it",
            format!("(fn () (eval \"#(macro run-it () {escaped}) (run-it)\"))"),
        ),
        ("a function of an imported module", "(fn () (used/go))".to_owned()),
        (
            "a stored definition that was loaded",
            "(fn () (stored-value))".to_owned(),
        ),
        (
            "a stored definition",
            "(fn () (eval \"(road/fresh)\"))".to_owned(),
        ),
        (
            "an isolate of the isolate",
            format!("(fn () (await (isolate/spawn (fn () {call}))))"),
        ),
    ];
    roads.extend(granted_roads(name, &escaped, grants));
    roads
}

/// The roads that take a capability themselves.
fn granted_roads(name: &str, escaped: &str, grants: Option<Grants>) -> Vec<(&'static str, String)> {
    let mut roads = Vec::new();
    let has = |capability| grants.is_some_and(|grants| grants.has(capability));
    if has(Capability::FileRead) {
        roads.push((
            "an import there",
            "(fn () (eval \"#(import mine \\\"uses.slp\\\") (mine/go)\"))".to_owned(),
        ));
    }
    if let (true, Some((kernel, _))) = (has(Capability::Kernel), name.split_once('/')) {
        let text = format!("#(load \\\"{kernel}\\\") {escaped}");
        roads.push(("loading its kernel again", format!("(fn () (eval \"{text}\"))")));
    }
    roads
}

/// Makes what the roads go through, in a module of the parent: an imported module and stored definitions that call it.
fn prepare(
    runtime: &mut Runtime,
    folder: &TempFolder,
    name: &str,
    info: &PrimitiveInfo,
    number: usize,
) -> String {
    let (call, file) = (call(name, info), format!("used-{number}.slp"));
    folder.write(&file, format!("(def go (fn () {call}))\n"));
    folder.write("uses.slp", format!("(def go (fn () {call}))\n"));
    let module = runtime.fresh_module();
    let escaped = call.replace('\\', "\\\\").replace('"', "\\\"");
    value(runtime, &module, &format!("#(import used \"{file}\")"));
    value(
        runtime,
        &module,
        &format!("(store/put \"road/loaded-{number}\" \"(fn () {escaped})\")"),
    );
    value(
        runtime,
        &module,
        &format!("(store/put \"road/fresh\" \"(fn () {escaped})\")"),
    );
    value(
        runtime,
        &module,
        &format!("(def stored-value (store/value \"road/loaded-{number}\"))"),
    );
    value(
        runtime,
        &module,
        "(def code-of (fn (options f) [(recover [(await (isolate/spawn-with options f)) :answered] [(get $error :code)])]))",
    );
    module
}

#[test]
fn every_primitive_has_been_decided_upon() {
    with_stack(|| {
        let folder = TempFolder::new("capabilities-decided");
        let (_runtime, known) = registry(folder.path());
        assert!(known.len() > 300, "{}", known.len());
        let undecided = known.iter().filter(|(_, info)| !info.is_decided);
        let undecided: Vec<&str> = undecided.map(|(name, _)| name.as_str()).collect();
        assert!(
            undecided.is_empty(),
            "these do not say what they reach outside of their isolate (`capabilities`, NONE for nothing): {undecided:?}"
        );
        // Those that the roads below are gone with are not few either.
        let gated: BTreeSet<u32> = known.iter().map(|(_, info)| info.needs).collect();
        assert!(gated.len() > 6, "{gated:?}");
    });
}

#[test]
fn what_was_not_granted_is_unbound_by_every_road() {
    with_stack(|| {
        let folder = TempFolder::new("capabilities-roads");
        let (mut runtime, known) = registry(folder.path());
        let mut wrong = Vec::new();
        let mut n_gone = 0;
        for (number, (name, info)) in known.iter().filter(|(_, info)| info.needs != 0).enumerate() {
            let module = prepare(&mut runtime, &folder, name, info, number);
            for grants in too_few(info.needs) {
                for (road, function) in roads(name, info, Some(grants)) {
                    let text = format!("(code-of {{:allow {}}} {function})", listed(grants));
                    let code = value(&mut runtime, &module, &text);
                    n_gone += 1;
                    if code != ":name/unbound" {
                        wrong.push(format!("{name} by {road} with {}: {code}", listed(grants)));
                    }
                }
                // The same as text, in a program that has no more from the start.
                let mut lesser = self::runtime(grants, folder.path());
                let problems = lesser
                    .eval("test", &call(name, info))
                    .expect_err("it is not granted");
                if problems.iter().all(|problem| problem.code != "name/unbound") {
                    wrong.push(format!("{name} directly: {problems:?}"));
                }
            }
        }
        assert!(n_gone > 1000, "{n_gone}");
        assert!(
            wrong.is_empty(),
            "{} of {n_gone} roads lead there:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
        println!("{n_gone} roads");
    });
}

#[test]
fn what_was_taken_by_name_is_unbound_by_every_road() {
    with_stack(|| {
        let folder = TempFolder::new("capabilities-names");
        let (mut runtime, known) = registry(folder.path());
        let mut wrong = Vec::new();
        let of_kernels = known
            .iter()
            .filter(|(name, _)| !name.starts_with('%') && name.contains('/'));
        // The library needs stores and isolates to get here, and an instruction of the machine cannot be taken.
        for (number, (name, info)) in of_kernels.filter(|(_, info)| info.intrinsic == 0).enumerate() {
            let module = prepare(&mut runtime, &folder, name, info, number);
            for (road, function) in roads(name, info, None) {
                let text = format!("(code-of {{:deny {{\"{name}\"}}}} {function})");
                let code = value(&mut runtime, &module, &text);
                if code != ":name/unbound" {
                    wrong.push(format!("{name} by {road}: {code}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

#[test]
fn what_was_granted_is_there() {
    with_stack(|| {
        let folder = TempFolder::new("capabilities-granted");
        let (mut runtime, known) = registry(folder.path());
        for (number, (name, info)) in known.iter().filter(|(_, info)| info.needs != 0).enumerate() {
            let module = prepare(&mut runtime, &folder, name, info, number);
            let enough = Capability::ALL
                .iter()
                .filter(|capability| info.needs & capability.bit() != 0);
            let enough = enough.fold(Grants::NONE, |grants, capability| grants.with(*capability));
            let text = format!(
                "(code-of {{:allow {}}} (fn () {}))",
                listed(enough),
                call(name, info)
            );
            let code = value(&mut runtime, &module, &text);
            assert_ne!(code, ":name/unbound", "{name} with {}", listed(enough));
            assert_ne!(code, ":capability/denied", "{name} with {}", listed(enough));
        }
    });
}

#[test]
fn a_macro_reaches_nothing_though_its_program_may() {
    with_stack(|| {
        let folder = TempFolder::new("capabilities-macros");
        let (mut runtime, known) = registry(folder.path());
        for (name, info) in known.iter().filter(|(_, info)| info.needs != 0) {
            let module = runtime.fresh_module();
            let text = format!("#(macro run-it () {})\n(run-it)", call(name, info));
            let problems = runtime
                .eval_in(&module, "test", &text)
                .expect_err("macros reach nothing");
            assert_eq!(problems[0].code, "name/unbound", "{name}: {problems:?}");
        }
    });
}
