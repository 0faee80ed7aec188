//! The memory backend: sorted maps that keep superseded values for as long as a snapshot sees them.

use crate::batch::{Durability, Version, Write};
use crate::engine::Engine;
use crate::family::Family;
use crate::fault::StoreError;
use crate::limits::StoreLimits;
use crate::scan::{Direction, Entry, Page, PageFilling, Scan};
use crate::store::{FamilyUsage, Read, Snapshot, Usage};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Bytes that one kept value costs besides key and value.
const ENTRY_BYTES: usize = 64;

/// A value, or its absence, from the version on at which it was written.
#[derive(Clone, Debug)]
struct Kept {
    since: u64,
    value: Option<Arc<[u8]>>,
}

impl Kept {
    fn n_bytes(&self) -> usize {
        self.value.as_ref().map_or(0, |value| value.len()) + ENTRY_BYTES
    }
}

/// All values of one key that someone may see: the newest, and the older ones, oldest first.
struct Cell {
    newest: Kept,
    older: VecDeque<Kept>,
}

impl Cell {
    fn at(&self, version: u64) -> Option<&Arc<[u8]>> {
        let mut kept = std::iter::once(&self.newest).chain(self.older.iter().rev());
        kept.find(|kept| kept.since <= version)?.value.as_ref()
    }
}

/// A value that was superseded while a snapshot may have seen it.
struct Superseded {
    family: Family,
    key: Arc<[u8]>,
    /// The version that superseded it: snapshots from there on do not need it.
    by: u64,
}

type Cells = BTreeMap<Arc<[u8]>, Cell>;

struct State {
    families: [Cells; Family::ALL.len()],
    sequence: u64,
    /// Live snapshots: version → how many.
    snapshots: BTreeMap<u64, usize>,
    /// In the order of `by`.
    superseded: VecDeque<Superseded>,
    n_bytes: usize,
}

/// Sorted maps under one lock.
pub(crate) struct Memory {
    state: RwLock<State>,
    limits: StoreLimits,
}

impl Memory {
    pub(crate) fn new(limits: StoreLimits) -> Memory {
        let state = State {
            families: Default::default(),
            sequence: 0,
            snapshots: BTreeMap::new(),
            superseded: VecDeque::new(),
            n_bytes: 0,
        };
        Memory {
            state: RwLock::new(state),
            limits,
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Memory {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read().value_at(family, key, u64::MAX))
    }

    fn scan(&self, scan: &Scan) -> Result<Page, StoreError> {
        Ok(self.read().page_at(scan, u64::MAX, &self.limits))
    }

    fn snapshot(engine: &Arc<Memory>) -> Result<Snapshot, StoreError> {
        let mut state = engine.change();
        let version = state.sequence;
        *state.snapshots.entry(version).or_default() += 1;
        Ok(Box::new(View {
            memory: Arc::clone(engine),
            version,
        }))
    }

    fn sequence(&self) -> u64 {
        self.read().sequence
    }

    fn write(&self, members: &[&[Write]], _durability: Durability) -> Result<(), StoreError> {
        let mut state = self.change();
        let writes = || members.iter().flat_map(|writes| writes.iter());
        let added: usize = writes()
            .filter_map(|write| Some(write.key.len() + write.value.as_ref()?.len() + ENTRY_BYTES))
            .sum();
        // Checked before anything changes, so that all happens or nothing; what is replaced is not deducted.
        if added > 0 && state.n_bytes + added > self.limits.memory_bytes {
            let detail = format!("a store in memory may hold {} bytes", self.limits.memory_bytes);
            return Err(StoreError::Full { detail });
        }
        for write in writes() {
            state.sequence += 1;
            state.apply(write);
        }
        Ok(())
    }

    fn waits_for_disk(&self) -> bool {
        false
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn usage(&self) -> Result<Usage, StoreError> {
        let state = self.read();
        let families = Family::ALL.map(|family| {
            let cells = &state.families[family.index()];
            let alive = cells
                .iter()
                .filter_map(|(key, cell)| Some(key.len() + cell.newest.value.as_ref()?.len()));
            let (n_entries, n_bytes) =
                alive.fold((0, 0), |(count, sum), size| (count + 1, sum + size as u64));
            FamilyUsage {
                family,
                n_entries,
                n_bytes,
            }
        });
        Ok(Usage {
            families: families.to_vec(),
            log_bytes: 0,
            disk_bytes: 0,
            memory_bytes: state.n_bytes as u64,
        })
    }
}

impl State {
    fn value_at(&self, family: Family, key: &[u8], version: u64) -> Option<Vec<u8>> {
        Some(self.families[family.index()].get(key)?.at(version)?.to_vec())
    }

    fn page_at(&self, scan: &Scan, version: u64, limits: &StoreLimits) -> Page {
        if scan.range.is_empty() {
            return Page::default();
        }
        let end = scan
            .range
            .end
            .as_deref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        let inside = self.families[scan.family.index()]
            .range::<[u8], _>((Bound::Included(scan.range.start.as_slice()), end));
        let visible = |(key, cell): (&'_ Arc<[u8]>, &'_ Cell)| {
            let value = cell.at(version)?.to_vec();
            Some(Entry {
                key: key.to_vec(),
                value,
            })
        };
        match scan.direction {
            Direction::Forward => fill_page(scan, limits, inside.filter_map(visible)),
            Direction::Backward => fill_page(scan, limits, inside.rev().filter_map(visible)),
        }
    }

    /// Makes one write at the current sequence.
    fn apply(&mut self, write: &Write) {
        let kept = Kept {
            since: self.sequence,
            value: write.value.as_deref().map(Arc::from),
        };
        let newest_snapshot = self.snapshots.last_key_value().map(|(version, _)| *version);
        let cells = &mut self.families[write.family.index()];
        let Some((key, _)) = cells.get_key_value(write.key.as_slice()) else {
            if kept.value.is_some() {
                self.n_bytes += write.key.len() + kept.n_bytes();
                cells.insert(
                    Arc::from(write.key.as_slice()),
                    Cell {
                        newest: kept,
                        older: VecDeque::new(),
                    },
                );
            }
            return;
        };
        let key = Arc::clone(key);
        let cell = cells.get_mut(&key).expect("the key was just found");
        let is_seen = newest_snapshot.is_some_and(|version| cell.newest.since <= version);
        self.n_bytes += kept.n_bytes();
        if is_seen {
            self.superseded.push_back(Superseded {
                family: write.family,
                key,
                by: self.sequence,
            });
            let before = std::mem::replace(&mut cell.newest, kept);
            cell.older.push_back(before);
        } else {
            self.n_bytes -= cell.newest.n_bytes();
            cell.newest = kept;
            self.drop_if_empty(write.family, &key);
        }
    }

    /// Forgets what no snapshot sees any more.
    fn collect(&mut self) {
        let oldest = self
            .snapshots
            .first_key_value()
            .map_or(u64::MAX, |(version, _)| *version);
        while self
            .superseded
            .front()
            .is_some_and(|superseded| superseded.by <= oldest)
        {
            let superseded = self.superseded.pop_front().expect("the front was just looked at");
            let Some(cell) = self.families[superseded.family.index()].get_mut(&superseded.key) else {
                continue;
            };
            // Entries come in order of `by`, and a cell's older values too: this one is the first.
            if let Some(oldest_value) = cell.older.pop_front() {
                self.n_bytes -= oldest_value.n_bytes();
            }
            self.drop_if_empty(superseded.family, &superseded.key);
        }
    }

    fn drop_if_empty(&mut self, family: Family, key: &Arc<[u8]>) {
        let cells = &mut self.families[family.index()];
        let is_gone = cells
            .get(key)
            .is_some_and(|cell| cell.newest.value.is_none() && cell.older.is_empty());
        if is_gone && let Some(cell) = cells.remove(key) {
            self.n_bytes -= key.len() + cell.newest.n_bytes();
        }
    }
}

/// Takes entries until the page is full and says what is left of the range.
fn fill_page(scan: &Scan, limits: &StoreLimits, entries: impl Iterator<Item = Entry>) -> Page {
    let mut filling = PageFilling::new(scan, limits);
    for entry in entries {
        if filling.is_full() {
            return filling.cut();
        }
        filling.push(entry);
    }
    filling.finish()
}

/// A snapshot: the state as of one version.
struct View {
    memory: Arc<Memory>,
    version: u64,
}

impl Read for View {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.memory.read().value_at(family, key, self.version))
    }

    fn scan(&self, scan: &Scan) -> Result<Page, StoreError> {
        Ok(self
            .memory
            .read()
            .page_at(scan, self.version, &self.memory.limits))
    }

    fn version(&self) -> Version {
        Version(self.version)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let mut state = self.memory.change();
        if let Some(count) = state.snapshots.get_mut(&self.version) {
            *count -= 1;
            if *count == 0 {
                state.snapshots.remove(&self.version);
                state.collect();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(memory: &Memory, key: u8, value: Option<u8>) {
        let value = value.map(|byte| vec![byte; 100]);
        memory
            .write(
                &[&[Write {
                    family: Family::Data,
                    key: vec![key],
                    value,
                }]],
                Durability::None,
            )
            .unwrap();
    }

    #[test]
    fn what_no_snapshot_sees_is_forgotten() {
        let memory = Arc::new(Memory::new(StoreLimits::standard()));
        let mut snapshots = VecDeque::new();
        for round in 0..5_000_u32 {
            let key = (round % 7) as u8;
            write(&memory, key, (round % 3 != 0).then_some(round as u8));
            if round % 2 == 0 {
                snapshots.push_back(Memory::snapshot(&memory).unwrap());
            }
            if snapshots.len() > 10 {
                snapshots.pop_front();
            }
            // At most one superseded value for each snapshot, beside seven keys.
            assert!(memory.read().n_bytes <= (7 + 22) * (1 + 100 + ENTRY_BYTES));
        }
        for end_idx in [3, 0, 5] {
            drop(snapshots.remove(end_idx));
        }
        drop(snapshots);
        for key in 0..7 {
            write(&memory, key, None);
        }
        let state = memory.read();
        assert_eq!(
            (state.n_bytes, state.superseded.len(), state.snapshots.len()),
            (0, 0, 0)
        );
        assert!(state.families[Family::Data.index()].is_empty());
    }

    #[test]
    fn a_full_memory_store_refuses_whole_batches_and_still_deletes() {
        let memory = Memory::new(StoreLimits {
            memory_bytes: 1_000,
            ..StoreLimits::standard()
        });
        (0..6).for_each(|key| write(&memory, key, Some(key)));
        let before = memory.sequence();
        let put = |key: u8| Write {
            family: Family::Data,
            key: vec![key],
            value: Some(vec![0; 30]),
        };
        let outcome = memory.write(&[&[put(10)], &[put(11)]], Durability::None);
        assert_eq!(
            (outcome.unwrap_err().code(), memory.sequence()),
            ("store/full", before)
        );
        assert_eq!(memory.get(Family::Data, &[10]).unwrap(), None);
        write(&memory, 0, None);
        memory.write(&[&[put(10)]], Durability::None).unwrap();
    }
}
