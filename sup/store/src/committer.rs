//! The one committer: validates batches in order, writes them as one, syncs once, then acknowledges.
//!
//! Commits that need no sync run on the caller's thread under the committer's lock. Synced commits share a sync: while one is
//! under way, the next group gathers behind it, and a thread takes whatever has gathered. Nobody is acknowledged before the
//! sync of their group returned. A store with a single writer never starts that thread.

use crate::batch::{Batch, Commit, Condition, Durability, Version, Write};
use crate::engine::Engine;
use crate::family::Family;
use crate::fault::StoreError;
use crate::key::KeyRange;
use crate::limits::StoreLimits;
use crate::store::Done;
use crate::window::{Verdict, Window};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

/// Locks, whatever a panic elsewhere left behind: every state guarded here is valid between any two statements.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Outcome = Result<Commit, StoreError>;

/// Where every write of a store goes through.
pub(crate) struct Committer<E: Engine> {
    shared: Arc<Shared<E>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Set once the thread runs.
    thread_id: OnceLock<ThreadId>,
}

struct Shared<E: Engine> {
    engine: Arc<E>,
    ledger: Mutex<Ledger>,
    queue: Mutex<Queue>,
    wake: Condvar,
    limits: StoreLimits,
}

/// What the committer knows; holding it is the right to write.
struct Ledger {
    window: Window,
    is_closed: bool,
    /// Whether something was written to the log after its last sync.
    has_unsynced: bool,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Member>,
    n_bytes: usize,
    /// The committer's thread is woken when so many wait.
    n_wanted: usize,
    is_closing: bool,
}

/// How the last group went.
struct Pace {
    n_members: usize,
    took: Duration,
}

impl Pace {
    /// How long the next group may wait for the members of the last one: a part of what a sync of their own would cost.
    fn patience(&self) -> Duration {
        (self.took / 4).min(Duration::from_millis(2))
    }
}

struct Member {
    batch: Batch,
    durability: Durability,
    done: Done,
}

/// Members that share a write, as durable as the most durable of them asks.
struct Group {
    batches: Vec<Batch>,
    dones: Vec<Done>,
    durability: Durability,
}

impl<E: Engine> Committer<E> {
    pub(crate) fn new(engine: Arc<E>, limits: StoreLimits) -> Committer<E> {
        let window = Window::starting_at(engine.sequence(), &limits);
        let ledger = Ledger {
            window,
            is_closed: false,
            has_unsynced: false,
        };
        let shared = Shared {
            engine,
            ledger: Mutex::new(ledger),
            queue: Mutex::default(),
            wake: Condvar::new(),
            limits,
        };
        Committer {
            shared: Arc::new(shared),
            thread: Mutex::new(None),
            thread_id: OnceLock::new(),
        }
    }

    /// Commits and waits.
    pub(crate) fn commit(&self, batch: Batch, durability: Durability) -> Outcome {
        batch.check_size(&self.shared.limits)?;
        if !self.shares_syncs(durability) || self.is_own_thread() {
            return self.shared.commit_one(&batch, durability);
        }
        if self.thread_id.get().is_none()
            && let Ok(mut ledger) = self.shared.ledger.try_lock()
        {
            return self.shared.write_one(&mut ledger, &batch, durability);
        }
        let (sender, receiver) = sync_channel(1);
        self.enqueue(
            batch,
            durability,
            Box::new(move |outcome| drop(sender.send(outcome))),
        );
        receiver.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Commits and tells `done`. Never waits for a disk: what meets a sync under way queues behind it.
    pub(crate) fn submit(&self, batch: Batch, durability: Durability, done: Done) {
        if let Err(error) = batch.check_size(&self.shared.limits) {
            return done(Err(error));
        }
        if !self.shared.engine.waits_for_disk() {
            return done(self.shared.commit_one(&batch, durability));
        }
        let ledger = if durability == Durability::Sync {
            None
        } else {
            self.shared.ledger.try_lock().ok()
        };
        match ledger {
            None => self.enqueue(batch, durability, done),
            Some(mut ledger) => {
                let outcome = self.shared.write_one(&mut ledger, &batch, durability);
                drop(ledger);
                done(outcome);
            }
        }
    }

    /// Commits what waits, syncs the log, and refuses everything after that.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        held(&self.shared.queue).is_closing = true;
        self.shared.wake.notify_all();
        let thread = held(&self.thread).take();
        if let Some(thread) = thread.filter(|_| !self.is_own_thread()) {
            // The thread catches every panic under it.
            drop(thread.join());
        }
        let mut ledger = held(&self.shared.ledger);
        ledger.is_closed = true;
        if std::mem::take(&mut ledger.has_unsynced) {
            self.shared.engine.flush()
        } else {
            Ok(())
        }
    }

    fn shares_syncs(&self, durability: Durability) -> bool {
        durability == Durability::Sync && self.shared.engine.waits_for_disk()
    }

    fn is_own_thread(&self) -> bool {
        self.thread_id.get() == Some(&std::thread::current().id())
    }

    fn enqueue(&self, batch: Batch, durability: Durability, done: Done) {
        let limits = &self.shared.limits;
        let mut queue = held(&self.shared.queue);
        let refusal = if queue.is_closing {
            StoreError::Closed
        } else if queue.waiting.len() >= limits.queue_members
            || queue.n_bytes + batch.n_bytes() > limits.queue_bytes
        {
            StoreError::Busy
        } else if let Err(error) = self.ensure_thread() {
            error
        } else {
            queue.n_bytes += batch.n_bytes();
            queue.waiting.push_back(Member {
                batch,
                durability,
                done,
            });
            let is_enough = queue.waiting.len() >= queue.n_wanted;
            drop(queue);
            if is_enough {
                self.shared.wake.notify_one();
            }
            return;
        };
        drop(queue);
        done(Err(refusal));
    }

    fn ensure_thread(&self) -> Result<(), StoreError> {
        if self.thread_id.get().is_some() {
            return Ok(());
        }
        // The queue's lock, which the caller holds, keeps two threads from being started.
        let shared = Arc::clone(&self.shared);
        let spawned = std::thread::Builder::new()
            .name("sup-commit".to_owned())
            .spawn(move || shared.run());
        let thread = spawned.map_err(|error| StoreError::Io {
            detail: format!("no thread to commit: {error}"),
        })?;
        self.thread_id.get_or_init(|| thread.thread().id());
        *held(&self.thread) = Some(thread);
        Ok(())
    }
}

impl<E: Engine> Drop for Committer<E> {
    fn drop(&mut self) {
        // Nobody is left to be told; whoever wants to know calls `close`.
        drop(self.close());
    }
}

impl<E: Engine> Shared<E> {
    fn run(&self) {
        let mut pace = Pace {
            n_members: 0,
            took: Duration::ZERO,
        };
        while let Some(Group {
            batches,
            dones,
            durability,
        }) = self.next_group(&pace)
        {
            let began = Instant::now();
            let committed = catch_unwind(AssertUnwindSafe(|| self.commit_group(&batches, durability)));
            pace = Pace {
                n_members: batches.len(),
                took: began.elapsed(),
            };
            let outcomes = committed.unwrap_or_else(|_| {
                let failed = StoreError::Io {
                    detail: "the committer panicked".to_owned(),
                };
                vec![Err(failed); batches.len()]
            });
            for (done, outcome) in dones.into_iter().zip(outcomes) {
                // A callback that panics fails alone: the others must still be told.
                drop(catch_unwind(AssertUnwindSafe(|| done(outcome))));
            }
        }
    }

    /// Waits for commits and takes as many as may share a sync; `None` when the store closes and none is left.
    fn next_group(&self, pace: &Pace) -> Option<Group> {
        let mut queue = self.gather(pace);
        if queue.waiting.is_empty() {
            return None;
        }
        let mut group = Group {
            batches: Vec::new(),
            dones: Vec::new(),
            durability: Durability::None,
        };
        let mut n_bytes = 0;
        while let Some(next) = queue.waiting.front() {
            n_bytes += next.batch.n_bytes();
            let is_full =
                group.batches.len() >= self.limits.group_members || n_bytes > self.limits.group_bytes;
            if is_full && !group.batches.is_empty() {
                break;
            }
            let member = queue.waiting.pop_front().expect("the front was just looked at");
            queue.n_bytes -= member.batch.n_bytes();
            group.batches.push(member.batch);
            group.dones.push(member.done);
            group.durability = group.durability.min(member.durability);
        }
        Some(group)
    }

    /// Waits until someone waits, and then a little longer for those who were in the last group: they were told a moment ago and
    /// are likely to come back. Without that, the first to come back has a sync of its own and all others wait for it.
    fn gather(&self, pace: &Pace) -> MutexGuard<'_, Queue> {
        let mut queue = held(&self.queue);
        queue.n_wanted = 1;
        while queue.waiting.is_empty() && !queue.is_closing {
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.n_wanted = pace.n_members;
        let until = Instant::now() + pace.patience();
        while queue.waiting.len() < queue.n_wanted && !queue.is_closing {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.wake.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        queue
    }

    fn commit_one(&self, batch: &Batch, durability: Durability) -> Outcome {
        self.write_one(&mut held(&self.ledger), batch, durability)
    }

    fn write_one(&self, ledger: &mut Ledger, batch: &Batch, durability: Durability) -> Outcome {
        let mut outcomes = self.write_group(ledger, std::slice::from_ref(batch), durability);
        outcomes.pop().expect("a group of one has one outcome")
    }

    fn commit_group(&self, batches: &[Batch], durability: Durability) -> Vec<Outcome> {
        self.write_group(&mut held(&self.ledger), batches, durability)
    }

    /// Judges every batch, each after the accepted ones before it, and writes the accepted ones together.
    fn write_group(&self, ledger: &mut Ledger, batches: &[Batch], durability: Durability) -> Vec<Outcome> {
        if ledger.is_closed {
            return batches.iter().map(|_| Err(StoreError::Closed)).collect();
        }
        let (mut outcomes, accepted) = self.judge_group(&ledger.window, batches);
        if accepted.is_empty() {
            return outcomes;
        }
        let members: Vec<&[Write]> = accepted.iter().map(|member| member.writes).collect();
        match self.engine.write(&members, durability) {
            Ok(()) => {
                for member in &accepted {
                    ledger.window.note(member.writes, member.version);
                }
                match durability {
                    Durability::Sync => ledger.has_unsynced = false,
                    Durability::Wal => ledger.has_unsynced = true,
                    Durability::None => {}
                }
            }
            Err(error) => {
                let accepted = outcomes.iter_mut().filter(|outcome| outcome.is_ok());
                accepted.for_each(|outcome| *outcome = Err(error.clone()));
            }
        }
        outcomes
    }

    /// The outcome of each batch if the write succeeds, and what to write with the version it gets.
    fn judge_group<'a>(&self, window: &Window, batches: &'a [Batch]) -> (Vec<Outcome>, Vec<Accepted<'a>>) {
        let mut judge = Judge {
            engine: self.engine.as_ref(),
            window,
            base: self.engine.sequence(),
            earlier: BTreeMap::new(),
        };
        let mut version = judge.base;
        let mut accepted = Vec::new();
        let is_group = batches.len() > 1;
        let outcomes = batches
            .iter()
            .map(|batch| {
                judge.check(batch)?;
                if !batch.writes.is_empty() {
                    version += batch.writes.len() as u64;
                    accepted.push(Accepted {
                        writes: &batch.writes,
                        version,
                    });
                    if is_group {
                        judge.accept(&batch.writes, version);
                    }
                }
                Ok(Commit {
                    version: Version(version),
                })
            })
            .collect();
        (outcomes, accepted)
    }
}

/// An accepted member of a group: what it writes, and the version that its writes get.
struct Accepted<'a> {
    writes: &'a [Write],
    version: u64,
}

/// What an earlier member of the group makes of a key.
struct Earlier<'a> {
    value: Option<&'a [u8]>,
    version: u64,
}

/// Judges the conditions of one member of a group after another.
struct Judge<'a, E: Engine> {
    engine: &'a E,
    window: &'a Window,
    /// The sequence before the group.
    base: u64,
    earlier: BTreeMap<(Family, &'a [u8]), Earlier<'a>>,
}

impl<'a, E: Engine> Judge<'a, E> {
    fn accept(&mut self, writes: &'a [Write], version: u64) {
        for write in writes {
            let earlier = Earlier {
                value: write.value.as_deref(),
                version,
            };
            self.earlier.insert((write.family, write.key.as_slice()), earlier);
        }
    }

    fn check(&self, batch: &Batch) -> Result<(), StoreError> {
        for (condition_idx, condition) in batch.conditions.iter().enumerate() {
            match self.verdict(condition)? {
                Verdict::Unchanged => {}
                Verdict::Changed => return Err(StoreError::Conflict { condition_idx }),
                Verdict::TooOld => return Err(StoreError::TooOld { condition_idx }),
            }
        }
        Ok(())
    }

    fn verdict(&self, condition: &Condition) -> Result<Verdict, StoreError> {
        let holds = match condition {
            Condition::Equals { family, key, value } => {
                self.has_value(*family, key, |found| found == Some(value.as_slice()))?
            }
            Condition::Absent { family, key } => self.has_value(*family, key, |found| found.is_none())?,
            Condition::Present { family, key } => self.has_value(*family, key, |found| found.is_some())?,
            Condition::Unchanged { family, key, since } => return Ok(self.key_since(*family, key, since.0)),
            Condition::RangeUnchanged { family, range, since } => {
                return Ok(self.range_since(*family, range, since.0));
            }
        };
        Ok(if holds {
            Verdict::Unchanged
        } else {
            Verdict::Changed
        })
    }

    fn has_value(
        &self,
        family: Family,
        key: &[u8],
        check: impl FnOnce(Option<&[u8]>) -> bool,
    ) -> Result<bool, StoreError> {
        match self.earlier.get(&(family, key)) {
            Some(earlier) => Ok(check(earlier.value)),
            None => Ok(check(self.engine.get(family, key)?.as_deref())),
        }
    }

    fn key_since(&self, family: Family, key: &[u8], since: u64) -> Verdict {
        let is_rewritten = self
            .earlier
            .get(&(family, key))
            .is_some_and(|earlier| earlier.version > since);
        if is_rewritten || since > self.base {
            Verdict::Changed
        } else {
            self.window.key_since(family, key, since)
        }
    }

    fn range_since(&self, family: Family, range: &KeyRange, since: u64) -> Verdict {
        if since > self.base {
            return Verdict::Changed;
        }
        let from = Bound::Included((family, range.start.as_slice()));
        let is_rewritten = self
            .earlier
            .range((from, Bound::Unbounded))
            .take_while(|((other, key), _)| *other == family && range.contains(key))
            .any(|(_, earlier)| earlier.version > since);
        if is_rewritten {
            Verdict::Changed
        } else {
            self.window.range_since(family, range, since)
        }
    }
}

#[cfg(test)]
#[path = "committer_tests.rs"]
mod tests;
