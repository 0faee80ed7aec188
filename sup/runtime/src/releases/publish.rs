//! Publishing: a release is made, checked whole, and becomes the head, or it is refused with everything that is wrong with it
//! and nothing has changed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use slp::{Bracket, NodeKind, ReadLimits, Span, Tree};
use sup_code::{form, wire};
use sup_store::{
    Audience, Base, CODE_SUFFIX, Change, FileKind, Hash, MAIN_CHANNEL, Manifest, Publication, ReleaseFile,
    StoreError,
};
use sup_vm::vm::Vm;

use super::compile::{self, Strictness};
use super::facts;
use super::release::Release;
use super::unit::{Step, module_of};
use crate::codebase::{Codebase, codebase_of, stamp, told};
use crate::load::Problems;
use crate::problem::{Place, Problem};
use crate::world::SharedWorld;

/// How often a publication starts anew when another one was faster.
const ATTEMPTS: usize = 5;

/// A file to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path in the tree, steps parted by `/`.
    pub path: String,
    /// Its bytes; none takes the file away.
    pub bytes: Option<Vec<u8>>,
}

/// What is to be published.
#[derive(Clone, Debug)]
pub struct Order {
    /// What becomes of files that are not named.
    pub base: Base,
    /// The files.
    pub files: Vec<File>,
    /// Who publishes.
    pub author: String,
    /// What they say of it.
    pub message: String,
    /// Whom it answers.
    pub audience: Audience,
    /// Whether it is only checked.
    pub only_check: bool,
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The number of the release; of the head if nothing differs from it, and 0 if it was only checked.
    pub number: u64,
    /// What people call it; empty if it was only checked.
    pub id: String,
    /// Whether there is a new release.
    pub is_new: bool,
    /// How many files differ from the head, those that go included.
    pub n_changed: usize,
    /// The hash of each file of the order, none for those that went.
    pub hashes: Vec<Option<Hash>>,
}

/// A file that was read.
enum Ready {
    Code {
        name: String,
        source: Arc<str>,
        encoded: Vec<u8>,
    },
    Asset {
        path: String,
        bytes: Vec<u8>,
    },
    Gone {
        path: String,
    },
}

impl Ready {
    fn change(&self) -> Change<'_> {
        match self {
            Ready::Code {
                name,
                source,
                encoded,
            } => Change::Put {
                name,
                source,
                encoded,
            },
            Ready::Asset { path, bytes } => Change::PutAsset { path, bytes },
            Ready::Gone { path } => match path.strip_suffix(CODE_SUFFIX) {
                Some(name) => Change::Remove { name },
                None => Change::RemoveAsset { path },
            },
        }
    }
}

/// Checks a release and makes it the head.
///
/// # Errors
/// Everything that is wrong with it, or the failure of the store.
pub fn publish(vm: &mut Vm, world: &SharedWorld, order: &Order) -> Result<Published, Problems> {
    let codebase = codebase_of(world).map_err(|problem| vec![problem])?;
    let files = read(world, &order.files)?;
    let changes: Vec<Change<'_>> = files.iter().map(Ready::change).collect();
    for _ in 0..ATTEMPTS {
        let head = codebase.head_release().map_err(failed)?.1;
        let candidate = candidate(&codebase, head.as_ref(), &files, &changes, order.base);
        let facts = check(vm, world, &candidate)?;
        if order.only_check {
            return Ok(Published {
                number: 0,
                id: String::new(),
                is_new: false,
                n_changed: n_changed(head.as_deref(), &candidate),
                hashes: Vec::new(),
            });
        }
        let outcome = codebase.names().publish(&Publication {
            channel: MAIN_CHANNEL,
            base: order.base,
            changes: &changes,
            facts: Some((&facts.0, &facts.1)),
            author: &order.author,
            message: &order.message,
            audience: order.audience,
            expected_head: Some(head.as_ref().map_or(0, |head| head.number())),
            stamp: stamp(),
        });
        let report = match outcome {
            Err(StoreError::Moved { .. }) => continue,
            outcome => outcome.map_err(failed)?,
        };
        let number = report.version.0;
        let release = codebase.install(number, &candidate).map_err(failed)?;
        if report.is_new() {
            load(vm, &release);
        }
        return Ok(Published {
            number,
            id: release.id().to_owned(),
            is_new: report.is_new(),
            n_changed: report.effective.len() + report.n_gone,
            hashes: report.hashes,
        });
    }
    let message = format!("other publications were faster {ATTEMPTS} times");
    Err(vec![
        Problem::new("release/moved", message).with_hint("publish again"),
    ])
}

fn failed(error: StoreError) -> Problems {
    vec![told(&error)]
}

fn n_changed(head: Option<&Release>, candidate: &Release) -> usize {
    let empty = Vec::new();
    let before: HashMap<&str, Hash> = head
        .map_or(&empty, |head| &head.manifest().files)
        .iter()
        .map(|file| (file.path.as_str(), file.hash))
        .collect();
    let files = &candidate.manifest().files;
    let differing = files
        .iter()
        .filter(|file| before.get(file.path.as_str()) != Some(&file.hash))
        .count();
    let after: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    differing + before.keys().filter(|path| !after.contains(*path)).count()
}

/// Reads the files of an order. What is no text and ends like code is told for each.
fn read(world: &SharedWorld, files: &[File]) -> Result<Vec<Ready>, Problems> {
    let mut ready = Vec::with_capacity(files.len());
    let mut problems = Problems::new();
    for file in files {
        match read_file(world, file) {
            Ok(file) => ready.push(file),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() {
        Ok(ready)
    } else {
        Err(problems)
    }
}

fn read_file(world: &SharedWorld, file: &File) -> Result<Ready, Problems> {
    let path = file.path.clone();
    let Some(bytes) = &file.bytes else {
        return Ok(Ready::Gone { path });
    };
    let Some(name) = path.strip_suffix(CODE_SUFFIX) else {
        let bytes = bytes.clone();
        return Ok(Ready::Asset { path, bytes });
    };
    let source_name = module_of(name);
    let reading = slp::read_bytes(bytes, &ReadLimits::default());
    let text: Arc<str> = String::from_utf8_lossy(bytes).into();
    world
        .borrow_mut()
        .sources
        .insert(source_name.clone(), text.clone());
    if !reading.faults.is_empty() {
        let faults = reading.faults.iter();
        return Err(faults
            .map(|fault| Problem::from_fault(&source_name, fault))
            .collect());
    }
    let encoded = encode(&reading.tree, name).map_err(|problem| vec![problem])?;
    Ok(Ready::Code {
        name: name.to_owned(),
        source: text,
        encoded,
    })
}

/// The release as it would be, not in the store yet.
fn candidate(
    codebase: &Codebase,
    head: Option<&Arc<Release>>,
    files: &[Ready],
    changes: &[Change<'_>],
    base: Base,
) -> Arc<Release> {
    let mut manifest = Manifest {
        parent: 0,
        time_us: 0,
        author: String::new(),
        message: String::new(),
        files: Vec::new(),
        routes: Vec::new(),
        needs: sup_store::Needs::default(),
    };
    let mut tree: BTreeMap<String, ReleaseFile> = BTreeMap::new();
    if let Some(head) = head
        && base == Base::Head
    {
        let known = head.manifest().files.iter();
        tree = known.map(|file| (file.path.clone(), file.clone())).collect();
    }
    let mut texts = HashMap::new();
    for (file, change) in files.iter().zip(changes) {
        let path = change.path();
        let kind = match file {
            Ready::Gone { .. } => {
                tree.remove(&path);
                continue;
            }
            Ready::Asset { .. } => FileKind::Asset,
            Ready::Code { name, source, .. } => {
                texts.insert(name.clone(), source.clone());
                FileKind::Code
            }
        };
        let Some((hash, n_bytes)) = change.hash_and_size() else {
            continue;
        };
        let file = ReleaseFile {
            path: path.clone(),
            kind,
            hash,
            n_bytes,
            since: 0,
            time_us: 0,
        };
        tree.insert(path, file);
    }
    manifest.files = tree.into_values().collect();
    Release::new(
        codebase.shared_names(),
        0,
        "to be published".to_owned(),
        Arc::new(manifest),
        texts,
        head.map(Arc::as_ref),
    )
}

/// Compiles whatever is not known yet, and finds out what the release declares.
fn check(
    vm: &mut Vm,
    world: &SharedWorld,
    release: &Arc<Release>,
) -> Result<(Vec<sup_store::Route>, sup_store::Needs), Problems> {
    let mut problems = Problems::new();
    let mut units = Vec::new();
    super::adopted::know(world, release);
    compile::in_session(vm, world, |vm| {
        for name in release.code_names() {
            match compile::unit(vm, world, release, &name, Strictness::Checked) {
                Ok(unit) => units.push(unit),
                Err(more) => add_new(&mut problems, more),
            }
        }
    });
    let (routes, more) = facts::routes(&units);
    problems.extend(more);
    let grants = world.borrow().grants;
    let (needs, more) = facts::needs(release, &units, grants);
    problems.extend(more);
    for kernel in &needs.kernels {
        if let Err(problem) = crate::kernels::load(vm, world, kernel, crate::kernels::Asker::Program) {
            add_new(&mut problems, vec![problem]);
        }
    }
    if problems.is_empty() {
        Ok((routes, needs))
    } else {
        Err(problems)
    }
}

/// Sees to it that a release runs here, before requests are given to it: all its files are compiled and loaded.
///
/// # Errors
/// Everything that is wrong with it, or that there is no such release.
pub(crate) fn ensure_runs(
    vm: &mut Vm,
    world: &SharedWorld,
    codebase: &Codebase,
    number: u64,
) -> Result<Arc<Release>, Problems> {
    let release = codebase.release(number).map_err(failed)?;
    check(vm, world, &release)?;
    load(vm, &release);
    Ok(release)
}

/// What several files told of one is told once.
fn add_new(problems: &mut Problems, more: Problems) {
    for problem in more {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}

/// Loads the code of a release here, so that the isolates that run it need only run it.
fn load(vm: &mut Vm, release: &Release) {
    for unit in release.compiled() {
        for step in &unit.steps {
            if let Step::Run(piece) = step
                && piece.load(vm).is_err()
            {
                // There is no room for it here; whoever runs it loads it, and is told if it cannot.
                return;
            }
        }
    }
}

/// The canonical bytes of a text's forms: one block that holds them.
fn encode(tree: &Tree, name: &str) -> Result<Vec<u8>, Problem> {
    let mut whole = Tree::new();
    let forms: Vec<_> = tree
        .roots()
        .iter()
        .map(|root| whole.copy_from(tree, *root))
        .collect();
    let span = match (tree.roots().first(), tree.roots().last()) {
        (Some(first), Some(last)) => Span {
            start: tree.span(*first).start,
            end: tree.span(*last).end,
        },
        _ => Span::default(),
    };
    let block = whole.add(NodeKind::List(Bracket::Square), span, &forms);
    let flat = form::from_tree(&whole, block, &wire::WireLimits::STANDARD).map_err(|error| Problem {
        place: Some(Place {
            source: module_of(name),
            span,
        }),
        ..Problem::new(error.code(), error.to_string())
    })?;
    Ok(wire::encode(&flat))
}
