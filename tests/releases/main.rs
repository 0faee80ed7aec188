//! Releases inside of a process: requests are pinned, nothing mixes versions, and code is shared by the isolates that run it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sup_runtime::codebase::Codebase;
use sup_runtime::release_requests::ReleaseRequest;
use sup_runtime::releases::{self, File, Order, Published};
use sup_runtime::requests::{self, Request};
use sup_runtime::runtime::with_stack;
use sup_runtime::{Audience, Base, Grants, Limits, Problem, Runtime, StoreLocation};
use sup_store::{StoreLimits, open};
use sup_testkit::kernel_folder;

fn codebase() -> Arc<Codebase> {
    let store = open(&StoreLocation::Memory, StoreLimits::standard()).expect("memory opens");
    Arc::new(Codebase::new(store))
}

fn isolate(codebase: &Arc<Codebase>) -> Runtime {
    let builder = Runtime::builder(Limits::generous())
        .grants(Grants::all())
        .image(sup_image::IMAGE)
        .kernel_path(kernel_folder())
        .codebase(codebase.clone());
    builder.build().unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn order(files: &[(&str, &str)], base: Base) -> Order {
    let file = |(path, text): &(&str, &str)| File {
        path: (*path).to_owned(),
        bytes: Some(text.as_bytes().to_vec()),
    };
    Order {
        base,
        files: files.iter().map(file).collect(),
        author: "ada".to_owned(),
        message: String::new(),
        audience: Audience::All,
        only_check: false,
    }
}

/// Publishes in an isolate of its own, as an instance does.
#[track_caller]
fn publish(codebase: &Arc<Codebase>, files: &[(&str, &str)]) -> Published {
    let mut publisher = isolate(codebase);
    let done = releases::publish(&mut publisher.vm, &publisher.world, &order(files, Base::Head));
    done.unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// What a text gives in the isolate's own link.
#[track_caller]
fn eval(runtime: &mut Runtime, text: &str) -> String {
    match runtime.eval("test", text) {
        Ok(word) => runtime.repr(word),
        Err(problems) => problems[0].code.clone(),
    }
}

/// What calling a name gives, pinned to a release.
#[track_caller]
fn call(runtime: &mut Runtime, release: &Arc<releases::Release>, name: &str) -> String {
    let (vm, world) = (&mut runtime.vm, &runtime.world);
    let function =
        releases::value(vm, world, release, name).unwrap_or_else(|problems| panic!("{problems:?}"));
    match releases::call(vm, world, release, function, &[]) {
        Ok(word) => vm.repr(word),
        Err(raise) => {
            let error = vm.take_error(raise);
            panic!("{:?}", Problem::from_error(vm, error))
        }
    }
}

#[test]
fn a_pinned_fiber_keeps_its_release_while_the_own_link_follows() {
    with_stack(|| {
        let codebase = codebase();
        let with = |release: &str| {
            [
                ("a.slp".to_owned(), format!("(defn part () [\"{release}\"])")),
                (
                    "b.slp".to_owned(),
                    format!("(fn () [{{(a/part) \"{release}\" (%store-text \"a\")}}])"),
                ),
            ]
        };
        let give = |release: &str| {
            let files = with(release);
            let files: Vec<(&str, &str)> = files
                .iter()
                .map(|(path, text)| (path.as_str(), text.as_str()))
                .collect();
            publish(&codebase, &files)
        };
        give("one");
        let mut runtime = isolate(&codebase);
        assert_eq!(eval(&mut runtime, "(a/part)"), "\"one\"");
        let generation = codebase.generation();
        let first = releases::pin(&runtime.world, None)
            .expect("the store is fine")
            .expect("it was published");
        assert_eq!(first.number(), 1);
        assert!(call(&mut runtime, &first, "b").starts_with("{\"one\" \"one\""));
        give("two");
        assert!(codebase.generation() > generation);
        let second = releases::pin(&runtime.world, None)
            .expect("the store is fine")
            .expect("it was published");
        for _ in 0..3 {
            assert!(call(&mut runtime, &second, "b").starts_with("{\"two\" \"two\""));
            assert!(call(&mut runtime, &first, "b").starts_with("{\"one\" \"one\""));
            assert_eq!(eval(&mut runtime, "(a/part)"), "\"two\"");
        }
        // Fibers that a pinned fiber starts run under its release, however they take turns.
        let text = "(fn () [(await (spawn (fn () [(%sleep 1) (a/part)])))])";
        publish(&codebase, &[("late.slp", text)]);
        let third = releases::pin(&runtime.world, None)
            .expect("the store is fine")
            .expect("it was published");
        assert_eq!(call(&mut runtime, &third, "late"), "\"two\"");
        give("four");
        assert_eq!(call(&mut runtime, &third, "late"), "\"two\"");
        assert_eq!(eval(&mut runtime, "(late)"), "\"four\"");
    });
}

#[test]
fn fibers_of_two_releases_take_turns_and_never_mix() {
    with_stack(|| {
        let codebase = codebase();
        let text = |release: &str| {
            format!(
                "(defn part () [\"{release}\"])\n(defn spin (n) [(if (= n 0) true (if (= (x/part) (x/part)) (spin (- n 1)) false))])\n\
                 (fn () [(list (x/spin 60000) (x/part) \"{release}\")])"
            )
        };
        publish(&codebase, &[("x.slp", &text("one"))]);
        let mut runtime = isolate(&codebase);
        let first = releases::pin(&runtime.world, None)
            .expect("fine")
            .expect("published");
        publish(&codebase, &[("x.slp", &text("two"))]);
        let second = releases::pin(&runtime.world, None)
            .expect("fine")
            .expect("published");
        let (vm, world) = (&mut runtime.vm, &runtime.world);
        let mut handles = Vec::new();
        for round in 0..8 {
            let release = if round % 2 == 0 { &first } else { &second };
            let function =
                releases::value(vm, world, release, "x").unwrap_or_else(|problems| panic!("{problems:?}"));
            let id = releases::spawn(vm, world, release, function, &[]).expect("there is room");
            let handle = vm.fiber_handle(id).expect("there is room");
            handles.push(vm.keep(handle));
        }
        runtime
            .eval("wait", "(%sleep 1500)")
            .map(drop)
            .unwrap_or_else(|problems| panic!("{problems:?}"));
        for (round, handle) in handles.iter().enumerate() {
            let handle = runtime.vm.kept(handle);
            let answer = runtime
                .vm
                .answer_of(handle)
                .expect("it did not raise")
                .expect("it has ended");
            let expected = if round % 2 == 0 {
                "{true \"one\" \"one\"}"
            } else {
                "{true \"two\" \"two\"}"
            };
            assert_eq!(runtime.repr(answer), expected);
        }
    });
}

#[test]
fn state_of_files_that_did_not_change_stays() {
    with_stack(|| {
        let codebase = codebase();
        publish(
            &codebase,
            &[
                ("counter.slp", "(def hits (box 0))"),
                (
                    "page.slp",
                    "(fn () [(reset counter/hits (+ 1 (unbox counter/hits))) 1])",
                ),
            ],
        );
        let mut runtime = isolate(&codebase);
        let first = releases::pin(&runtime.world, None)
            .expect("fine")
            .expect("published");
        call(&mut runtime, &first, "page");
        publish(
            &codebase,
            &[(
                "page.slp",
                "(fn () [(reset counter/hits (+ 1 (unbox counter/hits))) 2])",
            )],
        );
        let second = releases::pin(&runtime.world, None)
            .expect("fine")
            .expect("published");
        assert_eq!(call(&mut runtime, &second, "page"), "2");
        assert_eq!(call(&mut runtime, &first, "page"), "1");
        assert_eq!(eval(&mut runtime, "(unbox counter/hits)"), "3");
    });
}

#[test]
fn routes_give_handlers_by_their_place() {
    with_stack(|| {
        let codebase = codebase();
        publish(
            &codebase,
            &[
                ("hello.slp", "(fn (req) [\"hello\"])"),
                (
                    "site.slp",
                    "(route GET \"/hello/:name\" hello)\n(route :post \"/\" (fn (req) [\"posted\"]))",
                ),
            ],
        );
        let mut runtime = isolate(&codebase);
        let release = releases::pin(&runtime.world, None)
            .expect("fine")
            .expect("published");
        let routes: Vec<String> = release
            .routes()
            .map(|route| format!("{} {}", route.method, route.pattern))
            .collect();
        assert_eq!(routes, ["GET /hello/:name", "POST /"]);
        let (vm, world) = (&mut runtime.vm, &runtime.world);
        for (route_idx, expected) in ["\"hello\"", "\"posted\""].into_iter().enumerate() {
            let handler = releases::route_handler(vm, world, &release, route_idx).expect("it is there");
            let answer = releases::call(vm, world, &release, handler, &[handler]).expect("it answers");
            assert_eq!(vm.repr(answer), expected);
        }
        assert_eq!(
            releases::route_handler(vm, world, &release, 2).unwrap_err()[0].code,
            "release/route"
        );
    });
}

#[test]
fn isolates_share_code_and_publishing_the_same_again_loads_none() {
    with_stack(|| {
        let codebase = codebase();
        let text = |number: usize| format!("(fn () [{number}])");
        for number in 0..4 {
            publish(&codebase, &[("shared.slp", &text(number))]);
        }
        let mut runtime = isolate(&codebase);
        let release = releases::pin(&runtime.world, None)
            .expect("fine")
            .expect("published");
        assert_eq!(call(&mut runtime, &release, "shared"), "3");
        let names = format!("{release:?}");
        assert!(names.starts_with("Release(4-"), "{names}");
        for round in 0..40 {
            publish(&codebase, &[("shared.slp", &text(round % 4))]);
            let release = releases::pin(&runtime.world, None)
                .expect("fine")
                .expect("published");
            assert_eq!(call(&mut runtime, &release, "shared"), (round % 4).to_string());
        }
        assert_eq!(releases::n_loaded_of("store:shared"), 4);
    });
}

#[test]
fn publications_under_load_answer_each_request_from_one_release() {
    let codebase = codebase();
    let files = |number: usize| {
        [
            ("part.slp".to_owned(), format!("(defn number () [{number}])")),
            (
                "page.slp".to_owned(),
                format!("(fn () [(list (part/number) {number})])"),
            ),
        ]
    };
    let give = |number: usize| {
        let files = files(number);
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        publish(&codebase, &files);
    };
    with_stack(|| give(0));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                with_stack(|| {
                    let mut runtime = isolate(&codebase);
                    let mut last = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        let release = releases::pin(&runtime.world, None)
                            .expect("fine")
                            .expect("published");
                        assert!(release.number() >= last || release.number() == 1);
                        last = release.number();
                        let answer = call(&mut runtime, &release, "page");
                        let numbers: Vec<&str> = answer.trim_matches(['{', '}']).split(' ').collect();
                        assert!(numbers.len() == 2 && numbers[0] == numbers[1], "{answer}");
                    }
                });
            });
        }
        with_stack(|| {
            let mut publisher = isolate(&codebase);
            for number in 1..60 {
                give(number);
                if number % 10 == 0 {
                    let request = Request::Release(ReleaseRequest::Rollback {
                        release: "1".to_owned(),
                        author: String::new(),
                    });
                    requests::answer(&mut publisher, &request)
                        .unwrap_or_else(|problems| panic!("{problems:?}"));
                }
            }
        });
        is_over.store(true, Ordering::Relaxed);
    });
}
