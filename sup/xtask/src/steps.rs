//! Named steps with their times: what `ci` and `test` print while they work and when they end.

use std::time::Instant;

use crate::house::Failure;

/// Runs steps one after the other, tells how long each took, and goes on after a failure, so that one run shows all of them.
#[derive(Default)]
pub struct Steps {
    ended: Vec<Ended>,
}

struct Ended {
    name: &'static str,
    seconds: f64,
    outcome: Outcome,
}

enum Outcome {
    Good,
    NotRun(String),
    Bad(String),
}

/// What a step that ended without failing says of itself.
pub enum Ran {
    /// It did its work.
    Yes,
    /// It could not be run here; the reason is shown in the table.
    No(String),
}

impl Steps {
    /// Runs one step.
    pub fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<Ran, Failure>) {
        println!("== {name}");
        let start = Instant::now();
        let outcome = match work() {
            Ok(Ran::Yes) => Outcome::Good,
            Ok(Ran::No(reason)) => Outcome::NotRun(reason),
            Err(failure) => Outcome::Bad(failure.to_string()),
        };
        let seconds = start.elapsed().as_secs_f64();
        match &outcome {
            Outcome::Good => println!("== {name}: good, {seconds:.1} s\n"),
            Outcome::NotRun(reason) => println!("== {name}: NOT RUN: {reason}\n"),
            Outcome::Bad(reason) => println!("== {name}: FAILED after {seconds:.1} s: {reason}\n"),
        }
        self.ended.push(Ended {
            name,
            seconds,
            outcome,
        });
    }

    /// Prints the table of steps and fails when one of them failed.
    pub fn finish(self) -> Result<(), Failure> {
        let total: f64 = self.ended.iter().map(|ended| ended.seconds).sum();
        println!("{:<16} {:>8}", "step", "seconds");
        for Ended {
            name,
            seconds,
            outcome,
        } in &self.ended
        {
            match outcome {
                Outcome::Good => println!("{name:<16} {seconds:>8.1}  good"),
                Outcome::NotRun(reason) => println!("{name:<16} {seconds:>8.1}  not run: {reason}"),
                Outcome::Bad(reason) => println!("{name:<16} {seconds:>8.1}  FAILED: {reason}"),
            }
        }
        println!("{:<16} {total:>8.1}", "all");
        let bad: Vec<&str> = self
            .ended
            .iter()
            .filter(|ended| matches!(ended.outcome, Outcome::Bad(_)))
            .map(|ended| ended.name)
            .collect();
        if bad.is_empty() {
            Ok(())
        } else {
            Err(Failure::chore(format!("failed: {}", bad.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_does_not_hide_the_later_ones() {
        let mut steps = Steps::default();
        let mut later_ran = false;
        steps.step("first", || Err(Failure::chore("it broke")));
        steps.step("second", || Ok(Ran::No("there is no such tool here".to_owned())));
        steps.step("third", || {
            later_ran = true;
            Ok(Ran::Yes)
        });
        assert!(later_ran);
        assert_eq!(
            steps.finish().expect_err("the first step failed").to_string(),
            "failed: first"
        );
    }
}
