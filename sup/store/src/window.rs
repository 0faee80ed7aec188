//! Which keys changed lately: what `Unchanged` and `RangeUnchanged` are judged by.
//!
//! RocksDB's own optimistic transactions validate neither ranges nor earlier members of one batch, so the committer keeps the
//! last commits' keys itself. The window is bounded: what fell out of it moves the floor up, and a condition that reaches below
//! the floor is answered with "too old", never with a guess.

use crate::batch::Write;
use crate::family::Family;
use crate::key::KeyRange;
use crate::limits::StoreLimits;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

/// Bytes that one remembered change costs besides its key.
const CHANGE_BYTES: usize = 96;

/// What the window knows about a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Unchanged,
    Changed,
    TooOld,
}

struct Noted {
    version: u64,
    family: Family,
    key: Arc<[u8]>,
}

/// The keys changed by the latest commits, each with the version that changed it last.
pub(crate) struct Window {
    changed: [BTreeMap<Arc<[u8]>, u64>; Family::ALL.len()],
    order: VecDeque<Noted>,
    n_bytes: usize,
    /// Changes at or below this version may be forgotten.
    floor: u64,
    max_keys: usize,
    max_bytes: usize,
}

impl Window {
    /// A window that knows nothing about what happened up to `floor`.
    pub(crate) fn starting_at(floor: u64, limits: &StoreLimits) -> Window {
        Window {
            changed: Default::default(),
            order: VecDeque::new(),
            n_bytes: 0,
            floor,
            max_keys: limits.window_keys,
            max_bytes: limits.window_bytes,
        }
    }

    /// Judges one key.
    pub(crate) fn key_since(&self, family: Family, key: &[u8], since: u64) -> Verdict {
        match self.changed[family.index()].get(key) {
            Some(&version) if version > since => Verdict::Changed,
            _ => self.unseen_since(since),
        }
    }

    /// Judges every key of a range.
    pub(crate) fn range_since(&self, family: Family, range: &KeyRange, since: u64) -> Verdict {
        if range.is_empty() {
            return Verdict::Unchanged;
        }
        let end = range.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut inside =
            self.changed[family.index()].range::<[u8], _>((Bound::Included(range.start.as_slice()), end));
        if inside.any(|(_, &version)| version > since) {
            Verdict::Changed
        } else {
            self.unseen_since(since)
        }
    }

    /// Remembers the writes of a commit.
    pub(crate) fn note(&mut self, writes: &[Write], version: u64) {
        for write in writes {
            let changed = &mut self.changed[write.family.index()];
            let known = changed
                .get_key_value(write.key.as_slice())
                .map(|(key, _)| Arc::clone(key));
            let key = known.unwrap_or_else(|| Arc::from(write.key.as_slice()));
            changed.insert(Arc::clone(&key), version);
            self.n_bytes += key.len() + CHANGE_BYTES;
            self.order.push_back(Noted {
                version,
                family: write.family,
                key,
            });
        }
        while self.order.len() > self.max_keys || self.n_bytes > self.max_bytes {
            self.forget_oldest();
        }
    }

    fn unseen_since(&self, since: u64) -> Verdict {
        if since < self.floor {
            Verdict::TooOld
        } else {
            Verdict::Unchanged
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.order.pop_front() else {
            return;
        };
        self.n_bytes -= oldest.key.len() + CHANGE_BYTES;
        self.floor = oldest.version;
        let changed = &mut self.changed[oldest.family.index()];
        if changed.get(&oldest.key) == Some(&oldest.version) {
            changed.remove(&oldest.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(key: &str) -> Write {
        Write {
            family: Family::Data,
            key: key.into(),
            value: None,
        }
    }

    fn window(max_keys: usize) -> Window {
        let limits = StoreLimits {
            window_keys: max_keys,
            ..StoreLimits::standard()
        };
        Window::starting_at(10, &limits)
    }

    #[test]
    fn a_change_is_seen_by_key_and_by_range() {
        let mut window = window(100);
        window.note(&[write("b")], 11);
        window.note(&[write("d")], 12);
        let cases = [
            ("b", 10, Verdict::Changed),
            ("b", 11, Verdict::Unchanged),
            ("d", 11, Verdict::Changed),
        ];
        for (key, since, verdict) in cases {
            assert_eq!(
                window.key_since(Family::Data, key.as_bytes(), since),
                verdict,
                "{key} {since}"
            );
        }
        assert_eq!(window.key_since(Family::Meta, b"b", 10), Verdict::Unchanged);
        let ranges = [
            ("a", "b", 10, Verdict::Unchanged),
            ("a", "c", 10, Verdict::Changed),
            ("c", "c", 0, Verdict::Unchanged),
        ];
        for (start, end, since, verdict) in ranges {
            let range = KeyRange::between(start.as_bytes(), end.as_bytes());
            assert_eq!(
                window.range_since(Family::Data, &range, since),
                verdict,
                "{start} {end} {since}"
            );
        }
        assert_eq!(
            window.range_since(Family::Data, &KeyRange::all(), 12),
            Verdict::Unchanged
        );
    }

    #[test]
    fn what_fell_out_of_the_window_is_too_old_and_not_unchanged() {
        let mut window = window(2);
        assert_eq!(window.key_since(Family::Data, b"x", 9), Verdict::TooOld);
        for (key, version) in [("a", 11), ("b", 12), ("c", 13)] {
            window.note(&[write(key)], version);
        }
        assert_eq!(window.key_since(Family::Data, b"x", 10), Verdict::TooOld);
        assert_eq!(window.key_since(Family::Data, b"x", 11), Verdict::Unchanged);
        assert_eq!(window.key_since(Family::Data, b"c", 10), Verdict::Changed);
        assert_eq!(
            window.range_since(Family::Data, &KeyRange::all(), 10),
            Verdict::Changed
        );
    }

    #[test]
    fn a_key_changed_often_takes_one_place_in_the_index() {
        let mut window = window(3);
        for version in 11..1_000 {
            window.note(&[write("hot")], version);
        }
        assert_eq!(
            (window.changed[Family::Data.index()].len(), window.order.len()),
            (1, 3)
        );
        assert_eq!(window.key_since(Family::Data, b"hot", 998), Verdict::Changed);
        assert_eq!(window.key_since(Family::Data, b"hot", 999), Verdict::Unchanged);
        assert_eq!(window.floor, 996);
    }

    #[test]
    fn the_window_is_bounded_in_bytes() {
        let limits = StoreLimits {
            window_bytes: 10_000,
            ..StoreLimits::standard()
        };
        let mut window = Window::starting_at(0, &limits);
        for version in 1..1_000 {
            window.note(&[write(&format!("{version:0100}"))], version);
        }
        assert!(window.n_bytes <= 10_000 && window.order.len() > 40);
    }
}
