//! Histories of concurrent transactions, judged by a checker that knows nothing of the store: `adya`, which infers the
//! dependencies of Adya's theses from what was read, as Jepsen's Elle does.
//!
//! `SUP_HISTORY_OPERATIONS=1000000 cargo test --release -p sup-store --test histories` is the long run.

#![allow(clippy::unwrap_used, reason = "all of this is test code")]

mod support;

use adya::{History, Opts, Valid, Workload, check};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use sup_store::key::Tuple;
use sup_store::{Durability, Isolation, Namespace, Namespaces, StoreLimits, Tenant, Transaction, open};
use support::Scratch;

const N_THREADS: u64 = 6;
/// Keys that are fought over at a time; they move on, so that lists stay short.
const N_KEYS: u64 = 5;
const TRANSACTIONS_FOR_KEYS: u64 = 40;

/// A history as it grows, one event a line, in the order of real time.
#[derive(Default)]
struct Recorder(Mutex<String>);

impl Recorder {
    fn note(&self, kind: &str, process: u64, value: &str) {
        let mut lines = self.0.lock().unwrap();
        writeln!(
            lines,
            "{{\"type\":\"{kind}\",\"process\":{process},\"value\":[{value}]}}"
        )
        .unwrap();
    }
}

/// Numbers that are the same in each run of a thread (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// One operation: what it is called, and the key.
struct Operation {
    writes: Option<u64>,
    key: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Append,
    Register,
}

impl Kind {
    fn write_name(self) -> &'static str {
        match self {
            Kind::Append => "append",
            Kind::Register => "w",
        }
    }

    /// What a read saw, as the checker reads it.
    fn shown(self, found: Option<Vec<u8>>) -> String {
        match (self, found.map(|bytes| String::from_utf8(bytes).unwrap())) {
            (Kind::Append, found) => format!("[{}]", found.unwrap_or_default()),
            (Kind::Register, found) => found.unwrap_or_else(|| "null".to_owned()),
        }
    }
}

struct Run {
    kind: Kind,
    isolation: Isolation,
    kv: Namespace,
    recorder: Recorder,
    next_value: AtomicU64,
    n_begun: AtomicU64,
    n_operations: AtomicU64,
}

impl Run {
    fn plan(&self, random: &mut Random) -> Vec<Operation> {
        let first = self.n_begun.fetch_add(1, Ordering::Relaxed) / TRANSACTIONS_FOR_KEYS * N_KEYS;
        (0..2 + random.below(4))
            .map(|_| Operation {
                writes: (random.below(2) == 0).then(|| self.next_value.fetch_add(1, Ordering::Relaxed)),
                key: first + random.below(N_KEYS),
            })
            .collect()
    }

    fn invoked(&self, plan: &[Operation]) -> String {
        let shown = plan.iter().map(|operation| match operation.writes {
            Some(value) => format!("[\"{}\",{},{value}]", self.kind.write_name(), operation.key),
            None => format!("[\"r\",{},null]", operation.key),
        });
        shown.collect::<Vec<_>>().join(",")
    }

    /// Carries the plan out; what it saw, if it was committed.
    fn attempt(&self, plan: &[Operation]) -> Option<String> {
        let mut transaction = Transaction::begin(self.kv.store(), self.isolation).unwrap();
        let mut seen = Vec::new();
        for operation in plan {
            let key = Tuple::new().int(i64::try_from(operation.key).unwrap());
            let Some(value) = operation.writes else {
                let found = transaction.get(&self.kv, &key).unwrap();
                seen.push(format!("[\"r\",{},{}]", operation.key, self.kind.shown(found)));
                continue;
            };
            let written = match self.kind {
                Kind::Register => value.to_string(),
                Kind::Append => match transaction.get(&self.kv, &key).unwrap() {
                    Some(list) => format!("{},{value}", String::from_utf8(list).unwrap()),
                    None => value.to_string(),
                },
            };
            transaction.set(&self.kv, &key, written.as_bytes()).unwrap();
            seen.push(format!(
                "[\"{}\",{},{value}]",
                self.kind.write_name(),
                operation.key
            ));
        }
        match transaction.commit(Durability::Wal) {
            Ok(_) => Some(seen.join(",")),
            Err(error) => {
                assert!(error.is_conflict(), "{error}");
                None
            }
        }
    }

    fn work(&self, process: u64, n_operations: u64) {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (process + 1));
        while self.n_operations.load(Ordering::Relaxed) < n_operations {
            let plan = self.plan(&mut random);
            self.n_operations.fetch_add(plan.len() as u64, Ordering::Relaxed);
            let invoked = self.invoked(&plan);
            self.recorder.note("invoke", process, &invoked);
            match self.attempt(&plan) {
                Some(seen) => self.recorder.note("ok", process, &seen),
                None => self.recorder.note("fail", process, &invoked),
            }
        }
    }
}

/// Runs transactions on several threads and judges their history.
fn judge(kind: Kind, isolation: Isolation, model: &str, n_operations: u64) -> (Valid, Vec<String>) {
    let scratch = Scratch::new();
    let store = open(&scratch.location(), StoreLimits::standard()).unwrap();
    let namespaces =
        Namespaces::new(Some(Arc::clone(&store)), Tenant::local(), store.limits().clone()).unwrap();
    let run = Run {
        kind,
        isolation,
        kv: namespaces.open_disk("history").unwrap(),
        recorder: Recorder::default(),
        next_value: AtomicU64::new(1),
        n_begun: AtomicU64::new(0),
        n_operations: AtomicU64::new(0),
    };
    std::thread::scope(|scope| {
        for process in 0..N_THREADS {
            let run = &run;
            scope.spawn(move || run.work(process, n_operations));
        }
    });
    let history = run.recorder.0.into_inner().unwrap();
    let n_ok = history.matches("\"ok\"").count();
    assert!(
        n_ok > history.lines().count() / 8,
        "most transactions get through: {n_ok}"
    );
    let history = History::from_json(&history).unwrap();
    let workload = match kind {
        Kind::Append => Workload::ListAppend,
        Kind::Register => Workload::RwRegister,
    };
    let options = Opts {
        models: vec![model.into()],
        ..Opts::default()
    };
    let report = check(&history, workload, &options);
    let anomalies = report.anomaly_types.iter().map(ToString::to_string).collect();
    (report.valid, anomalies)
}

fn n_operations() -> u64 {
    match std::env::var("SUP_HISTORY_OPERATIONS") {
        Ok(number) => number.parse().expect("SUP_HISTORY_OPERATIONS is a number"),
        Err(_) => 20_000,
    }
}

#[test]
fn appends_to_lists_are_strictly_serializable() {
    let judged = judge(
        Kind::Append,
        Isolation::Serializable,
        "strict-serializable",
        n_operations(),
    );
    assert_eq!(judged, (Valid::True, Vec::new()));
}

#[test]
fn registers_are_serializable() {
    let judged = judge(
        Kind::Register,
        Isolation::Serializable,
        "serializable",
        n_operations(),
    );
    assert_eq!(judged, (Valid::True, Vec::new()));
}

#[test]
fn snapshots_are_snapshots_and_not_serializable() {
    let n_operations = 20_000;
    let (valid, _) = judge(
        Kind::Append,
        Isolation::Snapshot,
        "snapshot-isolation",
        n_operations,
    );
    assert_eq!(valid, Valid::True);
    let (valid, anomalies) = judge(Kind::Append, Isolation::Snapshot, "serializable", n_operations);
    assert_eq!(valid, Valid::False, "the checker sees write skew: {anomalies:?}");
}
