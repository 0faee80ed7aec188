//! Publishing: a release is made from the head of a channel, checked, and becomes what answers, in one batch.
//!
//! The batch holds blobs, manifest, record, log entries, the channel's head and the record of its move, so that no part of a
//! release is ever seen alone. A release of many bytes writes its blobs before, in batches of their own: nothing names them
//! until the last one. The epoch is a condition of each batch: what one change has seen, no other has moved meanwhile.

use crate::batch::{Batch, Condition, Durability};
use crate::blob::{Hash, pack_asset, pack_code};
use crate::channel::{Head, MoveEntry, MoveKind, Share, check_split};
use crate::committer::held;
use crate::family::Family;
use crate::fault::{ReleaseFate, StoreError};
use crate::history::{
    CHANNEL, CodeVersion, LOG, LogEntry, MOVE, RELEASE, ReleaseEntry, VERSION, encode_counter,
};
use crate::key::check_name;
use crate::manifest::{FileKind, Manifest, Needs, Route, code_path};
use crate::names::{Names, Stamp, check_asset_path, check_code_name, epoch_key, signed, walk};
use crate::plan::Plan;
use crate::scan::Scan;
use std::collections::HashSet;

/// One part of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change<'a> {
    /// Gives a name new code.
    Put {
        /// The name, a path such as `util/sum`.
        name: &'a str,
        /// The text.
        source: &'a str,
        /// The binary form.
        encoded: &'a [u8],
    },
    /// Takes a name away. Its history stays.
    Remove {
        /// The name.
        name: &'a str,
    },
    /// Gives a path other bytes.
    PutAsset {
        /// The path, such as `static/site.css`.
        path: &'a str,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Takes an asset away.
    RemoveAsset {
        /// The path.
        path: &'a str,
    },
}

impl Change<'_> {
    /// The path of the file that it is about.
    pub fn path(&self) -> String {
        match self {
            Change::Put { name, .. } | Change::Remove { name } => code_path(name),
            Change::PutAsset { path, .. } | Change::RemoveAsset { path } => (*path).to_owned(),
        }
    }

    /// The hash and the size of the blob that it puts.
    pub fn hash_and_size(&self) -> Option<(Hash, u64)> {
        let (_, blob) = self.content()?;
        Some((Hash::of(&blob), blob.len() as u64))
    }

    /// Kind and blob of what is put.
    pub(crate) fn content(&self) -> Option<(FileKind, Vec<u8>)> {
        match self {
            Change::Put { source, encoded, .. } => Some((FileKind::Code, pack_code(source, encoded))),
            Change::PutAsset { bytes, .. } => Some((FileKind::Asset, pack_asset(bytes))),
            Change::Remove { .. } | Change::RemoveAsset { .. } => None,
        }
    }
}

/// What becomes of the files that a publication does not name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    /// They stay as they are in the head.
    Head,
    /// They go.
    Nothing,
}

/// Whom a release answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Everybody.
    All,
    /// So many of a hundred requests; the others get the head, which stays.
    Percent(u32),
}

/// A release to be.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// The channel whose head it becomes.
    pub channel: &'a str,
    /// What it starts from.
    pub base: Base,
    /// How it differs from that.
    pub changes: &'a [Change<'a>],
    /// What was found out about it; nothing takes over what is known of the head.
    pub facts: Option<(&'a [Route], &'a Needs)>,
    /// Who makes it.
    pub author: &'a str,
    /// What they say of it.
    pub message: &'a str,
    /// Whom it answers.
    pub audience: Audience,
    /// The head that it was checked against, 0 for none; another one refuses it.
    pub expected_head: Option<u64>,
    /// When, and how durable.
    pub stamp: Stamp,
}

/// What a change did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeReport {
    /// The release that holds the change; the one before if nothing differed.
    pub version: CodeVersion,
    /// The hash of its manifest; none before the first release.
    pub manifest: Option<Hash>,
    /// For each part the hash of what was put.
    pub hashes: Vec<Option<Hash>>,
    /// The places of the parts that changed something.
    pub effective: Vec<usize>,
    /// Files that went because the publication did not name them.
    pub n_gone: usize,
}

impl ChangeReport {
    /// Whether there is a new release.
    pub fn is_new(&self) -> bool {
        !self.effective.is_empty() || self.n_gone > 0
    }
}

impl Names {
    /// Publishes a release. One that would be what the head is makes none, but what it holds is as durable as asked.
    pub fn publish(&self, publication: &Publication<'_>) -> Result<ChangeReport, StoreError> {
        self.check(publication)?;
        let _turn = held(&self.changing);
        self.attempt(publication.stamp.logged(), || {
            let (batch, report) = self.plan(publication)?;
            Ok((batch, report))
        })
    }

    /// Lets an earlier release answer again; without a number the one before: while requests are split the head alone, else
    /// what the head was made from.
    pub fn roll_back(
        &self,
        channel: &str,
        to: Option<u64>,
        author: &str,
        stamp: Stamp,
    ) -> Result<Head, StoreError> {
        self.move_channel(channel, MoveKind::Rollback, author, stamp, |before| {
            let release = match to {
                Some(number) => number,
                None if !before.split.is_empty() => before.release,
                None => self.manifest(before.release)?.parent,
            };
            self.release(release)?;
            Ok(Head {
                release,
                split: Vec::new(),
                split_by: String::new(),
                ..before.clone()
            })
        })
    }

    /// Splits the requests of a channel. A single part makes its release the head.
    pub fn split(
        &self,
        channel: &str,
        shares: &[Share],
        split_by: &str,
        author: &str,
        stamp: Stamp,
    ) -> Result<Head, StoreError> {
        check_split(shares)?;
        if !split_by.is_empty() {
            check_name(split_by, self.store.limits().name_bytes)?;
        }
        self.move_channel(channel, MoveKind::Split, author, stamp, |before| {
            for share in shares {
                self.release(share.release)?;
            }
            let weighty: Vec<Share> = shares.iter().copied().filter(|share| share.weight > 0).collect();
            let is_known = weighty.iter().any(|share| share.release == before.release);
            let release = match weighty.as_slice() {
                [_, _, ..] if is_known => before.release,
                [first, ..] => first.release,
                [] => before.release,
            };
            let is_one = weighty.len() < 2;
            Ok(Head {
                release,
                split: if is_one { Vec::new() } else { weighty },
                split_by: if is_one {
                    String::new()
                } else {
                    split_by.to_owned()
                },
                ..before.clone()
            })
        })
    }

    /// The moves of all channels, newest first, at most `max_entries`.
    pub fn moves(&self, max_entries: usize) -> Result<Vec<MoveEntry>, StoreError> {
        let mut moves = Vec::new();
        walk(
            self.reader(),
            Scan::over(Family::Meta, self.kind(MOVE).children()).backward(),
            max_entries,
            |key, record| {
                let entry = MoveEntry::decode(record);
                moves.push(
                    entry.ok_or_else(|| {
                        StoreError::corrupt_entry(Family::Meta, key, "no move of a channel")
                    })?,
                );
                Ok(())
            },
        )?;
        Ok(moves)
    }

    fn move_channel(
        &self,
        channel: &str,
        kind: MoveKind,
        author: &str,
        stamp: Stamp,
        next: impl Fn(&Head) -> Result<Head, StoreError>,
    ) -> Result<Head, StoreError> {
        self.check_texts(channel, author, "")?;
        let _turn = held(&self.changing);
        self.attempt(stamp.logged(), || {
            let never = StoreError::NoRelease {
                number: 0,
                fate: ReleaseFate::Never,
            };
            let mut batch = Batch::new();
            let epoch = self.next_epoch(&mut batch)?;
            let before = self.head(channel)?.ok_or(never)?;
            let head = Head {
                epoch,
                ..next(&before)?
            };
            self.write_head(&mut batch, channel, kind, author, stamp, &head);
            Ok((batch, head))
        })
    }

    /// Plans and commits until no other change has come between.
    pub(crate) fn attempt<T>(
        &self,
        durability: Durability,
        plan: impl Fn() -> Result<(Batch, T), StoreError>,
    ) -> Result<T, StoreError> {
        let n_attempts = self.store.limits().swap_attempts;
        for _ in 0..n_attempts {
            let (batch, answer) = plan()?;
            match self.store.commit(batch, durability) {
                Ok(_) => return Ok(answer),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Contended { n_attempts })
    }

    /// Requires that nobody has changed anything meanwhile, and counts this change.
    pub(crate) fn next_epoch(&self, batch: &mut Batch) -> Result<u64, StoreError> {
        let key = epoch_key();
        let before = self.counter(Family::Sys, &key)?;
        self.require_epoch(batch, before);
        batch.put(Family::Sys, key, encode_counter(before + 1));
        Ok(before + 1)
    }

    fn require_epoch(&self, batch: &mut Batch, before: u64) {
        let (family, key) = (Family::Sys, epoch_key());
        batch.require(match before {
            0 => Condition::Absent { family, key },
            before => Condition::Equals {
                family,
                key,
                value: encode_counter(before),
            },
        });
    }

    fn check(&self, publication: &Publication<'_>) -> Result<(), StoreError> {
        let limits = self.store.limits();
        self.check_texts(publication.channel, publication.author, publication.message)?;
        if let Audience::Percent(percent) = publication.audience
            && !(1..=99).contains(&percent)
        {
            return Err(StoreError::Split {
                detail: "a canary answers 1 to 99 of a hundred requests",
            });
        }
        let mut seen = HashSet::new();
        for change in publication.changes {
            let name = match change {
                Change::Put { name, .. } | Change::Remove { name } => {
                    check_code_name(name, limits.name_bytes)?;
                    *name
                }
                Change::PutAsset { path, .. } | Change::RemoveAsset { path } => {
                    check_asset_path(path, limits.name_bytes)?;
                    *path
                }
            };
            if !seen.insert(change.path()) {
                return Err(StoreError::Name {
                    name: name.to_owned(),
                    detail: "it stands twice in one change",
                });
            }
        }
        Ok(())
    }

    fn check_texts(&self, channel: &str, author: &str, message: &str) -> Result<(), StoreError> {
        let limits = self.store.limits();
        check_name(channel, limits.name_bytes)?;
        let limit = limits.message_bytes;
        for (what, text) in [
            ("bytes of an author's name", author),
            ("bytes of a message", message),
        ] {
            if text.len() > limit {
                let size = text.len();
                return Err(StoreError::TooLarge { what, size, limit });
            }
        }
        Ok(())
    }

    /// The batch that makes a release from the present state, and what it will have done. Blobs that do not fit into the batch
    /// are written.
    fn plan(&self, publication: &Publication<'_>) -> Result<(Batch, ChangeReport), StoreError> {
        let before = self.counter(Family::Sys, &epoch_key())?;
        let head = self.head(publication.channel)?;
        let parent = head.as_ref().map_or(0, |head| head.release);
        if let Some(expected) = publication.expected_head
            && expected != parent
        {
            return Err(StoreError::Moved { head: parent });
        }
        let mut plan = Plan::new(self.manifest(parent)?, self.version()?.0 + 1, publication);
        for (change_idx, change) in publication.changes.iter().enumerate() {
            plan.apply(change_idx, change, self.store.limits().file_bytes)?;
        }
        let n_files = plan.files.len();
        crate::batch::check("files of a release", n_files, self.store.limits().release_files)?;
        plan.settle();
        let mut batch = Batch::new();
        self.require_epoch(&mut batch, before);
        self.write_blobs(&mut batch, std::mem::take(&mut plan.blobs))?;
        if plan.report.is_new() {
            self.write_release(&mut batch, plan.manifest(parent), &mut plan, before + 1, head);
        } else {
            plan.report.version = CodeVersion(parent);
            plan.report.manifest = match parent {
                0 => None,
                number => Some(self.release(number)?.manifest),
            };
        }
        Ok((batch, plan.report))
    }

    fn write_blobs(&self, batch: &mut Batch, blobs: Vec<(Hash, Vec<u8>)>) -> Result<(), StoreError> {
        let limits = self.store.limits();
        let (max_bytes, max_keys) = (limits.batch_bytes / 2, limits.batch_keys / 4);
        let n_bytes: usize = blobs.iter().map(|(_, blob)| blob.len()).sum();
        if n_bytes <= max_bytes && blobs.len() <= max_keys {
            for (hash, blob) in blobs {
                batch.put(Family::Blob, hash.as_bytes(), blob);
            }
            return Ok(());
        }
        let mut before = Batch::new();
        for (hash, blob) in blobs {
            if before.n_writes() >= max_keys || before.n_bytes() + blob.len() > max_bytes {
                self.store.commit(std::mem::take(&mut before), Durability::Wal)?;
            }
            before.put(Family::Blob, hash.as_bytes(), blob);
        }
        self.store.commit(before, Durability::Wal).map(drop)
    }

    fn write_release(
        &self,
        batch: &mut Batch,
        manifest: Manifest,
        plan: &mut Plan<'_>,
        epoch: u64,
        head: Option<Head>,
    ) {
        let (version, publication) = (plan.version, plan.publication);
        let blob = manifest.encode();
        let hash = Hash::of(&blob);
        plan.report.version = CodeVersion(version);
        plan.report.manifest = Some(hash);
        batch.put(Family::Blob, hash.as_bytes(), blob);
        let mut entry = ReleaseEntry {
            version: CodeVersion(version),
            manifest: hash,
            parent: manifest.parent,
            time_us: manifest.time_us,
            author: manifest.author,
            message: manifest.message,
            written: Vec::new(),
            removed: Vec::new(),
        };
        for (path, kind, written) in &plan.differences {
            let name = shown_name(path, *kind);
            let log = LogEntry {
                version: CodeVersion(version),
                time_us: entry.time_us,
                written: *written,
            };
            let key = self.kind(LOG).string(&name).int(signed(version)).into_bytes();
            batch.put(Family::Meta, key, log.encode());
            match written {
                Some(_) => entry.written.push(name),
                None => entry.removed.push(name),
            }
        }
        let key = self.kind(RELEASE).int(signed(version)).into_bytes();
        batch.put(Family::Meta, key, entry.encode());
        batch.put(
            Family::Meta,
            self.kind(VERSION).into_bytes(),
            encode_counter(version),
        );
        batch.put(Family::Sys, epoch_key(), encode_counter(epoch));
        let (kind, head) = next_head(publication.audience, version, epoch, head);
        self.write_head(
            batch,
            publication.channel,
            kind,
            publication.author,
            publication.stamp,
            &head,
        );
    }

    fn write_head(
        &self,
        batch: &mut Batch,
        channel: &str,
        kind: MoveKind,
        author: &str,
        stamp: Stamp,
        head: &Head,
    ) {
        batch.put(
            Family::Meta,
            self.kind(CHANNEL).string(channel).into_bytes(),
            head.encode(),
        );
        let entry = MoveEntry {
            time_us: stamp.time_us,
            author: author.to_owned(),
            kind,
            channel: channel.to_owned(),
            head: head.clone(),
        };
        let key = self.kind(MOVE).int(signed(head.epoch)).into_bytes();
        batch.put(Family::Meta, key, entry.encode());
    }
}

/// What a channel's head becomes with a new release. The first release answers everybody.
fn next_head(audience: Audience, version: u64, epoch: u64, head: Option<Head>) -> (MoveKind, Head) {
    let all = Head {
        epoch,
        release: version,
        split: Vec::new(),
        split_by: String::new(),
    };
    match (audience, head) {
        (Audience::Percent(percent), Some(before)) => {
            let share = |release, weight| Share { release, weight };
            let split = vec![share(before.release, 100 - percent), share(version, percent)];
            let release = before.release;
            (
                MoveKind::Canary,
                Head {
                    release,
                    split,
                    split_by: before.split_by,
                    ..all
                },
            )
        }
        _ => (MoveKind::Publish, all),
    }
}

/// Code by its name, assets with `/` before their path.
pub(crate) fn shown_name(path: &str, kind: FileKind) -> String {
    match (kind, path.strip_suffix(crate::manifest::CODE_SUFFIX)) {
        (FileKind::Code, Some(name)) => name.to_owned(),
        _ => format!("/{path}"),
    }
}
