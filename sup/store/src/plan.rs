//! What a publication changes, worked out against the release that it is made from.

use crate::blob::Hash;
use crate::fault::StoreError;
use crate::history::CodeVersion;
use crate::manifest::{FileKind, Manifest, ReleaseFile};
use crate::publish::{Base, Change, ChangeReport, Publication};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Path, kind, and hash and size of what was written; none where it was removed.
type Difference = (String, FileKind, Option<(Hash, u64)>);

/// A release on its way into a batch.
pub(crate) struct Plan<'a> {
    pub(crate) publication: &'a Publication<'a>,
    pub(crate) parent: Arc<Manifest>,
    pub(crate) version: u64,
    pub(crate) files: BTreeMap<String, ReleaseFile>,
    pub(crate) blobs: Vec<(Hash, Vec<u8>)>,
    /// What differs from the parent.
    pub(crate) differences: Vec<Difference>,
    pub(crate) report: ChangeReport,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(parent: Arc<Manifest>, version: u64, publication: &'a Publication<'a>) -> Plan<'a> {
        let files = match publication.base {
            Base::Head => parent
                .files
                .iter()
                .map(|file| (file.path.clone(), file.clone()))
                .collect(),
            Base::Nothing => BTreeMap::new(),
        };
        Plan {
            publication,
            parent,
            version,
            files,
            blobs: Vec::new(),
            differences: Vec::new(),
            report: ChangeReport {
                version: CodeVersion(0),
                manifest: None,
                hashes: Vec::new(),
                effective: Vec::new(),
                n_gone: 0,
            },
        }
    }

    pub(crate) fn apply(
        &mut self,
        change_idx: usize,
        change: &Change<'_>,
        max_bytes: usize,
    ) -> Result<(), StoreError> {
        let path = change.path();
        let present = self.parent.file(&path);
        let Some((kind, blob)) = change.content() else {
            self.report.hashes.push(None);
            if let Some(file) = present
                && self.files.remove(&path).is_some()
            {
                self.differences.push((path, file.kind, None));
                self.report.effective.push(change_idx);
            }
            return Ok(());
        };
        crate::batch::check("bytes of a file", blob.len(), max_bytes)?;
        let (hash, n_bytes) = (Hash::of(&blob), blob.len() as u64);
        self.report.hashes.push(Some(hash));
        let same = present.filter(|file| file.hash == hash).cloned();
        // What is there already is written again when it was named alone: an acknowledgement must mean what was asked for, and
        // writing carries everything before it in the log to the disk. It also mends a damaged blob.
        if same.is_none() || self.publication.base == Base::Head {
            self.blobs.push((hash, blob));
        }
        if same.is_none() {
            self.differences.push((path.clone(), kind, Some((hash, n_bytes))));
            self.report.effective.push(change_idx);
        }
        let file = same.unwrap_or(ReleaseFile {
            path: path.clone(),
            kind,
            hash,
            n_bytes,
            since: self.version,
            time_us: self.publication.stamp.time_us,
        });
        self.files.insert(path, file);
        Ok(())
    }

    /// Adds what goes because nobody named it.
    pub(crate) fn settle(&mut self) {
        if self.publication.base == Base::Head {
            return;
        }
        for file in &self.parent.files {
            if !self.files.contains_key(&file.path) {
                self.differences.push((file.path.clone(), file.kind, None));
                self.report.n_gone += 1;
            }
        }
    }

    pub(crate) fn manifest(&mut self, parent: u64) -> Manifest {
        let (routes, needs) = match self.publication.facts {
            Some((routes, needs)) => (routes.to_vec(), needs.clone()),
            None => (self.parent.routes.clone(), self.parent.needs.clone()),
        };
        Manifest {
            parent,
            time_us: self.publication.stamp.time_us,
            author: self.publication.author.to_owned(),
            message: self.publication.message.to_owned(),
            files: std::mem::take(&mut self.files).into_values().collect(),
            routes,
            needs,
        }
    }
}
