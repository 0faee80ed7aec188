//! Collecting: releases that nothing needs go, with the blobs that only they name.
//!
//! Needed are the newest releases, as many as `StoreLimits::releases_kept` says, whatever a channel or a split names, and what
//! the caller says is in use. Blobs are counted over the releases of all tenants, since equal bytes are one blob.

use crate::batch::{Batch, Durability};
use crate::blob::{Hash, unpack_asset, unpack_code};
use crate::channel::Head;
use crate::committer::held;
use crate::family::Family;
use crate::fault::StoreError;
use crate::history::{CHANNEL, LOG, MOVE, RELEASE, ReleaseEntry, last_number};
use crate::key::{self, KeyRange, Part};
use crate::manifest::Manifest;
use crate::names::{Names, read_manifest, signed, walk};
use crate::scan::Scan;
use crate::store::Read;
use std::collections::{HashMap, HashSet};

/// How thorough a collection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Collection {
    /// Collects once enough has gathered: an eighth more releases than are kept.
    WhenDue,
    /// Collects what can go now, blobs that no release names included.
    Now,
}

/// What a collection has taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Collected {
    /// Releases.
    pub n_releases: usize,
    /// Blobs.
    pub n_blobs: usize,
    /// Their bytes.
    pub n_bytes: u64,
}

/// Most deletions of one batch.
const BATCH_KEYS: usize = 4_000;

impl Names {
    /// Takes away what nothing needs. `in_use` are releases that somebody runs. While it works, nobody publishes.
    pub fn collect(&self, in_use: &[u64], collection: Collection) -> Result<Collected, StoreError> {
        let _turn = held(&self.changing);
        let kept = self.store.limits().releases_kept;
        if collection == Collection::WhenDue && !self.may_be_due(kept as u64)? {
            return Ok(Collected::default());
        }
        let numbers = self.release_numbers()?;
        let slack = match collection {
            Collection::WhenDue => kept / 8 + 1,
            Collection::Now => 0,
        };
        let is_due = numbers.len() > kept + slack;
        if !is_due && collection == Collection::WhenDue {
            return Ok(Collected::default());
        }
        let needed = self.needed(in_use)?;
        let n_old = numbers.len().saturating_sub(kept);
        let dead = numbers[..n_old]
            .iter()
            .copied()
            .filter(|number| !needed.contains(number));
        let mut sweep = Sweep {
            named: self.named_blobs()?,
            collected: Collected::default(),
        };
        for number in dead {
            self.take_away(number, &mut sweep)?;
        }
        self.forget_moves(kept)?;
        if collection == Collection::Now {
            self.sweep_blobs(&mut sweep)?;
        }
        Ok(sweep.collected)
    }

    /// Whether there were more numbers since the oldest release than are kept: what costs little to ask.
    fn may_be_due(&self, kept: u64) -> Result<bool, StoreError> {
        let oldest = Scan::over(Family::Meta, self.kind(RELEASE).children()).limit(1);
        let page = self.reader().scan(&oldest)?;
        let oldest = page.entries.first().and_then(|entry| last_number(&entry.key));
        let span = self.version()?.0.saturating_sub(oldest.unwrap_or(0));
        Ok(span >= kept + kept / 8)
    }

    fn release_numbers(&self) -> Result<Vec<u64>, StoreError> {
        let mut numbers = Vec::new();
        let range = self.kind(RELEASE).children();
        walk(
            self.reader(),
            Scan::over(Family::Meta, range),
            usize::MAX,
            |key, _| {
                numbers.push(last_number(key).ok_or_else(|| damaged(key))?);
                Ok(())
            },
        )?;
        Ok(numbers)
    }

    fn needed(&self, in_use: &[u64]) -> Result<HashSet<u64>, StoreError> {
        let mut needed: HashSet<u64> = in_use.iter().copied().collect();
        let range = self.kind(CHANNEL).children();
        walk(
            self.reader(),
            Scan::over(Family::Meta, range),
            usize::MAX,
            |key, record| {
                needed.extend(Head::decode(record).ok_or_else(|| damaged(key))?.releases());
                Ok(())
            },
        )?;
        Ok(needed)
    }

    /// How many releases of any tenant name each blob.
    fn named_blobs(&self) -> Result<HashMap<Hash, usize>, StoreError> {
        let mut manifests = Vec::new();
        walk(
            self.reader(),
            Scan::over(Family::Meta, KeyRange::all()),
            usize::MAX,
            |key, record| {
                if let Ok(parts) = key::parse(key)
                    && let [Part::String(_), Part::String(kind), Part::Int(_)] = parts.as_slice()
                    && kind == RELEASE
                {
                    let number = last_number(key).unwrap_or(0);
                    let entry = ReleaseEntry::decode(number, record).ok_or_else(|| damaged(key))?;
                    manifests.push(entry.manifest);
                }
                Ok(())
            },
        )?;
        let mut named = HashMap::new();
        for hash in manifests {
            for blob in blobs_of(&hash, &read_manifest(self.reader(), &hash)?) {
                *named.entry(blob).or_insert(0) += 1;
            }
        }
        Ok(named)
    }

    /// Takes one release away, and the blobs that no other names.
    fn take_away(&self, number: u64, sweep: &mut Sweep) -> Result<(), StoreError> {
        let entry = self.release(number)?;
        let manifest = read_manifest(self.reader(), &entry.manifest)?;
        let mut batches = Deletions::default();
        batches.delete(Family::Meta, self.kind(RELEASE).int(signed(number)).into_bytes());
        for name in entry.written.iter().chain(&entry.removed) {
            let key = self.kind(LOG).string(name).int(signed(number)).into_bytes();
            batches.delete(Family::Meta, key);
        }
        for blob in blobs_of(&entry.manifest, &manifest) {
            let left = sweep.named.get_mut(&blob);
            let Some(left) = left else { continue };
            *left -= 1;
            if *left == 0 {
                sweep.named.remove(&blob);
                let file = manifest.files.iter().find(|file| file.hash == blob);
                sweep.collected.n_bytes += file.map_or(0, |file| file.n_bytes);
                sweep.collected.n_blobs += 1;
                batches.delete(Family::Blob, blob.as_bytes().to_vec());
            }
        }
        self.carry_out(batches)?;
        sweep.collected.n_releases += 1;
        Ok(())
    }

    /// The record goes with the first batch, so that what is left of a collection that was cut short are blobs without a name.
    fn carry_out(&self, deletions: Deletions) -> Result<(), StoreError> {
        for keys in deletions.keys.chunks(BATCH_KEYS) {
            // Nobody else changes anything in this process; of another handle the condition tells, and the rest waits.
            self.attempt(Durability::Wal, || {
                let mut batch = Batch::new();
                self.next_epoch(&mut batch)?;
                for (family, key) in keys {
                    batch.delete(*family, key.clone());
                }
                Ok((batch, ()))
            })?;
        }
        Ok(())
    }

    fn forget_moves(&self, kept: usize) -> Result<(), StoreError> {
        let mut keys = Vec::new();
        let range = self.kind(MOVE).children();
        walk(
            self.reader(),
            Scan::over(Family::Meta, range),
            usize::MAX,
            |key, _| {
                keys.push((Family::Meta, key.to_vec()));
                Ok(())
            },
        )?;
        keys.truncate(keys.len().saturating_sub(kept));
        if keys.is_empty() {
            return Ok(());
        }
        self.carry_out(Deletions { keys })
    }

    /// Takes away blobs of code, manifests and assets that no release names: what a publication has left that was cut short.
    fn sweep_blobs(&self, sweep: &mut Sweep) -> Result<(), StoreError> {
        let mut orphans = Deletions::default();
        let mut n_bytes = 0;
        walk(
            self.reader(),
            Scan::over(Family::Blob, KeyRange::all()),
            usize::MAX,
            |key, blob| {
                let is_ours = unpack_code(blob).is_some()
                    || unpack_asset(blob).is_some()
                    || Manifest::decode(blob).is_some();
                let hash = <[u8; 32]>::try_from(key).map(Hash::from_bytes);
                if is_ours && hash.is_ok_and(|hash| !sweep.named.contains_key(&hash)) {
                    orphans.delete(Family::Blob, key.to_vec());
                    n_bytes += blob.len() as u64;
                }
                Ok(())
            },
        )?;
        sweep.collected.n_blobs += orphans.keys.len();
        sweep.collected.n_bytes += n_bytes;
        self.carry_out(orphans)
    }
}

struct Sweep {
    named: HashMap<Hash, usize>,
    collected: Collected,
}

#[derive(Default)]
struct Deletions {
    keys: Vec<(Family, Vec<u8>)>,
}

impl Deletions {
    fn delete(&mut self, family: Family, key: Vec<u8>) {
        self.keys.push((family, key));
    }
}

/// Every blob that a release needs, each once.
fn blobs_of(manifest_hash: &Hash, manifest: &Manifest) -> HashSet<Hash> {
    let files = manifest.files.iter().map(|file| file.hash);
    files.chain([*manifest_hash]).collect()
}

fn damaged(key: &[u8]) -> StoreError {
    StoreError::corrupt_entry(Family::Meta, key, "no record of ours")
}

/// Reads the blob of a file, for those who only ask whether it is sound.
pub(crate) fn is_of_kind(
    read: &dyn Read,
    hash: &Hash,
    kind: crate::manifest::FileKind,
) -> Result<bool, StoreError> {
    let Some(blob) = read.get(Family::Blob, hash.as_bytes())? else {
        return Ok(false);
    };
    Ok(match kind {
        crate::manifest::FileKind::Code => unpack_code(&blob).is_some(),
        crate::manifest::FileKind::Asset => unpack_asset(&blob).is_some(),
    })
}
