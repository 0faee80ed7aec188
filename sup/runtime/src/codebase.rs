//! Code that lives in the store: a name is a path such as `util/sum`, its text is kept, its value is that of its last form.
//!
//! A stored text is a module of its own, carried out when code first names it. `util/sum` means the value of the text of that
//! name, else the definition `sum` of the text `util`. Which texts there are a release says: see [`crate::releases`].

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use sup_abi::word::Word;
use sup_code::CellName;
use sup_compile::Resolution;
use sup_store::{
    Audience, Base, CODE_SUFFIX, CodeVersion, Collection, Durability, Hash, Head, MAIN_CHANNEL, Names, Stamp,
    Store, StoreError, Tenant,
};
use sup_vm::vm::Vm;

use crate::load::Problems;
use crate::problem::Problem;
use crate::releases::{self, File, Order, Release, Strictness, VALUE, module_of};
use crate::resolve::Asking;
use crate::world::SharedWorld;

/// Most names that one listing tells.
pub const MAX_LISTED: usize = 100_000;
/// Releases that stay compiled though nobody runs them, so that going back to one takes no time.
const RECENT: usize = 4;

/// The code of a store, and the releases of it that this process runs. The isolates of a process share it.
pub struct Codebase {
    /// The store.
    pub store: Arc<dyn Store>,
    names: Arc<Names>,
    /// The change that the head was read at; isolates compare it with what they have adopted.
    generation: AtomicU64,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    /// The head, once it was read, and the releases that it names.
    head: Option<(Head, Vec<Arc<Release>>)>,
    was_read: bool,
    alive: HashMap<u64, Weak<Release>>,
    recent: VecDeque<Arc<Release>>,
}

impl Codebase {
    /// The code of that store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Codebase {
        Codebase {
            names: Arc::new(Names::new(store.clone(), Tenant::local())),
            store,
            generation: AtomicU64::new(0),
            running: Mutex::default(),
        }
    }

    /// The names and their history.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    pub(crate) fn shared_names(&self) -> Arc<Names> {
        self.names.clone()
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that rises whenever another release answers, or the split changes; 0 before the first release or before
    /// anybody has asked for one. One atomic load.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The head as it stands, and what generation that is. None before the first release.
    ///
    /// # Errors
    /// When the store fails.
    pub fn head_release(&self) -> Result<(u64, Option<Arc<Release>>), StoreError> {
        let running = self.read_running()?;
        let Some((head, releases)) = &running.head else {
            return Ok((0, None));
        };
        Ok((head.epoch, find(releases, head.release)))
    }

    /// Pins the release that answers a request with that key. Without a key, or without a split, it is the head.
    ///
    /// # Errors
    /// When the store fails.
    pub fn pin(&self, key: Option<&[u8]>) -> Result<Option<Arc<Release>>, StoreError> {
        let running = self.read_running()?;
        let Some((head, releases)) = &running.head else {
            return Ok(None);
        };
        let number = key.map_or(head.release, |key| head.release_of(key));
        Ok(find(releases, number))
    }

    /// What the key of the split is taken from, such as `cookie:uid`; empty for the client's address, none when requests are
    /// not split.
    ///
    /// # Errors
    /// When the store fails.
    pub fn split_by(&self) -> Result<Option<String>, StoreError> {
        let running = self.read_running()?;
        let head = running.head.as_ref().map(|(head, _)| head);
        let split = head.filter(|head| !head.split.is_empty());
        Ok(split.map(|head| head.split_by.clone()))
    }

    /// A release by its number, whether it answers or not.
    ///
    /// # Errors
    /// When there is none, or the store fails.
    pub fn release(&self, number: u64) -> Result<Arc<Release>, StoreError> {
        let before = self.head_release()?.1;
        self.open(&mut self.running(), number, before.as_deref())
    }

    /// The bytes of an asset.
    ///
    /// # Errors
    /// When it is not there, or damaged.
    pub fn asset_bytes(&self, hash: &Hash) -> Result<Vec<u8>, StoreError> {
        self.names.asset(hash)
    }

    fn read_running(&self) -> Result<MutexGuard<'_, Running>, StoreError> {
        let mut running = self.running();
        if !running.was_read {
            self.read_head(&mut running, None)?;
        }
        Ok(running)
    }

    /// Reads the head anew and opens what it names. Isolates see that it has moved when they next look.
    fn read_head(&self, running: &mut Running, before: Option<&Release>) -> Result<(), StoreError> {
        let head = self.names.head(MAIN_CHANNEL)?;
        running.was_read = true;
        let Some(head) = head else {
            running.head = None;
            return Ok(());
        };
        let last = running.head.take();
        let was = last
            .as_ref()
            .and_then(|(head, releases)| find(releases, head.release));
        let before = before.or(was.as_deref());
        let mut releases = Vec::new();
        for number in head.releases() {
            releases.push(self.open(running, number, before)?);
        }
        if let Some(was) = was
            && !releases.iter().any(|release| release.serial == was.serial)
        {
            running.recent.push_back(was);
            let n_over = running.recent.len().saturating_sub(RECENT);
            running.recent.drain(..n_over);
        }
        let epoch = head.epoch;
        running.head = Some((head, releases));
        self.generation.store(epoch, Ordering::Release);
        Ok(())
    }

    fn open(
        &self,
        running: &mut Running,
        number: u64,
        before: Option<&Release>,
    ) -> Result<Arc<Release>, StoreError> {
        if let Some(release) = running.alive.get(&number).and_then(Weak::upgrade) {
            return Ok(release);
        }
        let entry = self.names.release(number)?;
        let manifest = self.names.manifest(number)?;
        let release = Release::new(
            self.names.clone(),
            number,
            entry.id(),
            manifest,
            HashMap::new(),
            before,
        );
        running.alive.retain(|_, release| release.strong_count() > 0);
        running.alive.insert(number, Arc::downgrade(&release));
        Ok(release)
    }

    /// Takes over what was published: the release with what was compiled while it was checked.
    pub(crate) fn install(&self, number: u64, checked: &Release) -> Result<Arc<Release>, StoreError> {
        let mut running = self.running();
        let release = self.open(&mut running, number, Some(checked))?;
        self.read_head(&mut running, Some(checked))?;
        drop(running);
        self.collect(Collection::WhenDue)?;
        Ok(release)
    }

    /// Sees that the head was moved.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn moved(&self) -> Result<(), StoreError> {
        self.read_head(&mut self.running(), None)
    }

    /// Takes away the releases that nothing needs; those that this process runs are needed.
    ///
    /// # Errors
    /// When the store fails.
    pub fn collect(&self, collection: Collection) -> Result<sup_store::Collected, StoreError> {
        let in_use: Vec<u64> = {
            let running = self.running();
            let alive = running
                .alive
                .iter()
                .filter(|(_, release)| release.strong_count() > 0);
            alive.map(|(number, _)| *number).collect()
        };
        self.names.collect(&in_use, collection)
    }

    /// The text under a name, as it stands or as it stood in a release.
    ///
    /// # Errors
    /// When the store fails.
    pub fn text(&self, name: &str, version: Option<CodeVersion>) -> Result<Option<String>, Problem> {
        let found = match version {
            None => self.names.get_code(name),
            Some(version) => self.names.get_code_at(name, version),
        };
        Ok(found
            .map_err(|error| told(&error))?
            .map(|stored| stored.code.source))
    }
}

fn find(releases: &[Arc<Release>], number: u64) -> Option<Arc<Release>> {
    releases
        .iter()
        .find(|release| release.number() == number)
        .cloned()
}

/// The problem that a failure of the store is.
#[must_use]
pub fn told(error: &StoreError) -> Problem {
    let problem = Problem::new(error.code(), error.to_string());
    match error.hint() {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}

/// What a name that the store may know means. Outside of stored files, what it names is carried out now.
pub(crate) fn resolve(vm: &mut Vm, world: &SharedWorld, symbol: &str) -> Option<Resolution> {
    world.borrow().store.as_ref()?;
    let release = match releases::at_hand(vm, world) {
        Ok(release) => release?,
        Err(problem) => {
            leave(world, vec![problem]);
            return None;
        }
    };
    releases::know(world, &release);
    if release.has(symbol) {
        let module = ready(vm, world, &release, symbol)?;
        let parameters = world
            .borrow()
            .modules
            .get(&module)
            .and_then(|found| found.value_parameters);
        return Some(Resolution::Cell {
            cell: CellName {
                module,
                name: VALUE.to_owned(),
            },
            parameters,
        });
    }
    let (file, name) = symbol.rsplit_once('/')?;
    if !release.has(file) {
        return None;
    }
    let module = ready(vm, world, &release, file)?;
    let is_open = releases::is_open(world, file);
    let found = Asking {
        vm,
        world: world.clone(),
    }
    .shown_by(&module, name);
    let is_promised = || {
        let world = world.borrow();
        let module = world.modules.get(&module);
        module.is_some_and(|module| module.promised.iter().any(|promised| promised == name))
    };
    if found.is_none() && is_open && is_promised() {
        let name = name.to_owned();
        return Some(Resolution::Cell {
            cell: CellName { module, name },
            parameters: None,
        });
    }
    found
}

/// Sees to it that a stored text is compiled and, unless a stored text is being compiled itself, carried out. What cannot be
/// leaves its problems with the world, for whoever tells that the name means nothing.
fn ready(vm: &mut Vm, world: &SharedWorld, release: &Arc<Release>, name: &str) -> Option<String> {
    releases::note_use(world, name);
    if releases::is_open(world, name) {
        return Some(module_of(name));
    }
    let compiling = {
        let world = world.borrow();
        world.compiling.last().map(|compiling| compiling.strictness)
    };
    let strictness = compiling.unwrap_or(Strictness::Known);
    let outcome = releases::compiled_unit(vm, world, release, name, strictness).and_then(|_| {
        if compiling.is_some() {
            return Ok(());
        }
        let link = vm.link();
        releases::carry(vm, world, release, link, name)
    });
    match outcome {
        Ok(()) => Some(module_of(name)),
        Err(problems) => {
            leave(world, problems);
            None
        }
    }
}

fn leave(world: &SharedWorld, problems: Problems) {
    let mut world = world.borrow_mut();
    for problem in problems {
        if !world.load_problems.contains(&problem) {
            world.load_problems.push(problem);
        }
    }
}

/// What the look-ups of names have left behind, and then what was found wrong.
pub(crate) fn with_load_problems(world: &SharedWorld, problems: Problems) -> Problems {
    let mut all = std::mem::take(&mut world.borrow_mut().load_problems);
    all.extend(problems);
    all
}

/// The value of a stored name.
///
/// # Errors
/// When there is no such name, or its text fails.
pub fn value(vm: &mut Vm, world: &SharedWorld, name: &str) -> Result<Word, Problems> {
    let codebase = codebase_of(world).map_err(|problem| vec![problem])?;
    let found = releases::value_at_hand(vm, world, name)?;
    found.ok_or_else(|| {
        let is_there = codebase.text(name, None).is_ok_and(|text| text.is_some());
        let problem = if is_there {
            Problem::new(
                "store/no-value",
                format!("{name} is being loaded and has no value yet"),
            )
        } else {
            unknown(&codebase, name)
        };
        vec![problem]
    })
}

/// The problem that a name is not in the store.
pub(crate) fn unknown(codebase: &Codebase, name: &str) -> Problem {
    let listed = codebase.names().list("", MAX_LISTED).unwrap_or_default();
    let near = crate::resolve::nearest(name, listed.into_iter().map(|entry| entry.name).collect());
    let hint = match near.first() {
        Some(first) => format!("did you mean {first}?"),
        None => "`sup ls` tells every name".to_owned(),
    };
    Problem::new(
        "store/unknown-name",
        format!("the store has no code named {name}"),
    )
    .with_hint(hint)
}

/// Has this isolate see what was published meanwhile: what it has carried out of the head is carried out anew where it
/// changed. Until then, and where that fails, the old version answers.
///
/// # Errors
/// When the store fails.
pub fn refresh(vm: &mut Vm, world: &SharedWorld) -> Result<(), Problem> {
    let codebase = codebase_of(world)?;
    releases::follow(vm, world, &codebase)
}

/// What a put has written.
pub struct Written {
    /// The hash of the code.
    pub hash: String,
    /// The release that put the code there: an earlier one if it stood there already.
    pub version: CodeVersion,
}

/// Publishes a release that differs from the head in one text.
///
/// # Errors
/// Everything that is wrong with it, or the failure of the store.
pub fn put(
    vm: &mut Vm,
    world: &SharedWorld,
    name: &str,
    text: &str,
    author: &str,
) -> Result<Written, Problems> {
    let published = change(vm, world, name, Some(text), author)?;
    let codebase = codebase_of(world).map_err(|problem| vec![problem])?;
    let hash = published.hashes.first().copied().flatten();
    let mut version = CodeVersion(published.number);
    if !published.is_new
        && let Some(stored) = codebase
            .names()
            .get_code(name)
            .map_err(|error| vec![told(&error)])?
    {
        version = stored.version;
    }
    Ok(Written {
        hash: hash.map(|hash| hash.to_string()).unwrap_or_default(),
        version,
    })
}

/// Publishes a release without a name; whether it was there.
///
/// # Errors
/// When something else needs it, or the failure of the store.
pub fn remove(vm: &mut Vm, world: &SharedWorld, name: &str, author: &str) -> Result<bool, Problems> {
    Ok(change(vm, world, name, None, author)?.is_new)
}

fn change(
    vm: &mut Vm,
    world: &SharedWorld,
    name: &str,
    text: Option<&str>,
    author: &str,
) -> Result<releases::Published, Problems> {
    let file = File {
        path: format!("{name}{CODE_SUFFIX}"),
        bytes: text.map(|text| text.as_bytes().to_vec()),
    };
    let order = Order {
        base: Base::Head,
        files: vec![file],
        author: author.to_owned(),
        message: String::new(),
        audience: Audience::All,
        only_check: false,
    };
    releases::publish(vm, world, &order)
}

/// The code of a world's store, which is opened now if it was not.
///
/// # Errors
/// When the world was given none, or it cannot be opened.
pub fn codebase_of(world: &SharedWorld) -> Result<Arc<Codebase>, Problem> {
    let lazy = world.borrow().store.clone();
    let lazy = lazy.ok_or_else(|| {
        Problem::new("store/none", "there is no store here")
            .with_hint("--store DIR or $SUP_STORE says where it is")
    })?;
    lazy.codebase().map_err(|error| told(&error))
}

/// Now, to be written and synced.
#[must_use]
pub fn stamp() -> Stamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp {
        time_us: i64::try_from(now.as_micros()).unwrap_or(i64::MAX),
        durability: Durability::Sync,
    }
}
