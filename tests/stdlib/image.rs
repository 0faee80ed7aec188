//! The standard library out of its image is the one out of its text.

use std::collections::BTreeSet;

use sup_image::IMAGE;
use sup_runtime::load::standard_module;
use sup_runtime::modules::Module;
use sup_runtime::runtime::with_stack;
use sup_runtime::{Grants, Limits, Runtime};
use sup_testkit::kernel_folder;

fn runtime(image: Option<&'static [u8]>) -> Runtime {
    let builder = Runtime::builder(Limits::generous())
        .grants(Grants::all())
        .kernel_path(kernel_folder())
        .temporary(std::env::temp_dir());
    let builder = match image {
        Some(image) => builder.image(image),
        None => builder,
    };
    builder.build().expect("the core library loads")
}

fn with_all_modules(image: Option<&'static [u8]>) -> Runtime {
    let mut runtime = runtime(image);
    for (name, _) in sup_stdlib::MODULES {
        standard_module(&mut runtime.vm, &runtime.world, name).expect("every module loads");
    }
    runtime
}

/// What the compiler knows of a module.
fn known(module: &Module) -> Vec<String> {
    let mut lines = vec![format!("{:?} {:?}", module.exports, module.records)];
    for name in &module.order {
        let entry = &module.entries[name];
        lines.push(format!(
            "{name} {:?} {:?} {:?} {:?}",
            entry.parameters, entry.signature, entry.alias, entry.span
        ));
    }
    lines.extend(
        module
            .macros
            .keys()
            .collect::<BTreeSet<_>>()
            .iter()
            .map(|name| format!("#{name}")),
    );
    lines.extend(
        module
            .imports
            .iter()
            .map(|(alias, target)| format!("{alias}={target}")),
    );
    lines
}

#[test]
fn both_ways_make_the_same_modules_and_values() {
    with_stack(|| {
        let mut from_image = with_all_modules(Some(IMAGE));
        let mut from_text = with_all_modules(None);
        assert_eq!(from_image.world.borrow().library.refused(), None);
        for (module, _) in sup_stdlib::MODULES {
            let known_in = |runtime: &Runtime| known(&runtime.world.borrow().modules[*module]);
            assert_eq!(known_in(&from_image), known_in(&from_text), "{module}");
            let names = from_text.world.borrow().shown_names(module);
            let is_macro = |name: &str| {
                from_text.world.borrow().modules[*module]
                    .macros
                    .contains_key(name)
            };
            let values: Vec<String> = names.into_iter().filter(|name| !is_macro(name)).collect();
            for name in values {
                let value = |runtime: &mut Runtime| {
                    let word = runtime
                        .eval("test", &format!("{module}/{name}"))
                        .expect("it has a value");
                    runtime.repr(word)
                };
                assert_eq!(value(&mut from_image), value(&mut from_text), "{module}/{name}");
            }
        }
    });
}

#[test]
fn an_image_that_does_not_fit_is_left_aside() {
    let changed = |place: usize| {
        let mut image = IMAGE.to_vec();
        image[place] ^= 1;
        &*image.leak()
    };
    // The content of core comes right after the list.
    let (in_list, in_content) = (changed(60), changed(4000));
    for image in [&[][..], &IMAGE[..1000], in_list, in_content] {
        with_stack(|| {
            let mut runtime = runtime(Some(image));
            assert!(runtime.world.borrow().library.refused().is_some());
            let answer = runtime
                .eval("test", "(reduce + 0 (map inc {1 2 3}))")
                .expect("it runs all the same");
            assert_eq!(runtime.repr(answer), "9");
        });
    }
}

#[test]
fn only_what_is_named_is_carried_out() {
    with_stack(|| {
        let mut runtime = runtime(Some(IMAGE));
        let n_waiting = |runtime: &Runtime| {
            let world = runtime.world.borrow();
            world.modules["core"].waiting.iter().flatten().count()
        };
        let at_start = n_waiting(&runtime);
        runtime.eval("test", "inc").expect("core has it");
        assert_eq!(n_waiting(&runtime), at_start - 1);
    });
}
