//! What integration tests share. `run` starts programs and never waits for ever, `folder` gives folders that clean themselves,
//! `text` compares texts, `markdown` takes examples out of documents, and `script` runs test scripts that carry their own
//! expectations. Of the rooms it knows the reader's only, which says what a script is: a test hands in a closure where something of ours must run.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests tell whoever runs them what they keep and rewrite"
)]

pub mod folder;
pub mod markdown;
pub mod report;
pub mod run;
pub mod script;
pub mod text;

pub use folder::TempFolder;
pub use report::report_count;
pub use run::{Finished, Run, Running, checkout, kernel_folder, sup, sup_path};
pub use script::{Case, FormResult, Outcome, run_scripts};
pub use text::check_text;
