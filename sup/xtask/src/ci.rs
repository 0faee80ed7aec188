//! `cargo xtask ci`: what the machine that guards the main branch runs, and what you run before you hand in.

use std::env;

use crate::house::{Failure, House, captured, done};
use crate::setup::{self, Need};
use crate::steps::{Ran, Steps};
use crate::{bench, test, tidy};

/// Every step, each with its time; later steps run though an earlier one failed.
pub fn run(house: &House) -> Result<(), Failure> {
    let mut steps = Steps::default();
    steps.step("tidy", || tidy::run(house).map(|()| Ran::Yes));
    steps.step("format", || {
        cargo(house, &["fmt", "--all", "--check"])?;
        cargo(
            house,
            &["fmt", "--check", "--manifest-path", "tests/fuzz/Cargo.toml"],
        )
    });
    steps.step("lockfile", || lockfile(house));
    steps.step("setup", || setup::run(house, Need::Tests).map(|()| Ran::Yes));
    // The tests come before clippy: what they compile is what takes long, and the checks find it done.
    let mut count = test::in_steps(house, &mut steps);
    steps.step("match-dispatch", || {
        let Some(mut command) = test::suite(house, "lang") else {
            return Ok(Ran::No("tests/Cargo.toml lists no suite `lang`".to_owned()));
        };
        command.args(["--package", "sup-vm", "--features", "sup-vm/match-dispatch"]);
        test::counted(house, &mut command, &mut count)
    });
    steps.step("clippy", || {
        cargo(
            house,
            &[
                "clippy",
                "--release",
                "--workspace",
                "--all-targets",
                "--",
                "--deny",
                "warnings",
            ],
        )
    });
    steps.step("instructions", || bench::check_quick(house));
    steps.step("docs", || {
        let mut command = house.cargo();
        command.args(["doc", "--release", "--workspace", "--no-deps"]);
        done(command.env("RUSTDOCFLAGS", "-D warnings")).map(|()| Ran::Yes)
    });
    steps.step("deny", || deny(house));
    let outcome = steps.finish();
    println!("{} passed, {} failed", count.n_passed, count.n_failed);
    outcome
}

fn cargo(house: &House, arguments: &[&str]) -> Result<Ran, Failure> {
    done(house.cargo().args(arguments)).map(|()| Ran::Yes)
}

/// Fails when `Cargo.lock` is not what the manifests ask for.
fn lockfile(house: &House) -> Result<Ran, Failure> {
    captured(
        house
            .cargo()
            .args(["metadata", "--locked", "--format-version", "1"]),
    )
    .map(|_| Ran::Yes)
}

/// Licences, advisories, bans. Installing cargo-deny takes minutes, so that is done only on request.
fn deny(house: &House) -> Result<Ran, Failure> {
    let is_installed = captured(house.cargo().args(["deny", "--version"])).is_ok();
    if !is_installed {
        if env::var_os("SUP_CI_DENY").is_none_or(|value| value != "1") {
            return Ok(Ran::No(
                "cargo-deny is not installed; SUP_CI_DENY=1 installs it (some minutes)".to_owned(),
            ));
        }
        println!("running `cargo install cargo-deny --locked`");
        done(house.cargo().args(["install", "cargo-deny", "--locked"]))?;
    }
    const CHECK: [&str; 7] = [
        "deny",
        "--all-features",
        "--log-level",
        "error",
        "--config",
        ".deny.toml",
        "check",
    ];
    done(
        house
            .cargo()
            .args(CHECK)
            .args(["licenses", "bans", "sources", "--hide-inclusion-graph"]),
    )?;
    // The advisories come over the network, which is not everywhere; that they were not read must be seen.
    match captured(house.cargo().args(CHECK).arg("advisories")) {
        Err(failure) if failure.to_string().contains("failed to fetch advisory database") => Ok(Ran::No(
            "licences, bans and sources are good; the advisories could not be fetched".to_owned(),
        )),
        other => other.map(|_| Ran::Yes),
    }
}
