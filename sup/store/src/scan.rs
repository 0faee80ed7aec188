//! Scans: a range is read page by page, each bounded in entries and bytes.

use crate::family::Family;
use crate::key::KeyRange;
use crate::limits::StoreLimits;

/// One key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

/// Which way a scan goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Direction {
    /// From the lowest key up.
    #[default]
    Forward,
    /// From the highest key down.
    Backward,
}

/// What a scan asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Where the keys are.
    pub family: Family,
    /// Which keys.
    pub range: KeyRange,
    /// In which order.
    pub direction: Direction,
    /// How many entries at most; the store's own limit holds besides.
    pub max_entries: usize,
}

impl Scan {
    /// All entries of a range, lowest first, in pages of the store's size.
    pub fn over(family: Family, range: KeyRange) -> Scan {
        Scan {
            family,
            range,
            direction: Direction::Forward,
            max_entries: usize::MAX,
        }
    }

    /// The same, highest first.
    #[must_use]
    pub fn backward(mut self) -> Scan {
        self.direction = Direction::Backward;
        self
    }

    /// The same, at most `max_entries` per page.
    #[must_use]
    pub fn limit(mut self, max_entries: usize) -> Scan {
        self.max_entries = max_entries;
        self
    }
}

/// A piece of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The entries, in the order of the scan.
    pub entries: Vec<Entry>,
    /// What is left of the range; `None` when nothing is.
    pub rest: Option<KeyRange>,
}

/// A page being filled: shared by the backends so that both cut pages at the same places.
pub(crate) struct PageFilling<'a> {
    scan: &'a Scan,
    max_entries: usize,
    max_bytes: usize,
    entries: Vec<Entry>,
    n_bytes: usize,
}

impl<'a> PageFilling<'a> {
    pub(crate) fn new(scan: &'a Scan, limits: &StoreLimits) -> PageFilling<'a> {
        let max_entries = scan.max_entries.min(limits.page_entries);
        PageFilling {
            scan,
            max_entries,
            max_bytes: limits.page_bytes,
            entries: Vec::new(),
            n_bytes: 0,
        }
    }

    /// Asked when one more entry is there: it would be too much.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= self.max_entries || self.n_bytes >= self.max_bytes
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.n_bytes += entry.key.len() + entry.value.len();
        self.entries.push(entry);
    }

    /// The page, with more behind it.
    pub(crate) fn cut(self) -> Page {
        let range = self.scan.range.clone();
        let rest: KeyRange = match (self.entries.last(), self.scan.direction) {
            (None, _) => range,
            (Some(last), Direction::Forward) => range.after(&last.key),
            (Some(last), Direction::Backward) => range.before(&last.key),
        };
        Page {
            entries: self.entries,
            rest: Some(rest),
        }
    }

    /// The last page.
    pub(crate) fn finish(self) -> Page {
        Page {
            entries: self.entries,
            rest: None,
        }
    }
}
