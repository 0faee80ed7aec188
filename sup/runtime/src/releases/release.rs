//! Releases as an instance holds them: the manifest, and its units, compiled when they are first needed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sup_store::{FileKind, Hash, Manifest, Names, StoreError};

use super::unit::{Unit, next_serial};

/// A route of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method in upper case, `ANY` for all.
    pub method: String,
    /// The pattern.
    pub pattern: String,
    /// The name of the code that declares it.
    pub name: String,
}

/// An asset of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// What its bytes are found by.
    pub hash: Hash,
    /// How many there are.
    pub n_bytes: u64,
}

/// A release. Whoever holds one keeps its code and files.
pub struct Release {
    /// Names this object; not kept in the store.
    pub(crate) serial: u64,
    number: u64,
    id: String,
    manifest: Arc<Manifest>,
    names: Arc<Names>,
    /// Texts that are not in the store yet.
    texts: HashMap<String, Arc<str>>,
    units: Mutex<BTreeMap<String, Arc<Unit>>>,
}

impl std::fmt::Debug for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Release({})", self.id)
    }
}

impl Release {
    /// A release with that manifest. What did not change since `before` is shared with it.
    pub(crate) fn new(
        names: Arc<Names>,
        number: u64,
        id: String,
        manifest: Arc<Manifest>,
        texts: HashMap<String, Arc<str>>,
        before: Option<&Release>,
    ) -> Arc<Release> {
        let units = before.map_or_else(BTreeMap::new, |before| before.shared_with(&manifest));
        Arc::new(Release {
            serial: next_serial(),
            number,
            id,
            manifest,
            names,
            texts,
            units: Mutex::new(units),
        })
    }

    /// Its number; 0 while it is not published.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Its number and the beginning of its manifest's hash: `12-3fa9c1`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it holds.
    #[must_use]
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// Its routes; [`super::route_handler`] takes their places in this list.
    pub fn routes(&self) -> impl ExactSizeIterator<Item = Route> + '_ {
        self.manifest.routes.iter().map(|route| Route {
            method: route.method.clone(),
            pattern: route.pattern.clone(),
            name: route.name.clone(),
        })
    }

    /// The asset with that path.
    #[must_use]
    pub fn asset(&self, path: &str) -> Option<Asset> {
        let file = self.manifest.file(path)?;
        (file.kind == FileKind::Asset).then_some(Asset {
            hash: file.hash,
            // The blob has two bytes more, which say what it is.
            n_bytes: file.n_bytes.saturating_sub(2),
        })
    }

    /// The names of its code that are code: not what is read as data.
    pub(crate) fn code_names(&self) -> Vec<String> {
        let names = self.manifest.files.iter().filter_map(|file| file.name());
        names.filter(|name| !is_data(name)).map(str::to_owned).collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        !is_data(name) && self.manifest.code(name).is_some()
    }

    /// The text of a name.
    pub(crate) fn text(&self, name: &str) -> Result<Option<Arc<str>>, StoreError> {
        if let Some(text) = self.texts.get(name) {
            return Ok(Some(text.clone()));
        }
        let Some(file) = self.manifest.code(name) else {
            return Ok(None);
        };
        Ok(Some(self.names.code(&file.hash)?.source.into()))
    }

    fn units(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Unit>>> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The unit of a name, if somebody has compiled it.
    pub(crate) fn unit(&self, name: &str) -> Option<Arc<Unit>> {
        self.units().get(name).cloned()
    }

    /// Adds a unit. If another isolate was faster, its unit is the one.
    pub(crate) fn add(&self, unit: Unit) -> Arc<Unit> {
        let mut units = self.units();
        units
            .entry(unit.name.clone())
            .or_insert_with(|| Arc::new(unit))
            .clone()
    }

    /// Every unit that was compiled.
    pub(crate) fn compiled(&self) -> Vec<Arc<Unit>> {
        self.units().values().cloned().collect()
    }

    /// The units that are the same in a release with that manifest: what did not change itself, and names nothing that did.
    fn shared_with(&self, manifest: &Manifest) -> BTreeMap<String, Arc<Unit>> {
        let mut changed: HashSet<String> = HashSet::new();
        let both = self.manifest.files.iter().chain(&manifest.files);
        let named: BTreeSet<&str> = both.filter_map(|file| file.name()).collect();
        for name in named {
            let (before, after) = (self.manifest.code(name), manifest.code(name));
            if before.map(|file| file.hash) == after.map(|file| file.hash) {
                continue;
            }
            changed.insert(name.to_owned());
            // `a/b` may have been the definition `b` of `a`, and may now be a text of its own, or the other way round.
            if before.is_none() != after.is_none()
                && let Some((file, _)) = name.rsplit_once('/')
            {
                changed.insert(file.to_owned());
            }
        }
        let units = self.units();
        loop {
            let more: Vec<String> = units
                .values()
                .filter(|unit| !changed.contains(&unit.name))
                .filter(|unit| unit.uses.iter().any(|used| changed.contains(used)))
                .map(|unit| unit.name.clone())
                .collect();
            if more.is_empty() {
                break;
            }
            changed.extend(more);
        }
        let same = units.iter().filter(|(name, _)| !changed.contains(*name));
        same.map(|(name, unit)| (name.clone(), unit.clone())).collect()
    }
}

/// Files that end in `.slp` and are read as data: what says what a project or a kernel is.
pub(crate) fn is_data(name: &str) -> bool {
    name == "project" || name == "kernel" || name.ends_with("/kernel")
}
