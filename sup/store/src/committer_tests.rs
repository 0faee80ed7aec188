//! Tests of the committer over a backend whose disk waits, fails and counts as told.

use super::*;
use crate::memory::Memory;
use crate::scan::{Page, Scan};
use crate::store::{Snapshot, Usage};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// What the disk does with the next write.
enum Order {
    Write,
    Fail,
    Panic,
}

/// A memory backend behind a disk that waits for an order before each synced write, and says how many members it got.
struct Disk {
    memory: Memory,
    orders: Mutex<Receiver<Order>>,
    reports: Mutex<Sender<usize>>,
}

impl Engine for Disk {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.get(family, key)
    }

    fn scan(&self, scan: &Scan) -> Result<Page, StoreError> {
        self.memory.scan(scan)
    }

    fn snapshot(_engine: &Arc<Disk>) -> Result<Snapshot, StoreError> {
        Err(StoreError::Missing)
    }

    fn sequence(&self) -> u64 {
        self.memory.sequence()
    }

    fn write(&self, members: &[&[Write]], durability: Durability) -> Result<(), StoreError> {
        if durability == Durability::Sync {
            held(&self.reports).send(members.len()).unwrap();
            match held(&self.orders).recv().unwrap() {
                Order::Write => {}
                Order::Fail => {
                    return Err(StoreError::Full {
                        detail: "no room".to_owned(),
                    });
                }
                Order::Panic => panic!("the disk driver is broken"),
            }
        }
        self.memory.write(members, durability)
    }

    fn waits_for_disk(&self) -> bool {
        true
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn usage(&self) -> Result<Usage, StoreError> {
        self.memory.usage()
    }
}

struct Bench {
    committer: Committer<Disk>,
    orders: Sender<Order>,
    /// One number for each synced write that has begun: its members.
    reports: Receiver<usize>,
    told_sender: Sender<(u32, Outcome)>,
    told: Receiver<(u32, Outcome)>,
}

impl Bench {
    fn new(limits: StoreLimits) -> Bench {
        let (orders, orders_receiver) = channel();
        let (reports_sender, reports) = channel();
        let (told_sender, told) = channel();
        let disk = Disk {
            memory: Memory::new(limits.clone()),
            orders: Mutex::new(orders_receiver),
            reports: Mutex::new(reports_sender),
        };
        Bench {
            committer: Committer::new(Arc::new(disk), limits),
            orders,
            reports,
            told_sender,
            told,
        }
    }

    fn submit(&self, number: u32, batch: Batch) {
        let sender = self.told_sender.clone();
        let done = Box::new(move |outcome| drop(sender.send((number, outcome))));
        self.committer.submit(batch, Durability::Sync, done);
    }

    fn told(&self, count: usize) -> Vec<(u32, Outcome)> {
        (0..count)
            .map(|_| self.told.recv_timeout(Duration::from_secs(20)).unwrap())
            .collect()
    }

    /// Starts a write that the disk holds back, so that what is submitted next gathers behind it.
    fn block(&self) {
        self.submit(0, put("block", "x"));
        assert_eq!(self.reports.recv().unwrap(), 1);
    }

    fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.committer
            .shared
            .engine
            .get(Family::Data, key.as_bytes())
            .unwrap()
    }
}

fn put(key: &str, value: &str) -> Batch {
    let mut batch = Batch::new();
    batch.put(Family::Data, key, value);
    batch
}

fn put_if_absent(key: &str, value: &str) -> Batch {
    let mut batch = put(key, value);
    batch.require(Condition::Absent {
        family: Family::Data,
        key: key.into(),
    });
    batch
}

fn standard() -> Bench {
    Bench::new(StoreLimits::standard())
}

#[test]
fn what_gathers_behind_a_sync_shares_the_next_one() {
    let bench = standard();
    bench.block();
    (1..=50).for_each(|number| bench.submit(number, put(&number.to_string(), "v")));
    bench.orders.send(Order::Write).unwrap();
    assert_eq!(bench.reports.recv().unwrap(), 50);
    assert_eq!(bench.told(1)[0].0, 0);
    // The second sync has begun and not returned: none of its members may know anything.
    assert!(bench.told.recv_timeout(Duration::from_millis(50)).is_err());
    bench.orders.send(Order::Write).unwrap();
    let told = bench.told(50);
    assert!(told.iter().all(|(_, outcome)| outcome.is_ok()));
    assert!(told.iter().map(|(number, _)| *number).eq(1..=50));
}

#[test]
fn members_see_earlier_members_of_their_group() {
    let bench = standard();
    bench.block();
    bench.submit(1, put_if_absent("a", "first"));
    bench.submit(2, put_if_absent("a", "second"));
    let mut swap = put("a", "third");
    swap.require(Condition::Equals {
        family: Family::Data,
        key: "a".into(),
        value: "first".into(),
    });
    bench.submit(3, swap);
    let mut delete = Batch::new();
    delete.delete(Family::Data, "a");
    bench.submit(4, delete);
    bench.submit(5, put_if_absent("a", "fifth"));
    let mut since_before = put("b", "x");
    since_before.require(Condition::Unchanged {
        family: Family::Data,
        key: "a".into(),
        since: Version(0),
    });
    bench.submit(6, since_before);
    let mut range_since_before = put("b", "x");
    range_since_before.require(Condition::RangeUnchanged {
        family: Family::Data,
        range: KeyRange::prefix(b"a"),
        since: Version(0),
    });
    bench.submit(7, range_since_before);
    let mut other_range = put("c", "x");
    other_range.require(Condition::RangeUnchanged {
        family: Family::Data,
        range: KeyRange::prefix(b"c"),
        since: Version(0),
    });
    bench.submit(8, other_range);
    bench.orders.send(Order::Write).unwrap();
    bench.orders.send(Order::Write).unwrap();
    let told = bench.told(9);
    assert_eq!(
        (bench.reports.recv().unwrap(), bench.reports.try_recv().is_err()),
        (5, true)
    );
    let conflict = Err(StoreError::Conflict { condition_idx: 0 });
    for (number, outcome) in told {
        let is_refused = [2, 6, 7].contains(&number);
        assert_eq!(outcome.is_err(), is_refused, "{number}: {outcome:?}");
        assert!(!is_refused || outcome == conflict);
    }
    assert_eq!(
        (bench.value("a"), bench.value("b"), bench.value("c").is_some()),
        (Some(b"fifth".to_vec()), None, true)
    );
}

#[test]
fn versions_of_a_group_rise_by_the_writes_of_each_member() {
    let bench = standard();
    bench.block();
    let mut two = put("a", "1");
    two.put(Family::Data, "b", "2");
    bench.submit(1, two);
    bench.submit(2, put_if_absent("a", "refused"));
    bench.submit(3, put("c", "3"));
    bench.orders.send(Order::Write).unwrap();
    bench.orders.send(Order::Write).unwrap();
    let versions: Vec<Option<u64>> = bench
        .told(4)
        .into_iter()
        .map(|(_, told)| Some(told.ok()?.version.0))
        .collect();
    assert_eq!(versions, [Some(1), Some(3), None, Some(4)]);
    assert_eq!(bench.committer.shared.engine.sequence(), 4);
}

#[test]
fn a_failed_write_is_told_to_every_member_and_leaves_nothing_behind() {
    let bench = standard();
    bench.block();
    bench.submit(1, put("a", "lost"));
    bench.submit(2, put_if_absent("a", "refused"));
    bench.submit(3, put("b", "lost"));
    bench.orders.send(Order::Write).unwrap();
    bench.orders.send(Order::Fail).unwrap();
    let full = StoreError::Full {
        detail: "no room".to_owned(),
    };
    let told = bench.told(4);
    assert!(told[0].1.is_ok());
    assert_eq!(told[1].1, Err(full.clone()));
    assert_eq!(told[2].1, Err(StoreError::Conflict { condition_idx: 0 }));
    assert_eq!(told[3].1, Err(full));
    // What failed does not count as a change afterwards.
    let mut next = put("c", "x");
    for key in ["a", "b"] {
        next.require(Condition::Unchanged {
            family: Family::Data,
            key: key.into(),
            since: Version(1),
        });
    }
    bench.orders.send(Order::Write).unwrap();
    bench.submit(4, next);
    assert_eq!(bench.told(1)[0].1, Ok(Commit { version: Version(2) }));
    assert_eq!((bench.value("a"), bench.value("b")), (None, None));
}

#[test]
fn a_panic_under_the_committer_is_told_as_an_error() {
    let bench = standard();
    bench.block();
    bench.submit(1, put("a", "x"));
    bench.orders.send(Order::Panic).unwrap();
    bench.orders.send(Order::Write).unwrap();
    let told = bench.told(2);
    assert_eq!(told[0].1.as_ref().unwrap_err().code(), "store/io");
    assert!(told[1].1.is_ok());
}

#[test]
fn a_full_queue_refuses_and_a_closing_one_drains() {
    let bench = Bench::new(StoreLimits {
        queue_members: 3,
        group_members: 2,
        ..StoreLimits::standard()
    });
    bench.block();
    (1..=5).for_each(|number| bench.submit(number, put(&number.to_string(), "x")));
    assert_eq!(
        bench.told(2),
        [(4, Err(StoreError::Busy)), (5, Err(StoreError::Busy))]
    );
    (0..3).for_each(|_| bench.orders.send(Order::Write).unwrap());
    bench.committer.close().unwrap();
    let told = bench.told(4);
    assert!(told.iter().all(|(_, outcome)| outcome.is_ok()), "{told:?}");
    // Three waited and two may share a sync.
    assert_eq!(bench.reports.try_iter().collect::<Vec<_>>(), [2, 1]);
    bench.submit(6, put("6", "x"));
    assert_eq!(bench.told(1), [(6, Err(StoreError::Closed))]);
    assert_eq!(
        bench.committer.commit(put("7", "x"), Durability::Wal),
        Err(StoreError::Closed)
    );
}

#[test]
fn the_queue_is_bounded_in_bytes() {
    let bench = Bench::new(StoreLimits {
        queue_bytes: 100,
        ..StoreLimits::standard()
    });
    bench.block();
    bench.submit(1, put("a", &"x".repeat(98)));
    bench.submit(2, put("b", "x"));
    assert_eq!(bench.told(1), [(2, Err(StoreError::Busy))]);
    bench.orders.send(Order::Write).unwrap();
    bench.orders.send(Order::Write).unwrap();
    assert!(bench.told(2).iter().all(|(_, outcome)| outcome.is_ok()));
}

#[test]
fn a_single_writer_needs_no_thread() {
    let bench = standard();
    (0..10).for_each(|_| bench.orders.send(Order::Write).unwrap());
    for number in 0..10 {
        bench
            .committer
            .commit(put(&number.to_string(), "x"), Durability::Sync)
            .unwrap();
        bench
            .committer
            .commit(put(&number.to_string(), "y"), Durability::None)
            .unwrap();
    }
    assert!(bench.committer.thread_id.get().is_none());
    assert_eq!(bench.reports.try_iter().count(), 10);
}

#[test]
fn a_submit_does_not_wait_for_a_sync_under_way() {
    let bench = standard();
    bench.block();
    for (number, durability) in [(1, Durability::Wal), (2, Durability::None)] {
        let sender = bench.told_sender.clone();
        let done = Box::new(move |outcome| drop(sender.send((number, outcome))));
        bench
            .committer
            .submit(put("a", &number.to_string()), durability, done);
    }
    assert!(bench.told.try_recv().is_err());
    bench.orders.send(Order::Write).unwrap();
    let told = bench.told(3);
    assert!(
        told.iter().map(|(number, _)| *number).eq(0..3) && told.iter().all(|(_, outcome)| outcome.is_ok())
    );
    // Their group had no member that asked for a sync.
    assert!(bench.reports.try_recv().is_err());
    assert_eq!(bench.value("a"), Some(b"2".to_vec()));
}

#[test]
fn a_group_waits_a_quarter_of_a_sync_for_its_last_members_and_no_longer() {
    let patience = |took_us| {
        Pace {
            n_members: 4,
            took: Duration::from_micros(took_us),
        }
        .patience()
    };
    let cases = [
        (0, 0),
        (60, 15),
        (4_000, 1_000),
        (8_000, 2_000),
        (1_000_000, 2_000),
    ];
    for (took_us, waits_us) in cases {
        assert_eq!(patience(took_us), Duration::from_micros(waits_us));
    }
    // Members that never come back are not waited for twice.
    let bench = standard();
    bench.block();
    (1..=30).for_each(|number| bench.submit(number, put("a", "x")));
    (0..3).for_each(|_| bench.orders.send(Order::Write).unwrap());
    bench.told(31);
    bench.submit(31, put("a", "x"));
    assert_eq!(bench.told(1)[0].0, 31);
    assert_eq!(bench.reports.try_iter().collect::<Vec<_>>(), [30, 1]);
}
