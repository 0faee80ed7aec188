//! The language suite: every case below `tests/lang`, run through the runtime.

use std::cell::RefCell;

use sup_runtime::runtime::with_stack;
use sup_testkit::{checkout, run_scripts};
use sup_tests::runner::Runner;

#[test]
fn every_case_of_the_language_suite_holds() {
    with_stack(|| {
        let runner = RefCell::new(Runner::default());
        run_scripts("language", &checkout().join("tests/lang"), |case| {
            runner.borrow_mut().run(case)
        });
    });
}
