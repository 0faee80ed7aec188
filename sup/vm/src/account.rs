//! Accounts: the limits that a fiber has together with those that it spawns. Account 0 is the isolate's own run, whose fuel
//! and deadline are those of the machine; another one takes their place while a fiber of it runs.

use std::time::{Duration, Instant};

use crate::clock::{self, Alarm};
use crate::error::Raise;
use crate::fiber::{Fiber, FiberState};
use crate::vm::Vm;

/// Deadlines that come sooner after one another than this are looked at together.
const COARSE: Duration = Duration::from_millis(5);

/// What a fiber that is driven may use, together with those that it spawns. What is not said is the isolate's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Calls and turns of loops.
    pub fuel: Option<u64>,
    /// Time from its start on.
    pub time: Option<Duration>,
    /// What it may keep alive, in bytes.
    pub memory_bytes: Option<usize>,
}

#[derive(Clone, Copy)]
struct Account {
    n_fibers: u32,
    fuel: u64,
    fuel_left: u64,
    time: Duration,
    deadline: Option<Instant>,
    memory_bytes: usize,
    is_over: bool,
}

/// The accounts of an isolate.
pub(crate) struct Accounts {
    list: Vec<Account>,
    free: Vec<u32>,
    /// That of the running fiber.
    current: u32,
    /// The earliest time at which a deadline may have passed unseen.
    alarm: Option<(Instant, Alarm)>,
    /// Bytes in use from which on an account may have used up its memory.
    pub look_at: usize,
    /// What fibers may keep at the most while the running one runs: it alone makes anything then.
    slice_cap: usize,
    /// The quota of the isolate, or a little more while a fiber is to fail.
    pub base_quota: usize,
}

impl Accounts {
    pub fn new(quota: usize) -> Accounts {
        Accounts {
            list: vec![Account {
                n_fibers: 0,
                fuel: 0,
                fuel_left: 0,
                time: Duration::ZERO,
                deadline: None,
                memory_bytes: usize::MAX,
                is_over: false,
            }],
            free: Vec::new(),
            current: 0,
            alarm: None,
            look_at: usize::MAX,
            slice_cap: usize::MAX,
            base_quota: quota,
        }
    }

    /// The account of the running fiber; 0 is the isolate's own.
    pub fn current(&self) -> u32 {
        self.current
    }

    /// What an account may keep, in bytes.
    pub fn memory_bytes(&self, account: u32) -> usize {
        self.list[account as usize].memory_bytes
    }

    /// How many accounts there have been at once.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    fn open(&mut self, account: Account) -> u32 {
        match self.free.pop() {
            Some(index) => {
                self.list[index as usize] = account;
                index
            }
            None => {
                self.list.push(account);
                (self.list.len() - 1) as u32
            }
        }
    }

    /// Counts one more fiber on an account.
    pub fn join(&mut self, account: u32) {
        self.list[account as usize].n_fibers += 1;
    }

    /// One fiber of an account has ended; the account ends with the last.
    pub fn leave(&mut self, account: u32) {
        let known = &mut self.list[account as usize];
        known.n_fibers -= 1;
        if account != 0 && known.n_fibers == 0 {
            known.deadline = None;
            self.free.push(account);
        }
    }
}

/// What the machine goes on with when a fiber of an account has had its turn.
pub(crate) struct Outer {
    fuel_left: u64,
    deadline: Option<Instant>,
}

impl Vm {
    /// An account of its own for a fiber that is to be driven.
    pub(crate) fn new_account(&mut self, allowance: &Allowance) -> u32 {
        let fuel = allowance
            .fuel
            .map_or(self.limits.fuel, |fuel| fuel.min(self.limits.fuel));
        let most = self.limits.deadline_ms.map(Duration::from_millis);
        let time = match (allowance.time, most) {
            (Some(time), Some(most)) => Some(time.min(most)),
            (time, most) => time.or(most),
        };
        let deadline = time.and_then(|time| Instant::now().checked_add(time));
        let memory_bytes = allowance.memory_bytes.unwrap_or(usize::MAX);
        if let Some(deadline) = deadline {
            self.watch(deadline);
        }
        if memory_bytes < self.limits.memory_bytes {
            let used = self.heap.used_bytes();
            self.accounts.look_at = self.accounts.look_at.min(used.saturating_add(memory_bytes));
        }
        self.accounts.open(Account {
            n_fibers: 0,
            fuel,
            fuel_left: fuel,
            time: time.unwrap_or_default(),
            deadline,
            memory_bytes,
            is_over: false,
        })
    }

    /// The limits of the running fiber are those of its account from now on.
    pub(crate) fn enter_account(&mut self, account: u32) -> Option<Outer> {
        if account == 0 {
            return None;
        }
        let outer = Outer {
            fuel_left: self.fuel_left,
            deadline: self.deadline,
        };
        let Account {
            fuel_left,
            deadline,
            memory_bytes,
            ..
        } = self.accounts.list[account as usize];
        self.accounts.current = account;
        self.fuel_left = fuel_left;
        self.deadline = deadline;
        if memory_bytes != usize::MAX {
            self.accounts.slice_cap = self.heap.used_bytes().saturating_add(memory_bytes);
            self.apply_quota();
        }
        Some(outer)
    }

    /// Back to what was before `enter_account`.
    pub(crate) fn leave_account(&mut self, outer: Option<Outer>) {
        let Some(outer) = outer else { return };
        let account = std::mem::take(&mut self.accounts.current);
        self.accounts.list[account as usize].fuel_left = self.fuel_left;
        self.fuel_left = outer.fuel_left;
        self.deadline = outer.deadline;
        if self.accounts.slice_cap != usize::MAX {
            self.accounts.slice_cap = usize::MAX;
            self.apply_quota();
        }
    }

    /// The quota that holds now.
    pub(crate) fn apply_quota(&mut self) {
        let quota = self.accounts.base_quota.min(self.accounts.slice_cap);
        self.heap.set_quota(quota);
    }

    /// Whether what the running fiber has made since its turn began is more than its account may keep.
    pub(crate) fn is_over_slice_cap(&self) -> bool {
        self.heap.used_bytes() > self.accounts.slice_cap
    }

    /// The fuel that the running fiber began with.
    pub(crate) fn fuel_limit(&self) -> u64 {
        match self.accounts.current {
            0 => self.limits.fuel,
            account => self.accounts.list[account as usize].fuel,
        }
    }

    /// The time that the running fiber was given, in milliseconds.
    pub(crate) fn deadline_limit_ms(&self) -> u64 {
        match self.accounts.current {
            0 => self.limits.deadline_ms.unwrap_or(0),
            account => {
                u64::try_from(self.accounts.list[account as usize].time.as_millis()).unwrap_or(u64::MAX)
            }
        }
    }

    /// The memory that the running fiber may keep, in bytes.
    pub(crate) fn memory_limit(&self) -> usize {
        let own = self.accounts.memory_bytes(self.accounts.current);
        own.min(self.limits.memory_bytes)
    }

    /// Whether the time of the running fiber's account was found to be over while it waited.
    pub(crate) fn is_overdue(&self) -> bool {
        self.accounts.list[self.accounts.current as usize].is_over
    }

    /// Sees to it that somebody looks at deadlines at that time. Most of them are later than one that is looked at already,
    /// and cost nothing.
    fn watch(&mut self, deadline: Instant) {
        let is_watched = self
            .accounts
            .alarm
            .as_ref()
            .is_some_and(|(time, _)| *time <= deadline);
        if !is_watched {
            // The one before is off before the new one may ring.
            self.accounts.alarm = None;
            let alarm = clock::set_and_nudge(deadline, &self.interrupt, &self.inbox);
            self.accounts.alarm = Some((deadline, alarm));
        }
    }

    /// Ends what waits though its time is over: it raises `vm/deadline` when it next runs.
    pub(crate) fn end_overdue(&mut self) {
        let now = Instant::now();
        if self.accounts.alarm.as_ref().is_none_or(|(time, _)| *time > now) {
            return;
        }
        self.accounts.alarm = None;
        let (mut next, mut is_any_over): (Option<Instant>, bool) = (None, false);
        for account in &mut self.accounts.list {
            match account.deadline {
                Some(deadline) if deadline <= now => {
                    is_any_over |= !std::mem::replace(&mut account.is_over, true);
                }
                Some(deadline) => next = Some(next.map_or(deadline, |next| next.min(deadline))),
                None => {}
            }
        }
        if let Some(next) = next {
            self.watch(next.max(now + COARSE));
        }
        if is_any_over {
            let accounts = &self.accounts.list;
            let is_over = |fiber: &Fiber| accounts[fiber.account as usize].is_over;
            for mut fiber in self.fibers.take_waiting(is_over) {
                fiber.state = FiberState::Runnable;
                self.make_ready(fiber);
            }
        }
    }

    /// After a collection: whether an account keeps more than it may. Its largest fiber raises `vm/memory` then.
    pub(crate) fn look_at_accounts(&mut self) -> Result<(), Raise> {
        self.collect(crate::collect::Extent::Everything);
        let sizes = self.sizes_by_fiber();
        let mut kept = vec![0; self.accounts.len()];
        for size in &sizes {
            kept[size.account as usize] += size.bytes;
        }
        let mut least_left = usize::MAX;
        let mut outcome = Ok(());
        for (account, kept) in kept.iter().enumerate().skip(1) {
            let Account {
                n_fibers,
                memory_bytes,
                ..
            } = self.accounts.list[account];
            if n_fibers == 0 || memory_bytes == usize::MAX {
                continue;
            }
            if *kept <= memory_bytes {
                least_left = least_left.min((memory_bytes - kept).max(memory_bytes / 4));
                continue;
            }
            least_left = least_left.min(memory_bytes);
            let own = sizes.iter().filter(|size| size.account as usize == account);
            let Some(largest) = own.max_by_key(|size| size.bytes) else {
                continue;
            };
            if self.fiber.as_ref().is_some_and(|fiber| fiber.id == largest.id) {
                outcome = Err(self.raise_memory());
            } else {
                let error = self.memory_error_of(memory_bytes);
                self.fail_fiber(largest.id, error);
            }
        }
        let used = self.heap.used_bytes();
        self.accounts.look_at = match least_left {
            usize::MAX => usize::MAX,
            left => used.saturating_add(left.max(used / 4)),
        };
        outcome
    }

    /// Nothing is driven any more.
    pub(crate) fn stop_watching(&mut self) {
        self.accounts.alarm = None;
    }
}
