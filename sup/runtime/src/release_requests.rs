//! What the release commands ask for, and how it is answered by the process that owns the store.

use std::sync::Arc;

use sup_store::{
    Audience, Base, Collection, FileKind, MAIN_CHANNEL, Manifest, MoveEntry, MoveKind, ReleaseEntry, Share,
};

use crate::codebase::{self, Codebase, MAX_LISTED, stamp, told};
use crate::load::Problems;
use crate::problem::Problem;
use crate::release_wire::text_of_bytes;
use crate::releases::diff::{Files, diff};
use crate::releases::{self, File, Order};
use crate::requests::Rows;
use crate::runtime::Runtime;

/// A request about releases. The texts are what the user typed; a release is named by its number, by its id, or by `head`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseRequest {
    /// Publishes a tree, or checks it.
    Publish {
        /// The files.
        files: Vec<File>,
        /// Who publishes.
        author: String,
        /// What they say.
        message: String,
        /// Of how many of a hundred requests it gets; all when none.
        canary: Option<u32>,
        /// Whether it is only checked.
        only_check: bool,
    },
    /// What a release is.
    Show {
        /// The release.
        release: String,
    },
    /// The paths of a release's files.
    Files {
        /// The release.
        release: String,
    },
    /// The bytes of one file.
    File {
        /// The release.
        release: String,
        /// The path.
        path: String,
    },
    /// What differs between two releases.
    Diff {
        /// One release.
        from: String,
        /// The other.
        to: String,
    },
    /// What differs between a release and a tree.
    DiffTree {
        /// The release.
        from: String,
        /// The files of the tree.
        files: Vec<File>,
    },
    /// Lets an earlier release answer; the one before when empty.
    Rollback {
        /// The release.
        release: String,
        /// Who wants it.
        author: String,
    },
    /// Splits the requests.
    Split {
        /// Releases and weights.
        shares: Vec<(String, u32)>,
        /// Where the key is taken from.
        by: String,
        /// Who wants it.
        author: String,
    },
    /// Takes away what nothing needs.
    Collect,
}

impl ReleaseRequest {
    /// Whether it may have changed which release answers.
    #[must_use]
    pub fn moves(&self) -> bool {
        match self {
            ReleaseRequest::Publish { only_check, .. } => !only_check,
            ReleaseRequest::Rollback { .. } | ReleaseRequest::Split { .. } => true,
            _ => false,
        }
    }
}

/// Answers a request. A publication gives id, number, whether it is new, and how many files differ; a release its parts; files
/// path, kind, hash and size each; a diff path, what, name, was and now of each difference; a move the id that answers.
///
/// # Errors
/// What was wrong with the request, or the failure of the store.
pub fn answer(runtime: &mut Runtime, request: &ReleaseRequest) -> Result<Rows, Problems> {
    let codebase = codebase::codebase_of(&runtime.world).map_err(|problem| vec![problem])?;
    let one = |outcome: Result<Rows, Problem>| outcome.map_err(|problem| vec![problem]);
    match request {
        ReleaseRequest::Publish {
            files,
            author,
            message,
            canary,
            only_check,
        } => {
            let order = Order {
                base: Base::Nothing,
                files: files.clone(),
                author: author.clone(),
                message: message.clone(),
                audience: canary.map_or(Audience::All, Audience::Percent),
                only_check: *only_check,
            };
            let done = releases::publish(&mut runtime.vm, &runtime.world, &order)?;
            Ok(vec![vec![
                done.id,
                done.number.to_string(),
                done.is_new.to_string(),
                done.n_changed.to_string(),
            ]])
        }
        ReleaseRequest::Show { release } => one(show(&codebase, release)),
        ReleaseRequest::Files { release } => one(files(&codebase, release)),
        ReleaseRequest::File { release, path } => one(file(&codebase, release, path)),
        ReleaseRequest::Diff { from, to } => one(tree_of(&codebase, from)
            .and_then(|before| Ok(difference_rows(&before, &tree_of(&codebase, to)?)))),
        ReleaseRequest::DiffTree { from, files } => {
            let pairs = files.iter();
            let after = pairs
                .map(|file| (file.path.clone(), file.bytes.clone().unwrap_or_default()))
                .collect();
            one(tree_of(&codebase, from).map(|before| difference_rows(&before, &after)))
        }
        ReleaseRequest::Rollback { release, author } => roll_back(runtime, &codebase, release, author),
        ReleaseRequest::Split { shares, by, author } => split(runtime, &codebase, shares, by, author),
        ReleaseRequest::Collect => one(collect(&codebase)),
    }
}

/// The number of the release that a text names.
///
/// # Errors
/// When it names none.
pub fn number_of(codebase: &Codebase, text: &str) -> Result<u64, Problem> {
    let names = codebase.names();
    let unknown = |message: String| {
        Problem::new("release/unknown", message).with_hint("`sup log` tells the releases that are kept")
    };
    let text = text.strip_prefix('@').unwrap_or(text);
    if text == "head" {
        let head = names.head(MAIN_CHANNEL).map_err(|error| told(&error))?;
        return head
            .map(|head| head.release)
            .ok_or_else(|| unknown("nothing was published yet".to_owned()));
    }
    let (number, hash) = text.split_once('-').unwrap_or((text, ""));
    let Ok(number) = number.parse::<u64>() else {
        let problem = Problem::new("release/name", format!("{text:?} names no release"));
        return Err(problem.with_hint("a release is 12, 12-3fa9c1 or head"));
    };
    let entry = names.release(number).map_err(|error| told(&error))?;
    if !hash.is_empty() && !entry.manifest.to_string().starts_with(hash) {
        return Err(unknown(format!("release {number} is {}, not {text}", entry.id())));
    }
    Ok(number)
}

fn manifest_of(codebase: &Codebase, release: &str) -> Result<(ReleaseEntry, Arc<Manifest>), Problem> {
    let number = number_of(codebase, release)?;
    let names = codebase.names();
    let entry = names.release(number).map_err(|error| told(&error))?;
    let manifest = names.manifest(number).map_err(|error| told(&error))?;
    Ok((entry, manifest))
}

fn show(codebase: &Codebase, release: &str) -> Result<Rows, Problem> {
    let (entry, manifest) = manifest_of(codebase, release)?;
    let head = codebase
        .names()
        .head(MAIN_CHANNEL)
        .map_err(|error| told(&error))?;
    let share = head.map_or(String::new(), |head| share_of(&head, entry.version.0));
    let id_of = |number: u64| match codebase.names().release(number) {
        Ok(entry) => entry.id(),
        Err(_) if number == 0 => String::new(),
        Err(_) => number.to_string(),
    };
    let pair = |key: &str, value: String| vec![key.to_owned(), value];
    let mut rows = vec![
        pair("release", entry.id()),
        pair("parent", id_of(entry.parent)),
        pair("time", entry.time_us.to_string()),
        pair("author", entry.author.clone()),
        pair("message", entry.message.clone()),
        pair("answers", share),
        pair("files", manifest.files.len().to_string()),
    ];
    rows.extend(entry.written.iter().map(|name| pair("put", name.clone())));
    rows.extend(entry.removed.iter().map(|name| pair("rm", name.clone())));
    for route in &manifest.routes {
        let text = format!("{} {} {}", route.method, route.pattern, route.name);
        rows.push(pair("route", text));
    }
    rows.extend(
        manifest
            .needs
            .kernels
            .iter()
            .map(|name| pair("kernel", name.clone())),
    );
    let capabilities = manifest.needs.capabilities.iter();
    rows.extend(capabilities.map(|name| pair("capability", name.clone())));
    Ok(rows)
}

/// How many of the requests a release answers, in words.
fn share_of(head: &sup_store::Head, number: u64) -> String {
    let total: u64 = head.split.iter().map(|share| u64::from(share.weight)).sum();
    match head.split.iter().find(|share| share.release == number) {
        Some(share) => format!("{} of {total}", share.weight),
        None if head.split.is_empty() && head.release == number => "all".to_owned(),
        None => String::new(),
    }
}

fn files(codebase: &Codebase, release: &str) -> Result<Rows, Problem> {
    let (_, manifest) = manifest_of(codebase, release)?;
    let row = |file: &sup_store::ReleaseFile| {
        let kind = match file.kind {
            FileKind::Code => "code",
            FileKind::Asset => "asset",
        };
        vec![
            file.path.clone(),
            kind.to_owned(),
            file.hash.to_string(),
            file.n_bytes.to_string(),
        ]
    };
    Ok(manifest.files.iter().map(row).collect())
}

fn bytes_of(codebase: &Codebase, file: &sup_store::ReleaseFile) -> Result<Vec<u8>, Problem> {
    let names = codebase.names();
    match file.kind {
        FileKind::Code => names.code(&file.hash).map(|code| code.source.into_bytes()),
        FileKind::Asset => names.asset(&file.hash),
    }
    .map_err(|error| told(&error))
}

fn file(codebase: &Codebase, release: &str, path: &str) -> Result<Rows, Problem> {
    let (entry, manifest) = manifest_of(codebase, release)?;
    let Some(file) = manifest.file(path) else {
        let message = format!("release {} has no file {path}", entry.id());
        return Err(
            Problem::new("release/file", message).with_hint("`sup show` and `sup ls` tell what it has")
        );
    };
    Ok(vec![vec![text_of_bytes(&bytes_of(codebase, file)?)]])
}

fn tree_of(codebase: &Codebase, release: &str) -> Result<Files, Problem> {
    let (_, manifest) = manifest_of(codebase, release)?;
    let files = manifest.files.iter();
    files
        .map(|file| Ok((file.path.clone(), bytes_of(codebase, file)?)))
        .collect()
}

fn difference_rows(before: &Files, after: &Files) -> Rows {
    let rows = diff(before, after).into_iter();
    rows.map(|one| {
        let mut row = vec![one.path, one.what.to_owned(), one.name];
        row.extend([one.was.unwrap_or_default(), one.now.unwrap_or_default()]);
        row
    })
    .collect()
}

fn roll_back(
    runtime: &mut Runtime,
    codebase: &Codebase,
    release: &str,
    author: &str,
) -> Result<Rows, Problems> {
    let one = |problem: Problem| vec![problem];
    let names = codebase.names();
    let head = names.head(MAIN_CHANNEL).map_err(|error| one(told(&error)))?;
    let Some(head) = head else {
        return Err(one(Problem::new("release/first", "nothing was published yet")));
    };
    let number = if release.is_empty() {
        let before = if head.split.is_empty() {
            names
                .release(head.release)
                .map_err(|error| one(told(&error)))?
                .parent
        } else {
            head.release
        };
        if before == 0 {
            let message = format!(
                "release {} is the first: there is nothing to go back to",
                head.release
            );
            return Err(one(Problem::new("release/first", message)));
        }
        before
    } else {
        number_of(codebase, release).map_err(one)?
    };
    releases::ensure_runs(&mut runtime.vm, &runtime.world, codebase, number)?;
    names
        .roll_back(MAIN_CHANNEL, Some(number), author, stamp())
        .map_err(|error| one(told(&error)))?;
    codebase.moved().map_err(|error| one(told(&error)))?;
    answering(codebase).map_err(one)
}

fn split(
    runtime: &mut Runtime,
    codebase: &Codebase,
    shares: &[(String, u32)],
    by: &str,
    author: &str,
) -> Result<Rows, Problems> {
    let one = |problem: Problem| vec![problem];
    let mut split = Vec::new();
    for (release, weight) in shares {
        let release = number_of(codebase, release).map_err(one)?;
        if *weight > 0 {
            releases::ensure_runs(&mut runtime.vm, &runtime.world, codebase, release)?;
        }
        split.push(Share {
            release,
            weight: *weight,
        });
    }
    codebase
        .names()
        .split(MAIN_CHANNEL, &split, by, author, stamp())
        .map_err(|error| one(told(&error)))?;
    codebase.moved().map_err(|error| one(told(&error)))?;
    answering(codebase).map_err(one)
}

/// Which releases answer, with their shares.
fn answering(codebase: &Codebase) -> Result<Rows, Problem> {
    let names = codebase.names();
    let head = names.head(MAIN_CHANNEL).map_err(|error| told(&error))?;
    let Some(head) = head else { return Ok(Rows::new()) };
    let mut rows = Rows::new();
    for number in head.releases() {
        let share = share_of(&head, number);
        if !share.is_empty() {
            let entry = names.release(number).map_err(|error| told(&error))?;
            rows.push(vec![entry.id(), number.to_string(), share]);
        }
    }
    Ok(rows)
}

fn collect(codebase: &Codebase) -> Result<Rows, Problem> {
    let collected = codebase.collect(Collection::Now).map_err(|error| told(&error))?;
    Ok(vec![vec![
        collected.n_releases.to_string(),
        collected.n_blobs.to_string(),
        collected.n_bytes.to_string(),
    ]])
}

/// The history of releases: number, time, what happened, to what, the id, who, and what they said.
pub(crate) fn history(codebase: &Codebase) -> Result<Rows, Problem> {
    let names = codebase.names();
    let releases = names.releases(MAX_LISTED).map_err(|error| told(&error))?;
    let moves = names.moves(MAX_LISTED).map_err(|error| told(&error))?;
    Ok(moves.iter().map(|moved| history_row(moved, &releases)).collect())
}

fn history_row(moved: &MoveEntry, releases: &[ReleaseEntry]) -> Vec<String> {
    let number = match (moved.kind, moved.head.split.last()) {
        (MoveKind::Canary, Some(share)) => share.release,
        _ => moved.head.release,
    };
    let entry = releases.iter().find(|entry| entry.version.0 == number);
    let mut what = moved.kind.name();
    let mut subject = String::new();
    if let (MoveKind::Publish | MoveKind::Canary, Some(entry)) = (moved.kind, entry) {
        let is_publish = moved.kind == MoveKind::Publish;
        subject = match (entry.written.as_slice(), entry.removed.as_slice()) {
            ([name], []) => {
                what = if is_publish { "put" } else { what };
                name.clone()
            }
            ([], [name]) => {
                what = if is_publish { "rm" } else { what };
                name.clone()
            }
            (written, removed) => format!("{}-files", written.len() + removed.len()),
        };
    }
    if moved.kind == MoveKind::Split {
        let shares = moved.head.split.iter();
        let shares: Vec<String> = shares
            .map(|share| format!("{}={}", share.release, share.weight))
            .collect();
        subject = shares.join(",");
    }
    let is_release = matches!(moved.kind, MoveKind::Publish | MoveKind::Canary);
    vec![
        number.to_string(),
        moved.time_us.to_string(),
        what.to_owned(),
        subject,
        entry.map(ReleaseEntry::id).unwrap_or_default(),
        moved.author.clone(),
        entry
            .filter(|_| is_release)
            .map(|entry| entry.message.clone())
            .unwrap_or_default(),
    ]
}
