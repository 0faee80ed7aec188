//! What a server counts, and the text that Prometheus reads. Format: the Prometheus text exposition format 0.0.4.

use hyper::StatusCode;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the classes of duration, in microseconds.
const BOUNDS_US: [u64; 10] = [
    100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000,
];

/// Most releases that are told apart; those beyond are counted as one.
const MAX_RELEASES: usize = 64;

/// Counters of one server, written by all of its event loops.
#[derive(Default)]
pub struct Metrics {
    by_class: [AtomicU64; 5],
    by_duration: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
    n_bytes: AtomicU64,
    n_refused: AtomicU64,
    by_release: Mutex<BTreeMap<String, [u64; 5]>>,
}

impl Metrics {
    /// Counts an answer.
    pub fn count(&self, status: StatusCode, n_bytes: u64, took: Duration, release: Option<&str>) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let duration = BOUNDS_US.partition_point(|bound| *bound < took_us);
        self.by_class[class].fetch_add(1, Ordering::Relaxed);
        self.by_duration[duration].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(took_us, Ordering::Relaxed);
        self.n_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        if let Some(release) = release {
            let mut releases = self.by_release.lock().unwrap_or_else(PoisonError::into_inner);
            let known = releases.contains_key(release) || releases.len() < MAX_RELEASES;
            let name = if known { release } else { "others" };
            match releases.get_mut(name) {
                Some(counts) => counts[class] += 1,
                None => {
                    let mut counts = [0; 5];
                    counts[class] = 1;
                    releases.insert(name.to_owned(), counts);
                }
            }
        }
    }

    /// Counts a connection that was ended before it had asked anything.
    pub fn refuse(&self) {
        self.n_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// The text.
    #[must_use]
    pub fn text(&self, n_connections: u64) -> String {
        let mut text = String::new();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut line = |line: std::fmt::Arguments<'_>| {
            writeln!(text, "{line}").expect("a string takes everything");
        };
        line(format_args!("# TYPE sup_http_responses_total counter"));
        for (class, count) in (1..).zip(&self.by_class) {
            line(format_args!(
                "sup_http_responses_total{{class=\"{class}xx\"}} {}",
                read(count)
            ));
        }
        line(format_args!("# TYPE sup_http_release_responses_total counter"));
        let releases = self.by_release.lock().unwrap_or_else(PoisonError::into_inner);
        for (release, counts) in releases.iter() {
            for (class, count) in (1..).zip(counts).filter(|(_, count)| **count > 0) {
                let labels = format!("release=\"{release}\",class=\"{class}xx\"");
                line(format_args!(
                    "sup_http_release_responses_total{{{labels}}} {count}"
                ));
            }
        }
        line(format_args!("# TYPE sup_http_response_bytes_total counter"));
        line(format_args!(
            "sup_http_response_bytes_total {}",
            read(&self.n_bytes)
        ));
        line(format_args!("# TYPE sup_http_refused_connections_total counter"));
        line(format_args!(
            "sup_http_refused_connections_total {}",
            read(&self.n_refused)
        ));
        line(format_args!("# TYPE sup_http_connections gauge"));
        line(format_args!("sup_http_connections {n_connections}"));
        line(format_args!("# TYPE sup_http_response_seconds histogram"));
        let mut n_until = 0;
        for (bound_us, count) in BOUNDS_US.iter().zip(&self.by_duration) {
            n_until += read(count);
            let bound = *bound_us as f64 / 1e6;
            line(format_args!(
                "sup_http_response_seconds_bucket{{le=\"{bound}\"}} {n_until}"
            ));
        }
        n_until += read(&self.by_duration[BOUNDS_US.len()]);
        line(format_args!(
            "sup_http_response_seconds_bucket{{le=\"+Inf\"}} {n_until}"
        ));
        let sum = read(&self.sum_us) as f64 / 1e6;
        line(format_args!("sup_http_response_seconds_sum {sum}"));
        line(format_args!("sup_http_response_seconds_count {n_until}"));
        text
    }
}
