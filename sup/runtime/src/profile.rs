//! Profiles: a clock on a thread of its own, and what the machine has counted as text that flame-graph tools read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use slp::LineIndex;
use sup_vm::profile::Called;

use crate::problem::Problem;
use crate::runtime::Runtime;

/// Time between two ticks. A prime number of microseconds, so that a program that does something every millisecond is not
/// always met at the same place.
const TICK: Duration = Duration::from_micros(997);

/// The clock of a profile that is being made.
pub struct Profiler {
    is_over: Arc<AtomicBool>,
    clock: JoinHandle<()>,
}

impl Runtime {
    /// Counts from now on where time goes in what this runtime runs.
    ///
    /// # Errors
    /// When the operating system gives no thread for the clock.
    pub fn start_profile(&mut self) -> Result<Profiler, Problem> {
        let ticks = Arc::new(AtomicU32::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let (own_ticks, own_is_over) = (ticks.clone(), is_over.clone());
        let clock = Builder::new()
            .name("sup-profile".to_owned())
            .spawn(move || tick(&own_ticks, &own_is_over))
            .map_err(|error| {
                Problem::new(
                    "profile/clock",
                    format!("there is no thread for the clock of the profile: {error}"),
                )
            })?;
        self.vm.start_profile(ticks);
        Ok(Profiler { is_over, clock })
    }

    /// Ends counting: one line for each different stack of calls, `outermost;…;innermost TICKS`, sorted. A tick is a
    /// millisecond, a little less. Source of the form: Brendan Gregg's FlameGraph, whose tools call it folded stacks.
    pub fn finish_profile(&mut self, profiler: Profiler) -> String {
        profiler.is_over.store(true, Ordering::Relaxed);
        profiler.clock.thread().unpark();
        profiler.clock.join().expect("the clock does not panic");
        let mut folded: BTreeMap<String, u64> = BTreeMap::new();
        for (calls, ticks) in self.vm.finish_profile() {
            let names: Vec<String> = calls.iter().map(|called| self.frame(called)).collect();
            *folded.entry(names.join(";")).or_default() += ticks;
        }
        let lines = folded.iter().map(|(stack, ticks)| format!("{stack} {ticks}\n"));
        lines.collect()
    }

    /// How an open call is written: without the characters that separate.
    fn frame(&self, called: &Called) -> String {
        let text = match called {
            Called::Top { source } => (*source).to_owned(),
            Called::Function { name, .. } if !name.is_empty() => (*name).to_owned(),
            Called::Function { source, start, .. } => match self.source_text(source) {
                Some(text) => {
                    let (line, _) = LineIndex::new(&text).position(*start);
                    format!("fn@{source}:{line}")
                }
                None => format!("fn@{source}"),
            },
            Called::Primitive(name) => (*name).to_owned(),
            Called::Collector => "[collector]".to_owned(),
            Called::Cut => "[more]".to_owned(),
        };
        text.replace(
            |character: char| character == ';' || character.is_whitespace(),
            "_",
        )
    }
}

/// Adds a tick for each interval that has passed, until it is over. When the system was slow to wake this thread, several at
/// once: time that passed is not lost.
fn tick(ticks: &AtomicU32, is_over: &AtomicBool) {
    let start = Instant::now();
    let mut n_given = 0u128;
    while !is_over.load(Ordering::Relaxed) {
        std::thread::park_timeout(TICK);
        let n_due = start.elapsed().as_nanos() / TICK.as_nanos();
        let n_new = u32::try_from(n_due - n_given).unwrap_or(u32::MAX);
        ticks.fetch_add(n_new, Ordering::Relaxed);
        n_given = n_due;
    }
}
