//! `sup.metrics/1`: what kernels count and measure, for the whole process, and its text in Prometheus' format.
//!
//! Measuring takes no lock: a series is found by its number in a table of pointers, and its numbers are atomic.
#![allow(unsafe_code)]

use crate::machine::bytes;
use crate::table::write_log;
use std::fmt::Write;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use sup_abi::kernel::Bytes;
use sup_abi::registry::{
    MAX_BOUNDS, MAX_METRIC_NAME_BYTES, MAX_METRIC_TEXT_BYTES, MAX_METRICS, Metric, Metrics,
};

pub(crate) static TABLE: Metrics = Metrics {
    size: size_of::<Metrics>() as u32,
    reserved: 0,
    counter,
    gauge,
    histogram,
    add,
    set,
    observe,
};

/// What a series is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Counter,
    Gauge,
    Histogram,
}

impl Sort {
    const fn name(self) -> &'static str {
        match self {
            Sort::Counter => "counter",
            Sort::Gauge => "gauge",
            Sort::Histogram => "histogram",
        }
    }
}

struct Series {
    name: String,
    help: String,
    labels: String,
    sort: Sort,
    bounds: Vec<f64>,
    /// The number, or the sum of what was observed: bits of a real.
    value: AtomicU64,
    /// How many values fell under each bound and not under the one before; the last is for those above all.
    counts: Vec<AtomicU64>,
}

/// The series by number, less one. They are never taken back.
static SERIES: [AtomicPtr<Series>; MAX_METRICS] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_METRICS];
/// How many there are; held while one is added.
static N_SERIES: Mutex<usize> = Mutex::new(0);

fn n_series() -> MutexGuard<'static, usize> {
    N_SERIES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn at(index: usize) -> Option<&'static Series> {
    // SAFETY: the pointer is null or that of a leaked box.
    unsafe { SERIES.get(index)?.load(Ordering::Acquire).as_ref() }
}

fn find(metric: Metric, sort: &[Sort]) -> Option<&'static Series> {
    at((metric as usize).checked_sub(1)?).filter(|series| sort.contains(&series.sort))
}

/// Finds or makes a series; why there is none, otherwise.
fn series(sort: Sort, name: &str, help: &str, labels: &str, bounds: &[f64]) -> Result<Metric, &'static str> {
    if !is_name(name) {
        return Err("its name is none of Prometheus");
    }
    if labels.len() > MAX_METRIC_TEXT_BYTES || !are_labels(labels) {
        return Err("its labels are not as Prometheus has them");
    }
    let ascend =
        bounds.windows(2).all(|pair| pair[0] < pair[1]) && bounds.iter().all(|bound| bound.is_finite());
    if bounds.len() > MAX_BOUNDS || !ascend {
        return Err("its bounds do not ascend, or are too many");
    }
    let mut n = n_series();
    for index in 0..*n {
        let known = at(index).expect("every number below the count has a series");
        if known.name != name {
            continue;
        }
        if known.sort != sort || known.bounds != bounds {
            return Err("its name stands for another sort of metric");
        }
        if known.labels == labels {
            return Ok(index as Metric + 1);
        }
    }
    if *n == MAX_METRICS {
        return Err("there are too many metrics");
    }
    let help: String = help.chars().take(MAX_METRIC_TEXT_BYTES / 4).collect();
    let made = Box::new(Series {
        name: name.to_owned(),
        help,
        labels: labels.to_owned(),
        sort,
        bounds: bounds.to_vec(),
        value: AtomicU64::new(0),
        counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
    });
    SERIES[*n].store(Box::into_raw(made), Ordering::Release);
    *n += 1;
    Ok(*n as Metric)
}

fn is_name(name: &str) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    name.len() <= MAX_METRIC_NAME_BYTES
        && name.starts_with(is_start)
        && name.chars().all(|c| is_start(c) || c.is_ascii_digit())
}

/// Whether a text is `name="value"` parted by commas, or empty.
fn are_labels(labels: &str) -> bool {
    let mut rest = labels;
    while !rest.is_empty() {
        let Some((name, value)) = rest.split_once("=\"") else {
            return false;
        };
        if !is_name(name) || name.contains(':') {
            return false;
        }
        let mut is_escaped = false;
        let end = value.find(|c: char| {
            let is_end = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            is_end
        });
        let Some(end) = end.filter(|end| !value[..*end].contains('\n')) else {
            return false;
        };
        rest = match value[end + 1..].strip_prefix(',') {
            Some(more) if !more.is_empty() => more,
            Some(_) => return false,
            None if end + 1 == value.len() => "",
            None => return false,
        };
    }
    true
}

fn make(sort: Sort, name: Bytes, help: Bytes, labels: Bytes, bounds: &[f64]) -> Metric {
    let text = |passed: Bytes| std::str::from_utf8(bytes(passed)).ok();
    let (Some(name), Some(help), Some(labels)) = (text(name), text(help), text(labels)) else {
        write_log(2, "a metric was refused: its name, help or labels are no UTF-8");
        return 0;
    };
    series(sort, name, help, labels, bounds).unwrap_or_else(|reason| {
        let name: String = name.chars().take(MAX_METRIC_NAME_BYTES).collect();
        write_log(2, &format!("the metric {name:?} was refused: {reason}"));
        0
    })
}

unsafe extern "C" fn counter(name: Bytes, help: Bytes, labels: Bytes) -> Metric {
    make(Sort::Counter, name, help, labels, &[])
}

unsafe extern "C" fn gauge(name: Bytes, help: Bytes, labels: Bytes) -> Metric {
    make(Sort::Gauge, name, help, labels, &[])
}

unsafe extern "C" fn histogram(
    name: Bytes,
    help: Bytes,
    labels: Bytes,
    bounds: *const f64,
    n_bounds: usize,
) -> Metric {
    let bounds = if n_bounds == 0 || bounds.is_null() {
        &[]
    } else {
        // SAFETY: kernels name that many bounds; more than there may be are refused below.
        unsafe { std::slice::from_raw_parts(bounds, n_bounds.min(MAX_BOUNDS + 1)) }
    };
    make(Sort::Histogram, name, help, labels, bounds)
}

fn add_to(cell: &AtomicU64, amount: f64) {
    let sum = |bits: u64| Some((f64::from_bits(bits) + amount).to_bits());
    let _ = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
}

unsafe extern "C" fn add(metric: Metric, amount: f64) {
    if let Some(series) = find(metric, &[Sort::Counter, Sort::Gauge])
        && amount.is_finite()
        && (amount >= 0.0 || series.sort == Sort::Gauge)
    {
        add_to(&series.value, amount);
    }
}

unsafe extern "C" fn set(metric: Metric, value: f64) {
    if let Some(series) = find(metric, &[Sort::Gauge]) {
        series.value.store(value.to_bits(), Ordering::Relaxed);
    }
}

unsafe extern "C" fn observe(metric: Metric, value: f64) {
    if let Some(series) = find(metric, &[Sort::Histogram])
        && value.is_finite()
    {
        let place = series.bounds.partition_point(|bound| *bound < value);
        series.counts[place].fetch_add(1, Ordering::Relaxed);
        add_to(&series.value, value);
    }
}

/// Everything that kernels of this process have measured, in Prometheus' text format: series of a name together, in the order
/// in which the names came up.
#[must_use]
pub fn text() -> String {
    let n = *n_series();
    let all: Vec<&Series> = (0..n).filter_map(at).collect();
    let mut text = String::new();
    for (index, first) in all.iter().enumerate() {
        if all[..index].iter().any(|before| before.name == first.name) {
            continue;
        }
        let help = first.help.replace('\\', "\\\\").replace('\n', "\\n");
        let (name, sort) = (&first.name, first.sort.name());
        push(
            &mut text,
            format_args!("# HELP {name} {help}\n# TYPE {name} {sort}\n"),
        );
        for series in all[index..].iter().filter(|series| series.name == first.name) {
            push_series(&mut text, series);
        }
    }
    text
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a string takes everything");
}

fn push_series(text: &mut String, series: &Series) {
    let Series { name, labels, .. } = series;
    let value = f64::from_bits(series.value.load(Ordering::Relaxed));
    let braced = if labels.is_empty() {
        String::new()
    } else {
        format!("{{{labels}}}")
    };
    if series.sort != Sort::Histogram {
        return push(text, format_args!("{name}{braced} {}\n", Shown(value)));
    }
    let comma = if labels.is_empty() { "" } else { "," };
    let mut n = 0;
    let bounds = series.bounds.iter().copied().chain([f64::INFINITY]);
    for (bound, count) in bounds.zip(&series.counts) {
        n += count.load(Ordering::Relaxed);
        let bound = Shown(bound);
        push(
            text,
            format_args!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {n}\n"),
        );
    }
    push(text, format_args!("{name}_sum{braced} {}\n", Shown(value)));
    push(text, format_args!("{name}_count{braced} {n}\n"));
}

/// A real as Prometheus writes it.
struct Shown(f64);

impl std::fmt::Display for Shown {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            value if value == f64::INFINITY => out.write_str("+Inf"),
            value if value == f64::NEG_INFINITY => out.write_str("-Inf"),
            value => write!(out, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(text: &str) -> Bytes {
        Bytes::of(text.as_bytes())
    }

    #[test]
    fn labels_are_read_as_prometheus_reads_them() {
        let good = ["", "a=\"\"", "a=\"x\",b_1=\"y,z=\\\"q\\\"\"", "a=\"\\\\\""];
        let bad = [
            "a",
            "a=x",
            "a=\"x",
            "a=\"x\",",
            "1a=\"x\"",
            "a=\"x\"b=\"y\"",
            "a=\"x\n\"",
            ",",
            "a:b=\"x\"",
        ];
        for labels in good {
            assert!(are_labels(labels), "{labels}");
        }
        for labels in bad {
            assert!(!are_labels(labels), "{labels}");
        }
    }

    #[test]
    fn what_is_measured_is_told_in_prometheus_format() {
        let (empty, help) = (bytes_of(""), bytes_of("how\nmany"));
        // SAFETY: the texts live through the calls.
        unsafe {
            let get = counter(bytes_of("room_requests_total"), help, bytes_of("method=\"GET\""));
            let post = counter(bytes_of("room_requests_total"), help, bytes_of("method=\"POST\""));
            let open = gauge(bytes_of("room_open"), empty, empty);
            let bounds = [0.1, 1.0];
            let time = histogram(bytes_of("room_seconds"), empty, empty, bounds.as_ptr(), 2);
            assert_eq!(
                counter(bytes_of("room_requests_total"), help, bytes_of("method=\"GET\"")),
                get
            );
            assert_eq!(
                gauge(bytes_of("room_requests_total"), help, empty),
                0,
                "another sort"
            );
            assert_eq!(counter(bytes_of("room requests"), help, empty), 0, "no name");
            let descending = [1.0, 0.1];
            assert_eq!(
                histogram(bytes_of("room_other"), empty, empty, descending.as_ptr(), 2),
                0
            );
            for (metric, amount) in [
                (get, 1.0),
                (get, 1.0),
                (get, -5.0),
                (post, 0.5),
                (open, 3.0),
                (open, -1.0),
            ] {
                add(metric, amount);
            }
            add(0, 1.0);
            add(u32::MAX, 1.0);
            set(get, 100.0);
            for value in [0.05, 0.1, 0.5, 7.0, f64::NAN] {
                observe(time, value);
            }
        }
        let text = text();
        let own: Vec<&str> = text.lines().filter(|line| line.contains("room_")).collect();
        let expected = [
            "# HELP room_requests_total how\\nmany",
            "# TYPE room_requests_total counter",
            "room_requests_total{method=\"GET\"} 2",
            "room_requests_total{method=\"POST\"} 0.5",
            "# HELP room_open ",
            "# TYPE room_open gauge",
            "room_open 2",
            "# HELP room_seconds ",
            "# TYPE room_seconds histogram",
            "room_seconds_bucket{le=\"0.1\"} 2",
            "room_seconds_bucket{le=\"1\"} 3",
            "room_seconds_bucket{le=\"+Inf\"} 4",
            "room_seconds_sum 7.65",
            "room_seconds_count 4",
        ];
        assert_eq!(own, expected);
    }
}
