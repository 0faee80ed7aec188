//! Random operations against a model: a plain sorted map, copied for every snapshot.

use super::{Case, Opener};
use crate::support::Chance;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use sup_store::{
    Batch, Condition, Direction, Durability, Family, KeyRange, Read, Scan, Snapshot, Store, StoreLimits,
    Version, verify,
};

pub const CASES: &[Case] = &[(
    "random-operations-agree-with-the-model",
    random_operations_agree_with_the_model,
)];

const SEEDS: std::ops::Range<u64> = 0..6;
const N_STEPS: usize = 1_500;
const FAMILIES: [Family; 3] = [Family::Event, Family::Flow, Family::Job];

type Key = (Family, Vec<u8>);

/// What a store must contain, and when each key was last written.
#[derive(Clone, Default)]
struct Model {
    values: BTreeMap<Key, Vec<u8>>,
    written: BTreeMap<Key, Version>,
}

impl Model {
    fn range(&self, family: Family, range: &KeyRange) -> Vec<(Vec<u8>, Vec<u8>)> {
        let inside = self
            .values
            .iter()
            .filter(|((of, key), _)| *of == family && range.contains(key));
        inside
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect()
    }

    fn holds(&self, condition: &Condition) -> bool {
        let value = |family: &Family, key: &[u8]| self.values.get(&(*family, key.to_vec()));
        match condition {
            Condition::Equals {
                family,
                key,
                value: wanted,
            } => value(family, key) == Some(wanted),
            Condition::Absent { family, key } => value(family, key).is_none(),
            Condition::Present { family, key } => value(family, key).is_some(),
            Condition::Unchanged { family, key, since } => self
                .written
                .get(&(*family, key.clone()))
                .is_none_or(|version| version <= since),
            Condition::RangeUnchanged { family, range, since } => {
                let from = Bound::Included((*family, range.start.clone()));
                let mut later = self.written.range((from, Bound::Unbounded));
                !later.any(|((of, key), version)| of == family && range.contains(key) && version > since)
            }
        }
    }
}

struct Run {
    store: Arc<dyn Store>,
    chance: Chance,
    model: Model,
    snapshots: Vec<(Snapshot, Model)>,
}

fn random_operations_agree_with_the_model(opener: Opener<'_>) {
    for seed in SEEDS {
        eprintln!("seed {seed}");
        let limits = StoreLimits {
            page_entries: 5,
            ..StoreLimits::standard()
        };
        let chance = Chance::new(seed);
        let mut run = Run {
            store: opener(limits),
            chance,
            model: Model::default(),
            snapshots: Vec::new(),
        };
        for _ in 0..N_STEPS {
            run.step();
        }
        run.snapshots.clear();
        run.compare_all();
        assert!(verify(run.store.as_ref()).unwrap().is_clean());
    }
}

impl Run {
    fn step(&mut self) {
        match self.chance.below(10) {
            0..=4 => self.commit(),
            5 => self.get(),
            6 | 7 => self.scan(),
            8 if self.snapshots.len() < 6 => {
                let snapshot = self.store.snapshot().unwrap();
                self.snapshots.push((snapshot, self.model.clone()));
            }
            8 => {
                let end_idx = self.chance.below(self.snapshots.len() as u64) as usize;
                drop(self.snapshots.swap_remove(end_idx));
            }
            _ => self.compare_all(),
        }
    }

    fn family(&mut self) -> Family {
        FAMILIES[self.chance.below(3) as usize]
    }

    /// Few and short keys, so that they meet.
    fn key(&mut self) -> Vec<u8> {
        let n_bytes = self.chance.below(3);
        (0..n_bytes)
            .map(|_| [0, 1, 97, 255][self.chance.below(4) as usize])
            .collect()
    }

    fn range(&mut self) -> KeyRange {
        match self.chance.below(4) {
            0 => KeyRange::all(),
            1 => KeyRange::prefix(&self.key()),
            _ => KeyRange {
                start: self.key(),
                end: Some(self.key()),
            },
        }
    }

    fn since(&mut self) -> Version {
        if self.snapshots.is_empty() {
            return self.store.version();
        }
        let snapshot_idx = self.chance.below(self.snapshots.len() as u64) as usize;
        self.snapshots[snapshot_idx].0.version()
    }

    fn condition(&mut self) -> Condition {
        let (family, key) = (self.family(), self.key());
        match self.chance.below(6) {
            0 => Condition::Equals {
                family,
                key,
                value: vec![self.chance.below(4) as u8],
            },
            1 => {
                let value = self
                    .model
                    .values
                    .get(&(family, key.clone()))
                    .cloned()
                    .unwrap_or_default();
                Condition::Equals { family, key, value }
            }
            2 => Condition::Absent { family, key },
            3 => Condition::Present { family, key },
            4 => Condition::Unchanged {
                family,
                key,
                since: self.since(),
            },
            _ => Condition::RangeUnchanged {
                family,
                range: self.range(),
                since: self.since(),
            },
        }
    }

    fn commit(&mut self) {
        let mut batch = Batch::new();
        let mut after = self.model.clone();
        let mut written = Vec::new();
        for _ in 0..self.chance.below(4) {
            let (family, key) = (self.family(), self.key());
            if self.chance.below(3) == 0 {
                batch.delete(family, key.clone());
                after.values.remove(&(family, key.clone()));
            } else {
                let value = vec![self.chance.below(4) as u8];
                batch.put(family, key.clone(), value.clone());
                after.values.insert((family, key.clone()), value);
            }
            written.push((family, key));
        }
        let conditions: Vec<Condition> = (0..self.chance.below(3)).map(|_| self.condition()).collect();
        for condition in &conditions {
            batch.require(condition.clone());
        }
        let durability = match self.chance.below(20) {
            0 => Durability::Sync,
            1..=10 => Durability::Wal,
            _ => Durability::None,
        };
        let holds = conditions.iter().all(|condition| self.model.holds(condition));
        let outcome = self.store.commit(batch, durability);
        assert_eq!(outcome.is_ok(), holds, "{conditions:?} {outcome:?}");
        if let Ok(commit) = outcome {
            after
                .written
                .extend(written.into_iter().map(|key| (key, commit.version)));
            self.model = after;
        }
    }

    fn get(&mut self) {
        let (family, key) = (self.family(), self.key());
        assert_eq!(
            self.store.get(family, &key).unwrap().as_ref(),
            self.model.values.get(&(family, key.clone()))
        );
        for (snapshot, model) in &self.snapshots {
            assert_eq!(
                snapshot.get(family, &key).unwrap().as_ref(),
                model.values.get(&(family, key.clone()))
            );
        }
    }

    fn scan(&mut self) {
        let (family, range) = (self.family(), self.range());
        let direction = if self.chance.below(2) == 0 {
            Direction::Forward
        } else {
            Direction::Backward
        };
        let max_entries = 1 + self.chance.below(9) as usize;
        let scan = Scan {
            family,
            range: range.clone(),
            direction,
            max_entries,
        };
        assert_eq!(
            all_pages(self.store.as_ref() as &dyn Read, scan.clone()),
            in_order(&self.model, &scan)
        );
        for (snapshot, model) in &self.snapshots {
            assert_eq!(all_pages(snapshot.as_ref(), scan.clone()), in_order(model, &scan));
        }
    }

    fn compare_all(&self) {
        for family in FAMILIES {
            let scan = Scan::over(family, KeyRange::all());
            assert_eq!(
                all_pages(self.store.as_ref() as &dyn Read, scan.clone()),
                in_order(&self.model, &scan)
            );
        }
    }
}

fn in_order(model: &Model, scan: &Scan) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut expected = model.range(scan.family, &scan.range);
    if scan.direction == Direction::Backward {
        expected.reverse();
    }
    expected
}

fn all_pages(read: &dyn Read, mut scan: Scan) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    loop {
        let page = read.scan(&scan).unwrap();
        assert!(page.entries.len() <= scan.max_entries.min(5));
        all.extend(page.entries.into_iter().map(|entry| (entry.key, entry.value)));
        let Some(rest) = page.rest else { return all };
        scan.range = rest;
    }
}
