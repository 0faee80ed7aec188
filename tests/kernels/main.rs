//! The stock kernels as programs use them: every case below `tests/kernels`, run through the runtime.
//! The wall itself is tested in `wall`, which belongs to `sup-host` and needs no language.

use std::cell::RefCell;

use sup_runtime::runtime::with_stack;
use sup_testkit::{checkout, run_scripts};
use sup_tests::runner::Runner;

#[test]
fn every_case_of_the_kernels_holds() {
    with_stack(|| {
        let runner = RefCell::new(Runner::default());
        run_scripts("kernels", &checkout().join("tests/kernels"), |case| {
            runner.borrow_mut().run(case)
        });
    });
}
